#include "stem_files.h"

#include "output.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes kept of a strip's name: with number and extension well below the 255 of file systems. */
#define MAX_NAME_BYTES 160

/* name as a part of a file's name. What no system takes, or Windows does not, becomes "_". */
static void make_safe(const char *name, char safe[MAX_NAME_BYTES + 1])
{
    size_t length = strlen(name);
    if (length > MAX_NAME_BYTES) {
        length = MAX_NAME_BYTES;
        while (length > 0 && ((unsigned char)name[length] & 0xC0) == 0x80) /* within a character of UTF-8 */
            length--;
    }
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)name[i];
        safe[i] = byte < 0x20 || byte == 0x7F || strchr("/\\:*?\"<>|", byte) ? '_' : name[i];
    }
    safe[length] = '\0';
}

char *mxd_stem_path(const mxd_session *session, const mxd_deliverable *deliverable, const mxd_strip *strip,
                    uint32_t number, uint32_t count, const char *output_dir)
{
    char safe[MAX_NAME_BYTES + 1], *mix = mxd_output_path(session, deliverable, output_dir);
    if (!mix)
        return NULL;
    make_safe(strip->name, safe);
    const char *slash = strrchr(mix, '/'), *dot = strrchr(mix, '.');
    if (!dot || dot <= (slash ? slash + 1 : mix)) /* no extension, or a name that is nothing else */
        dot = mix + strlen(mix);
    int digits = 2;
    for (uint32_t largest = count / 100; largest > 0; largest /= 10)
        digits++;
    size_t size = strlen(mix) + strlen(dot) + strlen(safe) + 32;
    char *path = malloc(size);
    if (path)
        snprintf(path, size, "%.*s.stems/%0*u %s%s", (int)(dot - mix), mix, digits, number, safe, dot);
    free(mix);
    return path;
}

mxd_result mxd_stem_file_open(mxd_stem_file *file, const mxd_graph *graph, const mxd_output *output, uint32_t number,
                              const char *output_dir, mxd_problems *problems)
{
    const mxd_deliverable *deliverable = output->deliverable;
    const mxd_stem *stem = mxd_graph_stems_of(graph, deliverable->layout) + (number - 1);
    *file = (mxd_stem_file){.stem = stem, .index = (uint32_t)(stem - graph->stems), .deliverable = deliverable};
    file->path = mxd_stem_path(graph->session, deliverable, stem->strip, number, graph->stems_per_layout, output_dir);
    if (!file->path)
        return MXD_ERROR_MEMORY;
    const mxd_audio_writer_params params = {
        .path = file->path,
        .format = deliverable->format,
        .sample_rate = graph->session->sample_rate,
        .layout = deliverable->layout,
        .channel_order = deliverable->channel_order,
        .bit_depth = deliverable->bit_depth,
        .dither_key = output->index,
        .stem = number,
    };
    return mxd_audio_writer_open(&params, problems, &file->writer);
}

void mxd_stem_file_close(mxd_stem_file *file)
{
    mxd_audio_writer_close(file->writer);
    free(file->path);
    *file = (mxd_stem_file){0};
}

mxd_result mxd_stem_file_write(mxd_stem_file *file, const mxd_engine_block *block, const float *zeros)
{
    const float *channels[MXD_MAX_LAYOUT_CHANNELS];
    const mxd_stem *stem = file->stem;
    for (uint32_t i = 0; i < stem->layout->num_channels; i++) {
        if (stem->outputs[i] == MXD_NO_INDEX)
            channels[i] = NULL;
        else if (!block->stem_sounds[file->index]) /* where there is dither it does not come and go */
            channels[i] = file->deliverable->bit_depth == 32 ? NULL : zeros;
        else
            channels[i] = block->outputs + (size_t)stem->outputs[i] * block->block_frames + block->begin;
    }
    return mxd_audio_writer_write(file->writer, channels, block->end - block->begin);
}

void mxd_stem_file_describe(const mxd_stem_file *file, double rate, mxd_stem_result *result)
{
    uint64_t first_clip = 0;
    double peak = mxd_audio_writer_peak(file->writer);
    *result = (mxd_stem_result){
        .name = strdup(file->stem->strip->name),
        .file = strdup(file->path),
        .sample_peak_dbfs = peak > 0.0 ? 20.0 * log10(peak) : -HUGE_VAL,
        .num_clipped = mxd_audio_writer_clipped(file->writer, &first_clip),
    };
    result->first_clip_s = result->num_clipped ? (double)first_clip / rate : -1.0;
}
