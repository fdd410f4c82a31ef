/* The equaliser's sections by other means than its kernels. */
#ifndef MXD_TESTS_DIRECT_FORM_H
#define MXD_TESTS_DIRECT_FORM_H

#include "host/backend.h"

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

#endif
