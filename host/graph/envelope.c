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

static double finite_level(double db)
{
    return db < MXD_SILENCE_DB ? MXD_SILENCE_DB : db;
}

double mxd_automation_value(const mxd_automation *automation, uint64_t frame, bool before)
{
    uint32_t count = count_points(automation, frame, before);
    const mxd_automation_point *points = automation->points;
    if (count == 0)
        return points[0].value;
    const mxd_automation_point *from = &points[count - 1];
    if (count == automation->num_points || automation->curve == MXD_CURVE_HOLD)
        return from->value;
    const mxd_automation_point *to = &points[count];
    return interpolate(finite_level(from->value), finite_level(to->value), from->frame, to->frame, frame);
}

static uint64_t min_frame(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t next_on_grid(uint64_t frame, uint32_t grid)
{
    return (frame / grid + 1) * grid;
}

uint64_t mxd_automation_next(const mxd_automation *automation, uint64_t frame)
{
    uint32_t count = count_points(automation, frame, false);
    if (count == automation->num_points)
        return UINT64_MAX;
    const mxd_automation_point *to = &automation->points[count];
    if (count == 0 || automation->curve == MXD_CURVE_HOLD || automation->points[count - 1].value == to->value)
        return to->frame;
    return min_frame(to->frame, next_on_grid(frame, MXD_LEVEL_GRID));
}

uint32_t mxd_automation_density(const mxd_automation *automation, uint32_t num_frames)
{
    uint32_t most = 0;
    for (uint32_t first = 0, end = 0; first < automation->num_points; first++) {
        while (end < automation->num_points &&
               automation->points[end].frame - automation->points[first].frame <= num_frames)
            end++;
        if (end - first > most)
            most = end - first;
    }
    bool moves = automation->curve != MXD_CURVE_HOLD && automation->num_points > 1;
    return most + (moves ? num_frames / MXD_LEVEL_GRID + 1 : 0);
}

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
