/*
 * gate: open while the level is above its threshold, or no more than hysteresis_db
 * below it, or was so within hold_ms; else range_db less. By the kernel "dynamics".
 */
#include "../../formats/reader.h"
#include "channels.h"
#include "dynamics.h"

#include <math.h>
#include <stdlib.h>

enum { THRESHOLD, HYSTERESIS, RANGE, ATTACK, HOLD, RELEASE, LINK, LOOK_AHEAD, NUM_VALUES };

static const mxd_insert_parameter parameters[NUM_VALUES] = {
    [THRESHOLD] = {"threshold_db", -100.0, 24.0, -40.0, false, false},
    [HYSTERESIS] = {"hysteresis_db", 0.0, 60.0, 6.0, false, false},
    [RANGE] = {"range_db", 0.0, 144.0, 80.0, false, false},
    [ATTACK] = {"attack_ms", 0.0, 1000.0, 0.5, false, false},
    [HOLD] = {"hold_ms", 0.0, 5000.0, 20.0, false, false},
    [RELEASE] = {"release_ms", 0.0, 5000.0, 100.0, false, false},
    [LINK] = {"link", 0.0, 1.0, 1.0, false, false},
    [LOOK_AHEAD] = {"lookahead_ms", 0.0, 100.0, 0.0, false, true},
};

typedef struct gate_params {
    double values[NUM_VALUES];
    uint32_t sample_rate;
    uint32_t look_ahead; /* frames */
    mxd_dynamics_key key;
} gate_params;

static void *gate_read(mxd_reader *reader, const mxd_effect_context *context)
{
    gate_params *params = calloc(1, sizeof *params);
    if (!params) {
        mxd_reader_fail(reader, NULL, "memory ran out");
        return NULL;
    }
    params->sample_rate = context->sample_rate;
    mxd_dynamics_read_key(reader, context->sample_rate, &params->key);
    return params;
}

static void gate_finish(void *opaque, mxd_reader *reader, const mxd_effect_context *context)
{
    gate_params *params = opaque;
    params->look_ahead = (uint32_t)lround(1e-3 * params->values[LOOK_AHEAD] * context->sample_rate);
    (void)reader;
}

static mxd_dynamics_curve curve_of(const double *values)
{
    return (mxd_dynamics_curve){
        .threshold_db = values[THRESHOLD],
        .hysteresis_db = values[HYSTERESIS],
        .range_db = values[RANGE],
        .attack_ms = values[ATTACK],
        .hold_ms = values[HOLD],
        .release_ms = values[RELEASE],
        .mix = 1.0,
        .link = values[LINK],
    };
}

static void map(const void *opaque, const double *values, uint32_t index, const mxd_moment *moment, double *row_values)
{
    const gate_params *params = opaque;
    (void)index;
    (void)moment;
    const mxd_dynamics_curve curve = curve_of(values);
    mxd_dynamics_values(&curve, MXD_DYNAMICS_GATE, params->sample_rate, row_values);
}

static uint32_t gate_latency_frames(const void *opaque, uint32_t num_inputs)
{
    const gate_params *params = opaque;
    (void)num_inputs;
    return params->key.listen ? 0 : params->look_ahead;
}

static uint64_t gate_settle_frames(const void *opaque, const double *values)
{
    const gate_params *params = opaque;
    const mxd_dynamics_curve curve = curve_of(values);
    return mxd_svf_tail_frames(params->key.filter.at_rest, params->key.filter.count) +
           mxd_dynamics_settle_frames(&curve, params->sample_rate);
}

static mxd_result gate_emit(const void *opaque, mxd_graph_builder *builder, uint32_t *lanes, uint32_t num_inputs)
{
    const gate_params *params = opaque;
    const mxd_dynamics_row row = {
        .settings = {[MXD_DYNAMICS_MODE] = MXD_DYNAMICS_GATE,
                     [MXD_DYNAMICS_LOOK_AHEAD] = params->look_ahead},
        .map = map,
        .key = &params->key,
    };
    return mxd_dynamics_emit(builder, &row, lanes, num_inputs);
}

const mxd_effect mxd_effect_gate = {
    .type = "gate",
    .parameters = parameters,
    .num_parameters = NUM_VALUES,
    .num_values = NUM_VALUES,
    .has_side_chain = true,
    .read = gate_read,
    .finish = gate_finish,
    .destroy = free,
    .num_outputs = mxd_channels_any,
    .latency_frames = gate_latency_frames,
    .tail_frames = mxd_dynamics_no_tail,
    .settle_frames = gate_settle_frames,
    .emit = gate_emit,
};
