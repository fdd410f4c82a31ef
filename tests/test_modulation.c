/*
 * phaser, tremolo, auto-pan through whole renders, against closed forms: the
 * all-pass cascade's spectrum and its notches, the oscillators' gains frame by
 * frame, the pan laws.
 */
#include "host/graph/routing.h"
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

static int set_up(void **state)
{
    render_set_up(state);
    fixture *f = *state;
    fixture_wav(f, "two_ones.wav", 48000, 2, 48000, fixture_ones);
    return 0;
}

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

/* ---- phaser -------------------------------------------------------------- */

static double complex spectrum(const fixture_audio *audio, double frequency_hz)
{
    double complex sum = 0;
    for (uint64_t n = 0; n < audio->frames; n++)
        sum += sample(audio, 0, n) * cexp(-2.0 * I * pi * frequency_hz / RATE * (double)n);
    return sum;
}

static double complex cascade(double frequency_hz, double corner_hz, uint32_t stages, double feedback)
{
    const double w = tan(pi * frequency_hz / RATE) / tan(pi * corner_hz / RATE);
    const double complex all = cpow((1.0 - I * w) / (1.0 + I * w), stages);
    return all / (1.0 - feedback * all);
}

/* At rest: dry and cascade, everywhere; without feedback and half mixed, nothing is left at the notches. */
static void phasers_at_rest_are_cascades(void **state)
{
    fixture *f = *state;
    static const struct {
        uint32_t stages;
        double corner_hz, feedback, mix;
    } cases[] = {{2, 800, 0, 0.5}, {4, 150, 0, 0.5}, {7, 3000, 0, 0.5}, {24, 1000, 0, 0.5},
                 {6, 500, 0.7, 0.4}, {6, 500, -0.9, 0.6}, {3, 12000, 0.5, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char insert[200];
        snprintf(insert, sizeof insert,
                 "{ \"type\": \"phaser\", \"stages\": %u, \"frequency_hz\": %g, \"feedback\": %g, \"mix\": %g, \"rate_hz\": 0 }",
                 cases[i].stages, cases[i].corner_hz, cases[i].feedback, cases[i].mix);
        fixture_audio out = render(f, "impulse.wav", insert, MONO, "", NULL);
        for (double hz = 20; hz < 23900; hz *= 1.09) {
            const double complex expected = 1 - cases[i].mix +
                cases[i].mix * cascade(hz, cases[i].corner_hz, cases[i].stages, cases[i].feedback);
            const double error = cabs(spectrum(&out, hz) - expected);
            /* (2 G - 1)^n is known to n units in the last place, and 1 - feedback of that stands below the line. */
            if (!(error <= 1e-5 / (1 - fabs(cases[i].feedback))))
                fail_msg("%s: off by %g at %g Hz", insert, error, hz);
        }
        for (uint32_t k = 0; cases[i].feedback == 0 && 2 * k + 1 < cases[i].stages; k++) {
            const double w = tan((2 * k + 1) * pi / (2.0 * cases[i].stages));
            const double notch_hz = RATE / pi * atan(w * tan(pi * cases[i].corner_hz / RATE));
            if (!(cabs(spectrum(&out, notch_hz)) <= 1e-5))
                fail_msg("%s: %g at its notch %g Hz", insert, cabs(spectrum(&out, notch_hz)), notch_hz);
        }
        free(out.samples);
    }
}

/* ---- tremolo, auto-pan --------------------------------------------------- */

/* t^2 (3 - 2 t) about a jump of so many cycles. */
static double edge(double t)
{
    t = fmin(fmax(t, 0.0), 1.0);
    return t * t * (3 - 2 * t);
}

static double wave(const char *shape, double cycles, double rate_hz)
{
    const double phase = cycles - floor(cycles), width = fmin(rate_hz * 0.002, 0.25);
    if (strcmp(shape, "sine") == 0)
        return cos(2 * pi * phase);
    if (strcmp(shape, "triangle") == 0)
        return fabs(4 * phase - 2) - 1;
    if (strcmp(shape, "square") == 0)
        return phase < 0.5 ? 1 - 2 * edge((phase - 0.25) / width + 0.5) : 2 * edge((phase - 0.75) / width + 0.5) - 1;
    return phase < 1 - width ? 1 - 2 * phase / (1 - width) : 2 * edge((phase - 1 + width) / width) - 1;
}

/* The law, 1 - depth (1 - s) / 2, at every frame of both channels. */
static void tremolos_are_their_law(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *shape;
        double rate_hz, depth, phase_deg, stereo_deg;
    } cases[] = {{"sine", 5.3, 0.8, 0, 0},   {"sine", 0.7, 1, 30, 180},   {"triangle", 7, 1, -45, 90},
                 {"square", 4.1, 0.6, 0, 0}, {"square", 41, 1, 10, -120}, {"saw", 3.3, 1, 0, 360}, {"saw", 49, 0.5, 200, 20}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char insert[300];
        snprintf(insert, sizeof insert,
                 "{ \"type\": \"tremolo\", \"shape\": \"%s\", \"rate_hz\": %g, \"depth\": %g, \"phase_deg\": %g, "
                 "\"stereo_phase_deg\": %g }",
                 cases[i].shape, cases[i].rate_hz, cases[i].depth, cases[i].phase_deg, cases[i].stereo_deg);
        fixture_audio out = render(f, "two_ones.wav", insert, STEREO, "", NULL);
        assert_int_equal(out.frames, 48000);
        for (uint64_t n = 0; n < 48000; n++)
            for (uint32_t c = 0; c < 2; c++) {
                const double cycles =
                    cases[i].rate_hz / RATE * (double)n + (cases[i].phase_deg + c * cases[i].stereo_deg) / 360;
                const double expected = 1 - cases[i].depth * (1 - wave(cases[i].shape, cycles, cases[i].rate_hz)) / 2;
                const double error = sample(&out, c, n) - expected;
                if (!(fabs(error) <= 1e-6))
                    fail_msg("%s: off by %g at frame %u of channel %u", insert, error, (unsigned)n, c);
            }
        free(out.samples);
    }
}

/* Notes: 1/8T at 150 beats a minute is 0.1333 s. */
static void tremolos_keep_time(void **state)
{
    fixture *f = *state;
    fixture_audio out = render(f, "ones.wav", "{ \"type\": \"tremolo\", \"note\": \"1/8T\", \"depth\": 1 }", MONO,
                               "\"tempo\": 150,", NULL);
    for (uint64_t n = 0; n < 48000; n++) {
        const double expected = 1 - (1 - cos(2 * pi * (double)n / 6400)) / 2;
        if (!(fabs(sample(&out, 0, n) - expected) <= 1e-6))
            fail_msg("frame %u: %g, not %g", (unsigned)n, sample(&out, 0, n), expected);
    }
    free(out.samples);
}

/* The rate goes from 1 to 9 Hz and the depth from 0 to 1: the phase is the rate's integral, and nothing jumps. */
static void tremolos_move(void **state)
{
    fixture *f = *state;
    fixture_audio out = render(f, "ones.wav",
                               "{ \"type\": \"tremolo\", \"automation\": [ { \"parameter\": \"rate_hz\", \"points\": [ [0, 1], "
                               "[1, 9] ] }, { \"parameter\": \"depth\", \"points\": [ [0, 0], [1, 1] ] } ] }",
                               MONO, "", NULL);
    for (uint64_t n = 0; n < 48000; n++) {
        const double t = (double)n / RATE, cycles = t + 4 * t * t;
        const double expected = 1 - t * (1 - cos(2 * pi * cycles)) / 2;
        /* The rate is held for 32 frames: 8 Hz / s * 32 / 48000 s, half of that on average, over a second. */
        if (!(fabs(sample(&out, 0, n) - expected) <= pi * 8 * 16 / RATE))
            fail_msg("frame %u: %g, not %g", (unsigned)n, sample(&out, 0, n), expected);
        /* No steeper than the fastest sine: no clicks. */
        if (n > 0)
            assert_true(fabs(sample(&out, 0, n) - sample(&out, 0, n - 1)) <= pi * 9 / RATE + 1.1 / RATE);
    }
    free(out.samples);
}

/* One channel goes about by sine and cosine with constant power, two by balance: as a fader's pan has it. */
static void auto_pans_are_pans(void **state)
{
    fixture *f = *state;
    static const char *const shapes[] = {"sine", "triangle", "square", "saw"};
    for (uint32_t channels = 1; channels <= 2; channels++)
        for (int s = 0; s < 4; s++) {
            char insert[200];
            snprintf(insert, sizeof insert,
                     "{ \"type\": \"auto-pan\", \"rate_hz\": 2.5, \"depth\": 0.9, \"phase_deg\": 20, \"shape\": \"%s\" }",
                     shapes[s]);
            fixture_audio out = render(f, channels == 1 ? "ones.wav" : "two_ones.wav", insert, STEREO, "", NULL);
            for (uint64_t n = 0; n < 48000; n++) {
                const double cycles = 2.5 / RATE * (double)n + 20.0 / 360 + (s < 2 ? 0.75 : 0);
                const double left = sample(&out, 0, n), right = sample(&out, 1, n);
                double expected[2] = {0}, gains[2];
                for (uint32_t c = 0; c < channels; c++) {
                    mxd_pan_gains(0.9 * wave(shapes[s], cycles, 2.5), channels, c, gains);
                    expected[0] += gains[0];
                    expected[1] += gains[1];
                }
                if (!(fabs(left - expected[0]) <= 2e-6 && fabs(right - expected[1]) <= 2e-6))
                    fail_msg("%u into 2, %s, frame %u: %g and %g, not %g and %g", channels, shapes[s], (unsigned)n, left,
                             right, expected[0], expected[1]);
                if (channels == 1 && !(fabs(left * left + right * right - 1) <= 1e-6))
                    fail_msg("%s, frame %u: power %g", shapes[s], (unsigned)n, left * left + right * right);
            }
            free(out.samples);
        }
}

/* ---- Blocks, backends, refusals ------------------------------------------ */

static void blocks_and_backends_agree(void **state)
{
    fixture *f = *state;
    static const char *const inserts[] = {
        ("{ \"type\": \"phaser\", \"stages\": 24, \"feedback\": 0.9, \"automation\": [ { \"parameter\": \"frequency_hz\", "
        "\"points\": [ [0, 100], [1, 8000] ], \"curve\": \"exponential\" } ] }"),
        "{ \"type\": \"phaser\", \"note\": \"1/2\", \"depth_octaves\": 5 }",
        "{ \"type\": \"tremolo\", \"shape\": \"saw\", \"rate_hz\": 0.5 }, { \"type\": \"auto-pan\", \"shape\": \"square\" }",
    };
    for (size_t i = 0; i < sizeof inserts / sizeof *inserts; i++) {
        char json[2048];
        snprintf(json, sizeof json,
                 HEAD "\"tracks\": [ { \"name\": \"A\", \"clips\": [ { \"file\": \"pair.wav\" }, { \"file\": \"pair.wav\", "
                 "\"start_s\": 3.5, \"length_s\": 0.3 } ], \"inserts\": [ %s ], \"place\": { \"bed\": \"stereo\" } } ], "
                 STEREO_OUT, inserts[i]);
        const mxd_render_options options[] = {
            {.backend = MXD_BACKEND_CPU, .block_frames = 1024, .num_threads = 1},
            {.backend = MXD_BACKEND_CPU, .block_frames = 65536},
            {.backend = MXD_BACKEND_REFERENCE, .block_frames = 16384},
        };
        fixture_audio outs[3];
        for (int o = 0; o < 3; o++)
            outs[o] = fixture_output(f, json, &options[o]);
        assert_nulls(&outs[0], &outs[1], -140, inserts[i]);
        assert_nulls(&outs[0], &outs[2], i == 0 ? -100 : -120, inserts[i]); /* 24 stages in a loop of 0.9: as above */
        for (int o = 0; o < 3; o++)
            free(outs[o].samples);
    }
}

static void what_makes_no_sense_is_refused(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *insert, *path, *text;
    } cases[] = {
        {"{ \"type\": \"phaser\", \"stages\": 25 }", "/stages", "24"},
        {"{ \"type\": \"phaser\", \"feedback\": 1 }", "/feedback", "0.99"},
        {"{ \"type\": \"phaser\", \"note\": \"1/4\", \"rate_hz\": 2 }", "/note", "say the same thing twice"},
        {"{ \"type\": \"tremolo\", \"shape\": \"round\" }", "/shape", "saw"},
        {"{ \"type\": \"tremolo\", \"depth\": 1.5 }", "/depth", "1"},
        {"{ \"type\": \"tremolo\", \"rate\": 2 }", "/rate", "rate_hz"},
        {"{ \"type\": \"auto-pan\", \"rate_hz\": 51 }", "/rate_hz", "50"},
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
        cmocka_unit_test_setup_teardown(phasers_at_rest_are_cascades, set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(tremolos_are_their_law, set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(tremolos_keep_time, set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(tremolos_move, set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(auto_pans_are_pans, set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(blocks_and_backends_agree, set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(what_makes_no_sense_is_refused, set_up, fixture_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
