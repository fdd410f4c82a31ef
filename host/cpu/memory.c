/* Memory for lanes, spectra and scratch: aligned, and in large pages where that is worth it. */
#if defined __linux__
#define _DEFAULT_SOURCE /* madvise */
#endif
#include "kernels.h"
#include "simd.h"

#include <string.h>

#if defined __linux__
#include <sys/mman.h>
#endif

/* A large page of x86-64 and of most ARM systems. */
#define LARGE_PAGE ((size_t)2 << 20)

void *MXD_CPU(mxd_aligned_memory)(size_t size)
{
    size_t alignment = size < 2 * LARGE_PAGE ? ALIGNMENT : LARGE_PAGE;
    /* aligned_alloc wants a multiple of the alignment; never ask for nothing. */
    size_t whole = (size / alignment + (size % alignment != 0 || size == 0)) * alignment;
    void *memory = aligned_alloc(alignment, whole);
#if defined __linux__
    /* 512 times fewer page faults, and strides of a transform stay within the TLB. Only a hint. */
    if (memory && alignment == LARGE_PAGE)
        madvise(memory, whole, MADV_HUGEPAGE);
#endif
    return memory;
}

void *MXD_CPU(mxd_aligned_zeros)(size_t size)
{
    void *memory = MXD_CPU(mxd_aligned_memory)(size);
    if (memory)
        memset(memory, 0, size);
    return memory;
}
