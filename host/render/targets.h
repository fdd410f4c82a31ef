/* Where a render writes: whether it can and may, before any work is done. */
#ifndef MXD_RENDER_TARGETS_H
#define MXD_RENDER_TARGETS_H

#include "../graph/graph.h"

/*
 * Tells everything that speaks against writing the graph's outputs and the
 * report where the options send them: a folder that is none or may not be
 * written, a disk with too little room for num_frames frames, two outputs that
 * end in one file (also through linked folders), a file that the session reads.
 * MXD_ERROR_WRITE, MXD_ERROR_INVALID, or MXD_ERROR_ARGUMENT where an option is
 * at fault.
 */
mxd_result mxd_targets_check(const mxd_graph *graph, const mxd_render_options *options, uint64_t num_frames,
                             mxd_problems *problems);

#endif
