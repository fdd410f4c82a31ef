/* The session's time line: tempo map and markers; note values. */
#include "session_parts.h"

#include "../host/session/tempo.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Slower than one beat a minute or faster than 1000 is a slip of the pen. */
#define MIN_BPM 1.0
#define MAX_BPM 1000.0

/* ---- Tempo --------------------------------------------------------------- */

static void load_tempo_point(mxd_loader *loader, mxd_reader *points, size_t index)
{
    static const char *const curves[] = {"hold", "linear"};
    mxd_session *session = loader->session;
    mxd_reader *item = mxd_item_array(points, index);
    if (!item)
        return;
    double time_s = 0.0, bpm = 0.0;
    int curve = 0;
    size_t length = mxd_reader_length(item);
    bool good = length == 2 || length == 3;
    if (!good) {
        mxd_reader_fail(item, NULL, "a tempo must be [time in seconds, beats a minute] or [time, beats, \"linear\"]");
    } else {
        good = mxd_item_number(item, 0, 0.0, MXD_MAX_TIME_S, &time_s);
        good = mxd_item_number(item, 1, MIN_BPM, MAX_BPM, &bpm) && good;
        good = (length == 2 || mxd_item_choice(item, 2, curves, COUNT(curves), &curve)) && good;
    }
    uint64_t frame = (uint64_t)llround(time_s * session->sample_rate);
    uint32_t count = session->num_tempo_points;
    if (good && count > 0 && frame <= session->tempo[count - 1].frame) {
        mxd_reader_fail(item, NULL, "tempi must ascend in time by a frame or more, but this one, at %.10g s, does not "
                                    "come after the one before", time_s);
        good = false;
    }
    if (good)
        session->tempo[session->num_tempo_points++] =
            (mxd_tempo_point){.frame = frame, .bpm = bpm, .ramp = curve == 1};
    mxd_reader_close(item);
}

static void load_tempo_map(mxd_loader *loader, mxd_reader *root)
{
    mxd_session *session = loader->session;
    mxd_reader *points = mxd_read_array(root, "tempo", MXD_REQUIRED);
    if (!points)
        return;
    size_t count = mxd_reader_length(points);
    if (count == 0)
        mxd_reader_fail(root, "tempo", "there must be at least one [time in seconds, beats a minute]");
    session->tempo = mxd_loader_alloc(loader, count, sizeof *session->tempo);
    for (size_t i = 0; session->tempo && i < count; i++)
        load_tempo_point(loader, points, i);
    mxd_reader_close(points);
    mxd_tempo_accumulate(session);
}

void mxd_load_tempo(mxd_loader *loader, mxd_reader *root)
{
    mxd_session *session = loader->session;
    double bpm = 0.0;
    switch (mxd_read_type(root, "tempo")) {
    case MXD_JSON_ABSENT:
        return;
    case MXD_JSON_NUMBER:
        if (!mxd_read_number(root, "tempo", MXD_REQUIRED, MIN_BPM, MAX_BPM, &bpm))
            return;
        session->tempo = mxd_loader_alloc(loader, 1, sizeof *session->tempo);
        if (session->tempo)
            session->tempo[session->num_tempo_points++] = (mxd_tempo_point){.bpm = bpm};
        return;
    case MXD_JSON_ARRAY:
        load_tempo_map(loader, root);
        return;
    default:
        mxd_reader_fail(root, "tempo", "\"tempo\" must be beats a minute, or an array of [time in seconds, beats a "
                                       "minute]");
    }
}

bool mxd_read_note_value(mxd_reader *reader, const char *key, mxd_need need, double *beats)
{
    const char *text = NULL;
    if (!mxd_read_string(reader, key, need, &text))
        return false;
    if (mxd_note_value_beats(text, beats))
        return true;
    mxd_reader_fail(reader, key, "\"%s\" must be a note value such as \"1/4\", \"1/8T\" (triplet) or \"1/8.\" (dotted), "
                                 "with a denominator of 1, 2, 4 and so on to 128; not \"%.80s\"", key, text);
    return false;
}

/* ---- Markers ------------------------------------------------------------- */

static int compare_markers(const void *a, const void *b)
{
    const mxd_marker *x = *(const mxd_marker *const *)a, *y = *(const mxd_marker *const *)b;
    int order = strcmp(x->name, y->name);
    return order != 0 ? order : (x > y) - (x < y); /* of one array */
}

static void check_marker_names(mxd_loader *loader)
{
    const mxd_session *session = loader->session;
    const mxd_marker **sorted = mxd_loader_alloc(loader, session->num_markers, sizeof *sorted);
    for (uint32_t i = 0; sorted && i < session->num_markers; i++)
        sorted[i] = &session->markers[i];
    if (sorted)
        qsort(sorted, session->num_markers, sizeof *sorted, compare_markers);
    for (uint32_t i = 1, first = 0; sorted && i < session->num_markers; i++) {
        if (strcmp(sorted[i]->name, sorted[first]->name) != 0) {
            first = i;
            continue;
        }
        const mxd_place place = mxd_session_place(session, &sorted[i]->origin);
        mxd_fail(loader->problems, MXD_ERROR_INVALID, &place,
                 "the name \"%.80s\" is taken already (line %u): markers need names of their own", sorted[i]->name,
                 sorted[first]->origin.line);
    }
    free(sorted);
}

void mxd_load_markers(mxd_loader *loader, mxd_reader *root)
{
    mxd_session *session = loader->session;
    mxd_reader *array = mxd_read_array(root, "markers", MXD_OPTIONAL);
    if (!array)
        return;
    size_t count = mxd_reader_length(array);
    session->markers = mxd_loader_alloc(loader, count, sizeof *session->markers);
    for (size_t i = 0; session->markers && i < count; i++) {
        mxd_reader *reader = mxd_item_object(array, i);
        if (!reader)
            continue;
        mxd_marker marker = {0};
        const char *name = NULL;
        bool good = mxd_read_name(reader, "name", MXD_REQUIRED, &name);
        good = mxd_read_time(reader, "time_s", MXD_REQUIRED, session->sample_rate, &marker.frame) && good;
        if (good && (marker.name = mxd_loader_copy(loader, name))) {
            mxd_loader_origin(loader, reader, &marker.origin);
            session->markers[session->num_markers++] = marker;
        }
        mxd_reader_close(reader);
    }
    mxd_reader_close(array);
    check_marker_names(loader);
}
