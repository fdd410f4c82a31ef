/* phaser: a cascade of all-passes with feedback. */
#include "kernel.h"

#include "shaders/phaser.h"

static const char *check(const mxd_kernel_shape *shape)
{
    if (shape->num_inputs != shape->num_outputs || shape->num_inputs == 0)
        return "a phaser has as many outputs as inputs";
    if (shape->settings[MXD_PHASER_LOOP] > 1)
        return "the loop of a phaser is 0 or 1";
    const uint32_t stages = shape->settings[MXD_PHASER_STAGES];
    return stages >= 1 && stages <= MXD_PHASER_MAX_STAGES ? NULL : "a phaser has 1 to 24 stages";
}

static uint32_t num_values(const mxd_kernel_shape *shape)
{
    return MXD_PHASER_FIRST_G + shape->num_inputs;
}

static uint64_t num_state(const mxd_kernel_shape *shape)
{
    return (uint64_t)shape->num_inputs * shape->settings[MXD_PHASER_STAGES];
}

static double flops(const mxd_kernel_shape *shape)
{
    const double stages = shape->settings[MXD_PHASER_STAGES];
    return shape->num_inputs * (6.0 * stages + (shape->settings[MXD_PHASER_LOOP] ? 5.0 * stages : 0.0) + 3.0);
}

/* With feedback every frame twice through the stages; else a scan of 8 steps a stage for a tile of 128 frames. */
static double loops(const mxd_kernel_shape *shape)
{
    const double stages = shape->settings[MXD_PHASER_STAGES];
    return shape->settings[MXD_PHASER_LOOP] ? 2.0 * stages + 1.0
                                            : (shape->num_inputs * (10.0 * stages + 1.0) + 1.0) / 128.0;
}

const mxd_kernel mxd_kernel_phaser = {
    .name = "phaser",
    .num_settings = MXD_PHASER_NUM_SETTINGS,
    .in_place = true,
    .workgroup = MXD_PHASER_TILE,
    .check = check,
    .num_values = num_values,
    .num_state = num_state,
    .flops = flops,
    .loops = loops,
};
