/* Samples to dithered integers: what formats/audio_write.c calls, one a variant. */
#ifndef MXD_CPU_QUANTIZE_H
#define MXD_CPU_QUANTIZE_H

#include <stdint.h>

/* From one frame's counter to the next one's: 2^64 divided by the golden ratio, odd, so that counters spread evenly. */
#define MXD_QUANTIZE_STRIDE UINT64_C(0x9e3779b97f4a7c15)

/*
 * samples (finite, full scale 1) times 2^(bit_depth - 1), plus TPDF dither of 2 LSB peak to peak by the counter,
 * rounded to nearest, clipped; returns how many were. The same bits in every variant. bit_depth 16 or 24.
 */
typedef uint64_t mxd_quantizer(const float *samples, uint32_t num_samples, uint32_t bit_depth, uint64_t counter,
                               int32_t *to);

#endif
