/*
 * The equaliser's kernel: a cascade of second-order state-variable sections in
 * delta form, in place on each lane. Shared by eq.comp and host/vulkan.
 *
 * Recursion of one section, from (g, k, m0, m1, m2) in host doubles:
 *     a1 = 1 / (1 + g (g + k));  a2 = g a1;  a3 = g a2;  oma1 = g (g + k) a1   (= 1 - a1)
 *     d1 = a2 (x - s2) - oma1 s1
 *     d2 = a2 s1 + a3 (x - s2)
 *     y  = m0 x + m1 (s1 + d1) + m2 (s2 + d2)
 *     s1 += 2 d1;  s2 += 2 d2
 * The delta form adds small changes to the state instead of multiplying it by
 * nearly one: in float32 at 20 Hz that is the difference between -27 and -115 dB.
 */
#ifndef MXD_SHADERS_EQ_H
#define MXD_SHADERS_EQ_H
#endif
