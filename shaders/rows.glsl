// What a kernel of host/kernels includes: the row that this workgroup takes, its lanes, settings, values and state.
// A row's state was zeroed where it starts (run.position is 0 in the block's first dispatch).
#extension GL_GOOGLE_include_directive : require
#include "rows.h"

layout(local_size_x_id = MXD_SPEC_WORKGROUP) in;

layout(std430, binding = MXD_ROWS_BINDING_LANES) buffer Lanes { float lanes[]; };
#ifdef MXD_ROWS_COHERENT_STATES // invocations read what others wrote
#define mxd_states coherent buffer
#else
#define mxd_states buffer
#endif
layout(std430, binding = MXD_ROWS_BINDING_STATES) mxd_states States { float states[]; };
layout(std430, binding = MXD_ROWS_BINDING_ROWS) readonly buffer Rows { mxd_rows_row_data rows[]; };
layout(std430, binding = MXD_ROWS_BINDING_INDICES) readonly buffer Indices { uint indices[]; };
layout(std430, binding = MXD_ROWS_BINDING_VALUES) readonly buffer Values { float values[]; };
layout(std430, binding = MXD_ROWS_BINDING_RUNS) readonly buffer Runs { mxd_rows_run_data runs[]; };
layout(std430, binding = MXD_ROWS_BINDING_POINTS) readonly buffer Points { float points[]; };
layout(push_constant) uniform Push { mxd_rows_push push; };

mxd_rows_run_data run;
mxd_rows_row_data row;

// To be called first.
void row_begin()
{
    run = runs[push.first_run + gl_WorkGroupID.x];
    row = rows[run.row];
}

// The frames of this workgroup.
uint row_first_frame()
{
    return push.first_frame + gl_WorkGroupID.y * push.tile_frames;
}

uint row_end_frame()
{
    return push.tile_frames == 0 ? push.end_frame : min(row_first_frame() + push.tile_frames, push.end_frame);
}

uint row_setting(uint index)
{
    return indices[row.first_index + row.num_inputs + row.num_outputs + index];
}

float row_input(uint index, uint frame)
{
    return lanes[indices[row.first_index + index] * push.lane_floats + frame];
}

void row_output(uint index, uint frame, float x)
{
    lanes[indices[row.first_index + row.num_inputs + index] * push.lane_floats + frame] = x;
}

// A value at a frame: on the straight line between two points, or at rest.
float row_value(uint index, uint frame)
{
    if (row.moves == 0)
        return values[row.first_value + index];
    uint point = run.first_point + frame / MXD_ROWS_GRID * row.num_values + index;
    float from = points[point];
    return from + (points[point + row.num_values] - from) * (float(frame % MXD_ROWS_GRID) * (1.0 / MXD_ROWS_GRID));
}

// A value at the point at or before a frame.
float row_held(uint index, uint frame)
{
    return row.moves == 0 ? values[row.first_value + index]
                          : points[run.first_point + frame / MXD_ROWS_GRID * row.num_values + index];
}

float row_state(uint index)
{
    return states[row.first_state + index];
}

void row_set_state(uint index, float x)
{
    states[row.first_state + index] = x;
}
