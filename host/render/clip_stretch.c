/*
 * The engine's offline mode: the whole of the input goes by twice, first to be
 * studied, and the output begins and lasts exactly as told. Input shorter than
 * its window comes out as nothing, so what lies behind the span is given to it
 * as well, and only the clip's own frames are taken.
 */
#include "clip_stretch.h"

#include <math.h>
#include <rubberband/rubberband-c.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHUNK_FRAMES = 1024,    /* given to the engine at a time; the frames it gives for them fit its own buffers */
    OUTPUT_FRAMES = 4096,
    /* Frames behind the span: more than the engine's window, 4096 frames at 48 kHz and in proportion at other rates,
     * an octave or two up or down. */
    TAIL_FRAMES = 16384, TAIL_RATE = 48000
};

struct mxd_clip_stretch {
    mxd_clip_tape *tape;
    mxd_problems *problems;
    uint32_t num_channels;
    RubberBandState engine;
    uint64_t position;      /* of the tape, to be read next */
    uint64_t input_frames;  /* in all, with those behind the span */
    float *input;           /* [channels][CHUNK_FRAMES] */
    float *dropped;         /* [channels][OUTPUT_FRAMES] */
};

/* The tape's next chunk; final: it is the last. */
static mxd_result read_chunk(mxd_clip_stretch *stretch, float **channels, uint32_t *num_frames, bool *final)
{
    uint64_t left = stretch->input_frames - stretch->position;
    *num_frames = left < CHUNK_FRAMES ? (uint32_t)left : CHUNK_FRAMES;
    *final = left <= CHUNK_FRAMES;
    for (uint32_t channel = 0; channel < stretch->num_channels; channel++)
        channels[channel] = stretch->input + (size_t)channel * CHUNK_FRAMES;
    mxd_result result = mxd_clip_tape_read(stretch->tape, (int64_t)stretch->position, channels, 0, *num_frames);
    stretch->position += *num_frames;
    return result;
}

static mxd_result study(mxd_clip_stretch *stretch)
{
    bool final = false;
    while (!final) {
        float *channels[MXD_AUDIO_MAX_CHANNELS];
        uint32_t num_frames;
        mxd_result result = read_chunk(stretch, channels, &num_frames, &final);
        if (result)
            return result;
        rubberband_study(stretch->engine, (const float *const *)channels, num_frames, final);
    }
    stretch->position = 0;
    return MXD_OK;
}

/* Lets the engine run until it gives something; *there = frames, 0 at its end. */
static mxd_result fill(mxd_clip_stretch *stretch, uint32_t *there)
{
    int available;
    while ((available = rubberband_available(stretch->engine)) == 0 && stretch->position < stretch->input_frames) {
        float *channels[MXD_AUDIO_MAX_CHANNELS];
        uint32_t num_frames;
        bool final;
        mxd_result result = read_chunk(stretch, channels, &num_frames, &final);
        if (result)
            return result;
        rubberband_process(stretch->engine, (const float *const *)channels, num_frames, final);
    }
    *there = available > 0 ? (uint32_t)available : 0;
    return MXD_OK;
}

mxd_result mxd_clip_stretch_read(mxd_clip_stretch *stretch, float *const *channels, size_t at, uint64_t num_frames)
{
    for (uint64_t done = 0; done < num_frames;) {
        uint32_t there;
        mxd_result result = fill(stretch, &there);
        if (result)
            return result;
        uint32_t most = !channels && there > OUTPUT_FRAMES ? OUTPUT_FRAMES : there;
        uint32_t count = num_frames - done < most ? (uint32_t)(num_frames - done) : most;
        float *targets[MXD_AUDIO_MAX_CHANNELS];
        for (uint32_t channel = 0; channel < stretch->num_channels; channel++)
            targets[channel] = channels ? channels[channel] + at + done
                                        : stretch->dropped + (size_t)channel * OUTPUT_FRAMES;
        if (there == 0) {
            for (uint32_t channel = 0; channels && channel < stretch->num_channels; channel++)
                memset(targets[channel], 0, (num_frames - done) * sizeof(float));
            return MXD_OK;
        }
        if (rubberband_retrieve(stretch->engine, targets, count) != count)
            return mxd_fail(stretch->problems, MXD_ERROR_FILE, NULL, "a clip cannot be stretched: Rubber Band failed");
        done += count;
    }
    return MXD_OK;
}

void mxd_clip_stretch_close(mxd_clip_stretch *stretch)
{
    if (!stretch)
        return;
    if (stretch->engine)
        rubberband_delete(stretch->engine);
    free(stretch->input);
    free(stretch->dropped);
    free(stretch);
}

mxd_result mxd_clip_stretch_open(const mxd_clip *clip, mxd_clip_tape *tape, uint32_t sample_rate, uint64_t num_frames,
                                 mxd_problems *problems, mxd_clip_stretch **result)
{
    mxd_result status;
    uint32_t num_channels = mxd_clip_num_channels(clip);
    mxd_clip_stretch *stretch = *result = calloc(1, sizeof *stretch);
    if (!stretch)
        return mxd_fail(problems, MXD_ERROR_MEMORY, NULL, "memory ran out");
    RubberBandOptions options = RubberBandOptionProcessOffline | RubberBandOptionEngineFiner |
                                RubberBandOptionThreadingNever | RubberBandOptionPitchHighQuality |
                                (clip->preserve_formants ? RubberBandOptionFormantPreserved : 0);
    *stretch = (mxd_clip_stretch){
        .tape = tape, .problems = problems, .num_channels = num_channels,
        .input_frames = num_frames + (uint64_t)TAIL_FRAMES * (sample_rate / TAIL_RATE + 1),
        .input = malloc((size_t)num_channels * CHUNK_FRAMES * sizeof(float)),
        .dropped = malloc((size_t)num_channels * OUTPUT_FRAMES * sizeof(float)),
        .engine = rubberband_new(sample_rate, num_channels, options, clip->stretch > 0.0 ? clip->stretch : 1.0,
                                 pow(2.0, clip->pitch_semitones / 12.0)),
    };
    if (!stretch->input || !stretch->dropped || !stretch->engine) {
        status = mxd_fail(problems, MXD_ERROR_MEMORY, NULL, "memory ran out");
    } else {
        rubberband_set_max_process_size(stretch->engine, CHUNK_FRAMES);
        status = study(stretch);
    }
    if (status) {
        mxd_clip_stretch_close(stretch);
        *result = NULL;
    }
    return status;
}
