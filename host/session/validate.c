/*
 * Checks what no single value can tell. A session that loaded with mistakes
 * comes here as well; what is unknown in it (formats/session_parts.h) is passed
 * over, so that no mistake is told twice.
 */
#include "../effects/effect.h"
#include "groups.h"
#include "inputs.h"
#include "loops.h"

#include <stdlib.h>
#include <string.h>

/* libFLAC's limit. */
#define MAX_FLAC_CHANNELS 8

typedef struct validator {
    mxd_session *session;
    mxd_problems *problems;
    mxd_result result;
} validator;

static const char *plural(uint32_t count)
{
    return count == 1 ? "" : "s";
}

/* ---- Channels ------------------------------------------------------------ */

/* Channels behind a chain of inserts; 0 = unknown or impossible (which is then told). */
static uint32_t chain_width(validator *v, const mxd_insert *inserts, uint32_t num_inserts, uint32_t width)
{
    for (uint32_t i = 0; i < num_inserts && width > 0; i++) {
        const mxd_insert *insert = &inserts[i];
        if (!insert->effect)
            return 0;
        const mxd_place place = mxd_session_place(v->session, &insert->origin);
        uint32_t outputs = insert->effect->num_outputs(insert->params, width, &place, v->problems);
        if (outputs == 0)
            v->result = MXD_ERROR_INVALID;
        if (outputs > MXD_MAX_CHANNELS) {
            v->result = mxd_fail(v->problems, MXD_ERROR_INVALID, &place,
                                 "%u channels leave this insert, but a track or bus has at most %d", outputs,
                                 MXD_MAX_CHANNELS);
            outputs = 0;
        }
        width = outputs;
    }
    return width;
}

/*
 * One or two channels are placed in a bus of one or two by pan; anything else
 * must find as many channels as it has.
 */
static void check_feed(validator *v, const mxd_strip *strip, const mxd_origin *origin, int bus, const char *how)
{
    if (bus < 0 || (uint32_t)bus >= v->session->num_buses)
        return;
    const mxd_strip *target = &v->session->buses[bus].strip;
    uint32_t from = strip->num_channels, to = target->num_source_channels;
    if (from == 0 || to == 0 || from == to || (from <= 2 && to <= 2))
        return;
    const mxd_place place = mxd_session_place(v->session, origin);
    v->result = mxd_fail(v->problems, MXD_ERROR_INVALID, &place,
                         "\"%.80s\" has %u channel%s, but the bus \"%.80s\" that it %s has %u: they must be as many, "
                         "or at most 2 each", strip->name, from, plural(from), target->name, how, to);
}

/* ---- Places -------------------------------------------------------------- */

static void check_scene_place(validator *v, const mxd_strip *strip, const mxd_place *place)
{
    const mxd_placement *p = &strip->place;
    uint32_t width = strip->num_channels;
    if (width == 0)
        return;
    if (p->kind == MXD_PLACE_OBJECTS && p->num_objects > 0 && p->num_objects != width)
        v->result = mxd_fail(v->problems, MXD_ERROR_INVALID, place,
                             "%u object%s for the %u channel%s of \"%.80s\": each channel needs its own",
                             p->num_objects, plural(p->num_objects), width, plural(width), strip->name);
    if (p->kind == MXD_PLACE_BED && p->bed->num_channels != width)
        v->result = mxd_fail(v->problems, MXD_ERROR_INVALID, place,
                             "the bed %s has %u channels, but \"%.80s\" has %u", p->bed->name, p->bed->num_channels,
                             strip->name, width);
    if (p->kind == MXD_PLACE_PAN && width > 2)
        v->result = mxd_fail(v->problems, MXD_ERROR_INVALID, place,
                             "\"%.80s\" has %u channels, and pan places 1 or 2: place it by \"bed\" or \"objects\", "
                             "or send it to a bus of as many channels by \"output\"", strip->name, width);
}

static void check_place(validator *v, const mxd_strip *strip)
{
    bool written = strip->place.origin.path != NULL;
    const mxd_place place = mxd_session_place(v->session, written ? &strip->place.origin : &strip->origin);
    bool unknown = strip->place.kind == MXD_PLACE_OBJECTS && strip->place.num_objects == 0;
    if (strip->output == -1) {
        check_scene_place(v, strip, &place);
    } else if (strip->place.kind != MXD_PLACE_PAN && !unknown) {
        v->result = mxd_fail(v->problems, MXD_ERROR_INVALID, &place,
                             "\"%.80s\" goes to a bus, so that it can be placed by \"pan\" only; place the bus",
                             strip->name);
    } else if (written && !unknown && strip->num_channels > 2) {
        v->result = mxd_fail(v->problems, MXD_ERROR_INVALID, &place,
                             "\"%.80s\" has %u channels, and pan places 1 or 2", strip->name, strip->num_channels);
    }
}

static void check_automation(validator *v, const mxd_strip *strip)
{
    bool unknown = strip->place.kind == MXD_PLACE_OBJECTS && strip->place.num_objects == 0;
    for (uint32_t i = 0; i < strip->num_automation; i++) {
        const mxd_automation *automation = &strip->automation[i];
        if (automation->parameter != MXD_PARAMETER_PAN || unknown || automation->num_points == 0)
            continue;
        const mxd_place place = mxd_session_place(v->session, &automation->origin);
        if (strip->place.kind != MXD_PLACE_PAN)
            v->result = mxd_fail(v->problems, MXD_ERROR_INVALID, &place,
                                 "\"pan\" is automated, but \"%.80s\" is not placed by pan", strip->name);
        else if (strip->num_channels > 2)
            v->result = mxd_fail(v->problems, MXD_ERROR_INVALID, &place,
                                 "\"pan\" is automated, but \"%.80s\" has %u channels, and pan places 1 or 2",
                                 strip->name, strip->num_channels);
    }
}

static bool pans_send(const mxd_strip *strip, uint32_t send)
{
    for (uint32_t i = 0; i < strip->num_automation; i++)
        if (strip->automation[i].parameter == MXD_PARAMETER_SEND_PAN && strip->automation[i].send == send &&
            strip->automation[i].num_points > 0)
            return true;
    return strip->sends[send].has_pan;
}

/* A send is placed between two channels only. */
static void check_send(validator *v, const mxd_strip *strip, uint32_t index)
{
    const mxd_send *send = &strip->sends[index];
    check_feed(v, strip, &send->origin, (int)send->bus, "is sent to");
    if (send->bus >= v->session->num_buses || !pans_send(strip, index))
        return;
    const mxd_strip *bus = &v->session->buses[send->bus].strip;
    uint32_t to = bus->num_source_channels, from = strip->num_channels;
    if (to == 0 || from == 0 || (to == 2 && from <= 2))
        return;
    const mxd_place place = mxd_session_place(v->session, &send->origin);
    v->result = mxd_fail(v->problems, MXD_ERROR_INVALID, &place,
                         "the send has a pan, which places 1 or 2 channels in a bus of 2; \"%.80s\" has %u and the bus "
                         "\"%.80s\" %u", strip->name, from, bus->name, to);
}

static void check_strip(validator *v, const mxd_strip *strip)
{
    if (strip->output >= 0)
        check_feed(v, strip, &strip->origin, strip->output, "goes to");
    for (uint32_t i = 0; i < strip->num_sends; i++)
        check_send(v, strip, i);
    check_place(v, strip);
    check_automation(v, strip);
}

/* ---- Deliverables -------------------------------------------------------- */

static void check_format(validator *v, const mxd_deliverable *d)
{
    const mxd_place place = mxd_session_place(v->session, &d->origin);
    if (d->format == MXD_FORMAT_FLAC && d->bit_depth == 32)
        v->result = mxd_fail(v->problems, MXD_ERROR_INVALID, &place,
                             "FLAC has no 32-bit float; use \"bit_depth\" 16 or 24, or WAV");
    if (!d->layout)
        return;
    if (d->format == MXD_FORMAT_FLAC && d->layout->num_channels > MAX_FLAC_CHANNELS)
        v->result = mxd_fail(v->problems, MXD_ERROR_INVALID, &place,
                             "FLAC has at most %d channels, but %s has %u; use WAV", MAX_FLAC_CHANNELS,
                             d->layout->name, d->layout->num_channels);
    bool in_order = false;
    if (d->channel_order == MXD_ORDER_WAVE && mxd_layout_wave_mask(d->layout, &in_order) == 0)
        v->result = mxd_fail(v->problems, MXD_ERROR_INVALID, &place,
                             "\"channel_order\": \"wave\" cannot be: the layout %s has loudspeakers that WAVE's mask "
                             "does not know; use \"layout\"", d->layout->name);
    uint32_t width = chain_width(v, d->inserts, d->num_inserts, d->layout->num_channels);
    if (width > 0 && width != d->layout->num_channels)
        v->result = mxd_fail(v->problems, MXD_ERROR_INVALID, &place,
                             "%u channel%s leave the inserts, but the layout %s has %u", width, plural(width),
                             d->layout->name, d->layout->num_channels);
}

/* Adds what stands between two slashes to a path of `length` bytes, resolving "." and ".."; gives the new length. */
static size_t append_part(char *path, size_t length, const char *part, size_t part_length)
{
    if (part_length == 0 || (part_length == 1 && part[0] == '.'))
        return length;
    if (part_length == 2 && memcmp(part, "..", 2) == 0 && length > 0) {
        size_t cut = length;
        while (cut > 0 && path[cut - 1] != '/')
            cut--;
        if (length - cut != 2 || memcmp(path + cut, "..", 2) != 0)
            return cut > 1 ? cut - 1 : 0;
    }
    if (length > 0 && path[length - 1] != '/')
        path[length++] = '/';
    memcpy(path + length, part, part_length);
    return length + part_length;
}

/*
 * The path at which a file named in the session can be opened, without "." and
 * "x/..": the same for two ways of writing one. To be freed; NULL = no memory.
 */
static char *plain_path(const mxd_session *session, const char *file)
{
    bool absolute = file[0] == '/';
    const char *folder = absolute ? "" : session->folder;
    absolute = absolute || folder[0] == '/';
    char *path = malloc(strlen(folder) + strlen(file) + 3);
    if (!path)
        return NULL;
    /* The root's slash stands before the part that is put together, out of reach of "..". */
    size_t length = 0;
    char *start = path;
    if (absolute)
        *start++ = '/';
    const char *pieces[] = {folder, file};
    for (int i = 0; i < 2; i++) {
        for (const char *part = pieces[i]; *part;) {
            size_t part_length = strcspn(part, "/");
            length = append_part(start, length, part, part_length);
            part += part_length + (part[part_length] == '/');
        }
    }
    start[length] = '\0';
    return path;
}

typedef struct output {
    char *path;
    const mxd_deliverable *deliverable;
} output;

static int compare_outputs(const void *a, const void *b)
{
    const output *x = a, *y = b;
    int order = strcmp(x->path, y->path);
    return order != 0 ? order : (x->deliverable > y->deliverable) - (x->deliverable < y->deliverable);
}

static void check_output_files(validator *v)
{
    const mxd_session *session = v->session;
    uint32_t count = 0;
    output *outputs = calloc(session->num_deliverables + 1u, sizeof *outputs);
    mxd_inputs *inputs = mxd_inputs_create(session);
    bool good = outputs && inputs;
    for (uint32_t i = 0; good && i < session->num_deliverables; i++) {
        const mxd_deliverable *d = &session->deliverables[i];
        if (!d->file)
            continue;
        outputs[count].deliverable = d;
        outputs[count].path = plain_path(session, d->file);
        good = outputs[count].path != NULL;
        if (!good)
            break;
        const mxd_place place = mxd_session_place(session, &d->origin);
        mxd_result result = mxd_inputs_check_overwrite(inputs, outputs[count++].path, d->file, &place, v->problems);
        if (result != MXD_OK)
            v->result = result;
    }
    if (!good)
        v->result = mxd_fail(v->problems, MXD_ERROR_MEMORY, NULL, "memory ran out while outputs were being checked");
    if (good)
        qsort(outputs, count, sizeof *outputs, compare_outputs);
    for (uint32_t i = 1; good && i < count; i++) {
        if (strcmp(outputs[i].path, outputs[i - 1].path) != 0)
            continue;
        const mxd_place place = mxd_session_place(session, &outputs[i].deliverable->origin);
        v->result = mxd_fail(v->problems, MXD_ERROR_INVALID, &place,
                             "two deliverables write one file: \"%.200s\" (the other is at line %u)",
                             outputs[i].deliverable->file, outputs[i - 1].deliverable->origin.line);
    }
    for (uint32_t i = 0; i < count; i++)
        free(outputs[i].path);
    free(outputs);
    mxd_inputs_destroy(inputs);
}

/* ---- The whole ----------------------------------------------------------- */

static void set_width(validator *v, mxd_strip *strip)
{
    strip->num_channels = chain_width(v, strip->inserts, strip->num_inserts, strip->num_source_channels);
}

/* A session must last: by its length_s or by a clip. */
static void check_length(validator *v)
{
    const mxd_session *session = v->session;
    if (session->num_frames > 0 || session->num_tracks == 0)
        return;
    for (uint32_t i = 0; i < session->num_tracks; i++)
        if (session->tracks[i].num_clips > 0)
            return;
    v->result = MXD_ERROR_INVALID;
    /* Where something is wrong already, the clips may be there but not readable. */
    if (mxd_problems_have_errors(v->problems))
        return;
    v->result = mxd_fail(v->problems, MXD_ERROR_INVALID, &(mxd_place){.file = session->file},
                         "the session has no length: no track has a clip, and there is no \"length_s\"");
}

mxd_result mxd_session_validate(mxd_session *session, mxd_problems *problems)
{
    validator v = {.session = session, .problems = problems, .result = MXD_OK};
    mxd_result names = mxd_session_check_names(session, problems);
    mxd_result loops = mxd_session_check_loops(session, problems);
    mxd_result groups = mxd_session_check_groups(session, problems);
    if (names != MXD_OK || loops != MXD_OK || groups != MXD_OK)
        v.result = names != MXD_OK ? names : loops != MXD_OK ? loops : groups;
    /* All widths first: a strip is held against the bus that it feeds. */
    for (uint32_t i = 0; i < session->num_tracks; i++)
        set_width(&v, &session->tracks[i].strip);
    for (uint32_t i = 0; i < session->num_buses; i++)
        set_width(&v, &session->buses[i].strip);
    for (uint32_t i = 0; i < session->num_tracks; i++)
        check_strip(&v, &session->tracks[i].strip);
    for (uint32_t i = 0; i < session->num_buses; i++)
        check_strip(&v, &session->buses[i].strip);
    for (uint32_t i = 0; i < session->num_deliverables; i++)
        check_format(&v, &session->deliverables[i]);
    check_output_files(&v);
    check_length(&v);
    return v.result;
}
