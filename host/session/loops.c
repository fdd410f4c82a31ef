/*
 * Loops and names. A loop is found by a depth-first walk over the strips along
 * outputs, sends and side-chains; an edge to a strip that the walk stands on
 * closes a loop, and the walk's own stack is the loop. The stack is an array: a
 * chain of strips may be as long as the user likes.
 */
#include "loops.h"

#include "feeding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Loops --------------------------------------------------------------- */

/* "Drums -> Hall -> Drums", from the stack's entry `first` on; to be freed. */
static char *describe_loop(const mxd_session *session, const uint32_t *stack, uint32_t first, uint32_t depth)
{
    size_t size = 1 + strlen(mxd_session_strip(session, stack[first])->name);
    for (uint32_t i = first; i < depth; i++)
        size += strlen(mxd_session_strip(session, stack[i])->name) + 4;
    char *text = malloc(size);
    if (!text)
        return NULL;
    size_t length = 0;
    for (uint32_t i = first; i < depth; i++)
        length += (size_t)snprintf(text + length, size - length, "%s -> ", mxd_session_strip(session, stack[i])->name);
    snprintf(text + length, size - length, "%s", mxd_session_strip(session, stack[first])->name);
    return text;
}

static mxd_result report_loop(const mxd_session *session, const uint32_t *stack, uint32_t depth, uint32_t target,
                              mxd_problems *problems)
{
    uint32_t first = 0;
    while (stack[first] != target)
        first++;
    bool all_buses = true;
    for (uint32_t i = first; i < depth; i++)
        all_buses &= stack[i] >= session->num_tracks;
    char *loop = describe_loop(session, stack, first, depth);
    const mxd_place place = mxd_session_place(session, &mxd_session_strip(session, target)->origin);
    mxd_result result = mxd_fail(problems, MXD_ERROR_INVALID, &place, "%s feed each other in a loop: %s",
                                 all_buses ? "buses" : "tracks and buses, by their side-chains,",
                                 loop ? loop : mxd_session_strip(session, target)->name);
    free(loop);
    return result;
}

enum { UNSEEN, ON_STACK, DONE };

/* Where everything feeds everything there are as many loops as pairs of buses, each with all names in its line. */
#define MAX_LOOPS 20

mxd_result mxd_session_check_loops(const mxd_session *session, mxd_problems *problems)
{
    mxd_result result = MXD_OK;
    uint32_t count = mxd_session_num_strips(session), num_loops = 0;
    mxd_feeding e = {0};
    uint8_t *state = calloc(count + 1u, sizeof *state);
    uint32_t *stack = calloc(count + 1u, sizeof *stack);
    uint32_t *next_edge = calloc(count + 1u, sizeof *next_edge);
    if (!mxd_feeding_init(session, &e) || !state || !stack || !next_edge) {
        result = mxd_fail(problems, MXD_ERROR_MEMORY, NULL, "memory ran out while the routing was being checked");
        goto end;
    }
    for (uint32_t start = 0; start < count; start++) {
        if (state[start] != UNSEEN)
            continue;
        uint32_t depth = 0;
        stack[depth++] = start;
        state[start] = ON_STACK;
        while (depth > 0) {
            uint32_t strip = stack[depth - 1], edge = e.first[strip] + next_edge[strip]++;
            if (edge >= e.first[strip + 1]) {
                state[strip] = DONE;
                depth--;
            } else if (state[e.targets[edge]] == ON_STACK) {
                if (++num_loops > MAX_LOOPS) {
                    mxd_fail(problems, MXD_ERROR_INVALID, &(mxd_place){.file = session->file},
                             "buses feed each other in more than %d loops; mend these first", MAX_LOOPS);
                    goto end;
                }
                result = report_loop(session, stack, depth, e.targets[edge], problems);
            } else if (state[e.targets[edge]] == UNSEEN) {
                state[e.targets[edge]] = ON_STACK;
                stack[depth++] = e.targets[edge];
            }
        }
    }
end:
    mxd_feeding_finish(&e);
    free(state);
    free(stack);
    free(next_edge);
    return result;
}

/* ---- Names --------------------------------------------------------------- */

static int compare_strips(const void *a, const void *b)
{
    const mxd_strip *x = *(const mxd_strip *const *)a, *y = *(const mxd_strip *const *)b;
    int order = strcmp(x->name, y->name);
    if (order != 0)
        return order;
    if (x->origin.line != y->origin.line)
        return x->origin.line < y->origin.line ? -1 : 1;
    return x->origin.column < y->origin.column ? -1 : x->origin.column > y->origin.column;
}

mxd_result mxd_session_check_names(const mxd_session *session, mxd_problems *problems)
{
    mxd_result result = MXD_OK;
    size_t count = (size_t)session->num_tracks + session->num_buses;
    if (count < 2)
        return MXD_OK;
    const mxd_strip **strips = malloc(count * sizeof *strips);
    if (!strips)
        return mxd_fail(problems, MXD_ERROR_MEMORY, NULL, "memory ran out while names were being checked");
    for (uint32_t i = 0; i < session->num_tracks; i++)
        strips[i] = &session->tracks[i].strip;
    for (uint32_t i = 0; i < session->num_buses; i++)
        strips[session->num_tracks + i] = &session->buses[i].strip;
    qsort(strips, count, sizeof *strips, compare_strips);
    for (size_t i = 1, first = 0; i < count; i++) {
        if (strcmp(strips[i]->name, strips[first]->name) != 0) {
            first = i;
            continue;
        }
        if (!*strips[i]->name)
            continue; /* a name that could not be read */
        const mxd_place place = mxd_session_place(session, &strips[i]->origin);
        result = mxd_fail(problems, MXD_ERROR_INVALID, &place,
                          "the name \"%.80s\" is taken already (line %u): tracks and buses need names of their own",
                          strips[i]->name, strips[first]->origin.line);
    }
    free(strips);
    return result;
}
