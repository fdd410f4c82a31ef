/* Sparse rows and columns of fold.c's matrices of gains. */
#ifndef MXD_GRAPH_GAIN_LIST_H
#define MXD_GRAPH_GAIN_LIST_H

#include <stdbool.h>
#include <stdint.h>

/* Gains by index, in the order in which they came; zeroed it is empty. */
typedef struct mxd_gain_list {
    uint32_t *indices;
    double *gains;
    uint32_t count, capacity;
} mxd_gain_list;

/* False when memory runs out. */
bool mxd_gain_list_push(mxd_gain_list *list, uint32_t index, double gain);
/* The same, where an index that is there already is added to. */
bool mxd_gain_list_add(mxd_gain_list *list, uint32_t index, double gain);
/* Frees an array of lists. Accepts NULL. */
void mxd_gain_lists_free(mxd_gain_list *lists, uint32_t count);

/* Whether b is a times one number, *ratio, but for rounding; never where a is all zeros. */
bool mxd_gains_are_proportional(const double *a, const double *b, uint32_t count, double *ratio);
/* The same of two lists, which must have the same indices in the same order. */
bool mxd_gain_lists_are_proportional(const mxd_gain_list *a, const mxd_gain_list *b, double *ratio);

#endif
