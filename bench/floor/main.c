/*
 * floor JOB THREADS ARGUMENT...: what each job is stands in bench/peers/README.md.
 *
 *   convolve WISDOM OUT.wav IN.wav RESPONSE.wav [IN RESPONSE]...   summed; outputs as the responses' channels
 *   equalise BANDS OUT-FOLDER IN.wav...                 BANDS: text, a line a track: frequency gain_db q, repeated
 *   mix BANDS GAINS OUT.wav IN.wav...                   GAINS: text, a line a track: left right
 *   sum GAIN OUT.wav IN.wav...                          to both channels
 *   objects GAINS GRID OUT.wav IN.wav...                GAINS: float32 [track][point][12], a point each GRID frames
 *   measure WEIGHTS IN.wav                              WEIGHTS: one a channel, with commas
 */
#include "floor.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void floor_fail(const char *what, const char *name)
{
    fprintf(stderr, "floor: %s: %s\n", name, what);
    exit(1);
}

void *floor_allocate(size_t count, size_t size)
{
    const size_t bytes = (count * size + 127) / 64 * 64;
    void *memory = aligned_alloc(64, bytes);
    if (!memory)
        floor_fail("out of memory", "allocation");
    memset(memory, 0, bytes);
    return memory;
}

typedef struct worker {
    void (*work)(void *, uint32_t);
    void *argument;
    uint32_t thread;
} worker;

static void *run_worker(void *argument)
{
    const worker *self = argument;
    self->work(self->argument, self->thread);
    return NULL;
}

void floor_run(uint32_t num_threads, void (*work)(void *, uint32_t), void *argument)
{
    pthread_t threads[FLOOR_MAX_THREADS];
    worker workers[FLOOR_MAX_THREADS];
    for (uint32_t i = 0; i < num_threads; i++)
        workers[i] = (worker){work, argument, i};
    for (uint32_t i = 1; i < num_threads; i++)
        if (pthread_create(&threads[i], NULL, run_worker, &workers[i]) != 0)
            floor_fail("no thread", "start");
    work(argument, 0);
    for (uint32_t i = 1; i < num_threads; i++)
        pthread_join(threads[i], NULL);
}

static void measure(uint32_t num_threads, char **arguments, int num_arguments)
{
    double weights[FLOOR_LANES] = {0}, lufs, dbtp;
    if (num_arguments != 2)
        floor_fail("needs WEIGHTS and IN.wav", "measure");
    const floor_wav wav = floor_open(arguments[1]);
    const char *text = arguments[0];
    for (uint32_t i = 0; i < wav.num_channels && i < FLOOR_LANES && *text; i++) {
        char *end;
        weights[i] = strtod(text, &end);
        text = *end == ',' ? end + 1 : end;
    }
    floor_measure(&wav, weights, num_threads, &lufs, &dbtp);
    printf("%.3f LUFS %.3f dBTP\n", lufs, dbtp);
    floor_close(&wav);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(uint32_t, char **, int);
    } jobs[] = {{"convolve", floor_convolve}, {"equalise", floor_equalise}, {"mix", floor_mix},
                {"sum", floor_sum},           {"objects", floor_objects},   {"measure", measure}};
    const int num_threads = argc > 2 ? atoi(argv[2]) : 0;
    for (size_t i = 0; i < sizeof jobs / sizeof *jobs && num_threads > 0 && num_threads <= FLOOR_MAX_THREADS; i++)
        if (strcmp(argv[1], jobs[i].name) == 0) {
            jobs[i].run((uint32_t)num_threads, argv + 3, argc - 3);
            return 0;
        }
    fprintf(stderr, "floor JOB THREADS ARGUMENT...: the top of bench/floor/main.c tells more\n");
    return 2;
}
