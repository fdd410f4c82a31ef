/*
 * Convex hull by exhaustion: three points span a facet if all others lie on
 * one side of their plane. A layout has some forty points, so this takes a few
 * hundred thousand products, once, and has no special cases to get wrong:
 * layouts are full of coplanar and symmetrical points, which incremental
 * algorithms find hard.
 */
#include "hull.h"

#include <stdbool.h>

/* Tests the plane through three points; true if it carries a facet, which is then written. */
static bool find_facet(const mxd_vector *points, size_t num_points, const size_t corner[3], double tolerance,
                       mxd_hull_facet *facet)
{
    const mxd_vector origin = points[corner[0]];
    mxd_vector normal = mxd_vector_cross(mxd_vector_subtract(points[corner[1]], origin),
                                         mxd_vector_subtract(points[corner[2]], origin));
    const double length = mxd_vector_length(normal);
    if (!(length > tolerance * tolerance)) /* three points on a line span no plane */
        return false;
    normal = mxd_vector_scale(1.0 / length, normal);
    bool above = false, below = false;
    uint64_t on_plane = 0;
    for (size_t i = 0; i < num_points; i++) {
        const double distance = mxd_vector_dot(normal, mxd_vector_subtract(points[i], origin));
        if (distance > tolerance)
            above = true;
        else if (distance < -tolerance)
            below = true;
        else
            on_plane |= UINT64_C(1) << i;
        if (above && below)
            return false;
    }
    facet->points = on_plane;
    facet->normal = above ? mxd_vector_scale(-1.0, normal) : normal;
    return true;
}

size_t mxd_hull_find(const mxd_vector *points, size_t num_points, double tolerance, mxd_hull_facet *facets,
                     size_t max_facets)
{
    size_t num_facets = 0;
    for (size_t i = 0; i < num_points; i++)
        for (size_t j = i + 1; j < num_points; j++)
            for (size_t k = j + 1; k < num_points; k++) {
                const size_t corner[3] = {i, j, k};
                mxd_hull_facet facet;
                if (!find_facet(points, num_points, corner, tolerance, &facet))
                    continue;
                bool known = false;
                for (size_t f = 0; f < num_facets && f < max_facets && !known; f++)
                    known = facets[f].points == facet.points;
                if (known)
                    continue;
                if (num_facets < max_facets)
                    facets[num_facets] = facet;
                num_facets++;
            }
    return num_facets;
}

size_t mxd_hull_facet_order(const mxd_vector *points, const mxd_hull_facet *facet,
                            uint32_t order[MXD_HULL_MAX_POINTS])
{
    size_t count = 0;
    mxd_vector centre = {0};
    for (uint32_t i = 0; i < MXD_HULL_MAX_POINTS; i++)
        if (facet->points >> i & 1) {
            order[count++] = i;
            centre = mxd_vector_add(centre, points[i]);
        }
    if (count < 3)
        return count;
    centre = mxd_vector_scale(1.0 / (double)count, centre);

    /* Angles in the facet's plane, counted from the first point, so that it stays first. */
    const mxd_vector forward = mxd_vector_subtract(points[order[0]], centre);
    const mxd_vector left = mxd_vector_cross(facet->normal, forward);
    double angle[MXD_HULL_MAX_POINTS];
    angle[0] = 0.0;
    for (size_t i = 1; i < count; i++) {
        const uint32_t point = order[i];
        const mxd_vector arm = mxd_vector_subtract(points[point], centre);
        double angle_rad = atan2(mxd_vector_dot(arm, left), mxd_vector_dot(arm, forward));
        if (angle_rad < 0.0)
            angle_rad += 360.0 * MXD_RAD_PER_DEG;
        size_t place = i;
        for (; place > 1 && angle[place - 1] > angle_rad; place--) {
            angle[place] = angle[place - 1];
            order[place] = order[place - 1];
        }
        angle[place] = angle_rad;
        order[place] = point;
    }
    return count;
}
