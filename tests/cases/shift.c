/* Cases of shift: shorter than a block, longer, as long; one frame. */
#include "../row_cases.h"

#include "shaders/shift.h"

static void settings(uint32_t row, uint32_t *settings)
{
    static const uint32_t frames[] = {1, 127, 128, 129, 1009, 4096, 5003};
    settings[MXD_SHIFT_FRAMES] = frames[row % 7];
}

static void settings_of_look_ahead(uint32_t row, uint32_t *settings)
{
    (void)row;
    settings[MXD_SHIFT_FRAMES] = 240; /* 5 ms */
}

static const row_case test_cases[] = {
    {"seven lengths", MXD_KERNEL_SHIFT, SIGNAL_NOISE, 0, 256, 6007, 7, 3, 3, ROW_CASE_RESTARTS | ROW_CASE_PAUSES, settings, NULL, -300, ""},
    {"in long blocks", MXD_KERNEL_SHIFT, SIGNAL_BURSTS, 0, 8192, 20011, 7, 1, 1, 0, settings, NULL, -300, ""},
};

static const row_case bench_cases[] = {
    {"64 stereo, 5 ms", MXD_KERNEL_SHIFT, SIGNAL_NOISE, 0, 65536, 65536, 64, 2, 2, 0, settings_of_look_ahead, NULL, 0, ""},
};

const row_cases row_cases_of_shift = {
    test_cases, sizeof test_cases / sizeof *test_cases,
    bench_cases, sizeof bench_cases / sizeof *bench_cases,
};
