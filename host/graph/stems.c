#include "stems.h"

#include <stdlib.h>
#include <string.h>

static uint32_t count_placed(const mxd_session *session)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < session->num_tracks; i++)
        count += session->tracks[i].strip.output < 0;
    for (uint32_t i = 0; i < session->num_buses; i++)
        count += session->buses[i].strip.output < 0;
    return count;
}

const mxd_stem *mxd_graph_stems_of(const mxd_graph *graph, const mxd_layout *layout)
{
    for (uint32_t i = 0; i < graph->num_stems; i += graph->stems_per_layout)
        if (graph->stems[i].layout == layout)
            return &graph->stems[i];
    return NULL;
}

static void list_stem(mxd_graph *graph, const mxd_strip *strip, const mxd_layout *layout)
{
    if (strip->output < 0)
        graph->stems[graph->num_stems++] = (mxd_stem){.strip = strip, .layout = layout, .mix = MXD_NO_INDEX};
}

mxd_result mxd_stems_list(mxd_graph *graph)
{
    const mxd_session *session = graph->session;
    graph->stems_per_layout = count_placed(session);
    graph->stems = calloc((size_t)graph->num_outputs * graph->stems_per_layout + 1, sizeof *graph->stems);
    if (!graph->stems)
        return MXD_ERROR_MEMORY;
    for (uint32_t i = 0; i < graph->num_outputs; i++) {
        const mxd_layout *layout = graph->outputs[i].deliverable->layout;
        if (mxd_graph_stems_of(graph, layout))
            continue;
        for (uint32_t j = 0; j < session->num_tracks; j++)
            list_stem(graph, &session->tracks[j].strip, layout);
        for (uint32_t j = 0; j < session->num_buses; j++)
            list_stem(graph, &session->buses[j].strip, layout);
    }
    return MXD_OK;
}

/* A moving object may come to every loudspeaker but an LFE. */
static bool reaches(const mxd_route *route, const mxd_layout *layout, uint32_t channel)
{
    switch (route->kind) {
    case MXD_ROUTE_PAN: return channel == route->pair[0] || channel == route->pair[1];
    case MXD_ROUTE_OBJECT: return !layout->speakers[channel].lfe;
    default: return route->fixed[channel] != 0.0;
    }
}

static mxd_result copy_route(mxd_graph *graph, uint32_t from, uint32_t index, uint32_t to)
{
    mxd_route *copy = mxd_graph_add_route(graph, to);
    if (!copy)
        return MXD_ERROR_MEMORY;
    const mxd_route *route = &graph->mixes[from].routes[index];
    double *fixed = copy->fixed;
    memcpy(fixed, route->fixed, graph->mixes[to].num_lanes * sizeof *fixed);
    *copy = *route;
    copy->fixed = fixed;
    copy->levels = NULL;
    copy->num_levels = 0;
    for (uint32_t i = 0; i < route->num_levels; i++)
        if (!mxd_route_add_level(copy, route->levels[i]))
            return MXD_ERROR_MEMORY;
    return MXD_OK;
}

/* The lanes of a stem's mix: MXD_NO_INDEX for channels that nothing ever reaches. */
static mxd_result make_lanes(mxd_graph *graph, uint32_t mix, const mxd_layout *layout)
{
    for (uint32_t channel = 0; channel < layout->num_channels; channel++) {
        mxd_mix *target = &graph->mixes[mix];
        bool reached = false;
        for (uint32_t i = 0; i < target->num_routes; i++)
            reached = reached || reaches(&target->routes[i], layout, channel);
        target->lanes[channel] = reached ? mxd_graph_add_lane(graph) : MXD_NO_INDEX;
        if (reached && target->lanes[channel] == MXD_NO_INDEX)
            return MXD_ERROR_MEMORY;
    }
    return MXD_OK;
}

mxd_result mxd_stems_build(mxd_graph *graph, const mxd_strip *strip, const mxd_layout_panner *target,
                           uint32_t first_route)
{
    mxd_stem *stem = NULL;
    for (uint32_t i = 0; i < graph->num_stems && !stem; i++)
        if (graph->stems[i].strip == strip && graph->stems[i].layout == target->layout)
            stem = &graph->stems[i];
    if (!stem || stem->mix != MXD_NO_INDEX)
        return MXD_OK;
    uint32_t mix = mxd_graph_add_mix(graph, MXD_NO_INDEX, target->layout->num_channels);
    mxd_result result = mix == MXD_NO_INDEX ? MXD_ERROR_MEMORY : MXD_OK;
    if (result == MXD_OK)
        graph->mixes[mix].latency = graph->latency; /* not the target's: its inserts have a latency of their own */
    for (uint32_t i = first_route; result == MXD_OK && i < graph->mixes[target->mix].num_routes; i++)
        result = copy_route(graph, target->mix, i, mix);
    if (result == MXD_OK)
        result = make_lanes(graph, mix, target->layout);
    if (result != MXD_OK)
        return result;
    graph->mixes[mix].is_stem = true;
    stem->mix = mix;
    return mxd_graph_close_mix(graph, mix);
}

void mxd_stems_number(mxd_graph *graph, uint32_t first_output)
{
    for (uint32_t i = 0; i < graph->num_stems; i++) {
        mxd_stem *stem = &graph->stems[i];
        for (uint32_t channel = 0; channel < stem->layout->num_channels; channel++) {
            bool has_lane = stem->mix != MXD_NO_INDEX && graph->mixes[stem->mix].lanes[channel] != MXD_NO_INDEX;
            stem->outputs[channel] = has_lane ? first_output + graph->num_stem_lanes++ : MXD_NO_INDEX;
        }
    }
}
