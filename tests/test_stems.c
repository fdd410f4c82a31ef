/*
 * Stems: each strip's part of a deliverable. What matters to a user: they sum to
 * the mix before the deliverable's inserts, each is in a file of its own whose
 * name tells what it is, and none is left behind by a render that fails.
 */
#include "render_fixture.h"
#include "host/backend.h"
#include "host/graph/graph.h"
#include "host/render/stem_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Every route there is: pans that stand and move, balance, objects, a bed, buses into buses, sends, levels that move,
 * tracks that are muted or empty; clips with pauses longer than a block and all tails. */
#define TRACKS \
    "\"length_s\": 0.6, \"tracks\": [ " \
    "{ \"name\": \"Pan\", " NOISE ", \"place\": { \"pan\": 0.4 }, \"fader_db\": -3, \"sends\": [ { \"to\": \"Hall\", \"gain_db\": -9 } ] }, " \
    "{ \"name\": \"Balance\", \"clips\": [ { \"file\": \"pair.wav\", \"start_s\": 0.3, \"length_s\": 0.2 } ], \"place\": { \"pan\": -0.7 } }, " \
    "{ \"name\": \"Moving pan\", " NOISE ", \"automation\": [ { \"parameter\": \"pan\", \"points\": [ [0.1, -1], [0.7, 1] ] }, " \
    "{ \"parameter\": \"fader_db\", \"points\": [ [0.2, null], [0.5, 0] ] } ] }, " \
    "{ \"name\": \"Object\", " NOISE ", \"fader_db\": -6, \"place\": { \"object\": { \"azimuth_deg\": 100, \"elevation_deg\": 20 } } }, " \
    "{ \"name\": \"Fly-over\", \"clips\": [ { \"file\": \"noise.wav\", \"length_s\": 0.2 }, { \"file\": \"noise.wav\", \"start_s\": 0.4 } ], " \
    "\"inserts\": [ { \"type\": \"eq\", \"bands\": [ { \"type\": \"bell\", \"frequency_hz\": 900, \"gain_db\": 6, \"q\": 3 } ] } ], " \
    "\"place\": { \"object\": { \"positions\": [ { \"time_s\": 0, \"azimuth_deg\": 90 }, " \
    "{ \"time_s\": 1, \"azimuth_deg\": -90, \"elevation_deg\": 45 } ] } } }, " \
    "{ \"name\": \"Muted\", " NOISE ", \"mute\": true, \"sends\": [ { \"to\": \"Hall\", \"tap\": \"pre-fader\", \"gain_db\": -6 } ] }, " \
    "{ \"name\": \"Kick\", " NOISE ", \"output\": \"Drums\", \"place\": { \"pan\": 0.9 } }, " \
    "{ \"name\": \"Centre\", " NOISE ", \"place\": { \"bed\": \"mono\" }, \"fader_db\": -12 } ], " \
    "\"buses\": [ { \"name\": \"Hall\", \"channels\": 2, \"inserts\": [ { \"type\": \"convolver\", \"impulse_response\": " \
    "{ \"decay_s\": 0.3 } } ], \"place\": { \"bed\": \"stereo\" } }, " \
    "{ \"name\": \"Drums\", \"channels\": 2, \"output\": \"All drums\" }, " \
    "{ \"name\": \"All drums\", \"channels\": 2, \"fader_db\": -2, \"sends\": [ { \"to\": \"Hall\", \"gain_db\": -15 } ] } ], "

/* In the order of the session: the strips that go to no bus. */
static const char *const placed[] = {"01 Pan", "02 Balance", "03 Moving pan", "04 Object", "05 Fly-over", "06 Muted",
                                     "07 Centre", "08 Hall", "09 All drums"};
#define NUM_PLACED (sizeof placed / sizeof placed[0])

static const char layouts[] = HEAD TRACKS "\"deliverables\": [ "
    "{ \"file\": \"mono.wav\", \"layout\": \"mono\", \"bit_depth\": 32 }, "
    "{ \"file\": \"stereo.wav\", \"layout\": \"stereo\", \"bit_depth\": 32 }, "
    "{ \"file\": \"wide.wav\", \"layout\": \"7.1.4\", \"bit_depth\": 32 }, "
    "{ \"file\": \"wave.wav\", \"layout\": \"7.1.4\", \"bit_depth\": 32, \"channel_order\": \"wave\" }, "
    "{ \"file\": \"sub/master.rf64\", \"layout\": \"7.1.4\", \"bit_depth\": 32, \"inserts\": [ { \"type\": \"eq\", \"bands\": [ "
    "{ \"type\": \"high-shelf\", \"frequency_hz\": 4000, \"gain_db\": 9 } ] } ] }, "
    "{ \"file\": \"cinema.wav\", \"layout\": \"22.2\", \"bit_depth\": 32 } ] }";

static fixture_audio read_stem(fixture *f, const char *folder, size_t index, const char *extension)
{
    char name[256];
    snprintf(name, sizeof name, "%s/%s%s", folder, placed[index], extension);
    return fixture_read(fixture_path(f, name));
}

/* The files of the folder and no others, added up, are the mix. */
static void assert_sum(fixture *f, const char *folder, const char *extension, const char *mix_name)
{
    fixture_audio mix = fixture_read(fixture_path(f, mix_name));
    size_t num_samples = mix.frames * mix.channels;
    double *sum = calloc(num_samples, sizeof *sum);
    assert_non_null(sum);
    for (size_t i = 0; i < NUM_PLACED; i++) {
        fixture_audio stem = read_stem(f, folder, i, extension);
        assert_int_equal(stem.channels, mix.channels);
        assert_int_equal(stem.frames, mix.frames);
        for (size_t n = 0; n < num_samples; n++)
            sum[n] += stem.samples[n];
        free(stem.samples);
    }
    double largest = 0.0, level = 0.0;
    for (size_t n = 0; n < num_samples; n++) {
        double error = fabs(sum[n] - mix.samples[n]);
        largest = error <= largest ? largest : error;
        level = fmax(level, fabs(sum[n]));
    }
    if (!(largest <= db(-120)))
        fail_msg("%s: the stems' sum is %.1f dBFS off", folder, 20.0 * log10(largest));
    assert_true(level > 0.1);
    free(sum);
    free(mix.samples);
}

static uint32_t count_files(fixture *f, const char *name)
{
    uint32_t count = 0;
    DIR *folder = opendir(fixture_path(f, name));
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    if (folder)
        closedir(folder);
    return count;
}

static void assert_renders(fixture *f, const char *json, const mxd_render_options *options)
{
    mxd_result result = fixture_render(f, json, options);
    if (result != MXD_OK) {
        fixture_print(f->problems);
        fail_msg("render failed with %d", (int)result);
    }
}

static bool has_vulkan(void)
{
    mxd_vulkan_device device;
    return mxd_vulkan_devices(&device, 1) > 0 && device.usable;
}

static void test_stems_sum_to_the_mix(void **state)
{
    fixture *f = *state;
    static const mxd_backend_kind kinds[] = {MXD_BACKEND_CPU, MXD_BACKEND_REFERENCE, MXD_BACKEND_VULKAN};
    for (int k = 0; k < 3; k++) {
        if (kinds[k] == MXD_BACKEND_VULKAN && !has_vulkan()) {
            print_message("no Vulkan device on this machine\n");
            continue;
        }
        assert_renders(f, layouts, &(mxd_render_options){.backend = kinds[k], .stems = true, .block_frames = 1u << 12});
        assert_sum(f, "mono.stems", ".wav", "mono.wav");
        assert_sum(f, "stereo.stems", ".wav", "stereo.wav");
        assert_sum(f, "wide.stems", ".wav", "wide.wav");
        assert_sum(f, "wave.stems", ".wav", "wave.wav");
        assert_sum(f, "sub/master.stems", ".rf64", "wide.wav"); /* before the inserts, which boost the treble by 9 dB */
        assert_sum(f, "cinema.stems", ".wav", "cinema.wav");
        assert_int_equal(count_files(f, "wide.stems"), NUM_PLACED);
        fixture_audio master = fixture_read(fixture_path(f, "sub/master.rf64"));
        fixture_audio wide = fixture_read(fixture_path(f, "wide.wav"));
        assert_true(fixture_difference(&master, &wide) > 0.1);
        free(master.samples);
        free(wide.samples);
    }
}

static void test_ranges_and_blocks(void **state)
{
    fixture *f = *state;
    static const mxd_render_options cases[] = {
        {.backend = MXD_BACKEND_CPU, .stems = true, .from_s = 0.21, .to_s = 0.53, .block_frames = 1u << 10},
        {.backend = MXD_BACKEND_CPU, .stems = true, .from_s = 0.3, .num_threads = 1},
        {.backend = MXD_BACKEND_CPU, .stems = true, .memory_bytes = 24u << 20},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_renders(f, layouts, &cases[i]);
        assert_sum(f, "mono.stems", ".wav", "mono.wav");
        assert_sum(f, "wide.stems", ".wav", "wide.wav");
    }
}

static bool disk_knows_holes(fixture *f)
{
    struct stat status;
    fixture_text(f, "hole", "");
    assert_int_equal(truncate(fixture_path(f, "hole"), 1 << 20), 0);
    assert_int_equal(stat(fixture_path(f, "hole"), &status), 0);
    return status.st_blocks == 0;
}

/* A stem is the mix of the session with all other strips taken away, and what never sounds is silence. */
static void test_stem_is_the_strip_alone(void **state)
{
    fixture *f = *state;
    assert_renders(f, layouts, &(mxd_render_options){.backend = MXD_BACKEND_CPU, .stems = true});
    fixture_audio muted = read_stem(f, "wide.stems", 5, ".wav");
    for (size_t i = 0; i < muted.frames * muted.channels; i++)
        assert_true(muted.samples[i] == 0.0f);
    struct stat status;
    assert_int_equal(stat(fixture_path(f, "wide.stems/06 Muted.wav"), &status), 0);
    assert_true(status.st_size > (off_t)(muted.frames * 48));
    if (disk_knows_holes(f))
        assert_true(status.st_blocks * 512 < status.st_size / 2);
    free(muted.samples);
    fixture_audio moving = read_stem(f, "wide.stems", 4, ".wav");
    fixture_audio alone = fixture_output(f, HEAD "\"length_s\": 0.6, \"tracks\": [ { \"name\": \"Fly-over\", \"clips\": [ "
        "{ \"file\": \"noise.wav\", \"length_s\": 0.2 }, { \"file\": \"noise.wav\", \"start_s\": 0.4, \"length_s\": 0.2 } ], "
        "\"inserts\": [ { \"type\": \"eq\", \"bands\": [ { \"type\": \"bell\", \"frequency_hz\": 900, \"gain_db\": 6, \"q\": 3 } ] } ], "
        "\"place\": { \"object\": { \"positions\": [ { \"time_s\": 0, \"azimuth_deg\": 90 }, "
        "{ \"time_s\": 1, \"azimuth_deg\": -90, \"elevation_deg\": 45 } ] } } } ], "
        "\"deliverables\": [ { \"file\": \"out.wav\", \"layout\": \"7.1.4\", \"bit_depth\": 32 } ] }", NULL);
    assert_nulls(&moving, &alone, -120.0, "a stem and its track alone");
    free(moving.samples);
    free(alone.samples);
}

/* A render without stems gives the same mixes, to the bit. */
static void test_mixes_stay_the_same(void **state)
{
    fixture *f = *state;
    assert_renders(f, layouts, &(mxd_render_options){.backend = MXD_BACKEND_CPU, .stems = true});
    fixture_audio with = fixture_read(fixture_path(f, "sub/master.rf64"));
    assert_renders(f, layouts, &(mxd_render_options){.backend = MXD_BACKEND_CPU});
    fixture_audio without = fixture_read(fixture_path(f, "sub/master.rf64"));
    assert_true(fixture_difference(&with, &without) == 0.0);
    free(with.samples);
    free(without.samples);
}

/* 16 bits: each stem and channel has dither of its own, all the time; a channel that nothing reaches has none. */
static void test_dither_of_stems(void **state)
{
    fixture *f = *state;
    assert_renders(f, HEAD "\"length_s\": 0.5, \"tracks\": [ "
        "{ \"name\": \"A\", \"clips\": [ { \"file\": \"noise.wav\", \"start_s\": 0.4, \"length_s\": 0.05 } ] }, "
        "{ \"name\": \"B\", \"clips\": [ { \"file\": \"noise.wav\", \"start_s\": 0.4, \"length_s\": 0.05 } ] }, "
        "{ \"name\": \"C\", " NOISE ", \"mute\": true } ], "
        "\"deliverables\": [ { \"file\": \"out.flac\", \"layout\": \"5.1\", \"bit_depth\": 16 } ] }",
        &(mxd_render_options){.backend = MXD_BACKEND_CPU, .stems = true, .block_frames = 1024});
    fixture_audio a = fixture_read(fixture_path(f, "out.stems/01 A.flac"));
    fixture_audio b = fixture_read(fixture_path(f, "out.stems/02 B.flac"));
    fixture_audio c = fixture_read(fixture_path(f, "out.stems/03 C.flac"));
    assert_int_equal(a.frames, 24000);
    assert_int_equal(c.frames, 24000);
    uint32_t num_dithered = 0, num_different = 0;
    for (uint64_t i = 0; i < 10000; i++) { /* nothing sounds yet */
        num_dithered += a.samples[6 * i] != 0.0f;
        num_different += a.samples[6 * i] != b.samples[6 * i];
        for (uint32_t channel = 0; channel < 6; channel++)
            assert_true((channel < 2 || a.samples[6 * i + channel] == 0.0f) && c.samples[6 * i + channel] == 0.0f);
    }
    /* TPDF of 2 LSB on zero rounds to -1, 0, 1 with 1/8, 3/4, 1/8; two of them are equal with 19/32. */
    assert_true(num_dithered > 2200 && num_dithered < 2800);
    assert_true(num_different > 3700 && num_different < 4400);
    free(a.samples);
    free(b.samples);
    free(c.samples);
}

static void test_names(void **state)
{
    fixture *f = *state;
    char json[4096], many[512] = "", cut[512] = "";
    for (int i = 0; i < 100; i++)
        strcat(many, "\xc3\xa4"); /* 200 bytes of a-umlaut, behind one byte: the cut falls within a character */
    memcpy(cut, many, 158);
    snprintf(json, sizeof json, HEAD "\"tracks\": [ { \"name\": \"../up/AC\\\\DC?\", " ONES " }, { \"name\": \".hidden\", " ONES " }, "
        "{ \"name\": \"a:b\", " ONES " }, { \"name\": \"a*b\", " ONES " }, { \"name\": \"x%s\", " ONES " } ], "
        "\"deliverables\": [ { \"file\": \"my.mix.wav\", \"layout\": \"mono\" } ] }", many);
    assert_renders(f, json, &(mxd_render_options){.backend = MXD_BACKEND_CPU, .stems = true});
    char last[512];
    snprintf(last, sizeof last, "05 x%s.wav", cut);
    const char *names[] = {"01 .._up_AC_DC_.wav", "02 .hidden.wav", "03 a_b.wav", "04 a_b.wav", last};
    for (size_t i = 0; i < 5; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/my.mix.stems/%s", f->folder, names[i]);
        if (access(path, F_OK) != 0)
            fail_msg("%s is missing", names[i]);
    }
    assert_int_equal(count_files(f, "my.mix.stems"), 5);
}

static void test_numbers_have_as_many_digits_as_the_last(void **state)
{
    (void)state;
    const mxd_session session = {.folder = "."};
    const mxd_deliverable deliverable = {.file = "no.dot/mix"};
    const mxd_strip strip = {.name = "A"};
    static const struct { uint32_t number, count; const char *path; } cases[] = {
        {7, 99, "no.dot/mix.stems/07 A"}, {7, 100, "no.dot/mix.stems/007 A"}, {1000, 1000, "no.dot/mix.stems/1000 A"}};
    for (int i = 0; i < 3; i++) {
        char *path = mxd_stem_path(&session, &deliverable, &strip, cases[i].number, cases[i].count, NULL);
        assert_string_equal(path, cases[i].path);
        free(path);
    }
    char *path = mxd_stem_path(&session, &(mxd_deliverable){.file = "a/b.flac"}, &strip, 1, 1, "out");
    assert_string_equal(path, "out/b.stems/01 A.flac");
    free(path);
}

static void test_result_lists_stems(void **state)
{
    fixture *f = *state;
    mxd_session *session = NULL;
    mxd_render_result *result = NULL;
    fixture_text(f, "session.json", HEAD "\"tracks\": [ { \"name\": \"Loud\", " ONES ", \"fader_db\": 6 }, "
        "{ \"name\": \"Off\", " ONES ", \"mute\": true } ], \"deliverables\": [ "
        "{ \"file\": \"a.wav\", \"layout\": \"mono\", \"bit_depth\": 32 }, { \"file\": \"b.wav\", \"layout\": \"mono\" } ] }");
    assert_int_equal(mxd_session_load(fixture_path(f, "session.json"), f->problems, &session), MXD_OK);
    const char *only[] = {"b.wav"};
    mxd_render_options options = {.backend = MXD_BACKEND_CPU, .stems = true};
    assert_int_equal(mxd_render(session, &options, f->problems, &result), MXD_OK);
    assert_int_equal(result->num_deliverables, 2);
    for (int i = 0; i < 2; i++) {
        const mxd_deliverable_result *d = &result->deliverables[i];
        assert_int_equal(d->num_stems, 2);
        assert_string_equal(d->stems[0].name, "Loud");
        assert_string_equal(d->stems[1].file, fixture_path(f, i ? "b.stems/02 Off.wav" : "a.stems/02 Off.wav"));
        assert_true(fabs(d->stems[0].sample_peak_dbfs - 6.0) < 1e-4);
        assert_true(d->stems[1].sample_peak_dbfs == -HUGE_VAL);
        assert_int_equal(d->stems[0].num_clipped, i ? 48000 : 0); /* float holds it */
        assert_true(d->stems[0].first_clip_s == (i ? 0.0 : -1.0));
    }
    mxd_render_result_destroy(result);
    fixture_remove(fixture_path(f, "a.stems"));
    options.only = only;
    options.num_only = 1;
    assert_int_equal(mxd_render(session, &options, f->problems, &result), MXD_OK);
    assert_int_equal(result->num_deliverables, 1);
    assert_int_equal(count_files(f, "a.stems"), 0);
    mxd_render_result_destroy(result);
    mxd_session_destroy(session);
}

/* FLAC's own meaning of eight channels is not 7.1's: that is said of the mix, not of every stem again. */
static void test_one_warning_for_all_stems(void **state)
{
    fixture *f = *state;
    assert_renders(f, HEAD "\"tracks\": [ { \"name\": \"A\", " ONES " }, { \"name\": \"B\", " ONES " } ], "
        "\"deliverables\": [ { \"file\": \"out.flac\", \"layout\": \"7.1\" } ] }",
        &(mxd_render_options){.backend = MXD_BACKEND_CPU, .stems = true});
    uint32_t count = 0;
    for (size_t i = 0; i < mxd_problems_count(f->problems); i++)
        count += strstr(mxd_problems_get(f->problems, i)->text, "players may misplace them") != NULL;
    assert_int_equal(count, 1);
    assert_int_equal(count_files(f, "out.stems"), 2);
}

/* ---- What is not left behind, and not overwritten ---- */

static bool third_time(void *user)
{
    return ++*(int *)user > 3;
}

static void test_cancel_leaves_nothing(void **state)
{
    fixture *f = *state;
    int count = 0;
    const mxd_render_options options = {.backend = MXD_BACKEND_CPU, .stems = true, .block_frames = 1024,
                                        .is_cancelled = third_time, .user = &count};
    assert_int_equal(fixture_render(f, layouts, &options), MXD_ERROR_CANCELLED);
    assert_int_not_equal(access(fixture_path(f, "wide.stems"), F_OK), 0);
    assert_int_not_equal(access(fixture_path(f, "sub"), F_OK), 0);
    /* A folder that was there stays, with what was in it. */
    assert_int_equal(mkdir(fixture_path(f, "wide.stems"), 0777), 0);
    fixture_text(f, "wide.stems/01 Pan.wav", "the old file");
    count = 0;
    assert_int_equal(fixture_render(f, layouts, &options), MXD_ERROR_CANCELLED);
    assert_int_equal(count_files(f, "wide.stems"), 1);
    size_t size;
    free(fixture_load(fixture_path(f, "wide.stems/01 Pan.wav"), &size));
    assert_int_equal(size, strlen("the old file"));
}

static void refuse(fixture *f, const char *json, mxd_result expected, const char *words)
{
    size_t before = mxd_problems_count(f->problems);
    const mxd_render_options options = {.backend = MXD_BACKEND_CPU, .stems = true};
    assert_int_equal(fixture_render(f, json, &options), expected);
    bool found = false;
    for (size_t i = before; i < mxd_problems_count(f->problems); i++)
        found = found || strstr(mxd_problems_get(f->problems, i)->text, words);
    if (!found) {
        fixture_print(f->problems);
        fail_msg("nothing says \"%s\"", words);
    }
}

static void test_files_in_the_way(void **state)
{
    fixture *f = *state;
    assert_int_equal(mkdir(fixture_path(f, "mix.stems"), 0777), 0);
    fixture_wav(f, "mix.stems/01 A.wav", 48000, 1, 480, fixture_ones);
    refuse(f, HEAD "\"tracks\": [ { \"name\": \"A\", \"clips\": [ { \"file\": \"mix.stems/01 A.wav\" } ] } ], "
        "\"deliverables\": [ { \"file\": \"mix.wav\", \"layout\": \"mono\" } ] }", MXD_ERROR_ARGUMENT, "would overwrite");
    refuse(f, HEAD "\"tracks\": [ { \"name\": \"A\", " ONES " } ], \"deliverables\": [ "
        "{ \"file\": \"mix.wav\", \"layout\": \"mono\" }, { \"file\": \"mix.stems/01 A.wav\", \"layout\": \"stereo\" } ] }",
        MXD_ERROR_ARGUMENT, "the stem \"A\" of \"mix.wav\"");
    fixture_text(f, "full.stems", "a file");
    refuse(f, HEAD "\"tracks\": [ { \"name\": \"A\", " ONES " } ], "
        "\"deliverables\": [ { \"file\": \"full.wav\", \"layout\": \"mono\" } ] }", MXD_ERROR_WRITE,
        "is a file where a folder should be");
    assert_int_not_equal(access(fixture_path(f, "mix.wav"), F_OK), 0);
    assert_int_not_equal(access(fixture_path(f, "full.wav"), F_OK), 0);
    size_t size;
    free(fixture_load(fixture_path(f, "mix.stems/01 A.wav"), &size));
    assert_true(size > 480 * 4); /* the clip is still there */
}

/* ---- What they cost ---- */

/* Layouts that deliverables share are computed once; a mono pan on 7.1.4 takes two lanes, a muted track none. */
static void test_lanes_are_few(void **state)
{
    fixture *f = *state;
    mxd_session *session = NULL;
    mxd_graph *graph = NULL;
    fixture_text(f, "session.json", HEAD "\"tracks\": [ { \"name\": \"A\", " ONES " }, { \"name\": \"B\", " ONES ", \"mute\": true }, "
        "{ \"name\": \"C\", " ONES ", \"place\": { \"object\": { \"azimuth_deg\": 30 } } }, "
        "{ \"name\": \"D\", " ONES ", \"output\": \"E\" } ], \"buses\": [ { \"name\": \"E\", \"channels\": 2 } ], \"deliverables\": [ "
        "{ \"file\": \"a.wav\", \"layout\": \"7.1.4\" }, { \"file\": \"b.wav\", \"layout\": \"7.1.4\", \"inserts\": [ { \"type\": \"eq\", "
        "\"bands\": [ { \"type\": \"high-pass\", \"frequency_hz\": 80 } ] } ] }, { \"file\": \"c.wav\", \"layout\": \"mono\" } ] }");
    assert_int_equal(mxd_session_load(fixture_path(f, "session.json"), f->problems, &session), MXD_OK);
    const uint32_t chosen[] = {0, 1, 2};
    assert_int_equal(mxd_graph_create(session, chosen, 3, MXD_FOLD_NONE, true, f->problems, &graph), MXD_OK);
    assert_int_equal(graph->stems_per_layout, 4);
    assert_int_equal(graph->num_stems, 8);
    assert_int_equal(graph->num_stem_lanes, 2 + 0 + 1 + 2 + 1 + 0 + 1 + 1);
    assert_int_equal(mxd_graph_output_lanes(graph), 12 + 12 + 1 + 8);
    mxd_graph_destroy(graph);
    mxd_session_destroy(session);
}

/* The bound on memory counts them: what a mix alone fits into is too small, and smaller blocks do. */
static void test_memory_counts_stems(void **state)
{
    fixture *f = *state;
    mxd_render_options options = {.backend = MXD_BACKEND_CPU, .memory_bytes = 24u << 20, .block_frames = 1u << 14};
    assert_int_equal(fixture_render(f, layouts, &options), MXD_OK);
    options.stems = true;
    assert_int_equal(fixture_render(f, layouts, &options), MXD_ERROR_MEMORY);
    options.block_frames = 0;
    assert_renders(f, layouts, &options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_stems_sum_to_the_mix, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_ranges_and_blocks, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_stem_is_the_strip_alone, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_mixes_stay_the_same, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_dither_of_stems, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_names, render_set_up, fixture_tear_down),
        cmocka_unit_test(test_numbers_have_as_many_digits_as_the_last),
        cmocka_unit_test_setup_teardown(test_result_lists_stems, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_one_warning_for_all_stems, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_cancel_leaves_nothing, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_files_in_the_way, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_lanes_are_few, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_memory_counts_stems, render_set_up, fixture_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
