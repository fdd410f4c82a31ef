/*
 * mxd_render: the engine's blocks into files. A pool of threads meters and
 * encodes a block while the next is computed, every file on its own (not with
 * one thread: then all takes turns). Files get their names together,
 * at the very end; a failed attempt on a device may be repeated on the CPU.
 */
#include "../clock.h"
#include "../measure/meter.h"
#include "engine.h"
#include "file_limit.h"
#include "output.h"
#include "report.h"
#include "stem_files.h"
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
    mxd_stem_file *stems;                /* of one file after another */
    uint32_t num_stems;
    float *zeros;                        /* a lane of silence */
    mxd_threads *threads;
    pthread_t thread;
    bool runs;
    double setup_s, encode_s;
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

/* Meters come first: they take longest. */
static void encode_file(void *user, uint32_t index, uint32_t thread)
{
    (void)thread;
    encode_job *job = user;
    encoder *e = job->encoder;
    mxd_result result;
    if (job->result != MXD_OK) /* one message of a full disk, not one a file */
        return;
    if (index < e->num_files)
        result = mxd_output_file_measure(&e->files[index], job->block);
    else if (index < 2 * e->num_files)
        result = mxd_output_file_write(&e->files[index - e->num_files], job->block);
    else
        result = mxd_stem_file_write(&e->stems[index - 2 * e->num_files], job->block, e->zeros);
    if (result != MXD_OK)
        job->result = result;
}

/* Encodes a block and gives it back; failed: only gives it back. */
static mxd_result encode_block(encoder *e, const mxd_engine_block *block, bool failed)
{
    double begin = mxd_clock_s();
    encode_job job = {.encoder = e, .block = block};
    if (!failed)
        mxd_threads_run(e->threads, 2 * e->num_files + e->num_stems, encode_file, &job);
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

/* The stems of one file, described; false when memory ran out. */
static bool describe_stems(const mxd_stem_file *files, uint32_t count, double rate, mxd_deliverable_result *result)
{
    mxd_stem_result *stems = calloc(count + 1u, sizeof *stems);
    result->stems = stems;
    bool complete = stems;
    for (uint32_t i = 0; stems && i < count; i++) {
        mxd_stem_file_describe(&files[i], rate, &stems[i]);
        complete &= stems[i].name && stems[i].file;
        result->num_stems = i + 1;
    }
    return complete;
}

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
    mxd_engine_times times = mxd_engine_get_times(e->engine);
    result->setup_s = e->setup_s;
    result->decode_s = times.decode_s;
    result->gains_s = times.gains_s;
    result->transfer_s = times.transfer_s;
    result->compute_s = times.compute_s;
    result->encode_s = e->encode_s;
    bool complete = result->device;
    for (uint32_t i = 0; i < e->num_files; i++) {
        mxd_output_file_describe(&e->files[i], rate, &deliverables[i]);
        complete &= deliverables[i].file != NULL;
        uint32_t num_stems = e->num_stems / e->num_files;
        complete &= describe_stems(e->stems + (size_t)i * num_stems, num_stems, rate, &deliverables[i]);
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
    for (size_t i = 0; i < result->num_deliverables; i++) {
        const mxd_deliverable_result *deliverable = &result->deliverables[i];
        for (size_t j = 0; j < deliverable->num_stems; j++) {
            free((char *)deliverable->stems[j].name);
            free((char *)deliverable->stems[j].file);
        }
        free((void *)deliverable->stems);
        free((char *)deliverable->file);
    }
    free((void *)result->deliverables);
    free((char *)result->device);
    free(result);
}

/* ---- One attempt on one backend ---- */

static mxd_result open_files(encoder *e, const mxd_session *session, const mxd_render_options *options,
                             mxd_problems *problems)
{
    const mxd_graph *graph = mxd_engine_graph(e->engine);
    uint32_t num_stems = graph->num_outputs * graph->stems_per_layout, lane = 0;
    e->files = calloc(graph->num_outputs, sizeof *e->files);
    e->stems = calloc(num_stems + 1u, sizeof *e->stems);
    e->zeros = calloc(mxd_engine_block_frames(e->engine), sizeof *e->zeros);
    if (!e->files || !e->stems || !e->zeros)
        return MXD_ERROR_MEMORY;
    mxd_result result = mxd_file_limit_raise(graph, graph->num_outputs + num_stems, problems);
    for (uint32_t i = 0; i < graph->num_outputs && result == MXD_OK; i++) {
        result = mxd_output_file_open(&e->files[i], session, &graph->outputs[i], lane, options->output_dir, problems);
        lane += graph->outputs[i].deliverable->layout->num_channels;
        e->num_files = i + 1;
    }
    for (uint32_t i = 0; i < num_stems && result == MXD_OK; i++) {
        const mxd_output *output = &graph->outputs[i / graph->stems_per_layout];
        result = mxd_stem_file_open(&e->stems[i], graph, output, i % graph->stems_per_layout + 1, options->output_dir,
                                    problems);
        e->num_stems = i + 1;
    }
    return result;
}

/* Last opened first: whoever made a folder finds it empty. */
static void close_files(encoder *e)
{
    for (uint32_t i = e->num_stems; i-- > 0;)
        mxd_stem_file_close(&e->stems[i]);
    for (uint32_t i = e->num_files; i-- > 0;)
        mxd_output_file_close(&e->files[i]);
    free(e->stems);
    free(e->files);
    free(e->zeros);
}

/* Side by side: disks over a network take their time to close a file. */
static void finish_file(void *user, uint32_t index, uint32_t thread)
{
    (void)thread;
    encode_job *job = user;
    const encoder *e = job->encoder;
    if (job->result != MXD_OK)
        return;
    mxd_result result = mxd_audio_writer_finish(index < e->num_files ? e->files[index].writer
                                                                     : e->stems[index - e->num_files].writer);
    if (result != MXD_OK)
        job->result = result;
}

static mxd_result finish_files(encoder *e, const mxd_render_options *options, const mxd_render_result *summary,
                               const mxd_session *session, mxd_problems *problems)
{
    encode_job job = {.encoder = e};
    mxd_threads_run(e->threads, e->num_files + e->num_stems, finish_file, &job);
    mxd_result result = job.result;
    if (result == MXD_OK && options->report)
        result = mxd_report_write(options->report, session, summary, e->files, problems);
    for (uint32_t i = 0; i < e->num_files && result == MXD_OK; i++)
        result = mxd_audio_writer_commit(e->files[i].writer);
    for (uint32_t i = 0; i < e->num_stems && result == MXD_OK; i++)
        result = mxd_audio_writer_commit(e->stems[i].writer);
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
    e.setup_s = mxd_clock_s() - begin_s;
    if (result == MXD_OK)
        result = run(&e, options, rate, begin_s);
    mxd_result encoded = encoder_finish(&e);
    if (result == MXD_OK)
        result = encoded;
    if (result == MXD_OK)
        result = make_result(&e, mxd_clock_s() - begin_s, rate, &summary);
    if (result == MXD_OK)
        result = finish_files(&e, options, summary, session, problems);
    close_files(&e);
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
