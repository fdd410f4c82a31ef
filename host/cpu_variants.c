/* Picks the CPU variant that this processor runs best. */
#include "cpu/variants.h"

#include <stdlib.h>
#include <string.h>

extern const mxd_cpu_variant mxd_cpu_variant_reference;
extern const mxd_cpu_variant mxd_cpu_variant_baseline;
#if defined __x86_64__
extern const mxd_cpu_variant mxd_cpu_variant_avx2;
extern const mxd_cpu_variant mxd_cpu_variant_avx512;
#endif

const mxd_cpu_variant *mxd_cpu_get(uint32_t index)
{
    const mxd_cpu_variant *found[4];
    uint32_t num_found = 0;
    found[num_found++] = &mxd_cpu_variant_reference;
    found[num_found++] = &mxd_cpu_variant_baseline;
#if defined __x86_64__
    /* What compilers use of x86-64-v3 and -v4: a virtual machine may hide any of it. */
    bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
              __builtin_cpu_supports("bmi2");
    bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
              __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
              __builtin_cpu_supports("avx512cd");
    if (v3)
        found[num_found++] = &mxd_cpu_variant_avx2;
    if (v4)
        found[num_found++] = &mxd_cpu_variant_avx512;
#endif
    return index < num_found ? found[index] : NULL;
}

const mxd_cpu_variant *mxd_cpu_reference(void)
{
    return &mxd_cpu_variant_reference;
}

const mxd_cpu_variant *mxd_cpu_best(void)
{
    const char *wanted = getenv("MXD_CPU");
    const mxd_cpu_variant *best = &mxd_cpu_variant_baseline;
    for (uint32_t i = 1; mxd_cpu_get(i); i++) {
        best = mxd_cpu_get(i);
        if (wanted && strcmp(wanted, best->name) == 0)
            return best;
    }
    return best;
}
