/*
 * The mix kernel: each output lane is a sum of input lanes times gains that move
 * linearly between points. Shared by mix.comp and host/vulkan.
 */
#ifndef MXD_SHADERS_MIX_H
#define MXD_SHADERS_MIX_H
#endif
