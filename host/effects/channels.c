/* Inserts that only mix their channels. */
#include "channels.h"

uint32_t mxd_channels_any(const void *params, uint32_t num_inputs, const mxd_place *place, mxd_problems *problems)
{
    (void)params;
    (void)place;
    (void)problems;
    return num_inputs;
}

uint32_t mxd_channels_two(const char *name, uint32_t num_inputs, const mxd_place *place, mxd_problems *problems)
{
    if (num_inputs == 2)
        return 2;
    mxd_fail(problems, MXD_ERROR_INVALID, place, "%s is for two channels, left and right, but %u enter%s", name,
             (unsigned)num_inputs, num_inputs == 1 ? "s: pan the track into a bus of 2 channels first" : "");
    return 0;
}

uint32_t mxd_channels_missing(const char *what, uint32_t channel, uint32_t num_inputs, const mxd_place *place,
                              mxd_problems *problems)
{
    mxd_fail(problems, MXD_ERROR_INVALID, place,
             "%s has channel %u, but %u channel%s (they count from 0)", what, (unsigned)channel,
             (unsigned)num_inputs, num_inputs == 1 ? " enters" : "s enter");
    return 0;
}

mxd_result mxd_channel_scale(mxd_graph_builder *builder, uint32_t *lane, double gain, mxd_gain_map *map,
                             uint32_t index)
{
    const mxd_builder_edge edge = {.input_lane = *lane, .gain = gain, .map = map, .index = index};
    *lane = mxd_builder_lane(builder);
    return *lane == UINT32_MAX ? MXD_ERROR_MEMORY : mxd_builder_mix(builder, *lane, &edge, 1);
}

mxd_result mxd_channels_mix_two(mxd_graph_builder *builder, uint32_t lanes[2], mxd_gain_map *map)
{
    const uint32_t inputs[2] = {lanes[0], lanes[1]};
    for (uint32_t o = 0; o < 2; o++) {
        mxd_builder_edge edges[2];
        for (uint32_t i = 0; i < 2; i++)
            edges[i] = (mxd_builder_edge){.input_lane = inputs[i], .gain = 1.0, .map = map, .index = 2 * o + i};
        lanes[o] = mxd_builder_lane(builder);
        mxd_result result = lanes[o] == UINT32_MAX ? MXD_ERROR_MEMORY : mxd_builder_mix(builder, lanes[o], edges, 2);
        if (result != MXD_OK)
            return result;
    }
    return MXD_OK;
}
