/* The time line: tempo map against its definition by numbers, its inverse; note values; markers. */
#include "marked_session.h"
#include "render_fixture.h"

#include "formats/reader.h"
#include "host/session/tempo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define RATE 48000

static void assert_near(double value, double wanted, double tolerance)
{
    if (!(fabs(value - wanted) <= tolerance))
        fail_msg("%.15g is not %.15g +- %g", value, wanted, tolerance);
}

static void test_default(void **state)
{
    (void)state;
    mxd_session session = {.sample_rate = RATE};
    assert_near(mxd_tempo_bpm(&session, 123456), 120.0, 0.0);
    assert_near(mxd_tempo_beats(&session, RATE), 2.0, 0.0);
    assert_near(mxd_tempo_frame(&session, 3.0), 1.5 * RATE, 0.0);
    assert_near(mxd_tempo_frame(&session, -1.0), -0.5 * RATE, 0.0);
    assert_true(mxd_tempo_next(&session, 0) == UINT64_MAX);
}

/* A step, a rise, a steep fall, and a rise at the very end that has nothing to rise to. */
static mxd_tempo_point map_points[] = {{.frame = 1000, .bpm = 60.0},
                                       {.frame = 1000 + RATE, .bpm = 90.0, .ramp = true},
                                       {.frame = 1000 + 5 * RATE, .bpm = 180.0, .ramp = true},
                                       {.frame = 1001 + 5 * RATE, .bpm = 40.0},
                                       {.frame = 1000 + 9 * RATE, .bpm = 200.0, .ramp = true}};

static mxd_session make_map(void)
{
    mxd_session session = {.sample_rate = RATE, .tempo = map_points, .num_tempo_points = COUNT(map_points)};
    mxd_tempo_accumulate(&session);
    return session;
}

/* Closed forms: a second at 60, four from 90 to 180 in a straight line (mean 135), then 40. */
static void test_map(void **state)
{
    (void)state;
    mxd_session session = make_map();
    double before = 1000.0 / RATE, one_frame = 110.0 / 60.0 / RATE;
    assert_near(mxd_tempo_bpm(&session, 0), 60.0, 0.0);
    assert_near(mxd_tempo_bpm(&session, 999 + RATE), 60.0, 0.0);
    assert_near(mxd_tempo_bpm(&session, 1000 + RATE), 90.0, 0.0);
    assert_near(mxd_tempo_bpm(&session, 1000 + 3 * RATE), 135.0, 1e-12);
    assert_near(mxd_tempo_bpm(&session, 1u << 30), 200.0, 0.0);
    assert_near(mxd_tempo_beats(&session, 1000 + RATE), before + 1.0, 1e-14);
    assert_near(mxd_tempo_beats(&session, 1000 + 3 * RATE), before + 1.0 + 2.0 * 112.5 / 60.0, 1e-13);
    assert_near(mxd_tempo_beats(&session, 1000 + 5 * RATE), before + 1.0 + 4.0 * 135.0 / 60.0, 1e-13);
    assert_near(mxd_tempo_beats(&session, 1001 + 6 * RATE), before + 10.0 + one_frame + 40.0 / 60.0, 1e-13);
    assert_int_equal(mxd_tempo_next(&session, 0), 1000);
    assert_int_equal(mxd_tempo_next(&session, 1000), 1000 + RATE);
    assert_true(mxd_tempo_next(&session, 1000 + 9 * RATE) == UINT64_MAX);
}

/* Beats are the integral of the tempo: Simpson's rule over single frames is exact for straight lines. */
static void test_beats_are_the_integral(void **state)
{
    (void)state;
    mxd_session session = make_map();
    double sum = mxd_tempo_beats(&session, 990 + RATE);
    for (uint64_t frame = 990 + RATE; frame < 1010 + 5 * RATE; frame++) {
        double end = frame + 1 == 1000 + RATE ? 60.0 : frame + 1 == 1001 + 5 * RATE ? 40.0 : mxd_tempo_bpm(&session, frame + 1);
        sum += 0.5 * (mxd_tempo_bpm(&session, frame) + end) / 60.0 / RATE;
    }
    assert_near(mxd_tempo_beats(&session, 1010 + 5 * RATE), sum, 1e-9);
}

static void test_inverse(void **state)
{
    (void)state;
    mxd_session session = make_map();
    for (uint64_t frame = 0; frame < 12u * RATE; frame += 97)
        assert_near(mxd_tempo_frame(&session, mxd_tempo_beats(&session, frame)), (double)frame, 1e-6);
    /* A day on, beats still tell frames to 1e-5 of a frame. */
    uint64_t day = (uint64_t)RATE * 86400u;
    assert_near(mxd_tempo_frame(&session, mxd_tempo_beats(&session, day)), (double)day, 1e-5);
}

static void test_note_values(void **state)
{
    (void)state;
    static const struct { const char *text; double beats; } good[] = {
        {"1/4", 1.0}, {"1/1", 4.0}, {"2/1", 8.0}, {"1/8T", 1.0 / 3.0}, {"1/8.", 0.75}, {"1/8..", 0.875},
        {"3/16", 0.75}, {"1/128", 1.0 / 32.0}, {"99/2", 198.0},
    };
    static const char *const bad[] = {"",      "1",     "1/",   "1/3",  "0/4",   "-1/4", "1/4t",   "1/4 ", " 1/4", "1/4...",
                                      "1/4.T", "100/4", "1/0",  "1/256", "4",    "1:4",  "1/+4",   "1/04", "quarter",
                                      "99999999999999999999/4", "1/99999999999999999999"};
    for (size_t i = 0; i < COUNT(good); i++) {
        double beats = 0.0;
        assert_true(mxd_note_value_beats(good[i].text, &beats));
        assert_near(beats, good[i].beats, 1e-15);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        double beats = 7.0;
        if (mxd_note_value_beats(bad[i], &beats))
            fail_msg("\"%s\" is taken for a note value", bad[i]);
        assert_near(beats, 7.0, 0.0);
    }
}

static void test_reader(void **state)
{
    fixture *f = *state;
    mxd_problems *problems = mxd_problems_create();
    mxd_document *document = NULL;
    fixture_text(f, "note.json", "{\n\"time\": \"1/8T\", \"rate\":\n\"1/5\", \"delay\": 3}");
    assert_int_equal(mxd_document_open(fixture_path(f, "note.json"), problems, &document), MXD_OK);
    mxd_reader *root = mxd_document_root(document);
    double beats = 0.0;
    assert_true(mxd_read_note_value(root, "time", MXD_REQUIRED, &beats));
    assert_near(beats, 1.0 / 3.0, 1e-15);
    assert_false(mxd_read_note_value(root, "rate", MXD_REQUIRED, &beats));
    assert_false(mxd_read_note_value(root, "delay", MXD_REQUIRED, &beats));
    assert_false(mxd_read_note_value(root, "absent", MXD_OPTIONAL, &beats));
    mxd_reader_close(root);
    mxd_document_close(document);
    assert_int_equal(mxd_problems_count(problems), 2);
    const mxd_problem *problem = mxd_problems_get(problems, 0);
    assert_int_equal(problem->line, 3);
    assert_string_equal(problem->path, "/rate");
    assert_string_equal(problem->text, "\"rate\" must be a note value such as \"1/4\", \"1/8T\" (triplet) or \"1/8.\" "
                                       "(dotted), with a denominator of 1, 2, 4 and so on to 128; not \"1/5\"");
    mxd_problems_destroy(problems);
}

#define BODY " \"tracks\": [{\"name\": \"T\", \"clips\": [{\"file\": \"ones.wav\"}]}],\n" STEREO_OUT

static void test_session_tempo(void **state)
{
    fixture *f = *state;
    mxd_problems *problems = mxd_problems_create();
    mxd_session *session = NULL;
    mark marks[10] = {{0, 0}};
    assert_int_equal(marked_load(f, HEAD "\"tempo\": [[0, 60], [1, 120, \"linear\"], [3, 240]],\n" BODY, marks, problems,
                                 &session), MXD_OK);
    assert_near(mxd_tempo_beats(session, 3 * RATE), 1.0 + 2.0 * 3.0, 1e-13);
    assert_near(mxd_tempo_bpm(session, 2 * RATE), 180.0, 1e-12);
    mxd_session_destroy(session);
    assert_int_equal(marked_load(f, HEAD "\"tempo\": 90.5,\n" BODY, marks, problems, &session), MXD_OK);
    assert_near(mxd_tempo_beats(session, 60 * RATE), 90.5, 1e-13);
    mxd_session_destroy(session);
    mxd_problems_destroy(problems);
}

#define MARKERS "\"markers\": [{\"name\": \"Chorus\", \"time_s\": 0.5}, {\"name\": \"Verse 2\", \"time_s\": 0.75},\n" \
                "{\"name\": \"Coda\", \"time_s\": 1e6}],\n"

/* A render from one marker to another is the one from second to second. */
static void test_markers(void **state)
{
    fixture *f = *state;
    static const struct { mxd_render_options by_name, by_time; uint64_t frames; } cases[] = {
        {{.from_marker = "Chorus", .to_marker = "Verse 2"}, {.from_s = 0.5, .to_s = 0.75}, 12000},
        {{.from_marker = "Verse 2"}, {.from_s = 0.75}, 12000},
        {{.from_s = 0.25, .to_marker = "Coda"}, {.from_s = 0.25}, 36000},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        mxd_render_options by_name = cases[i].by_name, by_time = cases[i].by_time;
        by_name.backend = by_time.backend = MXD_BACKEND_CPU;
        const char *json = HEAD MARKERS "\"tracks\": [{\"name\": \"T\", " NOISE "}],\n" STEREO_OUT;
        fixture_audio a = fixture_output(f, json, &by_name), b = fixture_output(f, json, &by_time);
        assert_int_equal(a.frames, cases[i].frames);
        assert_true(fixture_difference(&a, &b) == 0.0);
        free(a.samples);
        free(b.samples);
    }
}

static void test_unknown_markers(void **state)
{
    fixture *f = *state;
    static const struct { const char *session; mxd_render_options options; const char *text; } cases[] = {
        {HEAD MARKERS BODY, {.from_marker = "Chrous"}, "there is no marker \"Chrous\"; did you mean \"Chorus\"?"},
        {HEAD MARKERS BODY, {.to_marker = "Bridge"}, "there is no marker \"Bridge\""},
        {HEAD BODY, {.to_marker = "Bridge"}, "there is no marker \"Bridge\": the session has no \"markers\""},
        {HEAD MARKERS BODY, {.from_marker = "Verse 2", .to_marker = "Chorus"},
         "there is nothing between 0.750 s and 0.500 s: the session lasts 1.000 s"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        mxd_problems *problems = mxd_problems_create();
        mxd_session *session = NULL;
        mark marks[10] = {{0, 0}};
        mxd_render_options options = cases[i].options;
        options.backend = MXD_BACKEND_CPU;
        assert_int_equal(marked_load(f, cases[i].session, marks, problems, &session), MXD_OK);
        assert_int_not_equal(mxd_render(session, &options, problems, NULL), MXD_OK);
        assert_int_equal(mxd_problems_count(problems), 1);
        assert_string_equal(mxd_problems_get(problems, 0)->text, cases[i].text);
        mxd_session_destroy(session);
        mxd_problems_destroy(problems);
    }
}

static void test_mistakes(void **state)
{
    static const struct { const char *text; expected problems[4]; } cases[] = {
        {HEAD "\"tempo\": @1\"fast\",\n" BODY,
         {{1, "/tempo", "\"tempo\" must be beats a minute, or an array of [time in seconds, beats a minute]"}}},
        {HEAD "\"tempo\": @10.99,\n" BODY, {{1, "/tempo", "\"tempo\" is 0.99, but must be from 1 to 1000"}}},
        {HEAD "\"tempo\": @1[],\n" BODY,
         {{1, "/tempo", "there must be at least one [time in seconds, beats a minute]"}}},
        {HEAD "\"tempo\": [[0, 100], @1[0.00001, 90],\n [2, @21001], [3, 100, @3\"ramp\"]],\n" BODY,
         {{1, "/tempo/1", "tempi must ascend in time by a frame or more, but this one, at 1e-05 s, *"},
          {2, "/tempo/2/1", "this item is 1001, but must be from 1 to 1000"},
          {3, "/tempo/3/2", "this item must be \"hold\" or \"linear\", not \"ramp\""}}},
        {HEAD "\"tempo\": [@1[0], @2120, [@3\"0\", 100]],\n" BODY,
         {{1, "/tempo/0", "a tempo must be [time in seconds, beats a minute] or [time, beats, \"linear\"]"},
          {2, "/tempo/1", "this item must be an array, not a number"},
          {3, "/tempo/2/0", "this item must be a number, not a string"}}},
        {HEAD "\"markers\": [{\"name\": \"A\", \"time_s\": 1}, @1{\"name\": \"A\", \"time_s\": 2}, @2{\"time_s\": 1},\n"
              "{\"name\": \"B\", \"time_s\": @3-1}],\n" BODY,
         {{1, "/markers/1", "the name \"A\" is taken already (line 1): markers need names of their own"},
          {2, "/markers/2", "\"name\" is missing"},
          {3, "/markers/3/time_s", "\"time_s\" is -1, but must be from 0 to 31622400"}}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        mxd_problems *problems = mxd_problems_create();
        mxd_session *session = NULL;
        mark marks[10] = {{0, 0}};
        size_t num_wanted = 0;
        while (num_wanted < COUNT(cases[i].problems) && cases[i].problems[num_wanted].text)
            num_wanted++;
        assert_int_equal(marked_load(*state, cases[i].text, marks, problems, &session), MXD_ERROR_INVALID);
        marked_check(*state, problems, cases[i].text, marks, cases[i].problems, num_wanted);
        mxd_problems_destroy(problems);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default),       cmocka_unit_test(test_map),
        cmocka_unit_test(test_beats_are_the_integral), cmocka_unit_test(test_inverse),
        cmocka_unit_test(test_note_values),   cmocka_unit_test(test_reader),
        cmocka_unit_test(test_session_tempo), cmocka_unit_test(test_markers),
        cmocka_unit_test(test_unknown_markers), cmocka_unit_test(test_mistakes),
    };
    return cmocka_run_group_tests(tests, render_set_up, fixture_tear_down);
}
