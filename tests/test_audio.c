/* Reading audio files: what is refused and how, and what a stream at another rate must be. */
#include "audio_fixture.h"

#include "formats/audio_file.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>

static const double pi = 3.14159265358979323846;

/* One file for each rate. Every path a buffer of the caller's thread. */
static const char *in_folder_of_rate(uint32_t rate)
{
    static _Thread_local char path[512];
    snprintf(path, sizeof path, "%s/%u.flac", the_folder(), rate);
    return path;
}

/* ---- Bad files ----------------------------------------------------------- */

static void probe_must_fail(const char *name, const char *words)
{
    mxd_problems *problems = mxd_problems_create();
    mxd_audio_info info;
    if (mxd_audio_probe(in_folder(name), NULL, problems, &info) != MXD_ERROR_FILE)
        fail_msg("%s was not refused", name);
    expect_one_problem(problems, name, words);
    assert_string_equal(mxd_problems_get(problems, 0)->file, in_folder(name));
    mxd_problems_destroy(problems);
    /* The same with a place: the problem lies there and names the file. */
    problems = mxd_problems_create();
    const mxd_place place = {.file = "session.json", .line = 7, .column = 3, .path = "/tracks/0/clips/0/file"};
    assert_int_equal(mxd_audio_probe(in_folder(name), &place, problems, &info), MXD_ERROR_FILE);
    expect_one_problem(problems, name, words);
    assert_string_equal(mxd_problems_get(problems, 0)->file, "session.json");
    assert_int_equal(mxd_problems_get(problems, 0)->line, 7);
    assert_non_null(strstr(mxd_problems_get(problems, 0)->text, in_folder(name)));
    mxd_problems_destroy(problems);
}

static void missing_and_foreign_files(void **state)
{
    (void)state;
    static const unsigned char png[] = {0x89, 'P', 'N', 'G', 13,  10,  26, 10, 0, 0,
                                        0,    13,  'I', 'H', 'D', 'R', 0,  0,  0, 1};
    probe_must_fail("missing.wav", "no such file");
    probe_must_fail("missing/missing.wav", "no such file");
    probe_must_fail(".", "is a folder");
    fixture_bytes(in_folder("empty.wav"), "", 0);
    probe_must_fail("empty.wav", "is empty");
    fixture_bytes(in_folder("text.wav"), "These are words.\n", 17);
    probe_must_fail("text.wav", "not an audio file");
    fixture_bytes(in_folder("image.wav"), png, sizeof png);
    probe_must_fail("image.wav", "not an audio file");
    fixture_bytes(in_folder("one-byte.wav"), "R", 1);
    probe_must_fail("one-byte.wav", "not an audio file");
    fixture_bytes(in_folder("riff.wav"), "RIFF\x24\0\0\0WAVE", 12);
    probe_must_fail("riff.wav", "damaged or truncated");
    fixture_bytes(in_folder("bw64.wav"), "BW64\xFF\xFF\xFF\xFFWAVE", 12);
    probe_must_fail("bw64.wav", "is BW64");
    assert_int_equal(mkfifo(in_folder("pipe.wav"), 0600), 0);
    alarm(20); /* a hang ends the test */
    probe_must_fail("pipe.wav", "device or pipe");
    alarm(0);
}

static void unreadable_file(void **state)
{
    (void)state;
    float silence[16] = {0};
    make_file(in_folder("secret.wav"), SF_FORMAT_WAV | SF_FORMAT_PCM_16, 48000, 1, silence, 16);
    assert_int_equal(chmod(in_folder("secret.wav"), 0), 0);
    /* The superuser may read everything: become nobody for a moment. */
    bool root = geteuid() == 0;
    if (root && seteuid(65534) != 0) {
        print_message("cannot give up the superuser's rights: skipped\n");
        skip();
    }
    mxd_problems *problems = mxd_problems_create();
    mxd_audio_info info;
    mxd_result result = mxd_audio_probe(in_folder("secret.wav"), NULL, problems, &info);
    if (root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(result, MXD_ERROR_FILE);
    expect_one_problem(problems, "secret.wav", "no permission");
    mxd_problems_destroy(problems);
}

static void truncated_files(void **state)
{
    (void)state;
    static const struct { const char *name; int format; const char *words; } cases[] = {
        {"cut.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_24, "truncated: its header promises 10007 frames"},
        {"cut.wavex", SF_FORMAT_WAVEX | SF_FORMAT_FLOAT, "truncated: its header promises 10007 frames"},
        {"cut.rf64", SF_FORMAT_RF64 | SF_FORMAT_PCM_16, "truncated: its header promises 10007 frames"},
        {"cut.w64", SF_FORMAT_W64 | SF_FORMAT_PCM_16, "truncated: its header promises 10007 frames"},
        {"cut.rifx", SF_FORMAT_WAV | SF_FORMAT_PCM_16 | SF_ENDIAN_BIG, "truncated: its header promises 10007 frames"},
        {"cut.aiff", SF_FORMAT_AIFF | SF_FORMAT_PCM_24, "truncated: its header promises 60042 bytes"},
        {"cut.au", SF_FORMAT_AU | SF_FORMAT_PCM_16, "truncated: its header promises 40028 bytes"},
        {"cut-ima.wav", SF_FORMAT_WAV | SF_FORMAT_IMA_ADPCM, "truncated: its header promises"},
        {"cut.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_24, "truncated or damaged: its header promises 10007 frames"},
        {"cut.caf", SF_FORMAT_CAF | SF_FORMAT_PCM_16, "damaged or truncated"},
        {"cut.ogg", SF_FORMAT_OGG | SF_FORMAT_VORBIS, "truncated"},
    };
    enum { NUM_FRAMES = 10007 };
    float *samples = malloc(2 * NUM_FRAMES * sizeof *samples);
    assert_non_null(samples);
    uint64_t seed = 1;
    for (size_t i = 0; i < 2 * NUM_FRAMES; i++)
        samples[i] = noise(&seed);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mxd_problems *problems = mxd_problems_create();
        mxd_audio_info info;
        make_file(in_folder("whole"), cases[i].format, 48000, 2, samples, NUM_FRAMES);
        mxd_result result = mxd_audio_probe(in_folder("whole"), NULL, problems, &info);
        expect_no_problem(problems, cases[i].name);
        assert_int_equal(result, MXD_OK);
        if (info.num_frames < NUM_FRAMES || info.num_frames > NUM_FRAMES + 4096) /* ADPCM fills its last block */
            fail_msg("%s: %lu frames", cases[i].name, (unsigned long)info.num_frames);
        assert_int_equal(info.num_channels, 2);
        assert_int_equal(info.sample_rate, 48000);
        mxd_problems_destroy(problems);
        cut_file(in_folder("whole"), in_folder(cases[i].name), 0.55);
        probe_must_fail(cases[i].name, cases[i].words);
    }
    /* One byte missing is enough. */
    make_file(in_folder("whole"), SF_FORMAT_WAV | SF_FORMAT_PCM_16, 48000, 2, samples, NUM_FRAMES);
    size_t size;
    unsigned char *bytes = fixture_load(in_folder("whole"), &size);
    fixture_bytes(in_folder("short.wav"), bytes, size - 1);
    probe_must_fail("short.wav", "promises 10007 frames, the file holds 10006");
    free(bytes);
    free(samples);
}

static void useless_files(void **state)
{
    (void)state;
    float samples[65 * 4] = {0};
    make_file(in_folder("none.wav"), SF_FORMAT_WAV | SF_FORMAT_PCM_16, 48000, 2, samples, 0);
    probe_must_fail("none.wav", "0 frames");
    make_file(in_folder("slow.wav"), SF_FORMAT_WAV | SF_FORMAT_PCM_16, 999, 1, samples, 4);
    probe_must_fail("slow.wav", "sample rate of 999 Hz");
    make_file(in_folder("fast.wav"), SF_FORMAT_WAV | SF_FORMAT_PCM_16, 768001, 1, samples, 4);
    probe_must_fail("fast.wav", "sample rate of 768001 Hz");
    make_file(in_folder("wide.wav"), SF_FORMAT_WAV | SF_FORMAT_PCM_16, 48000, 65, samples, 4);
    probe_must_fail("wide.wav", "has 65 channels");
    mxd_audio_info info;
    make_file(in_folder("64.wav"), SF_FORMAT_WAV | SF_FORMAT_PCM_16, 768000, 64, samples, 4);
    assert_int_equal(mxd_audio_probe(in_folder("64.wav"), NULL, NULL, &info), MXD_OK);
}

/* Reads a whole file at some other rate and throws it away; true if it went well. Must return in any case. */
static bool survives(const char *path)
{
    mxd_problems *problems = mxd_problems_create();
    mxd_audio_info info;
    float *samples = NULL;
    alarm(60);
    bool good = mxd_audio_load(path, 32000, 1 << 20, NULL, problems, &info, &samples) == MXD_OK;
    alarm(0);
    if (good ? mxd_problems_count(problems) != 0 : mxd_problems_count(problems) != 1)
        fail_msg("%s: %zu problems", path, mxd_problems_count(problems));
    for (uint64_t i = 0; good && i < info.num_frames * info.num_channels; i++)
        if (!isfinite(samples[i]))
            fail_msg("%s: sample %lu is not finite", path, (unsigned long)i);
    free(samples);
    mxd_problems_destroy(problems);
    return good;
}

static void corpus_of_damaged_files(void **state)
{
    (void)state;
    static const char *const folders[] = {MXD_SHARED "/vectors/corpus/wav", MXD_SHARED "/vectors/corpus/flac"};
    /* By name: files that every player takes, and files that nobody can. */
    static const char *const good[] = {"ear_fmt_padding.wav", "taglib_rf64.wav", "subset_14_wasted_bits.flac",
                                       "subset_41_6_channels_5.1_.flac", "ear_24bit_missing_padding.wav"};
    static const char *const bad[] = {"uncommon_10_file_starting_at_frame_header.flac", "bw64_rect_24bit_noriff.wav",
                                      "faulty_06_missing_streaminfo_metadata_block.flac"};
    size_t num_files = 0, num_good = 0;
    for (int i = 0; i < 2; i++) {
        DIR *directory = opendir(folders[i]);
        if (!directory) {
            print_message("%s is not there: skipped\n", folders[i]);
            skip();
        }
        for (struct dirent *entry; (entry = readdir(directory));) {
            char path[1024];
            snprintf(path, sizeof path, "%s/%s", folders[i], entry->d_name);
            if (entry->d_name[0] == '.')
                continue;
            bool survived = survives(path);
            num_files++;
            num_good += survived;
            for (size_t k = 0; k < sizeof good / sizeof *good; k++)
                if (strcmp(entry->d_name, good[k]) == 0 && !survived)
                    fail_msg("%s was refused", path);
            for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
                if (strcmp(entry->d_name, bad[k]) == 0 && survived)
                    fail_msg("%s was taken", path);
        }
        closedir(directory);
    }
    print_message("%zu files, %zu of them readable\n", num_files, num_good);
    assert_true(num_files > 20 && num_good > 10);
}

/* Every cut and many flipped bits of a small file: any answer will do, but one must come. */
static void damaged_headers(void **state)
{
    (void)state;
    static const int formats[] = {SF_FORMAT_WAVEX | SF_FORMAT_PCM_24, SF_FORMAT_RF64 | SF_FORMAT_FLOAT,
                                  SF_FORMAT_AIFF | SF_FORMAT_PCM_16, SF_FORMAT_W64 | SF_FORMAT_PCM_16,
                                  SF_FORMAT_FLAC | SF_FORMAT_PCM_16};
    float samples[3 * 64];
    uint64_t seed = 2;
    for (size_t i = 0; i < 3 * 64; i++)
        samples[i] = noise(&seed);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        make_file(in_folder("whole"), formats[i], 44100, 3, samples, 64);
        size_t size;
        unsigned char *bytes = fixture_load(in_folder("whole"), &size);
        for (size_t cut = 0; cut < size; cut += cut < 160 ? 1 : 13) {
            fixture_bytes(in_folder("damaged"), bytes, cut);
            if (survives(in_folder("damaged")) && cut + 16 < size)
                fail_msg("format %x: taken when cut to %zu of %zu bytes", formats[i], cut, size);
        }
        for (size_t bit = 0; bit < 8 * (size < 128 ? size : 128); bit += 3) {
            bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
            fixture_bytes(in_folder("damaged"), bytes, size);
            survives(in_folder("damaged"));
            bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        }
        free(bytes);
    }
}

/* ---- Samples as they are ------------------------------------------------- */

/* Reads all of a file in steps of the given size into one planar array, extra frames past its end included. */
static float *read_all(const char *path, uint32_t rate, uint64_t first_frame, uint64_t num_frames, uint32_t step,
                       uint32_t num_channels)
{
    mxd_problems *problems = mxd_problems_create();
    mxd_audio_reader *reader = NULL;
    float *samples = malloc(num_frames * num_channels * sizeof *samples);
    assert_non_null(samples);
    mxd_result result = mxd_audio_reader_open(path, rate, first_frame, MXD_NON_FINITE_ERROR, problems, &reader);
    for (uint64_t done = 0; !result && done < num_frames; done += step) {
        float *channels[MXD_AUDIO_MAX_CHANNELS];
        for (uint32_t channel = 0; channel < num_channels; channel++)
            channels[channel] = samples + channel * num_frames + done;
        result =
            mxd_audio_reader_read(reader, channels, num_frames - done < step ? (uint32_t)(num_frames - done) : step);
    }
    expect_no_problem(problems, path);
    assert_int_equal(result, MXD_OK);
    mxd_audio_reader_close(reader);
    mxd_problems_destroy(problems);
    return samples;
}

/* Integer formats are full scale at 2^(bits - 1): an integer k must come as k / 2^(bits - 1) to the bit. */
static void integer_scale(void **state)
{
    (void)state;
    static const struct { int format, bits; } cases[] = {
        {SF_FORMAT_WAV | SF_FORMAT_PCM_U8, 8},   {SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16},
        {SF_FORMAT_WAV | SF_FORMAT_PCM_24, 24},  {SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 16},
        {SF_FORMAT_FLAC | SF_FORMAT_PCM_24, 24}, {SF_FORMAT_AIFF | SF_FORMAT_PCM_24, 24},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int32_t highest = (int32_t)((1u << (cases[i].bits - 1)) - 1);
        int32_t values[] = {0, 1, -1, highest, -highest - 1, highest / 3, -highest / 7};
        int32_t shifted[7];
        for (int k = 0; k < 7; k++)
            shifted[k] = (int32_t)((uint32_t)values[k] << (32 - cases[i].bits));
        SF_INFO info = {.samplerate = 48000, .channels = 1, .format = cases[i].format};
        SNDFILE *file = sf_open(in_folder("integers"), SFM_WRITE, &info);
        assert_int_equal(sf_writef_int(file, shifted, 7), 7);
        sf_close(file);
        float *samples = read_all(in_folder("integers"), 48000, 0, 7, 7, 1);
        for (int k = 0; k < 7; k++)
            if (samples[k] != ldexpf((float)values[k], 1 - cases[i].bits))
                fail_msg("format %x: %d was read as %.9g", cases[i].format, (int)values[k], samples[k]);
        free(samples);
    }
}

static void channels_and_positions(void **state)
{
    (void)state;
    static const uint32_t widths[] = {1, 2, 3, 6, 12, 64};
    enum { NUM_FRAMES = 20011 };
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
        uint32_t width = widths[w];
        float *interleaved = malloc(NUM_FRAMES * width * sizeof *interleaved);
        for (uint32_t i = 0; i < NUM_FRAMES * width; i++)
            interleaved[i] = (float)i; /* exact: below 2^24 */
        make_file(in_folder("wide.wav"), SF_FORMAT_WAV | SF_FORMAT_FLOAT, 48000, width, interleaved, NUM_FRAMES);
        static const uint64_t starts[] = {0, 1, 127, 16384, NUM_FRAMES - 1, NUM_FRAMES, NUM_FRAMES + 5};
        static const uint32_t steps[] = {1, 128, 129, 4999, 40000};
        for (size_t s = 0; s < sizeof starts / sizeof *starts; s++) {
            uint32_t step = steps[(s + w) % 5], num_frames = s == 0 ? NUM_FRAMES + 3 : 700;
            float *planar = read_all(in_folder("wide.wav"), 48000, starts[s], num_frames, step, width);
            for (uint32_t channel = 0; channel < width; channel++)
                for (uint32_t i = 0; i < num_frames; i++) {
                    uint64_t frame = starts[s] + i;
                    float wanted = frame < NUM_FRAMES ? interleaved[frame * width + channel] : 0.0f;
                    if (planar[channel * num_frames + i] != wanted)
                        fail_msg("%u channels from %lu by %u: channel %u frame %lu is %g, not %g", width,
                                 (unsigned long)starts[s], step, channel, (unsigned long)frame,
                                 planar[channel * num_frames + i], wanted);
                }
            free(planar);
        }
        free(interleaved);
    }
    /* Channels that are not wanted are passed over. */
    mxd_audio_reader *reader = NULL;
    float third[200];
    float *channels[64] = {NULL, NULL, third};
    assert_int_equal(
        mxd_audio_reader_open(in_folder("wide.wav"), 48000, NUM_FRAMES - 100, MXD_NON_FINITE_ERROR, NULL, &reader),
        MXD_OK);
    assert_int_equal(mxd_audio_reader_read(reader, channels, 200), MXD_OK);
    for (uint32_t i = 0; i < 200; i++)
        assert_true(third[i] == (i < 100 ? (float)((NUM_FRAMES - 100 + i) * 64 + 2) : 0.0f));
    mxd_audio_reader_close(reader);
}

static void not_a_number(void **state)
{
    (void)state;
    enum { NUM_FRAMES = 40009 };
    static const uint32_t rates[] = {48000, 44100};
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    float *samples = calloc(3 * NUM_FRAMES, sizeof *samples);
    for (size_t kind = 0; kind < 3; kind++)
        for (size_t r = 0; r < 2; r++) {
            samples[3 * 30001 + 1] = bad[kind];
            make_file(in_folder("nan.wav"), SF_FORMAT_WAV | SF_FORMAT_FLOAT, 48000, 3, samples, NUM_FRAMES);
            float *out = malloc(3 * NUM_FRAMES * sizeof *out);
            float *channels[3] = {out, out + NUM_FRAMES, out + 2 * NUM_FRAMES};
            mxd_problems *problems = mxd_problems_create();
            mxd_audio_reader *reader = NULL;
            assert_int_equal(
                mxd_audio_reader_open(in_folder("nan.wav"), rates[r], 0, MXD_NON_FINITE_ERROR, problems, &reader),
                MXD_OK);
            assert_int_equal(mxd_audio_reader_read(reader, channels, NUM_FRAMES), MXD_ERROR_FILE);
            expect_one_problem(problems, "nan.wav", kind ? "infinity at frame 30001" : "(NaN) at frame 30001");
            assert_non_null(strstr(mxd_problems_get(problems, 0)->text, "channel 2"));
            mxd_audio_reader_close(reader);
            assert_int_equal(
                mxd_audio_reader_open(in_folder("nan.wav"), rates[r], 0, MXD_NON_FINITE_ZERO, problems, &reader),
                MXD_OK);
            assert_int_equal(mxd_audio_reader_read(reader, channels, NUM_FRAMES), MXD_OK);
            for (size_t i = 0; i < 3 * NUM_FRAMES; i++)
                assert_true(out[i] == 0.0f);
            mxd_audio_reader_close(reader);
            mxd_problems_destroy(problems);
            free(out);
        }
    free(samples);
}

static void file_ends_early(void **state)
{
    (void)state;
    enum { NUM_FRAMES = 50000 };
    float *samples = malloc(NUM_FRAMES * sizeof *samples);
    uint64_t seed = 3;
    for (size_t i = 0; i < NUM_FRAMES; i++)
        samples[i] = noise(&seed);
    make_file(in_folder("whole"), SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 48000, 1, samples, NUM_FRAMES);
    cut_file(in_folder("whole"), in_folder("early.flac"), 0.7);
    mxd_problems *problems = mxd_problems_create();
    mxd_audio_reader *reader = NULL;
    assert_int_equal(mxd_audio_reader_open(in_folder("early.flac"), 48000, 0, MXD_NON_FINITE_ERROR, problems, &reader),
                     MXD_OK);
    assert_int_equal(mxd_audio_reader_read(reader, &samples, NUM_FRAMES), MXD_ERROR_FILE);
    expect_one_problem(problems, "early.flac", "ends or is damaged at frame 3");
    mxd_audio_reader_close(reader);
    mxd_problems_destroy(problems);
    free(samples);
}

/* ---- Another rate -------------------------------------------------------- */

static void lengths(void **state)
{
    (void)state;
    static const struct { uint64_t num_frames; uint32_t from, to; uint64_t wanted; } cases[] = {
        {0, 44100, 48000, 0},           {1, 44100, 48000, 1},          {44100, 44100, 48000, 48000},
        {147, 44100, 48000, 160},       {100, 44100, 48000, 109},      {3, 48000, 96000, 6},
        {3, 96000, 48000, 2},           {1, 96000, 48000, 1},          {1, 192000, 48000, 0},
        {7, 48000, 48000, 7},           {1000000000000u, 768000, 8000, 10416666667u},
        {UINT64_C(1) << 50, 48000, 44100, 1034420539411661u},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (mxd_audio_frames_at(cases[i].num_frames, cases[i].from, cases[i].to) != cases[i].wanted)
            fail_msg("%lu frames from %u to %u Hz: %lu, not %lu", (unsigned long)cases[i].num_frames, cases[i].from,
                     cases[i].to, (unsigned long)mxd_audio_frames_at(cases[i].num_frames, cases[i].from, cases[i].to),
                     (unsigned long)cases[i].wanted);
}

static const uint32_t ratios[][2] = {{44100, 48000}, {48000, 44100}, {96000, 48000}, {48000, 96000}, {192000, 44100},
                                     {8000, 192000}, {384000, 8000}, {44099, 48000}, {48000, 47999}, {11025, 48000}};
enum { NUM_RATIOS = sizeof ratios / sizeof *ratios };

/* An impulse one second into the file comes one second into the stream, and symmetric: linear phase, no latency left.
 * So does one in the first frame: its peak is the first frame. */
static void impulse_stays_in_place(void **state)
{
    (void)state;
    for (int k = 0; k < NUM_RATIOS; k++) {
        uint32_t from = ratios[k][0], to = ratios[k][1];
        float *impulses = calloc(2 * from, sizeof *impulses);
        impulses[0] = 0.5f;
        impulses[from] = 0.5f;
        make_file(in_folder("impulse.wav"), SF_FORMAT_WAV | SF_FORMAT_FLOAT, from, 1, impulses, 2 * from);
        float *out = read_all(in_folder("impulse.wav"), to, 0, 2 * to, 65536, 1);
        for (uint32_t i = 1; i < 2 * to; i++)
            if (i != to && !(fabsf(out[i]) < out[to]))
                fail_msg("%u to %u Hz: the peak is at %u", from, to, i);
        /* Both sides pass through different phases of one filter in double: equal within rounding to float. */
        for (uint32_t i = 1; i < to / 4; i++)
            if (!(fabsf(out[to - i] - out[to + i]) <= 1e-7f))
                fail_msg("%u to %u Hz: not symmetric at %u: %g", from, to, i, out[to - i] - out[to + i]);
        if (!(fabsf(out[0] - out[to]) <= 1e-7f))
            fail_msg("%u to %u Hz: %g at the file's start, %g within", from, to, out[0], out[to]);
        free(out);
        free(impulses);
    }
}

/*
 * A sine must be the same sine: the best-fitting one of its frequency is within 0.01 dB (libsoxr's roll-off at most)
 * and 1e-6 rad, and what is left lies 120 dB below (float's rounding alone would allow some 150). Edges left out.
 */
static void sine_keeps_its_phase(void **state)
{
    (void)state;
    for (int k = 0; k < NUM_RATIOS; k++) {
        uint32_t from = ratios[k][0], to = ratios[k][1], slower = from < to ? from : to;
        uint32_t num_frames = 3 * from;
        float *sine = malloc(num_frames * sizeof *sine);
        /* Whole periods in the two seconds looked at, so that sine and cosine are orthogonal; up to 0.8 of Nyquist,
         * within the pass band (0.91). */
        for (int f = 0; f < 2; f++) {
            double frequency_hz = floor((f ? 0.3987 : 0.0201) * slower);
            for (uint32_t i = 0; i < num_frames; i++)
                sine[i] = (float)(0.7 * sin(2 * pi * fmod(frequency_hz * i / from, 1.0)));
            make_file(in_folder("sine.wav"), SF_FORMAT_WAV | SF_FORMAT_FLOAT, from, 1, sine, num_frames);
            float *out = read_all(in_folder("sine.wav"), to, 0, 3 * to, 9973, 1);
            double in_phase = 0.0, off_phase = 0.0, power = 0.0;
            for (uint32_t i = to / 2; i < to / 2 + 2 * to; i++) {
                double angle = 2 * pi * fmod(frequency_hz * i / to, 1.0);
                in_phase += out[i] * sin(angle) / to;
                off_phase += out[i] * cos(angle) / to;
                power += (double)out[i] * out[i] / to;
            }
            double gain_db = 20 * log10(hypot(in_phase, off_phase) / 0.7), phase = atan2(off_phase, in_phase);
            double residual = 0.0;
            for (uint32_t i = to / 2; i < to / 2 + 2 * to; i++) {
                double angle = 2 * pi * fmod(frequency_hz * i / to, 1.0);
                double difference = out[i] - in_phase * sin(angle) - off_phase * cos(angle);
                residual += difference * difference / to;
            }
            double ratio_db = 10 * log10(power / residual);
            if (!(ratio_db >= 120.0) || !(fabs(gain_db) <= 0.01) || !(fabs(phase) <= 1e-6))
                fail_msg("%u to %u Hz, %g Hz: signal to error %.1f dB, gain %g dB, phase %g rad", from, to,
                         frequency_hz, ratio_db, gain_db, phase);
            free(out);
        }
        free(sine);
    }
}

/* A stream from the middle is the same stream, within rounding to float (full scale: 2^-24, and both may round); and
 * the size of the steps in which it is read changes no bit. */
static void any_start_any_step(void **state)
{
    (void)state;
    for (int k = 0; k < NUM_RATIOS; k++) {
        uint32_t from = ratios[k][0], to = ratios[k][1];
        uint32_t num_frames = 3 * from + 77;
        uint64_t length = mxd_audio_frames_at(num_frames, from, to), seed = 4;
        float *samples = malloc(2 * num_frames * sizeof *samples);
        for (uint32_t i = 0; i < 2 * num_frames; i++)
            samples[i] = noise(&seed);
        make_file(in_folder("noise.wav"), SF_FORMAT_WAV | SF_FORMAT_FLOAT, from, 2, samples, num_frames);
        float *whole = read_all(in_folder("noise.wav"), to, 0, length, 65536, 2);
        float *steps = read_all(in_folder("noise.wav"), to, 0, length, 127, 2);
        assert_memory_equal(whole, steps, 2 * length * sizeof *whole);
        const uint64_t starts[] = {1, 129, to - 1, to, 2 * to + 1, 2 * to + to / 3, length - 1, length};
        for (size_t s = 0; s < sizeof starts / sizeof *starts; s++) {
            uint64_t count = length - starts[s] + 10;
            float *part = read_all(in_folder("noise.wav"), to, starts[s], count, 4096, 2);
            for (uint64_t i = 0; i < 2 * count; i++) {
                uint64_t frame = starts[s] + i % count;
                float wanted = frame < length ? whole[i / count * length + frame] : 0.0f;
                if (!(fabsf(part[i] - wanted) <= 0x1.8p-23f))
                    fail_msg("%u to %u Hz from %lu: frame %lu is %.9g, not %.9g", from, to, (unsigned long)starts[s],
                             (unsigned long)frame, part[i], wanted);
            }
            free(part);
        }
        free(whole);
        free(steps);
        free(samples);
    }
}

/* What is in the file's last frames comes out at the stream's end. */
static void end_is_not_lost(void **state)
{
    (void)state;
    for (int k = 0; k < NUM_RATIOS; k++) {
        uint32_t from = ratios[k][0], to = ratios[k][1];
        float *samples = calloc(from, sizeof *samples);
        /* Half a second of a constant up to the end: in the pass band, so it stays until the filter sees the end. */
        for (uint32_t i = from / 2; i < from; i++)
            samples[i] = 0.5f;
        make_file(in_folder("end.wav"), SF_FORMAT_WAV | SF_FORMAT_FLOAT, from, 1, samples, from);
        float *out = read_all(in_folder("end.wav"), to, 0, to + 100, 1000, 1);
        /* A step through a linear-phase low-pass is half its height in the middle of its edge. That lies half a frame
         * of the file behind the file's last, and at the lower of the two rates the edge takes a frame. */
        uint32_t last = (uint32_t)((uint64_t)(from - 1) * to / from);
        if (!(fabsf(out[last]) > 0.2f) || !(fabsf(out[to * 3 / 4] - 0.5f) <= 1e-4f))
            fail_msg("%u to %u Hz: %g at the end, %g before it", from, to, out[last], out[to * 3 / 4]);
        for (uint32_t i = to; i < to + 100; i++)
            assert_true(out[i] == 0.0f);
        free(out);
        free(samples);
    }
}

/* Packed formats too are the same stream from anywhere. */
static void packed_formats_from_the_middle(void **state)
{
    (void)state;
    static const int formats[] = {SF_FORMAT_FLAC | SF_FORMAT_PCM_24, SF_FORMAT_OGG | SF_FORMAT_VORBIS,
                                  SF_FORMAT_WAV | SF_FORMAT_IMA_ADPCM, SF_FORMAT_CAF | SF_FORMAT_ALAC_16,
                                  SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III};
    enum { NUM_FRAMES = 60013 };
    float *samples = malloc(2 * NUM_FRAMES * sizeof *samples);
    uint64_t seed = 8;
    for (size_t i = 0; i < 2 * NUM_FRAMES; i++)
        samples[i] = 0.4f * noise(&seed);
    for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
        SF_INFO can = {.samplerate = 48000, .channels = 2, .format = formats[f]};
        if (!sf_format_check(&can)) {
            print_message("this libsndfile does not write format %x: passed over\n", formats[f]);
            continue;
        }
        make_file(in_folder("packed"), formats[f], 48000, 2, samples, NUM_FRAMES);
        float *whole = read_all(in_folder("packed"), 48000, 0, NUM_FRAMES, 1009, 2);
        static const uint64_t starts[] = {1, 4095, 20000, 59000};
        for (int s = 0; s < 4; s++) {
            float *part = read_all(in_folder("packed"), 48000, starts[s], 1000, 333, 2);
            for (int channel = 0; channel < 2; channel++)
                if (memcmp(part + 1000 * channel, whole + NUM_FRAMES * channel + starts[s], 1000 * sizeof *part) != 0)
                    fail_msg("format %x differs from frame %lu on", formats[f], (unsigned long)starts[s]);
            free(part);
        }
        free(whole);
    }
    free(samples);
}

/* Decoders run in several threads, each with readers of its own, and must not notice one another. */
static void *read_in_thread(void *samples)
{
    for (int k = 0; k < NUM_RATIOS; k++) {
        mxd_audio_reader *reader = NULL;
        float *channels[] = {(float *)samples + 5000 * k};
        if (mxd_audio_reader_open(in_folder_of_rate(ratios[k][0]), ratios[k][1], 1234, MXD_NON_FINITE_ERROR, NULL,
                                  &reader) ||
            mxd_audio_reader_read(reader, channels, 5000))
            channels[0][0] = NAN;
        mxd_audio_reader_close(reader);
    }
    return NULL;
}

static void readers_in_parallel(void **state)
{
    (void)state;
    enum { NUM_THREADS = 4, NUM_SAMPLES = 5000 * NUM_RATIOS };
    uint64_t seed = 9;
    float *all = calloc((NUM_THREADS + 1) * NUM_SAMPLES, sizeof *all);
    for (int i = 0; i < 20000; i++)
        all[i] = noise(&seed);
    for (int k = 0; k < NUM_RATIOS; k++) {
        const char *path = in_folder_of_rate(ratios[k][0]);
        make_file(path, SF_FORMAT_FLAC | SF_FORMAT_PCM_24, ratios[k][0], 1, all, 20000);
    }
    read_in_thread(all);
    pthread_t threads[NUM_THREADS];
    for (int t = 0; t < NUM_THREADS; t++)
        assert_int_equal(pthread_create(&threads[t], NULL, read_in_thread, all + (t + 1) * NUM_SAMPLES), 0);
    for (int t = 0; t < NUM_THREADS; t++)
        pthread_join(threads[t], NULL);
    for (int t = 1; t <= NUM_THREADS; t++)
        assert_memory_equal(all, all + t * NUM_SAMPLES, NUM_SAMPLES * sizeof *all);
    assert_true(all[100] != 0.0f);
    free(all);
}

static void loading_whole_files(void **state)
{
    (void)state;
    float samples[2 * 1000];
    for (int i = 0; i < 2000; i++)
        samples[i] = (float)i;
    make_file(in_folder("load.wav"), SF_FORMAT_WAVEX | SF_FORMAT_FLOAT, 44100, 2, samples, 1000);
    mxd_problems *problems = mxd_problems_create();
    const mxd_place place = {.file = "session.json", .line = 3, .path = "/x"};
    mxd_audio_info info;
    float *planar = NULL;
    assert_int_equal(mxd_audio_load(in_folder("load.wav"), 0, 1000, &place, problems, &info, &planar), MXD_OK);
    assert_int_equal(info.num_frames, 1000);
    assert_int_equal(info.sample_rate, 44100);
    assert_int_equal(info.wave_mask, 0x3);
    for (int i = 0; i < 1000; i++)
        assert_true(planar[i] == (float)(2 * i) && planar[1000 + i] == (float)(2 * i + 1));
    free(planar);
    assert_int_equal(mxd_audio_load(in_folder("load.wav"), 88200, 2000, &place, problems, &info, &planar), MXD_OK);
    assert_int_equal(info.num_frames, 2000);
    assert_int_equal(info.sample_rate, 88200);
    free(planar);
    expect_no_problem(problems, "load.wav");
    assert_int_equal(mxd_audio_load(in_folder("load.wav"), 88200, 1999, &place, problems, &info, &planar),
                     MXD_ERROR_FILE);
    assert_null(planar);
    expect_one_problem(problems, "load.wav", "is too long");
    assert_int_equal(mxd_problems_get(problems, 0)->line, 3);
    mxd_problems_destroy(problems);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_and_foreign_files),
        cmocka_unit_test(unreadable_file),
        cmocka_unit_test(truncated_files),
        cmocka_unit_test(useless_files),
        cmocka_unit_test(corpus_of_damaged_files),
        cmocka_unit_test(damaged_headers),
        cmocka_unit_test(integer_scale),
        cmocka_unit_test(channels_and_positions),
        cmocka_unit_test(not_a_number),
        cmocka_unit_test(file_ends_early),
        cmocka_unit_test(lengths),
        cmocka_unit_test(impulse_stays_in_place),
        cmocka_unit_test(sine_keeps_its_phase),
        cmocka_unit_test(any_start_any_step),
        cmocka_unit_test(end_is_not_lost),
        cmocka_unit_test(packed_formats_from_the_middle),
        cmocka_unit_test(readers_in_parallel),
        cmocka_unit_test(loading_whole_files),
    };
    return cmocka_run_group_tests_name("audio files, reading", tests, make_folder, remove_folder);
}
