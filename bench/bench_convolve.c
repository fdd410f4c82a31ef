/*
 * How the cost of convolution grows: with the length of the responses, and with
 * the number of tracks. Every track has a stereo response of its own; in a
 * column "rows" each is a row of its own with two outputs, in "matrix" all tracks
 * are summed into two outputs, as the graph makes it where nothing moves
 * between convolver and sum.
 *
 *     bench_convolve [--backend cpu|vulkan|reference] [--device N] [--threads N] [--block FRAMES] [--runs N]
 */
#include "commit.h"
#include "host/backend.h"
#include "host/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATE 48000
#define MAX_TRACKS 512u
#define MOST_BYTES (6ull << 30) /* of spectra and delay lines: larger cases are left out */

typedef struct settings {
    mxd_backend_kind backend;
    mxd_backend_params params;
    uint32_t runs;
} settings;

static float *make_noise(size_t num_samples, uint32_t seed)
{
    float *samples = malloc(num_samples * sizeof *samples);
    for (size_t i = 0; samples && i < num_samples; i++) {
        seed = seed * 1664525u + 1013904223u;
        samples[i] = (float)(int32_t)seed * 0x1p-34f;
    }
    return samples;
}

static void print_problems(const mxd_problems *problems)
{
    for (size_t i = 0; i < mxd_problems_count(problems); i++)
        fprintf(stderr, "  %s\n", mxd_problems_get(problems, i)->text);
}

/* Tracks 0.. are lanes 0..; outputs lie behind them. */
static mxd_result add_step(mxd_backend *backend, bool matrix, uint32_t num_tracks, const float *responses,
                           uint32_t num_frames, uint32_t *step)
{
    static uint32_t lanes[3 * MAX_TRACKS];
    static mxd_convolve_cell cells[2 * MAX_TRACKS];
    static mxd_convolve_row rows[MAX_TRACKS];
    for (uint32_t i = 0; i < 3 * num_tracks; i++)
        lanes[i] = i;
    for (uint32_t i = 0; i < 2 * num_tracks; i++)
        cells[i] = (mxd_convolve_cell){.input = matrix ? i / 2 : 0, .output = i % 2,
                                       .response = responses + (size_t)i * num_frames, .num_frames = num_frames,
                                       .gain = 1.0};
    for (uint32_t i = 0; i < num_tracks; i++)
        rows[i] = (mxd_convolve_row){&lanes[i], 1, &lanes[num_tracks + 2 * i], 2, &cells[2 * i], 2};
    const mxd_convolve_row whole = {lanes, num_tracks, &lanes[num_tracks], 2, cells, 2 * num_tracks};
    return matrix ? mxd_backend_add_convolve(backend, &whole, 1, step)
                  : mxd_backend_add_convolve(backend, rows, num_tracks, step);
}

/* Seconds of the step for one block once the delay lines are full; < 0: failed. */
static double time_blocks(mxd_backend *backend, const settings *s, uint32_t step, uint32_t num_rows,
                          uint32_t num_tracks, uint32_t num_frames, const float *noise)
{
    static mxd_upload uploads[MAX_TRACKS];
    static uint32_t rows[MAX_TRACKS];
    uint32_t block_frames = s->params.block_frames, warm = num_frames / block_frames + 2;
    for (uint32_t i = 0; i < num_tracks; i++) {
        uploads[i] = (mxd_upload){.lane = i, .frames = noise + 1009 * i, .num_channels = 1, .gain = 1.0};
        rows[i] = i;
    }
    const mxd_step_run run = {.step = step, .rows = rows, .num_rows = num_rows};
    const mxd_block block = {.num_frames = block_frames, .uploads = uploads, .num_uploads = num_tracks,
                             .runs = &run, .num_runs = 1};
    double best_s = HUGE_VAL, before_s = 0.0;
    for (uint32_t i = 0; i < warm + s->runs; i++) {
        uint64_t ticket;
        mxd_backend_timing timings[MXD_MAX_TIMINGS];
        if (mxd_backend_submit(backend, &block, &ticket) != MXD_OK || mxd_backend_wait(backend, ticket) != MXD_OK)
            return -1.0;
        double now_s = 0.0;
        uint32_t count = mxd_backend_timings(backend, timings, MXD_MAX_TIMINGS);
        for (uint32_t j = 0; j < count && j < 32; j++)
            if (strcmp(timings[j].kernel, "convolve") == 0)
                now_s = timings[j].wall_s + timings[j].device_s;
        if (i >= warm)
            best_s = fmin(best_s, now_s - before_s);
        before_s = now_s;
    }
    return best_s;
}

/* Nanoseconds a frame of one track; < 0: failed, NAN: too large. */
static double measure(const settings *s, bool matrix, uint32_t num_tracks, double length_s)
{
    uint32_t num_frames = (uint32_t)(length_s * RATE);
    if (2ull * num_tracks * num_frames * 3 * sizeof(float) > MOST_BYTES)
        return NAN;
    mxd_backend_params params = s->params;
    params.num_lanes = 3 * num_tracks;
    params.blocks_in_flight = 1;
    float *responses = make_noise(2 * (size_t)num_tracks * num_frames, 1);
    float *noise = make_noise(params.block_frames + 1009 * (size_t)num_tracks, 2);
    mxd_problems *problems = mxd_problems_create();
    mxd_backend *backend = NULL;
    double seconds = -1.0;
    uint32_t step;
    if (responses && noise && problems &&
        mxd_backend_create(s->backend, &params, problems, &backend) == MXD_OK &&
        add_step(backend, matrix, num_tracks, responses, num_frames, &step) == MXD_OK &&
        mxd_backend_prepare(backend) == MXD_OK)
        seconds = time_blocks(backend, s, step, matrix ? 1 : num_tracks, num_tracks, num_frames, noise);
    if (seconds < 0.0)
        print_problems(problems);
    mxd_backend_destroy(backend);
    mxd_problems_destroy(problems);
    free(noise);
    free(responses);
    return seconds < 0.0 ? seconds : seconds * 1e9 / params.block_frames / num_tracks;
}

static bool print_row(const settings *s, uint32_t num_tracks, double length_s)
{
    printf("| %u | %g |", num_tracks, length_s);
    for (int matrix = 0; matrix < 2; matrix++) {
        double ns = measure(s, matrix, num_tracks, length_s);
        if (ns < 0.0)
            return false;
        if (isnan(ns))
            printf(" too large | |");
        else
            printf(" %.2f | %.1f |", ns, 1e9 / RATE / (ns * num_tracks));
    }
    printf("\n");
    fflush(stdout);
    return true;
}

static bool parse(int argc, char **argv, settings *s)
{
    static const char *const kinds[] = {"auto", "vulkan", "cpu", "reference"};
    for (int i = 1; i + 1 < argc; i += 2) {
        uint32_t number = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--backend") == 0) {
            uint32_t kind = 1;
            while (kind < 4 && strcmp(argv[i + 1], kinds[kind]) != 0)
                kind++;
            if (kind == 4)
                return false;
            s->backend = (mxd_backend_kind)kind;
        } else if (strcmp(argv[i], "--device") == 0) {
            s->params.device = number;
        } else if (strcmp(argv[i], "--threads") == 0) {
            s->params.num_threads = number;
        } else if (strcmp(argv[i], "--block") == 0) {
            s->params.block_frames = number;
        } else if (strcmp(argv[i], "--runs") == 0 && number > 0) {
            s->runs = number;
        } else {
            return false;
        }
    }
    return argc % 2 == 1;
}

int main(int argc, char **argv)
{
    static const double lengths[] = {0.1, 0.3, 1.0, 3.0, 10.0, 30.0};
    static const uint32_t tracks[] = {1, 8, 32, 128, 512};
    settings s = {.backend = MXD_BACKEND_CPU, .params = {.block_frames = 1u << 17}, .runs = 5};
    if (!parse(argc, argv, &s)) {
        fputs("usage: bench_convolve [--backend cpu|vulkan|reference] [--device N] [--threads N] [--block FRAMES] "
              "[--runs N]\n", stderr);
        return 2;
    }
    printf("commit %s, blocks of %u frames\n\n"
           "| tracks | response s | rows: ns a frame of a track | x real time | matrix: ns a frame of a track | "
           "x real time |\n| --- | --- | --- | --- | --- | --- |\n", MXD_COMMIT, s.params.block_frames);
    bool good = true;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0] && good; i++)
        good = print_row(&s, 16, lengths[i]);
    for (size_t i = 0; i < sizeof tracks / sizeof tracks[0] && good; i++)
        good = print_row(&s, tracks[i], 4.0);
    return good ? 0 : 1;
}
