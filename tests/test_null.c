/*
 * Null tests of real music: the shipped demo and a song of 20 real stems. Each
 * deliverable of cpu and of vulkan within -120 dBFS peak of reference; blocks of
 * 2^14 against 2^18 frames below -130 dBFS; two runs of a backend the same to
 * the bit.
 */
#include "fixture.h"
#include "host/backend.h"
#include "song.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#if defined __SANITIZE_ADDRESS__
#define SLOW_BUILD 1
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define SLOW_BUILD 1
#endif
#endif

#ifdef SLOW_BUILD
#define LONGEST_S 6.0 /* sanitizers make everything several times slower */
#else
#define LONGEST_S 0.0 /* to the end */
#endif

typedef struct music {
    fixture files;
    mxd_session *demo;
    mxd_session *song;
} music;

static int load(void **state)
{
    music *m = calloc(1, sizeof *m);
    fixture_create(&m->files);
    *state = m;
    if (access("/usr/share/sonic-pi/samples/bd_haus.flac", R_OK) == 0)
        assert_int_equal(mxd_session_load(MXD_SOURCE_DIR "/examples/demo.json", m->files.problems, &m->demo), MXD_OK);
    FILE *stream = fopen(fixture_path(&m->files, "song.json"), "w");
    assert_non_null(stream);
    bool there = song_write_session(stream, MXD_SHARED);
    assert_int_equal(fclose(stream), 0);
    if (there)
        assert_int_equal(mxd_session_load(fixture_path(&m->files, "song.json"), m->files.problems, &m->song), MXD_OK);
    return 0;
}

static int unload(void **state)
{
    music *m = *state;
    mxd_session_destroy(m->demo);
    mxd_session_destroy(m->song);
    fixture_destroy(&m->files);
    free(m);
    return 0;
}

static void compare(music *m, mxd_session *session, const char *name, const mxd_render_options *a,
                    const mxd_render_options *b, double limit_dbfs)
{
    if (!session) {
        print_message("%s: its audio files are not on this machine\n", name);
        skip();
    }
    mxd_null_result *result = NULL;
    mxd_result outcome = mxd_null_test(session, a, b, limit_dbfs, m->files.problems, &result);
    for (size_t i = 0; outcome != MXD_OK && i < mxd_problems_count(m->files.problems); i++)
        print_message("%s\n", mxd_problems_get(m->files.problems, i)->text);
    assert_int_equal(outcome, MXD_OK);
    size_t num_over = 0;
    for (size_t i = 0; i < result->num_differences; i++) {
        const mxd_null_difference *d = &result->differences[i];
        print_message("%s: %s: peak %.1f dBFS, rms %.1f dBFS\n", name, d->file, d->peak_dbfs, d->rms_dbfs);
        num_over += !(d->peak_dbfs <= limit_dbfs);
    }
    assert_true(result->num_differences > 0);
    mxd_null_result_destroy(result);
    assert_int_equal(num_over, 0);
}

static void test_demo_cpu(void **state)
{
    music *m = *state;
    const mxd_render_options a = {.backend = MXD_BACKEND_CPU, .to_s = LONGEST_S};
    const mxd_render_options b = {.backend = MXD_BACKEND_REFERENCE, .to_s = LONGEST_S};
    compare(m, m->demo, "demo, cpu against reference", &a, &b, -120.0);
}

static void test_song_cpu(void **state)
{
    music *m = *state;
    const mxd_render_options a = {.backend = MXD_BACKEND_CPU, .to_s = LONGEST_S};
    const mxd_render_options b = {.backend = MXD_BACKEND_REFERENCE, .to_s = LONGEST_S};
    compare(m, m->song, "song, cpu against reference", &a, &b, -120.0);
}

static void test_demo_blocks(void **state)
{
    music *m = *state;
    const mxd_render_options a = {.backend = MXD_BACKEND_CPU, .block_frames = 1u << 14, .to_s = LONGEST_S};
    const mxd_render_options b = {.backend = MXD_BACKEND_CPU, .block_frames = 1u << 18, .to_s = LONGEST_S};
    compare(m, m->demo, "demo, 2^14 against 2^18", &a, &b, -130.0);
}

static void test_song_blocks(void **state)
{
    music *m = *state;
    const mxd_render_options a = {.backend = MXD_BACKEND_CPU, .block_frames = 1u << 14, .to_s = LONGEST_S};
    const mxd_render_options b = {.backend = MXD_BACKEND_CPU, .block_frames = 1u << 18, .to_s = LONGEST_S};
    compare(m, m->song, "song, 2^14 against 2^18", &a, &b, -130.0);
}

static void test_cpu_repeats_to_the_bit(void **state)
{
    music *m = *state;
    const mxd_render_options a = {.backend = MXD_BACKEND_CPU, .to_s = 6.0};
    const mxd_render_options b = {.backend = MXD_BACKEND_CPU, .to_s = 6.0, .num_threads = 1};
    compare(m, m->demo, "demo, all threads against one", &a, &b, -HUGE_VAL);
}

/* The first device that can be used, or skips. */
static uint32_t find_device(void)
{
    mxd_vulkan_device devices[16];
    uint32_t count = mxd_vulkan_devices(devices, 16);
    for (uint32_t i = 0; i < count && i < 16; i++)
        if (devices[i].usable)
            return i;
    print_message("no Vulkan device on this machine\n");
    skip();
    return 0;
}

/* On a software device a second of music takes many: a short piece from the middle. */
#define VULKAN_FROM_S 20.0
#define VULKAN_TO_S 21.0

static void test_demo_vulkan(void **state)
{
    music *m = *state;
    const mxd_render_options a = {.backend = MXD_BACKEND_VULKAN, .device = find_device(), .block_frames = 1u << 14,
                                  .from_s = VULKAN_FROM_S, .to_s = VULKAN_TO_S};
    const mxd_render_options b = {.backend = MXD_BACKEND_REFERENCE, .from_s = VULKAN_FROM_S, .to_s = VULKAN_TO_S};
    compare(m, m->demo, "demo, vulkan against reference", &a, &b, -120.0);
}

static void test_song_vulkan(void **state)
{
    music *m = *state;
    /* From the start: the plate's 7.3 s would have to be computed before any later second. */
    const mxd_render_options a = {.backend = MXD_BACKEND_VULKAN, .device = find_device(), .to_s = 1.5};
    const mxd_render_options b = {.backend = MXD_BACKEND_REFERENCE, .to_s = 1.5};
    compare(m, m->song, "song, vulkan against reference", &a, &b, -120.0);
}

static void test_vulkan_repeats_and_cuts(void **state)
{
    music *m = *state;
    uint32_t device = find_device();
    const mxd_render_options a = {.backend = MXD_BACKEND_VULKAN, .device = device, .block_frames = 1u << 14,
                                  .from_s = 10.0, .to_s = 10.5};
    const mxd_render_options b = {.backend = MXD_BACKEND_VULKAN, .device = device, .block_frames = 1u << 16,
                                  .from_s = 10.0, .to_s = 10.5};
    compare(m, m->demo, "demo, vulkan twice", &a, &a, -HUGE_VAL);
    compare(m, m->demo, "demo, vulkan, 2^14 against 2^16", &a, &b, -130.0);
}

static void test_vulkan_device_twice(void **state)
{
    music *m = *state;
    const uint32_t device = find_device(), devices[] = {device, device};
    const mxd_render_options a = {.backend = MXD_BACKEND_VULKAN, .devices = devices, .num_devices = 2,
                                  .block_frames = 1u << 14, .to_s = 0.7};
    const mxd_render_options b = {.backend = MXD_BACKEND_REFERENCE, .to_s = 0.7};
    compare(m, m->demo, "demo, one device twice against reference", &a, &b, -125.0);
    compare(m, m->demo, "demo, one device twice, again", &a, &a, -HUGE_VAL);
    compare(m, m->song, "song, one device twice against reference", &a, &b, -125.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_demo_cpu),        cmocka_unit_test(test_song_cpu),
        cmocka_unit_test(test_demo_blocks),     cmocka_unit_test(test_song_blocks),
        cmocka_unit_test(test_cpu_repeats_to_the_bit), cmocka_unit_test(test_demo_vulkan),
        cmocka_unit_test(test_song_vulkan),     cmocka_unit_test(test_vulkan_repeats_and_cuts),
        cmocka_unit_test(test_vulkan_device_twice),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
