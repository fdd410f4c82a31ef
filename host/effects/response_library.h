/*
 * The responses of one session while it is read: each file, and each synthetic
 * room, is there once, however many inserts name it, so that its spectra are
 * made once too. What is handed out outlives the library.
 */
#ifndef MXD_EFFECTS_RESPONSE_LIBRARY_H
#define MXD_EFFECTS_RESPONSE_LIBRARY_H

#include "room_responses.h"

typedef struct mxd_response_library mxd_response_library;

/* NULL when memory runs out. */
mxd_response_library *mxd_response_library_create(void);
/* Accepts NULL. */
void mxd_response_library_destroy(mxd_response_library *library);

typedef struct mxd_response_request {
    const char *path;
    uint32_t sample_rate;
    uint64_t length_frames; /* as mxd_impulse_response_load takes it */
} mxd_response_request;

/* Loads what is asked for on all cores. Silent: whatever is wrong with a file is told by the get that names it. */
void mxd_response_library_prefetch(mxd_response_library *library, const mxd_response_request *requests,
                                   uint32_t num_requests);

/*
 * As mxd_impulse_response_load, from the library where it is there. library NULL:
 * loaded for this call alone. Release with mxd_impulse_response_destroy.
 */
mxd_impulse_response *mxd_response_library_get(mxd_response_library *library, const mxd_response_request *request,
                                               const mxd_place *place, mxd_problems *problems);

/*
 * A room's responses, for each number of inputs made when first asked for.
 * library NULL: not shared. NULL when memory runs out. Release with
 * mxd_room_responses_destroy.
 */
mxd_room_responses *mxd_response_library_room(mxd_response_library *library, const mxd_room *room,
                                              uint32_t sample_rate);

#endif
