// The equaliser (see eq.h): one workgroup a lane.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "eq.h"

layout(local_size_x_id = MXD_SPEC_WORKGROUP) in;

layout(std430, set = 0, binding = MXD_EQ_BINDING_LANES) buffer Lanes { vec4 lanes[]; };
layout(std430, set = 0, binding = MXD_EQ_BINDING_SECTIONS) readonly buffer Sections { mxd_eq_section_data sections[]; };
layout(std430, set = 0, binding = MXD_EQ_BINDING_STATES) buffer States { vec2 states[]; };
layout(std430, set = 0, binding = MXD_EQ_BINDING_ROWS) readonly buffer Rows { mxd_eq_row_data rows[]; };
layout(std430, set = 0, binding = MXD_EQ_BINDING_RUNS) readonly buffer Runs { mxd_eq_run_data runs[]; };
layout(push_constant) uniform Push { mxd_eq_push push; };

shared vec2 cascade_states[MXD_EQ_MAX_CASCADE];
// Two halves used in turn: one barrier then separates each write from the reads before and after it.
shared vec2 scan[2][MXD_EQ_MAX_WORKGROUP];

void advance(inout vec2 s, float x, float a2, float a3, float oma1)
{
    float u = x - s.y;
    float d1 = a2 * u - oma1 * s.x;
    float d2 = a2 * s.x + a3 * u;
    s += 2.0 * vec2(d1, d2);
}

float advance_and_mix(inout vec2 s, float x, float a2, float a3, float oma1, vec3 m)
{
    float u = x - s.y;
    float d1 = a2 * u - oma1 * s.x;
    float d2 = a2 * s.x + a3 * u;
    float y = m.x * x + m.y * (s.x + d1) + m.z * (s.y + d2);
    s += 2.0 * vec2(d1, d2);
    return y;
}

void main()
{
    mxd_poison(cascade_states, MXD_EQ_MAX_CASCADE);
    mxd_poison(scan[0], MXD_EQ_MAX_WORKGROUP);
    mxd_poison(scan[1], MXD_EQ_MAX_WORKGROUP);
    const uint i = mxd_invocation;
    const uint width = gl_WorkGroupSize.x;
    const mxd_eq_run_data run = runs[push.first_run + gl_WorkGroupID.x];
    const mxd_eq_row_data row = rows[run.row];
    const bool restart = run.restart != 0 && push.may_restart != 0;

    for (uint c = i; c < row.num_sections; c += width) {
        vec2 kept = states[row.first_section + c];
        cascade_states[c] = restart ? vec2(0.0) : kept;
    }
    barrier();

    uint half_used = 0;
    for (uint first = push.first_frame; first < push.end_frame; first += MXD_EQ_SAMPLES * width) {
        const uint used = min(width, (push.end_frame - first + MXD_EQ_SAMPLES - 1) / MXD_EQ_SAMPLES);
        const uint at = row.lane * push.lane_vec4s + first / 4 + i * (MXD_EQ_SAMPLES / 4);
        float x[MXD_EQ_SAMPLES];
        [[unroll]] for (uint q = 0; q < MXD_EQ_SAMPLES / 4; q++) {
            vec4 four = vec4(0.0);
            if (i < used)
                four = lanes[at + q];
            x[4 * q] = four.x;
            x[4 * q + 1] = four.y;
            x[4 * q + 2] = four.z;
            x[4 * q + 3] = four.w;
        }

        for (uint c = 0; c < row.num_sections; c++) {
            const uint section = row.first_section + c;
            const float a2 = sections[section].a2;
            const float a3 = sections[section].a3;
            const float oma1 = sections[section].oma1;
            const vec3 m = vec3(sections[section].m0, sections[section].m1, sections[section].m2);

            // From zero, except for the first invocation, which knows its state.
            vec2 start = i == 0 ? cascade_states[c] : vec2(0.0);
            vec2 end = start;
            [[unroll]] for (uint n = 0; n < MXD_EQ_SAMPLES; n++)
                advance(end, x[n], a2, a3, oma1);

            uint scan_step = 0;
            for (uint reach = 1; reach < width; reach *= 2) {
                scan[half_used][i] = end;
                barrier();
                if (i >= reach) {
                    vec2 before = scan[half_used][i - reach];
                    vec4 power = sections[section].powers[scan_step];
                    vec2 change = vec2(power.x * before.x + power.y * before.y, power.z * before.x + power.w * before.y);
                    end += before + change;
                }
                half_used ^= 1;
                scan_step++;
            }
            scan[half_used][i] = end;
            barrier();
            if (i > 0)
                start = scan[half_used][i - 1];
            if (i == used - 1)
                cascade_states[c] = end; // read by invocation 0 in the next tile, many barriers away
            half_used ^= 1;

            [[unroll]] for (uint n = 0; n < MXD_EQ_SAMPLES; n++)
                x[n] = advance_and_mix(start, x[n], a2, a3, oma1, m);
        }

        if (i < used) {
            [[unroll]] for (uint q = 0; q < MXD_EQ_SAMPLES / 4; q++)
                lanes[at + q] = vec4(x[4 * q], x[4 * q + 1], x[4 * q + 2], x[4 * q + 3]);
        }
        // With one section, the next tile reads its state before the scan's first barrier.
        barrier();
    }

    for (uint c = i; c < row.num_sections; c += width)
        states[row.first_section + c] = cascade_states[c];
}
