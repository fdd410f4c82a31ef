/*
 * Samples to dithered integers, for files of 16 and 24 bits.
 *
 * Dither: the sum of two independent uniform variables of 1 LSB each makes the
 * first two moments of the error independent of the signal (Lipshitz,
 * Wannamaker, Vanderkooy, "Quantization and Dither: A Theoretical Survey",
 * JAES 40, 1992). Both come from one 64-bit hash of a counter, so they do not
 * depend on how the calls are cut.
 *
 * All of it is arithmetic of 64-bit lanes without branches, exact but for one
 * addition, so that every variant gives the same bits: the halves of the hash
 * become doubles by standing in the significand of 2^52, and rounding to an
 * integer is adding 1.5 x 2^52, whose significand then ends in the integer.
 */
#include "quantize.h"
#include "real.h"

#include <string.h>

mxd_quantizer MXD_CPU(mxd_quantize);

/* SplitMix64's finaliser (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014; the
 * constants are Stafford's variant 13). */
static inline uint64_t mix_bits(uint64_t bits)
{
    bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ bits >> 27) * 0x94d049bb133111ebu;
    return bits ^ bits >> 31;
}

/* 2^52 + value */
static inline double on_two_52(uint64_t value)
{
    uint64_t bits = value | 0x4330000000000000u;
    double sum;
    memcpy(&sum, &bits, sizeof sum);
    return sum;
}

uint64_t MXD_CPU(mxd_quantize)(const float *samples, uint32_t num_samples, uint32_t bit_depth, uint64_t counter,
                               int32_t *to)
{
    const double scale = bit_depth == 16 ? 0x1p15 : 0x1p23;
    const double lowest = -scale, highest = scale - 1.0, to_integer = 0x1.8p52;
    uint64_t num_clipped = 0;
    for (uint32_t i = 0; i < num_samples; i++) {
        uint64_t random = mix_bits(counter + i * MXD_QUANTIZE_STRIDE);
        /* The difference of two uniform 32-bit numbers, in LSB: triangular from -1 to 1. */
        double dither = (on_two_52(random >> 32) - on_two_52(random & UINT32_MAX)) * 0x1p-32;
        double value = (double)samples[i] * scale + dither;
        value = value > lowest - 1.0 ? value : lowest - 1.0; /* keeps the rounding below within its range */
        value = value < highest + 1.0 ? value : highest + 1.0;
        double rounded = (value + to_integer) - to_integer;
        double kept = rounded > lowest ? rounded : lowest;
        kept = kept < highest ? kept : highest;
        num_clipped += kept != rounded;
        kept += to_integer;
        uint64_t bits;
        memcpy(&bits, &kept, sizeof bits);
        to[i] = (int32_t)(uint32_t)bits;
    }
    return num_clipped;
}
