/* Clips against a plain model: the whole file decoded at once, and for each frame the sum over clips of sample times
 * gain times fades, in double. */
#include "audio_fixture.h"

#include "formats/audio_file.h"
#include "host/render/clip_gain.h"
#include "host/render/clips.h"

#include <math.h>

enum { RATE = 48000, FILE_FRAMES = 30011 };

static const double pi = 3.14159265358979323846;

/* ---- Help ---------------------------------------------------------------- */

/* Files of noise: mono, stereo, six channels; and stereo at another rate. */
static int make_files(void **state)
{
    static const struct { const char *name; uint32_t num_channels, rate; } files[] = {
        {"mono.wav", 1, RATE}, {"stereo.wav", 2, RATE}, {"six.wav", 6, RATE}, {"other.wav", 2, 44100}};
    if (make_folder(state) != 0)
        return -1;
    float *samples = malloc(6 * FILE_FRAMES * sizeof *samples);
    uint64_t seed = 11;
    for (size_t i = 0; i < 4; i++) {
        for (uint32_t s = 0; s < files[i].num_channels * FILE_FRAMES; s++)
            samples[s] = 0.5f * noise(&seed);
        make_file(in_folder(files[i].name), SF_FORMAT_WAV | SF_FORMAT_FLOAT, files[i].rate, files[i].num_channels,
                  samples, FILE_FRAMES);
    }
    free(samples);
    return 0;
}

/* A clip of a whole file from frame start on. The path lives as long as the program: cmocka frees nothing early. */
static mxd_clip clip_of(const char *name, uint64_t start)
{
    static char paths[64][512];
    static unsigned num_paths;
    char *path = paths[num_paths++ % 64];
    snprintf(path, sizeof paths[0], "%s", in_folder(name));
    mxd_audio_info info;
    if (mxd_audio_probe(path, NULL, NULL, &info) != MXD_OK)
        fail_msg("%s cannot be probed", path);
    uint64_t num_frames = mxd_audio_frames_at(info.num_frames, info.sample_rate, RATE);
    return (mxd_clip){.file = path, .start_frame = start, .file_rate = info.sample_rate,
                      .file_channels = info.num_channels, .file_frames = info.num_frames,
                      .num_frames = num_frames, .span_frames = num_frames};
}

/* This channel of the file alone. */
static void pick(mxd_clip *clip, uint32_t channel)
{
    static uint32_t numbers[] = {0, 1, 2, 3, 4, 5, 6};
    clip->channels = &numbers[channel];
    clip->num_channels = 1;
}

static mxd_track track_of(mxd_clip *clips, uint32_t num_clips, uint32_t num_lanes)
{
    return (mxd_track){
        .strip = {.name = "track", .num_source_channels = num_lanes}, .clips = clips, .num_clips = num_clips};
}

/* Reads frames first.. of a track, in steps, into one planar array. */
static float *play(const mxd_track *track, uint64_t first, uint32_t num_frames, uint32_t step)
{
    mxd_problems *problems = mxd_problems_create();
    mxd_clip_player *player = NULL;
    uint32_t num_lanes = track->strip.num_source_channels;
    float *planar = malloc((size_t)num_frames * num_lanes * sizeof *planar);
    for (size_t i = 0; i < (size_t)num_frames * num_lanes; i++)
        planar[i] = NAN; /* what is left unwritten shows */
    mxd_result result = mxd_clip_player_create(track, RATE, problems, &player);
    for (uint32_t done = 0; !result && done < num_frames; done += step) {
        float *lanes[8];
        for (uint32_t lane = 0; lane < num_lanes; lane++)
            lanes[lane] = planar + (size_t)lane * num_frames + done;
        result = mxd_clip_player_read(player, first + done, num_frames - done < step ? num_frames - done : step, lanes);
    }
    expect_no_problem(problems, "play");
    assert_int_equal(result, MXD_OK);
    mxd_clip_player_destroy(player);
    mxd_problems_destroy(problems);
    return planar;
}

/* The curves, written down anew. */
static double curve(mxd_fade_curve shape, double x)
{
    switch (shape) {
    case MXD_FADE_LINEAR: return x;
    case MXD_FADE_EQUAL_POWER: return sqrt((1 - cos(pi * x)) / 2); /* half-angle form of the sine */
    case MXD_FADE_EXPONENTIAL: return (pow(1000, x) - 1) / 999;
    case MXD_FADE_LOGARITHMIC: return (1000 - pow(1000, 1 - x)) / 999;
    case MXD_FADE_S_CURVE: return pow(sin(pi * x / 2), 2);
    }
    return NAN;
}

/* What the track must be at frames first..: planar, in double. */
static double *model(const mxd_track *track, uint64_t first, uint32_t num_frames)
{
    uint32_t num_lanes = track->strip.num_source_channels;
    double *sum = calloc((size_t)num_frames * num_lanes, sizeof *sum);
    for (uint32_t c = 0; c < track->num_clips; c++) {
        const mxd_clip *clip = &track->clips[c];
        mxd_audio_info info;
        float *samples;
        assert_int_equal(mxd_audio_load(clip->file, RATE, 1 << 24, NULL, NULL, &info, &samples), MXD_OK);
        for (uint64_t i = 0; i < clip->num_frames; i++) {
            uint64_t frame = clip->start_frame + i;
            if (frame < first || frame >= first + num_frames || clip->offset_frames + i >= info.num_frames)
                continue;
            double gain = exp(clip->gain_db / 20 * log(10));
            if (i < clip->fade_in.num_frames)
                gain *= curve(clip->fade_in.curve, (double)i / (double)clip->fade_in.num_frames);
            if (clip->num_frames - i < clip->fade_out.num_frames)
                gain *= curve(clip->fade_out.curve, (double)(clip->num_frames - i) / (double)clip->fade_out.num_frames);
            for (uint32_t lane = 0; lane < num_lanes; lane++) {
                uint32_t channel = clip->channels ? clip->channels[0] : info.num_channels == 1 ? 0 : lane;
                sum[(size_t)lane * num_frames + frame - first] +=
                    gain * samples[channel * info.num_frames + clip->offset_frames + i];
            }
        }
        free(samples);
    }
    return sum;
}

/* Rounding to float of each clip and each sum, all below 2 in magnitude: an ulp of 2^-23 at most for each; resampled
 * files read from elsewhere differ by as much again. */
static void expect_model(const mxd_track *track, uint64_t first, uint32_t num_frames, uint32_t step, const char *what)
{
    float *played = play(track, first, num_frames, step);
    double *wanted = model(track, first, num_frames);
    double tolerance = 0x1p-23 * 4 * (track->num_clips + 1);
    for (uint32_t i = 0; i < num_frames * track->strip.num_source_channels; i++)
        if (!(fabs(played[i] - wanted[i]) <= tolerance))
            fail_msg("%s, from %lu by %u: lane %u frame %lu is %g, not %g", what, (unsigned long)first, step,
                     i / num_frames, (unsigned long)(first + i % num_frames), played[i], wanted[i]);
    free(played);
    free(wanted);
}

/* ---- Fades --------------------------------------------------------------- */

static void fade_curves(void **state)
{
    (void)state;
    for (int shape = MXD_FADE_LINEAR; shape <= MXD_FADE_S_CURVE; shape++) {
        double last = -1.0;
        for (int i = 0; i <= 1000; i++) {
            double x = i / 1000.0, gain = mxd_fade_gain(shape, x);
            /* A few roundings of numbers up to 1000/999 and, in the half-angle form, a root of 1 - cos: 2^-52 becomes
             * 2^-26 near 0 alone, so compare squares there. */
            if (!(fabs(gain - curve(shape, x)) <= 1e-14) && !(fabs(gain * gain - pow(curve(shape, x), 2)) <= 1e-15))
                fail_msg("curve %d at %g: %.17g, not %.17g", shape, x, gain, curve(shape, x));
            if (!(gain > last))
                fail_msg("curve %d does not rise at %g", shape, x);
            last = gain;
        }
        assert_true(mxd_fade_gain(shape, 0.0) == 0.0);
        assert_true(mxd_fade_gain(shape, 1.0) == 1.0);
        assert_true(mxd_fade_gain(shape, 7.0) == 1.0);
        assert_true(mxd_fade_gain(shape, -7.0) == 0.0);
    }
    /* The half of the way: 0.5, -3.01 dB, about -30 dB and its mirror, 0.5. */
    assert_true(fabs(mxd_fade_gain(MXD_FADE_EQUAL_POWER, 0.5) - sqrt(0.5)) <= 1e-15);
    assert_true(fabs(mxd_fade_gain(MXD_FADE_EXPONENTIAL, 0.5) - 1 / (1 + sqrt(1000))) <= 1e-15);
    assert_true(fabs(mxd_fade_gain(MXD_FADE_LOGARITHMIC, 0.5) - 1 + 1 / (1 + sqrt(1000))) <= 1e-15);
    assert_true(fabs(mxd_fade_gain(MXD_FADE_S_CURVE, 0.5) - 0.5) <= 1e-15);
}

/* Two takes of the constant 1 that overlap by both fades: linear and S keep the sum (one take, in phase with itself),
 * equal power keeps the sum of squares (takes that have nothing in common). */
static void crossfades(void **state)
{
    (void)state;
    enum { LENGTH = 10000, OVERLAP = 4801 };
    float *ones = malloc(2 * LENGTH * sizeof *ones);
    for (int i = 0; i < LENGTH; i++) {
        ones[2 * i] = 1.0f;
        ones[2 * i + 1] = 0.0f;
    }
    make_file(in_folder("left.wav"), SF_FORMAT_WAV | SF_FORMAT_FLOAT, RATE, 2, ones, LENGTH);
    for (int i = 0; i < LENGTH; i++) {
        ones[2 * i] = 0.0f;
        ones[2 * i + 1] = 1.0f;
    }
    make_file(in_folder("right.wav"), SF_FORMAT_WAV | SF_FORMAT_FLOAT, RATE, 2, ones, LENGTH);
    free(ones);
    static const mxd_fade_curve shapes[] = {MXD_FADE_LINEAR, MXD_FADE_EQUAL_POWER, MXD_FADE_S_CURVE};
    for (int s = 0; s < 3; s++) {
        mxd_clip clips[] = {clip_of("left.wav", 100), clip_of("right.wav", 100 + LENGTH - OVERLAP)};
        clips[0].fade_out = clips[1].fade_in = (mxd_fade){OVERLAP, shapes[s]};
        mxd_track track = track_of(clips, 2, 2);
        uint32_t num_frames = 2 * LENGTH - OVERLAP;
        float *out = play(&track, 100, num_frames, 1009);
        for (uint32_t i = 0; i < num_frames; i++) {
            double left = out[i], right = out[num_frames + i];
            double kept = shapes[s] == MXD_FADE_EQUAL_POWER ? left * left + right * right : left + right;
            if (!(fabs(kept - 1.0) <=
                  0x1p-22)) /* two roundings to float of at most half an ulp of 1, doubled by squares */
                fail_msg("curve %d: %.9g is kept at frame %u of the overlap", s, kept, i - (LENGTH - OVERLAP));
        }
        free(out);
    }
}

/* ---- Placing ------------------------------------------------------------- */

static void fill_session(mxd_clip clips[6])
{
    clips[0] = clip_of("stereo.wav", 20000); /* not in order of time */
    clips[0].gain_db = -6.5;
    clips[1] = clip_of("stereo.wav", 777);
    clips[1].offset_frames = 1234;
    clips[1].num_frames = 22222;
    clips[1].fade_in = (mxd_fade){5000, MXD_FADE_EQUAL_POWER};
    clips[1].fade_out = (mxd_fade){3001, MXD_FADE_EXPONENTIAL};
    clips[2] = clip_of("mono.wav", 21000);
    clips[2].num_frames = 1;
    clips[3] = clip_of("six.wav", 22000);
    pick(&clips[3], 4);
    clips[3].gain_db = 3.0;
    clips[3].fade_in = (mxd_fade){129, MXD_FADE_LOGARITHMIC};
    clips[4] = clip_of("other.wav", 60000);
    clips[4].offset_frames = 5001;
    clips[4].num_frames = 20000;
    clips[4].fade_out = (mxd_fade){20000, MXD_FADE_S_CURVE};
    clips[5] = clip_of("mono.wav", 61000);
}

static void clips_as_modelled(void **state)
{
    (void)state;
    mxd_clip clips[6];
    fill_session(clips);
    mxd_track track = track_of(clips, 6, 2);
    static const uint32_t steps[] = {100000, 16384, 127, 4097};
    for (int i = 0; i < 4; i++)
        expect_model(&track, 0, 100000, steps[i], "whole");
    /* From the middle of clips, of their fades and of silence. */
    static const uint64_t starts[] = {776, 777, 778, 3000, 20001, 21000, 22100, 55000, 60001, 70003, 95000};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        expect_model(&track, starts[i], 9001, 2048, "from the middle");
    /* A clip alone, of each kind. */
    for (uint32_t i = 0; i < 6; i++) {
        mxd_track alone = track_of(&clips[i], 1, 2);
        expect_model(&alone, 0, 100000, 10007, "alone");
    }
    /* A mono track, and one of six channels. */
    mxd_clip others[] = {clip_of("six.wav", 3), clip_of("mono.wav", 500)};
    others[1].fade_in = (mxd_fade){7001, MXD_FADE_LINEAR};
    mxd_track six = track_of(others, 2, 6), mono = track_of(others + 1, 1, 1);
    expect_model(&six, 0, 40000, 5003, "six lanes");
    expect_model(&mono, 0, 40000, 5003, "one lane");
}

static void cuts_change_no_bit(void **state)
{
    (void)state;
    mxd_clip clips[6];
    fill_session(clips);
    mxd_track track = track_of(clips, 6, 2);
    enum { NUM_FRAMES = 95003 };
    float *whole = play(&track, 0, NUM_FRAMES, NUM_FRAMES);
    static const uint32_t steps[] = {113, 128, 4096, 30001};
    for (int i = 0; i < 4; i++) {
        float *cut = play(&track, 0, NUM_FRAMES, steps[i]);
        if (memcmp(whole, cut, 2 * NUM_FRAMES * sizeof *whole) != 0)
            fail_msg("steps of %u frames differ", steps[i]);
        free(cut);
    }
    free(whole);
}

/* A lone clip at 0 dB is the file itself, bit by bit: -0, denormals and all. */
static void straight_copy(void **state)
{
    (void)state;
    float samples[2000];
    uint64_t seed = 12;
    for (int i = 0; i < 2000; i++)
        samples[i] = i % 3 ? noise(&seed) : i % 2 ? -0.0f : 0x1p-149f * (float)(i + 1);
    make_file(in_folder("exact.wav"), SF_FORMAT_WAV | SF_FORMAT_FLOAT, RATE, 1, samples, 2000);
    mxd_clip clip = clip_of("exact.wav", 50);
    mxd_track track = track_of(&clip, 1, 2);
    float *out = play(&track, 0, 2100, 333);
    const float zeros[50] = {0};
    for (int lane = 0; lane < 2; lane++) {
        assert_memory_equal(out + lane * 2100, zeros, sizeof zeros);
        assert_memory_equal(out + lane * 2100 + 50, samples, sizeof samples);
        assert_memory_equal(out + lane * 2100 + 2050, zeros, sizeof zeros);
    }
    free(out);
}

/* Reads that leave gaps, short (decoded and dropped) and long (opened anew), give what reads without gaps give. */
static void gaps_between_reads(void **state)
{
    (void)state;
    float *samples = malloc(300000 * sizeof *samples);
    uint64_t seed = 13;
    for (int i = 0; i < 300000; i++)
        samples[i] = noise(&seed);
    make_file(in_folder("long.wav"), SF_FORMAT_WAV | SF_FORMAT_FLOAT, 44100, 1, samples, 300000);
    free(samples);
    mxd_clip clips[] = {clip_of("long.wav", 10), clip_of("long.wav", 5)};
    clips[1].num_frames = 150000;
    clips[1].fade_out = (mxd_fade){150000, MXD_FADE_LINEAR};
    mxd_track track = track_of(clips, 2, 1);
    enum { NUM_FRAMES = 320000 };
    float *whole = play(&track, 0, NUM_FRAMES, 4096), part[1000];
    static const uint64_t starts[] = {0, 3000, 50000, 120000, 130000, 149500, 250000, 319000};
    mxd_clip_player *player = NULL;
    assert_int_equal(mxd_clip_player_create(&track, RATE, NULL, &player), MXD_OK);
    for (size_t s = 0; s < sizeof starts / sizeof *starts; s++) {
        float *lanes[] = {part};
        assert_int_equal(mxd_clip_player_read(player, starts[s], 1000, lanes), MXD_OK);
        for (int i = 0; i < 1000; i++)
            if (!(fabsf(part[i] - whole[starts[s] + i]) <= 0x1p-22f)) /* an ulp of 2 for each clip */
                fail_msg("after a gap, frame %lu is %g, not %g", (unsigned long)starts[s] + i, part[i],
                         whole[starts[s] + i]);
    }
    /* Back in time: refused. */
    float *lanes[] = {part};
    assert_int_equal(mxd_clip_player_read(player, 10, 1000, lanes), MXD_ERROR_ARGUMENT);
    mxd_clip_player_destroy(player);
    free(whole);
}

/* ---- Silence, files, failures -------------------------------------------- */

static void who_sounds_when(void **state)
{
    (void)state;
    mxd_clip clips[] = {clip_of("mono.wav", 1000), clip_of("mono.wav", 100)};
    clips[0].num_frames = 500;
    clips[1].gain_db = -HUGE_VAL; /* silence */
    mxd_track track = track_of(clips, 2, 1);
    static const struct { uint64_t first, count; bool sounds;
    } cases[] = {{0, 1000, false}, {0, 1001, true},
                 {999, 1, false},  {1000, 1, true},
                 {1499, 1, true},  {1500, 1, false},
                 {1200, 3, true},  {0, UINT64_C(1) << 62, true},
                 {1200, 0, false}, {1500, UINT64_C(1) << 62, false},
                 {100, 100, false}};
    mxd_clip_player *player;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(mxd_clip_player_create(&track, RATE, NULL, &player), MXD_OK);
        if (mxd_clip_player_sounds(player, cases[i].first, cases[i].count) != cases[i].sounds)
            fail_msg("%lu frames from %lu", (unsigned long)cases[i].count, (unsigned long)cases[i].first);
        mxd_clip_player_destroy(player);
    }
    mxd_track empty = track_of(NULL, 0, 3);
    assert_int_equal(mxd_clip_player_create(&empty, RATE, NULL, &player), MXD_OK);
    assert_false(mxd_clip_player_sounds(player, 0, 100));
    mxd_clip_player_destroy(player);
    float *out = play(&empty, 5, 1000, 127);
    for (int i = 0; i < 3000; i++)
        assert_true(out[i] == 0.0f);
    free(out);
    /* A clip turned down to silence never needs its file. */
    clips[1].file = (char *)"nowhere.wav";
    out = play(&track, 0, 3000, 127);
    for (int i = 0; i < 3000; i++)
        assert_true(i >= 1000 && i < 1500 ? out[i] != 0.0f : out[i] == 0.0f);
    free(out);
}

/* Forward in time, with reads where it sounds and without, against every clip looked at. */
static void who_sounds_as_time_goes(void **state)
{
    (void)state;
    enum { NUM_CLIPS = 40, STEP = 700 };
    mxd_clip clips[NUM_CLIPS];
    uint64_t seed = 6;
    for (int i = 0; i < NUM_CLIPS; i++) {
        clips[i] = clip_of("mono.wav", (uint64_t)(60000.0f * (noise(&seed) + 1.0f)));
        clips[i].num_frames = i % 7 ? 200 + 40 * (uint64_t)i : 9000;
    }
    mxd_track track = track_of(clips, NUM_CLIPS, 1);
    for (uint64_t skip = 1; skip < 12; skip += 5)
        for (int reading = 0; reading < 2; reading++) {
            mxd_clip_player *player;
            float out[STEP], *lane = out;
            assert_int_equal(mxd_clip_player_create(&track, RATE, NULL, &player), MXD_OK);
            for (uint64_t frame = 0; frame < 140000; frame += skip * STEP) {
                bool sounds = false;
                for (int i = 0; i < NUM_CLIPS; i++)
                    sounds |= clips[i].start_frame < frame + STEP && clips[i].start_frame + clips[i].num_frames > frame;
                if (mxd_clip_player_sounds(player, frame, STEP) != sounds)
                    fail_msg("from %lu, every %lu blocks", (unsigned long)frame, (unsigned long)skip);
                if (reading && sounds)
                    assert_int_equal(mxd_clip_player_read(player, frame, STEP, &lane), MXD_OK);
            }
            mxd_clip_player_destroy(player);
        }
}

/* ---- As they lie in the file ---------------------------------------------- */

/* Unpacks a described lane by plain code: frames that are there as 16, 24, 32 bits or float. */
static float unpacked(const mxd_upload *upload, uint32_t frame)
{
    static const uint32_t sizes[] = {4, 2, 3, 4};
    uint32_t size = sizes[upload->format], bits = 0;
    const unsigned char *bytes =
        (const unsigned char *)upload->frames + (size_t)size * ((size_t)frame * upload->num_channels + upload->channel);
    for (uint32_t i = 0; i < size; i++)
        bits |= (uint32_t)bytes[i] << 8 * (4 - size + i);
    float value;
    if (upload->format == MXD_SAMPLES_F32)
        memcpy(&value, &bits, sizeof value);
    else
        value = (float)(int32_t)bits * 0x1p-31f;
    return (float)((double)value * upload->gain);
}

/* What is fetched in steps is, to the bit, what is read. Returns how many of the fetches were packed. */
static uint32_t fetch_all(const mxd_track *track, uint32_t num_frames, uint32_t step)
{
    uint32_t num_lanes = track->strip.num_source_channels, num_packed = 0;
    float *wanted = play(track, 0, num_frames, 4096);
    float *room = malloc((size_t)step * num_lanes * sizeof *room); /* exactly: a sanitizer sees more */
    mxd_clip_player *player = NULL;
    assert_int_equal(mxd_clip_player_create(track, RATE, NULL, &player), MXD_OK);
    for (uint32_t done = 0; done < num_frames; done += step) {
        uint32_t count = num_frames - done < step ? num_frames - done : step;
        mxd_upload lanes[8] = {{0}};
        for (size_t i = 0; i < (size_t)step * num_lanes; i++)
            room[i] = NAN;
        assert_int_equal(mxd_clip_player_fetch(player, done, count, room, step, lanes), MXD_OK);
        num_packed += lanes[0].num_channels != 1 || lanes[0].format != MXD_SAMPLES_F32 || lanes[0].gain != 1.0;
        for (uint32_t lane = 0; lane < num_lanes; lane++)
            for (uint32_t i = 0; i < count; i++) {
                float here = unpacked(&lanes[lane], i), there = wanted[(size_t)lane * num_frames + done + i];
                if (!(here == there))
                    fail_msg("lane %u, frame %u, in steps of %u: %.9g, not %.9g", lane, done + i, step, (double)here,
                             (double)there);
            }
    }
    mxd_clip_player_destroy(player);
    free(room);
    free(wanted);
    return num_packed;
}

static void packed_is_the_same(void **state)
{
    (void)state;
    static const int subtypes[] = {SF_FORMAT_PCM_16, SF_FORMAT_PCM_24, SF_FORMAT_PCM_32, SF_FORMAT_FLOAT};
    static const uint32_t steps[] = {128, 1009, 4096, 30001};
    enum { NUM_FRAMES = 20000, FRAMES = 5003 };
    float *samples = malloc(6 * FRAMES * sizeof *samples);
    uint64_t seed = 8;
    for (size_t i = 0; i < 6 * FRAMES; i++)
        samples[i] = 0.9f * noise(&seed);
    for (size_t s = 0; s < 4; s++)
        for (uint32_t width = 1; width <= 6; width += width < 2 ? 1 : 4) {
            make_file(in_folder("packed.wav"), SF_FORMAT_WAV | subtypes[s], RATE, width, samples, FRAMES);
            /* Alone; with a gain; with fades; two that overlap; one that begins where another ends. */
            mxd_clip clips[6];
            static const uint64_t starts[] = {300, 5400, 9000, 9500, 13333, 13333 + 3000};
            for (int i = 0; i < 6; i++) {
                clips[i] = clip_of("packed.wav", starts[i]);
                clips[i].num_frames = i < 2 ? 2900 : 3000;
                clips[i].offset_frames = 17 * (uint64_t)i;
            }
            clips[1].gain_db = -4.2;
            clips[2].fade_in = (mxd_fade){.num_frames = 1000, .curve = MXD_FADE_S_CURVE};
            clips[4].fade_out = (mxd_fade){.num_frames = 900};
            clips[5].gain_db = 2.5;
            mxd_track track = track_of(clips, 6, width);
            for (size_t k = 0; k < 4; k++) {
                uint32_t num_packed = fetch_all(&track, NUM_FRAMES, steps[k]);
                if (steps[k] == 128 && num_packed < 40)
                    fail_msg("format %x, %u channels: only %u blocks were packed", subtypes[s], width, num_packed);
            }
            /* One channel of it alone on a mono track: packed where its file's frames fit a lane. */
            for (int i = 0; i < 6; i++)
                pick(&clips[i], width - 1);
            track = track_of(clips, 6, 1);
            uint32_t num_packed = fetch_all(&track, NUM_FRAMES, 128);
            bool fits = width * (s == 0 ? 2 : s == 1 ? 3 : 4) <= 4;
            if ((num_packed > 0) != fits)
                fail_msg("format %x, 1 of %u channels: %u blocks were packed", subtypes[s], width, num_packed);
            /* A mono file on a wider track. */
            if (width == 1) {
                track = track_of(clips, 6, 5);
                assert_true(fetch_all(&track, NUM_FRAMES, 1009) > 0);
            }
        }
    free(samples);
}

/* Files of the test's folder that this process has open. */
static int num_open_files(void)
{
    int count = 0;
    for (int file = 3; file < 200; file++) {
        char name[64], target[1024];
        snprintf(name, sizeof name, "/proc/self/fd/%d", file);
        ssize_t length = readlink(name, target, sizeof target - 1);
        if (length > 0) {
            target[length] = '\0';
            count += strstr(target, the_folder()) && strstr(target, ".wav");
        }
    }
    return count;
}

static void few_files_open(void **state)
{
    (void)state;
    enum { NUM_CLIPS = 50, STEP = 1000 };
    mxd_clip clips[NUM_CLIPS];
    for (int i = 0; i < NUM_CLIPS; i++) { /* two at a time */
        clips[i] = clip_of("stereo.wav", 1000 * (uint64_t)i);
        clips[i].num_frames = 1999;
    }
    mxd_track track = track_of(clips, NUM_CLIPS, 2);
    mxd_clip_player *player = NULL;
    assert_int_equal(mxd_clip_player_create(&track, RATE, NULL, &player), MXD_OK);
    assert_int_equal(num_open_files(), 0);
    float left[STEP], right[STEP], *lanes[] = {left, right};
    for (uint64_t frame = 0; frame < 52000; frame += STEP) {
        assert_int_equal(mxd_clip_player_read(player, frame, STEP, lanes), MXD_OK);
        int expected = frame < 50000 ? 1 : 0; /* the one that goes on; what ended is closed */
        if (access("/proc/self/fd", R_OK) == 0 && num_open_files() != expected)
            fail_msg("%d files are open after frame %lu", num_open_files(), (unsigned long)frame);
    }
    mxd_clip_player_destroy(player);
    /* Destroyed in the middle: closed too. */
    assert_int_equal(mxd_clip_player_create(&track, RATE, NULL, &player), MXD_OK);
    assert_int_equal(mxd_clip_player_read(player, 1500, STEP, lanes), MXD_OK);
    mxd_clip_player_destroy(player);
    assert_int_equal(num_open_files(), 0);
}

static void bad_clips(void **state)
{
    (void)state;
    float samples[3000] = {0};
    samples[2345] = NAN;
    make_file(in_folder("nan.wav"), SF_FORMAT_WAV | SF_FORMAT_FLOAT, RATE, 1, samples, 3000);
    float left[4000], right[4000], *lanes[] = {left, right};
    mxd_problems *problems = mxd_problems_create();
    mxd_clip_player *player = NULL;
    mxd_clip clip = clip_of("nan.wav", 500);
    mxd_track track = track_of(&clip, 1, 2);
    assert_int_equal(mxd_clip_player_create(&track, RATE, problems, &player), MXD_OK);
    assert_int_equal(mxd_clip_player_read(player, 0, 4000, lanes), MXD_ERROR_FILE);
    expect_one_problem(problems, "nan.wav", "frame 2345");
    mxd_clip_player_destroy(player);
    clip.non_finite = MXD_NON_FINITE_ZERO;
    float *out = play(&track, 0, 4000, 4000);
    for (int i = 0; i < 8000; i++)
        assert_true(out[i] == 0.0f);
    free(out);
    mxd_problems_destroy(problems);

    static const struct { const char *name; int channel; uint32_t num_lanes; const char *words; } cases[] = {
        {"stereo.wav", -1, 6, "has 2 channels, but its track has 6"},
        {"six.wav", -1, 2, "has 6 channels, but its track has 2"},
        {"six.wav", 6, 2, "there is no channel 6"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        problems = mxd_problems_create();
        clip = clip_of(cases[i].name, 0);
        if (cases[i].channel >= 0)
            pick(&clip, (uint32_t)cases[i].channel);
        track = track_of(&clip, 1, cases[i].num_lanes);
        assert_int_equal(mxd_clip_player_create(&track, RATE, problems, &player), MXD_ERROR_INVALID);
        assert_null(player);
        expect_one_problem(problems, cases[i].name, cases[i].words);
        mxd_problems_destroy(problems);
    }
    /* A file that went away or became another one since the session was checked. */
    for (uint32_t i = 0; i < 3; i++) {
        make_file(in_folder("gone.wav"), SF_FORMAT_WAV | SF_FORMAT_FLOAT, RATE, 1, samples, 2000);
        problems = mxd_problems_create();
        clip = clip_of("gone.wav", 0);
        track = track_of(&clip, 1, 2);
        assert_int_equal(unlink(in_folder("gone.wav")), 0);
        if (i) /* with more channels, or shorter */
            make_file(in_folder("gone.wav"), SF_FORMAT_WAV | SF_FORMAT_FLOAT, RATE, 3 - i, samples, 1000);
        assert_int_equal(mxd_clip_player_create(&track, RATE, problems, &player), MXD_OK);
        assert_int_equal(mxd_clip_player_read(player, 0, 4000, lanes), MXD_ERROR_FILE);
        expect_one_problem(problems, "gone.wav", i ? "has changed" : "no such file");
        mxd_clip_player_destroy(player);
        mxd_problems_destroy(problems);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fade_curves),
        cmocka_unit_test(crossfades),
        cmocka_unit_test(clips_as_modelled),
        cmocka_unit_test(cuts_change_no_bit),
        cmocka_unit_test(straight_copy),
        cmocka_unit_test(gaps_between_reads),
        cmocka_unit_test(who_sounds_when),
        cmocka_unit_test(who_sounds_as_time_goes),
        cmocka_unit_test(packed_is_the_same),
        cmocka_unit_test(few_files_open),
        cmocka_unit_test(bad_clips),
    };
    return cmocka_run_group_tests_name("clips", tests, make_files, remove_folder);
}
