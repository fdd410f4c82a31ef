/*
 * The ratio is a fraction p/q: every q frames given a frame of the tape
 * coincides with one of them, and there the resampler may start. Its filters
 * must be full when the clip begins, from what lies before the span: so the
 * first start is a lead-in earlier, of as many frames as bring it nearest to a
 * frame of the tape. The resampler's input is always cut the same way.
 */
#include "clip_speed.h"

#include <math.h>
#include <soxr.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHUNK_FRAMES = 4096,
    /* Frames of the slower of the two rates that the filter may reach back: formats/audio_read.c says why. */
    PRE_ROLL_FRAMES = 1024,
    /* Lead-ins tried: the best of so many misses a frame by less than a thousandth. */
    LEAD_INS = 2048
};

#define MAX_DENOMINATOR ((uint64_t)1 << 24)

struct mxd_clip_speed {
    mxd_clip_tape *tape;
    mxd_problems *problems;
    uint32_t num_channels;
    int64_t position;          /* of the tape, to be read next */
    soxr_t resampler;
    float *input;              /* [channels][CHUNK_FRAMES], of which input_start.. is not yet taken */
    uint32_t input_start;
    float *output;             /* [channels][CHUNK_FRAMES], of which output_start.. is not yet given */
    uint32_t output_start, output_count;
};

/* By continued fraction; the last step is cut where the denominator would be too large (a semiconvergent). */
mxd_ratio mxd_ratio_of(double number)
{
    mxd_ratio before = {1, 0}, last = {(uint64_t)number, 1};
    double rest = number - floor(number);
    while (rest > 0.0 && fabs((double)last.p / (double)last.q - number) > number * 0x1p-50) {
        double inverse = 1.0 / rest;
        uint64_t most = last.q ? (MAX_DENOMINATOR - before.q) / last.q : 0;
        uint64_t step = inverse < (double)most ? (uint64_t)inverse : most;
        mxd_ratio next = {step * last.p + before.p, step * last.q + before.q};
        bool nearer = fabs((double)next.p / (double)next.q - number) < fabs((double)last.p / (double)last.q - number);
        if (step == 0 || !nearer)
            break;
        before = last;
        last = next;
        if (inverse >= (double)most)
            break;
        rest = inverse - floor(inverse);
    }
    return last;
}

/* The lead-in, in frames given, of at least `least`: where the tape has a frame, or nearly. */
static uint64_t find_lead_in(mxd_ratio ratio, uint64_t least)
{
    uint64_t best = least, best_miss = UINT64_MAX;
    for (uint64_t lead = least; lead < least + LEAD_INS && best_miss > 0; lead++) {
        uint64_t beyond = lead % ratio.q * (ratio.p % ratio.q) % ratio.q;
        uint64_t miss = beyond < ratio.q - beyond ? beyond : ratio.q - beyond;
        if (miss < best_miss) {
            best = lead;
            best_miss = miss;
        }
    }
    return best;
}

static mxd_result fill_output(mxd_clip_speed *speed)
{
    speed->output_start = speed->output_count = 0;
    while (!speed->output_count) {
        float *in[MXD_AUDIO_MAX_CHANNELS], *out[MXD_AUDIO_MAX_CHANNELS];
        for (uint32_t channel = 0; channel < speed->num_channels; channel++) {
            in[channel] = speed->input + (size_t)channel * CHUNK_FRAMES;
            out[channel] = speed->output + (size_t)channel * CHUNK_FRAMES;
        }
        if (speed->input_start == CHUNK_FRAMES) {
            mxd_result result = mxd_clip_tape_read(speed->tape, speed->position, in, 0, CHUNK_FRAMES);
            if (result)
                return result;
            speed->position += CHUNK_FRAMES;
            speed->input_start = 0;
        }
        for (uint32_t channel = 0; channel < speed->num_channels; channel++)
            in[channel] += speed->input_start;
        size_t taken = 0, given = 0;
        soxr_error_t error = soxr_process(speed->resampler, (soxr_in_t)in, CHUNK_FRAMES - speed->input_start, &taken,
                                          (soxr_out_t)out, CHUNK_FRAMES, &given);
        if (error)
            return mxd_fail(speed->problems, MXD_ERROR_FILE, NULL, "a clip's speed cannot be changed: %s", error);
        speed->input_start += (uint32_t)taken;
        speed->output_count = (uint32_t)given;
    }
    return MXD_OK;
}

mxd_result mxd_clip_speed_read(mxd_clip_speed *speed, float *const *channels, size_t at, uint64_t num_frames)
{
    for (uint64_t done = 0; done < num_frames;) {
        if (speed->output_start == speed->output_count) {
            mxd_result result = fill_output(speed);
            if (result)
                return result;
        }
        uint32_t there = speed->output_count - speed->output_start;
        uint32_t count = num_frames - done < there ? (uint32_t)(num_frames - done) : there;
        for (uint32_t channel = 0; channels && channel < speed->num_channels; channel++)
            memcpy(channels[channel] + at + done, speed->output + (size_t)channel * CHUNK_FRAMES + speed->output_start,
                   count * sizeof(float));
        speed->output_start += count;
        done += count;
    }
    return MXD_OK;
}

void mxd_clip_speed_close(mxd_clip_speed *speed)
{
    if (!speed)
        return;
    if (speed->resampler)
        soxr_delete(speed->resampler);
    free(speed->input);
    free(speed->output);
    free(speed);
}

mxd_result mxd_clip_speed_open(mxd_clip_tape *tape, uint32_t num_channels, double number, uint64_t position,
                               mxd_problems *problems, mxd_clip_speed **result)
{
    mxd_clip_speed *speed = *result = calloc(1, sizeof *speed);
    if (!speed)
        return mxd_fail(problems, MXD_ERROR_MEMORY, NULL, "memory ran out");
    mxd_ratio ratio = mxd_ratio_of(number);
    soxr_io_spec_t io = soxr_io_spec(SOXR_FLOAT32_S, SOXR_FLOAT32_S);
    soxr_quality_spec_t quality = soxr_quality_spec(SOXR_VHQ, SOXR_HI_PREC_CLOCK);
    soxr_runtime_spec_t runtime = soxr_runtime_spec(1);
    soxr_error_t error = NULL;
    *speed = (mxd_clip_speed){
        .tape = tape, .problems = problems, .num_channels = num_channels, .input_start = CHUNK_FRAMES,
        .input = malloc((size_t)num_channels * CHUNK_FRAMES * sizeof(float)),
        .output = malloc((size_t)num_channels * CHUNK_FRAMES * sizeof(float)),
        .resampler = soxr_create((double)ratio.p, (double)ratio.q, num_channels, &error, &io, &quality, &runtime),
    };
    if (!speed->input || !speed->output || !speed->resampler || error) {
        mxd_clip_speed_close(speed);
        *result = NULL;
        return mxd_fail(problems, MXD_ERROR_MEMORY, NULL, "a clip's speed cannot be changed: %s",
                        error ? error : "memory ran out");
    }
    uint64_t pre_roll = PRE_ROLL_FRAMES;
    if (ratio.p < ratio.q) /* so many frames of the tape in frames given */
        pre_roll = pre_roll * ratio.q / ratio.p + 1;
    uint64_t lead = find_lead_in(ratio, pre_roll), periods = (position + lead - pre_roll) / ratio.q;
    uint64_t whole = lead / ratio.q * ratio.p, rest = lead % ratio.q; /* the lead-in in frames of the tape, rounded */
    speed->position = (int64_t)(periods * ratio.p) - (int64_t)(whole + (2 * rest * ratio.p + ratio.q) / (2 * ratio.q));
    return mxd_clip_speed_read(speed, NULL, 0, position + lead - periods * ratio.q);
}
