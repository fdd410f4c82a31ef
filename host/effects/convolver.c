/*
 * The convolver: responses from a file or a synthetic room, laid out as a matrix
 * of paths from inputs to outputs. All levels are folded into the paths' gains and
 * all delays into their delays, so that the kernel does nothing but convolve.
 */
#include "convolver.h"

#include "../../formats/reader.h"
#include "../graph/builder.h"
#include "../graph/envelope.h"

#include <math.h>
#include <stdlib.h>

static void convolver_destroy(void *params)
{
    mxd_convolver *convolver = params;
    if (!convolver)
        return;
    mxd_impulse_response_destroy(convolver->response);
    mxd_room_responses_destroy(convolver->rooms);
    free(convolver->matrix);
    free(convolver->file);
    free(convolver);
}

static const char *convolver_input_file(const void *params)
{
    return ((const mxd_convolver *)params)->file;
}

mxd_convolver *mxd_convolver_create(uint32_t sample_rate)
{
    mxd_convolver *convolver = calloc(1, sizeof *convolver);
    if (!convolver)
        return NULL;
    convolver->sample_rate = sample_rate;
    convolver->wet_db = 0.0;
    convolver->dry_db = -HUGE_VAL;
    return convolver;
}

bool mxd_convolver_set_room(mxd_convolver *convolver, const mxd_room *room, mxd_response_library *library)
{
    convolver->room = *room;
    convolver->rooms = mxd_response_library_room(library, room, convolver->sample_rate);
    return convolver->rooms;
}

/* ---- Paths --------------------------------------------------------------- */

uint32_t mxd_convolver_match(uint32_t num_inputs, uint32_t num_channels)
{
    if (num_channels == 1 || num_channels == num_inputs)
        return num_inputs;
    if (num_inputs == 1)
        return num_channels;
    return num_inputs == 2 && num_channels == 4 ? 2 : 0;
}

int mxd_convolver_match_channel(uint32_t num_inputs, uint32_t num_channels, uint32_t input, uint32_t output)
{
    if (num_channels == 1)
        return input == output ? 0 : -1;
    if (num_channels == num_inputs)
        return input == output ? (int)input : -1;
    if (num_inputs == 1)
        return (int)output;
    return (int)(2 * input + output);
}

/* Unchecked: 0 where nothing fits. */
static uint32_t width_of(const mxd_convolver *convolver, uint32_t num_inputs)
{
    if (!convolver->response)
        return convolver->room.num_outputs;
    if (convolver->matrix)
        return convolver->matrix->num_rows == num_inputs ? convolver->matrix->num_columns : 0;
    return mxd_convolver_match(num_inputs, convolver->response->num_channels);
}

/* The channel of a file's (or the room's) responses from input to output, or -1. */
static int channel_of(const mxd_convolver *convolver, uint32_t num_inputs, uint32_t input, uint32_t output)
{
    if (!convolver->response)
        return (int)(input * convolver->room.num_outputs + output);
    if (convolver->matrix)
        return convolver->matrix->channels[input][output];
    return mxd_convolver_match_channel(num_inputs, convolver->response->num_channels, input, output);
}

/* Sum of squares over all paths. */
static double total_energy(const mxd_convolver *convolver, const mxd_impulse_response *response, uint32_t num_inputs)
{
    const uint32_t num_outputs = width_of(convolver, num_inputs);
    double energy = 0.0;
    for (uint32_t i = 0; i < num_inputs; i++)
        for (uint32_t o = 0; o < num_outputs; o++) {
            const int channel = channel_of(convolver, num_inputs, i, o);
            if (channel >= 0)
                energy += response->channels[channel].energy;
        }
    return energy;
}

static uint32_t convolver_num_outputs(const void *params, uint32_t num_inputs, const mxd_place *place,
                                      mxd_problems *problems)
{
    const mxd_convolver *convolver = params;
    const uint32_t num_outputs = width_of(convolver, num_inputs);
    if (!convolver->response) {
        if (num_inputs * num_outputs <= MXD_CONVOLVER_MAX_ROOM_PATHS)
            return num_outputs;
        mxd_fail(problems, MXD_ERROR_INVALID, place,
                 "a synthetic room from %u to %u channels needs %u responses, more than %d: use fewer channels",
                 (unsigned)num_inputs, (unsigned)num_outputs, (unsigned)(num_inputs * num_outputs),
                 MXD_CONVOLVER_MAX_ROOM_PATHS);
    } else if (num_outputs == 0 && convolver->matrix)
        mxd_fail(problems, MXD_ERROR_INVALID, place,
                 "matrix has %u row%s, but %u channel%s the convolver: give one row an input",
                 (unsigned)convolver->matrix->num_rows, convolver->matrix->num_rows == 1 ? "" : "s",
                 (unsigned)num_inputs, num_inputs == 1 ? " enters" : "s enter");
    else if (num_outputs == 0)
        mxd_fail(problems, MXD_ERROR_INVALID, place,
                 "a response of %u channels does not fit the %u channels that enter: say by matrix which channel "
                 "lies between which input and output",
                 (unsigned)convolver->response->num_channels, (unsigned)num_inputs);
    else if (num_outputs > MXD_MAX_CHANNELS)
        mxd_fail(problems, MXD_ERROR_INVALID, place, "the response has %u channels, at most %d can leave an insert",
                 (unsigned)num_outputs, MXD_MAX_CHANNELS);
    else if (total_energy(convolver, convolver->response, num_inputs) == 0.0)
        mxd_fail(problems, MXD_ERROR_INVALID, place, "matrix names none but silent channels of the response");
    else
        return num_outputs;
    return 0;
}

static uint64_t convolver_tail_frames(const void *params, uint32_t num_inputs)
{
    const mxd_convolver *convolver = params;
    uint64_t end = 1; /* of the longest path: a response of one frame has no tail */
    if (convolver->wet_db == -HUGE_VAL)
        return 0;
    if (!convolver->response)
        return convolver->predelay_frames + mxd_room_num_frames(&convolver->room, convolver->sample_rate) - 1;
    const uint32_t num_outputs = width_of(convolver, num_inputs);
    for (uint32_t i = 0; i < num_inputs; i++)
        for (uint32_t o = 0; o < num_outputs; o++) {
            const int index = channel_of(convolver, num_inputs, i, o);
            if (index < 0 || convolver->response->channels[index].num_frames == 0)
                continue;
            const mxd_response_channel *channel = &convolver->response->channels[index];
            const uint64_t path_end =
                (uint64_t)convolver->predelay_frames + channel->delay_frames + channel->num_frames;
            end = path_end > end ? path_end : end;
        }
    return end - 1;
}

/* ---- Emitting ------------------------------------------------------------ */

/* Which signals there ever are. A wet level that stands still is in the responses' gains. */
typedef struct levels {
    bool has_wet, wet_moves;
    bool has_dry, dry_moves;
    double dry_gain;           /* what of the dry signal stands still */
} levels;

static mxd_result emit_wet(const mxd_convolver *convolver, mxd_graph_builder *builder, const uint32_t *inputs,
                           uint32_t num_inputs, const uint32_t *outputs, uint32_t num_outputs)
{
    const mxd_impulse_response *response =
        convolver->response ? convolver->response : mxd_room_responses_get(convolver->rooms, num_inputs);
    mxd_convolve_cell *cells = calloc((size_t)num_inputs * num_outputs, sizeof *cells);
    if (!response || !cells) {
        free(cells);
        return MXD_ERROR_MEMORY;
    }
    double gain = mxd_builder_moves(builder, MXD_CONVOLVER_WET) ? 1.0 : mxd_gain_of_db(convolver->wet_db);
    if (!convolver->as_is)
        gain /= sqrt(total_energy(convolver, response, num_inputs));
    uint32_t num_cells = 0;
    for (uint32_t i = 0; i < num_inputs; i++)
        for (uint32_t o = 0; o < num_outputs; o++) {
            const int index = channel_of(convolver, num_inputs, i, o);
            if (index < 0 || response->channels[index].num_frames == 0)
                continue;
            const mxd_response_channel *channel = &response->channels[index];
            cells[num_cells++] = (mxd_convolve_cell){
                .input = i,
                .output = o,
                .response = channel->samples,
                .num_frames = channel->num_frames,
                .delay_frames = convolver->predelay_frames + channel->delay_frames,
                .gain = gain,
            };
        }
    const mxd_convolve_row row = {inputs, num_inputs, outputs, num_outputs, cells, num_cells};
    const mxd_result result = mxd_builder_convolve(builder, &row);
    free(cells);
    return result;
}

/* index: whose level. */
static double gain_of(const void *params, const double *values, uint32_t index)
{
    (void)params;
    return mxd_gain_of_db(values[index]);
}

/* One output mixed of wet and dry signal; *lane is the wet lane on entry, the sum on return. */
static mxd_result emit_levels(const levels *l, mxd_graph_builder *builder, const uint32_t *inputs, uint32_t num_inputs,
                              uint32_t output, uint32_t *lane)
{
    const bool has_dry = l->has_dry && (output < num_inputs || num_inputs == 1);
    mxd_builder_edge edges[2];
    uint32_t num_edges = 0;
    if (l->has_wet && !has_dry && !l->wet_moves)
        return MXD_OK;
    if (has_dry)
        edges[num_edges++] = (mxd_builder_edge){.input_lane = inputs[num_inputs == 1 ? 0 : output],
                                                .gain = l->dry_gain, .map = l->dry_moves ? gain_of : NULL,
                                                .index = MXD_CONVOLVER_DRY};
    if (l->has_wet)
        edges[num_edges++] = (mxd_builder_edge){.input_lane = *lane, .gain = 1.0, .map = l->wet_moves ? gain_of : NULL,
                                                .index = MXD_CONVOLVER_WET};
    if (num_edges == 0) /* neither wet nor dry: silence */
        edges[num_edges++] = (mxd_builder_edge){.input_lane = inputs[0]};
    *lane = mxd_builder_lane(builder);
    if (*lane == UINT32_MAX)
        return MXD_ERROR_MEMORY;
    return mxd_builder_mix(builder, *lane, edges, num_edges);
}

static mxd_result convolver_emit(const void *params, mxd_graph_builder *builder, uint32_t *lanes, uint32_t num_inputs)
{
    const mxd_convolver *convolver = params;
    const uint32_t num_outputs = width_of(convolver, num_inputs);
    const bool wet_moves = mxd_builder_moves(builder, MXD_CONVOLVER_WET);
    const bool dry_moves = mxd_builder_moves(builder, MXD_CONVOLVER_DRY);
    const levels l = {
        .has_wet = wet_moves || convolver->wet_db != -HUGE_VAL,
        .wet_moves = wet_moves,
        .has_dry = dry_moves || convolver->dry_db != -HUGE_VAL,
        .dry_moves = dry_moves,
        .dry_gain = dry_moves ? 1.0 : mxd_gain_of_db(convolver->dry_db),
    };
    uint32_t outputs[MXD_MAX_CHANNELS] = {0};
    mxd_result result = MXD_OK;
    if (num_outputs < 1 || num_outputs > MXD_MAX_CHANNELS)
        return MXD_ERROR_ARGUMENT;
    if (l.has_wet) {
        for (uint32_t o = 0; o < num_outputs; o++)
            if ((outputs[o] = mxd_builder_lane(builder)) == UINT32_MAX)
                return MXD_ERROR_MEMORY;
        result = emit_wet(convolver, builder, lanes, num_inputs, outputs, num_outputs);
    }
    for (uint32_t o = 0; o < num_outputs && result == MXD_OK; o++)
        result = emit_levels(&l, builder, lanes, num_inputs, o, &outputs[o]);
    for (uint32_t o = 0; o < num_outputs; o++)
        lanes[o] = outputs[o];
    return result;
}

static const mxd_insert_parameter parameters[MXD_CONVOLVER_NUM_VALUES] = {
    [MXD_CONVOLVER_WET] = {"wet_db", -144.0, 60.0, 0.0, true, false},
    [MXD_CONVOLVER_DRY] = {"dry_db", -144.0, 60.0, -HUGE_VAL, true, false},
};

static bool has_automation(mxd_reader *reader)
{
    if (mxd_read_type(reader, "automation") != MXD_JSON_ARRAY)
        return false;
    mxd_reader *array = mxd_read_array(reader, "automation", MXD_OPTIONAL);
    const bool has_items = array && mxd_reader_length(array) > 0;
    mxd_reader_close(array);
    return has_items;
}

static void convolver_finish(void *params, mxd_reader *reader, const mxd_effect_context *context)
{
    (void)context;
    const mxd_convolver *convolver = params;
    if (convolver->wet_db == -HUGE_VAL && convolver->dry_db == -HUGE_VAL && !has_automation(reader))
        mxd_reader_fail(reader, NULL,
                        "a convolver with neither wet nor dry signal is silent: give wet_db or dry_db a level");
}

const mxd_effect mxd_effect_convolver = {
    .type = "convolver",
    .parameters = parameters,
    .num_parameters = MXD_CONVOLVER_NUM_VALUES,
    .num_values = MXD_CONVOLVER_NUM_VALUES,
    .read = mxd_convolver_read,
    .finish = convolver_finish,
    .destroy = convolver_destroy,
    .input_file = convolver_input_file,
    .num_outputs = convolver_num_outputs,
    .tail_frames = convolver_tail_frames,
    .emit = convolver_emit,
};
