/* What the machine says it has spent, where it tells: RAPL for the processor, NVML for an NVIDIA card. */
#ifndef MXD_BENCH_ENERGY_H
#define MXD_BENCH_ENERGY_H

#include <stdbool.h>

/* Joules since some moment in the past. False: not told here. Readable by root alone on many machines. */
bool bench_processor_energy(double *joules);
/* Of the first card; the NVIDIA driver's library is loaded on first use. */
bool bench_card_energy(double *joules);

#endif
