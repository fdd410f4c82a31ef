/*
 * The convolver: uniformly partitioned overlap-save (Stockham 1966; Kulp 1988)
 * on the transform of fft.h. A response is cut into partitions of P frames; a
 * window of 2P input frames is transformed once, its spectrum kept in a delay
 * line, and each output is one inverse transform of the sum over partitions of
 * delayed spectra times the partition's spectrum. P divides the block, so that a
 * result does not depend on where blocks begin (responses.h).
 *
 * A batch of windows is transformed before they are multiplied, and up to QUAD
 * of them are multiplied side by side: each partition of a response is fetched
 * once for all of them. What an input and a response make is computed once and
 * added to every output that wants it, each with its own gain; where several
 * outputs do, some such products are made before they are added, so that a sum
 * is fetched once for all of them. Silent windows and empty partitions cost
 * nothing.
 *
 * Threads: a step with more rows than a few for each thread gives whole rows to
 * threads; otherwise a few rows go at a time, and their windows, tiles of bins
 * and outputs are shared out.
 */
#include "fft.h"
#include "kernels.h"
#include "responses.h"
#include "simd.h"

#include <string.h>

/* Windows whose sums are built side by side: 8 sums in registers beside 10 operands. */
#define QUAD 4u
/* Products added in registers before they go to the outputs' sums: as many streams as prefetchers follow. */
#define CHUNK 8u
/* Bins of one tile: what a thread takes. Sums of two outputs stay in the L1 cache, or BLEND products do. */
#define TILE_BINS 512u
#define BLEND_TILE_BINS 128u
/* Paths times windows of a quad whose products are made before they are added to several outputs' sums. */
#define BLEND 16u

typedef struct cpu_target {
    uint32_t output;
    real gain;
} cpu_target;

/* One input through one response, and where that goes. */
typedef struct cpu_path {
    uint32_t input;
    const cpu_spectra *spectra;
    const cpu_target *targets;
    uint32_t num_targets;
} cpu_path;

/* One input's past. */
typedef struct delay_line {
    uint32_t lane;
    uint32_t num_slots;
    real *slots;          /* ring of spectra: window w lies in slot w % num_slots */
    bool *silent;         /* that slot stands for silence, whatever is in it */
    real *previous;       /* the last P frames */
    bool previous_silent; /* and these */
    bool rests;           /* in this block: all slots are silent, and stay so */
} delay_line;

typedef struct cpu_row {
    uint32_t partition_log2;
    uint32_t num_batch;   /* windows of a batch, a power of two */
    uint64_t num_windows; /* since the start */
    uint32_t num_inputs;
    delay_line *inputs;
    uint32_t num_outputs;
    uint32_t *outputs;
    uint32_t num_paths;
    cpu_path *paths;      /* by input */
    cpu_target *targets;
    size_t num_terms;     /* used partitions of all paths */
    bool blends;          /* some path has several targets */
} cpu_row;

/* One product: a partition's spectrum and the windows of a quad that it meets. */
typedef struct cpu_term {
    const real *partition;
    const real *windows[QUAD];
} cpu_term;

/* The terms of a path that are not silent. */
typedef struct cpu_sum {
    const cpu_path *path;
    size_t first_term;
    uint32_t num_terms;
} cpu_sum;

/* One row's batch of windows while it is worked on. */
typedef struct cpu_batch {
    const cpu_lanes *lanes;
    cpu_row *row;
    uint32_t num_frames;   /* of the block */
    uint32_t first_window; /* within the block */
    uint32_t num_windows;
    uint32_t num_items;    /* of the phase that is under way */
    real *spectra;         /* the outputs' sums, [output][window] */
    cpu_sum *sums;         /* [quad][paths]; a list that is shorter ends with path NULL */
    cpu_term *terms;       /* [quad][terms of the row] */
    bool *silent;          /* [output][quad]: nothing is added to these sums */
} cpu_batch;

/* A product among those that are made before they are added, and its gain for one output. */
typedef struct cpu_share {
    const real *product;
    real gain;
} cpu_share;

typedef struct thread_scratch {
    real *frames;         /* P of the greatest P */
    real *products;       /* BLEND tiles */
    cpu_share *shares;    /* [output][BLEND] */
    uint32_t *num_shares; /* [output] */
} thread_scratch;

struct cpu_convolve {
    uint32_t block_frames;
    cpu_row *rows;
    uint32_t num_rows;
    cpu_responses *responses;
    cpu_fft *transforms[MXD_MAX_PARTITION_LOG2 + 1]; /* by log2 P */
    real *silence;         /* a spectrum of zeros, of the greatest P */
    thread_scratch *scratches;
    cpu_batch *batches;    /* one a thread: of its own row, or of one of the rows that all work on */
    uint32_t num_threads;
    uint64_t memory;
};

static void *allocate(cpu_convolve *convolve, size_t size)
{
    convolve->memory += size;
    return MXD_CPU(mxd_aligned_memory)(size);
}

static bool all_zero(const real *frames, uint32_t num_frames)
{
    for (uint32_t i = 0; i < num_frames; i++)
        if (frames[i] != 0)
            return false;
    return true;
}

static uint32_t quad_of(uint32_t num_batch)
{
    return num_batch < QUAD ? num_batch : QUAD;
}

/* ---- Creation ------------------------------------------------------------ */

/* A cell while paths are made. */
typedef struct loose_cell {
    uint32_t input, number;
    const cpu_spectra *spectra;
    cpu_target target;
} loose_cell;

/* By input and spectra; equal ones stay in the order of the cells. */
static int compare_cells(const void *left, const void *right)
{
    const loose_cell *a = left, *b = right;
    if (a->input != b->input)
        return a->input < b->input ? -1 : 1;
    if (a->spectra != b->spectra)
        return a->spectra->number < b->spectra->number ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

/* Cells of one input and one response make a path. */
static bool make_paths(cpu_convolve *convolve, cpu_row *row, const mxd_convolve_row *from)
{
    loose_cell *cells = calloc((size_t)from->num_cells + 1, sizeof *cells);
    row->paths = calloc((size_t)from->num_cells + 1, sizeof *row->paths);
    row->targets = calloc((size_t)from->num_cells + 1, sizeof *row->targets);
    bool good = cells && row->paths && row->targets;
    for (uint32_t i = 0; good && i < from->num_cells; i++) {
        const mxd_convolve_cell *cell = &from->cells[i];
        const cpu_spectra *spectra = MXD_CPU(mxd_responses_get)(convolve->responses, cell, row->partition_log2);
        cells[i] = (loose_cell){cell->input, i, spectra, {cell->output, (real)cell->gain}};
        good = spectra != NULL;
    }
    if (good)
        qsort(cells, from->num_cells, sizeof *cells, compare_cells);
    for (uint32_t i = 0; good && i < from->num_cells; i++) {
        row->targets[i] = cells[i].target;
        if (i == 0 || cells[i].input != cells[i - 1].input || cells[i].spectra != cells[i - 1].spectra)
            row->paths[row->num_paths++] = (cpu_path){cells[i].input, cells[i].spectra, &row->targets[i], 0};
        row->blends |= row->paths[row->num_paths - 1].num_targets++ > 0;
    }
    free(cells);
    return good;
}

static bool make_row(cpu_convolve *convolve, cpu_row *row, const mxd_convolve_row *from)
{
    row->num_batch = MXD_CPU(mxd_partition_batch)(convolve->block_frames, row->partition_log2);
    row->num_inputs = from->num_inputs;
    row->num_outputs = from->num_outputs;
    row->inputs = calloc(from->num_inputs, sizeof *row->inputs);
    row->outputs = calloc(from->num_outputs, sizeof *row->outputs);
    if (!row->inputs || !row->outputs)
        return false;
    for (uint32_t i = 0; i < from->num_inputs; i++)
        row->inputs[i].lane = from->inputs[i];
    memcpy(row->outputs, from->outputs, from->num_outputs * sizeof *row->outputs);
    return make_paths(convolve, row, from);
}

/* Once the responses' empty partitions are known. */
static bool make_lines(cpu_convolve *convolve, cpu_row *row)
{
    for (uint32_t i = 0; i < row->num_inputs; i++)
        row->inputs[i].num_slots = row->num_batch;
    for (uint32_t i = 0; i < row->num_paths; i++) {
        const cpu_spectra *spectra = row->paths[i].spectra;
        delay_line *line = &row->inputs[row->paths[i].input];
        row->num_terms += spectra->num_used;
        if (spectra->num_used > 0 && spectra->used[spectra->num_used - 1] + row->num_batch > line->num_slots)
            line->num_slots = spectra->used[spectra->num_used - 1] + row->num_batch;
    }
    for (uint32_t i = 0; i < row->num_inputs; i++) {
        delay_line *line = &row->inputs[i];
        line->slots = allocate(convolve, line->num_slots * spectrum_stride(row->partition_log2) * sizeof(real));
        line->previous = allocate(convolve, sizeof(real) << row->partition_log2);
        line->silent = malloc(line->num_slots * sizeof *line->silent);
        if (!line->slots || !line->previous || !line->silent)
            return false;
        memset(line->silent, true, line->num_slots * sizeof *line->silent);
        line->previous_silent = true;
    }
    return true;
}

static bool make_transforms(cpu_convolve *convolve)
{
    uint32_t greatest = MXD_MIN_PARTITION_LOG2;
    for (uint32_t i = 0; i < convolve->num_rows; i++) {
        uint32_t log2 = convolve->rows[i].partition_log2;
        greatest = log2 > greatest ? log2 : greatest;
        if (convolve->transforms[log2])
            continue;
        convolve->transforms[log2] = MXD_CPU(mxd_fft_create)(log2);
        if (!convolve->transforms[log2])
            return false;
        convolve->memory += MXD_CPU(mxd_fft_memory)(convolve->transforms[log2]);
    }
    size_t size = spectrum_stride(greatest) * sizeof(real);
    convolve->silence = allocate(convolve, size);
    if (!convolve->silence)
        return false;
    memset(convolve->silence, 0, size);
    for (uint32_t i = 0; i < convolve->num_threads; i++) {
        convolve->scratches[i].frames = allocate(convolve, sizeof(real) << greatest);
        if (!convolve->scratches[i].frames)
            return false;
    }
    return true;
}

/* For rows whose paths have several targets. */
static bool make_blends(cpu_convolve *convolve)
{
    size_t outputs = 0;
    for (uint32_t i = 0; i < convolve->num_rows; i++)
        if (convolve->rows[i].blends && convolve->rows[i].num_outputs > outputs)
            outputs = convolve->rows[i].num_outputs;
    for (uint32_t i = 0; i < convolve->num_threads && outputs > 0; i++) {
        thread_scratch *scratch = &convolve->scratches[i];
        scratch->products = allocate(convolve, sizeof(real) * BLEND * 2 * BLEND_TILE_BINS);
        scratch->shares = allocate(convolve, outputs * BLEND * sizeof *scratch->shares);
        scratch->num_shares = allocate(convolve, outputs * sizeof *scratch->num_shares);
        if (!scratch->products || !scratch->shares || !scratch->num_shares)
            return false;
    }
    return true;
}

static uint32_t num_quads(const cpu_row *row)
{
    return row->num_batch / quad_of(row->num_batch);
}

/* Room for any of the rows. */
static bool make_batches(cpu_convolve *convolve)
{
    size_t spectra = 0, sums = 0, terms = 0, silent = 0;
    for (uint32_t i = 0; i < convolve->num_rows; i++) {
        const cpu_row *row = &convolve->rows[i];
        size_t row_spectra = spectrum_stride(row->partition_log2) * row->num_outputs * row->num_batch;
        spectra = row_spectra > spectra ? row_spectra : spectra;
        sums = num_quads(row) * row->num_paths > sums ? num_quads(row) * row->num_paths : sums;
        terms = num_quads(row) * row->num_terms > terms ? num_quads(row) * row->num_terms : terms;
        silent = num_quads(row) * row->num_outputs > silent ? num_quads(row) * row->num_outputs : silent;
    }
    uint32_t count = convolve->num_rows < convolve->num_threads ? convolve->num_rows : convolve->num_threads;
    for (uint32_t i = 0; i < count; i++) {
        cpu_batch *batch = &convolve->batches[i];
        batch->spectra = allocate(convolve, spectra * sizeof *batch->spectra);
        batch->sums = allocate(convolve, sums * sizeof *batch->sums);
        batch->terms = allocate(convolve, terms * sizeof *batch->terms);
        batch->silent = allocate(convolve, silent * sizeof *batch->silent);
        if (!batch->spectra || !batch->sums || !batch->terms || !batch->silent)
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
    convolve->batches = calloc(convolve->num_threads, sizeof *convolve->batches);
    convolve->responses = MXD_CPU(mxd_responses_create)();
    if (!convolve->rows || !convolve->scratches || !convolve->batches || !convolve->responses)
        goto fail;
    convolve->num_rows = num_rows;
    for (uint32_t i = 0; i < num_rows; i++) {
        cpu_row *row = &convolve->rows[i];
        if (!MXD_CPU(mxd_partition_choose)(&rows[i], num_rows, block_frames, &row->partition_log2) ||
            !make_row(convolve, row, &rows[i]))
            goto fail;
    }
    if (!make_transforms(convolve) ||
        !MXD_CPU(mxd_responses_fill)(convolve->responses, convolve->transforms, convolve->silence, threads))
        goto fail;
    for (uint32_t i = 0; i < num_rows; i++)
        if (!make_lines(convolve, &convolve->rows[i]))
            goto fail;
    if (!make_batches(convolve) || !make_blends(convolve))
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
        free(row->inputs[i].silent);
        free(row->inputs[i].previous);
    }
    free(row->inputs);
    free(row->outputs);
    free(row->paths);
    free(row->targets);
}

void MXD_CPU(mxd_convolve_destroy)(cpu_convolve *convolve)
{
    if (!convolve)
        return;
    for (uint32_t i = 0; convolve->rows && i < convolve->num_rows; i++)
        free_row(&convolve->rows[i]);
    MXD_CPU(mxd_responses_destroy)(convolve->responses);
    for (uint32_t i = 0; i <= MXD_MAX_PARTITION_LOG2; i++)
        MXD_CPU(mxd_fft_destroy)(convolve->transforms[i]);
    for (uint32_t i = 0; convolve->scratches && i < convolve->num_threads; i++) {
        free(convolve->scratches[i].frames);
        free(convolve->scratches[i].products);
        free(convolve->scratches[i].shares);
        free(convolve->scratches[i].num_shares);
    }
    for (uint32_t i = 0; convolve->batches && i < convolve->num_threads; i++) {
        free(convolve->batches[i].spectra);
        free(convolve->batches[i].sums);
        free(convolve->batches[i].terms);
        free(convolve->batches[i].silent);
    }
    free(convolve->scratches);
    free(convolve->batches);
    free(convolve->silence);
    free(convolve->rows);
    free(convolve);
}

uint64_t MXD_CPU(mxd_convolve_memory)(const cpu_convolve *convolve)
{
    return convolve->memory + MXD_CPU(mxd_responses_memory)(convolve->responses);
}

/* ---- One batch of windows of one row ------------------------------------- */

static uint32_t slot_of(const delay_line *line, uint64_t window)
{
    return (uint32_t)(window % line->num_slots);
}

static real *slot_at(const cpu_row *row, const delay_line *line, uint32_t slot)
{
    return line->slots + slot * spectrum_stride(row->partition_log2);
}

/* Half a window: P frames of the lane, or of the block before; the frames after the block's last one are silent. */
static const real *find_half(const cpu_convolve *convolve, const cpu_batch *batch, const delay_line *line, int64_t half,
                             real *scratch)
{
    uint32_t size = 1u << batch->row->partition_log2;
    if (half < 0)
        return line->previous_silent ? convolve->silence : line->previous;
    uint32_t begin = (uint32_t)half * size;
    const real *frames = lane_of(batch->lanes, line->lane) + begin;
    if (batch->num_frames - begin >= size)
        return frames;
    uint32_t count = batch->num_frames - begin;
    memcpy(scratch, frames, count * sizeof *scratch);
    memset(scratch + count, 0, (size - count) * sizeof *scratch);
    return scratch;
}

static void transform_window(const cpu_convolve *convolve, cpu_batch *batch, uint32_t index, uint32_t thread)
{
    const cpu_row *row = batch->row;
    delay_line *line = &row->inputs[index / batch->num_windows];
    if (line->rests)
        return;
    uint32_t window = batch->first_window + index % batch->num_windows;
    uint32_t size = 1u << row->partition_log2;
    uint32_t slot = slot_of(line, row->num_windows + window);
    /* Of the two halves only the second can be cut short by the end of the block. */
    const real *first = find_half(convolve, batch, line, (int64_t)window - 1, convolve->scratches[thread].frames);
    const real *second = find_half(convolve, batch, line, window, convolve->scratches[thread].frames);
    line->silent[slot] = all_zero(first, size) && all_zero(second, size);
    if (!line->silent[slot])
        MXD_CPU(mxd_fft_forward)(convolve->transforms[row->partition_log2], first, second, slot_at(row, line, slot));
}

/* One path's terms for a quad; windows beyond the batch repeat its last one, to no purpose. Their number. */
static uint32_t list_terms(const cpu_convolve *convolve, const cpu_batch *batch, const cpu_path *path, uint32_t window,
                           cpu_term *terms)
{
    const cpu_row *row = batch->row;
    const delay_line *line = &row->inputs[path->input];
    uint32_t num_terms = 0, quad = quad_of(row->num_batch);
    for (uint32_t j = 0; j < path->spectra->num_used; j++) {
        cpu_term *term = &terms[num_terms];
        bool silent = true;
        for (uint32_t q = 0; q < quad; q++) {
            uint32_t at = window + q < batch->num_windows ? window + q : batch->num_windows - 1;
            /* Before the first window all is silent; a whole turn of the ring keeps the number positive. */
            uint32_t slot = slot_of(line, row->num_windows + batch->first_window + at + line->num_slots -
                                              path->spectra->used[j]);
            term->windows[q] = line->silent[slot] ? convolve->silence : slot_at(row, line, slot);
            silent = silent && line->silent[slot];
        }
        term->partition = path->spectra->data + j * spectrum_stride(row->partition_log2);
        num_terms += !silent;
    }
    return num_terms;
}

/* What is to be added up in this batch. */
static void list_sums(const cpu_convolve *convolve, cpu_batch *batch)
{
    const cpu_row *row = batch->row;
    uint32_t quads = num_quads(row), quad = quad_of(row->num_batch);
    memset(batch->silent, true, (size_t)row->num_outputs * quads * sizeof *batch->silent);
    for (uint32_t i = 0; i < quads && i * quad < batch->num_windows; i++) {
        cpu_sum *sums = batch->sums + (size_t)i * row->num_paths;
        size_t num_terms = i * row->num_terms;
        uint32_t num_sums = 0;
        for (uint32_t j = 0; j < row->num_paths; j++) {
            const cpu_path *path = &row->paths[j];
            if (row->inputs[path->input].rests)
                continue;
            uint32_t count = list_terms(convolve, batch, path, i * quad, batch->terms + num_terms);
            if (count == 0)
                continue;
            sums[num_sums++] = (cpu_sum){path, num_terms, count};
            num_terms += count;
            for (uint32_t t = 0; t < path->num_targets; t++)
                batch->silent[path->targets[t].output * quads + i] = false;
        }
        if (num_sums < row->num_paths)
            sums[num_sums].path = NULL;
    }
}

/* The sum of the terms at one register of bins, which begins at real `at`, for each window of a quad. */
static inline __attribute__((always_inline)) void sum_terms(const cpu_term *terms, uint32_t num_terms, size_t at,
                                                            uint32_t quad, vec *re, vec *im)
{
    for (uint32_t t = 0; t < num_terms; t++) {
        vec h_re = *(const vec *)(terms[t].partition + at);
        vec h_im = *(const vec *)(terms[t].partition + at + VEC_LANES);
        for (uint32_t q = 0; q < quad; q++) {
            vec x_re = *(const vec *)(terms[t].windows[q] + at);
            vec x_im = *(const vec *)(terms[t].windows[q] + at + VEC_LANES);
            re[q] += h_re * x_re;
            re[q] -= h_im * x_im;
            im[q] += h_re * x_im;
            im[q] += h_im * x_re;
        }
    }
}

/* A tile: `count` reals of each spectrum from real `first` on, whole registers of both parts. */
typedef struct cpu_tile {
    size_t first, count;
    size_t stride; /* from one window's sums to the next */
} cpu_tile;

/* Up to CHUNK terms, times a gain, are added to the sums of a quad. */
static inline __attribute__((always_inline)) void add_chunk(const cpu_term *terms, uint32_t num_terms, real gain,
                                                            const cpu_tile *tile, real *sums, uint32_t quad)
{
    for (size_t i = tile->first; i < tile->first + tile->count; i += 2 * VEC_LANES) {
        vec re[QUAD] = {0}, im[QUAD] = {0};
        sum_terms(terms, num_terms, i, quad, re, im);
        for (uint32_t q = 0; q < quad; q++) {
            *(vec *)(sums + q * tile->stride + i) += gain * re[q];
            *(vec *)(sums + q * tile->stride + i + VEC_LANES) += gain * im[q];
        }
    }
}

/* Up to CHUNK terms become products, a tile for each window; more = are added to what is there. */
static inline __attribute__((always_inline)) void make_chunk(const cpu_term *terms, uint32_t num_terms, bool more,
                                                             const cpu_tile *tile, real *products, uint32_t quad)
{
    for (size_t i = 0; i < tile->count; i += 2 * VEC_LANES) {
        vec re[QUAD] = {0}, im[QUAD] = {0};
        for (uint32_t q = 0; more && q < quad; q++) {
            re[q] = *(const vec *)(products + q * tile->count + i);
            im[q] = *(const vec *)(products + q * tile->count + i + VEC_LANES);
        }
        sum_terms(terms, num_terms, tile->first + i, quad, re, im);
        for (uint32_t q = 0; q < quad; q++) {
            *(vec *)(products + q * tile->count + i) = re[q];
            *(vec *)(products + q * tile->count + i + VEC_LANES) = im[q];
        }
    }
}

/* All terms of one path, added to the sums of its only target, or made into products. */
static inline __attribute__((always_inline)) void multiply_path(const cpu_batch *batch, const cpu_sum *sum,
                                                                const cpu_tile *tile, real *sums, real *products,
                                                                uint32_t quad)
{
    for (uint32_t t = 0; t < sum->num_terms; t += CHUNK) {
        const cpu_term *terms = batch->terms + sum->first_term + t;
        uint32_t num_terms = sum->num_terms - t < CHUNK ? sum->num_terms - t : CHUNK;
        if (products)
            make_chunk(terms, num_terms, t > 0, tile, products, quad);
        else
            add_chunk(terms, num_terms, sum->path->targets[0].gain, tile, sums, quad);
    }
}

static void multiply_any(const cpu_batch *batch, const cpu_sum *sum, const cpu_tile *tile, real *sums, real *products,
                         uint32_t quad)
{
    if (quad == 1)
        multiply_path(batch, sum, tile, sums, products, 1);
    else if (quad == 2)
        multiply_path(batch, sum, tile, sums, products, 2);
    else
        multiply_path(batch, sum, tile, sums, products, QUAD);
}

/* What products give to one output: the sums of each window of a quad. */
static void add_shares(const cpu_share *shares, uint32_t num_shares, const cpu_tile *tile, real *sums, uint32_t quad)
{
    for (uint32_t q = 0; q < quad; q++) {
        real *to = sums + q * tile->stride + tile->first;
        for (size_t i = 0; i < tile->count; i += 2 * VEC_LANES) {
            vec re = *(const vec *)(to + i), im = *(const vec *)(to + i + VEC_LANES);
            for (uint32_t j = 0; j < num_shares; j++) {
                const real *product = shares[j].product + q * tile->count + i;
                re += shares[j].gain * *(const vec *)product;
                im += shares[j].gain * *(const vec *)(product + VEC_LANES);
            }
            *(vec *)(to + i) = re;
            *(vec *)(to + i + VEC_LANES) = im;
        }
    }
}

/* Paths of several targets: as many products as there is room for, then all outputs. sums: of the first output. */
static void blend_paths(const cpu_batch *batch, const cpu_sum *list, uint32_t num_sums, const cpu_tile *tile,
                        real *sums, const thread_scratch *scratch)
{
    const cpu_row *row = batch->row;
    uint32_t quad = quad_of(row->num_batch);
    memset(scratch->num_shares, 0, row->num_outputs * sizeof *scratch->num_shares);
    for (uint32_t j = 0; j < num_sums; j++) {
        real *product = scratch->products + j * quad * tile->count;
        multiply_any(batch, &list[j], tile, NULL, product, quad);
        for (uint32_t t = 0; t < list[j].path->num_targets; t++) {
            const cpu_target *target = &list[j].path->targets[t];
            /* A cell named twice has two targets of one output. */
            if (scratch->num_shares[target->output] == BLEND) {
                add_shares(scratch->shares + target->output * BLEND, BLEND, tile,
                           sums + target->output * row->num_batch * tile->stride, quad);
                scratch->num_shares[target->output] = 0;
            }
            scratch->shares[target->output * BLEND + scratch->num_shares[target->output]++] =
                (cpu_share){product, target->gain};
        }
    }
    for (uint32_t output = 0; output < row->num_outputs; output++)
        if (scratch->num_shares[output] > 0)
            add_shares(scratch->shares + output * BLEND, scratch->num_shares[output], tile,
                       sums + output * row->num_batch * tile->stride, quad);
}

static uint32_t num_tiles(const cpu_row *row)
{
    uint32_t num_bins = 1u << row->partition_log2, tile_bins = row->blends ? BLEND_TILE_BINS : TILE_BINS;
    return num_bins < tile_bins ? 1 : num_bins / tile_bins;
}

/* One quad's sums of all outputs, over one tile. */
static void multiply_quad(const cpu_convolve *convolve, const cpu_batch *batch, uint32_t number, const cpu_tile *tile,
                          uint32_t thread)
{
    const cpu_row *row = batch->row;
    uint32_t quads = num_quads(row), quad = quad_of(row->num_batch);
    size_t output_stride = row->num_batch * tile->stride;
    real *sums = batch->spectra + number * quad * tile->stride;
    for (uint32_t output = 0; output < row->num_outputs; output++)
        for (uint32_t q = 0; q < quad && !batch->silent[output * quads + number]; q++)
            memset(sums + output * output_stride + q * tile->stride + tile->first, 0, tile->count * sizeof *sums);
    const cpu_sum *list = batch->sums + (size_t)number * row->num_paths;
    uint32_t num_sums = 0;
    while (num_sums < row->num_paths && list[num_sums].path)
        num_sums++;
    if (!row->blends) {
        for (uint32_t j = 0; j < num_sums; j++)
            multiply_any(batch, &list[j], tile, sums + list[j].path->targets[0].output * output_stride, NULL, quad);
        return;
    }
    uint32_t room = BLEND / quad;
    for (uint32_t j = 0; j < num_sums; j += room)
        blend_paths(batch, list + j, num_sums - j < room ? num_sums - j : room, tile, sums,
                    &convolve->scratches[thread]);
}

/* All outputs and windows of the batch, over one tile of bins. */
static void multiply_tile(const cpu_convolve *convolve, cpu_batch *batch, uint32_t index, uint32_t thread)
{
    const cpu_row *row = batch->row;
    cpu_tile tile = {.count = ((size_t)2 << row->partition_log2) / num_tiles(row),
                     .stride = spectrum_stride(row->partition_log2)};
    tile.first = index * tile.count;
    for (uint32_t i = 0; i < num_quads(row) && i * quad_of(row->num_batch) < batch->num_windows; i++)
        multiply_quad(convolve, batch, i, &tile, thread);
}

static void invert_window(const cpu_convolve *convolve, cpu_batch *batch, uint32_t index, uint32_t thread)
{
    (void)thread;
    const cpu_row *row = batch->row;
    uint32_t output = index / batch->num_windows;
    uint32_t window = index % batch->num_windows;
    uint32_t size = 1u << row->partition_log2;
    real *to = lane_of(batch->lanes, row->outputs[output]) + (batch->first_window + window) * size;
    if (batch->silent[output * num_quads(row) + window / quad_of(row->num_batch)]) {
        memset(to, 0, size * sizeof *to);
        return;
    }
    real *spectrum = batch->spectra + ((size_t)output * row->num_batch + window) * spectrum_stride(row->partition_log2);
    MXD_CPU(mxd_fft_inverse)(convolve->transforms[row->partition_log2], spectrum, to);
}

/* The last P frames of the block, once no window needs those of the block before. */
static void keep_last(const cpu_convolve *convolve, cpu_batch *batch, uint32_t index, uint32_t thread)
{
    (void)convolve;
    (void)thread;
    delay_line *line = &batch->row->inputs[index];
    if (line->rests)
        return;
    uint32_t size = 1u << batch->row->partition_log2;
    const real *last = lane_of(batch->lanes, line->lane) + (batch->num_frames - size);
    line->previous_silent = all_zero(last, size);
    if (!line->previous_silent)
        memcpy(line->previous, last, size * sizeof *last);
}

/* The last phase: all outputs' windows, and after a block's last window its inputs. */
static void finish_item(const cpu_convolve *convolve, cpu_batch *batch, uint32_t index, uint32_t thread)
{
    uint32_t num_inverse = batch->row->num_outputs * batch->num_windows;
    if (index < num_inverse)
        invert_window(convolve, batch, index, thread);
    else
        keep_last(convolve, batch, index - num_inverse, thread);
}

/* ---- One block ----------------------------------------------------------- */

typedef void batch_body(const cpu_convolve *convolve, cpu_batch *batch, uint32_t index, uint32_t thread);

/* One kind of work on all batches under way. */
typedef struct cpu_phase {
    const cpu_convolve *convolve;
    cpu_batch *batches;
    batch_body *body;
} cpu_phase;

static void run_item(void *user, uint32_t index, uint32_t thread)
{
    const cpu_phase *phase = user;
    cpu_batch *batch = phase->batches;
    for (; index >= batch->num_items; batch++)
        index -= batch->num_items;
    flush_state before = flush_denormals();
    phase->body(phase->convolve, batch, index, thread);
    restore_denormals(before);
}

/* threads NULL: all on this one, whose number is `thread`. */
static void run_phase(const cpu_convolve *convolve, mxd_threads *threads, uint32_t thread, cpu_batch *batches,
                      uint32_t num_batches, batch_body *body)
{
    cpu_phase phase = {convolve, batches, body};
    uint32_t count = 0;
    for (uint32_t i = 0; i < num_batches; i++)
        count += batches[i].num_items;
    if (threads) {
        mxd_threads_run(threads, count, run_item, &phase);
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        run_item(&phase, i, thread);
}

static uint32_t num_windows(const cpu_batch *batch)
{
    uint32_t log2 = batch->row->partition_log2;
    return (batch->num_frames + (1u << log2) - 1) >> log2;
}

/* The next windows of each row; false when there are none. */
static bool next_windows(cpu_batch *batches, uint32_t num_batches)
{
    bool more = false;
    for (uint32_t i = 0; i < num_batches; i++) {
        cpu_batch *batch = &batches[i];
        batch->first_window += batch->num_windows;
        uint32_t left = num_windows(batch) - batch->first_window;
        batch->num_windows = left < batch->row->num_batch ? left : batch->row->num_batch;
        more = more || left > 0;
    }
    return more;
}

static void run_rows(const cpu_convolve *convolve, mxd_threads *threads, uint32_t thread, cpu_batch *batches,
                     uint32_t num_batches)
{
    while (next_windows(batches, num_batches)) {
        for (uint32_t i = 0; i < num_batches; i++)
            batches[i].num_items = batches[i].row->num_inputs * batches[i].num_windows;
        run_phase(convolve, threads, thread, batches, num_batches, transform_window);
        for (uint32_t i = 0; i < num_batches; i++) {
            list_sums(convolve, &batches[i]);
            batches[i].num_items = batches[i].num_windows > 0 ? num_tiles(batches[i].row) : 0;
        }
        run_phase(convolve, threads, thread, batches, num_batches, multiply_tile);
        for (uint32_t i = 0; i < num_batches; i++) {
            const cpu_batch *batch = &batches[i];
            bool last = batch->num_windows > 0 && batch->first_window + batch->num_windows == num_windows(batch);
            /* Nothing follows a short block. */
            bool keep = last && batch->num_frames == convolve->block_frames;
            batches[i].num_items = batch->row->num_outputs * batch->num_windows + (keep ? batch->row->num_inputs : 0);
        }
        run_phase(convolve, threads, thread, batches, num_batches, finish_item);
    }
    for (uint32_t i = 0; i < num_batches; i++)
        batches[i].row->num_windows += num_windows(&batches[i]);
}

/* rests: one an input, or NULL. */
static void begin_row(cpu_row *row, bool restart, const bool *rests)
{
    for (uint32_t i = 0; i < row->num_inputs; i++) {
        delay_line *line = &row->inputs[i];
        line->rests = rests && rests[i];
        if (!restart && !line->rests)
            continue;
        memset(line->silent, true, line->num_slots * sizeof *line->silent);
        line->previous_silent = true;
    }
}

typedef struct cpu_block {
    const cpu_convolve *convolve;
    const cpu_lanes *lanes;
    const mxd_step_run *run;
    uint32_t num_frames;
} cpu_block;

static void begin_batch(const cpu_block *block, uint32_t index, cpu_batch *batch)
{
    batch->lanes = block->lanes;
    batch->row = &block->convolve->rows[block->run->rows[index]];
    batch->num_frames = block->num_frames;
    batch->first_window = 0;
    batch->num_windows = 0;
}

static void run_row_alone(void *user, uint32_t index, uint32_t thread)
{
    const cpu_block *block = user;
    cpu_batch *batch = &block->convolve->batches[thread];
    begin_batch(block, index, batch);
    run_rows(block->convolve, NULL, thread, batch, 1);
}

void MXD_CPU(mxd_convolve_run)(cpu_convolve *convolve, mxd_threads *threads, const cpu_lanes *lanes,
                               uint32_t num_frames, const mxd_step_run *run)
{
    const bool *rests = run->rests;
    for (uint32_t i = 0; i < run->num_rows; i++) {
        cpu_row *row = &convolve->rows[run->rows[i]];
        begin_row(row, run->restart && run->restart[i], rests);
        rests = rests ? rests + row->num_inputs : NULL;
    }
    cpu_block block = {convolve, lanes, run, num_frames};
    /* Whole rows to threads? Four rows a thread leave at most a fifth of the time to stragglers. */
    if (run->num_rows >= 4 * convolve->num_threads) {
        mxd_threads_run(threads, run->num_rows, run_row_alone, &block);
        return;
    }
    for (uint32_t i = 0; i < run->num_rows; i += convolve->num_threads) {
        uint32_t left = run->num_rows - i;
        uint32_t count = left < convolve->num_threads ? left : convolve->num_threads;
        for (uint32_t j = 0; j < count; j++)
            begin_batch(&block, i + j, &convolve->batches[j]);
        run_rows(convolve, threads, 0, convolve->batches, count);
    }
}
