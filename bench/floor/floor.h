/*
 * The floor: the least work in C for the jobs of bench/peers, to measure
 * against. It reads and writes WAVE files raw, knows one sample rate, trusts
 * its inputs, and keeps whole signals in memory where that is quickest.
 * A failure prints a line and ends the program.
 */
#ifndef MXD_FLOOR_H
#define MXD_FLOOR_H

#include <stdint.h>
#include <stddef.h>

#define FLOOR_RATE_HZ 48000
#define FLOOR_MAX_THREADS 16
#define FLOOR_LANES 16 /* floats of one vector: 64 bytes */

typedef float floor_vector __attribute__((vector_size(4 * FLOOR_LANES)));

typedef struct floor_wav {
    int file;
    uint32_t num_channels, bits;
    int64_t data_at; /* byte of the first sample */
    int64_t num_frames;
} floor_wav;

floor_wav floor_open(const char *path);
/* bits: 24 or 32 (float). The header is written, the samples are to come. */
floor_wav floor_create(const char *path, uint32_t num_channels, uint32_t bits, int64_t num_frames);
void floor_close(const floor_wav *wav);
/* samples: interleaved, [frame][channel]; zero before the file's first and after its last frame. */
void floor_read(const floor_wav *wav, int64_t first, int64_t num_frames, float *samples);
void floor_write(const floor_wav *wav, int64_t first, int64_t num_frames, const float *samples);

void floor_fail(const char *what, const char *name) __attribute__((noreturn));
/* Zeroed, aligned to 64 bytes; ends the program rather than return NULL. Free with free. */
void *floor_allocate(size_t count, size_t size);
/* Runs work(argument, i) for i < num_threads at the same time. */
void floor_run(uint32_t num_threads, void (*work)(void *argument, uint32_t thread), void *argument);

/* A peaking filter as a state-variable filter (trapezoidal), 16 lanes at once. */
typedef struct floor_bell {
    floor_vector a1, a2, a3, m1, s1, s2;
} floor_bell;
void floor_bell_set(floor_bell *bell, uint32_t lane, double frequency_hz, double gain_db, double q);
/* frames: [frame][lane], in place; the cascade's sections follow one another within each frame. */
void floor_cascade(floor_bell *bells, uint32_t num_bells, floor_vector *frames, uint32_t num_frames);

/* Integrated loudness in LUFS and true peak in dBTP of a file; weights: one a channel. */
void floor_measure(const floor_wav *wav, const double *weights, uint32_t num_threads, double *lufs, double *dbtp);

/* The jobs: arguments as main.c says. */
void floor_convolve(uint32_t num_threads, char **arguments, int num_arguments);
void floor_equalise(uint32_t num_threads, char **arguments, int num_arguments);
void floor_mix(uint32_t num_threads, char **arguments, int num_arguments);
void floor_sum(uint32_t num_threads, char **arguments, int num_arguments);
void floor_objects(uint32_t num_threads, char **arguments, int num_arguments);

#endif
