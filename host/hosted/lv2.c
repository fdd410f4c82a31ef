/* LV2 plug-ins as hosted inserts: signal goes through memory that the plug-in's process sees too. */
#include "lv2.h"

#include "lv2_child.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct lv2_insert {
    mxd_hosted base;
    const mxd_lv2_plugin *plugin;
    mxd_lv2_child *child;
    mxd_lv2_wire_open open;
    mxd_lv2_shared *shared;
    bool broken;              /* the child is of no use any more */
    bool told_latency;
} lv2_insert;

/* ---- The plug-in ------------------------------------------------------------- */

static bool copy_string(char *to, size_t size, const char *from)
{
    return !from || (size_t)snprintf(to, size, "%s", from) < size;
}

static bool name_plugin(mxd_lv2_plugin *plugin, const char *name)
{
    static const char format[] = "the LV2 plug-in \"%s\"";
    size_t size = sizeof format + strlen(name);
    free(plugin->name);
    plugin->name = malloc(size);
    if (plugin->name)
        snprintf(plugin->name, size, format, name);
    return plugin->name;
}

/* Takes an answer apart; false where its sizes do not agree, or memory runs out. */
static bool take_found(mxd_lv2_plugin *plugin, const char *bytes, size_t num_bytes)
{
    mxd_lv2_wire_found found;
    if (num_bytes < sizeof found)
        return false;
    memcpy(&found, bytes, sizeof found);
    found.name[sizeof found.name - 1] = '\0';
    size_t parameter_bytes = found.num_parameters * sizeof *plugin->parameters;
    size_t point_bytes = found.num_points * sizeof *plugin->points;
    if (num_bytes != sizeof found + parameter_bytes + point_bytes)
        return false;
    plugin->num_inputs = found.num_inputs;
    plugin->num_outputs = found.num_outputs;
    plugin->num_parameters = found.num_parameters;
    plugin->parameters = malloc(parameter_bytes + 1);
    plugin->points = malloc(point_bytes + 1);
    if (!plugin->parameters || !plugin->points || !name_plugin(plugin, found.name))
        return false;
    memcpy(plugin->parameters, bytes + sizeof found, parameter_bytes);
    memcpy(plugin->points, bytes + sizeof found + parameter_bytes, point_bytes);
    return true;
}

mxd_result mxd_lv2_find(const mxd_lv2_choice *choice, const mxd_place *place, mxd_problems *problems,
                        mxd_lv2_plugin **out)
{
    *out = NULL;
    mxd_lv2_plugin *plugin = calloc(1, sizeof *plugin);
    if (!plugin || !name_plugin(plugin, choice->uri)) {
        free(plugin);
        return mxd_fail(problems, MXD_ERROR_MEMORY, place, "memory ran out");
    }
    plugin->choice.sample_rate = choice->sample_rate;
    mxd_lv2_failure failure = {MXD_ERROR_INVALID, "has a URI, preset or state of too many letters"};
    void *answer = NULL;
    size_t num_bytes = 0;
    mxd_lv2_child *child = NULL;
    bool good = copy_string(plugin->choice.uri, sizeof plugin->choice.uri, choice->uri) &&
                copy_string(plugin->choice.preset, sizeof plugin->choice.preset, choice->preset) &&
                copy_string(plugin->choice.state, sizeof plugin->choice.state, choice->state);
    good = good && (child = mxd_lv2_child_start(&failure)) &&
           mxd_lv2_child_ask(child, MXD_LV2_FIND, &plugin->choice, sizeof plugin->choice, MXD_LV2_FOUND, &answer,
                             &num_bytes, &failure);
    if (good && !take_found(plugin, answer, num_bytes)) {
        good = false;
        failure = (mxd_lv2_failure){MXD_ERROR_MEMORY, "cannot be described: memory ran out"};
    }
    free(answer);
    mxd_lv2_child_destroy(child);
    if (good) {
        *out = plugin;
        return MXD_OK;
    }
    mxd_fail(problems, failure.result, place, "%s %s", plugin->name, failure.text);
    mxd_lv2_plugin_destroy(plugin);
    return failure.result;
}

void mxd_lv2_plugin_destroy(mxd_lv2_plugin *plugin)
{
    if (!plugin)
        return;
    free(plugin->name);
    free(plugin->parameters);
    free(plugin->points);
    free(plugin);
}

/* How many instances num_inputs lanes take; 0: they do not fit. */
static uint32_t count_instances(const mxd_lv2_plugin *plugin, uint32_t num_inputs)
{
    if (plugin->num_inputs == num_inputs || num_inputs == 1)
        return 1;
    return plugin->num_inputs == 1 ? num_inputs : 0;
}

uint32_t mxd_lv2_num_outputs(const mxd_lv2_plugin *plugin, uint32_t num_inputs, const mxd_place *place,
                             mxd_problems *problems)
{
    const uint32_t most = 64; /* channels of an insert */
    uint32_t num_outputs = count_instances(plugin, num_inputs) * plugin->num_outputs;
    if (plugin->num_inputs == 0)
        mxd_fail(problems, MXD_ERROR_INVALID, place, "%s has no audio input: it is no insert", plugin->name);
    else if (plugin->num_outputs == 0)
        mxd_fail(problems, MXD_ERROR_INVALID, place, "%s has no audio output: it is no insert", plugin->name);
    else if (num_outputs == 0)
        mxd_fail(problems, MXD_ERROR_INVALID, place,
                 "%s takes %u channels, but %u enter: use one of 1 or %u inputs, or change the channels",
                 plugin->name, (unsigned)plugin->num_inputs, (unsigned)num_inputs, (unsigned)num_inputs);
    else if (num_outputs > most)
        mxd_fail(problems, MXD_ERROR_INVALID, place, "%u channels would leave %s, at most %u can leave an insert",
                 (unsigned)num_outputs, plugin->name, (unsigned)most);
    else
        return num_outputs;
    return 0;
}

/* ---- Opening --------------------------------------------------------------------- */

static bool find_again(lv2_insert *insert, mxd_lv2_failure *failure)
{
    void *answer = NULL;
    size_t num_bytes = 0;
    mxd_lv2_wire_found found = {0};
    bool good = mxd_lv2_child_ask(insert->child, MXD_LV2_FIND, &insert->plugin->choice, sizeof insert->plugin->choice,
                                  MXD_LV2_FOUND, &answer, &num_bytes, failure);
    if (good && num_bytes >= sizeof found)
        memcpy(&found, answer, sizeof found);
    free(answer);
    if (!good || (found.num_parameters == insert->plugin->num_parameters &&
                  found.num_inputs == insert->plugin->num_inputs && found.num_outputs == insert->plugin->num_outputs))
        return good;
    *failure = (mxd_lv2_failure){MXD_ERROR_PLUGIN, "has changed since the session was read: load it again"};
    return false;
}

static bool open_child(lv2_insert *insert, const float *values, mxd_lv2_failure *failure)
{
    const mxd_lv2_wire_open *open = &insert->open;
    size_t value_bytes = open->num_values * sizeof *values;
    size_t automated_bytes = open->num_automated * sizeof(uint32_t);
    size_t num_bytes = sizeof *open + value_bytes + automated_bytes;
    char *request = malloc(num_bytes);
    void *answer = NULL;
    if (!request) {
        *failure = (mxd_lv2_failure){MXD_ERROR_MEMORY, "cannot run: memory ran out"};
        return false;
    }
    memcpy(request, open, sizeof *open);
    if (value_bytes)
        memcpy(request + sizeof *open, values, value_bytes);
    if (automated_bytes)
        memcpy(request + sizeof *open + value_bytes, insert->base.setup.automated, automated_bytes);
    bool good = (insert->child = mxd_lv2_child_start(failure)) && find_again(insert, failure) &&
                (insert->shared = mxd_lv2_child_share(insert->child, mxd_lv2_shared_bytes(open), failure)) &&
                mxd_lv2_child_ask(insert->child, MXD_LV2_OPEN, request, num_bytes, MXD_LV2_OPENED, &answer, &num_bytes,
                                  failure);
    if (good && num_bytes == sizeof(mxd_lv2_wire_opened))
        memcpy(&insert->base.latency_frames, answer, sizeof insert->base.latency_frames);
    if (good && insert->base.latency_frames == UINT32_MAX) {
        good = false;
        *failure = (mxd_lv2_failure){MXD_ERROR_PLUGIN, "reports a latency that cannot be"};
    }
    free(answer);
    free(request);
    return good;
}

/* ---- Running ---------------------------------------------------------------------- */

static void lv2_destroy(mxd_hosted *hosted)
{
    lv2_insert *insert = (lv2_insert *)hosted;
    mxd_lv2_child_destroy(insert->child);
    free((void *)insert->base.setup.automated);
    free(insert);
}

static mxd_result refuse_broken(const lv2_insert *insert)
{
    return mxd_fail(insert->base.problems, MXD_ERROR_PLUGIN, &insert->base.setup.place, "%s has failed before",
                    insert->base.name);
}

static mxd_result lv2_process(mxd_hosted *hosted, uint64_t first_frame, uint32_t num_frames,
                              const float *const *inputs, float *const *outputs, const float *const *values)
{
    lv2_insert *insert = (lv2_insert *)hosted;
    const mxd_lv2_wire_open *open = &insert->open;
    const mxd_lv2_wire_run run = {(num_frames + open->run_frames - 1) / open->run_frames};
    if (insert->broken)
        return refuse_broken(insert);
    float *samples = insert->shared->samples;
    for (uint32_t i = 0; i < open->num_inputs; i++) {
        float *lane = samples + mxd_lv2_input_at(open, i);
        memcpy(lane, inputs[i], num_frames * sizeof *lane);
        memset(lane + num_frames, 0, (run.num_runs * open->run_frames - num_frames) * sizeof *lane);
    }
    for (uint32_t i = 0; i < open->num_automated; i++)
        memcpy(samples + mxd_lv2_values_at(open, i), values[i], run.num_runs * sizeof *samples);
    mxd_lv2_failure failure;
    void *answer = NULL;
    size_t num_bytes = 0;
    atomic_store(&insert->shared->run, 0);
    if (!mxd_lv2_child_ask(insert->child, MXD_LV2_RUN, &run, sizeof run, MXD_LV2_DONE, &answer, &num_bytes, &failure)) {
        const uint64_t at = first_frame + (uint64_t)atomic_load(&insert->shared->run) * open->run_frames;
        insert->broken = true;
        return mxd_fail(hosted->problems, failure.result, &hosted->setup.place,
                        "%s, in the %u frames from %llu (%.3f s) on, %s", hosted->name, (unsigned)open->run_frames,
                        (unsigned long long)at, (double)at / hosted->setup.sample_rate, failure.text);
    }
    mxd_lv2_wire_opened done = {hosted->latency_frames};
    if (num_bytes == sizeof done)
        memcpy(&done, answer, sizeof done);
    free(answer);
    if (done.latency_frames != hosted->latency_frames && !insert->told_latency) {
        insert->told_latency = true;
        mxd_warn(hosted->problems, &hosted->setup.place,
                 "%s changed its latency from %u to %u frames before %.3f s; it is compensated for the first of these",
                 hosted->name, (unsigned)hosted->latency_frames, (unsigned)done.latency_frames,
                 (double)(first_frame + num_frames) / hosted->setup.sample_rate);
    }
    for (uint32_t i = 0; i < open->num_outputs; i++)
        memcpy(outputs[i], samples + mxd_lv2_output_at(open, i), num_frames * sizeof *samples);
    return MXD_OK;
}

static mxd_result lv2_reset(mxd_hosted *hosted)
{
    lv2_insert *insert = (lv2_insert *)hosted;
    mxd_lv2_failure failure;
    if (insert->broken)
        return refuse_broken(insert);
    if (mxd_lv2_child_ask(insert->child, MXD_LV2_RESET, NULL, 0, MXD_LV2_DONE, NULL, NULL, &failure))
        return MXD_OK;
    insert->broken = true;
    return mxd_fail(hosted->problems, failure.result, &hosted->setup.place, "%s, being reset, %s", hosted->name,
                    failure.text);
}

static const mxd_hosted_functions lv2_functions = {lv2_process, lv2_reset, lv2_destroy};

mxd_result mxd_lv2_create(const mxd_lv2_plugin *plugin, const float *values, const mxd_hosted_setup *setup,
                          mxd_problems *problems, mxd_hosted **hosted)
{
    *hosted = NULL;
    const uint32_t run_frames = mxd_hosted_run_frames(setup->num_automated);
    const uint32_t num_outputs = mxd_lv2_num_outputs(plugin, setup->num_inputs, &setup->place, problems);
    if (num_outputs == 0)
        return MXD_ERROR_INVALID;
    lv2_insert *insert = calloc(1, sizeof *insert);
    uint32_t *automated = malloc(setup->num_automated * sizeof *automated + 1);
    if (!insert || !automated) {
        free(insert);
        free(automated);
        return mxd_fail(problems, MXD_ERROR_MEMORY, &setup->place, "memory ran out");
    }
    if (setup->num_automated)
        memcpy(automated, setup->automated, setup->num_automated * sizeof *automated);
    insert->base = (mxd_hosted){.functions = &lv2_functions, .setup = *setup, .run_frames = run_frames,
                                .num_outputs = num_outputs, .name = plugin->name, .problems = problems};
    insert->base.setup.automated = automated;
    insert->plugin = plugin;
    insert->open = (mxd_lv2_wire_open){
        .num_inputs = setup->num_inputs,
        .num_outputs = num_outputs,
        .num_instances = count_instances(plugin, setup->num_inputs),
        .run_frames = run_frames,
        .block_frames = mxd_hosted_num_runs(setup->num_automated, setup->block_frames) * run_frames,
        .num_values = plugin->num_parameters,
        .num_automated = setup->num_automated,
    };
    mxd_lv2_failure failure;
    if (open_child(insert, values, &failure)) {
        *hosted = &insert->base;
        return MXD_OK;
    }
    mxd_fail(problems, failure.result, &setup->place, "%s %s", plugin->name, failure.text);
    lv2_destroy(&insert->base);
    return failure.result == MXD_ERROR_INVALID ? MXD_ERROR_PLUGIN : failure.result; /* the session was good before */
}

mxd_result mxd_lv2_learn_latency(const mxd_lv2_plugin *plugin, const float *values, bool automated,
                                 const mxd_place *place, mxd_problems *problems, uint32_t *latency_frames)
{
    const uint32_t none = 0; /* which parameter it is does not matter: only that runs are short then */
    const mxd_hosted_setup setup = {
        .sample_rate = plugin->choice.sample_rate,
        .num_inputs = plugin->num_inputs,
        .block_frames = MXD_HOSTED_RUN,
        .automated = &none,
        .num_automated = automated ? 1 : 0,
        .place = *place,
    };
    mxd_hosted *hosted;
    mxd_result result = mxd_lv2_create(plugin, values, &setup, problems, &hosted);
    *latency_frames = result == MXD_OK ? hosted->latency_frames : 0;
    mxd_hosted_destroy(hosted);
    return result;
}
