/*
 * Loading sessions. A test session is written with marks "@1" .. "@9" before the
 * things that are wrong; the marks are taken out before the file is written, and
 * each message must stand exactly at its mark: so line and column are known by
 * other means than the loader's own.
 */
#include "host/effects/effect.h"
#include "host/mixdown.h"
#include "host/session/session.h"
#include "formats/reader.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <sndfile.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static char folder[] = "/tmp/mixdown-test-session-XXXXXX";

/* ---- Files --------------------------------------------------------------- */

static void path_of(const char *name, char path[512])
{
    snprintf(path, 512, "%s/%s", folder, name);
}

static void write_bytes(const char *name, const void *bytes, size_t size)
{
    char path[512];
    path_of(name, path);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void write_wave(const char *name, int channels, int rate, sf_count_t frames)
{
    char path[512];
    path_of(name, path);
    SF_INFO info = {.samplerate = rate, .channels = channels, .format = SF_FORMAT_WAV | SF_FORMAT_PCM_16};
    SNDFILE *file = sf_open(path, SFM_WRITE, &info);
    assert_non_null(file);
    short *samples = calloc((size_t)(frames * channels), sizeof *samples);
    assert_non_null(samples);
    for (sf_count_t i = 0; i < frames * channels; i++)
        samples[i] = (short)(i % 1000);
    assert_int_equal(sf_writef_short(file, samples, frames), frames);
    free(samples);
    assert_int_equal(sf_close(file), 0);
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    write_wave("mono.wav", 1, 48000, 96000);
    write_wave("stereo.wav", 2, 44100, 88200);
    write_wave("six.wav", 6, 48000, 4800);
    write_wave("whole.wav", 1, 48000, 4800);
    char path[512];
    path_of("whole.wav", path);
    char bytes[1000];
    FILE *file = fopen(path, "rb");
    if (!file || fread(bytes, 1, sizeof bytes, file) != sizeof bytes)
        return -1;
    fclose(file);
    write_bytes("truncated.wav", bytes, sizeof bytes);
    write_bytes("empty.wav", "", 0);
    write_bytes("foreign.wav", "this is text, not sound\n", 24);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    DIR *directory = opendir(folder);
    if (!directory)
        return -1;
    for (struct dirent *entry; (entry = readdir(directory));) {
        char path[512];
        if (entry->d_name[0] == '.')
            continue;
        path_of(entry->d_name, path);
        unlink(path);
    }
    closedir(directory);
    return rmdir(folder);
}

/* ---- Marks --------------------------------------------------------------- */

typedef struct mark {
    uint32_t line;
    uint32_t column;
} mark;

/* Takes the marks out of a text, in place; gives its new size. */
static size_t take_marks(char *text, mark marks[10])
{
    uint32_t line = 1, column = 1;
    char *out = text;
    for (const char *in = text; *in; in++) {
        if (*in == '@' && in[1] >= '1' && in[1] <= '9') {
            in++;
            marks[*in - '0'] = (mark){line, column};
            continue;
        }
        column = *in == '\n' ? 1 : column + 1;
        line += *in == '\n';
        *out++ = *in;
    }
    *out = '\0';
    return (size_t)(out - text);
}

/* Whether text is pattern, in which one '*' stands for any run of characters. */
static bool matches(const char *text, const char *pattern)
{
    const char *star = strchr(pattern, '*');
    if (!star)
        return strcmp(text, pattern) == 0;
    size_t before = (size_t)(star - pattern), after = strlen(star + 1), length = strlen(text);
    return length >= before + after && strncmp(text, pattern, before) == 0 &&
           strcmp(text + length - after, star + 1) == 0;
}

/* A message that must be there, at its mark. */
typedef struct expected {
    int mark; /* 0 = without line and column */
    const char *path;
    const char *text; /* "warning: ..." for a warning */
} expected;

static const char warning_mark[] = "warning: ";

static bool is_warning(const expected *e)
{
    return strncmp(e->text, warning_mark, strlen(warning_mark)) == 0;
}

static void print_problems(const mxd_problems *problems)
{
    for (size_t i = 0; i < mxd_problems_count(problems); i++) {
        const mxd_problem *p = mxd_problems_get(problems, i);
        print_message("  %u:%u %s: %s\n", p->line, p->column, p->path ? p->path : "-", p->text);
    }
}

/* Exactly the expected messages, in any order. */
static void check_problems(const mxd_problems *problems, const char *what, const mark *marks, const expected *wanted,
                           size_t num_wanted)
{
    char session_path[512];
    path_of("session.json", session_path);
    bool good = mxd_problems_count(problems) == num_wanted;
    for (size_t i = 0; i < num_wanted; i++) {
        bool found = false;
        const expected *w = &wanted[i];
        bool warning = is_warning(w);
        for (size_t j = 0; j < mxd_problems_count(problems) && !found; j++) {
            const mxd_problem *p = mxd_problems_get(problems, j);
            found = p->line == marks[w->mark].line && p->column == marks[w->mark].column && p->file &&
                    strcmp(p->file, session_path) == 0 && (p->severity == MXD_SEVERITY_WARNING) == warning &&
                    (w->path ? p->path && strcmp(p->path, w->path) == 0 : !p->path) &&
                    matches(p->text, warning ? w->text + strlen(warning_mark) : w->text);
        }
        if (!found)
            print_message("missing: %u:%u %s: %s\n", marks[w->mark].line, marks[w->mark].column,
                          w->path ? w->path : "-", w->text);
        good = good && found;
    }
    if (!good) {
        print_message("%s\ngives these problems:\n", what);
        print_problems(problems);
        fail();
    }
}

/* Writes text (marks taken out) as session.json and loads it. */
static mxd_result load_text(const char *text, mark marks[10], mxd_problems *problems, mxd_session **session)
{
    char path[512];
    char *copy = strdup(text);
    assert_non_null(copy);
    size_t size = take_marks(copy, marks);
    write_bytes("session.json", copy, size);
    free(copy);
    path_of("session.json", path);
    return mxd_session_load(path, problems, session);
}

/* ---- Sessions with mistakes ---------------------------------------------- */

#define MONO "{\"file\": \"mono.wav\"}"
#define GOOD_TRACK "{\"name\": \"T\", \"clips\": [" MONO "]}"
#define GOOD_FILE "{\"file\": \"o.wav\", \"layout\": \"stereo\"}"

typedef struct bad_session {
    const char *tracks;       /* NULL: one good track */
    const char *buses;        /* NULL: the key is left out */
    const char *deliverables; /* NULL: one good file */
    const char *more;         /* more keys of the root; NULL = none */
    expected problems[8];
} bad_session;

static void check_session(const bad_session *bad)
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
        errors = errors || !is_warning(&bad->problems[i]);
    mxd_result result = load_text(text, marks, problems, &session);
    check_problems(problems, text, marks, bad->problems, num_problems);
    assert_int_equal(result, errors ? MXD_ERROR_INVALID : MXD_OK);
    assert_true(errors == (session == NULL));
    mxd_session_destroy(session);
    mxd_problems_destroy(problems);
}

static void check_sessions(const bad_session *sessions, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check_session(&sessions[i]);
}

static void test_values(void **state)
{
    (void)state;
    static const bad_session cases[] = {
        {.more = "@1\"titel\": \"x\",",
         .problems = {{1, "/titel", "unknown key \"titel\"; did you mean \"title\"?"}}},
        {.more = "\"title\": @1[],", .problems = {{1, "/title", "\"title\" must be a string, not an array"}}},
        {.more = "@1\"a/~b\": 1,",
         .problems = {{1, "/a~1~0b", "unknown key \"a/~b\"; here it could be *\"deliverables\""}}},
        {.more = "@1\"tempo\": 120, @2\"markers\": [],",
         .problems = {{1, "/tempo", "\"tempo\": a tempo is not built yet"},
                      {2, "/markers", "\"markers\": markers is not built yet"}}},
        {.tracks = "{\"name\": \"T\", \"clips\": [" MONO "], @1\"fadr_db\": 0, \"mute\": @2\"no\",\n"
                   "\t\"solo\": @3null, @4\"polarity\": true}",
         .problems = {{1, "/tracks/0/fadr_db", "unknown key \"fadr_db\"; did you mean \"fader_db\"?"},
                      {2, "/tracks/0/mute", "\"mute\" must be true or false, not a string"},
                      {3, "/tracks/0/solo", "\"solo\" must be true or false, not null"},
                      {4, "/tracks/0/polarity", "\"polarity\": a change of polarity is not built yet"}}},
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
    check_sessions(cases, COUNT(cases));
}

static void test_clips(void **state)
{
    (void)state;
    static const bad_session cases[] = {
        {.tracks = "{\"name\": \"T\", \"clips\": [{\"file\": @1\"missing.wav\"}, {\"file\": @2\"empty.wav\"},\n"
                   "{\"file\": @3\"foreign.wav\"}, {\"file\": @4\"truncated.wav\"}, {\"file\": \"missing.wav\"}]}",
         .problems = {{1, "/tracks/0/clips/0/file", "*missing.wav': there is no such file"},
                      {2, "/tracks/0/clips/1/file", "*empty.wav': is empty (0 bytes)"},
                      {3, "/tracks/0/clips/2/file", "*foreign.wav': is not an audio file of a kind that can be read"},
                      {4, "/tracks/0/clips/3/file", "*truncated.wav': is truncated: its header promises 4800 frames, the file holds 478"}}},
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
                   "{\"file\": \"mono.wav\", \"length_s\": @40, @5\"speed\": 2}]}",
         .problems = {{1, "/tracks/0/clips/0/fade_in", "the fade lasts 1.1 s, but the clip only 1 s"},
                      {2, "/tracks/0/clips/0/fade_out/shape", "unknown key \"shape\"; here it could be \"curve\" or \"length_s\""},
                      {3, "/tracks/0/clips/0/fade_out/curve",
                       "\"curve\" must be \"linear\", \"equal-power\", \"exponential\", \"logarithmic\" or \"s-curve\", "
                       "not \"s_curve\"; did you mean \"s-curve\"?"},
                      {4, "/tracks/0/clips/1/length_s", "\"length_s\" must be longer than 0; *"},
                      {5, "/tracks/0/clips/1/speed", "\"speed\": a change of speed is not built yet"}}},
        /* One channel feeds two, but six take nothing else. */
        {.tracks = "{\"name\": \"T\", \"channels\": 2, \"clips\": [" MONO ", @1{\"file\": \"six.wav\"}]},\n"
                   "{\"name\": \"U\", \"clips\": [@2" MONO ", {\"file\": \"six.wav\"}], \"place\": {\"bed\": \"5.1\"}},"
                   "{\"name\": \"V\", \"clips\": @3[]}",
         .problems = {{1, "/tracks/0/clips/1", "the clip has 6 channels, but the track has 2 by its \"channels\""},
                      {2, "/tracks/1/clips/0", "the clip has 1 channel, but the track has 6 (as many as its widest clip)"},
                      {3, "/tracks/2/clips", "warning: the track has no clips: it is silent"}}},
    };
    check_sessions(cases, COUNT(cases));
}

static void test_routing(void **state)
{
    (void)state;
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
    check_sessions(cases, COUNT(cases));
}

static void test_places(void **state)
{
    (void)state;
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
    check_sessions(cases, COUNT(cases));
}

static void test_automation(void **state)
{
    (void)state;
    static const bad_session cases[] = {
        {.tracks = "{\"name\": \"T\", \"clips\": [" MONO "], \"automation\": [\n"
                   "{\"parameter\": \"fader_db\", \"points\": [[0, 0], @1[0, 1], @2[1], [2, @349]], \"curve\": @4\"bezier\"},\n"
                   "{\"parameter\": \"pan\", \"points\": [[0, @5null]]}, {\"parameter\": \"pan\", \"points\": @6[]},\n"
                   "{\"parameter\": @7\"fader\", \"points\": [[0, 0]]}]}",
         .problems = {{1, "/tracks/0/automation/0/points/1", "points must ascend in time by a frame or more, *"},
                      {2, "/tracks/0/automation/0/points/2", "a point must be [time in seconds, value]"},
                      {3, "/tracks/0/automation/0/points/3/1", "this item is 49, but must be from -1000 to 48"},
                      {4, "/tracks/0/automation/0/curve", "\"curve\": \"bezier\" is not built yet"},
                      {5, "/tracks/0/automation/1/points/0/1", "this item must be a number, not null"},
                      {6, "/tracks/0/automation/2/points", "there must be at least one point [time in seconds, value]"},
                      {7, "/tracks/0/automation/3/parameter",
                       "\"parameter\" must be \"fader_db\", \"pan\" or \"send_gain_db\", not \"fader\"; did you mean \"fader_db\"?"}}},
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
                      {3, "/tracks/0/automation/2/to", "\"to\" has a meaning for \"send_gain_db\" only"},
                      {4, "/tracks/0/automation/3/parameter", "\"fader_db\" is automated twice; put all points in one"},
                      {5, "/tracks/1/automation/0", "\"pan\" is automated, but \"U\" is not placed by pan"}}},
    };
    check_sessions(cases, COUNT(cases));
}

static void test_inserts(void **state)
{
    (void)state;
    static const bad_session cases[] = {
        {.tracks = "{\"name\": \"T\", \"clips\": [" MONO "], \"inserts\": [{\"type\": @1\"compressor\", \"ratio\": 2},\n"
                   "{\"type\": @2\"eqq\", \"x\": 1}, @3{}, {\"type\": @43}, {\"type\": \"eq\", \"bands\": [{\"type\": \"bell\",\n"
                   "\"frequency_hz\": 100, \"gain_db\": 0, \"q\": @50}]}, @6\"eq\"]}",
         .problems = {{1, "/tracks/0/inserts/0/type", "the insert \"compressor\" is not built yet"},
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
    check_sessions(cases, COUNT(cases));
}

static void test_deliverables(void **state)
{
    (void)state;
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
    check_sessions(cases, COUNT(cases));
}

/* ---- Files that are no sessions ------------------------------------------- */

static void test_root(void **state)
{
    (void)state;
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
        assert_int_equal(load_text(cases[i].text, marks, problems, &session), MXD_ERROR_INVALID);
        assert_null(session);
        check_problems(problems, cases[i].text, marks, cases[i].problems, num_problems);
        mxd_problems_destroy(problems);
    }
}

/* What cannot be written as a C string: NUL bytes, depth, and no file at all. */
static void test_odd_files(void **state)
{
    (void)state;
    char path[512], *deep = malloc(100000);
    assert_non_null(deep);
    memset(deep, '[', 100000);
    path_of("session.json", path);
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
        write_bytes("session.json", cases[i].bytes, cases[i].size);
        assert_int_equal(mxd_session_load(path, problems, &session), MXD_ERROR_INVALID);
        print_problems(problems);
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
    path_of("nothing.json", path);
    assert_int_equal(mxd_session_load(path, problems, &session), MXD_ERROR_FILE);
    assert_int_equal(mxd_session_load(folder, problems, &session), MXD_ERROR_FILE);
    assert_int_equal(mxd_problems_count(problems), 2);
    assert_true(matches(mxd_problems_get(problems, 0)->text, "the session file cannot be opened: No such file*"));
    assert_true(matches(mxd_problems_get(problems, 1)->text, "the session file cannot be read: Is a directory"));
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
    (void)state;
    char *text = malloc(100000), path[512];
    assert_non_null(text);
    size_t length = (size_t)sprintf(text, "{");
    for (int i = 0; i < 3000; i++)
        length += (size_t)sprintf(text + length, "\"key number %d\": 0,\n", i);
    length += (size_t)sprintf(text + length, "\"end\": 0}");
    write_bytes("session.json", text, length);
    free(text);
    mxd_problems *problems = mxd_problems_create();
    mxd_session *session = NULL;
    path_of("session.json", path);
    assert_int_equal(mxd_session_load(path, problems, &session), MXD_ERROR_INVALID);
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

static void check_clips(const mxd_track *track, const mark marks[10])
{
    char path[512];
    const mxd_clip *a = &track->clips[0], *b = &track->clips[1];
    assert_int_equal(track->num_clips, 2);
    path_of("stereo.wav", path);
    assert_string_equal(a->file, path);
    assert_int_equal(a->start_frame, 12000);
    assert_int_equal(a->offset_frames, 24000);
    assert_int_equal(a->num_frames, 72000); /* 2 s less half of one, at the session's rate */
    assert_true(a->gain_db == -HUGE_VAL);
    assert_int_equal(a->channel, -1);
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
    assert_int_equal(b->channel, 0);
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
    (void)state;
    mark marks[10] = {{0, 0}};
    mxd_problems *problems = mxd_problems_create();
    mxd_session *session = NULL;
    mxd_result result = load_text(good_session, marks, problems, &session);
    print_problems(problems);
    assert_int_equal(result, MXD_OK);
    assert_int_equal(mxd_problems_count(problems), 0);
    assert_string_equal(session->title, "Good");
    assert_string_equal(session->folder, folder);
    assert_int_equal(session->sample_rate, 48000);
    assert_int_equal(session->num_frames, 120000);
    assert_int_equal(session->num_tracks, 2);
    check_clips(&session->tracks[0], marks);
    check_vox(&session->tracks[0], marks);
    check_rest(session, marks);
    mxd_session_destroy(session);
    session = NULL;
    /* Nobody has to want the messages. */
    assert_int_equal(load_text(good_session, marks, NULL, &session), MXD_OK);
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
        cmocka_unit_test(test_good),         cmocka_unit_test(test_values),     cmocka_unit_test(test_clips),
        cmocka_unit_test(test_routing),      cmocka_unit_test(test_places),     cmocka_unit_test(test_automation),
        cmocka_unit_test(test_inserts),      cmocka_unit_test(test_deliverables), cmocka_unit_test(test_root),
        cmocka_unit_test(test_odd_files),    cmocka_unit_test(test_corpus),     cmocka_unit_test(test_flood),
        cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
