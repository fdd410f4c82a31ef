/* Packed samples into float: for the backends' uploads and for what reads files. */
#ifndef MXD_CPU_UNPACK_H
#define MXD_CPU_UNPACK_H

#include "../backend.h"

/* One channel of interleaved frames, and where its samples go. */
typedef struct mxd_unpack_lane {
    void *samples;    /* float; double on `reference` */
    uint32_t channel; /* < num_channels */
    double gain;
} mxd_unpack_lane;

/*
 * Writes num_frames samples into each lane: the file's number / 2^(bits - 1), rounded to float where it has more bits
 * than that (S32), times gain, rounded again. Nothing beyond the span is read; it may lie at any address. A variant's
 * `unpack` (variants.h).
 */
typedef void mxd_unpack_function(const void *frames, mxd_sample_format format, uint32_t num_channels,
                                 uint32_t num_frames, const mxd_unpack_lane *lanes, uint32_t num_lanes);

#endif
