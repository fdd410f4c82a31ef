/* What inserts call: operations of the chain that is being built. */
#include "builder_internal.h"
#include "moving.h"

#include <stdlib.h>
#include <string.h>

uint32_t mxd_builder_lane(mxd_graph_builder *builder)
{
    return mxd_graph_add_lane(builder->graph);
}

void mxd_builder_bounds(const mxd_graph_builder *builder, uint32_t value, double *lowest, double *highest)
{
    mxd_insert_bounds(builder->insert, value, lowest, highest);
}

bool mxd_builder_moves(const mxd_graph_builder *builder, uint32_t value)
{
    for (uint32_t i = 0; i < builder->insert->num_automation; i++)
        if (builder->insert->automation[i].value == value)
            return true;
    return false;
}

/* count elements of size bytes, or NULL. */
static void *copy_of(const void *source, uint32_t count, size_t size)
{
    void *copy = malloc((count ? count : 1) * size);
    if (copy && count)
        memcpy(copy, source, count * size);
    return copy;
}

mxd_result mxd_builder_eq(mxd_graph_builder *builder, uint32_t lane, const mxd_svf *sections, uint32_t num_sections)
{
    mxd_operation *operation = mxd_graph_add_operation(builder->graph, MXD_OPERATION_EQ, builder->chain);
    if (!operation)
        return MXD_ERROR_MEMORY;
    operation->lane = lane;
    operation->sections = copy_of(sections, num_sections, sizeof *sections);
    operation->num_sections = num_sections;
    return operation->sections ? MXD_OK : MXD_ERROR_MEMORY;
}

mxd_result mxd_builder_convolve(mxd_graph_builder *builder, const mxd_convolve_row *row)
{
    mxd_operation *operation = mxd_graph_add_operation(builder->graph, MXD_OPERATION_CONVOLVE, builder->chain);
    if (!operation)
        return MXD_ERROR_MEMORY;
    operation->convolve = (mxd_convolve_row){
        .inputs = copy_of(row->inputs, row->num_inputs, sizeof *row->inputs),
        .num_inputs = row->num_inputs,
        .outputs = copy_of(row->outputs, row->num_outputs, sizeof *row->outputs),
        .num_outputs = row->num_outputs,
        .cells = copy_of(row->cells, row->num_cells, sizeof *row->cells),
        .num_cells = row->num_cells,
    };
    if (!operation->convolve.inputs || !operation->convolve.outputs || !operation->convolve.cells)
        return MXD_ERROR_MEMORY;
    return MXD_OK;
}

/* An edge by the insert's values: fixed as long as nothing moves them. */
static void map_edge(const mxd_insert *insert, const mxd_builder_edge *edge, mxd_route *route)
{
    if (insert->num_automation == 0) {
        route->fixed[0] *= edge->map(insert->params, insert->params, edge->index);
        return;
    }
    route->kind = MXD_ROUTE_MAPPED;
    route->gain = edge->gain;
    route->insert = insert;
    route->map = edge->map;
    route->map_index = edge->index;
}

mxd_result mxd_builder_mix(mxd_graph_builder *builder, uint32_t output_lane, const mxd_builder_edge *edges,
                           uint32_t num_edges)
{
    mxd_graph *graph = builder->graph;
    uint32_t mix = mxd_graph_add_mix(graph, builder->chain, 1);
    if (mix == MXD_NO_INDEX)
        return MXD_ERROR_MEMORY;
    graph->mixes[mix].lanes[0] = output_lane;
    graph->mixes[mix].latency = builder->latency;
    for (uint32_t i = 0; i < num_edges; i++) {
        mxd_route *route = mxd_graph_add_route(graph, mix);
        if (!route)
            return MXD_ERROR_MEMORY;
        route->lane = edges[i].input_lane;
        route->chain = builder->chain;
        route->fixed[0] = edges[i].gain;
        if (edges[i].map)
            map_edge(builder->insert, &edges[i], route);
    }
    return mxd_graph_close_mix(graph, mix);
}

mxd_result mxd_builder_row_add(mxd_graph_builder *builder, const mxd_builder_row *row)
{
    const mxd_kernel *kernel = mxd_kernel_get(row->kernel);
    const mxd_kernel_shape shape = {row->settings, row->num_inputs, row->num_outputs};
    mxd_operation *operation = mxd_graph_add_operation(builder->graph, MXD_OPERATION_ROW, builder->chain);
    if (!operation)
        return MXD_ERROR_MEMORY;
    mxd_row_operation *made = &operation->row;
    *made = (mxd_row_operation){
        .kernel = row->kernel,
        .num_inputs = row->num_inputs,
        .num_outputs = row->num_outputs,
        .num_values = kernel->num_values(&shape),
        .insert = builder->insert,
        .map = row->map,
        .index = row->index,
        .beats_a_cycle = row->beats_a_cycle,
        .rate_hz = row->rate_hz,
    };
    operation->latency = builder->latency;
    made->settings = copy_of(row->settings, kernel->num_settings, sizeof *made->settings);
    made->lanes = malloc((row->num_inputs + row->num_outputs + 1) * sizeof *made->lanes);
    if (!made->settings || !made->lanes)
        return MXD_ERROR_MEMORY;
    memcpy(made->lanes, row->inputs, row->num_inputs * sizeof *made->lanes);
    memcpy(made->lanes + row->num_inputs, row->outputs, row->num_outputs * sizeof *made->lanes);
    if (row->moves || made->num_values == 0 || (builder->insert && builder->insert->num_automation > 0))
        return MXD_OK;
    made->values = calloc(made->num_values, sizeof *made->values);
    if (!made->values)
        return MXD_ERROR_MEMORY;
    mxd_row_at_rest(builder->graph->session, builder->insert, row, made->values);
    return MXD_OK;
}

uint32_t mxd_builder_key(mxd_graph_builder *builder, uint32_t lanes[MXD_MAX_ROW_LANES])
{
    memcpy(lanes, builder->keys, builder->num_keys * sizeof *lanes);
    return builder->num_keys;
}

mxd_result mxd_builder_host(mxd_graph_builder *builder, mxd_hosted_creator *create, uint32_t *lanes,
                            uint32_t num_inputs, uint32_t num_outputs)
{
    mxd_operation *operation = mxd_graph_add_operation(builder->graph, MXD_OPERATION_HOST, builder->chain);
    if (!operation)
        return MXD_ERROR_MEMORY;
    operation->latency = builder->latency;
    operation->host.create = create;
    operation->row = (mxd_row_operation){
        .num_inputs = num_inputs,
        .num_outputs = num_outputs,
        .insert = builder->insert,
        .lanes = malloc((num_inputs + num_outputs + 1) * sizeof *operation->row.lanes),
    };
    if (!operation->row.lanes)
        return MXD_ERROR_MEMORY;
    memcpy(operation->row.lanes, lanes, num_inputs * sizeof *lanes);
    for (uint32_t i = 0; i < num_outputs; i++) {
        lanes[i] = mxd_builder_lane(builder);
        if (lanes[i] == UINT32_MAX)
            return MXD_ERROR_MEMORY;
        operation->row.lanes[num_inputs + i] = lanes[i];
    }
    return MXD_OK;
}
