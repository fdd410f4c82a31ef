/* Between the parts of folding: fold.c has the steps by their numbers, and what a source and a destination are. */
#ifndef MXD_GRAPH_FOLD_BUILD_H
#define MXD_GRAPH_FOLD_BUILD_H

#include "gain_list.h"
#include "graph.h"

typedef struct mxd_fold_source {
    uint32_t operation; /* in the old order */
    uint32_t output;
} mxd_fold_source;

/* Several convolvers may name copies of one response. */
typedef struct mxd_fold_response {
    const float *samples;
    uint32_t num_frames;
    uint64_t hash;
    uint32_t next;      /* in its bucket */
} mxd_fold_response;

#define MXD_FOLD_BUCKETS 1024u

typedef struct mxd_fold_build {
    mxd_graph *graph;
    mxd_folding folding;
    mxd_operation *operations;     /* in the old order; zeroed when moved */
    uint32_t num_operations;
    bool *folded;                  /* [operation] */
    uint32_t *ranks;               /* [operation] */
    uint32_t num_lanes;            /* before folding */
    bool *constant;                /* [lane] read by nothing but routes with constant gains */
    uint32_t *lane_ranks;
    uint32_t *read_ranks;          /* [lane] highest of what has read it: who changes it in place has no lower one */
    uint32_t *source_of;           /* [lane] */
    mxd_fold_source *sources;
    uint32_t num_sources;
    uint32_t num_destinations;
    uint32_t *first_destination;   /* [mix] */
    uint32_t *mix_of;              /* [destination] */
    mxd_gain_list *gains;          /* [source]: to destinations, ascending */
    mxd_fold_response *responses;
    uint32_t num_responses;
    uint32_t buckets[MXD_FOLD_BUCKETS];
} mxd_fold_build;

/*
 * Outputs of folds: each carries a sum of sources to destinations. Gains of `from` and of `to` multiply. Sources of
 * one rank at a time.
 */
typedef struct mxd_fold_lines {
    mxd_gain_list *from;  /* [line]: sources */
    mxd_gain_list *to;    /* [line]: destinations, ascending */
    uint32_t num_lines;
    uint32_t capacity;
} mxd_fold_lines;

/* fold_responses.c: lets all cells name one copy of each response, so that backends keep its spectra once. */
bool mxd_fold_share_responses(mxd_fold_build *b);
/* The response's number; the first convolver that named it gave it, whatever copies there are. */
uint32_t mxd_fold_number_response(mxd_fold_build *b, const float *samples, uint32_t num_frames);

/* fold_lines.c: steps 2 and 3. False when memory runs out; free with mxd_fold_lines_finish all the same. */
bool mxd_fold_find_lines(const mxd_fold_build *b, uint32_t rank, mxd_fold_lines *lines);
void mxd_fold_lines_finish(mxd_fold_lines *lines);

/*
 * fold_rows.c: step 4. row_of, one an operation: the smallest operation that it meets on some line, which is the
 * row's number.
 */
void mxd_fold_join_rows(const mxd_fold_build *b, const mxd_fold_lines *lines, uint32_t *row_of);
/* Whether the row takes fewer transforms than its convolvers; one that keeps as many outputs is left as it is. */
bool mxd_fold_row_pays(const mxd_fold_build *b, const mxd_fold_lines *lines, const uint32_t *row_of, uint32_t row);
/* Makes the row's fold, with the mixes in front of it (step 5) and the routes behind it. False when memory runs out. */
bool mxd_fold_add_row(mxd_fold_build *b, const mxd_fold_lines *lines, const uint32_t *row_of, uint32_t row);

#endif
