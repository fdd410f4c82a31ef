/*
 * How long the point-source panner takes for one direction, and how long one
 * is made for, layout by layout. Directions are pseudo-random over the whole
 * sphere; each figure is the best of five runs, on one thread.
 */
#include "host/clock.h"
#include "host/scene/panner.h"

#include <stdio.h>
#include <stdlib.h>

#define NUM_DIRECTIONS 4096
#define NUM_CALLS 400000
#define NUM_RUNS 5

int main(void)
{
    static mxd_direction directions[NUM_DIRECTIONS];
    uint32_t seed = 1;
    for (size_t i = 0; i < NUM_DIRECTIONS; i++) {
        seed = seed * 1664525u + 1013904223u; /* Numerical Recipes, 32-bit linear congruential */
        directions[i].azimuth_deg = 360.0 * (seed >> 8) / 16777216.0 - 180.0;
        seed = seed * 1664525u + 1013904223u;
        directions[i].elevation_deg = 180.0 * (seed >> 8) / 16777216.0 - 90.0;
    }
    printf("%-8s %14s %12s\n", "layout", "ns a direction", "creation, us");
    double sum = 0.0; /* keeps the calls from being optimised away */
    for (uint32_t n = 0; mxd_layout_get(n); n++) {
        const mxd_layout *layout = mxd_layout_get(n);
        double best_s = 1e9, best_creation_s = 1e9;
        for (int run = 0; run < NUM_RUNS; run++) {
            double start_s = mxd_clock_s();
            mxd_panner *panner;
            if (mxd_panner_create(layout, NULL, NULL, &panner) != MXD_OK)
                return EXIT_FAILURE;
            double took_s = mxd_clock_s() - start_s;
            best_creation_s = took_s < best_creation_s ? took_s : best_creation_s;
            start_s = mxd_clock_s();
            for (size_t i = 0; i < NUM_CALLS; i++) {
                double gains[MXD_MAX_LAYOUT_CHANNELS];
                const mxd_direction *direction = &directions[i % NUM_DIRECTIONS];
                mxd_panner_gains(panner, direction->azimuth_deg, direction->elevation_deg, gains);
                sum += gains[0];
            }
            took_s = mxd_clock_s() - start_s;
            best_s = took_s < best_s ? took_s : best_s;
            mxd_panner_destroy(panner);
        }
        printf("%-8s %14.1f %12.1f\n", layout->name, 1e9 * best_s / NUM_CALLS, 1e6 * best_creation_s);
    }
    return sum > 0.0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
