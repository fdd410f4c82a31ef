/*
 * The saturator against what was not written with it: its filters designed again,
 * spectra by FFTW (no alias of a tone), the Fourier series of a clipped sine, the
 * curves themselves where the signal is slow, ffmpeg's asoftclip where it is not
 * oversampled; and the insert through whole renders.
 */
#include "host/cpu/variants.h"
#include "render_fixture.h"
#include "shaders/saturate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fftw3.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PI 3.14159265358979323846
#define RATE 48000
#define BLOCK 4096u

static const char *const curve_names[MXD_SATURATE_NUM_CURVES] = {"tanh", "soft-clip", "hard-clip", "tube", "tape"};

static double decibels(double value)
{
    return 20.0 * log10(value + 1e-300);
}

/* ---- Filters ------------------------------------------------------------- */

/* The modified Bessel function of order 0 by its power series. */
static double bessel(double x)
{
    double sum = 1, term = 1;
    for (int k = 1; term > 1e-17 * sum; k++)
        sum += term *= x * x / (4.0 * k * k);
    return sum;
}

/* A sinc of cut-off `cut` (in cycles a sample) by Kaiser's window of half its length `half`, at sample n. */
static double kaiser(double attenuation_db, double cut, double half, double n)
{
    double beta = 0.1102 * (attenuation_db - 8.7), x = 2 * PI * cut * n;
    return 2 * cut * (n == 0 ? 1 : sin(x) / x) * bessel(beta * sqrt(1 - n * n / (half * half))) / bessel(beta);
}

/* The loudest of a symmetric filter's response from a frequency (in cycles a sample) on, in dB. */
static double stop_band_db(const double *side, uint32_t count, double from)
{
    double peak = 0;
    for (double f = from; f <= 0.5; f += 1e-4) {
        double sum = side[0];
        for (uint32_t n = 1; n < count; n++)
            sum += 2 * side[n] * cos(2 * PI * f * n);
        peak = fmax(peak, fabs(sum));
    }
    return decibels(peak);
}

static void test_filters(void **state)
{
    (void)state;
    static const float half_bands[] = {MXD_SATURATE_HALF_BANDS}, last[] = {MXD_SATURATE_LAST};
    static const double attenuations[] = {122, 134, 142};
    assert_int_equal(sizeof half_bands / sizeof *half_bands, MXD_SATURATE_NUM_HALF_BANDS);
    assert_int_equal(sizeof last / sizeof *last, MXD_SATURATE_LAST_TAPS + 1);
    for (uint32_t stage = 0; stage < 3; stage++) {
        const float *taps = half_bands + MXD_SATURATE_FIRST_TAP(stage);
        uint32_t count = MXD_SATURATE_TAPS(stage);
        double designed[40], sum = 0, side[80] = {0.5};
        for (uint32_t i = 0; i < count; i++)
            sum += designed[i] = kaiser(attenuations[stage], 0.25, 2.0 * count, 2.0 * i + 1);
        for (uint32_t i = 0; i < count; i++) {
            assert_true(fabs(taps[i] - designed[i] / (2 * sum)) < 1e-7 * fabs(designed[i]) + 1e-12);
            side[2 * i + 1] = taps[i] / 2.0;
        }
        double from = 0.5 - 0.45 / (2 << stage); /* where images of 0.45 of the base rate begin */
        print_message("step %u: stops by %.1f dB\n", stage, stop_band_db(side, 2 * count, from));
        assert_true(stop_band_db(side, 2 * count, from) < -110);
    }
    double sum = 0, side[MXD_SATURATE_LAST_TAPS + 1];
    for (uint32_t i = 0; i <= MXD_SATURATE_LAST_TAPS; i++)
        sum += (i ? 2 : 1) * kaiser(116, 0.2325, MXD_SATURATE_LAST_TAPS + 1, i);
    for (uint32_t i = 0; i <= MXD_SATURATE_LAST_TAPS; i++) {
        double designed = kaiser(116, 0.2325, MXD_SATURATE_LAST_TAPS + 1, i) / sum;
        side[i] = last[i];
        assert_true(fabs(side[i] - designed) < 1e-7 * fabs(designed) + 1e-12);
    }
    print_message("last step: stops by %.1f dB\n", stop_band_db(side, MXD_SATURATE_LAST_TAPS + 1, 0.25));
    assert_true(stop_band_db(side, MXD_SATURATE_LAST_TAPS + 1, 0.25) < -110);
}

/* ---- The kernel by itself ------------------------------------------------ */

static void run_kernel(mxd_backend_creator *creator, uint32_t curve, uint32_t stages, double gain, const float *in,
                       uint32_t num_frames, float *out)
{
    const mxd_backend_params params = {.num_lanes = 2, .block_frames = BLOCK, .num_threads = 1, .blocks_in_flight = 1};
    const uint32_t settings[] = {[MXD_SATURATE_CURVE] = curve, [MXD_SATURATE_STAGES] = stages};
    const double values[] = {[MXD_SATURATE_DRIVE] = gain, [MXD_SATURATE_WET] = 1, [MXD_SATURATE_DRY] = 0};
    const mxd_kernel_row row = {&(uint32_t){0}, 1, &(uint32_t){1}, 1, settings, values};
    mxd_backend *backend;
    uint32_t step;
    uint64_t ticket;
    assert_int_equal(mxd_backend_create_with(creator, &params, NULL, &backend), MXD_OK);
    assert_int_equal(mxd_backend_add_rows(backend, MXD_KERNEL_SATURATE, &row, 1, &step), MXD_OK);
    assert_int_equal(mxd_backend_prepare(backend), MXD_OK);
    for (uint32_t at = 0; at < num_frames; at += BLOCK) {
        const mxd_upload upload = {.lane = 0, .frames = in + at, .num_channels = 1, .gain = 1.0};
        const mxd_step_run run = {.step = step, .rows = &(uint32_t){0}, .num_rows = 1};
        const mxd_download download = {1, out + at};
        const mxd_block block = {.num_frames = num_frames - at < BLOCK ? num_frames - at : BLOCK, .uploads = &upload,
                                 .num_uploads = 1, .runs = &run, .num_runs = 1, .downloads = &download,
                                 .num_downloads = 1};
        assert_int_equal(mxd_backend_submit(backend, &block, &ticket), MXD_OK);
        assert_int_equal(mxd_backend_wait(backend, ticket), MXD_OK);
    }
    mxd_backend_destroy(backend);
}

/* A second and a bit of a sine of full scale; what leaves is periodic in its last second. */
enum { NUM_FRAMES = RATE + 4800 };

static void run_sine(mxd_backend_creator *creator, uint32_t curve, uint32_t stages, double gain, double hz, float *in,
                     float *out)
{
    for (uint32_t n = 0; n < NUM_FRAMES; n++)
        in[n] = (float)sin(2 * PI * fmod(hz * n, RATE) / RATE);
    run_kernel(creator, curve, stages, gain, in, NUM_FRAMES, out);
}

/* Amplitudes of the last second, one a hertz. */
static void spectrum_of(const float *out, double *amplitudes)
{
    double *x = fftw_malloc(RATE * sizeof *x);
    fftw_complex *bins = fftw_malloc((RATE / 2 + 1) * sizeof *bins);
    assert_true(x && bins);
    fftw_plan plan = fftw_plan_dft_r2c_1d(RATE, x, bins, FFTW_ESTIMATE);
    for (uint32_t n = 0; n < RATE; n++)
        x[n] = out[NUM_FRAMES - RATE + n];
    fftw_execute(plan);
    for (uint32_t i = 0; i <= RATE / 2; i++)
        amplitudes[i] = hypot(bins[i][0], bins[i][1]) * 2 / RATE;
    fftw_destroy_plan(plan);
    fftw_free(bins);
    fftw_free(x);
}

static float input[NUM_FRAMES], output[NUM_FRAMES];
static double amplitudes[RATE / 2 + 1];

/* What was asked for: 5 kHz, full scale, driven by 12 dB; every curve below -90 dBFS at 8 times. */
static void test_aliases(void **state)
{
    (void)state;
    static const uint32_t frequencies[] = {5000, 4999};
    for (uint32_t curve = 0; curve < MXD_SATURATE_NUM_CURVES; curve++)
        for (uint32_t f = 0; f < 2; f++) {
            run_sine(mxd_cpu_best()->create_backend, curve, 3, pow(10, 12.0 / 20), frequencies[f], input, output);
            spectrum_of(output, amplitudes);
            double peak = 0;
            for (uint32_t hz = 1; hz <= RATE / 2; hz++)
                if (hz % frequencies[f] != 0)
                    peak = fmax(peak, amplitudes[hz]);
            print_message("%s, %u Hz, 8 times: aliases at %.1f dBFS, the tone at %.1f\n", curve_names[curve],
                          frequencies[f], decibels(peak), decibels(amplitudes[frequencies[f]]));
            assert_true(decibels(peak) < -90);
            assert_true(amplitudes[frequencies[f]] > 1);
        }
}

/* Harmonic n of a sine of amplitude a, clipped at 1. */
static double clipped_harmonic(double a, uint32_t n)
{
    double p = asin(1 / a);
    if (n % 2 == 0)
        return 0;
    double slope = n == 1 ? p - sin(2 * p) / 2 : sin((n - 1) * p) / (n - 1) - sin((n + 1) * p) / (n + 1);
    return 4 / PI * (a / 2 * slope + cos(n * p) / n);
}

/*
 * 97 Hz, to the 201st harmonic; less what the triangle costs. The lines between samples fall short of the sine by
 * (2 pi 97 / (8 48000))^2 / 8 = 3e-7 of it.
 */
static void test_clipped_sine(void **state)
{
    (void)state;
    const double gain = 2.5;
    run_sine(mxd_cpu_reference()->create_backend, MXD_SATURATE_HARD_CLIP, 3, gain, 97, input, output);
    spectrum_of(output, amplitudes);
    double worst = 0;
    for (uint32_t n = 1; n <= 201; n++) {
        double x = PI * 97 * n / (8.0 * RATE), sinc = sin(x) / x;
        worst = fmax(worst, fabs(amplitudes[97 * n] - fabs(clipped_harmonic(gain, n)) * sinc * sinc));
    }
    print_message("harmonics within %.1f dBFS of the Fourier series\n", decibels(worst));
    assert_true(worst < 2e-6);
}

static double curve_at(uint32_t curve, double u)
{
    double t = tanh(u);
    switch (curve) {
    case MXD_SATURATE_TANH:
        return t;
    case MXD_SATURATE_SOFT_CLIP:
        return fabs(u) < 1.5 ? u - 4.0 / 27 * u * u * u : copysign(1, u);
    case MXD_SATURATE_HARD_CLIP:
        return fmax(-1, fmin(1, u));
    case MXD_SATURATE_TUBE:
        return t / (1 + 0.35 * t);
    default:
        return u / sqrt(1 + u * u);
    }
}

/*
 * A slow sine follows the curve itself, late by the latency, at every oversampling: harmonics end long before the
 * filters' edge. Pass bands ripple by 1.6e-5 dB, which is 2e-6 of the signal, at most five times; the triangle takes
 * (pi 37 n / 96000)^2 / 3 from harmonic n, which is 5e-7 for the first and 2e-5 of the sixth, itself below 0.1.
 */
static void test_slow_sine(void **state)
{
    (void)state;
    for (uint32_t curve = 0; curve < MXD_SATURATE_NUM_CURVES; curve++)
        for (uint32_t stages = 0; stages <= 3; stages++) {
            if (curve == MXD_SATURATE_HARD_CLIP && stages > 0)
                continue; /* its corners have harmonics of any order: test_clipped_sine */
            const uint32_t latency = MXD_SATURATE_LATENCY(stages);
            run_sine(mxd_cpu_best()->create_backend, curve, stages, 1.4, 37, input, output);
            double worst = 0;
            for (uint32_t n = 4800; n < NUM_FRAMES; n++)
                worst = fmax(worst, fabs(output[n] - curve_at(curve, 1.4 * (double)input[n - latency])));
            if (!(worst < 1e-5))
                fail_msg("%s, %u times: %.1f dBFS off the curve", curve_names[curve], 1u << stages, decibels(worst));
        }
}

/* ffmpeg 5.1.9, `-f f32le -i ... -af asoftclip=type=T:oversample=1 -f f32le`: tanh, cubic (of 0.1481 for 4/27), hard, alg. */
static void test_asoftclip(void **state)
{
    (void)state;
    static const float in[] = {-2.5f, -1.6f, -1.4f, -1.0f, -0.9f, -0.5f, -0.25f, -0.01f, 0.0f, 0.1f, 0.3f,
                               0.5f,  0.75f, 0.9f,  1.0f,  1.2f,  1.45f, 1.55f,  2.0f,   4.0f};
    enum { COUNT = sizeof in / sizeof *in };
    static const struct {
        uint32_t curve;
        double within;
        float out[COUNT];
    } cases[] = {
        {MXD_SATURATE_TANH, 2e-7, {-0.98661429f, -0.92166853f, -0.88535166f, -0.76159418f, -0.71629786f, -0.46211717f,
                                   -0.24491866f, -0.0099996664f, 0, 0.099667996f, 0.29131261f, 0.46211717f, 0.63514894f,
                                   0.71629786f, 0.76159418f, 0.83365464f, 0.89569288f, 0.91378546f, 0.96402758f,
                                   0.99932933f}},
        {MXD_SATURATE_SOFT_CLIP, 1.7e-4, {-1, -1, -0.9936136f, -0.85189998f, -0.7920351f, -0.48148751f, -0.24768594f,
                                          -0.0099998517f, 0, 0.099851899f, 0.29600132f, 0.48148751f, 0.68752033f,
                                          0.7920351f, 0.85189998f, 0.94408321f, 0.99849868f, 1, 1, 1}},
        {MXD_SATURATE_HARD_CLIP, 0, {-1, -1, -1, -1, -0.9f, -0.5f, -0.25f, -0.01f, 0, 0.1f, 0.3f, 0.5f, 0.75f, 0.9f, 1, 1,
                                     1, 1, 1, 1}},
        {MXD_SATURATE_TAPE, 2e-7, {-0.92847669f, -0.84799832f, -0.81373346f, -0.70710677f, -0.66896468f, -0.44721359f,
                                   -0.24253564f, -0.0099995006f, 0, 0.099503718f, 0.28734788f, 0.44721359f, 0.6f,
                                   0.66896468f, 0.70710677f, 0.76822126f, 0.8232128f, 0.84029663f, 0.89442718f,
                                   0.97014254f}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float out[COUNT];
        run_kernel(mxd_cpu_best()->create_backend, cases[i].curve, 0, 1.0, in, COUNT, out);
        for (uint32_t n = 0; n < COUNT; n++)
            if (!(fabs((double)out[n] - cases[i].out[n]) <= cases[i].within))
                fail_msg("%s of %g: %.9g, ffmpeg has %.9g", curve_names[cases[i].curve], (double)in[n], (double)out[n],
                         (double)cases[i].out[n]);
    }
}

/* ---- The insert ---------------------------------------------------------- */

static float sine(uint32_t channel, uint64_t frame)
{
    (void)channel;
    return (float)(0.5 * sin(2 * PI * 1000.0 * (double)(frame % 48) / RATE));
}

/* A track through one saturator, hard left in the bed of stereo; frames as in the session. */
static fixture_audio render_insert(fixture *f, const char *file, const char *keys)
{
    char json[1024];
    snprintf(json, sizeof json, HEAD "\"length_s\": 1, \"tracks\": [ { \"name\": \"A\", \"clips\": [ { \"file\": \"%s\" } ], "
             "\"inserts\": [ { \"type\": \"saturator\", %s } ], \"place\": { \"pan\": -1 } } ], " STEREO_OUT, file, keys);
    return fixture_output(f, json, NULL);
}

/* The input beside the curve is as late as the curve, and the track no later than it was. */
static void test_paths_are_aligned(void **state)
{
    fixture *f = *state;
    static const char *const keys[] = {
        "\"mix\": 0, \"oversampling\": 8",
        "\"mix\": 0.5, \"oversampling\": 8, \"drive_db\": -24, \"output_db\": 24",
        "\"mix\": 0.5, \"oversampling\": 2, \"drive_db\": -24, \"output_db\": 24, \"curve\": \"tape\"",
        "\"mix\": 1, \"oversampling\": 4, \"drive_db\": -24, \"output_db\": 24, \"curve\": \"soft-clip\"",
    };
    fixture_wav(f, "sine.wav", RATE, 1, RATE, sine);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        fixture_audio audio = render_insert(f, "sine.wav", keys[i]);
        for (uint64_t n = 4800; n < audio.frames - 4800; n++) /* a slope of 1 but for u^2 / 2 < 5e-4 */
            if (!(fabs((double)audio.samples[2 * n] - (double)sine(0, n)) < (i == 0 ? 1e-7 : 5e-4)))
                fail_msg("%s: frame %u is %g, not %g", keys[i], (unsigned)n, (double)audio.samples[2 * n],
                         (double)sine(0, n));
        free(audio.samples);
    }
}

/* A tube makes even harmonics, and no DC leaves it; nor with a bias. */
static void test_no_dc(void **state)
{
    fixture *f = *state;
    static const char *const keys[] = {"\"curve\": \"tube\", \"drive_db\": 12", "\"bias\": 0.3, \"drive_db\": 12, \"mix\": 0.9"};
    fixture_wav(f, "sine.wav", RATE, 1, RATE, sine);
    for (size_t i = 0; i < 2; i++) {
        fixture_audio audio = render_insert(f, "sine.wav", keys[i]);
        double dc = 0, second[2] = {0, 0};
        for (uint64_t n = 24000; n < 43200; n++) { /* whole periods, once the high-pass has settled */
            dc += (double)audio.samples[2 * n] / 19200;
            second[0] += (double)audio.samples[2 * n] * cos(2 * PI * (double)(n % 24) / 24) / 9600;
            second[1] += (double)audio.samples[2 * n] * sin(2 * PI * (double)(n % 24) / 24) / 9600;
        }
        print_message("%s: DC %.1f dBFS, second harmonic %.1f dBFS\n", keys[i], decibels(fabs(dc)),
                      decibels(hypot(second[0], second[1])));
        assert_true(fabs(dc) < 1e-6);
        assert_true(hypot(second[0], second[1]) > 0.02);
        free(audio.samples);
    }
}

/* Between two points 32 frames apart the gain is a straight line: of 24 dB a second, within D^2 / 8 = 4e-7 of it. */
static void test_drive_moves(void **state)
{
    fixture *f = *state;
    fixture_audio audio = render_insert(f, "ones.wav", "\"oversampling\": 1, \"automation\": [ { \"parameter\": "
                                        "\"drive_db\", \"points\": [ [0, -12], [1, 12] ] } ]");
    assert_true(audio.frames >= RATE);
    for (uint64_t n = 0; n < RATE; n++) {
        double expected = tanh(pow(10, (24.0 * (double)n / RATE - 12) / 20));
        if (!(fabs((double)audio.samples[2 * n] - expected) < 1e-6))
            fail_msg("frame %u is %.9g, not %.9g", (unsigned)n, (double)audio.samples[2 * n], expected);
    }
    free(audio.samples);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_aliases),
        cmocka_unit_test(test_clipped_sine),
        cmocka_unit_test(test_slow_sine),
        cmocka_unit_test(test_asoftclip),
        cmocka_unit_test_setup_teardown(test_paths_are_aligned, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_no_dc, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_drive_moves, render_set_up, fixture_tear_down),
    };
    return cmocka_run_group_tests_name("saturator", tests, NULL, NULL);
}
