/*
 * Designing an equaliser's sections, and how long they ring.
 *
 * Mixes and prewarping after A. Simper, "Solving the continuous SVF equations
 * using trapezoidal integration and equivalent currents" (2013); prototypes of
 * bell and shelves as in R. Bristow-Johnson's "Cookbook formulae for audio
 * equalizer biquad filter coefficients".
 */
#include "eq.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

/* ---- Design -------------------------------------------------------------- */

/* Butterworth of order 2 n as n sections: pole angles (2 i + 1) pi / (4 n) from the imaginary axis' normal. */
static uint32_t design_pass(const mxd_eq_band *band, double g, mxd_svf *sections)
{
    const uint32_t num_sections = (uint32_t)band->slope_db_per_octave / 12;
    for (uint32_t i = 0; i < num_sections; i++) {
        const double k = num_sections == 1 ? 1.0 / band->q : 2.0 * cos((2 * i + 1) * pi / (4.0 * num_sections));
        sections[i] = band->type == MXD_EQ_LOW_PASS ? (mxd_svf){g, k, 0.0, 0.0, 1.0}
                                                    : (mxd_svf){g, k, 1.0, -k, -1.0};
    }
    return num_sections;
}

double mxd_eq_prewarp(double frequency_hz, double sample_rate)
{
    return tan(pi * frequency_hz / sample_rate);
}

uint32_t mxd_eq_design_at(const mxd_eq_band *band, double g, mxd_svf sections[MXD_EQ_MAX_BAND_SECTIONS])
{
    const double a = pow(10.0, band->gain_db / 40.0); /* square root of the gain, as in the cookbook */
    const double k = 1.0 / band->q;
    switch (band->type) {
    case MXD_EQ_HIGH_PASS:
    case MXD_EQ_LOW_PASS:
        return design_pass(band, g, sections);
    case MXD_EQ_BELL:
        sections[0] = (mxd_svf){g, k / a, 1.0, k / a * (a * a - 1.0), 0.0};
        return 1;
    case MXD_EQ_LOW_SHELF:
        sections[0] = (mxd_svf){g / sqrt(a), k, 1.0, k * (a - 1.0), a * a - 1.0};
        return 1;
    case MXD_EQ_HIGH_SHELF:
        sections[0] = (mxd_svf){g * sqrt(a), k, a * a, k * (1.0 - a) * a, 1.0 - a * a};
        return 1;
    case MXD_EQ_TILT: /* the high shelf lowered by half its gain */
        sections[0] = (mxd_svf){g * sqrt(a), k, a, k * (1.0 - a), 1.0 / a - a};
        return 1;
    case MXD_EQ_NOTCH:
        sections[0] = (mxd_svf){g, k, 1.0, -k, 0.0};
        return 1;
    case MXD_EQ_BAND_PASS:
        sections[0] = (mxd_svf){g, k, 0.0, k, 0.0};
        return 1;
    case MXD_EQ_ALL_PASS:
        sections[0] = (mxd_svf){g, k, 1.0, -2.0 * k, 0.0};
        return 1;
    case MXD_EQ_NUM_TYPES:
        break;
    }
    return 0;
}

bool mxd_eq_has_gain(mxd_eq_type type)
{
    return type == MXD_EQ_BELL || type == MXD_EQ_LOW_SHELF || type == MXD_EQ_HIGH_SHELF || type == MXD_EQ_TILT;
}

uint32_t mxd_eq_design(const mxd_eq_band *band, double sample_rate, mxd_svf sections[MXD_EQ_MAX_BAND_SECTIONS])
{
    if (mxd_eq_has_gain(band->type) && band->gain_db == 0.0)
        return 0;
    return mxd_eq_design_at(band, mxd_eq_prewarp(band->frequency_hz, sample_rate), sections);
}

void mxd_eq_coefficients(const mxd_svf *section, double values[MXD_FILTER_SECTION_VALUES])
{
    const double g = section->g, a1 = 1.0 / (1.0 + g * (g + section->k));
    values[MXD_FILTER_A2] = g * a1;
    values[MXD_FILTER_A3] = g * g * a1;
    values[MXD_FILTER_OMA1] = g * (g + section->k) * a1;
    values[MXD_FILTER_M0] = section->m0;
    values[MXD_FILTER_M1] = section->m1;
    values[MXD_FILTER_M2] = section->m2;
}

/* p^2 + k p + 1 = 0 with z = (1 + g p) / (1 - g p). */
double mxd_svf_decay(double g, double k)
{
    if (k < 2.0)
        return -0.5 * log1p(-2.0 * g * k / (1.0 + g * k + g * g));
    const double p = 2.0 / (k + sqrt(k * k - 4.0)); /* the smaller |p|; the other is its inverse */
    double slowest = HUGE_VAL;
    for (int i = 0; i < 2; i++) {
        const double u = i ? g / p : g * p;
        const double decay = u == 1.0 ? HUGE_VAL : -log1p(u < 1.0 ? -2.0 * u / (1.0 + u) : -2.0 / (1.0 + u));
        slowest = fmin(slowest, decay);
    }
    return slowest;
}

uint64_t mxd_svf_tail_frames(const mxd_svf *sections, uint32_t num_sections)
{
    double tail = 0.0;
    for (uint32_t i = 0; i < num_sections; i++) {
        const mxd_svf *s = &sections[i];
        /* What a full-scale sine at resonance (or DC) leaves in the two integrators, as the output sees it. */
        const double level = fabs(s->m1) / s->k + fabs(s->m2) * fmax(1.0, 1.0 / s->k);
        const double nepers = log(fmax(level, 1e-6) * 1e6); /* from there down to -120 dB */
        /* The logarithm: a double pole (q = 0.5) decays as (1 + x) e^-x, with its speed at the start twice x. */
        tail += ceil((nepers + log1p(2.0 * nepers)) / mxd_svf_decay(s->g, s->k)) + 1.0;
    }
    return tail < 9e18 ? (uint64_t)tail : UINT64_MAX / 2;
}
