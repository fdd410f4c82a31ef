/* A tape at another speed: varispeed, pitch and time together, through libsoxr at very high quality. */
#ifndef MXD_RENDER_CLIP_SPEED_H
#define MXD_RENDER_CLIP_SPEED_H

#include "clip_tape.h"

/* A number as a fraction: p / q. */
typedef struct mxd_ratio {
    uint64_t p, q;
} mxd_ratio;

/* The nearest fraction with a denominator of at most 2^24, of a number in 2^-16..2^16; exact for short fractions. */
mxd_ratio mxd_ratio_of(double number);

typedef struct mxd_clip_speed mxd_clip_speed;

/*
 * ratio: frames of the tape in a frame that is given. Frame position of what is given comes first; frame 0 lies at the
 * tape's position 0, but for less than a thousandth of a frame of the tape's, the same for every clip of that ratio.
 * Opened at any position it gives the same frames within float rounding. The tape must outlive it and be read by
 * nobody else. Free with mxd_clip_speed_close.
 */
mxd_result mxd_clip_speed_open(mxd_clip_tape *tape, uint32_t num_channels, double ratio, uint64_t position,
                               mxd_problems *problems, mxd_clip_speed **speed);
/* Accepts NULL. */
void mxd_clip_speed_close(mxd_clip_speed *speed);

/* The next frames into channels[..][at..at + num_frames); channels NULL: dropped. To the bit, however reads are cut. */
mxd_result mxd_clip_speed_read(mxd_clip_speed *speed, float *const *channels, size_t at, uint64_t num_frames);

#endif
