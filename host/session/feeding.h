/* Which strips feed which, by outputs, sends and side-chains. Strips are numbered as mxd_session_strip has them. */
#ifndef MXD_SESSION_FEEDING_H
#define MXD_SESSION_FEEDING_H

#include "session.h"

/* What strip i feeds: targets[first[i]] .. targets[first[i + 1] - 1], once for each way. */
typedef struct mxd_feeding {
    uint32_t *first;
    uint32_t *targets;
} mxd_feeding;

/* False when memory runs out; free with mxd_feeding_finish all the same. */
bool mxd_feeding_init(const mxd_session *session, mxd_feeding *feeding);
void mxd_feeding_finish(mxd_feeding *feeding);

/* Every strip after all that feed it; those of which none feeds the other in their own order. There are no loops. */
bool mxd_feeding_order(const mxd_session *session, const mxd_feeding *feeding, uint32_t *order);

#endif
