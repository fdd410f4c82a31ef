/* Measuring files: which loudspeakers the channels are, threads, and what is refused. */
#include "host/measure/meter.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const double pi = 3.14159265358979323846;
static const char path[] = "test_measure_file.wav"; /* in the folder that tests run in */

static void put(FILE *file, uint32_t value, int num_bytes)
{
    for (int i = 0; i < num_bytes; i++)
        assert_int_not_equal(fputc((int)(value >> (8 * i) & 0xff), file), EOF);
}

/* A float32 WAVE file of planar samples; mask 0: the plain header, which has none. */
static void write_wave(uint32_t num_channels, uint32_t rate, uint32_t mask, uint32_t num_frames, const float *samples)
{
    uint32_t data_bytes = num_frames * num_channels * 4, format_bytes = mask ? 40 : 16;
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs("RIFF", file);
    put(file, 4 + 8 + format_bytes + 8 + data_bytes, 4);
    fputs("WAVEfmt ", file);
    put(file, format_bytes, 4);
    put(file, mask ? 0xfffe : 3, 2); /* WAVE_FORMAT_EXTENSIBLE, WAVE_FORMAT_IEEE_FLOAT */
    put(file, num_channels, 2);
    put(file, rate, 4);
    put(file, rate * num_channels * 4, 4);
    put(file, num_channels * 4, 2);
    put(file, 32, 2);
    if (mask) {
        static const uint8_t rest_of_guid[12] = {0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71};
        put(file, 22, 2);
        put(file, 32, 2);
        put(file, mask, 4);
        put(file, 3, 4);
        fwrite(rest_of_guid, 1, sizeof(rest_of_guid), file);
    }
    fputs("data", file);
    put(file, data_bytes, 4);
    for (uint32_t i = 0; i < num_frames; i++)
        for (uint32_t c = 0; c < num_channels; c++)
            assert_int_equal(fwrite(&samples[(size_t)c * num_frames + i], 4, 1, file), 1);
    assert_int_equal(fclose(file), 0);
}

/* Two seconds of a 1 kHz sine at -20 dBFS on one channel of a file, and nothing on the others. */
static void write_tone(uint32_t num_channels, uint32_t channel, uint32_t mask)
{
    enum { FRAMES = 96000 };
    float *samples = calloc((size_t)num_channels * FRAMES, sizeof(*samples));
    assert_non_null(samples);
    for (uint32_t i = 0; i < FRAMES; i++)
        samples[(size_t)channel * FRAMES + i] = 0.1f * (float)sin(2.0 * pi * 1000.0 * i / 48000.0);
    write_wave(num_channels, 48000, mask, FRAMES, samples);
    free(samples);
}

/* Measures the file and checks loudness and layout. */
static void check_file(const char *layout, const char *expected_layout, double expected_lufs)
{
    mxd_problems *problems = mxd_problems_create();
    mxd_measure_result *result = NULL;
    mxd_result status = mxd_measure_file(path, layout, 2, problems, &result);
    if (status != MXD_OK)
        fail_msg("result %d: %s", status,
                 mxd_problems_count(problems) ? mxd_problems_get(problems, 0)->text : "nothing said");
    assert_int_equal(mxd_problems_count(problems), 0);
    assert_string_equal(result->layout, expected_layout);
    assert_int_equal(result->sample_rate, 48000);
    assert_int_equal(result->num_frames, 96000);
    assert_int_equal(result->num_points, 20);
    double got = result->loudness.integrated_lufs;
    /* A sine of -20 dBFS has -23.01 LUFS at 997 Hz; at 1 kHz, and with the filter's ringing in, a little more. */
    if (!(expected_lufs == got || fabs(got - expected_lufs) <= 0.05))
        fail_msg("layout %s: %.3f LUFS, not %.3f", expected_layout, got, expected_lufs);
    if (!(fabs(result->loudness.true_peak_dbtp + 20.0) <= 0.1))
        fail_msg("layout %s: %.3f dBTP, not -20", expected_layout, result->loudness.true_peak_dbtp);
    mxd_measure_result_destroy(result);
    mxd_problems_destroy(problems);
}

static void test_layouts(void **state)
{
    (void)state;
    const double tone = -23.01, side = -23.01 + 10.0 * log10(1.41);
    write_tone(1, 0, 0);
    check_file(NULL, "0+1+0", tone);
    check_file("mono", "0+1+0", tone);
    write_tone(1, 0, 0x4);
    check_file(NULL, "0+1+0", tone);
    write_tone(2, 1, 0x3);
    check_file(NULL, "0+2+0", tone);
    check_file("Stereo", "0+2+0", tone);

    /* 5.1: the surrounds, by either name of theirs and by none; the LFE. */
    static const uint32_t masks_5_1[] = {0, 0x3f, 0x60f};
    for (int i = 0; i < 3; i++) {
        write_tone(6, 4, masks_5_1[i]);
        check_file(NULL, "0+5+0", side);
        write_tone(6, 3, masks_5_1[i]);
        check_file(NULL, "0+5+0", -HUGE_VAL);
    }
    check_file("5.1", "0+5+0", -HUGE_VAL);

    /* 7.1 without a mask has the sides first; with one, the mask's order, backs first. */
    write_tone(8, 4, 0);
    check_file(NULL, "0+7+0", side);
    write_tone(8, 6, 0);
    check_file(NULL, "0+7+0", tone);
    write_tone(8, 4, 0x63f);
    check_file(NULL, "0+7+0", tone);
    check_file("7.1", "0+7+0", tone);
    write_tone(8, 6, 0x63f);
    check_file(NULL, "0+7+0", side);

    write_tone(12, 5, 0);
    check_file(NULL, "4+7+0", side);
    write_tone(12, 9, 0);
    check_file("7.1.4", "4+7+0", tone);
    write_tone(24, 10, 0);
    check_file(NULL, "9+10+3", side);
}

static void check_refused(const char *file, const char *layout, mxd_result expected, const char *words)
{
    mxd_problems *problems = mxd_problems_create();
    mxd_measure_result *result = (mxd_measure_result *)1;
    mxd_result status = mxd_measure_file(file, layout, 1, problems, &result);
    assert_null(result);
    assert_true(mxd_problems_count(problems) >= 1);
    const mxd_problem *problem = mxd_problems_get(problems, 0);
    if (status != expected || !strstr(problem->text, words))
        fail_msg("result %d, not %d: %s", status, expected, problem->text);
    assert_non_null(problem->file);
    assert_string_equal(problem->file, file);
    mxd_problems_destroy(problems);
}

static void test_refusals(void **state)
{
    (void)state;
    check_refused("no/such/file.wav", NULL, MXD_ERROR_FILE, "no such file");
    write_tone(4, 0, 0);
    check_refused(path, NULL, MXD_ERROR_UNSUPPORTED, "--layout");
    check_refused(path, "5.1", MXD_ERROR_ARGUMENT, "has 4 channels, but layout '5.1' has 6");
    check_refused(path, "mono", MXD_ERROR_ARGUMENT, "has 4 channels");
    check_refused(path, "5.2", MXD_ERROR_ARGUMENT, "no layout '5.2'");
    write_tone(8, 0, 0xff); /* 7.1 with five in front: none of BS.2051's */
    check_refused(path, NULL, MXD_ERROR_UNSUPPORTED, "0xff");

    /* NaN in the last of several stretches: file and frame are named, by one thread and by two. */
    enum { FRAMES = 200000 };
    float *samples = calloc(FRAMES, sizeof(*samples));
    assert_non_null(samples);
    samples[190001] = NAN;
    write_wave(1, 48000, 0, FRAMES, samples);
    free(samples);
    check_refused(path, NULL, MXD_ERROR_FILE, "190001");
    mxd_problems *problems = mxd_problems_create();
    mxd_measure_result *result;
    assert_int_equal(mxd_measure_file(path, NULL, 2, problems, &result), MXD_ERROR_FILE);
    assert_null(result);
    assert_non_null(strstr(mxd_problems_get(problems, 0)->text, "190001"));
    mxd_problems_destroy(problems);
}

/* Figures and series are the meter's own, to the bit, whatever the number of threads. */
static void test_threads(void **state)
{
    (void)state;
    enum { FRAMES = 150011, CHANNELS = 6 };
    float *samples = malloc(sizeof(*samples) * CHANNELS * FRAMES);
    assert_non_null(samples);
    uint32_t random = 7;
    const float *channels[CHANNELS];
    for (uint32_t c = 0; c < CHANNELS; c++) {
        channels[c] = samples + (size_t)c * FRAMES;
        for (uint32_t i = 0; i < FRAMES; i++) {
            random = random * 1664525u + 1013904223u;
            samples[(size_t)c * FRAMES + i] = ((float)(random >> 8) / 8388608.0f - 1.0f) / (float)(c + 2);
        }
    }
    write_wave(CHANNELS, 44100, 0, FRAMES, samples);
    mxd_meter *meter = mxd_meter_create(mxd_layout_find("5.1"), CHANNELS, 44100, NULL);
    assert_non_null(meter);
    assert_int_equal(mxd_meter_push(meter, channels, FRAMES), MXD_OK);
    mxd_loudness expected;
    const double *momentary, *short_term;
    mxd_meter_read(meter, &expected);
    size_t n = mxd_meter_series(meter, &momentary, &short_term);
    for (uint32_t num_threads = 0; num_threads <= 3; num_threads++) {
        mxd_problems *problems = mxd_problems_create();
        mxd_measure_result *result = NULL;
        assert_int_equal(mxd_measure_file(path, NULL, num_threads, problems, &result), MXD_OK);
        assert_int_equal(result->num_channels, CHANNELS);
        assert_int_equal(result->num_frames, FRAMES);
        assert_int_equal(result->num_points, n);
        assert_memory_equal(&result->loudness, &expected, sizeof(expected));
        assert_memory_equal(result->momentary_lufs, momentary, n * sizeof(double));
        assert_memory_equal(result->short_term_lufs, short_term, n * sizeof(double));
        mxd_measure_result_destroy(result);
        mxd_problems_destroy(problems);
    }
    mxd_meter_destroy(meter);
    free(samples);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layouts),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_threads),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
