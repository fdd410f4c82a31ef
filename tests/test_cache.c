/*
 * The user's cache folder: what was written comes back, and every kind of file
 * that somebody else, a crash or another version left there counts as none.
 */
#include "host/cache.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define KEY ((mxd_cache_key){"a key", 5})
#define DATA "what took so long to make"

static char folder[32];     /* XDG_CACHE_HOME */
static char file_name[64];  /* of the entry "thing" */

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "test_cache.XXXXXX");
    char absolute[512];
    if (!mkdtemp(folder) || !getcwd(absolute, sizeof absolute - sizeof folder - 1))
        return -1;
    strcat(absolute, "/");
    strcat(absolute, folder);
    snprintf(file_name, sizeof file_name, "%s/mixdown/thing", folder);
    unsetenv("MXD_CACHE");
    return setenv("XDG_CACHE_HOME", absolute, 1);
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "chmod -R u+rwx %s && rm -rf %s", folder, folder);
    return system(command);
}

static void expect_nothing(const char *name, mxd_cache_key key)
{
    size_t num_bytes = 77;
    assert_null(mxd_cache_read(name, key, &num_bytes));
    assert_int_equal(num_bytes, 0);
}

static void expect_data(const char *name, mxd_cache_key key, const void *data, size_t should)
{
    size_t num_bytes;
    void *found = mxd_cache_read(name, key, &num_bytes);
    assert_non_null(found);
    assert_int_equal(num_bytes, should);
    assert_memory_equal(found, data, should);
    free(found);
}

static void test_round_trip(void **state)
{
    (void)state;
    expect_nothing("thing", KEY);
    assert_true(mxd_cache_write("thing", KEY, DATA, sizeof DATA));
    expect_data("thing", KEY, DATA, sizeof DATA);
    assert_true(mxd_cache_write("thing", KEY, "", 0)); /* in its place; no data is data */
    expect_data("thing", KEY, "", 0);
    assert_true(mxd_cache_write("other", (mxd_cache_key){"", 0}, "x", 1));
    expect_data("other", (mxd_cache_key){"", 0}, "x", 1);
    expect_data("thing", KEY, "", 0);
    struct stat status;
    assert_int_equal(stat(file_name, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    *strrchr(file_name, '/') = '\0';
    assert_int_equal(stat(file_name, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    char command[256]; /* two entries and no half-written file */
    snprintf(command, sizeof command, "test \"$(ls %s | wc -l)\" = 2", file_name);
    assert_int_equal(system(command), 0);
}

static void test_wrong_key(void **state)
{
    (void)state;
    assert_true(mxd_cache_write("thing", KEY, DATA, sizeof DATA));
    expect_nothing("thing", (mxd_cache_key){"a kez", 5});
    expect_nothing("thing", (mxd_cache_key){"a key", 4});
    expect_nothing("thing", (mxd_cache_key){"a key ", 6});
    expect_nothing("another", KEY);
    assert_true(mxd_cache_write("thing", (mxd_cache_key){"new", 3}, "new", 3)); /* a stale file is replaced */
    expect_data("thing", (mxd_cache_key){"new", 3}, "new", 3);
    expect_nothing("thing", KEY);
}

/* Every byte of the file, one after another: header, key and data. */
static void test_damage(void **state)
{
    (void)state;
    assert_true(mxd_cache_write("thing", KEY, DATA, sizeof DATA));
    uint8_t file[256];
    FILE *stream = fopen(file_name, "r+b");
    assert_non_null(stream);
    size_t size = fread(file, 1, sizeof file, stream);
    assert_int_equal(size, 32 + 5 + sizeof DATA);
    for (size_t i = 0; i < size; i++) {
        static const uint8_t masks[] = {0x01, 0x80, 0xff};
        for (size_t m = 0; m < sizeof masks; m++) {
            assert_int_equal(fseek(stream, (long)i, SEEK_SET), 0);
            fputc(file[i] ^ masks[m], stream);
            assert_int_equal(fflush(stream), 0);
            expect_nothing("thing", KEY);
        }
        assert_int_equal(fseek(stream, (long)i, SEEK_SET), 0);
        fputc(file[i], stream);
        assert_int_equal(fflush(stream), 0);
    }
    expect_data("thing", KEY, DATA, sizeof DATA);
    fputc('!', stream); /* one byte too many */
    assert_int_equal(fclose(stream), 0);
    expect_nothing("thing", KEY);
    for (size_t length = size; length-- > 0;) {
        assert_int_equal(truncate(file_name, (off_t)length), 0);
        expect_nothing("thing", KEY);
    }
    assert_true(mxd_cache_write("thing", KEY, DATA, sizeof DATA));
    expect_data("thing", KEY, DATA, sizeof DATA);
}

static void test_no_plain_file(void **state)
{
    (void)state;
    assert_true(mxd_cache_write("thing", KEY, DATA, sizeof DATA));
    assert_int_equal(unlink(file_name), 0);
    assert_int_equal(mkfifo(file_name, 0600), 0); /* must not wait for a writer */
    expect_nothing("thing", KEY);
    assert_true(mxd_cache_write("thing", KEY, DATA, sizeof DATA));
    expect_data("thing", KEY, DATA, sizeof DATA);
    assert_int_equal(unlink(file_name), 0);
    assert_int_equal(mkdir(file_name, 0700), 0);
    expect_nothing("thing", KEY);
    assert_false(mxd_cache_write("thing", KEY, DATA, sizeof DATA));
}

static void test_too_large(void **state)
{
    (void)state;
    assert_true(mxd_cache_write("thing", KEY, DATA, sizeof DATA));
    assert_int_equal(truncate(file_name, (off_t)MXD_CACHE_MAX_BYTES + 1), 0); /* a hole: no disk is used */
    expect_nothing("thing", KEY);
    assert_false(mxd_cache_write("thing", KEY, DATA, MXD_CACHE_MAX_BYTES));
    char key[MXD_CACHE_MAX_KEY_BYTES + 1] = {0};
    expect_nothing("thing", (mxd_cache_key){key, sizeof key});
    assert_false(mxd_cache_write("thing", (mxd_cache_key){key, sizeof key}, "x", 1));
    assert_true(mxd_cache_write("thing", (mxd_cache_key){key, sizeof key - 1}, "x", 1));
    expect_data("thing", (mxd_cache_key){key, sizeof key - 1}, "x", 1);
}

static void test_unwritable(void **state)
{
    (void)state;
    char file[160];
    snprintf(file, sizeof file, "%s/mixdown", folder);
    FILE *stream = fopen(file, "w"); /* a file where the folder should be */
    assert_non_null(stream);
    fclose(stream);
    assert_false(mxd_cache_write("thing", KEY, DATA, sizeof DATA));
    expect_nothing("thing", KEY);
    assert_int_equal(unlink(file), 0);
    if (geteuid() == 0) {
        print_message("root writes into read-only folders too\n");
        return;
    }
    assert_true(mxd_cache_write("thing", KEY, DATA, sizeof DATA));
    assert_int_equal(chmod(file, 0500), 0);
    assert_false(mxd_cache_write("thing", KEY, "new", 3));
    expect_data("thing", KEY, DATA, sizeof DATA); /* what is there may still be read */
}

static void test_where(void **state)
{
    (void)state;
    char *home = getenv("HOME") ? strdup(getenv("HOME")) : NULL;
    char *cache = strdup(getenv("XDG_CACHE_HOME"));
    setenv("XDG_CACHE_HOME", "relative", 1);
    setenv("HOME", "/home/somebody", 1);
    char *path = mxd_cache_folder();
    assert_string_equal(path, "/home/somebody/.cache/mixdown");
    free(path);
    unsetenv("HOME");
    assert_null(mxd_cache_folder());
    assert_false(mxd_cache_write("thing", KEY, DATA, sizeof DATA));
    expect_nothing("thing", KEY);
    setenv("XDG_CACHE_HOME", "/var/elsewhere", 1);
    path = mxd_cache_folder();
    assert_string_equal(path, "/var/elsewhere/mixdown");
    free(path);
    setenv("XDG_CACHE_HOME", cache, 1);
    assert_true(mxd_cache_write("thing", KEY, DATA, sizeof DATA));
    setenv("MXD_CACHE", "off", 1);
    expect_nothing("thing", KEY);
    assert_false(mxd_cache_write("thing", KEY, DATA, sizeof DATA));
    unsetenv("MXD_CACHE");
    expect_data("thing", KEY, DATA, sizeof DATA);
    if (home)
        setenv("HOME", home, 1);
    free(home);
    free(cache);
}

/* Several processes write and read one entry: a reader finds one writer's whole data or nothing. */
static void test_processes(void **state)
{
    (void)state;
    enum { PROCESSES = 4, ROUNDS = 100, BYTES = 20000 };
    pid_t children[PROCESSES];
    for (int p = 0; p < PROCESSES; p++) {
        children[p] = fork();
        assert_true(children[p] >= 0);
        if (children[p] > 0)
            continue;
        static uint8_t data[BYTES];
        int failures = 0;
        memset(data, p, sizeof data);
        for (int i = 0; i < ROUNDS; i++) {
            failures += !mxd_cache_write("thing", KEY, data, sizeof data);
            size_t num_bytes;
            uint8_t *found = mxd_cache_read("thing", KEY, &num_bytes);
            failures += !found || num_bytes != BYTES || memcmp(found, found + 1, BYTES - 1) != 0;
            free(found);
        }
        _exit(failures > 0);
    }
    for (int p = 0; p < PROCESSES; p++) {
        int status = 1;
        assert_int_equal(waitpid(children[p], &status, 0), children[p]);
        assert_int_equal(status, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_wrong_key, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_damage, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_no_plain_file, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_too_large, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_unwritable, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_where, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_processes, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
