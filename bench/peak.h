/* The memory bandwidth that a plain copy reaches: the practical peak that kernels are held against. */
#ifndef MXD_BENCH_PEAK_H
#define MXD_BENCH_PEAK_H

#include <stdint.h>

/* Bytes a second, read and written counted both: memcpy by that many threads (0 = all cores). 0 where it fails. */
double peak_of_cpu(uint32_t threads);
/* The same of a Vulkan device's own memory, by buffer copies on its compute queue. */
double peak_of_vulkan(uint32_t device);

#endif
