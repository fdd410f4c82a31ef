/* mxd_null_test: two engines side by side, their blocks subtracted; either may use another block size. */
#include "engine.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct side {
    mxd_engine *engine;
    const mxd_engine_block *block; /* NULL: the next one is wanted */
    uint32_t next;                 /* index within the block */
} side;

typedef struct difference {
    double peak;
    double energy;
    uint64_t num_samples;
    uint64_t first_over;           /* frame; UINT64_MAX = none */
} difference;

static mxd_result fill(side *s)
{
    if (s->block && s->next == s->block->end) {
        mxd_engine_release(s->engine, s->block);
        s->block = NULL;
    }
    if (s->block)
        return MXD_OK;
    mxd_result result = mxd_engine_next(s->engine, &s->block);
    s->next = s->block ? s->block->begin : 0;
    return result;
}

/* One channel's span; a NaN on either side counts as an infinite difference. */
static void compare_span(const float *a, const float *b, uint32_t num_frames, uint64_t first_frame, double limit,
                         difference *d)
{
    for (uint32_t i = 0; i < num_frames; i++) {
        double error = fabs((double)a[i] - (double)b[i]);
        if (isnan(error))
            error = HUGE_VAL;
        if (error > limit && first_frame + i < d->first_over)
            d->first_over = first_frame + i;
        if (error > d->peak)
            d->peak = error;
        d->energy += error * error;
    }
    d->num_samples += num_frames;
}

static mxd_result compare(const mxd_graph *graph, side *a, side *b, double limit, difference *differences)
{
    for (;;) {
        mxd_result result = fill(a);
        if (result == MXD_OK)
            result = fill(b);
        if (result != MXD_OK || !a->block || !b->block)
            return result;
        uint32_t left_a = a->block->end - a->next, left_b = b->block->end - b->next;
        uint32_t num_frames = left_a < left_b ? left_a : left_b, lane = 0;
        for (uint32_t i = 0; i < graph->num_outputs; i++)
            for (uint32_t j = 0; j < graph->outputs[i].deliverable->layout->num_channels; j++, lane++)
                compare_span(a->block->outputs + (size_t)lane * a->block->block_frames + a->next,
                             b->block->outputs + (size_t)lane * b->block->block_frames + b->next, num_frames,
                             a->block->first_frame + a->next, limit, &differences[i]);
        a->next += num_frames;
        b->next += num_frames;
    }
}

static double db_of(double value)
{
    return value == 0.0 ? -HUGE_VAL : 20.0 * log10(value);
}

/* "cpu (its name)"; NULL when memory runs out. */
static char *name_side(const mxd_engine *engine)
{
    const mxd_backend_info *info = mxd_backend_get_info(mxd_engine_backend(engine));
    size_t size = strlen(info->kind) + strlen(info->device) + 4;
    char *text = malloc(size);
    if (text)
        snprintf(text, size, "%s (%s)", info->kind, info->device);
    return text;
}

static mxd_result make_result(const side sides[2], const difference *differences, double rate, mxd_null_result **out)
{
    const mxd_graph *graph = mxd_engine_graph(sides[0].engine);
    mxd_null_result *result = calloc(1, sizeof *result);
    mxd_null_difference *entries = calloc(graph->num_outputs, sizeof *entries);
    if (!result || !entries) {
        free(entries);
        free(result);
        return MXD_ERROR_MEMORY;
    }
    for (uint32_t i = 0; i < graph->num_outputs; i++) {
        const difference *d = &differences[i];
        entries[i] = (mxd_null_difference){
            .file = strdup(graph->outputs[i].deliverable->file),
            .peak_dbfs = db_of(d->peak),
            .rms_dbfs = db_of(d->num_samples ? sqrt(d->energy / (double)d->num_samples) : 0.0),
            .first_over_s = d->first_over == UINT64_MAX ? -1.0 : (double)d->first_over / rate,
        };
    }
    result->differences = entries;
    result->num_differences = graph->num_outputs;
    bool complete = true;
    for (uint32_t i = 0; i < 2; i++)
        complete &= (result->sides[i] = name_side(sides[i].engine)) != NULL;
    for (uint32_t i = 0; i < graph->num_outputs; i++)
        complete &= entries[i].file != NULL;
    if (!complete) {
        mxd_null_result_destroy(result);
        return MXD_ERROR_MEMORY;
    }
    *out = result;
    return MXD_OK;
}

void mxd_null_result_destroy(mxd_null_result *result)
{
    if (!result)
        return;
    for (size_t i = 0; i < result->num_differences; i++)
        free((char *)result->differences[i].file);
    free((void *)result->differences);
    free((char *)result->sides[0]);
    free((char *)result->sides[1]);
    free(result);
}

mxd_result mxd_null_test(const mxd_session *session, const mxd_render_options *options_a,
                         const mxd_render_options *options_b, double limit_dbfs, mxd_problems *problems,
                         mxd_null_result **out)
{
    *out = NULL;
    side sides[2] = {{0}}, *a = &sides[0], *b = &sides[1];
    difference *differences = NULL;
    mxd_render_options mixes_a = *options_a, mixes_b = *options_b;
    mixes_a.stems = mixes_b.stems = false;
    mxd_result result = mxd_engine_create(session, &mixes_a, problems, &a->engine);
    if (result == MXD_OK)
        result = mxd_engine_create(session, &mixes_b, problems, &b->engine);
    if (result == MXD_OK) {
        const mxd_graph *graph = mxd_engine_graph(a->engine);
        differences = calloc(graph->num_outputs, sizeof *differences);
        if (differences) {
            for (uint32_t i = 0; i < graph->num_outputs; i++)
                differences[i].first_over = UINT64_MAX;
            result = compare(graph, a, b, pow(10.0, limit_dbfs / 20.0), differences);
            if (result == MXD_OK)
                result = make_result(sides, differences, session->sample_rate, out);
        } else {
            result = MXD_ERROR_MEMORY;
        }
    }
    free(differences);
    mxd_engine_destroy(b->engine);
    mxd_engine_destroy(a->engine);
    return result;
}
