/*
 * reverb: a feedback delay network (shaders/reverb.h) between a predelay and the
 * wet and dry levels. Any number of channels enters, any number leaves, all wet
 * ones different.
 */
#include "reverb.h"

#include "../../formats/reader.h"
#include "../graph/builder.h"
#include "../graph/envelope.h"
#include "../scene/layout.h"
#include "effect.h"
#include "shaders/shift.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double pi = 3.14159265358979323846;

/* ---- Design -------------------------------------------------------------- */

static uint32_t common_divisor(uint32_t a, uint32_t b)
{
    while (b) {
        const uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static bool is_prime_to(const uint32_t *lengths, uint32_t count, uint32_t length)
{
    for (uint32_t i = 0; i < count; i++)
        if (common_divisor(lengths[i], length) != 1)
            return false;
    return true;
}

static uint32_t ring_for(uint32_t frames)
{
    uint32_t capacity = 256;
    while (capacity < frames + 4 * MXD_REVERB_CHUNK)
        capacity *= 2;
    return capacity;
}

#define MAX_MODULATION_MS 1.0

bool mxd_reverb_lengths(double size, uint32_t sample_rate, uint32_t settings[MXD_REVERB_NUM_SETTINGS])
{
    /* In ms at size 1: a hall's mean free path of 16 m is 47 ms; in steps of one ratio, they share no common period. */
    const double shortest = 24.0, longest = 80.0;
    /* J. Dattorro's four, "Effect design, part 1", JAES 45(9), 1997, table 1: 142, 107, 379, 277 frames at 29761 Hz. */
    static const double diffusers_ms[MXD_REVERB_DIFFUSERS] = {4.771, 3.595, 12.735, 9.307};
    uint32_t *lengths = settings + MXD_REVERB_LENGTH;
    const uint32_t max_offset = (uint32_t)ceil(MAX_MODULATION_MS * 1e-3 * sample_rate) + 1;
    for (uint32_t k = 0; k < MXD_REVERB_LINES; k++) {
        const double ms = size * shortest * pow(longest / shortest, k / (MXD_REVERB_LINES - 1.0));
        lengths[k] = (uint32_t)lround(ms * 1e-3 * sample_rate);
        while (!is_prime_to(lengths, k, lengths[k]))
            lengths[k]++;
    }
    settings[MXD_REVERB_MAX_OFFSET] = max_offset;
    settings[MXD_REVERB_LINE_CAPACITY] = ring_for(lengths[MXD_REVERB_LINES - 1] + max_offset);
    uint32_t most = 0;
    for (uint32_t d = 0; d < MXD_REVERB_DIFFUSERS; d++) {
        /* Not all with a factor in common where they are as short as the kernel allows. */
        const uint32_t frames = (uint32_t)lround(size * diffusers_ms[d] * 1e-3 * sample_rate), least = 37 + 6 * d;
        settings[MXD_REVERB_DIFFUSER + d] = frames > least ? frames : least;
        most = settings[MXD_REVERB_DIFFUSER + d] > most ? settings[MXD_REVERB_DIFFUSER + d] : most;
    }
    settings[MXD_REVERB_DIFFUSER_CAPACITY] = ring_for(most + most / 3);
    return lengths[0] > MXD_REVERB_CHUNK + MXD_REVERB_TAPS / 2 + 1 + max_offset;
}

void mxd_reverb_absorption(const uint32_t *settings, const mxd_reverb_decay *decay, uint32_t sample_rate,
                           double values[MXD_REVERB_DIFFUSION])
{
    /* ln of the amplitude that a frame keeps: 60 dB in the decay time (Jot & Chaigne 1991). */
    const double middle = -log(1000.0) / (decay->decay_s * sample_rate);
    const double low = middle / decay->low_decay - middle, high = middle / decay->high_decay - middle;
    for (uint32_t k = 0; k < MXD_REVERB_LINES; k++) {
        const double frames = settings[MXD_REVERB_LENGTH + k];
        values[MXD_REVERB_GAIN + k] = exp(middle * frames);
        values[MXD_REVERB_LOW + k] = exp(low * frames / 4.0);
        values[MXD_REVERB_HIGH + k] = exp(high * frames / 4.0);
    }
    values[MXD_REVERB_LOW_G] = tan(pi * decay->low_hz / sample_rate);
    values[MXD_REVERB_HIGH_G] = tan(pi * decay->high_hz / sample_rate);
}

void mxd_reverb_movement(double depth, double cycles, double values[MXD_REVERB_NUM_VALUES])
{
    /* cos(2 pi m / 8): the lines' share of one oscillator. */
    static const double cosines[8] = {1.0, 0.70710678118654752, 0.0, -0.70710678118654752,
                                      -1.0, -0.70710678118654752, 0.0, 0.70710678118654752};
    const double sine = depth * sin(2.0 * pi * cycles), cosine = depth * cos(2.0 * pi * cycles);
    for (uint32_t m = 0; m < 8; m++) {
        const double frames = sine * cosines[m] + cosine * cosines[(m + 6) % 8], whole = floor(frames);
        values[MXD_REVERB_WHOLE + m] = whole;
        values[MXD_REVERB_PART + m] = frames - whole;
    }
}

double mxd_reverb_decay_at(const mxd_reverb_decay *decay, double frequency_hz)
{
    const double low = 1.0 / (1.0 + pow(frequency_hz / decay->low_hz, 4.0));
    const double high = 1.0 / (1.0 + pow(decay->high_hz / frequency_hz, 4.0));
    return decay->decay_s / (1.0 + (1.0 / decay->low_decay - 1.0) * low + (1.0 / decay->high_decay - 1.0) * high);
}

/* |shelf|^2 at w = tan(pi f / rate), from r and the section's g. */
static double shelf_power(double w, double g, double r, bool high)
{
    const double a = r * r, k2 = 2.0, v = w / (high ? g * r : g / r), v2 = v * v;
    /* (m0 p^2 + (m0 k + m1) p + m0 + m2) / (p^2 + k p + 1), p = j v, with the mix of shaders/reverb.h */
    const double real_part = high ? 1.0 - a * a * v2 : a * a - v2;
    return (real_part * real_part + k2 * a * a * v2) / ((1.0 - v2) * (1.0 - v2) + k2 * v2);
}

/* What a line that moves keeps of a tone's power, as a mean over all fractions of a frame; omega in radians a frame. */
static double interpolated_power(double omega)
{
    enum { PARTS = 8, FIRST = 1 - MXD_REVERB_TAPS / 2, LAST = MXD_REVERB_TAPS / 2 };
    double power = 0.0;
    for (int part = 0; part < PARTS; part++) {
        const double frames = (part + 0.5) / PARTS;
        double real_part = 0.0, imaginary_part = 0.0;
        for (int node = FIRST; node <= LAST; node++) {
            double weight = 1.0;
            for (int other = FIRST; other <= LAST; other++)
                if (other != node)
                    weight *= (frames - other) / (node - other);
            real_part += weight * cos(omega * node);
            imaginary_part += weight * sin(omega * node);
        }
        power += (real_part * real_part + imaginary_part * imaginary_part) / PARTS;
    }
    return power;
}

double mxd_reverb_energy(const double *values, uint32_t num_outputs, bool moves)
{
    enum { POINTS = 512 };
    double energy = 0.0;
    for (uint32_t i = 0; i < POINTS; i++) {
        const double omega = pi * (i + 0.5) / POINTS, w = tan(0.5 * omega);
        const double moved = moves ? interpolated_power(omega) : 1.0;
        double of_groups[4] = {0}; /* each group of 16 outputs: before all further trips */
        for (uint32_t k = 0; k < MXD_REVERB_LINES; k++) {
            const double gain = values[MXD_REVERB_GAIN + k];
            of_groups[0] += gain * gain * shelf_power(w, values[MXD_REVERB_LOW_G], values[MXD_REVERB_LOW + k], false) *
                            shelf_power(w, values[MXD_REVERB_HIGH_G], values[MXD_REVERB_HIGH + k], true) *
                            (k % 2 ? moved : 1.0) / MXD_REVERB_LINES;
            of_groups[1] += gain / MXD_REVERB_LINES;
            of_groups[2] += sqrt(gain) / MXD_REVERB_LINES;
            of_groups[3] += gain * sqrt(gain) / MXD_REVERB_LINES;
        }
        for (uint32_t o = 0; o < num_outputs; o++)
            energy += of_groups[o / MXD_REVERB_LINES] / (1.0 - of_groups[0]) / MXD_REVERB_LINES / POINTS;
    }
    return energy;
}

/* ---- The insert ---------------------------------------------------------- */

enum {
    DECAY_S, LOW_DECAY, LOW_HZ, HIGH_DECAY, HIGH_HZ, DIFFUSION, MODULATION_MS, MODULATION_HZ, WET_DB, DRY_DB,
    SIZE, PREDELAY_MS, NUM_VALUES
};

static const mxd_insert_parameter parameters[NUM_VALUES] = {
    [DECAY_S] = {"decay_s", 0.1, 60.0, 2.0, false, false},
    [LOW_DECAY] = {"low_decay", 0.1, 4.0, 1.0, false, false},
    [LOW_HZ] = {"low_hz", 20.0, 2000.0, 250.0, false, false},
    [HIGH_DECAY] = {"high_decay", 0.05, 1.0, 0.5, false, false},
    [HIGH_HZ] = {"high_hz", 500.0, 20000.0, 4000.0, false, false},
    [DIFFUSION] = {"diffusion", 0.0, 1.0, 0.8, false, false},
    [MODULATION_MS] = {"modulation_ms", 0.0, MAX_MODULATION_MS, 0.2, false, false},
    [MODULATION_HZ] = {"modulation_hz", 0.01, 5.0, 0.5, false, false},
    [WET_DB] = {"wet_db", -144.0, 60.0, 0.0, true, false},
    [DRY_DB] = {"dry_db", -144.0, 60.0, -HUGE_VAL, true, false},
    [SIZE] = {"size", 0.25, 4.0, 1.0, false, true},
    [PREDELAY_MS] = {"predelay_ms", 0.0, 1000.0, 0.0, false, true},
};

/* The all-passes' coefficient at diffusion 1: Dattorro's first two have 0.75. More rings. */
#define MAX_COEFFICIENT 0.75

typedef struct reverb_params {
    double values[NUM_VALUES];
    uint32_t sample_rate;
    uint32_t num_outputs;      /* 0: as many as enter */
    const mxd_layout *layout;  /* what the outputs are, or NULL */
    uint32_t settings[MXD_REVERB_NUM_SETTINGS];
    double absorption[MXD_REVERB_DIFFUSION]; /* at rest */
    double most_decay_s, most_low_decay; /* where they move */
} reverb_params;

static mxd_reverb_decay decay_of(const reverb_params *params, const double *values)
{
    return (mxd_reverb_decay){.decay_s = values[DECAY_S],
                              .low_decay = values[LOW_DECAY],
                              .low_hz = fmin(values[LOW_HZ], 0.45 * params->sample_rate),
                              .high_decay = values[HIGH_DECAY],
                              .high_hz = fmin(values[HIGH_HZ], 0.45 * params->sample_rate)};
}

static void *reverb_read(mxd_reader *reader, const mxd_effect_context *context)
{
    reverb_params *params = calloc(1, sizeof *params);
    if (!params) {
        mxd_reader_fail(reader, NULL, "memory ran out");
        return NULL;
    }
    params->sample_rate = context->sample_rate;
    const char *layout = NULL;
    int64_t outputs = 0;
    const bool has_layout = mxd_read_name(reader, "layout", MXD_OPTIONAL, &layout);
    if (has_layout && !(params->layout = mxd_layout_find(layout)))
        mxd_reader_fail(reader, "layout", "there is no layout \"%.80s\"; \"outputs\" takes any number of channels",
                        layout);
    if (mxd_read_integer(reader, "outputs", MXD_OPTIONAL, 1, MXD_MAX_CHANNELS, &outputs) && has_layout)
        mxd_reader_fail(reader, "layout",
                        "outputs says how many channels leave, and so does the layout: remove one of them");
    params->num_outputs = params->layout ? params->layout->num_channels : (uint32_t)outputs;
    return params;
}

static void reverb_finish(void *opaque, mxd_reader *reader, const mxd_effect_context *context)
{
    reverb_params *params = opaque;
    const double *values = params->values, highest_hz = 0.45 * context->sample_rate;
    if (mxd_read_has(reader, "high_hz") && values[HIGH_HZ] > highest_hz)
        mxd_reader_fail(reader, "high_hz", "\"high_hz\" is %g, but must be at most %g at a sample rate of %u Hz",
                        values[HIGH_HZ], highest_hz, (unsigned)context->sample_rate);
    else if (values[LOW_HZ] >= fmin(values[HIGH_HZ], highest_hz))
        mxd_reader_fail(reader, mxd_read_has(reader, "low_hz") ? "low_hz" : "high_hz",
                        "low_hz (%g) must lie below high_hz (%g)", values[LOW_HZ], fmin(values[HIGH_HZ], highest_hz));
    if (values[WET_DB] == -HUGE_VAL && values[DRY_DB] == -HUGE_VAL && !mxd_read_has(reader, "automation"))
        mxd_reader_fail(reader, NULL,
                        "a reverb with neither wet nor dry signal is silent: give wet_db or dry_db a level");
    if (!mxd_reverb_lengths(values[SIZE], context->sample_rate, params->settings))
        mxd_reader_fail(reader, "size", "a size of %g is too small at a sample rate of %u Hz: the shortest line would "
                                        "have %u frames", values[SIZE], (unsigned)context->sample_rate,
                        (unsigned)params->settings[MXD_REVERB_LENGTH]);
    const mxd_reverb_decay decay = decay_of(params, values);
    mxd_reverb_absorption(params->settings, &decay, context->sample_rate, params->absorption);
}

static void reverb_automated(void *opaque, mxd_reader *automation, uint32_t value, double min, double max)
{
    (void)automation;
    (void)min;
    reverb_params *params = opaque;
    if (value == DECAY_S)
        params->most_decay_s = max;
    if (value == LOW_DECAY)
        params->most_low_decay = max;
}

/* Channels that a layout has for low-frequency effects get nothing of it. */
static bool is_wet(const reverb_params *params, uint32_t output)
{
    return !params->layout || !params->layout->speakers[output].lfe;
}

static uint32_t width_of(const reverb_params *params, uint32_t num_inputs)
{
    return params->num_outputs ? params->num_outputs : num_inputs;
}

static uint32_t reverb_num_outputs(const void *params, uint32_t num_inputs, const mxd_place *place,
                                   mxd_problems *problems)
{
    (void)place;
    (void)problems;
    return width_of(params, num_inputs);
}

static uint32_t predelay_frames(const reverb_params *params)
{
    return (uint32_t)lround(params->values[PREDELAY_MS] * 1e-3 * params->sample_rate);
}

/* Seconds in which the all-passes fall by 120 dB, one after the other: each by its coefficient in its length. */
static double diffusers_ring_s(const reverb_params *params)
{
    uint32_t frames = 0;
    for (uint32_t d = 0; d < MXD_REVERB_DIFFUSERS; d++)
        frames += params->settings[MXD_REVERB_DIFFUSER + d];
    return log(1e-6) / log(MAX_COEFFICIENT) * frames * (4.0 / 3.0) / params->sample_rate;
}

static uint64_t reverb_tail_frames(const void *opaque, uint32_t num_inputs)
{
    (void)num_inputs;
    const reverb_params *params = opaque;
    const double longest_s = fmax(params->values[DECAY_S], params->most_decay_s) *
                             fmax(1.0, fmax(params->values[LOW_DECAY], params->most_low_decay));
    const double ring_s = 2.0 * longest_s + diffusers_ring_s(params);
    return predelay_frames(params) + params->settings[MXD_REVERB_LENGTH + MXD_REVERB_LINES - 1] +
           (uint64_t)ceil(ring_s * params->sample_rate);
}

static double rate_hz(const void *params, const double *values)
{
    (void)params;
    return values[MODULATION_HZ];
}

static void map_values(const void *opaque, const double *values, uint32_t index, const mxd_moment *moment,
                       double *row_values)
{
    (void)index;
    const reverb_params *params = opaque;
    if (memcmp(values + DECAY_S, params->values + DECAY_S, (HIGH_HZ - DECAY_S + 1) * sizeof *values) == 0)
        memcpy(row_values, params->absorption, sizeof params->absorption);
    else {
        const mxd_reverb_decay decay = decay_of(params, values);
        mxd_reverb_absorption(params->settings, &decay, params->sample_rate, row_values);
    }
    row_values[MXD_REVERB_DIFFUSION] = MAX_COEFFICIENT * values[DIFFUSION];
    mxd_reverb_movement(values[MODULATION_MS] * 1e-3 * params->sample_rate, moment->cycles, row_values);
}

static double wet_gain(const void *params, const double *values, uint32_t index)
{
    (void)params;
    (void)index;
    return mxd_gain_of_db(values[WET_DB]);
}

static double dry_gain(const void *params, const double *values, uint32_t index)
{
    (void)params;
    (void)index;
    return mxd_gain_of_db(values[DRY_DB]);
}

static mxd_result emit_predelay(const reverb_params *params, mxd_graph_builder *builder, uint32_t *lanes,
                                uint32_t num_lanes)
{
    const uint32_t settings[MXD_SHIFT_NUM_SETTINGS] = {[MXD_SHIFT_FRAMES] = predelay_frames(params)};
    uint32_t delayed[MXD_MAX_CHANNELS];
    if (settings[MXD_SHIFT_FRAMES] == 0)
        return MXD_OK;
    for (uint32_t i = 0; i < num_lanes; i++)
        if ((delayed[i] = mxd_builder_lane(builder)) == UINT32_MAX)
            return MXD_ERROR_MEMORY;
    const mxd_builder_row row = {.kernel = MXD_KERNEL_SHIFT, .inputs = lanes, .num_inputs = num_lanes,
                                 .outputs = delayed, .num_outputs = num_lanes, .settings = settings};
    const mxd_result result = mxd_builder_row_add(builder, &row);
    memcpy(lanes, delayed, num_lanes * sizeof *lanes);
    return result;
}

/* The wet signal in fresh lanes wet[0..num_wet). */
static mxd_result emit_wet(const reverb_params *params, mxd_graph_builder *builder, const uint32_t *inputs,
                           uint32_t num_inputs, uint32_t *wet, uint32_t num_wet)
{
    uint32_t lanes[MXD_MAX_CHANNELS];
    memcpy(lanes, inputs, num_inputs * sizeof *lanes);
    mxd_result result = emit_predelay(params, builder, lanes, num_inputs);
    for (uint32_t i = 0; i < num_wet && result == MXD_OK; i++)
        if ((wet[i] = mxd_builder_lane(builder)) == UINT32_MAX)
            result = MXD_ERROR_MEMORY;
    const mxd_builder_row row = {
        .kernel = MXD_KERNEL_REVERB,
        .inputs = lanes,
        .num_inputs = num_inputs,
        .outputs = wet,
        .num_outputs = num_wet,
        .settings = params->settings,
        .map = map_values,
        .moves = params->values[MODULATION_MS] > 0.0,
        .rate_hz = rate_hz,
    };
    return result == MXD_OK ? mxd_builder_row_add(builder, &row) : result;
}

static mxd_result reverb_emit(const void *opaque, mxd_graph_builder *builder, uint32_t *lanes, uint32_t num_inputs)
{
    const reverb_params *params = opaque;
    const uint32_t num_outputs = width_of(params, num_inputs);
    uint32_t wet[MXD_MAX_CHANNELS], outputs[MXD_MAX_CHANNELS], num_wet = 0;
    for (uint32_t o = 0; o < num_outputs; o++)
        num_wet += is_wet(params, o);
    mxd_result result = emit_wet(params, builder, lanes, num_inputs, wet, num_wet);
    const bool moves = params->values[MODULATION_MS] > 0.0;
    /* Unit energy over all paths, as the convolver's. */
    const double level = 1.0 / sqrt(num_inputs * mxd_reverb_energy(params->absorption, num_wet, moves));
    for (uint32_t o = 0, next = 0; o < num_outputs && result == MXD_OK; o++) {
        mxd_builder_edge edges[2];
        uint32_t num_edges = 0;
        if (is_wet(params, o))
            edges[num_edges++] = (mxd_builder_edge){.input_lane = wet[next++], .gain = level, .map = wet_gain};
        if (num_inputs == 1 ? is_wet(params, o) : o < num_inputs)
            edges[num_edges++] = (mxd_builder_edge){
                .input_lane = lanes[num_inputs == 1 ? 0 : o], .gain = 1.0, .map = dry_gain};
        if (num_edges == 0) /* silence */
            edges[num_edges++] = (mxd_builder_edge){.input_lane = lanes[0]};
        outputs[o] = mxd_builder_lane(builder);
        result = outputs[o] == UINT32_MAX ? MXD_ERROR_MEMORY
                                          : mxd_builder_mix(builder, outputs[o], edges, num_edges);
    }
    memcpy(lanes, outputs, num_outputs * sizeof *lanes);
    return result;
}

const mxd_effect mxd_effect_reverb = {
    .type = "reverb",
    .parameters = parameters,
    .num_parameters = NUM_VALUES,
    .num_values = NUM_VALUES,
    .read = reverb_read,
    .finish = reverb_finish,
    .automated = reverb_automated,
    .destroy = free,
    .num_outputs = reverb_num_outputs,
    .tail_frames = reverb_tail_frames,
    .emit = reverb_emit,
};
