/*
 * A path is looked at as the folder that is there already, with its links
 * resolved, and the rest that is still to be made. Two paths are one file where
 * both are the same.
 */
#include "targets.h"

#include "../../formats/audio_file.h"
#include "../session/inputs.h"
#include "output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

typedef struct target {
    const mxd_deliverable *deliverable; /* NULL = the report */
    char *path;                         /* as it is opened */
    char *folder;                       /* that is there, without links */
    char *real;                         /* folder and the rest */
    bool folder_missing;                /* there are folders to be made */
    uint64_t num_bytes;                 /* at least; 0 = cannot be told */
    dev_t disk;
} target;

/* Sets folder and real; *obstacle = what stands where a folder should be, or NULL (to be freed). False: no memory. */
static bool resolve(target *t, char **obstacle)
{
    size_t cut = strlen(t->path);
    *obstacle = NULL;
    while (!t->folder) {
        while (cut > 0 && t->path[cut - 1] != '/')
            cut--;
        char *part = cut > 0 ? strndup(t->path, cut) : strdup(".");
        if (!part)
            return false;
        t->folder = realpath(part, NULL);
        if (!t->folder && (errno == ENOMEM || cut == 0)) {
            free(part);
            return false;
        }
        if (!t->folder && errno == ENOTDIR) {
            free(*obstacle);
            *obstacle = part;
            part[cut - 1] = '\0';
        } else {
            free(part);
        }
        t->folder_missing = t->folder_missing || !t->folder;
        if (!t->folder)
            while (cut > 0 && t->path[cut - 1] == '/')
                cut--;
    }
    size_t size = strlen(t->folder) + strlen(t->path + cut) + 2;
    t->real = malloc(size);
    if (t->real)
        snprintf(t->real, size, "%s/%s", t->folder, t->path + cut);
    return t->real != NULL;
}

static mxd_result check_folder(target *t, mxd_problems *problems)
{
    const mxd_place place = {.file = t->path};
    char *obstacle = NULL;
    mxd_result result = MXD_OK;
    struct stat status;
    if (!resolve(t, &obstacle))
        result = mxd_fail(problems, MXD_ERROR_MEMORY, &place, "memory ran out while outputs were being checked");
    else if (obstacle)
        result = mxd_fail(problems, MXD_ERROR_WRITE, &place,
                          "cannot be written: '%s' is a file where a folder should be", obstacle);
    else if (!t->deliverable && t->folder_missing)
        result = mxd_fail(problems, MXD_ERROR_WRITE, &place, "cannot be written: there is no such folder");
    else if (access(t->folder, W_OK | X_OK) != 0)
        result = mxd_fail(problems, MXD_ERROR_WRITE, &place, "cannot be written: folder '%s': %s", t->folder,
                          errno == EACCES ? "no permission to write into it" : strerror(errno));
    else
        result = mxd_audio_check_target(t->path, problems);
    if (result == MXD_OK && stat(t->folder, &status) == 0)
        t->disk = status.st_dev;
    free(obstacle);
    return result;
}

/* Files that the session reads. Where no option moved the output, loading the session has told. */
static mxd_result check_inputs(const target *t, const mxd_session *session, const mxd_render_options *options,
                               mxd_problems *problems)
{
    const mxd_place place = {.file = t->path};
    if (t->deliverable && !options->output_dir)
        return MXD_OK;
    mxd_result result = mxd_session_check_overwrite(session, t->path, t->path, &place, problems);
    return result == MXD_ERROR_INVALID ? MXD_ERROR_ARGUMENT : result;
}

static mxd_result check_pair(const target *a, const target *b, const mxd_session *session,
                             const mxd_render_options *options, mxd_problems *problems)
{
    const mxd_place place = {.file = b->path};
    if (!a->real || !b->real || strcmp(a->real, b->real) != 0)
        return MXD_OK;
    if (!b->deliverable)
        return mxd_fail(problems, MXD_ERROR_ARGUMENT, &place, "the report would overwrite the deliverable \"%.200s\"",
                        a->deliverable->file);
    if (options->output_dir)
        return mxd_fail(problems, MXD_ERROR_ARGUMENT, &place,
                        "two deliverables, '%s' and '%s', would be written to this file; render them apart with "
                        "--only", a->deliverable->file, b->deliverable->file);
    const mxd_place origin = mxd_session_place(session, &b->deliverable->origin);
    return mxd_fail(problems, MXD_ERROR_INVALID, &origin,
                    "two deliverables write one file: \"%.200s\" is \"%.200s\" (line %u) through a link",
                    b->deliverable->file, a->deliverable->file, a->deliverable->origin.line);
}

/* Bytes as people read them, into text[32]. */
static const char *amount(double bytes, char text[32])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    int unit = 0;
    for (; bytes >= 1000.0 && unit < 5; unit++)
        bytes /= 1000.0;
    snprintf(text, 32, "%.3g %s", bytes, units[unit]);
    return text;
}

/* Room for all targets on the disk of the index-th; told at the first of them. */
static mxd_result check_room(const target *targets, uint32_t count, uint32_t index, mxd_problems *problems)
{
    const mxd_place place = {.file = targets[index].path};
    double needed = 0.0;
    struct statvfs disk;
    char need[32], have[32];
    for (uint32_t i = 0; i < count; i++) {
        if (i < index && targets[i].disk == targets[index].disk)
            return MXD_OK;
        if (targets[i].disk == targets[index].disk)
            needed += (double)targets[i].num_bytes;
    }
    /* Some disks, over a network or in memory, do not tell their size. */
    if (!targets[index].folder || statvfs(targets[index].folder, &disk) != 0 || disk.f_blocks == 0)
        return MXD_OK;
    double available = (double)disk.f_bavail * (double)disk.f_frsize;
    if (needed <= available)
        return MXD_OK;
    return mxd_fail(problems, MXD_ERROR_WRITE, &place,
                    "cannot be written: the disk has %s left, and the files on it need %s", amount(available, have),
                    amount(needed, need));
}

static mxd_result first_of(mxd_result a, mxd_result b)
{
    return a != MXD_OK ? a : b;
}

static mxd_result check_all(target *targets, uint32_t count, const mxd_session *session,
                            const mxd_render_options *options, mxd_problems *problems)
{
    mxd_result result = MXD_OK;
    for (uint32_t i = 0; i < count; i++)
        result = first_of(result, check_folder(&targets[i], problems));
    for (uint32_t i = 0; i < count; i++) {
        result = first_of(result, check_inputs(&targets[i], session, options, problems));
        mxd_result pair = MXD_OK;
        for (uint32_t j = 0; j < i && pair == MXD_OK; j++)
            pair = check_pair(&targets[j], &targets[i], session, options, problems);
        result = first_of(result, pair);
    }
    for (uint32_t i = 0; i < count && result == MXD_OK; i++)
        result = check_room(targets, count, i, problems);
    return result;
}

mxd_result mxd_targets_check(const mxd_graph *graph, const mxd_render_options *options, uint64_t num_frames,
                             mxd_problems *problems)
{
    uint32_t count = 0;
    target *targets = calloc(graph->num_outputs + 1u, sizeof *targets);
    bool good = targets != NULL;
    for (uint32_t i = 0; good && i < graph->num_outputs; i++) {
        const mxd_deliverable *d = graph->outputs[i].deliverable;
        targets[count] = (target){.deliverable = d, .path = mxd_output_path(graph->session, d, options->output_dir)};
        if (d->format != MXD_FORMAT_FLAC) /* how much FLAC packs nobody knows before */
            targets[count].num_bytes = num_frames * d->layout->num_channels * (d->bit_depth / 8);
        good = targets[count++].path != NULL;
    }
    if (good && options->report) {
        targets[count].path = strdup(options->report);
        good = targets[count++].path != NULL;
    }
    mxd_result result = good ? check_all(targets, count, graph->session, options, problems) : MXD_ERROR_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        free(targets[i].path);
        free(targets[i].folder);
        free(targets[i].real);
    }
    free(targets);
    return result;
}
