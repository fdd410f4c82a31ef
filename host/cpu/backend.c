/*
 * The cpu and the reference backend: lanes in ordinary memory; a submit runs
 * the whole block on the pool of threads before it returns, so a wait has
 * nothing left to do. Overlap with decoding and encoding comes from the
 * caller's own threads.
 */
#include "../clock.h"
#include "kernels.h"
#include "simd.h"
#include "unpack.h"

#include <stdio.h>
#include <string.h>

mxd_unpack_function MXD_CPU(mxd_unpack);

typedef enum timing_index {
    TIME_EQ,
    TIME_CONVOLVE,
    TIME_MIX,
    TIME_UPLOAD,
    TIME_DOWNLOAD,
    TIME_ROWS, /* and so on, one a kernel of host/kernels */
    NUM_TIMES = TIME_ROWS + MXD_NUM_KERNELS
} timing_index;

/* One of the four is set. */
typedef struct cpu_step {
    cpu_eq *eq;
    cpu_convolve *convolve;
    cpu_mix *mix;
    cpu_rows *rows;
    mxd_kernel_id kernel; /* of rows */
} cpu_step;

typedef struct cpu_backend {
    mxd_backend base;
    mxd_threads *threads;
    cpu_lanes lanes;
    uint32_t *upload_jobs; /* one for each lane, and one more */
    cpu_step *steps;
    uint32_t num_steps;
    uint32_t capacity;
    uint64_t num_blocks;
    mxd_backend_timing timings[NUM_TIMES];
} cpu_backend;

static void add_time(cpu_backend *cpu, timing_index index, double start_s, uint64_t lane_frames)
{
    cpu->timings[index].wall_s += mxd_clock_s() - start_s;
    cpu->timings[index].lane_frames += lane_frames;
}

static void destroy(mxd_backend *backend)
{
    cpu_backend *cpu = (cpu_backend *)backend;
    for (uint32_t i = 0; i < cpu->num_steps; i++) {
        MXD_CPU(mxd_eq_destroy)(cpu->steps[i].eq);
        MXD_CPU(mxd_convolve_destroy)(cpu->steps[i].convolve);
        MXD_CPU(mxd_mix_destroy)(cpu->steps[i].mix);
        MXD_CPU(mxd_rows_destroy)(cpu->steps[i].rows);
    }
    free(cpu->steps);
    mxd_threads_destroy(cpu->threads);
    free(cpu->lanes.samples);
    free(cpu->upload_jobs);
    free(cpu);
}

static mxd_result out_of_memory(const cpu_backend *cpu, const char *what)
{
    return mxd_fail(cpu->base.problems, MXD_ERROR_MEMORY, NULL, "memory ran out while %s", what);
}

/* A new, empty step; NULL when memory runs out. It counts only once num_steps is raised. */
static cpu_step *next_step(cpu_backend *cpu)
{
    if (cpu->num_steps == cpu->capacity) {
        uint32_t capacity = cpu->capacity ? 2 * cpu->capacity : 16;
        cpu_step *steps = realloc(cpu->steps, capacity * sizeof *steps);
        if (!steps)
            return NULL;
        cpu->steps = steps;
        cpu->capacity = capacity;
    }
    cpu->steps[cpu->num_steps] = (cpu_step){0};
    return &cpu->steps[cpu->num_steps];
}

static mxd_result add_eq(mxd_backend *backend, const mxd_eq_row *rows, uint32_t num_rows, uint32_t *step)
{
    cpu_backend *cpu = (cpu_backend *)backend;
    cpu_step *next = next_step(cpu);
    if (next)
        next->eq = MXD_CPU(mxd_eq_create)(rows, num_rows, mxd_threads_count(cpu->threads));
    if (!next || !next->eq)
        return out_of_memory(cpu, "an equaliser was made");
    *step = cpu->num_steps++;
    return MXD_OK;
}

static mxd_result add_convolve(mxd_backend *backend, const mxd_convolve_row *rows, uint32_t num_rows, uint32_t *step)
{
    cpu_backend *cpu = (cpu_backend *)backend;
    cpu_step *next = next_step(cpu);
    if (next)
        next->convolve = MXD_CPU(mxd_convolve_create)(rows, num_rows, cpu->base.params.block_frames, cpu->threads);
    if (!next || !next->convolve)
        return out_of_memory(cpu, "a convolver was made");
    *step = cpu->num_steps++;
    return MXD_OK;
}

static mxd_result add_mix(mxd_backend *backend, const mxd_mix_limits *limits, uint32_t *step)
{
    cpu_backend *cpu = (cpu_backend *)backend;
    cpu_step *next = next_step(cpu);
    if (next)
        next->mix = MXD_CPU(mxd_mix_create)(limits, mxd_threads_count(cpu->threads));
    if (!next || !next->mix)
        return out_of_memory(cpu, "a mix was made");
    *step = cpu->num_steps++;
    return MXD_OK;
}

static mxd_result add_rows(mxd_backend *backend, mxd_kernel_id kernel, const mxd_kernel_row *rows, uint32_t num_rows,
                           uint32_t *step)
{
    cpu_backend *cpu = (cpu_backend *)backend;
    cpu_step *next = next_step(cpu);
    if (next)
        next->rows = MXD_CPU(mxd_rows_create)(kernel, rows, num_rows, cpu->base.params.block_frames);
    if (!next || !next->rows)
        return out_of_memory(cpu, "inserts were made");
    next->kernel = kernel;
    *step = cpu->num_steps++;
    return MXD_OK;
}

static mxd_result prepare(mxd_backend *backend)
{
    cpu_backend *cpu = (cpu_backend *)backend;
    cpu->lanes.samples = MXD_CPU(mxd_aligned_zeros)(cpu->base.params.num_lanes * cpu->lanes.stride * sizeof(real));
    cpu->upload_jobs = calloc((size_t)cpu->base.params.num_lanes + 1, sizeof *cpu->upload_jobs);
    return cpu->lanes.samples && cpu->upload_jobs ? MXD_OK : out_of_memory(cpu, "lanes were made");
}

static uint64_t memory(const mxd_backend *backend)
{
    const cpu_backend *cpu = (const cpu_backend *)backend;
    uint64_t bytes = (uint64_t)cpu->base.params.num_lanes * cpu->lanes.stride * sizeof(real);
    for (uint32_t i = 0; i < cpu->num_steps; i++) {
        const cpu_step *step = &cpu->steps[i];
        bytes += step->eq ? MXD_CPU(mxd_eq_memory)(step->eq) : 0;
        bytes += step->convolve ? MXD_CPU(mxd_convolve_memory)(step->convolve) : 0;
        bytes += step->mix ? MXD_CPU(mxd_mix_memory)(step->mix) : 0;
        bytes += step->rows ? MXD_CPU(mxd_rows_memory)(step->rows) : 0;
    }
    return bytes;
}

/* ---- Transfers ----------------------------------------------------------- */

/* Lanes that one job unpacks at most: beyond it a job is too large to share out. */
#define MAX_JOB_LANES 16u

typedef struct cpu_transfer {
    const cpu_lanes *lanes;
    const mxd_block *block;
    const uint32_t *jobs;
} cpu_transfer;

static bool shares_frames(const mxd_upload *a, const mxd_upload *b)
{
    return a->frames && a->frames == b->frames && a->format == b->format && a->num_channels == b->num_channels;
}

/* Several lanes in a row that take channels of the same frames are one job: `jobs[index]` is where its first is. */
static uint32_t list_upload_jobs(const mxd_block *block, uint32_t *jobs)
{
    uint32_t num_jobs = 0;
    for (uint32_t i = 0; i < block->num_uploads; i++)
        if (i == 0 || i - jobs[num_jobs - 1] == MAX_JOB_LANES ||
            !shares_frames(&block->uploads[i - 1], &block->uploads[i]))
            jobs[num_jobs++] = i;
    jobs[num_jobs] = block->num_uploads;
    return num_jobs;
}

static void upload_job(void *user, uint32_t index, uint32_t thread)
{
    (void)thread;
    const cpu_transfer *transfer = user;
    const mxd_upload *uploads = transfer->block->uploads + transfer->jobs[index];
    uint32_t num_lanes = transfer->jobs[index + 1] - transfer->jobs[index], num_frames = transfer->block->num_frames;
    mxd_unpack_lane lanes[MAX_JOB_LANES];
    for (uint32_t i = 0; i < num_lanes; i++)
        lanes[i] = (mxd_unpack_lane){lane_of(transfer->lanes, uploads[i].lane), uploads[i].channel, uploads[i].gain};
    if (uploads->frames)
        MXD_CPU(mxd_unpack)(uploads->frames, uploads->format, uploads->num_channels, num_frames, lanes, num_lanes);
    else
        memset(lanes[0].samples, 0, num_frames * sizeof(real));
}

static void download_one(void *user, uint32_t index, uint32_t thread)
{
    (void)thread;
    const cpu_transfer *transfer = user;
    const mxd_download *download = &transfer->block->downloads[index];
    const real *lane = lane_of(transfer->lanes, download->lane);
    for (uint32_t i = 0; i < transfer->block->num_frames; i++)
        download->frames[i] = (float)lane[i];
}

static void run_step(cpu_backend *cpu, const mxd_step_run *run, uint32_t num_frames)
{
    const cpu_step *step = &cpu->steps[run->step];
    double start_s = mxd_clock_s();
    if (step->eq) {
        MXD_CPU(mxd_eq_run)(step->eq, cpu->threads, &cpu->lanes, num_frames, run);
        add_time(cpu, TIME_EQ, start_s, (uint64_t)num_frames * run->num_rows);
    } else if (step->convolve) {
        MXD_CPU(mxd_convolve_run)(step->convolve, cpu->threads, &cpu->lanes, num_frames, run);
        add_time(cpu, TIME_CONVOLVE, start_s, (uint64_t)num_frames * run->num_rows);
    } else if (step->rows) {
        MXD_CPU(mxd_rows_run)(step->rows, cpu->threads, &cpu->lanes, num_frames, run);
        add_time(cpu, TIME_ROWS + (uint32_t)step->kernel, start_s, (uint64_t)num_frames * run->num_rows);
    } else {
        MXD_CPU(mxd_mix_run)(step->mix, cpu->threads, &cpu->lanes, num_frames, run->mix);
        add_time(cpu, TIME_MIX, start_s, (uint64_t)num_frames * run->mix->num_edges);
    }
}

static mxd_result submit(mxd_backend *backend, const mxd_block *block, uint64_t *ticket)
{
    cpu_backend *cpu = (cpu_backend *)backend;
    cpu_transfer transfer = {&cpu->lanes, block, cpu->upload_jobs};
    double start_s = mxd_clock_s();
    mxd_threads_run(cpu->threads, list_upload_jobs(block, cpu->upload_jobs), upload_job, &transfer);
    add_time(cpu, TIME_UPLOAD, start_s, (uint64_t)block->num_frames * block->num_uploads);

    for (uint32_t i = 0; i < block->num_runs; i++)
        run_step(cpu, &block->runs[i], block->num_frames);

    start_s = mxd_clock_s();
    mxd_threads_run(cpu->threads, block->num_downloads, download_one, &transfer);
    add_time(cpu, TIME_DOWNLOAD, start_s, (uint64_t)block->num_frames * block->num_downloads);
    *ticket = ++cpu->num_blocks;
    return MXD_OK;
}

static mxd_result wait_for(mxd_backend *backend, uint64_t ticket)
{
    (void)backend;
    (void)ticket;
    return MXD_OK;
}

static uint32_t timings(const mxd_backend *backend, mxd_backend_timing *entries, uint32_t capacity)
{
    const cpu_backend *cpu = (const cpu_backend *)backend;
    for (uint32_t i = 0; i < NUM_TIMES && i < capacity; i++)
        entries[i] = cpu->timings[i];
    return NUM_TIMES;
}

static const mxd_backend_functions functions = {
    .destroy = destroy,
    .add_eq = add_eq,
    .add_convolve = add_convolve,
    .add_mix = add_mix,
    .add_rows = add_rows,
    .prepare = prepare,
    .memory = memory,
    .submit = submit,
    .wait = wait_for,
    .timings = timings,
};

/* The processor's name as Linux tells it; elsewhere the machine type has to do. */
static void describe_processor(char *text, size_t size)
{
    snprintf(text, size, "this computer's processor");
    FILE *file = fopen("/proc/cpuinfo", "r");
    if (!file)
        return;
    char line[256];
    while (fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon)
            continue;
        line[strcspn(line, "\n")] = '\0';
        snprintf(text, size, "%s", colon + 1 + (colon[1] == ' '));
        break;
    }
    fclose(file);
}

/* variant.c has it under this name; declared here because variants.h names no single variant. */
mxd_result MXD_CPU(mxd_backend_create)(const mxd_backend_params *params, mxd_problems *problems,
                                       mxd_backend **backend);

#define STRING(x) #x
#define STRING_OF(x) STRING(x)

mxd_result MXD_CPU(mxd_backend_create)(const mxd_backend_params *params, mxd_problems *problems,
                                       mxd_backend **backend)
{
#define NAME(NUMBER, name) #name,
    static const char *const kernels[NUM_TIMES] = {"eq", "convolve", "mix", "upload", "download", MXD_KERNELS(NAME)};
#undef NAME
    *backend = NULL;
    cpu_backend *cpu = calloc(1, sizeof *cpu);
    if (cpu)
        cpu->threads = mxd_threads_create(params->num_threads);
    if (!cpu || !cpu->threads) {
        free(cpu);
        return mxd_fail(problems, MXD_ERROR_MEMORY, NULL, "memory ran out while the cpu backend was made");
    }
    cpu->base.functions = &functions;
    cpu->base.params = *params;
    cpu->base.problems = problems;
    cpu->base.info.kind = MXD_REAL_BITS == 64 ? "reference" : "cpu";
    describe_processor(cpu->base.info.device, sizeof cpu->base.info.device);
    snprintf(cpu->base.info.driver, sizeof cpu->base.info.driver, "%s, %u bytes a register, %u threads",
             STRING_OF(MXD_VARIANT), (unsigned)VEC_BYTES, mxd_threads_count(cpu->threads));
    /*
     * Blocks are powers of two: without the 256 bytes between lanes, the same
     * frame of all lanes would fall into one set of the cache, of 8 ways.
     */
    cpu->lanes.stride = params->block_frames + 256 / sizeof(real);
    for (uint32_t i = 0; i < NUM_TIMES; i++)
        cpu->timings[i].kernel = kernels[i];
    *backend = &cpu->base;
    return MXD_OK;
}
