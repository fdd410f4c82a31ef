#include "groups.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint32_t mxd_groups_of(const mxd_session *session, const mxd_strip *strip, bool *seen, uint32_t *groups)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < strip->num_groups; i++) {
        /* Where one way has been before, the rest of the way up has been as well. */
        for (int group = (int)strip->groups[i]; group >= 0 && !seen[group]; group = session->groups[group].group) {
            seen[group] = true;
            groups[count++] = (uint32_t)group;
        }
    }
    for (uint32_t i = 0; i < count; i++)
        seen[groups[i]] = false;
    return count;
}

/* ---- Checks -------------------------------------------------------------- */

static int compare_groups(const void *a, const void *b)
{
    const mxd_fader_group *x = *(const mxd_fader_group *const *)a, *y = *(const mxd_fader_group *const *)b;
    int order = strcmp(x->name, y->name);
    return order != 0 ? order : (x > y) - (x < y); /* of one array */
}

static mxd_result check_names(const mxd_session *session, const mxd_fader_group **sorted, mxd_problems *problems)
{
    mxd_result result = MXD_OK;
    for (uint32_t i = 0; i < session->num_groups; i++)
        sorted[i] = &session->groups[i];
    qsort(sorted, session->num_groups, sizeof *sorted, compare_groups);
    for (uint32_t i = 1, first = 0; i < session->num_groups; i++) {
        if (strcmp(sorted[i]->name, sorted[first]->name) != 0) {
            first = i;
            continue;
        }
        if (!*sorted[i]->name)
            continue; /* a name that could not be read */
        const mxd_place place = mxd_session_place(session, &sorted[i]->origin);
        result = mxd_fail(problems, MXD_ERROR_INVALID, &place,
                          "the name \"%.80s\" is taken already (line %u): groups need names of their own",
                          sorted[i]->name, sorted[first]->origin.line);
    }
    return result;
}

/* "A -> B -> A"; cut short where there is no room. */
static mxd_result report_loop(const mxd_session *session, uint32_t first, mxd_problems *problems)
{
    char text[512];
    size_t length = 0;
    uint32_t group = first;
    do {
        length += (size_t)snprintf(text + length, sizeof text - length, "%.80s -> ", session->groups[group].name);
        group = (uint32_t)session->groups[group].group;
    } while (group != first && length < sizeof text - 100);
    if (group != first)
        length += (size_t)snprintf(text + length, sizeof text - length, "... -> ");
    const mxd_place place = mxd_session_place(session, &session->groups[first].origin);
    return mxd_fail(problems, MXD_ERROR_INVALID, &place, "groups belong to each other in a loop: %s%.80s", text,
                    session->groups[first].name);
}

/* Follows each group upwards; walk[group]: the walk, from 1, that came by first. A walk that meets itself is a loop. */
static mxd_result check_loops(const mxd_session *session, uint32_t *walk, mxd_problems *problems)
{
    mxd_result result = MXD_OK;
    for (uint32_t start = 0; start < session->num_groups; start++) {
        int group = (int)start;
        while (group >= 0 && walk[group] == 0) {
            walk[group] = start + 1;
            group = session->groups[group].group;
        }
        if (group >= 0 && walk[group] == start + 1)
            result = report_loop(session, (uint32_t)group, problems);
    }
    return result;
}

/* Each strip's groups are listed all the way up: a chain of thousands is no mix, and would take memory for each. */
#define MAX_DEPTH 64

/* Tells the first group that lies too deep; loops have been told already. */
static mxd_result check_depth(const mxd_session *session, mxd_problems *problems)
{
    for (uint32_t start = 0; start < session->num_groups; start++) {
        int group = (int)start;
        for (uint32_t depth = 0; depth < MAX_DEPTH && group >= 0; depth++)
            group = session->groups[group].group;
        if (group < 0)
            continue;
        const mxd_place place = mxd_session_place(session, &session->groups[start].origin);
        return mxd_fail(problems, MXD_ERROR_INVALID, &place, "groups belong to each other more than %d deep", MAX_DEPTH);
    }
    return MXD_OK;
}

mxd_result mxd_session_check_groups(const mxd_session *session, mxd_problems *problems)
{
    if (session->num_groups == 0)
        return MXD_OK;
    const mxd_fader_group **sorted = malloc(session->num_groups * sizeof *sorted);
    uint32_t *walk = calloc(session->num_groups, sizeof *walk);
    mxd_result names = MXD_ERROR_MEMORY, loops = MXD_ERROR_MEMORY;
    if (sorted && walk) {
        names = check_names(session, sorted, problems);
        loops = check_loops(session, walk, problems);
        if (loops == MXD_OK)
            loops = check_depth(session, problems);
    } else {
        mxd_fail(problems, MXD_ERROR_MEMORY, NULL, "memory ran out while groups were being checked");
    }
    free(sorted);
    free(walk);
    return names == MXD_OK ? loops : names;
}
