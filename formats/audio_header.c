/* Walks the chunks of WAVE, AIFF, Wave64 and AU files; of all other kinds only the first bytes are looked at. */
#include "audio_header.h"
#include "wave_header.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A chunk takes 8 bytes at least; the bound keeps a file of a million empty chunks from taking long. */
enum { MAX_CHUNKS = 4096 };

typedef struct bytes {
    int file;
    uint64_t size;
    bool big_endian;
} bytes;

static bool fetch(const bytes *from, uint64_t offset, void *to, size_t size)
{
    return offset <= from->size && size <= from->size - offset &&
           pread(from->file, to, size, (off_t)offset) == (ssize_t)size;
}

static uint64_t number(const bytes *from, const unsigned char *digits, int num_digits)
{
    uint64_t value = 0;
    for (int i = 0; i < num_digits; i++)
        value = value << 8 | digits[from->big_endian ? i : num_digits - 1 - i];
    return value;
}

static void note_data(const bytes *from, uint64_t offset, uint64_t promised, mxd_audio_header *found)
{
    uint64_t left = offset < from->size ? from->size - offset : 0;
    found->has_data = true;
    found->data_at = offset;
    found->data_promised = promised;
    found->data_held = promised < left ? promised : left;
}

/* ---- WAVE ---------------------------------------------------------------- */

static mxd_wave_encoding encoding_of(uint64_t tag, uint64_t bits)
{
    if (tag == MXD_WAVE_TAG_PCM)
        return bits == 16 ? MXD_WAVE_S16 : bits == 24 ? MXD_WAVE_S24 : bits == 32 ? MXD_WAVE_S32 : MXD_WAVE_OTHER;
    if (tag == MXD_WAVE_TAG_FLOAT)
        return bits == 32 ? MXD_WAVE_F32 : bits == 64 ? MXD_WAVE_F64 : MXD_WAVE_OTHER;
    return MXD_WAVE_OTHER;
}

/* Body of WAVE's fmt chunk: tag, channels, rate, bytes a second, bytes a frame, bits, and in the extensible form
 * size, valid bits, channel mask, sub-format: a GUID whose first two bytes are the true tag. */
static void read_wave_format(const bytes *from, uint64_t offset, uint64_t size, mxd_audio_header *found)
{
    unsigned char body[40] = {0};
    if (size < 16 || !fetch(from, offset, body, size < 40 ? 16 : 40)) {
        snprintf(found->fault, sizeof found->fault, "chunk 'fmt ' at byte %" PRIu64 " has %" PRIu64 " bytes, or is cut",
                 offset - 8, size);
        return;
    }
    uint64_t tag = number(from, body, 2), bits = number(from, body + 14, 2);
    bool is_wave_guid = true;
    if (tag == MXD_WAVE_TAG_EXTENSIBLE && size >= 40) {
        found->wave_mask = (uint32_t)number(from, body + 20, 4);
        tag = number(from, body + 24, 2);
        is_wave_guid = memcmp(body + 26, mxd_wave_guid_rest, sizeof mxd_wave_guid_rest) == 0;
    }
    uint64_t frame_bytes = number(from, body + 12, 2);
    if (tag == MXD_WAVE_TAG_PCM || tag == MXD_WAVE_TAG_FLOAT)
        found->bytes_per_frame = (uint32_t)frame_bytes;
    found->num_channels = (uint32_t)number(from, body + 2, 2);
    found->sample_rate = (uint32_t)number(from, body + 4, 4);
    found->encoding = is_wave_guid && frame_bytes * 8 == bits * found->num_channels ? encoding_of(tag, bits)
                                                                                    : MXD_WAVE_OTHER;
    if (found->encoding == MXD_WAVE_OTHER)
        snprintf(found->fault, sizeof found->fault,
                 "chunk 'fmt ' at byte %" PRIu64 ": tag %" PRIu64 ", %" PRIu64 " bits, frames of %" PRIu64 " bytes",
                 offset - 8, tag, bits, frame_bytes);
}

/* Whether a second fmt or data chunk follows: libsndfile goes by the last one. */
static bool has_twins(const bytes *from, uint64_t offset)
{
    for (int i = 0; i < MAX_CHUNKS; i++) {
        unsigned char head[8];
        if (!fetch(from, offset, head, 8))
            return false;
        if (memcmp(head, "fmt ", 4) == 0 || memcmp(head, "data", 4) == 0)
            return true;
        uint64_t size = number(from, head + 4, 4);
        offset += 8 + size + (size & 1);
    }
    return true;
}

/* Decides whether the samples can be read as they lie, once fmt and data are known. */
static void judge(const bytes *from, mxd_audio_header *found)
{
    if (found->encoding == MXD_WAVE_OTHER || from->big_endian || found->num_channels == 0 || found->data_held == 0)
        return;
    found->num_frames = found->data_held / found->bytes_per_frame;
    uint64_t end = found->data_at + found->data_held;
    found->plain = found->bw64 || !has_twins(from, end + (found->data_held & 1));
}

/* RIFF, RIFX, RF64 and BW64: EBU Tech 3285 and 3306, ITU-R BS.2088. is_long: the sizes beyond 4 GiB are in ds64. */
static void walk_riff(const bytes *from, bool is_long, mxd_audio_header *found)
{
    uint64_t long_data = 0, offset = 12;
    bool has_format = false, has_ds64 = false;
    for (int i = 0; i < MAX_CHUNKS; i++) {
        unsigned char head[8], sizes[16];
        if (!fetch(from, offset, head, 8))
            break;
        uint64_t size = number(from, head + 4, 4);
        if (memcmp(head, "fmt ", 4) == 0) {
            has_format = true;
            read_wave_format(from, offset + 8, size, found);
        } else if (memcmp(head, "ds64", 4) == 0 && fetch(from, offset + 8, sizes, 16)) {
            has_ds64 = true;
            long_data = number(from, sizes + 8, 8);
        } else if (memcmp(head, "data", 4) == 0) {
            /* All ones without ds64 is what programs write that could not go back to the header: up to the end. */
            uint64_t promised = size != UINT32_MAX ? size : long_data;
            note_data(from, offset + 8, promised, found);
            if (!has_format)
                snprintf(found->fault, sizeof found->fault, "chunk 'data' at byte %" PRIu64 " comes before any 'fmt '",
                         offset);
            if (size == UINT32_MAX && !has_ds64 && !is_long)
                found->data_held = from->size - (offset + 8);
            if (found->bw64 || has_ds64 == is_long)
                judge(from, found);
            return;
        }
        offset += 8 + size + (size & 1);
    }
    if (!found->fault[0])
        snprintf(found->fault, sizeof found->fault, "no chunk 'data' before byte %" PRIu64 ", where the chunks end",
                 offset < from->size ? offset : from->size);
}

/* ---- Other kinds --------------------------------------------------------- */

static void walk_aiff(const bytes *from, mxd_audio_header *found)
{
    uint64_t offset = 12;
    for (int i = 0; i < MAX_CHUNKS; i++) {
        unsigned char head[16];
        if (!fetch(from, offset, head, 8))
            return;
        uint64_t size = number(from, head + 4, 4);
        if (memcmp(head, "SSND", 4) == 0 && size >= 8) {
            note_data(from, offset + 16, size - 8, found);
            return;
        }
        offset += 8 + size + (size & 1);
    }
}

/* Sony Wave64: 16-byte names, 8-byte sizes that count the chunk's own 24 bytes, chunks aligned to 8. */
static void walk_w64(const bytes *from, mxd_audio_header *found)
{
    uint64_t offset = 40;
    for (int i = 0; i < MAX_CHUNKS; i++) {
        unsigned char head[24];
        if (!fetch(from, offset, head, 24))
            return;
        uint64_t size = number(from, head + 16, 8);
        if (size < 24 || size > UINT64_MAX / 2)
            return;
        if (memcmp(head, "fmt ", 4) == 0)
            read_wave_format(from, offset + 24, size - 24, found);
        else if (memcmp(head, "data", 4) == 0) {
            note_data(from, offset + 24, size - 24, found);
            return;
        }
        offset += (size + 7) & ~(uint64_t)7;
    }
}

mxd_audio_header mxd_audio_header_read(int file, uint64_t size)
{
    static const char *const others[] = {"fLaC", "OggS", "caff", "ID3\x03", "ID3\x04"};
    mxd_audio_header found = {0};
    bytes from = {.file = file, .size = size};
    unsigned char head[24] = {0};
    if (!fetch(&from, 0, head, size < sizeof head ? (size_t)size : sizeof head))
        return found;
    bool wave = memcmp(head + 8, "WAVE", 4) == 0;
    found.bw64 = wave && memcmp(head, "BW64", 4) == 0;
    if (wave && (memcmp(head, "RIFF", 4) == 0 || memcmp(head, "RF64", 4) == 0 || found.bw64)) {
        found.known = true;
        walk_riff(&from, memcmp(head, "RIFF", 4) != 0, &found);
    } else if (wave && memcmp(head, "RIFX", 4) == 0) {
        found.known = from.big_endian = true;
        walk_riff(&from, false, &found);
    } else if (memcmp(head, "FORM", 4) == 0 && memcmp(head + 8, "AIF", 3) == 0) {
        found.known = from.big_endian = true;
        walk_aiff(&from, &found);
    } else if (memcmp(head, "riff", 4) == 0) {
        found.known = true;
        walk_w64(&from, &found);
    } else if (memcmp(head, ".snd", 4) == 0) {
        found.known = from.big_endian = true;
        uint64_t promised = number(&from, head + 8, 4);
        note_data(&from, number(&from, head + 4, 4), promised != UINT32_MAX ? promised : 0, &found);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        found.known = found.known || memcmp(head, others[i], 4) == 0;
    return found;
}
