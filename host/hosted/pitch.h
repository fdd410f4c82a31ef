/*
 * A pitch shifter: librubberband's R3 engine ("finer") in its real-time mode, in
 * which the pitch may move. All channels are shifted together, so that they stay
 * in phase with each other. What leaves is aligned with what entered to within
 * the engine's own bending of time (a few milliseconds), and late by a latency
 * that depends on the sample rate only.
 */
#ifndef MXD_HOSTED_PITCH_H
#define MXD_HOSTED_PITCH_H

#include "hosted.h"

#define MXD_PITCH_MAX_SEMITONES 24.0

typedef struct mxd_pitch_params {
    double semitones;        /* -24..24 */
    double cents;            /* hundredths of a semitone, added to the semitones, which then are held to their range */
    bool preserve_formants;
} mxd_pitch_params;

/*
 * At a sample rate: the latency, the same for every insert (that of the lowest pitch, which is the largest), and how long
 * the engine rings after the last of its input. MXD_ERROR_MEMORY.
 */
mxd_result mxd_pitch_latency(uint32_t sample_rate, uint32_t *latency_frames, uint32_t *tail_frames);

/*
 * Automated, if at all: one parameter, the semitones. As many lanes leave as
 * enter. MXD_ERROR_MEMORY, with a problem at setup->place.
 */
mxd_result mxd_pitch_create(const mxd_pitch_params *params, const mxd_hosted_setup *setup, mxd_problems *problems,
                            mxd_hosted **hosted);

#endif
