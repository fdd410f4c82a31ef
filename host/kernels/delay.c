/* delay: fractional delay lines with moving taps and filtered feedback. */
#include "kernel.h"

#include "shaders/delay.h"

#include <math.h>

static const char *check(const mxd_kernel_shape *shape)
{
    const uint32_t length = shape->settings[MXD_DELAY_LENGTH], voices = shape->settings[MXD_DELAY_VOICES];
    if (shape->num_outputs < 1 || shape->num_outputs > MXD_DELAY_MAX_LINES || shape->num_inputs < 1 ||
        shape->num_inputs > shape->num_outputs)
        return "a row of delay has one or two outputs, and no more inputs";
    if (length < MXD_DELAY_MARGIN || length > MXD_DELAY_MAX_LENGTH || (length & (length - 1)) != 0)
        return "a delay line is a power of two from 2^10 to 2^23 frames long";
    if (voices < 1 || voices > MXD_DELAY_MAX_VOICES)
        return "a delay has 1 to 8 voices";
    if (shape->settings[MXD_DELAY_SHORTEST] < MXD_DELAY_MIN_FRAMES || shape->settings[MXD_DELAY_SHORTEST] > length)
        return "a delay is at least 4 frames long, and fits its line";
    if (shape->settings[MXD_DELAY_LOOP] > 1 || shape->settings[MXD_DELAY_CROSS] > 1)
        return "the loop of a delay and its crossing are 0 or 1";
    if (shape->settings[MXD_DELAY_CROSS] && shape->num_outputs != 2)
        return "two lines of a delay feed each other";
    return shape->settings[MXD_DELAY_CUTS] <= 3 ? NULL : "the cuts of a delay are 0 to 3";
}

static uint32_t num_values(const mxd_kernel_shape *shape)
{
    return MXD_DELAY_FIRST_VOICE +
           shape->num_outputs * shape->settings[MXD_DELAY_VOICES] * MXD_DELAY_VOICE_VALUES;
}

static uint64_t num_state(const mxd_kernel_shape *shape)
{
    return (uint64_t)shape->num_outputs * (shape->settings[MXD_DELAY_LENGTH] + MXD_DELAY_PAD + 2);
}

/* Every tap once; its weight is worth ten operations more while it moves. */
static double flops(const mxd_kernel_shape *shape)
{
    return shape->num_outputs * (MXD_DELAY_TAPS * 2.0 * shape->settings[MXD_DELAY_VOICES] + 10.0);
}

/* A tile of a workgroup of 128, or with a loop the shortest: its taps, its reach, two scans. */
static double loops(const mxd_kernel_shape *shape)
{
    const double shortest = shape->settings[MXD_DELAY_SHORTEST], voices = shape->settings[MXD_DELAY_VOICES];
    const double reach = 1.0 + floor(shortest - fmin(MXD_DELAY_HALF, 0.75 * shortest));
    const double tile = shape->settings[MXD_DELAY_LOOP] && reach < 128.0 ? reach : 128.0;
    return (2.0 + shape->num_outputs * (voices * (MXD_DELAY_TAPS + 2.0) + 22.0)) / tile;
}

const mxd_kernel mxd_kernel_delay = {
    .name = "delay",
    .num_settings = MXD_DELAY_NUM_SETTINGS,
    .in_place = true,
    .workgroup = MXD_DELAY_TILE,
    .check = check,
    .num_values = num_values,
    .num_state = num_state,
    .flops = flops,
    .loops = loops,
};
