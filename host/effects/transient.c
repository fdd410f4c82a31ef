/*
 * transient: more or less of onsets and of what rings on after them, whatever the
 * level, by the kernel "dynamics". attack_ms is how long an onset counts as one,
 * sustain_ms how slowly the envelope falls that what rings is held against; the
 * fast envelopes follow in a tenth of these times.
 */
#include "../../formats/reader.h"
#include "channels.h"
#include "dynamics.h"

#include <math.h>
#include <stdlib.h>

enum { ATTACK_AMOUNT, SUSTAIN_AMOUNT, ATTACK, SUSTAIN, OUTPUT, MIX, LINK, NUM_VALUES };

static const mxd_insert_parameter parameters[NUM_VALUES] = {
    [ATTACK_AMOUNT] = {"attack_db", -24.0, 24.0, 0.0, false, false},
    [SUSTAIN_AMOUNT] = {"sustain_db", -24.0, 24.0, 0.0, false, false},
    [ATTACK] = {"attack_ms", 1.0, 200.0, 20.0, false, false},
    [SUSTAIN] = {"sustain_ms", 10.0, 2000.0, 300.0, false, false},
    [OUTPUT] = {"output_db", -24.0, 24.0, 0.0, false, false},
    [MIX] = {"mix", 0.0, 1.0, 1.0, false, false},
    [LINK] = {"link", 0.0, 1.0, 1.0, false, false},
};

/* The fast envelopes' times as a part of the slow ones'. */
static const double fast = 0.1;

typedef struct transient_params {
    double values[NUM_VALUES];
    uint32_t sample_rate;
} transient_params;

static void *transient_read(mxd_reader *reader, const mxd_effect_context *context)
{
    transient_params *params = calloc(1, sizeof *params);
    if (params)
        params->sample_rate = context->sample_rate;
    else
        mxd_reader_fail(reader, NULL, "memory ran out");
    return params;
}

static void map(const void *opaque, const double *values, uint32_t index, const mxd_moment *moment, double *row_values)
{
    const uint32_t rate = ((const transient_params *)opaque)->sample_rate;
    (void)index;
    (void)moment;
    for (uint32_t i = 0; i < MXD_DYNAMICS_NUM_VALUES; i++)
        row_values[i] = 0.0;
    row_values[MXD_DYNAMICS_ATTACK_AMOUNT] = mxd_dynamics_octaves(values[ATTACK_AMOUNT]);
    row_values[MXD_DYNAMICS_SUSTAIN_AMOUNT] = mxd_dynamics_octaves(values[SUSTAIN_AMOUNT]);
    row_values[MXD_DYNAMICS_FAST_ATTACK] = mxd_dynamics_part(fast * values[ATTACK], rate);
    row_values[MXD_DYNAMICS_SLOW_ATTACK] = mxd_dynamics_part(values[ATTACK], rate);
    row_values[MXD_DYNAMICS_FAST_RELEASE] = mxd_dynamics_part(fast * values[SUSTAIN], rate);
    row_values[MXD_DYNAMICS_SLOW_RELEASE] = mxd_dynamics_part(values[SUSTAIN], rate);
    row_values[MXD_DYNAMICS_MAKE_UP] = mxd_dynamics_octaves(values[OUTPUT]);
    row_values[MXD_DYNAMICS_MIX] = values[MIX];
    row_values[MXD_DYNAMICS_LINK] = values[LINK];
}

static uint64_t transient_settle_frames(const void *opaque, const double *values)
{
    const mxd_dynamics_curve longest = {.attack_ms = values[ATTACK], .release_ms = values[SUSTAIN]};
    return mxd_dynamics_settle_frames(&longest, ((const transient_params *)opaque)->sample_rate);
}

static mxd_result transient_emit(const void *params, mxd_graph_builder *builder, uint32_t *lanes, uint32_t num_inputs)
{
    const mxd_dynamics_row row = {.settings = {[MXD_DYNAMICS_MODE] = MXD_DYNAMICS_TRANSIENT}, .map = map};
    (void)params;
    return mxd_dynamics_emit(builder, &row, lanes, num_inputs);
}

const mxd_effect mxd_effect_transient = {
    .type = "transient",
    .parameters = parameters,
    .num_parameters = NUM_VALUES,
    .num_values = NUM_VALUES,
    .read = transient_read,
    .destroy = free,
    .num_outputs = mxd_channels_any,
    .tail_frames = mxd_dynamics_no_tail,
    .settle_frames = transient_settle_frames,
    .emit = transient_emit,
};
