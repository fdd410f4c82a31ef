/*
 * Logarithms and powers of two of many numbers at once. In float they are
 * polynomials at the zeros of Chebyshev's, in double the library's functions.
 */
#ifndef MXD_CPU_POWERS_H
#define MXD_CPU_POWERS_H

#include "simd.h"

#include <math.h>
#include <string.h>

#if MXD_REAL_BITS == 32

typedef int32_t vec_integer __attribute__((vector_size(VEC_BYTES), may_alias));
typedef uint32_t vec_unsigned __attribute__((vector_size(VEC_BYTES), may_alias));

/*
 * Of normal numbers above 0. x = 2^e m with m from sqrt(1/2) to sqrt(2), log2 x = e + f P(f), f = m - 1: the
 * polynomial's relative error is 5e-9, so that what counts is the rounding of the sum.
 */
static inline vec log2_vec(vec x)
{
    vec_integer e = (vec_integer)((vec_unsigned)x - 0x3f3504f3u) >> 23;
    vec f = (vec)((vec_unsigned)x - ((vec_unsigned)e << 23)) - 1.0f;
    vec p = f * -1.074978939e-01f + 1.847603335e-01f;
    p = p * f - 1.913883766e-01f;
    p = p * f + 2.048576478e-01f;
    p = p * f - 2.396081219e-01f;
    p = p * f + 2.885525614e-01f;
    p = p * f - 3.606965418e-01f;
    p = p * f + 4.808985203e-01f;
    p = p * f - 7.213473545e-01f;
    p = p * f + 1.442695040e+00f;
    return p * f + __builtin_convertvector(e, vec);
}

/* Of numbers from -126 to 127 (of others it is any number): to the nearest whole number and what is left, whose polynomial is good to 3e-9. */
static inline vec exp2_vec(vec x)
{
    const float round = 12582912.0f; /* 1.5 * 2^23: the sum's last bit is worth 1 */
    vec shifted = x + round;
    vec f = x - (shifted - round);
    vec p = f * 1.546144470e-04f + 1.340042818e-03f;
    p = p * f + 9.618056679e-03f;
    p = p * f + 5.550327227e-02f;
    p = p * f + 2.402265092e-01f;
    p = p * f + 6.931472067e-01f;
    p = p * f + 1.0f;
    return (vec)((vec_unsigned)p + ((vec_unsigned)shifted << 23));
}

#endif

/* In place, also past count to the end of a register: values has room for that, of numbers in the range. */
static inline void log2_many(real *values, uint32_t count)
{
#if MXD_REAL_BITS == 32
    for (uint32_t i = 0; i < count; i += VEC_LANES)
        *(loose_vec *)(values + i) = log2_vec(*(loose_vec *)(values + i));
#else
    for (uint32_t i = 0; i < count; i++)
        values[i] = log2(values[i]);
#endif
}

static inline void exp2_many(real *values, uint32_t count)
{
#if MXD_REAL_BITS == 32
    for (uint32_t i = 0; i < count; i += VEC_LANES)
        *(loose_vec *)(values + i) = exp2_vec(*(loose_vec *)(values + i));
#else
    for (uint32_t i = 0; i < count; i++)
        values[i] = exp2(values[i]);
#endif
}

#endif
