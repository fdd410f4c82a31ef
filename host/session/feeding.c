/* The edges of the routing as lists, and Kahn's order of the strips. */
#include "feeding.h"

#include <stdlib.h>

typedef void visit_edge(mxd_feeding *edges, uint32_t from, uint32_t to);

static void count_edge(mxd_feeding *e, uint32_t from, uint32_t to)
{
    (void)to;
    e->first[from]++;
}

/* Fills from the end, so that first[] ends where the strip's edges begin. */
static void put_edge(mxd_feeding *e, uint32_t from, uint32_t to)
{
    e->targets[--e->first[from]] = to;
}

/* Outputs, sends, and side-chains from where they are taken; backwards, for put_edge turns the order round. */
static void visit_edges(const mxd_session *session, mxd_feeding *e, visit_edge *visit)
{
    for (uint32_t i = mxd_session_num_strips(session); i-- > 0;) {
        const mxd_strip *strip = mxd_session_strip(session, i);
        for (uint32_t j = strip->num_inserts; j-- > 0;)
            if (strip->inserts[j].side_chain && strip->inserts[j].side_chain->strip != MXD_NO_STRIP)
                visit(e, strip->inserts[j].side_chain->strip, i);
        for (uint32_t j = strip->num_sends; j-- > 0;)
            visit(e, i, session->num_tracks + strip->sends[j].bus);
        if (strip->output >= 0)
            visit(e, i, session->num_tracks + (uint32_t)strip->output);
    }
}

bool mxd_feeding_init(const mxd_session *session, mxd_feeding *e)
{
    uint32_t count = mxd_session_num_strips(session);
    e->targets = NULL;
    e->first = calloc((size_t)count + 1, sizeof *e->first);
    if (!e->first)
        return false;
    visit_edges(session, e, count_edge);
    for (uint32_t i = 0, sum = 0; i <= count; i++)
        e->first[i] = sum += e->first[i]; /* where the strip's edges end */
    e->targets = malloc((e->first[count] + 1u) * sizeof *e->targets);
    if (!e->targets)
        return false;
    visit_edges(session, e, put_edge);
    return true;
}

void mxd_feeding_finish(mxd_feeding *feeding)
{
    free(feeding->first);
    free(feeding->targets);
}

bool mxd_feeding_order(const mxd_session *session, const mxd_feeding *feeding, uint32_t *order)
{
    uint32_t count = mxd_session_num_strips(session), num_placed = 0;
    uint32_t *feeders = calloc(count + 1u, sizeof *feeders);
    if (!feeders)
        return false;
    for (uint32_t i = 0; i < feeding->first[count]; i++)
        feeders[feeding->targets[i]]++;
    for (uint32_t i = 0; i < count; i++)
        if (feeders[i] == 0)
            order[num_placed++] = i;
    for (uint32_t next = 0; next < num_placed; next++)
        for (uint32_t i = feeding->first[order[next]]; i < feeding->first[order[next] + 1]; i++)
            if (--feeders[feeding->targets[i]] == 0)
                order[num_placed++] = feeding->targets[i];
    free(feeders);
    return true;
}
