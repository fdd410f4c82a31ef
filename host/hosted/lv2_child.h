/*
 * The process in which one plug-in runs (mixdown-lv2-host): starting it, asking
 * it, and telling what became of it when it does not answer.
 */
#ifndef MXD_HOSTED_LV2_CHILD_H
#define MXD_HOSTED_LV2_CHILD_H

#include "../problems.h"
#include "lv2_wire.h"

typedef struct mxd_lv2_child mxd_lv2_child;

/* Why a request failed; text is for people and lacks its subject: `the LV2 plug-in "X" ` goes before it. */
typedef struct mxd_lv2_failure {
    mxd_result result;
    char text[3072];
} mxd_lv2_failure;

/*
 * Starts the program: MXD_LV2_HOST of the environment, or mixdown-lv2-host beside
 * this process's own program, or where it was installed. NULL with *failure.
 */
mxd_lv2_child *mxd_lv2_child_start(mxd_lv2_failure *failure);
/* Ends the process, whatever it does. Accepts NULL. */
void mxd_lv2_child_destroy(mxd_lv2_child *child);

/* Memory that both see, zero at first; lives as long as the child. Once for each child. NULL with *failure. */
mxd_lv2_shared *mxd_lv2_child_share(mxd_lv2_child *child, size_t num_bytes, mxd_lv2_failure *failure);

/*
 * Sends a request and waits for its answer, of that kind: *answer, *num_answer_bytes, to be freed with free(); NULL:
 * not wanted. False with *failure, also when nothing is heard, and shared memory's run does not move, for 30 s (or
 * MXD_LV2_TIMEOUT_S of the environment). After that the child can only be destroyed.
 */
bool mxd_lv2_child_ask(mxd_lv2_child *child, mxd_lv2_wire_kind request, const void *bytes, size_t num_bytes,
                       mxd_lv2_wire_kind expected, void **answer, size_t *num_answer_bytes, mxd_lv2_failure *failure);

#endif
