/*
 * How samples reach the lanes of the Vulkan backend: every format, number of
 * channels and alignment, bit for bit what C's conversions give; on one queue and
 * on several, with and without a staging copy, on one page and on many, with
 * poisoned memory. How much memory staging takes; what happens when a device
 * hangs.
 *
 * Runs on the first usable device; skips where there is none.
 */
#include "host/vulkan/vulkan.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#define BLOCK 1024u
#define NUM_BLOCKS 5u
#define LAST_BLOCK 331u /* frames of it */
#define NUM_FRAMES ((NUM_BLOCKS - 1) * BLOCK + LAST_BLOCK)
#define MAX_LANES 64u
#define IN_FLIGHT 3u

static const char *program_name; /* test_hang_in_prepare runs it again */

static uint32_t find_device(void)
{
    mxd_vulkan_device devices[8];
    uint32_t count = mxd_vulkan_devices(devices, 8);
    for (uint32_t i = 0; i < count && i < 8; i++)
        if (devices[i].usable)
            return i;
    print_message("no usable Vulkan device: install a driver (mesa-vulkan-drivers has one for the CPU)\n");
    skip();
    return 0;
}

static void check(const mxd_problems *problems, mxd_result result)
{
    for (size_t i = 0; i < mxd_problems_count(problems); i++)
        print_message("  %s\n", mxd_problems_get(problems, i)->text);
    assert_int_equal(result, MXD_OK);
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12; /* xorshift64* (Vigna 2016) */
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 2685821657736338717ull;
}

/* ---- Packed files -------------------------------------------------------- */

/* Interleaved frames, as a file has them, at an address of any alignment. */
typedef struct packed_file {
    mxd_sample_format format;
    uint32_t num_channels;
    uint32_t misalignment; /* bytes */
    double gain;
    uint8_t *memory;
} packed_file;

static uint32_t bytes_of(mxd_sample_format format)
{
    static const uint32_t bytes[] = {
        [MXD_SAMPLES_F32] = 4, [MXD_SAMPLES_S16] = 2, [MXD_SAMPLES_S24] = 3, [MXD_SAMPLES_S32] = 4};
    return bytes[format];
}

static uint8_t *frame_of(const packed_file *file, uint32_t frame)
{
    return file->memory + file->misalignment + (size_t)frame * file->num_channels * bytes_of(file->format);
}

/* Limits, ties and their neighbours first, then noise in every bit. */
static uint32_t draw_bits(const packed_file *file, uint32_t number, uint64_t *seed)
{
    static const uint32_t special[] = {
        0, 1, 0xffffffff, 0x7fffffff, 0x80000000, 0x80000001, 0x7fffff, 0x800000, 0x7fff, 0x8000, 0x8001,
        0x01000001, 0x01000002, 0x01000003, 0xfeffffff, 0xfefffffd, 0x7fffffc0, 0x7fffffbf, 0x40000020, 0x40000060,
        0x7fffff7f, 0x7fffff80, 0x7fffff81};
    static const float floats[] = {0.0f, -0.0f, 1.0f, -1.0f, 1e-40f, -1.4e-45f, 3.4e38f, 0.1f};
    uint32_t bits = (uint32_t)(next_random(seed) >> 32);
    if (file->format != MXD_SAMPLES_F32)
        return number < sizeof special / sizeof *special ? special[number] : bits;
    float value = number < sizeof floats / sizeof *floats ? floats[number]
                                                          : (float)((int32_t)bits * (1.0 / 2147483648.0));
    if (file->gain != 1.0 && fabsf(value) < 1e-37f)
        value = 0.0f; /* whether arithmetic keeps denormals is the device's choice */
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void fill_file(packed_file *file, uint64_t *seed)
{
    uint32_t sample_bytes = bytes_of(file->format);
    size_t size = (size_t)NUM_FRAMES * file->num_channels * sample_bytes;
    file->memory = malloc(size + file->misalignment);
    assert_non_null(file->memory);
    for (uint32_t i = 0; i < NUM_FRAMES * file->num_channels; i++) {
        uint32_t bits = draw_bits(file, i / file->num_channels, seed);
        for (uint32_t b = 0; b < sample_bytes; b++)
            file->memory[file->misalignment + (size_t)i * sample_bytes + b] = (uint8_t)(bits >> 8 * b);
    }
}

/* What the lane has to hold, by the language's own conversions: rounded to float, then times the gain in double. */
static float sample_of(const packed_file *file, uint32_t frame, uint32_t channel)
{
    const uint8_t *at = frame_of(file, frame) + (size_t)channel * bytes_of(file->format);
    uint32_t bits = 0;
    for (uint32_t b = 0; b < bytes_of(file->format); b++)
        bits |= (uint32_t)at[b] << 8 * b;
    float value;
    switch (file->format) {
    case MXD_SAMPLES_S16:
        value = (float)(bits >= 0x8000 ? (int32_t)bits - 0x10000 : (int32_t)bits) / 32768.0f;
        break;
    case MXD_SAMPLES_S24:
        value = (float)(bits >= 0x800000 ? (int32_t)bits - 0x1000000 : (int32_t)bits) / 8388608.0f;
        break;
    case MXD_SAMPLES_S32:
        value = (float)(int32_t)bits / 2147483648.0f;
        break;
    default:
        memcpy(&value, &bits, sizeof value);
    }
    return file->gain == 1.0 ? value : (float)(value * file->gain);
}

/* ---- Blocks -------------------------------------------------------------- */

typedef struct lane_source {
    uint32_t file;
    uint32_t channel;
    bool silent;
} lane_source;

/* Every channel of every file, in an order that keeps the channels of a file apart, and a few silent lanes. */
static uint32_t list_lanes(const packed_file *files, uint32_t num_files, lane_source *lanes)
{
    uint32_t count = 0;
    for (uint32_t channel = 0; channel < 8; channel++)
        for (uint32_t f = 0; f < num_files; f++)
            if (channel < files[f].num_channels)
                lanes[count++] = (lane_source){.file = f, .channel = channel};
    for (uint32_t i = 0; i < 3; i++)
        lanes[count++] = (lane_source){.silent = true};
    assert_true(count <= MAX_LANES);
    return count;
}

static mxd_result submit_block(mxd_backend *backend, const packed_file *files, const lane_source *lanes,
                               uint32_t num_lanes, uint32_t number, float *outputs, uint64_t *ticket)
{
    mxd_upload uploads[MAX_LANES];
    mxd_download downloads[MAX_LANES];
    uint32_t first = number * BLOCK;
    for (uint32_t i = 0; i < num_lanes; i++) {
        const packed_file *file = &files[lanes[i].file];
        uint32_t lane = num_lanes - 1 - i;
        uploads[i] = (mxd_upload){.lane = lane};
        if (!lanes[i].silent)
            uploads[i] = (mxd_upload){.lane = lane, .frames = frame_of(file, first), .format = file->format,
                                      .num_channels = file->num_channels, .channel = lanes[i].channel,
                                      .gain = file->gain};
        downloads[i] = (mxd_download){.lane = lane, .frames = outputs + (size_t)i * NUM_FRAMES + first};
    }
    const mxd_block block = {.num_frames = number + 1 < NUM_BLOCKS ? BLOCK : LAST_BLOCK, .uploads = uploads,
                             .num_uploads = num_lanes, .downloads = downloads, .num_downloads = num_lanes};
    return mxd_backend_submit(backend, &block, ticket);
}

/* Returns how many pages the first block took. */
static uint32_t run_uploads(const packed_file *files, const lane_source *lanes, uint32_t num_lanes, float *outputs)
{
    const mxd_backend_params params = {.num_lanes = num_lanes, .block_frames = BLOCK, .device = find_device(),
                                       .blocks_in_flight = IN_FLIGHT};
    mxd_problems *problems = mxd_problems_create();
    mxd_backend *backend;
    check(problems, mxd_backend_create(MXD_BACKEND_VULKAN, &params, problems, &backend));
    check(problems, mxd_backend_prepare(backend));
    uint64_t tickets[NUM_BLOCKS];
    uint32_t waited = 0;
    uint64_t memory = 0;
    for (uint32_t i = 0; i < NUM_BLOCKS; i++) {
        if (i == IN_FLIGHT) /* every slot was used: from here on nothing is allocated */
            memory = mxd_backend_memory(backend);
        if (i - waited == IN_FLIGHT)
            check(problems, mxd_backend_wait(backend, tickets[waited++]));
        check(problems, submit_block(backend, files, lanes, num_lanes, i, outputs, &tickets[i]));
    }
    while (waited < NUM_BLOCKS)
        check(problems, mxd_backend_wait(backend, tickets[waited++]));
    assert_true(memory > 0 && mxd_backend_memory(backend) == memory);
    uint32_t num_pages = ((mxd_vulkan_backend *)backend)->slots[0].uploads.num_pages;
    mxd_backend_destroy(backend);
    check(problems, MXD_OK);
    assert_int_equal(mxd_problems_count(problems), 0);
    mxd_problems_destroy(problems);
    return num_pages;
}

static void compare(const packed_file *files, const lane_source *lanes, uint32_t num_lanes, const float *outputs)
{
    for (uint32_t i = 0; i < num_lanes; i++) {
        for (uint32_t n = 0; n < NUM_FRAMES; n++) {
            const packed_file *file = &files[lanes[i].file];
            float should = lanes[i].silent ? 0.0f : sample_of(file, n, lanes[i].channel);
            if (memcmp(&should, &outputs[(size_t)i * NUM_FRAMES + n], sizeof should) != 0)
                fail_msg("lane %u (format %d, channel %u of %u, %u bytes off, gain %g), frame %u: %.9g, should be %.9g",
                         i, file->format, lanes[i].channel, file->num_channels, file->misalignment, file->gain, n,
                         (double)outputs[(size_t)i * NUM_FRAMES + n], (double)should);
        }
    }
}

static void set_or_unset(const char *name, const char *value)
{
    if (value)
        assert_int_equal(setenv(name, value, 1), 0);
    else
        assert_int_equal(unsetenv(name), 0);
}

static void test_formats(void **state)
{
    (void)state;
    static const struct {
        const char *queues, *staging, *limits, *poison;
        bool pages;
    } settings[] = {
        {NULL, NULL, NULL, NULL, false},
        {"one", "copy", "work=1", "1", false},
        {"split", NULL, "workgroup=128", "1", false},
        {"split", "copy", NULL, "1", false},
        {"split", "copy,noncoherent", "range=400000,work=5000", NULL, false},
        {"one", "noncoherent", "range=160000", "1", true},
        {"split", "copy", "range=160000", "1", true},
    };
    find_device();
    packed_file files[] = {
        {MXD_SAMPLES_F32, 1, 0, 1.0, NULL}, {MXD_SAMPLES_F32, 2, 3, 1.0, NULL}, {MXD_SAMPLES_F32, 1, 0, -0.3, NULL},
        {MXD_SAMPLES_S16, 1, 1, 1.0, NULL}, {MXD_SAMPLES_S16, 3, 2, 0.7, NULL}, {MXD_SAMPLES_S24, 1, 0, 1.0, NULL},
        {MXD_SAMPLES_S24, 1, 3, 1.9, NULL}, {MXD_SAMPLES_S24, 2, 1, 1.0, NULL}, {MXD_SAMPLES_S24, 7, 2, -1.0, NULL},
        {MXD_SAMPLES_S32, 1, 2, 1.0, NULL}, {MXD_SAMPLES_S32, 5, 1, 0.1, NULL},
        {MXD_SAMPLES_S24, 40, 0, 1.0, NULL}, /* most of whose channels nobody wants */
    };
    const uint32_t num_files = sizeof files / sizeof *files;
    uint64_t seed = 20260101;
    for (uint32_t i = 0; i < num_files; i++)
        fill_file(&files[i], &seed);
    lane_source lanes[MAX_LANES];
    uint32_t num_lanes = list_lanes(files, num_files, lanes);
    float *outputs = calloc((size_t)num_lanes * NUM_FRAMES, sizeof *outputs);
    assert_non_null(outputs);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        set_or_unset("MXD_VULKAN_QUEUES", settings[i].queues);
        set_or_unset("MXD_VULKAN_STAGING", settings[i].staging);
        set_or_unset("MXD_VULKAN_LIMITS", settings[i].limits);
        set_or_unset("MXD_VULKAN_POISON", settings[i].poison);
        memset(outputs, 0xff, (size_t)num_lanes * NUM_FRAMES * sizeof *outputs);
        uint32_t num_pages = run_uploads(files, lanes, num_lanes, outputs);
        print_message("queues %s, staging %s, limits %s: %u pages\n", settings[i].queues ? settings[i].queues : "-",
                      settings[i].staging ? settings[i].staging : "-", settings[i].limits ? settings[i].limits : "-",
                      num_pages);
        compare(files, lanes, num_lanes, outputs);
        assert_true(settings[i].pages == (num_pages > 1));
    }
    unsetenv("MXD_VULKAN_QUEUES");
    unsetenv("MXD_VULKAN_STAGING");
    unsetenv("MXD_VULKAN_LIMITS");
    unsetenv("MXD_VULKAN_POISON");
    for (uint32_t i = 0; i < num_files; i++)
        free(files[i].memory);
    free(outputs);
}

/* Staging takes what the backend's description makes callers expect: once, or on the host and on the device. */
static void test_staging_memory(void **state)
{
    (void)state;
    static const struct {
        const char *queues, *staging;
        uint32_t upload_copies, download_copies;
    } settings[] = {{"one", "copy", 2, 1}, {"split", "copy", 2, 2}, {"one", "", 0, 1}, {"split", "", 0, 2}};
    enum { UPLOADS = 8, DOWNLOADS = 4, FRAMES = 16384 };
    find_device();
    float *frames = calloc((size_t)UPLOADS * FRAMES, sizeof *frames), *results = calloc(FRAMES, sizeof *results);
    assert_true(frames && results);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        set_or_unset("MXD_VULKAN_QUEUES", settings[i].queues);
        set_or_unset("MXD_VULKAN_STAGING", settings[i].staging);
        const mxd_backend_params params = {.num_lanes = UPLOADS, .block_frames = FRAMES, .device = find_device(),
                                           .blocks_in_flight = 1};
        mxd_problems *problems = mxd_problems_create();
        mxd_backend *backend;
        check(problems, mxd_backend_create(MXD_BACKEND_VULKAN, &params, problems, &backend));
        check(problems, mxd_backend_prepare(backend));
        const mxd_backend_info *info = mxd_backend_get_info(backend);
        if (settings[i].upload_copies) /* else it depends on the device */
            assert_int_equal(info->upload_copies, settings[i].upload_copies);
        assert_true(info->upload_copies == 1 || info->upload_copies == 2);
        assert_true(info->download_copies >= settings[i].download_copies);
        uint64_t before = mxd_backend_memory(backend), ticket;
        mxd_upload uploads[UPLOADS];
        mxd_download downloads[DOWNLOADS];
        for (uint32_t j = 0; j < UPLOADS; j++)
            uploads[j] = (mxd_upload){.lane = j, .frames = frames + (size_t)j * FRAMES, .num_channels = 1, .gain = 1.0};
        for (uint32_t j = 0; j < DOWNLOADS; j++)
            downloads[j] = (mxd_download){.lane = j, .frames = results};
        const mxd_block block = {.num_frames = FRAMES, .uploads = uploads, .num_uploads = UPLOADS,
                                 .downloads = downloads, .num_downloads = DOWNLOADS};
        check(problems, mxd_backend_submit(backend, &block, &ticket));
        check(problems, mxd_backend_wait(backend, ticket));
        uint64_t grown = mxd_backend_memory(backend) - before;
        uint64_t expected = (UPLOADS * info->upload_copies + DOWNLOADS * info->download_copies) *
                            (uint64_t)FRAMES * sizeof(float);
        print_message("queues %s, staging '%s': %.1f KiB, %.1f expected\n", settings[i].queues, settings[i].staging,
                      (double)grown / 1024.0, (double)expected / 1024.0);
        assert_true(grown >= expected && grown <= expected + expected / 4 + 65536);
        mxd_backend_destroy(backend);
        mxd_problems_destroy(problems);
    }
    unsetenv("MXD_VULKAN_QUEUES");
    unsetenv("MXD_VULKAN_STAGING");
    free(frames);
    free(results);
}

/* A frame of a file with very many channels, of which one is used, has to fit a page at least. */
static void test_too_large(void **state)
{
    (void)state;
    const mxd_backend_params params = {.num_lanes = 1, .block_frames = 256, .device = find_device(),
                                       .blocks_in_flight = 1};
    mxd_problems *problems = mxd_problems_create();
    mxd_backend *backend;
    assert_int_equal(setenv("MXD_VULKAN_LIMITS", "range=16384", 1), 0);
    check(problems, mxd_backend_create(MXD_BACKEND_VULKAN, &params, problems, &backend));
    unsetenv("MXD_VULKAN_LIMITS");
    check(problems, mxd_backend_prepare(backend));
    float *frames = calloc((size_t)256 * 2000, sizeof *frames);
    assert_non_null(frames);
    const mxd_upload upload = {.frames = frames, .num_channels = 2000, .gain = 1.0};
    const mxd_block block = {.num_frames = 256, .uploads = &upload, .num_uploads = 1};
    uint64_t ticket;
    assert_int_equal(mxd_backend_submit(backend, &block, &ticket), MXD_ERROR_DEVICE_MEMORY);
    assert_int_equal(mxd_problems_count(problems), 1);
    assert_non_null(strstr(mxd_problems_get(problems, 0)->text, "smaller blocks"));
    free(frames);
    mxd_backend_destroy(backend);
    mxd_problems_destroy(problems);
}

/* A block that never ends: here, one that was never submitted. */
static void test_hang(void **state)
{
    (void)state;
    const mxd_backend_params params = {.num_lanes = 1, .block_frames = 256, .device = find_device(),
                                       .blocks_in_flight = 1};
    mxd_problems *problems = mxd_problems_create();
    mxd_backend *base;
    assert_int_equal(setenv("MXD_VULKAN_LIMITS", "wait=60", 1), 0);
    check(problems, mxd_backend_create(MXD_BACKEND_VULKAN, &params, problems, &base));
    unsetenv("MXD_VULKAN_LIMITS");
    check(problems, mxd_backend_prepare(base));
    mxd_vulkan_backend *backend = (mxd_vulkan_backend *)base;
    assert_int_equal(backend->context.limits.wait_ms, 60);
    assert_int_equal(base->functions->wait(base, 1), MXD_ERROR_DEVICE);
    assert_int_equal(mxd_problems_count(problems), 1);
    print_message("  %s\n", mxd_problems_get(problems, 0)->text);
    assert_non_null(strstr(mxd_problems_get(problems, 0)->text, "hangs"));
    const mxd_block block = {.num_frames = 256};
    uint64_t ticket;
    assert_int_equal(base->functions->submit(base, &block, &ticket), MXD_ERROR_DEVICE);
    mxd_backend_destroy(base);
    mxd_problems_destroy(problems);
}

/* In a process of its own: what a device that hangs may still use is never given back. */
static void test_hang_in_prepare(void **state)
{
    (void)state;
    find_device();
    char command[4200];
    int length = snprintf(command, sizeof command, "'%s' --hang", program_name);
    assert_true(length > 0 && (size_t)length < sizeof command);
    assert_int_equal(system(command), 0);
}

/* A copy of prepare's that never ends, because the queue waits for a semaphore before it. */
static int hang_in_prepare(void)
{
    const mxd_backend_params params = {.num_lanes = 1, .block_frames = 256, .device = find_device(),
                                       .blocks_in_flight = 1};
    const mxd_svf section = {.g = 0.1, .k = 1.0, .m0 = 1.0};
    const mxd_eq_row row = {.sections = &section, .num_sections = 1};
    mxd_problems *problems = mxd_problems_create();
    mxd_backend *base;
    uint32_t step;
    alarm(20); /* ends the process if destroy waits for the copy */
    setenv("MXD_VULKAN_LIMITS", "wait=60", 1);
    setenv("MXD_VULKAN_POISON", "0", 1);
    if (mxd_backend_create(MXD_BACKEND_VULKAN, &params, problems, &base) != MXD_OK ||
        mxd_backend_add_eq(base, &row, 1, &step) != MXD_OK)
        return 1;
    const mxd_vulkan_queue *queue = &((mxd_vulkan_backend *)base)->context.queues[MXD_VULKAN_COMPUTE];
    const uint64_t never = 1000;
    const VkPipelineStageFlags stage = VK_PIPELINE_STAGE_TRANSFER_BIT;
    const VkTimelineSemaphoreSubmitInfo values = {.sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
                                                  .waitSemaphoreValueCount = 1, .pWaitSemaphoreValues = &never};
    const VkSubmitInfo submit = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .pNext = &values, .waitSemaphoreCount = 1,
                                 .pWaitSemaphores = &queue->timeline, .pWaitDstStageMask = &stage};
    if (vkQueueSubmit(queue->queue, 1, &submit, VK_NULL_HANDLE) != VK_SUCCESS)
        return 2;
    if (mxd_backend_prepare(base) != MXD_ERROR_DEVICE)
        return 3;
    mxd_backend_destroy(base);
    for (size_t i = 0; i < mxd_problems_count(problems); i++)
        print_message("  %s\n", mxd_problems_get(problems, i)->text);
    return mxd_problems_count(problems) == 1 ? 0 : 4;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--hang") == 0) {
        int result = hang_in_prepare();
        fflush(NULL);
        _exit(result); /* whatever still runs */
    }
    program_name = argv[0];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_staging_memory),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_hang),
        cmocka_unit_test(test_hang_in_prepare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
