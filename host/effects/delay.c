/*
 * delay: echoes. Each channel has a line of its own, or with ping_pong two lines
 * feed each other. What is heard of a line has gone through the cuts once, an echo
 * of an echo twice.
 */
#include "../../formats/reader.h"
#include "../session/tempo.h"
#include "delay_lines.h"
#include "oscillator.h"

#include "shaders/delay.h"

#include <math.h>
#include <stdlib.h>

static const double pi = 3.14159265358979323846;

#define MAX_TIME_S 10.0

enum { TIME, SPREAD, FEEDBACK, LOW_CUT, HIGH_CUT, MODULATION_MS, MODULATION_HZ, MIX, NUM_VALUES };

static const mxd_insert_parameter parameters[NUM_VALUES] = {
    [TIME] = {"time_s", 0.0001, MAX_TIME_S, 0.25, false, false},
    [SPREAD] = {"spread", -0.9, 1.0, 0.0, false, false},
    [FEEDBACK] = {"feedback", -MXD_MAX_FEEDBACK, MXD_MAX_FEEDBACK, 0.0, false, false},
    [LOW_CUT] = {"low_cut_hz", 0.0, MXD_OPEN_HZ, 0.0, false, false},
    [HIGH_CUT] = {"high_cut_hz", 20.0, MXD_OPEN_HZ, MXD_OPEN_HZ, false, false},
    [MODULATION_MS] = {"modulation_ms", 0.0, 100.0, 0.0, false, false},
    [MODULATION_HZ] = {"modulation_hz", 0.0, 20.0, 1.0, false, false},
    [MIX] = {"mix", 0.0, 1.0, 0.5, false, false},
};

typedef struct delay_params {
    double values[NUM_VALUES];
    double sample_rate;
    double note_beats;     /* 0: by the time */
    double slowest_bpm, fastest_bpm;
    bool ping_pong;
} delay_params;

static void *delay_read(mxd_reader *reader, const mxd_effect_context *context)
{
    delay_params *params = calloc(1, sizeof *params);
    if (!params) {
        mxd_reader_fail(reader, NULL, "memory ran out");
        return NULL;
    }
    mxd_tempo_bounds(context->session, &params->slowest_bpm, &params->fastest_bpm);
    params->sample_rate = context->sample_rate;
    params->note_beats = mxd_read_note_or(reader, "time_s");
    if (!mxd_read_has(reader, "time_s") && !mxd_read_has(reader, "note"))
        mxd_reader_fail(reader, NULL, "a delay needs its time: \"time_s\", or \"note\" such as \"1/8.\"");
    mxd_read_bool(reader, "ping_pong", MXD_OPTIONAL, &params->ping_pong);
    return params;
}

/* Seconds from an input to its first echo, on even channels. */
static double time_of(const delay_params *params, const double *values, double bpm)
{
    return params->note_beats > 0.0 ? params->note_beats * 60.0 / bpm : values[TIME];
}

static void delay_finish(void *opaque, mxd_reader *reader, const mxd_effect_context *context)
{
    (void)context;
    const delay_params *params = opaque;
    const double *values = params->values, longest_s = time_of(params, values, params->slowest_bpm);
    if (params->note_beats > 0.0 && longest_s > MAX_TIME_S)
        mxd_reader_fail(reader, "note", "this note lasts %.4g s at %.4g beats a minute; the longest delay is %g s",
                        longest_s, params->slowest_bpm, MAX_TIME_S);
    if (values[MODULATION_MS] >= 1000.0 * longest_s * fmin(1.0, 1.0 + values[SPREAD]))
        mxd_reader_fail(reader, "modulation_ms",
                        "modulation_ms is %g, but must be less than the delay itself, %g ms at its shortest: the delay "
                        "swings by so much to both sides",
                        values[MODULATION_MS], 1000.0 * longest_s * fmin(1.0, 1.0 + values[SPREAD]));
}

static uint32_t delay_num_outputs(const void *opaque, uint32_t num_inputs, const mxd_place *place,
                                  mxd_problems *problems)
{
    const delay_params *params = opaque;
    if (!params->ping_pong)
        return num_inputs;
    if (num_inputs <= 2)
        return 2;
    mxd_fail(problems, MXD_ERROR_INVALID, place, "a ping-pong delay takes one or two channels, but %u enter it",
             (unsigned)num_inputs);
    return 0;
}

static double delay_rate(const void *params, const double *values)
{
    (void)params;
    return values[MODULATION_HZ];
}

static void delay_map(const void *opaque, const double *values, uint32_t index, const mxd_moment *moment,
                      double *row_values)
{
    const delay_params *params = opaque;
    const double frames = time_of(params, values, moment->bpm) * params->sample_rate;
    const double turn = 2.0 * pi * values[MODULATION_HZ] / params->sample_rate;
    const double swing = 0.001 * values[MODULATION_MS] * params->sample_rate * sin(2.0 * pi * moment->cycles);
    const uint32_t num_lines = params->ping_pong ? 2 : 1, first = params->ping_pong ? 0 : mxd_delay_channel(index);
    for (uint32_t line = 0; line < num_lines; line++)
        mxd_delay_put_voice(line, frames * ((first + line) % 2 ? 1.0 + values[SPREAD] : 1.0) + swing,
                            -swing * turn * turn, row_values);
    /* A mono input stays in the middle of the two channels that leave: -3 dB each. */
    const bool widens = params->ping_pong && mxd_delay_num_channels(index) == 1;
    mxd_delay_put_levels(values[FEEDBACK], (1.0 - values[MIX]) * (widens ? sqrt(0.5) : 1.0), values[MIX],
                         values[LOW_CUT], values[HIGH_CUT], params->sample_rate, row_values);
}

/* The longest delay that values reach, in frames. */
static double longest_of(const delay_params *params, double time_s, double spread, double modulation_ms)
{
    return (time_s * fmax(1.0, 1.0 + spread) + 0.001 * modulation_ms) * params->sample_rate + 1.0;
}

static uint64_t delay_tail_frames(const void *opaque, uint32_t num_inputs)
{
    (void)num_inputs;
    const delay_params *params = opaque;
    const double *values = params->values;
    const double longest =
        longest_of(params, time_of(params, values, params->slowest_bpm), values[SPREAD], values[MODULATION_MS]);
    return mxd_delay_tail_frames(fmax(longest, MXD_DELAY_MIN_FRAMES), values[FEEDBACK], values[LOW_CUT],
                                 values[HIGH_CUT], params->sample_rate);
}

static mxd_result delay_emit(const void *opaque, mxd_graph_builder *builder, uint32_t *lanes, uint32_t num_inputs)
{
    const delay_params *params = opaque;
    double low[NUM_VALUES], high[NUM_VALUES];
    for (uint32_t i = 0; i < NUM_VALUES; i++)
        mxd_builder_bounds(builder, i, &low[i], &high[i]);
    const double longest_s = params->note_beats > 0.0 ? time_of(params, low, params->slowest_bpm) : high[TIME];
    const double shortest_s = params->note_beats > 0.0 ? time_of(params, low, params->fastest_bpm) : low[TIME];
    const mxd_delay_lines lines = {
        .longest_frames = longest_of(params, longest_s, high[SPREAD], high[MODULATION_MS]),
        .shortest_frames =
            (shortest_s * fmin(1.0, 1.0 + low[SPREAD]) - 0.001 * high[MODULATION_MS]) * params->sample_rate - 1.0,
        .num_voices = 1,
        .loop = low[FEEDBACK] != 0.0 || high[FEEDBACK] != 0.0,
        .cross = params->ping_pong,
        .cuts = (high[LOW_CUT] > 0.0 ? MXD_DELAY_LOW_CUT_ON : 0u) |
                (low[HIGH_CUT] < MXD_OPEN_HZ ? MXD_DELAY_HIGH_CUT_ON : 0u),
        .map = delay_map,
        .moves = (high[MODULATION_MS] > 0.0 && high[MODULATION_HZ] > 0.0) ||
                 (params->note_beats > 0.0 && params->fastest_bpm > params->slowest_bpm),
        .rate_hz = delay_rate,
    };
    return mxd_delay_lines_emit(&lines, builder, lanes, num_inputs);
}

static void delay_automated(void *opaque, mxd_reader *automation, uint32_t value, double least, double most)
{
    const delay_params *params = opaque;
    (void)least;
    (void)most;
    if (value == TIME)
        mxd_refuse_beside_note(automation, params->note_beats, "time_s");
}

const mxd_effect mxd_effect_delay = {
    .type = "delay",
    .parameters = parameters,
    .num_parameters = NUM_VALUES,
    .num_values = NUM_VALUES,
    .read = delay_read,
    .finish = delay_finish,
    .automated = delay_automated,
    .destroy = free,
    .num_outputs = delay_num_outputs,
    .tail_frames = delay_tail_frames,
    .emit = delay_emit,
};
