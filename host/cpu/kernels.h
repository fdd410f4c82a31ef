/* What backend.c knows of the kernels. Every function's name carries its variant. */
#ifndef MXD_CPU_KERNELS_H
#define MXD_CPU_KERNELS_H

#include "../backend.h"
#include "../threads.h"
#include "real.h"

#include <stddef.h>
#include <stdlib.h>

/* The lanes' memory: lane i starts at samples + i * stride, 64-byte aligned. */
typedef struct cpu_lanes {
    real *samples;
    size_t stride;
} cpu_lanes;

static inline real *lane_of(const cpu_lanes *lanes, uint32_t lane)
{
    return lanes->samples + lane * lanes->stride;
}

/* Zeroed, 64-byte aligned; free with free(). NULL when memory runs out. */
void *MXD_CPU(mxd_aligned_zeros)(size_t size);
/* The same, with anything in it: what is not written takes no memory. */
void *MXD_CPU(mxd_aligned_memory)(size_t size);

/* Each kernel: create returns NULL when memory runs out; destroy accepts NULL; run does one block. */
typedef struct cpu_eq cpu_eq;
cpu_eq *MXD_CPU(mxd_eq_create)(const mxd_eq_row *rows, uint32_t num_rows, uint32_t num_threads);
void MXD_CPU(mxd_eq_destroy)(cpu_eq *eq);
uint64_t MXD_CPU(mxd_eq_memory)(const cpu_eq *eq);
void MXD_CPU(mxd_eq_run)(cpu_eq *eq, mxd_threads *threads, const cpu_lanes *lanes, uint32_t num_frames,
                         const mxd_step_run *run);

typedef struct cpu_convolve cpu_convolve;
cpu_convolve *MXD_CPU(mxd_convolve_create)(const mxd_convolve_row *rows, uint32_t num_rows, uint32_t block_frames,
                                           mxd_threads *threads);
void MXD_CPU(mxd_convolve_destroy)(cpu_convolve *convolve);
uint64_t MXD_CPU(mxd_convolve_memory)(const cpu_convolve *convolve);
void MXD_CPU(mxd_convolve_run)(cpu_convolve *convolve, mxd_threads *threads, const cpu_lanes *lanes,
                               uint32_t num_frames, const mxd_step_run *run);

typedef struct cpu_mix cpu_mix;
cpu_mix *MXD_CPU(mxd_mix_create)(const mxd_mix_limits *limits, uint32_t num_threads);
void MXD_CPU(mxd_mix_destroy)(cpu_mix *mix);
uint64_t MXD_CPU(mxd_mix_memory)(const cpu_mix *mix);
void MXD_CPU(mxd_mix_run)(cpu_mix *mix, mxd_threads *threads, const cpu_lanes *lanes, uint32_t num_frames,
                          const mxd_mix_run *run);

/* Rows of any kernel of host/kernels (rows.h). */
typedef struct cpu_rows cpu_rows;
cpu_rows *MXD_CPU(mxd_rows_create)(mxd_kernel_id kernel, const mxd_kernel_row *rows, uint32_t num_rows,
                                   uint32_t block_frames);
void MXD_CPU(mxd_rows_destroy)(cpu_rows *rows);
uint64_t MXD_CPU(mxd_rows_memory)(const cpu_rows *rows);
void MXD_CPU(mxd_rows_run)(cpu_rows *rows, mxd_threads *threads, const cpu_lanes *lanes, uint32_t num_frames,
                           const mxd_step_run *run);

#endif
