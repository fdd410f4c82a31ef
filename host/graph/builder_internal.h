/* The builder's inside: graph.c makes one for each chain. */
#ifndef MXD_GRAPH_BUILDER_INTERNAL_H
#define MXD_GRAPH_BUILDER_INTERNAL_H

#include "graph.h"

struct mxd_graph_builder {
    mxd_graph *graph;
    uint32_t chain;
    const mxd_insert *insert;
};

#endif
