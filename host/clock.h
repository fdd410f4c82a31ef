/* Wall-clock time for progress and timings. */
#ifndef MXD_CLOCK_H
#define MXD_CLOCK_H

#include <time.h>

/* Seconds on a clock that never goes back. */
static inline double mxd_clock_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

#endif
