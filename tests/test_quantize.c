/* Quantizing with dither: every variant to the bit against rounding by the C library, sample by sample. */
#include "host/cpu/variants.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <float.h>
#include <math.h>

enum { MOST = 1031, GUARD = 16 };

/* SplitMix64 (Steele, Lea, Flood 2014): the counter-th number of the stream that starts at 0. */
static uint64_t split_mix(uint64_t counter)
{
    uint64_t z = counter;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static int32_t expected(float sample, uint32_t bit_depth, uint64_t counter, bool *clipped)
{
    double scale = ldexp(1.0, (int)bit_depth - 1);
    uint64_t random = split_mix(counter);
    double dither = ldexp((double)(random >> 32), -32) - ldexp((double)(random & UINT32_MAX), -32);
    double rounded = rint((double)sample * scale + dither);
    double kept = fmin(fmax(rounded, -scale), scale - 1.0);
    *clipped = kept != rounded;
    return (int32_t)kept;
}

/* Noise to and beyond full scale, and values where rounding and clipping turn. */
static float sample_at(uint32_t i)
{
    static const float odd[] = {0.0f, -0.0f, 1.0f, -1.0f, 0x1p-24f, -0x1p-24f, 0x1.fffffep-1f, FLT_MAX, -FLT_MAX, 1e-42f,
                                0x1.fffcp-1f, -0x1.0001p0f, 3.0f, -3.0f, 0x1p-16f, 0.5f};
    if (i % 3 == 0)
        return odd[i / 3 % 16];
    return (float)(split_mix(i * 77u) >> 40) / 8388608.0f - 1.0f;
}

static void variants_agree_with_rint(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 2, 7, 8, 127, 128, 129, MOST};
    float samples[MOST];
    int32_t integers[MOST + GUARD];
    for (uint32_t i = 0; i < MOST; i++)
        samples[i] = sample_at(i);
    for (uint32_t v = 0; mxd_cpu_get(v); v++)
        for (uint32_t bit_depth = 16; bit_depth <= 24; bit_depth += 8)
            for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
                const uint64_t start = UINT64_MAX - 3 * s * MXD_QUANTIZE_STRIDE; /* wraps */
                uint64_t num_clipped = 0;
                for (uint32_t i = 0; i < sizes[s] + GUARD; i++)
                    integers[i] = 0x55555555;
                uint64_t counted = mxd_cpu_get(v)->quantize(samples, sizes[s], bit_depth, start, integers);
                for (uint32_t i = 0; i < sizes[s]; i++) {
                    bool clipped;
                    int32_t wanted = expected(samples[i], bit_depth, start + i * MXD_QUANTIZE_STRIDE, &clipped);
                    num_clipped += clipped;
                    if (integers[i] != wanted)
                        fail_msg("%s, %u bits, %u samples: sample %u (%a) is %d, not %d", mxd_cpu_get(v)->name,
                                 bit_depth, sizes[s], i, samples[i], integers[i], wanted);
                }
                assert_true(counted == num_clipped);
                for (uint32_t i = 0; i < GUARD; i++)
                    assert_int_equal(integers[sizes[s] + i], 0x55555555);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(variants_agree_with_rint)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
