/* Cases of reverb: widths from 1 to 24, every part of the values moving, ring borders, pauses and restarts. */
#include "../row_cases.h"

#include "host/effects/reverb.h"

#include <math.h>
#include <string.h>

#define RATE 48000

static double size_of_row(uint32_t row)
{
    static const double sizes[] = {0.25, 1.0, 0.6, 2.1};
    return sizes[row % 4];
}

/* Found once: values are asked for at every point. */
static void settings(uint32_t row, uint32_t *settings)
{
    static uint32_t found[4][MXD_REVERB_NUM_SETTINGS];
    if (found[row % 4][0] == 0)
        mxd_reverb_lengths(size_of_row(row), RATE, found[row % 4]);
    memcpy(settings, found[row % 4], sizeof found[0]);
}

static void at_rest(uint32_t row, uint64_t frame, double *values)
{
    (void)frame;
    static const mxd_reverb_decay decays[] = {
        {0.3, 1.0, 250, 1.0, 4000}, {2.0, 1.5, 200, 0.4, 5000}, {0.8, 0.5, 400, 0.6, 3000}, {10.0, 1.0, 30, 0.1, 16000}};
    uint32_t lengths[MXD_REVERB_NUM_SETTINGS];
    settings(row, lengths);
    mxd_reverb_absorption(lengths, &decays[row % 4], RATE, values);
    values[MXD_REVERB_DIFFUSION] = row % 3 * 0.375;
    mxd_reverb_movement(0, 0, values);
}

static void moving(uint32_t row, uint64_t frame, double *values)
{
    const double seconds = (double)frame / RATE, cycles = seconds * (0.7 + row);
    const mxd_reverb_decay decay = {1.0 + 0.5 * sin(7 * seconds), 1.3, 250, 0.5 + seconds, 4000};
    uint32_t lengths[MXD_REVERB_NUM_SETTINGS];
    settings(row, lengths);
    mxd_reverb_absorption(lengths, &decay, RATE, values);
    values[MXD_REVERB_DIFFUSION] = 0.6 + 0.1 * cos(9 * seconds);
    mxd_reverb_movement(4 + 11 * row, cycles, values);
}

static void modulated(uint32_t row, uint64_t frame, double *values)
{
    static double still[MXD_REVERB_NUM_VALUES];
    if (still[0] == 0)
        at_rest(1, frame, still);
    memcpy(values, still, sizeof still);
    values[MXD_REVERB_DIFFUSION] = 0.6;
    mxd_reverb_movement(9.6, (double)frame / RATE * 0.5 + row * 0.1, values);
}

static void hall(uint32_t row, uint32_t *settings)
{
    (void)row;
    mxd_reverb_lengths(1.0, RATE, settings);
}

static const row_case test_cases[] = {
    {"four rooms", MXD_KERNEL_REVERB, SIGNAL_NOISE, 0, 2048, 12007, 4, 2, 2, 0, settings, at_rest, -120, ""},
    {"bursts, pauses", MXD_KERNEL_REVERB, SIGNAL_BURSTS, 0, 512, 9001, 4, 1, 3, ROW_CASE_RESTARTS | ROW_CASE_PAUSES, settings, at_rest, -120, ""},
    {"all moves", MXD_KERNEL_REVERB, SIGNAL_NOISE, 0, 1024, 8001, 4, 3, 12, ROW_CASE_MOVES, settings, moving, -120, ""},
    {"24 from 5", MXD_KERNEL_REVERB, SIGNAL_NOISE, 0, 1024, 5003, 1, 5, 24, 0, settings, at_rest, -120, ""},
    {"64 from 64", MXD_KERNEL_REVERB, SIGNAL_NOISE, 0, 1024, 1009, 1, 64, 64, 0, settings, at_rest, -120, ""},
};

static const row_case bench_cases[] = {
    {"mono to mono, still", MXD_KERNEL_REVERB, SIGNAL_NOISE, 0, 65536, 65536, 1, 1, 1, 0, hall, at_rest, 0, ""},
    {"stereo, still", MXD_KERNEL_REVERB, SIGNAL_NOISE, 0, 65536, 65536, 1, 2, 2, 0, hall, at_rest, 0, ""},
    {"stereo, modulated", MXD_KERNEL_REVERB, SIGNAL_NOISE, 0, 65536, 65536, 1, 2, 2, ROW_CASE_MOVES, hall, modulated, 0, ""},
    {"stereo to 12, modulated", MXD_KERNEL_REVERB, SIGNAL_NOISE, 0, 65536, 65536, 1, 2, 12, ROW_CASE_MOVES, hall, modulated, 0, ""},
    {"8 stereo to 12, modulated", MXD_KERNEL_REVERB, SIGNAL_NOISE, 0, 65536, 65536, 8, 2, 12, ROW_CASE_MOVES, hall, modulated, 0, ""},
};

const row_cases row_cases_of_reverb = {
    test_cases, sizeof test_cases / sizeof *test_cases,
    bench_cases, sizeof bench_cases / sizeof *bench_cases,
};
