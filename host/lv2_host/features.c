/* What plug-ins are offered: numbers for URIs, options, a worker that works at once, a log that is standard error. */
#include "lv2_host.h"

#include <lv2/atom/atom.h>
#include <lv2/buf-size/buf-size.h>
#include <lv2/core/lv2.h>
#include <lv2/log/log.h>
#include <lv2/parameters/parameters.h>
#include <lv2/state/state.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Numbers for URIs; plug-ins may ask from threads of their own ---------- */

static pthread_mutex_t urid_mutex = PTHREAD_MUTEX_INITIALIZER;
static char **urid_uris;
static uint32_t num_urids, urid_capacity;

/* 0 when memory runs out, as the extension has it. */
static LV2_URID map_uri(LV2_URID_Map_Handle handle, const char *uri)
{
    (void)handle;
    LV2_URID urid = 0;
    pthread_mutex_lock(&urid_mutex);
    for (uint32_t i = 0; i < num_urids && !urid; i++)
        if (strcmp(urid_uris[i], uri) == 0)
            urid = i + 1;
    if (!urid && num_urids == urid_capacity) {
        uint32_t capacity = urid_capacity ? 2 * urid_capacity : 256;
        char **uris = realloc(urid_uris, capacity * sizeof *uris);
        if (uris) {
            urid_uris = uris;
            urid_capacity = capacity;
        }
    }
    if (!urid && num_urids < urid_capacity && (urid_uris[num_urids] = strdup(uri)))
        urid = ++num_urids;
    pthread_mutex_unlock(&urid_mutex);
    return urid;
}

static const char *unmap_urid(LV2_URID_Unmap_Handle handle, LV2_URID urid)
{
    (void)handle;
    pthread_mutex_lock(&urid_mutex);
    const char *uri = urid >= 1 && urid <= num_urids ? urid_uris[urid - 1] : NULL;
    pthread_mutex_unlock(&urid_mutex);
    return uri;
}

static LV2_URID_Map uri_map = {NULL, map_uri};
static LV2_URID_Unmap uri_unmap = {NULL, unmap_urid};

LV2_URID_Map *features_map(void)
{
    return &uri_map;
}

uint32_t features_urid(const char *uri)
{
    return map_uri(NULL, uri);
}

/* ---- The log ---------------------------------------------------------------- */

__attribute__((format(printf, 3, 0)))
static int log_vprintf(LV2_Log_Handle handle, LV2_URID type, const char *format, va_list arguments)
{
    (void)handle;
    (void)type;
    return vfprintf(stderr, format, arguments);
}

__attribute__((format(printf, 3, 4)))
static int log_printf(LV2_Log_Handle handle, LV2_URID type, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int count = log_vprintf(handle, type, format, arguments);
    va_end(arguments);
    return count;
}

static LV2_Log_Log plugin_log = {NULL, log_printf, log_vprintf};

/* ---- The worker --------------------------------------------------------------- */

static LV2_Worker_Status respond(LV2_Worker_Respond_Handle handle, uint32_t size, const void *data)
{
    worker *w = handle;
    size_t needed = w->num_bytes + sizeof size + size;
    if (needed > w->capacity) {
        unsigned char *responses = realloc(w->responses, 2 * needed);
        if (!responses)
            return LV2_WORKER_ERR_NO_SPACE;
        w->responses = responses;
        w->capacity = 2 * needed;
    }
    memcpy(w->responses + w->num_bytes, &size, sizeof size);
    if (size)
        memcpy(w->responses + w->num_bytes + sizeof size, data, size);
    w->num_bytes = needed;
    return LV2_WORKER_SUCCESS;
}

/* The worker extension lets a host that need not be in time do the work in the call itself. */
static LV2_Worker_Status schedule_work(LV2_Worker_Schedule_Handle handle, uint32_t size, const void *data)
{
    worker *w = handle;
    if (!w->interface || !w->interface->work)
        return LV2_WORKER_ERR_UNKNOWN;
    return w->interface->work(w->instance, respond, w, size, data);
}

void worker_deliver(worker *w)
{
    if (!w->interface)
        return;
    /* An answer may schedule more work, whose answers are appended: they too belong to this run. */
    for (size_t at = 0; at < w->num_bytes;) {
        uint32_t size;
        memcpy(&size, w->responses + at, sizeof size);
        at += sizeof size;
        void *copy = malloc(size ? size : 1); /* the queue may move while the plug-in reads */
        if (copy && w->interface->work_response) {
            memcpy(copy, w->responses + at, size);
            w->interface->work_response(w->instance, size, copy);
        }
        free(copy);
        at += size;
    }
    w->num_bytes = 0;
    if (w->interface->end_run)
        w->interface->end_run(w->instance);
}

void worker_finish(worker *w)
{
    free(w->responses);
}

/* ---- The lists ------------------------------------------------------------------ */

/* Features that say something about us: every run has the same number of frames, a power of two; nothing is in place. */
static const char *const facts[] = {
    LV2_BUF_SIZE__boundedBlockLength, LV2_BUF_SIZE__fixedBlockLength, LV2_BUF_SIZE__powerOf2BlockLength,
    LV2_STATE__loadDefaultState,      LV2_STATE__threadSafeRestore,
};
/* Features that are demands of the plug-in, which are met: nothing is passed for them. */
static const char *const demands[] = {LV2_CORE__inPlaceBroken, LV2_CORE__hardRTCapable};
static const char *const with_data[] = {
    LV2_URID__map, LV2_URID__unmap, LV2_OPTIONS__options, LV2_WORKER__schedule, LV2_LOG__log,
    /* lilv passes them itself while it restores a state. */
    LV2_STATE__mapPath, LV2_STATE__freePath,
};
static const char *const offered_options[] = {
    LV2_PARAMETERS__sampleRate,        LV2_BUF_SIZE__minBlockLength, LV2_BUF_SIZE__maxBlockLength,
    LV2_BUF_SIZE__nominalBlockLength, LV2_BUF_SIZE__sequenceSize,
};

static bool contains(const char *const *uris, size_t num_uris, const char *uri)
{
    for (size_t i = 0; i < num_uris; i++)
        if (strcmp(uris[i], uri) == 0)
            return true;
    return false;
}

bool features_offer(const char *uri)
{
    return contains(facts, COUNT(facts), uri) || contains(demands, COUNT(demands), uri) ||
           contains(with_data, COUNT(with_data), uri);
}

bool features_offer_option(const char *uri)
{
    return contains(offered_options, COUNT(offered_options), uri);
}

static LV2_Options_Option option(const char *key, uint32_t size, const char *type, const void *value)
{
    return (LV2_Options_Option){LV2_OPTIONS_INSTANCE, 0, features_urid(key), size, features_urid(type), value};
}

void features_create(features *f, uint32_t sample_rate, uint32_t run_frames, uint32_t sequence_bytes)
{
    *f = (features){
        .sample_rate = (float)sample_rate, .run_frames = (int32_t)run_frames, .sequence_bytes = (int32_t)sequence_bytes};
    size_t n = 0;
    f->options[n++] = option(LV2_PARAMETERS__sampleRate, sizeof f->sample_rate, LV2_ATOM__Float, &f->sample_rate);
    f->options[n++] = option(LV2_BUF_SIZE__minBlockLength, sizeof f->run_frames, LV2_ATOM__Int, &f->run_frames);
    f->options[n++] = option(LV2_BUF_SIZE__maxBlockLength, sizeof f->run_frames, LV2_ATOM__Int, &f->run_frames);
    f->options[n++] = option(LV2_BUF_SIZE__nominalBlockLength, sizeof f->run_frames, LV2_ATOM__Int, &f->run_frames);
    f->options[n++] = option(LV2_BUF_SIZE__sequenceSize, sizeof f->sequence_bytes, LV2_ATOM__Int, &f->sequence_bytes);
    f->schedule = (LV2_Worker_Schedule){&f->work, schedule_work};
    n = 0;
    f->list[n++] = (LV2_Feature){LV2_URID__map, &uri_map};
    f->list[n++] = (LV2_Feature){LV2_URID__unmap, &uri_unmap};
    f->list[n++] = (LV2_Feature){LV2_OPTIONS__options, f->options};
    f->list[n++] = (LV2_Feature){LV2_WORKER__schedule, &f->schedule};
    f->list[n++] = (LV2_Feature){LV2_LOG__log, &plugin_log};
    for (size_t i = 0; i < COUNT(facts); i++)
        f->list[n++] = (LV2_Feature){facts[i], NULL};
    for (size_t i = 0; i < n; i++)
        f->pointers[i] = &f->list[i];
}
