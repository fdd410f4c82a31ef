/* The files that a session reads, and that nothing may write. */
#ifndef MXD_SESSION_INPUTS_H
#define MXD_SESSION_INPUTS_H

#include "session.h"

/*
 * Whether a file may be written at path (as it can be opened; name: as the user
 * wrote it, for messages): not where there is a folder, the session file, or,
 * by whatever name or link, a file that a clip or an insert of the session
 * reads. MXD_ERROR_INVALID with a problem at place.
 */
mxd_result mxd_session_check_overwrite(const mxd_session *session, const char *path, const char *name,
                                       const mxd_place *place, mxd_problems *problems);

#endif
