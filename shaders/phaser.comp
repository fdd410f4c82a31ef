// All-passes with feedback (phaser.h): without feedback a scan a stage, with it an invocation a channel.
#version 450
#extension GL_GOOGLE_include_directive : require
#define MXD_ROWS_COHERENT_STATES
#include "rows.glsl"
#include "phaser.h"
#define SCAN_SIZE MXD_PHASER_TILE
#include "scan.glsl"

uint num_stages;

// One channel, frame after frame.
void run_loop(uint channel)
{
    float states[MXD_PHASER_MAX_STAGES];
    for (uint i = 0u; i < num_stages; i++)
        states[i] = row_state(channel * num_stages + i);
    uint end = row_end_frame();
    for (uint frame = row_first_frame(); frame < end; frame++) {
        float x = row_input(channel, frame), g = row_value(MXD_PHASER_FIRST_G + channel, frame);
        float feedback = row_value(MXD_PHASER_FEEDBACK, frame);
        float straight = 2.0 * g - 1.0, kept = 2.0 - 2.0 * g;
        // What leaves the stages is a u + b: u = x + feedback (a u + b) can be solved for u.
        float a = 1.0, b = 0.0;
        for (uint i = 0u; i < num_stages; i++) {
            a *= straight;
            b = b * straight + kept * states[i];
        }
        float u = (x + feedback * b) / (1.0 - feedback * a);
        for (uint i = 0u; i < num_stages; i++) {
            float move = g * (u - states[i]), low = states[i] + move;
            states[i] = low + move;
            u = 2.0 * low - u;
        }
        row_output(channel, frame, row_value(MXD_PHASER_DRY, frame) * x + row_value(MXD_PHASER_WET, frame) * u);
    }
    for (uint i = 0u; i < num_stages; i++)
        row_set_state(channel * num_stages + i, states[i]);
}

// One channel of a tile of frames; every invocation calls it.
void run_tile(uint channel, uint frame, bool inside)
{
    float x = inside ? row_input(channel, frame) : 0.0;
    float g = inside ? row_value(MXD_PHASER_FIRST_G + channel, frame) : 0.0;
    float u = x;
    for (uint i = 0u; i < num_stages; i++) {
        float start = row_state(channel * num_stages + i);
        scan(vec2(2.0 * g, 2.0 * g * u));
        float s = scan_before(start);
        u = 2.0 * (s + g * (u - s)) - u;
        if (mxd_invocation == 0u)
            row_set_state(channel * num_stages + i, scan_end(start));
    }
    if (inside)
        row_output(channel, frame, row_value(MXD_PHASER_DRY, frame) * x + row_value(MXD_PHASER_WET, frame) * u);
}

void main()
{
    row_begin();
    num_stages = row_setting(MXD_PHASER_STAGES);
    if (row_setting(MXD_PHASER_LOOP) != 0u) {
        for (uint c = mxd_invocation; c < row.num_inputs; c += gl_WorkGroupSize.x)
            run_loop(c);
        return;
    }
    uint end = row_end_frame();
    for (uint first = row_first_frame(); first < end; first += gl_WorkGroupSize.x) {
        uint frame = first + mxd_invocation;
        for (uint c = 0u; c < row.num_inputs; c++)
            run_tile(c, frame, frame < end);
        memoryBarrierBuffer();
        barrier();
    }
}
