/* One deliverable while it is being rendered: its file and its meter. */
#ifndef MXD_RENDER_OUTPUT_H
#define MXD_RENDER_OUTPUT_H

#include "../../formats/audio_file.h"
#include "../measure/meter.h"
#include "engine.h"

typedef struct mxd_output_file {
    const mxd_deliverable *deliverable;
    char *path;              /* where it goes: beside the session, or in the output folder */
    uint32_t first_lane;     /* of the block's outputs */
    uint64_t num_frames;     /* written so far */
    mxd_audio_writer *writer;
    mxd_meter *meter;
} mxd_output_file;

/* Where a deliverable goes; to be freed. NULL when memory runs out. */
char *mxd_output_path(const mxd_session *session, const mxd_deliverable *deliverable, const char *output_dir);

/* output_dir NULL = relative to the session's folder. After a failure close it all the same. */
mxd_result mxd_output_file_open(mxd_output_file *file, const mxd_session *session, const mxd_output *output,
                                uint32_t first_lane, const char *output_dir, mxd_problems *problems);
/* Removes the unfinished file unless it was committed. Accepts a zeroed struct. */
void mxd_output_file_close(mxd_output_file *file);
/* Meters begin..end of the block, and writes it; the two may run side by side. */
mxd_result mxd_output_file_measure(mxd_output_file *file, const mxd_engine_block *block);
mxd_result mxd_output_file_write(mxd_output_file *file, const mxd_engine_block *block);
/* What it came to; result->file is a copy to be freed. rate in Hz. */
void mxd_output_file_describe(const mxd_output_file *file, double rate, mxd_deliverable_result *result);

#endif
