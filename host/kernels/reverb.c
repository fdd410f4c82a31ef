/* reverb: a feedback delay network of 16 lines (shaders/reverb.h). */
#include "kernel.h"

#include "shaders/reverb.h"

#include <math.h>

_Static_assert(MXD_REVERB_CHUNK == MXD_VALUE_GRID, "a chunk has one point of the values");

static bool is_ring(uint32_t capacity, uint64_t frames)
{
    return capacity <= 2u * MXD_REVERB_MAX_FRAMES && (capacity & (capacity - 1)) == 0 &&
           capacity >= frames + 4 * MXD_REVERB_CHUNK;
}

static const char *check(const mxd_kernel_shape *shape)
{
    const uint32_t *settings = shape->settings;
    if (shape->num_inputs == 0 || shape->num_outputs == 0)
        return "a reverb has inputs and outputs";
    if (settings[MXD_REVERB_MAX_OFFSET] > MXD_REVERB_MAX_FRAMES)
        return "a reverb's lines move too far";
    for (uint32_t k = 0; k < MXD_REVERB_LINES; k++) {
        uint64_t frames = settings[MXD_REVERB_LENGTH + k], offset = settings[MXD_REVERB_MAX_OFFSET];
        if (frames < MXD_REVERB_CHUNK + MXD_REVERB_TAPS / 2 + 1 + offset)
            return "a reverb's lines must be longer than a chunk and what they move";
        if (!is_ring(settings[MXD_REVERB_LINE_CAPACITY], frames + offset))
            return "a reverb's lines do not fit their rings";
    }
    for (uint32_t i = 0; i < MXD_REVERB_DIFFUSERS; i++) {
        uint64_t frames = settings[MXD_REVERB_DIFFUSER + i];
        if (frames < MXD_REVERB_CHUNK || !is_ring(settings[MXD_REVERB_DIFFUSER_CAPACITY], frames + frames / 3))
            return "a reverb's all-passes do not fit their rings";
    }
    return NULL;
}

static uint32_t num_values(const mxd_kernel_shape *shape)
{
    (void)shape;
    return MXD_REVERB_NUM_VALUES;
}

static uint64_t num_state(const mxd_kernel_shape *shape)
{
    const uint64_t line = mxd_reverb_ring((uint64_t)shape->settings[MXD_REVERB_LINE_CAPACITY]);
    const uint64_t diffuser = mxd_reverb_ring((uint64_t)shape->settings[MXD_REVERB_DIFFUSER_CAPACITY]);
    return MXD_REVERB_FILTERS + MXD_REVERB_LINES * line + (uint64_t)shape->num_inputs * MXD_REVERB_DIFFUSERS * diffuser;
}

/* A line: two sections of 10, 4 sums of the mix (a fast Hadamard transform), and every other one
 * six taps whose weights move; an input: its all-passes and a sum in each line. */
static double flops(const mxd_kernel_shape *shape)
{
    const double groups = (shape->num_outputs + MXD_REVERB_LINES - 1) / MXD_REVERB_LINES;
    const double line = 20.0 + 4.0 * groups + 12.0, input = 4.0 * MXD_REVERB_DIFFUSERS + MXD_REVERB_LINES;
    return MXD_REVERB_LINES * line + shape->num_inputs * input;
}

/* A chunk of a workgroup of 128: inputs four abreast, lines likewise with their taps and sums, the filters' frames. */
static double loops(const mxd_kernel_shape *shape)
{
    const double abreast = 128.0 / MXD_REVERB_CHUNK, lines = MXD_REVERB_LINES;
    const double more = (shape->num_outputs + MXD_REVERB_LINES - 1) / MXD_REVERB_LINES - 1;
    const double inputs = ceil(shape->num_inputs / abreast) * (1.0 + MXD_REVERB_DIFFUSERS);
    const double read = lines / abreast * (1.0 + MXD_REVERB_TAPS), absorb = 3.0 + MXD_REVERB_CHUNK;
    const double mix = lines / abreast * (1.0 + lines + shape->num_inputs), taps = lines / abreast * (2.0 + lines);
    return (inputs + read + absorb + mix + more * (1.0 + taps)) / MXD_REVERB_CHUNK;
}

const mxd_kernel mxd_kernel_reverb = {
    .name = "reverb",
    .num_settings = MXD_REVERB_NUM_SETTINGS,
    .workgroup = 256,
    .check = check,
    .num_values = num_values,
    .num_state = num_state,
    .flops = flops,
    .loops = loops,
};
