/*
 * All bands of an equaliser at once, in linear phase: a symmetric response whose
 * transform is the product of the bands' magnitudes, late by half its length.
 *
 * The magnitudes are those of the minimum-phase sections, taken on a grid of at
 * least four times the length, transformed back, and windowed by a Tukey window
 * (flat over the inner half). A response of N frames cannot show what is narrower
 * than about 4 rate / N: the depth of a notch, the foot of a band-pass at 0 Hz.
 * Without a length that is asked for, N follows from the slowest pole or zero of
 * any band, up to MXD_EQ_MAX_AUTO_FIR; above that resolution the magnitude then
 * lies within 0.05 dB wherever it is above -40 dB of the highest.
 *
 * Where bands have scopes, each is at every frequency a real matrix from left and
 * right to left and right, and so is their product in the bands' order: mid is
 * ((h + 1) / 2, (h - 1) / 2; (h - 1) / 2, (h + 1) / 2), and the like. The four
 * entries are responses of one convolution.
 */
#ifndef MXD_EFFECTS_EQ_LINEAR_H
#define MXD_EFFECTS_EQ_LINEAR_H

#include "eq_insert.h"

#define MXD_EQ_MAX_AUTO_FIR 65535

typedef struct mxd_eq_linear {
    uint32_t length;      /* odd; 0 = no band does anything */
    bool is_matrix;       /* responses by [2 input + output], of two channels; else the first is every channel's */
    float *responses[4];  /* owned; NULL = no path */
} mxd_eq_linear;

/* length 0: from the bands. NULL: memory ran out. */
mxd_eq_linear *mxd_eq_linear_create(const mxd_eq_insert *insert, uint32_t length);
/* Accepts NULL. */
void mxd_eq_linear_destroy(mxd_eq_linear *linear);

/* Convolvers from lanes to fresh lanes. */
mxd_result mxd_eq_linear_emit(const mxd_eq_linear *linear, struct mxd_graph_builder *builder, uint32_t *lanes,
                              uint32_t num_lanes);

#endif
