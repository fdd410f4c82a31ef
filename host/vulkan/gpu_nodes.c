/*
 * Whether there may be a GPU, before Vulkan's drivers are asked: loading them
 * takes 25 ms and 55 MiB where Mesa's software device is installed (LLVM).
 *
 * On Linux every driver of real hardware goes through a device node. Those of
 * NVIDIA's may be made at the driver's first use, so that a card on the PCI bus
 * counts as well. Containers see the nodes that they were given.
 */
#include "../backend.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined __linux__

static bool any_path(const char *root, const char *pattern)
{
    char path[512];
    glob_t found;
    int length = snprintf(path, sizeof path, "%s%s", root, pattern);
    if (length < 0 || (size_t)length >= sizeof path)
        return true; /* cannot tell */
    int result = glob(path, GLOB_NOSORT, NULL, &found);
    if (result == 0)
        globfree(&found);
    return result != GLOB_NOMATCH; /* neither can memory that ran out */
}

/* A display controller (PCI class 3) of NVIDIA's (vendor 10de). */
static bool any_nvidia_card(const char *root)
{
    char pattern[512], text[32];
    glob_t found;
    bool any = false;
    int length = snprintf(pattern, sizeof pattern, "%s/sys/bus/pci/devices/*/vendor", root);
    if (length < 0 || (size_t)length >= sizeof pattern || glob(pattern, GLOB_NOSORT, NULL, &found) != 0)
        return false;
    for (size_t i = 0; i < found.gl_pathc && !any; i++) {
        char *path = found.gl_pathv[i];
        FILE *file = fopen(path, "r");
        bool nvidia = file && fgets(text, sizeof text, file) && strncmp(text, "0x10de", 6) == 0;
        if (file)
            fclose(file);
        if (!nvidia)
            continue;
        memcpy(path + strlen(path) - strlen("vendor"), "class", sizeof "class");
        file = fopen(path, "r");
        any = file && fgets(text, sizeof text, file) && strncmp(text, "0x03", 4) == 0;
        if (file)
            fclose(file);
    }
    globfree(&found);
    return any;
}

bool mxd_gpu_is_possible(const char *root)
{
    /* Mesa's and AMD's; NVIDIA's; WSL's; Tegra's; Adreno's, Mali's, PowerVR's own. */
    static const char *const nodes[] = {
        "/dev/dri/renderD*", "/dev/dri/card*", "/dev/nvidia*", "/dev/dxg", "/dev/nvhost-*", "/dev/nvgpu",
        "/dev/nvmap", "/dev/kgsl-3d*", "/dev/mali*", "/dev/pvr*",
    };
    /* Whoever names drivers wants them asked. */
    static const char *const variables[] = {"VK_DRIVER_FILES", "VK_ICD_FILENAMES", "VK_ADD_DRIVER_FILES"};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        if (getenv(variables[i]))
            return true;
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
        if (any_path(root, nodes[i]))
            return true;
    return any_nvidia_card(root);
}

#else

bool mxd_gpu_is_possible(const char *root)
{
    (void)root;
    return true;
}

#endif
