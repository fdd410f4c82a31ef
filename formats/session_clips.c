/*
 * A track's clips: how wide they make it, and their files, each of which is
 * opened once for its length, rate and channels.
 */
#include "session_parts.h"

#include <stdlib.h>
#include <string.h>

/* ---- The files that are known -------------------------------------------- */

typedef struct mxd_probed_file {
    char *path; /* NULL = free slot */
    bool good;
    mxd_audio_info info;
} mxd_probed_file;

/* FNV-1a, 64 bits. */
static size_t hash(const char *string)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *string; string++)
        h = (h ^ (unsigned char)*string) * 0x100000001b3u;
    return (size_t)(h ^ (h >> 32));
}

/* The slot that holds path, or the free one where it belongs. */
static mxd_probed_file *slot_of(const mxd_probe_cache *cache, const char *path)
{
    size_t index = hash(path) & (cache->capacity - 1);
    while (cache->slots[index].path && strcmp(cache->slots[index].path, path) != 0)
        index = (index + 1) & (cache->capacity - 1);
    return &cache->slots[index];
}

static bool make_room(mxd_loader *loader)
{
    mxd_probe_cache *cache = &loader->probed;
    if (2 * (cache->count + 1) <= cache->capacity)
        return true;
    mxd_probe_cache larger = {.count = cache->count, .capacity = cache->capacity ? 2 * cache->capacity : 64};
    larger.slots = mxd_loader_alloc(loader, larger.capacity, sizeof *larger.slots);
    if (!larger.slots)
        return false;
    for (size_t i = 0; i < cache->capacity; i++)
        if (cache->slots[i].path)
            *slot_of(&larger, cache->slots[i].path) = cache->slots[i];
    free(cache->slots);
    *cache = larger;
    return true;
}

const mxd_audio_info *mxd_loader_probe(mxd_loader *loader, const char *path, const mxd_place *place)
{
    if (!make_room(loader))
        return NULL;
    mxd_probed_file *slot = slot_of(&loader->probed, path);
    if (!slot->path) {
        slot->path = mxd_loader_copy(loader, path);
        if (!slot->path)
            return NULL;
        loader->probed.count++;
        slot->good = mxd_audio_probe(path, place, loader->problems, &slot->info) == MXD_OK;
    }
    return slot->good ? &slot->info : NULL;
}

void mxd_probe_cache_finish(mxd_probe_cache *cache)
{
    for (size_t i = 0; i < cache->capacity; i++)
        free(cache->slots[i].path);
    free(cache->slots);
    *cache = (mxd_probe_cache){0};
}

/* ---- The track's source -------------------------------------------------- */

/* Whether each clip fits a track of that width; needs the clips' readers to be closed, so it speaks by origin. */
static void check_widths(mxd_loader *loader, const mxd_track *track, const uint32_t *widths, bool explicit_width)
{
    uint32_t width = track->strip.num_source_channels;
    for (uint32_t i = 0; i < track->num_clips; i++) {
        if (widths[i] == 0 || widths[i] == width || (widths[i] == 1 && width == 2))
            continue;
        const mxd_place place = mxd_session_place(loader->session, &track->clips[i].origin);
        mxd_fail(loader->problems, MXD_ERROR_INVALID, &place,
                 "the clip has %u channel%s, but the track has %u%s", widths[i], widths[i] == 1 ? "" : "s", width,
                 explicit_width ? " by its \"channels\"" : " (as many as its widest clip)");
    }
}

void mxd_load_clips(mxd_loader *loader, mxd_reader *reader, mxd_track *track)
{
    int64_t explicit_width = 0;
    bool given = mxd_read_has(reader, "channels");
    if (given)
        mxd_read_integer(reader, "channels", MXD_REQUIRED, 1, MXD_MAX_CHANNELS, &explicit_width);
    mxd_reader *array = mxd_read_array(reader, "clips", MXD_REQUIRED);
    if (!array)
        return;
    size_t count = mxd_reader_length(array);
    if (count == 0)
        mxd_reader_warn(reader, "clips", "the track has no clips: it is silent");
    uint32_t *widths = mxd_loader_alloc(loader, count, sizeof *widths);
    track->clips = mxd_loader_alloc(loader, count, sizeof *track->clips);
    uint32_t widest = count == 0 ? 1 : 0;
    bool unknown = given && explicit_width == 0;
    for (size_t i = 0; widths && track->clips && i < count; i++) {
        mxd_reader *item = mxd_item_object(array, i);
        if (!item)
            continue;
        uint32_t width = mxd_load_clip(loader, item, &track->clips[track->num_clips]);
        widths[track->num_clips++] = width;
        widest = width > widest ? width : widest;
        unknown = unknown || (width == 0 && explicit_width == 0);
        mxd_reader_close(item);
    }
    mxd_reader_close(array);
    track->strip.num_source_channels = unknown ? 0 : explicit_width > 0 ? (uint32_t)explicit_width : widest;
    if (!unknown && widths)
        check_widths(loader, track, widths, explicit_width > 0);
    free(widths);
}
