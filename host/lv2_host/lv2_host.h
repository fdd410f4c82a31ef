/*
 * mixdown-lv2-host: runs one LV2 plug-in for the library, so that its crash is
 * not the render's. It is started by host/hosted/lv2_child.c and speaks by
 * host/hosted/lv2_wire.h; it is of no use to people.
 *
 *   main.c      requests and answers
 *   find.c      lilv: the plug-in, its ports, presets, states; nearest URIs
 *   features.c  what plug-ins are offered: URIDs, options, the worker, log
 *   run.c       instances, ports, runs
 *
 * Functions that can fail return false after fail_with().
 */
#ifndef MXD_LV2_HOST_H
#define MXD_LV2_HOST_H

#include "../hosted/lv2_wire.h"

#include <lilv/lilv.h>
#include <lv2/options/options.h>
#include <lv2/urid/urid.h>
#include <lv2/worker/worker.h>

#include <stdbool.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* The text of the answer FAILED: for people, without plug-in or place, which the library knows. Returns false. */
__attribute__((format(printf, 1, 2))) bool fail_with(const char *format, ...);
const char *fail_text(void);

/* ---- features.c ---- */

/* One for the process. */
LV2_URID_Map *features_map(void);
uint32_t features_urid(const char *uri);
bool features_offer(const char *uri);        /* whether a plug-in may require it */
bool features_offer_option(const char *uri);

/* The worker of one instance: work is done at once, on the same thread; answers wait for the end of the run. */
typedef struct worker {
    LV2_Handle instance;
    const LV2_Worker_Interface *interface; /* NULL: the plug-in has none */
    unsigned char *responses;              /* uint32_t size and bytes, one after the other; owned */
    size_t num_bytes, capacity;
} worker;
/* Gives the plug-in what its work gave back. */
void worker_deliver(worker *w);
void worker_finish(worker *w);

#define NUM_OPTIONS 6

/* The features of one instance; it must stay where it is as long as the instance. */
typedef struct features {
    worker work;
    float sample_rate;
    int32_t run_frames, sequence_bytes;
    LV2_Options_Option options[NUM_OPTIONS];
    LV2_Worker_Schedule schedule;
    LV2_Feature list[12];
    const LV2_Feature *pointers[13]; /* NULL at the end */
} features;
void features_create(features *f, uint32_t sample_rate, uint32_t run_frames, uint32_t sequence_bytes);

/* ---- find.c ---- */

typedef enum port_role {
    PORT_IGNORED,       /* optional, or nothing that we know how to feed: connected to nothing */
    PORT_INPUT,
    PORT_SIDE_CHAIN,    /* fed with silence */
    PORT_OUTPUT,
    PORT_PARAMETER,
    PORT_FREEWHEELING,  /* told that nobody waits for a sound card */
    PORT_CONTROL_OUT,
    PORT_LATENCY,
    PORT_CV_IN, PORT_CV_OUT,
    PORT_ATOM_IN, PORT_ATOM_OUT
} port_role;

typedef struct port {
    port_role role;
    uint32_t number;      /* among those of its role */
    uint32_t atom_bytes;  /* what the plug-in asks an atom port to hold */
} port;

typedef struct found_plugin {
    LilvWorld *world;
    const LilvPlugin *plugin;
    LilvState *state;     /* NULL: the plug-in's own */
    port *ports;
    uint32_t num_ports;
    mxd_lv2_wire_found found;
    mxd_lv2_parameter *parameters;
    mxd_lv2_point *points;
    uint32_t sample_rate;
} found_plugin;

bool find_plugin(const mxd_lv2_wire_find *wanted, found_plugin *found);

/* ---- run.c ---- */

typedef struct running running;
/* values: one a parameter. */
bool run_open(const found_plugin *plugin, const mxd_lv2_wire_open *open, const float *values,
              const uint32_t *automated, mxd_lv2_shared *shared, running **out, uint32_t *latency_frames);
/* Returns the latency reported after the last run. */
uint32_t run_frames(running *r, uint32_t num_runs);
void run_reset(running *r);

#endif
