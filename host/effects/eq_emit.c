/*
 * Bands as steps, in the order of the session. What stands still is gathered into
 * one cascade a lane (the step eq); a run of bands that move and work on the same
 * channels is one row of the kernel filter.
 *
 * Mid and side are made where a band first asks for them, and left and right
 * again where one asks for those, or at the end. A band on both channels may stay
 * with either pair: the same linear filter on both commutes with the sums.
 */
#include "eq_insert.h"
#include "sections.h"

#include <stdlib.h>
#include <string.h>

typedef struct emission {
    const mxd_eq_insert *insert;
    mxd_graph_builder *builder;
    uint32_t *lanes;
    uint32_t num_lanes;
    bool in_mid_side;
    /* Sections that each lane still has to go through; of other than two lanes all are alike, and the first list stands for them. */
    mxd_svf pending[2][MXD_EQ_MAX_SECTIONS];
    uint32_t num_pending[2];
} emission;

/* The lanes [first, end) that a scope means. */
typedef struct span {
    uint32_t first, end;
} span;

static span span_of(const emission *e, mxd_eq_scope scope)
{
    if (scope == MXD_EQ_STEREO)
        return (span){0, e->num_lanes};
    const uint32_t lane = scope == MXD_EQ_RIGHT || scope == MXD_EQ_SIDE;
    return (span){lane, lane + 1};
}

static uint32_t list_of(const emission *e, uint32_t lane)
{
    return e->num_lanes == 2 ? lane : 0;
}

/* Emits what is pending for some lanes. */
static mxd_result flush(emission *e, span lanes)
{
    mxd_result result = MXD_OK;
    for (uint32_t i = lanes.first; i < lanes.end && result == MXD_OK; i++)
        if (e->num_pending[list_of(e, i)] > 0)
            result = mxd_builder_eq(e->builder, e->lanes[i], e->pending[list_of(e, i)], e->num_pending[list_of(e, i)]);
    for (uint32_t i = lanes.first; i < lanes.end; i++)
        e->num_pending[list_of(e, i)] = 0;
    return result;
}

/* Fresh lanes: gain (first + second) and gain (first - second). */
static mxd_result emit_sums(emission *e, double gain)
{
    uint32_t made[2];
    for (uint32_t i = 0; i < 2; i++) {
        const mxd_builder_edge edges[2] = {{.input_lane = e->lanes[0], .gain = gain},
                                           {.input_lane = e->lanes[1], .gain = i ? -gain : gain}};
        made[i] = mxd_builder_lane(e->builder);
        mxd_result result = made[i] == UINT32_MAX ? MXD_ERROR_MEMORY : mxd_builder_mix(e->builder, made[i], edges, 2);
        if (result != MXD_OK)
            return result;
    }
    memcpy(e->lanes, made, sizeof made);
    return MXD_OK;
}

static mxd_result enter_pair(emission *e, bool mid_side)
{
    if (e->in_mid_side == mid_side)
        return MXD_OK;
    e->in_mid_side = mid_side;
    mxd_result result = flush(e, (span){0, e->num_lanes});
    return result == MXD_OK ? emit_sums(e, mid_side ? 0.5 : 1.0) : result;
}

static mxd_result enter_scope(emission *e, mxd_eq_scope scope)
{
    if (scope == MXD_EQ_STEREO)
        return MXD_OK;
    return enter_pair(e, scope == MXD_EQ_MID || scope == MXD_EQ_SIDE);
}

/* ---- Bands that stand still ---------------------------------------------- */

static void add_static(emission *e, const mxd_eq_item *item)
{
    mxd_svf sections[MXD_EQ_MAX_BAND_SECTIONS];
    const uint32_t num_sections = mxd_eq_design_at(&item->band, item->g, sections);
    const span lanes = span_of(e, item->scope);
    for (uint32_t list = 0; list < 2; list++) {
        const bool is_meant = e->num_lanes == 2 ? list >= lanes.first && list < lanes.end : list == 0;
        if (!is_meant)
            continue;
        memcpy(e->pending[list] + e->num_pending[list], sections, num_sections * sizeof *sections);
        e->num_pending[list] += num_sections;
    }
}

/* ---- Bands that move ----------------------------------------------------- */

/* A row's bands: from the low half of its index up to the high half. */
static uint32_t index_of(uint32_t first_band, uint32_t end_band)
{
    return first_band | end_band << 16;
}

static void map_bands(const void *params, const double *values, uint32_t index, const mxd_moment *moment,
                      double *row_values)
{
    (void)moment;
    const mxd_eq_insert *insert = params;
    for (uint32_t i = index & 0xffff; i < index >> 16; i++) {
        if (!mxd_eq_item_works(&insert->bands[i]))
            continue;
        double g;
        const mxd_eq_band band = mxd_eq_item_at(insert, i, values, &g);
        mxd_svf sections[MXD_EQ_MAX_BAND_SECTIONS];
        const uint32_t num_sections = mxd_eq_design_at(&band, g, sections);
        mxd_put_sections(sections, num_sections, row_values);
        row_values += (size_t)num_sections * MXD_FILTER_SECTION_VALUES;
    }
}

static uint32_t num_sections_of(const mxd_eq_item *item)
{
    mxd_svf sections[MXD_EQ_MAX_BAND_SECTIONS];
    return mxd_eq_design_at(&item->band, item->g, sections);
}

/* Whether a band can share a row with one that moves: bands that do nothing can. */
static bool is_alike(const mxd_eq_item *item, mxd_eq_scope scope)
{
    const bool is_dynamic = item->works && item->is_dynamic;
    return !is_dynamic && (!mxd_eq_item_works(item) || (mxd_eq_item_moves(item) && item->scope == scope));
}

/* The band's sections, and those of the bands behind it that can go along; *band is the last of them. */
static mxd_result emit_moving(emission *e, uint32_t *band)
{
    const mxd_eq_insert *insert = e->insert;
    const uint32_t first = *band;
    const mxd_eq_scope scope = insert->bands[first].scope;
    uint32_t num_sections = num_sections_of(&insert->bands[first]);
    for (; *band + 1 < insert->num_bands && is_alike(&insert->bands[*band + 1], scope); ++*band) {
        const mxd_eq_item *next = &insert->bands[*band + 1];
        const uint32_t more = mxd_eq_item_works(next) ? num_sections_of(next) : 0;
        if (num_sections + more > MXD_FILTER_MAX_SECTIONS)
            break;
        num_sections += more;
    }
    const span lanes = span_of(e, scope);
    mxd_result result = flush(e, lanes);
    if (result != MXD_OK)
        return result;
    return mxd_emit_filter(e->builder, e->lanes + lanes.first, e->lanes + lanes.first, lanes.end - lanes.first,
                           num_sections, map_bands, index_of(first, *band + 1));
}

/* ---- Dynamic bands ------------------------------------------------------- */

/* Both channels share a gain, by their own levels: left and right's, not mid and side's. */
static mxd_result emit_dynamic(emission *e, uint32_t band)
{
    const span lanes = span_of(e, e->insert->bands[band].scope);
    mxd_result result = lanes.end - lanes.first > 1 ? enter_pair(e, false) : MXD_OK;
    if (result == MXD_OK)
        result = flush(e, lanes);
    if (result != MXD_OK)
        return result;
    return mxd_eq_emit_dynamic(e->insert, band, e->builder, e->lanes + lanes.first, lanes.end - lanes.first);
}

/* ---- All of them --------------------------------------------------------- */

static mxd_result emit_bands(emission *e)
{
    mxd_result result = MXD_OK;
    for (uint32_t i = 0; i < e->insert->num_bands && result == MXD_OK; i++) {
        const mxd_eq_item *item = &e->insert->bands[i];
        const bool is_dynamic = item->works && item->is_dynamic, works = mxd_eq_item_works(item);
        if (is_dynamic || works)
            result = enter_scope(e, item->scope);
        if (is_dynamic && result == MXD_OK)
            result = emit_dynamic(e, i);
        if (!works || result != MXD_OK)
            continue;
        if (mxd_eq_item_moves(item))
            result = emit_moving(e, &i);
        else
            add_static(e, item);
    }
    if (result == MXD_OK)
        result = enter_pair(e, false);
    return result == MXD_OK ? flush(e, (span){0, e->num_lanes}) : result;
}

mxd_result mxd_eq_emit(const mxd_eq_insert *insert, mxd_graph_builder *builder, uint32_t *lanes, uint32_t num_lanes)
{
    emission *e = calloc(1, sizeof *e);
    if (!e)
        return MXD_ERROR_MEMORY;
    e->insert = insert;
    e->builder = builder;
    e->lanes = lanes;
    e->num_lanes = num_lanes;
    const mxd_result result = emit_bands(e);
    free(e);
    return result;
}
