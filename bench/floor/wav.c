/* WAVE files by pread and pwrite; 24-bit samples are packed and unpacked four at a time by byte shuffles. */
#include "floor.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef int32_t ints4 __attribute__((vector_size(16)));
typedef float floats4 __attribute__((vector_size(16)));

#define CHUNK_FRAMES 4096

static uint32_t little(const uint8_t *bytes, uint32_t count)
{
    uint32_t value = 0;
    for (uint32_t i = count; i-- > 0;)
        value = value << 8 | bytes[i];
    return value;
}

floor_wav floor_open(const char *path)
{
    uint8_t head[4096];
    floor_wav wav = {.file = open(path, O_RDONLY)};
    const ssize_t num_bytes = wav.file < 0 ? -1 : pread(wav.file, head, sizeof head, 0);
    for (int64_t at = 12; at + 8 <= num_bytes;) {
        const int64_t size = little(head + at + 4, 4);
        if (memcmp(head + at, "fmt ", 4) == 0) {
            wav.num_channels = little(head + at + 10, 2);
            wav.bits = little(head + at + 22, 2);
        }
        if (memcmp(head + at, "data", 4) == 0 && wav.num_channels > 0 && (wav.bits == 24 || wav.bits == 32)) {
            wav.data_at = at + 8;
            wav.num_frames = size / (wav.num_channels * wav.bits / 8);
            return wav;
        }
        at += 8 + size + (size & 1);
    }
    floor_fail("cannot be read as a WAVE file of 24 or 32 bit", path);
}

static void put(uint8_t *bytes, uint32_t value)
{
    for (uint32_t i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
}

floor_wav floor_create(const char *path, uint32_t num_channels, uint32_t bits, int64_t num_frames)
{
    const floor_wav wav = {open(path, O_CREAT | O_TRUNC | O_WRONLY, 0644), num_channels, bits, 44, num_frames};
    const uint32_t frame_bytes = num_channels * bits / 8, data_bytes = (uint32_t)num_frames * frame_bytes;
    uint8_t head[44] = "RIFF....WAVEfmt ....................data";
    put(head + 4, 36 + data_bytes);
    put(head + 16, 16);
    put(head + 20, (bits == 32 ? 3 : 1) | num_channels << 16);
    put(head + 24, FLOOR_RATE_HZ);
    put(head + 28, FLOOR_RATE_HZ * frame_bytes);
    put(head + 32, frame_bytes | bits << 16);
    put(head + 40, data_bytes);
    if (wav.file < 0 || pwrite(wav.file, head, sizeof head, 0) != sizeof head)
        floor_fail("cannot be written", path);
    return wav;
}

void floor_close(const floor_wav *wav)
{
    close(wav->file);
}

/* packed: 4 bytes beyond its end may be read. */
static void unpack(const uint8_t *packed, int64_t count, float *samples)
{
    const float scale = 1.0F / 2147483648.0F;
    int64_t i = 0;
    for (; i + 4 <= count; i += 4) {
        bytes16 raw;
        memcpy(&raw, packed + 3 * i, sizeof raw);
        const bytes16 zero = {0};
        const bytes16 wide = __builtin_shufflevector(raw, zero, 16, 0, 1, 2, 16, 3, 4, 5, 16, 6, 7, 8, 16, 9, 10, 11);
        ints4 whole;
        memcpy(&whole, &wide, sizeof whole);
        const floats4 values = __builtin_convertvector(whole, floats4) * scale;
        memcpy(samples + i, &values, sizeof values);
    }
    for (; i < count; i++)
        samples[i] = (float)(int32_t)(little(packed + 3 * i, 3) << 8) * scale;
}

/* packed: 4 bytes beyond its end may be written. */
static void pack(const float *samples, int64_t count, uint8_t *packed)
{
    for (int64_t i = 0; i < count; i++) {
        const float value = fminf(fmaxf(samples[i] * 8388608.0F, -8388608.0F), 8388607.0F);
        const int32_t whole = (int32_t)lrintf(value);
        memcpy(packed + 3 * i, &whole, sizeof whole);
    }
}

void floor_read(const floor_wav *wav, int64_t first, int64_t num_frames, float *samples)
{
    const int64_t channels = wav->num_channels, width = wav->bits / 8;
    int64_t done = first < 0 ? (-first < num_frames ? -first : num_frames) : 0;
    memset(samples, 0, (size_t)(done * channels) * sizeof *samples);
    while (done < num_frames && first + done < wav->num_frames) {
        uint8_t packed[CHUNK_FRAMES * 3 + 16];
        const int64_t left = wav->num_frames - first - done;
        int64_t part = num_frames - done < left ? num_frames - done : left;
        float *to = samples + done * channels;
        const int64_t at = wav->data_at + (first + done) * channels * width;
        if (width == 3 && part > CHUNK_FRAMES / channels)
            part = CHUNK_FRAMES / channels;
        const size_t num_bytes = (size_t)(part * channels * width);
        if (pread(wav->file, width == 3 ? (void *)packed : to, num_bytes, at) != (ssize_t)num_bytes)
            floor_fail("ends early", "input");
        if (width == 3)
            unpack(packed, part * channels, to);
        done += part;
    }
    memset(samples + done * channels, 0, (size_t)((num_frames - done) * channels) * sizeof *samples);
}

void floor_write(const floor_wav *wav, int64_t first, int64_t num_frames, const float *samples)
{
    const int64_t channels = wav->num_channels, width = wav->bits / 8;
    if (num_frames > wav->num_frames - first)
        num_frames = wav->num_frames - first;
    for (int64_t done = 0; done < num_frames;) {
        uint8_t packed[CHUNK_FRAMES * 3 + 16];
        const float *from = samples + done * channels;
        int64_t part = num_frames - done;
        if (width == 3 && part > CHUNK_FRAMES / channels)
            part = CHUNK_FRAMES / channels;
        if (width == 3)
            pack(from, part * channels, packed);
        const size_t num_bytes = (size_t)(part * channels * width);
        const int64_t at = wav->data_at + (first + done) * channels * width;
        if (pwrite(wav->file, width == 3 ? (const void *)packed : from, num_bytes, at) != (ssize_t)num_bytes)
            floor_fail("cannot be written", "output");
        done += part;
    }
}
