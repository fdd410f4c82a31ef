/* The equaliser's sections by other means than its kernels. */
#ifndef MXD_TESTS_SECTIONS_H
#define MXD_TESTS_SECTIONS_H

#include "host/backend.h"

#include <complex.h>
#include <math.h>

/*
 * One section as a biquad in direct form 1, from the analogue prototype
 * m0 + (m1 s + m2) / (s^2 + k s + 1) by the bilinear transform.
 */
static inline void filter_direct(const mxd_svf *svf, double *x, size_t num_frames)
{
    double g = svf->g, a0 = 1 + g * svf->k + g * g, a1 = 2 * (g * g - 1) / a0, a2 = (1 - g * svf->k + g * g) / a0;
    double b0 = svf->m0 + (svf->m1 * g + svf->m2 * g * g) / a0;
    double b1 = svf->m0 * a1 + 2 * svf->m2 * g * g / a0;
    double b2 = svf->m0 * a2 + (svf->m2 * g * g - svf->m1 * g) / a0;
    double x1 = 0, x2 = 0, y1 = 0, y2 = 0;
    for (size_t n = 0; n < num_frames; n++) {
        double y = b0 * x[n] + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2;
        x2 = x1;
        x1 = x[n];
        y2 = y1;
        y1 = y;
        x[n] = y;
    }
}

/* The exact response of a section at frequency_hz, 0..sample_rate / 2, by the formula of host/effects/eq.h. */
static inline double complex section_response(const mxd_svf *section, double frequency_hz, double sample_rate)
{
    const double w = tan(3.14159265358979323846 * frequency_hz / sample_rate) / section->g; /* p = j w */
    const double m0 = section->m0, m1 = section->m1, m2 = section->m2, k = section->k;
    /* Divided by w^2 above the centre, so that nothing overflows at Nyquist. */
    if (w > 1.0) {
        const double v = 1.0 / w;
        return (-m0 + (m0 + m2) * v * v + (m0 * k + m1) * v * I) / (-1.0 + v * v + k * v * I);
    }
    return (m0 + m2 - m0 * w * w + (m0 * k + m1) * w * I) / (1.0 - w * w + k * w * I);
}

#endif
