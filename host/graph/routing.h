/*
 * Which strips are heard, and the order in which buses feed each other.
 *
 * Mute closes the fader: post-fader sends and the output, not pre-fader sends.
 * Solo (of anything) silences every track that is not soloed and whose output
 * does not lead to a soloed bus, except for what it gives a soloed bus; buses
 * stay open for what soloed strips send them.
 */
#ifndef MXD_GRAPH_ROUTING_H
#define MXD_GRAPH_ROUTING_H

#include "../session/session.h"

typedef struct mxd_hearing {
    bool heard;   /* any of the below, or an insert listens to it */
    bool output;  /* its way to its bus or to the scene is open */
    bool *sends;  /* one a send */
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

/* Gains to left and right of one channel of a strip with one channel (sine/cosine law) or two (balance). */
void mxd_pan_gains(double pan, uint32_t num_channels, uint32_t channel, double gains[2]);

#endif
