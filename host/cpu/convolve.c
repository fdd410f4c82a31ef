/*
 * The convolver: uniformly partitioned overlap-save (Stockham 1966; Kulp 1988).
 * A response is cut into partitions of P frames; a window of 2P input frames is
 * transformed once, its spectrum kept in a delay line, and each output is one
 * inverse transform of the sum over partitions of delayed spectra times the
 * partition's spectrum. P divides the block, so that a result does not depend
 * on where blocks begin, and is chosen for each row by cost.
 *
 * Spectra lie split (all real parts, then all imaginary parts), so that a
 * multiply-accumulate is plain arithmetic on registers. Up to BATCH windows are
 * transformed before they are multiplied: each partition of a response is then
 * fetched once for four windows. Silent windows and empty partitions cost
 * nothing.
 *
 * Threads: a step with more rows than a few for each thread gives whole rows to
 * threads; otherwise the rows go one after another, and windows, tiles of bins
 * and outputs are shared out.
 */
#include "../fftw_lock.h"
#include "kernels.h"
#include "simd.h"

#include <math.h>
#include <string.h>

/* Windows transformed together: memory for a row's sums grows with it, fetches of the response fall with it. */
#define BATCH 16u
/* Windows whose sums are built side by side: 8 sums in registers beside 10 operands. */
#define QUAD 4u
/* Products added before the sums go back to the cache. */
#define CHUNK 4u
/* Bins of one tile: 8 sums of 2 KiB stay in the L1 cache, a tile of 100 partitions in the L2 cache. */
#define TILE_BINS 512u
/* 64 frames, a quarter of the shortest block, to a quarter of the longest. */
#define MIN_PARTITION_LOG2 6u
#define MAX_PARTITION_LOG2 18u

/* The spectra of one response as cells share it; empty partitions are left out. */
typedef struct cpu_spectra {
    const float *response; /* the key, with the next three; not read after creation */
    uint32_t num_frames;
    uint32_t delay_frames;
    double gain;
    uint32_t partition_log2;
    uint32_t num_partitions; /* with the empty ones */
    uint32_t num_used;
    uint32_t *used;          /* numbers of the others, ascending */
    real *data;              /* num_used spectra */
} cpu_spectra;

typedef struct cpu_cell {
    uint32_t input, output;
    const cpu_spectra *spectra;
} cpu_cell;

/* One input's past. */
typedef struct delay_line {
    uint32_t lane;
    uint32_t num_slots;
    real *slots;     /* ring of spectra: window w lies in slot w % num_slots */
    bool *zero;      /* that slot is all zero, in memory too */
    real *previous;  /* the last P frames */
} delay_line;

typedef struct cpu_row {
    uint32_t partition_log2;
    uint64_t num_windows; /* since the start */
    uint32_t num_inputs;
    delay_line *inputs;
    uint32_t num_outputs;
    uint32_t *outputs;
    uint32_t num_cells;
    cpu_cell *cells; /* by output */
    uint32_t max_terms;
} cpu_row;

/* One product that a sum needs: a partition's spectrum and four windows. */
typedef struct cpu_term {
    const real *partition;
    const real *windows[QUAD];
} cpu_term;

typedef struct thread_scratch {
    real *frames;              /* 2P, of the greatest P */
    MXD_FFTW(complex) *bins;   /* P + 1 */
    cpu_term *terms;
    real *sums;                /* a row's outputs x BATCH spectra; of thread 0 where rows go one by one */
    bool *silent;              /* beside it: that output's window stays silent */
} thread_scratch;

typedef struct cpu_plans {
    MXD_FFTW(plan) forward, inverse;
} cpu_plans;

struct cpu_convolve {
    uint32_t block_frames;
    cpu_row *rows;
    uint32_t num_rows;
    cpu_spectra **spectra;
    uint32_t num_spectra;
    uint32_t spectra_capacity;
    cpu_plans plans[MAX_PARTITION_LOG2 + 1]; /* by log2 P */
    thread_scratch *scratches;
    uint32_t num_threads;
    uint64_t memory;
};

/* Bins of a spectrum with room for whole registers: P + 1, rounded up to 16 so that every spectrum is aligned. */
static size_t stride_of(uint32_t partition_log2)
{
    return ((size_t)1 << partition_log2) + 16;
}

/* Reals of a spectrum: real parts, imaginary parts. */
static size_t size_of(uint32_t partition_log2)
{
    return 2 * stride_of(partition_log2);
}

static void *allocate(cpu_convolve *convolve, size_t size)
{
    convolve->memory += size;
    return MXD_CPU(mxd_aligned_zeros)(size);
}

static bool all_zero(const real *frames, uint32_t num_frames)
{
    for (uint32_t i = 0; i < num_frames; i++)
        if (frames[i] != 0)
            return false;
    return true;
}

static void split(MXD_FFTW(complex) *bins, uint32_t partition_log2, real *to)
{
    const real *from = (const real *)bins;
    real *imaginary = to + stride_of(partition_log2);
    uint32_t num_bins = (1u << partition_log2) + 1;
    for (uint32_t i = 0; i < num_bins; i++) {
        to[i] = from[2 * i];
        imaginary[i] = from[2 * i + 1];
    }
}

static void join(const real *from, uint32_t partition_log2, MXD_FFTW(complex) *bins)
{
    const real *imaginary = from + stride_of(partition_log2);
    real *to = (real *)bins;
    uint32_t num_bins = (1u << partition_log2) + 1;
    for (uint32_t i = 0; i < num_bins; i++) {
        to[2 * i] = from[i];
        to[2 * i + 1] = imaginary[i];
    }
}

/* ---- Creation ------------------------------------------------------------ */

/*
 * Nanoseconds a frame for one transform of 2P frames, there or back, with its
 * copies, by log2 P; and for one product of spectra. Measured on one core of an
 * AMD EPYC 9004 in AVX-512 with FFTW 3.3.10's estimated plans; other machines
 * differ in all of them alike.
 */
static double transform_cost(uint32_t partition_log2)
{
    static const double costs[MAX_PARTITION_LOG2 - MIN_PARTITION_LOG2 + 1] = {
        2.5, 2.5, 2.4, 2.7, 2.6, 2.8, 3.3, 3.3, 4.6, 4.9, 5.1, 5.5, 6.7,
    };
    return costs[partition_log2 - MIN_PARTITION_LOG2];
}
#define PRODUCT_COST 0.12

static uint32_t choose_partition(const mxd_convolve_row *row, uint32_t block_frames)
{
    uint32_t best = 0;
    double best_cost = HUGE_VAL;
    /* At least QUAD windows a block, so that no product is made for nothing. */
    for (uint32_t log2 = MIN_PARTITION_LOG2; (QUAD << log2) <= block_frames; log2++) {
        double cost = (row->num_inputs + row->num_outputs) * transform_cost(log2);
        for (uint32_t i = 0; i < row->num_cells; i++) {
            uint32_t frames = row->cells[i].num_frames + (row->cells[i].delay_frames & ((1u << log2) - 1));
            cost += PRODUCT_COST * ((frames + (1u << log2) - 1) >> log2);
        }
        if (cost < best_cost) {
            best_cost = cost;
            best = log2;
        }
    }
    return best;
}

static bool make_plans(cpu_convolve *convolve, uint32_t partition_log2)
{
    cpu_plans *plans = &convolve->plans[partition_log2];
    if (plans->forward)
        return true;
    int size = 2 << partition_log2;
    thread_scratch *scratch = &convolve->scratches[0];
    mxd_fftw_lock();
    /*
     * An estimated plan is the same in every process: two runs are equal to the
     * bit, which measured plans are not. It is made in 3 ms instead of up to 3 s
     * and takes 1.3 to 1.7 times as long to run.
     */
    plans->forward = MXD_FFTW(plan_dft_r2c_1d)(size, scratch->frames, scratch->bins, FFTW_ESTIMATE);
    plans->inverse = MXD_FFTW(plan_dft_c2r_1d)(size, scratch->bins, scratch->frames, FFTW_ESTIMATE);
    mxd_fftw_unlock();
    return plans->forward && plans->inverse;
}

/* The part of gain * (response delayed) that falls into partition `number`; false where it is empty. */
static bool cut_partition(const cpu_spectra *spectra, uint32_t number, real *frames)
{
    uint32_t size = 1u << spectra->partition_log2;
    /* Back and forth an FFTW transform multiplies by its size. */
    double scale = spectra->gain / (2.0 * size);
    uint64_t begin = (uint64_t)number << spectra->partition_log2;
    bool empty = true;
    for (uint32_t i = 0; i < size; i++) {
        uint64_t at = begin + i;
        real value = 0;
        if (at >= spectra->delay_frames && at - spectra->delay_frames < spectra->num_frames)
            value = (real)(scale * spectra->response[at - spectra->delay_frames]);
        frames[i] = value;
        frames[size + i] = 0;
        empty = empty && value == 0;
    }
    return !empty;
}

static void free_spectra(cpu_spectra *spectra)
{
    if (!spectra)
        return;
    free(spectra->used);
    free(spectra->data);
    free(spectra);
}

static cpu_spectra *make_spectra(cpu_convolve *convolve, const mxd_convolve_cell *cell, uint32_t partition_log2)
{
    cpu_spectra *made = calloc(1, sizeof *made);
    if (!made)
        return NULL;
    uint64_t frames = (uint64_t)cell->num_frames + cell->delay_frames;
    *made = (cpu_spectra){
        .response = cell->response,
        .num_frames = cell->num_frames,
        .delay_frames = cell->delay_frames,
        .gain = cell->gain,
        .partition_log2 = partition_log2,
        .num_partitions = (uint32_t)((frames + (1u << partition_log2) - 1) >> partition_log2),
    };
    thread_scratch *scratch = &convolve->scratches[0];
    made->used = calloc(made->num_partitions, sizeof *made->used);
    if (!made->used)
        goto fail;
    for (uint32_t i = cell->delay_frames >> partition_log2; i < made->num_partitions; i++)
        if (cut_partition(made, i, scratch->frames))
            made->used[made->num_used++] = i;
    made->data = allocate(convolve, made->num_used * size_of(partition_log2) * sizeof(real));
    if (!made->data)
        goto fail;
    for (uint32_t i = 0; i < made->num_used; i++) {
        cut_partition(made, made->used[i], scratch->frames);
        MXD_FFTW(execute_dft_r2c)(convolve->plans[partition_log2].forward, scratch->frames, scratch->bins);
        split(scratch->bins, partition_log2, made->data + i * size_of(partition_log2));
    }
    return made;
fail:
    free_spectra(made);
    return NULL;
}

static const cpu_spectra *get_spectra(cpu_convolve *convolve, const mxd_convolve_cell *cell, uint32_t partition_log2)
{
    for (uint32_t i = 0; i < convolve->num_spectra; i++) {
        const cpu_spectra *known = convolve->spectra[i];
        if (known->response == cell->response && known->num_frames == cell->num_frames &&
            known->delay_frames == cell->delay_frames && known->gain == cell->gain &&
            known->partition_log2 == partition_log2)
            return known;
    }
    if (convolve->num_spectra == convolve->spectra_capacity) {
        uint32_t capacity = convolve->spectra_capacity ? 2 * convolve->spectra_capacity : 16;
        cpu_spectra **grown = realloc(convolve->spectra, capacity * sizeof *grown);
        if (!grown)
            return NULL;
        convolve->spectra = grown;
        convolve->spectra_capacity = capacity;
    }
    cpu_spectra *made = make_spectra(convolve, cell, partition_log2);
    if (made)
        convolve->spectra[convolve->num_spectra++] = made;
    return made;
}

static uint32_t batch_of(const cpu_convolve *convolve, uint32_t partition_log2)
{
    uint32_t windows = convolve->block_frames >> partition_log2;
    return windows < BATCH ? windows : BATCH;
}

static bool make_lines(cpu_convolve *convolve, cpu_row *row, const mxd_convolve_row *from)
{
    uint32_t log2 = row->partition_log2;
    for (uint32_t i = 0; i < row->num_inputs; i++) {
        delay_line *line = &row->inputs[i];
        uint32_t history = 1;
        for (uint32_t j = 0; j < row->num_cells; j++) {
            const cpu_spectra *spectra = row->cells[j].spectra;
            if (row->cells[j].input == i && spectra->num_used > 0 &&
                spectra->used[spectra->num_used - 1] + 1 > history)
                history = spectra->used[spectra->num_used - 1] + 1;
        }
        line->lane = from->inputs[i];
        line->num_slots = history + batch_of(convolve, log2) - 1;
        line->slots = allocate(convolve, line->num_slots * size_of(log2) * sizeof(real));
        line->previous = allocate(convolve, ((size_t)1 << log2) * sizeof(real));
        line->zero = malloc(line->num_slots * sizeof *line->zero);
        if (!line->slots || !line->previous || !line->zero)
            return false;
        memset(line->zero, true, line->num_slots * sizeof *line->zero);
    }
    return true;
}

static bool make_row(cpu_convolve *convolve, cpu_row *row, const mxd_convolve_row *from)
{
    row->num_inputs = from->num_inputs;
    row->num_outputs = from->num_outputs;
    row->inputs = calloc(from->num_inputs, sizeof *row->inputs);
    row->outputs = calloc(from->num_outputs, sizeof *row->outputs);
    row->cells = calloc((size_t)from->num_cells + 1, sizeof *row->cells);
    if (!row->inputs || !row->outputs || !row->cells || !make_plans(convolve, row->partition_log2))
        return false;
    memcpy(row->outputs, from->outputs, from->num_outputs * sizeof *row->outputs);
    for (uint32_t output = 0; output < from->num_outputs; output++) {
        uint32_t num_terms = 0;
        for (uint32_t i = 0; i < from->num_cells; i++) {
            if (from->cells[i].output != output)
                continue;
            cpu_cell *cell = &row->cells[row->num_cells++];
            cell->input = from->cells[i].input;
            cell->output = output;
            cell->spectra = get_spectra(convolve, &from->cells[i], row->partition_log2);
            if (!cell->spectra)
                return false;
            num_terms += cell->spectra->num_used;
        }
        if (num_terms > row->max_terms)
            row->max_terms = num_terms;
    }
    return make_lines(convolve, row, from);
}

/* Scratch for windows before the rows are made, for terms and sums after. */
static bool make_scratches(cpu_convolve *convolve)
{
    uint32_t log2 = 0;
    for (uint32_t i = 0; i < convolve->num_rows; i++)
        if (convolve->rows[i].partition_log2 > log2)
            log2 = convolve->rows[i].partition_log2;
    for (uint32_t i = 0; i < convolve->num_threads; i++) {
        thread_scratch *scratch = &convolve->scratches[i];
        scratch->frames = allocate(convolve, (sizeof(real) * 2) << log2);
        scratch->bins = allocate(convolve, stride_of(log2) * sizeof *scratch->bins);
        if (!scratch->frames || !scratch->bins)
            return false;
    }
    return true;
}

/* Whole rows to threads? Four rows a thread leave at most a fifth of the time to stragglers. */
static bool rows_side_by_side(const cpu_convolve *convolve, uint32_t num_rows)
{
    return num_rows >= 4 * convolve->num_threads;
}

static bool make_sums(cpu_convolve *convolve)
{
    size_t size = 0, windows = 0;
    uint32_t terms = 1;
    for (uint32_t i = 0; i < convolve->num_rows; i++) {
        const cpu_row *row = &convolve->rows[i];
        size_t row_windows = (size_t)row->num_outputs * batch_of(convolve, row->partition_log2);
        size_t row_size = row_windows * size_of(row->partition_log2);
        size = row_size > size ? row_size : size;
        windows = row_windows > windows ? row_windows : windows;
        terms = row->max_terms > terms ? row->max_terms : terms;
    }
    uint32_t num_sums = rows_side_by_side(convolve, convolve->num_rows) ? convolve->num_threads : 1;
    for (uint32_t i = 0; i < convolve->num_threads; i++) {
        thread_scratch *scratch = &convolve->scratches[i];
        scratch->terms = allocate(convolve, terms * sizeof *scratch->terms);
        if (!scratch->terms)
            return false;
        if (i >= num_sums)
            continue;
        scratch->sums = allocate(convolve, size * sizeof *scratch->sums);
        scratch->silent = allocate(convolve, windows * sizeof *scratch->silent);
        if (!scratch->sums || !scratch->silent)
            return false;
    }
    return true;
}

cpu_convolve *MXD_CPU(mxd_convolve_create)(const mxd_convolve_row *rows, uint32_t num_rows, uint32_t block_frames,
                                           mxd_threads *threads)
{
    cpu_convolve *convolve = calloc(1, sizeof *convolve);
    if (!convolve)
        return NULL;
    convolve->block_frames = block_frames;
    convolve->num_threads = mxd_threads_count(threads);
    convolve->rows = calloc(num_rows, sizeof *convolve->rows);
    convolve->scratches = calloc(convolve->num_threads, sizeof *convolve->scratches);
    if (!convolve->rows || !convolve->scratches)
        goto fail;
    convolve->num_rows = num_rows;
    for (uint32_t i = 0; i < num_rows; i++)
        convolve->rows[i].partition_log2 = choose_partition(&rows[i], block_frames);
    if (!make_scratches(convolve))
        goto fail;
    for (uint32_t i = 0; i < num_rows; i++)
        if (!make_row(convolve, &convolve->rows[i], &rows[i]))
            goto fail;
    if (!make_sums(convolve))
        goto fail;
    return convolve;
fail:
    MXD_CPU(mxd_convolve_destroy)(convolve);
    return NULL;
}

static void free_row(cpu_row *row)
{
    for (uint32_t i = 0; row->inputs && i < row->num_inputs; i++) {
        free(row->inputs[i].slots);
        free(row->inputs[i].zero);
        free(row->inputs[i].previous);
    }
    free(row->inputs);
    free(row->outputs);
    free(row->cells);
}

void MXD_CPU(mxd_convolve_destroy)(cpu_convolve *convolve)
{
    if (!convolve)
        return;
    for (uint32_t i = 0; convolve->rows && i < convolve->num_rows; i++)
        free_row(&convolve->rows[i]);
    for (uint32_t i = 0; i < convolve->num_spectra; i++)
        free_spectra(convolve->spectra[i]);
    for (uint32_t i = 0; convolve->scratches && i < convolve->num_threads; i++) {
        free(convolve->scratches[i].frames);
        free(convolve->scratches[i].bins);
        free(convolve->scratches[i].terms);
        free(convolve->scratches[i].sums);
        free(convolve->scratches[i].silent);
    }
    mxd_fftw_lock();
    for (uint32_t i = 0; i <= MAX_PARTITION_LOG2; i++) {
        if (convolve->plans[i].forward)
            MXD_FFTW(destroy_plan)(convolve->plans[i].forward);
        if (convolve->plans[i].inverse)
            MXD_FFTW(destroy_plan)(convolve->plans[i].inverse);
    }
    mxd_fftw_unlock();
    free(convolve->spectra);
    free(convolve->scratches);
    free(convolve->rows);
    free(convolve);
}

uint64_t MXD_CPU(mxd_convolve_memory)(const cpu_convolve *convolve)
{
    return convolve->memory;
}

/* ---- One batch of windows of one row ------------------------------------- */

typedef struct cpu_batch {
    cpu_convolve *convolve;
    const cpu_lanes *lanes;
    cpu_row *row;
    uint32_t num_frames;   /* of the block */
    uint32_t first_window; /* within the block */
    uint32_t num_windows;
    uint32_t stride;       /* windows between two outputs' sums */
    real *sums;            /* [output][window] spectra */
    bool *silent;          /* the same */
} cpu_batch;

static real *slot_of(const cpu_row *row, const delay_line *line, uint64_t window)
{
    return line->slots + (window % line->num_slots) * size_of(row->partition_log2);
}

/* Half a window: P frames from the lane, or from the block before; silence after the block's last frame. */
static void copy_half(const cpu_batch *batch, const delay_line *line, int64_t half, real *to)
{
    uint32_t size = 1u << batch->row->partition_log2;
    if (half < 0) {
        memcpy(to, line->previous, size * sizeof *to);
        return;
    }
    uint32_t begin = (uint32_t)half * size;
    uint32_t count = batch->num_frames - begin < size ? batch->num_frames - begin : size;
    memcpy(to, lane_of(batch->lanes, line->lane) + begin, count * sizeof *to);
    memset(to + count, 0, (size - count) * sizeof *to);
}

static void transform_window(void *user, uint32_t index, uint32_t thread)
{
    const cpu_batch *batch = user;
    const cpu_row *row = batch->row;
    thread_scratch *scratch = &batch->convolve->scratches[thread];
    delay_line *line = &row->inputs[index / batch->num_windows];
    uint32_t window = batch->first_window + index % batch->num_windows;
    uint32_t size = 1u << row->partition_log2;
    uint64_t number = row->num_windows + window;
    real *slot = slot_of(row, line, number);
    bool *zero = &line->zero[number % line->num_slots];

    flush_state before = flush_denormals();
    copy_half(batch, line, (int64_t)window - 1, scratch->frames);
    copy_half(batch, line, window, scratch->frames + size);
    if (!all_zero(scratch->frames, 2 * size)) {
        MXD_FFTW(execute_dft_r2c)(batch->convolve->plans[row->partition_log2].forward, scratch->frames, scratch->bins);
        split(scratch->bins, row->partition_log2, slot);
        *zero = false;
    } else if (!*zero) {
        memset(slot, 0, size_of(row->partition_log2) * sizeof *slot);
        *zero = true;
    }
    restore_denormals(before);
}

/* The terms of one output for the QUAD windows from `window` on; windows beyond the batch repeat its last one. */
static uint32_t list_terms(const cpu_batch *batch, uint32_t output, uint32_t window, cpu_term *terms)
{
    const cpu_row *row = batch->row;
    uint32_t num_terms = 0;
    for (uint32_t i = 0; i < row->num_cells; i++) {
        const cpu_cell *cell = &row->cells[i];
        if (cell->output != output)
            continue;
        const delay_line *line = &row->inputs[cell->input];
        for (uint32_t j = 0; j < cell->spectra->num_used; j++) {
            cpu_term *term = &terms[num_terms];
            bool silent = true;
            for (uint32_t q = 0; q < QUAD; q++) {
                uint32_t at = window + q < batch->num_windows ? window + q : batch->num_windows - 1;
                /* Before the first window lie zeroed slots; a whole turn of the ring keeps the number positive. */
                uint64_t number = row->num_windows + batch->first_window + at + line->num_slots -
                                  cell->spectra->used[j];
                term->windows[q] = slot_of(row, line, number);
                silent = silent && line->zero[number % line->num_slots];
            }
            term->partition = cell->spectra->data + j * size_of(row->partition_log2);
            num_terms += !silent;
        }
    }
    return num_terms;
}

/* sums[q] += partition * windows[q] for up to CHUNK terms, over the bins first..end-1 (whole registers). */
static void add_terms(const cpu_term *terms, uint32_t num_terms, real *const *sums, size_t stride, size_t first,
                      size_t end)
{
    for (size_t i = first; i < end; i += VEC_LANES) {
        vec re[QUAD], im[QUAD];
        for (uint32_t q = 0; q < QUAD; q++) {
            re[q] = *(const vec *)(sums[q] + i);
            im[q] = *(const vec *)(sums[q] + stride + i);
        }
        for (uint32_t t = 0; t < num_terms; t++) {
            vec h_re = *(const vec *)(terms[t].partition + i);
            vec h_im = *(const vec *)(terms[t].partition + stride + i);
            for (uint32_t q = 0; q < QUAD; q++) {
                vec x_re = *(const vec *)(terms[t].windows[q] + i);
                vec x_im = *(const vec *)(terms[t].windows[q] + stride + i);
                re[q] += h_re * x_re;
                re[q] -= h_im * x_im;
                im[q] += h_re * x_im;
                im[q] += h_im * x_re;
            }
        }
        for (uint32_t q = 0; q < QUAD; q++) {
            *(vec *)(sums[q] + i) = re[q];
            *(vec *)(sums[q] + stride + i) = im[q];
        }
    }
}

static uint32_t num_tiles(const cpu_row *row)
{
    return (uint32_t)((stride_of(row->partition_log2) + TILE_BINS - 1) / TILE_BINS);
}

/* All outputs and windows of the batch, over one tile of bins. */
static void multiply_tile(void *user, uint32_t index, uint32_t thread)
{
    const cpu_batch *batch = user;
    const cpu_row *row = batch->row;
    cpu_term *terms = batch->convolve->scratches[thread].terms;
    size_t stride = stride_of(row->partition_log2);
    size_t first = (size_t)index * TILE_BINS;
    size_t end = stride - first < TILE_BINS ? stride : first + TILE_BINS;

    flush_state before = flush_denormals();
    for (uint32_t output = 0; output < row->num_outputs; output++)
        for (uint32_t window = 0; window < batch->num_windows; window += QUAD) {
            uint32_t num_terms = list_terms(batch, output, window, terms);
            real *sums[QUAD];
            for (uint32_t q = 0; q < QUAD; q++) {
                size_t number = (size_t)output * batch->stride + window + q;
                sums[q] = batch->sums + number * size_of(row->partition_log2);
                memset(sums[q] + first, 0, (end - first) * sizeof(real));
                memset(sums[q] + stride + first, 0, (end - first) * sizeof(real));
                if (first == 0)
                    batch->silent[number] = num_terms == 0;
            }
            for (uint32_t t = 0; t < num_terms; t += CHUNK)
                add_terms(terms + t, num_terms - t < CHUNK ? num_terms - t : CHUNK, sums, stride, first, end);
        }
    restore_denormals(before);
}

static void invert_window(void *user, uint32_t index, uint32_t thread)
{
    const cpu_batch *batch = user;
    const cpu_row *row = batch->row;
    thread_scratch *scratch = &batch->convolve->scratches[thread];
    uint32_t output = index / batch->num_windows;
    uint32_t window = index % batch->num_windows;
    uint32_t size = 1u << row->partition_log2;
    uint32_t begin = (batch->first_window + window) * size;
    uint32_t count = batch->num_frames - begin < size ? batch->num_frames - begin : size;
    size_t number = (size_t)output * batch->stride + window;
    real *to = lane_of(batch->lanes, row->outputs[output]) + begin;
    if (batch->silent[number]) {
        memset(to, 0, count * sizeof *to);
        return;
    }
    flush_state before = flush_denormals();
    join(batch->sums + number * size_of(row->partition_log2), row->partition_log2, scratch->bins);
    MXD_FFTW(execute_dft_c2r)(batch->convolve->plans[row->partition_log2].inverse, scratch->bins, scratch->frames);
    restore_denormals(before);
    memcpy(to, scratch->frames + size, count * sizeof *to);
}

/* ---- One block ----------------------------------------------------------- */

/* threads NULL: all on this one, whose number is `thread`. */
static void share_out(mxd_threads *threads, uint32_t thread, uint32_t count,
                      void (*body)(void *user, uint32_t index, uint32_t thread), void *user)
{
    if (threads) {
        mxd_threads_run(threads, count, body, user);
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        body(user, i, thread);
}

static void run_row(cpu_convolve *convolve, mxd_threads *threads, uint32_t thread, const cpu_lanes *lanes, cpu_row *row,
                    uint32_t num_frames)
{
    uint32_t size = 1u << row->partition_log2;
    uint32_t num_windows = (num_frames + size - 1) >> row->partition_log2;
    for (uint32_t first = 0; first < num_windows; first += BATCH) {
        cpu_batch batch = {
            .convolve = convolve,
            .lanes = lanes,
            .row = row,
            .num_frames = num_frames,
            .first_window = first,
            .num_windows = num_windows - first < BATCH ? num_windows - first : BATCH,
            .stride = batch_of(convolve, row->partition_log2),
            .sums = convolve->scratches[thread].sums,
            .silent = convolve->scratches[thread].silent,
        };
        share_out(threads, thread, row->num_inputs * batch.num_windows, transform_window, &batch);
        share_out(threads, thread, num_tiles(row), multiply_tile, &batch);
        share_out(threads, thread, row->num_outputs * batch.num_windows, invert_window, &batch);
    }
    for (uint32_t i = 0; i < row->num_inputs; i++) {
        cpu_batch last = {.lanes = lanes, .row = row, .num_frames = num_frames};
        copy_half(&last, &row->inputs[i], num_windows - 1, row->inputs[i].previous);
    }
    row->num_windows += num_windows;
}

static void restart_row(cpu_row *row)
{
    for (uint32_t i = 0; i < row->num_inputs; i++) {
        delay_line *line = &row->inputs[i];
        memset(line->previous, 0, sizeof(real) << row->partition_log2);
        memset(line->slots, 0, line->num_slots * size_of(row->partition_log2) * sizeof(real));
        memset(line->zero, true, line->num_slots * sizeof *line->zero);
    }
}

typedef struct cpu_block {
    cpu_convolve *convolve;
    const cpu_lanes *lanes;
    const mxd_step_run *run;
    uint32_t num_frames;
} cpu_block;

static void run_row_alone(void *user, uint32_t index, uint32_t thread)
{
    const cpu_block *block = user;
    run_row(block->convolve, NULL, thread, block->lanes, &block->convolve->rows[block->run->rows[index]],
            block->num_frames);
}

void MXD_CPU(mxd_convolve_run)(cpu_convolve *convolve, mxd_threads *threads, const cpu_lanes *lanes,
                               uint32_t num_frames, const mxd_step_run *run)
{
    for (uint32_t i = 0; i < run->num_rows; i++)
        if (run->restart && run->restart[i])
            restart_row(&convolve->rows[run->rows[i]]);
    if (rows_side_by_side(convolve, run->num_rows)) {
        cpu_block block = {convolve, lanes, run, num_frames};
        mxd_threads_run(threads, run->num_rows, run_row_alone, &block);
        return;
    }
    for (uint32_t i = 0; i < run->num_rows; i++)
        run_row(convolve, threads, 0, lanes, &convolve->rows[run->rows[i]], num_frames);
}
