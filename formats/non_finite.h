/* Whether samples hold a NaN or an infinity: in files that come in, and in mixes that go out. */
#ifndef MXD_FORMATS_NON_FINITE_H
#define MXD_FORMATS_NON_FINITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Infinity and NaN are the floats with all exponent bits set: one comparison of integers each, which vectorises. */
static inline bool mxd_any_non_finite(const float *samples, size_t num_samples)
{
    uint32_t found = 0;
    for (size_t i = 0; i < num_samples; i++) {
        uint32_t bits;
        memcpy(&bits, &samples[i], sizeof bits);
        found |= (bits & 0x7f800000u) == 0x7f800000u;
    }
    return found != 0;
}

#endif
