/* The files that a session reads, and that nothing may write. */
#ifndef MXD_SESSION_INPUTS_H
#define MXD_SESSION_INPUTS_H

#include "session.h"

typedef struct mxd_inputs mxd_inputs;

/* The session must outlive it. NULL when memory runs out. */
mxd_inputs *mxd_inputs_create(const mxd_session *session);
/* Accepts NULL. */
void mxd_inputs_destroy(mxd_inputs *inputs);

/*
 * Whether a file may be written at path (as it can be opened; name: as the user
 * wrote it, for messages): not where there is a folder, the session file, or,
 * by whatever name or link, a file that a clip or an insert of the session
 * reads. MXD_ERROR_INVALID with a problem at place; MXD_ERROR_MEMORY. The
 * session's files are looked at once, when first needed.
 */
mxd_result mxd_inputs_check_overwrite(mxd_inputs *inputs, const char *path, const char *name, const mxd_place *place,
                                      mxd_problems *problems);

#endif
