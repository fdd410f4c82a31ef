/*
 * What the header of an audio file promises, as far as the file's own size can
 * prove or disprove it, and where a plain WAVE file's samples lie: then no
 * library is needed to read them (wave_read.h).
 */
#ifndef MXD_FORMATS_AUDIO_HEADER_H
#define MXD_FORMATS_AUDIO_HEADER_H

#include <stdbool.h>
#include <stdint.h>

/* Little-endian samples as WAVE files have them; integers are signed. */
typedef enum mxd_wave_encoding {
    MXD_WAVE_OTHER, /* packed, 8 bit, or not understood */
    MXD_WAVE_S16,
    MXD_WAVE_S24,
    MXD_WAVE_S32,
    MXD_WAVE_F32,
    MXD_WAVE_F64
} mxd_wave_encoding;

typedef struct mxd_audio_header {
    bool known;               /* it begins like a kind of audio file that there is */
    bool bw64;                /* ITU-R BS.2088; libsndfile 1.2 does not know the name */
    bool has_data;            /* of the chunked kinds: a chunk of samples was found */
    uint64_t data_at;         /* byte of that chunk's first sample */
    uint64_t data_promised;   /* bytes of samples; 0 = not told */
    uint64_t data_held;       /* of these, how many lie before the file's end */
    uint32_t bytes_per_frame; /* 0 = unknown or packed */
    uint32_t wave_mask;
    /* RIFF, RF64, BW64: */
    uint32_t sample_rate, num_channels;
    mxd_wave_encoding encoding;
    uint64_t num_frames;      /* of a plain file, of those it holds */
    bool plain;               /* frames at data_at can be read as they lie, and libsndfile would read the same */
    char fault[96];           /* what is wrong with a chunk, and at which byte; "" = nothing */
} mxd_audio_header;

/* file: open for reading, of size bytes. Nothing but preads; a damaged file gives what could be understood of it. */
mxd_audio_header mxd_audio_header_read(int file, uint64_t size);

#endif
