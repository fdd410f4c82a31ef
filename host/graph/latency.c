/*
 * Two passes over the strips in feeding order: forwards, each strip begins when
 * the latest of what feeds it and of what its side-chains listen to has arrived;
 * then every track is put off to when the earliest of its targets needs it.
 */
#include "latency.h"

#include "../effects/effect.h"

#include <stdlib.h>

uint32_t mxd_inserts_latency(const mxd_insert *inserts, uint32_t num_inserts, uint32_t num_channels)
{
    uint32_t frames = 0;
    for (uint32_t i = 0; i < num_inserts; i++) {
        const mxd_effect *effect = inserts[i].effect;
        if (inserts[i].bypass)
            continue;
        if (effect->latency_frames)
            frames += effect->latency_frames(inserts[i].params, num_channels);
        num_channels = effect->num_outputs(inserts[i].params, num_channels, NULL, NULL);
    }
    return frames;
}

static uint32_t own_latency(const mxd_strip *strip)
{
    return mxd_inserts_latency(strip->inserts, strip->num_inserts, strip->num_source_channels);
}

static void raise(uint32_t *value, uint32_t to)
{
    if (*value < to)
        *value = to;
}

static void lower(uint32_t *value, uint32_t to)
{
    if (*value > to)
        *value = to;
}

static const mxd_side_chain *key_of(const mxd_insert *insert)
{
    return !insert->bypass && insert->side_chain ? insert->side_chain : NULL;
}

/* What arrives decides when the strip begins; where it leads to learns when it ends. */
static void go_forwards(const mxd_session *session, const mxd_routing *routing, uint32_t index, uint32_t *scene,
                        mxd_latencies *l)
{
    const mxd_strip *strip = mxd_session_strip(session, index);
    const mxd_hearing *hearing = mxd_routing_hearing(routing, index);
    for (uint32_t i = 0; i < strip->num_inserts; i++) {
        const mxd_side_chain *key = key_of(&strip->inserts[i]);
        uint32_t before = key ? mxd_inserts_latency(strip->inserts, i, strip->num_source_channels) : 0;
        if (key && l->end[key->strip] > before)
            raise(&l->start[index], l->end[key->strip] - before);
    }
    l->end[index] = l->start[index] + own_latency(strip);
    for (uint32_t i = 0; i < strip->num_sends; i++)
        if (hearing->sends[i])
            raise(&l->start[session->num_tracks + strip->sends[i].bus], l->end[index]);
    if (hearing->output && strip->output >= 0)
        raise(&l->start[session->num_tracks + (uint32_t)strip->output], l->end[index]);
    else if (hearing->output)
        raise(scene, l->end[index]);
}

/* latest[strip]: how late what leaves it may be. */
static void go_backwards(const mxd_session *session, const mxd_routing *routing, uint32_t index, uint32_t scene,
                         const mxd_latencies *l, uint32_t *latest)
{
    const mxd_strip *strip = mxd_session_strip(session, index);
    const mxd_hearing *hearing = mxd_routing_hearing(routing, index);
    for (uint32_t i = 0; i < strip->num_sends; i++)
        if (hearing->sends[i])
            lower(&latest[index], l->start[session->num_tracks + strip->sends[i].bus]);
    if (hearing->output)
        lower(&latest[index], strip->output >= 0 ? l->start[session->num_tracks + (uint32_t)strip->output] : scene);
    for (uint32_t i = 0; i < strip->num_inserts; i++)
        if (key_of(&strip->inserts[i]))
            lower(&latest[strip->inserts[i].side_chain->strip],
                  l->start[index] + mxd_inserts_latency(strip->inserts, i, strip->num_source_channels));
}

/* The latency of a deliverable's own inserts. */
static uint32_t deliverable_latency(const mxd_deliverable *deliverable)
{
    return mxd_inserts_latency(deliverable->inserts, deliverable->num_inserts, deliverable->layout->num_channels);
}

bool mxd_latencies_init(const mxd_session *session, const mxd_routing *routing, const uint32_t *deliverables,
                        uint32_t num_deliverables, mxd_latencies *l)
{
    uint32_t count = mxd_session_num_strips(session), scene = 0, scene_latest = UINT32_MAX;
    uint32_t *latest = malloc((count + 1u) * sizeof *latest);
    *l = (mxd_latencies){.start = calloc(count + 1u, sizeof *l->start), .end = calloc(count + 1u, sizeof *l->end)};
    if (!latest || !l->start || !l->end) {
        free(latest);
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        latest[i] = UINT32_MAX;
        if (mxd_routing_hearing(routing, routing->order[i])->heard)
            go_forwards(session, routing, routing->order[i], &scene, l);
    }
    for (uint32_t i = 0; i < num_deliverables; i++)
        raise(&l->total, scene + deliverable_latency(&session->deliverables[deliverables[i]]));
    for (uint32_t i = 0; i < num_deliverables; i++)
        lower(&scene_latest, l->total - deliverable_latency(&session->deliverables[deliverables[i]]));
    for (uint32_t i = 0; i < count; i++)
        if (mxd_routing_hearing(routing, i)->heard)
            go_backwards(session, routing, i, scene_latest, l, latest);
    for (uint32_t i = 0; i < session->num_tracks; i++) {
        uint32_t own = l->end[i] - l->start[i];
        if (!routing->tracks[i].heard || latest[i] == UINT32_MAX)
            continue;
        l->start[i] = latest[i] - own;
        l->end[i] = latest[i];
    }
    free(latest);
    return true;
}

void mxd_latencies_finish(mxd_latencies *latencies)
{
    free(latencies->start);
    free(latencies->end);
}
