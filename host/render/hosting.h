/* The inserts of a graph that run on the host: their processes or engines, and the rooms in which their signals lie. */
#ifndef MXD_RENDER_HOSTING_H
#define MXD_RENDER_HOSTING_H

#include "../graph/graph.h"

typedef struct mxd_hosting mxd_hosting;

/*
 * Starts the inserts and gives the graph's HOST operations their rooms. *hosting is NULL where there is none.
 * num_threads: how many run at once; 0 = as many as there are cores. MXD_ERROR_MEMORY; MXD_ERROR_PLUGIN and others with
 * problems, which name the insert. Destroy it after the backend, which reads and writes the rooms.
 */
mxd_result mxd_hosting_create(mxd_graph *graph, const mxd_session *session, uint32_t block_frames,
                              uint32_t num_threads, mxd_problems *problems, mxd_hosting **hosting);
/* Accepts NULL. */
void mxd_hosting_destroy(mxd_hosting *hosting);

/* Runs those that the last part of the block asked for (host.runs), several at once; first_frame is the block's. */
mxd_result mxd_hosting_run(mxd_hosting *hosting, uint64_t first_frame, uint32_t num_frames);

#endif
