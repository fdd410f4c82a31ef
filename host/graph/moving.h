/* The values of inserts while they move: automation and oscillators, as the rows' kernels take them. */
#ifndef MXD_GRAPH_MOVING_H
#define MXD_GRAPH_MOVING_H

#include "graph.h"

/* Most values of one insert. */
#define MXD_MAX_INSERT_VALUES 288 /* an equaliser of 32 bands, nine each */

/*
 * The insert's values at a frame of the session; before: limits from the left. What a plug-in has of its own, behind
 * its effect's num_values, is left out here and below: the host that runs it hands that over.
 */
void mxd_insert_values(const mxd_insert *insert, uint64_t frame, bool before, double values[MXD_MAX_INSERT_VALUES]);

/* Between which values one of the insert's stays over the session, as far as its points and handles tell. */
void mxd_insert_bounds(const mxd_insert *insert, uint32_t value, double *lowest, double *highest);

/* The insert's tail: the longest of those that its values give at each point of its automation; at rest without any. */
uint64_t mxd_insert_tail_frames(const mxd_insert *insert, uint32_t num_inputs);

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
