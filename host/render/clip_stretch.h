/* A tape at another length and pitch, one apart from the other, through librubberband's finer engine (R3), offline. */
#ifndef MXD_RENDER_CLIP_STRETCH_H
#define MXD_RENDER_CLIP_STRETCH_H

#include "clip_tape.h"

typedef struct mxd_clip_stretch mxd_clip_stretch;

/*
 * The clip's tape at the session's rate, which must outlive this and be read by nobody else: studied from position 0
 * for num_frames frames, then processed. What it gives does not depend on how it is read, to the bit: the engine always
 * starts at the clip's beginning. Free with mxd_clip_stretch_close.
 */
mxd_result mxd_clip_stretch_open(const mxd_clip *clip, mxd_clip_tape *tape, uint32_t sample_rate, uint64_t num_frames,
                                 mxd_problems *problems, mxd_clip_stretch **stretch);
/* Accepts NULL. */
void mxd_clip_stretch_close(mxd_clip_stretch *stretch);

/* The next frames into channels[..][at..at + num_frames); channels NULL: dropped. */
mxd_result mxd_clip_stretch_read(mxd_clip_stretch *stretch, float *const *channels, size_t at, uint64_t num_frames);

#endif
