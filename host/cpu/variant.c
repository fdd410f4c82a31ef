/* This variant's entry for variants.h's tables. */
#include "fft.h"
#include "quantize.h"
#include "simd.h"
#include "variants.h"

#define MXD_STRING(x) #x
#define MXD_STRING_OF(x) MXD_STRING(x)

mxd_result MXD_CPU(mxd_backend_create)(const mxd_backend_params *params, mxd_problems *problems,
                                       mxd_backend **backend);
extern const struct mxd_meter_kernels MXD_CPU(mxd_meter_kernels);
mxd_unpack_function MXD_CPU(mxd_unpack);
extern mxd_quantizer MXD_CPU(mxd_quantize);
extern const mxd_cpu_variant MXD_CPU(mxd_cpu_variant);

static void *create_fft(uint32_t size_log2)
{
    return MXD_CPU(mxd_fft_create)(size_log2);
}

static void destroy_fft(void *fft)
{
    MXD_CPU(mxd_fft_destroy)(fft);
}

static void transform_forward(const void *fft, const void *first, const void *second, void *spectrum)
{
    MXD_CPU(mxd_fft_forward)(fft, first, second, spectrum);
}

static void transform_back(const void *fft, void *spectrum, void *second)
{
    MXD_CPU(mxd_fft_inverse)(fft, spectrum, second);
}

static const mxd_fft_kernels fft_kernels = {
    .min_log2 = MXD_FFT_MIN_LOG2,
    .max_log2 = MXD_FFT_MAX_LOG2,
    .real_bytes = sizeof(real),
    .vec_reals = VEC_LANES,
    .create = create_fft,
    .destroy = destroy_fft,
    .forward = transform_forward,
    .inverse = transform_back,
};

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
    .fft = &fft_kernels,
};
