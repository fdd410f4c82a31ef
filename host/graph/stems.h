/*
 * Stems: for each strip that is placed in the scene, and each layout that is
 * rendered, a mix of its own with the strip's routes into that layout again. So
 * the stems of a layout sum to its mix, and no deliverable's inserts are in them.
 * A track that goes to a bus, and what is sent to one, is in the bus's stem.
 */
#ifndef MXD_GRAPH_STEMS_H
#define MXD_GRAPH_STEMS_H

#include "graph.h"

/* Lists the stems of all layouts of graph->outputs, silent ones so far: mix = MXD_NO_INDEX. */
mxd_result mxd_stems_list(mxd_graph *graph);

/*
 * Gives the strip's stem in the target's layout its mix, unless it has one: a copy of the target's routes from
 * first_route on, which are the strip's. Lanes are made for the channels that these routes reach. Nothing where no
 * stems are listed.
 */
mxd_result mxd_stems_build(mxd_graph *graph, const mxd_strip *strip, const mxd_layout_panner *target,
                           uint32_t first_route);

/* Numbers the lanes of all stems, in their order, as those of the block's outputs from first_output on. */
void mxd_stems_number(mxd_graph *graph, uint32_t first_output);

#endif
