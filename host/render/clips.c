/*
 * Clips are kept in order of their start. Of the clips that cover a frame, the
 * first writes it and the others add to it, so that a frame's value does not
 * depend on how reads are cut, and a clip alone can be decoded straight into
 * the lanes. A clip that ends within a read is closed before the next is
 * opened: files open at once are never more than clips sounding at once.
 *
 * Most of the time one clip sounds by itself, from a plain file, without a
 * fade: then its bytes go on as they are, and are unpacked where the lanes are.
 */
#include "clips.h"

#include "clip_gain.h"
#include "clip_source.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE_FRAMES = 4096 }; /* that pass through gain and fades at a time */

/* A clip whose time has come and is not over. */
typedef struct sounding {
    const mxd_clip *clip;
    mxd_clip_source *source;  /* NULL until its first read */
} sounding;

struct mxd_clip_player {
    const mxd_track *track;
    uint32_t num_lanes;
    uint32_t sample_rate;
    mxd_problems *problems;
    const mxd_clip **clips;   /* of the track, those that sound at all, by start */
    uint32_t num_clips;
    uint32_t next_clip;       /* the first whose time has not come */
    sounding *active;         /* in the order of clips; num_clips allocated */
    uint32_t num_active;
    uint64_t position;        /* the earliest frame that may be asked for */
    float *scratch;           /* [lanes][PIECE_FRAMES] */
    double *envelope;         /* [PIECE_FRAMES] */
};

/* A clip turned down to silence never needs its file. */
static bool can_sound(const mxd_clip *clip)
{
    return clip->num_frames > 0 && mxd_clip_gain(clip) != 0.0;
}

static bool is_over(const mxd_clip *clip, uint64_t frame)
{
    return clip->start_frame + clip->num_frames <= frame;
}

/* ---- Opening ------------------------------------------------------------- */

static int by_start(const void *a, const void *b)
{
    const mxd_clip *left = *(const mxd_clip *const *)a, *right = *(const mxd_clip *const *)b;
    if (left->start_frame != right->start_frame)
        return left->start_frame < right->start_frame ? -1 : 1;
    return left < right ? -1 : left > right; /* then as in the session: qsort keeps no order by itself */
}

static mxd_result check_clip(const mxd_clip *clip, uint32_t num_lanes, mxd_problems *problems)
{
    const mxd_place place = {.file = clip->file};
    for (uint32_t i = 0; clip->channels && i < clip->num_channels; i++)
        if (clip->channels[i] >= clip->file_channels)
            return mxd_fail(problems, MXD_ERROR_INVALID, &place,
                            "has %u channels: there is no channel %u (they count from 0)", clip->file_channels,
                            clip->channels[i]);
    uint32_t num_channels = mxd_clip_num_channels(clip);
    if (num_channels != 1 && num_channels != num_lanes)
        return mxd_fail(problems, MXD_ERROR_INVALID, &place, "has %u channels, but its track has %u", num_channels,
                        num_lanes);
    return MXD_OK;
}

mxd_result mxd_clip_player_create(const mxd_track *track, uint32_t sample_rate, mxd_problems *problems,
                                  mxd_clip_player **result)
{
    *result = NULL;
    mxd_result status = MXD_OK;
    mxd_clip_player *player = calloc(1, sizeof *player);
    if (!player)
        return mxd_fail(problems, MXD_ERROR_MEMORY, NULL, "memory ran out");
    player->track = track;
    player->num_lanes = track->strip.num_source_channels;
    player->sample_rate = sample_rate;
    player->problems = problems;
    player->clips = malloc((track->num_clips + 1) * sizeof *player->clips);
    player->active = calloc(track->num_clips + 1, sizeof *player->active);
    player->scratch = malloc((size_t)PIECE_FRAMES * (player->num_lanes + 1) * sizeof *player->scratch);
    player->envelope = malloc(PIECE_FRAMES * sizeof *player->envelope);
    if (!player->clips || !player->active || !player->scratch || !player->envelope) {
        status = mxd_fail(problems, MXD_ERROR_MEMORY, NULL, "memory ran out");
        goto fail;
    }
    for (uint32_t i = 0; i < track->num_clips; i++) {
        if ((status = check_clip(&track->clips[i], player->num_lanes, problems)) != MXD_OK)
            goto fail;
        if (can_sound(&track->clips[i]))
            player->clips[player->num_clips++] = &track->clips[i];
    }
    qsort(player->clips, player->num_clips, sizeof *player->clips, by_start);
    *result = player;
    return MXD_OK;
fail:
    mxd_clip_player_destroy(player);
    return status;
}

void mxd_clip_player_destroy(mxd_clip_player *player)
{
    if (!player)
        return;
    for (uint32_t i = 0; i < player->num_active; i++)
        mxd_clip_source_close(player->active[i].source);
    free(player->clips);
    free(player->active);
    free(player->scratch);
    free(player->envelope);
    free(player);
}

/* ---- Reading ------------------------------------------------------------- */

/* Opens the clip's source, or goes on in it, so that frame position of the clip comes next. */
static mxd_result move_to(mxd_clip_player *player, sounding *to, uint64_t position)
{
    if (to->source)
        return mxd_clip_source_skip_to(to->source, position);
    return mxd_clip_source_open(to->clip, player->sample_rate, position, player->problems, &to->source);
}

static void apply_gain(float *samples, const double *envelope, double gain, uint32_t num_frames)
{
    if (envelope)
        for (uint32_t i = 0; i < num_frames; i++)
            samples[i] = (float)(samples[i] * envelope[i]);
    else if (gain != 1.0)
        for (uint32_t i = 0; i < num_frames; i++)
            samples[i] = (float)(samples[i] * gain);
}

/* The clip's next num_frames (at most PIECE_FRAMES) frames, added to lanes from frame at on. */
static mxd_result add_piece(mxd_clip_player *player, sounding *from, float *const *lanes, size_t at,
                            uint32_t num_frames)
{
    uint32_t num_channels = mxd_clip_num_channels(from->clip);
    uint64_t position = mxd_clip_source_position(from->source);
    const double *envelope = NULL;
    if (mxd_clip_gain_moves(from->clip, position, num_frames)) {
        mxd_clip_gain_fill(from->clip, position, num_frames, player->envelope);
        envelope = player->envelope;
    }
    float *channels[MXD_AUDIO_MAX_CHANNELS];
    for (uint32_t channel = 0; channel < num_channels; channel++)
        channels[channel] = player->scratch + (size_t)channel * PIECE_FRAMES;
    mxd_result result = mxd_clip_source_read(from->source, channels, 0, num_frames);
    if (result)
        return result;
    for (uint32_t channel = 0; channel < num_channels; channel++)
        apply_gain(channels[channel], envelope, mxd_clip_gain(from->clip), num_frames);
    for (uint32_t lane = 0; lane < player->num_lanes; lane++) {
        const float *samples = channels[num_channels == 1 ? 0 : lane];
        float *sum = lanes[lane] + at;
        for (uint32_t i = 0; i < num_frames; i++)
            sum[i] += samples[i];
    }
    return MXD_OK;
}

/* The clip's next num_frames frames, written over lanes from frame at on: decoded in place. */
static mxd_result put_span(mxd_clip_player *player, sounding *from, float *const *lanes, size_t at, uint32_t num_frames)
{
    uint64_t first = mxd_clip_source_position(from->source);
    uint32_t num_channels = mxd_clip_num_channels(from->clip);
    double gain = mxd_clip_gain(from->clip);
    mxd_result result = mxd_clip_source_read(from->source, lanes, at, num_frames);
    if (result)
        return result;
    for (uint32_t done = 0; done < num_frames;) {
        uint32_t count = num_frames - done < PIECE_FRAMES ? num_frames - done : PIECE_FRAMES;
        const double *envelope = NULL;
        if (mxd_clip_gain_moves(from->clip, first + done, count)) {
            mxd_clip_gain_fill(from->clip, first + done, count, player->envelope);
            envelope = player->envelope;
        }
        for (uint32_t channel = 0; channel < num_channels; channel++)
            apply_gain(lanes[channel] + at + done, envelope, gain, count);
        done += count;
    }
    for (uint32_t lane = num_channels; lane < player->num_lanes; lane++)
        memcpy(lanes[lane] + at, lanes[0] + at, num_frames * sizeof(float));
    return MXD_OK;
}

/* The part of a read in which a clip sounds. */
typedef struct span {
    uint32_t begin, end;
} span;

static span span_of(const mxd_clip *clip, uint64_t first_frame, uint32_t num_frames)
{
    uint64_t start = clip->start_frame, clip_end = start + clip->num_frames, read_end = first_frame + num_frames;
    return (span){
        .begin = start > first_frame ? (uint32_t)(start - first_frame) : 0,
        .end = (uint32_t)((clip_end < read_end ? clip_end : read_end) - first_frame),
    };
}

/* The part of a clip that lies in the read. *written: frames of the lanes that hold something already; it grows. */
static mxd_result play(mxd_clip_player *player, sounding *from, uint64_t first_frame, uint32_t num_frames,
                       float *const *lanes, uint32_t *written)
{
    const mxd_clip *clip = from->clip;
    span part = span_of(clip, first_frame, num_frames);
    uint32_t begin = part.begin, end = part.end;
    mxd_result result = move_to(player, from, first_frame + begin - clip->start_frame);
    uint32_t shared_end = end < *written ? end : *written;
    for (uint32_t at = begin; !result && at < shared_end;) {
        uint32_t count = shared_end - at < PIECE_FRAMES ? shared_end - at : PIECE_FRAMES;
        result = add_piece(player, from, lanes, at, count);
        at += count;
    }
    if (result || end <= *written)
        return result;
    for (uint32_t lane = 0; begin > *written && lane < player->num_lanes; lane++)
        memset(lanes[lane] + *written, 0, (begin - *written) * sizeof(float));
    uint32_t alone = begin > *written ? begin : *written;
    *written = end;
    return put_span(player, from, lanes, alone, end - alone);
}

/* Takes in the clips that begin before end, and drops those that are over at first_frame. */
static void take_up(mxd_clip_player *player, uint64_t first_frame, uint64_t end)
{
    while (player->next_clip < player->num_clips && player->clips[player->next_clip]->start_frame < end)
        player->active[player->num_active++] = (sounding){.clip = player->clips[player->next_clip++]};
    uint32_t kept = 0;
    for (uint32_t i = 0; i < player->num_active; i++) {
        if (!is_over(player->active[i].clip, first_frame))
            player->active[kept++] = player->active[i];
        else
            mxd_clip_source_close(player->active[i].source);
    }
    player->num_active = kept;
}

bool mxd_clip_player_sounds(mxd_clip_player *player, uint64_t first_frame, uint64_t num_frames)
{
    for (uint32_t i = 0; i < player->num_active; i++)
        if (!is_over(player->active[i].clip, first_frame))
            return num_frames > 0;
    while (player->next_clip < player->num_clips && is_over(player->clips[player->next_clip], first_frame))
        player->next_clip++;
    if (player->next_clip == player->num_clips || num_frames == 0)
        return false;
    uint64_t start = player->clips[player->next_clip]->start_frame;
    return start < first_frame || start - first_frame < num_frames;
}

/* Closes the file of a clip that is over at frame end. */
static void close_if_over(sounding *clip, uint64_t end)
{
    if (!is_over(clip->clip, end))
        return;
    mxd_clip_source_close(clip->source);
    clip->source = NULL;
}

static mxd_result check_time(const mxd_clip_player *player, uint64_t first_frame)
{
    if (first_frame < player->position)
        return mxd_fail(player->problems, MXD_ERROR_ARGUMENT, NULL, "clips are read forward in time only");
    return MXD_OK;
}

mxd_result mxd_clip_player_read(mxd_clip_player *player, uint64_t first_frame, uint32_t num_frames, float *const *lanes)
{
    mxd_result result = check_time(player, first_frame);
    if (result)
        return result;
    uint64_t end = first_frame + num_frames;
    uint32_t written = 0;
    take_up(player, first_frame, end);
    for (uint32_t i = 0; i < player->num_active; i++) {
        sounding *clip = &player->active[i];
        result = play(player, clip, first_frame, num_frames, lanes, &written);
        if (result)
            return result;
        close_if_over(clip, end);
    }
    for (uint32_t lane = 0; lane < player->num_lanes; lane++)
        memset(lanes[lane] + written, 0, (num_frames - written) * sizeof(float));
    player->position = end;
    take_up(player, end, 0);
    return MXD_OK;
}

/* ---- As they lie in the file ---------------------------------------------- */

/* The frames of the one clip that sounds, packed; *done = false where they are not to be had so. */
static mxd_result fetch_packed(mxd_clip_player *player, uint64_t first_frame, uint32_t num_frames, void *room,
                               mxd_upload *lanes, bool *done)
{
    *done = false;
    take_up(player, first_frame, first_frame + num_frames);
    if (player->num_active != 1)
        return MXD_OK;
    sounding *from = &player->active[0];
    const mxd_clip *clip = from->clip;
    span part = span_of(clip, first_frame, num_frames);
    uint64_t position = first_frame + part.begin - clip->start_frame;
    mxd_sample_format format;
    bool packed = false;
    if (mxd_clip_gain_moves(clip, position, part.end - part.begin))
        return MXD_OK;
    mxd_result result = move_to(player, from, position);
    if (!result)
        result = mxd_clip_source_packed(from->source, &packed, &format);
    if (!packed)
        return result;
    size_t frame_bytes = (size_t)mxd_sample_bytes(format) * clip->file_channels;
    if (frame_bytes > player->num_lanes * sizeof(float))
        return MXD_OK;
    unsigned char *bytes = room;
    memset(bytes, 0, part.begin * frame_bytes);
    memset(bytes + part.end * frame_bytes, 0, (num_frames - part.end) * frame_bytes);
    result = mxd_clip_source_read_packed(from->source, bytes + part.begin * frame_bytes, part.end - part.begin);
    bool mono = mxd_clip_num_channels(clip) == 1;
    for (uint32_t lane = 0; lane < player->num_lanes; lane++)
        lanes[lane] = (mxd_upload){
            .frames = room,
            .format = format,
            .num_channels = clip->file_channels,
            .channel = clip->channels ? clip->channels[mono ? 0 : lane] : mono ? 0 : lane,
            .gain = mxd_clip_gain(clip),
        };
    close_if_over(from, first_frame + num_frames);
    player->position = first_frame + num_frames;
    take_up(player, first_frame + num_frames, 0);
    *done = true;
    return result;
}

mxd_result mxd_clip_player_fetch(mxd_clip_player *player, uint64_t first_frame, uint32_t num_frames, float *room,
                                 uint32_t lane_frames, mxd_upload *lanes)
{
    bool done;
    mxd_result result = check_time(player, first_frame);
    if (!result)
        result = fetch_packed(player, first_frame, num_frames, room, lanes, &done);
    if (result || done)
        return result;
    float *decoded[MXD_AUDIO_MAX_CHANNELS];
    for (uint32_t lane = 0; lane < player->num_lanes; lane++) {
        decoded[lane] = room + (size_t)lane * lane_frames;
        lanes[lane] = (mxd_upload){.frames = decoded[lane], .num_channels = 1, .gain = 1.0};
    }
    return mxd_clip_player_read(player, first_frame, num_frames, decoded);
}
