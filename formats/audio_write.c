/*
 * Audio files out. A file is written under a temporary name beside its final
 * one, so that the rename stays within one disk, and nothing of it is left
 * where anything fails. All bytes pass through write_all, for FLAC by way of
 * libsndfile's virtual files, so that a full disk is noticed wherever it
 * happens. Dither depends on key, stem, channel and frame alone, so not on how
 * the writes are cut.
 */
#include "audio_file.h"
#include "../host/cpu/variants.h"
#include "../host/square.h"
#include "wave_header.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    CHUNK_SAMPLES = 16384,    /* converted at a time, on the stack: 64 KiB stay within a core's second-level cache */
    TILE_FRAMES = 256,        /* interleaved at a time: a tile of all channels stays within the first-level cache */
    MAX_FLAC_CHANNELS = 8,
    MAX_NAME_BYTES = 200      /* of the final name, kept in the temporary one: file names end at 255 bytes */
};

struct mxd_audio_writer {
    char *path;
    char *temporary;          /* NULL while there is no such file */
    uint32_t num_new_folders; /* made for it: the last ones of the path */
    mxd_problems *problems;
    mxd_file_format format;
    const mxd_layout *layout;
    uint32_t num_channels;
    uint32_t bit_depth;
    uint32_t order[MXD_MAX_LAYOUT_CHANNELS];       /* order[i] = the layout's channel that is the file's i-th */
    uint64_t dither_starts[MXD_MAX_LAYOUT_CHANNELS]; /* counter at frame 0, by the layout's channel */
    mxd_quantizer *quantize;
    mxd_wave_format wave;
    int file;                 /* -1 = closed */
    SNDFILE *flac;
    int write_error;          /* errno of the first write that failed */
    bool finished, committed;
    uint64_t num_frames;
    uint64_t num_clipped, first_clip_frame;
    uint32_t peak_bits;       /* of the float that is the highest magnitude so far */
    bool ends_in_hole;        /* the last frames were skipped: the file's length does not hold them yet */
};

/* ---- Problems ------------------------------------------------------------ */

static mxd_place at(const char *path)
{
    return (mxd_place){.file = path};
}

static mxd_result fail_write(mxd_audio_writer *writer)
{
    const mxd_place place = at(writer->path);
    int error = writer->write_error;
    if (error == ENOSPC || error == EDQUOT)
        return mxd_fail(writer->problems, MXD_ERROR_WRITE, &place, "cannot be written: the disk is full");
    if (error == EFBIG)
        return mxd_fail(writer->problems, MXD_ERROR_WRITE, &place,
                        "cannot be written: it grew beyond the largest size that this disk or user may have");
    return mxd_fail(writer->problems, MXD_ERROR_WRITE, &place, "cannot be written: %s",
                    error ? strerror(error) : "the encoder failed");
}

/* ---- Bytes --------------------------------------------------------------- */

static bool write_all(mxd_audio_writer *writer, const void *data, size_t size)
{
    for (const unsigned char *bytes = data; size;) {
        ssize_t done = write(writer->file, bytes, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) {
            if (!writer->write_error)
                writer->write_error = done < 0 ? errno : ENOSPC;
            return false;
        }
        bytes += done;
        size -= (size_t)done;
    }
    return true;
}

static sf_count_t virtual_length(void *user)
{
    struct stat status;
    return fstat(((mxd_audio_writer *)user)->file, &status) == 0 ? status.st_size : -1;
}

static sf_count_t virtual_seek(sf_count_t offset, int whence, void *user)
{
    return lseek(((mxd_audio_writer *)user)->file, offset, whence);
}

static sf_count_t virtual_read(void *data, sf_count_t size, void *user)
{
    return read(((mxd_audio_writer *)user)->file, data, (size_t)size);
}

static sf_count_t virtual_write(const void *data, sf_count_t size, void *user)
{
    return write_all(user, data, (size_t)size) ? size : 0;
}

static sf_count_t virtual_tell(void *user)
{
    return lseek(((mxd_audio_writer *)user)->file, 0, SEEK_CUR);
}

/* ---- Names --------------------------------------------------------------- */

/* Makes every missing folder of the path. */
static mxd_result make_folders(mxd_audio_writer *writer)
{
    mxd_problems *problems = writer->problems;
    const mxd_place place = at(writer->path);
    char *folder = strdup(writer->path);
    if (!folder)
        return mxd_fail(problems, MXD_ERROR_MEMORY, &place, "memory ran out");
    mxd_result result = MXD_OK;
    for (char *slash = strchr(folder + 1, '/'); slash && !result; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        struct stat status;
        if (mkdir(folder, 0777) == 0) {
            writer->num_new_folders++;
        } else {
            int error = errno; /* for a folder that is there some systems say EACCES or EROFS before EEXIST */
            bool exists = stat(folder, &status) == 0;
            if (exists && !S_ISDIR(status.st_mode))
                result = mxd_fail(problems, MXD_ERROR_WRITE, &place,
                                  "cannot be written: '%s' is a file where a folder should be", folder);
            else if (!exists)
                result = mxd_fail(problems, MXD_ERROR_WRITE, &place, "cannot be written: making folder '%s': %s",
                                  folder,
                                  error == EACCES   ? "no permission"
                                  : error == EEXIST ? "a link that leads nowhere bears its name"
                                                    : strerror(error));
        }
        *slash = '/';
    }
    free(folder);
    return result;
}

/* Removes those again, unless something else has come to lie there. */
static void remove_folders(mxd_audio_writer *writer)
{
    for (char *slash; writer->num_new_folders > 0 && (slash = strrchr(writer->path, '/'));) {
        *slash = '\0';
        writer->num_new_folders -= rmdir(writer->path) == 0; /* fails for the "." of "a/./b" */
    }
}

/* The rename at the end would replace whatever bears the name: only a regular file may be. */
mxd_result mxd_audio_check_target(const char *path, mxd_problems *problems)
{
    const mxd_place place = at(path);
    const char *slash = strrchr(path, '/');
    struct stat status;
    bool exists = stat(path, &status) == 0;
    if (strlen(slash ? slash + 1 : path) > NAME_MAX || (!exists && errno == ENAMETOOLONG))
        return mxd_fail(problems, MXD_ERROR_WRITE, &place, "cannot be written: its name is too long");
    if (!*path || (slash && !slash[1]) || (exists && S_ISDIR(status.st_mode)))
        return mxd_fail(problems, MXD_ERROR_WRITE, &place, "cannot be written: it is a folder; a file name is needed");
    if (exists && !S_ISREG(status.st_mode))
        return mxd_fail(problems, MXD_ERROR_WRITE, &place, "cannot be written: it is a device or pipe, not a file");
    return MXD_OK;
}

/*
 * Opens .NAME.partial-XXXXXX beside the final name. Not mkstemp, whose files only their owner may read: with O_EXCL
 * the name is ours alone just the same, and the permissions are what the user's umask says.
 */
static mxd_result open_temporary(mxd_audio_writer *writer)
{
    const char *slash = strrchr(writer->path, '/');
    const char *name = slash ? slash + 1 : writer->path;
    size_t size = strlen(writer->path) + 32;
    char *temporary = malloc(size);
    if (!temporary) {
        const mxd_place place = at(writer->path);
        return mxd_fail(writer->problems, MXD_ERROR_MEMORY, &place, "memory ran out");
    }
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t seed = (uint64_t)now.tv_nsec ^ (uint64_t)now.tv_sec << 30 ^ (uint64_t)getpid() << 44;
    int error = EEXIST;
    for (int attempt = 0; attempt < 100 && writer->file < 0 && error == EEXIST; attempt++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u; /* Knuth's MMIX generator */
        snprintf(temporary, size, "%.*s.%.*s.partial-%06x", (int)(name - writer->path), writer->path, MAX_NAME_BYTES,
                 name, (unsigned)(seed >> 40));
        writer->file = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        error = errno;
    }
    if (writer->file >= 0) {
        writer->temporary = temporary;
        return MXD_OK;
    }
    free(temporary);
    const mxd_place place = at(writer->path);
    const char *reason = error == EACCES || error == EPERM ? "no permission to write into its folder"
                         : error == ENOSPC || error == EDQUOT ? "the disk is full"
                                                              : strerror(error);
    return mxd_fail(writer->problems, MXD_ERROR_WRITE, &place, "cannot be written: %s", reason);
}

/* ---- Formats ------------------------------------------------------------- */

static mxd_result check_params(const mxd_audio_writer_params *params, mxd_problems *problems)
{
    const mxd_place place = at(params->path);
    bool integer = params->bit_depth == 16 || params->bit_depth == 24;
    if (!integer && params->bit_depth != 32)
        return mxd_fail(problems, MXD_ERROR_WRITE, &place, "cannot be written with %u bits; 16, 24 and 32 (float) can",
                        params->bit_depth);
    if (params->format == MXD_FORMAT_FLAC && !integer)
        return mxd_fail(problems, MXD_ERROR_WRITE, &place, "FLAC holds 16 or 24 bits, not 32-bit float; take WAV");
    if (params->format == MXD_FORMAT_FLAC && params->layout->num_channels > MAX_FLAC_CHANNELS)
        return mxd_fail(problems, MXD_ERROR_WRITE, &place, "FLAC holds %d channels at most, not %u (%s); take WAV",
                        MAX_FLAC_CHANNELS, params->layout->num_channels, params->layout->name);
    return MXD_OK;
}

/* Sets the order of channels and what the header says of them. */
static mxd_result choose_channels(mxd_audio_writer *writer, const mxd_audio_writer_params *params)
{
    const mxd_layout *layout = params->layout;
    const mxd_place place = at(params->path);
    bool in_mask_order = false;
    uint32_t mask = mxd_layout_wave_mask(layout, &in_mask_order);
    for (uint32_t i = 0; i < layout->num_channels; i++)
        writer->order[i] = i;
    if (params->channel_order == MXD_ORDER_WAVE) {
        if (!mask)
            return mxd_fail(
                writer->problems, MXD_ERROR_WRITE, &place,
                "layout %s has loudspeakers that WAVE's channel mask does not know; take the layout's order",
                layout->name);
        mxd_layout_wave_order(layout, writer->order);
    } else if (!in_mask_order) {
        mask = 0;
    }
    /* What players take one and two channels for without being told: front centre; front left and right. */
    bool plain = (layout->num_channels == 1 && mask == 0x4) || (layout->num_channels == 2 && mask == 0x3);
    writer->wave = (mxd_wave_format){
        .sample_rate = params->sample_rate,
        .num_channels = layout->num_channels,
        .bit_depth = params->bit_depth,
        .extensible = !plain,
        .channel_mask = mask,
        .rf64 = params->format == MXD_FORMAT_RF64,
    };
    /* RFC 9639, 9.1.3: what 1 to 8 channels are in FLAC; in the second row with side for back loudspeakers. */
    static const uint32_t flac_masks[2][MAX_FLAC_CHANNELS] = {{0x4, 0x3, 0x7, 0x33, 0x37, 0x3F, 0x70F, 0x63F},
                                                              {0x4, 0x3, 0x7, 0x603, 0x607, 0x60F, 0x70F, 0x63F}};
    uint32_t last = layout->num_channels - 1;
    bool told = params->stem > 0; /* of the deliverable */
    if (params->format == MXD_FORMAT_FLAC && mask != flac_masks[0][last] && mask != flac_masks[1][last] && !told)
        mxd_warn(writer->problems, &place,
                 "FLAC takes %u channels for another layout than %s, and cannot be told; players may misplace them",
                 layout->num_channels, layout->name);
    return MXD_OK;
}

static mxd_result open_flac(mxd_audio_writer *writer)
{
    SF_VIRTUAL_IO virtual_file = {.get_filelen = virtual_length, .seek = virtual_seek, .read = virtual_read,
                                  .write = virtual_write, .tell = virtual_tell};
    SF_INFO info = {
        .samplerate = (int)writer->wave.sample_rate,
        .channels = (int)writer->num_channels,
        .format = SF_FORMAT_FLAC | (writer->bit_depth == 16 ? SF_FORMAT_PCM_16 : SF_FORMAT_PCM_24),
    };
    writer->flac = sf_open_virtual(&virtual_file, SFM_WRITE, &info, writer);
    if (writer->flac)
        return MXD_OK;
    if (writer->write_error)
        return fail_write(writer);
    const mxd_place place = at(writer->path);
    return mxd_fail(writer->problems, MXD_ERROR_WRITE, &place, "FLAC cannot be written with %u channels at %u Hz",
                    writer->num_channels, writer->wave.sample_rate);
}

static mxd_result write_wave_header(mxd_audio_writer *writer)
{
    unsigned char bytes[MXD_WAVE_HEADER_MAX];
    size_t size = mxd_wave_header(&writer->wave, writer->num_frames, bytes);
    return write_all(writer, bytes, size) ? MXD_OK : fail_write(writer);
}

/* ---- Dither -------------------------------------------------------------- */

/* One channel's dither: a counter that starts anywhere (SplitMix64's finaliser again; host/cpu/quantize.c). */
static uint64_t dither_start(const mxd_audio_writer_params *params, uint32_t channel)
{
    uint64_t bits = ((uint64_t)params->dither_key << 32 | params->stem << 8 | channel) + MXD_QUANTIZE_STRIDE;
    bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ bits >> 27) * 0x94d049bb133111ebu;
    return bits ^ bits >> 31;
}

/* The first frame of some that was clipped: by quantizing one at a time. */
static uint64_t find_clipped(const mxd_audio_writer *writer, uint32_t channel, const float *samples,
                             uint64_t first_frame)
{
    int32_t integer;
    while (writer->quantize(samples++, 1, writer->bit_depth,
                            writer->dither_starts[channel] + first_frame * MXD_QUANTIZE_STRIDE, &integer) == 0)
        first_frame++;
    return first_frame;
}

/* Samples of one channel to dithered integers. first_frame: theirs in the file. Counts what it clips. */
static void quantize(mxd_audio_writer *writer, uint32_t channel, const float *samples, uint32_t num_frames,
                     uint64_t first_frame, int32_t *to)
{
    uint64_t counter = writer->dither_starts[channel] + first_frame * MXD_QUANTIZE_STRIDE;
    uint64_t num_clipped = writer->quantize(samples, num_frames, writer->bit_depth, counter, to);
    if (num_clipped == 0)
        return;
    uint64_t frame = find_clipped(writer, channel, samples, first_frame);
    if (writer->num_clipped == 0 || frame < writer->first_clip_frame)
        writer->first_clip_frame = frame;
    writer->num_clipped += num_clipped;
}

double mxd_audio_writer_peak(const mxd_audio_writer *writer)
{
    float peak;
    memcpy(&peak, &writer->peak_bits, sizeof peak);
    return peak;
}

/* ---- Opening and writing ------------------------------------------------- */

mxd_result mxd_audio_writer_open(const mxd_audio_writer_params *params, mxd_problems *problems,
                                 mxd_audio_writer **result)
{
    *result = NULL;
    mxd_result status = check_params(params, problems);
    if (status)
        return status;
    const mxd_place place = at(params->path);
    mxd_audio_writer *writer = calloc(1, sizeof *writer);
    if (!writer)
        return mxd_fail(problems, MXD_ERROR_MEMORY, &place, "memory ran out");
    writer->file = -1;
    writer->problems = problems;
    writer->format = params->format;
    writer->layout = params->layout;
    writer->num_channels = params->layout->num_channels;
    writer->bit_depth = params->bit_depth;
    for (uint32_t channel = 0; channel < writer->num_channels; channel++)
        writer->dither_starts[channel] = dither_start(params, channel);
    writer->quantize = mxd_cpu_best()->quantize;
    writer->path = strdup(params->path);
    if (!writer->path) {
        status = mxd_fail(problems, MXD_ERROR_MEMORY, &place, "memory ran out");
        goto fail;
    }
    if ((status = choose_channels(writer, params)) != MXD_OK ||
        (status = mxd_audio_check_target(params->path, problems)) != MXD_OK ||
        (status = make_folders(writer)) != MXD_OK || (status = open_temporary(writer)) != MXD_OK)
        goto fail;
    status = params->format == MXD_FORMAT_FLAC ? open_flac(writer) : write_wave_header(writer);
    if (status)
        goto fail;
    *result = writer;
    return MXD_OK;
fail:
    mxd_audio_writer_close(writer);
    return status;
}

/* Raises the peak; an infinity or NaN is an error. Magnitudes of floats are ordered as their bits are. */
static mxd_result check_level(mxd_audio_writer *writer, uint32_t channel, const float *samples, uint64_t first_frame,
                              uint32_t num_frames)
{
    const uint32_t infinity_bits = 0x7f800000u;
    uint32_t highest = writer->peak_bits;
    for (uint32_t i = 0; i < num_frames; i++) {
        uint32_t bits;
        memcpy(&bits, &samples[i], sizeof bits);
        bits &= 0x7fffffffu;
        highest = bits > highest ? bits : highest;
    }
    if (highest < infinity_bits) {
        writer->peak_bits = highest;
        return MXD_OK;
    }
    uint32_t i = 0;
    while (isfinite(samples[i]))
        i++;
    uint64_t frame = first_frame + i;
    const mxd_place place = at(writer->path);
    return mxd_fail(writer->problems, MXD_ERROR_WRITE, &place,
                    "cannot be written: the mix is %s at frame %" PRIu64 " (%.6f s), channel %s; some level is far too "
                    "high", isnan(samples[i]) ? "not a number (NaN)" : "infinite", frame,
                    (double)frame / writer->wave.sample_rate, writer->layout->speakers[channel].label);
}

/* The lowest num_bytes bytes of a number, little-endian. */
static inline void put(unsigned char *to, uint64_t value, uint32_t num_bytes)
{
    for (uint32_t i = 0; i < num_bytes; i++) /* compilers make one store of it where the number is constant */
        to[i] = (unsigned char)(value >> 8 * i);
}

/* Little-endian bytes of 32-bit words, the lowest 2 of each, in place: no byte is written before it is read. */
static void pack_16(int32_t *words, size_t num_words)
{
    unsigned char *to = (unsigned char *)words;
    size_t i = 0;
    for (; i + 4 <= num_words; i += 4)
        put(to + 2 * i, (uint64_t)(uint16_t)words[i] | (uint64_t)(uint16_t)words[i + 1] << 16 |
                            (uint64_t)(uint16_t)words[i + 2] << 32 | (uint64_t)(uint16_t)words[i + 3] << 48, 8);
    for (; i < num_words; i++)
        put(to + 2 * i, (uint32_t)words[i], 2);
}

/* The same with 3 bytes of each. */
static void pack_24(int32_t *words, size_t num_words)
{
    unsigned char *to = (unsigned char *)words;
    size_t i = 0;
    for (; i + 4 <= num_words; i += 4) {
        uint64_t a = (uint32_t)words[i] & 0xFFFFFFu, b = (uint32_t)words[i + 1] & 0xFFFFFFu;
        uint64_t c = (uint32_t)words[i + 2] & 0xFFFFFFu, d = (uint32_t)words[i + 3] & 0xFFFFFFu;
        put(to + 3 * i, a | b << 24 | c << 48, 8);
        put(to + 3 * i + 8, c >> 16 | d << 8, 4);
    }
    for (; i < num_words; i++)
        put(to + 3 * i, (uint32_t)words[i], 3);
}

static void pack_32(int32_t *words, size_t num_words)
{
    for (size_t i = 0; i < num_words; i++)
        put((unsigned char *)&words[i], (uint32_t)words[i], 4);
}

static bool write_chunk(mxd_audio_writer *writer, int32_t *chunk, uint32_t num_frames)
{
    size_t num_samples = (size_t)num_frames * writer->num_channels;
    if (writer->flac) {
        /* libsndfile's integers are full scale at 2^31 whatever the file's depth; shifting back is exact. */
        for (size_t i = 0; i < num_samples; i++)
            chunk[i] = (int32_t)((uint32_t)chunk[i] << (32 - writer->bit_depth));
        return sf_writef_int(writer->flac, chunk, num_frames) == (sf_count_t)num_frames && !writer->write_error;
    }
    switch (writer->bit_depth) {
    case 16: pack_16(chunk, num_samples); break;
    case 24: pack_24(chunk, num_samples); break;
    default: pack_32(chunk, num_samples); break;
    }
    return write_all(writer, chunk, num_samples * (writer->bit_depth / 8));
}

/* A tile of one channel: integers, or the floats' bits. samples NULL = silence; first_frame: theirs in the file. */
static mxd_result convert(mxd_audio_writer *writer, uint32_t channel, const float *samples, uint32_t num_frames,
                          uint64_t first_frame, int32_t *to)
{
    if (!samples) {
        memset(to, 0, num_frames * sizeof *to);
        return MXD_OK;
    }
    mxd_result result = check_level(writer, channel, samples, first_frame, num_frames);
    if (result)
        return result;
    if (writer->bit_depth != 32)
        quantize(writer, channel, samples, num_frames, first_frame, to);
    else
        memcpy(to, samples, num_frames * sizeof *to);
    return MXD_OK;
}

MXD_DEFINE_TRANSPOSE(transpose_square, int32_t);

static void interleave_one(const int32_t *samples, uint32_t num_frames, uint32_t stride, int32_t *restrict to)
{
    for (uint32_t i = 0; i < num_frames; i++)
        to[(size_t)i * stride] = samples[i];
}

/* Tiles of num_tiles neighbouring channels to their places; stride: channels of a frame. */
static void interleave(int32_t (*tiles)[TILE_FRAMES], uint32_t num_tiles, uint32_t num_frames, uint32_t stride,
                       int32_t *to)
{
    uint32_t i = 0;
    for (; num_tiles == MXD_SQUARE && i + MXD_SQUARE <= num_frames; i += MXD_SQUARE) {
        const int32_t *const from[MXD_SQUARE] = {tiles[0] + i, tiles[1] + i, tiles[2] + i, tiles[3] + i};
        int32_t *frame = to + (size_t)i * stride;
        transpose_square(from, (int32_t *const[MXD_SQUARE]){frame, frame + stride, frame + 2 * stride,
                                                            frame + 3 * stride});
    }
    for (uint32_t k = 0; k < num_tiles; k++)
        interleave_one(tiles[k] + i, num_frames - i, stride, to + (size_t)i * stride + k);
}

/* Frames of silence on all channels: a hole, which disks do not store. FLAC has none, but packs silence to nothing. */
static bool skip(mxd_audio_writer *writer, uint32_t num_frames)
{
    writer->ends_in_hole = true;
    off_t size = (off_t)num_frames * writer->num_channels * (writer->bit_depth / 8);
    if (lseek(writer->file, size, SEEK_CUR) >= 0)
        return true;
    writer->write_error = errno;
    return false;
}

/* All channels of a chunk, interleaved; done: how far into the frames of this write. */
static mxd_result convert_chunk(mxd_audio_writer *writer, const float *const *channels, uint32_t done,
                                uint32_t num_frames, int32_t *chunk)
{
    int32_t tiles[MXD_SQUARE][TILE_FRAMES];
    uint32_t stride = writer->num_channels;
    for (uint32_t tile = 0; tile < num_frames; tile += TILE_FRAMES) {
        uint32_t count = num_frames - tile < TILE_FRAMES ? num_frames - tile : TILE_FRAMES;
        for (uint32_t i = 0, num_tiles; i < stride; i += num_tiles) {
            num_tiles = stride - i < MXD_SQUARE ? stride - i : MXD_SQUARE;
            for (uint32_t k = 0; k < num_tiles; k++) {
                uint32_t channel = writer->order[i + k];
                const float *samples = channels[channel] ? channels[channel] + done + tile : NULL;
                int32_t *to = stride == 1 ? chunk + tile : tiles[k];
                mxd_result result = convert(writer, channel, samples, count, writer->num_frames + tile, to);
                if (result)
                    return result;
            }
            if (stride > 1)
                interleave(tiles, num_tiles, count, stride, chunk + (size_t)tile * stride + i);
        }
    }
    return MXD_OK;
}

/* Chunk after chunk. One channel of floats is in the file's form already (where the processor is little-endian). */
static mxd_result write_frames(mxd_audio_writer *writer, const float *const *channels, uint32_t num_frames)
{
    int32_t chunk[CHUNK_SAMPLES]; /* [frame][channel]: integers, or floats in their place */
    const uint16_t one = 1;
    bool as_it_is = writer->num_channels == 1 && writer->bit_depth == 32 && *(const unsigned char *)&one == 1;
    uint32_t chunk_frames = CHUNK_SAMPLES / writer->num_channels;
    for (uint32_t done = 0; done < num_frames;) {
        uint32_t count = num_frames - done < chunk_frames ? num_frames - done : chunk_frames;
        mxd_result result = as_it_is ? check_level(writer, 0, channels[0] + done, writer->num_frames, count)
                                     : convert_chunk(writer, channels, done, count, chunk);
        if (result)
            return result;
        bool written = as_it_is ? write_all(writer, channels[0] + done, count * sizeof(float))
                                : write_chunk(writer, chunk, count);
        if (!written)
            return fail_write(writer);
        writer->num_frames += count;
        done += count;
    }
    return MXD_OK;
}

mxd_result mxd_audio_writer_write(mxd_audio_writer *writer, const float *const *channels, uint32_t num_frames)
{
    bool silent = !writer->flac;
    for (uint32_t i = 0; i < writer->num_channels; i++)
        silent = silent && !channels[i];
    if (!silent) {
        writer->ends_in_hole = false;
        return write_frames(writer, channels, num_frames);
    }
    if (!skip(writer, num_frames))
        return fail_write(writer);
    writer->num_frames += num_frames;
    return MXD_OK;
}

/* ---- Finishing ----------------------------------------------------------- */

static mxd_result finish_wave(mxd_audio_writer *writer)
{
    uint64_t num_bytes = writer->num_frames * writer->num_channels * (writer->bit_depth / 8);
    if (num_bytes & 1 && !write_all(writer, "", 1))
        return fail_write(writer);
    if (writer->ends_in_hole && ftruncate(writer->file, lseek(writer->file, 0, SEEK_CUR)) != 0) {
        writer->write_error = errno;
        return fail_write(writer);
    }
    if (lseek(writer->file, 0, SEEK_SET) != 0) {
        writer->write_error = errno;
        return fail_write(writer);
    }
    return write_wave_header(writer);
}

static mxd_result finish_flac(mxd_audio_writer *writer)
{
    int error = sf_close(writer->flac);
    writer->flac = NULL;
    return error || writer->write_error ? fail_write(writer) : MXD_OK;
}

mxd_result mxd_audio_writer_finish(mxd_audio_writer *writer)
{
    mxd_result result = writer->flac ? finish_flac(writer) : finish_wave(writer);
    if (result)
        return result;
    /*
     * Disks over a network tell only here that they were full. There is no fsync: what a loss of power may undo can be
     * rendered again, and waiting for a disk can take longer than the render itself.
     */
    if (close(writer->file) != 0 && errno != EINTR)
        writer->write_error = errno;
    writer->file = -1;
    if (writer->write_error)
        return fail_write(writer);
    writer->finished = true;
    return MXD_OK;
}

mxd_result mxd_audio_writer_commit(mxd_audio_writer *writer)
{
    const mxd_place place = at(writer->path);
    if (!writer->finished || writer->committed)
        return mxd_fail(writer->problems, MXD_ERROR_ARGUMENT, &place, "is not finished, or has its name already");
    if (rename(writer->temporary, writer->path) != 0)
        return mxd_fail(writer->problems, MXD_ERROR_WRITE, &place, "cannot be given its name: %s", strerror(errno));
    writer->committed = true;
    return MXD_OK;
}

uint64_t mxd_audio_writer_clipped(const mxd_audio_writer *writer, uint64_t *first_frame)
{
    if (first_frame)
        *first_frame = writer->first_clip_frame;
    return writer->num_clipped;
}

void mxd_audio_writer_close(mxd_audio_writer *writer)
{
    if (!writer)
        return;
    if (writer->flac)
        sf_close(writer->flac);
    if (writer->file >= 0)
        close(writer->file);
    if (writer->temporary && !writer->committed)
        unlink(writer->temporary);
    if (writer->path && !writer->committed)
        remove_folders(writer);
    free(writer->temporary);
    free(writer->path);
    free(writer);
}
