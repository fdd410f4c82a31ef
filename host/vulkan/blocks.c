/*
 * Blocks: each is one command buffer of one slot. Its staging buffer holds the
 * steps' parameters and then the uploads; both are copied to the device, the
 * steps run with barriers between them, and downloads are copied back. A
 * timeline semaphore counts finished blocks; a block's ticket is its value.
 */
#include "vulkan.h"

#include <stdlib.h>
#include <string.h>

#define COPIES_AT_ONCE 64u

/* ---- Barriers ------------------------------------------------------------ */

static void barrier(VkCommandBuffer commands, VkPipelineStageFlags from, VkAccessFlags written,
                    VkPipelineStageFlags to, VkAccessFlags used)
{
    const VkMemoryBarrier memory = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = written,
        .dstAccessMask = used,
    };
    vkCmdPipelineBarrier(commands, from, to, 0, 1, &memory, 0, NULL, 0, NULL);
}

#define WORK_STAGES (VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT)
#define WORK_WRITES (VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT)
#define WORK_READS (VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_TRANSFER_READ_BIT)

/* ---- Preparation --------------------------------------------------------- */

mxd_result mxd_vulkan_prepare(mxd_backend *base)
{
    mxd_vulkan_backend *backend = (mxd_vulkan_backend *)base;
    mxd_result result = MXD_OK;
    uint64_t bytes = MXD_VULKAN_PARAMS_ALIGNMENT;
    for (uint32_t i = 0; result == MXD_OK && i < backend->num_steps; i++) {
        result = backend->steps[i]->functions->prepare(backend, backend->steps[i]);
        bytes += backend->steps[i]->functions->params_bytes(backend->steps[i], NULL);
    }
    mxd_vulkan_transfer_finish(&backend->context);
    /* A step runs at most once a block and within its capacities (host/backend.c), so this is enough for any block. */
    if (result == MXD_OK)
        result = mxd_vulkan_buffer_init(&backend->context, bytes, MXD_VULKAN_ON_DEVICE, "the steps' parameters",
                                        &backend->params);
    if (result != MXD_OK)
        return result;
    for (uint32_t i = 0; i < backend->num_steps; i++)
        backend->steps[i]->functions->bind(backend, backend->steps[i]);
    return mxd_vulkan_instance_check(&backend->context.instance, base->problems);
}

/* ---- Room in a slot ------------------------------------------------------ */

static mxd_result grow(mxd_vulkan_backend *backend, mxd_vulkan_buffer *buffer, uint64_t bytes, mxd_vulkan_place place,
                       const char *what)
{
    if (buffer->bytes >= bytes)
        return MXD_OK;
    mxd_vulkan_buffer_finish(&backend->context, buffer);
    uint64_t most = backend->context.limits.range_bytes; /* of one allocation, too */
    uint64_t spare = bytes < most ? most - bytes : 0;
    return mxd_vulkan_buffer_init(&backend->context, bytes + (bytes / 4 < spare ? bytes / 4 : spare), place, what,
                                  buffer);
}

static mxd_result grow_phases(mxd_vulkan_backend *backend, mxd_vulkan_slot *slot, uint32_t num_queries)
{
    if (slot->query_capacity >= num_queries)
        return MXD_OK;
    uint32_t capacity = num_queries + num_queries / 2;
    mxd_vulkan_kernel *phases = realloc(slot->phases, capacity * sizeof *phases);
    if (!phases)
        return mxd_fail(backend->base.problems, MXD_ERROR_MEMORY, NULL, "memory ran out while a block was submitted");
    slot->phases = phases;
    if (backend->context.limits.timestamp_ns > 0) {
        if (slot->queries)
            vkDestroyQueryPool(backend->context.device, slot->queries, NULL);
        slot->queries = VK_NULL_HANDLE;
        slot->query_capacity = 0;
        const VkQueryPoolCreateInfo info = {
            .sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
            .queryType = VK_QUERY_TYPE_TIMESTAMP,
            .queryCount = capacity,
        };
        VkResult result = vkCreateQueryPool(backend->context.device, &info, NULL, &slot->queries);
        if (result != VK_SUCCESS)
            return mxd_vulkan_fail(&backend->context, result, "making timestamps");
    }
    slot->query_capacity = capacity;
    return MXD_OK;
}

static mxd_result grow_downloads(mxd_vulkan_backend *backend, mxd_vulkan_slot *slot, uint32_t count)
{
    if (slot->download_capacity >= count)
        return MXD_OK;
    mxd_download *downloads = realloc(slot->downloads, count * sizeof *downloads);
    if (!downloads)
        return mxd_fail(backend->base.problems, MXD_ERROR_MEMORY, NULL, "memory ran out while a block was submitted");
    slot->downloads = downloads;
    slot->download_capacity = count;
    return MXD_OK;
}

/* Of the parameters of all runs; uploads lie behind them. */
static uint64_t params_bytes(const mxd_vulkan_backend *backend, const mxd_block *block)
{
    uint64_t bytes = MXD_VULKAN_PARAMS_ALIGNMENT;
    for (uint32_t i = 0; i < block->num_runs; i++) {
        const mxd_vulkan_step *step = backend->steps[block->runs[i].step];
        bytes += step->functions->params_bytes(step, &block->runs[i]);
    }
    return mxd_vulkan_align(bytes, MXD_VULKAN_PARAMS_ALIGNMENT);
}

static mxd_result make_room(mxd_vulkan_backend *backend, mxd_vulkan_slot *slot, const mxd_block *block)
{
    uint64_t lane_bytes = (uint64_t)block->num_frames * sizeof(float);
    uint64_t params = params_bytes(backend, block);
    uint32_t num_uploads = 0;
    for (uint32_t i = 0; i < block->num_uploads; i++)
        num_uploads += block->uploads[i].frames != NULL;
    mxd_result result = grow(backend, &slot->upload, params + num_uploads * lane_bytes, MXD_VULKAN_UPLOAD,
                             "uploads");
    if (result == MXD_OK)
        result = grow(backend, &slot->download, block->num_downloads * lane_bytes, MXD_VULKAN_DOWNLOAD, "downloads");
    if (result == MXD_OK)
        result = grow_phases(backend, slot, block->num_runs + 3);
    if (result == MXD_OK)
        result = grow_downloads(backend, slot, block->num_downloads);
    return result;
}

/* ---- Recording ----------------------------------------------------------- */

void *mxd_vulkan_params(mxd_vulkan_recording *recording, uint64_t bytes, uint64_t *offset)
{
    *offset = recording->params_used;
    recording->params_used = mxd_vulkan_align(recording->params_used + bytes, MXD_VULKAN_PARAMS_ALIGNMENT);
    return recording->params + *offset;
}

uint64_t mxd_vulkan_work(const mxd_vulkan_backend *backend, uint64_t bound)
{
    return backend->context.limits.work < bound ? backend->context.limits.work : bound;
}

/* The end of a phase of the given kind. */
static void end_phase(mxd_vulkan_slot *slot, VkCommandBuffer commands, mxd_vulkan_kernel kernel)
{
    slot->phases[slot->num_phases++] = kernel;
    if (slot->queries)
        vkCmdWriteTimestamp(commands, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, slot->queries, slot->num_phases);
}

static uint64_t record_uploads(mxd_vulkan_backend *backend, mxd_vulkan_slot *slot, const mxd_block *block,
                               uint64_t offset)
{
    uint64_t lane_bytes = (uint64_t)block->num_frames * sizeof(float);
    uint64_t stride = (uint64_t)backend->base.params.block_frames * sizeof(float);
    VkBufferCopy copies[COPIES_AT_ONCE];
    uint32_t count = 0;
    for (uint32_t i = 0; i < block->num_uploads; i++) {
        const mxd_upload *upload = &block->uploads[i];
        if (!upload->frames) {
            vkCmdFillBuffer(slot->commands, backend->lanes.buffer, upload->lane * stride, lane_bytes, 0);
            continue;
        }
        memcpy((uint8_t *)slot->upload.mapped + offset, upload->frames, lane_bytes);
        copies[count++] = (VkBufferCopy){.srcOffset = offset, .dstOffset = upload->lane * stride, .size = lane_bytes};
        offset += lane_bytes;
        if (count == COPIES_AT_ONCE) {
            vkCmdCopyBuffer(slot->commands, slot->upload.buffer, backend->lanes.buffer, count, copies);
            count = 0;
        }
    }
    if (count > 0)
        vkCmdCopyBuffer(slot->commands, slot->upload.buffer, backend->lanes.buffer, count, copies);
    return offset;
}

static void record_downloads(mxd_vulkan_backend *backend, mxd_vulkan_slot *slot, const mxd_block *block)
{
    uint64_t lane_bytes = (uint64_t)block->num_frames * sizeof(float);
    uint64_t stride = (uint64_t)backend->base.params.block_frames * sizeof(float);
    VkBufferCopy copies[COPIES_AT_ONCE];
    uint32_t count = 0;
    for (uint32_t i = 0; i < block->num_downloads; i++) {
        copies[count++] = (VkBufferCopy){
            .srcOffset = block->downloads[i].lane * stride,
            .dstOffset = i * lane_bytes,
            .size = lane_bytes,
        };
        if (count == COPIES_AT_ONCE || i + 1 == block->num_downloads) {
            vkCmdCopyBuffer(slot->commands, backend->lanes.buffer, slot->download.buffer, count, copies);
            count = 0;
        }
    }
    if (block->num_downloads > 0) /* the slot keeps its own list: the block's arrays end with the call */
        memcpy(slot->downloads, block->downloads, block->num_downloads * sizeof *slot->downloads);
    slot->num_downloads = block->num_downloads;
}

static uint64_t count_lane_frames(const mxd_step_run *run, uint32_t num_frames)
{
    return (uint64_t)num_frames * (run->mix ? run->mix->num_edges : run->num_rows);
}

/* Fills slot->upload and slot->commands. *upload_bytes: how much of slot->upload was written. */
static VkResult record(mxd_vulkan_backend *backend, mxd_vulkan_slot *slot, const mxd_block *block,
                       uint64_t *upload_bytes)
{
    VkCommandBuffer commands = slot->commands;
    const VkCommandBufferBeginInfo begin = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
        .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT,
    };
    VkResult result = vkResetCommandPool(backend->context.device, slot->pool, 0);
    if (result == VK_SUCCESS)
        result = vkBeginCommandBuffer(commands, &begin);
    if (result != VK_SUCCESS)
        return result;
    slot->num_phases = 0;
    if (slot->queries)
        vkCmdResetQueryPool(commands, slot->queries, 0, slot->query_capacity);

    /* The block before may still be reading lanes and parameters, or writing state. */
    barrier(commands, WORK_STAGES, WORK_WRITES, WORK_STAGES, WORK_READS | WORK_WRITES);
    if (slot->queries)
        vkCmdWriteTimestamp(commands, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, slot->queries, 0);
    uint64_t bytes = params_bytes(backend, block);
    const VkBufferCopy params = {.size = bytes};
    vkCmdCopyBuffer(commands, slot->upload.buffer, backend->params.buffer, 1, &params);
    *upload_bytes = record_uploads(backend, slot, block, bytes);
    barrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT, WORK_STAGES,
            WORK_READS | WORK_WRITES);
    end_phase(slot, commands, MXD_VULKAN_KERNEL_UPLOAD);
    backend->lane_frames[MXD_VULKAN_KERNEL_UPLOAD] += (uint64_t)block->num_frames * block->num_uploads;

    mxd_vulkan_recording recording = {
        .commands = commands,
        .num_frames = block->num_frames,
        .params = slot->upload.mapped,
    };
    for (uint32_t i = 0; i < block->num_runs; i++) {
        const mxd_step_run *run = &block->runs[i];
        mxd_vulkan_step *step = backend->steps[run->step];
        step->functions->record(backend, step, &recording, run);
        barrier(commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_WRITE_BIT, WORK_STAGES,
                WORK_READS | WORK_WRITES);
        end_phase(slot, commands, step->functions->kernel);
        backend->lane_frames[step->functions->kernel] += count_lane_frames(run, block->num_frames);
    }

    record_downloads(backend, slot, block);
    barrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT, VK_PIPELINE_STAGE_HOST_BIT,
            VK_ACCESS_HOST_READ_BIT);
    end_phase(slot, commands, MXD_VULKAN_KERNEL_DOWNLOAD);
    backend->lane_frames[MXD_VULKAN_KERNEL_DOWNLOAD] += (uint64_t)block->num_frames * block->num_downloads;
    return vkEndCommandBuffer(commands);
}

static mxd_result fail_block(mxd_vulkan_backend *backend, VkResult result, const char *what)
{
    if (result == VK_ERROR_DEVICE_LOST)
        backend->lost = true;
    return mxd_vulkan_fail(&backend->context, result, what);
}

mxd_result mxd_vulkan_submit(mxd_backend *base, const mxd_block *block, uint64_t *ticket)
{
    mxd_vulkan_backend *backend = (mxd_vulkan_backend *)base;
    if (backend->lost)
        return mxd_vulkan_fail(&backend->context, VK_ERROR_DEVICE_LOST, "submitting a block");
    mxd_vulkan_slot *slot = &backend->slots[backend->next_ticket % base->params.blocks_in_flight];
    mxd_result result = make_room(backend, slot, block);
    if (result != MXD_OK)
        return result;
    uint64_t upload_bytes;
    VkResult vk = record(backend, slot, block, &upload_bytes);
    if (vk != VK_SUCCESS)
        return fail_block(backend, vk, "recording a block");
    result = mxd_vulkan_buffer_flush(&backend->context, &slot->upload, upload_bytes);
    if (result != MXD_OK)
        return result;

    const VkTimelineSemaphoreSubmitInfo timeline = {
        .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
        .signalSemaphoreValueCount = 1,
        .pSignalSemaphoreValues = &backend->next_ticket,
    };
    const VkSubmitInfo submit = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .pNext = &timeline,
        .commandBufferCount = 1,
        .pCommandBuffers = &slot->commands,
        .signalSemaphoreCount = 1,
        .pSignalSemaphores = &backend->timeline,
    };
    vk = vkQueueSubmit(backend->context.queue, 1, &submit, VK_NULL_HANDLE);
    if (vk != VK_SUCCESS)
        return fail_block(backend, vk, "submitting a block");
    slot->ticket = backend->next_ticket++;
    slot->num_frames = block->num_frames;
    *ticket = slot->ticket;
    return mxd_vulkan_instance_check(&backend->context.instance, base->problems);
}

/* ---- Waiting ------------------------------------------------------------- */

static VkResult wait_for(mxd_vulkan_backend *backend, uint64_t ticket)
{
    const VkSemaphoreWaitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
        .semaphoreCount = 1,
        .pSemaphores = &backend->timeline,
        .pValues = &ticket,
    };
    /* A device that hangs is reset by its driver, which ends the wait with VK_ERROR_DEVICE_LOST. */
    return vkWaitSemaphores(backend->context.device, &info, UINT64_MAX);
}

void mxd_vulkan_wait_idle(mxd_vulkan_backend *backend)
{
    vkDeviceWaitIdle(backend->context.device);
}

static void add_times(mxd_vulkan_backend *backend, const mxd_vulkan_slot *slot)
{
    const mxd_vulkan_limits *limits = &backend->context.limits;
    uint64_t before = 0;
    for (uint32_t i = 0; slot->queries && i <= slot->num_phases; i++) {
        uint64_t now = 0;
        if (vkGetQueryPoolResults(backend->context.device, slot->queries, i, 1, sizeof now, &now, sizeof now,
                                  VK_QUERY_RESULT_64_BIT) != VK_SUCCESS)
            return;
        if (i > 0)
            backend->device_s[slot->phases[i - 1]] +=
                (double)((now - before) & limits->timestamp_mask) * limits->timestamp_ns * 1e-9;
        before = now;
    }
}

mxd_result mxd_vulkan_wait(mxd_backend *base, uint64_t ticket)
{
    mxd_vulkan_backend *backend = (mxd_vulkan_backend *)base;
    mxd_vulkan_slot *slot = &backend->slots[ticket % base->params.blocks_in_flight];
    if (backend->lost)
        return mxd_vulkan_fail(&backend->context, VK_ERROR_DEVICE_LOST, "waiting for a block");
    VkResult vk = wait_for(backend, ticket);
    if (vk != VK_SUCCESS)
        return fail_block(backend, vk, "waiting for a block");
    uint64_t lane_bytes = (uint64_t)slot->num_frames * sizeof(float);
    mxd_result result = mxd_vulkan_buffer_invalidate(&backend->context, &slot->download,
                                                     slot->num_downloads * lane_bytes);
    if (result != MXD_OK)
        return result;
    for (uint32_t i = 0; i < slot->num_downloads; i++)
        memcpy(slot->downloads[i].frames, (const uint8_t *)slot->download.mapped + i * lane_bytes, lane_bytes);
    add_times(backend, slot);
    return mxd_vulkan_instance_check(&backend->context.instance, base->problems);
}
