/*
 * rotate: left and right as the axes of a plane, turned by an angle: what is in the
 * centre moves to the left with positive angles and is in the left alone at 45
 * degrees. The matrix is orthogonal, so that power stays what it was.
 */
#include "../../formats/reader.h"
#include "channels.h"

#include <math.h>
#include <stdlib.h>

static const double pi = 3.14159265358979323846;

typedef struct rotate_params {
    double angle_deg;
} rotate_params;

/* Several turns, for automation that goes round. */
static const mxd_insert_parameter parameters[] = {{"angle_deg", -3600.0, 3600.0, 0.0, false, false}};

static void *rotate_read(mxd_reader *reader, const mxd_effect_context *context)
{
    (void)context;
    rotate_params *params = calloc(1, sizeof *params);
    if (!params)
        mxd_reader_fail(reader, NULL, "memory ran out");
    return params;
}

static uint32_t rotate_num_outputs(const void *params, uint32_t num_inputs, const mxd_place *place,
                                   mxd_problems *problems)
{
    (void)params;
    return mxd_channels_two("rotate", num_inputs, place, problems);
}

static uint64_t rotate_tail_frames(const void *params, uint32_t num_inputs)
{
    (void)params;
    (void)num_inputs;
    return 0;
}

static double gain_of(const void *params, const double *values, uint32_t index)
{
    (void)params;
    const double angle = values[0] * pi / 180.0;
    return index == 0 || index == 3 ? cos(angle) : index == 1 ? sin(angle) : -sin(angle);
}

static mxd_result rotate_emit(const void *params, mxd_graph_builder *builder, uint32_t *lanes, uint32_t num_inputs)
{
    (void)params;
    (void)num_inputs;
    return mxd_channels_mix_two(builder, lanes, gain_of);
}

const mxd_effect mxd_effect_rotate = {
    .type = "rotate",
    .parameters = parameters,
    .num_parameters = 1,
    .num_values = 1,
    .read = rotate_read,
    .destroy = free,
    .num_outputs = rotate_num_outputs,
    .tail_frames = rotate_tail_frames,
    .emit = rotate_emit,
};
