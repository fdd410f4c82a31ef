/*
 * A cascade of all-passes of first order with feedback around it, each channel
 * by itself: output c = DRY * input c + WET * u, where u is what leaves STAGES
 * stages into which goes input c + FEEDBACK * u: u of the same frame, so that the
 * response is A^n / (1 - FEEDBACK A^n) exactly, A = (1 - i w) / (1 + i w) with
 * w = tan(pi f / rate) / tan(pi f_c / rate). The dry sum has its notches where
 * 2 n atan(w) is an odd multiple of pi.
 *
 * A stage is trapezoidal: v = G (x - s), s + v low-passed, s + 2 v its next state,
 * 2 (s + v) - x = (2 G - 1) x + 2 (1 - G) s all-passed; G = g / (1 + g), g = tan(pi f_c / rate).
 *
 * Without feedback each stage is a scan over a tile of frames. With feedback
 * every frame needs the one before through all stages: on a device one
 * invocation a channel goes through them one by one, and only channels and rows
 * run side by side; on the CPU four channels share a register.
 */
#ifndef MXD_SHADERS_PHASER_H
#define MXD_SHADERS_PHASER_H

/* Settings: */
#define MXD_PHASER_STAGES 0 /* 1..MXD_PHASER_MAX_STAGES */
#define MXD_PHASER_LOOP 1   /* 0: FEEDBACK is 0 throughout */
#define MXD_PHASER_NUM_SETTINGS 2

/* Values, interpolated: */
#define MXD_PHASER_FEEDBACK 0 /* -1 < it < 1 */
#define MXD_PHASER_DRY 1
#define MXD_PHASER_WET 2
#define MXD_PHASER_FIRST_G 3  /* then G of each channel */

/* State: [channel][stage] */
#define MXD_PHASER_MAX_STAGES 24
#define MXD_PHASER_TILE 256

#endif
