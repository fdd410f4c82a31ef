/* The header of a WAVE file, up to its first sample: RIFF, or RF64 (EBU Tech 3306) where 32 bits cannot hold its size. */
#ifndef MXD_FORMATS_WAVE_HEADER_H
#define MXD_FORMATS_WAVE_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* mmreg.h's WAVE_FORMAT_PCM, _IEEE_FLOAT, _EXTENSIBLE. */
enum { MXD_WAVE_TAG_PCM = 1, MXD_WAVE_TAG_FLOAT = 3, MXD_WAVE_TAG_EXTENSIBLE = 0xFFFE };

/* The extensible form's sub-format is a tag and these 14 bytes (KSDATAFORMAT_SUBTYPE_PCM and _IEEE_FLOAT). */
extern const unsigned char mxd_wave_guid_rest[14];

typedef struct mxd_wave_format {
    uint32_t sample_rate;
    uint32_t num_channels;
    uint32_t bit_depth;      /* 16, 24: integer; 32: float */
    bool extensible;         /* WAVE_FORMAT_EXTENSIBLE, with the mask below */
    uint32_t channel_mask;   /* 0 = the channels have no loudspeakers of that mask's */
    bool rf64;               /* RF64 whatever the size; otherwise RIFF as long as the size allows it */
} mxd_wave_format;

#define MXD_WAVE_HEADER_MAX 128

/*
 * Writes the header of a file of num_frames frames and returns its size in bytes, which does not depend on
 * num_frames: a header written at the start can be replaced at the end. After the samples comes a zero byte if they
 * are an odd number of bytes; it is counted in.
 */
size_t mxd_wave_header(const mxd_wave_format *format, uint64_t num_frames, unsigned char header[MXD_WAVE_HEADER_MAX]);

#endif
