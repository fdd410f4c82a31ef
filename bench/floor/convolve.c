/*
 * J1 and J2: overlap-save in equal partitions. One track after another runs
 * through all its blocks: each block of input and each partition of a response
 * is transformed once, products gather in the spectra of all output blocks,
 * a tile of bins at a time so that they stay in the cache, and each output
 * block is transformed back once.
 */
#include "floor.h"

#include <fftw3.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 16384 /* frames; a transform takes two */
#define TILE 256    /* bins: inputs, responses and outputs of 88 blocks then fit in 1 MiB */
#define NUM_TILES (BLOCK / TILE + 1) /* the last one holds the bin at Nyquist */
#define BINS (NUM_TILES * TILE)
#define PAIRS (FLOOR_LANES / 2) /* complex numbers of one vector */

typedef struct convolution {
    uint32_t num_threads, num_tracks, num_outputs, num_blocks, num_partitions;
    char **paths; /* input, response, input, ... */
    floor_wav out;
    fftwf_plan forward, back;
    /* Spectra: [tile][...][TILE] complex, as pairs of floats. */
    float *input;     /* [tile][block] */
    float *response;  /* [tile][output][partition][2]: real parts doubled, imaginary parts with alternating sign */
    float *output;    /* [tile][output][block] */
    pthread_barrier_t barrier;
} convolution;

static float *bins_at(float *spectra, uint32_t row, uint32_t num_rows, uint32_t tile)
{
    return spectra + ((size_t)tile * num_rows + row) * TILE * 2;
}

static void transform_input(const convolution *c, const floor_wav *wav, uint32_t block, float *time, float *spectrum)
{
    floor_read(wav, ((int64_t)block - 1) * BLOCK, 2 * BLOCK, time);
    fftwf_execute_dft_r2c(c->forward, time, (fftwf_complex *)spectrum);
    for (uint32_t tile = 0; tile < NUM_TILES; tile++)
        memcpy(bins_at(c->input, block, c->num_blocks, tile), spectrum + tile * TILE * 2, TILE * 2 * sizeof(float));
}

static void transform_response(const convolution *c, const floor_wav *wav, uint32_t partition, float *time,
                               float *spectrum, float *frames)
{
    const float scale = 1.0F / (2 * BLOCK);
    floor_read(wav, (int64_t)partition * BLOCK, BLOCK, frames);
    for (uint32_t output = 0; output < c->num_outputs; output++) {
        for (uint32_t i = 0; i < BLOCK; i++) {
            time[i] = frames[i * c->num_outputs + output] * scale;
            time[BLOCK + i] = 0.0F;
        }
        fftwf_execute_dft_r2c(c->forward, time, (fftwf_complex *)spectrum);
        const uint32_t row = 2 * (output * c->num_partitions + partition);
        for (uint32_t i = 0; i < BINS; i++) {
            float *real = bins_at(c->response, row, 2 * c->num_outputs * c->num_partitions, i / TILE) + i % TILE * 2;
            float *imaginary = real + TILE * 2;
            real[0] = real[1] = spectrum[2 * i];
            imaginary[0] = -spectrum[2 * i + 1];
            imaginary[1] = spectrum[2 * i + 1];
        }
    }
}

/* All products of one tile. */
static void multiply(const convolution *c, uint32_t tile)
{
    const uint32_t num_vectors = TILE / PAIRS;
    for (uint32_t output = 0; output < c->num_outputs; output++)
        for (uint32_t block = 0; block < c->num_blocks; block++) {
            floor_vector *sum = (floor_vector *)(void *)bins_at(c->output, output * c->num_blocks + block,
                                                                c->num_outputs * c->num_blocks, tile);
            floor_vector total[TILE / PAIRS];
            memcpy(total, sum, sizeof total);
            for (uint32_t p = 0; p < c->num_partitions && p <= block; p++) {
                const floor_vector *x =
                    (const floor_vector *)(void *)bins_at(c->input, block - p, c->num_blocks, tile);
                const floor_vector *h = (const floor_vector *)(void *)bins_at(
                    c->response, 2 * (output * c->num_partitions + p), 2 * c->num_outputs * c->num_partitions, tile);
                for (uint32_t i = 0; i < num_vectors; i++) {
                    const floor_vector swapped = __builtin_shufflevector(x[i], x[i], 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11,
                                                                         10, 13, 12, 15, 14);
                    total[i] += x[i] * h[i] + swapped * h[num_vectors + i];
                }
            }
            memcpy(sum, total, sizeof total);
        }
}

static void write_block(const convolution *c, uint32_t block, float *time, float *spectrum, float *frames)
{
    for (uint32_t output = 0; output < c->num_outputs; output++) {
        for (uint32_t tile = 0; tile < NUM_TILES; tile++)
            memcpy(spectrum + tile * TILE * 2,
                   bins_at(c->output, output * c->num_blocks + block, c->num_outputs * c->num_blocks, tile),
                   TILE * 2 * sizeof(float));
        fftwf_execute_dft_c2r(c->back, (fftwf_complex *)spectrum, time);
        for (uint32_t i = 0; i < BLOCK; i++)
            frames[i * c->num_outputs + output] = time[BLOCK + i];
    }
    floor_write(&c->out, (int64_t)block * BLOCK, BLOCK, frames);
}

static void work(void *argument, uint32_t thread)
{
    convolution *c = argument;
    float *time = floor_allocate(2 * BLOCK, sizeof *time), *spectrum = floor_allocate(2 * BINS, sizeof *spectrum);
    float *frames = floor_allocate(BLOCK * c->num_outputs, sizeof *frames);
    for (uint32_t track = 0; track < c->num_tracks; track++) {
        const floor_wav input = floor_open(c->paths[2 * track]), response = floor_open(c->paths[2 * track + 1]);
        for (uint32_t block = thread; block < c->num_blocks; block += c->num_threads)
            transform_input(c, &input, block, time, spectrum);
        for (uint32_t p = thread; p < c->num_partitions; p += c->num_threads)
            transform_response(c, &response, p, time, spectrum, frames);
        floor_close(&input);
        floor_close(&response);
        pthread_barrier_wait(&c->barrier);
        for (uint32_t tile = thread; tile < NUM_TILES; tile += c->num_threads)
            multiply(c, tile);
        pthread_barrier_wait(&c->barrier);
    }
    for (uint32_t block = thread; block < c->num_blocks; block += c->num_threads)
        write_block(c, block, time, spectrum, frames);
    free(frames);
    free(spectrum);
    free(time);
}

static void plan(convolution *c, const char *wisdom)
{
    float *time = floor_allocate(2 * BLOCK, sizeof *time), *spectrum = floor_allocate(2 * BINS, sizeof *spectrum);
    const int known = fftwf_import_wisdom_from_filename(wisdom);
    c->forward = fftwf_plan_dft_r2c_1d(2 * BLOCK, time, (fftwf_complex *)spectrum, FFTW_MEASURE | FFTW_DESTROY_INPUT);
    c->back = fftwf_plan_dft_c2r_1d(2 * BLOCK, (fftwf_complex *)spectrum, time, FFTW_MEASURE | FFTW_DESTROY_INPUT);
    if (!known)
        fftwf_export_wisdom_to_filename(wisdom);
    free(spectrum);
    free(time);
}

void floor_convolve(uint32_t num_threads, char **arguments, int num_arguments)
{
    if (num_arguments < 4 || num_arguments % 2 != 0)
        floor_fail("needs WISDOM OUT.wav and pairs of IN.wav and RESPONSE.wav", "convolve");
    convolution c = {.num_threads = num_threads, .num_tracks = (uint32_t)num_arguments / 2 - 1, .paths = arguments + 2};
    const floor_wav input = floor_open(c.paths[0]), response = floor_open(c.paths[1]);
    c.num_outputs = response.num_channels;
    c.num_blocks = (uint32_t)((input.num_frames + BLOCK - 1) / BLOCK);
    c.num_partitions = (uint32_t)((response.num_frames + BLOCK - 1) / BLOCK);
    c.input = floor_allocate((size_t)c.num_blocks * BINS * 2, sizeof(float));
    c.response = floor_allocate((size_t)c.num_outputs * c.num_partitions * BINS * 4, sizeof(float));
    c.output = floor_allocate((size_t)c.num_outputs * c.num_blocks * BINS * 2, sizeof(float));
    c.out = floor_create(arguments[1], c.num_outputs, 32, input.num_frames);
    floor_close(&input);
    floor_close(&response);
    pthread_barrier_init(&c.barrier, NULL, num_threads);
    plan(&c, arguments[0]);
    floor_run(num_threads, work, &c);
    floor_close(&c.out);
    pthread_barrier_destroy(&c.barrier);
    free(c.output);
    free(c.response);
    free(c.input);
}
