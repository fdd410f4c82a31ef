/* What tremolo and auto-pan have in common: the oscillator of the kernel "modulate" (shaders/modulate.h). */
#ifndef MXD_EFFECTS_MODULATION_H
#define MXD_EFFECTS_MODULATION_H

#include "../graph/builder.h"
#include "effect.h"

typedef struct mxd_modulation {
    double sample_rate;
    double beats_a_cycle; /* 0: by the rate in Hz */
    uint32_t shape;       /* MXD_SHAPE_SINE... */
} mxd_modulation;

/* Reads "note" (or rate_hz in its place) and "shape". */
void mxd_modulation_read(struct mxd_reader *reader, const mxd_effect_context *context, mxd_modulation *modulation);

/* The kernel's values; cycles: the phase, in any whole number of turns. */
void mxd_modulation_put(const mxd_modulation *modulation, double depth, double rate_hz, double cycles,
                        const mxd_moment *moment, double *row_values);

/* Adds a row whose oscillator runs at rate_hz(values) or by the tempo. */
mxd_result mxd_modulation_emit(const mxd_modulation *modulation, mxd_graph_builder *builder, uint32_t law,
                               const uint32_t *inputs, uint32_t num_inputs, const uint32_t *outputs,
                               uint32_t num_outputs, mxd_row_map *map, uint32_t index,
                               double (*rate_hz)(const void *params, const double *values));

#endif
