/*
 * What a clip plays before its speed, length or pitch are changed: a span of a file, forwards or backwards, once or
 * again and again, with the channels that the clip wants. Positions count frames from the span's beginning in the
 * direction of play; before and behind it lies what the file has there, and around the file silence.
 */
#ifndef MXD_RENDER_CLIP_TAPE_H
#define MXD_RENDER_CLIP_TAPE_H

#include "../../formats/audio_file.h"

/* A loop as short as this, crossfade included, is kept in memory: its seams would be seeks without end. */
#define MXD_HELD_LOOP_FRAMES 65536

typedef struct mxd_clip_tape mxd_clip_tape;

/*
 * rate: at which the tape runs, Hz: the session's, or the file's own. span_frames and offset are rounded to it.
 * num_frames: how long a looped clip plays, at that rate. The clip must outlive the tape. Free with
 * mxd_clip_tape_close. The file is opened when it is first read.
 */
mxd_result mxd_clip_tape_open(const mxd_clip *clip, uint32_t sample_rate, uint32_t rate, uint64_t num_frames,
                              uint64_t crossfade_frames, mxd_problems *problems, mxd_clip_tape **tape);
/* Accepts NULL. */
void mxd_clip_tape_close(mxd_clip_tape *tape);

/*
 * Frames position.. into channels[0..mxd_clip_num_channels)[at..at + num_frames). Reading on is cheap, going elsewhere
 * is a seek. The result does not depend on how reads are cut; where the file is resampled, a seek changes roundings.
 */
mxd_result mxd_clip_tape_read(mxd_clip_tape *tape, int64_t position, float *const *channels, size_t at,
                              uint32_t num_frames);

/*
 * Whether frames position.. may be had as they lie in the file (mxd_audio_reader_packed): then *reader stands on them.
 * What is read from it is to be told by mxd_clip_tape_took.
 */
mxd_result mxd_clip_tape_packed(mxd_clip_tape *tape, int64_t position, mxd_audio_reader **reader,
                                mxd_sample_format *format);
void mxd_clip_tape_took(mxd_clip_tape *tape, uint32_t num_frames);

#endif
