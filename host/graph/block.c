/*
 * One block: decides which chains sound, then writes the runs of each step:
 * rows that are active, edges between what is active, gains as points.
 */
#include "block.h"

#include "../render/clips.h"
#include "envelope.h"
#include "routing.h"

#include <stdlib.h>
#include <string.h>

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
    mxd_mix_output *outputs;    /* of all steps */
    mxd_mix_edge *edges;
    mxd_gain_point *points;
    mxd_mix_edge *slots;        /* [route][output] of one mix; num_points 0 = no edge */
    double *gains;              /* [point][output] of one route */
    uint32_t *frames;           /* [point] of one route */
    uint64_t bytes;
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
    free(arrays->outputs);
    free(arrays->edges);
    free(arrays->points);
    free(arrays->slots);
    free(arrays->gains);
    free(arrays->frames);
    free(arrays);
}

uint64_t mxd_graph_array_bytes(const mxd_graph *graph)
{
    return graph->arrays ? graph->arrays->bytes : 0;
}

/* Most points that one of the route's curves takes in a block. */
static uint32_t points_of(const mxd_route *route, uint32_t block_frames)
{
    uint32_t inner = 0;
    for (uint32_t i = 0; i < 2; i++)
        if (route->levels[i])
            inner += mxd_automation_density(route->levels[i], block_frames);
    if (route->kind == MXD_ROUTE_PAN)
        inner += mxd_automation_density(route->pan, block_frames);
    if (route->kind == MXD_ROUTE_OBJECT)
        inner += mxd_object_density(route->object, block_frames);
    /* The block's first and last frame, and two points where a curve jumps. */
    return inner ? 2 * inner + 2 : 1;
}

static uint32_t edges_of(const mxd_route *route, uint32_t num_outputs)
{
    if (route->kind == MXD_ROUTE_PAN)
        return 2;
    if (route->kind == MXD_ROUTE_OBJECT)
        return num_outputs;
    uint32_t count = 0;
    for (uint32_t i = 0; i < num_outputs; i++)
        count += route->fixed[i] != 0.0;
    return count;
}

typedef struct sizes {
    uint32_t most_points;  /* of one route */
    uint32_t most_slots;   /* of one mix: routes x outputs */
    uint32_t rows, outputs, edges, points, downloads;
} sizes;

static uint32_t max_of(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static void measure_mix(const mxd_mix *mix, uint32_t block_frames, mxd_mix_limits *limits, sizes *size)
{
    limits->max_outputs += mix->num_lanes;
    size->most_slots = max_of(size->most_slots, mix->num_lanes * mix->num_routes);
    for (uint32_t i = 0; i < mix->num_routes; i++) {
        uint32_t points = points_of(&mix->routes[i], block_frames);
        uint32_t edges = edges_of(&mix->routes[i], mix->num_lanes);
        size->most_points = max_of(size->most_points, points);
        limits->max_edges += edges;
        limits->max_points += edges * points;
    }
}

/* calloc that adds up what it gave. */
static void *take(uint64_t *bytes, uint32_t count, size_t size)
{
    count = count ? count : 1;
    *bytes += (uint64_t)count * size;
    return calloc(count, size);
}

static mxd_result make_arrays(mxd_graph *graph, uint32_t block_frames)
{
    mxd_block_arrays_destroy(graph->arrays);
    struct mxd_block_arrays *a = graph->arrays = calloc(1, sizeof *a);
    if (!a)
        return MXD_ERROR_MEMORY;
    a->block_frames = block_frames;
    a->limits = take(&a->bytes, graph->num_steps, sizeof *a->limits);
    if (!a->limits)
        return MXD_ERROR_MEMORY;
    sizes size = {0};
    for (uint32_t i = 0; i < graph->num_steps; i++) {
        const mxd_step *step = &graph->steps[i];
        size.rows += step->num_operations;
        for (uint32_t j = 0; step->kind == MXD_OPERATION_MIX && j < step->num_operations; j++)
            measure_mix(&graph->mixes[graph->operations[step->operations[j]].mix], block_frames, &a->limits[i], &size);
        size.outputs += a->limits[i].max_outputs;
        size.edges += a->limits[i].max_edges;
        size.points += a->limits[i].max_points;
    }
    for (uint32_t i = 0; i < graph->num_outputs; i++)
        size.downloads += graph->outputs[i].deliverable->layout->num_channels;
    a->uploads = take(&a->bytes, graph->num_source_lanes, sizeof *a->uploads);
    a->downloads = take(&a->bytes, size.downloads, sizeof *a->downloads);
    a->runs = take(&a->bytes, graph->num_steps, sizeof *a->runs);
    a->mixes = take(&a->bytes, graph->num_steps, sizeof *a->mixes);
    a->rows = take(&a->bytes, size.rows, sizeof *a->rows);
    a->restart = take(&a->bytes, size.rows, sizeof *a->restart);
    a->outputs = take(&a->bytes, size.outputs, sizeof *a->outputs);
    a->edges = take(&a->bytes, size.edges, sizeof *a->edges);
    /* A curve is written before it is known to be silent: room for one more. */
    a->points = take(&a->bytes, size.points + size.most_points, sizeof *a->points);
    a->slots = take(&a->bytes, size.most_slots, sizeof *a->slots);
    a->gains = take(&a->bytes, size.most_points * MXD_MAX_CHANNELS, sizeof *a->gains);
    a->frames = take(&a->bytes, size.most_points, sizeof *a->frames);
    bool complete = a->uploads && a->downloads && a->runs && a->mixes && a->rows && a->restart && a->outputs &&
                    a->edges && a->points && a->slots && a->gains && a->frames;
    return complete ? MXD_OK : MXD_ERROR_MEMORY;
}

mxd_result mxd_graph_attach(mxd_graph *graph, mxd_backend *backend, uint32_t block_frames)
{
    mxd_result result = make_arrays(graph, block_frames);
    for (uint32_t i = 0; i < graph->num_steps && result == MXD_OK; i++)
        result = mxd_graph_attach_step(graph, &graph->steps[i], &graph->arrays->limits[i], backend);
    for (uint32_t i = 0; i < graph->num_chains; i++) {
        graph->chains[i].sounds_until = 0;
        graph->chains[i].active = false;
    }
    return result == MXD_OK ? mxd_backend_prepare(backend) : result;
}

static bool mix_is_fed(const mxd_graph *graph, const mxd_mix *mix)
{
    for (uint32_t i = 0; i < mix->num_routes; i++)
        if (graph->chains[mix->routes[i].chain].active)
            return true;
    return false;
}

/* Chains in feeding order: active while their input sounds and as long as their tail lasts after it. */
static void decide_activity(mxd_graph *graph, uint64_t first_frame, uint32_t num_frames)
{
    for (uint32_t i = 0; i < graph->num_chains; i++) {
        mxd_chain *chain = &graph->chains[graph->chain_order[i]];
        bool fed = chain->track ? mxd_clips_sound(chain->track, first_frame, num_frames)
                                : chain->input_mix != MXD_NO_INDEX &&
                                      mix_is_fed(graph, &graph->mixes[chain->input_mix]);
        bool was_active = chain->active;
        if (fed)
            chain->sounds_until = first_frame + num_frames + chain->tail_frames;
        chain->active = first_frame < chain->sounds_until;
        chain->restart = chain->active && !was_active;
    }
}

static void list_uploads(mxd_graph *graph, uint64_t first_frame, uint32_t num_frames, const float *sources,
                         mxd_block *block)
{
    struct mxd_block_arrays *a = graph->arrays;
    block->uploads = a->uploads;
    for (uint32_t i = 0; i < graph->num_chains; i++) {
        const mxd_chain *chain = &graph->chains[i];
        if (!chain->track || !chain->active)
            continue;
        bool sounds = mxd_clips_sound(chain->track, first_frame, num_frames);
        for (uint32_t j = 0; j < chain->num_source_lanes; j++) {
            uint32_t source = chain->first_source_lane + j;
            a->uploads[block->num_uploads++] = (mxd_upload){
                .lane = graph->lanes[chain->first_lane + j].physical,
                .frames = sounds ? sources + (size_t)source * a->block_frames : NULL,
            };
        }
    }
}

static uint64_t next_bend(const mxd_route *route, uint64_t frame)
{
    uint64_t next = UINT64_MAX, candidate;
    for (uint32_t i = 0; i < 2; i++)
        if (route->levels[i] && (candidate = mxd_automation_next(route->levels[i], frame)) < next)
            next = candidate;
    if (route->kind == MXD_ROUTE_PAN && (candidate = mxd_automation_next(route->pan, frame)) < next)
        next = candidate;
    if (route->kind == MXD_ROUTE_OBJECT && (candidate = mxd_object_next(route->object, frame)) < next)
        next = candidate;
    return next;
}

/* gains[output] of the route at a frame; before: the limit from the left. */
static void route_gains(const mxd_route *route, uint64_t frame, bool before, uint32_t num_outputs, double *gains)
{
    double level = route->gain;
    for (uint32_t i = 0; i < 2; i++)
        if (route->levels[i])
            level *= mxd_gain_of_db(mxd_automation_value(route->levels[i], frame, before));
    switch (route->kind) {
    case MXD_ROUTE_FIXED:
        memcpy(gains, route->fixed, num_outputs * sizeof *gains);
        break;
    case MXD_ROUTE_PAN: {
        double pair[2];
        mxd_pan_gains(mxd_automation_value(route->pan, frame, before), route->num_channels, route->channel, pair);
        memset(gains, 0, num_outputs * sizeof *gains);
        gains[route->pair[0]] = pair[0];
        gains[route->pair[1]] = pair[1];
        break;
    }
    case MXD_ROUTE_OBJECT: {
        double azimuth_deg, elevation_deg;
        mxd_object_position(route->object, frame, &azimuth_deg, &elevation_deg);
        mxd_panner_gains(route->panner, azimuth_deg, elevation_deg, gains);
        break;
    }
    }
    for (uint32_t i = 0; i < num_outputs; i++)
        gains[i] *= level;
}

/* Appends a point to a->frames and a->gains unless it repeats what holds there anyway. */
static uint32_t add_point(struct mxd_block_arrays *a, const mxd_route *route, uint64_t first_frame, uint64_t frame,
                          bool before, uint32_t num_outputs, uint32_t num_points)
{
    double *gains = a->gains + (size_t)num_points * num_outputs;
    route_gains(route, frame, before, num_outputs, gains);
    a->frames[num_points] = (uint32_t)(frame - first_frame);
    bool repeats = num_points > 0 && a->frames[num_points - 1] == a->frames[num_points] &&
                   memcmp(gains, gains - num_outputs, num_outputs * sizeof *gains) == 0;
    return num_points + !repeats;
}

/* The route's points in this block, into a->frames and a->gains. Returns how many. */
static uint32_t trace_route(struct mxd_block_arrays *a, const mxd_route *route, uint64_t first_frame,
                            uint32_t num_frames, uint32_t num_outputs)
{
    uint64_t end = first_frame + num_frames;
    uint32_t num_points = add_point(a, route, first_frame, first_frame, false, num_outputs, 0);
    uint64_t frame = next_bend(route, first_frame);
    bool moves = frame != UINT64_MAX;
    for (; frame < end; frame = next_bend(route, frame)) {
        num_points = add_point(a, route, first_frame, frame, true, num_outputs, num_points);
        num_points = add_point(a, route, first_frame, frame, false, num_outputs, num_points);
    }
    if (moves)
        num_points = add_point(a, route, first_frame, end, true, num_outputs, num_points);
    return num_points;
}

/* Where the next output, edge and point of the block's mixes go. */
typedef struct cursor {
    mxd_mix_output *outputs;
    mxd_mix_edge *edges;
    mxd_gain_point *points;
} cursor;

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
    for (uint32_t r = 0; r < mix->num_routes; r++) {
        const mxd_route *route = &mix->routes[r];
        mxd_mix_edge *slots = a->slots + (size_t)r * mix->num_lanes;
        memset(slots, 0, mix->num_lanes * sizeof *slots);
        if (!graph->chains[route->chain].active)
            continue;
        uint32_t num_points = trace_route(a, route, first_frame, num_frames, mix->num_lanes);
        for (uint32_t o = 0; o < mix->num_lanes; o++) {
            slots[o] = keep_curve(a, begin, next, o, mix->num_lanes, num_points);
            slots[o].input_lane = graph->lanes[route->lane].physical;
        }
    }
    for (uint32_t o = 0; o < mix->num_lanes; o++) {
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

/* A chain's mix runs with the chain (with no edges while only its tail sounds), a layout's when it is fed. */
static bool mix_runs(const mxd_graph *graph, const mxd_mix *mix)
{
    return mix->chain == MXD_NO_INDEX ? mix_is_fed(graph, mix) : graph->chains[mix->chain].active;
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

/* Lists the active rows of an eq or convolve step from position `next` of a->rows on; returns the next one. */
static uint32_t list_row_run(mxd_graph *graph, const mxd_step *step, uint32_t next, mxd_block *block)
{
    struct mxd_block_arrays *a = graph->arrays;
    uint32_t num_rows = 0;
    for (uint32_t i = 0; i < step->num_operations; i++) {
        const mxd_chain *chain = &graph->chains[graph->operations[step->operations[i]].chain];
        if (!chain->active)
            continue;
        a->rows[next + num_rows] = i;
        a->restart[next + num_rows++] = chain->restart;
    }
    if (num_rows > 0)
        a->runs[block->num_runs++] = (mxd_step_run){
            .step = step->backend_step, .rows = a->rows + next, .restart = a->restart + next, .num_rows = num_rows};
    return next + num_rows;
}

static void list_runs(mxd_graph *graph, uint64_t first_frame, uint32_t num_frames, mxd_block *block)
{
    struct mxd_block_arrays *a = graph->arrays;
    cursor next = {.outputs = a->outputs, .edges = a->edges, .points = a->points};
    uint32_t next_row = 0;
    block->runs = a->runs;
    for (uint32_t i = 0; i < graph->num_steps; i++) {
        if (graph->steps[i].kind == MXD_OPERATION_MIX)
            list_mix_run(graph, i, first_frame, num_frames, &next, block);
        else
            next_row = list_row_run(graph, &graph->steps[i], next_row, block);
    }
}

static void list_downloads(mxd_graph *graph, uint32_t num_frames, float *outputs, mxd_block *block)
{
    struct mxd_block_arrays *a = graph->arrays;
    block->downloads = a->downloads;
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

void mxd_graph_block(mxd_graph *graph, uint64_t first_frame, uint32_t num_frames, const float *sources, float *outputs,
                     mxd_block *block)
{
    *block = (mxd_block){.num_frames = num_frames};
    decide_activity(graph, first_frame, num_frames);
    list_uploads(graph, first_frame, num_frames, sources, block);
    list_runs(graph, first_frame, num_frames, block);
    list_downloads(graph, num_frames, outputs, block);
}
