// A curve, oversampled (saturate.h): a tile's samples lie in shared memory in the order of time, at the highest rate;
// each step up fills the places between those that are taken, each step down changes every second one in place.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "rows.glsl"
#include "saturate.h"
#include "powers.glsl"

const float half_bands[MXD_SATURATE_NUM_HALF_BANDS] = float[](MXD_SATURATE_HALF_BANDS);
const float last[MXD_SATURATE_LAST_TAPS + 1] = float[](MXD_SATURATE_LAST);

shared float samples[MXD_SATURATE_SAMPLES];

uint curve, stages, latency;

// ---- The input

float history(uint index)
{
    return row_state((run.num_runs & 1u) * MXD_SATURATE_STATE(stages) + index);
}

// The driven input, without the bias; frames from 2 latency before the block on.
float driven(int frame)
{
    return frame < 0 ? history(uint(frame + int(2u * latency)))
                     : row_input(0, uint(frame)) * row_value(MXD_SATURATE_DRIVE, uint(frame));
}

// The bias, from 2 latency before the block on.
float bias_at(int frame)
{
    if (row.moves == 0 || (frame < 0 && run.num_runs == 0))
        return row_held(MXD_SATURATE_BIAS, 0);
    return frame < 0 ? history(uint(frame + int(5u * latency))) : row_value(MXD_SATURATE_BIAS, uint(frame));
}

// The input, from latency before the block on.
float plain(int frame)
{
    return frame < 0 ? history(2u * latency + uint(frame + int(latency))) : row_input(0, uint(frame));
}

// ---- Curves

float tanh_of(float u)
{
    float square = u * u;
    if (square < 0.64)
        return u * (945.0 + square * (105.0 + square)) / (945.0 + square * (420.0 + 15.0 * square));
    float power = exp2_of(2.885390082 * min(abs(u), 12.0)); // 2 / ln 2
    return sign(u) * ((power - 1.0) / (power + 1.0));
}

bool has_corners()
{
    return curve == MXD_SATURATE_SOFT_CLIP || curve == MXD_SATURATE_HARD_CLIP;
}

float knee()
{
    return curve == MXD_SATURATE_SOFT_CLIP ? MXD_SATURATE_SOFT_KNEE : 1.0;
}

// Of w, |w| <= 1.
float clip(float w)
{
    return curve == MXD_SATURATE_SOFT_CLIP ? w * (1.5 - 0.5 * w * w) : w;
}

float bend(float u)
{
    if (has_corners())
        return clip(clamp(u / knee(), -1.0, 1.0));
    if (curve == MXD_SATURATE_TAPE)
        return u / sqrt(1.0 + u * u);
    float t = tanh_of(u);
    return curve == MXD_SATURATE_TUBE ? t / (1.0 + MXD_SATURATE_TUBE_SKEW * t) : t;
}

// The curve at the bias, at a sample of the tile that begins 2 latency before a frame: a straight line between frames.
float offset_at(int frame, uint index, float at_rest)
{
    if (row.moves == 0)
        return at_rest;
    int from = frame - int(2u * latency) + int(index >> stages);
    float part = float(index & ((1u << stages) - 1u)) / float(1u << stages), offset = bend(bias_at(from));
    return part == 0.0 ? offset : mix(offset, bend(bias_at(from + 1)), part);
}

// The line from `from` to `to`, over its length: the clip times what falls from 1 to 0, and times what rises.
vec2 integrate(float from, float to)
{
    float slope = abs(to - from) < 1e-20 ? 1e-20 : to - from;
    float low = clamp((-1.0 - from) / slope, 0.0, 1.0), high = clamp((1.0 - from) / slope, 0.0, 1.0);
    float first = min(low, high), end = max(low, high), size = end - first;
    float before = clamp(from, -1.0, 1.0), after = clamp(to, -1.0, 1.0);
    vec2 sums = vec2(before * first * (1.0 - first / 2.0) + after * (1.0 - end) * (1.0 - end) / 2.0,
                     before * first * first / 2.0 + after * (1.0 - end) * (1.0 + end) / 2.0);
    for (int i = -1; i <= 1; i++) {
        float at = first + size * (0.5 + 0.38729833462 * float(i));
        float part = (i == 0 ? 8.0 / 18.0 : 5.0 / 18.0) * size * clip(from + slope * at);
        sums += part * vec2(1.0 - at, at);
    }
    return sums;
}

// All samples first to end - 1, in place; each invocation a stretch of them, whose neighbours it keeps.
void clip_samples(uint first, uint end, int frame, float at_rest)
{
    uint each = (end - first + gl_WorkGroupSize.x - 1) / gl_WorkGroupSize.x;
    uint begin = min(first + mxd_invocation * each, end), stop = min(begin + each, end);
    float before = samples[begin - 1], after = samples[stop];
    barrier();
    float at = begin < stop ? samples[begin] / knee() : 0.0;
    float rising = integrate(before / knee(), at).y;
    for (uint i = begin; i < stop; i++) {
        float next = (i + 1 < stop ? samples[i + 1] : after) / knee();
        vec2 sums = integrate(at, next);
        samples[i] = rising + sums.x - offset_at(frame, i, at_rest);
        rising = sums.y;
        at = next;
    }
}

// ---- Steps. Samples of a rate of 2^stage lie `spacing` apart.

void step_up(uint stage, uint first, uint end)
{
    uint spacing = 1u << (stages - stage), begin = first << stage;
    for (uint i = begin + mxd_invocation; i < end << stage; i += gl_WorkGroupSize.x) {
        float sum = 0.0;
        for (uint t = 0; t < MXD_SATURATE_TAPS(stage); t++)
            sum += half_bands[MXD_SATURATE_FIRST_TAP(stage) + t] *
                   (samples[(i + 1 + t) * spacing] + samples[(i - t) * spacing]);
        samples[i * spacing + spacing / 2] = sum;
    }
    barrier();
}

void step_down(uint stage, uint first, uint end)
{
    uint spacing = 1u << (stages - stage), begin = first << stage;
    for (uint i = begin + mxd_invocation; i < end << stage; i += gl_WorkGroupSize.x) {
        uint place = i * spacing;
        float sum = samples[place];
        for (uint t = 0; t < MXD_SATURATE_TAPS(stage); t++)
            sum += half_bands[MXD_SATURATE_FIRST_TAP(stage) + t] *
                   (samples[place + (2 * t + 1) * (spacing / 2)] + samples[place - (2 * t + 1) * (spacing / 2)]);
        samples[place] = 0.5 * sum;
    }
    barrier();
}

// A frame of the tile; spacing: of frames.
float last_step_down(uint frame, uint spacing)
{
    if (stages == 0)
        return samples[frame];
    uint place = frame * spacing;
    float sum = last[0] * samples[place];
    for (uint t = 1; t <= MXD_SATURATE_LAST_TAPS; t++)
        sum += last[t] * (samples[place + t * (spacing / 2)] + samples[place - t * (spacing / 2)]);
    return sum;
}

// ----

void put(uint frame, float curved)
{
    float late = plain(int(frame) - int(latency));
    if (row.num_outputs == 2) {
        row_output(0, frame, curved);
        row_output(1, frame, late);
    } else {
        row_output(0, frame, curved * row_value(MXD_SATURATE_WET, frame) + late * row_value(MXD_SATURATE_DRY, frame));
    }
}

// What the next block will need.
void keep_state()
{
    uint base = (~run.num_runs & 1u) * MXD_SATURATE_STATE(stages);
    for (uint i = mxd_invocation; i < 2u * latency; i += gl_WorkGroupSize.x)
        row_set_state(base + i, driven(int(push.num_frames + i) - int(2u * latency)));
    for (uint i = mxd_invocation; i < latency; i += gl_WorkGroupSize.x)
        row_set_state(base + 2u * latency + i, plain(int(push.num_frames + i) - int(latency)));
    for (uint i = mxd_invocation; i < 2u * latency && row.moves != 0; i += gl_WorkGroupSize.x)
        row_set_state(base + 3u * latency + i, bias_at(int(push.num_frames + i) - int(2u * latency)));
}

void main()
{
    row_begin();
    curve = row_setting(MXD_SATURATE_CURVE);
    stages = row_setting(MXD_SATURATE_STAGES);
    latency = MXD_SATURATE_LATENCY(stages);
    mxd_poison(float, samples, MXD_SATURATE_SAMPLES);
    uint begin = row_first_frame(), end = row_end_frame(), spacing = 1u << stages;
    uint frames = end - begin + 2u * latency, margin = 0;
    float at_rest = bend(row_held(MXD_SATURATE_BIAS, 0));
    for (uint i = mxd_invocation; i < frames; i += gl_WorkGroupSize.x)
        samples[i * spacing] = driven(int(begin + i) - int(2u * latency)) + bias_at(int(begin + i) - int(2u * latency));
    barrier();
    for (uint stage = 0; stage < stages; stage++) {
        margin += MXD_SATURATE_MARGIN(stage);
        step_up(stage, margin, frames - margin);
    }
    margin += stages > 0 ? 1 : 0;
    uint first_sample = margin * spacing, end_sample = (frames - margin) * spacing;
    if (has_corners() && stages > 0)
        clip_samples(first_sample, end_sample, int(begin), at_rest);
    else
        for (uint i = first_sample + mxd_invocation; i < end_sample; i += gl_WorkGroupSize.x)
            samples[i] = bend(samples[i]) - offset_at(int(begin), i, at_rest);
    barrier();
    for (uint stage = stages; stage-- > 1;) {
        margin += MXD_SATURATE_MARGIN(stage);
        step_down(stage, margin, frames - margin);
    }
    for (uint frame = begin + mxd_invocation; frame < end; frame += gl_WorkGroupSize.x)
        put(frame, last_step_down(frame - begin + latency, spacing));
    if (end == push.num_frames)
        keep_state();
}
