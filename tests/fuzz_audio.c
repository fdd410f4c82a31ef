/*
 * libFuzzer on audio files: whatever bytes one holds, probing, loading and
 * streaming it end in samples or in a problem; and what is read of a plain WAVE
 * file is, to the bit, what libsndfile reads of it. With clang:
 *   CC=clang cmake -S . -B build-fuzz -G Ninja -DMXD_FUZZ=ON && ninja -C build-fuzz fuzz_audio
 *   export LSAN_OPTIONS=suppressions=tests/lsan_suppressions.txt
 *   build-fuzz/tests/fuzz_audio -max_total_time=300 -max_len=20000 FOLDER_OF_SMALL_AUDIO_FILES
 * The file lives in memory, as /proc/self/fd/100.
 */
#define _GNU_SOURCE /* memfd_create */

#include "formats/audio_file.h"
#include "host/mixdown.h"

#include <math.h>
#include <sndfile.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FILE_PATH "/proc/self/fd/100"
enum { FILE_NUMBER = 100, MAX_FRAMES = 1 << 16, BLOCK_FRAMES = 777 };

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    int file = memfd_create("fuzz", 0);
    if (file < 0 || dup2(file, FILE_NUMBER) < 0)
        abort();
    close(file);
    return 0;
}

/* The whole file; all that is given must be finite, but floats near the largest there are may overflow in libsoxr. */
static void load(uint32_t sample_rate, mxd_problems *problems)
{
    mxd_audio_info info;
    float *samples = NULL;
    if (mxd_audio_load(FILE_PATH, sample_rate, MAX_FRAMES, NULL, problems, &info, &samples) == MXD_OK) {
        if (info.num_frames > MAX_FRAMES || info.num_channels > MXD_AUDIO_MAX_CHANNELS || info.num_channels == 0)
            abort();
        for (size_t i = 0; i < (size_t)info.num_frames * info.num_channels; i++)
            if (!isfinite(samples[i]) && sample_rate == 0)
                abort();
    } else if (!mxd_problems_have_errors(problems)) {
        abort();
    }
    free(samples);
}

/* Frames from `first` on by libsndfile; false where it takes the file for something else, or not at all. */
static bool read_by_libsndfile(const mxd_audio_info *info, uint64_t first, float *samples, uint32_t num_frames)
{
    SF_INFO details = {0};
    SNDFILE *file = sf_open(FILE_PATH, SFM_READ, &details);
    if (!file)
        return false;
    bool same = (uint64_t)details.frames == info->num_frames && (uint32_t)details.channels == info->num_channels &&
                sf_seek(file, (sf_count_t)first, SEEK_SET) == (sf_count_t)first &&
                sf_readf_float(file, samples, num_frames) == num_frames;
    sf_close(file);
    return same;
}

/* Some frames as they lie and as floats, against libsndfile. */
static void compare(const mxd_audio_info *info, uint64_t first, mxd_problems *problems)
{
    uint32_t num_frames = info->num_frames - first < BLOCK_FRAMES ? (uint32_t)(info->num_frames - first) : BLOCK_FRAMES;
    size_t num_samples = (size_t)num_frames * info->num_channels;
    float *wanted = calloc(num_samples, sizeof *wanted), *planar = calloc(num_samples, sizeof *planar);
    float *channels[MXD_AUDIO_MAX_CHANNELS];
    mxd_audio_reader *reader = NULL;
    mxd_sample_format format;
    if (!wanted || !planar)
        abort();
    for (uint32_t c = 0; c < info->num_channels; c++)
        channels[c] = planar + (size_t)c * num_frames;
    if (read_by_libsndfile(info, first, wanted, num_frames) &&
        mxd_audio_reader_open(FILE_PATH, info->sample_rate, first, MXD_NON_FINITE_ZERO, problems, &reader) == MXD_OK &&
        mxd_audio_reader_packed(reader, &format) && mxd_audio_reader_read(reader, channels, num_frames) == MXD_OK)
        for (size_t i = 0; i < num_samples; i++) {
            float here = planar[i % info->num_channels * num_frames + i / info->num_channels];
            float there = isfinite(wanted[i]) ? wanted[i] : 0.0f;
            if (memcmp(&here, &there, sizeof here) != 0)
                abort();
        }
    mxd_audio_reader_close(reader);
    free(wanted);
    free(planar);
}

/* A few blocks from a frame on, without its first channel. */
static void stream(uint32_t sample_rate, uint64_t first_frame, mxd_problems *problems)
{
    float *samples = calloc(MXD_AUDIO_MAX_CHANNELS, BLOCK_FRAMES * sizeof *samples);
    float *channels[MXD_AUDIO_MAX_CHANNELS] = {NULL};
    mxd_audio_reader *reader = NULL;
    if (!samples)
        abort();
    for (size_t i = 1; i < MXD_AUDIO_MAX_CHANNELS; i++)
        channels[i] = samples + i * BLOCK_FRAMES;
    if (mxd_audio_reader_open(FILE_PATH, sample_rate, first_frame, MXD_NON_FINITE_ZERO, problems, &reader) == MXD_OK)
        for (int i = 0; i < 3 && mxd_audio_reader_read(reader, channels, BLOCK_FRAMES) == MXD_OK; i++)
            continue;
    mxd_audio_reader_close(reader);
    free(samples);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mxd_audio_info info;
    mxd_problems *problems = mxd_problems_create();
    if (!problems || ftruncate(FILE_NUMBER, 0) || lseek(FILE_NUMBER, 0, SEEK_SET))
        abort();
    if (write(FILE_NUMBER, data, size) != (ssize_t)size)
        abort();
    if (mxd_audio_probe(FILE_PATH, NULL, problems, &info) == MXD_OK) {
        load(0, problems);
        if (info.sample_rate >= 8000)
            load(44100, problems);
        stream(48000, 0, problems);
        stream(info.sample_rate, size % 1000, problems);
        compare(&info, size % info.num_frames, problems);
    } else if (!mxd_problems_have_errors(problems)) {
        abort();
    }
    mxd_problems_destroy(problems);
    return 0;
}
