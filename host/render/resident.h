/* What a render holds in memory beside its blocks and its backend; for `check`. */
#ifndef MXD_RENDER_RESIDENT_H
#define MXD_RENDER_RESIDENT_H

#include "../graph/graph.h"

/* Samples of the impulse responses that the graph's convolvers read, each once. */
uint64_t mxd_resident_responses(const mxd_graph *graph);

/* Of as many open files as the tracks ever play at once: decoders' buffers, resampled ones' filters, short loops. */
uint64_t mxd_resident_readers(const mxd_session *session);

/* The program and its libraries without any session. */
#define MXD_RESIDENT_PROGRAM (6ull << 20)

#endif
