/* Writing audio files: bytes, channel orders, dither, clipping, and that nothing half-done is ever left. The witness is
 * libsndfile, which writes none of the WAV files here. */
#include "audio_fixture.h"

#include "formats/audio_file.h"
#include "formats/wave_header.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>

/* ---- Help ---------------------------------------------------------------- */

static mxd_audio_writer_params params_for(const char *path, mxd_file_format format, const char *layout,
                                          uint32_t bit_depth)
{
    mxd_audio_writer_params params = {.path = path, .format = format, .sample_rate = 48000,
                                      .layout = mxd_layout_find(layout), .bit_depth = bit_depth, .dither_key = 1};
    if (!params.layout)
        fail_msg("there is no layout %s", layout);
    return params;
}

/* Writes planar samples in steps, finishes and commits. Returns the samples clipped. */
static uint64_t write_file(const mxd_audio_writer_params *params, const float *planar, uint64_t num_frames,
                           uint32_t step, uint64_t *first_clip)
{
    mxd_problems *problems = mxd_problems_create();
    mxd_audio_writer *writer = NULL;
    mxd_result result = mxd_audio_writer_open(params, problems, &writer);
    for (uint64_t done = 0; !result && done < num_frames; done += step) {
        const float *channels[MXD_MAX_LAYOUT_CHANNELS];
        for (uint32_t channel = 0; channel < params->layout->num_channels; channel++)
            channels[channel] = planar + channel * num_frames + done;
        result =
            mxd_audio_writer_write(writer, channels, num_frames - done < step ? (uint32_t)(num_frames - done) : step);
    }
    if (!result)
        result = mxd_audio_writer_finish(writer);
    if (!result)
        result = mxd_audio_writer_commit(writer);
    if (result || mxd_problems_have_errors(problems))
        fail_msg("%s: %s", params->path, mxd_problems_count(problems) ? mxd_problems_get(problems, 0)->text : "?");
    uint64_t clipped = mxd_audio_writer_clipped(writer, first_clip);
    mxd_audio_writer_close(writer);
    mxd_problems_destroy(problems);
    return clipped;
}

/* A file's samples by libsndfile: float files as they are, integer ones as integers of their depth. */
static double *read_file(const char *path, SF_INFO *info)
{
    *info = (SF_INFO){0};
    SNDFILE *file = sf_open(path, SFM_READ, info);
    if (!file)
        fail_msg("%s: %s", path, sf_strerror(NULL));
    sf_command(file, SFC_SET_NORM_DOUBLE, NULL, SF_FALSE);
    double *samples = malloc(((size_t)info->frames * (size_t)info->channels + 1) * sizeof *samples);
    assert_int_equal(sf_readf_double(file, samples, info->frames), info->frames);
    sf_close(file);
    return samples;
}

static uint64_t little(const unsigned char *bytes, int num_bytes)
{
    uint64_t value = 0;
    for (int i = num_bytes - 1; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

static size_t files_in(const char *path)
{
    size_t count = 0;
    DIR *directory = opendir(path);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory));)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(directory);
    return count;
}

/* ---- Headers ------------------------------------------------------------- */

static void header_bytes(void **state)
{
    (void)state;
    unsigned char header[MXD_WAVE_HEADER_MAX];
    mxd_wave_format stereo = {.sample_rate = 44100, .num_channels = 2, .bit_depth = 24};
    assert_int_equal(mxd_wave_header(&stereo, 1001, header), 80);
    assert_memory_equal(header, "RIFF", 4);
    assert_int_equal(little(header + 4, 4), 80 - 8 + 6006);
    assert_memory_equal(header + 8, "WAVEJUNK", 8);
    assert_memory_equal(header + 48, "fmt ", 4);
    assert_int_equal(little(header + 52, 4), 16);
    assert_int_equal(little(header + 56, 2), 1);
    assert_int_equal(little(header + 58, 2), 2);
    assert_int_equal(little(header + 60, 4), 44100);
    assert_int_equal(little(header + 64, 4), 44100 * 6);
    assert_int_equal(little(header + 68, 2), 6);
    assert_int_equal(little(header + 70, 2), 24);
    assert_memory_equal(header + 72, "data", 4);
    assert_int_equal(little(header + 76, 4), 6006);

    mxd_wave_format wide = {.sample_rate = 48000, .num_channels = 12, .bit_depth = 32, .extensible = true,
                            .channel_mask = 0x2D63F};
    size_t size = mxd_wave_header(&wide, 7, header);
    assert_int_equal(size, 12 + 36 + 48 + 12 + 8);
    assert_int_equal(little(header + 52, 4), 40);
    assert_int_equal(little(header + 56, 2), 0xFFFE);
    assert_int_equal(little(header + 72, 2), 22);
    assert_int_equal(little(header + 74, 2), 32);
    assert_int_equal(little(header + 76, 4), 0x2D63F);
    assert_memory_equal(header + 80, "\x03\0\0\0\0\0\x10\0\x80\0\0\xAA\0\x38\x9B\x71", 16);
    assert_memory_equal(header + 96, "fact\4\0\0\0\7\0\0\0data", 16);

    /* An odd number of bytes is followed by one that the RIFF size counts and the data size does not. */
    mxd_wave_format mono = {.sample_rate = 48000, .num_channels = 1, .bit_depth = 24};
    size = mxd_wave_header(&mono, 3, header);
    assert_int_equal(little(header + 4, 4), size - 8 + 10);
    assert_int_equal(little(header + size - 4, 4), 9);
}

/* The largest RIFF file, the smallest that must be RF64, and one of 5 GiB: EBU Tech 3306. */
static void header_beyond_4_gib(void **state)
{
    (void)state;
    unsigned char header[MXD_WAVE_HEADER_MAX];
    mxd_wave_format stereo = {.sample_rate = 48000, .num_channels = 2, .bit_depth = 16};
    const uint64_t largest = (UINT32_MAX - 1 - 72) / 4;
    assert_int_equal(mxd_wave_header(&stereo, largest, header), 80);
    assert_memory_equal(header, "RIFF", 4);
    assert_int_equal(little(header + 76, 4), 4 * largest);
    const uint64_t lengths[] = {largest + 1, UINT64_C(5) << 28};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(mxd_wave_header(&stereo, lengths[i], header), 80);
        assert_memory_equal(header, "RF64\xFF\xFF\xFF\xFFWAVEds64\x1C\0\0\0", 20);
        assert_int_equal(little(header + 20, 8), 72 + 4 * lengths[i]);
        assert_int_equal(little(header + 28, 8), 4 * lengths[i]);
        assert_int_equal(little(header + 36, 8), lengths[i]);
        assert_int_equal(little(header + 44, 4), 0);
        assert_int_equal(little(header + 76, 4), UINT32_MAX);
    }
}

/* ---- Samples ------------------------------------------------------------- */

/* What was written comes back, from every format, in the layout's order. Float to the bit; integers within 1 LSB of
 * dither and half an LSB of rounding. */
static void round_trips(void **state)
{
    (void)state;
    static const struct { mxd_file_format format; uint32_t bit_depth; const char *layout; int major; } cases[] = {
        {MXD_FORMAT_WAV, 16, "stereo", SF_FORMAT_WAV},   {MXD_FORMAT_WAV, 24, "stereo", SF_FORMAT_WAV},
        {MXD_FORMAT_WAV, 32, "stereo", SF_FORMAT_WAV},   {MXD_FORMAT_WAV, 24, "5.1", SF_FORMAT_WAVEX},
        {MXD_FORMAT_WAV, 32, "7.1.4", SF_FORMAT_WAVEX},  {MXD_FORMAT_WAV, 24, "9+10+3", SF_FORMAT_WAVEX},
        {MXD_FORMAT_RF64, 24, "7.1.4", SF_FORMAT_RF64},  {MXD_FORMAT_RF64, 32, "stereo", SF_FORMAT_RF64},
        {MXD_FORMAT_RF64, 16, "5.1", SF_FORMAT_RF64},    {MXD_FORMAT_FLAC, 16, "stereo", SF_FORMAT_FLAC},
        {MXD_FORMAT_FLAC, 24, "5.1", SF_FORMAT_FLAC},    {MXD_FORMAT_FLAC, 24, "2+5+0", SF_FORMAT_FLAC},
    };
    static const uint32_t lengths[] = {1, 127, 128, 129, 10007, 0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
            mxd_audio_writer_params params =
                params_for(in_folder("trip"), cases[i].format, cases[i].layout, cases[i].bit_depth);
            uint32_t num_channels = params.layout->num_channels, num_frames = lengths[k];
            if (num_frames == 0 && cases[i].format == MXD_FORMAT_FLAC)
                continue; /* libsndfile opens no FLAC file without frames */
            uint64_t seed = 5;
            float *planar = malloc(((size_t)num_frames * num_channels + 1) * sizeof *planar);
            for (uint32_t s = 0; s < num_frames * num_channels; s++)
                planar[s] = (cases[i].bit_depth == 32 ? 3.0f : 0.99f) * noise(&seed);
            planar[0] = cases[i].bit_depth == 32 ? 0x1p-140f : 0.0f;
            write_file(&params, planar, num_frames, 129, NULL);
            SF_INFO info;
            double *samples = read_file(params.path, &info);
            if (info.frames != num_frames || info.channels != (int)num_channels || info.samplerate != 48000 ||
                (info.format & SF_FORMAT_TYPEMASK) != cases[i].major)
                fail_msg("case %zu: %ld frames, %d channels, format %x", i, (long)info.frames, info.channels,
                         info.format);
            double scale = cases[i].bit_depth == 32 ? 1.0 : ldexp(1.0, (int)cases[i].bit_depth - 1);
            double tolerance = cases[i].bit_depth == 32 ? 0.0 : 1.5;
            for (uint32_t frame = 0; frame < num_frames; frame++)
                for (uint32_t channel = 0; channel < num_channels; channel++) {
                    double error =
                        samples[frame * num_channels + channel] - scale * planar[channel * num_frames + frame];
                    if (!(fabs(error) <= tolerance))
                        fail_msg("case %zu, %u frames: channel %u frame %u is off by %g", i, num_frames, channel, frame,
                                 error);
                }
            free(samples);
            free(planar);
        }
}

static void channel_orders(void **state)
{
    (void)state;
    static const struct { const char *layout; mxd_channel_order order; uint64_t mask; uint32_t extensible; } cases[] = {
        {"stereo", MXD_ORDER_LAYOUT, 0, 0},       {"stereo", MXD_ORDER_WAVE, 0, 0},
        {"5.1", MXD_ORDER_LAYOUT, 0x3F, 1},       {"2+5+0", MXD_ORDER_LAYOUT, 0x503F, 1},
        {"5.1.4", MXD_ORDER_LAYOUT, 0, 1},        {"5.1.4", MXD_ORDER_WAVE, 0x2D03F, 1},
        {"7.1.4", MXD_ORDER_LAYOUT, 0, 1},        {"7.1.4", MXD_ORDER_WAVE, 0x2D63F, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mxd_audio_writer_params params = params_for(in_folder("order.wav"), MXD_FORMAT_WAV, cases[i].layout, 32);
        params.channel_order = cases[i].order;
        uint32_t num_channels = params.layout->num_channels;
        bool ascending;
        uint32_t natural = mxd_layout_wave_mask(params.layout, &ascending);
        uint64_t wanted_mask = cases[i].mask;
        /* BS.2051 lists 5.1.4 in the mask's order; whether a layout does is the layout's own knowledge. */
        if (cases[i].order == MXD_ORDER_LAYOUT && cases[i].extensible)
            wanted_mask = ascending ? natural : 0;
        float planar[MXD_MAX_LAYOUT_CHANNELS];
        for (uint32_t channel = 0; channel < num_channels; channel++)
            planar[channel] = (float)params.layout->speakers[channel].wave_mask; /* each channel says which it is */
        write_file(&params, planar, 1, 1, NULL);
        size_t size;
        unsigned char *bytes = fixture_load(params.path, &size);
        assert_int_equal(little(bytes + 56, 2), cases[i].extensible ? 0xFFFE : 3);
        if (cases[i].extensible && little(bytes + 76, 4) != wanted_mask)
            fail_msg("%s: mask %lx, not %lx", cases[i].layout, (long)little(bytes + 76, 4), (long)wanted_mask);
        free(bytes);
        SF_INFO info;
        double *samples = read_file(params.path, &info);
        for (uint32_t channel = 0; channel < num_channels; channel++)
            if (cases[i].order == MXD_ORDER_LAYOUT ? samples[channel] != planar[channel]
                                                   : channel && !(samples[channel] > samples[channel - 1]))
                fail_msg("%s: channel %u of the file is that of bit %g", cases[i].layout, channel, samples[channel]);
        free(samples);
        if (wanted_mask) { /* our own reader sees the mask */
            mxd_audio_info described;
            assert_int_equal(mxd_audio_probe(params.path, NULL, NULL, &described), MXD_OK);
            assert_int_equal(described.wave_mask, wanted_mask);
        }
    }
}

/*
 * Channels given as NULL are digital silence, undithered; frames of nothing else are skipped, at the end of a file too.
 * A third of each file: all silent, one channel silent, all silent.
 */
static void silence_is_skipped(void **state)
{
    (void)state;
    enum { STRETCH = 5001 }; /* odd: mono 24-bit needs its pad byte behind a hole */
    static const struct { mxd_file_format format; uint32_t bit_depth; const char *layout;
    } cases[] = {{MXD_FORMAT_WAV, 32, "mono"},  {MXD_FORMAT_WAV, 24, "mono"},   {MXD_FORMAT_RF64, 16, "stereo"},
                 {MXD_FORMAT_WAV, 24, "7.1.4"}, {MXD_FORMAT_FLAC, 24, "5.1"}};
    float *ones = malloc(STRETCH * sizeof *ones);
    assert_non_null(ones);
    for (int i = 0; i < STRETCH; i++)
        ones[i] = 0.75f;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mxd_audio_writer *writer = NULL;
        const mxd_audio_writer_params params =
            params_for(in_folder("holes"), cases[i].format, cases[i].layout, cases[i].bit_depth);
        const float *nothing[MXD_MAX_LAYOUT_CHANNELS] = {NULL}, *some[MXD_MAX_LAYOUT_CHANNELS] = {ones};
        uint32_t num_channels = params.layout->num_channels;
        for (uint32_t channel = 2; channel < num_channels; channel++)
            some[channel] = ones;
        assert_int_equal(mxd_audio_writer_open(&params, NULL, &writer), MXD_OK);
        for (int stretch = 0; stretch < 3; stretch++)
            assert_int_equal(mxd_audio_writer_write(writer, stretch == 1 ? some : nothing, STRETCH), MXD_OK);
        assert_true(mxd_audio_writer_peak(writer) == 0.75);
        assert_int_equal(mxd_audio_writer_finish(writer), MXD_OK);
        assert_int_equal(mxd_audio_writer_commit(writer), MXD_OK);
        mxd_audio_writer_close(writer);
        SF_INFO info;
        double *samples = read_file(params.path, &info);
        double scale = cases[i].bit_depth == 32 ? 1.0 : cases[i].bit_depth == 16 ? 0x1p15 : 0x1p23;
        assert_int_equal(info.frames, 3 * STRETCH);
        for (uint32_t n = 0; n < 3 * STRETCH; n++)
            for (uint32_t channel = 0; channel < num_channels; channel++) {
                bool silent = n < STRETCH || n >= 2 * STRETCH || channel == 1;
                double error = samples[n * num_channels + channel] - (silent ? 0.0 : 0.75 * scale);
                if (!(fabs(error) <= (silent || scale == 1.0 ? 0.0 : 1.5)))
                    fail_msg("case %zu, frame %u, channel %u: %g off", i, n, channel, error);
            }
        free(samples);
        size_t size;
        unsigned char *bytes = fixture_load(params.path, &size);
        if (cases[i].format == MXD_FORMAT_WAV) /* no chunk ends at an odd byte, and RIFF's size is the file's */
            assert_true(size % 2 == 0 && little(bytes + 4, 4) == size - 8);
        free(bytes);
    }
    free(ones);
}

static void same_bytes_each_time(void **state)
{
    (void)state;
    static const struct { mxd_file_format format; uint32_t bit_depth; const char *layout;
    } cases[] = {{MXD_FORMAT_WAV, 24, "7.1.4"},
                 {MXD_FORMAT_RF64, 16, "stereo"},
                 {MXD_FORMAT_FLAC, 24, "5.1"},
                 {MXD_FORMAT_WAV, 32, "5.1"}};
    enum { NUM_FRAMES = 10007 };
    float *planar = malloc(12 * NUM_FRAMES * sizeof *planar);
    uint64_t seed = 6;
    for (int i = 0; i < 12 * NUM_FRAMES; i++)
        planar[i] = noise(&seed);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char *bytes[2];
        size_t sizes[2];
        for (int run = 0; run < 2; run++) {
            mxd_audio_writer_params params =
                params_for(in_folder("again"), cases[i].format, cases[i].layout, cases[i].bit_depth);
            write_file(&params, planar, NUM_FRAMES, run ? 127 : NUM_FRAMES, NULL);
            bytes[run] = fixture_load(params.path, &sizes[run]);
        }
        assert_int_equal(sizes[0], sizes[1]);
        if (memcmp(bytes[0], bytes[1], sizes[0]) != 0)
            fail_msg("case %zu: two runs differ", i);
        free(bytes[0]);
        free(bytes[1]);
    }
    /* FLAC packs the very integers that WAV holds. */
    double *samples[2];
    SF_INFO info;
    for (int run = 0; run < 2; run++) {
        mxd_audio_writer_params params =
            params_for(in_folder("again"), run ? MXD_FORMAT_FLAC : MXD_FORMAT_WAV, "5.1", 16);
        write_file(&params, planar, NUM_FRAMES, 1024, NULL);
        samples[run] = read_file(params.path, &info);
    }
    assert_memory_equal(samples[0], samples[1], 6 * NUM_FRAMES * sizeof(double));
    free(samples[0]);
    free(samples[1]);
    free(planar);
}

/* ---- Dither and clipping ------------------------------------------------- */

/* Integers that a constant, in LSB of 16 bits, becomes on the channels of stereo. */
static double *dithered_constant(double lsb, uint32_t num_frames, uint32_t dither_key)
{
    mxd_audio_writer_params params = params_for(in_folder("dither.wav"), MXD_FORMAT_WAV, "stereo", 16);
    params.dither_key = dither_key;
    float *planar = malloc(2 * num_frames * sizeof *planar);
    for (uint32_t i = 0; i < 2 * num_frames; i++)
        planar[i] = (float)ldexp(lsb, -15);
    write_file(&params, planar, num_frames, 65536, NULL);
    free(planar);
    SF_INFO info;
    return read_file(params.path, &info);
}

/*
 * Non-subtractive dither of triangular density, 2 LSB wide: the total error has mean 0 and variance 1/4 LSB^2 (1/6 of
 * the dither, 1/12 of the rounding) whatever the signal (Lipshitz et al., JAES 40, 1992). Of a silent signal 1/8
 * becomes -1, 3/4 becomes 0 and 1/8 becomes 1 (areas of the triangle beyond half an LSB). With N samples a mean lies
 * within 5 standard deviations: 5 * 0.5 / sqrt(N); the error's 4th moment is below 1/2, so its variance within 5 *
 * sqrt(0.5 / N).
 */
static void dither_statistics(void **state)
{
    (void)state;
    const uint32_t num_frames = 200000;
    static const double levels[] = {0.0, 0.25, 0.5, 0.75, -0.5, 0.125, 1000.3, -32000.5};
    const double n = 2.0 * num_frames;
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        double *values = dithered_constant(levels[i], num_frames, 3), mean = 0.0, variance = 0.0;
        double level = ldexp((float)ldexp(levels[i], -15), 15);
        uint32_t counts[3] = {0};
        for (uint32_t k = 0; k < 2 * num_frames; k++) {
            double error = values[k] - level;
            mean += error / n;
            variance += error * error / n;
            if (!(fabs(error) <= 1.5))
                fail_msg("%g LSB became %g", level, values[k]);
            if (level == 0.0)
                counts[(int)values[k] + 1]++;
        }
        if (!(fabs(mean) <= 2.5 / sqrt(n)) || !(fabs(variance - 0.25) <= 5 * sqrt(0.5 / n)))
            fail_msg("%g LSB: mean error %g, variance %g", level, mean, variance);
        for (int k = 0; level == 0.0 && k < 3; k++)
            if (!(fabs(counts[k] / n - (k == 1 ? 0.75 : 0.125)) <= 2.5 / sqrt(n)))
                fail_msg("silence: share of %d is %g", k - 1, counts[k] / n);
        free(values);
    }
}

/* Channels, neighbouring frames and deliverables have nothing in common: correlation within 5 / sqrt(N). */
static void dither_is_independent(void **state)
{
    (void)state;
    const uint32_t num_frames = 200000;
    double *one = dithered_constant(0.0, num_frames, 3), *other = dithered_constant(0.0, num_frames, 4);
    const double variance = 0.25, limit = 5.0 / sqrt(num_frames - 64);
    double channels = 0.0, deliverables = 0.0;
    for (uint32_t i = 0; i < num_frames; i++) {
        channels += one[2 * i] * one[2 * i + 1] / variance / num_frames;
        deliverables += one[2 * i] * other[2 * i] / variance / num_frames;
    }
    if (!(fabs(channels) <= limit) || !(fabs(deliverables) <= limit))
        fail_msg("correlation of channels %g, of deliverables %g", channels, deliverables);
    for (uint32_t lag = 1; lag <= 64; lag++) {
        double frames = 0.0;
        for (uint32_t i = 0; i + 64 < num_frames; i++)
            frames += one[2 * i] * one[2 * (i + lag)] / variance / (num_frames - 64);
        if (!(fabs(frames) <= limit))
            fail_msg("correlation at a distance of %u frames: %g", lag, frames);
    }
    free(one);
    free(other);
}

static void clipping_is_counted(void **state)
{
    (void)state;
    static const uint32_t depths[] = {16, 24};
    enum { NUM_FRAMES = 5000 };
    float *planar = calloc(2 * NUM_FRAMES, sizeof *planar);
    planar[NUM_FRAMES + 4321] = 1.5f;
    planar[4400] = -1e30f;
    planar[4401] = 3e38f;
    planar[4402] = -1.0f - 4.0f / 32768;
    planar[100] = 1.0f - 4.0f / 32768; /* fits, whatever the dither */
    planar[101] = -1.0f + 4.0f / 32768;
    for (int i = 0; i < 2; i++) {
        mxd_audio_writer_params params = params_for(in_folder("clip.wav"), MXD_FORMAT_WAV, "stereo", depths[i]);
        uint64_t first_clip = 0;
        double highest = ldexp(1.0, (int)depths[i] - 1) - 1;
        assert_int_equal(write_file(&params, planar, NUM_FRAMES, 777, &first_clip), 4);
        assert_int_equal(first_clip, 4321);
        SF_INFO info;
        double *samples = read_file(params.path, &info);
        assert_true(samples[2 * 4321 + 1] == highest);
        assert_true(samples[2 * 4400] == -highest - 1);
        assert_true(samples[2 * 4401] == highest);
        assert_true(samples[2 * 4402] == -highest - 1);
        free(samples);
    }
    mxd_audio_writer_params params = params_for(in_folder("clip.wav"), MXD_FORMAT_WAV, "stereo", 32);
    assert_int_equal(write_file(&params, planar, NUM_FRAMES, 777, NULL), 0);
    free(planar);
}

/* ---- Names and failures -------------------------------------------------- */

static const float two_frames[] = {0.1f, 0.2f, 0.3f, 0.4f};

/* The old file stays until commit; close without commit leaves no trace; permissions are the umask's. */
static void all_or_nothing(void **state)
{
    (void)state;
    const mxd_file_format formats[] = {MXD_FORMAT_WAV, MXD_FORMAT_FLAC};
    const float *channels[] = {two_frames, two_frames + 2};
    mode_t umask_before = umask(027);
    for (int i = 0; i < 2; i++) {
        fixture_bytes(in_folder("precious.wav"), "precious", 8);
        size_t before = files_in(the_folder()), size;
        mxd_audio_writer_params params = params_for(in_folder("precious.wav"), formats[i], "stereo", 24);
        for (int stage = 0; stage < 3; stage++) { /* given up after opening, writing, finishing */
            mxd_audio_writer *writer = NULL;
            assert_int_equal(mxd_audio_writer_open(&params, NULL, &writer), MXD_OK);
            assert_int_equal(files_in(the_folder()), before + 1);
            if (stage > 0)
                assert_int_equal(mxd_audio_writer_write(writer, channels, 2), MXD_OK);
            if (stage > 1)
                assert_int_equal(mxd_audio_writer_finish(writer), MXD_OK);
            unsigned char *bytes = fixture_load(params.path, &size);
            assert_memory_equal(bytes, "precious", 8);
            free(bytes);
            mxd_audio_writer_close(writer);
            assert_int_equal(files_in(the_folder()), before);
        }
        mxd_problems *problems = mxd_problems_create();
        mxd_audio_writer *writer = NULL;
        assert_int_equal(mxd_audio_writer_open(&params, problems, &writer), MXD_OK);
        assert_int_equal(mxd_audio_writer_commit(writer), MXD_ERROR_ARGUMENT); /* not before finish */
        expect_one_problem(problems, "commit", "is not finished");
        mxd_audio_writer_close(writer);
        mxd_problems_destroy(problems);
        write_file(&params, two_frames, 2, 2, NULL);
        struct stat status;
        assert_int_equal(stat(params.path, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0640);
        assert_int_equal(files_in(the_folder()), before);
    }
    umask(umask_before);
}

static void open_must_fail(const mxd_audio_writer_params *params, const char *words)
{
    mxd_problems *problems = mxd_problems_create();
    mxd_audio_writer *writer = NULL;
    if (mxd_audio_writer_open(params, problems, &writer) != MXD_ERROR_WRITE || writer)
        fail_msg("%s was opened", params->path);
    expect_one_problem(problems, params->path, words);
    assert_string_equal(mxd_problems_get(problems, 0)->file, params->path);
    mxd_problems_destroy(problems);
}

static void folders(void **state)
{
    (void)state;
    mxd_audio_writer_params params = params_for(in_folder("new/deep/er/out.wav"), MXD_FORMAT_WAV, "stereo", 16);
    write_file(&params, two_frames, 2, 2, NULL);
    assert_int_equal(access(in_folder("new/deep/er/out.wav"), R_OK), 0);
    fixture_remove(in_folder("new"));
    fixture_bytes(in_folder("file"), "", 0);
    params.path = in_folder("file/out.wav");
    open_must_fail(&params, "is a file where a folder should be");
    params.path = in_folder("");
    open_must_fail(&params, "it is a folder");
    params.path = ".";
    open_must_fail(&params, "it is a folder");
    params.path = "";
    open_must_fail(&params, "it is a folder");
    params.path = "/dev/null";
    open_must_fail(&params, "device or pipe");
    /* A name of the greatest length has room for its temporary. */
    char name[256];
    memset(name, 'x', 255);
    name[255] = '\0';
    params.path = in_folder(name);
    write_file(&params, two_frames, 2, 2, NULL);
}

static void forbidden_folder(void **state)
{
    (void)state;
    assert_int_equal(mkdir(in_folder("forbidden"), 0555), 0);
    bool root = geteuid() == 0;
    if (root && seteuid(65534) != 0) {
        print_message("cannot give up the superuser's rights: skipped\n");
        skip();
    }
    mxd_problems *problems = mxd_problems_create();
    mxd_audio_writer *writer = NULL;
    mxd_audio_writer_params params = params_for(in_folder("forbidden/out.wav"), MXD_FORMAT_WAV, "stereo", 16);
    mxd_result flat = mxd_audio_writer_open(&params, problems, &writer);
    params.path = in_folder("forbidden/deep/out.wav");
    mxd_result deep = mxd_audio_writer_open(&params, problems, &writer);
    if (root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(flat, MXD_ERROR_WRITE);
    assert_int_equal(deep, MXD_ERROR_WRITE);
    assert_int_equal(mxd_problems_count(problems), 2);
    assert_non_null(strstr(mxd_problems_get(problems, 0)->text, "permission"));
    assert_non_null(strstr(mxd_problems_get(problems, 1)->text, "permission"));
    mxd_problems_destroy(problems);
}

static void what_a_format_cannot_hold(void **state)
{
    (void)state;
    mxd_audio_writer_params params = params_for(in_folder("x.flac"), MXD_FORMAT_FLAC, "stereo", 32);
    open_must_fail(&params, "not 32-bit float");
    params = params_for(in_folder("x.flac"), MXD_FORMAT_FLAC, "7.1.4", 24);
    open_must_fail(&params, "8 channels at most, not 12");
    params = params_for(in_folder("x.wav"), MXD_FORMAT_WAV, "stereo", 20);
    open_must_fail(&params, "with 20 bits");
    params = params_for(in_folder("x.wav"), MXD_FORMAT_WAV, "4+5+1", 24);
    params.channel_order = MXD_ORDER_WAVE;
    open_must_fail(&params, "channel mask does not know");
    /* Eight channels of FLAC are 7.1: a warning, and the file all the same. */
    mxd_problems *problems = mxd_problems_create();
    mxd_audio_writer *writer = NULL;
    params = params_for(in_folder("x.flac"), MXD_FORMAT_FLAC, "2+5+0", 24);
    assert_int_equal(mxd_audio_writer_open(&params, problems, &writer), MXD_OK);
    expect_one_problem(problems, "x.flac", "FLAC takes 8 channels for another layout");
    assert_false(mxd_problems_have_errors(problems));
    mxd_audio_writer_close(writer);
    mxd_problems_destroy(problems);
}

static void broken_mix(void **state)
{
    (void)state;
    static const float bad[] = {NAN, INFINITY};
    static const uint32_t depths[] = {24, 32};
    for (int i = 0; i < 4; i++) {
        float left[3000] = {0}, right[3000] = {0};
        const float *channels[] = {left, right};
        right[2500] = bad[i / 2];
        mxd_problems *problems = mxd_problems_create();
        mxd_audio_writer *writer = NULL;
        mxd_audio_writer_params params = params_for(in_folder("nan.wav"), MXD_FORMAT_WAV, "stereo", depths[i % 2]);
        assert_int_equal(mxd_audio_writer_open(&params, problems, &writer), MXD_OK);
        assert_int_equal(mxd_audio_writer_write(writer, channels, 1000), MXD_OK);
        assert_int_equal(mxd_audio_writer_write(writer, channels, 3000), MXD_ERROR_WRITE);
        expect_one_problem(problems, "nan.wav", "at frame 3500");
        assert_non_null(strstr(mxd_problems_get(problems, 0)->text, "channel M-030"));
        mxd_audio_writer_close(writer);
        mxd_problems_destroy(problems);
        assert_int_not_equal(access(in_folder("nan.wav"), F_OK), 0);
    }
}

/* A limit on file size fails writes as a full disk does, at any point: header, samples, the encoder's last block. */
static void disk_full(void **state)
{
    (void)state;
    static const mxd_file_format formats[] = {MXD_FORMAT_WAV, MXD_FORMAT_RF64, MXD_FORMAT_FLAC};
    static const rlim_t limits[] = {10, 81, 4000, 50000};
    enum { NUM_FRAMES = 20000 };
    float *planar = malloc(2 * NUM_FRAMES * sizeof *planar);
    uint64_t seed = 7;
    for (int i = 0; i < 2 * NUM_FRAMES; i++)
        planar[i] = 0.5f * noise(&seed);
    const float *channels[] = {planar, planar + NUM_FRAMES};
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN); /* so that write says EFBIG */
    for (int f = 0; f < 3; f++)
        for (int i = 0; i < 4; i++) {
            size_t files = files_in(the_folder());
            struct rlimit tight = {.rlim_cur = limits[i], .rlim_max = before.rlim_max};
            mxd_problems *problems = mxd_problems_create();
            mxd_audio_writer *writer = NULL;
            mxd_audio_writer_params params = params_for(in_folder("full.wav"), formats[f], "stereo", 24);
            assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
            mxd_result result = mxd_audio_writer_open(&params, problems, &writer);
            if (!result)
                result = mxd_audio_writer_write(writer, channels, NUM_FRAMES);
            if (!result)
                result = mxd_audio_writer_finish(writer);
            assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
            if (result != MXD_ERROR_WRITE)
                fail_msg("format %d cut off at %lu bytes: result %d", f, (unsigned long)limits[i], (int)result);
            expect_one_problem(problems, "full.wav", "grew beyond the largest size");
            mxd_audio_writer_close(writer);
            mxd_problems_destroy(problems);
            assert_int_equal(files_in(the_folder()), files);
        }
    signal(SIGXFSZ, handler);
    free(planar);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_bytes),
        cmocka_unit_test(header_beyond_4_gib),
        cmocka_unit_test(round_trips),
        cmocka_unit_test(channel_orders),
        cmocka_unit_test(silence_is_skipped),
        cmocka_unit_test(same_bytes_each_time),
        cmocka_unit_test(dither_statistics),
        cmocka_unit_test(dither_is_independent),
        cmocka_unit_test(clipping_is_counted),
        cmocka_unit_test(all_or_nothing),
        cmocka_unit_test(folders),
        cmocka_unit_test(forbidden_folder),
        cmocka_unit_test(what_a_format_cannot_hold),
        cmocka_unit_test(broken_mix),
        cmocka_unit_test(disk_full),
    };
    return cmocka_run_group_tests_name("audio files, writing", tests, make_folder, remove_folder);
}
