/*
 * True peak (ITU-R BS.1770-5 annex 2): the largest magnitude of the signal
 * interpolated to 4 or 2 times its rate, frames across SIMD lanes. The filter
 * comes from host/measure/filters.c. A stretch whose largest input times the
 * filter's gain stays below the peak found so far is not interpolated at all:
 * of real programme that is nearly all, and the result is the same.
 */
#include "meter_kernels.h"
#include "real.h"

#include <string.h>

bool MXD_CPU(mxd_true_peak)(const mxd_true_peak_filter *filter, const float *history, const float *frames,
                            uint64_t num_frames, float *sample_peak, float *true_peak);

/* 64 bytes on AVX-512 were measured to be slower than 32. */
#if defined __AVX__
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif
#define LANES (VECTOR_BYTES / sizeof(real))
/* Two vectors at once: with 3 phases that makes 6 independent sums, enough to hide an addition's latency. */
#define STEP_FRAMES (2 * LANES)

typedef real vector __attribute__((vector_size(VECTOR_BYTES)));
#if MXD_REAL_BITS == 64
typedef int64_t integer;
#define INT_MAX_OF_REAL INT64_MAX
#else
typedef int32_t integer;
#define INT_MAX_OF_REAL INT32_MAX
#endif
typedef integer integers __attribute__((vector_size(VECTOR_BYTES)));
typedef float narrow __attribute__((vector_size(LANES * sizeof(float))));

/* Frames that are passed over or interpolated as one; a multiple of STEP_FRAMES, and not less than the history. */
#define CHUNK_FRAMES 128

/*
 * float32 sums of 24 products come out at most 24 x 2^-24 x gain above the exact ones; the bound is raised by
 * far more than that, so that nothing is passed over which the interpolation would have put on top.
 */
#define BOUND_MARGIN 1.0001f

#define MAGNITUDE_BITS 0x7fffffff
#define INFINITY_BITS 0x7f800000

/* The taps as each kernel wants them: every one in all lanes. */
typedef struct spread_taps {
    vector taps[MXD_TRUE_PEAK_MAX_PHASES][MXD_TRUE_PEAK_MAX_TAPS];
} spread_taps;

/*
 * The largest magnitude as the bits of a float: without their sign, floats are ordered like the integers of
 * their bits, with infinity and then every NaN on top, so nothing non-finite gets lost as it would in a
 * comparison of floats.
 */
static int32_t magnitude_bits(const float *x, uint32_t num_frames)
{
    int32_t highest = 0;
    for (uint32_t i = 0; i < num_frames; i++) {
        int32_t bits;
        memcpy(&bits, &x[i], sizeof(bits));
        bits &= MAGNITUDE_BITS;
        highest = bits > highest ? bits : highest;
    }
    return highest;
}

static float float_of_bits(int32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof(x));
    return x;
}

static inline __attribute__((always_inline)) vector load(const float *x)
{
    narrow loaded;
    memcpy(&loaded, x, sizeof(loaded));
    return __builtin_convertvector(loaded, vector);
}

/* *highest = the larger, lane by lane, of itself and the magnitude of x. */
static inline __attribute__((always_inline)) void keep_larger(vector *highest, vector x)
{
    integers magnitude = (integers)x & INT_MAX_OF_REAL;
    /* Of magnitudes, the larger float is the larger integer. */
    integers larger = magnitude > (integers)*highest;
    *highest = (vector)((magnitude & larger) | ((integers)*highest & ~larger));
}

/*
 * Largest magnitude of all phases over num_frames frames from x on. From x[-num_taps + 1] to the end of the last
 * step of STEP_FRAMES can be read. num_phases and num_taps are constants at every call.
 */
static inline __attribute__((always_inline)) real interpolate(const spread_taps *filter, const float *x,
                                                              uint32_t num_frames, uint32_t num_phases,
                                                              uint32_t num_taps)
{
    vector highest[2] = {{0}};
    for (uint32_t i = 0; i < num_frames; i += STEP_FRAMES) {
        vector sum[MXD_TRUE_PEAK_MAX_PHASES][2] = {{{0}}};
        for (uint32_t k = 0; k < num_taps; k++) {
            vector x0 = load(x + i - k);
            vector x1 = load(x + i - k + LANES);
            for (uint32_t p = 0; p < num_phases; p++) {
                sum[p][0] += filter->taps[p][k] * x0;
                sum[p][1] += filter->taps[p][k] * x1;
            }
        }
        if (i + STEP_FRAMES > num_frames) /* past the end lies nothing that was measured */
            for (uint32_t p = 0; p < num_phases; p++)
                memset((char *)sum[p] + (num_frames - i) * sizeof(real), 0,
                       (i + STEP_FRAMES - num_frames) * sizeof(real));
        for (uint32_t p = 0; p < num_phases; p++) {
            keep_larger(&highest[0], sum[p][0]);
            keep_larger(&highest[1], sum[p][1]);
        }
    }
    real result = 0;
    for (uint32_t l = 0; l < LANES; l++) {
        result = highest[0][l] > result ? highest[0][l] : result;
        result = highest[1][l] > result ? highest[1][l] : result;
    }
    return result;
}

static real interpolate_chunk(const mxd_true_peak_filter *filter, const spread_taps *taps, const float *x,
                              uint32_t num_frames)
{
    return filter->num_phases == 3 ? interpolate(taps, x, num_frames, 3, MXD_TRUE_PEAK_TAPS_4X)
                                   : interpolate(taps, x, num_frames, 1, MXD_TRUE_PEAK_TAPS_2X);
}

static void spread(const mxd_true_peak_filter *filter, spread_taps *taps)
{
    for (uint32_t p = 0; p < filter->num_phases; p++)
        for (uint32_t k = 0; k < filter->num_taps; k++)
            taps->taps[p][k] = (vector){0} + (real)filter->taps[p][k];
}

bool MXD_CPU(mxd_true_peak)(const mxd_true_peak_filter *filter, const float *history, const float *frames,
                            uint64_t num_frames, float *sample_peak, float *true_peak)
{
    bool ready = false;
    spread_taps taps;
    int32_t sample_bits = 0;
    float peak = *true_peak, gain = (float)filter->gain * BOUND_MARGIN;
    int32_t before = magnitude_bits(history, MXD_TRUE_PEAK_HISTORY);

    for (uint64_t at = 0; at < num_frames; at += CHUNK_FRAMES) {
        uint32_t n = num_frames - at < CHUNK_FRAMES ? (uint32_t)(num_frames - at) : CHUNK_FRAMES;
        int32_t now = magnitude_bits(frames + at, n);
        if (now >= INFINITY_BITS)
            return false;
        sample_bits = now > sample_bits ? now : sample_bits;
        float sample = float_of_bits(now), input = float_of_bits(now > before ? now : before);
        before = now;
        peak = sample > peak ? sample : peak;
        if (filter->num_phases == 0 || input * gain <= peak)
            continue;
        if (!ready) {
            spread(filter, &taps);
            ready = true;
        }
        real found;
        if (at > 0 && n == CHUNK_FRAMES) {
            found = interpolate_chunk(filter, &taps, frames + at, n);
        } else {
            /* The first chunk's past lies elsewhere, and a short chunk's last step would read past the end. */
            float joined[MXD_TRUE_PEAK_HISTORY + CHUNK_FRAMES] = {0};
            const float *past = at > 0 ? frames + at - MXD_TRUE_PEAK_HISTORY : history;
            memcpy(joined, past, MXD_TRUE_PEAK_HISTORY * sizeof(float));
            memcpy(joined + MXD_TRUE_PEAK_HISTORY, frames + at, n * sizeof(float));
            found = interpolate_chunk(filter, &taps, joined + MXD_TRUE_PEAK_HISTORY, n);
        }
        peak = (float)found > peak ? (float)found : peak;
    }
    float sample = float_of_bits(sample_bits);
    *sample_peak = sample > *sample_peak ? sample : *sample_peak;
    *true_peak = peak;
    return true;
}
