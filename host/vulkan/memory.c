/*
 * Buffers: on the device, or mapped for transfers. One allocation a buffer: there
 * are a few dozen of them, far below any driver's limit, and none is made while
 * blocks run (staging grows during the first blocks, then stays).
 */
#include "vulkan.h"

#include <stdlib.h>
#include <string.h>

/* Bytes copied at a time outside blocks. */
#define TRANSFER_BYTES ((uint64_t)8 << 20)

struct mxd_vulkan_transfer {
    mxd_vulkan_buffer staging;
    VkCommandBuffer commands;
    VkFence fence;
    bool under_way; /* submitted, and its end not seen */
};

uint64_t mxd_vulkan_align(uint64_t value, uint64_t alignment)
{
    return (value + alignment - 1) / alignment * alignment;
}

static bool is_on_device(mxd_vulkan_place place)
{
    return place == MXD_VULKAN_ON_DEVICE || place == MXD_VULKAN_EXCHANGE || place == MXD_VULKAN_DIRECT;
}

static bool is_mapped(mxd_vulkan_place place)
{
    return place != MXD_VULKAN_ON_DEVICE && place != MXD_VULKAN_EXCHANGE;
}

uint64_t mxd_vulkan_largest_heap(const VkPhysicalDeviceMemoryProperties *memory)
{
    uint64_t largest = 0;
    for (uint32_t i = 0; i < memory->memoryHeapCount; i++)
        if ((memory->memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) && memory->memoryHeaps[i].size > largest)
            largest = memory->memoryHeaps[i].size;
    return largest;
}

/* How well a memory type suits a place: 0 = not at all. */
static int suitability(const VkPhysicalDeviceMemoryProperties *memory, uint32_t type, mxd_vulkan_place place,
                       bool avoid_coherent)
{
    VkMemoryPropertyFlags flags = memory->memoryTypes[type].propertyFlags;
    /* AMD's types may only be used with a feature that we do not enable, and they bypass the caches. */
    const VkMemoryPropertyFlags unwanted = VK_MEMORY_PROPERTY_LAZILY_ALLOCATED_BIT | VK_MEMORY_PROPERTY_PROTECTED_BIT |
                                           VK_MEMORY_PROPERTY_DEVICE_COHERENT_BIT_AMD |
                                           VK_MEMORY_PROPERTY_DEVICE_UNCACHED_BIT_AMD;
    if (flags & unwanted)
        return 0;
    bool local = flags & VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
    bool visible = flags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT;
    bool coherent = flags & VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    bool cached = flags & VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
    if (place == MXD_VULKAN_ON_DEVICE || place == MXD_VULKAN_EXCHANGE)
        return 1 + 4 * local + 2 * !visible;
    /* Not a window of 256 MiB into the device's memory, which the driver itself needs. */
    uint64_t heap_bytes = memory->memoryHeaps[memory->memoryTypes[type].heapIndex].size;
    if (!visible || (place == MXD_VULKAN_DIRECT && (!local || heap_bytes < mxd_vulkan_largest_heap(memory))))
        return 0;
    bool near = place == MXD_VULKAN_DIRECT ? local : !local;
    int score = 1 + (avoid_coherent ? !coherent : coherent) + 2 * near;
    return place == MXD_VULKAN_DOWNLOAD ? score + 4 * cached : score;
}

bool mxd_vulkan_memory_type(const VkPhysicalDeviceMemoryProperties *memory, uint32_t allowed, mxd_vulkan_place place,
                            bool avoid_coherent, uint32_t *index)
{
    int best = 0;
    for (uint32_t i = 0; i < memory->memoryTypeCount; i++) {
        if (!(allowed & (1u << i)))
            continue;
        int score = suitability(memory, i, place, avoid_coherent);
        if (score > best) {
            best = score;
            *index = i;
        }
    }
    return best > 0;
}

bool mxd_vulkan_memory_is_direct(const VkPhysicalDeviceMemoryProperties *memory)
{
    uint32_t type;
    return mxd_vulkan_memory_type(memory, UINT32_MAX, MXD_VULKAN_DIRECT, false, &type);
}

static VkResult allocate(mxd_vulkan_device_context *context, mxd_vulkan_place place, mxd_vulkan_buffer *buffer)
{
    VkMemoryRequirements needs;
    vkGetBufferMemoryRequirements(context->device, buffer->buffer, &needs);
    uint32_t type;
    if (!mxd_vulkan_memory_type(&context->memory, needs.memoryTypeBits, place, context->avoid_coherent, &type))
        return VK_ERROR_FEATURE_NOT_PRESENT;
    /* Drivers may overcommit (lavapipe grants four times what there is): never ask for more than the heap holds. */
    bool on_device = is_on_device(place);
    if (on_device && (needs.size > context->limits.memory_bytes ||
                      context->device_bytes > context->limits.memory_bytes - needs.size))
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    const VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .allocationSize = needs.size,
        .memoryTypeIndex = type,
    };
    VkResult result = vkAllocateMemory(context->device, &info, NULL, &buffer->memory);
    if (result != VK_SUCCESS)
        return result;
    buffer->allocated_bytes = needs.size;
    buffer->on_device = on_device;
    buffer->coherent = !context->avoid_coherent && (context->memory.memoryTypes[type].propertyFlags &
                                                    VK_MEMORY_PROPERTY_HOST_COHERENT_BIT);
    context->total_bytes += needs.size;
    if (on_device)
        context->device_bytes += needs.size;
    return vkBindBufferMemory(context->device, buffer->buffer, buffer->memory, 0);
}

/* NaN everywhere: software devices hand out zeros, others what some program left there. */
static mxd_result poison(mxd_vulkan_device_context *context, mxd_vulkan_buffer *buffer)
{
    uint8_t ones[65536];
    memset(ones, 0xff, sizeof ones);
    mxd_result result = MXD_OK;
    for (uint64_t at = 0; result == MXD_OK && at < buffer->bytes; at += sizeof ones) {
        uint64_t part = buffer->bytes - at < sizeof ones ? buffer->bytes - at : sizeof ones;
        if (buffer->mapped)
            memcpy((uint8_t *)buffer->mapped + at, ones, part);
        else
            result = mxd_vulkan_buffer_write(context, buffer, at, ones, part);
    }
    if (result != MXD_OK)
        mxd_vulkan_buffer_finish(context, buffer);
    return result;
}

mxd_result mxd_vulkan_buffer_init(mxd_vulkan_device_context *context, uint64_t bytes, mxd_vulkan_place place,
                                  const char *what, mxd_vulkan_buffer *buffer)
{
    memset(buffer, 0, sizeof *buffer);
    buffer->bytes = bytes ? mxd_vulkan_align(bytes, 16) : 16;
    if (is_on_device(place) && buffer->bytes > context->limits.range_bytes)
        return mxd_fail(context->problems, MXD_ERROR_DEVICE_MEMORY, NULL,
                        "%s need %.1f MiB, but the device binds at most %.1f MiB at once: use smaller blocks", what,
                        (double)buffer->bytes / 1048576.0, (double)context->limits.range_bytes / 1048576.0);
    const mxd_vulkan_queue *queues = context->queues;
    const uint32_t families[2] = {queues[MXD_VULKAN_COMPUTE].family, queues[MXD_VULKAN_TO_DEVICE].family};
    bool several = place == MXD_VULKAN_EXCHANGE && families[0] != families[1]; /* downloads use one of the two */
    const VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .size = buffer->bytes,
        .usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT |
                 (is_on_device(place) ? VK_BUFFER_USAGE_STORAGE_BUFFER_BIT : 0),
        .sharingMode = several ? VK_SHARING_MODE_CONCURRENT : VK_SHARING_MODE_EXCLUSIVE,
        .queueFamilyIndexCount = several ? 2 : 0,
        .pQueueFamilyIndices = families,
    };
    VkResult result = vkCreateBuffer(context->device, &info, NULL, &buffer->buffer);
    if (result == VK_SUCCESS)
        result = allocate(context, place, buffer);
    if (result == VK_SUCCESS && is_mapped(place))
        result = vkMapMemory(context->device, buffer->memory, 0, VK_WHOLE_SIZE, 0, &buffer->mapped);
    if (result == VK_SUCCESS)
        return context->poison ? poison(context, buffer) : MXD_OK;
    uint64_t wanted = buffer->bytes;
    mxd_vulkan_buffer_finish(context, buffer);
    if (result == VK_ERROR_OUT_OF_DEVICE_MEMORY)
        return mxd_fail(context->problems, MXD_ERROR_DEVICE_MEMORY, NULL,
                        "the device's memory ran out: no %.1f MiB for %s beside %.1f MiB of %.1f MiB in use; use "
                        "smaller blocks", (double)wanted / 1048576.0, what,
                        (double)context->device_bytes / 1048576.0,
                        (double)context->limits.memory_bytes / 1048576.0);
    return mxd_vulkan_fail(context, result, what);
}

mxd_result mxd_vulkan_buffer_grow(mxd_vulkan_device_context *context, uint64_t bytes, mxd_vulkan_place place,
                                  const char *what, mxd_vulkan_buffer *buffer)
{
    if (buffer->bytes >= bytes)
        return MXD_OK;
    mxd_vulkan_buffer_finish(context, buffer);
    uint64_t most = context->limits.range_bytes; /* of one allocation, too */
    uint64_t spare = bytes < most ? most - bytes : 0;
    return mxd_vulkan_buffer_init(context, bytes + (bytes / 4 < spare ? bytes / 4 : spare), place, what, buffer);
}

void mxd_vulkan_buffer_finish(mxd_vulkan_device_context *context, mxd_vulkan_buffer *buffer)
{
    if (buffer->buffer)
        vkDestroyBuffer(context->device, buffer->buffer, NULL);
    if (buffer->memory) {
        vkFreeMemory(context->device, buffer->memory, NULL); /* unmaps */
        context->total_bytes -= buffer->allocated_bytes;
        if (buffer->on_device)
            context->device_bytes -= buffer->allocated_bytes;
    }
    memset(buffer, 0, sizeof *buffer);
}

/* A range of whole atoms from the start, as flushes ask for. */
static VkMappedMemoryRange mapped_range(const mxd_vulkan_device_context *context, const mxd_vulkan_buffer *buffer,
                                        uint64_t bytes)
{
    uint64_t size = mxd_vulkan_align(bytes, context->limits.atom_bytes);
    return (VkMappedMemoryRange){
        .sType = VK_STRUCTURE_TYPE_MAPPED_MEMORY_RANGE,
        .memory = buffer->memory,
        .size = size < buffer->allocated_bytes ? size : VK_WHOLE_SIZE,
    };
}

mxd_result mxd_vulkan_buffer_flush(mxd_vulkan_device_context *context, const mxd_vulkan_buffer *buffer, uint64_t bytes)
{
    if (buffer->coherent || bytes == 0)
        return MXD_OK;
    const VkMappedMemoryRange range = mapped_range(context, buffer, bytes);
    VkResult result = vkFlushMappedMemoryRanges(context->device, 1, &range);
    return result == VK_SUCCESS ? MXD_OK : mxd_vulkan_fail(context, result, "writing to mapped memory");
}

mxd_result mxd_vulkan_buffer_invalidate(mxd_vulkan_device_context *context, const mxd_vulkan_buffer *buffer,
                                        uint64_t bytes)
{
    if (buffer->coherent || bytes == 0)
        return MXD_OK;
    const VkMappedMemoryRange range = mapped_range(context, buffer, bytes);
    VkResult result = vkInvalidateMappedMemoryRanges(context->device, 1, &range);
    return result == VK_SUCCESS ? MXD_OK : mxd_vulkan_fail(context, result, "reading mapped memory");
}

/* ---- Transfers outside blocks -------------------------------------------- */

static mxd_result transfer_init(mxd_vulkan_device_context *context)
{
    if (context->transfer)
        return MXD_OK;
    struct mxd_vulkan_transfer *transfer = calloc(1, sizeof *transfer);
    if (!transfer)
        return mxd_fail(context->problems, MXD_ERROR_MEMORY, NULL, "memory ran out while preparing the device");
    context->transfer = transfer;
    mxd_result result = mxd_vulkan_buffer_init(context, TRANSFER_BYTES, MXD_VULKAN_UPLOAD, "transfers",
                                               &transfer->staging);
    if (result != MXD_OK)
        goto fail;
    const VkCommandBufferAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = context->pool,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = 1,
    };
    const VkFenceCreateInfo fence = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    VkResult vk = vkAllocateCommandBuffers(context->device, &info, &transfer->commands);
    if (vk == VK_SUCCESS)
        vk = vkCreateFence(context->device, &fence, NULL, &transfer->fence);
    if (vk == VK_SUCCESS)
        return MXD_OK;
    result = mxd_vulkan_fail(context, vk, "preparing transfers");
fail:
    mxd_vulkan_transfer_finish(context);
    return result;
}

bool mxd_vulkan_transfer_hangs(const mxd_vulkan_device_context *context)
{
    const struct mxd_vulkan_transfer *transfer = context->transfer;
    return transfer && transfer->under_way && vkGetFenceStatus(context->device, transfer->fence) == VK_NOT_READY;
}

void mxd_vulkan_transfer_finish(mxd_vulkan_device_context *context)
{
    struct mxd_vulkan_transfer *transfer = context->transfer;
    if (!transfer)
        return;
    if (transfer->fence)
        vkDestroyFence(context->device, transfer->fence, NULL);
    if (transfer->commands)
        vkFreeCommandBuffers(context->device, context->pool, 1, &transfer->commands);
    mxd_vulkan_buffer_finish(context, &transfer->staging);
    free(transfer);
    context->transfer = NULL;
}

static VkResult copy_and_wait(mxd_vulkan_device_context *context, VkBuffer to, uint64_t offset, uint64_t bytes)
{
    struct mxd_vulkan_transfer *transfer = context->transfer;
    const VkCommandBufferBeginInfo begin = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
        .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT,
    };
    VkResult result = vkResetCommandPool(context->device, context->pool, 0);
    if (result == VK_SUCCESS)
        result = vkBeginCommandBuffer(transfer->commands, &begin);
    if (result != VK_SUCCESS)
        return result;
    const VkBufferCopy region = {.dstOffset = offset, .size = bytes};
    vkCmdCopyBuffer(transfer->commands, transfer->staging.buffer, to, 1, &region);
    result = vkEndCommandBuffer(transfer->commands);
    const VkSubmitInfo submit = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .commandBufferCount = 1,
        .pCommandBuffers = &transfer->commands,
    };
    if (result == VK_SUCCESS)
        result = vkQueueSubmit(context->queue, 1, &submit, transfer->fence);
    if (result != VK_SUCCESS)
        return result;
    transfer->under_way = true;
    result = mxd_vulkan_fence_wait(context, transfer->fence);
    if (result != VK_SUCCESS)
        return result;
    transfer->under_way = false;
    return vkResetFences(context->device, 1, &transfer->fence);
}

mxd_result mxd_vulkan_buffer_write(mxd_vulkan_device_context *context, mxd_vulkan_buffer *buffer, uint64_t offset,
                                   const void *data, uint64_t bytes)
{
    mxd_result result = transfer_init(context);
    for (uint64_t done = 0; result == MXD_OK && done < bytes;) {
        uint64_t part = bytes - done < TRANSFER_BYTES ? bytes - done : TRANSFER_BYTES;
        memcpy(context->transfer->staging.mapped, (const uint8_t *)data + done, part);
        result = mxd_vulkan_buffer_flush(context, &context->transfer->staging, part);
        if (result != MXD_OK)
            break;
        VkResult vk = copy_and_wait(context, buffer->buffer, offset + done, part);
        if (vk != VK_SUCCESS)
            result = mxd_vulkan_fail(context, vk, "copying to the device");
        done += part;
    }
    return result;
}
