/*
 * phaser: all-passes of first order in a row, their corner sweeping by octaves about frequency_hz:
 *
 *   frequency_hz 2^(depth_octaves sin 2 pi (cycles + c stereo_phase_deg / 360)) on channel c
 *
 * (without a rate frequency_hz itself), never beyond 0.45 of the sample rate. One row of all channels.
 */
#include "../../formats/reader.h"
#include "channels.h"
#include "delay_lines.h"
#include "oscillator.h"

#include "shaders/phaser.h"

#include <math.h>
#include <stdlib.h>

static const double pi = 3.14159265358979323846;

enum { FREQUENCY, DEPTH, RATE_HZ, FEEDBACK, MIX, PHASE, NUM_VALUES };

static const mxd_insert_parameter parameters[NUM_VALUES] = {
    [FREQUENCY] = {"frequency_hz", 20.0, 20000.0, 800.0, false, false},
    [DEPTH] = {"depth_octaves", 0.0, 5.0, 1.5, false, false},
    [RATE_HZ] = {"rate_hz", 0.0, 20.0, 0.4, false, false},
    [FEEDBACK] = {"feedback", -MXD_MAX_FEEDBACK, MXD_MAX_FEEDBACK, 0.0, false, false},
    [MIX] = {"mix", 0.0, 1.0, 0.5, false, false},
    [PHASE] = {"stereo_phase_deg", -360.0, 360.0, 90.0, false, false},
};

typedef struct phaser_params {
    double values[NUM_VALUES];
    double sample_rate;
    double beats_a_cycle; /* 0: by rate_hz */
    uint32_t num_stages;
} phaser_params;

static void *phaser_read(mxd_reader *reader, const mxd_effect_context *context)
{
    phaser_params *params = calloc(1, sizeof *params);
    if (!params) {
        mxd_reader_fail(reader, NULL, "memory ran out");
        return NULL;
    }
    params->sample_rate = context->sample_rate;
    params->beats_a_cycle = mxd_read_note_or(reader, "rate_hz");
    int64_t stages = 6;
    mxd_read_integer(reader, "stages", MXD_OPTIONAL, 2, MXD_PHASER_MAX_STAGES, &stages);
    params->num_stages = (uint32_t)stages;
    return params;
}

/* tan(pi f / rate), f some octaves from the centre. */
static double g_of(const phaser_params *params, double octaves)
{
    const double frequency = fmin(fmax(params->values[FREQUENCY], 1.0), 1e6) * exp2(octaves);
    return tan(pi * fmin(frequency / params->sample_rate, 0.45));
}

/*
 * n poles at -w_c without feedback: Laguerre functions, which oscillate for 2 n + 1 time constants and fall by e in each
 * one after that. With feedback the slowest pole falls by ln(1 / |feedback|) / n of them in each, or of what the bilinear
 * transform makes of it near Nyquist's frequency.
 */
static uint64_t phaser_tail_frames(const void *opaque, uint32_t num_inputs)
{
    (void)num_inputs;
    const phaser_params *params = opaque;
    const double nepers = 18.42; /* 160 dB */
    const double low = g_of(params, -params->values[DEPTH]), high = g_of(params, params->values[DEPTH]);
    const double rate = 2.0 * fmin(low, 1.0 / high), gain = fmin(fabs(params->values[FEEDBACK]), MXD_MAX_FEEDBACK);
    double tail = (nepers + 4.0 * params->num_stages) / rate;
    if (gain > 0.0)
        tail += nepers * params->num_stages / (-log(gain) * 0.5 * rate);
    return (uint64_t)ceil(tail) + 1;
}

static double phaser_rate(const void *params, const double *values)
{
    (void)params;
    return values[RATE_HZ];
}

/* index: the number of channels. */
static void phaser_map(const void *opaque, const double *values, uint32_t index, const mxd_moment *moment,
                       double *row_values)
{
    const phaser_params *params = opaque;
    const double rate = mxd_cycles_a_frame(params->beats_a_cycle, values[RATE_HZ], moment, params->sample_rate);
    row_values[MXD_PHASER_FEEDBACK] = fmin(fmax(values[FEEDBACK], -MXD_MAX_FEEDBACK), MXD_MAX_FEEDBACK);
    row_values[MXD_PHASER_DRY] = 1.0 - values[MIX];
    row_values[MXD_PHASER_WET] = values[MIX];
    for (uint32_t c = 0; c < index; c++) {
        const double cycles = moment->cycles + c * values[PHASE] / 360.0;
        const double octaves = rate > 0.0 ? values[DEPTH] * sin(2.0 * pi * (cycles - floor(cycles))) : 0.0;
        const double frequency = fmax(values[FREQUENCY], 1.0) * exp2(octaves);
        const double g = tan(pi * fmin(frequency / params->sample_rate, 0.45));
        row_values[MXD_PHASER_FIRST_G + c] = g / (1.0 + g);
    }
}

static mxd_result phaser_emit(const void *opaque, mxd_graph_builder *builder, uint32_t *lanes, uint32_t num_inputs)
{
    const phaser_params *params = opaque;
    double low[NUM_VALUES], high[NUM_VALUES];
    for (uint32_t i = 0; i < NUM_VALUES; i++)
        mxd_builder_bounds(builder, i, &low[i], &high[i]);
    const uint32_t settings[MXD_PHASER_NUM_SETTINGS] = {
        [MXD_PHASER_STAGES] = params->num_stages,
        [MXD_PHASER_LOOP] = low[FEEDBACK] != 0.0 || high[FEEDBACK] != 0.0,
    };
    const mxd_builder_row row = {
        .kernel = MXD_KERNEL_PHASER,
        .inputs = lanes,
        .num_inputs = num_inputs,
        .outputs = lanes,
        .num_outputs = num_inputs,
        .settings = settings,
        .map = phaser_map,
        .index = num_inputs,
        .moves = high[DEPTH] > 0.0 && (high[RATE_HZ] > 0.0 || params->beats_a_cycle > 0.0),
        .beats_a_cycle = params->beats_a_cycle,
        .rate_hz = phaser_rate,
    };
    return mxd_builder_row_add(builder, &row);
}

static void phaser_automated(void *opaque, mxd_reader *automation, uint32_t value, double least, double most)
{
    const phaser_params *params = opaque;
    (void)least;
    (void)most;
    if (value == RATE_HZ)
        mxd_refuse_beside_note(automation, params->beats_a_cycle, "rate_hz");
}

const mxd_effect mxd_effect_phaser = {
    .type = "phaser",
    .parameters = parameters,
    .num_parameters = NUM_VALUES,
    .num_values = NUM_VALUES,
    .read = phaser_read,
    .automated = phaser_automated,
    .destroy = free,
    .num_outputs = mxd_channels_any,
    .tail_frames = phaser_tail_frames,
    .emit = phaser_emit,
};
