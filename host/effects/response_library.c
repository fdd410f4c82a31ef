#include "response_library.h"

#include "../grow.h"
#include "../threads.h"

#include <stdlib.h>
#include <string.h>

typedef struct file_entry {
    char *path;
    uint32_t sample_rate;
    uint64_t length_frames;
    mxd_impulse_response *response;
} file_entry;

struct mxd_response_library {
    file_entry *files;
    uint32_t num_files, file_capacity;
    mxd_room_responses **rooms;
    uint32_t num_rooms, room_capacity;
};

mxd_response_library *mxd_response_library_create(void)
{
    return calloc(1, sizeof(mxd_response_library));
}

void mxd_response_library_destroy(mxd_response_library *library)
{
    if (!library)
        return;
    for (uint32_t i = 0; i < library->num_files; i++) {
        free(library->files[i].path);
        mxd_impulse_response_destroy(library->files[i].response);
    }
    for (uint32_t i = 0; i < library->num_rooms; i++)
        mxd_room_responses_destroy(library->rooms[i]);
    free(library->files);
    free(library->rooms);
    free(library);
}

static mxd_impulse_response *find_file(const mxd_response_library *library, const mxd_response_request *request)
{
    for (uint32_t i = 0; i < library->num_files; i++) {
        const file_entry *entry = &library->files[i];
        if (entry->sample_rate == request->sample_rate && entry->length_frames == request->length_frames &&
            strcmp(entry->path, request->path) == 0)
            return entry->response;
    }
    return NULL;
}

/* Keeps a reference of its own; where memory runs out it keeps nothing. */
static void keep_file(mxd_response_library *library, const mxd_response_request *request,
                      mxd_impulse_response *response)
{
    char *path = strdup(request->path);
    if (!path || !mxd_grow((void **)&library->files, library->num_files, &library->file_capacity, sizeof *library->files)) {
        free(path);
        return;
    }
    library->files[library->num_files++] = (file_entry){path, request->sample_rate, request->length_frames,
                                                        mxd_impulse_response_share(response)};
}

typedef struct prefetch {
    const mxd_response_request *requests;
    mxd_impulse_response **responses;
} prefetch;

static void prefetch_one(void *user, uint32_t index, uint32_t thread)
{
    (void)thread;
    prefetch *job = user;
    const mxd_response_request *request = &job->requests[index];
    mxd_problems *problems = mxd_problems_create();
    if (!problems)
        return;
    mxd_impulse_response *response = mxd_impulse_response_load(request->path, request->sample_rate,
                                                               request->length_frames, NULL, problems);
    /* A file with something to be told of is left to the get, which has the place to tell it at. */
    if (response && mxd_problems_count(problems) > 0) {
        mxd_impulse_response_destroy(response);
        response = NULL;
    }
    job->responses[index] = response;
    mxd_problems_destroy(problems);
}

void mxd_response_library_prefetch(mxd_response_library *library, const mxd_response_request *requests,
                                   uint32_t num_requests)
{
    mxd_impulse_response **responses = calloc((size_t)num_requests + 1, sizeof *responses);
    mxd_threads *threads = mxd_threads_create(0);
    if (responses && threads) {
        prefetch job = {requests, responses};
        mxd_threads_run(threads, num_requests, prefetch_one, &job);
        for (uint32_t i = 0; i < num_requests; i++) {
            if (responses[i])
                keep_file(library, &requests[i], responses[i]);
            mxd_impulse_response_destroy(responses[i]);
        }
    }
    mxd_threads_destroy(threads);
    free(responses);
}

mxd_impulse_response *mxd_response_library_get(mxd_response_library *library, const mxd_response_request *request,
                                               const mxd_place *place, mxd_problems *problems)
{
    mxd_impulse_response *response = library ? find_file(library, request) : NULL;
    if (response)
        return mxd_impulse_response_share(response);
    response = mxd_impulse_response_load(request->path, request->sample_rate, request->length_frames, place, problems);
    if (response && library)
        keep_file(library, request, response);
    return response;
}

mxd_room_responses *mxd_response_library_room(mxd_response_library *library, const mxd_room *room,
                                              uint32_t sample_rate)
{
    for (uint32_t i = 0; library && i < library->num_rooms; i++)
        if (mxd_room_responses_are_of(library->rooms[i], room, sample_rate))
            return mxd_room_responses_share(library->rooms[i]);
    mxd_room_responses *made = mxd_room_responses_create(room, sample_rate);
    if (made && library &&
        mxd_grow((void **)&library->rooms, library->num_rooms, &library->room_capacity, sizeof(mxd_room_responses *)))
        library->rooms[library->num_rooms++] = mxd_room_responses_share(made);
    return made;
}
