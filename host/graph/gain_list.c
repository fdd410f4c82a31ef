#include "gain_list.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Gains that are equal but for the rounding of the few products that made them: 300 dB below the signal. */
#define GAIN_TOLERANCE (8 * DBL_EPSILON)

bool mxd_gain_list_push(mxd_gain_list *list, uint32_t index, double gain)
{
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity ? 2 * list->capacity : 4;
        uint32_t *indices = realloc(list->indices, capacity * sizeof *indices);
        if (indices)
            list->indices = indices;
        double *gains = realloc(list->gains, capacity * sizeof *gains);
        if (gains)
            list->gains = gains;
        if (!indices || !gains)
            return false;
        list->capacity = capacity;
    }
    list->indices[list->count] = index;
    list->gains[list->count++] = gain;
    return true;
}

bool mxd_gain_list_add(mxd_gain_list *list, uint32_t index, double gain)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (list->indices[i] == index) {
            list->gains[i] += gain;
            return true;
        }
    return mxd_gain_list_push(list, index, gain);
}

void mxd_gain_lists_free(mxd_gain_list *lists, uint32_t count)
{
    for (uint32_t i = 0; lists && i < count; i++) {
        free(lists[i].indices);
        free(lists[i].gains);
    }
    free(lists);
}

bool mxd_gains_are_proportional(const double *a, const double *b, uint32_t count, double *ratio)
{
    uint32_t largest = 0;
    for (uint32_t i = 1; i < count; i++)
        if (fabs(a[i]) > fabs(a[largest]))
            largest = i;
    if (count == 0 || a[largest] == 0.0)
        return false;
    *ratio = b[largest] / a[largest];
    for (uint32_t i = 0; i < count; i++)
        if (!(fabs(b[i] - *ratio * a[i]) <= GAIN_TOLERANCE * fabs(b[i])))
            return false;
    return true;
}

bool mxd_gain_lists_are_proportional(const mxd_gain_list *a, const mxd_gain_list *b, double *ratio)
{
    return a->count == b->count && memcmp(a->indices, b->indices, a->count * sizeof *a->indices) == 0 &&
           mxd_gains_are_proportional(a->gains, b->gains, a->count, ratio);
}
