/*
 * Samples as files hold them into lanes. A span of interleaved frames is read
 * once for all lanes that want a channel of it: a tile of it becomes `real`s as
 * it lies, in the first-level cache, and from there each lane takes its
 * channel. Few lanes out of many channels pick theirs from the span itself.
 */
#include "../square.h"
#include "real.h"
#include "unpack.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

mxd_unpack_function MXD_CPU(mxd_unpack);

/* Samples of a tile: 8 KiB of float. */
#define TILE_SAMPLES 2048u
/* Below this share of a span's channels the whole span is not worth converting. */
#define FEW_LANES(num_channels) ((num_channels) / 4)

/* At any address, as anything. */
typedef int16_t loose_s16 __attribute__((aligned(1), may_alias));
typedef int32_t loose_s32 __attribute__((aligned(1), may_alias));
typedef float loose_f32 __attribute__((aligned(1), may_alias));

static inline real real_of_s16(int32_t value)
{
    return (real)value * (real)0x1p-15;
}

static inline real real_of_s24(int32_t value)
{
    return (real)value * (real)0x1p-23;
}

static inline real real_of_s32(int32_t value)
{
    return (real)value * (real)0x1p-31;
}

/* The first of at least two samples: a byte of the second is read with it. */
static inline int32_t s24_of_four(const unsigned char *from)
{
    return (int32_t)((uint32_t)*(const loose_s32 *)from << 8) >> 8;
}

static inline int32_t s24_of_three(const unsigned char *from)
{
    return (int32_t)((uint32_t)from[0] << 8 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 24) >> 8;
}

/* ---- As it lies ---------------------------------------------------------- */

#if MXD_REAL_BITS == 32 && (defined __SSSE3__ || defined __aarch64__)
/* Four samples lie in 12 bytes; each goes to the upper three of four. Wider registers hold several such fours. */
#if defined __AVX2__
#define FOURS 2
#else
#define FOURS 1
#endif
#define STEP_SAMPLES (4 * FOURS)
typedef unsigned char sixteen __attribute__((vector_size(16)));
typedef unsigned char spread_bytes __attribute__((vector_size(16 * FOURS)));
typedef int32_t spread_samples __attribute__((vector_size(16 * FOURS)));
typedef float spread_floats __attribute__((vector_size(16 * FOURS), aligned(4), may_alias));

/* Returns how many of the samples it has done. Each load reads four bytes beyond its samples. */
static size_t unpack_s24_wide(const unsigned char *from, size_t num_samples, float *to)
{
    size_t done = 0;
    for (; num_samples - done >= STEP_SAMPLES + 2; done += STEP_SAMPLES, from += 3 * STEP_SAMPLES) {
        sixteen low;
        memcpy(&low, from, sizeof low);
#if FOURS == 2
        sixteen high;
        memcpy(&high, from + 12, sizeof high);
        spread_bytes both = __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
                                                    17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
        both = __builtin_shufflevector(both, both, 0, 0, 1, 2, 3, 3, 4, 5, 6, 6, 7, 8, 9, 9, 10, 11, 16, 16, 17, 18, 19,
                                       19, 20, 21, 22, 22, 23, 24, 25, 25, 26, 27);
#else
        spread_bytes both = __builtin_shufflevector(low, low, 0, 0, 1, 2, 3, 3, 4, 5, 6, 6, 7, 8, 9, 9, 10, 11);
#endif
        spread_samples values = (spread_samples)both >> 8;
        *(spread_floats *)(to + done) = __builtin_convertvector(values, spread_floats) * 0x1p-23f;
    }
    return done;
}
#else
static size_t unpack_s24_wide(const unsigned char *from, size_t num_samples, real *to)
{
    (void)from, (void)num_samples, (void)to;
    return 0;
}
#endif

static void unpack_s24(const unsigned char *from, size_t num_samples, real *to)
{
    size_t i = unpack_s24_wide(from, num_samples, to);
    for (; i + 1 < num_samples; i++)
        to[i] = real_of_s24(s24_of_four(from + 3 * i));
    if (i < num_samples)
        to[i] = real_of_s24(s24_of_three(from + 3 * i));
}

static void unpack_as_it_lies(const unsigned char *from, mxd_sample_format format, size_t num_samples, real *to)
{
    switch (format) {
    case MXD_SAMPLES_F32:
        for (size_t i = 0; i < num_samples; i++)
            to[i] = ((const loose_f32 *)from)[i];
        break;
    case MXD_SAMPLES_S16:
        for (size_t i = 0; i < num_samples; i++)
            to[i] = real_of_s16(((const loose_s16 *)from)[i]);
        break;
    case MXD_SAMPLES_S24:
        unpack_s24(from, num_samples, to);
        break;
    case MXD_SAMPLES_S32:
        for (size_t i = 0; i < num_samples; i++)
            to[i] = real_of_s32(((const loose_s32 *)from)[i]);
        break;
    }
}

/* ---- Channel by channel -------------------------------------------------- */

/* The product in double: what a clip's gain gives that is applied after decoding, to the bit. */
static void apply_gain(real *samples, uint32_t num_frames, double gain)
{
    if (gain != 1.0)
        for (uint32_t i = 0; i < num_frames; i++)
            samples[i] = (real)(samples[i] * gain);
}

/* One channel out of interleaved reals; the common width apart, so that the compiler can use shuffles. */
static void pick_channel(const real *restrict from, uint32_t num_channels, uint32_t num_frames, real *restrict to)
{
    if (num_channels == 2)
        for (uint32_t i = 0; i < num_frames; i++)
            to[i] = from[2 * (size_t)i];
    else
        for (uint32_t i = 0; i < num_frames; i++)
            to[i] = from[num_channels * (size_t)i];
}

MXD_DEFINE_TRANSPOSE(transpose_square, real);

/* Four neighbouring channels: four frames of them are a square that is turned over. */
static void pick_four_channels(const real *restrict from, uint32_t num_channels, uint32_t num_frames,
                               real *const to[4])
{
    uint32_t i = 0;
    for (; i + 4 <= num_frames; i += 4) {
        const real *row = from + (size_t)i * num_channels;
        const real *const rows[4] = {row, row + num_channels, row + 2 * (size_t)num_channels,
                                     row + 3 * (size_t)num_channels};
        transpose_square(rows, (real *const[4]){to[0] + i, to[1] + i, to[2] + i, to[3] + i});
    }
    for (; i < num_frames; i++)
        for (uint32_t k = 0; k < 4; k++)
            to[k][i] = from[(size_t)i * num_channels + k];
}

static bool are_neighbours(const mxd_unpack_lane *lanes, uint32_t num_lanes)
{
    for (uint32_t k = 1; k < 4; k++)
        if (k >= num_lanes || lanes[k].channel != lanes[0].channel + k)
            return false;
    return true;
}

/* Lanes' frames from frame `at` on, out of a tile of interleaved reals. */
static void spread_tile(const real *tile, uint32_t num_channels, uint32_t at, uint32_t num_frames,
                        const mxd_unpack_lane *lanes, uint32_t num_lanes)
{
    for (uint32_t l = 0; l < num_lanes;) {
        const real *from = tile + lanes[l].channel;
        if (are_neighbours(lanes + l, num_lanes - l)) {
            real *to[4];
            for (uint32_t k = 0; k < 4; k++)
                to[k] = (real *)lanes[l + k].samples + at;
            pick_four_channels(from, num_channels, num_frames, to);
            l += 4;
        } else {
            pick_channel(from, num_channels, num_frames, (real *)lanes[l].samples + at);
            l++;
        }
    }
    for (uint32_t l = 0; l < num_lanes; l++)
        apply_gain((real *)lanes[l].samples + at, num_frames, lanes[l].gain);
}

/* One channel straight from the span, a frame at a time. */
static void pick_packed(const unsigned char *from, mxd_sample_format format, uint32_t num_channels,
                        uint32_t num_frames, real *to)
{
    size_t step = (size_t)mxd_sample_bytes(format) * num_channels;
    switch (format) {
    case MXD_SAMPLES_F32:
        for (uint32_t i = 0; i < num_frames; i++)
            to[i] = *(const loose_f32 *)(from + i * step);
        break;
    case MXD_SAMPLES_S16:
        for (uint32_t i = 0; i < num_frames; i++)
            to[i] = real_of_s16(*(const loose_s16 *)(from + i * step));
        break;
    case MXD_SAMPLES_S24:
        for (uint32_t i = 0; i + 1 < num_frames; i++)
            to[i] = real_of_s24(s24_of_four(from + i * step));
        to[num_frames - 1] = real_of_s24(s24_of_three(from + (num_frames - 1) * step));
        break;
    case MXD_SAMPLES_S32:
        for (uint32_t i = 0; i < num_frames; i++)
            to[i] = real_of_s32(*(const loose_s32 *)(from + i * step));
        break;
    }
}

void MXD_CPU(mxd_unpack)(const void *frames, mxd_sample_format format, uint32_t num_channels, uint32_t num_frames,
                         const mxd_unpack_lane *lanes, uint32_t num_lanes)
{
    const unsigned char *from = frames;
    uint32_t sample_bytes = mxd_sample_bytes(format);
    if (num_frames == 0)
        return;
    if (num_channels == 1 && num_lanes > 0) {
        unpack_as_it_lies(from, format, num_frames, lanes[0].samples);
        for (uint32_t l = 1; l < num_lanes; l++)
            memcpy(lanes[l].samples, lanes[0].samples, num_frames * sizeof(real));
        for (uint32_t l = 0; l < num_lanes; l++)
            apply_gain(lanes[l].samples, num_frames, lanes[l].gain);
        return;
    }
    if (num_lanes <= FEW_LANES(num_channels) || num_channels > TILE_SAMPLES) {
        for (uint32_t l = 0; l < num_lanes; l++) {
            pick_packed(from + (size_t)sample_bytes * lanes[l].channel, format, num_channels, num_frames,
                        lanes[l].samples);
            apply_gain(lanes[l].samples, num_frames, lanes[l].gain);
        }
        return;
    }
    real tile[TILE_SAMPLES] __attribute__((aligned(64)));
    uint32_t tile_frames = TILE_SAMPLES / num_channels;
    for (uint32_t at = 0; at < num_frames; at += tile_frames) {
        uint32_t count = num_frames - at < tile_frames ? num_frames - at : tile_frames;
        unpack_as_it_lies(from + (size_t)sample_bytes * num_channels * at, format, (size_t)count * num_channels, tile);
        spread_tile(tile, num_channels, at, count, lanes, num_lanes);
    }
}
