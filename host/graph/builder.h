/*
 * Where an insert emits its steps (effect.h's emit): it asks for lanes and adds
 * operations; the graph batches operations of one kernel at one depth into steps.
 * An operation sees what those before it left on its lanes, also where a later
 * one works in place; but what a convolver reads must not be changed in place
 * afterwards (its convolution may be put off and joined with others).
 */
#ifndef MXD_GRAPH_BUILDER_H
#define MXD_GRAPH_BUILDER_H

#include "../backend.h"

typedef struct mxd_graph_builder mxd_graph_builder;
struct mxd_hosted;
struct mxd_hosted_setup;

/* A fresh virtual lane. UINT32_MAX when memory runs out. */
uint32_t mxd_builder_lane(mxd_graph_builder *builder);

/*
 * What an insert's values are turned into for a kernel, at one moment. params is
 * the insert's; values are all its values at that moment, automation applied;
 * index is the row's or the edge's own, where several share a map. Called on the
 * submitting thread, for every 32nd frame where values move: it must be quick.
 */
typedef struct mxd_moment {
    uint64_t frame;  /* of the session, as the signal in the insert has it; its rate is the context's */
    double beats;    /* since frame 0, by the session's tempo */
    double bpm;
    double cycles;   /* of the row's oscillator since frame 0 */
} mxd_moment;
typedef void mxd_row_map(const void *params, const double *values, uint32_t index, const mxd_moment *moment,
                         double *row_values);
/* A gain (linear) of an edge, as above. */
typedef double mxd_gain_map(const void *params, const double *values, uint32_t index);

/* A row of a kernel of kernels/kernel.h. Arrays are copied. */
typedef struct mxd_builder_row {
    mxd_kernel_id kernel;
    const uint32_t *inputs;
    uint32_t num_inputs;
    const uint32_t *outputs;   /* may be inputs where the kernel works in place */
    uint32_t num_outputs;
    const uint32_t *settings;
    mxd_row_map *map;          /* NULL where the kernel has no values */
    uint32_t index;            /* for map */
    bool moves;                /* its values move without automation, too: by an oscillator or the tempo */
    /* Its oscillator, for mxd_moment.cycles: beats of one cycle, or where that is 0, cycles a second by the values. */
    double beats_a_cycle;
    double (*rate_hz)(const void *params, const double *values);
} mxd_builder_row;

mxd_result mxd_builder_row_add(mxd_graph_builder *builder, const mxd_builder_row *row);

/* Between which values one of the insert's stays over the session, automation included: for sizes and what never acts. */
void mxd_builder_bounds(const mxd_graph_builder *builder, uint32_t value, double *lowest, double *highest);
/* Whether one of the insert's values is automated. */
bool mxd_builder_moves(const mxd_graph_builder *builder, uint32_t value);

/*
 * Starts a hosted insert (hosted/hosted.h) for the params of an insert; the
 * setup's automated parameters are indices of its values.
 */
typedef mxd_result mxd_hosted_creator(const void *params, const struct mxd_hosted_setup *setup, mxd_problems *problems,
                                      struct mxd_hosted **hosted);

/*
 * Lanes through a hosted insert: lanes[] holds num_inputs on entry and num_outputs fresh ones on return. What is
 * automated of the insert comes to it run by run.
 */
mxd_result mxd_builder_host(mxd_graph_builder *builder, mxd_hosted_creator *create, uint32_t *lanes,
                            uint32_t num_inputs, uint32_t num_outputs);

/*
 * The lanes of the insert's side-chain, as many as the strip has channels that it
 * is taken from; 0 = it has none. They must not be written.
 */
uint32_t mxd_builder_key(mxd_graph_builder *builder, uint32_t lanes[MXD_MAX_ROW_LANES]);

/* A cascade on one lane, in place. Sections are copied. */
mxd_result mxd_builder_eq(mxd_graph_builder *builder, uint32_t lane, const mxd_svf *sections, uint32_t num_sections);

/* A matrix of responses from lanes to fresh lanes. Arrays are copied; responses must live as long as the session. */
mxd_result mxd_builder_convolve(mxd_graph_builder *builder, const mxd_convolve_row *row);

/* One input of a mix: its gain is gain * map(values), to the frame where automation moves it. */
typedef struct mxd_builder_edge {
    uint32_t input_lane;
    double gain;
    mxd_gain_map *map;         /* NULL: gain alone */
    uint32_t index;            /* for map */
} mxd_builder_edge;

/* output_lane = sum of edges; copied. output_lane is none of the inputs. */
mxd_result mxd_builder_mix(mxd_graph_builder *builder, uint32_t output_lane, const mxd_builder_edge *edges,
                           uint32_t num_edges);

#endif
