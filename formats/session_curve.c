/* An automation's curve and points: [time, value], and how it goes on from there. */
#include "session_parts.h"

#include <math.h>
#include <stdlib.h>

/* A handle that the file does not give: a third of the way, without a change of value. */
#define NO_HANDLE HUGE_VAL

/* What is being read. */
typedef struct curve_reader {
    mxd_loader *loader;
    const mxd_point_range *range;
    mxd_automation *automation;
} curve_reader;

static const char *const curve_names[] = {"linear", "hold", "exponential", "bezier"};

/* ---- Handles ------------------------------------------------------------- */

/* [seconds, value] relative to the point, from min_s to max_s; false with a problem. */
static bool load_handle(curve_reader *c, mxd_reader *shape, const char *key, double min_s, double max_s,
                        double *frames, double *value)
{
    mxd_reader *pair = mxd_read_array(shape, key, MXD_REQUIRED);
    if (!pair)
        return false;
    double time_s = 0.0, change = 0.0;
    bool good = mxd_reader_length(pair) == 2;
    if (!good) {
        mxd_reader_fail(pair, NULL, "a handle must be [seconds, change of value], both from its point on");
    } else {
        good = mxd_item_number(pair, 0, min_s, max_s, &time_s);
        good = mxd_item_number(pair, 1, -1e9, 1e9, &change) && good;
    }
    mxd_reader_close(pair);
    *frames = time_s * c->loader->session->sample_rate;
    *value = change;
    return good;
}

/* A curve's points lie within its control points, so that a handle within the range keeps the curve there. */
static void check_handle_value(curve_reader *c, mxd_reader *shape, const char *key, double value, double change)
{
    double min = c->range->has_silence && c->range->min < MXD_MIN_LEVEL_DB ? MXD_MIN_LEVEL_DB : c->range->min;
    double reached = (value < min ? min : value) + change;
    if (!(reached >= min && reached <= c->range->max))
        mxd_reader_fail(shape, key, "the handle reaches a value of %.10g, but it must be from %.10g to %.10g", reached,
                        min, c->range->max);
}

/* ---- Points -------------------------------------------------------------- */

/* The third item of a point: a curve's name, or an object with "curve", "in", "out". False with a problem. */
static bool load_shape(curve_reader *c, mxd_reader *point, double value, mxd_segment *before, mxd_segment *after)
{
    int curve = (int)after->curve;
    if (mxd_item_type(point, 2) != MXD_JSON_OBJECT) {
        bool good = mxd_item_choice(point, 2, curve_names, COUNT(curve_names), &curve);
        after->curve = (mxd_curve)curve;
        return good;
    }
    mxd_reader *shape = mxd_item_object(point, 2);
    if (!shape)
        return false;
    bool good = true;
    if (mxd_read_has(shape, "curve"))
        good = mxd_read_choice(shape, "curve", MXD_REQUIRED, curve_names, COUNT(curve_names), &curve);
    after->curve = (mxd_curve)curve;
    if (mxd_read_has(shape, "in")) {
        if (!before)
            mxd_reader_fail(shape, "in", "nothing comes before the first point that \"in\" could shape");
        else if (before->curve != MXD_CURVE_BEZIER)
            mxd_reader_fail(shape, "in", "\"in\" shapes a bezier, but the curve to this point is \"%s\"",
                            curve_names[before->curve]);
        double frames = 0.0, change = 0.0;
        good = load_handle(c, shape, "in", -MXD_MAX_TIME_S, 0.0, &frames, &change) && good;
        check_handle_value(c, shape, "in", value, change);
        if (before) {
            before->in_frames = frames;
            before->in_value = change;
        }
    }
    if (mxd_read_has(shape, "out")) {
        if (good && after->curve != MXD_CURVE_BEZIER)
            mxd_reader_fail(shape, "out", "\"out\" shapes a bezier, but the curve from this point is \"%s\"",
                            curve_names[after->curve]);
        good = load_handle(c, shape, "out", 0.0, MXD_MAX_TIME_S, &after->out_frames, &after->out_value) && good;
        check_handle_value(c, shape, "out", value, after->out_value);
    }
    mxd_reader_close(shape);
    return good;
}

/* Handles that were left out, and those that reach too far; length: of the segment, in frames. */
static void finish_segment(mxd_reader *point, double length, mxd_segment *segment)
{
    if (segment->out_frames == NO_HANDLE)
        segment->out_frames = length / 3.0;
    if (segment->in_frames == NO_HANDLE)
        segment->in_frames = -length / 3.0;
    /* Half a frame is what rounding the points' own times may take away. */
    if (segment->curve != MXD_CURVE_BEZIER)
        return;
    if (segment->out_frames > length + 0.5)
        mxd_reader_fail(point, NULL, "the handle \"out\" of the point before reaches past this point");
    if (-segment->in_frames > length + 0.5)
        mxd_reader_fail(point, NULL, "the handle \"in\" reaches back past the point before");
    segment->out_frames = fmin(segment->out_frames, length);
    segment->in_frames = fmax(segment->in_frames, -length);
}

static bool load_value(curve_reader *c, mxd_reader *point, double *value)
{
    const mxd_point_range *range = c->range;
    if (!(range->has_silence ? mxd_item_level : mxd_item_number)(point, 1, range->min, range->max, value))
        return false;
    if (range->has_silence && *value <= range->silence_db)
        *value = -HUGE_VAL;
    return true;
}

static bool load_place_and_value(curve_reader *c, mxd_reader *point, uint64_t *frame, double *value)
{
    size_t length = mxd_reader_length(point);
    double time_s = 0.0;
    if (length != 2 && length != 3) {
        mxd_reader_fail(point, NULL, "a point must be [time in seconds, value], and perhaps a curve");
        return false;
    }
    bool good = mxd_item_number(point, 0, 0.0, MXD_MAX_TIME_S, &time_s);
    good = load_value(c, point, value) && good;
    *frame = (uint64_t)llround(time_s * c->loader->session->sample_rate);
    const mxd_automation *a = c->automation;
    if (good && a->num_points > 0 && *frame <= a->points[a->num_points - 1].frame) {
        mxd_reader_fail(point, NULL, "points must ascend in time by a frame or more, but this one, at %.10g s, does "
                                     "not come after the one before", time_s);
        good = false;
    }
    return good;
}

static void load_point(curve_reader *c, mxd_reader *points, size_t index)
{
    mxd_automation *a = c->automation;
    mxd_reader *point = mxd_item_array(points, index);
    if (!point)
        return;
    uint64_t frame = 0;
    double value = 0.0;
    mxd_segment *before = a->num_points > 0 ? &a->segments[a->num_points - 1] : NULL;
    mxd_segment after = {.curve = a->curve, .out_frames = NO_HANDLE, .in_frames = NO_HANDLE};
    bool good = load_place_and_value(c, point, &frame, &value);
    if (good && mxd_reader_length(point) == 3)
        good = load_shape(c, point, value, before, &after);
    if (good && before)
        finish_segment(point, (double)(frame - a->points[a->num_points - 1].frame), before);
    bool exponential = after.curve == MXD_CURVE_EXPONENTIAL || (before && before->curve == MXD_CURVE_EXPONENTIAL);
    if (good && exponential && !c->range->in_db && !(value > 0.0))
        mxd_reader_fail(point, NULL, "\"exponential\" goes between values above 0 only, but this one is %.10g", value);
    if (good) {
        a->segments[a->num_points] = after;
        a->points[a->num_points++] = (mxd_automation_point){.frame = frame, .value = value};
    }
    mxd_reader_close(point);
}

/* Whether every segment is what the automation's own curve says: then the list is not needed. */
static bool is_plain(const mxd_automation *automation)
{
    for (uint32_t i = 0; i < automation->num_points; i++)
        if (automation->segments[i].curve != automation->curve || automation->curve == MXD_CURVE_BEZIER)
            return false;
    return true;
}

void mxd_load_curve(mxd_loader *loader, mxd_reader *reader, const mxd_point_range *range, mxd_automation *automation)
{
    mxd_load_curve_at(loader, reader, "curve", "points", range, automation);
}

void mxd_load_curve_at(mxd_loader *loader, mxd_reader *reader, const char *curve_key, const char *points_key,
                       const mxd_point_range *range, mxd_automation *automation)
{
    curve_reader c = {.loader = loader, .range = range, .automation = automation};
    int curve = MXD_CURVE_LINEAR;
    mxd_read_choice(reader, curve_key, MXD_OPTIONAL, curve_names, COUNT(curve_names), &curve);
    automation->curve = (mxd_curve)curve;
    automation->is_level = range->in_db;
    mxd_reader *points = mxd_read_array(reader, points_key, MXD_REQUIRED);
    if (!points)
        return;
    size_t count = mxd_reader_length(points);
    if (count == 0)
        mxd_reader_fail(reader, points_key, "there must be at least one point [time in seconds, value]");
    automation->points = mxd_loader_alloc(loader, count, sizeof *automation->points);
    automation->segments = mxd_loader_alloc(loader, count, sizeof *automation->segments);
    for (size_t i = 0; automation->points && automation->segments && i < count; i++)
        load_point(&c, points, i);
    mxd_reader_close(points);
    for (uint32_t i = 0; i + 1 < automation->num_points; i++)
        automation->holds = automation->holds || automation->segments[i].curve == MXD_CURVE_HOLD;
    if (is_plain(automation)) {
        free(automation->segments);
        automation->segments = NULL;
    }
}
