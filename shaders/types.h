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

/* Specialisation constant of every kernel whose workgroup size is chosen from the device's limits. */
#define MXD_SPEC_WORKGROUP 0

#endif
