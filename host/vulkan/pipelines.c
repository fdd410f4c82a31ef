/*
 * Compute pipelines from the embedded SPIR-V, and descriptor sets: storage
 * buffers only, at bindings 0..n-1 of set 0, one push-constant block.
 */
#include "vulkan.h"

#include "shaders/types.h"

#include <string.h>

static const mxd_spirv_module *find_module(const char *name)
{
    for (size_t i = 0; i < mxd_spirv_num_modules; i++)
        if (strcmp(mxd_spirv_modules[i].name, name) == 0)
            return &mxd_spirv_modules[i];
    return NULL;
}

static VkResult create_layouts(mxd_vulkan_device_context *context, mxd_vulkan_pipeline *pipeline)
{
    VkDescriptorSetLayoutBinding bindings[MXD_VULKAN_MAX_BINDINGS];
    for (uint32_t i = 0; i < pipeline->num_bindings; i++)
        bindings[i] = (VkDescriptorSetLayoutBinding){
            .binding = i,
            .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
            .descriptorCount = 1,
            .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
        };
    const VkDescriptorSetLayoutCreateInfo set = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
        .bindingCount = pipeline->num_bindings,
        .pBindings = bindings,
    };
    VkResult result = vkCreateDescriptorSetLayout(context->device, &set, NULL, &pipeline->set_layout);
    if (result != VK_SUCCESS)
        return result;
    const VkPushConstantRange push = {.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT, .size = pipeline->push_bytes};
    const VkPipelineLayoutCreateInfo layout = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
        .setLayoutCount = 1,
        .pSetLayouts = &pipeline->set_layout,
        .pushConstantRangeCount = 1,
        .pPushConstantRanges = &push,
    };
    return vkCreatePipelineLayout(context->device, &layout, NULL, &pipeline->layout);
}

static VkResult create_pipeline(mxd_vulkan_device_context *context, const mxd_spirv_module *spirv, uint32_t workgroup,
                                mxd_vulkan_pipeline *pipeline)
{
    const VkShaderModuleCreateInfo module_info = {
        .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
        .codeSize = spirv->num_words * sizeof *spirv->words,
        .pCode = spirv->words,
    };
    VkShaderModule module;
    VkResult result = vkCreateShaderModule(context->device, &module_info, NULL, &module);
    if (result != VK_SUCCESS)
        return result;
    const VkSpecializationMapEntry entry = {.constantID = MXD_SPEC_WORKGROUP, .size = sizeof workgroup};
    const VkSpecializationInfo specialization = {
        .mapEntryCount = 1,
        .pMapEntries = &entry,
        .dataSize = sizeof workgroup,
        .pData = &workgroup,
    };
    const VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage = {
            .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
            .stage = VK_SHADER_STAGE_COMPUTE_BIT,
            .module = module,
            .pName = "main",
            .pSpecializationInfo = workgroup ? &specialization : NULL,
        },
        .layout = pipeline->layout,
    };
    result = vkCreateComputePipelines(context->device, VK_NULL_HANDLE, 1, &info, NULL, &pipeline->pipeline);
    vkDestroyShaderModule(context->device, module, NULL);
    return result;
}

mxd_result mxd_vulkan_pipeline_init(mxd_vulkan_device_context *context, const char *module, uint32_t num_bindings,
                                    uint32_t push_bytes, uint32_t workgroup, mxd_vulkan_pipeline *pipeline)
{
    memset(pipeline, 0, sizeof *pipeline);
    const mxd_spirv_module *spirv = find_module(module);
    if (!spirv)
        return mxd_fail(context->problems, MXD_ERROR_DEVICE, NULL, "there is no kernel '%s' in this build", module);
    pipeline->num_bindings = num_bindings;
    pipeline->push_bytes = push_bytes;
    VkResult result = create_layouts(context, pipeline);
    if (result == VK_SUCCESS)
        result = create_pipeline(context, spirv, workgroup, pipeline);
    if (result == VK_SUCCESS)
        return MXD_OK;
    mxd_vulkan_pipeline_finish(context, pipeline);
    return mxd_vulkan_fail(context, result, "building a kernel for the device");
}

void mxd_vulkan_pipeline_finish(mxd_vulkan_device_context *context, mxd_vulkan_pipeline *pipeline)
{
    if (pipeline->pipeline)
        vkDestroyPipeline(context->device, pipeline->pipeline, NULL);
    if (pipeline->layout)
        vkDestroyPipelineLayout(context->device, pipeline->layout, NULL);
    if (pipeline->set_layout)
        vkDestroyDescriptorSetLayout(context->device, pipeline->set_layout, NULL);
    memset(pipeline, 0, sizeof *pipeline);
}

mxd_result mxd_vulkan_set_init(mxd_vulkan_device_context *context, const mxd_vulkan_pipeline *pipeline,
                               mxd_vulkan_set *set)
{
    memset(set, 0, sizeof *set);
    const VkDescriptorPoolSize size = {
        .type = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
        .descriptorCount = pipeline->num_bindings,
    };
    const VkDescriptorPoolCreateInfo pool = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
        .maxSets = 1,
        .poolSizeCount = 1,
        .pPoolSizes = &size,
    };
    VkResult result = vkCreateDescriptorPool(context->device, &pool, NULL, &set->pool);
    if (result == VK_SUCCESS) {
        const VkDescriptorSetAllocateInfo info = {
            .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
            .descriptorPool = set->pool,
            .descriptorSetCount = 1,
            .pSetLayouts = &pipeline->set_layout,
        };
        result = vkAllocateDescriptorSets(context->device, &info, &set->set);
    }
    if (result == VK_SUCCESS)
        return MXD_OK;
    mxd_vulkan_set_finish(context, set);
    return mxd_vulkan_fail(context, result, "making descriptors");
}

void mxd_vulkan_set_finish(mxd_vulkan_device_context *context, mxd_vulkan_set *set)
{
    if (set->pool)
        vkDestroyDescriptorPool(context->device, set->pool, NULL);
    memset(set, 0, sizeof *set);
}

void mxd_vulkan_set_write(mxd_vulkan_device_context *context, const mxd_vulkan_set *set,
                          const mxd_vulkan_buffer *const *buffers, uint32_t num_buffers)
{
    VkDescriptorBufferInfo infos[MXD_VULKAN_MAX_BINDINGS];
    VkWriteDescriptorSet writes[MXD_VULKAN_MAX_BINDINGS];
    for (uint32_t i = 0; i < num_buffers; i++) {
        infos[i] = (VkDescriptorBufferInfo){.buffer = buffers[i]->buffer, .range = buffers[i]->bytes};
        writes[i] = (VkWriteDescriptorSet){
            .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
            .dstSet = set->set,
            .dstBinding = i,
            .descriptorCount = 1,
            .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
            .pBufferInfo = &infos[i],
        };
    }
    vkUpdateDescriptorSets(context->device, num_buffers, writes, 0, NULL);
}

void mxd_vulkan_dispatch(VkCommandBuffer commands, const mxd_vulkan_pipeline *pipeline, const mxd_vulkan_set *set,
                         const void *push, uint32_t x, uint32_t y, uint32_t z)
{
    vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline->pipeline);
    vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline->layout, 0, 1, &set->set, 0, NULL);
    vkCmdPushConstants(commands, pipeline->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, pipeline->push_bytes, push);
    vkCmdDispatch(commands, x, y, z);
}

void mxd_vulkan_compute_barrier(VkCommandBuffer commands)
{
    const VkMemoryBarrier barrier = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT,
    };
    vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, 0, 1,
                         &barrier, 0, NULL, 0, NULL);
}
