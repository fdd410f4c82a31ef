/*
 * The point-source panner of ITU-R BS.2127-1 clause 6.1.
 *
 * The sphere is cut into regions by the convex hull of the loudspeakers'
 * nominal positions, of copies of the middle layer where a layout has no upper
 * or lower layer (their gain goes back to the loudspeaker below or above), and
 * of virtual loudspeakers at the zenith and the nadir. Facets around a virtual
 * loudspeaker become triangles whose virtual corner is shared out among all
 * its neighbours; other facets are triangles (vector base amplitude panning,
 * Pulkki 1997) or quadrilaterals (panning on a bilinear patch). Gains are
 * worked out with the real positions. As every step but the last is linear up
 * to a scale, the gains are brought to unit power once, at the end.
 */
#include "panner.h"

#include "../problems.h"
#include "hull.h"
#include "layout_ranges.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_VERTICES MXD_HULL_MAX_POINTS
#define MAX_REGIONS (2 * MAX_VERTICES) /* Euler: a polyhedron of n corners has at most 2n - 4 faces */
#define MAX_VIRTUALS 2

/* BS.2127's tolerances: for coplanar facets, for gains of a triangle, and for the coordinates on a patch. */
#define COPLANAR_TOLERANCE 1e-5
#define GAIN_TOLERANCE 1e-11
#define PATCH_TOLERANCE 1e-10
/* Beyond rounding of a cosine; a region further off than this cannot accept within the tolerances above. */
#define CONE_SLACK 1e-6
/*
 * The least triple product of a triangle's corners. An inverse then holds no
 * entry above 1e4, and gains no rounding error above 1e4 x 4 x 2^-53 = 4e-12,
 * less than GAIN_TOLERANCE: no source falls between two regions.
 */
#define MIN_VOLUME 1e-4

/* A corner of the hull. */
typedef struct vertex {
    mxd_vector nominal;
    mxd_vector real;
    int channel;     /* where its gain goes; -1 = virtual: to all its neighbours */
    const char *label;
} vertex;

/* The neighbours of a virtual loudspeaker. */
typedef struct ring {
    mxd_vector centre;
    uint32_t num_vertices;
    uint32_t vertices[MAX_VERTICES]; /* anticlockwise, seen from outside */
    double share;                    /* of the centre's gain, for each of them */
} ring;

/* No source outside this cone can be within the region. */
typedef struct cone {
    mxd_vector axis;
    double min_cosine;
} cone;

/* The bilinear patch a b c d: for each axis, p . (square t^2 + linear t + constant) = 0 gives the coordinate t. */
typedef struct patch {
    mxd_vector square[2], linear[2], constant[2];
    mxd_vector corners[4];
} patch;

typedef struct region {
    uint32_t num_corners; /* 3, or 4 = patch */
    int channels[4];      /* of the corners; -1 = centre of ring */
    const ring *ring;
    union {
        mxd_vector inverse[3]; /* gain i = inverse[i] . p */
        patch patch;
    } shape;
} region;

struct mxd_panner {
    const mxd_layout *layout;      /* the one asked for */
    const mxd_layout *pan_layout;  /* the one panned for: 0+5+0 for 0+2+0 and mono */
    uint32_t num_vertices;
    uint32_t num_rings;
    uint32_t num_regions;
    vertex vertices[MAX_VERTICES];
    ring rings[MAX_VIRTUALS];
    cone cones[MAX_REGIONS];       /* apart from the regions: a search reads little else */
    region regions[MAX_REGIONS];
};

/* ---- Creation: corners ---------------------------------------------------- */

static bool is_screen_speaker(const char *label)
{
    return strcmp(label, "M+SC") == 0 || strcmp(label, "M-SC") == 0;
}

/* The position that the hull is made of (clause 6.1.1: M+SC and M-SC move outwards on wide screens). */
static mxd_direction nominal_position(const mxd_speaker *speaker, mxd_direction real)
{
    mxd_direction nominal = {speaker->azimuth_deg, speaker->elevation_deg};
    if (is_screen_speaker(speaker->label)) {
        const double azimuth_deg = fabs(remainder(real.azimuth_deg, 360.0)) > 30.0 ? 45.0 : 15.0;
        nominal.azimuth_deg = copysign(azimuth_deg, speaker->azimuth_deg);
    }
    return nominal;
}

static void add_vertex(mxd_panner *panner, mxd_direction nominal, mxd_direction real, int channel, const char *label)
{
    panner->vertices[panner->num_vertices++] = (vertex){
        .nominal = mxd_vector_from_polar(nominal.azimuth_deg, nominal.elevation_deg),
        .real = mxd_vector_from_polar(real.azimuth_deg, real.elevation_deg),
        .channel = channel,
        .label = label,
    };
}

/*
 * Copies of the middle layer's loudspeakers at the height of another layer,
 * wherever that layer does not reach (clause 6.1.2.1): it reaches 40 degrees
 * beyond its outermost loudspeaker.
 */
static void add_copies(mxd_panner *panner, const mxd_direction *nominal, const mxd_direction *real, double layer_deg)
{
    const mxd_layout *layout = panner->pan_layout;
    const double low_deg = layer_deg < 0.0 ? -70.0 : 10.0;
    const double high_deg = layer_deg < 0.0 ? -10.0 : 70.0;
    double elevation_sum_deg = 0.0, outermost_deg = 0.0;
    uint32_t num_in_layer = 0;
    for (uint32_t i = 0; i < layout->num_channels; i++) {
        if (layout->speakers[i].lfe || nominal[i].elevation_deg < low_deg || nominal[i].elevation_deg > high_deg)
            continue;
        elevation_sum_deg += real[i].elevation_deg;
        outermost_deg = fmax(outermost_deg, fabs(nominal[i].azimuth_deg));
        num_in_layer++;
    }
    const double reach_deg = num_in_layer ? outermost_deg + 40.0 : 0.0;
    const double elevation_deg = num_in_layer ? elevation_sum_deg / num_in_layer : layer_deg;
    for (uint32_t i = 0; i < layout->num_channels; i++) {
        if (layout->speakers[i].lfe || fabs(nominal[i].elevation_deg) > 10.0 ||
            fabs(nominal[i].azimuth_deg) < reach_deg - 1e-5)
            continue;
        add_vertex(panner, (mxd_direction){nominal[i].azimuth_deg, layer_deg},
                   (mxd_direction){real[i].azimuth_deg, elevation_deg}, (int)i, layout->speakers[i].label);
    }
}

static void add_vertices(mxd_panner *panner, const mxd_direction *given)
{
    const mxd_layout *layout = panner->pan_layout;
    mxd_direction real[MXD_MAX_LAYOUT_CHANNELS] = {0}, nominal[MXD_MAX_LAYOUT_CHANNELS] = {0};
    bool has_zenith = false;
    for (uint32_t i = 0; i < layout->num_channels; i++) {
        const mxd_speaker *speaker = &layout->speakers[i];
        real[i] = given ? given[i] : (mxd_direction){speaker->azimuth_deg, speaker->elevation_deg};
        nominal[i] = nominal_position(speaker, real[i]);
        has_zenith = has_zenith || strcmp(speaker->label, "T+000") == 0 || strcmp(speaker->label, "UH+180") == 0;
        if (!speaker->lfe)
            add_vertex(panner, nominal[i], real[i], (int)i, speaker->label);
    }
    add_copies(panner, nominal, real, -30.0);
    add_copies(panner, nominal, real, 30.0);
    const mxd_direction nadir = {0.0, -90.0}, zenith = {0.0, 90.0};
    add_vertex(panner, nadir, nadir, -1, "the nadir");
    if (!has_zenith)
        add_vertex(panner, zenith, zenith, -1, "the zenith");
}

/* ---- Creation: regions ---------------------------------------------------- */

static double volume(mxd_vector a, mxd_vector b, mxd_vector c)
{
    return mxd_vector_dot(a, mxd_vector_cross(b, c));
}

/* The narrowest simple cone around some corners; if it is not narrower than half the sphere it excludes nothing. */
static cone cone_around(const mxd_vector *corners, uint32_t num_corners)
{
    mxd_vector sum = {0};
    for (uint32_t i = 0; i < num_corners; i++)
        sum = mxd_vector_add(sum, corners[i]);
    cone result = {sum, 1.0};
    const double length = mxd_vector_length(sum);
    if (length > 0.0)
        result.axis = mxd_vector_scale(1.0 / length, sum);
    for (uint32_t i = 0; i < num_corners; i++)
        result.min_cosine = fmin(result.min_cosine, mxd_vector_dot(result.axis, corners[i]));
    /* A cone narrower than half the sphere is convex, so it holds all that lies between its corners. */
    result.min_cosine = result.min_cosine > CONE_SLACK ? result.min_cosine - CONE_SLACK : -2.0;
    return result;
}

/* Gains of a triangle are p times the inverse of the matrix whose rows are its corners (Cramer). */
static void invert(const mxd_vector corners[3], mxd_vector inverse[3])
{
    const double scale = 1.0 / volume(corners[0], corners[1], corners[2]);
    inverse[0] = mxd_vector_scale(scale, mxd_vector_cross(corners[1], corners[2]));
    inverse[1] = mxd_vector_scale(scale, mxd_vector_cross(corners[2], corners[0]));
    inverse[2] = mxd_vector_scale(scale, mxd_vector_cross(corners[0], corners[1]));
}

/*
 * A direction p lies in the plane through a + t (b - a), d + t (c - d) and the
 * listener where p . ((a + t (b - a)) x (d + t (c - d))) = 0: the coordinate
 * along a-b. The other one follows with the corners moved on by one.
 */
static void prepare_patch(const mxd_vector corners[4], patch *result)
{
    for (uint32_t axis = 0; axis < 2; axis++) {
        const mxd_vector a = corners[axis], b = corners[axis + 1];
        const mxd_vector c = corners[axis + 2], d = corners[(axis + 3) % 4];
        const mxd_vector along_ab = mxd_vector_subtract(b, a), along_dc = mxd_vector_subtract(c, d);
        result->square[axis] = mxd_vector_cross(along_ab, along_dc);
        result->linear[axis] = mxd_vector_add(mxd_vector_cross(a, along_dc), mxd_vector_cross(along_ab, d));
        result->constant[axis] = mxd_vector_cross(a, d);
    }
    memcpy(result->corners, corners, sizeof result->corners);
}

/* Whether the real positions of three corners run anticlockwise as the nominal ones do. */
static bool runs_anticlockwise(const mxd_panner *panner, uint32_t a, uint32_t b, uint32_t c)
{
    const vertex *vertices = panner->vertices;
    return volume(vertices[a].real, vertices[b].real, vertices[c].real) > MIN_VOLUME;
}

/*
 * Adds the triangle or the patch between corners given anticlockwise. A real
 * triangle that runs clockwise means that loudspeakers have changed places,
 * which leaves a hole elsewhere on the sphere.
 */
static mxd_result add_simple_region(mxd_panner *panner, const uint32_t *corners, uint32_t num_corners,
                                    const ring *centre, mxd_problems *problems)
{
    if (num_corners == 3 && !runs_anticlockwise(panner, corners[0], corners[1], corners[2]))
        return mxd_fail(problems, MXD_ERROR_INVALID, NULL,
                        "layout %s: seen from the listener, %s, %s and %s stand in another order than the layout's, or "
                        "in one line; keep the loudspeakers in the layout's order",
                        panner->layout->name, panner->vertices[corners[0]].label, panner->vertices[corners[1]].label,
                        panner->vertices[corners[2]].label);
    mxd_vector real[4] = {0};
    region *added = &panner->regions[panner->num_regions];
    *added = (region){.num_corners = num_corners, .ring = centre};
    for (uint32_t i = 0; i < num_corners; i++) {
        real[i] = panner->vertices[corners[i]].real;
        added->channels[i] = panner->vertices[corners[i]].channel;
    }
    if (num_corners == 4)
        prepare_patch(real, &added->shape.patch);
    else
        invert(real, added->shape.inverse);
    panner->cones[panner->num_regions++] = cone_around(real, num_corners);
    return MXD_OK;
}

/*
 * Adds a facet. Real positions, though allowed, can give a quadrilateral an
 * inward corner. A bilinear patch folds over there and its gains would jump at
 * its border, which BS.2127 does not consider; two triangles that meet in that
 * corner are continuous.
 */
static mxd_result add_facet(mxd_panner *panner, const uint32_t *corners, uint32_t num_corners,
                            mxd_problems *problems)
{
    uint32_t inward = 4;
    for (uint32_t i = 0; i < 4 && num_corners == 4; i++)
        if (!runs_anticlockwise(panner, corners[(i + 3) % 4], corners[i], corners[(i + 1) % 4]))
            inward = i;
    if (num_corners == 3 || inward == 4)
        return add_simple_region(panner, corners, num_corners, NULL, problems);
    for (uint32_t half = 1; half < 3; half++) {
        const uint32_t triangle[3] = {corners[inward], corners[(inward + half) % 4], corners[(inward + half + 1) % 4]};
        const mxd_result result = add_simple_region(panner, triangle, 3, NULL, problems);
        if (result != MXD_OK)
            return result;
    }
    return MXD_OK;
}

/* Makes the triangles around a virtual loudspeaker out of all facets that touch it. */
static mxd_result add_ring(mxd_panner *panner, uint32_t virtual_vertex, const mxd_hull_facet *facets,
                           size_t num_facets, mxd_problems *problems)
{
    const uint64_t virtual_bit = UINT64_C(1) << virtual_vertex;
    mxd_hull_facet around = {.normal = panner->vertices[virtual_vertex].nominal};
    for (size_t i = 0; i < num_facets; i++)
        if (facets[i].points & virtual_bit)
            around.points |= facets[i].points & ~virtual_bit;
    mxd_vector nominal[MAX_VERTICES];
    for (uint32_t i = 0; i < panner->num_vertices; i++)
        nominal[i] = panner->vertices[i].nominal;

    ring *added = &panner->rings[panner->num_rings++];
    added->centre = panner->vertices[virtual_vertex].real;
    added->num_vertices = (uint32_t)mxd_hull_facet_order(nominal, &around, added->vertices);
    added->share = 1.0 / sqrt((double)added->num_vertices);
    for (uint32_t i = 0; i < added->num_vertices; i++) {
        const uint32_t corners[3] = {added->vertices[i], added->vertices[(i + 1) % added->num_vertices],
                                     virtual_vertex};
        const mxd_result result = add_simple_region(panner, corners, 3, added, problems);
        if (result != MXD_OK)
            return result;
    }
    return MXD_OK;
}

static mxd_result add_regions(mxd_panner *panner, mxd_problems *problems)
{
    mxd_vector nominal[MAX_VERTICES];
    uint64_t virtual_bits = 0;
    for (uint32_t i = 0; i < panner->num_vertices; i++) {
        nominal[i] = panner->vertices[i].nominal;
        if (panner->vertices[i].channel < 0)
            virtual_bits |= UINT64_C(1) << i;
    }
    mxd_hull_facet facets[MAX_REGIONS];
    const size_t num_facets = mxd_hull_find(nominal, panner->num_vertices, COPLANAR_TOLERANCE, facets, MAX_REGIONS);
    mxd_result result = MXD_OK;
    for (uint32_t i = 0; i < panner->num_vertices && result == MXD_OK; i++)
        if (virtual_bits >> i & 1)
            result = add_ring(panner, i, facets, num_facets, problems);
    for (size_t i = 0; i < num_facets && result == MXD_OK; i++) {
        if (facets[i].points & virtual_bits)
            continue;
        uint32_t corners[MAX_VERTICES];
        const uint32_t num_corners = (uint32_t)mxd_hull_facet_order(nominal, &facets[i], corners);
        if (num_corners > 4) /* no layout of BS.2051 has such a facet, and BS.2127 does not say how to pan on one */
            return mxd_fail(problems, MXD_ERROR_UNSUPPORTED, NULL,
                            "layout %s: more than four of its loudspeakers stand in one plane, at %s",
                            panner->layout->name, panner->vertices[corners[0]].label);
        result = add_facet(panner, corners, num_corners, problems);
    }
    return result;
}

/* Adds a problem for every loudspeaker that stands where it must not. */
static mxd_result check_positions(const mxd_layout *layout, const mxd_direction *real, mxd_problems *problems)
{
    mxd_result result = MXD_OK;
    for (uint32_t i = 0; i < layout->num_channels; i++) {
        if (mxd_layout_allows(layout, i, real[i]))
            continue;
        mxd_speaker_range ranges[2];
        const uint32_t num_ranges = mxd_layout_ranges(layout, i, ranges);
        char wider[80] = "";
        if (num_ranges > 1)
            snprintf(wider, sizeof wider, " or %g to %g", ranges[1].azimuth_min_deg, ranges[1].azimuth_max_deg);
        result = mxd_fail(problems, MXD_ERROR_INVALID, NULL,
                          "layout %s: loudspeaker %s at azimuth %g, elevation %g is outside what BS.2051 allows: "
                          "azimuth %g to %g%s, elevation %g to %g degrees",
                          layout->name, layout->speakers[i].label, real[i].azimuth_deg, real[i].elevation_deg,
                          ranges[0].azimuth_min_deg, ranges[0].azimuth_max_deg, wider, ranges[0].elevation_min_deg,
                          ranges[0].elevation_max_deg);
    }
    return result;
}

mxd_result mxd_panner_create(const mxd_layout *layout, const mxd_direction *real, mxd_problems *problems,
                             mxd_panner **panner)
{
    *panner = NULL;
    mxd_result result = MXD_OK;
    if (real)
        result = check_positions(layout, real, problems);
    if (result != MXD_OK)
        return result;
    mxd_panner *created = calloc(1, sizeof *created);
    if (!created)
        return mxd_fail(problems, MXD_ERROR_MEMORY, NULL, "memory ran out while the panner of %s was made",
                        layout->name);
    created->layout = layout;
    created->pan_layout = layout;
    if (layout->num_channels <= 2) {
        /* Their loudspeakers may stand nowhere but at their nominal positions, so real ones need no attention. */
        created->pan_layout = mxd_layout_find("0+5+0");
        real = NULL;
    }
    add_vertices(created, real);
    result = add_regions(created, problems);
    if (result != MXD_OK)
        goto fail;
    *panner = created;
    return MXD_OK;
fail:
    mxd_panner_destroy(created);
    return result;
}

void mxd_panner_destroy(mxd_panner *panner)
{
    free(panner);
}

/* ---- Panning --------------------------------------------------------------- */

/*
 * One root of square t^2 + linear t + constant within 0..1, or false. The form
 * that avoids cancellation also covers square = 0, which parallel edges give:
 * one quotient is then infinite or NaN and fails the comparison.
 */
static bool root_in_unit_range(double square, double linear, double constant, double tolerance, double *root)
{
    double discriminant = linear * linear - 4.0 * square * constant;
    /* Where both roots meet, rounding may push them off the real line by this much. */
    if (discriminant < 0.0 && discriminant > -tolerance * tolerance)
        discriminant = 0.0;
    if (!(discriminant >= 0.0))
        return false;
    const double sum = -0.5 * (linear + copysign(sqrt(discriminant), linear));
    const double first = constant / sum;
    const double second = sum / square;
    if (first > -tolerance && first < 1.0 + tolerance)
        *root = fmin(fmax(first, 0.0), 1.0);
    else if (second > -tolerance && second < 1.0 + tolerance)
        *root = fmin(fmax(second, 0.0), 1.0);
    else
        return false;
    return true;
}

static bool pan_on_patch(const patch *shape, mxd_vector source, double tolerance, double gains[4])
{
    double place[2];
    for (uint32_t axis = 0; axis < 2; axis++)
        if (!root_in_unit_range(mxd_vector_dot(shape->square[axis], source),
                                mxd_vector_dot(shape->linear[axis], source),
                                mxd_vector_dot(shape->constant[axis], source), tolerance, &place[axis]))
            return false;
    gains[0] = (1.0 - place[0]) * (1.0 - place[1]);
    gains[1] = place[0] * (1.0 - place[1]);
    gains[2] = place[0] * place[1];
    gains[3] = (1.0 - place[0]) * place[1];
    /* The planes pass through the listener, so they meet the patch's mirror image behind it, too. */
    double towards = 0.0;
    for (uint32_t i = 0; i < 4; i++)
        towards += gains[i] * mxd_vector_dot(shape->corners[i], source);
    return towards > 0.0;
}

static bool pan_in_region(const region *within, mxd_vector source, double slack, double gains[4])
{
    if (within->num_corners == 4)
        return pan_on_patch(&within->shape.patch, source, slack * PATCH_TOLERANCE, gains);
    for (uint32_t i = 0; i < 3; i++) {
        const double gain = mxd_vector_dot(within->shape.inverse[i], source);
        if (!(gain >= slack * -GAIN_TOLERANCE))
            return false;
        gains[i] = gain > 0.0 ? gain : 0.0;
    }
    return true;
}

/* Writes the gains of pan_layout, to a common scale; false if no region holds the source. Slack widens tolerances. */
static bool pan_with_slack(const mxd_panner *panner, mxd_vector source, double slack, double *gains)
{
    for (uint32_t i = 0; i < panner->pan_layout->num_channels; i++)
        gains[i] = 0.0;
    for (uint32_t i = 0; i < panner->num_regions; i++) {
        if (mxd_vector_dot(panner->cones[i].axis, source) < panner->cones[i].min_cosine)
            continue;
        const region *within = &panner->regions[i];
        double corner_gains[4];
        if (!pan_in_region(within, source, slack, corner_gains))
            continue;
        for (uint32_t k = 0; k < within->num_corners; k++) {
            if (within->channels[k] >= 0) {
                gains[within->channels[k]] += corner_gains[k];
                continue;
            }
            for (uint32_t n = 0; n < within->ring->num_vertices; n++)
                gains[panner->vertices[within->ring->vertices[n]].channel] += corner_gains[k] * within->ring->share;
        }
        return true;
    }
    return false;
}

/* MIN_VOLUME sees to it that the first pass succeeds; if ever it did not, the nearest region serves. */
static void pan(const mxd_panner *panner, mxd_vector source, double *gains)
{
    for (double slack = 1.0; isfinite(slack) && !pan_with_slack(panner, source, slack, gains);)
        slack *= 100.0;
}

static void scale_to_power(double *gains, uint32_t num_channels, double amplitude)
{
    double power = 0.0;
    for (uint32_t i = 0; i < num_channels; i++)
        power += gains[i] * gains[i];
    const double scale = power > 0.0 ? amplitude / sqrt(power) : 0.0;
    for (uint32_t i = 0; i < num_channels; i++)
        gains[i] *= scale;
}

/* Clause 6.1.2.4: 0+5+0 folded down, with -3 dB for a source between the rear pair. */
static void fold_to_stereo(const double surround[6], double gains[2])
{
    enum { LEFT, RIGHT, CENTRE, LFE, LEFT_SURROUND, RIGHT_SURROUND };
    const double front = fmax(fmax(surround[LEFT], surround[RIGHT]), surround[CENTRE]);
    const double rear = fmax(surround[LEFT_SURROUND], surround[RIGHT_SURROUND]);
    const double centre = surround[CENTRE] * 0.57735026918962576; /* 1 / sqrt(3) */
    const double surround_share = 0.70710678118654752;            /* 1 / sqrt(2) */
    gains[0] = surround[LEFT] + centre + surround[LEFT_SURROUND] * surround_share;
    gains[1] = surround[RIGHT] + centre + surround[RIGHT_SURROUND] * surround_share;
    scale_to_power(gains, 2, exp2(-0.5 * rear / (front + rear)));
}

void mxd_panner_gains(const mxd_panner *panner, double azimuth_deg, double elevation_deg, double *gains)
{
    if (!(fabs(azimuth_deg) <= 180.0))
        azimuth_deg = isfinite(azimuth_deg) ? remainder(azimuth_deg, 360.0) : 0.0;
    elevation_deg = elevation_deg > -90.0 ? elevation_deg : -90.0;
    elevation_deg = elevation_deg < 90.0 ? elevation_deg : 90.0;
    const mxd_vector source = mxd_vector_from_polar(azimuth_deg, elevation_deg);
    if (panner->pan_layout == panner->layout) {
        pan(panner, source, gains);
        scale_to_power(gains, panner->layout->num_channels, 1.0);
    } else {
        double surround[MXD_MAX_LAYOUT_CHANNELS], stereo[2];
        pan(panner, source, surround);
        fold_to_stereo(surround, stereo);
        if (panner->layout->num_channels == 1)
            gains[0] = MXD_MONO_FOLD * (stereo[0] + stereo[1]);
        else
            memcpy(gains, stereo, sizeof stereo);
    }
}
