#include "peak.h"

#include "host/clock.h"
#include "host/threads.h"
#include "host/vulkan/vulkan.h"

#include <stdlib.h>
#include <string.h>

/* Well beyond any cache. */
#define CPU_BYTES ((size_t)128 << 20)
#define GPU_BYTES ((uint64_t)512 << 20)
#define SOFTWARE_BYTES ((uint64_t)64 << 20)
#define PART_BYTES ((size_t)1 << 20)
#define RUNS 5
#define COPIES 8u /* of one submission, so that its own time does not count */

/* ---- CPU ----------------------------------------------------------------- */

typedef struct copy_job {
    const uint8_t *from;
    uint8_t *to;
} copy_job;

static void copy_part(void *user, uint32_t index, uint32_t thread)
{
    (void)thread;
    const copy_job *job = user;
    memcpy(job->to + index * PART_BYTES, job->from + index * PART_BYTES, PART_BYTES);
}

double peak_of_cpu(uint32_t num_threads)
{
    mxd_threads *threads = mxd_threads_create(num_threads);
    uint8_t *memory = malloc(2 * CPU_BYTES);
    double least_s = 0;
    if (threads && memory) {
        memset(memory, 1, 2 * CPU_BYTES);
        copy_job job = {memory, memory + CPU_BYTES};
        for (int i = 0; i < RUNS; i++) {
            double start_s = mxd_clock_s();
            mxd_threads_run(threads, (uint32_t)(CPU_BYTES / PART_BYTES), copy_part, &job);
            double s = mxd_clock_s() - start_s;
            if (i == 0 || s < least_s)
                least_s = s;
        }
    }
    free(memory);
    mxd_threads_destroy(threads);
    return least_s > 0 ? 2.0 * (double)CPU_BYTES / least_s : 0;
}

/* ---- Vulkan -------------------------------------------------------------- */

static VkResult record_copies(mxd_vulkan_device_context *context, const mxd_vulkan_buffer buffers[2],
                              VkCommandBuffer *commands)
{
    const VkCommandBufferAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = context->pool,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = 1,
    };
    const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    const VkMemoryBarrier barrier = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
    };
    VkResult result = vkAllocateCommandBuffers(context->device, &info, commands);
    if (result == VK_SUCCESS)
        result = vkBeginCommandBuffer(*commands, &begin);
    if (result != VK_SUCCESS)
        return result;
    const VkBufferCopy region = {.size = buffers[0].bytes};
    for (uint32_t i = 0; i < COPIES; i++) {
        vkCmdPipelineBarrier(*commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_TRANSFER_BIT, 0, 1, &barrier,
                             0, NULL, 0, NULL);
        vkCmdCopyBuffer(*commands, buffers[i % 2].buffer, buffers[(i + 1) % 2].buffer, 1, &region);
    }
    return vkEndCommandBuffer(*commands);
}

/* Seconds of the best run; 0 where it fails. */
static double time_copies(mxd_vulkan_device_context *context, const mxd_vulkan_buffer buffers[2])
{
    VkCommandBuffer commands;
    if (record_copies(context, buffers, &commands) != VK_SUCCESS)
        return 0;
    const VkSubmitInfo submit = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .commandBufferCount = 1,
        .pCommandBuffers = &commands,
    };
    double least_s = 0;
    for (int i = 0; i < RUNS; i++) {
        double start_s = mxd_clock_s();
        if (vkQueueSubmit(context->queue, 1, &submit, VK_NULL_HANDLE) != VK_SUCCESS ||
            vkQueueWaitIdle(context->queue) != VK_SUCCESS)
            return 0;
        double s = mxd_clock_s() - start_s;
        if (i == 0 || s < least_s)
            least_s = s;
    }
    return least_s;
}

double peak_of_vulkan(uint32_t device)
{
    mxd_vulkan_device_context context;
    mxd_backend_info info;
    mxd_vulkan_buffer buffers[2] = {0};
    if (mxd_vulkan_device_init(&context, device, &info, NULL) != MXD_OK)
        return 0;
    uint64_t bytes = info.software ? SOFTWARE_BYTES : GPU_BYTES;
    if (bytes > context.limits.range_bytes)
        bytes = context.limits.range_bytes;
    if (bytes > context.limits.memory_bytes / 8)
        bytes = context.limits.memory_bytes / 8 & ~(uint64_t)15;
    double s = 0;
    if (mxd_vulkan_buffer_init(&context, bytes, MXD_VULKAN_ON_DEVICE, "a copy", &buffers[0]) == MXD_OK &&
        mxd_vulkan_buffer_init(&context, bytes, MXD_VULKAN_ON_DEVICE, "a copy", &buffers[1]) == MXD_OK)
        s = time_copies(&context, buffers);
    for (uint32_t i = 0; i < 2; i++)
        mxd_vulkan_buffer_finish(&context, &buffers[i]);
    mxd_vulkan_device_finish(&context);
    return s > 0 ? 2.0 * (double)bytes * COPIES / s : 0;
}
