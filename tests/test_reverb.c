/*
 * The reverb through whole renders: against a network written down in the most
 * direct way, and by what is measured of rooms: decay times by octave bands
 * (Schroeder's backward integration, ISO 3382-1), echo density (Abel and Huang),
 * correlation, energy.
 */
#include "host/effects/reverb.h"
#include "render_fixture.h"
#include "sections.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <complex.h>
#include <math.h>

#define RATE 48000

static const double pi = 3.14159265358979323846;

/* A session of one track of that file through a reverb, as that bed; seconds: 0 = until it has rung out. */
static const char *session_of(const char *file, double seconds, const char *reverb, const char *bed)
{
    static char json[2048];
    char length[64] = "";
    if (seconds > 0)
        snprintf(length, sizeof length, "\"length_s\": %g, ", seconds);
    snprintf(json, sizeof json,
             HEAD "%s\"tracks\": [ { \"name\": \"A\", \"clips\": [ { \"file\": \"%s\" } ], \"inserts\": [ { \"type\": "
             "\"reverb\", %s } ], \"place\": { \"bed\": \"%s\" } } ], \"deliverables\": [ { \"file\": \"out.wav\", "
             "\"layout\": \"%s\", \"bit_depth\": 32 } ] }",
             length, file, reverb, bed, bed);
    return json;
}

static fixture_audio answer(fixture *f, const char *file, double seconds, const char *reverb, const char *bed)
{
    return fixture_output(f, session_of(file, seconds, reverb, bed), NULL);
}

/* One channel, to be freed. */
static double *channel_of(const fixture_audio *audio, uint32_t channel)
{
    double *x = malloc(audio->frames * sizeof *x);
    assert_non_null(x);
    for (uint64_t n = 0; n < audio->frames; n++)
        x[n] = audio->samples[n * audio->channels + channel];
    return x;
}

/* ---- The network, in the most direct way --------------------------------- */

/* A biquad in direct form 1 on one sample. */
typedef struct biquad {
    double b[3], a[2], x[2], y[2];
} biquad;

static double run_biquad(biquad *f, double x)
{
    const double y = f->b[0] * x + f->b[1] * f->x[0] + f->b[2] * f->x[1] - f->a[0] * f->y[0] - f->a[1] * f->y[1];
    f->x[1] = f->x[0];
    f->x[0] = x;
    f->y[1] = f->y[0];
    f->y[0] = y;
    return y;
}

/*
 * A shelf of the cookbook (R. Bristow-Johnson) with Q = 1 / sqrt(2):
 * high: A (A s^2 + sqrt(2 A) s + 1) / (s^2 + sqrt(2 A) s + A), low: s and 1 / s exchanged.
 */
static biquad shelf_of(double db, double frequency_hz, bool high)
{
    const double a = pow(10, db / 40), w = 2 * pi * frequency_hz / RATE, beta = sqrt(2 * a) * sin(w), c = cos(w);
    const double s = high ? -1 : 1; /* the cookbook's two differ by signs */
    const double a0 = (a + 1) + s * (a - 1) * c + beta;
    return (biquad){.b = {a * ((a + 1) - s * (a - 1) * c + beta) / a0, s * 2 * a * ((a - 1) - s * (a + 1) * c) / a0,
                          a * ((a + 1) - s * (a - 1) * c - beta) / a0},
                    .a = {-s * 2 * ((a - 1) + s * (a + 1) * c) / a0, ((a + 1) + s * (a - 1) * c - beta) / a0}};
}

enum { LINES = 16, MEMORY = 1 << 14 };

typedef struct network {
    double lines[LINES][MEMORY];
    double passes[4][MEMORY];
    double gain[LINES];
    biquad low[LINES], high[LINES];
} network;

/* The answers of outputs 0..num_outputs-1 to an impulse in input 0. */
static void run_network(const mxd_reverb_decay *decay, const uint32_t *settings, double coefficient, uint64_t num_frames,
                        uint32_t num_outputs, double *outputs)
{
    network *net = calloc(1, sizeof *net);
    assert_non_null(net);
    for (int k = 0; k < LINES; k++) {
        const double trip_s = settings[MXD_REVERB_LENGTH + k] / (double)RATE, middle_db = -60 * trip_s / decay->decay_s;
        net->gain[k] = pow(10, middle_db / 20);
        net->low[k] = shelf_of(middle_db / decay->low_decay - middle_db, decay->low_hz, false);
        net->high[k] = shelf_of(middle_db / decay->high_decay - middle_db, decay->high_hz, true);
    }
    for (uint64_t n = 0; n < num_frames; n++) {
        double x = n == 0;
        for (int p = 0; p < 4; p++) {
            const double past = net->passes[p][(n - settings[MXD_REVERB_DIFFUSER + p]) % MEMORY];
            const double w = net->passes[p][n % MEMORY] = x + coefficient * past;
            x = past - coefficient * w;
        }
        double s[LINES];
        for (int k = 0; k < LINES; k++)
            s[k] = run_biquad(&net->high[k],
                              run_biquad(&net->low[k], net->gain[k] * net->lines[k][(n - settings[MXD_REVERB_LENGTH + k]) % MEMORY]));
        for (int j = 0; j < LINES; j++) {
            double u = 0;
            for (int k = 0; k < LINES; k++)
                u += (__builtin_popcount((unsigned)(j & k)) % 2 ? -0.25 : 0.25) * s[k];
            if ((uint32_t)j < num_outputs)
                outputs[n * num_outputs + (uint32_t)j] = u;
            net->lines[(17 - j) % 16][n % MEMORY] = u + 0.25 * x;
        }
    }
    free(net);
}

/* Up to one factor: the level that gives unit energy, which has a test of its own. */
static void it_is_the_network_that_is_written_down(void **state)
{
    fixture *f = *state;
    static const mxd_reverb_decay decays[] = {{1.2, 1.4, 300, 0.45, 3500}, {0.4, 0.5, 120, 1.0, 8000}};
    static const double sizes[] = {0.5, 1.3};
    for (int i = 0; i < 2; i++) {
        uint32_t settings[MXD_REVERB_NUM_SETTINGS];
        assert_true(mxd_reverb_lengths(sizes[i], RATE, settings));
        char reverb[512];
        snprintf(reverb, sizeof reverb,
                 "\"decay_s\": %g, \"low_decay\": %g, \"low_hz\": %g, \"high_decay\": %g, \"high_hz\": %g, \"size\": %g, "
                 "\"diffusion\": 0.8, \"modulation_ms\": 0, \"predelay_ms\": 10, \"layout\": \"7.1.4\"",
                 decays[i].decay_s, decays[i].low_decay, decays[i].low_hz, decays[i].high_decay, decays[i].high_hz, sizes[i]);
        const mxd_render_options options = {.backend = MXD_BACKEND_REFERENCE};
        fixture_audio out = fixture_output(f, session_of("impulse.wav", 1.0, reverb, "7.1.4"), &options);
        const uint64_t num_frames = RATE - 480;
        double *should = calloc(num_frames * 11, sizeof *should), product = 0, energy = 0, most = 0;
        assert_non_null(should);
        run_network(&decays[i], settings, 0.6, num_frames, 11, should);
        for (uint64_t n = 0; n < num_frames; n++)
            for (uint32_t c = 0; c < 11; c++) {
                const double y = should[n * 11 + c];
                product += y * out.samples[(n + 480) * 12 + c + (c >= 3)];
                energy += y * y;
                most = fmax(most, fabs(y));
            }
        const double level = product / energy;
        assert_true(level > 0);
        for (uint64_t n = 0; n < RATE; n++) {
            assert_true(out.samples[n * 12 + 3] == 0); /* the LFE */
            for (uint32_t c = 0; c < 11; c++) {
                const double y = n < 480 ? 0 : level * should[(n - 480) * 11 + c];
                if (!(fabs(out.samples[n * 12 + c + (c >= 3)] - y) <= 2e-7 * level * most))
                    fail_msg("decay %d, output %u, frame %u: %g, not %g", i, c, (unsigned)n,
                             out.samples[n * 12 + c + (c >= 3)], y);
            }
        }
        free(should);
        free(out.samples);
    }
}

/* ---- Decay times --------------------------------------------------------- */

/* The octave band around a centre, as a cascade of four band-passes: 24 dB an octave and more on either side. */
static mxd_svf band_of(double centre_hz)
{
    return (mxd_svf){tan(pi * centre_hz / RATE), 1.0, 0.0, 1.0, 0.0};
}

enum { BAND_SECTIONS = 4 };

/* Seconds for 60 dB by the slope from -5 to -25 dB (ISO 3382-1's T20) of an energy decay curve in steps of step_s. */
static double slope_s(const double *decay, size_t count, double step_s)
{
    double sums[5] = {0};
    for (size_t i = 0; i < count; i++) {
        const double db = 10 * log10(decay[i] / decay[0] + 1e-300), t = (double)i * step_s;
        if (db > -5 || db < -25)
            continue;
        sums[0] += 1;
        sums[1] += t;
        sums[2] += db;
        sums[3] += t * t;
        sums[4] += t * db;
    }
    return -60 / ((sums[0] * sums[4] - sums[1] * sums[2]) / (sums[0] * sums[3] - sums[1] * sums[1]));
}

/* T20 in an octave, of all outputs' energies together. What is before `from` does not count: single echoes. */
static double measured_decay(const fixture_audio *responses, uint64_t from, double centre_hz)
{
    const uint64_t num_frames = responses->frames;
    const mxd_svf section = band_of(centre_hz);
    double *energy = calloc(num_frames, sizeof *energy);
    assert_non_null(energy);
    for (uint32_t c = 0; c < responses->channels; c++) {
        double *x = channel_of(responses, c);
        for (int i = 0; i < BAND_SECTIONS; i++)
            filter_direct(&section, x, num_frames);
        for (uint64_t n = 0; n < num_frames; n++)
            energy[n] += x[n] * x[n];
        free(x);
    }
    for (uint64_t n = num_frames - 1; n-- > from;)
        energy[n] += energy[n + 1];
    const double seconds = slope_s(energy + from, num_frames - from, 1.0 / RATE);
    free(energy);
    return seconds;
}

/* The same of what is asked for: each frequency of the octave decaying by itself. */
static double expected_decay(const mxd_reverb_decay *decay, double centre_hz)
{
    enum { STEPS = 4000, POINTS = 200 };
    static double energy[STEPS];
    const double step_s = 1e-3;
    memset(energy, 0, sizeof energy);
    const mxd_svf section = band_of(centre_hz);
    for (int i = 0; i < POINTS; i++) {
        const double hz = centre_hz * pow(2, 6.0 * (i + 0.5) / POINTS - 3);
        if (hz > 0.49 * RATE)
            break;
        const double power = hz * pow(cabs(section_response(&section, hz, RATE)), 2 * BAND_SECTIONS);
        const double seconds = mxd_reverb_decay_at(decay, hz);
        for (int s = 0; s < STEPS; s++) /* integrated backwards */
            energy[s] += power * seconds * pow(10, -6 * s * step_s / seconds);
    }
    return slope_s(energy, STEPS, step_s);
}

static void decay_times_come_out(void **state)
{
    fixture *f = *state;
    static const struct {
        mxd_reverb_decay decay;
        double size, modulation_ms;
        double plain_hz[3]; /* octaves where the time is what the three numbers say; 0: none */
    } rooms[] = {
        {{1.0, 1.0, 250, 1.0, 4000}, 1.0, 0, {250, 1000, 4000}},
        {{2.0, 1.5, 250, 0.4, 4000}, 1.0, 0, {63, 1000, 16000}},
        {{2.0, 1.2, 200, 0.5, 5000}, 1.0, 0.2, {63, 1000, 0}},
        {{0.5, 0.6, 300, 0.5, 3000}, 0.4, 0, {125, 1000, 16000}},
        {{3.0, 2.0, 150, 0.3, 6000}, 1.6, 0.3, {0, 1000, 0}},
        {{0.3, 1.0, 250, 0.8, 6000}, 0.25, 0.1, {125, 1000, 0}},
    };
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) {
        char reverb[512];
        const mxd_reverb_decay *d = &rooms[i].decay;
        snprintf(reverb, sizeof reverb,
                 "\"decay_s\": %g, \"low_decay\": %g, \"low_hz\": %g, \"high_decay\": %g, \"high_hz\": %g, \"size\": %g, "
                 "\"modulation_ms\": %g, \"layout\": \"7.1.4\"",
                 d->decay_s, d->low_decay, d->low_hz, d->high_decay, d->high_hz, rooms[i].size, rooms[i].modulation_ms);
        fixture_audio out = answer(f, "impulse.wav", fmax(0.8, 0.7 * d->decay_s * fmax(1, d->low_decay)), reverb, "7.1.4");
        /* A modulated line loses highs beside: by Lagrange's six weights, 0.02 dB a trip at 8 kHz, 1 dB at 16 kHz. */
        /* ISO 3382-1: a band's width times the decay must exceed 16, or the filter is what is measured. */
        for (double hz = 62.5; hz < (rooms[i].modulation_ms > 0 ? 12000 : 20000); hz *= 2) {
            if (hz * sqrt(0.5) * d->decay_s * (hz < d->low_hz ? d->low_decay : 1) <= 16)
                continue;
            const double is = measured_decay(&out, (uint64_t)(0.1 * rooms[i].size * RATE), hz);
            const double should = expected_decay(d, hz);
            bool plain = false;
            for (int p = 0; p < 3; p++)
                plain |= fabs(rooms[i].plain_hz[p] / hz - 1) < 0.1;
            const double number = d->decay_s * (hz < d->low_hz ? d->low_decay : hz > d->high_hz ? d->high_decay : 1);
            if (getenv("MXD_VERBOSE"))
                print_message("room %zu, %5g Hz: %.3f s, asked for %.3f (%+.1f %%)%s %.3f\n", i, hz, is, should,
                              100 * (is / should - 1), plain ? " plainly" : "", number);
            if (!(fabs(is / should - 1) <= 0.05) || (plain && !(fabs(is / number - 1) <= 0.05)))
                fail_msg("room %zu, %g Hz: decays in %.3f s, not %.3f (%.3f)", i, hz, is, should, number);
        }
        free(out.samples);
    }
}

/* ---- Density, smoothness, independence ----------------------------------- */

/*
 * Echo density (J. Abel, P. Huang, "A simple, robust measure of reverberation echo density", AES 121st Convention,
 * 2006): the share of samples beyond one standard deviation in 20 ms under a Hann window, over a Gaussian's 0.3173.
 */
static double echo_density(const double *x, uint64_t centre)
{
    const int half = RATE / 100;
    double power = 0, weights = 0, outside = 0;
    for (int i = -half; i <= half; i++) {
        const double w = 1 + cos(pi * i / half), y = x[centre + (uint64_t)(half + i) - (uint64_t)half];
        weights += w;
        power += w * y * y;
    }
    for (int i = -half; i <= half; i++) {
        const double w = 1 + cos(pi * i / half), y = x[centre + (uint64_t)(half + i) - (uint64_t)half];
        outside += y * y > power / weights ? w : 0;
    }
    return outside / weights / 0.3173;
}

/* README: dense after 200 ms at size 1, at the default diffusion. The decay does not matter. */
static void echoes_become_dense(void **state)
{
    fixture *f = *state;
    static const struct {
        double size, diffusion, dense_s;
    } rooms[] = {{1, 0.8, 0.2}, {0.4, 0.8, 0.1}, {2, 0.8, 0.4}, {1, 0, 0.3}};
    for (int i = 0; i < 4; i++) {
        char reverb[256];
        snprintf(reverb, sizeof reverb, "\"decay_s\": 3, \"high_decay\": 1, \"size\": %g, \"diffusion\": %g",
                 rooms[i].size, rooms[i].diffusion);
        fixture_audio out = answer(f, "impulse.wav", 1, reverb, "mono");
        double *x = channel_of(&out, 0), early = 0, late = 0;
        int count = 0;
        for (double t = rooms[i].dense_s; t < 0.98; t += 0.02, count++)
            late += echo_density(x, (uint64_t)(t * RATE));
        early = echo_density(x, (uint64_t)(0.035 * rooms[i].size * RATE));
        if (getenv("MXD_VERBOSE")) {
            print_message("size %g, diffusion %g: %.2f at first, %.3f late;", rooms[i].size, rooms[i].diffusion, early, late / count);
            for (double t = 0.03; t < 0.5; t += 0.02)
                print_message(" %.2f", echo_density(x, (uint64_t)(t * RATE)));
            print_message("\n");
        }
        assert_true(late / count > 0.93);
        assert_true(echo_density(x, (uint64_t)(rooms[i].dense_s * RATE)) > 0.9);
        assert_true(early < late / count);
        free(x);
        free(out.samples);
    }
}

/* In windows of 50 ms, level falls as a straight line: no flutter of more than 1 dB. */
static void it_decays_smoothly(void **state)
{
    fixture *f = *state;
    fixture_audio out = answer(f, "impulse.wav", 3, "\"decay_s\": 3, \"high_decay\": 1, \"modulation_ms\": 0", "mono");
    double *x = channel_of(&out, 0), first_db = 0, most = 0;
    const int window = RATE / 20;
    for (int w = 4; w < 59; w++) {
        double energy = 0;
        for (int n = 0; n < window; n++)
            energy += x[w * window + n] * x[w * window + n];
        const double db = 10 * log10(energy) + 20.0 * w * 0.05;
        first_db = w == 4 ? db : first_db;
        most = fmax(most, fabs(db - first_db));
    }
    if (getenv("MXD_VERBOSE"))
        print_message("off a straight line by %.2f dB\n", most);
    assert_true(most <= 1.5);
    free(x);
    free(out.samples);
}

/* Of every two outputs of 22 (the two LFEs are silent): 0.3 s to 2.3 s of the answer to one impulse. */
static void outputs_are_independent(void **state)
{
    fixture *f = *state;
    fixture_audio out = answer(f, "impulse.wav", 2.3, "\"decay_s\": 4, \"high_decay\": 1, \"layout\": \"22.2\"", "22.2");
    assert_int_equal(out.channels, 24);
    double most = 0, lowest = HUGE_VAL, highest = 0;
    int silent = 0;
    for (uint32_t a = 0; a < 24; a++) {
        double power_a = 0;
        for (uint64_t n = RATE * 3 / 10; n < out.frames; n++)
            power_a += (double)out.samples[n * 24 + a] * out.samples[n * 24 + a];
        silent += power_a == 0;
        if (power_a == 0)
            continue;
        lowest = fmin(lowest, power_a);
        highest = fmax(highest, power_a);
        for (uint32_t b = a + 1; b < 24; b++) {
            double power_b = 0, product = 0;
            for (uint64_t n = RATE * 3 / 10; n < out.frames; n++) {
                power_b += (double)out.samples[n * 24 + b] * out.samples[n * 24 + b];
                product += (double)out.samples[n * 24 + a] * out.samples[n * 24 + b];
            }
            if (power_b > 0)
                most = fmax(most, fabs(product) / sqrt(power_a * power_b));
        }
    }
    if (getenv("MXD_VERBOSE"))
        print_message("correlation %.3f at most, levels within %.2f dB\n", most, 10 * log10(highest / lowest));
    assert_int_equal(silent, 2);
    assert_true(most < 0.1);
    assert_true(10 * log10(highest / lowest) < 1.0);
    free(out.samples);
}

static void energy_is_one(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *file, *bed, *keys;
        double energy;
    } cases[] = {
        {"impulse.wav", "mono", "\"decay_s\": 2", 1},
        {"pair_impulse.wav", "stereo", "\"decay_s\": 1, \"high_decay\": 0.3, \"modulation_ms\": 0", 0.5}, /* one input of two */
        {"impulse.wav", "7.1.4", "\"decay_s\": 0.4, \"size\": 0.5, \"layout\": \"7.1.4\"", 1},
        {"impulse.wav", "22.2", "\"decay_s\": 3, \"low_decay\": 2, \"layout\": \"22.2\", \"wet_db\": -6", 0.25118864},
    };
    for (int i = 0; i < 4; i++) {
        fixture_audio out = answer(f, cases[i].file, 0, cases[i].keys, cases[i].bed);
        double energy = 0;
        for (uint64_t n = 0; n < out.frames * out.channels; n++)
            energy += (double)out.samples[n] * out.samples[n];
        if (getenv("MXD_VERBOSE"))
            print_message("%s: energy %.3f, should be %.3f (%.2f dB)\n", cases[i].bed, energy, cases[i].energy, 10 * log10(energy / cases[i].energy));
        assert_true(fabs(10 * log10(energy / cases[i].energy)) <= 0.5);
        free(out.samples);
    }
}

/* ---- In the session ------------------------------------------------------ */

/* A minute and a half after an impulse, with all lines moving as far and as fast as they may: it only ever decays. */
static void it_never_grows(void **state)
{
    fixture *f = *state;
    fixture_audio out = answer(f, "impulse.wav", 65,
                               "\"decay_s\": 60, \"low_decay\": 1, \"high_decay\": 1, \"size\": 0.25, \"modulation_ms\": 1, "
                               "\"modulation_hz\": 5", "mono");
    double before = HUGE_VAL;
    for (int second = 1; second < 65; second++) {
        double energy = 0, mean = 0;
        for (int n = 0; n < RATE; n++) {
            const double x = out.samples[second * RATE + n];
            assert_true(isfinite(x));
            energy += x * x / RATE;
            mean += x / RATE;
        }
        assert_true(energy < before * 1.02);
        assert_true(mean * mean <= energy * 0.01);
        before = energy;
    }
    free(out.samples);
}

static void silence_stays_silence(void **state)
{
    fixture *f = *state;
    fixture_audio out = answer(f, "silence.wav", 3, "\"decay_s\": 1, \"outputs\": 2", "stereo");
    for (uint64_t n = 0; n < out.frames * out.channels; n++)
        assert_true(out.samples[n] == 0);
    free(out.samples);
    /* It ends when the last of it is 120 dB below its beginning, and not before. */
    out = answer(f, "impulse.wav", 0, "\"decay_s\": 0.8, \"low_decay\": 1.5, \"outputs\": 2", "stereo");
    const double seconds = (double)out.frames / RATE;
    assert_true(seconds >= 0.1 + 2 * 1.2 && seconds <= 0.1 + 2 * 1.2 + 3.0);
    double most = 0, last = 0;
    for (uint64_t n = 0; n < out.frames * 2; n++) {
        most = fmax(most, fabs(out.samples[n]));
        last = n + 2 * 480 >= out.frames * 2 ? fmax(last, fabs(out.samples[n])) : last;
    }
    assert_true(last <= 1e-6 * most);
    free(out.samples);
}

static void dry_and_predelay(void **state)
{
    fixture *f = *state;
    fixture_audio out = answer(f, "impulse.wav", 1, "\"predelay_ms\": 100, \"dry_db\": -6, \"layout\": \"5.1\"", "5.1");
    uint32_t settings[MXD_REVERB_NUM_SETTINGS];
    assert_true(mxd_reverb_lengths(1.0, RATE, settings));
    for (uint32_t c = 0; c < 6; c++) {
        assert_sample(&out, c, 0, c == 3 ? 0 : db(-6));
        for (uint64_t n = 1; n < 4800 + settings[0]; n++)
            assert_true(out.samples[n * 6 + c] == 0);
        assert_true(c == 3 || out.samples[(4800 + settings[0]) * 6 + c] != 0);
    }
    free(out.samples);
}

/* Automation of what the lines lose: decays as asked for before a jump and after it. */
static void decay_can_move(void **state)
{
    fixture *f = *state;
    fixture_audio out = answer(f, "impulse.wav", 3,
                               "\"high_decay\": 1, \"modulation_ms\": 0, \"automation\": [ { \"parameter\": \"decay_s\", \"curve\": \"hold\", "
                               "\"points\": [ [0, 4], [1.5, 0.5] ] } ]", "mono");
    double level_db[4];
    static const double times_s[4] = {0.3, 1.3, 1.6, 1.8};
    for (int i = 0; i < 4; i++) {
        double energy = 0;
        for (int n = 0; n < RATE / 10; n++)
            energy += pow(out.samples[(int)(times_s[i] * RATE) + n], 2);
        level_db[i] = 10 * log10(energy);
    }
    assert_true(fabs(level_db[0] - level_db[1] - 15) <= 1.0);
    assert_true(fabs(level_db[2] - level_db[3] - 24) <= 1.5);
    free(out.samples);
}

static void blocks_and_backends_agree(void **state)
{
    fixture *f = *state;
    const char *json = session_of("pair.wav", 2,
                                  "\"decay_s\": 1.5, \"low_decay\": 1.3, \"size\": 0.7, \"modulation_ms\": 0.5, \"predelay_ms\": 7, \"layout\": "
                                  "\"7.1.4\", \"automation\": [ { \"parameter\": \"diffusion\", \"points\": [ [0, 0.2], "
                                  "[1, 0.9] ] }, { \"parameter\": \"modulation_hz\", \"points\": [ [0, 0.1], [2, 3] ] }, "
                                  "{ \"parameter\": \"wet_db\", \"points\": [ [0, -12], [1, 0] ] } ]", "7.1.4");
    fixture_audio audio[3];
    const mxd_render_options options[3] = {{.backend = MXD_BACKEND_CPU}, {.backend = MXD_BACKEND_REFERENCE},
                                           {.backend = MXD_BACKEND_CPU, .block_frames = 1024}};
    for (int i = 0; i < 3; i++)
        audio[i] = fixture_output(f, json, &options[i]);
    assert_nulls(&audio[0], &audio[1], -120, "cpu against reference");
    assert_nulls(&audio[0], &audio[2], -130, "blocks of 1024");
    for (int i = 0; i < 3; i++)
        free(audio[i].samples);
}

static void mistakes_are_told(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *keys, *path, *text;
        uint32_t rate;
    } mistakes[] = {
        {"\"decay_s\": 0", "/decay_s", "0.1 to 60", 48000},
        {"\"high_decay\": 2", "/high_decay", "1", 48000},
        {"\"low_hz\": 1000, \"high_hz\": 800", "/low_hz", "low_hz (1000) must lie below high_hz (800)", 48000},
        {"\"high_hz\": 6000", "/high_hz", "at most 3600", 8000},
        {"\"layout\": \"7.1.5\"", "/layout", "7.1.5", 48000},
        {"\"layout\": \"7.1.4\", \"outputs\": 12", "/layout", "remove one", 48000},
        {"\"outputs\": 65", "/outputs", "64", 48000},
        {"\"wet_db\": null", "", "silent", 48000},
        {"\"decay\": 2", "/decay", "decay_s", 48000},
        {"\"automation\": [ { \"parameter\": \"size\", \"points\": [[0, 1]] } ]", "/automation/0/parameter", "cannot move", 48000},
        {"\"automation\": [ { \"parameter\": \"decay_s\", \"points\": [[0, 100]] } ]", "/automation/0/points/0/1", "60", 48000},
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        char json[1024], path[64];
        snprintf(json, sizeof json,
                 "{ \"mixdown\": 1, \"sample_rate\": %u, \"length_s\": 1, \"tracks\": [ { \"name\": \"A\", \"channels\": 1, "
                 "\"clips\": [], \"inserts\": [ { \"type\": \"reverb\", %s } ] } ], " STEREO_OUT,
                 mistakes[i].rate, mistakes[i].keys);
        snprintf(path, sizeof path, "/tracks/0/inserts/0%s", mistakes[i].path);
        fixture_text(f, "session.json", json);
        mxd_problems_destroy(f->problems);
        f->problems = mxd_problems_create();
        mxd_session *session = NULL;
        assert_int_equal(mxd_session_load(fixture_path(f, "session.json"), f->problems, &session), MXD_ERROR_INVALID);
        bool told = false;
        for (size_t p = 0; p < mxd_problems_count(f->problems); p++) {
            const mxd_problem *problem = mxd_problems_get(f->problems, p);
            told |= problem->severity == MXD_SEVERITY_ERROR && strstr(problem->text, mistakes[i].text) &&
                    strcmp(problem->path, path) == 0;
        }
        if (!told) {
            fixture_print(f->problems);
            fail_msg("%s: no problem at %s that says '%s'", mistakes[i].keys, path, mistakes[i].text);
        }
    }
}

static float left_impulse(uint32_t channel, uint64_t frame)
{
    return channel == 0 && frame == 0 ? 1.0f : 0.0f;
}

static float silence(uint32_t channel, uint64_t frame)
{
    (void)channel;
    (void)frame;
    return 0.0f;
}

static int set_up(void **state)
{
    render_set_up(state);
    fixture_wav(*state, "pair_impulse.wav", 48000, 2, 4800, left_impulse);
    fixture_wav(*state, "silence.wav", 48000, 1, 4800, silence);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_network_that_is_written_down),
        cmocka_unit_test(decay_times_come_out),
        cmocka_unit_test(echoes_become_dense),
        cmocka_unit_test(it_decays_smoothly),
        cmocka_unit_test(outputs_are_independent),
        cmocka_unit_test(energy_is_one),
        cmocka_unit_test(it_never_grows),
        cmocka_unit_test(silence_stays_silence),
        cmocka_unit_test(dry_and_predelay),
        cmocka_unit_test(decay_can_move),
        cmocka_unit_test(blocks_and_backends_agree),
        cmocka_unit_test(mistakes_are_told),
    };
    return cmocka_run_group_tests(tests, set_up, fixture_tear_down);
}
