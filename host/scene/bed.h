/*
 * A bed (lanes that are a layout's loudspeakers) rendered to another layout:
 * the fixed matrix. A channel whose loudspeaker the target has goes there alone;
 * an LFE goes to the target's LFE of the same name, else to LFE1 (two LFEs that
 * meet in one: sqrt(1/2) each, BS.2127-1 clause 8), else it is dropped, as BS.2127
 * does; every other channel is panned to its nominal position. Into mono these are
 * the weights of BS.775-3, table 2: 1 for the centre, 0.71 for left and right.
 */
#ifndef MXD_SCENE_BED_H
#define MXD_SCENE_BED_H

#include "panner.h"

/* gains[channel of to], linear, for one channel of `from`; to_panner is `to`'s. */
void mxd_bed_gains(const mxd_layout *from, uint32_t channel, const mxd_layout *to, const mxd_panner *to_panner,
                   double *gains);

#endif
