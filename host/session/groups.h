/* Fader groups: what a member belongs to, and what mxd_session_validate checks of them. */
#ifndef MXD_SESSION_GROUPS_H
#define MXD_SESSION_GROUPS_H

#include "session.h"

/*
 * The groups that act on a strip: its own and those that these belong to, each once, by however many ways; into
 * groups[] with room for session->num_groups. seen: as many, all false, before and after. Returns how many.
 */
uint32_t mxd_groups_of(const mxd_session *session, const mxd_strip *strip, bool *seen, uint32_t *groups);

/* Tells each group that belongs to itself, with the way round, and each name that two have. MXD_ERROR_INVALID if any. */
mxd_result mxd_session_check_groups(const mxd_session *session, mxd_problems *problems);

#endif
