#include "room_responses.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

typedef struct entry {
    struct entry *next;
    mxd_impulse_response *response;
    uint32_t num_inputs;
} entry;

struct mxd_room_responses {
    mxd_room room;
    uint32_t sample_rate;
    atomic_uint references;
    pthread_mutex_t mutex;
    entry *entries;
};

mxd_room_responses *mxd_room_responses_create(const mxd_room *room, uint32_t sample_rate)
{
    mxd_room_responses *responses = calloc(1, sizeof *responses);
    if (!responses || pthread_mutex_init(&responses->mutex, NULL) != 0) {
        free(responses);
        return NULL;
    }
    responses->room = *room;
    responses->sample_rate = sample_rate;
    atomic_init(&responses->references, 1);
    return responses;
}

mxd_room_responses *mxd_room_responses_share(mxd_room_responses *responses)
{
    atomic_fetch_add(&responses->references, 1);
    return responses;
}

void mxd_room_responses_destroy(mxd_room_responses *responses)
{
    if (!responses || atomic_fetch_sub(&responses->references, 1) > 1)
        return;
    for (entry *e = responses->entries; e;) {
        entry *next = e->next;
        mxd_impulse_response_destroy(e->response);
        free(e);
        e = next;
    }
    pthread_mutex_destroy(&responses->mutex);
    free(responses);
}

bool mxd_room_responses_are_of(const mxd_room_responses *responses, const mxd_room *room, uint32_t sample_rate)
{
    const mxd_room *own = &responses->room;
    for (int band = 0; band < MXD_ROOM_BANDS; band++)
        if (own->decay_s[band] != room->decay_s[band])
            return false;
    return own->width == room->width && own->num_outputs == room->num_outputs && own->seed == room->seed &&
           responses->sample_rate == sample_rate;
}

const mxd_impulse_response *mxd_room_responses_get(mxd_room_responses *responses, uint32_t num_inputs)
{
    pthread_mutex_lock(&responses->mutex);
    entry *e = responses->entries;
    while (e && e->num_inputs != num_inputs)
        e = e->next;
    if (!e && (e = calloc(1, sizeof *e))) {
        e->response = mxd_impulse_response_of_room(&responses->room, responses->sample_rate, num_inputs);
        e->num_inputs = num_inputs;
        if (e->response) {
            e->next = responses->entries;
            responses->entries = e;
        } else {
            free(e);
            e = NULL;
        }
    }
    pthread_mutex_unlock(&responses->mutex);
    return e ? e->response : NULL;
}
