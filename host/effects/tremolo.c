/*
 * tremolo: the level goes down and up. On channel c it is 1 - depth (1 - s) / 2 with the oscillator s (from 1 down to -1
 * and back, shaders/modulate.h) at cycles + (phase_deg + c stereo_phase_deg) / 360.
 */
#include "../../formats/reader.h"
#include "channels.h"
#include "modulation.h"
#include "oscillator.h"

#include "shaders/modulate.h"

#include <stdlib.h>

enum { RATE_HZ, DEPTH, PHASE, STEREO_PHASE, NUM_VALUES };

static const mxd_insert_parameter parameters[NUM_VALUES] = {
    [RATE_HZ] = {"rate_hz", 0.0, 50.0, 4.0, false, false},
    [DEPTH] = {"depth", 0.0, 1.0, 0.5, false, false},
    [PHASE] = {"phase_deg", -360.0, 360.0, 0.0, false, false},
    [STEREO_PHASE] = {"stereo_phase_deg", -360.0, 360.0, 0.0, false, false},
};

typedef struct tremolo_params {
    double values[NUM_VALUES];
    mxd_modulation modulation;
} tremolo_params;

static void *tremolo_read(mxd_reader *reader, const mxd_effect_context *context)
{
    tremolo_params *params = calloc(1, sizeof *params);
    if (!params) {
        mxd_reader_fail(reader, NULL, "memory ran out");
        return NULL;
    }
    mxd_modulation_read(reader, context, &params->modulation);
    return params;
}

static uint64_t tremolo_tail_frames(const void *params, uint32_t num_inputs)
{
    (void)params;
    (void)num_inputs;
    return 0;
}

static double tremolo_rate(const void *params, const double *values)
{
    (void)params;
    return values[RATE_HZ];
}

/* index: the channel. */
static void tremolo_map(const void *opaque, const double *values, uint32_t index, const mxd_moment *moment,
                        double *row_values)
{
    const tremolo_params *params = opaque;
    mxd_modulation_put(&params->modulation, values[DEPTH], values[RATE_HZ],
                       moment->cycles + (values[PHASE] + index * values[STEREO_PHASE]) / 360.0, moment, row_values);
}

/* One row of all channels where one gain is for all of them; else a row a channel. */
static mxd_result tremolo_emit(const void *opaque, mxd_graph_builder *builder, uint32_t *lanes, uint32_t num_inputs)
{
    const tremolo_params *params = opaque;
    double low, high;
    mxd_builder_bounds(builder, STEREO_PHASE, &low, &high);
    const uint32_t width = low == 0.0 && high == 0.0 ? num_inputs : 1;
    for (uint32_t c = 0; c < num_inputs; c += width) {
        uint32_t outputs[MXD_MAX_CHANNELS];
        for (uint32_t i = 0; i < width; i++)
            if ((outputs[i] = mxd_builder_lane(builder)) == UINT32_MAX)
                return MXD_ERROR_MEMORY;
        const mxd_result result = mxd_modulation_emit(&params->modulation, builder, MXD_MODULATE_GAIN, lanes + c, width,
                                                      outputs, width, tremolo_map, c, tremolo_rate);
        if (result != MXD_OK)
            return result;
        for (uint32_t i = 0; i < width; i++)
            lanes[c + i] = outputs[i];
    }
    return MXD_OK;
}

static void tremolo_automated(void *opaque, mxd_reader *automation, uint32_t value, double least, double most)
{
    const tremolo_params *params = opaque;
    (void)least;
    (void)most;
    if (value == RATE_HZ)
        mxd_refuse_beside_note(automation, params->modulation.beats_a_cycle, "rate_hz");
}

const mxd_effect mxd_effect_tremolo = {
    .type = "tremolo",
    .parameters = parameters,
    .num_parameters = NUM_VALUES,
    .num_values = NUM_VALUES,
    .read = tremolo_read,
    .automated = tremolo_automated,
    .destroy = free,
    .num_outputs = mxd_channels_any,
    .tail_frames = tremolo_tail_frames,
    .emit = tremolo_emit,
};
