/* A folder of its own for a test, audio files made on the spot, and sessions rendered from text. */
#ifndef MXD_TESTS_FIXTURE_H
#define MXD_TESTS_FIXTURE_H

#include "host/mixdown.h"

typedef struct fixture {
    char folder[256];
    mxd_problems *problems;
} fixture;

/* A fresh folder below TMPDIR or /tmp. */
void fixture_create(fixture *f);
/* Removes the folder and all in it. */
void fixture_destroy(fixture *f);
/* The same for cmocka, *state being a fixture. */
int fixture_set_up(void **state);
int fixture_tear_down(void **state);
/* Removes any folder and all in it. */
void fixture_remove(const char *folder);
/* folder/name; valid until the eighth call after this one. */
const char *fixture_path(const fixture *f, const char *name);

typedef float (*fixture_signal)(uint32_t channel, uint64_t frame);
/* Signals: */
float fixture_ones(uint32_t channel, uint64_t frame);
float fixture_impulse(uint32_t channel, uint64_t frame);    /* 1 at frame 0 */
float fixture_noise(uint32_t channel, uint64_t frame);      /* white, uniform in -0.5..0.5, the same on every run */

/* A 32-bit float WAV in the folder. */
void fixture_wav(const fixture *f, const char *name, uint32_t rate, uint32_t channels, uint64_t frames,
                 fixture_signal signal);
void fixture_text(const fixture *f, const char *name, const char *text);
void fixture_bytes(const char *path, const void *bytes, size_t size);
/* A whole file; free() it. */
unsigned char *fixture_load(const char *path, size_t *size);
void fixture_print(const mxd_problems *problems);

/* An audio file read back: interleaved. */
typedef struct fixture_audio {
    float *samples;
    uint32_t channels;
    uint64_t frames;
} fixture_audio;
fixture_audio fixture_read(const char *path);

/* Writes the text as session.json, loads and renders it; problems are printed if that fails. */
mxd_result fixture_render(fixture *f, const char *json, const mxd_render_options *options);
/* The same, must succeed; returns out.wav of the folder. */
fixture_audio fixture_output(fixture *f, const char *json, const mxd_render_options *options);

/* Largest absolute difference; HUGE_VAL where sizes differ or a NaN is there. */
double fixture_difference(const fixture_audio *a, const fixture_audio *b);

#endif
