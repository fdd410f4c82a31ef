/*
 * The pool of threads. Workers sleep on a condition until a loop is published;
 * indices are handed out by one atomic counter. The caller waits only for the
 * workers that joined its loop, so that a worker the system wakes late delays
 * nothing. Loops come in rows, microseconds apart, and waking a thread takes
 * tens of them: before they sleep, all look again for a moment.
 */
#if defined __linux__
#define _GNU_SOURCE /* sched_getaffinity */
#endif
#include "threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

/* Times that a thread gives way to others before it sleeps: some 30 us where there are none. */
#define PATIENCE 100

typedef struct pool_worker {
    mxd_threads *threads;
    pthread_t handle;
    uint32_t number;
} pool_worker;

struct mxd_threads {
    pthread_mutex_t mutex;
    pthread_cond_t published; /* a loop was published, or the pool ends */
    pthread_cond_t left;      /* the last worker left the loop */
    pool_worker *workers;
    uint32_t num_workers;     /* the caller not counted */
    bool ending;
    atomic_uint_fast64_t loop; /* number of the newest loop; written under the mutex, as the next two */
    bool open;                /* that loop may still be joined */
    atomic_uint num_joined;
    uint32_t count;
    void (*body)(void *user, uint32_t index, uint32_t thread);
    void *user;
    atomic_uint_fast64_t next; /* 64 bits: each thread oversteps count once */
};

static uint32_t cores_of_process(void)
{
#if defined __linux__
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return (uint32_t)CPU_COUNT(&set);
#endif
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (uint32_t)online : 1;
}

static void take_indices(mxd_threads *threads, uint32_t thread)
{
    for (;;) {
        uint64_t index = atomic_fetch_add_explicit(&threads->next, 1, memory_order_relaxed);
        if (index >= threads->count)
            return;
        threads->body(threads->user, (uint32_t)index, thread);
    }
}

static void await_loop(mxd_threads *threads, uint64_t seen)
{
    for (int i = 0; i < PATIENCE && atomic_load_explicit(&threads->loop, memory_order_relaxed) == seen; i++)
        sched_yield();
}

static void await_workers(mxd_threads *threads)
{
    for (int i = 0; i < PATIENCE && atomic_load_explicit(&threads->num_joined, memory_order_relaxed) > 0; i++)
        sched_yield();
}

static void *work(void *argument)
{
    pool_worker *self = argument;
    mxd_threads *threads = self->threads;
    uint64_t seen = 0;
    pthread_mutex_lock(&threads->mutex);
    for (;;) {
        while (!threads->ending && threads->loop == seen)
            pthread_cond_wait(&threads->published, &threads->mutex);
        if (threads->ending)
            break;
        seen = threads->loop;
        if (!threads->open)
            continue;
        threads->num_joined++;
        pthread_mutex_unlock(&threads->mutex);
        take_indices(threads, self->number);
        pthread_mutex_lock(&threads->mutex);
        if (--threads->num_joined == 0)
            pthread_cond_signal(&threads->left);
        pthread_mutex_unlock(&threads->mutex);
        await_loop(threads, seen);
        pthread_mutex_lock(&threads->mutex);
    }
    pthread_mutex_unlock(&threads->mutex);
    return NULL;
}

mxd_threads *mxd_threads_create(uint32_t num_threads)
{
    if (num_threads == 0)
        num_threads = cores_of_process();
    mxd_threads *threads = calloc(1, sizeof *threads);
    if (!threads)
        return NULL;
    atomic_init(&threads->next, 0);
    atomic_init(&threads->loop, 0);
    atomic_init(&threads->num_joined, 0);
    bool have_mutex = pthread_mutex_init(&threads->mutex, NULL) == 0;
    bool have_published = have_mutex && pthread_cond_init(&threads->published, NULL) == 0;
    bool have_left = have_published && pthread_cond_init(&threads->left, NULL) == 0;
    threads->workers = calloc(num_threads, sizeof *threads->workers);
    if (!have_left || !threads->workers) {
        if (have_left)
            pthread_cond_destroy(&threads->left);
        if (have_published)
            pthread_cond_destroy(&threads->published);
        if (have_mutex)
            pthread_mutex_destroy(&threads->mutex);
        free(threads->workers);
        free(threads);
        return NULL;
    }
    for (uint32_t i = 0; i + 1 < num_threads; i++) {
        pool_worker *worker = &threads->workers[i];
        worker->threads = threads;
        worker->number = i + 1;
        /* Fewer threads than asked for still finish every loop. */
        if (pthread_create(&worker->handle, NULL, work, worker) != 0)
            break;
        threads->num_workers++;
    }
    return threads;
}

void mxd_threads_destroy(mxd_threads *threads)
{
    if (!threads)
        return;
    pthread_mutex_lock(&threads->mutex);
    threads->ending = true;
    pthread_cond_broadcast(&threads->published);
    pthread_mutex_unlock(&threads->mutex);
    for (uint32_t i = 0; i < threads->num_workers; i++)
        pthread_join(threads->workers[i].handle, NULL);
    pthread_cond_destroy(&threads->left);
    pthread_cond_destroy(&threads->published);
    pthread_mutex_destroy(&threads->mutex);
    free(threads->workers);
    free(threads);
}

uint32_t mxd_threads_count(const mxd_threads *threads)
{
    return threads->num_workers + 1;
}

void mxd_threads_run(mxd_threads *threads, uint32_t count, void (*body)(void *user, uint32_t index, uint32_t thread),
                     void *user)
{
    if (threads->num_workers == 0 || count <= 1) {
        for (uint32_t i = 0; i < count; i++)
            body(user, i, 0);
        return;
    }
    pthread_mutex_lock(&threads->mutex);
    threads->count = count;
    threads->body = body;
    threads->user = user;
    atomic_store_explicit(&threads->next, 0, memory_order_relaxed);
    threads->open = true;
    threads->loop++;
    if (count - 1 < threads->num_workers) {
        for (uint32_t i = 0; i < count - 1; i++)
            pthread_cond_signal(&threads->published);
    } else {
        pthread_cond_broadcast(&threads->published);
    }
    pthread_mutex_unlock(&threads->mutex);

    take_indices(threads, 0);

    await_workers(threads);
    pthread_mutex_lock(&threads->mutex);
    threads->open = false;
    while (threads->num_joined > 0)
        pthread_cond_wait(&threads->left, &threads->mutex);
    pthread_mutex_unlock(&threads->mutex);
}
