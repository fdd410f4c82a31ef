/* modulate: gains that an oscillator moves. */
#include "kernel.h"

#include "shaders/modulate.h"

static const char *check(const mxd_kernel_shape *shape)
{
    const uint32_t law = shape->settings[MXD_MODULATE_LAW];
    if (law > MXD_MODULATE_BALANCE || shape->settings[MXD_MODULATE_SHAPE] > MXD_SHAPE_SAW)
        return "a law of modulate is 0 to 2, a shape 0 to 3";
    if (law == MXD_MODULATE_GAIN)
        return shape->num_inputs == shape->num_outputs && shape->num_inputs > 0
                   ? NULL : "a gain that moves has as many outputs as inputs";
    return shape->num_outputs == 2 && shape->num_inputs == (law == MXD_MODULATE_PAN ? 1u : 2u)
               ? NULL : "a pan that moves takes one lane to two, a balance two to two";
}

static uint32_t num_values(const mxd_kernel_shape *shape)
{
    (void)shape;
    return MXD_MODULATE_NUM_VALUES;
}

static uint64_t num_state(const mxd_kernel_shape *shape)
{
    (void)shape;
    return 0;
}

static double flops(const mxd_kernel_shape *shape)
{
    return 20.0 + shape->num_outputs;
}

const mxd_kernel mxd_kernel_modulate = {
    .name = "modulate",
    .num_settings = MXD_MODULATE_NUM_SETTINGS,
    .tile_frames = MXD_MODULATE_TILE,
    .workgroup = 256,
    .check = check,
    .num_values = num_values,
    .num_state = num_state,
    .flops = flops,
};
