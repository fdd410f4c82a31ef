/*
 * What an engine runs on: which deliverables, which backend, which block size.
 * Blocks have the length that the session's kernels like best (engine_plan.c), or
 * less where the memory bound asks for it.
 */
#ifndef MXD_RENDER_ENGINE_PLAN_H
#define MXD_RENDER_ENGINE_PLAN_H

#include "../graph/graph.h"

typedef struct mxd_plan {
    mxd_graph *graph;
    mxd_backend *backend;
    mxd_problems *problems;         /* the caller's */
    mxd_problems *backend_problems; /* the backend's, as long as it lives: a failed try's must not reach the caller */
    mxd_backend_kind kind;       /* resolved */
    uint32_t num_devices;        /* that render together; 1 but for several Vulkan devices */
    uint32_t block_frames;
    uint32_t blocks_in_flight;
    uint32_t num_source_slots;   /* blocks of decoded sources */
    uint32_t num_output_slots;   /* blocks of finished outputs */
} mxd_plan;

/*
 * Errors: MXD_ERROR_ARGUMENT for a deliverable in options->only that does not
 * exist, MXD_ERROR_DEVICE, MXD_ERROR_DEVICE_MEMORY, MXD_ERROR_MEMORY where even the
 * smallest blocks do not fit. On failure *plan needs no destroying.
 */
mxd_result mxd_plan_create(const mxd_session *session, const mxd_render_options *options, mxd_problems *problems,
                           mxd_plan *plan);
/* Only now the caller's list gets what the backend had to say. */
void mxd_plan_destroy(mxd_plan *plan);

/* The frames that are asked for; MXD_ERROR_INVALID where there are none. */
mxd_result mxd_plan_range(const mxd_graph *graph, const mxd_render_options *options, mxd_problems *problems,
                          uint64_t *from, uint64_t *to);

/* Bytes of backend, sources, outputs and descriptions of blocks: what --memory bounds. resident.h has the rest. */
uint64_t mxd_plan_memory(const mxd_plan *plan);

#endif
