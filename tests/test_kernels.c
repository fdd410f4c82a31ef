/*
 * Every kernel case on every backend that this computer has, against the
 * reference; the reference against formulas, plain loops and a published
 * convolution; and the checks that stand in front of every backend.
 *
 * MXD_SEED=N repeats a run with another seed; MXD_VERBOSE=1 prints every error.
 */
#include "host/cpu/variants.h"
#include "host/threads.h"
#include "kernel_cases.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sndfile.h>

#define PI 3.14159265358979323846
/* Half a unit in the last place of a float32 near 1: what one rounding errs by at most, relatively. */
#define ROUNDING 0x1p-24

static uint64_t the_seed(void)
{
    const char *text = getenv("MXD_SEED");
    return text ? strtoull(text, NULL, 0) : 20260607;
}

static void print_problems(const mxd_problems *problems)
{
    for (size_t i = 0; i < mxd_problems_count(problems); i++)
        print_message("    %s\n", mxd_problems_get(problems, i)->text);
}

/* ---- Running a case ------------------------------------------------------ */

/* The case's outputs, to be freed; NULL after a message. */
static float *run_case(const kernel_case *test, const char *where, mxd_backend_creator *creator, uint32_t threads,
                       uint32_t device)
{
    mxd_problems *problems = mxd_problems_create();
    assert_non_null(problems);
    size_t count = (size_t)kernel_case_num_outputs(test) * test->num_frames;
    float *outputs = malloc(count * sizeof *outputs);
    assert_non_null(outputs);
    bool guards_hold = false;
    kernel_rig *rig = kernel_rig_create(test, the_seed(), creator, threads, device, problems);
    mxd_result result = rig ? kernel_rig_run(rig, outputs, &guards_hold) : MXD_ERROR_MEMORY;
    kernel_rig_destroy(rig);
    bool good = result == MXD_OK && guards_hold && !mxd_problems_have_errors(problems);
    if (!good) {
        print_message("%s, %s, \"%s\", seed %llu: result %d, guard lanes %s\n", where, kernel_name(test->kernel),
                      test->name, (unsigned long long)the_seed(), (int)result, guards_hold ? "hold" : "overwritten");
        print_problems(problems);
        free(outputs);
        outputs = NULL;
    }
    mxd_problems_destroy(problems);
    return outputs;
}

typedef struct difference {
    double peak, rms;           /* of the error */
    double signal_peak, signal_rms; /* of what is expected */
    size_t worst;
} difference;

static difference compare(const float *found, const double *expected, size_t count)
{
    difference d = {0};
    for (size_t i = 0; i < count; i++) {
        double error = fabs(found[i] - expected[i]);
        if (!(error <= d.peak)) {
            d.peak = error;
            d.worst = i;
        }
        d.rms += error * error;
        d.signal_peak = fmax(d.signal_peak, fabs(expected[i]));
        d.signal_rms += expected[i] * expected[i];
    }
    d.rms = sqrt(d.rms / (double)count);
    d.signal_rms = sqrt(d.signal_rms / (double)count);
    return d;
}

/*
 * What float32 may err by, against double.
 *
 * eq: one section rounds its output about 5 times, at up to 3 times its level
 * (a bell's m1 term); its six coefficients are rounded, which a resonance of
 * Q <= 2.5 multiplies, and its states are compensated: 32 roundings a section at
 * worst, added up over the cascade. The errors of sections are independent:
 * their energies add, at about a quarter of the worst.
 *
 * convolve: a transform of 2^n points errs by about 0.6 sqrt(n) roundings in
 * energy (Gentleman and Sande 1966), n <= 20, and there are three of them, the
 * product and the sum: below 3 * 0.6 * sqrt(20) + 2 = 10 roundings of the
 * energy; and half a rounding for each partial sum, independent of each other,
 * of which there are 64 unless short blocks allow no longer partitions than a
 * quarter of one. The error is noise over a whole window: its peak is 6 times its
 * energy's root (of 10^5 samples one passes 4.5), and is measured against the
 * loudest window, for which the peak stands.
 *
 * mix: an edge adds two or three roundings of its gain and one of the partial
 * sum, which is about 2 for eight edges of full scale; independent: root of the
 * number of edges; 6 times that at the peak. The last rounding is of the sum.
 *
 * Denormals may count as zero: 2^-126 for each sum.
 */
static void tolerances(const kernel_case *test, const difference *d, double *peak, double *rms)
{
    double depth = kernel_case_depth(test) + 1.0;
    double floor_ = 0x1p-126 * 64 * depth;
    double partitions = fmax(64, 4.0 * test->size / test->block_frames);
    switch (test->kernel) {
    case KERNEL_EQ:
        *peak = depth * 32 * ROUNDING * d->signal_peak + floor_;
        *rms = sqrt(depth) * 8 * ROUNDING * fmax(d->signal_rms, d->signal_peak / 8) + floor_;
        break;
    case KERNEL_CONVOLVE:
        *rms = (10 + 0.5 * sqrt(partitions)) * ROUNDING * fmax(d->signal_rms, d->signal_peak / 8) + floor_;
        *peak = 6 * *rms;
        break;
    default:
        *rms = (2 * sqrt(depth) + 1) * ROUNDING * fmin(1, d->signal_peak) + floor_;
        *peak = 6 * (2 * sqrt(depth)) * ROUNDING * fmin(1, d->signal_peak) + ROUNDING * d->signal_peak + floor_;
    }
}

static double decibels(double value)
{
    return 20 * log10(fmax(value, 1e-300));
}

/* Prints and returns 1 if the outputs are wrong. */
static int judge(const kernel_case *test, const char *where, const float *outputs, const float *reference)
{
    size_t count = (size_t)kernel_case_num_outputs(test) * test->num_frames;
    double *expected = malloc(count * sizeof *expected);
    assert_non_null(expected);
    for (size_t i = 0; i < count; i++)
        expected[i] = reference[i];
    difference d = compare(outputs, expected, count);
    free(expected);
    double peak, rms;
    tolerances(test, &d, &peak, &rms);
    bool good = d.peak <= peak && d.rms <= rms;
    if (!good || getenv("MXD_VERBOSE"))
        print_message("%s, %s, \"%s\" (%s, block %u, frames %u, rows %u, inputs %u, outputs %u, size %u, flags %u, "
                      "seed %llu): peak %.1f dB (allowed %.1f) at lane %zu frame %zu, energy %.1f dB (allowed %.1f), "
                      "signal peak %.1f\n",
                      where, kernel_name(test->kernel), test->name, signal_name(test->signal), test->block_frames,
                      test->num_frames, test->num_rows, test->num_inputs, test->num_outputs, test->size, test->flags,
                      (unsigned long long)the_seed(), decibels(d.peak), decibels(peak), d.worst / test->num_frames,
                      d.worst % test->num_frames, decibels(d.rms), decibels(rms), decibels(d.signal_peak));
    return good ? 0 : 1;
}

static mxd_backend_creator *reference_creator(void)
{
    return mxd_cpu_reference()->create_backend;
}

static int count_failures(const char *where, mxd_backend_creator *creator, uint32_t threads, uint32_t device)
{
    int failures = 0;
    for (size_t i = 0; i < num_kernel_test_cases; i++) {
        const kernel_case *test = &kernel_test_cases[i];
        float *expected = run_case(test, "reference", reference_creator(), 1, 0);
        float *found = run_case(test, where, creator, threads, device);
        failures += !expected || !found ? 1 : judge(test, where, found, expected);
        free(expected);
        free(found);
    }
    return failures;
}

static void test_cpu_variants(void **state)
{
    (void)state;
    for (uint32_t i = 1; mxd_cpu_get(i); i++) {
        print_message("%s, %s\n", mxd_cpu_get(i)->name, mxd_cpu_get(i)->simd);
        assert_int_equal(count_failures(mxd_cpu_get(i)->name, mxd_cpu_get(i)->create_backend, 2, 0), 0);
    }
}

static void test_vulkan(void **state)
{
    (void)state;
    mxd_vulkan_device devices[8];
    uint32_t count = mxd_vulkan_devices(devices, 8), tested = 0;
    for (uint32_t i = 0; i < count && i < 8; i++) {
        if (!devices[i].usable)
            continue;
        print_message("%s, %s\n", devices[i].name, devices[i].driver);
        assert_int_equal(count_failures(devices[i].name, mxd_backend_vulkan_create, 0, i), 0);
        tested++;
    }
    if (tested == 0) {
        print_message("no usable Vulkan device: install a driver (mesa-vulkan-drivers has one for the CPU)\n");
        skip();
    }
}

/* Two runs, and any number of threads, give the same bits. */
static void test_same_bits(void **state)
{
    (void)state;
    int failures = 0;
    for (size_t i = 0; i < num_kernel_test_cases; i++) {
        const kernel_case *test = &kernel_test_cases[i];
        size_t size = (size_t)kernel_case_num_outputs(test) * test->num_frames * sizeof(float);
        float *one = run_case(test, "one thread", mxd_cpu_best()->create_backend, 1, 0);
        for (uint32_t threads = 2; threads <= 7; threads += 5) {
            float *more = run_case(test, "more threads", mxd_cpu_best()->create_backend, threads, 0);
            if (!one || !more || memcmp(one, more, size) != 0) {
                print_message("%s, \"%s\": %u threads give other bits than one\n", kernel_name(test->kernel),
                              test->name, threads);
                failures++;
            }
            free(more);
        }
        free(one);
    }
    assert_int_equal(failures, 0);
}

/* Blocks of 256 frames against blocks of 2^15: what differs is where sums are cut. */
static void test_block_sizes(void **state)
{
    (void)state;
    for (uint32_t v = 0; mxd_cpu_get(v); v++)
        for (size_t i = 0; i < num_kernel_test_cases; i++) {
            kernel_case test = kernel_test_cases[i];
            if (test.flags & (CASE_PAUSES | CASE_RESTARTS))
                continue;
            test.block_frames = 256;
            float *few = run_case(&test, "blocks of 256", mxd_cpu_get(v)->create_backend, 2, 0);
            test.block_frames = 1u << 15;
            float *large = run_case(&test, "blocks of 32768", mxd_cpu_get(v)->create_backend, 2, 0);
            assert_non_null(few);
            assert_non_null(large);
            test.block_frames = 256; /* whose sums are the longer ones */
            assert_int_equal(judge(&test, mxd_cpu_get(v)->name, few, large), 0);
            free(few);
            free(large);
        }
}

/* ---- The reference against what we did not write with it ----------------- */

/*
 * One section as a biquad in direct form 1, from the analogue prototype
 * m0 + (m1 s + m2) / (s^2 + k s + 1) by the bilinear transform.
 */
static void filter_direct(const mxd_svf *svf, double *x, size_t num_frames)
{
    double g = svf->g, a0 = 1 + g * svf->k + g * g, a1 = 2 * (g * g - 1), a2 = 1 - g * svf->k + g * g;
    double b0 = svf->m0 * a0 + svf->m1 * g + svf->m2 * g * g;
    double b1 = svf->m0 * a1 + 2 * svf->m2 * g * g;
    double b2 = svf->m0 * a2 - svf->m1 * g + svf->m2 * g * g;
    double x1 = 0, x2 = 0, y1 = 0, y2 = 0;
    for (size_t n = 0; n < num_frames; n++) {
        double y = (b0 * x[n] + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2) / a0;
        x2 = x1;
        x1 = x[n];
        y2 = y1;
        y1 = y;
        x[n] = y;
    }
}

static void truth_of_eq(const kernel_rig *rig, const kernel_case *test, double *expected)
{
    for (uint32_t row = 0; row < test->num_rows; row++) {
        double *lane = expected + (size_t)row * test->num_frames;
        const mxd_eq_row *eq = kernel_rig_eq_row(rig, row);
        for (uint32_t n = 0; n < test->num_frames; n++)
            lane[n] = kernel_rig_input(rig, row)[n];
        for (uint32_t i = 0; i < eq->num_sections; i++)
            filter_direct(&eq->sections[i], lane, test->num_frames);
    }
}

static void truth_of_convolve(const kernel_rig *rig, const kernel_case *test, double *expected)
{
    for (uint32_t row = 0; row < test->num_rows; row++) {
        const mxd_convolve_row *matrix = kernel_rig_convolve_row(rig, row);
        for (uint32_t c = 0; c < matrix->num_cells; c++) {
            const mxd_convolve_cell *cell = &matrix->cells[c];
            const float *x = kernel_rig_input(rig, row * test->num_inputs + cell->input);
            double *y = expected + ((size_t)row * test->num_outputs + cell->output) * test->num_frames;
            for (uint32_t k = 0; k < cell->num_frames; k++) {
                double h = cell->gain * cell->response[k];
                for (uint32_t n = k + cell->delay_frames; n < test->num_frames; n++)
                    y[n] += h * x[n - k - cell->delay_frames];
            }
        }
    }
}

static void truth_of_mix(const kernel_rig *rig, const kernel_case *test, double *expected)
{
    for (uint32_t o = 0; o < test->num_outputs; o++)
        for (uint32_t i = 0; i < test->num_inputs; i++)
            for (uint32_t n = 0; n < test->num_frames; n++)
                expected[(size_t)o * test->num_frames + n] +=
                    kernel_rig_gain(rig, o, i, n) * kernel_rig_input(rig, i)[n];
}

static void test_reference(void **state)
{
    (void)state;
    int failures = 0;
    for (size_t i = 0; i < num_kernel_test_cases; i++) {
        const kernel_case *test = &kernel_test_cases[i];
        /* Plain loops: up to a second of work; the longest case is for comparing backends. */
        double work = (double)test->num_frames * test->num_rows * test->num_inputs * test->num_outputs * test->size;
        if ((test->flags & (CASE_PAUSES | CASE_RESTARTS)) || (test->kernel == KERNEL_CONVOLVE && work > 1e9))
            continue;
        size_t count = (size_t)kernel_case_num_outputs(test) * test->num_frames;
        mxd_problems *problems = mxd_problems_create();
        kernel_rig *rig = kernel_rig_create(test, the_seed(), reference_creator(), 2, 0, problems);
        double *expected = calloc(count, sizeof *expected);
        float *found = calloc(count, sizeof *found);
        assert_true(rig && expected && found);
        assert_int_equal(kernel_rig_run(rig, found, NULL), MXD_OK);
        if (test->kernel == KERNEL_EQ)
            truth_of_eq(rig, test, expected);
        else if (test->kernel == KERNEL_CONVOLVE)
            truth_of_convolve(rig, test, expected);
        else
            truth_of_mix(rig, test, expected);
        difference d = compare(found, expected, count);
        /* The download rounds to float32 once; what double itself errs by is a millionth of that. */
        double allowed = 1.001 * ROUNDING * d.signal_peak + 0x1p-149;
        if (!(d.peak <= allowed)) {
            print_message("reference, %s, \"%s\", seed %llu: peak %.2f dB (allowed %.2f) at lane %zu frame %zu\n",
                          kernel_name(test->kernel), test->name, (unsigned long long)the_seed(), decibels(d.peak),
                          decibels(allowed), d.worst / test->num_frames, d.worst % test->num_frames);
            failures++;
        }
        free(expected);
        free(found);
        kernel_rig_destroy(rig);
        mxd_problems_destroy(problems);
    }
    assert_int_equal(failures, 0);
}

/* A backend with one eq, ready; lane 0. */
static mxd_backend *make_eq(mxd_backend_creator *creator, const mxd_svf *sections, uint32_t num_sections,
                            uint32_t block_frames)
{
    const mxd_backend_params params = {.num_lanes = 1, .block_frames = block_frames, .blocks_in_flight = 1};
    mxd_backend *backend = NULL;
    assert_int_equal(mxd_backend_create_with(creator, &params, NULL, &backend), MXD_OK);
    uint32_t step;
    assert_int_equal(mxd_backend_add_eq(backend, &(mxd_eq_row){0, sections, num_sections}, 1, &step), MXD_OK);
    assert_int_equal(mxd_backend_prepare(backend), MXD_OK);
    return backend;
}

static void filter_block(mxd_backend *backend, const float *input, float *output, uint32_t num_frames)
{
    const uint32_t row = 0;
    const mxd_upload upload = {0, input};
    const mxd_download download = {0, output};
    const mxd_step_run run = {.step = 0, .rows = &row, .num_rows = 1};
    const mxd_block block = {num_frames, &upload, 1, &run, 1, &download, 1};
    uint64_t ticket;
    assert_int_equal(mxd_backend_submit(backend, &block, &ticket), MXD_OK);
    assert_int_equal(mxd_backend_wait(backend, ticket), MXD_OK);
}

/* |H| of an impulse response at one frequency. */
static double magnitude_at(const float *response, uint32_t num_frames, double radians)
{
    double re = 0, im = 0;
    for (uint32_t n = 0; n < num_frames; n++) {
        re += response[n] * cos(radians * n);
        im -= response[n] * sin(radians * n);
    }
    return hypot(re, im);
}

/*
 * Figures that every textbook has: a bell of +6 dB has 6 dB at its centre and
 * 0 dB at 0 Hz; a Butterworth low-pass has -3.01 dB at its corner; four of its
 * kind (8th order, Q from the poles' angles) again -3.01 dB; a high-pass lets
 * nothing through at 0 Hz.
 */
static void test_eq_figures(void **state)
{
    (void)state;
    enum { FRAMES = 1 << 16 };
    static float impulse[FRAMES], response[FRAMES];
    impulse[0] = 1;
    double g = tan(PI * 1000 / 48000), w = 2 * PI * 1000 / 48000;
    for (uint32_t v = 0; mxd_cpu_get(v); v++) {
        double a = pow(10, 6.0 / 40), k = 1 / (2.0 * a);
        mxd_svf bell = {g, k, 1, k * (a * a - 1), 0};
        mxd_backend *backend = make_eq(mxd_cpu_get(v)->create_backend, &bell, 1, FRAMES);
        filter_block(backend, impulse, response, FRAMES);
        assert_true(fabs(decibels(magnitude_at(response, FRAMES, w)) - 6) < 1e-4);
        assert_true(fabs(decibels(magnitude_at(response, FRAMES, 0))) < 1e-4);
        mxd_backend_destroy(backend);

        mxd_svf low[4];
        for (int i = 0; i < 4; i++)
            low[i] = (mxd_svf){g, 2 * cos(PI * (2 * i + 1) / 16), 0, 0, 1};
        backend = make_eq(mxd_cpu_get(v)->create_backend, low, 4, FRAMES);
        filter_block(backend, impulse, response, FRAMES);
        assert_true(fabs(decibels(magnitude_at(response, FRAMES, w)) + 10 * log10(2)) < 1e-4);
        assert_true(fabs(decibels(magnitude_at(response, FRAMES, 0))) < 1e-4);
        mxd_backend_destroy(backend);

        mxd_svf high = {g, sqrt(2), 1, -sqrt(2), -1};
        backend = make_eq(mxd_cpu_get(v)->create_backend, &high, 1, FRAMES);
        filter_block(backend, impulse, response, FRAMES);
        assert_true(fabs(decibels(magnitude_at(response, FRAMES, w)) + 10 * log10(2)) < 1e-4);
        assert_true(magnitude_at(response, FRAMES, 0) < 1e-5);
        mxd_backend_destroy(backend);
    }
}

/*
 * The case that breaks float filters: 20 Hz at 48 and 192 kHz, a full-scale sine
 * on the corner. The project's bound between backends is -120 dBFS.
 */
static void test_eq_low_frequency(void **state)
{
    (void)state;
    enum { FRAMES = 1 << 18 };
    float *input = malloc(FRAMES * sizeof *input), *output = malloc(FRAMES * sizeof *output);
    double *expected = malloc(FRAMES * sizeof *expected);
    assert_true(input && output && expected);
    for (double rate = 48000; rate <= 192000; rate *= 4)
        for (uint32_t v = 1; mxd_cpu_get(v); v++) {
            mxd_svf high = {tan(PI * 20 / rate), sqrt(2), 1, -sqrt(2), -1};
            for (int n = 0; n < FRAMES; n++)
                expected[n] = input[n] = (float)(0.999 * sin(2 * PI * 20 * n / rate));
            filter_direct(&high, expected, FRAMES);
            mxd_backend *backend = make_eq(mxd_cpu_get(v)->create_backend, &high, 1, FRAMES);
            filter_block(backend, input, output, FRAMES);
            mxd_backend_destroy(backend);
            difference d = compare(output, expected, FRAMES);
            if (!(decibels(d.peak) <= -120))
                print_message("%s at %.0f Hz: %.1f dBFS\n", mxd_cpu_get(v)->name, rate, decibels(d.peak));
            assert_true(decibels(d.peak) <= -120);
        }
    free(input);
    free(output);
    free(expected);
}

/* The least time of eight blocks, and their last sample. */
static double time_blocks(mxd_backend *backend, const float *input, float *output, uint32_t num_frames)
{
    double least = HUGE_VAL;
    for (int i = 0; i < 8; i++) {
        mxd_backend_timing before[8], after[8];
        mxd_backend_timings(backend, before, 8);
        filter_block(backend, input, output, num_frames);
        mxd_backend_timings(backend, after, 8);
        least = fmin(least, after[0].wall_s - before[0].wall_s);
    }
    return least;
}

/*
 * After a burst the filters ring down through the denormals. Arithmetic on
 * these takes some hundred cycles where it is not switched off: the time of a
 * silent block must stay within three times that of a loud one, and what is
 * left in the end is silence itself.
 */
static void test_silence_is_not_slow(void **state)
{
    (void)state;
    enum { FRAMES = 1 << 14 };
    float *input = calloc(FRAMES, sizeof *input), *output = calloc(FRAMES, sizeof *output);
    assert_true(input && output);
    mxd_svf sections[8];
    for (int i = 0; i < 8; i++)
        sections[i] = (mxd_svf){tan(PI * 300 / 48000), 0.5, 1, 0.3, 0};
    for (uint32_t v = 1; mxd_cpu_get(v); v++) {
        mxd_backend *backend = make_eq(mxd_cpu_get(v)->create_backend, sections, 8, FRAMES);
        for (int n = 0; n < FRAMES; n++)
            input[n] = (float)(n * 7919 % 65536) / 32768.0f - 1;
        double loud_s = time_blocks(backend, input, output, FRAMES);
        for (int n = 0; n < FRAMES; n++)
            input[n] *= 1e-39f;
        double denormal_s = time_blocks(backend, input, output, FRAMES);
        memset(input, 0, FRAMES * sizeof *input);
        double silent_s = time_blocks(backend, input, output, FRAMES);
        if (!(denormal_s <= 3 * loud_s && silent_s <= 3 * loud_s))
            print_message("%s: loud %g s, denormal %g s, silent %g s\n", mxd_cpu_get(v)->name, loud_s, denormal_s,
                          silent_s);
        assert_true(denormal_s <= 3 * loud_s && silent_s <= 3 * loud_s);
        for (int n = 0; n < FRAMES; n++)
            assert_true(output[n] == 0);
        mxd_backend_destroy(backend);
    }
    free(input);
    free(output);
}

/* ---- A published convolution --------------------------------------------- */

typedef struct wave {
    float *frames; /* planar */
    uint32_t num_frames, num_channels;
} wave;

static bool read_wave(const char *name, wave *read)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/data/irs/%s", MXD_SHARED, name);
    SF_INFO info = {0};
    SNDFILE *file = sf_open(path, SFM_READ, &info);
    if (!file)
        return false;
    read->num_frames = (uint32_t)info.frames;
    read->num_channels = (uint32_t)info.channels;
    float *interleaved = calloc((size_t)info.frames * info.channels, sizeof *interleaved);
    read->frames = calloc((size_t)info.frames * info.channels, sizeof *read->frames);
    assert_true(interleaved && read->frames);
    assert_int_equal(sf_readf_float(file, interleaved, info.frames), info.frames);
    for (uint32_t n = 0; n < read->num_frames; n++)
        for (uint32_t c = 0; c < read->num_channels; c++)
            read->frames[(size_t)c * read->num_frames + n] = interleaved[(size_t)n * read->num_channels + c];
    free(interleaved);
    sf_close(file);
    return true;
}

/* The residual, in dB of the published signal, after the one gain that its authors normalised by. */
static double residual_db(mxd_backend_creator *creator, const wave *dry, const wave *response, const wave *wet)
{
    const uint32_t block_frames = 16384, num_outputs = wet->num_channels, inputs[] = {0}, outputs[] = {1, 2};
    const mxd_backend_params params = {.num_lanes = 3, .block_frames = block_frames, .blocks_in_flight = 1};
    mxd_convolve_cell cells[2];
    for (uint32_t c = 0; c < num_outputs; c++)
        cells[c] = (mxd_convolve_cell){0, c, response->frames + (size_t)c * response->num_frames,
                                       response->num_frames, 0, 1};
    const mxd_convolve_row row = {inputs, 1, outputs, num_outputs, cells, num_outputs};
    mxd_backend *backend;
    uint32_t step;
    assert_int_equal(mxd_backend_create_with(creator, &params, NULL, &backend), MXD_OK);
    assert_int_equal(mxd_backend_add_convolve(backend, &row, 1, &step), MXD_OK);
    assert_int_equal(mxd_backend_prepare(backend), MXD_OK);

    uint32_t num_blocks = (wet->num_frames + block_frames - 1) / block_frames;
    float *input = calloc((size_t)num_blocks * block_frames, sizeof *input);
    float *found = calloc((size_t)num_blocks * block_frames * num_outputs, sizeof *found);
    assert_true(input && found);
    memcpy(input, dry->frames, dry->num_frames * sizeof *input);
    for (uint32_t b = 0; b < num_blocks; b++) {
        size_t at = (size_t)b * block_frames;
        const uint32_t rows[] = {0};
        const mxd_upload upload = {0, input + at};
        const mxd_step_run run = {.step = step, .rows = rows, .num_rows = 1};
        const mxd_download downloads[] = {{1, found + at}, {2, found + (size_t)num_blocks * block_frames + at}};
        const mxd_block block = {block_frames, &upload, 1, &run, 1, downloads, num_outputs};
        uint64_t ticket;
        assert_int_equal(mxd_backend_submit(backend, &block, &ticket), MXD_OK);
        assert_int_equal(mxd_backend_wait(backend, ticket), MXD_OK);
    }
    mxd_backend_destroy(backend);
    double cross = 0, energy = 0, wet_energy = 0, error = 0;
    for (int pass = 0; pass < 2; pass++)
        for (uint32_t c = 0; c < num_outputs; c++)
            for (uint32_t n = 0; n < wet->num_frames; n++) {
                double y = found[(size_t)c * num_blocks * block_frames + n];
                double w = wet->frames[(size_t)c * wet->num_frames + n];
                if (pass == 0) {
                    cross += y * w;
                    energy += y * y;
                    wet_energy += w * w;
                } else {
                    error += (w - cross / energy * y) * (w - cross / energy * y);
                }
            }
    free(input);
    free(found);
    return 10 * log10(error / wet_energy);
}

/* rostock_xmas.wav by a clap's room and binaural responses; their 16 bits leave about -70 dB, so -68 is asked for. */
static void test_published_convolution(void **state)
{
    (void)state;
    const char *const names[2][2] = {{"rostock_rir_clap.wav", "convolution_golden/rostock_xmas_clap.wav"},
                                     {"rostock_brir_clap.wav", "convolution_golden/rostock_xmas_brir_clap.wav"}};
    wave dry;
    if (!read_wave("convolution_golden/rostock_xmas.wav", &dry)) {
        print_message("the published convolution is not here: %s\n", MXD_SHARED "/data/irs");
        skip();
    }
    for (int i = 0; i < 2; i++) {
        wave response, wet;
        assert_true(read_wave(names[i][0], &response));
        assert_true(read_wave(names[i][1], &wet));
        for (uint32_t v = 0; mxd_cpu_get(v); v++) {
            double residual = residual_db(mxd_cpu_get(v)->create_backend, &dry, &response, &wet);
            print_message("%s, %s: residual %.1f dB\n", names[i][0], mxd_cpu_get(v)->name, residual);
            assert_true(residual <= -68);
        }
        free(response.frames);
        free(wet.frames);
    }
    free(dry.frames);
}

/* ---- Properties ---------------------------------------------------------- */

/* 64 edges of full scale whose sum is near full scale too: within -120 dBFS. */
static void test_mix_of_64(void **state)
{
    (void)state;
    kernel_case test = {"64 into 4", KERNEL_MIX, SIGNAL_NOISE, 4096, 20011, 0, 64, 4, 500, 0, 0};
    float *expected = run_case(&test, "reference", reference_creator(), 1, 0);
    assert_non_null(expected);
    for (uint32_t v = 1; mxd_cpu_get(v); v++) {
        float *found = run_case(&test, mxd_cpu_get(v)->name, mxd_cpu_get(v)->create_backend, 2, 0);
        assert_non_null(found);
        double peak = 0;
        for (uint32_t i = 0; i < 4 * test.num_frames; i++) {
            double error = fabs((double)found[i] - expected[i]);
            if (!(error <= peak))
                peak = error;
        }
        print_message("%s: %.1f dBFS\n", mxd_cpu_get(v)->name, decibels(peak));
        assert_true(decibels(peak) <= -120);
        free(found);
    }
    free(expected);
}

/* A convolution with an impulse is a copy, shifted; and a response of zeros is silence. */
static void test_convolve_shift(void **state)
{
    (void)state;
    enum { FRAMES = 1024, BLOCKS = 8 };
    static float input[FRAMES * BLOCKS], output[2][FRAMES * BLOCKS];
    for (int n = 0; n < FRAMES * BLOCKS; n++)
        input[n] = (float)(n * 7919 % 65536) / 32768.0f - 1;
    const float one = 1;
    static const float zeros[3000];
    for (uint32_t v = 0; mxd_cpu_get(v); v++)
        for (uint32_t delay = 0; delay < 5000; delay = delay * 3 + 1) {
            const mxd_backend_params params = {.num_lanes = 3, .block_frames = FRAMES, .blocks_in_flight = 1};
            const mxd_convolve_cell cells[] = {{0, 0, &one, 1, delay, -0.5}, {0, 1, zeros, 3000, 7, 1}};
            const uint32_t inputs[] = {0}, outputs[] = {1, 2}, rows[] = {0};
            const mxd_convolve_row row = {inputs, 1, outputs, 2, cells, 2};
            mxd_backend *backend;
            uint32_t step;
            assert_int_equal(mxd_backend_create_with(mxd_cpu_get(v)->create_backend, &params, NULL, &backend), MXD_OK);
            assert_int_equal(mxd_backend_add_convolve(backend, &row, 1, &step), MXD_OK);
            assert_int_equal(mxd_backend_prepare(backend), MXD_OK);
            for (int b = 0; b < BLOCKS; b++) {
                const mxd_upload upload = {0, input + b * FRAMES};
                const mxd_step_run run = {.step = step, .rows = rows, .num_rows = 1};
                const mxd_download downloads[] = {{1, output[0] + b * FRAMES}, {2, output[1] + b * FRAMES}};
                const mxd_block block = {FRAMES, &upload, 1, &run, 1, downloads, 2};
                uint64_t ticket;
                assert_int_equal(mxd_backend_submit(backend, &block, &ticket), MXD_OK);
                assert_int_equal(mxd_backend_wait(backend, ticket), MXD_OK);
            }
            mxd_backend_destroy(backend);
            for (uint32_t n = 0; n < FRAMES * BLOCKS; n++) {
                double expected = n >= delay ? -0.5 * input[n - delay] : 0;
                /* 10 roundings of the energy of full-scale noise, 6 times at the peak: as in tolerances(). */
                assert_true(fabs(output[0][n] - expected) <= 60 * ROUNDING * 0.29);
                assert_true(output[1][n] == 0);
            }
        }
}

/* ---- Threads ------------------------------------------------------------- */

static void count_index(void *user, uint32_t index, uint32_t thread)
{
    uint32_t(*counts)[1000] = user;
    assert_true(thread < 5);
    counts[thread][index]++;
}

static void test_threads(void **state)
{
    (void)state;
    static uint32_t counts[5][1000];
    mxd_threads *threads = mxd_threads_create(5);
    assert_non_null(threads);
    assert_int_equal(mxd_threads_count(threads), 5);
    for (uint32_t loop = 0; loop < 300; loop++) {
        uint32_t count = loop * 37 % 1000;
        memset(counts, 0, sizeof counts);
        mxd_threads_run(threads, count, count_index, counts);
        for (uint32_t i = 0; i < 1000; i++) {
            uint32_t sum = 0;
            for (int t = 0; t < 5; t++)
                sum += counts[t][i];
            assert_int_equal(sum, i < count ? 1 : 0);
        }
    }
    mxd_threads_destroy(threads);
    mxd_threads_destroy(NULL);
}

/* ---- The checks ---------------------------------------------------------- */

static mxd_backend *bare_backend(mxd_problems *problems)
{
    const mxd_backend_params params = {.num_lanes = 8, .block_frames = 256, .blocks_in_flight = 1};
    mxd_backend *backend;
    assert_int_equal(mxd_backend_create_with(reference_creator(), &params, problems, &backend), MXD_OK);
    return backend;
}

#define ASSERT_REFUSED(call)                                                    \
    do {                                                                        \
        size_t before_ = mxd_problems_count(problems);                          \
        assert_int_equal((call), MXD_ERROR_ARGUMENT);                           \
        assert_int_equal(mxd_problems_count(problems), before_ + 1);            \
        assert_true(strlen(mxd_problems_get(problems, before_)->text) > 10);    \
    } while (0)

static void test_create_checks(void **state)
{
    (void)state;
    mxd_problems *problems = mxd_problems_create();
    const mxd_backend_params bad[] = {
        {.num_lanes = 0, .block_frames = 256, .blocks_in_flight = 1},
        {.num_lanes = 1, .block_frames = 128, .blocks_in_flight = 1},
        {.num_lanes = 1, .block_frames = 1000, .blocks_in_flight = 1},
        {.num_lanes = 1, .block_frames = 1u << 21, .blocks_in_flight = 1},
        {.num_lanes = 1, .block_frames = 256, .blocks_in_flight = 0},
        {.num_lanes = 1, .block_frames = 256, .blocks_in_flight = 5},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        mxd_backend *backend = (mxd_backend *)problems;
        ASSERT_REFUSED(mxd_backend_create(MXD_BACKEND_REFERENCE, &bad[i], problems, &backend));
        assert_null(backend);
    }
    mxd_backend *backend;
    ASSERT_REFUSED(mxd_backend_create(
        MXD_BACKEND_AUTO, &(mxd_backend_params){.num_lanes = 1, .block_frames = 256, .blocks_in_flight = 1}, problems,
        &backend));
    mxd_backend_destroy(NULL);
    mxd_problems_destroy(problems);
}

static void test_step_checks(void **state)
{
    (void)state;
    mxd_problems *problems = mxd_problems_create();
    mxd_backend *backend = bare_backend(problems);
    const mxd_svf good = {0.1, 1, 1, 0, 0};
    const mxd_svf bad[] = {{0, 1, 1, 0, 0}, {0.1, -1, 1, 0, 0}, {0.1, 1, NAN, 0, 0}, {HUGE_VAL, 1, 1, 0, 0}};
    uint32_t step;
    ASSERT_REFUSED(mxd_backend_add_eq(backend, NULL, 0, &step));
    ASSERT_REFUSED(mxd_backend_add_eq(backend, &(mxd_eq_row){8, &good, 1}, 1, &step));
    ASSERT_REFUSED(mxd_backend_add_eq(backend, &(mxd_eq_row){0, &good, 0}, 1, &step));
    ASSERT_REFUSED(mxd_backend_add_eq(backend, &(mxd_eq_row){0, &good, 129}, 1, &step));
    ASSERT_REFUSED(mxd_backend_add_eq(backend, (mxd_eq_row[]){{0, &good, 1}, {0, &good, 1}}, 2, &step));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ASSERT_REFUSED(mxd_backend_add_eq(backend, &(mxd_eq_row){0, &bad[i], 1}, 1, &step));

    const float one = 1;
    const uint32_t lanes[] = {0, 1, 2, 9};
    const mxd_convolve_cell cell = {0, 0, &one, 1, 0, 1};
    const mxd_convolve_row rows[] = {
        {lanes, 0, lanes + 1, 1, &cell, 1},     /* no inputs */
        {lanes, 1, lanes + 1, 0, &cell, 0},     /* no outputs */
        {lanes, 1, lanes, 1, &cell, 1},         /* in place */
        {lanes + 3, 1, lanes, 1, &cell, 1},     /* no such lane */
        {lanes, 1, lanes + 3, 1, &cell, 1},
        {lanes, 1, lanes + 1, 1, &(mxd_convolve_cell){1, 0, &one, 1, 0, 1}, 1},
        {lanes, 1, lanes + 1, 1, &(mxd_convolve_cell){0, 1, &one, 1, 0, 1}, 1},
        {lanes, 1, lanes + 1, 1, &(mxd_convolve_cell){0, 0, NULL, 1, 0, 1}, 1},
        {lanes, 1, lanes + 1, 1, &(mxd_convolve_cell){0, 0, &one, 0, 0, 1}, 1},
        {lanes, 1, lanes + 1, 1, &(mxd_convolve_cell){0, 0, &one, 1, 1u << 26, 1}, 1},
        {lanes, 1, lanes + 1, 1, &(mxd_convolve_cell){0, 0, &one, 1, 0, NAN}, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ASSERT_REFUSED(mxd_backend_add_convolve(backend, &rows[i], 1, &step));
    const mxd_convolve_row pairs[2][2] = {
        {{lanes, 1, lanes + 1, 1, &cell, 1}, {lanes + 2, 1, lanes + 1, 1, &cell, 1}}, /* one output twice */
        {{lanes, 1, lanes + 1, 1, &cell, 1}, {lanes + 1, 1, lanes + 2, 1, &cell, 1}}, /* output into input */
    };
    for (int i = 0; i < 2; i++)
        ASSERT_REFUSED(mxd_backend_add_convolve(backend, pairs[i], 2, &step));
    ASSERT_REFUSED(mxd_backend_add_mix(backend, &(mxd_mix_limits){0, 1, 1}, &step));
    ASSERT_REFUSED(mxd_backend_add_mix(backend, &(mxd_mix_limits){9, 1, 1}, &step));
    mxd_block block = {.num_frames = 1};
    uint64_t ticket;
    ASSERT_REFUSED(mxd_backend_submit(backend, &block, &ticket)); /* before prepare */
    assert_int_equal(mxd_backend_prepare(backend), MXD_OK);
    ASSERT_REFUSED(mxd_backend_prepare(backend));
    ASSERT_REFUSED(mxd_backend_add_eq(backend, &(mxd_eq_row){0, &good, 1}, 1, &step));
    mxd_backend_destroy(backend);
    mxd_problems_destroy(problems);
}

/* A backend whose step 0 is an eq of 2 rows and step 1 a mix of 2 outputs, 2 edges, 4 points. */
static mxd_backend *small_backend(mxd_problems *problems)
{
    mxd_backend *backend = bare_backend(problems);
    const mxd_svf section = {0.1, 1, 1, 0, 0};
    uint32_t step;
    assert_int_equal(mxd_backend_add_eq(backend, (mxd_eq_row[]){{0, &section, 1}, {1, &section, 1}}, 2, &step),
                     MXD_OK);
    assert_int_equal(mxd_backend_add_mix(backend, &(mxd_mix_limits){2, 2, 4}, &step), MXD_OK);
    assert_int_equal(mxd_backend_prepare(backend), MXD_OK);
    return backend;
}

static void test_mix_checks(void **state)
{
    (void)state;
    mxd_problems *problems = mxd_problems_create();
    mxd_backend *backend = small_backend(problems);
    const mxd_mix_output out = {4, 0, 1};
    const mxd_mix_edge edge = {0, 0, 1};
    const mxd_gain_point at0 = {0, 1};
    const mxd_mix_run bad[] = {
        {&(mxd_mix_output){8, 0, 1}, 1, &edge, 1, &at0, 1},                               /* no such lane */
        {&(mxd_mix_output){4, 1, 1}, 1, &edge, 1, &at0, 1},                               /* no such edge */
        {&(mxd_mix_output){4, UINT32_MAX, 2}, 1, &edge, 1, &at0, 1},
        {(mxd_mix_output[]){{4, 0, 1}, {4, 0, 1}}, 2, &edge, 1, &at0, 1},                 /* twice */
        {(mxd_mix_output[]){{4, 0, 1}, {5, 0, 1}, {6, 0, 1}}, 3, &edge, 1, &at0, 1},      /* limits */
        {&out, 1, (mxd_mix_edge[]){{0, 0, 1}, {0, 0, 1}, {0, 0, 1}}, 3, &at0, 1},
        {&out, 1, &edge, 1, (mxd_gain_point[]){{0, 1}, {1, 1}, {2, 1}, {3, 1}, {4, 1}}, 5},
        {&out, 1, &(mxd_mix_edge){8, 0, 1}, 1, &at0, 1},
        {&out, 1, &(mxd_mix_edge){4, 0, 1}, 1, &at0, 1},                                  /* output is input */
        {&out, 1, &(mxd_mix_edge){0, 0, 0}, 1, &at0, 1},
        {&out, 1, &(mxd_mix_edge){0, 0, 2}, 1, &at0, 1},
        {&out, 1, &(mxd_mix_edge){0, UINT32_MAX, 2}, 1, &at0, 1},
        {&out, 1, &edge, 1, &(mxd_gain_point){1, 1}, 1},                                  /* does not begin at 0 */
        {&out, 1, &edge, 1, &(mxd_gain_point){0, NAN}, 1},
        {&out, 1, &(mxd_mix_edge){0, 0, 2}, 1, (mxd_gain_point[]){{0, 1}, {101, 1}}, 2},  /* beyond the block */
        {&out, 1, &(mxd_mix_edge){0, 0, 3}, 1, (mxd_gain_point[]){{0, 1}, {9, 1}, {8, 1}}, 3},
    };
    uint64_t ticket;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const mxd_step_run run = {.step = 1, .mix = &bad[i]};
        const mxd_block block = {.num_frames = 100, .runs = &run, .num_runs = 1};
        ASSERT_REFUSED(mxd_backend_submit(backend, &block, &ticket));
    }
    mxd_backend_destroy(backend);
    mxd_problems_destroy(problems);
}

static void test_block_checks(void **state)
{
    (void)state;
    mxd_problems *problems = mxd_problems_create();
    mxd_backend *backend = small_backend(problems);
    const mxd_mix_run mix = {0};
    float frames[256];
    const mxd_step_run bad_runs[] = {
        {.step = 2},
        {.step = 1},                                                /* a mix without edges */
        {.step = 0, .mix = &mix},
        {.step = 0, .rows = (uint32_t[]){2}, .num_rows = 1},
        {.step = 0, .rows = (uint32_t[]){1, 0}, .num_rows = 2},
        {.step = 0, .rows = (uint32_t[]){1, 1}, .num_rows = 2},
    };
    uint64_t ticket;
    for (size_t i = 0; i < sizeof bad_runs / sizeof *bad_runs; i++)
        ASSERT_REFUSED(mxd_backend_submit(
            backend, &(mxd_block){.num_frames = 256, .runs = &bad_runs[i], .num_runs = 1}, &ticket));
    const mxd_step_run twice[] = {{.step = 0}, {.step = 0}};
    const mxd_block bad[] = {
        {.num_frames = 0},
        {.num_frames = 257},
        {.num_frames = 256, .runs = twice, .num_runs = 2},
        {.num_frames = 256, .uploads = &(mxd_upload){8, NULL}, .num_uploads = 1},
        {.num_frames = 256, .uploads = (mxd_upload[]){{1, NULL}, {1, NULL}}, .num_uploads = 2},
        {.num_frames = 256, .downloads = &(mxd_download){8, frames}, .num_downloads = 1},
        {.num_frames = 256, .downloads = &(mxd_download){0, NULL}, .num_downloads = 1},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ASSERT_REFUSED(mxd_backend_submit(backend, &bad[i], &ticket));

    ASSERT_REFUSED(mxd_backend_wait(backend, 1));
    assert_int_equal(mxd_backend_submit(backend, &(mxd_block){.num_frames = 256}, &ticket), MXD_OK);
    uint64_t other;
    ASSERT_REFUSED(mxd_backend_submit(backend, &(mxd_block){.num_frames = 256}, &other)); /* one in flight */
    ASSERT_REFUSED(mxd_backend_wait(backend, ticket + 1));
    assert_int_equal(mxd_backend_wait(backend, ticket), MXD_OK);
    ASSERT_REFUSED(mxd_backend_wait(backend, ticket));
    assert_int_equal(mxd_backend_submit(backend, &(mxd_block){.num_frames = 255}, &ticket), MXD_OK);
    assert_int_equal(mxd_backend_wait(backend, ticket), MXD_OK);
    ASSERT_REFUSED(mxd_backend_submit(backend, &(mxd_block){.num_frames = 256}, &ticket)); /* after the last */
    mxd_backend_destroy(backend);
    mxd_problems_destroy(problems);
}

int main(void)
{
    print_message("seed %llu\n", (unsigned long long)the_seed());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_create_checks),
        cmocka_unit_test(test_step_checks),
        cmocka_unit_test(test_mix_checks),
        cmocka_unit_test(test_block_checks),
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_eq_figures),
        cmocka_unit_test(test_published_convolution),
        cmocka_unit_test(test_cpu_variants),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_block_sizes),
        cmocka_unit_test(test_eq_low_frequency),
        cmocka_unit_test(test_silence_is_not_slow),
        cmocka_unit_test(test_mix_of_64),
        cmocka_unit_test(test_convolve_shift),
        cmocka_unit_test(test_vulkan),
    };
    return cmocka_run_group_tests_name("kernels", tests, NULL, NULL);
}
