/*
 * Inserts through a whole render on the CPU: what a session file asks for is what
 * its output file holds. Equalisers are measured by the spectrum of their answer
 * to an impulse, convolvers by that answer itself.
 */
#include "fixture.h"
#include "host/effects/eq.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <math.h>

static const double pi = 3.14159265358979323846;

/* One mono impulse at frame 0 through the inserts, as 32-bit float stereo (channels of the bed). */
static fixture_audio answer(fixture *f, uint32_t rate, const char *inserts, const char *place)
{
    char json[2048];
    fixture_wav(f, "impulse.wav", rate, 1, 129, fixture_impulse);
    snprintf(json, sizeof json,
             "{ \"mixdown\": 1, \"sample_rate\": %u, \"tracks\": [ { \"name\": \"A\", \"clips\": [ { \"file\": "
             "\"impulse.wav\" } ], \"inserts\": [ %s ], \"place\": %s } ], \"deliverables\": [ { \"file\": "
             "\"out.wav\", \"layout\": \"stereo\", \"bit_depth\": 32 } ] }",
             (unsigned)rate, inserts, place);
    return fixture_output(f, json, NULL);
}

/* Level in dB of the left channel's spectrum at frequency_hz. */
static double level_db(const fixture_audio *audio, double frequency_hz, double rate)
{
    double complex sum = 0;
    for (uint64_t n = 0; n < audio->frames; n++)
        sum += audio->samples[n * audio->channels] * cexp(-2.0 * I * pi * frequency_hz / rate * (double)n);
    return 20.0 * log10(cabs(sum));
}

/* The analogue bell at the prewarped frequency, in dB; cookbook's H(s). */
static double bell_db(double frequency_hz, double centre_hz, double gain_db, double q, double rate)
{
    const double complex s = I * tan(pi * frequency_hz / rate) / tan(pi * centre_hz / rate);
    const double a = pow(10.0, gain_db / 40.0);
    return 20.0 * log10(cabs((s * s + s * a / q + 1.0) / (s * s + s / (a * q) + 1.0)));
}

/* The figure: within 0.05 dB of the prototype's bilinear transform, at every rate and frequency. */
static void bells_measure_as_designed(void **state)
{
    (void)state;
    static const struct {
        uint32_t rate;
        double centre_hz, gain_db, q;
    } bells[] = {
        {44100, 20, 12, 0.7},   {44100, 1000, -12, 4},  {44100, 20000, 12, 1},    {48000, 20000, -6, 10},
        {96000, 40000, 18, 1},  {192000, 20, -12, 1.5}, {192000, 20, 12, 10},     {192000, 20000, 6, 0.3},
        {192000, 95000, 24, 2}, {8000, 3999, 6, 1},
    };
    for (size_t i = 0; i < sizeof bells / sizeof bells[0]; i++) {
        fixture f;
        fixture_create(&f);
        char insert[256];
        snprintf(insert, sizeof insert,
                 "{ \"type\": \"eq\", \"bands\": [ { \"type\": \"bell\", \"frequency_hz\": %g, \"gain_db\": %g, "
                 "\"q\": %g } ] }",
                 bells[i].centre_hz, bells[i].gain_db, bells[i].q);
        fixture_audio out = answer(&f, bells[i].rate, insert, "{ \"pan\": -1 }");
        const double rate = bells[i].rate, factors[] = {0.1, 0.5, 0.9, 1.0, 1.1, 2.0, 10.0};
        for (int j = 0; j < 7; j++) {
            const double frequency_hz = fmin(bells[i].centre_hz * factors[j], 0.4999 * rate);
            const double is = level_db(&out, frequency_hz, rate);
            const double should =
                bell_db(frequency_hz, bells[i].centre_hz, bells[i].gain_db, bells[i].q, rate);
            if (!(fabs(is - should) <= 0.05))
                fail_msg("bell at %g Hz, %g dB, q %g, rate %g: %.4f dB at %g Hz, not %.4f", bells[i].centre_hz,
                         bells[i].gain_db, bells[i].q, rate, is, frequency_hz, should);
        }
        free(out.samples);
        fixture_destroy(&f);
    }
}

/* Everything at once, in order, against the product of the sections' exact responses. */
static void a_chain_of_bands(void **state)
{
    (void)state;
    fixture f;
    fixture_create(&f);
    fixture_audio out = answer(
        &f, 48000,
        "{ \"type\": \"eq\", \"bands\": [ { \"type\": \"high-pass\", \"frequency_hz\": 30, "
        "\"slope_db_per_octave\": 48 },"
        "{ \"type\": \"low-shelf\", \"frequency_hz\": 200, \"gain_db\": 4 },"
        "{ \"type\": \"notch\", \"frequency_hz\": 1000, \"q\": 8, \"enabled\": false },"
        "{ \"type\": \"tilt\", \"frequency_hz\": 900, \"gain_db\": -5 } ] },"
        "{ \"type\": \"eq\", \"bands\": [ { \"type\": \"all-pass\", \"frequency_hz\": 3000 },"
        "{ \"type\": \"low-pass\", \"frequency_hz\": 15000, \"slope_db_per_octave\": 24 } ] }",
        "{ \"pan\": -1 }");
    const mxd_eq_band bands[] = {
        {MXD_EQ_HIGH_PASS, 30, 0, 1, 48}, {MXD_EQ_LOW_SHELF, 200, 4, sqrt(0.5), 12},
        {MXD_EQ_TILT, 900, -5, 0.5, 12},  {MXD_EQ_LOW_PASS, 15000, 0, 1, 24},
    };
    for (double frequency_hz = 25; frequency_hz < 22000; frequency_hz *= 1.37) {
        double should = 0;
        for (int b = 0; b < 4; b++) {
            mxd_svf sections[MXD_EQ_MAX_BAND_SECTIONS];
            const uint32_t num_sections = mxd_eq_design(&bands[b], 48000, sections);
            for (uint32_t s = 0; s < num_sections; s++)
                should += 20.0 * log10(cabs(mxd_svf_response(&sections[s], frequency_hz, 48000)));
        }
        const double is = level_db(&out, frequency_hz, 48000);
        if (!(fabs(is - should) <= 0.01))
            fail_msg("%g Hz: %.4f dB, not %.4f", frequency_hz, is, should);
    }
    free(out.samples);
    fixture_destroy(&f);
}

/*
 * One response each way, a predelay, wet and dry levels: the answer to an impulse
 * is the responses themselves. Transforms of some 2^14 frames in float32 of a
 * response whose energy is 4801 / 12 = 400 (root 20): 20 * 6e-8 * a few = 5e-6
 * at most; a wrong frame or level is off by 0.1.
 */
static void a_convolver_plays_its_response(void **state)
{
    (void)state;
    fixture f;
    fixture_create(&f);
    fixture_wav(&f, "response.wav", 48000, 2, 4801, fixture_noise);
    fixture_audio out = answer(&f, 48000,
                               "{ \"type\": \"convolver\", \"impulse_response\": \"response.wav\", \"normalize\": "
                               "\"none\", \"predelay_ms\": 1, \"wet_db\": -6, \"dry_db\": -3 }",
                               "{ \"bed\": \"stereo\" }");
    const double wet = pow(10.0, -6 / 20.0), dry = pow(10.0, -3 / 20.0);
    assert_int_equal(out.channels, 2);
    /* The clip's 129 frames, then the tail. */
    assert_int_equal(out.frames, 129 + 48 + 4800);
    for (uint64_t n = 0; n < out.frames; n++)
        for (uint32_t c = 0; c < 2; c++) {
            double should = n == 0 ? dry : 0.0;
            if (n >= 48 && n - 48 < 4801)
                should += wet * fixture_noise(c, n - 48);
            if (!(fabs(out.samples[n * 2 + c] - should) <= 5e-6))
                fail_msg("channel %u, frame %llu: %g, not %g", c, (unsigned long long)n, out.samples[n * 2 + c],
                         should);
        }
    free(out.samples);
    fixture_destroy(&f);
}

/* A room from one line: unit energy, nothing before the predelay, and it ends where its tail was said to. */
static void a_room_from_one_line(void **state)
{
    (void)state;
    fixture f;
    fixture_create(&f);
    fixture_audio out = answer(&f, 44100,
                               "{ \"type\": \"convolver\", \"impulse_response\": { \"decay_s\": 0.9, "
                               "\"predelay_ms\": 20 } }",
                               "{ \"bed\": \"stereo\" }");
    double energy = 0;
    for (uint64_t n = 0; n < out.frames; n++)
        for (uint32_t c = 0; c < 2; c++) {
            const double sample = out.samples[n * 2 + c];
            energy += sample * sample;
            assert_true(n >= 882 || fabs(sample) <= 1e-6);
        }
    assert_true(fabs(energy - 1.0) <= 1e-4);
    /* -80 dB of the lowest octaves' 0.99 s. */
    assert_true(llabs((long long)out.frames - (129 + 882 + (long long)(0.99 * 80 / 60 * 44100))) <= 1);
    free(out.samples);
    fixture_destroy(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bells_measure_as_designed),
        cmocka_unit_test(a_chain_of_bands),
        cmocka_unit_test(a_convolver_plays_its_response),
        cmocka_unit_test(a_room_from_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
