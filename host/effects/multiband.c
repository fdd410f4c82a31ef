/*
 * multiband: two to five bands, each with a compressor of its own (the kernel
 * "dynamics"), by Linkwitz-Riley crossovers of 24 dB per octave (S. Linkwitz,
 * "Active crossover networks for noncoincident drivers", JAES 24(1), 1976: a
 * Butterworth of second order, twice). A crossover's low- and high-pass sum to the
 * all-pass of second order with Q = 1 / sqrt(2) (width.c has the formula), so a
 * band goes through the high-passes of the crossovers below it, the low-pass of
 * its upper one, and the all-passes of those above: then all bands have the same
 * phase, and sum to an all-pass.
 */
#include "../../formats/reader.h"
#include "channels.h"
#include "dynamics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BANDS 5u
#define MAX_SECTIONS (2u * (MAX_BANDS - 1))

enum { MIX, LINK, RMS, LOOK_AHEAD, NUM_PARAMETERS };
enum { THRESHOLD, RATIO, KNEE, RANGE, ATTACK, RELEASE, GAIN, NUM_BAND_PARAMETERS };
enum { CROSSOVERS = NUM_PARAMETERS + MAX_BANDS * NUM_BAND_PARAMETERS, NUM_VALUES = CROSSOVERS + MAX_BANDS - 1 };

static const mxd_insert_parameter parameters[NUM_PARAMETERS] = {
    [MIX] = {"mix", 0.0, 1.0, 1.0, false, false},
    [LINK] = {"link", 0.0, 1.0, 1.0, false, false},
    [RMS] = {"rms_ms", 0.1, 1000.0, 10.0, false, false},
    [LOOK_AHEAD] = {"lookahead_ms", 0.0, 100.0, 0.0, false, true},
};

static const mxd_insert_parameter band_parameters[NUM_BAND_PARAMETERS] = {
    [THRESHOLD] = {"threshold_db", -100.0, 24.0, -20.0, false, false},
    [RATIO] = {"ratio", 1.0, MXD_DYNAMICS_MAX_RATIO, 2.0, false, false},
    [KNEE] = {"knee_db", 0.0, 48.0, 6.0, false, false},
    [RANGE] = {"range_db", 0.0, 144.0, 144.0, false, false},
    [ATTACK] = {"attack_ms", 0.0, 1000.0, 10.0, false, false},
    [RELEASE] = {"release_ms", 0.0, 5000.0, 100.0, false, false},
    [GAIN] = {"gain_db", -60.0, 60.0, 0.0, false, false},
};

typedef struct multiband_params {
    double values[NUM_VALUES];
    uint32_t sample_rate;
    uint32_t look_ahead; /* frames */
    int detector;
    uint32_t num_bands;
    bool any_solo;
    bool solo[MAX_BANDS], bypass[MAX_BANDS];
    uint32_t num_crossovers;
    mxd_insert_parameter crossover; /* the range of each */
} multiband_params;

static const double *band_values(const double *values, uint32_t band)
{
    return values + NUM_PARAMETERS + band * NUM_BAND_PARAMETERS;
}

/* ---- Reading ------------------------------------------------------------- */

/* Gives how many there are; 0 with a problem. */
static uint32_t read_crossovers(mxd_reader *reader, multiband_params *params)
{
    mxd_reader *array = mxd_read_array(reader, "crossovers_hz", MXD_REQUIRED);
    if (!array)
        return 0;
    const size_t count = mxd_reader_length(array);
    if (count < 1 || count > MAX_BANDS - 1)
        mxd_reader_fail(reader, "crossovers_hz", "a multiband has 1 to %u crossovers, not %zu", MAX_BANDS - 1, count);
    else
        for (size_t i = 0; i < count; i++) {
            double *next = &params->values[CROSSOVERS + params->num_crossovers];
            if (!mxd_item_number(array, i, params->crossover.min, params->crossover.max, next))
                continue;
            if (params->num_crossovers > 0 && !(next[0] > next[-1])) {
                mxd_reader_fail(reader, "crossovers_hz", "crossovers must ascend, but %g Hz follows %g Hz", next[0],
                                next[-1]);
                continue;
            }
            params->num_crossovers++;
        }
    mxd_reader_close(array);
    return params->num_crossovers == count ? params->num_crossovers : 0;
}

static void read_band(mxd_reader *reader, multiband_params *params, uint32_t band)
{
    double *values = params->values + NUM_PARAMETERS + band * NUM_BAND_PARAMETERS;
    for (uint32_t i = 0; i < NUM_BAND_PARAMETERS; i++) {
        values[i] = band_parameters[i].initial;
        mxd_read_number(reader, band_parameters[i].key, MXD_OPTIONAL, band_parameters[i].min, band_parameters[i].max,
                        &values[i]);
    }
    mxd_read_bool(reader, "solo", MXD_OPTIONAL, &params->solo[band]);
    mxd_read_bool(reader, "bypass", MXD_OPTIONAL, &params->bypass[band]);
    params->any_solo |= params->solo[band];
}

static void *multiband_read(mxd_reader *reader, const mxd_effect_context *context)
{
    static const char *const detectors[] = {"peak", "rms"};
    multiband_params *params = calloc(1, sizeof *params);
    if (!params) {
        mxd_reader_fail(reader, NULL, "memory ran out");
        return NULL;
    }
    params->sample_rate = context->sample_rate;
    params->crossover = (mxd_insert_parameter){
        .key = "crossovers_hz", .min = 20.0, .max = fmin(0.45 * context->sample_rate, 20000.0)};
    mxd_read_choice(reader, "detector", MXD_OPTIONAL, detectors, 2, &params->detector);
    const uint32_t num_crossovers = read_crossovers(reader, params);
    mxd_reader *array = mxd_read_array(reader, "bands", MXD_REQUIRED);
    if (!array)
        return params;
    const size_t count = mxd_reader_length(array);
    if (num_crossovers > 0 && count != num_crossovers + 1)
        mxd_reader_fail(reader, "bands", "%u crossover%s make%s %u bands, but \"bands\" has %zu",
                        (unsigned)num_crossovers, num_crossovers == 1 ? "" : "s", num_crossovers == 1 ? "s" : "",
                        (unsigned)num_crossovers + 1, count);
    for (size_t i = 0; i < count && i < MAX_BANDS; i++) {
        mxd_reader *item = mxd_item_object(array, i);
        if (item)
            read_band(item, params, (uint32_t)i);
        mxd_reader_close(item);
    }
    params->num_bands = (uint32_t)(count < MAX_BANDS ? count : MAX_BANDS);
    mxd_reader_close(array);
    return params;
}

static void multiband_finish(void *opaque, mxd_reader *reader, const mxd_effect_context *context)
{
    multiband_params *params = opaque;
    params->look_ahead = (uint32_t)lround(1e-3 * params->values[LOOK_AHEAD] * context->sample_rate);
    mxd_dynamics_refuse_rms_ms(reader, params->detector);
}

static void multiband_automated(void *opaque, mxd_reader *automation, uint32_t value, double least, double most)
{
    const multiband_params *params = opaque;
    (void)least;
    (void)most;
    if (value == RMS)
        mxd_dynamics_refuse_moving_rms_ms(automation, params->detector);
}

/* "bands[1].threshold_db", "crossovers_hz[0]" */
static const mxd_insert_parameter *multiband_find_parameter(const void *opaque, const char *path, uint32_t *value)
{
    const multiband_params *params = opaque;
    for (uint32_t b = 0; b < params->num_bands; b++)
        for (uint32_t i = 0; i < NUM_BAND_PARAMETERS; i++) {
            char name[64];
            snprintf(name, sizeof name, "bands[%u].%s", (unsigned)b, band_parameters[i].key);
            if (strcmp(name, path) != 0)
                continue;
            *value = NUM_PARAMETERS + b * NUM_BAND_PARAMETERS + i;
            return &band_parameters[i];
        }
    for (uint32_t i = 0; i < params->num_crossovers; i++) {
        char name[64];
        snprintf(name, sizeof name, "crossovers_hz[%u]", (unsigned)i);
        if (strcmp(name, path) != 0)
            continue;
        *value = CROSSOVERS + i;
        return &params->crossover;
    }
    return NULL;
}

/* ---- The bands' filters and compressors ----------------------------------- */

/* Where crossovers that move pass each other, the band between them falls silent; the bands' sum stays flat. */
static uint32_t design_band(const multiband_params *params, const double *values, uint32_t band, mxd_svf *sections)
{
    const double k = sqrt(2.0);
    uint32_t count = 0;
    for (uint32_t i = 0; i < params->num_crossovers; i++) {
        const double g = mxd_eq_prewarp(values[CROSSOVERS + i], params->sample_rate);
        const mxd_svf high_pass = {g, k, 1.0, -k, -1.0}, low_pass = {g, k, 0.0, 0.0, 1.0};
        if (i > band)
            sections[count++] = (mxd_svf){g, k, 1.0, -2.0 * k, 0.0};
        else {
            sections[count++] = i < band ? high_pass : low_pass;
            sections[count++] = i < band ? high_pass : low_pass;
        }
    }
    return count;
}

static mxd_dynamics_curve curve_of(const multiband_params *params, const double *values, uint32_t band)
{
    const double *own = band_values(values, band);
    mxd_dynamics_curve curve = {
        .threshold_db = own[THRESHOLD],
        .ratio = own[RATIO],
        .knee_db = own[KNEE],
        .range_db = own[RANGE],
        .attack_ms = own[ATTACK],
        .release_ms = own[RELEASE],
        .rms_ms = params->detector == MXD_DYNAMICS_RMS ? values[RMS] : 0.0,
        .make_up_db = own[GAIN],
        .mix = params->bypass[band] ? 0.0 : values[MIX],
        .link = values[LINK],
    };
    return curve;
}

static void map(const void *opaque, const double *values, uint32_t index, const mxd_moment *moment, double *row_values)
{
    const multiband_params *params = opaque;
    (void)moment;
    const mxd_dynamics_curve curve = curve_of(params, values, index);
    mxd_dynamics_values(&curve, MXD_DYNAMICS_COMPRESS, params->sample_rate, row_values);
}

static void map_sections(const void *params, const double *values, uint32_t index, const mxd_moment *moment,
                         double *row_values)
{
    (void)moment;
    mxd_svf sections[MAX_SECTIONS];
    mxd_put_sections(sections, design_band(params, values, index, sections), row_values);
}

static uint32_t multiband_latency_frames(const void *opaque, uint32_t num_inputs)
{
    (void)num_inputs;
    return ((const multiband_params *)opaque)->look_ahead;
}

static uint64_t multiband_tail_frames(const void *opaque, uint32_t num_inputs)
{
    const multiband_params *params = opaque;
    (void)num_inputs;
    uint64_t longest = 0;
    for (uint32_t b = 0; b < params->num_bands; b++) {
        mxd_svf sections[MAX_SECTIONS];
        const uint64_t tail = mxd_svf_tail_frames(sections, design_band(params, params->values, b, sections));
        longest = tail > longest ? tail : longest;
    }
    return longest;
}

static uint64_t multiband_settle_frames(const void *opaque, const double *values)
{
    const multiband_params *params = opaque;
    uint64_t longest = 0;
    for (uint32_t b = 0; b < params->num_bands; b++) {
        const mxd_dynamics_curve curve = curve_of(params, values, b);
        const uint64_t settle = mxd_dynamics_settle_frames(&curve, params->sample_rate);
        longest = settle > longest ? settle : longest;
    }
    return longest;
}

/* One band of all channels; lanes: the input's, then the band's. */
static mxd_result emit_band(const multiband_params *params, mxd_graph_builder *builder, uint32_t band, uint32_t *lanes,
                            uint32_t num_channels)
{
    mxd_sections sections = {.index = band};
    sections.count = design_band(params, params->values, band, sections.at_rest);
    for (uint32_t i = 0; i < params->num_crossovers; i++)
        if (mxd_builder_moves(builder, CROSSOVERS + i))
            sections.map = map_sections;
    mxd_result result = MXD_OK;
    for (uint32_t c = 0; c < num_channels && result == MXD_OK; c++)
        result = mxd_channel_scale(builder, &lanes[c], 1.0, NULL, 0);
    if (result == MXD_OK)
        result = mxd_emit_sections(builder, lanes, num_channels, &sections);
    const mxd_dynamics_row row = {
        .settings = {[MXD_DYNAMICS_MODE] = MXD_DYNAMICS_COMPRESS,
                     [MXD_DYNAMICS_DETECTOR] = (uint32_t)params->detector,
                     [MXD_DYNAMICS_LOOK_AHEAD] = params->look_ahead},
        .map = map,
        .index = band,
    };
    return result == MXD_OK ? mxd_dynamics_emit(builder, &row, lanes, num_channels) : result;
}

static mxd_result multiband_emit(const void *opaque, mxd_graph_builder *builder, uint32_t *lanes, uint32_t num_inputs)
{
    const multiband_params *params = opaque;
    uint32_t bands[MAX_BANDS][MXD_MAX_CHANNELS], num_heard = 0;
    for (uint32_t b = 0; b < params->num_bands; b++) {
        if (params->any_solo && !params->solo[b])
            continue;
        memcpy(bands[num_heard], lanes, num_inputs * sizeof *lanes);
        mxd_result result = emit_band(params, builder, b, bands[num_heard++], num_inputs);
        if (result != MXD_OK)
            return result;
    }
    for (uint32_t c = 0; c < num_inputs; c++) {
        mxd_builder_edge edges[MAX_BANDS];
        for (uint32_t b = 0; b < num_heard; b++)
            edges[b] = (mxd_builder_edge){.input_lane = bands[b][c], .gain = 1.0};
        lanes[c] = mxd_builder_lane(builder);
        mxd_result result =
            lanes[c] == UINT32_MAX ? MXD_ERROR_MEMORY : mxd_builder_mix(builder, lanes[c], edges, num_heard);
        if (result != MXD_OK)
            return result;
    }
    return MXD_OK;
}

const mxd_effect mxd_effect_multiband = {
    .type = "multiband",
    .parameters = parameters,
    .num_parameters = NUM_PARAMETERS,
    .num_values = NUM_VALUES,
    .find_parameter = multiband_find_parameter,
    .path_example = "bands[0].threshold_db",
    .read = multiband_read,
    .finish = multiband_finish,
    .automated = multiband_automated,
    .destroy = free,
    .num_outputs = mxd_channels_any,
    .latency_frames = multiband_latency_frames,
    .tail_frames = multiband_tail_frames,
    .settle_frames = multiband_settle_frames,
    .emit = multiband_emit,
};
