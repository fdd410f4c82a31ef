/*
 * Every kernel case on every backend that this computer has, against the
 * reference; and the reference against plain loops.
 *
 * MXD_SEED=N repeats a run with another seed; MXD_VERBOSE=1 prints every error.
 */
#include "host/cpu/variants.h"
#include "kernel_cases.h"
#include "sections.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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
        if (!(error <= d.peak) && !isnan(d.peak)) { /* the first NaN stays */
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
 * quarter of one, or many inputs meet. The error is noise over a whole window: its peak is 6 times its
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
    double partitions = fmax(64, test->num_inputs * ceil(4.0 * test->size / test->block_frames));
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
    return 20 * log10(value < 1e-300 ? 1e-300 : value); /* a NaN stays one */
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

/* With every variant of the kernels (host/vulkan/variants.c) that limits lead to. */
static void test_vulkan(void **state)
{
    (void)state;
    static const char *const limits[] = {"", "subgroup=0,shared=16384", "shared=16384,workgroup=128", "partition=8192"};
    mxd_vulkan_device devices[8];
    uint32_t count = mxd_vulkan_devices(devices, 8), tested = 0;
    for (uint32_t i = 0; i < count && i < 8; i++) {
        if (!devices[i].usable)
            continue;
        for (size_t l = 0; l < sizeof limits / sizeof *limits; l++) {
            print_message("%s, %s, limits '%s'\n", devices[i].name, devices[i].driver, limits[l]);
            assert_int_equal(setenv("MXD_VULKAN_LIMITS", limits[l], 1), 0);
            int failures = count_failures(devices[i].name, mxd_backend_vulkan_create, 0, i);
            unsetenv("MXD_VULKAN_LIMITS");
            assert_int_equal(failures, 0);
        }
        tested++;
    }
    if (tested == 0) {
        print_message("no usable Vulkan device: install a driver (mesa-vulkan-drivers has one for the CPU)\n");
        skip();
    }
}

/* ---- Groups -------------------------------------------------------------- */

static mxd_result create_group(mxd_backend_creator *member, uint32_t count, const mxd_backend_params *params,
                               mxd_problems *problems, mxd_backend **backend)
{
    mxd_backend_params group = *params;
    group.num_devices = count;
    return mxd_backend_group_create(member, &group, problems, backend);
}

static mxd_result create_one_cpu(const mxd_backend_params *params, mxd_problems *problems, mxd_backend **backend)
{
    return create_group(mxd_cpu_best()->create_backend, 1, params, problems, backend);
}

static mxd_result create_two_cpus(const mxd_backend_params *params, mxd_problems *problems, mxd_backend **backend)
{
    return create_group(mxd_cpu_best()->create_backend, 2, params, problems, backend);
}

static mxd_result create_three_cpus(const mxd_backend_params *params, mxd_problems *problems, mxd_backend **backend)
{
    return create_group(mxd_cpu_best()->create_backend, 3, params, problems, backend);
}

/* The same device twice. */
static mxd_result create_two_vulkans(const mxd_backend_params *params, mxd_problems *problems, mxd_backend **backend)
{
    return create_group(mxd_backend_vulkan_create, 2, params, problems, backend);
}

static void test_groups(void **state)
{
    (void)state;
    assert_int_equal(count_failures("two cpus", create_two_cpus, 1, 0), 0);
    assert_int_equal(count_failures("three cpus", create_three_cpus, 1, 0), 0);
}

static void test_vulkan_group(void **state)
{
    (void)state;
    mxd_vulkan_device device;
    if (mxd_vulkan_devices(&device, 1) == 0 || !device.usable) {
        print_message("no usable Vulkan device: install a driver (mesa-vulkan-drivers has one for the CPU)\n");
        skip();
    }
    assert_int_equal(count_failures("two devices", create_two_vulkans, 0, 0), 0);
}

/* Twice, and with other threads, the same bits; a group of one the same as what it is made of. */
static void test_same_bits_of_groups(void **state)
{
    (void)state;
    int failures = 0;
    for (size_t i = 0; i < num_kernel_test_cases; i++) {
        const kernel_case *test = &kernel_test_cases[i];
        size_t size = (size_t)kernel_case_num_outputs(test) * test->num_frames * sizeof(float);
        float *plain = run_case(test, "cpu", mxd_cpu_best()->create_backend, 1, 0);
        float *one = run_case(test, "a group of one", create_one_cpu, 1, 0);
        float *three = run_case(test, "three cpus", create_three_cpus, 1, 0);
        float *again = run_case(test, "three cpus again", create_three_cpus, 2, 0);
        if (!plain || !one || !three || !again || memcmp(plain, one, size) != 0 || memcmp(three, again, size) != 0) {
            print_message("%s, \"%s\": a group gives other bits\n", kernel_name(test->kernel), test->name);
            failures++;
        }
        free(plain);
        free(one);
        free(three);
        free(again);
    }
    assert_int_equal(failures, 0);
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
            if (!(error <= peak) && !isnan(peak))
                peak = error;
        }
        print_message("%s: %.1f dBFS\n", mxd_cpu_get(v)->name, decibels(peak));
        assert_true(decibels(peak) <= -120);
        free(found);
    }
    free(expected);
}

/* ---- Inputs that rest ---------------------------------------------------- */

#define REST_BLOCK 256u
#define REST_BLOCKS 12u

/*
 * Two inputs into one output. The second sounds for two blocks, is silent until it has rung out, and from block 6 on
 * rests (rests: with NaN on its lane) or goes on being silent; then it sounds again.
 */
static void run_rests(mxd_backend_creator *creator, bool rests, float *out)
{
    enum { RESPONSE = 600 };
    const mxd_backend_params params = {.num_lanes = 3, .block_frames = REST_BLOCK, .num_threads = 2,
                                       .blocks_in_flight = 1, .num_devices = 2};
    mxd_backend *backend;
    assert_int_equal(mxd_backend_create_with(creator, &params, NULL, &backend), MXD_OK);
    float response[RESPONSE], noise[REST_BLOCK], garbage[REST_BLOCK];
    for (uint32_t i = 0; i < RESPONSE; i++)
        response[i] = (float)sin(i * 1.7) / (1.0f + (float)i);
    for (uint32_t i = 0; i < REST_BLOCK; i++) {
        noise[i] = (float)sin(i * i * 0.013);
        garbage[i] = NAN;
    }
    const uint32_t lanes[3] = {0, 1, 2};
    const mxd_convolve_cell cells[2] = {{0, 0, response, RESPONSE, 0, 0.5}, {1, 0, response, RESPONSE - 7, 3, 0.7}};
    const mxd_convolve_row row = {lanes, 2, lanes + 2, 1, cells, 2};
    uint32_t step;
    assert_int_equal(mxd_backend_add_convolve(backend, &row, 1, &step), MXD_OK);
    assert_int_equal(mxd_backend_prepare(backend), MXD_OK);
    for (uint32_t b = 0; b < REST_BLOCKS; b++) {
        bool sounds = b < 2 || b >= 9, rest = rests && b >= 6 && !sounds;
        const mxd_upload uploads[2] = {
            {.lane = 0, .frames = noise, .num_channels = 1, .gain = 1.0},
            {.lane = 1, .frames = sounds ? noise : rest ? garbage : NULL, .num_channels = 1, .gain = 1.0}};
        const bool resting[2] = {false, rest};
        const mxd_step_run run = {.step = step, .rows = &(uint32_t){0}, .rests = rests ? resting : NULL, .num_rows = 1};
        const mxd_download download = {2, out + (size_t)b * REST_BLOCK};
        const mxd_block block = {.num_frames = REST_BLOCK, .uploads = uploads, .num_uploads = 2, .runs = &run,
                                 .num_runs = 1, .downloads = &download, .num_downloads = 1};
        uint64_t ticket;
        assert_int_equal(mxd_backend_submit(backend, &block, &ticket), MXD_OK);
        assert_int_equal(mxd_backend_wait(backend, ticket), MXD_OK);
    }
    mxd_backend_destroy(backend);
}

static void expect_rests(mxd_backend_creator *creator, const char *where)
{
    static float awake[REST_BLOCKS * REST_BLOCK], rested[REST_BLOCKS * REST_BLOCK];
    run_rests(creator, false, awake);
    run_rests(creator, true, rested);
    for (uint32_t i = 0; i < REST_BLOCKS * REST_BLOCK; i++)
        if (!(fabs((double)rested[i] - awake[i]) <= 1e-6)) /* a dozen roundings of values near 1 */
            fail_msg("%s, frame %u: %g, and %g where the input rests", where, i, (double)awake[i], (double)rested[i]);
}

static void test_rests(void **state)
{
    (void)state;
    for (uint32_t v = 0; mxd_cpu_get(v); v++)
        expect_rests(mxd_cpu_get(v)->create_backend, mxd_cpu_get(v)->name);
    expect_rests(reference_creator(), "reference");
    expect_rests(create_two_cpus, "two cpus");
}

int main(void)
{
    print_message("seed %llu\n", (unsigned long long)the_seed());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_cpu_variants),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_block_sizes),
        cmocka_unit_test(test_mix_of_64),
        cmocka_unit_test(test_rests),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_same_bits_of_groups),
        cmocka_unit_test(test_vulkan),
        cmocka_unit_test(test_vulkan_group),
    };
    return cmocka_run_group_tests_name("kernels", tests, NULL, NULL);
}
