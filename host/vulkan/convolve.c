/* The convolve step on the device. */
#include "vulkan.h"

void mxd_vulkan_convolver_destroy(mxd_vulkan_backend *backend)
{
    (void)backend;
}

mxd_result mxd_vulkan_add_convolve(mxd_backend *base, const mxd_convolve_row *rows, uint32_t num_rows,
                                   uint32_t *number)
{
    (void)rows;
    (void)num_rows;
    (void)number;
    return mxd_fail(base->problems, MXD_ERROR_UNSUPPORTED, NULL, "convolvers do not run on Vulkan yet");
}
