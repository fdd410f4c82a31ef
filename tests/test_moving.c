/*
 * Parameters of inserts that automation moves: held still they are what they are without; moved they do not crackle,
 * and where a closed form is known they follow it; what would move nothing is refused.
 */
#include "render_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define PI 3.14159265358979323846
#define RATE 48000

/* A stereo file through one insert. */
static fixture_audio render(fixture *f, const char *file, const char *insert, uint32_t block_frames)
{
    char json[2048];
    snprintf(json, sizeof json, HEAD "\"tracks\": [ { \"name\": \"T\", \"clips\": [ { \"file\": \"%s\" } ], "
             "\"inserts\": [ { %s } ] } ], " STEREO_OUT, file, insert);
    mxd_render_options options = {.backend = MXD_BACKEND_CPU, .block_frames = block_frames};
    return fixture_output(f, json, &options);
}

typedef struct moving {
    const char *insert;            /* all of it but the parameter */
    const char *at_rest;           /* a member of the insert */
    const char *parameter;         /* as automation names it */
    double value;                  /* that of at_rest */
    double from, to;
    const char *list;              /* of which it is an item: some other one */
} moving;

#define CONVOLVER "\"type\": \"convolver\", \"impulse_response\": { \"decay_s\": 0.2, \"channels\": 2 }"
#define MULTIBAND "\"type\": \"multiband\", \"bands\": [ { \"threshold_db\": 0 }, { \"gain_db\": 3 }, { \"ratio\": 4 } ]"

static const moving cases[] = {
    {CONVOLVER, "\"wet_db\": -6", "wet_db", -6, -40, 0, NULL},
    {CONVOLVER ", \"wet_db\": -3", "\"dry_db\": -9", "dry_db", -9, -40, 0, NULL},
    {"\"type\": \"saturator\", \"drive_db\": 6", "\"tone_db\": 5", "tone_db", 5, -12, 12, NULL},
    {"\"type\": \"saturator\", \"drive_db\": 6", "\"bias\": 0.3", "bias", 0.3, -0.5, 0.5, NULL},
    {"\"type\": \"saturator\", \"drive_db\": 6, \"curve\": \"soft-clip\", \"oversampling\": 8", "\"bias\": 0.2", "bias", 0.2, 0, 0.5, NULL},
    {"\"type\": \"dc-block\"", "\"frequency_hz\": 20", "frequency_hz", 20, 1, 200, NULL},
    {"\"type\": \"width\", \"width\": 1.5", "\"below_hz\": 300", "below_hz", 300, 60, 2000, NULL},
    {"\"type\": \"de-esser\"", "\"frequency_hz\": 5000", "frequency_hz", 5000, 1000, 8000, NULL},
    {"\"type\": \"de-esser\", \"mode\": \"wide\"", "\"frequency_hz\": 5000", "frequency_hz", 5000, 1000, 8000, NULL},
    {"\"type\": \"de-esser\"", "\"q\": 2", "q", 2, 0.5, 4, NULL},
    {"\"type\": \"trim\", \"gain_db\": 2", "\"channels_db\": [ 3, -2 ]", "channels_db[1]", -2, -12, 6, "\"channels_db\": [ 3, 5 ]"},
    {MULTIBAND, "\"crossovers_hz\": [ 200, 3000 ]", "crossovers_hz[0]", 200, 100, 1500, "\"crossovers_hz\": [ 100, 3000 ]"},
    {MULTIBAND, "\"crossovers_hz\": [ 200, 3000 ]", "crossovers_hz[1]", 3000, 500, 6000, "\"crossovers_hz\": [ 200, 1000 ]"},
};

static void test_held_still(void **state)
{
    fixture *f = *state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const moving *c = &cases[i];
        /* What it says at rest must not matter; a list has to be there. */
        char still[1024], moved[1024];
        snprintf(still, sizeof still, "%s, %s", c->insert, c->at_rest);
        snprintf(moved, sizeof moved, "%s%s%s, \"automation\": [ { \"parameter\": \"%s\", \"points\": [ [0, %g], [0.5, %g] ] } ]",
                 c->insert, c->list ? ", " : "", c->list ? c->list : "", c->parameter, c->value,
                 c->value);
        fixture_audio a = render(f, "pair.wav", still, 0), b = render(f, "pair.wav", moved, 0);
        assert_nulls(&a, &b, -120.0, moved);
        free(a.samples);
        free(b.samples);
    }
}

static float tone(uint32_t channel, uint64_t frame)
{
    return (float)(0.25 * sin(2.0 * PI * (channel ? 400.0 : 1000.0) / RATE * (double)frame));
}

/*
 * A step of a parameter makes a step of the signal, which its fourth difference shows six times as large; that of
 * the tone itself is 0.25 (2 sin(pi 1000 / 48000))^4 = 7e-5, of what the saturator and the room make of it up to
 * 5e-4. So 1e-3 finds steps of -75 dBFS. Nor does it matter where blocks are cut.
 */
static void test_moved_smoothly(void **state)
{
    fixture *f = *state;
    fixture_wav(f, "tones.wav", RATE, 2, RATE / 2, tone);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const moving *c = &cases[i];
        char insert[1024];
        snprintf(insert, sizeof insert, "%s%s%s, \"automation\": [ { \"parameter\": \"%s\", \"points\": [ [0.05, %g], [0.45, %g] ] } ]",
                 c->insert, c->list ? ", " : "", c->list ? c->list : "", c->parameter, c->from, c->to);
        fixture_audio a = render(f, "tones.wav", insert, 4096), b = render(f, "tones.wav", insert, 1024);
        assert_nulls(&a, &b, -120.0, insert);
        double worst = 0.0;
        for (uint64_t n = RATE / 20; n + 4 < RATE * 45 / 100; n++)
            for (uint32_t channel = 0; channel < 2; channel++) {
                const float *x = a.samples + 2 * n + channel;
                worst = fmax(worst, fabs((double)x[0] - 4.0 * x[2] + 6.0 * x[4] - 4.0 * x[6] + x[8]));
            }
        if (!(worst < 1e-3))
            fail_msg("%s crackles: %g", insert, worst);
        free(a.samples);
        free(b.samples);
    }
}

/* ---- Closed forms -------------------------------------------------------- */

/* A level that falls by 20 dB a second, to the frame. */
static void test_convolver_level(void **state)
{
    fixture *f = *state;
    fixture_audio out = render(f, "ones.wav", "\"type\": \"convolver\", \"impulse_response\": \"one.wav\", \"wet_db\": null, "
                               "\"automation\": [ { \"parameter\": \"wet_db\", \"points\": [ [0, 0], [1, -20] ] } ]", 0);
    for (uint64_t n = 0; n < RATE; n += 97)
        if (!(fabs(out.samples[2 * n] - sqrt(0.5) * pow(10.0, -(double)n / RATE)) < 1e-5))
            fail_msg("frame %u is %g", (unsigned)n, (double)out.samples[2 * n]);
    free(out.samples);
}

/* A slow sweep of the crossovers, also past each other: what leaves is as loud as what entered, within 0.1 dB. */
static void test_multiband_stays_flat(void **state)
{
    fixture *f = *state;
    fixture_wav(f, "tones.wav", RATE, 2, RATE / 2, tone);
    fixture_audio out = render(f, "tones.wav", "\"type\": \"multiband\", \"crossovers_hz\": [ 200, 800 ], "
                               "\"bands\": [ { \"ratio\": 1 }, { \"ratio\": 1 }, { \"ratio\": 1 } ], \"automation\": [ "
                               "{ \"parameter\": \"crossovers_hz[0]\", \"curve\": \"exponential\", \"points\": [ [0, 200], [0.5, 4000] ] } ]", 0);
    for (uint32_t channel = 0; channel < 2; channel++)
        for (uint64_t first = RATE / 10; first + 1200 < RATE / 2; first += 1200) {
            double power = 0.0;
            for (uint64_t n = first; n < first + 1200; n++)
                power += (double)out.samples[2 * n + channel] * out.samples[2 * n + channel] / 1200.0;
            const double level = 10.0 * log10(power / (0.25 * 0.25 / 2.0));
            if (!(fabs(level) < 0.1))
                fail_msg("%.3f dB at frame %u", level, (unsigned)first);
        }
    free(out.samples);
}

/* ---- What would move nothing --------------------------------------------- */

static void test_refused(void **state)
{
    static const struct { const char *insert, *parameter, *points, *place, *text; } refused[] = {
        {"\"type\": \"delay\", \"note\": \"1/8\"", "time_s", "[[0, 0.1]]", "parameter", "\"time_s\" does nothing beside \"note\""},
        {"\"type\": \"chorus\", \"note\": \"1/8\"", "rate_hz", "[[0, 1]]", "parameter", "beside \"note\""},
        {"\"type\": \"flanger\", \"note\": \"1/8\"", "rate_hz", "[[0, 1]]", "parameter", "beside \"note\""},
        {"\"type\": \"phaser\", \"note\": \"1/8\"", "rate_hz", "[[0, 1]]", "parameter", "beside \"note\""},
        {"\"type\": \"tremolo\", \"note\": \"1/8\"", "rate_hz", "[[0, 1]]", "parameter", "beside \"note\""},
        {"\"type\": \"auto-pan\", \"note\": \"1/8\"", "rate_hz", "[[0, 1]]", "parameter", "beside \"note\""},
        {"\"type\": \"compressor\"", "rms_ms", "[[0, 1]]", "parameter", "the peak detector has no window"},
        {"\"type\": \"expander\"", "rms_ms", "[[0, 1]]", "parameter", "the peak detector has no window"},
        {MULTIBAND ", \"crossovers_hz\": [ 200, 3000 ]", "rms_ms", "[[0, 1]]", "parameter", "the peak detector has no window"},
        {MULTIBAND ", \"crossovers_hz\": [ 200, 3000 ]", "crossovers_hz[2]", "[[0, 100]]", "parameter", "is no parameter"},
        {"\"type\": \"de-esser\"", "frequency_hz", "[[0, 1000], [1, 15000]]", "points", "must stay from 500 to 14400"},
        {"\"type\": \"width\"", "below_hz", "[[0, 100], [1, 15000]]", "points", "must stay from 10 to 14400"},
    };
    fixture *f = *state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        char json[2048], path[128];
        snprintf(json, sizeof json, "{ \"mixdown\": 1, \"sample_rate\": 32000, \"length_s\": 1, \"tracks\": [ { \"name\": \"T\", "
                 "\"channels\": 2, \"clips\": [], \"inserts\": [ { %s, \"automation\": [ { \"parameter\": \"%s\", \"points\": %s } ] } ] } ], "
                 STEREO_OUT, refused[i].insert, refused[i].parameter, refused[i].points);
        snprintf(path, sizeof path, "/tracks/0/inserts/0/automation/0/%s", refused[i].place);
        fixture_text(f, "session.json", json);
        mxd_problems *problems = mxd_problems_create();
        mxd_session *session = NULL;
        assert_int_equal(mxd_session_load(fixture_path(f, "session.json"), problems, &session), MXD_ERROR_INVALID);
        const mxd_problem *last = mxd_problems_get(problems, mxd_problems_count(problems) - 1);
        if (strcmp(last->path, path) != 0 || !strstr(last->text, refused[i].text))
            fail_msg("%s of %s: %s: %s", refused[i].parameter, refused[i].insert, last->path, last->text);
        mxd_problems_destroy(problems);
    }
}

static float one(uint32_t channel, uint64_t frame)
{
    (void)channel;
    return frame == 0 ? 1.0f : 0.0f;
}

static int set_up(void **state)
{
    if (render_set_up(state) != 0)
        return -1;
    fixture_wav(*state, "one.wav", RATE, 1, 1, one);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_held_still),      cmocka_unit_test(test_moved_smoothly),
        cmocka_unit_test(test_convolver_level), cmocka_unit_test(test_multiband_stays_flat),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, set_up, fixture_tear_down);
}
