/*
 * LV2 plug-ins. A plug-in is found once (its ports, its presets); then any
 * number of inserts run it, each in a process of its own, so that a plug-in that
 * crashes, hangs or ends its process makes a render fail with a clear message
 * and harms nothing else. LV2: https://lv2plug.in/ns/ (core specification 18.0).
 */
#ifndef MXD_HOSTED_LV2_H
#define MXD_HOSTED_LV2_H

#include "hosted.h"
#include "lv2_wire.h"

/* What the session says of a plug-in; strings are copied. */
typedef struct mxd_lv2_choice {
    const char *uri;
    const char *preset;     /* URI or label, or NULL */
    const char *state;      /* a file written by lilv, such as a state.ttl, as it can be opened, or NULL */
    uint32_t sample_rate;   /* Hz */
} mxd_lv2_choice;

typedef struct mxd_lv2_plugin {
    mxd_lv2_wire_find choice;
    char *name;                     /* `the LV2 plug-in "Simple Amplifier"` */
    uint32_t num_inputs;            /* audio, without side chains, which hear silence */
    uint32_t num_outputs;
    mxd_lv2_parameter *parameters;  /* input control ports; value: as preset or state leave them, else the default */
    uint32_t num_parameters;
    mxd_lv2_point *points;
} mxd_lv2_plugin;

/*
 * MXD_ERROR_INVALID with a problem at place: not installed (with the nearest
 * that is), a feature required that is not offered, no such preset, a state of
 * another plug-in. MXD_ERROR_FILE: no program to run it in. Free with
 * mxd_lv2_plugin_destroy.
 */
mxd_result mxd_lv2_find(const mxd_lv2_choice *choice, const mxd_place *place, mxd_problems *problems,
                        mxd_lv2_plugin **plugin);
/* Accepts NULL. */
void mxd_lv2_plugin_destroy(mxd_lv2_plugin *plugin);

/*
 * How many lanes leave when num_inputs enter: a plug-in of as many inputs takes
 * them together; one of one input is run once for each; a lane alone goes to all
 * inputs. 0 with a problem at place where nothing fits.
 */
uint32_t mxd_lv2_num_outputs(const mxd_lv2_plugin *plugin, uint32_t num_inputs, const mxd_place *place,
                             mxd_problems *problems);

/* Runs it on a block of silence: what latency it reports. values: one a parameter. Errors as of mxd_lv2_create. */
mxd_result mxd_lv2_learn_latency(const mxd_lv2_plugin *plugin, const float *values, bool automated,
                                 const mxd_place *place, mxd_problems *problems, uint32_t *latency_frames);

/*
 * Starts an insert. values: one a parameter; those automated hold until the
 * first block. MXD_ERROR_PLUGIN with a problem at setup->place where the
 * plug-in cannot be started. The plug-in must outlive the insert.
 */
mxd_result mxd_lv2_create(const mxd_lv2_plugin *plugin, const float *values, const mxd_hosted_setup *setup,
                          mxd_problems *problems, mxd_hosted **hosted);

#endif
