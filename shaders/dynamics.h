/*
 * Dynamics: a gain for every frame, worked out from the level of a key, on the
 * audio. Compressors, expanders, gates, transient shapers, and bands of dynamic
 * equalisers are rows of this kernel.
 *
 * Outputs 0..C-1 are inputs 0..C-1, delayed by the look-ahead, times the gain;
 * the inputs that follow, K of them, are the key (K = 0: the inputs themselves,
 * not delayed). No output is an input. With as many keys as channels each channel
 * c has a level of its own; with any other number all channels share one, as
 * with link 1. All levels, thresholds and gains are logarithms to base 2 of an
 * amplitude: 1 = 6.02 dB; full scale is 0.
 *
 * The level L of channel c, from the keys k:
 *     PEAK  l = |k_c| + link (max |k| - |k_c|)
 *     RMS   l^2 = one-pole mean of k_c^2 + link (mean k^2 - k_c^2)
 *     L = log2 l, not below MXD_DYNAMICS_FLOOR (TRANSIENT: MXD_DYNAMICS_TRANSIENT_FLOOR)
 *
 * With the soft knee S(o) = 0 for o <= -w/2, o for o >= w/2, (o + w/2)^2 / (2 w)
 * between (w: the knee's width), the static curve asks for the gain
 *     COMPRESS  -min(slope S(L - threshold), range)    slope 1 - 1/ratio
 *     BOOST     +min(slope S(L - threshold), range)    upward expansion: slope ratio - 1
 *     EXPAND    -min(slope S(threshold - L), range)    slope ratio - 1
 *     LIFT      +min(slope S(threshold - L), range)    upward compression: slope 1 - 1/ratio
 *     GATE      0 while open, else -range
 * A gate opens where L >= threshold. Each frame with L >= close starts its hold
 * anew; it shuts with the first frame that comes more than `hold` frames after
 * the last such. An expander holds likewise: it asks for 0 from a frame with
 * L >= threshold + w/2 until `hold` frames have passed.
 *
 * The gain follows by the smooth decoupled peak detector in the log domain
 * (Giannoulis, Massberg, Reiss, "Digital Dynamic Range Compressor Design", JAES
 * 60(6), 2012, eq. 17), z being the wanted gain with the sign with which it grows
 * as the level does (COMPRESS: the reduction; EXPAND, GATE: the gain itself):
 *     y1 = max(z, y1 + release (z - y1))
 *     y2 = y2 + attack (y1 - y2)
 * release and attack are 1 - exp(-1 / (time constant in frames)). After a step up
 * of the level y2 has gone 63 % of its way after the attack's time constant; after
 * a step down it follows both: mxd_dynamics_release (host/effects/dynamics.h) gives the
 * release for which 63 % take the time that is asked for.
 *
 * TRANSIENT, with envelopes in the log domain:
 *     fast = peak detector of L, fast release;  slow = the same, slow release
 *     onset   = fast smoothed by the fast attack - fast smoothed by the slow attack
 *     sustain = (slow - fast) smoothed by the fast attack
 *     gain = attack amount * clamp(onset / 2, 0, 1) + sustain amount * clamp(sustain / 2, 0, 1)
 * so that a difference of 12 dB brings the whole amount, whatever the level.
 *
 * What leaves is x (1 + mix (2^(gain + make-up) - 1)); with MXD_DYNAMICS_CHANGE
 * it is that less x: what a dynamic band adds to the signal that it was taken from.
 *
 * A row starts in the state that silence has led to for ever: a compressor at
 * rest, an expander or gate shut.
 */
#ifndef MXD_SHADERS_DYNAMICS_H
#define MXD_SHADERS_DYNAMICS_H

#include "types.h"

/* Settings: */
#define MXD_DYNAMICS_MODE 0
#define MXD_DYNAMICS_DETECTOR 1
#define MXD_DYNAMICS_LOOK_AHEAD 2 /* frames: 0..MXD_DYNAMICS_MAX_LOOK_AHEAD */
#define MXD_DYNAMICS_OUTPUT 3
#define MXD_DYNAMICS_NUM_SETTINGS 4

/* Modes: */
#define MXD_DYNAMICS_COMPRESS 0
#define MXD_DYNAMICS_BOOST 1
#define MXD_DYNAMICS_EXPAND 2
#define MXD_DYNAMICS_LIFT 3
#define MXD_DYNAMICS_GATE 4
#define MXD_DYNAMICS_TRANSIENT 5
#define MXD_DYNAMICS_NUM_MODES 6

/* Detectors: */
#define MXD_DYNAMICS_PEAK 0
#define MXD_DYNAMICS_RMS 1

/* Outputs: */
#define MXD_DYNAMICS_AUDIO 0
#define MXD_DYNAMICS_CHANGE 1

/* Values, of which those marked * go straight from point to point; the others hold. */
#define MXD_DYNAMICS_THRESHOLD 0 /* * */
#define MXD_DYNAMICS_SLOPE 1     /* * >= 0 */
#define MXD_DYNAMICS_RANGE 2     /* * >= 0: the most that the gain changes */
#define MXD_DYNAMICS_MAKE_UP 3   /* * */
#define MXD_DYNAMICS_MIX 4       /* * 0..1 */
#define MXD_DYNAMICS_LINK 5      /* 0..1 */
#define MXD_DYNAMICS_ATTACK 6    /* above 0, to 1 */
#define MXD_DYNAMICS_RELEASE 7   /* above 0, to 1 */
#define MXD_DYNAMICS_KNEE 8      /* >= 0: its whole width */
#define MXD_DYNAMICS_RMS_MEAN 9  /* above 0, to 1: 1 - exp(-1 / (window in frames)) */
#define MXD_DYNAMICS_CLOSE 10    /* GATE: at most the threshold */
#define MXD_DYNAMICS_HOLD 11     /* GATE, EXPAND: frames, to 2^24 */
#define MXD_DYNAMICS_NUM_VALUES 12
/* TRANSIENT has others in their places: */
#define MXD_DYNAMICS_ATTACK_AMOUNT 0  /* * of either sign */
#define MXD_DYNAMICS_SUSTAIN_AMOUNT 1 /* * of either sign */
#define MXD_DYNAMICS_FAST_ATTACK 6
#define MXD_DYNAMICS_FAST_RELEASE 7
#define MXD_DYNAMICS_SLOW_ATTACK 8
#define MXD_DYNAMICS_SLOW_RELEASE 9

#define MXD_DYNAMICS_MAX_LOOK_AHEAD 65536
#define MXD_DYNAMICS_FLOOR (-40.0)           /* -241 dB */
#define MXD_DYNAMICS_TRANSIENT_FLOOR (-16.0) /* -96 dB */
#define MXD_DYNAMICS_MOST_SQUARE 1.0e30f  /* of a key's square in the rms: 300 dB */
#define MXD_DYNAMICS_FULL_DIFFERENCE 2.0     /* of a transient's envelopes: the whole amount */

/*
 * State: whether the row has started; for each level MXD_DYNAMICS_MEMORIES values as
 * two words each (the value, and what it lacks: the CPU's detectors run in
 * double); the last frames of each channel, as many as the look-ahead,
 * twice, oldest first: a run reads the half that the run before wrote and writes the other.
 *
 * On the device each of the functions of y that a frame stands for, max(p, y + d -
 * a y), open and hold alike, composes with the next to one of the same form, so
 * that a tile of frames is a prefix scan; a row is one workgroup, tile by tile.
 */
#define MXD_DYNAMICS_STARTED 0
#define MXD_DYNAMICS_FIRST_MEMORY 2
#define MXD_DYNAMICS_MEMORIES 5
/* Memories of a level: */
#define MXD_DYNAMICS_DETECTED 0  /* y1 */
#define MXD_DYNAMICS_SMOOTHED 1  /* y2 */
#define MXD_DYNAMICS_MEAN 2
#define MXD_DYNAMICS_OPEN 3      /* 1 or 0 */
#define MXD_DYNAMICS_REMAINING 4 /* frames of hold; -1 = none */
/* and of TRANSIENT: */
#define MXD_DYNAMICS_FAST 0
#define MXD_DYNAMICS_SLOW 1
#define MXD_DYNAMICS_FAST_ONSET 2
#define MXD_DYNAMICS_SLOW_ONSET 3
#define MXD_DYNAMICS_SUSTAINED 4

#define MXD_DYNAMICS_FRAMES 8        /* of one invocation */
#define MXD_DYNAMICS_MAX_WORKGROUP 256

#endif
