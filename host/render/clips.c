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

#include "../../formats/audio_file.h"
#include "../graph/envelope.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    PIECE_FRAMES = 4096,      /* frames that pass through gain and fades at a time */
    /* A gap up to this long is decoded and dropped; beyond it the file is opened anew at the right place. */
    MAX_DROPPED_FRAMES = 65536
};

/* A clip whose time has come and is not over. */
typedef struct sounding {
    const mxd_clip *clip;
    mxd_audio_reader *reader; /* NULL until its first read */
    uint64_t position;        /* frame of the clip that the reader gives next */
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

/* ---- Gains --------------------------------------------------------------- */

double mxd_fade_gain(mxd_fade_curve curve, double position)
{
    const double pi = 3.14159265358979323846;
    const double k = 6.90775527898213705205; /* ln 1000: a rise of 60 dB */
    if (!(position > 0.0))
        return 0.0;
    if (position >= 1.0)
        return 1.0;
    switch (curve) {
    case MXD_FADE_LINEAR: return position;
    case MXD_FADE_EQUAL_POWER: return sin(0.5 * pi * position);
    case MXD_FADE_EXPONENTIAL: return expm1(k * position) / expm1(k);
    case MXD_FADE_LOGARITHMIC: return 1.0 - expm1(k * (1.0 - position)) / expm1(k);
    case MXD_FADE_S_CURVE: return 0.5 * (1.0 - cos(pi * position));
    }
    return position;
}

/* A clip turned down to silence never needs its file. */
static bool can_sound(const mxd_clip *clip)
{
    return clip->num_frames > 0 && mxd_gain_of_db(clip->gain_db) > 0.0;
}

static bool is_over(const mxd_clip *clip, uint64_t frame)
{
    return clip->start_frame + clip->num_frames <= frame;
}

/* Whether a fade touches frames first.. of the clip. */
static bool fades(const mxd_clip *clip, uint64_t first, uint64_t num_frames)
{
    return first < clip->fade_in.num_frames ||
           (clip->fade_out.num_frames && first + num_frames + clip->fade_out.num_frames > clip->num_frames);
}

/*
 * The clip's gain at frames first.. of it. The fade-out is the fade-in's curve run backwards in time, 0 at the frame
 * after the clip's last: two clips that overlap by the length of both fades meet at complementary points of the curve,
 * so that equal-power fades keep the power and linear ones the sum.
 */
static void fill_envelope(const mxd_clip *clip, uint64_t first, uint32_t num_frames, double *envelope)
{
    const mxd_fade *in = &clip->fade_in, *out = &clip->fade_out;
    double gain = mxd_gain_of_db(clip->gain_db);
    for (uint32_t i = 0; i < num_frames; i++) {
        uint64_t frame = first + i, left = clip->num_frames - frame;
        envelope[i] = gain;
        if (frame < in->num_frames)
            envelope[i] *= mxd_fade_gain(in->curve, (double)frame / (double)in->num_frames);
        if (left < out->num_frames)
            envelope[i] *= mxd_fade_gain(out->curve, (double)left / (double)out->num_frames);
    }
}

/* ---- Opening ------------------------------------------------------------- */

static int by_start(const void *a, const void *b)
{
    const mxd_clip *left = *(const mxd_clip *const *)a, *right = *(const mxd_clip *const *)b;
    if (left->start_frame != right->start_frame)
        return left->start_frame < right->start_frame ? -1 : 1;
    return left < right ? -1 : left > right; /* then as in the session: qsort keeps no order by itself */
}

static uint32_t num_clip_channels(const mxd_clip *clip)
{
    return clip->channel >= 0 ? 1 : clip->file_channels;
}

static mxd_result check_clip(const mxd_clip *clip, uint32_t num_lanes, mxd_problems *problems)
{
    const mxd_place place = {.file = clip->file};
    if (clip->channel >= 0 && (uint32_t)clip->channel >= clip->file_channels)
        return mxd_fail(problems, MXD_ERROR_INVALID, &place,
                        "has %u channels: there is no channel %d (they count from 0)", clip->file_channels,
                        clip->channel);
    uint32_t num_channels = num_clip_channels(clip);
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
        mxd_audio_reader_close(player->active[i].reader);
    free(player->clips);
    free(player->active);
    free(player->scratch);
    free(player->envelope);
    free(player);
}

/* ---- Reading ------------------------------------------------------------- */

/* Frames of the clip, as its file has them, into channels[0..num_clip_channels) from frame at on. */
static mxd_result read_file(sounding *from, float *const *channels, size_t at, uint32_t num_frames)
{
    const mxd_clip *clip = from->clip;
    float *targets[MXD_AUDIO_MAX_CHANNELS] = {0};
    for (uint32_t channel = 0; channel < num_clip_channels(clip); channel++)
        targets[clip->channel >= 0 ? (uint32_t)clip->channel : channel] = channels[channel] + at;
    mxd_result result = mxd_audio_reader_read(from->reader, targets, num_frames);
    from->position += num_frames;
    return result;
}

/* Opens the file, or goes on in it, so that frame position of the clip comes next. */
static mxd_result move_to(mxd_clip_player *player, sounding *to, uint64_t position)
{
    const mxd_clip *clip = to->clip;
    if (to->reader && position - to->position > MAX_DROPPED_FRAMES) {
        mxd_audio_reader_close(to->reader);
        to->reader = NULL;
    }
    if (!to->reader) {
        to->position = position;
        mxd_result result = mxd_audio_reader_open(clip->file, player->sample_rate, clip->offset_frames + position,
                                                  clip->non_finite, player->problems, &to->reader);
        if (result)
            return result;
        /* The session was checked some time ago. */
        const mxd_audio_info *info = mxd_audio_reader_info(to->reader);
        const mxd_place place = {.file = clip->file};
        if (info->num_channels != clip->file_channels || info->sample_rate != clip->file_rate ||
            info->num_frames < clip->file_frames)
            return mxd_fail(player->problems, MXD_ERROR_FILE, &place,
                            "has changed since the session was checked: render again once nothing writes to it");
    }
    while (to->position < position) {
        uint64_t gap = position - to->position;
        uint32_t count = gap < PIECE_FRAMES ? (uint32_t)gap : PIECE_FRAMES;
        float *const nowhere[MXD_AUDIO_MAX_CHANNELS] = {0};
        mxd_result result = mxd_audio_reader_read(to->reader, nowhere, count);
        if (result)
            return result;
        to->position += count;
    }
    return MXD_OK;
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
    uint32_t num_channels = num_clip_channels(from->clip);
    const double *envelope = NULL;
    if (fades(from->clip, from->position, num_frames)) {
        fill_envelope(from->clip, from->position, num_frames, player->envelope);
        envelope = player->envelope;
    }
    float *channels[MXD_AUDIO_MAX_CHANNELS];
    for (uint32_t channel = 0; channel < num_channels; channel++)
        channels[channel] = player->scratch + (size_t)channel * PIECE_FRAMES;
    mxd_result result = read_file(from, channels, 0, num_frames);
    if (result)
        return result;
    for (uint32_t channel = 0; channel < num_channels; channel++)
        apply_gain(channels[channel], envelope, mxd_gain_of_db(from->clip->gain_db), num_frames);
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
    uint64_t first = from->position;
    uint32_t num_channels = num_clip_channels(from->clip);
    double gain = mxd_gain_of_db(from->clip->gain_db);
    mxd_result result = read_file(from, lanes, at, num_frames);
    if (result)
        return result;
    for (uint32_t done = 0; done < num_frames;) {
        uint32_t count = num_frames - done < PIECE_FRAMES ? num_frames - done : PIECE_FRAMES;
        const double *envelope = NULL;
        if (fades(from->clip, first + done, count)) {
            fill_envelope(from->clip, first + done, count, player->envelope);
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
    uint64_t clip_end = clip->start_frame + clip->num_frames, read_end = first_frame + num_frames;
    return (span){
        .begin = clip->start_frame > first_frame ? (uint32_t)(clip->start_frame - first_frame) : 0,
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
            mxd_audio_reader_close(player->active[i].reader);
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
    mxd_audio_reader_close(clip->reader);
    clip->reader = NULL;
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
    if (fades(clip, position, part.end - part.begin))
        return MXD_OK;
    mxd_result result = move_to(player, from, position);
    if (result || !mxd_audio_reader_packed(from->reader, &format))
        return result;
    size_t frame_bytes = (size_t)mxd_sample_bytes(format) * clip->file_channels;
    if (frame_bytes > player->num_lanes * sizeof(float))
        return MXD_OK;
    unsigned char *bytes = room;
    memset(bytes, 0, part.begin * frame_bytes);
    memset(bytes + part.end * frame_bytes, 0, (num_frames - part.end) * frame_bytes);
    result = mxd_audio_reader_read_packed(from->reader, bytes + part.begin * frame_bytes, part.end - part.begin);
    from->position += part.end - part.begin;
    for (uint32_t lane = 0; lane < player->num_lanes; lane++)
        lanes[lane] = (mxd_upload){
            .frames = room,
            .format = format,
            .num_channels = clip->file_channels,
            .channel = clip->channel >= 0 ? (uint32_t)clip->channel : clip->file_channels == 1 ? 0 : lane,
            .gain = mxd_gain_of_db(clip->gain_db),
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
