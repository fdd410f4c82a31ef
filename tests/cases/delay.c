/* Cases of delay: whole and fractional delays at rest, taps that move, feedback through short and long loops, crossing. */
#include "../row_cases.h"

#include "shaders/delay.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

static void put(double *values, uint32_t voice, double frames, double second)
{
    double *to = values + MXD_DELAY_FIRST_VOICE + voice * MXD_DELAY_VOICE_VALUES;
    to[MXD_DELAY_WHOLE] = floor(frames);
    to[MXD_DELAY_PART] = frames - floor(frames);
    to[MXD_DELAY_BEND] = second * 32 * 32 / 6;
}

static void put_levels(double *values, double feedback, double low, double high)
{
    values[MXD_DELAY_FEEDBACK] = feedback;
    values[MXD_DELAY_DRY] = 0.4;
    values[MXD_DELAY_WET] = 0.6;
    values[MXD_DELAY_LOW_CUT] = low;
    values[MXD_DELAY_HIGH_CUT] = high;
}

/* Of rows in turn: without a loop, with one, with cuts. */
static void settings_of_echo(uint32_t row, uint32_t *settings)
{
    settings[MXD_DELAY_LENGTH] = row % 2 ? 8192 : 2048;
    settings[MXD_DELAY_VOICES] = 1;
    settings[MXD_DELAY_LOOP] = row % 4 != 0;
    settings[MXD_DELAY_CROSS] = 0;
    settings[MXD_DELAY_CUTS] = row % 4;
    settings[MXD_DELAY_SHORTEST] = 4;
}

static void values_of_echo(uint32_t row, uint64_t frame, double *values)
{
    static const double frames[] = {129, 6000.5, 4, 21.25, 1000.75, 127.0625, 257, 5.125};
    (void)frame;
    put(values, 0, frames[row % 8], 0);
    put_levels(values, row % 4 ? row % 3 ? 0.7 : -0.9 : 0, 0.003, 0.2);
}

static void settings_of_sweep(uint32_t row, uint32_t *settings)
{
    settings_of_echo(row, settings);
    settings[MXD_DELAY_LENGTH] = 2048;
}

/* A flanger's way: from 5 frames to 245. */
static void values_of_sweep(uint32_t row, uint64_t frame, double *values)
{
    const double turn = 2 * pi * (0.3 + 0.4 * row) / 48000, angle = turn * (double)frame + row;
    put(values, 0, 125 - 120 * cos(angle), 120 * turn * turn * cos(angle));
    put_levels(values, row % 4 ? 0.8 - 1e-5 * (double)frame : 0, 0.003 + 1e-7 * (double)frame, 0.5 - 1e-5 * (double)frame);
}

static void settings_of_voices(uint32_t row, uint32_t *settings)
{
    settings[MXD_DELAY_LENGTH] = 2048;
    settings[MXD_DELAY_VOICES] = 1 + row % 8;
    settings[MXD_DELAY_LOOP] = row % 2;
    settings[MXD_DELAY_CROSS] = 1;
    settings[MXD_DELAY_CUTS] = 0;
    settings[MXD_DELAY_SHORTEST] = 600;
}

static void put_voices(uint32_t count, uint64_t frame, double *values)
{
    for (uint32_t v = 0; v < count; v++) {
        const double turn = 2 * pi * 0.8 / 48000, angle = turn * (double)frame + v;
        put(values, v, 700 + 100 * sin(angle), -100 * turn * turn * sin(angle));
    }
}

/* A chorus whose lines feed each other. */
static void values_of_voices(uint32_t row, uint64_t frame, double *values)
{
    const uint32_t voices = 1 + row % 8;
    put_voices(2 * voices, frame, values);
    put_levels(values, row % 2 ? 0.5 / voices : 0, 0, 0);
}

static void settings_of_ping_pong(uint32_t row, uint32_t *settings)
{
    (void)row;
    settings[MXD_DELAY_LENGTH] = 32768;
    settings[MXD_DELAY_VOICES] = 1;
    settings[MXD_DELAY_LOOP] = settings[MXD_DELAY_CROSS] = 1;
    settings[MXD_DELAY_CUTS] = 3;
    settings[MXD_DELAY_SHORTEST] = 1024;
}

static void values_of_ping_pong(uint32_t row, uint64_t frame, double *values)
{
    (void)frame;
    put(values, 0, 18000.0 - row, 0);
    put(values, 1, 12000.5, 0);
    put_levels(values, 0.5, 0.01, 0.3);
}

/* As in a mix: 0.375 s and a bit, with both cuts. */
static void settings_of_long(uint32_t row, uint32_t *settings)
{
    settings_of_ping_pong(row, settings);
    settings[MXD_DELAY_CROSS] = 0;
}

static void values_of_long(uint32_t row, uint64_t frame, double *values)
{
    (void)frame;
    put(values, 0, 18000.5 + row, 0);
    put_levels(values, 0.5, 0.01, 0.3);
}

static void settings_of_chorus(uint32_t row, uint32_t *settings)
{
    settings_of_voices(row, settings);
    settings[MXD_DELAY_VOICES] = 3;
    settings[MXD_DELAY_LOOP] = settings[MXD_DELAY_CROSS] = 0;
}

static void values_of_chorus(uint32_t row, uint64_t frame, double *values)
{
    (void)row;
    put_voices(3, frame, values);
    put_levels(values, 0, 0, 0);
}

#define MOVING ROW_CASE_MOVES
#define STOPS (ROW_CASE_RESTARTS | ROW_CASE_PAUSES)

static const row_case test_cases[] = {
    {"at rest", MXD_KERNEL_DELAY, SIGNAL_NOISE, 0, 1024, 9011, 8, 1, 1, STOPS, settings_of_echo, values_of_echo, -120, ""},
    {"at rest, in place", MXD_KERNEL_DELAY, SIGNAL_IMPULSES, 0, 256, 5003, 8, 1, 1, ROW_CASE_IN_PLACE, settings_of_echo, values_of_echo, -120, ""},
    {"one frame", MXD_KERNEL_DELAY, SIGNAL_NOISE, 0, 256, 1, 3, 1, 1, 0, settings_of_echo, values_of_echo, -120, ""},
    {"sweeps", MXD_KERNEL_DELAY, SIGNAL_NOISE, 0, 512, 9011, 8, 1, 1, MOVING | STOPS, settings_of_sweep, values_of_sweep, -120, ""},
    {"short loops in a long block", MXD_KERNEL_DELAY, SIGNAL_NOISE, 0, 16384, 9011, 2, 1, 1, MOVING, settings_of_sweep, values_of_sweep, -120, ""},
    {"sweeps of silence", MXD_KERNEL_DELAY, SIGNAL_DENORMAL, 0, 512, 2011, 4, 1, 1, MOVING, settings_of_sweep, values_of_sweep, -120, ""},
    {"voices, crossed", MXD_KERNEL_DELAY, SIGNAL_BURSTS, 0, 512, 6007, 8, 2, 2, MOVING | ROW_CASE_IN_PLACE, settings_of_voices, values_of_voices, -120, ""},
    {"mono ping-pong", MXD_KERNEL_DELAY, SIGNAL_NOISE, 0, 4096, 60013, 2, 1, 2, STOPS, settings_of_ping_pong, values_of_ping_pong, -120, ""},
};

static const row_case bench_cases[] = {
    {"64 echoes, at rest", MXD_KERNEL_DELAY, SIGNAL_NOISE, 0, 65536, 65536, 64, 1, 1, ROW_CASE_IN_PLACE, settings_of_long, values_of_long, 0, ""},
    {"64 flangers", MXD_KERNEL_DELAY, SIGNAL_NOISE, 0, 65536, 65536, 64, 1, 1, MOVING | ROW_CASE_IN_PLACE, settings_of_sweep, values_of_sweep, 0, ""},
    {"64 choruses of 3 voices", MXD_KERNEL_DELAY, SIGNAL_NOISE, 0, 65536, 65536, 64, 1, 1, MOVING | ROW_CASE_IN_PLACE, settings_of_chorus, values_of_chorus, 0, ""},
};

const row_cases row_cases_of_delay = {
    test_cases, sizeof test_cases / sizeof *test_cases,
    bench_cases, sizeof bench_cases / sizeof *bench_cases,
};
