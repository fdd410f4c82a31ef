/*
 * The dynamic part of a band: x + (G - 1) B x, B the band's filter, G the gain
 * that the kernel dynamics finds for the level of B x, or of the side-chain
 * through B. All lanes share one gain.
 */
#include "dynamics.h"
#include "eq_insert.h"
#include "sections.h"

mxd_svf mxd_eq_dynamic_filter(const mxd_eq_band *band, double g)
{
    const double k = 1.0 / band->q;
    /* p + 1 and p over p^2 + 2 p + 1 = (p + 1)^2: of first order. */
    if (band->type == MXD_EQ_LOW_SHELF)
        return (mxd_svf){g, 2.0, 0.0, 1.0, 1.0};
    if (band->type == MXD_EQ_HIGH_SHELF)
        return (mxd_svf){g, 2.0, 1.0, -1.0, -1.0};
    return (mxd_svf){g, k, 0.0, k, 0.0};
}

static void map_filter(const void *params, const double *values, uint32_t band, const mxd_moment *moment,
                       double *row_values)
{
    (void)moment;
    double g;
    const mxd_eq_band at = mxd_eq_item_at(params, band, values, &g);
    const mxd_svf section = mxd_eq_dynamic_filter(&at, g);
    mxd_eq_coefficients(&section, row_values);
}

static uint32_t mode_of(const mxd_eq_item *item)
{
    return item->rises ? MXD_DYNAMICS_BOOST : MXD_DYNAMICS_COMPRESS;
}

static void map_dynamics(const void *params, const double *values, uint32_t band, const mxd_moment *moment,
                         double *row_values)
{
    (void)moment;
    const mxd_eq_insert *insert = params;
    const mxd_dynamics_curve curve = {
        .threshold_db = values[mxd_eq_value_index(band, MXD_EQ_THRESHOLD)],
        .ratio = values[mxd_eq_value_index(band, MXD_EQ_RATIO)],
        .knee_db = values[mxd_eq_value_index(band, MXD_EQ_KNEE)],
        .range_db = values[mxd_eq_value_index(band, MXD_EQ_RANGE)],
        .attack_ms = values[mxd_eq_value_index(band, MXD_EQ_ATTACK)],
        .release_ms = values[mxd_eq_value_index(band, MXD_EQ_RELEASE)],
        .mix = 1.0,
        .link = 1.0,
    };
    mxd_dynamics_values(&curve, mode_of(&insert->bands[band]), insert->sample_rate, row_values);
}

/* The lanes through the band's filter, on fresh lanes. */
static mxd_result emit_filtered(const mxd_eq_insert *insert, uint32_t band, mxd_graph_builder *builder,
                                const uint32_t *lanes, uint32_t num_lanes, uint32_t *filtered)
{
    const mxd_eq_item *item = &insert->bands[band];
    const mxd_svf section = mxd_eq_dynamic_filter(&item->band, item->g);
    const bool moves = item->moves[MXD_EQ_FREQUENCY] || item->moves[MXD_EQ_Q];
    mxd_result result = MXD_OK;
    for (uint32_t i = 0; i < num_lanes; i++)
        if ((filtered[i] = mxd_builder_lane(builder)) == UINT32_MAX)
            return MXD_ERROR_MEMORY;
    if (moves)
        return mxd_emit_filter(builder, lanes, filtered, num_lanes, 1, map_filter, band);
    for (uint32_t i = 0; i < num_lanes && result == MXD_OK; i++) {
        const mxd_builder_edge copy = {.input_lane = lanes[i], .gain = 1.0};
        result = mxd_builder_mix(builder, filtered[i], &copy, 1);
        if (result == MXD_OK)
            result = mxd_builder_eq(builder, filtered[i], &section, 1);
    }
    return result;
}

mxd_result mxd_eq_emit_dynamic(const mxd_eq_insert *insert, uint32_t band, mxd_graph_builder *builder, uint32_t *lanes,
                               uint32_t num_lanes)
{
    const mxd_eq_item *item = &insert->bands[band];
    uint32_t change[MXD_MAX_CHANNELS], key_lanes[MXD_MAX_ROW_LANES];
    /* A side-chain goes through the band's filter as it is at rest; the band itself has been through it. */
    const mxd_dynamics_key key = {.has_filter = true,
                                  .filter = {.at_rest = {mxd_eq_dynamic_filter(&item->band, item->g)}, .count = 1}};
    const mxd_dynamics_row row = {
        .settings = {[MXD_DYNAMICS_MODE] = mode_of(item), [MXD_DYNAMICS_DETECTOR] = MXD_DYNAMICS_PEAK,
                     [MXD_DYNAMICS_OUTPUT] = MXD_DYNAMICS_CHANGE},
        .map = map_dynamics,
        .index = band,
        .key = mxd_builder_key(builder, key_lanes) > 0 ? &key : NULL,
    };
    mxd_result result = emit_filtered(insert, band, builder, lanes, num_lanes, change);
    if (result == MXD_OK)
        result = mxd_dynamics_emit(builder, &row, change, num_lanes);
    for (uint32_t i = 0; i < num_lanes && result == MXD_OK; i++) {
        const mxd_builder_edge edges[2] = {{.input_lane = lanes[i], .gain = 1.0}, {.input_lane = change[i], .gain = 1.0}};
        lanes[i] = mxd_builder_lane(builder);
        result = lanes[i] == UINT32_MAX ? MXD_ERROR_MEMORY : mxd_builder_mix(builder, lanes[i], edges, 2);
    }
    return result;
}
