/*
 * The meter as a whole: beside libebur128 on noise and a song's stems, by the
 * signals of EBU Tech 3341 and 3342, and measuring files.
 */
#include "host/measure/meter.h"

#include <ebur128.h>
#include <sndfile.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const double pi = 3.14159265358979323846;
static uint32_t random_state = 3341;

/* ---- Signals --------------------------------------------------------------- */

typedef struct signal {
    uint32_t num_channels, rate, num_frames;
    float *channels[MXD_MAX_LAYOUT_CHANNELS];
} signal;

static signal make_signal(uint32_t num_channels, uint32_t rate, double length_s)
{
    signal s = {num_channels, rate, (uint32_t)lround(length_s * rate), {NULL}};
    for (uint32_t c = 0; c < num_channels; c++) {
        s.channels[c] = calloc(s.num_frames + 1, sizeof(float));
        assert_non_null(s.channels[c]);
    }
    return s;
}

static void free_signal(signal *s)
{
    for (uint32_t c = 0; c < s->num_channels; c++)
        free(s->channels[c]);
}

static float noise(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (float)(random_state >> 8) / 8388608.0f - 1.0f;
}

/* Noise of changing level and colour: one-pole low-passed by `smooth` (0: white). */
static void fill_noise(signal *s, float gain, float smooth)
{
    for (uint32_t c = 0; c < s->num_channels; c++) {
        float y = 0.0f;
        for (uint32_t i = 0; i < s->num_frames; i++) {
            y = smooth * y + (1.0f - smooth) * noise();
            float level_db = 12.0f * sinf((float)i / (float)s->rate * (0.7f + 0.1f * (float)c));
            s->channels[c][i] = gain * y * powf(10.0f, level_db / 20.0f);
        }
    }
}

/* Writes a 1 kHz sine at level_db (peak dBFS) into one channel from start_s on. */
static void add_tone(signal *s, uint32_t channel, double start_s, double length_s, double level_db)
{
    uint32_t from = (uint32_t)lround(start_s * s->rate), to = (uint32_t)lround((start_s + length_s) * s->rate);
    for (uint32_t i = from; i < to && i < s->num_frames; i++)
        s->channels[channel][i] = (float)(pow(10.0, level_db / 20.0) * sin(2.0 * pi * 1000.0 * i / s->rate));
}

typedef struct part {
    double level_db, length_s;
} part;

static signal make_stereo_tones(const part *parts, size_t num_parts, int times)
{
    double length_s = 0.0, at = 0.0;
    for (size_t p = 0; p < num_parts; p++)
        length_s += times * parts[p].length_s;
    signal s = make_signal(2, 48000, length_s);
    for (int t = 0; t < times; t++) {
        for (size_t p = 0; p < num_parts; p++) {
            for (uint32_t c = 0; c < 2; c++)
                add_tone(&s, c, at, parts[p].length_s, parts[p].level_db);
            at += parts[p].length_s;
        }
    }
    return s;
}

/* ---- Measuring ------------------------------------------------------------- */

static mxd_meter *push_all(const signal *s, const mxd_layout *layout, uint32_t push_frames, mxd_threads *threads)
{
    mxd_meter *meter = mxd_meter_create(layout, s->num_channels, s->rate, threads);
    assert_non_null(meter);
    for (uint32_t at = 0; at < s->num_frames; at += push_frames) {
        const float *channels[MXD_MAX_LAYOUT_CHANNELS];
        for (uint32_t c = 0; c < s->num_channels; c++)
            channels[c] = s->channels[c] + at;
        uint32_t n = s->num_frames - at < push_frames ? s->num_frames - at : push_frames;
        assert_int_equal(mxd_meter_push(meter, channels, n), MXD_OK);
    }
    return meter;
}

static mxd_loudness measure(const signal *s, const mxd_layout *layout)
{
    mxd_loudness loudness;
    mxd_meter *meter = push_all(s, layout, 16384, NULL);
    mxd_meter_read(meter, &loudness);
    mxd_meter_destroy(meter);
    return loudness;
}

/* ---- libebur128 as witness --------------------------------------------------- */

static int witness_channel(const mxd_speaker *speaker)
{
    static const struct {
        const char *label;
        int channel;
    } channels[] = {
        {"M+030", EBUR128_Mp030}, {"M-030", EBUR128_Mm030}, {"M+000", EBUR128_Mp000}, {"M+110", EBUR128_Mp110},
        {"M-110", EBUR128_Mm110}, {"M+060", EBUR128_Mp060}, {"M-060", EBUR128_Mm060}, {"M+090", EBUR128_Mp090},
        {"M-090", EBUR128_Mm090}, {"M+135", EBUR128_Mp135}, {"M-135", EBUR128_Mm135}, {"M+180", EBUR128_Mp180},
        {"U+000", EBUR128_Up000}, {"U+030", EBUR128_Up030}, {"U-030", EBUR128_Um030}, {"U+045", EBUR128_Up045},
        {"U-045", EBUR128_Um045}, {"U+090", EBUR128_Up090}, {"U-090", EBUR128_Um090}, {"U+110", EBUR128_Up110},
        {"U-110", EBUR128_Um110}, {"U+135", EBUR128_Up135}, {"U-135", EBUR128_Um135}, {"U+180", EBUR128_Up180},
        {"T+000", EBUR128_Tp000}, {"B+000", EBUR128_Bp000}, {"B+045", EBUR128_Bp045}, {"B-045", EBUR128_Bm045},
    };
    if (speaker->lfe)
        return EBUR128_UNUSED;
    for (size_t i = 0; i < sizeof(channels) / sizeof(channels[0]); i++)
        if (strcmp(channels[i].label, speaker->label) == 0)
            return channels[i].channel;
    fail_msg("libebur128 knows no loudspeaker %s", speaker->label);
    return EBUR128_UNUSED;
}

/*
 * Tech 3342 wants windows of 3 s each 100 ms (version 3 on), libebur128 takes one each second: ten of it, each
 * starting 100 ms after the one before, together hold all of them.
 */
static double ask_witness_range(const signal *s, const mxd_layout *layout)
{
    ebur128_state *states[10] = {NULL};
    uint32_t block = (s->rate + 5) / 10;
    double range = NAN;
    float *interleaved = malloc((size_t)s->num_frames * s->num_channels * sizeof(float));
    assert_non_null(interleaved);
    for (uint32_t i = 0; i < s->num_frames; i++)
        for (uint32_t c = 0; c < s->num_channels; c++)
            interleaved[(size_t)i * s->num_channels + c] = s->channels[c][i];
    for (uint32_t k = 0; k < 10; k++) {
        states[k] = ebur128_init(s->num_channels, s->rate, EBUR128_MODE_LRA);
        assert_non_null(states[k]);
        for (uint32_t c = 0; layout && c < s->num_channels; c++)
            ebur128_set_channel(states[k], c, witness_channel(&layout->speakers[c]));
        assert_true(s->num_frames > k * block);
        ebur128_add_frames_float(states[k], interleaved + (size_t)k * block * s->num_channels,
                                 s->num_frames - k * block);
    }
    assert_int_equal(ebur128_loudness_range_multiple(states, 10, &range), EBUR128_SUCCESS);
    for (int k = 0; k < 10; k++)
        ebur128_destroy(&states[k]);
    free(interleaved);
    return range;
}

/* What libebur128 says; its M and S into series of one value each 100 ms. */
static mxd_loudness ask_witness(const signal *s, const mxd_layout *layout, double *momentary, double *short_term)
{
    mxd_loudness loudness = {-HUGE_VAL, -HUGE_VAL, -HUGE_VAL, 0.0, -HUGE_VAL, -HUGE_VAL};
    ebur128_state *state = ebur128_init(s->num_channels, s->rate,
                                        EBUR128_MODE_M | EBUR128_MODE_S | EBUR128_MODE_I |
                                            EBUR128_MODE_TRUE_PEAK | EBUR128_MODE_SAMPLE_PEAK);
    uint32_t block = (s->rate + 5) / 10;
    float *interleaved = malloc((size_t)block * s->num_channels * sizeof(float));
    assert_non_null(state);
    assert_non_null(interleaved);
    for (uint32_t c = 0; layout && c < s->num_channels; c++)
        assert_int_equal(ebur128_set_channel(state, c, witness_channel(&layout->speakers[c])), EBUR128_SUCCESS);
    for (uint32_t at = 0, b = 0; at < s->num_frames; at += block, b++) {
        uint32_t n = s->num_frames - at < block ? s->num_frames - at : block;
        for (uint32_t i = 0; i < n; i++)
            for (uint32_t c = 0; c < s->num_channels; c++)
                interleaved[i * s->num_channels + c] = s->channels[c][at + i];
        assert_int_equal(ebur128_add_frames_float(state, interleaved, n), EBUR128_SUCCESS);
        if (n == block) {
            ebur128_loudness_momentary(state, &momentary[b]);
            ebur128_loudness_shortterm(state, &short_term[b]);
        }
    }
    ebur128_loudness_global(state, &loudness.integrated_lufs);
    loudness.range_lu = ask_witness_range(s, layout);
    for (uint32_t c = 0; c < s->num_channels; c++) {
        double peak;
        ebur128_true_peak(state, c, &peak);
        loudness.true_peak_dbtp = fmax(loudness.true_peak_dbtp, 20.0 * log10(peak));
        ebur128_sample_peak(state, c, &peak);
        loudness.sample_peak_dbfs = fmax(loudness.sample_peak_dbfs, 20.0 * log10(peak));
    }
    free(interleaved);
    ebur128_destroy(&state);
    return loudness;
}

static void check_near(const char *what, const char *of, double got, double expected, double tolerance)
{
    if (!(fabs(got - expected) <= tolerance))
        fail_msg("%s: %s is %.5f, not %.5f +- %g", what, of, got, expected, tolerance);
}

static void check_against_witness(const signal *s, const mxd_layout *layout, const char *what)
{
    size_t num_blocks = s->num_frames / ((s->rate + 5) / 10);
    double *momentary = calloc(num_blocks + 1, sizeof(double)), *short_term = calloc(num_blocks + 1, sizeof(double));
    assert_non_null(momentary);
    assert_non_null(short_term);
    mxd_loudness expected = ask_witness(s, layout, momentary, short_term), got;
    const double *own_momentary, *own_short_term;
    mxd_meter *meter = push_all(s, layout, 16384, NULL);
    mxd_meter_read(meter, &got);
    assert_int_equal(mxd_meter_series(meter, &own_momentary, &own_short_term), num_blocks);
    assert_true(isfinite(expected.integrated_lufs));
    check_near(what, "integrated", got.integrated_lufs, expected.integrated_lufs, 0.01);
    check_near(what, "range", got.range_lu, expected.range_lu, 0.1);
    check_near(what, "true peak", got.true_peak_dbtp, expected.true_peak_dbtp, 0.01);
    check_near(what, "sample peak", got.sample_peak_dbfs, expected.sample_peak_dbfs, 0.0001);
    double max_momentary = -HUGE_VAL, max_short_term = -HUGE_VAL;
    for (size_t i = 0; i < num_blocks; i++) {
        /* Digital silence: libebur128 lets its filter ring down to what rounding leaves, far below anything heard. */
        if (momentary[i] > -120.0)
            check_near(what, "a momentary value", own_momentary[i], momentary[i], 0.01);
        if (short_term[i] > -120.0)
            check_near(what, "a short-term value", own_short_term[i], short_term[i], 0.01);
        max_momentary = fmax(max_momentary, momentary[i]);
        max_short_term = fmax(max_short_term, short_term[i]);
    }
    /* Maxima look ten times as often as the series: never lower, and on such material hardly higher. */
    assert_true(got.max_momentary_lufs >= max_momentary - 0.01 && got.max_momentary_lufs <= max_momentary + 1.0);
    assert_true(got.max_short_term_lufs >= max_short_term - 0.01 && got.max_short_term_lufs <= max_short_term + 0.5);
    mxd_meter_destroy(meter);
    free(momentary);
    free(short_term);
}

static void test_witness_noise(void **state)
{
    (void)state;
    static const struct {
        const char *layout;
        uint32_t num_channels, rate;
        float gain, smooth;
    } cases[] = {
        {NULL, 1, 48000, 0.2f, 0.0f},      {NULL, 2, 48000, 0.2f, 0.0f},     {NULL, 2, 44100, 0.2f, 0.5f},
        {NULL, 2, 96000, 0.2f, 0.0f},      {NULL, 2, 192000, 0.2f, 0.0f},    {NULL, 2, 11025, 0.2f, 0.0f},
        {NULL, 2, 8000, 0.2f, 0.0f},       {NULL, 1, 384000, 0.2f, 0.9f},    {"0+5+0", 6, 48000, 0.2f, 0.0f},
        {"0+5+0", 6, 44100, 0.2f, 0.9f},   {"4+7+0", 12, 48000, 0.2f, 0.5f}, {"4+7+0", 12, 96000, 0.2f, 0.9f},
        {"9+10+3", 24, 48000, 0.2f, 0.0f},
        /* Rumble (one pole at about 8 and 3 Hz), and noise near the -70 LUFS gate: where a filter's noise would show. */
        {NULL, 2, 48000, 3.0f, 0.999f},    {NULL, 2, 192000, 0.5f, 0.9999f},  {NULL, 2, 48000, 0.0005f, 0.0f},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char what[80];
        const mxd_layout *layout = cases[i].layout ? mxd_layout_find(cases[i].layout) : NULL;
        assert_true(!cases[i].layout || layout);
        signal s = make_signal(cases[i].num_channels, cases[i].rate, 6.543);
        fill_noise(&s, cases[i].gain, cases[i].smooth);
        snprintf(what, sizeof(what), "case %zu, %u channels at %u Hz", i, s.num_channels, s.rate);
        check_against_witness(&s, layout, what);
        free_signal(&s);
    }
}

static void test_witness_song(void **state)
{
    (void)state;
    static const char *const stems[] = {"06_bgvox_main", "12_house_beat", "14_melody_pad", "18_sy_bass", "19_toms"};
    int num_found = 0;
    for (size_t i = 0; i < sizeof(stems) / sizeof(stems[0]); i++) {
        char path[512];
        SF_INFO info = {0};
        snprintf(path, sizeof(path), "%s/data/song/%s.flac", MXD_SHARED, stems[i]);
        SNDFILE *file = sf_open(path, SFM_READ, &info);
        if (!file)
            continue;
        assert_true(info.channels == 1 || info.channels == 2);
        signal s = make_signal((uint32_t)info.channels, (uint32_t)info.samplerate,
                               (double)info.frames / info.samplerate);
        float *interleaved = malloc((size_t)info.frames * (size_t)info.channels * sizeof(float));
        assert_non_null(interleaved);
        assert_int_equal(sf_readf_float(file, interleaved, info.frames), info.frames);
        sf_close(file);
        for (uint32_t f = 0; f < s.num_frames; f++)
            for (uint32_t c = 0; c < s.num_channels; c++)
                s.channels[c][f] = interleaved[f * s.num_channels + c];
        free(interleaved);
        check_against_witness(&s, NULL, stems[i]);
        free_signal(&s);
        num_found++;
    }
    if (num_found == 0) {
        print_message("the song's stems are not here: %s/data/song\n", MXD_SHARED);
        skip();
    }
}

/* ---- EBU Tech 3341 and 3342 -------------------------------------------------- */

static void test_3341_integrated(void **state)
{
    (void)state;
    static const struct {
        int number;
        part parts[5];
        size_t num_parts;
        double expected;
    } cases[] = {
        {1, {{-23, 20}}, 1, -23},
        {2, {{-33, 20}}, 1, -33},
        {3, {{-36, 10}, {-23, 60}, {-36, 10}}, 3, -23},
        {4, {{-72, 10}, {-36, 10}, {-23, 60}, {-36, 10}, {-72, 10}}, 5, -23},
        {5, {{-26, 20}, {-20, 20.1}, {-26, 20}}, 3, -23},
    };
    for (size_t i = 0; i < 5; i++) {
        char what[20];
        signal s = make_stereo_tones(cases[i].parts, cases[i].num_parts, 1);
        mxd_loudness got = measure(&s, NULL);
        snprintf(what, sizeof(what), "3341-%d", cases[i].number);
        check_near(what, "integrated", got.integrated_lufs, cases[i].expected, 0.1);
        if (i < 2) {
            check_near(what, "momentary", got.max_momentary_lufs, cases[i].expected, 0.1);
            check_near(what, "short-term", got.max_short_term_lufs, cases[i].expected, 0.1);
        }
        free_signal(&s);
    }
    /* 6: 5.0, here 5.1 with a loud LFE that must not count. */
    static const double levels_db[6] = {-28, -28, -24, 0, -30, -30};
    signal s = make_signal(6, 48000, 20);
    for (uint32_t c = 0; c < 6; c++)
        add_tone(&s, c, 0, 20, levels_db[c]);
    mxd_loudness got = measure(&s, mxd_layout_find("5.1"));
    check_near("3341-6", "integrated", got.integrated_lufs, -23, 0.1);
    free_signal(&s);
}

static void test_3341_series(void **state)
{
    (void)state;
    const part nine[] = {{-20, 1.34}, {-30, 1.66}}, twelve[] = {{-20, 0.18}, {-30, 0.22}};
    const double *momentary, *short_term;
    signal s = make_stereo_tones(nine, 2, 5);
    mxd_meter *meter = push_all(&s, NULL, 4096, NULL);
    size_t n = mxd_meter_series(meter, &momentary, &short_term);
    assert_int_equal(n, 150);
    for (size_t i = 29; i < n; i++)
        check_near("3341-9", "short-term", short_term[i], -23, 0.1);
    mxd_meter_destroy(meter);
    free_signal(&s);

    s = make_stereo_tones(twelve, 2, 25);
    meter = push_all(&s, NULL, 4096, NULL);
    n = mxd_meter_series(meter, &momentary, &short_term);
    assert_int_equal(n, 100);
    for (size_t i = 9; i < n; i++)
        check_near("3341-12", "momentary", momentary[i], -23, 0.1);
    mxd_meter_destroy(meter);
    free_signal(&s);
}

static void test_3341_maxima(void **state)
{
    (void)state;
    for (int k = 0; k < 20; k++) {
        char what[20];
        const part ten[] = {{-300, k * 0.15}, {-23, 3}, {-300, 1}};
        const part thirteen[] = {{-300, k * 0.02}, {-23, 0.4}, {-300, 1}};
        signal s = make_stereo_tones(ten, 3, 1);
        snprintf(what, sizeof(what), "3341-10-%d", k + 1);
        check_near(what, "largest short-term", measure(&s, NULL).max_short_term_lufs, -23, 0.1);
        free_signal(&s);
        s = make_stereo_tones(thirteen, 3, 1);
        snprintf(what, sizeof(what), "3341-13-%d", k + 1);
        check_near(what, "largest momentary", measure(&s, NULL).max_momentary_lufs, -23, 0.1);
        free_signal(&s);
    }
    /* 11 and 14 in one go each: the level rises from segment to segment, so the maximum so far is the segment's. */
    mxd_meter *eleven = mxd_meter_create(NULL, 2, 48000, NULL), *fourteen = mxd_meter_create(NULL, 2, 48000, NULL);
    assert_non_null(eleven);
    assert_non_null(fourteen);
    for (int i = 0; i < 20; i++) {
        char what[30];
        mxd_loudness got;
        const part a[] = {{-300, i * 0.15}, {-38 + i, 3}, {-300, 3 - i * 0.15}};
        const part b[] = {{-300, i * 0.02}, {-38 + i, 0.4}, {-300, 0.4 - i * 0.02}};
        signal s = make_stereo_tones(a, 3, 1);
        assert_int_equal(mxd_meter_push(eleven, (const float *const *)s.channels, s.num_frames), MXD_OK);
        mxd_meter_read(eleven, &got);
        snprintf(what, sizeof(what), "3341-11, segment %d", i);
        check_near(what, "largest short-term", got.max_short_term_lufs, -38 + i, 0.1);
        free_signal(&s);
        s = make_stereo_tones(b, 3, 1);
        assert_int_equal(mxd_meter_push(fourteen, (const float *const *)s.channels, s.num_frames), MXD_OK);
        mxd_meter_read(fourteen, &got);
        snprintf(what, sizeof(what), "3341-14, segment %d", i);
        check_near(what, "largest momentary", got.max_momentary_lufs, -38 + i, 0.1);
        free_signal(&s);
    }
    mxd_meter_destroy(eleven);
    mxd_meter_destroy(fourteen);
}

static void test_3341_true_peak(void **state)
{
    (void)state;
    static const struct {
        int number;
        double divisor, amplitude, phase_deg, expected;
    } cases[] = {{15, 4, 0.50, 0, -6}, {16, 4, 0.50, 45, -6}, {17, 6, 0.50, 60, -6}, {18, 8, 0.50, 67.5, -6},
                 {19, 4, 1.41, 45, 3}};
    for (size_t i = 0; i < 5; i++) {
        char what[20];
        signal s = make_signal(2, 48000, 1);
        for (uint32_t f = 0; f < s.num_frames; f++) {
            /* Fades of 10 ms: a sine that is cut off would overshoot, and rightly so. */
            double edge = fmin(1.0, fmin(f, s.num_frames - f) / 480.0);
            double x = sin(2.0 * pi * f / cases[i].divisor + cases[i].phase_deg * pi / 180.0);
            s.channels[0][f] = s.channels[1][f] = (float)(cases[i].amplitude * edge * x);
        }
        double got = measure(&s, NULL).true_peak_dbtp - cases[i].expected;
        snprintf(what, sizeof(what), "3341-%d", cases[i].number);
        if (!(got <= 0.2 && got >= -0.4))
            fail_msg("%s: true peak is off by %.3f dB", what, got);
        free_signal(&s);
    }
}

static void test_3342_range(void **state)
{
    (void)state;
    static const struct {
        part parts[5];
        size_t num_parts;
        double expected;
    } cases[] = {
        {{{-20, 20}, {-30, 20}}, 2, 10},
        {{{-20, 20}, {-15, 20}}, 2, 5},
        {{{-40, 20}, {-20, 20}}, 2, 20},
        {{{-50, 20}, {-35, 20}, {-20, 20}, {-35, 20}, {-50, 20}}, 5, 15},
    };
    for (size_t i = 0; i < 4; i++) {
        char what[20];
        signal s = make_stereo_tones(cases[i].parts, cases[i].num_parts, 1);
        snprintf(what, sizeof(what), "3342-%zu", i + 1);
        /* Tech 3342 allows 1 LU; tones of constant level leave only the windows that straddle two levels. */
        check_near(what, "range", measure(&s, NULL).range_lu, cases[i].expected, 0.1);
        free_signal(&s);
    }
}

static void test_ebu_files(void **state)
{
    (void)state;
    enum { I = 1, M = 2, S = 4, TP = 8 };
    static const struct {
        const char *file;
        int figures;
        double expected;
    } cases[] = {
        {"seq-3341-1-16bit.flac", I | M | S, -23},  {"seq-3341-10-1-24bit.flac", S, -23},
        {"seq-3341-10-8-24bit.flac", S, -23},       {"seq-3341-13-1-24bit.flac", M, -23},
        {"seq-3341-13-10-24bit.flac", M, -23},      {"seq-3341-15-24bit.flac", TP, -6},
        {"seq-3341-16-24bit.flac", TP, -6},         {"seq-3341-18-24bit.flac", TP, -6},
        {"seq-3341-20-24bit.flac", TP, 0},          {"seq-3341-21-24bit.flac", TP, 0},
        {"bs2217_1770-2_Comp_RelGateTest.wav", I, -10},
    };
    int num_found = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char path[512];
        mxd_measure_result *result = NULL;
        snprintf(path, sizeof(path), "%s/vectors/loudness/%s", MXD_SHARED, cases[i].file);
        if (access(path, R_OK) != 0)
            continue;
        mxd_problems *problems = mxd_problems_create();
        assert_int_equal(mxd_measure_file(path, NULL, 2, problems, &result), MXD_OK);
        const mxd_loudness *got = &result->loudness;
        if (cases[i].figures & I)
            check_near(cases[i].file, "integrated", got->integrated_lufs, cases[i].expected, 0.1);
        if (cases[i].figures & M)
            check_near(cases[i].file, "momentary", got->max_momentary_lufs, cases[i].expected, 0.1);
        if (cases[i].figures & S)
            check_near(cases[i].file, "short-term", got->max_short_term_lufs, cases[i].expected, 0.1);
        double over = got->true_peak_dbtp - cases[i].expected;
        if ((cases[i].figures & TP) && !(over <= 0.2 && over >= -0.4))
            fail_msg("%s: true peak is off by %.3f dB", cases[i].file, over);
        mxd_measure_result_destroy(result);
        mxd_problems_destroy(problems);
        num_found++;
    }
    if (num_found == 0) {
        print_message("the EBU's signals are not here: %s/vectors/loudness\n", MXD_SHARED);
        skip();
    }
}

/* ---- Pushes, edges, faults ----------------------------------------------------- */

static void check_same(const signal *s, const mxd_layout *layout, uint32_t push_frames, mxd_threads *threads)
{
    mxd_loudness once, cut;
    const double *series[2][2];
    mxd_meter *a = push_all(s, layout, s->num_frames, NULL), *b = push_all(s, layout, push_frames, threads);
    mxd_meter_read(a, &once);
    mxd_meter_read(b, &cut);
    if (memcmp(&once, &cut, sizeof(once)) != 0)
        fail_msg("%u channels at %u Hz in pushes of %u frames: other figures than in one push", s->num_channels,
                 s->rate, push_frames);
    size_t n = mxd_meter_series(a, &series[0][0], &series[0][1]);
    assert_int_equal(mxd_meter_series(b, &series[1][0], &series[1][1]), n);
    for (int k = 0; n > 0 && k < 2; k++)
        assert_memory_equal(series[0][k], series[1][k], n * sizeof(double));
    mxd_meter_destroy(a);
    mxd_meter_destroy(b);
}

static void test_push_sizes(void **state)
{
    (void)state;
    static const uint32_t push_frames[] = {1, 127, 128, 129, 4096, 4799, 4800, 4801, 10007, 65536};
    mxd_threads *threads = mxd_threads_create(2);
    assert_non_null(threads);
    for (size_t p = 0; p < sizeof(push_frames) / sizeof(push_frames[0]); p++) {
        signal s = make_signal(12, 48000, 4.321);
        fill_noise(&s, 0.2f, 0.3f);
        check_same(&s, mxd_layout_find("7.1.4"), push_frames[p], NULL);
        check_same(&s, mxd_layout_find("7.1.4"), push_frames[p], threads);
        free_signal(&s);
        s = make_signal(2, 11025, 4.321);
        fill_noise(&s, 0.2f, 0.3f);
        check_same(&s, NULL, push_frames[p], threads);
        /* With NaN here and there, and an infinity: the same, whichever way round they are met. */
        for (uint32_t i = 700; i < s.num_frames; i += 9973)
            s.channels[0][i] = NAN;
        check_same(&s, NULL, push_frames[p], threads);
        s.channels[1][20000] = -INFINITY;
        check_same(&s, NULL, push_frames[p], threads);
        free_signal(&s);
    }
    mxd_threads_destroy(threads);
}

static void test_edges(void **state)
{
    (void)state;
    const mxd_layout *layout = mxd_layout_find("5.1");
    mxd_loudness got;
    mxd_meter *meter = mxd_meter_create(layout, 6, 48000, NULL);
    assert_non_null(meter);
    mxd_meter_read(meter, &got); /* nothing pushed */
    assert_true(got.integrated_lufs == -HUGE_VAL && got.true_peak_dbtp == -HUGE_VAL && got.range_lu == 0.0);
    mxd_meter_destroy(meter);
    mxd_meter_destroy(NULL);
    mxd_measure_result_destroy(NULL);
    assert_null(mxd_meter_create(layout, 5, 48000, NULL));
    assert_null(mxd_meter_create(NULL, 6, 48000, NULL));
    assert_null(mxd_meter_create(NULL, 2, 7999, NULL));
    assert_null(mxd_meter_create(NULL, 2, 384001, NULL));

    signal s = make_signal(2, 48000, 5); /* silence */
    got = measure(&s, NULL);
    assert_true(got.integrated_lufs == -HUGE_VAL && got.max_momentary_lufs == -HUGE_VAL &&
                got.max_short_term_lufs == -HUGE_VAL && got.range_lu == 0.0 && got.true_peak_dbtp == -HUGE_VAL &&
                got.sample_peak_dbfs == -HUGE_VAL);
    for (uint32_t i = 0; i < s.num_frames; i++)
        s.channels[0][i] = noise() * 1e-39f; /* denormals */
    got = measure(&s, NULL);
    assert_true(got.integrated_lufs == -HUGE_VAL);
    check_near("denormals", "sample peak", got.sample_peak_dbfs, -780, 0.1);

    for (uint32_t i = 0; i < s.num_frames; i++)
        s.channels[0][i] = s.channels[1][i] = i / 24 % 2 ? -1.0f : 1.0f; /* full-scale square wave, 1 kHz */
    got = measure(&s, NULL);
    assert_true(got.sample_peak_dbfs == 0.0 && got.true_peak_dbtp > 0.5 && got.true_peak_dbtp < 4.0);
    /* Power 1 on each of two channels: -0.691 + 10 log 2, and up to 4 dB of shelf on the harmonics. */
    assert_true(got.integrated_lufs > 2.32 && got.integrated_lufs < 2.32 + 4.0);
    free_signal(&s);

    s = make_signal(1, 44100, 0.0); /* one sample */
    s.num_frames = 1;
    s.channels[0][0] = -0.5f;
    got = measure(&s, NULL);
    assert_true(got.integrated_lufs == -HUGE_VAL && got.max_momentary_lufs == -HUGE_VAL);
    check_near("one sample", "true peak", got.true_peak_dbtp, -6.0206, 0.001);
    free_signal(&s);
}

/* A NaN or infinity in a frame must not take away the peak, or the loudness, of all others. */
static void test_non_finite(void **state)
{
    (void)state;
    signal s = make_signal(2, 48000, 3);
    fill_noise(&s, 0.1f, 0.0f);
    s.channels[1][70001] = 1.0f;
    s.channels[1][70002] = 1.0f;
    mxd_loudness clean = measure(&s, NULL);
    for (int place = -40; place <= 40; place += 5) {
        if (place == 0)
            continue;
        float kept = s.channels[1][70001 + place];
        s.channels[1][70001 + place] = NAN;
        mxd_loudness got = measure(&s, NULL);
        /* The NaN stands for 0: the peak moves by no more than the tap there times the 0.4 that noise reaches. */
        check_near("a NaN beside the peak", "true peak", got.true_peak_dbtp, clean.true_peak_dbtp, 1.0);
        check_near("a NaN beside the peak", "integrated", got.integrated_lufs, clean.integrated_lufs, 0.01);
        assert_true(got.sample_peak_dbfs == 0.0);
        s.channels[1][70001 + place] = INFINITY;
        got = measure(&s, NULL);
        assert_true(got.true_peak_dbtp == HUGE_VAL && got.sample_peak_dbfs == HUGE_VAL);
        check_near("an infinity beside the peak", "integrated", got.integrated_lufs, clean.integrated_lufs, 0.01);
        s.channels[1][70001 + place] = kept;
    }
    free_signal(&s);
}

/* Table 4 of BS.1770-5: each loudspeaker of each layout alone. */
static void test_weights(void **state)
{
    (void)state;
    for (uint32_t l = 0; mxd_layout_get(l); l++) {
        const mxd_layout *layout = mxd_layout_get(l);
        for (uint32_t c = 0; c < layout->num_channels; c++) {
            const mxd_speaker *speaker = &layout->speakers[c];
            const char *label = speaker->label;
            bool side = strcmp(label + 2, "060") == 0 || strcmp(label + 2, "090") == 0 || strcmp(label + 2, "110") == 0;
            double weight_db = label[0] == 'M' && side ? 10.0 * log10(1.41) : 0.0;
            signal s = make_signal(layout->num_channels, 48000, 1);
            add_tone(&s, c, 0, 1, -20);
            double got = measure(&s, layout).integrated_lufs;
            /* A sine's -3.01 and -20 dB; 997 Hz would be exact, 1 kHz is 0.01 more; the first 400 ms ring in. */
            if (speaker->lfe)
                assert_true(got == -HUGE_VAL);
            else
                check_near(layout->name, label, got, -23.01 + weight_db, 0.05);
            free_signal(&s);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_witness_noise),   cmocka_unit_test(test_witness_song),
        cmocka_unit_test(test_3341_integrated), cmocka_unit_test(test_3341_series),
        cmocka_unit_test(test_3341_maxima),     cmocka_unit_test(test_3341_true_peak),
        cmocka_unit_test(test_3342_range),      cmocka_unit_test(test_ebu_files),
        cmocka_unit_test(test_push_sizes),      cmocka_unit_test(test_edges),
        cmocka_unit_test(test_non_finite),      cmocka_unit_test(test_weights),
    };
    printf("seed %u\n", random_state);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
