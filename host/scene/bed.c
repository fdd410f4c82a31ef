#include "bed.h"

#include <math.h>
#include <string.h>

static uint32_t count_lfe(const mxd_layout *layout)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < layout->num_channels; i++)
        count += layout->speakers[i].lfe;
    return count;
}

void mxd_bed_gains(const mxd_layout *from, uint32_t channel, const mxd_layout *to, const mxd_panner *to_panner,
                   double *gains)
{
    const mxd_speaker *speaker = &from->speakers[channel];
    memset(gains, 0, to->num_channels * sizeof *gains);
    if (speaker->lfe && count_lfe(from) == 2 && count_lfe(to) == 1) {
        gains[mxd_layout_channel(to, "LFE1")] = sqrt(0.5);
        return;
    }
    int same = mxd_layout_channel(to, speaker->label);
    if (same < 0 && speaker->lfe)
        same = mxd_layout_channel(to, "LFE1");
    if (same >= 0)
        gains[same] = 1.0;
    else if (!speaker->lfe)
        mxd_panner_gains(to_panner, speaker->azimuth_deg, speaker->elevation_deg, gains);
}
