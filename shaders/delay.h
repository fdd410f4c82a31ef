/*
 * Fractional delay lines with moving taps and filtered feedback: delay, chorus,
 * flanger. A row has one or two lines, one an output; line c takes input c (none
 * where there are fewer inputs). At frame n
 *
 *   heard[c] = cuts(sum over its voices of line c as it was `delay` frames ago)
 *   line[c]  = input[c] + FEEDBACK * heard[c, or with CROSS the other line's]
 *   output[c] = DRY * input[c, or input 0 where it has none] + WET * heard[c]
 *
 * A delay of d + f frames, 0 <= f < 1, is read by the windowed sinc
 *
 *   sinc(t) (1 - t^2 / H^2)^6,  |t| < H = min(16, 3/4 of the delay)
 *
 * which has, at H = 16 and any f, an error below -100 dB up to 0.3 of the sample
 * rate and below -70 dB up to 0.36; whole delays are exact. The shortest delay is
 * MXD_DELAY_MIN_FRAMES. The window narrows below 21.4 frames, and there the
 * error grows: at a tenth of the rate -58 dB for 5 frames.
 *
 * Between two points the delay is the cubic through both with second derivatives
 * from BEND, which is 32^2 / 6 times the second derivative in frames: a sine of
 * 5 Hz and 5 ms is met to 1e-6 frames.
 *
 * The cuts are of first order, trapezoidal: G = tan(pi f / rate) / (1 + tan(...)).
 *
 * What runs side by side: all frames of a tile, which is as long as the shortest
 * delay less H allows, 256 frames at most and, without feedback, always; the
 * cuts are scans over the tile. A flanger's feedback over 5 frames therefore
 * goes on in tiles of 2 on a device: only its rows run side by side.
 */
#ifndef MXD_SHADERS_DELAY_H
#define MXD_SHADERS_DELAY_H

/* Settings: */
#define MXD_DELAY_LENGTH 0  /* of a line's ring: a power of two, MXD_DELAY_MARGIN beyond the longest delay */
#define MXD_DELAY_VOICES 1  /* 1..MXD_DELAY_MAX_VOICES */
#define MXD_DELAY_LOOP 2    /* 0: FEEDBACK is 0 throughout */
#define MXD_DELAY_CROSS 3   /* 1: what a line hears feeds the other one */
#define MXD_DELAY_CUTS 4    /* MXD_DELAY_LOW_CUT_ON | MXD_DELAY_HIGH_CUT_ON */
#define MXD_DELAY_SHORTEST 5 /* no delay of the render is shorter, in frames: how long tiles are at least */
#define MXD_DELAY_NUM_SETTINGS 6

#define MXD_DELAY_LOW_CUT_ON 1
#define MXD_DELAY_HIGH_CUT_ON 2

/* Values, interpolated: */
#define MXD_DELAY_FEEDBACK 0
#define MXD_DELAY_DRY 1
#define MXD_DELAY_WET 2
#define MXD_DELAY_LOW_CUT 3  /* G of the high-pass */
#define MXD_DELAY_HIGH_CUT 4 /* G of the low-pass */
#define MXD_DELAY_FIRST_VOICE 5
/* then of each voice of line 0, of each of line 1: */
#define MXD_DELAY_WHOLE 0 /* frames; whole number */
#define MXD_DELAY_PART 1  /* frames, in [0, 1) */
#define MXD_DELAY_BEND 2
#define MXD_DELAY_VOICE_VALUES 3

#define MXD_DELAY_MAX_LINES 2
#define MXD_DELAY_MAX_VOICES 8
#define MXD_DELAY_HALF 16
#define MXD_DELAY_TAPS 32 /* 2 * MXD_DELAY_HALF */
#define MXD_DELAY_MIN_FRAMES 4
#define MXD_DELAY_TILE 256
#define MXD_DELAY_MARGIN 1024 /* two tiles and the taps, with room for a bend */
#define MXD_DELAY_MAX_LENGTH 8388608 /* 2^23: 10 s at 384 kHz twice over */

/* State: of each line a ring of LENGTH frames and its first MXD_DELAY_PAD again; then of each line two cuts. */
#define MXD_DELAY_PAD 64

#endif
