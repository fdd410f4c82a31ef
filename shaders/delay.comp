// Fractional delay lines with feedback (delay.h): a workgroup a row, an invocation a frame of a tile.
#version 450
#extension GL_GOOGLE_include_directive : require
#define MXD_ROWS_COHERENT_STATES
#include "rows.glsl"
#include "delay.h"
#include "sine.glsl"
#define SCAN_SIZE MXD_DELAY_TILE
#include "scan.glsl"

shared uint tile; // frames that read nothing which the tile writes

uint ring_mask, num_voices, num_lines;

uint ring_index(uint line, uint frame)
{
    return line * (ring_mask + 1u + MXD_DELAY_PAD) + ((run.position + frame) & ring_mask);
}

uint cut_index(uint line, uint which)
{
    return num_lines * (ring_mask + 1u + MXD_DELAY_PAD) + 2u * line + which;
}

// The delay of a voice at a frame.
void delay_at(uint line, uint voice, uint frame, out uint whole, out float part)
{
    uint value = MXD_DELAY_FIRST_VOICE + (line * num_voices + voice) * MXD_DELAY_VOICE_VALUES;
    whole = uint(row_held(value + MXD_DELAY_WHOLE, frame));
    part = row_held(value + MXD_DELAY_PART, frame);
    if (row.moves == 0)
        return;
    uint next = run.first_point + (frame / MXD_ROWS_GRID + 1u) * row.num_values + value;
    float change = (points[next + MXD_DELAY_WHOLE] - float(whole)) + (points[next + MXD_DELAY_PART] - part);
    float bend0 = row_held(value + MXD_DELAY_BEND, frame), bend1 = points[next + MXD_DELAY_BEND];
    float u = float(frame % MXD_ROWS_GRID) * (1.0 / MXD_ROWS_GRID);
    float x = part + u * change - u * (1.0 - u) * ((2.0 - u) * bend0 + (1.0 + u) * bend1);
    float steps = floor(x);
    whole = uint(int(whole) + int(steps));
    part = x - steps;
    if (part >= 1.0) { // x a little below 0
        whole++;
        part = 0.0;
    }
}

float half_of(float frames)
{
    return min(float(MXD_DELAY_HALF), 0.75 * frames);
}

float read_line(uint line, uint frame, uint whole, float part)
{
    if (part == 0.0)
        return row_state(ring_index(line, frame - whole));
    float h = half_of(float(whole) + part);
    float inverse_square = 1.0 / (h * h);
    float sine = sin_pi(min(part, 1.0 - part)) * 0.31830988618379067;
    uint first = frame - whole - MXD_DELAY_HALF;
    float sum = 0.0;
    for (uint k = 0u; k < MXD_DELAY_TAPS; k++) {
        float t = float(MXD_DELAY_HALF - int(k)) - part;
        float v = 1.0 - t * t * inverse_square;
        if (v > 0.0) {
            v = v * v;
            float weight = ((k & 1u) == 0u ? -sine : sine) / t * (v * v * v);
            sum += weight * row_state(ring_index(line, first + k));
        }
    }
    return sum;
}

// The frames from `frame` on, count at most, that can be taken at once.
uint tile_of(uint frame, uint count)
{
    if (mxd_invocation == 0u)
        tile = count;
    barrier();
    for (uint c = 0u; mxd_invocation < count && c < num_lines; c++)
        for (uint i = 0u; i < num_voices; i++) {
            uint whole;
            float part;
            delay_at(c, i, frame + mxd_invocation, whole, part);
            float frames = float(whole) + part;
            if (mxd_invocation >= uint(frames - half_of(frames)) + 1u)
                atomicMin(tile, mxd_invocation);
        }
    barrier();
    return tile;
}

// One cut of x in this invocation's frame; start is its state in front of the tile, and behind it on return.
float cut(float x, float g, bool inside, bool low, inout float start)
{
    scan(inside ? vec2(2.0 * g, 2.0 * g * x) : vec2(0.0));
    float s = scan_before(start);
    start = scan_end(start);
    float smooth_x = s + g * (x - s);
    return low ? x - smooth_x : smooth_x;
}

void main()
{
    row_begin();
    ring_mask = row_setting(MXD_DELAY_LENGTH) - 1u;
    num_voices = row_setting(MXD_DELAY_VOICES);
    num_lines = row.num_outputs;
    bool loop = row_setting(MXD_DELAY_LOOP) != 0u, cross_over = row_setting(MXD_DELAY_CROSS) != 0u;
    uint cuts = row_setting(MXD_DELAY_CUTS), end = row_end_frame();
    float low[MXD_DELAY_MAX_LINES], high[MXD_DELAY_MAX_LINES];
    for (uint c = 0u; c < num_lines; c++) {
        low[c] = row_state(cut_index(c, 0u));
        high[c] = row_state(cut_index(c, 1u));
    }
    barrier(); // states are read before any is written
    for (uint first = row_first_frame(); first < end;) {
        uint count = min(gl_WorkGroupSize.x, end - first);
        if (loop)
            count = tile_of(first, count);
        bool inside = mxd_invocation < count;
        uint frame = first + mxd_invocation;
        float x[MXD_DELAY_MAX_LINES], heard[MXD_DELAY_MAX_LINES];
        for (uint c = 0u; c < num_lines; c++) {
            x[c] = inside && c < row.num_inputs ? row_input(c, frame) : 0.0;
            if (!loop && inside)
                row_set_state(ring_index(c, frame), x[c]);
        }
        if (!loop) {
            memoryBarrierBuffer();
            barrier();
        }
        for (uint c = 0u; c < num_lines; c++) {
            heard[c] = 0.0;
            for (uint i = 0u; inside && i < num_voices; i++) {
                uint whole;
                float part;
                delay_at(c, i, frame, whole, part);
                heard[c] += read_line(c, frame, whole, part);
            }
            float g_low = inside ? row_value(MXD_DELAY_LOW_CUT, frame) : 0.0;
            float g_high = inside ? row_value(MXD_DELAY_HIGH_CUT, frame) : 0.0;
            if ((cuts & MXD_DELAY_LOW_CUT_ON) != 0u)
                heard[c] = cut(heard[c], g_low, inside, true, low[c]);
            if ((cuts & MXD_DELAY_HIGH_CUT_ON) != 0u)
                heard[c] = cut(heard[c], g_high, inside, false, high[c]);
        }
        if (inside) {
            float dry = row_value(MXD_DELAY_DRY, frame), wet = row_value(MXD_DELAY_WET, frame);
            float feedback = row_value(MXD_DELAY_FEEDBACK, frame);
            for (uint c = 0u; c < num_lines; c++) {
                row_output(c, frame, dry * x[c < row.num_inputs ? c : 0u] + wet * heard[c]);
                if (loop)
                    row_set_state(ring_index(c, frame), x[c] + feedback * heard[cross_over ? 1u - c : c]);
            }
        }
        memoryBarrierBuffer();
        barrier();
        first += count;
    }
    for (uint c = 0u; mxd_invocation == 0u && c < num_lines; c++) {
        row_set_state(cut_index(c, 0u), low[c]);
        row_set_state(cut_index(c, 1u), high[c]);
    }
}
