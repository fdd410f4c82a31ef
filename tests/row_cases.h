/*
 * Cases of the kernels of host/kernels, which test_rows and bench_kernels run:
 * tests/cases/NAME.c has those of kernel NAME. test_rows runs every case on every
 * backend against reference: in blocks of block_frames and of other sizes, with
 * guard lanes around every lane; the same seed gives the same case everywhere.
 */
#ifndef MXD_ROW_CASES_H
#define MXD_ROW_CASES_H

#include "host/backend.h"
#include "signals.h"

enum {
    ROW_CASE_MOVES = 1,    /* values come with each block */
    ROW_CASE_RESTARTS = 2, /* some rows restart in some blocks */
    ROW_CASE_PAUSES = 4,   /* some rows do not run in some blocks */
    ROW_CASE_IN_PLACE = 8  /* output i is input i */
};

typedef struct row_case {
    const char *name;
    mxd_kernel_id kernel;
    signal_id signal;
    double level_db;          /* of the signal; 0 = full scale */
    uint32_t block_frames;
    uint32_t num_frames;      /* the whole signal */
    uint32_t num_rows, num_inputs, num_outputs;
    uint32_t flags;
    /* Fills the row's settings, and its values at a frame of the signal (at rest: at frame 0); row 0..num_rows-1. */
    void (*settings)(uint32_t row, uint32_t *settings);
    void (*values)(uint32_t row, uint64_t frame, double *values); /* NULL: the kernel has none */
    double tolerance_db;      /* peak error against reference, relative to the reference's peak, or to full scale where the peak is below it */
    const char *why;          /* where the tolerance is above -120: the reason */
} row_case;

/* What each tests/cases/NAME.c defines for its kernel. Bench cases: one block each, as in real sessions. */
typedef struct row_cases {
    const row_case *test;
    size_t num_test;
    const row_case *bench;
    size_t num_bench;
} row_cases;

#define ROW_CASES_DECLARATION(NUMBER, name) extern const row_cases row_cases_of_##name;
MXD_KERNELS(ROW_CASES_DECLARATION)
#undef ROW_CASES_DECLARATION

#endif
