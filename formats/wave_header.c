/* Chunks in order: RIFF; ds64, or JUNK of the same size, to become ds64 when the file outgrows 4 GiB; fmt; fact (float
 * only); data. Nothing in them depends on when or by what the file was written. */
#include "wave_header.h"

#include <string.h>

const unsigned char mxd_wave_guid_rest[14] = {0x00, 0x00, 0x00, 0x00, 0x10, 0x00, 0x80,
                                              0x00, 0x00, 0xAA, 0x00, 0x38, 0x9B, 0x71};

typedef struct cursor {
    unsigned char *bytes;
    size_t size;
} cursor;

static void put(cursor *to, uint64_t value, int num_bytes)
{
    for (int i = 0; i < num_bytes; i++)
        to->bytes[to->size++] = (unsigned char)(value >> (8 * i));
}

static void put_name(cursor *to, const char *name)
{
    memcpy(to->bytes + to->size, name, 4);
    to->size += 4;
}

static void put_format(cursor *to, const mxd_wave_format *format)
{
    uint32_t tag = format->bit_depth == 32 ? MXD_WAVE_TAG_FLOAT : MXD_WAVE_TAG_PCM;
    uint32_t frame_bytes = format->num_channels * format->bit_depth / 8;
    put_name(to, "fmt ");
    put(to, format->extensible ? 40 : tag == MXD_WAVE_TAG_FLOAT ? 18 : 16, 4);
    put(to, format->extensible ? MXD_WAVE_TAG_EXTENSIBLE : tag, 2);
    put(to, format->num_channels, 2);
    put(to, format->sample_rate, 4);
    put(to, (uint64_t)format->sample_rate * frame_bytes, 4);
    put(to, frame_bytes, 2);
    put(to, format->bit_depth, 2);
    if (format->extensible) {
        put(to, 22, 2);
        put(to, format->bit_depth, 2);
        put(to, format->channel_mask, 4);
        put(to, tag, 2);
        memcpy(to->bytes + to->size, mxd_wave_guid_rest, sizeof mxd_wave_guid_rest);
        to->size += sizeof mxd_wave_guid_rest;
    } else if (tag == MXD_WAVE_TAG_FLOAT) {
        put(to, 0, 2); /* every tag but PCM tells the size of its extension: none */
    }
}

size_t mxd_wave_header(const mxd_wave_format *format, uint64_t num_frames, unsigned char header[MXD_WAVE_HEADER_MAX])
{
    uint64_t data_size = num_frames * format->num_channels * (format->bit_depth / 8);
    bool with_fact = format->bit_depth == 32;
    size_t format_size = 8 + (format->extensible ? 40 : with_fact ? 18 : 16);
    size_t header_size = 12 + 36 + format_size + (with_fact ? 12 : 0) + 8;
    uint64_t riff_size = header_size - 8 + data_size + (data_size & 1);
    bool rf64 = format->rf64 || riff_size >= UINT32_MAX; /* all ones is RF64's "see ds64" */
    cursor to = {.bytes = header};
    put_name(&to, rf64 ? "RF64" : "RIFF");
    put(&to, rf64 ? UINT32_MAX : riff_size, 4);
    put_name(&to, "WAVE");
    put_name(&to, rf64 ? "ds64" : "JUNK");
    put(&to, 28, 4);
    put(&to, rf64 ? riff_size : 0, 8);
    put(&to, rf64 ? data_size : 0, 8);
    put(&to, rf64 ? num_frames : 0, 8);
    put(&to, 0, 4); /* length of the table of further long chunks */
    put_format(&to, format);
    if (with_fact) {
        put_name(&to, "fact");
        put(&to, 4, 4);
        put(&to, rf64 && num_frames > UINT32_MAX ? UINT32_MAX : num_frames, 4);
    }
    put_name(&to, "data");
    put(&to, rf64 ? UINT32_MAX : data_size, 4);
    return to.size;
}
