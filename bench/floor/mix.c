/* J3, J4, J5 and J8: cascades over sixteen tracks at a time, and sums of many tracks. */
#include "floor.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 2048 /* frames: sixteen tracks of them are 128 KiB */

void floor_bell_set(floor_bell *bell, uint32_t lane, double frequency_hz, double gain_db, double q)
{
    const double a = pow(10.0, gain_db / 40.0), g = tan(acos(-1.0) * frequency_hz / FLOOR_RATE_HZ);
    const double k = 1.0 / (q * a), a1 = 1.0 / (1.0 + g * (g + k));
    bell->a1[lane] = (float)a1;
    bell->a2[lane] = (float)(g * a1);
    bell->a3[lane] = (float)(g * g * a1);
    bell->m1[lane] = (float)(k * (a * a - 1.0));
}

void floor_cascade(floor_bell *bells, uint32_t num_bells, floor_vector *frames, uint32_t num_frames)
{
    for (uint32_t n = 0; n < num_frames; n++) {
        floor_vector x = frames[n];
        for (uint32_t i = 0; i < num_bells; i++) {
            floor_bell *b = &bells[i];
            const floor_vector v3 = x - b->s2;
            const floor_vector v1 = b->a1 * b->s1 + b->a2 * v3;
            const floor_vector v2 = b->s2 + b->a2 * b->s1 + b->a3 * v3;
            b->s1 = 2.0F * v1 - b->s1;
            b->s2 = 2.0F * v2 - b->s2;
            x += b->m1 * v1;
        }
        frames[n] = x;
    }
}

typedef struct lanes_job {
    uint32_t num_threads, num_tracks, num_bells;
    char **paths;
    const char *folder;              /* J3: where the tracks go */
    float (*gains)[2];               /* J4 */
    floor_bell *bells;               /* [group of sixteen][bell] */
    float *mixes[FLOOR_MAX_THREADS]; /* J4: each thread's sum, stereo */
    floor_wav out;
    int64_t num_frames;
} lanes_job;

static uint32_t num_groups(const lanes_job *job)
{
    return (job->num_tracks + FLOOR_LANES - 1) / FLOOR_LANES;
}

/* A line a track: 3 numbers a bell. Returns how many bells each has. */
static uint32_t read_bells(const char *path, uint32_t num_tracks, floor_bell **bells)
{
    FILE *file = fopen(path, "r");
    char line[4096];
    uint32_t num_bells = 0;
    *bells = NULL;
    for (uint32_t track = 0; track < num_tracks; track++) {
        double value[3 * 32];
        uint32_t count = 0;
        if (!file || !fgets(line, sizeof line, file))
            floor_fail("has too few lines", path);
        for (char *at = line, *end; count < 3 * 32 && (value[count] = strtod(at, &end), end != at); at = end)
            count++;
        if (!*bells) {
            num_bells = count / 3;
            *bells = floor_allocate((num_tracks + FLOOR_LANES - 1) / FLOOR_LANES * num_bells, sizeof **bells);
        }
        for (uint32_t i = 0; i < num_bells; i++)
            floor_bell_set(*bells + track / FLOOR_LANES * num_bells + i, track % FLOOR_LANES, value[3 * i],
                           value[3 * i + 1], value[3 * i + 2]);
    }
    fclose(file);
    return num_bells;
}

static void transpose_in(const float *lanes, floor_vector *frames)
{
    float *to = (float *)frames;
    for (uint32_t n = 0; n < CHUNK; n++)
        for (uint32_t lane = 0; lane < FLOOR_LANES; lane++)
            to[n * FLOOR_LANES + lane] = lanes[lane * CHUNK + n];
}

static void transpose_out(const floor_vector *frames, float *lanes)
{
    const float *from = (const float *)frames;
    for (uint32_t lane = 0; lane < FLOOR_LANES; lane++)
        for (uint32_t n = 0; n < CHUNK; n++)
            lanes[lane * CHUNK + n] = from[n * FLOOR_LANES + lane];
}

static void add_to_mix(const lanes_job *job, uint32_t group, const floor_vector *frames, float *mix)
{
    floor_vector left = {0}, right = {0};
    for (uint32_t lane = 0; lane < FLOOR_LANES && group * FLOOR_LANES + lane < job->num_tracks; lane++) {
        left[lane] = job->gains[group * FLOOR_LANES + lane][0];
        right[lane] = job->gains[group * FLOOR_LANES + lane][1];
    }
    for (uint32_t n = 0; n < CHUNK; n++) {
        const floor_vector a = frames[n] * left, b = frames[n] * right;
        /* Both sums at once, in halves: eight lanes of each, then four, two, one. */
        floor_vector s = __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
                         __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
        s += __builtin_shufflevector(s, s, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11);
        s += __builtin_shufflevector(s, s, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
        s += __builtin_shufflevector(s, s, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
        mix[2 * n] += s[0];
        mix[2 * n + 1] += s[8];
    }
}

static void run_lanes(void *argument, uint32_t thread)
{
    lanes_job *job = argument;
    float *lanes = floor_allocate(FLOOR_LANES * CHUNK, sizeof *lanes);
    floor_vector *frames = floor_allocate(CHUNK, sizeof *frames);
    if (job->gains)
        job->mixes[thread] = floor_allocate((size_t)job->num_frames * 2 + 2 * CHUNK, sizeof(float));
    for (uint32_t group = thread; group < num_groups(job); group += job->num_threads) {
        floor_wav in[FLOOR_LANES], out[FLOOR_LANES];
        const uint32_t first = group * FLOOR_LANES;
        const uint32_t count = job->num_tracks - first < FLOOR_LANES ? job->num_tracks - first : FLOOR_LANES;
        for (uint32_t i = 0; i < count; i++) {
            char path[4096];
            snprintf(path, sizeof path, "%s/t%u.wav", job->folder ? job->folder : "", first + i);
            in[i] = floor_open(job->paths[first + i]);
            if (job->folder)
                out[i] = floor_create(path, 1, 32, in[i].num_frames);
        }
        for (int64_t at = 0; at < job->num_frames; at += CHUNK) {
            for (uint32_t i = 0; i < count; i++)
                floor_read(&in[i], at, CHUNK, lanes + i * CHUNK);
            transpose_in(lanes, frames);
            floor_cascade(job->bells + group * job->num_bells, job->num_bells, frames, CHUNK);
            if (job->gains)
                add_to_mix(job, group, frames, job->mixes[thread] + 2 * at);
            else
                transpose_out(frames, lanes);
            for (uint32_t i = 0; i < count && job->folder; i++)
                floor_write(&out[i], at, CHUNK, lanes + i * CHUNK);
        }
        for (uint32_t i = 0; i < count; i++) {
            floor_close(&in[i]);
            if (job->folder)
                floor_close(&out[i]);
        }
    }
    free(frames);
    free(lanes);
}

static lanes_job start(uint32_t num_threads, const char *bands, char **paths, int num_paths)
{
    lanes_job job = {.num_threads = num_threads, .num_tracks = (uint32_t)num_paths, .paths = paths};
    const floor_wav wav = floor_open(paths[0]);
    job.num_frames = wav.num_frames;
    floor_close(&wav);
    job.num_bells = read_bells(bands, job.num_tracks, &job.bells);
    return job;
}

void floor_equalise(uint32_t num_threads, char **arguments, int num_arguments)
{
    if (num_arguments < 3)
        floor_fail("needs BANDS OUT-FOLDER IN.wav...", "equalise");
    lanes_job job = start(num_threads, arguments[0], arguments + 2, num_arguments - 2);
    job.folder = arguments[1];
    floor_run(num_threads, run_lanes, &job);
    free(job.bells);
}

static void write_mixes(void *argument, uint32_t thread)
{
    const lanes_job *job = argument;
    const int64_t part = (job->num_frames + job->num_threads - 1) / job->num_threads;
    const int64_t first = part * thread, left = job->num_frames - first;
    const int64_t count = left < part ? left : part;
    for (uint32_t i = 1; i < job->num_threads; i++)
        for (int64_t n = 2 * first; n < 2 * (first + count); n++)
            job->mixes[0][n] += job->mixes[i][n];
    floor_write(&job->out, first, count, job->mixes[0] + 2 * first);
}

void floor_mix(uint32_t num_threads, char **arguments, int num_arguments)
{
    if (num_arguments < 4)
        floor_fail("needs BANDS GAINS OUT.wav IN.wav...", "mix");
    lanes_job job = start(num_threads, arguments[0], arguments + 3, num_arguments - 3);
    job.gains = floor_allocate(job.num_tracks, sizeof *job.gains);
    FILE *file = fopen(arguments[1], "r");
    for (uint32_t i = 0; i < job.num_tracks; i++)
        if (!file || fscanf(file, "%f %f", &job.gains[i][0], &job.gains[i][1]) != 2)
            floor_fail("has too few lines", arguments[1]);
    fclose(file);
    floor_run(num_threads, run_lanes, &job);
    job.out = floor_create(arguments[2], 2, 24, job.num_frames);
    floor_run(num_threads, write_mixes, &job);
    floor_close(&job.out);
    for (uint32_t i = 0; i < num_threads; i++)
        free(job.mixes[i]);
    free(job.gains);
    free(job.bells);

    double lufs, dbtp;
    const double weights[FLOOR_LANES] = {1.0, 1.0};
    const floor_wav mix = floor_open(arguments[2]);
    floor_measure(&mix, weights, num_threads, &lufs, &dbtp);
    printf("%.3f LUFS %.3f dBTP\n", lufs, dbtp);
    floor_close(&mix);
}

/* ---- Sums without a memory: threads share the time ------------------------- */

#define POINT_CHANNELS 12

typedef struct sum_job {
    uint32_t num_threads, num_tracks, grid;
    floor_wav *in, out;
    float gain;         /* J8 */
    const float *gains; /* J5: [track][point][12] */
    int64_t num_points;
} sum_job;

static void run_sum(void *argument, uint32_t thread)
{
    const sum_job *job = argument;
    float *input = floor_allocate(CHUNK, sizeof *input), *total = floor_allocate(CHUNK, sizeof *total);
    float *frames = floor_allocate(2 * CHUNK, sizeof *frames);
    for (int64_t at = (int64_t)thread * CHUNK; at < job->out.num_frames; at += (int64_t)job->num_threads * CHUNK) {
        memset(total, 0, CHUNK * sizeof *total);
        for (uint32_t track = 0; track < job->num_tracks; track++) {
            floor_read(&job->in[track], at, CHUNK, input);
            for (uint32_t n = 0; n < CHUNK; n++)
                total[n] += input[n];
        }
        for (uint32_t n = 0; n < CHUNK; n++)
            frames[2 * n] = frames[2 * n + 1] = total[n] * job->gain;
        floor_write(&job->out, at, CHUNK, frames);
    }
    free(frames);
    free(total);
    free(input);
}

/* One stretch between two gain points. */
static void add_object(const float *input, uint32_t grid, const float *from, const float *to, float *planes,
                       uint32_t plane_frames)
{
    for (uint32_t channel = 0; channel < POINT_CHANNELS; channel++) {
        const float start = from[channel], step = (to[channel] - start) / (float)grid;
        float *plane = planes + channel * plane_frames;
        if (start != 0.0F || step != 0.0F)
            for (uint32_t n = 0; n < grid; n++)
                plane[n] += input[n] * (start + step * (float)(int32_t)n);
    }
}

static void run_objects(void *argument, uint32_t thread)
{
    const sum_job *job = argument;
    float *input = floor_allocate(CHUNK, sizeof *input);
    float *planes = floor_allocate(POINT_CHANNELS * CHUNK, sizeof *planes);
    float *frames = floor_allocate(POINT_CHANNELS * CHUNK, sizeof *frames);
    for (int64_t at = (int64_t)thread * CHUNK; at < job->out.num_frames; at += (int64_t)job->num_threads * CHUNK) {
        memset(planes, 0, POINT_CHANNELS * CHUNK * sizeof *planes);
        for (uint32_t track = 0; track < job->num_tracks; track++) {
            floor_read(&job->in[track], at, CHUNK, input);
            for (uint32_t n = 0; n < CHUNK && at + n < job->out.num_frames; n += job->grid) {
                const float *gains = job->gains + (track * job->num_points + (at + n) / job->grid) * POINT_CHANNELS;
                add_object(input + n, job->grid, gains, gains + POINT_CHANNELS, planes + n, CHUNK);
            }
        }
        for (uint32_t channel = 0; channel < POINT_CHANNELS; channel++)
            for (uint32_t n = 0; n < CHUNK; n++)
                frames[n * POINT_CHANNELS + channel] = planes[channel * CHUNK + n];
        floor_write(&job->out, at, CHUNK, frames);
    }
    free(frames);
    free(planes);
    free(input);
}

static sum_job open_inputs(uint32_t num_threads, char **paths, int num_paths)
{
    sum_job job = {.num_threads = num_threads, .num_tracks = (uint32_t)num_paths};
    job.in = floor_allocate(job.num_tracks, sizeof *job.in);
    for (uint32_t i = 0; i < job.num_tracks; i++)
        job.in[i] = floor_open(paths[i]);
    return job;
}

static void finish(sum_job *job)
{
    for (uint32_t i = 0; i < job->num_tracks; i++)
        floor_close(&job->in[i]);
    floor_close(&job->out);
    free(job->in);
}

void floor_sum(uint32_t num_threads, char **arguments, int num_arguments)
{
    if (num_arguments < 3)
        floor_fail("needs GAIN OUT.wav IN.wav...", "sum");
    sum_job job = open_inputs(num_threads, arguments + 2, num_arguments - 2);
    job.gain = strtof(arguments[0], NULL);
    job.out = floor_create(arguments[1], 2, 24, job.in[0].num_frames);
    floor_run(num_threads, run_sum, &job);
    finish(&job);
}

void floor_objects(uint32_t num_threads, char **arguments, int num_arguments)
{
    if (num_arguments < 4)
        floor_fail("needs GAINS GRID OUT.wav IN.wav...", "objects");
    sum_job job = open_inputs(num_threads, arguments + 3, num_arguments - 3);
    job.grid = (uint32_t)atoi(arguments[1]);
    if (job.grid == 0 || CHUNK % job.grid != 0)
        floor_fail("GRID must divide 2048", "objects");
    job.num_points = (job.in[0].num_frames + job.grid - 1) / job.grid + 1;
    const size_t count = (size_t)job.num_tracks * (size_t)job.num_points * POINT_CHANNELS;
    float *gains = floor_allocate(count, sizeof *gains);
    FILE *file = fopen(arguments[0], "rb");
    if (!file || fread(gains, sizeof *gains, count, file) != count)
        floor_fail("has too few gains", arguments[0]);
    fclose(file);
    job.gains = gains;
    job.out = floor_create(arguments[2], POINT_CHANNELS, 32, job.in[0].num_frames);
    floor_run(num_threads, run_objects, &job);
    finish(&job);
    free(gains);
}
