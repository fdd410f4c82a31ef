/*
 * The equaliser: up to 32 bands, each one to four second-order sections on every
 * channel. Reading checks each band and designs its sections at once, so that
 * nothing but plain numbers is left for the kernel.
 *
 * Mixes and prewarping after A. Simper, "Solving the continuous SVF equations
 * using trapezoidal integration and equivalent currents" (2013); prototypes of
 * bell and shelves as in R. Bristow-Johnson's "Cookbook formulae for audio
 * equalizer biquad filter coefficients".
 */
#include "eq.h"

#include "../../formats/reader.h"
#include "../graph/builder.h"
#include "effect.h"

#include <math.h>
#include <stdlib.h>

static const double pi = 3.14159265358979323846;

/* ---- Design -------------------------------------------------------------- */

/* Butterworth of order 2 n as n sections: pole angles (2 i + 1) pi / (4 n) from the imaginary axis' normal. */
static uint32_t design_pass(const mxd_eq_band *band, double g, mxd_svf *sections)
{
    const uint32_t num_sections = (uint32_t)band->slope_db_per_octave / 12;
    for (uint32_t i = 0; i < num_sections; i++) {
        const double k = num_sections == 1 ? 1.0 / band->q : 2.0 * cos((2 * i + 1) * pi / (4.0 * num_sections));
        sections[i] = band->type == MXD_EQ_LOW_PASS ? (mxd_svf){g, k, 0.0, 0.0, 1.0}
                                                    : (mxd_svf){g, k, 1.0, -k, -1.0};
    }
    return num_sections;
}

uint32_t mxd_eq_design(const mxd_eq_band *band, double sample_rate, mxd_svf sections[MXD_EQ_MAX_BAND_SECTIONS])
{
    const double g = tan(pi * band->frequency_hz / sample_rate);
    const double a = pow(10.0, band->gain_db / 40.0); /* square root of the gain, as in the cookbook */
    const double k = 1.0 / band->q;
    const bool has_gain = band->type == MXD_EQ_BELL || band->type == MXD_EQ_LOW_SHELF ||
                          band->type == MXD_EQ_HIGH_SHELF || band->type == MXD_EQ_TILT;
    if (has_gain && band->gain_db == 0.0)
        return 0;
    switch (band->type) {
    case MXD_EQ_HIGH_PASS:
    case MXD_EQ_LOW_PASS:
        return design_pass(band, g, sections);
    case MXD_EQ_BELL:
        sections[0] = (mxd_svf){g, k / a, 1.0, k / a * (a * a - 1.0), 0.0};
        return 1;
    case MXD_EQ_LOW_SHELF:
        sections[0] = (mxd_svf){g / sqrt(a), k, 1.0, k * (a - 1.0), a * a - 1.0};
        return 1;
    case MXD_EQ_HIGH_SHELF:
        sections[0] = (mxd_svf){g * sqrt(a), k, a * a, k * (1.0 - a) * a, 1.0 - a * a};
        return 1;
    case MXD_EQ_TILT: /* the high shelf lowered by half its gain */
        sections[0] = (mxd_svf){g * sqrt(a), k, a, k * (1.0 - a), 1.0 / a - a};
        return 1;
    case MXD_EQ_NOTCH:
        sections[0] = (mxd_svf){g, k, 1.0, -k, 0.0};
        return 1;
    case MXD_EQ_BAND_PASS:
        sections[0] = (mxd_svf){g, k, 0.0, k, 0.0};
        return 1;
    case MXD_EQ_ALL_PASS:
        sections[0] = (mxd_svf){g, k, 1.0, -2.0 * k, 0.0};
        return 1;
    case MXD_EQ_NUM_TYPES:
        break;
    }
    return 0;
}

double complex mxd_svf_response(const mxd_svf *section, double frequency_hz, double sample_rate)
{
    const double w = tan(pi * frequency_hz / sample_rate) / section->g; /* p = j w */
    const double m0 = section->m0, m1 = section->m1, m2 = section->m2, k = section->k;
    /* Divided by w^2 above the centre, so that nothing overflows at Nyquist. */
    if (w > 1.0) {
        const double v = 1.0 / w;
        return (-m0 + (m0 + m2) * v * v + (m0 * k + m1) * v * I) / (-1.0 + v * v + k * v * I);
    }
    return (m0 + m2 - m0 * w * w + (m0 * k + m1) * w * I) / (1.0 - w * w + k * w * I);
}

/* -ln of the radius of the section's slowest pole, > 0: p^2 + k p + 1 = 0 with z = (1 + g p) / (1 - g p). */
static double decay_per_frame(const mxd_svf *section)
{
    const double g = section->g, k = section->k;
    if (k < 2.0)
        return -0.5 * log1p(-2.0 * g * k / (1.0 + g * k + g * g));
    const double p = 2.0 / (k + sqrt(k * k - 4.0)); /* the smaller |p|; the other is its inverse */
    double slowest = HUGE_VAL;
    for (int i = 0; i < 2; i++) {
        const double u = i ? g / p : g * p;
        const double decay = u == 1.0 ? HUGE_VAL : -log1p(u < 1.0 ? -2.0 * u / (1.0 + u) : -2.0 / (1.0 + u));
        slowest = fmin(slowest, decay);
    }
    return slowest;
}

uint64_t mxd_svf_tail_frames(const mxd_svf *sections, uint32_t num_sections)
{
    double tail = 0.0;
    for (uint32_t i = 0; i < num_sections; i++) {
        const mxd_svf *s = &sections[i];
        /* What a full-scale sine at resonance (or DC) leaves in the two integrators, as the output sees it. */
        const double level = fabs(s->m1) / s->k + fabs(s->m2) * fmax(1.0, 1.0 / s->k);
        const double nepers = log(fmax(level, 1e-6) * 1e6); /* from there down to -120 dB */
        /* The logarithm: a double pole (q = 0.5) decays as (1 + x) e^-x, with its speed at the start twice x. */
        tail += ceil((nepers + log1p(2.0 * nepers)) / decay_per_frame(s)) + 1.0;
    }
    return tail < 9e18 ? (uint64_t)tail : UINT64_MAX / 2;
}

/* ---- The insert ---------------------------------------------------------- */

typedef struct eq_params {
    mxd_svf sections[MXD_EQ_MAX_SECTIONS];
    uint32_t num_sections;
    uint64_t tail_frames;
} eq_params;

_Static_assert(MXD_EQ_MAX_BANDS * MXD_EQ_MAX_BAND_SECTIONS <= MXD_EQ_MAX_SECTIONS, "32 of the steepest bands must fit");

static const char *const type_names[MXD_EQ_NUM_TYPES] = {
    [MXD_EQ_HIGH_PASS] = "high-pass", [MXD_EQ_LOW_PASS] = "low-pass",     [MXD_EQ_BELL] = "bell",
    [MXD_EQ_LOW_SHELF] = "low-shelf", [MXD_EQ_HIGH_SHELF] = "high-shelf", [MXD_EQ_NOTCH] = "notch",
    [MXD_EQ_BAND_PASS] = "band-pass", [MXD_EQ_ALL_PASS] = "all-pass",     [MXD_EQ_TILT] = "tilt",
};

/* Butterworth for passes and shelves (no overshoot); 1 where q is a width; 0.5 keeps a tilt gentle. */
static double default_q(mxd_eq_type type)
{
    switch (type) {
    case MXD_EQ_HIGH_PASS:
    case MXD_EQ_LOW_PASS:
    case MXD_EQ_LOW_SHELF:
    case MXD_EQ_HIGH_SHELF:
        return sqrt(0.5);
    case MXD_EQ_TILT:
        return 0.5;
    default:
        return 1.0;
    }
}

/* What is to come is refused by name; what never will be is left to the reader's list of unknown keys. */
static void refuse_later_keys(mxd_reader *reader)
{
    static const char *const dynamic[] = {"threshold_db", "ratio", "attack_ms", "release_ms", "knee_db", "range_db"};
    for (size_t i = 0; i < sizeof dynamic / sizeof dynamic[0]; i++)
        mxd_read_refuse(reader, dynamic[i], "a dynamic equaliser band");
    mxd_read_refuse(reader, "scope", "an equaliser band on mid or side alone");
}

/* slope and q of a high-pass or low-pass; false if something was wrong. */
static bool read_pass(mxd_reader *reader, const char *name, mxd_eq_band *band)
{
    bool good = true;
    if (mxd_read_has(reader, "gain_db")) {
        mxd_reader_fail(reader, "gain_db", "a %s has no gain: remove gain_db", name);
        good = false;
    }
    if (mxd_read_has(reader, "slope_db_per_octave")) {
        int64_t slope = 12;
        if (!mxd_read_integer(reader, "slope_db_per_octave", MXD_OPTIONAL, 12, 48, &slope))
            good = false;
        else if (slope != 12 && slope != 24 && slope != 48) {
            mxd_reader_fail(reader, "slope_db_per_octave", "slope_db_per_octave is 12, 24 or 48");
            slope = 12; /* the gentlest, which has all other parameters: no more problems follow */
            good = false;
        }
        band->slope_db_per_octave = (int)slope;
    }
    if (mxd_read_has(reader, "q")) {
        if (band->slope_db_per_octave == 12)
            good &= mxd_read_number(reader, "q", MXD_OPTIONAL, 0.025, 100.0, &band->q);
        else {
            mxd_reader_fail(reader, "q", "q is for 12 dB per octave: a %s of %d dB per octave is Butterworth, remove q",
                            name, band->slope_db_per_octave);
            good = false;
        }
    }
    return good;
}

/* q and, where the type has one, gain; false if something was wrong. */
static bool read_shape(mxd_reader *reader, const char *name, mxd_eq_band *band)
{
    bool good = true;
    if (band->type == MXD_EQ_NOTCH || band->type == MXD_EQ_BAND_PASS || band->type == MXD_EQ_ALL_PASS) {
        if (mxd_read_has(reader, "gain_db")) {
            mxd_reader_fail(reader, "gain_db", "a %s has no gain: remove gain_db", name);
            good = false;
        }
    } else
        good = mxd_read_number(reader, "gain_db", MXD_REQUIRED, -60.0, 60.0, &band->gain_db);
    if (mxd_read_has(reader, "q"))
        good &= mxd_read_number(reader, "q", MXD_OPTIONAL, 0.025, 100.0, &band->q);
    if (mxd_read_has(reader, "slope_db_per_octave")) {
        mxd_reader_fail(reader, "slope_db_per_octave",
                        "only a high-pass or low-pass has a slope: remove slope_db_per_octave");
        good = false;
    }
    return good;
}

/* Returns whether the band is good and enabled. */
static bool read_band(mxd_reader *reader, uint32_t sample_rate, mxd_eq_band *band)
{
    refuse_later_keys(reader);
    bool enabled = true;
    mxd_read_bool(reader, "enabled", MXD_OPTIONAL, &enabled);

    /* The top: just below Nyquist, where tan(pi f / rate) is still a number that float32 coefficients can carry. */
    const double highest_hz = 0.4999 * sample_rate;
    bool good = mxd_read_number(reader, "frequency_hz", MXD_REQUIRED, -1e9, 1e9, &band->frequency_hz);
    if (good && !(band->frequency_hz >= 1.0 && band->frequency_hz <= highest_hz)) {
        mxd_reader_fail(reader, "frequency_hz",
                        "\"frequency_hz\" is %g, but must be from 1 to %.9g at a sample rate of %u Hz",
                        band->frequency_hz, highest_hz, (unsigned)sample_rate);
        good = false;
    }

    int type = 0;
    if (!mxd_read_choice(reader, "type", MXD_REQUIRED, type_names, MXD_EQ_NUM_TYPES, &type)) {
        /* Asked for, so that the keys are not called unknown on top of that. */
        mxd_read_has(reader, "gain_db");
        mxd_read_has(reader, "q");
        mxd_read_has(reader, "slope_db_per_octave");
        return false;
    }
    band->type = (mxd_eq_type)type;
    band->q = default_q(band->type);
    band->slope_db_per_octave = 12;
    const bool is_pass = band->type == MXD_EQ_HIGH_PASS || band->type == MXD_EQ_LOW_PASS;
    good &= is_pass ? read_pass(reader, type_names[type], band) : read_shape(reader, type_names[type], band);
    return good && enabled;
}

static void *eq_read(mxd_reader *reader, const mxd_effect_context *context)
{
    eq_params *params = calloc(1, sizeof *params);
    if (!params) {
        mxd_reader_fail(reader, NULL, "memory ran out");
        return NULL;
    }
    mxd_read_refuse(reader, "linear_phase", "a linear-phase equaliser");
    mxd_reader *bands = mxd_read_array(reader, "bands", MXD_REQUIRED);
    if (!bands)
        return params;
    const size_t num_bands = mxd_reader_length(bands);
    if (num_bands < 1 || num_bands > MXD_EQ_MAX_BANDS)
        mxd_reader_fail(bands, NULL, "an eq has 1 to %d bands, this one has %zu", MXD_EQ_MAX_BANDS, num_bands);
    else
        for (size_t i = 0; i < num_bands; i++) {
            mxd_reader *item = mxd_item_object(bands, i);
            mxd_eq_band band = {0};
            if (item && read_band(item, context->sample_rate, &band))
                params->num_sections +=
                    mxd_eq_design(&band, context->sample_rate, params->sections + params->num_sections);
            mxd_reader_close(item);
        }
    mxd_reader_close(bands);
    params->tail_frames = mxd_svf_tail_frames(params->sections, params->num_sections);
    return params;
}

static uint32_t eq_num_outputs(const void *params, uint32_t num_inputs, const mxd_place *place, mxd_problems *problems)
{
    (void)params;
    (void)place;
    (void)problems;
    return num_inputs;
}

static uint64_t eq_tail_frames(const void *params, uint32_t num_inputs)
{
    (void)num_inputs;
    return ((const eq_params *)params)->tail_frames;
}

static mxd_result eq_emit(const void *opaque, mxd_graph_builder *builder, uint32_t *lanes, uint32_t num_inputs)
{
    const eq_params *params = opaque;
    mxd_result result = MXD_OK;
    if (params->num_sections == 0)
        return result;
    for (uint32_t i = 0; i < num_inputs && result == MXD_OK; i++)
        result = mxd_builder_eq(builder, lanes[i], params->sections, params->num_sections);
    return result;
}

const mxd_effect mxd_effect_eq = {
    .type = "eq",
    .read = eq_read,
    .destroy = free,
    .num_outputs = eq_num_outputs,
    .tail_frames = eq_tail_frames,
    .emit = eq_emit,
};
