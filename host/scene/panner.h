/*
 * The point-source panner of ITU-R BS.2127-1 clause 6.1: triplets, virtual
 * n-gons and quads over the convex hull of the layout; stereo by downmix from
 * 0+5+0, and mono from stereo (layout.h). Double precision; read-only after creation, so threads may share one.
 */
#ifndef MXD_SCENE_PANNER_H
#define MXD_SCENE_PANNER_H

#include "layout.h"
#include "../mixdown.h"

typedef struct mxd_panner mxd_panner;

typedef struct mxd_direction {
    double azimuth_deg;
    double elevation_deg;
} mxd_direction;

/*
 * real: where the loudspeakers of the layout truly stand, one a channel in the
 * layout's order (the LFE's is ignored); NULL = at their nominal positions.
 * MXD_ERROR_INVALID with a problem that names the loudspeaker if a position is
 * outside its allowed range, or if allowed positions change the loudspeakers'
 * order round the listener (M+090 behind M+135). Free with mxd_panner_destroy.
 */
mxd_result mxd_panner_create(const mxd_layout *layout, const mxd_direction *real, mxd_problems *problems,
                             mxd_panner **panner);
/* Accepts NULL. */
void mxd_panner_destroy(mxd_panner *panner);

/*
 * gains: linear amplitude, one a channel in the layout's order (LFE: 0), for a
 * source at the given direction; any azimuth (taken modulo 360), elevation in
 * -90..90 (clamped). Unit power except for stereo (clause 6.1.2.4: -3 dB at the
 * rear) and mono (its fold: 1 at the front, 0.71 at a side). Never NaN; an azimuth or elevation that is not finite is taken as
 * straight ahead or as the nearest limit.
 */
void mxd_panner_gains(const mxd_panner *panner, double azimuth_deg, double elevation_deg, double *gains);

#endif
