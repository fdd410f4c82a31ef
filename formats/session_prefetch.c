/*
 * Response files, loaded side by side before the session is read one value after
 * the other. Nothing is judged here: what is odd is left for the reader to find.
 */
#include "../host/grow.h"
#include "../host/path.h"
#include "json_document.h"
#include "session_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct wanted {
    const mxd_loader *loader;
    uint32_t sample_rate;
    mxd_response_request *requests; /* paths owned */
    uint32_t num_requests, capacity;
} wanted;

static bool is_known(const wanted *w, const mxd_response_request *request)
{
    for (uint32_t i = 0; i < w->num_requests; i++)
        if (w->requests[i].length_frames == request->length_frames && strcmp(w->requests[i].path, request->path) == 0)
            return true;
    return false;
}

static void want(wanted *w, json_t *insert)
{
    const char *name = json_string_value(json_object_get(insert, "impulse_response"));
    double length_s = json_number_value(json_object_get(insert, "length_s"));
    if (!name || !name[0] || !(length_s >= 0.0 && length_s <= MXD_IMPULSE_RESPONSE_MAX_S))
        return;
    if (!mxd_grow((void **)&w->requests, w->num_requests, &w->capacity, sizeof *w->requests))
        return;
    char *path = mxd_path_join(w->loader->session->folder, name);
    mxd_response_request request = {path, w->sample_rate, (uint64_t)llround(length_s * w->sample_rate)};
    if (path && !is_known(w, &request))
        w->requests[w->num_requests++] = request;
    else
        free(path);
}

void mxd_loader_prefetch_responses(mxd_loader *loader, const mxd_document *document)
{
    static const char *const with_inserts[] = {"tracks", "buses", "deliverables"};
    json_int_t rate = json_integer_value(json_object_get(document->root, "sample_rate"));
    if (rate < 8000 || rate > 384000)
        return;
    wanted w = {.loader = loader, .sample_rate = (uint32_t)rate};
    for (size_t i = 0; i < COUNT(with_inserts); i++) {
        json_t *strips = json_object_get(document->root, with_inserts[i]);
        for (size_t j = 0; j < json_array_size(strips); j++) {
            json_t *inserts = json_object_get(json_array_get(strips, j), "inserts");
            for (size_t k = 0; k < json_array_size(inserts); k++)
                want(&w, json_array_get(inserts, k));
        }
    }
    if (w.num_requests > 1) /* one alone loads no faster */
        mxd_response_library_prefetch(loader->responses, w.requests, w.num_requests);
    for (uint32_t i = 0; i < w.num_requests; i++)
        free((char *)w.requests[i].path);
    free(w.requests);
}
