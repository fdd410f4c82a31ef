/* Partition sizes by cost, and spectra of responses. */
#include "responses.h"
#include "simd.h"

#include <math.h>
#include <string.h>

/* Windows transformed together: memory for a row's sums grows with it, barriers between threads fall with it. */
#define BATCH 16u
#define NUM_BUCKETS 4096u

struct cpu_responses {
    cpu_spectra *buckets[NUM_BUCKETS]; /* by hash */
    cpu_spectra **spectra;             /* as they were made */
    uint32_t num_spectra;
    uint32_t capacity;
    uint64_t memory;
};

/* ---- Partitions ---------------------------------------------------------- */

/*
 * Nanoseconds a frame for one transform, there or back, by log2 P; for the
 * arithmetic of one product of spectra; and for fetching a partition from
 * memory, which the windows of a batch share. Measured on one core of an AMD
 * EPYC 9004 in AVX-512 with the other one at work; other machines and registers
 * differ in all of them alike.
 */
static double transform_cost(uint32_t partition_log2)
{
    static const double costs[MXD_MAX_PARTITION_LOG2 - MXD_MIN_PARTITION_LOG2 + 1] = {
        0.60, 0.62, 0.66, 0.69, 0.73, 0.80, 0.85, 0.90, 0.97, 1.02, 1.07, 1.13, 1.25,
    };
    return costs[partition_log2 - MXD_MIN_PARTITION_LOG2];
}
#define PRODUCT_COST 0.10
#define FETCH_COST 0.70

uint32_t MXD_CPU(mxd_partition_batch)(uint32_t block_frames, uint32_t partition_log2)
{
    uint32_t windows = block_frames >> partition_log2;
    return windows < BATCH ? windows : BATCH;
}

/* Cells of one input and one response next to each other. */
static int compare_products(const void *left, const void *right)
{
    const mxd_convolve_cell *a = left, *b = right;
    if (a->input != b->input)
        return a->input < b->input ? -1 : 1;
    if (a->response != b->response)
        return (uintptr_t)a->response < (uintptr_t)b->response ? -1 : 1;
    if (a->num_frames != b->num_frames)
        return a->num_frames < b->num_frames ? -1 : 1;
    return a->delay_frames < b->delay_frames ? -1 : a->delay_frames > b->delay_frames;
}

static double cost_of(const mxd_convolve_cell *products, uint32_t num_products, uint32_t num_transforms,
                      uint32_t block_frames, uint32_t log2)
{
    uint64_t num_partitions = 0; /* exact in any order: addresses, which order the products, differ from run to run */
    for (uint32_t i = 0; i < num_products; i++) {
        uint32_t frames = products[i].num_frames + (products[i].delay_frames & ((1u << log2) - 1));
        num_partitions += (frames + (1u << log2) - 1) >> log2;
    }
    double product_cost = PRODUCT_COST + FETCH_COST / MXD_CPU(mxd_partition_batch)(block_frames, log2);
    return num_transforms * transform_cost(log2) + product_cost * (double)num_partitions;
}

bool MXD_CPU(mxd_partition_choose)(const mxd_convolve_row *row, uint32_t num_rows, uint32_t block_frames,
                                   uint32_t *partition_log2)
{
    mxd_convolve_cell *products = malloc(((size_t)row->num_cells + 1) * sizeof *products);
    if (!products)
        return false;
    uint32_t num_products = 0;
    for (uint32_t i = 0; i < row->num_cells; i++)
        products[i] = row->cells[i];
    qsort(products, row->num_cells, sizeof *products, compare_products);
    for (uint32_t i = 0; i < row->num_cells; i++)
        if (i == 0 || compare_products(&products[i], &products[num_products - 1]) != 0)
            products[num_products++] = products[i];
    double least = HUGE_VAL;
    /* A step of few rows keeps four threads busy by its windows. */
    uint32_t least_windows = num_rows >= 16 || row->num_inputs >= 4 ? 1 : 4 / row->num_inputs;
    for (uint32_t log2 = MXD_MIN_PARTITION_LOG2; (1u << log2) <= block_frames; log2++) {
        if (log2 > MXD_MIN_PARTITION_LOG2 && (least_windows << log2) > block_frames)
            break;
        double cost = cost_of(products, num_products, row->num_inputs + row->num_outputs, block_frames, log2);
        if (cost < least) {
            least = cost;
            *partition_log2 = log2;
        }
    }
    free(products);
    return true;
}

/* ---- Spectra ------------------------------------------------------------- */

cpu_responses *MXD_CPU(mxd_responses_create)(void)
{
    return calloc(1, sizeof(cpu_responses));
}

uint64_t MXD_CPU(mxd_responses_memory)(const cpu_responses *responses)
{
    return responses->memory;
}

void MXD_CPU(mxd_responses_destroy)(cpu_responses *responses)
{
    if (!responses)
        return;
    for (uint32_t i = 0; i < responses->num_spectra; i++) {
        free(responses->spectra[i]->used);
        free(responses->spectra[i]->data);
        free(responses->spectra[i]);
    }
    free(responses->spectra);
    free(responses);
}

static size_t hash_of(const mxd_convolve_cell *cell, uint32_t partition_log2)
{
    uint64_t key = (uint64_t)(uintptr_t)cell->response;
    key = (key ^ cell->num_frames) * 0x9e3779b97f4a7c15u; /* 2^64 divided by the golden ratio */
    key = (key ^ cell->delay_frames ^ (uint64_t)partition_log2 << 32) * 0x9e3779b97f4a7c15u;
    return (size_t)(key >> 40) % NUM_BUCKETS;
}

cpu_spectra *MXD_CPU(mxd_responses_get)(cpu_responses *responses, const mxd_convolve_cell *cell,
                                        uint32_t partition_log2)
{
    cpu_spectra **bucket = &responses->buckets[hash_of(cell, partition_log2)];
    for (cpu_spectra *known = *bucket; known; known = known->next)
        if (known->response == cell->response && known->num_frames == cell->num_frames &&
            known->delay_frames == cell->delay_frames && known->partition_log2 == partition_log2)
            return known;
    if (responses->num_spectra == responses->capacity) {
        uint32_t capacity = responses->capacity ? 2 * responses->capacity : 16;
        cpu_spectra **grown = realloc(responses->spectra, capacity * sizeof *grown);
        if (!grown)
            return NULL;
        responses->spectra = grown;
        responses->capacity = capacity;
    }
    cpu_spectra *made = calloc(1, sizeof *made);
    if (!made)
        return NULL;
    uint64_t frames = (uint64_t)cell->num_frames + cell->delay_frames;
    *made = (cpu_spectra){
        .response = cell->response,
        .num_frames = cell->num_frames,
        .delay_frames = cell->delay_frames,
        .partition_log2 = partition_log2,
        .number = responses->num_spectra,
        .num_partitions = (uint32_t)((frames + (1u << partition_log2) - 1) >> partition_log2),
        .next = *bucket,
    };
    made->used = calloc(made->num_partitions, sizeof *made->used);
    if (!made->used) {
        free(made);
        return NULL;
    }
    *bucket = made;
    responses->spectra[responses->num_spectra++] = made;
    return made;
}

/* The samples of the response that fall into a partition: *first is the first one's place in it; their number. */
static uint32_t find_samples(const cpu_spectra *spectra, uint32_t number, const float **samples, uint32_t *first)
{
    uint64_t begin = (uint64_t)number << spectra->partition_log2;
    uint64_t end = begin + (1u << spectra->partition_log2);
    uint64_t response_end = (uint64_t)spectra->delay_frames + spectra->num_frames;
    uint64_t from = begin > spectra->delay_frames ? begin : spectra->delay_frames;
    uint64_t to = end < response_end ? end : response_end;
    if (from >= to)
        return 0;
    *samples = spectra->response + (from - spectra->delay_frames);
    *first = (uint32_t)(from - begin);
    return (uint32_t)(to - from);
}

static void find_used(void *user, uint32_t index, uint32_t thread)
{
    (void)thread;
    const cpu_responses *responses = user;
    cpu_spectra *spectra = responses->spectra[index];
    for (uint32_t i = 0; i < spectra->num_partitions; i++) {
        const float *samples = NULL;
        uint32_t first = 0, count = find_samples(spectra, i, &samples, &first);
        while (count > 0 && samples[count - 1] == 0)
            count--;
        if (count > 0)
            spectra->used[spectra->num_used++] = i;
    }
}

/* All partitions of all responses, numbered through. */
typedef struct transform_job {
    const cpu_responses *responses;
    cpu_fft *const *transforms;
    const real *silence;
    uint32_t *ends;    /* for each response: its partitions and those before it */
    real *frames;      /* one partition a thread */
    size_t num_frames; /* of the longest */
} transform_job;

static void transform_partition(const transform_job *job, real *frames, cpu_spectra *spectra, uint32_t index)
{
    const float *samples = NULL;
    uint32_t size = 1u << spectra->partition_log2, first = 0;
    uint32_t count = find_samples(spectra, spectra->used[index], &samples, &first);
    /* Back and forth a transform multiplies by its size. */
    real scale = (real)1 / (real)size;
    memset(frames, 0, first * sizeof(real));
    for (uint32_t i = 0; i < count; i++)
        frames[first + i] = scale * (real)samples[i];
    memset(frames + first + count, 0, (size - first - count) * sizeof(real));
    MXD_CPU(mxd_fft_forward)(job->transforms[spectra->partition_log2], frames, job->silence,
                             spectra->data + index * spectrum_stride(spectra->partition_log2));
}

static void transform_response(void *user, uint32_t index, uint32_t thread)
{
    const transform_job *job = user;
    uint32_t low = 0, high = job->responses->num_spectra - 1; /* the first response whose end is beyond the index */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (job->ends[middle] > index)
            high = middle;
        else
            low = middle + 1;
    }
    cpu_spectra *spectra = job->responses->spectra[low];
    flush_state before = flush_denormals();
    transform_partition(job, job->frames + thread * job->num_frames, spectra,
                        index - (job->ends[low] - spectra->num_used));
    restore_denormals(before);
}

/* Memory for the partitions that are not empty; false when it runs out. */
static bool make_room(transform_job *job, cpu_responses *responses)
{
    uint32_t end = 0;
    for (uint32_t i = 0; i < responses->num_spectra; i++) {
        cpu_spectra *spectra = responses->spectra[i];
        size_t size = spectra->num_used * spectrum_stride(spectra->partition_log2) * sizeof(real);
        size_t num_frames = (size_t)1 << spectra->partition_log2;
        spectra->data = MXD_CPU(mxd_aligned_memory)(size);
        if (!spectra->data)
            return false;
        responses->memory += size;
        job->num_frames = num_frames > job->num_frames ? num_frames : job->num_frames;
        end += spectra->num_used;
        job->ends[i] = end;
    }
    return true;
}

bool MXD_CPU(mxd_responses_fill)(cpu_responses *responses, cpu_fft *const *transforms, const real *silence,
                                 mxd_threads *threads)
{
    uint32_t count = responses->num_spectra;
    transform_job job = {.responses = responses, .transforms = transforms, .silence = silence};
    mxd_threads_run(threads, count, find_used, responses);
    job.ends = calloc((size_t)count + 1, sizeof *job.ends);
    if (job.ends && make_room(&job, responses))
        job.frames = MXD_CPU(mxd_aligned_memory)(mxd_threads_count(threads) * job.num_frames * sizeof(real));
    if (job.frames && count > 0)
        mxd_threads_run(threads, job.ends[count - 1], transform_response, &job);
    bool good = job.frames != NULL;
    free(job.ends);
    free(job.frames);
    return good;
}
