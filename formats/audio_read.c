/*
 * Audio files in: plain WAVE files are read here, libsndfile decodes all else,
 * libsoxr changes the rate.
 *
 * libsndfile shortens a cut WAV, AIFF, AU or W64 to what is there and says
 * nothing, so the header is walked by ourselves as well (audio_header.h) and
 * its promise compared with the file's size; for packed formats the last frame
 * is read as proof. A WAVE file whose header leaves no doubt needs libsndfile
 * no more: it reads 8 KiB at a time, and takes longer over 24 bits than a
 * whole mix does.
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
#include "../host/cpu/variants.h"
#include "audio_header.h"
#include "non_finite.h"
#include "wave_read.h"

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

/* An open file: libsndfile's, or a descriptor of ours where the file is plain. */
typedef struct source {
    SNDFILE *sndfile;
    int file;                 /* -1: libsndfile has it */
    mxd_audio_header header;
    bool is_integer;          /* it holds no NaN */
    mxd_audio_info info;
} source;

static void close_source(source *opened)
{
    if (opened->sndfile)
        sf_close(opened->sndfile);
    if (opened->file >= 0)
        close(opened->file);
    opened->sndfile = NULL;
    opened->file = -1;
}

/* What is known of an open file, checked against what this program can use and the header's promise. */
static mxd_result check_info(const SF_INFO *info, const mxd_audio_header *found, const char *path,
                             const mxd_place *place, mxd_problems *problems)
{
    if (info->channels < 1 || info->channels > MXD_AUDIO_MAX_CHANNELS)
        return complain(problems, place, path, "has %d channels; 1 to %d can be read", info->channels,
                        MXD_AUDIO_MAX_CHANNELS);
    if (info->samplerate < MIN_RATE_HZ || info->samplerate > MAX_RATE_HZ)
        return complain(problems, place, path, "has a sample rate of %u Hz; %d to %d can be read",
                        (unsigned)info->samplerate, MIN_RATE_HZ, MAX_RATE_HZ);
    if (found->data_held < found->data_promised) {
        uint64_t size = found->bytes_per_frame;
        if (size && found->data_promised / size == found->data_held / size) /* a part of a frame is missing */
            size = 0;
        return complain(problems, place, path,
                        "is truncated: its header promises %" PRIu64 " %s, the file holds %" PRIu64
                        " (samples begin at byte %" PRIu64 ")",
                        found->data_promised / (size ? size : 1), size ? "frames" : "bytes of audio",
                        found->data_held / (size ? size : 1), found->data_at);
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

static bool is_integer_pcm(int format)
{
    int kind = format & SF_FORMAT_SUBMASK;
    return kind == SF_FORMAT_PCM_S8 || kind == SF_FORMAT_PCM_U8 || kind == SF_FORMAT_PCM_16 ||
           kind == SF_FORMAT_PCM_24 || kind == SF_FORMAT_PCM_32;
}

/* Why libsndfile could not open it, as far as the header tells. */
static mxd_result complain_of_header(const mxd_audio_header *found, const char *path, const mxd_place *place,
                                     mxd_problems *problems)
{
    char fault[sizeof found->fault + 8] = "";
    if (found->fault[0])
        snprintf(fault, sizeof fault, " (%s)", found->fault);
    if (!found->known)
        return complain(problems, place, path, "is not an audio file of a kind that can be read");
    if (found->data_held < found->data_promised)
        return complain(problems, place, path, "is truncated, and its header is damaged%s", fault);
    if (found->bw64)
        return complain(problems, place, path, "is BW64 that is damaged or packed%s; convert it to WAV or RF64", fault);
    return complain(problems, place, path, "is damaged or truncated, or packed in a way that cannot be read%s", fault);
}

/*
 * Opens, checks and describes. prove: the last frame of a packed format is read too (readers need not: the session's
 * check has done so, and a cut file shows when it ends early).
 */
static mxd_result open_audio(const char *path, bool prove, const mxd_place *place, mxd_problems *problems,
                             source *opened)
{
    uint64_t size = 0;
    *opened = (source){.file = -1};
    mxd_result result = open_regular(path, place, problems, &opened->file, &size);
    if (result)
        return result;
    const mxd_audio_header *found = &opened->header;
    opened->header = mxd_audio_header_read(opened->file, size);
    SF_INFO info = {0};
    if (found->plain) {
        info = (SF_INFO){.frames = (sf_count_t)found->num_frames, .samplerate = (int)found->sample_rate,
                         .channels = (int)found->num_channels, .seekable = 1};
        opened->is_integer = found->encoding != MXD_WAVE_F32 && found->encoding != MXD_WAVE_F64;
    } else {
        /* libsndfile closes the descriptor with the file, and also where opening fails. */
        opened->sndfile = sf_open_fd(opened->file, SFM_READ, &info, SF_TRUE);
        opened->file = -1;
        if (!opened->sndfile)
            return complain_of_header(found, path, place, problems);
        opened->is_integer = is_integer_pcm(info.format);
    }
    result = check_info(&info, found, path, place, problems);
    if (!result && prove && !found->bytes_per_frame && !last_frame_readable(opened->sndfile, &info))
        result = complain(problems, place, path,
                          "is truncated or damaged: its header promises %" PRId64 " frames, the last cannot be read",
                          (int64_t)info.frames);
    if (result) {
        close_source(opened);
        return result;
    }
    opened->info = (mxd_audio_info){
        .sample_rate = (uint32_t)info.samplerate,
        .num_channels = (uint32_t)info.channels,
        .num_frames = (uint64_t)info.frames,
        .wave_mask = found->wave_mask,
    };
    return MXD_OK;
}

mxd_result mxd_audio_probe(const char *path, const mxd_place *place, mxd_problems *problems, mxd_audio_info *info)
{
    source opened;
    mxd_result result = open_audio(path, true, place, problems, &opened);
    if (!result)
        *info = opened.info;
    close_source(&opened);
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
    source source;
    mxd_audio_info info;
    uint32_t sample_rate;      /* of the stream */
    mxd_sample_format format;  /* of what a plain file holds, unless that is doubles */
    bool as_it_lies;           /* a plain file whose samples have such a format */
    mxd_unpack_function *unpack;
    uint64_t position;         /* next frame to decode, at the file's rate */
    uint64_t frames_left;      /* of the stream, at the session's rate; then silence */
    uint32_t chunk_frames;
    void *interleaved;         /* [chunk_frames][channels]: floats, or what a plain file holds */
    void *doubles;             /* the same of a file of doubles, before they are rounded */
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

/* Whole frames of a plain file, as they lie in it; returns how many there were. */
static uint64_t read_packed_frames(mxd_audio_reader *reader, void *frames, uint32_t num_frames)
{
    const mxd_audio_header *header = &reader->source.header;
    uint64_t offset = header->data_at + reader->position * header->bytes_per_frame;
    size_t size = (size_t)num_frames * header->bytes_per_frame;
    return mxd_wave_read_bytes(reader->source.file, offset, frames, size) / header->bytes_per_frame;
}

/*
 * The next num_frames frames, which the file must have, as the file has them where that is a format, else as floats;
 * floats are checked.
 */
static mxd_result decode(mxd_audio_reader *reader, void *interleaved, uint32_t num_frames)
{
    size_t num_samples = (size_t)num_frames * reader->info.num_channels;
    uint64_t done = 0;
    if (reader->as_it_lies) {
        done = read_packed_frames(reader, interleaved, num_frames);
    } else if (reader->doubles) {
        done = read_packed_frames(reader, reader->doubles, num_frames);
        if (done == num_frames)
            mxd_wave_round_doubles(reader->doubles, num_samples, interleaved);
    } else {
        sf_count_t got = sf_readf_float(reader->source.sndfile, interleaved, num_frames);
        done = got > 0 ? (uint64_t)got : 0;
    }
    if (done < num_frames)
        return complain(reader->problems, NULL, reader->path,
                        "ends or is damaged at frame %" PRIu64 ", but its header promises %" PRIu64 " frames",
                        reader->position + done, reader->info.num_frames);
    if (!reader->source.is_integer && mxd_any_non_finite(interleaved, num_samples)) {
        mxd_result result = treat_non_finite(reader, interleaved, num_frames);
        if (result)
            return result;
    }
    reader->position += num_frames;
    return MXD_OK;
}

/* Straight from the file into channels from frame at on. */
static mxd_result read_plain(mxd_audio_reader *reader, float *const *channels, uint32_t at, uint32_t num_frames)
{
    uint32_t num_channels = reader->info.num_channels;
    for (uint32_t done = 0; done < num_frames;) {
        uint32_t count = num_frames - done < reader->chunk_frames ? num_frames - done : reader->chunk_frames;
        bool direct = num_channels == 1 && channels[0] && reader->format == MXD_SAMPLES_F32;
        void *to = direct ? channels[0] + at + done : reader->interleaved;
        mxd_result result = decode(reader, to, count);
        if (result)
            return result;
        mxd_unpack_lane wanted[MXD_AUDIO_MAX_CHANNELS];
        uint32_t num_wanted = 0;
        for (uint32_t channel = 0; !direct && channel < num_channels; channel++)
            if (channels[channel])
                wanted[num_wanted++] = (mxd_unpack_lane){channels[channel] + at + done, channel, 1.0};
        reader->unpack(to, reader->format, num_channels, count, wanted, num_wanted);
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

/* Makes frame `position` of the file the next one. */
static mxd_result seek(mxd_audio_reader *reader, uint64_t position)
{
    reader->position = position;
    if (reader->source.sndfile && sf_seek(reader->source.sndfile, (sf_count_t)position, SEEK_SET) < 0)
        return complain(reader->problems, NULL, reader->path, "cannot be read from frame %" PRIu64 " on", position);
    return MXD_OK;
}

static mxd_result create_resampler(mxd_audio_reader *reader)
{
    uint32_t file_rate = reader->info.sample_rate;
    /* The exact clock matters only where the ratio is no short fraction (44099 to 48000): no drift in a day. */
    soxr_io_spec_t io = soxr_io_spec(SOXR_FLOAT32_S, SOXR_FLOAT32_S);
    soxr_quality_spec_t quality = soxr_quality_spec(SOXR_VHQ, SOXR_HI_PREC_CLOCK);
    soxr_runtime_spec_t runtime = soxr_runtime_spec(1);
    soxr_error_t error;
    soxr_delete(reader->resampler);
    reader->resampler = soxr_create(file_rate, reader->sample_rate, reader->info.num_channels, &error, &io, &quality,
                                    &runtime);
    if (!reader->resampler || error)
        return complain(reader->problems, NULL, reader->path, "cannot be resampled from %u to %u Hz: %s", file_rate,
                        reader->sample_rate, error ? error : "memory ran out");
    return MXD_OK;
}

static mxd_result start_resampler(mxd_audio_reader *reader, uint64_t first_frame)
{
    uint32_t file_rate = reader->info.sample_rate, sample_rate = reader->sample_rate;
    mxd_result result = create_resampler(reader);
    if (result)
        return result;
    uint32_t divisor = greatest_common_divisor(file_rate, sample_rate);
    uint32_t input_step = file_rate / divisor, output_step = sample_rate / divisor;
    uint64_t pre_roll = PRE_ROLL_FRAMES;
    if (sample_rate > file_rate) /* so many input frames in output frames */
        pre_roll = pre_roll * sample_rate / file_rate + 1;
    uint64_t steps_back = pre_roll / output_step + 1, steps = first_frame / output_step;
    reader->silence_before = steps < steps_back ? (steps_back - steps) * input_step : 0;
    result = seek(reader, steps < steps_back ? 0 : (steps - steps_back) * input_step);
    if (result)
        return result;
    reader->input_start = reader->chunk_frames; /* empty */
    reader->output_start = reader->output_count = 0;
    return read_resampled(reader, NULL, first_frame - steps * output_step + steps_back * output_step);
}

mxd_result mxd_audio_reader_seek(mxd_audio_reader *reader, uint64_t first_frame)
{
    uint64_t length = mxd_audio_frames_at(reader->info.num_frames, reader->info.sample_rate, reader->sample_rate);
    reader->frames_left = first_frame < length ? length - first_frame : 0;
    if (!reader->frames_left)
        return MXD_OK;
    return reader->info.sample_rate != reader->sample_rate ? start_resampler(reader, first_frame)
                                                           : seek(reader, first_frame);
}

/* Buffers for a chunk, by what the file holds. */
static mxd_result prepare_decoding(mxd_audio_reader *reader)
{
    uint32_t num_channels = reader->info.num_channels;
    const mxd_audio_header *header = &reader->source.header;
    reader->unpack = mxd_cpu_best()->unpack;
    reader->format = MXD_SAMPLES_F32;
    reader->as_it_lies = header->plain && mxd_wave_sample_format(header->encoding, &reader->format);
    reader->chunk_frames = CHUNK_SAMPLES / num_channels > MIN_CHUNK_FRAMES ? CHUNK_SAMPLES / num_channels
                                                                           : MIN_CHUNK_FRAMES;
    size_t num_samples = (size_t)reader->chunk_frames * num_channels;
    reader->interleaved = malloc(num_samples * sizeof(float));
    if (header->plain && !reader->as_it_lies)
        reader->doubles = malloc(num_samples * sizeof(double));
    bool resampled = reader->info.sample_rate != reader->sample_rate;
    if (resampled) {
        reader->input = malloc(num_samples * sizeof *reader->input);
        reader->output = malloc(num_samples * sizeof *reader->output);
    }
    if (!reader->interleaved || (header->plain && !reader->as_it_lies && !reader->doubles) ||
        (resampled && (!reader->input || !reader->output)))
        return out_of_memory(reader->problems, reader->path);
    return MXD_OK;
}

mxd_result mxd_audio_reader_open(const char *path, uint32_t sample_rate, uint64_t first_frame,
                                 mxd_non_finite non_finite, mxd_problems *problems, mxd_audio_reader **result)
{
    *result = NULL;
    mxd_result status;
    mxd_audio_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return out_of_memory(problems, path);
    reader->problems = problems;
    reader->non_finite = non_finite;
    reader->source.file = -1;
    reader->path = strdup(path);
    if (!reader->path) {
        status = out_of_memory(problems, path);
        goto fail;
    }
    status = open_audio(path, false, NULL, problems, &reader->source);
    if (status)
        goto fail;
    reader->info = reader->source.info;
    reader->sample_rate = sample_rate ? sample_rate : reader->info.sample_rate;
    status = prepare_decoding(reader);
    if (!status)
        status = mxd_audio_reader_seek(reader, first_frame);
    if (status)
        goto fail;
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
    close_source(&reader->source);
    soxr_delete(reader->resampler);
    free(reader->interleaved);
    free(reader->doubles);
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
    bool resampled = reader->info.sample_rate != reader->sample_rate;
    mxd_result result = resampled && count ? read_resampled(reader, channels, count)
                                          : read_plain(reader, channels, 0, count);
    if (result)
        return result;
    reader->frames_left -= count;
    for (uint32_t channel = 0; count < num_frames && channel < reader->info.num_channels; channel++)
        if (channels[channel])
            memset(channels[channel] + count, 0, (num_frames - count) * sizeof(float));
    return MXD_OK;
}

bool mxd_audio_reader_packed(const mxd_audio_reader *reader, mxd_sample_format *format)
{
    *format = reader->format;
    return reader->as_it_lies && reader->info.sample_rate == reader->sample_rate;
}

mxd_result mxd_audio_reader_read_packed(mxd_audio_reader *reader, void *frames, uint32_t num_frames)
{
    size_t frame_bytes = reader->source.header.bytes_per_frame;
    uint32_t count = reader->frames_left < num_frames ? (uint32_t)reader->frames_left : num_frames;
    mxd_result result = decode(reader, frames, count);
    if (result)
        return result;
    reader->frames_left -= count;
    memset((unsigned char *)frames + count * frame_bytes, 0, (num_frames - count) * frame_bytes);
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
    if (!result && (reader->info.num_channels != info->num_channels || reader->info.num_frames != info->num_frames ||
                    reader->info.sample_rate != info->sample_rate))
        result = complain(problems, place, path, "changed while it was being opened; try again");
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
