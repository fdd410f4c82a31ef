/*
 * phaser: all-passes with feedback (shaders/phaser.h). The recursion leaves
 * nothing to share out along time, so channels go four abreast.
 */
#include "rows.h"

#include "simd.h"

#include "shaders/phaser.h"

#include <string.h>

enum { ABREAST = 4 };
typedef real quad __attribute__((vector_size(4 * sizeof(real)), may_alias));

/* Values over a stretch of the grid: from + step * frames. */
typedef struct ramp {
    quad from, step;
} ramp;

typedef struct stretch {
    ramp feedback, dry, wet, g;
    uint32_t num_stages;
    bool loop;
} stretch;

/* One value for all channels, or one each. */
static ramp ramp_of(const cpu_row *row, uint32_t value, uint32_t num_channels, bool each, uint32_t first)
{
    ramp r = {{0}, {0}};
    const real *from = row->values + (row->moves ? (size_t)(first / MXD_VALUE_GRID) * row->num_values : 0) + value;
    for (uint32_t c = 0; c < ABREAST; c++) {
        const uint32_t i = each ? (c < num_channels ? c : 0) : 0;
        r.from[c] = from[i];
        r.step[c] = row->moves ? (from[i + row->num_values] - from[i]) * (real)(1.0 / MXD_VALUE_GRID) : 0;
    }
    return r;
}

/* Frames x, in place: dry and wet together. states: [stage]. */
static void run_stretch(const stretch *values, uint32_t count, quad *x, quad *states)
{
    for (uint32_t j = 0; j < count; j++) {
        const real at = (real)(int32_t)j;
        const quad g = values->g.from + values->g.step * at;
        quad u = x[j];
        if (values->loop) {
            /* What leaves the stages is a u + b: u = x + feedback (a u + b) can be solved for u. */
            const quad feedback = values->feedback.from + values->feedback.step * at;
            const quad straight = 2 * g - 1, kept = 2 - 2 * g;
            quad a = straight, b = kept * states[0];
            for (uint32_t i = 1; i < values->num_stages; i++) {
                a = a * straight;
                b = b * straight + kept * states[i];
            }
            u = (u + feedback * b) / (1 - feedback * a);
        }
        for (uint32_t i = 0; i < values->num_stages; i++) {
            const quad move = g * (u - states[i]), low = states[i] + move;
            states[i] = low + move;
            u = 2 * low - u;
        }
        x[j] = (values->dry.from + values->dry.step * at) * x[j] + (values->wet.from + values->wet.step * at) * u;
    }
}

/* Channels first.. of the row, up to four. */
static void run_channels(const cpu_row *row, uint32_t first_channel, uint32_t num_channels)
{
    const uint32_t num_stages = row->settings[MXD_PHASER_STAGES];
    stretch values = {.num_stages = num_stages, .loop = row->settings[MXD_PHASER_LOOP] != 0};
    quad states[MXD_PHASER_MAX_STAGES] = {{0}}, x[MXD_VALUE_GRID];
    for (uint32_t c = 0; c < num_channels; c++)
        for (uint32_t i = 0; i < num_stages; i++)
            states[i][c] = row->state[(first_channel + c) * num_stages + i];
    for (uint32_t first = 0; first < row->num_frames; first += MXD_VALUE_GRID) {
        const uint32_t left = row->num_frames - first, count = left < MXD_VALUE_GRID ? left : MXD_VALUE_GRID;
        if (row->moves || first == 0) {
            values.feedback = ramp_of(row, MXD_PHASER_FEEDBACK, num_channels, false, first);
            values.dry = ramp_of(row, MXD_PHASER_DRY, num_channels, false, first);
            values.wet = ramp_of(row, MXD_PHASER_WET, num_channels, false, first);
            values.g = ramp_of(row, MXD_PHASER_FIRST_G + first_channel, num_channels, true, first);
        }
        memset(x, 0, sizeof x);
        for (uint32_t c = 0; c < num_channels; c++)
            for (uint32_t j = 0; j < count; j++)
                x[j][c] = row->inputs[first_channel + c][first + j];
        run_stretch(&values, count, x, states);
        for (uint32_t c = 0; c < num_channels; c++)
            for (uint32_t j = 0; j < count; j++)
                row->outputs[first_channel + c][first + j] = x[j][c];
    }
    for (uint32_t c = 0; c < num_channels; c++)
        for (uint32_t i = 0; i < num_stages; i++)
            row->state[(first_channel + c) * num_stages + i] = states[i][c];
}

void MXD_CPU(mxd_phaser_run)(const cpu_row *row)
{
    for (uint32_t c = 0; c < row->num_inputs; c += ABREAST)
        run_channels(row, c, row->num_inputs - c < ABREAST ? row->num_inputs - c : ABREAST);
}
