/*
 * The files of this folder are compiled once for each variant: `reference` in
 * double precision, `baseline`, and on x86-64 `avx2` and `avx512` in float32.
 * This header is what the rest of the project sees of them.
 */
#ifndef MXD_CPU_VARIANTS_H
#define MXD_CPU_VARIANTS_H

#include "quantize.h"
#include "unpack.h"

/* The meter's two kernels; k_weight.c and true_peak.c say what they do. */
struct mxd_meter_kernels;

/* The convolver's transform (fft.h, which says what each argument is), reals behind void: for tests and benchmarks. */
typedef struct mxd_fft_kernels {
    uint32_t min_log2, max_log2; /* of its sizes */
    uint32_t real_bytes;         /* 4 or 8 */
    uint32_t vec_reals;          /* of a register */
    void *(*create)(uint32_t size_log2);
    void (*destroy)(void *fft);
    void (*forward)(const void *fft, const void *first, const void *second, void *spectrum);
    void (*inverse)(const void *fft, void *spectrum, void *second);
} mxd_fft_kernels;

typedef struct mxd_cpu_variant {
    const char *name;
    const char *simd; /* in words, for `mixdown devices` */
    mxd_result (*create_backend)(const mxd_backend_params *params, mxd_problems *problems, mxd_backend **backend);
    const struct mxd_meter_kernels *meter;
    mxd_unpack_function *unpack;
    mxd_quantizer *quantize;
    const mxd_fft_kernels *fft;
} mxd_cpu_variant;

/* The fastest float32 variant that this processor runs. MXD_CPU=baseline|avx2|avx512 in the environment overrides. */
const mxd_cpu_variant *mxd_cpu_best(void);
/* Double precision. */
const mxd_cpu_variant *mxd_cpu_reference(void);
/* The index-th variant that this processor runs (reference first); NULL past the end: for tests. */
const mxd_cpu_variant *mxd_cpu_get(uint32_t index);

#endif
