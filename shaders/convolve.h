/*
 * The convolver's kernel: uniformly partitioned overlap-save. Shared by
 * convolve.comp and host/vulkan.
 */
#ifndef MXD_SHADERS_CONVOLVE_H
#define MXD_SHADERS_CONVOLVE_H
#endif
