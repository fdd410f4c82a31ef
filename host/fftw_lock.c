/* The one process-wide lock of this library, because what it guards is process-wide too. */
#include "fftw_lock.h"

#include <pthread.h>

static pthread_mutex_t planner = PTHREAD_MUTEX_INITIALIZER;

void mxd_fftw_lock(void)
{
    pthread_mutex_lock(&planner);
}

void mxd_fftw_unlock(void)
{
    pthread_mutex_unlock(&planner);
}
