/* A session of the 20 real stems of a song (../shared/data/song) in which every insert works at least once. */
#ifndef MXD_TESTS_CHAIN_SONG_H
#define MXD_TESTS_CHAIN_SONG_H

#include <stdbool.h>
#include <stdio.h>

/* Writes the session's JSON; shared: the folder with data/song and data/irs. False if these are not there. */
bool chain_song_write_session(FILE *stream, const char *shared);

#endif
