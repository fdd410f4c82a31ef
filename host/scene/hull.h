/* The convex hull of a few points around the origin, as the panner of BS.2127 triangulates a layout. */
#ifndef MXD_SCENE_HULL_H
#define MXD_SCENE_HULL_H

#include "vector.h"

#include <stddef.h>
#include <stdint.h>

#define MXD_HULL_MAX_POINTS 64 /* one bit each in a facet's set of points */

typedef struct mxd_hull_facet {
    uint64_t points;   /* bit i is set if point i lies on this facet */
    mxd_vector normal; /* unit length, outwards */
} mxd_hull_facet;

/*
 * Finds the facets of the hull; points within tolerance of a facet's plane are
 * on it, so coplanar triangles come as one facet. Facets come in the order of
 * their lowest three points, which depends on nothing but the order of the
 * points. Returns the number of facets; no more than max_facets are stored.
 * The work grows with the fourth power of num_points: for creation only.
 */
size_t mxd_hull_find(const mxd_vector *points, size_t num_points, double tolerance, mxd_hull_facet *facets,
                     size_t max_facets);

/*
 * Puts the points of one facet in order, anticlockwise seen from outside,
 * starting at the lowest index. Returns how many there are.
 */
size_t mxd_hull_facet_order(const mxd_vector *points, const mxd_hull_facet *facet,
                            uint32_t order[MXD_HULL_MAX_POINTS]);

#endif
