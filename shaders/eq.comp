// The equaliser (see eq.h): one workgroup a lane. With EQ_SUBGROUPS the scan goes through subgroups, which have to be
// full (host/vulkan/variants.c).
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#ifdef EQ_SUBGROUPS
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_KHR_shader_subgroup_shuffle_relative : require
#endif
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
#ifdef EQ_SUBGROUPS
#define SCAN_SIZE (MXD_EQ_MAX_WORKGROUP / MXD_EQ_MIN_SUBGROUP) // the state at the end of each subgroup
#else
#define SCAN_SIZE MXD_EQ_MAX_WORKGROUP
#endif
shared vec2 scan[2][SCAN_SIZE];
uint half_used = 0;

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

// What a state becomes over as many samples as the power stands for, less itself.
vec2 change(vec4 power, vec2 state)
{
    return vec2(power.x * state.x + power.y * state.y, power.z * state.x + power.w * state.y);
}

#ifdef EQ_SUBGROUPS

#ifdef MXD_POISON_SHARED
#define SUBGROUP (gl_NumSubgroups - 1u - gl_SubgroupID)
#else
#define SUBGROUP gl_SubgroupID
#endif
// gl_LocalInvocationID need not run along the subgroups.
#define INVOCATION (SUBGROUP * gl_SubgroupSize + gl_SubgroupInvocationID)

// Prefix over a subgroup: values of `reach` invocations before, for each power of two; level: of the first power.
vec2 scan_subgroup(vec2 end, uint section, uint level)
{
    for (uint reach = 1; reach < gl_SubgroupSize && level < MXD_EQ_MAX_SCAN_STEPS; reach *= 2) {
        const vec2 before = subgroupShuffleUp(end, reach);
        if (gl_SubgroupInvocationID >= reach)
            end += before + change(sections[section].powers[level], before);
        level++;
    }
    return end;
}

// The state before each invocation's samples, from the states `end` that their samples alone lead to; for the first
// invocation it means nothing. One barrier.
vec2 find_start(vec2 end, uint section)
{
    const uint lane = gl_SubgroupInvocationID;
    const uint size = gl_SubgroupSize;
    end = scan_subgroup(end, section, 0);
    if (lane == size - 1)
        scan[half_used][SUBGROUP] = end;
    barrier();
    // The same for the subgroups' ends, as many at once as a subgroup holds.
    const uint log2_size = findMSB(size);
    vec2 entering = vec2(0.0);
    for (uint first = 0; first < SUBGROUP; first += size) {
        vec2 total = first + lane < gl_NumSubgroups ? scan[half_used][first + lane] : vec2(0.0);
        if (lane == 0 && first > 0)
            total += entering + change(sections[section].powers[log2_size], entering);
        total = scan_subgroup(total, section, log2_size);
        entering = subgroupShuffle(total, min(SUBGROUP - first, size) - 1);
    }
    half_used ^= 1;
    // On through the samples of this subgroup that lie before: the powers of two that `lane` is made of.
    for (uint level = 0; level < log2_size; level++) {
        if (((lane >> level) & 1) != 0)
            entering += change(sections[section].powers[level], entering);
    }
    const vec2 before = subgroupShuffleUp(end, 1);
    return lane > 0 ? before + entering : entering;
}

#else

#define INVOCATION mxd_invocation

vec2 find_start(vec2 end, uint section)
{
    const uint i = mxd_invocation;
    uint level = 0;
    for (uint reach = 1; reach < gl_WorkGroupSize.x; reach *= 2) {
        scan[half_used][i] = end;
        barrier();
        if (i >= reach) {
            const vec2 before = scan[half_used][i - reach];
            end += before + change(sections[section].powers[level], before);
        }
        half_used ^= 1;
        level++;
    }
    scan[half_used][i] = end;
    barrier();
    const vec2 before = scan[half_used][max(i, 1u) - 1];
    half_used ^= 1;
    return before;
}

#endif

void main()
{
    mxd_poison(vec2, cascade_states, MXD_EQ_MAX_CASCADE);
    mxd_poison(vec2, scan[0], SCAN_SIZE);
    mxd_poison(vec2, scan[1], SCAN_SIZE);
    const uint i = INVOCATION;
    const uint width = gl_WorkGroupSize.x;
    const mxd_eq_run_data run = runs[push.first_run + gl_WorkGroupID.x];
    const mxd_eq_row_data row = rows[run.row];
    const bool restart = run.restart != 0 && push.may_restart != 0;

    for (uint c = i; c < row.num_sections; c += width) {
        vec2 kept = states[row.first_section + c];
        cascade_states[c] = restart ? vec2(0.0) : kept;
    }
    barrier();

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

            const vec2 before = find_start(end, section);
            if (i > 0)
                start = before;

            [[unroll]] for (uint n = 0; n < MXD_EQ_SAMPLES; n++)
                x[n] = advance_and_mix(start, x[n], a2, a3, oma1, m);
            if (i == used - 1)
                cascade_states[c] = start; // read by invocation 0 in the next tile, after the barrier below
        }

        if (i < used) {
            [[unroll]] for (uint q = 0; q < MXD_EQ_SAMPLES / 4; q++)
                lanes[at + q] = vec4(x[4 * q], x[4 * q + 1], x[4 * q + 2], x[4 * q + 3]);
        }
        // The next tile reads states before the scan's first barrier.
        barrier();
    }

    for (uint c = i; c < row.num_sections; c += width)
        states[row.first_section + c] = cascade_states[c];
}
