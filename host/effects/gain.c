/* gain: one level for all channels; automation moves it to the frame. */
#include "../../formats/reader.h"
#include "../graph/envelope.h"
#include "channels.h"

#include <stdlib.h>

typedef struct gain_params {
    double gain_db;
} gain_params;

static const mxd_insert_parameter parameters[] = {{"gain_db", -144.0, 60.0, 0.0, true, false}};

static void *gain_read(mxd_reader *reader, const mxd_effect_context *context)
{
    (void)context;
    gain_params *params = calloc(1, sizeof *params);
    if (!params)
        mxd_reader_fail(reader, NULL, "memory ran out");
    return params;
}

static uint64_t gain_tail_frames(const void *params, uint32_t num_inputs)
{
    (void)params;
    (void)num_inputs;
    return 0;
}

static double gain_of(const void *params, const double *values, uint32_t index)
{
    (void)params;
    (void)index;
    return mxd_gain_of_db(values[0]);
}

static mxd_result gain_emit(const void *params, mxd_graph_builder *builder, uint32_t *lanes, uint32_t num_inputs)
{
    (void)params;
    mxd_result result = MXD_OK;
    for (uint32_t c = 0; c < num_inputs && result == MXD_OK; c++)
        result = mxd_channel_scale(builder, &lanes[c], 1.0, gain_of, 0);
    return result;
}

const mxd_effect mxd_effect_gain = {
    .type = "gain",
    .parameters = parameters,
    .num_parameters = 1,
    .num_values = 1,
    .read = gain_read,
    .destroy = free,
    .num_outputs = mxd_channels_any,
    .tail_frames = gain_tail_frames,
    .emit = gain_emit,
};
