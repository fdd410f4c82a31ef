/* How many files a render has open at once, and may have. */
#ifndef MXD_RENDER_FILE_LIMIT_H
#define MXD_RENDER_FILE_LIMIT_H

#include "../graph/graph.h"

/*
 * Raises the process's limit of open files (RLIMIT_NOFILE's soft one, never the hard one) so that num_written files
 * and the tracks' clips may be open. MXD_ERROR_WRITE where the system does not allow even the written ones.
 */
mxd_result mxd_file_limit_raise(const mxd_graph *graph, uint32_t num_written, mxd_problems *problems);

#endif
