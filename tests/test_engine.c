/*
 * The block loop from outside: what must not depend on blocks, ranges, silence
 * or the number of tracks, and what happens where a render fails half-way.
 */
#include "render_fixture.h"
#include "host/render/engine.h"
#include "host/render/resident.h"
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
#include <unistd.h>

static double sample(const fixture_audio *audio, uint32_t channel, uint64_t frame)
{
    return audio->samples[frame * audio->channels + channel];
}

static mxd_session *load(fixture *f, const char *json)
{
    mxd_session *session = NULL;
    fixture_text(f, "session.json", json);
    assert_int_equal(mxd_session_load(fixture_path(f, "session.json"), f->problems, &session), MXD_OK);
    return session;
}

/* ---- Paths ---- */

/* A track straight to the scene, through one bus, and through two: one value a frame, no path earlier than another. */
static void test_parallel_paths_meet(void **state)
{
    static const char *files[] = {"ones.wav", "impulse.wav"};
    for (int i = 0; i < 2; i++) {
        char json[1024];
        snprintf(json, sizeof json, HEAD "\"tracks\": [ { \"name\": \"A\", \"clips\": [ { \"file\": \"%s\", \"start_s\": "
            "0.021 } ], \"fader_db\": -6, \"place\": { \"pan\": -1 }, \"sends\": [ { \"to\": \"One\", \"gain_db\": -3 }, "
            "{ \"to\": \"Two\", \"gain_db\": -9, \"tap\": \"pre-fader\" } ] } ], \"buses\": [ { \"name\": \"One\", "
            "\"channels\": 1, \"place\": { \"pan\": -1 } }, { \"name\": \"Two\", \"channels\": 1, \"output\": \"One\" } ], "
            STEREO_OUT, files[i]);
        fixture_audio out = fixture_output(*state, json, &(mxd_render_options){.backend = MXD_BACKEND_CPU,
                                                                               .block_frames = 1024});
        double sum = db(-6) + db(-6) * db(-3) + db(-9);
        assert_sample(&out, 0, 1007, 0.0);
        assert_sample(&out, 0, 1008, sum);
        assert_sample(&out, 0, 1009, i == 0 ? sum : 0.0);
        assert_sample(&out, 0, 1024, i == 0 ? sum : 0.0); /* the next block */
        assert_sample(&out, 1, 1008, 0.0);
        free(out.samples);
    }
}

/* A bus that sends to a bus that sends to a bus; the send between them jumps and moves. */
static void test_automated_send_of_a_bus(void **state)
{
    fixture_audio out = fixture_output(*state, HEAD "\"tracks\": [ { \"name\": \"A\", " ONES ", \"output\": \"A1\" } ], "
        "\"buses\": [ { \"name\": \"C1\", \"channels\": 1, \"place\": { \"pan\": 1 } }, "
        "{ \"name\": \"A1\", \"channels\": 1, \"place\": { \"pan\": -1 }, \"sends\": [ { \"to\": \"B1\" } ], \"automation\": [ "
        "{ \"parameter\": \"send_gain_db\", \"to\": \"B1\", \"curve\": \"hold\", \"points\": [ [0, null], [0.25, -6] ] } ] }, "
        "{ \"name\": \"B1\", \"channels\": 1, \"mute\": true, \"sends\": [ { \"to\": \"C1\", \"tap\": \"pre-fader\" } ], "
        "\"automation\": [ { \"parameter\": \"send_gain_db\", \"to\": \"C1\", \"points\": [ [0, -12], [0.64, 0] ] } ] } ], "
        STEREO_OUT, NULL);
    assert_sample(&out, 0, 100, 1.0 + 0.0);
    assert_sample(&out, 1, 11999, 0.0);
    for (uint64_t frame = 12032; frame < 30720; frame += 640) /* the grid of 64 on which levels move */
        assert_sample(&out, 1, frame, db(-6) * db(-12.0 + 12.0 * (double)frame / 30720.0));
    double level = 20.0 * log10(sample(&out, 1, 12000)) + 6.0 + 12.0 - 12.0 * 12000.0 / 30720.0;
    if (!(fabs(level) <= 0.01)) /* between grid points: a chord */
        fail_msg("at the jump %.4f dB off", level);
    assert_sample(&out, 1, 47999, db(-6));
    free(out.samples);
}

/* ---- Blocks ---- */

/* Clips that begin and end on, before and after the border of a block of 1024 frames. */
static void test_clips_at_block_borders(void **state)
{
    static const struct { uint32_t start, length; } spans[] = {
        {1024, 1024}, {1023, 1}, {1024, 1}, {2047, 2}, {0, 1024}, {1, 1023}, {1024, 3072}, {4095, 1}, {2048, 1},
    };
    for (size_t i = 0; i < sizeof spans / sizeof spans[0]; i++) {
        char json[1024];
        snprintf(json, sizeof json, HEAD "\"length_s\": 0.125, \"tracks\": [ { \"name\": \"A\", \"clips\": [ { \"file\": "
            "\"ones.wav\", \"start_s\": %.9f, \"length_s\": %.9f } ], \"place\": { \"pan\": -1 } } ], " STEREO_OUT,
            spans[i].start / 48000.0, spans[i].length / 48000.0);
        fixture_audio out = fixture_output(*state, json, &(mxd_render_options){.backend = MXD_BACKEND_CPU,
                                                                               .block_frames = 1024});
        assert_int_equal(out.frames, 6000);
        for (uint64_t frame = 0; frame < 6000; frame++) {
            bool sounds = frame >= spans[i].start && frame < spans[i].start + spans[i].length;
            if (sample(&out, 0, frame) != (sounds ? 1.0 : 0.0))
                fail_msg("clip of %u frames at %u: %.9f at frame %u", spans[i].length, spans[i].start,
                         sample(&out, 0, frame), (unsigned)frame);
        }
        free(out.samples);
    }
}

/* A strip falls silent for many blocks and comes back: within the reverb's tail of 0.5 s, and after it. */
static void test_silence_and_return(void **state)
{
    static const double returns_s[] = {0.3, 0.62, 0.7, 1.9};
    for (int i = 0; i < 4; i++) {
        char json[1500], what[64];
        snprintf(json, sizeof json, HEAD "\"length_s\": 3, \"tracks\": [ { \"name\": \"A\", \"clips\": [ { \"file\": "
            "\"noise.wav\", \"length_s\": 0.1 }, { \"file\": \"noise.wav\", \"start_s\": %g, \"offset_s\": 0.5, "
            "\"length_s\": 0.1 } ], \"inserts\": [ { \"type\": \"convolver\", \"impulse_response\": { \"decay_s\": 0.5 }, "
            "\"dry_db\": -3 }, { \"type\": \"eq\", \"bands\": [ { \"type\": \"bell\", \"frequency_hz\": 200, \"gain_db\": 12, "
            "\"q\": 4 } ] } ], \"sends\": [ { \"to\": \"Hall\", \"gain_db\": -6 } ] } ], \"buses\": [ { \"name\": \"Hall\", "
            "\"channels\": 2, \"inserts\": [ { \"type\": \"convolver\", \"impulse_response\": { \"decay_s\": 0.2, \"seed\": 5 } "
            "} ] } ], " STEREO_OUT, returns_s[i]);
        mxd_render_options options = {.backend = MXD_BACKEND_REFERENCE, .block_frames = 1u << 18};
        fixture_audio whole = fixture_output(*state, json, &options);
        options.block_frames = 1u << 10;
        fixture_audio cut = fixture_output(*state, json, &options);
        snprintf(what, sizeof what, "return at %g s", returns_s[i]);
        assert_nulls(&whole, &cut, -130.0, what);
        free(whole.samples);
        free(cut.samples);
    }
}

/* 60 Hz, full scale. */
static float low_tone(uint32_t channel, uint64_t frame)
{
    (void)channel;
    return (float)sin(8.0 * atan(1.0) * 60.0 * (double)frame / 48000.0);
}

/*
 * A resonance driven at its own frequency, and then silence: where blocks end must not show in where its tail is left
 * alone. In double precision, so that rounding hides nothing: -197 dBFS, and -154 where a chain sleeps as soon as its
 * tail is over.
 */
static void test_ringing_is_not_cut_by_blocks(void **state)
{
    static const char json[] = HEAD "\"length_s\": 12, \"tracks\": [ { \"name\": \"A\", \"clips\": [ { \"file\": "
        "\"low.wav\" } ], \"inserts\": [ { \"type\": \"eq\", \"bands\": [ { "
        "\"type\": \"bell\", \"frequency_hz\": 60, \"gain_db\": 20, \"q\": 20 } ] } ] } ], " STEREO_OUT;
    mxd_render_options options = {.backend = MXD_BACKEND_REFERENCE, .block_frames = 1u << 20};
    fixture_wav(*state, "low.wav", 48000, 1, 72000, low_tone);
    fixture_audio whole = fixture_output(*state, json, &options);
    options.block_frames = 1u << 10;
    fixture_audio cut = fixture_output(*state, json, &options);
    assert_nulls(&whole, &cut, -170.0, "blocks of 2^10 against 2^20");
    free(whole.samples);
    free(cut.samples);
}

/* --to in the midst of motion: what is written is the whole render's beginning, to the last frame. */
static void test_end_within_a_motion(void **state)
{
    static const char json[] = HEAD "\"tracks\": [ { \"name\": \"A\", " ONES ", \"automation\": [ { \"parameter\": \"fader_db\", "
        "\"points\": [ [0, -60], [0.05, 0], [0.1, -60], [0.9, 0] ] }, { \"parameter\": \"pan\", \"points\": [ [0, -1], [0.2, 1] ] } ] }, "
        "{ \"name\": \"B\", " ONES ", \"place\": { \"object\": { \"positions\": [ { \"time_s\": 0, \"azimuth_deg\": 0 }, "
        "{ \"time_s\": 0.1, \"azimuth_deg\": 180 }, { \"time_s\": 0.2, \"azimuth_deg\": 30 } ] } } } ], "
        "\"deliverables\": [ { \"file\": \"out.wav\", \"layout\": \"5.1\", \"bit_depth\": 32 } ] }";
    fixture_audio whole = fixture_output(*state, json, NULL);
    static const uint32_t ends[] = {1, 63, 127, 1023, 1025, 2399, 2401, 4797, 5000, 9599};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        char what[64];
        mxd_render_options options = {.backend = MXD_BACKEND_CPU, .to_s = ends[i] / 48000.0, .block_frames = 1024};
        fixture_audio part = fixture_output(*state, json, &options);
        fixture_audio expected = {whole.samples, whole.channels, ends[i]};
        snprintf(what, sizeof what, "--to frame %u", ends[i]);
        assert_nulls(&expected, &part, -130.0, what);
        free(part.samples);
    }
    free(whole.samples);
}

/* ---- Widths and rates ---- */

static void test_shared_layout_with_and_without_inserts(void **state)
{
    fixture *f = *state;
    static const char json[] = HEAD "\"tracks\": [ { \"name\": \"A\", " NOISE ", \"place\": { \"pan\": 0.3 } } ], "
        "\"deliverables\": [ { \"file\": \"plain.wav\", \"layout\": \"stereo\", \"bit_depth\": 32 }, "
        "{ \"file\": \"out.wav\", \"layout\": \"stereo\", \"bit_depth\": 32, \"inserts\": [ { \"type\": \"eq\", \"bands\": [ "
        "{ \"type\": \"high-pass\", \"frequency_hz\": 5000 } ] } ] }, "
        "{ \"file\": \"again.wav\", \"layout\": \"0+2+0\", \"bit_depth\": 32 } ] }";
    fixture_audio filtered = fixture_output(f, json, NULL);
    fixture_audio plain = fixture_read(fixture_path(f, "plain.wav")), again = fixture_read(fixture_path(f, "again.wav"));
    assert_true(fixture_difference(&plain, &again) == 0.0);
    for (uint64_t frame = 0; frame < 48000; frame += 997)
        assert_sample(&plain, 0, frame, cos(1.3 * atan(1.0)) * fixture_noise(0, frame));
    double energy = 0.0, left = 0.0;
    for (uint64_t frame = 0; frame < 48000; frame++) {
        energy += sample(&plain, 0, frame) * sample(&plain, 0, frame);
        left += sample(&filtered, 0, frame) * sample(&filtered, 0, frame);
    }
    assert_true(left > 0.5 * energy && left < 0.9 * energy); /* white noise loses about 5 of 24 kHz, no more */
    free(filtered.samples);
    free(plain.samples);
    free(again.samples);
}

/* 300 tracks into 22.2: some at rest, some moving, every fifth with an equaliser that does nothing. */
static void test_many_tracks_to_many_loudspeakers(void **state)
{
    enum { TRACKS = 300, FRAMES = 3000 };
    fixture *f = *state;
    char *json = malloc(TRACKS * 400 + 1000);
    assert_non_null(json);
    size_t length = (size_t)sprintf(json, HEAD "\"length_s\": %.6f, \"tracks\": [", (double)FRAMES / 48000);
    for (int i = 0; i < TRACKS; i++)
        length += (size_t)sprintf(json + length, "%s{ \"name\": \"T%d\", " ONES ", \"fader_db\": -40, %s\"place\": { "
            "\"object\": { \"positions\": [ { \"time_s\": 0, \"azimuth_deg\": %d, \"elevation_deg\": %d }%s ] } } }",
            i ? ", " : "", i, i % 5 ? "" : "\"inserts\": [ { \"type\": \"eq\", \"bands\": [ { \"type\": \"bell\", "
            "\"frequency_hz\": 1000, \"gain_db\": 0, \"q\": 1 } ] } ], ", i * 7 % 360 - 180, i % 60,
            i % 2 ? ", { \"time_s\": 1, \"azimuth_deg\": 0, \"elevation_deg\": 10 }" : "");
    strcpy(json + length, "], \"deliverables\": [ { \"file\": \"out.wav\", \"layout\": \"22.2\", \"bit_depth\": 32 } ] }");
    fixture_audio out = fixture_output(f, json, &(mxd_render_options){.backend = MXD_BACKEND_CPU, .block_frames = 1024});
    free(json);
    mxd_panner *panner;
    assert_int_equal(mxd_panner_create(mxd_layout_find("22.2"), NULL, NULL, &panner), MXD_OK);
    assert_int_equal(out.channels, 24);
    assert_int_equal(out.frames, FRAMES);
    for (uint64_t frame = 0; frame < FRAMES; frame += 512) { /* the grid on which objects move */
        double expected[24] = {0}, gains[MXD_MAX_LAYOUT_CHANNELS], part = (double)frame / 48000.0;
        for (int i = 0; i < TRACKS; i++) {
            double azimuth = i * 7 % 360 - 180, elevation = i % 60;
            double moved = i % 2 ? part : 0.0;
            mxd_panner_gains(panner, azimuth * (1.0 - moved), elevation + (10.0 - elevation) * moved, gains);
            for (int c = 0; c < 24; c++)
                expected[c] += db(-40) * gains[c];
        }
        for (uint32_t c = 0; c < 24; c++)
            assert_sample(&out, c, frame, expected[c]);
    }
    mxd_panner_destroy(panner);
    free(out.samples);
}

static double tone_rate;
static float tone(uint32_t channel, uint64_t frame)
{
    return (float)(0.5 * sin(2.0 * 3.14159265358979323846 * (500.0 + 250.0 * channel) * (double)frame / tone_rate));
}

/* The same tones from files of three rates, in sessions of two: they cancel where one is turned round by its place. */
static void test_mixed_rates(void **state)
{
    fixture *f = *state;
    static const uint32_t session_rates[] = {44100, 96000}, file_rates[] = {44100, 48000, 96000};
    for (int i = 0; i < 3; i++) {
        char name[32];
        tone_rate = file_rates[i];
        snprintf(name, sizeof name, "tone%d.wav", i);
        fixture_wav(f, name, file_rates[i], 2, file_rates[i], tone);
    }
    for (int i = 0; i < 2; i++) {
        char json[1500];
        uint32_t rate = session_rates[i];
        snprintf(json, sizeof json, "{ \"mixdown\": 1, \"sample_rate\": %u, \"tracks\": [ "
            "{ \"name\": \"A\", \"clips\": [ { \"file\": \"tone0.wav\", \"channel\": 0 } ], \"place\": { \"pan\": -1 } }, "
            "{ \"name\": \"B\", \"clips\": [ { \"file\": \"tone1.wav\", \"channel\": 0 } ], \"place\": { \"pan\": -1 } }, "
            "{ \"name\": \"C\", \"clips\": [ { \"file\": \"tone2.wav\", \"channel\": 1 } ], \"place\": { \"pan\": 1 } } ], "
            STEREO_OUT, rate);
        fixture_audio out = fixture_output(f, json, &(mxd_render_options){.backend = MXD_BACKEND_CPU,
                                                                          .block_frames = 1024});
        assert_int_equal(out.frames, rate);
        /* Away from the files' ends, where the filter meets silence; libsoxr's very-high quality is good to -120 dB. */
        tone_rate = rate;
        for (uint64_t frame = rate / 10; frame < rate * 9 / 10; frame++)
            for (uint32_t c = 0; c < 2; c++) {
                double expected = (c == 0 ? 2.0 : 1.0) * tone(c, frame), value = sample(&out, c, frame);
                if (!(fabs(value - expected) <= 4e-6))
                    fail_msg("%u Hz, channel %u, frame %u: %.9f, expected %.9f", rate, c, (unsigned)frame, value, expected);
            }
        free(out.samples);
    }
}

/* ---- Failures ---- */

static const char plain[] = HEAD "\"tracks\": [ { \"name\": \"A\", " ONES " }, { \"name\": \"B\", " NOISE " } ], " STEREO_OUT;

static bool told(const fixture *f, const char *text)
{
    for (size_t i = 0; i < mxd_problems_count(f->problems); i++)
        if (strstr(mxd_problems_get(f->problems, i)->text, text))
            return true;
    return false;
}

/* What a backend has to say while it runs reaches the caller, long after it was made. */
static void test_backend_problems_reach_the_caller(void **state)
{
    fixture *f = *state;
    mxd_session *session = load(f, plain);
    mxd_engine *engine;
    assert_int_equal(mxd_engine_create(session, &(mxd_render_options){.backend = MXD_BACKEND_CPU}, f->problems, &engine),
                     MXD_OK);
    mxd_backend *backend = (mxd_backend *)mxd_engine_backend(engine);
    assert_int_equal(mxd_backend_wait(backend, 12345), MXD_ERROR_ARGUMENT);
    mxd_engine_destroy(engine);
    assert_true(told(f, "12345"));
    mxd_session_destroy(session);
}

/* What `check` foretells of open files: WAV files and resampling tell, and clips that follow each other count once. */
static void test_memory_of_readers(void **state)
{
    (void)state;
    mxd_clip clips[2] = {{.file = "a.flac", .file_channels = 2, .file_rate = 48000, .num_frames = 100},
                         {.file = "a.WAV", .file_channels = 2, .file_rate = 48000, .num_frames = 100}};
    mxd_track track = {.clips = clips, .num_clips = 2};
    const mxd_session session = {.sample_rate = 48000, .tracks = &track, .num_tracks = 1};
    uint64_t one = mxd_resident_readers(&session);
    assert_true(one >= 100000);
    clips[1].file = "b.flac";
    assert_int_equal(mxd_resident_readers(&session), 2 * one);
    clips[1].start_frame = 100;
    assert_int_equal(mxd_resident_readers(&session), one);
    clips[0].file = clips[1].file = "c.wav";
    assert_int_equal(mxd_resident_readers(&session), 0);
    clips[0].file_rate = 44100;
    assert_true(mxd_resident_readers(&session) > 1000000);
    clips[0].file_rate = 48000;
    clips[0].span_frames = 60000; /* held in memory */
    clips[0].loop = (mxd_loop){.on = true, .crossfade_frames = 480};
    assert_int_equal(mxd_resident_readers(&session), 60480 * 2 * sizeof(float));
    clips[0].span_frames = 66000; /* too long for that */
    assert_int_equal(mxd_resident_readers(&session), 0);
}

static void test_file_that_vanishes(void **state)
{
    fixture *f = *state;
    for (uint32_t i = 0; i < 4; i++) {
        const mxd_render_options options = {.backend = MXD_BACKEND_CPU, .num_threads = i / 2}; /* with a decoder or without */
        const bool gone = i % 2 == 1;
        mxd_session *session = load(f, plain);
        if (gone)
            unlink(fixture_path(f, "noise.wav"));
        else
            fixture_wav(f, "noise.wav", 44100, 1, 4410, fixture_noise); /* another one in its place */
        assert_int_equal(mxd_render(session, &options, f->problems, NULL), MXD_ERROR_FILE);
        assert_int_not_equal(access(fixture_path(f, "out.wav"), F_OK), 0);
        mxd_session_destroy(session);
        fixture_wav(f, "noise.wav", 48000, 1, 48000, fixture_noise);
    }
}

/* user: how many times progress was told. */
static void count_calls(void *user, const mxd_progress *progress)
{
    (void)progress;
    ++*(uint32_t *)user;
}

static bool stop_at_third_call(void *user)
{
    return *(uint32_t *)user == 3;
}

static void test_cancel_half_way(void **state)
{
    fixture *f = *state;
    for (uint32_t num_threads = 0; num_threads < 3; num_threads++) {
        uint32_t calls = 0;
        mxd_render_options options = {.backend = MXD_BACKEND_CPU, .block_frames = 1024, .num_threads = num_threads,
                                      .on_progress = count_calls, .is_cancelled = stop_at_third_call, .user = &calls};
        assert_int_equal(fixture_render(f, plain, &options), MXD_ERROR_CANCELLED);
        assert_int_equal(calls, 3);
        assert_int_not_equal(access(fixture_path(f, "out.wav"), F_OK), 0);
    }
}

/* A folder that is not there is told before the work, not after it. */
static void test_unwritable_report(void **state)
{
    fixture *f = *state;
    uint32_t calls = 0;
    char report[512];
    snprintf(report, sizeof report, "%s", fixture_path(f, "no/such/folder/report.json"));
    mxd_render_options options = {.backend = MXD_BACKEND_CPU, .block_frames = 1024, .on_progress = count_calls,
                                  .user = &calls, .report = report};
    assert_int_equal(fixture_render(f, plain, &options), MXD_ERROR_WRITE);
    assert_int_equal(calls, 0);
    assert_true(told(f, "no such folder"));
    assert_int_not_equal(access(fixture_path(f, "out.wav"), F_OK), 0);
}

/* --output-dir and --report must not lead into the session's own files. */
static void test_inputs_are_not_overwritten(void **state)
{
    fixture *f = *state;
    static const char json[] = HEAD "\"tracks\": [ { \"name\": \"A\", " ONES " } ], \"deliverables\": [ "
        "{ \"file\": \"mixes/ones.wav\", \"layout\": \"stereo\", \"bit_depth\": 32 } ] }";
    char folder[256], report[512];
    snprintf(folder, sizeof folder, "%s", f->folder);
    mxd_render_options options = {.backend = MXD_BACKEND_CPU, .output_dir = folder};
    assert_int_equal(fixture_render(f, json, &options), MXD_ERROR_ARGUMENT);
    assert_true(told(f, "the track \"A\" plays"));
    fixture_audio ones = fixture_read(fixture_path(f, "ones.wav"));
    assert_int_equal(ones.channels, 1);
    free(ones.samples);
    snprintf(report, sizeof report, "%s", fixture_path(f, "session.json"));
    options = (mxd_render_options){.backend = MXD_BACKEND_CPU, .report = report};
    assert_int_equal(fixture_render(f, plain, &options), MXD_ERROR_ARGUMENT);
    assert_true(told(f, "the session file"));
}

static void test_options_out_of_range(void **state)
{
    fixture *f = *state;
    mxd_render_options options = {.backend = MXD_BACKEND_CPU, .block_frames = 1000};
    assert_int_equal(fixture_render(f, plain, &options), MXD_ERROR_ARGUMENT);
    options = (mxd_render_options){.backend = MXD_BACKEND_CPU, .from_s = HUGE_VAL};
    assert_int_equal(fixture_render(f, plain, &options), MXD_ERROR_INVALID);
    options = (mxd_render_options){.device = 200, .device_given = true}; /* named: no other will do */
    assert_int_equal(fixture_render(f, plain, &options), MXD_ERROR_DEVICE);
    assert_int_not_equal(access(fixture_path(f, "out.wav"), F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_parallel_paths_meet, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_automated_send_of_a_bus, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_clips_at_block_borders, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_silence_and_return, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_ringing_is_not_cut_by_blocks, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_end_within_a_motion, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_shared_layout_with_and_without_inserts, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_many_tracks_to_many_loudspeakers, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_mixed_rates, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_backend_problems_reach_the_caller, render_set_up, fixture_tear_down),
        cmocka_unit_test(test_memory_of_readers),
        cmocka_unit_test_setup_teardown(test_file_that_vanishes, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_cancel_half_way, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_unwritable_report, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_inputs_are_not_overwritten, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_options_out_of_range, render_set_up, fixture_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
