/*
 * Loudspeaker layouts of ITU-R BS.2051-3 (table 1 and annexes), and mono: labels,
 * nominal positions, allowed ranges, LFE, and where each channel sits in WAVE's
 * mask. Constant tables; nothing here allocates.
 */
#ifndef MXD_SCENE_LAYOUT_H
#define MXD_SCENE_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#define MXD_MAX_LAYOUT_CHANNELS 24

/*
 * Mono is stereo folded: M = sqrt(1/2) (L + R), ITU-R BS.775-3 annex 4, table 2
 * (1/0 from 2/0). What is panned to the centre keeps its level.
 */
#define MXD_MONO_FOLD 0.70710678118654752

typedef struct mxd_speaker {
    const char *label;      /* BS.2051: "M+030", "LFE1" */
    double azimuth_deg;     /* nominal; the LFE's is a stand-in (BS.2127) */
    double elevation_deg;
    bool lfe;
    uint32_t wave_mask;     /* its one bit in WAVEFORMATEXTENSIBLE's dwChannelMask; 0 = has none */
} mxd_speaker;

typedef struct mxd_layout {
    const char *name;        /* BS.2051: "4+7+0" */
    const char *common_name; /* "7.1.4"; NULL = has none */
    uint32_t num_channels;
    mxd_speaker speakers[MXD_MAX_LAYOUT_CHANNELS]; /* in BS.2051's order, the order of files */
} mxd_layout;

/* By either name, case ignored; NULL if there is none. */
const mxd_layout *mxd_layout_find(const char *name);

/* All layouts, for listing: index 0..; NULL past the end. */
const mxd_layout *mxd_layout_get(uint32_t index);

/* Index of the channel with this label, or -1. */
int mxd_layout_channel(const mxd_layout *layout, const char *label);

/*
 * The layout's WAVE channel mask, or 0 if some loudspeaker has no bit of its
 * own. *in_mask_order tells whether the layout's order is the mask's.
 */
uint32_t mxd_layout_wave_mask(const mxd_layout *layout, bool *in_mask_order);

/* order[i] = the layout's channel that comes i-th in the mask's order. Only for layouts with a mask. */
void mxd_layout_wave_order(const mxd_layout *layout, uint32_t order[MXD_MAX_LAYOUT_CHANNELS]);

#endif
