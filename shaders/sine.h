/*
 * sin(pi z) = z (S0 + S1 z^2 + ... + S6 z^12) for |z| <= 1/2, to 1e-13: the
 * polynomial through the zeros of the 7th Chebyshev polynomial of z^2. Devices
 * promise their own sine to 2^-11 only.
 */
#ifndef MXD_SHADERS_SINE_H
#define MXD_SHADERS_SINE_H

#define MXD_SINE_S0 3.141592653589635
#define MXD_SINE_S1 (-5.167712779988037)
#define MXD_SINE_S2 2.5501640359098485
#define MXD_SINE_S3 (-0.599264433982011)
#define MXD_SINE_S4 0.08214479499404836
#define MXD_SINE_S5 (-0.007364006541981863)
#define MXD_SINE_S6 0.0004474934381686936

#endif
