/*
 * flanger: one short delay against the dry signal, a comb that sweeps. Channel c is delayed by
 *
 *   delay_ms + depth_ms (1 + sweep(cycles + c phase_deg / 360)) / 2
 *
 * (without a rate by delay_ms); the sweep begins at its shortest.
 */
#include "../../formats/reader.h"
#include "channels.h"
#include "delay_lines.h"
#include "oscillator.h"

#include "shaders/delay.h"

#include <math.h>
#include <stdlib.h>

enum { DELAY_MS, DEPTH_MS, RATE_HZ, FEEDBACK, MIX, PHASE, NUM_VALUES };

static const mxd_insert_parameter parameters[NUM_VALUES] = {
    [DELAY_MS] = {"delay_ms", 0.1, 20.0, 1.0, false, false},
    [DEPTH_MS] = {"depth_ms", 0.0, 20.0, 3.0, false, false},
    [RATE_HZ] = {"rate_hz", 0.0, 20.0, 0.3, false, false},
    [FEEDBACK] = {"feedback", -MXD_MAX_FEEDBACK, MXD_MAX_FEEDBACK, 0.0, false, false},
    [MIX] = {"mix", 0.0, 1.0, 0.5, false, false},
    [PHASE] = {"stereo_phase_deg", -360.0, 360.0, 90.0, false, false},
};

typedef struct flanger_params {
    double values[NUM_VALUES];
    double sample_rate;
    double beats_a_cycle; /* 0: by rate_hz */
    mxd_sweep_shape shape;
} flanger_params;

static void *flanger_read(mxd_reader *reader, const mxd_effect_context *context)
{
    static const char *const shapes[] = {"sine", "triangle"};
    flanger_params *params = calloc(1, sizeof *params);
    if (!params) {
        mxd_reader_fail(reader, NULL, "memory ran out");
        return NULL;
    }
    params->sample_rate = context->sample_rate;
    params->beats_a_cycle = mxd_read_note_or(reader, "rate_hz");
    int shape = MXD_SWEEP_SINE;
    mxd_read_choice(reader, "shape", MXD_OPTIONAL, shapes, 2, &shape);
    params->shape = (mxd_sweep_shape)shape;
    return params;
}

static double flanger_rate(const void *params, const double *values)
{
    (void)params;
    return values[RATE_HZ];
}

static void flanger_map(const void *opaque, const double *values, uint32_t index, const mxd_moment *moment,
                        double *row_values)
{
    const flanger_params *params = opaque;
    const double rate = mxd_cycles_a_frame(params->beats_a_cycle, values[RATE_HZ], moment, params->sample_rate);
    const double frames_a_ms = 0.001 * params->sample_rate, depth = 0.5 * values[DEPTH_MS] * frames_a_ms;
    double second = 0.0, sweep = -1.0;
    if (rate > 0.0)
        sweep = mxd_sweep(params->shape, moment->cycles + mxd_delay_channel(index) * values[PHASE] / 360.0, &second);
    mxd_delay_put_voice(0, values[DELAY_MS] * frames_a_ms + depth * (1.0 + sweep), depth * second * rate * rate,
                        row_values);
    mxd_delay_put_levels(values[FEEDBACK], 1.0 - values[MIX], values[MIX], 0.0, MXD_OPEN_HZ, params->sample_rate,
                         row_values);
}

static double longest_of(const flanger_params *params, double delay_ms, double depth_ms)
{
    return 0.001 * (delay_ms + depth_ms) * params->sample_rate + MXD_DELAY_MIN_FRAMES;
}

static uint64_t flanger_tail_frames(const void *opaque, uint32_t num_inputs)
{
    (void)num_inputs;
    const flanger_params *params = opaque;
    return mxd_delay_tail_frames(longest_of(params, params->values[DELAY_MS], params->values[DEPTH_MS]),
                                 params->values[FEEDBACK], 0.0, MXD_OPEN_HZ, params->sample_rate);
}

static mxd_result flanger_emit(const void *opaque, mxd_graph_builder *builder, uint32_t *lanes, uint32_t num_inputs)
{
    const flanger_params *params = opaque;
    double low[NUM_VALUES], high[NUM_VALUES];
    for (uint32_t i = 0; i < NUM_VALUES; i++)
        mxd_builder_bounds(builder, i, &low[i], &high[i]);
    const mxd_delay_lines lines = {
        .longest_frames = longest_of(params, high[DELAY_MS], high[DEPTH_MS]),
        .shortest_frames = 0.001 * low[DELAY_MS] * params->sample_rate,
        .num_voices = 1,
        .loop = low[FEEDBACK] != 0.0 || high[FEEDBACK] != 0.0,
        .map = flanger_map,
        .moves = high[DEPTH_MS] > 0.0 && (high[RATE_HZ] > 0.0 || params->beats_a_cycle > 0.0),
        .beats_a_cycle = params->beats_a_cycle,
        .rate_hz = flanger_rate,
    };
    return mxd_delay_lines_emit(&lines, builder, lanes, num_inputs);
}

static void flanger_automated(void *opaque, mxd_reader *automation, uint32_t value, double least, double most)
{
    const flanger_params *params = opaque;
    (void)least;
    (void)most;
    if (value == RATE_HZ)
        mxd_refuse_beside_note(automation, params->beats_a_cycle, "rate_hz");
}

const mxd_effect mxd_effect_flanger = {
    .type = "flanger",
    .parameters = parameters,
    .num_parameters = NUM_VALUES,
    .num_values = NUM_VALUES,
    .read = flanger_read,
    .automated = flanger_automated,
    .destroy = free,
    .num_outputs = mxd_channels_any,
    .tail_frames = flanger_tail_frames,
    .emit = flanger_emit,
};
