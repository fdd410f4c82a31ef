/*
 * The mix step on the device: outputs, edges and gain curves of the block are
 * laid out for shaders/mix.comp; gains go from double to pairs of floats.
 */
#include "vulkan.h"

#include "shaders/mix.h"

#include <stdlib.h>

_Static_assert(sizeof(struct mxd_mix_output_data) == 16, "std430 stride");
_Static_assert(sizeof(struct mxd_mix_edge_data) == 16, "std430 stride");
_Static_assert(sizeof(struct mxd_mix_point_data) == 32, "std430 stride");

/* Edges times frames of one dispatch: below 100 ms at 2e10 a second, a small GPU's memory. */
#define WORK_A_DISPATCH ((uint64_t)1 << 30)

typedef struct mix_step {
    mxd_vulkan_step base;
    mxd_mix_limits limits;
    mxd_vulkan_set set;
} mix_step;

static void destroy(mxd_vulkan_backend *backend, mxd_vulkan_step *base)
{
    mix_step *step = (mix_step *)base;
    mxd_vulkan_set_finish(&backend->context, &step->set);
    free(step);
}

static mxd_result prepare(mxd_vulkan_backend *backend, mxd_vulkan_step *base)
{
    mix_step *step = (mix_step *)base;
    mxd_result result = mxd_vulkan_pipeline_wait(&backend->context, &backend->mix);
    if (result == MXD_OK)
        result = mxd_vulkan_set_init(&backend->context, &backend->mix, &step->set);
    return result;
}

static void bind(mxd_vulkan_backend *backend, mxd_vulkan_step *base)
{
    mix_step *step = (mix_step *)base;
    const mxd_vulkan_buffer *buffers[MXD_MIX_NUM_BINDINGS] = {
        [MXD_MIX_BINDING_INPUTS] = &backend->lanes,
        [MXD_MIX_BINDING_OUTPUTS] = &backend->lanes,
        [MXD_MIX_BINDING_MIXES] = &backend->params,
        [MXD_MIX_BINDING_EDGES] = &backend->params,
        [MXD_MIX_BINDING_POINTS] = &backend->params,
    };
    mxd_vulkan_set_write(&backend->context, &step->set, buffers, MXD_MIX_NUM_BINDINGS);
}

static uint64_t params_bytes(const mxd_vulkan_step *base, const mxd_step_run *run)
{
    const mix_step *step = (const mix_step *)base;
    uint64_t outputs = run ? run->mix->num_outputs : step->limits.max_outputs;
    uint64_t edges = run ? run->mix->num_edges : step->limits.max_edges;
    uint64_t points = run ? run->mix->num_points : step->limits.max_points;
    return mxd_vulkan_align(outputs * sizeof(struct mxd_mix_output_data), MXD_VULKAN_PARAMS_ALIGNMENT) +
           mxd_vulkan_align(edges * sizeof(struct mxd_mix_edge_data), MXD_VULKAN_PARAMS_ALIGNMENT) +
           mxd_vulkan_align(points * sizeof(struct mxd_mix_point_data), MXD_VULKAN_PARAMS_ALIGNMENT);
}

/* A point and the way to the next one, which the shader ignores where it knows the point to be its curve's last. */
static struct mxd_mix_point_data convert_point(const mxd_gain_point *point, const mxd_gain_point *next)
{
    double slope = 0.0;
    if (next->frame > point->frame)
        slope = (next->gain - point->gain) / (double)(next->frame - point->frame);
    struct mxd_mix_point_data data = {
        .frame = point->frame,
        .next_frame = next->frame,
        .gain = (float)point->gain,
        .slope = (float)slope,
    };
    data.gain_low = (float)(point->gain - data.gain);
    data.slope_low = (float)(slope - data.slope);
    return data;
}

/* Fills outputs, edges and points, and the push constants' indices of them. */
static void fill_params(const mxd_mix_run *mix, mxd_vulkan_recording *recording, struct mxd_mix_push *push)
{
    uint64_t offset;
    struct mxd_mix_output_data *outputs =
        mxd_vulkan_params(recording, mix->num_outputs * sizeof *outputs, &offset);
    push->first_output = (uint32_t)(offset / sizeof *outputs);
    for (uint32_t i = 0; i < mix->num_outputs; i++)
        outputs[i] = (struct mxd_mix_output_data){
            .lane = mix->outputs[i].lane,
            .first_edge = mix->outputs[i].first_edge,
            .num_edges = mix->outputs[i].num_edges,
        };
    struct mxd_mix_edge_data *edges = mxd_vulkan_params(recording, mix->num_edges * sizeof *edges, &offset);
    push->first_edge = (uint32_t)(offset / sizeof *edges);
    for (uint32_t i = 0; i < mix->num_edges; i++)
        edges[i] = (struct mxd_mix_edge_data){
            .lane = mix->edges[i].input_lane,
            .first_point = mix->edges[i].first_point,
            .num_points = mix->edges[i].num_points,
        };
    struct mxd_mix_point_data *points = mxd_vulkan_params(recording, mix->num_points * sizeof *points, &offset);
    push->first_point = (uint32_t)(offset / sizeof *points);
    for (uint32_t i = 0; i < mix->num_points; i++)
        points[i] = convert_point(&mix->points[i], &mix->points[i + 1 < mix->num_points ? i + 1 : i]);
}

static void record(mxd_vulkan_backend *backend, mxd_vulkan_step *base, mxd_vulkan_recording *recording,
                   const mxd_step_run *run)
{
    mix_step *step = (mix_step *)base;
    const mxd_mix_run *mix = run->mix;
    struct mxd_mix_push push = {.lane_vec4s = backend->base.params.block_frames / 4};
    fill_params(mix, recording, &push);

    uint32_t tile = MXD_MIX_SAMPLES * mxd_vulkan_choose_mix(&backend->context.limits, NULL).workgroup;
    uint64_t work_a_tile = ((uint64_t)mix->num_edges + mix->num_outputs) * tile;
    uint64_t tiles = mxd_vulkan_work(backend, WORK_A_DISPATCH) / (work_a_tile ? work_a_tile : 1);
    if (tiles < 1)
        tiles = 1;
    if (tiles > MXD_VULKAN_MAX_GROUPS)
        tiles = MXD_VULKAN_MAX_GROUPS;
    uint32_t first_output = push.first_output;
    for (uint32_t done = 0; done < mix->num_outputs; done += MXD_VULKAN_MAX_GROUPS) {
        uint32_t count = mix->num_outputs - done;
        if (count > MXD_VULKAN_MAX_GROUPS)
            count = MXD_VULKAN_MAX_GROUPS;
        push.first_output = first_output + done;
        for (uint64_t frame = 0; frame < recording->num_frames; frame += tiles * tile) {
            uint64_t end = frame + tiles * tile;
            push.first_frame = (uint32_t)frame;
            push.end_frame = end < recording->num_frames ? (uint32_t)end : recording->num_frames;
            uint32_t groups = (push.end_frame - push.first_frame + tile - 1) / tile;
            /* Outputs are not inputs of the same run and no two dispatches write the same: no barrier. */
            mxd_vulkan_dispatch(recording->commands, &backend->mix, &step->set, &push, count, groups, 1);
        }
    }
}

mxd_result mxd_vulkan_add_mix(mxd_backend *base, const mxd_mix_limits *limits, uint32_t *number)
{
    static const mxd_vulkan_step_functions functions = {
        .kernel = MXD_VULKAN_KERNEL_MIX,
        .destroy = destroy,
        .prepare = prepare,
        .bind = bind,
        .params_bytes = params_bytes,
        .record = record,
    };
    mxd_vulkan_backend *backend = (mxd_vulkan_backend *)base;
    const mxd_vulkan_pipeline_params pipeline = {
        .module = "mix",
        .num_bindings = MXD_MIX_NUM_BINDINGS,
        .push_bytes = sizeof(struct mxd_mix_push),
        .workgroup = mxd_vulkan_choose_mix(&backend->context.limits, NULL).workgroup,
    };
    mxd_result result = mxd_vulkan_pipeline_start(&backend->context, &pipeline, &backend->mix);
    if (result != MXD_OK)
        return result;
    mix_step *step = calloc(1, sizeof *step);
    if (!step)
        return mxd_fail(base->problems, MXD_ERROR_MEMORY, NULL, "memory ran out while a mix was made");
    step->base.functions = &functions;
    step->limits = *limits;
    result = mxd_vulkan_add_step(backend, &step->base, number);
    if (result != MXD_OK)
        free(step);
    return result;
}
