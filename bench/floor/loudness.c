/*
 * J7: integrated loudness (ITU-R BS.1770) and true peak. The file is cut into
 * stretches that start where a step of 0.1 s starts; a vector holds all channels
 * of as many stretches as fit, and each stretch runs in over the half second
 * before it. Oversampling by 4 is left out, exactly, where the largest sample
 * times the sum of the filter's absolute taps cannot beat the peak so far.
 */
#include "floor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STEP 4800    /* frames: 0.1 s, the hop of gating blocks */
#define CHUNK 960    /* frames at a time; divides STEP */
#define SPAN 32      /* frames that are oversampled or not */
#define RUN_IN 24000 /* frames: the high-pass at 38 Hz has then forgotten all but e^-60 */
#define TAPS 12      /* of each of the three phases between samples */
#define HISTORY SPAN /* >= TAPS - 1 */

typedef struct measurement {
    const floor_wav *wav;
    uint32_t num_threads, num_stretches; /* stretches of each thread, side by side in a vector */
    int64_t num_steps, stretch_steps;
    float *energies; /* [step][channel]: sums of squares */
    float peaks[FLOOR_MAX_THREADS];
    float taps[3][TAPS], most; /* most: the largest sum of absolute taps */
} measurement;

typedef struct section {
    float b0, b1, b2, a1, a2;
} section;

/* K-weighting at 48 kHz, BS.1770-5 tables 1 and 2. */
static const section k_weighting[2] = {
    {1.53512485958697F, -2.69169618940638F, 1.19839281085285F, -1.69065929318241F, 0.73248077421585F},
    {1.0F, -2.0F, 1.0F, -1.99004745483398F, 0.99007225036621F}};

static void design_taps(measurement *m)
{
    const double pi = acos(-1.0);
    for (uint32_t phase = 0; phase < 3; phase++) {
        double sum = 0.0;
        for (uint32_t i = 0; i < TAPS; i++) {
            const double x = (double)i - (TAPS / 2 - 1) - (phase + 1) / 4.0;
            const double window = 0.5 + 0.5 * cos(pi * x / (TAPS / 2 + 0.25)); /* Hann's */
            m->taps[phase][i] = (float)(sin(pi * x) / (pi * x) * window);
            sum += fabs((double)m->taps[phase][i]);
        }
        m->most = fmaxf(m->most, (float)sum);
    }
}

static float largest(const floor_vector *frames, uint32_t count)
{
    typedef int32_t ints __attribute__((vector_size(4 * FLOOR_LANES)));
    ints most = {0};
    for (uint32_t n = 0; n < count; n++) {
        const ints bits = (ints)frames[n] & 0x7fffffff; /* absolute values order as integers do */
        const ints more = bits > most;
        most = (bits & more) | (most & ~more);
    }
    int32_t result = 0;
    for (uint32_t lane = 0; lane < FLOOR_LANES; lane++)
        result = most[lane] > result ? most[lane] : result;
    float value;
    memcpy(&value, &result, sizeof value);
    return value;
}

/* frames: HISTORY of them, then CHUNK new ones. */
static float true_peak(const measurement *m, const floor_vector *frames, float peak)
{
    float before = largest(frames, HISTORY);
    for (uint32_t at = HISTORY; at < HISTORY + CHUNK; at += SPAN) {
        const float here = largest(frames + at, SPAN), both = fmaxf(before, here);
        peak = fmaxf(peak, here);
        before = here;
        if (!(both * m->most > peak))
            continue;
        for (uint32_t phase = 0; phase < 3; phase++) {
            floor_vector between[SPAN];
            for (uint32_t n = 0; n < SPAN; n++) {
                between[n] = (floor_vector){0};
                for (uint32_t i = 0; i < TAPS; i++)
                    between[n] += frames[at + n - (TAPS - 1) + i] * m->taps[phase][i];
            }
            peak = fmaxf(peak, largest(between, SPAN));
        }
    }
    return peak;
}

static floor_vector weigh(const floor_vector *frames, floor_vector state[2][2])
{
    floor_vector energy = {0};
    for (uint32_t n = 0; n < CHUNK; n++) {
        floor_vector x = frames[n];
        for (uint32_t i = 0; i < 2; i++) {
            const section s = k_weighting[i];
            const floor_vector y = s.b0 * x + state[i][0];
            state[i][0] = s.b1 * x - s.a1 * y + state[i][1];
            state[i][1] = s.b2 * x - s.a2 * y;
            x = y;
        }
        energy += x * x;
    }
    return energy;
}

/* Frames side by side become lanes; with a constant count the copy is a move or two. */
static void spread(const float *samples, uint32_t channels, float *to)
{
    for (uint32_t n = 0; n < CHUNK; n++) {
        if (channels == 2)
            memcpy(to + n * FLOOR_LANES, samples + n * 2, 2 * sizeof *to);
        else if (channels == 12)
            memcpy(to + n * FLOOR_LANES, samples + n * 12, 12 * sizeof *to);
        else
            memcpy(to + n * FLOOR_LANES, samples + n * channels, channels * sizeof *to);
    }
}

static void run(void *argument, uint32_t thread)
{
    measurement *m = argument;
    const uint32_t channels = m->wav->num_channels;
    floor_vector *frames = floor_allocate(HISTORY + CHUNK, sizeof *frames);
    float *samples = floor_allocate(CHUNK * channels, sizeof *samples);
    floor_vector state[2][2] = {0};
    float peak = 0.0F;
    for (int64_t at = -RUN_IN; at < m->stretch_steps * STEP; at += CHUNK) {
        for (uint32_t i = 0; i < m->num_stretches; i++) {
            const int64_t first_step = m->stretch_steps * (thread * m->num_stretches + i);
            floor_read(m->wav, first_step * STEP + at, CHUNK, samples);
            spread(samples, channels, (float *)(frames + HISTORY) + i * channels);
        }
        const floor_vector energy = weigh(frames + HISTORY, state);
        /* The run-in is another stretch's, but for the frames just before this one. */
        if (at >= -CHUNK)
            peak = true_peak(m, frames, peak);
        memcpy(frames, frames + CHUNK, HISTORY * sizeof *frames);
        for (uint32_t i = 0; i < m->num_stretches && at >= 0; i++) {
            const int64_t step = m->stretch_steps * (thread * m->num_stretches + i) + at / STEP;
            for (uint32_t channel = 0; channel < channels && step < m->num_steps; channel++)
                m->energies[step * channels + channel] += energy[i * channels + channel];
        }
    }
    m->peaks[thread] = peak;
    free(samples);
    free(frames);
}

static double to_lufs(double power)
{
    return -0.691 + 10.0 * log10(power > 1e-30 ? power : 1e-30);
}

/* The mean of the blocks of 0.4 s above a threshold. */
static double gated_mean(const double *steps, int64_t num_steps, double above_lufs)
{
    double sum = 0.0;
    int64_t count = 0;
    for (int64_t i = 0; i + 4 <= num_steps; i++) {
        const double power = (steps[i] + steps[i + 1] + steps[i + 2] + steps[i + 3]) / 4.0;
        if (to_lufs(power) > above_lufs) {
            sum += power;
            count++;
        }
    }
    return count ? sum / (double)count : 0.0;
}

void floor_measure(const floor_wav *wav, const double *weights, uint32_t num_threads, double *lufs, double *dbtp)
{
    const uint32_t channels = wav->num_channels;
    if (channels > FLOOR_LANES)
        floor_fail("has more than 16 channels", "measure");
    measurement m = {.wav = wav, .num_threads = num_threads, .num_stretches = FLOOR_LANES / channels};
    const int64_t num_stretches = (int64_t)num_threads * m.num_stretches;
    const int64_t all_steps = (wav->num_frames + STEP - 1) / STEP;
    m.num_steps = wav->num_frames / STEP; /* a last one that is not full counts for the peak alone */
    m.stretch_steps = (all_steps + num_stretches - 1) / num_stretches;
    m.energies = floor_allocate((size_t)m.num_steps * channels, sizeof *m.energies);
    design_taps(&m);
    floor_run(num_threads, run, &m);

    double *steps = floor_allocate((size_t)m.num_steps, sizeof *steps);
    for (int64_t i = 0; i < m.num_steps; i++)
        for (uint32_t channel = 0; channel < channels; channel++)
            steps[i] += weights[channel] * (double)m.energies[i * channels + channel] / STEP;
    const double loud = gated_mean(steps, m.num_steps, -70.0);
    *lufs = to_lufs(gated_mean(steps, m.num_steps, to_lufs(loud) - 10.0));
    float peak = 0.0F;
    for (uint32_t i = 0; i < num_threads; i++)
        peak = fmaxf(peak, m.peaks[i]);
    *dbtp = 20.0 * log10((double)peak);
    free(steps);
    free(m.energies);
}
