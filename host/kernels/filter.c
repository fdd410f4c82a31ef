/* filter: second-order sections whose coefficients move, for the automation of equalisers. */
#include "kernel.h"

#include "shaders/filter.h"

_Static_assert(MXD_VALUE_GRID % MXD_FILTER_SAMPLES == 0, "an invocation's frames lie between two points");

static const char *check(const mxd_kernel_shape *shape)
{
    if (shape->num_inputs != shape->num_outputs || shape->num_inputs == 0 || shape->num_inputs > MXD_FILTER_MAX_LANES)
        return "a filter has 1 to 8 inputs and as many outputs";
    uint32_t sections = shape->settings[MXD_FILTER_SECTIONS];
    return sections >= 1 && sections <= MXD_FILTER_MAX_SECTIONS ? NULL : "a filter has 1 to 16 sections";
}

static uint32_t num_values(const mxd_kernel_shape *shape)
{
    return MXD_FILTER_SECTION_VALUES * shape->settings[MXD_FILTER_SECTIONS];
}

static uint64_t num_state(const mxd_kernel_shape *shape)
{
    return (uint64_t)MXD_FILTER_STATE * shape->settings[MXD_FILTER_SECTIONS] * shape->num_inputs;
}

/* The recursion takes 18 on each lane (kernel_costs.c), a coefficient 2 on all of them. */
static double flops(const mxd_kernel_shape *shape)
{
    return shape->settings[MXD_FILTER_SECTIONS] * (18.0 * shape->num_inputs + 2.0 * MXD_FILTER_SECTION_VALUES);
}

/* A tile of a workgroup of 128, lane by lane: its frames twice over, and twice more with a scan in each section. */
static double loops(const mxd_kernel_shape *shape)
{
    const double samples = MXD_FILTER_SAMPLES, sections = shape->settings[MXD_FILTER_SECTIONS];
    return shape->num_inputs * (1.0 + 2.0 * samples + sections * (2.0 * samples + 9.0)) / (128.0 * samples);
}

const mxd_kernel mxd_kernel_filter = {
    .name = "filter",
    .num_settings = MXD_FILTER_NUM_SETTINGS,
    .in_place = true,
    .workgroup = MXD_FILTER_WORKGROUP,
    .check = check,
    .num_values = num_values,
    .num_state = num_state,
    .flops = flops,
    .loops = loops,
};
