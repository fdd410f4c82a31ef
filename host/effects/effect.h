/*
 * What an insert is. One file an insert (host/effects/NAME.c) that defines one
 * mxd_effect; the table in effect.c lists them. README.md says how to add one.
 */
#ifndef MXD_EFFECTS_EFFECT_H
#define MXD_EFFECTS_EFFECT_H

#include "../problems.h"

struct mxd_reader;        /* formats/reader.h: one JSON value, with its place */
struct mxd_graph_builder; /* graph/builder.h: where an insert emits its steps */

/*
 * A parameter that is a plain number. The loader reads it from the insert's
 * object by its key and checks its range; unless it is fixed it can be automated.
 */
typedef struct mxd_insert_parameter {
    const char *key;  /* with its unit, such as "threshold_db" */
    double min, max;  /* inclusive; of a level: without silence */
    double initial;   /* where the session says nothing */
    bool is_level;    /* null is taken too, and is -HUGE_VAL: silence */
    bool is_fixed;    /* the graph is built by it: automation is refused */
} mxd_insert_parameter;

/* What an insert must know of its surroundings while it is read. */
typedef struct mxd_effect_context {
    uint32_t sample_rate;
    const char *folder;       /* paths in the session are relative to it */
    struct mxd_response_library *responses; /* shared by the inserts of a session; may be NULL */
    const struct mxd_session *session; /* its rate and tempo (session/tempo.h) are known, nothing else yet */
} mxd_effect_context;

typedef struct mxd_effect {
    const char *type; /* as in the session file */

    /*
     * What read returns begins with double values[num_values]: everything of the
     * insert that automation may move. The first num_parameters are those of the
     * table, which the loader fills after read; the rest (an equaliser's bands)
     * read fills, and find_parameter knows.
     */
    const mxd_insert_parameter *parameters;
    uint32_t num_parameters;
    uint32_t num_values;      /* >= num_parameters */
    /* What a path within the insert ("bands[1].gain_db") names, and which value it is; NULL = nothing. NULL: only the table. */
    const mxd_insert_parameter *(*find_parameter)(const void *params, const char *path, uint32_t *value);
    const char *path_example; /* of what find_parameter knows, for messages; NULL without it */
    bool has_side_chain;      /* "side_chain" is taken: mxd_builder_key gives its lanes */

    /*
     * Reads and checks what is no plain number: choices, lists, files; the reader
     * stands on the insert's object, of which "type" and the like have been read.
     * Adds problems through the reader and returns NULL if there is no use in going on.
     */
    void *(*read)(struct mxd_reader *reader, const mxd_effect_context *context);
    /* Checks values against each other and works out what depends on them, once all are there. NULL: nothing to do. */
    void (*finish)(void *params, struct mxd_reader *reader, const mxd_effect_context *context);
    /*
     * Told, after finish, between which numbers an automation moves a value: the tail may hang on it. Fails through
     * the reader, which stands on the automation, where the value means nothing ("rate_hz" beside "note") or goes too
     * far for the sample rate. NULL: neither can be.
     */
    void (*automated)(void *params, struct mxd_reader *automation, uint32_t value, double least, double most);
    /* Frees what read returned; accepts NULL. */
    void (*destroy)(void *params);
    /* The file that params came from, as it can be opened, or NULL: no output may overwrite it. NULL: never any. */
    const char *(*input_file)(const void *params);

    /*
     * How many channels leave when num_inputs enter; 0 = cannot be, and then
     * problems (added at place) say why. Called once the chain's width is known.
     */
    uint32_t (*num_outputs)(const void *params, uint32_t num_inputs, const mxd_place *place,
                            mxd_problems *problems);

    /* Frames by which what leaves is late, to be compensated for: look-ahead, linear phase. NULL: none. */
    uint32_t (*latency_frames)(const void *params, uint32_t num_inputs);

    /* Frames until the response has rung out, num_inputs wide: below -120 dB for feedback, exactly for FIR. */
    uint64_t (*tail_frames)(const void *params, uint32_t num_inputs);

    /*
     * Frames of silence after which the state that is left makes no difference any more, where that is longer than
     * the output sounds: a detector's release. values: each the greatest that it takes. NULL: none.
     */
    uint64_t (*settle_frames)(const void *params, const double *values);

    /*
     * Emits the steps that turn num_inputs lanes into num_outputs lanes. lanes[]
     * holds the inputs on entry and the outputs on return (room for
     * MXD_MAX_CHANNELS). Paths within the insert are aligned by the insert itself.
     */
    mxd_result (*emit)(const void *params, struct mxd_graph_builder *builder, uint32_t *lanes, uint32_t num_inputs);
} mxd_effect;

#define MXD_MAX_CHANNELS 64

/* The inserts themselves, each in the file of its name. */
extern const mxd_effect mxd_effect_eq;
extern const mxd_effect mxd_effect_convolver;
extern const mxd_effect mxd_effect_saturator;
extern const mxd_effect mxd_effect_delay;
extern const mxd_effect mxd_effect_chorus;
extern const mxd_effect mxd_effect_flanger;
extern const mxd_effect mxd_effect_phaser;
extern const mxd_effect mxd_effect_tremolo;
extern const mxd_effect mxd_effect_auto_pan;
extern const mxd_effect mxd_effect_gain;
extern const mxd_effect mxd_effect_trim;
extern const mxd_effect mxd_effect_polarity;
extern const mxd_effect mxd_effect_width;
extern const mxd_effect mxd_effect_rotate;
extern const mxd_effect mxd_effect_dc_block;
extern const mxd_effect mxd_effect_compressor;
extern const mxd_effect mxd_effect_expander;
extern const mxd_effect mxd_effect_gate;
extern const mxd_effect mxd_effect_de_esser;
extern const mxd_effect mxd_effect_multiband;
extern const mxd_effect mxd_effect_transient;
extern const mxd_effect mxd_effect_reverb;
extern const mxd_effect mxd_effect_lv2;
extern const mxd_effect mxd_effect_pitch;

/* The effect of that type, or NULL. */
const mxd_effect *mxd_effect_find(const char *type);
/* The index-th effect, NULL past the end: for listing and suggestions. */
const mxd_effect *mxd_effect_get(uint32_t index);
/* Whether a type is known by name but not built yet ("compressor"): refused, not unknown. */
bool mxd_effect_is_planned(const char *type);

#endif
