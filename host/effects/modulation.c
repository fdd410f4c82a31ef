#include "modulation.h"

#include "../../formats/reader.h"
#include "oscillator.h"

#include "shaders/modulate.h"

#include <math.h>

/* Time in which squares and saws jump: short to the ear, and no click. */
#define EDGE_S 0.002

void mxd_modulation_read(mxd_reader *reader, const mxd_effect_context *context, mxd_modulation *modulation)
{
    static const char *const shapes[] = {
        [MXD_SHAPE_SINE] = "sine",
        [MXD_SHAPE_TRIANGLE] = "triangle",
        [MXD_SHAPE_SQUARE] = "square",
        [MXD_SHAPE_SAW] = "saw",
    };
    int shape = MXD_SHAPE_SINE;
    modulation->sample_rate = context->sample_rate;
    modulation->beats_a_cycle = mxd_read_note_or(reader, "rate_hz");
    mxd_read_choice(reader, "shape", MXD_OPTIONAL, shapes, sizeof shapes / sizeof *shapes, &shape);
    modulation->shape = (uint32_t)shape;
}

void mxd_modulation_put(const mxd_modulation *modulation, double depth, double rate_hz, double cycles,
                        const mxd_moment *moment, double *row_values)
{
    const double rate = mxd_cycles_a_frame(modulation->beats_a_cycle, rate_hz, moment, modulation->sample_rate);
    const double phase = cycles - floor(cycles), steps = floor(phase * MXD_MODULATE_PHASE_STEPS);
    row_values[MXD_MODULATE_DEPTH] = fmin(fmax(depth, 0.0), 1.0);
    row_values[MXD_MODULATE_PHASE] = steps / MXD_MODULATE_PHASE_STEPS;
    row_values[MXD_MODULATE_REST] = phase - steps / MXD_MODULATE_PHASE_STEPS;
    row_values[MXD_MODULATE_INCREMENT] = fmin(fmax(rate, 0.0), 1.0 / 64);
    row_values[MXD_MODULATE_EDGE] = fmin(fmax(rate * EDGE_S * modulation->sample_rate, 1e-4), 0.25);
}

mxd_result mxd_modulation_emit(const mxd_modulation *modulation, mxd_graph_builder *builder, uint32_t law,
                               const uint32_t *inputs, uint32_t num_inputs, const uint32_t *outputs,
                               uint32_t num_outputs, mxd_row_map *map, uint32_t index,
                               double (*rate_hz)(const void *params, const double *values))
{
    const uint32_t settings[MXD_MODULATE_NUM_SETTINGS] = {
        [MXD_MODULATE_LAW] = law,
        [MXD_MODULATE_SHAPE] = modulation->shape,
    };
    const mxd_builder_row row = {
        .kernel = MXD_KERNEL_MODULATE,
        .inputs = inputs,
        .num_inputs = num_inputs,
        .outputs = outputs,
        .num_outputs = num_outputs,
        .settings = settings,
        .map = map,
        .index = index,
        .moves = true,
        .beats_a_cycle = modulation->beats_a_cycle,
        .rate_hz = rate_hz,
    };
    return mxd_builder_row_add(builder, &row);
}
