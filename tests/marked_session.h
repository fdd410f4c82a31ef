/*
 * Sessions with marks "@1" .. "@9" before the things that are wrong; the marks are
 * taken out before the file is written, and each message must stand exactly at its
 * mark: so line and column are known by other means than the loader's own.
 */
#ifndef MXD_TESTS_MARKED_SESSION_H
#define MXD_TESTS_MARKED_SESSION_H

#include "fixture.h"

typedef struct mark {
    uint32_t line;
    uint32_t column;
} mark;

/* A message that must be there, at its mark. */
typedef struct expected {
    int mark; /* 0 = without line and column */
    const char *path;
    const char *text; /* "warning: ..." for a warning; one '*' stands for any run of characters */
} expected;

bool expected_is_warning(const expected *e);
/* Whether text is pattern, in which one '*' stands for any run of characters. */
bool expected_matches(const char *text, const char *pattern);

/* Writes text, the marks taken out, as session.json and loads it. problems may be NULL. */
mxd_result marked_load(const fixture *f, const char *text, mark marks[10], mxd_problems *problems,
                       mxd_session **session);

/* Fails unless problems are exactly the wanted ones, in any order. what: the session, for messages. */
void marked_check(const fixture *f, const mxd_problems *problems, const char *what, const mark marks[10],
                  const expected *wanted, size_t num_wanted);

#endif
