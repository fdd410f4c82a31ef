/*
 * What the library and the program mixdown-lv2-host say to each other, over a
 * socket (descriptor 3 of the program) and in memory that both see (descriptor 4).
 * The two are built together: structures cross as they lie in memory.
 *
 * The library asks, the program answers each request with one message:
 *   FIND   mxd_lv2_wire_find         -> FOUND  mxd_lv2_wire_found, parameters, points
 *   OPEN   mxd_lv2_wire_open, values, automated -> OPENED  mxd_lv2_wire_opened
 *   RUN    mxd_lv2_wire_run          -> DONE   mxd_lv2_wire_opened
 *   RESET                            -> DONE
 * or with FAILED and a text, after which it ends. It also ends when the socket closes.
 */
#ifndef MXD_HOSTED_LV2_WIRE_H
#define MXD_HOSTED_LV2_WIRE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define MXD_LV2_SOCKET 3
#define MXD_LV2_MEMORY 4

/* Changes with anything in this file: an old program beside a new library is told from a broken one. */
#define MXD_LV2_WIRE_VERSION UINT32_C(0x6d786c01)

typedef enum mxd_lv2_wire_kind {
    MXD_LV2_FIND = 1, MXD_LV2_OPEN, MXD_LV2_RUN, MXD_LV2_RESET, /* requests */
    MXD_LV2_FOUND, MXD_LV2_OPENED, MXD_LV2_DONE, MXD_LV2_FAILED /* answers */
} mxd_lv2_wire_kind;

/* Every message begins with one. */
typedef struct mxd_lv2_wire_head {
    uint32_t version;
    uint32_t kind;
    uint32_t num_bytes; /* of what follows */
} mxd_lv2_wire_head;

/* More than any plug-in's description takes. */
#define MXD_LV2_MAX_MESSAGE (UINT32_C(1) << 24)

/* Empty strings: none. */
typedef struct mxd_lv2_wire_find {
    uint32_t sample_rate;
    char uri[1024];
    char preset[1024];     /* URI or label */
    char state[4096];      /* file, as it can be opened from the current folder, which both share */
} mxd_lv2_wire_find;

typedef enum mxd_lv2_kind { MXD_LV2_REAL, MXD_LV2_INTEGER, MXD_LV2_TOGGLE, MXD_LV2_ENUMERATION } mxd_lv2_kind;

typedef struct mxd_lv2_parameter {
    char symbol[64];
    float minimum, maximum; /* inclusive */
    float value;            /* the preset's or state's, else the default */
    uint32_t kind;          /* mxd_lv2_kind */
    uint32_t first_point;   /* of its named values; of an ENUMERATION there is at least one */
    uint32_t num_points;
} mxd_lv2_parameter;

typedef struct mxd_lv2_point {
    char label[64];
    float value;
} mxd_lv2_point;

typedef struct mxd_lv2_wire_found {
    char name[128];
    uint32_t num_inputs;      /* audio, without side chains */
    uint32_t num_outputs;
    uint32_t num_parameters;  /* follow */
    uint32_t num_points;      /* follow them */
} mxd_lv2_wire_found;

typedef struct mxd_lv2_wire_open {
    uint32_t num_inputs;      /* lanes */
    uint32_t num_outputs;
    uint32_t num_instances;
    uint32_t run_frames;
    uint32_t block_frames;    /* a multiple of run_frames */
    uint32_t num_values;      /* floats that follow: one a parameter */
    uint32_t num_automated;   /* indices of parameters that follow them */
} mxd_lv2_wire_open;

typedef struct mxd_lv2_wire_opened {
    uint32_t latency_frames;
} mxd_lv2_wire_opened;

typedef struct mxd_lv2_wire_run {
    uint32_t num_runs;
} mxd_lv2_wire_run;

/* At the beginning of the shared memory. Behind it: inputs[lane][frame], outputs[lane][frame], values[automated][run]. */
typedef struct mxd_lv2_shared {
    _Atomic uint32_t run; /* the one that the plug-in is at: tells work from a hang, and where a crash was */
    float samples[];
} mxd_lv2_shared;

static inline size_t mxd_lv2_input_at(const mxd_lv2_wire_open *open, uint32_t lane)
{
    return (size_t)lane * open->block_frames;
}
static inline size_t mxd_lv2_output_at(const mxd_lv2_wire_open *open, uint32_t lane)
{
    return mxd_lv2_input_at(open, open->num_inputs + lane);
}
static inline size_t mxd_lv2_values_at(const mxd_lv2_wire_open *open, uint32_t automated)
{
    return mxd_lv2_output_at(open, open->num_outputs) + (size_t)automated * (open->block_frames / open->run_frames);
}
static inline size_t mxd_lv2_shared_bytes(const mxd_lv2_wire_open *open)
{
    return sizeof(mxd_lv2_shared) + mxd_lv2_values_at(open, open->num_automated) * sizeof(float);
}

#endif
