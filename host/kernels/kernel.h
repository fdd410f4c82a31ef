/*
 * The kernels that inserts are made of, beside the three of backend.h: each
 * takes rows of lanes in, lanes out, settings, values and state, and is
 * described here once for all backends. To add kernel NAME:
 *
 *   host/kernels/list.h      its line
 *   host/kernels/NAME.c      mxd_kernel_NAME: how many settings, values, state
 *   host/cpu/NAME.c          MXD_CPU(mxd_NAME_run), see host/cpu/rows.h
 *   shaders/NAME.h, .comp    what its settings and values mean; the same on the device, see shaders/rows.glsl
 *   cmake/shaders.cmake      mxd_shader(NAME NAME.comp)
 *   tests/cases/NAME.c       its cases, for test_rows and bench_kernels
 *
 * Settings are whole numbers that stand for the render: modes, lengths, counts.
 * Values are numbers that may move. Where they move, they come with each block
 * as points MXD_VALUE_GRID frames apart, from the block's first frame on to the
 * first point at or beyond its end; between two points a kernel takes the
 * straight line, or holds the earlier point (shaders/NAME.h says which for which
 * value). State is words of the signal's own type, all zero when a row starts.
 *
 * A kernel keeps no other memory: what it computes depends on inputs, settings,
 * values, state and the row's position alone, never on where blocks are cut.
 */
#ifndef MXD_KERNELS_KERNEL_H
#define MXD_KERNELS_KERNEL_H

#include "list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Frames between two points of values that move: the issue of zipper noise is settled at 1.5 kHz. Divides every block. */
#define MXD_VALUE_GRID 32u

/* Points of a block of so many frames. */
static inline uint32_t mxd_value_points(uint32_t num_frames)
{
    return (num_frames + MXD_VALUE_GRID - 1) / MXD_VALUE_GRID + 1;
}

#define MXD_KERNEL_NUMBER(NUMBER, name) MXD_KERNEL_##NUMBER,
typedef enum mxd_kernel_id { MXD_KERNELS(MXD_KERNEL_NUMBER) MXD_NUM_KERNELS } mxd_kernel_id;

/* What a row is made of, as far as its size depends on it. */
typedef struct mxd_kernel_shape {
    const uint32_t *settings;
    uint32_t num_inputs;
    uint32_t num_outputs;
} mxd_kernel_shape;

typedef struct mxd_kernel {
    const char *name;      /* also of its shader's module */
    uint32_t num_settings;
    bool in_place;         /* an output may be an input of the same row (it reads each frame before it writes it) */
    /*
     * On a device a row is one workgroup that goes through the frames in order,
     * its state carried from dispatch to dispatch; or, with tile_frames, one
     * workgroup for each so many frames, side by side (not in_place then). Its
     * shader takes no more than 16 KiB of shared memory.
     */
    uint32_t tile_frames;
    uint32_t workgroup;    /* invocations; a power of two, halved where a device takes fewer */
    /* NULL if the row is possible; else what is wrong with it. Called before the others. */
    const char *(*check)(const mxd_kernel_shape *shape);
    uint32_t (*num_values)(const mxd_kernel_shape *shape);
    uint64_t (*num_state)(const mxd_kernel_shape *shape);
    /* Operations a frame, at the least: for the floor under its time and the length of dispatches. */
    double (*flops)(const mxd_kernel_shape *shape);
    /*
     * Rounds of loops that an invocation goes for a frame on a device, all loops together, at the most, in
     * a workgroup of 128, the fewest that a device takes; NULL: there are tiles. Mesa's llvmpipe ends every loop of
     * an invocation after 65,535 rounds in all, without a word, so that dispatches are kept shorter: to 30,000, so
     * that what a block's end takes besides may be as many.
     */
    double (*loops)(const mxd_kernel_shape *shape);
} mxd_kernel;

#define MXD_KERNEL_DECLARATION(NUMBER, name) extern const mxd_kernel mxd_kernel_##name;
MXD_KERNELS(MXD_KERNEL_DECLARATION)
#undef MXD_KERNEL_DECLARATION

/* kernel < MXD_NUM_KERNELS. */
const mxd_kernel *mxd_kernel_get(mxd_kernel_id kernel);

#endif
