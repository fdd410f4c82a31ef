/*
 * What every kernel of host/kernels is given on the device; rows.glsl has the
 * functions by which a kernel reads it.
 */
#ifndef MXD_SHADERS_ROWS_H
#define MXD_SHADERS_ROWS_H

#include "types.h"

#define MXD_ROWS_BINDING_LANES 0
#define MXD_ROWS_BINDING_STATES 1
#define MXD_ROWS_BINDING_ROWS 2
#define MXD_ROWS_BINDING_INDICES 3 /* of each row: its inputs' lanes, its outputs', its settings */
#define MXD_ROWS_BINDING_VALUES 4  /* of rows whose values are at rest */
#define MXD_ROWS_BINDING_RUNS 5
#define MXD_ROWS_BINDING_POINTS 6  /* of rows whose values move: the same memory as runs */
#define MXD_ROWS_NUM_BINDINGS 7

#define MXD_ROWS_GRID 32  /* MXD_VALUE_GRID of host/kernels/kernel.h */
#define MXD_ROWS_SPAN 128 /* frames, of which each dispatch but a block's last has a multiple (without tiles) */

struct mxd_rows_row_data {
    mxd_u32 first_index; /* in indices: inputs, outputs, settings */
    mxd_u32 num_inputs;
    mxd_u32 num_outputs;
    mxd_u32 first_state;
    mxd_u32 num_state;
    mxd_u32 first_value; /* in values, where they are at rest */
    mxd_u32 num_values;
    mxd_u32 moves;       /* != 0: they come with the run */
};

/* One row that runs in this block. */
struct mxd_rows_run_data {
    mxd_u32 row;
    mxd_u32 position;    /* frames since it started, modulo 2^32, at the block's first frame */
    mxd_u32 num_runs;    /* blocks since it started, modulo 2^32 */
    mxd_u32 first_point; /* in points, where its values move: [point][num_values] */
};

struct mxd_rows_push {
    mxd_u32 first_run;   /* index of workgroup 0's entry in runs */
    mxd_u32 lane_floats; /* length of a lane */
    mxd_u32 first_frame; /* of this dispatch; a multiple of the tile, where there are tiles */
    mxd_u32 end_frame;
    mxd_u32 num_frames;  /* of the block */
    mxd_u32 tile_frames; /* of one workgroup (its y); 0 = it takes the whole dispatch */
};

#endif
