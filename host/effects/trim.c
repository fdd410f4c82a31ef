/*
 * trim: what stands at the head of a chain on a console, to bring a recording to
 * its working level and its channels into balance: no way to silence, and a level
 * of its own for each channel where the recording's sides differ.
 */
#include "../../formats/reader.h"
#include "../graph/envelope.h"
#include "channels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DB 24.0 /* either way: what consoles and DAWs call trim has 12 to 24 */

enum { GAIN, CHANNELS, NUM_VALUES = CHANNELS + MXD_MAX_CHANNELS };

typedef struct trim_params {
    double values[NUM_VALUES];
    uint32_t num_channels; /* 0: all alike */
} trim_params;

static const mxd_insert_parameter parameters[] = {{"gain_db", -MAX_DB, MAX_DB, 0.0, false, false}};
static const mxd_insert_parameter channel_parameter = {"channels_db", -MAX_DB, MAX_DB, 0.0, false, false};

static void *trim_read(mxd_reader *reader, const mxd_effect_context *context)
{
    (void)context;
    trim_params *params = calloc(1, sizeof *params);
    if (!params) {
        mxd_reader_fail(reader, NULL, "memory ran out");
        return NULL;
    }
    mxd_reader *list = mxd_read_array(reader, "channels_db", MXD_OPTIONAL);
    if (!list)
        return params;
    const size_t length = mxd_reader_length(list);
    if (length < 1 || length > MXD_MAX_CHANNELS)
        mxd_reader_fail(list, NULL, "channels_db has a level for each channel, 1 to %d of them; not %zu",
                        MXD_MAX_CHANNELS, length);
    else
        params->num_channels = (uint32_t)length;
    for (uint32_t c = 0; c < params->num_channels; c++)
        mxd_item_number(list, c, -MAX_DB, MAX_DB, &params->values[CHANNELS + c]);
    mxd_reader_close(list);
    return params;
}

static uint32_t trim_num_outputs(const void *opaque, uint32_t num_inputs, const mxd_place *place,
                                 mxd_problems *problems)
{
    const trim_params *params = opaque;
    if (params->num_channels == 0 || params->num_channels == num_inputs)
        return num_inputs;
    mxd_fail(problems, MXD_ERROR_INVALID, place, "channels_db has %u level%s, but %u channel%s: give each its own",
             (unsigned)params->num_channels, params->num_channels == 1 ? "" : "s", (unsigned)num_inputs,
             num_inputs == 1 ? " enters" : "s enter");
    return 0;
}

static uint64_t trim_tail_frames(const void *params, uint32_t num_inputs)
{
    (void)params;
    (void)num_inputs;
    return 0;
}

/* "channels_db[1]" */
static const mxd_insert_parameter *trim_find_parameter(const void *opaque, const char *path, uint32_t *value)
{
    const trim_params *params = opaque;
    for (uint32_t c = 0; c < params->num_channels; c++) {
        char name[32];
        snprintf(name, sizeof name, "channels_db[%u]", (unsigned)c);
        if (strcmp(name, path) != 0)
            continue;
        *value = CHANNELS + c;
        return &channel_parameter;
    }
    return NULL;
}

static double gain_of(const void *params, const double *values, uint32_t channel)
{
    (void)params;
    return mxd_gain_of_db(values[GAIN] + values[CHANNELS + channel]);
}

static mxd_result trim_emit(const void *params, mxd_graph_builder *builder, uint32_t *lanes, uint32_t num_inputs)
{
    (void)params;
    mxd_result result = MXD_OK;
    for (uint32_t c = 0; c < num_inputs && result == MXD_OK; c++)
        result = mxd_channel_scale(builder, &lanes[c], 1.0, gain_of, c);
    return result;
}

const mxd_effect mxd_effect_trim = {
    .type = "trim",
    .parameters = parameters,
    .num_parameters = 1,
    .num_values = NUM_VALUES,
    .find_parameter = trim_find_parameter,
    .read = trim_read,
    .destroy = free,
    .num_outputs = trim_num_outputs,
    .tail_frames = trim_tail_frames,
    .emit = trim_emit,
};
