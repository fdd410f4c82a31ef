/*
 * The equaliser (shaders/eq.h has the recursion). Its recursion is bound by
 * latency, so many lanes go side by side: a group of lanes is transposed tile
 * by tile, one lane an element of a register. Within a tile four sections run
 * in one loop, each one frame behind the one before it: section j of frame n
 * and section j + 1 of frame n - 1 depend only on the past.
 *
 * In float the additions to the state are compensated (Kahan 1965, "Further
 * remarks on reducing truncation errors"): what an addition rounds off is added
 * the next time. Measured against double at 48 kHz on a full-scale sine: a
 * 20 Hz high-pass of Q 0.7 errs by -135 dBFS instead of -123, a 12 dB bell at
 * 20 Hz by -125 instead of -112, for 4 operations on top of 12.
 */
#include "../square.h"
#include "kernels.h"
#include "simd.h"

#include <string.h>

/* Frames of one tile: short enough to stay in the L1 cache with 16 lanes (4 KiB). */
#define TILE_FRAMES 64u
/* Sections of one pass over a tile. */
#define PASS_SECTIONS 4u

#define STATE_REALS 4u

/* One coefficient set, as shaders/eq.h names them. */
typedef struct eq_section {
    real a2, a3, oma1, m0, m1, m2;
} eq_section;

typedef struct eq_row {
    uint32_t lane;
    uint32_t num_sections;
    eq_section *sections;
    real *state; /* of each section s1, s2 and what their last additions rounded off; STATE_REALS */
} eq_row;

/* The same of a group, one lane an element. */
typedef struct group_section {
    vec a2, a3, oma1, m0, m1, m2;
    vec s1, s2, low1, low2;
} group_section;

typedef struct eq_scratch {
    group_section *sections; /* MXD_EQ_MAX_SECTIONS and a pass more */
    vec *tile;               /* TILE_FRAMES */
} eq_scratch;

struct cpu_eq {
    eq_row *rows;
    uint32_t num_rows;
    uint32_t *order;   /* rows, by falling number of sections */
    uint32_t *running; /* those of them that run in this block */
    bool *runs;
    eq_section *all_sections;
    real *all_state;
    uint64_t num_all_sections;
    eq_scratch *scratches;
    uint32_t num_threads;
};

static eq_section coefficients(const mxd_svf *svf)
{
    double a1 = 1 / (1 + svf->g * (svf->g + svf->k));
    double a2 = svf->g * a1;
    return (eq_section){
        .a2 = (real)a2,
        .a3 = (real)(svf->g * a2),
        .oma1 = (real)(svf->g * (svf->g + svf->k) * a1),
        .m0 = (real)svf->m0,
        .m1 = (real)svf->m1,
        .m2 = (real)svf->m2,
    };
}

/* Neighbours of like length, so that groups carry few sections that only pass a signal on. */
static void sort_rows(cpu_eq *eq)
{
    uint32_t next = 0;
    for (uint32_t count = MXD_EQ_MAX_SECTIONS; count > 0; count--)
        for (uint32_t i = 0; i < eq->num_rows; i++)
            if (eq->rows[i].num_sections == count)
                eq->order[next++] = i;
}

cpu_eq *MXD_CPU(mxd_eq_create)(const mxd_eq_row *rows, uint32_t num_rows, uint32_t num_threads)
{
    cpu_eq *eq = calloc(1, sizeof *eq);
    if (!eq)
        return NULL;
    for (uint32_t i = 0; i < num_rows; i++)
        eq->num_all_sections += rows[i].num_sections;
    eq->num_rows = num_rows;
    eq->num_threads = num_threads;
    eq->rows = calloc(num_rows, sizeof *eq->rows);
    eq->order = calloc(num_rows, sizeof *eq->order);
    eq->running = calloc(num_rows, sizeof *eq->running);
    eq->runs = calloc(num_rows, sizeof *eq->runs);
    eq->all_sections = calloc(eq->num_all_sections, sizeof *eq->all_sections);
    eq->all_state = calloc(STATE_REALS * eq->num_all_sections, sizeof *eq->all_state);
    eq->scratches = calloc(num_threads, sizeof *eq->scratches);
    if (!eq->rows || !eq->order || !eq->running || !eq->runs || !eq->all_sections || !eq->all_state || !eq->scratches)
        goto fail;
    for (uint32_t i = 0; i < num_threads; i++) {
        eq_scratch *scratch = &eq->scratches[i];
        scratch->sections =
            MXD_CPU(mxd_aligned_zeros)((MXD_EQ_MAX_SECTIONS + PASS_SECTIONS) * sizeof *scratch->sections);
        scratch->tile = MXD_CPU(mxd_aligned_zeros)(TILE_FRAMES * sizeof *scratch->tile);
        if (!scratch->sections || !scratch->tile)
            goto fail;
    }
    uint64_t first = 0;
    for (uint32_t i = 0; i < num_rows; i++) {
        eq_row *row = &eq->rows[i];
        row->lane = rows[i].lane;
        row->num_sections = rows[i].num_sections;
        row->sections = eq->all_sections + first;
        row->state = eq->all_state + STATE_REALS * first;
        first += row->num_sections;
        for (uint32_t j = 0; j < row->num_sections; j++)
            row->sections[j] = coefficients(&rows[i].sections[j]);
    }
    sort_rows(eq);
    return eq;
fail:
    MXD_CPU(mxd_eq_destroy)(eq);
    return NULL;
}

void MXD_CPU(mxd_eq_destroy)(cpu_eq *eq)
{
    if (!eq)
        return;
    for (uint32_t i = 0; eq->scratches && i < eq->num_threads; i++) {
        free(eq->scratches[i].sections);
        free(eq->scratches[i].tile);
    }
    free(eq->scratches);
    free(eq->all_state);
    free(eq->all_sections);
    free(eq->runs);
    free(eq->running);
    free(eq->order);
    free(eq->rows);
    free(eq);
}

uint64_t MXD_CPU(mxd_eq_memory)(const cpu_eq *eq)
{
    uint64_t each = (MXD_EQ_MAX_SECTIONS + PASS_SECTIONS) * sizeof(group_section) + TILE_FRAMES * sizeof(vec);
    return eq->num_all_sections * (sizeof(eq_section) + STATE_REALS * sizeof(real)) + eq->num_threads * each;
}

/* ---- One group ----------------------------------------------------------- */

/* Sections that a row does not have pass its signal on: m0 = 1, everything else 0. */
static void gather_group(const cpu_eq *eq, const uint32_t *rows, uint32_t num_rows, uint32_t num_sections,
                         group_section *sections)
{
    memset(sections, 0, num_sections * sizeof *sections);
    for (uint32_t j = 0; j < num_sections; j++)
        for (uint32_t l = 0; l < VEC_LANES; l++) {
            group_section *to = &sections[j];
            if (l >= num_rows || j >= eq->rows[rows[l]].num_sections) {
                to->m0[l] = 1;
                continue;
            }
            const eq_row *row = &eq->rows[rows[l]];
            const eq_section *from = &row->sections[j];
            to->a2[l] = from->a2;
            to->a3[l] = from->a3;
            to->oma1[l] = from->oma1;
            to->m0[l] = from->m0;
            to->m1[l] = from->m1;
            to->m2[l] = from->m2;
            const real *state = &row->state[STATE_REALS * j];
            to->s1[l] = state[0];
            to->s2[l] = state[1];
            to->low1[l] = state[2];
            to->low2[l] = state[3];
        }
}

/*
 * Where denormals count as zero, a state that decays stops just above them for
 * ever. Below 1e-30 (-600 dB) it is silence.
 */
static real settled(real state)
{
#if MXD_REAL_BITS == 32
    if (state < 1e-30f && state > -1e-30f)
        return 0;
#endif
    return state;
}

static void scatter_state(const cpu_eq *eq, const uint32_t *rows, uint32_t num_rows, const group_section *sections)
{
    for (uint32_t l = 0; l < num_rows; l++) {
        const eq_row *row = &eq->rows[rows[l]];
        for (uint32_t j = 0; j < row->num_sections; j++) {
            real *state = &row->state[STATE_REALS * j];
            state[0] = settled(sections[j].s1[l]);
            state[1] = settled(sections[j].s2[l]);
            state[2] = settled(sections[j].low1[l]);
            state[3] = settled(sections[j].low2[l]);
        }
    }
}

typedef struct section_state {
    vec s1, s2, low1, low2;
} section_state;

static inline section_state load_state(const group_section *section)
{
    return (section_state){section->s1, section->s2, section->low1, section->low2};
}

static inline void store_state(group_section *section, section_state state)
{
    section->s1 = state.s1;
    section->s2 = state.s2;
    section->low1 = state.low1;
    section->low2 = state.low2;
}

/* sum += 2 half, keeping what is rounded off in *low for the next time. */
static inline void add_compensated(vec *sum, vec *low, vec half)
{
    vec whole = 2 * half + *low;
    vec next = *sum + whole;
    *low = whole - (next - *sum);
    *sum = next;
}

static inline vec filter(vec x, const group_section *c, section_state *s)
{
    vec v = x - s->s2;
    vec d1 = c->a2 * v - c->oma1 * s->s1;
    vec d2 = c->a2 * s->s1 + c->a3 * v;
    vec y = c->m0 * x + c->m1 * (s->s1 + d1) + c->m2 * (s->s2 + d2);
    add_compensated(&s->s1, &s->low1, d1);
    add_compensated(&s->s2, &s->low2, d2);
    return y;
}

/*
 * Four sections over one tile of at least four frames. Each works one frame
 * behind the one before it, so that the four recursions of a turn depend on
 * nothing of that turn.
 */
static void filter_pass(group_section *sections, vec *tile, uint32_t num_frames)
{
    section_state a = load_state(&sections[0]), b = load_state(&sections[1]);
    section_state c = load_state(&sections[2]), d = load_state(&sections[3]);
    vec x = filter(tile[0], &sections[0], &a); /* what section a has made of the frame before */
    vec y = filter(x, &sections[1], &b);       /* section b, of the frame before that */
    x = filter(tile[1], &sections[0], &a);
    vec z = filter(y, &sections[2], &c);
    y = filter(x, &sections[1], &b);
    x = filter(tile[2], &sections[0], &a);
    for (uint32_t n = 3; n < num_frames; n++) {
        tile[n - 3] = filter(z, &sections[3], &d);
        z = filter(y, &sections[2], &c);
        y = filter(x, &sections[1], &b);
        x = filter(tile[n], &sections[0], &a);
    }
    tile[num_frames - 3] = filter(z, &sections[3], &d);
    z = filter(y, &sections[2], &c);
    tile[num_frames - 2] = filter(z, &sections[3], &d);
    y = filter(x, &sections[1], &b);
    z = filter(y, &sections[2], &c);
    tile[num_frames - 1] = filter(z, &sections[3], &d);
    store_state(&sections[0], a);
    store_state(&sections[1], b);
    store_state(&sections[2], c);
    store_state(&sections[3], d);
}

static void filter_one(group_section *section, vec *tile, uint32_t num_frames)
{
    section_state state = load_state(section);
    for (uint32_t n = 0; n < num_frames; n++)
        tile[n] = filter(tile[n], section, &state);
    store_state(section, state);
}

static void filter_tile(group_section *sections, uint32_t num_sections, vec *tile, uint32_t num_frames)
{
    uint32_t j = 0;
    for (; num_frames >= PASS_SECTIONS && j + PASS_SECTIONS <= num_sections; j += PASS_SECTIONS)
        filter_pass(&sections[j], tile, num_frames);
    for (; j < num_sections; j++)
        filter_one(&sections[j], tile, num_frames);
}

/* ---- Transposition ------------------------------------------------------- */

/* Four lanes by four frames at once. */
#define SQUARE MXD_SQUARE
MXD_DEFINE_TRANSPOSE(transpose_square, real);

static void load_tile(real *const *samples, uint32_t num_rows, uint32_t at, uint32_t count, real *tile)
{
    uint32_t lane = 0;
    for (; VEC_LANES >= SQUARE && lane + SQUARE <= num_rows; lane += SQUARE) {
        uint32_t n = 0;
        for (; n + SQUARE <= count; n += SQUARE) {
            const real *const from[SQUARE] = {samples[lane] + at + n, samples[lane + 1] + at + n,
                                              samples[lane + 2] + at + n, samples[lane + 3] + at + n};
            real *to = tile + n * VEC_LANES + lane;
            transpose_square(from, (real *const[SQUARE]){to, to + VEC_LANES, to + 2 * VEC_LANES, to + 3 * VEC_LANES});
        }
        for (; n < count; n++)
            for (uint32_t i = 0; i < SQUARE; i++)
                tile[n * VEC_LANES + lane + i] = samples[lane + i][at + n];
    }
    for (; lane < num_rows; lane++)
        for (uint32_t n = 0; n < count; n++)
            tile[n * VEC_LANES + lane] = samples[lane][at + n];
}

static void store_tile(const real *tile, uint32_t num_rows, uint32_t at, uint32_t count, real *const *samples)
{
    uint32_t lane = 0;
    for (; VEC_LANES >= SQUARE && lane + SQUARE <= num_rows; lane += SQUARE) {
        uint32_t n = 0;
        for (; n + SQUARE <= count; n += SQUARE) {
            const real *from = tile + n * VEC_LANES + lane;
            real *const to[SQUARE] = {samples[lane] + at + n, samples[lane + 1] + at + n, samples[lane + 2] + at + n,
                                      samples[lane + 3] + at + n};
            transpose_square(
                (const real *const[SQUARE]){from, from + VEC_LANES, from + 2 * VEC_LANES, from + 3 * VEC_LANES}, to);
        }
        for (; n < count; n++)
            for (uint32_t i = 0; i < SQUARE; i++)
                samples[lane + i][at + n] = tile[n * VEC_LANES + lane + i];
    }
    for (; lane < num_rows; lane++)
        for (uint32_t n = 0; n < count; n++)
            samples[lane][at + n] = tile[n * VEC_LANES + lane];
}

/* ---- Few lanes ----------------------------------------------------------- */

/*
 * One lane would leave all other elements of the registers idle. Instead its
 * sections lie side by side: element j holds section j, which works j frames
 * behind the first, and takes what element j - 1 made of the turn before. Up to
 * MAX_CHAINS lanes share a register.
 */
#define MAX_CHAINS (VEC_LANES / 3u) /* with fewer than 3 sections each, tiles are faster */

#if MXD_REAL_BITS == 64
typedef int64_t vec_bits __attribute__((vector_size(VEC_BYTES)));
#else
typedef int32_t vec_bits __attribute__((vector_size(VEC_BYTES)));
#endif

/* Element j takes element j - 1; element 0 anything. */
static inline vec shift_elements(vec x)
{
#if VEC_BYTES * 8 == 2 * MXD_REAL_BITS
    return __builtin_shufflevector(x, x, 1, 0);
#elif VEC_BYTES * 8 == 4 * MXD_REAL_BITS
    return __builtin_shufflevector(x, x, 3, 0, 1, 2);
#elif VEC_BYTES * 8 == 8 * MXD_REAL_BITS
    return __builtin_shufflevector(x, x, 7, 0, 1, 2, 3, 4, 5, 6);
#else
    return __builtin_shufflevector(x, x, 15, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14);
#endif
}

typedef struct eq_chains {
    group_section section; /* element lane * length + j: section first + j of that lane */
    uint32_t num_lanes;
    uint32_t length;       /* sections side by side for each lane */
    real *samples[VEC_LANES];
    vec_bits is_first[VEC_LANES]; /* for each lane: all bits of its first element */
} eq_chains;

/* What the turn's first elements are fed: each lane's frame n, or silence after the last. */
static inline vec feed(const eq_chains *chains, vec previous, uint32_t n, uint32_t num_frames)
{
    vec_bits x = (vec_bits)shift_elements(previous);
    for (uint32_t l = 0; l < chains->num_lanes; l++) {
        real sample = n < num_frames ? chains->samples[l][n] : 0;
        vec all = sample - (vec){0};
        x = (x & ~chains->is_first[l]) | ((vec_bits)all & chains->is_first[l]);
    }
    return (vec)x;
}

/* One turn in which only the elements whose frame exists keep their new state. */
static vec filter_edge(const eq_chains *chains, section_state *state, vec x, uint32_t n, uint32_t num_frames)
{
    section_state next = *state;
    vec y = filter(x, &chains->section, &next);
    for (uint32_t e = 0; e < chains->num_lanes * chains->length; e++) {
        uint32_t behind = e % chains->length;
        if (n < behind || n - behind >= num_frames)
            continue;
        state->s1[e] = next.s1[e];
        state->s2[e] = next.s2[e];
        state->low1[e] = next.low1[e];
        state->low2[e] = next.low2[e];
    }
    return y;
}

/* One pass over the whole block: `length` sections of each lane, in place. */
static void filter_chains(eq_chains *chains, uint32_t num_frames)
{
    section_state state = load_state(&chains->section);
    uint32_t delay = chains->length - 1;
    vec y = {0};
    for (uint32_t n = 0; n < num_frames + delay; n++) {
        vec x = feed(chains, y, n, num_frames);
        if (n < delay || n >= num_frames)
            y = filter_edge(chains, &state, x, n, num_frames);
        else
            y = filter(x, &chains->section, &state);
        real elements[VEC_LANES] __attribute__((aligned(ALIGNMENT)));
        *(vec *)elements = y;
        for (uint32_t l = 0; n >= delay && l < chains->num_lanes; l++)
            chains->samples[l][n - delay] = elements[l * chains->length + delay];
    }
    store_state(&chains->section, state);
}

/* sections: what gather_group made of these rows. */
static void run_chains(group_section *sections, uint32_t num_sections, real *const *samples, uint32_t num_rows,
                       uint32_t num_frames)
{
    eq_chains chains = {.num_lanes = num_rows, .length = VEC_LANES / num_rows};
    if (chains.length > num_sections)
        chains.length = num_sections;
    for (uint32_t l = 0; l < num_rows; l++) {
        chains.samples[l] = samples[l];
        chains.is_first[l][l * chains.length] = -1;
    }
    for (uint32_t first = 0; first < num_sections; first += chains.length) {
        group_section *to = &chains.section;
        memset(to, 0, sizeof *to);
        for (uint32_t e = 0; e < num_rows * chains.length; e++) {
            uint32_t l = e / chains.length, j = first + e % chains.length;
            const group_section none = {0};
            const group_section *from = j < num_sections ? &sections[j] : &none;
            to->a2[e] = from->a2[l];
            to->a3[e] = from->a3[l];
            to->oma1[e] = from->oma1[l];
            to->m0[e] = j < num_sections ? from->m0[l] : 1;
            to->m1[e] = from->m1[l];
            to->m2[e] = from->m2[l];
            to->s1[e] = from->s1[l];
            to->s2[e] = from->s2[l];
            to->low1[e] = from->low1[l];
            to->low2[e] = from->low2[l];
        }
        filter_chains(&chains, num_frames);
        for (uint32_t e = 0; e < num_rows * chains.length; e++) {
            uint32_t l = e / chains.length, j = first + e % chains.length;
            if (j >= num_sections)
                continue;
            sections[j].s1[l] = to->s1[e];
            sections[j].s2[l] = to->s2[e];
            sections[j].low1[l] = to->low1[e];
            sections[j].low2[l] = to->low2[e];
        }
    }
}

typedef struct eq_block {
    cpu_eq *eq;
    const cpu_lanes *lanes;
    uint32_t num_frames;
    uint32_t num_running;
    uint32_t num_groups;
} eq_block;

static void run_group(void *user, uint32_t index, uint32_t thread)
{
    const eq_block *block = user;
    const cpu_eq *eq = block->eq;
    const eq_scratch *scratch = &eq->scratches[thread];
    /* Rows dealt out evenly. */
    uint32_t first = (uint32_t)((uint64_t)index * block->num_running / block->num_groups);
    uint32_t end = (uint32_t)((uint64_t)(index + 1) * block->num_running / block->num_groups);
    const uint32_t *rows = &eq->running[first];
    uint32_t num_rows = end - first;
    uint32_t num_sections = eq->rows[rows[0]].num_sections;
    real *samples[VEC_LANES];
    for (uint32_t l = 0; l < num_rows; l++)
        samples[l] = lane_of(block->lanes, eq->rows[rows[l]].lane);

    gather_group(eq, rows, num_rows, num_sections, scratch->sections);
    /*
     * Asked of the whole step, not of this group: the compiler may fuse products
     * and sums otherwise here and there, and the number of threads must not show.
     */
    if (block->num_running <= MAX_CHAINS) {
        run_chains(scratch->sections, num_sections, samples, num_rows, block->num_frames);
        scatter_state(eq, rows, num_rows, scratch->sections);
        return;
    }
    memset(scratch->tile, 0, TILE_FRAMES * sizeof *scratch->tile);
    real *tile = (real *)scratch->tile;
    for (uint32_t at = 0; at < block->num_frames; at += TILE_FRAMES) {
        uint32_t count = block->num_frames - at < TILE_FRAMES ? block->num_frames - at : TILE_FRAMES;
        load_tile(samples, num_rows, at, count, tile);
        filter_tile(scratch->sections, num_sections, scratch->tile, count);
        store_tile(tile, num_rows, at, count, samples);
    }
    scatter_state(eq, rows, num_rows, scratch->sections);
}

static void run_group_flushed(void *user, uint32_t index, uint32_t thread)
{
    flush_state before = flush_denormals();
    run_group(user, index, thread);
    restore_denormals(before);
}

void MXD_CPU(mxd_eq_run)(cpu_eq *eq, mxd_threads *threads, const cpu_lanes *lanes, uint32_t num_frames,
                         const mxd_step_run *run)
{
    memset(eq->runs, 0, eq->num_rows * sizeof *eq->runs);
    for (uint32_t i = 0; i < run->num_rows; i++) {
        const eq_row *row = &eq->rows[run->rows[i]];
        eq->runs[run->rows[i]] = true;
        if (run->restart && run->restart[i])
            memset(row->state, 0, STATE_REALS * row->num_sections * sizeof *row->state);
    }
    uint32_t num_running = 0;
    for (uint32_t i = 0; i < eq->num_rows; i++)
        if (eq->runs[eq->order[i]])
            eq->running[num_running++] = eq->order[i];
    if (num_running == 0)
        return;
    /* A group that is not full costs as much as a full one; but fewer chains side by side are longer ones. */
    uint32_t num_groups = (num_running + VEC_LANES - 1) / VEC_LANES;
    if (num_running <= MAX_CHAINS)
        num_groups = num_running < eq->num_threads ? num_running : eq->num_threads;
    eq_block block = {eq, lanes, num_frames, num_running, num_groups};
    mxd_threads_run(threads, num_groups, run_group_flushed, &block);
}
