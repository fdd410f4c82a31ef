/* Reading a convolver's parameters: a response file or a synthetic room, the matrix, levels. */
#include "convolver.h"

#include "../../formats/reader.h"
#include "../path.h"

#include <math.h>
#include <stdlib.h>

/* ---- The synthetic room -------------------------------------------------- */

static void read_decays(mxd_reader *reader, mxd_room *room)
{
    const double shortest_s = 0.1, longest_s = 20.0; /* 20 s last 27 s down to -80 dB: within a response's 30 s */
    if (mxd_read_type(reader, "decay_s") != MXD_JSON_ARRAY) {
        double decay_s = 1.0;
        mxd_read_number(reader, "decay_s", MXD_REQUIRED, shortest_s, longest_s, &decay_s);
        mxd_room_natural_decays(decay_s, room->decay_s);
        for (int band = 0; band < MXD_ROOM_BANDS; band++)
            room->decay_s[band] = fmin(room->decay_s[band], longest_s);
        return;
    }
    mxd_reader *array = mxd_read_array(reader, "decay_s", MXD_REQUIRED);
    if (!array)
        return;
    const size_t length = mxd_reader_length(array);
    if (length < 1 || length > MXD_ROOM_BANDS)
        mxd_reader_fail(array, NULL, "decay_s is a number, or 1 to %d numbers for the octaves from 31.5 Hz upwards",
                        MXD_ROOM_BANDS);
    else {
        double decay_s = 1.0;
        for (size_t band = 0; band < MXD_ROOM_BANDS; band++) {
            if (band < length)
                mxd_item_number(array, band, shortest_s, longest_s, &decay_s);
            room->decay_s[band] = decay_s; /* the last one given holds for the octaves above */
        }
    }
    mxd_reader_close(array);
}

static mxd_convolver *read_room(mxd_reader *insert, const mxd_effect_context *context)
{
    mxd_reader *reader = mxd_read_object(insert, "impulse_response", MXD_REQUIRED);
    if (!reader)
        return NULL;
    int64_t channels = 2, seed = 0;
    double predelay_ms = 0.0;
    mxd_room room = {.width = 1.0};
    read_decays(reader, &room);
    mxd_read_number(reader, "predelay_ms", MXD_OPTIONAL, 0.0, 1000.0, &predelay_ms);
    mxd_read_number(reader, "width", MXD_OPTIONAL, 0.0, 1.0, &room.width);
    mxd_read_integer(reader, "channels", MXD_OPTIONAL, 1, MXD_ROOM_MAX_OUTPUTS, &channels);
    mxd_read_integer(reader, "seed", MXD_OPTIONAL, 0, UINT32_MAX, &seed);
    room.num_outputs = (uint32_t)channels;
    room.seed = (uint32_t)seed;
    mxd_reader_close(reader);
    mxd_convolver *convolver = mxd_convolver_create(context->sample_rate);
    if (!convolver || !mxd_convolver_set_room(convolver, &room, context->responses)) {
        mxd_reader_fail(insert, NULL, "memory ran out");
        mxd_effect_convolver.destroy(convolver);
        return NULL;
    }
    convolver->predelay_frames = (uint32_t)lround(predelay_ms * 1e-3 * context->sample_rate);

    /* What only a file's response has. */
    if (mxd_read_has(insert, "matrix"))
        mxd_reader_fail(insert, "matrix", "a synthetic room leads from every input to every output: remove matrix");
    if (mxd_read_has(insert, "length_s"))
        mxd_reader_fail(insert, "length_s", "a synthetic room is as long as its decay_s: remove length_s");
    return convolver;
}

/* ---- Response files ------------------------------------------------------ */

static mxd_convolver *read_file(mxd_reader *insert, const mxd_effect_context *context)
{
    const char *name = NULL;
    double length_s = 0.0;
    mxd_read_name(insert, "impulse_response", MXD_REQUIRED, &name);
    bool good = true;
    if (mxd_read_has(insert, "length_s")) /* 1 ms: below that a response is a filter's tap, not a room */
        good = mxd_read_number(insert, "length_s", MXD_OPTIONAL, 0.001, MXD_IMPULSE_RESPONSE_MAX_S, &length_s);
    if (!name || !good)
        return NULL;
    mxd_convolver *convolver = mxd_convolver_create(context->sample_rate);
    char *path = mxd_path_join(context->folder, name);
    if (!convolver || !path) {
        mxd_reader_fail(insert, NULL, "memory ran out");
        goto fail;
    }
    const mxd_place place = mxd_reader_place(insert, "impulse_response");
    const mxd_response_request request = {path, context->sample_rate,
                                          (uint64_t)llround(length_s * context->sample_rate)};
    convolver->response =
        mxd_response_library_get(context->responses, &request, &place, mxd_reader_problems(insert));
    if (!convolver->response)
        goto fail;
    convolver->file = path;
    return convolver;

fail:
    free(path);
    mxd_effect_convolver.destroy(convolver);
    return NULL;
}

/* One row of the matrix. Its entries go to channels[0..columns); false if one is wrong. */
static bool read_row(mxd_reader *row, uint32_t num_channels, uint32_t num_columns, int *channels)
{
    bool good = true;
    for (uint32_t column = 0; column < num_columns; column++) {
        double value = 0.0;
        channels[column] = -1;
        if (mxd_item_type(row, column) == MXD_JSON_NULL)
            continue;
        if (!mxd_item_number(row, column, 0.0, num_channels - 1.0, &value))
            good = false;
        else if (value != floor(value)) {
            mxd_reader_fail(row, NULL, "an entry of matrix is a channel of the response, from 0, or null; not %g",
                            value);
            good = false;
        } else
            channels[column] = (int)value;
    }
    return good;
}

/* Fills matrix; false if something was wrong. */
static bool read_rows(mxd_reader *array, uint32_t num_channels, mxd_convolver_matrix *matrix)
{
    bool good = true, any = false;
    const size_t num_rows = mxd_reader_length(array);
    if (num_rows < 1 || num_rows > MXD_MAX_CHANNELS) {
        mxd_reader_fail(array, NULL, "matrix has a row for each input, 1 to %d of them; not %zu", MXD_MAX_CHANNELS,
                        num_rows);
        return false;
    }
    matrix->num_rows = (uint32_t)num_rows;
    for (uint32_t r = 0; r < matrix->num_rows; r++) {
        mxd_reader *row = mxd_item_array(array, r);
        if (!row) {
            good = false;
            continue;
        }
        const size_t length = mxd_reader_length(row);
        if (matrix->num_columns == 0 && length >= 1 && length <= MXD_MAX_CHANNELS)
            matrix->num_columns = (uint32_t)length;
        if (length < 1 || length != matrix->num_columns) {
            mxd_reader_fail(row, NULL,
                            "each row of matrix has a column for each output, 1 to %d and all rows alike; not %zu",
                            MXD_MAX_CHANNELS, length);
            good = false;
        } else
            good &= read_row(row, num_channels, matrix->num_columns, matrix->channels[r]);
        for (uint32_t c = 0; good && c < matrix->num_columns; c++)
            any |= matrix->channels[r][c] >= 0;
        mxd_reader_close(row);
    }
    if (good && !any) {
        mxd_reader_fail(array, NULL, "matrix is empty: name a channel of the response in at least one entry");
        good = false;
    }
    return good;
}

/* Reads the matrix if there is one; false if something was wrong. */
static bool read_matrix(mxd_reader *insert, mxd_convolver *convolver)
{
    if (!mxd_read_has(insert, "matrix"))
        return true;
    mxd_reader *array = mxd_read_array(insert, "matrix", MXD_OPTIONAL);
    if (!array)
        return false;
    convolver->matrix = calloc(1, sizeof *convolver->matrix);
    bool good = false;
    if (!convolver->matrix)
        mxd_reader_fail(insert, NULL, "memory ran out");
    else
        good = read_rows(array, convolver->response->num_channels, convolver->matrix);
    mxd_reader_close(array);
    return good;
}

/* ---- The insert ---------------------------------------------------------- */

void *mxd_convolver_read(mxd_reader *reader, const mxd_effect_context *context)
{
    static const char *const normalizations[] = {"energy", "none"};
    int normalize = 0;
    double predelay_ms = 0.0;
    mxd_read_number(reader, "predelay_ms", MXD_OPTIONAL, 0.0, 1000.0, &predelay_ms);
    mxd_read_choice(reader, "normalize", MXD_OPTIONAL, normalizations, 2, &normalize);
    mxd_convolver *convolver = NULL;
    const mxd_json_type type = mxd_read_type(reader, "impulse_response");
    if (type == MXD_JSON_OBJECT) {
        convolver = read_room(reader, context);
        if (normalize == 1)
            mxd_reader_fail(reader, "normalize",
                            "a synthetic room always has unit energy: remove normalize, use wet_db");
    } else if (type == MXD_JSON_STRING)
        convolver = read_file(reader, context);
    else if (type == MXD_JSON_ABSENT)
        mxd_reader_fail(reader, NULL,
                        "impulse_response is missing: name a file, or give an object for a synthetic room");
    else
        mxd_reader_fail(reader, "impulse_response",
                        "impulse_response is the name of a file, or an object for a synthetic room");

    if (convolver && convolver->response && !read_matrix(reader, convolver)) {
        mxd_effect_convolver.destroy(convolver);
        convolver = NULL;
    }
    if (!convolver) {
        /* Asked for, so that they are not called unknown on top of what was wrong. */
        mxd_read_has(reader, "matrix");
        mxd_read_has(reader, "length_s");
        mxd_read_has(reader, "wet_db");
        mxd_read_has(reader, "dry_db");
        mxd_read_has(reader, "automation");
        return NULL;
    }
    convolver->predelay_frames += (uint32_t)lround(predelay_ms * 1e-3 * context->sample_rate);
    convolver->as_is = normalize == 1;
    return convolver;
}
