/* What a clip does with its span, against closed forms, other files, and the libraries called directly. */
#include "audio_fixture.h"

#include "formats/audio_file.h"
#include "host/render/clip_speed.h"
#include "host/render/clips.h"

#include <math.h>
#include <rubberband/rubberband-c.h>
#include <soxr.h>

enum { RATE = 48000, FRAMES = 50021, TONE_FRAMES = 48000 };

static const double pi = 3.14159265358979323846;

/* ---- Help ---------------------------------------------------------------- */

static float tone(uint64_t frame, double frequency_hz, uint32_t rate)
{
    return (float)(0.5 * sin(2 * pi * frequency_hz * (double)frame / rate));
}

/* noise.wav: stereo; six.wav: channel c holds c + 1; tone.wav: 1 kHz for a second; other.wav: noise at 44.1 kHz. */
static int make_files(void **state)
{
    if (make_folder(state) != 0)
        return -1;
    float *samples = malloc(6 * (size_t)FRAMES * sizeof *samples);
    uint64_t seed = 21;
    for (int i = 0; i < 2 * FRAMES; i++)
        samples[i] = 0.5f * noise(&seed);
    make_file(in_folder("noise.wav"), SF_FORMAT_WAV | SF_FORMAT_FLOAT, RATE, 2, samples, FRAMES);
    make_file(in_folder("other.wav"), SF_FORMAT_WAV | SF_FORMAT_FLOAT, 44100, 2, samples, FRAMES);
    make_file(in_folder("noise.flac"), SF_FORMAT_FLAC | SF_FORMAT_PCM_24, RATE, 2, samples, FRAMES);
    for (int i = 0; i < 6 * 1000; i++)
        samples[i] = (float)(i % 6 + 1) / 8;
    make_file(in_folder("six.wav"), SF_FORMAT_WAV | SF_FORMAT_FLOAT, RATE, 6, samples, 1000);
    for (int i = 0; i < TONE_FRAMES; i++)
        samples[i] = tone((uint64_t)i, 1000.0, RATE);
    make_file(in_folder("tone.wav"), SF_FORMAT_WAV | SF_FORMAT_FLOAT, RATE, 1, samples, TONE_FRAMES);
    free(samples);
    return 0;
}

/* A clip of a whole file. The path lives as long as the program. */
static mxd_clip clip_of(const char *name)
{
    static char paths[64][512];
    static unsigned num_paths;
    char *path = paths[num_paths++ % 64];
    snprintf(path, sizeof paths[0], "%s", in_folder(name));
    mxd_audio_info info;
    if (mxd_audio_probe(path, NULL, NULL, &info) != MXD_OK)
        fail_msg("%s cannot be probed", path);
    uint64_t num_frames = mxd_audio_frames_at(info.num_frames, info.sample_rate, RATE);
    return (mxd_clip){.file = path, .file_rate = info.sample_rate, .file_channels = info.num_channels,
                      .file_frames = info.num_frames, .num_frames = num_frames, .span_frames = num_frames};
}

/* Frames first.. of the one clip, planar, read in steps. */
static float *play(const mxd_clip *clip, uint32_t num_lanes, uint64_t first, uint32_t num_frames, uint32_t step)
{
    mxd_problems *problems = mxd_problems_create();
    mxd_clip_player *player = NULL;
    mxd_track track = {.strip = {.name = "track", .num_source_channels = num_lanes}, .clips = (mxd_clip *)clip,
                       .num_clips = 1};
    float *planar = malloc((size_t)num_frames * num_lanes * sizeof *planar);
    for (size_t i = 0; i < (size_t)num_frames * num_lanes; i++)
        planar[i] = NAN;
    mxd_result result = mxd_clip_player_create(&track, RATE, problems, &player);
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

/* The file itself, planar. */
static float *load(const char *name)
{
    mxd_audio_info info;
    float *samples;
    assert_int_equal(mxd_audio_load(in_folder(name), 0, 1 << 24, NULL, NULL, &info, &samples), MXD_OK);
    return samples;
}

/* How reads are cut changes no bit; reading from the middle stays within tolerance. */
static void expect_cuts(const mxd_clip *clip, uint32_t num_lanes, float tolerance, const char *what)
{
    static const uint32_t steps[] = {127, 4096, 10007};
    uint32_t num_frames = (uint32_t)clip->num_frames + 100;
    float *whole = play(clip, num_lanes, 0, num_frames, num_frames);
    for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
        float *cut = play(clip, num_lanes, 0, num_frames, steps[s]);
        if (memcmp(whole, cut, (size_t)num_lanes * num_frames * sizeof *whole) != 0)
            fail_msg("%s: steps of %u frames differ", what, steps[s]);
        free(cut);
    }
    for (uint64_t first = 1; first < clip->num_frames; first = 3 * first + clip->num_frames / 7) {
        uint32_t count = num_frames - (uint32_t)first;
        float *part = play(clip, num_lanes, first, count, 5003);
        for (uint32_t lane = 0; lane < num_lanes; lane++)
            for (uint32_t i = 0; i < count; i++) {
                float here = part[(size_t)lane * count + i], there = whole[(size_t)lane * num_frames + first + i];
                if (!(fabsf(here - there) <= tolerance))
                    fail_msg("%s, from frame %lu: lane %u frame %lu is %.9g, not %.9g", what, (unsigned long)first, lane,
                             (unsigned long)first + i, (double)here, (double)there);
            }
        free(part);
    }
    free(whole);
}

/* ---- Gain ---------------------------------------------------------------- */

/* An envelope's points, by the rules of automation, written down anew: gain at a frame. */
static double envelope_gain(const mxd_automation *e, uint64_t frame)
{
    uint32_t i = 0;
    while (i < e->num_points && e->points[i].frame <= frame)
        i++;
    const mxd_automation_point *to = &e->points[i], *from = to - 1;
    if (i == 0 || i == e->num_points || e->curve == MXD_CURVE_HOLD || from->frame == frame || from->value == to->value)
        return pow(10, (i == 0 ? to : from)->value / 20);
    double x = (double)(frame - from->frame) / (double)(to->frame - from->frame);
    double a = fmax(from->value, -144), b = fmax(to->value, -144);
    if (e->curve == MXD_CURVE_EXPONENTIAL)
        return (1 - x) * (a > -144 ? pow(10, a / 20) : 0) + x * (b > -144 ? pow(10, b / 20) : 0);
    return pow(10, (a + (b - a) * x) / 20);
}

static void envelopes(void **state)
{
    (void)state;
    static const mxd_curve curves[] = {MXD_CURVE_LINEAR, MXD_CURVE_HOLD, MXD_CURVE_EXPONENTIAL};
    mxd_automation_point points[] = {{100, -12}, {101, 6}, {700, -HUGE_VAL}, {5000, -HUGE_VAL}, {5001, -3},
                                     {20000, -3}, {20003, 0}, {50021, -20}};
    float *samples = load("noise.wav");
    for (size_t c = 0; c < 3; c++)
        for (int inverted = 0; inverted < 2; inverted++) {
            mxd_clip clip = clip_of("noise.wav");
            clip.envelope = (mxd_automation){.curve = curves[c], .is_level = true, .points = points, .num_points = 8};
            clip.inverted = inverted;
            clip.gain_db = -1.5;
            float *out = play(&clip, 2, 0, FRAMES, 30011);
            for (uint64_t i = 0; i < 2 * FRAMES; i++) {
                double wanted = envelope_gain(&clip.envelope, i % FRAMES) * pow(10, -1.5 / 20) * (inverted ? -1 : 1) * samples[i];
                /* Rounded once to float; the gain's own errors are of doubles. */
                if (!(fabs(out[i] - wanted) <= 0x1.01p-24 * fabs(wanted) + 1e-30))
                    fail_msg("curve %d: frame %lu is %.9g, not %.9g", curves[c], (unsigned long)(i % FRAMES), out[i], wanted);
            }
            for (uint64_t i = 700; i <= 5000; i++)
                assert_true(curves[c] == MXD_CURVE_LINEAR && i > 700 && i < 5000 ? true : out[i] == 0.0f);
            free(out);
            expect_cuts(&clip, 2, 0.0f, "envelope");
        }
    free(samples);
}

/* A lone clip with another polarity is the file negated to the bit, also where it is fetched as it lies. */
static void polarity(void **state)
{
    (void)state;
    mxd_clip clip = clip_of("noise.wav");
    clip.inverted = true;
    float *samples = load("noise.wav"), *out = play(&clip, 2, 0, FRAMES, 999);
    for (int i = 0; i < 2 * FRAMES; i++)
        assert_true(out[i] == -samples[i]);
    mxd_track track = {.strip.num_source_channels = 2, .clips = &clip, .num_clips = 1};
    mxd_clip_player *player;
    mxd_upload lanes[2];
    assert_int_equal(mxd_clip_player_create(&track, RATE, NULL, &player), MXD_OK);
    assert_int_equal(mxd_clip_player_fetch(player, 0, 1000, out, 1000, lanes), MXD_OK);
    assert_int_equal(lanes[1].num_channels, 2);
    assert_true(lanes[0].gain == -1.0 && lanes[1].gain == -1.0);
    mxd_clip_player_destroy(player);
    free(out);
    free(samples);
}

/* ---- Channels ------------------------------------------------------------ */

static void channels(void **state)
{
    (void)state;
    uint32_t picked[] = {5, 0, 3, 0};
    mxd_clip clip = clip_of("six.wav");
    clip.channels = picked;
    clip.num_channels = 4;
    float *out = play(&clip, 4, 0, 1100, 333);
    for (int lane = 0; lane < 4; lane++)
        for (int i = 0; i < 1100; i++)
            assert_true(out[lane * 1100 + i] == (i < 1000 ? (float)(picked[lane] + 1) / 8 : 0.0f));
    free(out);
    clip.mono_sum = true; /* 6, 1, 4, 1 eighths */
    out = play(&clip, 2, 0, 1100, 333);
    for (int i = 0; i < 2200; i++)
        assert_true(out[i] == (i % 1100 < 1000 ? 3.0f / 8 : 0.0f));
    free(out);
    clip = clip_of("noise.wav");
    clip.mono_sum = true;
    float *samples = load("noise.wav");
    out = play(&clip, 1, 0, FRAMES, 9999);
    for (int i = 0; i < FRAMES; i++)
        assert_true(out[i] == (float)(((double)samples[i] + samples[FRAMES + i]) / 2));
    free(out);
    free(samples);
}

/* ---- Reverse ------------------------------------------------------------- */

static void reverse(void **state)
{
    (void)state;
    static const char *const names[] = {"noise.wav", "noise.flac"};
    for (int n = 0; n < 2; n++) {
        mxd_clip clip = clip_of(names[n]);
        clip.reverse = true;
        clip.offset_frames = 1234;
        clip.span_frames = clip.num_frames = 40000; /* over borders of pages */
        float *samples = load(names[n]), *out = play(&clip, 2, 0, 40100, 40100);
        for (int lane = 0; lane < 2; lane++)
            for (int i = 0; i < 40100; i++)
                assert_true(out[lane * 40100 + i] == (i < 40000 ? samples[lane * FRAMES + 1234 + 39999 - i] : 0.0f));
        free(out);
        free(samples);
        expect_cuts(&clip, 2, 0.0f, names[n]);
    }
}

/* At another rate: the same as a file of the frames in reverse, played forwards. */
static void reverse_resampled(void **state)
{
    (void)state;
    float *samples = load("other.wav"), *turned = malloc(2 * FRAMES * sizeof *turned);
    for (int i = 0; i < FRAMES; i++) {
        turned[2 * i] = samples[FRAMES - 1 - i];
        turned[2 * i + 1] = samples[2 * FRAMES - 1 - i];
    }
    make_file(in_folder("turned.wav"), SF_FORMAT_WAV | SF_FORMAT_FLOAT, 44100, 2, turned, FRAMES);
    mxd_clip clip = clip_of("other.wav"), file = clip_of("turned.wav");
    clip.reverse = true;
    uint32_t num_frames = (uint32_t)clip.num_frames;
    float *out = play(&clip, 2, 0, num_frames, 4096), *wanted = play(&file, 2, 0, num_frames, 4096);
    for (uint32_t i = 0; i < 2 * num_frames; i++)
        assert_true(fabsf(out[i] - wanted[i]) <= 0x1p-22f); /* the resampler starts elsewhere */
    free(out);
    free(wanted);
    free(turned);
    free(samples);
    expect_cuts(&clip, 2, 0x1p-22f, "reverse, resampled");
}

/* ---- Loops --------------------------------------------------------------- */

/* The loop by its definition: sample of one channel at a frame. */
static double looped(const float *samples, const mxd_clip *clip, uint64_t frame)
{
    int64_t span = (int64_t)clip->span_frames, phase = (int64_t)(frame % clip->span_frames);
    int64_t fade = (int64_t)clip->loop.crossfade_frames, seam = phase - (span - fade);
    double sum = 0.0;
    for (int part = 0; part < 2; part++) {
        int64_t at = phase - part * span; /* part 1: before the span */
        int64_t index = (int64_t)clip->offset_frames + (clip->reverse ? span - 1 - at : at);
        double gain = part == 0;
        if (seam >= 0 && frame - (uint64_t)phase + clip->span_frames < clip->num_frames)
            gain = sqrt((1 + (part ? -1 : 1) * cos(pi * (double)seam / (double)fade)) / 2); /* equal power */
        if (gain > 0 && index >= 0 && index < FRAMES)
            sum += gain * samples[index];
    }
    return sum;
}

static void loops(void **state)
{
    (void)state;
    static const struct { uint64_t offset, span, length, fade; bool reverse; } cases[] = {
        {0, 1000, 10500, 0, false}, {300, 1, 5000, 0, false},      {500, 997, 30000, 400, false},
        {500, 997, 997, 400, false}, {0, FRAMES, 120000, 0, true},  {500, 20011, 60033, 20011, true},
        {100, 5000, 14000, 700, false}, {2000, 9001, 40000, 9001, false},
    };
    float *samples = load("noise.wav");
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        mxd_clip clip = clip_of("noise.wav");
        clip.offset_frames = cases[c].offset;
        clip.span_frames = cases[c].span;
        clip.num_frames = cases[c].length;
        clip.reverse = cases[c].reverse;
        clip.loop = (mxd_loop){.on = true, .crossfade_frames = cases[c].fade, .curve = MXD_FADE_EQUAL_POWER};
        uint32_t num_frames = (uint32_t)clip.num_frames + 50;
        float *out = play(&clip, 2, 0, num_frames, 7001);
        for (uint32_t i = 0; i < 2 * num_frames; i++) {
            uint32_t frame = i % num_frames;
            double wanted = frame < clip.num_frames ? looped(samples + i / num_frames * FRAMES, &clip, frame) : 0.0;
            if (!(fabs(out[i] - wanted) <= 0x1p-24))
                fail_msg("case %zu: frame %u is %.9g, not %.9g", c, frame, out[i], wanted);
        }
        free(out);
        expect_cuts(&clip, 2, 0.0f, "loop");
    }
    free(samples);
}

/* ---- Speed --------------------------------------------------------------- */

static void ratios(void **state)
{
    (void)state;
    static const struct { double number; uint64_t p, q; } exact[] = {
        {1, 1, 1}, {2, 2, 1}, {0.25, 1, 4}, {4, 4, 1}, {44100.0 / 48000, 147, 160}, {1.001, 1001, 1000},
        {25.0 / 24, 25, 24}, {1.0000125, 80001, 80000}};
    for (size_t i = 0; i < sizeof exact / sizeof *exact; i++) {
        mxd_ratio ratio = mxd_ratio_of(exact[i].number);
        assert_int_equal(ratio.p, exact[i].p);
        assert_int_equal(ratio.q, exact[i].q);
    }
    for (double number = 0.0421; number < 70.0; number *= 1.0173) {
        mxd_ratio ratio = mxd_ratio_of(number);
        assert_true(ratio.q >= 1 && ratio.q <= 1 << 24);
        assert_true(fabs((double)ratio.p / (double)ratio.q - number) <= 1e-12);
    }
    mxd_ratio close = mxd_ratio_of(1.0 + 1e-9); /* nothing between 1 and the next fraction */
    assert_true(fabs((double)close.p / (double)close.q - 1.0) <= 0x1p-24);
}

/* Frequency of a tone near nominal_hz in frames first.. + 12000, by the phase that two windows of 6000 see. */
static double measure_hz(const float *samples, uint32_t first, double nominal_hz)
{
    enum { WINDOW = 6000 };
    double phases[2];
    for (int w = 0; w < 2; w++) {
        double re = 0, im = 0;
        for (int i = 0; i < WINDOW; i++) {
            double hann = 1 - cos(2 * pi * (i + 0.5) / WINDOW), at = 2 * pi * nominal_hz * (w * WINDOW + i) / RATE;
            re += hann * samples[first + (uint32_t)(w * WINDOW + i)] * cos(at);
            im -= hann * samples[first + (uint32_t)(w * WINDOW + i)] * sin(at);
        }
        phases[w] = atan2(im, re);
        assert_true(hypot(re, im) / WINDOW > 0.2); /* half of 0.5, for the tone as it was */
    }
    return nominal_hz + remainder(phases[1] - phases[0], 2 * pi) / (2 * pi) * RATE / WINDOW;
}

static void at_speed(mxd_clip *clip, double speed)
{
    clip->speed = speed;
    clip->num_frames = (uint64_t)llround((double)clip->span_frames / speed);
}

/* A tone at any speed is a tone of that many times the frequency, at its level and phase, for as much shorter. */
static void speeds(void **state)
{
    (void)state;
    static const double all[] = {0.25, 0.5, 0.7937005259840998, 0.999, 1.001, 1.3, 2.0, 3.14159, 4.0};
    for (size_t s = 0; s < sizeof all / sizeof *all; s++) {
        mxd_clip clip = clip_of("tone.wav");
        at_speed(&clip, all[s]);
        float *out = play(&clip, 1, 0, (uint32_t)clip.num_frames, 2048);
        /* Where no lead-in ends on a frame of the file, the tone may be a thousandth of one off. */
        double tolerance = mxd_ratio_of(all[s]).q <= 1000 ? 4e-6 : 4e-6 + 0.5 * 2 * pi * 1000 / RATE * 1e-3;
        for (uint32_t i = 300; i + 300 < clip.num_frames; i++) /* away from the file's ends */
            if (!(fabs(out[i] - 0.5 * sin(2 * pi * 1000.0 * all[s] * i / RATE)) <= tolerance))
                fail_msg("speed %g: frame %u is %g", all[s], i, (double)out[i]);
        free(out);
        clip = clip_of(s % 2 ? "other.wav" : "noise.wav");
        at_speed(&clip, all[s]);
        expect_cuts(&clip, 2, 0x1p-21f, "speed");
        clip.reverse = true;
        expect_cuts(&clip, 2, 0x1p-21f, "speed in reverse");
    }
}

/* Against libsoxr called once with the whole file. */
static void speed_by_soxr(void **state)
{
    (void)state;
    static const struct { const char *name; double speed; } cases[] = {{"noise.wav", 1.5}, {"other.wav", 0.6}};
    for (int c = 0; c < 2; c++) {
        mxd_clip clip = clip_of(cases[c].name);
        at_speed(&clip, cases[c].speed);
        uint32_t num_frames = (uint32_t)clip.num_frames;
        float *samples = load(cases[c].name), *out = play(&clip, 2, 0, num_frames, 1000);
        float *wanted = calloc(num_frames + 10, sizeof *wanted);
        soxr_quality_spec_t quality = soxr_quality_spec(SOXR_VHQ, 0);
        soxr_io_spec_t io = soxr_io_spec(SOXR_FLOAT32_I, SOXR_FLOAT32_I);
        size_t given = 0;
        assert_null(soxr_oneshot(clip.file_rate * cases[c].speed, RATE, 1, samples + FRAMES, FRAMES, NULL, wanted,
                                 num_frames + 10, &given, &io, &quality, NULL));
        assert_true(given + 10 >= num_frames);
        for (uint32_t i = 1000; i + 1000 < num_frames; i++)
            assert_true(fabsf(out[num_frames + i] - wanted[i]) <= 0x1p-21f);
        free(wanted);
        free(out);
        free(samples);
    }
}

/* A loop of whole periods is one tone, seams and all, also at another speed. */
static void speed_of_loop(void **state)
{
    (void)state;
    mxd_clip clip = clip_of("tone.wav");
    clip.offset_frames = 4800;
    clip.span_frames = 4800;
    clip.loop.on = true;
    clip.speed = 1.25;
    clip.num_frames = 40000;
    float *out = play(&clip, 1, 0, 40000, 2048);
    for (int i = 0; i < 40000; i++)
        if (!(fabs(out[i] - 0.5 * sin(2 * pi * 1250.0 * i / RATE)) <= 4e-6))
            fail_msg("frame %d is %g", i, (double)out[i]);
    free(out);
    expect_cuts(&clip, 1, 0x1p-21f, "loop at a speed");
}

/* ---- Stretch ------------------------------------------------------------- */

static void stretched(mxd_clip *clip, double stretch, double semitones)
{
    clip->stretch = stretch;
    clip->pitch_semitones = semitones;
    clip->num_frames = (uint64_t)llround((double)clip->span_frames * stretch);
}

static void stretches(void **state)
{
    (void)state;
    static const struct { double stretch, semitones, hz; } cases[] = {
        {2.0, 0.0, 1000.0}, {0.75, 0.0, 1000.0}, {1.0, 12.0, 2000.0}, {1.5, -12.0, 500.0}, {1.0, 7.0, 1498.307}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        mxd_clip clip = clip_of("tone.wav");
        stretched(&clip, cases[c].stretch, cases[c].semitones);
        uint32_t num_frames = (uint32_t)clip.num_frames;
        float *out = play(&clip, 1, 0, num_frames, 4096);
        double hz = measure_hz(out, (num_frames - 12000) / 2, cases[c].hz);
        if (!(fabs(hz - cases[c].hz) <= 1e-3 * cases[c].hz))
            fail_msg("stretch %g, %g semitones: %g Hz, not %g", cases[c].stretch, cases[c].semitones, hz, cases[c].hz);
        /* It lasts to the end: the last tenth of a second sounds as well. */
        float peak = 0.0f;
        for (uint32_t i = num_frames - 4800; i < num_frames - 2400; i++)
            peak = fmaxf(peak, fabsf(out[i]));
        assert_true(peak > 0.4f && peak < 0.6f);
        free(out);
    }
}

/* Against the library studying the whole file at once, with silence behind it. */
static void stretch_by_library(void **state)
{
    (void)state;
    enum { TAIL = 40000, CHUNK = 1024 }; /* its resampler rounds otherwise in other chunks */
    mxd_clip clip = clip_of("noise.wav");
    stretched(&clip, 1.25, -3.0);
    clip.preserve_formants = true;
    uint32_t num_frames = (uint32_t)clip.num_frames;
    float *out = play(&clip, 2, 0, num_frames, 1009), *file = load("noise.wav");
    float *padded = calloc(2 * (FRAMES + TAIL), sizeof *padded), *wanted = malloc(2 * num_frames * sizeof *wanted);
    memcpy(padded, file, FRAMES * sizeof *padded);
    memcpy(padded + FRAMES + TAIL, file + FRAMES, FRAMES * sizeof *padded);
    const float *in[] = {padded, padded + FRAMES + TAIL};
    float *to[] = {wanted, wanted + num_frames};
    RubberBandState engine = rubberband_new(RATE, 2, RubberBandOptionEngineFiner | RubberBandOptionPitchHighQuality |
                                            RubberBandOptionFormantPreserved, 1.25, pow(2, -0.25));
    rubberband_set_max_process_size(engine, CHUNK);
    rubberband_study(engine, in, FRAMES + TAIL, 1);
    uint32_t done = 0;
    for (uint32_t fed = 0; fed < FRAMES + TAIL && done < num_frames; fed += CHUNK) {
        const float *here[] = {in[0] + fed, in[1] + fed};
        uint32_t count = FRAMES + TAIL - fed < CHUNK ? FRAMES + TAIL - fed : CHUNK;
        rubberband_process(engine, here, count, fed + count == FRAMES + TAIL);
        float *rest[] = {to[0] + done, to[1] + done};
        int there = rubberband_available(engine);
        if (there > 0)
            done += rubberband_retrieve(engine, rest, (uint32_t)there < num_frames - done ? (uint32_t)there
                                                                                          : num_frames - done);
    }
    rubberband_delete(engine);
    assert_int_equal(done, num_frames);
    for (uint32_t i = 0; i < 2 * num_frames; i++)
        if (!(out[i] == wanted[i]))
            fail_msg("frame %u is %.9g, not %.9g", i % num_frames, (double)out[i], (double)wanted[i]);
    free(wanted);
    free(padded);
    free(file);
    free(out);
}

/* The same from the middle to the bit, in loops and in reverse and at other rates; short clips sound as well. */
static void stretch_cuts(void **state)
{
    (void)state;
    mxd_clip clip = clip_of("other.wav");
    clip.offset_frames = 2000;
    clip.span_frames = 12000;
    stretched(&clip, 0.8, 2.5);
    expect_cuts(&clip, 2, 0.0f, "stretch");
    clip.reverse = true;
    clip.loop = (mxd_loop){.on = true, .crossfade_frames = 1000, .curve = MXD_FADE_LINEAR};
    clip.num_frames = 20000;
    expect_cuts(&clip, 2, 0.0f, "stretch of a loop in reverse");
    static const double ratios_tried[] = {0.15, 1.7, 10.0};
    for (int r = 0; r < 3; r++)
        for (uint64_t span = 1; span <= 1000; span += 333) {
            clip = clip_of("tone.wav");
            clip.offset_frames = 10;
            clip.span_frames = span;
            stretched(&clip, ratios_tried[r], r == 1 ? -24.0 : 0.0);
            if (clip.num_frames == 0)
                continue;
            float *out = play(&clip, 1, 0, (uint32_t)clip.num_frames, 500), peak = 0.0f;
            for (uint64_t i = 0; i < clip.num_frames; i++) {
                assert_true(isfinite(out[i]) && fabsf(out[i]) < 2.0f);
                peak = fmaxf(peak, fabsf(out[i]));
            }
            assert_true(peak > 0.01f);
            free(out);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(envelopes),
        cmocka_unit_test(polarity),
        cmocka_unit_test(channels),
        cmocka_unit_test(reverse),
        cmocka_unit_test(reverse_resampled),
        cmocka_unit_test(loops),
        cmocka_unit_test(ratios),
        cmocka_unit_test(speeds),
        cmocka_unit_test(speed_by_soxr),
        cmocka_unit_test(speed_of_loop),
        cmocka_unit_test(stretches),
        cmocka_unit_test(stretch_by_library),
        cmocka_unit_test(stretch_cuts),
    };
    return cmocka_run_group_tests_name("clip edits", tests, make_files, remove_folder);
}
