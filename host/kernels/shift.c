/* shift: whole frames of delay, for the compensation of latencies. */
#include "kernel.h"

#include "shaders/shift.h"

static const char *check(const mxd_kernel_shape *shape)
{
    if (shape->num_inputs != shape->num_outputs || shape->num_inputs == 0)
        return "a shift has as many outputs as inputs";
    uint32_t frames = shape->settings[MXD_SHIFT_FRAMES];
    return frames >= 1 && frames <= MXD_SHIFT_MAX_FRAMES ? NULL : "a shift is 1 to 2^26 frames long";
}

static uint32_t num_values(const mxd_kernel_shape *shape)
{
    (void)shape;
    return 0;
}

static uint64_t num_state(const mxd_kernel_shape *shape)
{
    return MXD_SHIFT_FIRST_RING + (uint64_t)shape->settings[MXD_SHIFT_FRAMES] * shape->num_inputs;
}

static double flops(const mxd_kernel_shape *shape)
{
    return shape->num_outputs;
}

const mxd_kernel mxd_kernel_shift = {
    .name = "shift",
    .num_settings = MXD_SHIFT_NUM_SETTINGS,
    .tile_frames = MXD_SHIFT_TILE,
    .workgroup = 256,
    .check = check,
    .num_values = num_values,
    .num_state = num_state,
    .flops = flops,
};
