/* The builder's inside: graph.c makes one for each chain. */
#ifndef MXD_GRAPH_BUILDER_INTERNAL_H
#define MXD_GRAPH_BUILDER_INTERNAL_H

#include "graph.h"

struct mxd_graph_builder {
    mxd_graph *graph;
    uint32_t chain;
    const mxd_insert *insert;
    uint32_t latency;                  /* frames by which what enters the insert is late */
    uint32_t keys[MXD_MAX_CHANNELS];   /* lanes of its side-chain */
    uint32_t num_keys;
};

#endif
