/*
 * Compressor, expander, gate, de-esser, multiband and transient shaper through
 * whole renders: static curves against closed forms and against ffmpeg, times
 * against the step responses of the detectors (Giannoulis, Massberg, Reiss 2012),
 * a plain loop in double for what channels and keys have to do with each other.
 */
#include "render_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <complex.h>
#include <math.h>

static const double pi = 3.14159265358979323846;

/* ---- Signals ------------------------------------------------------------- */

#define RATE 48000u
#define STEPS 13u
#define STEP_FRAMES 14400u

static double step_db(uint32_t step)
{
    return -60.0 + 5.0 * step;
}

/* Sines of 1 kHz, each step 5 dB louder. */
static float steps(uint32_t channel, uint64_t frame)
{
    (void)channel;
    return (float)(db(step_db((uint32_t)(frame / STEP_FRAMES))) * sin(2 * pi * 1000.0 * (double)frame / RATE));
}

/* 0.01, from 0.25 to 0.75 s 1: gains can be read at every frame. */
static float pulse(uint32_t channel, uint64_t frame)
{
    (void)channel;
    return frame >= 12000 && frame < 36000 ? 1.0F : 0.01F;
}

/* The second channel 20 dB down. */
static float unequal(uint32_t channel, uint64_t frame)
{
    return pulse(0, frame) * (channel ? 0.1F : 1.0F);
}

/* Loud, quiet, silent, by turns. */
static float bursts(uint32_t channel, uint64_t frame)
{
    static const float levels[] = {1.0F, 0.02F, 0.3F, 0.0F, 1.8F, 0.001F, 0.1F};
    return 2.0F * levels[frame / 3001 % 7] * fixture_noise(channel, frame);
}

static float square(uint32_t channel, uint64_t frame)
{
    (void)channel;
    return frame / 24 % 2 ? 1.0F : -1.0F;
}

static float silence(uint32_t channel, uint64_t frame)
{
    (void)channel;
    (void)frame;
    return 0.0F;
}

static float denormals(uint32_t channel, uint64_t frame)
{
    return 1e-38F * fixture_noise(channel, frame);
}

static const char *session_of(const char *file, const char *inserts)
{
    static char json[4096];
    snprintf(json, sizeof json,
             HEAD "\"tracks\": [ { \"name\": \"A\", \"clips\": [ { \"file\": \"%s\" } ], \"channels\": 2, \"inserts\": [ %s ], "
             "\"place\": { \"bed\": \"stereo\" } } ], " STEREO_OUT, file, inserts);
    return json;
}

static fixture_audio output_of(fixture *f, const char *file, const char *inserts)
{
    return fixture_output(f, session_of(file, inserts), NULL);
}

static int set_up(void **state)
{
    render_set_up(state);
    fixture *f = *state;
    fixture_wav(f, "steps.wav", RATE, 2, STEPS * STEP_FRAMES, steps);
    fixture_wav(f, "pulse.wav", RATE, 2, 48000, pulse);
    fixture_wav(f, "unequal.wav", RATE, 2, 48000, unequal);
    fixture_wav(f, "bursts.wav", RATE, 2, 30011, bursts);
    return 0;
}

/* ---- Static curves ------------------------------------------------------- */

/* Level of a step's last quarter as that of a sine, in dB. */
static double measured_db(const fixture_audio *audio, uint32_t step)
{
    double sum = 0.0;
    const uint64_t count = STEP_FRAMES / 4, first = (step + 1) * STEP_FRAMES - count;
    for (uint64_t n = first; n < first + count; n++)
        sum += (double)audio->samples[n * audio->channels] * audio->samples[n * audio->channels];
    return 10.0 * log10(2.0 * sum / (double)count);
}

static double knee_of(double over, double width)
{
    if (2 * fabs(over) <= width && width > 0)
        return (over + width / 2) * (over + width / 2) / (2 * width);
    return over > 0 ? over : 0;
}

/* The curve of Giannoulis et al., eq. 4, and its mirror image for an expander, limited by a range. */
static double curve_db(double level, double threshold, double ratio, double knee, double range, bool below)
{
    if (below)
        return -fmin((ratio - 1) * knee_of(threshold - level, knee), range);
    return -fmin((1 - 1 / ratio) * knee_of(level - threshold, knee), range);
}

static void static_curves(void **state)
{
    static const struct {
        const char *insert;
        double threshold, ratio, knee, range, offset; /* offset: of the level from a sine's peak */
        double make_up;
        bool below;
    } curves[] = {
        {"\"compressor\", \"threshold_db\": -20, \"ratio\": 4, \"knee_db\": 0, \"release_ms\": 1000", -20, 4, 0, 144, 0, 0, false},
        {"\"compressor\", \"threshold_db\": -30, \"ratio\": 2, \"knee_db\": 18, \"release_ms\": 1000", -30, 2, 18, 144, 0, 0, false},
        {"\"compressor\", \"threshold_db\": -24, \"ratio\": 100, \"release_ms\": 1000, \"range_db\": 9, \"makeup_db\": 2", -24, HUGE_VAL, 6, 9, 0, 2, false},
        {"\"compressor\", \"threshold_db\": -24, \"ratio\": 3, \"release_ms\": 1000, \"auto_makeup\": true", -24, 3, 6, 144, 0, 8, false},
        {"\"compressor\", \"threshold_db\": -20, \"ratio\": 4, \"detector\": \"rms\", \"rms_ms\": 20", -20, 4, 6, 144, -3.0103, 0, false},
        {"\"expander\", \"threshold_db\": -20, \"ratio\": 2, \"range_db\": 30, \"detector\": \"rms\", \"rms_ms\": 20", -20, 2, 6, 30, -3.0103, 0, true},
        {"\"expander\", \"threshold_db\": -30, \"ratio\": 3, \"knee_db\": 0, \"range_db\": 12, \"release_ms\": 5000", -30, 3, 0, 12, 0, 0, true},
    };
    fixture *f = *state;
    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++) {
        char insert[256];
        snprintf(insert, sizeof insert, "{ \"type\": %s }", curves[i].insert);
        fixture_audio out = output_of(f, "steps.wav", insert);
        for (uint32_t s = 0; s < STEPS; s++) {
            double level = step_db(s);
            double should = level + curves[i].make_up + curve_db(level + curves[i].offset, curves[i].threshold,
                                                                 curves[i].ratio, curves[i].knee, curves[i].range,
                                                                 curves[i].below);
            /* A peak detector falls between a sine's peaks; with these releases by a part of the 0.1 dB. */
            double is = measured_db(&out, s);
            if (!(fabs(is - should) <= 0.1))
                fail_msg("%s: %.2f dB become %.3f, not %.3f", curves[i].insert, level, is, should);
        }
        free(out.samples);
    }
}

/* ffmpeg's acompressor has the same law with a hard knee; other programs' knees and RMS are others. */
static void as_ffmpeg_compresses(void **state)
{
    fixture *f = *state;
    char command[2048], version[256] = "";
    FILE *pipe = popen("ffmpeg -version 2>/dev/null", "r");
    bool there = pipe && fgets(version, sizeof version, pipe);
    if (pipe)
        pclose(pipe);
    if (!there) {
        print_message("ffmpeg is not here: skipped\n");
        skip();
    }
    print_message("%s", version);
    snprintf(command, sizeof command,
             "ffmpeg -v error -y -i %s -af acompressor=threshold=0.1:ratio=4:knee=1:attack=0.01:release=9000:makeup=1:"
             "detection=peak:link=maximum -c:a pcm_f32le %s/peer.wav",
             fixture_path(f, "steps.wav"), f->folder);
    assert_int_equal(system(command), 0);
    fixture_audio peer = fixture_read(fixture_path(f, "peer.wav"));
    fixture_audio out = output_of(f, "steps.wav", "{ \"type\": \"compressor\", \"threshold_db\": -20, \"ratio\": 4, "
                                                  "\"knee_db\": 0, \"attack_ms\": 1, \"release_ms\": 2000 }");
    for (uint32_t s = 0; s < STEPS; s++) {
        double is = measured_db(&out, s), theirs = measured_db(&peer, s);
        if (!(fabs(is - theirs) <= 0.1))
            fail_msg("%.0f dB become %.3f, ffmpeg's %.3f", step_db(s), is, theirs);
    }
    free(out.samples);
    free(peer.samples);
}

/* ---- Times --------------------------------------------------------------- */

/* Gain in dB at a frame of pulse.wav. */
static double gain_db(const fixture_audio *out, uint64_t frame)
{
    return 20.0 * log10(out->samples[2 * frame] / (double)pulse(0, frame));
}

/* 63 % of the way, in dB, after the time that was asked for; and the whole release as two one-poles give it. */
static void attack_and_release(void **state)
{
    static const struct {
        const char *type;
        double attack_ms, release_ms, attack_is, release_is;
    } times[] = {
        {"compressor", 10, 100, 10, 100}, {"compressor", 1, 50, 1, 50},   {"compressor", 40, 50, 40, 50},
        {"compressor", 0, 20, 0, 20},     {"compressor", 30, 5, 30, 30},  {"expander", 10, 60, 10, 60},
        {"gate", 5, 80, 5, 80},
    };
    fixture *f = *state;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        char insert[256];
        /* 0 dB is 20 dB above the threshold, -40 dB 20 below: 20 dB of reduction above, or 20 dB below. */
        snprintf(insert, sizeof insert, "{ \"type\": \"%s\", \"threshold_db\": -20, %s, \"attack_ms\": %g, \"release_ms\": %g }",
                 times[i].type,
                 strcmp(times[i].type, "gate") == 0 ? "\"range_db\": 20, \"hold_ms\": 0"
                 : strcmp(times[i].type, "expander") == 0 ? "\"ratio\": 2, \"range_db\": 20"
                                                          : "\"ratio\": 100",
                 times[i].attack_ms, times[i].release_ms);
        fixture_audio out = output_of(f, "pulse.wav", insert);
        const double rest = strcmp(times[i].type, "compressor") == 0 ? 0.0 : -20.0, loud = -20.0 - rest;
        assert_true(fabs(gain_db(&out, 11999) - rest) < 1e-3);
        assert_true(fabs(gain_db(&out, 35999) - loud) < 0.01);
        uint64_t attack = 0, release = 0;
        while (fabs(gain_db(&out, 12000 + attack) - rest) < 20.0 * (1 - exp(-1.0)))
            attack++;
        while (fabs(gain_db(&out, 36000 + release) - rest) > 20.0 * exp(-1.0))
            release++;
        /* The first frame counts as one. */
        double attack_ms = (double)(attack + 1) / 48, release_ms = (double)(release + 1) / 48;
        if (!(fabs(attack_ms - times[i].attack_is) <= 0.05 * times[i].attack_is + 0.05))
            fail_msg("%s: attack %g ms, not %g", insert, attack_ms, times[i].attack_is);
        if (!(fabs(release_ms - times[i].release_is) <= 0.05 * times[i].release_is + 0.05))
            fail_msg("%s: release %g ms, not %g", insert, release_ms, times[i].release_is);
        /* The attack is one pole. */
        for (uint64_t n = 0; n < 2000 && times[i].attack_ms > 0; n += 101) {
            double should = loud + (rest - loud) * exp(-(double)(n + 1) / (48 * times[i].attack_ms));
            if (!(fabs(gain_db(&out, 12000 + n) - should) <= 1e-3))
                fail_msg("%s: %g dB after %u frames, not %g", insert, gain_db(&out, 12000 + n), (unsigned)n, should);
        }
        free(out.samples);
    }
}

/* The gain comes early by the look-ahead; what is below the threshold passes as it was, at its time. */
static void look_ahead_is_early(void **state)
{
    fixture *f = *state;
    fixture_audio out = output_of(f, "pulse.wav", "{ \"type\": \"compressor\", \"threshold_db\": -20, \"ratio\": 100, "
                                                  "\"attack_ms\": 2, \"lookahead_ms\": 5 }");
    assert_int_equal(out.frames, 48000);
    for (uint64_t n = 0; n < 36000 - 240; n += n < 11700 ? 100 : 1) {
        double should = n < 11760 ? 0.0 : -20.0 * (1 - exp(-(double)(n - 11760 + 1) / 96));
        if (!(fabs(gain_db(&out, n) - should) <= 1e-3))
            fail_msg("frame %u: %g dB, not %g", (unsigned)n, gain_db(&out, n), should);
    }
    free(out.samples);
}

/* Between the thresholds a gate stays as it is; it shuts by the first frame after its hold. */
static float gate_steps(uint32_t channel, uint64_t frame)
{
    (void)channel;
    return frame < 1000 ? 0.3F : frame < 1500 ? 0.6F : frame < 2500 ? 0.3F : frame < 3000 ? 0.1F : frame == 3000 ? 0.3F
           : frame < 5000 ? 0.1F : 0.3F;
}

static void gate_opens_and_shuts_to_the_frame(void **state)
{
    fixture *f = *state;
    fixture_wav(f, "gate.wav", RATE, 2, 6000, gate_steps);
    fixture_audio out = output_of(f, "gate.wav", "{ \"type\": \"gate\", \"threshold_db\": -6, \"hysteresis_db\": 6, \"range_db\": 40, "
                                                 "\"attack_ms\": 0, \"release_ms\": 0, \"hold_ms\": 20 }");
    /* Opened at 1000, held until 2499, 960 frames more; the frame 3000 holds it again. */
    for (uint64_t n = 0; n < 6000; n++) {
        double gain = n >= 1000 && n <= 3000 + 960 ? 1.0 : 0.01;
        assert_sample(&out, 0, n, gain * gate_steps(0, n));
    }
    free(out.samples);
    out = output_of(f, "gate.wav", "{ \"type\": \"gate\", \"threshold_db\": -6, \"hysteresis_db\": 0, \"range_db\": 40, "
                                   "\"attack_ms\": 0, \"release_ms\": 0, \"hold_ms\": 0 }");
    for (uint64_t n = 0; n < 6000; n++)
        assert_sample(&out, 0, n, (n >= 1000 && n < 1500 ? 1.0 : 0.01) * gate_steps(0, n));
    free(out.samples);
    /* An expander's hold, likewise. */
    out = output_of(f, "gate.wav", "{ \"type\": \"expander\", \"threshold_db\": -6, \"ratio\": 100, \"knee_db\": 0, \"range_db\": 40, "
                                   "\"attack_ms\": 0, \"release_ms\": 0, \"hold_ms\": 10 }");
    for (uint64_t n = 0; n < 6000; n++)
        assert_sample(&out, 0, n, (n >= 1000 && n < 1500 + 480 ? 1.0 : 0.01) * gate_steps(0, n));
    free(out.samples);
}

/* ---- Channels and keys --------------------------------------------------- */

/* The header's law (shaders/dynamics.h) frame by frame, in double and dB: stereo, compressor. */
static void plain_loop(const float *in, uint64_t frames, bool rms, double link, double attack_ms, double detector_ms,
                       double mix, uint32_t ahead, double *out)
{
    double mean[2] = {0, 0}, y1[2] = {0, 0}, y2[2] = {0, 0};
    for (uint64_t n = 0; n < frames + ahead; n++)
        for (uint32_t c = 0; c < 2; c++) {
            double x[2];
            for (uint32_t i = 0; i < 2; i++)
                x[i] = n < frames ? fabs((double)in[2 * n + i]) : 0.0;
            double level = x[c] + link * (fmax(x[0], x[1]) - x[c]);
            if (rms) {
                double power = x[c] * x[c] + link * ((x[0] * x[0] + x[1] * x[1]) / 2 - x[c] * x[c]);
                mean[c] += (1 - exp(-1 / (0.005 * RATE))) * (power - mean[c]);
                level = sqrt(mean[c]);
            }
            double wanted = -curve_db(20 * log10(fmax(level, 1e-12)), -24, 3, 10, 144, false);
            double a = exp(-1e3 / (attack_ms * RATE)), r = exp(-1e3 / (detector_ms * RATE));
            y1[c] = fmax(wanted, r * y1[c] + (1 - r) * wanted);
            y2[c] = a * y2[c] + (1 - a) * y1[c];
            if (n >= ahead)
                out[2 * (n - ahead) + c] = in[2 * (n - ahead) + c] * (1 - mix + mix * db(-y2[c]));
        }
}

static void channels_are_linked(void **state)
{
    static const struct {
        bool rms;
        double link, mix;
        uint32_t ahead_ms;
    } cases[] = {{false, 1, 1, 0}, {false, 0, 1, 0}, {false, 0.5, 0.7, 3}, {true, 1, 1, 2}, {true, 0, 0.5, 0}, {true, 0.3, 1, 0}};
    fixture *f = *state;
    fixture_audio in = fixture_read(fixture_path(f, "bursts.wav"));
    double *should = malloc(2 * in.frames * sizeof *should);
    assert_non_null(should);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char insert[300];
        /* An attack of 0.001 ms is none: so release_ms is the detector's own. */
        snprintf(insert, sizeof insert,
                 "{ \"type\": \"compressor\", \"threshold_db\": -24, \"ratio\": 3, \"knee_db\": 10, \"attack_ms\": 0.001, "
                 "\"release_ms\": 30, \"link\": %g, \"mix\": %g, \"lookahead_ms\": %u%s }",
                 cases[i].link, cases[i].mix, (unsigned)cases[i].ahead_ms,
                 cases[i].rms ? ", \"detector\": \"rms\", \"rms_ms\": 5" : "");
        plain_loop(in.samples, in.frames, cases[i].rms, cases[i].link, 0.001, 30, cases[i].mix, 48 * cases[i].ahead_ms, should);
        fixture_audio out = output_of(f, "bursts.wav", insert);
        assert_int_equal(out.frames, in.frames);
        for (uint64_t n = 0; n < 2 * in.frames; n++)
            if (!(fabs(out.samples[n] - should[n]) <= 5e-6))
                fail_msg("%s: frame %u: %.7f, not %.7f", insert, (unsigned)(n / 2), out.samples[n], should[n]);
        free(out.samples);
    }
    free(should);
    free(in.samples);
}

/* Ducking: the key is another strip, heard or not, through its filter; it can be listened to. */
static void side_chains(void **state)
{
    static const struct {
        const char *more;
        double loud_db; /* gain while the key is loud */
    } cases[] = {
        {"", -20}, /* 0 dB through a threshold of -20, ratio infinite */
        {", \"key_filter\": [ { \"type\": \"low-shelf\", \"frequency_hz\": 1000, \"gain_db\": -10, \"q\": 0.7 } ]", -10},
        {", \"key_filter\": [ { \"type\": \"high-pass\", \"frequency_hz\": 1000 } ]", 0},
    };
    fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char json[2048];
        snprintf(json, sizeof json,
                 HEAD "\"tracks\": [ { \"name\": \"A\", \"clips\": [ { \"file\": \"ones.wav\", \"gain_db\": -40 } ], \"inserts\": [ "
                 "{ \"type\": \"compressor\", \"threshold_db\": -20, \"ratio\": 100, \"knee_db\": 0, \"attack_ms\": 1, \"release_ms\": 20, "
                 "\"side_chain\": { \"from\": \"Key\", \"tap\": \"pre-fader\" }%s } ], \"place\": { \"pan\": -1 } }, "
                 "{ \"name\": \"Key\", \"mute\": true, \"clips\": [ { \"file\": \"pulse.wav\" } ], \"channels\": 2 } ], " STEREO_OUT,
                 cases[i].more);
        fixture_audio out = fixture_output(f, json, NULL);
        assert_true(fabs(20 * log10(out.samples[2 * 11999]) + 40) < 1e-3);
        /* By then the filter has settled and the shelf's DC is what it says. */
        double is = 20 * log10(out.samples[2 * 35999]) + 40;
        if (!(fabs(is - cases[i].loud_db) <= 0.01))
            fail_msg("with%s: %g dB, not %g", cases[i].more, is, cases[i].loud_db);
        free(out.samples);
    }
    fixture_audio out = output_of(f, "pulse.wav", "{ \"type\": \"gate\", \"lookahead_ms\": 5, \"key_listen\": true }");
    for (uint64_t n = 0; n < 48000; n += 99)
        assert_sample(&out, 0, n, pulse(0, n));
    free(out.samples);
}

/* ---- Bands --------------------------------------------------------------- */

static double response_db(const fixture_audio *out, double frequency_hz)
{
    double complex sum = 0;
    for (uint64_t n = 0; n < out->frames; n++)
        sum += out->samples[2 * n] * cexp(-2.0 * I * pi * frequency_hz / RATE * (double)n);
    return 20.0 * log10(cabs(sum));
}

/* With nothing to compress the bands sum to an all-pass; one alone is a Linkwitz-Riley band. */
static void bands_sum_flat(void **state)
{
    static const struct {
        const char *crossovers, *bands;
    } splits[] = {
        {"1000", "{}, {}"},
        {"300, 3000", "{}, {}, {}"},
        {"120, 1000, 8000", "{}, {}, {}, {}"},
        {"60, 240, 300, 15000", "{}, { \"bypass\": true }, {}, {}, {}"},
    };
    fixture *f = *state;
    char insert[512];
    for (size_t i = 0; i < sizeof splits / sizeof *splits; i++) {
        snprintf(insert, sizeof insert, "{ \"type\": \"multiband\", \"crossovers_hz\": [ %s ], \"lookahead_ms\": 1, \"bands\": [ %s ] }",
                 splits[i].crossovers, splits[i].bands);
        /* 40 dB down no impulse reaches a threshold. */
        char chain[700];
        snprintf(chain, sizeof chain, "{ \"type\": \"gain\", \"gain_db\": -40 }, %s, { \"type\": \"gain\", \"gain_db\": 40 }", insert);
        fixture_audio out = output_of(f, "impulse.wav", chain);
        for (double hz = 20; hz < 23000; hz *= 1.13)
            if (!(fabs(response_db(&out, hz)) <= 0.01))
                fail_msg("%s: %.4f dB at %g Hz", insert, response_db(&out, hz), hz);
        free(out.samples);
    }
    fixture_audio out = output_of(f, "impulse.wav", "{ \"type\": \"multiband\", \"crossovers_hz\": [ 1000 ], \"mix\": 0, "
                                                    "\"bands\": [ {}, { \"solo\": true } ] }");
    for (double hz = 120; hz < 23000; hz *= 1.4) { /* below lies the rounding of 24 bits */
        /* Two Butterworth high-passes of second order: 1 / (1 + (w0 / w)^4) in amplitude. */
        double ratio = tan(pi * 1000 / RATE) / tan(pi * hz / RATE), should = -20 * log10(1 + pow(ratio, 4));
        if (!(fabs(response_db(&out, hz) - should) <= 0.01))
            fail_msg("the upper band: %.4f dB at %g Hz, not %.4f", response_db(&out, hz), hz, should);
    }
    free(out.samples);
}

/* Each band by itself: a low tone is turned down, a high one stays. */
static float two_tones(uint32_t channel, uint64_t frame)
{
    (void)channel;
    return (float)(0.5 * sin(2 * pi * 100.0 * (double)frame / RATE) + 0.05 * sin(2 * pi * 9600.0 * (double)frame / RATE));
}

/* Amplitude in dB of a tone in the last half second, whole periods of both. */
static double tone_db(const fixture_audio *out, double hz)
{
    double complex sum = 0;
    for (uint64_t n = 24000; n < 48000; n++)
        sum += out->samples[2 * n] * cexp(-2.0 * I * pi * hz / RATE * (double)n);
    return 20 * log10(cabs(sum) / 12000);
}

static void bands_work_by_themselves(void **state)
{
    fixture *f = *state;
    fixture_wav(f, "tones.wav", RATE, 2, 48000, two_tones);
    fixture_audio out = output_of(f, "tones.wav", "{ \"type\": \"multiband\", \"crossovers_hz\": [ 1000 ], \"detector\": \"rms\", "
                                                  "\"rms_ms\": 30, \"bands\": [ { \"threshold_db\": -19.0309, \"ratio\": 2 }, "
                                                  "{ \"threshold_db\": -20, \"gain_db\": 3 } ] }");
    /* -6.02 dB of a sine are -9.03 RMS: 10 dB over, 5 off. */
    if (!(fabs(tone_db(&out, 100) + 6.0206 + 5) <= 0.1 && fabs(tone_db(&out, 9600) + 26.0206 - 3) <= 0.1))
        fail_msg("%g and %g dB", tone_db(&out, 100), tone_db(&out, 9600));
    free(out.samples);
    /* The de-esser: the centre of its band 12 dB over, ratio infinite, at most 6 dB; the low tone stays. */
    for (int wide = 0; wide < 2; wide++) {
        char insert[256];
        snprintf(insert, sizeof insert, "{ \"type\": \"de-esser\", \"frequency_hz\": 9600, \"q\": 4, \"threshold_db\": -40, \"ratio\": 100, "
                                        "\"range_db\": 6, \"release_ms\": 500, \"mode\": \"%s\" }", wide ? "wide" : "split");
        out = output_of(f, "tones.wav", insert);
        double low = tone_db(&out, 100) + 6.0206, high = tone_db(&out, 9600) + 26.0206;
        if (!(fabs(high + 6) <= 0.1 && fabs(low + (wide ? 6 : 0)) <= 0.1))
            fail_msg("%s: %g and %g dB", insert, low, high);
        free(out.samples);
    }
}

/* ---- Transients ---------------------------------------------------------- */

/* An onset gets its gain whatever its level, and what stands still none. */
static void transients_by_shape_not_level(void **state)
{
    fixture *f = *state;
    for (int quiet = 0; quiet < 2; quiet++) {
        char chain[400];
        snprintf(chain, sizeof chain, "{ \"type\": \"gain\", \"gain_db\": %d }, { \"type\": \"transient\", \"attack_db\": 9, \"sustain_db\": -12, "
                                      "\"attack_ms\": 20, \"sustain_ms\": 200 }", quiet ? -30 : 0);
        fixture_audio out = output_of(f, "pulse.wav", chain);
        double level = quiet ? -30 : 0;
        /* 5 ms after the step: fast has gone 1 - e^-2.5, slow 1 - e^-0.25 of 40 dB: more than the 12 for all of it. */
        if (!(fabs(gain_db(&out, 12240) - level - 9) <= 1e-3))
            fail_msg("onset at %g dB: %g dB", level, gain_db(&out, 12240) - level);
        /* 0.2 s later the slow one is 40 e^-10 dB behind. */
        if (!(fabs(gain_db(&out, 22000) - level) <= 0.02))
            fail_msg("at rest at %g dB: %g dB", level, gain_db(&out, 22000) - level);
        /* 60 ms after the fall the slow release is 40 (e^-0.3 - e^-3) dB above the fast one. */
        if (!(fabs(gain_db(&out, 36000 + 2880) - level + 12) <= 1e-3))
            fail_msg("ringing at %g dB: %g dB", level, gain_db(&out, 36000 + 2880) - level);
        free(out.samples);
    }
}

/* ---- What must not matter ------------------------------------------------ */

static const char *const all_of_them =
    "{ \"type\": \"expander\", \"threshold_db\": -30, \"hold_ms\": 3, \"lookahead_ms\": 0.5 }, "
    "{ \"type\": \"gate\", \"threshold_db\": -50 }, "
    "{ \"type\": \"transient\", \"attack_db\": 6, \"sustain_db\": 3, \"link\": 0.5 }, "
    "{ \"type\": \"de-esser\" }, "
    "{ \"type\": \"multiband\", \"crossovers_hz\": [ 200, 2000 ], \"bands\": [ {}, { \"threshold_db\": -30 }, {} ], \"lookahead_ms\": 2 }, "
    "{ \"type\": \"compressor\", \"lookahead_ms\": 5, \"automation\": [ { \"parameter\": \"threshold_db\", \"points\": [ [0, -40], [0.4, -6] ] } ] }";

static void blocks_and_backends_do_not_matter(void **state)
{
    fixture *f = *state;
    const char *session = session_of("bursts.wav", all_of_them);
    fixture_audio out[3];
    const mxd_render_options options[3] = {
        {.backend = MXD_BACKEND_CPU, .block_frames = 1024},
        {.backend = MXD_BACKEND_CPU, .block_frames = 65536},
        {.backend = MXD_BACKEND_REFERENCE, .block_frames = 16384},
    };
    for (int i = 0; i < 3; i++)
        out[i] = fixture_output(f, session, &options[i]);
    assert_nulls(&out[0], &out[1], -130, "blocks of 2^10 against 2^16");
    assert_nulls(&out[1], &out[2], -110, "cpu against reference");
    for (int i = 0; i < 3; i++)
        free(out[i].samples);
}

/* After silence enough for its state to settle a chain sleeps, and begins anew: the same comes out. */
static void sleep_does_not_show(void **state)
{
    static const char *const inserts[] = {
        "{ \"type\": \"compressor\", \"threshold_db\": -30, \"release_ms\": 40 }",
        "{ \"type\": \"compressor\", \"threshold_db\": -30, \"release_ms\": 40, \"detector\": \"rms\" }",
        "{ \"type\": \"gate\", \"threshold_db\": -30, \"release_ms\": 40 }",
        "{ \"type\": \"expander\", \"threshold_db\": -30, \"release_ms\": 40 }",
        "{ \"type\": \"transient\", \"attack_db\": 9, \"sustain_db\": 9, \"sustain_ms\": 40 }",
    };
    fixture *f = *state;
    for (size_t i = 0; i < sizeof inserts / sizeof *inserts; i++) {
        char json[2048];
        snprintf(json, sizeof json,
                 HEAD "\"tracks\": [ { \"name\": \"A\", \"channels\": 2, \"clips\": [ { \"file\": \"bursts.wav\" }, { \"file\": \"bursts.wav\", "
                 "\"start_s\": 3 } ], \"inserts\": [ %s ], \"place\": { \"bed\": \"stereo\" } } ], " STEREO_OUT, inserts[i]);
        fixture_audio out = fixture_output(f, json, &(mxd_render_options){.backend = MXD_BACKEND_CPU, .block_frames = 1024});
        assert_int_equal(out.frames, 3 * RATE + 30011);
        for (uint64_t n = 0; n < 2 * 30011; n++)
            if (!(fabs(out.samples[n] - out.samples[n + 6 * RATE]) <= 2e-6))
                fail_msg("%s: frame %u", inserts[i], (unsigned)(n / 2));
        free(out.samples);
    }
}

static void extremes_stay_finite(void **state)
{
    static const fixture_signal signals[] = {square, silence, denormals, fixture_impulse};
    fixture *f = *state;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        fixture_wav(f, "extreme.wav", RATE, 2, 9001, signals[i]);
        fixture_audio out = output_of(f, "extreme.wav", all_of_them);
        for (uint64_t n = 0; n < 2 * out.frames; n++)
            if (!(fabs(out.samples[n]) <= (i == 0 || i == 3 ? 16.0 : 1e-30)))
                fail_msg("signal %u, frame %u: %g", (unsigned)i, (unsigned)(n / 2), out.samples[n]);
        free(out.samples);
    }
    /* Full scale through 20 dB of reduction, to the end. */
    fixture_wav(f, "extreme.wav", RATE, 2, 9001, square);
    fixture_audio out = output_of(f, "extreme.wav", "{ \"type\": \"compressor\", \"threshold_db\": -20, \"ratio\": 100, \"attack_ms\": 1 }");
    assert_true(fabs(fabs(out.samples[2 * 9000]) - 0.1) < 1e-5);
    free(out.samples);
}

/* ---- Mistakes ------------------------------------------------------------ */

static void mistakes_have_places(void **state)
{
    static const struct {
        const char *insert, *path, *text;
    } cases[] = {
        {"\"compressor\", \"hysteresis_db\": 3", "/tracks/0/inserts/0/hysteresis_db", "unknown key"},
        {"\"gate\", \"knee_db\": 3", "/tracks/0/inserts/0/knee_db", "unknown key"},
        {"\"compressor\", \"rms_ms\": 3", "/tracks/0/inserts/0/rms_ms", "peak detector has no window"},
        {"\"expander\", \"ratio\": 0.5", "/tracks/0/inserts/0/ratio", "must be from 1 to 100"},
        {"\"compressor\", \"key_filter\": [ { \"type\": \"bell\", \"frequency_hz\": 0, \"gain_db\": 1 } ]", "/tracks/0/inserts/0/key_filter/0/frequency_hz", "must be from 1"},
        {"\"multiband\", \"crossovers_hz\": [ 300, 200 ], \"bands\": [ {}, {}, {} ]", "/tracks/0/inserts/0/crossovers_hz", "must ascend"},
        {"\"multiband\", \"crossovers_hz\": [ 300 ], \"bands\": [ {}, {}, {} ]", "/tracks/0/inserts/0/bands", "makes 2 bands"},
        {"\"multiband\", \"crossovers_hz\": [ 300 ], \"bands\": [ {}, {} ], \"automation\": [ { \"parameter\": \"bands[2].ratio\", \"points\": [ [0, 2] ] } ]",
         "/tracks/0/inserts/0/automation/0/parameter", "is no parameter"},
        {"\"compressor\", \"automation\": [ { \"parameter\": \"lookahead_ms\", \"points\": [ [0, 2] ] } ]",
         "/tracks/0/inserts/0/automation/0/parameter", "cannot move"},
        {"\"compressor\", \"side_chain\": { \"from\": \"Nobody\" }", "/tracks/0/inserts/0/side_chain", "Nobody"},
        {"\"de-esser\", \"mode\": \"both\"", "/tracks/0/inserts/0/mode", "\"wide\""},
        {"\"transient\", \"threshold_db\": -20", "/tracks/0/inserts/0/threshold_db", "unknown key"},
    };
    fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char insert[400];
        snprintf(insert, sizeof insert, "{ \"type\": %s }", cases[i].insert);
        mxd_problems_destroy(f->problems);
        f->problems = mxd_problems_create();
        assert_int_equal(fixture_render(f, session_of("pulse.wav", insert), NULL), MXD_ERROR_INVALID);
        const mxd_problem *problem = mxd_problems_count(f->problems) == 1 ? mxd_problems_get(f->problems, 0) : NULL;
        if (!problem || !strstr(problem->text, cases[i].text) || !problem->path || strncmp(problem->path, cases[i].path, strlen(cases[i].path)) != 0) {
            fixture_print(f->problems);
            fail_msg("%s: expected \"%s\" at %s", insert, cases[i].text, cases[i].path);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(static_curves),
        cmocka_unit_test(as_ffmpeg_compresses),
        cmocka_unit_test(attack_and_release),
        cmocka_unit_test(look_ahead_is_early),
        cmocka_unit_test(gate_opens_and_shuts_to_the_frame),
        cmocka_unit_test(channels_are_linked),
        cmocka_unit_test(side_chains),
        cmocka_unit_test(bands_sum_flat),
        cmocka_unit_test(bands_work_by_themselves),
        cmocka_unit_test(transients_by_shape_not_level),
        cmocka_unit_test(blocks_and_backends_do_not_matter),
        cmocka_unit_test(sleep_does_not_show),
        cmocka_unit_test(extremes_stay_finite),
        cmocka_unit_test(mistakes_have_places),
    };
    return cmocka_run_group_tests(tests, set_up, fixture_tear_down);
}
