/*
 * The meter's kernels, one table a variant: what host/measure/meter.c calls.
 * k_weight.c and true_peak.c hold them; all input is finite (the kernels say
 * where it was not).
 */
#ifndef MXD_CPU_METER_KERNELS_H
#define MXD_CPU_METER_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

/* Two biquads in series, a0 = 1: ITU-R BS.1770-5 annex 1, tables 1 and 2, at the meter's rate. */
typedef struct mxd_k_weighting {
    double shelf_b[3], shelf_a[2]; /* b0 b1 b2, a1 a2 */
    double high_pass_a[2];         /* a1 a2; the numerator is 1 -2 1 at every rate */
} mxd_k_weighting;

/* A channel's filter memory: shelf s1 s2, high-pass s1 s2 (transposed direct form II). */
typedef struct mxd_k_state {
    double s[4];
} mxd_k_state;

/* As many channels as one call of k_energy takes. */
#define MXD_K_MAX_CHANNELS 12

/*
 * Frames before the first that true_peak looks at. Between two input frames lie 3 (4 x) or 1 (2 x) interpolated
 * ones; the input frames themselves are the phase in between, by a filter that is 1 at its centre and 0 at all
 * other frames.
 */
#define MXD_TRUE_PEAK_HISTORY 23
/* Input frames that an interpolated value depends on. */
#define MXD_TRUE_PEAK_TAPS_4X 12
#define MXD_TRUE_PEAK_TAPS_2X 24
#define MXD_TRUE_PEAK_MAX_TAPS 24
#define MXD_TRUE_PEAK_MAX_PHASES 3

typedef struct mxd_true_peak_filter {
    uint32_t num_phases; /* interpolated values a frame: 3, 1, or 0 (sample peak only) */
    uint32_t num_taps;   /* of each phase: MXD_TRUE_PEAK_TAPS_4X or _2X */
    double taps[MXD_TRUE_PEAK_MAX_PHASES][MXD_TRUE_PEAK_MAX_TAPS]; /* y[n] = sum of taps[k] x[n - k] */
    double gain;         /* the largest phase's sum of |taps|: no output exceeds it times the largest input */
} mxd_true_peak_filter;

struct mxd_meter_kernels {
    /*
     * K-weights channels[0..num_channels)[first_frame..first_frame + num_frames) and writes each channel's sum of
     * squares to energy. num_channels <= MXD_K_MAX_CHANNELS. Energies are not finite where the input was not; the
     * state then is lost too.
     */
    void (*k_energy)(const mxd_k_weighting *weighting, mxd_k_state *state, const float *const *channels,
                     uint32_t num_channels, uint64_t first_frame, uint32_t num_frames, double *energy);
    /*
     * Raises *sample_peak and *true_peak (magnitudes, >= 0) to those of frames[0..num_frames), history being the
     * MXD_TRUE_PEAK_HISTORY frames before them. Stretches that cannot beat *true_peak are passed over, which
     * changes no result. False, and the peaks undefined, where a frame is NaN or infinite.
     */
    bool (*true_peak)(const mxd_true_peak_filter *filter, const float *history, const float *frames,
                      uint64_t num_frames, float *sample_peak, float *true_peak);
};

#endif
