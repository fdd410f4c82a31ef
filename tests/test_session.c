/* Sessions with mistakes: each message, and where it stands. */
#include "marked_session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static int set_up(void **state)
{
    fixture_set_up(state);
    fixture *f = *state;
    fixture_wav(f, "mono.wav", 48000, 1, 96000, fixture_noise);
    fixture_wav(f, "stereo.wav", 44100, 2, 88200, fixture_noise);
    fixture_wav(f, "six.wav", 48000, 6, 4800, fixture_noise);
    fixture_wav(f, "whole.wav", 48000, 1, 4800, fixture_noise);
    size_t size;
    unsigned char *bytes = fixture_load(fixture_path(f, "whole.wav"), &size);
    fixture_bytes(fixture_path(f, "truncated.wav"), bytes, size - (4800 - 478) * sizeof(float));
    free(bytes);
    fixture_text(f, "empty.wav", "");
    fixture_text(f, "foreign.wav", "this is text, not sound\n");
    return 0;
}

#define MONO "{\"file\": \"mono.wav\"}"
#define GOOD_TRACK "{\"name\": \"T\", \"clips\": [" MONO "]}"
#define GOOD_FILE "{\"file\": \"o.wav\", \"layout\": \"stereo\"}"

typedef struct bad_session {
    const char *tracks;       /* NULL: one good track */
    const char *buses;        /* NULL: the key is left out */
    const char *deliverables; /* NULL: one good file */
    const char *more;         /* more keys of the root; NULL = none */
    expected problems[9];
} bad_session;

static void check_session(const fixture *f, const bad_session *bad)
{
    char text[8192];
    mark marks[10] = {{0, 0}};
    size_t num_problems = 0;
    while (num_problems < COUNT(bad->problems) && bad->problems[num_problems].text)
        num_problems++;
    int length = snprintf(text, sizeof text,
                          "{\"mixdown\": 1, \"sample_rate\": 48000, \"length_s\": 10,\n%s \"tracks\": [\n  %s],\n"
                          "%s%s%s\t\"deliverables\": [%s]}\n",
                          bad->more ? bad->more : "", bad->tracks ? bad->tracks : GOOD_TRACK,
                          bad->buses ? " \"buses\": [" : "", bad->buses ? bad->buses : "", bad->buses ? "],\n" : "",
                          bad->deliverables ? bad->deliverables : GOOD_FILE);
    assert_in_range(length, 1, sizeof text - 1);
    mxd_problems *problems = mxd_problems_create();
    mxd_session *session = NULL;
    bool errors = false;
    for (size_t i = 0; i < num_problems; i++)
        errors = errors || !expected_is_warning(&bad->problems[i]);
    mxd_result result = marked_load(f, text, marks, problems, &session);
    marked_check(f, problems, text, marks, bad->problems, num_problems);
    assert_int_equal(result, errors ? MXD_ERROR_INVALID : MXD_OK);
    assert_true(errors == (session == NULL));
    mxd_session_destroy(session);
    mxd_problems_destroy(problems);
}

static void check_sessions(const fixture *f, const bad_session *sessions, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check_session(f, &sessions[i]);
}

static void test_values(void **state)
{
    static const bad_session cases[] = {
        {.more = "@1\"titel\": \"x\",",
         .problems = {{1, "/titel", "unknown key \"titel\"; did you mean \"title\"?"}}},
        {.more = "\"title\": @1[],", .problems = {{1, "/title", "\"title\" must be a string, not an array"}}},
        {.more = "@1\"a/~b\": 1,",
         .problems = {{1, "/a~1~0b", "unknown key \"a/~b\"; here it could be *\"deliverables\""}}},
        {.more = "@1\"album\": {}, @2\"screen\": {},",
         .problems = {{1, "/album", "\"album\": mastering of an album is not built yet"},
                      {2, "/screen", "\"screen\": a reproduction screen is not built yet"}}},
        {.tracks = "{\"name\": \"T\", \"clips\": [" MONO "], @1\"fadr_db\": 0, \"mute\": @2\"no\",\n"
                   "\t\"solo\": @3null, \"polarity\": @4\"yes\"}",
         .problems = {{1, "/tracks/0/fadr_db", "unknown key \"fadr_db\"; did you mean \"fader_db\"?"},
                      {2, "/tracks/0/mute", "\"mute\" must be true or false, not a string"},
                      {3, "/tracks/0/solo", "\"solo\" must be true or false, not null"},
                      {4, "/tracks/0/polarity", "\"polarity\" must be true or false, not a string"}}},
        {.tracks = "@1{\"clips\": [{\"file\": \"mono.wav\",\n  \"gain_db\": @2-144.5, \"channel\": @3\"left\",\n"
                   "  \"start_s\": @4-1, \"non_finite\": @5\"ignore\"}, @6{}]}",
         .problems = {{1, "/tracks/0", "\"name\" is missing"},
                      {2, "/tracks/0/clips/0/gain_db", "\"gain_db\" is -144.5, but must be from -144 to 48"},
                      {3, "/tracks/0/clips/0/channel", "\"channel\" must be a whole number, not a string"},
                      {4, "/tracks/0/clips/0/start_s", "\"start_s\" is -1, but must be from 0 to 31622400"},
                      {5, "/tracks/0/clips/0/non_finite", "\"non_finite\" must be \"error\" or \"zero\", not \"ignore\""},
                      {6, "/tracks/0/clips/1", "\"file\" is missing"}}},
        {.tracks = "{\"clips\": @2{}, \"name\": @3\"\", \"fader_db\": @449}, @57",
         .problems = {{2, "/tracks/0/clips", "\"clips\" must be an array, not an object"},
                      {3, "/tracks/0/name", "\"name\" must not be empty"},
                      {4, "/tracks/0/fader_db", "\"fader_db\" is 49, but must be from -144 to 48"},
                      {5, "/tracks/1", "this item must be an object, not a number"}}},
    };
    check_sessions(*state, cases, COUNT(cases));
}

static void test_clips(void **state)
{
    static const bad_session cases[] = {
        {.tracks = "{\"name\": \"T\", \"clips\": [{\"file\": @1\"missing.wav\"}, {\"file\": @2\"empty.wav\"},\n"
                   "{\"file\": @3\"foreign.wav\"}, {\"file\": @4\"truncated.wav\"}, {\"file\": \"missing.wav\"}]}",
         .problems = {{1, "/tracks/0/clips/0/file", "*missing.wav': there is no such file"},
                      {2, "/tracks/0/clips/1/file", "*empty.wav': is empty (0 bytes)"},
                      {3, "/tracks/0/clips/2/file", "*foreign.wav': is not an audio file of a kind that can be read"},
                      {4, "/tracks/0/clips/3/file", "*truncated.wav': is truncated: its header promises 4800 frames, the file holds 478 (samples begin at byte 80)"}}},
        {.tracks = "{\"name\": \"T\", \"clips\": [{\"file\": \"stereo.wav\", \"channel\": @12},\n"
                   "{\"file\": \"stereo.wav\", \"offset_s\": @22}, {\"file\": \"mono.wav\", \"start_s\": @310},\n"
                   "{\"file\": \"mono.wav\", \"offset_s\": 1.5, \"length_s\": @42}]}",
         .problems = {{1, "/tracks/0/clips/0/channel", "\"channel\" is 2, but the file has 2: they count from 0"},
                      {2, "/tracks/0/clips/1/offset_s", "the clip begins at 2 s of a file that lasts 2 s"},
                      {3, "/tracks/0/clips/2/start_s", "the clip begins at 10 s, but the session ends at 10 s"},
                      {4, "/tracks/0/clips/3/length_s",
                       "warning: \"length_s\" passes the end of the file by 1.5 s; the clip ends there"}}},
        {.tracks = "{\"name\": \"T\", \"clips\": [{\"file\": \"mono.wav\", \"length_s\": 1, \"fade_in\": @1{\"length_s\": 1.1},\n"
                   "\"fade_out\": {@2\"shape\": 1, \"curve\": @3\"s_curve\", \"length_s\": 1}},\n"
                   "{\"file\": \"mono.wav\", \"length_s\": @40, @5\"sped\": 2}]}",
         .problems = {{1, "/tracks/0/clips/0/fade_in", "the fade lasts 1.1 s, but the clip only 1 s"},
                      {2, "/tracks/0/clips/0/fade_out/shape", "unknown key \"shape\"; here it could be \"curve\" or \"length_s\""},
                      {3, "/tracks/0/clips/0/fade_out/curve",
                       "\"curve\" must be \"linear\", \"equal-power\", \"exponential\", \"logarithmic\" or \"s-curve\", "
                       "not \"s_curve\"; did you mean \"s-curve\"?"},
                      {4, "/tracks/0/clips/1/length_s", "\"length_s\" must be longer than 0; *"},
                      {5, "/tracks/0/clips/1/sped", "unknown key \"sped\"; did you mean \"speed\"?"}}},
        /* One channel feeds two, but six take nothing else. */
        {.tracks = "{\"name\": \"T\", \"channels\": 2, \"clips\": [" MONO ", @1{\"file\": \"six.wav\"}]},\n"
                   "{\"name\": \"U\", \"clips\": [@2" MONO ", {\"file\": \"six.wav\"}], \"place\": {\"bed\": \"5.1\"}},"
                   "{\"name\": \"V\", \"clips\": @3[]}",
         .problems = {{1, "/tracks/0/clips/1", "the clip has 6 channels, but the track has 2 by its \"channels\""},
                      {2, "/tracks/1/clips/0", "the clip has 1 channel, but the track has 6 (as many as its widest clip)"},
                      {3, "/tracks/2/clips", "warning: the track has no clips: it is silent"}}},
    };
    check_sessions(*state, cases, COUNT(cases));
}

static void test_clip_edits(void **state)
{
    static const bad_session cases[] = {
        {.tracks = "{\"name\": \"T\", \"clips\": [{\"file\": \"mono.wav\", \"speed\": @12, \"stretch\": 1.5},\n"
                   "{\"file\": \"mono.wav\", \"preserve_formants\": @2true},\n"
                   "{\"file\": \"mono.wav\", \"speed\": @30}, {\"file\": \"mono.wav\", \"stretch\": @420},\n"
                   "{\"file\": \"mono.wav\", \"envelope_curve\": @5\"hold\"},\n"
                   "{\"file\": \"mono.wav\", \"length_s\": 1, \"speed\": 2, \"envelope\": @6[[0, 0], [0.6, -3]]},\n"
                   "{\"file\": \"mono.wav\", \"envelope\": @7[]},\n"
                   "{\"file\": \"mono.wav\", \"envelope\": [[1, 0], @8[1, -3]]}]}",
         .problems = {{1, "/tracks/0/clips/0/speed", "\"speed\" changes pitch and length together, *: use the one or the others"},
                      {2, "/tracks/0/clips/1/preserve_formants",
                       "\"preserve_formants\" has a meaning with \"pitch_semitones\" only"},
                      {3, "/tracks/0/clips/2/speed", "\"speed\" is 0, but must be from 0.25 to 4"},
                      {4, "/tracks/0/clips/3/stretch", "\"stretch\" is 20, but must be from 0.15 to 10"},
                      {5, "/tracks/0/clips/4/envelope_curve",
                       "\"envelope_curve\" is the curve of an \"envelope\", but there is none"},
                      {6, "/tracks/0/clips/5/envelope",
                       "its last point lies at 0.6 s, but the clip ends 0.5 s after its beginning"},
                      {7, "/tracks/0/clips/6/envelope", "there must be at least one point [time in seconds, value]"},
                      {8, "/tracks/0/clips/7/envelope/1", "points must ascend in time by a frame or more, *"}}},
        {.tracks = "{\"name\": \"T\", \"clips\": [{\"file\": \"mono.wav\", \"loop\": @1{\"length_s\": 1.5}},\n"
                   "{\"file\": \"mono.wav\", \"length_s\": 1, \"stretch\": 2, \"loop\": @2{\"length_s\": 1.5}},\n"
                   "{\"file\": \"mono.wav\", \"length_s\": 1, \"loop\": @3{\"length_s\": 3, \"crossfade_s\": 1.2}},\n"
                   "{\"file\": \"mono.wav\", \"length_s\": 1, \"loop\": @4{\"length_s\": 3, \"crossfade_s\": 0.5}},\n"
                   "{\"file\": \"mono.wav\", \"length_s\": 1.8, \"reverse\": true, \"loop\": @5{\"length_s\": 3, \"crossfade_s\": 0.5}},\n"
                   "{\"file\": \"mono.wav\", \"loop\": {@6\"times\": 3, \"length_s\": @70}},\n"
                   "{\"file\": \"mono.wav\", \"start_s\": 0.001, \"nudge_frames\": @8-50},\n"
                   "{\"file\": \"mono.wav\", \"speed\": 2, \"fade_in\": @9{\"length_s\": 1.1}}]}",
         .problems = {{1, "/tracks/0/clips/0/loop", "the loop lasts 1.5 s in all, but its span 2 s already; *"},
                      {2, "/tracks/0/clips/1/loop", "the loop lasts 1.5 s in all, but its span 2 s already; *"},
                      {3, "/tracks/0/clips/2/loop", "the crossfade lasts 1.2 s, but the span only 1 s"},
                      {4, "/tracks/0/clips/3/loop", "warning: the crossfade lasts 0.5 s and takes what the file has "
                       "before the span, which is 0 s; the rest of it is a fade to silence"},
                      {5, "/tracks/0/clips/4/loop", "warning: the crossfade lasts 0.5 s and takes what the file has "
                       "before the span (played in reverse: behind it), which is 0.2 s; *"},
                      {6, "/tracks/0/clips/5/loop/times", "unknown key \"times\"; *"},
                      {7, "/tracks/0/clips/5/loop/length_s", "\"length_s\", how long the loop sounds in all, must be longer than 0"},
                      {8, "/tracks/0/clips/6/nudge_frames", "nudged, the clip would begin 2 frames before the session; *"},
                      {9, "/tracks/0/clips/7/fade_in", "the fade lasts 1.1 s, but the clip only 1 s"}}},
        {.tracks = "{\"name\": \"T\", \"clips\": [{\"file\": \"stereo.wav\", \"channel\": 0, \"channels\": @1[0, 1]},\n"
                   "{\"file\": \"stereo.wav\", \"channels\": @2[]}, {\"file\": \"stereo.wav\", \"channels\": [0, @30.5]},\n"
                   "{\"file\": \"stereo.wav\", \"channels\": [1, @4-1]}, {\"file\": \"stereo.wav\", \"channels\": @5[1, 2]},\n"
                   "{\"file\": \"mono.wav\", @6\"loop_s\": 3}, {\"file\": \"mono.wav\", \"pitch_semitones\": -24, \"stretch\": @80.5},\n"
                   "{\"file\": \"mono.wav\", \"reverse\": @71}]}",
         .problems = {{1, "/tracks/0/clips/0/channels", "\"channel\" picks one and \"channels\" several: give one of the two"},
                      {2, "/tracks/0/clips/1/channels", "\"channels\" must list 1 to 64 channels of the file"},
                      {3, "/tracks/0/clips/2/channels/1", "this item must be a whole number, not 0.5"},
                      {4, "/tracks/0/clips/3/channels/1", "this item is -1, but must be from 0 to 1023"},
                      {5, "/tracks/0/clips/4/channels", "\"channels\" names 2, but the file has 2: they count from 0"},
                      {6, "/tracks/0/clips/5/loop_s", "unknown key \"loop_s\"; did you mean \"loop\"?"},
                      {8, "/tracks/0/clips/6/stretch", "a stretch of 0.5 at a pitch of -24 semitones is more than Rubber "
                       "Band can do: its product with the ratio of pitch is 0.125, and must be 0.15 or more"},
                      {7, "/tracks/0/clips/7/reverse", "\"reverse\" must be true or false, not a number"}}},
    };
    check_sessions(*state, cases, COUNT(cases));
}

static void test_routing(void **state)
{
    static const bad_session cases[] = {
        {.buses = "@1{\"name\": \"Drums\", \"channels\": 2, \"output\": \"Hall\"},\n"
                  "{\"name\": \"Hall\", \"channels\": 2, \"sends\": [{\"to\": \"Drums\"}]}",
         .problems = {{1, "/buses/0", "buses feed each other in a loop: Drums -> Hall -> Drums"}}},
        {.buses = "{\"name\": \"A\", \"channels\": 2, \"output\": \"B\"}, @1{\"name\": \"B\", \"channels\": 2, \"output\": \"C\"},\n"
                  "{\"name\": \"C\", \"channels\": 2, \"output\": \"D\"}, {\"name\": \"D\", \"channels\": 2, \"output\": \"B\"},\n"
                  "@2{\"name\": \"E\", \"channels\": 2, \"output\": \"E\"}",
         .problems = {{1, "/buses/1", "buses feed each other in a loop: B -> C -> D -> B"},
                      {2, "/buses/4", "buses feed each other in a loop: E -> E"}}},
        /* Two ways to one bus are no loop. */
        {.buses = "{\"name\": \"A\", \"channels\": 2, \"output\": \"C\", \"sends\": [{\"to\": \"B\"}]},\n"
                  "{\"name\": \"B\", \"channels\": 2, \"output\": \"C\"}, {\"name\": \"C\", \"channels\": 2}"},
        {.tracks = GOOD_TRACK ",\n@1" GOOD_TRACK, .buses = "@2{\"name\": \"T\", \"channels\": 2}",
         .problems = {{1, "/tracks/1", "the name \"T\" is taken already (line 3): tracks and buses need names of their own"},
                      {2, "/buses/0", "the name \"T\" is taken already (line 3): tracks and buses need names of their own"}}},
        {.tracks = "{\"name\": \"T\", \"clips\": [" MONO "], \"sends\": [{\"to\": @1\"Hal\", \"tap\": @2\"prefader\"},\n"
                   "{\"to\": \"Hall\"}, {\"to\": @3\"Hall\"}, @4{}], \"output\": @5\"Moon\"}",
         .buses = "{\"name\": \"Hall\", \"channels\": 2, @6\"colour\": 3}",
         .problems = {{1, "/tracks/0/sends/0/to", "there is no bus \"Hal\"; did you mean \"Hall\"?"},
                      {2, "/tracks/0/sends/0/tap",
                       "\"tap\" must be \"post-fader\" or \"pre-fader\", not \"prefader\"; did you mean \"pre-fader\"?"},
                      {3, "/tracks/0/sends/2/to", "there is a send to \"Hall\" already"},
                      {4, "/tracks/0/sends/3", "\"to\" is missing"},
                      {5, "/tracks/0/output", "there is no bus \"Moon\""},
                      {6, "/buses/0/colour", "unknown key \"colour\"; *"}}},
        {.tracks = "{\"name\": \"T\", \"clips\": [" MONO "], \"output\": @1\"Hall\"}",
         .problems = {{1, "/tracks/0/output", "there is no bus \"Hall\": the session has no buses"}}},
        {.tracks = "@1{\"name\": \"T\", \"clips\": [" MONO "], \"output\": \"Six\", \"sends\": [@2{\"to\": \"Six\"}]},\n"
                   "{\"name\": \"U\", \"clips\": [{\"file\": \"six.wav\"}], \"output\": \"Six\"}",
         .buses = "{\"name\": \"Six\", \"channels\": 6, \"place\": {\"bed\": \"5.1\"}}",
         .problems = {{1, "/tracks/0", "\"T\" has 1 channel, but the bus \"Six\" that it goes to has 6: *"},
                      {2, "/tracks/0/sends/0", "\"T\" has 1 channel, but the bus \"Six\" that it is sent to has 6: *"}}},
        {.buses = "@1{\"name\": \"B\"}, {\"name\": \"C\", \"channels\": @265}",
         .problems = {{1, "/buses/0", "\"channels\" is missing"},
                      {2, "/buses/1/channels", "\"channels\" is 65, but must be from 1 to 64"}}},
    };
    check_sessions(*state, cases, COUNT(cases));
}

static void test_places(void **state)
{
    static const bad_session cases[] = {
        {.tracks = "{\"name\": \"T\", \"clips\": [" MONO "], \"place\": @1{\"objects\": [{\"azimuth_deg\": 0}, {\"azimuth_deg\": 1}]}},\n"
                   "{\"name\": \"U\", \"clips\": [{\"file\": \"stereo.wav\"}], \"place\": @2{\"object\": {\"azimuth_deg\": 0}}},\n"
                   "{\"name\": \"V\", \"clips\": [" MONO "], \"place\": @3{\"bed\": \"stereo\"}},\n"
                   "@4{\"name\": \"W\", \"clips\": [{\"file\": \"six.wav\"}]},\n"
                   "{\"name\": \"X\", \"clips\": [{\"file\": \"six.wav\"}], \"place\": @5{\"pan\": 0}}",
         .problems = {{1, "/tracks/0/place", "2 objects for the 1 channel of \"T\": each channel needs its own"},
                      {2, "/tracks/1/place", "1 object for the 2 channels of \"U\": each channel needs its own"},
                      {3, "/tracks/2/place", "the bed 0+2+0 has 2 channels, but \"V\" has 1"},
                      {4, "/tracks/3", "\"W\" has 6 channels, and pan places 1 or 2: *"},
                      {5, "/tracks/4/place", "\"X\" has 6 channels, and pan places 1 or 2: *"}}},
        {.tracks = "{\"name\": \"T\", \"clips\": [" MONO "], \"output\": \"B\", \"place\": @1{\"object\": {\"azimuth_deg\": 0}}}",
         .buses = "{\"name\": \"B\", \"channels\": 2, \"place\": {\"bed\": @2\"sterio\"}}",
         .problems = {{1, "/tracks/0/place", "\"T\" goes to a bus, so that it can be placed by \"pan\" only; place the bus"},
                      {2, "/buses/0/place/bed", "there is no layout \"sterio\"; did you mean \"stereo\"? There are: 0+2+0 (stereo), *"}}},
        {.tracks = "{\"name\": \"T\", \"clips\": [" MONO "], \"place\": {\"object\": {\"azimuth_deg\": @13601, \"elevation_deg\": @2-91,\n"
                   "\"distance\": @30.5, @4\"width_deg\": 30}}},\n"
                   "{\"name\": \"U\", \"clips\": [" MONO "], \"place\": {\"pan\": 0, \"bed\": @5\"5.1\"}},\n"
                   "{\"name\": \"V\", \"clips\": [" MONO "], \"place\": @6{}},\n"
                   "{\"name\": \"W\", \"clips\": [" MONO "], \"place\": {@7\"ambisonics\": {}}}",
         .problems = {{1, "/tracks/0/place/object/azimuth_deg", "\"azimuth_deg\" is 3601, but must be from -3600 to 3600"},
                      {2, "/tracks/0/place/object/elevation_deg", "\"elevation_deg\" is -91, but must be from -90 to 90"},
                      {3, "/tracks/0/place/object/distance",
                       "a \"distance\" other than 1 needs the extent panner, which is not built yet"},
                      {4, "/tracks/0/place/object/width_deg", "\"width_deg\": the extent panner is not built yet"},
                      {5, "/tracks/1/place/bed", "\"bed\" stands beside \"pan\": a place is one of them"},
                      {6, "/tracks/2/place", "a place must be one of \"pan\", \"object\", \"objects\" and \"bed\""},
                      {7, "/tracks/3/place/ambisonics", "\"ambisonics\": Ambisonics is not built yet"}}},
        {.tracks = "{\"name\": \"T\", \"clips\": [" MONO "], \"place\": {\"object\": {\"elevation_deg\": @10, \"positions\": [\n"
                   "{\"time_s\": 1, \"azimuth_deg\": 0}, {\"time_s\": @21, \"azimuth_deg\": 0}, @3{\"time_s\": 2},\n"
                   "{\"time_s\": 3, @4\"x\": 1}]}}}",
         .problems = {{1, "/tracks/0/place/object/elevation_deg",
                       "\"elevation_deg\" stands beside \"positions\": put it into them"},
                      {2, "/tracks/0/place/object/positions/1/time_s", "positions must ascend in time by a frame or more, *"},
                      {3, "/tracks/0/place/object/positions/2", "\"azimuth_deg\" is missing"},
                      {4, "/tracks/0/place/object/positions/3/x", "\"x\": the cartesian position is not built yet"}}},
    };
    check_sessions(*state, cases, COUNT(cases));
}

static void test_automation(void **state)
{
    static const bad_session cases[] = {
        {.tracks = "{\"name\": \"T\", \"clips\": [" MONO "], \"automation\": [\n"
                   "{\"parameter\": \"fader_db\", \"points\": [[0, 0], @1[0, 1], @2[1], [2, @349]], \"curve\": @4\"spline\"},\n"
                   "{\"parameter\": \"pan\", \"points\": [[0, @5null]]}, {\"parameter\": \"pan\", \"points\": @6[]},\n"
                   "{\"parameter\": @7\"fader\", \"points\": [[0, 0]]}]}",
         .problems = {{1, "/tracks/0/automation/0/points/1", "points must ascend in time by a frame or more, *"},
                      {2, "/tracks/0/automation/0/points/2", "a point must be [time in seconds, value], and perhaps a curve"},
                      {3, "/tracks/0/automation/0/points/3/1", "this item is 49, but must be from -1000 to 48"},
                      {4, "/tracks/0/automation/0/curve", "\"curve\" must be \"linear\", \"hold\", \"exponential\" or \"bezier\", not \"spline\""},
                      {5, "/tracks/0/automation/1/points/0/1", "this item must be a number, not null"},
                      {6, "/tracks/0/automation/2/points", "there must be at least one point [time in seconds, value]"},
                      {7, "/tracks/0/automation/3/parameter",
                       "\"parameter\" must be \"fader_db\", \"pan\", \"send_gain_db\" or \"send_pan\", not \"fader\"; did you mean \"fader_db\"?"}}},
        {.tracks = "{\"name\": \"T\", \"clips\": [" MONO "], \"automation\": [\n"
                   "{\"parameter\": \"send_gain_db\", \"to\": @1\"B\", \"points\": [[0, 0]]},\n"
                   "@2{\"parameter\": \"send_gain_db\", \"points\": [[0, 0]]},\n"
                   "{\"parameter\": \"fader_db\", \"to\": @3\"B\", \"points\": [[0, 0]]},\n"
                   "{\"parameter\": @4\"fader_db\", \"points\": [[0, 0]]}]},\n"
                   "{\"name\": \"U\", \"clips\": [" MONO "], \"place\": {\"object\": {\"azimuth_deg\": 0}},\n"
                   "\"automation\": [@5{\"parameter\": \"pan\", \"points\": [[0, 0]]}]}",
         .buses = "{\"name\": \"B\", \"channels\": 2}",
         .problems = {{1, "/tracks/0/automation/0/to", "there is no send to \"B\" here that could be automated"},
                      {2, "/tracks/0/automation/1", "\"to\" is missing"},
                      {3, "/tracks/0/automation/2/to", "\"to\" has a meaning for \"send_gain_db\" and \"send_pan\" only"},
                      {4, "/tracks/0/automation/3/parameter", "\"fader_db\" is automated twice; put all points in one"},
                      {5, "/tracks/1/automation/0", "\"pan\" is automated, but \"U\" is not placed by pan"}}},
    };
    check_sessions(*state, cases, COUNT(cases));
}

static void test_inserts(void **state)
{
    static const bad_session cases[] = {
        {.tracks = "{\"name\": \"T\", \"clips\": [" MONO "], \"inserts\": [{\"type\": @1\"limiter\", \"ratio\": 2},\n"
                   "{\"type\": @2\"eqq\", \"x\": 1}, @3{}, {\"type\": @43}, {\"type\": \"eq\", \"bands\": [{\"type\": \"bell\",\n"
                   "\"frequency_hz\": 100, \"gain_db\": 0, \"q\": @50}]}, @6\"eq\"]}",
         .problems = {{1, "/tracks/0/inserts/0/type", "the insert \"limiter\" is not built yet"},
                      {2, "/tracks/0/inserts/1/type", "\"type\" must be *, not \"eqq\"; did you mean \"eq\"?"},
                      {3, "/tracks/0/inserts/2", "\"type\" is missing"},
                      {4, "/tracks/0/inserts/3/type", "\"type\" must be a string, not a number"},
                      {5, "/tracks/0/inserts/4/bands/0/q", "\"q\" is 0, but must be from 0.025 to 100"},
                      {6, "/tracks/0/inserts/5", "this item must be an object, not a string"}}},
        /* A room of 6 makes six channels of one, which no pan can place and a stereo deliverable cannot have. */
        {.tracks = "@1{\"name\": \"T\", \"clips\": [" MONO "], \"inserts\": [{\"type\": \"convolver\",\n"
                   "\"impulse_response\": {\"decay_s\": 0.2, \"channels\": 6}}]}",
         .deliverables = "@2{\"file\": \"o.wav\", \"layout\": \"stereo\", \"inserts\": [{\"type\": \"convolver\",\n"
                         "\"impulse_response\": {\"decay_s\": 0.2, \"channels\": 6}}]}",
         .problems = {{1, "/tracks/0", "\"T\" has 6 channels, and pan places 1 or 2: *"},
                      {2, "/deliverables/0", "6 channels leave the inserts, but the layout 0+2+0 has 2"}}},
        {.tracks = "{\"name\": \"T\", \"clips\": [{\"file\": \"six.wav\"}], \"place\": {\"bed\": \"5.1\"}, \"inserts\": [\n"
                   "@1{\"type\": \"convolver\", \"impulse_response\": \"stereo.wav\"}]}",
         .problems = {{1, "/tracks/0/inserts/0", "a response of 2 channels does not fit the 6 channels that enter*"}}},
        {.tracks = "{\"name\": \"T\", \"clips\": [" MONO "], \"inserts\": [{\"type\": \"convolver\", \"impulse_response\": @1\"a\\nb\"},\n"
                   "{\"type\": \"convolver\", \"impulse_response\": @2\"\"},\n"
                   "{\"type\": \"convolver\", \"impulse_response\": \"stereo.wav\", \"matrix\": [[0, @32]]},\n"
                   "{\"type\": \"convolver\", \"impulse_response\": \"stereo.wav\", \"matrix\": [@4[0.5]]},\n"
                   "{\"type\": \"eq\", \"bands\": [{\"type\": \"high-pass\", \"frequency_hz\": 100, \"q\": 1,\n"
                   "\"slope_db_per_octave\": @513}]}]}",
         .problems = {{1, "/tracks/0/inserts/0/impulse_response", "\"impulse_response\" must not hold control characters *"},
                      {2, "/tracks/0/inserts/1/impulse_response", "\"impulse_response\" must not be empty"},
                      {3, "/tracks/0/inserts/2/matrix/0/1", "this item is 2, but must be from 0 to 1"},
                      {4, "/tracks/0/inserts/3/matrix/0", "an entry of matrix is a channel of the response, from 0, or null; not 0.5"},
                      {5, "/tracks/0/inserts/4/bands/0/slope_db_per_octave", "slope_db_per_octave is 12, 24 or 48"}}},
        {.tracks = "{\"name\": \"T\", \"clips\": [" MONO "], \"inserts\": [@1{\"type\": \"convolver\",\n"
                   "\"impulse_response\": \"stereo.wav\", \"matrix\": [[0], [1]]}]}",
         .problems = {{1, "/tracks/0/inserts/0", "matrix has 2 rows, but 1 channel enters the convolver: *"}}},
    };
    check_sessions(*state, cases, COUNT(cases));
}

static void test_deliverables(void **state)
{
    static const bad_session cases[] = {
        {.deliverables = "{\"file\": \"a.wav\", \"layout\": @1\"7.1.5\"}, {\"file\": \"b.wav\", \"layout\": @2\"binaural\"},\n"
                         "{\"file\": @3\"c.mp3\", \"layout\": \"stereo\"}, {\"file\": @4\"d\", \"layout\": \"stereo\"},\n"
                         "{\"file\": \"e.wav\", \"layout\": \"stereo\", \"bit_depth\": @520, @6\"loudness_lufs\": -14, \"format\": @7\"adm\"}",
         .problems = {{1, "/deliverables/0/layout", "there is no layout \"7.1.5\"; did you mean \"7.1.4\"? There are: *"},
                      {2, "/deliverables/1/layout", "the layout \"binaural\" is not built yet"},
                      {3, "/deliverables/2/file", "files of the format \"mp3\" are not built yet; use .wav, .rf64 or .flac"},
                      {4, "/deliverables/3/file", "the file's name does not tell its format: *"},
                      {5, "/deliverables/4/bit_depth", "\"bit_depth\" is 20, but must be 16, 24 or 32 (float)"},
                      {6, "/deliverables/4/loudness_lufs", "\"loudness_lufs\": mastering to a loudness is not built yet"},
                      {7, "/deliverables/4/format", "\"format\": \"adm\" is not built yet"}}},
        {.deliverables = "{\"file\": \"out/a.wav\", \"layout\": \"stereo\"}, @1{\"file\": \"x/..//out/./a.wav\", \"layout\": \"5.1\"},\n"
                         "@2{\"file\": \"./mono.wav\", \"layout\": \"stereo\"}, @3{\"file\": \"session.json\", \"layout\": \"stereo\",\n"
                         "\"format\": \"wav\"}, @4{\"file\": \"f.flac\", \"layout\": \"7.1.4\"}, @5{\"file\": \"g.flac\", \"layout\": \"stereo\",\n"
                         "\"bit_depth\": 32}, @6{\"file\": \"h.wav\", \"layout\": \"22.2\", \"channel_order\": \"wave\"}",
         .problems = {{1, "/deliverables/1", "two deliverables write one file: \"x/..//out/./a.wav\" (the other is at line *)"},
                      {2, "/deliverables/2", "\"./mono.wav\" would overwrite a file that the track \"T\" plays"},
                      {3, "/deliverables/3", "\"session.json\" would overwrite the session file"},
                      {4, "/deliverables/4", "FLAC has at most 8 channels, but 4+7+0 has 12; use WAV"},
                      {5, "/deliverables/5", "FLAC has no 32-bit float; use \"bit_depth\" 16 or 24, or WAV"},
                      {6, "/deliverables/6", "\"channel_order\": \"wave\" cannot be: the layout 9+10+3 has loudspeakers that *"}}},
        /* What inserts read is no more to be overwritten than what clips play. */
        {.tracks = "{\"name\": \"T\", \"clips\": [" MONO "], \"inserts\": [{\"type\": \"convolver\",\n"
                   "\"impulse_response\": \"stereo.wav\"}]}",
         .deliverables = "@1{\"file\": \"./stereo.wav\", \"layout\": \"stereo\"}",
         .problems = {{1, "/deliverables/0", "\"./stereo.wav\" would overwrite a file that an insert of \"T\" reads"}}},
        {.deliverables = "@1{\"file\": \"stereo.wav\", \"layout\": \"stereo\", \"inserts\": [{\"type\": \"convolver\",\n"
                         "\"impulse_response\": \"stereo.wav\"}]}",
         .problems = {{1, "/deliverables/0", "\"stereo.wav\" would overwrite a file that an insert of \"stereo.wav\" reads"}}},
    };
    check_sessions(*state, cases, COUNT(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),     cmocka_unit_test(test_clips),
     cmocka_unit_test(test_clip_edits),   cmocka_unit_test(test_routing),
        cmocka_unit_test(test_places),     cmocka_unit_test(test_automation), cmocka_unit_test(test_inserts),
        cmocka_unit_test(test_deliverables),
    };
    return cmocka_run_group_tests(tests, set_up, fixture_tear_down);
}
