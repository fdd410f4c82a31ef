/*
 * The cases that both test_kernels and bench_kernels run: what a step is made
 * of, sizes, signals. A rig is one case on one backend; the same seed gives the
 * same case on every backend.
 */
#ifndef MXD_KERNEL_CASES_H
#define MXD_KERNEL_CASES_H

#include "host/backend.h"
#include "signals.h"

typedef enum kernel_id { KERNEL_EQ, KERNEL_CONVOLVE, KERNEL_MIX, NUM_KERNELS } kernel_id;

enum {
    CASE_VARIED = 1,   /* rows differ in size */
    CASE_RESTARTS = 2, /* some rows restart in some blocks */
    CASE_PAUSES = 4,   /* some rows do not run in some blocks */
    CASE_GAPS = 8,     /* the middle third of each response is silent */
    CASE_JUMPS = 16,   /* curves of a mix jump */
    CASE_DENSE = 32,   /* each input has its own responses; otherwise those of an output are one */
    CASE_SHARED = 64,  /* a row has one response, each cell its own gain */
    CASE_RESTS = 128   /* some inputs of a convolver rest in some blocks, with noise on their lanes */
};

typedef struct kernel_case {
    const char *name;
    kernel_id kernel;
    signal_id signal;
    uint32_t block_frames;
    uint32_t num_frames;   /* the whole signal */
    uint32_t num_rows;     /* eq, convolve */
    uint32_t num_inputs;   /* convolve: of a row; mix */
    uint32_t num_outputs;  /* the same */
    uint32_t size;         /* eq: sections; convolve: frames of a response; mix: frames between points, 0 = constant */
    uint32_t delay_frames; /* convolve: of every second cell */
    uint32_t flags;
} kernel_case;

extern const kernel_case kernel_test_cases[];
extern const size_t num_kernel_test_cases;
/* One block each, at the sizes of real sessions. */
extern const kernel_case kernel_bench_cases[];
extern const size_t num_kernel_bench_cases;

const char *kernel_name(kernel_id kernel);
/* Lanes that the case writes. */
uint32_t kernel_case_num_outputs(const kernel_case *test);
/* Sums that one output is made of, for tolerances: sections, 1, or edges. */
uint32_t kernel_case_depth(const kernel_case *test);

typedef struct kernel_rig kernel_rig;

/*
 * threads, device: as in mxd_backend_params. NULL on failure, with the reason
 * in problems. Free with kernel_rig_destroy.
 */
kernel_rig *kernel_rig_create(const kernel_case *test, uint64_t seed, mxd_backend_creator *creator, uint32_t threads,
                              uint32_t device, mxd_problems *problems);
/* Accepts NULL. */
void kernel_rig_destroy(kernel_rig *rig);
mxd_backend *kernel_rig_backend(const kernel_rig *rig);

/*
 * Runs the whole signal. outputs: kernel_case_num_outputs x num_frames. A row
 * that pauses leaves its outputs of that block unwritten (0). Blocks lie in
 * lanes that are kept apart by guard lanes; *guards_hold tells whether these
 * kept their pattern to the bit. May be NULL.
 */
mxd_result kernel_rig_run(kernel_rig *rig, float *outputs, bool *guards_hold);

/* For benchmarks: one block of block_frames again (state goes on), waited for. */
mxd_result kernel_rig_repeat(kernel_rig *rig);

/* What the rig is made of, for tests that compute the truth by themselves. */
const float *kernel_rig_input(const kernel_rig *rig, uint32_t input);
const mxd_eq_row *kernel_rig_eq_row(const kernel_rig *rig, uint32_t row);
const mxd_convolve_row *kernel_rig_convolve_row(const kernel_rig *rig, uint32_t row);
/* The gain of the mix's edge at a frame of the signal. */
double kernel_rig_gain(const kernel_rig *rig, uint32_t output, uint32_t input, uint64_t frame);

#endif
