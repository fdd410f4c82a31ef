/*
 * The convolver's responses: how long the partitions are that a row's responses
 * are cut into, and the spectra of these, made once for all cells that share
 * them. Empty partitions are left out.
 */
#ifndef MXD_CPU_RESPONSES_H
#define MXD_CPU_RESPONSES_H

#include "fft.h"
#include "kernels.h"

#define MXD_MIN_PARTITION_LOG2 MXD_FFT_MIN_LOG2
#define MXD_MAX_PARTITION_LOG2 MXD_FFT_MAX_LOG2

/* Reals from one spectrum to the next: in powers of two, all would fall into the same sets of the cache. */
static inline size_t spectrum_stride(uint32_t partition_log2)
{
    return ((size_t)2 << partition_log2) + 256 / sizeof(real);
}

/* Windows of 2^partition_log2 new frames that are worked on together, a power of two. */
uint32_t MXD_CPU(mxd_partition_batch)(uint32_t block_frames, uint32_t partition_log2);

/*
 * log2 of the frames of a partition, by cost; it divides the block. num_rows: of the step. Does not depend on the
 * number of threads: all of them give the same bits. False when memory runs out.
 */
bool MXD_CPU(mxd_partition_choose)(const mxd_convolve_row *row, uint32_t num_rows, uint32_t block_frames,
                                   uint32_t *partition_log2);

/* One response; owned by its cpu_responses. */
typedef struct cpu_spectra {
    const float *response; /* the key, with the next three; not read after creation */
    uint32_t num_frames;
    uint32_t delay_frames;
    uint32_t partition_log2;
    uint32_t number;         /* as they were made */
    uint32_t num_partitions; /* with the empty ones */
    uint32_t num_used;
    uint32_t *used;          /* numbers of the others, ascending */
    real *data;              /* num_used spectra, spectrum_stride apart */
    struct cpu_spectra *next; /* of those with the same hash */
} cpu_spectra;

typedef struct cpu_responses cpu_responses;

/* NULL when memory runs out. */
cpu_responses *MXD_CPU(mxd_responses_create)(void);
/* Accepts NULL. */
void MXD_CPU(mxd_responses_destroy)(cpu_responses *responses);
/* Bytes of spectra. */
uint64_t MXD_CPU(mxd_responses_memory)(const cpu_responses *responses);

/* The spectra of a cell's response, empty until mxd_responses_fill. NULL when memory runs out. */
cpu_spectra *MXD_CPU(mxd_responses_get)(cpu_responses *responses, const mxd_convolve_cell *cell,
                                        uint32_t partition_log2);

/*
 * Transforms all of them, on all threads; once. transforms: by log2 of their size, those that the responses want.
 * silence: zeros, as many as the longest partition has frames. False when memory runs out.
 */
bool MXD_CPU(mxd_responses_fill)(cpu_responses *responses, cpu_fft *const *transforms, const real *silence,
                                 mxd_threads *threads);

#endif
