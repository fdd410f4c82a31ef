#include "hosting.h"

#include "../graph/envelope.h"
#include "../threads.h"

#include <stdatomic.h>
#include <stdlib.h>

/* One HOST operation. */
typedef struct hosted_insert {
    uint32_t operation;
    mxd_hosted *hosted;
    bool used;               /* since it was made: a restart means something */
    float *room;             /* of all below */
    float **lanes;           /* inputs, then outputs */
    uint32_t num_automated;
    float **values;          /* [automated][run] */
} hosted_insert;

struct mxd_hosting {
    mxd_graph *graph;
    const mxd_session *session;
    mxd_problems *problems;
    uint32_t block_frames;
    mxd_threads *threads;
    hosted_insert *inserts;
    uint32_t num_inserts;
};

typedef struct job {
    mxd_hosting *hosting;
    uint64_t first_frame;
    uint32_t num_frames;
    _Atomic mxd_result result;
} job;

/* ---- Starting --------------------------------------------------------------- */

static bool make_room(mxd_hosting *hosting, hosted_insert *insert)
{
    mxd_operation *operation = &hosting->graph->operations[insert->operation];
    const uint32_t num_lanes = operation->row.num_inputs + operation->row.num_outputs;
    insert->num_automated = operation->row.insert->num_automation;
    const uint32_t num_runs = mxd_hosted_num_runs(insert->num_automated, hosting->block_frames);
    const size_t lane_frames = (size_t)num_lanes * hosting->block_frames;
    insert->room = malloc((lane_frames + (size_t)insert->num_automated * num_runs) * sizeof *insert->room);
    insert->lanes = calloc(num_lanes, sizeof *insert->lanes);
    insert->values = calloc(insert->num_automated + 1u, sizeof *insert->values);
    if (!insert->room || !insert->lanes || !insert->values)
        return false;
    for (uint32_t i = 0; i < num_lanes; i++)
        insert->lanes[i] = insert->room + (size_t)i * hosting->block_frames;
    for (uint32_t i = 0; i < insert->num_automated; i++)
        insert->values[i] = insert->room + lane_frames + (size_t)i * num_runs;
    operation->host.inputs = insert->lanes;
    operation->host.outputs = insert->lanes + operation->row.num_inputs;
    return true;
}

static mxd_result start_insert(mxd_hosting *hosting, hosted_insert *insert)
{
    const mxd_operation *operation = &hosting->graph->operations[insert->operation];
    const mxd_insert *source = operation->row.insert;
    uint32_t *automated = calloc(source->num_automation + 1u, sizeof *automated);
    if (!automated || !make_room(hosting, insert)) {
        free(automated);
        return MXD_ERROR_MEMORY;
    }
    for (uint32_t i = 0; i < source->num_automation; i++)
        automated[i] = source->automation[i].value;
    const mxd_hosted_setup setup = {
        .sample_rate = hosting->session->sample_rate,
        .num_inputs = operation->row.num_inputs,
        .block_frames = hosting->block_frames,
        .automated = automated,
        .num_automated = source->num_automation,
        .place = mxd_session_place(hosting->session, &source->origin),
    };
    mxd_result result = operation->host.create(source->params, &setup, hosting->problems, &insert->hosted);
    free(automated);
    return result;
}

static void start_one(void *user, uint32_t index, uint32_t thread)
{
    (void)thread;
    job *j = user;
    mxd_result result = start_insert(j->hosting, &j->hosting->inserts[index]);
    if (result != MXD_OK)
        j->result = result;
}

mxd_result mxd_hosting_create(mxd_graph *graph, const mxd_session *session, uint32_t block_frames,
                              uint32_t num_threads, mxd_problems *problems, mxd_hosting **out)
{
    *out = NULL;
    if (graph->num_hosted == 0)
        return MXD_OK;
    mxd_hosting *hosting = calloc(1, sizeof *hosting);
    if (!hosting)
        return MXD_ERROR_MEMORY;
    *hosting = (mxd_hosting){.graph = graph, .session = session, .problems = problems, .block_frames = block_frames};
    hosting->inserts = calloc(graph->num_hosted, sizeof *hosting->inserts);
    hosting->threads = mxd_threads_create(num_threads);
    job j = {.hosting = hosting, .result = hosting->inserts && hosting->threads ? MXD_OK : MXD_ERROR_MEMORY};
    for (uint32_t i = 0; i < graph->num_operations && j.result == MXD_OK; i++)
        if (graph->operations[i].kind == MXD_OPERATION_HOST)
            hosting->inserts[hosting->num_inserts++].operation = i;
    if (j.result == MXD_OK)
        mxd_threads_run(hosting->threads, hosting->num_inserts, start_one, &j);
    if (j.result != MXD_OK) {
        mxd_hosting_destroy(hosting);
        return j.result;
    }
    *out = hosting;
    return MXD_OK;
}

void mxd_hosting_destroy(mxd_hosting *hosting)
{
    if (!hosting)
        return;
    for (uint32_t i = 0; i < hosting->num_inserts; i++) {
        mxd_hosted_destroy(hosting->inserts[i].hosted);
        free(hosting->inserts[i].room);
        free(hosting->inserts[i].lanes);
        free(hosting->inserts[i].values);
    }
    free(hosting->inserts);
    mxd_threads_destroy(hosting->threads);
    free(hosting);
}

/* ---- Running ------------------------------------------------------------------ */

/* What is automated, as the signal in the insert has it; before the session as at its first frame. */
static void fill_values(const mxd_operation *operation, const hosted_insert *insert, const job *j)
{
    const uint32_t run_frames = mxd_hosted_run_frames(insert->num_automated);
    const uint32_t num_runs = mxd_hosted_num_runs(insert->num_automated, j->num_frames);
    for (uint32_t i = 0; i < insert->num_automated; i++)
        for (uint32_t run = 0; run < num_runs; run++) {
            uint64_t frame = j->first_frame + (uint64_t)run * run_frames;
            frame = frame > operation->latency ? frame - operation->latency : 0;
            insert->values[i][run] =
                (float)mxd_automation_value(&operation->row.insert->automation[i], frame, false);
        }
}

static mxd_result run_insert(hosted_insert *insert, const job *j)
{
    const mxd_operation *operation = &j->hosting->graph->operations[insert->operation];
    mxd_result result = MXD_OK;
    if (!operation->host.runs)
        return MXD_OK;
    if (operation->host.restart && insert->used)
        result = mxd_hosted_reset(insert->hosted);
    insert->used = true;
    if (result != MXD_OK)
        return result;
    fill_values(operation, insert, j);
    const uint64_t frame = j->first_frame > operation->latency ? j->first_frame - operation->latency : 0;
    return mxd_hosted_process(insert->hosted, frame, j->num_frames, (const float *const *)operation->host.inputs,
                              operation->host.outputs, (const float *const *)insert->values);
}

static void run_one(void *user, uint32_t index, uint32_t thread)
{
    (void)thread;
    job *j = user;
    mxd_result result = run_insert(&j->hosting->inserts[index], j);
    if (result != MXD_OK)
        j->result = result;
}

mxd_result mxd_hosting_run(mxd_hosting *hosting, uint64_t first_frame, uint32_t num_frames)
{
    job j = {.hosting = hosting, .first_frame = first_frame, .num_frames = num_frames};
    mxd_threads_run(hosting->threads, hosting->num_inserts, run_one, &j);
    return j.result;
}
