#include "resident.h"

#include "clip_tape.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/*
 * Measured with 8 and 40 files open at once: an FLAC file takes about 0.1 MiB a
 * channel, a WAV file next to nothing; a file at another rate 0.4 MiB and 0.65
 * MiB a channel more, for libsoxr's filters.
 */
#define DECODER_BYTES 100000ull
#define RESAMPLER_BYTES 400000ull
#define RESAMPLER_CHANNEL_BYTES 650000ull
/*
 * Measured one clip at a time: Rubber Band takes 0.4 MiB and 1.7 MiB a channel at 48 kHz, in proportion to the rate; a
 * change of pitch 2 to 140 MiB more, by the fraction that its resampler finds for the ratio, mostly 15 to 50.
 */
#define STRETCH_BYTES 400000ull
#define STRETCH_CHANNEL_BYTES 1800000ull
#define STRETCH_RATE 48000u
#define PITCH_BYTES 50000000ull

static int compare_pointers(const void *a, const void *b)
{
    const float *x = ((const mxd_convolve_cell *)a)->response, *y = ((const mxd_convolve_cell *)b)->response;
    return (x > y) - (x < y);
}

uint64_t mxd_resident_responses(const mxd_graph *graph)
{
    uint64_t num_cells = 0, bytes = 0;
    for (uint32_t i = 0; i < graph->num_operations; i++)
        num_cells += graph->operations[i].convolve.num_cells;
    mxd_convolve_cell *cells = malloc((num_cells + 1) * sizeof *cells);
    if (!cells)
        return 0;
    uint64_t count = 0;
    for (uint32_t i = 0; i < graph->num_operations; i++)
        for (uint32_t j = 0; j < graph->operations[i].convolve.num_cells; j++)
            cells[count++] = graph->operations[i].convolve.cells[j];
    qsort(cells, count, sizeof *cells, compare_pointers);
    for (uint64_t i = 0; i < count; i++)
        if (i == 0 || cells[i].response != cells[i - 1].response)
            bytes += cells[i].num_frames * sizeof(float);
    free(cells);
    return bytes;
}

/* A clip's file is opened or closed at a frame. */
typedef struct event {
    uint64_t frame;
    int64_t bytes;
} event;

/* At the same frame what closes comes first. */
static int compare_events(const void *a, const void *b)
{
    const event *x = a, *y = b;
    if (x->frame != y->frame)
        return x->frame < y->frame ? -1 : 1;
    return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

static bool is_wave(const char *file)
{
    const char *dot = strrchr(file, '.');
    return dot && strcasecmp(dot, ".wav") == 0;
}

/* A short loop, at the rate of its tape (clip_source.c). */
static uint64_t loop_bytes(const mxd_clip *clip, uint32_t sample_rate)
{
    double frames = (double)(clip->span_frames + clip->loop.crossfade_frames);
    if (!mxd_clip_is_stretched(clip))
        frames *= (double)clip->file_rate / sample_rate;
    return clip->loop.on && frames <= MXD_HELD_LOOP_FRAMES
               ? (uint64_t)frames * mxd_clip_num_channels(clip) * sizeof(float) : 0;
}

static int64_t reader_bytes(const mxd_clip *clip, uint32_t sample_rate)
{
    uint64_t bytes = is_wave(clip->file) ? 0 : DECODER_BYTES * clip->file_channels;
    if (clip->file_rate != sample_rate || (clip->speed != 0.0 && clip->speed != 1.0))
        bytes += RESAMPLER_BYTES + RESAMPLER_CHANNEL_BYTES * clip->file_channels;
    if (mxd_clip_is_stretched(clip))
        bytes += (STRETCH_BYTES + STRETCH_CHANNEL_BYTES * mxd_clip_num_channels(clip)) * sample_rate / STRETCH_RATE;
    if (clip->pitch_semitones != 0.0)
        bytes += PITCH_BYTES;
    return (int64_t)(bytes + loop_bytes(clip, sample_rate));
}

uint64_t mxd_resident_readers(const mxd_session *session)
{
    size_t num_clips = 0, count = 0;
    for (uint32_t i = 0; i < session->num_tracks; i++)
        num_clips += session->tracks[i].num_clips;
    event *events = malloc((2 * num_clips + 1) * sizeof *events);
    if (!events)
        return 0;
    for (uint32_t i = 0; i < session->num_tracks; i++)
        for (uint32_t j = 0; j < session->tracks[i].num_clips; j++) {
            const mxd_track *track = &session->tracks[i];
            const mxd_clip *clip = &track->clips[j];
            int64_t bytes = reader_bytes(clip, session->sample_rate);
            events[count++] = (event){mxd_track_frame(track, clip->start_frame), bytes};
            events[count++] = (event){mxd_track_frame(track, clip->start_frame + clip->num_frames), -bytes};
        }
    qsort(events, count, sizeof *events, compare_events);
    int64_t open = 0, most = 0;
    for (size_t i = 0; i < count; i++) {
        open += events[i].bytes;
        most = open > most ? open : most;
    }
    free(events);
    return (uint64_t)most;
}
