/* What a Vulkan device is and which kernels it runs, in words, for `mixdown devices`. */
#include "vulkan.h"

#include "../cache.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* The block that engine_plan.c starts from; where memory is short partitions follow the smaller ones. */
#define USUAL_BLOCK_FRAMES 65536u

/* Appends to text, as much as fits. */
static void append(char *text, size_t size, const char *format, ...)
{
    size_t length = 0;
    while (length < size && text[length])
        length++;
    va_list arguments;
    va_start(arguments, format);
    if (length < size)
        vsnprintf(text + length, size - length, format, arguments);
    va_end(arguments);
}

static char *add_fact(mxd_vulkan_facts *facts, const char *name)
{
    mxd_vulkan_fact *fact = &facts->facts[facts->num_facts++];
    fact->name = name;
    fact->text[0] = '\0';
    return fact->text;
}

#define FACT_SIZE sizeof(((mxd_vulkan_fact *)0)->text)

static void add_limits(const mxd_vulkan_limits *limits, mxd_vulkan_facts *facts)
{
    char *text = add_fact(facts, "limits");
    append(text, FACT_SIZE, "workgroups of %u invocations, %u KiB of shared memory, ", limits->workgroup,
           limits->shared_bytes / 1024);
    if (limits->subgroup)
        append(text, FACT_SIZE, "subgroups of %u, ", limits->subgroup);
    append(text, FACT_SIZE, "%llu MiB bound at once", (unsigned long long)(limits->range_bytes >> 20));
}

static void add_queues(VkPhysicalDevice physical, int used, mxd_vulkan_facts *facts)
{
    VkQueueFamilyProperties families[32];
    uint32_t count = 32;
    char *text = add_fact(facts, "queues");
    vkGetPhysicalDeviceQueueFamilyProperties(physical, &count, families);
    for (uint32_t i = 0; i < count; i++) {
        VkQueueFlags flags = families[i].queueFlags;
        bool computes = flags & VK_QUEUE_COMPUTE_BIT, draws = flags & VK_QUEUE_GRAPHICS_BIT;
        if (!computes && !draws && !mxd_vulkan_only_transfers(&families[i]))
            continue; /* video and the like */
        append(text, FACT_SIZE, "%sfamily %u: %u, %s%s%s", text[0] ? "; " : "", i, families[i].queueCount,
               draws ? "graphics" : "", draws && computes ? " and " : "", computes ? "compute" : "");
        append(text, FACT_SIZE, "%s%s", computes || draws ? "" : "transfer only", (int)i == used ? " (used)" : "");
    }
}

static void add_memory(const VkPhysicalDeviceMemoryProperties *memory, mxd_vulkan_facts *facts)
{
    char *text = add_fact(facts, "memory");
    for (uint32_t i = 0; i < memory->memoryHeapCount; i++)
        append(text, FACT_SIZE, "%sheap %u: %llu MiB%s", i ? "; " : "", i,
               (unsigned long long)(memory->memoryHeaps[i].size >> 20),
               memory->memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT ? " on the device" : "");
    append(text, FACT_SIZE, "; uploads are %s the device",
           mxd_vulkan_memory_is_direct(memory) ? "written straight to" : "staged, then copied to");
}

static void add_timestamps(VkPhysicalDevice physical, int used, const mxd_vulkan_limits *limits,
                           mxd_vulkan_facts *facts)
{
    VkQueueFamilyProperties families[32];
    uint32_t count = 32;
    vkGetPhysicalDeviceQueueFamilyProperties(physical, &count, families);
    uint32_t bits = used >= 0 && (uint32_t)used < count ? families[used].timestampValidBits : 0;
    char *text = add_fact(facts, "timestamps");
    if (bits > 0)
        append(text, FACT_SIZE, "of %.6g ns, %u bits", limits->timestamp_ns, bits);
    else
        append(text, FACT_SIZE, "none");
}

static void add_cache(VkPhysicalDevice physical, mxd_vulkan_facts *facts)
{
    char *text = add_fact(facts, "pipelines"), *folder = mxd_cache_folder();
    size_t num_bytes = folder ? mxd_vulkan_pipeline_cache_bytes(physical) : 0;
    if (!folder)
        append(text, FACT_SIZE, "not cached: MXD_CACHE=off, or there is no home folder");
    else if (num_bytes == 0)
        append(text, FACT_SIZE, "none cached yet in %s", folder);
    else
        append(text, FACT_SIZE, "%zu bytes cached in %s", num_bytes, folder);
    free(folder);
}

void mxd_vulkan_find_facts(VkPhysicalDevice physical, const mxd_vulkan_limits *limits, int queue_family,
                           mxd_vulkan_facts *facts)
{
    VkPhysicalDeviceMemoryProperties memory;
    mxd_vulkan_reason reason;
    vkGetPhysicalDeviceMemoryProperties(physical, &memory);
    facts->num_facts = 0;
    mxd_vulkan_choose_eq(limits, &reason);
    append(add_fact(facts, "eq"), FACT_SIZE, "%s", reason.text);
    mxd_vulkan_choose_convolve(limits, USUAL_BLOCK_FRAMES, &reason);
    append(add_fact(facts, "convolve"), FACT_SIZE, "%s", reason.text);
    mxd_vulkan_choose_mix(limits, &reason);
    append(add_fact(facts, "mix"), FACT_SIZE, "%s", reason.text);
    add_limits(limits, facts);
    add_queues(physical, queue_family, facts);
    add_memory(&memory, facts);
    add_timestamps(physical, queue_family, limits, facts);
    add_cache(physical, facts);
}
