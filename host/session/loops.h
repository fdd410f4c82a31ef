/* What mxd_session_validate checks of buses that feed each other and of names. */
#ifndef MXD_SESSION_LOOPS_H
#define MXD_SESSION_LOOPS_H

#include "session.h"

/* Tells each bus that feeds itself, with the whole way round. MXD_ERROR_INVALID if there is one. */
mxd_result mxd_session_check_loops(const mxd_session *session, mxd_problems *problems);
/* Tells each name that two tracks or buses have. MXD_ERROR_INVALID if there is one. */
mxd_result mxd_session_check_names(const mxd_session *session, mxd_problems *problems);

#endif
