/* Prints the song session of tests/song.c: write_song SHARED > song.json, for trying it by hand. */
#include "song.h"

int main(int argc, char **argv)
{
    if (argc != 2 || !song_write_session(stdout, argv[1])) {
        fprintf(stderr, "usage: write_song FOLDER, a folder with data/song and data/irs\n");
        return 1;
    }
    return 0;
}
