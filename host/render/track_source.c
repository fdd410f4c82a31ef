/*
 * The player runs on a time line of its own, moved by delay and latency: so these are
 * exact to the frame, whatever a clip's file and fades are. What comes before
 * that line's frame 0 is silence (a delay), or is never asked for (the track
 * plays early, and what would sound before the session begins is cut off).
 */
#include "track_source.h"

#include "../effects/effect.h"

#include <string.h>

/* Frames at the beginning of a span that lie before the player's frame 0; *first becomes the player's own. */
static uint64_t frames_before(const mxd_track_source *source, uint64_t *first, uint64_t num_frames)
{
    int64_t delay = source->track->strip.delay_frames + source->latency;
    if (delay <= 0 || *first >= (uint64_t)delay) {
        *first = delay <= 0 ? *first + (uint64_t)-delay : *first - (uint64_t)delay;
        return 0;
    }
    uint64_t before = (uint64_t)delay - *first;
    *first = 0;
    return before < num_frames ? before : num_frames;
}

bool mxd_track_sounds(const mxd_track_source *source, uint64_t first_frame, uint64_t num_frames)
{
    uint64_t before = frames_before(source, &first_frame, num_frames);
    return before < num_frames && mxd_clip_player_sounds(source->player, first_frame, num_frames - before);
}

mxd_result mxd_track_fetch(const mxd_track_source *source, uint64_t first_frame, uint32_t num_frames, float *room,
                           uint32_t lane_frames, mxd_upload *lanes)
{
    uint32_t before = (uint32_t)frames_before(source, &first_frame, num_frames);
    uint32_t num_lanes = source->track->strip.num_source_channels;
    mxd_result result;
    if (before == 0) {
        result = mxd_clip_player_fetch(source->player, first_frame, num_frames, room, lane_frames, lanes);
    } else {
        float *rest[MXD_MAX_CHANNELS];
        for (uint32_t i = 0; i < num_lanes; i++) {
            float *lane = room + (size_t)i * lane_frames;
            memset(lane, 0, before * sizeof *lane);
            rest[i] = lane + before;
            lanes[i] = (mxd_upload){.frames = lane, .num_channels = 1, .gain = 1.0};
        }
        result = mxd_clip_player_read(source->player, 0, num_frames - before, rest);
    }
    for (uint32_t i = 0; source->track->strip.inverted && i < num_lanes; i++)
        lanes[i].gain = -lanes[i].gain;
    return result;
}
