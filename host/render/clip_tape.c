/*
 * Backwards, the file is read page by page, each a stretch of frames at a
 * multiple of its length, so that a frame's value does not depend on where
 * reading began. A seam of a loop is read by a second head: both go forward.
 */
#include "clip_tape.h"

#include "clip_gain.h"

#include <stdlib.h>
#include <string.h>

enum {
    PIECE_FRAMES = 4096,  /* summed to mono or crossfaded at a time */
    PAGE_FRAMES = 16384,  /* read backwards at a time: a seek costs less than these */
    /* A gap up to this long is decoded and dropped: a seek in packed files, or a fresh resampler, costs as much. */
    MAX_DROPPED_FRAMES = 65536
};

/* One place of the file that is being read. */
typedef struct tape_head {
    mxd_audio_reader *reader; /* NULL until its first read */
    uint64_t next;            /* frame of the file that reader gives next */
    float *page;              /* backwards: [channels][PAGE_FRAMES], forwards in time */
    uint64_t page_number;     /* which; UINT64_MAX = none */
} tape_head;

struct mxd_clip_tape {
    const mxd_clip *clip;
    mxd_problems *problems;
    uint32_t rate;
    uint32_t num_channels;       /* that the clip gives */
    uint64_t first_frame;        /* of the file, at rate, and of the span */
    uint64_t span_frames;
    uint64_t file_frames;        /* at rate */
    uint64_t num_frames;         /* of a looped clip in all */
    uint64_t crossfade_frames;
    tape_head main, seam;
    float *picked;               /* mono sum: [channels picked][PIECE_FRAMES] */
    float *lead;                 /* crossfade: [channels][PIECE_FRAMES] */
    uint64_t held_frames;        /* of a short loop: its crossfade and its span; 0 = too long */
    float *held;                 /* [channels][held_frames]; NULL until it is read */
};

/* ---- The file ------------------------------------------------------------ */

static mxd_result open_reader(mxd_clip_tape *tape, tape_head *head, uint64_t frame)
{
    const mxd_clip *clip = tape->clip;
    mxd_result result = mxd_audio_reader_open(clip->file, tape->rate, frame, clip->non_finite, tape->problems,
                                              &head->reader);
    if (result)
        return result;
    head->next = frame;
    /* The session was checked some time ago. */
    const mxd_audio_info *info = mxd_audio_reader_info(head->reader);
    const mxd_place place = {.file = clip->file};
    if (info->num_channels != clip->file_channels || info->sample_rate != clip->file_rate ||
        info->num_frames < clip->file_frames)
        return mxd_fail(tape->problems, MXD_ERROR_FILE, &place,
                        "has changed since the session was checked: render again once nothing writes to it");
    return MXD_OK;
}

/* Makes frame of the file the next one. */
static mxd_result move_head(mxd_clip_tape *tape, tape_head *head, uint64_t frame)
{
    if (!head->reader)
        return open_reader(tape, head, frame);
    float *const nowhere[MXD_AUDIO_MAX_CHANNELS] = {0};
    mxd_result result = MXD_OK;
    if (frame > head->next && frame - head->next <= MAX_DROPPED_FRAMES)
        result = mxd_audio_reader_read(head->reader, nowhere, (uint32_t)(frame - head->next));
    else if (frame != head->next)
        result = mxd_audio_reader_seek(head->reader, frame);
    head->next = frame;
    return result;
}

/* The next frames with the channels that the clip picks. */
static mxd_result read_picked(mxd_clip_tape *tape, tape_head *head, float *const *picked, size_t at, uint32_t num_frames)
{
    const mxd_clip *clip = tape->clip;
    float *targets[MXD_AUDIO_MAX_CHANNELS] = {0};
    uint32_t num_picked = clip->channels ? clip->num_channels : clip->file_channels;
    for (uint32_t i = 0; i < num_picked; i++)
        targets[clip->channels ? clip->channels[i] : i] = picked[i] + at;
    mxd_result result = mxd_audio_reader_read(head->reader, targets, num_frames);
    head->next += num_frames;
    for (uint32_t i = 0; clip->channels && i < num_picked; i++) /* one that is picked twice */
        if (targets[clip->channels[i]] != picked[i] + at)
            memcpy(picked[i] + at, targets[clip->channels[i]], num_frames * sizeof(float));
    return result;
}

static mxd_result read_mono(mxd_clip_tape *tape, tape_head *head, float *sum, uint32_t num_frames)
{
    const mxd_clip *clip = tape->clip;
    uint32_t num_picked = clip->channels ? clip->num_channels : clip->file_channels;
    float *picked[MXD_AUDIO_MAX_CHANNELS];
    for (uint32_t i = 0; i < num_picked; i++)
        picked[i] = tape->picked + (size_t)i * PIECE_FRAMES;
    for (uint32_t done = 0; done < num_frames;) {
        uint32_t count = num_frames - done < PIECE_FRAMES ? num_frames - done : PIECE_FRAMES;
        double total[PIECE_FRAMES];
        mxd_result result = read_picked(tape, head, picked, 0, count);
        if (result)
            return result;
        for (uint32_t i = 0; i < count; i++)
            total[i] = picked[0][i];
        for (uint32_t channel = 1; channel < num_picked; channel++)
            for (uint32_t i = 0; i < count; i++)
                total[i] += picked[channel][i];
        for (uint32_t i = 0; i < count; i++)
            sum[done + i] = (float)(total[i] / num_picked);
        done += count;
    }
    return MXD_OK;
}

static mxd_result read_file(mxd_clip_tape *tape, tape_head *head, uint64_t frame, float *const *channels, size_t at,
                            uint32_t num_frames)
{
    mxd_result result = move_head(tape, head, frame);
    if (result)
        return result;
    return tape->clip->mono_sum ? read_mono(tape, head, channels[0] + at, num_frames)
                                : read_picked(tape, head, channels, at, num_frames);
}

/* Frames frame, frame - 1, ... of the file; at most as many as one page holds. *num_frames: in, wanted; out, given. */
static mxd_result read_page(mxd_clip_tape *tape, tape_head *head, uint64_t frame, float *const *channels, size_t at,
                            uint32_t *num_frames)
{
    float *page[MXD_AUDIO_MAX_CHANNELS];
    for (uint32_t channel = 0; channel < tape->num_channels; channel++)
        page[channel] = head->page + (size_t)channel * PAGE_FRAMES;
    uint64_t number = frame / PAGE_FRAMES;
    uint32_t in_page = (uint32_t)(frame % PAGE_FRAMES) + 1;
    if (number != head->page_number) {
        mxd_result result = read_file(tape, head, number * PAGE_FRAMES, page, 0, PAGE_FRAMES);
        if (result)
            return result;
        head->page_number = number;
    }
    if (*num_frames > in_page)
        *num_frames = in_page;
    for (uint32_t channel = 0; channel < tape->num_channels; channel++)
        for (uint32_t i = 0; i < *num_frames; i++)
            channels[channel][at + i] = page[channel][in_page - 1 - i];
    return MXD_OK;
}

/* ---- The span ------------------------------------------------------------ */

static void silence(const mxd_clip_tape *tape, float *const *channels, size_t at, uint64_t num_frames)
{
    for (uint32_t channel = 0; channel < tape->num_channels; channel++)
        memset(channels[channel] + at, 0, num_frames * sizeof(float));
}

static uint32_t least(uint64_t a, uint32_t b)
{
    return a < b ? (uint32_t)a : b;
}

/* Frames position.. of the span, and of what lies around it. */
static mxd_result read_span(mxd_clip_tape *tape, tape_head *head, int64_t position, float *const *channels, size_t at,
                            uint32_t num_frames)
{
    bool reverse = tape->clip->reverse;
    int64_t last = (int64_t)tape->file_frames - 1;
    for (uint32_t done = 0; done < num_frames;) {
        int64_t next = position + done;
        int64_t frame = reverse ? (int64_t)(tape->first_frame + tape->span_frames) - 1 - next
                                : (int64_t)tape->first_frame + next;
        /* Frames until the file begins, in the direction of play, and until it ends. */
        int64_t before = reverse ? frame - last : -frame, inside = reverse ? frame + 1 : last + 1 - frame;
        uint32_t count = num_frames - done;
        mxd_result result = MXD_OK;
        if (before > 0)
            silence(tape, channels, at + done, count = least((uint64_t)before, count));
        else if (inside <= 0)
            silence(tape, channels, at + done, count);
        else if (reverse)
            result = read_page(tape, head, (uint64_t)frame, channels, at + done, &count);
        else
            result = read_file(tape, head, (uint64_t)frame, channels, at + done, count = least((uint64_t)inside, count));
        if (result)
            return result;
        done += count;
    }
    return MXD_OK;
}

/* ---- The loop ------------------------------------------------------------ */

/* read_span for a loop: what lies from the crossfade before the span to its end, out of memory where it is held. */
static mxd_result read_round(mxd_clip_tape *tape, tape_head *head, int64_t position, float *const *channels, size_t at,
                             uint32_t num_frames)
{
    if (!tape->held_frames)
        return read_span(tape, head, position, channels, at, num_frames);
    if (!tape->held) {
        float *held[MXD_AUDIO_MAX_CHANNELS];
        tape->held = malloc(tape->held_frames * tape->num_channels * sizeof *tape->held);
        if (!tape->held)
            return mxd_fail(tape->problems, MXD_ERROR_MEMORY, NULL, "memory ran out");
        for (uint32_t channel = 0; channel < tape->num_channels; channel++)
            held[channel] = tape->held + channel * tape->held_frames;
        mxd_result result = read_span(tape, &tape->main, -(int64_t)tape->crossfade_frames, held, 0,
                                      (uint32_t)tape->held_frames);
        if (result)
            return result;
    }
    for (uint32_t channel = 0; channel < tape->num_channels; channel++)
        memcpy(channels[channel] + at, tape->held + channel * tape->held_frames + tape->crossfade_frames + position,
               num_frames * sizeof(float));
    return MXD_OK;
}

/* A part of a seam: frames phase.. of the span, at most PIECE_FRAMES, pass into those before it. */
static mxd_result read_seam(mxd_clip_tape *tape, uint64_t phase, float *const *channels, size_t at, uint32_t num_frames)
{
    float *lead[MXD_AUDIO_MAX_CHANNELS];
    for (uint32_t channel = 0; channel < tape->num_channels; channel++)
        lead[channel] = tape->lead + (size_t)channel * PIECE_FRAMES;
    mxd_result result = read_round(tape, &tape->main, (int64_t)phase, channels, at, num_frames);
    if (!result)
        result = read_round(tape, &tape->seam, (int64_t)phase - (int64_t)tape->span_frames, lead, 0, num_frames);
    if (result)
        return result;
    mxd_fade_curve curve = tape->clip->loop.curve;
    double length = (double)tape->crossfade_frames;
    for (uint32_t i = 0; i < num_frames; i++) {
        double left = (double)(tape->span_frames - phase - i);
        double out = mxd_fade_gain(curve, left / length), in = mxd_fade_gain(curve, (length - left) / length);
        for (uint32_t channel = 0; channel < tape->num_channels; channel++) {
            float *sample = channels[channel] + at + i;
            *sample = (float)(out * *sample + in * lead[channel][i]);
        }
    }
    return MXD_OK;
}

static mxd_result read_loop(mxd_clip_tape *tape, uint64_t position, float *const *channels, size_t at,
                            uint32_t num_frames)
{
    for (uint32_t done = 0; done < num_frames;) {
        uint64_t phase = (position + done) % tape->span_frames, next = position + done - phase + tape->span_frames;
        uint64_t seam = tape->span_frames - (next < tape->num_frames ? tape->crossfade_frames : 0);
        uint32_t count = num_frames - done;
        mxd_result result;
        if (phase < seam) {
            count = least(seam - phase, count);
            result = read_round(tape, &tape->main, (int64_t)phase, channels, at + done, count);
        } else {
            count = least(tape->span_frames - phase, count < PIECE_FRAMES ? count : PIECE_FRAMES);
            result = read_seam(tape, phase, channels, at + done, count);
        }
        if (result)
            return result;
        done += count;
    }
    return MXD_OK;
}

mxd_result mxd_clip_tape_read(mxd_clip_tape *tape, int64_t position, float *const *channels, size_t at,
                              uint32_t num_frames)
{
    if (!tape->clip->loop.on)
        return read_span(tape, &tape->main, position, channels, at, num_frames);
    uint32_t before = position < 0 ? least((uint64_t)-position, num_frames) : 0;
    mxd_result result = read_span(tape, &tape->main, position, channels, at, before);
    if (result || before == num_frames)
        return result;
    return read_loop(tape, (uint64_t)(position + before), channels, at + before, num_frames - before);
}

/* ---- As it lies in the file ---------------------------------------------- */

mxd_result mxd_clip_tape_packed(mxd_clip_tape *tape, int64_t position, mxd_audio_reader **reader,
                                mxd_sample_format *format)
{
    const mxd_clip *clip = tape->clip;
    *reader = NULL;
    if (position < 0 || clip->reverse || clip->loop.on || clip->mono_sum)
        return MXD_OK;
    mxd_result result = move_head(tape, &tape->main, tape->first_frame + (uint64_t)position);
    if (!result && mxd_audio_reader_packed(tape->main.reader, format))
        *reader = tape->main.reader;
    return result;
}

void mxd_clip_tape_took(mxd_clip_tape *tape, uint32_t num_frames)
{
    tape->main.next += num_frames;
}

/* ---- Opening ------------------------------------------------------------- */

static void finish_head(tape_head *head)
{
    mxd_audio_reader_close(head->reader);
    free(head->page);
}

void mxd_clip_tape_close(mxd_clip_tape *tape)
{
    if (!tape)
        return;
    finish_head(&tape->main);
    finish_head(&tape->seam);
    free(tape->picked);
    free(tape->lead);
    free(tape->held);
    free(tape);
}

static bool make_buffers(mxd_clip_tape *tape)
{
    const mxd_clip *clip = tape->clip;
    size_t channels = tape->num_channels, picked = clip->channels ? clip->num_channels : clip->file_channels;
    bool seams = tape->crossfade_frames > 0;
    if (clip->mono_sum)
        tape->picked = malloc(picked * PIECE_FRAMES * sizeof(float));
    if (seams)
        tape->lead = malloc(channels * PIECE_FRAMES * sizeof(float));
    if (clip->reverse)
        tape->main.page = malloc(channels * PAGE_FRAMES * sizeof(float));
    if (clip->reverse && seams)
        tape->seam.page = malloc(channels * PAGE_FRAMES * sizeof(float));
    return (!clip->mono_sum || tape->picked) && (!seams || tape->lead) && (!clip->reverse || tape->main.page) &&
           (!clip->reverse || !seams || tape->seam.page);
}

mxd_result mxd_clip_tape_open(const mxd_clip *clip, uint32_t sample_rate, uint32_t rate, uint64_t num_frames,
                              uint64_t crossfade_frames, mxd_problems *problems, mxd_clip_tape **tape)
{
    mxd_clip_tape *made = *tape = calloc(1, sizeof *made);
    if (!made)
        return mxd_fail(problems, MXD_ERROR_MEMORY, NULL, "memory ran out");
    *made = (mxd_clip_tape){
        .clip = clip, .problems = problems, .rate = rate, .num_channels = mxd_clip_num_channels(clip),
        .first_frame = mxd_audio_frames_at(clip->offset_frames, sample_rate, rate),
        .span_frames = mxd_audio_frames_at(clip->span_frames, sample_rate, rate),
        .file_frames = mxd_audio_frames_at(clip->file_frames, clip->file_rate, rate),
        .num_frames = num_frames,
        .main.page_number = UINT64_MAX, .seam.page_number = UINT64_MAX,
    };
    if (made->span_frames == 0)
        made->span_frames = 1; /* a frame at the session's rate may be less than half a frame of the file's */
    made->crossfade_frames = !clip->loop.on ? 0 : crossfade_frames < made->span_frames ? crossfade_frames
                                                                                       : made->span_frames;
    uint64_t round = made->crossfade_frames + made->span_frames;
    made->held_frames = clip->loop.on && round <= MXD_HELD_LOOP_FRAMES ? round : 0;
    if (make_buffers(made))
        return MXD_OK;
    mxd_clip_tape_close(made);
    *tape = NULL;
    return mxd_fail(problems, MXD_ERROR_MEMORY, NULL, "memory ran out");
}
