/* modulate: gains that an oscillator moves (shaders/modulate.h), a stretch of the grid at a time. */
#include "rows.h"

#include "sine.h"

#include "shaders/modulate.h"

enum { GRID = MXD_VALUE_GRID };

static inline real smooth(real t)
{
    const real u = t < 0 ? 0 : t > 1 ? 1 : t;
    return u * u * (3 - 2 * u);
}

/* The oscillator at the frames of a stretch. */
static void oscillate(uint32_t shape, real phase, real rest, real increment, real edge, real wave[GRID])
{
    const real inverse_edge = 1 / edge, inverse_fall = 1 / (1 - edge);
    for (int32_t j = 0; j < GRID; j++) {
        /* Kept apart: what of the phase is short, and what is exact. */
        const real moved = rest + (real)j * increment;
        const real base = phase + moved >= 1 ? phase - 1 : phase;
        const real at = base + moved;
        const bool late = at > (real)0.5;
        const real from_half = late ? at - (real)0.5 : (real)0.5 - at;
        switch (shape) {
        case MXD_SHAPE_SINE:
            wave[j] = sin_pi(2 * from_half - (real)0.5);
            break;
        case MXD_SHAPE_TRIANGLE:
            wave[j] = 4 * from_half - 1;
            break;
        case MXD_SHAPE_SQUARE: {
            const real from_jump = late ? (base - (real)0.75) + moved : ((real)0.25 - base) - moved;
            wave[j] = 2 * smooth(from_jump * inverse_edge + (real)0.5) - 1;
            break;
        }
        default: {
            const real before_end = (base - 1) + moved, fall = 1 - 2 * at * inverse_fall;
            const real rise = 2 * smooth(1 + before_end * inverse_edge) - 1;
            wave[j] = before_end < -edge ? fall : rise;
            break;
        }
        }
    }
}

/* cos(x pi / 2), 0 <= x <= 1. */
static inline real away(real x)
{
    return sin_pi((1 - x) * (real)0.5);
}

static void apply(const cpu_row *row, uint32_t first, uint32_t count, const real *wave, const real *depth)
{
    const uint32_t law = row->settings[MXD_MODULATE_LAW];
    for (uint32_t c = 0; c < row->num_outputs; c++) {
        const real *x = row->inputs[law == MXD_MODULATE_PAN ? 0 : c] + first;
        real *y = row->outputs[c] + first;
        const real side = c == 0 ? -1 : 1;
        for (uint32_t j = 0; j < count; j++) {
            const real pan = side * depth[j] * wave[j];
            const real gain = law == MXD_MODULATE_GAIN  ? 1 - depth[j] * (1 - wave[j]) * (real)0.5
                              : law == MXD_MODULATE_PAN ? sin_pi((1 + pan) * (real)0.25)
                                                        : (pan < 0 ? away(-pan) : 1);
            y[j] = gain * x[j];
        }
    }
}

void MXD_CPU(mxd_modulate_run)(const cpu_row *row)
{
    const uint32_t shape = row->settings[MXD_MODULATE_SHAPE];
    for (uint32_t first = 0; first < row->num_frames; first += GRID) {
        const uint32_t count = row->num_frames - first < GRID ? row->num_frames - first : GRID;
        const real edge = row_held(row, MXD_MODULATE_EDGE, first), phase = row_held(row, MXD_MODULATE_PHASE, first);
        const real rest = row_held(row, MXD_MODULATE_REST, first);
        const real increment = row_held(row, MXD_MODULATE_INCREMENT, first);
        real wave[GRID], depth[GRID];
        switch (shape) { /* a constant in each, so that the loop has no choice left in it */
        case MXD_SHAPE_SINE:
            oscillate(MXD_SHAPE_SINE, phase, rest, increment, edge, wave);
            break;
        case MXD_SHAPE_TRIANGLE:
            oscillate(MXD_SHAPE_TRIANGLE, phase, rest, increment, edge, wave);
            break;
        case MXD_SHAPE_SQUARE:
            oscillate(MXD_SHAPE_SQUARE, phase, rest, increment, edge, wave);
            break;
        default:
            oscillate(MXD_SHAPE_SAW, phase, rest, increment, edge, wave);
            break;
        }
        for (uint32_t j = 0; j < GRID; j++)
            depth[j] = row_value(row, MXD_MODULATE_DEPTH, first + j);
        apply(row, first, count, wave, depth);
    }
}
