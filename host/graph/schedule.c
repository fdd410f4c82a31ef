/*
 * Steps and lanes. Operations of one kernel at one depth become one step: a
 * thousand equalisers are one dispatch. A physical lane is given on as soon as
 * its last reader's depth has passed.
 *
 * Inserts that run on the host cut a block into parts (graph.h): a part ends with
 * all of them whose inputs it computes, so that as many as can run at once, and
 * a block is cut as often as they follow each other, whatever lies between them.
 */
#include "block.h"

#include <stdlib.h>

/* ---- Depths -------------------------------------------------------------- */

/* The depth of an operation that reads the lanes: one deeper than the deepest of these. */
static uint32_t read_lanes(mxd_graph *graph, const uint32_t *lanes, uint32_t num_lanes)
{
    uint32_t depth = 0;
    for (uint32_t i = 0; i < num_lanes; i++)
        if (graph->lanes[lanes[i]].depth > depth)
            depth = graph->lanes[lanes[i]].depth;
    return depth + 1;
}

/* The least depth at which the lanes may be written: whoever was to read what they hold has done so. */
static uint32_t after_readers(const mxd_graph *graph, const uint32_t *lanes, uint32_t num_lanes, uint32_t depth)
{
    for (uint32_t i = 0; i < num_lanes; i++)
        if (lanes[i] != MXD_NO_INDEX && graph->lanes[lanes[i]].read_depth >= depth)
            depth = graph->lanes[lanes[i]].read_depth + 1;
    return depth;
}

static void mark_read(mxd_graph *graph, const uint32_t *lanes, uint32_t num_lanes, uint32_t depth)
{
    for (uint32_t i = 0; i < num_lanes; i++)
        if (graph->lanes[lanes[i]].read_depth < depth)
            graph->lanes[lanes[i]].read_depth = depth;
}

static void mark_written(mxd_graph *graph, const uint32_t *lanes, uint32_t num_lanes, uint32_t depth)
{
    for (uint32_t i = 0; i < num_lanes; i++)
        if (lanes[i] != MXD_NO_INDEX)
            graph->lanes[lanes[i]].depth = depth;
}

/* An operation from some lanes to others, of which some may be the same. */
static uint32_t place_operation(mxd_graph *graph, const uint32_t *inputs, uint32_t num_inputs, const uint32_t *outputs,
                                uint32_t num_outputs)
{
    uint32_t depth = after_readers(graph, outputs, num_outputs, read_lanes(graph, inputs, num_inputs));
    mark_read(graph, inputs, num_inputs, depth);
    mark_written(graph, outputs, num_outputs, depth);
    return depth;
}

static uint32_t place_mix(mxd_graph *graph, const mxd_mix *mix)
{
    uint32_t depth = 1;
    for (uint32_t i = 0; i < mix->num_routes; i++)
        if (!mix->routes[i].folded && graph->lanes[mix->routes[i].lane].depth >= depth)
            depth = graph->lanes[mix->routes[i].lane].depth + 1;
    depth = after_readers(graph, mix->lanes, mix->num_lanes, depth);
    for (uint32_t i = 0; i < mix->num_routes; i++)
        if (!mix->routes[i].folded)
            mark_read(graph, &mix->routes[i].lane, 1, depth);
    mark_written(graph, mix->lanes, mix->num_lanes, depth);
    return depth;
}

/*
 * A hosted insert runs at the end of the part in which its inputs are computed; what it writes is there when the next
 * begins. Its outputs are fresh: nobody was to read what they hold.
 */
static uint32_t place_hosted(mxd_graph *graph, const mxd_row_operation *row, uint32_t part_depths)
{
    const uint32_t part = (read_lanes(graph, row->lanes, row->num_inputs) - 1) / part_depths;
    const uint32_t depth = (part + 1) * part_depths - 1;
    mark_read(graph, row->lanes, row->num_inputs, depth);
    mark_written(graph, row->lanes + row->num_inputs, row->num_outputs, depth + 1);
    graph->num_hosted++;
    graph->num_hosted_lanes += row->num_inputs + row->num_outputs;
    return depth;
}

/* Depths that are not used are left out. */
static mxd_result squeeze_depths(mxd_graph *graph, uint32_t deepest)
{
    uint32_t *ranks = calloc(deepest + 1u, sizeof *ranks), count = 0;
    if (!ranks)
        return MXD_ERROR_MEMORY;
    for (uint32_t i = 0; i < graph->num_operations; i++)
        ranks[graph->operations[i].depth] = 1;
    for (uint32_t depth = 0; depth <= deepest; depth++)
        if (ranks[depth])
            ranks[depth] = ++count;
    for (uint32_t i = 0; i < graph->num_operations; i++)
        graph->operations[i].depth = ranks[graph->operations[i].depth];
    free(ranks);
    return MXD_OK;
}

/*
 * Operations stand after those whose lanes they read, and after those that read what they overwrite. Part n of a block
 * has the depths from n times `part_depths` on, more than there can be operations one behind the other; its last are
 * those of the hosted inserts.
 */
static mxd_result find_depths(mxd_graph *graph)
{
    const uint32_t part_depths = graph->num_operations + 2;
    uint32_t deepest = 0;
    for (uint32_t i = 0; i < graph->num_operations; i++) {
        mxd_operation *operation = &graph->operations[i];
        const mxd_convolve_row *convolve = &operation->convolve;
        const mxd_row_operation *row = &operation->row;
        switch (operation->kind) {
        case MXD_OPERATION_EQ:
            operation->depth = place_operation(graph, &operation->lane, 1, &operation->lane, 1);
            break;
        case MXD_OPERATION_CONVOLVE:
            operation->depth = place_operation(graph, convolve->inputs, convolve->num_inputs, convolve->outputs,
                                               convolve->num_outputs);
            break;
        case MXD_OPERATION_ROW:
            operation->depth = place_operation(graph, row->lanes, row->num_inputs, row->lanes + row->num_inputs,
                                               row->num_outputs);
            break;
        case MXD_OPERATION_HOST:
            operation->depth = place_hosted(graph, row, part_depths);
            break;
        case MXD_OPERATION_MIX:
            operation->depth = place_mix(graph, &graph->mixes[operation->mix]);
            break;
        }
        if (operation->depth > deepest)
            deepest = operation->depth;
    }
    return graph->num_hosted ? squeeze_depths(graph, deepest) : MXD_OK;
}

/* ---- Lanes --------------------------------------------------------------- */

static void touch(mxd_graph *graph, uint32_t lane, uint32_t depth)
{
    mxd_lane *state = &graph->lanes[lane];
    if (depth > state->last_depth)
        state->last_depth = depth;
}

static void write_lane(mxd_graph *graph, uint32_t lane, uint32_t depth)
{
    mxd_lane *state = &graph->lanes[lane];
    if (state->first_depth == MXD_NO_INDEX || depth < state->first_depth)
        state->first_depth = depth;
    touch(graph, lane, depth);
}

/* Clips fill source lanes before anything runs. What nothing writes, since it was folded, gets no lane. */
static void find_lifetimes(mxd_graph *graph)
{
    for (uint32_t i = 0; i < graph->num_lanes; i++) {
        graph->lanes[i].first_depth = MXD_NO_INDEX;
        graph->lanes[i].last_depth = 0;
    }
    for (uint32_t i = 0; i < graph->num_operations; i++) {
        const mxd_operation *operation = &graph->operations[i];
        const mxd_convolve_row *convolve = &operation->convolve;
        switch (operation->kind) {
        case MXD_OPERATION_EQ:
            /* In place: whoever wrote it first sets first_depth. */
            touch(graph, operation->lane, operation->depth);
            break;
        case MXD_OPERATION_CONVOLVE:
            for (uint32_t j = 0; j < convolve->num_inputs; j++)
                touch(graph, convolve->inputs[j], operation->depth);
            for (uint32_t j = 0; j < convolve->num_outputs; j++)
                write_lane(graph, convolve->outputs[j], operation->depth);
            break;
        case MXD_OPERATION_ROW:
        case MXD_OPERATION_HOST:
            for (uint32_t j = 0; j < operation->row.num_inputs; j++)
                touch(graph, operation->row.lanes[j], operation->depth);
            for (uint32_t j = 0; j < operation->row.num_outputs; j++)
                write_lane(graph, operation->row.lanes[operation->row.num_inputs + j], operation->depth);
            break;
        case MXD_OPERATION_MIX: {
            const mxd_mix *mix = &graph->mixes[operation->mix];
            for (uint32_t j = 0; j < mix->num_routes; j++)
                if (!mix->routes[j].folded)
                    touch(graph, mix->routes[j].lane, operation->depth);
            for (uint32_t j = 0; j < mix->num_lanes; j++)
                if (mix->lanes[j] != MXD_NO_INDEX)
                    write_lane(graph, mix->lanes[j], operation->depth);
            break;
        }
        }
    }
    for (uint32_t i = 0; i < graph->num_chains; i++)
        for (uint32_t j = 0; j < graph->chains[i].num_source_lanes; j++)
            graph->lanes[graph->chains[i].first_lane + j].first_depth = 0;
    for (uint32_t i = 0; i < graph->num_outputs; i++)
        for (uint32_t j = 0; j < graph->outputs[i].deliverable->layout->num_channels; j++)
            graph->lanes[graph->outputs[i].lanes[j]].last_depth = MXD_NO_INDEX;
    for (uint32_t i = 0; i < graph->num_stems; i++)
        for (uint32_t j = 0; j < graph->stems[i].layout->num_channels; j++)
            if (graph->stems[i].outputs[j] != MXD_NO_INDEX)
                graph->lanes[graph->mixes[graph->stems[i].mix].lanes[j]].last_depth = MXD_NO_INDEX;
}

static uint32_t deepest(const mxd_graph *graph)
{
    uint32_t depth = 0;
    for (uint32_t i = 0; i < graph->num_operations; i++)
        if (graph->operations[i].depth > depth)
            depth = graph->operations[i].depth;
    return depth;
}

static mxd_result assign_lanes(mxd_graph *graph)
{
    uint32_t *free_lanes = calloc(graph->num_lanes ? graph->num_lanes : 1, sizeof *free_lanes);
    if (!free_lanes)
        return MXD_ERROR_MEMORY;
    uint32_t num_free = 0, last = deepest(graph);
    for (uint32_t depth = 0; depth <= last; depth++) {
        for (uint32_t i = 0; i < graph->num_lanes && depth > 0; i++)
            if (graph->lanes[i].physical != MXD_NO_INDEX && graph->lanes[i].last_depth == depth - 1)
                free_lanes[num_free++] = graph->lanes[i].physical;
        for (uint32_t i = 0; i < graph->num_lanes; i++)
            if (graph->lanes[i].first_depth == depth)
                graph->lanes[i].physical = num_free ? free_lanes[--num_free] : graph->num_physical_lanes++;
    }
    free(free_lanes);
    return MXD_OK;
}

/* ---- Steps --------------------------------------------------------------- */

/* The step for this operation at this depth, NULL if there is none yet. */
static mxd_step *find_step(mxd_graph *graph, const uint32_t *step_depths, const mxd_operation *operation)
{
    for (uint32_t i = graph->num_steps; i-- > 0 && step_depths[i] == operation->depth;)
        if (graph->steps[i].kind == operation->kind && graph->steps[i].kernel == operation->row.kernel)
            return &graph->steps[i];
    return NULL;
}

static mxd_result make_steps(mxd_graph *graph)
{
    uint32_t capacity = (4 + MXD_NUM_KERNELS) * (deepest(graph) + 1);
    uint32_t *depths = calloc(capacity, sizeof *depths);
    graph->steps = calloc(capacity, sizeof *graph->steps);
    if (!depths || !graph->steps)
        goto fail;
    for (uint32_t depth = 1; depth <= deepest(graph); depth++) {
        for (uint32_t i = 0; i < graph->num_operations; i++) {
            if (graph->operations[i].depth != depth)
                continue;
            mxd_step *step = find_step(graph, depths, &graph->operations[i]);
            if (!step) {
                step = &graph->steps[graph->num_steps];
                step->kind = graph->operations[i].kind;
                step->kernel = graph->operations[i].row.kernel;
                step->operations = calloc(graph->num_operations, sizeof *step->operations);
                if (!step->operations)
                    goto fail;
                depths[graph->num_steps++] = depth;
            }
            step->operations[step->num_operations++] = i;
        }
    }
    free(depths);
    return MXD_OK;
fail:
    free(depths);
    return MXD_ERROR_MEMORY;
}

mxd_result mxd_graph_schedule(mxd_graph *graph)
{
    mxd_result result = find_depths(graph);
    if (result != MXD_OK)
        return result;
    find_lifetimes(graph);
    result = assign_lanes(graph);
    return result == MXD_OK ? make_steps(graph) : result;
}

static mxd_result attach_eq(mxd_graph *graph, mxd_step *step, mxd_backend *backend)
{
    mxd_eq_row *rows = calloc(step->num_operations, sizeof *rows);
    if (!rows)
        return MXD_ERROR_MEMORY;
    for (uint32_t i = 0; i < step->num_operations; i++) {
        const mxd_operation *operation = &graph->operations[step->operations[i]];
        rows[i] = (mxd_eq_row){.lane = graph->lanes[operation->lane].physical,
                               .sections = operation->sections,
                               .num_sections = operation->num_sections};
    }
    mxd_result result = mxd_backend_add_eq(backend, rows, step->num_operations, &step->backend_step);
    free(rows);
    return result;
}

static mxd_result attach_convolve(mxd_graph *graph, mxd_step *step, mxd_backend *backend)
{
    uint32_t num_lanes = 0, next = 0;
    for (uint32_t i = 0; i < step->num_operations; i++) {
        const mxd_convolve_row *row = &graph->operations[step->operations[i]].convolve;
        num_lanes += row->num_inputs + row->num_outputs;
    }
    mxd_result result = MXD_ERROR_MEMORY;
    mxd_convolve_row *rows = calloc(step->num_operations, sizeof *rows);
    uint32_t *lanes = calloc(num_lanes, sizeof *lanes);
    if (!rows || !lanes)
        goto done;
    for (uint32_t i = 0; i < step->num_operations; i++) {
        const mxd_convolve_row *row = &graph->operations[step->operations[i]].convolve;
        rows[i] = *row;
        rows[i].inputs = &lanes[next];
        for (uint32_t j = 0; j < row->num_inputs; j++)
            lanes[next++] = graph->lanes[row->inputs[j]].physical;
        rows[i].outputs = &lanes[next];
        for (uint32_t j = 0; j < row->num_outputs; j++)
            lanes[next++] = graph->lanes[row->outputs[j]].physical;
    }
    result = mxd_backend_add_convolve(backend, rows, step->num_operations, &step->backend_step);
done:
    free(lanes);
    free(rows);
    return result;
}

static mxd_result attach_rows(mxd_graph *graph, mxd_step *step, mxd_backend *backend)
{
    uint32_t num_lanes = 0, next = 0;
    for (uint32_t i = 0; i < step->num_operations; i++) {
        const mxd_row_operation *row = &graph->operations[step->operations[i]].row;
        num_lanes += row->num_inputs + row->num_outputs;
    }
    mxd_result result = MXD_ERROR_MEMORY;
    mxd_kernel_row *rows = calloc(step->num_operations, sizeof *rows);
    uint32_t *lanes = calloc(num_lanes, sizeof *lanes);
    if (!rows || !lanes)
        goto done;
    for (uint32_t i = 0; i < step->num_operations; i++) {
        const mxd_row_operation *row = &graph->operations[step->operations[i]].row;
        rows[i] = (mxd_kernel_row){
            .inputs = &lanes[next],
            .num_inputs = row->num_inputs,
            .outputs = &lanes[next + row->num_inputs],
            .num_outputs = row->num_outputs,
            .settings = row->settings,
            .values = row->values,
        };
        for (uint32_t j = 0; j < row->num_inputs + row->num_outputs; j++)
            lanes[next++] = graph->lanes[row->lanes[j]].physical;
    }
    result = mxd_backend_add_rows(backend, step->kernel, rows, step->num_operations, &step->backend_step);
done:
    free(lanes);
    free(rows);
    return result;
}

mxd_result mxd_graph_attach_step(mxd_graph *graph, mxd_step *step, const mxd_mix_limits *limits, mxd_backend *backend)
{
    switch (step->kind) {
    case MXD_OPERATION_EQ:
        return attach_eq(graph, step, backend);
    case MXD_OPERATION_CONVOLVE:
        return attach_convolve(graph, step, backend);
    case MXD_OPERATION_MIX:
        return mxd_backend_add_mix(backend, limits, &step->backend_step);
    case MXD_OPERATION_ROW:
        return attach_rows(graph, step, backend);
    case MXD_OPERATION_HOST:
        return MXD_OK; /* the backend knows nothing of it */
    }
    return MXD_ERROR_ARGUMENT;
}
