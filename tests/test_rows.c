/*
 * Every case of every kernel of host/kernels (tests/cases/NAME.c) on every
 * backend that this computer has, against the reference; cut into blocks of
 * other sizes, too, which must not matter.
 *
 * MXD_SEED=N repeats a run with another seed; MXD_VERBOSE=1 prints every error.
 */
#include "host/cpu/variants.h"
#include "row_rig.h"
#include "shaders/dynamics.h"
#include "shaders/shift.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t the_seed(void)
{
    const char *text = getenv("MXD_SEED");
    return text ? strtoull(text, NULL, 0) : 20260607;
}

/* How its signal is cut: into the case's own blocks, into blocks of 256, into longer ones where nothing restarts or pauses. */
enum { CUT_OWN = 1, CUT_SHORT = 2, CUT_LONG = 4 };

/* Where a case runs. */
typedef struct place {
    const char *name;
    mxd_backend_creator *creator;
    uint32_t threads;
    uint32_t device;
    uint32_t cuts;
} place;

static const char *kernel_of(const row_case *test)
{
    return mxd_kernel_get(test->kernel)->name;
}

static size_t num_samples(const row_case *test)
{
    return (size_t)row_case_num_outputs(test) * test->num_frames;
}

/* The case's outputs, to be freed; NULL after a message. */
static float *run_case(const row_case *test, const place *where, uint32_t block_frames)
{
    mxd_problems *problems = mxd_problems_create();
    float *outputs = malloc(num_samples(test) * sizeof *outputs);
    assert_true(problems && outputs);
    bool lanes_hold = false;
    row_rig *rig = row_rig_create(test, the_seed(), block_frames, true, where->creator, where->threads, where->device,
                                  problems);
    mxd_result result = rig ? row_rig_run(rig, outputs, &lanes_hold) : MXD_ERROR_MEMORY;
    row_rig_destroy(rig);
    if (result != MXD_OK || !lanes_hold || mxd_problems_have_errors(problems)) {
        print_message("%s, %s, \"%s\", blocks of %u, seed %llu: result %d, guard lanes and inputs %s\n", where->name,
                      kernel_of(test), test->name, block_frames, (unsigned long long)the_seed(), (int)result,
                      lanes_hold ? "hold" : "overwritten, or not reached");
        for (size_t i = 0; i < mxd_problems_count(problems); i++)
            print_message("    %s\n", mxd_problems_get(problems, i)->text);
        free(outputs);
        outputs = NULL;
    }
    mxd_problems_destroy(problems);
    return outputs;
}

static double decibels(double value)
{
    return 20 * log10(value < 1e-300 ? 1e-300 : value); /* a NaN stays one */
}

/* Prints and returns 1 if the outputs are wrong. */
static int judge(const row_case *test, const place *where, uint32_t block_frames, const float *found,
                 const float *expected)
{
    double peak = 0, level = 1;
    size_t worst = 0;
    for (size_t i = 0; i < num_samples(test); i++) {
        double error = fabs((double)found[i] - expected[i]);
        if (!(error <= peak) && !isnan(peak)) { /* the first NaN stays */
            peak = error;
            worst = i;
        }
        level = fmax(level, fabs((double)expected[i]));
    }
    /* Denormals may count as zero. */
    bool good = peak <= fmax(pow(10, test->tolerance_db / 20) * level, 0x1p-126);
    if (!good || getenv("MXD_VERBOSE"))
        print_message("%s, %u threads, %s, \"%s\" (%s at %g dB, block %u, frames %u, rows %u, %u into %u, flags %u, seed "
                      "%llu): peak %.1f dB (allowed %.1f) at row %zu output %zu frame %zu, where %.9g is expected; peak "
                      "of the signal %.1f\n",
                      where->name, where->threads, kernel_of(test), test->name, signal_name(test->signal),
                      test->level_db, block_frames, test->num_frames, test->num_rows, test->num_inputs,
                      test->num_outputs, test->flags, (unsigned long long)the_seed(), decibels(peak / level),
                      test->tolerance_db, worst / test->num_frames / test->num_outputs,
                      worst / test->num_frames % test->num_outputs, worst % test->num_frames,
                      (double)expected[worst], decibels(level));
    return good ? 0 : 1;
}

/* The blocks of a cut. */
static uint32_t block_of(const row_case *test, uint32_t cut)
{
    bool fixed = (test->flags & (ROW_CASE_RESTARTS | ROW_CASE_PAUSES)) || test->block_frames > 1u << 18;
    return cut == CUT_SHORT ? 256 : cut == CUT_LONG && !fixed ? 4 * test->block_frames : test->block_frames;
}

/* On some backends: each way of cutting the signal, and the same bits with any number of threads. */
static int count_failures_of(const row_case *test, const place *places, uint32_t num_places)
{
    static const place reference_place = {"reference", NULL, 1, 0, CUT_OWN};
    place reference = reference_place;
    reference.creator = mxd_cpu_reference()->create_backend;
    float *expected = run_case(test, &reference, test->block_frames);
    if (!expected)
        return 1;
    int failures = 0;
    for (uint32_t p = 0; p < num_places; p++)
        for (uint32_t cut = CUT_OWN; cut <= CUT_LONG; cut *= 2) {
            uint32_t block_frames = block_of(test, cut);
            if (!(places[p].cuts & cut) || (block_frames == test->block_frames && (places[p].cuts & (cut - 1) & CUT_OWN)))
                continue;
            float *found = run_case(test, &places[p], block_frames);
            failures += found ? judge(test, &places[p], block_frames, found, expected) : 1;
            place two = places[p];
            two.threads = 2;
            float *again = found && places[p].threads == 1 ? run_case(test, &two, block_frames) : NULL;
            if (again && memcmp(found, again, num_samples(test) * sizeof *found) != 0) {
                print_message("%s, %s, \"%s\": two threads give other bits than one\n", places[p].name,
                              kernel_of(test), test->name);
                failures++;
            }
            free(again);
            free(found);
        }
    free(expected);
    return failures;
}

static const row_cases *cases_of(uint32_t kernel)
{
#define CASES(NUMBER, name) &row_cases_of_##name,
    static const row_cases *const cases[] = {MXD_KERNELS(CASES)};
#undef CASES
    return cases[kernel];
}

/* Of each kernel the first most_cases cases: a software device compiles a kernel anew for every one, in 0.1 to 0.5 s. */
static int count_failures(const place *places, uint32_t num_places, size_t most_cases)
{
    int failures = 0;
    for (uint32_t k = 0; k < MXD_NUM_KERNELS; k++)
        for (size_t i = 0; i < cases_of(k)->num_test; i++)
            if (i < most_cases)
                failures += count_failures_of(&cases_of(k)->test[i], places, num_places);
    return failures;
}

/* Reference, too: it may be cut otherwise. */
static void test_cpu_variants(void **state)
{
    (void)state;
    enum { MAX_PLACES = 8 };
    if (getenv("MXD_VULKAN_POISON")) /* which means devices, and all else was tested without it */
        skip();
    place places[MAX_PLACES];
    uint32_t count = 0;
    for (; mxd_cpu_get(count) && count < MAX_PLACES; count++)
        places[count] = (place){mxd_cpu_get(count)->name, mxd_cpu_get(count)->create_backend, 1, 0,
                                CUT_OWN | CUT_SHORT | CUT_LONG};
    assert_int_equal(count_failures(places, count, SIZE_MAX), 0);
}

/* With limits that cut the dispatches, too. */
static void test_vulkan(void **state)
{
    (void)state;
    static const char *const limits[] = {"", "workgroup=128,shared=16384,work=100000"};
    /* Validation makes kernels several times as long; test_rows_poisoned, without it, takes all cases. */
    const char *layers = getenv("VK_INSTANCE_LAYERS");
    const size_t most_cases = layers && *layers ? 3 : SIZE_MAX;
    mxd_vulkan_device devices[8];
    uint32_t count = mxd_vulkan_devices(devices, 8), tested = 0;
    for (uint32_t i = 0; i < count && i < 8; i++) {
        if (!devices[i].usable)
            continue;
        for (size_t l = 0; l < sizeof limits / sizeof *limits; l++) {
            print_message("%s, %s, limits '%s'\n", devices[i].name, devices[i].driver, limits[l]);
            assert_int_equal(setenv("MXD_VULKAN_LIMITS", limits[l], 1), 0);
            const place device = {devices[i].name, mxd_backend_vulkan_create, 0, i, l == 0 ? CUT_LONG : CUT_SHORT};
            int failures = count_failures(&device, 1, l == 0 ? most_cases : 2);
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

static void set_shift(uint32_t row, uint32_t *settings)
{
    settings[MXD_SHIFT_FRAMES] = 40000 + 7 * row;
}

/* States that the device cannot bind all at once: seven of 156 KiB, 1 MiB at a time. */
static void test_vulkan_pages(void **state)
{
    (void)state;
    static const row_case test = {"pages of states", MXD_KERNEL_SHIFT, SIGNAL_NOISE, 0, 1024, 60013, 7, 1, 1, 0,
                                  set_shift, NULL, -300, ""};
    mxd_vulkan_device device;
    if (mxd_vulkan_devices(&device, 1) == 0 || !device.usable) {
        print_message("no usable Vulkan device: install a driver (mesa-vulkan-drivers has one for the CPU)\n");
        skip();
    }
    const place first = {device.name, mxd_backend_vulkan_create, 0, 0, CUT_OWN | CUT_SHORT};
    assert_int_equal(setenv("MXD_VULKAN_LIMITS", "range=1048576", 1), 0);
    int failures = count_failures_of(&test, &first, 1);
    unsetenv("MXD_VULKAN_LIMITS");
    assert_int_equal(failures, 0);
}

static void set_compressor(uint32_t row, uint32_t *settings)
{
    (void)row;
    (void)settings; /* all 0: COMPRESS by PEAK */
}

/* Of a threshold of -18 dB; half linked, so that every channel's level hears all keys. */
static void value_compressor(uint32_t row, uint64_t frame, double *values)
{
    static const double of_all[MXD_DYNAMICS_NUM_VALUES] = {
        [MXD_DYNAMICS_THRESHOLD] = -3, [MXD_DYNAMICS_SLOPE] = 0.75, [MXD_DYNAMICS_RANGE] = 24, [MXD_DYNAMICS_MIX] = 1,
        [MXD_DYNAMICS_LINK] = 0.5, [MXD_DYNAMICS_ATTACK] = 0.01, [MXD_DYNAMICS_RELEASE] = 1e-3,
        [MXD_DYNAMICS_RMS_MEAN] = 1};
    (void)row;
    (void)frame;
    memcpy(values, of_all, sizeof of_all);
}

/* More rounds of loops in one block than llvmpipe goes in a dispatch: 64 channels, each with 64 keys. */
static void test_vulkan_loops(void **state)
{
    (void)state;
    static const row_case test = {"64 channels", MXD_KERNEL_DYNAMICS, SIGNAL_NOISE, 0, 8192, 8192, 1, 64, 64, 0,
                                  set_compressor, value_compressor, -120, ""};
    mxd_vulkan_device device;
    if (mxd_vulkan_devices(&device, 1) == 0 || !device.usable) {
        print_message("no usable Vulkan device: install a driver (mesa-vulkan-drivers has one for the CPU)\n");
        skip();
    }
    const place first = {device.name, mxd_backend_vulkan_create, 0, 0, CUT_OWN};
    const place reference = {"reference", mxd_cpu_reference()->create_backend, 1, 0, CUT_OWN};
    float *expected = run_case(&test, &reference, test.block_frames);
    float *found = run_case(&test, &first, test.block_frames);
    int failures = expected && found ? judge(&test, &first, test.block_frames, found, expected) : 1;
    free(expected);
    free(found);
    assert_int_equal(failures, 0);
}

/* ---- Groups -------------------------------------------------------------- */

static mxd_result create_group(mxd_backend_creator *member, uint32_t count, const mxd_backend_params *params,
                               mxd_problems *problems, mxd_backend **backend)
{
    mxd_backend_params group = *params;
    group.num_devices = count;
    return mxd_backend_group_create(member, &group, problems, backend);
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
    mxd_vulkan_device device;
    const place places[] = {{"three cpus", create_three_cpus, 1, 0, CUT_OWN},
                            {"two devices", create_two_vulkans, 0, 0, CUT_OWN}};
    bool vulkan = mxd_vulkan_devices(&device, 1) > 0 && device.usable;
    assert_int_equal(count_failures(places, 1, SIZE_MAX), 0);
    if (vulkan)
        assert_int_equal(count_failures(places + 1, 1, 1), 0);
}

/* A kernel has cases, in its own name, and every tolerance that is wider than usual its reason. */
static void test_cases(void **state)
{
    (void)state;
    for (uint32_t k = 0; k < MXD_NUM_KERNELS; k++) {
        const char *name = mxd_kernel_get((mxd_kernel_id)k)->name;
        if (cases_of(k)->num_test == 0 || cases_of(k)->num_bench == 0)
            fail_msg("%s has no cases for tests, or none for benchmarks", name);
        for (size_t i = 0; i < cases_of(k)->num_test; i++) {
            const row_case *test = &cases_of(k)->test[i];
            if (test->kernel != (mxd_kernel_id)k)
                fail_msg("%s, \"%s\": a case of another kernel", name, test->name);
            if (test->tolerance_db <= -120)
                continue;
            if (!test->why || !test->why[0])
                fail_msg("%s, \"%s\": a tolerance of %g dB without a reason", name, test->name, test->tolerance_db);
            print_message("%s, \"%s\": %g dB: %s\n", name, test->name, test->tolerance_db, test->why);
        }
    }
}

int main(void)
{
    print_message("seed %llu\n", (unsigned long long)the_seed());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_cpu_variants),
        cmocka_unit_test(test_vulkan),
        cmocka_unit_test(test_vulkan_pages),
        cmocka_unit_test(test_vulkan_loops),
        cmocka_unit_test(test_groups),
    };
    return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
