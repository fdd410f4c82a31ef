/*
 * The insert "lv2": any installed LV2 plug-in (hosted/lv2.h), its input control
 * ports as parameters. The plug-in is found, and run once on silence for its
 * latency, when the session is read; a render starts it anew.
 */
#include "effect.h"

#include "../../formats/reader.h"
#include "../graph/builder.h"
#include "../hosted/lv2.h"
#include "../path.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The table's values; those of the ports follow in what automation counts. */
enum { TAIL_S, NUM_VALUES };

static const char parameter_path[] = "parameters."; /* before a port's symbol, in automation */

typedef struct lv2_params {
    double values[NUM_VALUES];
    char *state;                  /* the file, as it can be opened, or NULL */
    mxd_lv2_plugin *plugin;
    float *port_values;           /* one a port */
    mxd_insert_parameter *ranges; /* one a port; keys are the plug-in's symbols */
    uint32_t sample_rate;
    uint32_t latency_frames;
} lv2_params;

static const mxd_insert_parameter parameters[NUM_VALUES] = {
    [TAIL_S] = {.key = "tail_s", .min = 0.0, .max = 600.0, .initial = 5.0, .is_fixed = true},
};

static void lv2_destroy(void *opaque)
{
    lv2_params *params = opaque;
    if (!params)
        return;
    mxd_lv2_plugin_destroy(params->plugin);
    free(params->port_values);
    free(params->ranges);
    free(params->state);
    free(params);
}

/* ---- Reading ------------------------------------------------------------------ */

/* A bound as its author wrote it: 0.1, where the nearest float is a little more. */
static double decimal(float bound)
{
    char text[32];
    snprintf(text, sizeof text, "%.7g", (double)bound);
    return strtod(text, NULL);
}

/* A named value by its label, or by its number. */
static void read_enumeration(mxd_reader *reader, const mxd_lv2_plugin *plugin, const mxd_lv2_parameter *parameter,
                             float *value)
{
    enum { MAX_POINTS = 256 };
    const mxd_lv2_point *points = plugin->points + parameter->first_point;
    const uint32_t num_points = parameter->num_points < MAX_POINTS ? parameter->num_points : MAX_POINTS;
    const char *labels[MAX_POINTS];
    double number = (double)*value;
    int choice = 0;
    for (uint32_t i = 0; i < num_points; i++)
        labels[i] = points[i].label;
    if (mxd_read_type(reader, parameter->symbol) != MXD_JSON_NUMBER) {
        if (mxd_read_choice(reader, parameter->symbol, MXD_OPTIONAL, labels, num_points, &choice))
            *value = points[choice].value;
        return;
    }
    mxd_read_number(reader, parameter->symbol, MXD_OPTIONAL, -HUGE_VAL, HUGE_VAL, &number);
    for (uint32_t i = 0; i < num_points; i++)
        if (points[i].value == (float)number) {
            *value = (float)number;
            return;
        }
    mxd_reader_fail(reader, parameter->symbol, "\"%s\" is %.9g, which is none of its values: write one by its label, "
                                               "such as \"%s\"", parameter->symbol, number, labels[0]);
}

static void read_port(mxd_reader *reader, const mxd_lv2_plugin *plugin, const mxd_lv2_parameter *parameter,
                      float *value)
{
    const double minimum = decimal(parameter->minimum), maximum = decimal(parameter->maximum);
    double number = (double)*value;
    int64_t integer = 0;
    bool on = false;
    if (!mxd_read_has(reader, parameter->symbol))
        return;
    switch ((mxd_lv2_kind)parameter->kind) {
    case MXD_LV2_TOGGLE:
        if (mxd_read_type(reader, parameter->symbol) == MXD_JSON_NUMBER) {
            if (mxd_read_integer(reader, parameter->symbol, MXD_OPTIONAL, 0, 1, &integer))
                *value = (float)integer;
        } else if (mxd_read_bool(reader, parameter->symbol, MXD_OPTIONAL, &on))
            *value = on ? 1.0f : 0.0f;
        return;
    case MXD_LV2_INTEGER:
        if (mxd_read_integer(reader, parameter->symbol, MXD_OPTIONAL, (int64_t)fmax(minimum, -1e15),
                             (int64_t)fmin(maximum, 1e15), &integer))
            *value = (float)integer;
        return;
    case MXD_LV2_ENUMERATION:
        read_enumeration(reader, plugin, parameter, value);
        return;
    case MXD_LV2_REAL:
        if (mxd_read_number(reader, parameter->symbol, MXD_OPTIONAL, minimum, maximum, &number))
            *value = fmaxf(parameter->minimum, fminf(parameter->maximum, (float)number));
        return;
    }
}

static bool read_ports(mxd_reader *reader, lv2_params *params)
{
    const mxd_lv2_plugin *plugin = params->plugin;
    params->port_values = calloc(plugin->num_parameters + 1u, sizeof *params->port_values);
    params->ranges = calloc(plugin->num_parameters + 1u, sizeof *params->ranges);
    if (!params->port_values || !params->ranges) {
        mxd_reader_fail(reader, NULL, "memory ran out");
        return false;
    }
    for (uint32_t i = 0; i < plugin->num_parameters; i++) {
        const mxd_lv2_parameter *parameter = &plugin->parameters[i];
        params->port_values[i] = parameter->value;
        params->ranges[i] = (mxd_insert_parameter){
            .key = parameter->symbol, .min = decimal(parameter->minimum), .max = decimal(parameter->maximum)};
    }
    mxd_reader *ports = mxd_read_object(reader, "parameters", MXD_OPTIONAL);
    for (uint32_t i = 0; ports && i < plugin->num_parameters; i++)
        read_port(ports, plugin, &plugin->parameters[i], &params->port_values[i]);
    mxd_reader_close(ports);
    return true;
}

/* Problems told by the plug-in's side, at the place of a key. */
static void forward(mxd_reader *reader, const char *key, const mxd_problems *problems)
{
    for (size_t i = 0; i < mxd_problems_count(problems); i++)
        mxd_reader_fail(reader, key, "%s", mxd_problems_get(problems, i)->text);
}

/* false with problems where there is no such plug-in, preset or state. */
static bool find_plugin(mxd_reader *reader, const mxd_effect_context *context, const char *uri, const char *preset,
                        lv2_params *params)
{
    const mxd_lv2_choice choice = {
        .uri = uri, .preset = preset, .state = params->state, .sample_rate = context->sample_rate};
    const mxd_place nowhere = {0};
    mxd_problems *problems = mxd_problems_create();
    mxd_result result = problems ? mxd_lv2_find(&choice, &nowhere, problems, &params->plugin) : MXD_ERROR_MEMORY;
    if (!problems)
        mxd_reader_fail(reader, NULL, "memory ran out");
    else
        forward(reader, "uri", problems);
    mxd_problems_destroy(problems);
    return result == MXD_OK;
}

/* Asks for the keys that nobody reads where there is no plug-in to know them, so that they are not called unknown. */
static void *give_up(mxd_reader *reader, lv2_params *params)
{
    mxd_read_has(reader, "parameters");
    mxd_read_has(reader, "automation");
    mxd_read_has(reader, parameters[TAIL_S].key);
    lv2_destroy(params);
    return NULL;
}

static void *lv2_read(mxd_reader *reader, const mxd_effect_context *context)
{
    const char *uri = NULL, *preset = NULL, *state = NULL;
    lv2_params *params = calloc(1, sizeof *params);
    if (!params) {
        mxd_reader_fail(reader, NULL, "memory ran out");
        return give_up(reader, params);
    }
    params->sample_rate = context->sample_rate;
    const bool has_uri = mxd_read_name(reader, "uri", MXD_REQUIRED, &uri);
    mxd_read_name(reader, "preset", MXD_OPTIONAL, &preset);
    mxd_read_name(reader, "state", MXD_OPTIONAL, &state);
    if (preset && state) {
        mxd_reader_fail(reader, "state", "a plug-in takes a preset or a state, not both: remove one");
        return give_up(reader, params);
    }
    if (state && !(params->state = mxd_path_join(context->folder, state)))
        mxd_reader_fail(reader, NULL, "memory ran out");
    if (!has_uri || (state && !params->state) || !find_plugin(reader, context, uri, preset, params) ||
        !read_ports(reader, params))
        return give_up(reader, params);
    return params;
}

static void lv2_finish(void *opaque, mxd_reader *reader, const mxd_effect_context *context)
{
    (void)context;
    lv2_params *params = opaque;
    const mxd_place nowhere = {0};
    mxd_problems *problems = mxd_problems_create();
    if (!problems) {
        mxd_reader_fail(reader, NULL, "memory ran out");
        return;
    }
    /* How many lanes enter is not known yet; whether they fit is told when it is. */
    if (params->plugin->num_inputs && params->plugin->num_outputs)
        mxd_lv2_learn_latency(params->plugin, params->port_values, false, &nowhere, problems,
                              &params->latency_frames);
    forward(reader, "uri", problems);
    mxd_problems_destroy(problems);
}

static const mxd_insert_parameter *lv2_find_parameter(const void *opaque, const char *path, uint32_t *value)
{
    const lv2_params *params = opaque;
    const size_t length = sizeof parameter_path - 1;
    if (strncmp(path, parameter_path, length) != 0)
        return NULL;
    for (uint32_t i = 0; i < params->plugin->num_parameters; i++)
        if (strcmp(params->ranges[i].key, path + length) == 0) {
            *value = NUM_VALUES + i;
            return &params->ranges[i];
        }
    return NULL;
}

/* ---- In the graph ---------------------------------------------------------------- */

static const char *lv2_input_file(const void *params)
{
    return ((const lv2_params *)params)->state;
}

static uint32_t lv2_num_outputs(const void *params, uint32_t num_inputs, const mxd_place *place,
                                mxd_problems *problems)
{
    return mxd_lv2_num_outputs(((const lv2_params *)params)->plugin, num_inputs, place, problems);
}

static uint32_t lv2_latency_frames(const void *params, uint32_t num_inputs)
{
    (void)num_inputs;
    return ((const lv2_params *)params)->latency_frames;
}

static uint64_t lv2_tail_frames(const void *opaque, uint32_t num_inputs)
{
    (void)num_inputs;
    const lv2_params *params = opaque;
    return (uint64_t)llround(params->values[TAIL_S] * params->sample_rate);
}

static mxd_result create_hosted(const void *opaque, const mxd_hosted_setup *setup, mxd_problems *problems,
                                mxd_hosted **hosted)
{
    const lv2_params *params = opaque;
    uint32_t *ports = calloc(setup->num_automated + 1u, sizeof *ports);
    *hosted = NULL;
    if (!ports)
        return MXD_ERROR_MEMORY;
    for (uint32_t i = 0; i < setup->num_automated; i++)
        ports[i] = setup->automated[i] - NUM_VALUES;
    mxd_hosted_setup own = *setup;
    own.automated = ports;
    mxd_result result = mxd_lv2_create(params->plugin, params->port_values, &own, problems, hosted);
    free(ports);
    if (result != MXD_OK || mxd_hosted_latency_frames(*hosted) == params->latency_frames)
        return result;
    /* Runs are shorter where there is automation, and some plug-ins are late by a run. */
    mxd_fail(problems, MXD_ERROR_PLUGIN, &setup->place,
             "%s is late by %u frames now, but was by %u when the session was read: %s", params->plugin->name,
             (unsigned)mxd_hosted_latency_frames(*hosted), (unsigned)params->latency_frames,
             setup->num_automated ? "it cannot be automated" : "load it again");
    mxd_hosted_destroy(*hosted);
    *hosted = NULL;
    return MXD_ERROR_PLUGIN;
}

static mxd_result lv2_emit(const void *opaque, mxd_graph_builder *builder, uint32_t *lanes, uint32_t num_inputs)
{
    const lv2_params *params = opaque;
    return mxd_builder_host(builder, create_hosted, lanes, num_inputs,
                            mxd_lv2_num_outputs(params->plugin, num_inputs, NULL, NULL));
}

const mxd_effect mxd_effect_lv2 = {
    .type = "lv2",
    .parameters = parameters,
    .num_parameters = NUM_VALUES,
    .num_values = NUM_VALUES,
    .find_parameter = lv2_find_parameter,
    .path_example = "parameters.SYMBOL",
    .read = lv2_read,
    .finish = lv2_finish,
    .destroy = lv2_destroy,
    .input_file = lv2_input_file,
    .num_outputs = lv2_num_outputs,
    .latency_frames = lv2_latency_frames,
    .tail_frames = lv2_tail_frames,
    .emit = lv2_emit,
};
