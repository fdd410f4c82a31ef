// Fills lanes from packed samples (see unpack.h). Workgroups: x = item, so that the channels of the same frames run side
// by side and share the caches; y = span of frames.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "exact.glsl"
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

// number * (scale + scale_low), rounded once or nearly so, as the product of doubles is.
float multiply(float number, float scale, float scale_low)
{
    float error;
    precise float product = two_product(number, scale, error);
    precise float rest = number * scale_low;
    rest = rest + error;
    precise float result = product + rest;
    // An infinity has no error, and a sum would lose the sign of zero.
    return abs(product) < 3.4e38 && rest != 0.0 ? result : product;
}

// Of an item of the given format, without its scale.
float read_number(uint bits, uint format)
{
    if (format == MXD_UNPACK_F32)
        return uintBitsToFloat(bits);
    if (format == MXD_UNPACK_S16)
        return float(int(bits << 16) >> 16);
    if (format == MXD_UNPACK_S24)
        return float(int(bits << 8) >> 8);
    return round_to_float(int(bits));
}

uvec4 scale_numbers(uvec4 bits, uint format, float scale, float scale_low)
{
    // Written out: spirv-opt loses NoContraction where it unrolls a loop.
    return floatBitsToUint(vec4(multiply(read_number(bits.x, format), scale, scale_low),
                                multiply(read_number(bits.y, format), scale, scale_low),
                                multiply(read_number(bits.z, format), scale, scale_low),
                                multiply(read_number(bits.w, format), scale, scale_low)));
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
                samples[n] = bits_at(item.first_byte + (frame + n) * item.frame_bytes);
        if (item.format != MXD_UNPACK_F32 || item.scale != 1.0 || item.scale_low != 0.0)
            samples = scale_numbers(samples, item.format, item.scale, item.scale_low);
    }
    lanes[item.lane * push.lane_vec4s + (item.first_frame + frame) / MXD_UNPACK_SAMPLES] = samples;
}
