/* What all hosted inserts share: the way to their functions, and the check that what they wrote are numbers. */
#include "hosted.h"

#include <math.h>

/* x - x is 0 of every number, else NaN: sums of it need no branch. */
static bool all_finite(const float *samples, uint32_t num_frames)
{
    float sum = 0.0f;
    for (uint32_t i = 0; i < num_frames; i++)
        sum += samples[i] - samples[i];
    return sum == 0.0f;
}

static mxd_result check_outputs(const mxd_hosted *hosted, uint64_t first_frame, uint32_t num_frames,
                                float *const *outputs)
{
    for (uint32_t o = 0; o < hosted->num_outputs; o++) {
        if (all_finite(outputs[o], num_frames))
            continue;
        uint32_t frame = 0;
        while (isfinite(outputs[o][frame]))
            frame++;
        const uint64_t at = first_frame + frame;
        return mxd_fail(hosted->problems, MXD_ERROR_PLUGIN, &hosted->setup.place,
                        "%s wrote %s at frame %llu (%.3f s) of its output %u: change its parameters or remove it",
                        hosted->name, isnan(outputs[o][frame]) ? "NaN, which is no number," : "infinity",
                        (unsigned long long)at, (double)at / hosted->setup.sample_rate, (unsigned)o + 1);
    }
    return MXD_OK;
}

mxd_result mxd_hosted_process(mxd_hosted *hosted, uint64_t first_frame, uint32_t num_frames,
                              const float *const *inputs, float *const *outputs, const float *const *values)
{
    if (num_frames < 1 || num_frames > hosted->setup.block_frames)
        return mxd_fail(hosted->problems, MXD_ERROR_ARGUMENT, &hosted->setup.place,
                        "%s was given %u frames, but takes 1 to %u", hosted->name, (unsigned)num_frames,
                        (unsigned)hosted->setup.block_frames);
    mxd_result result = hosted->functions->process(hosted, first_frame, num_frames, inputs, outputs, values);
    return result == MXD_OK ? check_outputs(hosted, first_frame, num_frames, outputs) : result;
}

mxd_result mxd_hosted_reset(mxd_hosted *hosted)
{
    return hosted->functions->reset(hosted);
}

uint32_t mxd_hosted_num_outputs(const mxd_hosted *hosted)
{
    return hosted->num_outputs;
}

uint32_t mxd_hosted_latency_frames(const mxd_hosted *hosted)
{
    return hosted->latency_frames;
}

void mxd_hosted_destroy(mxd_hosted *hosted)
{
    if (hosted)
        hosted->functions->destroy(hosted);
}
