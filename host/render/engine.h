/*
 * The block loop: decodes ahead on threads of its own, feeds blocks to a
 * backend, and hands out finished blocks of every deliverable in order. Knows
 * nothing of files written: render.c and null_test.c do.
 *
 *     decoder thread -> [source slots] -> next(): submit, wait -> [output slots] -> caller -> release()
 *
 * With options->num_threads 1 there is no decoder thread: next() decodes too, so that the work takes one core.
 */
#ifndef MXD_RENDER_ENGINE_H
#define MXD_RENDER_ENGINE_H

#include "../graph/graph.h"

typedef struct mxd_engine mxd_engine;

/* A finished block: outputs[lane * block_frames + i], i in begin..end-1; lanes as mxd_graph_block has them. */
typedef struct mxd_engine_block {
    uint64_t first_frame;  /* of the session: the frame at index 0, modulo 2^64 where that lies before the session */
    uint32_t begin;        /* first index within --from/--to */
    uint32_t end;
    const float *outputs;
    uint32_t block_frames; /* distance between lanes */
    const bool *stem_sounds; /* one of each of graph->stems: false = its lanes hold nothing */
} mxd_engine_block;

/*
 * Builds graph, backend and buffers. options->backend AUTO is resolved; the
 * block size is chosen so that everything fits options->memory_bytes. The
 * session must outlive it. Errors as mxd_render. Free with mxd_engine_destroy.
 */
mxd_result mxd_engine_create(const mxd_session *session, const mxd_render_options *options, mxd_problems *problems,
                             mxd_engine **engine);
/* Stops the decoder and waits for the backend, whose problems are in the caller's list from then on. Accepts NULL. */
void mxd_engine_destroy(mxd_engine *engine);

/* The next block, or *block = NULL after the last. MXD_ERROR_CANCELLED when options->is_cancelled says so. */
mxd_result mxd_engine_next(mxd_engine *engine, const mxd_engine_block **block);
/* Gives a block's buffer back; from any thread. */
void mxd_engine_release(mxd_engine *engine, const mxd_engine_block *block);

const mxd_graph *mxd_engine_graph(const mxd_engine *engine);
const mxd_backend *mxd_engine_backend(const mxd_engine *engine);
uint32_t mxd_engine_block_frames(const mxd_engine *engine);
/* Frames of the session that are handed out: from, to. */
uint64_t mxd_engine_from(const mxd_engine *engine);
uint64_t mxd_engine_to(const mxd_engine *engine);
/* Seconds of each stage, as mxd_render_result names them; encode_s is the caller's. Valid after the last block. */
typedef struct mxd_engine_times {
    double decode_s, gains_s, transfer_s, compute_s;
} mxd_engine_times;
mxd_engine_times mxd_engine_get_times(const mxd_engine *engine);

#endif
