/*
 * The equaliser's design against its analogue prototypes and against direct-form
 * biquads by the cookbook's digital formulas; and how long it rings.
 */
#include "host/effects/eq.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

static const double pi = 3.14159265358979323846;
static const double rates[] = {44100, 48000, 96000, 192000};
enum { NUM_RATES = 4 };

static double db(double gain)
{
    return 20.0 * log10(gain);
}

/* ---- Responses --------------------------------------------------------------- */

static double complex band_response(const mxd_eq_band *band, double frequency_hz, double rate)
{
    mxd_svf sections[MXD_EQ_MAX_BAND_SECTIONS];
    const uint32_t num_sections = mxd_eq_design(band, rate, sections);
    double complex response = 1.0;
    for (uint32_t i = 0; i < num_sections; i++)
        response *= mxd_svf_response(&sections[i], frequency_hz, rate);
    return response;
}

/* The analogue prototypes in s / w0, as the cookbook lists them; the bilinear transform takes f to tan(pi f / rate). */
static double complex prototype(const mxd_eq_band *band, double frequency_hz, double rate)
{
    const double complex s = I * tan(pi * frequency_hz / rate) / tan(pi * band->frequency_hz / rate);
    const double a = pow(10.0, band->gain_db / 40.0), q = band->q, r = sqrt(a);
    const double complex plain = s * s + s / q + 1.0;
    const double complex low_shelf = a * (s * s + r / q * s + a) / (a * s * s + r / q * s + 1.0);
    const double complex high_shelf = a * (a * s * s + r / q * s + 1.0) / (s * s + r / q * s + a);
    double complex butterworth = 1.0; /* product over the left half-plane's poles, e^(j (pi/2 + (2 i + 1) pi / 2 n)) */
    const int order = band->slope_db_per_octave / 6;
    for (int i = 0; i < order; i++)
        butterworth *= s - cexp(I * (pi / 2.0 + (2 * i + 1) * pi / (2.0 * order)));
    switch (band->type) {
    case MXD_EQ_HIGH_PASS:
        return band->slope_db_per_octave == 12 ? s * s / plain : cpow(s, order) / butterworth;
    case MXD_EQ_LOW_PASS:
        return band->slope_db_per_octave == 12 ? 1.0 / plain : 1.0 / butterworth;
    case MXD_EQ_BELL:
        return (s * s + s * a / q + 1.0) / (s * s + s / (a * q) + 1.0);
    case MXD_EQ_LOW_SHELF:
        return low_shelf;
    case MXD_EQ_HIGH_SHELF:
        return high_shelf;
    case MXD_EQ_NOTCH:
        return (s * s + 1.0) / plain;
    case MXD_EQ_BAND_PASS:
        return s / q / plain;
    case MXD_EQ_ALL_PASS:
        return (s * s - s / q + 1.0) / plain;
    case MXD_EQ_TILT:
        return high_shelf / a;
    default:
        return NAN;
    }
}

static const double qs[] = {0.025, 0.5, 0.70710678118654752, 1.0, 7.3, 100.0};
static const double gains_db[] = {-60.0, -13.7, 0.0, 2.5, 60.0};

/*
 * Both sides are some twenty double operations on numbers that tan's own
 * conditioning near Nyquist (pi f / rate within 3e-4 of pi / 2) blurs by
 * 1e-16 / 3e-4; a high q multiplies that by 2 q = 200 near the pole: 1e-10.
 */
static void check_band(const mxd_eq_band *band, double rate)
{
    for (int i = 0; i <= 40; i++) {
        const double frequency_hz = 20.0 * pow(0.49 * rate / 20.0, i / 40.0);
        const double complex is = band_response(band, frequency_hz, rate), should = prototype(band, frequency_hz, rate);
        const double error = cabs(is - should);
        const double limit = 1e-9 * (cabs(should) + 1e-3);
        if (!(error <= limit))
            fail_msg("type %d, %g Hz, %g dB, q %g, slope %d at rate %g: response at %g Hz is %g%+gi, not %g%+gi",
                     band->type, band->frequency_hz, band->gain_db, band->q, band->slope_db_per_octave, rate,
                     frequency_hz, creal(is), cimag(is), creal(should), cimag(should));
    }
}

static void eq_meets_analogue_prototypes(void **state)
{
    (void)state;
    for (int r = 0; r < NUM_RATES; r++)
        for (int type = 0; type < MXD_EQ_NUM_TYPES; type++)
            for (int f = 0; f < 7; f++)
                for (int q = 0; q < 6; q++)
                    for (int g = 0; g < 5; g++) {
                        const double frequencies_hz[] = {1, 20, 300, 3001, 12000, 20000, 0.4999 * rates[r]};
                        mxd_eq_band band = {(mxd_eq_type)type, frequencies_hz[f], gains_db[g], qs[q], 12};
                        check_band(&band, rates[r]);
                        if (type == MXD_EQ_HIGH_PASS || type == MXD_EQ_LOW_PASS) {
                            band.slope_db_per_octave = 24;
                            check_band(&band, rates[r]);
                            band.slope_db_per_octave = 48;
                            check_band(&band, rates[r]);
                        }
                    }
}

static void expect_db(const char *what, double is_db, double should_db, double tolerance_db)
{
    if (!(fabs(is_db - should_db) <= tolerance_db))
        fail_msg("%s: %.9f dB, not %.9f", what, is_db, should_db);
}

/* What every engineer knows by heart; 1e-9 dB is rounding. */
static void eq_known_values(void **state)
{
    (void)state;
    for (int r = 0; r < NUM_RATES; r++) {
        const double rate = rates[r], w = tan(pi * 1000.0 / rate);
        const mxd_eq_band bell = {MXD_EQ_BELL, 20000, 7.5, 3.0, 12};
        expect_db("bell's centre at 20 kHz", db(cabs(band_response(&bell, 20000, rate))), 7.5, 1e-9);
        expect_db("bell at 0 Hz", db(cabs(band_response(&bell, 0, rate))), 0, 1e-9);
        for (int slope = 12; slope <= 48; slope *= 2) {
            const mxd_eq_band low = {MXD_EQ_LOW_PASS, 1000, 0, sqrt(0.5), slope};
            const mxd_eq_band high = {MXD_EQ_HIGH_PASS, 1000, 0, sqrt(0.5), slope};
            expect_db("low-pass corner", db(cabs(band_response(&low, 1000, rate))), -10 * log10(2), 1e-9);
            expect_db("high-pass corner", db(cabs(band_response(&high, 1000, rate))), -10 * log10(2), 1e-9);
            /* Two octaves below the corner a Butterworth of order n lies at -10 log10(1 + ratio^2n). */
            const double ratio = w / tan(pi * 250.0 / rate);
            expect_db("high-pass slope", db(cabs(band_response(&high, 250, rate))),
                      -10 * log10(1 + pow(ratio, slope / 3.0)), 1e-9);
            assert_true(cabs(band_response(&high, 0, rate)) == 0.0);
            assert_true(cabs(band_response(&low, rate / 2, rate)) < 1e-20);
        }
        const mxd_eq_band low_shelf = {MXD_EQ_LOW_SHELF, 1000, -9, sqrt(0.5), 12};
        const mxd_eq_band high_shelf = {MXD_EQ_HIGH_SHELF, 1000, 9, sqrt(0.5), 12};
        const mxd_eq_band tilt = {MXD_EQ_TILT, 1000, 6, 0.5, 12};
        expect_db("low shelf below", db(cabs(band_response(&low_shelf, 0, rate))), -9, 1e-9);
        expect_db("low shelf at its frequency", db(cabs(band_response(&low_shelf, 1000, rate))), -4.5, 1e-9);
        expect_db("low shelf above", db(cabs(band_response(&low_shelf, rate / 2, rate))), 0, 1e-9);
        expect_db("high shelf below", db(cabs(band_response(&high_shelf, 0, rate))), 0, 1e-9);
        expect_db("high shelf at its frequency", db(cabs(band_response(&high_shelf, 1000, rate))), 4.5, 1e-9);
        expect_db("high shelf above", db(cabs(band_response(&high_shelf, rate / 2, rate))), 9, 1e-9);
        expect_db("tilt below", db(cabs(band_response(&tilt, 0, rate))), -3, 1e-9);
        expect_db("tilt at its frequency", db(cabs(band_response(&tilt, 1000, rate))), 0, 1e-9);
        expect_db("tilt above", db(cabs(band_response(&tilt, rate / 2, rate))), 3, 1e-9);
        const mxd_eq_band notch = {MXD_EQ_NOTCH, 1000, 0, 5, 12}, band_pass = {MXD_EQ_BAND_PASS, 1000, 0, 5, 12};
        assert_true(cabs(band_response(&notch, 1000, rate)) < 1e-12);
        expect_db("band-pass centre", db(cabs(band_response(&band_pass, 1000, rate))), 0, 1e-9);
        const mxd_eq_band all_pass = {MXD_EQ_ALL_PASS, 1000, 0, 5, 12};
        for (double f = 20; f < rate / 2; f *= 1.3)
            expect_db("all-pass", db(cabs(band_response(&all_pass, f, rate))), 0, 1e-9);
        assert_true(cabs(band_response(&all_pass, 1000, rate) + 1.0) < 1e-12);
        const mxd_eq_band nothing = {MXD_EQ_BELL, 1000, 0, 1, 12};
        mxd_svf sections[MXD_EQ_MAX_BAND_SECTIONS];
        assert_int_equal(mxd_eq_design(&nothing, rate, sections), 0);
    }
}

/* ---- Time --------------------------------------------------------------------- */

/* The recursion that shaders/eq.h states, in double. */
static double run_delta_form(const mxd_svf *s, double state[2], double x)
{
    const double a1 = 1.0 / (1.0 + s->g * (s->g + s->k)), a2 = s->g * a1, a3 = s->g * a2;
    const double one_minus_a1 = s->g * (s->g + s->k) * a1;
    const double d1 = a2 * (x - state[1]) - one_minus_a1 * state[0];
    const double d2 = a2 * state[0] + a3 * (x - state[1]);
    const double y = s->m0 * x + s->m1 * (state[0] + d1) + s->m2 * (state[1] + d2);
    state[0] += 2.0 * d1;
    state[1] += 2.0 * d2;
    return y;
}

/* b0 b1 b2 a0 a1 a2 of the cookbook's digital formulas, in cos w0, alpha and A. */
static void cookbook(const mxd_eq_band *band, double rate, double c[6])
{
    const double w0 = 2.0 * pi * band->frequency_hz / rate, cosw = cos(w0), alpha = sin(w0) / (2.0 * band->q);
    const double a = pow(10.0, band->gain_db / 40.0), beta = 2.0 * sqrt(a) * alpha;
    const double plain[3] = {1 + alpha, -2 * cosw, 1 - alpha};
    double numerator[3] = {0}, denominator[3] = {plain[0], plain[1], plain[2]};
    double scale = 1.0;
    switch (band->type) {
    case MXD_EQ_LOW_PASS:
        numerator[0] = numerator[2] = (1 - cosw) / 2, numerator[1] = 1 - cosw;
        break;
    case MXD_EQ_HIGH_PASS:
        numerator[0] = numerator[2] = (1 + cosw) / 2, numerator[1] = -(1 + cosw);
        break;
    case MXD_EQ_BAND_PASS:
        numerator[0] = alpha, numerator[2] = -alpha;
        break;
    case MXD_EQ_NOTCH:
        numerator[0] = numerator[2] = 1, numerator[1] = -2 * cosw;
        break;
    case MXD_EQ_ALL_PASS:
        numerator[0] = 1 - alpha, numerator[1] = -2 * cosw, numerator[2] = 1 + alpha;
        break;
    case MXD_EQ_BELL:
        numerator[0] = 1 + alpha * a, numerator[1] = -2 * cosw, numerator[2] = 1 - alpha * a;
        denominator[0] = 1 + alpha / a, denominator[2] = 1 - alpha / a;
        break;
    case MXD_EQ_LOW_SHELF:
        numerator[0] = a * (a + 1 - (a - 1) * cosw + beta), numerator[1] = 2 * a * (a - 1 - (a + 1) * cosw);
        numerator[2] = a * (a + 1 - (a - 1) * cosw - beta), denominator[0] = a + 1 + (a - 1) * cosw + beta;
        denominator[1] = -2 * (a - 1 + (a + 1) * cosw), denominator[2] = a + 1 + (a - 1) * cosw - beta;
        break;
    case MXD_EQ_TILT:
        scale = 1.0 / a; /* fall through */
    default: /* high shelf */
        numerator[0] = a * (a + 1 + (a - 1) * cosw + beta), numerator[1] = -2 * a * (a - 1 + (a + 1) * cosw);
        numerator[2] = a * (a + 1 + (a - 1) * cosw - beta), denominator[0] = a + 1 - (a - 1) * cosw + beta;
        denominator[1] = 2 * (a - 1 - (a + 1) * cosw), denominator[2] = a + 1 - (a - 1) * cosw - beta;
    }
    for (int i = 0; i < 3; i++) {
        c[i] = scale * numerator[i];
        c[3 + i] = denominator[i];
    }
}

/*
 * The kernel's recursion against a direct form I biquad on noise, in double. The
 * direct form rounds its output to 1e-16 of a sum whose gain to the output is at
 * most 1 / |A(z)|, about 1 / w0^2 for q near 1: 1e-16 / (2 pi 40 / 192000)^2 =
 * 6e-11, times the square root of 10^4 frames and a gain of up to 8: 5e-8.
 */
static void eq_runs_as_cookbook_biquads(void **state)
{
    (void)state;
    for (int r = 0; r < NUM_RATES; r++)
        for (int type = 0; type < MXD_EQ_NUM_TYPES; type++)
            for (int f = 0; f < 4; f++)
                for (int g = -1; g <= 1; g += 2) {
                    const double frequencies_hz[] = {40, 1000, 15000, 0.49 * rates[r]};
                    const mxd_eq_band band = {(mxd_eq_type)type, frequencies_hz[f], g * 9.0, 1.3, 12};
                    mxd_svf section[MXD_EQ_MAX_BAND_SECTIONS];
                    double c[6], svf_state[2] = {0}, x1 = 0, x2 = 0, y1 = 0, y2 = 0, worst = 0;
                    assert_int_equal(mxd_eq_design(&band, rates[r], section), 1);
                    cookbook(&band, rates[r], c);
                    uint32_t random = 12345;
                    for (int n = 0; n < 10007; n++) {
                        random = random * 1664525u + 1013904223u;
                        const double x = n < 5000 ? random / 0x1p31 - 1.0 : 0.0; /* noise, then its ringing */
                        const double y = (c[0] * x + c[1] * x1 + c[2] * x2 - c[4] * y1 - c[5] * y2) / c[3];
                        const double error = fabs(run_delta_form(section, svf_state, x) - y);
                        worst = error > worst || isnan(error) ? error : worst;
                        x2 = x1, x1 = x, y2 = y1, y1 = y;
                    }
                    if (!(worst <= 5e-8))
                        fail_msg("type %d, %g Hz, %g dB at rate %g: %g off the cookbook's biquad", type,
                                 band.frequency_hz, band.gain_db, rates[r], worst);
                }
}

/* After the tail what is left of a sine, cut off at the frequency where the section rings, is below -120 dBFS. */
static void eq_tails_end(void **state)
{
    (void)state;
    const double test_qs[] = {0.1, 0.5, 0.70710678118654752, 30.0};
    for (int type = 0; type < MXD_EQ_NUM_TYPES; type++)
        for (int q = 0; q < 4; q++)
            for (int twice = 1; twice <= 2; twice++) {
                const mxd_eq_band band = {(mxd_eq_type)type, 90, 20, test_qs[q], 48};
                mxd_svf sections[2 * MXD_EQ_MAX_BAND_SECTIONS];
                uint32_t num_sections = mxd_eq_design(&band, 48000, sections);
                if (twice == 2)
                    num_sections += mxd_eq_design(&band, 48000, sections + num_sections);
                const uint64_t tail = mxd_svf_tail_frames(sections, num_sections);
                double states[2 * MXD_EQ_MAX_BAND_SECTIONS][2] = {{0}};
                const uint64_t sine_frames = 48000;
                double left = 0.0, last_loud = 0.0;
                for (uint64_t n = 0; n < sine_frames + tail + 20000; n++) {
                    double x = n < sine_frames ? sin(2 * pi * 90 * (double)n / 48000) : 0.0;
                    for (uint32_t i = 0; i < num_sections; i++)
                        x = run_delta_form(&sections[i], states[i], x);
                    if (n >= sine_frames + tail)
                        left = fmax(left, fabs(x));
                    else if (n >= sine_frames && fabs(x) > 1e-6)
                        last_loud = (double)(n - sine_frames);
                }
                /* A second, equal section may let 20 dB more through: its gain at the sine. */
                if (!(left <= 1e-6 * (twice == 2 ? 10.0 : 1.0)))
                    fail_msg("type %d, q %g, %d times: %g is left after a tail of %llu frames", type, test_qs[q],
                             twice, left, (unsigned long long)tail);
                /* And it is no wild guess: at most six times too long (a sum over eight equal sections), or short. */
                if (!((double)tail <= 6.0 * last_loud + 2000.0))
                    fail_msg("type %d, q %g, %d times: a tail of %llu frames where %g would do", type, test_qs[q],
                             twice, (unsigned long long)tail, last_loud);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eq_meets_analogue_prototypes),
        cmocka_unit_test(eq_known_values),
        cmocka_unit_test(eq_runs_as_cookbook_biquads),
        cmocka_unit_test(eq_tails_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
