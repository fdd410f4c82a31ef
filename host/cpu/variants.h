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

typedef struct mxd_cpu_variant {
    const char *name;
    const char *simd; /* in words, for `mixdown devices` */
    mxd_result (*create_backend)(const mxd_backend_params *params, mxd_problems *problems, mxd_backend **backend);
    const struct mxd_meter_kernels *meter;
    mxd_unpack_function *unpack;
    mxd_quantizer *quantize;
} mxd_cpu_variant;

/* The fastest float32 variant that this processor runs. MXD_CPU=baseline|avx2|avx512 in the environment overrides. */
const mxd_cpu_variant *mxd_cpu_best(void);
/* Double precision. */
const mxd_cpu_variant *mxd_cpu_reference(void);
/* The index-th variant that this processor runs (reference first); NULL past the end: for tests. */
const mxd_cpu_variant *mxd_cpu_get(uint32_t index);

#endif
