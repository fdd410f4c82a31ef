/*
 * A clip's audio on the time line, before gain: its tape, at its speed, stretched. Planar float at the session's rate,
 * forward in time.
 */
#ifndef MXD_RENDER_CLIP_SOURCE_H
#define MXD_RENDER_CLIP_SOURCE_H

#include "clip_tape.h"

typedef struct mxd_clip_source mxd_clip_source;

/* Opens it at frame position of the clip, which must outlive it. Free with mxd_clip_source_close. */
mxd_result mxd_clip_source_open(const mxd_clip *clip, uint32_t sample_rate, uint64_t position, mxd_problems *problems,
                                mxd_clip_source **source);
/* Accepts NULL. */
void mxd_clip_source_close(mxd_clip_source *source);

/* The frame of the clip that comes next. */
uint64_t mxd_clip_source_position(const mxd_clip_source *source);
/* Makes a later frame of the clip the next one. */
mxd_result mxd_clip_source_skip_to(mxd_clip_source *source, uint64_t position);
/* The next frames into channels[0..mxd_clip_num_channels)[at..at + num_frames). */
mxd_result mxd_clip_source_read(mxd_clip_source *source, float *const *channels, size_t at, uint32_t num_frames);

/*
 * Whether the next frames may be had as they lie in the file, all channels of it: the samples' format, and then
 * mxd_clip_source_read_packed gives them (mxd_audio_reader_read_packed).
 */
mxd_result mxd_clip_source_packed(mxd_clip_source *source, bool *packed, mxd_sample_format *format);
mxd_result mxd_clip_source_read_packed(mxd_clip_source *source, void *frames, uint32_t num_frames);

#endif
