/*
 * Compute pipelines from the embedded SPIR-V, and descriptor sets: storage
 * buffers only, at bindings 0..n-1 of set 0, one push-constant block. Each
 * pipeline is compiled on a thread while the host goes on (reads responses,
 * computes their spectra), and all of them side by side.
 */
#include "vulkan.h"

#include "../cache.h"
#include "shaders/types.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The cache on disk --------------------------------------------------- */

/* All that says that compiled code is this device's and these kernels'. Zeroed first: no byte is left to chance. */
typedef struct cache_key {
    uint32_t vendor;
    uint32_t device;
    uint32_t driver_version;
    uint32_t driver_id;
    uint8_t device_uuid[VK_UUID_SIZE];
    uint8_t driver_uuid[VK_UUID_SIZE];
    uint8_t cache_uuid[VK_UUID_SIZE];
    uint64_t kernels; /* hash of all SPIR-V */
} cache_key;

/* One file a device, so that a new driver or a new mixdown replaces what the old one left. */
typedef struct cache_name {
    char text[16 + 2 * VK_UUID_SIZE];
} cache_name;

struct mxd_vulkan_pipeline_cache {
    VkPipelineCache handle;
    cache_key key;
    cache_name name;
    uint64_t loaded_hash; /* of what was read */
    size_t loaded_bytes;
};

static cache_key find_key(VkPhysicalDevice physical, cache_name *name)
{
    VkPhysicalDeviceDriverProperties driver = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES};
    VkPhysicalDeviceIDProperties ids = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES,
        .pNext = &driver,
    };
    VkPhysicalDeviceProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
        .pNext = &ids,
    };
    vkGetPhysicalDeviceProperties2(physical, &properties);
    cache_key key;
    memset(&key, 0, sizeof key);
    key.vendor = properties.properties.vendorID;
    key.device = properties.properties.deviceID;
    key.driver_version = properties.properties.driverVersion;
    key.driver_id = driver.driverID;
    memcpy(key.device_uuid, ids.deviceUUID, VK_UUID_SIZE);
    memcpy(key.driver_uuid, ids.driverUUID, VK_UUID_SIZE);
    memcpy(key.cache_uuid, properties.properties.pipelineCacheUUID, VK_UUID_SIZE);
    key.kernels = MXD_CACHE_HASH_START;
    for (size_t i = 0; i < mxd_spirv_num_modules; i++)
        key.kernels = mxd_cache_hash(key.kernels, mxd_spirv_modules[i].words,
                                     mxd_spirv_modules[i].num_words * sizeof(uint32_t));
    int length = snprintf(name->text, sizeof name->text, "vulkan-");
    for (size_t i = 0; i < VK_UUID_SIZE; i++)
        length += snprintf(name->text + length, sizeof name->text - (size_t)length, "%02x", key.device_uuid[i]);
    return key;
}

static void *read_cache(const cache_key *key, const cache_name *name, size_t *num_bytes)
{
    return mxd_cache_read(name->text, (mxd_cache_key){key, sizeof *key}, num_bytes);
}

size_t mxd_vulkan_pipeline_cache_bytes(VkPhysicalDevice physical)
{
    cache_name name;
    cache_key key = find_key(physical, &name);
    size_t num_bytes;
    free(read_cache(&key, &name, &num_bytes));
    return num_bytes;
}

void mxd_vulkan_pipeline_cache_init(mxd_vulkan_device_context *context)
{
    char *folder = mxd_cache_folder();
    struct mxd_vulkan_pipeline_cache *cache = folder ? calloc(1, sizeof *cache) : NULL;
    free(folder);
    if (!cache)
        return;
    cache->key = find_key(context->physical, &cache->name);
    void *data = read_cache(&cache->key, &cache->name, &cache->loaded_bytes);
    cache->loaded_hash = mxd_cache_hash(MXD_CACHE_HASH_START, data, cache->loaded_bytes);
    const VkPipelineCacheCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO,
        .initialDataSize = cache->loaded_bytes,
        .pInitialData = data,
    };
    VkResult result = vkCreatePipelineCache(context->device, &info, NULL, &cache->handle);
    free(data);
    if (result == VK_SUCCESS)
        context->pipeline_cache = cache;
    else
        free(cache);
}

/* What the driver has to store, to be freed, or NULL. */
static void *get_data(const mxd_vulkan_device_context *context, size_t *num_bytes)
{
    VkPipelineCache handle = context->pipeline_cache->handle;
    if (vkGetPipelineCacheData(context->device, handle, num_bytes, NULL) != VK_SUCCESS || *num_bytes == 0 ||
        *num_bytes > MXD_CACHE_MAX_BYTES)
        return NULL;
    void *data = calloc(1, *num_bytes);
    /* Some drivers leave the size alone here. */
    size_t written = *num_bytes;
    if (data && vkGetPipelineCacheData(context->device, handle, &written, data) == VK_SUCCESS && written <= *num_bytes) {
        *num_bytes = written;
        return data;
    }
    free(data);
    return NULL;
}

void mxd_vulkan_pipeline_cache_finish(mxd_vulkan_device_context *context)
{
    struct mxd_vulkan_pipeline_cache *cache = context->pipeline_cache;
    if (!cache)
        return;
    size_t num_bytes = 0;
    void *data = get_data(context, &num_bytes);
    if (data && (num_bytes != cache->loaded_bytes ||
                 mxd_cache_hash(MXD_CACHE_HASH_START, data, num_bytes) != cache->loaded_hash))
        mxd_cache_write(cache->name.text, (mxd_cache_key){&cache->key, sizeof cache->key}, data, num_bytes);
    free(data);
    vkDestroyPipelineCache(context->device, cache->handle, NULL);
    free(cache);
    context->pipeline_cache = NULL;
}

/* ---- Pipelines ----------------------------------------------------------- */

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

/* One pipeline under way; it belongs to the thread until that has been joined. */
typedef struct mxd_vulkan_pipeline_build {
    VkDevice device;
    VkPipelineCache cache;
    VkPipelineLayout layout;
    const mxd_spirv_module *spirv;
    uint32_t workgroup;
    uint32_t subgroup;
    pthread_t thread;
    bool has_thread;
    VkPipeline pipeline;
    VkResult result;
} mxd_vulkan_pipeline_build;

static VkResult compile(mxd_vulkan_pipeline_build *build)
{
    const VkShaderModuleCreateInfo module_info = {
        .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
        .codeSize = build->spirv->num_words * sizeof *build->spirv->words,
        .pCode = build->spirv->words,
    };
    VkShaderModule module;
    VkResult result = vkCreateShaderModule(build->device, &module_info, NULL, &module);
    if (result != VK_SUCCESS)
        return result;
    const VkSpecializationMapEntry entry = {.constantID = MXD_SPEC_WORKGROUP, .size = sizeof build->workgroup};
    const VkSpecializationInfo specialization = {
        .mapEntryCount = 1,
        .pMapEntries = &entry,
        .dataSize = sizeof build->workgroup,
        .pData = &build->workgroup,
    };
    const VkPipelineShaderStageRequiredSubgroupSizeCreateInfoEXT subgroup = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO_EXT,
        .requiredSubgroupSize = build->subgroup,
    };
    const VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage = {
            .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
            .pNext = build->subgroup ? &subgroup : NULL,
            .flags = build->subgroup ? VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT_EXT : 0,
            .stage = VK_SHADER_STAGE_COMPUTE_BIT,
            .module = module,
            .pName = "main",
            .pSpecializationInfo = build->workgroup ? &specialization : NULL,
        },
        .layout = build->layout,
    };
    result = vkCreateComputePipelines(build->device, build->cache, 1, &info, NULL, &build->pipeline);
    vkDestroyShaderModule(build->device, module, NULL);
    return result;
}

static void *compile_on_thread(void *user)
{
    mxd_vulkan_pipeline_build *build = user;
    build->result = compile(build);
    return NULL;
}

mxd_result mxd_vulkan_pipeline_start(mxd_vulkan_device_context *context, const mxd_vulkan_pipeline_params *params,
                                     mxd_vulkan_pipeline *pipeline)
{
    if (pipeline->layout)
        return MXD_OK;
    memset(pipeline, 0, sizeof *pipeline);
    const mxd_spirv_module *spirv = find_module(params->module);
    if (!spirv)
        return mxd_fail(context->problems, MXD_ERROR_DEVICE, NULL, "there is no kernel '%s' in this build",
                        params->module);
    pipeline->num_bindings = params->num_bindings;
    pipeline->push_bytes = params->push_bytes;
    VkResult result = create_layouts(context, pipeline);
    mxd_vulkan_pipeline_build *build = result == VK_SUCCESS ? calloc(1, sizeof *build) : NULL;
    if (!build) {
        mxd_vulkan_pipeline_finish(context, pipeline);
        return mxd_vulkan_fail(context, result == VK_SUCCESS ? VK_ERROR_OUT_OF_HOST_MEMORY : result,
                               "building a kernel for the device");
    }
    *build = (mxd_vulkan_pipeline_build){
        .device = context->device,
        .cache = context->pipeline_cache ? context->pipeline_cache->handle : VK_NULL_HANDLE,
        .layout = pipeline->layout,
        .spirv = spirv,
        .workgroup = params->workgroup,
        .subgroup = params->subgroup,
    };
    pipeline->build = build;
    build->has_thread = pthread_create(&build->thread, NULL, compile_on_thread, build) == 0;
    if (!build->has_thread)
        compile_on_thread(build);
    return MXD_OK;
}

static VkResult join(mxd_vulkan_pipeline *pipeline)
{
    mxd_vulkan_pipeline_build *build = pipeline->build;
    if (!build)
        return VK_SUCCESS;
    if (build->has_thread)
        pthread_join(build->thread, NULL);
    VkResult result = build->result;
    pipeline->pipeline = result == VK_SUCCESS ? build->pipeline : VK_NULL_HANDLE;
    pipeline->build = NULL;
    free(build);
    return result;
}

mxd_result mxd_vulkan_pipeline_wait(mxd_vulkan_device_context *context, mxd_vulkan_pipeline *pipeline)
{
    VkResult result = join(pipeline);
    if (result == VK_SUCCESS)
        return MXD_OK;
    mxd_vulkan_pipeline_finish(context, pipeline);
    return mxd_vulkan_fail(context, result, "building a kernel for the device");
}

void mxd_vulkan_pipeline_finish(mxd_vulkan_device_context *context, mxd_vulkan_pipeline *pipeline)
{
    join(pipeline);
    if (pipeline->pipeline)
        vkDestroyPipeline(context->device, pipeline->pipeline, NULL);
    if (pipeline->layout)
        vkDestroyPipelineLayout(context->device, pipeline->layout, NULL);
    if (pipeline->set_layout)
        vkDestroyDescriptorSetLayout(context->device, pipeline->set_layout, NULL);
    memset(pipeline, 0, sizeof *pipeline);
}

/* ---- Descriptor sets and dispatches -------------------------------------- */

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
