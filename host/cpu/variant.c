/* This variant's entry for variants.h's tables. */
#include "quantize.h"
#include "real.h"
#include "variants.h"

#define MXD_STRING(x) #x
#define MXD_STRING_OF(x) MXD_STRING(x)

mxd_result MXD_CPU(mxd_backend_create)(const mxd_backend_params *params, mxd_problems *problems,
                                       mxd_backend **backend);
extern const struct mxd_meter_kernels MXD_CPU(mxd_meter_kernels);
mxd_unpack_function MXD_CPU(mxd_unpack);
extern mxd_quantizer MXD_CPU(mxd_quantize);
extern const mxd_cpu_variant MXD_CPU(mxd_cpu_variant);

const mxd_cpu_variant MXD_CPU(mxd_cpu_variant) = {
    .name = MXD_STRING_OF(MXD_VARIANT),
#if MXD_REAL_BITS == 64
    .simd = "double precision",
#elif defined __AVX512F__
    .simd = "AVX-512",
#elif defined __AVX2__
    .simd = "AVX2 and FMA",
#elif defined __SSE2__
    .simd = "SSE2",
#else
    .simd = "the compiler's baseline",
#endif
    .create_backend = MXD_CPU(mxd_backend_create),
    .meter = &MXD_CPU(mxd_meter_kernels),
    .unpack = MXD_CPU(mxd_unpack),
    .quantize = MXD_CPU(mxd_quantize),
};
