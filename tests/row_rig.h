/* One case of row_cases.h on one backend. The same seed gives the same case everywhere, however its blocks are cut. */
#ifndef MXD_ROW_RIG_H
#define MXD_ROW_RIG_H

#include "row_cases.h"

typedef struct row_rig row_rig;

/*
 * block_frames: how the signal is cut; the case's own, a smaller power of two
 * (256 or more), or, where no row restarts or pauses, a larger one. guards:
 * every lane lies between two that nothing may write. threads, device: as in
 * mxd_backend_params. NULL on failure, with the reason in problems. Free with
 * row_rig_destroy.
 */
row_rig *row_rig_create(const row_case *test, uint64_t seed, uint32_t block_frames, bool guards,
                        mxd_backend_creator *creator, uint32_t threads, uint32_t device, mxd_problems *problems);
/* Accepts NULL. */
void row_rig_destroy(row_rig *rig);
mxd_backend *row_rig_backend(const row_rig *rig);

/* Of all rows. */
uint32_t row_case_num_outputs(const row_case *test);

/*
 * Runs the whole signal. outputs: row_case_num_outputs x num_frames; a row that
 * pauses leaves its outputs of that time 0. *lanes_hold: whether guard lanes kept
 * their pattern to the bit, and inputs (where the case is not in place) theirs.
 */
mxd_result row_rig_run(row_rig *rig, float *outputs, bool *lanes_hold);

/* For benchmarks: the first block_frames frames as one block again (state goes on), waited for. */
mxd_result row_rig_repeat(row_rig *rig);

#endif
