/*
 * The transform of fft.h. A polynomial modulo X^m - c is reduced modulo r
 * factors X^(m/r) - c_k, c_k = c^(1/r) w^k, w = e^(2 pi i / r): its r parts, part
 * q times c^(q/r), through a DFT of r points. Starting from c = i, passes of
 * radix 8 and 4 do this until each factor has four registers of coefficients;
 * all multipliers of a block are constants, so that a pass reads nothing but the
 * signal. There X is replaced by c^(1/m) X, which makes every leaf a plain DFT
 * of constant multipliers, all in registers, with two small transpositions. The
 * inverse is the same backwards, conjugate.
 *
 * Passes over more than the L1 cache go depth first. Angles are turns.
 */
#include "fft.h"
#include "kernels.h"
#include "simd.h"

#include <math.h>

#define TURN 6.28318530717958647692
#define MAX_PASSES 9u
/* Registers, and bins, of one leaf. */
#define LEAF_VECS 4u
#define LEAF (LEAF_VECS * VEC_LANES)
/* Bins whose passes are done one after another: half of an L1 cache of 32 KiB. */
#define CACHED_BINS (16384u / (2 * sizeof(real)))
/* Where registers are 32, an 8-point butterfly stays in them. */
#if VEC_BYTES == 64
#define LARGE_RADIX 8u
#else
#define LARGE_RADIX 4u
#endif

typedef struct cvec {
    vec re, im;
} cvec;

/* Multipliers that all leaves share; of each table the first one is 1 and left out. */
typedef struct leaf_constants {
    cvec twist[LEAF_VECS - 1]; /* by block of the leaf's first pass, by lane */
    cvec inner[LEAF_VECS - 1]; /* by block of the second, by lane */
} leaf_constants;

struct cpu_fft {
    uint32_t size_log2;
    uint32_t num_passes;
    uint32_t radices[MAX_PASSES];
    real *parts[MAX_PASSES];     /* for each block of the pass: c^(q/r), q = 1..r-1, real and imaginary part */
    real *lanes;                 /* for each leaf: c^(l/m), l by lane, a register of real and one of imaginary parts */
    real *leaf_parts;            /* for each leaf: as parts, r = LEAF_VECS */
    leaf_constants *constants;
    uint64_t memory;
};

/* ---- Tables -------------------------------------------------------------- */

/* By the nearest quarter: a smaller angle has a smaller rounding error. */
static void set_turns(double turns, real *re, real *im)
{
    long quarter = lround(4 * turns);
    double angle = TURN * (turns - (double)quarter / 4);
    real c = (real)cos(angle), s = (real)sin(angle);
    *re = quarter % 2 ? (quarter % 4 == 1 ? -s : s) : (quarter % 4 == 0 ? c : -c);
    *im = quarter % 2 ? (quarter % 4 == 1 ? c : -c) : (quarter % 4 == 0 ? s : -s);
}

static void set_lane(cvec *to, uint32_t lane, double turns)
{
    real re, im;
    set_turns(turns, &re, &im);
    to->re[lane] = re;
    to->im[lane] = im;
}

static void *allocate(cpu_fft *fft, size_t size)
{
    fft->memory += size;
    return MXD_CPU(mxd_aligned_zeros)(size);
}

static void choose_radices(cpu_fft *fft)
{
    uint32_t levels = fft->size_log2;
    for (uint32_t leaf = LEAF; leaf > 1; leaf /= 2)
        levels--;
    /*
     * Levels are 3 a + 2 b. The passes of radix 8 come last: a pass of radix 4 first
     * reads 8 lines of cache at a time that fall into one set, not 16.
     */
    uint32_t num_large = LARGE_RADIX == 8 ? levels / 3 : levels % 2;
    while ((levels - 3 * num_large) % 2 != 0)
        num_large--;
    uint32_t num_small = (levels - 3 * num_large) / 2;
    fft->num_passes = num_small + num_large;
    for (uint32_t i = 0; i < fft->num_passes; i++)
        fft->radices[i] = i < num_small ? 4 : 8;
}

static void fill_parts(real *to, uint32_t radix, double turns)
{
    for (uint32_t q = 1; q < radix; q++)
        set_turns(turns * q / radix, &to[2 * q - 2], &to[2 * q - 1]);
}

static void fill_constants(leaf_constants *constants)
{
    for (uint32_t k = 1; k < LEAF_VECS; k++)
        for (uint32_t l = 0; l < VEC_LANES; l++) {
            set_lane(&constants->twist[k - 1], l, (double)(k * l) / LEAF);
            set_lane(&constants->inner[k - 1], l, (double)(k * (l % 4)) / VEC_LANES);
        }
}

cpu_fft *MXD_CPU(mxd_fft_create)(uint32_t size_log2)
{
    cpu_fft *fft = calloc(1, sizeof *fft);
    if (!fft)
        return NULL;
    fft->size_log2 = size_log2;
    choose_radices(fft);
    uint32_t num_blocks = 1;
    size_t num_leaves = ((size_t)1 << size_log2) / LEAF;
    /* The angles of all blocks of a pass, and then of the next. */
    double *turns = malloc(num_leaves * sizeof *turns), *next = malloc(num_leaves * sizeof *next);
    fft->constants = allocate(fft, sizeof *fft->constants);
    fft->lanes = allocate(fft, num_leaves * 2 * VEC_BYTES);
    fft->leaf_parts = allocate(fft, num_leaves * 2 * (LEAF_VECS - 1) * sizeof(real));
    bool good = turns && next && fft->constants && fft->lanes && fft->leaf_parts;
    if (good)
        turns[0] = 0.25;
    for (uint32_t i = 0; good && i < fft->num_passes; i++) {
        uint32_t radix = fft->radices[i];
        fft->parts[i] = allocate(fft, (size_t)num_blocks * 2 * (radix - 1) * sizeof(real));
        if (!fft->parts[i]) {
            good = false;
            break;
        }
        for (uint32_t b = 0; b < num_blocks; b++) {
            fill_parts(fft->parts[i] + (size_t)b * 2 * (radix - 1), radix, turns[b]);
            for (uint32_t k = 0; k < radix; k++)
                next[b * radix + k] = (turns[b] + k) / radix;
        }
        double *swap = turns;
        turns = next;
        next = swap;
        num_blocks *= radix;
    }
    for (size_t b = 0; good && b < num_leaves; b++) {
        fill_parts(fft->leaf_parts + b * 2 * (LEAF_VECS - 1), LEAF_VECS, turns[b]);
        for (uint32_t l = 0; l < VEC_LANES; l++)
            set_lane((cvec *)fft->lanes + b, l, turns[b] * l / LEAF);
    }
    if (good)
        fill_constants(fft->constants);
    free(turns);
    free(next);
    if (!good) {
        MXD_CPU(mxd_fft_destroy)(fft);
        return NULL;
    }
    return fft;
}

void MXD_CPU(mxd_fft_destroy)(cpu_fft *fft)
{
    if (!fft)
        return;
    for (uint32_t i = 0; i < MAX_PASSES; i++)
        free(fft->parts[i]);
    free(fft->lanes);
    free(fft->leaf_parts);
    free(fft->constants);
    free(fft);
}

uint64_t MXD_CPU(mxd_fft_memory)(const cpu_fft *fft)
{
    return fft->memory;
}

/* ---- Butterflies --------------------------------------------------------- */

static inline cvec add(cvec a, cvec b)
{
    return (cvec){a.re + b.re, a.im + b.im};
}

static inline cvec subtract(cvec a, cvec b)
{
    return (cvec){a.re - b.re, a.im - b.im};
}

/* a + i b, a - i b */
static inline cvec add_turned(cvec a, cvec b)
{
    return (cvec){a.re - b.im, a.im + b.re};
}

static inline cvec subtract_turned(cvec a, cvec b)
{
    return (cvec){a.re + b.im, a.im - b.re};
}

static inline cvec multiply(cvec a, cvec b)
{
    return (cvec){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

/* a times the conjugate of b */
static inline cvec multiply_back(cvec a, cvec b)
{
    return (cvec){a.re * b.re + a.im * b.im, a.im * b.re - a.re * b.im};
}

static inline cvec scale(cvec a, real re, real im)
{
    return (cvec){a.re * re - a.im * im, a.re * im + a.im * re};
}

static inline cvec scale_back(cvec a, real re, real im)
{
    return (cvec){a.re * re + a.im * im, a.im * re - a.re * im};
}

/* DFTs of positive exponent; the conjugate ones have output r - k where these have k. */
static inline void dft4(cvec *a)
{
    cvec s02 = add(a[0], a[2]), d02 = subtract(a[0], a[2]);
    cvec s13 = add(a[1], a[3]), d13 = subtract(a[1], a[3]);
    a[0] = add(s02, s13);
    a[1] = add_turned(d02, d13);
    a[2] = subtract(s02, s13);
    a[3] = subtract_turned(d02, d13);
}

static inline void dft4_back(cvec *a)
{
    dft4(a);
    cvec swap = a[1];
    a[1] = a[3];
    a[3] = swap;
}

static inline void dft8(cvec *a)
{
    const real half = (real)0.70710678118654752440;
    cvec even[4] = {add(a[0], a[4]), add(a[1], a[5]), add(a[2], a[6]), add(a[3], a[7])};
    cvec odd0 = subtract(a[0], a[4]), odd2 = subtract(a[2], a[6]);
    cvec d1 = subtract(a[1], a[5]), d3 = subtract(a[3], a[7]);
    /* sqrt(1/2) of the eighth and three eighths of a turn is taken out and put into the last additions. */
    cvec t1 = {d1.re - d1.im, d1.re + d1.im};
    cvec t3 = {-d3.re - d3.im, d3.re - d3.im};
    cvec s = add(t1, t3), d = subtract(t1, t3);
    dft4(even);
    a[0] = even[0];
    a[2] = even[1];
    a[4] = even[2];
    a[6] = even[3];
    cvec p = add_turned(odd0, odd2), m = subtract_turned(odd0, odd2);
    a[1] = (cvec){p.re + half * s.re, p.im + half * s.im};
    a[5] = (cvec){p.re - half * s.re, p.im - half * s.im};
    a[3] = (cvec){m.re - half * d.im, m.im + half * d.re};
    a[7] = (cvec){m.re + half * d.im, m.im - half * d.re};
}

static inline __attribute__((always_inline)) void dft(cvec *a, uint32_t radix)
{
    if (radix == 8)
        dft8(a);
    else
        dft4(a);
}

/* ---- Passes -------------------------------------------------------------- */

/* One block of `size` bins; radix is a constant where this is inlined. */
static inline __attribute__((always_inline)) void pass_forward(real *data, size_t size, const real *parts,
                                                               uint32_t radix)
{
    size_t step = size / radix / VEC_LANES;
    cvec *bins = (cvec *)data;
    for (size_t j = 0; j < step; j++) {
        cvec a[8];
        a[0] = bins[j];
        for (uint32_t q = 1; q < radix; q++)
            a[q] = scale(bins[q * step + j], parts[2 * q - 2], parts[2 * q - 1]);
        dft(a, radix);
        for (uint32_t q = 0; q < radix; q++)
            bins[q * step + j] = a[q];
    }
}

static inline __attribute__((always_inline)) void pass_back(real *data, size_t size, const real *parts,
                                                            uint32_t radix)
{
    size_t step = size / radix / VEC_LANES;
    cvec *bins = (cvec *)data;
    for (size_t j = 0; j < step; j++) {
        cvec a[8];
        for (uint32_t q = 0; q < radix; q++)
            a[q] = bins[q * step + j];
        dft(a, radix);
        bins[j] = a[0];
        for (uint32_t q = 1; q < radix; q++)
            bins[q * step + j] = scale_back(a[radix - q], parts[2 * q - 2], parts[2 * q - 1]);
    }
}

/* The first pass: real parts from one half of the window, imaginary parts from the other. */
static inline __attribute__((always_inline)) void pass_first(const real *first, const real *second, real *data,
                                                             size_t size, const real *parts, uint32_t radix)
{
    size_t step = size / radix / VEC_LANES;
    const vec *re = (const vec *)first, *im = (const vec *)second;
    cvec *bins = (cvec *)data;
    for (size_t j = 0; j < step; j++) {
        cvec a[8];
        a[0] = (cvec){re[j], im[j]};
        for (uint32_t q = 1; q < radix; q++)
            a[q] = scale((cvec){re[q * step + j], im[q * step + j]}, parts[2 * q - 2], parts[2 * q - 1]);
        dft(a, radix);
        for (uint32_t q = 0; q < radix; q++)
            bins[q * step + j] = a[q];
    }
}

/* The last one: imaginary parts only. */
static inline __attribute__((always_inline)) void pass_last(const real *data, real *second, size_t size,
                                                            const real *parts, uint32_t radix)
{
    size_t step = size / radix / VEC_LANES;
    const cvec *bins = (const cvec *)data;
    vec *im = (vec *)second;
    for (size_t j = 0; j < step; j++) {
        cvec a[8];
        for (uint32_t q = 0; q < radix; q++)
            a[q] = bins[q * step + j];
        dft(a, radix);
        im[j] = a[0].im;
        for (uint32_t q = 1; q < radix; q++)
            im[q * step + j] = scale_back(a[radix - q], parts[2 * q - 2], parts[2 * q - 1]).im;
    }
}

static const real *parts_of(const cpu_fft *fft, uint32_t pass, size_t block)
{
    return fft->parts[pass] + block * 2 * (fft->radices[pass] - 1);
}

static void run_forward(const cpu_fft *fft, uint32_t pass, size_t block, real *data, size_t size)
{
    if (fft->radices[pass] == 8)
        pass_forward(data, size, parts_of(fft, pass, block), 8);
    else
        pass_forward(data, size, parts_of(fft, pass, block), 4);
}

static void run_back(const cpu_fft *fft, uint32_t pass, size_t block, real *data, size_t size)
{
    if (fft->radices[pass] == 8)
        pass_back(data, size, parts_of(fft, pass, block), 8);
    else
        pass_back(data, size, parts_of(fft, pass, block), 4);
}

/* ---- Leaves -------------------------------------------------------------- */

#if VEC_WIDTH >= 4
/* Lanes of two registers in groups of four, as indices 0-3 of the first one and 4-7 of the second one. */
#define LANE(i, group) ((i) < 4 ? (i) + 4 * (group) : (i) - 4 + VEC_WIDTH + 4 * (group))
#define LANES(i, j, k, l, group) LANE(i, group), LANE(j, group), LANE(k, group), LANE(l, group)
#if VEC_WIDTH == 4
#define GROUPS(a, b, i, j, k, l) __builtin_shufflevector(a, b, LANES(i, j, k, l, 0))
#elif VEC_WIDTH == 8
#define GROUPS(a, b, i, j, k, l) __builtin_shufflevector(a, b, LANES(i, j, k, l, 0), LANES(i, j, k, l, 1))
#else
#define GROUPS(a, b, i, j, k, l) \
    __builtin_shufflevector(a, b, LANES(i, j, k, l, 0), LANES(i, j, k, l, 1), LANES(i, j, k, l, 2), LANES(i, j, k, l, 3))
#endif

/* Within each group: register a, lane b becomes register b, lane a. */
static inline void transpose_vecs(vec *a0, vec *a1, vec *a2, vec *a3)
{
    vec t0 = GROUPS(*a0, *a1, 0, 4, 1, 5), t1 = GROUPS(*a0, *a1, 2, 6, 3, 7);
    vec t2 = GROUPS(*a2, *a3, 0, 4, 1, 5), t3 = GROUPS(*a2, *a3, 2, 6, 3, 7);
    *a0 = GROUPS(t0, t2, 0, 1, 4, 5);
    *a1 = GROUPS(t0, t2, 2, 3, 6, 7);
    *a2 = GROUPS(t1, t3, 0, 1, 4, 5);
    *a3 = GROUPS(t1, t3, 2, 3, 6, 7);
}

static inline void transpose(cvec *a)
{
    transpose_vecs(&a[0].re, &a[1].re, &a[2].re, &a[3].re);
    transpose_vecs(&a[0].im, &a[1].im, &a[2].im, &a[3].im);
}
#endif

#if VEC_WIDTH == 16
/* The same of whole groups: register a, group b becomes register b, group a. */
static inline void exchange_vecs(vec *a0, vec *a1, vec *a2, vec *a3)
{
    vec t0 = __builtin_shufflevector(*a0, *a1, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
    vec t1 = __builtin_shufflevector(*a0, *a1, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    vec t2 = __builtin_shufflevector(*a2, *a3, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
    vec t3 = __builtin_shufflevector(*a2, *a3, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    *a0 = __builtin_shufflevector(t0, t2, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
    *a1 = __builtin_shufflevector(t0, t2, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
    *a2 = __builtin_shufflevector(t1, t3, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
    *a3 = __builtin_shufflevector(t1, t3, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
}

static inline void exchange(cvec *a)
{
    exchange_vecs(&a[0].re, &a[1].re, &a[2].re, &a[3].re);
    exchange_vecs(&a[0].im, &a[1].im, &a[2].im, &a[3].im);
}

/* A DFT of 16 points over the lanes of each register. */
static inline void lanes_forward(cvec *a, const leaf_constants *constants)
{
    exchange(a);
    dft4(a);
    for (uint32_t k = 1; k < 4; k++)
        a[k] = multiply(a[k], constants->inner[k - 1]);
    transpose(a);
    dft4(a);
}

static inline void lanes_back(cvec *a, const leaf_constants *constants)
{
    dft4_back(a);
    transpose(a);
    for (uint32_t k = 1; k < 4; k++)
        a[k] = multiply_back(a[k], constants->inner[k - 1]);
    dft4_back(a);
    exchange(a);
}
#elif VEC_WIDTH == 8
/* The upper half of one register for the lower half of the other. */
static inline void exchange_halves(cvec *a, cvec *b)
{
    cvec low = {__builtin_shufflevector(a->re, b->re, 0, 1, 2, 3, 8, 9, 10, 11),
                __builtin_shufflevector(a->im, b->im, 0, 1, 2, 3, 8, 9, 10, 11)};
    cvec high = {__builtin_shufflevector(a->re, b->re, 4, 5, 6, 7, 12, 13, 14, 15),
                 __builtin_shufflevector(a->im, b->im, 4, 5, 6, 7, 12, 13, 14, 15)};
    *a = low;
    *b = high;
}

static inline void lanes_forward(cvec *a, const leaf_constants *constants)
{
    for (uint32_t i = 0; i < 4; i += 2) {
        exchange_halves(&a[i], &a[i + 1]);
        cvec difference = subtract(a[i], a[i + 1]);
        a[i] = add(a[i], a[i + 1]);
        a[i + 1] = multiply(difference, constants->inner[0]);
    }
    transpose(a);
    dft4(a);
}

static inline void lanes_back(cvec *a, const leaf_constants *constants)
{
    dft4_back(a);
    transpose(a);
    for (uint32_t i = 0; i < 4; i += 2) {
        cvec turned = multiply_back(a[i + 1], constants->inner[0]);
        a[i + 1] = subtract(a[i], turned);
        a[i] = add(a[i], turned);
        exchange_halves(&a[i], &a[i + 1]);
    }
}
#elif VEC_WIDTH == 4
static inline void lanes_forward(cvec *a, const leaf_constants *constants)
{
    (void)constants;
    transpose(a);
    dft4(a);
}

static inline void lanes_back(cvec *a, const leaf_constants *constants)
{
    (void)constants;
    dft4_back(a);
    transpose(a);
}
#else
static inline void lanes_forward(cvec *a, const leaf_constants *constants)
{
    (void)constants;
    for (uint32_t i = 0; i < 4; i += 2) {
        cvec even = {__builtin_shufflevector(a[i].re, a[i + 1].re, 0, 2),
                     __builtin_shufflevector(a[i].im, a[i + 1].im, 0, 2)};
        cvec odd = {__builtin_shufflevector(a[i].re, a[i + 1].re, 1, 3),
                    __builtin_shufflevector(a[i].im, a[i + 1].im, 1, 3)};
        a[i] = add(even, odd);
        a[i + 1] = subtract(even, odd);
    }
}

static inline void lanes_back(cvec *a, const leaf_constants *constants)
{
    (void)constants;
    for (uint32_t i = 0; i < 4; i += 2) {
        cvec even = add(a[i], a[i + 1]), odd = subtract(a[i], a[i + 1]);
        a[i] = (cvec){__builtin_shufflevector(even.re, odd.re, 0, 2), __builtin_shufflevector(even.im, odd.im, 0, 2)};
        a[i + 1] = (cvec){__builtin_shufflevector(even.re, odd.re, 1, 3),
                          __builtin_shufflevector(even.im, odd.im, 1, 3)};
    }
}
#endif

static void leaves_forward(const cpu_fft *fft, size_t first_leaf, size_t num_leaves, real *data)
{
    const leaf_constants constants = *fft->constants;
    const cvec *lanes = (const cvec *)fft->lanes + first_leaf;
    const real *parts = fft->leaf_parts + first_leaf * 2 * (LEAF_VECS - 1);
    cvec *bins = (cvec *)data;
    for (size_t i = 0; i < num_leaves; i++, bins += LEAF_VECS, parts += 2 * (LEAF_VECS - 1)) {
        cvec a[LEAF_VECS];
        a[0] = multiply(bins[0], lanes[i]);
        for (uint32_t q = 1; q < LEAF_VECS; q++)
            a[q] = multiply(bins[q], scale(lanes[i], parts[2 * q - 2], parts[2 * q - 1]));
        dft4(a);
        for (uint32_t k = 1; k < LEAF_VECS; k++)
            a[k] = multiply(a[k], constants.twist[k - 1]);
        lanes_forward(a, &constants);
        for (uint32_t q = 0; q < LEAF_VECS; q++)
            bins[q] = a[q];
    }
}

static void leaves_back(const cpu_fft *fft, size_t first_leaf, size_t num_leaves, real *data)
{
    const leaf_constants constants = *fft->constants;
    const cvec *lanes = (const cvec *)fft->lanes + first_leaf;
    const real *parts = fft->leaf_parts + first_leaf * 2 * (LEAF_VECS - 1);
    cvec *bins = (cvec *)data;
    for (size_t i = 0; i < num_leaves; i++, bins += LEAF_VECS, parts += 2 * (LEAF_VECS - 1)) {
        cvec a[LEAF_VECS];
        for (uint32_t q = 0; q < LEAF_VECS; q++)
            a[q] = bins[q];
        lanes_back(a, &constants);
        for (uint32_t k = 1; k < LEAF_VECS; k++)
            a[k] = multiply_back(a[k], constants.twist[k - 1]);
        dft4_back(a);
        bins[0] = multiply_back(a[0], lanes[i]);
        for (uint32_t q = 1; q < LEAF_VECS; q++)
            bins[q] = multiply_back(a[q], scale(lanes[i], parts[2 * q - 2], parts[2 * q - 1]));
    }
}

/* ---- Whole transforms ---------------------------------------------------- */

/* All passes from `pass` on, over one of its blocks, which has `size` bins. */
static void descend(const cpu_fft *fft, uint32_t pass, size_t block, real *data, size_t size)
{
    if (size > CACHED_BINS) {
        uint32_t radix = fft->radices[pass];
        run_forward(fft, pass, block, data, size);
        for (uint32_t k = 0; k < radix; k++)
            descend(fft, pass + 1, block * radix + k, data + 2 * k * (size / radix), size / radix);
        return;
    }
    size_t num_blocks = 1;
    for (; pass < fft->num_passes; pass++) {
        for (size_t b = 0; b < num_blocks; b++)
            run_forward(fft, pass, block + b, data + 2 * b * (size / num_blocks), size / num_blocks);
        block *= fft->radices[pass];
        num_blocks *= fft->radices[pass];
    }
    leaves_forward(fft, block, num_blocks, data);
}

static void ascend(const cpu_fft *fft, uint32_t pass, size_t block, real *data, size_t size)
{
    if (size > CACHED_BINS) {
        uint32_t radix = fft->radices[pass];
        for (uint32_t k = 0; k < radix; k++)
            ascend(fft, pass + 1, block * radix + k, data + 2 * k * (size / radix), size / radix);
        run_back(fft, pass, block, data, size);
        return;
    }
    size_t num_blocks = size / LEAF;
    leaves_back(fft, block * num_blocks, num_blocks, data);
    for (uint32_t p = fft->num_passes; p-- > pass;) {
        num_blocks /= fft->radices[p];
        for (size_t b = 0; b < num_blocks; b++)
            run_back(fft, p, block * num_blocks + b, data + 2 * b * (size / num_blocks), size / num_blocks);
    }
}

void MXD_CPU(mxd_fft_forward)(const cpu_fft *fft, const real *first, const real *second, real *spectrum)
{
    size_t size = (size_t)1 << fft->size_log2;
    uint32_t radix = fft->radices[0];
    if (radix == 8)
        pass_first(first, second, spectrum, size, fft->parts[0], 8);
    else
        pass_first(first, second, spectrum, size, fft->parts[0], 4);
    for (uint32_t k = 0; k < radix; k++)
        descend(fft, 1, k, spectrum + 2 * k * (size / radix), size / radix);
}

void MXD_CPU(mxd_fft_inverse)(const cpu_fft *fft, real *spectrum, real *second)
{
    size_t size = (size_t)1 << fft->size_log2;
    uint32_t radix = fft->radices[0];
    for (uint32_t k = 0; k < radix; k++)
        ascend(fft, 1, k, spectrum + 2 * k * (size / radix), size / radix);
    if (radix == 8)
        pass_last(spectrum, second, size, fft->parts[0], 8);
    else
        pass_last(spectrum, second, size, fft->parts[0], 4);
}
