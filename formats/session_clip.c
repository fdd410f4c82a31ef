/*
 * One clip: a span of a file, resolved to frames at the session's rate, and how
 * it is played. Speed and stretch make the span longer or shorter, a loop
 * repeats it; envelope and fades speak of what comes out on the time line.
 */
#include "session_parts.h"

#include <math.h>
#include <string.h>

/* People write times to the millisecond: a length that passes the file's end by less is meant to end there. */
#define LENGTH_TOLERANCE_S 1e-3

_Static_assert(MXD_AUDIO_MAX_CHANNELS <= MXD_MAX_CHANNELS, "a file's channels must fit a track");

/* What is asked for, before the file is known. */
typedef struct wishes {
    uint64_t span_frames; /* 0 = to the file's end */
    uint64_t loop_frames; /* 0 = none */
    bool bad_channels;    /* told already */
} wishes;

/* ---- Gain ---------------------------------------------------------------- */

static void read_curve(mxd_reader *reader, mxd_fade_curve *curve)
{
    static const char *const curves[] = {"linear", "equal-power", "exponential", "logarithmic", "s-curve"};
    int value = *curve;
    mxd_read_choice(reader, "curve", MXD_OPTIONAL, curves, COUNT(curves), &value);
    *curve = (mxd_fade_curve)value;
}

static void load_fade(mxd_loader *loader, mxd_reader *reader, const char *key, mxd_fade *fade)
{
    mxd_reader *child = mxd_read_object(reader, key, MXD_OPTIONAL);
    if (!child)
        return;
    mxd_read_time(child, "length_s", MXD_REQUIRED, loader->session->sample_rate, &fade->num_frames);
    read_curve(child, &fade->curve);
    mxd_reader_close(child);
}

static void load_envelope(mxd_loader *loader, mxd_reader *reader, mxd_automation *envelope)
{
    static const mxd_point_range range = {.min = -1000.0, .max = MXD_MAX_LEVEL_DB, .in_db = true, .has_silence = true,
                                          .silence_db = MXD_MIN_LEVEL_DB};
    bool has_curve = mxd_read_has(reader, "envelope_curve");
    if (mxd_read_has(reader, "envelope"))
        mxd_load_curve_at(loader, reader, "envelope_curve", "envelope", &range, envelope);
    else if (has_curve)
        mxd_reader_fail(reader, "envelope_curve", "\"envelope_curve\" is the curve of an \"envelope\", but there is none");
}

static void load_gain(mxd_loader *loader, mxd_reader *reader, mxd_clip *clip)
{
    bool mute = false;
    mxd_read_level(reader, "gain_db", MXD_OPTIONAL, MXD_MIN_LEVEL_DB, MXD_MAX_LEVEL_DB, &clip->gain_db);
    mxd_read_bool(reader, "mute", MXD_OPTIONAL, &mute);
    if (mute)
        clip->gain_db = -HUGE_VAL;
    mxd_read_bool(reader, "polarity", MXD_OPTIONAL, &clip->inverted);
    load_envelope(loader, reader, &clip->envelope);
    load_fade(loader, reader, "fade_in", &clip->fade_in);
    load_fade(loader, reader, "fade_out", &clip->fade_out);
}

/* ---- Channels ------------------------------------------------------------ */

static void load_channels(mxd_loader *loader, mxd_reader *reader, mxd_clip *clip, wishes *wanted)
{
    enum { MAX_CHANNEL = 1023 };
    int64_t channel = 0;
    bool one = mxd_read_has(reader, "channel"), several = mxd_read_has(reader, "channels");
    mxd_read_bool(reader, "mono_sum", MXD_OPTIONAL, &clip->mono_sum);
    if (one && several)
        mxd_reader_fail(reader, "channels", "\"channel\" picks one and \"channels\" several: give one of the two");
    mxd_reader *list = several ? mxd_read_array(reader, "channels", MXD_REQUIRED) : NULL;
    size_t count = list ? mxd_reader_length(list) : one;
    if (list && (count == 0 || count > MXD_MAX_CHANNELS))
        mxd_reader_fail(reader, "channels", "\"channels\" must list 1 to %d channels of the file", MXD_MAX_CHANNELS);
    bool good = !(one && several) && (!several || (list && count > 0 && count <= MXD_MAX_CHANNELS));
    if (good && count > 0) {
        clip->channels = mxd_loader_alloc(loader, count, sizeof *clip->channels);
        for (size_t i = 0; clip->channels && i < count; i++) {
            good = (list ? mxd_item_integer(list, i, 0, MAX_CHANNEL, &channel)
                         : mxd_read_integer(reader, "channel", MXD_REQUIRED, 0, MAX_CHANNEL, &channel)) && good;
            clip->channels[clip->num_channels++] = (uint32_t)channel;
        }
    }
    wanted->bad_channels = !good;
    mxd_reader_close(list);
}

/* The channels that the clip gives; 0 with a problem. */
static uint32_t resolve_channels(mxd_reader *reader, const mxd_clip *clip)
{
    const char *key = mxd_read_has(reader, "channels") ? "channels" : "channel";
    for (uint32_t i = 0; clip->channels && i < clip->num_channels; i++)
        if (clip->channels[i] >= clip->file_channels) {
            mxd_reader_fail(reader, key, "\"%s\" %s %u, but the file has %u: they count from 0", key,
                            strcmp(key, "channel") == 0 ? "is" : "names", clip->channels[i], clip->file_channels);
            return 0;
        }
    return mxd_clip_num_channels(clip);
}

/* ---- Time ---------------------------------------------------------------- */

static void load_speed(mxd_loader *loader, mxd_reader *reader, mxd_clip *clip)
{
    clip->speed = clip->stretch = 1.0;
    mxd_read_number(reader, "speed", MXD_OPTIONAL, 0.25, 4.0, &clip->speed);
    mxd_read_number(reader, "stretch", MXD_OPTIONAL, MXD_STRETCH_MIN_RATIO, 10.0, &clip->stretch);
    mxd_read_number(reader, "pitch_semitones", MXD_OPTIONAL, -24.0, 24.0, &clip->pitch_semitones);
    bool formants = mxd_read_bool(reader, "preserve_formants", MXD_OPTIONAL, &clip->preserve_formants);
    bool stretch = mxd_read_has(reader, "stretch"), pitch = mxd_read_has(reader, "pitch_semitones");
    if (mxd_read_has(reader, "speed") && (stretch || pitch))
        mxd_reader_fail(reader, "speed", "\"speed\" changes pitch and length together, as a tape does; \"stretch\" and "
                                         "\"pitch_semitones\" change them apart: use the one or the others");
    if (formants && !pitch)
        mxd_reader_fail(reader, "preserve_formants", "\"preserve_formants\" has a meaning with \"pitch_semitones\" only");
    double ratio = clip->stretch * pow(2.0, clip->pitch_semitones / 12.0);
    if (ratio < MXD_STRETCH_MIN_RATIO)
        mxd_reader_fail(reader, stretch ? "stretch" : "pitch_semitones",
                        "a stretch of %.10g at a pitch of %.10g semitones is more than Rubber Band can do: its product with "
                        "the ratio of pitch is %.3g, and must be %.10g or more", clip->stretch, clip->pitch_semitones,
                        ratio, MXD_STRETCH_MIN_RATIO);
    if (mxd_clip_is_stretched(clip) && loader->session->sample_rate > MXD_STRETCH_MAX_RATE)
        mxd_reader_fail(reader, stretch ? "stretch" : "pitch_semitones",
                        "Rubber Band works at session rates up to %u Hz; render at one of these, or use \"speed\"",
                        MXD_STRETCH_MAX_RATE);
}

static void load_loop(mxd_loader *loader, mxd_reader *reader, mxd_clip *clip, wishes *wanted)
{
    uint32_t rate = loader->session->sample_rate;
    mxd_reader *child = mxd_read_object(reader, "loop", MXD_OPTIONAL);
    if (!child)
        return;
    clip->loop.curve = MXD_FADE_EQUAL_POWER; /* what meets at a seam has mostly nothing in common */
    if (mxd_read_time(child, "length_s", MXD_REQUIRED, rate, &wanted->loop_frames) && wanted->loop_frames == 0)
        mxd_reader_fail(child, "length_s", "\"length_s\", how long the loop sounds in all, must be longer than 0");
    mxd_read_time(child, "crossfade_s", MXD_OPTIONAL, rate, &clip->loop.crossfade_frames);
    read_curve(child, &clip->loop.curve);
    clip->loop.on = wanted->loop_frames > 0;
    mxd_reader_close(child);
}

static void load_start(mxd_loader *loader, mxd_reader *reader, mxd_clip *clip)
{
    enum { MAX_NUDGE = 1000000000 };
    uint32_t rate = loader->session->sample_rate;
    uint64_t end = loader->session->num_frames;
    int64_t nudge = 0;
    mxd_read_time(reader, "start_s", MXD_OPTIONAL, rate, &clip->start_frame);
    bool nudged = mxd_read_integer(reader, "nudge_frames", MXD_OPTIONAL, -MAX_NUDGE, MAX_NUDGE, &nudge);
    if ((int64_t)clip->start_frame + nudge < 0)
        mxd_reader_fail(reader, "nudge_frames",
                        "nudged, the clip would begin %lld frames before the session; raise \"start_s\", or \"offset_s\" "
                        "to skip these frames", (long long)-((int64_t)clip->start_frame + nudge));
    else
        clip->start_frame = (uint64_t)((int64_t)clip->start_frame + nudge);
    if (end > 0 && clip->start_frame >= end)
        mxd_reader_fail(reader, !nudged || nudge <= 0 ? "start_s" : "nudge_frames",
                        "the clip begins at %.10g s, but the session ends at %.10g s", (double)clip->start_frame / rate,
                        (double)end / rate);
}

/* Sets span_frames from the file's length and what the session asks for; false with a problem. */
static bool resolve_span(mxd_loader *loader, mxd_reader *reader, uint64_t wanted, mxd_clip *clip)
{
    double rate = loader->session->sample_rate;
    uint64_t length = mxd_audio_frames_at(clip->file_frames, clip->file_rate, loader->session->sample_rate);
    if (clip->offset_frames >= length) {
        mxd_reader_fail(reader, mxd_read_has(reader, "offset_s") ? "offset_s" : "file",
                        "the clip begins at %.10g s of a file that lasts %.10g s", (double)clip->offset_frames / rate,
                        (double)length / rate);
        return false;
    }
    uint64_t rest = length - clip->offset_frames;
    clip->span_frames = wanted == 0 || wanted > rest ? rest : wanted;
    if (wanted > rest && (double)(wanted - rest) > LENGTH_TOLERANCE_S * rate)
        mxd_reader_warn(reader, "length_s", "\"length_s\" passes the end of the file by %.10g s; the clip ends there",
                        (double)(wanted - rest) / rate);
    return true;
}

static void resolve_loop(mxd_loader *loader, mxd_reader *reader, uint64_t loop_frames, uint64_t once, mxd_clip *clip)
{
    double rate = loader->session->sample_rate, crossfade_s = (double)clip->loop.crossfade_frames / rate;
    if (loop_frames < once) {
        mxd_reader_fail(reader, "loop", "the loop lasts %.10g s in all, but its span %.10g s already; to cut the span, "
                                        "give the clip a shorter \"length_s\"",
                        (double)loop_frames / rate, (double)once / rate);
        return;
    }
    clip->num_frames = loop_frames;
    if (clip->loop.crossfade_frames > once) {
        mxd_reader_fail(reader, "loop", "the crossfade lasts %.10g s, but the span only %.10g s", crossfade_s,
                        (double)once / rate);
        return;
    }
    /* What a seam passes into lies before the span, in the direction of play. */
    uint64_t length = mxd_audio_frames_at(clip->file_frames, clip->file_rate, loader->session->sample_rate);
    double before = (double)(clip->reverse ? length - clip->offset_frames - clip->span_frames : clip->offset_frames);
    before *= clip->stretch / clip->speed;
    if (loop_frames > once && (double)clip->loop.crossfade_frames > before + LENGTH_TOLERANCE_S * rate)
        mxd_reader_warn(reader, "loop", "the crossfade lasts %.10g s and takes what the file has before the span%s, which "
                                        "is %.10g s; the rest of it is a fade to silence", crossfade_s,
                        clip->reverse ? " (played in reverse: behind it)" : "", before / rate);
}

/* Sets num_frames from the span: how long it sounds. */
static void resolve_length(mxd_loader *loader, mxd_reader *reader, const wishes *wanted, mxd_clip *clip)
{
    long long once = llround((double)clip->span_frames * clip->stretch / clip->speed);
    clip->num_frames = once > 0 ? (uint64_t)once : 1;
    if (clip->loop.on)
        resolve_loop(loader, reader, wanted->loop_frames, clip->num_frames, clip);
}

static void check_fade(mxd_loader *loader, mxd_reader *reader, const char *key, const mxd_fade *fade,
                       const mxd_clip *clip)
{
    double rate = loader->session->sample_rate;
    if (fade->num_frames > clip->num_frames)
        mxd_reader_fail(reader, key, "the fade lasts %.10g s, but the clip only %.10g s",
                        (double)fade->num_frames / rate, (double)clip->num_frames / rate);
}

static void check_envelope(mxd_loader *loader, mxd_reader *reader, const mxd_clip *clip)
{
    double rate = loader->session->sample_rate;
    const mxd_automation *envelope = &clip->envelope;
    if (envelope->num_points == 0 || envelope->points[envelope->num_points - 1].frame <= clip->num_frames)
        return;
    mxd_reader_fail(reader, "envelope", "its last point lies at %.10g s, but the clip ends %.10g s after its beginning",
                    (double)envelope->points[envelope->num_points - 1].frame / rate, (double)clip->num_frames / rate);
}

/* ---- The clip ------------------------------------------------------------ */

/* Opens the clip's file and resolves what depends on it; gives the clip's channels, 0 = unknown. */
static uint32_t resolve_file(mxd_loader *loader, mxd_reader *reader, const char *file, const wishes *wanted,
                             mxd_clip *clip)
{
    clip->file = mxd_loader_path(loader, file);
    const mxd_place place = mxd_reader_place(reader, "file");
    const mxd_audio_info *info = clip->file ? mxd_loader_probe(loader, clip->file, &place) : NULL;
    if (!info)
        return 0;
    clip->file_rate = info->sample_rate;
    clip->file_channels = info->num_channels;
    clip->file_frames = info->num_frames;
    if (resolve_span(loader, reader, wanted->span_frames, clip)) {
        resolve_length(loader, reader, wanted, clip);
        check_fade(loader, reader, "fade_in", &clip->fade_in, clip);
        check_fade(loader, reader, "fade_out", &clip->fade_out, clip);
        check_envelope(loader, reader, clip);
    }
    return wanted->bad_channels ? 0 : resolve_channels(reader, clip);
}

uint32_t mxd_load_clip(mxd_loader *loader, mxd_reader *reader, mxd_clip *clip)
{
    static const char *const non_finite[] = {"error", "zero"};
    uint32_t rate = loader->session->sample_rate;
    const char *file = NULL;
    wishes wanted = {0};
    int treatment = MXD_NON_FINITE_ERROR;
    mxd_loader_origin(loader, reader, &clip->origin);
    bool has_file = mxd_read_name(reader, "file", MXD_REQUIRED, &file);
    load_start(loader, reader, clip);
    mxd_read_time(reader, "offset_s", MXD_OPTIONAL, rate, &clip->offset_frames);
    if (mxd_read_time(reader, "length_s", MXD_OPTIONAL, rate, &wanted.span_frames) && wanted.span_frames == 0)
        mxd_reader_fail(reader, "length_s",
                        "\"length_s\" must be longer than 0; leave it out to play to the file's end");
    load_gain(loader, reader, clip);
    load_channels(loader, reader, clip, &wanted);
    mxd_read_bool(reader, "reverse", MXD_OPTIONAL, &clip->reverse);
    load_loop(loader, reader, clip, &wanted);
    load_speed(loader, reader, clip);
    mxd_read_choice(reader, "non_finite", MXD_OPTIONAL, non_finite, COUNT(non_finite), &treatment);
    clip->non_finite = (mxd_non_finite)treatment;
    return has_file ? resolve_file(loader, reader, file, &wanted, clip) : 0;
}
