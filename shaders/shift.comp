// Whole frames of delay (shift.h): every frame by itself.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "rows.glsl"
#include "shift.h"

// Lane c of the input, back to as many frames before the block as the shift is long.
float past(uint channel, uint frame, uint back)
{
    if (frame >= back)
        return row_input(channel, frame - back);
    uint frames = row_setting(MXD_SHIFT_FRAMES);
    return row_state(((run.num_runs & 1u) * row.num_inputs + channel) * frames + (frames + frame - back));
}

void main()
{
    row_begin();
    uint frames = row_setting(MXD_SHIFT_FRAMES), end = row_end_frame();
    for (uint frame = row_first_frame() + mxd_invocation; frame < end; frame += gl_WorkGroupSize.x)
        for (uint c = 0; c < row.num_inputs; c++)
            row_output(c, frame, past(c, frame, frames));
    if (end != push.num_frames)
        return;
    // The last workgroup writes what the next block will need.
    for (uint i = mxd_invocation; i < frames; i += gl_WorkGroupSize.x)
        for (uint c = 0; c < row.num_inputs; c++)
            row_set_state(((~run.num_runs & 1u) * row.num_inputs + c) * frames + i,
                          past(c, push.num_frames + i, frames));
}
