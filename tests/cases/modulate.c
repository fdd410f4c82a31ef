/* Cases of modulate: every shape by every law, slow and fast. */
#include "../row_cases.h"

#include "shaders/modulate.h"

#include <math.h>

static void settings_of(uint32_t law, uint32_t row, uint32_t *settings)
{
    settings[MXD_MODULATE_LAW] = law;
    settings[MXD_MODULATE_SHAPE] = row % 4;
}

static void settings_of_gain(uint32_t row, uint32_t *settings)
{
    settings_of(MXD_MODULATE_GAIN, row, settings);
}

static void settings_of_pan(uint32_t row, uint32_t *settings)
{
    settings_of(MXD_MODULATE_PAN, row, settings);
}

static void settings_of_balance(uint32_t row, uint32_t *settings)
{
    settings_of(MXD_MODULATE_BALANCE, row, settings);
}

/* From a cycle in two seconds to 50 a second. */
static void values(uint32_t row, uint64_t frame, double *values)
{
    static const double rates_hz[] = {0.5, 50, 4.7, 6, 7.1};
    const double increment = rates_hz[row % 5] / 48000, cycles = 0.3 + increment * (double)frame;
    const double phase = cycles - floor(cycles), steps = floor(phase * MXD_MODULATE_PHASE_STEPS);
    values[MXD_MODULATE_DEPTH] = 1.0 - 1e-5 * (double)frame;
    values[MXD_MODULATE_PHASE] = steps / MXD_MODULATE_PHASE_STEPS;
    values[MXD_MODULATE_REST] = phase - steps / MXD_MODULATE_PHASE_STEPS;
    values[MXD_MODULATE_INCREMENT] = increment;
    values[MXD_MODULATE_EDGE] = fmin(increment * 96, 0.25);
}

static const row_case test_cases[] = {
    {"gain", MXD_KERNEL_MODULATE, SIGNAL_NOISE, 0, 512, 9011, 8, 3, 3, ROW_CASE_MOVES, settings_of_gain, values, -120, ""},
    {"pan", MXD_KERNEL_MODULATE, SIGNAL_NOISE, 0, 256, 12007, 8, 1, 2, ROW_CASE_MOVES | ROW_CASE_RESTARTS | ROW_CASE_PAUSES, settings_of_pan, values, -120, ""},
    {"balance", MXD_KERNEL_MODULATE, SIGNAL_BURSTS, 0, 8192, 50021, 8, 2, 2, ROW_CASE_MOVES, settings_of_balance, values, -120, ""},
    {"one frame", MXD_KERNEL_MODULATE, SIGNAL_DENORMAL, 0, 256, 1, 4, 1, 2, ROW_CASE_MOVES, settings_of_pan, values, -120, ""},
};

static const row_case bench_cases[] = {
    {"64 tremolos", MXD_KERNEL_MODULATE, SIGNAL_NOISE, 0, 65536, 65536, 64, 1, 1, ROW_CASE_MOVES, settings_of_gain, values, 0, ""},
    {"64 auto-pans", MXD_KERNEL_MODULATE, SIGNAL_NOISE, 0, 65536, 65536, 64, 1, 2, ROW_CASE_MOVES, settings_of_pan, values, 0, ""},
};

const row_cases row_cases_of_modulate = {
    test_cases, sizeof test_cases / sizeof *test_cases,
    bench_cases, sizeof bench_cases / sizeof *bench_cases,
};
