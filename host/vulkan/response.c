/*
 * Spectra of impulse responses, in the form that shaders/convolve.comp expects:
 * P complex numbers a partition, bin 0 the two real ones, scaled so that the
 * device's unscaled transforms come out right.
 *
 * The transform is a plain radix-2 one in double: less than a millisecond a
 * partition, once.
 */
#include "response.h"

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
    set->work = malloc(2 * size * sizeof *set->work);
    if (!set->twiddles || !set->work || set->spectra_a_page == 0) {
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
    set->spectrum_capacity = 0;
}

void mxd_response_set_finish(mxd_response_set *set)
{
    mxd_response_set_drop_spectra(set);
    free(set->twiddles);
    free(set->work);
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

static void reverse_bits(double *points, uint32_t size)
{
    for (uint32_t i = 1, j = 0; i < size; i++) {
        uint32_t bit = size >> 1;
        for (; j & bit; bit >>= 1)
            j ^= bit;
        j ^= bit;
        if (i < j) {
            for (uint32_t part = 0; part < 2; part++) {
                double swap = points[2 * i + part];
                points[2 * i + part] = points[2 * j + part];
                points[2 * j + part] = swap;
            }
        }
    }
}

/* In place, decimation in time (Cooley and Tukey 1965). twiddles: of 2 size points. */
static void transform(const double *twiddles, double *points, uint32_t size)
{
    reverse_bits(points, size);
    for (uint32_t half = 1; half < size; half *= 2) {
        uint32_t stride = size / half; /* exp(-2 pi i k / (2 half)) in a table of 2 size */
        for (uint32_t first = 0; first < size; first += 2 * half) {
            for (uint32_t k = 0; k < half; k++) {
                const double *w = twiddles + 2 * (size_t)k * stride;
                double *a = points + 2 * (size_t)(first + k);
                double *b = a + 2 * (size_t)half;
                double re = b[0] * w[0] - b[1] * w[1];
                double im = b[0] * w[1] + b[1] * w[0];
                b[0] = a[0] - re;
                b[1] = a[1] - im;
                a[0] += re;
                a[1] += im;
            }
        }
    }
}

/*
 * The spectrum of P real samples followed by P zeros. work holds the samples in pairs, its second half zero. The
 * device's forward transform is twice the true one, the split before its inverse twice again, and the inverse
 * transform P times: 1/(4P) for all of them.
 */
static void make_spectrum(mxd_response_set *set, float *spectrum)
{
    uint32_t size = set->size;
    double scale = 1 / (4.0 * size);
    transform(set->twiddles, set->work, size);
    for (uint32_t k = 0; k < size; k++) {
        const double *a = set->work + 2 * (size_t)k;
        const double *b = set->work + 2 * (size_t)((size - k) % size);
        const double *w = set->twiddles + 2 * (size_t)k;
        double even_re = 0.5 * (a[0] + b[0]);
        double even_im = 0.5 * (a[1] - b[1]);
        double odd_re = 0.5 * (a[1] + b[1]);
        double odd_im = -0.5 * (a[0] - b[0]);
        if (k == 0) {
            spectrum[0] = (float)(scale * (even_re + odd_re));
            spectrum[1] = (float)(scale * (even_re - odd_re));
            continue;
        }
        spectrum[2 * k] = (float)(scale * (even_re + odd_re * w[0] - odd_im * w[1]));
        spectrum[2 * k + 1] = (float)(scale * (even_im + odd_re * w[1] + odd_im * w[0]));
    }
}

/* ---- Responses ----------------------------------------------------------- */

/* Puts the partition's samples into work, zeros around them; false if there is nothing but zeros. */
static bool load_partition(mxd_response_set *set, const mxd_convolve_cell *cell, uint32_t partition)
{
    bool something = false;
    uint64_t first = (uint64_t)partition * set->size;
    memset(set->work, 0, 2 * set->size * sizeof *set->work);
    for (uint32_t n = 0; n < set->size; n++) {
        uint64_t at = first + n;
        if (at < cell->delay_frames || at - cell->delay_frames >= cell->num_frames)
            continue;
        float sample = cell->response[at - cell->delay_frames];
        set->work[n] = sample;
        something = something || sample != 0.0f;
    }
    return something;
}

static bool add_spectrum(mxd_response_set *set, mxd_response *response, uint32_t partition)
{
    if (!make_room((void **)&set->spectra, set->num_spectra, &set->spectrum_capacity,
                   2 * set->size * sizeof *set->spectra))
        return false;
    make_spectrum(set, set->spectra + 2 * (size_t)set->size * set->num_spectra);
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
        if (load_partition(set, cell, partition) && !add_spectrum(set, &response, partition))
            return MXD_ERROR_MEMORY;
    *index = set->num_responses;
    set->responses[set->num_responses++] = response;
    return MXD_OK;
}
