// Dynamics (dynamics.h): a row is one workgroup, and a tile MXD_DYNAMICS_FRAMES frames of each invocation. Level by
// level, all tiles: what is carried from tile to tile is known to every invocation.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "rows.glsl"
#include "dynamics.h"
#include "powers.glsl"

// Two halves used in turn: one barrier then separates each write from the reads before and after it.
shared vec4 scan[2][MXD_DYNAMICS_MAX_WORKGROUP];
uint half_used = 0;

uint mode, first_key, num_keys, num_levels, look_ahead;
bool rms;

// ---- Scans

// y -> max(p, y + d - a y), as (p, d, a); NONE for p is no bound at all. With a instead of 1 - a small parts keep their
// digits.
const float NONE = -1e30;

vec3 then(vec3 f, vec3 g)
{
    float bound = f.x == NONE ? NONE : f.x + (g.y - g.z * f.x);
    return vec3(max(g.x, bound), f.y + (g.y - g.z * f.y), f.z + (g.z - f.z * g.z));
}

float apply(vec3 f, float y)
{
    return max(f.x, y + (f.y - f.z * y));
}

// What the invocations before this one do to y, and (total) all of them.
vec3 before(vec3 f, out vec3 total)
{
    uint i = mxd_invocation;
    for (uint reach = 1; reach < gl_WorkGroupSize.x; reach *= 2) {
        scan[half_used][i] = vec4(f, 0.0);
        barrier();
        if (i >= reach)
            f = then(scan[half_used][i - reach].xyz, f);
        half_used ^= 1;
    }
    scan[half_used][i] = vec4(f, 0.0);
    barrier();
    vec3 result = i > 0 ? scan[half_used][i - 1].xyz : vec3(NONE, 0.0, 0.0);
    total = scan[half_used][gl_WorkGroupSize.x - 1].xyz;
    half_used ^= 1;
    return result;
}

// An open or shut latch over some frames, as (kind, lead, tail, length): lead frames until the first that holds (all, if
// none does), tail frames of hold that remain at the end (NONE: none holds).
const float KEEPS = 0.0, OPENS = 1.0, SHUTS = 2.0;

vec4 latch_then(vec4 f, vec4 g)
{
    bool holds = f.z != NONE;
    float kind = g.x != KEEPS ? g.x : !holds ? KEEPS : f.z >= g.y ? f.x : SHUTS;
    return vec4(kind, holds ? f.y : f.w + g.y, g.z != NONE ? g.z : holds ? f.z - g.w : NONE, f.w + g.w);
}

// state: open (1 or 0), frames that remain.
vec2 latch_apply(vec4 f, vec2 state)
{
    float open = f.x == OPENS ? 1.0 : f.x == KEEPS && state.y >= f.y ? state.x : f.w == 0.0 ? state.x : 0.0;
    return vec2(open, f.z != NONE ? f.z : max(state.y - f.w, -1.0));
}

vec4 latch_before(vec4 f, out vec4 total)
{
    uint i = mxd_invocation;
    for (uint reach = 1; reach < gl_WorkGroupSize.x; reach *= 2) {
        scan[half_used][i] = f;
        barrier();
        if (i >= reach)
            f = latch_then(scan[half_used][i - reach], f);
        half_used ^= 1;
    }
    scan[half_used][i] = f;
    barrier();
    vec4 result = i > 0 ? scan[half_used][i - 1] : vec4(KEEPS, 0.0, NONE, 0.0);
    total = scan[half_used][gl_WorkGroupSize.x - 1];
    half_used ^= 1;
    return result;
}

// ---- The steps of a tile. count: frames of this invocation, from frame on.

// The detector's peak over a tile, in place.
void detect(inout float x[MXD_DYNAMICS_FRAMES], uint count, uint frame, uint value, inout float y)
{
    vec3 f = vec3(NONE, 0.0, 0.0), total;
    for (uint n = 0; n < count; n++) {
        float part = row_held(value, frame + n);
        f = then(f, vec3(x[n], part * x[n], part));
    }
    float at = apply(before(f, total), y);
    y = apply(total, y);
    for (uint n = 0; n < count; n++) {
        at = max(x[n], at + row_held(value, frame + n) * (x[n] - at));
        x[n] = at;
    }
}

// A one-pole over a tile, in place.
void smooth_all(inout float x[MXD_DYNAMICS_FRAMES], uint count, uint frame, uint value, inout float y)
{
    vec3 f = vec3(NONE, 0.0, 0.0), total;
    for (uint n = 0; n < count; n++) {
        float part = row_held(value, frame + n);
        f = then(f, vec3(NONE, part * x[n], part));
    }
    float at = apply(before(f, total), y);
    y = apply(total, y);
    for (uint n = 0; n < count; n++) {
        at += row_held(value, frame + n) * (x[n] - at);
        x[n] = at;
    }
}

// Of the rms. What is not finite, or would not be, must not stay in the mean for ever.
float square_of(float x)
{
    float square = x * x;
    return square < MXD_DYNAMICS_MOST_SQUARE ? square : MXD_DYNAMICS_MOST_SQUARE;
}

float level_at(uint level, uint frame)
{
    float shared_level = 0.0;
    for (uint k = 0; k < num_keys; k++) {
        float x = row_input(first_key + k, frame);
        shared_level = rms ? shared_level + square_of(x) : max(shared_level, abs(x));
    }
    if (rms)
        shared_level /= float(num_keys);
    if (num_levels == 1)
        return shared_level;
    float x = row_input(first_key + level, frame);
    float own = rms ? square_of(x) : abs(x);
    return own + row_held(MXD_DYNAMICS_LINK, frame) * (shared_level - own);
}

float logarithm(float level)
{
    float floor_level = mode == MXD_DYNAMICS_TRANSIENT ? MXD_DYNAMICS_TRANSIENT_FLOOR : MXD_DYNAMICS_FLOOR;
    return rms ? 0.5 * log2_of(max(level, exp2_of(2.0 * floor_level))) : log2_of(max(level, exp2_of(floor_level)));
}

// The wanted gain, with the sign with which it grows as the level does.
float curve(float level, uint frame)
{
    bool below = mode == MXD_DYNAMICS_EXPAND || mode == MXD_DYNAMICS_LIFT;
    float over = level - row_value(MXD_DYNAMICS_THRESHOLD, frame);
    over = below ? -over : over;
    float knee = row_held(MXD_DYNAMICS_KNEE, frame);
    float inside = clamp(over + 0.5 * knee, 0.0, knee);
    float bent = knee > 0.0 ? inside * inside * (0.5 / knee) : 0.0;
    float amount = row_value(MXD_DYNAMICS_SLOPE, frame) * (bent + max(over - 0.5 * knee, 0.0));
    amount = min(amount, row_value(MXD_DYNAMICS_RANGE, frame));
    return below ? -amount : amount;
}

void latch(inout float x[MXD_DYNAMICS_FRAMES], uint count, uint frame, inout vec2 state)
{
    bool gate = mode == MXD_DYNAMICS_GATE;
    vec4 f = vec4(KEEPS, 0.0, NONE, 0.0), total;
    vec4 own[MXD_DYNAMICS_FRAMES];
    for (uint n = 0; n < count; n++) {
        uint at = frame + n;
        float opens = row_value(MXD_DYNAMICS_THRESHOLD, at);
        opens += gate ? 0.0 : 0.5 * row_held(MXD_DYNAMICS_KNEE, at);
        float closes = gate ? min(opens, row_held(MXD_DYNAMICS_CLOSE, at)) : opens;
        bool holds = x[n] >= closes;
        own[n] = vec4(x[n] >= opens ? OPENS : KEEPS, holds ? 0.0 : 1.0, holds ? row_held(MXD_DYNAMICS_HOLD, at) : NONE,
                      1.0);
        f = latch_then(f, own[n]);
    }
    vec2 now = latch_apply(latch_before(f, total), state);
    state = latch_apply(total, state);
    for (uint n = 0; n < count; n++) {
        now = latch_apply(own[n], now);
        float shut = gate ? -row_value(MXD_DYNAMICS_RANGE, frame + n) : curve(x[n], frame + n);
        x[n] = now.x > 0.0 ? 0.0 : shut;
    }
}

// From levels to gains, all as logarithms; memories are the level's.
void find_gains(inout float x[MXD_DYNAMICS_FRAMES], uint count, uint frame, inout float memories[MXD_DYNAMICS_MEMORIES])
{
    if (rms)
        smooth_all(x, count, frame, MXD_DYNAMICS_RMS_MEAN, memories[MXD_DYNAMICS_MEAN]);
    for (uint n = 0; n < count; n++)
        x[n] = logarithm(x[n]);
    if (mode == MXD_DYNAMICS_GATE || mode == MXD_DYNAMICS_EXPAND) {
        vec2 state = vec2(memories[MXD_DYNAMICS_OPEN], memories[MXD_DYNAMICS_REMAINING]);
        latch(x, count, frame, state);
        memories[MXD_DYNAMICS_OPEN] = state.x;
        memories[MXD_DYNAMICS_REMAINING] = state.y;
    } else
        for (uint n = 0; n < count; n++)
            x[n] = curve(x[n], frame + n);
    detect(x, count, frame, MXD_DYNAMICS_RELEASE, memories[MXD_DYNAMICS_DETECTED]);
    smooth_all(x, count, frame, MXD_DYNAMICS_ATTACK, memories[MXD_DYNAMICS_SMOOTHED]);
    if (mode == MXD_DYNAMICS_COMPRESS || mode == MXD_DYNAMICS_LIFT)
        for (uint n = 0; n < count; n++)
            x[n] = -x[n];
}

float share(float difference)
{
    return clamp(difference / MXD_DYNAMICS_FULL_DIFFERENCE, 0.0, 1.0);
}

void shape_transients(inout float x[MXD_DYNAMICS_FRAMES], uint count, uint frame,
                      inout float memories[MXD_DYNAMICS_MEMORIES])
{
    float slow[MXD_DYNAMICS_FRAMES], onset[MXD_DYNAMICS_FRAMES], late[MXD_DYNAMICS_FRAMES];
    for (uint n = 0; n < count; n++)
        slow[n] = x[n] = logarithm(x[n]);
    detect(x, count, frame, MXD_DYNAMICS_FAST_RELEASE, memories[MXD_DYNAMICS_FAST]);
    detect(slow, count, frame, MXD_DYNAMICS_SLOW_RELEASE, memories[MXD_DYNAMICS_SLOW]);
    for (uint n = 0; n < count; n++) {
        onset[n] = late[n] = x[n];
        slow[n] -= x[n];
    }
    smooth_all(onset, count, frame, MXD_DYNAMICS_FAST_ATTACK, memories[MXD_DYNAMICS_FAST_ONSET]);
    smooth_all(late, count, frame, MXD_DYNAMICS_SLOW_ATTACK, memories[MXD_DYNAMICS_SLOW_ONSET]);
    smooth_all(slow, count, frame, MXD_DYNAMICS_FAST_ATTACK, memories[MXD_DYNAMICS_SUSTAINED]);
    for (uint n = 0; n < count; n++)
        x[n] = row_value(MXD_DYNAMICS_ATTACK_AMOUNT, frame + n) * share(onset[n] - late[n]) +
               row_value(MXD_DYNAMICS_SUSTAIN_AMOUNT, frame + n) * share(slow[n]);
}

// ---- The row

uint memory_word(uint level, uint index)
{
    return MXD_DYNAMICS_FIRST_MEMORY + 2 * (level * MXD_DYNAMICS_MEMORIES + index);
}

void recall(uint level, out float memories[MXD_DYNAMICS_MEMORIES])
{
    if (row_state(MXD_DYNAMICS_STARTED) != 0.0) {
        for (uint m = 0; m < MXD_DYNAMICS_MEMORIES; m++)
            memories[m] = row_state(memory_word(level, m)) + row_state(memory_word(level, m) + 1);
        return;
    }
    for (uint m = 0; m < MXD_DYNAMICS_MEMORIES; m++)
        memories[m] = 0.0;
    if (mode == MXD_DYNAMICS_TRANSIENT) {
        for (uint m = 0; m < MXD_DYNAMICS_SUSTAINED; m++)
            memories[m] = MXD_DYNAMICS_TRANSIENT_FLOOR;
        return;
    }
    float silence = mode == MXD_DYNAMICS_GATE ? -row_value(MXD_DYNAMICS_RANGE, push.first_frame)
                                              : curve(MXD_DYNAMICS_FLOOR, push.first_frame);
    memories[MXD_DYNAMICS_DETECTED] = silence;
    memories[MXD_DYNAMICS_SMOOTHED] = silence;
    memories[MXD_DYNAMICS_REMAINING] = -1.0;
}

// Lane c of the audio, `back` frames before a frame of the block; what lies before the block starts at word first_past.
float past(uint channel, uint frame, uint back, uint first_past)
{
    if (frame >= back)
        return row_input(channel, frame - back);
    return row_state(first_past + ((run.num_runs & 1u) * row.num_outputs + channel) * look_ahead +
                     (look_ahead + frame - back));
}

void put(uint channel, uint frame, float gain, uint first_past)
{
    float x = past(channel, frame, look_ahead, first_past);
    row_output(channel, frame,
               row_setting(MXD_DYNAMICS_OUTPUT) == MXD_DYNAMICS_CHANGE ? x * gain : x + x * gain);
}

void run_level(uint level, uint first_past)
{
    float memories[MXD_DYNAMICS_MEMORIES];
    recall(level, memories);
    uint end = row_end_frame();
    for (uint first = row_first_frame(); first < end; first += MXD_DYNAMICS_FRAMES * gl_WorkGroupSize.x) {
        uint frame = first + mxd_invocation * MXD_DYNAMICS_FRAMES;
        uint count = frame < end ? min(end - frame, MXD_DYNAMICS_FRAMES) : 0;
        float x[MXD_DYNAMICS_FRAMES];
        for (uint n = 0; n < count; n++)
            x[n] = level_at(level, frame + n);
        if (mode == MXD_DYNAMICS_TRANSIENT)
            shape_transients(x, count, frame, memories);
        else
            find_gains(x, count, frame, memories);
        for (uint n = 0; n < count; n++) {
            float power = clamp(x[n] + row_value(MXD_DYNAMICS_MAKE_UP, frame + n), -100.0, 100.0);
            float gain = row_value(MXD_DYNAMICS_MIX, frame + n) * (exp2_of(power) - 1.0);
            if (num_levels > 1)
                put(level, frame + n, gain, first_past);
            else
                for (uint c = 0; c < row.num_outputs; c++)
                    put(c, frame + n, gain, first_past);
        }
    }
    if (mxd_invocation == 0)
        for (uint m = 0; m < MXD_DYNAMICS_MEMORIES; m++) {
            row_set_state(memory_word(level, m), memories[m]);
            row_set_state(memory_word(level, m) + 1, 0.0);
        }
}

void main()
{
    mxd_poison(vec4, scan[0], MXD_DYNAMICS_MAX_WORKGROUP);
    mxd_poison(vec4, scan[1], MXD_DYNAMICS_MAX_WORKGROUP);
    row_begin();
    mode = row_setting(MXD_DYNAMICS_MODE);
    rms = row_setting(MXD_DYNAMICS_DETECTOR) == MXD_DYNAMICS_RMS;
    look_ahead = row_setting(MXD_DYNAMICS_LOOK_AHEAD);
    bool keyed = row.num_inputs > row.num_outputs;
    first_key = keyed ? row.num_outputs : 0;
    num_keys = row.num_inputs - first_key;
    uint most = num_keys == row.num_outputs ? row.num_outputs : 1;
    uint first_past = MXD_DYNAMICS_FIRST_MEMORY + 2 * MXD_DYNAMICS_MEMORIES * most;
    // Levels that are all the same for ever are one.
    num_levels = row.moves == 0 && row_held(MXD_DYNAMICS_LINK, 0) == 1.0 ? 1 : most;

    for (uint level = 0; level < num_levels; level++)
        run_level(level, first_past);
    // All have asked whether the row had started.
    barrier();
    if (mxd_invocation == 0)
        row_set_state(MXD_DYNAMICS_STARTED, 1.0);
    if (row_end_frame() != push.num_frames)
        return;
    // What the next block will need.
    for (uint i = mxd_invocation; i < look_ahead; i += gl_WorkGroupSize.x)
        for (uint c = 0; c < row.num_outputs; c++)
            row_set_state(first_past + ((~run.num_runs & 1u) * row.num_outputs + c) * look_ahead + i,
                          past(c, push.num_frames + i, look_ahead, first_past));
}
