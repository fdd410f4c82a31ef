/* Cases of dynamics: every mode, detector and way to link, at awkward sizes; keys of other lanes; values that move. */
#include "../row_cases.h"

#include "shaders/dynamics.h"

#include <math.h>

#define RATE 48000.0

static double octaves(double db)
{
    return db / (20.0 * log10(2.0));
}

static double part_of(double ms)
{
    return -expm1(-1.0 / (1e-3 * ms * RATE));
}

static void common(double *values)
{
    values[MXD_DYNAMICS_THRESHOLD] = octaves(-18);
    values[MXD_DYNAMICS_SLOPE] = 0.75;
    values[MXD_DYNAMICS_RANGE] = octaves(144);
    values[MXD_DYNAMICS_MAKE_UP] = octaves(3);
    values[MXD_DYNAMICS_MIX] = 1;
    values[MXD_DYNAMICS_LINK] = 1;
    values[MXD_DYNAMICS_ATTACK] = part_of(5);
    values[MXD_DYNAMICS_RELEASE] = part_of(100);
    values[MXD_DYNAMICS_KNEE] = octaves(6);
    values[MXD_DYNAMICS_RMS_MEAN] = part_of(10);
    values[MXD_DYNAMICS_CLOSE] = octaves(-30);
    values[MXD_DYNAMICS_HOLD] = 0;
}

/* At rest: the time constants and links that row stands for. */
static void various(uint32_t row, uint64_t frame, double *values)
{
    static const double links[] = {1, 0, 0.5}, knees[] = {6, 0, 24}, mixes[] = {1, 0.5, 0};
    static const double attacks[] = {0.01, 5, 30}, releases[] = {1, 100, 3000};
    (void)frame;
    common(values);
    values[MXD_DYNAMICS_LINK] = links[row % 3];
    values[MXD_DYNAMICS_KNEE] = octaves(knees[row % 3]);
    values[MXD_DYNAMICS_MIX] = mixes[row / 3 % 3];
    values[MXD_DYNAMICS_ATTACK] = part_of(attacks[row % 3]);
    values[MXD_DYNAMICS_RELEASE] = part_of(releases[row / 3 % 3]);
    values[MXD_DYNAMICS_HOLD] = row % 2 ? 300 : 0;
}

static void below(uint32_t row, uint64_t frame, double *values)
{
    various(row, frame, values);
    values[MXD_DYNAMICS_RANGE] = octaves(row % 2 ? 40 : 12);
    values[MXD_DYNAMICS_THRESHOLD] = octaves(-12);
}

static void gates(uint32_t row, uint64_t frame, double *values)
{
    below(row, frame, values);
    values[MXD_DYNAMICS_THRESHOLD] = octaves(-6);
    values[MXD_DYNAMICS_CLOSE] = octaves(row % 2 ? -20 : -6);
    values[MXD_DYNAMICS_HOLD] = (double)(row * 7);
}

static void transients(uint32_t row, uint64_t frame, double *values)
{
    (void)frame;
    common(values);
    values[MXD_DYNAMICS_ATTACK_AMOUNT] = octaves(row % 2 ? 12 : -9);
    values[MXD_DYNAMICS_SUSTAIN_AMOUNT] = octaves(row % 3 ? 6 : -15);
    values[MXD_DYNAMICS_FAST_ATTACK] = part_of(1);
    values[MXD_DYNAMICS_SLOW_ATTACK] = part_of(20);
    values[MXD_DYNAMICS_FAST_RELEASE] = part_of(20);
    values[MXD_DYNAMICS_SLOW_RELEASE] = part_of(300);
    values[MXD_DYNAMICS_LINK] = row % 2 ? 1 : 0.3;
}

static void moving(uint32_t row, uint64_t frame, double *values)
{
    const double way = 0.5 + 0.5 * sin(1e-3 * (double)frame + row);
    common(values);
    values[MXD_DYNAMICS_THRESHOLD] = octaves(-30 + 20 * way);
    values[MXD_DYNAMICS_SLOPE] = way;
    values[MXD_DYNAMICS_RANGE] = octaves(6 + 60 * way);
    values[MXD_DYNAMICS_MAKE_UP] = octaves(6 * way);
    values[MXD_DYNAMICS_MIX] = way;
    values[MXD_DYNAMICS_LINK] = way;
    values[MXD_DYNAMICS_KNEE] = octaves(10 * way);
    values[MXD_DYNAMICS_ATTACK] = part_of(1 + 20 * way);
    values[MXD_DYNAMICS_RELEASE] = part_of(30 + 200 * way);
}

/* An expander's hold comes and goes. */
static void moving_below(uint32_t row, uint64_t frame, double *values)
{
    moving(row, frame, values);
    values[MXD_DYNAMICS_THRESHOLD] = octaves(-6);
    values[MXD_DYNAMICS_HOLD] = frame / 640 % 2 ? 0 : 100;
}

static void set(uint32_t *settings, uint32_t mode, uint32_t detector, uint32_t look_ahead, uint32_t output)
{
    settings[MXD_DYNAMICS_MODE] = mode;
    settings[MXD_DYNAMICS_DETECTOR] = detector;
    settings[MXD_DYNAMICS_LOOK_AHEAD] = look_ahead;
    settings[MXD_DYNAMICS_OUTPUT] = output;
}

static uint32_t look_ahead_of(uint32_t row)
{
    static const uint32_t frames[] = {0, 1, 127, 240, 1009, 5003};
    return frames[row % 6];
}

static void compressors(uint32_t row, uint32_t *settings)
{
    set(settings, row % 4 == 3 ? MXD_DYNAMICS_BOOST : MXD_DYNAMICS_COMPRESS, row % 2, look_ahead_of(row), row % 5 == 4);
}

static void peak(uint32_t row, uint32_t *settings)
{
    set(settings, MXD_DYNAMICS_COMPRESS, MXD_DYNAMICS_PEAK, look_ahead_of(row), 0);
}

static void expanders(uint32_t row, uint32_t *settings)
{
    set(settings, row % 3 == 2 ? MXD_DYNAMICS_LIFT : MXD_DYNAMICS_EXPAND, row % 2, look_ahead_of(row + 1), 0);
}

static void latches(uint32_t row, uint32_t *settings)
{
    set(settings, MXD_DYNAMICS_GATE, row % 2, look_ahead_of(row), 0);
}

static void shapers(uint32_t row, uint32_t *settings)
{
    set(settings, MXD_DYNAMICS_TRANSIENT, MXD_DYNAMICS_PEAK, look_ahead_of(row), 0);
}

static void plain(uint32_t row, uint32_t *settings)
{
    (void)row;
    set(settings, MXD_DYNAMICS_COMPRESS, MXD_DYNAMICS_PEAK, 0, 0);
}

static void plain_rms(uint32_t row, uint32_t *settings)
{
    (void)row;
    set(settings, MXD_DYNAMICS_COMPRESS, MXD_DYNAMICS_RMS, 240, 0);
}

static void plain_gate(uint32_t row, uint32_t *settings)
{
    (void)row;
    set(settings, MXD_DYNAMICS_GATE, MXD_DYNAMICS_PEAK, 0, 0);
}

static void common_of(uint32_t row, uint64_t frame, double *values)
{
    (void)row;
    (void)frame;
    common(values);
}

/*
 * A gain is good to the rounding of its logarithm: at -40 dB a level of 7 octaves is rounded by 2.4e-7, and a scan of
 * ten steps adds about as much again: 5e-7 octaves, 3.5e-7 of the gain, -129 dB; expanders and transients reach further.
 */
static const row_case test_cases[] = {
    {"compressors", MXD_KERNEL_DYNAMICS, SIGNAL_NOISE, 0, 256, 6007, 9, 2, 2, ROW_CASE_RESTARTS | ROW_CASE_PAUSES, compressors, various, -120, ""},
    {"compressors of bursts", MXD_KERNEL_DYNAMICS, SIGNAL_BURSTS, 0, 8192, 20011, 9, 3, 3, 0, compressors, various, -120, ""},
    {"mono and its key", MXD_KERNEL_DYNAMICS, SIGNAL_NOISE, 0, 512, 4099, 6, 2, 1, 0, peak, various, -120, ""},
    {"stereo, mono key", MXD_KERNEL_DYNAMICS, SIGNAL_BURSTS, 0, 512, 4099, 6, 3, 2, 0, compressors, various, -120, ""},
    {"six channels", MXD_KERNEL_DYNAMICS, SIGNAL_NOISE, 0, 1024, 4099, 3, 6, 6, 0, compressors, various, -120, ""},
    /* Squares that no float holds. */
    {"louder than can be", MXD_KERNEL_DYNAMICS, SIGNAL_NOISE, 400, 256, 1009, 2, 2, 2, 0, compressors, various, -120, ""},
    {"expanders", MXD_KERNEL_DYNAMICS, SIGNAL_BURSTS, 0, 512, 10007, 9, 2, 2, ROW_CASE_RESTARTS, expanders, below, -120, ""},
    {"gates", MXD_KERNEL_DYNAMICS, SIGNAL_NOISE, 0, 512, 10007, 9, 2, 2, ROW_CASE_RESTARTS, latches, gates, -120, ""},
    {"transients", MXD_KERNEL_DYNAMICS, SIGNAL_BURSTS, 0, 512, 10007, 7, 2, 2, ROW_CASE_RESTARTS, shapers, transients, -120, ""},
    {"moving, below", MXD_KERNEL_DYNAMICS, SIGNAL_BURSTS, 0, 512, 6007, 4, 2, 2, ROW_CASE_MOVES, expanders, moving_below, -120, ""},
    {"moving", MXD_KERNEL_DYNAMICS, SIGNAL_NOISE, 0, 512, 6007, 5, 2, 2, ROW_CASE_MOVES | ROW_CASE_RESTARTS, compressors, moving, -120, ""},
};

static const row_case bench_cases[] = {
    {"compressor, 64 stereo", MXD_KERNEL_DYNAMICS, SIGNAL_NOISE, 0, 65536, 65536, 64, 2, 2, 0, plain, common_of, 0, ""},
    {"compressor rms, 64 stereo, 5 ms ahead", MXD_KERNEL_DYNAMICS, SIGNAL_NOISE, 0, 65536, 65536, 64, 2, 2, 0, plain_rms, common_of, 0, ""},
    {"gate, 64 stereo", MXD_KERNEL_DYNAMICS, SIGNAL_NOISE, 0, 65536, 65536, 64, 2, 2, 0, plain_gate, common_of, 0, ""},
    {"compressor, 64 stereo, moving", MXD_KERNEL_DYNAMICS, SIGNAL_NOISE, 0, 65536, 65536, 64, 2, 2, ROW_CASE_MOVES, plain, moving, 0, ""},
};

const row_cases row_cases_of_dynamics = {
    test_cases, sizeof test_cases / sizeof *test_cases,
    bench_cases, sizeof bench_cases / sizeof *bench_cases,
};
