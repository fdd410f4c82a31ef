/* A good session, value by value, and files that are none. */
#include "formats/reader.h"
#include "host/effects/effect.h"
#include "host/session/session.h"
#include "marked_session.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define GOOD_FILE "{\"file\": \"o.wav\", \"layout\": \"stereo\"}"

static int set_up(void **state)
{
    fixture_set_up(state);
    fixture *f = *state;
    fixture_wav(f, "mono.wav", 48000, 1, 96000, fixture_noise);
    fixture_wav(f, "stereo.wav", 44100, 2, 88200, fixture_noise);
    return 0;
}

/* ---- Files that are no sessions ------------------------------------------- */

static void test_root(void **state)
{
    const fixture *f = *state;
    static const struct {
        const char *text;
        expected problems[8];
    } cases[] = {
        {"", {{1, NULL, "the file is empty"}}},
        {" \n\t", {{1, NULL, "the file is empty"}}},
        {"@1[]", {{1, "/", "a session file must hold an object { ... }, not an array"}}},
        {"\n @1true", {{1, "/", "a session file must hold an object { ... }, not true"}}},
        {"@1{}", {{1, "/", "\"mixdown\": 1 is missing, so this is no session of this program"},
                  {1, "/", "\"sample_rate\" is missing"},
                  {1, "/", "\"tracks\" is missing"},
                  {1, "/", "\"deliverables\" is missing"}}},
        {"{\"mixdown\": @12, \"sample_rate\": @27999, \"tracks\": @3[], \"buses\": @4{}, \"length_s\": @50,\n\"deliverables\": @6[]}",
         {{1, "/mixdown", "this session is of version 2, but this program reads version 1"},
          {2, "/sample_rate", "\"sample_rate\" is 7999, but must be from 8000 to 384000"},
          {3, "/tracks", "the session has no tracks; give it at least one"},
          {4, "/buses", "\"buses\" must be an array, not an object"},
          {5, "/length_s", "\"length_s\" must be longer than 0; *"},
          {6, "/deliverables", "the session has no deliverables; name at least one file to write"}}},
        {"{\"mixdown\": 1, \"sample_rate\": 48000, \"tracks\": [{\"name\": \"T\", \"clips\": @2[]}], \"deliverables\": [" GOOD_FILE "]}",
         {{2, "/tracks/0/clips", "warning: the track has no clips: it is silent"},
          {3, NULL, "the session has no length: no track has a clip, and there is no \"length_s\""}}},
        /* Nothing follows from what could not be read: no loop of the nameless bus, no session without length. */
        {"{\"mixdown\": 1, \"sample_rate\": 48000, \"tracks\": [{\"name\": \"T\", \"clips\": @1{}},\n"
         "{\"name\": \"U\", \"clips\": [@2\"tone.wav\"]}], \"buses\": [@33], \"deliverables\": [" GOOD_FILE "]}",
         {{1, "/tracks/0/clips", "\"clips\" must be an array, not an object"},
          {2, "/tracks/1/clips/0", "this item must be an object, not a string"},
          {3, "/buses/0", "this item must be an object, not a number"}}},
        {"@1\xEF\xBB\xBF{}", {{1, NULL, "the file starts with a byte-order mark: save it as UTF-8 without one"}}},
        {"{\n  \"a\": 1,\n @1\"a\": 2}", {{1, NULL, "the key \"a\" stands twice in one object"}}},
        {"{\"mixdown\":\n@11e400}", {{1, NULL, "the number is too large"}}},
        {"{\"mixdown\": @1-99999999999999999999}", {{1, NULL, "the number is too large"}}},
        {"{\"\xC3\xA4\": @1nan}", {{1, NULL, "not valid JSON: invalid token near 'nan'"}}},
        {"{\"a\": [1, 2@1}", {{1, NULL, "not valid JSON: ']' expected near '}'"}}},
        {"{\"a\": 1,\n@1}", {{1, NULL, "not valid JSON: the comma before this bracket or brace is one too many"}}},
        {"{\"a\": [1,@1]}", {{1, NULL, "not valid JSON: the comma before this bracket or brace is one too many"}}},
        {"{\"a\": 1 @1// one\n}", {{1, NULL, "not valid JSON: it has no comments"}}},
        {"{@1'a': 1}", {{1, NULL, "not valid JSON: names and strings stand in double quotes (\")"}}},
        {"{\"a\": 1\n@1\"b\": 2}", {{1, NULL, "not valid JSON: a comma or colon is missing before this"}}},
        {"{\"a\": @1\xFF}", {{1, NULL, "not valid UTF-8: save the file with the encoding UTF-8"}}},
        {"{\"\xE2\x82\xAC\": \"@1\xE2\x82\"}", {{1, NULL, "not valid UTF-8: save the file with the encoding UTF-8"}}},
        {"{\"a\": \"@1\xED\xA0\x80\"}", {{1, NULL, "not valid UTF-8: save the file with the encoding UTF-8"}}},
        {"{\"a\": 1} @1x", {{1, NULL, "not valid JSON: there is something behind the end of the session's object"}}},
        {"{\"a\": [1@1,", {{1, NULL, "not valid JSON: the file ends before *"}}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        mark marks[10] = {{0, 0}, {1, 1}};
        size_t num_problems = 0;
        while (num_problems < COUNT(cases[i].problems) && cases[i].problems[num_problems].text)
            num_problems++;
        mxd_problems *problems = mxd_problems_create();
        mxd_session *session = NULL;
        assert_int_equal(marked_load(f, cases[i].text, marks, problems, &session), MXD_ERROR_INVALID);
        assert_null(session);
        marked_check(f, problems, cases[i].text, marks, cases[i].problems, num_problems);
        mxd_problems_destroy(problems);
    }
}

/* What cannot be written as a C string: NUL bytes, depth, and no file at all. */
static void test_odd_files(void **state)
{
    const fixture *f = *state;
    char *deep = malloc(100000);
    assert_non_null(deep);
    memset(deep, '[', 100000);
    const struct {
        const void *bytes;
        size_t size;
        uint32_t line, column;
        const char *text;
    } cases[] = {
        {"{\"a\":\n1\0}", 9, 2, 2, "a NUL byte: this is no JSON text, or it is not in UTF-8"},
        {"{\"a\": \"x\\u0000\"}", 16, 1, 7, "a NUL character has no place in a session file"},
        /* jansson's limit is 2048. */
        {deep, 100000, 1, 2049, "brackets are nested too deep for a session file"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        mxd_problems *problems = mxd_problems_create();
        mxd_session *session = NULL;
        fixture_bytes(fixture_path(f, "session.json"), cases[i].bytes, cases[i].size);
        assert_int_equal(mxd_session_load(fixture_path(f, "session.json"), problems, &session), MXD_ERROR_INVALID);
        fixture_print(problems);
        assert_int_equal(mxd_problems_count(problems), 1);
        const mxd_problem *p = mxd_problems_get(problems, 0);
        assert_string_equal(p->text, cases[i].text);
        assert_int_equal(p->line, cases[i].line);
        assert_int_equal(p->column, cases[i].column);
        mxd_problems_destroy(problems);
    }
    free(deep);
    mxd_problems *problems = mxd_problems_create();
    mxd_session *session = NULL;
    const char *path = fixture_path(f, "nothing.json");
    assert_int_equal(mxd_session_load(path, problems, &session), MXD_ERROR_FILE);
    assert_int_equal(mxd_session_load(f->folder, problems, &session), MXD_ERROR_FILE);
    assert_int_equal(mxd_problems_count(problems), 2);
    assert_true(expected_matches(mxd_problems_get(problems, 0)->text, "the session file cannot be opened: No such file*"));
    assert_true(expected_matches(mxd_problems_get(problems, 1)->text, "the session file cannot be read: Is a directory"));
    assert_int_equal(mxd_session_load(path, NULL, &session), MXD_ERROR_FILE);
    mxd_problems_destroy(problems);
}

static void test_corpus(void **state)
{
    (void)state;
    size_t count = 0;
    static const char *const folders[] = {"test_parsing", "test_transform"};
    for (size_t i = 0; i < COUNT(folders); i++) {
        char name[600];
        snprintf(name, sizeof name, "%s/vectors/corpus/json/%s", MXD_SHARED, folders[i]);
        DIR *directory = opendir(name);
        if (!directory) {
            print_message("the JSON corpus is absent: %s\n", name);
            skip();
        }
        for (struct dirent *entry; (entry = readdir(directory));) {
            char path[1024];
            if (entry->d_name[0] == '.')
                continue;
            snprintf(path, sizeof path, "%s/%s", name, entry->d_name);
            mxd_problems *problems = mxd_problems_create();
            mxd_session *session = NULL;
            mxd_result result = mxd_session_load(path, problems, &session);
            if (result != MXD_ERROR_INVALID || !mxd_problems_have_errors(problems)) {
                print_message("%s gives %d\n", path, (int)result);
                fail();
            }
            for (size_t j = 0; j < mxd_problems_count(problems); j++) {
                const mxd_problem *p = mxd_problems_get(problems, j);
                if (p->line == 0 || p->column == 0 || strpbrk(p->text, "\n\r\t")) {
                    print_message("%s: %u:%u %s\n", path, p->line, p->column, p->text);
                    fail();
                }
            }
            mxd_problems_destroy(problems);
            count++;
        }
        closedir(directory);
    }
    assert_true(count > 200);
}

/* A foreign object with thousands of keys must not flood anybody. */
static void test_flood(void **state)
{
    const fixture *f = *state;
    char *text = malloc(100000);
    assert_non_null(text);
    size_t length = (size_t)sprintf(text, "{");
    for (int i = 0; i < 3000; i++)
        length += (size_t)sprintf(text + length, "\"key number %d\": 0,\n", i);
    length += (size_t)sprintf(text + length, "\"end\": 0}");
    fixture_bytes(fixture_path(f, "session.json"), text, length);
    free(text);
    mxd_problems *problems = mxd_problems_create();
    mxd_session *session = NULL;
    assert_int_equal(mxd_session_load(fixture_path(f, "session.json"), problems, &session), MXD_ERROR_INVALID);
    assert_int_equal(mxd_problems_count(problems), 1001);
    assert_string_equal(mxd_problems_get(problems, 1000)->text, "there are more than 1000 problems; mend these first");
    mxd_problems_destroy(problems);
}

/* ---- A good session ------------------------------------------------------ */

static const char good_session[] =
    "{\"mixdown\": 1, \"title\": \"Good\", \"sample_rate\": 48000, \"length_s\": 2.5,\n"
    " \"tracks\": [\n"
    "  @1{\"name\": \"Vox\", \"clips\": [\n"
    "    @2{\"file\": \"stereo.wav\", \"start_s\": 0.25, \"offset_s\": 0.5, \"gain_db\": null,\n"
    "       \"fade_in\": {\"length_s\": 0.01, \"curve\": \"equal-power\"}, \"fade_out\": {\"length_s\": 0.25}},\n"
    "    {\"file\": \"mono.wav\", \"length_s\": 1.00001, \"channel\": 0, \"non_finite\": \"zero\"}],\n"
    "   \"inserts\": [@3{\"type\": \"eq\", \"bands\": [{\"type\": \"notch\", \"frequency_hz\": 50}]},\n"
    "     {\"type\": \"convolver\", \"impulse_response\": {\"decay_s\": 0.2}}],\n"
    "   \"fader_db\": -4.5, \"mute\": true,\n"
    "   \"sends\": [@4{\"to\": \"Hall\", \"gain_db\": -12, \"tap\": \"pre-fader\"}],\n"
    "   \"automation\": [@5{\"parameter\": \"send_gain_db\", \"to\": \"Hall\", \"curve\": \"hold\",\n"
    "     \"points\": [[0, null], [1, -144], [1.5, -143.5]]}],\n"
    "   \"place\": @6{\"objects\": [{\"azimuth_deg\": 20, \"elevation_deg\": 5, \"distance\": 1.0},\n"
    "     {\"positions\": [{\"time_s\": 0, \"azimuth_deg\": 0}, {\"time_s\": 0.5, \"azimuth_deg\": 720, \"elevation_deg\": 90}]}]}},\n"
    "  {\"name\": \"Kick\", \"clips\": [{\"file\": \"mono.wav\"}], \"output\": \"Drums\", \"solo\": true,\n"
    "   \"place\": {\"pan\": -0.25}, \"automation\": [{\"parameter\": \"pan\", \"points\": [[0, -1], [1, 1]]}]}],\n"
    " \"buses\": [{\"name\": \"Drums\", \"channels\": 1, \"output\": \"Hall\"},\n"
    "  @7{\"name\": \"Hall\", \"channels\": 2, \"place\": {\"bed\": \"0+2+0\"}}],\n"
    " \"deliverables\": [@8{\"file\": \"out/a.FLAC\", \"layout\": \"5.1\", \"bit_depth\": 16, \"channel_order\": \"wave\"},\n"
    "  {\"file\": \"b.wav\", \"layout\": \"7.1.4\", \"format\": \"rf64\", \"bit_depth\": 32}]}\n";

static void check_origin(const mxd_origin *origin, mark wanted, const char *path)
{
    assert_int_equal(origin->line, wanted.line);
    assert_int_equal(origin->column, wanted.column);
    assert_string_equal(origin->path, path);
}

static void check_clips(const fixture *f, const mxd_track *track, const mark marks[10])
{
    const mxd_clip *a = &track->clips[0], *b = &track->clips[1];
    assert_int_equal(track->num_clips, 2);
    assert_string_equal(a->file, fixture_path(f, "stereo.wav"));
    assert_int_equal(a->start_frame, 12000);
    assert_int_equal(a->offset_frames, 24000);
    assert_int_equal(a->num_frames, 72000); /* 2 s less half of one, at the session's rate */
    assert_true(a->gain_db == -HUGE_VAL);
    assert_null(a->channels);
    assert_int_equal(a->span_frames, 72000);
    assert_int_equal(a->fade_in.num_frames, 480);
    assert_int_equal(a->fade_in.curve, MXD_FADE_EQUAL_POWER);
    assert_int_equal(a->fade_out.num_frames, 12000);
    assert_int_equal(a->fade_out.curve, MXD_FADE_LINEAR);
    assert_int_equal(a->non_finite, MXD_NON_FINITE_ERROR);
    assert_int_equal(a->file_rate, 44100);
    assert_int_equal(a->file_channels, 2);
    assert_int_equal(a->file_frames, 88200);
    check_origin(&a->origin, marks[2], "/tracks/0/clips/0");
    assert_int_equal(b->start_frame, 0);
    assert_int_equal(b->num_frames, 48000); /* 1.00001 s, to the nearest frame */
    assert_int_equal(b->num_channels, 1);
    assert_int_equal(b->channels[0], 0);
    assert_int_equal(b->fade_in.num_frames, 0);
    assert_int_equal(b->non_finite, MXD_NON_FINITE_ZERO);
    assert_true(b->gain_db == 0.0);
}

static void check_vox(const mxd_track *track, const mark marks[10])
{
    const mxd_strip *strip = &track->strip;
    assert_string_equal(strip->name, "Vox");
    check_origin(&strip->origin, marks[1], "/tracks/0");
    assert_int_equal(strip->num_source_channels, 2);
    assert_int_equal(strip->num_channels, 2);
    assert_int_equal(strip->num_inserts, 2);
    assert_ptr_equal(strip->inserts[0].effect, mxd_effect_find("eq"));
    assert_ptr_equal(strip->inserts[1].effect, mxd_effect_find("convolver"));
    check_origin(&strip->inserts[0].origin, marks[3], "/tracks/0/inserts/0");
    assert_true(strip->fader_db == -4.5);
    assert_true(strip->mute && !strip->solo);
    assert_int_equal(strip->num_sends, 1);
    assert_int_equal(strip->sends[0].bus, 1);
    assert_true(strip->sends[0].gain_db == -12.0);
    assert_int_equal(strip->sends[0].tap, MXD_TAP_PRE_FADER);
    check_origin(&strip->sends[0].origin, marks[4], "/tracks/0/sends/0");
    assert_int_equal(strip->num_automation, 1);
    const mxd_automation *automation = &strip->automation[0];
    assert_int_equal(automation->parameter, MXD_PARAMETER_SEND);
    assert_int_equal(automation->send, 0);
    assert_int_equal(automation->curve, MXD_CURVE_HOLD);
    assert_int_equal(automation->num_points, 3);
    assert_true(automation->points[0].value == -HUGE_VAL && automation->points[1].value == -HUGE_VAL);
    assert_int_equal(automation->points[2].frame, 72000);
    assert_true(automation->points[2].value == -143.5);
    check_origin(&automation->origin, marks[5], "/tracks/0/automation/0");
    assert_int_equal(strip->output, -1);
    assert_int_equal(strip->place.kind, MXD_PLACE_OBJECTS);
    assert_int_equal(strip->place.num_objects, 2);
    assert_int_equal(strip->place.objects[0].num_positions, 1);
    assert_true(strip->place.objects[0].positions[0].azimuth_deg == 20.0);
    assert_true(strip->place.objects[0].positions[0].elevation_deg == 5.0);
    assert_int_equal(strip->place.objects[1].num_positions, 2);
    assert_int_equal(strip->place.objects[1].positions[1].frame, 24000);
    assert_true(strip->place.objects[1].positions[1].azimuth_deg == 720.0);
    assert_true(strip->place.objects[1].positions[0].elevation_deg == 0.0);
    check_origin(&strip->place.origin, marks[6], "/tracks/0/place");
}

static void check_rest(const mxd_session *session, const mark marks[10])
{
    const mxd_strip *kick = &session->tracks[1].strip;
    assert_int_equal(kick->num_channels, 1);
    assert_int_equal(kick->output, 0);
    assert_true(kick->solo);
    assert_int_equal(kick->place.kind, MXD_PLACE_PAN);
    assert_true(kick->place.pan == -0.25);
    assert_int_equal(kick->automation[0].parameter, MXD_PARAMETER_PAN);
    assert_int_equal(kick->automation[0].curve, MXD_CURVE_LINEAR);
    assert_true(kick->automation[0].points[0].value == -1.0);
    assert_int_equal(session->tracks[1].clips[0].num_frames, 96000);
    assert_int_equal(session->num_buses, 2);
    assert_int_equal(session->buses[0].strip.output, 1);
    assert_int_equal(session->buses[0].strip.place.kind, MXD_PLACE_PAN);
    assert_null(session->buses[0].strip.place.origin.path);
    assert_int_equal(session->buses[1].strip.place.kind, MXD_PLACE_BED);
    assert_ptr_equal(session->buses[1].strip.place.bed, mxd_layout_find("stereo"));
    check_origin(&session->buses[1].strip.origin, marks[7], "/buses/1");
    assert_int_equal(session->num_deliverables, 2);
    const mxd_deliverable *a = &session->deliverables[0], *b = &session->deliverables[1];
    assert_string_equal(a->file, "out/a.FLAC");
    assert_int_equal(a->format, MXD_FORMAT_FLAC);
    assert_int_equal(a->bit_depth, 16);
    assert_int_equal(a->channel_order, MXD_ORDER_WAVE);
    assert_ptr_equal(a->layout, mxd_layout_find("0+5+0"));
    check_origin(&a->origin, marks[8], "/deliverables/0");
    assert_int_equal(b->format, MXD_FORMAT_RF64);
    assert_int_equal(b->bit_depth, 32);
    assert_int_equal(b->channel_order, MXD_ORDER_LAYOUT);
}

static void test_good(void **state)
{
    const fixture *f = *state;
    mark marks[10] = {{0, 0}};
    mxd_problems *problems = mxd_problems_create();
    mxd_session *session = NULL;
    mxd_result result = marked_load(f, good_session, marks, problems, &session);
    fixture_print(problems);
    assert_int_equal(result, MXD_OK);
    assert_int_equal(mxd_problems_count(problems), 0);
    assert_string_equal(session->title, "Good");
    assert_string_equal(session->folder, f->folder);
    assert_int_equal(session->sample_rate, 48000);
    assert_int_equal(session->num_frames, 120000);
    assert_int_equal(session->num_tracks, 2);
    check_clips(f, &session->tracks[0], marks);
    check_vox(&session->tracks[0], marks);
    check_rest(session, marks);
    mxd_session_destroy(session);
    session = NULL;
    /* Nobody has to want the messages. */
    assert_int_equal(marked_load(f, good_session, marks, NULL, &session), MXD_OK);
    mxd_session_destroy(session);
    mxd_session_destroy(NULL);
    mxd_problems_destroy(problems);
}

static void test_nearest(void **state)
{
    (void)state;
    static const char *const names[] = {"fader_db", "gain_db", "mute", "solo", "place", "clips"};
    static const struct {
        const char *word, *nearest;
    } cases[] = {
        {"fader", "fader_db"}, {"Fader_dB", "fader_db"}, {"gain", "gain_db"}, {"gian_db", "gain_db"}, {"mutt", "mute"},
        {"palce", "place"},    {"clip", "clips"},        {"sol", "solo"},     {"xylophone", NULL},    {"", NULL},
        {"pan", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *nearest = mxd_nearest(cases[i].word, names, COUNT(names));
        if (nearest ? !cases[i].nearest || strcmp(nearest, cases[i].nearest) != 0 : cases[i].nearest != NULL) {
            print_message("\"%s\" gives %s\n", cases[i].word, nearest ? nearest : "nothing");
            fail();
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),   cmocka_unit_test(test_root),  cmocka_unit_test(test_odd_files),
        cmocka_unit_test(test_corpus), cmocka_unit_test(test_flood), cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests(tests, set_up, fixture_tear_down);
}
