/* Cases of filter: bells that sweep, shelves that rise, passes at both ends of the band; one lane to eight, one section to sixteen. */
#include "../row_cases.h"

#include "host/effects/eq.h"
#include "shaders/filter.h"

#include <math.h>

#define RATE 48000.0

static uint32_t sections_of(uint32_t row)
{
    static const uint32_t counts[] = {1, 3, 16, 5, 2};
    return counts[row % 5];
}

static void settings(uint32_t row, uint32_t *settings)
{
    settings[MXD_FILTER_SECTIONS] = sections_of(row);
}

/* Section s of a row is a bell, a low shelf or a high-pass, whose frequency, gain and q swing at rates of their own. */
static void fill(uint32_t row, uint32_t num_sections, uint64_t frame, double *values)
{
    for (uint32_t s = 0; s < num_sections; s++) {
        const double t = (double)frame / RATE * (3 + row + s);
        const mxd_eq_type types[] = {MXD_EQ_BELL, MXD_EQ_LOW_SHELF, MXD_EQ_HIGH_PASS};
        const mxd_eq_band band = {.type = types[(row + s) % 3],
                                  .frequency_hz = 40.0 * pow(300.0, 0.5 + 0.5 * sin(9 * t + s)),
                                  .gain_db = 3.0 * cos(40 * t) / (s + 1),
                                  .q = 0.7 * exp2(0.5 * sin(11 * t)),
                                  .slope_db_per_octave = 12};
        mxd_svf sections[MXD_EQ_MAX_BAND_SECTIONS];
        mxd_eq_design_at(&band, mxd_eq_prewarp(band.frequency_hz, RATE), sections);
        mxd_eq_coefficients(sections, values + s * MXD_FILTER_SECTION_VALUES);
    }
}

static void values(uint32_t row, uint64_t frame, double *values)
{
    fill(row, sections_of(row), frame, values);
}

static void settings_of_bench(uint32_t row, uint32_t *settings)
{
    (void)row;
    settings[MXD_FILTER_SECTIONS] = 3;
}

static void values_of_bench(uint32_t row, uint64_t frame, double *values)
{
    fill(row, 3, frame, values);
}

static const row_case test_cases[] = {
    {"one lane", MXD_KERNEL_FILTER, SIGNAL_NOISE, 0, 256, 6007, 5, 1, 1, ROW_CASE_MOVES | ROW_CASE_RESTARTS | ROW_CASE_PAUSES, settings, values, -120, ""},
    {"two lanes, in place", MXD_KERNEL_FILTER, SIGNAL_NOISE, 0, 1024, 9001, 5, 2, 2, ROW_CASE_MOVES | ROW_CASE_IN_PLACE, settings, values, -120, ""},
    {"eight lanes", MXD_KERNEL_FILTER, SIGNAL_BURSTS, 0, 8192, 20011, 5, 8, 8, ROW_CASE_MOVES, settings, values, -120, ""},
    {"at rest", MXD_KERNEL_FILTER, SIGNAL_NOISE, 0, 512, 4099, 5, 3, 3, ROW_CASE_IN_PLACE | ROW_CASE_RESTARTS, settings, values, -120, ""},
    {"short", MXD_KERNEL_FILTER, SIGNAL_NOISE, 0, 256, 129, 5, 1, 1, ROW_CASE_MOVES, settings, values, -120, ""},
    {"one frame", MXD_KERNEL_FILTER, SIGNAL_NOISE, 0, 256, 1, 5, 1, 1, ROW_CASE_MOVES, settings, values, -120, ""},
    {"denormals", MXD_KERNEL_FILTER, SIGNAL_DENORMAL, 0, 256, 2048, 5, 1, 1, ROW_CASE_MOVES, settings, values, -120, ""},
};

static const row_case bench_cases[] = {
    {"64 stereo x 3 sections", MXD_KERNEL_FILTER, SIGNAL_NOISE, 0, 65536, 65536, 64, 2, 2, ROW_CASE_MOVES | ROW_CASE_IN_PLACE, settings_of_bench, values_of_bench, 0, ""},
    {"1 mono x 3 sections", MXD_KERNEL_FILTER, SIGNAL_NOISE, 0, 65536, 65536, 1, 1, 1, ROW_CASE_MOVES | ROW_CASE_IN_PLACE, settings_of_bench, values_of_bench, 0, ""},
};

const row_cases row_cases_of_filter = {
    test_cases, sizeof test_cases / sizeof *test_cases,
    bench_cases, sizeof bench_cases / sizeof *bench_cases,
};
