/*
 * The meter against libebur128, on one thread, in the same run: x real time and seconds for 10 minutes at 48 kHz.
 * Usage: bench_meter [seconds of audio, 600 if not given]. libebur128 gets a tenth of it, for it is slow, and its
 * time is scaled up.
 *
 * "noise" is white noise of steady level, where most stretches cannot beat the peak found so far and are passed
 * over; "rising" swells from -60 dB to full scale, so that a new highest peak is always near: the worst case.
 */
#include "host/clock.h"
#include "host/cpu/variants.h"
#include "host/measure/meter.h"

#include <ebur128.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define RATE 48000
#define PUSH_FRAMES 16384
#define MAX_CHANNELS 12

typedef struct source {
    uint32_t num_channels, random;
    bool rising;
    uint64_t frame, num_frames;
    float *channels[MAX_CHANNELS];
    float *interleaved;
} source;

static void fill(source *s, uint32_t num_frames)
{
    for (uint32_t i = 0; i < num_frames; i++) {
        float done = (float)(s->frame + i) / (float)s->num_frames;
        float level = s->rising ? exp2f(10.0f * (done - 1.0f)) : 0.5f;
        for (uint32_t c = 0; c < s->num_channels; c++) {
            s->random = s->random * 1664525u + 1013904223u; /* Numerical Recipes' generator */
            float x = ((float)(s->random >> 8) / 8388608.0f - 1.0f) * level;
            s->channels[c][i] = x;
            s->interleaved[i * s->num_channels + c] = x;
        }
    }
    s->frame += num_frames;
}

static double time_meter(source *s, mxd_loudness *loudness)
{
    mxd_meter *meter = mxd_meter_create(mxd_layout_find(s->num_channels == 12 ? "7.1.4" : "stereo"), s->num_channels, RATE, NULL);
    double total = 0.0;
    if (!meter)
        return NAN;
    while (s->frame < s->num_frames) {
        fill(s, PUSH_FRAMES);
        double start = mxd_clock_s();
        if (mxd_meter_push(meter, (const float *const *)s->channels, PUSH_FRAMES) != MXD_OK)
            total = NAN;
        total += mxd_clock_s() - start;
    }
    mxd_meter_read(meter, loudness);
    mxd_meter_destroy(meter);
    return total;
}

static double time_ebur128(source *s)
{
    static const int channels[12] = {EBUR128_Mp030, EBUR128_Mm030, EBUR128_Mp000, EBUR128_UNUSED,
                                     EBUR128_Mp090, EBUR128_Mm090, EBUR128_Mp135, EBUR128_Mm135,
                                     EBUR128_Up045, EBUR128_Um045, EBUR128_Up135, EBUR128_Um135};
    ebur128_state *state = ebur128_init(s->num_channels, RATE,
                                        EBUR128_MODE_I | EBUR128_MODE_LRA | EBUR128_MODE_TRUE_PEAK);
    double total = 0.0;
    if (!state)
        return NAN;
    for (uint32_t c = 0; s->num_channels == 12 && c < 12; c++)
        ebur128_set_channel(state, c, channels[c]);
    while (s->frame < s->num_frames) {
        fill(s, PUSH_FRAMES);
        double start = mxd_clock_s();
        if (ebur128_add_frames_float(state, s->interleaved, PUSH_FRAMES) != EBUR128_SUCCESS)
            total = NAN;
        total += mxd_clock_s() - start;
    }
    ebur128_destroy(&state);
    return total;
}

int main(int argc, char **argv)
{
    double length_s = argc > 1 ? atof(argv[1]) : 600.0;
    source s = {0};
    int status = 1;
    if (!(length_s >= 10.0)) {
        fprintf(stderr, "bench_meter: give a length of at least 10 seconds\n");
        return 2;
    }
    s.interleaved = malloc(PUSH_FRAMES * MAX_CHANNELS * sizeof(float));
    bool ready = s.interleaved != NULL;
    for (int c = 0; c < MAX_CHANNELS; c++) {
        s.channels[c] = malloc(PUSH_FRAMES * sizeof(float));
        ready = ready && s.channels[c];
    }
    if (!ready)
        goto fail;
    printf("meter: %s (%s), %g s at %d Hz, pushes of %d frames, 1 thread\n", mxd_cpu_best()->name,
           mxd_cpu_best()->simd, length_s, RATE, PUSH_FRAMES);
    printf("%-9s %-7s %14s %14s %12s %12s\n", "channels", "signal", "meter s/10min", "x real time", "ebur128 s",
           "faster by");
    for (int k = 0; k < 4; k++) {
        mxd_loudness loudness;
        s.num_channels = k < 2 ? 2 : 12;
        s.rising = k % 2 == 1;
        s.random = 1;
        s.frame = 0;
        s.num_frames = (uint64_t)(length_s * RATE);
        double own = time_meter(&s, &loudness);
        s.frame = 0;
        s.num_frames /= 10;
        double other = 10.0 * time_ebur128(&s);
        printf("%-9u %-7s %14.3f %14.0f %12.2f %12.1f\n", s.num_channels, s.rising ? "rising" : "noise",
               own * 600.0 / length_s, length_s / own, other * 600.0 / length_s, other / own);
    }
    status = 0;
fail:
    for (int c = 0; c < MAX_CHANNELS; c++)
        free(s.channels[c]);
    free(s.interleaved);
    return status;
}
