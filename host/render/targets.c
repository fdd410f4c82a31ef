/*
 * A path is looked at as the folder that is there already, with its links
 * resolved, and the rest that is still to be made. Two paths are one file where
 * both are the same.
 */
#include "targets.h"

#include "../../formats/audio_file.h"
#include "../session/inputs.h"
#include "output.h"
#include "stem_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

typedef struct target {
    const mxd_deliverable *deliverable; /* NULL = the report */
    const mxd_strip *stem;              /* of this strip; NULL = the deliverable itself */
    char *path;                         /* as it is opened */
    char *folder;                       /* that is there, without links */
    char *real;                         /* folder and the rest */
    bool folder_missing;                /* there are folders to be made */
    bool folder_bad;                    /* none can be written into */
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
    else if ((t->folder_bad = obstacle))
        result = mxd_fail(problems, MXD_ERROR_WRITE, &place,
                          "cannot be written: '%s' is a file where a folder should be", obstacle);
    else if ((t->folder_bad = access(t->folder, W_OK | X_OK) != 0))
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
static mxd_result check_inputs(const target *t, mxd_inputs *inputs, const mxd_render_options *options,
                               mxd_problems *problems)
{
    const mxd_place place = {.file = t->path};
    if (t->deliverable && !t->stem && !options->output_dir)
        return MXD_OK;
    mxd_result result = mxd_inputs_check_overwrite(inputs, t->path, t->path, &place, problems);
    return result == MXD_ERROR_INVALID ? MXD_ERROR_ARGUMENT : result;
}

/* Two targets that are one file: a comes before b. */
static mxd_result refuse_pair(const target *a, const target *b, const mxd_session *session,
                              const mxd_render_options *options, mxd_problems *problems)
{
    const mxd_place place = {.file = b->path};
    const target *stem = b->stem ? b : a, *other = b->stem ? a : b;
    if (stem->stem)
        return mxd_fail(problems, MXD_ERROR_ARGUMENT, &place,
                        "the stem \"%.80s\" of \"%.200s\" would be written to the same file as %s%.200s%s",
                        stem->stem->name, stem->deliverable->file,
                        !other->deliverable ? "the report" : other->stem ? "one of \"" : "the deliverable \"",
                        other->deliverable ? other->deliverable->file : "", other->deliverable ? "\"" : "");
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

/* By file; those of one file in the order of the targets. */
static int compare_targets(const void *a, const void *b)
{
    const target *x = *(const target *const *)a, *y = *(const target *const *)b;
    int order = strcmp(x->real, y->real);
    return order != 0 ? order : (x > y) - (x < y);
}

static mxd_result check_pairs(const target *targets, uint32_t count, const mxd_session *session,
                              const mxd_render_options *options, mxd_problems *problems)
{
    uint32_t num_sorted = 0;
    const target **sorted = malloc((count + 1u) * sizeof *sorted);
    if (!sorted)
        return mxd_fail(problems, MXD_ERROR_MEMORY, NULL, "memory ran out while outputs were being checked");
    for (uint32_t i = 0; i < count; i++)
        if (targets[i].real)
            sorted[num_sorted++] = &targets[i];
    qsort(sorted, num_sorted, sizeof *sorted, compare_targets);
    mxd_result result = MXD_OK;
    for (uint32_t i = 1; i < num_sorted; i++)
        if (strcmp(sorted[i - 1]->real, sorted[i]->real) == 0)
            result = first_of(result, refuse_pair(sorted[i - 1], sorted[i], session, options, problems));
    free(sorted);
    return result;
}

/* Folders are made for deliverables; a report, which is written after them, goes into one that is or will be there. */
static mxd_result check_report_folder(const target *report, const target *targets, uint32_t count,
                                      mxd_problems *problems)
{
    const mxd_place place = {.file = report->path};
    if (!report->folder_missing || !report->real)
        return MXD_OK;
    size_t length = (size_t)(strrchr(report->real, '/') - report->real) + 1;
    for (uint32_t i = 0; i < count; i++)
        if (targets[i].deliverable && targets[i].real && strncmp(targets[i].real, report->real, length) == 0)
            return MXD_OK;
    return mxd_fail(problems, MXD_ERROR_WRITE, &place, "cannot be written: there is no such folder; make it first");
}

static mxd_result check_all(target *targets, uint32_t count, const mxd_session *session, mxd_inputs *inputs,
                            const mxd_render_options *options, mxd_problems *problems)
{
    mxd_result result = MXD_OK;
    for (uint32_t i = 0; i < count; i++) {
        const target *before = i > 0 ? &targets[i - 1] : NULL;
        /* All stems of a deliverable lie in one folder: what is wrong with it is told once. */
        targets[i].folder_bad = targets[i].stem && before->stem && before->deliverable == targets[i].deliverable &&
                                before->folder_bad;
        if (targets[i].folder_bad)
            continue;
        mxd_result good = check_folder(&targets[i], problems);
        result = first_of(result, good != MXD_OK ? good : check_inputs(&targets[i], inputs, options, problems));
    }
    if (result == MXD_OK && count > 0 && !targets[count - 1].deliverable)
        result = check_report_folder(&targets[count - 1], targets, count, problems);
    result = first_of(result, check_pairs(targets, count, session, options, problems));
    for (uint32_t i = 0; i < count && result == MXD_OK; i++)
        result = check_room(targets, count, i, problems);
    return result;
}

/* Number 0 is the deliverable itself, the others its stems. False: no memory. */
static bool set_target(target *t, const mxd_graph *graph, const mxd_output *output, uint32_t number,
                       const mxd_render_options *options, uint64_t num_frames)
{
    const mxd_deliverable *d = output->deliverable;
    const mxd_stem *stem = number > 0 ? mxd_graph_stems_of(graph, d->layout) + (number - 1) : NULL;
    *t = (target){.deliverable = d, .stem = stem ? stem->strip : NULL};
    t->path = stem ? mxd_stem_path(graph->session, d, stem->strip, number, graph->stems_per_layout, options->output_dir)
                   : mxd_output_path(graph->session, d, options->output_dir);
    /* A stem's silence is not stored, where the disk knows holes; of integers only what never sounds is silent. */
    bool has_holes = stem && (stem->mix == MXD_NO_INDEX || d->bit_depth == 32);
    if (d->format != MXD_FORMAT_FLAC && !has_holes) /* how much FLAC packs nobody knows before */
        t->num_bytes = num_frames * d->layout->num_channels * (d->bit_depth / 8);
    return t->path != NULL;
}

mxd_result mxd_targets_check(const mxd_graph *graph, const mxd_render_options *options, uint64_t num_frames,
                             mxd_problems *problems)
{
    uint32_t count = 0, per_output = 1 + graph->stems_per_layout;
    target *targets = calloc((size_t)graph->num_outputs * per_output + 1u, sizeof *targets);
    mxd_inputs *inputs = mxd_inputs_create(graph->session);
    bool good = targets && inputs;
    for (uint32_t i = 0; good && i < graph->num_outputs * per_output; i++)
        good = set_target(&targets[count++], graph, &graph->outputs[i / per_output], i % per_output, options,
                          num_frames);
    if (good && options->report) {
        targets[count].path = strdup(options->report);
        good = targets[count++].path != NULL;
    }
    mxd_result result = good ? check_all(targets, count, graph->session, inputs, options, problems) : MXD_ERROR_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        free(targets[i].path);
        free(targets[i].folder);
        free(targets[i].real);
    }
    free(targets);
    mxd_inputs_destroy(inputs);
    return result;
}
