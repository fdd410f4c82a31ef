/* Arrays that grow by doubling. */
#ifndef MXD_GROW_H
#define MXD_GROW_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Room for one more element of `size` bytes, zeroed; false when memory runs out, and nothing has changed. */
static inline bool mxd_grow(void **items, uint32_t count, uint32_t *capacity, size_t size)
{
    if (count < *capacity)
        return true;
    uint32_t larger = *capacity ? 2 * *capacity : 16;
    void *moved = realloc(*items, larger * size);
    if (!moved)
        return false;
    memset((char *)moved + *capacity * size, 0, (larger - *capacity) * size);
    *items = moved;
    *capacity = larger;
    return true;
}

#endif
