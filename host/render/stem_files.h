/*
 * The files of a deliverable's stems: beside FOLDER/MIX.EXTENSION a folder
 * FOLDER/MIX.stems with a file "NN NAME.EXTENSION" for each, numbered in the
 * session's order, in the deliverable's format. Their loudness is not measured.
 */
#ifndef MXD_RENDER_STEM_FILES_H
#define MXD_RENDER_STEM_FILES_H

#include "../../formats/audio_file.h"
#include "engine.h"

typedef struct mxd_stem_file {
    const mxd_stem *stem;
    uint32_t index;           /* of the stem in graph->stems */
    const mxd_deliverable *deliverable;
    char *path;
    mxd_audio_writer *writer;
} mxd_stem_file;

/*
 * Where the stem goes (number from 1, of count); to be freed, NULL when memory runs out. What file systems do not
 * take in a name becomes "_"; numbers keep names apart, and visible ones where they begin with a dot.
 */
char *mxd_stem_path(const mxd_session *session, const mxd_deliverable *deliverable, const mxd_strip *strip,
                    uint32_t number, uint32_t count, const char *output_dir);

/* The number-th stem (from 1) of the graph's output. After a failure close it all the same. */
mxd_result mxd_stem_file_open(mxd_stem_file *file, const mxd_graph *graph, const mxd_output *output, uint32_t number,
                              const char *output_dir, mxd_problems *problems);
/* Removes the unfinished file unless it was committed. Accepts a zeroed struct. */
void mxd_stem_file_close(mxd_stem_file *file);
/* Writes begin..end of the block. zeros: block_frames of them. */
mxd_result mxd_stem_file_write(mxd_stem_file *file, const mxd_engine_block *block, const float *zeros);
/* result->name and file are copies to be freed; NULL when memory ran out. rate in Hz. */
void mxd_stem_file_describe(const mxd_stem_file *file, double rate, mxd_stem_result *result);

#endif
