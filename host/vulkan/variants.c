/*
 * Which variant of each kernel a device runs, and why, in words. Everything
 * follows from the limits, so that MXD_VULKAN_LIMITS leads to each of them.
 */
#include "vulkan.h"

#include "shaders/convolve.h"
#include "shaders/eq.h"
#include "shaders/mix.h"

#include <stdarg.h>
#include <stdio.h>

static uint32_t largest_workgroup(const mxd_vulkan_limits *limits, uint32_t wanted)
{
    return limits->workgroup >= wanted ? wanted : 128; /* what Vulkan promises */
}

static void explain(mxd_vulkan_reason *reason, const char *format, ...)
{
    va_list arguments;
    if (!reason)
        return;
    va_start(arguments, format);
    vsnprintf(reason->text, sizeof reason->text, format, arguments);
    va_end(arguments);
}

mxd_vulkan_eq_variant mxd_vulkan_choose_eq(const mxd_vulkan_limits *limits, mxd_vulkan_reason *reason)
{
    mxd_vulkan_eq_variant variant = {.module = "eq", .workgroup = largest_workgroup(limits, MXD_EQ_MAX_WORKGROUP)};
    uint32_t most = limits->max_subgroups;
    uint32_t size = limits->subgroup;
    if (size == 0) {
        explain(reason, "%u invocations, scan through shared memory: subgroups of a fixed size that shuffle are not "
                "to be had", variant.workgroup);
    } else if (size < MXD_EQ_MIN_SUBGROUP || size > variant.workgroup || variant.workgroup / size > most) {
        explain(reason, "%u invocations, scan through shared memory: subgroups of %u, at most %u of them, do not suit "
                "(%u to %u invocations do)", variant.workgroup, size, most, MXD_EQ_MIN_SUBGROUP, variant.workgroup);
    } else {
        variant.module = "eq_subgroups";
        variant.subgroup = size;
        explain(reason, "%u invocations, scan through %u subgroups of %u, one barrier a section", variant.workgroup,
                variant.workgroup / size, size);
    }
    return variant;
}

/*
 * The partition, P. Longer ones cost less: multiply moves 2 L / P bytes a sample for a response of L samples (94 for
 * 4 s at 48 kHz and P = 4096), forward and inverse 32 whatever P is. What bounds it:
 * - shared memory: 8 P bytes, or 4 P where exchanges are split;
 * - the workgroup: P / 8 invocations;
 * - the block: multiply's invocations take MXD_CONVOLVE_WINDOWS windows at once, so that each response value is read
 *   once for all of them. A block of fewer windows would leave some idle, and what P gains would be lost there;
 * - limits->partition, 4096 by default: P = 8192 would save 47 bytes of those 126, but its transforms need 1024
 *   invocations and 19 barriers instead of 512 and 7, and the shorter a response, the less there is to save. On
 *   lavapipe it takes twice the time; MXD_VULKAN_LIMITS=partition=8192 tells elsewhere.
 * Split exchanges cost a transform twice the barriers, so they are only for a P that is not possible without.
 */
mxd_vulkan_convolve_variant mxd_vulkan_choose_convolve(const mxd_vulkan_limits *limits, uint32_t block_frames,
                                                       mxd_vulkan_reason *reason)
{
    uint32_t log2_size = MXD_CONVOLVE_MIN_LOG2_SIZE;
    const char *bound = "the longest there are"; /* what ends the loop, if anything does */
    for (; log2_size < MXD_CONVOLVE_MAX_LOG2_SIZE; log2_size++) {
        uint32_t next = 2u << log2_size;
        if (next > limits->partition)
            bound = "longer ones gain little";
        else if (next * 4 > limits->shared_bytes)
            bound = "limited by shared memory";
        else if (next / MXD_CONVOLVE_POINTS > limits->workgroup)
            bound = "limited by the size of workgroups";
        else if (next * MXD_CONVOLVE_WINDOWS > block_frames)
            bound = "limited by the block";
        else
            continue;
        break;
    }
    uint32_t size = 1u << log2_size;
    const mxd_vulkan_convolve_variant variant = {
        .log2_size = log2_size,
        .split = log2_size > MXD_CONVOLVE_MAX_WHOLE_LOG2_SIZE || size * 8 > limits->shared_bytes,
        .multiply_workgroup = largest_workgroup(limits, MXD_CONVOLVE_MAX_WORKGROUP),
    };
    explain(reason, "partitions of %u frames (%s; blocks of %u), transforms of %u invocations exchange %s through %u "
            "KiB of shared memory; products by %u", size, bound, block_frames, size / MXD_CONVOLVE_POINTS,
            variant.split ? "real and imaginary parts in turn" : "whole points", size * (variant.split ? 4 : 8) / 1024,
            variant.multiply_workgroup);
    return variant;
}

mxd_vulkan_mix_variant mxd_vulkan_choose_mix(const mxd_vulkan_limits *limits, mxd_vulkan_reason *reason)
{
    const mxd_vulkan_mix_variant variant = {.workgroup = largest_workgroup(limits, MXD_MIX_MAX_WORKGROUP)};
    explain(reason, "%u invocations, sums in pairs of float32 (as exact as float64 and as fast everywhere)",
            variant.workgroup);
    return variant;
}
