/*
 * One SIMD register as a type of C: the vector extension that gcc and clang
 * share, so that the kernels say what lies in registers without intrinsics.
 * And the flushing of denormals, which a float kernel needs to stay fast where
 * a recursion or a reverb dies away.
 */
#ifndef MXD_CPU_SIMD_H
#define MXD_CPU_SIMD_H

#include "real.h"

#include <stdint.h>

#if defined __AVX512F__
#define VEC_BYTES 64
#elif defined __AVX__
#define VEC_BYTES 32
#else
#define VEC_BYTES 16 /* SSE2, NEON */
#endif

/* Reals of a register, also for the preprocessor. */
#define VEC_WIDTH (VEC_BYTES * 8 / MXD_REAL_BITS)
#define VEC_LANES ((uint32_t)VEC_WIDTH)

typedef real vec __attribute__((vector_size(VEC_BYTES), may_alias));
/* The same at any address. */
typedef real loose_vec __attribute__((vector_size(VEC_BYTES), aligned(sizeof(real)), may_alias));

/* Bytes at which lanes, spectra and scratch begin: a cache line, and the widest register. */
#define ALIGNMENT 64

#if MXD_REAL_BITS == 32 && defined __SSE2__
#include <xmmintrin.h>
/* Bits 15 and 6 of MXCSR: results and operands that are denormal count as zero (Intel SDM volume 1, 10.2.3). */
typedef uint32_t flush_state;
static inline flush_state flush_denormals(void)
{
    uint32_t before = _mm_getcsr();
    _mm_setcsr(before | 0x8040u);
    return before;
}
static inline void restore_denormals(flush_state before)
{
    _mm_setcsr(before);
}
#elif MXD_REAL_BITS == 32 && defined __aarch64__
/* Bit 24 of FPCR, FZ (Arm ARM, FPCR). */
typedef uint64_t flush_state;
static inline flush_state flush_denormals(void)
{
    uint64_t before;
    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    __asm__ volatile("msr fpcr, %0" : : "r"(before | (UINT64_C(1) << 24)));
    return before;
}
static inline void restore_denormals(flush_state before)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(before));
}
#else
typedef uint32_t flush_state;
static inline flush_state flush_denormals(void)
{
    return 0;
}
static inline void restore_denormals(flush_state before)
{
    (void)before;
}
#endif

#endif
