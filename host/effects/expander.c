/*
 * expander: reduces what lies below a threshold, by the kernel "dynamics". Levels
 * fall faster by the ratio: 2 makes of 10 dB below the threshold 20, down to range_db less.
 */
#include "../../formats/reader.h"
#include "channels.h"
#include "dynamics.h"

#include <math.h>
#include <stdlib.h>

enum { THRESHOLD, RATIO, KNEE, RANGE, ATTACK, HOLD, RELEASE, MIX, LINK, RMS, LOOK_AHEAD, NUM_VALUES };

static const mxd_insert_parameter parameters[NUM_VALUES] = {
    [THRESHOLD] = {"threshold_db", -100.0, 24.0, -40.0, false, false},
    [RATIO] = {"ratio", 1.0, MXD_DYNAMICS_MAX_RATIO, 2.0, false, false},
    [KNEE] = {"knee_db", 0.0, 48.0, 6.0, false, false},
    [RANGE] = {"range_db", 0.0, 144.0, 40.0, false, false},
    [ATTACK] = {"attack_ms", 0.0, 1000.0, 1.0, false, false},
    [HOLD] = {"hold_ms", 0.0, 5000.0, 0.0, false, false},
    [RELEASE] = {"release_ms", 0.0, 5000.0, 100.0, false, false},
    [MIX] = {"mix", 0.0, 1.0, 1.0, false, false},
    [LINK] = {"link", 0.0, 1.0, 1.0, false, false},
    [RMS] = {"rms_ms", 0.1, 1000.0, 10.0, false, false},
    [LOOK_AHEAD] = {"lookahead_ms", 0.0, 100.0, 0.0, false, true},
};

typedef struct expander_params {
    double values[NUM_VALUES];
    uint32_t sample_rate;
    uint32_t look_ahead; /* frames */
    int detector;
    mxd_dynamics_key key;
} expander_params;

static void *expander_read(mxd_reader *reader, const mxd_effect_context *context)
{
    static const char *const detectors[] = {"peak", "rms"};
    expander_params *params = calloc(1, sizeof *params);
    if (!params) {
        mxd_reader_fail(reader, NULL, "memory ran out");
        return NULL;
    }
    params->sample_rate = context->sample_rate;
    mxd_read_choice(reader, "detector", MXD_OPTIONAL, detectors, 2, &params->detector);
    mxd_dynamics_read_key(reader, context->sample_rate, &params->key);
    return params;
}

static void expander_finish(void *opaque, mxd_reader *reader, const mxd_effect_context *context)
{
    expander_params *params = opaque;
    params->look_ahead = (uint32_t)lround(1e-3 * params->values[LOOK_AHEAD] * context->sample_rate);
    mxd_dynamics_refuse_rms_ms(reader, params->detector);
}

static void expander_automated(void *opaque, mxd_reader *automation, uint32_t value, double least, double most)
{
    const expander_params *params = opaque;
    (void)least;
    (void)most;
    if (value == RMS)
        mxd_dynamics_refuse_moving_rms_ms(automation, params->detector);
}

static mxd_dynamics_curve curve_of(const expander_params *params, const double *values)
{
    return (mxd_dynamics_curve){
        .threshold_db = values[THRESHOLD],
        .ratio = values[RATIO],
        .knee_db = values[KNEE],
        .range_db = values[RANGE],
        .attack_ms = values[ATTACK],
        .hold_ms = values[HOLD],
        .release_ms = values[RELEASE],
        .rms_ms = params->detector == MXD_DYNAMICS_RMS ? values[RMS] : 0.0,
        .mix = values[MIX],
        .link = values[LINK],
    };
}

static void map(const void *opaque, const double *values, uint32_t index, const mxd_moment *moment, double *row_values)
{
    const expander_params *params = opaque;
    (void)index;
    (void)moment;
    const mxd_dynamics_curve curve = curve_of(params, values);
    mxd_dynamics_values(&curve, MXD_DYNAMICS_EXPAND, params->sample_rate, row_values);
}

static uint32_t expander_latency_frames(const void *opaque, uint32_t num_inputs)
{
    const expander_params *params = opaque;
    (void)num_inputs;
    return params->key.listen ? 0 : params->look_ahead;
}

static uint64_t expander_settle_frames(const void *opaque, const double *values)
{
    const expander_params *params = opaque;
    const mxd_dynamics_curve curve = curve_of(params, values);
    return mxd_svf_tail_frames(params->key.filter.at_rest, params->key.filter.count) +
           mxd_dynamics_settle_frames(&curve, params->sample_rate);
}

static mxd_result expander_emit(const void *opaque, mxd_graph_builder *builder, uint32_t *lanes, uint32_t num_inputs)
{
    const expander_params *params = opaque;
    const mxd_dynamics_row row = {
        .settings = {[MXD_DYNAMICS_MODE] = MXD_DYNAMICS_EXPAND,
                     [MXD_DYNAMICS_DETECTOR] = (uint32_t)params->detector,
                     [MXD_DYNAMICS_LOOK_AHEAD] = params->look_ahead},
        .map = map,
        .key = &params->key,
    };
    return mxd_dynamics_emit(builder, &row, lanes, num_inputs);
}

const mxd_effect mxd_effect_expander = {
    .type = "expander",
    .parameters = parameters,
    .num_parameters = NUM_VALUES,
    .num_values = NUM_VALUES,
    .has_side_chain = true,
    .read = expander_read,
    .finish = expander_finish,
    .automated = expander_automated,
    .destroy = free,
    .num_outputs = mxd_channels_any,
    .latency_frames = expander_latency_frames,
    .tail_frames = mxd_dynamics_no_tail,
    .settle_frames = expander_settle_frames,
    .emit = expander_emit,
};
