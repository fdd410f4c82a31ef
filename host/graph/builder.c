/* What inserts call: operations of the chain that is being built. */
#include "builder_internal.h"

#include <stdlib.h>
#include <string.h>

uint32_t mxd_builder_lane(mxd_graph_builder *builder)
{
    return mxd_graph_add_lane(builder->graph);
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

mxd_result mxd_builder_mix(mxd_graph_builder *builder, uint32_t output_lane, const mxd_builder_edge *edges,
                           uint32_t num_edges)
{
    mxd_graph *graph = builder->graph;
    uint32_t mix = mxd_graph_add_mix(graph, builder->chain, 1);
    if (mix == MXD_NO_INDEX)
        return MXD_ERROR_MEMORY;
    graph->mixes[mix].lanes[0] = output_lane;
    for (uint32_t i = 0; i < num_edges; i++) {
        mxd_route *route = mxd_graph_add_route(graph, mix);
        if (!route)
            return MXD_ERROR_MEMORY;
        route->lane = edges[i].input_lane;
        route->chain = builder->chain;
        route->fixed[0] = edges[i].gain;
    }
    return mxd_graph_close_mix(graph, mix);
}
