/*
 * The plug-in in lilv's world: what it requires, what its ports are, its
 * parameters with their ranges, and the preset or state to start from.
 */
#include "lv2_host.h"

#include "../../formats/reader.h"

#include <lv2/atom/atom.h>
#include <lv2/core/lv2.h>
#include <lv2/options/options.h>
#include <lv2/port-groups/port-groups.h>
#include <lv2/presets/presets.h>
#include <lv2/resize-port/resize-port.h>
#include <lv2/state/state.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Cut off where it is longer. */
static void copy_text(char *to, size_t size, const char *from)
{
    size_t length = strnlen(from, size - 1);
    for (size_t i = 0; i < length; i++)
        to[i] = (unsigned char)from[i] < ' ' ? ' ' : from[i];
    to[length] = '\0';
}

/* ---- The plug-in ---------------------------------------------------------- */

/* What follows the last slash or hash: the word that people remember. */
static const char *last_part(const char *uri)
{
    const char *part = uri;
    for (const char *c = uri; *c; c++)
        if ((*c == '/' || *c == '#') && c[1])
            part = c + 1;
    return part;
}

/* Up to four URIs whose last part holds the word (four letters or more), or is held by it. */
static void list_alike(const char *const *uris, size_t num_uris, const char *word, char *text, size_t size)
{
    size_t used = 0, count = 0;
    for (size_t i = 0; i < num_uris && count < 4; i++) {
        const char *part = last_part(uris[i]);
        if (!(strlen(word) > 3 && strstr(part, word)) && !(strlen(part) > 3 && strstr(word, part)))
            continue;
        int length = snprintf(text + used, size - used, "%s\"%s\"", count++ ? ", " : "", uris[i]);
        if (length < 0 || (size_t)length >= size - used)
            return;
        used += (size_t)length;
    }
}

static bool fail_not_installed(const LilvPlugins *plugins, const char *uri)
{
    const unsigned count = lilv_plugins_size(plugins);
    const char **uris = calloc(count ? count : 1, sizeof *uris);
    const char **parts = calloc(count ? count : 1, sizeof *parts);
    if (!uris || !parts)
        return fail_with("memory ran out");
    size_t n = 0;
    LILV_FOREACH(plugins, i, plugins) {
        uris[n] = lilv_node_as_uri(lilv_plugin_get_uri(lilv_plugins_get(plugins, i)));
        parts[n] = last_part(uris[n]);
        n++;
    }
    const char *nearest = mxd_nearest(uri, uris, n);
    if (!nearest) {
        const char *part = mxd_nearest(last_part(uri), parts, n);
        for (size_t i = 0; part && i < n; i++)
            if (parts[i] == part)
                nearest = uris[i];
    }
    char alike[1024] = "";
    if (!nearest)
        list_alike(uris, n, last_part(uri), alike, sizeof alike);
    if (nearest)
        fail_with("is not installed; did you mean \"%s\"?", nearest);
    else if (*alike)
        fail_with("is not installed; there are %s", alike);
    else
        fail_with("is not installed, nor any of a like name, among %u plug-ins: look at LV2_PATH; `lv2ls` lists them", count);
    free(uris);
    free(parts);
    return false;
}

static bool check_features(const LilvPlugin *plugin)
{
    LilvNodes *required = lilv_plugin_get_required_features(plugin);
    bool good = true;
    LILV_FOREACH(nodes, i, required) {
        const char *uri = lilv_node_as_uri(lilv_nodes_get(required, i));
        if (good && uri && !features_offer(uri))
            good = fail_with("requires the feature <%s>, which mixdown does not offer: it cannot run here", uri);
    }
    lilv_nodes_free(required);
    return good;
}

static bool check_options(LilvWorld *world, const LilvPlugin *plugin)
{
    LilvNode *predicate = lilv_new_uri(world, LV2_OPTIONS__requiredOption);
    LilvNodes *required = lilv_plugin_get_value(plugin, predicate);
    bool good = true;
    LILV_FOREACH(nodes, i, required) {
        const char *uri = lilv_node_as_uri(lilv_nodes_get(required, i));
        if (good && uri && !features_offer_option(uri))
            good = fail_with("requires the option <%s>, which mixdown does not offer: it cannot run here", uri);
    }
    lilv_nodes_free(required);
    lilv_node_free(predicate);
    return good;
}

/* ---- Ports ---------------------------------------------------------------- */

static bool port_is(LilvWorld *world, const LilvPlugin *plugin, const LilvPort *p, const char *type)
{
    LilvNode *node = lilv_new_uri(world, type);
    bool is = lilv_port_is_a(plugin, p, node);
    lilv_node_free(node);
    return is;
}

static bool port_has(LilvWorld *world, const LilvPlugin *plugin, const LilvPort *p, const char *property)
{
    LilvNode *node = lilv_new_uri(world, property);
    bool has = lilv_port_has_property(plugin, p, node);
    lilv_node_free(node);
    return has;
}

/* Whether the port's value of predicate is that URI. */
static bool port_says(LilvWorld *world, const LilvPlugin *plugin, const LilvPort *p, const char *predicate,
                      const char *uri)
{
    LilvNode *node = lilv_new_uri(world, predicate);
    LilvNodes *values = lilv_port_get_value(plugin, p, node);
    bool says = false;
    LILV_FOREACH(nodes, i, values) {
        const LilvNode *value = lilv_nodes_get(values, i);
        says |= lilv_node_is_uri(value) && strcmp(lilv_node_as_uri(value), uri) == 0;
    }
    lilv_nodes_free(values);
    lilv_node_free(node);
    return says;
}

/* By the port's own word, or since its group is another's side chain. */
static bool is_side_chain(LilvWorld *world, const LilvPlugin *plugin, const LilvPort *p)
{
    if (port_has(world, plugin, p, LV2_CORE_PREFIX "isSideChain"))
        return true;
    LilvNode *group_of = lilv_new_uri(world, LV2_PORT_GROUPS__group);
    LilvNode *side_chain_of = lilv_new_uri(world, LV2_PORT_GROUPS__sideChainOf);
    LilvNode *group = lilv_port_get(plugin, p, group_of);
    bool is = group && lilv_world_ask(world, group, side_chain_of, NULL);
    lilv_node_free(group);
    lilv_node_free(side_chain_of);
    lilv_node_free(group_of);
    return is;
}

static port_role role_of_control(LilvWorld *world, const LilvPlugin *plugin, const LilvPort *p, bool input)
{
    if (!input)
        return port_has(world, plugin, p, LV2_CORE__reportsLatency) ||
                       port_says(world, plugin, p, LV2_CORE__designation, LV2_CORE__latency)
                   ? PORT_LATENCY
                   : PORT_CONTROL_OUT;
    return port_says(world, plugin, p, LV2_CORE__designation, LV2_CORE__freeWheeling) ? PORT_FREEWHEELING
                                                                                     : PORT_PARAMETER;
}

static bool find_role(LilvWorld *world, const LilvPlugin *plugin, const LilvPort *p, port_role *role)
{
    const bool input = port_is(world, plugin, p, LV2_CORE__InputPort);
    const bool optional = port_has(world, plugin, p, LV2_CORE__connectionOptional);
    if (port_is(world, plugin, p, LV2_CORE__ControlPort))
        *role = role_of_control(world, plugin, p, input);
    else if (port_is(world, plugin, p, LV2_CORE__AudioPort))
        *role = !input ? PORT_OUTPUT : is_side_chain(world, plugin, p) ? PORT_SIDE_CHAIN : PORT_INPUT;
    else if (optional)
        *role = PORT_IGNORED;
    else if (port_is(world, plugin, p, LV2_CORE__CVPort))
        *role = input ? PORT_CV_IN : PORT_CV_OUT;
    else if (port_is(world, plugin, p, LV2_ATOM__AtomPort))
        *role = input ? PORT_ATOM_IN : PORT_ATOM_OUT;
    else
        return fail_with("requires its port \"%s\" to be connected, of a type that mixdown does not know: "
                         "it cannot run here", lilv_node_as_string(lilv_port_get_symbol(plugin, p)));
    return true;
}

static uint32_t atom_bytes(LilvWorld *world, const LilvPlugin *plugin, const LilvPort *p)
{
    LilvNode *predicate = lilv_new_uri(world, LV2_RESIZE_PORT__minimumSize);
    LilvNode *size = lilv_port_get(plugin, p, predicate);
    int bytes = size && lilv_node_is_int(size) ? lilv_node_as_int(size) : 0;
    lilv_node_free(size);
    lilv_node_free(predicate);
    const int least = 1 << 16, most = 1 << 26;
    return (uint32_t)(bytes < least ? least : bytes > most ? most : bytes);
}

/* ---- Parameters ------------------------------------------------------------- */

static uint32_t add_points(found_plugin *f, const LilvPort *p)
{
    LilvScalePoints *list = lilv_port_get_scale_points(f->plugin, p);
    uint32_t count = 0;
    LILV_FOREACH(scale_points, i, list) {
        const LilvScalePoint *item = lilv_scale_points_get(list, i);
        mxd_lv2_point *points = realloc(f->points, (f->found.num_points + 1u) * sizeof *points);
        if (!points)
            break;
        f->points = points;
        mxd_lv2_point *point = &points[f->found.num_points++];
        *point = (mxd_lv2_point){.value = lilv_node_as_float(lilv_scale_point_get_value(item))};
        copy_text(point->label, sizeof point->label, lilv_node_as_string(lilv_scale_point_get_label(item)));
        count++;
    }
    lilv_scale_points_free(list);
    return count;
}

/* Bounds and default as the plug-in's data tell them, NaN where they do not. */
static bool add_parameter(found_plugin *f, const LilvPort *p, float minimum, float maximum, float value)
{
    const char *symbol = lilv_node_as_string(lilv_port_get_symbol(f->plugin, p));
    mxd_lv2_parameter *parameter = &f->parameters[f->found.num_parameters++];
    if (strlen(symbol) >= sizeof parameter->symbol)
        return fail_with("has a port whose symbol is too long: \"%s\"", symbol);
    const bool toggled = port_has(f->world, f->plugin, p, LV2_CORE__toggled);
    if (port_has(f->world, f->plugin, p, LV2_CORE__sampleRate)) {
        minimum *= (float)f->sample_rate;
        maximum *= (float)f->sample_rate;
    }
    *parameter = (mxd_lv2_parameter){
        .minimum = toggled ? 0.0f : isnan(minimum) ? -FLT_MAX : minimum,
        .maximum = toggled ? 1.0f : isnan(maximum) ? FLT_MAX : maximum,
        .first_point = f->found.num_points,
        .num_points = add_points(f, p),
    };
    parameter->value = !isnan(value)     ? value
                       : !isnan(minimum) ? parameter->minimum
                                         : fminf(0.0f, parameter->maximum);
    parameter->kind = toggled ? MXD_LV2_TOGGLE
                      : parameter->num_points && port_has(f->world, f->plugin, p, LV2_CORE__enumeration)
                          ? MXD_LV2_ENUMERATION
                      : port_has(f->world, f->plugin, p, LV2_CORE__integer) ? MXD_LV2_INTEGER
                                                                            : MXD_LV2_REAL;
    copy_text(parameter->symbol, sizeof parameter->symbol, symbol);
    return true;
}

static bool find_ports(found_plugin *f)
{
    f->num_ports = lilv_plugin_get_num_ports(f->plugin);
    const size_t count = f->num_ports ? f->num_ports : 1;
    float *ranges = calloc(3 * count, sizeof *ranges);
    f->ports = calloc(count, sizeof *f->ports);
    f->parameters = calloc(count, sizeof *f->parameters);
    bool good = ranges && f->ports && f->parameters;
    if (!good)
        fail_with("memory ran out");
    else
        lilv_plugin_get_port_ranges_float(f->plugin, ranges, ranges + count, ranges + 2 * count);
    uint32_t numbers[PORT_ATOM_OUT + 1] = {0};
    for (uint32_t i = 0; i < f->num_ports && good; i++) {
        const LilvPort *p = lilv_plugin_get_port_by_index(f->plugin, i);
        good = find_role(f->world, f->plugin, p, &f->ports[i].role);
        f->ports[i].number = numbers[f->ports[i].role]++;
        if (good && f->ports[i].role == PORT_PARAMETER)
            good = add_parameter(f, p, ranges[i], ranges[count + i], ranges[2 * count + i]);
        if (f->ports[i].role == PORT_ATOM_IN || f->ports[i].role == PORT_ATOM_OUT)
            f->ports[i].atom_bytes = atom_bytes(f->world, f->plugin, p);
    }
    f->found.num_inputs = numbers[PORT_INPUT];
    f->found.num_outputs = numbers[PORT_OUTPUT];
    free(ranges);
    return good;
}

/* ---- Presets and states -------------------------------------------------------- */

/* The preset of that URI or label, a copy, or NULL after fail_with. */
static LilvNode *find_preset(found_plugin *f, const char *name)
{
    LilvNode *type = lilv_new_uri(f->world, LV2_PRESETS__Preset);
    LilvNode *label_of = lilv_new_uri(f->world, LILV_NS_RDFS "label");
    LilvNodes *presets = lilv_plugin_get_related(f->plugin, type);
    LilvNode *match = NULL;
    char labels[512] = "";
    size_t used = 0;
    LILV_FOREACH(nodes, i, presets) {
        const LilvNode *preset = lilv_nodes_get(presets, i);
        lilv_world_load_resource(f->world, preset);
        LilvNode *label = lilv_world_get(f->world, preset, label_of, NULL);
        const char *text = label ? lilv_node_as_string(label) : lilv_node_as_string(preset);
        if (!match && (strcmp(lilv_node_as_string(preset), name) == 0 || strcmp(text, name) == 0))
            match = lilv_node_duplicate(preset);
        int length = snprintf(labels + used, sizeof labels - used, "%s\"%s\"", used ? ", " : "", text);
        if (length > 0 && (size_t)length < sizeof labels - used)
            used += (size_t)length;
        else
            labels[used] = '\0';
        lilv_node_free(label);
    }
    if (!match && used)
        fail_with("has no preset \"%s\"; it has %s", name, labels);
    else if (!match)
        fail_with("has no preset \"%s\", nor any other: remove \"preset\"", name);
    lilv_nodes_free(presets);
    lilv_node_free(label_of);
    lilv_node_free(type);
    return match;
}

static bool wants_default_state(const found_plugin *f)
{
    LilvNode *feature = lilv_new_uri(f->world, LV2_STATE__loadDefaultState);
    bool wants = lilv_plugin_has_feature(f->plugin, feature);
    lilv_node_free(feature);
    return wants;
}

static bool find_state(found_plugin *f, const mxd_lv2_wire_find *wanted)
{
    if (*wanted->preset) {
        LilvNode *preset = find_preset(f, wanted->preset);
        if (!preset)
            return false;
        f->state = lilv_state_new_from_world(f->world, features_map(), preset);
        lilv_node_free(preset);
        if (!f->state)
            return fail_with("has a preset \"%s\" that cannot be read", wanted->preset);
    } else if (*wanted->state) {
        f->state = lilv_state_new_from_file(f->world, features_map(), NULL, wanted->state);
        if (!f->state)
            return fail_with("cannot take its state from %s: the file cannot be opened, or is no LV2 state", wanted->state);
        const LilvNode *of = lilv_state_get_plugin_uri(f->state);
        if (of && !lilv_node_equals(of, lilv_plugin_get_uri(f->plugin)))
            return fail_with("cannot take its state from %s, which is of the plug-in <%s>", wanted->state,
                             lilv_node_as_string(of));
    } else if (wants_default_state(f)) /* none is fine: a plug-in that wants none written is at its defaults */
        f->state = lilv_state_new_from_world(f->world, features_map(), lilv_plugin_get_uri(f->plugin));
    return true;
}

static void take_port_value(const char *symbol, void *user, const void *value, uint32_t size, uint32_t type)
{
    found_plugin *f = user;
    double number = NAN;
    if (type == features_urid(LV2_ATOM__Float) && size == sizeof(float))
        number = (double)*(const float *)value;
    else if (type == features_urid(LV2_ATOM__Double) && size == sizeof(double))
        number = *(const double *)value;
    else if ((type == features_urid(LV2_ATOM__Int) || type == features_urid(LV2_ATOM__Bool)) && size == sizeof(int32_t))
        number = *(const int32_t *)value;
    else if (type == features_urid(LV2_ATOM__Long) && size == sizeof(int64_t))
        number = (double)*(const int64_t *)value;
    for (uint32_t i = 0; i < f->found.num_parameters && isfinite(number); i++)
        if (strcmp(f->parameters[i].symbol, symbol) == 0)
            f->parameters[i].value = (float)number;
}

bool find_plugin(const mxd_lv2_wire_find *wanted, found_plugin *f)
{
    *f = (found_plugin){.world = lilv_world_new(), .sample_rate = wanted->sample_rate};
    if (!f->world)
        return fail_with("memory ran out");
    lilv_world_load_all(f->world);
    const LilvPlugins *plugins = lilv_world_get_all_plugins(f->world);
    LilvNode *uri = lilv_new_uri(f->world, wanted->uri);
    f->plugin = uri ? lilv_plugins_get_by_uri(plugins, uri) : NULL;
    lilv_node_free(uri);
    if (!f->plugin)
        return fail_not_installed(plugins, wanted->uri);
    LilvNode *name = lilv_plugin_get_name(f->plugin);
    copy_text(f->found.name, sizeof f->found.name, name ? lilv_node_as_string(name) : wanted->uri);
    lilv_node_free(name);
    if (!check_features(f->plugin) || !check_options(f->world, f->plugin) || !find_ports(f) ||
        !find_state(f, wanted))
        return false;
    if (f->state)
        lilv_state_emit_port_values(f->state, take_port_value, f);
    return true;
}
