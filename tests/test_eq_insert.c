/*
 * The equaliser as sessions use it: bands that move, scopes, linear phase and
 * dynamic bands, rendered and held against recursions in double, closed forms,
 * and what every engineer expects of them.
 */
#include "fixture.h"
#include "formats/reader.h"
#include "host/effects/eq_linear.h"
#include "host/backend.h"
#include "render_fixture.h"
#include "sections.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#define RATE 48000
#define NUM_FRAMES 48000

static const double pi = 3.14159265358979323846;

static double decibels(double value)
{
    return 20 * log10(value < 1e-300 ? 1e-300 : value); /* a NaN stays one */
}

/* ---- A recursion in double ----------------------------------------------- */

/* A band's numbers at a frame. */
typedef mxd_eq_band band_at(double frame);

typedef struct coefficients {
    double a[MXD_FILTER_SECTION_VALUES];
} coefficients;

static coefficients coefficients_at(band_at *at, double frame)
{
    const mxd_eq_band band = at(frame);
    mxd_svf sections[MXD_EQ_MAX_BAND_SECTIONS];
    coefficients c;
    mxd_eq_design_at(&band, mxd_eq_prewarp(band.frequency_hz, RATE), sections);
    mxd_eq_coefficients(&sections[0], c.a);
    return c;
}

typedef enum motion {
    BY_POINTS, /* straight lines between coefficients 32 frames apart: what is promised */
    BY_FRAMES, /* designed anew for every frame: the ideal */
    BY_STEPS   /* held for 32 frames: zipper noise */
} motion;

/* One section, as Simper gives the recursion, in place. */
static void filter_moving(band_at *at, motion how, double *x)
{
    double s1 = 0, s2 = 0;
    coefficients from = {{0}}, to = {{0}};
    for (uint32_t n = 0; n < NUM_FRAMES; n++) {
        if (n % 32 == 0) {
            from = coefficients_at(at, n);
            to = coefficients_at(at, n + 32);
        }
        coefficients c = from;
        for (int i = 0; how == BY_POINTS && i < MXD_FILTER_SECTION_VALUES; i++)
            c.a[i] += (to.a[i] - from.a[i]) * (n % 32) / 32.0;
        if (how == BY_FRAMES)
            c = coefficients_at(at, n);
        const double a1 = 1 - c.a[MXD_FILTER_OMA1], a2 = c.a[MXD_FILTER_A2], a3 = c.a[MXD_FILTER_A3];
        const double v1 = a1 * s1 + a2 * (x[n] - s2), v2 = s2 + a2 * s1 + a3 * (x[n] - s2);
        s1 = 2 * v1 - s1;
        s2 = 2 * v2 - s2;
        x[n] = c.a[MXD_FILTER_M0] * x[n] + c.a[MXD_FILTER_M1] * v1 + c.a[MXD_FILTER_M2] * v2;
    }
}

static double line(double frame, double first, double last)
{
    return first + (last - first) * fmin(frame / NUM_FRAMES, 1);
}

/* ---- Renders ------------------------------------------------------------- */

static const mxd_backend_kind backends[] = {MXD_BACKEND_REFERENCE, MXD_BACKEND_CPU, MXD_BACKEND_VULKAN};

static bool has_vulkan(void)
{
    mxd_vulkan_device devices[16];
    return mxd_vulkan_devices(devices, 16) > 0;
}

/* A file through an eq; place: where its channels go. */
static fixture_audio render_eq(fixture *f, const char *file, const char *eq, const char *place,
                               mxd_backend_kind backend, uint32_t block_frames)
{
    char json[4096];
    const int length = snprintf(json, sizeof json,
                                HEAD "\"tracks\": [ { \"name\": \"A\", \"clips\": [ { \"file\": \"%s\" } ], "
                                     "\"inserts\": [ { \"type\": \"eq\", %s } ], \"place\": %s } ], " STEREO_OUT,
                                file, eq, place);
    assert_true(length > 0 && (size_t)length < sizeof json);
    const mxd_render_options options = {.backend = backend, .device_given = true, .block_frames = block_frames};
    return fixture_output(f, json, &options);
}

/* Peak difference of the first NUM_FRAMES frames of some channels. */
static double difference_db(const fixture_audio *audio, const double *const *expected, uint32_t num_channels)
{
    double peak = 0;
    assert_true(audio->frames >= NUM_FRAMES);
    for (uint32_t n = 0; n < NUM_FRAMES; n++)
        for (uint32_t c = 0; c < num_channels; c++) {
            const double error = fabs(audio->samples[n * audio->channels + c] - expected[c][n]);
            if (!(error <= peak))
                peak = error;
        }
    return decibels(peak);
}

/* On every backend, cut in two ways, within limit_db of what is expected. */
static void expect_everywhere(fixture *f, const char *file, const char *eq, const char *place,
                              const double *const *expected, uint32_t num_channels, double limit_db)
{
    const bool vulkan = has_vulkan();
    for (size_t b = 0; b < sizeof backends / sizeof backends[0]; b++)
        for (uint32_t block_frames = 1024; block_frames <= 65536; block_frames *= 64) {
            if (backends[b] == MXD_BACKEND_VULKAN && !vulkan) {
                print_message("no Vulkan device: skipped\n");
                continue;
            }
            fixture_audio audio = render_eq(f, file, eq, place, backends[b], block_frames);
            const double found_db = difference_db(&audio, expected, num_channels);
            free(audio.samples);
            if (!(found_db <= limit_db))
                fail_msg("backend %d, blocks of %u: %.1f dB off, allowed %.1f", (int)backends[b],
                         (unsigned)block_frames, found_db, limit_db);
        }
}

/* ---- Bands that move ----------------------------------------------------- */

static mxd_eq_band sweep_at(double frame)
{
    return (mxd_eq_band){MXD_EQ_BELL, line(frame, 60, 9000), 9, line(frame, 0.7, 6), 12};
}

static mxd_eq_band still_at(double frame)
{
    (void)frame;
    return (mxd_eq_band){MXD_EQ_HIGH_PASS, 40, 0, sqrt(0.5), 12};
}

static mxd_eq_band shelf_at(double frame)
{
    return (mxd_eq_band){MXD_EQ_LOW_SHELF, 300, line(frame, 0, -12), sqrt(0.5), 12};
}

#define MOVING_BANDS                                                                                                   \
    "\"bands\": [ { \"type\": \"bell\", \"frequency_hz\": 500, \"gain_db\": 9 }, "                                      \
    "{ \"type\": \"high-pass\", \"frequency_hz\": 40 }, { \"type\": \"bell\", \"frequency_hz\": 99, \"gain_db\": 0 }, " \
    "{ \"type\": \"low-shelf\", \"frequency_hz\": 300, \"gain_db\": 0 } ], \"automation\": [ "                          \
    "{ \"parameter\": \"bands[0].frequency_hz\", \"points\": [ [0, 60], [1, 9000] ] }, "                               \
    "{ \"parameter\": \"bands[0].q\", \"points\": [ [0, 0.7], [1, 6] ] }, "                                            \
    "{ \"parameter\": \"bands[3].gain_db\", \"points\": [ [0, 0], [1, -12] ] } ]"

static void bands_move(void **state)
{
    fixture *f = *state;
    double *x = malloc(NUM_FRAMES * sizeof *x), *ideal = malloc(NUM_FRAMES * sizeof *ideal);
    double off = 0;
    assert_true(x && ideal);
    for (uint32_t n = 0; n < NUM_FRAMES; n++)
        x[n] = ideal[n] = fixture_noise(0, n);
    for (int i = 0; i < 2; i++) {
        double *y = i ? ideal : x;
        filter_moving(sweep_at, i ? BY_FRAMES : BY_POINTS, y);
        filter_moving(still_at, BY_POINTS, y);
        filter_moving(shelf_at, i ? BY_FRAMES : BY_POINTS, y);
    }
    for (uint32_t n = 0; n < NUM_FRAMES; n++)
        off = fmax(off, fabs(x[n] - ideal[n]));
    print_message("points 32 frames apart are %.1f dB off what is designed for every frame\n", decibels(off));
    assert_true(decibels(off) <= -70);
    /* White noise of half full scale, up to 9 dB up: the kernels' -120 dB apply. */
    expect_everywhere(f, "noise.wav", MOVING_BANDS, "{ \"pan\": -1 }", (const double *const[]){x}, 1, -120);
    free(x);
    free(ideal);
}

/* ---- Zipper noise -------------------------------------------------------- */

#define WINDOW 32768
#define FIRST 8000 /* well within the motion */

static float tone(uint32_t channel, uint64_t frame)
{
    (void)channel;
    return (float)(0.1 * sin(2 * pi * 1000 * (double)frame / RATE));
}

/* Seven-term Blackman-Harris (Albrecht 2001): sidelobes below -180 dB, 7 bins to a side. */
static double albrecht(uint32_t n)
{
    static const double a[] = {0.27105140069342, -0.43329793923448, 0.21812299954311, -0.06592544638803,
                               0.01081174209837, -0.00077658482522, 0.00001388721735};
    double w = 0;
    for (int i = 0; i < 7; i++)
        w += a[i] * cos(2 * pi * i * n / WINDOW);
    return w;
}

/* Highest level between 1.3 kHz and 23 kHz, in every seventh bin of a window of 15 bins' width, over the tone's own. */
static double highest_db(const double *x)
{
    static double weighted[WINDOW], cosine[WINDOW];
    for (uint32_t n = 0; n < WINDOW; n++) {
        weighted[n] = x[FIRST + n] * albrecht(n);
        cosine[n] = cos(2 * pi * n / WINDOW);
    }
    double highest = 0, own = 0;
    for (uint32_t bin = 683; bin < 15700; bin += bin == 683 ? 205 : 7) {
        double re = 0, im = 0;
        for (uint32_t n = 0, angle = 0; n < WINDOW; n++, angle = (angle + bin) % WINDOW) {
            re += weighted[n] * cosine[angle];
            im += weighted[n] * cosine[(angle + WINDOW / 4) % WINDOW];
        }
        if (bin == 683)
            own = hypot(re, im);
        else
            highest = fmax(highest, hypot(re, im));
    }
    return decibels(highest / own);
}

static mxd_eq_band rise_at(double frame)
{
    return (mxd_eq_band){MXD_EQ_BELL, 1000, line(frame, -24, 24), 1, 12};
}

/*
 * A tone under a bell that moves from -24 to 24 dB within a second. Its spectrum
 * is the tone's with a skirt; what is told here is all that lies 300 Hz and more
 * above. Held for 32 frames at a time, the same motion fails: the test can tell.
 */
static void gains_move_without_zipper_noise(void **state)
{
    fixture *f = *state;
    fixture_wav(f, "tone.wav", RATE, 1, NUM_FRAMES, tone);
    double *x = malloc(NUM_FRAMES * sizeof *x);
    assert_non_null(x);
    const char *const moves[] = {
        "\"bands\": [ { \"type\": \"bell\", \"frequency_hz\": 1000, \"gain_db\": 0 } ], \"automation\": [ { "
        "\"parameter\": \"bands[0].gain_db\", \"points\": [ [0, -24], [1, 24] ] } ]",
        "\"bands\": [ { \"type\": \"bell\", \"frequency_hz\": 1000, \"gain_db\": 12 } ], \"automation\": [ { "
        "\"parameter\": \"bands[0].frequency_hz\", \"points\": [ [0, 200], [1, 4000] ] } ]"};
    for (int i = 0; i < 2; i++) {
        fixture_audio audio = render_eq(f, "tone.wav", moves[i], "{ \"pan\": -1 }", MXD_BACKEND_CPU, 0);
        for (uint32_t n = 0; n < NUM_FRAMES; n++)
            x[n] = audio.samples[n * audio.channels];
        free(audio.samples);
        const double found_db = highest_db(x);
        print_message("%s: highest from 1.3 kHz up %.1f dB\n", i ? "frequency" : "gain", found_db);
        assert_true(found_db <= -100);
    }
    for (uint32_t n = 0; n < NUM_FRAMES; n++)
        x[n] = tone(0, n);
    filter_moving(rise_at, BY_STEPS, x);
    const double stepped_db = highest_db(x);
    print_message("held instead: %.1f dB\n", stepped_db);
    assert_true(stepped_db > -90);
    free(x);
}

/* ---- Scopes -------------------------------------------------------------- */

static mxd_eq_band left_at(double frame)
{
    (void)frame;
    return (mxd_eq_band){MXD_EQ_BELL, 1000, 6, 1, 12};
}

static mxd_eq_band mid_at(double frame)
{
    return (mxd_eq_band){MXD_EQ_BELL, 2000, line(frame, 9, -9), 2, 12};
}

static mxd_eq_band side_at(double frame)
{
    (void)frame;
    return (mxd_eq_band){MXD_EQ_HIGH_PASS, 200, 0, sqrt(0.5), 12};
}

static mxd_eq_band right_at(double frame)
{
    (void)frame;
    return (mxd_eq_band){MXD_EQ_HIGH_SHELF, 5000, -4, sqrt(0.5), 12};
}

#define SCOPE_BANDS                                                                                                    \
    "\"bands\": [ { \"type\": \"bell\", \"frequency_hz\": 1000, \"gain_db\": 6, \"scope\": \"left\" }, "               \
    "{ \"type\": \"bell\", \"frequency_hz\": 2000, \"gain_db\": 9, \"q\": 2, \"scope\": \"mid\" }, "                    \
    "{ \"type\": \"high-pass\", \"frequency_hz\": 200, \"scope\": \"side\" }, "                                        \
    "{ \"type\": \"high-pass\", \"frequency_hz\": 40 }, "                                                              \
    "{ \"type\": \"high-shelf\", \"frequency_hz\": 5000, \"gain_db\": -4, \"scope\": \"right\" } ]"

static void scopes_are_kept_apart(void **state)
{
    fixture *f = *state;
    double *x[2] = {malloc(NUM_FRAMES * sizeof **x), malloc(NUM_FRAMES * sizeof **x)};
    assert_true(x[0] && x[1]);
    for (uint32_t n = 0; n < NUM_FRAMES; n++)
        for (uint32_t c = 0; c < 2; c++)
            x[c][n] = fixture_noise(c, n);
    filter_moving(left_at, BY_POINTS, x[0]);
    for (uint32_t n = 0; n < NUM_FRAMES; n++) {
        const double mid = (x[0][n] + x[1][n]) / 2, side = (x[0][n] - x[1][n]) / 2;
        x[0][n] = mid;
        x[1][n] = side;
    }
    filter_moving(mid_at, BY_POINTS, x[0]);
    filter_moving(side_at, BY_POINTS, x[1]);
    filter_moving(still_at, BY_POINTS, x[0]);
    filter_moving(still_at, BY_POINTS, x[1]);
    for (uint32_t n = 0; n < NUM_FRAMES; n++) {
        const double left = x[0][n] + x[1][n], right = x[0][n] - x[1][n];
        x[0][n] = left;
        x[1][n] = right;
    }
    filter_moving(right_at, BY_POINTS, x[1]);
    expect_everywhere(f, "pair.wav",
                      SCOPE_BANDS ", \"automation\": [ { \"parameter\": \"bands[1].gain_db\", \"points\": [ [0, 9], "
                                  "[1, -9] ] } ]",
                      "{ \"bed\": \"stereo\" }", (const double *const *)x, 2, -120);
    free(x[0]);
    free(x[1]);
}

static float alike(uint32_t channel, uint64_t frame)
{
    (void)channel;
    return fixture_noise(0, frame);
}

/* Bands of 0 dB change no bit; the sides' high-pass and boost leave a mono signal as it is, to the bit. */
static void what_is_not_meant_stays(void **state)
{
    fixture *f = *state;
    fixture_wav(f, "alike.wav", RATE, 2, NUM_FRAMES, alike);
    static const char *const files[] = {"pair.wav", "alike.wav"};
    static const char *const eqs[] = {
        "\"bands\": [ { \"type\": \"bell\", \"frequency_hz\": 1000, \"gain_db\": 0, \"scope\": \"mid\" }, "
        "{ \"type\": \"bell\", \"frequency_hz\": 1000, \"gain_db\": 3, \"scope\": \"side\", \"enabled\": false } ]",
        "\"bands\": [ { \"type\": \"high-pass\", \"frequency_hz\": 300, \"scope\": \"side\" }, "
        "{ \"type\": \"bell\", \"frequency_hz\": 1000, \"gain_db\": 9, \"scope\": \"side\" } ]"};
    for (int i = 0; i < 2; i++) {
        fixture_audio audio = render_eq(f, files[i], eqs[i], "{ \"bed\": \"stereo\" }", MXD_BACKEND_CPU, 0);
        for (uint32_t n = 0; n < NUM_FRAMES; n++)
            for (uint32_t c = 0; c < 2; c++)
                assert_true(audio.samples[2 * n + c] == (i ? alike : fixture_noise)(c, n));
        free(audio.samples);
    }
}

/* ---- Linear phase -------------------------------------------------------- */

static mxd_eq_insert *read_eq(fixture *f, const char *json)
{
    fixture_text(f, "insert.json", json);
    mxd_document *document = NULL;
    assert_int_equal(mxd_document_open(fixture_path(f, "insert.json"), f->problems, &document), MXD_OK);
    mxd_reader *root = mxd_document_root(document);
    mxd_read_has(root, "type");
    const mxd_effect_context context = {.sample_rate = RATE, .folder = f->folder};
    mxd_eq_insert *insert = mxd_effect_eq.read(root, &context);
    mxd_reader_close(root);
    mxd_document_close(document);
    fixture_print(f->problems);
    assert_int_equal(mxd_problems_count(f->problems), 0);
    return insert;
}

/* |H| of a symmetric response: real. */
static double symmetric_at(const float *response, uint32_t length, double frequency_hz)
{
    double sum = response[length / 2];
    for (uint32_t n = 1; n <= length / 2; n++)
        sum += 2 * response[length / 2 + n] * cos(2 * pi * frequency_hz / RATE * n);
    return sum;
}

/* Of one band against the section's closed form: 0.05 dB where it lies above -40 dB; below, as much of full scale. */
static void linear_phase_has_the_magnitude(void **state)
{
    fixture *f = *state;
    static const char *const bands[] = {
        "\"type\": \"bell\", \"frequency_hz\": 1000, \"gain_db\": 12, \"q\": 2",
        "\"type\": \"bell\", \"frequency_hz\": 60, \"gain_db\": -18, \"q\": 4",
        "\"type\": \"bell\", \"frequency_hz\": 18000, \"gain_db\": 6, \"q\": 0.5",
        "\"type\": \"low-shelf\", \"frequency_hz\": 120, \"gain_db\": 9",
        "\"type\": \"high-shelf\", \"frequency_hz\": 9000, \"gain_db\": -30",
        "\"type\": \"tilt\", \"frequency_hz\": 800, \"gain_db\": 6",
        "\"type\": \"high-pass\", \"frequency_hz\": 30",
        "\"type\": \"high-pass\", \"frequency_hz\": 80, \"slope_db_per_octave\": 48",
        "\"type\": \"low-pass\", \"frequency_hz\": 12000, \"slope_db_per_octave\": 24",
        "\"type\": \"band-pass\", \"frequency_hz\": 700, \"q\": 3",
        "\"type\": \"notch\", \"frequency_hz\": 3000, \"q\": 1",
    };
    for (size_t i = 0; i < sizeof bands / sizeof bands[0]; i++) {
        char json[512];
        snprintf(json, sizeof json, "{ \"type\": \"eq\", \"phase\": \"linear\", \"bands\": [ { %s } ] }", bands[i]);
        mxd_eq_insert *insert = read_eq(f, json);
        const mxd_eq_linear *linear = insert->linear;
        assert_true(linear->length % 2 == 1 && !linear->is_matrix);
        for (uint32_t n = 0; n < linear->length; n++)
            assert_true(linear->responses[0][n] == linear->responses[0][linear->length - 1 - n]);
        assert_int_equal(mxd_effect_eq.latency_frames(insert, 2), linear->length / 2);
        assert_int_equal(mxd_effect_eq.tail_frames(insert, 2), linear->length - 1);
        mxd_svf sections[MXD_EQ_MAX_BAND_SECTIONS];
        const uint32_t num_sections = mxd_eq_design(&insert->bands[0].band, RATE, sections);
        double worst_db = 0, worst = 0;
        for (double frequency_hz = 5; frequency_hz < 24000; frequency_hz *= 1.03) {
            double should = 1;
            for (uint32_t s = 0; s < num_sections; s++)
                should *= cabs(section_response(&sections[s], frequency_hz, RATE));
            const double is = symmetric_at(linear->responses[0], linear->length, frequency_hz);
            /* What is narrower than its resolution no response shows: the corner of a magnitude that touches 0. */
            const double narrow_hz = 4.0 * RATE / linear->length;
            const bool is_shown = frequency_hz >= narrow_hz && (insert->bands[0].band.type != MXD_EQ_NOTCH ||
                                                                fabs(frequency_hz - 3000) >= narrow_hz);
            if (should >= 0.01 && is_shown)
                worst_db = fmax(worst_db, fabs(decibels(is / should)));
            worst = fmax(worst, fabs(is - should));
        }
        print_message("%s: %u frames, %.4f dB, %.1f dB\n", bands[i], (unsigned)linear->length, worst_db, decibels(worst));
        mxd_effect_eq.destroy(insert);
        if (!(worst_db <= 0.05))
            fail_msg("%s: %.4f dB off", bands[i], worst_db);
    }
}

/* The spectrum about frame `middle`, for which the answer is symmetric. */
static double complex spectrum_at(const fixture_audio *audio, uint32_t channel, uint32_t middle, double frequency_hz)
{
    double complex sum = 0;
    for (uint32_t n = 0; n < audio->frames; n++)
        sum += audio->samples[n * audio->channels + channel] *
               cexp(-I * (2 * pi * frequency_hz / RATE * ((double)n - middle)));
    return sum;
}

static float left_impulse(uint32_t channel, uint64_t frame)
{
    return channel == 0 && frame == NUM_FRAMES / 2 ? 1.0f : 0.0f;
}

static double band_magnitude(const mxd_eq_band *band, double frequency_hz)
{
    mxd_svf sections[MXD_EQ_MAX_BAND_SECTIONS];
    double magnitude = 1;
    for (uint32_t s = 0, count = mxd_eq_design(band, RATE, sections); s < count; s++)
        magnitude *= cabs(section_response(&sections[s], frequency_hz, RATE));
    return magnitude;
}

/*
 * A bell on the left, then one on mid, which do not commute; what the left input
 * sends to both sides has no phase about the frame where it came in (latency is
 * compensated for), and the magnitudes of the two bands' product.
 */
static void linear_phase_renders_in_place(void **state)
{
    fixture *f = *state;
    fixture_wav(f, "left.wav", RATE, 2, NUM_FRAMES, left_impulse);
    const mxd_eq_band left = left_at(0), mid = mid_at(0);
    const bool vulkan = has_vulkan();
    for (size_t b = 0; b < sizeof backends / sizeof backends[0]; b++) {
        if (backends[b] == MXD_BACKEND_VULKAN && !vulkan)
            continue;
        fixture_audio audio = render_eq(
            f, "left.wav",
            "\"phase\": \"linear\", \"fir_length\": 8191, \"bands\": [ "
            "{ \"type\": \"bell\", \"frequency_hz\": 1000, \"gain_db\": 6, \"scope\": \"left\" }, "
            "{ \"type\": \"bell\", \"frequency_hz\": 2000, \"gain_db\": 9, \"q\": 2, \"scope\": \"mid\" } ]",
            "{ \"bed\": \"stereo\" }", backends[b], 0);
        for (double frequency_hz = 50; frequency_hz < 20000; frequency_hz *= 1.21) {
            const double l = band_magnitude(&left, frequency_hz), m = band_magnitude(&mid, frequency_hz);
            const double complex is[2] = {spectrum_at(&audio, 0, NUM_FRAMES / 2, frequency_hz),
                                          spectrum_at(&audio, 1, NUM_FRAMES / 2, frequency_hz)};
            const double should[2] = {l * (m + 1) / 2, l * (m - 1) / 2};
            for (int c = 0; c < 2; c++)
                if (!(cabs(is[c] - should[c]) <= 0.003 * l))
                    fail_msg("backend %d, channel %d, %g Hz: %g%+gi, not %g", (int)backends[b], c, frequency_hz,
                             creal(is[c]), cimag(is[c]), should[c]);
        }
        free(audio.samples);
    }
}

/* ---- Dynamic bands ------------------------------------------------------- */

static double level_of_tone, frequency_of_tone;

static float any_tone(uint32_t channel, uint64_t frame)
{
    (void)channel;
    return (float)(pow(10, level_of_tone / 20) * sin(2 * pi * frequency_of_tone * (double)frame / RATE));
}

/* Level of a sine at the end, over a whole number of periods of it. */
static double end_level_db(const fixture_audio *audio, uint32_t channel)
{
    double re = 0, im = 0;
    for (uint32_t n = NUM_FRAMES - 24000; n < NUM_FRAMES; n++) {
        const double x = audio->samples[n * audio->channels + channel], phase = 2 * pi * frequency_of_tone * n / RATE;
        re += x * cos(phase);
        im += x * sin(phase);
    }
    return decibels(hypot(re, im) / 12000);
}

/* The static curve with a soft knee (Giannoulis, Massberg, Reiss 2012, eq. 4), as a change in dB: above the threshold. */
static double curve_db(double over_db, double slope, double knee_db)
{
    if (2 * over_db <= -knee_db)
        return 0;
    return slope * (2 * fabs(over_db) <= knee_db ? pow(over_db + knee_db / 2, 2) / (2 * knee_db) : over_db);
}

/*
 * Sines at a bell's centre see the static curve, whole; an octave and more beside
 * it a bell of that gain and constant width, H = (p^2 + G k p + 1) / (p^2 + k p + 1);
 * far below a low shelf's corner its whole curve. Long releases hold the peak.
 */
static void dynamic_bands_follow_their_curve(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *band;
        double frequency_hz, slope, knee_db, range_db;
    } cases[] = {
        {"\"type\": \"bell\", \"frequency_hz\": 1000, \"threshold_db\": -30, \"ratio\": 4", 1000, -0.75, 6, 60},
        {"\"type\": \"bell\", \"frequency_hz\": 1000, \"threshold_db\": -30, \"ratio\": 3, \"direction\": \"up\", "
         "\"range_db\": 8", 1000, 2, 6, 8},
        {"\"type\": \"low-shelf\", \"frequency_hz\": 4000, \"threshold_db\": -30, \"ratio\": 2, \"knee_db\": 0",
         40, -0.5, 0, 60},
        {"\"type\": \"high-shelf\", \"frequency_hz\": 200, \"threshold_db\": -30, \"ratio\": 2, \"gain_db\": 3",
         18000, -0.5, 6, 60},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (level_of_tone = -50; level_of_tone <= -2; level_of_tone += 9.5) {
            frequency_of_tone = cases[i].frequency_hz;
            fixture_wav(f, "sine.wav", RATE, 1, NUM_FRAMES, any_tone);
            char eq[512];
            snprintf(eq, sizeof eq, "\"bands\": [ { %s, \"attack_ms\": 1, \"release_ms\": 1000 } ]", cases[i].band);
            fixture_audio audio = render_eq(f, "sine.wav", eq, "{ \"pan\": -1 }", MXD_BACKEND_CPU, 0);
            double change = curve_db(level_of_tone + 30, cases[i].slope, cases[i].knee_db);
            change = fmin(fmax(change, -cases[i].range_db), cases[i].range_db);
            const double should_db = level_of_tone + change + (i == 3 ? 3 : 0), is_db = end_level_db(&audio, 0);
            free(audio.samples);
            if (!(fabs(is_db - should_db) <= 0.1))
                fail_msg("case %zu at %g dB: %.3f dB, not %.3f", i, level_of_tone, is_db, should_db);
        }
}

/* A loud tone an octave above the band does not move it: the key is the band itself. And with a loud key it does. */
static void dynamic_bands_listen_to_themselves(void **state)
{
    fixture *f = *state;
    level_of_tone = -6;
    frequency_of_tone = 12000;
    fixture_wav(f, "far.wav", RATE, 1, NUM_FRAMES, any_tone);
    fixture_audio audio = render_eq(f, "far.wav",
                                    "\"bands\": [ { \"type\": \"bell\", \"frequency_hz\": 200, \"q\": 2, "
                                    "\"threshold_db\": -40, \"ratio\": 10 } ]",
                                    "{ \"pan\": -1 }", MXD_BACKEND_CPU, 0);
    const double untouched_db = end_level_db(&audio, 0);
    free(audio.samples);
    assert_true(fabs(untouched_db + 6) <= 0.01);

    frequency_of_tone = 1000;
    level_of_tone = -10;
    fixture_wav(f, "loud.wav", RATE, 1, NUM_FRAMES, any_tone);
    level_of_tone = -50;
    fixture_wav(f, "soft.wav", RATE, 1, NUM_FRAMES, any_tone);
    audio = fixture_output(
        f, HEAD "\"tracks\": [ { \"name\": \"Key\", \"clips\": [ { \"file\": \"loud.wav\" } ], \"fader_db\": null }, "
                "{ \"name\": \"A\", \"clips\": [ { \"file\": \"soft.wav\" } ], \"inserts\": [ { \"type\": \"eq\", "
                "\"side_chain\": { \"from\": \"Key\", \"tap\": \"pre-fader\" }, \"bands\": [ { \"type\": \"bell\", "
                "\"frequency_hz\": 1000, \"threshold_db\": -30, \"ratio\": 2, \"attack_ms\": 1, \"release_ms\": 1000 } ] } ], "
                "\"place\": { \"pan\": -1 } } ], " STEREO_OUT, NULL);
    const double ducked_db = end_level_db(&audio, 0);
    free(audio.samples);
    if (!(fabs(ducked_db + 60) <= 0.1))
        fail_msg("by the side-chain: %.3f dB, not -60", ducked_db);
}

#define DYNAMIC_BANDS                                                                                                  \
    "\"bands\": [ { \"type\": \"bell\", \"frequency_hz\": 800, \"threshold_db\": -40, \"ratio\": 3, \"gain_db\": 4 }, "   \
    "{ \"type\": \"high-shelf\", \"frequency_hz\": 5000, \"threshold_db\": -30, \"direction\": \"up\", \"scope\": "       \
    "\"side\" }, { \"type\": \"bell\", \"frequency_hz\": 300, \"threshold_db\": -45 } ], \"automation\": [ { \"parameter\": " \
    "\"bands[0].threshold_db\", \"points\": [ [0, -50], [1, -10] ] }, { \"parameter\": \"bands[2].frequency_hz\", "      \
    "\"points\": [ [0, 300], [1, 3000] ] } ]"

/* Moving, on side and on both channels: every backend as reference, however blocks are cut. */
static void dynamic_bands_are_alike_everywhere(void **state)
{
    fixture *f = *state;
    double *x[2] = {malloc(NUM_FRAMES * sizeof **x), malloc(NUM_FRAMES * sizeof **x)};
    assert_true(x[0] && x[1]);
    fixture_audio audio = render_eq(f, "pair.wav", DYNAMIC_BANDS, "{ \"bed\": \"stereo\" }", MXD_BACKEND_REFERENCE, 4096);
    double changed = 0;
    for (uint32_t n = 0; n < NUM_FRAMES; n++)
        for (uint32_t c = 0; c < 2; c++) {
            x[c][n] = audio.samples[2 * n + c];
            changed = fmax(changed, fabs(x[c][n] - fixture_noise(c, n)));
        }
    free(audio.samples);
    assert_true(changed > 0.05);
    expect_everywhere(f, "pair.wav", DYNAMIC_BANDS, "{ \"bed\": \"stereo\" }", (const double *const *)x, 2, -110);
    free(x[0]);
    free(x[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bands_move, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(gains_move_without_zipper_noise, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(scopes_are_kept_apart, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_meant_stays, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(linear_phase_has_the_magnitude, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(linear_phase_renders_in_place, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(dynamic_bands_follow_their_curve, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(dynamic_bands_listen_to_themselves, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(dynamic_bands_are_alike_everywhere, render_set_up, fixture_tear_down),
    };
    return cmocka_run_group_tests_name("eq insert", tests, NULL, NULL);
}
