/*
 * Which strips are heard, and the order in which buses feed each other.
 *
 * Mute, a strip's own or a group's, closes the fader: post-fader sends and the
 * output, not pre-fader sends. Solo chooses: what is heard are the ways from the
 * tracks to the scene on which something is soloed. So a soloed strip's output
 * and sends stay open, with the buses behind them; of a strip that is not soloed
 * only the ways that lead to a soloed bus, by outputs and sends of other buses
 * too. A bus that passes something soloed on takes nothing else in, though it
 * may lead to a soloed bus as well: nobody wants to hear that directly. What is
 * safe from solo is never closed by one; what feeds a safe bus may be. What an
 * insert listens to goes on feeding it, unheard.
 */
#ifndef MXD_GRAPH_ROUTING_H
#define MXD_GRAPH_ROUTING_H

#include "../session/session.h"

typedef struct mxd_hearing {
    bool heard;   /* any of the below, or an insert listens to it */
    bool output;  /* its way to its bus or to the scene is open */
    bool *sends;  /* one a send */
    bool muted;   /* itself or by a group */
    bool soloed;  /* likewise */
    uint32_t *groups; /* all that act on its fader, each once: indices into the session's */
    uint32_t num_groups;
} mxd_hearing;

typedef struct mxd_routing {
    uint32_t num_tracks;
    uint32_t num_buses;
    mxd_hearing *tracks;
    mxd_hearing *buses;
    uint32_t *order;     /* every strip (as mxd_session_strip numbers them) after all that feed it */
} mxd_routing;

/* The session is valid: no bus loops. MXD_ERROR_MEMORY; even then free with mxd_routing_destroy. */
mxd_result mxd_routing_create(const mxd_session *session, mxd_routing *routing);
void mxd_routing_destroy(mxd_routing *routing);
/* Of a strip, as mxd_session_strip numbers it. */
const mxd_hearing *mxd_routing_hearing(const mxd_routing *routing, uint32_t strip);

/* Gains to left and right of one channel of a strip with one channel (sine/cosine law) or two (balance). */
void mxd_pan_gains(double pan, uint32_t num_channels, uint32_t channel, double gains[2]);

#endif
