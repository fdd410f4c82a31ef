/*
 * The equaliser: up to 32 bands, each one to four second-order sections on every
 * channel. Reading (eq_read.c) checks each band and designs its sections at once
 * (eq_design.c), so that nothing but plain numbers is left for the kernel.
 */
#include "eq.h"

#include "../../formats/reader.h"
#include "../graph/builder.h"
#include "effect.h"

#include <stdlib.h>

typedef struct eq_params {
    mxd_svf sections[MXD_EQ_MAX_SECTIONS];
    uint32_t num_sections;
    uint64_t tail_frames;
} eq_params;

static void *eq_read(mxd_reader *reader, const mxd_effect_context *context)
{
    eq_params *params = calloc(1, sizeof *params);
    if (!params) {
        mxd_reader_fail(reader, NULL, "memory ran out");
        return NULL;
    }
    mxd_read_refuse(reader, "linear_phase", "a linear-phase equaliser");
    if (!mxd_read_has(reader, "bands"))
        mxd_read_array(reader, "bands", MXD_REQUIRED);
    mxd_eq_read_bands(reader, "bands", context->sample_rate, params->sections, &params->num_sections);
    params->tail_frames = mxd_svf_tail_frames(params->sections, params->num_sections);
    return params;
}

static uint32_t eq_num_outputs(const void *params, uint32_t num_inputs, const mxd_place *place, mxd_problems *problems)
{
    (void)params;
    (void)place;
    (void)problems;
    return num_inputs;
}

static uint64_t eq_tail_frames(const void *params, uint32_t num_inputs)
{
    (void)num_inputs;
    return ((const eq_params *)params)->tail_frames;
}

static mxd_result eq_emit(const void *opaque, mxd_graph_builder *builder, uint32_t *lanes, uint32_t num_inputs)
{
    const eq_params *params = opaque;
    mxd_result result = MXD_OK;
    if (params->num_sections == 0)
        return result;
    for (uint32_t i = 0; i < num_inputs && result == MXD_OK; i++)
        result = mxd_builder_eq(builder, lanes[i], params->sections, params->num_sections);
    return result;
}

const mxd_effect mxd_effect_eq = {
    .type = "eq",
    .read = eq_read,
    .destroy = free,
    .num_outputs = eq_num_outputs,
    .tail_frames = eq_tail_frames,
    .emit = eq_emit,
};
