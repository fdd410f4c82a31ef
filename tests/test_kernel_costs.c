/* The floors of kernel times against counts by hand: every kernel, sharing, rows that pause. On the cpu backend. */
#include "host/backend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BLOCK 1024u

static mxd_backend_timing timing_of(const mxd_backend *backend, const char *kernel)
{
    mxd_backend_timing timings[MXD_MAX_TIMINGS];
    uint32_t count = mxd_backend_timings(backend, timings, MXD_MAX_TIMINGS);
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(timings[i].kernel, kernel) == 0)
            return timings[i];
    fail_msg("no timing of %s", kernel);
    return timings[0];
}

static void expect(const mxd_backend *backend, const char *kernel, uint64_t bytes, uint64_t flops)
{
    mxd_backend_timing timing = timing_of(backend, kernel);
    if (timing.min_bytes != bytes || timing.flops != flops)
        fail_msg("%s: %llu bytes and %llu flops, should be %llu and %llu", kernel,
                 (unsigned long long)timing.min_bytes, (unsigned long long)timing.flops, (unsigned long long)bytes,
                 (unsigned long long)flops);
}

static mxd_backend *create(uint32_t num_lanes)
{
    const mxd_backend_params params = {.num_lanes = num_lanes, .block_frames = BLOCK, .num_threads = 1,
                                       .blocks_in_flight = 1};
    mxd_backend *backend;
    assert_int_equal(mxd_backend_create(MXD_BACKEND_CPU, &params, NULL, &backend), MXD_OK);
    return backend;
}

static void run(mxd_backend *backend, const mxd_block *block)
{
    uint64_t ticket;
    assert_int_equal(mxd_backend_submit(backend, block, &ticket), MXD_OK);
    assert_int_equal(mxd_backend_wait(backend, ticket), MXD_OK);
}

static void test_eq(void **state)
{
    (void)state;
    mxd_backend *backend = create(2);
    const mxd_svf sections[3] = {{0.1, 1, 1, 0, 0}, {0.1, 1, 1, 0, 0}, {0.1, 1, 1, 0, 0}};
    const mxd_eq_row rows[2] = {{0, sections, 3}, {1, sections, 1}};
    uint32_t step;
    assert_int_equal(mxd_backend_add_eq(backend, rows, 2, &step), MXD_OK);
    assert_int_equal(mxd_backend_prepare(backend), MXD_OK);
    const mxd_upload silence[2] = {{.lane = 0}, {.lane = 1}};
    const uint32_t numbers[2] = {0, 1};
    mxd_step_run both = {.step = step, .rows = numbers, .num_rows = 2};
    const mxd_block first = {.num_frames = BLOCK, .uploads = silence, .num_uploads = 2, .runs = &both, .num_runs = 1};
    run(backend, &first);
    expect(backend, "eq", 2 * 8 * BLOCK, 18 * (3 + 1) * BLOCK);
    expect(backend, "upload", 2 * 4 * BLOCK, 0); /* the cpu unpacks, and silence is written too */
    const mxd_step_run second = {.step = step, .rows = &numbers[1], .num_rows = 1};
    const mxd_block last = {.num_frames = 100, .uploads = silence, .num_uploads = 2, .runs = &second, .num_runs = 1};
    run(backend, &last);
    expect(backend, "eq", 2 * 8 * BLOCK + 8 * 100, 18 * (3 + 1) * BLOCK + 18 * 100);
    mxd_backend_destroy(backend);
}

static void test_mix_and_transfers(void **state)
{
    (void)state;
    mxd_backend *backend = create(5);
    const mxd_mix_limits limits = {2, 3, 3};
    uint32_t step;
    assert_int_equal(mxd_backend_add_mix(backend, &limits, &step), MXD_OK);
    assert_int_equal(mxd_backend_prepare(backend), MXD_OK);
    float *frames = calloc(2 * BLOCK, sizeof *frames);
    assert_non_null(frames);
    /* Two lanes of the same frames, one of others, one of silence. */
    const mxd_upload uploads[4] = {{.lane = 0, .frames = frames, .num_channels = 1, .gain = 1.0},
                                   {.lane = 1, .frames = frames + BLOCK, .num_channels = 1, .gain = 1.0},
                                   {.lane = 2, .frames = frames, .num_channels = 1, .gain = 1.0}, {.lane = 3}};
    const mxd_gain_point point = {0, 1.0};
    const mxd_mix_edge edges[3] = {{0, 0, 1}, {1, 0, 1}, {0, 0, 1}};
    const mxd_mix_output output = {4, 0, 3};
    const mxd_mix_run mix = {&output, 1, edges, 3, &point, 1};
    const mxd_step_run step_run = {.step = step, .mix = &mix};
    float *result = calloc(BLOCK, sizeof *result);
    assert_non_null(result);
    const mxd_download download = {4, result};
    const mxd_block block = {.num_frames = BLOCK, .uploads = uploads, .num_uploads = 4, .runs = &step_run,
                             .num_runs = 1, .downloads = &download, .num_downloads = 1};
    run(backend, &block);
    run(backend, &block);
    expect(backend, "mix", 2 * 4 * BLOCK * (2 + 1), 2 * 2 * BLOCK * 3);
    expect(backend, "upload", 2 * 4 * BLOCK * (2 + 4), 2 * BLOCK * 3);
    expect(backend, "download", 2 * 4 * BLOCK, 0);
    free(frames);
    free(result);
    mxd_backend_destroy(backend);
}

static void test_convolve(void **state)
{
    (void)state;
    enum { RESPONSE = 300 };
    mxd_backend *backend = create(5);
    float response[RESPONSE] = {1.0f};
    const uint32_t lanes[5] = {0, 1, 2, 3, 4};
    const mxd_convolve_cell cells[3] = {
        {0, 0, response, RESPONSE, 0, 1.0}, {0, 1, response, 200, 0, 1.0}, {0, 0, response, 1, 0, 1.0}};
    /* One input to two outputs, both from one response; and a response of one frame, which is of the first row too. */
    const mxd_convolve_row rows[2] = {{&lanes[0], 1, &lanes[1], 2, cells, 2}, {&lanes[3], 1, &lanes[4], 1, &cells[2], 1}};
    uint32_t step;
    assert_int_equal(mxd_backend_add_convolve(backend, rows, 2, &step), MXD_OK);
    assert_int_equal(mxd_backend_prepare(backend), MXD_OK);
    const mxd_upload silence[2] = {{.lane = 0}, {.lane = 3}};
    const uint32_t numbers[2] = {0, 1};
    const mxd_step_run both = {.step = step, .rows = numbers, .num_rows = 2};
    const mxd_block block = {.num_frames = BLOCK, .uploads = silence, .num_uploads = 2, .runs = &both, .num_runs = 1};
    run(backend, &block);
    /*
     * Row 0 at P = 256: transforms 5 * 9 * 3 = 135, products 8 * (2 + 1) = 24; at 512: 150 and 16; larger: more. Row 1:
     * 5 * 9 * 2 and 8. Bytes: five lanes; the response once; the history of 299 frames read and moved on.
     */
    const uint64_t bytes = 4 * (5 * BLOCK + RESPONSE + 2 * (RESPONSE - 1)), flops = (135 + 24 + 90 + 8) * BLOCK;
    expect(backend, "convolve", bytes, flops);
    /* The first row's input rests: its outputs are written, and their transforms done. */
    const bool rests[2] = {true, false};
    const mxd_step_run one_rests = {.step = step, .rows = numbers, .rests = rests, .num_rows = 2};
    const mxd_block again = {.num_frames = BLOCK, .uploads = silence, .num_uploads = 2, .runs = &one_rests, .num_runs = 1};
    run(backend, &again);
    expect(backend, "convolve", bytes + 4 * 4 * BLOCK, flops + (90 + 90 + 8) * BLOCK);
    mxd_backend_destroy(backend);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_eq),
        cmocka_unit_test(test_mix_and_transfers),
        cmocka_unit_test(test_convolve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
