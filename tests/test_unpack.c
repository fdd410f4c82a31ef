/* Uploads of packed frames: every format, in every CPU variant, against numbers put together byte by byte. */
#include "host/cpu/variants.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const mxd_sample_format formats[] = {MXD_SAMPLES_F32, MXD_SAMPLES_S16, MXD_SAMPLES_S24, MXD_SAMPLES_S32};
static const char *const format_names[] = {"F32", "S16", "S24", "S32"};
static const uint32_t widths[] = {1, 2, 3, 4, 7, 12, 64, 3001};
static const double gains[] = {1.0, -0.7071067811865476, 0.0, 1e-42, 3.0};
enum { NUM_FORMATS = 4, NUM_WIDTHS = sizeof widths / sizeof *widths, NUM_GAINS = 5, GUARD = 64 };

static uint32_t random_state = 20261120;

static unsigned char random_byte(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (unsigned char)(random_state >> 24);
}

/* Random samples, with the extremes among them; floats of every size but finite. */
static unsigned char *make_frames(mxd_sample_format format, size_t num_samples, size_t at)
{
    size_t size = mxd_sample_bytes(format) * num_samples;
    unsigned char *bytes = malloc(at + size); /* exactly: a sanitizer sees what is read beyond it */
    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++)
        bytes[at + i] = i % 97 < 8 ? (unsigned char)(i % 97 < 4 ? 0xff : 0) : random_byte();
    for (size_t i = 0; format == MXD_SAMPLES_F32 && i < num_samples; i++)
        if ((bytes[at + 4 * i + 3] & 0x7f) == 0x7f && bytes[at + 4 * i + 2] & 0x80)
            bytes[at + 4 * i + 2] = 0;
    return bytes;
}

/* The sample's value, exact. */
static double truth(const unsigned char *bytes, mxd_sample_format format, size_t number)
{
    uint32_t size = mxd_sample_bytes(format), bits = 0;
    for (uint32_t i = 0; i < size; i++)
        bits |= (uint32_t)bytes[number * size + i] << 8 * i;
    if (format == MXD_SAMPLES_F32) {
        float value;
        memcpy(&value, &bits, sizeof value);
        return (double)value;
    }
    double half = ldexp(1.0, (int)(8 * size) - 1), value = (double)bits;
    return (value >= half ? value - 2.0 * half : value) / half;
}

static void expect_lane(const char *variant, const double *lane, bool is_double, const unsigned char *bytes,
                        mxd_sample_format format, uint32_t width, uint32_t channel, double gain, uint32_t num_frames)
{
    for (uint32_t i = 0; i < num_frames; i++) {
        double value = truth(bytes, format, (size_t)i * width + channel);
        double wanted = is_double ? value * gain : (double)(float)((double)(float)value * gain);
        if (!(lane[i] == wanted))
            fail_msg("%s: %s, %u channels: channel %u frame %u of %u x %g is %.17g, not %.17g", variant,
                     format_names[format], width, channel, i, num_frames, gain, lane[i], wanted);
    }
}

/* The kernel by itself: many sizes, odd addresses, nothing written beyond a lane, nothing read beyond the span. */
static void check_kernel(const mxd_cpu_variant *variant, mxd_sample_format format, uint32_t width, uint32_t num_frames,
                         uint32_t num_lanes, uint32_t first_channel)
{
    bool is_double = variant == mxd_cpu_reference();
    size_t at = random_byte() % 4u, size = is_double ? sizeof(double) : sizeof(float);
    unsigned char *bytes = make_frames(format, (size_t)num_frames * width, at);
    unsigned char *room = malloc((num_frames * size + GUARD) * num_lanes + GUARD);
    double *lane = malloc(num_frames * sizeof *lane);
    mxd_unpack_lane *lanes = calloc(num_lanes, sizeof *lanes);
    assert_true(room && lane && lanes);
    memset(room, 0xa5, (num_frames * size + GUARD) * num_lanes + GUARD);
    for (uint32_t l = 0; l < num_lanes; l++)
        lanes[l] = (mxd_unpack_lane){room + (num_frames * size + GUARD) * l + GUARD, (first_channel + l) % width,
                                     gains[(width + l) % NUM_GAINS]};
    variant->unpack(bytes + at, format, width, num_frames, lanes, num_lanes);
    for (uint32_t l = 0; l < num_lanes; l++) {
        for (uint32_t i = 0; i < num_frames; i++)
            lane[i] = is_double ? ((double *)lanes[l].samples)[i] : (double)((float *)lanes[l].samples)[i];
        expect_lane(variant->name, lane, is_double, bytes + at, format, width, lanes[l].channel, lanes[l].gain,
                    num_frames);
    }
    for (uint32_t l = 0; l <= num_lanes; l++)
        for (size_t i = 0; i < GUARD; i++)
            if (room[(num_frames * size + GUARD) * l + i] != 0xa5)
                fail_msg("%s: %s, %u channels, %u frames: written beyond lane %u", variant->name, format_names[format],
                         width, num_frames, l);
    free(lanes);
    free(lane);
    free(room);
    free(bytes);
}

static void every_kernel(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 2, 5, 9, 127, 128, 129, 1031};
    for (uint32_t v = 0; mxd_cpu_get(v); v++)
        for (uint32_t f = 0; f < NUM_FORMATS; f++)
            for (uint32_t w = 0; w < NUM_WIDTHS; w++)
                for (uint32_t s = 0; s < 8; s++) {
                    uint32_t width = widths[w], most = width < 16 ? width : 16;
                    if (width > 64 && sizes[s] > 9)
                        continue;
                    check_kernel(mxd_cpu_get(v), formats[f], width, sizes[s], most, 0);
                    check_kernel(mxd_cpu_get(v), formats[f], width, sizes[s], most > 2 ? most - 1 : 1, width / 2);
                    check_kernel(mxd_cpu_get(v), formats[f], width, sizes[s], 1, width - 1);
                    check_kernel(mxd_cpu_get(v), formats[f], width, sizes[s], 3, width - 1); /* one channel twice */
                }
}

/* Through a backend: lanes out of order, several spans and silence in one block, and a short, last block. */
static void uploads_of_a_backend(void **state)
{
    (void)state;
    enum { BLOCK = 512, SHORT = 77, NUM_LANES = 32 };
    static const uint32_t spans[] = {1, 2, 12, 5}; /* channels; lanes are dealt out backwards */
    for (uint32_t v = 0; mxd_cpu_get(v); v++)
        for (uint32_t f = 0; f < NUM_FORMATS; f++) {
            const mxd_backend_params params = {
                .num_lanes = NUM_LANES, .block_frames = BLOCK, .num_threads = 2, .blocks_in_flight = 1};
            mxd_backend *backend = NULL;
            assert_int_equal(mxd_backend_create_with(mxd_cpu_get(v)->create_backend, &params, NULL, &backend), MXD_OK);
            assert_int_equal(mxd_backend_prepare(backend), MXD_OK);
            float *out = malloc(NUM_LANES * BLOCK * sizeof *out);
            assert_non_null(out);
            for (uint32_t b = 0; b < 2; b++) {
                uint32_t num_frames = b ? SHORT : BLOCK, count = 0;
                unsigned char *bytes[4];
                mxd_upload uploads[NUM_LANES];
                mxd_download downloads[NUM_LANES];
                uploads[count++] = (mxd_upload){.lane = NUM_LANES - 1};
                for (uint32_t s = 0; s < 4; s++) {
                    bytes[s] = make_frames(formats[f], (size_t)num_frames * spans[s], s);
                    for (uint32_t c = 0; c < spans[s]; c++, count++)
                        uploads[count] = (mxd_upload){.lane = NUM_LANES - 1 - count, .frames = bytes[s] + s,
                                                      .format = formats[f], .num_channels = spans[s],
                                                      .channel = c, .gain = gains[(s + c) % NUM_GAINS]};
                }
                for (uint32_t i = 0; i < count; i++)
                    downloads[i] = (mxd_download){uploads[i].lane, out + (size_t)i * BLOCK};
                const mxd_block block = {.num_frames = num_frames, .uploads = uploads, .num_uploads = count,
                                         .downloads = downloads, .num_downloads = count};
                uint64_t ticket;
                assert_int_equal(mxd_backend_submit(backend, &block, &ticket), MXD_OK);
                assert_int_equal(mxd_backend_wait(backend, ticket), MXD_OK);
                bool is_double = mxd_cpu_get(v) == mxd_cpu_reference();
                for (uint32_t i = 0; i < count; i++)
                    for (uint32_t k = 0; k < num_frames; k++) {
                        const mxd_upload *u = &uploads[i];
                        double value = u->frames ? truth(u->frames, u->format, (size_t)k * u->num_channels + u->channel)
                                                 : 0.0;
                        double wanted = u->frames ? (is_double ? value : (double)(float)value) * u->gain : 0.0;
                        if (!(out[(size_t)i * BLOCK + k] == (float)wanted))
                            fail_msg("%s: %s, upload %u, frame %u is %.9g, not %.9g", mxd_cpu_get(v)->name,
                                     format_names[f], i, k, (double)out[(size_t)i * BLOCK + k], wanted);
                    }
                for (uint32_t s = 0; s < 4; s++)
                    free(bytes[s]);
            }
            free(out);
            mxd_backend_destroy(backend);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kernel),
        cmocka_unit_test(uploads_of_a_backend),
    };
    return cmocka_run_group_tests_name("unpacking", tests, NULL, NULL);
}
