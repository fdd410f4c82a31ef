/* The sine of kernels (shaders/sine.h), in a form that vectorises. */
#ifndef MXD_CPU_SINE_H
#define MXD_CPU_SINE_H

#include "real.h"

#include "shaders/sine.h"

/* sin(pi z), |z| <= 1/2. */
static inline real sin_pi(real z)
{
    const real q = z * z;
    real sum = (real)MXD_SINE_S5 + q * (real)MXD_SINE_S6;
    sum = (real)MXD_SINE_S4 + q * sum;
    sum = (real)MXD_SINE_S3 + q * sum;
    sum = (real)MXD_SINE_S2 + q * sum;
    sum = (real)MXD_SINE_S1 + q * sum;
    return z * ((real)MXD_SINE_S0 + q * sum);
}

#endif
