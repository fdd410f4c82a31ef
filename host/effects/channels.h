/* What the inserts that only mix their channels have in common: gain, trim, polarity, width, rotate. */
#ifndef MXD_EFFECTS_CHANNELS_H
#define MXD_EFFECTS_CHANNELS_H

#include "../graph/builder.h"
#include "effect.h"

/* num_outputs of an insert that leaves the number of channels as it is. */
uint32_t mxd_channels_any(const void *params, uint32_t num_inputs, const mxd_place *place, mxd_problems *problems);

/* num_outputs of an insert for two channels; name: the insert's, for the message. */
uint32_t mxd_channels_two(const char *name, uint32_t num_inputs, const mxd_place *place, mxd_problems *problems);

/* Says that no channel of that number enters; what: the key that names it. Returns 0, for num_outputs. */
uint32_t mxd_channels_missing(const char *what, uint32_t channel, uint32_t num_inputs, const mxd_place *place,
                              mxd_problems *problems);

/* *lane becomes a fresh one: itself times gain * map(values). map may be NULL; index is for map. */
mxd_result mxd_channel_scale(struct mxd_graph_builder *builder, uint32_t *lane, double gain, mxd_gain_map *map,
                             uint32_t index);

/* Each of two lanes becomes a mix of both, by map(values) with index 2 * output + input. */
mxd_result mxd_channels_mix_two(struct mxd_graph_builder *builder, uint32_t lanes[2], mxd_gain_map *map);

#endif
