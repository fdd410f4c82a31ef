/* The kernels of inserts, one a line: its number in capitals, its name. kernel.h says what belongs to each. */
#ifndef MXD_KERNELS_LIST_H
#define MXD_KERNELS_LIST_H

#define MXD_KERNELS(X) \
    X(SHIFT, shift) \
    X(FILTER, filter) \
    X(DYNAMICS, dynamics)

#endif
