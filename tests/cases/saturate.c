/* Cases of saturate: every curve at every oversampling; drive that moves; two outputs; short and long blocks. */
#include "../row_cases.h"

#include "shaders/saturate.h"

#include <math.h>

static void settings(uint32_t row, uint32_t *settings)
{
    settings[MXD_SATURATE_CURVE] = row % MXD_SATURATE_NUM_CURVES;
    settings[MXD_SATURATE_STAGES] = row / MXD_SATURATE_NUM_CURVES % 4;
}

/* Drives of 0 to 18 dB, and of -9 to 27 where they move. */
static void values(uint32_t row, uint64_t frame, double *values)
{
    double t = (double)frame / 1000;
    values[MXD_SATURATE_DRIVE] = exp2(row % 4) * exp2(1.5 * sin(t * (1 + row)));
    values[MXD_SATURATE_BIAS] = 0.2 * (row % 3) - 0.2 + 0.1 * sin(2 * t);
    values[MXD_SATURATE_WET] = 0.7 + 0.2 * cos(t);
    values[MXD_SATURATE_DRY] = 0.3 - 0.2 * cos(t);
}

static void eight_times(uint32_t row, uint32_t *settings)
{
    settings[MXD_SATURATE_CURVE] = row % MXD_SATURATE_NUM_CURVES;
    settings[MXD_SATURATE_STAGES] = 3;
}

#define OF_BENCH(name, curve, stages)                           \
    static void name(uint32_t row, uint32_t *settings)          \
    {                                                           \
        (void)row;                                              \
        settings[MXD_SATURATE_CURVE] = MXD_SATURATE_##curve;    \
        settings[MXD_SATURATE_STAGES] = stages;                 \
    }

OF_BENCH(tanh_at_8, TANH, 3)
OF_BENCH(tape_at_8, TAPE, 3)
OF_BENCH(hard_clip_at_8, HARD_CLIP, 3)
OF_BENCH(tanh_at_2, TANH, 1)
OF_BENCH(tanh_at_1, TANH, 0)

static const row_case test_cases[] = {
    {"every curve, moving", MXD_KERNEL_SATURATE, SIGNAL_NOISE, 0, 256, 3001, 20, 1, 1, ROW_CASE_MOVES | ROW_CASE_RESTARTS | ROW_CASE_PAUSES, settings, values, -120, ""},
    {"every curve, at rest", MXD_KERNEL_SATURATE, SIGNAL_BURSTS, 0, 1024, 5003, 20, 1, 1, 0, settings, values, -120, ""},
    {"two outputs", MXD_KERNEL_SATURATE, SIGNAL_NOISE, -20, 512, 2111, 20, 1, 2, ROW_CASE_MOVES, settings, values, -120, ""},
    {"impulses, long blocks", MXD_KERNEL_SATURATE, SIGNAL_IMPULSES, 0, 4096, 4999, 5, 1, 1, ROW_CASE_MOVES, eight_times, values, -120, ""},
    {"short", MXD_KERNEL_SATURATE, SIGNAL_NOISE, 0, 256, 129, 20, 1, 1, 0, settings, values, -120, ""},
    {"one frame", MXD_KERNEL_SATURATE, SIGNAL_NOISE, 0, 256, 1, 20, 1, 1, 0, settings, values, -120, ""},
    {"silence", MXD_KERNEL_SATURATE, SIGNAL_SILENCE, 0, 256, 1000, 20, 1, 1, 0, settings, values, -120, ""},
    {"denormals", MXD_KERNEL_SATURATE, SIGNAL_DENORMAL, 0, 256, 1000, 20, 1, 1, 0, settings, values, -120, ""},
    {"far too loud", MXD_KERNEL_SATURATE, SIGNAL_NOISE, 120, 256, 1000, 20, 1, 2, 0, settings, values, -120, ""},
};

static const row_case bench_cases[] = {
    {"32 x tanh, 8 times", MXD_KERNEL_SATURATE, SIGNAL_NOISE, 0, 16384, 16384, 32, 1, 1, 0, tanh_at_8, values, 0, ""},
    {"32 x tape, 8 times", MXD_KERNEL_SATURATE, SIGNAL_NOISE, 0, 16384, 16384, 32, 1, 1, 0, tape_at_8, values, 0, ""},
    {"32 x hard clip, 8 times", MXD_KERNEL_SATURATE, SIGNAL_NOISE, 0, 16384, 16384, 32, 1, 1, 0, hard_clip_at_8, values, 0, ""},
    {"32 x tanh, 2 times", MXD_KERNEL_SATURATE, SIGNAL_NOISE, 0, 16384, 16384, 32, 1, 1, 0, tanh_at_2, values, 0, ""},
    {"32 x tanh, not oversampled", MXD_KERNEL_SATURATE, SIGNAL_NOISE, 0, 16384, 16384, 32, 1, 1, 0, tanh_at_1, values, 0, ""},
};

const row_cases row_cases_of_saturate = {
    test_cases, sizeof test_cases / sizeof *test_cases,
    bench_cases, sizeof bench_cases / sizeof *bench_cases,
};
