/*
 * The equaliser's kernel: a cascade of second-order state-variable sections in
 * delta form, in place on each lane. Shared by eq.comp and host/vulkan.
 *
 * Recursion of one section, from (g, k, m0, m1, m2) in host doubles:
 *     a1 = 1 / (1 + g (g + k));  a2 = g a1;  a3 = g a2;  oma1 = g (g + k) a1   (= 1 - a1)
 *     d1 = a2 (x - s2) - oma1 s1
 *     d2 = a2 s1 + a3 (x - s2)
 *     y  = m0 x + m1 (s1 + d1) + m2 (s2 + d2)
 *     s1 += 2 d1;  s2 += 2 d2
 * The delta form adds small changes to the state instead of multiplying it by
 * nearly one: in float32 at 20 Hz that is the difference between -27 and -115 dB.
 *
 * On the device a workgroup takes one lane, tile by tile. Each invocation holds
 * MXD_EQ_SAMPLES consecutive samples in registers through the whole cascade. The
 * state is linear, s' = A s + B x, so the states between invocations are a prefix
 * scan: each invocation runs its samples from zero, the scan chains the results
 * with A^(16 2^step), and a second run starts from the true state. The powers
 * come from host doubles, less the identity, for the same reason as the delta form.
 *
 * The scan has two variants. Through shared memory it takes log2(workgroup) + 1
 * barriers a section. Through subgroups (shuffles; those of 32 leave eight ends
 * to be chained) it takes one. There is none in float64: the states' errors lie
 * at -134 dBFS with float32 and at -136 with double, which most GPUs run at a
 * 32nd or 64th of the rate.
 */
#ifndef MXD_SHADERS_EQ_H
#define MXD_SHADERS_EQ_H

#include "types.h"

#define MXD_EQ_SAMPLES 16           /* samples an invocation; divides the smallest block, 256 */
#define MXD_EQ_MAX_WORKGROUP 256    /* invocations */
#define MXD_EQ_MAX_SCAN_STEPS 8     /* log2 of the above */
#define MXD_EQ_MIN_SUBGROUP 4       /* smaller subgroups scan no faster than shared memory */
#define MXD_EQ_MAX_CASCADE 128      /* sections of one row */

#define MXD_EQ_BINDING_LANES 0
#define MXD_EQ_BINDING_SECTIONS 1
#define MXD_EQ_BINDING_STATES 2
#define MXD_EQ_BINDING_ROWS 3
#define MXD_EQ_BINDING_RUNS 4
#define MXD_EQ_NUM_BINDINGS 5

struct mxd_eq_section_data {
    float a2;
    float a3;
    float oma1;
    float m0;
    float m1;
    float m2;
    float unused0;
    float unused1;
    mxd_vec4 powers[MXD_EQ_MAX_SCAN_STEPS]; /* A^(16 2^step) - I: (11, 12, 21, 22) */
};

struct mxd_eq_row_data {
    mxd_u32 lane;
    mxd_u32 first_section; /* in sections and in states */
    mxd_u32 num_sections;
    mxd_u32 unused;
};

/* One row that runs in this block. */
struct mxd_eq_run_data {
    mxd_u32 row;
    mxd_u32 restart; /* != 0: from silence */
};

struct mxd_eq_push {
    mxd_u32 first_run;    /* index of workgroup 0's entry in runs */
    mxd_u32 lane_vec4s;   /* length of a lane / 4 */
    mxd_u32 first_frame;  /* of this dispatch; a multiple of MXD_EQ_SAMPLES */
    mxd_u32 end_frame;
    mxd_u32 may_restart;  /* 0 where an earlier dispatch of the same block did it */
};

#endif
