// Gains that an oscillator moves (modulate.h): every frame by itself.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "rows.glsl"
#include "modulate.h"
#include "sine.glsl"

float smooth_step(float t)
{
    float u = clamp(t, 0.0, 1.0);
    return u * u * (3.0 - 2.0 * u);
}

float oscillator(uint shape, uint frame)
{
    float phase = row_held(MXD_MODULATE_PHASE, frame), edge = row_held(MXD_MODULATE_EDGE, frame);
    float moved = row_held(MXD_MODULATE_REST, frame) +
                  float(frame % MXD_ROWS_GRID) * row_held(MXD_MODULATE_INCREMENT, frame);
    // Kept apart: what of the phase is short, and what is exact.
    float base = phase + moved >= 1.0 ? phase - 1.0 : phase;
    float at = base + moved;
    bool late = at > 0.5;
    float from_half = late ? at - 0.5 : 0.5 - at;
    if (shape == MXD_SHAPE_SINE)
        return sin_pi(2.0 * from_half - 0.5);
    if (shape == MXD_SHAPE_TRIANGLE)
        return 4.0 * from_half - 1.0;
    if (shape == MXD_SHAPE_SQUARE) {
        float from_jump = late ? (base - 0.75) + moved : (0.25 - base) - moved;
        return 2.0 * smooth_step(from_jump / edge + 0.5) - 1.0;
    }
    float before_end = (base - 1.0) + moved;
    return before_end < -edge ? 1.0 - 2.0 * at / (1.0 - edge) : 2.0 * smooth_step(1.0 + before_end / edge) - 1.0;
}

float gain_of(uint law, uint channel, float depth, float wave)
{
    if (law == MXD_MODULATE_GAIN)
        return 1.0 - depth * (1.0 - wave) * 0.5;
    float pan = (channel == 0u ? -1.0 : 1.0) * depth * wave;
    if (law == MXD_MODULATE_PAN)
        return sin_pi((1.0 + pan) * 0.25);
    return pan < 0.0 ? sin_pi((1.0 + pan) * 0.5) : 1.0;
}

void main()
{
    row_begin();
    uint law = row_setting(MXD_MODULATE_LAW), shape = row_setting(MXD_MODULATE_SHAPE), end = row_end_frame();
    for (uint frame = row_first_frame() + mxd_invocation; frame < end; frame += gl_WorkGroupSize.x) {
        float wave = oscillator(shape, frame), depth = row_value(MXD_MODULATE_DEPTH, frame);
        for (uint c = 0u; c < row.num_outputs; c++)
            row_output(c, frame, gain_of(law, c, depth, wave) * row_input(law == MXD_MODULATE_PAN ? 0u : c, frame));
    }
}
