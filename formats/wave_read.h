/* The samples of a plain WAVE file, without a library between: host/cpu/unpack.h makes numbers of most of them. */
#ifndef MXD_FORMATS_WAVE_READ_H
#define MXD_FORMATS_WAVE_READ_H

#include "../host/backend.h"
#include "audio_header.h"

#include <stddef.h>

/* What backends call such samples; false where they have no name for it (MXD_WAVE_F64, MXD_WAVE_OTHER). */
bool mxd_wave_sample_format(mxd_wave_encoding encoding, mxd_sample_format *format);

/* Reads size bytes from offset on; returns how many there were: fewer at the file's end, or where reading failed. */
size_t mxd_wave_read_bytes(int file, uint64_t offset, void *bytes, size_t size);

/* num_samples doubles at any address, rounded to float. */
void mxd_wave_round_doubles(const void *bytes, size_t num_samples, float *samples);

#endif
