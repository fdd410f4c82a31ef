/*
 * The transform behind the convolver: a window of real frames as residues of
 * its polynomial, so that products of transforms are products of signals.
 *
 * A window of 2 size frames is a polynomial of X; it is reduced modulo
 * X^size - i, whose residue is x[n] + i x[n + size]: the right-angle convolution
 * (Crandall and Fagin, "Discrete weighted transforms and large-integer
 * arithmetic", 1994; over rings of polynomials Nussbaumer, "Fast Fourier
 * Transform and Convolution Algorithms", 1982). What a product of two such
 * residues wraps around comes back negated at the other end of the window, which
 * overlap-save throws away; and real signals need no mirrored bins, nor special
 * ones at zero and Nyquist. The residue is evaluated at the `size` roots of
 * X^size = i. The order of these bins is nobody's business but the two
 * transforms': bins of equal index are multiplied.
 *
 * A spectrum is 2 size reals: for each register of bins the real parts, then the
 * imaginary parts. Every pointer is aligned to ALIGNMENT.
 */
#ifndef MXD_CPU_FFT_H
#define MXD_CPU_FFT_H

#include "real.h"

#include <stdint.h>

typedef struct cpu_fft cpu_fft;

#define MXD_FFT_MIN_LOG2 8u
#define MXD_FFT_MAX_LOG2 20u

/*
 * Tables for spectra of 2^size_log2 bins, MXD_FFT_MIN_LOG2 to MXD_FFT_MAX_LOG2;
 * any number of threads may use them at once. NULL when memory runs out. Free
 * with mxd_fft_destroy.
 */
cpu_fft *MXD_CPU(mxd_fft_create)(uint32_t size_log2);
/* Accepts NULL. */
void MXD_CPU(mxd_fft_destroy)(cpu_fft *fft);
/* Bytes. */
uint64_t MXD_CPU(mxd_fft_memory)(const cpu_fft *fft);

/* The spectrum of a window whose halves are `size` frames each. */
void MXD_CPU(mxd_fft_forward)(const cpu_fft *fft, const real *first, const real *second, real *spectrum);
/* `size` times the second half of the window that belongs to a spectrum, which is overwritten. */
void MXD_CPU(mxd_fft_inverse)(const cpu_fft *fft, real *spectrum, real *second);

#endif
