// The convolver (see convolve.h). Compiled with CONVOLVE_FORWARD or CONVOLVE_INVERSE, CONVOLVE_LOG2_SIZE and perhaps
// CONVOLVE_SPLIT, or with CONVOLVE_MULTIPLY.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "convolve.h"

layout(push_constant) uniform Push { mxd_convolve_push push; };
layout(std430, set = 0, binding = MXD_CONVOLVE_BINDING_INPUTS) readonly buffer Inputs { mxd_convolve_input_data inputs[]; };
layout(std430, set = 0, binding = MXD_CONVOLVE_BINDING_OUTPUTS) readonly buffer Outputs { mxd_convolve_output_data outputs[]; };

#ifdef CONVOLVE_MULTIPLY

layout(local_size_x_id = MXD_SPEC_WORKGROUP) in;
layout(std430, set = 0, binding = MXD_CONVOLVE_BINDING_RING) readonly buffer Ring { vec2 ring[]; };
layout(std430, set = 0, binding = MXD_CONVOLVE_BINDING_SEGMENTS) readonly buffer Segments { mxd_convolve_segment_data segments[]; };
layout(std430, set = 0, binding = MXD_CONVOLVE_BINDING_RESPONSES) readonly buffer Responses { vec2 responses[]; };
layout(std430, set = 0, binding = MXD_CONVOLVE_BINDING_SUMS) buffer Sums { vec2 sums[]; };

// The input's spectrum at a window; negative windows lie before the block.
vec2 load(mxd_convolve_input_data from, int window, uint frequency)
{
    if (window < -int(from.age) || window >= int(push.num_windows))
        return vec2(0.0);
    int slot = int(from.head) + window;
    if (slot < 0)
        slot += int(from.num_slots);
    if (slot >= int(from.num_slots))
        slot -= int(from.num_slots);
    return ring[(from.first_slot + uint(slot)) * push.size + frequency];
}

// Workgroups: x = frequencies, y = windows, z = output.
void main()
{
    const uint frequency = gl_GlobalInvocationID.x;
    const int window = int(push.first_window + gl_WorkGroupID.y * MXD_CONVOLVE_WINDOWS);
    const mxd_convolve_output_data to = outputs[push.first_output + gl_WorkGroupID.z];
    vec2 total[MXD_CONVOLVE_WINDOWS];
    [[unroll]] for (int b = 0; b < MXD_CONVOLVE_WINDOWS; b++)
        total[b] = vec2(0.0);

    const uint end_segment = min(to.num_segments, push.end_segment);
    for (uint s = push.first_segment; s < end_segment; s++) {
        const mxd_convolve_segment_data segment = segments[to.first_segment + s];
        const mxd_convolve_input_data from = inputs[push.first_input + to.first_input + segment.input_index];
        if (segment.page != push.response_page || from.page != push.ring_page ||
            from.history_write == MXD_CONVOLVE_NO_HISTORY)
            continue;
        // Partitions beyond the oldest spectrum meet only silence.
        const uint reach = from.age + uint(window) + MXD_CONVOLVE_WINDOWS;
        const uint end = min(segment.first_partition + segment.num_partitions, reach);
        // x[b]: spectrum for window b at the partition before; each partition shifts it by one window.
        vec2 x[MXD_CONVOLVE_WINDOWS];
        [[unroll]] for (int b = 0; b < MXD_CONVOLVE_WINDOWS; b++)
            x[b] = load(from, window + b + 1 - int(segment.first_partition), frequency);
        uint ago = segment.first_partition;
        while (ago < end) {
            vec2 inner[MXD_CONVOLVE_WINDOWS];
            [[unroll]] for (int b = 0; b < MXD_CONVOLVE_WINDOWS; b++)
                inner[b] = vec2(0.0);
            const uint inner_end = min(ago + MXD_CONVOLVE_INNER, end);
            for (; ago < inner_end; ago++) {
                [[unroll]] for (int b = MXD_CONVOLVE_WINDOWS - 1; b > 0; b--)
                    x[b] = x[b - 1];
                x[0] = load(from, window - int(ago), frequency);
                const uint spectrum = segment.first_spectrum + ago - segment.first_partition;
                const vec2 h = responses[spectrum * push.size + frequency];
                // Bin 0 is two real numbers, the others are one complex number.
                const float cross = frequency == 0 ? 0.0 : h.y;
                const float second = frequency == 0 ? h.y : h.x;
                [[unroll]] for (int b = 0; b < MXD_CONVOLVE_WINDOWS; b++)
                    inner[b] += vec2(h.x * x[b].x - cross * x[b].y, second * x[b].y + cross * x[b].x);
            }
            [[unroll]] for (int b = 0; b < MXD_CONVOLVE_WINDOWS; b++)
                total[b] += segment.gain * inner[b];
        }
    }

    [[unroll]] for (int b = 0; b < MXD_CONVOLVE_WINDOWS; b++) {
        if (window + b < int(push.num_windows)) {
            const uint at = (gl_WorkGroupID.z * push.num_windows + uint(window + b)) * push.size + frequency;
            sums[at] = push.add != 0 ? sums[at] + total[b] : total[b];
        }
    }
}

#else

const uint SIZE = 1u << CONVOLVE_LOG2_SIZE;
const uint THREADS = SIZE / MXD_CONVOLVE_POINTS;
layout(local_size_x = (1 << CONVOLVE_LOG2_SIZE) / MXD_CONVOLVE_POINTS) in;
layout(std430, set = 0, binding = MXD_CONVOLVE_BINDING_TWIDDLES) readonly buffer Twiddles { vec2 twiddles[]; };

// place(i): where point i lies. The first pass writes 8 apart, the second eight neighbours each, 64 apart, which would
// meet in few of shared memory's 32 banks of 4 bytes; exchanged like this, 32 consecutive invocations (of vec2, which
// take two banks, 16) meet different ones in both, and no padding is needed.
#ifdef CONVOLVE_SPLIT // real parts first, then imaginary ones, in half the memory
shared float points[SIZE];

uint place(uint i)
{
    return i ^ ((i >> 5) & 7) ^ (((i >> 6) & 3) << 3);
}
#else
shared vec2 points[SIZE];

uint place(uint i)
{
    return i ^ ((i >> 4) & 7) ^ ((i >> 3) & 8);
}
#endif

vec2 times(vec2 a, vec2 b)
{
    return vec2(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}

// a (-i)
vec2 quarter_turn(vec2 a)
{
    return vec2(a.y, -a.x);
}

void butterfly2(inout vec2 a, inout vec2 b)
{
    vec2 c = a - b;
    a = a + b;
    b = c;
}

// Transforms of 4 and 8 points, results in order.
void transform4(inout vec2 a, inout vec2 b, inout vec2 c, inout vec2 d)
{
    butterfly2(a, c);
    butterfly2(b, d);
    d = quarter_turn(d);
    butterfly2(a, b);
    butterfly2(c, d);
    vec2 swap = b;
    b = c;
    c = swap;
}

void transform8(inout vec2 v[8])
{
    const float half_root = 0.70710678118654752; // sqrt(1/2)
    butterfly2(v[0], v[4]);
    butterfly2(v[1], v[5]);
    butterfly2(v[2], v[6]);
    butterfly2(v[3], v[7]);
    v[5] = half_root * vec2(v[5].x + v[5].y, v[5].y - v[5].x);
    v[6] = quarter_turn(v[6]);
    v[7] = half_root * vec2(v[7].y - v[7].x, -v[7].x - v[7].y);
    transform4(v[0], v[1], v[2], v[3]);
    transform4(v[4], v[5], v[6], v[7]);
    vec2 w[8] = v;
    v[0] = w[0];
    v[1] = w[4];
    v[2] = w[1];
    v[3] = w[5];
    v[4] = w[2];
    v[5] = w[6];
    v[6] = w[3];
    v[7] = w[7];
}

const int NUM_PASSES = (CONVOLVE_LOG2_SIZE + 2) / 3;
// Passes of radix 8 first, then of radix 4: 8 = 3+3+2, 9 = 3+3+3, 10 = 3+3+2+2, 11 = 3+3+3+2, 12 = 3+3+3+3,
// 13 = 3+3+3+2+2.
const int NUM_RADIX4 = 3 * NUM_PASSES - CONVOLVE_LOG2_SIZE;

// v[m] goes to point to[m]; then a[m] becomes point from_a[m], b[m] point from_b[m].
void exchange(const vec2 v[8], const uint to[8], const uint from_a[8], const uint from_b[8], out vec2 a[8],
              out vec2 b[8])
{
#ifdef CONVOLVE_SPLIT
    [[unroll]] for (uint m = 0; m < 8; m++)
        points[place(to[m])] = v[m].x;
    barrier();
    [[unroll]] for (uint m = 0; m < 8; m++) {
        a[m].x = points[place(from_a[m])];
        b[m].x = points[place(from_b[m])];
    }
    barrier();
    [[unroll]] for (uint m = 0; m < 8; m++)
        points[place(to[m])] = v[m].y;
    barrier();
    [[unroll]] for (uint m = 0; m < 8; m++) {
        a[m].y = points[place(from_a[m])];
        b[m].y = points[place(from_b[m])];
    }
#else
    [[unroll]] for (uint m = 0; m < 8; m++)
        points[place(to[m])] = v[m];
    barrier();
    [[unroll]] for (uint m = 0; m < 8; m++) {
        a[m] = points[place(from_a[m])];
        b[m] = points[place(from_b[m])];
    }
#endif
}

// Stockham's transform (Govindaraju et al., "High performance discrete Fourier transforms on graphics processors",
// 2008): v[m] is point j + m THREADS on entry; on return it is point to[m] of the result.
void transform(inout vec2 v[8], uint j, out uint to[8])
{
    uint done = 1; // product of the radices so far
    uint own[8];
    [[unroll]] for (uint m = 0; m < 8; m++)
        own[m] = j + m * THREADS;
    [[unroll]] for (int pass = 0; pass < NUM_PASSES; pass++) {
        if (pass > 0) {
            vec2 next[8];
            vec2 unused[8];
            exchange(v, to, own, own, next, unused);
            barrier();
            v = next;
        }
        if (pass < NUM_PASSES - NUM_RADIX4) {
            const uint k = j % done;
            if (pass > 0) {
                [[unroll]] for (uint r = 1; r < 8; r++)
                    v[r] = times(v[r], twiddles[k * r * (2 * SIZE / (8 * done))]);
            }
            transform8(v);
            const uint first = (j / done) * done * 8 + k;
            [[unroll]] for (uint r = 0; r < 8; r++)
                to[r] = first + r * done;
            done *= 8;
        } else {
            [[unroll]] for (uint b = 0; b < 2; b++) {
                const uint jb = j + b * THREADS;
                const uint k = jb % done;
                [[unroll]] for (uint r = 1; r < 4; r++)
                    v[2 * r + b] = times(v[2 * r + b], twiddles[k * r * (2 * SIZE / (4 * done))]);
                transform4(v[b], v[2 + b], v[4 + b], v[6 + b]);
                const uint first = (jb / done) * done * 4 + k;
                [[unroll]] for (uint r = 0; r < 4; r++)
                    to[2 * r + b] = first + r * done;
            }
            done *= 4;
        }
    }
}

#ifdef CONVOLVE_FORWARD

layout(std430, set = 0, binding = MXD_CONVOLVE_BINDING_INPUT_LANES) readonly buffer InputLanes { vec2 input_lanes[]; };
layout(std430, set = 0, binding = MXD_CONVOLVE_BINDING_HISTORY) buffer History { vec2 history[]; };
layout(std430, set = 0, binding = MXD_CONVOLVE_BINDING_RING) writeonly buffer Ring { vec2 ring[]; };

// Two samples of the block; what lies beyond its end is silence, whatever the lane holds.
vec2 load_lane(uint lane, uint pair)
{
    vec2 two = vec2(0.0);
    if (2 * pair < push.num_frames)
        two = input_lanes[lane * (push.lane_frames / 2) + pair];
    if (2 * pair + 1 >= push.num_frames)
        two.y = 0.0;
    return two;
}

// Workgroups: x = window, y = input.
void main()
{
    #ifdef CONVOLVE_SPLIT
    mxd_poison(float, points, SIZE);
#else
    mxd_poison(vec2, points, SIZE);
#endif
    const uint j = mxd_invocation;
    const uint window = gl_WorkGroupID.x;
    const mxd_convolve_input_data from = inputs[push.first_input + gl_WorkGroupID.y];
    if (from.page != push.ring_page || from.history_write == MXD_CONVOLVE_NO_HISTORY)
        return; // the whole workgroup
    vec2 v[8];
    [[unroll]] for (uint m = 0; m < 4; m++) { // the P samples before the window
        const uint pair = j + m * THREADS;
        if (window > 0)
            v[m] = load_lane(from.lane, (window - 1) * (SIZE / 2) + pair);
        else if (from.history_read != MXD_CONVOLVE_NO_HISTORY)
            v[m] = history[from.history_read * (SIZE / 2) + pair];
        else
            v[m] = vec2(0.0);
    }
    [[unroll]] for (uint m = 4; m < 8; m++) { // its own
        const uint pair = j + (m - 4) * THREADS;
        v[m] = load_lane(from.lane, window * (SIZE / 2) + pair);
        if (window + 1 == push.num_windows)
            history[from.history_write * (SIZE / 2) + pair] = v[m];
    }
    uint at[8], own[8], mirrored[8];
    vec2 bins[8], mirror[8];
    transform(v, j, at);
    [[unroll]] for (uint m = 0; m < 8; m++) {
        own[m] = j + m * THREADS;
        mirrored[m] = (SIZE - own[m]) % SIZE;
    }
    exchange(v, at, own, mirrored, bins, mirror);

    uint slot = from.head + window;
    slot = slot >= from.num_slots ? slot - from.num_slots : slot;
    const uint to = (from.first_slot + slot) * SIZE;
    [[unroll]] for (uint m = 0; m < 8; m++) {
        const uint k = j + m * THREADS;
        const vec2 a = bins[m];
        const vec2 b = mirror[m];
        // Twice the transforms of the even and of the odd samples.
        const vec2 even = vec2(a.x + b.x, a.y - b.y);
        const vec2 odd = quarter_turn(vec2(a.x - b.x, a.y + b.y));
        vec2 bin = even + times(odd, twiddles[k]);
        if (k == 0)
            bin = vec2(even.x + odd.x, even.x - odd.x);
        ring[to + k] = bin;
    }
}

#else

layout(std430, set = 0, binding = MXD_CONVOLVE_BINDING_OUTPUT_LANES) writeonly buffer OutputLanes { vec2 output_lanes[]; };
layout(std430, set = 0, binding = MXD_CONVOLVE_BINDING_SUMS) readonly buffer Sums { vec2 sums[]; };

// Workgroups: x = window, y = output.
void main()
{
    #ifdef CONVOLVE_SPLIT
    mxd_poison(float, points, SIZE);
#else
    mxd_poison(vec2, points, SIZE);
#endif
    const uint j = mxd_invocation;
    const uint window = gl_WorkGroupID.x;
    const uint from = (gl_WorkGroupID.y * push.num_windows + window) * SIZE;
    vec2 v[8];
    [[unroll]] for (uint m = 0; m < 8; m++) {
        const uint k = j + m * THREADS;
        const vec2 a = sums[from + k];
        const vec2 b = sums[from + (SIZE - k) % SIZE];
        vec2 even = vec2(a.x + b.x, a.y - b.y);
        vec2 odd = vec2(a.x - b.x, a.y + b.y);
        const vec2 w = twiddles[k];
        odd = times(odd, vec2(w.x, -w.y));
        if (k == 0) {
            even = vec2(a.x + a.y, 0.0);
            odd = vec2(a.x - a.y, 0.0);
        }
        // even + i odd; real and imaginary part exchanged make the transform the inverse one.
        v[m] = vec2(even.y + odd.x, even.x - odd.y);
    }
    uint at[8], own[8];
    vec2 samples[8], unused[8];
    transform(v, j, at);
    [[unroll]] for (uint m = 0; m < 8; m++)
        own[m] = j + m * THREADS;
    exchange(v, at, own, own, samples, unused);

    const mxd_convolve_output_data to = outputs[push.first_output + gl_WorkGroupID.y];
    [[unroll]] for (uint m = 4; m < 8; m++) { // the first half has wrapped around
        output_lanes[to.lane * (push.lane_frames / 2) + window * (SIZE / 2) + j + (m - 4) * THREADS] = samples[m].yx;
    }
}

#endif
#endif
