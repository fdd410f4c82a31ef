/*
 * A session as chains, operations and mixes. Strips are built in feeding order
 * (tracks, then buses after everything that feeds them), so every operation comes
 * after those whose lanes it reads. Strips that nothing hears are left out.
 */
#include "graph.h"

#include "../grow.h"
#include "../scene/bed.h"
#include "block.h"
#include "builder_internal.h"
#include "envelope.h"
#include "fold.h"
#include "latency.h"
#include "moving.h"
#include "routing.h"
#include "stems.h"

#include <stdlib.h>
#include <string.h>

/* Seconds. No room rings for so long; feedback of nearly 1 does, for hours, by mistake. */
#define MAX_TAIL_S 600u

/* What is known while the graph is being built. */
typedef struct build {
    mxd_graph *graph;
    const mxd_session *session;
    mxd_problems *problems;
    mxd_routing routing;
    mxd_latencies latencies;
    uint32_t *bus_mix;     /* the mix that is each bus's input; MXD_NO_INDEX = not heard */
    uint32_t *strip_chain; /* each strip's chain; MXD_NO_INDEX = not heard */
    const mxd_hearing *hearing; /* of the strip that is being routed */
} build;

/* A lane, so many frames later. */
typedef struct mxd_shifted {
    uint32_t lane;
    uint32_t frames;
    uint32_t shifted;
} mxd_shifted;

uint32_t mxd_graph_add_lane(mxd_graph *graph)
{
    if (!mxd_grow((void **)&graph->lanes, graph->num_lanes, &graph->lane_capacity, sizeof *graph->lanes))
        return MXD_NO_INDEX;
    graph->lanes[graph->num_lanes] = (mxd_lane){.physical = MXD_NO_INDEX};
    return graph->num_lanes++;
}

mxd_operation *mxd_graph_add_operation(mxd_graph *graph, mxd_operation_kind kind, uint32_t chain)
{
    if (!mxd_grow((void **)&graph->operations, graph->num_operations, &graph->operation_capacity,
              sizeof *graph->operations))
        return NULL;
    mxd_operation *operation = &graph->operations[graph->num_operations++];
    *operation = (mxd_operation){.kind = kind, .chain = chain};
    return operation;
}

uint32_t mxd_graph_add_mix(mxd_graph *graph, uint32_t chain, uint32_t num_lanes)
{
    if (!mxd_grow((void **)&graph->mixes, graph->num_mixes, &graph->mix_capacity, sizeof *graph->mixes))
        return MXD_NO_INDEX;
    mxd_mix *mix = &graph->mixes[graph->num_mixes];
    *mix = (mxd_mix){.chain = chain, .num_lanes = num_lanes};
    mix->lanes = calloc(num_lanes, sizeof *mix->lanes);
    if (!mix->lanes)
        return MXD_NO_INDEX;
    return graph->num_mixes++;
}

mxd_route *mxd_graph_add_route(mxd_graph *graph, uint32_t mix)
{
    mxd_mix *target = &graph->mixes[mix];
    if (!mxd_grow((void **)&target->routes, target->num_routes, &target->route_capacity, sizeof *target->routes))
        return NULL;
    double *fixed = calloc(target->num_lanes, sizeof *fixed);
    if (!fixed)
        return NULL;
    mxd_route *route = &target->routes[target->num_routes++];
    *route = (mxd_route){.kind = MXD_ROUTE_FIXED, .gain = 1.0, .fixed = fixed};
    return route;
}

/* The lane that is the chain's lane so many frames later; MXD_NO_INDEX when memory runs out. */
static uint32_t shift_lane(mxd_graph *graph, uint32_t chain, uint32_t lane, uint32_t frames)
{
    for (uint32_t i = graph->num_shifts; i-- > 0;)
        if (graph->shifts[i].lane == lane && graph->shifts[i].frames == frames)
            return graph->shifts[i].shifted;
    if (!mxd_grow((void **)&graph->shifts, graph->num_shifts, &graph->shift_capacity, sizeof *graph->shifts))
        return MXD_NO_INDEX;
    uint32_t shifted = mxd_graph_add_lane(graph);
    mxd_graph_builder builder = {.graph = graph, .chain = chain};
    const mxd_builder_row row = {.kernel = MXD_KERNEL_SHIFT, .inputs = &lane, .num_inputs = 1, .outputs = &shifted,
                                 .num_outputs = 1, .settings = &frames};
    if (shifted == MXD_NO_INDEX || mxd_builder_row_add(&builder, &row) != MXD_OK)
        return MXD_NO_INDEX;
    mxd_chain *state = &graph->chains[chain];
    uint32_t own = state->latency - state->start_latency;
    if (state->hold_frames < own + frames)
        state->hold_frames = own + frames;
    graph->shifts[graph->num_shifts++] = (mxd_shifted){lane, frames, shifted};
    return shifted;
}

bool mxd_route_add_level(mxd_route *route, const mxd_automation *level)
{
    const mxd_automation **levels = realloc(route->levels, (route->num_levels + 1) * sizeof *levels);
    if (!levels)
        return false;
    levels[route->num_levels++] = level;
    route->levels = levels;
    return true;
}

mxd_result mxd_graph_close_mix(mxd_graph *graph, uint32_t mix)
{
    for (uint32_t i = 0; i < graph->mixes[mix].num_routes; i++) {
        mxd_route *route = &graph->mixes[mix].routes[i];
        uint32_t late = graph->chains[route->chain].latency;
        if (route->chain == graph->mixes[mix].chain || late >= graph->mixes[mix].latency)
            continue;
        route->lane = shift_lane(graph, route->chain, route->lane, graph->mixes[mix].latency - late);
        if (route->lane == MXD_NO_INDEX)
            return MXD_ERROR_MEMORY;
    }
    mxd_operation *operation = mxd_graph_add_operation(graph, MXD_OPERATION_MIX, graph->mixes[mix].chain);
    if (!operation)
        return MXD_ERROR_MEMORY;
    operation->mix = mix;
    return MXD_OK;
}

uint32_t mxd_graph_add_mix_with_lanes(mxd_graph *graph, uint32_t chain, uint32_t num_lanes)
{
    uint32_t mix = mxd_graph_add_mix(graph, chain, num_lanes);
    for (uint32_t i = 0; mix != MXD_NO_INDEX && i < num_lanes; i++) {
        graph->mixes[mix].lanes[i] = mxd_graph_add_lane(graph);
        if (graph->mixes[mix].lanes[i] == MXD_NO_INDEX)
            return MXD_NO_INDEX;
    }
    return mix;
}

uint32_t mxd_graph_add_chain(mxd_graph *graph)
{
    if (!mxd_grow((void **)&graph->chains, graph->num_chains, &graph->chain_capacity, sizeof *graph->chains))
        return MXD_NO_INDEX;
    graph->chains[graph->num_chains] = (mxd_chain){.input_mix = MXD_NO_INDEX};
    return graph->num_chains++;
}

static const mxd_automation *find_automation(const mxd_strip *strip, mxd_parameter parameter, uint32_t send)
{
    for (uint32_t i = 0; i < strip->num_automation; i++) {
        const mxd_automation *automation = &strip->automation[i];
        bool of_send = parameter == MXD_PARAMETER_SEND || parameter == MXD_PARAMETER_SEND_PAN;
        if (automation->parameter == parameter && (!of_send || automation->send == send))
            return automation;
    }
    return NULL;
}

/* The level part of a route: what is fixed goes into gain, what moves into levels. False when memory runs out. */
static bool multiply_level(mxd_route *route, const mxd_automation *automation, double db)
{
    if (automation)
        return mxd_route_add_level(route, automation);
    route->gain *= mxd_gain_of_db(db);
    return true;
}

/* The strip's fader and those of its groups. */
static bool multiply_faders(const build *b, const mxd_strip *strip, const mxd_hearing *hearing, mxd_route *route)
{
    bool good = multiply_level(route, find_automation(strip, MXD_PARAMETER_FADER, 0), strip->fader_db);
    for (uint32_t i = 0; good && i < hearing->num_groups; i++) {
        const mxd_fader_group *group = &b->session->groups[hearing->groups[i]];
        good = multiply_level(route, group->num_automation ? group->automation : NULL, group->fader_db);
    }
    return good;
}

static bool add_key_mix(mxd_chain *chain, uint32_t mix)
{
    uint32_t *mixes = realloc(chain->key_mixes, (chain->num_keys + 1u) * sizeof *mixes);
    if (!mixes)
        return false;
    chain->key_mixes = mixes;
    chain->key_mixes[chain->num_keys++] = mix;
    return true;
}

/* The lanes of an insert's side-chain: a mix of its own, which brings the other strip's signal to the insert's time. */
static mxd_result build_key(build *b, mxd_graph_builder *builder, const mxd_side_chain *key)
{
    mxd_graph *graph = b->graph;
    const mxd_strip *strip = mxd_session_strip(b->session, key->strip);
    uint32_t from = b->strip_chain[key->strip];
    uint32_t mix = mxd_graph_add_mix_with_lanes(graph, builder->chain, strip->num_channels);
    if (mix == MXD_NO_INDEX)
        return MXD_ERROR_MEMORY;
    graph->mixes[mix].latency = builder->latency;
    const mxd_hearing *hearing = mxd_routing_hearing(&b->routing, key->strip);
    bool closed = from == MXD_NO_INDEX || (key->tap == MXD_TAP_POST_FADER && hearing->muted);
    for (uint32_t i = 0; i < strip->num_channels && !closed; i++) {
        mxd_route *route = mxd_graph_add_route(graph, mix);
        if (!route)
            return MXD_ERROR_MEMORY;
        route->lane = graph->chains[from].lanes[i];
        route->chain = from;
        route->fixed[i] = 1.0;
        if (key->tap == MXD_TAP_POST_FADER && !multiply_faders(b, strip, hearing, route))
            return MXD_ERROR_MEMORY;
    }
    builder->num_keys = strip->num_channels;
    memcpy(builder->keys, graph->mixes[mix].lanes, strip->num_channels * sizeof *builder->keys);
    if (!add_key_mix(&graph->chains[builder->chain], mix))
        return MXD_ERROR_MEMORY;
    return mxd_graph_close_mix(graph, mix);
}

/* How long an insert's state goes on to count, with every value at the greatest that it takes. */
static uint64_t settle_of(const mxd_insert *insert)
{
    double values[MXD_MAX_INSERT_VALUES];
    if (!insert->effect->settle_frames)
        return 0;
    memcpy(values, insert->params, insert->effect->num_values * sizeof *values);
    for (uint32_t i = 0; i < insert->num_automation; i++) {
        double least, most, *value = &values[insert->automation[i].value];
        mxd_insert_bounds(insert, insert->automation[i].value, &least, &most);
        *value = most > *value ? most : *value;
    }
    return insert->effect->settle_frames(insert->params, values);
}

/* Lets the inserts add their operations; chain->lanes holds the inputs on entry. */
static mxd_result build_inserts(build *b, uint32_t chain, const mxd_insert *inserts, uint32_t num_inserts)
{
    mxd_graph_builder builder = {.graph = b->graph, .chain = chain};
    for (uint32_t i = 0; i < num_inserts; i++) {
        mxd_result result = MXD_OK;
        mxd_chain *state = &b->graph->chains[chain];
        const mxd_effect *effect = inserts[i].effect;
        if (inserts[i].bypass)
            continue;
        builder.insert = &inserts[i];
        builder.latency = state->latency;
        builder.num_keys = 0;
        if (inserts[i].side_chain && (result = build_key(b, &builder, inserts[i].side_chain)) != MXD_OK)
            return result;
        state = &b->graph->chains[chain];
        const mxd_place place = {.file = b->session->file, .line = inserts[i].origin.line,
                                 .column = inserts[i].origin.column, .path = inserts[i].origin.path};
        uint32_t num_outputs = effect->num_outputs(inserts[i].params, state->num_lanes, &place, b->problems);
        if (num_outputs == 0)
            return MXD_ERROR_INVALID;
        const uint64_t tail_frames = mxd_insert_tail_frames(&inserts[i], state->num_lanes);
        if (b->session->num_frames == 0 && tail_frames > (uint64_t)MAX_TAIL_S * b->session->sample_rate)
            mxd_warn(b->problems, &place, "this %s rings for %.0f s, and the files are as long: give the session a "
                     "\"length_s\"", effect->type, (double)tail_frames / b->session->sample_rate);
        state->tail_frames += tail_frames;
        uint32_t latency = effect->latency_frames ? effect->latency_frames(inserts[i].params, state->num_lanes) : 0;
        result = effect->emit(inserts[i].params, &builder, state->lanes, state->num_lanes);
        if (result != MXD_OK)
            return result;
        b->graph->chains[chain].num_lanes = num_outputs;
        b->graph->chains[chain].latency += latency;
        b->graph->chains[chain].hold_frames += latency + settle_of(&inserts[i]);
    }
    return MXD_OK;
}

/* A route with the strip's levels in it; send MXD_NO_INDEX = its output. NULL when memory runs out. */
static mxd_route *add_strip_route(build *b, uint32_t mix, const mxd_strip *strip, uint32_t chain, uint32_t channel,
                                  uint32_t send)
{
    mxd_route *route = mxd_graph_add_route(b->graph, mix);
    if (!route)
        return NULL;
    route->lane = b->graph->chains[chain].lanes[channel];
    route->chain = chain;
    bool pre_fader = send != MXD_NO_INDEX && strip->sends[send].tap == MXD_TAP_PRE_FADER;
    bool good = pre_fader || multiply_faders(b, strip, b->hearing, route);
    if (good && send != MXD_NO_INDEX)
        good = multiply_level(route, find_automation(strip, MXD_PARAMETER_SEND, send), strip->sends[send].gain_db);
    return good ? route : NULL;
}

/*
 * Mono by the sine/cosine law, stereo by balance, between outputs left and right of the mix. Where both are one, a
 * mono layout's loudspeaker, it gets the fold of the two.
 */
static void place_by_pan(mxd_route *route, const mxd_strip *strip, uint32_t channel, uint32_t send, uint32_t left,
                         uint32_t right)
{
    bool is_send = send != MXD_NO_INDEX;
    route->pan = find_automation(strip, is_send ? MXD_PARAMETER_SEND_PAN : MXD_PARAMETER_PAN, send);
    route->pair[0] = left;
    route->pair[1] = right;
    route->channel = channel;
    route->num_channels = strip->num_channels;
    if (left == right)
        route->gain *= MXD_MONO_FOLD;
    if (route->pan) {
        route->kind = MXD_ROUTE_PAN;
        return;
    }
    double gains[2];
    mxd_pan_gains(is_send ? strip->sends[send].pan : strip->place.pan, strip->num_channels, channel, gains);
    route->fixed[left] += gains[0];
    route->fixed[right] += gains[1];
}

/* One channel of a strip into a bus's input, by the pan of the strip's place or of the send. */
static void place_in_bus(mxd_route *route, const mxd_strip *strip, uint32_t channel, uint32_t bus_channels, uint32_t send)
{
    if (bus_channels == 2)
        place_by_pan(route, strip, channel, send, 0, 1);
    else if (bus_channels == strip->num_channels)
        route->fixed[channel] = 1.0;
    else
        route->fixed[0] = 1.0 / strip->num_channels;
}

static mxd_result route_to_bus(build *b, const mxd_strip *strip, uint32_t chain, uint32_t bus, uint32_t send)
{
    uint32_t mix = b->bus_mix[bus];
    if (mix == MXD_NO_INDEX)
        return MXD_OK;
    uint32_t bus_channels = b->session->buses[bus].strip.num_source_channels;
    bool fits = bus_channels == strip->num_channels || (bus_channels <= 2 && strip->num_channels <= 2);
    if (!fits)
        return mxd_fail(b->problems, MXD_ERROR_INVALID, NULL, "%s has %u channels, the bus %s takes %u",
                        strip->name, strip->num_channels, b->session->buses[bus].strip.name, bus_channels);
    for (uint32_t channel = 0; channel < strip->num_channels; channel++) {
        mxd_route *route = add_strip_route(b, mix, strip, chain, channel, send);
        if (!route)
            return MXD_ERROR_MEMORY;
        place_in_bus(route, strip, channel, bus_channels, send);
        if (b->session->buses[bus].strip.inverted)
            route->gain = -route->gain;
    }
    return MXD_OK;
}

/* One strip into one layout's loudspeakers. */
static mxd_result route_to_layout(build *b, const mxd_strip *strip, uint32_t chain, const mxd_layout_panner *target)
{
    bool mono = target->layout->num_channels == 1;
    int left = mono ? 0 : mxd_layout_channel(target->layout, "M+030");
    int right = mono ? 0 : mxd_layout_channel(target->layout, "M-030");
    for (uint32_t channel = 0; channel < strip->num_channels; channel++) {
        mxd_route *route = add_strip_route(b, target->mix, strip, chain, channel, MXD_NO_INDEX);
        if (!route)
            return MXD_ERROR_MEMORY;
        switch (strip->place.kind) {
        case MXD_PLACE_PAN:
            place_by_pan(route, strip, channel, MXD_NO_INDEX, (uint32_t)left, (uint32_t)right);
            break;
        case MXD_PLACE_BED:
            mxd_bed_gains(strip->place.bed, channel, target->layout, target->panner, route->fixed);
            break;
        case MXD_PLACE_OBJECTS: {
            const mxd_object *object = &strip->place.objects[channel];
            route->object = object;
            route->panner = target->panner;
            if (object->num_positions > 1)
                route->kind = MXD_ROUTE_OBJECT;
            else
                mxd_panner_gains(target->panner, object->positions[0].azimuth_deg, object->positions[0].elevation_deg,
                                 route->fixed);
            break;
        }
        }
    }
    return MXD_OK;
}

static mxd_result route_strip(build *b, const mxd_strip *strip, uint32_t chain, const mxd_hearing *hearing)
{
    mxd_result result = MXD_OK;
    b->hearing = hearing;
    for (uint32_t i = 0; i < strip->num_sends && result == MXD_OK; i++)
        if (hearing->sends[i])
            result = route_to_bus(b, strip, chain, strip->sends[i].bus, i);
    if (!hearing->output || result != MXD_OK)
        return result;
    if (strip->output >= 0)
        return route_to_bus(b, strip, chain, (uint32_t)strip->output, MXD_NO_INDEX);
    for (uint32_t i = 0; i < b->graph->num_layouts && result == MXD_OK; i++) {
        const mxd_layout_panner *target = &b->graph->layouts[i];
        uint32_t first_route = b->graph->mixes[target->mix].num_routes;
        result = route_to_layout(b, strip, chain, target);
        if (result == MXD_OK)
            result = mxd_stems_build(b->graph, strip, target, first_route);
    }
    return result;
}

/* What a chain inherits from the chains that feed a mix of its. */
static void inherit(mxd_graph *graph, mxd_chain *chain, const mxd_mix *mix)
{
    for (uint32_t i = 0; i < mix->num_routes; i++) {
        const mxd_chain *feeder = &graph->chains[mix->routes[i].chain];
        if (feeder->end_frame > chain->end_frame)
            chain->end_frame = feeder->end_frame;
        if (feeder->history_frames > chain->history_frames)
            chain->history_frames = feeder->history_frames;
    }
}

/* Of what it listens to only the past matters: a chain has rung out however long its side-chains go on. */
static void inherit_keys(mxd_graph *graph, mxd_chain *chain)
{
    mxd_chain past = {0};
    for (uint32_t i = 0; i < chain->num_keys; i++)
        inherit(graph, &past, &graph->mixes[chain->key_mixes[i]]);
    uint64_t own = chain->tail_frames + chain->hold_frames;
    if (past.history_frames + own > chain->history_frames)
        chain->history_frames = past.history_frames + own;
}

static mxd_result build_track(build *b, uint32_t index)
{
    const mxd_track *track = &b->session->tracks[index];
    const mxd_hearing *hearing = &b->routing.tracks[index];
    uint32_t chain = b->strip_chain[index];
    if (chain == MXD_NO_INDEX)
        return MXD_OK;
    mxd_chain *state = &b->graph->chains[chain];
    state->name = track->strip.name;
    state->track = track;
    state->num_source_lanes = state->num_lanes = track->strip.num_source_channels;
    state->first_source_lane = b->graph->num_source_lanes;
    b->graph->num_source_lanes += state->num_source_lanes;
    for (uint32_t i = 0; i < state->num_lanes; i++)
        if ((state->lanes[i] = mxd_graph_add_lane(b->graph)) == MXD_NO_INDEX)
            return MXD_ERROR_MEMORY;
    state->first_lane = state->lanes[0];
    mxd_result result = build_inserts(b, chain, track->strip.inserts, track->strip.num_inserts);
    if (result != MXD_OK)
        return result;
    state = &b->graph->chains[chain];
    for (uint32_t i = 0; i < track->num_clips; i++) {
        uint64_t end = mxd_track_frame(track, track->clips[i].start_frame + track->clips[i].num_frames);
        if (end > 0 && end + state->tail_frames > state->end_frame)
            state->end_frame = end + state->tail_frames;
    }
    state->history_frames = state->tail_frames + state->hold_frames;
    inherit_keys(b->graph, state);
    return route_strip(b, &track->strip, chain, hearing);
}

/* A delay of a bus's own, which nobody compensates for: it counts as the beginning of its tail. */
static mxd_result delay_chain(mxd_graph *graph, uint32_t chain, uint32_t frames)
{
    mxd_graph_builder builder = {.graph = graph, .chain = chain, .latency = graph->chains[chain].latency};
    for (uint32_t i = 0; i < graph->chains[chain].num_lanes; i++) {
        const uint32_t lane = graph->chains[chain].lanes[i], delayed = mxd_graph_add_lane(graph);
        const mxd_builder_row row = {.kernel = MXD_KERNEL_SHIFT, .inputs = &lane, .num_inputs = 1,
                                     .outputs = &delayed, .num_outputs = 1, .settings = &frames};
        if (delayed == MXD_NO_INDEX || mxd_builder_row_add(&builder, &row) != MXD_OK)
            return MXD_ERROR_MEMORY;
        graph->chains[chain].lanes[i] = delayed;
    }
    graph->chains[chain].tail_frames += frames;
    return MXD_OK;
}

/* Closes the mix that feeds a chain and builds its inserts, behind a delay. */
static mxd_result build_fed_chain(build *b, uint32_t chain, uint32_t mix, uint32_t delay_frames,
                                  const mxd_insert *inserts, uint32_t num_inserts)
{
    mxd_graph *graph = b->graph;
    mxd_result result = mxd_graph_close_mix(graph, mix);
    if (result != MXD_OK)
        return result;
    mxd_chain *state = &graph->chains[chain];
    inherit(graph, state, &graph->mixes[mix]);
    state->input_mix = mix;
    state->num_lanes = graph->mixes[mix].num_lanes;
    memcpy(state->lanes, graph->mixes[mix].lanes, state->num_lanes * sizeof *state->lanes);
    if (delay_frames > 0 && (result = delay_chain(graph, chain, delay_frames)) != MXD_OK)
        return result;
    result = build_inserts(b, chain, inserts, num_inserts);
    state = &graph->chains[chain];
    if (state->end_frame)
        state->end_frame += state->tail_frames;
    state->history_frames += state->tail_frames + state->hold_frames;
    inherit_keys(graph, state);
    return result;
}

static mxd_result build_bus(build *b, uint32_t index)
{
    uint32_t mix = b->bus_mix[index];
    if (mix == MXD_NO_INDEX)
        return MXD_OK;
    const mxd_strip *strip = &b->session->buses[index].strip;
    uint32_t chain = b->strip_chain[b->session->num_tracks + index];
    b->graph->chains[chain].name = strip->name;
    mxd_result result = build_fed_chain(b, chain, mix, (uint32_t)strip->delay_frames, strip->inserts,
                                        strip->num_inserts);
    return result == MXD_OK ? route_strip(b, strip, chain, &b->routing.buses[index]) : result;
}

/* Each heard strip gets its chain, in feeding order, and each bus its input mix, before anything is routed. */
static mxd_result prepare_strips(build *b)
{
    const mxd_session *session = b->session;
    uint32_t count = mxd_session_num_strips(session);
    for (uint32_t i = 0; i < session->num_buses; i++)
        b->bus_mix[i] = MXD_NO_INDEX;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t strip = b->routing.order[i];
        bool is_track = strip < session->num_tracks;
        uint32_t bus = strip - session->num_tracks;
        b->strip_chain[strip] = MXD_NO_INDEX;
        if (is_track ? !b->routing.tracks[strip].heard || session->tracks[strip].num_clips == 0
                     : !b->routing.buses[bus].heard)
            continue;
        uint32_t chain = b->strip_chain[strip] = mxd_graph_add_chain(b->graph);
        if (chain == MXD_NO_INDEX)
            return MXD_ERROR_MEMORY;
        b->graph->chains[chain].start_latency = b->graph->chains[chain].latency = b->latencies.start[strip];
        if (is_track)
            continue;
        b->bus_mix[bus] = mxd_graph_add_mix_with_lanes(b->graph, chain, session->buses[bus].strip.num_source_channels);
        if (b->bus_mix[bus] == MXD_NO_INDEX)
            return MXD_ERROR_MEMORY;
        b->graph->mixes[b->bus_mix[bus]].latency = b->latencies.start[strip];
    }
    return MXD_OK;
}

/* The layout's panner and mix: shared by deliverables without inserts, of its own (chain) for one with. */
static mxd_result add_layout(build *b, const mxd_layout *layout, uint32_t chain, uint32_t *mix)
{
    mxd_graph *graph = b->graph;
    for (uint32_t i = 0; i < graph->num_layouts && chain == MXD_NO_INDEX; i++) {
        if (graph->layouts[i].layout == layout && graph->mixes[graph->layouts[i].mix].chain == MXD_NO_INDEX) {
            *mix = graph->layouts[i].mix;
            return MXD_OK;
        }
    }
    mxd_layout_panner *entry = &graph->layouts[graph->num_layouts];
    entry->layout = layout;
    mxd_result result = mxd_panner_create(layout, NULL, b->problems, &entry->panner);
    if (result != MXD_OK)
        return result;
    graph->num_layouts++;
    *mix = entry->mix = mxd_graph_add_mix_with_lanes(graph, chain, layout->num_channels);
    return *mix == MXD_NO_INDEX ? MXD_ERROR_MEMORY : MXD_OK;
}

static mxd_result prepare_outputs(build *b, const uint32_t *deliverables, uint32_t num_deliverables)
{
    mxd_graph *graph = b->graph;
    graph->outputs = calloc(num_deliverables, sizeof *graph->outputs);
    graph->layouts = calloc(num_deliverables, sizeof *graph->layouts);
    if (!graph->outputs || !graph->layouts)
        return MXD_ERROR_MEMORY;
    graph->num_outputs = num_deliverables;
    for (uint32_t i = 0; i < num_deliverables; i++) {
        mxd_output *output = &graph->outputs[i];
        output->index = deliverables[i];
        output->deliverable = &b->session->deliverables[deliverables[i]];
        output->chain = MXD_NO_INDEX;
        if (output->deliverable->num_inserts > 0) {
            output->chain = mxd_graph_add_chain(graph);
            if (output->chain == MXD_NO_INDEX)
                return MXD_ERROR_MEMORY;
            graph->chains[output->chain].name = output->deliverable->file;
        }
        mxd_result result = add_layout(b, output->deliverable->layout, output->chain, &output->mix);
        if (result != MXD_OK)
            return result;
        uint32_t latency = b->latencies.total - mxd_inserts_latency(output->deliverable->inserts,
                                                                    output->deliverable->num_inserts,
                                                                    output->deliverable->layout->num_channels);
        graph->mixes[output->mix].latency = latency;
        if (output->chain != MXD_NO_INDEX)
            graph->chains[output->chain].start_latency = graph->chains[output->chain].latency = latency;
    }
    return MXD_OK;
}

static mxd_result close_outputs(build *b)
{
    mxd_graph *graph = b->graph;
    mxd_result result = MXD_OK;
    for (uint32_t i = 0; i < graph->num_layouts && result == MXD_OK; i++)
        if (graph->mixes[graph->layouts[i].mix].chain == MXD_NO_INDEX)
            result = mxd_graph_close_mix(graph, graph->layouts[i].mix);
    for (uint32_t i = 0; i < graph->num_outputs && result == MXD_OK; i++) {
        mxd_output *output = &graph->outputs[i];
        const uint32_t *lanes = graph->mixes[output->mix].lanes;
        if (output->chain != MXD_NO_INDEX) {
            result = build_fed_chain(b, output->chain, output->mix, 0, output->deliverable->inserts,
                                     output->deliverable->num_inserts);
            lanes = graph->chains[output->chain].lanes;
        }
        memcpy(output->lanes, lanes, output->deliverable->layout->num_channels * sizeof *lanes);
    }
    return result;
}

static mxd_result build_all(build *b, const uint32_t *deliverables, uint32_t num_deliverables, bool stems)
{
    mxd_result result = mxd_routing_create(b->session, &b->routing);
    if (result != MXD_OK)
        return result;
    b->bus_mix = calloc(b->session->num_buses ? b->session->num_buses : 1, sizeof *b->bus_mix);
    b->strip_chain = calloc(mxd_session_num_strips(b->session) + 1u, sizeof *b->strip_chain);
    if (!b->bus_mix || !b->strip_chain ||
        !mxd_latencies_init(b->session, &b->routing, deliverables, num_deliverables, &b->latencies))
        return MXD_ERROR_MEMORY;
    b->graph->latency = b->latencies.total;
    result = prepare_strips(b);
    if (result == MXD_OK)
        result = prepare_outputs(b, deliverables, num_deliverables);
    if (result == MXD_OK && stems)
        result = mxd_stems_list(b->graph);
    for (uint32_t i = 0; i < mxd_session_num_strips(b->session) && result == MXD_OK; i++) {
        uint32_t strip = b->routing.order[i];
        result = strip < b->session->num_tracks ? build_track(b, strip) : build_bus(b, strip - b->session->num_tracks);
    }
    if (result == MXD_OK)
        result = close_outputs(b);
    if (result == MXD_OK)
        mxd_stems_number(b->graph, mxd_graph_output_lanes(b->graph));
    return result;
}

uint32_t mxd_graph_output_lanes(const mxd_graph *graph)
{
    uint32_t count = graph->num_stem_lanes;
    for (uint32_t i = 0; i < graph->num_outputs; i++)
        count += graph->outputs[i].deliverable->layout->num_channels;
    return count;
}

static mxd_result finish(build *b)
{
    mxd_graph *graph = b->graph;
    graph->end_frame = b->session->num_frames;
    for (uint32_t i = 0; i < graph->num_chains; i++) {
        const mxd_chain *chain = &graph->chains[i];
        if (b->session->num_frames == 0 && chain->end_frame > graph->end_frame)
            graph->end_frame = chain->end_frame;
        if (chain->history_frames > graph->history_frames)
            graph->history_frames = chain->history_frames;
    }
    graph->history_frames += graph->latency; /* for what waits behind a chain to meet others */
    if (graph->end_frame == 0)
        return mxd_fail(b->problems, MXD_ERROR_INVALID, &(mxd_place){.file = b->session->file},
                        "nothing is heard: every track is muted, shut out by a solo or without clips, and there is no "
                        "\"length_s\" that would make the files silent ones");
    return MXD_OK;
}

mxd_result mxd_graph_create(const mxd_session *session, const uint32_t *deliverables, uint32_t num_deliverables,
                            mxd_folding folding, bool stems, mxd_problems *problems, mxd_graph **out)
{
    *out = NULL;
    mxd_graph *graph = calloc(1, sizeof *graph);
    if (!graph)
        return MXD_ERROR_MEMORY;
    graph->session = session;
    build b = {.graph = graph, .session = session, .problems = problems};
    mxd_result result = build_all(&b, deliverables, num_deliverables, stems);
    if (result == MXD_OK)
        result = finish(&b);
    if (result == MXD_OK && folding != MXD_FOLD_NONE)
        result = mxd_graph_fold(graph, folding);
    if (result == MXD_OK)
        result = mxd_graph_schedule(graph);
    mxd_routing_destroy(&b.routing);
    mxd_latencies_finish(&b.latencies);
    free(b.bus_mix);
    free(b.strip_chain);
    if (result != MXD_OK) {
        mxd_graph_destroy(graph);
        return result;
    }
    *out = graph;
    return MXD_OK;
}

void mxd_operation_finish(mxd_operation *operation)
{
    free(operation->sections);
    free((void *)operation->convolve.inputs);
    free((void *)operation->convolve.outputs);
    free((void *)operation->convolve.cells);
    free(operation->row.lanes);
    free(operation->row.settings);
    free(operation->row.values);
}

static void free_route(mxd_route *route)
{
    free(route->fixed);
    free(route->levels);
}

void mxd_graph_destroy(mxd_graph *graph)
{
    if (!graph)
        return;
    for (uint32_t i = 0; i < graph->num_operations; i++)
        mxd_operation_finish(&graph->operations[i]);
    for (uint32_t i = 0; i < graph->num_mixes; i++) {
        for (uint32_t j = 0; j < graph->mixes[i].num_routes; j++)
            free_route(&graph->mixes[i].routes[j]);
        free(graph->mixes[i].routes);
        free(graph->mixes[i].lanes);
    }
    for (uint32_t i = 0; i < graph->num_layouts; i++)
        mxd_panner_destroy(graph->layouts[i].panner);
    for (uint32_t i = 0; i < graph->num_steps; i++)
        free(graph->steps[i].operations);
    mxd_block_arrays_destroy(graph->arrays);
    mxd_threads_destroy(graph->threads);
    for (uint32_t i = 0; i < graph->num_chains; i++) {
        free(graph->chains[i].fold_inputs);
        free(graph->chains[i].key_mixes);
    }
    free(graph->shifts);
    free(graph->steps);
    free(graph->layouts);
    free(graph->outputs);
    free(graph->stems);
    free(graph->chains);
    free(graph->mixes);
    free(graph->operations);
    free(graph->lanes);
    free(graph);
}
