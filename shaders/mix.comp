// The mix (see mix.h). Workgroups: x = output, so that outputs of the same frames run side by side and share the
// caches; y = span of frames.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "exact.glsl"
#include "mix.h"

layout(local_size_x_id = MXD_SPEC_WORKGROUP) in;

layout(std430, set = 0, binding = MXD_MIX_BINDING_INPUTS) readonly buffer Inputs { vec4 inputs[]; };
layout(std430, set = 0, binding = MXD_MIX_BINDING_OUTPUTS) writeonly buffer Outputs { vec4 outputs[]; };
layout(std430, set = 0, binding = MXD_MIX_BINDING_MIXES) readonly buffer Mixes { mxd_mix_output_data mixes[]; };
layout(std430, set = 0, binding = MXD_MIX_BINDING_EDGES) readonly buffer Edges { mxd_mix_edge_data edges[]; };
layout(std430, set = 0, binding = MXD_MIX_BINDING_POINTS) readonly buffer Points { mxd_mix_point_data points[]; };
layout(push_constant) uniform Push { mxd_mix_push push; };

// The last point at or before frame. The first point's frame is 0.
mxd_mix_point_data find_point(uint first, uint count, uint frame)
{
    uint low = 0;
    uint high = count;
    while (high - low > 1) {
        uint middle = (low + high) / 2;
        if (points[first + middle].frame <= frame)
            low = middle;
        else
            high = middle;
    }
    mxd_mix_point_data point = points[first + low];
    if (low + 1 == count) { // what follows belongs to another curve
        point.next_frame = 0xffffffffu;
        point.slope = 0.0;
        point.slope_low = 0.0;
    }
    return point;
}

// The gain at a frame of the point's segment, as two floats: the upper 12 bits of its significand, and the rest.
vec2 find_gain(mxd_mix_point_data point, uint frame)
{
    precise float gain = point.gain;
    precise float rest = point.gain_low;
    if (point.slope != 0.0) {
        precise float steps = float(frame - point.frame); // exact below 2^24
        float product_error, sum_error;
        float change = two_product(steps, point.slope, product_error);
        gain = two_sum(gain, change, sum_error);
        rest = rest + sum_error;
        rest = rest + (product_error + steps * point.slope_low);
    }
    precise float high = upper(gain);
    rest = rest + (gain - high);
    return vec2(high, rest);
}

void main()
{
    const uint frame = push.first_frame +
                       (gl_WorkGroupID.y * gl_WorkGroupSize.x + gl_LocalInvocationID.x) * MXD_MIX_SAMPLES;
    if (frame >= push.end_frame)
        return;
    const mxd_mix_output_data mix_output = mixes[push.first_output + gl_WorkGroupID.x];

    vec4 sums = vec4(0.0);
    vec4 lost = vec4(0.0);
    for (uint e = 0; e < mix_output.num_edges; e++) {
        const mxd_mix_edge_data edge = edges[push.first_edge + mix_output.first_edge + e];
        const uint first_point = push.first_point + edge.first_point;
        const mxd_mix_point_data point = find_point(first_point, edge.num_points, frame);
        const vec2 gain = find_gain(point, frame);
        vec4 gain_high = vec4(gain.x);
        precise vec4 gain_rest = gain.y + vec4(0.0, 1.0, 2.0, 3.0) * point.slope;
        if (frame + MXD_MIX_SAMPLES > point.next_frame) { // a point among these samples
            for (uint n = 1; n < MXD_MIX_SAMPLES; n++) {
                const vec2 own = find_gain(find_point(first_point, edge.num_points, frame + n), frame + n);
                gain_high[n] = own.x;
                gain_rest[n] = own.y;
            }
        }
        // Upper times upper half is exact and its sum keeps what it loses (Knuth); the rest is 2^-12 as large, so that
        // plain arithmetic does.
        precise vec4 x = inputs[edge.lane * push.lane_vec4s + frame / 4];
        precise vec4 xh = uintBitsToFloat(floatBitsToUint(x) & 0xfffff000u);
        precise vec4 xl = x - xh;
        precise vec4 product = xh * gain_high;
        precise vec4 sum = sums + product;
        precise vec4 product_part = sum - sums;
        precise vec4 sums_part = sum - product_part;
        precise vec4 product_lost = product - product_part;
        precise vec4 sums_lost = sums - sums_part;
        precise vec4 small = xl * gain_high + x * gain_rest;
        small = small + (sums_lost + product_lost);
        precise vec4 total = lost + small;
        lost = total;
        sums = sum;
    }
    precise vec4 result = sums + lost;
    outputs[mix_output.lane * push.lane_vec4s + frame / 4] = result;
}
