/*
 * reverb: a feedback delay network of 16 lines (shaders/reverb.h), chunk by chunk.
 * Reading, mixing and the all-passes go along the frames of a chunk; for the
 * absorption, which is serial in frames, the chunk is turned over so that the 16
 * lines lie side by side. A ring holds its beginning once more behind its end, so
 * that any chunk can be read in one piece.
 */
#include "rows.h"

#include "../square.h"
#include "shaders/reverb.h"
#include "simd.h"

#include <math.h>
#include <string.h>

enum {
    LINES = MXD_REVERB_LINES,
    CHUNK = MXD_REVERB_CHUNK,
    TAPS = MXD_REVERB_TAPS,
    LINE_VECS = LINES / VEC_WIDTH,
    MIRROR = 64 /* frames behind a ring's end that are its beginning: as many as a chunk with its taps reads */
};

_Static_assert(MIRROR >= CHUNK + TAPS && MIRROR + CHUNK <= MXD_REVERB_PAD, "chunks are read and written in one piece");

MXD_DEFINE_TRANSPOSE(turn_square, real);

/* [line][frame] and [frame][line]. */
typedef struct planes {
    _Alignas(ALIGNMENT) real of[LINES][CHUNK];
} planes;
typedef struct columns {
    _Alignas(ALIGNMENT) real of[CHUNK][LINES];
} columns;

/* One section of all lines. */
typedef struct shelf {
    vec a2[LINE_VECS], a3[LINE_VECS], oma1[LINE_VECS], m0[LINE_VECS], m1[LINE_VECS], m2[LINE_VECS];
} shelf;

/* A chunk, or as much of it as the block has. */
static inline void copy_frames(real *to, const real *from, uint32_t num_frames)
{
    if (num_frames == CHUNK)
        memcpy(to, from, CHUNK * sizeof *to); /* a few registers: no call */
    else
        memcpy(to, from, num_frames * sizeof *to);
}

/* ---- Rings --------------------------------------------------------------- */

static void ring_write(real *ring, uint32_t capacity, uint32_t position, const real *samples)
{
    const uint32_t at = position & (capacity - 1);
    memcpy(ring + at, samples, CHUNK * sizeof *samples);
    if (at < MIRROR)
        memcpy(ring + capacity + at, samples, CHUNK * sizeof *samples);
    else if (at + CHUNK > capacity) {
        const uint32_t before = capacity - at;
        memcpy(ring, samples + before, (CHUNK - before) * sizeof *samples);
    }
}

static const real *ring_read(const real *ring, uint32_t capacity, uint32_t position, uint32_t delay)
{
    return ring + ((position - delay) & (capacity - 1));
}

/* ---- Inputs -------------------------------------------------------------- */

/* H(row, column) / 4 */
static real hadamard_entry(uint32_t row, uint32_t column)
{
    const uint32_t bits = row & column & 15u;
    return (0x6996u >> bits) & 1u ? (real)-0.25 : (real)0.25; /* the parity of four bits */
}

/* One all-pass on a chunk, in place. */
static void diffuse(real *ring, uint32_t capacity, uint32_t position, uint32_t delay, real c, real *x)
{
    const real *past = ring_read(ring, capacity, position, delay);
    _Alignas(ALIGNMENT) real w[CHUNK];
    for (uint32_t n = 0; n < CHUNK; n++) {
        w[n] = x[n] + c * past[n];
        x[n] = past[n] - c * w[n];
    }
    ring_write(ring, capacity, position, w);
}

/* The inputs behind their all-passes, [input][frame]. */
typedef struct diffused {
    _Alignas(ALIGNMENT) real of[MXD_MAX_ROW_LANES][CHUNK];
} diffused;

/* For the chunk at a frame of the block. */
static void diffuse_inputs(const cpu_row *row, real *rings, uint32_t frame, uint32_t num_frames, diffused *into)
{
    const uint32_t capacity = row->settings[MXD_REVERB_DIFFUSER_CAPACITY];
    const real c = row_held(row, MXD_REVERB_DIFFUSION, frame);
    for (uint32_t i = 0; i < row->num_inputs; i++) {
        real *x = into->of[i];
        memset(x, 0, CHUNK * sizeof *x);
        copy_frames(x, row->inputs[i] + frame, num_frames);
        for (uint32_t d = 0; d < MXD_REVERB_DIFFUSERS; d++, rings += mxd_reverb_ring(capacity))
            diffuse(rings, capacity, row->position + frame,
                    mxd_reverb_diffuser(row->settings[MXD_REVERB_DIFFUSER + d], i), c, x);
    }
}

/* ---- Lines that move ----------------------------------------------------- */

enum { MOVING = LINES / 2 };

/* How the odd lines are read in a chunk: weights at its beginning, and what they change by from frame to frame. */
typedef struct movement {
    real first[TAPS][MOVING];
    real step[TAPS][MOVING];
} movement;

/* Lagrange's weights for a delay of so many frames behind the third of six samples: nodes -2 ... 3. */
static void lagrange(const real *frames, real weights[TAPS][MOVING])
{
    for (uint32_t m = 0; m < MOVING; m++) {
        const real c = frames[m], a = c + 2, b = c + 1, d = c - 1, e = c - 2, f = c - 3;
        const real ab = a * b, cd = c * d, ef = e * f;
        weights[0][m] = b * cd * ef * (real)(-1.0 / 120);
        weights[1][m] = a * cd * ef * (real)(1.0 / 24);
        weights[2][m] = ab * d * ef * (real)(-1.0 / 12);
        weights[3][m] = ab * c * ef * (real)(1.0 / 12);
        weights[4][m] = ab * cd * f * (real)(-1.0 / 24);
        weights[5][m] = ab * cd * e * (real)(1.0 / 120);
    }
}

/* From a chunk's values at its beginning to those at its end, which count from the same whole frame. */
static void find_movement(const real *const point[2], movement *made)
{
    real to[MOVING];
    for (uint32_t m = 0; m < MOVING; m++)
        to[m] = point[1][MXD_REVERB_WHOLE + m] - point[0][MXD_REVERB_WHOLE + m] + point[1][MXD_REVERB_PART + m];
    lagrange(point[0] + MXD_REVERB_PART, made->first);
    lagrange(to, made->step);
    for (uint32_t j = 0; j < TAPS; j++)
        for (uint32_t m = 0; m < MOVING; m++)
            made->step[j][m] = (made->step[j][m] - made->first[j][m]) * (real)(1.0 / CHUNK);
}

/* Whether a line is anything but what it is at rest. */
static bool are_moving(const real *const point[2])
{
    for (uint32_t i = MXD_REVERB_WHOLE; i < MXD_REVERB_NUM_VALUES; i++)
        if (point[0][i] != 0 || point[1][i] != 0)
            return true;
    return false;
}

/* length: with the whole frames. */
static void read_moving(const real *ring, uint32_t capacity, uint32_t position, uint32_t length, const movement *moved,
                        uint32_t m, real out[CHUNK])
{
    const uint32_t delay = length + TAPS / 2;
    const real *past = ring_read(ring, capacity, position, delay);
    vec frame;
    for (uint32_t n = 0; n < VEC_LANES; n++)
        frame[n] = (real)n;
    for (uint32_t n = 0; n < CHUNK; n += VEC_LANES, frame += VEC_WIDTH) {
        vec sum = {0};
        for (uint32_t j = 0; j < TAPS; j++)
            sum += (moved->first[j][m] + moved->step[j][m] * frame) * *(const loose_vec *)(past + n + TAPS - 1 - j);
        *(vec *)(out + n) = sum;
    }
}

/* ---- Absorption ---------------------------------------------------------- */

static void design_shelf(real g, const real *r, bool high, shelf *made)
{
    const real k = (real)1.4142135623730951;
    const vec one = (vec){0} + 1;
    for (uint32_t v = 0; v < LINE_VECS; v++) {
        const vec root = *(const loose_vec *)(r + v * VEC_LANES), a = root * root, gain = a * a;
        const vec tangent = high ? g * root : g / root;
        const vec a1 = one / (one + tangent * (tangent + k));
        made->a2[v] = tangent * a1;
        made->a3[v] = tangent * made->a2[v];
        made->oma1[v] = tangent * (tangent + k) * a1;
        made->m0[v] = high ? gain : one;
        made->m1[v] = high ? k * (one - a) * a : k * (a - one);
        made->m2[v] = high ? one - gain : gain - one;
    }
}

/* The sections on a chunk, all lines side by side: low[0], high[1]; state: [section][s1, s2][line]. */
static void absorb(const shelf shelves[2], const real *gains, real *state, uint32_t num_frames, columns *x)
{
    for (uint32_t v = 0; v < LINE_VECS; v++) {
        const vec gain = *(const loose_vec *)(gains + v * VEC_LANES);
        vec *states = (vec *)state + v;
        vec low1 = states[0], low2 = states[LINE_VECS], high1 = states[2 * LINE_VECS], high2 = states[3 * LINE_VECS];
        const shelf *low = &shelves[0], *high = &shelves[1];
        for (uint32_t n = 0; n < num_frames; n++) {
            vec *at = (vec *)x->of[n] + v;
            const vec in = *at * gain;
            const vec p = in - low2;
            const vec p1 = low->a2[v] * p - low->oma1[v] * low1, p2 = low->a2[v] * low1 + low->a3[v] * p;
            const vec middle = low->m0[v] * in + low->m1[v] * (low1 + p1) + low->m2[v] * (low2 + p2);
            low1 += 2 * p1;
            low2 += 2 * p2;
            const vec q = middle - high2;
            const vec q1 = high->a2[v] * q - high->oma1[v] * high1, q2 = high->a2[v] * high1 + high->a3[v] * q;
            *at = high->m0[v] * middle + high->m1[v] * (high1 + q1) + high->m2[v] * (high2 + q2);
            high1 += 2 * q1;
            high2 += 2 * q2;
        }
        states[0] = low1;
        states[LINE_VECS] = low2;
        states[2 * LINE_VECS] = high1;
        states[3 * LINE_VECS] = high2;
    }
}

static void turn_in(const real *const lines[LINES], columns *to)
{
    for (uint32_t n = 0; n < CHUNK; n += MXD_SQUARE)
        for (uint32_t k = 0; k < LINES; k += MXD_SQUARE)
            turn_square(
                (const real *const[MXD_SQUARE]){lines[k] + n, lines[k + 1] + n, lines[k + 2] + n, lines[k + 3] + n},
                (real *const[MXD_SQUARE]){to->of[n] + k, to->of[n + 1] + k, to->of[n + 2] + k, to->of[n + 3] + k});
}

static void turn_out(const columns *from, planes *to)
{
    for (uint32_t n = 0; n < CHUNK; n += MXD_SQUARE)
        for (uint32_t k = 0; k < LINES; k += MXD_SQUARE)
            turn_square(
                (const real *const[MXD_SQUARE]){from->of[n] + k, from->of[n + 1] + k, from->of[n + 2] + k,
                                                from->of[n + 3] + k},
                (real *const[MXD_SQUARE]){to->of[k] + n, to->of[k + 1] + n, to->of[k + 2] + n, to->of[k + 3] + n});
}

/* ---- Mixing -------------------------------------------------------------- */

/* H / 4 over the lines, frame by frame: the fast Hadamard transform. */
static void mix_lines(planes *x)
{
    for (uint32_t n = 0; n < CHUNK; n += VEC_LANES) {
        vec y[LINES], z[LINES];
        for (uint32_t k = 0; k < LINES; k++)
            y[k] = *(const vec *)(x->of[k] + n);
        for (uint32_t k = 0; k < 8; k++) {
            z[2 * k] = y[k] + y[k + 8];
            z[2 * k + 1] = y[k] - y[k + 8];
        }
        for (uint32_t k = 0; k < 8; k++) {
            y[2 * k] = z[k] + z[k + 8];
            y[2 * k + 1] = z[k] - z[k + 8];
        }
        for (uint32_t k = 0; k < 8; k++) {
            z[2 * k] = y[k] + y[k + 8];
            z[2 * k + 1] = y[k] - y[k + 8];
        }
        for (uint32_t k = 0; k < 8; k++) {
            *(vec *)(x->of[2 * k] + n) = (z[k] + z[k + 8]) * (real)0.25;
            *(vec *)(x->of[2 * k + 1] + n) = (z[k] - z[k + 8]) * (real)0.25;
        }
    }
}

/* The outputs from `first` on, as many of 16 as there are. */
static void write_outputs(const cpu_row *row, const planes *from, uint32_t first, uint32_t frame, uint32_t num_frames)
{
    for (uint32_t j = first; j < row->num_outputs && j < first + LINES; j++)
        copy_frames(row->outputs[j] + frame, from->of[j - first], num_frames);
}

/* Outputs beyond 16: what lies group 1: half, 2: a quarter, 3: three quarters down the lines. */
static void tap_lines(const cpu_row *row, const real *lines, const real *gains, uint32_t group, uint32_t frame,
                      uint32_t num_frames)
{
    const uint32_t capacity = row->settings[MXD_REVERB_LINE_CAPACITY];
    planes x;
    for (uint32_t k = 0; k < LINES; k++) {
        const uint32_t length = row->settings[MXD_REVERB_LENGTH + k];
        const uint32_t delay = group == 1 ? length / 2 : group == 2 ? length / 4 : length - length / 4;
        const real half = (real)sqrt((double)gains[k]), quarter = (real)sqrt((double)half);
        const real gain = group == 1 ? half : group == 2 ? quarter : half * quarter;
        const real *past = ring_read(lines + k * mxd_reverb_ring(capacity), capacity, row->position + frame, delay);
        for (uint32_t n = 0; n < CHUNK; n++)
            x.of[k][n] = past[n] * gain;
    }
    mix_lines(&x);
    write_outputs(row, &x, group * LINES, frame, num_frames);
}

/* ---- The row ------------------------------------------------------------- */

/* The chunk at a frame of the block; its values stand at point[0], those of its end at point[1]. */
static void run_chunk(const cpu_row *row, const real *const point[2], const shelf shelves[2], uint32_t frame,
                      uint32_t num_frames)
{
    const uint32_t capacity = row->settings[MXD_REVERB_LINE_CAPACITY], position = row->position + frame;
    real *lines = row->state + MXD_REVERB_FILTERS;
    const bool moving = are_moving(point);
    planes mixed;
    diffused inputs;
    columns turned;
    movement moved;
    const real *reads[LINES];
    if (moving)
        find_movement(point, &moved);
    diffuse_inputs(row, lines + LINES * (size_t)mxd_reverb_ring(capacity), frame, num_frames, &inputs);
    for (uint32_t k = 0; k < LINES; k++) {
        const real *ring = lines + k * (size_t)mxd_reverb_ring(capacity);
        const uint32_t length = row->settings[MXD_REVERB_LENGTH + k];
        reads[k] = ring_read(ring, capacity, position, length);
        if (moving && k % 2 == 1) {
            const int32_t whole = (int32_t)point[0][MXD_REVERB_WHOLE + k / 2];
            read_moving(ring, capacity, position, length + (uint32_t)whole, &moved, k / 2, mixed.of[k]);
            reads[k] = mixed.of[k];
        }
    }
    turn_in(reads, &turned);
    absorb(shelves, point[0] + MXD_REVERB_GAIN, row->state, num_frames, &turned);
    turn_out(&turned, &mixed);
    mix_lines(&mixed);
    write_outputs(row, &mixed, 0, frame, num_frames);
    for (uint32_t k = 0; k < LINES; k++) {
        _Alignas(ALIGNMENT) real sum[CHUNK];
        memcpy(sum, mixed.of[mxd_reverb_source(k)], sizeof sum);
        for (uint32_t i = 0; i < row->num_inputs; i++)
            for (uint32_t n = 0; n < CHUNK; n++)
                sum[n] += hadamard_entry(i, k) * inputs.of[i][n];
        ring_write(lines + k * (size_t)mxd_reverb_ring(capacity), capacity, position, sum);
    }
    for (uint32_t group = 1; group * LINES < row->num_outputs; group++)
        tap_lines(row, lines, point[0] + MXD_REVERB_GAIN, group, frame, num_frames);
}

void MXD_CPU(mxd_reverb_run)(const cpu_row *row)
{
    shelf shelves[2];
    const real *designed = NULL;
    for (uint32_t frame = 0; frame < row->num_frames; frame += CHUNK) {
        const uint32_t left = row->num_frames - frame;
        const real *point = row->values + (row->moves ? (size_t)(frame / CHUNK) * MXD_REVERB_NUM_VALUES : 0);
        const real *const points[2] = {point, point + (row->moves ? MXD_REVERB_NUM_VALUES : 0)};
        if (!designed || memcmp(designed + MXD_REVERB_LOW, point + MXD_REVERB_LOW,
                                (MXD_REVERB_DIFFUSION - MXD_REVERB_LOW) * sizeof *point) != 0) {
            design_shelf(point[MXD_REVERB_LOW_G], point + MXD_REVERB_LOW, false, &shelves[0]);
            design_shelf(point[MXD_REVERB_HIGH_G], point + MXD_REVERB_HIGH, true, &shelves[1]);
            designed = point;
        }
        run_chunk(row, points, shelves, frame, left < CHUNK ? left : CHUNK);
    }
}
