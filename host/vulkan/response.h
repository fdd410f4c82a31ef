/* Spectra of impulse responses for the convolver, computed on the host in double. */
#ifndef MXD_VULKAN_RESPONSE_H
#define MXD_VULKAN_RESPONSE_H

#include "vulkan.h"

/* Consecutive partitions of one response whose spectra lie one after another on one page. */
typedef struct mxd_response_run {
    uint32_t first_partition;
    uint32_t num_partitions;
    uint32_t page;
    uint32_t first_spectrum; /* in the page */
} mxd_response_run;

/* One partition whose spectrum is to be computed; the index-th one goes to spectrum index. */
typedef struct mxd_response_partition {
    uint32_t response;
    uint32_t partition;
} mxd_response_partition;

/* One response with its delay; partitions that are all zero have no spectrum and belong to no run. */
typedef struct mxd_response {
    const float *samples;    /* after mxd_response_set_transform identity only: they may be gone */
    uint32_t num_frames;
    uint32_t delay_frames;
    uint32_t first_run;
    uint32_t num_runs;
    uint32_t end_partition;  /* of its last run; 0 = none */
} mxd_response;

/* All responses of one step. */
typedef struct mxd_response_set {
    uint32_t size;              /* P */
    uint32_t spectra_a_page;
    double *twiddles;           /* exp(-2 pi i n / 2P), n < 2P */
    float *spectra;             /* num_spectra times P complex numbers */
    mxd_response_partition *partitions;
    uint32_t num_spectra;
    uint32_t partition_capacity;
    mxd_response_run *runs;
    uint32_t num_runs;
    uint32_t run_capacity;
    mxd_response *responses;
    uint32_t num_responses;
    uint32_t response_capacity;
} mxd_response_set;

/* size: a power of two. MXD_ERROR_MEMORY without a problem, as from the functions below. */
mxd_result mxd_response_set_init(mxd_response_set *set, uint32_t size, uint64_t page_bytes);
void mxd_response_set_finish(mxd_response_set *set);
/* Frees the spectra once they are on the device. */
void mxd_response_set_drop_spectra(mxd_response_set *set);
/* Adds the cell's response, or finds it among those added. *index: in set->responses. Nothing is computed yet. */
mxd_result mxd_response_set_add(mxd_response_set *set, const mxd_convolve_cell *cell, uint32_t *index);
/* Computes the spectra of all that was added, on num_threads threads (0 = all cores); once, while samples live. */
mxd_result mxd_response_set_transform(mxd_response_set *set, uint32_t num_threads);

#endif
