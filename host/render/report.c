#include "report.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool mxd_report_can_write(const char *path)
{
    size_t length = strlen(path);
    return length > 5 && strcmp(path + length - 5, ".json") == 0;
}

/* A level rounded to 0.001, null for silence: JSON has no infinities. */
static json_t *level(double value)
{
    return isfinite(value) ? json_real(round(value * 1000.0) / 1000.0) : json_null();
}

static json_t *series(const double *values, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, level(values[i]));
    return array;
}

static json_t *describe_deliverable(const mxd_deliverable_result *result, const mxd_output_file *file)
{
    const double *momentary, *short_term;
    size_t num_points = mxd_meter_series(file->meter, &momentary, &short_term);
    json_t *object = json_object();
    json_object_set_new(object, "file", json_string(result->file));
    json_object_set_new(object, "layout", json_string(result->layout));
    json_object_set_new(object, "channels", json_integer(result->num_channels));
    json_object_set_new(object, "frames", json_integer((json_int_t)result->num_frames));
    json_object_set_new(object, "bit_depth", json_integer(file->deliverable->bit_depth));
    json_object_set_new(object, "integrated_lufs", level(result->loudness.integrated_lufs));
    json_object_set_new(object, "max_momentary_lufs", level(result->loudness.max_momentary_lufs));
    json_object_set_new(object, "max_short_term_lufs", level(result->loudness.max_short_term_lufs));
    json_object_set_new(object, "range_lu", level(result->loudness.range_lu));
    json_object_set_new(object, "true_peak_dbtp", level(result->loudness.true_peak_dbtp));
    json_object_set_new(object, "sample_peak_dbfs", level(result->loudness.sample_peak_dbfs));
    json_object_set_new(object, "clipped_samples", json_integer((json_int_t)result->num_clipped));
    json_object_set_new(object, "first_clip_s", result->num_clipped ? json_real(result->first_clip_s) : json_null());
    json_object_set_new(object, "series_step_s", json_real(0.1));
    json_object_set_new(object, "momentary_lufs", series(momentary, num_points));
    json_object_set_new(object, "short_term_lufs", series(short_term, num_points));
    return object;
}

static json_t *describe(const mxd_session *session, const mxd_render_result *summary, const mxd_output_file *files)
{
    json_t *root = json_object(), *deliverables = json_array();
    json_object_set_new(root, "mixdown", json_string(MXD_VERSION));
    json_object_set_new(root, "session", json_string(session->file));
    json_object_set_new(root, "title", json_string(session->title));
    json_object_set_new(root, "sample_rate", json_integer(session->sample_rate));
    json_object_set_new(root, "backend", json_string(summary->backend));
    json_object_set_new(root, "device", json_string(summary->device));
    json_object_set_new(root, "block_frames", json_integer(summary->block_frames));
    json_object_set_new(root, "rendered_s", json_real(summary->rendered_s));
    json_object_set_new(root, "wall_s", json_real(summary->wall_s));
    json_object_set_new(root, "decode_s", json_real(summary->decode_s));
    json_object_set_new(root, "compute_s", json_real(summary->compute_s));
    json_object_set_new(root, "encode_s", json_real(summary->encode_s));
    for (size_t i = 0; i < summary->num_deliverables; i++)
        json_array_append_new(deliverables, describe_deliverable(&summary->deliverables[i], &files[i]));
    json_object_set_new(root, "deliverables", deliverables);
    return root;
}

static mxd_result write_text(const char *path, const char *text, mxd_problems *problems)
{
    const mxd_place place = {.file = path};
    size_t size = strlen(path) + 16;
    char *temporary = malloc(size);
    if (!temporary)
        return MXD_ERROR_MEMORY;
    snprintf(temporary, size, "%s.partial-report", path);
    FILE *stream = fopen(temporary, "w");
    bool good = stream && fputs(text, stream) >= 0 && fputc('\n', stream) != EOF;
    if (stream && fclose(stream) != 0)
        good = false;
    if (good && rename(temporary, path) != 0)
        good = false;
    mxd_result result = MXD_OK;
    if (!good) {
        result = mxd_fail(problems, MXD_ERROR_WRITE, &place, "the report cannot be written: %s", strerror(errno));
        remove(temporary);
    }
    free(temporary);
    return result;
}

mxd_result mxd_report_write(const char *path, const mxd_session *session, const mxd_render_result *summary,
                            const mxd_output_file *files, mxd_problems *problems)
{
    json_t *root = describe(session, summary, files);
    char *text = root ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) : NULL;
    mxd_result result = text ? write_text(path, text, problems) : MXD_ERROR_MEMORY;
    free(text);
    json_decref(root);
    return result;
}
