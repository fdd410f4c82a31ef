/*
 * The convolver's parameters, and how responses meet channels.
 *
 * Which channel of a response file lies between which input and output, for n
 * inputs and a file of c channels:
 *
 *     c         n        outputs   paths
 *     1         any      n         each input by itself through channel 0
 *     n         n        n         input i through channel i to output i
 *     any       1        c         the input through channel o to output o
 *     4         2        2         true stereo: channels L>L, L>R, R>L, R>R
 *     otherwise          an explicit `matrix` is asked for
 *
 * `matrix` has a row for each input and a column for each output; an entry is a
 * channel of the file, from 0, or null. A synthetic room has a response of its
 * own from every input to each of its `channels` outputs.
 *
 * Level: `normalize` "energy" scales all responses alike so that their squares,
 * summed over all paths, give 1; wet_db comes on top. "none" takes them as they are.
 *
 * Dry signal: input i goes to output i; a mono input goes to every output. So it
 * is as wide as the wet one: outputs beyond the inputs get none of it, inputs
 * beyond the outputs are heard in the wet signal alone. At 0 dB it stays exact.
 */
#ifndef MXD_EFFECTS_CONVOLVER_H
#define MXD_EFFECTS_CONVOLVER_H

#include "effect.h"
#include "response_library.h"

#define MXD_CONVOLVER_MAX_ROOM_PATHS 256

typedef struct mxd_convolver_matrix {
    uint32_t num_rows;    /* inputs; 0 = no matrix */
    uint32_t num_columns; /* outputs */
    int channels[MXD_MAX_CHANNELS][MXD_MAX_CHANNELS]; /* [input][output]; -1 = none */
} mxd_convolver_matrix;

/* Values, in the order of mxd_effect's table. */
enum { MXD_CONVOLVER_WET, MXD_CONVOLVER_DRY, MXD_CONVOLVER_NUM_VALUES };

typedef struct mxd_convolver {
    union {
        double values[MXD_CONVOLVER_NUM_VALUES];
        struct {
            double wet_db, dry_db;  /* at rest; -HUGE_VAL = none */
        };
    };
    mxd_impulse_response *response; /* a reference; NULL = a synthetic room */
    char *file;                     /* owned; the response's, NULL = a synthetic room */
    mxd_convolver_matrix *matrix;   /* owned; NULL = by the rules above */
    mxd_room room;                  /* where response is NULL */
    mxd_room_responses *rooms;      /* a reference; where response is NULL */
    uint32_t sample_rate;
    uint32_t predelay_frames;       /* the room's own included */
    bool as_is;                     /* normalize: none */
} mxd_convolver;

/* Outputs by the rules above, 0 = none fits; and the channel from input to output, -1 = no path. */
uint32_t mxd_convolver_match(uint32_t num_inputs, uint32_t num_channels);
int mxd_convolver_match_channel(uint32_t num_inputs, uint32_t num_channels, uint32_t input, uint32_t output);

/* Zero-initialised but for the levels' defaults (wet 0 dB, no dry). NULL: memory ran out. */
mxd_convolver *mxd_convolver_create(uint32_t sample_rate);
/* Makes it a synthetic room; once. library may be NULL. False: memory ran out. */
bool mxd_convolver_set_room(mxd_convolver *convolver, const mxd_room *room, mxd_response_library *library);

/* mxd_effect's read; convolver_read.c. */
void *mxd_convolver_read(struct mxd_reader *reader, const mxd_effect_context *context);

#endif
