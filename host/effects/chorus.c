/*
 * chorus: voices that drift against each other. Voice v of V on channel c of C is delayed by
 *
 *   delay_ms + depth_ms (1 - cos 2 pi (cycles + v / V + spread c / C)) / 2
 *
 * (without a rate by delay_ms) and all are summed with 1 / sqrt(V), as loud as one; the feedback takes their mean.
 */
#include "../../formats/reader.h"
#include "channels.h"
#include "delay_lines.h"
#include "oscillator.h"

#include "shaders/delay.h"

#include <math.h>
#include <stdlib.h>

enum { DELAY_MS, DEPTH_MS, RATE_HZ, SPREAD, FEEDBACK, MIX, NUM_VALUES };

static const mxd_insert_parameter parameters[NUM_VALUES] = {
    [DELAY_MS] = {"delay_ms", 1.0, 100.0, 15.0, false, false},
    [DEPTH_MS] = {"depth_ms", 0.0, 50.0, 5.0, false, false},
    [RATE_HZ] = {"rate_hz", 0.0, 20.0, 0.8, false, false},
    [SPREAD] = {"spread", 0.0, 1.0, 1.0, false, false},
    [FEEDBACK] = {"feedback", -MXD_MAX_FEEDBACK, MXD_MAX_FEEDBACK, 0.0, false, false},
    [MIX] = {"mix", 0.0, 1.0, 0.5, false, false},
};

typedef struct chorus_params {
    double values[NUM_VALUES];
    double sample_rate;
    double beats_a_cycle; /* 0: by rate_hz */
    uint32_t num_voices;
} chorus_params;

static void *chorus_read(mxd_reader *reader, const mxd_effect_context *context)
{
    chorus_params *params = calloc(1, sizeof *params);
    if (!params) {
        mxd_reader_fail(reader, NULL, "memory ran out");
        return NULL;
    }
    params->sample_rate = context->sample_rate;
    params->beats_a_cycle = mxd_read_note_or(reader, "rate_hz");
    int64_t voices = 3;
    mxd_read_integer(reader, "voices", MXD_OPTIONAL, 1, MXD_DELAY_MAX_VOICES, &voices);
    params->num_voices = (uint32_t)voices;
    return params;
}

static double chorus_rate(const void *params, const double *values)
{
    (void)params;
    return values[RATE_HZ];
}

static void chorus_map(const void *opaque, const double *values, uint32_t index, const mxd_moment *moment,
                       double *row_values)
{
    const chorus_params *params = opaque;
    const double rate = mxd_cycles_a_frame(params->beats_a_cycle, values[RATE_HZ], moment, params->sample_rate);
    const double frames_a_ms = 0.001 * params->sample_rate, depth = 0.5 * values[DEPTH_MS] * frames_a_ms;
    const double offset = values[SPREAD] * mxd_delay_channel(index) / mxd_delay_num_channels(index);
    for (uint32_t v = 0; v < params->num_voices; v++) {
        double second = 0.0, sweep = -1.0;
        if (rate > 0.0)
            sweep = mxd_sweep(MXD_SWEEP_SINE, moment->cycles + offset + (double)v / params->num_voices, &second);
        mxd_delay_put_voice(v, values[DELAY_MS] * frames_a_ms + depth * (1.0 + sweep), depth * second * rate * rate,
                            row_values);
    }
    mxd_delay_put_levels(values[FEEDBACK], 1.0 - values[MIX], values[MIX] / sqrt(params->num_voices), 0.0, MXD_OPEN_HZ,
                         params->sample_rate, row_values);
    row_values[MXD_DELAY_FEEDBACK] /= params->num_voices;
}

static double longest_of(const chorus_params *params, double delay_ms, double depth_ms)
{
    return 0.001 * (delay_ms + depth_ms) * params->sample_rate + MXD_DELAY_MIN_FRAMES;
}

static uint64_t chorus_tail_frames(const void *opaque, uint32_t num_inputs)
{
    (void)num_inputs;
    const chorus_params *params = opaque;
    return mxd_delay_tail_frames(longest_of(params, params->values[DELAY_MS], params->values[DEPTH_MS]),
                                 params->values[FEEDBACK], 0.0, MXD_OPEN_HZ, params->sample_rate);
}

static mxd_result chorus_emit(const void *opaque, mxd_graph_builder *builder, uint32_t *lanes, uint32_t num_inputs)
{
    const chorus_params *params = opaque;
    double low[NUM_VALUES], high[NUM_VALUES];
    for (uint32_t i = 0; i < NUM_VALUES; i++)
        mxd_builder_bounds(builder, i, &low[i], &high[i]);
    const mxd_delay_lines lines = {
        .longest_frames = longest_of(params, high[DELAY_MS], high[DEPTH_MS]),
        .shortest_frames = 0.001 * low[DELAY_MS] * params->sample_rate,
        .num_voices = params->num_voices,
        .loop = low[FEEDBACK] != 0.0 || high[FEEDBACK] != 0.0,
        .map = chorus_map,
        .moves = high[DEPTH_MS] > 0.0 && (high[RATE_HZ] > 0.0 || params->beats_a_cycle > 0.0),
        .beats_a_cycle = params->beats_a_cycle,
        .rate_hz = chorus_rate,
    };
    return mxd_delay_lines_emit(&lines, builder, lanes, num_inputs);
}

static void chorus_automated(void *opaque, mxd_reader *automation, uint32_t value, double least, double most)
{
    const chorus_params *params = opaque;
    (void)least;
    (void)most;
    if (value == RATE_HZ)
        mxd_refuse_beside_note(automation, params->beats_a_cycle, "rate_hz");
}

const mxd_effect mxd_effect_chorus = {
    .type = "chorus",
    .parameters = parameters,
    .num_parameters = NUM_VALUES,
    .num_values = NUM_VALUES,
    .read = chorus_read,
    .automated = chorus_automated,
    .destroy = free,
    .num_outputs = mxd_channels_any,
    .tail_frames = chorus_tail_frames,
    .emit = chorus_emit,
};
