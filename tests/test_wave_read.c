/* WAVE files that are read without libsndfile, against libsndfile: headers of all kinds, samples to the bit. */
#include "audio_fixture.h"

#include "formats/audio_file.h"
#include "formats/audio_header.h"

#include <fcntl.h>
#include <math.h>

/* ---- Help ---------------------------------------------------------------- */

static mxd_audio_header header_of(const char *path)
{
    int file = open(path, O_RDONLY);
    struct stat status;
    assert_true(file >= 0 && fstat(file, &status) == 0);
    mxd_audio_header header = mxd_audio_header_read(file, (uint64_t)status.st_size);
    close(file);
    return header;
}

/* Some frames of a file by libsndfile and by the reader, in steps, from a frame on: the same bits. */
static void compare_samples(const char *path, SNDFILE *witness, const SF_INFO *info, uint64_t first, uint32_t step,
                            uint32_t num_frames)
{
    uint32_t num_channels = (uint32_t)info->channels;
    float *wanted = malloc((size_t)num_frames * num_channels * sizeof *wanted);
    float *planar = malloc((size_t)num_frames * num_channels * sizeof *planar);
    assert_true(wanted && planar);
    mxd_problems *problems = mxd_problems_create();
    mxd_audio_reader *reader = NULL;
    assert_int_equal(sf_seek(witness, (sf_count_t)first, SEEK_SET), first);
    assert_int_equal(sf_readf_float(witness, wanted, num_frames), num_frames);
    for (size_t i = 0; i < (size_t)num_frames * num_channels; i++)
        if (!isfinite(wanted[i]))
            wanted[i] = 0.0f;
    mxd_result result = mxd_audio_reader_open(path, (uint32_t)info->samplerate, first, MXD_NON_FINITE_ZERO, problems,
                                              &reader);
    for (uint32_t done = 0; !result && done < num_frames; done += step) {
        float *channels[MXD_AUDIO_MAX_CHANNELS];
        for (uint32_t c = 0; c < num_channels; c++)
            channels[c] = planar + (size_t)c * num_frames + done;
        result = mxd_audio_reader_read(reader, channels, num_frames - done < step ? num_frames - done : step);
    }
    expect_no_problem(problems, path);
    assert_int_equal(result, MXD_OK);
    for (uint32_t c = 0; c < num_channels; c++)
        for (uint32_t i = 0; i < num_frames; i++)
            if (memcmp(&planar[(size_t)c * num_frames + i], &wanted[(size_t)i * num_channels + c], sizeof(float)) != 0)
                fail_msg("%s: channel %u frame %lu is %.9g; libsndfile says %.9g", path, c, (unsigned long)first + i,
                         (double)planar[(size_t)c * num_frames + i], (double)wanted[(size_t)i * num_channels + c]);
    mxd_audio_reader_close(reader);
    mxd_problems_destroy(problems);
    free(planar);
    free(wanted);
}

/* The whole file, or as much of it as a test has time for. False where libsndfile cannot open it. */
static bool same_as_libsndfile(const char *path)
{
    enum { MOST_FRAMES = 60000 };
    SF_INFO info = {0};
    mxd_audio_info found;
    SNDFILE *witness = sf_open(path, SFM_READ, &info);
    mxd_problems *problems = mxd_problems_create();
    mxd_result result = mxd_audio_probe(path, NULL, problems, &found);
    if (!witness || info.frames == 0) {
        if (result == MXD_OK)
            fail_msg("%s: taken, though libsndfile finds nothing in it", path);
        if (witness)
            sf_close(witness);
        mxd_problems_destroy(problems);
        return false;
    }
    expect_no_problem(problems, path);
    assert_int_equal(result, MXD_OK);
    if (found.num_frames != (uint64_t)info.frames || found.num_channels != (uint32_t)info.channels ||
        found.sample_rate != (uint32_t)info.samplerate)
        fail_msg("%s: %lu frames of %u channels at %u Hz; libsndfile says %ld of %d at %d", path,
                 (unsigned long)found.num_frames, found.num_channels, found.sample_rate, (long)info.frames,
                 info.channels, info.samplerate);
    uint32_t count = info.frames < MOST_FRAMES ? (uint32_t)info.frames : MOST_FRAMES;
    compare_samples(path, witness, &info, 0, count, count);
    compare_samples(path, witness, &info, 0, 1009, count);
    uint32_t part = count / 3 + 1;
    compare_samples(path, witness, &info, (uint64_t)info.frames - part, 127, part);
    sf_close(witness);
    mxd_problems_destroy(problems);
    return true;
}

/* ---- Files that libsndfile writes ------------------------------------------ */

static void files_by_libsndfile(void **state)
{
    (void)state;
    static const struct { int subtype; mxd_wave_encoding encoding; } encodings[] = {
        {SF_FORMAT_PCM_16, MXD_WAVE_S16}, {SF_FORMAT_PCM_24, MXD_WAVE_S24}, {SF_FORMAT_PCM_32, MXD_WAVE_S32},
        {SF_FORMAT_FLOAT, MXD_WAVE_F32},  {SF_FORMAT_DOUBLE, MXD_WAVE_F64}, {SF_FORMAT_PCM_U8, MXD_WAVE_OTHER},
        {SF_FORMAT_ALAW, MXD_WAVE_OTHER}, {SF_FORMAT_ULAW, MXD_WAVE_OTHER}};
    static const int kinds[] = {SF_FORMAT_WAV, SF_FORMAT_WAVEX, SF_FORMAT_RF64};
    static const uint32_t widths[] = {1, 2, 3, 12, 64};
    enum { NUM_FRAMES = 5003 };
    double *samples = malloc(64 * NUM_FRAMES * sizeof *samples);
    assert_non_null(samples);
    uint64_t seed = 3;
    for (size_t i = 0; i < 64 * NUM_FRAMES; i++) /* what no integer format holds whole, and what clips */
        samples[i] = 1.001 * (double)noise(&seed) + 1e-9 * (double)noise(&seed);
    for (size_t e = 0; e < sizeof encodings / sizeof *encodings; e++)
        for (size_t k = 0; k < 3; k++)
            for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
                SF_INFO info = {.samplerate = 44100, .channels = (int)widths[w],
                                .format = kinds[k] | encodings[e].subtype};
                SNDFILE *file = sf_open(in_folder("made.wav"), SFM_WRITE, &info);
                assert_non_null(file);
                sf_command(file, SFC_SET_CLIPPING, NULL, SF_TRUE);
                assert_int_equal(sf_writef_double(file, samples, NUM_FRAMES), NUM_FRAMES);
                sf_close(file);
                mxd_audio_header header = header_of(in_folder("made.wav"));
                if (header.encoding != encodings[e].encoding || header.plain != (header.encoding != MXD_WAVE_OTHER))
                    fail_msg("format %x: not known for what it is (%d, %s)", info.format, (int)header.encoding,
                             header.fault);
                assert_true(same_as_libsndfile(in_folder("made.wav")));
            }
    free(samples);
}

static void doubles_beyond_floats(void **state)
{
    (void)state;
    static const double samples[] = {1e300, -1e39, 1e-320, 1e-42, -1e-45, 0x1.000001p0, 0x1.ffffffp-1, 3.5e38, NAN,
                                     -INFINITY, -0.0, 0.1, -0x1.fffffefp127};
    SF_INFO info = {.samplerate = 48000, .channels = 1, .format = SF_FORMAT_WAV | SF_FORMAT_DOUBLE};
    SNDFILE *file = sf_open(in_folder("far.wav"), SFM_WRITE, &info);
    sf_count_t count = sizeof samples / sizeof *samples;
    assert_int_equal(sf_writef_double(file, samples, count), count);
    sf_close(file);
    assert_true(same_as_libsndfile(in_folder("far.wav")));
}

/* ---- Headers made by hand -------------------------------------------------- */

typedef struct builder {
    unsigned char bytes[4096];
    size_t size;
} builder;

static void put(builder *to, uint64_t value, int num_bytes)
{
    for (int i = 0; i < num_bytes; i++)
        to->bytes[to->size++] = (unsigned char)(value >> (8 * i));
}

static void put_text(builder *to, const char *text)
{
    memcpy(to->bytes + to->size, text, strlen(text));
    to->size += strlen(text);
}

/* A chunk of zeros with its padding, if padded. */
static void put_chunk(builder *to, const char *name, uint32_t size, bool padded)
{
    put_text(to, name);
    put(to, size, 4);
    for (uint32_t i = 0; i < size + (padded ? size & 1 : 0); i++)
        to->bytes[to->size++] = 0;
}

typedef struct hand_made {
    const char *name;
    const char *magic;         /* NULL = RIFF */
    uint32_t format_size;      /* 0 = 16 */
    uint32_t tag, bits, width; /* 0 = PCM, 24, 2 channels */
    uint32_t frame_bytes;      /* 0 = as bits and channels have it */
    uint32_t valid_bits;       /* extensible */
    bool foreign_guid;
    const char *before;        /* chunks of odd size before fmt, before data and behind it, by four letters each */
    const char *between;
    const char *behind;
    bool unpadded;             /* what is before data has no padding */
    uint64_t data_size;        /* in the header; 0 = true, UINT64_MAX = 0 */
    uint64_t ds64;             /* data size in ds64; 0 = none */
    bool zero_riff;            /* streamed: RIFF's size 8 and data's 0, as some programs leave them */
    uint32_t num_bytes;        /* of samples; 0 = 600 */
    bool must_be_plain;
} hand_made;

static void put_samples(builder *to, uint32_t num_bytes)
{
    uint64_t seed = 5;
    for (uint32_t i = 0; i < num_bytes; i++)
        to->bytes[to->size++] = (unsigned char)(128.0f + 127.0f * noise(&seed));
}

static void make_by_hand(const hand_made *spec, const char *path)
{
    static const unsigned char guid_rest[14] = {0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71};
    builder to = {.size = 0};
    uint32_t tag = spec->tag ? spec->tag : 1, bits = spec->bits ? spec->bits : 24, width = spec->width ? spec->width : 2;
    uint32_t frame_bytes = spec->frame_bytes ? spec->frame_bytes : width * bits / 8;
    uint32_t num_bytes = spec->num_bytes ? spec->num_bytes : 600, format_size = spec->format_size;
    char name[5] = "";
    put_text(&to, spec->magic ? spec->magic : "RIFF");
    put(&to, spec->zero_riff ? 8 : spec->magic ? UINT32_MAX : 2000, 4);
    put_text(&to, "WAVE");
    if (spec->ds64) {
        put_text(&to, "ds64");
        put(&to, 28, 4);
        put(&to, 2000, 8);
        put(&to, spec->ds64, 8);
        put(&to, spec->ds64 / frame_bytes, 8);
        put(&to, 0, 4);
    }
    for (const char *c = spec->before; c && *c; c += 4)
        put_chunk(&to, memcpy(name, c, 4), 27, !spec->unpadded);
    put_text(&to, "fmt ");
    put(&to, format_size ? format_size : 16, 4);
    put(&to, tag, 2);
    put(&to, width, 2);
    put(&to, 48000, 4);
    put(&to, 48000 * frame_bytes, 4);
    put(&to, frame_bytes, 2);
    put(&to, bits, 2);
    if (format_size >= 18)
        put(&to, format_size - 18, 2);
    if (format_size >= 40) {
        put(&to, spec->valid_bits ? spec->valid_bits : bits, 2);
        put(&to, 3, 4);
        put(&to, tag == 0xFFFE ? 1 : tag, 2);
        memcpy(to.bytes + to.size, guid_rest, sizeof guid_rest);
        to.bytes[to.size + 13] ^= spec->foreign_guid;
        to.size += sizeof guid_rest;
    }
    for (const char *c = spec->between; c && *c; c += 4)
        put_chunk(&to, memcpy(name, c, 4), 31, !spec->unpadded);
    put_text(&to, "data");
    put(&to, spec->data_size == UINT64_MAX ? 0 : spec->data_size ? spec->data_size : num_bytes, 4);
    put_samples(&to, num_bytes);
    for (const char *c = spec->behind; c && *c; c += 4) {
        put(&to, 0, num_bytes & 1);
        put_chunk(&to, memcpy(name, c, 4), 27, true);
    }
    fixture_bytes(path, to.bytes, to.size);
}

static void headers_by_hand(void **state)
{
    (void)state;
    static const hand_made specs[] = {
        {.name = "plain", .must_be_plain = true},
        {.name = "fmt of 18", .format_size = 18, .must_be_plain = true},
        {.name = "extensible", .format_size = 40, .tag = 0xFFFE, .must_be_plain = true},
        {.name = "20 bits of 24", .format_size = 40, .tag = 0xFFFE, .valid_bits = 20, .must_be_plain = true},
        {.name = "PCM with a long fmt", .format_size = 40, .must_be_plain = true},
        {.name = "foreign GUID", .format_size = 40, .tag = 0xFFFE, .foreign_guid = true},
        {.name = "float of 18", .format_size = 18, .tag = 3, .bits = 32, .must_be_plain = true},
        {.name = "LIST before data", .between = "LIST", .must_be_plain = true},
        {.name = "many before", .before = "JUNKbext", .between = "fact", .must_be_plain = true},
        {.name = "unpadded before data", .between = "junk", .unpadded = true},
        {.name = "chunks behind", .behind = "junkid3 ", .must_be_plain = true},
        {.name = "odd data, chunks behind", .width = 1, .num_bytes = 599, .behind = "junk", .must_be_plain = true},
        {.name = "half a frame left", .num_bytes = 601, .must_be_plain = true},
        {.name = "odd data, no padding", .width = 1, .num_bytes = 597, .must_be_plain = true},
        {.name = "second data", .behind = "data"},
        {.name = "second fmt", .behind = "fmt "},
        {.name = "streamed, all ones", .data_size = UINT32_MAX, .must_be_plain = true},
        {.name = "streamed, zero", .data_size = UINT64_MAX, .zero_riff = true},
        {.name = "no data", .data_size = UINT64_MAX},
        {.name = "24 bits in 4 bytes", .frame_bytes = 8},
        {.name = "12 bits", .bits = 12, .frame_bytes = 4},
        {.name = "20 bits", .bits = 20, .frame_bytes = 6},
        {.name = "8 bits", .bits = 8},
        {.name = "odd frames", .frame_bytes = 5},
        {.name = "tag 2", .tag = 2},
        {.name = "float of 24", .tag = 3},
        {.name = "fmt of 14", .format_size = 14},
        {.name = "RF64", .magic = "RF64", .data_size = UINT32_MAX, .ds64 = 600, .must_be_plain = true},
        {.name = "RF64 without ds64", .magic = "RF64", .data_size = UINT32_MAX},
        {.name = "RF64, streamed", .magic = "RF64", .data_size = UINT32_MAX, .ds64 = 0},
        {.name = "RIFF with ds64", .ds64 = 600},
    };
    size_t num_readable = 0;
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s.wav", specs[i].name);
        make_by_hand(&specs[i], in_folder(name));
        mxd_audio_header header = header_of(in_folder(name));
        if (specs[i].must_be_plain && !header.plain)
            fail_msg("%s: not plain (%s)", name, header.fault);
        num_readable += same_as_libsndfile(in_folder(name));
    }
    assert_true(num_readable >= 20);
}

/* BW64 is RF64 by another name: libsndfile is shown the one, the reader the other. */
static void bw64(void **state)
{
    (void)state;
    static const hand_made specs[] = {
        {.magic = "BW64", .data_size = UINT32_MAX, .ds64 = 600},
        {.magic = "BW64", .ds64 = 600, .between = "axmlchna", .format_size = 18},
        {.magic = "BW64", .width = 5, .bits = 16, .between = "bext"},
    };
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        hand_made riff = specs[i];
        riff.magic = NULL;
        riff.ds64 = riff.data_size = 0;
        make_by_hand(&riff, in_folder("riff.wav"));
        make_by_hand(&specs[i], in_folder("bw64.wav"));
        float *samples[2] = {NULL, NULL};
        mxd_audio_info info[2];
        mxd_problems *problems = mxd_problems_create();
        mxd_audio_load(in_folder("riff.wav"), 0, 1000, NULL, problems, &info[0], &samples[0]);
        mxd_audio_load(in_folder("bw64.wav"), 0, 1000, NULL, problems, &info[1], &samples[1]);
        expect_no_problem(problems, "bw64.wav");
        assert_memory_equal(&info[0], &info[1], sizeof info[0]);
        assert_memory_equal(samples[0], samples[1], info[0].num_frames * info[0].num_channels * sizeof(float));
        free(samples[0]);
        free(samples[1]);
        mxd_problems_destroy(problems);
    }
    /* What is wrong, and at which byte. */
    static const struct { hand_made spec; const char *words; } bad[] = {
        {{.magic = "BW64", .bits = 8}, "is BW64 that is damaged or packed (chunk 'fmt ' at byte 12: tag 1, 8 bits"},
        {{.magic = "BW64", .format_size = 14}, "chunk 'fmt ' at byte 12 has 14 bytes"},
        {{.magic = "BW64", .between = "LIST", .data_size = 700}, "holds 100 (samples begin at byte 84)"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        mxd_problems *problems = mxd_problems_create();
        mxd_audio_info info;
        make_by_hand(&bad[i].spec, in_folder("bad.wav"));
        assert_int_equal(mxd_audio_probe(in_folder("bad.wav"), NULL, problems, &info), MXD_ERROR_FILE);
        expect_one_problem(problems, "bad.wav", bad[i].words);
        mxd_problems_destroy(problems);
    }
}

/* ---- Frames as they lie ---------------------------------------------------- */

static void packed_frames(void **state)
{
    (void)state;
    enum { NUM_FRAMES = 100 };
    make_by_hand(&(hand_made){.name = "packed"}, in_folder("packed.wav"));
    size_t size;
    unsigned char *bytes = fixture_load(in_folder("packed.wav"), &size), frames[6 * (NUM_FRAMES + 20)];
    mxd_audio_reader *reader = NULL;
    mxd_sample_format format;
    assert_int_equal(mxd_audio_reader_open(in_folder("packed.wav"), 48000, 7, MXD_NON_FINITE_ERROR, NULL, &reader),
                     MXD_OK);
    assert_true(mxd_audio_reader_packed(reader, &format));
    assert_int_equal(format, MXD_SAMPLES_S24);
    memset(frames, 0xa5, sizeof frames);
    assert_int_equal(mxd_audio_reader_read_packed(reader, frames, 50), MXD_OK);
    assert_memory_equal(frames, bytes + 44 + 6 * 7, 6 * 50);
    assert_int_equal(frames[6 * 50], 0xa5);
    /* Both kinds of reading go on where the other left off. */
    float left[3], *channels[2] = {left, NULL};
    assert_int_equal(mxd_audio_reader_read(reader, channels, 3), MXD_OK);
    assert_int_equal(mxd_audio_reader_read_packed(reader, frames, 60), MXD_OK);
    assert_memory_equal(frames, bytes + 44 + 6 * 60, 6 * 40);
    for (size_t i = 6 * 40; i < 6 * 60; i++)
        assert_int_equal(frames[i], 0);
    assert_int_equal(frames[6 * 60], 0xa5);
    mxd_audio_reader_close(reader);
    /* At another rate, or of doubles, there is nothing to be had as it lies. */
    assert_int_equal(mxd_audio_reader_open(in_folder("packed.wav"), 44100, 0, MXD_NON_FINITE_ERROR, NULL, &reader),
                     MXD_OK);
    assert_false(mxd_audio_reader_packed(reader, &format));
    mxd_audio_reader_close(reader);
    make_by_hand(&(hand_made){.tag = 3, .bits = 64, .num_bytes = 1600}, in_folder("double.wav"));
    assert_int_equal(mxd_audio_reader_open(in_folder("double.wav"), 48000, 0, MXD_NON_FINITE_ZERO, NULL, &reader),
                     MXD_OK);
    assert_false(mxd_audio_reader_packed(reader, &format));
    mxd_audio_reader_close(reader);
    free(bytes);
}

static void packed_floats_are_checked(void **state)
{
    (void)state;
    float samples[40] = {0}, out[40];
    samples[23] = NAN;
    samples[31] = -INFINITY;
    make_file(in_folder("nan.wav"), SF_FORMAT_WAV | SF_FORMAT_FLOAT, 48000, 2, samples, 20);
    for (int zero = 0; zero < 2; zero++) {
        mxd_problems *problems = mxd_problems_create();
        mxd_audio_reader *reader = NULL;
        assert_int_equal(mxd_audio_reader_open(in_folder("nan.wav"), 48000, 1,
                                               zero ? MXD_NON_FINITE_ZERO : MXD_NON_FINITE_ERROR, problems, &reader),
                         MXD_OK);
        mxd_result result = mxd_audio_reader_read_packed(reader, out, 19);
        if (zero) {
            expect_no_problem(problems, "nan.wav");
            for (size_t i = 0; i < 38; i++)
                assert_true(out[i] == 0.0f);
        } else {
            assert_int_equal(result, MXD_ERROR_FILE);
            expect_one_problem(problems, "nan.wav", "(NaN) at frame 11 (0.000229 s), channel 2");
        }
        mxd_audio_reader_close(reader);
        mxd_problems_destroy(problems);
    }
}

/* ---- Files from elsewhere -------------------------------------------------- */

static void compare_folder(const char *folder, size_t *num_files, size_t *num_plain)
{
    DIR *directory = opendir(folder);
    if (!directory)
        return;
    for (struct dirent *entry; (entry = readdir(directory));) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        struct stat status;
        if (entry->d_name[0] == '.' || stat(path, &status) != 0)
            continue;
        if (S_ISDIR(status.st_mode)) {
            compare_folder(path, num_files, num_plain);
            continue;
        }
        const char *dot = strrchr(entry->d_name, '.');
        mxd_audio_info info;
        if (!dot || strcmp(dot, ".wav") != 0 || mxd_audio_probe(path, NULL, NULL, &info) != MXD_OK)
            continue;
        mxd_audio_header header = header_of(path);
        if (!header.bw64)
            same_as_libsndfile(path);
        *num_files += 1;
        *num_plain += header.plain;
    }
    closedir(directory);
}

static void files_from_elsewhere(void **state)
{
    (void)state;
    size_t num_files = 0, num_plain = 0;
    compare_folder(MXD_SHARED "/data", &num_files, &num_plain);
    compare_folder(MXD_SHARED "/vectors/corpus/wav", &num_files, &num_plain);
    if (num_files == 0) {
        print_message("%s is not there: skipped\n", MXD_SHARED);
        skip();
    }
    print_message("%zu files, %zu of them plain\n", num_files, num_plain);
    assert_true(num_plain > num_files / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_by_libsndfile), cmocka_unit_test(doubles_beyond_floats),
        cmocka_unit_test(headers_by_hand),     cmocka_unit_test(bw64),
        cmocka_unit_test(packed_frames),       cmocka_unit_test(packed_floats_are_checked),
        cmocka_unit_test(files_from_elsewhere),
    };
    return cmocka_run_group_tests_name("plain WAVE files", tests, make_folder, remove_folder);
}
