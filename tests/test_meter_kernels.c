/*
 * The meter's filters against the standard's table and closed forms, and its
 * kernels in every CPU variant against plain code of another shape.
 */
#include "host/cpu/meter_kernels.h"
#include "host/cpu/variants.h"
#include "host/measure/filters.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const double pi = 3.14159265358979323846;
static const uint32_t rates_hz[] = {8000,  11025, 16000, 22050,  32000,  44100,
                                    48000, 88200, 96000, 176400, 192000, 384000};
#define NUM_RATES (sizeof(rates_hz) / sizeof(rates_hz[0]))
static const uint32_t sizes[] = {1, 2, 22, 23, 24, 127, 128, 129, 255, 257, 480, 4799};
#define NUM_SIZES (sizeof(sizes) / sizeof(sizes[0]))

static uint32_t random_state = 20261120;

/* White, -1..1. */
static float noise(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (float)(random_state >> 8) / 8388608.0f - 1.0f;
}

static double energy_response_db(const mxd_k_weighting *w, double frequency_hz, uint32_t rate)
{
    /* |b0 + b1 / z + b2 / z^2|^2 on the unit circle, with real and imaginary part written out. */
    double angle = 2.0 * pi * frequency_hz / rate, total_db = 0.0;
    const double polynomials[4][3] = {{w->shelf_b[0], w->shelf_b[1], w->shelf_b[2]},
                                      {1.0, w->shelf_a[0], w->shelf_a[1]},
                                      {1.0, -2.0, 1.0},
                                      {1.0, w->high_pass_a[0], w->high_pass_a[1]}};
    for (int p = 0; p < 4; p++) {
        double re = polynomials[p][0] + polynomials[p][1] * cos(angle) + polynomials[p][2] * cos(2.0 * angle);
        double im = -polynomials[p][1] * sin(angle) - polynomials[p][2] * sin(2.0 * angle);
        total_db += (p % 2 == 0 ? 10.0 : -10.0) * log10(re * re + im * im);
    }
    return total_db;
}

/* The analogue prototypes at s = j * ratio * corner: B. De Man's parameters, written as response, not as recipe. */
static double prototype_db(double shelf_ratio, double high_pass_ratio)
{
    double high = pow(10.0, 3.999843853973347 / 20.0), band = pow(high, 0.4996667741545416);
    double q1 = 0.7071752369554196, q2 = 0.5003270373238773, x = shelf_ratio, y = high_pass_ratio;
    double shelf = (pow(1.0 - high * x * x, 2) + pow(band * x / q1, 2)) / (pow(1.0 - x * x, 2) + pow(x / q1, 2));
    double high_pass = pow(y, 4) / (pow(1.0 - y * y, 2) + pow(y / q2, 2));
    return 10.0 * log10(shelf * high_pass);
}

static void test_standard_table(void **state)
{
    (void)state;
    mxd_k_weighting w;
    mxd_k_weighting_design(48000, &w);
    const double got[] = {w.shelf_b[0], w.shelf_b[1], w.shelf_b[2],     w.shelf_a[0],
                          w.shelf_a[1], w.high_pass_a[0], w.high_pass_a[1]};
    /* ITU-R BS.1770-5 annex 1, tables 1 and 2, as printed. */
    static const double printed[] = {1.53512485958697,  -2.69169618940638, 1.19839281085285, -1.69065929318241,
                                     0.73248077421585,  -1.99004745483398, 0.99007225036621};
    for (size_t i = 0; i < 7; i++) {
        /* Half of the last digit printed, and the rounding of a double. */
        double error = fabs(got[i] - printed[i]);
        if (!(error <= 0.5e-14 + 4 * DBL_EPSILON))
            fail_msg("coefficient %zu is %.17g, the standard prints %.14f", i, got[i], printed[i]);
    }
}

static void test_response(void **state)
{
    (void)state;
    for (size_t r = 0; r < NUM_RATES; r++) {
        uint32_t rate = rates_hz[r];
        mxd_k_weighting w;
        mxd_k_weighting_design(rate, &w);
        double k = tan(pi * 38.13547087602444 / rate), a0 = 1.0 + k / 0.5003270373238773 + k * k;
        for (double f = 5.0; f < 0.49 * rate; f *= 1.1) {
            double warped = tan(pi * f / rate);
            double expected = prototype_db(warped / tan(pi * 1681.974450955533 / rate), warped / k) + 20.0 * log10(a0);
            double got = energy_response_db(&w, f, rate);
            /* Near 5 Hz the polynomials cancel down to (2 pi 5 / 384000)^2 = 7e-9 of their terms. */
            if (!(fabs(got - expected) <= 1e-5))
                fail_msg("%u Hz: %.1f Hz comes out at %.7f dB, not %.7f", rate, f, got, expected);
        }
    }
}

/* The same curve at every rate: a meter must not care. Against the 48 kHz one, which is the standard's own. */
static void test_rates_agree(void **state)
{
    (void)state;
    mxd_k_weighting standard;
    mxd_k_weighting_design(48000, &standard);
    for (size_t r = 0; r < NUM_RATES; r++) {
        mxd_k_weighting w;
        mxd_k_weighting_design(rates_hz[r], &w);
        uint32_t lower = rates_hz[r] < 48000 ? rates_hz[r] : 48000;
        for (double f = 20.0; f < lower / 16.0; f *= 1.1) {
            double difference = energy_response_db(&w, f, rates_hz[r]) - energy_response_db(&standard, f, 48000);
            /* The bilinear transform moves f by (pi f / rate)^2 / 3, 1.3 % at rate / 16, on a slope of less than
             * 4 dB an octave; the un-normalised high-pass gives a0, 0.04 dB at 48 kHz and 0.25 dB at 8 kHz. */
            double k = tan(pi * 38.13547087602444 / rates_hz[r]), k48 = tan(pi * 38.13547087602444 / 48000);
            double a0_db = 20.0 * log10((1.0 + k / 0.5003270373238773 + k * k) /
                                        (1.0 + k48 / 0.5003270373238773 + k48 * k48));
            if (!(fabs(difference - a0_db) <= 0.1))
                fail_msg("%u Hz: %.1f Hz differs by %.3f dB from 48 kHz", rates_hz[r], f, difference);
        }
    }
}

/* A sine through the kernel of every variant gains what the response says. */
static void test_sine_energy(void **state)
{
    (void)state;
    static const double frequencies_hz[] = {25.0, 100.0, 500.0, 1000.0, 2000.0, 10000.0};
    static const uint32_t rates[] = {44100, 48000, 192000};
    for (size_t r = 0; r < 3; r++) {
        uint32_t rate = rates[r];
        float *x = malloc(2 * rate * sizeof(*x));
        assert_non_null(x);
        mxd_k_weighting w;
        mxd_k_weighting_design(rate, &w);
        for (size_t i = 0; i < 6; i++) {
            double f = frequencies_hz[i];
            for (uint32_t n = 0; n < 2 * rate; n++)
                x[n] = (float)sin(2.0 * pi * f * n / rate);
            double expected = energy_response_db(&w, f, rate) - 10.0 * log10(2.0);
            for (uint32_t v = 0; mxd_cpu_get(v); v++) {
                mxd_k_state memory = {{0}};
                const float *channel = x;
                double settle, energy;
                mxd_cpu_get(v)->meter->k_energy(&w, &memory, &channel, 1, 0, rate, &settle);
                mxd_cpu_get(v)->meter->k_energy(&w, &memory, &channel, 1, rate, rate, &energy);
                /* A whole number of periods; float32 samples are off by 2^-25, evenly: far below 1e-6 dB. */
                double got = 10.0 * log10(energy / rate);
                if (!(fabs(got - expected) <= 1e-6))
                    fail_msg("%s: %g Hz at %u Hz comes out at %.8f dB, not %.8f", mxd_cpu_get(v)->name, f, rate, got,
                             expected);
            }
        }
        free(x);
    }
}

/* Direct form I in long double: another structure, another precision. */
static double plain_energy(const mxd_k_weighting *w, const float *x, uint32_t first, uint32_t end)
{
    long double x1 = 0, x2 = 0, y1 = 0, y2 = 0, z1 = 0, z2 = 0, sum = 0;
    for (uint32_t i = 0; i < end; i++) {
        long double y = w->shelf_b[0] * (long double)x[i] + w->shelf_b[1] * x1 + w->shelf_b[2] * x2 -
                        w->shelf_a[0] * y1 - w->shelf_a[1] * y2;
        long double z = y - 2 * y1 + y2 - w->high_pass_a[0] * z1 - w->high_pass_a[1] * z2;
        x2 = x1, x1 = x[i], y2 = y1, y1 = y, z2 = z1, z1 = z;
        sum += i >= first ? z * z : 0;
    }
    return (double)sum;
}

static void test_k_energy(void **state)
{
    (void)state;
    enum { LENGTH = 2 * 4799 };
    static float x[MXD_K_MAX_CHANNELS][LENGTH];
    const double guard = -12345.0;
    mxd_k_weighting w;
    mxd_k_weighting_design(48000, &w);
    const float *channels[MXD_K_MAX_CHANNELS];
    for (int c = 0; c < MXD_K_MAX_CHANNELS; c++) {
        channels[c] = x[c];
        /* Levels from full scale to -240 dB, on a constant of 0.25 in every third: what a high-pass must take out. */
        for (int i = 0; i < LENGTH; i++)
            x[c][i] = noise() * powf(10.0f, -(float)c) + (c % 3 == 2 ? 0.25f : 0.0f);
    }
    for (uint32_t v = 0; mxd_cpu_get(v); v++) {
        for (size_t s = 0; s < NUM_SIZES; s++) {
            for (uint32_t num = 1; num <= MXD_K_MAX_CHANNELS; num++) {
                mxd_k_state memory[MXD_K_MAX_CHANNELS] = {{{0}}};
                double energy[MXD_K_MAX_CHANNELS + 1];
                for (int twice = 0; twice < 2; twice++) {
                    energy[num] = guard;
                    mxd_cpu_get(v)->meter->k_energy(&w, memory, channels, num, twice * sizes[s], sizes[s], energy);
                    assert_true(energy[num] == guard);
                    for (uint32_t c = num > 3 ? num - 1 : 0; c < num; c++) {
                        double expected = plain_energy(&w, x[c], twice * sizes[s], (twice + 1) * sizes[s]);
                        /* Rounding (2^-53 of the largest sample) grows by at most (rate / (2 pi 38 Hz))^2 = 4e4 in
                         * the double pole: 5e-12 of amplitude, beside which the quietest channel's is 1e-11. */
                        double error = fabs(sqrt(energy[c]) - sqrt(expected));
                        double scale = c % 3 == 2 ? 0.25 : pow(10.0, -(double)c);
                        if (!(error <= 5e-12 * scale * sqrt(sizes[s]) + 1e-12 * sqrt(expected)))
                            fail_msg("%s: %u frames, channel %u of %u, call %d: energy %g, not %g",
                                     mxd_cpu_get(v)->name, sizes[s], c, num, twice, energy[c], expected);
                    }
                }
            }
        }
    }
}

static void test_k_energy_non_finite(void **state)
{
    (void)state;
    mxd_k_weighting w;
    mxd_k_weighting_design(48000, &w);
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (uint32_t v = 0; mxd_cpu_get(v); v++) {
        for (int b = 0; b < 3; b++) {
            float x[480] = {0};
            x[b == 0 ? 0 : 479] = bad[b];
            const float *channel = x;
            mxd_k_state memory = {{0}};
            double energy = 0.0;
            mxd_cpu_get(v)->meter->k_energy(&w, &memory, &channel, 1, 0, 480, &energy);
            assert_false(isfinite(energy));
        }
    }
}

/* A state that dies away must end at nought, not in denormals: a second of silence after a click. */
static void test_k_state_ends(void **state)
{
    (void)state;
    static float x[4800];
    const float *channel = x;
    mxd_k_weighting w;
    mxd_k_weighting_design(48000, &w);
    for (uint32_t v = 0; mxd_cpu_get(v); v++) {
        mxd_k_state memory = {{0}};
        double energy;
        x[0] = 1.0f;
        mxd_cpu_get(v)->meter->k_energy(&w, &memory, &channel, 1, 0, 4800, &energy);
        assert_true(energy > 0.0);
        x[0] = 0.0f;
        for (int i = 0; i < 10; i++)
            mxd_cpu_get(v)->meter->k_energy(&w, &memory, &channel, 1, 0, 4800, &energy);
        for (int k = 0; k < 4; k++)
            assert_true(memory.s[k] == 0.0);
        assert_true(energy == 0.0);
    }
}

/* ---- True peak ------------------------------------------------------------- */

/*
 * Largest magnitude of the signal interpolated by `factor`, written as the sum of shifted sinc pulses that it is.
 * x[0..history) is the past. The values between frames lag by the filter's reach, the frames themselves do not.
 */
static double plain_true_peak(const float *x, int history, int num_frames, int factor)
{
    int reach = factor == 4 ? 6 : 12; /* input frames to either side under the window */
    double highest = 0.0;
    for (int i = history; i < history + num_frames; i++) {
        for (int p = 1; p < factor; p++) {
            double sum = 0.0, at = i - reach + (double)p / factor;
            for (int k = i - 2 * reach; k <= i; k++) {
                double t = at - k;
                if (k >= 0 && fabs(t) < reach)
                    sum += x[k] * (t == 0.0 ? 1.0 : sin(pi * t) / (pi * t)) * pow(cos(pi * t / (2.0 * reach)), 2);
            }
            highest = fabs(sum) > highest ? fabs(sum) : highest;
        }
        highest = fabs((double)x[i]) > highest ? fabs((double)x[i]) : highest;
    }
    return highest;
}

static void check_true_peak(const mxd_cpu_variant *variant, uint32_t rate, const float *x, uint32_t num_frames,
                            float start, const char *what)
{
    mxd_true_peak_filter filter;
    mxd_true_peak_design(rate, &filter);
    int factor = (int)filter.num_phases + 1;
    float sample = 0.0f, peak = start, highest = 0.0f;
    for (uint32_t i = 0; i < num_frames + MXD_TRUE_PEAK_HISTORY; i++)
        highest = fabsf(x[i]) > highest ? fabsf(x[i]) : highest;
    assert_true(variant->meter->true_peak(&filter, x, x + MXD_TRUE_PEAK_HISTORY, num_frames, &sample, &peak));
    double expected = factor == 1 ? 0.0 : plain_true_peak(x, MXD_TRUE_PEAK_HISTORY, (int)num_frames, factor);
    float expected_sample = 0.0f;
    for (uint32_t i = MXD_TRUE_PEAK_HISTORY; i < num_frames + MXD_TRUE_PEAK_HISTORY; i++)
        expected_sample = fabsf(x[i]) > expected_sample ? fabsf(x[i]) : expected_sample;
    expected = expected_sample > expected ? (double)expected_sample : expected;
    expected = (double)start > expected ? (double)start : expected;
    assert_true(sample == expected_sample);
    /* 24 products and sums in float32, and a tap's own rounding, each at most 2^-24 of gain x largest sample,
     * or half the smallest denormal, 2^-150. */
    double tolerance = 49.0 * (ldexp(filter.gain + 1.0, -24) * (double)highest + ldexp(1.0, -150));
    if (!(fabs((double)peak - expected) <= tolerance))
        fail_msg("%s: %s, %u frames at %u Hz from %g on: true peak %.9g, not %.9g", variant->name, what, num_frames,
                 rate, (double)start, (double)peak, expected);
}

static void test_true_peak(void **state)
{
    (void)state;
    static const uint32_t rates[] = {44100, 48000, 96000, 176400, 192000};
    static float x[4799 + MXD_TRUE_PEAK_HISTORY];
    for (uint32_t v = 0; mxd_cpu_get(v); v++) {
        for (size_t r = 0; r < 5; r++) {
            for (size_t s = 0; s < NUM_SIZES; s++) {
                /* Noise that swells and fades, so that chunks are passed over here and not there. */
                for (uint32_t i = 0; i < sizes[s] + MXD_TRUE_PEAK_HISTORY; i++)
                    x[i] = noise() * (0.6f + 0.4f * sinf((float)i / 150.0f));
                check_true_peak(mxd_cpu_get(v), rates[r], x, sizes[s], 0.0f, "noise");
                check_true_peak(mxd_cpu_get(v), rates[r], x, sizes[s], 1.0f, "noise");
                check_true_peak(mxd_cpu_get(v), rates[r], x, sizes[s], 9.0f, "noise");
                memset(x, 0, sizeof(x));
                check_true_peak(mxd_cpu_get(v), rates[r], x, sizes[s], 0.0f, "silence");
                for (uint32_t i = 0; i < sizes[s] + MXD_TRUE_PEAK_HISTORY; i++)
                    x[i] = noise() * 1e-40f;
                check_true_peak(mxd_cpu_get(v), rates[r], x, sizes[s], 0.0f, "denormals");
            }
        }
    }
}

/*
 * A pair of full-scale samples peaks between them (1.27 at 4 x): it must be found wherever it stands to chunks, steps
 * and the ends, also when the pair itself is already past and only its ringing is left, and never before it comes.
 */
static void test_true_peak_everywhere(void **state)
{
    (void)state;
    static float x[300 + MXD_TRUE_PEAK_HISTORY];
    for (uint32_t v = 0; mxd_cpu_get(v); v++) {
        for (int rate = 48000; rate <= 96000; rate += 48000) {
            for (int at = 0; at + 1 < 300 + MXD_TRUE_PEAK_HISTORY; at++) {
                memset(x, 0, sizeof(x));
                x[at] = x[at + 1] = 1.0f;
                check_true_peak(mxd_cpu_get(v), (uint32_t)rate, x, 300, 0.0f, "pair");
            }
        }
    }
}

/*
 * The signal that drives the filter as high as it can go, +-1 by the taps' signs, when all but that height has been
 * found already: it must not be passed over, wherever it stands.
 */
static void test_true_peak_bound(void **state)
{
    (void)state;
    static float x[300 + MXD_TRUE_PEAK_HISTORY];
    for (uint32_t v = 0; mxd_cpu_get(v); v++) {
        for (uint32_t rate = 48000; rate <= 96000; rate += 48000) {
            mxd_true_peak_filter filter;
            mxd_true_peak_design(rate, &filter);
            int num_taps = (int)filter.num_taps;
            for (int at = num_taps; at < 300 + MXD_TRUE_PEAK_HISTORY; at++) {
                memset(x, 0, sizeof(x));
                for (int k = 0; k < num_taps; k++)
                    x[at - k] = filter.taps[filter.num_phases / 2][k] < 0.0 ? -1.0f : 1.0f;
                check_true_peak(mxd_cpu_get(v), rate, x, 300, (float)filter.gain * 0.999f, "signs of the taps");
            }
        }
    }
}

static void test_true_peak_non_finite(void **state)
{
    (void)state;
    const float bad[] = {NAN, -NAN, INFINITY, -INFINITY};
    mxd_true_peak_filter filter;
    mxd_true_peak_design(48000, &filter);
    for (uint32_t v = 0; mxd_cpu_get(v); v++) {
        for (int at = 0; at < 300; at += 13) {
            for (int b = 0; b < 4; b++) {
                float x[300] = {0}, history[MXD_TRUE_PEAK_HISTORY] = {0}, sample = 0.0f, peak = 10.0f;
                x[at] = bad[b];
                assert_false(mxd_cpu_get(v)->meter->true_peak(&filter, history, x, 300, &sample, &peak));
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_standard_table),      cmocka_unit_test(test_response),
        cmocka_unit_test(test_rates_agree),         cmocka_unit_test(test_sine_energy),
        cmocka_unit_test(test_k_energy),            cmocka_unit_test(test_k_energy_non_finite),
        cmocka_unit_test(test_k_state_ends),        cmocka_unit_test(test_true_peak),
        cmocka_unit_test(test_true_peak_everywhere), cmocka_unit_test(test_true_peak_bound),
        cmocka_unit_test(test_true_peak_non_finite),
    };
    printf("seed %u\n", random_state);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
