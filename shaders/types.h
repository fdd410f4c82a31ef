/*
 * What the parameter headers need to be read by C and by GLSL alike. Only 4-byte
 * scalars, and vec4 at offsets that are multiples of 16: then std430 is C's own
 * layout (tests/test_spirv.c compares the two).
 */
#ifndef MXD_SHADERS_TYPES_H
#define MXD_SHADERS_TYPES_H

#ifdef VULKAN /* glslang defines it */
#define mxd_u32 uint
#define mxd_vec4 vec4
#else
#include <stddef.h>
#include <stdint.h>
typedef uint32_t mxd_u32;
typedef struct mxd_vec4 {
    float x, y, z, w;
} mxd_vec4;
#endif

/*
 * Compiled with MXD_POISON_SHARED, for tests: shared memory starts as NaN, and invocations are numbered from the
 * last to the first. Software devices keep what the workgroup before left there and run subgroups in order, so that
 * a value read before it is written, or without a barrier from an invocation further up, would look right.
 */
#ifdef VULKAN
#ifdef MXD_POISON_SHARED
#define mxd_invocation (gl_WorkGroupSize.x - 1u - gl_LocalInvocationID.x)
#define mxd_poison(type, array, size)                                               \
    for (uint mxd_n = mxd_invocation; mxd_n < (size); mxd_n += gl_WorkGroupSize.x) \
        array[mxd_n] = type(uintBitsToFloat(0x7fc00000u));                          \
    barrier()
#else
#define mxd_invocation gl_LocalInvocationID.x
#define mxd_poison(type, array, size)
#endif
#endif

/* Specialisation constant of every kernel whose workgroup size is chosen from the device's limits. */
#define MXD_SPEC_WORKGROUP 0

#endif
