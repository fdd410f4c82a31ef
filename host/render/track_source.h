/*
 * A track's clips as its first insert meets them: moved by the track's delay and
 * by what its latency must make up for, turned over by its polarity.
 */
#ifndef MXD_RENDER_TRACK_SOURCE_H
#define MXD_RENDER_TRACK_SOURCE_H

#include "clips.h"

typedef struct mxd_track_source {
    const mxd_track *track;
    mxd_clip_player *player; /* the track's; not owned */
    uint32_t latency;        /* frames by which it plays later than the session says */
} mxd_track_source;

/* mxd_clip_player_sounds and mxd_clip_player_fetch (clips.h), on the session's time line, latency frames later. */
bool mxd_track_sounds(const mxd_track_source *source, uint64_t first_frame, uint64_t num_frames);
mxd_result mxd_track_fetch(const mxd_track_source *source, uint64_t first_frame, uint32_t num_frames, float *room,
                           uint32_t lane_frames, mxd_upload *lanes);

#endif
