/*
 * The table of functions of the Vulkan backend, and what is made once: the
 * device, the lanes, the slots for blocks in flight, the list of steps.
 */
#include "vulkan.h"

#include <stdlib.h>

static void finish_slot(mxd_vulkan_backend *backend, mxd_vulkan_slot *slot)
{
    mxd_vulkan_device_context *context = &backend->context;
    for (uint32_t i = 0; i < MXD_VULKAN_NUM_QUEUES; i++)
        if (slot->pools[i])
            vkDestroyCommandPool(context->device, slot->pools[i], NULL);
    if (slot->queries)
        vkDestroyQueryPool(context->device, slot->queries, NULL);
    mxd_vulkan_uploads_finish(backend, slot);
    mxd_vulkan_buffer_finish(context, &slot->results);
    mxd_vulkan_buffer_finish(context, &slot->download);
    free(slot->downloads);
    free(slot->phases);
}

static mxd_result init_slot(mxd_vulkan_device_context *context, mxd_vulkan_slot *slot)
{
    VkResult result = VK_SUCCESS;
    for (uint32_t i = 0; result == VK_SUCCESS && i < MXD_VULKAN_NUM_QUEUES; i++) {
        if (!context->queues[i].split)
            continue;
        const VkCommandPoolCreateInfo pool = {
            .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
            .flags = VK_COMMAND_POOL_CREATE_TRANSIENT_BIT,
            .queueFamilyIndex = context->queues[i].family,
        };
        result = vkCreateCommandPool(context->device, &pool, NULL, &slot->pools[i]);
        if (result != VK_SUCCESS)
            break;
        const VkCommandBufferAllocateInfo commands = {
            .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
            .commandPool = slot->pools[i],
            .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
            .commandBufferCount = 1,
        };
        result = vkAllocateCommandBuffers(context->device, &commands, &slot->commands[i]);
    }
    return result == VK_SUCCESS ? MXD_OK : mxd_vulkan_fail(context, result, "preparing the Vulkan device");
}

/* False where the device hangs: then nothing that it may still use can be given back, nor waited for without an end. */
static bool wait_idle(mxd_vulkan_backend *backend)
{
    mxd_vulkan_device_context *context = &backend->context;
    bool idle = !mxd_vulkan_transfer_hangs(context);
    for (uint32_t i = 0; context->hung && i < MXD_VULKAN_MAX_SLOTS; i++) {
        const mxd_vulkan_slot *slot = &backend->slots[i];
        uint64_t reached = 0;
        if (slot->ticket == 0)
            continue;
        idle = idle && vkGetSemaphoreCounterValue(context->device, context->queues[slot->last].timeline, &reached) ==
                           VK_SUCCESS && reached >= slot->ticket;
    }
    if (idle)
        vkDeviceWaitIdle(context->device);
    return idle;
}

static void destroy(mxd_backend *base)
{
    mxd_vulkan_backend *backend = (mxd_vulkan_backend *)base;
    mxd_vulkan_device_context *context = &backend->context;
    mxd_threads_destroy(backend->copiers);
    if (context->device && wait_idle(backend)) {
        for (uint32_t i = 0; i < backend->num_steps; i++)
            backend->steps[i]->functions->destroy(backend, backend->steps[i]);
        mxd_vulkan_convolver_destroy(backend);
        mxd_vulkan_pipeline_finish(context, &backend->eq);
        mxd_vulkan_pipeline_finish(context, &backend->mix);
        mxd_vulkan_pipeline_finish(context, &backend->unpack);
        for (uint32_t i = 0; i < MXD_NUM_KERNELS; i++)
            mxd_vulkan_pipeline_finish(context, &backend->rows[i]);
        for (uint32_t i = 0; i < MXD_VULKAN_MAX_SLOTS; i++)
            finish_slot(backend, &backend->slots[i]);
        mxd_vulkan_buffer_finish(context, &backend->params);
        mxd_vulkan_buffer_finish(context, &backend->lanes);
        mxd_vulkan_device_finish(context);
    }
    free(backend->steps);
    free(backend);
}

static uint64_t memory(const mxd_backend *base)
{
    return ((const mxd_vulkan_backend *)base)->context.total_bytes;
}

static uint32_t timings(const mxd_backend *base, mxd_backend_timing *entries, uint32_t capacity)
{
    static const char *const names[MXD_VULKAN_KERNEL_ROWS] = {"eq",     "convolve", "mix",
                                                            "upload", "unpack",   "download"};
    const mxd_vulkan_backend *backend = (const mxd_vulkan_backend *)base;
    for (uint32_t i = 0; i < MXD_VULKAN_NUM_KERNELS && i < capacity; i++)
        entries[i] = (mxd_backend_timing){
            .kernel = i < MXD_VULKAN_KERNEL_ROWS ? names[i]
                                                 : mxd_kernel_get((mxd_kernel_id)(i - MXD_VULKAN_KERNEL_ROWS))->name,
            .device_s = backend->device_s[i],
            .lane_frames = backend->lane_frames[i],
        };
    return MXD_VULKAN_NUM_KERNELS;
}

mxd_result mxd_vulkan_add_step(mxd_vulkan_backend *backend, mxd_vulkan_step *step, uint32_t *number)
{
    if (backend->num_steps == backend->step_capacity) {
        uint32_t capacity = backend->step_capacity ? 2 * backend->step_capacity : 16;
        mxd_vulkan_step **steps = realloc(backend->steps, capacity * sizeof *steps);
        if (!steps)
            return mxd_fail(backend->base.problems, MXD_ERROR_MEMORY, NULL, "memory ran out while a step was added");
        backend->steps = steps;
        backend->step_capacity = capacity;
    }
    *number = backend->num_steps;
    backend->steps[backend->num_steps++] = step;
    return MXD_OK;
}

mxd_result mxd_backend_vulkan_create(const mxd_backend_params *params, mxd_problems *problems, mxd_backend **out)
{
    static const mxd_backend_functions functions = {
        .destroy = destroy,
        .add_eq = mxd_vulkan_add_eq,
        .add_convolve = mxd_vulkan_add_convolve,
        .add_mix = mxd_vulkan_add_mix,
        .add_rows = mxd_vulkan_add_rows,
        .prepare = mxd_vulkan_prepare,
        .memory = memory,
        .submit = mxd_vulkan_submit,
        .wait = mxd_vulkan_wait,
        .timings = timings,
    };
    *out = NULL;
    mxd_vulkan_backend *backend = calloc(1, sizeof *backend);
    if (!backend)
        return mxd_fail(problems, MXD_ERROR_MEMORY, NULL, "memory ran out while the Vulkan backend was made");
    backend->base.functions = &functions;
    backend->base.params = *params;
    backend->base.problems = problems;
    backend->next_ticket = 1;
    mxd_result result = mxd_vulkan_device_init(&backend->context, params->device, &backend->base.info, problems);
    if (result == MXD_OK)
        result = mxd_vulkan_buffer_init(&backend->context, (uint64_t)params->num_lanes * params->block_frames * 4,
                                        MXD_VULKAN_ON_DEVICE, "the lanes", &backend->lanes);
    for (uint32_t i = 0; result == MXD_OK && i < params->blocks_in_flight; i++)
        result = init_slot(&backend->context, &backend->slots[i]);
    if (result == MXD_OK)
        result = mxd_vulkan_instance_check(&backend->context.instance, problems);
    if (result != MXD_OK) {
        destroy(&backend->base);
        return result;
    }
    *out = &backend->base;
    return MXD_OK;
}
