/*
 * A pool of threads that share out one loop at a time, for the CPU backend, the
 * decoders and the meters.
 */
#ifndef MXD_THREADS_H
#define MXD_THREADS_H

#include <stdint.h>

typedef struct mxd_threads mxd_threads;

/* num_threads 0 = all cores of this process. The caller of a loop is one of them. NULL when memory runs out. */
mxd_threads *mxd_threads_create(uint32_t num_threads);
/* Accepts NULL. */
void mxd_threads_destroy(mxd_threads *threads);
uint32_t mxd_threads_count(const mxd_threads *threads);

/*
 * Runs body(user, index, thread) for each index in 0..count-1, each exactly
 * once, in any order, and returns when all are done. thread: 0..num_threads-1,
 * for scratch memory. One loop at a time for each pool; no nesting.
 */
void mxd_threads_run(mxd_threads *threads, uint32_t count, void (*body)(void *user, uint32_t index, uint32_t thread),
                     void *user);

#endif
