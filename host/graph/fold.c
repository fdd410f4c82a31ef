/*
 * Convolution is linear, and so is a mix with constant gains: where the outputs
 * of convolvers go into nothing but such mixes, the mix is done first, on
 * spectra. Convolvers become one row with an input a track and an output for each
 * way on which their sums go; 32 tracks with a stereo response each on one stereo
 * layout take 32 transforms there and 2 back, not 64.
 *
 * A *source* is an output lane of such a convolver, a *destination* a lane of a
 * mix that it reaches.
 *   1. Inner mixes (an insert's wet and dry) are dissolved into those they feed.
 *   2. Sources whose gains to all destinations are proportional form a *way*: one
 *      lane carries their sum. That costs nothing and saves transforms.
 *   3. A way to many destinations may be given up for the destinations
 *      themselves: fewer transforms, more sums. Destinations whose gains from all
 *      ways are proportional are one *sink*. A cost model decides.
 *   4. Convolvers that meet on some lane become one row, a fold (graph.h).
 *   5. Inputs of the row that meet the same responses are mixed in front of it:
 *      many tracks into one response cost one convolution.
 * Convolvers are taken together by rank, the number of folds that lie before
 * them: none of a rank can depend on another.
 */
#include "fold.h"

#include "fold_build.h"

#include <stdlib.h>
#include <string.h>

/* ---- What is known of the graph ------------------------------------------ */

static bool is_constant(const mxd_route *route)
{
    return route->kind == MXD_ROUTE_FIXED && route->num_levels == 0;
}

static void find_readers(mxd_fold_build *b)
{
    const mxd_graph *graph = b->graph;
    memset(b->constant, true, b->num_lanes * sizeof *b->constant);
    for (uint32_t i = 0; i < b->num_operations; i++) {
        const mxd_operation *operation = &b->operations[i];
        const mxd_mix *mix = operation->kind == MXD_OPERATION_MIX ? &graph->mixes[operation->mix] : NULL;
        if (operation->kind == MXD_OPERATION_EQ)
            b->constant[operation->lane] = false;
        for (uint32_t j = 0; j < operation->convolve.num_inputs; j++)
            b->constant[operation->convolve.inputs[j]] = false;
        for (uint32_t j = 0; j < operation->row.num_inputs; j++)
            b->constant[operation->row.lanes[j]] = false;
        for (uint32_t j = 0; mix && j < mix->num_routes; j++)
            b->constant[mix->routes[j].lane] &= is_constant(&mix->routes[j]);
    }
    for (uint32_t i = 0; i < graph->num_outputs; i++)
        for (uint32_t j = 0; j < graph->outputs[i].deliverable->layout->num_channels; j++)
            b->constant[graph->outputs[i].lanes[j]] = false;
}

static bool find_sources(mxd_fold_build *b)
{
    uint32_t capacity = 0;
    for (uint32_t i = 0; i < b->num_operations; i++)
        capacity += b->operations[i].convolve.num_outputs;
    b->sources = calloc(capacity + 1, sizeof *b->sources);
    b->gains = calloc(capacity + 1, sizeof *b->gains);
    if (!b->sources || !b->gains)
        return false;
    memset(b->source_of, 0xff, b->num_lanes * sizeof *b->source_of);
    for (uint32_t i = 0; i < b->num_operations; i++) {
        const mxd_convolve_row *row = &b->operations[i].convolve;
        bool all = true;
        for (uint32_t j = 0; j < row->num_outputs; j++)
            all &= b->constant[row->outputs[j]];
        for (uint32_t j = 0; j < row->num_outputs && all; j++) {
            b->source_of[row->outputs[j]] = b->num_sources;
            b->sources[b->num_sources++] = (mxd_fold_source){i, j};
        }
    }
    return true;
}

/* ---- 1. Inner mixes ------------------------------------------------------ */

/* A mix within a chain, of a source and other lanes, that only mixes with constant gains read. */
static bool is_inner(const mxd_fold_build *b, const mxd_operation *operation)
{
    if (operation->kind != MXD_OPERATION_MIX)
        return false;
    const mxd_mix *mix = &b->graph->mixes[operation->mix];
    if (mix->chain == MXD_NO_INDEX || b->graph->chains[mix->chain].input_mix == operation->mix)
        return false;
    bool has_source = false;
    for (uint32_t i = 0; i < mix->num_routes; i++) {
        if (!is_constant(&mix->routes[i]))
            return false;
        has_source |= b->source_of[mix->routes[i].lane] != MXD_NO_INDEX;
    }
    for (uint32_t i = 0; i < mix->num_lanes; i++)
        if (!b->constant[mix->lanes[i]])
            return false;
    return has_source;
}

/* Replaces a route from lane `output` of the inner mix by routes from what that lane is mixed of. */
static bool dissolve_route(mxd_graph *graph, uint32_t inner, uint32_t output, uint32_t outer, uint32_t number)
{
    graph->mixes[outer].routes[number].folded = true;
    for (uint32_t i = 0; i < graph->mixes[inner].num_routes; i++) {
        const mxd_route *from = &graph->mixes[inner].routes[i];
        double gain = from->gain * from->fixed[output];
        if (from->folded || gain == 0.0)
            continue;
        mxd_route *to = mxd_graph_add_route(graph, outer);
        if (!to)
            return false;
        const mxd_route *through = &graph->mixes[outer].routes[number];
        to->lane = from->lane;
        to->chain = from->chain;
        for (uint32_t j = 0; j < graph->mixes[outer].num_lanes; j++)
            to->fixed[j] = gain * through->gain * through->fixed[j];
    }
    return true;
}

static bool dissolve_mix(mxd_graph *graph, uint32_t inner)
{
    for (uint32_t outer = 0; outer < graph->num_mixes; outer++) {
        uint32_t num_routes = graph->mixes[outer].num_routes;
        for (uint32_t i = 0; i < num_routes && outer != inner; i++)
            for (uint32_t output = 0; output < graph->mixes[inner].num_lanes; output++)
                if (graph->mixes[outer].routes[i].lane == graph->mixes[inner].lanes[output] &&
                    !dissolve_route(graph, inner, output, outer, i))
                    return false;
    }
    return true;
}

static bool dissolve_inner_mixes(mxd_fold_build *b)
{
    for (uint32_t i = 0; i < b->num_operations; i++) {
        if (!is_inner(b, &b->operations[i]))
            continue;
        const mxd_mix *mix = &b->graph->mixes[b->operations[i].mix];
        if (!dissolve_mix(b->graph, b->operations[i].mix))
            return false;
        for (uint32_t j = 0; j < mix->num_routes; j++)
            mix->routes[j].folded = true;
        b->folded[i] = true;
    }
    return true;
}

/* ---- Gains and ranks ----------------------------------------------------- */

static bool find_gains(mxd_fold_build *b)
{
    mxd_graph *graph = b->graph;
    for (uint32_t i = 0; i < graph->num_mixes; i++) {
        b->first_destination[i] = b->num_destinations;
        b->num_destinations += graph->mixes[i].num_lanes;
    }
    b->mix_of = calloc(b->num_destinations + 1, sizeof *b->mix_of);
    if (!b->mix_of)
        return false;
    for (uint32_t i = 0; i < graph->num_mixes; i++) {
        const mxd_mix *mix = &graph->mixes[i];
        for (uint32_t o = 0; o < mix->num_lanes; o++)
            b->mix_of[b->first_destination[i] + o] = i;
        for (uint32_t o = 0; o < mix->num_lanes; o++)
            for (uint32_t j = 0; j < mix->num_routes; j++) {
                const mxd_route *route = &mix->routes[j];
                if (b->source_of[route->lane] == MXD_NO_INDEX || route->folded)
                    continue;
                double gain = route->gain * route->fixed[o];
                if (gain != 0.0 &&
                    !mxd_gain_list_add(&b->gains[b->source_of[route->lane]], b->first_destination[i] + o, gain))
                    return false;
            }
    }
    return true;
}

/* The highest of ranks[lanes[]], at least `rank`. */
static uint32_t highest_rank(const uint32_t *ranks, const uint32_t *lanes, uint32_t num_lanes, uint32_t rank)
{
    for (uint32_t i = 0; i < num_lanes; i++)
        if (ranks[lanes[i]] > rank)
            rank = ranks[lanes[i]];
    return rank;
}

static void raise_ranks(uint32_t *ranks, const uint32_t *lanes, uint32_t num_lanes, uint32_t rank)
{
    for (uint32_t i = 0; i < num_lanes; i++)
        if (ranks[lanes[i]] < rank)
            ranks[lanes[i]] = rank;
}

/* Returns the highest rank of all. */
static uint32_t find_ranks(mxd_fold_build *b)
{
    uint32_t highest = 0;
    for (uint32_t i = 0; i < b->num_operations; i++) {
        const mxd_operation *operation = &b->operations[i];
        const mxd_convolve_row *row = &operation->convolve;
        const uint32_t *lanes = operation->row.lanes;
        uint32_t rank = 0;
        switch (operation->kind) {
        case MXD_OPERATION_EQ:
            rank = highest_rank(b->read_ranks, &operation->lane, 1, b->lane_ranks[operation->lane]);
            raise_ranks(b->lane_ranks, &operation->lane, 1, rank);
            break;
        case MXD_OPERATION_CONVOLVE:
            rank = highest_rank(b->lane_ranks, row->inputs, row->num_inputs, 0);
            raise_ranks(b->read_ranks, row->inputs, row->num_inputs, rank);
            for (uint32_t j = 0; j < row->num_outputs; j++)
                b->lane_ranks[row->outputs[j]] = rank + (b->source_of[row->outputs[j]] != MXD_NO_INDEX);
            break;
        case MXD_OPERATION_ROW:
        case MXD_OPERATION_HOST:
            rank = highest_rank(b->lane_ranks, lanes, operation->row.num_inputs, 0);
            rank = highest_rank(b->read_ranks, lanes + operation->row.num_inputs, operation->row.num_outputs, rank);
            raise_ranks(b->read_ranks, lanes, operation->row.num_inputs, rank);
            raise_ranks(b->lane_ranks, lanes + operation->row.num_inputs, operation->row.num_outputs, rank);
            break;
        case MXD_OPERATION_MIX: {
            const mxd_mix *mix = &b->graph->mixes[operation->mix];
            for (uint32_t j = 0; j < mix->num_routes; j++)
                if (!mix->routes[j].folded && b->lane_ranks[mix->routes[j].lane] > rank)
                    rank = b->lane_ranks[mix->routes[j].lane];
            for (uint32_t j = 0; j < mix->num_routes; j++)
                raise_ranks(b->read_ranks, &mix->routes[j].lane, 1, rank);
            for (uint32_t j = 0; j < mix->num_lanes; j++)
                b->lane_ranks[mix->lanes[j]] = rank;
            break;
        }
        }
        b->ranks[i] = rank;
        highest = rank > highest ? rank : highest;
    }
    return highest;
}

/* ---- Ranks in turn ------------------------------------------------------- */

/* Hands an operation over to the graph's new order. */
static bool keep_operation(mxd_fold_build *b, uint32_t number)
{
    mxd_operation *kept = mxd_graph_add_operation(b->graph, b->operations[number].kind, MXD_NO_INDEX);
    if (!kept)
        return false;
    *kept = b->operations[number];
    b->operations[number] = (mxd_operation){.kind = kept->kind};
    return true;
}

static bool is_source(const mxd_fold_build *b, uint32_t number)
{
    const mxd_convolve_row *row = &b->operations[number].convolve;
    return row->num_outputs > 0 && b->source_of[row->outputs[0]] != MXD_NO_INDEX;
}

/* Everything of one rank: what nobody folds, then convolvers that could be but need not, then the folds. */
static bool build_rank(mxd_fold_build *b, uint32_t rank)
{
    mxd_fold_lines lines = {0};
    uint32_t *row_of = calloc(b->num_operations + 1, sizeof *row_of);
    bool done = row_of && mxd_fold_find_lines(b, rank, &lines);
    if (done)
        mxd_fold_join_rows(b, &lines, row_of);
    for (uint32_t i = 0; i < b->num_operations && done; i++)
        if (b->ranks[i] == rank && !b->folded[i] && !is_source(b, i))
            done = keep_operation(b, i);
    for (uint32_t i = 0; i < b->num_operations && done; i++)
        if (b->ranks[i] == rank && is_source(b, i) && !mxd_fold_row_pays(b, &lines, row_of, row_of[i]))
            done = keep_operation(b, i);
    for (uint32_t i = 0; i < b->num_operations && done; i++)
        if (b->ranks[i] == rank && is_source(b, i) && row_of[i] == i)
            done = mxd_fold_add_row(b, &lines, row_of, i);
    mxd_fold_lines_finish(&lines);
    free(row_of);
    return done;
}

static void mark_routes(mxd_fold_build *b)
{
    for (uint32_t i = 0; i < b->graph->num_mixes; i++)
        for (uint32_t j = 0; j < b->graph->mixes[i].num_routes; j++) {
            mxd_route *route = &b->graph->mixes[i].routes[j];
            uint32_t from = route->lane < b->num_lanes ? b->source_of[route->lane] : MXD_NO_INDEX;
            route->folded |= from != MXD_NO_INDEX && b->folded[b->sources[from].operation];
        }
}

static bool build_all(mxd_fold_build *b)
{
    mxd_graph *graph = b->graph;
    b->folded = calloc(b->num_operations + 1, sizeof *b->folded);
    b->ranks = calloc(b->num_operations + 1, sizeof *b->ranks);
    b->constant = calloc(b->num_lanes + 1, sizeof *b->constant);
    b->lane_ranks = calloc(b->num_lanes + 1, sizeof *b->lane_ranks);
    b->read_ranks = calloc(b->num_lanes + 1, sizeof *b->read_ranks);
    b->source_of = calloc(b->num_lanes + 1, sizeof *b->source_of);
    b->first_destination = calloc(graph->num_mixes + 1, sizeof *b->first_destination);
    if (!b->folded || !b->ranks || !b->constant || !b->lane_ranks || !b->read_ranks || !b->source_of ||
        !b->first_destination)
        return false;
    find_readers(b);
    if (!find_sources(b) || !dissolve_inner_mixes(b) || !find_gains(b) || !mxd_fold_share_responses(b))
        return false;
    uint32_t highest = find_ranks(b);
    for (uint32_t rank = 0; rank <= highest; rank++)
        if (!build_rank(b, rank))
            return false;
    mark_routes(b);
    return true;
}

mxd_result mxd_graph_fold(mxd_graph *graph, mxd_folding folding)
{
    mxd_fold_build b = {
        .graph = graph,
        .folding = folding,
        .operations = graph->operations,
        .num_operations = graph->num_operations,
        .num_lanes = graph->num_lanes,
    };
    graph->operations = NULL;
    graph->num_operations = graph->operation_capacity = 0;
    bool done = build_all(&b);
    for (uint32_t i = 0; i < b.num_operations; i++)
        mxd_operation_finish(&b.operations[i]);
    mxd_gain_lists_free(b.gains, b.num_sources);
    free(b.operations);
    free(b.folded);
    free(b.ranks);
    free(b.constant);
    free(b.lane_ranks);
    free(b.read_ranks);
    free(b.source_of);
    free(b.sources);
    free(b.first_destination);
    free(b.mix_of);
    free(b.responses);
    return done ? MXD_OK : MXD_ERROR_MEMORY;
}
