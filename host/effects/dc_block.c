/*
 * dc-block: a high-pass of first order, as a state-variable section of second order
 * whose double pole (k = 2) loses one half to a zero:
 *     H = p / (p + 1) = (p^2 + p) / (p^2 + 2 p + 1).
 */
#include "../../formats/reader.h"
#include "channels.h"
#include "eq.h"

#include <math.h>
#include <stdlib.h>

static const double pi = 3.14159265358979323846;

typedef struct dc_block_params {
    double frequency_hz;
    mxd_svf section;
} dc_block_params;

/* The default takes 0.1 dB away at 33 Hz. */
static const mxd_insert_parameter parameters[] = {{"frequency_hz", 0.5, 200.0, 5.0, false, true}};

static void *dc_block_read(mxd_reader *reader, const mxd_effect_context *context)
{
    (void)context;
    dc_block_params *params = calloc(1, sizeof *params);
    if (!params)
        mxd_reader_fail(reader, NULL, "memory ran out");
    return params;
}

static void dc_block_finish(void *opaque, mxd_reader *reader, const mxd_effect_context *context)
{
    (void)reader;
    dc_block_params *params = opaque;
    params->section = (mxd_svf){tan(pi * params->frequency_hz / context->sample_rate), 2.0, 1.0, -1.0, -1.0};
}

static uint64_t dc_block_tail_frames(const void *params, uint32_t num_inputs)
{
    (void)num_inputs;
    return mxd_svf_tail_frames(&((const dc_block_params *)params)->section, 1);
}

static mxd_result dc_block_emit(const void *params, mxd_graph_builder *builder, uint32_t *lanes, uint32_t num_inputs)
{
    mxd_result result = MXD_OK;
    for (uint32_t c = 0; c < num_inputs && result == MXD_OK; c++)
        result = mxd_builder_eq(builder, lanes[c], &((const dc_block_params *)params)->section, 1);
    return result;
}

const mxd_effect mxd_effect_dc_block = {
    .type = "dc-block",
    .parameters = parameters,
    .num_parameters = 1,
    .num_values = 1,
    .read = dc_block_read,
    .finish = dc_block_finish,
    .destroy = free,
    .num_outputs = mxd_channels_any,
    .tail_frames = dc_block_tail_frames,
    .emit = dc_block_emit,
};
