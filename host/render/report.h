/* The report of a render as JSON: what was written, how loud it is over time, what it cost. */
#ifndef MXD_RENDER_REPORT_H
#define MXD_RENDER_REPORT_H

#include "output.h"

#include <stdio.h>

/* Whether the name is of a kind that is built: .json. */
bool mxd_report_can_write(const char *path);

typedef struct mxd_report {
    const char *path;
    char *temporary; /* its name until it is committed */
    FILE *stream;
} mxd_report;

/* Opens a temporary file beside path, before the work begins: MXD_ERROR_WRITE. After a failure close it all the same. */
mxd_result mxd_report_open(mxd_report *report, const char *path, mxd_problems *problems);
/* files: one a deliverable of the summary, their meters still there. MXD_ERROR_WRITE. */
mxd_result mxd_report_write(mxd_report *report, const mxd_session *session, const mxd_render_result *summary,
                            const mxd_output_file *files, mxd_problems *problems);
/* Gives it its name. */
mxd_result mxd_report_commit(mxd_report *report, mxd_problems *problems);
/* Removes it unless it was committed. Accepts a zeroed struct. */
void mxd_report_close(mxd_report *report);

#endif
