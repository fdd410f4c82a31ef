/*
 * The equaliser as an insert: its bands as they were read, and what they become.
 *
 *   eq.c         the insert: what automation may move, tail, channels
 *   eq_read.c    reading and checking bands
 *   eq_design.c  a band's sections
 *   eq_emit.c    bands, in their order, as steps
 *   eq_dynamic.c the dynamic part of a band
 *   eq_linear.c  all bands at once as linear-phase responses
 */
#ifndef MXD_EFFECTS_EQ_INSERT_H
#define MXD_EFFECTS_EQ_INSERT_H

#include "../graph/builder.h"
#include "effect.h"
#include "eq.h"

/* Which channels a band works on. All but STEREO: for two channels; mid is (L + R) / 2, side (L - R) / 2. */
typedef enum mxd_eq_scope {
    MXD_EQ_STEREO, /* all of them */
    MXD_EQ_LEFT,
    MXD_EQ_RIGHT,
    MXD_EQ_MID,
    MXD_EQ_SIDE,
    MXD_EQ_NUM_SCOPES
} mxd_eq_scope;

/* The numbers of a band that can move, all bands' of the first three in front. */
typedef enum mxd_eq_value {
    MXD_EQ_FREQUENCY,
    MXD_EQ_GAIN,
    MXD_EQ_Q,
    MXD_EQ_NUM_SHAPE_VALUES,
    MXD_EQ_THRESHOLD = MXD_EQ_NUM_SHAPE_VALUES,
    MXD_EQ_RATIO,
    MXD_EQ_ATTACK,
    MXD_EQ_RELEASE,
    MXD_EQ_KNEE,
    MXD_EQ_RANGE,
    MXD_EQ_BAND_VALUES
} mxd_eq_value;

#define MXD_EQ_NUM_VALUES (MXD_EQ_MAX_BANDS * MXD_EQ_BAND_VALUES)

/* The index of a band's number among the insert's values. */
static inline uint32_t mxd_eq_value_index(uint32_t band, mxd_eq_value value)
{
    if (value < MXD_EQ_NUM_SHAPE_VALUES)
        return band * MXD_EQ_NUM_SHAPE_VALUES + (uint32_t)value;
    return MXD_EQ_MAX_BANDS * MXD_EQ_NUM_SHAPE_VALUES +
           band * (MXD_EQ_BAND_VALUES - MXD_EQ_NUM_SHAPE_VALUES) + (uint32_t)(value - MXD_EQ_NUM_SHAPE_VALUES);
}

/* One band of the insert. */
typedef struct mxd_eq_item {
    mxd_eq_band band;                     /* at rest */
    bool works;                           /* enabled, and without mistakes */
    mxd_eq_scope scope;
    bool is_dynamic;
    bool rises;                           /* dynamic: above the threshold the gain rises instead of falling */
    double g;                             /* tan(pi f / rate) at rest */
    double values[MXD_EQ_BAND_VALUES];    /* at rest; as they stand in the session */
    bool moves[MXD_EQ_BAND_VALUES];
    double least[MXD_EQ_BAND_VALUES], most[MXD_EQ_BAND_VALUES]; /* while it moves */
} mxd_eq_item;

struct mxd_eq_linear;

typedef struct mxd_eq_insert {
    double values[MXD_EQ_NUM_VALUES];
    uint32_t sample_rate;
    mxd_eq_item bands[MXD_EQ_MAX_BANDS];
    uint32_t num_bands;
    mxd_insert_parameter parameters[MXD_EQ_BAND_VALUES]; /* their ranges; in linear phase none moves */
    struct mxd_eq_linear *linear;         /* owned; NULL = minimum phase */
} mxd_eq_insert;

/* mxd_effect's read, without the linear phase's responses; eq_read.c. NULL: memory ran out. */
mxd_eq_insert *mxd_eq_read(struct mxd_reader *reader, const mxd_effect_context *context, bool *is_linear,
                           uint32_t *fir_length);

/* Whether a band's sections do anything: a gain of 0 dB at rest does not. What a dynamic band adds comes in front of them. */
bool mxd_eq_item_works(const mxd_eq_item *item);
/* Whether its sections move. */
bool mxd_eq_item_moves(const mxd_eq_item *item);
/*
 * A dynamic band's filter B: with a gain G that follows the level of B x, the
 * band is x + (G - 1) B x, and of constant width. A bell's is the band-pass of
 * its q, 0 dB at the centre; a shelf's the first-order low- or high-pass.
 */
mxd_svf mxd_eq_dynamic_filter(const mxd_eq_band *band, double g);
/* The band with the insert's values at a moment; *g = tan(pi f / rate). */
mxd_eq_band mxd_eq_item_at(const mxd_eq_insert *insert, uint32_t band, const double *values, double *g);

/* eq_dynamic.c: the dynamic part of a band on some lanes, which become fresh ones. */
mxd_result mxd_eq_emit_dynamic(const mxd_eq_insert *insert, uint32_t band, mxd_graph_builder *builder,
                               uint32_t *lanes, uint32_t num_lanes);

/* mxd_effect's emit in minimum phase. */
mxd_result mxd_eq_emit(const mxd_eq_insert *insert, mxd_graph_builder *builder, uint32_t *lanes,
                       uint32_t num_lanes);

#endif
