/* mxd_devices_list: the CPU and every Vulkan device. */
#include "backend.h"
#include "cpu/variants.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_VULKAN_DEVICES 64

/* The list and everything that it points to, in one allocation. */
typedef struct device_list {
    mxd_devices list;
    mxd_device devices[1 + MAX_VULKAN_DEVICES];
    mxd_vulkan_device vulkan[MAX_VULKAN_DEVICES];
    mxd_vulkan_facts vulkan_facts[MAX_VULKAN_DEVICES];
    mxd_device_fact facts[MAX_VULKAN_DEVICES][MXD_VULKAN_NUM_FACTS];
    char cpu_name[128];
} device_list;

static void read_cpu_name(char *name, size_t size)
{
    snprintf(name, size, "this processor");
    FILE *info = fopen("/proc/cpuinfo", "r");
    char line[256];
    while (info && fgets(line, sizeof line, info)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon)
            continue;
        line[strcspn(line, "\n")] = '\0';
        snprintf(name, size, "%s", colon + 1 + (colon[1] == ' '));
        break;
    }
    if (info)
        fclose(info);
}

mxd_result mxd_devices_list(mxd_problems *problems, mxd_devices **out)
{
    device_list *all = calloc(1, sizeof *all);
    *out = NULL;
    if (!all)
        return mxd_fail(problems, MXD_ERROR_MEMORY, NULL, "memory ran out while devices were being listed");
    read_cpu_name(all->cpu_name, sizeof all->cpu_name);
    all->devices[0] = (mxd_device){.backend = MXD_BACKEND_CPU, .name = all->cpu_name, .driver = mxd_cpu_best()->simd,
                                   .usable = true, .remark = ""};
    uint32_t count = mxd_vulkan_devices_in_full(all->vulkan, all->vulkan_facts, MAX_VULKAN_DEVICES);
    if (count > MAX_VULKAN_DEVICES)
        count = MAX_VULKAN_DEVICES;
    for (uint32_t i = 0; i < count; i++) {
        const mxd_vulkan_device *device = &all->vulkan[i];
        const mxd_vulkan_facts *facts = &all->vulkan_facts[i];
        for (uint32_t f = 0; f < facts->num_facts; f++)
            all->facts[i][f] = (mxd_device_fact){.name = facts->facts[f].name, .text = facts->facts[f].text};
        all->devices[1 + i] = (mxd_device){.backend = MXD_BACKEND_VULKAN, .index = i, .name = device->name,
                                           .driver = device->driver, .software = device->software,
                                           .usable = device->usable, .remark = device->remark,
                                           .facts = all->facts[i], .num_facts = facts->num_facts};
    }
    all->list = (mxd_devices){.devices = all->devices, .num_devices = 1 + count};
    *out = &all->list;
    return MXD_OK;
}

void mxd_devices_destroy(mxd_devices *devices)
{
    free(devices); /* the list is the first member of its allocation */
}
