/*
 * The eq step on the device: section coefficients and the powers of their state
 * matrices, computed in double; one workgroup a row (shaders/eq.comp).
 */
#include "vulkan.h"

#include "shaders/eq.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(MXD_EQ_MAX_CASCADE == MXD_EQ_MAX_SECTIONS, "the shader's shared memory holds one row's states");
_Static_assert(sizeof(struct mxd_eq_section_data) == 160, "std430: vec4 at offset 32, stride 160");
_Static_assert(offsetof(struct mxd_eq_section_data, powers) == 32, "std430: vec4 at offset 32");
_Static_assert(MXD_EQ_MAX_WORKGROUP == 1 << MXD_EQ_MAX_SCAN_STEPS, "one power a scan step");

/*
 * Work of one dispatch, in frames times sections, so that it stays below 100 ms on a small GPU: all rows together at
 * about 5e9 a second, and one row, whose tiles follow one another, at about 2e8 a second.
 */
#define FRAMES_A_DISPATCH ((uint64_t)1 << 28)
#define FRAMES_A_ROW ((uint64_t)1 << 24)

typedef struct eq_step {
    mxd_vulkan_step base;
    uint32_t num_rows;
    uint32_t num_sections;
    struct mxd_eq_row_data *rows;
    struct mxd_eq_section_data *section_data; /* until prepare */
    bool *started;                             /* a row's state is garbage until it has run */
    mxd_vulkan_buffer sections;
    mxd_vulkan_buffer states;
    mxd_vulkan_buffer row_buffer;
    mxd_vulkan_set set;
} eq_step;

static void destroy(mxd_vulkan_backend *backend, mxd_vulkan_step *base)
{
    eq_step *step = (eq_step *)base;
    mxd_vulkan_set_finish(&backend->context, &step->set);
    mxd_vulkan_buffer_finish(&backend->context, &step->sections);
    mxd_vulkan_buffer_finish(&backend->context, &step->states);
    mxd_vulkan_buffer_finish(&backend->context, &step->row_buffer);
    free(step->rows);
    free(step->section_data);
    free(step->started);
    free(step);
}

/*
 * s' = A s + B x has A = I + D with D = 2 [-oma1, -a2; a2, -a3]. Powers are kept less the identity:
 * (I + D)^2 - I = 2 D + D^2.
 */
static void fill_section(const mxd_svf *svf, struct mxd_eq_section_data *data)
{
    double a1 = 1.0 / (1.0 + svf->g * (svf->g + svf->k));
    double a2 = svf->g * a1;
    double a3 = svf->g * a2;
    double oma1 = svf->g * (svf->g + svf->k) * a1;
    *data = (struct mxd_eq_section_data){
        .a2 = (float)a2,
        .a3 = (float)a3,
        .oma1 = (float)oma1,
        .m0 = (float)svf->m0,
        .m1 = (float)svf->m1,
        .m2 = (float)svf->m2,
    };
    /* From the rounded coefficients: the scan must predict what the recursion on the device does. */
    double d11 = -2.0 * data->oma1;
    double d12 = -2.0 * data->a2;
    double d21 = 2.0 * data->a2;
    double d22 = -2.0 * data->a3;
    int log2_samples = 0;
    while (1 << log2_samples < MXD_EQ_SAMPLES)
        log2_samples++;
    for (int i = 0; i < log2_samples + MXD_EQ_MAX_SCAN_STEPS; i++) {
        if (i >= log2_samples)
            data->powers[i - log2_samples] =
                (struct mxd_vec4){(float)d11, (float)d12, (float)d21, (float)d22};
        double s11 = d11 * d11 + d12 * d21;
        double s12 = d11 * d12 + d12 * d22;
        double s21 = d21 * d11 + d22 * d21;
        double s22 = d21 * d12 + d22 * d22;
        d11 = 2.0 * d11 + s11;
        d12 = 2.0 * d12 + s12;
        d21 = 2.0 * d21 + s21;
        d22 = 2.0 * d22 + s22;
    }
}

static mxd_result prepare(mxd_vulkan_backend *backend, mxd_vulkan_step *base)
{
    eq_step *step = (eq_step *)base;
    mxd_vulkan_device_context *context = &backend->context;
    uint64_t section_bytes = step->num_sections * sizeof *step->section_data;
    uint64_t row_bytes = step->num_rows * sizeof *step->rows;
    mxd_result result = mxd_vulkan_pipeline_wait(context, &backend->eq);
    if (result == MXD_OK)
        result = mxd_vulkan_set_init(context, &backend->eq, &step->set);
    if (result == MXD_OK)
        result = mxd_vulkan_buffer_init(context, section_bytes, MXD_VULKAN_ON_DEVICE, "equaliser sections",
                                        &step->sections);
    if (result == MXD_OK)
        result = mxd_vulkan_buffer_init(context, row_bytes, MXD_VULKAN_ON_DEVICE, "equaliser rows",
                                        &step->row_buffer);
    if (result == MXD_OK)
        result = mxd_vulkan_buffer_init(context, step->num_sections * 2 * sizeof(float), MXD_VULKAN_ON_DEVICE,
                                        "equaliser states", &step->states);
    if (result == MXD_OK)
        result = mxd_vulkan_buffer_write(context, &step->sections, 0, step->section_data, section_bytes);
    if (result == MXD_OK)
        result = mxd_vulkan_buffer_write(context, &step->row_buffer, 0, step->rows, row_bytes);
    if (result == MXD_OK) {
        free(step->section_data);
        step->section_data = NULL;
    }
    return result;
}

static void bind(mxd_vulkan_backend *backend, mxd_vulkan_step *base)
{
    eq_step *step = (eq_step *)base;
    const mxd_vulkan_buffer *buffers[MXD_EQ_NUM_BINDINGS] = {
        [MXD_EQ_BINDING_LANES] = &backend->lanes,
        [MXD_EQ_BINDING_SECTIONS] = &step->sections,
        [MXD_EQ_BINDING_STATES] = &step->states,
        [MXD_EQ_BINDING_ROWS] = &step->row_buffer,
        [MXD_EQ_BINDING_RUNS] = &backend->params,
    };
    mxd_vulkan_set_write(&backend->context, &step->set, buffers, MXD_EQ_NUM_BINDINGS);
}

static uint64_t params_bytes(const mxd_vulkan_step *base, const mxd_step_run *run)
{
    uint32_t num_rows = run ? run->num_rows : ((const eq_step *)base)->num_rows;
    return mxd_vulkan_align(num_rows * sizeof(struct mxd_eq_run_data), MXD_VULKAN_PARAMS_ALIGNMENT);
}

/* The rows of one dispatch: as many from first on as the budget allows, at least one. */
static uint32_t count_rows(const mxd_vulkan_backend *backend, const eq_step *step, const mxd_step_run *run,
                           uint32_t first, uint32_t num_frames, uint32_t *longest)
{
    uint64_t most = mxd_vulkan_work(backend, FRAMES_A_DISPATCH);
    uint64_t most_a_row = mxd_vulkan_work(backend, FRAMES_A_ROW);
    uint64_t work = 0;
    uint32_t count = 0;
    *longest = 1;
    while (first + count < run->num_rows && count < MXD_VULKAN_MAX_GROUPS) {
        uint32_t sections = step->rows[run->rows[first + count]].num_sections;
        uint64_t frames = (uint64_t)num_frames * sections;
        if (frames > most_a_row)
            frames = most_a_row; /* split in time instead */
        if (count > 0 && work + frames > most)
            break;
        work += frames;
        if (sections > *longest)
            *longest = sections;
        count++;
    }
    return count;
}

static void record(mxd_vulkan_backend *backend, mxd_vulkan_step *base, mxd_vulkan_recording *recording,
                   const mxd_step_run *run)
{
    eq_step *step = (eq_step *)base;
    uint64_t offset;
    struct mxd_eq_run_data *runs =
        mxd_vulkan_params(recording, run->num_rows * sizeof *runs, &offset);
    for (uint32_t i = 0; i < run->num_rows; i++) {
        uint32_t row = run->rows[i];
        runs[i] = (struct mxd_eq_run_data){
            .row = row,
            .restart = !step->started[row] || (run->restart && run->restart[i]),
        };
        step->started[row] = true;
    }
    uint32_t tile = MXD_EQ_SAMPLES * mxd_vulkan_choose_eq(&backend->context.limits, NULL).workgroup;
    uint32_t count;
    for (uint32_t first = 0; first < run->num_rows; first += count) {
        uint32_t longest;
        count = count_rows(backend, step, run, first, recording->num_frames, &longest);
        uint32_t span = (uint32_t)(mxd_vulkan_work(backend, FRAMES_A_ROW) / longest) / tile * tile;
        if (span < tile)
            span = tile;
        for (uint32_t frame = 0; frame < recording->num_frames; frame += span) {
            uint32_t left = recording->num_frames - frame;
            const struct mxd_eq_push push = {
                .first_run = (uint32_t)(offset / sizeof *runs) + first,
                .lane_vec4s = backend->base.params.block_frames / 4,
                .first_frame = frame,
                .end_frame = frame + (left < span ? left : span),
                .may_restart = frame == 0,
            };
            if (frame > 0)
                mxd_vulkan_compute_barrier(recording->commands);
            mxd_vulkan_dispatch(recording->commands, &backend->eq, &step->set, &push, count, 1, 1);
        }
    }
}

mxd_result mxd_vulkan_add_eq(mxd_backend *base, const mxd_eq_row *rows, uint32_t num_rows, uint32_t *number)
{
    static const mxd_vulkan_step_functions functions = {
        .kernel = MXD_VULKAN_KERNEL_EQ,
        .destroy = destroy,
        .prepare = prepare,
        .bind = bind,
        .params_bytes = params_bytes,
        .record = record,
    };
    mxd_vulkan_backend *backend = (mxd_vulkan_backend *)base;
    const mxd_vulkan_eq_variant variant = mxd_vulkan_choose_eq(&backend->context.limits, NULL);
    const mxd_vulkan_pipeline_params pipeline = {
        .module = variant.module,
        .num_bindings = MXD_EQ_NUM_BINDINGS,
        .push_bytes = sizeof(struct mxd_eq_push),
        .workgroup = variant.workgroup,
        .subgroup = variant.subgroup,
    };
    mxd_result result = mxd_vulkan_pipeline_start(&backend->context, &pipeline, &backend->eq);
    if (result != MXD_OK)
        return result;
    eq_step *step = calloc(1, sizeof *step);
    if (!step)
        return mxd_fail(base->problems, MXD_ERROR_MEMORY, NULL, "memory ran out while an equaliser was made");
    step->base.functions = &functions;
    step->num_rows = num_rows;
    for (uint32_t i = 0; i < num_rows; i++)
        step->num_sections += rows[i].num_sections;
    step->rows = calloc(num_rows, sizeof *step->rows);
    step->started = calloc(num_rows, sizeof *step->started);
    step->section_data = calloc(step->num_sections, sizeof *step->section_data);
    result = MXD_ERROR_MEMORY;
    if (!step->rows || !step->started || !step->section_data) {
        mxd_fail(base->problems, result, NULL, "memory ran out while an equaliser was made");
        goto fail;
    }
    uint32_t section = 0;
    for (uint32_t i = 0; i < num_rows; i++) {
        step->rows[i] = (struct mxd_eq_row_data){
            .lane = rows[i].lane,
            .first_section = section,
            .num_sections = rows[i].num_sections,
        };
        for (uint32_t j = 0; j < rows[i].num_sections; j++)
            fill_section(&rows[i].sections[j], &step->section_data[section++]);
    }
    result = mxd_vulkan_add_step(backend, &step->base, number);
    if (result != MXD_OK)
        goto fail;
    return MXD_OK;

fail:
    destroy(backend, &step->base);
    return result;
}
