// Whole frames of delay (shift.h): every frame by itself.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "rows.glsl"
#include "shift.h"

void main()
{
    row_begin();
    uint frames = row_setting(MXD_SHIFT_FRAMES), end = row_end_frame(), count = min(frames, push.num_frames);
    uint now = 2u * (run.num_runs & 1u), next = 2u - now;
    uint start = uint(row_state(now)) + MXD_SHIFT_RADIX * uint(row_state(now + 1u));
    for (uint frame = row_first_frame() + mxd_invocation; frame < end; frame += gl_WorkGroupSize.x) {
        // No two frames meet in one slot: who empties it fills it.
        uint slot = MXD_SHIFT_FIRST_RING + (start + frame) % frames;
        for (uint c = 0u; c < row.num_inputs; c++)
            if (frame < count) {
                row_output(c, frame, row_state(slot + c * frames));
                row_set_state(slot + c * frames, row_input(c, push.num_frames - count + frame));
            } else
                row_output(c, frame, row_input(c, frame - frames));
    }
    if (end == push.num_frames && mxd_invocation == 0u) {
        row_set_state(next, float((start + count) % frames % MXD_SHIFT_RADIX));
        row_set_state(next + 1u, float((start + count) % frames / MXD_SHIFT_RADIX));
    }
}
