/* Builds and runs the cases of the kernels of host/kernels. */
#include "row_rig.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STREAM_GUARD = 0, STREAM_ROWS = 1, MAX_SETTINGS = 256 };

struct row_rig {
    row_case test;
    uint64_t seed;
    mxd_backend *backend;
    uint32_t step;
    uint32_t block_frames;
    uint32_t num_inputs;    /* of all rows */
    uint32_t num_outputs;
    uint32_t num_lanes;     /* used */
    uint32_t spacing;       /* 2: each lies between two guard lanes; 1: there are none */
    float *inputs;          /* num_inputs x num_frames */
    uint32_t *lanes;        /* of each row: inputs, outputs */
    mxd_kernel_row *rows;
    uint32_t *settings;
    uint32_t *num_values;   /* of each row */
    double *values;         /* at rest: of all rows; moving: of one block, of all rows */
    size_t *first_value;    /* of each row, in values */
    const double **points;  /* of the rows that run */
    uint32_t *running;
    bool *restart;
    float *guard;           /* pattern of one block */
    float *kept;            /* what came back of guards and inputs: a block each */
    mxd_upload *uploads;
    mxd_download *downloads;
};

uint32_t row_case_num_outputs(const row_case *test)
{
    return test->num_rows * test->num_outputs;
}

mxd_backend *row_rig_backend(const row_rig *rig)
{
    return rig->backend;
}

/* ---- Building ------------------------------------------------------------ */

static bool in_place(const row_rig *rig, uint32_t output)
{
    return (rig->test.flags & ROW_CASE_IN_PLACE) && output < rig->test.num_inputs;
}

static uint32_t input_lane(const row_rig *rig, uint32_t row, uint32_t input)
{
    return rig->spacing * (row * rig->test.num_inputs + input + 1) - 1;
}

static uint32_t output_lane(const row_rig *rig, uint32_t row, uint32_t output)
{
    if (in_place(rig, output))
        return input_lane(rig, row, output);
    return rig->spacing * (rig->num_inputs + row * rig->test.num_outputs + output + 1) - 1;
}

static bool moves(const row_rig *rig)
{
    return (rig->test.flags & ROW_CASE_MOVES) != 0;
}

static mxd_result build_rows(row_rig *rig)
{
    const row_case *test = &rig->test;
    const mxd_kernel *kernel = mxd_kernel_get(test->kernel);
    uint32_t lanes_each = test->num_inputs + test->num_outputs;
    rig->lanes = calloc((size_t)test->num_rows * lanes_each, sizeof *rig->lanes);
    rig->rows = calloc(test->num_rows, sizeof *rig->rows);
    rig->settings = calloc((size_t)test->num_rows * MAX_SETTINGS, sizeof *rig->settings);
    rig->num_values = calloc(test->num_rows, sizeof *rig->num_values);
    rig->first_value = calloc(test->num_rows + 1, sizeof *rig->first_value);
    if (!rig->lanes || !rig->rows || !rig->settings || !rig->num_values || !rig->first_value ||
        kernel->num_settings > MAX_SETTINGS)
        return MXD_ERROR_MEMORY;
    uint32_t num_points = moves(rig) ? mxd_value_points(rig->block_frames) : 1;
    for (uint32_t row = 0; row < test->num_rows; row++) {
        uint32_t *lanes = rig->lanes + (size_t)row * lanes_each;
        uint32_t *settings = rig->settings + (size_t)row * MAX_SETTINGS;
        for (uint32_t i = 0; i < test->num_inputs; i++)
            lanes[i] = input_lane(rig, row, i);
        for (uint32_t i = 0; i < test->num_outputs; i++)
            lanes[test->num_inputs + i] = output_lane(rig, row, i);
        if (test->settings)
            test->settings(row, settings);
        rig->rows[row] = (mxd_kernel_row){.inputs = lanes, .num_inputs = test->num_inputs,
                                          .outputs = lanes + test->num_inputs, .num_outputs = test->num_outputs,
                                          .settings = settings};
        const mxd_kernel_shape shape = {settings, test->num_inputs, test->num_outputs};
        if (!kernel->check(&shape)) /* else the backend refuses it, with the reason */
            rig->num_values[row] = kernel->num_values(&shape);
        rig->first_value[row + 1] = rig->first_value[row] + (size_t)rig->num_values[row] * num_points;
    }
    rig->values = calloc(rig->first_value[test->num_rows] + 1, sizeof *rig->values);
    if (!rig->values)
        return MXD_ERROR_MEMORY;
    for (uint32_t row = 0; row < test->num_rows && test->values && !moves(rig); row++) {
        test->values(row, 0, rig->values + rig->first_value[row]);
        rig->rows[row].values = rig->values + rig->first_value[row];
    }
    return mxd_backend_add_rows(rig->backend, test->kernel, rig->rows, test->num_rows, &rig->step);
}

static bool build_memory(row_rig *rig)
{
    const row_case *test = &rig->test;
    uint32_t num_guards = rig->num_lanes + 1, num_kept = num_guards + rig->num_inputs;
    rig->inputs = calloc((size_t)rig->num_inputs * test->num_frames + 1, sizeof *rig->inputs);
    rig->points = calloc(test->num_rows, sizeof *rig->points);
    rig->running = calloc(test->num_rows, sizeof *rig->running);
    rig->restart = calloc(test->num_rows, sizeof *rig->restart);
    rig->guard = calloc(rig->block_frames, sizeof *rig->guard);
    rig->kept = calloc((size_t)num_kept * rig->block_frames, sizeof *rig->kept);
    rig->uploads = calloc(num_kept, sizeof *rig->uploads);
    rig->downloads = calloc(num_kept + rig->num_outputs, sizeof *rig->downloads);
    if (!rig->inputs || !rig->points || !rig->running || !rig->restart || !rig->guard || !rig->kept || !rig->uploads ||
        !rig->downloads)
        return false;
    double level = pow(10, test->level_db / 20);
    for (uint32_t i = 0; i < rig->num_inputs; i++)
        for (uint64_t n = 0; n < test->num_frames; n++)
            rig->inputs[(size_t)i * test->num_frames + n] =
                (float)(level * signal_at(test->signal, rig->seed, i, n));
    /* Ordinary numbers: a NaN may lose its payload on its way through a double. */
    for (uint32_t n = 0; n < rig->block_frames; n++)
        rig->guard[n] = (float)random_at(rig->seed, STREAM_GUARD, n);
    return true;
}

row_rig *row_rig_create(const row_case *test, uint64_t seed, uint32_t block_frames, bool guards,
                        mxd_backend_creator *creator, uint32_t threads, uint32_t device, mxd_problems *problems)
{
    row_rig *rig = calloc(1, sizeof *rig);
    if (!rig)
        return NULL;
    rig->test = *test;
    rig->seed = seed;
    rig->block_frames = block_frames;
    rig->num_inputs = test->num_rows * test->num_inputs;
    rig->num_outputs = row_case_num_outputs(test);
    rig->num_lanes = rig->num_inputs + rig->num_outputs;
    rig->spacing = guards ? 2 : 1;
    const mxd_backend_params params = {
        .num_lanes = rig->spacing * (rig->num_lanes + 1) - 1,
        .block_frames = block_frames,
        .num_threads = threads,
        .device = device,
        .blocks_in_flight = 1,
    };
    if (mxd_backend_create_with(creator, &params, problems, &rig->backend) != MXD_OK || !build_memory(rig) ||
        build_rows(rig) != MXD_OK || mxd_backend_prepare(rig->backend) != MXD_OK) {
        row_rig_destroy(rig);
        return NULL;
    }
    return rig;
}

void row_rig_destroy(row_rig *rig)
{
    if (!rig)
        return;
    mxd_backend_destroy(rig->backend);
    free(rig->inputs);
    free(rig->lanes);
    free(rig->rows);
    free(rig->settings);
    free(rig->num_values);
    free(rig->values);
    free(rig->first_value);
    free(rig->points);
    free(rig->running);
    free(rig->restart);
    free(rig->guard);
    free(rig->kept);
    free(rig->uploads);
    free(rig->downloads);
    free(rig);
}

/* ---- Running ------------------------------------------------------------- */

/* Drawn for spans of the case's own blocks, so that smaller blocks see the same. */
static bool draw(const row_rig *rig, uint64_t at, uint32_t row, uint32_t what)
{
    return random_at(rig->seed, STREAM_ROWS + row, 2 * (at / rig->test.block_frames) + what) > 0.3;
}

/* The rows that run in the block that begins at a frame, with their values. Returns their number. */
static uint32_t list_rows(row_rig *rig, uint64_t at, uint32_t num_frames)
{
    const row_case *test = &rig->test;
    uint32_t count = 0;
    for (uint32_t row = 0; row < test->num_rows; row++) {
        if ((test->flags & ROW_CASE_PAUSES) && draw(rig, at, row, 0))
            continue;
        rig->restart[count] =
            (test->flags & ROW_CASE_RESTARTS) && at % test->block_frames == 0 && draw(rig, at, row, 1);
        double *values = rig->values + rig->first_value[row];
        for (uint32_t i = 0; moves(rig) && i < mxd_value_points(num_frames); i++)
            test->values(row, at + (uint64_t)i * MXD_VALUE_GRID, values + (size_t)i * rig->num_values[row]);
        rig->points[count] = moves(rig) ? values : NULL;
        rig->running[count++] = row;
    }
    return count;
}

static mxd_result submit(row_rig *rig, const mxd_block *block)
{
    uint64_t ticket;
    mxd_result result = mxd_backend_submit(rig->backend, block, &ticket);
    return result == MXD_OK ? mxd_backend_wait(rig->backend, ticket) : result;
}

static void put(row_rig *rig, mxd_block *block, uint32_t lane, const float *frames)
{
    rig->uploads[block->num_uploads] = (mxd_upload){.lane = lane, .frames = frames, .num_channels = 1, .gain = 1.0};
    rig->downloads[block->num_uploads] =
        (mxd_download){lane, rig->kept + (size_t)block->num_uploads * rig->block_frames};
    block->num_uploads++;
}

static bool keeps(const row_rig *rig, const mxd_upload *upload, const float *kept, uint32_t num_frames)
{
    const float *was = upload->frames;
    if (was != rig->guard && (rig->test.flags & ROW_CASE_IN_PLACE))
        return true;
    for (uint32_t n = 0; n < num_frames; n++)
        if (kept[n] != was[n] && !(fabsf(was[n]) < 0x1p-126f && kept[n] == 0))
            return false;
    return true;
}

static mxd_result run_block(row_rig *rig, uint64_t at, uint32_t num_frames, float *outputs, bool *lanes_hold)
{
    const row_case *test = &rig->test;
    mxd_block block = {.num_frames = num_frames, .uploads = rig->uploads, .num_runs = 1, .downloads = rig->downloads};
    for (uint32_t i = 0; i <= rig->num_lanes && rig->spacing == 2; i++)
        put(rig, &block, 2 * i, rig->guard);
    for (uint32_t i = 0; i < rig->num_inputs; i++)
        put(rig, &block, input_lane(rig, 0, i), rig->inputs + (size_t)i * test->num_frames + at);
    block.num_downloads = block.num_uploads;
    const mxd_step_run run = {.step = rig->step, .rows = rig->running, .restart = rig->restart, .values = rig->points,
                              .num_rows = list_rows(rig, at, num_frames)};
    block.runs = &run;
    for (uint32_t i = 0; i < run.num_rows; i++)
        for (uint32_t o = 0; o < test->num_outputs; o++)
            rig->downloads[block.num_downloads++] = (mxd_download){
                output_lane(rig, rig->running[i], o),
                outputs + ((size_t)rig->running[i] * test->num_outputs + o) * test->num_frames + at};
    mxd_result result = submit(rig, &block);
    for (uint32_t i = 0; i < block.num_uploads && result == MXD_OK; i++)
        if (!keeps(rig, &rig->uploads[i], rig->kept + (size_t)i * rig->block_frames, num_frames))
            *lanes_hold = false;
    return result;
}

mxd_result row_rig_run(row_rig *rig, float *outputs, bool *lanes_hold)
{
    const row_case *test = &rig->test;
    memset(outputs, 0, (size_t)rig->num_outputs * test->num_frames * sizeof *outputs);
    *lanes_hold = true;
    for (uint64_t at = 0; at < test->num_frames; at += rig->block_frames) {
        uint64_t left = test->num_frames - at;
        uint32_t num_frames = left < rig->block_frames ? (uint32_t)left : rig->block_frames;
        mxd_result result = run_block(rig, at, num_frames, outputs, lanes_hold);
        if (result != MXD_OK)
            return result;
    }
    return MXD_OK;
}

mxd_result row_rig_repeat(row_rig *rig)
{
    mxd_block block = {.num_frames = rig->block_frames, .uploads = rig->uploads, .num_runs = 1,
                       .downloads = rig->downloads, .num_downloads = 1};
    for (uint32_t i = 0; i < rig->num_inputs; i++)
        put(rig, &block, input_lane(rig, 0, i), rig->inputs + (size_t)i * rig->test.num_frames);
    rig->downloads[0] = (mxd_download){output_lane(rig, 0, 0), rig->kept};
    const mxd_step_run run = {.step = rig->step, .rows = rig->running, .values = rig->points,
                              .num_rows = list_rows(rig, 0, rig->block_frames)};
    block.runs = &run;
    return submit(rig, &block);
}
