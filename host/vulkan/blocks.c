/*
 * Blocks: each has up to three command buffers of one slot, for the queues of
 * its upload, its steps and its downloads, chained by timeline semaphores
 * (queues.c); where a queue does two of these, they are one command buffer. A
 * block's ticket is the value that the semaphores reach with it.
 *
 * Lanes, state and backend->params belong to the compute queue, which runs
 * blocks one after another. What crosses to other queues belongs to the slot,
 * and a slot is used again only when its block has been waited for: so the
 * upload of a block overlaps the steps of the one before and the downloads of
 * the one before that.
 */
#include "vulkan.h"

#include <stdlib.h>
#include <string.h>

#define COPIES_AT_ONCE 64u

/* Where the slot's queries are; those of the compute queue's phases come last, for there may be any number. */
#define UPLOAD_QUERY 0u
#define DOWNLOAD_QUERY 2u
#define FIRST_PHASE_QUERY 4u

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
    mxd_result result = mxd_vulkan_uploads_prepare(backend);
    uint64_t bytes = MXD_VULKAN_PARAMS_ALIGNMENT;
    for (uint32_t i = 0; result == MXD_OK && i < backend->num_steps; i++) {
        result = backend->steps[i]->functions->prepare(backend, backend->steps[i]);
        bytes += backend->steps[i]->functions->params_bytes(backend->steps[i], NULL);
    }
    if (result == MXD_OK)
        result = mxd_vulkan_pipeline_wait(&backend->context, &backend->unpack);
    if (result == MXD_OK) /* else a copy may hang, and wait_idle has to know */
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

static mxd_result grow_phases(mxd_vulkan_backend *backend, mxd_vulkan_slot *slot, uint32_t num_queries)
{
    if (slot->query_capacity >= num_queries)
        return MXD_OK;
    uint32_t capacity = num_queries + num_queries / 2;
    mxd_vulkan_kernel *phases = realloc(slot->phases, capacity * sizeof *phases);
    if (!phases)
        return mxd_fail(backend->base.problems, MXD_ERROR_MEMORY, NULL, "memory ran out while a block was submitted");
    slot->phases = phases;
    if (backend->context.limits.timestamp_ns > 0) { /* each queue has its own valid bits, or none */
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
    uint64_t bytes = block->num_downloads * (uint64_t)block->num_frames * sizeof(float);
    mxd_result result = mxd_vulkan_buffer_grow(&backend->context, bytes, MXD_VULKAN_DOWNLOAD, "downloads",
                                               &slot->download);
    if (result == MXD_OK && backend->context.queues[MXD_VULKAN_FROM_DEVICE].split)
        result = mxd_vulkan_buffer_grow(&backend->context, bytes, MXD_VULKAN_EXCHANGE, "downloads", &slot->results);
    if (result == MXD_OK)
        result = grow_phases(backend, slot, FIRST_PHASE_QUERY + block->num_runs + 4);
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

static void write_timestamp(mxd_vulkan_backend *backend, mxd_vulkan_slot *slot, mxd_vulkan_queue_role role,
                            uint32_t query)
{
    if (slot->queries && backend->context.queues[role].timestamp_mask)
        vkCmdWriteTimestamp(slot->commands[role], VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, slot->queries, query);
}

/* The end of a phase of the compute queue. */
static void end_phase(mxd_vulkan_backend *backend, mxd_vulkan_slot *slot, mxd_vulkan_kernel kernel)
{
    slot->phases[slot->num_phases++] = kernel;
    write_timestamp(backend, slot, MXD_VULKAN_COMPUTE, FIRST_PHASE_QUERY + slot->num_phases);
}

static VkResult begin_commands(mxd_vulkan_backend *backend, mxd_vulkan_slot *slot, mxd_vulkan_queue_role role)
{
    const VkCommandBufferBeginInfo begin = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
        .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT,
    };
    VkResult result = vkResetCommandPool(backend->context.device, slot->pools[role], 0);
    return result == VK_SUCCESS ? vkBeginCommandBuffer(slot->commands[role], &begin) : result;
}

/* Copies the lanes to one buffer, one after another. */
static void copy_lanes(mxd_vulkan_backend *backend, VkCommandBuffer commands, const mxd_block *block, VkBuffer to)
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
            vkCmdCopyBuffer(commands, backend->lanes.buffer, to, count, copies);
            count = 0;
        }
    }
}

static uint64_t count_lane_frames(const mxd_step_run *run, uint32_t num_frames)
{
    return (uint64_t)num_frames * (run->mix ? run->mix->num_edges : run->num_rows);
}

/* A copy on a queue of its own. Where that is the compute queue after all, the barrier orders it, for validation too. */
static VkResult record_transfer(mxd_vulkan_backend *backend, mxd_vulkan_slot *slot, mxd_vulkan_queue_role role,
                                uint32_t query, uint64_t download_bytes)
{
    const mxd_vulkan_queue *queue = &backend->context.queues[role];
    VkCommandBuffer commands = slot->commands[role];
    VkResult result = begin_commands(backend, slot, role);
    if (result != VK_SUCCESS)
        return result;
    barrier(commands, queue->stages, queue->writes, VK_PIPELINE_STAGE_TRANSFER_BIT,
            VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT);
    write_timestamp(backend, slot, role, query);
    if (role == MXD_VULKAN_TO_DEVICE) {
        mxd_vulkan_uploads_copy(backend, slot, commands);
    } else {
        const VkBufferCopy region = {.size = download_bytes};
        vkCmdCopyBuffer(commands, slot->results.buffer, slot->download.buffer, 1, &region);
        barrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT, VK_PIPELINE_STAGE_HOST_BIT,
                VK_ACCESS_HOST_READ_BIT);
    }
    write_timestamp(backend, slot, role, query + 1);
    return vkEndCommandBuffer(commands);
}

static void record_steps(mxd_vulkan_backend *backend, mxd_vulkan_slot *slot, const mxd_block *block)
{
    mxd_vulkan_recording recording = {
        .commands = slot->commands[MXD_VULKAN_COMPUTE],
        .num_frames = block->num_frames,
        .params = slot->head.host.mapped,
    };
    for (uint32_t i = 0; i < block->num_runs; i++) {
        const mxd_step_run *run = &block->runs[i];
        mxd_vulkan_step *step = backend->steps[run->step];
        step->functions->record(backend, step, &recording, run);
        barrier(recording.commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_WRITE_BIT, WORK_STAGES,
                WORK_READS | WORK_WRITES);
        end_phase(backend, slot, step->functions->kernel);
        backend->lane_frames[step->functions->kernel] += count_lane_frames(run, block->num_frames);
    }
}

static VkResult record_compute(mxd_vulkan_backend *backend, mxd_vulkan_slot *slot, const mxd_block *block)
{
    const mxd_vulkan_queue *queues = backend->context.queues;
    VkCommandBuffer commands = slot->commands[MXD_VULKAN_COMPUTE];
    VkResult result = begin_commands(backend, slot, MXD_VULKAN_COMPUTE);
    if (result != VK_SUCCESS)
        return result;
    slot->num_phases = 0;
    write_timestamp(backend, slot, MXD_VULKAN_COMPUTE, FIRST_PHASE_QUERY);
    /* Before the barrier: the copies need not wait for the steps of the block before. */
    if (!queues[MXD_VULKAN_TO_DEVICE].split)
        mxd_vulkan_uploads_copy(backend, slot, commands);
    /* The block before may still be reading lanes and parameters, or writing state. */
    barrier(commands, WORK_STAGES, WORK_WRITES, WORK_STAGES, WORK_READS | WORK_WRITES);
    end_phase(backend, slot, MXD_VULKAN_KERNEL_UPLOAD);
    const VkBufferCopy params = {.size = params_bytes(backend, block)};
    vkCmdCopyBuffer(commands, mxd_vulkan_staged_buffer(&slot->head)->buffer, backend->params.buffer, 1, &params);
    mxd_vulkan_uploads_unpack(backend, slot, commands);
    barrier(commands, WORK_STAGES, WORK_WRITES, WORK_STAGES, WORK_READS | WORK_WRITES);
    end_phase(backend, slot, MXD_VULKAN_KERNEL_UNPACK);
    record_steps(backend, slot, block);
    bool elsewhere = queues[MXD_VULKAN_FROM_DEVICE].split;
    copy_lanes(backend, commands, block, elsewhere ? slot->results.buffer : slot->download.buffer);
    if (!elsewhere)
        barrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT, VK_PIPELINE_STAGE_HOST_BIT,
                VK_ACCESS_HOST_READ_BIT);
    end_phase(backend, slot, MXD_VULKAN_KERNEL_DOWNLOAD);
    return vkEndCommandBuffer(commands);
}

/* The block's command buffers; which there are goes to slot->was_uploaded and slot->last. */
static VkResult record(mxd_vulkan_backend *backend, mxd_vulkan_slot *slot, const mxd_block *block)
{
    const mxd_vulkan_device_context *context = &backend->context;
    uint64_t download_bytes = block->num_downloads * (uint64_t)block->num_frames * sizeof(float);
    slot->was_uploaded = context->queues[MXD_VULKAN_TO_DEVICE].split && !context->direct;
    slot->last = context->queues[MXD_VULKAN_FROM_DEVICE].split && download_bytes > 0 ? MXD_VULKAN_FROM_DEVICE
                                                                                     : MXD_VULKAN_COMPUTE;
    if (slot->queries)
        vkResetQueryPool(context->device, slot->queries, 0, slot->query_capacity);
    VkResult result = record_compute(backend, slot, block);
    if (result == VK_SUCCESS && slot->was_uploaded)
        result = record_transfer(backend, slot, MXD_VULKAN_TO_DEVICE, UPLOAD_QUERY, 0);
    if (result == VK_SUCCESS && slot->last == MXD_VULKAN_FROM_DEVICE)
        result = record_transfer(backend, slot, MXD_VULKAN_FROM_DEVICE, DOWNLOAD_QUERY, download_bytes);
    backend->lane_frames[MXD_VULKAN_KERNEL_UPLOAD] += (uint64_t)block->num_frames * block->num_uploads;
    backend->lane_frames[MXD_VULKAN_KERNEL_UNPACK] += (uint64_t)block->num_frames * block->num_uploads;
    backend->lane_frames[MXD_VULKAN_KERNEL_DOWNLOAD] += (uint64_t)block->num_frames * block->num_downloads;
    if (block->num_downloads > 0) /* the slot keeps its own list: the block's arrays end with the call */
        memcpy(slot->downloads, block->downloads, block->num_downloads * sizeof *slot->downloads);
    slot->num_downloads = block->num_downloads;
    slot->num_frames = block->num_frames;
    return result;
}

static VkResult submit_commands(mxd_vulkan_backend *backend, mxd_vulkan_slot *slot, uint64_t ticket)
{
    static const mxd_vulkan_queue_role uploaded = MXD_VULKAN_TO_DEVICE;
    static const mxd_vulkan_queue_role computed = MXD_VULKAN_COMPUTE;
    mxd_vulkan_device_context *context = &backend->context;
    VkResult result = VK_SUCCESS;
    if (slot->was_uploaded)
        result = mxd_vulkan_queue_submit(context, MXD_VULKAN_TO_DEVICE, slot->commands[MXD_VULKAN_TO_DEVICE], ticket,
                                         NULL);
    if (result == VK_SUCCESS)
        result = mxd_vulkan_queue_submit(context, MXD_VULKAN_COMPUTE, slot->commands[MXD_VULKAN_COMPUTE], ticket,
                                         slot->was_uploaded ? &uploaded : NULL);
    if (result == VK_SUCCESS && slot->last == MXD_VULKAN_FROM_DEVICE)
        result = mxd_vulkan_queue_submit(context, MXD_VULKAN_FROM_DEVICE, slot->commands[MXD_VULKAN_FROM_DEVICE],
                                         ticket, &computed);
    return result;
}

static mxd_result fail_block(mxd_vulkan_backend *backend, VkResult result, const char *what)
{
    /* Part of a block may be under way, and a ticket is signalled only once: nothing can follow. */
    backend->lost = true;
    if (backend->context.hung)
        return mxd_fail(backend->base.problems, MXD_ERROR_DEVICE, NULL,
                        "%s failed: the device has not finished it within %.3g s, so it hangs or its driver does; "
                        "render on the cpu, or with smaller blocks", what,
                        1e-3 * (double)backend->context.limits.wait_ms);
    return mxd_vulkan_fail(&backend->context, result, what);
}

mxd_result mxd_vulkan_submit(mxd_backend *base, const mxd_block *block, uint64_t *ticket)
{
    mxd_vulkan_backend *backend = (mxd_vulkan_backend *)base;
    if (backend->lost)
        return mxd_vulkan_fail(&backend->context, VK_ERROR_DEVICE_LOST, "submitting a block");
    mxd_vulkan_slot *slot = &backend->slots[backend->next_ticket % base->params.blocks_in_flight];
    mxd_result result = make_room(backend, slot, block);
    if (result == MXD_OK)
        result = mxd_vulkan_uploads_stage(backend, slot, block, params_bytes(backend, block));
    if (result != MXD_OK)
        return result;
    VkResult vk = record(backend, slot, block);
    if (vk != VK_SUCCESS)
        return fail_block(backend, vk, "recording a block");
    result = mxd_vulkan_uploads_flush(backend, slot);
    if (result != MXD_OK)
        return result;
    vk = submit_commands(backend, slot, backend->next_ticket);
    if (vk != VK_SUCCESS)
        return fail_block(backend, vk, "submitting a block");
    slot->ticket = backend->next_ticket++;
    *ticket = slot->ticket;
    return mxd_vulkan_instance_check(&backend->context.instance, base->problems);
}

/* ---- Waiting ------------------------------------------------------------- */

/* Seconds between two queries of a queue; 0 where it has no timestamps. */
static double time_between(const mxd_vulkan_backend *backend, const mxd_vulkan_slot *slot, mxd_vulkan_queue_role role,
                           uint32_t query)
{
    uint64_t times[2];
    uint64_t mask = backend->context.queues[role].timestamp_mask;
    if (!slot->queries || !mask ||
        vkGetQueryPoolResults(backend->context.device, slot->queries, query, 2, sizeof times, times, sizeof *times,
                              VK_QUERY_RESULT_64_BIT) != VK_SUCCESS)
        return 0;
    return (double)((times[1] - times[0]) & mask) * backend->context.limits.timestamp_ns * 1e-9;
}

static void add_times(mxd_vulkan_backend *backend, const mxd_vulkan_slot *slot)
{
    for (uint32_t i = 0; i < slot->num_phases; i++)
        backend->device_s[slot->phases[i]] +=
            time_between(backend, slot, MXD_VULKAN_COMPUTE, FIRST_PHASE_QUERY + i);
    if (slot->was_uploaded)
        backend->device_s[MXD_VULKAN_KERNEL_UPLOAD] +=
            time_between(backend, slot, MXD_VULKAN_TO_DEVICE, UPLOAD_QUERY);
    if (slot->last == MXD_VULKAN_FROM_DEVICE)
        backend->device_s[MXD_VULKAN_KERNEL_DOWNLOAD] +=
            time_between(backend, slot, MXD_VULKAN_FROM_DEVICE, DOWNLOAD_QUERY);
}

static void copy_download(void *user, uint32_t index, uint32_t thread)
{
    (void)thread;
    const mxd_vulkan_slot *slot = user;
    uint64_t lane_bytes = (uint64_t)slot->num_frames * sizeof(float);
    memcpy(slot->downloads[index].frames, (const uint8_t *)slot->download.mapped + index * lane_bytes, lane_bytes);
}

mxd_result mxd_vulkan_wait(mxd_backend *base, uint64_t ticket)
{
    mxd_vulkan_backend *backend = (mxd_vulkan_backend *)base;
    mxd_vulkan_slot *slot = &backend->slots[ticket % base->params.blocks_in_flight];
    if (backend->lost)
        return mxd_vulkan_fail(&backend->context, VK_ERROR_DEVICE_LOST, "waiting for a block");
    VkResult vk = mxd_vulkan_queue_wait(&backend->context, slot->last, ticket);
    if (vk != VK_SUCCESS)
        return fail_block(backend, vk, "waiting for a block");
    uint64_t bytes = slot->num_downloads * (uint64_t)slot->num_frames * sizeof(float);
    mxd_result result = mxd_vulkan_buffer_invalidate(&backend->context, &slot->download, bytes);
    if (result != MXD_OK)
        return result;
    mxd_vulkan_share_copies(backend, bytes, slot->num_downloads, copy_download, slot);
    add_times(backend, slot);
    return mxd_vulkan_instance_check(&backend->context.instance, base->problems);
}
