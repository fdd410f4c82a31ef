/*
 * The mix kernel: each output lane is a sum of input lanes times gains that move
 * linearly between points. Shared by mix.comp and host/vulkan.
 *
 * Gains are pairs of floats (value and what the value lost), products keep
 * their rounding error and so does the sum: the result is the exact sum rounded
 * once or nearly so, whatever the number of edges. The arithmetic hides
 * behind the reads of the input lanes on any real GPU: about 25 operations a
 * sample of 4 bytes. There is no variant in float64: where doubles run at half
 * the rate the reads bind both; where they run at a 32nd or 64th, two of them
 * (a product and a sum) cost more than the 25.
 */
#ifndef MXD_SHADERS_MIX_H
#define MXD_SHADERS_MIX_H

#include "types.h"

#define MXD_MIX_SAMPLES 4         /* consecutive samples an invocation: one vec4 */
#define MXD_MIX_MAX_WORKGROUP 256

#define MXD_MIX_BINDING_INPUTS 0
#define MXD_MIX_BINDING_OUTPUTS 1 /* the same buffer of lanes */
#define MXD_MIX_BINDING_MIXES 2
#define MXD_MIX_BINDING_EDGES 3
#define MXD_MIX_BINDING_POINTS 4
#define MXD_MIX_NUM_BINDINGS 5

struct mxd_mix_output_data {
    mxd_u32 lane;
    mxd_u32 first_edge; /* from push.first_edge */
    mxd_u32 num_edges;
    mxd_u32 unused;
};

struct mxd_mix_edge_data {
    mxd_u32 lane;
    mxd_u32 first_point; /* from push.first_point */
    mxd_u32 num_points;
    mxd_u32 unused;
};

/* From frame on, until the curve's next point: gain + gain_low + (slope + slope_low) (n - frame). */
struct mxd_mix_point_data {
    mxd_u32 frame;
    mxd_u32 next_frame; /* of the next point */
    float gain;
    float gain_low;
    float slope;        /* a frame */
    float slope_low;
    mxd_u32 unused0;
    mxd_u32 unused1;
};

struct mxd_mix_push {
    mxd_u32 first_output;
    mxd_u32 first_edge;
    mxd_u32 first_point;
    mxd_u32 lane_vec4s;  /* length of a lane / 4 */
    mxd_u32 first_frame; /* of this dispatch; a multiple of MXD_MIX_SAMPLES */
    mxd_u32 end_frame;
};

#endif
