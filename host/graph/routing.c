/* Groups, solo, mute and feeding order. */
#include "routing.h"

#include "../session/feeding.h"
#include "../session/groups.h"

#include <math.h>
#include <stdlib.h>

void mxd_pan_gains(double pan, uint32_t num_channels, uint32_t channel, double gains[2])
{
    const double quarter_pi = 0.78539816339744830962;
    if (num_channels == 1) {
        gains[0] = cos((pan + 1.0) * quarter_pi);
        gains[1] = sin((pan + 1.0) * quarter_pi);
        return;
    }
    /* Balance: the side that is turned away from fades by a cosine, the other stays. */
    double away = channel == 0 ? pan : -pan;
    gains[0] = gains[1] = 0.0;
    gains[channel] = away > 0.0 ? cos(away * 2.0 * quarter_pi) : 1.0;
}

/* Where a strip's index-th way leads: 0 its output, then its sends. A bus; -1 = the scene. */
static int end_of_way(const mxd_strip *strip, uint32_t index)
{
    return index == 0 ? strip->output : (int)strip->sends[index - 1].bus;
}

static bool order_strips(const mxd_session *session, mxd_routing *routing)
{
    mxd_feeding feeding;
    bool done = mxd_feeding_init(session, &feeding) && mxd_feeding_order(session, &feeding, routing->order);
    mxd_feeding_finish(&feeding);
    uint32_t num_buses = 0;
    for (uint32_t i = 0; done && i < mxd_session_num_strips(session); i++)
        if (routing->order[i] >= session->num_tracks)
            routing->bus_order[num_buses++] = routing->order[i] - session->num_tracks;
    return done;
}

/* ---- Groups -------------------------------------------------------------- */

/* The strip's groups, and what they and it say of mute and solo. seen, groups: room for all of the session's. */
static mxd_result join_groups(const mxd_session *session, const mxd_strip *strip, bool *seen, uint32_t *groups,
                              mxd_hearing *hearing)
{
    hearing->muted = strip->mute;
    hearing->soloed = strip->solo;
    hearing->num_groups = mxd_groups_of(session, strip, seen, groups);
    hearing->sends = calloc(strip->num_sends ? strip->num_sends : 1, sizeof *hearing->sends);
    hearing->groups = malloc((hearing->num_groups + 1) * sizeof *hearing->groups);
    if (!hearing->sends || !hearing->groups)
        return MXD_ERROR_MEMORY;
    for (uint32_t i = 0; i < hearing->num_groups; i++) {
        const mxd_fader_group *group = &session->groups[groups[i]];
        hearing->groups[i] = groups[i];
        hearing->muted |= group->mute;
        hearing->soloed |= group->solo;
    }
    return MXD_OK;
}

static mxd_result join_all_groups(const mxd_session *session, mxd_routing *routing)
{
    mxd_result result = MXD_OK;
    bool *seen = calloc(session->num_groups + 1u, sizeof *seen);
    uint32_t *groups = calloc(session->num_groups + 1u, sizeof *groups);
    if (!seen || !groups)
        result = MXD_ERROR_MEMORY;
    for (uint32_t i = 0; i < session->num_tracks && result == MXD_OK; i++)
        result = join_groups(session, &session->tracks[i].strip, seen, groups, &routing->tracks[i]);
    for (uint32_t i = 0; i < session->num_buses && result == MXD_OK; i++)
        result = join_groups(session, &session->buses[i].strip, seen, groups, &routing->buses[i]);
    free(seen);
    free(groups);
    return result;
}

/* ---- Mute and solo ------------------------------------------------------- */

/* What the walks over all strips need. */
typedef struct walk {
    const mxd_session *session;
    mxd_routing *routing;
    bool solo;      /* something is soloed */
    bool *passes;   /* [bus] what is in it has been chosen: it is soloed, or a strip feeds it that is, or is safe */
    bool *leads;    /* [bus] it is soloed, or on the way to a soloed bus without passing anything itself */
} walk;

/* Whether a strip's index-th way is there at all. */
static bool way_is_there(const mxd_strip *strip, const mxd_hearing *hearing, uint32_t index)
{
    if (index == 0)
        return !hearing->muted;
    const mxd_send *send = &strip->sends[index - 1];
    return !send->mute && (send->tap == MXD_TAP_PRE_FADER || !hearing->muted);
}

static void pass_on(walk *w, const mxd_strip *strip, const mxd_hearing *hearing, bool passes)
{
    for (uint32_t i = 0; passes && i <= strip->num_sends; i++)
        if (end_of_way(strip, i) >= 0 && way_is_there(strip, hearing, i))
            w->passes[end_of_way(strip, i)] = true;
}

/* From the tracks on: which buses hold something that a solo has chosen, or that is safe from it. */
static void find_passing(walk *w)
{
    const mxd_session *session = w->session;
    for (uint32_t i = 0; i < session->num_tracks; i++) {
        const mxd_strip *strip = &session->tracks[i].strip;
        pass_on(w, strip, &w->routing->tracks[i], w->routing->tracks[i].soloed || strip->solo_safe);
    }
    for (uint32_t i = 0; i < session->num_buses; i++) {
        uint32_t bus = w->routing->bus_order[i];
        w->passes[bus] |= w->routing->buses[bus].soloed;
        pass_on(w, &session->buses[bus].strip, &w->routing->buses[bus],
                w->passes[bus] || session->buses[bus].strip.solo_safe);
    }
}

/* From the last bus back: along outputs and sends. */
static void find_leading(walk *w)
{
    for (uint32_t i = w->session->num_buses; i-- > 0;) {
        uint32_t bus = w->routing->bus_order[i];
        const mxd_strip *strip = &w->session->buses[bus].strip;
        w->leads[bus] = w->routing->buses[bus].soloed;
        for (uint32_t j = 0; !w->passes[bus] && j <= strip->num_sends; j++)
            if (end_of_way(strip, j) >= 0 && way_is_there(strip, &w->routing->buses[bus], j))
                w->leads[bus] |= w->leads[end_of_way(strip, j)];
    }
}

/* Which of a strip's ways are heard; those of all buses that it feeds are known. open: no solo closes it. */
static void listen(const walk *w, const mxd_strip *strip, bool open, mxd_hearing *hearing)
{
    for (uint32_t i = 0; i <= strip->num_sends; i++) {
        int bus = end_of_way(strip, i);
        bool heard = way_is_there(strip, hearing, i) && (open || (bus >= 0 && w->leads[bus])) &&
                     (bus < 0 || w->routing->buses[bus].heard);
        *(i == 0 ? &hearing->output : &hearing->sends[i - 1]) = heard;
        hearing->heard |= heard;
    }
}

/* A strip that an insert listens to is needed, whether it is heard by itself or not. */
static void hear_side_chains(const mxd_session *session, mxd_routing *routing)
{
    for (uint32_t i = 0; i < mxd_session_num_strips(session); i++) {
        const mxd_strip *strip = mxd_session_strip(session, i);
        for (uint32_t j = 0; j < strip->num_inserts; j++) {
            const mxd_side_chain *key = strip->inserts[j].side_chain;
            if (!key || strip->inserts[j].bypass)
                continue;
            if (key->strip < session->num_tracks)
                routing->tracks[key->strip].heard = true;
            else
                routing->buses[key->strip - session->num_tracks].heard = true;
        }
    }
}

static void listen_to_all(walk *w)
{
    const mxd_session *session = w->session;
    for (uint32_t i = 0; i < session->num_tracks; i++)
        w->solo |= w->routing->tracks[i].soloed;
    for (uint32_t i = 0; i < session->num_buses; i++)
        w->solo |= w->routing->buses[i].soloed;
    find_passing(w);
    find_leading(w);
    for (uint32_t i = session->num_buses; i-- > 0;) {
        uint32_t bus = w->routing->bus_order[i];
        const mxd_strip *strip = &session->buses[bus].strip;
        listen(w, strip, !w->solo || w->passes[bus] || strip->solo_safe, &w->routing->buses[bus]);
    }
    for (uint32_t i = 0; i < session->num_tracks; i++) {
        const mxd_strip *strip = &session->tracks[i].strip;
        listen(w, strip, !w->solo || w->routing->tracks[i].soloed || strip->solo_safe, &w->routing->tracks[i]);
    }
}

mxd_result mxd_routing_create(const mxd_session *session, mxd_routing *routing)
{
    size_t num_buses = session->num_buses ? session->num_buses : 1;
    *routing = (mxd_routing){.num_tracks = session->num_tracks, .num_buses = session->num_buses};
    routing->tracks = calloc(session->num_tracks ? session->num_tracks : 1, sizeof *routing->tracks);
    routing->buses = calloc(num_buses, sizeof *routing->buses);
    routing->order = calloc(session->num_tracks + num_buses, sizeof *routing->order);
    routing->bus_order = calloc(num_buses, sizeof *routing->bus_order);
    walk w = {.session = session, .routing = routing};
    w.passes = calloc(num_buses, sizeof *w.passes);
    w.leads = calloc(num_buses, sizeof *w.leads);
    mxd_result result = MXD_ERROR_MEMORY;
    if (routing->tracks && routing->buses && routing->order && routing->bus_order && w.passes && w.leads &&
        order_strips(session, routing))
        result = join_all_groups(session, routing);
    if (result == MXD_OK) {
        hear_side_chains(session, routing);
        listen_to_all(&w);
    }
    free(w.passes);
    free(w.leads);
    return result;
}

static void finish_hearing(mxd_hearing *hearing)
{
    free(hearing->sends);
    free(hearing->groups);
}

void mxd_routing_destroy(mxd_routing *routing)
{
    for (uint32_t i = 0; routing->tracks && i < routing->num_tracks; i++)
        finish_hearing(&routing->tracks[i]);
    for (uint32_t i = 0; routing->buses && i < routing->num_buses; i++)
        finish_hearing(&routing->buses[i]);
    free(routing->tracks);
    free(routing->buses);
    free(routing->order);
    free(routing->bus_order);
}

const mxd_hearing *mxd_routing_hearing(const mxd_routing *routing, uint32_t strip)
{
    return strip < routing->num_tracks ? &routing->tracks[strip] : &routing->buses[strip - routing->num_tracks];
}
