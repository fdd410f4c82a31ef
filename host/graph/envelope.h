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

/*
 * Levels and pans move on a grid of 64 frames, and on a power of two below it (down to every frame) where a chord of 64
 * would span more than MXD_CHORD_DB or MXD_CHORD_PAN. A chord that spans D nepers errs by D^2 / 8 of the gain at most, and
 * a row of them gives sidebands of D^2 / 40: an eighth of a dB is 91 dB, and 105 dB, below the signal.
 */
#define MXD_LEVEL_GRID 64u
#define MXD_CHORD_DB 0.125
/* A pan of 1/64 turns the sine/cosine law by 0.0123 rad, as little as an eighth of a dB is in nepers. */
#define MXD_CHORD_PAN (1.0 / 64)
/* Objects move on a grid of 512 frames, about 10 ms: the update rate of ADM metadata. */
#define MXD_POSITION_GRID 512u

/* Levels at or below this are silence, exactly. */
#define MXD_SILENCE_DB (-144.0)

/* 10^(db/20); 0 at and below MXD_SILENCE_DB. */
double mxd_gain_of_db(double db);

/*
 * The automation's value at a frame; a Bezier curve's is solved to 1e-12 of its length. before: its limit from the left
 * (differs at the jumps of a hold curve). Levels that move to or from silence do so from MXD_SILENCE_DB, exponential
 * ones from gain 0.
 */
double mxd_automation_value(const mxd_automation *automation, uint64_t frame, bool before);

/* Whether the value can differ on the two sides of a frame. */
bool mxd_automation_can_jump(const mxd_automation *automation);

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
