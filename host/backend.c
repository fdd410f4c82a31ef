/*
 * The functions that callers use: each checks its arguments once, in front of
 * every backend, and then calls the backend's own function. A violation is a
 * mistake in this library, so the text names the index that is wrong.
 */
#include "backend.h"

#include "kernel_costs.h"

#include <math.h>
#include <stdlib.h>

typedef enum step_kind { STEP_EQ, STEP_CONVOLVE, STEP_MIX, STEP_ROWS } step_kind;

typedef struct step_checks {
    step_kind kind;
    uint32_t num_rows;
    mxd_mix_limits limits;
    uint32_t *num_values; /* STEP_ROWS: of each row, 0 = they do not move; owned */
    uint64_t last_block; /* the block, from 1, that ran it last */
} step_checks;

struct mxd_backend_checks {
    step_checks *steps;
    uint32_t num_steps;
    uint32_t capacity;
    bool prepared;
    bool ended;           /* the short, last block was submitted */
    uint32_t part_frames; /* of a block whose next part is to come; 0 = none */
    bool lost;
    uint64_t num_blocks;  /* submitted so far, refused ones too */
    uint64_t tickets[4];  /* of the blocks not yet waited for, oldest first */
    uint32_t num_tickets;
    uint64_t *marks;      /* one a lane: the newest check that met it (see fresh_mark) */
    uint64_t mark;
    mxd_kernel_costs *costs;
};

static mxd_result wrong(const mxd_backend *backend, const char *text, uint64_t a, uint64_t b)
{
    return mxd_fail(backend->problems, MXD_ERROR_ARGUMENT, NULL, "backend call: %s (%llu, %llu)", text,
                    (unsigned long long)a, (unsigned long long)b);
}

static bool is_lane(const mxd_backend *backend, uint32_t lane)
{
    return lane < backend->params.num_lanes;
}

/* Sets of lanes without clearing: a lane is in the set if its mark is this one. */
static uint64_t fresh_mark(mxd_backend *backend)
{
    return ++backend->checks->mark;
}

/* False if the lane was in the set already. */
static bool put_lane(mxd_backend *backend, uint64_t mark, uint32_t lane)
{
    if (backend->checks->marks[lane] == mark)
        return false;
    backend->checks->marks[lane] = mark;
    return true;
}

mxd_result mxd_backend_create_with(mxd_backend_creator *creator, const mxd_backend_params *params,
                                   mxd_problems *problems, mxd_backend **backend)
{
    *backend = NULL;
    uint32_t frames = params->block_frames;
    if (params->num_lanes == 0)
        return mxd_fail(problems, MXD_ERROR_ARGUMENT, NULL, "a backend needs at least one lane");
    if (frames < (1u << 8) || frames > (1u << 20) || (frames & (frames - 1)) != 0)
        return mxd_fail(problems, MXD_ERROR_ARGUMENT, NULL,
                        "%u frames a block: a power of two from 256 to 1048576 is needed", frames);
    if (params->blocks_in_flight < 1 || params->blocks_in_flight > 4)
        return mxd_fail(problems, MXD_ERROR_ARGUMENT, NULL, "%u blocks in flight: 1 to 4 are possible",
                        params->blocks_in_flight);

    struct mxd_backend_checks *checks = calloc(1, sizeof *checks);
    uint64_t *marks = calloc(params->num_lanes, sizeof *marks);
    mxd_kernel_costs *costs = mxd_kernel_costs_create(params->num_lanes);
    mxd_result result = MXD_ERROR_MEMORY;
    if (!checks || !marks || !costs) {
        mxd_fail(problems, result, NULL, "memory ran out while a backend was made");
        goto fail;
    }
    checks->marks = marks;
    checks->costs = costs;
    result = creator(params, problems, backend);
    if (result != MXD_OK)
        goto fail;
    (*backend)->checks = checks;
    return MXD_OK;

fail:
    free(checks);
    free(marks);
    mxd_kernel_costs_destroy(costs);
    *backend = NULL;
    return result;
}

void mxd_backend_destroy(mxd_backend *backend)
{
    if (!backend)
        return;
    struct mxd_backend_checks *checks = backend->checks;
    backend->functions->destroy(backend);
    for (uint32_t i = 0; i < checks->num_steps; i++)
        free(checks->steps[i].num_values);
    free(checks->steps);
    free(checks->marks);
    mxd_kernel_costs_destroy(checks->costs);
    free(checks);
}

const mxd_backend_info *mxd_backend_get_info(const mxd_backend *backend)
{
    return &backend->info;
}

/* ---- Steps --------------------------------------------------------------- */

/* Room for one more step, so that nothing fails after the backend has made it. */
static mxd_result before_step(mxd_backend *backend)
{
    struct mxd_backend_checks *checks = backend->checks;
    if (checks->prepared)
        return wrong(backend, "a step was added after prepare", 0, 0);
    if (checks->num_steps < checks->capacity)
        return MXD_OK;
    uint32_t capacity = checks->capacity ? 2 * checks->capacity : 16;
    step_checks *steps = realloc(checks->steps, capacity * sizeof *steps);
    if (!steps)
        return mxd_fail(backend->problems, MXD_ERROR_MEMORY, NULL, "memory ran out while a step was made");
    checks->steps = steps;
    checks->capacity = capacity;
    return MXD_OK;
}

/* counted: whether the step's costs found memory. */
static mxd_result after_step(mxd_backend *backend, mxd_result result, bool counted, uint32_t step,
                             const step_checks *made)
{
    if (result != MXD_OK)
        return result;
    if (!counted)
        return mxd_fail(backend->problems, MXD_ERROR_MEMORY, NULL, "memory ran out while a step was made");
    struct mxd_backend_checks *checks = backend->checks;
    if (step != checks->num_steps)
        return wrong(backend, "the backend does not number its steps one by one", step, checks->num_steps);
    checks->steps[checks->num_steps++] = *made;
    return MXD_OK;
}

static bool is_section(const mxd_svf *section)
{
    return section->g > 0 && isfinite(section->g) && section->k >= 0 && isfinite(section->k) &&
           isfinite(section->m0) && isfinite(section->m1) && isfinite(section->m2);
}

mxd_result mxd_backend_add_eq(mxd_backend *backend, const mxd_eq_row *rows, uint32_t num_rows, uint32_t *step)
{
    mxd_result result = before_step(backend);
    if (result != MXD_OK)
        return result;
    if (num_rows == 0)
        return wrong(backend, "an eq step without rows", 0, 0);
    uint64_t mark = fresh_mark(backend);
    for (uint32_t i = 0; i < num_rows; i++) {
        const mxd_eq_row *row = &rows[i];
        if (!is_lane(backend, row->lane))
            return wrong(backend, "eq row, lane: no such lane", i, row->lane);
        if (!put_lane(backend, mark, row->lane))
            return wrong(backend, "eq row, lane: two rows on one lane", i, row->lane);
        if (row->num_sections < 1 || row->num_sections > MXD_EQ_MAX_SECTIONS)
            return wrong(backend, "eq row, sections: 1 to 128 are possible", i, row->num_sections);
        for (uint32_t j = 0; j < row->num_sections; j++)
            if (!is_section(&row->sections[j]))
                return wrong(backend, "eq row, section: coefficients out of range", i, j);
    }
    result = backend->functions->add_eq(backend, rows, num_rows, step);
    bool counted = result == MXD_OK && mxd_kernel_costs_add_eq(backend->checks->costs, rows, num_rows);
    return after_step(backend, result, counted, *step, &(step_checks){.kind = STEP_EQ, .num_rows = num_rows});
}

static mxd_result check_cells(mxd_backend *backend, const mxd_convolve_row *row, uint32_t number)
{
    for (uint32_t i = 0; i < row->num_cells; i++) {
        const mxd_convolve_cell *cell = &row->cells[i];
        if (cell->input >= row->num_inputs)
            return wrong(backend, "convolve row, cell: no such input", number, i);
        if (cell->output >= row->num_outputs)
            return wrong(backend, "convolve row, cell: no such output", number, i);
        if (!cell->response || cell->num_frames == 0)
            return wrong(backend, "convolve row, cell: an empty response", number, i);
        if ((uint64_t)cell->num_frames + cell->delay_frames > (1u << 26))
            return wrong(backend, "convolve row, cell: response and delay beyond 2^26 frames", number, i);
        if (!isfinite(cell->gain))
            return wrong(backend, "convolve row, cell: a gain that is no number", number, i);
    }
    return MXD_OK;
}

mxd_result mxd_backend_add_convolve(mxd_backend *backend, const mxd_convolve_row *rows, uint32_t num_rows,
                                    uint32_t *step)
{
    mxd_result result = before_step(backend);
    if (result != MXD_OK)
        return result;
    if (num_rows == 0)
        return wrong(backend, "a convolve step without rows", 0, 0);
    uint64_t outputs = fresh_mark(backend);
    for (uint32_t i = 0; i < num_rows; i++) {
        const mxd_convolve_row *row = &rows[i];
        if (row->num_inputs == 0 || row->num_outputs == 0)
            return wrong(backend, "convolve row: no inputs or no outputs", i, 0);
        for (uint32_t j = 0; j < row->num_outputs; j++) {
            if (!is_lane(backend, row->outputs[j]))
                return wrong(backend, "convolve row, output: no such lane", i, row->outputs[j]);
            if (!put_lane(backend, outputs, row->outputs[j]))
                return wrong(backend, "convolve row, lane: written by two outputs", i, row->outputs[j]);
        }
        result = check_cells(backend, row, i);
        if (result != MXD_OK)
            return result;
    }
    /* First the inputs against all outputs, then among themselves: the second pass overwrites marks. */
    for (uint32_t i = 0; i < num_rows; i++)
        for (uint32_t j = 0; j < rows[i].num_inputs; j++) {
            if (!is_lane(backend, rows[i].inputs[j]))
                return wrong(backend, "convolve row, input: no such lane", i, rows[i].inputs[j]);
            if (backend->checks->marks[rows[i].inputs[j]] == outputs)
                return wrong(backend, "convolve row, lane: both an input and an output", i, rows[i].inputs[j]);
        }
    for (uint32_t i = 0; i < num_rows; i++) {
        uint64_t inputs = fresh_mark(backend);
        for (uint32_t j = 0; j < rows[i].num_inputs; j++)
            if (!put_lane(backend, inputs, rows[i].inputs[j]))
                return wrong(backend, "convolve row, lane: named twice as an input", i, rows[i].inputs[j]);
    }
    result = backend->functions->add_convolve(backend, rows, num_rows, step);
    bool counted = result == MXD_OK && mxd_kernel_costs_add_convolve(backend->checks->costs, rows, num_rows);
    return after_step(backend, result, counted, *step, &(step_checks){.kind = STEP_CONVOLVE, .num_rows = num_rows});
}

mxd_result mxd_backend_add_mix(mxd_backend *backend, const mxd_mix_limits *limits, uint32_t *step)
{
    mxd_result result = before_step(backend);
    if (result != MXD_OK)
        return result;
    if (limits->max_outputs == 0 || limits->max_outputs > backend->params.num_lanes)
        return wrong(backend, "a mix's outputs: 1 to the number of lanes are possible", limits->max_outputs,
                     backend->params.num_lanes);
    result = backend->functions->add_mix(backend, limits, step);
    bool counted = result == MXD_OK && mxd_kernel_costs_add_mix(backend->checks->costs);
    return after_step(backend, result, counted, *step, &(step_checks){.kind = STEP_MIX, .limits = *limits});
}

/* The lanes of a row; outputs, inputs: the marks of the step's outputs and of other rows' inputs. */
static mxd_result check_row_lanes(mxd_backend *backend, const mxd_kernel *kernel, const mxd_kernel_row *row,
                                  uint32_t number)
{
    if (row->num_inputs > MXD_MAX_ROW_LANES || row->num_outputs > MXD_MAX_ROW_LANES || row->num_outputs == 0)
        return wrong(backend, "kernel row: 0 to 65 inputs and 1 to 65 outputs are possible", number, row->num_outputs);
    uint64_t inputs = fresh_mark(backend);
    for (uint32_t i = 0; i < row->num_inputs; i++) {
        if (!is_lane(backend, row->inputs[i]))
            return wrong(backend, "kernel row, input: no such lane", number, row->inputs[i]);
        if (!put_lane(backend, inputs, row->inputs[i]))
            return wrong(backend, "kernel row, lane: named twice as an input", number, row->inputs[i]);
    }
    for (uint32_t i = 0; i < row->num_outputs; i++) {
        if (!is_lane(backend, row->outputs[i]))
            return wrong(backend, "kernel row, output: no such lane", number, row->outputs[i]);
        if (!kernel->in_place && backend->checks->marks[row->outputs[i]] == inputs)
            return wrong(backend, "kernel row, lane: both an input and an output", number, row->outputs[i]);
    }
    return MXD_OK;
}

/* No row writes what another writes or reads. */
static mxd_result check_rows_apart(mxd_backend *backend, const mxd_kernel_row *rows, uint32_t num_rows)
{
    uint64_t outputs = backend->checks->mark + 1; /* one mark a row from here on: outputs + i */
    backend->checks->mark += num_rows;
    for (uint32_t i = 0; i < num_rows; i++)
        for (uint32_t j = 0; j < rows[i].num_outputs; j++) {
            uint64_t *mark = &backend->checks->marks[rows[i].outputs[j]];
            if (*mark >= outputs)
                return wrong(backend, "kernel row, lane: written by two outputs", i, rows[i].outputs[j]);
            *mark = outputs + i;
        }
    for (uint32_t i = 0; i < num_rows; i++)
        for (uint32_t j = 0; j < rows[i].num_inputs; j++) {
            uint64_t mark = backend->checks->marks[rows[i].inputs[j]];
            if (mark >= outputs && mark != outputs + i)
                return wrong(backend, "kernel row, lane: an input that another row writes", i, rows[i].inputs[j]);
        }
    return MXD_OK;
}

static mxd_result check_row(mxd_backend *backend, const mxd_kernel *kernel, const mxd_kernel_row *row, uint32_t number,
                            uint32_t *num_values)
{
    const mxd_kernel_shape shape = {row->settings, row->num_inputs, row->num_outputs};
    mxd_result result = check_row_lanes(backend, kernel, row, number);
    if (result != MXD_OK)
        return result;
    const char *fault = kernel->check(&shape);
    if (fault)
        return wrong(backend, fault, number, row->num_inputs);
    *num_values = kernel->num_values(&shape);
    for (uint32_t i = 0; row->values && i < *num_values; i++)
        if (!isfinite(row->values[i]))
            return wrong(backend, "kernel row: a value that is no number", number, i);
    if (row->values)
        *num_values = 0; /* at rest: none comes with a run */
    return MXD_OK;
}

mxd_result mxd_backend_add_rows(mxd_backend *backend, mxd_kernel_id kernel, const mxd_kernel_row *rows,
                                uint32_t num_rows, uint32_t *step)
{
    mxd_result result = before_step(backend);
    if (result != MXD_OK)
        return result;
    if (num_rows == 0 || (uint32_t)kernel >= MXD_NUM_KERNELS)
        return wrong(backend, "a step of an unknown kernel, or without rows", (uint32_t)kernel, num_rows);
    step_checks made = {.kind = STEP_ROWS, .num_rows = num_rows};
    made.num_values = calloc(num_rows, sizeof *made.num_values);
    if (!made.num_values)
        return mxd_fail(backend->problems, MXD_ERROR_MEMORY, NULL, "memory ran out while a step was made");
    for (uint32_t i = 0; i < num_rows && result == MXD_OK; i++)
        result = check_row(backend, mxd_kernel_get(kernel), &rows[i], i, &made.num_values[i]);
    if (result == MXD_OK)
        result = check_rows_apart(backend, rows, num_rows);
    if (result == MXD_OK)
        result = backend->functions->add_rows(backend, kernel, rows, num_rows, step);
    bool counted = result == MXD_OK && mxd_kernel_costs_add_rows(backend->checks->costs, kernel, rows, num_rows);
    result = after_step(backend, result, counted, *step, &made);
    if (result != MXD_OK)
        free(made.num_values);
    return result;
}

mxd_result mxd_backend_prepare(mxd_backend *backend)
{
    if (backend->checks->prepared)
        return wrong(backend, "prepare was called twice", 0, 0);
    mxd_result result = backend->functions->prepare(backend);
    if (result == MXD_OK)
        backend->checks->prepared = true;
    return result;
}

uint64_t mxd_backend_memory(const mxd_backend *backend)
{
    return backend->functions->memory(backend);
}

/* ---- Blocks -------------------------------------------------------------- */

static mxd_result check_points(const mxd_backend *backend, const mxd_mix_run *mix, uint32_t number,
                               uint32_t num_frames)
{
    const mxd_mix_edge *edge = &mix->edges[number];
    if (edge->num_points == 0 || edge->first_point > mix->num_points ||
        edge->num_points > mix->num_points - edge->first_point)
        return wrong(backend, "mix edge: its points do not exist", number, edge->first_point);
    const mxd_gain_point *points = &mix->points[edge->first_point];
    if (points[0].frame != 0)
        return wrong(backend, "mix edge: its first point is not at frame 0", number, points[0].frame);
    for (uint32_t i = 0; i < edge->num_points; i++) {
        if (points[i].frame > num_frames)
            return wrong(backend, "mix edge, frame: a point beyond the block", number, points[i].frame);
        if (i > 0 && points[i].frame < points[i - 1].frame)
            return wrong(backend, "mix edge, frame: points go back in time", number, points[i].frame);
        if (!isfinite(points[i].gain))
            return wrong(backend, "mix edge, point: a gain that is no number", number, i);
    }
    return MXD_OK;
}

static mxd_result check_mix(mxd_backend *backend, const step_checks *step, const mxd_mix_run *mix, uint32_t num_frames)
{
    if (mix->num_outputs > step->limits.max_outputs)
        return wrong(backend, "mix: more outputs than its limit", mix->num_outputs, step->limits.max_outputs);
    if (mix->num_edges > step->limits.max_edges)
        return wrong(backend, "mix: more edges than its limit", mix->num_edges, step->limits.max_edges);
    if (mix->num_points > step->limits.max_points)
        return wrong(backend, "mix: more points than its limit", mix->num_points, step->limits.max_points);
    uint64_t outputs = fresh_mark(backend), num_edges = 0;
    for (uint32_t i = 0; i < mix->num_outputs; i++) {
        const mxd_mix_output *output = &mix->outputs[i];
        if (!is_lane(backend, output->lane))
            return wrong(backend, "mix output, lane: no such lane", i, output->lane);
        if (!put_lane(backend, outputs, output->lane))
            return wrong(backend, "mix output, lane: named twice", i, output->lane);
        if (output->num_edges > 0 &&
            (output->first_edge > mix->num_edges || output->num_edges > mix->num_edges - output->first_edge))
            return wrong(backend, "mix output, edge: its edges do not exist", i, output->first_edge);
        num_edges += output->num_edges;
    }
    if (num_edges > mix->num_edges)
        return wrong(backend, "mix: more edges of outputs than edges", num_edges, mix->num_edges);
    for (uint32_t i = 0; i < mix->num_edges; i++) {
        uint32_t lane = mix->edges[i].input_lane;
        if (!is_lane(backend, lane))
            return wrong(backend, "mix edge, lane: no such lane", i, lane);
        if (backend->checks->marks[lane] == outputs)
            return wrong(backend, "mix edge, lane: both an input and an output", i, lane);
        mxd_result result = check_points(backend, mix, i, num_frames);
        if (result != MXD_OK)
            return result;
    }
    return MXD_OK;
}

static mxd_result check_run(mxd_backend *backend, const mxd_step_run *run, uint32_t number, uint32_t num_frames)
{
    struct mxd_backend_checks *checks = backend->checks;
    if (run->step >= checks->num_steps)
        return wrong(backend, "run, step: no such step", number, run->step);
    step_checks *step = &checks->steps[run->step];
    if (step->last_block == checks->num_blocks)
        return wrong(backend, "run, step: named twice in one block", number, run->step);
    step->last_block = checks->num_blocks;
    if (step->kind == STEP_MIX) {
        if (!run->mix)
            return wrong(backend, "run, step: a mix without its edges", number, run->step);
        return check_mix(backend, step, run->mix, num_frames);
    }
    if (run->mix)
        return wrong(backend, "run, step: edges for a step that is no mix", number, run->step);
    for (uint32_t i = 0; i < run->num_rows; i++) {
        if (run->rows[i] >= step->num_rows)
            return wrong(backend, "run, row: no such row", number, run->rows[i]);
        if (i > 0 && run->rows[i] <= run->rows[i - 1])
            return wrong(backend, "run, row: rows do not ascend", number, run->rows[i]);
        if (step->kind != STEP_ROWS || step->num_values[run->rows[i]] == 0)
            continue;
        const double *values = run->values ? run->values[i] : NULL;
        if (!values)
            return wrong(backend, "run, row: values that move did not come", number, run->rows[i]);
        size_t count = (size_t)mxd_value_points(num_frames) * step->num_values[run->rows[i]];
        for (size_t j = 0; j < count; j++)
            if (!isfinite(values[j]))
                return wrong(backend, "run, row: a value that is no number", run->rows[i], j);
    }
    return MXD_OK;
}

/* What the frames are; silence (NULL) needs no description. */
static mxd_result check_upload(const mxd_backend *backend, const mxd_upload *upload, uint32_t number)
{
    if (!upload->frames)
        return MXD_OK;
    if ((uint32_t)upload->format > MXD_SAMPLES_S32)
        return wrong(backend, "upload, format: no such format of samples", number, (uint32_t)upload->format);
    if (upload->num_channels == 0)
        return wrong(backend, "upload, channels: frames without channels", number, 0);
    if (upload->channel >= upload->num_channels)
        return wrong(backend, "upload, channel: no such channel", number, upload->channel);
    if (!isfinite(upload->gain))
        return wrong(backend, "upload, gain: a gain that is no number", number, upload->channel);
    return MXD_OK;
}

static mxd_result check_block(mxd_backend *backend, const mxd_block *block)
{
    if (block->num_frames == 0 || block->num_frames > backend->params.block_frames)
        return wrong(backend, "block: frames out of range", block->num_frames, backend->params.block_frames);
    uint32_t part_frames = backend->checks->part_frames;
    if (part_frames && block->num_frames != part_frames)
        return wrong(backend, "block: other frames than the part before", block->num_frames, part_frames);
    uint64_t uploads = fresh_mark(backend);
    for (uint32_t i = 0; i < block->num_uploads; i++) {
        if (!is_lane(backend, block->uploads[i].lane))
            return wrong(backend, "upload, lane: no such lane", i, block->uploads[i].lane);
        if (!put_lane(backend, uploads, block->uploads[i].lane))
            return wrong(backend, "upload, lane: uploaded twice", i, block->uploads[i].lane);
        mxd_result result = check_upload(backend, &block->uploads[i], i);
        if (result != MXD_OK)
            return result;
    }
    for (uint32_t i = 0; i < block->num_runs; i++) {
        mxd_result result = check_run(backend, &block->runs[i], i, block->num_frames);
        if (result != MXD_OK)
            return result;
    }
    for (uint32_t i = 0; i < block->num_downloads; i++) {
        if (!is_lane(backend, block->downloads[i].lane))
            return wrong(backend, "download, lane: no such lane", i, block->downloads[i].lane);
        if (!block->downloads[i].frames)
            return wrong(backend, "download, lane: nowhere to put it", i, block->downloads[i].lane);
    }
    return MXD_OK;
}

mxd_result mxd_backend_submit(mxd_backend *backend, const mxd_block *block, uint64_t *ticket)
{
    struct mxd_backend_checks *checks = backend->checks;
    if (checks->lost)
        return mxd_fail(backend->problems, MXD_ERROR_DEVICE, NULL, "the device was lost");
    if (!checks->prepared)
        return wrong(backend, "a block was submitted before prepare", 0, 0);
    if (checks->ended)
        return wrong(backend, "a block was submitted after the short, last one", 0, 0);
    if (checks->num_tickets == backend->params.blocks_in_flight)
        return wrong(backend, "too many blocks in flight", checks->num_tickets, backend->params.blocks_in_flight);
    checks->num_blocks += checks->part_frames == 0;
    mxd_result result = check_block(backend, block);
    if (result != MXD_OK)
        return result;
    result = backend->functions->submit(backend, block, ticket);
    checks->lost = result == MXD_ERROR_DEVICE;
    if (result != MXD_OK)
        return result;
    mxd_kernel_costs_count(checks->costs, block);
    checks->ended = !block->more && block->num_frames < backend->params.block_frames;
    checks->part_frames = block->more ? block->num_frames : 0;
    checks->tickets[checks->num_tickets++] = *ticket;
    return MXD_OK;
}

mxd_result mxd_backend_wait(mxd_backend *backend, uint64_t ticket)
{
    struct mxd_backend_checks *checks = backend->checks;
    if (checks->lost)
        return mxd_fail(backend->problems, MXD_ERROR_DEVICE, NULL, "the device was lost");
    if (checks->num_tickets == 0 || checks->tickets[0] != ticket)
        return wrong(backend, "ticket, blocks in flight: not the oldest block in flight", ticket,
                     checks->num_tickets);
    mxd_result result = backend->functions->wait(backend, ticket);
    checks->lost = result == MXD_ERROR_DEVICE;
    checks->num_tickets--;
    for (uint32_t i = 0; i < checks->num_tickets; i++)
        checks->tickets[i] = checks->tickets[i + 1];
    return result;
}

uint32_t mxd_backend_timings(const mxd_backend *backend, mxd_backend_timing *timings, uint32_t capacity)
{
    uint32_t count = backend->functions->timings(backend, timings, capacity);
    mxd_kernel_costs_fill(backend->checks->costs, timings, count < capacity ? count : capacity);
    return count;
}
