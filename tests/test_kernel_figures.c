/*
 * The CPU's kernels against figures that were not computed with them: what
 * textbooks say of filters, a published convolution, copies and silence; and
 * what must not be slow.
 */
#include "fixture.h"
#include "host/cpu/variants.h"
#include "sections.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#define PI 3.14159265358979323846
/* Half a unit in the last place of a float32 near 1: what one rounding errs by at most, relatively. */
#define ROUNDING 0x1p-24

static double decibels(double value)
{
    return 20 * log10(value < 1e-300 ? 1e-300 : value); /* a NaN stays one */
}

/* ---- Equaliser ------------------------------------------------------------ */

/* A backend with one eq, ready; lane 0. */
static mxd_backend *make_eq(mxd_backend_creator *creator, const mxd_svf *sections, uint32_t num_sections,
                            uint32_t block_frames)
{
    const mxd_backend_params params = {.num_lanes = 1, .block_frames = block_frames, .blocks_in_flight = 1};
    mxd_backend *backend = NULL;
    assert_int_equal(mxd_backend_create_with(creator, &params, NULL, &backend), MXD_OK);
    uint32_t step;
    assert_int_equal(mxd_backend_add_eq(backend, &(mxd_eq_row){0, sections, num_sections}, 1, &step), MXD_OK);
    assert_int_equal(mxd_backend_prepare(backend), MXD_OK);
    return backend;
}

static void filter_block(mxd_backend *backend, const float *input, float *output, uint32_t num_frames)
{
    const uint32_t row = 0;
    const mxd_upload upload = {.frames = input, .num_channels = 1, .gain = 1.0};
    const mxd_download download = {0, output};
    const mxd_step_run run = {.step = 0, .rows = &row, .num_rows = 1};
    const mxd_block block = {num_frames, &upload, 1, &run, 1, &download, 1, false};
    uint64_t ticket;
    assert_int_equal(mxd_backend_submit(backend, &block, &ticket), MXD_OK);
    assert_int_equal(mxd_backend_wait(backend, ticket), MXD_OK);
}

/* |H| of an impulse response at one frequency. */
static double magnitude_at(const float *response, uint32_t num_frames, double radians)
{
    double re = 0, im = 0;
    for (uint32_t n = 0; n < num_frames; n++) {
        re += response[n] * cos(radians * n);
        im -= response[n] * sin(radians * n);
    }
    return hypot(re, im);
}

/*
 * Figures that every textbook has: a bell of +6 dB has 6 dB at its centre and
 * 0 dB at 0 Hz; a Butterworth low-pass has -3.01 dB at its corner; four of its
 * kind (8th order, Q from the poles' angles) again -3.01 dB; a high-pass lets
 * nothing through at 0 Hz.
 */
static void test_eq_figures(void **state)
{
    (void)state;
    enum { FRAMES = 1 << 16 };
    static float impulse[FRAMES], response[FRAMES];
    impulse[0] = 1;
    double g = tan(PI * 1000 / 48000), w = 2 * PI * 1000 / 48000;
    for (uint32_t v = 0; mxd_cpu_get(v); v++) {
        double a = pow(10, 6.0 / 40), k = 1 / (2.0 * a);
        mxd_svf bell = {g, k, 1, k * (a * a - 1), 0};
        mxd_backend *backend = make_eq(mxd_cpu_get(v)->create_backend, &bell, 1, FRAMES);
        filter_block(backend, impulse, response, FRAMES);
        assert_true(fabs(decibels(magnitude_at(response, FRAMES, w)) - 6) < 1e-4);
        assert_true(fabs(decibels(magnitude_at(response, FRAMES, 0))) < 1e-4);
        mxd_backend_destroy(backend);

        mxd_svf low[4];
        for (int i = 0; i < 4; i++)
            low[i] = (mxd_svf){g, 2 * cos(PI * (2 * i + 1) / 16), 0, 0, 1};
        backend = make_eq(mxd_cpu_get(v)->create_backend, low, 4, FRAMES);
        filter_block(backend, impulse, response, FRAMES);
        assert_true(fabs(decibels(magnitude_at(response, FRAMES, w)) + 10 * log10(2)) < 1e-4);
        assert_true(fabs(decibels(magnitude_at(response, FRAMES, 0))) < 1e-4);
        mxd_backend_destroy(backend);

        mxd_svf high = {g, sqrt(2), 1, -sqrt(2), -1};
        backend = make_eq(mxd_cpu_get(v)->create_backend, &high, 1, FRAMES);
        filter_block(backend, impulse, response, FRAMES);
        assert_true(fabs(decibels(magnitude_at(response, FRAMES, w)) + 10 * log10(2)) < 1e-4);
        assert_true(magnitude_at(response, FRAMES, 0) < 1e-5);
        mxd_backend_destroy(backend);
    }
}

/*
 * The case that breaks float filters: 20 Hz at 48 and 192 kHz, a full-scale sine
 * on the corner. The project's bound between backends is -120 dBFS.
 */
static void test_eq_low_frequency(void **state)
{
    (void)state;
    enum { FRAMES = 1 << 18 };
    float *input = malloc(FRAMES * sizeof *input), *output = malloc(FRAMES * sizeof *output);
    double *expected = malloc(FRAMES * sizeof *expected);
    assert_true(input && output && expected);
    for (double rate = 48000; rate <= 192000; rate *= 4)
        for (uint32_t v = 1; mxd_cpu_get(v); v++) {
            mxd_svf high = {tan(PI * 20 / rate), sqrt(2), 1, -sqrt(2), -1};
            for (int n = 0; n < FRAMES; n++)
                expected[n] = input[n] = (float)(0.999 * sin(2 * PI * 20 * n / rate));
            filter_direct(&high, expected, FRAMES);
            mxd_backend *backend = make_eq(mxd_cpu_get(v)->create_backend, &high, 1, FRAMES);
            filter_block(backend, input, output, FRAMES);
            mxd_backend_destroy(backend);
            for (int n = 0; n < FRAMES; n++)
                if (!(fabs(output[n] - expected[n]) <= 1e-6))
                    fail_msg("%s at %.0f Hz: %.1f dBFS at frame %d", mxd_cpu_get(v)->name, rate,
                             decibels(fabs(output[n] - expected[n])), n);
        }
    free(input);
    free(output);
    free(expected);
}

/* The least time of eight blocks, and their last sample. */
static double time_blocks(mxd_backend *backend, const float *input, float *output, uint32_t num_frames)
{
    double least = HUGE_VAL;
    for (int i = 0; i < 8; i++) {
        mxd_backend_timing before[MXD_MAX_TIMINGS], after[MXD_MAX_TIMINGS];
        mxd_backend_timings(backend, before, MXD_MAX_TIMINGS);
        filter_block(backend, input, output, num_frames);
        mxd_backend_timings(backend, after, MXD_MAX_TIMINGS);
        least = fmin(least, after[0].wall_s - before[0].wall_s);
    }
    return least;
}

/*
 * After a burst the filters ring down through the denormals. Arithmetic on
 * these takes some hundred cycles where it is not switched off: the time of a
 * silent block must stay within three times that of a loud one, and what is
 * left in the end is silence itself.
 */
static void test_silence_is_not_slow(void **state)
{
    (void)state;
    enum { FRAMES = 1 << 14 };
    float *input = calloc(FRAMES, sizeof *input), *output = calloc(FRAMES, sizeof *output);
    assert_true(input && output);
    mxd_svf sections[8];
    for (int i = 0; i < 8; i++)
        sections[i] = (mxd_svf){tan(PI * 300 / 48000), 0.5, 1, 0.3, 0};
    for (uint32_t v = 1; mxd_cpu_get(v); v++) {
        mxd_backend *backend = make_eq(mxd_cpu_get(v)->create_backend, sections, 8, FRAMES);
        for (int n = 0; n < FRAMES; n++)
            input[n] = (float)(n * 7919 % 65536) / 32768.0f - 1;
        double loud_s = time_blocks(backend, input, output, FRAMES);
        for (int n = 0; n < FRAMES; n++)
            input[n] *= 1e-39f;
        double denormal_s = time_blocks(backend, input, output, FRAMES);
        memset(input, 0, FRAMES * sizeof *input);
        double silent_s = time_blocks(backend, input, output, FRAMES);
        if (!(denormal_s <= 3 * loud_s && silent_s <= 3 * loud_s))
            print_message("%s: loud %g s, denormal %g s, silent %g s\n", mxd_cpu_get(v)->name, loud_s, denormal_s,
                          silent_s);
        assert_true(denormal_s <= 3 * loud_s && silent_s <= 3 * loud_s);
        for (int n = 0; n < FRAMES; n++)
            assert_true(output[n] == 0);
        mxd_backend_destroy(backend);
    }
    free(input);
    free(output);
}

/* ---- Convolution ---------------------------------------------------------- */

typedef struct wave {
    float *frames; /* planar */
    uint32_t num_frames, num_channels;
} wave;

static bool read_wave(const char *name, wave *read)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/data/irs/%s", MXD_SHARED, name);
    if (access(path, R_OK) != 0)
        return false;
    fixture_audio audio = fixture_read(path);
    read->num_frames = (uint32_t)audio.frames;
    read->num_channels = audio.channels;
    read->frames = calloc((size_t)read->num_frames * read->num_channels, sizeof *read->frames);
    assert_non_null(read->frames);
    for (uint32_t n = 0; n < read->num_frames; n++)
        for (uint32_t c = 0; c < read->num_channels; c++)
            read->frames[(size_t)c * read->num_frames + n] = audio.samples[(size_t)n * read->num_channels + c];
    free(audio.samples);
    return true;
}

/* The residual, in dB of the published signal, after the one gain that its authors normalised by. */
static double residual_db(mxd_backend_creator *creator, const wave *dry, const wave *response, const wave *wet)
{
    const uint32_t block_frames = 16384, num_outputs = wet->num_channels, inputs[] = {0}, outputs[] = {1, 2};
    const mxd_backend_params params = {.num_lanes = 3, .block_frames = block_frames, .blocks_in_flight = 1};
    mxd_convolve_cell cells[2];
    for (uint32_t c = 0; c < num_outputs; c++)
        cells[c] = (mxd_convolve_cell){0, c, response->frames + (size_t)c * response->num_frames,
                                       response->num_frames, 0, 1};
    const mxd_convolve_row row = {inputs, 1, outputs, num_outputs, cells, num_outputs};
    mxd_backend *backend;
    uint32_t step;
    assert_int_equal(mxd_backend_create_with(creator, &params, NULL, &backend), MXD_OK);
    assert_int_equal(mxd_backend_add_convolve(backend, &row, 1, &step), MXD_OK);
    assert_int_equal(mxd_backend_prepare(backend), MXD_OK);

    uint32_t num_blocks = (wet->num_frames + block_frames - 1) / block_frames;
    float *input = calloc((size_t)num_blocks * block_frames, sizeof *input);
    float *found = calloc((size_t)num_blocks * block_frames * num_outputs, sizeof *found);
    assert_true(input && found);
    memcpy(input, dry->frames, dry->num_frames * sizeof *input);
    for (uint32_t b = 0; b < num_blocks; b++) {
        size_t at = (size_t)b * block_frames;
        const uint32_t rows[] = {0};
        const mxd_upload upload = {.frames = input + at, .num_channels = 1, .gain = 1.0};
        const mxd_step_run run = {.step = step, .rows = rows, .num_rows = 1};
        const mxd_download downloads[] = {{1, found + at}, {2, found + (size_t)num_blocks * block_frames + at}};
        const mxd_block block = {block_frames, &upload, 1, &run, 1, downloads, num_outputs, false};
        uint64_t ticket;
        assert_int_equal(mxd_backend_submit(backend, &block, &ticket), MXD_OK);
        assert_int_equal(mxd_backend_wait(backend, ticket), MXD_OK);
    }
    mxd_backend_destroy(backend);
    double cross = 0, energy = 0, wet_energy = 0, error = 0;
    for (int pass = 0; pass < 2; pass++)
        for (uint32_t c = 0; c < num_outputs; c++)
            for (uint32_t n = 0; n < wet->num_frames; n++) {
                double y = found[(size_t)c * num_blocks * block_frames + n];
                double w = wet->frames[(size_t)c * wet->num_frames + n];
                if (pass == 0) {
                    cross += y * w;
                    energy += y * y;
                    wet_energy += w * w;
                } else {
                    error += (w - cross / energy * y) * (w - cross / energy * y);
                }
            }
    free(input);
    free(found);
    return 10 * log10(error / wet_energy);
}

/* rostock_xmas.wav by a clap's room and binaural responses; their 16 bits leave about -70 dB, so -68 is asked for. */
static void test_published_convolution(void **state)
{
    (void)state;
    const char *const names[2][2] = {{"rostock_rir_clap.wav", "convolution_golden/rostock_xmas_clap.wav"},
                                     {"rostock_brir_clap.wav", "convolution_golden/rostock_xmas_brir_clap.wav"}};
    wave dry;
    if (!read_wave("convolution_golden/rostock_xmas.wav", &dry)) {
        print_message("the published convolution is not here: %s\n", MXD_SHARED "/data/irs");
        skip();
    }
    for (int i = 0; i < 2; i++) {
        wave response, wet;
        assert_true(read_wave(names[i][0], &response));
        assert_true(read_wave(names[i][1], &wet));
        for (uint32_t v = 0; mxd_cpu_get(v); v++) {
            double residual = residual_db(mxd_cpu_get(v)->create_backend, &dry, &response, &wet);
            print_message("%s, %s: residual %.1f dB\n", names[i][0], mxd_cpu_get(v)->name, residual);
            assert_true(residual <= -68);
        }
        free(response.frames);
        free(wet.frames);
    }
    free(dry.frames);
}

/* A convolution with an impulse is a copy, shifted; and a response of zeros is silence. */
static void test_convolve_shift(void **state)
{
    (void)state;
    enum { FRAMES = 1024, BLOCKS = 8 };
    static float input[FRAMES * BLOCKS], output[2][FRAMES * BLOCKS];
    for (int n = 0; n < FRAMES * BLOCKS; n++)
        input[n] = (float)(n * 7919 % 65536) / 32768.0f - 1;
    const float one = 1;
    static const float zeros[3000];
    for (uint32_t v = 0; mxd_cpu_get(v); v++)
        for (uint32_t delay = 0; delay < 5000; delay = delay * 3 + 1) {
            const mxd_backend_params params = {.num_lanes = 3, .block_frames = FRAMES, .blocks_in_flight = 1};
            const mxd_convolve_cell cells[] = {{0, 0, &one, 1, delay, -0.5}, {0, 1, zeros, 3000, 7, 1}};
            const uint32_t inputs[] = {0}, outputs[] = {1, 2}, rows[] = {0};
            const mxd_convolve_row row = {inputs, 1, outputs, 2, cells, 2};
            mxd_backend *backend;
            uint32_t step;
            assert_int_equal(mxd_backend_create_with(mxd_cpu_get(v)->create_backend, &params, NULL, &backend), MXD_OK);
            assert_int_equal(mxd_backend_add_convolve(backend, &row, 1, &step), MXD_OK);
            assert_int_equal(mxd_backend_prepare(backend), MXD_OK);
            for (int b = 0; b < BLOCKS; b++) {
                const mxd_upload upload = {.frames = input + b * FRAMES, .num_channels = 1, .gain = 1.0};
                const mxd_step_run run = {.step = step, .rows = rows, .num_rows = 1};
                const mxd_download downloads[] = {{1, output[0] + b * FRAMES}, {2, output[1] + b * FRAMES}};
                const mxd_block block = {FRAMES, &upload, 1, &run, 1, downloads, 2, false};
                uint64_t ticket;
                assert_int_equal(mxd_backend_submit(backend, &block, &ticket), MXD_OK);
                assert_int_equal(mxd_backend_wait(backend, ticket), MXD_OK);
            }
            mxd_backend_destroy(backend);
            for (uint32_t n = 0; n < FRAMES * BLOCKS; n++) {
                double expected = n >= delay ? -0.5 * input[n - delay] : 0;
                /* 10 roundings of the energy of full-scale noise, 6 times at the peak: as in test_kernels.c. */
                assert_true(fabs(output[0][n] - expected) <= 60 * ROUNDING * 0.29);
                assert_true(output[1][n] == 0);
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_eq_figures),
        cmocka_unit_test(test_eq_low_frequency),
        cmocka_unit_test(test_silence_is_not_slow),
        cmocka_unit_test(test_published_convolution),
        cmocka_unit_test(test_convolve_shift),
    };
    return cmocka_run_group_tests_name("kernel figures", tests, NULL, NULL);
}
