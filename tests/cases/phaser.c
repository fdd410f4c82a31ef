/* Cases of phaser: with and without feedback, at rest and sweeping, from one stage to 24, two channels and five. */
#include "../row_cases.h"

#include "shaders/phaser.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

static void settings(uint32_t row, uint32_t *settings)
{
    static const uint32_t stages[] = {1, 2, 6, 24};
    settings[MXD_PHASER_STAGES] = stages[row % 4];
    settings[MXD_PHASER_LOOP] = row / 4 % 2;
}

static void put(uint32_t row, uint32_t channels, uint64_t frame, double *values)
{
    values[MXD_PHASER_FEEDBACK] = row / 4 % 2 ? row % 2 ? 0.9 : -0.7 : 0;
    values[MXD_PHASER_DRY] = 0.5;
    values[MXD_PHASER_WET] = 0.5;
    for (uint32_t c = 0; c < channels; c++) {
        const double hz = 800 * exp2(1.5 * sin(2 * pi * 0.7 * (double)frame / 48000 + c));
        const double g = tan(pi * hz / 48000);
        values[MXD_PHASER_FIRST_G + c] = g / (1 + g);
    }
}

static void values_of_two(uint32_t row, uint64_t frame, double *values)
{
    put(row, 2, frame, values);
}

static void values_of_five(uint32_t row, uint64_t frame, double *values)
{
    put(row, 5, frame, values);
}

static void settings_of_six(uint32_t row, uint32_t *to)
{
    (void)row;
    to[MXD_PHASER_STAGES] = 6;
    to[MXD_PHASER_LOOP] = 0;
}

static void settings_of_loop(uint32_t row, uint32_t *to)
{
    settings_of_six(row, to);
    to[MXD_PHASER_LOOP] = 1;
}

static void values_of_loop(uint32_t row, uint64_t frame, double *values)
{
    (void)row;
    put(5, 2, frame, values);
}

#define STOPS (ROW_CASE_RESTARTS | ROW_CASE_PAUSES)
#define STAGES "24 stages round as often, and a loop of 0.9 makes ten times as much of it"

static const row_case test_cases[] = {
    {"at rest", MXD_KERNEL_PHASER, SIGNAL_NOISE, 0, 512, 6007, 8, 5, 5, STOPS, settings, values_of_five, -112, STAGES},
    {"sweeping", MXD_KERNEL_PHASER, SIGNAL_NOISE, 0, 256, 6007, 8, 2, 2, ROW_CASE_MOVES | ROW_CASE_IN_PLACE | STOPS, settings, values_of_two, -112, STAGES},
    {"bursts", MXD_KERNEL_PHASER, SIGNAL_BURSTS, 0, 1024, 9001, 8, 2, 2, ROW_CASE_MOVES, settings, values_of_two, -112, STAGES},
    {"in a long block", MXD_KERNEL_PHASER, SIGNAL_NOISE, 0, 16384, 16384, 8, 2, 2, 0, settings, values_of_two, -112, STAGES},
    {"one frame of next to nothing", MXD_KERNEL_PHASER, SIGNAL_DENORMAL, 0, 256, 1, 8, 5, 5, 0, settings, values_of_five, -120, ""},
};

static const row_case bench_cases[] = {
    {"32 stereo, 6 stages", MXD_KERNEL_PHASER, SIGNAL_NOISE, 0, 65536, 65536, 32, 2, 2, ROW_CASE_MOVES | ROW_CASE_IN_PLACE, settings_of_six, values_of_two, 0, ""},
    {"32 stereo, 6 stages, loop", MXD_KERNEL_PHASER, SIGNAL_NOISE, 0, 65536, 65536, 32, 2, 2, ROW_CASE_MOVES | ROW_CASE_IN_PLACE, settings_of_loop, values_of_loop, 0, ""},
};

const row_cases row_cases_of_phaser = {
    test_cases, sizeof test_cases / sizeof *test_cases,
    bench_cases, sizeof bench_cases / sizeof *bench_cases,
};
