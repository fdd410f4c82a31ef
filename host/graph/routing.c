/* Solo, mute and feeding order. */
#include "routing.h"

#include "../session/feeding.h"

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

static bool any_solo(const mxd_session *session)
{
    for (uint32_t i = 0; i < session->num_tracks; i++)
        if (session->tracks[i].strip.solo)
            return true;
    for (uint32_t i = 0; i < session->num_buses; i++)
        if (session->buses[i].strip.solo)
            return true;
    return false;
}

/* Soloed itself, or its output leads into something that is. */
static bool in_solo(const mxd_session *session, const mxd_strip *strip)
{
    while (!strip->solo) {
        if (strip->output < 0)
            return false;
        strip = &session->buses[strip->output].strip;
    }
    return true;
}

/* open: the strip as such is not silenced by a solo elsewhere. Needs the hearing of all buses it feeds. */
static mxd_result listen(const mxd_session *session, const mxd_routing *routing, const mxd_strip *strip, bool solo,
                         bool is_bus, mxd_hearing *hearing)
{
    hearing->sends = calloc(strip->num_sends ? strip->num_sends : 1, sizeof *hearing->sends);
    if (!hearing->sends)
        return MXD_ERROR_MEMORY;
    bool open = !solo || is_bus || in_solo(session, strip);
    for (uint32_t i = 0; i < strip->num_sends; i++) {
        const mxd_send *send = &strip->sends[i];
        bool passes = send->tap == MXD_TAP_PRE_FADER || !strip->mute;
        bool wanted = open || in_solo(session, &session->buses[send->bus].strip);
        hearing->sends[i] = passes && wanted && routing->buses[send->bus].heard;
        hearing->heard |= hearing->sends[i];
    }
    hearing->output = open && !strip->mute && (strip->output < 0 || routing->buses[strip->output].heard);
    hearing->heard |= hearing->output;
    return MXD_OK;
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

static bool order_strips(const mxd_session *session, uint32_t *order)
{
    mxd_feeding feeding;
    bool done = mxd_feeding_init(session, &feeding) && mxd_feeding_order(session, &feeding, order);
    mxd_feeding_finish(&feeding);
    return done;
}

mxd_result mxd_routing_create(const mxd_session *session, mxd_routing *routing)
{
    mxd_result result = MXD_OK;
    *routing = (mxd_routing){.num_tracks = session->num_tracks, .num_buses = session->num_buses};
    routing->tracks = calloc(session->num_tracks ? session->num_tracks : 1, sizeof *routing->tracks);
    routing->buses = calloc(session->num_buses ? session->num_buses : 1, sizeof *routing->buses);
    routing->order = calloc(mxd_session_num_strips(session) + 1u, sizeof *routing->order);
    if (!routing->tracks || !routing->buses || !routing->order || !order_strips(session, routing->order))
        return MXD_ERROR_MEMORY;
    bool solo = any_solo(session);
    hear_side_chains(session, routing);
    for (uint32_t i = mxd_session_num_strips(session); i-- > 0 && result == MXD_OK;) {
        if (routing->order[i] < session->num_tracks)
            continue;
        uint32_t bus = routing->order[i] - session->num_tracks;
        result = listen(session, routing, &session->buses[bus].strip, solo, true, &routing->buses[bus]);
    }
    for (uint32_t i = 0; i < session->num_tracks && result == MXD_OK; i++)
        result = listen(session, routing, &session->tracks[i].strip, solo, false, &routing->tracks[i]);
    return result;
}

void mxd_routing_destroy(mxd_routing *routing)
{
    for (uint32_t i = 0; routing->tracks && i < routing->num_tracks; i++)
        free(routing->tracks[i].sends);
    for (uint32_t i = 0; routing->buses && i < routing->num_buses; i++)
        free(routing->buses[i].sends);
    free(routing->tracks);
    free(routing->buses);
    free(routing->order);
}
