/*
 * gain, trim, polarity, width, rotate, dc-block through whole renders, against closed
 * forms: what each does is a matrix of numbers, or an analogue filter's response at
 * prewarped frequencies.
 */
#include "render_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <complex.h>
#include <math.h>

static const double pi = 3.14159265358979323846;

/* A session of one stereo track of that file through the inserts, as a bed. */
static const char *session_of(const char *file, const char *inserts)
{
    static char json[2048];
    snprintf(json, sizeof json,
             HEAD "\"tracks\": [ { \"name\": \"A\", \"clips\": [ { \"file\": \"%s\" } ], \"inserts\": [ %s ], "
             "\"place\": { \"bed\": \"stereo\" } } ], " STEREO_OUT, file, inserts);
    return json;
}

static fixture_audio output_of(fixture *f, const char *file, const char *inserts)
{
    return fixture_output(f, session_of(file, inserts), NULL);
}

/* Noise through the inserts is this matrix of the noise, at every 7th frame, on both backends. */
static void assert_matrix(fixture *f, const char *inserts, double matrix[2][2])
{
    for (int reference = 0; reference < 2; reference++) {
        const mxd_render_options options = {.backend = reference ? MXD_BACKEND_REFERENCE : MXD_BACKEND_CPU};
        fixture_audio out = fixture_output(f, session_of("pair.wav", inserts), &options);
        assert_int_equal(out.frames, 48000);
        for (uint64_t n = 0; n < out.frames; n += 7)
            for (uint32_t c = 0; c < 2; c++)
                assert_sample(&out, c, n,
                              matrix[c][0] * fixture_noise(0, n) + matrix[c][1] * fixture_noise(1, n));
        free(out.samples);
    }
}

static void what_stands_still_is_a_matrix(void **state)
{
    fixture *f = *state;
    const double a = db(-6), b = db(3.5), c = db(2 - 4), s = sin(pi / 6), k = cos(pi / 6), r = sqrt(0.5);
    assert_matrix(f, "{ \"type\": \"gain\" }", (double[2][2]){{1, 0}, {0, 1}});
    assert_matrix(f, "{ \"type\": \"gain\", \"gain_db\": -6 }", (double[2][2]){{a, 0}, {0, a}});
    assert_matrix(f, "{ \"type\": \"gain\", \"gain_db\": null }", (double[2][2]){{0, 0}, {0, 0}});
    assert_matrix(f, "{ \"type\": \"trim\", \"gain_db\": 3.5 }", (double[2][2]){{b, 0}, {0, b}});
    assert_matrix(f, "{ \"type\": \"trim\", \"gain_db\": 2, \"channels_db\": [-8, -4] }",
                  (double[2][2]){{a, 0}, {0, c}});
    assert_matrix(f, "{ \"type\": \"polarity\" }", (double[2][2]){{-1, 0}, {0, -1}});
    assert_matrix(f, "{ \"type\": \"polarity\", \"channels\": [1] }", (double[2][2]){{1, 0}, {0, -1}});
    assert_matrix(f, "{ \"type\": \"width\", \"width\": 0 }", (double[2][2]){{0.5, 0.5}, {0.5, 0.5}});
    assert_matrix(f, "{ \"type\": \"width\" }", (double[2][2]){{1, 0}, {0, 1}});
    assert_matrix(f, "{ \"type\": \"width\", \"width\": 2 }", (double[2][2]){{1.5, -0.5}, {-0.5, 1.5}});
    assert_matrix(f, "{ \"type\": \"rotate\", \"angle_deg\": 30 }", (double[2][2]){{k, s}, {-s, k}});
    assert_matrix(f, "{ \"type\": \"rotate\", \"angle_deg\": 405 }", (double[2][2]){{r, r}, {-r, r}});
    assert_matrix(f, "{ \"type\": \"rotate\", \"angle_deg\": 180 }, { \"type\": \"polarity\" }",
                  (double[2][2]){{1, 0}, {0, 1}});
    assert_matrix(f, "{ \"type\": \"gain\", \"gain_db\": 20, \"bypass\": true }", (double[2][2]){{1, 0}, {0, 1}});
}

/* Levels move in straight lines of dB, exact at least at every 64th frame; jumps are at their very frame. */
static void gains_move_to_the_frame(void **state)
{
    fixture *f = *state;
    fixture_audio out = output_of(
        f, "pair_of_ones.wav",
        "{ \"type\": \"gain\", \"automation\": [ { \"parameter\": \"gain_db\", \"points\": [ [0.1, 0], [0.3, -24] ] } ] },"
        "{ \"type\": \"gain\", \"automation\": [ { \"parameter\": \"gain_db\", \"curve\": \"hold\", \"points\": "
        "[ [0, 0], [0.500125, null], [0.6, -6] ] } ] }");
    for (uint64_t n = 0; n < out.frames; n++) {
        double level_db = n < 4800 ? 0 : n < 14400 ? -24.0 * (double)(n - 4800) / 9600.0 : -24;
        double should = n < 24006 ? db(level_db) : n < 28800 ? 0 : db(level_db - 6);
        /* Between: a chord of 64 frames of 24 dB in 0.2 s, 0.16 dB: off by at most x e^x (0.0184)^2 / 8 = 4.3e-5. */
        double tolerance = n % 64 == 0 || n < 4800 || n > 14400 ? 2e-6 : 5e-5;
        if (!(fabs(out.samples[2 * n] - should) <= tolerance))
            fail_msg("frame %u: %g, not %g", (unsigned)n, out.samples[2 * n], should);
    }
    free(out.samples);

    out = output_of(f, "left_ones.wav", "{ \"type\": \"rotate\", \"automation\": [ { \"parameter\": \"angle_deg\", "
                                        "\"points\": [ [0, 0], [0.5, 90], [0.9, -270] ] } ] }");
    for (uint64_t n = 0; n < out.frames; n += 64) {
        double angle = pi / 180 * (n < 24000 ? 90.0 * (double)n / 24000 : n < 43200 ? 90 - 360.0 * (double)(n - 24000) / 19200 : -270);
        assert_sample(&out, 0, n, cos(angle));
        assert_sample(&out, 1, n, -sin(angle));
    }
    free(out.samples);

    out = output_of(f, "left_ones.wav", "{ \"type\": \"width\", \"automation\": [ { \"parameter\": \"width\", "
                                        "\"points\": [ [0, 0], [0.5, 2] ] } ] }");
    for (uint64_t n = 0; n < out.frames; n++) {
        double width = n < 24000 ? (double)n / 12000 : 2;
        assert_sample(&out, 0, n, 0.5 * (1 + width));
        assert_sample(&out, 1, n, 0.5 * (1 - width));
    }
    free(out.samples);
}

static double complex response(const fixture_audio *audio, uint32_t channel, double frequency_hz)
{
    double complex sum = 0;
    for (uint64_t n = 0; n < audio->frames; n++)
        sum += audio->samples[n * audio->channels + channel] * cexp(-2.0 * I * pi * frequency_hz / 48000 * (double)n);
    return sum;
}

/* An impulse in the left alone: from Linkwitz's formulas, with s prewarped. */
static void below_the_crossover_is_mono(void **state)
{
    fixture *f = *state;
    static const double widths[] = {0, 1, 1.7};
    for (int i = 0; i < 3; i++) {
        char insert[128];
        snprintf(insert, sizeof insert, "{ \"type\": \"width\", \"width\": %g, \"below_hz\": 200 }", widths[i]);
        fixture_audio out = output_of(f, "left_impulse.wav", insert);
        for (double hz = 20; hz < 23000; hz *= 1.3) {
            const double complex s = I * tan(pi * hz / 48000) / tan(pi * 200 / 48000);
            const double complex pole = s * s + sqrt(2) * s + 1, low = 1 / (pole * pole), high = s * s * s * s * low;
            const double complex left = response(&out, 0, hz), right = response(&out, 1, hz);
            assert_true(fabs(20 * log10(cabs(left + right))) <= 0.001); /* the sum is flat */
            assert_true(cabs(left - 0.5 * (low + high + widths[i] * high)) <= 1e-4);
            assert_true(cabs(right - 0.5 * (low + high - widths[i] * high)) <= 1e-4);
        }
        free(out.samples);
    }
}

static void dc_is_blocked(void **state)
{
    fixture *f = *state;
    fixture_audio out = output_of(f, "left_impulse.wav", "{ \"type\": \"dc-block\", \"frequency_hz\": 20 }");
    for (double hz = 1; hz < 23000; hz *= 1.9) {
        const double complex s = I * tan(pi * hz / 48000) / tan(pi * 20 / 48000);
        assert_true(cabs(response(&out, 0, hz) - s / (s + 1)) <= 1e-4);
    }
    assert_true(cabs(response(&out, 0, 0)) <= 1e-5);
    free(out.samples);
    /* A step dies as exp(-2 pi 5 t), but for the first frame of the bilinear transform; 1 s later -273 dB of it. */
    out = output_of(f, "pair_of_ones.wav", "{ \"type\": \"dc-block\" }");
    for (uint64_t n = 100; n < 48000; n += 100)
        assert_true(fabs(out.samples[2 * n] - exp(-2 * pi * 5 * ((double)n + 0.5) / 48000)) <= 2e-5);
    free(out.samples);
}

/* Full scale, silence and both backends in one: below what float32 sums of a few terms leave. */
static void backends_agree(void **state)
{
    fixture *f = *state;
    const char *inserts =
        "{ \"type\": \"trim\", \"gain_db\": 5, \"channels_db\": [1, -1] }, { \"type\": \"width\", \"below_hz\": 110, "
        "\"automation\": [ { \"parameter\": \"width\", \"points\": [ [0, 0], [0.2, 2] ] } ] }, "
        "{ \"type\": \"rotate\", \"angle_deg\": -11 }, { \"type\": \"dc-block\" }, { \"type\": \"polarity\" }, "
        "{ \"type\": \"gain\", \"automation\": [ { \"parameter\": \"gain_db\", \"points\": [ [0, -20], [1, 0] ] } ] }";
    fixture_audio audio[3];
    const mxd_render_options options[3] = {{.backend = MXD_BACKEND_CPU}, {.backend = MXD_BACKEND_REFERENCE},
                                           {.backend = MXD_BACKEND_CPU, .block_frames = 1024}};
    for (int i = 0; i < 3; i++)
        audio[i] = fixture_output(f, session_of("pair.wav", inserts), &options[i]);
    assert_nulls(&audio[0], &audio[1], -120, "cpu against reference");
    assert_nulls(&audio[0], &audio[2], -130, "blocks of 1024");
    for (int i = 0; i < 3; i++)
        free(audio[i].samples);
}

typedef struct mistake {
    const char *insert;
    uint32_t channels; /* that enter */
    const char *text;  /* part of the message */
    const char *path;
} mistake;

static void mistakes_are_told(void **state)
{
    fixture *f = *state;
    static const mistake mistakes[] = {
        {"\"type\": \"gain\", \"gain_db\": 61", 1, "60", "/tracks/0/inserts/0/gain_db"},
        {"\"type\": \"gain\", \"gain\": 3", 1, "gain_db", "/tracks/0/inserts/0/gain"},
        {"\"type\": \"trim\", \"gain_db\": null", 1, "number", "/tracks/0/inserts/0/gain_db"},
        {"\"type\": \"trim\", \"channels_db\": []", 1, "1 to 64", "/tracks/0/inserts/0/channels_db"},
        {"\"type\": \"trim\", \"channels_db\": [0, 30]", 2, "24", "/tracks/0/inserts/0/channels_db/1"},
        {"\"type\": \"trim\", \"channels_db\": [0, 3]", 1, "2 levels, but 1 channel enters", "/tracks/0/inserts/0"},
        {"\"type\": \"polarity\", \"channels\": [2]", 2, "channels has channel 2, but 2 channels enter", "/tracks/0/inserts/0"},
        {"\"type\": \"polarity\", \"channels\": [0, 0]", 2, "twice", "/tracks/0/inserts/0/channels"},
        {"\"type\": \"polarity\", \"channels\": []", 2, "no channel", "/tracks/0/inserts/0/channels"},
        {"\"type\": \"width\", \"width\": 0.5", 1, "width is for two channels, left and right, but 1 enters", "/tracks/0/inserts/0"},
        {"\"type\": \"width\", \"width\": -1", 2, "0", "/tracks/0/inserts/0/width"},
        {"\"type\": \"width\", \"below_hz\": 3", 2, "from 10 to 20000", "/tracks/0/inserts/0/below_hz"},
        {"\"type\": \"width\", \"automation\": [ { \"parameter\": \"below_hz\", \"points\": [[0, 100], [1, 0]] } ]", 2,
         "must stay from 10 to 20000", "/tracks/0/inserts/0/automation/0/points"},
        {"\"type\": \"rotate\", \"angle_deg\": 10", 6, "but 6 enter", "/tracks/0/inserts/0"},
        {"\"type\": \"dc-block\", \"frequency_hz\": 1000", 1, "200", "/tracks/0/inserts/0/frequency_hz"},
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        const mistake *m = &mistakes[i];
        char json[1024];
        snprintf(json, sizeof json,
                 HEAD "\"length_s\": 1, \"tracks\": [ { \"name\": \"A\", \"channels\": %u, \"clips\": [], "
                 "\"inserts\": [ { %s } ], \"place\": { \"bed\": \"%s\" } } ], " STEREO_OUT,
                 m->channels, m->insert, m->channels == 1 ? "mono" : m->channels == 2 ? "stereo" : "5.1");
        fixture_text(f, "session.json", json);
        mxd_problems_destroy(f->problems);
        f->problems = mxd_problems_create();
        mxd_session *session = NULL;
        assert_int_equal(mxd_session_load(fixture_path(f, "session.json"), f->problems, &session), MXD_ERROR_INVALID);
        /* Beside the warning that a track has no clips. */
        const mxd_problem *problem = mxd_problems_get(f->problems, 1);
        if (!problem || mxd_problems_count(f->problems) != 2 || !strstr(problem->text, m->text) || strcmp(problem->path, m->path)) {
            fixture_print(f->problems);
            fail_msg("%s: not one problem at %s that says '%s'", m->insert, m->path, m->text);
        }
    }
}

static float left_only(uint32_t channel, uint64_t frame)
{
    (void)frame;
    return channel == 0 ? 1.0f : 0.0f;
}

static float left_impulse(uint32_t channel, uint64_t frame)
{
    return channel == 0 && frame == 0 ? 1.0f : 0.0f;
}

static int set_up(void **state)
{
    render_set_up(state);
    fixture_wav(*state, "pair_of_ones.wav", 48000, 2, 48000, fixture_ones);
    fixture_wav(*state, "left_ones.wav", 48000, 2, 48000, left_only);
    fixture_wav(*state, "left_impulse.wav", 48000, 2, 4801, left_impulse);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_stands_still_is_a_matrix), cmocka_unit_test(gains_move_to_the_frame),
        cmocka_unit_test(below_the_crossover_is_mono),   cmocka_unit_test(dc_is_blocked),
        cmocka_unit_test(backends_agree),                cmocka_unit_test(mistakes_are_told),
    };
    return cmocka_run_group_tests(tests, set_up, fixture_tear_down);
}
