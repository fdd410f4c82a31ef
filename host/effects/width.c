/*
 * width: the difference between left and right, scaled: 0 mono, 1 as it was, 2 twice
 * as wide; the sum of both stays what it was.
 *
 * With below_hz all below that frequency becomes mono. Side goes through the high-
 * pass of a Linkwitz-Riley crossover of 24 dB per octave (S. Linkwitz, "Active
 * crossover networks for noncoincident drivers", JAES 24(1), 1976: a Butterworth of
 * second order, twice) and mid through what low- and high-pass of it sum to,
 *     (p^4 + 1) / (p^2 + sqrt(2) p + 1)^2 = (p^2 - sqrt(2) p + 1) / (p^2 + sqrt(2) p + 1),
 * an all-pass. Above the crossover both have the same phase, so that what is in one
 * channel alone stays there.
 */
#include "../../formats/reader.h"
#include "channels.h"
#include "eq.h"
#include "sections.h"

#include <math.h>
#include <stdlib.h>

/* Lower crossovers, unless there is none, mean nothing to the ear. */
#define LOWEST_HZ 10.0

enum { WIDTH, BELOW_HZ, NUM_VALUES };

static const mxd_insert_parameter parameters[NUM_VALUES] = {
    [WIDTH] = {"width", 0.0, 2.0, 1.0, false, false},
    [BELOW_HZ] = {"below_hz", 0.0, 20000.0, 0.0, false, false},
};

typedef struct width_params {
    double values[NUM_VALUES];
    uint32_t sample_rate;
} width_params;

static void *width_read(mxd_reader *reader, const mxd_effect_context *context)
{
    width_params *params = calloc(1, sizeof *params);
    if (!params) {
        mxd_reader_fail(reader, NULL, "memory ran out");
        return NULL;
    }
    params->sample_rate = context->sample_rate;
    return params;
}

static double highest_of(const width_params *params)
{
    return fmin(0.45 * params->sample_rate, parameters[BELOW_HZ].max);
}

static void width_finish(void *opaque, mxd_reader *reader, const mxd_effect_context *context)
{
    width_params *params = opaque;
    const double below_hz = params->values[BELOW_HZ], highest_hz = highest_of(params);
    if (below_hz == 0.0 || (below_hz >= LOWEST_HZ && below_hz <= highest_hz))
        return;
    mxd_reader_fail(reader, "below_hz",
                    "\"below_hz\" is %g, but must be from %g to %g at a sample rate of %u Hz, or 0 for none", below_hz,
                    LOWEST_HZ, highest_hz, (unsigned)context->sample_rate);
    params->values[BELOW_HZ] = 0.0;
}

static void width_automated(void *params, mxd_reader *automation, uint32_t value, double least, double most)
{
    if (value == BELOW_HZ)
        mxd_eq_check_moving_hz(automation, "below_hz", least, most, LOWEST_HZ, highest_of(params));
}

/* The all-pass of mid, then the two high-passes of side. */
enum { MID, SIDE, NUM_SECTIONS = 3 };

static void design(const width_params *params, double below_hz, mxd_svf sections[NUM_SECTIONS])
{
    const double g = mxd_eq_prewarp(below_hz, params->sample_rate), k = sqrt(2.0);
    sections[MID] = (mxd_svf){g, k, 1.0, -2.0 * k, 0.0};
    sections[SIDE] = sections[SIDE + 1] = (mxd_svf){g, k, 1.0, -k, -1.0};
}

/* index: MID or SIDE. */
static void map(const void *params, const double *values, uint32_t index, const mxd_moment *moment, double *row_values)
{
    (void)moment;
    mxd_svf sections[NUM_SECTIONS];
    design(params, values[BELOW_HZ], sections);
    mxd_put_sections(&sections[index], index == MID ? 1 : 2, row_values);
}

static uint32_t width_num_outputs(const void *params, uint32_t num_inputs, const mxd_place *place,
                                  mxd_problems *problems)
{
    (void)params;
    return mxd_channels_two("width", num_inputs, place, problems);
}

static uint64_t width_tail_frames(const void *opaque, uint32_t num_inputs)
{
    const width_params *params = opaque;
    (void)num_inputs;
    if (params->values[BELOW_HZ] == 0.0)
        return 0;
    mxd_svf sections[NUM_SECTIONS];
    design(params, params->values[BELOW_HZ], sections);
    return mxd_svf_tail_frames(&sections[SIDE], 2);
}

/* From left and right: the same side and the other side of each output. */
static double gain_of_sides(const void *params, const double *values, uint32_t index)
{
    (void)params;
    const bool same = index == 0 || index == 3;
    return 0.5 * (same ? 1.0 + values[WIDTH] : 1.0 - values[WIDTH]);
}

/* Mid and side from left and right. */
static double gain_to_mid_side(const void *params, const double *values, uint32_t index)
{
    (void)params;
    (void)values;
    return index == 3 ? -0.5 : 0.5;
}

/* Left and right from mid and side. */
static double gain_of_mid_side(const void *params, const double *values, uint32_t index)
{
    (void)params;
    return index % 2 == 0 ? 1.0 : index == 1 ? values[WIDTH] : -values[WIDTH];
}

static mxd_result width_emit(const void *opaque, mxd_graph_builder *builder, uint32_t *lanes, uint32_t num_inputs)
{
    const width_params *params = opaque;
    (void)num_inputs;
    const bool moves = mxd_builder_moves(builder, BELOW_HZ);
    if (params->values[BELOW_HZ] == 0.0 && !moves)
        return mxd_channels_mix_two(builder, lanes, gain_of_sides);
    mxd_svf sections[NUM_SECTIONS];
    design(params, params->values[BELOW_HZ], sections);
    const mxd_sections mid = {.at_rest = {sections[MID]}, .count = 1, .map = moves ? map : NULL, .index = MID};
    const mxd_sections side = {.at_rest = {sections[SIDE], sections[SIDE + 1]}, .count = 2,
                               .map = moves ? map : NULL, .index = SIDE};
    mxd_result result = mxd_channels_mix_two(builder, lanes, gain_to_mid_side);
    if (result == MXD_OK)
        result = mxd_emit_sections(builder, &lanes[0], 1, &mid);
    if (result == MXD_OK)
        result = mxd_emit_sections(builder, &lanes[1], 1, &side);
    return result == MXD_OK ? mxd_channels_mix_two(builder, lanes, gain_of_mid_side) : result;
}

const mxd_effect mxd_effect_width = {
    .type = "width",
    .parameters = parameters,
    .num_parameters = NUM_VALUES,
    .num_values = NUM_VALUES,
    .read = width_read,
    .finish = width_finish,
    .automated = width_automated,
    .destroy = free,
    .num_outputs = width_num_outputs,
    .tail_frames = width_tail_frames,
    .emit = width_emit,
};
