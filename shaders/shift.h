/*
 * Whole frames of delay: output c is input c, so many frames later. The state
 * holds each lane's last frames twice, [half][lane][frames], oldest first: a run
 * reads the half that the run before wrote and writes the other.
 */
#ifndef MXD_SHADERS_SHIFT_H
#define MXD_SHADERS_SHIFT_H

/* Settings: */
#define MXD_SHIFT_FRAMES 0
#define MXD_SHIFT_NUM_SETTINGS 1

#define MXD_SHIFT_MAX_FRAMES 67108864 /* 2^26: the longest response of a convolver, too */
#define MXD_SHIFT_TILE 4096           /* frames of one workgroup */

#endif
