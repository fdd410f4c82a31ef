/*
 * Audio files in: libsndfile decodes, libsoxr changes the rate.
 *
 * libsndfile shortens a cut WAV, AIFF, AU or W64 to what is there and says
 * nothing, so the header is walked here as well and its promise compared with
 * the file's size; for packed formats the last frame is read as proof.
 *
 * Rate change: with g = gcd(file rate, session rate), input frame
 * k * file_rate / g coincides with output frame k * sample_rate / g. The
 * resampler starts on such a frame, early enough for its filters to be full
 * when the wanted output comes, and what it gives before that is dropped. That
 * may be before the file's first frame: libsoxr drops what its first filter
 * rings before the first output, and its next would miss it (0.5 dB of an
 * impulse in frame 0). Around the file lies silence. The resampler's input is
 * always cut the same way, so that output does not depend on how it is read.
 */
#include "audio_file.h"
#include "non_finite.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <sndfile.h>
#include <soxr.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MIN_RATE_HZ = 1000,
    MAX_RATE_HZ = 768000, /* the highest rate that converters are sold for */
    /* Samples decoded at a time: 128 KiB of float stay within a core's second-level cache. */
    CHUNK_SAMPLES = 32768,
    MIN_CHUNK_FRAMES = 1024,
    /* Frames of the slower of the two rates that libsoxr's filter may reach back. Its VHQ impulse response lies
     * within 140 of them down to -180 dB, at ratios from 1:24 to 48:1 (measured); the rest is safety. */
    PRE_ROLL_FRAMES = 1024
};

/* ---- Problems ------------------------------------------------------------ */

/* Adds a problem at place, naming the file; or at the file itself where there is no place. */
__attribute__((format(printf, 4, 5)))
static mxd_result complain(mxd_problems *problems, const mxd_place *place, const char *path, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (place)
        return mxd_fail(problems, MXD_ERROR_FILE, place, "audio file '%s': %s", path, text);
    const mxd_place itself = {.file = path};
    return mxd_fail(problems, MXD_ERROR_FILE, &itself, "%s", text);
}

static mxd_result out_of_memory(mxd_problems *problems, const char *path)
{
    const mxd_place itself = {.file = path};
    return mxd_fail(problems, MXD_ERROR_MEMORY, &itself, "memory ran out while the audio file was being opened");
}

/* ---- What the header promises -------------------------------------------- */

typedef struct header {
    bool known;              /* it begins like a kind of audio file that there is */
    bool bw64;               /* ITU-R BS.2088; libsndfile 1.2 does not know the name */
    bool has_data;           /* of the chunked kinds: a chunk of samples was found */
    uint64_t data_promised;  /* bytes of samples; 0 = not told */
    uint64_t data_held;      /* of these, how many lie before the file's end */
    uint32_t bytes_per_frame; /* 0 = unknown or packed */
    uint32_t wave_mask;
} header;

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

static void note_data(const bytes *from, uint64_t offset, uint64_t promised, header *found)
{
    uint64_t left = offset < from->size ? from->size - offset : 0;
    found->has_data = true;
    found->data_promised = promised;
    found->data_held = promised < left ? promised : left;
}

/* Body of WAVE's fmt chunk: tag, channels, rate, bytes a second, bytes a frame, bits, and in the extensible form
 * (tag 0xFFFE) size, valid bits, channel mask, sub-format, whose first two bytes are the true tag. */
static void read_wave_format(const bytes *from, uint64_t offset, uint64_t size, header *found)
{
    unsigned char body[40] = {0};
    if (size < 16 || !fetch(from, offset, body, size < 40 ? 16 : 40))
        return;
    uint64_t tag = number(from, body, 2);
    if (tag == 0xFFFE && size >= 40) {
        found->wave_mask = (uint32_t)number(from, body + 20, 4);
        tag = number(from, body + 24, 2);
    }
    if (tag == 1 || tag == 3) /* integer and float PCM */
        found->bytes_per_frame = (uint32_t)number(from, body + 12, 2);
}

/* RIFF, RIFX, RF64 and BW64: EBU Tech 3285 and 3306, ITU-R BS.2088. */
static void walk_riff(const bytes *from, header *found)
{
    uint64_t long_data = 0;
    /* A chunk takes 8 bytes at least; the bound keeps a file of a million empty chunks from taking long. */
    for (uint64_t offset = 12, i = 0; i < 4096; i++) {
        unsigned char head[8], sizes[16];
        if (!fetch(from, offset, head, 8))
            return;
        uint64_t size = number(from, head + 4, 4);
        if (memcmp(head, "fmt ", 4) == 0)
            read_wave_format(from, offset + 8, size, found);
        else if (memcmp(head, "ds64", 4) == 0 && fetch(from, offset + 8, sizes, 16))
            long_data = number(from, sizes + 8, 8);
        else if (memcmp(head, "data", 4) == 0) {
            /* All ones without ds64 is what programs write that could not go back to the header: up to the end. */
            uint64_t promised = size != UINT32_MAX ? size : long_data ? long_data : 0;
            note_data(from, offset + 8, promised, found);
            return;
        }
        offset += 8 + size + (size & 1);
    }
}

static void walk_aiff(const bytes *from, header *found)
{
    for (uint64_t offset = 12, i = 0; i < 4096; i++) {
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
static void walk_w64(const bytes *from, header *found)
{
    for (uint64_t offset = 40, i = 0; i < 4096; i++) {
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

static header read_header(int file, uint64_t size)
{
    static const char *const others[] = {"fLaC", "OggS", "caff", "ID3\x03", "ID3\x04"};
    header found = {0};
    bytes from = {.file = file, .size = size};
    unsigned char head[24] = {0};
    if (!fetch(&from, 0, head, size < sizeof head ? (size_t)size : sizeof head))
        return found;
    bool wave = memcmp(head + 8, "WAVE", 4) == 0;
    if (wave && (memcmp(head, "RIFF", 4) == 0 || memcmp(head, "RF64", 4) == 0 || memcmp(head, "BW64", 4) == 0)) {
        found.known = true;
        found.bw64 = memcmp(head, "BW64", 4) == 0;
        walk_riff(&from, &found);
    } else if (wave && memcmp(head, "RIFX", 4) == 0) {
        found.known = from.big_endian = true;
        walk_riff(&from, &found);
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

/* ---- Opening ------------------------------------------------------------- */

/* Opens the file, and refuses what is no readable file before libsndfile sees it (a pipe would hang it). */
static mxd_result open_regular(const char *path, const mxd_place *place, mxd_problems *problems, int *file,
                               uint64_t *size)
{
    *file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (*file < 0) {
        switch (errno) {
        case ENOENT: case ENOTDIR:
            return complain(problems, place, path, "there is no such file");
        case EACCES: case EPERM:
            return complain(problems, place, path, "no permission to read it");
        case EMFILE: case ENFILE:
            return complain(problems, place, path, "too many files are open; raise the limit with ulimit -n");
        default:
            return complain(problems, place, path, "cannot be opened: %s", strerror(errno));
        }
    }
    struct stat status;
    mxd_result result = MXD_OK;
    if (fstat(*file, &status) != 0)
        result = complain(problems, place, path, "cannot be opened: %s", strerror(errno));
    else if (S_ISDIR(status.st_mode))
        result = complain(problems, place, path, "is a folder, not an audio file");
    else if (!S_ISREG(status.st_mode))
        result = complain(problems, place, path, "is a device or pipe, not an audio file");
    else if (status.st_size == 0)
        result = complain(problems, place, path, "is empty (0 bytes)");
    else
        *size = (uint64_t)status.st_size;
    if (result) {
        close(*file);
        *file = -1;
    }
    return result;
}

/* What libsndfile says of an open file, checked against what this program can use and the header's promise. */
static mxd_result check_info(const SF_INFO *info, const header *found, const char *path, const mxd_place *place,
                             mxd_problems *problems)
{
    if (info->channels < 1 || info->channels > MXD_AUDIO_MAX_CHANNELS)
        return complain(problems, place, path, "has %d channels; 1 to %d can be read", info->channels,
                        MXD_AUDIO_MAX_CHANNELS);
    if (info->samplerate < MIN_RATE_HZ || info->samplerate > MAX_RATE_HZ)
        return complain(problems, place, path, "has a sample rate of %d Hz; %d to %d can be read", info->samplerate,
                        MIN_RATE_HZ, MAX_RATE_HZ);
    if (found->data_held < found->data_promised) {
        uint64_t size = found->bytes_per_frame;
        if (size)
            return complain(problems, place, path,
                            "is truncated: its header promises %" PRIu64 " frames, the file holds %" PRIu64,
                            found->data_promised / size, found->data_held / size);
        return complain(problems, place, path,
                        "is truncated: its header promises %" PRIu64 " bytes of audio, the file holds %" PRIu64,
                        found->data_promised, found->data_held);
    }
    if (info->frames <= 0)
        return complain(problems, place, path, "holds no audio (0 frames): it is empty or was truncated");
    if (info->frames >= INT64_MAX / 2)
        return complain(problems, place, path,
                        "its length cannot be told (truncated, or written to a pipe); write it anew");
    if (!info->seekable)
        return complain(problems, place, path, "is of a kind that cannot be read from the middle; convert it to WAV");
    return MXD_OK;
}

/* Whether the last frame is there. WAV and its like are exact by their size; packed formats must be tried. */
static bool last_frame_readable(SNDFILE *file, const SF_INFO *info)
{
    float frame[MXD_AUDIO_MAX_CHANNELS];
    return sf_seek(file, info->frames - 1, SEEK_SET) == info->frames - 1 && sf_readf_float(file, frame, 1) == 1;
}

/*
 * Opens, checks and describes. prove: the last frame of a packed format is read too (readers need not: the session's
 * check has done so, and a cut file shows when it ends early).
 */
static mxd_result open_audio(const char *path, bool prove, const mxd_place *place, mxd_problems *problems,
                             SNDFILE **file, SF_INFO *info, mxd_audio_info *described)
{
    int handle = -1;
    uint64_t size = 0;
    mxd_result result = open_regular(path, place, problems, &handle, &size);
    if (result)
        return result;
    header found = read_header(handle, size);
    *info = (SF_INFO){0};
    /* libsndfile closes the handle with the file, and also where opening fails. */
    *file = sf_open_fd(handle, SFM_READ, info, SF_TRUE);
    if (!*file) {
        if (!found.known)
            return complain(problems, place, path, "is not an audio file of a kind that can be read");
        if (found.bw64)
            return complain(problems, place, path, "is BW64, which cannot be read yet; convert it to WAV or RF64");
        if (found.data_held < found.data_promised)
            return complain(problems, place, path, "is truncated, and its header is damaged");
        return complain(problems, place, path, "is damaged or truncated, or packed in a way that cannot be read");
    }
    result = check_info(info, &found, path, place, problems);
    if (!result && prove && !found.bytes_per_frame && !last_frame_readable(*file, info))
        result = complain(problems, place, path,
                          "is truncated or damaged: its header promises %" PRId64 " frames, the last cannot be read",
                          (int64_t)info->frames);
    if (result) {
        sf_close(*file);
        *file = NULL;
        return result;
    }
    *described = (mxd_audio_info){
        .sample_rate = (uint32_t)info->samplerate,
        .num_channels = (uint32_t)info->channels,
        .num_frames = (uint64_t)info->frames,
        .wave_mask = found.wave_mask,
    };
    return MXD_OK;
}

mxd_result mxd_audio_probe(const char *path, const mxd_place *place, mxd_problems *problems, mxd_audio_info *info)
{
    SNDFILE *file;
    SF_INFO details;
    mxd_result result = open_audio(path, true, place, problems, &file, &details, info);
    if (!result)
        sf_close(file);
    return result;
}

uint64_t mxd_audio_frames_at(uint64_t num_frames, uint32_t file_rate, uint32_t sample_rate)
{
    /* Whole seconds apart, so that the product stays small; halves round up. */
    uint64_t seconds = num_frames / file_rate, rest = num_frames % file_rate;
    return seconds * sample_rate + (2 * rest * sample_rate + file_rate) / (2 * (uint64_t)file_rate);
}

/* ---- Reading ------------------------------------------------------------- */

struct mxd_audio_reader {
    char *path;
    mxd_problems *problems;
    mxd_non_finite non_finite;
    bool may_be_non_finite;    /* false for integer PCM: it has no NaN */
    SNDFILE *file;
    mxd_audio_info info;
    uint64_t position;         /* next frame to decode, at the file's rate */
    uint64_t frames_left;      /* of the stream, at the session's rate; then silence */
    uint32_t chunk_frames;
    float *interleaved;        /* [chunk_frames][channels] */
    /* Only where the rates differ: */
    soxr_t resampler;
    uint64_t silence_before;   /* frames that the resampler gets before the file's first */
    float *input;              /* [channels][chunk_frames], of which input_start.. is not yet taken */
    uint32_t input_start;
    float *output;             /* [channels][chunk_frames], of which output_start.. is not yet given */
    uint32_t output_start, output_count;
};

static uint32_t greatest_common_divisor(uint32_t a, uint32_t b)
{
    while (b) {
        uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static bool is_integer_pcm(int format)
{
    int kind = format & SF_FORMAT_SUBMASK;
    return kind == SF_FORMAT_PCM_S8 || kind == SF_FORMAT_PCM_U8 || kind == SF_FORMAT_PCM_16 ||
           kind == SF_FORMAT_PCM_24 || kind == SF_FORMAT_PCM_32;
}

static mxd_result treat_non_finite(mxd_audio_reader *reader, float *samples, size_t num_frames)
{
    uint32_t num_channels = reader->info.num_channels;
    for (size_t i = 0; i < num_frames * num_channels; i++) {
        if (isfinite(samples[i]))
            continue;
        if (reader->non_finite == MXD_NON_FINITE_ERROR) {
            uint64_t frame = reader->position + i / num_channels;
            return complain(reader->problems, NULL, reader->path,
                            "%s at frame %" PRIu64 " (%.6f s), channel %u; repair the file (a clip may also "
                            "say \"non_finite\": \"zero\")",
                            isnan(samples[i]) ? "not a number (NaN)" : "infinity", frame,
                            (double)frame / reader->info.sample_rate, (unsigned)(i % num_channels) + 1);
        }
        samples[i] = 0.0f;
    }
    return MXD_OK;
}

/* Decodes num_frames frames, which the file must have, and checks them. */
static mxd_result decode(mxd_audio_reader *reader, float *interleaved, uint32_t num_frames)
{
    sf_count_t got = sf_readf_float(reader->file, interleaved, num_frames);
    uint64_t done = got > 0 ? (uint64_t)got : 0;
    if (done < num_frames)
        return complain(reader->problems, NULL, reader->path,
                        "ends or is damaged at frame %" PRIu64 ", but its header promises %" PRIu64 " frames",
                        reader->position + done, reader->info.num_frames);
    size_t num_samples = (size_t)num_frames * reader->info.num_channels;
    if (reader->may_be_non_finite && mxd_any_non_finite(interleaved, num_samples)) {
        mxd_result result = treat_non_finite(reader, interleaved, num_frames);
        if (result)
            return result;
    }
    reader->position += num_frames;
    return MXD_OK;
}

/* One channel out of interleaved frames; the common widths apart, so that the compiler can use shuffles. */
static void pick_channel(const float *restrict interleaved, uint32_t num_channels, uint32_t channel,
                         uint32_t num_frames, float *restrict to)
{
    interleaved += channel;
    if (num_channels == 2)
        for (uint32_t i = 0; i < num_frames; i++)
            to[i] = interleaved[2 * (size_t)i];
    else
        for (uint32_t i = 0; i < num_frames; i++)
            to[i] = interleaved[num_channels * (size_t)i];
}

/* Straight from the file into channels from frame at on. */
static mxd_result read_plain(mxd_audio_reader *reader, float *const *channels, uint32_t at, uint32_t num_frames)
{
    uint32_t num_channels = reader->info.num_channels;
    for (uint32_t done = 0; done < num_frames;) {
        uint32_t count = num_frames - done < reader->chunk_frames ? num_frames - done : reader->chunk_frames;
        bool direct = num_channels == 1 && channels[0];
        float *to = direct ? channels[0] + at + done : reader->interleaved;
        mxd_result result = decode(reader, to, count);
        if (result)
            return result;
        for (uint32_t channel = 0; !direct && channel < num_channels; channel++)
            if (channels[channel])
                pick_channel(to, num_channels, channel, count, channels[channel] + at + done);
        done += count;
    }
    return MXD_OK;
}

/* Fills input with the next chunk: silence before the file, the file, silence behind it. */
static mxd_result fill_input(mxd_audio_reader *reader)
{
    uint32_t before = reader->silence_before < reader->chunk_frames ? (uint32_t)reader->silence_before
                                                                     : reader->chunk_frames;
    uint64_t left = reader->info.num_frames - reader->position;
    uint32_t count = left < reader->chunk_frames - before ? (uint32_t)left : reader->chunk_frames - before;
    float *channels[MXD_AUDIO_MAX_CHANNELS];
    for (uint32_t channel = 0; channel < reader->info.num_channels; channel++) {
        channels[channel] = reader->input + (size_t)channel * reader->chunk_frames;
        memset(channels[channel], 0, before * sizeof(float));
        memset(channels[channel] + before + count, 0, (reader->chunk_frames - before - count) * sizeof(float));
    }
    reader->silence_before -= before;
    reader->input_start = 0;
    return read_plain(reader, channels, before, count);
}

/* Lets the resampler run until it gives something. */
static mxd_result fill_output(mxd_audio_reader *reader)
{
    reader->output_start = reader->output_count = 0;
    while (!reader->output_count) {
        if (reader->input_start == reader->chunk_frames) {
            mxd_result result = fill_input(reader);
            if (result)
                return result;
        }
        const float *from[MXD_AUDIO_MAX_CHANNELS];
        float *to[MXD_AUDIO_MAX_CHANNELS];
        for (uint32_t channel = 0; channel < reader->info.num_channels; channel++) {
            from[channel] = reader->input + (size_t)channel * reader->chunk_frames + reader->input_start;
            to[channel] = reader->output + (size_t)channel * reader->chunk_frames;
        }
        size_t taken = 0, given = 0;
        soxr_error_t error = soxr_process(reader->resampler, from, reader->chunk_frames - reader->input_start, &taken,
                                          to, reader->chunk_frames, &given);
        if (error)
            return complain(reader->problems, NULL, reader->path, "cannot be resampled: %s", error);
        reader->input_start += (uint32_t)taken;
        reader->output_count = (uint32_t)given;
    }
    return MXD_OK;
}

/* num_frames frames of the resampler into channels; channels NULL: dropped. */
static mxd_result read_resampled(mxd_audio_reader *reader, float *const *channels, uint64_t num_frames)
{
    for (uint64_t done = 0; done < num_frames;) {
        if (reader->output_start == reader->output_count) {
            mxd_result result = fill_output(reader);
            if (result)
                return result;
        }
        uint32_t there = reader->output_count - reader->output_start;
        uint32_t count = num_frames - done < there ? (uint32_t)(num_frames - done) : there;
        for (uint32_t channel = 0; channels && channel < reader->info.num_channels; channel++) {
            const float *from = reader->output + (size_t)channel * reader->chunk_frames + reader->output_start;
            if (channels[channel])
                memcpy(channels[channel] + done, from, count * sizeof(float));
        }
        reader->output_start += count;
        done += count;
    }
    return MXD_OK;
}

static mxd_result start_resampler(mxd_audio_reader *reader, uint32_t sample_rate, uint64_t first_frame)
{
    uint32_t file_rate = reader->info.sample_rate;
    size_t size = (size_t)reader->chunk_frames * reader->info.num_channels;
    reader->input = malloc(size * sizeof *reader->input);
    reader->output = malloc(size * sizeof *reader->output);
    if (!reader->input || !reader->output)
        return out_of_memory(reader->problems, reader->path);
    /* The exact clock matters only where the ratio is no short fraction (44099 to 48000): no drift in a day. */
    soxr_io_spec_t io = soxr_io_spec(SOXR_FLOAT32_S, SOXR_FLOAT32_S);
    soxr_quality_spec_t quality = soxr_quality_spec(SOXR_VHQ, SOXR_HI_PREC_CLOCK);
    soxr_runtime_spec_t runtime = soxr_runtime_spec(1);
    soxr_error_t error;
    reader->resampler = soxr_create(file_rate, sample_rate, reader->info.num_channels, &error, &io, &quality, &runtime);
    if (!reader->resampler || error)
        return complain(reader->problems, NULL, reader->path, "cannot be resampled from %u to %u Hz: %s", file_rate,
                        sample_rate, error ? error : "memory ran out");
    uint32_t divisor = greatest_common_divisor(file_rate, sample_rate);
    uint32_t input_step = file_rate / divisor, output_step = sample_rate / divisor;
    uint64_t pre_roll = PRE_ROLL_FRAMES;
    if (sample_rate > file_rate) /* so many input frames in output frames */
        pre_roll = pre_roll * sample_rate / file_rate + 1;
    uint64_t steps_back = pre_roll / output_step + 1, steps = first_frame / output_step;
    if (steps >= steps_back)
        reader->position = (steps - steps_back) * input_step;
    else
        reader->silence_before = (steps_back - steps) * input_step;
    if (sf_seek(reader->file, (sf_count_t)reader->position, SEEK_SET) < 0)
        return complain(reader->problems, NULL, reader->path, "cannot be read from frame %" PRIu64 " on",
                        reader->position);
    reader->input_start = reader->chunk_frames; /* empty */
    return read_resampled(reader, NULL, first_frame - steps * output_step + steps_back * output_step);
}

mxd_result mxd_audio_reader_open(const char *path, uint32_t sample_rate, uint64_t first_frame,
                                 mxd_non_finite non_finite, mxd_problems *problems, mxd_audio_reader **result)
{
    *result = NULL;
    mxd_result status;
    SF_INFO details;
    mxd_audio_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return out_of_memory(problems, path);
    reader->problems = problems;
    reader->non_finite = non_finite;
    reader->path = strdup(path);
    if (!reader->path) {
        status = out_of_memory(problems, path);
        goto fail;
    }
    status = open_audio(path, false, NULL, problems, &reader->file, &details, &reader->info);
    if (status)
        goto fail;
    reader->may_be_non_finite = !is_integer_pcm(details.format);
    uint32_t num_channels = reader->info.num_channels;
    reader->chunk_frames = CHUNK_SAMPLES / num_channels > MIN_CHUNK_FRAMES ? CHUNK_SAMPLES / num_channels
                                                                           : MIN_CHUNK_FRAMES;
    reader->interleaved = malloc((size_t)reader->chunk_frames * num_channels * sizeof(float));
    if (!reader->interleaved) {
        status = out_of_memory(problems, path);
        goto fail;
    }
    uint64_t length = mxd_audio_frames_at(reader->info.num_frames, reader->info.sample_rate, sample_rate);
    reader->frames_left = first_frame < length ? length - first_frame : 0;
    if (reader->frames_left && reader->info.sample_rate != sample_rate) {
        status = start_resampler(reader, sample_rate, first_frame);
        if (status)
            goto fail;
    } else if (reader->frames_left) {
        reader->position = first_frame;
        if (sf_seek(reader->file, (sf_count_t)first_frame, SEEK_SET) < 0) {
            status = complain(problems, NULL, path, "cannot be read from frame %" PRIu64 " on", first_frame);
            goto fail;
        }
    }
    *result = reader;
    return MXD_OK;
fail:
    mxd_audio_reader_close(reader);
    return status;
}

void mxd_audio_reader_close(mxd_audio_reader *reader)
{
    if (!reader)
        return;
    if (reader->file)
        sf_close(reader->file);
    if (reader->resampler)
        soxr_delete(reader->resampler);
    free(reader->interleaved);
    free(reader->input);
    free(reader->output);
    free(reader->path);
    free(reader);
}

const mxd_audio_info *mxd_audio_reader_info(const mxd_audio_reader *reader)
{
    return &reader->info;
}

mxd_result mxd_audio_reader_read(mxd_audio_reader *reader, float *const *channels, uint32_t num_frames)
{
    uint32_t count = reader->frames_left < num_frames ? (uint32_t)reader->frames_left : num_frames;
    mxd_result result = reader->resampler ? read_resampled(reader, channels, count)
                                          : read_plain(reader, channels, 0, count);
    if (result)
        return result;
    reader->frames_left -= count;
    for (uint32_t channel = 0; count < num_frames && channel < reader->info.num_channels; channel++)
        if (channels[channel])
            memset(channels[channel] + count, 0, (num_frames - count) * sizeof(float));
    return MXD_OK;
}

mxd_result mxd_audio_load(const char *path, uint32_t sample_rate, uint64_t max_frames, const mxd_place *place,
                          mxd_problems *problems, mxd_audio_info *info, float **samples)
{
    *samples = NULL;
    mxd_result result = mxd_audio_probe(path, place, problems, info);
    if (result)
        return result;
    uint32_t rate = sample_rate ? sample_rate : info->sample_rate;
    uint64_t num_frames = mxd_audio_frames_at(info->num_frames, info->sample_rate, rate);
    if (num_frames > max_frames || num_frames > SIZE_MAX / sizeof(float) / info->num_channels)
        return complain(problems, place, path, "is too long: %.3f s, and at most %.3f s are taken",
                        (double)num_frames / rate, (double)max_frames / rate);
    /* A reader's problems name the file alone; they come after the checks above, so only damage is left for it. */
    mxd_audio_reader *reader = NULL;
    float *all = malloc((num_frames ? (size_t)num_frames : 1) * info->num_channels * sizeof *all);
    if (!all)
        return out_of_memory(problems, path);
    result = mxd_audio_reader_open(path, rate, 0, MXD_NON_FINITE_ERROR, problems, &reader);
    for (uint64_t done = 0; !result && done < num_frames;) {
        float *channels[MXD_AUDIO_MAX_CHANNELS];
        for (uint32_t channel = 0; channel < info->num_channels; channel++)
            channels[channel] = all + channel * num_frames + done;
        uint32_t count = num_frames - done < CHUNK_SAMPLES ? (uint32_t)(num_frames - done) : CHUNK_SAMPLES;
        result = mxd_audio_reader_read(reader, channels, count);
        done += count;
    }
    mxd_audio_reader_close(reader);
    if (result) {
        free(all);
        return result;
    }
    info->sample_rate = rate;
    info->num_frames = num_frames;
    *samples = all;
    return MXD_OK;
}
