/*
 * Physical devices: what each can do, which are usable and why not, and the
 * device that a backend runs on.
 */
#include "vulkan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the kernels need of any device. Vulkan promises 128 invocations and 16 KiB of shared memory. */
#define MIN_WORKGROUP 128u
#define MIN_SHARED_BYTES 16384u
/* A block of the largest session takes minutes on a software device, and milliseconds on a GPU. */
#define WAIT_MS ((uint64_t)600000)
/* The convolver's partitions, in frames; variants.c says why. */
#define DEFAULT_PARTITION 4096u

typedef struct physical_device {
    VkPhysicalDevice handle;
    VkPhysicalDeviceProperties properties;
    VkPhysicalDeviceDriverProperties driver;
    VkPhysicalDeviceMaintenance3Properties maintenance;
    VkPhysicalDeviceMemoryProperties memory;
    VkPhysicalDeviceSubgroupSizeControlPropertiesEXT subgroups; /* all 0 where full subgroups cannot be asked for */
    uint32_t subgroup;      /* the device's usual size, where such subgroups shuffle in compute shaders; else 0 */
    bool timeline_semaphores;
    int queue_family; /* -1 = none computes */
    uint32_t timestamp_bits;
} physical_device;

/* ---- Limits -------------------------------------------------------------- */

/* False if there is no such limit. */
static bool lower_limit(mxd_vulkan_limits *limits, const char *name, size_t length, uint64_t value)
{
    if (length == strlen("partition") && strncmp(name, "partition", length) == 0) { /* no limit of the device's */
        limits->partition = value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
        return true;
    }
    const struct {
        const char *name;
        uint32_t *narrow;
        uint64_t *wide;
    } known[] = {
        {"shared", &limits->shared_bytes, NULL}, {"workgroup", &limits->workgroup, NULL},
        {"range", NULL, &limits->range_bytes},   {"memory", NULL, &limits->memory_bytes},
        {"work", NULL, &limits->work},           {"wait", NULL, &limits->wait_ms},
        {"subgroup", &limits->subgroup, NULL},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strlen(known[i].name) != length || strncmp(known[i].name, name, length) != 0)
            continue;
        if (known[i].wide && value < *known[i].wide)
            *known[i].wide = value;
        if (known[i].narrow && value < *known[i].narrow)
            *known[i].narrow = (uint32_t)value;
        return true;
    }
    return false;
}

/* "name=number,name=number"; only ever lowers what the device can do. */
static mxd_result apply_environment(mxd_vulkan_limits *limits, mxd_problems *problems)
{
    const char *text = getenv("MXD_VULKAN_LIMITS");
    while (text && *text) {
        const char *equals = strchr(text, '=');
        char *end = NULL;
        unsigned long long value = equals ? strtoull(equals + 1, &end, 10) : 0;
        if (!equals || end == equals + 1 || (*end != ',' && *end != 0) ||
            !lower_limit(limits, text, (size_t)(equals - text), value))
            return mxd_fail(problems, MXD_ERROR_DEVICE, NULL,
                            "MXD_VULKAN_LIMITS: cannot read '%s': give shared, workgroup, range, memory, work, wait, "
                            "subgroup or partition, as in shared=16384,workgroup=128", text);
        text = *end == ',' ? end + 1 : end;
    }
    return MXD_OK;
}

static mxd_result find_limits(const physical_device *physical, mxd_problems *problems, mxd_vulkan_limits *limits)
{
    const VkPhysicalDeviceLimits *theirs = &physical->properties.limits;
    uint32_t workgroup = theirs->maxComputeWorkGroupInvocations;
    if (theirs->maxComputeWorkGroupSize[0] < workgroup)
        workgroup = theirs->maxComputeWorkGroupSize[0];
    uint64_t range = theirs->maxStorageBufferRange;
    if (physical->maintenance.maxMemoryAllocationSize < range)
        range = physical->maintenance.maxMemoryAllocationSize;
    *limits = (mxd_vulkan_limits){
        .shared_bytes = theirs->maxComputeSharedMemorySize,
        .workgroup = workgroup,
        .range_bytes = range & ~(uint64_t)255, /* whole vectors, and room for alignment */
        .memory_bytes = mxd_vulkan_largest_heap(&physical->memory),
        .subgroup = physical->subgroup,
        .max_subgroups = physical->subgroups.maxComputeWorkgroupSubgroups,
        .partition = DEFAULT_PARTITION,
        .work = UINT64_MAX,
        .wait_ms = WAIT_MS,
        .atom_bytes = theirs->nonCoherentAtomSize,
        .timestamp_ns = physical->timestamp_bits > 0 ? (double)theirs->timestampPeriod : 0.0,
    };
    mxd_result result = apply_environment(limits, problems);
    uint32_t subgroup = limits->subgroup;
    if ((subgroup & (subgroup - 1)) != 0 || subgroup < physical->subgroups.minSubgroupSize)
        limits->subgroup = 0;
    return result;
}

/* ---- Description --------------------------------------------------------- */

/* A queue that computes, without graphics if there is one: it does not wait behind a desktop. */
static void find_queue(physical_device *physical)
{
    VkQueueFamilyProperties families[32];
    uint32_t count = 32;
    vkGetPhysicalDeviceQueueFamilyProperties(physical->handle, &count, families);
    physical->queue_family = -1;
    for (uint32_t i = 0; i < count; i++) {
        if (!(families[i].queueFlags & VK_QUEUE_COMPUTE_BIT) || families[i].queueCount == 0)
            continue;
        bool only_compute = !(families[i].queueFlags & VK_QUEUE_GRAPHICS_BIT);
        if (physical->queue_family < 0 || only_compute) {
            physical->queue_family = (int)i;
            physical->timestamp_bits = families[i].timestampValidBits;
            if (only_compute)
                return;
        }
    }
}

static bool has_device_extension(VkPhysicalDevice handle, const char *name)
{
    uint32_t count = 0;
    if (vkEnumerateDeviceExtensionProperties(handle, NULL, &count, NULL) != VK_SUCCESS || count == 0)
        return false;
    VkExtensionProperties *properties = calloc(count, sizeof *properties);
    bool found = false;
    if (properties && vkEnumerateDeviceExtensionProperties(handle, NULL, &count, properties) >= 0)
        for (uint32_t i = 0; i < count && !found; i++)
            found = strcmp(properties[i].extensionName, name) == 0;
    free(properties);
    return found;
}

/*
 * Only subgroups whose size is asked for, and which are full, are what gl_SubgroupSize says: without, some drivers
 * call them 32 and run 8. VK_EXT_subgroup_size_control is in Vulkan 1.3's core, but we ask for 1.2.
 */
static void find_subgroups(physical_device *physical)
{
    const VkSubgroupFeatureFlags needed = VK_SUBGROUP_FEATURE_BASIC_BIT | VK_SUBGROUP_FEATURE_SHUFFLE_BIT |
                                          VK_SUBGROUP_FEATURE_SHUFFLE_RELATIVE_BIT;
    if (!has_device_extension(physical->handle, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME))
        return;
    VkPhysicalDeviceSubgroupSizeControlFeaturesEXT control = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES_EXT,
    };
    VkPhysicalDeviceFeatures2 features = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
        .pNext = &control,
    };
    vkGetPhysicalDeviceFeatures2(physical->handle, &features);
    VkPhysicalDeviceSubgroupProperties usual = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES};
    VkPhysicalDeviceSubgroupSizeControlPropertiesEXT sizes = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES_EXT,
        .pNext = &usual,
    };
    VkPhysicalDeviceProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
        .pNext = &sizes,
    };
    vkGetPhysicalDeviceProperties2(physical->handle, &properties);
    if (!control.subgroupSizeControl || !control.computeFullSubgroups ||
        !(sizes.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT) ||
        !(usual.supportedStages & VK_SHADER_STAGE_COMPUTE_BIT) || (usual.supportedOperations & needed) != needed)
        return;
    sizes.pNext = NULL;
    physical->subgroups = sizes;
    physical->subgroup = usual.subgroupSize <= sizes.maxSubgroupSize ? usual.subgroupSize : sizes.maxSubgroupSize;
}

static void look_at(VkPhysicalDevice handle, physical_device *physical)
{
    memset(physical, 0, sizeof *physical);
    physical->handle = handle;
    vkGetPhysicalDeviceProperties(handle, &physical->properties);
    vkGetPhysicalDeviceMemoryProperties(handle, &physical->memory);
    find_queue(physical);
    if (physical->properties.apiVersion < VK_API_VERSION_1_2)
        return;
    physical->driver.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES;
    physical->maintenance.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES;
    physical->maintenance.pNext = &physical->driver;
    VkPhysicalDeviceProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
        .pNext = &physical->maintenance,
    };
    vkGetPhysicalDeviceProperties2(handle, &properties);
    VkPhysicalDeviceTimelineSemaphoreFeatures timeline = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES,
    };
    VkPhysicalDeviceFeatures2 features = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
        .pNext = &timeline,
    };
    vkGetPhysicalDeviceFeatures2(handle, &features);
    physical->timeline_semaphores = timeline.timelineSemaphore;
    /* The chains point into this frame and into *physical, which may move. */
    physical->maintenance.pNext = NULL;
    physical->driver.pNext = NULL;
    find_subgroups(physical);
}

/* Why the device cannot be used, into remark; "" if it can. */
static void find_fault(const physical_device *physical, const mxd_vulkan_limits *limits, char *remark, size_t size)
{
    const VkPhysicalDeviceLimits *theirs = &physical->properties.limits;
    remark[0] = 0;
    if (physical->properties.apiVersion < VK_API_VERSION_1_2)
        snprintf(remark, size, "has Vulkan %u.%u, needs 1.2",
                 VK_API_VERSION_MAJOR(physical->properties.apiVersion),
                 VK_API_VERSION_MINOR(physical->properties.apiVersion));
    else if (physical->queue_family < 0)
        snprintf(remark, size, "has no compute queue");
    else if (!physical->timeline_semaphores)
        snprintf(remark, size, "has no timeline semaphores");
    else if (limits->workgroup < MIN_WORKGROUP || limits->shared_bytes < MIN_SHARED_BYTES)
        snprintf(remark, size, "runs workgroups of %u invocations and %u bytes of shared memory, needs %u and %u",
                 limits->workgroup, limits->shared_bytes, MIN_WORKGROUP, MIN_SHARED_BYTES);
    else if (theirs->maxPerStageDescriptorStorageBuffers < MXD_VULKAN_MAX_BINDINGS ||
             theirs->maxDescriptorSetStorageBuffers < MXD_VULKAN_MAX_BINDINGS)
        snprintf(remark, size, "binds %u storage buffers at once, needs %u",
                 theirs->maxPerStageDescriptorStorageBuffers, MXD_VULKAN_MAX_BINDINGS);
}

static void copy_text(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from);
}

static void describe(const physical_device *physical, const mxd_vulkan_limits *limits, mxd_vulkan_device *device)
{
    memset(device, 0, sizeof *device);
    copy_text(device->name, sizeof device->name, physical->properties.deviceName);
    if (physical->driver.driverName[0])
        snprintf(device->driver, sizeof device->driver, "%.100s %.150s", physical->driver.driverName,
                 physical->driver.driverInfo);
    else
        snprintf(device->driver, sizeof device->driver, "driver version %u", physical->properties.driverVersion);
    device->software = physical->properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU;
    device->discrete = physical->properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU;
    find_fault(physical, limits, device->remark, sizeof device->remark);
    device->usable = device->remark[0] == 0;
    device->memory_bytes = limits->memory_bytes;
    device->max_lane_bytes = limits->range_bytes < limits->memory_bytes ? limits->range_bytes : limits->memory_bytes;
}

/* Free *handles with free(). VK_SUCCESS with *count 0 where there is none. */
static VkResult enumerate(VkInstance instance, VkPhysicalDevice **handles, uint32_t *count)
{
    *handles = NULL;
    *count = 0;
    VkResult result = vkEnumeratePhysicalDevices(instance, count, NULL);
    if (result != VK_SUCCESS || *count == 0)
        return result;
    *handles = calloc(*count, sizeof **handles);
    if (!*handles)
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    result = vkEnumeratePhysicalDevices(instance, count, *handles);
    return result == VK_INCOMPLETE ? VK_SUCCESS : result;
}

static uint32_t list_devices(VkInstance instance, mxd_vulkan_device *devices, mxd_vulkan_facts *facts,
                             uint32_t capacity)
{
    VkPhysicalDevice *handles;
    uint32_t count;
    if (enumerate(instance, &handles, &count) != VK_SUCCESS)
        count = 0;
    for (uint32_t i = 0; i < count && i < capacity; i++) {
        physical_device physical;
        mxd_vulkan_limits limits;
        look_at(handles[i], &physical);
        mxd_result result = find_limits(&physical, NULL, &limits);
        describe(&physical, &limits, &devices[i]);
        if (result != MXD_OK) {
            devices[i].usable = false;
            copy_text(devices[i].remark, sizeof devices[i].remark, "MXD_VULKAN_LIMITS cannot be read");
        }
        if (facts)
            facts[i].num_facts = 0;
        if (facts && devices[i].usable)
            mxd_vulkan_find_facts(handles[i], &limits, physical.queue_family, &facts[i]);
    }
    free(handles);
    return count;
}

uint32_t mxd_vulkan_devices_in_full(mxd_vulkan_device *devices, mxd_vulkan_facts *facts, uint32_t capacity)
{
    mxd_vulkan_instance instance;
    if (mxd_vulkan_instance_init(&instance) != VK_SUCCESS)
        return 0;
    uint32_t count = list_devices(instance.instance, devices, facts, capacity);
    mxd_vulkan_instance_finish(&instance);
    return count;
}

uint32_t mxd_vulkan_devices(mxd_vulkan_device *devices, uint32_t capacity)
{
    return mxd_vulkan_devices_in_full(devices, NULL, capacity);
}

/* ---- The device of `auto` ------------------------------------------------ */

#define MAX_DEVICES 16

struct mxd_vulkan_drivers {
    mxd_vulkan_instance instance;
};

uint32_t mxd_vulkan_find_gpu(mxd_vulkan_drivers **drivers)
{
    mxd_vulkan_device devices[MAX_DEVICES];
    uint32_t found = UINT32_MAX;
    *drivers = NULL;
    if (!mxd_gpu_is_possible(""))
        return UINT32_MAX;
    mxd_vulkan_drivers *held = calloc(1, sizeof *held);
    if (!held || mxd_vulkan_instance_init(&held->instance) != VK_SUCCESS) {
        free(held);
        return UINT32_MAX;
    }
    uint32_t count = list_devices(held->instance.instance, devices, NULL, MAX_DEVICES);
    for (uint32_t i = 0; i < count && i < MAX_DEVICES; i++) {
        if (!devices[i].usable || devices[i].software)
            continue;
        if (found == UINT32_MAX || (devices[i].discrete && !devices[found].discrete))
            found = i;
    }
    if (found == UINT32_MAX)
        mxd_vulkan_drivers_release(held);
    else
        *drivers = held;
    return found;
}

void mxd_vulkan_drivers_release(mxd_vulkan_drivers *drivers)
{
    if (!drivers)
        return;
    mxd_vulkan_instance_finish(&drivers->instance);
    free(drivers);
}

/* ---- The device of a backend --------------------------------------------- */

static mxd_result create_device(mxd_vulkan_device_context *context)
{
    VkDeviceQueueCreateInfo queues[MXD_VULKAN_NUM_QUEUES];
    uint32_t num_queues = mxd_vulkan_queues_describe(context, queues);
    VkPhysicalDeviceTimelineSemaphoreFeatures timeline = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES,
        .timelineSemaphore = VK_TRUE,
    };
    /* Every Vulkan 1.2 has it; queues that only transfer cannot reset queries themselves. */
    VkPhysicalDeviceHostQueryResetFeatures reset = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_HOST_QUERY_RESET_FEATURES,
        .pNext = &timeline,
        .hostQueryReset = VK_TRUE,
    };
    VkPhysicalDeviceSubgroupSizeControlFeaturesEXT subgroups = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES_EXT,
        .pNext = &reset,
        .subgroupSizeControl = VK_TRUE,
        .computeFullSubgroups = VK_TRUE,
    };
    const char *const subgroup_extension = VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME;
    bool use_subgroups = context->limits.subgroup > 0;
    const VkDeviceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
        .pNext = use_subgroups ? (const void *)&subgroups : &reset,
        .queueCreateInfoCount = num_queues,
        .pQueueCreateInfos = queues,
        .enabledExtensionCount = use_subgroups ? 1 : 0,
        .ppEnabledExtensionNames = &subgroup_extension,
    };
    VkResult result = vkCreateDevice(context->physical, &info, NULL, &context->device);
    if (result != VK_SUCCESS)
        return mxd_vulkan_fail(context, result, "opening the Vulkan device");
    vkGetDeviceQueue(context->device, context->queue_family, 0, &context->queue);
    const VkCommandPoolCreateInfo pool = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
        .flags = VK_COMMAND_POOL_CREATE_TRANSIENT_BIT,
        .queueFamilyIndex = context->queue_family,
    };
    result = vkCreateCommandPool(context->device, &pool, NULL, &context->pool);
    if (result != VK_SUCCESS)
        return mxd_vulkan_fail(context, result, "creating a command pool");
    return mxd_vulkan_queues_init(context);
}

static mxd_result choose_physical(mxd_vulkan_device_context *context, uint32_t index, physical_device *physical)
{
    VkPhysicalDevice *handles;
    uint32_t count;
    VkResult result = enumerate(context->instance.instance, &handles, &count);
    VkPhysicalDevice handle = result == VK_SUCCESS && index < count ? handles[index] : VK_NULL_HANDLE;
    free(handles);
    if (result != VK_SUCCESS)
        return mxd_vulkan_fail(context, result, "looking for Vulkan devices");
    if (handle == VK_NULL_HANDLE)
        return mxd_fail(context->problems, MXD_ERROR_DEVICE, NULL,
                        count == 0 ? "there is no Vulkan device (asked for number %u of %u); install a driver or "
                                     "render on the cpu"
                                   : "there is no Vulkan device number %u: there are %u, counted from 0",
                        index, count);
    look_at(handle, physical);
    return MXD_OK;
}

mxd_result mxd_vulkan_device_init(mxd_vulkan_device_context *context, uint32_t index, mxd_backend_info *info,
                                  mxd_problems *problems)
{
    memset(context, 0, sizeof *context);
    context->problems = problems;
    VkResult vk = mxd_vulkan_instance_init(&context->instance);
    if (vk == VK_ERROR_LAYER_NOT_PRESENT)
        return mxd_fail(problems, MXD_ERROR_DEVICE, NULL,
                        "MXD_VULKAN_VALIDATION asks for Vulkan's validation layer, which is not installed");
    if (vk != VK_SUCCESS)
        return mxd_fail(problems, MXD_ERROR_DEVICE, NULL,
                        "there is no Vulkan 1.2 on this machine: install a driver or render on the cpu");
    physical_device physical;
    mxd_vulkan_device device;
    mxd_result result = choose_physical(context, index, &physical);
    if (result == MXD_OK)
        result = find_limits(&physical, problems, &context->limits);
    if (result != MXD_OK)
        goto fail;
    describe(&physical, &context->limits, &device);
    if (!device.usable) {
        result = mxd_fail(problems, MXD_ERROR_DEVICE, NULL, "Vulkan device %u (%s) cannot be used: it %s", index,
                          device.name, device.remark);
        goto fail;
    }
    context->physical = physical.handle;
    context->memory = physical.memory;
    context->queue_family = (uint32_t)physical.queue_family;
    mxd_vulkan_queues_choose(context);
    const char *staging = getenv("MXD_VULKAN_STAGING");
    context->avoid_coherent = staging && strstr(staging, "noncoherent");
    context->direct = mxd_vulkan_memory_is_direct(&context->memory) && !(staging && strstr(staging, "copy"));
    const char *poison = getenv("MXD_VULKAN_POISON");
    context->poison = poison && strcmp(poison, "1") == 0;
    result = create_device(context);
    if (result != MXD_OK)
        goto fail;
    mxd_vulkan_pipeline_cache_init(context);
    info->kind = "vulkan";
    info->software = device.software;
    info->upload_copies = context->direct ? 1 : 2;
    info->download_copies = context->queues[MXD_VULKAN_FROM_DEVICE].split ? 2 : 1;
    copy_text(info->device, sizeof info->device, device.name);
    copy_text(info->driver, sizeof info->driver, device.driver);
    return MXD_OK;

fail:
    mxd_vulkan_device_finish(context);
    return result;
}

void mxd_vulkan_device_finish(mxd_vulkan_device_context *context)
{
    if (context->device) {
        mxd_vulkan_transfer_finish(context);
        mxd_vulkan_pipeline_cache_finish(context);
        mxd_vulkan_queues_finish(context);
        if (context->pool)
            vkDestroyCommandPool(context->device, context->pool, NULL);
        vkDestroyDevice(context->device, NULL);
        /* Objects that were leaked are told when the device goes. */
        mxd_vulkan_instance_check(&context->instance, context->problems);
    }
    if (context->instance.instance)
        mxd_vulkan_instance_finish(&context->instance);
    memset(context, 0, sizeof *context);
}

static const char *result_text(VkResult result)
{
    switch (result) {
    case VK_ERROR_OUT_OF_HOST_MEMORY: return "host memory ran out";
    case VK_ERROR_OUT_OF_DEVICE_MEMORY: return "the device's memory ran out";
    case VK_ERROR_DEVICE_LOST: return "the device was lost";
    case VK_ERROR_INITIALIZATION_FAILED: return "the driver failed to initialise";
    case VK_ERROR_FEATURE_NOT_PRESENT: return "a feature is not present";
    case VK_ERROR_EXTENSION_NOT_PRESENT: return "an extension is not present";
    case VK_ERROR_INCOMPATIBLE_DRIVER: return "the driver is not compatible";
    case VK_ERROR_TOO_MANY_OBJECTS: return "the driver has too many objects";
    case VK_ERROR_MEMORY_MAP_FAILED: return "memory could not be mapped";
    case VK_TIMEOUT: return "the device did not answer in time";
    default: return "the driver reported an error";
    }
}

mxd_result mxd_vulkan_fail(mxd_vulkan_device_context *context, VkResult result, const char *what)
{
    if (result == VK_ERROR_OUT_OF_HOST_MEMORY)
        return mxd_fail(context->problems, MXD_ERROR_MEMORY, NULL, "%s failed: host memory ran out", what);
    if (result == VK_ERROR_OUT_OF_DEVICE_MEMORY)
        return mxd_fail(context->problems, MXD_ERROR_DEVICE_MEMORY, NULL,
                        "%s failed: the device's memory ran out; use smaller blocks", what);
    return mxd_fail(context->problems, MXD_ERROR_DEVICE, NULL, "%s failed: %s (VkResult %d)", what,
                    result_text(result), (int)result);
}
