/* The insert "pitch": all channels through one pitch shifter on the host (hosted/pitch.h). */
#include "effect.h"

#include "../../formats/reader.h"
#include "../graph/builder.h"
#include "../hosted/pitch.h"

#include <stdlib.h>

enum { SEMITONES, CENTS, NUM_VALUES };

typedef struct pitch_params {
    double values[NUM_VALUES];
    bool preserve_formants;
    uint32_t latency_frames;
    uint32_t tail_frames;
} pitch_params;

static const mxd_insert_parameter parameters[NUM_VALUES] = {
    [SEMITONES] = {.key = "semitones", .min = -MXD_PITCH_MAX_SEMITONES, .max = MXD_PITCH_MAX_SEMITONES},
    [CENTS] = {.key = "cents", .min = -100.0, .max = 100.0, .is_fixed = true},
};

static void *pitch_read(mxd_reader *reader, const mxd_effect_context *context)
{
    pitch_params *params = calloc(1, sizeof *params);
    if (!params ||
        mxd_pitch_latency(context->sample_rate, &params->latency_frames, &params->tail_frames) != MXD_OK) {
        mxd_reader_fail(reader, NULL, "memory ran out");
        free(params);
        return NULL;
    }
    mxd_read_bool(reader, "preserve_formants", MXD_OPTIONAL, &params->preserve_formants);
    return params;
}

static void pitch_finish(void *opaque, mxd_reader *reader, const mxd_effect_context *context)
{
    (void)context;
    const pitch_params *params = opaque;
    const double semitones = params->values[SEMITONES] + 0.01 * params->values[CENTS];
    if (!(semitones >= -MXD_PITCH_MAX_SEMITONES && semitones <= MXD_PITCH_MAX_SEMITONES))
        mxd_reader_fail(reader, "cents", "semitones and cents come to %.10g semitones together, but must be from %g to %g",
                        semitones, -MXD_PITCH_MAX_SEMITONES, MXD_PITCH_MAX_SEMITONES);
}

static uint32_t pitch_num_outputs(const void *params, uint32_t num_inputs, const mxd_place *place,
                                  mxd_problems *problems)
{
    (void)params;
    (void)place;
    (void)problems;
    return num_inputs;
}

static uint32_t pitch_latency_frames(const void *params, uint32_t num_inputs)
{
    (void)num_inputs;
    return ((const pitch_params *)params)->latency_frames;
}

static uint64_t pitch_tail_frames(const void *params, uint32_t num_inputs)
{
    (void)num_inputs;
    return ((const pitch_params *)params)->tail_frames;
}

static mxd_result create_hosted(const void *opaque, const mxd_hosted_setup *setup, mxd_problems *problems,
                                mxd_hosted **hosted)
{
    const pitch_params *params = opaque;
    const mxd_pitch_params pitch = {params->values[SEMITONES], params->values[CENTS], params->preserve_formants};
    return mxd_pitch_create(&pitch, setup, problems, hosted);
}

static mxd_result pitch_emit(const void *params, mxd_graph_builder *builder, uint32_t *lanes, uint32_t num_inputs)
{
    (void)params;
    return mxd_builder_host(builder, create_hosted, lanes, num_inputs, num_inputs);
}

const mxd_effect mxd_effect_pitch = {
    .type = "pitch",
    .parameters = parameters,
    .num_parameters = NUM_VALUES,
    .num_values = NUM_VALUES,
    .read = pitch_read,
    .finish = pitch_finish,
    .destroy = free,
    .num_outputs = pitch_num_outputs,
    .latency_frames = pitch_latency_frames,
    .tail_frames = pitch_tail_frames,
    .emit = pitch_emit,
};
