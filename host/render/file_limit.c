#include "file_limit.h"

#include <sys/resource.h>

/* Standard streams, libraries, drivers and their caches. */
#define OTHER_FILES 64
/* A clip, and one that fades in while it fades out. */
#define FILES_PER_TRACK 2

/* A loop with crossfades reads at two places. */
static rlim_t files_of_track(const mxd_track *track)
{
    for (uint32_t i = 0; i < track->num_clips; i++)
        if (track->clips[i].loop.crossfade_frames > 0)
            return 2 * FILES_PER_TRACK;
    return FILES_PER_TRACK;
}

mxd_result mxd_file_limit_raise(const mxd_graph *graph, uint32_t num_written, mxd_problems *problems)
{
    struct rlimit limit;
    rlim_t least = num_written + OTHER_FILES;
    rlim_t wanted = least;
    for (uint32_t i = 0; i < graph->session->num_tracks; i++)
        wanted += files_of_track(&graph->session->tracks[i]);
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= wanted)
        return MXD_OK;
    limit.rlim_cur = limit.rlim_max == RLIM_INFINITY || limit.rlim_max > wanted ? wanted : limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= least)
        return MXD_OK;
    return mxd_fail(problems, MXD_ERROR_WRITE, NULL,
                    "%u files would be open at once to be written, and the system allows a process %llu in all: raise "
                    "its limit (ulimit -n), or render some deliverables at a time with --only",
                    num_written, (unsigned long long)limit.rlim_max);
}
