// A feedback delay network of 16 lines, a workgroup a row (reverb.h).
#version 450
#extension GL_GOOGLE_include_directive : require
#define MXD_ROWS_COHERENT_STATES
#include "rows.glsl"
#include "reverb.h"

#define LINES MXD_REVERB_LINES
#define CHUNK MXD_REVERB_CHUNK
#define MAX_INPUTS 64

shared float diffused[MAX_INPUTS][CHUNK];
shared float tile[LINES][CHUNK];
// Of the chunk's values: the absorption's sections, by line.
shared float sections[LINES][12];

uint line_capacity, diffuser_capacity;
uint position; // of the chunk's first frame

// Where frame n since the start lies in a ring.
uint line_slot(uint line, uint n)
{
    return MXD_REVERB_FILTERS + line * mxd_reverb_ring(line_capacity) + (n & (line_capacity - 1u));
}

uint diffuser_slot(uint diffuser, uint n)
{
    return MXD_REVERB_FILTERS + LINES * mxd_reverb_ring(line_capacity) + diffuser * mxd_reverb_ring(diffuser_capacity) +
           (n & (diffuser_capacity - 1u));
}

float hadamard_entry(uint a, uint b)
{
    return (bitCount(a & b & 15u) & 1) != 0 ? -0.25 : 0.25;
}

// Frame t of the chunk of an input through its four all-passes: each reads what is older than the chunk.
float diffuse(uint channel, uint t, float x, float c)
{
    for (uint d = 0; d < MXD_REVERB_DIFFUSERS; d++) {
        uint ring = channel * MXD_REVERB_DIFFUSERS + d;
        uint frames = mxd_reverb_diffuser(row_setting(MXD_REVERB_DIFFUSER + d), channel);
        float past = row_state(diffuser_slot(ring, position + t - frames));
        float w = x + c * past;
        row_set_state(diffuser_slot(ring, position + t), w);
        x = past - c * w;
    }
    return x;
}

float lagrange(uint tap, float a)
{
    float b = a - 1.0, c = a - 2.0, d = a - 3.0, e = a - 4.0, f = a - 5.0; // a: behind the first tap
    switch (tap) {
    case 0: return b * c * d * e * f * (-1.0 / 120.0);
    case 1: return a * c * d * e * f * (1.0 / 24.0);
    case 2: return a * b * d * e * f * (-1.0 / 12.0);
    case 3: return a * b * c * e * f * (1.0 / 12.0);
    case 4: return a * b * c * d * f * (-1.0 / 24.0);
    }
    return a * b * c * d * e * (1.0 / 120.0);
}

// What a line gives at frame t of the chunk at a frame of the block.
float read_line(uint line, uint t, uint frame)
{
    uint frames = row_setting(MXD_REVERB_LENGTH + line);
    if (line % 2 == 0)
        return row_state(line_slot(line, position + t - frames));
    // Where values move there is a point at the chunk's end.
    uint value = line / 2;
    float whole = row_held(MXD_REVERB_WHOLE + value, frame), part = row_held(MXD_REVERB_PART + value, frame);
    float next = row_held(MXD_REVERB_WHOLE + value, frame + CHUNK) - whole +
                 row_held(MXD_REVERB_PART + value, frame + CHUNK);
    uint first = position + t - frames - uint(int(whole)) + 2;
    float sum = 0.0;
    for (uint j = 0; j < MXD_REVERB_TAPS; j++) {
        float weight = lagrange(j, part + 2.0), last = lagrange(j, next + 2.0);
        weight += (last - weight) * (float(t) * (1.0 / CHUNK));
        sum += weight * row_state(line_slot(line, first - j));
    }
    return sum;
}

void design_shelf(uint line, uint first, float g, float r, bool high)
{
    const float k = 1.4142135623730951;
    float a = r * r, gain = a * a, tangent = high ? g * r : g / r;
    float a1 = 1.0 / (1.0 + tangent * (tangent + k)), a2 = tangent * a1;
    sections[line][first] = a2;
    sections[line][first + 1] = tangent * a2;
    sections[line][first + 2] = tangent * (tangent + k) * a1;
    sections[line][first + 3] = high ? gain : 1.0;
    sections[line][first + 4] = high ? k * (1.0 - a) * a : k * (a - 1.0);
    sections[line][first + 5] = high ? 1.0 - gain : gain - 1.0;
}

float run_shelf(inout vec2 s, float x, uint line, uint first)
{
    float p = x - s.y;
    float d1 = sections[line][first] * p - sections[line][first + 2] * s.x;
    float d2 = sections[line][first] * s.x + sections[line][first + 1] * p;
    float y = sections[line][first + 3] * x + sections[line][first + 4] * (s.x + d1) +
              sections[line][first + 5] * (s.y + d2);
    s += 2.0 * vec2(d1, d2);
    return y;
}

// Serial in frames: one invocation a line.
void absorb(uint line, uint num_frames, float gain)
{
    vec2 low = vec2(row_state(line), row_state(16 + line)), high = vec2(row_state(32 + line), row_state(48 + line));
    for (uint t = 0; t < num_frames; t++)
        tile[line][t] = run_shelf(high, run_shelf(low, tile[line][t] * gain, line, 0), line, 6);
    row_set_state(line, low.x);
    row_set_state(16 + line, low.y);
    row_set_state(32 + line, high.x);
    row_set_state(48 + line, high.y);
}

// Row j of H / 4 over the tile.
float mixed(uint j, uint t)
{
    float sum = 0.0;
    for (uint k = 0; k < LINES; k++)
        sum += hadamard_entry(j, k) * tile[k][t];
    return sum;
}

// What lies half, a quarter or three quarters down a line.
float tap_line(uint line, uint t, uint group, float gain)
{
    uint frames = row_setting(MXD_REVERB_LENGTH + line);
    uint delay = group == 1 ? frames / 2 : group == 2 ? frames / 4 : frames - frames / 4;
    float half_gain = sqrt(gain), quarter_gain = sqrt(half_gain);
    return row_state(line_slot(line, position + t - delay)) *
           (group == 1 ? half_gain : group == 2 ? quarter_gain : half_gain * quarter_gain);
}

// What was written to the rings and to shared memory is there for the whole workgroup.
void hand_over()
{
    memoryBarrierBuffer();
    barrier();
}

void run_chunk(uint frame, uint num_frames)
{
    float c = row_held(MXD_REVERB_DIFFUSION, frame);
    for (uint i = mxd_invocation; i < row.num_inputs * CHUNK; i += gl_WorkGroupSize.x)
        if (i % CHUNK < num_frames)
            diffused[i / CHUNK][i % CHUNK] = diffuse(i / CHUNK, i % CHUNK, row_input(i / CHUNK, frame + i % CHUNK), c);
    for (uint i = mxd_invocation; i < LINES * CHUNK; i += gl_WorkGroupSize.x)
        if (i % CHUNK < num_frames)
            tile[i / CHUNK][i % CHUNK] = read_line(i / CHUNK, i % CHUNK, frame);
    for (uint k = mxd_invocation; k < LINES; k += gl_WorkGroupSize.x) {
        design_shelf(k, 0, row_held(MXD_REVERB_LOW_G, frame), row_held(MXD_REVERB_LOW + k, frame), false);
        design_shelf(k, 6, row_held(MXD_REVERB_HIGH_G, frame), row_held(MXD_REVERB_HIGH + k, frame), true);
    }
    barrier();
    for (uint k = mxd_invocation; k < LINES; k += gl_WorkGroupSize.x)
        absorb(k, num_frames, row_held(MXD_REVERB_GAIN + k, frame));
    barrier();
    for (uint i = mxd_invocation; i < LINES * CHUNK; i += gl_WorkGroupSize.x) {
        uint j = i / CHUNK, k = mxd_reverb_source(j), t = i % CHUNK;
        if (t >= num_frames)
            continue;
        float u = mixed(j, t);
        if (j < row.num_outputs)
            row_output(j, frame + t, u);
        for (uint channel = 0; channel < row.num_inputs; channel++)
            u += hadamard_entry(channel, k) * diffused[channel][t];
        row_set_state(line_slot(k, position + t), u);
    }
    hand_over();
    for (uint group = 1; group * LINES < row.num_outputs; group++) {
        for (uint i = mxd_invocation; i < LINES * CHUNK; i += gl_WorkGroupSize.x)
            if (i % CHUNK < num_frames)
                tile[i / CHUNK][i % CHUNK] =
                    tap_line(i / CHUNK, i % CHUNK, group, row_held(MXD_REVERB_GAIN + i / CHUNK, frame));
        barrier();
        for (uint i = mxd_invocation; i < LINES * CHUNK; i += gl_WorkGroupSize.x)
            if (i % CHUNK < num_frames && group * LINES + i / CHUNK < row.num_outputs)
                row_output(group * LINES + i / CHUNK, frame + i % CHUNK, mixed(i / CHUNK, i % CHUNK));
        barrier();
    }
}

void main()
{
    row_begin();
    for (uint i = 0; i < MAX_INPUTS; i++) {
        mxd_poison(float, diffused[i], CHUNK);
    }
    for (uint i = 0; i < LINES; i++) {
        mxd_poison(float, tile[i], CHUNK);
        mxd_poison(float, sections[i], 12);
    }
    line_capacity = row_setting(MXD_REVERB_LINE_CAPACITY);
    diffuser_capacity = row_setting(MXD_REVERB_DIFFUSER_CAPACITY);
    uint end = row_end_frame();
    for (uint frame = row_first_frame(); frame < end; frame += CHUNK) {
        position = run.position + frame;
        run_chunk(frame, min(CHUNK, end - frame));
    }
}
