/* Reading an equaliser's bands. */
#include "eq.h"

#include "../../formats/reader.h"

#include <math.h>

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

bool mxd_eq_read_bands(mxd_reader *reader, const char *key, uint32_t sample_rate, mxd_svf *sections,
                       uint32_t *num_sections)
{
    *num_sections = 0;
    if (!mxd_read_has(reader, key))
        return true;
    mxd_reader *bands = mxd_read_array(reader, key, MXD_REQUIRED);
    if (!bands)
        return false;
    bool good = true;
    const size_t num_bands = mxd_reader_length(bands);
    if (num_bands < 1 || num_bands > MXD_EQ_MAX_BANDS) {
        mxd_reader_fail(bands, NULL, "there are 1 to %d bands in %s, not %zu", MXD_EQ_MAX_BANDS, key,
                        num_bands);
        good = false;
    }
    for (size_t i = 0; good && i < num_bands; i++) {
        mxd_reader *item = mxd_item_object(bands, i);
        mxd_eq_band band = {0};
        if (item && read_band(item, sample_rate, &band))
            *num_sections += mxd_eq_design(&band, sample_rate, sections + *num_sections);
        mxd_reader_close(item);
    }
    mxd_reader_close(bands);
    return good;
}
