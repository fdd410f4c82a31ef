/*
 * The unpack kernel: fills lanes from samples as files hold them, interleaved
 * and packed. Shared by unpack.comp and host/vulkan.
 *
 * A lane's sample is the packed one as a float (an integer of 32 bits is rounded
 * to the nearest, ties to even; 16 and 24 bits fit), times gain / full scale,
 * which is a pair of floats (its value and what that lost), so that the product
 * is the one of doubles, rounded. Floats at a scale of 1 keep their bits.
 */
#ifndef MXD_SHADERS_UNPACK_H
#define MXD_SHADERS_UNPACK_H

#include "types.h"

#define MXD_UNPACK_SAMPLES 4 /* consecutive frames an invocation: one vec4 of the lane */
#define MXD_UNPACK_MAX_WORKGROUP 256
#define MXD_UNPACK_PADDING 4 /* bytes behind a page's last sample that may be read, and are not used */

#define MXD_UNPACK_BINDING_WORDS 0
#define MXD_UNPACK_BINDING_ITEMS 1
#define MXD_UNPACK_BINDING_LANES 2
#define MXD_UNPACK_NUM_BINDINGS 3

#define MXD_UNPACK_SILENCE 0
#define MXD_UNPACK_F32 1
#define MXD_UNPACK_S16 2
#define MXD_UNPACK_S24 3
#define MXD_UNPACK_S32 4

/* Consecutive frames of one lane. */
struct mxd_unpack_item_data {
    mxd_u32 lane;
    mxd_u32 first_frame; /* in the lane; a multiple of MXD_UNPACK_SAMPLES */
    mxd_u32 num_frames;
    mxd_u32 first_byte;  /* of the first sample, in words */
    mxd_u32 frame_bytes; /* from one sample of the channel to the next */
    mxd_u32 format;
    float scale;
    float scale_low;
};

struct mxd_unpack_push {
    mxd_u32 first_item;  /* of this dispatch, in items */
    mxd_u32 lane_vec4s;  /* length of a lane / 4 */
    mxd_u32 first_frame; /* of this dispatch, within each item; a multiple of MXD_UNPACK_SAMPLES */
};

#endif
