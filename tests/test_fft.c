/*
 * The convolver's transform, every variant at every size, against FFTW's
 * transform in double precision: each bin, the way back, and the product of two
 * windows against a plain sum.
 */
#include "host/cpu/variants.h"

#include <complex.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fftw3.h>

#define PI 3.14159265358979323846

/* Reals of a variant, aligned. */
typedef struct signal {
    void *data;
    uint32_t real_bytes;
} signal;

static signal make_signal(const mxd_fft_kernels *fft, size_t count)
{
    size_t size = (count * fft->real_bytes + 63) / 64 * 64;
    signal made = {aligned_alloc(64, size), fft->real_bytes};
    assert_non_null(made.data);
    memset(made.data, 0, size);
    return made;
}

static double get(signal from, size_t index)
{
    return from.real_bytes == 4 ? ((const float *)from.data)[index] : ((const double *)from.data)[index];
}

static void put(signal to, size_t index, double value)
{
    if (to.real_bytes == 4)
        ((float *)to.data)[index] = (float)value;
    else
        ((double *)to.data)[index] = value;
}

static void *half_of(signal window, size_t size)
{
    return (char *)window.data + size * window.real_bytes;
}

/* White, full scale, the same in every run. */
static double noise(uint64_t index)
{
    uint64_t z = 0x9e3779b97f4a7c15u * (index + 1);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) / 4503599627370496.0 - 1;
}

static double complex bin_of(const mxd_fft_kernels *fft, signal spectrum, size_t bin)
{
    size_t at = bin / fft->vec_reals * 2 * fft->vec_reals + bin % fft->vec_reals;
    return get(spectrum, at) + I * get(spectrum, at + fft->vec_reals);
}

/*
 * Which root of X^size = i each bin stands for: the window X itself has the root
 * as its bin. Number k is exp(2 pi i (k + 1/4) / size).
 */
static void find_order(const mxd_fft_kernels *fft, const void *made, size_t size, uint32_t *order)
{
    signal window = make_signal(fft, 2 * size), spectrum = make_signal(fft, 2 * size);
    bool *seen = calloc(size, sizeof *seen);
    assert_non_null(seen);
    put(window, 1, 1);
    fft->forward(made, window.data, half_of(window, size), spectrum.data);
    for (size_t i = 0; i < size; i++) {
        double turns = carg(bin_of(fft, spectrum, i)) / (2 * PI);
        double number = turns * (double)size - 0.25;
        size_t k = (size_t)(llround(number) + (long long)size) % size;
        assert_true(fabs(number - round(number)) < 0.25);
        assert_false(seen[k]);
        seen[k] = true;
        order[i] = (uint32_t)k;
    }
    free(seen);
    free(window.data);
    free(spectrum.data);
}

/*
 * FFTW's bins of the same window: a rotation by a quarter of a bin turns X^size
 * = i into X^size = 1, of which the DFT has the roots.
 */
static fftw_complex *bins_of_fftw(signal window, size_t size)
{
    fftw_complex *bins = fftw_malloc(size * sizeof *bins);
    assert_non_null(bins);
    fftw_plan plan = fftw_plan_dft_1d((int)size, bins, bins, FFTW_BACKWARD, FFTW_ESTIMATE);
    assert_non_null(plan);
    for (size_t i = 0; i < size; i++)
        bins[i] = (get(window, i) + I * get(window, i + size)) * cexp(2 * PI * I * (double)i / (4 * (double)size));
    fftw_execute(plan);
    fftw_destroy_plan(plan);
    return bins;
}

/*
 * A transform of 2^n points errs by 0.6 sqrt(n) roundings in energy (Gentleman
 * and Sande 1966); of ours, whose every pass multiplies, 0.75 sqrt(n).
 */
static double allowed_error(const mxd_fft_kernels *fft, uint32_t log2)
{
    return 0.75 * sqrt(log2) * (fft->real_bytes == 4 ? 0x1p-24 : 0x1p-53);
}

/* FFTW's, in double, and a rounding of the rotation before it. */
static double witness_error(uint32_t log2)
{
    return (0.6 * sqrt(log2) + 1) * 0x1p-53;
}

static void check_size(const mxd_cpu_variant *variant, uint32_t log2)
{
    const mxd_fft_kernels *fft = variant->fft;
    size_t size = (size_t)1 << log2;
    void *made = fft->create(log2);
    uint32_t *order = calloc(size, sizeof *order);
    assert_non_null(made);
    assert_non_null(order);
    find_order(fft, made, size, order);

    signal window = make_signal(fft, 2 * size), spectrum = make_signal(fft, 2 * size), back = make_signal(fft, size);
    for (size_t i = 0; i < 2 * size; i++)
        put(window, i, noise(i));
    fft->forward(made, window.data, half_of(window, size), spectrum.data);
    fftw_complex *expected = bins_of_fftw(window, size);
    double error = 0, energy = 0, peak = 0;
    for (size_t i = 0; i < size; i++) {
        double difference = cabs(bin_of(fft, spectrum, i) - expected[order[i]]);
        error += difference * difference;
        energy += pow(cabs(expected[order[i]]), 2);
        peak = fmax(peak, difference);
    }
    double rms = sqrt(energy / (double)size);
    error = sqrt(error / energy);

    fft->inverse(made, spectrum.data, back.data);
    double back_error = 0, back_energy = 0;
    for (size_t i = 0; i < size; i++) {
        back_error += pow(get(back, i) / (double)size - get(window, size + i), 2);
        back_energy += pow(get(window, size + i), 2);
    }
    back_error = sqrt(back_error / back_energy);
    double allowed = allowed_error(fft, log2) + witness_error(log2);
    /* Of 2^20 bins, none lies 6 times the root of the energy away; there and back is two transforms. */
    if (!(error <= allowed) || !(peak <= 6 * allowed * rms) || !(back_error <= sqrt(2) * allowed)) {
        print_message("%s, 2^%u: energy %.3g, peak %.3g, back %.3g of what is allowed\n", variant->name, log2,
                      error / allowed, peak / (6 * allowed * rms), back_error / (sqrt(2) * allowed));
        fail();
    }
    fftw_free(expected);
    free(window.data);
    free(spectrum.data);
    free(back.data);
    free(order);
    fft->destroy(made);
}

static void test_against_fftw(void **state)
{
    (void)state;
    for (uint32_t v = 0; mxd_cpu_get(v); v++)
        for (uint32_t log2 = mxd_cpu_get(v)->fft->min_log2; log2 <= mxd_cpu_get(v)->fft->max_log2; log2++)
            check_size(mxd_cpu_get(v), log2);
}

/* A window times X^d is that window shifted; what leaves it comes back negated at its beginning. */
static void test_shift(void **state)
{
    (void)state;
    for (uint32_t v = 0; mxd_cpu_get(v); v++) {
        const mxd_fft_kernels *fft = mxd_cpu_get(v)->fft;
        size_t size = 512;
        void *made = fft->create(9);
        assert_non_null(made);
        for (size_t shift = 0; shift < 2 * size; shift += 51) {
            signal window = make_signal(fft, 2 * size), power = make_signal(fft, 2 * size);
            signal a = make_signal(fft, 2 * size), b = make_signal(fft, 2 * size), back = make_signal(fft, size);
            for (size_t i = 0; i < 2 * size; i++)
                put(window, i, noise(i));
            put(power, shift, 1);
            fft->forward(made, window.data, half_of(window, size), a.data);
            fft->forward(made, power.data, half_of(power, size), b.data);
            for (size_t i = 0; i < 2 * size; i += 2 * fft->vec_reals)
                for (size_t j = i; j < i + fft->vec_reals; j++) {
                    double complex product = (get(a, j) + I * get(a, j + fft->vec_reals)) *
                                             (get(b, j) + I * get(b, j + fft->vec_reals));
                    put(a, j, creal(product));
                    put(a, j + fft->vec_reals, cimag(product));
                }
            fft->inverse(made, a.data, back.data);
            for (size_t i = 0; i < size; i++) {
                size_t from = size + i;
                double expected = from >= shift ? get(window, from - shift) : -get(window, 2 * size + from - shift);
                /* Three transforms and a product, 6 times their energy's root. */
                double allowed = 6 * 2 * allowed_error(fft, 9) * 0.58;
                assert_true(fabs(get(back, i) / (double)size - expected) <= allowed);
            }
            free(window.data);
            free(power.data);
            free(a.data);
            free(b.data);
            free(back.data);
        }
        fft->destroy(made);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_fftw),
        cmocka_unit_test(test_shift),
    };
    return cmocka_run_group_tests_name("transform", tests, NULL, NULL);
}
