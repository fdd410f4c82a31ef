/*
 * The synthetic room. One excitation, cut into octaves by zero-phase crossovers
 * (so that the octaves add up to the excitation exactly, and a reflection stays
 * one click), each octave under its own exponential, summed.
 *
 * To give the same bits everywhere, only operations that IEEE 754 rounds
 * exactly are used (+ - * / sqrt): exponentials and tangents are computed here,
 * and no product is fused into a sum.
 */
#include "room.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF /* gcc does not contract in ISO mode, and does not know the pragma */
#endif

static const double pi = 3.14159265358979323846;

/* Base-2 exact centres of the octaves, IEC 61260-1. */
static const double centres_hz[MXD_ROOM_BANDS] = {31.25, 62.5, 125, 250, 500, 1000, 2000, 4000, 8000, 16000};

/* Decays relative to the middle's, as concert halls have them: bass ratio 1.1, air absorption at the top. */
static const double natural[MXD_ROOM_BANDS] = {1.1, 1.1, 1.1, 1.05, 1.0, 1.0, 0.9, 0.75, 0.55, 0.4};

/*
 * Linear level at which each octave starts. White noise as it is would be mostly
 * hiss: these fall by 1 to 4 dB an octave above 1 kHz, so that the octaves from
 * 500 Hz to 8 kHz hold about the same energy, as in measured halls; and by 8 dB
 * in the lowest, against rumble.
 */
static const double tone[MXD_ROOM_BANDS] = {0.5, 0.9, 1.3, 1.3, 1.15, 1.0, 0.85, 0.7, 0.5, 0.33};

/* ---- Exact functions ----------------------------------------------------- */

/* e^x, |x| < 700: Taylor's series below 2^-5, squared back. */
static double exponential(double x)
{
    int halvings = 0;
    while (x > 0x1p-5 || x < -0x1p-5) {
        x *= 0.5;
        halvings++;
    }
    double sum = 1.0;
    for (int n = 10; n >= 1; n--)
        sum = 1.0 + sum * (x / n);
    while (halvings-- > 0)
        sum *= sum;
    return sum;
}

/* tan x, 0 <= x < pi / 2: Taylor's series of sine and cosine, whose 26th power is below rounding there. */
static double tangent(double x)
{
    double sine = 1.0, cosine = 1.0;
    for (int n = 26; n >= 2; n -= 2) {
        cosine = 1.0 - cosine * (x * x / (n * (n - 1)));
        sine = 1.0 - sine * (x * x / (n * (n + 1)));
    }
    return x * sine / cosine;
}

/* ---- Excitation ---------------------------------------------------------- */

/* G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number generators" (2014): its output function. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static uint64_t stream_key(const mxd_room *room, uint32_t input, uint32_t stream)
{
    return mix(mix((uint64_t)room->seed << 32 | input) + stream + 1);
}

/*
 * Adds gain times a noise of unit power to signal. Reflections come singly at
 * first and thicken with the square of time, as in any room (H. Kuttruff, "Room
 * Acoustics", eq. 4.6), until each frame holds one.
 */
static void add_excitation(uint64_t key, double gain, uint32_t sample_rate, uint32_t num_frames, double *signal)
{
    const double first_per_s = 700.0;  /* about where single reflections begin to blur into one sound */
    const double doubled_after_s = 0.012;
    const double scale = gain * sqrt(3.0) / 0x1p31; /* a uniform variate in -1..1 has variance 1/3 */
    for (uint32_t n = 0; n < num_frames; n++) {
        const uint64_t bits = mix(key + (n + UINT64_C(1)) * UINT64_C(0x9e3779b97f4a7c15));
        const double value = ((double)(uint32_t)bits - 0x1p31) * scale;
        const double t = n / (sample_rate * doubled_after_s);
        const double share = first_per_s * (1.0 + t * t) / sample_rate;
        if (share >= 1.0)
            signal[n] += value;
        else if ((double)(bits >> 32) < share * 0x1p32)
            signal[n] += value / sqrt(share);
    }
}

/* The excitation of one cell: what all outputs share, what is the output's own, and a soft start. */
static void excite(const mxd_room *room, uint32_t sample_rate, uint32_t input, uint32_t output, uint32_t num_frames,
                   double *signal)
{
    for (uint32_t n = 0; n < num_frames; n++)
        signal[n] = 0.0;
    if (room->width < 1.0)
        add_excitation(stream_key(room, input, UINT32_MAX), sqrt(1.0 - room->width), sample_rate, num_frames, signal);
    if (room->width > 0.0)
        add_excitation(stream_key(room, input, output), sqrt(room->width), sample_rate, num_frames, signal);

    /* The field builds up over some 10 ms (less in a small room); an abrupt start would sound like a splash. */
    double shortest_s = room->decay_s[0];
    for (int band = 1; band < MXD_ROOM_BANDS; band++)
        shortest_s = room->decay_s[band] < shortest_s ? room->decay_s[band] : shortest_s;
    const double time_s = shortest_s / 50.0 < 0.01 ? shortest_s / 50.0 : 0.01;
    const double step = exponential(-1.0 / (time_s * sample_rate));
    double missing = 0.8;
    for (uint32_t n = 0; n < num_frames && missing > 1e-9; n++, missing *= step)
        signal[n] *= 1.0 - missing;
}

/* ---- Octaves ------------------------------------------------------------- */

typedef struct biquad {
    double b0, b1, b2, a1, a2; /* y = b0 x + b1 x' + b2 x'' - a1 y' - a2 y'' */
} biquad;

/* Second-order low-pass (or high-pass) by the bilinear transform; k = 1 / Q. */
static biquad design(double frequency_hz, double k, uint32_t sample_rate, bool high_pass)
{
    const double g = tangent(pi * frequency_hz / sample_rate);
    const double norm = 1.0 / (1.0 + g * (g + k));
    const double b = high_pass ? norm : g * g * norm;
    return (biquad){b, high_pass ? -2.0 * b : 2.0 * b, b, 2.0 * (g * g - 1.0) * norm, (1.0 + g * (g - k)) * norm};
}

/* Two sections over signal, forwards (step 1 from 0) or backwards (step -1 from the end), transposed direct form II. */
static void run_pair(const biquad *p, const biquad *q, double *signal, uint32_t num_frames, bool backwards)
{
    double p1 = 0, p2 = 0, q1 = 0, q2 = 0;
    for (uint32_t n = 0; n < num_frames; n++) {
        double *frame = &signal[backwards ? num_frames - 1 - n : n];
        const double x = *frame;
        const double y = p->b0 * x + p1;
        p1 = p->b1 * x - p->a1 * y + p2;
        p2 = p->b2 * x - p->a2 * y;
        const double z = q->b0 * y + q1;
        q1 = q->b1 * y - q->a1 * z + q2;
        q2 = q->b2 * y - q->a2 * z;
        *frame = z;
    }
}

/* Eighth-order Butterworth there and back: 96 dB per octave, no phase. */
static void low_pass(double frequency_hz, uint32_t sample_rate, double *signal, uint32_t num_frames)
{
    /* 1/Q = 2 cos((2 i + 1) pi / 16) */
    static const double ks[2][2] = {{1.9615705608064609, 0.39018064403225666},
                                    {1.6629392246050905, 1.1111404660392046}};
    for (int i = 0; i < 2; i++) {
        const biquad p = design(frequency_hz, ks[i][0], sample_rate, false);
        const biquad q = design(frequency_hz, ks[i][1], sample_rate, false);
        run_pair(&p, &q, signal, num_frames, false);
        run_pair(&p, &q, signal, num_frames, true);
    }
}

/*
 * Where the octave begins: half an octave below its centre, but moved by a sixth
 * of an octave into the neighbour if that decays more slowly. Otherwise the
 * neighbour's tail, reaching in at the edge, would outlast the octave's own:
 * measured decays (T30 by octave filters) come out within 3 % of what was asked
 * instead of 10 %, where the neighbour lasts a third longer.
 */
static double lower_edge_hz(const mxd_room *room, int band)
{
    const double sixth = 1.12246204830937298; /* 2^(1/6) */
    double edge_hz = centres_hz[band] * sqrt(0.5);
    if (band > 0 && room->decay_s[band - 1] > room->decay_s[band])
        edge_hz /= sixth;
    else if (band > 0 && room->decay_s[band - 1] < room->decay_s[band])
        edge_hz *= sixth;
    return edge_hz;
}

/* Adds gain * band[n] e^(-6.9 n / decay) to samples: -60 dB after decay_s. */
static void add_decaying(const double *rest, const double *low, double gain, double decay_s, uint32_t sample_rate,
                         uint32_t num_frames, float *samples)
{
    const double ln_1000 = 6.90775527898213705205;
    const double step = exponential(-ln_1000 / (decay_s * sample_rate));
    double level = gain;
    /* 120 dB down nothing more of it is to be heard. */
    for (uint32_t n = 0; n < num_frames && level > gain * 1e-6; n++, level *= step)
        samples[n] = (float)(samples[n] + (rest[n] - low[n]) * level);
}

uint32_t mxd_room_num_frames(const mxd_room *room, uint32_t sample_rate)
{
    double longest_s = 0.0;
    for (int band = 0; band < MXD_ROOM_BANDS; band++)
        longest_s = room->decay_s[band] > longest_s ? room->decay_s[band] : longest_s;
    return (uint32_t)(longest_s * 80.0 / 60.0 * sample_rate) + 1;
}

void mxd_room_natural_decays(double decay_s, double decays_s[MXD_ROOM_BANDS])
{
    for (int band = 0; band < MXD_ROOM_BANDS; band++)
        decays_s[band] = decay_s * natural[band];
}

/* What the crossovers leave below 22 Hz, and the exponentials bring back, goes; the end fades over 5 %. */
static void finish(uint32_t sample_rate, uint32_t num_frames, float *samples)
{
    const biquad rumble = design(20.0, sqrt(2.0), sample_rate, true);
    const uint32_t fade_frames = num_frames / 20;
    double s1 = 0, s2 = 0;
    for (uint32_t n = 0; n < num_frames; n++) {
        const double x = samples[n];
        const double y = rumble.b0 * x + s1;
        s1 = rumble.b1 * x - rumble.a1 * y + s2;
        s2 = rumble.b2 * x - rumble.a2 * y;
        const uint32_t left = num_frames - n;
        samples[n] = (float)(left < fade_frames ? y * left / fade_frames : y);
    }
}

mxd_result mxd_room_generate(const mxd_room *room, uint32_t sample_rate, uint32_t input, uint32_t output,
                             float *samples)
{
    const uint32_t num_frames = mxd_room_num_frames(room, sample_rate);
    double *memory = malloc(2 * (size_t)num_frames * sizeof *memory);
    if (!memory)
        return MXD_ERROR_MEMORY;
    double *rest = memory, *low = memory + num_frames;
    excite(room, sample_rate, input, output, num_frames, rest);
    for (uint32_t n = 0; n < num_frames; n++)
        samples[n] = 0.0f;

    for (int band = MXD_ROOM_BANDS - 1; band >= 0; band--) {
        const double edge_hz = lower_edge_hz(room, band);
        if (edge_hz > 0.45 * sample_rate)
            continue; /* nothing up there at this rate: what there is belongs to the octave below */
        memcpy(low, rest, num_frames * sizeof *low);
        low_pass(edge_hz, sample_rate, low, num_frames);
        add_decaying(rest, low, tone[band], room->decay_s[band], sample_rate, num_frames, samples);
        double *swap = rest;
        rest = low;
        low = swap;
    }
    finish(sample_rate, num_frames, samples);
    free(memory);
    return MXD_OK;
}
