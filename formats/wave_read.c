#include "wave_read.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

bool mxd_wave_sample_format(mxd_wave_encoding encoding, mxd_sample_format *format)
{
    switch (encoding) {
    case MXD_WAVE_S16: *format = MXD_SAMPLES_S16; return true;
    case MXD_WAVE_S24: *format = MXD_SAMPLES_S24; return true;
    case MXD_WAVE_S32: *format = MXD_SAMPLES_S32; return true;
    case MXD_WAVE_F32: *format = MXD_SAMPLES_F32; return true;
    case MXD_WAVE_F64: case MXD_WAVE_OTHER: break;
    }
    return false;
}

size_t mxd_wave_read_bytes(int file, uint64_t offset, void *bytes, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t got = pread(file, (unsigned char *)bytes + done, size - done, (off_t)(offset + done));
        if (got == 0 || (got < 0 && errno != EINTR))
            break;
        done += got > 0 ? (size_t)got : 0;
    }
    return done;
}

void mxd_wave_round_doubles(const void *bytes, size_t num_samples, float *samples)
{
    for (size_t i = 0; i < num_samples; i++) {
        double value;
        memcpy(&value, (const unsigned char *)bytes + sizeof value * i, sizeof value);
        samples[i] = (float)value;
    }
}
