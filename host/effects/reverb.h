/* Designing a reverb: from decay times and sizes to what its kernel takes (shaders/reverb.h). */
#ifndef MXD_EFFECTS_REVERB_H
#define MXD_EFFECTS_REVERB_H

#include "shaders/reverb.h"

#include <stdbool.h>
#include <stdint.h>

/* Times in which it decays by 60 dB. */
typedef struct mxd_reverb_decay {
    double decay_s;    /* between the two frequencies; > 0 */
    double low_decay;  /* far below low_hz, over decay_s; > 0 */
    double low_hz;     /* < high_hz */
    double high_decay; /* far above high_hz, over decay_s; 0..1: so no line ever gains */
    double high_hz;    /* < rate / 2 */
} mxd_reverb_decay;

/*
 * Lengths of lines and all-passes; size: 1 = lines of 24 to 80 ms. The lines' are
 * relatively prime, so that few of their echoes coincide. False if the shortest is
 * no longer than the kernel needs.
 */
bool mxd_reverb_lengths(double size, uint32_t sample_rate, uint32_t settings[MXD_REVERB_NUM_SETTINGS]);

/* The kernel's values before MXD_REVERB_DIFFUSION. */
void mxd_reverb_absorption(const uint32_t *settings, const mxd_reverb_decay *decay, uint32_t sample_rate,
                           double values[MXD_REVERB_DIFFUSION]);

/* The kernel's values from MXD_REVERB_WHOLE on: line 2 m + 1 is longer by depth sin(2 pi (cycles + m / 8)) frames. */
void mxd_reverb_movement(double depth, double cycles, double values[MXD_REVERB_NUM_VALUES]);

/*
 * The decay time that is asked for at a frequency. What a second a line loses in
 * dB is the sum of the middle's and of the shelves' shares, which go over from one
 * to the other as a Butterworth's power does:
 *     1 / T = 1 / Tm + (1 / Tl - 1 / Tm) / (1 + (f / fl)^4) + (1 / Th - 1 / Tm) / (1 + (fh / f)^4).
 */
double mxd_reverb_decay_at(const mxd_reverb_decay *decay, double frequency_hz);

/*
 * Energy of the responses from one input to all outputs together, with what
 * mxd_reverb_absorption gave. Mixing shares energy out evenly among the lines, so
 * that each trip leaves its mean over the lines, q(f) = mean of |absorb_k(f)|^2,
 * and all trips together q / (1 - q) over 16 outputs; beyond them mean of the
 * taps' gains squared / (1 - q). All as a mean over frequencies. moves: with what
 * the odd lines' interpolation loses.
 */
double mxd_reverb_energy(const double *values, uint32_t num_outputs, bool moves);

#endif
