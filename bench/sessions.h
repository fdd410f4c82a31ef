/* Sessions that bench_render times: generated, deterministic, of any number of tracks, in a folder of their own. */
#ifndef MXD_BENCH_SESSIONS_H
#define MXD_BENCH_SESSIONS_H

#include <stdbool.h>
#include <stdint.h>

typedef enum bench_case {
    BENCH_SCENE,  /* a four-band equaliser, a moving object, a send to one of two 3 s reverbs */
    BENCH_ROOMS,  /* a four-band equaliser, a compressor, a 4 s stereo response of its own, a bed */
    BENCH_STATIC, /* a four-band equaliser and a pan */
    BENCH_SPARSE, /* the same, of which each track sounds for a fifth of the time */
    BENCH_MIX,    /* a four-band equaliser, a compressor, sends to a reverb and an echo, a pan, to stereo */
    BENCH_NUM_CASES
} bench_case;

/* "scene", ...: as --case has it. */
extern const char *const bench_case_names[BENCH_NUM_CASES];

/*
 * Writes the session `path` (in `folder`, with what it reads) of num_tracks
 * tracks to one 24-bit file, out.wav, in 7.1.4 or stereo. What an earlier call made for the
 * same folder and length is kept. False: told on stderr.
 */
bool bench_write_session(const char *folder, bench_case which, uint32_t num_tracks, double seconds, const char *path);

/* Removes everything that the calls above wrote there, and the folder. */
void bench_remove_folder(const char *folder);

#endif
