/*
 * The floor under every kernel's time: the least bytes it had to move and the
 * operations it had to do for what ran, whatever the backend and its algorithm.
 * Samples count four bytes, as they lie on a device.
 *
 * eq        bytes: each lane read and written once. flops: 18 a section and
 *           frame, the recursion of shaders/eq.h.
 * convolve  bytes: input lanes read, output lanes written; in every block, each
 *           distinct response of the step read once (it counts for the first input
 *           that names it), and each input's history, as long as its longest
 *           response, read once and moved on. Inputs that rest cost nothing of
 *           this. flops: uniformly partitioned
 *           overlap-save at the partition size P, 2^8 to 2^26, that costs each
 *           row least, however long a block it would take: a real transform of
 *           2P points is 2.5 * 2P * log2(2P), one an input and output for P
 *           frames; a product of spectra is 8 P, one for P frames and P frames
 *           of a cell's response.
 * mix       bytes: each distinct input lane read once, each output lane written
 *           once. flops: 2 an edge and frame.
 * others    (kernels/kernel.h) bytes: inputs read, outputs written. flops: as
 *           the kernel says.
 * upload    bytes: the packed frames, those that uploads share once.
 * unpack    bytes: the same, and the lanes written, silent ones too. flops: one
 *           a sample. Where a backend unpacks while it uploads, upload has this.
 * download  bytes: the lanes.
 */
#ifndef MXD_KERNEL_COSTS_H
#define MXD_KERNEL_COSTS_H

#include "backend.h"

typedef struct mxd_kernel_costs mxd_kernel_costs;

/* NULL when memory runs out. */
mxd_kernel_costs *mxd_kernel_costs_create(uint32_t num_lanes);
/* Accepts NULL. */
void mxd_kernel_costs_destroy(mxd_kernel_costs *costs);

/* Steps are numbered as they are added, from 0. False when memory runs out. */
bool mxd_kernel_costs_add_eq(mxd_kernel_costs *costs, const mxd_eq_row *rows, uint32_t num_rows);
bool mxd_kernel_costs_add_convolve(mxd_kernel_costs *costs, const mxd_convolve_row *rows, uint32_t num_rows);
bool mxd_kernel_costs_add_mix(mxd_kernel_costs *costs);
bool mxd_kernel_costs_add_rows(mxd_kernel_costs *costs, mxd_kernel_id kernel, const mxd_kernel_row *rows,
                               uint32_t num_rows);

/* Adds a block, whose arguments are right. */
void mxd_kernel_costs_count(mxd_kernel_costs *costs, const mxd_block *block);

/* Fills min_bytes and flops of entries by the names of their kernels. */
void mxd_kernel_costs_fill(const mxd_kernel_costs *costs, mxd_backend_timing *timings, uint32_t num_timings);

#endif
