/*
 * The equaliser: up to 32 bands, each one to four second-order sections on the
 * channels of its scope. What stands still is designed once (eq_design.c); what
 * automation moves is designed for every point of the kernels' grid.
 */
#include "dynamics.h"
#include "eq_linear.h"

#include "../../formats/reader.h"
#include "../graph/builder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Bands --------------------------------------------------------------- */

bool mxd_eq_item_works(const mxd_eq_item *item)
{
    if (!item->works)
        return false;
    return item->band.gain_db != 0.0 || item->moves[MXD_EQ_GAIN] || !mxd_eq_has_gain(item->band.type);
}

bool mxd_eq_item_moves(const mxd_eq_item *item)
{
    return item->moves[MXD_EQ_FREQUENCY] || item->moves[MXD_EQ_GAIN] || item->moves[MXD_EQ_Q];
}

/* A Bezier curve may pass its points, and so their range; beyond it sections are not stable. */
static double in_range(const mxd_eq_insert *insert, mxd_eq_value value, double x)
{
    return fmin(fmax(x, insert->parameters[value].min), insert->parameters[value].max);
}

mxd_eq_band mxd_eq_item_at(const mxd_eq_insert *insert, uint32_t band, const double *values, double *g)
{
    const mxd_eq_item *item = &insert->bands[band];
    mxd_eq_band at = item->band;
    at.frequency_hz = in_range(insert, MXD_EQ_FREQUENCY, values[mxd_eq_value_index(band, MXD_EQ_FREQUENCY)]);
    at.gain_db = in_range(insert, MXD_EQ_GAIN, values[mxd_eq_value_index(band, MXD_EQ_GAIN)]);
    at.q = in_range(insert, MXD_EQ_Q, values[mxd_eq_value_index(band, MXD_EQ_Q)]);
    *g = at.frequency_hz == item->band.frequency_hz ? item->g : mxd_eq_prewarp(at.frequency_hz, insert->sample_rate);
    return at;
}

/* ---- Automation ---------------------------------------------------------- */

/* "bands[3].gain_db": the fourth band's. */
static const mxd_insert_parameter *eq_find_parameter(const void *params, const char *path, uint32_t *value)
{
    const mxd_eq_insert *insert = params;
    unsigned band = 0;
    int length = 0;
    if (sscanf(path, "bands[%4u].%n", &band, &length) != 1 || length == 0 || band >= insert->num_bands)
        return NULL;
    const mxd_eq_item *item = &insert->bands[band];
    for (uint32_t i = 0; i < MXD_EQ_BAND_VALUES; i++) {
        if (strcmp(insert->parameters[i].key, path + length) != 0)
            continue;
        const bool is_steep = item->band.slope_db_per_octave > 12;
        if ((i == MXD_EQ_GAIN && !mxd_eq_has_gain(item->band.type)) || (i == MXD_EQ_Q && is_steep) ||
            (i >= MXD_EQ_THRESHOLD && !item->is_dynamic))
            return NULL;
        *value = mxd_eq_value_index(band, (mxd_eq_value)i);
        return &insert->parameters[i];
    }
    return NULL;
}

static void eq_automated(void *params, mxd_reader *automation, uint32_t value, double least, double most)
{
    (void)automation;
    mxd_eq_insert *insert = params;
    for (uint32_t band = 0; band < insert->num_bands; band++)
        for (uint32_t i = 0; i < MXD_EQ_BAND_VALUES; i++)
            if (mxd_eq_value_index(band, (mxd_eq_value)i) == value) {
                insert->bands[band].moves[i] = true;
                insert->bands[band].least[i] = least;
                insert->bands[band].most[i] = most;
            }
}

/* ---- The insert ---------------------------------------------------------- */

static void eq_destroy(void *params)
{
    mxd_eq_insert *insert = params;
    if (insert)
        mxd_eq_linear_destroy(insert->linear);
    free(insert);
}

static void *eq_read(mxd_reader *reader, const mxd_effect_context *context)
{
    bool is_linear = false;
    uint32_t fir_length = 0;
    mxd_eq_insert *insert = mxd_eq_read(reader, context, &is_linear, &fir_length);
    if (!insert || !is_linear)
        return insert;
    insert->linear = mxd_eq_linear_create(insert, fir_length);
    if (insert->linear)
        return insert;
    mxd_reader_fail(reader, NULL, "memory ran out");
    eq_destroy(insert);
    return NULL;
}

static uint32_t eq_num_outputs(const void *params, uint32_t num_inputs, const mxd_place *place, mxd_problems *problems)
{
    static const char *const names[MXD_EQ_NUM_SCOPES] = {"stereo", "left", "right", "mid", "side"};
    const mxd_eq_insert *insert = params;
    for (uint32_t i = 0; i < insert->num_bands; i++)
        if (insert->bands[i].scope != MXD_EQ_STEREO && num_inputs != 2) {
            mxd_fail(problems, MXD_ERROR_INVALID, place,
                     "bands[%u] has the scope \"%s\", which two channels have; %u enter%s this eq", (unsigned)i,
                     names[insert->bands[i].scope], (unsigned)num_inputs, num_inputs == 1 ? "s" : "");
            return 0;
        }
    return num_inputs;
}

/*
 * The longest tail of a band over all that automation gives it. The slowest pole
 * lies at an end of each range: it slows with lower frequency and higher q, and
 * with the gain one way or the other.
 */
static uint64_t band_tail_frames(const mxd_eq_insert *insert, uint32_t index)
{
    const mxd_eq_item *item = &insert->bands[index];
    uint64_t longest = 0;
    for (uint32_t corner = 0; corner < 1u << MXD_EQ_NUM_SHAPE_VALUES; corner++) {
        double values[MXD_EQ_NUM_SHAPE_VALUES];
        for (uint32_t i = 0; i < MXD_EQ_NUM_SHAPE_VALUES; i++)
            values[i] = !item->moves[i] ? item->values[i]
                                        : in_range(insert, (mxd_eq_value)i,
                                                   (corner >> i & 1) ? item->most[i] : item->least[i]);
        mxd_eq_band band = item->band;
        band.frequency_hz = values[MXD_EQ_FREQUENCY];
        band.gain_db = values[MXD_EQ_GAIN];
        band.q = values[MXD_EQ_Q];
        mxd_svf sections[MXD_EQ_MAX_BAND_SECTIONS];
        const uint32_t num_sections = mxd_eq_design(&band, insert->sample_rate, sections);
        uint64_t tail = mxd_svf_tail_frames(sections, num_sections);
        if (item->is_dynamic) {
            const mxd_svf filter = mxd_eq_dynamic_filter(&band, mxd_eq_prewarp(band.frequency_hz, insert->sample_rate));
            tail += mxd_svf_tail_frames(&filter, 1);
        }
        longest = tail > longest ? tail : longest;
    }
    return longest;
}

static uint64_t eq_tail_frames(const void *params, uint32_t num_inputs)
{
    (void)num_inputs;
    const mxd_eq_insert *insert = params;
    uint64_t tail = 0;
    if (insert->linear)
        return insert->linear->length ? insert->linear->length - 1 : 0;
    for (uint32_t i = 0; i < insert->num_bands; i++)
        if (insert->bands[i].works)
            tail += band_tail_frames(insert, i);
    return tail;
}

/* The detectors of dynamic bands, longer than the sound. */
static uint64_t eq_settle_frames(const void *params, const double *values)
{
    const mxd_eq_insert *insert = params;
    uint64_t longest = 0;
    for (uint32_t i = 0; i < insert->num_bands; i++) {
        if (!insert->bands[i].works || !insert->bands[i].is_dynamic)
            continue;
        const mxd_dynamics_curve curve = {.attack_ms = values[mxd_eq_value_index(i, MXD_EQ_ATTACK)],
                                          .release_ms = values[mxd_eq_value_index(i, MXD_EQ_RELEASE)]};
        const uint64_t frames = mxd_dynamics_settle_frames(&curve, insert->sample_rate);
        longest = frames > longest ? frames : longest;
    }
    return longest ? longest + eq_tail_frames(params, 1) : 0;
}

static uint32_t eq_latency_frames(const void *params, uint32_t num_inputs)
{
    (void)num_inputs;
    const mxd_eq_insert *insert = params;
    return insert->linear ? insert->linear->length / 2 : 0;
}

static mxd_result eq_emit(const void *params, mxd_graph_builder *builder, uint32_t *lanes, uint32_t num_inputs)
{
    const mxd_eq_insert *insert = params;
    if (!insert->linear)
        return mxd_eq_emit(insert, builder, lanes, num_inputs);
    return insert->linear->length ? mxd_eq_linear_emit(insert->linear, builder, lanes, num_inputs) : MXD_OK;
}

const mxd_effect mxd_effect_eq = {
    .type = "eq",
    .num_values = MXD_EQ_NUM_VALUES,
    .has_side_chain = true,
    .find_parameter = eq_find_parameter,
    .path_example = "bands[0].gain_db",
    .automated = eq_automated,
    .read = eq_read,
    .destroy = eq_destroy,
    .num_outputs = eq_num_outputs,
    .latency_frames = eq_latency_frames,
    .tail_frames = eq_tail_frames,
    .settle_frames = eq_settle_frames,
    .emit = eq_emit,
};
