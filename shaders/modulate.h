/*
 * Gains that an oscillator moves: tremolo, auto-pan. The oscillator s(phase) goes
 * from 1 down to -1 and back in a cycle:
 *
 *   SINE      cos(2 pi phase)
 *   TRIANGLE  straight down to -1 at half a cycle and up again
 *   SQUARE    1 in the first and the last quarter, -1 between
 *   SAW       straight down, then a jump up at the end of the cycle
 *
 * Jumps are t^2 (3 - 2 t) over EDGE cycles: a square's around its jumps, a saw's before its end.
 *
 * The phase at a frame is PHASE + REST + INCREMENT * frames since the point, in
 * floats: PHASE in steps of 2^-12, so that the distance from a jump is exact to
 * 1e-10 cycles.
 *
 * Laws: GAIN multiplies every lane by 1 - DEPTH (1 - s) / 2. PAN spreads one lane
 * over two by sine and cosine of (p + 1) pi / 4, p = DEPTH * s, -1 left to 1
 * right; BALANCE turns down that lane of two which p goes away from, by
 * cos(|p| pi / 2). Frames know nothing of each other.
 */
#ifndef MXD_SHADERS_MODULATE_H
#define MXD_SHADERS_MODULATE_H

/* Settings: */
#define MXD_MODULATE_LAW 0
#define MXD_MODULATE_SHAPE 1
#define MXD_MODULATE_NUM_SETTINGS 2

#define MXD_MODULATE_GAIN 0
#define MXD_MODULATE_PAN 1
#define MXD_MODULATE_BALANCE 2

#define MXD_SHAPE_SINE 0
#define MXD_SHAPE_TRIANGLE 1
#define MXD_SHAPE_SQUARE 2
#define MXD_SHAPE_SAW 3

/* Values: DEPTH is interpolated, the others are held. */
#define MXD_MODULATE_DEPTH 0     /* 0..1 */
#define MXD_MODULATE_PHASE 1     /* cycles, in [0, 1) */
#define MXD_MODULATE_REST 2      /* cycles, in [0, 2^-12) */
#define MXD_MODULATE_INCREMENT 3 /* cycles a frame, 0..1/64 */
#define MXD_MODULATE_EDGE 4      /* cycles, > 0, at most 1/4 */
#define MXD_MODULATE_NUM_VALUES 5

#define MXD_MODULATE_PHASE_STEPS 4096
#define MXD_MODULATE_TILE 4096 /* frames of one workgroup */

#endif
