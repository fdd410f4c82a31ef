#include "report.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static mxd_result cannot_write(const mxd_report *report, mxd_problems *problems)
{
    return mxd_fail(problems, MXD_ERROR_WRITE, &(mxd_place){.file = report->path}, "the report cannot be written: %s",
                    strerror(errno));
}

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

mxd_result mxd_report_open(mxd_report *report, const char *path, mxd_problems *problems)
{
    size_t size = strlen(path) + 16;
    *report = (mxd_report){.path = path, .temporary = malloc(size)};
    if (!report->temporary)
        return MXD_ERROR_MEMORY;
    snprintf(report->temporary, size, "%s.partial-report", path);
    report->stream = fopen(report->temporary, "w");
    if (!report->stream)
        return cannot_write(report, problems);
    return MXD_OK;
}

mxd_result mxd_report_write(mxd_report *report, const mxd_session *session, const mxd_render_result *summary,
                            const mxd_output_file *files, mxd_problems *problems)
{
    json_t *root = describe(session, summary, files);
    char *text = root ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) : NULL;
    mxd_result result = text ? MXD_OK : MXD_ERROR_MEMORY;
    if (text && (fputs(text, report->stream) < 0 || fputc('\n', report->stream) == EOF || fflush(report->stream) != 0))
        result = cannot_write(report, problems);
    free(text);
    json_decref(root);
    return result;
}

mxd_result mxd_report_commit(mxd_report *report, mxd_problems *problems)
{
    if (rename(report->temporary, report->path) != 0)
        return cannot_write(report, problems);
    free(report->temporary);
    report->temporary = NULL;
    return MXD_OK;
}

void mxd_report_close(mxd_report *report)
{
    if (report->stream) {
        fclose(report->stream);
        if (report->temporary)
            remove(report->temporary);
    }
    free(report->temporary);
    *report = (mxd_report){0};
}
