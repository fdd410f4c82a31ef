#include "../backend.h"
mxd_result mxd_backend_vulkan_create(const mxd_backend_params *params, mxd_problems *problems, mxd_backend **backend)
{ (void)params; *backend = NULL; return mxd_fail(problems, MXD_ERROR_DEVICE, NULL, "no vulkan"); }
uint32_t mxd_vulkan_devices(mxd_vulkan_device *devices, uint32_t capacity) { (void)devices; (void)capacity; return 0; }
