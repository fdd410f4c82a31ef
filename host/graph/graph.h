/*
 * A session as a graph of lanes and operations, and as steps on a backend.
 *
 *   graph.c     session -> chains, operations, mixes (virtual lanes)
 *   stems.c     each strip's contribution to a layout, as a mix of its own
 *   builder.c   what inserts call to add operations
 *   fold.c      convolvers whose outputs are mixed with constant gains become one, with
 *               fold_lines.c (which sums go where), fold_rows.c (the rows), fold_responses.c
 *   schedule.c  depths, batches, physical lanes; makes the backend's steps
 *   block.c     one block: which rows run, which edges there are, with what gains
 *
 * A *chain* is a strip's inserts (or a deliverable's): the unit of silence. It is
 * active in a block if its input is, or was within its tail; then all of its
 * operations run, else none. A *mix* is a set of lanes fed by routes: a bus's
 * input, a layout's loudspeakers, an insert's wet and dry. A *route* goes from
 * one lane to some lanes of one mix, by gains that may move. A *fold* is a chain
 * that stands for the convolvers of several: active while any of them is.
 */
#ifndef MXD_GRAPH_GRAPH_H
#define MXD_GRAPH_GRAPH_H

#include "../backend.h"
#include "../effects/effect.h"
#include "../hosted/hosted.h"
#include "../scene/panner.h"
#include "../session/session.h"
#include "../threads.h"
#include "builder.h"

#define MXD_NO_INDEX UINT32_MAX

typedef enum mxd_route_kind {
    MXD_ROUTE_FIXED,  /* fixed[output] */
    MXD_ROUTE_PAN,    /* moves between outputs 0 (left) and 1 (right) of `pair` */
    MXD_ROUTE_OBJECT, /* a BS.2127 object */
    MXD_ROUTE_MAPPED  /* by the values of an insert, which move; one output */
} mxd_route_kind;

typedef struct mxd_route {
    mxd_route_kind kind;
    uint32_t lane;                    /* virtual */
    uint32_t chain;                   /* where the lane leaves; MXD_NO_INDEX never */
    bool folded;                      /* what it carried comes by a fold: it feeds the mix, but has no edges */
    double gain;                      /* of what does not move */
    const mxd_automation **levels;    /* of what moves: the fader, its groups, the send; the array is owned */
    uint32_t num_levels;
    double *fixed;                    /* FIXED: one an output; owned */
    const mxd_automation *pan;        /* PAN */
    uint32_t pair[2];                 /* PAN: outputs that are left and right; one and the same in mono */
    uint32_t channel;                 /* PAN: 0 or 1 of num_channels */
    uint32_t num_channels;            /* PAN: 1 = sine/cosine law, 2 = balance */
    const mxd_object *object;         /* OBJECT */
    const mxd_panner *panner;         /* OBJECT */
    const mxd_insert *insert;         /* MAPPED */
    mxd_gain_map *map;                /* MAPPED */
    uint32_t map_index;
} mxd_route;

typedef struct mxd_mix {
    uint32_t chain;                   /* the chain that it feeds or belongs to; MXD_NO_INDEX: a layout's */
    uint32_t latency;                 /* frames by which what it mixes is late */
    bool is_stem;                     /* one strip's part of a layout's mix */
    uint32_t *lanes;                  /* virtual outputs; in a stem's MXD_NO_INDEX where no route ever leads */
    uint32_t num_lanes;
    mxd_route *routes;
    uint32_t num_routes;
    uint32_t route_capacity;
} mxd_mix;

typedef enum mxd_operation_kind {
    MXD_OPERATION_EQ,
    MXD_OPERATION_CONVOLVE,
    MXD_OPERATION_MIX,
    MXD_OPERATION_ROW,
    MXD_OPERATION_HOST
} mxd_operation_kind;

/*
 * A row of a kernel of kernels/kernel.h, and where its values come from. A hosted
 * insert is one too, of no kernel and without values.
 */
typedef struct mxd_row_operation {
    mxd_kernel_id kernel;
    uint32_t *lanes;                  /* virtual: inputs, then outputs; owned, as the arrays below */
    uint32_t num_inputs, num_outputs;
    uint32_t *settings;
    uint32_t num_values;
    double *values;                   /* where they are at rest; else NULL */
    const mxd_insert *insert;
    mxd_row_map *map;
    uint32_t index;
    double beats_a_cycle;
    double (*rate_hz)(const void *params, const double *values);
    uint64_t cycles_frame;            /* while rendering: where the oscillator was summed up to, ... */
    double cycles;                    /* ... and how far it had come */
    double *points;                   /* where the block's values go; not owned */
} mxd_row_operation;

/* An insert that runs on the host. Its lanes lie there in rooms [lane][frame], given by whoever runs it. */
typedef struct mxd_host_operation {
    mxd_hosted_creator *create;
    float **inputs;                   /* one a lane; not owned */
    float **outputs;
    bool runs;                        /* in the part of the block that was made last, */
    bool restart;                     /* and anew */
} mxd_host_operation;

typedef struct mxd_operation {
    mxd_operation_kind kind;
    uint32_t chain;
    uint32_t latency;                 /* frames by which what it reads is late */
    uint32_t depth;
    uint32_t lane;                    /* EQ */
    mxd_svf *sections;                /* EQ, owned */
    uint32_t num_sections;
    mxd_convolve_row convolve;        /* CONVOLVE: arrays owned, virtual lanes */
    uint32_t mix;                     /* MIX: index */
    mxd_row_operation row;            /* ROW, HOST */
    mxd_host_operation host;          /* HOST */
} mxd_operation;

/* Where one input of a fold's row comes from. */
typedef struct mxd_fold_input {
    uint32_t chain;                   /* straight from a lane of this chain, */
    uint32_t mix;                     /* or from this mix in front of the row; the other is MXD_NO_INDEX */
} mxd_fold_input;

typedef struct mxd_chain {
    const char *name;                 /* for descriptions; not owned */
    const mxd_track *track;           /* what feeds it: a track's clips, ... */
    uint32_t input_mix;               /* ... or a mix; MXD_NO_INDEX for a track */
    uint32_t lanes[MXD_MAX_CHANNELS]; /* what leaves; virtual */
    uint32_t num_lanes;
    uint32_t first_lane;              /* a track's: first virtual lane filled by its clips */
    uint32_t first_source_lane;       /* its index among all source lanes */
    uint32_t num_source_lanes;
    uint32_t start_latency;           /* frames by which what enters it is late; a track's clips play so much later */
    uint32_t latency;                 /* what leaves it */
    uint32_t num_keys;                /* mixes of side-chains: while one is fed the chain runs */
    uint32_t *key_mixes;              /* owned */
    uint64_t hold_frames;             /* how long it keeps what has entered: latency, shifts behind it, detectors */
    uint64_t tail_frames;
    uint64_t end_frame;               /* when the last of it has rung out; 0 = never sounds */
    uint64_t history_frames;          /* how far back what leaves it depends on its input's clips */
    mxd_fold_input *fold_inputs;      /* a fold's: one an input of its row; owned */
    uint32_t num_fold_inputs;         /* 0: it is no fold */
    /* While rendering: */
    uint64_t sounds_until;            /* frame at which the tail of the last input ends */
    bool fed;                         /* its clips or its feeders sound in this block */
    bool active;                      /* it is fed, or its tail sounds */
    bool restart;                     /* it was inactive in the block before */
} mxd_chain;

/* A deliverable of the render: the lanes to be downloaded. */
typedef struct mxd_output {
    const mxd_deliverable *deliverable;
    uint32_t index;                   /* in the session: keys its dither */
    uint32_t chain;                   /* its inserts; MXD_NO_INDEX = none */
    uint32_t mix;                     /* where its lanes come from if it has no inserts */
    uint32_t lanes[MXD_MAX_LAYOUT_CHANNELS];
} mxd_output;

/* What one strip gives a layout: downloaded too. */
typedef struct mxd_stem {
    const mxd_strip *strip;
    const mxd_layout *layout;
    uint32_t mix;                     /* MXD_NO_INDEX = it never sounds */
    uint32_t outputs[MXD_MAX_LAYOUT_CHANNELS]; /* each channel's lane in the block's outputs; MXD_NO_INDEX: silence */
} mxd_stem;

typedef struct mxd_step {
    mxd_operation_kind kind;
    mxd_kernel_id kernel;             /* ROW */
    uint32_t backend_step;
    uint32_t *operations;             /* rows: indices into operations */
    uint32_t num_operations;
} mxd_step;

typedef struct mxd_lane {
    uint32_t depth;                   /* of the last operation that wrote it */
    uint32_t read_depth;              /* of the deepest that reads it: who changes it in place later lies deeper */
    uint32_t first_depth;             /* when it is first written */
    uint32_t last_depth;              /* when it is last read or written; MXD_NO_INDEX = downloaded */
    uint32_t physical;
} mxd_lane;

typedef struct mxd_layout_panner {
    const mxd_layout *layout;
    mxd_panner *panner;
    uint32_t mix;                     /* the mix of its loudspeakers */
} mxd_layout_panner;

typedef struct mxd_graph {
    const mxd_session *session;
    mxd_lane *lanes;
    uint32_t num_lanes, lane_capacity;
    mxd_operation *operations;
    uint32_t num_operations, operation_capacity;
    mxd_mix *mixes;
    uint32_t num_mixes, mix_capacity;
    mxd_chain *chains;                /* each after those that feed it: strips, deliverables' inserts; then folds */
    uint32_t num_chains, chain_capacity;
    uint32_t num_folds;
    mxd_output *outputs;
    uint32_t num_outputs;
    mxd_stem *stems;                  /* of one layout after another: tracks, then buses, in the session's order */
    uint32_t num_stems;
    uint32_t stems_per_layout;
    uint32_t num_stem_lanes;          /* of the block's outputs, behind the deliverables' */
    mxd_layout_panner *layouts;
    uint32_t num_layouts;
    uint64_t end_frame;               /* of the session: length_s, or when the last tail has rung out */
    uint64_t history_frames;          /* how far before --from a render must begin */
    uint32_t latency;                 /* frames by which the outputs are late */
    struct mxd_shifted *shifts;       /* lanes delayed to meet others; owned */
    uint32_t num_shifts, shift_capacity;
    uint32_t num_source_lanes;
    /* schedule.c: */
    uint32_t num_hosted;              /* HOST operations */
    uint32_t num_hosted_lanes;        /* their inputs and outputs */
    uint32_t num_physical_lanes;
    mxd_step *steps;
    uint32_t num_steps;
    struct mxd_block_arrays *arrays;  /* block.c's */
    mxd_threads *threads;             /* that share out rows whose values move */
} mxd_graph;

typedef enum mxd_folding {
    MXD_FOLD_NONE,       /* for tests: every convolver is a row of its own */
    MXD_FOLD_TRANSFORMS, /* as far as it saves transforms and costs no products: for a GPU, where products bind */
    MXD_FOLD_BY_COST     /* also where the transforms saved outweigh the products' further outputs, on a CPU */
} mxd_folding;

/*
 * Builds the graph of the chosen deliverables (indices into the session's);
 * stems: with the stems of their layouts. Errors: MXD_ERROR_MEMORY; MXD_ERROR_INVALID with problems. The session must
 * outlive it. Free with mxd_graph_destroy.
 */
mxd_result mxd_graph_create(const mxd_session *session, const uint32_t *deliverables, uint32_t num_deliverables,
                            mxd_folding folding, bool stems, mxd_problems *problems, mxd_graph **graph);
/* Accepts NULL. */
void mxd_graph_destroy(mxd_graph *graph);

/* Finds depths, batches operations into steps and assigns physical lanes. Sets num_physical_lanes and steps. */
mxd_result mxd_graph_schedule(mxd_graph *graph);

/*
 * Makes the graph's steps on a backend whose blocks have block_frames frames, and what mxd_graph_block needs, which
 * works on num_threads threads (0 = all cores).
 */
mxd_result mxd_graph_attach(mxd_graph *graph, mxd_backend *backend, uint32_t block_frames, uint32_t num_threads);

/*
 * Fills `block` with what the block at first_frame runs (which is graph->latency
 * frames ahead of the session's frames in the outputs): uploads (sources, one a
 * source lane, say with what; frames NULL on all lanes of a track that is silent;
 * their .lane is set here), runs, and downloads into outputs, [output lane][block_frames] in the
 * order of graph->outputs, then of graph->stems. Deliverables' lanes that are
 * silent are zeroed here instead; stem_sounds, one a stem, tells which of those
 * have anything: the lanes of the others are left as they are. Blocks come in
 * order. The arrays belong to the graph, until the next call.
 */
void mxd_graph_block(mxd_graph *graph, uint64_t first_frame, uint32_t num_frames, const mxd_upload *sources,
                     float *outputs, bool *stem_sounds, mxd_block *block);

/*
 * Where inserts run on the host, a block comes in parts: block->more tells that
 * operations of kind HOST (host.runs) are to run on their rooms once this part is
 * done. Then this fills `block` with the next part, which begins with what they
 * wrote. Only blocks that are handed over whole can do without.
 */
void mxd_graph_next_part(mxd_graph *graph, mxd_block *block);

/* The first of the graph->stems_per_layout stems of a layout; NULL = there are none. */
const mxd_stem *mxd_graph_stems_of(const mxd_graph *graph, const mxd_layout *layout);

/* Lanes of the block's outputs: channels of all deliverables, and of their stems where anything reaches them. */
uint32_t mxd_graph_output_lanes(const mxd_graph *graph);

/* Bytes of host memory that attach takes for blocks of that size; UINT64_MAX: more than there are indices for. */
uint64_t mxd_graph_array_bytes(const mxd_graph *graph, uint32_t block_frames);

/* graph.c, for builder.c and fold.c: append with growth; NULL or MXD_NO_INDEX when memory runs out. */
uint32_t mxd_graph_add_lane(mxd_graph *graph);
mxd_operation *mxd_graph_add_operation(mxd_graph *graph, mxd_operation_kind kind, uint32_t chain);
uint32_t mxd_graph_add_mix(mxd_graph *graph, uint32_t chain, uint32_t num_lanes);
/* The same with fresh lanes. */
uint32_t mxd_graph_add_mix_with_lanes(mxd_graph *graph, uint32_t chain, uint32_t num_lanes);
uint32_t mxd_graph_add_chain(mxd_graph *graph);
/* FIXED, with gain 1 and all of fixed[] 0. */
mxd_route *mxd_graph_add_route(mxd_graph *graph, uint32_t mix);
/* One more level that moves. False when memory runs out. */
bool mxd_route_add_level(mxd_route *route, const mxd_automation *level);
/* To be called when a mix has all its routes: delays what comes too early for it, and adds its operation. */
mxd_result mxd_graph_close_mix(mxd_graph *graph, uint32_t mix);
/* Frees what it owns. */
void mxd_operation_finish(mxd_operation *operation);

#endif
