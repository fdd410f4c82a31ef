/*
 * The whole mixing chain on real music: 20 stems in which every insert works at
 * least once, on cpu and vulkan against reference, in blocks of other sizes, and
 * twice.
 */
#include "chain_song.h"
#include "fixture.h"
#include "host/backend.h"
#include "host/effects/effect.h"
#include "lv2_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/*
 * Above -120 dBFS: levels go through logarithms in float, whose last bit a ratio
 * multiplies; and the pitch shifter and plug-ins get float32 signals on every
 * backend, but differ in them where what comes before does.
 */
#define LIMIT_DBFS (-110.0)

typedef struct chain {
    fixture files;
    mxd_session *session;
} chain;

static int load(void **state)
{
    chain *c = calloc(1, sizeof *c);
    fixture_create(&c->files);
    *state = c;
    lv2_fixture_set_up();
    const char *path = fixture_path(&c->files, "chain.json");
    FILE *stream = fopen(path, "w");
    assert_non_null(stream);
    bool there = chain_song_write_session(stream, MXD_SHARED);
    assert_int_equal(fclose(stream), 0);
    if (there && mxd_session_load(path, c->files.problems, &c->session) != MXD_OK) {
        fixture_print(c->files.problems);
        return 1;
    }
    return 0;
}

static int unload(void **state)
{
    chain *c = *state;
    mxd_session_destroy(c->session);
    fixture_destroy(&c->files);
    free(c);
    return 0;
}

static void need_stems(const chain *c)
{
    if (c->session)
        return;
    print_message("the song's stems are not on this machine\n");
    skip();
}

/* What is listed as an insert and is not in the session would go untested. */
static void test_every_insert_is_there(void **state)
{
    chain *c = *state;
    need_stems(c);
    size_t size;
    char *text = (char *)fixture_load(fixture_path(&c->files, "chain.json"), &size);
    text = realloc(text, size + 1);
    assert_non_null(text);
    text[size] = '\0';
    const mxd_effect *effect;
    for (uint32_t i = 0; (effect = mxd_effect_get(i)); i++) {
        char key[64];
        snprintf(key, sizeof key, "{ \"type\": \"%s\"", effect->type);
        if (!strstr(text, key))
            fail_msg("no insert \"%s\" in the session", effect->type);
    }
    free(text);
}

static void compare(chain *c, const char *name, const mxd_render_options *a, const mxd_render_options *b,
                    double limit_dbfs)
{
    need_stems(c);
    mxd_null_result *result = NULL;
    mxd_result outcome = mxd_null_test(c->session, a, b, limit_dbfs, c->files.problems, &result);
    if (outcome != MXD_OK)
        fixture_print(c->files.problems);
    assert_int_equal(outcome, MXD_OK);
    for (size_t i = 0; i < result->num_differences; i++) {
        const mxd_null_difference *d = &result->differences[i];
        print_message("%s: %s: peak %.1f dBFS, rms %.1f dBFS\n", name, d->file, d->peak_dbfs, d->rms_dbfs);
        if (!(d->peak_dbfs <= limit_dbfs))
            fail_msg("%s: above %.1f dBFS", d->file, limit_dbfs);
    }
    mxd_null_result_destroy(result);
}

static void test_cpu(void **state)
{
    const mxd_render_options a = {.backend = MXD_BACKEND_CPU, .to_s = 8.0};
    const mxd_render_options b = {.backend = MXD_BACKEND_REFERENCE, .to_s = 8.0};
    compare(*state, "cpu against reference", &a, &b, LIMIT_DBFS);
}

static void test_blocks(void **state)
{
    const mxd_render_options a = {.backend = MXD_BACKEND_CPU, .block_frames = 1u << 12, .to_s = 6.0};
    const mxd_render_options b = {.backend = MXD_BACKEND_CPU, .block_frames = 1u << 17, .to_s = 6.0};
    compare(*state, "2^12 against 2^17", &a, &b, -120.0);
}

static void test_threads(void **state)
{
    const mxd_render_options a = {.backend = MXD_BACKEND_CPU, .to_s = 3.0};
    const mxd_render_options b = {.backend = MXD_BACKEND_CPU, .to_s = 3.0, .num_threads = 1};
    compare(*state, "all threads against one", &a, &b, -HUGE_VAL);
}

static void test_vulkan(void **state)
{
    mxd_vulkan_device devices[16];
    uint32_t count = mxd_vulkan_devices(devices, 16), device = 0;
    while (device < count && device < 16 && !devices[device].usable)
        device++;
    if (device >= count || device >= 16) {
        print_message("no Vulkan device on this machine\n");
        skip();
    }
    const mxd_render_options a = {.backend = MXD_BACKEND_VULKAN, .device = device, .block_frames = 1u << 14, .to_s = 1.2};
    const mxd_render_options b = {.backend = MXD_BACKEND_REFERENCE, .to_s = 1.2};
    compare(*state, "vulkan against reference", &a, &b, LIMIT_DBFS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_insert_is_there), cmocka_unit_test(test_cpu),    cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_threads),               cmocka_unit_test(test_vulkan),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
