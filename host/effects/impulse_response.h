/*
 * Impulse responses in memory, checked and trimmed, as the convolver needs them:
 * read from a file, made by a synthetic room, or given as samples.
 */
#ifndef MXD_EFFECTS_IMPULSE_RESPONSE_H
#define MXD_EFFECTS_IMPULSE_RESPONSE_H

#include "../problems.h"
#include "room.h"

#include <stdatomic.h>

/* One channel without the zeros around it. */
typedef struct mxd_response_channel {
    const float *samples;
    uint32_t num_frames;   /* 0 = the channel is silent */
    uint32_t delay_frames; /* zeros that stood before samples */
    double energy;         /* sum of squares */
} mxd_response_channel;

typedef struct mxd_impulse_response {
    atomic_uint references;
    float *memory;         /* owned: [channel][frame] */
    uint32_t num_frames;   /* of each channel, before trimming */
    uint32_t num_channels;
    mxd_response_channel *channels;
} mxd_impulse_response;

#define MXD_IMPULSE_RESPONSE_MAX_S 30.0

/*
 * Loads path at sample_rate. length_frames > 0 cuts it there, with a fade over
 * the last 10 ms (at most half of it). Problems are added at place: a file that
 * is missing, empty or foreign (as formats/audio_file.h says), longer than
 * MXD_IMPULSE_RESPONSE_MAX_S, not finite, or silent throughout. NULL then.
 */
mxd_impulse_response *mxd_impulse_response_load(const char *path, uint32_t sample_rate, uint64_t length_frames,
                                                const mxd_place *place, mxd_problems *problems);

/* As above, from samples (freed by free(); taken over in any case). name: what messages call it. */
mxd_impulse_response *mxd_impulse_response_create(const char *name, float *samples, uint32_t num_channels,
                                                  uint32_t num_frames, uint32_t sample_rate, uint64_t length_frames,
                                                  const mxd_place *place, mxd_problems *problems);

/* The room's responses; channel input * num_outputs + output. NULL when memory runs out. */
mxd_impulse_response *mxd_impulse_response_of_room(const mxd_room *room, uint32_t sample_rate, uint32_t num_inputs);

/* Takes one more reference. */
mxd_impulse_response *mxd_impulse_response_share(mxd_impulse_response *response);
/* Gives a reference back; the last one frees. Accepts NULL. */
void mxd_impulse_response_destroy(mxd_impulse_response *response);

#endif
