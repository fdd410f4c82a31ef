/* polarity: turns all channels, or those listed, upside down. */
#include "../../formats/reader.h"
#include "channels.h"

#include <math.h>
#include <stdlib.h>

typedef struct polarity_params {
    bool listed; /* else all */
    bool inverted[MXD_MAX_CHANNELS];
    uint32_t highest; /* of those listed */
} polarity_params;

static void read_channel(mxd_reader *list, size_t index, polarity_params *params)
{
    double number = 0.0;
    if (!mxd_item_number(list, index, 0.0, MXD_MAX_CHANNELS - 1, &number))
        return;
    if (number != floor(number)) {
        mxd_reader_fail(list, NULL, "channels are whole numbers, from 0; not %g", number);
        return;
    }
    const uint32_t channel = (uint32_t)number;
    if (params->inverted[channel])
        mxd_reader_fail(list, NULL, "channel %u is listed twice", (unsigned)channel);
    params->inverted[channel] = true;
    params->highest = channel > params->highest ? channel : params->highest;
}

static void *polarity_read(mxd_reader *reader, const mxd_effect_context *context)
{
    (void)context;
    polarity_params *params = calloc(1, sizeof *params);
    if (!params) {
        mxd_reader_fail(reader, NULL, "memory ran out");
        return NULL;
    }
    mxd_reader *list = mxd_read_array(reader, "channels", MXD_OPTIONAL);
    if (!list)
        return params;
    params->listed = true;
    if (mxd_reader_length(list) == 0)
        mxd_reader_fail(list, NULL, "no channel is listed: name at least one, or leave channels out for all");
    for (size_t i = 0; i < mxd_reader_length(list); i++)
        read_channel(list, i, params);
    mxd_reader_close(list);
    return params;
}

static uint32_t polarity_num_outputs(const void *opaque, uint32_t num_inputs, const mxd_place *place,
                                     mxd_problems *problems)
{
    const polarity_params *params = opaque;
    return params->highest < num_inputs
               ? num_inputs
               : mxd_channels_missing("channels", params->highest, num_inputs, place, problems);
}

static uint64_t polarity_tail_frames(const void *params, uint32_t num_inputs)
{
    (void)params;
    (void)num_inputs;
    return 0;
}

static mxd_result polarity_emit(const void *opaque, mxd_graph_builder *builder, uint32_t *lanes, uint32_t num_inputs)
{
    const polarity_params *params = opaque;
    mxd_result result = MXD_OK;
    for (uint32_t c = 0; c < num_inputs && result == MXD_OK; c++)
        if (!params->listed || params->inverted[c])
            result = mxd_channel_scale(builder, &lanes[c], -1.0, NULL, 0);
    return result;
}

const mxd_effect mxd_effect_polarity = {
    .type = "polarity",
    .read = polarity_read,
    .destroy = free,
    .num_outputs = polarity_num_outputs,
    .tail_frames = polarity_tail_frames,
    .emit = polarity_emit,
};
