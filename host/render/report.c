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

/* A path; null where it is not UTF-8, which JSON cannot say. */
static json_t *name(const char *path)
{
    json_t *string = json_string(path);
    return string ? string : json_null();
}

/* Takes over value; *good turns false when memory ran out. */
static void put(bool *good, json_t *object, const char *key, json_t *value)
{
    *good &= json_object_set_new(object, key, value) == 0;
}

static json_t *series(bool *good, const double *values, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        *good &= json_array_append_new(array, level(values[i])) == 0;
    return array;
}

static json_t *describe_stems(bool *good, const mxd_deliverable_result *result)
{
    json_t *array = json_array();
    for (size_t i = 0; i < result->num_stems; i++) {
        const mxd_stem_result *stem = &result->stems[i];
        json_t *object = json_object();
        put(good, object, "name", json_string(stem->name));
        put(good, object, "file", name(stem->file));
        put(good, object, "sample_peak_dbfs", level(stem->sample_peak_dbfs));
        put(good, object, "clipped_samples", json_integer((json_int_t)stem->num_clipped));
        put(good, object, "first_clip_s", stem->num_clipped ? json_real(stem->first_clip_s) : json_null());
        *good &= json_array_append_new(array, object) == 0;
    }
    return array;
}

static json_t *describe_deliverable(bool *good, const mxd_deliverable_result *result,
                                    const mxd_output_file *file)
{
    const double *momentary, *short_term;
    size_t num_points = mxd_meter_series(file->meter, &momentary, &short_term);
    json_t *object = json_object();
    put(good, object, "file", name(result->file));
    put(good, object, "layout", json_string(result->layout));
    put(good, object, "channels", json_integer(result->num_channels));
    put(good, object, "frames", json_integer((json_int_t)result->num_frames));
    put(good, object, "bit_depth", json_integer(file->deliverable->bit_depth));
    put(good, object, "integrated_lufs", level(result->loudness.integrated_lufs));
    put(good, object, "max_momentary_lufs", level(result->loudness.max_momentary_lufs));
    put(good, object, "max_short_term_lufs", level(result->loudness.max_short_term_lufs));
    put(good, object, "range_lu", level(result->loudness.range_lu));
    put(good, object, "true_peak_dbtp", level(result->loudness.true_peak_dbtp));
    put(good, object, "sample_peak_dbfs", level(result->loudness.sample_peak_dbfs));
    put(good, object, "clipped_samples", json_integer((json_int_t)result->num_clipped));
    put(good, object, "first_clip_s", result->num_clipped ? json_real(result->first_clip_s) : json_null());
    put(good, object, "series_step_s", json_real(0.1));
    put(good, object, "momentary_lufs", series(good, momentary, num_points));
    put(good, object, "short_term_lufs", series(good, short_term, num_points));
    if (result->num_stems > 0)
        put(good, object, "stems", describe_stems(good, result));
    return object;
}

static json_t *describe(bool *good, const mxd_session *session, const mxd_render_result *summary,
                        const mxd_output_file *files)
{
    json_t *root = json_object(), *deliverables = json_array();
    put(good, root, "mixdown", json_string(MXD_VERSION));
    put(good, root, "session", name(session->file));
    put(good, root, "title", json_string(session->title));
    put(good, root, "sample_rate", json_integer(session->sample_rate));
    put(good, root, "backend", json_string(summary->backend));
    put(good, root, "device", json_string(summary->device));
    put(good, root, "block_frames", json_integer(summary->block_frames));
    put(good, root, "rendered_s", json_real(summary->rendered_s));
    put(good, root, "wall_s", json_real(summary->wall_s));
    put(good, root, "setup_s", json_real(summary->setup_s));
    put(good, root, "decode_s", json_real(summary->decode_s));
    put(good, root, "gains_s", json_real(summary->gains_s));
    put(good, root, "transfer_s", json_real(summary->transfer_s));
    put(good, root, "compute_s", json_real(summary->compute_s));
    put(good, root, "encode_s", json_real(summary->encode_s));
    for (size_t i = 0; i < summary->num_deliverables; i++) {
        json_t *entry = describe_deliverable(good, &summary->deliverables[i], &files[i]);
        *good &= json_array_append_new(deliverables, entry) == 0;
    }
    put(good, root, "deliverables", deliverables);
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
    bool good = true;
    json_t *root = describe(&good, session, summary, files);
    char *text = good ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) : NULL;
    mxd_result result = text ? write_text(path, text, problems) : MXD_ERROR_MEMORY;
    free(text);
    json_decref(root);
    return result;
}
