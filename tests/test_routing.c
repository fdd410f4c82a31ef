/* Groups, solo, polarity, delays, sends of their own place, deep bus trees: rendered, and held against arithmetic. */
#include "marked_session.h"
#include "render_fixture.h"

#include "host/graph/routing.h"

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
#define CENTRE 0.70710678118654752440 /* mono by the sine/cosine law */

static const mxd_render_options on_cpu = {.backend = MXD_BACKEND_CPU};

/* Renders tracks, buses and groups of ones.wav to stereo, and checks one frame of both channels. */
static void check_at(fixture *f, const char *body, uint64_t frame, double left, double right)
{
    char json[4096];
    int length = snprintf(json, sizeof json, HEAD "%s, " STEREO_OUT, body);
    assert_in_range(length, 1, sizeof json - 1);
    fixture_audio audio = fixture_output(f, json, &on_cpu);
    assert_sample(&audio, 0, frame, left);
    assert_sample(&audio, 1, frame, right);
    free(audio.samples);
}

/* The same of a mono sum in the middle. */
static void check(fixture *f, const char *body, double value)
{
    check_at(f, body, 24000, value * CENTRE, value * CENTRE);
}

/* ---- Groups -------------------------------------------------------------- */

#define GROUPS "\"groups\": [ { \"name\": \"A\", \"fader_db\": -6, \"group\": \"All\" }, { \"name\": \"B\", \"fader_db\": -3 }, " \
               "{ \"name\": \"All\", \"fader_db\": -1 } ], "

static void test_group_levels(void **state)
{
    fixture *f = *state;
    check(f, GROUPS "\"tracks\": [ { \"name\": \"T\", " ONES ", \"fader_db\": -2, \"group\": \"A\" } ]", db(-9));
    /* Two groups, the one within the other: it counts once. */
    check(f, GROUPS "\"tracks\": [ { \"name\": \"T\", " ONES ", \"groups\": [\"All\", \"A\", \"B\", \"A\"] } ]", db(-10));
    /* A bus as a member, beside its track. */
    check(f, GROUPS "\"tracks\": [ { \"name\": \"T\", " ONES ", \"group\": \"B\", \"output\": \"M\" } ], "
             "\"buses\": [ { \"name\": \"M\", \"channels\": 1, \"groups\": [\"B\"] } ]", db(-6));
    /* Post-fader sends follow, pre-fader ones do not: T itself is silent but for its sends. */
    check(f, GROUPS "\"tracks\": [ { \"name\": \"T\", " ONES ", \"group\": \"B\", \"output\": \"Void\", \"sends\": [ "
             "{ \"to\": \"P\", \"tap\": \"pre-fader\" }, { \"to\": \"Q\", \"gain_db\": -4 } ] } ], "
             "\"buses\": [ { \"name\": \"P\", \"channels\": 1 }, { \"name\": \"Q\", \"channels\": 1 }, "
             "{ \"name\": \"Void\", \"channels\": 1, \"mute\": true } ]", 1.0 + db(-7));
}

static void test_group_automation(void **state)
{
    fixture *f = *state;
    /* Three that move: the track's fader, a group's and its parent's; straight in dB, they add up. */
    const char *body =
        "\"groups\": [ { \"name\": \"A\", \"group\": \"B\", \"automation\": [ { \"parameter\": \"fader_db\", "
        "\"points\": [ [0, 0], [1, -20] ] } ] }, { \"name\": \"B\", \"fader_db\": -40, \"automation\": [ "
        "{ \"parameter\": \"fader_db\", \"curve\": \"hold\", \"points\": [ [0, 0], [0.5, -6] ] } ] } ], "
        "\"tracks\": [ { \"name\": \"T\", " ONES ", \"group\": \"A\", \"automation\": [ { \"parameter\": \"fader_db\", "
        "\"points\": [ [0, -4], [1, 0] ] } ] } ]";
    check_at(f, body, 23999, db(-4 - 16 * 23999.0 / 48000) * CENTRE, db(-4 - 16 * 23999.0 / 48000) * CENTRE);
    check_at(f, body, 24000, db(-18) * CENTRE, db(-18) * CENTRE);
}

static void test_group_mute_and_solo(void **state)
{
    fixture *f = *state;
    check(f, "\"groups\": [ { \"name\": \"A\", \"mute\": true } ], \"tracks\": [ { \"name\": \"T\", " ONES
             ", \"group\": \"A\", \"sends\": [ { \"to\": \"P\", \"tap\": \"pre-fader\", \"gain_db\": -1 }, { \"to\": \"Q\" } ] } ], "
             "\"buses\": [ { \"name\": \"P\", \"channels\": 1 }, { \"name\": \"Q\", \"channels\": 1 } ]", db(-1));
    check(f, "\"groups\": [ { \"name\": \"A\", \"solo\": true }, { \"name\": \"Empty\", \"solo\": true } ], \"tracks\": [ "
             "{ \"name\": \"T\", " ONES ", \"group\": \"A\", \"fader_db\": -2 }, { \"name\": \"U\", " ONES " } ]", db(-2));
    /* A soloed group without members chooses nothing, and silences nothing. */
    check(f, "\"groups\": [ { \"name\": \"Empty\", \"solo\": true } ], \"tracks\": [ { \"name\": \"T\", " ONES " }, "
             "{ \"name\": \"U\", " ONES " } ]", 2.0);
}

/* ---- Solo ---------------------------------------------------------------- */

/*
 * Kick, Snare > Drums; Drums sends to Plate, which feeds Hall by its output; Voice sends to Hall. By levels: what is
 * heard is a sum of powers of two, each its own way.
 */
static void check_solo(fixture *f, const char *kick, const char *snare, const char *drums, const char *plate,
                       const char *hall, const char *voice, double wanted)
{
    char body[2048];
    snprintf(body, sizeof body,
             "\"tracks\": [ { \"name\": \"Kick\", " ONES ", \"output\": \"Drums\"%s }, { \"name\": \"Snare\", " ONES
             ", \"fader_db\": 6.0205999132796239, \"output\": \"Drums\"%s }, { \"name\": \"Voice\", " ONES
             ", \"fader_db\": 12.041199826559248, \"sends\": [ { \"to\": \"Hall\", \"gain_db\": 24.082399653118496 } ]%s } ], "
             "\"buses\": [ { \"name\": \"Hall\", \"channels\": 1%s }, { \"name\": \"Plate\", \"channels\": 1, \"output\": \"Hall\"%s }, "
             "{ \"name\": \"Drums\", \"channels\": 1, \"sends\": [ { \"to\": \"Plate\", \"gain_db\": 18.061799739838872 } ]%s } ]",
             kick, snare, voice, hall, plate, drums);
    char json[4096];
    snprintf(json, sizeof json, HEAD "\"length_s\": 1, %s, " STEREO_OUT, body);
    fixture_audio audio = fixture_output(f, json, &on_cpu);
    double value = audio.samples[2 * 24000] / CENTRE;
    free(audio.samples);
    if (!(fabs(value - wanted) <= 1e-4))
        fail_msg("kick%s snare%s drums%s plate%s hall%s voice%s: %.6f, not %.6f", kick, snare, drums, plate, hall,
                 voice, value, wanted);
}

/* What an insert listens to goes on feeding it while something else is soloed, unheard, through buses too. */
static void test_solo_keeps_side_chains(void **state)
{
    fixture *f = *state;
    static const char *const keys[] = {"", ", \"mute\": true"};
    double values[2];
    for (int i = 0; i < 2; i++) {
        char json[2048];
        snprintf(json, sizeof json, HEAD "\"tracks\": [ { \"name\": \"T\", " ONES ", \"fader_db\": -20, \"solo\": true, \"inserts\": [ "
                 "{ \"type\": \"compressor\", \"threshold_db\": -20, \"ratio\": 2, \"knee_db\": 0, \"side_chain\": { \"from\": \"Key\" } } ] }, "
                 "{ \"name\": \"K\", " ONES ", \"output\": \"Key\"%s } ], \"buses\": [ { \"name\": \"Key\", \"channels\": 1 } ], "
                 STEREO_OUT, keys[i]);
        fixture_audio audio = fixture_output(f, json, &on_cpu);
        values[i] = audio.samples[2 * 40000] / CENTRE;
        free(audio.samples);
    }
    assert_true(fabs(values[0] - db(-30)) < 1e-4); /* 20 dB over the threshold, halved */
    assert_true(fabs(values[1] - db(-20)) < 1e-4);
}

#define SOLO ", \"solo\": true"
#define SAFE ", \"solo_safe\": true"
#define MUTE ", \"mute\": true"

static void test_solo(void **state)
{
    fixture *f = *state;
    /* kick 1, snare 2 (drums 3), their way through Plate and Hall 8 times; voice 4, its way through Hall 64. */
    check_solo(f, "", "", "", "", "", "", 3 + 24 + 4 + 64);
    check_solo(f, SOLO, "", "", "", "", "", 1 + 8);
    check_solo(f, "", "", SOLO, "", "", "", 3 + 24);
    check_solo(f, "", "", "", SOLO, "", "", 24);             /* by Drums's send, not Drums itself */
    check_solo(f, "", "", "", "", SOLO, "", 24 + 64);        /* by a send and an output, two buses away */
    check_solo(f, "", "", "", "", "", SOLO, 4 + 64);
    check_solo(f, "", SOLO, "", "", SOLO, "", 2 + 16 + 64);  /* Drums passes Snare: Kick does not come with it */
    check_solo(f, MUTE, "", "", "", SOLO, "", 16 + 64);
    check_solo(f, SOLO MUTE, "", "", "", "", "", 0);
    check_solo(f, "", "", MUTE, "", SOLO, "", 64);
    check_solo(f, SAFE, "", "", "", "", SOLO, 1 + 8 + 4 + 64);
    check_solo(f, "", "", SAFE, "", "", SOLO, 4 + 64);       /* what feeds it is not safe */
    check_solo(f, "", "", SAFE, "", SOLO, "", 3 + 24 + 64);  /* on the way to Hall its output stays open as well */
    check_solo(f, "", "", SAFE, SAFE, SAFE, SAFE, 3 + 24 + 4 + 64); /* nothing is soloed */
}

/* ---- In front of the inserts --------------------------------------------- */

static void test_polarity(void **state)
{
    fixture *f = *state;
    check(f, "\"tracks\": [ { \"name\": \"T\", " ONES ", \"polarity\": true } ]", -1.0);
    check(f, "\"tracks\": [ { \"name\": \"T\", " ONES ", \"polarity\": true, \"output\": \"B\" }, { \"name\": \"U\", " ONES
             ", \"fader_db\": -6, \"polarity\": false, \"sends\": [ { \"to\": \"B\" } ] } ], "
             "\"buses\": [ { \"name\": \"B\", \"channels\": 1, \"polarity\": true } ]", 1.0 - db(-6) + db(-6));
    /* A stereo file, decoded and packed, against itself: nothing is left, to the bit. */
    fixture_audio audio = fixture_output(f, HEAD
        "\"tracks\": [ { \"name\": \"T\", \"clips\": [ { \"file\": \"pair.wav\", \"gain_db\": -3 } ] }, { \"name\": \"U\", "
        "\"polarity\": true, \"clips\": [ { \"file\": \"pair.wav\", \"gain_db\": -3 } ] } ], " STEREO_OUT, &on_cpu);
    for (size_t i = 0; i < audio.frames * audio.channels; i++)
        assert_true(audio.samples[i] == 0.0f);
    free(audio.samples);
}

/* The session's output against the same one moved by so many frames; what leaves at either end is lost. */
static void check_moved(fixture *f, const char *plain, const char *moved, int64_t frames, const mxd_render_options *options)
{
    char json[2048];
    snprintf(json, sizeof json, HEAD "\"length_s\": 2, %s, " STEREO_OUT, plain);
    fixture_audio a = fixture_output(f, json, &on_cpu);
    snprintf(json, sizeof json, HEAD "\"length_s\": 2, %s, " STEREO_OUT, moved);
    fixture_audio b = fixture_output(f, json, options);
    assert_int_equal(a.frames, b.frames);
    for (int64_t i = 0; i < (int64_t)a.frames; i++) {
        bool inside = i - frames >= 0 && i - frames < (int64_t)a.frames;
        float wanted = inside ? a.samples[(i - frames) * 2] : 0.0f;
        if (inside ? !(fabsf(b.samples[i * 2] - wanted) <= 1e-6f) : b.samples[i * 2] != 0.0f)
            if (inside || frames > 0)
                fail_msg("frame %d: %.9g, not %.9g", (int)i, b.samples[i * 2], wanted);
    }
    free(a.samples);
    free(b.samples);
}

static void test_track_delay(void **state)
{
    fixture *f = *state;
#define DELAYED(clips, delay) "\"tracks\": [ { \"name\": \"T\", \"clips\": [ " clips " ]" delay " } ]"
#define FADED "{ \"file\": \"noise.wav\", \"start_s\": 0.1, \"fade_in\": { \"length_s\": 0.2 } }, { \"file\": \"noise.wav\", \"start_s\": 0.7 }"
    mxd_render_options small = on_cpu;
    small.block_frames = 1024;
    check_moved(f, DELAYED(FADED, ""), DELAYED(FADED, ", \"delay_ms\": 10.0208333"), 481, &on_cpu);
    check_moved(f, DELAYED(FADED, ""), DELAYED(FADED, ", \"delay_ms\": 10.0208333"), 481, &small);
    check_moved(f, DELAYED(FADED, ""), DELAYED(FADED, ", \"delay_ms\": 300"), 14400, &small);
    /* Early: into the fade, and so that the beginning is cut off. */
    check_moved(f, DELAYED(FADED, ""), DELAYED(FADED, ", \"delay_ms\": -50"), -2400, &small);
    check_moved(f, DELAYED(FADED, ""), DELAYED(FADED, ", \"delay_ms\": -250"), -12000, &on_cpu);
    /* So early, and so late, that nothing is left. */
    check_moved(f, DELAYED(FADED, ""), DELAYED(FADED, ", \"delay_ms\": 10000"), 480000, &on_cpu);
    fixture_audio audio = fixture_output(f, HEAD "\"length_s\": 2, " DELAYED(FADED, ", \"delay_ms\": -10000") ", " STEREO_OUT,
                                         &on_cpu);
    for (size_t i = 0; i < audio.frames * audio.channels; i++)
        assert_true(audio.samples[i] == 0.0f);
    free(audio.samples);
}

/* Without "length_s" the session is longer by the delay, or shorter. */
static void test_delay_moves_the_end(void **state)
{
    fixture *f = *state;
    static const struct { const char *delay; uint64_t frames; } cases[] = {
        {", \"delay_ms\": 100", 52800}, {", \"delay_ms\": -100", 43200}, {"", 48000},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char json[1024];
        snprintf(json, sizeof json, HEAD "\"tracks\": [ { \"name\": \"T\", " ONES "%s } ], " STEREO_OUT, cases[i].delay);
        fixture_audio audio = fixture_output(f, json, &on_cpu);
        assert_int_equal(audio.frames, cases[i].frames);
        free(audio.samples);
    }
}

static void test_bus_delay(void **state)
{
    fixture *f = *state;
#define INTO_BUS(bus) "\"tracks\": [ { \"name\": \"T\", " NOISE ", \"output\": \"B\" } ], \"buses\": [ { \"name\": \"B\", \"channels\": 1" bus " } ]"
    mxd_render_options small = on_cpu;
    small.block_frames = 1024;
    check_moved(f, INTO_BUS(""), INTO_BUS(", \"delay_ms\": 0.0208333"), 1, &small);
    check_moved(f, INTO_BUS(""), INTO_BUS(", \"delay_ms\": 21.333"), 1024, &small);
    check_moved(f, INTO_BUS(""), INTO_BUS(", \"delay_ms\": 500"), 24000, &on_cpu);
    check_moved(f, INTO_BUS(""), INTO_BUS(", \"delay_ms\": 500, \"polarity\": false"), 24000, &small);
    /* It is heard to its end: the length follows. */
    fixture_audio audio = fixture_output(f, HEAD INTO_BUS(", \"delay_ms\": 500") ", " STEREO_OUT, &small);
    assert_int_equal(audio.frames, 72000);
    free(audio.samples);
}

/* Begun in the middle, a render has what delays, groups and curves hold at that moment. */
static void test_begun_in_the_middle(void **state)
{
    fixture *f = *state;
    const char *json = HEAD "\"groups\": [ { \"name\": \"A\", \"automation\": [ { \"parameter\": \"fader_db\", \"curve\": \"bezier\", "
        "\"points\": [ [0.2, 0], [0.9, -30] ] } ] } ], \"tracks\": [ { \"name\": \"T\", " NOISE ", \"delay_ms\": 70, \"group\": \"A\", "
        "\"output\": \"B\" } ], \"buses\": [ { \"name\": \"B\", \"channels\": 1, \"delay_ms\": 300, \"polarity\": true } ], " STEREO_OUT;
    mxd_render_options late = on_cpu;
    late.block_frames = 1024;
    late.from_s = 0.6123;
    fixture_audio whole = fixture_output(f, json, &on_cpu), part = fixture_output(f, json, &late);
    uint64_t from = (uint64_t)llround(0.6123 * 48000);
    assert_int_equal(part.frames + from, whole.frames);
    for (uint64_t i = 0; i < part.frames; i++)
        assert_true(fabsf(part.samples[2 * i] - whole.samples[2 * (from + i)]) <= 1e-6f);
    free(whole.samples);
    free(part.samples);
}

/* ---- Sends --------------------------------------------------------------- */

static void test_send_pan_and_mute(void **state)
{
    fixture *f = *state;
#define SENT(source, send, more) "\"tracks\": [ { \"name\": \"T\", " source ", \"fader_db\": null, \"sends\": [ { \"to\": \"B\", " \
        "\"tap\": \"pre-fader\"" send " } ]" more " } ], \"buses\": [ { \"name\": \"B\", \"channels\": 2 } ]"
    check_at(f, SENT(ONES, "", ""), 24000, CENTRE, CENTRE);
    check_at(f, SENT(ONES, ", \"pan\": -1", ""), 24000, 1.0, 0.0);
    check_at(f, SENT(ONES, ", \"pan\": 0.5", ""), 24000, cos(1.5 * atan(1.0)), sin(1.5 * atan(1.0)));
    check_at(f, SENT(ONES, ", \"mute\": true", ""), 24000, 0.0, 0.0);
    fixture_wav(f, "ones2.wav", 48000, 2, 48000, fixture_ones);
    check_at(f, SENT("\"clips\": [ { \"file\": \"ones2.wav\" } ]", ", \"pan\": 0.5", ""), 24000, CENTRE, 1.0); /* balance */
    check_at(f, SENT(ONES, ", \"pan\": 1", ", \"automation\": [ { \"parameter\": \"send_pan\", \"to\": \"B\", \"points\": "
                                            "[ [0, -1], [1, 1] ] }, { \"parameter\": \"pan\", \"points\": [ [0, 1] ] } ]"),
             12000, cos(0.5 * atan(1.0)), sin(0.5 * atan(1.0)));
}

/* ---- Deep trees ---------------------------------------------------------- */

enum { NUM_BUSES = 200, SPINE = 14 };

/* The buses of a spine of 14 feed each other; the others hang on earlier ones, so that the tree is deep and wide. */
static int parent_of(int bus)
{
    return bus < SPINE ? bus - 1 : (bus * 7919) % bus;
}

static void append(char *text, size_t size, size_t *length, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    *length += (size_t)vsnprintf(text + *length, size - *length, format, arguments);
    va_end(arguments);
    assert_true(*length < size);
}

/* 200 buses, each with a track of its own: at the root each comes with the product of all faders on its way. */
static void test_deep_tree(void **state)
{
    fixture *f = *state;
    enum { SIZE = 100000 };
    char *json = malloc(SIZE);
    size_t length = 0;
    double wanted = 0.0;
    int deepest = 0;
    assert_non_null(json);
    append(json, SIZE, &length, HEAD "\"tracks\": [ ");
    for (int i = 0; i < NUM_BUSES; i++)
        append(json, SIZE, &length, "%s{ \"name\": \"T%d\", \"clips\": [ { \"file\": \"ones.wav\", \"gain_db\": %d } ], \"output\": \"B%d\" }",
               i ? ", " : "", i, -40 - i % 7, i);
    append(json, SIZE, &length, " ], \"buses\": [ ");
    for (int i = NUM_BUSES; i-- > 0;) {
        append(json, SIZE, &length, "{ \"name\": \"B%d\", \"channels\": 1, \"fader_db\": %d", i, -(i % 3));
        if (i > 0)
            append(json, SIZE, &length, ", \"output\": \"B%d\" }, ", parent_of(i));
        double level = -40 - i % 7;
        int depth = 0;
        for (int bus = i; bus >= 0; bus = parent_of(bus), depth++)
            level -= bus % 3;
        deepest = depth > deepest ? depth : deepest;
        wanted += db(level);
    }
    append(json, SIZE, &length, " } ], " STEREO_OUT);
    assert_true(deepest >= SPINE);
    fixture_audio audio = fixture_output(f, json, &on_cpu);
    assert_sample(&audio, 0, 24000, wanted * CENTRE);
    free(audio.samples);
    free(json);
}

/* ---- Mistakes ------------------------------------------------------------ */

#define BODY "\"deliverables\": [ { \"file\": \"o.wav\", \"layout\": \"stereo\" } ] }"
#define TRACK(more) "\"tracks\": [ { \"name\": \"T\", " ONES more " } ],\n"

static void test_mistakes(void **state)
{
    static const struct { const char *text; expected problems[7]; } cases[] = {
        {HEAD "\"groups\": [ { \"name\": \"Drums\" },\n { \"name\": \"Band\", \"group\": @1\"Drum\" }, @2{ \"name\": \"Band\" },\n"
              " { \"name\": \"X\", \"fader_db\": @3\"loud\", @4\"fader\": 0, \"automation\": [ { \"parameter\": @5\"pan\", \"points\": [] } ] } ],\n"
              TRACK(", \"group\": @6\"Drmus\"") BODY,
         {{1, "/groups/1/group", "there is no group \"Drum\"; did you mean \"Drums\"?"},
          {2, "/groups/2", "the name \"Band\" is taken already (line 2): groups need names of their own"},
          {3, "/groups/3/fader_db", "\"fader_db\" must be a level in dB or null (silence), not a string"},
          {4, "/groups/3/fader", "unknown key \"fader\"; did you mean \"fader_db\"?"},
          {5, "/groups/3/automation/0/parameter", "\"parameter\" must be \"fader_db\", not \"pan\""},
          {6, "/tracks/0/group", "there is no group \"Drmus\"; did you mean \"Drums\"?"}}},
        {HEAD "\"groups\": [ @1{ \"name\": \"A\", \"group\": \"B\" }, { \"name\": \"B\", \"group\": \"C\" },\n"
              " { \"name\": \"C\", \"group\": \"A\" }, @2{ \"name\": \"D\", \"group\": \"D\" }, { \"name\": \"E\", \"group\": \"B\" } ],\n"
              TRACK(", \"groups\": [\"A\", @3\"F\", @41], \"solo_safe\": @5\"no\"") BODY,
         {{1, "/groups/0", "groups belong to each other in a loop: A -> B -> C -> A"},
          {2, "/groups/3", "groups belong to each other in a loop: D -> D"},
          {3, "/tracks/0/groups/1", "there is no group \"F\"*"},
          {4, "/tracks/0/groups/2", "this item must be a string, not a number"},
          {5, "/tracks/0/solo_safe", "\"solo_safe\" must be true or false, not a string"}}},
        {HEAD TRACK(", \"group\": @1\"A\", \"groups\": @2[], \"polarity\": @3\"inverted\", \"delay_ms\": @4-10001,\n"
                    "\"sends\": [ @5{ \"to\": \"B\", \"pan\": 0 }, { \"to\": \"C\", \"pan\": @61.5, \"mute\": @71 } ]")
              "\"buses\": [ { \"name\": \"B\", \"channels\": 1 }, { \"name\": \"C\", \"channels\": 2 } ],\n" BODY,
         {{1, "/tracks/0/group", "there is no group \"A\": the session has no \"groups\""},
          {2, "/tracks/0/groups", "\"group\" and \"groups\" together: put all names into \"groups\""},
          {3, "/tracks/0/polarity", "\"polarity\" must be true or false, not a string"},
          {4, "/tracks/0/delay_ms", "\"delay_ms\" is -10001, but must be from -10000 to 10000"},
          {5, "/tracks/0/sends/0", "the send has a pan, which places 1 or 2 channels in a bus of 2; \"T\" has 1 and the bus \"B\" 1"},
          {6, "/tracks/0/sends/1/pan", "\"pan\" is 1.5, but must be from -1 to 1"},
          {7, "/tracks/0/sends/1/mute", "\"mute\" must be true or false, not a number"}}},
        {HEAD TRACK(", \"sends\": [ @1{ \"to\": \"B\", @2\"automation\": [] } ], \"automation\": [ { \"parameter\": \"send_pan\",\n"
                    "\"to\": \"B\", \"points\": [ [0, 0] ] } ]")
              "\"buses\": [ { \"name\": \"B\", \"channels\": 1, \"delay_ms\": @3-1 } ],\n" BODY,
         {{1, "/tracks/0/sends/0", "the send has a pan, which places 1 or 2 channels in a bus of 2; *"},
          {2, "/tracks/0/sends/0/automation", "\"automation\": automation in a send *"},
          {3, "/buses/0/delay_ms", "\"delay_ms\" is -1, but must be from 0 to 10000"}}},
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

static void test_groups_too_deep(void **state)
{
    fixture *f = *state;
    for (int depth = 64; depth <= 65; depth++) {
        char json[8192];
        size_t length = 0;
        append(json, sizeof json, &length, HEAD TRACK(", \"group\": \"G0\"") "\"groups\": [ ");
        for (int i = 0; i < depth - 1; i++)
            append(json, sizeof json, &length, "{ \"name\": \"G%d\", \"fader_db\": -0.1, \"group\": \"G%d\" }, ", i, i + 1);
        append(json, sizeof json, &length, "{ \"name\": \"G%d\" } ], " STEREO_OUT, depth - 1);
        if (depth == 64) {
            fixture_audio audio = fixture_output(f, json, &on_cpu);
            assert_sample(&audio, 0, 24000, db(-6.3) * CENTRE);
            free(audio.samples);
        } else {
            mxd_problems *problems = mxd_problems_create();
            mxd_session *session = NULL;
            mark marks[10] = {{0, 0}};
            assert_int_equal(marked_load(f, json, marks, problems, &session), MXD_ERROR_INVALID);
            assert_int_equal(mxd_problems_count(problems), 1);
            assert_string_equal(mxd_problems_get(problems, 0)->path, "/groups/0");
            assert_string_equal(mxd_problems_get(problems, 0)->text, "groups belong to each other more than 64 deep");
            mxd_problems_destroy(problems);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_group_levels),       cmocka_unit_test(test_group_automation),
        cmocka_unit_test(test_group_mute_and_solo), cmocka_unit_test(test_solo),
        cmocka_unit_test(test_solo_keeps_side_chains), cmocka_unit_test(test_groups_too_deep),
        cmocka_unit_test(test_polarity),           cmocka_unit_test(test_track_delay),
        cmocka_unit_test(test_delay_moves_the_end), cmocka_unit_test(test_bus_delay),
        cmocka_unit_test(test_begun_in_the_middle),
        cmocka_unit_test(test_send_pan_and_mute),  cmocka_unit_test(test_deep_tree),
        cmocka_unit_test(test_mistakes),
    };
    return cmocka_run_group_tests(tests, render_set_up, fixture_tear_down);
}
