/*
 * Whole renders of small sessions against closed forms: what a user hears of
 * faders, pans, sends, buses, automation, objects, beds, reverbs and ranges.
 */
#include "render_fixture.h"
#include "host/backend.h"
#include "host/scene/panner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_fader_and_pan(void **state)
{
    fixture_audio out = fixture_output(*state, HEAD "\"tracks\": [ { \"name\": \"A\", " ONES ", \"fader_db\": -6, "
        "\"place\": { \"pan\": -0.5 } }, { \"name\": \"B\", " ONES ", \"fader_db\": -12 } ], " STEREO_OUT, NULL);
    const double quarter_pi = atan(1.0);
    double b = db(-12) * sqrt(0.5);
    assert_int_equal(out.frames, 48000);
    assert_sample(&out, 0, 0, db(-6) * cos(0.5 * quarter_pi) + b);
    assert_sample(&out, 1, 47999, db(-6) * sin(0.5 * quarter_pi) + b);
    free(out.samples);
}

/* A comp: two takes of one recording, spliced by linear crossfades, are the uncut file; so are its nudged pieces. */
static void test_comp_of_takes(void **state)
{
    fixture_audio whole = fixture_output(*state, HEAD "\"tracks\": [ { \"name\": \"A\", \"clips\": [ "
        "{ \"file\": \"pair.wav\" } ] } ], " STEREO_OUT, NULL);
    fixture_audio comp = fixture_output(*state, HEAD "\"tracks\": [ { \"name\": \"A\", \"clips\": [ "
        "{ \"file\": \"pair.wav\", \"length_s\": 0.31, \"fade_out\": { \"length_s\": 0.01 } }, "
        "{ \"file\": \"pair.wav\", \"start_s\": 0.3, \"offset_s\": 0.3, \"length_s\": 0.3, "
        "\"fade_in\": { \"length_s\": 0.01 }, \"fade_out\": { \"length_s\": 0.1 } }, "
        "{ \"file\": \"pair.wav\", \"start_s\": 0.49, \"nudge_frames\": 480, \"offset_s\": 0.5, "
        "\"fade_in\": { \"length_s\": 0.1 } } ] } ], " STEREO_OUT, NULL);
    assert_nulls(&whole, &comp, -130.0, "a comp of takes");
    free(whole.samples);
    free(comp.samples);
}

/* What a clip plays at another speed or stretched is as long as its session says, wherever the render begins. */
static void test_edited_clips_from_the_middle(void **state)
{
    static const char *const edits[] = {
        "\"speed\": 0.75",
        "\"reverse\": true, \"length_s\": 0.5, \"offset_s\": 0.2, \"loop\": { \"length_s\": 2.5, \"crossfade_s\": 0.1 }",
        "\"stretch\": 1.25, \"pitch_semitones\": -2", "\"mono_sum\": true, \"polarity\": true"};
    static const double seconds[] = {4.0 / 3, 2.5, 1.25, 1.0};
    for (int i = 0; i < 4; i++) {
        char json[1024];
        snprintf(json, sizeof json, HEAD "\"tracks\": [ { \"name\": \"A\", \"clips\": [ { \"file\": \"pair.wav\", %s } ] "
                 "} ], " STEREO_OUT, edits[i]);
        fixture_audio whole = fixture_output(*state, json, NULL);
        assert_int_equal(whole.frames, lround(seconds[i] * 48000));
        const mxd_render_options later = {.from_s = 0.7, .block_frames = 4096};
        fixture_audio part = fixture_output(*state, json, &later);
        assert_int_equal(part.frames, whole.frames - 33600);
        fixture_audio rest = {whole.samples + 2 * 33600, 2, part.frames};
        assert_nulls(&rest, &part, -125.0, edits[i]);
        free(whole.samples);
        free(part.samples);
    }
}

static void test_mute_and_pre_fader_send(void **state)
{
    fixture_audio out = fixture_output(*state, HEAD "\"tracks\": [ { \"name\": \"A\", " ONES ", \"mute\": true, "
        "\"sends\": [ { \"to\": \"Pre\", \"gain_db\": -20, \"tap\": \"pre-fader\" }, { \"to\": \"Post\" } ] } ], "
        "\"buses\": [ { \"name\": \"Pre\", \"channels\": 2 }, { \"name\": \"Post\", \"channels\": 2 } ], " STEREO_OUT,
        NULL);
    assert_sample(&out, 0, 100, db(-20) * sqrt(0.5)); /* mono into two: centred, -3 dB */
    assert_sample(&out, 1, 100, db(-20) * sqrt(0.5));
    free(out.samples);
}

static void test_bus_into_bus(void **state)
{
    fixture_audio out = fixture_output(*state, HEAD "\"tracks\": [ { \"name\": \"A\", " ONES ", \"output\": \"In\", "
        "\"place\": { \"pan\": 1 }, \"fader_db\": -3, \"sends\": [ { \"to\": \"Out\", \"gain_db\": -10 } ] } ], "
        "\"buses\": [ { \"name\": \"Out\", \"channels\": 2, \"fader_db\": -1 }, "
        "{ \"name\": \"In\", \"channels\": 2, \"fader_db\": -2, \"output\": \"Out\" } ], " STEREO_OUT, NULL);
    double send = db(-3) * db(-10) * db(-1) * sqrt(0.5);
    assert_sample(&out, 0, 5, send);
    assert_sample(&out, 1, 5, send + db(-3) * db(-2) * db(-1));
    free(out.samples);
}

static void test_solo(void **state)
{
    fixture_audio out = fixture_output(*state, HEAD "\"tracks\": [ { \"name\": \"A\", " ONES ", \"solo\": true }, "
        "{ \"name\": \"B\", " ONES " } ], " STEREO_OUT, NULL);
    assert_sample(&out, 0, 5, sqrt(0.5));
    free(out.samples);
}

static void test_automation(void **state)
{
    fixture_audio out = fixture_output(*state, HEAD "\"tracks\": [ { \"name\": \"A\", " ONES ", \"automation\": [ "
        "{ \"parameter\": \"fader_db\", \"points\": [ [0.1, -24], [0.5, 0], [0.6, null] ] }, "
        "{ \"parameter\": \"pan\", \"curve\": \"hold\", \"points\": [ [0, -1], [0.25, 1] ] } ] } ], " STEREO_OUT, NULL);
    assert_sample(&out, 0, 0, db(-24));
    assert_sample(&out, 0, 4800, db(-24));
    assert_sample(&out, 0, 4800 + 64 * 100, db(-24.0 + 24.0 * 6400 / 19200)); /* a grid point: exact */
    assert_sample(&out, 0, 11999, out.samples[2 * 11999]);
    assert_sample(&out, 1, 11999, 0.0);  /* hold: the jump is at frame 12000, to the sample */
    assert_sample(&out, 0, 12000, 0.0);
    assert_true(out.samples[2 * 12000 + 1] > 0.15f);
    assert_sample(&out, 1, 24000, 1.0);
    assert_sample(&out, 1, 28800, 0.0);  /* null = silence */
    assert_sample(&out, 1, 47999, 0.0);
    free(out.samples);
}

/* Between grid points a level moves on a chord: its error against the exact curve is below 0.01 dB here. */
static void test_automation_between_grid_points(void **state)
{
    fixture_audio out = fixture_output(*state, HEAD "\"tracks\": [ { \"name\": \"A\", " ONES ", \"place\": { \"pan\": -1 }, "
        "\"automation\": [ { \"parameter\": \"fader_db\", \"points\": [ [0, -60], [0.5, 0] ] } ] } ], " STEREO_OUT, NULL);
    for (uint64_t i = 0; i < 24000; i++) {
        double level = 20.0 * log10(out.samples[2 * i]), exact = -60.0 + 60.0 * (double)i / 24000.0;
        if (!(fabs(level - exact) <= 0.01))
            fail_msg("frame %u: %.4f dB, exact %.4f dB", (unsigned)i, level, exact);
    }
    free(out.samples);
}

static void test_moving_object(void **state)
{
    fixture_audio out = fixture_output(*state, HEAD "\"tracks\": [ { \"name\": \"A\", " ONES ", \"place\": { \"object\": { "
        "\"positions\": [ { \"time_s\": 0, \"azimuth_deg\": 0, \"elevation_deg\": 0 }, "
        "{ \"time_s\": 0.64, \"azimuth_deg\": 120, \"elevation_deg\": 30 } ] } } } ], "
        "\"deliverables\": [ { \"file\": \"out.wav\", \"layout\": \"7.1.4\", \"bit_depth\": 32 } ] }", NULL);
    const mxd_layout *layout = mxd_layout_find("7.1.4");
    mxd_panner *panner;
    double gains[MXD_MAX_LAYOUT_CHANNELS];
    assert_int_equal(mxd_panner_create(layout, NULL, NULL, &panner), MXD_OK);
    assert_int_equal(out.channels, 12);
    for (uint64_t frame = 0; frame < 40000; frame += 512) { /* the grid on which objects move */
        double part = frame < 30720 ? (double)frame / 30720.0 : 1.0;
        mxd_panner_gains(panner, 120.0 * part, 30.0 * part, gains);
        for (uint32_t c = 0; c < 12; c++)
            assert_sample(&out, c, frame, gains[c]);
    }
    mxd_panner_destroy(panner);
    free(out.samples);
}

static void test_bed_fold_down(void **state)
{
    fixture *f = *state;
    fixture_wav(f, "bed.wav", 48000, 12, 480, fixture_ones);
    fixture_audio out = fixture_output(f, HEAD "\"tracks\": [ { \"name\": \"A\", \"clips\": [ { \"file\": \"bed.wav\" } ], "
        "\"place\": { \"bed\": \"7.1.4\" } } ], "
        "\"deliverables\": [ { \"file\": \"out.wav\", \"layout\": \"5.1\", \"bit_depth\": 32 } ] }", NULL);
    const mxd_layout *from = mxd_layout_find("7.1.4"), *to = mxd_layout_find("5.1");
    double expected[6] = {0}, gains[MXD_MAX_LAYOUT_CHANNELS];
    mxd_panner *panner;
    assert_int_equal(mxd_panner_create(to, NULL, NULL, &panner), MXD_OK);
    for (uint32_t i = 0; i < from->num_channels; i++) {
        int same = mxd_layout_channel(to, from->speakers[i].label);
        memset(gains, 0, sizeof gains);
        if (same >= 0)
            gains[same] = 1.0; /* a loudspeaker that both have, the LFE too */
        else
            mxd_panner_gains(panner, from->speakers[i].azimuth_deg, from->speakers[i].elevation_deg, gains);
        for (uint32_t c = 0; c < 6; c++)
            expected[c] += gains[c];
    }
    for (uint32_t c = 0; c < 6; c++)
        assert_sample(&out, c, 77, expected[c]);
    mxd_panner_destroy(panner);
    free(out.samples);
}

/*
 * What goes into mono by each kind of place is what stereo gets, folded: moving pans and objects, balance, a bed, a bus,
 * a level that moves, the deliverable's inserts. A track panned to the centre keeps its level.
 */
static void test_mono_is_stereo_folded(void **state)
{
    static const char tracks[] = HEAD "\"tracks\": [ "
        "{ \"name\": \"A\", " NOISE ", \"place\": { \"pan\": 0.4 } }, "
        "{ \"name\": \"B\", \"clips\": [ { \"file\": \"pair.wav\" } ], \"place\": { \"pan\": -0.7 } }, "
        "{ \"name\": \"C\", " NOISE ", \"automation\": [ { \"parameter\": \"pan\", \"points\": [ [0.1, -1], [0.7, 1] ] }, "
        "{ \"parameter\": \"fader_db\", \"points\": [ [0.2, -20], [0.5, 0] ] } ] }, "
        "{ \"name\": \"D\", " NOISE ", \"place\": { \"object\": { \"positions\": [ "
        "{ \"time_s\": 0, \"azimuth_deg\": 0 }, { \"time_s\": 1, \"azimuth_deg\": 170, \"elevation_deg\": 60 } ] } } }, "
        "{ \"name\": \"E\", " NOISE ", \"output\": \"F\", \"place\": { \"pan\": 0.9 } } ], "
        "\"buses\": [ { \"name\": \"F\", \"channels\": 2, \"place\": { \"bed\": \"stereo\" } } ], "
        "\"deliverables\": [ { \"file\": \"out.wav\", \"layout\": \"%s\", \"bit_depth\": 32, \"inserts\": [ "
        "{ \"type\": \"eq\", \"bands\": [ { \"type\": \"high-pass\", \"frequency_hz\": 80 } ] } ] } ] }";
    char json[2048];
    snprintf(json, sizeof json, tracks, "stereo");
    fixture_audio stereo = fixture_output(*state, json, NULL);
    snprintf(json, sizeof json, tracks, "mono");
    static const mxd_backend_kind kinds[] = {MXD_BACKEND_CPU, MXD_BACKEND_REFERENCE, MXD_BACKEND_VULKAN};
    for (int k = 0; k < 3; k++) {
        mxd_vulkan_device device;
        if (kinds[k] == MXD_BACKEND_VULKAN && (mxd_vulkan_devices(&device, 1) == 0 || !device.usable)) {
            print_message("no Vulkan device on this machine\n");
            continue;
        }
        fixture_audio mono = fixture_output(*state, json, &(mxd_render_options){.backend = kinds[k]});
        assert_int_equal(mono.channels, 1);
        assert_int_equal(mono.frames, stereo.frames);
        for (uint64_t i = 0; i < mono.frames; i++)
            assert_sample(&mono, 0, i, sqrt(0.5) * ((double)stereo.samples[2 * i] + (double)stereo.samples[2 * i + 1]));
        free(mono.samples);
    }
    free(stereo.samples);
    fixture_audio centred = fixture_output(*state, HEAD "\"tracks\": [ { \"name\": \"A\", " ONES " } ], "
        "\"deliverables\": [ { \"file\": \"out.wav\", \"layout\": \"mono\", \"bit_depth\": 32 } ] }", NULL);
    assert_sample(&centred, 0, 100, 1.0);
    free(centred.samples);
}

static void test_reverb_tail_sets_the_length(void **state)
{
    fixture *f = *state;
    fixture_wav(f, "late.wav", 48000, 1, 12001, fixture_noise);
    fixture_audio out = fixture_output(f, HEAD "\"tracks\": [ { \"name\": \"A\", \"clips\": [ { \"file\": \"impulse.wav\", "
        "\"start_s\": 0.5 } ], \"inserts\": [ { \"type\": \"convolver\", \"impulse_response\": \"late.wav\", "
        "\"normalize\": \"none\", \"predelay_ms\": 10, \"wet_db\": -6, \"dry_db\": 0 } ], \"place\": { \"pan\": -1 } } ], "
        STEREO_OUT, NULL);
    assert_int_equal(out.frames, 24000 + 4800 + 480 + 12001 - 1);
    assert_sample(&out, 0, 23999, 0.0);
    assert_sample(&out, 0, 24000, 1.0); /* dry */
    for (uint64_t i = 0; i < 12001; i++)
        assert_sample(&out, 0, 24480 + i, db(-6) * fixture_noise(0, i) );
    free(out.samples);
}

/* A busy little session: sparse clips, fades, eq, reverb on a bus, moving object, automation. */
static const char busy[] =
    HEAD "\"tracks\": [ "
    "{ \"name\": \"A\", \"clips\": [ { \"file\": \"noise.wav\", \"start_s\": 0.2, \"length_s\": 0.1, "
    "\"fade_in\": { \"length_s\": 0.01 } }, { \"file\": \"noise.wav\", \"start_s\": 1.7, \"length_s\": 0.3 } ], "
    "\"inserts\": [ { \"type\": \"eq\", \"bands\": [ { \"type\": \"bell\", \"frequency_hz\": 60, \"gain_db\": 9, \"q\": 8 }, "
    "{ \"type\": \"high-pass\", \"frequency_hz\": 30, \"slope_db_per_octave\": 48 } ] } ], "
    "\"sends\": [ { \"to\": \"Hall\", \"gain_db\": -3 } ], "
    "\"automation\": [ { \"parameter\": \"fader_db\", \"points\": [ [0.1, -30], [1.9, 0] ] } ], "
    "\"place\": { \"object\": { \"positions\": [ { \"time_s\": 0, \"azimuth_deg\": 170 }, { \"time_s\": 2, \"azimuth_deg\": -170 } ] } } }, "
    "{ \"name\": \"B\", \"clips\": [ { \"file\": \"pair.wav\", \"start_s\": 0.9, \"gain_db\": -6 } ], "
    "\"inserts\": [ { \"type\": \"convolver\", \"impulse_response\": { \"decay_s\": 0.4, \"seed\": 3 }, \"dry_db\": -6 }, "
    "{ \"type\": \"eq\", \"bands\": [ { \"type\": \"tilt\", \"frequency_hz\": 900, \"gain_db\": 4 } ] } ] } ], "
    "\"buses\": [ { \"name\": \"Hall\", \"channels\": 2, \"inserts\": [ { \"type\": \"convolver\", "
    "\"impulse_response\": { \"decay_s\": 0.7, \"seed\": 1 }, \"predelay_ms\": 13 } ] } ], "
    "\"deliverables\": [ { \"file\": \"out.wav\", \"layout\": \"5.1.4\", \"bit_depth\": 32, \"inserts\": [ "
    "{ \"type\": \"eq\", \"bands\": [ { \"type\": \"low-shelf\", \"frequency_hz\": 120, \"gain_db\": 2 } ] } ] } ] }";

static void test_block_size_does_not_matter(void **state)
{
    static const mxd_backend_kind kinds[] = {MXD_BACKEND_CPU, MXD_BACKEND_REFERENCE};
    for (int k = 0; k < 2; k++) {
        mxd_render_options options = {.backend = kinds[k], .block_frames = 1u << 18};
        fixture_audio whole = fixture_output(*state, busy, &options);
        static const uint32_t sizes[] = {1u << 10, 1u << 12, 1u << 14, 1u << 16};
        for (int i = 0; i < 4; i++) {
            char what[64];
            options.block_frames = sizes[i];
            fixture_audio cut = fixture_output(*state, busy, &options);
            snprintf(what, sizeof what, "blocks of %u on backend %d", sizes[i], (int)kinds[k]);
            /* Small blocks cut responses into many partitions, each a rounding of its own. */
            assert_nulls(&whole, &cut, sizes[i] < 1u << 14 ? -125.0 : -130.0, what);
            free(cut.samples);
        }
        free(whole.samples);
    }
}

static void test_backends_agree(void **state)
{
    mxd_render_options options = {.backend = MXD_BACKEND_REFERENCE};
    fixture_audio reference = fixture_output(*state, busy, &options);
    options.backend = MXD_BACKEND_CPU;
    fixture_audio cpu = fixture_output(*state, busy, &options);
    assert_nulls(&reference, &cpu, -120.0, "cpu against reference");
    free(cpu.samples);
    free(reference.samples);
}

static void test_range_is_a_slice(void **state)
{
    fixture_audio whole = fixture_output(*state, busy, NULL);
    mxd_render_options options = {.backend = MXD_BACKEND_CPU, .from_s = 1.1, .to_s = 2.3, .block_frames = 1u << 12};
    fixture_audio slice = fixture_output(*state, busy, &options);
    assert_int_equal(slice.frames, 57600);
    fixture_audio expected = {whole.samples + 52800 * whole.channels, whole.channels, 57600};
    /* Tails from before --from are in it: the equaliser's to -120 dB, convolvers' whole. */
    assert_nulls(&expected, &slice, -115.0, "--from 1.1 --to 2.3");
    free(slice.samples);
    free(whole.samples);
}

static char *read_bytes(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *bytes = malloc(1u << 24);
    assert_non_null(bytes);
    *size = fread(bytes, 1, 1u << 24, file);
    fclose(file);
    return bytes;
}

static void test_two_runs_are_identical(void **state)
{
    fixture *f = *state;
    static const char json[] = HEAD "\"tracks\": [ { \"name\": \"A\", \"clips\": [ { \"file\": \"noise.wav\" } ], "
        "\"inserts\": [ { \"type\": \"convolver\", \"impulse_response\": { \"decay_s\": 0.6 } } ] } ], "
        "\"deliverables\": [ { \"file\": \"out.wav\", \"layout\": \"stereo\", \"bit_depth\": 24 } ] }";
    size_t size_a, size_b;
    assert_int_equal(fixture_render(f, json, NULL), MXD_OK);
    char *a = read_bytes(fixture_path(f, "out.wav"), &size_a);
    assert_int_equal(fixture_render(f, json, NULL), MXD_OK);
    char *b = read_bytes(fixture_path(f, "out.wav"), &size_b);
    assert_int_equal(size_a, size_b);
    assert_true(size_a > 48000 * 6);
    assert_memory_equal(a, b, size_a);
    free(a);
    free(b);
}

static void test_only_and_output_dir(void **state)
{
    fixture *f = *state;
    static const char json[] = HEAD "\"tracks\": [ { \"name\": \"A\", " ONES " } ], \"deliverables\": [ "
        "{ \"file\": \"x/one.wav\", \"layout\": \"stereo\" }, { \"file\": \"x/two.wav\", \"layout\": \"5.1\" } ] }";
    const char *only[] = {"5.1"};
    char folder[512];
    snprintf(folder, sizeof folder, "%s", fixture_path(f, "elsewhere/deep"));
    mxd_render_options options = {.backend = MXD_BACKEND_CPU, .only = only, .num_only = 1, .output_dir = folder};
    assert_int_equal(fixture_render(f, json, &options), MXD_OK);
    assert_int_equal(access(fixture_path(f, "elsewhere/deep/two.wav"), F_OK), 0);
    assert_int_not_equal(access(fixture_path(f, "elsewhere/deep/one.wav"), F_OK), 0);
    assert_int_not_equal(access(fixture_path(f, "x"), F_OK), 0);
    only[0] = "quadraphonic";
    assert_int_equal(fixture_render(f, json, &options), MXD_ERROR_ARGUMENT);
}

static bool always(void *user)
{
    (void)user;
    return true;
}

static void test_cancel_leaves_nothing(void **state)
{
    fixture *f = *state;
    mxd_render_options options = {.backend = MXD_BACKEND_CPU, .is_cancelled = always};
    unlink(fixture_path(f, "out.wav"));
    assert_int_equal(fixture_render(f, busy, &options), MXD_ERROR_CANCELLED);
    assert_int_not_equal(access(fixture_path(f, "out.wav"), F_OK), 0);
}

/* Fails in the middle: the second clip's file holds a NaN. What stood there before stays untouched. */
static float nan_at_the_end(uint32_t channel, uint64_t frame)
{
    (void)channel;
    return frame == 47000 ? NAN : 0.25f;
}

static void test_failure_leaves_old_files_alone(void **state)
{
    fixture *f = *state;
    static const char json[] = HEAD "\"tracks\": [ { \"name\": \"A\", \"clips\": [ { \"file\": \"nan.wav\" } ] } ], " STEREO_OUT;
    fixture_wav(f, "nan.wav", 48000, 1, 48000, nan_at_the_end);
    fixture_text(f, "out.wav", "the old file");
    assert_int_equal(fixture_render(f, json, &(mxd_render_options){.backend = MXD_BACKEND_CPU, .block_frames = 1024}),
                     MXD_ERROR_FILE);
    const char *text = mxd_problems_get(f->problems, mxd_problems_count(f->problems) - 1)->text;
    if (!strstr(text, "47000"))
        fail_msg("the frame is not named: %s", text);
    size_t size;
    char *bytes = read_bytes(fixture_path(f, "out.wav"), &size);
    assert_int_equal(size, strlen("the old file"));
    free(bytes);
    static const char forgiving[] = HEAD "\"tracks\": [ { \"name\": \"A\", \"clips\": [ { \"file\": \"nan.wav\", "
        "\"non_finite\": \"zero\" } ], \"place\": { \"pan\": -1 } } ], " STEREO_OUT;
    fixture_audio out = fixture_output(f, forgiving, NULL);
    assert_sample(&out, 0, 46999, 0.25);
    assert_sample(&out, 0, 47000, 0.0);
    free(out.samples);
}

static void test_memory_bound_shrinks_blocks(void **state)
{
    fixture *f = *state;
    mxd_render_options options = {.backend = MXD_BACKEND_CPU, .memory_bytes = 8u << 20};
    fixture_audio small = fixture_output(f, busy, &options);
    fixture_audio large = fixture_output(f, busy, NULL);
    assert_nulls(&small, &large, -130.0, "8 MiB against 2 GiB");
    free(small.samples);
    free(large.samples);
    options.memory_bytes = 1000;
    assert_int_equal(fixture_render(f, busy, &options), MXD_ERROR_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fader_and_pan, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_comp_of_takes, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_edited_clips_from_the_middle, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_mute_and_pre_fader_send, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_bus_into_bus, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_solo, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_automation, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_automation_between_grid_points, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_moving_object, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_bed_fold_down, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_mono_is_stereo_folded, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_reverb_tail_sets_the_length, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_block_size_does_not_matter, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_backends_agree, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_range_is_a_slice, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_two_runs_are_identical, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_only_and_output_dir, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_cancel_leaves_nothing, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_failure_leaves_old_files_alone, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_memory_bound_shrinks_blocks, render_set_up, fixture_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
