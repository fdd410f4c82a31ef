/*
 * auto-pan: a pan that goes right and left by depth, from the centre on; a mono signal by the sine/cosine law, a stereo one
 * by balance, as mxd_pan_gains of host/graph/routing.h has them. The oscillator of shaders/modulate.h is a quarter of a
 * cycle ahead where it is a sine or a triangle, so that these begin in the centre.
 */
#include "../../formats/reader.h"
#include "modulation.h"
#include "oscillator.h"

#include "shaders/modulate.h"

#include <stdlib.h>

enum { RATE_HZ, DEPTH, PHASE, NUM_VALUES };

static const mxd_insert_parameter parameters[NUM_VALUES] = {
    [RATE_HZ] = {"rate_hz", 0.0, 50.0, 0.5, false, false},
    [DEPTH] = {"depth", 0.0, 1.0, 1.0, false, false},
    [PHASE] = {"phase_deg", -360.0, 360.0, 0.0, false, false},
};

typedef struct auto_pan_params {
    double values[NUM_VALUES];
    mxd_modulation modulation;
} auto_pan_params;

static void *auto_pan_read(mxd_reader *reader, const mxd_effect_context *context)
{
    auto_pan_params *params = calloc(1, sizeof *params);
    if (!params) {
        mxd_reader_fail(reader, NULL, "memory ran out");
        return NULL;
    }
    mxd_modulation_read(reader, context, &params->modulation);
    return params;
}

static uint32_t auto_pan_num_outputs(const void *params, uint32_t num_inputs, const mxd_place *place,
                                     mxd_problems *problems)
{
    (void)params;
    if (num_inputs <= 2)
        return 2;
    mxd_fail(problems, MXD_ERROR_INVALID, place, "an auto-pan takes one or two channels, but %u enter it",
             (unsigned)num_inputs);
    return 0;
}

static uint64_t auto_pan_tail_frames(const void *params, uint32_t num_inputs)
{
    (void)params;
    (void)num_inputs;
    return 0;
}

static double auto_pan_rate(const void *params, const double *values)
{
    (void)params;
    return values[RATE_HZ];
}

static void auto_pan_map(const void *opaque, const double *values, uint32_t index, const mxd_moment *moment,
                         double *row_values)
{
    (void)index;
    const auto_pan_params *params = opaque;
    const double start = params->modulation.shape <= MXD_SHAPE_TRIANGLE ? 0.75 : 0.0;
    mxd_modulation_put(&params->modulation, values[DEPTH], values[RATE_HZ],
                       moment->cycles + start + values[PHASE] / 360.0, moment, row_values);
}

static mxd_result auto_pan_emit(const void *opaque, mxd_graph_builder *builder, uint32_t *lanes, uint32_t num_inputs)
{
    const auto_pan_params *params = opaque;
    const uint32_t outputs[2] = {mxd_builder_lane(builder), mxd_builder_lane(builder)};
    if (outputs[0] == UINT32_MAX || outputs[1] == UINT32_MAX)
        return MXD_ERROR_MEMORY;
    const mxd_result result =
        mxd_modulation_emit(&params->modulation, builder, num_inputs == 1 ? MXD_MODULATE_PAN : MXD_MODULATE_BALANCE,
                            lanes, num_inputs, outputs, 2, auto_pan_map, 0, auto_pan_rate);
    lanes[0] = outputs[0];
    lanes[1] = outputs[1];
    return result;
}

static void auto_pan_automated(void *opaque, mxd_reader *automation, uint32_t value, double least, double most)
{
    const auto_pan_params *params = opaque;
    (void)least;
    (void)most;
    if (value == RATE_HZ)
        mxd_refuse_beside_note(automation, params->modulation.beats_a_cycle, "rate_hz");
}

const mxd_effect mxd_effect_auto_pan = {
    .type = "auto-pan",
    .parameters = parameters,
    .num_parameters = NUM_VALUES,
    .num_values = NUM_VALUES,
    .read = auto_pan_read,
    .automated = auto_pan_automated,
    .destroy = free,
    .num_outputs = auto_pan_num_outputs,
    .tail_frames = auto_pan_tail_frames,
    .emit = auto_pan_emit,
};
