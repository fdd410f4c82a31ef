#include "output.h"

#include "../path.h"

#include <stdlib.h>
#include <string.h>

char *mxd_output_path(const mxd_session *session, const mxd_deliverable *deliverable, const char *output_dir)
{
    if (!output_dir)
        return mxd_path_join(session->folder, deliverable->file);
    const char *slash = strrchr(deliverable->file, '/');
    return mxd_path_join(output_dir, slash ? slash + 1 : deliverable->file);
}

mxd_result mxd_output_file_open(mxd_output_file *file, const mxd_session *session, const mxd_output *output,
                                uint32_t first_lane, const char *output_dir, mxd_problems *problems)
{
    const mxd_deliverable *deliverable = output->deliverable;
    *file = (mxd_output_file){.deliverable = deliverable, .first_lane = first_lane};
    file->path = mxd_output_path(session, deliverable, output_dir);
    file->meter = mxd_meter_create(deliverable->layout, deliverable->layout->num_channels, session->sample_rate, NULL);
    if (!file->path || !file->meter)
        return MXD_ERROR_MEMORY;
    const mxd_audio_writer_params params = {
        .path = file->path,
        .format = deliverable->format,
        .sample_rate = session->sample_rate,
        .layout = deliverable->layout,
        .channel_order = deliverable->channel_order,
        .bit_depth = deliverable->bit_depth,
        .dither_key = output->index,
    };
    return mxd_audio_writer_open(&params, problems, &file->writer);
}

void mxd_output_file_close(mxd_output_file *file)
{
    mxd_audio_writer_close(file->writer);
    mxd_meter_destroy(file->meter);
    free(file->path);
    *file = (mxd_output_file){0};
}

/* The block's channels, from begin on. */
static void find_channels(const mxd_output_file *file, const mxd_engine_block *block,
                          const float *channels[MXD_MAX_LAYOUT_CHANNELS])
{
    for (uint32_t i = 0; i < file->deliverable->layout->num_channels; i++)
        channels[i] = block->outputs + (size_t)(file->first_lane + i) * block->block_frames + block->begin;
}

mxd_result mxd_output_file_measure(mxd_output_file *file, const mxd_engine_block *block)
{
    const float *channels[MXD_MAX_LAYOUT_CHANNELS];
    find_channels(file, block, channels);
    return mxd_meter_push(file->meter, channels, block->end - block->begin);
}

mxd_result mxd_output_file_write(mxd_output_file *file, const mxd_engine_block *block)
{
    const float *channels[MXD_MAX_LAYOUT_CHANNELS];
    find_channels(file, block, channels);
    file->num_frames += block->end - block->begin;
    return mxd_audio_writer_write(file->writer, channels, block->end - block->begin);
}

void mxd_output_file_describe(const mxd_output_file *file, double rate, mxd_deliverable_result *result)
{
    uint64_t first_clip = 0;
    *result = (mxd_deliverable_result){
        .file = strdup(file->path),
        .layout = file->deliverable->layout->name,
        .num_channels = file->deliverable->layout->num_channels,
        .num_frames = file->num_frames,
        .num_clipped = mxd_audio_writer_clipped(file->writer, &first_clip),
    };
    result->first_clip_s = result->num_clipped ? (double)first_clip / rate : -1.0;
    mxd_meter_read(file->meter, &result->loudness);
}
