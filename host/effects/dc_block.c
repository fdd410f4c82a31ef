/*
 * dc-block: a high-pass of first order, as a state-variable section of second order
 * whose double pole (k = 2) loses one half to a zero:
 *     H = p / (p + 1) = (p^2 + p) / (p^2 + 2 p + 1).
 */
#include "../../formats/reader.h"
#include "channels.h"
#include "eq.h"
#include "sections.h"

#include <stdlib.h>

typedef struct dc_block_params {
    double frequency_hz;
    uint32_t sample_rate;
} dc_block_params;

/* The default takes 0.1 dB away at 33 Hz. */
static const mxd_insert_parameter parameters[] = {{"frequency_hz", 0.5, 200.0, 5.0, false, false}};

static void *dc_block_read(mxd_reader *reader, const mxd_effect_context *context)
{
    dc_block_params *params = calloc(1, sizeof *params);
    if (!params) {
        mxd_reader_fail(reader, NULL, "memory ran out");
        return NULL;
    }
    params->sample_rate = context->sample_rate;
    return params;
}

static mxd_svf section_at(const dc_block_params *params, double frequency_hz)
{
    return (mxd_svf){mxd_eq_prewarp(frequency_hz, params->sample_rate), 2.0, 1.0, -1.0, -1.0};
}

static uint64_t dc_block_tail_frames(const void *opaque, uint32_t num_inputs)
{
    const dc_block_params *params = opaque;
    (void)num_inputs;
    const mxd_svf section = section_at(params, params->frequency_hz);
    return mxd_svf_tail_frames(&section, 1);
}

static void map(const void *params, const double *values, uint32_t index, const mxd_moment *moment, double *row_values)
{
    (void)index;
    (void)moment;
    const mxd_svf section = section_at(params, values[0]);
    mxd_put_sections(&section, 1, row_values);
}

static mxd_result dc_block_emit(const void *opaque, mxd_graph_builder *builder, uint32_t *lanes, uint32_t num_inputs)
{
    const dc_block_params *params = opaque;
    const mxd_sections sections = {.at_rest = {section_at(params, params->frequency_hz)}, .count = 1,
                                   .map = mxd_builder_moves(builder, 0) ? map : NULL};
    return mxd_emit_sections(builder, lanes, num_inputs, &sections);
}

const mxd_effect mxd_effect_dc_block = {
    .type = "dc-block",
    .parameters = parameters,
    .num_parameters = 1,
    .num_values = 1,
    .read = dc_block_read,
    .destroy = free,
    .num_outputs = mxd_channels_any,
    .tail_frames = dc_block_tail_frames,
    .emit = dc_block_emit,
};
