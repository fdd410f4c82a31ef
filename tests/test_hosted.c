/*
 * Inserts that run on the host, in whole renders: in their place in time and in the chain, on every backend, whatever
 * the blocks. The plug-ins' results are closed forms (tests/lv2/plugins.c) or come from the plug-in called directly
 * (test_lv2.c); the pitch shifter's frequency is one too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lv2_fixture.h"
#include "render_fixture.h"

#include "host/backend.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PLAIN "\"type\": \"lv2\", \"tail_s\": 0, \"uri\": \"urn:mixdown:test:plain\""
#define BELL "{ \"type\": \"eq\", \"bands\": [ { \"type\": \"bell\", \"frequency_hz\": 1000, \"gain_db\": 6 } ] }"
/* Mono in the centre: -3 dB. */
#define CENTRE 0.70710678118654752

static int set_up(void **state)
{
    lv2_fixture_set_up();
    return render_set_up(state);
}

static bool has_vulkan(void)
{
    mxd_vulkan_device devices[16];
    uint32_t count = mxd_vulkan_devices(devices, 16);
    return count > 0 && devices[0].usable;
}

/* Backends to be tried, from 0 on; false after the last. */
static bool nth_backend(uint32_t n, mxd_render_options *options)
{
    static const mxd_backend_kind kinds[] = {MXD_BACKEND_CPU, MXD_BACKEND_REFERENCE, MXD_BACKEND_VULKAN};
    if (n >= 3 || (kinds[n] == MXD_BACKEND_VULKAN && !has_vulkan()))
        return false;
    *options = (mxd_render_options){.backend = kinds[n], .block_frames = 4096};
    return true;
}

/* The left channel is gain(frame) times the noise; the plug-in's delay is compensated for. */
static void test_gain_and_latency(void **state)
{
    fixture *f = *state;
    mxd_render_options options;
    for (uint32_t n = 0; nth_backend(n, &options); n++) {
        fixture_audio audio = fixture_output(
            f, HEAD "\"tracks\": [ { \"name\": \"A\", " NOISE ", \"inserts\": [ { " PLAIN
                    ", \"parameters\": { \"gain\": 2.5, \"delay\": 77 } } ] } ], " STEREO_OUT, &options);
        assert_int_equal(audio.frames, 48000);
        for (uint64_t i = 0; i < audio.frames; i++)
            assert_sample(&audio, 0, i, CENTRE * 2.5 * (double)fixture_noise(0, i));
        free(audio.samples);
    }
}

/* A straight line in steps of 32 frames, in the signal's own time. */
static void test_automation(void **state)
{
    fixture *f = *state;
    mxd_render_options options;
    for (uint32_t n = 0; nth_backend(n, &options); n++) {
        fixture_audio audio = fixture_output(
            f, HEAD "\"tracks\": [ { \"name\": \"A\", " NOISE ", \"inserts\": [ { " PLAIN
                    ", \"automation\": [ { \"parameter\": \"parameters.gain\", "
                    "\"points\": [ [0, 0], [1, 4] ] } ] } ] } ], " STEREO_OUT, &options);
        for (uint64_t i = 0; i < audio.frames; i++)
            assert_sample(&audio, 0, i, CENTRE * 4.0 * (double)(i - i % 32) / 48000.0 * (double)fixture_noise(0, i));
        free(audio.samples);
    }
}

/* Plug-ins one behind the other, between equalisers, on a bus and a deliverable: against gains without plug-ins. */
static void test_chains(void **state)
{
    fixture *f = *state;
    static const char *const sessions[] = {
        HEAD "\"tracks\": [ { \"name\": \"A\", " NOISE ", \"output\": \"B\", \"inserts\": [ { " PLAIN
             ", \"parameters\": { \"gain\": 2, \"delay\": 33 } }, " BELL ", { " PLAIN ", \"parameters\": { \"gain\": 0.25 } } ] }, "
             "{ \"name\": \"C\", \"clips\": [ { \"file\": \"pair.wav\" } ], \"inserts\": [ " BELL ", { " PLAIN
             ", \"preset\": \"Loud\", \"parameters\": { \"gain\": 0.5 } } ] } ], "
             "\"buses\": [ { \"name\": \"B\", \"channels\": 2, \"inserts\": [ { " PLAIN
             ", \"parameters\": { \"delay\": 1000 } }, " BELL " ] } ], "
             "\"deliverables\": [ { \"file\": \"out.wav\", \"layout\": \"stereo\", \"bit_depth\": 32, \"inserts\": [ { "
             PLAIN ", \"parameters\": { \"gain\": 4 } } ] } ] }",
        HEAD "\"tracks\": [ { \"name\": \"A\", \"clips\": [ { \"file\": \"noise.wav\", \"gain_db\": 6.0205999132796239 } ], "
             "\"output\": \"B\", \"inserts\": [ " BELL " ] }, "
             "{ \"name\": \"C\", \"clips\": [ { \"file\": \"pair.wav\", \"gain_db\": 12.0411998265592478 } ], "
             "\"inserts\": [ " BELL " ] } ], "
             "\"buses\": [ { \"name\": \"B\", \"channels\": 2, \"inserts\": [ " BELL " ] } ], " STEREO_OUT,
    };
    mxd_render_options options;
    for (uint32_t n = 0; nth_backend(n, &options); n++) {
        fixture_audio with = fixture_output(f, sessions[0], &options);
        fixture_audio without = fixture_output(f, sessions[1], &options);
        assert_int_equal(with.channels, 2);
        with.frames = without.frames = 48000; /* tails differ */
        assert_nulls(&with, &without, -110.0, "plug-ins against gains");
        free(without.samples);
        options.block_frames = 16384;
        without = fixture_output(f, sessions[0], &options);
        without.frames = 48000;
        assert_nulls(&with, &without, -130.0, "blocks of 2^12 against 2^14");
        free(without.samples);
        free(with.samples);
    }
}

/* A track that falls silent: its plug-in is left alone after its tail, and begins anew. */
static void test_restart(void **state)
{
    fixture *f = *state;
    const mxd_render_options options = {.backend = MXD_BACKEND_CPU, .block_frames = 1024};
    fixture_audio audio = fixture_output(
        f, HEAD "\"tracks\": [ { \"name\": \"A\", \"clips\": [ { \"file\": \"impulse.wav\", \"length_s\": 0.02 }, "
                "{ \"file\": \"impulse.wav\", \"start_s\": 0.5, \"length_s\": 0.02 } ], \"inserts\": [ { " PLAIN
                ", \"parameters\": { \"gain\": 3, \"delay\": 900 } } ] } ], " STEREO_OUT, &options);
    for (uint64_t i = 0; i < audio.frames; i++)
        assert_sample(&audio, 0, i, i == 0 || i == 24000 ? CENTRE * 3.0 : 0.0);
    free(audio.samples);
}

static void test_pitch(void **state)
{
    fixture *f = *state;
    mxd_render_options options;
    for (uint32_t n = 0; nth_backend(n, &options); n++) {
        fixture_audio audio = fixture_output(
            f, HEAD "\"tracks\": [ { \"name\": \"A\", \"clips\": [ { \"file\": \"sine.wav\" } ], "
                    "\"inserts\": [ { \"type\": \"pitch\", \"semitones\": 6, \"cents\": 50 } ] } ], " STEREO_OUT,
            &options);
        /* Upward crossings of zero in half a second. */
        uint32_t count = 0;
        for (uint64_t i = 12001; i <= 36000; i++)
            count += audio.samples[2 * i - 2] < 0.0f && audio.samples[2 * i] >= 0.0f;
        const double expected = 500.0 * exp2(6.5 / 12.0) * 0.5;
        if (!(fabs(count - expected) <= 1.5))
            fail_msg("%u periods, expected %.1f", count, expected);
        free(audio.samples);
    }
}

static float sine(uint32_t channel, uint64_t frame)
{
    (void)channel;
    return (float)(0.5 * sin(2.0 * 3.14159265358979323846 * 500.0 * (double)frame / 48000.0));
}

static int set_up_sine(void **state)
{
    set_up(state);
    fixture_wav(*state, "sine.wav", 48000, 1, 48000, sine);
    return 0;
}

/* ---- Refused ------------------------------------------------------------------ */

static void expect_refusal(fixture *f, const char *insert, const char *words)
{
    char json[4096];
    snprintf(json, sizeof json, HEAD "\"tracks\": [ { \"name\": \"A\", " NOISE ", \"inserts\": [ %s ] } ], " STEREO_OUT,
             insert);
    fixture_text(f, "session.json", json);
    mxd_problems *problems = mxd_problems_create();
    mxd_session *session;
    if (mxd_session_load(fixture_path(f, "session.json"), problems, &session) != MXD_ERROR_INVALID)
        fail_msg("taken: %s", insert);
    if (mxd_problems_count(problems) != 1 || !strstr(mxd_problems_get(problems, 0)->text, words)) {
        fixture_print(problems);
        fail_msg("%s: expected one problem with \"%s\"", insert, words);
    }
    mxd_problems_destroy(problems);
}

#define PORTS "\"type\": \"lv2\", \"uri\": \"urn:mixdown:test:ports\""

static void test_refused(void **state)
{
    fixture *f = *state;
    static const char *const cases[][2] = {
        {"{ \"type\": \"lv2\" }", "uri"},
        {"{ \"type\": \"lv2\", \"uri\": \"urn:mixdown:test:plane\", \"tail_s\": 1, \"parameters\": { \"x\": 1 } }",
         "did you mean \"urn:mixdown:test:plain\""},
        {"{ \"type\": \"lv2\", \"uri\": \"urn:mixdown:test:feature\" }", "urn:mixdown:test:telepathy"},
        {"{ " PLAIN ", \"parameters\": { \"gian\": 1 } }", "gain"},
        {"{ " PLAIN ", \"parameters\": { \"gain\": 4.5 } }", "0 to 4"},
        {"{ " PLAIN ", \"parameters\": { \"delay\": 1.5 } }", "delay"},
        {"{ " PLAIN ", \"preset\": \"Loud\", \"state\": \"x.ttl\" }", "not both"},
        {"{ " PLAIN ", \"state\": \"nowhere.ttl\" }", "nowhere.ttl"},
        {"{ " PORTS ", \"parameters\": { \"on\": 2 } }", "on"},
        {"{ " PORTS ", \"parameters\": { \"shape\": \"Thrice\" } }", "Four times"},
        {"{ " PORTS ", \"parameters\": { \"shape\": 3 } }", "label"},
        {"{ " PLAIN ", \"automation\": [ { \"parameter\": \"parameters.delai\", \"points\": [ [0, 0] ] } ] }", "delai"},
        {"{ " PLAIN ", \"automation\": [ { \"parameter\": \"parameters.gain\", \"points\": [ [0, 5] ] } ] }", "0 to 4"},
        {"{ " PLAIN ", \"automation\": [ { \"parameter\": \"tail_s\", \"points\": [ [0, 5] ] } ] }", "cannot move"},
        {"{ \"type\": \"pitch\", \"semitones\": 25 }", "-24 to 24"},
        {"{ \"type\": \"pitch\", \"semitones\": 24, \"cents\": 1 }", "24.01"},
        {"{ \"type\": \"pitch\", \"semitone\": 1 }", "semitones"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_refusal(f, cases[i][0], cases[i][1]);
}

/* The render fails, says so, and leaves nothing. */
static void test_failing_renders(void **state)
{
    fixture *f = *state;
    static const char *const names[] = {"crash", "exit", "nan"};
    mxd_render_options options;
    for (uint32_t n = 0; nth_backend(n, &options); n++)
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            char json[2048];
            /* The noise goes beyond 0.9 where it is amplified. */
            snprintf(json, sizeof json,
                     HEAD "\"tracks\": [ { \"name\": \"A\", \"clips\": [ { \"file\": \"noise.wav\", \"start_s\": 0.5, "
                          "\"gain_db\": 12 } ], \"inserts\": [ { \"type\": \"lv2\", \"uri\": \"urn:mixdown:test:%s\" } "
                          "] } ], " STEREO_OUT,
                     names[i]);
            mxd_problems_destroy(f->problems);
            f->problems = mxd_problems_create();
            fixture_text(f, "session.json", json);
            mxd_session *session;
            assert_int_equal(mxd_session_load(fixture_path(f, "session.json"), f->problems, &session), MXD_OK);
            assert_int_equal(mxd_render(session, &options, f->problems, NULL), MXD_ERROR_PLUGIN);
            assert_true(mxd_problems_count(f->problems) == 1);
            const mxd_problem *problem = mxd_problems_get(f->problems, 0);
            assert_non_null(strstr(problem->text, "Test "));
            assert_non_null(strstr(problem->text, names[i][0] == 'n' ? "frame 23555" : "23552 (0.491 s)"));
            assert_string_equal(problem->path, "/tracks/0/inserts/0");
            assert_int_not_equal(access(fixture_path(f, "out.wav"), F_OK), 0);
            mxd_session_destroy(session);
        }
}

static void test_groups_are_refused(void **state)
{
    fixture *f = *state;
    if (!has_vulkan())
        skip();
    const uint32_t devices[] = {0, 0};
    const mxd_render_options options = {.backend = MXD_BACKEND_VULKAN, .devices = devices, .num_devices = 2};
    assert_int_equal(fixture_render(f, HEAD "\"tracks\": [ { \"name\": \"A\", " NOISE ", \"inserts\": [ { " PLAIN
                                            " } ] } ], " STEREO_OUT, &options), MXD_ERROR_UNSUPPORTED);
    assert_non_null(strstr(mxd_problems_get(f->problems, 0)->text, "name one device"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_gain_and_latency, set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_automation, set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_chains, set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_restart, set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_pitch, set_up_sine, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_refused, set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_failing_renders, set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_groups_are_refused, set_up, fixture_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
