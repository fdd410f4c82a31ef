/* Which device nodes make `auto` ask Vulkan's drivers, in a folder that stands for the root of the file system. */
#include "host/backend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static char root[] = "test_gpu_nodes.XXXXXX";

static int make_root(void **state)
{
    (void)state;
    unsetenv("VK_DRIVER_FILES");
    unsetenv("VK_ICD_FILENAMES");
    unsetenv("VK_ADD_DRIVER_FILES");
    return mkdtemp(root) ? 0 : -1;
}

/* Runs a command in the root. */
static int in_root(const char *command)
{
    char whole[512];
    snprintf(whole, sizeof whole, "cd %s && %s", root, command);
    return system(whole);
}

static int remove_root(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command);
}

static void test_nodes(void **state)
{
    (void)state;
    static const char *const nodes[] = {"dev/dri/renderD128", "dev/dri/card0", "dev/nvidiactl", "dev/nvidia0", "dev/dxg",
                                        "dev/nvhost-ctrl-gpu", "dev/kgsl-3d0", "dev/mali0"};
    assert_int_equal(in_root("mkdir -p dev/dri sys/bus/pci/devices && touch dev/null dev/dri/by-path dev/sda"), 0);
    assert_false(mxd_gpu_is_possible(root));
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
        char command[128];
        snprintf(command, sizeof command, "touch %s", nodes[i]);
        assert_int_equal(in_root(command), 0);
        assert_true(mxd_gpu_is_possible(root));
        snprintf(command, sizeof command, "rm %s", nodes[i]);
        assert_int_equal(in_root(command), 0);
        assert_false(mxd_gpu_is_possible(root));
    }
    assert_int_equal(setenv("VK_DRIVER_FILES", "/somewhere/driver.json", 1), 0);
    assert_true(mxd_gpu_is_possible(root));
    unsetenv("VK_DRIVER_FILES");
}

/* NVIDIA's nodes come with the driver's first use: the card on the bus is enough. */
static void test_pci(void **state)
{
    (void)state;
    assert_int_equal(in_root("mkdir -p sys/bus/pci/devices/0000:01:00.0 sys/bus/pci/devices/0000:01:00.1"), 0);
    assert_int_equal(in_root("cd sys/bus/pci/devices && echo 0x10de > 0000:01:00.1/vendor && "
                             "echo 0x040300 > 0000:01:00.1/class && echo 0x1a03 > 0000:01:00.0/vendor && "
                             "echo 0x030000 > 0000:01:00.0/class"), 0);
    assert_false(mxd_gpu_is_possible(root)); /* NVIDIA's sound, and a server's plain display */
    assert_int_equal(in_root("echo 0x10de > sys/bus/pci/devices/0000:01:00.0/vendor"), 0);
    assert_true(mxd_gpu_is_possible(root));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nodes), cmocka_unit_test(test_pci)};
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
