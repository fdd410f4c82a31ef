/* The values of inserts while they move: automation and oscillators, as the rows' kernels take them. */
#ifndef MXD_GRAPH_MOVING_H
#define MXD_GRAPH_MOVING_H

#include "graph.h"

/* Most values of one insert. */
#define MXD_MAX_INSERT_VALUES 256

/* The insert's values at a frame of the session; before: limits from the left. */
void mxd_insert_values(const mxd_insert *insert, uint64_t frame, bool before, double values[MXD_MAX_INSERT_VALUES]);

/* Whether the row's values come with each block. */
bool mxd_row_moves(const mxd_row_operation *row);

/*
 * The points of a ROW operation in a block that begins at first_frame, which is
 * the operation's latency ahead of the session's frames:
 * values[mxd_value_points(num_frames)][num_values]. Blocks that go forward in
 * time take time for their own frames only.
 */
void mxd_row_points(const mxd_session *session, mxd_operation *operation, uint64_t first_frame, uint32_t num_frames,
                    double *values);

/* Evaluates a row's map at rest. */
void mxd_row_at_rest(const mxd_session *session, const mxd_insert *insert, const mxd_builder_row *row, double *values);

#endif
