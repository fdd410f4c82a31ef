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

static mxd_hearing *hearing_of(const mxd_routing *routing, uint32_t strip)
{
    return strip < routing->num_tracks ? &routing->tracks[strip] : &routing->buses[strip - routing->num_tracks];
}

const mxd_hearing *mxd_routing_hearing(const mxd_routing *routing, uint32_t strip)
{
    return hearing_of(routing, strip);
}

/* ---- Groups -------------------------------------------------------------- */

/* The strip's groups, and what they and it say of mute and solo. seen, groups: room for all of the session's. */
static bool join_groups(const mxd_session *session, const mxd_strip *strip, bool *seen, uint32_t *groups,
                        mxd_hearing *hearing)
{
    hearing->muted = strip->mute;
    hearing->soloed = strip->solo;
    hearing->num_groups = mxd_groups_of(session, strip, seen, groups);
    hearing->sends = calloc(strip->num_sends ? strip->num_sends : 1, sizeof *hearing->sends);
    hearing->groups = malloc((hearing->num_groups + 1) * sizeof *hearing->groups);
    if (!hearing->sends || !hearing->groups)
        return false;
    for (uint32_t i = 0; i < hearing->num_groups; i++) {
        const mxd_fader_group *group = &session->groups[groups[i]];
        hearing->groups[i] = groups[i];
        hearing->muted |= group->mute;
        hearing->soloed |= group->solo;
    }
    return true;
}

static bool join_all_groups(const mxd_session *session, mxd_routing *routing)
{
    bool *seen = calloc(session->num_groups + 1u, sizeof *seen);
    uint32_t *groups = calloc(session->num_groups + 1u, sizeof *groups);
    bool good = seen && groups;
    for (uint32_t i = 0; good && i < mxd_session_num_strips(session); i++)
        good = join_groups(session, mxd_session_strip(session, i), seen, groups, hearing_of(routing, i));
    free(seen);
    free(groups);
    return good;
}

/* ---- Mute and solo ------------------------------------------------------- */

/* What the walks over all strips need; arrays by the number of the strip (mxd_session_strip). */
typedef struct walk {
    const mxd_session *session;
    mxd_routing *routing;
    uint32_t num_strips;
    bool solo;      /* something is soloed */
    bool *passes;   /* what is in it has been chosen: it is soloed or a safe track, or such a strip feeds it */
    bool *open;     /* no solo closes its ways: it passes, is safe, or an open strip feeds it */
    bool *leads;    /* it is soloed or listened to, or on the way there without passing anything itself */
    bool *is_key;   /* an insert listens to it */
} walk;

/* Where a strip's index-th way leads, 0 its output, then its sends: a strip, or -1 = the scene. */
static int end_of_way(const walk *w, const mxd_strip *strip, uint32_t index)
{
    int bus = index == 0 ? strip->output : (int)strip->sends[index - 1].bus;
    return bus < 0 ? -1 : bus + (int)w->session->num_tracks;
}

/* Whether the way is there at all. */
static bool way_is_there(const mxd_strip *strip, const mxd_hearing *hearing, uint32_t index)
{
    if (index == 0)
        return !hearing->muted;
    const mxd_send *send = &strip->sends[index - 1];
    return !send->mute && (send->tap == MXD_TAP_PRE_FADER || !hearing->muted);
}

static void find_keys(walk *w)
{
    for (uint32_t i = 0; i < w->num_strips; i++) {
        const mxd_strip *strip = mxd_session_strip(w->session, i);
        for (uint32_t j = 0; j < strip->num_inserts; j++)
            if (strip->inserts[j].side_chain && !strip->inserts[j].bypass)
                w->is_key[strip->inserts[j].side_chain->strip] = true;
    }
}

/* In feeding order: which strips hold something that a solo has chosen, and which it does not close. */
static void find_passing(walk *w)
{
    for (uint32_t i = 0; i < w->num_strips; i++) {
        uint32_t number = w->routing->order[i];
        const mxd_strip *strip = mxd_session_strip(w->session, number);
        const mxd_hearing *hearing = hearing_of(w->routing, number);
        w->passes[number] |= hearing->soloed || (number < w->session->num_tracks && strip->solo_safe);
        w->open[number] |= !w->solo || w->passes[number] || strip->solo_safe;
        for (uint32_t j = 0; w->open[number] && j <= strip->num_sends; j++) {
            int end = end_of_way(w, strip, j);
            if (end < 0 || !way_is_there(strip, hearing, j))
                continue;
            w->passes[end] |= w->passes[number];
            w->open[end] = true;
        }
    }
}

/* Against it: along outputs and sends. */
static void find_leading(walk *w)
{
    for (uint32_t i = w->num_strips; i-- > 0;) {
        uint32_t number = w->routing->order[i];
        const mxd_strip *strip = mxd_session_strip(w->session, number);
        const mxd_hearing *hearing = hearing_of(w->routing, number);
        w->leads[number] = hearing->soloed || (w->is_key[number] && !w->passes[number]);
        for (uint32_t j = 0; !w->passes[number] && j <= strip->num_sends; j++)
            if (end_of_way(w, strip, j) >= 0 && way_is_there(strip, hearing, j))
                w->leads[number] |= w->leads[end_of_way(w, strip, j)];
    }
}

/* Against it again: which ways are heard, and so which strips are needed. */
static void listen(walk *w)
{
    for (uint32_t i = w->num_strips; i-- > 0;) {
        uint32_t number = w->routing->order[i];
        const mxd_strip *strip = mxd_session_strip(w->session, number);
        mxd_hearing *hearing = hearing_of(w->routing, number);
        hearing->heard = w->is_key[number];
        for (uint32_t j = 0; j <= strip->num_sends; j++) {
            int end = end_of_way(w, strip, j);
            bool heard = way_is_there(strip, hearing, j) && (w->open[number] || (end >= 0 && w->leads[end])) &&
                         (end < 0 || hearing_of(w->routing, (uint32_t)end)->heard);
            *(j == 0 ? &hearing->output : &hearing->sends[j - 1]) = heard;
            hearing->heard |= heard;
        }
    }
}

static bool listen_to_all(const mxd_session *session, mxd_routing *routing)
{
    walk w = {.session = session, .routing = routing, .num_strips = mxd_session_num_strips(session)};
    bool *marks = calloc(4 * (size_t)w.num_strips + 1, sizeof *marks);
    if (!marks)
        return false;
    w.passes = marks;
    w.leads = marks + w.num_strips;
    w.is_key = marks + 2 * (size_t)w.num_strips;
    w.open = marks + 3 * (size_t)w.num_strips;
    for (uint32_t i = 0; i < w.num_strips; i++)
        w.solo |= hearing_of(routing, i)->soloed;
    find_keys(&w);
    find_passing(&w);
    find_leading(&w);
    listen(&w);
    free(marks);
    return true;
}

/* ---- The whole ----------------------------------------------------------- */

static bool order_strips(const mxd_session *session, uint32_t *order)
{
    mxd_feeding feeding;
    bool done = mxd_feeding_init(session, &feeding) && mxd_feeding_order(session, &feeding, order);
    mxd_feeding_finish(&feeding);
    return done;
}

mxd_result mxd_routing_create(const mxd_session *session, mxd_routing *routing)
{
    *routing = (mxd_routing){.num_tracks = session->num_tracks, .num_buses = session->num_buses};
    routing->tracks = calloc(session->num_tracks ? session->num_tracks : 1, sizeof *routing->tracks);
    routing->buses = calloc(session->num_buses ? session->num_buses : 1, sizeof *routing->buses);
    routing->order = calloc(mxd_session_num_strips(session) + 1u, sizeof *routing->order);
    if (!routing->tracks || !routing->buses || !routing->order || !order_strips(session, routing->order))
        return MXD_ERROR_MEMORY;
    return join_all_groups(session, routing) && listen_to_all(session, routing) ? MXD_OK : MXD_ERROR_MEMORY;
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
}
