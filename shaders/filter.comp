// Sections whose coefficients move (filter.h): one workgroup a row, lane by lane, tile by tile.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "rows.glsl"
#include "filter.h"

// The map of a span of frames: state -> state + D state + e, D by rows (11, 12, 21, 22).
struct span {
    vec4 d;
    vec2 e;
};

shared vec2 cascade_states[MXD_FILTER_MAX_SECTIONS];
// Two halves used in turn: one barrier then separates each write from the reads before and after it.
shared vec4 scan_d[2][MXD_FILTER_WORKGROUP];
shared vec2 scan_e[2][MXD_FILTER_WORKGROUP];
uint half_used = 0;

// A section's coefficients over an invocation's frames, which lie between two points: from + slope * frame.
struct motion {
    vec3 a, a_slope; // a2, a3, oma1
    vec3 m, m_slope;
};

motion find_motion(uint section, uint first_frame)
{
    const uint value = section * MXD_FILTER_SECTION_VALUES;
    vec3 a = vec3(row_held(value + MXD_FILTER_A2, first_frame), row_held(value + MXD_FILTER_A3, first_frame),
                  row_held(value + MXD_FILTER_OMA1, first_frame));
    vec3 m = vec3(row_held(value + MXD_FILTER_M0, first_frame), row_held(value + MXD_FILTER_M1, first_frame),
                  row_held(value + MXD_FILTER_M2, first_frame));
    if (row.moves == 0)
        return motion(a, vec3(0.0), m, vec3(0.0));
    const uint next = first_frame + MXD_ROWS_GRID; // its point ends this frame's interval
    const vec3 a_slope = (vec3(row_held(value + MXD_FILTER_A2, next), row_held(value + MXD_FILTER_A3, next),
                               row_held(value + MXD_FILTER_OMA1, next)) - a) * (1.0 / MXD_ROWS_GRID);
    const vec3 m_slope = (vec3(row_held(value + MXD_FILTER_M0, next), row_held(value + MXD_FILTER_M1, next),
                               row_held(value + MXD_FILTER_M2, next)) - m) * (1.0 / MXD_ROWS_GRID);
    const float passed = float(first_frame % MXD_ROWS_GRID);
    return motion(a + a_slope * passed, a_slope, m + m_slope * passed, m_slope);
}

// What a frame adds to a state, halved.
vec2 change(vec3 a, vec2 state, float x)
{
    const float u = x - state.y;
    return vec2(a.x * u - a.z * state.x, a.x * state.x + a.y * u);
}

// The later span after the earlier one.
span compose(span later, span earlier)
{
    const vec4 l = later.d, e = earlier.d;
    return span(l + e + vec4(l.x * e.x + l.y * e.z, l.x * e.y + l.y * e.w, l.z * e.x + l.w * e.z, l.z * e.y + l.w * e.w),
                later.e + earlier.e + vec2(l.x * earlier.e.x + l.y * earlier.e.y, l.z * earlier.e.x + l.w * earlier.e.y));
}

// This invocation's frames as one map; its offset is where they lead from the state `start`.
span run_span(float x[MXD_FILTER_SAMPLES], motion moving, vec2 start)
{
    vec2 state = start, first = vec2(0.0), second = vec2(0.0); // the columns of D
    [[unroll]] for (uint n = 0; n < MXD_FILTER_SAMPLES; n++) {
        const vec3 a = moving.a + moving.a_slope * float(n);
        state += 2.0 * change(a, state, x[n]);
        first += 2.0 * change(a, vec2(1.0, 0.0) + first, 0.0);
        second += 2.0 * change(a, vec2(0.0, 1.0) + second, 0.0);
    }
    return span(vec4(first.x, second.x, first.y, second.y), state);
}

// The state before each invocation's frames, from the maps of all; for the first it means nothing.
vec2 find_start(span own)
{
    const uint i = mxd_invocation;
    for (uint reach = 1; reach < gl_WorkGroupSize.x; reach *= 2) {
        scan_d[half_used][i] = own.d;
        scan_e[half_used][i] = own.e;
        barrier();
        if (i >= reach)
            own = compose(own, span(scan_d[half_used][i - reach], scan_e[half_used][i - reach]));
        half_used ^= 1;
    }
    scan_e[half_used][i] = own.e;
    barrier();
    const vec2 before = scan_e[half_used][max(i, 1u) - 1];
    half_used ^= 1;
    return before;
}

// One section over one tile; the state after the last frame of the invocation.
vec2 run_section(uint section, uint first_frame, inout float x[MXD_FILTER_SAMPLES])
{
    const motion moving = find_motion(section, first_frame);
    // From zero, except for the first invocation, which knows its state.
    vec2 state = mxd_invocation == 0 ? cascade_states[section] : vec2(0.0);
    const vec2 before = find_start(run_span(x, moving, state));
    if (mxd_invocation > 0)
        state = before;
    [[unroll]] for (uint n = 0; n < MXD_FILTER_SAMPLES; n++) {
        const vec3 m = moving.m + moving.m_slope * float(n);
        const vec2 half_change = change(moving.a + moving.a_slope * float(n), state, x[n]);
        x[n] = m.x * x[n] + m.y * (state.x + half_change.x) + m.z * (state.y + half_change.y);
        state += 2.0 * half_change;
    }
    return state;
}

void run_lane(uint lane, uint num_sections)
{
    const uint i = mxd_invocation, end = row_end_frame();
    for (uint first = row_first_frame(); first < end; first += MXD_FILTER_SAMPLES * gl_WorkGroupSize.x) {
        const uint used = min(gl_WorkGroupSize.x, (end - first + MXD_FILTER_SAMPLES - 1) / MXD_FILTER_SAMPLES);
        const uint from = first + i * MXD_FILTER_SAMPLES;
        float x[MXD_FILTER_SAMPLES];
        [[unroll]] for (uint n = 0; n < MXD_FILTER_SAMPLES; n++) {
            x[n] = 0.0;
            if (from + n < end)
                x[n] = row_input(lane, from + n);
        }
        for (uint section = 0; section < num_sections; section++) {
            // There are no points beyond the end: who has no frames takes the first's, and nobody asks what for.
            const vec2 state = run_section(section, i < used ? from : first, x);
            if (i == used - 1)
                cascade_states[section] = state; // read by invocation 0 in the next tile, after the barrier below
        }
        [[unroll]] for (uint n = 0; n < MXD_FILTER_SAMPLES; n++) {
            if (from + n < end)
                row_output(lane, from + n, x[n]);
        }
        barrier();
    }
}

void main()
{
    mxd_poison(vec2, cascade_states, MXD_FILTER_MAX_SECTIONS);
    mxd_poison(vec4, scan_d[0], MXD_FILTER_WORKGROUP);
    mxd_poison(vec4, scan_d[1], MXD_FILTER_WORKGROUP);
    mxd_poison(vec2, scan_e[0], MXD_FILTER_WORKGROUP);
    mxd_poison(vec2, scan_e[1], MXD_FILTER_WORKGROUP);
    row_begin();
    const uint num_sections = row_setting(MXD_FILTER_SECTIONS);
    for (uint lane = 0; lane < row.num_inputs; lane++) {
        const uint section = mxd_invocation, kept = (lane * num_sections + section) * MXD_FILTER_STATE;
        if (section < num_sections)
            cascade_states[section] = vec2(row_state(kept), row_state(kept + 1));
        barrier();
        run_lane(lane, num_sections);
        if (section < num_sections) {
            row_set_state(kept, cascade_states[section].x);
            row_set_state(kept + 1, cascade_states[section].y);
        }
        barrier();
    }
}
