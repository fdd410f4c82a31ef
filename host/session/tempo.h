/*
 * The tempo map: beats over the session's time line. A beat is a quarter note;
 * beat 0 is at frame 0. Tempo is piecewise constant or linear in time, so that
 * beats are its exact integral, a polynomial of degree 2 a segment.
 *
 * A session without a tempo has 120 beats a minute throughout. Before the first
 * point its tempo holds, after the last one the last's. All functions need the
 * session's rate and tempo only, and may be called while the rest is being read.
 */
#ifndef MXD_SESSION_TEMPO_H
#define MXD_SESSION_TEMPO_H

#include "session.h"

#define MXD_DEFAULT_BPM 120.0

/* Sets the points' beats from their frames and tempi: once, when all points are there. */
void mxd_tempo_accumulate(mxd_session *session);

/* Beats from frame 0 to a frame. */
double mxd_tempo_beats(const mxd_session *session, uint64_t frame);
/* Beats a minute at a frame; at a jump the tempo behind it. */
double mxd_tempo_bpm(const mxd_session *session, uint64_t frame);
/* The inverse of mxd_tempo_beats, in frames with their fraction; negative for beats before frame 0. */
double mxd_tempo_frame(const mxd_session *session, double beats);
/* The first frame after `frame` at which the tempo jumps, begins to move or stops moving; UINT64_MAX = none. */
uint64_t mxd_tempo_next(const mxd_session *session, uint64_t frame);

/*
 * Beats of a note value: "1/4" is 1, "1/1" a whole note of 4, "3/8" is 1.5; "T" behind it makes a triplet of it (2/3),
 * "." a dotted note (3/2), ".." a doubly dotted one (7/4). Numerators are 1 to 99, denominators powers of two up to
 * 128. False if it is none; *beats is then left as it is.
 */
bool mxd_note_value_beats(const char *text, double *beats);

#endif
