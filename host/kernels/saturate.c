/* saturate: a curve, oversampled, for saturation and clipping. */
#include "kernel.h"

#include "shaders/saturate.h"

_Static_assert(MXD_SATURATE_SAMPLES == 8 * (MXD_SATURATE_TILE + 2 * MXD_SATURATE_LATENCY(3)), "a tile at 8 times the rate");

static const char *check(const mxd_kernel_shape *shape)
{
    if (shape->num_inputs != 1 || shape->num_outputs < 1 || shape->num_outputs > 2)
        return "a curve has one input and one or two outputs";
    if (shape->settings[MXD_SATURATE_CURVE] >= MXD_SATURATE_NUM_CURVES)
        return "an unknown curve";
    return shape->settings[MXD_SATURATE_STAGES] <= 3 ? NULL : "a curve is oversampled by 8 at most";
}

static uint32_t num_values(const mxd_kernel_shape *shape)
{
    (void)shape;
    return MXD_SATURATE_NUM_VALUES;
}

static uint64_t num_state(const mxd_kernel_shape *shape)
{
    return 2 * (uint64_t)MXD_SATURATE_STATE(shape->settings[MXD_SATURATE_STAGES]);
}

/* A tap of symmetric filters takes an addition for two, and a multiplication and an addition. Curves take 20 to 60. */
static double flops(const mxd_kernel_shape *shape)
{
    uint32_t stages = shape->settings[MXD_SATURATE_STAGES];
    uint32_t curve = shape->settings[MXD_SATURATE_CURVE];
    bool clips = curve == MXD_SATURATE_SOFT_CLIP || curve == MXD_SATURATE_HARD_CLIP;
    double taps = stages > 0 ? MXD_SATURATE_LAST_TAPS : 0;
    for (uint32_t stage = 0; stage < stages; stage++)
        taps += (stage > 0 ? 2.0 : 1.0) * (1u << stage) * MXD_SATURATE_TAPS(stage);
    return 3 * taps + (clips && stages > 0 ? 60.0 : 20.0) * (1u << stages) + 5;
}

const mxd_kernel mxd_kernel_saturate = {
    .name = "saturate",
    .num_settings = MXD_SATURATE_NUM_SETTINGS,
    .tile_frames = MXD_SATURATE_TILE,
    .workgroup = 128,
    .check = check,
    .num_values = num_values,
    .num_state = num_state,
    .flops = flops,
};
