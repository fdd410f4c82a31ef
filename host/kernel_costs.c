/* Costs of each step's rows, worked out once, and their sums over the blocks. */
#include "kernel_costs.h"

#include "upload_spans.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLE_BYTES 4u
#define FLOPS_A_SECTION 18u
#define MIN_LOG2_PARTITION 8
#define MAX_LOG2_PARTITION 26

typedef enum cost_kind {
    COST_EQ,
    COST_CONVOLVE,
    COST_MIX,
    COST_UPLOAD,
    COST_UNPACK,
    COST_DOWNLOAD,
    COST_ROWS, /* and so on, one a kernel of kernels/kernel.h */
    NUM_COSTS = COST_ROWS + MXD_NUM_KERNELS
} cost_kind;

typedef struct cost_sum {
    double bytes;
    double flops;
} cost_sum;

/* Of a convolver: what its inputs share. */
typedef struct row_cost {
    double frame_bytes; /* a frame */
    double frame_flops;
    uint32_t first_input, num_inputs;
} row_cost;

/* What an input adds in a block in which it does not rest. */
typedef struct input_cost {
    double frame_flops;
    double history_frames;
    double response_bytes;
} input_cost;

typedef struct step_cost {
    cost_kind kind;
    row_cost *rows;     /* NULL for a mix */
    input_cost *inputs; /* of all rows of a convolver; else NULL */
} step_cost;

struct mxd_kernel_costs {
    uint32_t num_lanes;
    step_cost *steps;
    uint32_t num_steps;
    uint32_t capacity;
    uint64_t *marks;            /* one a lane: the last mix that read it */
    uint64_t mark;
    const mxd_upload **order;   /* one a lane */
    cost_sum sums[NUM_COSTS];
};

mxd_kernel_costs *mxd_kernel_costs_create(uint32_t num_lanes)
{
    mxd_kernel_costs *costs = calloc(1, sizeof *costs);
    if (!costs)
        return NULL;
    costs->num_lanes = num_lanes;
    costs->marks = calloc(num_lanes, sizeof *costs->marks);
    costs->order = calloc(num_lanes, sizeof *costs->order);
    if (costs->marks && costs->order)
        return costs;
    mxd_kernel_costs_destroy(costs);
    return NULL;
}

void mxd_kernel_costs_destroy(mxd_kernel_costs *costs)
{
    if (!costs)
        return;
    for (uint32_t i = 0; i < costs->num_steps; i++) {
        free(costs->steps[i].rows);
        free(costs->steps[i].inputs);
    }
    free(costs->steps);
    free(costs->marks);
    free(costs->order);
    free(costs);
}

/* ---- Steps --------------------------------------------------------------- */

/* Takes over rows and inputs, and frees them when memory runs out. */
static bool add_step(mxd_kernel_costs *costs, cost_kind kind, row_cost *rows, input_cost *inputs)
{
    if (costs->num_steps == costs->capacity) {
        uint32_t capacity = costs->capacity ? 2 * costs->capacity : 16;
        step_cost *steps = realloc(costs->steps, capacity * sizeof *steps);
        if (!steps) {
            free(rows);
            free(inputs);
            return false;
        }
        costs->steps = steps;
        costs->capacity = capacity;
    }
    costs->steps[costs->num_steps++] = (step_cost){kind, rows, inputs};
    return true;
}

bool mxd_kernel_costs_add_eq(mxd_kernel_costs *costs, const mxd_eq_row *rows, uint32_t num_rows)
{
    row_cost *made = calloc(num_rows, sizeof *made);
    if (!made)
        return false;
    for (uint32_t i = 0; i < num_rows; i++)
        made[i] = (row_cost){.frame_bytes = 2 * SAMPLE_BYTES, .frame_flops = FLOPS_A_SECTION * rows[i].num_sections};
    return add_step(costs, COST_EQ, made, NULL);
}

bool mxd_kernel_costs_add_mix(mxd_kernel_costs *costs)
{
    return add_step(costs, COST_MIX, NULL, NULL);
}

bool mxd_kernel_costs_add_rows(mxd_kernel_costs *costs, mxd_kernel_id kernel, const mxd_kernel_row *rows,
                               uint32_t num_rows)
{
    row_cost *made = calloc(num_rows, sizeof *made);
    if (!made)
        return false;
    for (uint32_t i = 0; i < num_rows; i++) {
        const mxd_kernel_shape shape = {rows[i].settings, rows[i].num_inputs, rows[i].num_outputs};
        made[i] = (row_cost){.frame_bytes = (double)SAMPLE_BYTES * (rows[i].num_inputs + rows[i].num_outputs),
                             .frame_flops = mxd_kernel_get(kernel)->flops(&shape)};
    }
    return add_step(costs, COST_ROWS + (uint32_t)kernel, made, NULL);
}

static double transform_flops(int log2_size)
{
    return 5.0 * (log2_size + 1);
}

static double product_flops(const mxd_convolve_cell *cell, int log2_size)
{
    uint64_t size = (uint64_t)1 << log2_size;
    return 8.0 * (double)((cell->num_frames + size - 1) / size);
}

/* The partition size that makes the row's operations least. */
static int choose_size(const mxd_convolve_row *row)
{
    double least = HUGE_VAL;
    int best = MIN_LOG2_PARTITION;
    for (int log2_size = MIN_LOG2_PARTITION; log2_size <= MAX_LOG2_PARTITION; log2_size++) {
        double flops = transform_flops(log2_size) * ((double)row->num_inputs + row->num_outputs);
        for (uint32_t i = 0; i < row->num_cells; i++)
            flops += product_flops(&row->cells[i], log2_size);
        if (flops < least) {
            least = flops;
            best = log2_size;
        }
    }
    return best;
}

static void count_row(const mxd_convolve_row *row, row_cost *made, input_cost *inputs)
{
    int log2_size = choose_size(row);
    made->frame_bytes = (double)SAMPLE_BYTES * row->num_outputs;
    made->frame_flops = transform_flops(log2_size) * row->num_outputs;
    made->num_inputs = row->num_inputs;
    for (uint32_t i = 0; i < row->num_inputs; i++)
        inputs[i].frame_flops = transform_flops(log2_size);
    for (uint32_t i = 0; i < row->num_cells; i++) {
        const mxd_convolve_cell *cell = &row->cells[i];
        input_cost *input = &inputs[cell->input];
        input->frame_flops += product_flops(cell, log2_size);
        input->history_frames = fmax(input->history_frames, cell->num_frames - 1.0);
    }
}

typedef struct named_response {
    const float *response;
    uint32_t num_frames;
    uint32_t input; /* of all rows' */
} named_response;

static int compare_responses(const void *a, const void *b)
{
    const named_response *first = a;
    const named_response *second = b;
    uintptr_t x = (uintptr_t)first->response;
    uintptr_t y = (uintptr_t)second->response;
    if (x != y)
        return x < y ? -1 : 1;
    if (first->num_frames != second->num_frames)
        return first->num_frames > second->num_frames ? -1 : 1; /* the longest contains the others */
    return (first->input > second->input) - (first->input < second->input);
}

/* Each response counts for one input. */
static bool count_responses(const mxd_convolve_row *rows, uint32_t num_rows, const row_cost *made, input_cost *inputs)
{
    size_t num_cells = 0;
    for (uint32_t i = 0; i < num_rows; i++)
        num_cells += rows[i].num_cells;
    named_response *responses = calloc(num_cells + 1, sizeof *responses);
    if (!responses)
        return false;
    size_t count = 0;
    for (uint32_t i = 0; i < num_rows; i++)
        for (uint32_t j = 0; j < rows[i].num_cells; j++) {
            const mxd_convolve_cell *cell = &rows[i].cells[j];
            responses[count++] =
                (named_response){cell->response, cell->num_frames, made[i].first_input + cell->input};
        }
    qsort(responses, count, sizeof *responses, compare_responses);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || responses[i].response != responses[i - 1].response)
            inputs[responses[i].input].response_bytes += (double)SAMPLE_BYTES * responses[i].num_frames;
    free(responses);
    return true;
}

bool mxd_kernel_costs_add_convolve(mxd_kernel_costs *costs, const mxd_convolve_row *rows, uint32_t num_rows)
{
    uint32_t num_inputs = 0;
    for (uint32_t i = 0; i < num_rows; i++)
        num_inputs += rows[i].num_inputs;
    row_cost *made = calloc(num_rows, sizeof *made);
    input_cost *inputs = calloc(num_inputs, sizeof *inputs);
    uint32_t first_input = 0;
    for (uint32_t i = 0; made && inputs && i < num_rows; i++) {
        made[i].first_input = first_input;
        count_row(&rows[i], &made[i], inputs + first_input);
        first_input += rows[i].num_inputs;
    }
    if (made && inputs && count_responses(rows, num_rows, made, inputs))
        return add_step(costs, COST_CONVOLVE, made, inputs);
    free(made);
    free(inputs);
    return false;
}

/* ---- Blocks -------------------------------------------------------------- */

static void count_mix(mxd_kernel_costs *costs, const mxd_mix_run *mix, double num_frames)
{
    uint32_t lanes = mix->num_outputs;
    costs->mark++;
    for (uint32_t i = 0; i < mix->num_edges; i++) {
        uint64_t *mark = &costs->marks[mix->edges[i].input_lane];
        lanes += *mark != costs->mark;
        *mark = costs->mark;
    }
    costs->sums[COST_MIX].bytes += SAMPLE_BYTES * num_frames * lanes;
    costs->sums[COST_MIX].flops += 2 * num_frames * mix->num_edges;
}

static void count_rows(mxd_kernel_costs *costs, const step_cost *step, const mxd_step_run *run, double num_frames)
{
    cost_sum *sum = &costs->sums[step->kind];
    const bool *rests = run->rests;
    for (uint32_t i = 0; i < run->num_rows; i++) {
        const row_cost *row = &step->rows[run->rows[i]];
        sum->bytes += row->frame_bytes * num_frames;
        sum->flops += row->frame_flops * num_frames;
        for (uint32_t j = 0; j < row->num_inputs; j++) {
            const input_cost *input = &step->inputs[row->first_input + j];
            if (rests && rests[j])
                continue;
            double samples = num_frames + input->history_frames + fmin(input->history_frames, num_frames);
            sum->bytes += SAMPLE_BYTES * samples + input->response_bytes;
            sum->flops += input->frame_flops * num_frames;
        }
        rests = rests ? rests + row->num_inputs : NULL;
    }
}

static void count_uploads(mxd_kernel_costs *costs, const mxd_block *block)
{
    uint32_t sounding = mxd_upload_order(block->uploads, block->num_uploads, costs->order);
    double bytes = 0;
    for (uint32_t i = 0, count; i < sounding; i += count) {
        const mxd_upload *upload = costs->order[i];
        count = mxd_upload_same_frames(&costs->order[i], sounding - i);
        bytes += (double)block->num_frames * upload->num_channels * mxd_sample_bytes(upload->format);
    }
    costs->sums[COST_UPLOAD].bytes += bytes;
    costs->sums[COST_UNPACK].bytes += bytes + (double)SAMPLE_BYTES * block->num_frames * block->num_uploads;
    costs->sums[COST_UNPACK].flops += (double)block->num_frames * sounding;
}

void mxd_kernel_costs_count(mxd_kernel_costs *costs, const mxd_block *block)
{
    count_uploads(costs, block);
    for (uint32_t i = 0; i < block->num_runs; i++) {
        const mxd_step_run *run = &block->runs[i];
        const step_cost *step = &costs->steps[run->step];
        if (run->mix)
            count_mix(costs, run->mix, block->num_frames);
        else
            count_rows(costs, step, run, block->num_frames);
    }
    costs->sums[COST_DOWNLOAD].bytes += (double)SAMPLE_BYTES * block->num_frames * block->num_downloads;
}

void mxd_kernel_costs_fill(const mxd_kernel_costs *costs, mxd_backend_timing *timings, uint32_t num_timings)
{
#define NAME(NUMBER, name) #name,
    static const char *const names[NUM_COSTS] = {"eq",     "convolve", "mix",
                                                 "upload", "unpack",   "download", MXD_KERNELS(NAME)};
#undef NAME
    bool unpacks_apart = false;
    for (uint32_t i = 0; i < num_timings; i++)
        unpacks_apart |= strcmp(timings[i].kernel, names[COST_UNPACK]) == 0;
    for (uint32_t i = 0; i < num_timings; i++) {
        for (uint32_t kind = 0; kind < NUM_COSTS; kind++) {
            if (strcmp(timings[i].kernel, names[kind]) != 0)
                continue;
            const cost_sum *sum = &costs->sums[kind == COST_UPLOAD && !unpacks_apart ? COST_UNPACK : kind];
            timings[i].min_bytes = (uint64_t)sum->bytes;
            timings[i].flops = (uint64_t)sum->flops;
        }
    }
}
