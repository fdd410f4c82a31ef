/*
 * The mix: each output lane is the sum of its edges. Threads share out tiles of
 * frames; within a tile the frames go in strips that are summed in registers,
 * and all outputs of a strip are done before the next strip, so that inputs
 * which feed several outputs are read from the cache.
 *
 * Precision: eight edges at a time are added in float; these partial sums are
 * added without loss, as a pair (high, low) by Knuth's two-sum (The Art of
 * Computer Programming, volume 2, 4.2.2, theorem B). With 64 edges of full
 * scale the error is that of eight additions near 1 and one final rounding.
 */
#include "kernels.h"
#include "simd.h"

#include <string.h>

/* Frames of one tile, the unit that a thread takes: finding each edge's place in its curve is paid once a tile. */
#define TILE_FRAMES 1024u
/* Registers of one strip: enough sums at once to hide the latency of a fused multiply-add (4 cycles). */
#define STRIP_VECS 4u
#define STRIP_FRAMES (STRIP_VECS * VEC_LANES)
/* Edges added in plain arithmetic before their sum is added without loss. */
#define PARTIAL_EDGES 8u

/* An edge and the segment of its curve in which the strip begins. */
typedef struct mix_cursor {
    const real *lane;
    const mxd_gain_point *points; /* from the segment's first on */
    uint32_t num_points;
    uint32_t end;  /* first frame after the segment */
    double gain;   /* at points[0].frame */
    double slope;  /* a frame */
} mix_cursor;

struct cpu_mix {
    mxd_mix_limits limits;
    uint32_t num_threads;
    mix_cursor *cursors; /* max_edges for each thread */
};

cpu_mix *MXD_CPU(mxd_mix_create)(const mxd_mix_limits *limits, uint32_t num_threads)
{
    cpu_mix *mix = calloc(1, sizeof *mix);
    if (!mix)
        return NULL;
    mix->limits = *limits;
    mix->num_threads = num_threads;
    mix->cursors = calloc((size_t)limits->max_edges * num_threads + 1, sizeof *mix->cursors);
    if (!mix->cursors) {
        free(mix);
        return NULL;
    }
    return mix;
}

void MXD_CPU(mxd_mix_destroy)(cpu_mix *mix)
{
    if (!mix)
        return;
    free(mix->cursors);
    free(mix);
}

uint64_t MXD_CPU(mxd_mix_memory)(const cpu_mix *mix)
{
    return (uint64_t)mix->limits.max_edges * mix->num_threads * sizeof(mix_cursor);
}

/* ---- Curves -------------------------------------------------------------- */

/* Sets gain, slope and end from points[0] and points[1]. */
static void enter_segment(mix_cursor *cursor)
{
    const mxd_gain_point *from = cursor->points;
    cursor->gain = from->gain;
    cursor->slope = 0;
    cursor->end = UINT32_MAX;
    if (cursor->num_points < 2)
        return;
    cursor->end = from[1].frame;
    /* Two points on one frame make a segment without frames: the next one is entered before any gain is read. */
    if (from[1].frame > from->frame)
        cursor->slope = (from[1].gain - from->gain) / (from[1].frame - from->frame);
}

/* Moves on to the segment of `frame`, which is not before the present one: the last point not beyond it. */
static void advance(mix_cursor *cursor, uint32_t frame)
{
    while (frame >= cursor->end) {
        cursor->points++;
        cursor->num_points--;
        enter_segment(cursor);
    }
}

/* Places the cursor in the segment of `frame` by halving. */
static void seek(mix_cursor *cursor, const mxd_gain_point *points, uint32_t num_points, uint32_t frame)
{
    uint32_t low = 0, high = num_points; /* points[low] is not beyond frame, points[high] is */
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (points[middle].frame <= frame)
            low = middle;
        else
            high = middle;
    }
    cursor->points = points + low;
    cursor->num_points = num_points - low;
    enter_segment(cursor);
}

static double gain_at(const mix_cursor *cursor, uint32_t frame)
{
    return cursor->gain + cursor->slope * (frame - cursor->points->frame);
}

/* ---- Sums ---------------------------------------------------------------- */

/*
 * The gains of the strip that begins at frame `at`. The cursor is a copy:
 * another output may read that edge there. Kept out of the loop over edges,
 * which takes 6.1 ms instead of 5.3 with it inside (64 into 12, 65536 frames).
 */
__attribute__((noinline)) static void write_gains(mix_cursor cursor, uint32_t at, real gains[STRIP_FRAMES])
{
    for (uint32_t done = 0; done < STRIP_FRAMES;) {
        advance(&cursor, at + done);
        uint32_t count = cursor.end - (at + done);
        count = count < STRIP_FRAMES - done ? count : STRIP_FRAMES - done;
        double gain = gain_at(&cursor, at + done);
        for (uint32_t i = 0; i < count; i++)
            gains[done + i] = (real)(gain + cursor.slope * i);
        done += count;
    }
}

/* sums += gain * input over the strip that begins at frame `at`. */
static inline void add_edge(vec sums[STRIP_VECS], mix_cursor *cursor, uint32_t at, const vec *ramp)
{
    const vec *input = (const vec *)(cursor->lane + at);
    if (at >= cursor->end)
        advance(cursor, at);
    if (cursor->end - at < STRIP_FRAMES) {
        /* The curve bends within the strip. */
        real gains[STRIP_FRAMES] __attribute__((aligned(ALIGNMENT)));
        write_gains(*cursor, at, gains);
        for (uint32_t i = 0; i < STRIP_VECS; i++)
            sums[i] += ((const vec *)gains)[i] * input[i];
        return;
    }
    real gain = (real)gain_at(cursor, at);
    real slope = (real)cursor->slope;
    if (slope == 0) {
        for (uint32_t i = 0; i < STRIP_VECS; i++)
            sums[i] += gain * input[i];
        return;
    }
    for (uint32_t i = 0; i < STRIP_VECS; i++)
        sums[i] += (gain + slope * ramp[i]) * input[i];
}

static void sum_strip(mix_cursor *cursors, uint32_t num_edges, uint32_t at, const vec *ramp, real *output)
{
    vec high[STRIP_VECS] = {0}, low[STRIP_VECS] = {0};
    for (uint32_t first = 0; first < num_edges; first += PARTIAL_EDGES) {
        uint32_t end = num_edges - first < PARTIAL_EDGES ? num_edges : first + PARTIAL_EDGES;
        vec part[STRIP_VECS] = {0};
        for (uint32_t i = first; i < end; i++)
            add_edge(part, &cursors[i], at, ramp);
        for (uint32_t i = 0; i < STRIP_VECS; i++) {
            vec sum = high[i] + part[i];
            vec kept = sum - high[i];
            low[i] += (high[i] - (sum - kept)) + (part[i] - kept);
            high[i] = sum;
        }
    }
    vec *to = (vec *)(output + at);
    for (uint32_t i = 0; i < STRIP_VECS; i++)
        to[i] = high[i] + low[i];
}

typedef struct mix_block {
    const cpu_mix *mix;
    const cpu_lanes *lanes;
    const mxd_mix_run *run;
    uint32_t num_frames;
} mix_block;

static void mix_tile(void *user, uint32_t index, uint32_t thread)
{
    const mix_block *block = user;
    const mxd_mix_run *run = block->run;
    mix_cursor *cursors = block->mix->cursors + (size_t)thread * block->mix->limits.max_edges;
    uint32_t begin = index * TILE_FRAMES;
    uint32_t end = block->num_frames - begin < TILE_FRAMES ? block->num_frames : begin + TILE_FRAMES;
    flush_state before = flush_denormals();

    vec ramp[STRIP_VECS];
    for (uint32_t i = 0; i < STRIP_FRAMES; i++)
        ramp[i / VEC_LANES][i % VEC_LANES] = (real)i;
    for (uint32_t i = 0; i < run->num_edges; i++) {
        const mxd_mix_edge *edge = &run->edges[i];
        cursors[i].lane = lane_of(block->lanes, edge->input_lane);
        seek(&cursors[i], run->points + edge->first_point, edge->num_points, begin);
    }
    /* A strip may reach beyond the last frame, but never beyond the lane: 2^8 frames or more, whole strips. */
    for (uint32_t at = begin; at < end; at += STRIP_FRAMES)
        for (uint32_t i = 0; i < run->num_outputs; i++) {
            const mxd_mix_output *output = &run->outputs[i];
            mix_cursor *first = cursors + (output->num_edges ? output->first_edge : 0);
            sum_strip(first, output->num_edges, at, ramp, lane_of(block->lanes, output->lane));
        }
    restore_denormals(before);
}

void MXD_CPU(mxd_mix_run)(cpu_mix *mix, mxd_threads *threads, const cpu_lanes *lanes, uint32_t num_frames,
                          const mxd_mix_run *run)
{
    mix_block block = {mix, lanes, run, num_frames};
    mxd_threads_run(threads, (num_frames + TILE_FRAMES - 1) / TILE_FRAMES, mix_tile, &block);
}
