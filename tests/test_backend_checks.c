/* The checks in front of every backend (host/backend.c): each refusal, with a message. */
#include "host/backend.h"
#include "host/cpu/variants.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static mxd_backend *bare_backend(mxd_problems *problems)
{
    const mxd_backend_params params = {.num_lanes = 8, .block_frames = 256, .blocks_in_flight = 1};
    mxd_backend *backend;
    assert_int_equal(mxd_backend_create_with(mxd_cpu_reference()->create_backend, &params, problems, &backend), MXD_OK);
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
        {(mxd_mix_output[]){{4, 0, 1}, {5, 0, 1}}, 2, &edge, 1, &at0, 1},                 /* one edge in two outputs */
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
        {.num_frames = 256, .uploads = &(mxd_upload){.lane = 8}, .num_uploads = 1},
        {.num_frames = 256, .uploads = (mxd_upload[]){{.lane = 1}, {.lane = 1}}, .num_uploads = 2},
        {.num_frames = 256, .uploads = &(mxd_upload){.frames = frames, .format = 4, .num_channels = 1, .gain = 1.0},
         .num_uploads = 1},
        {.num_frames = 256, .uploads = &(mxd_upload){.frames = frames, .gain = 1.0}, .num_uploads = 1},
        {.num_frames = 256, .uploads = &(mxd_upload){.frames = frames, .num_channels = 2, .channel = 2, .gain = 1.0},
         .num_uploads = 1},
        {.num_frames = 256, .uploads = &(mxd_upload){.frames = frames, .num_channels = 1, .gain = NAN},
         .num_uploads = 1},
        {.num_frames = 256, .uploads = &(mxd_upload){.frames = frames, .num_channels = 1, .gain = -INFINITY},
         .num_uploads = 1},
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

/* A block in parts: frames, steps and the end of the render are those of the whole block. */
static void test_part_checks(void **state)
{
    (void)state;
    mxd_problems *problems = mxd_problems_create();
    mxd_backend *backend = small_backend(problems);
    const uint32_t row = 0;
    const mxd_step_run run = {.step = 0, .rows = &row, .num_rows = 1};
    uint64_t ticket;
    for (int i = 0; i < 2; i++) {
        const uint32_t frames = i == 0 ? 256 : 100;
        assert_int_equal(mxd_backend_submit(
            backend, &(mxd_block){.num_frames = frames, .runs = &run, .num_runs = 1, .more = true}, &ticket), MXD_OK);
        assert_int_equal(mxd_backend_wait(backend, ticket), MXD_OK);
        ASSERT_REFUSED(mxd_backend_submit(backend, &(mxd_block){.num_frames = frames - 1}, &ticket));
        ASSERT_REFUSED(mxd_backend_submit(
            backend, &(mxd_block){.num_frames = frames, .runs = &run, .num_runs = 1}, &ticket)); /* ran already */
        assert_int_equal(mxd_backend_submit(backend, &(mxd_block){.num_frames = frames}, &ticket), MXD_OK);
        assert_int_equal(mxd_backend_wait(backend, ticket), MXD_OK);
    }
    ASSERT_REFUSED(mxd_backend_submit(backend, &(mxd_block){.num_frames = 256}, &ticket)); /* after the last */
    mxd_backend_destroy(backend);
    mxd_problems_destroy(problems);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_checks),
        cmocka_unit_test(test_step_checks),
        cmocka_unit_test(test_mix_checks),
        cmocka_unit_test(test_block_checks),
        cmocka_unit_test(test_part_checks),
    };
    return cmocka_run_group_tests_name("backend checks", tests, NULL, NULL);
}
