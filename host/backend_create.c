/* Which function makes which kind of backend. Apart from backend.c, so that a program may link one kind alone. */
#include "backend.h"
#include "cpu/variants.h"

mxd_result mxd_backend_cpu_create(const mxd_backend_params *params, mxd_problems *problems, mxd_backend **backend)
{
    return mxd_cpu_best()->create_backend(params, problems, backend);
}

mxd_result mxd_backend_reference_create(const mxd_backend_params *params, mxd_problems *problems,
                                        mxd_backend **backend)
{
    return mxd_cpu_reference()->create_backend(params, problems, backend);
}

static mxd_result create_vulkan_group(const mxd_backend_params *params, mxd_problems *problems, mxd_backend **backend)
{
    return mxd_backend_group_create(mxd_backend_vulkan_create, params, problems, backend);
}

mxd_result mxd_backend_create(mxd_backend_kind kind, const mxd_backend_params *params, mxd_problems *problems,
                              mxd_backend **backend)
{
    switch (kind) {
    case MXD_BACKEND_VULKAN:
        return mxd_backend_create_with(params->num_devices > 1 ? create_vulkan_group : mxd_backend_vulkan_create, params,
                                       problems, backend);
    case MXD_BACKEND_CPU:
        return mxd_backend_create_with(mxd_backend_cpu_create, params, problems, backend);
    case MXD_BACKEND_REFERENCE:
        return mxd_backend_create_with(mxd_backend_reference_create, params, problems, backend);
    case MXD_BACKEND_AUTO:
        break;
    }
    *backend = NULL;
    return mxd_fail(problems, MXD_ERROR_ARGUMENT, NULL, "a backend has to be chosen before it is created");
}
