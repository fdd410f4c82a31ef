// Fills lanes from packed samples (see unpack.h). Workgroups: x = item, so that the channels of the same frames run side
// by side and share the caches; y = span of frames.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "unpack.h"

layout(local_size_x_id = MXD_SPEC_WORKGROUP) in;

layout(std430, set = 0, binding = MXD_UNPACK_BINDING_WORDS) readonly buffer Words { uint words[]; };
layout(std430, set = 0, binding = MXD_UNPACK_BINDING_ITEMS) readonly buffer Items { mxd_unpack_item_data items[]; };
// Not floats: bits that are only moved must not pass through a register that flushes denormals.
layout(std430, set = 0, binding = MXD_UNPACK_BINDING_LANES) writeonly buffer Lanes { uvec4 lanes[]; };
layout(push_constant) uniform Push { mxd_unpack_push push; };

// The 32 bits that begin at a byte, little-endian. All formats read so: what lies behind a shorter sample is dropped.
uint bits_at(uint first_byte)
{
    const uint word = first_byte / 4;
    const uint shift = first_byte % 4 * 8;
    uint bits = words[word] >> shift;
    if (shift != 0)
        bits |= words[word + 1] << (32 - shift);
    return bits;
}

// To nearest, ties to even, of any integer: Vulkan leaves open how a conversion rounds, so nothing is left to round.
float round_to_float(int value)
{
    uint magnitude = value < 0 ? 0u - uint(value) : uint(value);
    const int top = findMSB(magnitude);
    if (top > 23) {
        const uint dropped = uint(top - 23);
        magnitude += (1u << (dropped - 1)) - 1 + (magnitude >> dropped & 1);
        magnitude &= ~((1u << dropped) - 1);
    }
    const float rounded = float(magnitude);
    return value < 0 ? -rounded : rounded;
}

uint unpack_sample(uint first_byte, uint format, float scale)
{
    const uint bits = bits_at(first_byte);
    float number;
    if (format == MXD_UNPACK_F32) {
        if (scale == 1.0)
            return bits;
        number = uintBitsToFloat(bits);
    } else if (format == MXD_UNPACK_S16) {
        number = float(int(bits << 16) >> 16);
    } else if (format == MXD_UNPACK_S24) {
        number = float(int(bits << 8) >> 8);
    } else {
        number = round_to_float(int(bits));
    }
    return floatBitsToUint(number * scale);
}

void main()
{
    const mxd_unpack_item_data item = items[push.first_item + gl_WorkGroupID.x];
    const uint frame = push.first_frame + (gl_WorkGroupID.y * gl_WorkGroupSize.x + mxd_invocation) * MXD_UNPACK_SAMPLES;
    if (frame >= item.num_frames)
        return;
    uvec4 samples = uvec4(0);
    if (item.format != MXD_UNPACK_SILENCE) {
        [[unroll]] for (uint n = 0; n < MXD_UNPACK_SAMPLES; n++)
            if (frame + n < item.num_frames)
                samples[n] = unpack_sample(item.first_byte + (frame + n) * item.frame_bytes, item.format, item.scale);
    }
    lanes[item.lane * push.lane_vec4s + (item.first_frame + frame) / MXD_UNPACK_SAMPLES] = samples;
}
