/* The report of a render as JSON: what was written, how loud it is over time, what it cost. */
#ifndef MXD_RENDER_REPORT_H
#define MXD_RENDER_REPORT_H

#include "output.h"

/* Whether the name is of a kind that is built: .json. */
bool mxd_report_can_write(const char *path);

/*
 * files: one a deliverable of the summary, their meters still there. Written
 * under a temporary name first. MXD_ERROR_WRITE.
 */
mxd_result mxd_report_write(const char *path, const mxd_session *session, const mxd_render_result *summary,
                            const mxd_output_file *files, mxd_problems *problems);

#endif
