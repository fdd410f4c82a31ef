/* What tracks and buses have in common: inserts, fader, sends, automation, output, place. */
#include "session_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A track is moved for its feel or for a microphone's way to the source: ten seconds are plenty. */
#define MAX_DELAY_MS 10000.0

static const mxd_planned_key planned_strip_keys[] = {
    {"speed", "a change of speed"},
    {"stretch", "stretching in time"},
    {"pitch_semitones", "a change of pitch"},
};

/* ---- Inserts ------------------------------------------------------------- */

/* The effect that the insert names; NULL with a problem. */
static const mxd_effect *find_effect(mxd_reader *reader)
{
    enum { MAX_TYPES = 64 };
    const char *type = NULL, *types[MAX_TYPES];
    if (!mxd_read_name(reader, "type", MXD_REQUIRED, &type))
        return NULL;
    const mxd_effect *effect = mxd_effect_find(type);
    if (effect)
        return effect;
    if (mxd_effect_is_planned(type)) {
        mxd_reader_fail(reader, "type", "the insert \"%s\" is not built yet", type);
        return NULL;
    }
    size_t num_types = 0;
    for (uint32_t i = 0; (effect = mxd_effect_get(i)) && num_types < MAX_TYPES; i++)
        types[num_types++] = effect->type;
    int ignored = 0;
    mxd_read_choice(reader, "type", MXD_REQUIRED, types, num_types, &ignored);
    return NULL;
}

/* ---- Sends --------------------------------------------------------------- */

static void load_send(mxd_loader *loader, mxd_reader *reader, mxd_strip *strip)
{
    static const char *const taps[] = {"post-fader", "pre-fader"};
    mxd_send *send = &strip->sends[strip->num_sends];
    int bus = mxd_read_bus(loader, reader, "to", MXD_REQUIRED);
    int tap = MXD_TAP_POST_FADER;
    mxd_read_level(reader, "gain_db", MXD_OPTIONAL, MXD_MIN_LEVEL_DB, MXD_MAX_LEVEL_DB, &send->gain_db);
    mxd_read_choice(reader, "tap", MXD_OPTIONAL, taps, COUNT(taps), &tap);
    mxd_read_bool(reader, "mute", MXD_OPTIONAL, &send->mute);
    send->has_pan = mxd_read_number(reader, "pan", MXD_OPTIONAL, -1.0, 1.0, &send->pan);
    mxd_read_refuse(reader, "automation", "automation in a send (in the strip's it is \"send_gain_db\" and \"send_pan\")");
    if (bus < 0)
        return;
    for (uint32_t i = 0; i < strip->num_sends; i++)
        if (strip->sends[i].bus == (uint32_t)bus)
            mxd_reader_fail(reader, "to", "there is a send to \"%.80s\" already", loader->bus_names[bus]);
    send->bus = (uint32_t)bus;
    send->tap = (mxd_tap)tap;
    mxd_loader_origin(loader, reader, &send->origin);
    strip->num_sends++;
}

static void load_sends(mxd_loader *loader, mxd_reader *reader, mxd_strip *strip)
{
    mxd_reader *array = mxd_read_array(reader, "sends", MXD_OPTIONAL);
    if (!array)
        return;
    size_t count = mxd_reader_length(array);
    strip->sends = mxd_loader_alloc(loader, count, sizeof *strip->sends);
    for (size_t i = 0; strip->sends && i < count; i++) {
        mxd_reader *object = mxd_item_object(array, i);
        if (object)
            load_send(loader, object, strip);
        mxd_reader_close(object);
    }
    mxd_reader_close(array);
}

/* ---- Automation ---------------------------------------------------------- */

/* Finds the send that an automation's "to" names; false with a problem. */
static bool find_send(mxd_loader *loader, mxd_reader *reader, const mxd_strip *strip, uint32_t *index)
{
    int bus = mxd_read_bus(loader, reader, "to", MXD_REQUIRED);
    for (uint32_t i = 0; bus >= 0 && i < strip->num_sends; i++) {
        if (strip->sends[i].bus == (uint32_t)bus) {
            *index = i;
            return true;
        }
    }
    if (bus >= 0)
        mxd_reader_fail(reader, "to", "there is no send to \"%.80s\" here that could be automated",
                        loader->bus_names[bus]);
    return false;
}

/* The parameter's range. */
static const mxd_point_range *range_of(mxd_parameter parameter)
{
    /* Lower than the lowest level there is silence, so that a fade may run to it. */
    static const mxd_point_range level = {-1000.0, MXD_MAX_LEVEL_DB, true, true, MXD_MIN_LEVEL_DB};
    static const mxd_point_range pan = {.min = -1.0, .max = 1.0};
    return parameter == MXD_PARAMETER_PAN || parameter == MXD_PARAMETER_SEND_PAN ? &pan : &level;
}

static bool is_of_send(const mxd_automation *automation)
{
    return automation->parameter == MXD_PARAMETER_SEND || automation->parameter == MXD_PARAMETER_SEND_PAN;
}

/* strip: whose sends may be named; NULL: a group's, which has its fader alone. */
static void load_automation_item(mxd_loader *loader, mxd_reader *reader, const mxd_strip *strip, mxd_automation *list,
                                 uint32_t index)
{
    static const char *const parameters[] = {"fader_db", "pan", "send_gain_db", "send_pan"};
    mxd_automation *automation = &list[index];
    int parameter = MXD_PARAMETER_FADER;
    mxd_loader_origin(loader, reader, &automation->origin);
    bool known = mxd_read_choice(reader, "parameter", MXD_REQUIRED, parameters, strip ? COUNT(parameters) : 1, &parameter);
    automation->parameter = (mxd_parameter)parameter;
    if (known && is_of_send(automation))
        known = find_send(loader, reader, strip, &automation->send);
    else if (strip && mxd_read_has(reader, "to") && known)
        mxd_reader_fail(reader, "to", "\"to\" has a meaning for \"send_gain_db\" and \"send_pan\" only");
    if (known || mxd_read_type(reader, "points") != MXD_JSON_ARRAY)
        mxd_load_curve(loader, reader, range_of(automation->parameter), automation);
    else
        mxd_read_has(reader, "curve");
    for (uint32_t i = 0; known && i < index; i++)
        if (list[i].num_points > 0 && list[i].parameter == automation->parameter &&
            (!is_of_send(automation) || list[i].send == automation->send))
            mxd_reader_fail(reader, "parameter", "\"%s\" is automated twice; put all points in one",
                            parameters[parameter]);
    if (!known)
        automation->num_points = 0; /* says that the parameter is not to be relied on */
}

void mxd_load_automation(mxd_loader *loader, mxd_reader *reader, const mxd_strip *strip, mxd_automation **list,
                         uint32_t *num_automation)
{
    mxd_reader *array = mxd_read_array(reader, "automation", MXD_OPTIONAL);
    if (!array)
        return;
    size_t count = mxd_reader_length(array);
    *list = mxd_loader_alloc(loader, count, sizeof **list);
    for (size_t i = 0; *list && i < count; i++) {
        mxd_reader *object = mxd_item_object(array, i);
        if (object)
            load_automation_item(loader, object, strip, *list, (*num_automation)++);
        mxd_reader_close(object);
    }
    mxd_reader_close(array);
}

/* ---- Inserts and their automation ---------------------------------------- */

/* What automation may name, for messages; NULL where the path names nothing that moves. */
static const mxd_insert_parameter *find_parameter(const mxd_insert *insert, const char *path, uint32_t *value)
{
    const mxd_effect *effect = insert->effect;
    for (uint32_t i = 0; i < effect->num_parameters; i++)
        if (strcmp(effect->parameters[i].key, path) == 0) {
            *value = i;
            return &effect->parameters[i];
        }
    return effect->find_parameter ? effect->find_parameter(insert->params, path, value) : NULL;
}

static void fail_parameter(mxd_reader *reader, const mxd_effect *effect, const char *path)
{
    enum { MAX_KEYS = 64 };
    const char *keys[MAX_KEYS];
    size_t num_keys = 0;
    for (uint32_t i = 0; i < effect->num_parameters && num_keys < MAX_KEYS; i++)
        if (!effect->parameters[i].is_fixed)
            keys[num_keys++] = effect->parameters[i].key;
    const char *nearest = mxd_nearest(path, keys, num_keys);
    const char *before = "", *named = "", *behind = "";
    if (nearest)
        before = "; did you mean \"", named = nearest, behind = "\"?";
    else if (effect->path_example)
        before = "; write for instance \"", named = effect->path_example, behind = "\"";
    else if (num_keys > 0)
        before = "; one is \"", named = keys[0], behind = "\"";
    else
        behind = ": it has none";
    mxd_reader_fail(reader, "parameter", "\"%.80s\" is no parameter of this %s that can be automated%s%s%s", path,
                    effect->type, before, named, behind);
}

/* Tells the insert how far a value goes; handles of a bezier lie beyond its points, the curve does not go beyond them. */
static void tell_automation(mxd_reader *reader, mxd_insert *insert, const mxd_automation *automation)
{
    double least = automation->points[0].value, most = least;
    for (uint32_t p = 0; p < automation->num_points; p++) {
        const double value = automation->points[p].value;
        const mxd_segment *s = automation->segments && p + 1 < automation->num_points ? &automation->segments[p] : NULL;
        const double out = s && s->curve == MXD_CURVE_BEZIER ? value + s->out_value : value;
        const double in = s && s->curve == MXD_CURVE_BEZIER ? automation->points[p + 1].value + s->in_value : value;
        least = fmin(least, fmin(value, fmin(out, in)));
        most = fmax(most, fmax(value, fmax(out, in)));
    }
    insert->effect->automated(insert->params, reader, automation->value, least, most);
}

static void load_insert_automation_item(mxd_loader *loader, mxd_reader *reader, mxd_insert *insert)
{
    mxd_automation *automation = &insert->automation[insert->num_automation];
    const char *path = NULL;
    automation->parameter = MXD_PARAMETER_INSERT;
    mxd_loader_origin(loader, reader, &automation->origin);
    const mxd_insert_parameter *range = mxd_read_name(reader, "parameter", MXD_REQUIRED, &path)
                                            ? find_parameter(insert, path, &automation->value) : NULL;
    if (path && range && range->is_fixed)
        mxd_reader_fail(reader, "parameter", "\"%s\" cannot move: the insert is built by it", path);
    else if (path && !range)
        fail_parameter(reader, insert->effect, path);
    if (range && !range->is_fixed) {
        size_t length = strlen(range->key);
        bool in_db = length > 3 && strcmp(range->key + length - 3, "_db") == 0;
        mxd_load_curve(loader, reader, &(mxd_point_range){range->min, range->max, in_db, range->is_level, -HUGE_VAL},
                       automation);
    } else {
        mxd_read_has(reader, "curve");
        mxd_read_has(reader, "points");
    }
    for (uint32_t i = 0; range && i < insert->num_automation; i++)
        if (insert->automation[i].value == automation->value)
            mxd_reader_fail(reader, "parameter", "\"%s\" is automated twice; put all points in one", path);
    if (automation->num_points > 0) {
        insert->num_automation++;
        if (insert->effect->automated)
            tell_automation(reader, insert, automation);
        return;
    }
    free(automation->points);
    free(automation->segments);
    free(automation->origin.path);
    *automation = (mxd_automation){0};
}

static void load_insert_automation(mxd_loader *loader, mxd_reader *reader, mxd_insert *insert)
{
    mxd_reader *array = mxd_read_array(reader, "automation", MXD_OPTIONAL);
    if (!array)
        return;
    size_t count = mxd_reader_length(array);
    insert->automation = mxd_loader_alloc(loader, count, sizeof *insert->automation);
    for (size_t i = 0; insert->automation && i < count; i++) {
        mxd_reader *object = mxd_item_object(array, i);
        if (object)
            load_insert_automation_item(loader, object, insert);
        mxd_reader_close(object);
    }
    mxd_reader_close(array);
}

static void load_side_chain(mxd_loader *loader, mxd_reader *reader, mxd_insert *insert)
{
    static const char *const taps[] = {"post-fader", "pre-fader"};
    mxd_reader *child = mxd_read_object(reader, "side_chain", MXD_OPTIONAL);
    const char *from = NULL;
    int tap = MXD_TAP_POST_FADER;
    if (!child)
        return;
    mxd_read_name(child, "from", MXD_REQUIRED, &from);
    mxd_read_choice(child, "tap", MXD_OPTIONAL, taps, COUNT(taps), &tap);
    mxd_side_chain *made = from ? mxd_loader_alloc(loader, 1, sizeof *made) : NULL;
    if (made) {
        made->from = mxd_loader_copy(loader, from);
        made->tap = (mxd_tap)tap;
        mxd_loader_origin(loader, child, &made->origin);
        insert->side_chain = made;
    }
    mxd_reader_close(child);
}

/* The plain numbers, by the effect's table. */
static void load_values(mxd_reader *reader, const mxd_effect *effect, double *values)
{
    for (uint32_t i = 0; i < effect->num_parameters; i++) {
        const mxd_insert_parameter *parameter = &effect->parameters[i];
        values[i] = parameter->initial;
        (parameter->is_level ? mxd_read_level : mxd_read_number)(reader, parameter->key, MXD_OPTIONAL, parameter->min,
                                                                 parameter->max, &values[i]);
    }
}

static void load_insert(mxd_loader *loader, mxd_reader *reader, const mxd_effect_context *context, mxd_insert *insert)
{
    mxd_loader_origin(loader, reader, &insert->origin);
    const mxd_effect *effect = find_effect(reader);
    if (!effect) {
        mxd_reader_abandon(reader); /* nobody knows the keys of an unknown insert */
        return;
    }
    mxd_read_bool(reader, "bypass", MXD_OPTIONAL, &insert->bypass);
    insert->params = effect->read(reader, context);
    insert->effect = insert->params ? effect : NULL;
    if (insert->params) {
        load_values(reader, effect, insert->params);
        if (effect->finish)
            effect->finish(insert->params, reader, context);
        load_insert_automation(loader, reader, insert);
        if (effect->has_side_chain)
            load_side_chain(loader, reader, insert);
    }
    mxd_reader_close(reader);
}

void mxd_load_inserts(mxd_loader *loader, mxd_reader *reader, mxd_insert **inserts, uint32_t *num_inserts)
{
    const mxd_effect_context context = {.sample_rate = loader->session->sample_rate,
                                        .folder = loader->session->folder,
                                        .responses = loader->responses,
                                        .session = loader->session};
    mxd_reader *array = mxd_read_array(reader, "inserts", MXD_OPTIONAL);
    if (!array)
        return;
    size_t count = mxd_reader_length(array);
    *inserts = mxd_loader_alloc(loader, count, sizeof **inserts);
    for (size_t i = 0; *inserts && i < count; i++) {
        mxd_insert *insert = &(*inserts)[(*num_inserts)++];
        mxd_reader *object = mxd_item_object(array, i);
        if (object)
            load_insert(loader, object, &context, insert);
    }
    mxd_reader_close(array);
}

/* ---- In front of the inserts --------------------------------------------- */

void mxd_load_delay(mxd_loader *loader, mxd_reader *reader, bool is_track, mxd_strip *strip)
{
    double delay_ms = 0.0;
    if (mxd_read_number(reader, "delay_ms", MXD_OPTIONAL, is_track ? -MAX_DELAY_MS : 0.0, MAX_DELAY_MS, &delay_ms))
        strip->delay_frames = llround(delay_ms * 1e-3 * loader->session->sample_rate);
}

/* ---- The strip ----------------------------------------------------------- */

void mxd_load_strip(mxd_loader *loader, mxd_reader *reader, mxd_strip *strip)
{
    mxd_read_level(reader, "fader_db", MXD_OPTIONAL, MXD_MIN_LEVEL_DB, MXD_MAX_LEVEL_DB, &strip->fader_db);
    mxd_read_bool(reader, "mute", MXD_OPTIONAL, &strip->mute);
    mxd_read_bool(reader, "solo", MXD_OPTIONAL, &strip->solo);
    mxd_read_bool(reader, "solo_safe", MXD_OPTIONAL, &strip->solo_safe);
    mxd_read_bool(reader, "polarity", MXD_OPTIONAL, &strip->inverted);
    mxd_load_membership(loader, reader, strip);
    mxd_load_inserts(loader, reader, &strip->inserts, &strip->num_inserts);
    load_sends(loader, reader, strip);
    mxd_load_automation(loader, reader, strip, &strip->automation, &strip->num_automation);
    strip->output = -1;
    if (mxd_read_has(reader, "output")) {
        strip->output = mxd_read_bus(loader, reader, "output", MXD_REQUIRED);
        if (strip->output < 0)
            strip->output = MXD_OUTPUT_UNKNOWN;
    }
    mxd_load_place(loader, reader, &strip->place);
    mxd_refuse_all(reader, planned_strip_keys, COUNT(planned_strip_keys));
}
