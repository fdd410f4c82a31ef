/* A track's clips as its first insert meets them: moved by the track's delay and latency, turned over by its polarity. */
#ifndef MXD_RENDER_TRACK_SOURCE_H
#define MXD_RENDER_TRACK_SOURCE_H

#include "clips.h"

/*
 * mxd_clip_player_sounds and mxd_clip_player_fetch (clips.h) of the track's player, on the time line of what enters the
 * first insert: `latency` frames behind the session's, to which the strip's own delay comes.
 */
bool mxd_track_sounds(const mxd_track *track, uint32_t latency, mxd_clip_player *player, uint64_t first_frame,
                      uint64_t num_frames);
mxd_result mxd_track_fetch(const mxd_track *track, uint32_t latency, mxd_clip_player *player, uint64_t first_frame,
                           uint32_t num_frames, float *room, uint32_t lane_frames, mxd_upload *lanes);

#endif
