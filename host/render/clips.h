/*
 * The clips of one track as lanes: opens each clip's file when its time comes
 * (clip_source.h), closes it when it is over, applies its gain (clip_gain.h),
 * and sums overlaps. Memory does not grow with the session's length or the
 * number of clips.
 */
#ifndef MXD_RENDER_CLIPS_H
#define MXD_RENDER_CLIPS_H

#include "../backend.h"
#include "../session/session.h"

typedef struct mxd_clip_player mxd_clip_player;

/*
 * track must outlive the player. sample_rate is the session's. Free with
 * mxd_clip_player_destroy.
 */
mxd_result mxd_clip_player_create(const mxd_track *track, uint32_t sample_rate, mxd_problems *problems,
                                  mxd_clip_player **player);
/* Accepts NULL. */
void mxd_clip_player_destroy(mxd_clip_player *player);

/*
 * Whether any clip sounds in [first_frame, first_frame + num_frames). It goes forward in time like reading, and
 * takes no time that grows with the number of clips.
 */
bool mxd_clip_player_sounds(mxd_clip_player *player, uint64_t first_frame, uint64_t num_frames);

/*
 * Writes frames first_frame.. into lanes[0..num_source_channels)[0..num_frames).
 * Calls go forward in time, without gaps or with them. A mono clip on a wider
 * track feeds every channel. Where nothing sounds, silence is written. The
 * result does not depend on how the reads are cut, to the bit; a first read in
 * the middle of a clip, or a gap of more than 65536 frames within one, differs
 * by float rounding where the file is resampled or plays at another speed. A
 * stretched clip is worked through from its beginning wherever reading begins,
 * and is the same to the bit. After an error the player can only be destroyed.
 */
mxd_result mxd_clip_player_read(mxd_clip_player *player, uint64_t first_frame, uint32_t num_frames,
                                float *const *lanes);

/*
 * mxd_clip_player_read as uploads: describes lanes[0..num_source_channels) but for their .lane. room has
 * num_source_channels * lane_frames floats, lane_frames >= num_frames; the lanes' frames lie there, as the file has
 * them where exactly one clip sounds, from plain PCM or float32 at the session's rate, as it is but for its gain and its
 * choice of channels, and its file's frames take no more bytes than the lanes; else decoded. Unpacking to float and applying the gain in double gives the
 * decoded lane to the bit; unpacking to double is nearer to the truth by one or two roundings to float.
 */
mxd_result mxd_clip_player_fetch(mxd_clip_player *player, uint64_t first_frame, uint32_t num_frames, float *room,
                                 uint32_t lane_frames, mxd_upload *lanes);

#endif
