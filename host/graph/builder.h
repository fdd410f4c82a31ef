/*
 * Where an insert emits its steps (effect.h's emit): it asks for lanes and adds
 * operations; the graph batches operations of one kernel at one depth into steps.
 */
#ifndef MXD_GRAPH_BUILDER_H
#define MXD_GRAPH_BUILDER_H

#include "../backend.h"

typedef struct mxd_graph_builder mxd_graph_builder;

/* A fresh virtual lane. UINT32_MAX when memory runs out. */
uint32_t mxd_builder_lane(mxd_graph_builder *builder);

/* A cascade on one lane, in place. Sections are copied. */
mxd_result mxd_builder_eq(mxd_graph_builder *builder, uint32_t lane, const mxd_svf *sections, uint32_t num_sections);

/* A matrix of responses from lanes to fresh lanes. Arrays are copied; responses must live as long as the session. */
mxd_result mxd_builder_convolve(mxd_graph_builder *builder, const mxd_convolve_row *row);

/* One input of a fixed mix. */
typedef struct mxd_builder_edge {
    uint32_t input_lane;
    double gain;
} mxd_builder_edge;

/* output_lane = sum of edges; copied. */
mxd_result mxd_builder_mix(mxd_graph_builder *builder, uint32_t output_lane, const mxd_builder_edge *edges,
                           uint32_t num_edges);

#endif
