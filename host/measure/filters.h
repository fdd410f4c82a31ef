/* The meter's filters at any sample rate. */
#ifndef MXD_MEASURE_FILTERS_H
#define MXD_MEASURE_FILTERS_H

#include "../cpu/meter_kernels.h"

/* ITU-R BS.1770-5 annex 1: the coefficients of the standard's filters at sample_rate (48 kHz: its tables 1, 2). */
void mxd_k_weighting_design(uint32_t sample_rate, mxd_k_weighting *weighting);

/* BS.1770-5 annex 2: 4 x below 96 kHz, 2 x below 192 kHz, none from there on. */
void mxd_true_peak_design(uint32_t sample_rate, mxd_true_peak_filter *filter);

#endif
