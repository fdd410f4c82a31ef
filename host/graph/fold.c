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

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Gains that are equal but for the rounding of the few products that made them: 300 dB below the signal. */
#define GAIN_TOLERANCE (8 * DBL_EPSILON)
/* Products that it costs to add one to a second output: on a CPU eight at a time are summed before they are added. */
#define SECOND_OUTPUT 0.1

/* ---- Lists of gains ------------------------------------------------------ */

/* Gains by index. */
typedef struct gain_list {
    uint32_t *indices;
    double *gains;
    uint32_t count, capacity;
} gain_list;

static bool push(gain_list *list, uint32_t index, double gain)
{
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity ? 2 * list->capacity : 4;
        uint32_t *indices = realloc(list->indices, capacity * sizeof *indices);
        if (indices)
            list->indices = indices;
        double *gains = realloc(list->gains, capacity * sizeof *gains);
        if (gains)
            list->gains = gains;
        if (!indices || !gains)
            return false;
        list->capacity = capacity;
    }
    list->indices[list->count] = index;
    list->gains[list->count++] = gain;
    return true;
}

/* The same, where an index that is there already is added to. */
static bool push_sum(gain_list *list, uint32_t index, double gain)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (list->indices[i] == index) {
            list->gains[i] += gain;
            return true;
        }
    return push(list, index, gain);
}

static void free_lists(gain_list *lists, uint32_t count)
{
    for (uint32_t i = 0; lists && i < count; i++) {
        free(lists[i].indices);
        free(lists[i].gains);
    }
    free(lists);
}

/* Whether b is a times one number. */
static bool proportional(const double *a, const double *b, uint32_t count, double *ratio)
{
    uint32_t largest = 0;
    for (uint32_t i = 1; i < count; i++)
        if (fabs(a[i]) > fabs(a[largest]))
            largest = i;
    if (count == 0 || a[largest] == 0.0)
        return false;
    *ratio = b[largest] / a[largest];
    for (uint32_t i = 0; i < count; i++)
        if (!(fabs(b[i] - *ratio * a[i]) <= GAIN_TOLERANCE * fabs(b[i])))
            return false;
    return true;
}

static bool lists_proportional(const gain_list *a, const gain_list *b, double *ratio)
{
    return a->count == b->count && memcmp(a->indices, b->indices, a->count * sizeof *a->indices) == 0 &&
           proportional(a->gains, b->gains, a->count, ratio);
}

/* ---- What is known of the graph ------------------------------------------ */

typedef struct source {
    uint32_t operation; /* in the old order */
    uint32_t output;
} source;

/* Several convolvers may name copies of one response. */
typedef struct response {
    const float *samples;
    uint32_t num_frames;
    uint64_t hash;
    uint32_t next;      /* in its bucket */
} response;

#define NUM_BUCKETS 1024u

typedef struct fold_build {
    mxd_graph *graph;
    mxd_folding folding;
    mxd_operation *operations;     /* in the old order; zeroed when moved */
    uint32_t num_operations;
    bool *folded;                  /* [operation] */
    uint32_t *ranks;               /* [operation] */
    uint32_t num_lanes;            /* before folding */
    bool *constant;                /* [lane] read by nothing but routes with constant gains */
    bool *convolved;               /* [lane] written by a convolver */
    uint32_t *lane_ranks;
    uint32_t *source_of;           /* [lane] */
    source *sources;
    uint32_t num_sources;
    uint32_t num_destinations;
    uint32_t *first_destination;   /* [mix] */
    uint32_t *mix_of;              /* [destination] */
    gain_list *gains;              /* [source]: to destinations, ascending */
    response *responses;
    uint32_t num_responses;
    uint32_t buckets[NUM_BUCKETS];
} fold_build;

static bool is_constant(const mxd_route *route)
{
    return route->kind == MXD_ROUTE_FIXED && !route->levels[0];
}

static void find_readers(fold_build *b)
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
        for (uint32_t j = 0; j < operation->convolve.num_outputs; j++)
            b->convolved[operation->convolve.outputs[j]] = true;
        for (uint32_t j = 0; mix && j < mix->num_routes; j++)
            b->constant[mix->routes[j].lane] &= is_constant(&mix->routes[j]);
    }
    for (uint32_t i = 0; i < graph->num_outputs; i++)
        for (uint32_t j = 0; j < graph->outputs[i].deliverable->layout->num_channels; j++)
            b->constant[graph->outputs[i].lanes[j]] = false;
}

static bool find_sources(fold_build *b)
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
            b->sources[b->num_sources++] = (source){i, j};
        }
    }
    return true;
}

/* ---- 1. Inner mixes ------------------------------------------------------ */

/* A mix within a chain, of a source and other lanes, that only mixes with constant gains read. */
static bool is_inner(const fold_build *b, const mxd_operation *operation)
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

static bool dissolve_inner_mixes(fold_build *b)
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

static bool find_gains(fold_build *b)
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
                if (gain != 0.0 && !push_sum(&b->gains[b->source_of[route->lane]], b->first_destination[i] + o, gain))
                    return false;
            }
    }
    return true;
}

static uint32_t highest_rank(const fold_build *b, const uint32_t *lanes, uint32_t num_lanes)
{
    uint32_t rank = 0;
    for (uint32_t i = 0; i < num_lanes; i++)
        if (b->lane_ranks[lanes[i]] > rank)
            rank = b->lane_ranks[lanes[i]];
    return rank;
}

/* Returns the highest rank of all. */
static uint32_t find_ranks(fold_build *b)
{
    uint32_t highest = 0;
    for (uint32_t i = 0; i < b->num_operations; i++) {
        const mxd_operation *operation = &b->operations[i];
        const mxd_convolve_row *row = &operation->convolve;
        uint32_t rank = 0;
        switch (operation->kind) {
        case MXD_OPERATION_EQ:
            rank = b->lane_ranks[operation->lane];
            break;
        case MXD_OPERATION_CONVOLVE:
            rank = highest_rank(b, row->inputs, row->num_inputs);
            for (uint32_t j = 0; j < row->num_outputs; j++)
                b->lane_ranks[row->outputs[j]] = rank + (b->source_of[row->outputs[j]] != MXD_NO_INDEX);
            break;
        case MXD_OPERATION_MIX: {
            const mxd_mix *mix = &b->graph->mixes[operation->mix];
            for (uint32_t j = 0; j < mix->num_routes; j++)
                if (!mix->routes[j].folded && b->lane_ranks[mix->routes[j].lane] > rank)
                    rank = b->lane_ranks[mix->routes[j].lane];
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

/* ---- Responses ----------------------------------------------------------- */

/* FNV-1a over some 64 samples: enough to tell different responses apart, and cheap where they are long. */
static uint64_t hash_response(const float *samples, uint32_t num_frames)
{
    uint64_t hash = 0xcbf29ce484222325u ^ num_frames;
    for (uint32_t i = 0; i < num_frames; i += 1 + num_frames / 64) {
        uint32_t bits;
        memcpy(&bits, &samples[i], sizeof bits);
        hash = (hash ^ bits) * 0x100000001b3u;
    }
    return hash;
}

/* The response's number; the first convolver that named it gave it, whatever copies there are. */
static uint32_t number_response(fold_build *b, const float *samples, uint32_t num_frames)
{
    uint64_t hash = hash_response(samples, num_frames);
    uint32_t *bucket = &b->buckets[hash % NUM_BUCKETS];
    for (uint32_t i = *bucket; i != MXD_NO_INDEX; i = b->responses[i].next) {
        const response *known = &b->responses[i];
        if (known->hash == hash && known->num_frames == num_frames &&
            (known->samples == samples || memcmp(known->samples, samples, num_frames * sizeof *samples) == 0))
            return i;
    }
    b->responses[b->num_responses] = (response){samples, num_frames, hash, *bucket};
    return *bucket = b->num_responses++;
}

/* Lets all cells name one copy of each response, so that backends keep its spectra once. */
static bool share_responses(fold_build *b)
{
    size_t num_cells = 0;
    for (uint32_t i = 0; i < b->num_operations; i++)
        num_cells += b->operations[i].convolve.num_cells;
    b->responses = calloc(num_cells + 1, sizeof *b->responses);
    if (!b->responses)
        return false;
    memset(b->buckets, 0xff, sizeof b->buckets);
    for (uint32_t i = 0; i < b->num_operations; i++) {
        mxd_convolve_cell *cells = (mxd_convolve_cell *)b->operations[i].convolve.cells; /* the graph's own */
        for (uint32_t j = 0; j < b->operations[i].convolve.num_cells; j++)
            cells[j].response = b->responses[number_response(b, cells[j].response, cells[j].num_frames)].samples;
    }
    return true;
}

/* ---- 2., 3. Lines: the outputs of folds ---------------------------------- */

typedef struct way {
    uint32_t first;      /* the source whose gains they all have, up to a factor */
    uint32_t num_sinks;
    uint64_t num_frames; /* of all cells of its sources */
} way;

/* The convolvers of one rank. Lists that come in pairs are matrices by columns. */
typedef struct group {
    uint32_t *sources;
    uint32_t num_sources;
    way *ways;
    gain_list *members;       /* [way]: sources, with the factor of each */
    uint32_t num_ways;
    gain_list *columns;       /* [destination]: ways, with their gains to it */
    uint32_t *sinks;          /* [destination] the first destination of its sink */
    double *sink_gains;       /* [destination] relative to that one */
    gain_list *from;          /* [line]: sources */
    gain_list *to;            /* [line]: destinations */
    uint32_t num_lines;
    uint32_t *line_of_sink;   /* [destination] */
    uint32_t *row_of;         /* [operation]: by the smallest operation that it meets; union-find */
} group;

static void finish_group(const fold_build *b, group *g)
{
    free_lists(g->members, g->num_sources);
    free_lists(g->columns, b->num_destinations);
    free_lists(g->from, g->num_sources + b->num_destinations);
    free_lists(g->to, g->num_sources + b->num_destinations);
    free(g->sources);
    free(g->ways);
    free(g->sinks);
    free(g->sink_gains);
    free(g->line_of_sink);
    free(g->row_of);
}

static bool init_group(const fold_build *b, uint32_t rank, group *g)
{
    uint32_t most = b->num_destinations + 1;
    g->sources = calloc(b->num_sources + 1, sizeof *g->sources);
    if (!g->sources)
        return false;
    for (uint32_t i = 0; i < b->num_sources; i++)
        if (b->ranks[b->sources[i].operation] == rank && b->gains[i].count > 0)
            g->sources[g->num_sources++] = i;
    g->ways = calloc(g->num_sources + 1, sizeof *g->ways);
    g->members = calloc(g->num_sources + 1, sizeof *g->members);
    g->columns = calloc(most, sizeof *g->columns);
    g->sinks = calloc(most, sizeof *g->sinks);
    g->sink_gains = calloc(most, sizeof *g->sink_gains);
    g->line_of_sink = calloc(most, sizeof *g->line_of_sink);
    g->from = calloc(g->num_sources + most, sizeof *g->from);
    g->to = calloc(g->num_sources + most, sizeof *g->to);
    g->row_of = calloc(b->num_operations + 1, sizeof *g->row_of);
    if (!g->row_of)
        return false;
    for (uint32_t i = 0; i < b->num_operations; i++)
        g->row_of[i] = i;
    return g->ways && g->members && g->columns && g->sinks && g->sink_gains && g->line_of_sink && g->from && g->to;
}

static uint64_t frames_of(const fold_build *b, uint32_t number)
{
    const mxd_convolve_row *row = &b->operations[b->sources[number].operation].convolve;
    uint64_t frames = 0;
    for (uint32_t i = 0; i < row->num_cells; i++)
        if (row->cells[i].output == b->sources[number].output)
            frames += row->cells[i].num_frames;
    return frames;
}

static bool find_ways(const fold_build *b, group *g)
{
    for (uint32_t i = 0; i < g->num_sources; i++) {
        uint32_t number = 0;
        double ratio = 1.0;
        while (number < g->num_ways &&
               !lists_proportional(&b->gains[g->ways[number].first], &b->gains[g->sources[i]], &ratio))
            number++;
        if (number == g->num_ways) {
            g->ways[g->num_ways++] = (way){.first = g->sources[i]};
            ratio = 1.0;
        }
        g->ways[number].num_frames += frames_of(b, g->sources[i]);
        if (!push(&g->members[number], g->sources[i], ratio))
            return false;
    }
    return true;
}

static bool find_sinks(const fold_build *b, group *g)
{
    for (uint32_t i = 0; i < g->num_ways; i++) {
        const gain_list *gains = &b->gains[g->ways[i].first];
        for (uint32_t j = 0; j < gains->count; j++)
            if (!push(&g->columns[gains->indices[j]], i, gains->gains[j]))
                return false;
    }
    for (uint32_t i = 0; i < b->num_destinations; i++) {
        g->sinks[i] = i;
        g->sink_gains[i] = 1.0;
        g->line_of_sink[i] = MXD_NO_INDEX;
        for (uint32_t j = 0; j < i && g->columns[i].count > 0 && g->sinks[i] == i; j++)
            if (g->sinks[j] == j && lists_proportional(&g->columns[j], &g->columns[i], &g->sink_gains[i]))
                g->sinks[i] = j;
        if (g->sinks[i] == i)
            g->sink_gains[i] = 1.0;
    }
    for (uint32_t i = 0; i < g->num_ways; i++) {
        const gain_list *gains = &b->gains[g->ways[i].first];
        for (uint32_t j = 0; j < gains->count; j++)
            g->ways[i].num_sinks += g->sinks[gains->indices[j]] == gains->indices[j];
    }
    return true;
}

/*
 * What a row costs a frame, in products of spectra: host/cpu/convolve.c takes 0.17 ns for a product with its fetch,
 * and 0.6 to 1 ns for a transform of 2^7 to 2^15 points, 3.5 to 6 products, and takes the partition that makes the
 * sum least.
 */
static double cost_of(double num_transforms, double num_frames)
{
    double least = HUGE_VAL;
    for (int log2_size = 6; log2_size <= 14; log2_size++) {
        double cost = num_transforms * (1.6 + 0.3 * log2_size) + ldexp(num_frames, -log2_size);
        least = cost < least ? cost : least;
    }
    return least;
}

static double num_inputs_of(const fold_build *b, const group *g)
{
    uint32_t count = 0, last = MXD_NO_INDEX;
    for (uint32_t i = 0; i < g->num_sources; i++) {
        if (b->sources[g->sources[i]].operation != last)
            count += b->operations[b->sources[g->sources[i]].operation].convolve.num_inputs;
        last = b->sources[g->sources[i]].operation;
    }
    return count;
}

/* Up to how many sinks a way is given up for them. Those with one lose nothing. */
static uint32_t choose_most_sinks(const fold_build *b, group *g)
{
    uint32_t most = 1, best = 1;
    double least = HUGE_VAL;
    for (uint32_t i = 0; i < g->num_ways; i++)
        most = g->ways[i].num_sinks > most ? g->ways[i].num_sinks : most;
    for (uint32_t limit = 1; limit <= (b->folding == MXD_FOLD_BY_COST ? most : 1); limit++) {
        double transforms = num_inputs_of(b, g), frames = 0.0;
        for (uint32_t i = 0; i < g->num_ways; i++) {
            bool given_up = g->ways[i].num_sinks <= limit;
            frames += (double)g->ways[i].num_frames * (given_up ? 1.0 + SECOND_OUTPUT * (g->ways[i].num_sinks - 1) : 1.0);
            transforms += !given_up;
        }
        for (uint32_t i = 0; i < b->num_destinations; i++) {
            bool used = false;
            for (uint32_t j = 0; j < g->columns[i].count && g->sinks[i] == i; j++)
                used |= g->ways[g->columns[i].indices[j]].num_sinks <= limit;
            transforms += used;
        }
        /* The model is coarse: a twentieth is no gain. */
        double cost = cost_of(transforms, frames) * (limit > 1 ? 1.05 : 1.0);
        if (cost < least) {
            least = cost;
            best = limit;
        }
    }
    return best;
}

/* The line to a sink, which way `number` joins with its gain. */
static bool join_sink(group *g, uint32_t sink, uint32_t num_destinations, uint32_t number, double gain)
{
    if (g->line_of_sink[sink] == MXD_NO_INDEX) {
        g->line_of_sink[sink] = g->num_lines++;
        for (uint32_t i = sink; i < num_destinations; i++)
            if (g->sinks[i] == sink && !push(&g->to[g->line_of_sink[sink]], i, g->sink_gains[i]))
                return false;
    }
    for (uint32_t i = 0; i < g->members[number].count; i++)
        if (!push(&g->from[g->line_of_sink[sink]], g->members[number].indices[i], gain * g->members[number].gains[i]))
            return false;
    return true;
}

static bool find_lines(const fold_build *b, group *g)
{
    uint32_t most_sinks = choose_most_sinks(b, g);
    for (uint32_t i = 0; i < g->num_ways; i++) {
        const gain_list *gains = &b->gains[g->ways[i].first];
        bool given_up = g->ways[i].num_sinks <= most_sinks;
        for (uint32_t j = 0; j < gains->count && given_up; j++)
            if (g->sinks[gains->indices[j]] == gains->indices[j] &&
                !join_sink(g, gains->indices[j], b->num_destinations, i, gains->gains[j]))
                return false;
        if (given_up)
            continue;
        for (uint32_t j = 0; j < g->members[i].count; j++)
            if (!push(&g->from[g->num_lines], g->members[i].indices[j], g->members[i].gains[j]))
                return false;
        for (uint32_t j = 0; j < gains->count; j++)
            if (!push(&g->to[g->num_lines], gains->indices[j], gains->gains[j]))
                return false;
        g->num_lines++;
    }
    return true;
}

/* ---- 4. Rows ------------------------------------------------------------- */

static uint32_t row_of(const group *g, uint32_t operation)
{
    while (g->row_of[operation] != operation)
        operation = g->row_of[operation];
    return operation;
}

static void join_rows(const fold_build *b, group *g)
{
    for (uint32_t i = 0; i < g->num_lines; i++)
        for (uint32_t j = 1; j < g->from[i].count; j++) {
            uint32_t one = row_of(g, b->sources[g->from[i].indices[0]].operation);
            uint32_t other = row_of(g, b->sources[g->from[i].indices[j]].operation);
            g->row_of[one > other ? one : other] = one > other ? other : one;
        }
}

static uint32_t row_of_line(const fold_build *b, const group *g, uint32_t line)
{
    return row_of(g, b->sources[g->from[line].indices[0]].operation);
}

/* A row of one convolver that keeps as many outputs is left as it is. */
static bool row_pays(const fold_build *b, const group *g, uint32_t row)
{
    uint32_t num_lines = 0;
    for (uint32_t i = 0; i < b->num_operations; i++)
        if (i != row && row_of(g, i) == row)
            return true;
    for (uint32_t i = 0; i < g->num_lines; i++)
        num_lines += row_of_line(b, g, i) == row;
    return num_lines > 0 && num_lines < b->operations[row].convolve.num_outputs;
}

/* A cell of a fold; `response` numbers it, so that the order of sums does not depend on addresses. */
typedef struct fold_cell {
    uint32_t input, output, response, delay_frames;
    double gain;
} fold_cell;

/* A row on its way: inputs are those of the convolvers until some are mixed in front. */
typedef struct fold_row {
    uint32_t chain;           /* the fold */
    uint32_t *lanes;          /* [input] */
    mxd_fold_input *inputs;
    uint32_t num_inputs;
    fold_cell *cells;         /* by input */
    uint32_t num_cells;
    uint32_t *first_cell;     /* [input], and one more */
    uint32_t *outputs;        /* [output] lanes */
    uint32_t num_outputs;
} fold_row;

static int compare_cells(const void *one, const void *other)
{
    const fold_cell *a = one, *b = other;
    if (a->input != b->input)
        return a->input < b->input ? -1 : 1;
    if (a->output != b->output)
        return a->output < b->output ? -1 : 1;
    if (a->response != b->response)
        return a->response < b->response ? -1 : 1;
    return (a->delay_frames > b->delay_frames) - (a->delay_frames < b->delay_frames);
}

/* The input that reads the lane, added if it is new. */
static uint32_t find_input(fold_row *row, uint32_t lane, uint32_t chain)
{
    for (uint32_t i = 0; i < row->num_inputs; i++)
        if (row->lanes[i] == lane)
            return i;
    row->lanes[row->num_inputs] = lane;
    row->inputs[row->num_inputs] = (mxd_fold_input){.chain = chain, .mix = MXD_NO_INDEX};
    return row->num_inputs++;
}

/* Cells of one source towards output `output` of the row. */
static void add_cells(fold_build *b, fold_row *row, uint32_t number, uint32_t output, double gain)
{
    const mxd_operation *operation = &b->operations[b->sources[number].operation];
    for (uint32_t i = 0; i < operation->convolve.num_cells; i++) {
        const mxd_convolve_cell *cell = &operation->convolve.cells[i];
        if (cell->output != b->sources[number].output)
            continue;
        row->cells[row->num_cells++] = (fold_cell){
            .input = find_input(row, operation->convolve.inputs[cell->input], operation->chain),
            .output = output,
            .response = number_response(b, cell->response, cell->num_frames),
            .delay_frames = cell->delay_frames,
            .gain = gain * cell->gain,
        };
    }
}

/* Sorts the cells by input, joins those between the same places, and finds each input's first. */
static bool sort_cells(fold_row *row)
{
    uint32_t count = 0;
    qsort(row->cells, row->num_cells, sizeof *row->cells, compare_cells);
    for (uint32_t i = 0; i < row->num_cells; i++) {
        if (count > 0 && compare_cells(&row->cells[count - 1], &row->cells[i]) == 0)
            row->cells[count - 1].gain += row->cells[i].gain;
        else
            row->cells[count++] = row->cells[i];
    }
    row->num_cells = count;
    row->first_cell = calloc(row->num_inputs + 1, sizeof *row->first_cell);
    if (!row->first_cell)
        return false;
    for (uint32_t i = 0; i < count; i++)
        row->first_cell[row->cells[i].input + 1] = i + 1;
    return true;
}

static bool gather_row(fold_build *b, const group *g, uint32_t number, fold_row *row)
{
    uint32_t num_inputs = 0, num_cells = 0;
    for (uint32_t i = 0; i < b->num_operations; i++)
        if (row_of(g, i) == number)
            num_inputs += b->operations[i].convolve.num_inputs;
    for (uint32_t i = 0; i < g->num_lines; i++)
        for (uint32_t j = 0; j < g->from[i].count && row_of_line(b, g, i) == number; j++)
            num_cells += b->operations[b->sources[g->from[i].indices[j]].operation].convolve.num_cells;
    row->lanes = calloc(num_inputs + 1, sizeof *row->lanes);
    row->inputs = calloc(num_inputs + 1, sizeof *row->inputs);
    row->cells = calloc(num_cells + 1, sizeof *row->cells);
    row->outputs = calloc(g->num_lines + 1, sizeof *row->outputs);
    if (!row->lanes || !row->inputs || !row->cells || !row->outputs)
        return false;
    for (uint32_t i = 0; i < g->num_lines; i++) {
        if (row_of_line(b, g, i) != number)
            continue;
        for (uint32_t j = 0; j < g->from[i].count; j++)
            add_cells(b, row, g->from[i].indices[j], row->num_outputs, g->from[i].gains[j]);
        row->outputs[row->num_outputs] = mxd_graph_add_lane(b->graph);
        if (row->outputs[row->num_outputs++] == MXD_NO_INDEX)
            return false;
    }
    return sort_cells(row);
}

/* ---- 5. Mixes in front --------------------------------------------------- */

/* Whether two inputs have the same cells, gains apart. */
static bool same_pattern(const fold_row *row, uint32_t one, uint32_t other)
{
    const fold_cell *a = row->cells + row->first_cell[one], *b = row->cells + row->first_cell[other];
    uint32_t count = row->first_cell[one + 1] - row->first_cell[one];
    if (count != row->first_cell[other + 1] - row->first_cell[other])
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (a[i].output != b[i].output || a[i].response != b[i].response || a[i].delay_frames != b[i].delay_frames)
            return false;
    return true;
}

/* Inputs of one pattern: their gains to its cells, and which of these columns are the same up to a factor. */
typedef struct pattern {
    uint32_t *inputs;
    uint32_t num_inputs;
    uint32_t num_cells;
    double *gains;            /* [cell][input] */
    uint32_t *columns;        /* [cell] which lane of the mix feeds it */
    uint32_t *first_of;       /* [column] its first cell */
    double *ratios;           /* [cell] relative to that one */
    uint32_t num_columns;
} pattern;

static void finish_pattern(pattern *p)
{
    free(p->inputs);
    free(p->gains);
    free(p->columns);
    free(p->first_of);
    free(p->ratios);
}

/* The pattern of input `first` with all later ones that have it and are not taken yet. */
static bool init_pattern(const fold_row *row, uint32_t first, const bool *taken, pattern *p)
{
    const uint32_t num_cells = p->num_cells = row->first_cell[first + 1] - row->first_cell[first];
    p->inputs = calloc(row->num_inputs, sizeof *p->inputs);
    p->columns = calloc(num_cells + 1, sizeof *p->columns);
    p->first_of = calloc(num_cells + 1, sizeof *p->first_of);
    p->ratios = calloc(num_cells + 1, sizeof *p->ratios);
    if (!p->inputs || !p->columns || !p->first_of || !p->ratios)
        return false;
    for (uint32_t i = first; i < row->num_inputs; i++)
        if (!taken[i] && same_pattern(row, first, i))
            p->inputs[p->num_inputs++] = i;
    p->gains = calloc((size_t)num_cells * p->num_inputs + 1, sizeof *p->gains);
    if (!p->gains)
        return false;
    for (uint32_t c = 0; c < num_cells; c++) {
        double *column = p->gains + (size_t)c * p->num_inputs;
        for (uint32_t i = 0; i < p->num_inputs; i++)
            column[i] = row->cells[row->first_cell[p->inputs[i]] + c].gain;
        uint32_t number = 0;
        while (number < p->num_columns &&
               !proportional(p->gains + (size_t)p->first_of[number] * p->num_inputs, column, p->num_inputs,
                             &p->ratios[c]))
            number++;
        p->columns[c] = number;
        if (number == p->num_columns) {
            p->first_of[p->num_columns++] = c;
            p->ratios[c] = 1.0;
        }
    }
    return true;
}

/* Inputs and cells of the row as it will be. */
typedef struct row_cursor {
    mxd_fold_input *inputs;
    uint32_t *lanes;
    fold_cell *cells;
    uint32_t num_inputs, num_cells;
} row_cursor;

/* An input that stays as it is. */
static void keep_input(const fold_row *row, uint32_t input, row_cursor *next)
{
    for (uint32_t c = row->first_cell[input]; c < row->first_cell[input + 1]; c++) {
        next->cells[next->num_cells] = row->cells[c];
        next->cells[next->num_cells++].input = next->num_inputs;
    }
    next->inputs[next->num_inputs] = row->inputs[input];
    next->lanes[next->num_inputs++] = row->lanes[input];
}

/* A mix of the pattern's inputs, one lane a column, in their stead. */
static bool mix_inputs(fold_build *b, const fold_row *row, const pattern *p, row_cursor *next)
{
    uint32_t mix = mxd_graph_add_mix_with_lanes(b->graph, row->chain, p->num_columns);
    if (mix == MXD_NO_INDEX)
        return false;
    for (uint32_t i = 0; i < p->num_inputs; i++) {
        mxd_route *route = mxd_graph_add_route(b->graph, mix);
        if (!route)
            return false;
        route->lane = row->lanes[p->inputs[i]];
        route->chain = row->inputs[p->inputs[i]].chain;
        for (uint32_t column = 0; column < p->num_columns; column++)
            route->fixed[column] = p->gains[(size_t)p->first_of[column] * p->num_inputs + i];
    }
    for (uint32_t c = 0; c < p->num_cells; c++) {
        fold_cell cell = row->cells[row->first_cell[p->inputs[0]] + c];
        cell.input = next->num_inputs + p->columns[c];
        cell.gain = p->ratios[c];
        next->cells[next->num_cells++] = cell;
    }
    for (uint32_t column = 0; column < p->num_columns; column++) {
        next->inputs[next->num_inputs] = (mxd_fold_input){.chain = MXD_NO_INDEX, .mix = mix};
        next->lanes[next->num_inputs++] = b->graph->mixes[mix].lanes[column];
    }
    return mxd_graph_close_mix(b->graph, mix) == MXD_OK;
}

/*
 * Inputs of one pattern are mixed where that leaves fewer. A lane that a convolver writes is mixed in any case: while
 * its chain sleeps nobody else would make it silent (block.c).
 */
static bool mix_pattern(fold_build *b, const fold_row *row, uint32_t first, bool *taken, row_cursor *next)
{
    pattern p = {0};
    bool done = init_pattern(row, first, taken, &p);
    if (done && p.num_columns >= p.num_inputs && !b->convolved[row->lanes[first]]) {
        taken[first] = true;
        keep_input(row, first, next);
    } else if (done) {
        if (p.num_columns >= p.num_inputs) { /* this one alone: a single column */
            p.num_inputs = p.num_columns = 1;
            p.first_of[0] = 0;
            for (uint32_t c = 0; c < p.num_cells; c++) {
                p.columns[c] = 0;
                p.ratios[c] = row->cells[row->first_cell[first] + c].gain;
            }
            p.gains[0] = 1.0;
        }
        for (uint32_t i = 0; i < p.num_inputs; i++)
            taken[p.inputs[i]] = true;
        done = mix_inputs(b, row, &p, next);
    }
    finish_pattern(&p);
    return done;
}

static bool mix_in_front(fold_build *b, fold_row *row)
{
    row_cursor next = {
        .inputs = calloc(row->num_inputs + 1, sizeof *next.inputs),
        .lanes = calloc(row->num_inputs + 1, sizeof *next.lanes),
        .cells = calloc(row->num_cells + 1, sizeof *next.cells),
    };
    bool *taken = calloc(row->num_inputs + 1, sizeof *taken);
    bool done = next.inputs && next.lanes && next.cells && taken;
    for (uint32_t i = 0; i < row->num_inputs && done; i++)
        if (!taken[i])
            done = mix_pattern(b, row, i, taken, &next);
    free(taken);
    free(row->inputs);
    free(row->lanes);
    free(row->cells);
    row->inputs = next.inputs;
    row->lanes = next.lanes;
    row->cells = next.cells;
    row->num_inputs = next.num_inputs;
    row->num_cells = next.num_cells;
    return done;
}

/* ---- The graph's new parts ----------------------------------------------- */

/* A route for each mix that a line reaches. */
static bool route_line(fold_build *b, const gain_list *to, uint32_t lane, uint32_t chain)
{
    mxd_route *route = NULL;
    for (uint32_t i = 0; i < to->count; i++) {
        uint32_t mix = b->mix_of[to->indices[i]];
        if (i == 0 || mix != b->mix_of[to->indices[i - 1]]) {
            route = mxd_graph_add_route(b->graph, mix);
            if (!route)
                return false;
            route->lane = lane;
            route->chain = chain;
        }
        route->fixed[to->indices[i] - b->first_destination[mix]] = to->gains[i];
    }
    return true;
}

/* The row's operation; takes the row's inputs and outputs over. */
static bool add_operation(fold_build *b, fold_row *row)
{
    mxd_convolve_cell *cells = calloc(row->num_cells + 1, sizeof *cells);
    mxd_operation *operation = cells ? mxd_graph_add_operation(b->graph, MXD_OPERATION_CONVOLVE, row->chain) : NULL;
    if (!operation) {
        free(cells);
        return false;
    }
    for (uint32_t i = 0; i < row->num_cells; i++) {
        const fold_cell *cell = &row->cells[i];
        cells[i] = (mxd_convolve_cell){
            .input = cell->input,
            .output = cell->output,
            .response = b->responses[cell->response].samples,
            .num_frames = b->responses[cell->response].num_frames,
            .delay_frames = cell->delay_frames,
            .gain = cell->gain,
        };
    }
    operation->convolve = (mxd_convolve_row){row->lanes, row->num_inputs, row->outputs, row->num_outputs, cells,
                                             row->num_cells};
    mxd_chain *fold = &b->graph->chains[row->chain];
    fold->fold_inputs = row->inputs;
    fold->num_fold_inputs = row->num_inputs;
    row->lanes = NULL;
    row->outputs = NULL;
    row->inputs = NULL;
    return true;
}

static bool add_row(fold_build *b, const group *g, uint32_t number)
{
    fold_row row = {.chain = mxd_graph_add_chain(b->graph)};
    if (row.chain == MXD_NO_INDEX)
        return false;
    b->graph->num_folds++;
    bool done = gather_row(b, g, number, &row) && mix_in_front(b, &row);
    for (uint32_t i = 0, output = 0; i < g->num_lines && done; i++)
        if (row_of_line(b, g, i) == number)
            done = route_line(b, &g->to[i], row.outputs[output++], row.chain);
    done = done && add_operation(b, &row);
    for (uint32_t i = 0; i < b->num_operations; i++)
        b->folded[i] |= row_of(g, i) == number;
    free(row.lanes);
    free(row.inputs);
    free(row.cells);
    free(row.first_cell);
    free(row.outputs);
    return done;
}

/* Hands an operation over to the graph's new order. */
static bool keep_operation(fold_build *b, uint32_t number)
{
    mxd_operation *kept = mxd_graph_add_operation(b->graph, b->operations[number].kind, MXD_NO_INDEX);
    if (!kept)
        return false;
    *kept = b->operations[number];
    b->operations[number] = (mxd_operation){.kind = kept->kind};
    return true;
}

static bool is_source(const fold_build *b, uint32_t number)
{
    const mxd_convolve_row *row = &b->operations[number].convolve;
    return row->num_outputs > 0 && b->source_of[row->outputs[0]] != MXD_NO_INDEX;
}

/* Everything of one rank: what nobody folds, then convolvers that could be but need not, then the folds. */
static bool build_rank(fold_build *b, uint32_t rank)
{
    group g = {0};
    bool done = init_group(b, rank, &g) && find_ways(b, &g) && find_sinks(b, &g) && find_lines(b, &g);
    if (done)
        join_rows(b, &g);
    for (uint32_t i = 0; i < b->num_operations && done; i++)
        if (b->ranks[i] == rank && !b->folded[i] && !is_source(b, i))
            done = keep_operation(b, i);
    for (uint32_t i = 0; i < b->num_operations && done; i++)
        if (b->ranks[i] == rank && is_source(b, i) && !row_pays(b, &g, row_of(&g, i)))
            done = keep_operation(b, i);
    for (uint32_t i = 0; i < b->num_operations && done; i++)
        if (b->ranks[i] == rank && is_source(b, i) && row_of(&g, i) == i)
            done = add_row(b, &g, i);
    finish_group(b, &g);
    return done;
}

static void mark_routes(fold_build *b)
{
    for (uint32_t i = 0; i < b->graph->num_mixes; i++)
        for (uint32_t j = 0; j < b->graph->mixes[i].num_routes; j++) {
            mxd_route *route = &b->graph->mixes[i].routes[j];
            uint32_t from = route->lane < b->num_lanes ? b->source_of[route->lane] : MXD_NO_INDEX;
            route->folded |= from != MXD_NO_INDEX && b->folded[b->sources[from].operation];
        }
}

static bool build_all(fold_build *b)
{
    mxd_graph *graph = b->graph;
    b->folded = calloc(b->num_operations + 1, sizeof *b->folded);
    b->ranks = calloc(b->num_operations + 1, sizeof *b->ranks);
    b->constant = calloc(b->num_lanes + 1, sizeof *b->constant);
    b->convolved = calloc(b->num_lanes + 1, sizeof *b->convolved);
    b->lane_ranks = calloc(b->num_lanes + 1, sizeof *b->lane_ranks);
    b->source_of = calloc(b->num_lanes + 1, sizeof *b->source_of);
    b->first_destination = calloc(graph->num_mixes + 1, sizeof *b->first_destination);
    if (!b->folded || !b->ranks || !b->constant || !b->convolved || !b->lane_ranks || !b->source_of ||
        !b->first_destination)
        return false;
    find_readers(b);
    if (!find_sources(b) || !dissolve_inner_mixes(b) || !find_gains(b) || !share_responses(b))
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
    fold_build b = {
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
    free_lists(b.gains, b.num_sources);
    free(b.operations);
    free(b.folded);
    free(b.ranks);
    free(b.constant);
    free(b.convolved);
    free(b.lane_ranks);
    free(b.source_of);
    free(b.sources);
    free(b.first_destination);
    free(b.mix_of);
    free(b.responses);
    return done ? MXD_OK : MXD_ERROR_MEMORY;
}
