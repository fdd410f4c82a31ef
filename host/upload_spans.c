/* Uploads sorted by what they read. */
#include "upload_spans.h"

#include <stdlib.h>

static int compare_numbers(uintptr_t a, uintptr_t b)
{
    return (a > b) - (a < b);
}

/* Descending by address, so that NULL comes last. */
static int compare_frames(const mxd_upload *a, const mxd_upload *b)
{
    int order = compare_numbers((uintptr_t)b->frames, (uintptr_t)a->frames);
    if (order == 0)
        order = compare_numbers(a->format, b->format);
    return order ? order : compare_numbers(a->num_channels, b->num_channels);
}

static int compare_uploads(const void *a, const void *b)
{
    const mxd_upload *const *first = a;
    const mxd_upload *const *second = b;
    int order = compare_frames(*first, *second);
    return order ? order : compare_numbers((*first)->channel, (*second)->channel);
}

uint32_t mxd_upload_order(const mxd_upload *uploads, uint32_t num_uploads, const mxd_upload **order)
{
    uint32_t sounding = 0;
    for (uint32_t i = 0; i < num_uploads; i++) {
        order[i] = &uploads[i];
        sounding += uploads[i].frames != NULL;
    }
    if (num_uploads > 1)
        qsort(order, num_uploads, sizeof *order, compare_uploads);
    return sounding;
}

uint32_t mxd_upload_same_frames(const mxd_upload *const *order, uint32_t count)
{
    uint32_t same = count > 0;
    while (same < count && compare_frames(order[0], order[same]) == 0)
        same++;
    return same;
}
