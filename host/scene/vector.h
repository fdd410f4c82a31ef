/* Three-dimensional vectors in the axes of ITU-R BS.2127 clause 5: x right, y front, z up. */
#ifndef MXD_SCENE_VECTOR_H
#define MXD_SCENE_VECTOR_H

#include <math.h>

#define MXD_RAD_PER_DEG 0.017453292519943295769 /* pi / 180 */

typedef struct mxd_vector {
    double x, y, z;
} mxd_vector;

static inline mxd_vector mxd_vector_add(mxd_vector a, mxd_vector b)
{
    return (mxd_vector){a.x + b.x, a.y + b.y, a.z + b.z};
}

static inline mxd_vector mxd_vector_subtract(mxd_vector a, mxd_vector b)
{
    return (mxd_vector){a.x - b.x, a.y - b.y, a.z - b.z};
}

static inline mxd_vector mxd_vector_scale(double scale, mxd_vector a)
{
    return (mxd_vector){scale * a.x, scale * a.y, scale * a.z};
}

static inline double mxd_vector_dot(mxd_vector a, mxd_vector b)
{
    return a.x * b.x + a.y * b.y + a.z * b.z;
}

static inline mxd_vector mxd_vector_cross(mxd_vector a, mxd_vector b)
{
    return (mxd_vector){a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

static inline double mxd_vector_length(mxd_vector a)
{
    return sqrt(mxd_vector_dot(a, a));
}

/* The unit vector that points towards an azimuth (positive to the left) and an elevation. */
static inline mxd_vector mxd_vector_from_polar(double azimuth_deg, double elevation_deg)
{
    const double azimuth_rad = azimuth_deg * MXD_RAD_PER_DEG;
    const double elevation_rad = elevation_deg * MXD_RAD_PER_DEG;
    const double horizontal = cos(elevation_rad);
    return (mxd_vector){-sin(azimuth_rad) * horizontal, cos(azimuth_rad) * horizontal, sin(elevation_rad)};
}

#endif
