/*
 * The pitch shifter as a hosted insert. Witnesses: a sine's frequency, which is a closed form (f 2^(semitones/12)); its
 * envelope, which tells where in time it left; the engine itself, called directly.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "host/hosted/pitch.h"

#include <rubberband/rubberband-c.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATE 48000
#define NUM_FRAMES 96000u
#define BURST_FRAMES 24000u
#define MAX_RUNS (NUM_FRAMES / MXD_HOSTED_FINE_RUN + 1)
#define PI 3.14159265358979323846

static float input[2][NUM_FRAMES], output[2][NUM_FRAMES], again[2][NUM_FRAMES];
static float values[MAX_RUNS];

static mxd_hosted *create(double semitones, bool preserve_formants, bool automated, uint32_t num_inputs)
{
    const uint32_t index = 0;
    const mxd_pitch_params params = {.semitones = semitones, .preserve_formants = preserve_formants};
    const mxd_hosted_setup setup = {.sample_rate = RATE, .num_inputs = num_inputs, .block_frames = NUM_FRAMES,
                                    .automated = &index, .num_automated = automated};
    mxd_hosted *hosted;
    assert_int_equal(mxd_pitch_create(&params, &setup, NULL, &hosted), MXD_OK);
    uint32_t latency, tail;
    assert_int_equal(mxd_pitch_latency(RATE, &latency, &tail), MXD_OK);
    assert_int_equal(mxd_hosted_latency_frames(hosted), latency);
    return hosted;
}

/* In blocks of block_frames; the second lane need not be there. */
static void process(mxd_hosted *hosted, uint32_t block_frames, float out[2][NUM_FRAMES])
{
    for (uint32_t begin = 0; begin < NUM_FRAMES; begin += block_frames) {
        const uint32_t count = NUM_FRAMES - begin < block_frames ? NUM_FRAMES - begin : block_frames;
        const float *ins[] = {input[0] + begin, input[1] + begin}, *run_values = values + begin / MXD_HOSTED_FINE_RUN;
        float *outs[] = {out[0] + begin, out[1] + begin};
        assert_int_equal(mxd_hosted_process(hosted, begin, count, ins, outs, &run_values), MXD_OK);
    }
}

/* Sines that swell and die (a raised cosine of 8000 frames) each half second, at a frequency for each channel. */
static void fill_bursts(double hz, double second_hz)
{
    for (uint32_t i = 0; i < NUM_FRAMES; i++) {
        const uint32_t at = i % BURST_FRAMES;
        const double swell = at < 8000 ? 0.5 - 0.5 * cos(2.0 * PI * at / 8000.0) : 0.0;
        input[0][i] = (float)(0.5 * swell * sin(2.0 * PI * hz * i / RATE));
        input[1][i] = (float)(0.5 * swell * sin(2.0 * PI * second_hz * i / RATE));
    }
}

static void fill_sine(double hz)
{
    for (uint32_t i = 0; i < NUM_FRAMES; i++)
        input[0][i] = input[1][i] = (float)(0.5 * sin(2.0 * PI * hz * i / RATE));
}

/* Frequency between two frames, from the first to the last upward crossing of zero. */
static double frequency(const float *lane, uint32_t begin, uint32_t end)
{
    double first = -1.0, last = -1.0;
    uint32_t count = 0;
    for (uint32_t i = begin + 1; i < end; i++) {
        if (!(lane[i - 1] < 0.0f && lane[i] >= 0.0f))
            continue;
        last = i - (double)lane[i] / ((double)lane[i] - (double)lane[i - 1]);
        first = count++ == 0 ? last : first;
    }
    return count > 1 ? RATE * (count - 1) / (last - first) : 0.0;
}

/* Where the energy of the burst that enters around `centre` lies, from there. */
static double burst_offset(const float *lane, uint32_t centre)
{
    double energy = 0.0, moment = 0.0;
    for (uint32_t i = centre - BURST_FRAMES / 2; i < centre + BURST_FRAMES / 2 && i < NUM_FRAMES; i++) {
        const double power = (double)lane[i] * (double)lane[i];
        energy += power;
        moment += power * ((double)i - centre);
    }
    assert_true(energy > 1.0);
    return moment / energy;
}

static void test_frequency(void **state)
{
    (void)state;
    static const double semitones[] = {-24.0, -12.0, -5.0, -0.5, 0.0, 3.5, 12.0, 24.0};
    for (size_t i = 0; i < sizeof semitones / sizeof *semitones; i++) {
        mxd_hosted *hosted = create(semitones[i], i % 2, false, 1);
        fill_sine(440.0);
        process(hosted, 16384, output);
        const double expected = 440.0 * exp2(semitones[i] / 12.0), found = frequency(output[0], 30000, 90000);
        if (!(fabs(found / expected - 1.0) <= 2e-4)) /* a third of a cent */
            fail_msg("%g semitones: %.3f Hz, expected %.3f", semitones[i], found, expected);
        mxd_hosted_destroy(hosted);
    }
}

static void test_stays_in_place(void **state)
{
    (void)state;
    static const double semitones[] = {-24.0, -7.0, 0.0, 7.0, 24.0};
    for (size_t i = 0; i < sizeof semitones / sizeof *semitones; i++) {
        mxd_hosted *hosted = create(semitones[i], false, false, 2);
        fill_bursts(500.0, 700.0);
        process(hosted, NUM_FRAMES, output);
        for (uint32_t lane = 0; lane < 2; lane++)
            for (uint32_t burst = 1; burst < 3; burst++) {
                const double offset =
                    burst_offset(output[lane], burst * BURST_FRAMES + 4000 + mxd_hosted_latency_frames(hosted));
                if (!(fabs(offset) <= 384.0)) /* 8 ms, a fifth of the longest window */
                    fail_msg("%g semitones, lane %u: %.0f frames late", semitones[i], lane, offset);
            }
        mxd_hosted_destroy(hosted);
    }
}

/* The same engine in other pieces, on other addresses (its vectors round differently): what is dropped and waits is ours. */
static void test_against_the_engine(void **state)
{
    (void)state;
    static float shifted[2][2 * NUM_FRAMES];
    mxd_hosted *hosted = create(-5.0, true, false, 2);
    const uint32_t latency = mxd_hosted_latency_frames(hosted);
    fill_bursts(500.0, 700.0);
    process(hosted, 4096, output);
    RubberBandState engine = rubberband_new(
        RATE, 2,
        RubberBandOptionProcessRealTime | RubberBandOptionEngineFiner | RubberBandOptionThreadingNever |
            RubberBandOptionPitchHighConsistency | RubberBandOptionChannelsTogether | RubberBandOptionFormantPreserved,
        1.0, exp2(-5.0 / 12.0));
    const uint32_t pad = rubberband_get_preferred_start_pad(engine), drop = rubberband_get_start_delay(engine);
    float *silence = calloc(pad, sizeof *silence);
    rubberband_process(engine, (const float *const[]){silence, silence}, pad, 0);
    uint32_t count = 0;
    for (uint32_t i = 0; i < NUM_FRAMES; i += 500) {
        rubberband_process(engine, (const float *const[]){input[0] + i, input[1] + i}, 500, 0);
        const int ready = rubberband_available(engine);
        count += rubberband_retrieve(engine, (float *const[]){shifted[0] + count, shifted[1] + count}, (unsigned)ready);
    }
    assert_true(count > NUM_FRAMES - latency + drop);
    for (uint32_t lane = 0; lane < 2; lane++)
        for (uint32_t i = 0; i < NUM_FRAMES; i++) {
            const double expected = i < latency ? 0.0 : (double)shifted[lane][i - latency + drop];
            if (!(fabs((double)output[lane][i] - expected) <= 1e-4))
                fail_msg("lane %u, frame %u: %.9g, the engine gives %.9g", lane, i, (double)output[lane][i], expected);
        }
    rubberband_delete(engine);
    free(silence);
    mxd_hosted_destroy(hosted);
}

/* How blocks are cut, and what came before a reset, leaves no trace: to the bit. */
static void test_blocks_and_reset(void **state)
{
    (void)state;
    for (int moves = 0; moves < 2; moves++) {
        for (uint32_t i = 0; i < MAX_RUNS; i++)
            values[i] = (float)(7.0 * sin(i * 0.003));
        mxd_hosted *hosted = create(3.0, false, moves, 1);
        fill_bursts(500.0, 700.0);
        process(hosted, 65536, output);
        assert_int_equal(mxd_hosted_reset(hosted), MXD_OK);
        process(hosted, 1024, again);
        assert_memory_equal(output[0], again[0], sizeof output[0]);
        mxd_hosted_destroy(hosted);
    }
}

/* A glide of two octaves arrives where it should, and what leaves stays in its place. */
static void test_glide(void **state)
{
    (void)state;
    for (int upwards = 0; upwards < 2; upwards++) {
        for (uint32_t i = 0; i < MAX_RUNS; i++)
            values[i] = (float)((upwards ? 1.0 : -1.0) * fmax(-12.0, fmin(12.0, (i * 32.0 - 36000.0) / 1000.0)));
        mxd_hosted *hosted = create(0.0, false, true, 1);
        const uint32_t latency = mxd_hosted_latency_frames(hosted);
        fill_bursts(500.0, 700.0);
        process(hosted, NUM_FRAMES, output);
        for (uint32_t burst = 0; burst < 3; burst++) {
            const double offset = burst_offset(output[0], burst * BURST_FRAMES + 4000 + latency);
            printf("glide %s, burst %u: %.0f frames late\n", upwards ? "up" : "down", burst, offset);
            assert_true(fabs(offset) <= 960.0); /* 20 ms, half of the longest window, while the pitch moves */
        }
        const uint32_t centre = 3 * BURST_FRAMES + 4000 + latency;
        const double expected = upwards ? 1000.0 : 250.0;
        const double found = frequency(output[0], centre - 2000, centre + 2000);
        if (!(fabs(found / expected - 1.0) <= 0.005))
            fail_msg("after the glide: %.2f Hz, expected %.2f", found, expected);
        mxd_hosted_destroy(hosted);
    }
}

/* Whatever automation asks for, the insert keeps up: no hole in a steady sine. */
static void test_wild_automation(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        uint32_t seed = 1;
        for (uint32_t i = 0; i < MAX_RUNS; i++) {
            seed = seed * 1664525u + 1013904223u; /* Numerical Recipes */
            values[i] = kind ? (float)(seed >> 16) / 65535.0f * 48.0f - 24.0f : i / 300 % 2 ? 24.0f : -24.0f;
        }
        const uint32_t index = 0;
        const mxd_pitch_params params = {0};
        mxd_problems *problems = mxd_problems_create();
        const mxd_hosted_setup setup = {.sample_rate = RATE, .num_inputs = 1, .block_frames = NUM_FRAMES,
                                        .automated = &index, .num_automated = 1};
        mxd_hosted *hosted;
        assert_int_equal(mxd_pitch_create(&params, &setup, problems, &hosted), MXD_OK);
        fill_sine(440.0);
        process(hosted, 8192, output);
        assert_true(mxd_problems_count(problems) == 0);
        mxd_hosted_destroy(hosted);
        mxd_problems_destroy(problems);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frequency),          cmocka_unit_test(test_stays_in_place),
        cmocka_unit_test(test_against_the_engine), cmocka_unit_test(test_blocks_and_reset),
        cmocka_unit_test(test_glide),              cmocka_unit_test(test_wild_automation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
