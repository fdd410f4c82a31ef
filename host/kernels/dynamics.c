/* dynamics: a gain from the level of a key (shaders/dynamics.h). */
#include "kernel.h"

#include "shaders/dynamics.h"

static uint32_t num_keys(const mxd_kernel_shape *shape)
{
    uint32_t keys = shape->num_inputs - shape->num_outputs;
    return keys ? keys : shape->num_outputs;
}

static uint32_t num_levels(const mxd_kernel_shape *shape)
{
    return num_keys(shape) == shape->num_outputs ? shape->num_outputs : 1;
}

static const char *check(const mxd_kernel_shape *shape)
{
    const uint32_t *settings = shape->settings;
    if (shape->num_outputs == 0 || shape->num_inputs < shape->num_outputs)
        return "dynamics have as many outputs as channels, and the key's lanes behind the channels'";
    if (settings[MXD_DYNAMICS_MODE] >= MXD_DYNAMICS_NUM_MODES || settings[MXD_DYNAMICS_DETECTOR] > MXD_DYNAMICS_RMS ||
        settings[MXD_DYNAMICS_OUTPUT] > MXD_DYNAMICS_CHANGE)
        return "dynamics have no such mode, detector or output";
    if (settings[MXD_DYNAMICS_MODE] == MXD_DYNAMICS_TRANSIENT && settings[MXD_DYNAMICS_DETECTOR] != MXD_DYNAMICS_PEAK)
        return "a transient shaper's detector is the peak";
    return settings[MXD_DYNAMICS_LOOK_AHEAD] <= MXD_DYNAMICS_MAX_LOOK_AHEAD ? NULL
                                                                            : "a look-ahead is at most 65536 frames long";
}

static uint32_t num_values(const mxd_kernel_shape *shape)
{
    (void)shape;
    return MXD_DYNAMICS_NUM_VALUES;
}

static uint64_t num_state(const mxd_kernel_shape *shape)
{
    return MXD_DYNAMICS_FIRST_MEMORY + 2 * MXD_DYNAMICS_MEMORIES * (uint64_t)num_levels(shape) +
           2 * (uint64_t)shape->settings[MXD_DYNAMICS_LOOK_AHEAD] * shape->num_outputs;
}

/* A linked level: its logarithm 20, curve 12, detector 8, power 14; and of each lane the level 2 and the product 2. */
static double flops(const mxd_kernel_shape *shape)
{
    return 54.0 + 2.0 * num_keys(shape) + 2.0 * shape->num_outputs;
}

/*
 * A tile of a workgroup of 128, level by level: its frames some 25 times over, with every key and every output, and
 * its scans. At a block's end the look-ahead besides: 512 times all outputs.
 */
static double loops(const mxd_kernel_shape *shape)
{
    const double frames = MXD_DYNAMICS_FRAMES, tile = 128.0 * frames;
    const double level = frames * (25.0 + num_keys(shape) + (num_levels(shape) == 1 ? shape->num_outputs : 0.0)) + 60.0;
    /* Levels that are linked run as one, which goes to every output. */
    return (num_levels(shape) * level + frames * shape->num_outputs) / tile;
}

const mxd_kernel mxd_kernel_dynamics = {
    .name = "dynamics",
    .num_settings = MXD_DYNAMICS_NUM_SETTINGS,
    .workgroup = MXD_DYNAMICS_MAX_WORKGROUP,
    .check = check,
    .num_values = num_values,
    .num_state = num_state,
    .flops = flops,
    .loops = loops,
};
