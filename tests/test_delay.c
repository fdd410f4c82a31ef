/*
 * delay, chorus, flanger through whole renders, against closed forms: echoes at
 * their frames, combs and filtered loops as spectra, and of delays that move a
 * sine's own values at the moving times.
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

#define RATE 48000.0
#define MONO "{ \"pan\": -1 }" /* left is the signal itself */
#define STEREO "{ \"bed\": \"stereo\" }"
#define TONE_HZ 10000.0

/* Half of full scale; its value at any time is known. */
static float tone(uint32_t channel, uint64_t frame)
{
    (void)channel;
    return (float)(0.5 * sin(2 * pi * TONE_HZ / RATE * (double)frame));
}

static double tone_at(double frame)
{
    return 0.5 * sin(2 * pi * TONE_HZ / RATE * frame);
}

static int set_up(void **state)
{
    render_set_up(state);
    fixture *f = *state;
    fixture_wav(f, "tone.wav", 48000, 1, 96000, tone);
    fixture_wav(f, "two_tones.wav", 48000, 2, 96000, tone);
    return 0;
}

/* One track of that file through the inserts; rest: of the session, such as a tempo. */
static fixture_audio render(fixture *f, const char *file, const char *insert, const char *place, const char *rest,
                            const mxd_render_options *options)
{
    char json[2048];
    snprintf(json, sizeof json,
             HEAD "%s \"tracks\": [ { \"name\": \"A\", \"clips\": [ { \"file\": \"%s\" } ], \"inserts\": [ %s ], "
             "\"place\": %s } ], " STEREO_OUT, rest, file, insert, place);
    return fixture_output(f, json, options);
}

static double sample(const fixture_audio *audio, uint32_t channel, uint64_t frame)
{
    return frame < audio->frames ? audio->samples[frame * audio->channels + channel] : 0.0;
}

/* Channel `channel` of the answer to an impulse is `gains[k]` at frame `frames[k]`, and nothing else, over all of it. */
static void assert_echoes(const fixture_audio *audio, uint32_t channel, uint32_t count, const uint64_t *frames,
                          const double *gains, double rest)
{
    uint32_t next = 0;
    for (uint64_t n = 0; n < audio->frames; n++) {
        const bool is_echo = next < count && n == frames[next];
        const double expected = is_echo ? gains[next++] : 0.0, is = sample(audio, channel, n);
        if (!(fabs(is - expected) <= (is_echo || next < count ? 1e-7 : rest)))
            fail_msg("channel %u, frame %u: %.9g, not %.9g", channel, (unsigned)n, is, expected);
    }
    assert_int_equal(next, count);
}

static void echoes_stand_at_their_frames(void **state)
{
    fixture *f = *state;
    for (int reference = 0; reference < 2; reference++) {
        const mxd_render_options options = {.backend = reference ? MXD_BACKEND_REFERENCE : MXD_BACKEND_CPU};
        fixture_audio out =
            render(f, "impulse.wav", "{ \"type\": \"delay\", \"time_s\": 0.0123125, \"feedback\": -0.5, \"mix\": 0.4 }",
                   MONO, "", &options);
        uint64_t frames[27];
        double gains[27];
        for (uint32_t k = 0; k < 27; k++) {
            frames[k] = 591 * k;
            gains[k] = k == 0 ? 0.6 : 0.4 * pow(-0.5, k - 1);
        }
        /* It goes on to -160 dB of full scale. */
        assert_true(out.frames > frames[26]);
        assert_echoes(&out, 0, 27, frames, gains, 1e-7);
        free(out.samples);
    }
}

/* A dotted eighth at 120 beats a minute is 0.375 s; a quarter at 90 is 0.667 s; 10 s is a delay, too. */
static void notes_are_times(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *time, *rest;
        uint64_t frames;
    } cases[] = {
        {"\"note\": \"1/8.\"", "", 18000},
        {"\"note\": \"1/4T\"", "", 16000},
        {"\"note\": \"1/4\"", "\"tempo\": 90,", 32000},
        {"\"time_s\": 10", "", 480000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char insert[200];
        snprintf(insert, sizeof insert, "{ \"type\": \"delay\", %s, \"mix\": 1 }", cases[i].time);
        fixture_audio out = render(f, "impulse.wav", insert, MONO, cases[i].rest, NULL);
        assert_echoes(&out, 0, 1, &cases[i].frames, (double[]){1.0}, 1e-7);
        free(out.samples);
    }
}

/* From one channel two: left, right, left; from two each side's echoes change sides. */
static void ping_pong_changes_sides(void **state)
{
    fixture *f = *state;
    fixture_audio out = render(f, "impulse.wav",
                               "{ \"type\": \"delay\", \"time_s\": 0.01, \"feedback\": 0.5, \"ping_pong\": true }",
                               STEREO, "", NULL);
    const double dry = 0.5 * sqrt(0.5);
    uint64_t left[13] = {0}, right[13] = {0};
    double left_gains[13] = {dry}, right_gains[13] = {dry};
    for (uint32_t k = 1; k < 13; k++) {
        left[k] = 480 * (2 * k - 1);
        right[k] = 480 * 2 * k;
        left_gains[k] = 0.5 * pow(0.5, 2 * k - 2);
        right_gains[k] = 0.5 * pow(0.5, 2 * k - 1);
    }
    assert_echoes(&out, 0, 13, left, left_gains, 1e-7);
    assert_echoes(&out, 1, 13, right, right_gains, 1e-7);
    free(out.samples);
    /* Both channels have the tone; the right line is 1.5 times as long. One crossing: 480 + 720 frames. */
    out = render(f, "pair.wav",
                 "{ \"type\": \"delay\", \"time_s\": 0.01, \"spread\": 0.5, \"feedback\": 0.5, \"ping_pong\": true, "
                 "\"mix\": 1 }",
                 STEREO, "", NULL);
    for (uint64_t n = 0; n < 1600; n++) {
        double expected[2] = {0};
        const uint64_t times[2] = {480, 720};
        for (uint32_t c = 0; c < 2; c++) {
            if (n >= times[c])
                expected[c] += fixture_noise(c, n - times[c]);
            if (n >= 1200)
                expected[c] += 0.5 * fixture_noise(1 - c, n - 1200);
        }
        if (n < 1440) { /* before the next crossing, of the left line twice and the right one */
            assert_sample(&out, 0, n, expected[0]);
            assert_sample(&out, 1, n, expected[1]);
        }
    }
    free(out.samples);
}

/* ---- Spectra ------------------------------------------------------------- */

static double complex spectrum(const fixture_audio *audio, uint32_t channel, double frequency_hz)
{
    double complex sum = 0;
    for (uint64_t n = 0; n < audio->frames; n++)
        sum += sample(audio, channel, n) * cexp(-2.0 * I * pi * frequency_hz / RATE * (double)n);
    return sum;
}

/* The trapezoidal filter of first order of a corner. */
static double complex low_pass(double frequency_hz, double corner_hz)
{
    return 1.0 / (1.0 + I * tan(pi * frequency_hz / RATE) / tan(pi * corner_hz / RATE));
}

/* An insert at rest: dry (1 - mix) and mix F e / (1 - feedback F e), e = e^(-i w T), F the cuts. */
static void assert_comb(fixture *f, const char *insert, double time_s, double feedback, double mix, double low_hz,
                        double high_hz, double limit_db)
{
    fixture_audio out = render(f, "impulse.wav", insert, MONO, "", NULL);
    double worst = 0, worst_hz = 0;
    for (double hz = 31.0; hz <= 12000.0; hz *= 1.043) {
        double complex loop = cexp(-2.0 * I * pi * hz * time_s);
        if (low_hz > 0)
            loop *= 1.0 - low_pass(hz, low_hz);
        if (high_hz > 0)
            loop *= low_pass(hz, high_hz);
        const double complex expected = 1.0 - mix + mix * loop / (1.0 - feedback * loop);
        const double error = cabs(spectrum(&out, 0, hz) - expected);
        if (!(error <= worst)) {
            worst = error;
            worst_hz = hz;
        }
    }
    if (!(20 * log10(worst) <= limit_db))
        fail_msg("%s: %.1f dB at %g Hz, allowed %.0f", insert, 20 * log10(worst), worst_hz, limit_db);
    free(out.samples);
}

/* Interpolation is good to -100 dB at 10 kHz from 21.4 frames on; in a loop of 0.7 that counts three times (11 dB). */
static void combs_are_combs(void **state)
{
    fixture *f = *state;
    assert_comb(f, "{ \"type\": \"flanger\", \"delay_ms\": 0.731, \"rate_hz\": 0 }", 0.000731, 0, 0.5, 0, 0, -105);
    assert_comb(f, "{ \"type\": \"flanger\", \"delay_ms\": 3.1, \"depth_ms\": 0, \"feedback\": 0.7, \"mix\": 0.3 }", 0.0031,
                0.7, 0.3, 0, 0, -95);
    assert_comb(f, "{ \"type\": \"flanger\", \"delay_ms\": 0.5, \"rate_hz\": 0, \"feedback\": -0.9 }", 0.0005, -0.9, 0.5, 0,
                0, -100); /* 24 frames: no interpolation, every other frame is a chunk of nine */
    assert_comb(f, "{ \"type\": \"flanger\", \"delay_ms\": 0.25, \"rate_hz\": 0, \"feedback\": 0.6 }", 0.00025, 0.6, 0.5, 0, 0,
                -100);
    assert_comb(f, "{ \"type\": \"chorus\", \"voices\": 1, \"delay_ms\": 7.77, \"depth_ms\": 0, \"mix\": 1 }", 0.00777, 0, 1,
                0, 0, -105);
    assert_comb(f, "{ \"type\": \"delay\", \"time_s\": 0.0412, \"feedback\": 0.8, \"low_cut_hz\": 200, \"high_cut_hz\": "
                   "4000, \"mix\": 0.5 }", 0.0412, 0.8, 0.5, 200, 4000, -95);
}

/* Four voices at rest are one, twice as loud (1 / sqrt(4) of four); their feedback is that of one. */
static void voices_at_rest_add_up(void **state)
{
    fixture *f = *state;
    fixture_audio out = render(f, "impulse.wav",
                               "{ \"type\": \"chorus\", \"voices\": 4, \"delay_ms\": 20, \"rate_hz\": 0, \"feedback\": 0.5, "
                               "\"mix\": 1 }",
                               MONO, "", NULL);
    uint64_t frames[20];
    double gains[20];
    for (uint32_t k = 0; k < 20; k++) {
        frames[k] = 960 * (k + 1);
        gains[k] = 2.0 * pow(0.5, k);
    }
    assert_echoes(&out, 0, 20, frames, gains, 4e-6);
    free(out.samples);
}

/* ---- Moving delays ------------------------------------------------------- */

typedef double delay_law(double frame, uint32_t channel, uint32_t voice);

/* 10 kHz heard through voices that move is the tone at the moved times, to -100 dB of it. */
static void assert_moved(fixture *f, const char *insert, const char *rest, delay_law *law, uint32_t voices, double gain,
                         uint64_t first)
{
    fixture_audio out = render(f, "two_tones.wav", insert, STEREO, rest, NULL);
    double worst = 0;
    uint64_t worst_frame = 0;
    for (uint64_t n = first; n < 90000; n++)
        for (uint32_t c = 0; c < 2; c++) {
            double expected = 0;
            for (uint32_t v = 0; v < voices; v++)
                expected += gain * tone_at((double)n - law((double)n, c, v));
            const double error = fabs(sample(&out, c, n) - expected);
            if (!(error <= worst)) {
                worst = error;
                worst_frame = n;
            }
        }
    if (!(worst <= 0.5e-5 * gain * voices))
        fail_msg("%s: %.3g (%.1f dB) at frame %u", insert, worst, 20 * log10(worst / (0.5 * gain * voices)),
                 (unsigned)worst_frame);
    free(out.samples);
}

static double swinging(double frame, uint32_t channel, uint32_t voice)
{
    (void)voice;
    return 4800.0 * (channel ? 1.25 : 1.0) + 144.0 * sin(2 * pi * 0.9 / RATE * frame);
}

static double drifting(double frame, uint32_t channel, uint32_t voice)
{
    return 720.0 + 240.0 * 0.5 * (1 - cos(2 * pi * (0.8 / RATE * frame + voice / 3.0 + channel * 0.25)));
}

static double sweeping(double frame, uint32_t channel, uint32_t voice)
{
    (void)voice;
    return 48.0 + 192.0 * 0.5 * (1 - cos(2 * pi * (0.5 / RATE * frame + channel * 60 / 360.0)));
}

/* A quarter note of 0.5 s is a cycle. */
static double sweeping_by_notes(double frame, uint32_t channel, uint32_t voice)
{
    (void)voice;
    (void)channel;
    return 48.0 + 48.0 * 0.5 * (1 - cos(2 * pi * frame / 24000.0));
}

/* From 0.1 s at 0.5 s to 0.15 s at 1.5 s: a twentieth slower. */
static double sliding(double frame, uint32_t channel, uint32_t voice)
{
    (void)channel;
    (void)voice;
    return 4800.0 + 0.05 * fmin(fmax(frame - 24000.0, 0.0), 48000.0);
}

static void moving_delays_follow_their_law(void **state)
{
    fixture *f = *state;
    assert_moved(f, "{ \"type\": \"delay\", \"time_s\": 0.1, \"spread\": 0.25, \"modulation_ms\": 3, \"modulation_hz\": "
                    "0.9, \"mix\": 1 }", "", swinging, 1, 1.0, 6200);
    assert_moved(f, "{ \"type\": \"chorus\", \"spread\": 0.5, \"mix\": 1 }", "", drifting, 3, sqrt(1 / 3.0), 1000);
    assert_moved(f, "{ \"type\": \"flanger\", \"depth_ms\": 4, \"rate_hz\": 0.5, \"stereo_phase_deg\": 60, \"mix\": 1 }", "",
                 sweeping, 1, 1.0, 300);
    assert_moved(f, "{ \"type\": \"flanger\", \"depth_ms\": 1, \"note\": \"1/4\", \"stereo_phase_deg\": 0, \"mix\": 1 }", "",
                 sweeping_by_notes, 1, 1.0, 300);
    assert_moved(f, "{ \"type\": \"delay\", \"time_s\": 1, \"mix\": 1, \"automation\": [ { \"parameter\": \"time_s\", "
                    "\"points\": [ [0.5, 0.1], [1.5, 0.15] ] } ] }", "", sliding, 1, 1.0, 4900);
}

/* A triangle goes straight: between its corners (which take 32 frames to turn) a constant pitch. */
static void a_triangle_goes_straight(void **state)
{
    fixture *f = *state;
    fixture_audio out = render(f, "tone.wav",
                               "{ \"type\": \"flanger\", \"shape\": \"triangle\", \"depth_ms\": 5, \"rate_hz\": 0.5, \"mix\": "
                               "1 }",
                               MONO, "", NULL);
    for (uint64_t n = 400; n < 95000; n++) {
        const double phase = fmod((double)n / 96000.0, 1.0);
        if (fabs(phase - 0.5) > 33 / 96000.0) {
            const double expected = tone_at((double)n - 48.0 - 240.0 * (1 - fabs(2 * phase - 1)));
            if (!(fabs(sample(&out, 0, n) - expected) <= 0.5e-5))
                fail_msg("frame %u: %.9g, not %.9g", (unsigned)n, sample(&out, 0, n), expected);
        }
    }
    free(out.samples);
}

/* ---- Blocks, backends ---------------------------------------------------- */

/* limit: of cpu against reference, in dBFS. A loop of 0.93 keeps 14 passes' roundings of a signal of 1.7. */
static const struct {
    const char *insert;
    double limit_dbfs;
} everything[] = {
    {"{ \"type\": \"delay\", \"note\": \"1/16\", \"spread\": -0.3, \"feedback\": 0.6, \"low_cut_hz\": 150, \"high_cut_hz\": "
    "5000, \"modulation_ms\": 2, \"automation\": [ { \"parameter\": \"feedback\", \"points\": [ [0, 0.2], [1, 0.9] ] } ] }", -115},
    {"{ \"type\": \"delay\", \"time_s\": 0.0331, \"feedback\": 0.93, \"ping_pong\": true }", -112},
    {"{ \"type\": \"chorus\", \"voices\": 8, \"feedback\": -0.4 }", -120},
    {"{ \"type\": \"flanger\", \"delay_ms\": 0.1, \"depth_ms\": 2, \"rate_hz\": 1.3, \"feedback\": 0.9 }", -112},
};

/* Bursts whose tails end between them: what has rung out is forgotten, wherever blocks are cut. */
static void blocks_and_backends_agree(void **state)
{
    fixture *f = *state;
    for (size_t i = 0; i < sizeof everything / sizeof *everything; i++) {
        char json[2048];
        snprintf(json, sizeof json,
                 HEAD "\"tracks\": [ { \"name\": \"A\", \"clips\": [ { \"file\": \"pair.wav\" }, { \"file\": \"pair.wav\", "
                 "\"start_s\": 8.5, \"length_s\": 0.3 } ], \"inserts\": [ %s ], \"place\": { \"bed\": \"stereo\" } } ], "
                 STEREO_OUT, everything[i].insert);
        const mxd_render_options options[] = {
            {.backend = MXD_BACKEND_CPU, .block_frames = 1024, .num_threads = 1},
            {.backend = MXD_BACKEND_CPU, .block_frames = 16384},
            {.backend = MXD_BACKEND_CPU, .block_frames = 262144},
            {.backend = MXD_BACKEND_REFERENCE, .block_frames = 65536},
        };
        fixture_audio outs[4];
        for (int o = 0; o < 4; o++)
            outs[o] = fixture_output(f, json, &options[o]);
        assert_nulls(&outs[0], &outs[1], -140, everything[i].insert);
        assert_nulls(&outs[0], &outs[2], -140, everything[i].insert);
        assert_nulls(&outs[0], &outs[3], everything[i].limit_dbfs, everything[i].insert);
        for (int o = 0; o < 4; o++)
            free(outs[o].samples);
    }
}

/* ---- What is refused ----------------------------------------------------- */

static void what_makes_no_sense_is_refused(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *insert, *path, *text;
    } cases[] = {
        {"{ \"type\": \"delay\" }", "/tracks/0/inserts/0", "needs its time"},
        {"{ \"type\": \"delay\", \"time_s\": 11 }", "/time_s", "10"},
        {"{ \"type\": \"delay\", \"time_s\": 1, \"note\": \"1/8\" }", "/note", "say the same thing twice"},
        {"{ \"type\": \"delay\", \"note\": \"1/3\" }", "/note", "1/3"},
        {"{ \"type\": \"delay\", \"note\": \"99/1\" }", "/note", "198 s at 120 beats"},
        {"{ \"type\": \"delay\", \"time_s\": 1, \"feedback\": 1 }", "/feedback", "0.99"},
        {"{ \"type\": \"delay\", \"time_s\": 0.01, \"modulation_ms\": 10 }", "/modulation_ms", "less than the delay"},
        {"{ \"type\": \"delay\", \"time_s\": 0.1, \"cross\": 1 }", "/cross", "unknown key"},
        {"{ \"type\": \"chorus\", \"voices\": 9 }", "/voices", "8"},
        {"{ \"type\": \"chorus\", \"rate_hz\": 1, \"note\": \"1/1\" }", "/note", "rate_hz"},
        {"{ \"type\": \"flanger\", \"shape\": \"square\" }", "/shape", "triangle"},
        {"{ \"type\": \"flanger\", \"feedback\": -1 }", "/feedback", "-0.99"},
        {"{ \"type\": \"flanger\", \"automation\": [ { \"parameter\": \"shape\", \"points\": [ [0, 1] ] } ] }",
         "/parameter", "no parameter"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char json[1024];
        snprintf(json, sizeof json, HEAD "\"tracks\": [ { \"name\": \"A\", " ONES ", \"inserts\": [ %s ] } ], " STEREO_OUT,
                 cases[i].insert);
        fixture_text(f, "session.json", json);
        mxd_session *session = NULL;
        mxd_problems *problems = mxd_problems_create();
        assert_int_equal(mxd_session_load(fixture_path(f, "session.json"), problems, &session), MXD_ERROR_INVALID);
        bool found = false;
        for (size_t p = 0; p < mxd_problems_count(problems); p++) {
            const mxd_problem *problem = mxd_problems_get(problems, p);
            found |= problem->path && strstr(problem->path, cases[i].path) && problem->line > 0 &&
                     strstr(problem->text, cases[i].text);
        }
        if (!found) {
            fixture_print(problems);
            fail_msg("%s: nothing at %s says \"%s\"", cases[i].insert, cases[i].path, cases[i].text);
        }
        mxd_problems_destroy(problems);
        mxd_session_destroy(session);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(echoes_stand_at_their_frames, set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(notes_are_times, set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(ping_pong_changes_sides, set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(combs_are_combs, set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(voices_at_rest_add_up, set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(moving_delays_follow_their_law, set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(a_triangle_goes_straight, set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(blocks_and_backends_agree, set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(what_makes_no_sense_is_refused, set_up, fixture_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
