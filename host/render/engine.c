/* The block loop and its decoder thread; engine_plan.c chooses backend and block size. */
#include "engine.h"

#include "../clock.h"
#include "../threads.h"
#include "engine_plan.h"
#include "file_limit.h"
#include "hosting.h"
#include "track_source.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Room for the blocks of sources or outputs that a plan may ask for. */
#define MAX_SLOTS 8

/* A block of sources: uploads, one a source lane, and the room in which their frames lie, [lane][block_frames]. */
typedef struct source_slot {
    float *room;
    mxd_upload *lanes;
} source_slot;

typedef struct output_slot {
    mxd_engine_block block;
    float *frames;
    bool *stem_sounds;
    bool taken;
    uint64_t ticket;
    bool waited;                        /* for the ticket, before it was the oldest block's turn */
} output_slot;

struct mxd_engine {
    const mxd_session *session;
    bool (*is_cancelled)(void *user);   /* as in the options */
    void *user;
    mxd_problems *problems;
    mxd_plan plan;
    uint64_t from, to;                  /* frames of the session */
    uint64_t latency;                   /* the graph's: blocks run so many frames ahead of what leaves them */
    uint64_t start;                     /* of the graph's frames: where computing begins, a multiple of the block */
    uint64_t num_blocks;
    uint64_t submitted;
    uint32_t in_flight[MAX_SLOTS];      /* output slots, oldest first */
    uint32_t num_in_flight;
    double gains_s;
    mxd_hosting *hosting;               /* NULL: no insert runs on the host */

    mxd_clip_player **players;          /* one a chain; NULL where it is no track */
    uint32_t *sounding;                 /* chains to be decoded in this block */
    mxd_threads *decode_threads;
    pthread_t decoder;
    bool decoder_runs;

    pthread_mutex_t mutex;              /* guards all below */
    pthread_cond_t changed;
    source_slot sources[MAX_SLOTS];
    uint32_t num_sources;
    uint64_t decoded;                   /* blocks decoded */
    uint64_t consumed;                  /* blocks whose sources may be overwritten */
    mxd_result decode_result;
    bool stop;
    output_slot outputs[MAX_SLOTS];
    uint32_t num_outputs;
    double decode_s;
};

static uint32_t frames_of_block(const mxd_engine *engine, uint64_t index)
{
    uint64_t first = engine->start + index * engine->plan.block_frames;
    uint64_t left = engine->to + engine->latency - first;
    return left < engine->plan.block_frames ? (uint32_t)left : engine->plan.block_frames;
}

/* ---- Decoder ---- */

typedef struct decode_job {
    mxd_engine *engine;
    uint64_t first_frame;
    uint32_t num_frames;
    source_slot *slot;
    _Atomic mxd_result result;
} decode_job;

static mxd_track_source source_of(const mxd_engine *engine, uint32_t chain)
{
    const mxd_chain *state = &engine->plan.graph->chains[chain];
    return (mxd_track_source){state->track, engine->players[chain], state->start_latency};
}

static void decode_track(void *user, uint32_t index, uint32_t thread)
{
    (void)thread;
    decode_job *job = user;
    mxd_engine *engine = job->engine;
    uint32_t chain_index = engine->sounding[index], block_frames = engine->plan.block_frames;
    const mxd_chain *chain = &engine->plan.graph->chains[chain_index];
    uint32_t first_lane = chain->first_source_lane;
    const mxd_track_source source = source_of(engine, chain_index);
    mxd_result result = mxd_track_fetch(&source, job->first_frame, job->num_frames,
                                        job->slot->room + (size_t)first_lane * block_frames, block_frames, job->slot->lanes + first_lane);
    if (result != MXD_OK)
        job->result = result;
}

static mxd_result decode_block(mxd_engine *engine, uint64_t index)
{
    decode_job job = {
        .engine = engine,
        .first_frame = engine->start + index * engine->plan.block_frames,
        .num_frames = frames_of_block(engine, index),
        .slot = &engine->sources[index % engine->num_sources],
    };
    uint32_t count = 0;
    for (uint32_t i = 0; i < engine->plan.graph->num_chains; i++) {
        const mxd_chain *chain = &engine->plan.graph->chains[i];
        if (!chain->track)
            continue;
        const mxd_track_source source = source_of(engine, i);
        if (mxd_track_sounds(&source, job.first_frame, job.num_frames))
            engine->sounding[count++] = i;
        else
            for (uint32_t j = 0; j < chain->num_source_lanes; j++)
                job.slot->lanes[chain->first_source_lane + j] = (mxd_upload){.frames = NULL};
    }
    mxd_threads_run(engine->decode_threads, count, decode_track, &job);
    return job.result;
}

/* Decodes a block and says so. */
static mxd_result decode_next(mxd_engine *engine, uint64_t index)
{
    double begin = mxd_clock_s();
    mxd_result result = decode_block(engine, index);
    pthread_mutex_lock(&engine->mutex);
    engine->decode_s += mxd_clock_s() - begin;
    engine->decode_result = result;
    engine->decoded = index + 1;
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->mutex);
    return result;
}

static void *decoder_main(void *user)
{
    mxd_engine *engine = user;
    for (uint64_t index = 0; index < engine->num_blocks; index++) {
        pthread_mutex_lock(&engine->mutex);
        while (!engine->stop && index >= engine->consumed + engine->num_sources)
            pthread_cond_wait(&engine->changed, &engine->mutex);
        bool stop = engine->stop;
        pthread_mutex_unlock(&engine->mutex);
        if (stop || decode_next(engine, index) != MXD_OK)
            break;
    }
    return NULL;
}

/* ---- Blocks ---- */

/* Waits for the sources of a block and for a free output slot. */
static mxd_result acquire(mxd_engine *engine, uint64_t index, uint32_t *slot)
{
    if (!engine->decoder_runs)
        decode_next(engine, index);
    pthread_mutex_lock(&engine->mutex);
    while (engine->decoded <= index && engine->decode_result == MXD_OK)
        pthread_cond_wait(&engine->changed, &engine->mutex);
    mxd_result result = engine->decode_result;
    while (result == MXD_OK) {
        for (*slot = 0; *slot < engine->num_outputs && engine->outputs[*slot].taken; ++*slot)
            ;
        if (*slot < engine->num_outputs)
            break;
        pthread_cond_wait(&engine->changed, &engine->mutex);
    }
    if (result == MXD_OK)
        engine->outputs[*slot].taken = true;
    pthread_mutex_unlock(&engine->mutex);
    return result;
}

/* Waits for the part of the block that was submitted last, runs its hosted inserts, and submits the next part. */
static mxd_result submit_next_part(mxd_engine *engine, uint64_t first_frame, output_slot *output, mxd_block *block)
{
    mxd_result result = MXD_OK;
    for (uint32_t i = 0; i < engine->num_in_flight && result == MXD_OK; i++) { /* tickets are waited for in order */
        output_slot *older = &engine->outputs[engine->in_flight[i]];
        if (!older->waited)
            result = mxd_backend_wait(engine->plan.backend, older->ticket);
        older->waited = true;
    }
    if (result == MXD_OK)
        result = mxd_backend_wait(engine->plan.backend, output->ticket);
    if (result == MXD_OK)
        result = mxd_hosting_run(engine->hosting, first_frame, block->num_frames);
    if (result != MXD_OK)
        return result;
    mxd_graph_next_part(engine->plan.graph, block);
    return mxd_backend_submit(engine->plan.backend, block, &output->ticket);
}

static mxd_result submit_block(mxd_engine *engine, uint64_t index)
{
    uint32_t slot;
    mxd_result result = acquire(engine, index, &slot);
    if (result != MXD_OK)
        return result;
    output_slot *output = &engine->outputs[slot];
    uint64_t first_frame = engine->start + index * engine->plan.block_frames;
    uint32_t num_frames = frames_of_block(engine, index);
    uint64_t from = engine->from + engine->latency;
    output->block = (mxd_engine_block){
        .first_frame = first_frame - engine->latency,
        .begin = from > first_frame ? (uint32_t)(from - first_frame < num_frames ? from - first_frame : num_frames) : 0,
        .end = num_frames,
        .outputs = output->frames,
        .block_frames = engine->plan.block_frames,
        .stem_sounds = output->stem_sounds,
    };
    double begin_s = mxd_clock_s();
    mxd_block block;
    mxd_graph_block(engine->plan.graph, first_frame, num_frames, engine->sources[index % engine->num_sources].lanes,
                    output->frames, output->stem_sounds, &block);
    engine->gains_s += mxd_clock_s() - begin_s;
    result = mxd_backend_submit(engine->plan.backend, &block, &output->ticket);
    while (result == MXD_OK && block.more)
        result = submit_next_part(engine, first_frame, output, &block);
    output->waited = false;
    if (result == MXD_OK)
        engine->in_flight[engine->num_in_flight++] = slot;
    return result;
}

static mxd_result complete_oldest(mxd_engine *engine, output_slot **output)
{
    *output = &engine->outputs[engine->in_flight[0]];
    engine->num_in_flight--;
    memmove(engine->in_flight, engine->in_flight + 1, engine->num_in_flight * sizeof *engine->in_flight);
    mxd_result result = (*output)->waited ? MXD_OK : mxd_backend_wait(engine->plan.backend, (*output)->ticket);
    pthread_mutex_lock(&engine->mutex);
    engine->consumed++;
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->mutex);
    return result;
}

mxd_result mxd_engine_next(mxd_engine *engine, const mxd_engine_block **block)
{
    *block = NULL;
    for (;;) {
        if (engine->is_cancelled && engine->is_cancelled(engine->user))
            return MXD_ERROR_CANCELLED;
        mxd_result result = MXD_OK;
        while (result == MXD_OK && engine->num_in_flight < engine->plan.blocks_in_flight &&
               engine->submitted < engine->num_blocks)
            if ((result = submit_block(engine, engine->submitted)) == MXD_OK)
                engine->submitted++;
        if (result != MXD_OK)
            return result;
        if (engine->num_in_flight == 0)
            return MXD_OK;
        output_slot *output;
        result = complete_oldest(engine, &output);
        if (result != MXD_OK)
            return result;
        if (output->block.begin < output->block.end) {
            *block = &output->block;
            return MXD_OK;
        }
        mxd_engine_release(engine, &output->block); /* before --from: only its state was wanted */
    }
}

void mxd_engine_release(mxd_engine *engine, const mxd_engine_block *block)
{
    pthread_mutex_lock(&engine->mutex);
    for (uint32_t i = 0; i < engine->num_outputs; i++)
        if (&engine->outputs[i].block == block)
            engine->outputs[i].taken = false;
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->mutex);
}

/* ---- Life ---- */

static mxd_result set_range(mxd_engine *engine, const mxd_render_options *options)
{
    const mxd_graph *graph = engine->plan.graph;
    mxd_result result = mxd_plan_range(graph, options, engine->problems, &engine->from, &engine->to);
    if (result != MXD_OK)
        return result;
    engine->latency = graph->latency;
    uint64_t from = engine->from + engine->latency;
    uint64_t history = from > graph->history_frames ? from - graph->history_frames : 0;
    engine->start = history - history % engine->plan.block_frames;
    engine->num_blocks = (engine->to + engine->latency - engine->start + engine->plan.block_frames - 1) /
                         engine->plan.block_frames;
    return MXD_OK;
}

static mxd_result make_buffers(mxd_engine *engine)
{
    const mxd_graph *graph = engine->plan.graph;
    size_t block_bytes = engine->plan.block_frames * sizeof(float);
    size_t num_lanes = graph->num_source_lanes ? graph->num_source_lanes : 1;
    engine->num_sources = engine->plan.num_source_slots;
    engine->num_outputs = engine->plan.num_output_slots;
    for (uint32_t i = 0; i < engine->num_sources; i++)
        if (!(engine->sources[i].room = malloc(num_lanes * block_bytes)) ||
            !(engine->sources[i].lanes = calloc(num_lanes, sizeof *engine->sources[i].lanes)))
            return MXD_ERROR_MEMORY;
    for (uint32_t i = 0; i < engine->num_outputs; i++) {
        output_slot *slot = &engine->outputs[i];
        slot->frames = malloc(mxd_graph_output_lanes(graph) * block_bytes);
        slot->stem_sounds = calloc(graph->num_stems + 1u, sizeof *slot->stem_sounds);
        if (!slot->frames || !slot->stem_sounds)
            return MXD_ERROR_MEMORY;
    }
    engine->players = calloc(graph->num_chains ? graph->num_chains : 1, sizeof *engine->players);
    engine->sounding = calloc(graph->num_chains ? graph->num_chains : 1, sizeof *engine->sounding);
    if (!engine->players || !engine->sounding)
        return MXD_ERROR_MEMORY;
    for (uint32_t i = 0; i < graph->num_chains; i++) {
        if (!graph->chains[i].track)
            continue;
        mxd_result result = mxd_clip_player_create(graph->chains[i].track, engine->session->sample_rate,
                                                   engine->problems, &engine->players[i]);
        if (result != MXD_OK)
            return result;
    }
    return MXD_OK;
}

static mxd_result start_decoder(mxd_engine *engine, uint32_t num_threads)
{
    engine->decode_threads = mxd_threads_create(num_threads);
    if (!engine->decode_threads)
        return MXD_ERROR_MEMORY;
    if (num_threads == 1) /* blocks are decoded as they are wanted, by whoever wants them */
        return MXD_OK;
    if (pthread_create(&engine->decoder, NULL, decoder_main, engine) != 0)
        return MXD_ERROR_MEMORY;
    engine->decoder_runs = true;
    return MXD_OK;
}

mxd_result mxd_engine_create(const mxd_session *session, const mxd_render_options *options, mxd_problems *problems,
                             mxd_engine **out)
{
    *out = NULL;
    mxd_engine *engine = calloc(1, sizeof *engine);
    if (!engine)
        return MXD_ERROR_MEMORY;
    engine->session = session;
    engine->is_cancelled = options->is_cancelled;
    engine->user = options->user;
    engine->problems = problems;
    pthread_mutex_init(&engine->mutex, NULL);
    pthread_cond_init(&engine->changed, NULL);
    mxd_result result = mxd_plan_create(session, options, problems, &engine->plan);
    if (result == MXD_OK)
        result = set_range(engine, options);
    if (result == MXD_OK)
        result = make_buffers(engine);
    if (result == MXD_OK)
        result = mxd_hosting_create(engine->plan.graph, session, engine->plan.block_frames, options->num_threads,
                                    problems, &engine->hosting);
    if (result == MXD_OK) {
        (void)mxd_file_limit_raise(engine->plan.graph, 0, NULL); /* the decoder opens clips right away */
        result = start_decoder(engine, options->num_threads);
    }
    if (result != MXD_OK) {
        mxd_engine_destroy(engine);
        return result;
    }
    *out = engine;
    return MXD_OK;
}

void mxd_engine_destroy(mxd_engine *engine)
{
    if (!engine)
        return;
    if (engine->decoder_runs) {
        pthread_mutex_lock(&engine->mutex);
        engine->stop = true;
        pthread_cond_broadcast(&engine->changed);
        pthread_mutex_unlock(&engine->mutex);
        pthread_join(engine->decoder, NULL);
    }
    mxd_threads_destroy(engine->decode_threads);
    for (uint32_t i = 0; engine->players && i < engine->plan.graph->num_chains; i++)
        mxd_clip_player_destroy(engine->players[i]);
    free(engine->players);
    free(engine->sounding);
    mxd_plan_destroy(&engine->plan); /* the backend first: it may still read sources and write outputs */
    mxd_hosting_destroy(engine->hosting);
    for (uint32_t i = 0; i < MAX_SLOTS; i++) {
        free(engine->sources[i].room);
        free(engine->sources[i].lanes);
        free(engine->outputs[i].frames);
        free(engine->outputs[i].stem_sounds);
    }
    pthread_cond_destroy(&engine->changed);
    pthread_mutex_destroy(&engine->mutex);
    free(engine);
}

const mxd_graph *mxd_engine_graph(const mxd_engine *engine)
{
    return engine->plan.graph;
}

const mxd_backend *mxd_engine_backend(const mxd_engine *engine)
{
    return engine->plan.backend;
}

uint32_t mxd_engine_block_frames(const mxd_engine *engine)
{
    return engine->plan.block_frames;
}

uint64_t mxd_engine_from(const mxd_engine *engine)
{
    return engine->from;
}

uint64_t mxd_engine_to(const mxd_engine *engine)
{
    return engine->to;
}

mxd_engine_times mxd_engine_get_times(const mxd_engine *engine)
{
    static const char *const transfers[] = {"upload", "unpack", "download"};
    mxd_backend_timing timings[MXD_MAX_TIMINGS];
    mxd_engine_times times = {.decode_s = engine->decode_s, .gains_s = engine->gains_s};
    uint32_t count = mxd_backend_timings(engine->plan.backend, timings, MXD_MAX_TIMINGS);
    for (uint32_t i = 0; i < count && i < MXD_MAX_TIMINGS; i++) {
        double seconds = timings[i].wall_s + timings[i].device_s;
        bool moves = false;
        for (size_t j = 0; j < sizeof transfers / sizeof transfers[0]; j++)
            moves |= strcmp(timings[i].kernel, transfers[j]) == 0;
        *(moves ? &times.transfer_s : &times.compute_s) += seconds;
    }
    return times;
}
