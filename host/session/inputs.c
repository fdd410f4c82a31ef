/*
 * Files are compared by device and inode, so that another spelling, a link or
 * a path through a linked folder is found out.
 */
#include "inputs.h"

#include "../effects/effect.h"

#include <string.h>
#include <sys/stat.h>

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool is_file(const char *path, const struct stat *status)
{
    struct stat other;
    return path && stat(path, &other) == 0 && same_file(&other, status);
}

static bool plays(const mxd_track *track, const struct stat *status)
{
    const char *last = "";
    for (uint32_t i = 0; i < track->num_clips; i++) {
        const char *file = track->clips[i].file;
        /* A track's clips mostly share one file. */
        if (!file || strcmp(file, last) == 0)
            continue;
        last = file;
        if (is_file(file, status))
            return true;
    }
    return false;
}

static bool inserts_read(const mxd_insert *inserts, uint32_t num_inserts, const struct stat *status)
{
    for (uint32_t i = 0; i < num_inserts; i++) {
        const mxd_effect *effect = inserts[i].effect;
        if (effect && effect->input_file && is_file(effect->input_file(inserts[i].params), status))
            return true;
    }
    return false;
}

static mxd_result refuse(const char *name, const char *verb, const char *whose, const mxd_place *place,
                         mxd_problems *problems)
{
    return mxd_fail(problems, MXD_ERROR_INVALID, place, "\"%.200s\" would overwrite a file that %s \"%.80s\" %s", name,
                    strcmp(verb, "plays") == 0 ? "the track" : "an insert of", whose, verb);
}

mxd_result mxd_session_check_overwrite(const mxd_session *session, const char *path, const char *name,
                                       const mxd_place *place, mxd_problems *problems)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return MXD_OK;
    if (S_ISDIR(status.st_mode))
        return mxd_fail(problems, MXD_ERROR_INVALID, place, "\"%.200s\" is a folder", name);
    if (is_file(session->file, &status))
        return mxd_fail(problems, MXD_ERROR_INVALID, place, "\"%.200s\" would overwrite the session file", name);
    for (uint32_t i = 0; i < session->num_tracks; i++) {
        const mxd_track *track = &session->tracks[i];
        if (plays(track, &status))
            return refuse(name, "plays", track->strip.name, place, problems);
        if (inserts_read(track->strip.inserts, track->strip.num_inserts, &status))
            return refuse(name, "reads", track->strip.name, place, problems);
    }
    for (uint32_t i = 0; i < session->num_buses; i++) {
        const mxd_strip *strip = &session->buses[i].strip;
        if (inserts_read(strip->inserts, strip->num_inserts, &status))
            return refuse(name, "reads", strip->name, place, problems);
    }
    for (uint32_t i = 0; i < session->num_deliverables; i++) {
        const mxd_deliverable *d = &session->deliverables[i];
        if (inserts_read(d->inserts, d->num_inserts, &status))
            return refuse(name, "reads", d->file ? d->file : "", place, problems);
    }
    return MXD_OK;
}
