/*
 * Inserts that run on the host, whatever the backend renders with: LV2 plug-ins
 * (lv2.h) and librubberband's pitch shifter (pitch.h). To the renderer they are
 * one thing: lanes in, lanes out, in frames of the session, with a latency that
 * does not change.
 *
 * Time is cut into runs that begin at multiples of their length, of the session
 * and not of a block: MXD_HOSTED_RUN frames, or MXD_HOSTED_FINE_RUN where a
 * parameter is automated, whose value then changes from run to run. So what
 * comes out does not depend on how blocks are cut, provided that every block
 * but the last is a multiple of MXD_HOSTED_RUN frames.
 *
 * Threads: one at a time for each insert; different inserts are independent.
 */
#ifndef MXD_HOSTED_HOSTED_H
#define MXD_HOSTED_HOSTED_H

#include "../problems.h"

/* Frames. The longest is what plug-ins meet in programs that record; the other, what the session format promises. */
#define MXD_HOSTED_RUN 1024u
#define MXD_HOSTED_FINE_RUN 32u

typedef struct mxd_hosted mxd_hosted;

/* What every hosted insert is made for. */
typedef struct mxd_hosted_setup {
    uint32_t sample_rate;      /* Hz */
    uint32_t num_inputs;       /* lanes: 1..64 */
    uint32_t block_frames;     /* most frames of one call */
    const uint32_t *automated; /* the insert's parameters whose values come with every block; copied */
    uint32_t num_automated;
    mxd_place place;           /* of the insert; its strings must outlive it */
} mxd_hosted_setup;

/* Frames of a run, and how many runs there are in num_frames, the last perhaps cut off. */
static inline uint32_t mxd_hosted_run_frames(uint32_t num_automated)
{
    return num_automated ? MXD_HOSTED_FINE_RUN : MXD_HOSTED_RUN;
}
static inline uint32_t mxd_hosted_num_runs(uint32_t num_automated, uint32_t num_frames)
{
    const uint32_t run_frames = mxd_hosted_run_frames(num_automated);
    return (num_frames + run_frames - 1) / run_frames;
}

/*
 * Processes num_frames (1..block_frames) that begin at first_frame of the
 * session and, unless the insert was just made or reset, follow those before.
 * inputs: one a lane; outputs: one for each that leaves, not an input.
 * values[i][run]: the i-th automated parameter in each run, in its range.
 * After a call whose num_frames is not a multiple of the run, only
 * mxd_hosted_reset and mxd_hosted_destroy may follow.
 *
 * MXD_ERROR_PLUGIN with a problem that names insert and frame: a plug-in
 * crashed, ended its process, hung, or wrote what is no number; the insert can
 * then only be destroyed. What outputs hold is then undefined.
 */
mxd_result mxd_hosted_process(mxd_hosted *hosted, uint64_t first_frame, uint32_t num_frames,
                              const float *const *inputs, float *const *outputs, const float *const *values);

/* Forgets all signal: the next frames are the first. Errors as above. */
mxd_result mxd_hosted_reset(mxd_hosted *hosted);

uint32_t mxd_hosted_num_outputs(const mxd_hosted *hosted);
/* What leaves is this much later than what entered. */
uint32_t mxd_hosted_latency_frames(const mxd_hosted *hosted);
/* Accepts NULL. */
void mxd_hosted_destroy(mxd_hosted *hosted);

/* ---- For the inserts themselves ------------------------------------------ */

typedef struct mxd_hosted_functions {
    mxd_result (*process)(mxd_hosted *hosted, uint64_t first_frame, uint32_t num_frames, const float *const *inputs,
                          float *const *outputs, const float *const *values);
    mxd_result (*reset)(mxd_hosted *hosted);
    void (*destroy)(mxd_hosted *hosted);
} mxd_hosted_functions;

/* Each insert's struct begins with one. */
struct mxd_hosted {
    const mxd_hosted_functions *functions;
    mxd_hosted_setup setup;
    uint32_t run_frames;
    uint32_t num_outputs;
    uint32_t latency_frames;
    const char *name;        /* for messages: `the LV2 plug-in "Simple Amplifier"` */
    mxd_problems *problems;  /* the caller's; may be NULL */
};

#endif
