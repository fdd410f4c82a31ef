/* Adding to an mxd_problems (mixdown.h): the one way in which this library says what is wrong. */
#ifndef MXD_PROBLEMS_H
#define MXD_PROBLEMS_H

#include "mixdown.h"

#include <stdarg.h>

/* Where a problem lies; any part may be NULL or 0. Strings are copied. */
typedef struct mxd_place {
    const char *file;
    uint32_t line;
    uint32_t column;
    const char *path;
} mxd_place;

/*
 * Adds a problem. place may be NULL; problems may be NULL (nothing happens).
 * Returns result unchanged, so that a caller can write
 *     return mxd_fail(problems, MXD_ERROR_FILE, &place, "...");
 * Thread-safe. When memory runs out the problem is counted as an error without text.
 */
__attribute__((format(printf, 4, 5)))
mxd_result mxd_fail(mxd_problems *problems, mxd_result result, const mxd_place *place, const char *format, ...);

__attribute__((format(printf, 3, 4)))
void mxd_warn(mxd_problems *problems, const mxd_place *place, const char *format, ...);

/* Copies all problems of `from`; as_warnings: errors that were overcome become warnings. Either may be NULL. */
void mxd_problems_absorb(mxd_problems *problems, const mxd_problems *from, bool as_warnings);

#endif
