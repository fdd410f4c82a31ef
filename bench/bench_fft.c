/*
 * Times the convolver's transform on every CPU variant, 1 thread, beside FFTW's
 * real transform of as many frames, planned by estimate and by measurement, in
 * turn: nanoseconds a frame, the least of several rounds.
 *
 *     bench_fft [GREATEST_LOG2]
 *
 * A window of 2 x 2^k frames there and back, and so many bins.
 */
#include "host/clock.h"
#include "host/cpu/variants.h"

#include <fftw3.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 9

typedef struct bench_job {
    const mxd_fft_kernels *fft; /* or NULL: FFTW's plans */
    void *made;
    fftwf_plan forward, back;
    void *frames, *spectrum;
    size_t size;
    double forward_s, back_s;   /* the least so far */
} bench_job;

static void run_forward(const bench_job *job)
{
    if (job->fft)
        job->fft->forward(job->made, job->frames, (char *)job->frames + job->size * job->fft->real_bytes,
                          job->spectrum);
    else
        fftwf_execute(job->forward);
}

static void run_back(const bench_job *job)
{
    if (job->fft)
        job->fft->inverse(job->made, job->spectrum, job->frames);
    else
        fftwf_execute(job->back);
}

/* Seconds a transform. */
static double time_of(const bench_job *job, void (*body)(const bench_job *job))
{
    size_t count = ((size_t)1 << 20) / job->size + 1;
    double start_s = mxd_clock_s();
    for (size_t i = 0; i < count; i++)
        body(job);
    return (mxd_clock_s() - start_s) / (double)count;
}

static bool prepare(bench_job *job, uint32_t log2, unsigned plan_flags)
{
    size_t bytes = ((size_t)2 << log2) * sizeof(double) + 64;
    job->size = (size_t)1 << log2;
    job->frames = aligned_alloc(64, bytes);
    job->spectrum = aligned_alloc(64, bytes);
    if (!job->frames || !job->spectrum)
        return false;
    if (job->fft) {
        job->made = job->fft->create(log2);
    } else {
        job->forward = fftwf_plan_dft_r2c_1d(2 << log2, job->frames, job->spectrum, plan_flags);
        job->back = fftwf_plan_dft_c2r_1d(2 << log2, job->spectrum, job->frames, plan_flags);
    }
    /* Silence stays silence, however often it goes there and back. */
    for (size_t i = 0; i < bytes; i++)
        ((char *)job->frames)[i] = ((char *)job->spectrum)[i] = 0;
    job->forward_s = job->back_s = HUGE_VAL;
    return job->fft ? job->made != NULL : job->forward && job->back;
}

static void finish(bench_job *job)
{
    if (job->fft)
        job->fft->destroy(job->made);
    if (job->forward)
        fftwf_destroy_plan(job->forward);
    if (job->back)
        fftwf_destroy_plan(job->back);
    free(job->frames);
    free(job->spectrum);
}

static bool bench_size(uint32_t log2)
{
    bench_job jobs[6] = {0};
    uint32_t num_jobs = 0;
    for (; mxd_cpu_get(num_jobs) && num_jobs < 4; num_jobs++)
        jobs[num_jobs].fft = mxd_cpu_get(num_jobs)->fft;
    num_jobs += 2;
    bool good = true;
    for (uint32_t i = 0; i < num_jobs; i++)
        good = prepare(&jobs[i], log2, i + 1 == num_jobs ? FFTW_MEASURE : FFTW_ESTIMATE) && good;
    for (int round = 0; good && round < ROUNDS; round++)
        for (uint32_t i = 0; i < num_jobs; i++) {
            jobs[i].forward_s = fmin(jobs[i].forward_s, time_of(&jobs[i], run_forward));
            jobs[i].back_s = fmin(jobs[i].back_s, time_of(&jobs[i], run_back));
        }
    printf("2^%-4u", log2);
    for (uint32_t i = 0; i < num_jobs; i++) {
        double scale = 1e9 / (double)jobs[i].size;
        printf(" %10.2f %5.2f", scale * jobs[i].forward_s, scale * jobs[i].back_s);
        finish(&jobs[i]);
    }
    printf("\n");
    fflush(stdout);
    return good;
}

int main(int argc, char **argv)
{
    const mxd_fft_kernels *fft = mxd_cpu_best()->fft;
    uint32_t greatest = argc > 1 ? (uint32_t)atoi(argv[1]) : 18;
    if (argc > 2 || greatest < fft->min_log2 || greatest > fft->max_log2) {
        fprintf(stderr, "usage: %s [GREATEST_LOG2], %u to %u\n", argv[0], fft->min_log2, fft->max_log2);
        return 2;
    }
    printf("ns a frame, there and back\nbins  ");
    for (uint32_t i = 0; mxd_cpu_get(i) && i < 4; i++)
        printf(" %16s", mxd_cpu_get(i)->name);
    printf(" %16s %16s\n", "FFTW, estimated", "FFTW, measured");
    for (uint32_t log2 = fft->min_log2; log2 <= greatest; log2++)
        if (!bench_size(log2)) {
            fprintf(stderr, "memory ran out\n");
            return 1;
        }
    return 0;
}
