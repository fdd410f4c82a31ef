/*
 * One block: decides which chains sound, then writes the runs of each step:
 * rows that are active, edges between what is active, gains as points.
 */
#include "block.h"

#include "envelope.h"
#include "moving.h"
#include "../threads.h"
#include "routing.h"

#include <stdlib.h>
#include <string.h>

/* Where the next output, edge and point of the block's mixes go. */
typedef struct cursor {
    mxd_mix_output *outputs;
    mxd_mix_edge *edges;
    mxd_gain_point *points;
} cursor;

/* Where the next row and the next input of a row go. */
typedef struct row_cursor {
    uint32_t row;
    uint32_t input;
    double *points;
    uint32_t num_moving;        /* in this part of the block */
} row_cursor;

/* A block that comes in parts: where the next one begins. */
typedef struct part_cursor {
    uint64_t first_frame;
    uint32_t num_frames;
    uint32_t step;
    cursor mixes;
    row_cursor rows;
    float *outputs;             /* the caller's */
    bool *stem_sounds;
} part_cursor;

/* Everything that a block's description points to, sized for the worst block. */
struct mxd_block_arrays {
    uint32_t block_frames;
    mxd_upload *uploads;
    mxd_download *downloads;
    mxd_step_run *runs;
    mxd_mix_run *mixes;         /* one a step */
    mxd_mix_limits *limits;     /* one a step */
    uint32_t *rows;             /* of all steps */
    bool *restart;
    bool *rests;                /* one an input of every convolve row */
    const double **values;      /* one a row: its points, NULL where they do not move */
    double *value_points;       /* of all rows that move */
    mxd_operation **moving;     /* those of this block */
    mxd_mix_output *outputs;    /* of all steps */
    mxd_mix_edge *edges;
    mxd_gain_point *points;
    mxd_mix_edge *slots;        /* [route][output] of one mix; num_points 0 = no edge */
    double *gains;              /* [point][output] of one route */
    uint32_t *frames;           /* [point] of one route */
    part_cursor next;
    uint64_t bytes;
    bool counting;              /* bytes are wanted, nothing else */
};

void mxd_block_arrays_destroy(struct mxd_block_arrays *arrays)
{
    if (!arrays)
        return;
    free(arrays->uploads);
    free(arrays->downloads);
    free(arrays->runs);
    free(arrays->mixes);
    free(arrays->limits);
    free(arrays->rows);
    free(arrays->restart);
    free(arrays->rests);
    free(arrays->values);
    free(arrays->value_points);
    free(arrays->moving);
    free(arrays->outputs);
    free(arrays->edges);
    free(arrays->points);
    free(arrays->slots);
    free(arrays->gains);
    free(arrays->frames);
    free(arrays);
}

/* Whether the gains can differ on the two sides of a frame: straight lines and objects' paths never do. */
static bool can_jump(const mxd_route *route)
{
    for (uint32_t i = 0; i < route->num_levels; i++)
        if (mxd_automation_can_jump(route->levels[i]))
            return true;
    for (uint32_t i = 0; route->kind == MXD_ROUTE_MAPPED && i < route->insert->num_automation; i++)
        if (mxd_automation_can_jump(&route->insert->automation[i]))
            return true;
    return route->kind == MXD_ROUTE_PAN && mxd_automation_can_jump(route->pan);
}

/* Most points that one of the route's curves takes in a block. */
static uint64_t points_of(const mxd_route *route, uint32_t block_frames)
{
    uint64_t inner = 0;
    for (uint32_t i = 0; i < route->num_levels; i++)
        inner += mxd_automation_density(route->levels[i], block_frames);
    if (route->kind == MXD_ROUTE_PAN)
        inner += mxd_automation_density(route->pan, block_frames);
    if (route->kind == MXD_ROUTE_OBJECT)
        inner += mxd_object_density(route->object, block_frames);
    for (uint32_t i = 0; route->kind == MXD_ROUTE_MAPPED && i < route->insert->num_automation; i++)
        inner += mxd_automation_density(&route->insert->automation[i], block_frames);
    /* The block's first and last frame, the session's first, and two points at a bend where the curve may jump. */
    return inner ? (can_jump(route) ? 2 : 1) * inner + 3 : 1;
}

static uint32_t edges_of(const mxd_route *route, uint32_t num_outputs)
{
    if (route->folded)
        return 0;
    if (route->kind == MXD_ROUTE_PAN)
        return route->pair[0] == route->pair[1] ? 1 : 2;
    if (route->kind == MXD_ROUTE_OBJECT || route->kind == MXD_ROUTE_MAPPED)
        return num_outputs;
    uint32_t count = 0;
    for (uint32_t i = 0; i < num_outputs; i++)
        count += route->fixed[i] != 0.0;
    return count;
}

/* What the worst block takes. In 64 bits: tracks x loudspeakers x points of their curves come to billions. */
typedef struct sizes {
    uint64_t most_points;  /* of one route */
    uint64_t most_gains;   /* of one route: points x outputs */
    uint64_t most_slots;   /* of one mix: routes x outputs */
    uint64_t rows, inputs, values, outputs, edges, points, uploads, downloads;
} sizes;

static uint64_t max_of(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void measure_mix(const mxd_mix *mix, uint32_t block_frames, sizes *size)
{
    for (uint32_t i = 0; i < mix->num_lanes; i++)
        size->outputs += mix->lanes[i] != MXD_NO_INDEX;
    size->most_slots = max_of(size->most_slots, (uint64_t)mix->num_lanes * mix->num_routes);
    for (uint32_t i = 0; i < mix->num_routes; i++) {
        /* Behind a latency, one more: before the session's first frame. */
        uint64_t points = points_of(&mix->routes[i], block_frames) + (mix->latency > 0);
        uint64_t edges = edges_of(&mix->routes[i], mix->num_lanes);
        size->most_points = max_of(size->most_points, points);
        size->most_gains = max_of(size->most_gains, points * mix->num_lanes);
        size->edges += edges;
        size->points += edges * points;
    }
}

static sizes measure_graph(const mxd_graph *graph, uint32_t block_frames)
{
    sizes size = {0};
    for (uint32_t i = 0; i < graph->num_operations; i++) {
        if (graph->operations[i].kind == MXD_OPERATION_MIX)
            measure_mix(&graph->mixes[graph->operations[i].mix], block_frames, &size);
        else
            size.rows++;
        size.inputs += graph->operations[i].convolve.num_inputs;
        if (mxd_row_moves(&graph->operations[i].row))
            size.values += (uint64_t)mxd_value_points(block_frames) * graph->operations[i].row.num_values;
    }
    /* In the worst part: the sources or what hosted inserts wrote; what these read or the outputs. */
    size.uploads = max_of(graph->num_source_lanes, graph->num_hosted_lanes);
    size.downloads = max_of(mxd_graph_output_lanes(graph), graph->num_hosted_lanes);
    return size;
}

/* calloc that adds up what it takes; NULL while only that is wanted. */
static void *take(struct mxd_block_arrays *a, uint64_t count, size_t size)
{
    count = count ? count : 1;
    a->bytes += count * size;
    return a->counting ? NULL : calloc(count, size);
}

/* False when memory runs out, and while counting. */
static bool take_all(struct mxd_block_arrays *a, const mxd_graph *graph, const sizes *size)
{
    a->limits = take(a, graph->num_steps, sizeof *a->limits);
    a->uploads = take(a, size->uploads, sizeof *a->uploads);
    a->downloads = take(a, size->downloads, sizeof *a->downloads);
    a->runs = take(a, graph->num_steps, sizeof *a->runs);
    a->mixes = take(a, graph->num_steps, sizeof *a->mixes);
    a->rows = take(a, size->rows, sizeof *a->rows);
    a->restart = take(a, size->rows, sizeof *a->restart);
    a->rests = take(a, size->inputs, sizeof *a->rests);
    a->values = take(a, size->rows, sizeof *a->values);
    a->value_points = take(a, size->values, sizeof *a->value_points);
    a->moving = take(a, size->rows, sizeof *a->moving);
    a->outputs = take(a, size->outputs, sizeof *a->outputs);
    a->edges = take(a, size->edges, sizeof *a->edges);
    /* A curve is written before it is known to be silent: room for one more. */
    a->points = take(a, size->points + size->most_points, sizeof *a->points);
    a->slots = take(a, size->most_slots, sizeof *a->slots);
    a->gains = take(a, size->most_gains, sizeof *a->gains);
    a->frames = take(a, size->most_points, sizeof *a->frames);
    return a->limits && a->uploads && a->downloads && a->runs && a->mixes && a->rows && a->restart && a->rests &&
           a->values && a->value_points && a->moving && a->outputs && a->edges &&
           a->points && a->slots && a->gains && a->frames;
}

uint64_t mxd_graph_array_bytes(const mxd_graph *graph, uint32_t block_frames)
{
    struct mxd_block_arrays counted = {.counting = true};
    sizes size = measure_graph(graph, block_frames);
    take_all(&counted, graph, &size);
    /* Indices into the arrays have 32 bits. */
    return size.points <= UINT32_MAX && size.most_slots <= UINT32_MAX ? counted.bytes : UINT64_MAX;
}

static mxd_result make_arrays(mxd_graph *graph, uint32_t block_frames)
{
    mxd_block_arrays_destroy(graph->arrays);
    struct mxd_block_arrays *a = graph->arrays = calloc(1, sizeof *a);
    sizes size = measure_graph(graph, block_frames);
    if (!a || size.points > UINT32_MAX || !take_all(a, graph, &size))
        return MXD_ERROR_MEMORY;
    a->block_frames = block_frames;
    for (uint32_t i = 0; i < graph->num_steps; i++) {
        const mxd_step *step = &graph->steps[i];
        sizes mix = {0};
        for (uint32_t j = 0; step->kind == MXD_OPERATION_MIX && j < step->num_operations; j++)
            measure_mix(&graph->mixes[graph->operations[step->operations[j]].mix], block_frames, &mix);
        a->limits[i] = (mxd_mix_limits){.max_outputs = (uint32_t)mix.outputs,
                                        .max_edges = (uint32_t)mix.edges,
                                        .max_points = (uint32_t)mix.points};
    }
    return MXD_OK;
}

static bool any_row_moves(const mxd_graph *graph)
{
    bool any = false;
    for (uint32_t i = 0; i < graph->num_operations; i++)
        any |= mxd_row_moves(&graph->operations[i].row);
    return any;
}

mxd_result mxd_graph_attach(mxd_graph *graph, mxd_backend *backend, uint32_t block_frames, uint32_t num_threads)
{
    mxd_result result = make_arrays(graph, block_frames);
    if (!graph->threads)
        graph->threads = mxd_threads_create(any_row_moves(graph) ? num_threads : 1);
    if (!graph->threads)
        result = MXD_ERROR_MEMORY;
    for (uint32_t i = 0; i < graph->num_steps && result == MXD_OK; i++)
        result = mxd_graph_attach_step(graph, &graph->steps[i], &graph->arrays->limits[i], backend);
    for (uint32_t i = 0; i < graph->num_chains; i++) {
        graph->chains[i].sounds_until = 0;
        graph->chains[i].active = false;
    }
    return result == MXD_OK ? mxd_backend_prepare(backend) : result;
}

static bool is_fold(const mxd_chain *chain)
{
    return chain->num_fold_inputs > 0;
}

/* A fold's routes do not count: those that it stands for are still there and tell from which chains they come. */
static bool mix_is_fed(const mxd_graph *graph, const mxd_mix *mix)
{
    for (uint32_t i = 0; i < mix->num_routes; i++) {
        const mxd_chain *chain = &graph->chains[mix->routes[i].chain];
        if (chain->active && !is_fold(chain))
            return true;
    }
    return false;
}

static bool fold_input_rests(const mxd_graph *graph, const mxd_fold_input *input)
{
    return input->mix != MXD_NO_INDEX ? !mix_is_fed(graph, &graph->mixes[input->mix])
                                      : !graph->chains[input->chain].active;
}

/*
 * A fold runs while any of its inputs sounds. The past of the others in the row is silent already: a chain sleeps only
 * when its tail, and so every response in it, has rung out.
 */
static void decide_fold(mxd_graph *graph, mxd_chain *fold)
{
    bool was_active = fold->active;
    fold->active = false;
    for (uint32_t i = 0; i < fold->num_fold_inputs; i++)
        fold->active |= !fold_input_rests(graph, &fold->fold_inputs[i]);
    fold->restart = fold->active && !was_active;
}

/*
 * Chains in feeding order: active while their input sounds, and for their tail and a quarter more: what rings down to
 * -120 dB in its tail is then at -150 dB, so that where blocks are cut leaves no trace. A chain that listens to
 * others follows them all the time.
 */
static void decide_activity(mxd_graph *graph, uint64_t first_frame, uint32_t num_frames, const mxd_upload *sources)
{
    uint32_t num_strips = graph->num_chains - graph->num_folds;
    for (uint32_t i = 0; i < num_strips; i++) {
        mxd_chain *chain = &graph->chains[i];
        bool was_active = chain->active;
        chain->fed = chain->track ? chain->num_source_lanes && sources[chain->first_source_lane].frames
                                 : chain->input_mix != MXD_NO_INDEX &&
                                       mix_is_fed(graph, &graph->mixes[chain->input_mix]);
        for (uint32_t j = 0; j < chain->num_keys; j++)
            chain->fed |= mix_is_fed(graph, &graph->mixes[chain->key_mixes[j]]);
        if (chain->fed)
            chain->sounds_until = first_frame + num_frames + chain->tail_frames + chain->tail_frames / 4 +
                                  chain->hold_frames;
        chain->active = first_frame < chain->sounds_until;
        chain->restart = chain->active && !was_active;
    }
    for (uint32_t i = num_strips; i < graph->num_chains; i++)
        decide_fold(graph, &graph->chains[i]);
}

static void list_uploads(mxd_graph *graph, const mxd_upload *sources, mxd_block *block)
{
    struct mxd_block_arrays *a = graph->arrays;
    block->uploads = a->uploads;
    for (uint32_t i = 0; i < graph->num_chains; i++) {
        const mxd_chain *chain = &graph->chains[i];
        if (!chain->track || !chain->active)
            continue;
        for (uint32_t j = 0; j < chain->num_source_lanes; j++) {
            mxd_upload *upload = &a->uploads[block->num_uploads++];
            *upload = sources[chain->first_source_lane + j];
            upload->lane = graph->lanes[chain->first_lane + j].physical;
        }
    }
}

static uint64_t next_bend(const mxd_route *route, uint64_t frame)
{
    uint64_t next = UINT64_MAX, candidate;
    for (uint32_t i = 0; i < route->num_levels; i++)
        if ((candidate = mxd_automation_next(route->levels[i], frame)) < next)
            next = candidate;
    if (route->kind == MXD_ROUTE_PAN && (candidate = mxd_automation_next(route->pan, frame)) < next)
        next = candidate;
    if (route->kind == MXD_ROUTE_OBJECT && (candidate = mxd_object_next(route->object, frame)) < next)
        next = candidate;
    for (uint32_t i = 0; route->kind == MXD_ROUTE_MAPPED && i < route->insert->num_automation; i++)
        if ((candidate = mxd_automation_next(&route->insert->automation[i], frame)) < next)
            next = candidate;
    return next;
}

/* gains[output] of the route at a frame; before: the limit from the left. */
static void route_gains(const mxd_route *route, uint64_t frame, bool before, uint32_t num_outputs, double *gains)
{
    double level = route->gain;
    for (uint32_t i = 0; i < route->num_levels; i++)
        level *= mxd_gain_of_db(mxd_automation_value(route->levels[i], frame, before));
    switch (route->kind) {
    case MXD_ROUTE_FIXED:
        memcpy(gains, route->fixed, num_outputs * sizeof *gains);
        break;
    case MXD_ROUTE_PAN: {
        double pair[2];
        mxd_pan_gains(mxd_automation_value(route->pan, frame, before), route->num_channels, route->channel, pair);
        memset(gains, 0, num_outputs * sizeof *gains);
        gains[route->pair[0]] += pair[0];
        gains[route->pair[1]] += pair[1];
        break;
    }
    case MXD_ROUTE_OBJECT: {
        double azimuth_deg, elevation_deg;
        mxd_object_position(route->object, frame, &azimuth_deg, &elevation_deg);
        mxd_panner_gains(route->panner, azimuth_deg, elevation_deg, gains);
        break;
    }
    case MXD_ROUTE_MAPPED: {
        double values[MXD_MAX_INSERT_VALUES];
        mxd_insert_values(route->insert, frame, before, values);
        gains[0] = route->map(route->insert->params, values, route->map_index);
        break;
    }
    }
    for (uint32_t i = 0; i < num_outputs; i++)
        gains[i] *= level;
}

/* A block as a mix has it: its frame 0 is the session's `first`, modulo 2^64 where that lies before the session. */
typedef struct span {
    uint64_t first;
    uint32_t num_frames;
    uint32_t lead; /* frames of the block before the session's first */
} span;

static span span_of(const mxd_mix *mix, uint64_t first_frame, uint32_t num_frames)
{
    uint64_t lead = first_frame < mix->latency ? mix->latency - first_frame : 0;
    return (span){first_frame - mix->latency, num_frames, lead < num_frames ? (uint32_t)lead : num_frames};
}

/* Appends a point to a->frames and a->gains unless it repeats what holds there anyway. */
static uint32_t add_point(struct mxd_block_arrays *a, const mxd_route *route, const span *block, uint64_t frame,
                          bool before, uint32_t num_outputs, uint32_t num_points)
{
    double *gains = a->gains + (size_t)num_points * num_outputs;
    route_gains(route, frame, before, num_outputs, gains);
    a->frames[num_points] = (uint32_t)(frame - block->first);
    bool repeats = num_points > 0 && a->frames[num_points - 1] == a->frames[num_points] &&
                   memcmp(gains, gains - num_outputs, num_outputs * sizeof *gains) == 0;
    return num_points + !repeats;
}

/*
 * The last point: the block's end, at or before the next bend. There the value on the straight line to that bend is
 * taken, not the curve's own: a render that ends here (--to) sounds like one that goes on.
 */
static uint32_t add_end(struct mxd_block_arrays *a, const mxd_route *route, const span *block, uint64_t bend,
                        uint32_t num_outputs, uint32_t num_points)
{
    double *gains = a->gains + (size_t)num_points * num_outputs;
    const double *last = gains - num_outputs;
    route_gains(route, bend, true, num_outputs, gains);
    a->frames[num_points] = block->num_frames;
    if (bend - block->first > block->num_frames) {
        uint32_t from = a->frames[num_points - 1];
        double part = (double)(block->num_frames - from) / (double)(bend - block->first - from);
        for (uint32_t i = 0; i < num_outputs; i++)
            gains[i] = last[i] + (gains[i] - last[i]) * part;
    }
    return num_points + 1;
}

/*
 * The first point, at a frame that need not be one of the grids', for a latency moves blocks against these: there the
 * value on the straight line between the bends around it is taken, as where the block before ended. Every curve that
 * moves bends at multiples of MXD_POSITION_GRID, or is still there.
 */
static uint32_t add_begin(struct mxd_block_arrays *a, const mxd_route *route, const span *block, uint64_t begin,
                          uint32_t num_outputs, uint32_t num_points)
{
    uint64_t bend = begin / MXD_POSITION_GRID * MXD_POSITION_GRID, next = next_bend(route, bend);
    for (; next <= begin; next = next_bend(route, bend))
        bend = next;
    if (bend == begin || next == UINT64_MAX)
        return add_point(a, route, block, begin, false, num_outputs, num_points);
    double *gains = a->gains + (size_t)num_points * num_outputs, *ahead = gains + num_outputs;
    const double part = (double)(begin - bend) / (double)(next - bend);
    route_gains(route, bend, false, num_outputs, gains);
    route_gains(route, next, true, num_outputs, ahead);
    for (uint32_t i = 0; i < num_outputs; i++)
        gains[i] += (ahead[i] - gains[i]) * part;
    a->frames[num_points] = (uint32_t)(begin - block->first);
    return num_points + 1;
}

/* The route's points in this block, into a->frames and a->gains. Returns how many. */
static uint32_t trace_route(struct mxd_block_arrays *a, const mxd_route *route, const span *block, uint32_t num_outputs)
{
    bool jumps = can_jump(route);
    uint64_t begin = block->first + block->lead;
    uint32_t num_points = 0;
    if (block->lead > 0) { /* before the session as at its first frame */
        num_points = add_point(a, route, block, block->lead < block->num_frames ? begin : 0, false, num_outputs, 0);
        a->frames[0] = 0;
        if (block->lead == block->num_frames || next_bend(route, begin) == UINT64_MAX)
            return num_points;
    }
    num_points = add_begin(a, route, block, begin, num_outputs, num_points);
    uint64_t frame = next_bend(route, begin);
    /* No further bend is UINT64_MAX, and would come soon after a beginning before frame 0. */
    for (; frame != UINT64_MAX && frame - block->first < block->num_frames; frame = next_bend(route, frame)) {
        if (jumps)
            num_points = add_point(a, route, block, frame, true, num_outputs, num_points);
        num_points = add_point(a, route, block, frame, false, num_outputs, num_points);
    }
    return frame == UINT64_MAX ? num_points /* constant from here on */
                               : add_end(a, route, block, frame, num_outputs, num_points);
}

/* Copies one output's curve out of a->gains, as an edge of the mix that began at `begin`. */
static mxd_mix_edge keep_curve(const struct mxd_block_arrays *a, const cursor *begin, cursor *next, uint32_t output,
                               uint32_t num_outputs, uint32_t num_points)
{
    bool sounds = false, moves = false;
    for (uint32_t i = 0; i < num_points; i++) {
        double gain = a->gains[(size_t)i * num_outputs + output];
        next->points[i] = (mxd_gain_point){.frame = a->frames[i], .gain = gain};
        sounds |= gain != 0.0;
        moves |= gain != next->points[0].gain;
    }
    if (!sounds)
        return (mxd_mix_edge){0};
    mxd_mix_edge edge = {.first_point = (uint32_t)(next->points - begin->points), .num_points = moves ? num_points : 1};
    next->points += edge.num_points;
    return edge;
}

static void add_mix(mxd_graph *graph, const mxd_mix *mix, uint64_t first_frame, uint32_t num_frames,
                    const cursor *begin, cursor *next)
{
    struct mxd_block_arrays *a = graph->arrays;
    const span block = span_of(mix, first_frame, num_frames);
    for (uint32_t r = 0; r < mix->num_routes; r++) {
        const mxd_route *route = &mix->routes[r];
        mxd_mix_edge *slots = a->slots + (size_t)r * mix->num_lanes;
        memset(slots, 0, mix->num_lanes * sizeof *slots);
        if (!graph->chains[route->chain].active || route->folded)
            continue;
        uint32_t num_points = trace_route(a, route, &block, mix->num_lanes);
        for (uint32_t o = 0; o < mix->num_lanes; o++) {
            slots[o] = keep_curve(a, begin, next, o, mix->num_lanes, num_points);
            slots[o].input_lane = graph->lanes[route->lane].physical;
        }
    }
    for (uint32_t o = 0; o < mix->num_lanes; o++) {
        if (mix->lanes[o] == MXD_NO_INDEX)
            continue;
        mxd_mix_output *output = next->outputs++;
        *output = (mxd_mix_output){.lane = graph->lanes[mix->lanes[o]].physical,
                                   .first_edge = (uint32_t)(next->edges - begin->edges)};
        for (uint32_t r = 0; r < mix->num_routes; r++) {
            const mxd_mix_edge *slot = &a->slots[(size_t)r * mix->num_lanes + o];
            if (slot->num_points == 0)
                continue;
            *next->edges++ = *slot;
            output->num_edges++;
        }
    }
}

/*
 * A chain's mix runs with the chain, a layout's, a stem's or one in front of a fold when it is fed. While only the
 * chain's tail sounds, the mix has no edges.
 */
static bool mix_runs(const mxd_graph *graph, const mxd_mix *mix)
{
    if (mix->chain == MXD_NO_INDEX || is_fold(&graph->chains[mix->chain]))
        return mix_is_fed(graph, mix);
    return graph->chains[mix->chain].active;
}

static void list_mix_run(mxd_graph *graph, uint32_t index, uint64_t first_frame, uint32_t num_frames, cursor *next,
                         mxd_block *block)
{
    struct mxd_block_arrays *a = graph->arrays;
    const mxd_step *step = &graph->steps[index];
    const cursor begin = *next;
    for (uint32_t i = 0; i < step->num_operations; i++) {
        const mxd_mix *mix = &graph->mixes[graph->operations[step->operations[i]].mix];
        if (mix_runs(graph, mix))
            add_mix(graph, mix, first_frame, num_frames, &begin, next);
    }
    if (next->outputs == begin.outputs)
        return;
    a->mixes[index] = (mxd_mix_run){
        .outputs = begin.outputs,
        .num_outputs = (uint32_t)(next->outputs - begin.outputs),
        .edges = begin.edges,
        .num_edges = (uint32_t)(next->edges - begin.edges),
        .points = begin.points,
        .num_points = (uint32_t)(next->points - begin.points),
    };
    a->runs[block->num_runs++] = (mxd_step_run){.step = step->backend_step, .mix = &a->mixes[index]};
}

/* Lists the active rows of an eq or convolve step, or of another kernel's. */
static void list_row_run(mxd_graph *graph, const mxd_step *step, row_cursor *next, mxd_block *block)
{
    struct mxd_block_arrays *a = graph->arrays;
    const row_cursor begin = *next;
    for (uint32_t i = 0; i < step->num_operations; i++) {
        mxd_operation *operation = &graph->operations[step->operations[i]];
        const mxd_chain *chain = &graph->chains[operation->chain];
        if (!chain->active)
            continue;
        a->values[next->row] = NULL;
        if (mxd_row_moves(&operation->row)) {
            a->moving[next->num_moving++] = operation;
            a->values[next->row] = operation->row.points = next->points;
            next->points += (size_t)mxd_value_points(block->num_frames) * operation->row.num_values;
        }
        a->rows[next->row] = i;
        a->restart[next->row++] = chain->restart;
        for (uint32_t j = 0; j < operation->convolve.num_inputs; j++)
            a->rests[next->input++] = is_fold(chain) && fold_input_rests(graph, &chain->fold_inputs[j]);
    }
    if (next->row > begin.row)
        a->runs[block->num_runs++] = (mxd_step_run){
            .step = step->backend_step,
            .rows = a->rows + begin.row,
            .restart = a->restart + begin.row,
            .rests = step->kind == MXD_OPERATION_CONVOLVE ? a->rests + begin.input : NULL,
            .values = step->kind == MXD_OPERATION_ROW ? a->values + begin.row : NULL,
            .num_rows = next->row - begin.row,
        };
}

/* The points of one row that moves: rows do not know of each other. */
typedef struct moving_job {
    const mxd_graph *graph;
    uint64_t first_frame;
    uint32_t num_frames;
} moving_job;

static void fill_points(void *user, uint32_t index, uint32_t thread)
{
    (void)thread;
    const moving_job *job = user;
    mxd_operation *operation = job->graph->arrays->moving[index];
    mxd_row_points(job->graph->session, operation, job->first_frame, job->num_frames, operation->row.points);
}

/* Downloads what the hosted inserts of a step read; whether any runs. */
static bool list_host_downloads(mxd_graph *graph, const mxd_step *step, mxd_block *block)
{
    struct mxd_block_arrays *a = graph->arrays;
    bool any = false;
    for (uint32_t i = 0; i < step->num_operations; i++) {
        mxd_operation *operation = &graph->operations[step->operations[i]];
        const mxd_row_operation *row = &operation->row;
        operation->host.runs = graph->chains[operation->chain].active;
        operation->host.restart = graph->chains[operation->chain].restart;
        any |= operation->host.runs;
        for (uint32_t j = 0; j < row->num_inputs && operation->host.runs; j++)
            a->downloads[block->num_downloads++] = (mxd_download){
                .lane = graph->lanes[row->lanes[j]].physical, .frames = operation->host.inputs[j]};
    }
    return any;
}

/* Uploads what the hosted inserts of the step before wrote. */
static void list_host_uploads(mxd_graph *graph, const mxd_step *step, mxd_block *block)
{
    struct mxd_block_arrays *a = graph->arrays;
    for (uint32_t i = 0; i < step->num_operations; i++) {
        mxd_operation *operation = &graph->operations[step->operations[i]];
        const mxd_row_operation *row = &operation->row;
        for (uint32_t j = 0; j < row->num_outputs && operation->host.runs; j++)
            a->uploads[block->num_uploads++] = (mxd_upload){
                .lane = graph->lanes[row->lanes[row->num_inputs + j]].physical,
                .frames = operation->host.outputs[j],
                .format = MXD_SAMPLES_F32,
                .num_channels = 1,
                .gain = 1.0,
            };
        operation->host.runs = false;
    }
}

static void list_downloads(mxd_graph *graph, uint32_t num_frames, float *outputs, mxd_block *block)
{
    struct mxd_block_arrays *a = graph->arrays;
    for (uint32_t i = 0; i < graph->num_outputs; i++) {
        const mxd_output *output = &graph->outputs[i];
        bool sounds = output->chain == MXD_NO_INDEX ? mix_runs(graph, &graph->mixes[output->mix])
                                                    : graph->chains[output->chain].active;
        for (uint32_t j = 0; j < output->deliverable->layout->num_channels; j++, outputs += a->block_frames) {
            if (sounds)
                a->downloads[block->num_downloads++] =
                    (mxd_download){.lane = graph->lanes[output->lanes[j]].physical, .frames = outputs};
            else
                memset(outputs, 0, num_frames * sizeof *outputs);
        }
    }
}

static void list_stem_downloads(mxd_graph *graph, float *outputs, bool *stem_sounds, mxd_block *block)
{
    struct mxd_block_arrays *a = graph->arrays;
    for (uint32_t i = 0; i < graph->num_stems; i++) {
        const mxd_stem *stem = &graph->stems[i];
        stem_sounds[i] = stem->mix != MXD_NO_INDEX && mix_runs(graph, &graph->mixes[stem->mix]);
        for (uint32_t j = 0; stem_sounds[i] && j < stem->layout->num_channels; j++)
            if (stem->outputs[j] != MXD_NO_INDEX)
                a->downloads[block->num_downloads++] =
                    (mxd_download){.lane = graph->lanes[graph->mixes[stem->mix].lanes[j]].physical,
                                   .frames = outputs + (size_t)stem->outputs[j] * a->block_frames};
    }
}

/* Steps up to the next hosted inserts that run, or to the end. */
static void list_runs(mxd_graph *graph, mxd_block *block)
{
    struct mxd_block_arrays *a = graph->arrays;
    part_cursor *next = &a->next;
    block->runs = a->runs;
    block->downloads = a->downloads;
    next->rows.num_moving = 0;
    while (next->step < graph->num_steps && !block->more) {
        const uint32_t index = next->step++;
        const mxd_step *step = &graph->steps[index];
        if (step->kind == MXD_OPERATION_HOST)
            block->more = list_host_downloads(graph, step, block);
        else if (step->kind == MXD_OPERATION_MIX)
            list_mix_run(graph, index, next->first_frame, next->num_frames, &next->mixes, block);
        else
            list_row_run(graph, step, &next->rows, block);
    }
    const moving_job job = {graph, next->first_frame, block->num_frames};
    mxd_threads_run(graph->threads, next->rows.num_moving, fill_points, (void *)&job);
}

static void list_part(mxd_graph *graph, mxd_block *block)
{
    const part_cursor *next = &graph->arrays->next;
    list_runs(graph, block);
    if (block->more)
        return;
    list_downloads(graph, next->num_frames, next->outputs, block);
    list_stem_downloads(graph, next->outputs, next->stem_sounds, block);
}

void mxd_graph_block(mxd_graph *graph, uint64_t first_frame, uint32_t num_frames, const mxd_upload *sources,
                     float *outputs, bool *stem_sounds, mxd_block *block)
{
    struct mxd_block_arrays *a = graph->arrays;
    *block = (mxd_block){.num_frames = num_frames};
    decide_activity(graph, first_frame, num_frames, sources);
    list_uploads(graph, sources, block);
    a->next = (part_cursor){
        .first_frame = first_frame,
        .num_frames = num_frames,
        .mixes = {.outputs = a->outputs, .edges = a->edges, .points = a->points},
        .rows = {.points = a->value_points},
        .outputs = outputs,
        .stem_sounds = stem_sounds,
    };
    list_part(graph, block);
}

void mxd_graph_next_part(mxd_graph *graph, mxd_block *block)
{
    struct mxd_block_arrays *a = graph->arrays;
    *block = (mxd_block){.num_frames = a->next.num_frames, .uploads = a->uploads};
    list_host_uploads(graph, &graph->steps[a->next.step - 1], block);
    list_part(graph, block);
}
