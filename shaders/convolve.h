/*
 * The convolver's kernel: uniformly partitioned overlap-save. Shared by
 * convolve.comp and host/vulkan.
 *
 * A response is cut into partitions of P samples; each window of the input is
 * the P samples before it and its own P samples. Real transforms of 2P points are
 * complex ones of P points (even samples real, odd samples imaginary) with a
 * pass that splits the two (Sorensen et al., "Real-valued fast Fourier transform
 * algorithms", 1987). A spectrum is P complex numbers: bin 0 holds the two real
 * ones, zero frequency and Nyquist. Three dispatches:
 *   forward   spectra of all windows of the block, into each input's ring;
 *   multiply  for each output, window and frequency: the sum over partitions of
 *             response spectrum times the input's spectrum as many windows ago;
 *   inverse   the last P samples of each transform, to the output's lane.
 * Spectra are not scaled on the way; the responses carry all factors.
 *
 * A transform's passes exchange their points through shared memory: whole ones
 * (8 P bytes), or in a second variant, "split", first all real and then all
 * imaginary parts (4 P bytes, twice the barriers), for longer partitions than
 * shared memory would hold otherwise: with 16 KiB up to 2^12, with 32 KiB up to
 * 2^13. More would need workgroups beyond 1024, so 48 or 64 KiB gain nothing.
 */
#ifndef MXD_SHADERS_CONVOLVE_H
#define MXD_SHADERS_CONVOLVE_H

#include "types.h"

#define MXD_CONVOLVE_MIN_LOG2_SIZE 8   /* of P */
#define MXD_CONVOLVE_MAX_LOG2_SIZE 13
#define MXD_CONVOLVE_MAX_WHOLE_LOG2_SIZE 12 /* of transforms that are not split */
#define MXD_CONVOLVE_MIN_SPLIT_LOG2_SIZE 12 /* of those that are: shorter ones fit 16 KiB whole */
#define MXD_CONVOLVE_POINTS 8          /* complex points an invocation of forward and inverse */
#define MXD_CONVOLVE_WINDOWS 8         /* windows an invocation of multiply: each response value is read once for all */
#define MXD_CONVOLVE_INNER 16          /* partitions summed before they join the sum: shorter sums round less */
#define MXD_CONVOLVE_MAX_WORKGROUP 256 /* of multiply */

#define MXD_CONVOLVE_BINDING_INPUT_LANES 0
#define MXD_CONVOLVE_BINDING_OUTPUT_LANES 1 /* the same buffer */
#define MXD_CONVOLVE_BINDING_TWIDDLES 2     /* exp(-2 pi i n / 2P), n < 2P */
#define MXD_CONVOLVE_BINDING_INPUTS 3
#define MXD_CONVOLVE_BINDING_OUTPUTS 4
#define MXD_CONVOLVE_BINDING_HISTORY 5
#define MXD_CONVOLVE_BINDING_RING 6
#define MXD_CONVOLVE_BINDING_SEGMENTS 7
#define MXD_CONVOLVE_BINDING_RESPONSES 8
#define MXD_CONVOLVE_BINDING_SUMS 9
#define MXD_CONVOLVE_NUM_BINDINGS 10

#define MXD_CONVOLVE_NO_HISTORY 0xffffffffu

/* One input of a row that runs. */
struct mxd_convolve_input_data {
    mxd_u32 lane;
    mxd_u32 page;          /* of rings */
    mxd_u32 first_slot;    /* of its ring, in spectra */
    mxd_u32 num_slots;
    mxd_u32 head;          /* slot of the block's first window, from first_slot */
    mxd_u32 age;           /* spectra in the ring that precede this block and count */
    mxd_u32 history_read;  /* index of the P samples before the block, or MXD_CONVOLVE_NO_HISTORY: silence */
    mxd_u32 history_write; /* where the last window's samples go; MXD_CONVOLVE_NO_HISTORY: the input rests */
};

/* One output of a row that runs. */
struct mxd_convolve_output_data {
    mxd_u32 lane;
    mxd_u32 first_segment;
    mxd_u32 num_segments;
    mxd_u32 first_input;   /* its row's first input, from push.first_input */
};

/* Consecutive partitions of one cell of the matrix. */
struct mxd_convolve_segment_data {
    mxd_u32 input_index;     /* of its row */
    mxd_u32 first_partition; /* windows ago */
    mxd_u32 num_partitions;
    mxd_u32 page;            /* of responses */
    mxd_u32 first_spectrum;  /* in the page */
    float gain;
    mxd_u32 unused1;
    mxd_u32 unused2;
};

struct mxd_convolve_push {
    mxd_u32 first_input;   /* in inputs */
    mxd_u32 first_output;  /* in outputs */
    mxd_u32 lane_frames;   /* length of a lane */
    mxd_u32 num_frames;    /* of the block */
    mxd_u32 num_windows;   /* of the block */
    mxd_u32 first_window;  /* of this dispatch; a multiple of MXD_CONVOLVE_WINDOWS */
    mxd_u32 size;          /* P */
    mxd_u32 ring_page;     /* the pages that are bound */
    mxd_u32 response_page;
    mxd_u32 add;           /* 0: sums start here; else they go on */
    mxd_u32 first_segment; /* of each output's, in this dispatch */
    mxd_u32 end_segment;
};

#endif
