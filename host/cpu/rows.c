/*
 * A step of one kernel of host/kernels: rows with their lanes, values and state.
 * A block's rows are shared out among the threads, one row a job.
 */
#include "rows.h"

#include "simd.h"

#include <string.h>

typedef struct row_memory {
    uint32_t *lanes;        /* inputs, then outputs */
    uint32_t num_inputs, num_outputs;
    uint32_t *settings;
    real *values;           /* at rest: one point; where they move: the block's points */
    uint32_t num_values;
    bool moves;
    real *state;
    uint64_t num_state;
    uint32_t position, num_runs;
} row_memory;

struct cpu_rows {
    cpu_row_function *function;
    row_memory *rows;
    uint32_t num_rows;
    uint64_t bytes;
};

typedef struct rows_job {
    const cpu_rows *rows;
    const cpu_lanes *lanes;
    const mxd_step_run *run;
    uint32_t num_frames;
} rows_job;

static cpu_row_function *function_of(mxd_kernel_id kernel)
{
#define FUNCTION(NUMBER, name) &MXD_CPU(mxd_##name##_run),
    static cpu_row_function *const functions[] = {MXD_KERNELS(FUNCTION)};
#undef FUNCTION
    return functions[kernel];
}

static void *copy_of(const void *source, size_t bytes)
{
    void *copy = malloc(bytes ? bytes : 1);
    if (copy && bytes)
        memcpy(copy, source, bytes);
    return copy;
}

static bool init_row(const mxd_kernel *kernel, const mxd_kernel_row *source, uint32_t block_frames, row_memory *row,
                     uint64_t *bytes)
{
    const mxd_kernel_shape shape = {source->settings, source->num_inputs, source->num_outputs};
    uint32_t num_lanes = source->num_inputs + source->num_outputs;
    row->num_inputs = source->num_inputs;
    row->num_outputs = source->num_outputs;
    row->num_values = kernel->num_values(&shape);
    row->num_state = kernel->num_state(&shape);
    row->moves = !source->values && row->num_values > 0;
    size_t num_reals = (size_t)row->num_values * (row->moves ? mxd_value_points(block_frames) : 1);
    row->lanes = malloc(num_lanes * sizeof *row->lanes);
    row->settings = copy_of(source->settings, kernel->num_settings * sizeof *row->settings);
    row->values = malloc((num_reals ? num_reals : 1) * sizeof *row->values);
    row->state = MXD_CPU(mxd_aligned_zeros)((row->num_state ? row->num_state : 1) * sizeof *row->state);
    *bytes += (num_reals + row->num_state) * sizeof(real);
    if (!row->lanes || !row->settings || !row->values || !row->state)
        return false;
    memcpy(row->lanes, source->inputs, source->num_inputs * sizeof *row->lanes);
    memcpy(row->lanes + source->num_inputs, source->outputs, source->num_outputs * sizeof *row->lanes);
    for (uint32_t i = 0; source->values && i < row->num_values; i++)
        row->values[i] = (real)source->values[i];
    return true;
}

cpu_rows *MXD_CPU(mxd_rows_create)(mxd_kernel_id kernel, const mxd_kernel_row *rows, uint32_t num_rows,
                                   uint32_t block_frames)
{
    cpu_rows *made = calloc(1, sizeof *made);
    if (made)
        made->rows = calloc(num_rows, sizeof *made->rows);
    if (!made || !made->rows)
        goto fail;
    made->function = function_of(kernel);
    made->num_rows = num_rows;
    made->bytes = num_rows * sizeof *made->rows;
    for (uint32_t i = 0; i < num_rows; i++)
        if (!init_row(mxd_kernel_get(kernel), &rows[i], block_frames, &made->rows[i], &made->bytes))
            goto fail;
    return made;
fail:
    MXD_CPU(mxd_rows_destroy)(made);
    return NULL;
}

void MXD_CPU(mxd_rows_destroy)(cpu_rows *rows)
{
    for (uint32_t i = 0; rows && rows->rows && i < rows->num_rows; i++) {
        free(rows->rows[i].lanes);
        free(rows->rows[i].settings);
        free(rows->rows[i].values);
        free(rows->rows[i].state);
    }
    if (rows)
        free(rows->rows);
    free(rows);
}

uint64_t MXD_CPU(mxd_rows_memory)(const cpu_rows *rows)
{
    return rows->bytes;
}

static void run_row(void *user, uint32_t index, uint32_t thread)
{
    (void)thread;
    const rows_job *job = user;
    row_memory *row = &job->rows->rows[job->run->rows[index]];
    if (job->run->restart && job->run->restart[index]) {
        memset(row->state, 0, row->num_state * sizeof(real));
        row->position = row->num_runs = 0;
    }
    if (row->moves) {
        size_t num_reals = (size_t)mxd_value_points(job->num_frames) * row->num_values;
        for (size_t i = 0; i < num_reals; i++)
            row->values[i] = (real)job->run->values[index][i];
    }
    real *lanes[2 * MXD_MAX_ROW_LANES];
    for (uint32_t i = 0; i < row->num_inputs + row->num_outputs; i++)
        lanes[i] = lane_of(job->lanes, row->lanes[i]);
    const cpu_row view = {
        .settings = row->settings,
        .inputs = (const real *const *)lanes,
        .outputs = lanes + row->num_inputs,
        .num_inputs = row->num_inputs,
        .num_outputs = row->num_outputs,
        .num_frames = job->num_frames,
        .position = row->position,
        .num_runs = row->num_runs,
        .values = row->values,
        .num_values = row->num_values,
        .moves = row->moves,
        .state = row->state,
    };
    flush_state before = flush_denormals();
    job->rows->function(&view);
    restore_denormals(before);
    row->position += job->num_frames;
    row->num_runs++;
}

void MXD_CPU(mxd_rows_run)(cpu_rows *rows, mxd_threads *threads, const cpu_lanes *lanes, uint32_t num_frames,
                           const mxd_step_run *run)
{
    rows_job job = {rows, lanes, run, num_frames};
    mxd_threads_run(threads, run->num_rows, run_row, &job);
}
