/*
 * Parameters over time, on the session's time line: automation and the paths of
 * objects, as values at a frame and as the frames between which they may be
 * taken for straight lines.
 *
 * A moving value is sampled at fixed frames of the session (multiples of a grid,
 * and its own points), never at block borders that a block size chose: so the
 * result does not depend on blocks. Grids divide every block size.
 */
#ifndef MXD_GRAPH_ENVELOPE_H
#define MXD_GRAPH_ENVELOPE_H

#include "../session/session.h"

/* A level in dB moves on a grid of 64 frames: at 60 dB in 10 ms the chord's error is still below 0.1 dB. */
#define MXD_LEVEL_GRID 64u
/* Objects move on a grid of 512 frames, about 10 ms: the update rate of ADM metadata. */
#define MXD_POSITION_GRID 512u

/* Levels at or below this are silence, exactly. */
#define MXD_SILENCE_DB (-144.0)

/* 10^(db/20); 0 at and below MXD_SILENCE_DB. */
double mxd_gain_of_db(double db);

/*
 * The automation's value at a frame. before: its limit from the left (differs at
 * the jumps of a hold curve). Levels that move to or from silence do so from
 * MXD_SILENCE_DB.
 */
double mxd_automation_value(const mxd_automation *automation, uint64_t frame, bool before);

/* The first frame after `frame` at which the automation may bend; UINT64_MAX = none. */
uint64_t mxd_automation_next(const mxd_automation *automation, uint64_t frame);

/* Most points that any num_frames + 1 consecutive frames hold, grid included. */
uint32_t mxd_automation_density(const mxd_automation *automation, uint32_t num_frames);

/* Where the object is at a frame: linear between positions, at rest before the first and after the last. */
void mxd_object_position(const mxd_object *object, uint64_t frame, double *azimuth_deg, double *elevation_deg);

/* The twins of the above for an object's path. */
uint64_t mxd_object_next(const mxd_object *object, uint64_t frame);
uint32_t mxd_object_density(const mxd_object *object, uint32_t num_frames);

#endif
