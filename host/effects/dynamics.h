/*
 * What the inserts on the kernel "dynamics" share: from what a user writes to the
 * kernel's values (shaders/dynamics.h), the key with its filter, and the row.
 */
#ifndef MXD_EFFECTS_DYNAMICS_H
#define MXD_EFFECTS_DYNAMICS_H

#include "../graph/builder.h"
#include "eq.h"
#include "sections.h"
#include "shaders/dynamics.h"

struct mxd_reader;

/* From this ratio on a compressor lets nothing pass beyond its threshold: infinity. */
#define MXD_DYNAMICS_MAX_RATIO 100.0

/* A curve in a user's units; the fields that a mode has not stay 0. */
typedef struct mxd_dynamics_curve {
    double threshold_db;
    double ratio;          /* 1 to MXD_DYNAMICS_MAX_RATIO; not of a gate */
    double knee_db;
    double range_db;       /* the most by which the gain changes */
    double attack_ms;      /* after a step up of the level the gain, in dB, has gone 63 % of its way */
    double release_ms;     /* after a step down likewise; a release below the attack is as long as the attack */
    double hold_ms;
    double hysteresis_db;  /* of a gate */
    double rms_ms;         /* of the RMS detector: its time constant */
    double make_up_db;
    double mix;            /* 0 dry to 1 wet */
    double link;           /* 0 each channel by itself to 1 all alike */
} mxd_dynamics_curve;

/* The kernel's values. mode, detector: MXD_DYNAMICS_...; values[MXD_DYNAMICS_NUM_VALUES]. */
void mxd_dynamics_values(const mxd_dynamics_curve *curve, uint32_t mode, uint32_t sample_rate, double *values);

/* Octaves of amplitude of a level in dB. */
double mxd_dynamics_octaves(double db);
/* The part of its way that a one-pole with that time constant goes in a frame: 0 ms is all of it. */
double mxd_dynamics_part(double time_ms, uint32_t sample_rate);

/*
 * The detector's time constant with which, behind an attack's smoothing, 63 % of
 * the whole release take release_ms: the r of
 *     (r exp(-release / r) - attack exp(-release / attack)) / (r - attack) = 1 / e,
 * the step response of both one after the other; 0 where the attack alone takes as long.
 */
double mxd_dynamics_release(double attack_ms, double release_ms);

/* By how much the curve changes the gain at full scale, in dB: what auto make-up gives half of back. */
double mxd_dynamics_change_at_full_scale(const mxd_dynamics_curve *curve);

/* Frames after which the state left by any signal cannot be told from that of a row that starts (to 1e-7 octaves). */
uint64_t mxd_dynamics_settle_frames(const mxd_dynamics_curve *longest, uint32_t sample_rate);

/* What an insert listens to. */
typedef struct mxd_dynamics_key {
    bool has_filter;
    bool listen;           /* the key leaves in place of the audio */
    mxd_sections filter;
} mxd_dynamics_key;

/* "key_filter" and "key_listen". */
void mxd_dynamics_read_key(struct mxd_reader *reader, uint32_t sample_rate, mxd_dynamics_key *key);

/* Refuses "rms_ms" beside the peak detector, which has no window. */
void mxd_dynamics_refuse_rms_ms(struct mxd_reader *reader, int detector);
/* The same of its automation, through that one's reader. */
void mxd_dynamics_refuse_moving_rms_ms(struct mxd_reader *automation, int detector);
/* tail_frames of what only changes the gain: when the input is silent, so is the output. */
uint64_t mxd_dynamics_no_tail(const void *params, uint32_t num_inputs);

/* A row on num_channels lanes, which become fresh ones. */
typedef struct mxd_dynamics_row {
    uint32_t settings[MXD_DYNAMICS_NUM_SETTINGS];
    mxd_row_map *map;
    uint32_t index;               /* for map */
    const mxd_dynamics_key *key;  /* NULL: the audio itself, whatever side-chain there is */
} mxd_dynamics_row;

/*
 * The key is the insert's side-chain, else the audio, through the filter. Where
 * channels and key are more than MXD_MAX_ROW_LANES together, the key is the mean
 * of its lanes.
 */
mxd_result mxd_dynamics_emit(mxd_graph_builder *builder, const mxd_dynamics_row *row, uint32_t *lanes,
                             uint32_t num_channels);

#endif
