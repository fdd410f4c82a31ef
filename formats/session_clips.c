/*
 * A track's clips: each names a file, which is opened once for its length, rate
 * and channels, and a span of it, which is resolved here to frames at the
 * session's rate.
 */
#include "session_parts.h"

#include <stdlib.h>
#include <string.h>

/* People write times to the millisecond: a length that passes the file's end by less is meant to end there. */
#define LENGTH_TOLERANCE_S 1e-3

static const mxd_planned_key planned_clip_keys[] = {
    {"envelope", "a gain envelope of the clip's own"},
    {"polarity", "a change of polarity"},
    {"reverse", "playing in reverse"},
    {"loop", "looping"},
    {"loop_s", "looping"},
    {"mono", "a mono sum"},
    {"mono_sum", "a mono sum"},
    {"speed", "a change of speed"},
    {"varispeed", "a change of speed"},
    {"stretch", "stretching in time"},
    {"pitch_semitones", "a change of pitch"},
};

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

/* What the file holds; NULL if it cannot be used (which is told where it is first named). */
static const mxd_audio_info *probe(mxd_loader *loader, const char *path, const mxd_place *place)
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

/* ---- A clip -------------------------------------------------------------- */

static void load_fade(mxd_loader *loader, mxd_reader *reader, const char *key, mxd_fade *fade)
{
    static const char *const curves[] = {"linear", "equal-power", "exponential", "logarithmic", "s-curve"};
    int curve = MXD_FADE_LINEAR;
    mxd_reader *child = mxd_read_object(reader, key, MXD_OPTIONAL);
    if (!child)
        return;
    mxd_read_time(child, "length_s", MXD_REQUIRED, loader->session->sample_rate, &fade->num_frames);
    mxd_read_choice(child, "curve", MXD_OPTIONAL, curves, COUNT(curves), &curve);
    fade->curve = (mxd_fade_curve)curve;
    mxd_reader_close(child);
}

_Static_assert(MXD_AUDIO_MAX_CHANNELS <= MXD_MAX_CHANNELS, "a file's channels must fit a track");

/* The channels that a clip gives, after "channel"; 0 with a problem. */
static uint32_t resolve_channels(mxd_reader *reader, const mxd_clip *clip)
{
    if (clip->channel >= (int)clip->file_channels) {
        mxd_reader_fail(reader, "channel", "\"channel\" is %d, but the file has %u: they count from 0", clip->channel,
                        clip->file_channels);
        return 0;
    }
    return clip->channel >= 0 ? 1 : clip->file_channels;
}

/* Sets num_frames from the file's length and what the session asks for (0 = all). */
static void resolve_length(mxd_loader *loader, mxd_reader *reader, uint64_t wanted, mxd_clip *clip)
{
    double rate = loader->session->sample_rate;
    uint64_t length = mxd_audio_frames_at(clip->file_frames, clip->file_rate, loader->session->sample_rate);
    if (clip->offset_frames >= length) {
        mxd_reader_fail(reader, mxd_read_has(reader, "offset_s") ? "offset_s" : "file",
                        "the clip begins at %.10g s of a file that lasts %.10g s", (double)clip->offset_frames / rate,
                        (double)length / rate);
        return;
    }
    uint64_t rest = length - clip->offset_frames;
    clip->num_frames = wanted == 0 || wanted > rest ? rest : wanted;
    if (wanted > rest && (double)(wanted - rest) > LENGTH_TOLERANCE_S * rate)
        mxd_reader_warn(reader, "length_s", "\"length_s\" passes the end of the file by %.10g s; the clip ends there",
                        (double)(wanted - rest) / rate);
}

static void check_fade(mxd_loader *loader, mxd_reader *reader, const char *key, const mxd_fade *fade,
                       const mxd_clip *clip)
{
    double rate = loader->session->sample_rate;
    if (clip->num_frames > 0 && fade->num_frames > clip->num_frames)
        mxd_reader_fail(reader, key, "the fade lasts %.10g s, but the clip only %.10g s",
                        (double)fade->num_frames / rate, (double)clip->num_frames / rate);
}

/* Opens the clip's file and resolves what depends on it; gives the clip's channels, 0 = unknown. */
static uint32_t resolve_file(mxd_loader *loader, mxd_reader *reader, const char *file, uint64_t wanted, mxd_clip *clip)
{
    clip->file = mxd_loader_path(loader, file);
    const mxd_place place = mxd_reader_place(reader, "file");
    const mxd_audio_info *info = clip->file ? probe(loader, clip->file, &place) : NULL;
    if (!info)
        return 0;
    clip->file_rate = info->sample_rate;
    clip->file_channels = info->num_channels;
    clip->file_frames = info->num_frames;
    resolve_length(loader, reader, wanted, clip);
    check_fade(loader, reader, "fade_in", &clip->fade_in, clip);
    check_fade(loader, reader, "fade_out", &clip->fade_out, clip);
    return resolve_channels(reader, clip);
}

static uint32_t load_clip(mxd_loader *loader, mxd_reader *reader, mxd_clip *clip)
{
    static const char *const non_finite[] = {"error", "zero"};
    uint32_t rate = loader->session->sample_rate;
    const char *file = NULL;
    int64_t channel = -1;
    uint64_t wanted = 0;
    int treatment = MXD_NON_FINITE_ERROR;
    mxd_loader_origin(loader, reader, &clip->origin);
    bool has_file = mxd_read_name(reader, "file", MXD_REQUIRED, &file);
    mxd_read_time(reader, "start_s", MXD_OPTIONAL, rate, &clip->start_frame);
    mxd_read_time(reader, "offset_s", MXD_OPTIONAL, rate, &clip->offset_frames);
    if (mxd_read_time(reader, "length_s", MXD_OPTIONAL, rate, &wanted) && wanted == 0)
        mxd_reader_fail(reader, "length_s",
                        "\"length_s\" must be longer than 0; leave it out to play to the file's end");
    mxd_read_level(reader, "gain_db", MXD_OPTIONAL, MXD_MIN_LEVEL_DB, MXD_MAX_LEVEL_DB, &clip->gain_db);
    bool good_channel = !mxd_read_has(reader, "channel") ||
                        mxd_read_integer(reader, "channel", MXD_REQUIRED, 0, 1023, &channel);
    clip->channel = (int)channel;
    load_fade(loader, reader, "fade_in", &clip->fade_in);
    load_fade(loader, reader, "fade_out", &clip->fade_out);
    mxd_read_choice(reader, "non_finite", MXD_OPTIONAL, non_finite, COUNT(non_finite), &treatment);
    clip->non_finite = (mxd_non_finite)treatment;
    uint64_t end = loader->session->num_frames;
    if (end > 0 && clip->start_frame >= end)
        mxd_reader_fail(reader, "start_s", "the clip begins at %.10g s, but the session ends at %.10g s",
                        (double)clip->start_frame / rate, (double)end / rate);
    uint32_t channels = has_file ? resolve_file(loader, reader, file, wanted, clip) : 0;
    mxd_refuse_all(reader, planned_clip_keys, COUNT(planned_clip_keys));
    return good_channel ? channels : 0;
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
        uint32_t width = load_clip(loader, item, &track->clips[track->num_clips]);
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
