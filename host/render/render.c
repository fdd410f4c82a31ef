/*
 * mxd_render: the engine's blocks into files. A thread of its own meters and
 * encodes a block while the next is computed (not with one thread: then all
 * takes turns). Files get their names together,
 * at the very end; a failed attempt on a device may be repeated on the CPU.
 */
#include "../clock.h"
#include "../measure/meter.h"
#include "engine.h"
#include "output.h"
#include "report.h"
#include "targets.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define MAX_QUEUED 8
#define SMALLEST_RETRY_BLOCK (1u << 12)

typedef struct encoder {
    mxd_engine *engine;
    mxd_output_file *files;
    uint32_t num_files;
    mxd_threads *threads;
    pthread_t thread;
    bool runs;
    double encode_s;
    pthread_mutex_t mutex;               /* guards all below */
    pthread_cond_t changed;
    const mxd_engine_block *queue[MAX_QUEUED];
    uint32_t num_queued;
    bool finished;                       /* nothing more will be queued */
    mxd_result result;
} encoder;

typedef struct encode_job {
    encoder *encoder;
    const mxd_engine_block *block;
    _Atomic mxd_result result;
} encode_job;

static void encode_file(void *user, uint32_t index, uint32_t thread)
{
    (void)thread;
    encode_job *job = user;
    mxd_result result = mxd_output_file_write(&job->encoder->files[index], job->block);
    if (result != MXD_OK)
        job->result = result;
}

/* Encodes a block and gives it back; failed: only gives it back. */
static mxd_result encode_block(encoder *e, const mxd_engine_block *block, bool failed)
{
    double begin = mxd_clock_s();
    encode_job job = {.encoder = e, .block = block};
    if (!failed)
        mxd_threads_run(e->threads, e->num_files, encode_file, &job);
    mxd_engine_release(e->engine, block);
    pthread_mutex_lock(&e->mutex);
    e->encode_s += mxd_clock_s() - begin;
    if (e->result == MXD_OK)
        e->result = job.result;
    mxd_result result = e->result;
    pthread_mutex_unlock(&e->mutex);
    return result;
}

static void *encoder_main(void *user)
{
    encoder *e = user;
    pthread_mutex_lock(&e->mutex);
    for (;;) {
        while (e->num_queued == 0 && !e->finished)
            pthread_cond_wait(&e->changed, &e->mutex);
        if (e->num_queued == 0)
            break;
        const mxd_engine_block *block = e->queue[0];
        e->num_queued--;
        memmove(e->queue, e->queue + 1, e->num_queued * sizeof e->queue[0]);
        bool failed = e->result != MXD_OK;
        pthread_mutex_unlock(&e->mutex);
        encode_block(e, block, failed);
        pthread_mutex_lock(&e->mutex);
    }
    pthread_mutex_unlock(&e->mutex);
    return NULL;
}

static mxd_result encoder_start(encoder *e, uint32_t num_threads)
{
    e->threads = mxd_threads_create(num_threads);
    if (!e->threads)
        return MXD_ERROR_MEMORY;
    if (num_threads == 1) /* blocks are encoded where they are pushed */
        return MXD_OK;
    if (pthread_create(&e->thread, NULL, encoder_main, e) != 0)
        return MXD_ERROR_MEMORY;
    e->runs = true;
    return MXD_OK;
}

/* Queues a block; tells how encoding went so far. The engine's slots bound the queue. */
static mxd_result encoder_push(encoder *e, const mxd_engine_block *block)
{
    if (!e->runs)
        return encode_block(e, block, false);
    pthread_mutex_lock(&e->mutex);
    e->queue[e->num_queued++] = block;
    mxd_result result = e->result;
    pthread_cond_broadcast(&e->changed);
    pthread_mutex_unlock(&e->mutex);
    return result;
}

static mxd_result encoder_finish(encoder *e)
{
    if (!e->runs)
        return e->result;
    pthread_mutex_lock(&e->mutex);
    e->finished = true;
    pthread_cond_broadcast(&e->changed);
    pthread_mutex_unlock(&e->mutex);
    pthread_join(e->thread, NULL);
    e->runs = false;
    return e->result;
}

static void tell_progress(const mxd_render_options *options, const mxd_engine *engine, uint64_t frame, double rate,
                          double elapsed_s)
{
    if (!options->on_progress)
        return;
    mxd_progress progress = {
        .done_s = (double)(frame - mxd_engine_from(engine)) / rate,
        .total_s = (double)(mxd_engine_to(engine) - mxd_engine_from(engine)) / rate,
        .elapsed_s = elapsed_s,
    };
    progress.speed = elapsed_s > 0.0 ? progress.done_s / elapsed_s : 0.0;
    progress.remaining_s = progress.speed > 0.0 ? (progress.total_s - progress.done_s) / progress.speed : -1.0;
    options->on_progress(options->user, &progress);
}

static mxd_result run(encoder *e, const mxd_render_options *options, double rate, double begin_s)
{
    for (;;) {
        const mxd_engine_block *block;
        mxd_result result = mxd_engine_next(e->engine, &block);
        if (result != MXD_OK || !block)
            return result;
        uint64_t done = block->first_frame + block->end; /* the block is the encoder's once it is queued */
        result = encoder_push(e, block);
        if (result != MXD_OK)
            return result;
        tell_progress(options, e->engine, done, rate, mxd_clock_s() - begin_s);
    }
}

/* ---- Result ---- */

static mxd_result make_result(const encoder *e, double wall_s, double rate, mxd_render_result **out)
{
    mxd_render_result *result = calloc(1, sizeof *result);
    mxd_deliverable_result *deliverables = calloc(e->num_files, sizeof *deliverables);
    if (!result || !deliverables) {
        free(deliverables);
        free(result);
        return MXD_ERROR_MEMORY;
    }
    const mxd_backend_info *info = mxd_backend_get_info(mxd_engine_backend(e->engine));
    result->deliverables = deliverables;
    result->num_deliverables = e->num_files;
    result->backend = info->kind;
    result->device = strdup(info->device);
    result->block_frames = mxd_engine_block_frames(e->engine);
    result->rendered_s = (double)(mxd_engine_to(e->engine) - mxd_engine_from(e->engine)) / rate;
    result->wall_s = wall_s;
    mxd_engine_times(e->engine, &result->decode_s, &result->compute_s);
    result->encode_s = e->encode_s;
    bool complete = result->device;
    for (uint32_t i = 0; i < e->num_files; i++) {
        mxd_output_file_describe(&e->files[i], rate, &deliverables[i]);
        complete &= deliverables[i].file != NULL;
    }
    if (!complete) {
        mxd_render_result_destroy(result);
        return MXD_ERROR_MEMORY;
    }
    *out = result;
    return MXD_OK;
}

void mxd_render_result_destroy(mxd_render_result *result)
{
    if (!result)
        return;
    for (size_t i = 0; i < result->num_deliverables; i++)
        free((char *)result->deliverables[i].file);
    free((void *)result->deliverables);
    free((char *)result->device);
    free(result);
}

/* ---- One attempt on one backend ---- */

static mxd_result open_files(encoder *e, const mxd_session *session, const mxd_render_options *options,
                             mxd_problems *problems)
{
    const mxd_graph *graph = mxd_engine_graph(e->engine);
    e->files = calloc(graph->num_outputs, sizeof *e->files);
    if (!e->files)
        return MXD_ERROR_MEMORY;
    uint32_t lane = 0;
    mxd_result result = MXD_OK;
    for (uint32_t i = 0; i < graph->num_outputs && result == MXD_OK; i++) {
        result = mxd_output_file_open(&e->files[i], session, &graph->outputs[i], lane, options->output_dir, problems);
        lane += graph->outputs[i].deliverable->layout->num_channels;
        e->num_files = i + 1;
    }
    return result;
}

static mxd_result finish_files(encoder *e, const mxd_render_options *options, const mxd_render_result *summary,
                               const mxd_session *session, mxd_problems *problems)
{
    mxd_result result = MXD_OK;
    for (uint32_t i = 0; i < e->num_files && result == MXD_OK; i++)
        result = mxd_audio_writer_finish(e->files[i].writer);
    if (result == MXD_OK && options->report)
        result = mxd_report_write(options->report, session, summary, e->files, problems);
    for (uint32_t i = 0; i < e->num_files && result == MXD_OK; i++)
        result = mxd_audio_writer_commit(e->files[i].writer);
    return result;
}

static mxd_result attempt(const mxd_session *session, const mxd_render_options *options, mxd_problems *problems,
                          mxd_render_result **out)
{
    double begin_s = mxd_clock_s(), rate = session->sample_rate;
    mxd_render_result *summary = NULL;
    encoder e = {0};
    pthread_mutex_init(&e.mutex, NULL);
    pthread_cond_init(&e.changed, NULL);
    mxd_result result = mxd_engine_create(session, options, problems, &e.engine);
    if (result == MXD_OK)
        result = mxd_targets_check(mxd_engine_graph(e.engine), options,
                                   mxd_engine_to(e.engine) - mxd_engine_from(e.engine), problems);
    if (result == MXD_OK)
        result = open_files(&e, session, options, problems);
    if (result == MXD_OK)
        result = encoder_start(&e, options->num_threads);
    if (result == MXD_OK)
        result = run(&e, options, rate, begin_s);
    mxd_result encoded = encoder_finish(&e);
    if (result == MXD_OK)
        result = encoded;
    if (result == MXD_OK)
        result = make_result(&e, mxd_clock_s() - begin_s, rate, &summary);
    if (result == MXD_OK)
        result = finish_files(&e, options, summary, session, problems);
    for (uint32_t i = 0; i < e.num_files; i++)
        mxd_output_file_close(&e.files[i]);
    free(e.files);
    mxd_threads_destroy(e.threads);
    mxd_engine_destroy(e.engine);
    pthread_cond_destroy(&e.changed);
    pthread_mutex_destroy(&e.mutex);
    if (result == MXD_OK && out)
        *out = summary;
    else
        mxd_render_result_destroy(summary);
    return result;
}

/* What to try after a device failed: smaller blocks, then the CPU if the choice was ours. False: give up. */
static bool choose_retry(mxd_result failure, mxd_render_options *options, bool automatic, mxd_problems *problems)
{
    bool device_failed = failure == MXD_ERROR_DEVICE || failure == MXD_ERROR_DEVICE_MEMORY;
    if (!device_failed || options->backend == MXD_BACKEND_CPU)
        return false;
    if (failure == MXD_ERROR_DEVICE_MEMORY && options->block_frames != SMALLEST_RETRY_BLOCK) {
        options->block_frames = SMALLEST_RETRY_BLOCK;
        mxd_warn(problems, NULL, "the device's memory ran out: trying again with small blocks");
        return true;
    }
    if (!automatic)
        return false;
    options->backend = MXD_BACKEND_CPU;
    options->block_frames = 0;
    mxd_warn(problems, NULL, "the device failed: rendering on the CPU instead");
    return true;
}

mxd_result mxd_render(const mxd_session *session, const mxd_render_options *given, mxd_problems *problems,
                      mxd_render_result **result)
{
    mxd_render_options options = *given;
    if (result)
        *result = NULL;
    if (options.report && !mxd_report_can_write(options.report))
        return mxd_fail(problems, MXD_ERROR_UNSUPPORTED, &(mxd_place){.file = options.report},
                        "only reports that end in .json are built yet");
    for (;;) {
        mxd_problems *aside = mxd_problems_create();
        if (!aside)
            return MXD_ERROR_MEMORY;
        mxd_result outcome = attempt(session, &options, aside, result);
        bool automatic = given->backend == MXD_BACKEND_AUTO && !given->device_given;
        bool again = outcome != MXD_OK && choose_retry(outcome, &options, automatic, problems);
        mxd_problems_absorb(problems, aside, again);
        mxd_problems_destroy(aside);
        if (!again)
            return outcome;
    }
}
