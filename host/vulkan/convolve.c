/*
 * The convolve step on the device: uniformly partitioned overlap-save in three
 * dispatches (shaders/convolve.h). Every input keeps a ring of its windows'
 * spectra; which slots count is the host's business, so a restart clears nothing.
 *
 * Rings and responses are cut into pages no larger than what the device binds at
 * once; multiply runs once for each pair of pages. One partition size serves
 * the whole backend (variants.c chooses it).
 */
#include "response.h"

#include "shaders/convolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct mxd_convolve_input_data) == 32, "std430 stride");
_Static_assert(sizeof(struct mxd_convolve_output_data) == 16, "std430 stride");
_Static_assert(sizeof(struct mxd_convolve_segment_data) == 32, "std430 stride");
_Static_assert(MXD_CONVOLVE_NUM_BINDINGS <= MXD_VULKAN_MAX_BINDINGS, "descriptor arrays");

/* Room for sums of spectra between multiply and inverse; more outputs go in turns. */
#define SUMS_BYTES ((uint64_t)64 << 20)
/* Complex multiplications of one dispatch: below 100 ms at 1e10 a second (80 GFLOP/s), a small GPU. */
#define PRODUCTS_A_DISPATCH ((uint64_t)1 << 30)
/* Samples transformed in one dispatch: likewise, at 1e9 a second. */
#define SAMPLES_A_DISPATCH ((uint64_t)1 << 26)

struct mxd_vulkan_convolver {
    uint32_t log2_size;
    uint32_t multiply_workgroup;
    mxd_vulkan_pipeline forward;
    mxd_vulkan_pipeline multiply;
    mxd_vulkan_pipeline inverse;
    mxd_vulkan_buffer twiddles;
    mxd_vulkan_buffer sums;
};

/* One input of one row. */
typedef struct row_input {
    uint32_t lane;
    uint32_t page;
    uint32_t first_slot;
    uint32_t num_slots;   /* (its longest response - 1) + the windows of a block */
    uint64_t age;         /* windows that went into its ring since the last restart or rest */
    bool has_history;
} row_input;

typedef struct row_output {
    uint32_t lane;
    uint32_t first_segment;
    uint32_t num_segments;
    uint64_t num_products; /* partitions of all its segments */
} row_output;

typedef struct row {
    uint32_t first_input;
    uint32_t num_inputs;
    uint32_t first_output;
    uint32_t num_outputs;
    uint64_t num_windows;  /* of the blocks so far */
} row;

typedef struct convolve_step {
    mxd_vulkan_step base;
    mxd_response_set responses;
    row *rows;
    row_input *inputs;
    row_output *outputs;
    struct mxd_convolve_segment_data *segments;
    uint32_t num_rows;
    uint32_t num_inputs;
    uint32_t num_outputs;
    uint32_t num_segments;
    uint32_t segment_capacity;
    uint32_t num_ring_pages;
    uint32_t num_response_pages;
    uint32_t *ring_page_slots;     /* one a ring page */
    mxd_vulkan_buffer *ring_pages;
    mxd_vulkan_buffer *response_pages;
    mxd_vulkan_buffer history;
    mxd_vulkan_buffer segment_buffer;
    mxd_vulkan_set *sets;          /* [ring page][response page] */
    const row_output **run_outputs; /* while recording: each output that runs */
} convolve_step;

static uint32_t windows_a_block(const mxd_vulkan_backend *backend)
{
    return backend->base.params.block_frames >> backend->convolver->log2_size;
}

static uint64_t spectrum_bytes(const mxd_vulkan_backend *backend)
{
    return (uint64_t)2 * sizeof(float) << backend->convolver->log2_size;
}

/* ---- What all convolve steps share --------------------------------------- */

static mxd_result start_pipelines(mxd_vulkan_backend *backend, const mxd_vulkan_convolve_variant *variant)
{
    struct mxd_vulkan_convolver *convolver = backend->convolver;
    const char *split = variant->split ? "split_" : "";
    char forward[32], inverse[32];
    snprintf(forward, sizeof forward, "convolve_forward_%s%u", split, variant->log2_size);
    snprintf(inverse, sizeof inverse, "convolve_inverse_%s%u", split, variant->log2_size);
    const struct {
        const char *module;
        uint32_t workgroup;
        mxd_vulkan_pipeline *pipeline;
    } kernels[] = {
        {forward, 0, &convolver->forward},
        {inverse, 0, &convolver->inverse},
        {"convolve_multiply", variant->multiply_workgroup, &convolver->multiply},
    };
    mxd_result result = MXD_OK;
    for (size_t i = 0; result == MXD_OK && i < sizeof kernels / sizeof *kernels; i++) {
        const mxd_vulkan_pipeline_params params = {
            .module = kernels[i].module,
            .num_bindings = MXD_CONVOLVE_NUM_BINDINGS,
            .push_bytes = sizeof(struct mxd_convolve_push),
            .workgroup = kernels[i].workgroup,
        };
        result = mxd_vulkan_pipeline_start(&backend->context, &params, kernels[i].pipeline);
    }
    return result;
}

static mxd_result make_convolver(mxd_vulkan_backend *backend)
{
    if (backend->convolver)
        return MXD_OK;
    struct mxd_vulkan_convolver *convolver = calloc(1, sizeof *convolver);
    if (!convolver)
        return mxd_fail(backend->base.problems, MXD_ERROR_MEMORY, NULL, "memory ran out while a convolver was made");
    const mxd_vulkan_convolve_variant variant =
        mxd_vulkan_choose_convolve(&backend->context.limits, backend->base.params.block_frames, NULL);
    convolver->log2_size = variant.log2_size;
    convolver->multiply_workgroup = variant.multiply_workgroup;
    backend->convolver = convolver;
    return start_pipelines(backend, &variant);
}

void mxd_vulkan_convolver_destroy(mxd_vulkan_backend *backend)
{
    struct mxd_vulkan_convolver *convolver = backend->convolver;
    if (!convolver)
        return;
    mxd_vulkan_pipeline_finish(&backend->context, &convolver->forward);
    mxd_vulkan_pipeline_finish(&backend->context, &convolver->multiply);
    mxd_vulkan_pipeline_finish(&backend->context, &convolver->inverse);
    mxd_vulkan_buffer_finish(&backend->context, &convolver->twiddles);
    mxd_vulkan_buffer_finish(&backend->context, &convolver->sums);
    free(convolver);
    backend->convolver = NULL;
}

/* Pipelines, the table of twiddles and the sums, for the largest step. */
static mxd_result prepare_convolver(mxd_vulkan_backend *backend, const convolve_step *step)
{
    struct mxd_vulkan_convolver *convolver = backend->convolver;
    mxd_vulkan_device_context *context = &backend->context;
    mxd_result result = mxd_vulkan_pipeline_wait(context, &convolver->forward);
    if (result == MXD_OK)
        result = mxd_vulkan_pipeline_wait(context, &convolver->multiply);
    if (result == MXD_OK)
        result = mxd_vulkan_pipeline_wait(context, &convolver->inverse);
    if (result == MXD_OK && !convolver->twiddles.buffer) {
        uint32_t count = 4u << convolver->log2_size;
        float *twiddles = malloc(count * sizeof *twiddles);
        if (!twiddles)
            return mxd_fail(backend->base.problems, MXD_ERROR_MEMORY, NULL,
                            "memory ran out while a convolver was made");
        for (uint32_t i = 0; i < count; i++)
            twiddles[i] = (float)step->responses.twiddles[i];
        result = mxd_vulkan_buffer_init(context, count * sizeof *twiddles, MXD_VULKAN_ON_DEVICE,
                                        "the convolvers' twiddles", &convolver->twiddles);
        if (result == MXD_OK)
            result = mxd_vulkan_buffer_write(context, &convolver->twiddles, 0, twiddles, count * sizeof *twiddles);
        free(twiddles);
    }
    if (result == MXD_OK && !convolver->sums.buffer) {
        /* Other steps may have more outputs, so as large as is useful, but one output's spectra at least. */
        uint64_t one = windows_a_block(backend) * spectrum_bytes(backend);
        uint64_t outputs = 0;
        for (uint32_t i = 0; i < backend->num_steps; i++)
            if (backend->steps[i]->functions == step->base.functions)
                outputs += ((const convolve_step *)backend->steps[i])->num_outputs;
        uint64_t most = SUMS_BYTES < context->limits.range_bytes ? SUMS_BYTES : context->limits.range_bytes;
        uint64_t fit = most / one;
        uint64_t bytes = outputs < fit ? outputs * one : fit * one;
        result = mxd_vulkan_buffer_init(context, bytes > one ? bytes : one, MXD_VULKAN_ON_DEVICE,
                                        "the convolvers' sums", &convolver->sums);
    }
    return result;
}

/* ---- A step -------------------------------------------------------------- */

static void destroy(mxd_vulkan_backend *backend, mxd_vulkan_step *base)
{
    convolve_step *step = (convolve_step *)base;
    mxd_vulkan_device_context *context = &backend->context;
    for (uint32_t i = 0; step->sets && i < step->num_ring_pages * step->num_response_pages; i++)
        mxd_vulkan_set_finish(context, &step->sets[i]);
    for (uint32_t i = 0; step->ring_pages && i < step->num_ring_pages; i++)
        mxd_vulkan_buffer_finish(context, &step->ring_pages[i]);
    for (uint32_t i = 0; step->response_pages && i < step->num_response_pages; i++)
        mxd_vulkan_buffer_finish(context, &step->response_pages[i]);
    mxd_vulkan_buffer_finish(context, &step->history);
    mxd_vulkan_buffer_finish(context, &step->segment_buffer);
    mxd_response_set_finish(&step->responses);
    free(step->rows);
    free(step->inputs);
    free(step->outputs);
    free(step->segments);
    free(step->ring_page_slots);
    free(step->ring_pages);
    free(step->response_pages);
    free(step->sets);
    free(step->run_outputs);
    free(step);
}

static bool add_segment(convolve_step *step, const mxd_response_run *run, const mxd_convolve_cell *cell)
{
    if (step->num_segments == step->segment_capacity) {
        uint32_t capacity = step->segment_capacity ? 2 * step->segment_capacity : 64;
        struct mxd_convolve_segment_data *segments = realloc(step->segments, capacity * sizeof *segments);
        if (!segments)
            return false;
        step->segments = segments;
        step->segment_capacity = capacity;
    }
    step->segments[step->num_segments++] = (struct mxd_convolve_segment_data){
        .input_index = cell->input,
        .first_partition = run->first_partition,
        .num_partitions = run->num_partitions,
        .page = run->page,
        .first_spectrum = run->first_spectrum,
        .gain = (float)cell->gain,
    };
    return true;
}

/* Segments of one output, cell by cell; lengthens the rings of the inputs as its responses need. */
static mxd_result add_output(convolve_step *step, const row *at, const mxd_convolve_row *from, uint32_t output)
{
    row_output *to = &step->outputs[at->first_output + output];
    *to = (row_output){.lane = from->outputs[output], .first_segment = step->num_segments};
    for (uint32_t c = 0; c < from->num_cells; c++) {
        const mxd_convolve_cell *cell = &from->cells[c];
        if (cell->output != output || cell->gain == 0.0)
            continue;
        uint32_t index;
        mxd_result result = mxd_response_set_add(&step->responses, cell, &index);
        if (result != MXD_OK)
            return result;
        const mxd_response *response = &step->responses.responses[index];
        row_input *input = &step->inputs[at->first_input + cell->input];
        if (input->num_slots < response->end_partition)
            input->num_slots = response->end_partition;
        for (uint32_t r = 0; r < response->num_runs; r++) {
            const mxd_response_run *run = &step->responses.runs[response->first_run + r];
            if (!add_segment(step, run, cell))
                return MXD_ERROR_MEMORY;
            to->num_products += run->num_partitions;
        }
    }
    to->num_segments = step->num_segments - to->first_segment;
    return MXD_OK;
}

static mxd_result add_rows(convolve_step *step, const mxd_convolve_row *rows)
{
    uint32_t first_input = 0;
    uint32_t first_output = 0;
    for (uint32_t r = 0; r < step->num_rows; r++) {
        row *to = &step->rows[r];
        *to = (row){
            .first_input = first_input,
            .num_inputs = rows[r].num_inputs,
            .first_output = first_output,
            .num_outputs = rows[r].num_outputs,
        };
        first_input += to->num_inputs;
        first_output += to->num_outputs;
        for (uint32_t i = 0; i < to->num_inputs; i++)
            step->inputs[to->first_input + i].lane = rows[r].inputs[i];
        for (uint32_t i = 0; i < to->num_outputs; i++) {
            mxd_result result = add_output(step, to, &rows[r], i);
            if (result != MXD_OK)
                return result;
        }
    }
    return MXD_OK;
}

/* Deals the inputs' rings out over pages. */
static mxd_result place_rings(mxd_vulkan_backend *backend, convolve_step *step)
{
    uint64_t slots_a_page = backend->context.limits.range_bytes / spectrum_bytes(backend);
    step->ring_page_slots = calloc(step->num_inputs + 1, sizeof *step->ring_page_slots);
    if (!step->ring_page_slots)
        return mxd_fail(backend->base.problems, MXD_ERROR_MEMORY, NULL, "memory ran out while a convolver was made");
    uint32_t page = 0;
    for (uint32_t i = 0; i < step->num_inputs; i++) {
        row_input *input = &step->inputs[i];
        uint64_t slots = (input->num_slots > 1 ? (uint64_t)input->num_slots - 1 : 0) + windows_a_block(backend);
        if (slots > slots_a_page)
            return mxd_fail(backend->base.problems, MXD_ERROR_DEVICE_MEMORY, NULL,
                            "a convolver's response with its delay needs %.1f MiB of spectra for an input, but the "
                            "device binds at most %.1f MiB at once: use a shorter delay, smaller blocks or the cpu",
                            (double)slots * (double)spectrum_bytes(backend) / 1048576.0,
                            (double)backend->context.limits.range_bytes / 1048576.0);
        if (step->ring_page_slots[page] + slots > slots_a_page)
            page++;
        input->num_slots = (uint32_t)slots;
        input->page = page;
        input->first_slot = step->ring_page_slots[page];
        step->ring_page_slots[page] += (uint32_t)slots;
    }
    step->num_ring_pages = page + 1;
    return MXD_OK;
}

static mxd_result make_pages(mxd_vulkan_backend *backend, convolve_step *step)
{
    mxd_vulkan_device_context *context = &backend->context;
    uint64_t one = spectrum_bytes(backend);
    mxd_result result = MXD_OK;
    for (uint32_t i = 0; result == MXD_OK && i < step->num_ring_pages; i++)
        result = mxd_vulkan_buffer_init(context, step->ring_page_slots[i] * one, MXD_VULKAN_ON_DEVICE,
                                        "the convolvers' input spectra", &step->ring_pages[i]);
    for (uint32_t i = 0; result == MXD_OK && i < step->num_response_pages; i++) {
        uint64_t first = (uint64_t)i * step->responses.spectra_a_page;
        uint64_t count = step->responses.num_spectra - first;
        if (count > step->responses.spectra_a_page)
            count = step->responses.spectra_a_page;
        result = mxd_vulkan_buffer_init(context, count * one, MXD_VULKAN_ON_DEVICE,
                                        "the convolvers' responses", &step->response_pages[i]);
        if (result == MXD_OK && count > 0)
            result = mxd_vulkan_buffer_write(context, &step->response_pages[i], 0,
                                             (const uint8_t *)step->responses.spectra + first * one, count * one);
    }
    return result;
}

static mxd_result prepare(mxd_vulkan_backend *backend, mxd_vulkan_step *base)
{
    convolve_step *step = (convolve_step *)base;
    mxd_vulkan_device_context *context = &backend->context;
    step->num_response_pages = step->responses.num_spectra
                                   ? (step->responses.num_spectra - 1) / step->responses.spectra_a_page + 1 : 1;
    uint32_t num_sets = step->num_ring_pages * step->num_response_pages;
    step->ring_pages = calloc(step->num_ring_pages, sizeof *step->ring_pages);
    step->response_pages = calloc(step->num_response_pages, sizeof *step->response_pages);
    step->sets = calloc(num_sets, sizeof *step->sets);
    if (!step->ring_pages || !step->response_pages || !step->sets)
        return mxd_fail(backend->base.problems, MXD_ERROR_MEMORY, NULL, "memory ran out while a convolver was made");
    uint64_t segment_bytes = step->num_segments * sizeof *step->segments;
    mxd_result result = prepare_convolver(backend, step);
    if (result == MXD_OK)
        result = make_pages(backend, step);
    if (result == MXD_OK) /* two windows of P samples an input, in turn */
        result = mxd_vulkan_buffer_init(context, step->num_inputs * spectrum_bytes(backend), MXD_VULKAN_ON_DEVICE,
                                        "the convolvers' history", &step->history);
    if (result == MXD_OK)
        result = mxd_vulkan_buffer_init(context, segment_bytes, MXD_VULKAN_ON_DEVICE, "the convolvers' segments",
                                        &step->segment_buffer);
    if (result == MXD_OK)
        result = mxd_vulkan_buffer_write(context, &step->segment_buffer, 0, step->segments, segment_bytes);
    for (uint32_t i = 0; result == MXD_OK && i < num_sets; i++)
        result = mxd_vulkan_set_init(context, &backend->convolver->forward, &step->sets[i]);
    if (result == MXD_OK)
        mxd_response_set_drop_spectra(&step->responses);
    return result;
}

static void bind(mxd_vulkan_backend *backend, mxd_vulkan_step *base)
{
    convolve_step *step = (convolve_step *)base;
    for (uint32_t ring = 0; ring < step->num_ring_pages; ring++) {
        for (uint32_t response = 0; response < step->num_response_pages; response++) {
            const mxd_vulkan_buffer *buffers[MXD_CONVOLVE_NUM_BINDINGS] = {
                [MXD_CONVOLVE_BINDING_INPUT_LANES] = &backend->lanes,
                [MXD_CONVOLVE_BINDING_OUTPUT_LANES] = &backend->lanes,
                [MXD_CONVOLVE_BINDING_TWIDDLES] = &backend->convolver->twiddles,
                [MXD_CONVOLVE_BINDING_INPUTS] = &backend->params,
                [MXD_CONVOLVE_BINDING_OUTPUTS] = &backend->params,
                [MXD_CONVOLVE_BINDING_HISTORY] = &step->history,
                [MXD_CONVOLVE_BINDING_RING] = &step->ring_pages[ring],
                [MXD_CONVOLVE_BINDING_SEGMENTS] = &step->segment_buffer,
                [MXD_CONVOLVE_BINDING_RESPONSES] = &step->response_pages[response],
                [MXD_CONVOLVE_BINDING_SUMS] = &backend->convolver->sums,
            };
            mxd_vulkan_set_write(&backend->context, &step->sets[ring * step->num_response_pages + response], buffers,
                                 MXD_CONVOLVE_NUM_BINDINGS);
        }
    }
}

/* ---- Blocks -------------------------------------------------------------- */

static uint64_t params_bytes(const mxd_vulkan_step *base, const mxd_step_run *run)
{
    const convolve_step *step = (const convolve_step *)base;
    uint64_t inputs = run ? 0 : step->num_inputs;
    uint64_t outputs = run ? 0 : step->num_outputs;
    for (uint32_t i = 0; run && i < run->num_rows; i++) {
        inputs += step->rows[run->rows[i]].num_inputs;
        outputs += step->rows[run->rows[i]].num_outputs;
    }
    return mxd_vulkan_align(inputs * sizeof(struct mxd_convolve_input_data), MXD_VULKAN_PARAMS_ALIGNMENT) +
           mxd_vulkan_align(outputs * sizeof(struct mxd_convolve_output_data), MXD_VULKAN_PARAMS_ALIGNMENT);
}

/* What the block's dispatches share. */
typedef struct block_work {
    const convolve_step *step;
    struct mxd_convolve_push push;
    uint32_t first_input;  /* in the parameters */
    uint32_t num_inputs;
    uint32_t first_output;
    uint32_t num_outputs;
} block_work;

/*
 * Tells the device where the row's inputs and outputs are, and moves the row's state past the block. rests: one an
 * input, or NULL. An input that rests is as good as restarted: nothing in its ring counts any more.
 */
static void fill_row(mxd_vulkan_backend *backend, convolve_step *step, uint32_t index, bool restart, const bool *rests,
                     uint32_t num_windows, uint32_t first_input, struct mxd_convolve_input_data *inputs,
                     struct mxd_convolve_output_data *outputs)
{
    row *at = &step->rows[index];
    /* The two halves of the history take turns: one dispatch reads the one and writes the other. */
    uint32_t parity = (uint32_t)(at->num_windows / windows_a_block(backend) % 2);
    for (uint32_t i = 0; i < at->num_inputs; i++) {
        row_input *input = &step->inputs[at->first_input + i];
        uint64_t kept = input->num_slots - windows_a_block(backend);
        bool resting = rests && rests[i];
        if (restart || resting) {
            input->age = 0;
            input->has_history = false;
        }
        uint32_t history = 2 * (at->first_input + i);
        inputs[i] = (struct mxd_convolve_input_data){
            .lane = input->lane,
            .page = input->page,
            .first_slot = input->first_slot,
            .num_slots = input->num_slots,
            .head = (uint32_t)(at->num_windows % input->num_slots),
            .age = (uint32_t)(input->age < kept ? input->age : kept),
            .history_read = input->has_history ? history + parity : MXD_CONVOLVE_NO_HISTORY,
            .history_write = resting ? MXD_CONVOLVE_NO_HISTORY : history + (parity ^ 1),
        };
        if (!resting) {
            input->age += num_windows;
            input->has_history = true;
        }
    }
    for (uint32_t i = 0; i < at->num_outputs; i++) {
        const row_output *output = &step->outputs[at->first_output + i];
        outputs[i] = (struct mxd_convolve_output_data){
            .lane = output->lane,
            .first_segment = output->first_segment,
            .num_segments = output->num_segments,
            .first_input = first_input,
        };
    }
    at->num_windows += num_windows;
}

static void record_forward(mxd_vulkan_backend *backend, VkCommandBuffer commands, block_work *work)
{
    uint64_t samples_an_input = (uint64_t)work->push.num_windows << backend->convolver->log2_size;
    uint64_t at_once = mxd_vulkan_work(backend, SAMPLES_A_DISPATCH) / samples_an_input;
    if (at_once < 1)
        at_once = 1;
    if (at_once > MXD_VULKAN_MAX_GROUPS)
        at_once = MXD_VULKAN_MAX_GROUPS;
    for (uint32_t page = 0; page < work->step->num_ring_pages; page++) {
        const mxd_vulkan_set *set = &work->step->sets[page * work->step->num_response_pages];
        work->push.ring_page = page;
        for (uint32_t done = 0; done < work->num_inputs; done += (uint32_t)at_once) {
            uint32_t count = work->num_inputs - done;
            if (count > at_once)
                count = (uint32_t)at_once;
            work->push.first_input = work->first_input + done;
            mxd_vulkan_dispatch(commands, &backend->convolver->forward, set, &work->push, work->push.num_windows,
                                count, 1);
        }
    }
    work->push.first_input = work->first_input;
    mxd_vulkan_compute_barrier(commands);
}

/* Products of one window that a dispatch has time for. */
static uint64_t most_products(const mxd_vulkan_backend *backend, const block_work *work)
{
    return mxd_vulkan_work(backend, PRODUCTS_A_DISPATCH) / ((uint64_t)work->push.size * MXD_CONVOLVE_WINDOWS);
}

/* One pair of pages, the segments that push names: num_products partitions in all. */
static void record_products(mxd_vulkan_backend *backend, VkCommandBuffer commands, block_work *work,
                            uint32_t num_outputs, uint64_t num_products)
{
    const convolve_step *step = work->step;
    uint32_t groups = work->push.size / backend->convolver->multiply_workgroup;
    uint64_t windows = mxd_vulkan_work(backend, PRODUCTS_A_DISPATCH) / ((num_products + 1) * work->push.size) /
                       MXD_CONVOLVE_WINDOWS * MXD_CONVOLVE_WINDOWS;
    if (windows < MXD_CONVOLVE_WINDOWS)
        windows = MXD_CONVOLVE_WINDOWS;
    for (uint64_t first = 0; first < work->push.num_windows; first += windows) {
        uint64_t count = work->push.num_windows - first;
        if (count > windows)
            count = windows;
        work->push.first_window = (uint32_t)first;
        mxd_vulkan_dispatch(commands, &backend->convolver->multiply,
                            &step->sets[work->push.ring_page * step->num_response_pages + work->push.response_page],
                            &work->push, groups,
                            (uint32_t)((count + MXD_CONVOLVE_WINDOWS - 1) / MXD_CONVOLVE_WINDOWS), num_outputs);
    }
    mxd_vulkan_compute_barrier(commands);
    work->push.add = 1;
}

/* The end of the output's segments from `first` on that one dispatch has time for; at least one is. */
static uint32_t end_of_segments(const mxd_vulkan_backend *backend, const block_work *work, const row_output *output,
                                uint32_t first, uint64_t *num_products)
{
    uint32_t end = first;
    *num_products = 0;
    while (end < output->num_segments) {
        uint32_t products = work->step->segments[output->first_segment + end].num_partitions;
        if (end > first && *num_products + products > most_products(backend, work))
            break;
        *num_products += products;
        end++;
    }
    return end;
}

/*
 * Sums of the outputs from the done-th of the run on, num_products partitions in all. One alone may have more inputs
 * than a dispatch has time for: its segments then go in turns.
 */
static void record_multiply(mxd_vulkan_backend *backend, VkCommandBuffer commands, block_work *work, uint32_t done,
                            uint32_t num_outputs, uint64_t num_products)
{
    const convolve_step *step = work->step;
    bool in_turns = num_outputs == 1 && num_products > most_products(backend, work);
    work->push.add = 0;
    for (uint32_t pair = 0; pair < step->num_ring_pages * step->num_response_pages; pair++) {
        work->push.ring_page = pair / step->num_response_pages;
        work->push.response_page = pair % step->num_response_pages;
        work->push.first_segment = 0;
        work->push.end_segment = UINT32_MAX;
        if (!in_turns) {
            record_products(backend, commands, work, num_outputs, num_products);
            continue;
        }
        const row_output *output = step->run_outputs[done];
        for (uint32_t first = 0; first < output->num_segments; first = work->push.end_segment) {
            uint64_t products;
            work->push.first_segment = first;
            work->push.end_segment = end_of_segments(backend, work, output, first, &products);
            record_products(backend, commands, work, 1, products);
        }
    }
}

/* How many outputs from done on fit the sums and one dispatch's time; at least one. */
static uint32_t count_outputs(const mxd_vulkan_backend *backend, const block_work *work, uint32_t done,
                              uint64_t *num_products)
{
    uint64_t fit = backend->convolver->sums.bytes / (work->push.num_windows * spectrum_bytes(backend));
    uint64_t most = most_products(backend, work);
    uint32_t count = 0;
    *num_products = 0;
    while (done + count < work->num_outputs && count < fit && count < MXD_VULKAN_MAX_GROUPS) {
        uint64_t products = work->step->run_outputs[done + count]->num_products;
        if (count > 0 && *num_products + products > most)
            break;
        *num_products += products;
        count++;
    }
    return count;
}

static void record_outputs(mxd_vulkan_backend *backend, VkCommandBuffer commands, block_work *work)
{
    uint32_t count;
    for (uint32_t done = 0; done < work->num_outputs; done += count) {
        uint64_t num_products;
        count = count_outputs(backend, work, done, &num_products);
        work->push.first_output = work->first_output + done;
        if (done > 0) /* the inverse before may still be reading the sums */
            mxd_vulkan_compute_barrier(commands);
        record_multiply(backend, commands, work, done, count, num_products);
        mxd_vulkan_dispatch(commands, &backend->convolver->inverse, &work->step->sets[0], &work->push,
                            work->push.num_windows, count, 1);
    }
}

static void record(mxd_vulkan_backend *backend, mxd_vulkan_step *base, mxd_vulkan_recording *recording,
                   const mxd_step_run *run)
{
    convolve_step *step = (convolve_step *)base;
    uint32_t size = 1u << backend->convolver->log2_size;
    block_work work = {
        .step = step,
        .push = {
            .lane_frames = backend->base.params.block_frames,
            .num_frames = recording->num_frames,
            .num_windows = (recording->num_frames + size - 1) / size,
            .size = size,
        },
    };
    for (uint32_t i = 0; i < run->num_rows; i++) {
        work.num_inputs += step->rows[run->rows[i]].num_inputs;
        work.num_outputs += step->rows[run->rows[i]].num_outputs;
    }
    uint64_t offset;
    struct mxd_convolve_input_data *inputs = mxd_vulkan_params(recording, work.num_inputs * sizeof *inputs, &offset);
    work.first_input = (uint32_t)(offset / sizeof *inputs);
    struct mxd_convolve_output_data *outputs =
        mxd_vulkan_params(recording, work.num_outputs * sizeof *outputs, &offset);
    work.first_output = (uint32_t)(offset / sizeof *outputs);
    uint32_t input = 0;
    uint32_t output = 0;
    for (uint32_t i = 0; i < run->num_rows; i++) {
        const row *at = &step->rows[run->rows[i]];
        fill_row(backend, step, run->rows[i], run->restart && run->restart[i], run->rests ? run->rests + input : NULL,
                 work.push.num_windows, input, inputs + input, outputs + output);
        for (uint32_t j = 0; j < at->num_outputs; j++)
            step->run_outputs[output + j] = &step->outputs[at->first_output + j];
        input += at->num_inputs;
        output += at->num_outputs;
    }
    record_forward(backend, recording->commands, &work);
    record_outputs(backend, recording->commands, &work);
}

static bool allocate_rows(convolve_step *step, const mxd_convolve_row *rows, uint32_t num_rows)
{
    step->num_rows = num_rows;
    for (uint32_t i = 0; i < num_rows; i++) {
        step->num_inputs += rows[i].num_inputs;
        step->num_outputs += rows[i].num_outputs;
    }
    step->rows = calloc(num_rows, sizeof *step->rows);
    step->inputs = calloc((size_t)step->num_inputs + 1, sizeof *step->inputs);
    step->outputs = calloc((size_t)step->num_outputs + 1, sizeof *step->outputs);
    step->run_outputs = calloc((size_t)step->num_outputs + 1, sizeof *step->run_outputs);
    return step->rows && step->inputs && step->outputs && step->run_outputs;
}

mxd_result mxd_vulkan_add_convolve(mxd_backend *base, const mxd_convolve_row *rows, uint32_t num_rows,
                                   uint32_t *number)
{
    static const mxd_vulkan_step_functions functions = {
        .kernel = MXD_VULKAN_KERNEL_CONVOLVE,
        .destroy = destroy,
        .prepare = prepare,
        .bind = bind,
        .params_bytes = params_bytes,
        .record = record,
    };
    mxd_vulkan_backend *backend = (mxd_vulkan_backend *)base;
    mxd_result result = make_convolver(backend);
    if (result != MXD_OK)
        return result;
    result = MXD_ERROR_MEMORY;
    convolve_step *step = calloc(1, sizeof *step);
    if (!step)
        goto fail;
    step->base.functions = &functions;
    if (!allocate_rows(step, rows, num_rows))
        goto fail;
    result = mxd_response_set_init(&step->responses, 1u << backend->convolver->log2_size,
                                   backend->context.limits.range_bytes);
    if (result == MXD_OK)
        result = add_rows(step, rows);
    if (result == MXD_OK)
        result = mxd_response_set_transform(&step->responses, base->params.num_threads);
    if (result != MXD_OK)
        goto fail;
    result = place_rings(backend, step);
    if (result == MXD_OK)
        result = mxd_vulkan_add_step(backend, &step->base, number);
    if (result == MXD_OK)
        return MXD_OK;
    destroy(backend, &step->base); /* both have said why */
    return result;

fail:
    if (step)
        destroy(backend, &step->base);
    return mxd_fail(base->problems, result, NULL, "memory ran out while a convolver was made");
}
