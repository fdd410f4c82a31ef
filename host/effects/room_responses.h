/* The responses of one synthetic room, for each number of inputs made when first asked for, and shared. */
#ifndef MXD_EFFECTS_ROOM_RESPONSES_H
#define MXD_EFFECTS_ROOM_RESPONSES_H

#include "impulse_response.h"

typedef struct mxd_room_responses mxd_room_responses;

/* With one reference; NULL when memory runs out. */
mxd_room_responses *mxd_room_responses_create(const mxd_room *room, uint32_t sample_rate);
/* Takes one more reference. */
mxd_room_responses *mxd_room_responses_share(mxd_room_responses *responses);
/* Gives one back; the last one frees. Accepts NULL. */
void mxd_room_responses_destroy(mxd_room_responses *responses);

bool mxd_room_responses_are_of(const mxd_room_responses *responses, const mxd_room *room, uint32_t sample_rate);

/* Made on all cores at the first call, kept with the room. NULL when memory runs out. Any thread. */
const mxd_impulse_response *mxd_room_responses_get(mxd_room_responses *responses, uint32_t num_inputs);

#endif
