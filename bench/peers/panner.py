"""
The point-source panner of ITU-R BS.2127 for 7.1.4 (4+7+0), in numpy, for
elevations of 0 to 90 degrees: the regions of its upper hemisphere written out
by hand. Between the layers stand triangles (vector base amplitude panning) and
quadrilaterals (a bilinear patch); over the upper layer a ring round a virtual
loudspeaker at the zenith, which goes to its four neighbours by 1/2 each.
"""
import numpy as np

#: Azimuths and elevations in degrees, in BS.2051's order; None = LFE.
SPEAKERS = [(30, 0), (-30, 0), (0, 0), None, (90, 0), (-90, 0), (135, 0), (-135, 0),
            (45, 30), (-45, 30), (135, 30), (-135, 30)]
UPPER = [8, 9, 11, 10]  # round the zenith
#: Channels round each region between the layers.
REGIONS = [(2, 0, 8), (0, 4, 8), (1, 2, 9), (5, 1, 9), (2, 8, 9), (4, 10, 8), (4, 6, 10), (5, 7, 11), (5, 9, 11),
           (6, 7, 11, 10)]


def vectors(azimuth_deg, elevation_deg):
    """x to the right, y ahead, z up; [...][3]"""
    a, e = np.radians(azimuth_deg), np.radians(elevation_deg)
    return np.stack([-np.sin(a) * np.cos(e), np.cos(a) * np.cos(e), np.sin(e)], axis=-1)


PLACES = np.array([vectors(*s) if s else np.zeros(3) for s in SPEAKERS])
ZENITH = np.array([0.0, 0.0, 1.0])


def triangle(corners, points):
    return points @ np.linalg.inv(corners)


def coordinate(p, points):
    """Along the edges p0 p1 and p3 p2 of a patch: the root in 0..1 of a quadratic (NaN = none)."""
    a = points @ np.cross(p[1] - p[0], p[2] - p[3])
    b = points @ (np.cross(p[0], p[2] - p[3]) + np.cross(p[1] - p[0], p[3]))
    c = points @ np.cross(p[0], p[3])
    result = np.full(len(points), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.sqrt(b * b - 4 * a * c)
        flat = np.abs(a) < 1e-12
        for t in (np.where(flat, -c / b, (-b + root) / (2 * a)), np.where(flat, -c / b, (-b - root) / (2 * a))):
            result = np.where((t > -1e-10) & (t < 1 + 1e-10), np.clip(t, 0, 1), result)
    return result


def patch(p, points):
    x = coordinate(p, points)
    y = coordinate(np.array([p[1], p[2], p[3], p[0]]), points)
    g = np.stack([(1 - x) * (1 - y), x * (1 - y), x * y, (1 - x) * y], axis=-1)
    wrong_side = np.sum((g @ p) * points, axis=-1) <= 0
    g[wrong_side] = np.nan
    return g


def gains(azimuth_deg, elevation_deg):
    """[point][channel], of unit power."""
    points = vectors(azimuth_deg, elevation_deg)
    result = np.zeros((len(points), len(SPEAKERS)))
    open_ = np.ones(len(points), bool)

    def settle(channels, g):
        inside = open_ & np.all(g >= -1e-11, axis=-1)  # NaN is not inside
        result[np.ix_(inside, channels)] = g[inside]
        open_[inside] = False

    for region in REGIONS:
        corners = PLACES[list(region)]
        settle(list(region), (triangle if len(region) == 3 else patch)(corners, points))
    for first, second in zip(UPPER, UPPER[1:] + UPPER[:1]):
        g = triangle(np.array([PLACES[first], PLACES[second], ZENITH]), points)
        ring = np.repeat(g[:, 2:] / 2.0, 4, axis=1)
        ring[:, UPPER.index(first)] += g[:, 0]
        ring[:, UPPER.index(second)] += g[:, 1]
        settle(UPPER, np.where(np.all(g >= -1e-11, axis=-1, keepdims=True), ring, np.nan))
    if open_.any():
        raise ValueError(f"no region for {open_.sum()} directions, the first {points[open_][0]}")
    result = np.maximum(result, 0.0)
    return result / np.linalg.norm(result, axis=1, keepdims=True)
