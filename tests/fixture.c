#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <math.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void fixture_create(fixture *f)
{
    const char *base = getenv("TMPDIR");
    snprintf(f->folder, sizeof f->folder, "%s/mixdown-test-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(f->folder));
    f->problems = mxd_problems_create();
    assert_non_null(f->problems);
}

void fixture_remove(const char *folder)
{
    DIR *entries = opendir(folder);
    for (struct dirent *entry; entries && (entry = readdir(entries));) {
        char path[1024];
        struct stat status;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (lstat(path, &status) == 0 && S_ISDIR(status.st_mode))
            fixture_remove(path);
        else
            unlink(path);
    }
    if (entries)
        closedir(entries);
    rmdir(folder);
}

void fixture_destroy(fixture *f)
{
    fixture_remove(f->folder);
    mxd_problems_destroy(f->problems);
}

int fixture_set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    fixture_create(f);
    *state = f;
    return 0;
}

int fixture_tear_down(void **state)
{
    fixture_destroy(*state);
    free(*state);
    return 0;
}

const char *fixture_path(const fixture *f, const char *name)
{
    static char paths[8][512];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", f->folder, name);
    return path;
}

float fixture_ones(uint32_t channel, uint64_t frame)
{
    (void)channel, (void)frame;
    return 1.0f;
}

float fixture_impulse(uint32_t channel, uint64_t frame)
{
    (void)channel;
    return frame == 0 ? 1.0f : 0.0f;
}

float fixture_noise(uint32_t channel, uint64_t frame)
{
    uint64_t x = frame * 0x9e3779b97f4a7c15u + (channel + 1) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    x ^= x >> 31;
    return (float)(x >> 40) / 16777216.0f - 0.5f;
}

void fixture_wav(const fixture *f, const char *name, uint32_t rate, uint32_t channels, uint64_t frames,
                 fixture_signal signal)
{
    SF_INFO info = {.samplerate = (int)rate, .channels = (int)channels, .format = SF_FORMAT_WAV | SF_FORMAT_FLOAT};
    SNDFILE *file = sf_open(fixture_path(f, name), SFM_WRITE, &info);
    assert_non_null(file);
    float frame[64];
    for (uint64_t i = 0; i < frames; i++) {
        for (uint32_t c = 0; c < channels; c++)
            frame[c] = signal(c, i);
        assert_int_equal(sf_writef_float(file, frame, 1), 1);
    }
    assert_int_equal(sf_close(file), 0);
}

void fixture_text(const fixture *f, const char *name, const char *text)
{
    fixture_bytes(fixture_path(f, name), text, strlen(text));
}

void fixture_bytes(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

unsigned char *fixture_load(const char *path, size_t *size)
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

fixture_audio fixture_read(const char *path)
{
    SF_INFO info = {0};
    SNDFILE *file = sf_open(path, SFM_READ, &info);
    if (!file)
        fail_msg("%s cannot be read", path);
    fixture_audio audio = {.channels = (uint32_t)info.channels, .frames = (uint64_t)info.frames};
    audio.samples = malloc(((size_t)info.frames * (size_t)info.channels + 1) * sizeof(float));
    assert_non_null(audio.samples);
    assert_int_equal(sf_readf_float(file, audio.samples, info.frames), info.frames);
    sf_close(file);
    return audio;
}

void fixture_print(const mxd_problems *problems)
{
    for (size_t i = 0; i < mxd_problems_count(problems); i++) {
        const mxd_problem *problem = mxd_problems_get(problems, i);
        print_message("%s:%u:%u: %s (%s)\n", problem->file ? problem->file : "", problem->line, problem->column,
                      problem->text, problem->path ? problem->path : "-");
    }
}

mxd_result fixture_render(fixture *f, const char *json, const mxd_render_options *options)
{
    const mxd_render_options defaults = {.backend = MXD_BACKEND_CPU};
    mxd_session *session = NULL;
    fixture_text(f, "session.json", json);
    mxd_result result = mxd_session_load(fixture_path(f, "session.json"), f->problems, &session);
    if (result == MXD_OK)
        result = mxd_render(session, options ? options : &defaults, f->problems, NULL);
    mxd_session_destroy(session);
    return result;
}

fixture_audio fixture_output(fixture *f, const char *json, const mxd_render_options *options)
{
    mxd_result result = fixture_render(f, json, options);
    if (result != MXD_OK) {
        fixture_print(f->problems);
        fail_msg("render failed with %d", (int)result);
    }
    return fixture_read(fixture_path(f, "out.wav"));
}

double fixture_difference(const fixture_audio *a, const fixture_audio *b)
{
    if (a->channels != b->channels || a->frames != b->frames)
        return HUGE_VAL;
    double largest = 0.0;
    for (uint64_t i = 0; i < a->frames * a->channels; i++) {
        double difference = fabs((double)a->samples[i] - (double)b->samples[i]);
        if (!(difference <= largest))
            largest = isnan(difference) ? HUGE_VAL : difference;
    }
    return largest;
}
