/*
 * Loudness and true peak of a stream: ITU-R BS.1770-5 (K-weighting, gating,
 * channel weights by loudspeaker position, LFE left out; true peak by annex 2's
 * 4 x oversampling, with the 48-tap filter of filters.c and not its example
 * table), EBU Tech 3341 (momentary, short-term) and Tech 3342 (range).
 * libebur128 is the witness in tests, not a part.
 *
 * NaN and infinity: a NaN counts as silence, an infinity too for loudness, and
 * as an infinite peak. Neither hides the peaks around it.
 */
#ifndef MXD_MEASURE_METER_H
#define MXD_MEASURE_METER_H

#include "../mixdown.h"
#include "../scene/layout.h"
#include "../threads.h"

typedef struct mxd_meter mxd_meter;

/*
 * layout: for weights and LFE; NULL with num_channels 1 or 2 = mono, stereo.
 * threads: shares channels out; may be NULL; not owned; the figures do not depend on it. NULL when memory runs out,
 * when layout has not num_channels channels, or outside of rates 8000..384000 Hz;
 * at 96 kHz and above true peak oversamples 2 x, at 192 kHz and above 1 x (annex 2).
 */
mxd_meter *mxd_meter_create(const mxd_layout *layout, uint32_t num_channels, uint32_t sample_rate,
                            mxd_threads *threads);
/* Accepts NULL. */
void mxd_meter_destroy(mxd_meter *meter);

/* channels[0..num_channels)[0..num_frames), in the layout's order. MXD_ERROR_MEMORY. */
mxd_result mxd_meter_push(mxd_meter *meter, const float *const *channels, uint32_t num_frames);

/*
 * What was pushed so far, as if silence followed; may be called at any time. Loudness counts whole 100 ms only
 * (rounded to frames: 1103 at 11 025 Hz); what is left over at the end counts for the peaks. Maxima are those of
 * windows that move by 10 ms, from silence before the first frame on. range_lu is NaN if memory runs out.
 */
void mxd_meter_read(const mxd_meter *meter, mxd_loudness *loudness);

/* One value each 100 ms, as mxd_measure_result has them; owned by the meter, valid until the next push. */
size_t mxd_meter_series(const mxd_meter *meter, const double **momentary_lufs, const double **short_term_lufs);

#endif
