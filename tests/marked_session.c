#include "marked_session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

/* Takes the marks out of a text, in place. */
static void take_marks(char *text, mark marks[10])
{
    uint32_t line = 1, column = 1;
    char *out = text;
    for (const char *in = text; *in; in++) {
        if (*in == '@' && in[1] >= '1' && in[1] <= '9') {
            in++;
            marks[*in - '0'] = (mark){line, column};
            continue;
        }
        column = *in == '\n' ? 1 : column + 1;
        line += *in == '\n';
        *out++ = *in;
    }
    *out = '\0';
}

bool expected_matches(const char *text, const char *pattern)
{
    const char *star = strchr(pattern, '*');
    if (!star)
        return strcmp(text, pattern) == 0;
    size_t before = (size_t)(star - pattern), after = strlen(star + 1), length = strlen(text);
    return length >= before + after && strncmp(text, pattern, before) == 0 &&
           strcmp(text + length - after, star + 1) == 0;
}

static const char warning_mark[] = "warning: ";

bool expected_is_warning(const expected *e)
{
    return strncmp(e->text, warning_mark, strlen(warning_mark)) == 0;
}

void marked_check(const fixture *f, const mxd_problems *problems, const char *what, const mark marks[10],
                  const expected *wanted, size_t num_wanted)
{
    const char *session_path = fixture_path(f, "session.json");
    bool good = mxd_problems_count(problems) == num_wanted;
    for (size_t i = 0; i < num_wanted; i++) {
        bool found = false;
        const expected *w = &wanted[i];
        bool warning = expected_is_warning(w);
        for (size_t j = 0; j < mxd_problems_count(problems) && !found; j++) {
            const mxd_problem *p = mxd_problems_get(problems, j);
            found = p->line == marks[w->mark].line && p->column == marks[w->mark].column && p->file &&
                    strcmp(p->file, session_path) == 0 && (p->severity == MXD_SEVERITY_WARNING) == warning &&
                    (w->path ? p->path && strcmp(p->path, w->path) == 0 : !p->path) &&
                    expected_matches(p->text, warning ? w->text + strlen(warning_mark) : w->text);
        }
        if (!found)
            print_message("missing: %u:%u %s: %s\n", marks[w->mark].line, marks[w->mark].column,
                          w->path ? w->path : "-", w->text);
        good = good && found;
    }
    if (!good) {
        print_message("%s\ngives these problems:\n", what);
        fixture_print(problems);
        fail();
    }
}

mxd_result marked_load(const fixture *f, const char *text, mark marks[10], mxd_problems *problems,
                       mxd_session **session)
{
    char *copy = strdup(text);
    assert_non_null(copy);
    take_marks(copy, marks);
    fixture_text(f, "session.json", copy);
    free(copy);
    return mxd_session_load(fixture_path(f, "session.json"), problems, session);
}
