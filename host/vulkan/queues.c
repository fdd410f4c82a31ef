/* The queues of a backend: which family each role gets, submission with timeline semaphores, and waits that end. */
#include "vulkan.h"

#include "../clock.h"

#include <stdlib.h>
#include <string.h>

#define WAIT_SLICE_NS ((uint64_t)1000000000)
#define MAX_FAMILIES 32u

/* ---- Choice -------------------------------------------------------------- */

bool mxd_vulkan_only_transfers(const VkQueueFamilyProperties *family)
{
    const VkQueueFlags beside = VK_QUEUE_TRANSFER_BIT | VK_QUEUE_SPARSE_BINDING_BIT | VK_QUEUE_PROTECTED_BIT;
    return family->queueCount > 0 && (family->queueFlags & VK_QUEUE_TRANSFER_BIT) && !(family->queueFlags & ~beside);
}

static void describe_queue(mxd_vulkan_queue *queue, const VkQueueFamilyProperties *families, uint32_t family,
                           uint32_t index, bool split)
{
    uint32_t bits = families[family].timestampValidBits;
    bool computes = families[family].queueFlags & VK_QUEUE_COMPUTE_BIT;
    *queue = (mxd_vulkan_queue){
        .family = family,
        .index = index,
        .split = split,
        .stages = VK_PIPELINE_STAGE_TRANSFER_BIT | (computes ? VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT : 0),
        .writes = VK_ACCESS_TRANSFER_WRITE_BIT | (computes ? VK_ACCESS_SHADER_WRITE_BIT : 0),
        .timestamp_mask = bits >= 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1,
    };
}

void mxd_vulkan_queues_choose(mxd_vulkan_device_context *context)
{
    VkQueueFamilyProperties families[MAX_FAMILIES];
    uint32_t count = MAX_FAMILIES;
    vkGetPhysicalDeviceQueueFamilyProperties(context->physical, &count, families);
    const char *wanted = getenv("MXD_VULKAN_QUEUES");
    bool one = wanted && strcmp(wanted, "one") == 0;
    bool split = wanted && strcmp(wanted, "split") == 0;
    for (uint32_t i = 0; i < MXD_VULKAN_NUM_QUEUES; i++)
        describe_queue(&context->queues[i], families, context->queue_family, 0, i == MXD_VULKAN_COMPUTE || split);
    for (uint32_t i = 0; !one && i < count; i++) {
        if (!mxd_vulkan_only_transfers(&families[i]))
            continue;
        describe_queue(&context->queues[MXD_VULKAN_TO_DEVICE], families, i, 0, true);
        if (families[i].queueCount > 1)
            describe_queue(&context->queues[MXD_VULKAN_FROM_DEVICE], families, i, 1, true);
        return;
    }
}

uint32_t mxd_vulkan_queues_describe(const mxd_vulkan_device_context *context,
                                    VkDeviceQueueCreateInfo infos[MXD_VULKAN_NUM_QUEUES])
{
    static const float priorities[MXD_VULKAN_NUM_QUEUES] = {1.0f, 1.0f, 1.0f};
    uint32_t count = 0;
    for (uint32_t i = 0; i < MXD_VULKAN_NUM_QUEUES; i++) {
        const mxd_vulkan_queue *queue = &context->queues[i];
        uint32_t at = 0;
        while (at < count && infos[at].queueFamilyIndex != queue->family)
            at++;
        if (at == count)
            infos[count++] = (VkDeviceQueueCreateInfo){
                .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                .queueFamilyIndex = queue->family,
                .pQueuePriorities = priorities,
            };
        if (infos[at].queueCount < queue->index + 1)
            infos[at].queueCount = queue->index + 1;
    }
    return count;
}

mxd_result mxd_vulkan_queues_init(mxd_vulkan_device_context *context)
{
    const VkSemaphoreTypeCreateInfo type = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
        .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
    };
    const VkSemaphoreCreateInfo info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO, .pNext = &type};
    for (uint32_t i = 0; i < MXD_VULKAN_NUM_QUEUES; i++) {
        mxd_vulkan_queue *queue = &context->queues[i];
        vkGetDeviceQueue(context->device, queue->family, queue->index, &queue->queue);
        VkResult result = vkCreateSemaphore(context->device, &info, NULL, &queue->timeline);
        if (result != VK_SUCCESS)
            return mxd_vulkan_fail(context, result, "preparing the Vulkan device");
    }
    return MXD_OK;
}

void mxd_vulkan_queues_finish(mxd_vulkan_device_context *context)
{
    for (uint32_t i = 0; i < MXD_VULKAN_NUM_QUEUES; i++)
        if (context->queues[i].timeline)
            vkDestroySemaphore(context->device, context->queues[i].timeline, NULL);
}

/* ---- Submission ---------------------------------------------------------- */

VkResult mxd_vulkan_queue_submit(mxd_vulkan_device_context *context, mxd_vulkan_queue_role role,
                                 VkCommandBuffer commands, uint64_t ticket, const mxd_vulkan_queue_role *after)
{
    const mxd_vulkan_queue *queue = &context->queues[role];
    const VkTimelineSemaphoreSubmitInfo values = {
        .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
        .waitSemaphoreValueCount = after ? 1 : 0,
        .pWaitSemaphoreValues = &ticket,
        .signalSemaphoreValueCount = 1,
        .pSignalSemaphoreValues = &ticket,
    };
    const VkSubmitInfo submit = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .pNext = &values,
        .waitSemaphoreCount = after ? 1 : 0,
        .pWaitSemaphores = after ? &context->queues[*after].timeline : NULL,
        .pWaitDstStageMask = &queue->stages,
        .commandBufferCount = 1,
        .pCommandBuffers = &commands,
        .signalSemaphoreCount = 1,
        .pSignalSemaphores = &queue->timeline,
    };
    return vkQueueSubmit(queue->queue, 1, &submit, VK_NULL_HANDLE);
}

/* ---- Waiting ------------------------------------------------------------- */

/*
 * In slices, because a driver that resets a hung device need not wake who waits for it, and some take the largest
 * number for a short one. VK_TIMEOUT when a slice ends; the caller goes on until the whole time is over.
 */
static uint64_t next_slice_ns(const mxd_vulkan_device_context *context, double start_s)
{
    double left_ns = 1e6 * (double)context->limits.wait_ms - 1e9 * (mxd_clock_s() - start_s);
    if (!(left_ns > 0))
        return 0;
    return left_ns < (double)WAIT_SLICE_NS ? (uint64_t)left_ns + 1 : WAIT_SLICE_NS;
}

VkResult mxd_vulkan_queue_wait(mxd_vulkan_device_context *context, mxd_vulkan_queue_role role, uint64_t ticket)
{
    const VkSemaphoreWaitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
        .semaphoreCount = 1,
        .pSemaphores = &context->queues[role].timeline,
        .pValues = &ticket,
    };
    double start_s = mxd_clock_s();
    VkResult result = VK_TIMEOUT;
    for (uint64_t slice; result == VK_TIMEOUT && (slice = next_slice_ns(context, start_s)) > 0;)
        result = vkWaitSemaphores(context->device, &info, slice);
    context->hung |= result == VK_TIMEOUT;
    return result;
}

VkResult mxd_vulkan_fence_wait(mxd_vulkan_device_context *context, VkFence fence)
{
    double start_s = mxd_clock_s();
    VkResult result = VK_TIMEOUT;
    for (uint64_t slice; result == VK_TIMEOUT && (slice = next_slice_ns(context, start_s)) > 0;)
        result = vkWaitForFences(context->device, 1, &fence, VK_TRUE, slice);
    context->hung |= result == VK_TIMEOUT;
    return result;
}
