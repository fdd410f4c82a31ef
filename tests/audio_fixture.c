#include "audio_fixture.h"

static fixture files;

int make_folder(void **state)
{
    (void)state;
    fixture_create(&files);
    return chmod(files.folder, 0755); /* for a test that goes on as another user */
}

int remove_folder(void **state)
{
    (void)state;
    fixture_destroy(&files);
    return 0;
}

const char *the_folder(void)
{
    return files.folder;
}

const char *in_folder(const char *name)
{
    return fixture_path(&files, name);
}

void make_file(const char *path, int format, uint32_t rate, uint32_t num_channels, const float *interleaved,
               uint64_t num_frames)
{
    SF_INFO info = {.samplerate = (int)rate, .channels = (int)num_channels, .format = format};
    SNDFILE *file = sf_open(path, SFM_WRITE, &info);
    if (!file)
        fail_msg("%s: %s", path, sf_strerror(NULL));
    assert_int_equal(sf_writef_float(file, interleaved, (sf_count_t)num_frames), num_frames);
    assert_int_equal(sf_close(file), 0);
}

void cut_file(const char *from, const char *to, double share)
{
    size_t size;
    unsigned char *bytes = fixture_load(from, &size);
    fixture_bytes(to, bytes, (size_t)(share * (double)size));
    free(bytes);
}

void expect_one_problem(const mxd_problems *problems, const char *what, const char *words)
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

void expect_no_problem(const mxd_problems *problems, const char *what)
{
    if (mxd_problems_count(problems))
        fail_msg("%s: %s: %s", what, mxd_problems_get(problems, 0)->file, mxd_problems_get(problems, 0)->text);
}

float noise(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (float)(int32_t)(*seed >> 32) * 0x1p-31f;
}
