/*
 * saturate: a curve, oversampled (shaders/saturate.h). Chunks of frames, each
 * with its margins. The samples between two frames lie in planes of their own, so
 * that all filters run over consecutive frames; plane j holds what comes j / 8 of
 * a frame behind the frame. Each step up fills the planes between those that are
 * there, each step down changes every second one in place.
 */
#include "powers.h"
#include "rows.h"

#include "shaders/saturate.h"

#include <math.h>
#include <string.h>

#define CHUNK 256
/* Filters read beyond a plane's frames at either end, and write up to FIR_FRAMES - 1 beyond the last. */
#define PAD 64
#define MAX_FRAMES (CHUNK + 2 * MXD_SATURATE_LATENCY(3))
#define FIR_FRAMES (4 * VEC_LANES)
#define PLANE (MAX_FRAMES + PAD + 2 * 64)

static const real half_bands[MXD_SATURATE_NUM_HALF_BANDS] = {MXD_SATURATE_HALF_BANDS};
static const real last[MXD_SATURATE_LAST_TAPS + 1] = {MXD_SATURATE_LAST};

typedef struct shaper {
    const cpu_row *row;
    uint32_t curve, stages;
    uint32_t latency;
    real offset;                   /* the curve at the bias, where that stands still */
    const real *history;           /* driven, plain, bias */
    real offsets[PLANE];           /* where it moves: of each frame; as a plane's */
    real planes[8][PLANE] __attribute__((aligned(64)));
    real scratch[PLANE] __attribute__((aligned(64)));
} shaper;

/* A plane's frame 0. */
static real *plane_of(shaper *s, uint32_t plane)
{
    return s->planes[plane] + PAD;
}

/* The plane of sample `sample` of a rate of 2^stage, counted from frame 0. */
static const real *samples_at(shaper *s, uint32_t stage, int32_t sample)
{
    int32_t frame = sample >= 0 ? sample >> stage : -((-sample + (1 << stage) - 1) >> stage);
    uint32_t within = (uint32_t)(sample - frame * (1 << stage));
    return plane_of(s, within << (3 - stage)) + frame;
}

/* ---- Filters ------------------------------------------------------------- */

/* out = scale * (middle + sum of taps * (ahead + behind)), over frames first to end - 1 and some beyond. middle may be out, or NULL. */
static void filter(const real *middle, const real *const *ahead, const real *const *behind, const real *taps,
                   uint32_t num_taps, real scale, uint32_t first, uint32_t end, real *out)
{
    for (uint32_t n = first; n < end; n += FIR_FRAMES) {
        vec sums[4];
        for (uint32_t i = 0; i < 4; i++)
            sums[i] = (vec){0};
        for (uint32_t i = 0; i < 4 && middle; i++)
            sums[i] = *(const loose_vec *)(middle + n + i * VEC_LANES);
        for (uint32_t t = 0; t < num_taps; t++) {
            const real *a = ahead[t] + n, *b = behind[t] + n;
            for (uint32_t i = 0; i < 4; i++)
                sums[i] += taps[t] * (*(const loose_vec *)(a + i * VEC_LANES) +
                                      *(const loose_vec *)(b + i * VEC_LANES));
        }
        for (uint32_t i = 0; i < 4; i++)
            *(loose_vec *)(out + n + i * VEC_LANES) = sums[i] * scale;
    }
}

/* From a rate of 2^stage to twice that. */
static void step_up(shaper *s, uint32_t stage, uint32_t first, uint32_t end)
{
    const uint32_t taps = MXD_SATURATE_TAPS(stage);
    for (int32_t j = 0; j < 1 << stage; j++) {
        const real *ahead[40], *behind[40];
        for (int32_t t = 0; t < (int32_t)taps; t++) {
            ahead[t] = samples_at(s, stage, j + 1 + t);
            behind[t] = samples_at(s, stage, j - t);
        }
        filter(NULL, ahead, behind, half_bands + MXD_SATURATE_FIRST_TAP(stage), taps, 1, first, end,
               plane_of(s, (uint32_t)(2 * j + 1) << (2 - stage)));
    }
}

/* And back. */
static void step_down(shaper *s, uint32_t stage, uint32_t first, uint32_t end)
{
    const uint32_t taps = MXD_SATURATE_TAPS(stage);
    for (int32_t j = 0; j < 1 << stage; j++) {
        const real *ahead[40], *behind[40];
        for (int32_t t = 0; t < (int32_t)taps; t++) {
            ahead[t] = samples_at(s, stage + 1, 2 * j + 2 * t + 1);
            behind[t] = samples_at(s, stage + 1, 2 * j - 2 * t - 1);
        }
        real *plane = plane_of(s, (uint32_t)j << (3 - stage));
        filter(plane, ahead, behind, half_bands + MXD_SATURATE_FIRST_TAP(stage), taps, (real)0.5, first, end, plane);
    }
}

static void last_step_down(shaper *s, uint32_t first, uint32_t end)
{
    const real *ahead[MXD_SATURATE_LAST_TAPS + 1], *behind[MXD_SATURATE_LAST_TAPS + 1];
    for (int32_t t = 1; t <= MXD_SATURATE_LAST_TAPS; t++) {
        ahead[t] = samples_at(s, 1, t);
        behind[t] = samples_at(s, 1, -t);
    }
    /* The middle is the first tap, taken twice, halved. */
    const real taps[1] = {last[0] / 2};
    const real *middle[1] = {plane_of(s, 0)};
    filter(NULL, middle, middle, taps, 1, 1, first, end, s->scratch + PAD);
    filter(s->scratch + PAD, ahead + 1, behind + 1, last + 1, MXD_SATURATE_LAST_TAPS, 1, first, end, s->scratch + PAD);
}

/* ---- Curves -------------------------------------------------------------- */

static inline real clamp(real x, real least, real most)
{
    x = x < most ? x : most;
    return x > least ? x : least;
}

/* In place; scratch has room for a register more. Up to 0.8 a quotient (the continued fraction's), beyond it by powers. */
static void tanh_many(real *x, real *scratch, uint32_t count)
{
#if MXD_REAL_BITS == 32
    for (uint32_t i = 0; i < count; i++) {
        float size = fabsf(x[i]);
        scratch[i] = 2.885390082f * (size < 12.0f ? size : 12.0f); /* 2 / ln 2 */
    }
    exp2_many(scratch, count);
    for (uint32_t i = 0; i < count; i++) {
        float u = x[i], square = u * u;
        float small_over = u * (945.0f + square * (105.0f + square));
        float small_under = 945.0f + square * (420.0f + 15.0f * square);
        float large_over = copysignf(scratch[i] - 1.0f, u), large_under = scratch[i] + 1.0f;
        bool is_small = square < 0.64f;
        x[i] = (is_small ? small_over : large_over) / (is_small ? small_under : large_under);
    }
#else
    (void)scratch;
    for (uint32_t i = 0; i < count; i++)
        x[i] = tanh(x[i]);
#endif
}

/* The clips' polynomial in w, |w| <= 1: linear w + (1 - linear) w^3. */
typedef struct clip {
    real knee;
    real linear;
} clip;

static clip clip_of(uint32_t curve)
{
    return curve == MXD_SATURATE_SOFT_CLIP ? (clip){(real)MXD_SATURATE_SOFT_KNEE, (real)1.5} : (clip){1, 1};
}

static bool has_corners(uint32_t curve)
{
    return curve == MXD_SATURATE_SOFT_CLIP || curve == MXD_SATURATE_HARD_CLIP;
}

/* In place; sample by sample. */
static void bend(uint32_t curve, real *x, real *scratch, uint32_t count)
{
    if (has_corners(curve)) {
        const clip c = clip_of(curve);
        for (uint32_t i = 0; i < count; i++) {
            real w = clamp(x[i] / c.knee, -1, 1);
            x[i] = w * (c.linear + (1 - c.linear) * w * w);
        }
        return;
    }
    if (curve == MXD_SATURATE_TAPE) {
        for (uint32_t i = 0; i < count; i++)
#if MXD_REAL_BITS == 32
            x[i] = x[i] / sqrtf(1.0f + x[i] * x[i]);
#else
            x[i] = x[i] / sqrt(1.0 + x[i] * x[i]);
#endif
        return;
    }
    tanh_many(x, scratch, count);
    for (uint32_t i = 0; i < count && curve == MXD_SATURATE_TUBE; i++)
        x[i] = x[i] / (1 + (real)MXD_SATURATE_TUBE_SKEW * x[i]);
}

/* The line from `from` to `to`, over its length: the clip times what falls from 1 to 0, and times what rises. */
static inline void integrate(clip c, real from, real to, real *falling, real *rising)
{
    real slope = to - from;
    slope = (slope < 0 ? -slope : slope) < (real)1e-20 ? (real)1e-20 : slope;
    const real low = clamp((-1 - from) / slope, 0, 1), high = clamp((1 - from) / slope, 0, 1);
    const real first = low < high ? low : high, end = low < high ? high : low, length = end - first;
    const real before = clamp(from, -1, 1), after = clamp(to, -1, 1);
    real fall = before * first * (1 - first / 2) + after * (1 - end) * (1 - end) / 2;
    real rise = before * first * first / 2 + after * (1 - end) * (1 + end) / 2;
    static const real places[3] = {(real)0.11270166537925831, (real)0.5, (real)0.88729833462074169};
    static const real weights[3] = {(real)(5.0 / 18), (real)(8.0 / 18), (real)(5.0 / 18)};
    for (uint32_t i = 0; i < 3; i++) {
        real at = first + length * places[i], w = from + slope * at;
        real part = weights[i] * length * (w * (c.linear + (1 - c.linear) * w * w));
        fall += part * (1 - at);
        rise += part * at;
    }
    *falling = fall;
    *rising = rise;
}

/* One plane, whose next samples lie in another: its lines' first halves stay in it, the second ones go to rising. */
static void integrate_plane(clip c, real *restrict plane, const real *restrict next, real *restrict rising,
                            uint32_t first, uint32_t end)
{
    for (uint32_t n = first; n < end; n++)
        integrate(c, plane[n] / c.knee, next[n] / c.knee, &plane[n], &rising[n]);
}

/* Frames first to end - 1; reads one more. */
static void clip_planes(shaper *s, uint32_t first, uint32_t end)
{
    const clip c = clip_of(s->curve);
    const uint32_t num_planes = 1u << s->stages, step = 8u >> s->stages;
    real start[PLANE], before[PLANE], rising[PLANE];
    memcpy(start, s->planes[0], sizeof start); /* it is the last plane's next */
    for (uint32_t j = 0; j < num_planes; j++) {
        real *plane = plane_of(s, j * step);
        const real *next = j + 1 < num_planes ? plane_of(s, (j + 1) * step) : start + PAD + 1;
        integrate_plane(c, plane, next, rising + PAD, first - 1, end);
        for (uint32_t n = first; n < end && j > 0; n++)
            plane[n] += before[PAD + n];
        memcpy(before, rising, sizeof before);
    }
    real *plane = plane_of(s, 0);
    for (uint32_t n = first; n < end; n++)
        plane[n] += before[PAD + n - 1];
}

/* From plane j what lies j / 8 of the way from a frame's offset to the next one's. */
static void take_offsets(const shaper *s, uint32_t j, uint32_t first, uint32_t end, real *plane)
{
    const real *offsets = s->offsets + PAD, offset = s->offset, part = (real)j / 8;
    if (!s->row->moves)
        for (uint32_t n = first; n < end; n++)
            plane[n] -= offset;
    else
        for (uint32_t n = first; n < end; n++)
            plane[n] -= offsets[n] + part * (offsets[n + 1] - offsets[n]);
}

static void bend_planes(shaper *s, uint32_t first, uint32_t end)
{
    const uint32_t step = 8u >> s->stages;
    const bool clips = has_corners(s->curve) && s->stages > 0;
    if (clips)
        clip_planes(s, first, end);
    for (uint32_t j = 0; j < 8; j += step) {
        real *plane = plane_of(s, j);
        if (!clips)
            bend(s->curve, plane + first, s->scratch, end - first);
        take_offsets(s, j, first, end, plane);
    }
}

/* ---- A chunk ------------------------------------------------------------- */

/* out[i] = x[i] times a value, from a frame of the block on. */
static void scale(const cpu_row *row, uint32_t value, const real *x, uint32_t frame, uint32_t count, real *out)
{
    for (uint32_t i = 0; i < count;) {
        uint32_t within = (frame + i) % MXD_VALUE_GRID, left = MXD_VALUE_GRID - within;
        uint32_t end = i + (left < count - i ? left : count - i);
        real from = row_value(row, value, frame + i - within);
        real rise = row->moves ? row_held(row, value, frame + i - within + MXD_VALUE_GRID) - from : 0;
        for (uint32_t n = i, at = within; n < end; n++, at++)
            out[n] = x[n] * (from + rise * ((real)at * (real)(1.0 / MXD_VALUE_GRID)));
        i = end;
    }
}

/* count frames, the first of which may be 2 * latency before the block: what is driven, without the bias. */
static void drive(const shaper *s, int32_t frame, uint32_t count, real *out)
{
    uint32_t past = frame < 0 ? (uint32_t)-frame : 0;
    past = past < count ? past : count;
    if (past > 0) /* frame + 2 latency >= 0 */
        memcpy(out, s->history + (2 * s->latency - (uint32_t)-frame), past * sizeof *out);
    if (past < count)
        scale(s->row, MXD_SATURATE_DRIVE, s->row->inputs[0] + (uint32_t)(frame + (int32_t)past),
              (uint32_t)(frame + (int32_t)past), count - past, out + past);
}

/* The same of the bias. */
static void bias(const shaper *s, int32_t frame, uint32_t count, real *out)
{
    uint32_t past = frame < 0 ? (uint32_t)-frame : 0;
    past = past < count ? past : count;
    for (uint32_t i = 0; i < past; i++)
        out[i] = s->row->num_runs > 0 ? s->history[5 * s->latency - (uint32_t)-frame + i]
                                      : row_held(s->row, MXD_SATURATE_BIAS, 0);
    for (uint32_t i = past; i < count; i++)
        out[i] = 1;
    if (past < count)
        scale(s->row, MXD_SATURATE_BIAS, out + past, (uint32_t)(frame + (int32_t)past), count - past, out + past);
}

/* The same of the input itself; from latency frames before the block on. */
static void delay(const shaper *s, int32_t frame, uint32_t count, real *out)
{
    uint32_t past = frame < 0 ? (uint32_t)-frame : 0;
    past = past < count ? past : count;
    if (past > 0)
        memcpy(out, s->history + 2 * s->latency + (s->latency - (uint32_t)-frame), past * sizeof *out);
    if (past < count)
        memcpy(out + past, s->row->inputs[0] + (uint32_t)(frame + (int32_t)past), (count - past) * sizeof *out);
}

/* The curve's part of count frames, late by the latency. */
static const real *saturate(shaper *s, uint32_t frame, uint32_t count)
{
    const uint32_t frames = count + 2 * s->latency;
    real *plane = plane_of(s, 0);
    drive(s, (int32_t)frame - 2 * (int32_t)s->latency, frames, plane);
    if (s->row->moves) {
        real *offsets = s->offsets + PAD;
        bias(s, (int32_t)frame - 2 * (int32_t)s->latency, frames, offsets);
        for (uint32_t n = 0; n < frames; n++)
            plane[n] += offsets[n];
        bend(s->curve, offsets, s->scratch, frames);
        offsets[frames] = offsets[frames - 1];
    } else {
        for (uint32_t n = 0; n < frames; n++)
            plane[n] += s->row->values[MXD_SATURATE_BIAS];
    }
    uint32_t margin = 0;
    for (uint32_t stage = 0; stage < s->stages; stage++) {
        margin += MXD_SATURATE_MARGIN(stage);
        step_up(s, stage, margin, frames - margin);
    }
    margin += s->stages > 0;
    bend_planes(s, margin, frames - margin);
    if (s->stages == 0)
        return plane;
    for (uint32_t stage = s->stages - 1; stage > 0; stage--) {
        margin += MXD_SATURATE_MARGIN(stage);
        step_down(s, stage, margin, frames - margin);
    }
    last_step_down(s, s->latency, s->latency + count);
    return s->scratch + PAD + s->latency;
}

static void run_chunk(shaper *s, uint32_t frame, uint32_t count)
{
    const cpu_row *row = s->row;
    real dry[CHUNK], wet[CHUNK];
    const real *curved = saturate(s, frame, count);
    delay(s, (int32_t)frame - (int32_t)s->latency, count, dry);
    if (row->num_outputs == 2) {
        memcpy(row->outputs[0] + frame, curved, count * sizeof *curved);
        memcpy(row->outputs[1] + frame, dry, count * sizeof *dry);
        return;
    }
    scale(row, MXD_SATURATE_WET, curved, frame, count, wet);
    scale(row, MXD_SATURATE_DRY, dry, frame, count, dry);
    for (uint32_t n = 0; n < count; n++)
        row->outputs[0][frame + n] = wet[n] + dry[n];
}

void MXD_CPU(mxd_saturate_run)(const cpu_row *row)
{
    shaper s = {.row = row, .curve = row->settings[MXD_SATURATE_CURVE], .stages = row->settings[MXD_SATURATE_STAGES]};
    s.latency = MXD_SATURATE_LATENCY(s.stages);
    s.history = row->state + (size_t)(row->num_runs & 1) * MXD_SATURATE_STATE(s.stages);
    real offset[VEC_LANES] = {row->values[MXD_SATURATE_BIAS]}, scratch[VEC_LANES] = {0};
    bend(s.curve, offset, scratch, 1);
    s.offset = offset[0];
    for (uint32_t frame = 0; frame < row->num_frames; frame += CHUNK) {
        uint32_t left = row->num_frames - frame;
        run_chunk(&s, frame, left < CHUNK ? left : CHUNK);
    }
    real *next = row->state + (size_t)(~row->num_runs & 1) * MXD_SATURATE_STATE(s.stages);
    const int32_t end = (int32_t)row->num_frames, latency = (int32_t)s.latency;
    drive(&s, end - 2 * latency, 2 * s.latency, next);
    delay(&s, end - latency, s.latency, next + 2 * s.latency);
    if (row->moves)
        bias(&s, end - 2 * latency, 2 * s.latency, next + 3 * s.latency);
}
