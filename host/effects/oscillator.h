/* What inserts with an oscillator have in common: its rate, in Hz or as a note value, and what it draws. */
#ifndef MXD_EFFECTS_OSCILLATOR_H
#define MXD_EFFECTS_OSCILLATOR_H

#include "../graph/builder.h"
#include "effect.h"

typedef enum mxd_sweep_shape { MXD_SWEEP_SINE, MXD_SWEEP_TRIANGLE } mxd_sweep_shape;

/* Beats of the note value under "note", or 0 without one. Both it and rate_key in one insert are an error. */
double mxd_read_note_or(struct mxd_reader *reader, const char *rate_key);
/* Refuses, through the automation's reader, to move rate_key where a note of that many beats stands in its place. */
void mxd_refuse_beside_note(struct mxd_reader *automation, double beats, const char *rate_key);

/*
 * The sweep from -1 (whole cycles) to 1 (half ones) and back; *second is its second derivative a cycle squared, 0 for
 * a triangle, whose corners kernels take at the points about them.
 */
double mxd_sweep(mxd_sweep_shape shape, double cycles, double *second);

/* Cycles a frame at a moment: beats_a_cycle > 0: by the tempo, else rate_hz. */
double mxd_cycles_a_frame(double beats_a_cycle, double rate_hz, const mxd_moment *moment, double sample_rate);

/* Slowest and fastest tempo of a session, in beats a minute. */
void mxd_tempo_bounds(const struct mxd_session *session, double *slowest, double *fastest);

#endif
