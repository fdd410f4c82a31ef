#include "sections.h"

#include "eq.h"

mxd_result mxd_emit_filter(mxd_graph_builder *builder, const uint32_t *inputs, const uint32_t *outputs,
                           uint32_t num_lanes, uint32_t num_sections, mxd_row_map *map, uint32_t index)
{
    const uint32_t settings[MXD_FILTER_NUM_SETTINGS] = {[MXD_FILTER_SECTIONS] = num_sections};
    mxd_result result = MXD_OK;
    for (uint32_t first = 0; first < num_lanes && result == MXD_OK; first += MXD_FILTER_MAX_LANES) {
        const uint32_t rest = num_lanes - first;
        const uint32_t count = rest < MXD_FILTER_MAX_LANES ? rest : MXD_FILTER_MAX_LANES;
        const mxd_builder_row row = {
            .kernel = MXD_KERNEL_FILTER,
            .inputs = inputs + first,
            .num_inputs = count,
            .outputs = outputs + first,
            .num_outputs = count,
            .settings = settings,
            .map = map,
            .index = index,
        };
        result = mxd_builder_row_add(builder, &row);
    }
    return result;
}

mxd_result mxd_emit_sections(mxd_graph_builder *builder, const uint32_t *lanes, uint32_t num_lanes,
                             const mxd_sections *sections)
{
    mxd_result result = MXD_OK;
    if (sections->count == 0)
        return MXD_OK;
    if (sections->map)
        return mxd_emit_filter(builder, lanes, lanes, num_lanes, sections->count, sections->map, sections->index);
    for (uint32_t i = 0; i < num_lanes && result == MXD_OK; i++)
        result = mxd_builder_eq(builder, lanes[i], sections->at_rest, sections->count);
    return result;
}

void mxd_put_sections(const mxd_svf *sections, uint32_t num_sections, double *row_values)
{
    for (uint32_t i = 0; i < num_sections; i++)
        mxd_eq_coefficients(&sections[i], row_values + (size_t)i * MXD_FILTER_SECTION_VALUES);
}
