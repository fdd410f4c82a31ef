/*
 * A session file into plain data. Buses' names are read before all else, since
 * tracks and buses speak of buses that may stand further down. Every problem is
 * added and reading goes on, so that one run of `check` tells them all.
 */
#include "session_parts.h"

#include "../host/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const mxd_planned_key planned_session_keys[] = {
    {"album", "mastering of an album"},
    {"programme", "ADM programmes"},
    {"screen", "a reproduction screen"},
    {"head_rotation", "head rotation"},
};

static const mxd_planned_key planned_deliverable_keys[] = {
    {"loudness_lufs", "mastering to a loudness"},
    {"true_peak_dbtp", "the true-peak limiter"},
    {"loudness_mode", "mastering to a loudness"},
    {"loudness_preset", "mastering to a loudness"},
    {"limiter", "the true-peak limiter"},
    {"match", "mastering to a reference"},
    {"hrtf", "binaural rendering"},
    {"headphones", "binaural rendering"},
    {"room", "binaural rendering"},
    {"head_rotation", "binaural rendering"},
    {"order", "Ambisonics"},
    {"normalization", "Ambisonics"},
    {"dither", "a choice of dither (16 and 24 bit have TPDF)"},
    {"metadata", "metadata in files"},
    {"sample_rate", "a sample rate other than the session's"},
    {"speakers", "loudspeakers at places of their own"},
    {"screen", "a reproduction screen"},
    {"importance", "a threshold of importance"},
    {"profile", "ADM output"},
    {"stems", "output of stems"},
};

/* ---- What the parts share ------------------------------------------------ */

void *mxd_loader_alloc(mxd_loader *loader, size_t count, size_t size)
{
    void *memory = count > 0 ? calloc(count, size) : NULL;
    if (count > 0 && !memory)
        loader->out_of_memory = true;
    return memory;
}

char *mxd_loader_copy(mxd_loader *loader, const char *string)
{
    char *copy = strdup(string);
    if (!copy)
        loader->out_of_memory = true;
    return copy;
}

char *mxd_loader_path(mxd_loader *loader, const char *file)
{
    char *path = mxd_path_join(loader->session->folder, file);
    if (!path)
        loader->out_of_memory = true;
    return path;
}

void mxd_loader_origin(mxd_loader *loader, mxd_reader *reader, mxd_origin *origin)
{
    const mxd_place place = mxd_reader_place(reader, NULL);
    origin->line = place.line;
    origin->column = place.column;
    origin->path = mxd_loader_copy(loader, place.path ? place.path : "");
}

int mxd_read_bus(mxd_loader *loader, mxd_reader *reader, const char *key, mxd_need need)
{
    const char *name = NULL;
    if (!mxd_read_name(reader, key, need, &name))
        return -1;
    uint32_t num_buses = loader->session->num_buses;
    for (uint32_t i = 0; i < num_buses; i++)
        if (strcmp(loader->bus_names[i], name) == 0)
            return (int)i;
    const char *near = mxd_nearest(name, loader->bus_names, num_buses);
    if (near)
        mxd_reader_fail(reader, key, "there is no bus \"%.80s\"; did you mean \"%.80s\"?", name, near);
    else
        mxd_reader_fail(reader, key, "there is no bus \"%.80s\"%s", name,
                        num_buses == 0 ? ": the session has no buses" : "");
    return -1;
}

const mxd_layout *mxd_read_layout(mxd_reader *reader, const char *key, mxd_need need)
{
    enum { MAX_NAMES = 64 };
    const char *name = NULL, *names[MAX_NAMES];
    if (!mxd_read_name(reader, key, need, &name))
        return NULL;
    const mxd_layout *layout = mxd_layout_find(name);
    if (layout)
        return layout;
    if (strcmp(name, "binaural") == 0 || strcmp(name, "ambisonics") == 0) {
        mxd_reader_fail(reader, key, "the layout \"%s\" is not built yet", name);
        return NULL;
    }
    char list[1024] = "";
    size_t count = 0, length = 0;
    for (uint32_t i = 0; (layout = mxd_layout_get(i)) && count + 2 <= MAX_NAMES; i++) {
        names[count++] = layout->name;
        if (layout->common_name)
            names[count++] = layout->common_name;
        if (length < sizeof list)
            length += (size_t)snprintf(list + length, sizeof list - length, "%s%s%s%s%s", i ? ", " : "", layout->name,
                                       layout->common_name ? " (" : "", layout->common_name ? layout->common_name : "",
                                       layout->common_name ? ")" : "");
    }
    const char *near = mxd_nearest(name, names, count);
    if (near)
        mxd_reader_fail(reader, key, "there is no layout \"%.80s\"; did you mean \"%s\"? There are: %s", name, near,
                        list);
    else
        mxd_reader_fail(reader, key, "there is no layout \"%.80s\"; there are: %s", name, list);
    return NULL;
}

bool mxd_refuse_all(mxd_reader *reader, const mxd_planned_key *keys, size_t num_keys)
{
    bool any = false;
    for (size_t i = 0; i < num_keys; i++)
        any = mxd_read_refuse(reader, keys[i].key, keys[i].what) || any;
    return any;
}

bool mxd_read_choice_of(mxd_reader *reader, const char *key, mxd_need need, const char *const *names, size_t num_names,
                        const char *const *planned, size_t num_planned, int *value)
{
    const char *string = NULL;
    if (mxd_read_type(reader, key) == MXD_JSON_STRING && mxd_read_string(reader, key, need, &string)) {
        for (size_t i = 0; i < num_planned; i++) {
            if (strcmp(string, planned[i]) == 0) {
                mxd_reader_fail(reader, key, "\"%s\": \"%s\" is not built yet", key, string);
                return false;
            }
        }
    }
    return mxd_read_choice(reader, key, need, names, num_names, value);
}

/* ---- Tracks, buses, deliverables ----------------------------------------- */

static void load_name(mxd_loader *loader, mxd_reader *reader, mxd_strip *strip)
{
    const char *name = "";
    mxd_loader_origin(loader, reader, &strip->origin);
    mxd_read_name(reader, "name", MXD_REQUIRED, &name);
    strip->name = mxd_loader_copy(loader, name);
}

static void load_tracks(mxd_loader *loader, mxd_reader *root)
{
    mxd_session *session = loader->session;
    mxd_reader *array = mxd_read_array(root, "tracks", MXD_REQUIRED);
    if (!array)
        return;
    size_t count = mxd_reader_length(array);
    if (count == 0)
        mxd_reader_fail(root, "tracks", "the session has no tracks; give it at least one");
    session->tracks = mxd_loader_alloc(loader, count, sizeof *session->tracks);
    for (size_t i = 0; session->tracks && i < count; i++) {
        mxd_track *track = &session->tracks[session->num_tracks];
        mxd_reader *reader = mxd_item_object(array, i);
        if (!reader)
            continue;
        session->num_tracks++;
        load_name(loader, reader, &track->strip);
        mxd_load_clips(loader, reader, track);
        mxd_load_delay(loader, reader, true, &track->strip);
        mxd_load_strip(loader, reader, &track->strip);
        mxd_reader_close(reader);
    }
    mxd_reader_close(array);
}

/*
 * Buses are opened twice: for their names, and then as a whole. The first pass
 * leaves an entry for each item, good or not, so that indices match.
 */
static void load_bus_names(mxd_loader *loader, mxd_reader *root)
{
    mxd_session *session = loader->session;
    if (mxd_read_type(root, "buses") != MXD_JSON_ARRAY)
        return;
    mxd_reader *array = mxd_read_array(root, "buses", MXD_OPTIONAL);
    size_t count = array ? mxd_reader_length(array) : 0;
    session->buses = mxd_loader_alloc(loader, count, sizeof *session->buses);
    loader->bus_names = mxd_loader_alloc(loader, count, sizeof *loader->bus_names);
    for (size_t i = 0; session->buses && loader->bus_names && i < count; i++) {
        session->buses[i].strip.output = -1;
        loader->bus_names[session->num_buses++] = "";
        if (mxd_item_type(array, i) != MXD_JSON_OBJECT)
            continue;
        mxd_reader *reader = mxd_item_object(array, i);
        if (reader && mxd_read_type(reader, "name") == MXD_JSON_STRING)
            mxd_read_string(reader, "name", MXD_OPTIONAL, &loader->bus_names[i]);
        mxd_reader_abandon(reader);
    }
    mxd_reader_abandon(array);
}

static void load_buses(mxd_loader *loader, mxd_reader *root)
{
    mxd_session *session = loader->session;
    mxd_reader *array = mxd_read_array(root, "buses", MXD_OPTIONAL);
    for (uint32_t i = 0; array && i < session->num_buses; i++) {
        mxd_strip *strip = &session->buses[i].strip;
        mxd_reader *reader = mxd_item_object(array, i);
        if (!reader) {
            strip->name = mxd_loader_copy(loader, "");
            continue;
        }
        load_name(loader, reader, strip);
        int64_t channels = 0;
        mxd_read_integer(reader, "channels", MXD_REQUIRED, 1, MXD_MAX_CHANNELS, &channels);
        strip->num_source_channels = (uint32_t)channels;
        mxd_load_delay(loader, reader, false, strip);
        mxd_load_strip(loader, reader, strip);
        mxd_reader_close(reader);
    }
    mxd_reader_close(array);
}

static const char *extension_of(const char *file)
{
    const char *slash = strrchr(file, '/');
    const char *dot = strrchr(slash ? slash : file, '.');
    return dot ? dot + 1 : "";
}

static bool same_word(const char *a, const char *b)
{
    /* ASCII alone: the extensions are. */
    for (; *a && *b; a++, b++)
        if ((*a | 0x20) != (*b | 0x20))
            return false;
    return *a == *b;
}

/* False after a problem: the format is none that is built. */
static bool load_file_format(mxd_reader *reader, mxd_deliverable *deliverable)
{
    static const char *const names[] = {"wav", "rf64", "flac"};
    static const char *const planned[] = {"adm",  "bw64", "w64", "aiff", "aif", "caf",
                                          "opus", "ogg",  "oga", "mp3"};
    int format = MXD_FORMAT_WAV;
    if (mxd_read_has(reader, "format")) {
        bool good = mxd_read_choice_of(reader, "format", MXD_REQUIRED, names, COUNT(names), planned, COUNT(planned),
                                       &format);
        deliverable->format = (mxd_file_format)format;
        return good;
    }
    const char *extension = extension_of(deliverable->file);
    for (size_t i = 0; i < COUNT(names); i++) {
        if (same_word(extension, names[i])) {
            deliverable->format = (mxd_file_format)i;
            return true;
        }
    }
    for (size_t i = 0; i < COUNT(planned); i++) {
        if (same_word(extension, planned[i])) {
            mxd_reader_fail(reader, "file", "files of the format \"%s\" are not built yet; use .wav, .rf64 or .flac",
                            planned[i]);
            return false;
        }
    }
    mxd_reader_fail(reader, "file", "the file's name does not tell its format: end it in .wav, .rf64 or .flac, "
                                    "or give \"format\"");
    return false;
}

static void load_deliverable(mxd_loader *loader, mxd_reader *reader, mxd_deliverable *deliverable)
{
    static const char *const orders[] = {"layout", "wave"};
    const char *file = NULL;
    mxd_need layout_need = MXD_REQUIRED;
    mxd_loader_origin(loader, reader, &deliverable->origin);
    if (mxd_read_name(reader, "file", MXD_REQUIRED, &file)) {
        deliverable->file = mxd_loader_copy(loader, file);
        if (deliverable->file && !load_file_format(reader, deliverable))
            layout_need = MXD_OPTIONAL; /* a format to come ("adm") may need none */
    } else {
        mxd_read_has(reader, "format");
    }
    deliverable->layout = mxd_read_layout(reader, "layout", layout_need);
    int64_t bit_depth = 24;
    if (mxd_read_integer(reader, "bit_depth", MXD_OPTIONAL, INT32_MIN, INT32_MAX, &bit_depth) && bit_depth != 16 &&
        bit_depth != 24 && bit_depth != 32)
        mxd_reader_fail(reader, "bit_depth", "\"bit_depth\" is %lld, but must be 16, 24 or 32 (float)",
                        (long long)bit_depth);
    deliverable->bit_depth = (uint32_t)bit_depth;
    int order = MXD_ORDER_LAYOUT;
    mxd_read_choice(reader, "channel_order", MXD_OPTIONAL, orders, COUNT(orders), &order);
    deliverable->channel_order = (mxd_channel_order)order;
    mxd_load_inserts(loader, reader, &deliverable->inserts, &deliverable->num_inserts);
    mxd_refuse_all(reader, planned_deliverable_keys, COUNT(planned_deliverable_keys));
}

static void load_deliverables(mxd_loader *loader, mxd_reader *root)
{
    mxd_session *session = loader->session;
    mxd_reader *array = mxd_read_array(root, "deliverables", MXD_REQUIRED);
    if (!array)
        return;
    size_t count = mxd_reader_length(array);
    if (count == 0)
        mxd_reader_fail(root, "deliverables", "the session has no deliverables; name at least one file to write");
    session->deliverables = mxd_loader_alloc(loader, count, sizeof *session->deliverables);
    for (size_t i = 0; session->deliverables && i < count; i++) {
        mxd_reader *reader = mxd_item_object(array, i);
        if (!reader)
            continue;
        load_deliverable(loader, reader, &session->deliverables[session->num_deliverables++]);
        mxd_reader_close(reader);
    }
    mxd_reader_close(array);
}

/* ---- The whole ----------------------------------------------------------- */

static void load_root(mxd_loader *loader, mxd_reader *root)
{
    mxd_session *session = loader->session;
    int64_t version = 0, sample_rate = 0;
    const char *ignored = NULL, *title = "";
    if (!mxd_read_has(root, "mixdown"))
        mxd_reader_fail(root, NULL, "\"mixdown\": 1 is missing, so this is no session of this program");
    else if (mxd_read_integer(root, "mixdown", MXD_REQUIRED, INT64_MIN, INT64_MAX, &version) && version != 1)
        mxd_reader_fail(root, "mixdown", "this session is of version %lld, but this program reads version 1",
                        (long long)version);
    mxd_read_string(root, "$schema", MXD_OPTIONAL, &ignored); /* for editors */
    mxd_read_string(root, "title", MXD_OPTIONAL, &title);
    session->title = mxd_loader_copy(loader, title);
    /* Where the rate is wrong a usual one stands in, so that times can be read all the same. */
    session->sample_rate = 48000;
    if (mxd_read_integer(root, "sample_rate", MXD_REQUIRED, 8000, 384000, &sample_rate))
        session->sample_rate = (uint32_t)sample_rate;
    if (mxd_read_time(root, "length_s", MXD_OPTIONAL, session->sample_rate, &session->num_frames) &&
        session->num_frames == 0)
        mxd_reader_fail(root, "length_s", "\"length_s\" must be longer than 0; leave it out to last until the last "
                                          "tail has rung out");
    mxd_load_tempo(loader, root);
    mxd_load_markers(loader, root);
    load_bus_names(loader, root);
    mxd_load_group_names(loader, root);
    load_tracks(loader, root);
    load_buses(loader, root);
    mxd_load_groups(loader, root);
    load_deliverables(loader, root);
    mxd_load_side_chains(loader);
    mxd_refuse_all(root, planned_session_keys, COUNT(planned_session_keys));
}

/* The folder of a path: "." where it has none, "/" for the root. To be freed. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return strdup(".");
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

/* Whether the problems from index `first` on hold an error. */
static bool have_errors_since(const mxd_problems *problems, size_t first)
{
    for (size_t i = first; i < mxd_problems_count(problems); i++)
        if (mxd_problems_get(problems, i)->severity == MXD_SEVERITY_ERROR)
            return true;
    return false;
}

static mxd_result load(const char *path, mxd_problems *problems, mxd_session **result)
{
    mxd_loader loader = {.problems = problems};
    mxd_reader *root = NULL;
    mxd_document *document = NULL;
    size_t first_problem = mxd_problems_count(problems);
    mxd_result status = mxd_document_open(path, problems, &document);
    if (status != MXD_OK)
        return status;
    status = MXD_ERROR_INVALID;
    root = mxd_document_root(document);
    if (!root) {
        status = mxd_document_result(document);
        goto end;
    }
    loader.session = mxd_loader_alloc(&loader, 1, sizeof *loader.session);
    if (!loader.session || !(loader.session->file = mxd_loader_copy(&loader, path)) ||
        !(loader.session->folder = folder_of(path))) {
        loader.out_of_memory = true;
        goto end;
    }
    if (!(loader.responses = mxd_response_library_create())) {
        loader.out_of_memory = true;
        goto end;
    }
    mxd_loader_prefetch_responses(&loader, document);
    load_root(&loader, root);
    mxd_reader_close(root);
    root = NULL;
    if (mxd_document_result(document) == MXD_ERROR_MEMORY)
        status = MXD_ERROR_MEMORY;
    if (status == MXD_ERROR_MEMORY || loader.out_of_memory)
        goto end;
    status = mxd_session_validate(loader.session, problems);
    if (status == MXD_OK &&
        (mxd_document_result(document) != MXD_OK || have_errors_since(problems, first_problem)))
        status = MXD_ERROR_INVALID;

end:
    if (loader.out_of_memory)
        status = mxd_fail(problems, MXD_ERROR_MEMORY, &(mxd_place){.file = path},
                          "memory ran out while the session was being read");
    mxd_reader_abandon(root);
    free(loader.bus_names);
    free(loader.group_names);
    mxd_probe_cache_finish(&loader.probed);
    mxd_response_library_destroy(loader.responses);
    mxd_document_close(document);
    if (status == MXD_OK)
        *result = loader.session;
    else
        mxd_session_destroy(loader.session);
    return status;
}

mxd_result mxd_session_load(const char *path, mxd_problems *problems, mxd_session **session)
{
    *session = NULL;
    /* Errors are found by looking at the list, so there must be one. */
    mxd_problems *own = problems ? NULL : mxd_problems_create();
    if (!problems && !own)
        return MXD_ERROR_MEMORY;
    mxd_result result = load(path, problems ? problems : own, session);
    mxd_problems_destroy(own);
    return result;
}
