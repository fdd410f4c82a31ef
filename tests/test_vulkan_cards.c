/*
 * What is chosen on cards that are not here: memory types and copy engines, from
 * heaps, types and families as drivers tell them (vulkaninfo). No device is
 * needed.
 */
#include "host/vulkan/vulkan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define LOCAL VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT
#define VISIBLE VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT
#define COHERENT VK_MEMORY_PROPERTY_HOST_COHERENT_BIT
#define CACHED VK_MEMORY_PROPERTY_HOST_CACHED_BIT
#define AMD_UNCACHED (VK_MEMORY_PROPERTY_DEVICE_COHERENT_BIT_AMD | VK_MEMORY_PROPERTY_DEVICE_UNCACHED_BIT_AMD)
#define ON_CARD VK_MEMORY_HEAP_DEVICE_LOCAL_BIT
#define MIB(n) ((VkDeviceSize)(n) << 20)
#define NONE UINT32_MAX

typedef struct card {
    const char *name;
    VkPhysicalDeviceMemoryProperties memory;
    uint32_t on_device, direct, upload, download; /* the type of each place */
} card;

static const card cards[] = {
    {"NVIDIA, a window of 214 MiB",
     {.memoryHeapCount = 3, .memoryHeaps = {{MIB(8192), ON_CARD}, {MIB(15360), 0}, {MIB(214), ON_CARD}},
      .memoryTypeCount = 5, .memoryTypes = {{0, 1}, {LOCAL, 0}, {VISIBLE | COHERENT, 1},
                                            {VISIBLE | COHERENT | CACHED, 1}, {LOCAL | VISIBLE | COHERENT, 2}}},
     1, NONE, 2, 3},
    {"NVIDIA, a resizable BAR",
     {.memoryHeapCount = 2, .memoryHeaps = {{MIB(24576), ON_CARD}, {MIB(65536), 0}},
      .memoryTypeCount = 5, .memoryTypes = {{0, 1}, {LOCAL, 0}, {VISIBLE | COHERENT, 1},
                                            {VISIBLE | COHERENT | CACHED, 1}, {LOCAL | VISIBLE | COHERENT, 0}}},
     1, 4, 2, 3},
    {"all of the card's memory visible, and a window into it that comes first",
     {.memoryHeapCount = 3, .memoryHeaps = {{MIB(256), ON_CARD}, {MIB(16384), ON_CARD}, {MIB(32768), 0}},
      .memoryTypeCount = 5, .memoryTypes = {{LOCAL | VISIBLE | COHERENT, 0}, {LOCAL, 1},
                                            {LOCAL | VISIBLE | COHERENT, 1}, {VISIBLE | COHERENT, 2},
                                            {VISIBLE | COHERENT | CACHED, 2}}},
     1, 2, 3, 4},
    {"AMD, a window of 256 MiB, and types with special caching first",
     {.memoryHeapCount = 3, .memoryHeaps = {{MIB(16128), ON_CARD}, {MIB(256), ON_CARD}, {MIB(32768), 0}},
      .memoryTypeCount = 7, .memoryTypes = {{LOCAL | AMD_UNCACHED, 0}, {VISIBLE | COHERENT | CACHED | AMD_UNCACHED, 2},
                                            {LOCAL, 0}, {VISIBLE | COHERENT, 2}, {LOCAL | VISIBLE | COHERENT, 1},
                                            {VISIBLE | COHERENT | CACHED, 2}, {LOCAL | VISIBLE | AMD_UNCACHED, 0}}},
     2, NONE, 3, 5},
    {"one chip, one heap, cached memory that is not coherent",
     {.memoryHeapCount = 1, .memoryHeaps = {{MIB(12288), ON_CARD}},
      .memoryTypeCount = 3, .memoryTypes = {{LOCAL, 0}, {LOCAL | VISIBLE | COHERENT, 0},
                                            {LOCAL | VISIBLE | CACHED, 0}}},
     0, 1, 1, 2},
};

static void expect_type(const card *c, mxd_vulkan_place place, const char *name, uint32_t should)
{
    uint32_t is = NONE;
    bool found = mxd_vulkan_memory_type(&c->memory, UINT32_MAX, place, false, &is);
    if (found != (should != NONE) || is != should)
        fail_msg("%s: memory type %d for %s, should be %d", c->name, (int)is, name, (int)should);
}

static void test_memory_types(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cards / sizeof *cards; i++) {
        expect_type(&cards[i], MXD_VULKAN_ON_DEVICE, "lanes", cards[i].on_device);
        expect_type(&cards[i], MXD_VULKAN_EXCHANGE, "what queues exchange", cards[i].on_device);
        expect_type(&cards[i], MXD_VULKAN_DIRECT, "direct uploads", cards[i].direct);
        expect_type(&cards[i], MXD_VULKAN_UPLOAD, "uploads", cards[i].upload);
        expect_type(&cards[i], MXD_VULKAN_DOWNLOAD, "downloads", cards[i].download);
        assert_int_equal(mxd_vulkan_memory_is_direct(&cards[i].memory), cards[i].direct != NONE);
    }
}

static void test_copy_engines(void **state)
{
    (void)state;
    const VkQueueFlags video_decode = 0x20; /* of VK_KHR_video_decode_queue, which old headers lack */
    const VkQueueFlags copies = VK_QUEUE_TRANSFER_BIT | VK_QUEUE_SPARSE_BINDING_BIT;
    assert_true(mxd_vulkan_only_transfers(&(VkQueueFamilyProperties){.queueFlags = copies, .queueCount = 2}));
    assert_false(mxd_vulkan_only_transfers(&(VkQueueFamilyProperties){.queueFlags = copies}));
    assert_false(mxd_vulkan_only_transfers(
        &(VkQueueFamilyProperties){.queueFlags = copies | video_decode, .queueCount = 1}));
    assert_false(mxd_vulkan_only_transfers(
        &(VkQueueFamilyProperties){.queueFlags = copies | VK_QUEUE_COMPUTE_BIT, .queueCount = 8}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_types),
        cmocka_unit_test(test_copy_engines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
