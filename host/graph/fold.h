/* Between graph.c and fold.c. */
#ifndef MXD_GRAPH_FOLD_H
#define MXD_GRAPH_FOLD_H

#include "graph.h"

/*
 * To be called when the graph is built and before it is scheduled; what it computes stays the same up to rounding.
 * Operations are put into a new order, folds added behind the other chains. MXD_ERROR_MEMORY: destroy the graph.
 */
mxd_result mxd_graph_fold(mxd_graph *graph, mxd_folding folding);

#endif
