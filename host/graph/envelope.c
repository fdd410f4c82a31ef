/* Automation curves and object paths: piecewise, found by bisection. */
#include "envelope.h"

#include <math.h>

double mxd_gain_of_db(double db)
{
    return db <= MXD_SILENCE_DB ? 0.0 : pow(10.0, db / 20.0);
}

/* Number of points with frame <= `frame` (or < `frame` if strictly). */
static uint32_t count_points(const mxd_automation *automation, uint64_t frame, bool strictly)
{
    uint32_t low = 0, high = automation->num_points;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        uint64_t at = automation->points[middle].frame;
        if (at < frame || (at == frame && !strictly))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static double interpolate(double a, double b, uint64_t begin, uint64_t end, uint64_t frame)
{
    return a + (b - a) * ((double)(frame - begin) / (double)(end - begin));
}

/* Silence moves from and to the lowest level; no other value is infinite. */
static double finite_level(double value)
{
    return value == -HUGE_VAL ? MXD_SILENCE_DB : value;
}

/* ---- Segments ------------------------------------------------------------ */

static mxd_curve curve_of(const mxd_automation *automation, uint32_t index)
{
    return automation->segments ? automation->segments[index].curve : automation->curve;
}

/* The segment's control points: times in frames behind its first point, and values. */
static void find_controls(const mxd_automation *automation, uint32_t index, double times[4], double values[4])
{
    const mxd_automation_point *from = &automation->points[index];
    double length = (double)(from[1].frame - from->frame);
    mxd_segment s = {.out_frames = length / 3.0, .in_frames = -length / 3.0};
    if (automation->segments)
        s = automation->segments[index];
    times[0] = 0.0;
    times[1] = s.out_frames;
    times[2] = length + s.in_frames;
    times[3] = length;
    values[0] = finite_level(from->value);
    values[3] = finite_level(from[1].value);
    values[1] = values[0] + s.out_value;
    values[2] = values[3] + s.in_value;
}

/* De Casteljau's construction: no differences of large terms. */
static double bezier(const double points[4], double s)
{
    double a = points[0] + (points[1] - points[0]) * s, b = points[1] + (points[2] - points[1]) * s;
    double c = points[2] + (points[3] - points[2]) * s;
    a += (b - a) * s;
    b += (c - b) * s;
    return a + (b - a) * s;
}

/* The curve's value at a time, whose control points ascend: time is monotone, and is solved by halving with secants. */
static double bezier_value(const mxd_automation *automation, uint32_t index, double time)
{
    double times[4], values[4], low = 0.0, high = 1.0;
    find_controls(automation, index, times, values);
    double low_error = -time, high_error = times[3] - time;
    for (int i = 0; i < 100 && high - low > 1e-16 && low_error < 0.0 && high_error > 0.0; i++) {
        /* Every third step halves: a secant may creep. */
        double s = i % 3 == 2 ? 0.5 * (low + high) : low + (high - low) * (low_error / (low_error - high_error));
        double error = bezier(times, s) - time;
        if (fabs(error) <= 1e-13 * times[3])
            return bezier(values, s);
        if (error < 0.0) {
            low = s;
            low_error = error;
        } else {
            high = s;
            high_error = error;
        }
    }
    return bezier(values, low_error >= 0.0 ? low : high_error <= 0.0 ? high : 0.5 * (low + high));
}

/* The value on the way from point `index` to the next, at a frame from the one to the other. */
static double segment_value(const mxd_automation *automation, uint32_t index, uint64_t frame)
{
    const mxd_automation_point *from = &automation->points[index], *to = from + 1;
    double a = finite_level(from->value), b = finite_level(to->value);
    switch (curve_of(automation, index)) {
    case MXD_CURVE_HOLD:
        return from->value;
    case MXD_CURVE_EXPONENTIAL:
        if (automation->is_level)
            return 20.0 * log10(interpolate(mxd_gain_of_db(a), mxd_gain_of_db(b), from->frame, to->frame, frame));
        return a * pow(b / a, interpolate(0.0, 1.0, from->frame, to->frame, frame));
    case MXD_CURVE_BEZIER:
        return bezier_value(automation, index, (double)(frame - from->frame));
    default:
        return interpolate(a, b, from->frame, to->frame, frame);
    }
}

/* Equal ends are no rest for a Bezier curve. */
static bool is_still(const mxd_automation *automation, uint32_t index)
{
    mxd_curve curve = curve_of(automation, index);
    const mxd_automation_point *from = &automation->points[index];
    return curve == MXD_CURVE_HOLD ||
           (from->value == from[1].value && (curve != MXD_CURVE_BEZIER || !automation->segments));
}

double mxd_automation_value(const mxd_automation *automation, uint64_t frame, bool before)
{
    uint32_t count = count_points(automation, frame, before);
    if (count == 0)
        return automation->points[0].value;
    return count == automation->num_points ? automation->points[count - 1].value
                                           : segment_value(automation, count - 1, frame);
}

bool mxd_automation_can_jump(const mxd_automation *automation)
{
    return automation->curve == MXD_CURVE_HOLD || automation->holds;
}

/* ---- Where it is sampled ------------------------------------------------- */

static uint64_t min_frame(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t next_on_grid(uint64_t frame, uint32_t grid)
{
    return (frame / grid + 1) * grid;
}

/* What a chord may span, in the parameter's unit. */
static double chord_limit(const mxd_automation *automation)
{
    if (automation->is_level)
        return MXD_CHORD_DB;
    bool is_pan = automation->parameter == MXD_PARAMETER_PAN || automation->parameter == MXD_PARAMETER_SEND_PAN;
    return is_pan ? MXD_CHORD_PAN : HUGE_VAL;
}

/* How much a segment changes in MXD_LEVEL_GRID frames; only where it does so evenly. */
static double even_change(const mxd_automation *automation, uint32_t index)
{
    const mxd_automation_point *from = &automation->points[index];
    double a = finite_level(from->value), b = finite_level(from[1].value), change = fabs(b - a);
    if (curve_of(automation, index) == MXD_CURVE_EXPONENTIAL && automation->is_level) {
        /* A chord of a straight line of gain errs only beside other curves: in nepers of its loud end. */
        double loud = mxd_gain_of_db(a > b ? a : b), soft = mxd_gain_of_db(a > b ? b : a);
        change = 20.0 / log(10.0) * (1.0 - soft / loud);
    }
    return change * MXD_LEVEL_GRID / (double)(from[1].frame - from->frame);
}

/* Frames from sample to sample around a frame of a segment: divides MXD_LEVEL_GRID. */
static uint32_t grid_at(const mxd_automation *automation, uint32_t index, uint64_t frame)
{
    double limit = chord_limit(automation), change;
    if (limit == HUGE_VAL)
        return MXD_LEVEL_GRID;
    if (curve_of(automation, index) == MXD_CURVE_BEZIER) {
        const mxd_automation_point *from = &automation->points[index];
        uint64_t begin = frame / MXD_LEVEL_GRID * MXD_LEVEL_GRID, end = begin + MXD_LEVEL_GRID;
        begin = begin < from->frame ? from->frame : begin;
        end = min_frame(end, from[1].frame);
        change = fabs(segment_value(automation, index, end) - segment_value(automation, index, begin)) *
                 MXD_LEVEL_GRID / (double)(end - begin);
    } else {
        change = even_change(automation, index);
    }
    uint32_t grid = MXD_LEVEL_GRID;
    for (; grid > 1 && change > limit; change /= 2.0)
        grid /= 2;
    return grid;
}

uint64_t mxd_automation_next(const mxd_automation *automation, uint64_t frame)
{
    uint32_t count = count_points(automation, frame, false);
    if (count == automation->num_points)
        return UINT64_MAX;
    const mxd_automation_point *to = &automation->points[count];
    if (count == 0 || is_still(automation, count - 1))
        return to->frame;
    return min_frame(to->frame, next_on_grid(frame, grid_at(automation, count - 1, frame)));
}

/* Most samples that a segment adds to those of MXD_LEVEL_GRID within num_frames frames. */
static uint64_t extra_samples(const mxd_automation *automation, uint32_t index, uint32_t num_frames)
{
    double limit = chord_limit(automation);
    if (index + 1 >= automation->num_points || limit == HUGE_VAL || is_still(automation, index))
        return 0;
    const mxd_automation_point *from = &automation->points[index];
    uint64_t length = min_frame(from[1].frame - from->frame, num_frames);
    if (curve_of(automation, index) != MXD_CURVE_BEZIER) {
        uint32_t grid = grid_at(automation, index, from->frame);
        return grid < MXD_LEVEL_GRID ? length / grid + 1 : 0;
    }
    /* A curve is no longer than its control polygon, and a cell's change is cut into at most twice what it must be. */
    double times[4], values[4];
    find_controls(automation, index, times, values);
    double variation = fabs(values[1] - values[0]) + fabs(values[2] - values[1]) + fabs(values[3] - values[2]);
    double samples = 2.0 * variation / limit;
    return samples < (double)length ? (uint64_t)samples + 1 : length;
}

uint32_t mxd_automation_density(const mxd_automation *automation, uint32_t num_frames)
{
    uint64_t most = 0, sum = 0;
    bool moves = false;
    /* Windows that begin on the way to `first`, or at it: the points from there on, and what lies between them. */
    for (uint32_t first = 0, end = 0; first < automation->num_points; first++) {
        while (end < automation->num_points &&
               automation->points[end].frame - automation->points[first].frame <= num_frames)
            sum += 1 + extra_samples(automation, end++, num_frames);
        uint64_t way = first > 0 ? extra_samples(automation, first - 1, num_frames) : 0;
        most = sum + way > most ? sum + way : most;
        sum -= 1 + extra_samples(automation, first, num_frames);
        moves = moves || (first > 0 && !is_still(automation, first - 1));
    }
    most += moves ? num_frames / MXD_LEVEL_GRID + 2 : 0;
    return most < UINT32_MAX ? (uint32_t)most : UINT32_MAX;
}

/* ---- Objects ------------------------------------------------------------- */

/* Number of positions at or before frame. */
static uint32_t count_positions(const mxd_object *object, uint64_t frame)
{
    uint32_t low = 0, high = object->num_positions;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (object->positions[middle].frame <= frame)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void mxd_object_position(const mxd_object *object, uint64_t frame, double *azimuth_deg, double *elevation_deg)
{
    uint32_t count = count_positions(object, frame);
    const mxd_position *from = &object->positions[count ? count - 1 : 0];
    const mxd_position *to = count && count < object->num_positions ? from + 1 : from;
    *azimuth_deg = from->azimuth_deg;
    *elevation_deg = from->elevation_deg;
    if (to == from)
        return;
    *azimuth_deg = interpolate(from->azimuth_deg, to->azimuth_deg, from->frame, to->frame, frame);
    *elevation_deg = interpolate(from->elevation_deg, to->elevation_deg, from->frame, to->frame, frame);
}

uint64_t mxd_object_next(const mxd_object *object, uint64_t frame)
{
    uint32_t count = count_positions(object, frame);
    if (count == object->num_positions)
        return UINT64_MAX;
    const mxd_position *to = &object->positions[count];
    if (count == 0 || (to[-1].azimuth_deg == to->azimuth_deg && to[-1].elevation_deg == to->elevation_deg))
        return to->frame;
    return min_frame(to->frame, next_on_grid(frame, MXD_POSITION_GRID));
}

uint32_t mxd_object_density(const mxd_object *object, uint32_t num_frames)
{
    uint32_t most = 0;
    for (uint32_t first = 0, end = 0; first < object->num_positions; first++) {
        while (end < object->num_positions &&
               object->positions[end].frame - object->positions[first].frame <= num_frames)
            end++;
        if (end - first > most)
            most = end - first;
    }
    return most + (object->num_positions > 1 ? num_frames / MXD_POSITION_GRID + 1 : 0);
}
