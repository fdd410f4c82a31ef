/* Between schedule.c, block.c and graph.c. */
#ifndef MXD_GRAPH_BLOCK_H
#define MXD_GRAPH_BLOCK_H

#include "graph.h"

/* Makes one step of the graph on the backend. limits: for a mix. */
mxd_result mxd_graph_attach_step(mxd_graph *graph, mxd_step *step, const mxd_mix_limits *limits, mxd_backend *backend);

/* Accepts NULL. */
void mxd_block_arrays_destroy(struct mxd_block_arrays *arrays);

#endif
