/*
 * K-weighting and energy (ITU-R BS.1770-5 annex 1). Channels lie across SIMD
 * lanes, for a recursion cannot be spread over time. The filters run in double
 * in every variant: at 38 Hz a float32 biquad's rounding noise is louder than
 * the quiet passages that it measures, and doubles cost less here (one chain of
 * two dependent operations a frame) than a float32 form that avoids it.
 */
#include "../square.h"
#include "meter_kernels.h"
#include "real.h"

#include <math.h>
#include <string.h>

extern const struct mxd_meter_kernels MXD_CPU(mxd_meter_kernels);
bool MXD_CPU(mxd_true_peak)(const mxd_true_peak_filter *filter, const float *history, const float *frames,
                            uint64_t num_frames, float *sample_peak, float *true_peak);

#if defined __AVX__
#define LANES 4
#else
#define LANES 2
#endif
#define MAX_VECTORS (MXD_K_MAX_CHANNELS / LANES)
/* Frames that are turned from planar to interleaved at a time: small enough for the first-level cache. */
#define TILE_FRAMES 64

typedef double vector __attribute__((vector_size(LANES * sizeof(double))));
typedef float narrow __attribute__((vector_size(LANES * sizeof(float))));

/* Below this (-1000 dB) a decaying state is silence; going on ends in denormals, which cost a hundred times more. */
#define STATE_FLOOR 1e-50

typedef struct interleaved {
    float frames[TILE_FRAMES][MXD_K_MAX_CHANNELS];
} interleaved;

MXD_DEFINE_TRANSPOSE(transpose_square, float);

/* Four channels' frames into the tile's columns from `column` on: squares of four frames that are turned over. */
static void interleave_four(const float *const *channels, uint64_t first_frame, uint32_t num_frames, interleaved *to,
                            uint32_t column)
{
    uint32_t i = 0;
    for (; i + 4 <= num_frames; i += 4) {
        uint64_t at = first_frame + i;
        const float *const from[4] = {channels[0] + at, channels[1] + at, channels[2] + at, channels[3] + at};
        transpose_square(from, (float *const[4]){&to->frames[i][column], &to->frames[i + 1][column],
                                                 &to->frames[i + 2][column], &to->frames[i + 3][column]});
    }
    for (; i < num_frames; i++)
        for (uint32_t k = 0; k < 4; k++)
            to->frames[i][column + k] = channels[k][first_frame + i];
}

static void interleave(const float *const *channels, uint32_t num_channels, uint64_t first_frame, uint32_t num_frames,
                       interleaved *to)
{
    uint32_t c = 0;
    for (; c + 4 <= num_channels; c += 4)
        interleave_four(channels + c, first_frame, num_frames, to, c);
    for (; c < num_channels; c++)
        for (uint32_t i = 0; i < num_frames; i++)
            to->frames[i][c] = channels[c][first_frame + i];
}

/* num_vectors is a constant at every call, so that the loops over v unroll and all states stay in registers. */
static inline __attribute__((always_inline)) void weigh(const mxd_k_weighting *w, vector (*state)[MAX_VECTORS],
                                                        vector *energy, const interleaved *in, uint32_t num_frames,
                                                        uint32_t num_vectors)
{
    vector s1[MAX_VECTORS], s2[MAX_VECTORS], r1[MAX_VECTORS], r2[MAX_VECTORS], sum[MAX_VECTORS];
    for (uint32_t v = 0; v < num_vectors; v++) {
        s1[v] = state[0][v];
        s2[v] = state[1][v];
        r1[v] = state[2][v];
        r2[v] = state[3][v];
        sum[v] = energy[v];
    }
    for (uint32_t i = 0; i < num_frames; i++) {
        for (uint32_t v = 0; v < num_vectors; v++) {
            narrow loaded;
            memcpy(&loaded, &in->frames[i][v * LANES], sizeof(loaded));
            vector x = __builtin_convertvector(loaded, vector);
            vector y = w->shelf_b[0] * x + s1[v];
            s1[v] = (w->shelf_b[1] * x + s2[v]) - w->shelf_a[0] * y;
            s2[v] = w->shelf_b[2] * x - w->shelf_a[1] * y;
            vector z = y + r1[v];
            r1[v] = (r2[v] - 2.0 * y) - w->high_pass_a[0] * z;
            r2[v] = y - w->high_pass_a[1] * z;
            sum[v] += z * z;
        }
    }
    for (uint32_t v = 0; v < num_vectors; v++) {
        state[0][v] = s1[v];
        state[1][v] = s2[v];
        state[2][v] = r1[v];
        state[3][v] = r2[v];
        energy[v] = sum[v];
    }
}

static void weigh_tile(const mxd_k_weighting *w, vector (*state)[MAX_VECTORS], vector *energy, const interleaved *in,
                       uint32_t num_frames, uint32_t num_vectors)
{
    switch (num_vectors) {
    case 1: weigh(w, state, energy, in, num_frames, 1); break;
    case 2: weigh(w, state, energy, in, num_frames, 2); break;
    case 3: weigh(w, state, energy, in, num_frames, 3); break;
#if LANES == 2
    case 4: weigh(w, state, energy, in, num_frames, 4); break;
    case 5: weigh(w, state, energy, in, num_frames, 5); break;
    case 6: weigh(w, state, energy, in, num_frames, 6); break;
#endif
    }
}

static void k_energy(const mxd_k_weighting *weighting, mxd_k_state *state, const float *const *channels,
                     uint32_t num_channels, uint64_t first_frame, uint32_t num_frames, double *energy)
{
    uint32_t num_vectors = (num_channels + LANES - 1) / LANES;
    double lanes[4][MXD_K_MAX_CHANNELS] = {{0}};
    double sums[MXD_K_MAX_CHANNELS] = {0};
    vector states[4][MAX_VECTORS], energies[MAX_VECTORS];
    interleaved tile;
    memset(&tile, 0, sizeof(tile)); /* lanes without a channel stay silent */
    for (uint32_t c = 0; c < num_channels; c++)
        for (uint32_t k = 0; k < 4; k++)
            lanes[k][c] = state[c].s[k];
    memcpy(states, lanes, sizeof(states));
    memcpy(energies, sums, sizeof(energies));

    for (uint32_t at = 0; at < num_frames; at += TILE_FRAMES) {
        uint32_t n = num_frames - at < TILE_FRAMES ? num_frames - at : TILE_FRAMES;
        interleave(channels, num_channels, first_frame + at, n, &tile);
        weigh_tile(weighting, states, energies, &tile, n, num_vectors);
    }

    memcpy(lanes, states, sizeof(states));
    memcpy(sums, energies, sizeof(energies));
    for (uint32_t c = 0; c < num_channels; c++) {
        energy[c] = sums[c];
        for (uint32_t k = 0; k < 4; k++)
            state[c].s[k] = fabs(lanes[k][c]) < STATE_FLOOR ? 0.0 : lanes[k][c];
    }
}

const struct mxd_meter_kernels MXD_CPU(mxd_meter_kernels) = {
    .k_energy = k_energy,
    .true_peak = MXD_CPU(mxd_true_peak),
};
