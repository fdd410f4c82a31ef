/*
 * Latencies and side-chains through whole renders: an impulse that takes parallel
 * ways of different look-ahead arrives as one; what moves, and what listens to
 * something else, keeps the signal's own time.
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

/* A compressor that changes nothing, but delays by its look-ahead. */
#define LATE(ms) "{ \"type\": \"compressor\", \"threshold_db\": 24, \"lookahead_ms\": " #ms " }"
#define IMPULSE "\"clips\": [ { \"file\": \"impulse.wav\", \"start_s\": 0.0123 } ]"
#define IMPULSE_FRAME 590 /* 0.0123 s, rounded */

/* Everything but one frame is silence, and that frame is as loud as all ways together. */
static void assert_one_impulse(const char *path, uint64_t frame, double expected)
{
    fixture_audio audio = fixture_read(path);
    for (uint64_t i = 0; i < audio.frames; i++)
        for (uint32_t c = 0; c < audio.channels && c < 2; c++) {
            double value = audio.samples[i * audio.channels + c], should = i == frame ? expected : 0.0;
            if (!(fabs(value - should) <= 2e-6))
                fail_msg("%s, channel %u, frame %llu: %.9f, should be %.9f", path, c, (unsigned long long)i, value,
                         should);
        }
    free(audio.samples);
}

/* Ways: straight; 5 ms; 5 + 2 ms by a bus; 1 + 7.3 ms by a send; 13 ms. Each centred: -3 dB a mono way on each side. */
static const char ways[] =
    HEAD "\"length_s\": 0.2, \"tracks\": ["
    "{ \"name\": \"Straight\", " IMPULSE " },"
    "{ \"name\": \"Late\", " IMPULSE ", \"inserts\": [ " LATE(5) " ] },"
    "{ \"name\": \"Later\", " IMPULSE ", \"inserts\": [ " LATE(5) " ], \"output\": \"Group\" },"
    "{ \"name\": \"Both\", " IMPULSE ", \"inserts\": [ " LATE(1) " ], \"sends\": [ { \"to\": \"Aux\" } ] },"
    "{ \"name\": \"Latest\", " IMPULSE ", \"inserts\": [ " LATE(6) ", " LATE(7) " ] } ],"
    "\"buses\": ["
    "{ \"name\": \"Group\", \"channels\": 2, \"inserts\": [ " LATE(2) " ] },"
    "{ \"name\": \"Aux\", \"channels\": 1, \"inserts\": [ " LATE(7.3) " ] } ],"
    "\"deliverables\": [ { \"file\": \"out.wav\", \"layout\": \"stereo\", \"bit_depth\": 32 },"
    "{ \"file\": \"late.wav\", \"layout\": \"stereo\", \"bit_depth\": 32, \"inserts\": [ " LATE(3.7) " ] },"
    "{ \"file\": \"wide.wav\", \"layout\": \"7.1.4\", \"bit_depth\": 32 } ] }";

static void test_parallel_ways_meet(void **state)
{
    fixture *f = *state;
    static const uint32_t blocks[] = {1024, 16384};
    for (size_t i = 0; i < 2; i++) {
        const mxd_render_options options = {.backend = MXD_BACKEND_CPU, .block_frames = blocks[i]};
        fixture_audio out = fixture_output(f, ways, &options);
        free(out.samples);
        const double expected = 6.0 * sqrt(0.5); /* four tracks, the bus, the send's return */
        assert_one_impulse(fixture_path(f, "out.wav"), IMPULSE_FRAME, expected);
        assert_one_impulse(fixture_path(f, "late.wav"), IMPULSE_FRAME, expected);
        assert_one_impulse(fixture_path(f, "wide.wav"), IMPULSE_FRAME, expected);
    }
}

static void test_a_slice_and_stems(void **state)
{
    fixture *f = *state;
    const mxd_render_options options = {.backend = MXD_BACKEND_CPU, .block_frames = 1024, .from_s = 0.012, .to_s = 0.05,
                                        .stems = true};
    fixture_audio out = fixture_output(f, ways, &options);
    assert_int_equal(out.frames, 1824);
    free(out.samples);
    assert_one_impulse(fixture_path(f, "out.wav"), IMPULSE_FRAME - 576, 6.0 * sqrt(0.5));
    assert_one_impulse(fixture_path(f, "late.stems/01 Straight.wav"), IMPULSE_FRAME - 576, sqrt(0.5));
    assert_one_impulse(fixture_path(f, "out.stems/04 Latest.wav"), IMPULSE_FRAME - 576, sqrt(0.5));
}

/* Stems stand before their deliverable's inserts, whose look-ahead must not bring them forward. */
static void test_stems_of_a_late_deliverable(void **state)
{
    fixture *f = *state;
    const mxd_render_options options = {.backend = MXD_BACKEND_CPU, .stems = true};
    fixture_audio out = fixture_output(
        f,
        HEAD "\"length_s\": 0.1, \"tracks\": [ { \"name\": \"T\", " IMPULSE " } ], \"deliverables\": ["
             "{ \"file\": \"out.wav\", \"layout\": \"stereo\", \"bit_depth\": 32, \"inserts\": [ " LATE(3.7) " ] } ] }",
        &options);
    free(out.samples);
    assert_one_impulse(fixture_path(f, "out.wav"), IMPULSE_FRAME, sqrt(0.5));
    assert_one_impulse(fixture_path(f, "out.stems/01 T.wav"), IMPULSE_FRAME, sqrt(0.5));
}

/* What enters a bus's delay long before the slice begins waits behind it once more, for the other track. */
static void test_a_slice_knows_what_waits(void **state)
{
    fixture *f = *state;
    const mxd_render_options options = {.backend = MXD_BACKEND_CPU, .block_frames = 1024, .from_s = 0.5};
    fixture_audio out = fixture_output(
        f,
        HEAD "\"length_s\": 0.6, \"tracks\": [ { \"name\": \"T\", " IMPULSE ", \"output\": \"Late\" },"
             "{ \"name\": \"Ahead\", \"clips\": [ { \"file\": \"impulse.wav\", \"mute\": true } ],"
             "\"inserts\": [ { \"type\": \"eq\","
             "\"phase\": \"linear\", \"fir_length\": 8191, \"bands\": [ { \"type\": \"bell\", \"frequency_hz\": 1000,"
             "\"gain_db\": 3 } ] } ] } ],"
             "\"buses\": [ { \"name\": \"Late\", \"channels\": 1, \"delay_ms\": 500 } ], " STEREO_OUT,
        &options);
    free(out.samples);
    assert_one_impulse(fixture_path(f, "out.wav"), IMPULSE_FRAME, sqrt(0.5));
}

/* An object that moves and a level that does, behind a latency that no grid divides. */
static void test_blocks_do_not_matter_to_what_moves(void **state)
{
    fixture *f = *state;
    static const char json[] =
        HEAD "\"length_s\": 1, \"tracks\": ["
             "{ \"name\": \"Object\", " NOISE ", \"inserts\": [ " LATE(1.27) " ],"
             "\"place\": { \"object\": { \"positions\": ["
             "{ \"time_s\": 0.01, \"azimuth_deg\": 90, \"elevation_deg\": 0 },"
             "{ \"time_s\": 0.5, \"azimuth_deg\": -90, \"elevation_deg\": 30 } ] } } },"
             "{ \"name\": \"Level\", " NOISE ", \"automation\": [ { \"parameter\": \"fader_db\", \"curve\": \"bezier\","
             "\"points\": [ [0, -60], [0.3, 0, \"hold\"], [0.4, -20], [0.9, 0] ] } ] } ], " STEREO_OUT;
    const mxd_render_options small = {.backend = MXD_BACKEND_CPU, .block_frames = 1024};
    const mxd_render_options large = {.backend = MXD_BACKEND_CPU, .block_frames = 65536};
    fixture_audio a = fixture_output(f, json, &small), b = fixture_output(f, json, &large);
    assert_nulls(&a, &b, -130, "blocks of 2^10 and 2^16");
    free(a.samples);
    free(b.samples);
}

/* The bus is 9 ms late where its fader jumps: the jump is heard at its own frame, on the clips that play there. */
static void test_automation_keeps_time(void **state)
{
    fixture *f = *state;
    fixture_audio out = fixture_output(
        f,
        HEAD "\"length_s\": 0.5, \"tracks\": [ { \"name\": \"T\", " ONES ", \"inserts\": [ " LATE(4) " ],"
             "\"output\": \"B\", \"automation\": [ { \"parameter\": \"fader_db\", \"curve\": \"hold\","
             "\"points\": [ [0, 0], [0.3, -6] ] } ] } ],"
             "\"buses\": [ { \"name\": \"B\", \"channels\": 1, \"place\": { \"pan\": -1 }, \"inserts\": [ " LATE(5) ","
             "{ \"type\": \"gain\", \"automation\": [ { \"parameter\": \"gain_db\", \"curve\": \"hold\","
             "\"points\": [ [0, -20], [0.1, 0] ] } ] } ], \"automation\": [ { \"parameter\": \"fader_db\","
             "\"curve\": \"hold\", \"points\": [ [0, 0], [0.2, -12] ] } ] } ], " STEREO_OUT, NULL);
    assert_sample(&out, 0, 0, db(-20));
    assert_sample(&out, 0, 4799, db(-20));
    assert_sample(&out, 0, 4800, 1.0);
    assert_sample(&out, 0, 9599, 1.0);
    assert_sample(&out, 0, 9600, db(-12));
    assert_sample(&out, 0, 14399, db(-12));
    assert_sample(&out, 0, 14400, db(-18));
    assert_sample(&out, 0, 23999, db(-18));
    free(out.samples);
}

/* A key of full scale from 0.25 s on ducks the pad by 20 dB from that very frame on, whoever of the two is late. */
static void check_ducking(fixture *f, const char *key_inserts, const char *pad_inserts, const char *pad_output)
{
    char json[4096];
    snprintf(json, sizeof json,
             HEAD "\"length_s\": 0.5, \"tracks\": ["
                  "{ \"name\": \"Pad\", " ONES ", \"place\": { \"pan\": -1 }, \"inserts\": [ %s"
                  "{ \"type\": \"compressor\", \"threshold_db\": -20, \"ratio\": 100, \"knee_db\": 0, \"attack_ms\": 0,"
                  "\"release_ms\": 50, \"side_chain\": { \"from\": \"Key\", \"tap\": \"pre-fader\" } } ] %s },"
                  "{ \"name\": \"Key\", \"clips\": [ { \"file\": \"ones.wav\", \"start_s\": 0.25 } ], \"mute\": true,"
                  "\"inserts\": [ %s ] } ], \"buses\": [ { \"name\": \"Bus\", \"channels\": 1, \"place\":"
                  "{ \"pan\": -1 }, \"inserts\": [ " LATE(3) " ] } ], " STEREO_OUT,
             pad_inserts, pad_output, key_inserts);
    fixture_audio out = fixture_output(f, json, NULL);
    assert_sample(&out, 0, 0, 1.0);
    assert_sample(&out, 0, 11999, 1.0);
    for (uint64_t i = 12000; i < out.frames; i++) /* a ratio of 100 stands for infinity */
        if (!(fabs(out.samples[2 * i] - db(-20)) < 3e-4))
            fail_msg("frame %llu: %.6f", (unsigned long long)i, (double)out.samples[2 * i]);
    free(out.samples);
}

static void test_side_chain_keeps_time(void **state)
{
    fixture *f = *state;
    check_ducking(f, "", "", "");
    check_ducking(f, LATE(5), "", "");
    check_ducking(f, "", LATE(5) ", ", "");
    check_ducking(f, LATE(2.5), LATE(5) ", ", ", \"output\": \"Bus\"");
    check_ducking(f, LATE(9), LATE(5) ", ", ", \"output\": \"Bus\"");
}

/* A key that comes from a bus, is silent for long, and belongs to a track that is silent where the key is not. */
static void test_blocks_do_not_matter_to_keys(void **state)
{
    fixture *f = *state;
    static const char json[] =
        HEAD "\"tracks\": ["
             "{ \"name\": \"Pad\", \"clips\": [ { \"file\": \"noise.wav\", \"length_s\": 0.2 }, { \"file\": \"noise.wav\","
             "\"start_s\": 0.9, \"length_s\": 0.5 } ], \"inserts\": [ { \"type\": \"compressor\", \"threshold_db\": -30,"
             "\"ratio\": 8, \"attack_ms\": 20, \"release_ms\": 300, \"lookahead_ms\": 2, \"side_chain\": { \"from\":"
             "\"Drums\" } } ] },"
             "{ \"name\": \"Kick\", \"clips\": [ { \"file\": \"noise.wav\", \"start_s\": 0.5, \"length_s\": 0.3 } ],"
             "\"output\": \"Drums\" } ],"
             "\"buses\": [ { \"name\": \"Drums\", \"channels\": 2, \"inserts\": [ " LATE(6) " ] } ], " STEREO_OUT;
    const mxd_render_options small = {.backend = MXD_BACKEND_CPU, .block_frames = 1024};
    const mxd_render_options large = {.backend = MXD_BACKEND_CPU, .block_frames = 65536};
    const mxd_render_options vulkan = {.backend = MXD_BACKEND_VULKAN, .block_frames = 4096};
    fixture_audio a = fixture_output(f, json, &small), b = fixture_output(f, json, &large);
    assert_nulls(&a, &b, -130, "blocks of 2^10 and 2^16");
    fixture_audio c = fixture_output(f, json, &vulkan);
    assert_nulls(&a, &c, -110, "cpu and vulkan");
    free(a.samples);
    free(b.samples);
    free(c.samples);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_parallel_ways_meet, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_a_slice_and_stems, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_stems_of_a_late_deliverable, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_a_slice_knows_what_waits, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_blocks_do_not_matter_to_what_moves, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_automation_keeps_time, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_side_chain_keeps_time, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_blocks_do_not_matter_to_keys, render_set_up, fixture_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
