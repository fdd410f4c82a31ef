/*
 * delay: fractional delay lines with feedback (shaders/delay.h). Frames are taken
 * in segments over which the values move in straight lines, and these, where
 * there is feedback, in chunks that read nothing which they write. A voice at
 * rest is a filter along the chunk's frames, eight or sixteen at a time; one that
 * moves has weights of its own at each frame, and the registers hold its taps.
 */
#include "rows.h"

#include "simd.h"
#include "sine.h"

#include "shaders/delay.h"

#include <math.h>
#include <string.h>

enum {
    CHUNK = MXD_DELAY_TILE, /* most frames of a segment */
    TAPS = MXD_DELAY_TAPS,
    HALF = MXD_DELAY_HALF,
    NUM_VECS = TAPS / VEC_WIDTH
};

#if MXD_REAL_BITS == 64
typedef int64_t vec_mask __attribute__((vector_size(VEC_BYTES), may_alias));
#else
typedef int32_t vec_mask __attribute__((vector_size(VEC_BYTES), may_alias));
#endif

/* One voice over a segment; where it is still, the first frame is all frames. */
typedef struct voice {
    bool still;
    uint32_t whole[MXD_VALUE_GRID];
    real part[MXD_VALUE_GRID];
    real sine[MXD_VALUE_GRID];           /* sin(pi part) / pi */
    real inverse_square[MXD_VALUE_GRID]; /* 1 / H^2 of the window */
} voice;

typedef struct delay {
    const cpu_row *row;
    uint32_t length, num_lines, num_voices;
    bool loop, cross;
    uint32_t cuts;
    voice voices[MXD_DELAY_MAX_LINES][MXD_DELAY_MAX_VOICES];
    real input[MXD_DELAY_MAX_LINES][CHUNK];
    real heard[MXD_DELAY_MAX_LINES][CHUNK + VEC_WIDTH]; /* the last register may be half used */
} delay;

static real *ring_of(const delay *d, uint32_t line)
{
    return d->row->state + (size_t)line * (d->length + MXD_DELAY_PAD);
}

/* A value on its straight line: from + step * frames. */
typedef struct ramp {
    real from, step;
} ramp;

static ramp ramp_of(const cpu_row *row, uint32_t value, uint32_t frame)
{
    if (!row->moves)
        return (ramp){row->values[value], 0};
    const real *point = row->values + (size_t)(frame / MXD_VALUE_GRID) * row->num_values + value;
    const real step = (point[row->num_values] - point[0]) * (real)(1.0 / MXD_VALUE_GRID);
    return (ramp){point[0] + step * (real)(frame % MXD_VALUE_GRID), step};
}

/* ---- Taps ---------------------------------------------------------------- */

/* What the weights of frame j need besides the part. */
static inline void prepare_weights(voice *v, uint32_t j)
{
    const real part = v->part[j], frames = (real)(int32_t)v->whole[j] + part;
    const real h = frames * (real)0.75 < HALF ? frames * (real)0.75 : HALF;
    v->sine[j] = sin_pi(part < (real)0.5 ? part : 1 - part) * (real)0.31830988618379067154;
    v->inverse_square[j] = 1 / (h * h);
}

/* The delays of a voice at the frames of a segment, which begins on the grid. */
static void place_voice(const cpu_row *row, uint32_t value, uint32_t first, uint32_t count, voice *v)
{
    const real *from = row->values + (row->moves ? (size_t)(first / MXD_VALUE_GRID) * row->num_values : 0) + value;
    const real *to = row->moves ? from + row->num_values : from;
    const real change = (to[MXD_DELAY_WHOLE] - from[MXD_DELAY_WHOLE]) + (to[MXD_DELAY_PART] - from[MXD_DELAY_PART]);
    const real bend0 = from[MXD_DELAY_BEND], bend1 = to[MXD_DELAY_BEND];
    v->still = !row->moves || (change == 0 && bend0 == 0 && bend1 == 0);
    v->whole[0] = (uint32_t)from[MXD_DELAY_WHOLE];
    v->part[0] = from[MXD_DELAY_PART];
    if (v->still) {
        prepare_weights(v, 0);
        return;
    }
    const int32_t base = (int32_t)from[MXD_DELAY_WHOLE];
    const real part = from[MXD_DELAY_PART];
    for (uint32_t j = 0; j < count; j++) {
        const real u = (real)(int32_t)j * (real)(1.0 / MXD_VALUE_GRID);
        const real x = part + u * change - u * (1 - u) * ((2 - u) * bend0 + (1 + u) * bend1);
        int32_t whole = (int32_t)x;
        whole -= (real)whole > x; /* floor */
        const real rest = x - (real)whole;
        const bool up = rest >= 1; /* x a little below 0 */
        v->whole[j] = (uint32_t)(base + whole + up);
        v->part[j] = up ? 0 : rest;
    }
    for (uint32_t j = 0; j < count; j++)
        prepare_weights(v, j);
}

/* How many frames from one on read nothing that is written at that one or later. */
static uint32_t reach_of(real frames)
{
    const real h = frames * (real)0.75 < HALF ? frames * (real)0.75 : HALF;
    return (uint32_t)(frames - h) + 1;
}

/*
 * The weights of the taps at frame j; times[k] is HALF - k, so that
 * the tap stands at t = HALF - k - part from the point that is read, and
 * sin(pi t) = -(-1)^k sin(pi part). The part is not 0.
 */
static inline void weigh(const voice *v, uint32_t j, vec weights[NUM_VECS])
{
    static const real times[TAPS] __attribute__((aligned(ALIGNMENT))) = {
        16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1,
        0, -1, -2, -3, -4, -5, -6, -7, -8, -9, -10, -11, -12, -13, -14, -15};
    static const real signs[TAPS] __attribute__((aligned(ALIGNMENT))) = {
        -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1};
    for (int i = 0; i < NUM_VECS; i++) {
        const vec t = *(const vec *)(times + i * VEC_WIDTH) - v->part[j];
        vec w = 1 - t * t * v->inverse_square[j];
        w = (vec)((vec_mask)w & (vec_mask)(w > 0));
        w = w * w;
        weights[i] = *(const vec *)(signs + i * VEC_WIDTH) * v->sine[j] / t * (w * w * w);
    }
}

static inline real sum_of(vec v)
{
    real parts[VEC_WIDTH];
    memcpy(parts, &v, sizeof v);
    for (int width = VEC_WIDTH / 2; width > 0; width /= 2) /* in pairs, not one after the other */
        for (int i = 0; i < width; i++)
            parts[i] += parts[i + width];
    return parts[0];
}

/* Where the taps of a frame begin in the ring: HALF frames before the whole delay. */
static uint32_t window_of(const delay *d, uint32_t frame, uint32_t whole)
{
    return (d->row->position + frame - whole - HALF) & (d->length - 1);
}

/* Adds a voice at rest: frames whose taps lie in one piece, some at a time. */
static void add_still(const delay *d, const real *ring, const voice *v, uint32_t first, uint32_t count, real *heard)
{
    vec weights[NUM_VECS];
    real *weight = (real *)weights;
    const bool is_whole = v->part[0] == 0;
    if (!is_whole)
        weigh(v, 0, weights);
    for (uint32_t done = 0; done < count;) {
        const uint32_t start = window_of(d, first + done, v->whole[0]);
        const uint32_t piece = count - done < d->length - start ? count - done : d->length - start;
        const real *from = ring + start;
        real *to = heard + done;
        if (is_whole) {
            for (uint32_t j = 0; j < piece; j++)
                to[j] += from[HALF + j];
        } else {
            for (uint32_t j = 0; j < piece; j += VEC_WIDTH) {
                vec sum = {0};
                for (uint32_t k = 0; k < TAPS; k++)
                    sum += weight[k] * *(const loose_vec *)(from + j + k);
                const uint32_t left = piece - j < VEC_LANES ? piece - j : VEC_LANES;
                for (uint32_t i = 0; i < left; i++)
                    to[j + i] += sum[i];
            }
        }
        done += piece;
    }
}

static void add_moving(const delay *d, const real *ring, const voice *v, uint32_t first, uint32_t offset,
                       uint32_t count, real *heard)
{
    for (uint32_t j = 0; j < count; j++) {
        const uint32_t whole = v->whole[offset + j];
        const real *window = ring + window_of(d, first + j, whole);
        if (v->part[offset + j] == 0) {
            heard[j] += window[HALF];
            continue;
        }
        vec weights[NUM_VECS], sum = {0};
        weigh(v, offset + j, weights);
        for (int i = 0; i < NUM_VECS; i++)
            sum += weights[i] * *(const loose_vec *)(window + i * VEC_WIDTH);
        heard[j] += sum_of(sum);
    }
}

/* ---- The loop ------------------------------------------------------------ */

static void put(const delay *d, uint32_t line, uint32_t frame, const real *samples, uint32_t count)
{
    real *ring = ring_of(d, line);
    const uint32_t start = (d->row->position + frame) & (d->length - 1);
    const uint32_t piece = count < d->length - start ? count : d->length - start;
    memcpy(ring + start, samples, piece * sizeof(real));
    memcpy(ring, samples + piece, (count - piece) * sizeof(real));
    if (start < MXD_DELAY_PAD || piece < count)
        memcpy(ring + d->length, ring, MXD_DELAY_PAD * sizeof(real));
}

/* Both cuts, in place. */
static void cut(const delay *d, uint32_t line, uint32_t frame, uint32_t count, real *x)
{
    real *state = ring_of(d, d->num_lines) + 2 * line;
    if (d->cuts & MXD_DELAY_LOW_CUT_ON) {
        const ramp g = ramp_of(d->row, MXD_DELAY_LOW_CUT, frame);
        real s = state[0];
        for (uint32_t j = 0; j < count; j++) {
            const real move = (g.from + g.step * (real)(int32_t)j) * (x[j] - s);
            x[j] -= s + move;
            s += 2 * move;
        }
        state[0] = s;
    }
    if (d->cuts & MXD_DELAY_HIGH_CUT_ON) {
        const ramp g = ramp_of(d->row, MXD_DELAY_HIGH_CUT, frame);
        real s = state[1];
        for (uint32_t j = 0; j < count; j++) {
            const real move = (g.from + g.step * (real)(int32_t)j) * (x[j] - s);
            x[j] = s + move;
            s += 2 * move;
        }
        state[1] = s;
    }
}

/* Frames first.. of a segment, at offset in it: none reads what another one writes. */
static void run_chunk(delay *d, uint32_t first, uint32_t offset, uint32_t count)
{
    const cpu_row *row = d->row;
    for (uint32_t c = 0; c < d->num_lines; c++) {
        real *heard = d->heard[c];
        if (c < row->num_inputs)
            memcpy(d->input[c], row->inputs[c] + first, count * sizeof(real));
        if (!d->loop)
            put(d, c, first, d->input[c], count);
        memset(heard, 0, count * sizeof(real));
        for (uint32_t i = 0; i < d->num_voices; i++) {
            const voice *v = &d->voices[c][i];
            if (v->still)
                add_still(d, ring_of(d, c), v, first, count, heard);
            else
                add_moving(d, ring_of(d, c), v, first, offset, count, heard);
        }
        if (d->cuts)
            cut(d, c, first, count, heard);
    }
    const ramp dry = ramp_of(row, MXD_DELAY_DRY, first), wet = ramp_of(row, MXD_DELAY_WET, first);
    const ramp feedback = ramp_of(row, MXD_DELAY_FEEDBACK, first);
    for (uint32_t c = 0; c < d->num_lines; c++) {
        const real *x = d->input[c < row->num_inputs ? c : 0], *heard = d->heard[c];
        real *y = row->outputs[c] + first;
        for (uint32_t j = 0; j < count; j++)
            y[j] = (dry.from + dry.step * (real)(int32_t)j) * x[j] + (wet.from + wet.step * (real)(int32_t)j) * heard[j];
    }
    for (uint32_t c = 0; d->loop && c < d->num_lines; c++) {
        const real *back = d->heard[d->cross ? 1 - c : c];
        real fed[CHUNK];
        for (uint32_t j = 0; j < count; j++)
            fed[j] = d->input[c][j] + (feedback.from + feedback.step * (real)(int32_t)j) * back[j];
        put(d, c, first, fed, count);
    }
}

/* The longest chunk from a frame of the segment on. */
static uint32_t chunk_of(const delay *d, uint32_t offset, uint32_t count)
{
    if (!d->loop)
        return count;
    for (uint32_t c = 0; c < d->num_lines; c++)
        for (uint32_t i = 0; i < d->num_voices; i++) {
            const voice *v = &d->voices[c][i];
            const uint32_t last = v->still ? 1 : count;
            for (uint32_t j = 0; j < last; j++) {
                const uint32_t at = v->still ? 0 : offset + j, reach = reach_of((real)v->whole[at] + v->part[at]);
                if (v->still)
                    count = reach < count ? reach : count;
                else if (j >= reach)
                    count = j < count ? j : count;
            }
        }
    return count;
}

void MXD_CPU(mxd_delay_run)(const cpu_row *row)
{
    delay d = {
        .row = row,
        .length = row->settings[MXD_DELAY_LENGTH],
        .num_lines = row->num_outputs,
        .num_voices = row->settings[MXD_DELAY_VOICES],
        .loop = row->settings[MXD_DELAY_LOOP] != 0,
        .cross = row->settings[MXD_DELAY_CROSS] != 0,
        .cuts = row->settings[MXD_DELAY_CUTS],
    };
    const uint32_t segment = row->moves ? MXD_VALUE_GRID : CHUNK;
    for (uint32_t first = 0; first < row->num_frames; first += segment) {
        const uint32_t count = row->num_frames - first < segment ? row->num_frames - first : segment;
        for (uint32_t c = 0; c < d.num_lines && (row->moves || first == 0); c++)
            for (uint32_t i = 0; i < d.num_voices; i++)
                place_voice(row, MXD_DELAY_FIRST_VOICE + (c * d.num_voices + i) * MXD_DELAY_VOICE_VALUES, first, count,
                            &d.voices[c][i]);
        for (uint32_t offset = 0, chunk; offset < count; offset += chunk) {
            chunk = chunk_of(&d, offset, count - offset);
            run_chunk(&d, first + offset, offset, chunk);
        }
    }
}
