/*
 * A cascade of second-order sections whose coefficients move: the equaliser's
 * recursion (eq.h), every section on every lane of the row, lanes alike.
 *
 * Values, for each section in turn: a2, a3, oma1, m0, m1, m2 as eq.h names them,
 * each on the straight line between two points. That is stable however they move:
 * with x = 0 a frame takes (s1, s2) to A (s1, s2), A = I - 2 (oma1, a2; -a2, a3),
 * and for any g > 0, k >= 0 it holds, with v1 = s1 + d1 and v2 = s2 + d2, that
 *     s1'^2 + s2'^2 - s1^2 - s2^2 = 4 (d1 v1 + d2 v2) = -4 g k v1^2 <= 0,
 * since d1 = g (-k v1 - v2) and d2 = g v1. So at every point |A| <= 1 in one and
 * the same norm; A is linear in the values, and between two points it is a mean of
 * theirs, so |A| <= 1 there too: no motion can make the states grow.
 *
 * On the device a workgroup takes the row lane by lane and tile by tile, each
 * invocation MXD_FILTER_SAMPLES frames, held in registers through the cascade.
 * A span of frames is the affine map s -> s + D s + e of the state; D less the
 * identity for the reason of the delta form. Maps compose associatively:
 * (D2, e2) after (D1, e1) = (D1 + D2 + D2 D1, e1 + e2 + D2 e1): a prefix scan.
 *
 * State: of each lane and section s1, s2, and on the CPU what their last
 * additions rounded off: [lane][section][MXD_FILTER_STATE].
 */
#ifndef MXD_SHADERS_FILTER_H
#define MXD_SHADERS_FILTER_H

/* Settings: */
#define MXD_FILTER_SECTIONS 0 /* 1..MXD_FILTER_MAX_SECTIONS */
#define MXD_FILTER_NUM_SETTINGS 1

/* Values of one section: */
#define MXD_FILTER_A2 0
#define MXD_FILTER_A3 1
#define MXD_FILTER_OMA1 2
#define MXD_FILTER_M0 3
#define MXD_FILTER_M1 4
#define MXD_FILTER_M2 5
#define MXD_FILTER_SECTION_VALUES 6

#define MXD_FILTER_STATE 4
#define MXD_FILTER_MAX_SECTIONS 16 /* longer cascades are several rows */
#define MXD_FILTER_MAX_LANES 8     /* wider inserts, too */

#define MXD_FILTER_SAMPLES 16      /* frames of an invocation; divides the grid of points */
#define MXD_FILTER_WORKGROUP 256

#endif
