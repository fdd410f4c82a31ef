/*
 * Whole frames of delay: output c is input c, so many frames later. The state is
 * where the rings start, as two numbers which are exact in float, for blocks in
 * turn: a run reads the pair that the run before wrote, and writes the other; then
 * for each lane a ring of its last frames, [lane][frames]. Of a block's frames the
 * first, as many as the shift is long, come out of the ring from its start on, and
 * the last as many go into the same slots.
 */
#ifndef MXD_SHADERS_SHIFT_H
#define MXD_SHADERS_SHIFT_H

/* Settings: */
#define MXD_SHIFT_FRAMES 0
#define MXD_SHIFT_NUM_SETTINGS 1

#define MXD_SHIFT_MAX_FRAMES 67108864 /* 2^26: the longest response of a convolver, too */
#define MXD_SHIFT_TILE 4096           /* frames of one workgroup */

/* State: */
#define MXD_SHIFT_RADIX 8192u  /* a start is the first number and so many times the second */
#define MXD_SHIFT_FIRST_RING 4u

#endif
