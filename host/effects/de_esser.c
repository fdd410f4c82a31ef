/*
 * de-esser: a compressor that listens to a band, a band-pass of second order. In
 * mode "wide" it turns down everything, in mode "split" that band alone: what the
 * gain takes away from the band is added to the signal (the kernel's output
 * CHANGE), so that nothing changes where nothing is reduced.
 */
#include "../../formats/reader.h"
#include "channels.h"
#include "dynamics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FREQUENCY, Q, THRESHOLD, RATIO, KNEE, ATTACK, RELEASE, RANGE, MIX, LINK, NUM_VALUES };
enum { WIDE, SPLIT };

static const mxd_insert_parameter parameters[NUM_VALUES] = {
    [FREQUENCY] = {"frequency_hz", 500.0, 20000.0, 6500.0, false, false},
    [Q] = {"q", 0.1, 10.0, 1.0, false, false},
    [THRESHOLD] = {"threshold_db", -100.0, 24.0, -30.0, false, false},
    [RATIO] = {"ratio", 1.0, MXD_DYNAMICS_MAX_RATIO, 4.0, false, false},
    [KNEE] = {"knee_db", 0.0, 48.0, 6.0, false, false},
    [ATTACK] = {"attack_ms", 0.0, 1000.0, 1.0, false, false},
    [RELEASE] = {"release_ms", 0.0, 5000.0, 60.0, false, false},
    [RANGE] = {"range_db", 0.0, 144.0, 24.0, false, false},
    [MIX] = {"mix", 0.0, 1.0, 1.0, false, false},
    [LINK] = {"link", 0.0, 1.0, 1.0, false, false},
};

typedef struct de_esser_params {
    double values[NUM_VALUES];
    uint32_t sample_rate;
    int mode;
    double lowest_hz, highest_q; /* automation included: what rings longest */
} de_esser_params;

static void *de_esser_read(mxd_reader *reader, const mxd_effect_context *context)
{
    static const char *const modes[] = {"wide", "split"};
    de_esser_params *params = calloc(1, sizeof *params);
    if (!params) {
        mxd_reader_fail(reader, NULL, "memory ran out");
        return NULL;
    }
    params->sample_rate = context->sample_rate;
    params->mode = SPLIT;
    mxd_read_choice(reader, "mode", MXD_OPTIONAL, modes, 2, &params->mode);
    return params;
}

static void de_esser_finish(void *opaque, mxd_reader *reader, const mxd_effect_context *context)
{
    de_esser_params *params = opaque;
    const double highest_hz = 0.45 * context->sample_rate;
    if (params->values[FREQUENCY] > highest_hz) {
        mxd_reader_fail(reader, "frequency_hz",
                        "\"frequency_hz\" is %g, but must be from %g to %g at a sample rate of %u Hz",
                        params->values[FREQUENCY], parameters[FREQUENCY].min, highest_hz,
                        (unsigned)context->sample_rate);
        params->values[FREQUENCY] = parameters[FREQUENCY].min;
    }
    params->lowest_hz = params->values[FREQUENCY];
    params->highest_q = params->values[Q];
}

static void de_esser_automated(void *opaque, mxd_reader *automation, uint32_t value, double least, double most)
{
    de_esser_params *params = opaque;
    if (value == Q)
        params->highest_q = most;
    if (value != FREQUENCY)
        return;
    params->lowest_hz = least;
    mxd_eq_check_moving_hz(automation, "frequency_hz", least, most, parameters[FREQUENCY].min,
                           fmin(0.45 * params->sample_rate, parameters[FREQUENCY].max));
}

/* The band that is listened to. */
static mxd_svf section_at(const de_esser_params *params, double frequency_hz, double q)
{
    mxd_svf section[MXD_EQ_MAX_BAND_SECTIONS];
    const mxd_eq_band band = {.type = MXD_EQ_BAND_PASS, .frequency_hz = frequency_hz, .q = q};
    mxd_eq_design(&band, params->sample_rate, section);
    return section[0];
}

static void map_band(const void *params, const double *values, uint32_t index, const mxd_moment *moment,
                     double *row_values)
{
    (void)index;
    (void)moment;
    const mxd_svf section = section_at(params, values[FREQUENCY], values[Q]);
    mxd_put_sections(&section, 1, row_values);
}

static uint64_t band_tail_frames(const de_esser_params *params)
{
    const mxd_svf section = section_at(params, params->lowest_hz, params->highest_q);
    return mxd_svf_tail_frames(&section, 1);
}

static mxd_dynamics_curve curve_of(const double *values)
{
    return (mxd_dynamics_curve){
        .threshold_db = values[THRESHOLD],
        .ratio = values[RATIO],
        .knee_db = values[KNEE],
        .range_db = values[RANGE],
        .attack_ms = values[ATTACK],
        .release_ms = values[RELEASE],
        .mix = values[MIX],
        .link = values[LINK],
    };
}

static void map(const void *opaque, const double *values, uint32_t index, const mxd_moment *moment, double *row_values)
{
    (void)index;
    (void)moment;
    const mxd_dynamics_curve curve = curve_of(values);
    mxd_dynamics_values(&curve, MXD_DYNAMICS_COMPRESS, ((const de_esser_params *)opaque)->sample_rate, row_values);
}

static uint64_t de_esser_tail_frames(const void *opaque, uint32_t num_inputs)
{
    const de_esser_params *params = opaque;
    (void)num_inputs;
    return params->mode == SPLIT ? band_tail_frames(params) : 0;
}

static uint64_t de_esser_settle_frames(const void *opaque, const double *values)
{
    const de_esser_params *params = opaque;
    const mxd_dynamics_curve curve = curve_of(values);
    return band_tail_frames(params) + mxd_dynamics_settle_frames(&curve, params->sample_rate);
}

static mxd_result emit_split(const mxd_sections *band, mxd_graph_builder *builder, mxd_dynamics_row row,
                             uint32_t *lanes, uint32_t num_inputs)
{
    uint32_t bands[MXD_MAX_CHANNELS];
    memcpy(bands, lanes, num_inputs * sizeof *bands);
    mxd_result result = MXD_OK;
    for (uint32_t c = 0; c < num_inputs && result == MXD_OK; c++)
        result = mxd_channel_scale(builder, &bands[c], 1.0, NULL, 0);
    if (result == MXD_OK)
        result = mxd_emit_sections(builder, bands, num_inputs, band);
    row.settings[MXD_DYNAMICS_OUTPUT] = MXD_DYNAMICS_CHANGE;
    if (result == MXD_OK)
        result = mxd_dynamics_emit(builder, &row, bands, num_inputs);
    for (uint32_t c = 0; c < num_inputs && result == MXD_OK; c++) {
        const mxd_builder_edge edges[2] = {{.input_lane = lanes[c], .gain = 1.0}, {.input_lane = bands[c], .gain = 1.0}};
        lanes[c] = mxd_builder_lane(builder);
        result = lanes[c] == UINT32_MAX ? MXD_ERROR_MEMORY : mxd_builder_mix(builder, lanes[c], edges, 2);
    }
    return result;
}

static mxd_result de_esser_emit(const void *opaque, mxd_graph_builder *builder, uint32_t *lanes, uint32_t num_inputs)
{
    const de_esser_params *params = opaque;
    mxd_dynamics_row row = {.settings = {[MXD_DYNAMICS_MODE] = MXD_DYNAMICS_COMPRESS}, .map = map};
    const bool moves = mxd_builder_moves(builder, FREQUENCY) || mxd_builder_moves(builder, Q);
    const mxd_dynamics_key key = {
        .has_filter = true,
        .filter = {.at_rest = {section_at(params, params->values[FREQUENCY], params->values[Q])}, .count = 1,
                   .map = moves ? map_band : NULL},
    };
    if (params->mode == SPLIT)
        return emit_split(&key.filter, builder, row, lanes, num_inputs);
    row.key = &key;
    return mxd_dynamics_emit(builder, &row, lanes, num_inputs);
}

const mxd_effect mxd_effect_de_esser = {
    .type = "de-esser",
    .parameters = parameters,
    .num_parameters = NUM_VALUES,
    .num_values = NUM_VALUES,
    .read = de_esser_read,
    .finish = de_esser_finish,
    .automated = de_esser_automated,
    .destroy = free,
    .num_outputs = mxd_channels_any,
    .tail_frames = de_esser_tail_frames,
    .settle_frames = de_esser_settle_frames,
    .emit = de_esser_emit,
};
