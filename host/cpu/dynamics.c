/*
 * dynamics: a gain from the level of a key (shaders/dynamics.h). Tile by tile:
 * levels, their logarithms, the curve, the detectors, powers, products. All but
 * the detectors runs many frames at once; they run in double, where a release of
 * seconds does not lose its small steps in roundings, and several levels side by
 * side, as each waits for its own frame before.
 */
#include "powers.h"
#include "rows.h"

#include "shaders/dynamics.h"

/* Frames of a tile: its arrays stay in the nearest cache. Where values move, a tile lies between two points. */
#define TILE 512u
/* Levels of which the detectors run side by side. */
#define SIDE_BY_SIDE 4u
/* Room past a tile's end for what is done by registers. */
#define ROOM (TILE + VEC_LANES)

/* A value over a tile: a straight line. */
typedef struct ramp {
    real at, step;
} ramp;

typedef struct tile_values {
    ramp threshold, slope, range, make_up, mix;
    real link, attack, release, knee, rms_mean, close, hold;
} tile_values;

/* A row in a block. */
typedef struct dynamics {
    const cpu_row *row;
    uint32_t mode;
    bool rms;
    const real *const *keys;
    uint32_t num_keys;
    uint32_t num_levels;   /* that run: one where all are linked */
    real *past;            /* of the look-ahead */
} dynamics;

typedef struct tile {
    uint32_t first, count;
    tile_values values;
    real shared[ROOM] __attribute__((aligned(ALIGNMENT)));
    real levels[SIDE_BY_SIDE][ROOM] __attribute__((aligned(ALIGNMENT))); /* then what becomes of them */
} tile;

static ramp ramp_of(const cpu_row *row, uint32_t value, uint32_t frame)
{
    ramp made = {row_held(row, value, frame), 0};
    if (row->moves)
        made.step = (row_held(row, value, frame + MXD_VALUE_GRID) - made.at) * (real)(1.0 / MXD_VALUE_GRID);
    return made;
}

static void take_values(const cpu_row *row, uint32_t frame, tile_values *values)
{
    *values = (tile_values){
        .threshold = ramp_of(row, MXD_DYNAMICS_THRESHOLD, frame),
        .slope = ramp_of(row, MXD_DYNAMICS_SLOPE, frame),
        .range = ramp_of(row, MXD_DYNAMICS_RANGE, frame),
        .make_up = ramp_of(row, MXD_DYNAMICS_MAKE_UP, frame),
        .mix = ramp_of(row, MXD_DYNAMICS_MIX, frame),
        .link = row_held(row, MXD_DYNAMICS_LINK, frame),
        .attack = row_held(row, MXD_DYNAMICS_ATTACK, frame),
        .release = row_held(row, MXD_DYNAMICS_RELEASE, frame),
        .knee = row_held(row, MXD_DYNAMICS_KNEE, frame),
        .rms_mean = row_held(row, MXD_DYNAMICS_RMS_MEAN, frame),
        .close = row_held(row, MXD_DYNAMICS_CLOSE, frame),
        .hold = row_held(row, MXD_DYNAMICS_HOLD, frame),
    };
}

/* ---- Levels -------------------------------------------------------------- */

/* Of the rms. What is not finite, or would not be, must not stay in the mean for ever. */
static inline real square_of(real x)
{
    const real square = x * x;
    return square < MXD_DYNAMICS_MOST_SQUARE ? square : MXD_DYNAMICS_MOST_SQUARE;
}

/* The whole level that all keys share: their maximum, or the mean of their squares. */
static void share_level(const dynamics *d, const tile *t, real *shared)
{
    const uint32_t count = t->count;
    memset(shared, 0, count * sizeof *shared);
    for (uint32_t k = 0; k < d->num_keys; k++) {
        const real *key = d->keys[k] + t->first;
        if (d->rms)
            for (uint32_t i = 0; i < count; i++)
                shared[i] += square_of(key[i]);
        else
            for (uint32_t i = 0; i < count; i++) {
                real magnitude = key[i] < 0 ? -key[i] : key[i];
                shared[i] = magnitude > shared[i] ? magnitude : shared[i];
            }
    }
    const real part = (real)1 / (real)d->num_keys;
    for (uint32_t i = 0; d->rms && i < count; i++)
        shared[i] *= part;
}

/* A channel's own level, moved towards the shared one. */
static void link_level(const dynamics *d, const tile *t, uint32_t channel, real *level)
{
    const real *key = d->keys[channel] + t->first, link = t->values.link;
    for (uint32_t i = 0; i < t->count; i++) {
        real own = d->rms ? square_of(key[i]) : key[i] < 0 ? -key[i] : key[i];
        level[i] = own + link * (t->shared[i] - own);
    }
}

/* ---- Memories: a double each, kept as two words ---------------------------- */

static double recall(const real *words)
{
    return (double)words[0] + (double)words[1];
}

static void keep(real *words, double value)
{
    words[0] = (real)value;
    words[1] = (real)(value - (double)words[0]);
}

static real *memory(const dynamics *d, uint32_t level, uint32_t index)
{
    return d->row->state + MXD_DYNAMICS_FIRST_MEMORY + 2 * (level * MXD_DYNAMICS_MEMORIES + index);
}

/* levels: those from first_level on. */
static inline void take_means(const dynamics *d, const tile *t, uint32_t first_level, uint32_t count_levels,
                              real (*levels)[ROOM])
{
    const double part = (double)t->values.rms_mean, rest = 1.0 - part;
    double mean[SIDE_BY_SIDE];
    for (uint32_t l = 0; l < count_levels; l++)
        mean[l] = recall(memory(d, first_level + l, MXD_DYNAMICS_MEAN));
    for (uint32_t i = 0; i < t->count; i++)
        for (uint32_t l = 0; l < count_levels; l++) {
            mean[l] = rest * mean[l] + part * (double)levels[l][i];
            levels[l][i] = (real)mean[l];
        }
    for (uint32_t l = 0; l < count_levels; l++)
        keep(memory(d, first_level + l, MXD_DYNAMICS_MEAN), mean[l]);
}

static void take_logarithms(const dynamics *d, const tile *t, real *levels)
{
    const double floor = d->mode == MXD_DYNAMICS_TRANSIENT ? MXD_DYNAMICS_TRANSIENT_FLOOR : MXD_DYNAMICS_FLOOR;
    const real least = (real)ldexp(1.0, (int)(d->rms ? 2 * floor : floor));
    for (uint32_t i = 0; i < t->count; i++)
        levels[i] = levels[i] > least ? levels[i] : least;
    for (uint32_t i = t->count; i < t->count + VEC_LANES; i++)
        levels[i] = least;
    log2_many(levels, t->count);
    for (uint32_t i = 0; d->rms && i < t->count; i++)
        levels[i] *= (real)0.5;
}

/* ---- The curve ----------------------------------------------------------- */

static bool works_below(uint32_t mode)
{
    return mode == MXD_DYNAMICS_EXPAND || mode == MXD_DYNAMICS_LIFT;
}

/* From logarithms to the wanted gain, with the sign with which it grows as the level does. */
static inline real curve(const tile_values *v, bool below, real level, real frame)
{
    const real threshold = v->threshold.at + v->threshold.step * frame;
    const real slope = v->slope.at + v->slope.step * frame, range = v->range.at + v->range.step * frame;
    const real knee = v->knee, half = (real)0.5 * knee, bend = knee > 0 ? (real)0.5 / knee : 0;
    const real over = below ? threshold - level : level - threshold;
    real in_knee = over + half;
    in_knee = in_knee > 0 ? in_knee : 0;
    in_knee = in_knee < knee ? in_knee : knee;
    real beyond = over - half;
    beyond = beyond > 0 ? beyond : 0;
    real amount = slope * (in_knee * in_knee * bend + beyond);
    amount = amount < range ? amount : range;
    return below ? -amount : amount;
}

static void take_curve(const tile_values *values, bool below, real *levels, uint32_t count)
{
    const tile_values v = *values; /* nothing that is written can change it */
    if (below)
        for (uint32_t i = 0; i < count; i++)
            levels[i] = curve(&v, true, levels[i], (real)i);
    else
        for (uint32_t i = 0; i < count; i++)
            levels[i] = curve(&v, false, levels[i], (real)i);
}

/* The curve where a latch opens and holds: levels become what is wanted. */
static void run_latch(const dynamics *d, const tile *t, uint32_t level, real *levels)
{
    const tile_values *v = &t->values;
    const bool gate = d->mode == MXD_DYNAMICS_GATE;
    real *const kept_open = memory(d, level, MXD_DYNAMICS_OPEN), *const kept = memory(d, level, MXD_DYNAMICS_REMAINING);
    const real above = gate ? 0 : (real)0.5 * v->knee;
    bool open = *kept_open > 0;
    real remaining = *kept;
    for (uint32_t i = 0; i < t->count; i++) {
        const real opens = v->threshold.at + v->threshold.step * (real)i + above;
        const real closes = gate && v->close < opens ? v->close : opens;
        const real left = remaining > -1 ? remaining - 1 : -1;
        remaining = levels[i] >= closes ? v->hold : left;
        open = levels[i] >= opens || (open && remaining >= 0);
        const real shut = gate ? -(v->range.at + v->range.step * (real)i) : curve(v, true, levels[i], (real)i);
        levels[i] = open ? 0 : shut;
    }
    *kept_open = open;
    *kept = remaining;
}

/* ---- Detectors ----------------------------------------------------------- */

/* From wanted gains to those that follow, with their own sign. */
static inline void follow(const dynamics *d, const tile *t, uint32_t first_level, uint32_t count_levels,
                          real (*levels)[ROOM])
{
    const double release = (double)t->values.release, stay = 1.0 - release;
    const double attack = (double)t->values.attack, rest = 1.0 - attack;
    const double sign = d->mode == MXD_DYNAMICS_COMPRESS || d->mode == MXD_DYNAMICS_LIFT ? -1.0 : 1.0;
    double detected[SIDE_BY_SIDE], smoothed[SIDE_BY_SIDE];
    for (uint32_t l = 0; l < count_levels; l++) {
        detected[l] = recall(memory(d, first_level + l, MXD_DYNAMICS_DETECTED));
        smoothed[l] = recall(memory(d, first_level + l, MXD_DYNAMICS_SMOOTHED));
    }
    const uint32_t pairs = t->count / 2 * 2;
    const double stay_twice = stay * stay, rest_twice = rest * rest;
    /* Two frames a step: the second does not wait for the first. */
    for (uint32_t i = 0; i < pairs; i += 2)
        for (uint32_t l = 0; l < count_levels; l++) {
            const double wanted = (double)levels[l][i], next = (double)levels[l][i + 1];
            const double part = release * wanted, falling = stay * detected[l] + part;
            const double least = stay * wanted + release * next, bound = next > least ? next : least;
            const double falling_twice = stay_twice * detected[l] + (stay * part + release * next);
            const double between = wanted > falling ? wanted : falling;
            detected[l] = bound > falling_twice ? bound : falling_twice;
            levels[l][i] = (real)(sign * (rest * smoothed[l] + attack * between));
            smoothed[l] = rest_twice * smoothed[l] + (rest * attack * between + attack * detected[l]);
            levels[l][i + 1] = (real)(sign * smoothed[l]);
        }
    for (uint32_t i = pairs; i < t->count; i++)
        for (uint32_t l = 0; l < count_levels; l++) {
            const double wanted = (double)levels[l][i], part = release * wanted;
            const double falling = stay * detected[l] + part;
            detected[l] = wanted > falling ? wanted : falling;
            smoothed[l] = rest * smoothed[l] + attack * detected[l];
            levels[l][i] = (real)(sign * smoothed[l]);
        }
    for (uint32_t l = 0; l < count_levels; l++) {
        keep(memory(d, first_level + l, MXD_DYNAMICS_DETECTED), detected[l]);
        keep(memory(d, first_level + l, MXD_DYNAMICS_SMOOTHED), smoothed[l]);
    }
}

static inline double clamp_share(double difference)
{
    const double share = difference * (1.0 / MXD_DYNAMICS_FULL_DIFFERENCE);
    return share < 0 ? 0 : share > 1 ? 1 : share;
}

/* Of one level, in the places of threshold and slope the amounts. */
static void shape_transients(const dynamics *d, const tile *t, uint32_t level, real *levels)
{
    const tile_values *v = &t->values;
    const double fast_attack = (double)v->attack, slow_attack = (double)v->knee;
    const double fast_release = (double)v->release, slow_release = (double)v->rms_mean;
    double y[MXD_DYNAMICS_MEMORIES];
    for (uint32_t m = 0; m < MXD_DYNAMICS_MEMORIES; m++)
        y[m] = recall(memory(d, level, m));
    for (uint32_t i = 0; i < t->count; i++) {
        const double x = (double)levels[i];
        const double fast = y[MXD_DYNAMICS_FAST] + fast_release * (x - y[MXD_DYNAMICS_FAST]);
        const double slow = y[MXD_DYNAMICS_SLOW] + slow_release * (x - y[MXD_DYNAMICS_SLOW]);
        y[MXD_DYNAMICS_FAST] = x > fast ? x : fast;
        y[MXD_DYNAMICS_SLOW] = x > slow ? x : slow;
        y[MXD_DYNAMICS_FAST_ONSET] += fast_attack * (y[MXD_DYNAMICS_FAST] - y[MXD_DYNAMICS_FAST_ONSET]);
        y[MXD_DYNAMICS_SLOW_ONSET] += slow_attack * (y[MXD_DYNAMICS_FAST] - y[MXD_DYNAMICS_SLOW_ONSET]);
        y[MXD_DYNAMICS_SUSTAINED] +=
            fast_attack * (y[MXD_DYNAMICS_SLOW] - y[MXD_DYNAMICS_FAST] - y[MXD_DYNAMICS_SUSTAINED]);
        const double attack_amount = (double)(v->threshold.at + v->threshold.step * (real)i);
        const double sustain_amount = (double)(v->slope.at + v->slope.step * (real)i);
        levels[i] = (real)(attack_amount * clamp_share(y[MXD_DYNAMICS_FAST_ONSET] - y[MXD_DYNAMICS_SLOW_ONSET]) +
                           sustain_amount * clamp_share(y[MXD_DYNAMICS_SUSTAINED]));
    }
    for (uint32_t m = 0; m < MXD_DYNAMICS_MEMORIES; m++)
        keep(memory(d, level, m), y[m]);
}

/* What silence for ever has led to, at the row's first frame. */
static void start(const dynamics *d)
{
    tile_values values;
    take_values(d->row, 0, &values);
    real wanted = (real)MXD_DYNAMICS_FLOOR;
    if (d->mode == MXD_DYNAMICS_GATE)
        wanted = -values.range.at;
    else
        take_curve(&values, works_below(d->mode), &wanted, 1);
    for (uint32_t l = 0; l < d->num_levels; l++) {
        const bool transient = d->mode == MXD_DYNAMICS_TRANSIENT;
        const double silence = transient ? MXD_DYNAMICS_TRANSIENT_FLOOR : (double)wanted;
        keep(memory(d, l, MXD_DYNAMICS_DETECTED), silence);
        keep(memory(d, l, MXD_DYNAMICS_SMOOTHED), silence);
        keep(memory(d, l, MXD_DYNAMICS_MEAN), transient ? silence : 0);
        keep(memory(d, l, MXD_DYNAMICS_SLOW_ONSET), transient ? silence : 0);
        keep(memory(d, l, MXD_DYNAMICS_REMAINING), transient ? 0 : -1);
    }
    d->row->state[MXD_DYNAMICS_STARTED] = 1;
}

/* ---- Gains --------------------------------------------------------------- */

/* From logarithms to mix (2^(gain + make-up) - 1). */
static void take_powers(const tile *t, real *gains)
{
    const ramp make_up = t->values.make_up, mix = t->values.mix;
    for (uint32_t i = 0; i < t->count; i++) {
        real power = gains[i] + (make_up.at + make_up.step * (real)i);
        power = power > -100 ? power : -100;
        gains[i] = power < 100 ? power : 100;
    }
    for (uint32_t i = t->count; i < t->count + VEC_LANES; i++)
        gains[i] = 0;
    exp2_many(gains, t->count);
    for (uint32_t i = 0; i < t->count; i++)
        gains[i] = (mix.at + mix.step * (real)i) * (gains[i] - 1);
}

static void multiply(const real *restrict audio, const real *restrict gains, uint32_t count, bool change,
                     real *restrict output)
{
    if (change)
        for (uint32_t i = 0; i < count; i++)
            output[i] = audio[i] * gains[i];
    else
        for (uint32_t i = 0; i < count; i++)
            output[i] = audio[i] + audio[i] * gains[i];
}

/* One channel's tile: as far as it is earlier than the block, from the past. */
static void apply(const dynamics *d, const tile *t, uint32_t channel, const real *gains)
{
    const cpu_row *row = d->row;
    const uint32_t ahead = row->settings[MXD_DYNAMICS_LOOK_AHEAD];
    const bool change = row->settings[MXD_DYNAMICS_OUTPUT] == MXD_DYNAMICS_CHANGE;
    const real *past = d->past + ((size_t)(row->num_runs & 1) * row->num_outputs + channel) * ahead;
    uint32_t early = ahead > t->first ? ahead - t->first : 0;
    early = early < t->count ? early : t->count;
    real *output = row->outputs[channel] + t->first;
    multiply(past + t->first, gains, early, change, output);
    multiply(row->inputs[channel] + (t->first + early - ahead), gains + early, t->count - early, change,
             output + early);
}

static void keep_past(const dynamics *d)
{
    const cpu_row *row = d->row;
    const uint32_t ahead = row->settings[MXD_DYNAMICS_LOOK_AHEAD], n = row->num_frames;
    const uint32_t fresh = ahead < n ? ahead : n;
    for (uint32_t c = 0; ahead > 0 && c < row->num_outputs; c++) {
        const real *old = d->past + ((size_t)(row->num_runs & 1) * row->num_outputs + c) * ahead;
        real *next = d->past + ((size_t)(~row->num_runs & 1) * row->num_outputs + c) * ahead;
        memcpy(next, old + fresh, (ahead - fresh) * sizeof(real));
        memcpy(next + (ahead - fresh), row->inputs[c] + (n - fresh), fresh * sizeof(real));
    }
}

/* ---- A block ------------------------------------------------------------- */

/* An expander that never holds is its curve alone. */
static bool latches(const dynamics *d, const tile_values *values)
{
    return d->mode == MXD_DYNAMICS_GATE || (d->mode == MXD_DYNAMICS_EXPAND && (d->row->moves || values->hold > 0));
}

static void find_gains(const dynamics *d, tile *t, uint32_t first_level, uint32_t count_levels)
{
    for (uint32_t l = 0; l < count_levels; l++)
        if (d->num_levels == 1)
            share_level(d, t, t->levels[0]);
        else
            link_level(d, t, first_level + l, t->levels[l]);
    if (d->rms && count_levels == SIDE_BY_SIDE)
        take_means(d, t, first_level, SIDE_BY_SIDE, t->levels);
    for (uint32_t l = 0; d->rms && count_levels < SIDE_BY_SIDE && l < count_levels; l++)
        take_means(d, t, first_level + l, 1, &t->levels[l]);
    for (uint32_t l = 0; l < count_levels; l++) {
        take_logarithms(d, t, t->levels[l]);
        if (d->mode == MXD_DYNAMICS_TRANSIENT)
            shape_transients(d, t, first_level + l, t->levels[l]);
        else if (latches(d, &t->values))
            run_latch(d, t, first_level + l, t->levels[l]);
        else
            take_curve(&t->values, works_below(d->mode), t->levels[l], t->count);
    }
    if (d->mode != MXD_DYNAMICS_TRANSIENT) {
        if (count_levels == SIDE_BY_SIDE)
            follow(d, t, first_level, SIDE_BY_SIDE, t->levels);
        else if (count_levels == 2)
            follow(d, t, first_level, 2, t->levels);
        else
            for (uint32_t l = 0; l < count_levels; l++)
                follow(d, t, first_level + l, 1, &t->levels[l]);
    }
    for (uint32_t l = 0; l < count_levels; l++)
        take_powers(t, t->levels[l]);
}

static void run_tile(const dynamics *d, tile *t)
{
    take_values(d->row, t->first, &t->values);
    if (d->num_levels > 1)
        share_level(d, t, t->shared);
    for (uint32_t first = 0; first < d->num_levels; first += SIDE_BY_SIDE) {
        const uint32_t left = d->num_levels - first, count = left < SIDE_BY_SIDE ? left : SIDE_BY_SIDE;
        find_gains(d, t, first, count);
        if (d->num_levels == 1)
            for (uint32_t c = 0; c < d->row->num_outputs; c++)
                apply(d, t, c, t->levels[0]);
        else
            for (uint32_t l = 0; l < count; l++)
                apply(d, t, first + l, t->levels[l]);
    }
}

void MXD_CPU(mxd_dynamics_run)(const cpu_row *row)
{
    dynamics d = {
        .row = row,
        .mode = row->settings[MXD_DYNAMICS_MODE],
        .rms = row->settings[MXD_DYNAMICS_DETECTOR] == MXD_DYNAMICS_RMS,
        .keys = row->num_inputs > row->num_outputs ? row->inputs + row->num_outputs : row->inputs,
    };
    d.num_keys = row->num_inputs > row->num_outputs ? row->num_inputs - row->num_outputs : row->num_outputs;
    const uint32_t most = d.num_keys == row->num_outputs ? row->num_outputs : 1;
    d.past = row->state + MXD_DYNAMICS_FIRST_MEMORY + 2 * MXD_DYNAMICS_MEMORIES * most;
    /* Levels that are all the same for ever are one. */
    d.num_levels = !row->moves && row->values[MXD_DYNAMICS_LINK] == 1 ? 1 : most;
    if (row->state[MXD_DYNAMICS_STARTED] == 0)
        start(&d);
    tile t;
    const uint32_t longest = row->moves ? MXD_VALUE_GRID : TILE;
    for (t.first = 0; t.first < row->num_frames; t.first += longest) {
        t.count = row->num_frames - t.first < longest ? row->num_frames - t.first : longest;
        run_tile(&d, &t);
    }
    keep_past(&d);
}
