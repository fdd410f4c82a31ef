/*
 * Spectra of impulse responses, in the form that shaders/convolve.comp expects:
 * P complex numbers a partition, bin 0 the two real ones, scaled so that the
 * device's unscaled transforms come out right.
 *
 * Partitions are independent of each other, so they are shared out over threads:
 * 512 stereo responses of 4 s are 48,000 transforms of 4096 points.
 */
#include "response.h"

#include "../threads.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PI 3.14159265358979323846

mxd_result mxd_response_set_init(mxd_response_set *set, uint32_t size, uint64_t page_bytes)
{
    memset(set, 0, sizeof *set);
    set->size = size;
    uint64_t spectra = page_bytes / (2 * size * sizeof(float));
    set->spectra_a_page = spectra < UINT32_MAX ? (uint32_t)spectra : UINT32_MAX;
    set->twiddles = malloc(4 * size * sizeof *set->twiddles);
    if (!set->twiddles || set->spectra_a_page == 0) {
        mxd_response_set_finish(set);
        return MXD_ERROR_MEMORY;
    }
    for (uint32_t n = 0; n < 2 * size; n++) {
        set->twiddles[2 * n] = cos(PI * n / size);
        set->twiddles[2 * n + 1] = -sin(PI * n / size);
    }
    return MXD_OK;
}

void mxd_response_set_drop_spectra(mxd_response_set *set)
{
    free(set->spectra);
    set->spectra = NULL;
}

void mxd_response_set_finish(mxd_response_set *set)
{
    mxd_response_set_drop_spectra(set);
    free(set->twiddles);
    free(set->partitions);
    free(set->runs);
    free(set->responses);
    memset(set, 0, sizeof *set);
}

/* Makes room for one more element; false when memory runs out. */
static bool make_room(void **items, uint32_t count, uint32_t *capacity, size_t item_bytes)
{
    if (count < *capacity)
        return true;
    uint32_t larger = *capacity ? *capacity + *capacity / 2 + 1 : 16;
    void *moved = realloc(*items, larger * item_bytes);
    if (!moved)
        return false;
    *items = moved;
    *capacity = larger;
    return true;
}

/* ---- Transform ----------------------------------------------------------- */

/* One thread's points: real and imaginary parts, and the same for the passes to go back and forth. */
typedef struct scratch {
    double *re[2];
    double *im[2];
    double *memory;
} scratch;

typedef struct job {
    mxd_response_set *set;
    scratch *scratches; /* one a thread */
} job;

/*
 * A pass of radix 4 over `length` points at each of `stride` offsets, of Stockham's transform, which needs no
 * reordering (Cochran et al., "What is the fast Fourier transform?", 1967). twiddles: exp(-2 pi i n / 2P).
 */
static void pass4(const double *twiddles, uint32_t step, uint32_t length, uint32_t stride, const double *restrict re,
                  const double *restrict im, double *restrict to_re, double *restrict to_im)
{
    uint32_t quarter = length / 4;
    size_t apart = (size_t)quarter * stride;
    for (uint32_t p = 0; p < quarter; p++) {
        const double *w1 = twiddles + 2 * (size_t)p * step, *w2 = twiddles + 4 * (size_t)p * step;
        const double *w3 = twiddles + 6 * (size_t)p * step;
        const double c1 = w1[0], s1 = w1[1], c2 = w2[0], s2 = w2[1], c3 = w3[0], s3 = w3[1];
        size_t from = (size_t)p * stride, to = 4 * from;
        for (uint32_t q = 0; q < stride; q++) {
            size_t i = from + q, o = to + q;
            double apc_re = re[i] + re[i + 2 * apart], apc_im = im[i] + im[i + 2 * apart];
            double amc_re = re[i] - re[i + 2 * apart], amc_im = im[i] - im[i + 2 * apart];
            double bpd_re = re[i + apart] + re[i + 3 * apart], bpd_im = im[i + apart] + im[i + 3 * apart];
            double bmd_re = re[i + apart] - re[i + 3 * apart], bmd_im = im[i + apart] - im[i + 3 * apart];
            double t1_re = amc_re + bmd_im, t1_im = amc_im - bmd_re; /* a - i b - c + i d */
            double t2_re = apc_re - bpd_re, t2_im = apc_im - bpd_im;
            double t3_re = amc_re - bmd_im, t3_im = amc_im + bmd_re;
            to_re[o] = apc_re + bpd_re;
            to_im[o] = apc_im + bpd_im;
            to_re[o + stride] = t1_re * c1 - t1_im * s1;
            to_im[o + stride] = t1_re * s1 + t1_im * c1;
            to_re[o + 2 * (size_t)stride] = t2_re * c2 - t2_im * s2;
            to_im[o + 2 * (size_t)stride] = t2_re * s2 + t2_im * c2;
            to_re[o + 3 * (size_t)stride] = t3_re * c3 - t3_im * s3;
            to_im[o + 3 * (size_t)stride] = t3_re * s3 + t3_im * c3;
        }
    }
}

/* The last pass of a size that is no power of 4. */
static void pass2(uint32_t stride, const double *restrict re, const double *restrict im, double *restrict to_re,
                  double *restrict to_im)
{
    for (uint32_t q = 0; q < stride; q++) {
        to_re[q] = re[q] + re[q + stride];
        to_im[q] = im[q] + im[q + stride];
        to_re[q + stride] = re[q] - re[q + stride];
        to_im[q + stride] = im[q] - im[q + stride];
    }
}

/* Transforms the points at index 0; returns the index of the result. twiddles: of 2 size points. */
static int transform(const double *twiddles, uint32_t size, scratch *s)
{
    int at = 0;
    uint32_t stride = 1;
    for (uint32_t length = size; length > 1; at ^= 1) {
        if (length >= 4) {
            pass4(twiddles, 2 * (size / length), length, stride, s->re[at], s->im[at], s->re[at ^ 1], s->im[at ^ 1]);
            length /= 4;
            stride *= 4;
        } else {
            pass2(stride, s->re[at], s->im[at], s->re[at ^ 1], s->im[at ^ 1]);
            length /= 2;
        }
    }
    return at;
}

/*
 * The spectrum of P real samples followed by P zeros. The scratch's points 0 hold the samples in pairs, their second
 * half zero. The device's forward transform is twice the true one, the split before its inverse twice again, and the
 * inverse transform P times: 1/(4P) for all of them.
 */
static void make_spectrum(const mxd_response_set *set, scratch *s, float *spectrum)
{
    uint32_t size = set->size;
    double scale = 1 / (4.0 * size);
    int at = transform(set->twiddles, size, s);
    const double *re = s->re[at], *im = s->im[at];
    for (uint32_t k = 0; k < size; k++) {
        uint32_t mirror = (size - k) % size;
        const double *w = set->twiddles + 2 * (size_t)k;
        double even_re = 0.5 * (re[k] + re[mirror]);
        double even_im = 0.5 * (im[k] - im[mirror]);
        double odd_re = 0.5 * (im[k] + im[mirror]);
        double odd_im = -0.5 * (re[k] - re[mirror]);
        if (k == 0) {
            spectrum[0] = (float)(scale * (even_re + odd_re));
            spectrum[1] = (float)(scale * (even_re - odd_re));
            continue;
        }
        spectrum[2 * k] = (float)(scale * (even_re + odd_re * w[0] - odd_im * w[1]));
        spectrum[2 * k + 1] = (float)(scale * (even_im + odd_re * w[1] + odd_im * w[0]));
    }
}

/* The part of the partition's frames that the response's samples cover: from *first to *end. */
static void find_samples(const mxd_response_set *set, const mxd_response *response, uint32_t partition,
                         uint64_t *first, uint64_t *end)
{
    uint64_t begin = (uint64_t)partition * set->size;
    uint64_t stop = (uint64_t)response->delay_frames + response->num_frames;
    *first = begin > response->delay_frames ? begin : response->delay_frames;
    *end = begin + set->size < stop ? begin + set->size : stop;
}

static void transform_partition(void *user, uint32_t index, uint32_t thread)
{
    const job *all = user;
    mxd_response_set *set = all->set;
    scratch *s = &all->scratches[thread];
    const mxd_response *response = &set->responses[set->partitions[index].response];
    uint64_t first, end, begin = (uint64_t)set->partitions[index].partition * set->size;
    find_samples(set, response, set->partitions[index].partition, &first, &end);
    memset(s->memory, 0, 2 * (size_t)set->size * sizeof *s->memory); /* points 0 */
    for (uint64_t n = first; n < end; n++) {
        uint64_t in = n - begin;
        (in % 2 ? s->im : s->re)[0][in / 2] = response->samples[n - response->delay_frames];
    }
    make_spectrum(set, s, set->spectra + 2 * (size_t)set->size * index);
}

mxd_result mxd_response_set_transform(mxd_response_set *set, uint32_t num_threads)
{
    size_t size = set->size;
    uint32_t num_scratches = 0;
    mxd_threads *threads = mxd_threads_create(num_threads);
    job all = {.set = set};
    bool good = threads != NULL;
    if (good) {
        num_scratches = mxd_threads_count(threads);
        all.scratches = calloc(num_scratches, sizeof *all.scratches);
        set->spectra = malloc(set->num_spectra ? 2 * size * set->num_spectra * sizeof *set->spectra : 1);
        good = all.scratches && set->spectra;
    }
    for (uint32_t i = 0; good && i < num_scratches; i++) {
        scratch *s = &all.scratches[i];
        s->memory = malloc(4 * size * sizeof *s->memory);
        good = s->memory != NULL;
        if (good)
            *s = (scratch){{s->memory, s->memory + 2 * size}, {s->memory + size, s->memory + 3 * size}, s->memory};
    }
    if (good)
        mxd_threads_run(threads, set->num_spectra, transform_partition, &all);
    for (uint32_t i = 0; all.scratches && i < num_scratches; i++)
        free(all.scratches[i].memory);
    free(all.scratches);
    mxd_threads_destroy(threads);
    return good ? MXD_OK : MXD_ERROR_MEMORY;
}

/* ---- Responses ----------------------------------------------------------- */

static bool is_silent(const mxd_response_set *set, const mxd_response *response, uint32_t partition)
{
    uint64_t first, end;
    find_samples(set, response, partition, &first, &end);
    for (uint64_t n = first; n < end; n++)
        if (response->samples[n - response->delay_frames] != 0.0f)
            return false;
    return true;
}

/* response: the one that is being added, which will be the next of the set's. */
static bool add_spectrum(mxd_response_set *set, mxd_response *response, uint32_t partition)
{
    if (!make_room((void **)&set->partitions, set->num_spectra, &set->partition_capacity, sizeof *set->partitions))
        return false;
    set->partitions[set->num_spectra] =
        (mxd_response_partition){.response = set->num_responses, .partition = partition};
    uint32_t page = set->num_spectra / set->spectra_a_page;
    uint32_t in_page = set->num_spectra % set->spectra_a_page;
    set->num_spectra++;
    mxd_response_run *last = response->num_runs ? &set->runs[set->num_runs - 1] : NULL;
    response->end_partition = partition + 1;
    if (last && last->page == page && last->first_partition + last->num_partitions == partition) {
        last->num_partitions++;
        return true;
    }
    if (!make_room((void **)&set->runs, set->num_runs, &set->run_capacity, sizeof *set->runs))
        return false;
    set->runs[set->num_runs++] = (mxd_response_run){
        .first_partition = partition,
        .num_partitions = 1,
        .page = page,
        .first_spectrum = in_page,
    };
    response->num_runs++;
    return true;
}

mxd_result mxd_response_set_add(mxd_response_set *set, const mxd_convolve_cell *cell, uint32_t *index)
{
    for (uint32_t i = 0; i < set->num_responses; i++) {
        const mxd_response *known = &set->responses[i];
        if (known->samples == cell->response && known->num_frames == cell->num_frames &&
            known->delay_frames == cell->delay_frames) {
            *index = i;
            return MXD_OK;
        }
    }
    if (!make_room((void **)&set->responses, set->num_responses, &set->response_capacity, sizeof *set->responses))
        return MXD_ERROR_MEMORY;
    mxd_response response = {
        .samples = cell->response,
        .num_frames = cell->num_frames,
        .delay_frames = cell->delay_frames,
        .first_run = set->num_runs,
    };
    uint32_t first = cell->delay_frames / set->size;
    uint32_t end = (uint32_t)(((uint64_t)cell->delay_frames + cell->num_frames + set->size - 1) / set->size);
    for (uint32_t partition = first; partition < end; partition++)
        if (!is_silent(set, &response, partition) && !add_spectrum(set, &response, partition))
            return MXD_ERROR_MEMORY;
    *index = set->num_responses;
    set->responses[set->num_responses++] = response;
    return MXD_OK;
}
