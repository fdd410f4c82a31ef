/* What a clip's samples are multiplied by: gain, polarity, envelope and fades, sample by sample. */
#ifndef MXD_RENDER_CLIP_GAIN_H
#define MXD_RENDER_CLIP_GAIN_H

#include "../session/session.h"

/*
 * Gain of a rising fade at position i / num_frames: 0 at 0 and below, 1 at 1 and above; session.h has the curves. A
 * fade-out is the same with the frames left: num_frames at its start, 1 at the clip's last frame. So two clips that
 * overlap by the length of both fades meet at complementary points of the curve: equal-power fades keep the power and
 * linear ones the sum.
 */
double mxd_fade_gain(mxd_fade_curve curve, double position);

/* Where no fade and no envelope moves it: gain and polarity. 0: the clip is silent. */
double mxd_clip_gain(const mxd_clip *clip);

/* Whether an envelope or a fade touches frames first.. of the clip. */
bool mxd_clip_gain_moves(const mxd_clip *clip, uint64_t first, uint64_t num_frames);

/* The gain at frames first.. of the clip, polarity included. Each depends on its frame alone. */
void mxd_clip_gain_fill(const mxd_clip *clip, uint64_t first, uint32_t num_frames, double *gain);

#endif
