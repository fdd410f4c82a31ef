/*
 * saturator: a curve, oversampled (shaders/saturate.h), with the input beside it,
 * as late. What a curve that is not odd (tube, or any with a bias) leaves of DC
 * moves with the level, so that no constant would take it away: a high-pass of
 * second order does. The tone is a tilt around 1 kHz behind the curve. Where
 * neither is there, all is one row of the kernel; else the curve and the late input
 * are two lanes, which meet in a mix.
 */
#include "../../formats/reader.h"
#include "../graph/envelope.h"
#include "channels.h"
#include "eq.h"
#include "sections.h"

#include "shaders/saturate.h"

#include <stdlib.h>

/* Below what is heard: 0.1 dB at 20 Hz. */
#define HIGH_PASS_HZ 8.0
#define TILT_HZ 1000.0

enum { DRIVE, OUTPUT, MIX, BIAS, TONE, NUM_VALUES };

static const mxd_insert_parameter parameters[NUM_VALUES] = {
    [DRIVE] = {"drive_db", -24.0, 48.0, 0.0, false, false},
    [OUTPUT] = {"output_db", -144.0, 24.0, 0.0, true, false},
    [MIX] = {"mix", 0.0, 1.0, 1.0, false, false},
    [BIAS] = {"bias", -1.0, 1.0, 0.0, false, false},
    [TONE] = {"tone_db", -24.0, 24.0, 0.0, false, false},
};

typedef struct saturator_params {
    double values[NUM_VALUES];
    uint32_t settings[MXD_SATURATE_NUM_SETTINGS];
    uint32_t sample_rate;
    bool has_high_pass, has_tone; /* behind the curve */
} saturator_params;

enum { MAX_SECTIONS = 2 * MXD_EQ_MAX_BAND_SECTIONS };

static void read_oversampling(mxd_reader *reader, uint32_t *stages)
{
    int64_t times = 4;
    mxd_read_integer(reader, "oversampling", MXD_OPTIONAL, 1, 8, &times);
    if (times & (times - 1))
        mxd_reader_fail(reader, "oversampling", "oversampling is 1, 2, 4 or 8, not %d", (int)times);
    for (*stages = 0; *stages < 3 && (1 << *stages) < times; ++*stages)
        ;
}

static void *saturator_read(mxd_reader *reader, const mxd_effect_context *context)
{
    static const char *const curves[MXD_SATURATE_NUM_CURVES] = {
        [MXD_SATURATE_TANH] = "tanh", [MXD_SATURATE_SOFT_CLIP] = "soft-clip", [MXD_SATURATE_HARD_CLIP] = "hard-clip",
        [MXD_SATURATE_TUBE] = "tube", [MXD_SATURATE_TAPE] = "tape"};
    saturator_params *params = calloc(1, sizeof *params);
    if (!params) {
        mxd_reader_fail(reader, NULL, "memory ran out");
        return NULL;
    }
    params->sample_rate = context->sample_rate;
    int curve = MXD_SATURATE_TANH;
    mxd_read_choice(reader, "curve", MXD_OPTIONAL, curves, MXD_SATURATE_NUM_CURVES, &curve);
    params->settings[MXD_SATURATE_CURVE] = (uint32_t)curve;
    read_oversampling(reader, &params->settings[MXD_SATURATE_STAGES]);
    return params;
}

static void saturator_finish(void *opaque, mxd_reader *reader, const mxd_effect_context *context)
{
    (void)reader;
    (void)context;
    saturator_params *params = opaque;
    params->has_high_pass = params->settings[MXD_SATURATE_CURVE] == MXD_SATURATE_TUBE || params->values[BIAS] != 0.0;
    params->has_tone = params->values[TONE] != 0.0;
}

static void saturator_automated(void *opaque, mxd_reader *automation, uint32_t value, double least, double most)
{
    (void)automation;
    (void)least;
    (void)most;
    saturator_params *params = opaque;
    params->has_high_pass |= value == BIAS;
    params->has_tone |= value == TONE;
}

/* What lies behind the curve: as many sections at any values. */
static uint32_t design(const saturator_params *params, const double *values, mxd_svf sections[MAX_SECTIONS])
{
    const mxd_eq_band high_pass = {MXD_EQ_HIGH_PASS, HIGH_PASS_HZ, 0.0, 0.70710678118654752, 12};
    const mxd_eq_band tilt = {MXD_EQ_TILT, TILT_HZ, values[TONE], 0.5, 12};
    uint32_t count = 0;
    if (params->has_high_pass)
        count = mxd_eq_design(&high_pass, params->sample_rate, sections);
    if (params->has_tone)
        count += mxd_eq_design_at(&tilt, mxd_eq_prewarp(TILT_HZ, params->sample_rate), sections + count);
    return count;
}

static void map_sections(const void *params, const double *values, uint32_t index, const mxd_moment *moment,
                         double *row_values)
{
    (void)index;
    (void)moment;
    mxd_svf sections[MAX_SECTIONS];
    mxd_put_sections(sections, design(params, values, sections), row_values);
}

static uint32_t saturator_latency_frames(const void *opaque, uint32_t num_inputs)
{
    (void)num_inputs;
    return MXD_SATURATE_LATENCY(((const saturator_params *)opaque)->settings[MXD_SATURATE_STAGES]);
}

static uint64_t saturator_tail_frames(const void *opaque, uint32_t num_inputs)
{
    const saturator_params *params = opaque;
    mxd_svf sections[MAX_SECTIONS];
    return 2 * (uint64_t)saturator_latency_frames(params, num_inputs) +
           mxd_svf_tail_frames(sections, design(params, params->values, sections));
}

static double wet_of(const double *values)
{
    return values[MIX] * mxd_gain_of_db(values[OUTPUT]);
}

static void saturator_map(const void *params, const double *values, uint32_t index, const mxd_moment *moment,
                          double *row_values)
{
    (void)params;
    (void)index;
    (void)moment;
    row_values[MXD_SATURATE_DRIVE] = mxd_gain_of_db(values[DRIVE]);
    row_values[MXD_SATURATE_BIAS] = values[BIAS];
    row_values[MXD_SATURATE_WET] = wet_of(values);
    row_values[MXD_SATURATE_DRY] = 1.0 - values[MIX];
}

/* index 0: of the curve; 1: of the input. */
static double saturator_gain(const void *params, const double *values, uint32_t index)
{
    (void)params;
    return index == 0 ? wet_of(values) : 1.0 - values[MIX];
}

static mxd_result emit_channel(const saturator_params *params, mxd_graph_builder *builder, uint32_t *lane)
{
    mxd_sections sections = {.map = mxd_builder_moves(builder, TONE) ? map_sections : NULL};
    sections.count = design(params, params->values, sections.at_rest);
    const uint32_t outputs[2] = {mxd_builder_lane(builder), mxd_builder_lane(builder)};
    const uint32_t mixed = mxd_builder_lane(builder);
    const mxd_builder_row row = {.kernel = MXD_KERNEL_SATURATE, .inputs = lane, .num_inputs = 1, .outputs = outputs,
                                 .num_outputs = sections.count > 0 ? 2 : 1, .settings = params->settings,
                                 .map = saturator_map};
    if (outputs[0] == UINT32_MAX || outputs[1] == UINT32_MAX || mixed == UINT32_MAX)
        return MXD_ERROR_MEMORY;
    mxd_result result = mxd_builder_row_add(builder, &row);
    *lane = outputs[0];
    if (result != MXD_OK || sections.count == 0)
        return result;
    const mxd_builder_edge edges[2] = {{.input_lane = outputs[0], .gain = 1.0, .map = saturator_gain, .index = 0},
                                       {.input_lane = outputs[1], .gain = 1.0, .map = saturator_gain, .index = 1}};
    result = mxd_emit_sections(builder, outputs, 1, &sections);
    *lane = mixed;
    return result == MXD_OK ? mxd_builder_mix(builder, mixed, edges, 2) : result;
}

static mxd_result saturator_emit(const void *params, mxd_graph_builder *builder, uint32_t *lanes, uint32_t num_inputs)
{
    mxd_result result = MXD_OK;
    for (uint32_t c = 0; c < num_inputs && result == MXD_OK; c++)
        result = emit_channel(params, builder, &lanes[c]);
    return result;
}

const mxd_effect mxd_effect_saturator = {
    .type = "saturator",
    .parameters = parameters,
    .num_parameters = NUM_VALUES,
    .num_values = NUM_VALUES,
    .read = saturator_read,
    .finish = saturator_finish,
    .automated = saturator_automated,
    .destroy = free,
    .num_outputs = mxd_channels_any,
    .latency_frames = saturator_latency_frames,
    .tail_frames = saturator_tail_frames,
    .emit = saturator_emit,
};
