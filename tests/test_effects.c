/*
 * Inserts: the equaliser's design against its analogue prototypes and against
 * direct-form biquads by the cookbook's digital formulas; the convolver's paths,
 * levels and delays as they reach the graph; the synthetic room's decay,
 * correlation and determinism.
 */
#include "host/effects/convolver.h"
#include "host/effects/effect.h"
#include "host/effects/eq.h"
#include "host/graph/builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

static const double pi = 3.14159265358979323846;
static const double rates[] = {44100, 48000, 96000, 192000};
enum { NUM_RATES = 4 };

/* Of one response as it was first made, by gcc and clang alike. */
#define ROOM_HASH UINT64_C(0x850d87d11bfb7969)

static double db(double gain)
{
    return 20.0 * log10(gain);
}

/* ---- A graph builder that only takes notes -------------------------------- */

struct mxd_graph_builder {
    uint32_t num_lanes;
    uint32_t num_eqs, eq_lanes[64], eq_sections;
    uint32_t num_rows, inputs[64], outputs[64], num_inputs, num_outputs, num_cells;
    mxd_convolve_cell cells[256];
    uint32_t num_mixes, mix_lanes[64], mix_num_edges[64];
    mxd_builder_edge edges[64][2];
};

uint32_t mxd_builder_sample_rate(const mxd_graph_builder *builder)
{
    (void)builder;
    return 48000;
}

uint32_t mxd_builder_lane(mxd_graph_builder *builder)
{
    return builder->num_lanes++;
}

mxd_result mxd_builder_eq(mxd_graph_builder *builder, uint32_t lane, const mxd_svf *sections, uint32_t num_sections)
{
    (void)sections;
    builder->eq_lanes[builder->num_eqs++] = lane;
    builder->eq_sections = num_sections;
    return MXD_OK;
}

mxd_result mxd_builder_convolve(mxd_graph_builder *builder, const mxd_convolve_row *row)
{
    builder->num_rows++;
    builder->num_inputs = row->num_inputs;
    builder->num_outputs = row->num_outputs;
    builder->num_cells = row->num_cells;
    memcpy(builder->inputs, row->inputs, row->num_inputs * sizeof *row->inputs);
    memcpy(builder->outputs, row->outputs, row->num_outputs * sizeof *row->outputs);
    assert_true(row->num_cells <= 256);
    memcpy(builder->cells, row->cells, row->num_cells * sizeof *row->cells);
    return MXD_OK;
}

mxd_result mxd_builder_mix(mxd_graph_builder *builder, uint32_t output_lane, const mxd_builder_edge *edges,
                           uint32_t num_edges)
{
    assert_true(num_edges >= 1 && num_edges <= 2);
    builder->mix_lanes[builder->num_mixes] = output_lane;
    builder->mix_num_edges[builder->num_mixes] = num_edges;
    memcpy(builder->edges[builder->num_mixes++], edges, num_edges * sizeof *edges);
    return MXD_OK;
}

/* ---- Equaliser: responses --------------------------------------------------- */

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

/* ---- Equaliser: time ---------------------------------------------------------- */

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

/* ---- The table -------------------------------------------------------------- */

static void table_of_effects(void **state)
{
    (void)state;
    assert_ptr_equal(mxd_effect_find("eq"), mxd_effect_get(0));
    assert_ptr_equal(mxd_effect_find("convolver"), mxd_effect_get(1));
    assert_null(mxd_effect_get(2));
    assert_null(mxd_effect_find("compressor"));
    assert_true(mxd_effect_is_planned("compressor"));
    assert_true(mxd_effect_is_planned("match"));
    assert_false(mxd_effect_is_planned("eq"));
    assert_false(mxd_effect_is_planned("compresor"));
    for (uint32_t i = 0; mxd_effect_get(i); i++)
        mxd_effect_get(i)->destroy(NULL);
}

/* ---- Convolver ---------------------------------------------------------------- */

/* A response whose channel c is c + 1 at frame 3 + c of 16. */
static mxd_convolver *convolver_with(uint32_t num_channels)
{
    float *samples = calloc((size_t)num_channels * 16, sizeof *samples);
    assert_non_null(samples);
    for (uint32_t c = 0; c < num_channels; c++)
        samples[c * 16 + 3 + c % 8] = (float)(c + 1);
    mxd_convolver *convolver = mxd_convolver_create(48000, false);
    assert_non_null(convolver);
    convolver->response = mxd_impulse_response_create("test", samples, num_channels, 16, 48000, 0, NULL, NULL);
    assert_non_null(convolver->response);
    return convolver;
}

static mxd_graph_builder *emit(const mxd_convolver *convolver, uint32_t num_inputs, uint32_t *lanes)
{
    mxd_graph_builder *builder = calloc(1, sizeof *builder);
    assert_non_null(builder);
    for (uint32_t i = 0; i < num_inputs; i++)
        lanes[i] = mxd_builder_lane(builder);
    assert_int_equal(mxd_effect_convolver.emit(convolver, builder, lanes, num_inputs), MXD_OK);
    return builder;
}

static void convolver_matches_channels(void **state)
{
    (void)state;
    const struct {
        uint32_t num_channels, num_inputs, num_outputs, num_cells;
        uint32_t cells[4][3]; /* input, output, channel */
    } cases[] = {
        {1, 1, 1, 1, {{0, 0, 0}}},
        {1, 3, 3, 3, {{0, 0, 0}, {1, 1, 0}, {2, 2, 0}}},
        {2, 2, 2, 2, {{0, 0, 0}, {1, 1, 1}}},
        {2, 1, 2, 2, {{0, 0, 0}, {0, 1, 1}}},
        {4, 1, 4, 4, {{0, 0, 0}, {0, 1, 1}, {0, 2, 2}, {0, 3, 3}}},
        {4, 2, 2, 4, {{0, 0, 0}, {0, 1, 1}, {1, 0, 2}, {1, 1, 3}}},
        {4, 4, 4, 4, {{0, 0, 0}, {1, 1, 1}, {2, 2, 2}, {3, 3, 3}}},
        {3, 2, 0, 0, {{0}}},
        {2, 4, 0, 0, {{0}}},
        {65, 1, 0, 0, {{0}}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mxd_convolver *convolver = convolver_with(cases[i].num_channels);
        mxd_problems *problems = mxd_problems_create();
        assert_int_equal(mxd_effect_convolver.num_outputs(convolver, cases[i].num_inputs, NULL, problems),
                         cases[i].num_outputs);
        assert_int_equal(mxd_problems_count(problems), cases[i].num_outputs == 0);
        if (cases[i].num_outputs) {
            uint32_t lanes[MXD_MAX_CHANNELS];
            mxd_graph_builder *builder = emit(convolver, cases[i].num_inputs, lanes);
            assert_int_equal(builder->num_rows, 1);
            assert_int_equal(builder->num_mixes, 0);
            assert_int_equal(builder->num_outputs, cases[i].num_outputs);
            assert_int_equal(builder->num_cells, cases[i].num_cells);
            double energy = 0;
            for (uint32_t n = 0; n < cases[i].num_cells; n++) {
                const mxd_convolve_cell *cell = &builder->cells[n];
                assert_int_equal(cell->input, cases[i].cells[n][0]);
                assert_int_equal(cell->output, cases[i].cells[n][1]);
                /* The zeros around the one sample of the channel became a delay. */
                assert_int_equal(cell->num_frames, 1);
                assert_int_equal(cell->delay_frames, 3 + cases[i].cells[n][2]);
                assert_true(cell->response[0] == (float)(cases[i].cells[n][2] + 1));
                energy += cell->gain * cell->gain * cell->response[0] * cell->response[0];
            }
            assert_true(fabs(energy - 1.0) < 1e-12);
            for (uint32_t o = 0; o < cases[i].num_outputs; o++) {
                assert_int_equal(lanes[o], builder->outputs[o]);
                assert_true(lanes[o] >= cases[i].num_inputs);
            }
            free(builder);
        }
        mxd_problems_destroy(problems);
        mxd_effect_convolver.destroy(convolver);
    }
}

static void convolver_takes_a_matrix(void **state)
{
    (void)state;
    mxd_convolver *convolver = convolver_with(3);
    convolver->matrix = calloc(1, sizeof *convolver->matrix);
    assert_non_null(convolver->matrix);
    convolver->matrix->num_rows = 2;
    convolver->matrix->num_columns = 3;
    const int channels[2][3] = {{2, -1, 0}, {-1, 2, -1}};
    for (int i = 0; i < 2; i++)
        for (int o = 0; o < 3; o++)
            convolver->matrix->channels[i][o] = channels[i][o];
    convolver->predelay_frames = 100;
    convolver->as_is = true;
    convolver->wet_db = -6.0;
    assert_int_equal(mxd_effect_convolver.num_outputs(convolver, 2, NULL, NULL), 3);
    assert_int_equal(mxd_effect_convolver.num_outputs(convolver, 3, NULL, NULL), 0);
    /* Channel 2 lies at frame 5: the last frame of the answer is 105 after the last of the input. */
    assert_int_equal(mxd_effect_convolver.tail_frames(convolver, 2), 105);
    uint32_t lanes[MXD_MAX_CHANNELS];
    mxd_graph_builder *builder = emit(convolver, 2, lanes);
    const uint32_t should[3][3] = {{0, 0, 2}, {0, 2, 0}, {1, 1, 2}};
    assert_int_equal(builder->num_cells, 3);
    for (int n = 0; n < 3; n++) {
        assert_int_equal(builder->cells[n].input, should[n][0]);
        assert_int_equal(builder->cells[n].output, should[n][1]);
        assert_true(builder->cells[n].response[0] == (float)(should[n][2] + 1));
        assert_int_equal(builder->cells[n].delay_frames, 103 + should[n][2]);
        assert_true(fabs(db(builder->cells[n].gain) + 6.0) < 1e-12);
    }
    /* One response in two cells is one response: they may share its spectra. */
    assert_ptr_equal(builder->cells[0].response, builder->cells[2].response);
    free(builder);
    mxd_effect_convolver.destroy(convolver);
}

static void convolver_mixes_the_dry_signal(void **state)
{
    (void)state;
    uint32_t lanes[MXD_MAX_CHANNELS];
    /* Mono into stereo: the dry signal on both, exactly. */
    mxd_convolver *convolver = convolver_with(2);
    convolver->dry_db = 0.0;
    mxd_graph_builder *builder = emit(convolver, 1, lanes);
    assert_int_equal(builder->num_mixes, 2);
    for (int o = 0; o < 2; o++) {
        assert_int_equal(builder->mix_num_edges[o], 2);
        assert_int_equal(builder->edges[o][0].input_lane, 0);
        assert_true(builder->edges[o][0].gain == 1.0);
        assert_int_equal(builder->edges[o][1].input_lane, builder->outputs[o]);
        assert_true(builder->edges[o][1].gain == 1.0);
        assert_int_equal(lanes[o], builder->mix_lanes[o]);
    }
    free(builder);
    /* No wet signal: nothing to convolve, no tail. */
    convolver->wet_db = -HUGE_VAL;
    convolver->dry_db = -12.0;
    assert_int_equal(mxd_effect_convolver.tail_frames(convolver, 1), 0);
    builder = emit(convolver, 1, lanes);
    assert_int_equal(builder->num_rows, 0);
    assert_int_equal(builder->num_mixes, 2);
    assert_int_equal(builder->mix_num_edges[1], 1);
    assert_true(fabs(db(builder->edges[1][0].gain) + 12.0) < 1e-12);
    free(builder);
    mxd_effect_convolver.destroy(convolver);

    /* Two inputs, three outputs: the third has no dry share. */
    convolver = convolver_with(1);
    convolver->matrix = calloc(1, sizeof *convolver->matrix);
    assert_non_null(convolver->matrix);
    convolver->matrix->num_rows = 2;
    convolver->matrix->num_columns = 3;
    convolver->dry_db = -3.0;
    builder = emit(convolver, 2, lanes);
    assert_int_equal(builder->num_mixes, 2);
    assert_int_equal(builder->edges[1][0].input_lane, 1);
    assert_int_equal(lanes[2], builder->outputs[2]);
    free(builder);
    mxd_effect_convolver.destroy(convolver);
}

/* The one problem in the list, which must hold both words. */
static void expect_problem(mxd_problems *problems, const char *word, const char *other)
{
    assert_int_equal(mxd_problems_count(problems), 1);
    const char *text = mxd_problems_get(problems, 0)->text;
    if (!strstr(text, word) || !strstr(text, other))
        fail_msg("'%s' holds not both '%s' and '%s'", text, word, other);
    mxd_problems_destroy(problems);
}

static float *samples_of(uint32_t count, float value)
{
    float *samples = malloc(count * sizeof *samples);
    assert_non_null(samples);
    for (uint32_t i = 0; i < count; i++)
        samples[i] = value;
    return samples;
}

static void bad_responses_are_refused(void **state)
{
    (void)state;
    mxd_problems *problems = mxd_problems_create();
    float *samples = samples_of(2 * 127, 0.5f);
    samples[127 + 48] = NAN;
    assert_null(mxd_impulse_response_create("hall.wav", samples, 2, 127, 48000, 0, NULL, problems));
    expect_problem(problems, "hall.wav holds a NaN on channel 1", "0.001000 s");

    problems = mxd_problems_create();
    samples = samples_of(129, 0.5f);
    samples[128] = -INFINITY;
    assert_null(mxd_impulse_response_create("hall.wav", samples, 1, 129, 48000, 0, NULL, problems));
    expect_problem(problems, "infinity", "channel 0");

    problems = mxd_problems_create();
    assert_null(mxd_impulse_response_create("hall.wav", samples_of(128, 0.0f), 1, 128, 48000, 0, NULL, problems));
    expect_problem(problems, "hall.wav is silent", "");

    problems = mxd_problems_create();
    samples = samples_of(9600, 0.0f);
    samples[9000] = 1.0f;
    assert_null(mxd_impulse_response_create("hall.wav", samples, 1, 9600, 48000, 4800, NULL, problems));
    expect_problem(problems, "silent", "length_s");

    /* A matrix of silent channels only. */
    problems = mxd_problems_create();
    samples = samples_of(2 * 128, 0.0f);
    samples[7] = 1.0f;
    mxd_convolver *convolver = mxd_convolver_create(48000, false);
    assert_non_null(convolver);
    convolver->response = mxd_impulse_response_create("hall.wav", samples, 2, 128, 48000, 0, NULL, problems);
    assert_non_null(convolver->response);
    convolver->matrix = calloc(1, sizeof *convolver->matrix);
    assert_non_null(convolver->matrix);
    convolver->matrix->num_rows = convolver->matrix->num_columns = 1;
    convolver->matrix->channels[0][0] = 1;
    assert_int_equal(mxd_effect_convolver.num_outputs(convolver, 1, NULL, problems), 0);
    expect_problem(problems, "matrix", "silent");
    mxd_effect_convolver.destroy(convolver);
}

/* length_s cuts, with a fade of 10 ms that falls all the way and leaves the rest alone. */
static void truncation_fades(void **state)
{
    (void)state;
    mxd_impulse_response *response =
        mxd_impulse_response_create("hall.wav", samples_of(2 * 9601, 1.0f), 2, 9601, 48000, 4801, NULL, NULL);
    assert_non_null(response);
    for (int c = 0; c < 2; c++) {
        const mxd_response_channel *channel = &response->channels[c];
        assert_int_equal(channel->num_frames, 4801);
        assert_true(channel->samples[4801 - 481] == 1.0f);
        for (uint32_t n = 4801 - 480; n < 4801; n++)
            assert_true(channel->samples[n] < channel->samples[n - 1] && channel->samples[n] > 0.0f);
        assert_true(channel->samples[4800] < 1e-4f);
    }
    mxd_impulse_response_destroy(response);
}

/* ---- Room -------------------------------------------------------------------- */

static mxd_room room_of(double decay_s, double width, uint32_t num_outputs, uint32_t seed)
{
    mxd_room room = {.width = width, .num_outputs = num_outputs, .seed = seed};
    mxd_room_natural_decays(decay_s, room.decay_s);
    return room;
}

/* An octave of samples: fourth-order Butterworth high- and low-pass at its edges. */
static void filter_octave(double centre_hz, double rate, const float *samples, uint32_t num_frames, double *octave)
{
    mxd_svf sections[2 * MXD_EQ_MAX_BAND_SECTIONS];
    const mxd_eq_band high = {MXD_EQ_HIGH_PASS, centre_hz * sqrt(0.5), 0, 1, 48};
    const mxd_eq_band low = {MXD_EQ_LOW_PASS, fmin(centre_hz * sqrt(2.0), 0.49 * rate), 0, 1, 48};
    uint32_t num_sections = mxd_eq_design(&high, rate, sections);
    num_sections += mxd_eq_design(&low, rate, sections + num_sections);
    double states[2 * MXD_EQ_MAX_BAND_SECTIONS][2] = {{0}};
    for (uint32_t n = 0; n < num_frames; n++) {
        double x = samples[n];
        for (uint32_t i = 0; i < num_sections; i++)
            x = run_delta_form(&sections[i], states[i], x);
        octave[n] = x;
    }
}

/* T30 of a decay curve (energy still to come, ISO 3382-1): a line through -5..-35 dB by least squares. */
static double decay_time_s(const double *curve, uint32_t num_frames, double rate)
{
    double n = 0, sx = 0, sy = 0, sxx = 0, sxy = 0;
    for (uint32_t i = 0; i < num_frames; i += 16) {
        const double level_db = 10.0 * log10(curve[i] / curve[0]), t = i / rate;
        if (level_db > -5.0 || level_db < -35.0)
            continue;
        n++, sx += t, sy += level_db, sxx += t * t, sxy += t * level_db;
    }
    return -60.0 * (n * sxx - sx * sx) / (n * sxy - sx * sy);
}

/*
 * Decay times by Schroeder integration, averaged over as many cells as it takes
 * for chance to stay below the 5 % that are allowed: an octave at 31.5 Hz is 22 Hz
 * wide, so one decay of 1.5 s holds some 30 independent samples.
 */
static void check_decays(const mxd_room *given, uint32_t rate, uint32_t num_cells)
{
    mxd_room room = *given;
    const uint32_t num_frames = mxd_room_num_frames(&room, rate);
    float *samples = malloc((size_t)num_cells * num_frames * sizeof *samples);
    double *octave = malloc(num_frames * sizeof *octave), *curve = malloc(num_frames * sizeof *curve);
    assert_true(samples && octave && curve);
    for (uint32_t c = 0; c < num_cells; c++)
        assert_int_equal(mxd_room_generate(&room, rate, c / room.num_outputs, c % room.num_outputs,
                                           samples + (size_t)c * num_frames), MXD_OK);
    for (int band = 0; band < MXD_ROOM_BANDS; band++) {
        const double centre_hz = 31.25 * (1 << band);
        const uint32_t used = band < 3 ? num_cells : band < 5 ? (num_cells + 3) / 4 : (num_cells + 15) / 16;
        if (centre_hz > 0.4 * rate)
            continue;
        memset(curve, 0, num_frames * sizeof *curve);
        for (uint32_t c = 0; c < used; c++) {
            filter_octave(centre_hz, rate, samples + (size_t)c * num_frames, num_frames, octave);
            double energy = 0;
            for (uint32_t n = num_frames; n-- > 0;) {
                energy += octave[n] * octave[n];
                curve[n] += energy;
            }
        }
        const double is_s = decay_time_s(curve, num_frames, rate), should_s = room.decay_s[band];
        if (getenv("MXD_VERBOSE"))
            print_message("%u Hz, octave %g Hz: %.3f s for %.3f s (%+.1f %%)\n", rate, centre_hz, is_s, should_s,
                          100 * (is_s / should_s - 1));
        if (!(fabs(is_s / should_s - 1.0) <= 0.05))
            fail_msg("octave at %g Hz, rate %u: decays in %.3f s, not %.3f", centre_hz, rate, is_s, should_s);
    }
    free(samples);
    free(octave);
    free(curve);
}

static void room_decays_as_asked(void **state)
{
    (void)state;
    mxd_room hall = room_of(2.0, 1.0, 8, 1);
    check_decays(&hall, 48000, 32);
    mxd_room chamber = room_of(0.7, 1.0, 8, 2);
    check_decays(&chamber, 44100, 64);
    /* Given octave by octave: a stone church without bass. */
    mxd_room church = {{1.0, 1.2, 1.5, 1.9, 2.3, 2.5, 2.3, 1.9, 1.4, 1.0}, 1.0, 8, 3};
    check_decays(&church, 48000, 32);
}

static double correlation(const float *a, const float *b, uint32_t num_frames)
{
    double aa = 0, ab = 0, bb = 0;
    for (uint32_t n = 0; n < num_frames; n++) {
        aa += (double)a[n] * a[n];
        ab += (double)a[n] * b[n];
        bb += (double)b[n] * b[n];
    }
    return ab / sqrt(aa * bb);
}

/*
 * The correlation of two outputs is 1 - width. Some 10^4 independent samples (12 kHz
 * wide, decaying within half a second or so) leave it uncertain by 0.01; 5 times that.
 */
static void room_width(void **state)
{
    (void)state;
    for (int w = 0; w <= 4; w++) {
        const mxd_room room = room_of(1.5, w / 4.0, 2, 7);
        mxd_impulse_response *response = mxd_impulse_response_of_room(&room, 48000, 2);
        assert_non_null(response);
        const float *cells[4];
        for (int c = 0; c < 4; c++)
            cells[c] = response->memory + (size_t)c * response->num_frames;
        const double same = correlation(cells[0], cells[1], response->num_frames);
        if (!(fabs(same - (1.0 - room.width)) <= 0.05))
            fail_msg("width %g: outputs correlate by %g", room.width, same);
        if (w == 0)
            assert_memory_equal(cells[0], cells[1], response->num_frames * sizeof(float));
        /* Inputs are apart whatever the width. */
        assert_true(fabs(correlation(cells[0], cells[2], response->num_frames)) <= 0.05);
        assert_true(fabs(correlation(cells[0], cells[3], response->num_frames)) <= 0.05);
        mxd_impulse_response_destroy(response);
    }
}

static uint64_t hash(const float *samples, uint32_t num_frames)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a over the samples' bits */
    for (uint32_t n = 0; n < num_frames; n++) {
        uint32_t bits;
        memcpy(&bits, &samples[n], sizeof bits);
        for (int i = 0; i < 4; i++, bits >>= 8)
            hash = (hash ^ (bits & 255)) * UINT64_C(1099511628211);
    }
    return hash;
}

/* The same bits on every run and compiler; other bits for another seed, input or output; none of them DC. */
static void room_is_deterministic(void **state)
{
    (void)state;
    const mxd_room room = room_of(0.5, 0.5, 2, 42);
    mxd_room other = room;
    other.seed = 43;
    const uint32_t num_frames = mxd_room_num_frames(&room, 44100);
    float *samples = malloc(num_frames * sizeof *samples);
    assert_non_null(samples);
    assert_int_equal(mxd_room_generate(&room, 44100, 1, 1, samples), MXD_OK);
    const uint64_t first = hash(samples, num_frames);
    double sum = 0, energy = 0;
    for (uint32_t n = 0; n < num_frames; n++) {
        sum += samples[n];
        energy += (double)samples[n] * samples[n];
        assert_true(isfinite(samples[n]));
    }
    /* Response at 0 Hz against the mean over all frequencies: no rumble. */
    assert_true(db(fabs(sum) / sqrt(energy)) < -30.0);
    assert_int_equal(mxd_room_generate(&room, 44100, 1, 1, samples), MXD_OK);
    assert_true(hash(samples, num_frames) == first);
    assert_int_equal(mxd_room_generate(&room, 44100, 0, 1, samples), MXD_OK);
    assert_true(hash(samples, num_frames) != first);
    assert_int_equal(mxd_room_generate(&room, 44100, 1, 0, samples), MXD_OK);
    assert_true(hash(samples, num_frames) != first);
    assert_int_equal(mxd_room_generate(&other, 44100, 1, 1, samples), MXD_OK);
    assert_true(hash(samples, num_frames) != first);
    free(samples);
    if (first != ROOM_HASH)
        fail_msg("the room's bits have changed: hash %#llx", (unsigned long long)first);
}

/* All rates, from 8 kHz (five octaves fewer) to 384 kHz, the shortest decay and one number for all octaves. */
static void room_at_all_rates(void **state)
{
    (void)state;
    const uint32_t all[] = {8000, 11025, 22050, 44100, 88200, 192000, 384000};
    for (int r = 0; r < 7; r++) {
        const mxd_room room = room_of(0.1, 0.3, 1, 0);
        mxd_impulse_response *response = mxd_impulse_response_of_room(&room, all[r], 1);
        assert_non_null(response);
        assert_true(response->channels[0].energy > 0 && isfinite(response->channels[0].energy));
        mxd_impulse_response_destroy(response);
    }
}

static void room_through_the_convolver(void **state)
{
    (void)state;
    mxd_convolver *convolver = mxd_convolver_create(48000, true);
    assert_non_null(convolver);
    convolver->room = room_of(0.4, 0.8, 3, 5);
    convolver->predelay_frames = 960;
    assert_int_equal(mxd_effect_convolver.num_outputs(convolver, 2, NULL, NULL), 3);
    convolver->room.num_outputs = 24;
    assert_int_equal(mxd_effect_convolver.num_outputs(convolver, 11, NULL, NULL), 0);
    convolver->room.num_outputs = 3;
    uint32_t lanes[MXD_MAX_CHANNELS];
    mxd_graph_builder *builder = emit(convolver, 2, lanes), *again = emit(convolver, 2, lanes);
    assert_int_equal(builder->num_cells, 6);
    double energy = 0;
    uint64_t end = 0;
    for (uint32_t i = 0; i < 6; i++) {
        const mxd_convolve_cell *cell = &builder->cells[i];
        assert_true(cell->delay_frames >= 960);
        for (uint32_t n = 0; n < cell->num_frames; n++)
            energy += cell->gain * cell->gain * cell->response[n] * cell->response[n];
        end = cell->delay_frames + cell->num_frames > end ? cell->delay_frames + cell->num_frames : end;
        /* Made once. */
        assert_ptr_equal(cell->response, again->cells[i].response);
    }
    assert_true(fabs(energy - 1.0) < 1e-9);
    assert_int_equal(mxd_effect_convolver.tail_frames(convolver, 2), end - 1);
    free(builder);
    free(again);
    mxd_effect_convolver.destroy(convolver);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_of_effects),
        cmocka_unit_test(eq_meets_analogue_prototypes),
        cmocka_unit_test(eq_known_values),
        cmocka_unit_test(eq_runs_as_cookbook_biquads),
        cmocka_unit_test(eq_tails_end),
        cmocka_unit_test(convolver_matches_channels),
        cmocka_unit_test(convolver_takes_a_matrix),
        cmocka_unit_test(convolver_mixes_the_dry_signal),
        cmocka_unit_test(bad_responses_are_refused),
        cmocka_unit_test(truncation_fades),
        cmocka_unit_test(room_decays_as_asked),
        cmocka_unit_test(room_width),
        cmocka_unit_test(room_is_deterministic),
        cmocka_unit_test(room_at_all_rates),
        cmocka_unit_test(room_through_the_convolver),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
