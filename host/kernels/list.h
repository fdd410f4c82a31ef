/* The kernels of inserts, one a line: its number in capitals, its name. kernel.h says what belongs to each. */
#ifndef MXD_KERNELS_LIST_H
#define MXD_KERNELS_LIST_H

#define MXD_KERNELS(X) \
    X(SHIFT, shift) \
    X(DYNAMICS, dynamics) \
    X(FILTER, filter) \
    X(DELAY, delay) \
    X(MODULATE, modulate) \
    X(PHASER, phaser) \
    X(REVERB, reverb) \
    X(SATURATE, saturate)

#endif
