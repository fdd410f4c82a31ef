/* Where BS.2051 allows the loudspeakers of a layout to stand. Internal to host/scene. */
#ifndef MXD_SCENE_LAYOUT_RANGES_H
#define MXD_SCENE_LAYOUT_RANGES_H

#include "layout.h"
#include "panner.h"

/* Slack for positions that were written as decimal fractions, in degrees. */
#define MXD_RANGE_TOLERANCE_DEG 1e-5

/* The range runs anticlockwise from azimuth_min_deg to azimuth_max_deg. */
typedef struct mxd_speaker_range {
    double azimuth_min_deg, azimuth_max_deg;
    double elevation_min_deg, elevation_max_deg;
} mxd_speaker_range;

/*
 * The channel's allowed ranges: one, or two for M+SC and M-SC (the narrow and
 * the wide screen). Returns how many were written; 0 for an LFE, which may
 * stand anywhere.
 */
uint32_t mxd_layout_ranges(const mxd_layout *layout, uint32_t channel, mxd_speaker_range ranges[2]);

/* Whether the position is finite and within one of the channel's ranges. */
bool mxd_layout_allows(const mxd_layout *layout, uint32_t channel, mxd_direction position);

#endif
