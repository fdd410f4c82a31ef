/* Folders, files and messages for the tests of audio in and out. Files are written by libsndfile: not by our writer. */
#ifndef MXD_TESTS_AUDIO_FIXTURE_H
#define MXD_TESTS_AUDIO_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "host/problems.h"

#include <dirent.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "audio-test-XXXXXX";

/* A path in the test's folder, in one of a few buffers that take turns. */
__attribute__((unused)) static const char *in_folder(const char *name)
{
    static char paths[8][512];
    static unsigned turn;
    char *path = paths[turn++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

__attribute__((unused)) static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) && chmod(folder, 0755) == 0 ? 0 : -1;
}

/* Removes the files of a folder and it, one level of folders deep. */
__attribute__((unused)) static int empty_folder(const char *path)
{
    DIR *directory = opendir(path);
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        char inner[1024];
        snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (unlink(inner) != 0)
            empty_folder(inner);
    }
    if (directory)
        closedir(directory);
    return rmdir(path);
}

__attribute__((unused)) static int remove_folder(void **state)
{
    (void)state;
    return empty_folder(folder);
}

/* Writes interleaved floats as a file of any format. */
__attribute__((unused)) static void make_file(const char *path, int format, uint32_t rate, uint32_t num_channels,
                                              const float *interleaved, uint64_t num_frames)
{
    SF_INFO info = {.samplerate = (int)rate, .channels = (int)num_channels, .format = format};
    SNDFILE *file = sf_open(path, SFM_WRITE, &info);
    if (!file)
        fail_msg("%s: %s", path, sf_strerror(NULL));
    assert_int_equal(sf_writef_float(file, interleaved, (sf_count_t)num_frames), num_frames);
    assert_int_equal(sf_close(file), 0);
}

__attribute__((unused)) static void make_bytes(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* A whole file; free() it. */
__attribute__((unused)) static unsigned char *slurp(const char *path, size_t *size)
{
    struct stat status;
    if (stat(path, &status) != 0)
        fail_msg("%s is not there", path);
    *size = (size_t)status.st_size;
    unsigned char *bytes = malloc(*size + 1);
    FILE *file = fopen(path, "rb");
    assert_non_null(bytes);
    assert_non_null(file);
    assert_int_equal(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

/* The first size bytes of one file as another. */
__attribute__((unused)) static void cut_file(const char *from, const char *to, double share)
{
    size_t size;
    unsigned char *bytes = slurp(from, &size);
    make_bytes(to, bytes, (size_t)(share * (double)size));
    free(bytes);
}

/* Exactly one problem, an error or a warning, whose text holds words and is one plain line; clears nothing. */
__attribute__((unused)) static void expect_one_problem(const mxd_problems *problems, const char *what,
                                                       const char *words)
{
    if (mxd_problems_count(problems) != 1)
        fail_msg("%s: %zu problems instead of one", what, mxd_problems_count(problems));
    const mxd_problem *problem = mxd_problems_get(problems, 0);
    size_t length = strlen(problem->text);
    if (!strstr(problem->text, words))
        fail_msg("%s: '%s' does not say '%s'", what, problem->text, words);
    if (strchr(problem->text, '\n') || problem->text[length - 1] == '.' || !problem->file)
        fail_msg("%s: '%s' is not one plain line at a file", what, problem->text);
}

/* For conditions that must not pass silently: prints what was found. */
__attribute__((unused)) static void expect_no_problem(const mxd_problems *problems, const char *what)
{
    if (mxd_problems_count(problems))
        fail_msg("%s: %s: %s", what, mxd_problems_get(problems, 0)->file, mxd_problems_get(problems, 0)->text);
}

/* Numbers that look random and are the same in each run (Knuth's MMIX generator): -1 to 1. */
__attribute__((unused)) static float noise(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (float)(int32_t)(*seed >> 32) * 0x1p-31f;
}

#endif
