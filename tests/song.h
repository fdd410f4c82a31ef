/* A session of the 20 real stems of a song (../shared/data/song) with a plate and a hall. */
#ifndef MXD_TESTS_SONG_H
#define MXD_TESTS_SONG_H

#include <stdbool.h>
#include <stdio.h>

/*
 * Writes the session's JSON: every stem with an equaliser, placed by pan, as
 * objects (some of them moving) or in a bed, sends to two convolution reverbs,
 * automation, deliverables in 7.1.4, 5.1 and stereo. shared: the folder with
 * data/song and data/irs. False if it is not there, and *stream is left alone.
 */
bool song_write_session(FILE *stream, const char *shared);

#endif
