/*
 * A step of one kernel of host/kernels on the device: rows with their lanes,
 * settings, values and state (shaders/rows.h). A row is one workgroup that goes
 * through the frames, or one workgroup a tile of frames, as the kernel says.
 *
 * States lie on pages of consecutive rows, each within what the device binds at
 * once: the state of a long delay is large.
 */
#include "vulkan.h"

#include "shaders/rows.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct mxd_rows_row_data) == 32, "std430 stride");
_Static_assert(sizeof(struct mxd_rows_run_data) == 16, "std430 stride");
_Static_assert(MXD_ROWS_GRID == MXD_VALUE_GRID, "kernels find their points by it");

/*
 * Work of one dispatch, in operations as kernels count them, so that it stays below 100 ms on a small GPU: all rows
 * together at 5e10 a second; and one row that goes through the frames in order at 1e8, for a recursion takes a handful
 * of cycles for each of its operations.
 */
#define WORK_A_DISPATCH ((uint64_t)1 << 32)
#define WORK_A_ROW ((uint64_t)1 << 23)
/* Rounds of loops of one dispatch (kernel.h says why), and about as many again for what a kernel does at a block's end. */
#define LOOPS_A_DISPATCH 30000.0

/* How a row stands. */
typedef struct row_progress {
    uint32_t position;      /* frames since it started, modulo 2^32 */
    uint32_t num_runs;      /* blocks */
    bool started;           /* its state is garbage until then */
} row_progress;

/* Consecutive rows whose states are one buffer. */
typedef struct row_page {
    uint32_t first_row;
    uint32_t end_row;
    uint64_t num_words;
    mxd_vulkan_buffer states;
    mxd_vulkan_set set;
} row_page;

typedef struct rows_step {
    mxd_vulkan_step base;
    const mxd_kernel *kernel;
    mxd_vulkan_pipeline *pipeline;
    uint32_t block_frames;
    uint32_t num_rows;
    struct mxd_rows_row_data *rows;
    double *flops;          /* a frame of each row */
    double *loops;          /* rounds of loops, the same */
    row_progress *progress;
    uint32_t *indices;      /* until prepare */
    uint64_t num_indices;
    float *values;          /* at rest; until prepare */
    uint64_t num_values;
    row_page *pages;
    uint32_t num_pages;
    mxd_vulkan_buffer row_buffer;
    mxd_vulkan_buffer index_buffer;
    mxd_vulkan_buffer value_buffer;
} rows_step;

static void destroy(mxd_vulkan_backend *backend, mxd_vulkan_step *base)
{
    rows_step *step = (rows_step *)base;
    mxd_vulkan_device_context *context = &backend->context;
    for (uint32_t i = 0; i < step->num_pages; i++) {
        mxd_vulkan_set_finish(context, &step->pages[i].set);
        mxd_vulkan_buffer_finish(context, &step->pages[i].states);
    }
    mxd_vulkan_buffer_finish(context, &step->row_buffer);
    mxd_vulkan_buffer_finish(context, &step->index_buffer);
    mxd_vulkan_buffer_finish(context, &step->value_buffer);
    free(step->pages);
    free(step->rows);
    free(step->flops);
    free(step->loops);
    free(step->progress);
    free(step->indices);
    free(step->values);
    free(step);
}

/* ---- Preparation --------------------------------------------------------- */

static mxd_result fill_buffer(mxd_vulkan_device_context *context, const void *data, uint64_t bytes, const char *what,
                              mxd_vulkan_buffer *buffer)
{
    mxd_result result = mxd_vulkan_buffer_init(context, bytes, MXD_VULKAN_ON_DEVICE, what, buffer);
    return result == MXD_OK ? mxd_vulkan_buffer_write(context, buffer, 0, data, bytes) : result;
}

static mxd_result prepare(mxd_vulkan_backend *backend, mxd_vulkan_step *base)
{
    rows_step *step = (rows_step *)base;
    mxd_vulkan_device_context *context = &backend->context;
    mxd_result result = mxd_vulkan_pipeline_wait(context, step->pipeline);
    for (uint32_t i = 0; i < step->num_pages && result == MXD_OK; i++) {
        result = mxd_vulkan_set_init(context, step->pipeline, &step->pages[i].set);
        if (result == MXD_OK)
            result = mxd_vulkan_buffer_init(context, step->pages[i].num_words * sizeof(float), MXD_VULKAN_ON_DEVICE,
                                            "inserts' states", &step->pages[i].states);
    }
    if (result == MXD_OK)
        result = fill_buffer(context, step->rows, step->num_rows * sizeof *step->rows, "inserts' rows",
                             &step->row_buffer);
    if (result == MXD_OK)
        result = fill_buffer(context, step->indices, step->num_indices * sizeof *step->indices, "inserts' settings",
                             &step->index_buffer);
    if (result == MXD_OK)
        result = fill_buffer(context, step->values, step->num_values * sizeof *step->values, "inserts' values",
                             &step->value_buffer);
    if (result == MXD_OK) {
        free(step->indices);
        free(step->values);
        step->indices = NULL;
        step->values = NULL;
    }
    return result;
}

static void bind(mxd_vulkan_backend *backend, mxd_vulkan_step *base)
{
    rows_step *step = (rows_step *)base;
    for (uint32_t i = 0; i < step->num_pages; i++) {
        const mxd_vulkan_buffer *buffers[MXD_ROWS_NUM_BINDINGS] = {
            [MXD_ROWS_BINDING_LANES] = &backend->lanes,
            [MXD_ROWS_BINDING_STATES] = &step->pages[i].states,
            [MXD_ROWS_BINDING_ROWS] = &step->row_buffer,
            [MXD_ROWS_BINDING_INDICES] = &step->index_buffer,
            [MXD_ROWS_BINDING_VALUES] = &step->value_buffer,
            [MXD_ROWS_BINDING_RUNS] = &backend->params,
            [MXD_ROWS_BINDING_POINTS] = &backend->params,
        };
        mxd_vulkan_set_write(&backend->context, &step->pages[i].set, buffers, MXD_ROWS_NUM_BINDINGS);
    }
}

/* ---- A block ------------------------------------------------------------- */

/* Words of the points of a row in a block of so many frames. */
static uint64_t num_point_words(const rows_step *step, uint32_t row, uint32_t num_frames)
{
    return step->rows[row].moves ? (uint64_t)mxd_value_points(num_frames) * step->rows[row].num_values : 0;
}

static uint64_t params_bytes(const mxd_vulkan_step *base, const mxd_step_run *run)
{
    const rows_step *step = (const rows_step *)base;
    uint32_t num_rows = run ? run->num_rows : step->num_rows;
    uint64_t num_words = 0;
    for (uint32_t i = 0; i < num_rows; i++)
        num_words += num_point_words(step, run ? run->rows[i] : i, step->block_frames);
    return mxd_vulkan_align(num_rows * sizeof(struct mxd_rows_run_data), MXD_VULKAN_PARAMS_ALIGNMENT) +
           mxd_vulkan_align(num_words * sizeof(float), MXD_VULKAN_PARAMS_ALIGNMENT);
}

/* Writes the runs and the values that move, and moves the rows on. Returns the index of the first run. */
static uint32_t fill_params(rows_step *step, mxd_vulkan_recording *recording, const mxd_step_run *run)
{
    uint64_t offset, points_offset, num_words = 0;
    for (uint32_t i = 0; i < run->num_rows; i++)
        num_words += num_point_words(step, run->rows[i], recording->num_frames);
    struct mxd_rows_run_data *runs = mxd_vulkan_params(recording, run->num_rows * sizeof *runs, &offset);
    float *points = mxd_vulkan_params(recording, num_words * sizeof *points, &points_offset);
    uint64_t point = 0;
    for (uint32_t i = 0; i < run->num_rows; i++) {
        uint32_t row = run->rows[i];
        row_progress *progress = &step->progress[row];
        runs[i] = (struct mxd_rows_run_data){
            .row = row,
            .position = progress->position,
            .num_runs = progress->num_runs,
            .first_point = (uint32_t)(points_offset / sizeof *points + point),
        };
        uint64_t count = num_point_words(step, row, recording->num_frames);
        for (uint64_t w = 0; w < count; w++)
            points[point + w] = (float)run->values[i][w];
        point += count;
        progress->position += recording->num_frames;
        progress->num_runs++;
    }
    return (uint32_t)(offset / sizeof *runs);
}

/* Zeroes the states of rows that start, neighbours at once. */
static void clear_states(rows_step *step, VkCommandBuffer commands, const mxd_step_run *run)
{
    bool any = false;
    const row_page *page = step->pages;
    uint64_t first = 0, end = 0; /* words of the page */
    for (uint32_t i = 0; i <= run->num_rows; i++) {
        uint32_t number = i < run->num_rows ? run->rows[i] : UINT32_MAX;
        bool starts = i < run->num_rows && (!step->progress[number].started || (run->restart && run->restart[i]));
        if (i < run->num_rows && !starts)
            continue;
        bool goes_on = starts && number < page->end_row && step->rows[number].first_state == end;
        if (!goes_on && end > first) {
            vkCmdFillBuffer(commands, page->states.buffer, first * sizeof(float), (end - first) * sizeof(float), 0);
            any = true;
        }
        if (!starts)
            break;
        while (number >= page->end_row)
            page++;
        if (!goes_on)
            first = step->rows[number].first_state;
        end = (uint64_t)step->rows[number].first_state + step->rows[number].num_state;
        step->progress[number] = (row_progress){.started = true};
    }
    const VkMemoryBarrier memory = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT,
    };
    if (any)
        vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, 0, 1,
                             &memory, 0, NULL, 0, NULL);
}

/* Rows of one dispatch or of several that follow in time. */
typedef struct row_batch {
    const row_page *page;
    uint32_t first;         /* run */
    uint32_t count;
    uint32_t span;          /* frames of one dispatch */
} row_batch;

static uint32_t round_span(double span, uint32_t multiple, uint32_t most)
{
    if (span >= most)
        return most;
    uint32_t whole = (uint32_t)span / multiple * multiple;
    return whole > multiple ? whole : multiple;
}

/* Rows of a page from a run on, as many as the budget allows, at least one. */
static row_batch choose_batch(const mxd_vulkan_backend *backend, const rows_step *step, const mxd_step_run *run,
                              uint32_t first, const row_page *page, uint32_t num_frames)
{
    bool tiles = step->kernel->tile_frames > 0;
    double most = (double)mxd_vulkan_work(backend, WORK_A_DISPATCH);
    double most_a_row = tiles ? most : (double)mxd_vulkan_work(backend, WORK_A_ROW);
    double work = 0, longest = 1, a_frame = 0, loops = 1;
    row_batch batch = {.page = page, .first = first};
    while (first + batch.count < run->num_rows && batch.count < MXD_VULKAN_MAX_GROUPS) {
        uint32_t number = run->rows[first + batch.count];
        double flops = step->flops[number];
        double own = flops * num_frames < most_a_row ? flops * num_frames : most_a_row; /* else split in time */
        if (number >= page->end_row || (batch.count > 0 && work + own > most))
            break;
        work += own;
        a_frame += flops;
        longest = flops > longest ? flops : longest;
        loops = step->loops[number] > loops ? step->loops[number] : loops;
        batch.count++;
    }
    uint32_t tile = step->kernel->tile_frames;
    const double span = most_a_row / longest < LOOPS_A_DISPATCH / loops ? most_a_row / longest : LOOPS_A_DISPATCH / loops;
    batch.span = tiles ? round_span(most / (a_frame > 1 ? a_frame : 1), tile, tile * MXD_VULKAN_MAX_GROUPS)
                       : round_span(span, MXD_ROWS_SPAN, num_frames);
    return batch;
}

static void dispatch_batch(const rows_step *step, VkCommandBuffer commands, const row_batch *batch, uint32_t first_run,
                           uint32_t num_frames)
{
    uint32_t tile = step->kernel->tile_frames;
    for (uint32_t frame = 0; frame < num_frames; frame += batch->span) {
        uint32_t left = num_frames - frame;
        const struct mxd_rows_push push = {
            .first_run = first_run + batch->first,
            .lane_floats = step->block_frames,
            .first_frame = frame,
            .end_frame = frame + (left < batch->span ? left : batch->span),
            .num_frames = num_frames,
            .tile_frames = tile,
        };
        uint32_t groups = tile ? (push.end_frame - frame + tile - 1) / tile : 1;
        if (frame > 0 && !tile) /* tiles need nothing of one another */
            mxd_vulkan_compute_barrier(commands);
        mxd_vulkan_dispatch(commands, step->pipeline, &batch->page->set, &push, batch->count, groups, 1);
    }
}

static void record(mxd_vulkan_backend *backend, mxd_vulkan_step *base, mxd_vulkan_recording *recording,
                   const mxd_step_run *run)
{
    rows_step *step = (rows_step *)base;
    clear_states(step, recording->commands, run);
    uint32_t first_run = fill_params(step, recording, run);
    const row_page *page = step->pages;
    for (uint32_t first = 0; first < run->num_rows;) {
        while (run->rows[first] >= page->end_row)
            page++;
        const row_batch batch = choose_batch(backend, step, run, first, page, recording->num_frames);
        dispatch_batch(step, recording->commands, &batch, first_run, recording->num_frames);
        first += batch.count;
    }
}

/* ---- Creation ------------------------------------------------------------ */

static bool allocate(rows_step *step, const mxd_kernel_row *rows)
{
    for (uint32_t i = 0; i < step->num_rows; i++) {
        const mxd_kernel_shape shape = {rows[i].settings, rows[i].num_inputs, rows[i].num_outputs};
        step->num_indices += rows[i].num_inputs + rows[i].num_outputs + step->kernel->num_settings;
        step->num_values += rows[i].values ? step->kernel->num_values(&shape) : 0;
    }
    step->rows = calloc(step->num_rows, sizeof *step->rows);
    step->flops = calloc(step->num_rows, sizeof *step->flops);
    step->loops = calloc(step->num_rows, sizeof *step->loops);
    step->progress = calloc(step->num_rows, sizeof *step->progress);
    step->pages = calloc(step->num_rows, sizeof *step->pages);
    step->indices = calloc(step->num_indices + 1, sizeof *step->indices);
    step->values = calloc(step->num_values + 1, sizeof *step->values);
    return step->rows && step->flops && step->loops && step->progress && step->pages && step->indices && step->values;
}

/* Where the row's state lies: on the last page, or on a new one. A row too large for any gets one, which is refused. */
static uint32_t place_state(rows_step *step, uint32_t row, uint64_t num_words, uint64_t range_bytes)
{
    row_page *page = step->num_pages ? &step->pages[step->num_pages - 1] : NULL;
    if (!page || (page->num_words + num_words) * sizeof(float) > range_bytes) {
        page = &step->pages[step->num_pages++];
        page->first_row = row;
    }
    uint32_t first = (uint32_t)page->num_words;
    page->num_words += num_words;
    page->end_row = row + 1;
    return first;
}

static void fill_row(rows_step *step, const mxd_kernel_row *source, uint32_t row, uint64_t range_bytes,
                     uint64_t *num_indices, uint64_t *num_values)
{
    const mxd_kernel_shape shape = {source->settings, source->num_inputs, source->num_outputs};
    uint64_t num_state = step->kernel->num_state(&shape);
    struct mxd_rows_row_data *data = &step->rows[row];
    *data = (struct mxd_rows_row_data){
        .first_index = (uint32_t)*num_indices,
        .num_inputs = source->num_inputs,
        .num_outputs = source->num_outputs,
        .first_state = place_state(step, row, num_state, range_bytes),
        .num_state = (uint32_t)num_state,
        .first_value = (uint32_t)*num_values,
        .num_values = step->kernel->num_values(&shape),
    };
    data->moves = data->num_values > 0 && !source->values;
    step->flops[row] = step->kernel->flops(&shape);
    step->loops[row] = step->kernel->loops ? step->kernel->loops(&shape) : 1.0;
    uint32_t *indices = step->indices + *num_indices;
    memcpy(indices, source->inputs, source->num_inputs * sizeof *indices);
    memcpy(indices + source->num_inputs, source->outputs, source->num_outputs * sizeof *indices);
    memcpy(indices + source->num_inputs + source->num_outputs, source->settings,
           step->kernel->num_settings * sizeof *indices);
    *num_indices += source->num_inputs + source->num_outputs + step->kernel->num_settings;
    for (uint32_t i = 0; source->values && i < data->num_values; i++)
        step->values[(*num_values)++] = (float)source->values[i];
}

static mxd_result start_pipeline(mxd_vulkan_backend *backend, const mxd_kernel *kernel, mxd_vulkan_pipeline *pipeline)
{
    uint32_t workgroup = kernel->workgroup;
    while (workgroup > backend->context.limits.workgroup)
        workgroup /= 2;
    const mxd_vulkan_pipeline_params params = {
        .module = kernel->name,
        .num_bindings = MXD_ROWS_NUM_BINDINGS,
        .push_bytes = sizeof(struct mxd_rows_push),
        .workgroup = workgroup,
    };
    return mxd_vulkan_pipeline_start(&backend->context, &params, pipeline);
}

mxd_result mxd_vulkan_add_rows(mxd_backend *base, mxd_kernel_id kernel, const mxd_kernel_row *rows, uint32_t num_rows,
                               uint32_t *number)
{
#define FUNCTIONS(NUMBER, name)                                                                 \
    {(mxd_vulkan_kernel)(MXD_VULKAN_KERNEL_ROWS + (int)MXD_KERNEL_##NUMBER), destroy, prepare, bind, params_bytes, record},
    static const mxd_vulkan_step_functions functions[] = {MXD_KERNELS(FUNCTIONS)};
#undef FUNCTIONS
    mxd_vulkan_backend *backend = (mxd_vulkan_backend *)base;
    mxd_result result = start_pipeline(backend, mxd_kernel_get(kernel), &backend->rows[kernel]);
    if (result != MXD_OK)
        return result;
    rows_step *step = calloc(1, sizeof *step);
    if (!step)
        return mxd_fail(base->problems, MXD_ERROR_MEMORY, NULL, "memory ran out while an insert was made");
    step->base.functions = &functions[kernel];
    step->kernel = mxd_kernel_get(kernel);
    step->pipeline = &backend->rows[kernel];
    step->block_frames = base->params.block_frames;
    step->num_rows = num_rows;
    if (!allocate(step, rows)) {
        result = mxd_fail(base->problems, MXD_ERROR_MEMORY, NULL, "memory ran out while an insert was made");
        goto fail;
    }
    uint64_t num_indices = 0, num_values = 0;
    for (uint32_t i = 0; i < num_rows; i++)
        fill_row(step, &rows[i], i, backend->context.limits.range_bytes, &num_indices, &num_values);
    result = mxd_vulkan_add_step(backend, &step->base, number);
    if (result != MXD_OK)
        goto fail;
    return MXD_OK;
fail:
    destroy(backend, &step->base);
    return result;
}
