/*
 * Most clips are their tape, at the session's rate: the reader resamples as the
 * file goes by. A clip at another speed is resampled once, from the file's own
 * rate, so that slowing a file of 192 kHz down brings up what it holds beyond
 * hearing. So is one that plays backwards or in a loop, at any speed: its tape
 * jumps, and the resampler sees it whole.
 */
#include "clip_source.h"

#include "clip_speed.h"
#include "clip_stretch.h"

#include <math.h>
#include <stdlib.h>

/* A gap longer than this is not worked through: the resampler starts anew behind it. */
#define MAX_DROPPED_FRAMES 65536u

struct mxd_clip_source {
    const mxd_clip *clip;
    mxd_problems *problems;
    uint64_t position;
    double ratio;             /* frames of the tape in a frame of the clip */
    mxd_clip_tape *tape;
    mxd_clip_speed *speed;    /* NULL = at the session's rate as it is, or stretched */
    mxd_clip_stretch *stretch;
    mxd_audio_reader *packed; /* where the next frames stand packed */
};

static mxd_result open_speed(mxd_clip_source *source, uint64_t position)
{
    mxd_clip_speed_close(source->speed);
    source->speed = NULL;
    source->position = position;
    return mxd_clip_speed_open(source->tape, mxd_clip_num_channels(source->clip), source->ratio, position,
                               source->problems, &source->speed);
}

mxd_result mxd_clip_source_skip_to(mxd_clip_source *source, uint64_t position)
{
    uint64_t gap = position - source->position;
    if (source->speed && gap > MAX_DROPPED_FRAMES)
        return open_speed(source, position);
    source->position = position;
    if (source->stretch)
        return mxd_clip_stretch_read(source->stretch, NULL, 0, gap);
    return source->speed ? mxd_clip_speed_read(source->speed, NULL, 0, gap) : MXD_OK;
}

/* Length of the tape that num_frames of the clip take. */
static uint64_t tape_frames(const mxd_clip_source *source, uint64_t num_frames)
{
    return (uint64_t)llround((double)num_frames * source->ratio);
}

mxd_result mxd_clip_source_open(const mxd_clip *clip, uint32_t sample_rate, uint64_t position, mxd_problems *problems,
                                mxd_clip_source **result)
{
    mxd_clip_source *source = *result = calloc(1, sizeof *source);
    if (!source)
        return mxd_fail(problems, MXD_ERROR_MEMORY, NULL, "memory ran out");
    bool stretched = mxd_clip_is_stretched(clip);
    double speed = clip->speed > 0.0 ? clip->speed : 1.0, stretch = clip->stretch > 0.0 ? clip->stretch : 1.0;
    bool own_rate = !stretched && (speed != 1.0 || ((clip->reverse || clip->loop.on) && clip->file_rate != sample_rate));
    uint32_t rate = own_rate ? clip->file_rate : sample_rate;
    *source = (mxd_clip_source){.clip = clip, .problems = problems,
                                .ratio = stretched ? 1.0 / stretch : speed * rate / sample_rate};
    uint64_t num_frames = tape_frames(source, clip->num_frames);
    mxd_result status = mxd_clip_tape_open(clip, sample_rate, rate, num_frames,
                                           tape_frames(source, clip->loop.crossfade_frames), problems, &source->tape);
    if (!status && stretched)
        status = mxd_clip_stretch_open(clip, source->tape, sample_rate, clip->loop.on ? num_frames : clip->span_frames,
                                       problems, &source->stretch);
    if (!status)
        status = own_rate ? open_speed(source, position) : mxd_clip_source_skip_to(source, position);
    if (status) {
        mxd_clip_source_close(source);
        *result = NULL;
    }
    return status;
}

void mxd_clip_source_close(mxd_clip_source *source)
{
    if (!source)
        return;
    mxd_clip_stretch_close(source->stretch);
    mxd_clip_speed_close(source->speed);
    mxd_clip_tape_close(source->tape);
    free(source);
}

uint64_t mxd_clip_source_position(const mxd_clip_source *source)
{
    return source->position;
}

mxd_result mxd_clip_source_read(mxd_clip_source *source, float *const *channels, size_t at, uint32_t num_frames)
{
    uint64_t position = source->position;
    source->position += num_frames;
    if (source->stretch)
        return mxd_clip_stretch_read(source->stretch, channels, at, num_frames);
    if (source->speed)
        return mxd_clip_speed_read(source->speed, channels, at, num_frames);
    return mxd_clip_tape_read(source->tape, (int64_t)position, channels, at, num_frames);
}

mxd_result mxd_clip_source_packed(mxd_clip_source *source, bool *packed, mxd_sample_format *format)
{
    *packed = false;
    if (source->speed || source->stretch)
        return MXD_OK;
    mxd_result result = mxd_clip_tape_packed(source->tape, (int64_t)source->position, &source->packed, format);
    *packed = !result && source->packed;
    return result;
}

mxd_result mxd_clip_source_read_packed(mxd_clip_source *source, void *frames, uint32_t num_frames)
{
    source->position += num_frames;
    mxd_clip_tape_took(source->tape, num_frames);
    return mxd_audio_reader_read_packed(source->packed, frames, num_frames);
}
