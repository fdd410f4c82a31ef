/*
 * Where latencies meet: by how many frames each strip's signal is late, so that
 * what is summed, and what listens to what, is late by the same. A track is not
 * delayed in the graph but read later, as far as all its ways allow; the rest of
 * the differences takes delays (mxd_graph_close_mix).
 */
#ifndef MXD_GRAPH_LATENCY_H
#define MXD_GRAPH_LATENCY_H

#include "routing.h"

typedef struct mxd_latencies {
    uint32_t *start; /* [strip]: frames by which what enters its first insert is late */
    uint32_t *end;   /* [strip]: what leaves its last one */
    uint32_t total;  /* what every deliverable's file is late by before the engine cuts that off */
} mxd_latencies;

/* Frames that the inserts of a chain delay, num_channels wide; of the first num_inserts of them. */
uint32_t mxd_inserts_latency(const mxd_insert *inserts, uint32_t num_inserts, uint32_t num_channels);

/* deliverables: indices of those to be rendered. False when memory runs out; to be finished all the same. */
bool mxd_latencies_init(const mxd_session *session, const mxd_routing *routing, const uint32_t *deliverables,
                        uint32_t num_deliverables, mxd_latencies *latencies);
void mxd_latencies_finish(mxd_latencies *latencies);

#endif
