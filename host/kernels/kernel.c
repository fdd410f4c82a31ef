/* The table of kernels. */
#include "kernel.h"

#define POINTER(NUMBER, name) &mxd_kernel_##name,

const mxd_kernel *mxd_kernel_get(mxd_kernel_id kernel)
{
    static const mxd_kernel *const kernels[] = {MXD_KERNELS(POINTER)};
    return kernels[kernel];
}
