/* The list of problems: append only, guarded by a mutex, strings owned. */
#include "problems.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mxd_problems {
    pthread_mutex_t mutex;
    mxd_problem *items;
    size_t count;
    size_t capacity;
    bool have_errors;
};

static const char out_of_memory[] = "memory ran out while a problem was being described";

mxd_problems *mxd_problems_create(void)
{
    mxd_problems *problems = calloc(1, sizeof *problems);
    if (problems && pthread_mutex_init(&problems->mutex, NULL) != 0) {
        free(problems);
        return NULL;
    }
    return problems;
}

void mxd_problems_destroy(mxd_problems *problems)
{
    if (!problems)
        return;
    for (size_t i = 0; i < problems->count; i++) {
        free((char *)problems->items[i].file);
        free((char *)problems->items[i].path);
        if (problems->items[i].text != out_of_memory)
            free((char *)problems->items[i].text);
    }
    free(problems->items);
    pthread_mutex_destroy(&problems->mutex);
    free(problems);
}

size_t mxd_problems_count(const mxd_problems *problems)
{
    return problems->count;
}

const mxd_problem *mxd_problems_get(const mxd_problems *problems, size_t index)
{
    return &problems->items[index];
}

bool mxd_problems_have_errors(const mxd_problems *problems)
{
    return problems->have_errors;
}

static char *copy_or_null(const char *string)
{
    return string ? strdup(string) : NULL;
}

/* Returns a fresh string, or the static out_of_memory text. */
static const char *format_text(const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    char *text = length >= 0 ? malloc((size_t)length + 1) : NULL;
    if (text)
        vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text ? text : out_of_memory;
}

static void add(mxd_problems *problems, mxd_severity severity, const mxd_place *place, const char *format,
                va_list arguments)
{
    if (!problems)
        return;
    const mxd_place nowhere = {0};
    if (!place)
        place = &nowhere;
    mxd_problem problem = {
        .severity = severity,
        .file = copy_or_null(place->file),
        .line = place->line,
        .column = place->column,
        .path = copy_or_null(place->path),
        .text = format_text(format, arguments),
    };
    pthread_mutex_lock(&problems->mutex);
    if (severity == MXD_SEVERITY_ERROR)
        problems->have_errors = true;
    if (problems->count == problems->capacity) {
        size_t capacity = problems->capacity ? 2 * problems->capacity : 16;
        mxd_problem *items = realloc(problems->items, capacity * sizeof *items);
        if (items) {
            problems->items = items;
            problems->capacity = capacity;
        }
    }
    bool stored = problems->count < problems->capacity;
    if (stored)
        problems->items[problems->count++] = problem;
    pthread_mutex_unlock(&problems->mutex);
    if (!stored) {
        free((char *)problem.file);
        free((char *)problem.path);
        if (problem.text != out_of_memory)
            free((char *)problem.text);
    }
}

mxd_result mxd_fail(mxd_problems *problems, mxd_result result, const mxd_place *place, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(problems, MXD_SEVERITY_ERROR, place, format, arguments);
    va_end(arguments);
    return result;
}

void mxd_warn(mxd_problems *problems, const mxd_place *place, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(problems, MXD_SEVERITY_WARNING, place, format, arguments);
    va_end(arguments);
}

void mxd_problems_absorb(mxd_problems *problems, const mxd_problems *from, bool as_warnings)
{
    for (size_t i = 0; from && i < from->count; i++) {
        const mxd_problem *problem = &from->items[i];
        const mxd_place place = {problem->file, problem->line, problem->column, problem->path};
        if (as_warnings || problem->severity == MXD_SEVERITY_WARNING)
            mxd_warn(problems, &place, "%s", problem->text);
        else
            mxd_fail(problems, MXD_OK, &place, "%s", problem->text);
    }
}
