/*
 * Files are compared by device and inode, so that another spelling, a link or
 * a path through a linked folder is found out.
 */
#include "inputs.h"

#include "../effects/effect.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct input {
    dev_t device;
    ino_t inode;
    bool is_clip;      /* else an insert's */
    const char *whose; /* the session's string: name of the strip or deliverable; NULL = the session file itself */
} input;

struct mxd_inputs {
    const mxd_session *session;
    bool listed;
    input *items; /* sorted once they are listed */
    size_t count, capacity;
};

mxd_inputs *mxd_inputs_create(const mxd_session *session)
{
    mxd_inputs *inputs = calloc(1, sizeof *inputs);
    if (inputs)
        inputs->session = session;
    return inputs;
}

void mxd_inputs_destroy(mxd_inputs *inputs)
{
    if (!inputs)
        return;
    free(inputs->items);
    free(inputs);
}

/* ---- The list ------------------------------------------------------------ */

/* A file that is not there cannot be overwritten. False: memory ran out. */
static bool add(mxd_inputs *inputs, const char *path, bool is_clip, const char *whose)
{
    struct stat status;
    if (!path || stat(path, &status) != 0)
        return true;
    if (inputs->count == inputs->capacity) {
        size_t capacity = inputs->capacity ? 2 * inputs->capacity : 64;
        input *items = realloc(inputs->items, capacity * sizeof *items);
        if (!items)
            return false;
        inputs->items = items;
        inputs->capacity = capacity;
    }
    inputs->items[inputs->count++] = (input){status.st_dev, status.st_ino, is_clip, whose};
    return true;
}

static bool add_clips(mxd_inputs *inputs, const mxd_track *track)
{
    const char *last = "";
    for (uint32_t i = 0; i < track->num_clips; i++) {
        const char *file = track->clips[i].file;
        /* A track's clips mostly share one file. */
        if (!file || strcmp(file, last) == 0)
            continue;
        last = file;
        if (!add(inputs, file, true, track->strip.name))
            return false;
    }
    return true;
}

static bool add_inserts(mxd_inputs *inputs, const mxd_insert *inserts, uint32_t num_inserts, const char *whose)
{
    for (uint32_t i = 0; i < num_inserts; i++) {
        const mxd_effect *effect = inserts[i].effect;
        if (effect && effect->input_file && !add(inputs, effect->input_file(inserts[i].params), false, whose))
            return false;
    }
    return true;
}

static int compare_inputs(const void *a, const void *b)
{
    const input *x = a, *y = b;
    int order = (x->device > y->device) - (x->device < y->device);
    return order ? order : (x->inode > y->inode) - (x->inode < y->inode);
}

static bool list(mxd_inputs *inputs)
{
    const mxd_session *session = inputs->session;
    inputs->count = 0;
    bool good = add(inputs, session->file, false, NULL);
    for (uint32_t i = 0; good && i < session->num_tracks; i++) {
        const mxd_strip *strip = &session->tracks[i].strip;
        good = add_clips(inputs, &session->tracks[i]) &&
               add_inserts(inputs, strip->inserts, strip->num_inserts, strip->name);
    }
    for (uint32_t i = 0; good && i < session->num_buses; i++) {
        const mxd_strip *strip = &session->buses[i].strip;
        good = add_inserts(inputs, strip->inserts, strip->num_inserts, strip->name);
    }
    for (uint32_t i = 0; good && i < session->num_deliverables; i++) {
        const mxd_deliverable *d = &session->deliverables[i];
        good = add_inserts(inputs, d->inserts, d->num_inserts, d->file ? d->file : "");
    }
    if (inputs->count > 1)
        qsort(inputs->items, inputs->count, sizeof *inputs->items, compare_inputs);
    return good;
}

/* ---- Checking ------------------------------------------------------------ */

mxd_result mxd_inputs_check_overwrite(mxd_inputs *inputs, const char *path, const char *name, const mxd_place *place,
                                      mxd_problems *problems)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return MXD_OK;
    if (S_ISDIR(status.st_mode))
        return mxd_fail(problems, MXD_ERROR_INVALID, place, "\"%.200s\" is a folder", name);
    inputs->listed = inputs->listed || list(inputs);
    if (!inputs->listed)
        return mxd_fail(problems, MXD_ERROR_MEMORY, place, "memory ran out while outputs were being checked");
    const input wanted = {.device = status.st_dev, .inode = status.st_ino}, *found = NULL;
    if (inputs->count > 0)
        found = bsearch(&wanted, inputs->items, inputs->count, sizeof wanted, compare_inputs);
    if (!found)
        return MXD_OK;
    if (!found->whose)
        return mxd_fail(problems, MXD_ERROR_INVALID, place, "\"%.200s\" would overwrite the session file", name);
    return mxd_fail(problems, MXD_ERROR_INVALID, place, "\"%.200s\" would overwrite a file that %s \"%.80s\" %s", name,
                    found->is_clip ? "the track" : "an insert of", found->whose, found->is_clip ? "plays" : "reads");
}
