/* Reading an equaliser and its bands. */
#include "dynamics.h"
#include "eq_insert.h"

#include "../../formats/reader.h"

#include <math.h>
#include <stdlib.h>

_Static_assert(MXD_EQ_MAX_BANDS * MXD_EQ_MAX_BAND_SECTIONS <= MXD_EQ_MAX_SECTIONS, "32 of the steepest bands must fit");

static const char *const type_names[MXD_EQ_NUM_TYPES] = {
    [MXD_EQ_HIGH_PASS] = "high-pass", [MXD_EQ_LOW_PASS] = "low-pass",     [MXD_EQ_BELL] = "bell",
    [MXD_EQ_LOW_SHELF] = "low-shelf", [MXD_EQ_HIGH_SHELF] = "high-shelf", [MXD_EQ_NOTCH] = "notch",
    [MXD_EQ_BAND_PASS] = "band-pass", [MXD_EQ_ALL_PASS] = "all-pass",     [MXD_EQ_TILT] = "tilt",
};

static const double least_frequency_hz = 1.0, least_gain_db = -60.0, most_gain_db = 60.0, least_q = 0.025, most_q = 100.0;

/* Just below Nyquist, where tan(pi f / rate) is still a number that float32 coefficients can carry. */
static double highest_frequency_hz(uint32_t sample_rate)
{
    return 0.4999 * sample_rate;
}

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
            good &= mxd_read_number(reader, "q", MXD_OPTIONAL, least_q, most_q, &band->q);
        else {
            mxd_reader_fail(reader, "q", "q is for 12 dB per octave: a %s of %d dB per octave is Butterworth, remove q",
                            name, band->slope_db_per_octave);
            good = false;
        }
    }
    return good;
}

/* q and, where the type has one, gain; false if something was wrong. */
static bool read_shape(mxd_reader *reader, const char *name, bool is_dynamic, mxd_eq_band *band)
{
    bool good = true;
    if (!mxd_eq_has_gain(band->type)) {
        if (mxd_read_has(reader, "gain_db")) {
            mxd_reader_fail(reader, "gain_db", "a %s has no gain: remove gain_db", name);
            good = false;
        }
    } else if (!is_dynamic || mxd_read_has(reader, "gain_db"))
        good = mxd_read_number(reader, "gain_db", MXD_REQUIRED, least_gain_db, most_gain_db, &band->gain_db);
    if (mxd_read_has(reader, "q"))
        good &= mxd_read_number(reader, "q", MXD_OPTIONAL, least_q, most_q, &band->q);
    if (mxd_read_has(reader, "slope_db_per_octave")) {
        mxd_reader_fail(reader, "slope_db_per_octave",
                        "only a high-pass or low-pass has a slope: remove slope_db_per_octave");
        good = false;
    }
    return good;
}

/* Returns whether the band is good. */
static bool read_band(mxd_reader *reader, uint32_t sample_rate, bool is_dynamic, mxd_eq_band *band, bool *enabled)
{
    *enabled = true;
    mxd_read_bool(reader, "enabled", MXD_OPTIONAL, enabled);

    const double highest_hz = highest_frequency_hz(sample_rate);
    bool good = mxd_read_number(reader, "frequency_hz", MXD_REQUIRED, -1e9, 1e9, &band->frequency_hz);
    if (good && !(band->frequency_hz >= least_frequency_hz && band->frequency_hz <= highest_hz)) {
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
    return (is_pass ? read_pass(reader, type_names[type], band)
                    : read_shape(reader, type_names[type], is_dynamic, band)) && good;
}

/* ---- Dynamic bands and scopes -------------------------------------------- */

/* Keys, ranges and defaults of a dynamic band. The range's default is for a gain that falls. */
static const mxd_insert_parameter dynamic_parameters[MXD_EQ_BAND_VALUES - MXD_EQ_NUM_SHAPE_VALUES] = {
    {.key = "threshold_db", .min = -96.0, .max = 24.0},
    {.key = "ratio", .min = 1.0, .max = MXD_DYNAMICS_MAX_RATIO, .initial = 2.0},
    {.key = "attack_ms", .min = 0.01, .max = 1000.0, .initial = 10.0},
    {.key = "release_ms", .min = 0.1, .max = 10000.0, .initial = 100.0},
    {.key = "knee_db", .min = 0.0, .max = 48.0, .initial = 6.0},
    {.key = "range_db", .min = 0.0, .max = 60.0, .initial = 60.0},
};
static const double default_rise_db = 12.0; /* of range_db where the gain rises: no surprises */

static void read_dynamics(mxd_reader *reader, mxd_eq_item *item)
{
    static const char *const directions[] = {"down", "up"};
    int direction = 0;
    if (mxd_read_has(reader, "direction"))
        item->works &= mxd_read_choice(reader, "direction", MXD_OPTIONAL, directions, 2, &direction);
    item->rises = direction == 1;
    for (uint32_t i = 0; i < MXD_EQ_BAND_VALUES - MXD_EQ_NUM_SHAPE_VALUES; i++) {
        const mxd_insert_parameter *parameter = &dynamic_parameters[i];
        double *value = &item->values[MXD_EQ_THRESHOLD + i];
        *value = item->rises && MXD_EQ_THRESHOLD + i == MXD_EQ_RANGE ? default_rise_db : parameter->initial;
        if (!mxd_read_number(reader, parameter->key, MXD_OPTIONAL, parameter->min, parameter->max, value) &&
            mxd_read_has(reader, parameter->key))
            item->works = false;
    }
}

/* Keys that only a dynamic band has; why: ends the sentence. */
static void refuse_dynamics(mxd_reader *reader, const char *why, mxd_eq_item *item)
{
    static const char *const keys[] = {"threshold_db", "ratio", "attack_ms", "release_ms", "knee_db", "range_db",
                                       "direction"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (mxd_read_has(reader, keys[i])) {
            mxd_reader_fail(reader, keys[i], "%s %s", keys[i], why);
            item->works = false;
        }
}

static void read_item(mxd_reader *reader, uint32_t sample_rate, bool is_linear, mxd_eq_item *item)
{
    static const char *const scopes[MXD_EQ_NUM_SCOPES] = {"stereo", "left", "right", "mid", "side"};
    bool enabled = true;
    int scope = MXD_EQ_STEREO;
    item->is_dynamic = mxd_read_has(reader, "threshold_db") && !is_linear;
    item->works = read_band(reader, sample_rate, item->is_dynamic, &item->band, &enabled);
    if (mxd_read_has(reader, "scope"))
        item->works &= mxd_read_choice(reader, "scope", MXD_OPTIONAL, scopes, MXD_EQ_NUM_SCOPES, &scope);
    item->scope = (mxd_eq_scope)scope;
    const mxd_eq_type type = item->band.type;
    if (is_linear) {
        refuse_dynamics(reader, "is for a dynamic band, and a linear-phase equaliser has none: remove it, or phase", item);
        if (item->works && type == MXD_EQ_ALL_PASS) {
            mxd_reader_fail(reader, "type", "an all-pass changes nothing but phase: in linear phase it has no meaning");
            item->works = false;
        }
    } else if (!item->is_dynamic)
        refuse_dynamics(reader, "is for a dynamic band, which begins with threshold_db: give that, or remove this", item);
    else if (item->works && type != MXD_EQ_BELL && type != MXD_EQ_LOW_SHELF && type != MXD_EQ_HIGH_SHELF)
        refuse_dynamics(reader, "is for a dynamic band: a bell, a low-shelf or a high-shelf", item);
    else
        read_dynamics(reader, item);
    item->values[MXD_EQ_FREQUENCY] = item->band.frequency_hz;
    item->values[MXD_EQ_GAIN] = item->band.gain_db;
    item->values[MXD_EQ_Q] = item->band.q;
    item->works &= enabled;
}

/* The array of bands, checked for its length; NULL with a problem. */
static mxd_reader *read_bands(mxd_reader *reader, const char *key)
{
    mxd_reader *bands = mxd_read_array(reader, key, MXD_REQUIRED);
    const size_t num_bands = bands ? mxd_reader_length(bands) : 0;
    if (!bands || (num_bands >= 1 && num_bands <= MXD_EQ_MAX_BANDS))
        return bands;
    mxd_reader_fail(bands, NULL, "there are 1 to %d bands in %s, not %zu", MXD_EQ_MAX_BANDS, key, num_bands);
    mxd_reader_close(bands);
    return NULL;
}

bool mxd_eq_read_bands(mxd_reader *reader, const char *key, uint32_t sample_rate, mxd_svf *sections,
                       uint32_t *num_sections)
{
    *num_sections = 0;
    if (!mxd_read_has(reader, key))
        return true;
    mxd_reader *bands = read_bands(reader, key);
    if (!bands)
        return false;
    const size_t num_bands = mxd_reader_length(bands);
    for (size_t i = 0; i < num_bands; i++) {
        mxd_reader *object = mxd_item_object(bands, i);
        mxd_eq_item item = {0};
        bool enabled = true;
        if (object && read_band(object, sample_rate, false, &item.band, &enabled) && enabled)
            *num_sections += mxd_eq_design(&item.band, sample_rate, sections + *num_sections);
        mxd_reader_close(object);
    }
    mxd_reader_close(bands);
    return true;
}

/* ---- The insert ---------------------------------------------------------- */

/* Ranges of what may move, by key; in linear phase fixed. */
static void list_parameters(mxd_eq_insert *insert, bool is_linear)
{
    mxd_insert_parameter *parameters = insert->parameters;
    parameters[MXD_EQ_FREQUENCY] = (mxd_insert_parameter){
        .key = "frequency_hz", .min = least_frequency_hz, .max = highest_frequency_hz(insert->sample_rate)};
    parameters[MXD_EQ_GAIN] = (mxd_insert_parameter){.key = "gain_db", .min = least_gain_db, .max = most_gain_db};
    parameters[MXD_EQ_Q] = (mxd_insert_parameter){.key = "q", .min = least_q, .max = most_q};
    for (uint32_t i = MXD_EQ_THRESHOLD; i < MXD_EQ_BAND_VALUES; i++)
        parameters[i] = dynamic_parameters[i - MXD_EQ_THRESHOLD];
    for (uint32_t i = 0; i < MXD_EQ_BAND_VALUES; i++)
        parameters[i].is_fixed = is_linear;
}

mxd_eq_insert *mxd_eq_read(mxd_reader *reader, const mxd_effect_context *context, bool *is_linear, uint32_t *fir_length)
{
    static const char *const phases[] = {"minimum", "linear"};
    int phase = 0;
    int64_t length = 0;
    mxd_eq_insert *insert = calloc(1, sizeof *insert);
    if (!insert) {
        mxd_reader_fail(reader, NULL, "memory ran out");
        return NULL;
    }
    insert->sample_rate = context->sample_rate;
    mxd_read_choice(reader, "phase", MXD_OPTIONAL, phases, 2, &phase);
    *is_linear = phase == 1;
    if (!*is_linear && mxd_read_has(reader, "fir_length"))
        mxd_reader_fail(reader, "fir_length", "fir_length is for \"phase\": \"linear\"");
    else if (mxd_read_integer(reader, "fir_length", MXD_OPTIONAL, MXD_EQ_MIN_FIR, MXD_EQ_MAX_FIR, &length) && length % 2 == 0)
        mxd_reader_fail(reader, "fir_length", "fir_length is odd, so that the response has a middle: not %d", (int)length);
    *fir_length = length % 2 ? (uint32_t)length : 0; /* 0: by the bands */
    list_parameters(insert, *is_linear);
    mxd_reader *bands = read_bands(reader, "bands");
    if (!bands)
        return insert;
    insert->num_bands = (uint32_t)mxd_reader_length(bands);
    for (uint32_t i = 0; i < insert->num_bands; i++) {
        mxd_reader *object = mxd_item_object(bands, i);
        mxd_eq_item *item = &insert->bands[i];
        if (object)
            read_item(object, context->sample_rate, *is_linear, item);
        mxd_reader_close(object);
        for (uint32_t v = 0; v < MXD_EQ_BAND_VALUES; v++)
            insert->values[mxd_eq_value_index(i, (mxd_eq_value)v)] = item->values[v];
        if (item->works)
            item->g = mxd_eq_prewarp(item->band.frequency_hz, context->sample_rate);
    }
    mxd_reader_close(bands);
    bool any_dynamic = false;
    for (uint32_t i = 0; i < insert->num_bands; i++)
        any_dynamic |= insert->bands[i].is_dynamic;
    if (!any_dynamic && mxd_read_has(reader, "side_chain"))
        mxd_reader_fail(reader, "side_chain", "side_chain is what dynamic bands listen to, and this eq has none");
    return insert;
}

void mxd_eq_check_moving_hz(mxd_reader *automation, const char *key, double least_hz, double most_hz,
                            double lowest_hz, double highest_hz)
{
    if (!(least_hz >= lowest_hz && most_hz <= highest_hz))
        mxd_reader_fail(automation, "points",
                        "\"%s\" moves from %g to %g, but at this sample rate it must stay from %g to %g", key, least_hz,
                        most_hz, lowest_hz, highest_hz);
}
