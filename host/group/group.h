/*
 * What the files of this folder share: which member each row lives on
 * (place.c), what each member does in a block (plan.c), the table of functions
 * (backend.c).
 */
#ifndef MXD_GROUP_GROUP_H
#define MXD_GROUP_GROUP_H

#include "../backend.h"
#include "../threads.h"

#define MXD_GROUP_NONE UINT32_MAX

/* ---- Where rows live (place.c) ------------------------------------------- */

/*
 * Made up while steps are added. It only guesses where lanes will be: plan.c
 * follows every lane, so that a bad guess costs transfers and nothing else.
 */
typedef struct mxd_group_places {
    uint32_t num_members;
    uint32_t num_lanes;
    double loads[MXD_MAX_GROUP]; /* cost of each member's rows */
    uint32_t *homes;             /* [lane]: the member of its first row; NONE = no row yet */
    uint32_t *owners;            /* [lane]: the member of the newest row that reads or writes it */
    double *waiting;             /* [lane]: cost of eq rows whose member a later row decides */
} mxd_group_places;

/* False when memory runs out. */
bool mxd_group_places_init(mxd_group_places *places, uint32_t num_members, uint32_t num_lanes);
void mxd_group_places_finish(mxd_group_places *places);
/* The member of an eq row, or NONE: the lane's home, once that is known. */
uint32_t mxd_group_place_eq(mxd_group_places *places, const mxd_eq_row *row);
/* The member of each of the row's inputs: members[num_inputs]. All the same, but for large matrices. */
void mxd_group_place_convolve(mxd_group_places *places, const mxd_convolve_row *row, uint32_t *members);
/* The member of a row of a kernel of host/kernels. */
uint32_t mxd_group_place_row(mxd_group_places *places, mxd_kernel_id kernel, const mxd_kernel_row *row);
/* After the last step: every lane gets a home. */
void mxd_group_place_rest(mxd_group_places *places);

/* ---- Steps --------------------------------------------------------------- */

/* What one member does of a row: a row of its own step. */
typedef struct mxd_group_piece {
    uint32_t member;
    uint32_t row;            /* of the member's step */
    uint32_t first_input;    /* index into the step's lanes */
    uint32_t num_inputs;
    uint32_t first_output;   /* for eq the same as first_input */
    uint32_t num_outputs;
} mxd_group_piece;

typedef struct mxd_group_step {
    bool is_mix;
    uint32_t numbers[MXD_MAX_GROUP]; /* the members' numbers of the step; NONE where they have no row of it */
    /* All others: */
    uint32_t num_rows;
    uint32_t *first_pieces;          /* [row], and the end: a row's pieces */
    mxd_group_piece *pieces;
    uint32_t *lanes;
    uint32_t *input_numbers;         /* [as lanes] convolve: which input of the caller's row it is */
    uint32_t *num_inputs;            /* [row] convolve: of the caller's row */
    mxd_eq_row *eq_rows;             /* until prepare */
    mxd_svf *sections;
} mxd_group_step;

/* ---- Blocks (plan.c) ----------------------------------------------------- */

/*
 * Where a lane is while a block is planned. On the host: whole, and so on each
 * holder. Else the holders' lanes are to be added up; without a holder nobody
 * wrote it.
 */
typedef struct mxd_group_lane {
    uint32_t holders;        /* a bit a member */
    bool on_host;
    bool summed;             /* the host has it by a sum, not from the caller */
    uint32_t ready;          /* the phase from which on the host has it */
    mxd_upload upload;       /* how the host gives it */
} mxd_group_lane;

/* target = the sum of parts, in their order; parts[0] may be the target. */
typedef struct mxd_group_sum {
    float *target;
    const float *parts[MXD_MAX_GROUP];
    uint32_t num_parts;
    uint32_t ready;          /* the phase before which it is made */
} mxd_group_sum;

/* One member's share of a phase: what its lists have gained at its end. */
typedef struct mxd_group_part {
    uint32_t end_run;
    uint32_t end_upload;
    uint32_t end_download;
    bool is_awaited;         /* sums of later phases need its downloads */
} mxd_group_part;

typedef struct mxd_group_member {
    mxd_backend *backend;
    /* The block's lists, as far as they are planned: */
    uint32_t phase;          /* that runs go to */
    bool closed;             /* the phase ends with downloads: no run may follow them */
    uint32_t last_phase;     /* with anything in it */
    mxd_group_part *parts;   /* [phase] */
    mxd_step_run *runs;
    mxd_mix_run *mixes;
    uint32_t *rows;
    bool *restart;
    bool *rests;
    const double **values;   /* [as rows] */
    mxd_mix_output *outputs;
    mxd_mix_edge *edges;
    mxd_gain_point *points;
    mxd_upload *uploads;
    mxd_download *downloads;
    uint32_t num_runs, num_mixes, num_rows, num_rests, num_outputs, num_edges, num_points, num_uploads, num_downloads;
    /* The run that is being planned: */
    bool runs_now;
    uint32_t *wanted;        /* lanes */
    uint32_t num_wanted;
    uint64_t *wanted_by;     /* [lane]: the newest run that wanted it */
    uint64_t *touched;       /* [lane]: the newest phase of any block that used it (mxd_group.first_phase) */
    /* Under way: */
    uint64_t tickets[4];     /* oldest first */
    uint32_t num_tickets;
    uint64_t awaited;        /* ticket of the newest part that is_awaited */
} mxd_group_member;

/* A block in flight. */
typedef struct mxd_group_slot {
    float **buffers;                   /* of block_frames each; kept from block to block */
    uint32_t num_buffers, num_used, buffer_capacity;
    mxd_group_sum *sums;               /* that wait has to do */
    uint32_t num_sums, sum_capacity;
    uint64_t tickets[MXD_MAX_GROUP];   /* of the members' last parts; 0 = none */
    uint32_t num_frames;
} mxd_group_slot;

typedef struct mxd_group {
    mxd_backend base;
    mxd_threads *threads;              /* one a member */
    mxd_group_member members[MXD_MAX_GROUP];
    uint32_t num_members;
    uint32_t devices[MXD_MAX_GROUP];
    mxd_group_places places;
    mxd_group_step *steps;
    uint32_t num_steps, step_capacity;
    uint64_t num_row_inputs;           /* of all rows, piece by piece */
    uint64_t num_sum_lanes;            /* most lanes of a block that several members may write */
    uint64_t num_mix_outputs, num_mix_edges, num_mix_points; /* most of a block */
    mxd_group_lane *lanes;
    mxd_group_sum *sums;               /* that submit has to do */
    uint32_t num_sums;
    uint64_t first_phase;              /* the number, among the phases of all blocks, of this block's first */
    uint64_t num_runs;                 /* planned so far, in all blocks */
    uint32_t num_phases;
    uint32_t output_capacity, edge_capacity, point_capacity, download_capacity; /* of each member's list */
    mxd_group_slot slots[4];
    uint64_t num_blocks;
    double sum_s;
    uint64_t sum_lane_frames;
    bool failed;
} mxd_group;

/* Makes the lists, when all steps are there. */
mxd_result mxd_group_plan_prepare(mxd_group *group);
void mxd_group_plan_finish(mxd_group *group);
/* Fills the members' lists, group->sums and the slot's sums. Submits nothing. */
mxd_result mxd_group_plan(mxd_group *group, const mxd_block *block, mxd_group_slot *slot);
/* Bytes of the lists and of the slots' buffers, as they will be once a few blocks have gone through. */
uint64_t mxd_group_plan_memory(const mxd_group *group);

#endif
