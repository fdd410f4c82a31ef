/*
 * Loudness and true peak of a stream. Time runs in blocks of 100 ms, each of
 * ten steps: a step's weighted energy is the smallest thing kept. Blocks that
 * lie whole in what is pushed are measured where they are; the frames of a
 * block that straddles two pushes are gathered first, so that the figures do
 * not depend on how the stream was cut up. 100 ms is rounded to whole frames
 * (11 025 Hz: 1103), a step's borders to whole frames within the block.
 *
 * Windows move by steps of 10 ms for the maxima (EBU Tech 3341 wants at least
 * 10 Hz, but its test 13 is only met by a finer one), by blocks of 100 ms for
 * the series and for gating (BS.1770-5: 75 % overlap of 400 ms).
 */
#include "meter.h"

#include "../cpu/variants.h"
#include "filters.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_A_BLOCK 10
#define MOMENTARY_BLOCKS 4   /* 400 ms */
#define SHORT_TERM_BLOCKS 30 /* 3 s */
/* The blocks that a window touches when it ends inside a block: one more than it holds. */
#define RING_BLOCKS (SHORT_TERM_BLOCKS + 1)
/* Blocks measured between two waits for the threads: what of 12 channels still fits a second-level cache. */
#define ROUND_BLOCKS 8

typedef struct channel {
    double weight; /* of its energy; 0 = left out of loudness */
    float *pending;
    float *clean; /* one block with everything non-finite taken out; made when first needed */
    float history[MXD_TRUE_PEAK_HISTORY];
    float sample_peak, true_peak;
    float next_sample_peak, next_true_peak; /* of the round in progress */
} channel;

struct mxd_meter {
    const struct mxd_meter_kernels *kernels;
    mxd_threads *threads;
    mxd_k_weighting weighting;
    mxd_true_peak_filter filter;
    uint32_t num_channels;
    uint32_t block_frames;
    uint32_t step_ends[STEPS_A_BLOCK]; /* in frames from the block's start */
    channel *channels;

    uint32_t num_weighted;     /* channels that count for loudness */
    uint32_t channels_a_job;   /* of them, in one call of the kernel */
    uint32_t num_jobs;
    uint32_t *weighted;        /* their indices */
    mxd_k_state *states, *next_states;
    double *energies;          /* [weighted][ROUND_BLOCKS][STEPS_A_BLOCK]: sums of squares */
    bool *failed;              /* by job: met something non-finite */

    uint32_t num_pending;      /* frames */
    bool infinite;             /* an infinity was pushed */

    double ring[RING_BLOCKS][STEPS_A_BLOCK]; /* weighted energy of each step; silence before the start */
    double ring_blocks[RING_BLOCKS];         /* sums of the above */
    uint32_t ring_at;          /* where the next block goes */
    double max_momentary, max_short_term; /* energy sums of a window */
    double *momentary_lufs, *short_term_lufs;
    size_t num_points, point_capacity;
};

/* One round: blocks at first_frame.. of channels. */
typedef struct round_of_blocks {
    mxd_meter *meter;
    const float *const *channels;
    uint64_t first_frame;
    uint32_t num_blocks;
} round_of_blocks;

/* BS.1770-5 annex 3, table 4: 1.41 (+1.5 dB) to the sides near ear height, 1 elsewhere, the LFE not at all. */
static double speaker_weight(const mxd_speaker *speaker)
{
    if (speaker->lfe)
        return 0.0;
    double azimuth = fabs(speaker->azimuth_deg), elevation = fabs(speaker->elevation_deg);
    return elevation < 30.0 && azimuth >= 60.0 && azimuth <= 120.0 ? 1.41 : 1.0;
}

static mxd_result set_channels(mxd_meter *m, const mxd_layout *layout)
{
    m->channels = calloc(m->num_channels, sizeof(*m->channels));
    m->weighted = calloc(m->num_channels, sizeof(*m->weighted));
    if (!m->channels || !m->weighted)
        return MXD_ERROR_MEMORY;
    for (uint32_t c = 0; c < m->num_channels; c++) {
        channel *ch = &m->channels[c];
        ch->weight = layout ? speaker_weight(&layout->speakers[c]) : 1.0;
        ch->pending = calloc(m->block_frames, sizeof(*ch->pending));
        if (!ch->pending)
            return MXD_ERROR_MEMORY;
        if (ch->weight > 0.0)
            m->weighted[m->num_weighted++] = c;
    }
    return MXD_OK;
}

static mxd_result set_jobs(mxd_meter *m)
{
    /*
     * Few large jobs fill the SIMD lanes, many small ones the threads; below 4 lanes a job saves nothing. Two threads
     * are kept busy by one such job: finding the peaks, and decoding, take as long.
     */
    uint32_t num_threads = m->threads ? mxd_threads_count(m->threads) : 1;
    uint32_t share = num_threads <= 2 ? m->num_weighted : (m->num_weighted + num_threads - 1) / num_threads;
    m->channels_a_job = share < 4 ? 4 : share > MXD_K_MAX_CHANNELS ? MXD_K_MAX_CHANNELS : share;
    m->num_jobs = (m->num_weighted + m->channels_a_job - 1) / m->channels_a_job;
    size_t n = m->num_weighted > 0 ? m->num_weighted : 1;
    m->states = calloc(n, sizeof(*m->states));
    m->next_states = calloc(n, sizeof(*m->next_states));
    m->energies = calloc(n * ROUND_BLOCKS * STEPS_A_BLOCK, sizeof(*m->energies));
    m->failed = calloc(m->num_jobs + m->num_channels, sizeof(*m->failed));
    return m->states && m->next_states && m->energies && m->failed ? MXD_OK : MXD_ERROR_MEMORY;
}

mxd_meter *mxd_meter_create(const mxd_layout *layout, uint32_t num_channels, uint32_t sample_rate,
                            mxd_threads *threads)
{
    bool channels_fit = layout ? num_channels == layout->num_channels : num_channels == 1 || num_channels == 2;
    if (!channels_fit || sample_rate < 8000 || sample_rate > 384000)
        return NULL;
    mxd_meter *m = calloc(1, sizeof(*m));
    if (!m)
        return NULL;
    m->kernels = mxd_cpu_best()->meter;
    m->threads = threads;
    m->num_channels = num_channels;
    m->block_frames = (sample_rate + 5) / 10;
    for (uint32_t s = 0; s < STEPS_A_BLOCK; s++)
        m->step_ends[s] = (uint32_t)((uint64_t)m->block_frames * (s + 1) / STEPS_A_BLOCK);
    mxd_k_weighting_design(sample_rate, &m->weighting);
    mxd_true_peak_design(sample_rate, &m->filter);
    if (set_channels(m, layout) != MXD_OK || set_jobs(m) != MXD_OK) {
        mxd_meter_destroy(m);
        return NULL;
    }
    return m;
}

void mxd_meter_destroy(mxd_meter *m)
{
    if (!m)
        return;
    for (uint32_t c = 0; m->channels && c < m->num_channels; c++) {
        free(m->channels[c].pending);
        free(m->channels[c].clean);
    }
    free(m->channels);
    free(m->weighted);
    free(m->states);
    free(m->next_states);
    free(m->energies);
    free(m->failed);
    free(m->momentary_lufs);
    free(m->short_term_lufs);
    free(m);
}

/* ---- One round of whole blocks ------------------------------------------- */

static void weigh_job(const round_of_blocks *round, uint32_t job)
{
    mxd_meter *m = round->meter;
    uint32_t first = job * m->channels_a_job;
    uint32_t n = m->num_weighted - first < m->channels_a_job ? m->num_weighted - first : m->channels_a_job;
    const float *channels[MXD_K_MAX_CHANNELS];
    for (uint32_t i = 0; i < n; i++) {
        channels[i] = round->channels[m->weighted[first + i]];
        m->next_states[first + i] = m->states[first + i];
    }
    bool finite = true;
    for (uint32_t b = 0; b < round->num_blocks; b++) {
        uint32_t start = 0;
        for (uint32_t s = 0; s < STEPS_A_BLOCK; s++) {
            double energies[MXD_K_MAX_CHANNELS];
            m->kernels->k_energy(&m->weighting, &m->next_states[first], channels, n,
                                 round->first_frame + (uint64_t)b * m->block_frames + start, m->step_ends[s] - start,
                                 energies);
            for (uint32_t i = 0; i < n; i++) {
                m->energies[((first + i) * ROUND_BLOCKS + b) * STEPS_A_BLOCK + s] = energies[i];
                finite = finite && isfinite(energies[i]);
            }
            start = m->step_ends[s];
        }
    }
    m->failed[job] = !finite;
}

static void peak_job(const round_of_blocks *round, uint32_t c)
{
    mxd_meter *m = round->meter;
    channel *ch = &m->channels[c];
    ch->next_sample_peak = ch->sample_peak;
    ch->next_true_peak = ch->true_peak;
    m->failed[m->num_jobs + c] =
        !m->kernels->true_peak(&m->filter, ch->history, round->channels[c] + round->first_frame,
                               (uint64_t)round->num_blocks * m->block_frames, &ch->next_sample_peak,
                               &ch->next_true_peak);
}

static void run_job(void *user, uint32_t index, uint32_t thread)
{
    (void)thread;
    const round_of_blocks *round = user;
    if (index < round->meter->num_jobs)
        weigh_job(round, index);
    else
        peak_job(round, index - round->meter->num_jobs);
}

/* Fills m->energies, next_states and the peaks; false where something non-finite was met, and nothing has changed. */
static bool run_round(round_of_blocks *round)
{
    mxd_meter *m = round->meter;
    uint32_t count = m->num_jobs + m->num_channels;
    if (m->threads) {
        mxd_threads_run(m->threads, count, run_job, round);
    } else {
        for (uint32_t i = 0; i < count; i++)
            run_job(round, i, 0);
    }
    for (uint32_t i = 0; i < count; i++)
        if (m->failed[i])
            return false;

    memcpy(m->states, m->next_states, m->num_weighted * sizeof(*m->states));
    float highest = 0.0f;
    for (uint32_t c = 0; c < m->num_channels; c++)
        highest = m->channels[c].next_true_peak > highest ? m->channels[c].next_true_peak : highest;
    for (uint32_t c = 0; c < m->num_channels; c++) {
        channel *ch = &m->channels[c];
        ch->sample_peak = ch->next_sample_peak;
        /* Only the highest of all channels is asked for: what cannot beat another channel's need not be found. */
        ch->true_peak = highest;
        uint64_t end = round->first_frame + (uint64_t)round->num_blocks * m->block_frames;
        memcpy(ch->history, round->channels[c] + end - MXD_TRUE_PEAK_HISTORY, sizeof(ch->history));
    }
    return true;
}

/* ---- From energies to loudness ------------------------------------------- */

/* BS.1770-5 annex 1, equation 2: -0.691 LU makes up for K-weighting's gain at 1 kHz. */
static double lufs(double mean_square)
{
    return mean_square > 0.0 ? -0.691 + 10.0 * log10(mean_square) : -HUGE_VAL;
}

static double mean_square(double loudness_lufs)
{
    return pow(10.0, (loudness_lufs + 0.691) / 10.0);
}

/* blocks back from the newest: 0 is the newest. */
static uint32_t ring_index(const mxd_meter *m, uint32_t blocks_back)
{
    return (m->ring_at + 2 * RING_BLOCKS - 1 - blocks_back) % RING_BLOCKS;
}

/*
 * The largest energy of the windows of num_blocks blocks that end with one of the newest block's steps; the last of
 * them into *last. Summed afresh each time: a running sum would keep the rounding of a loud past in a quiet present.
 */
static double largest_window(const mxd_meter *m, uint32_t num_blocks, double *last)
{
    const double *newest = m->ring[ring_index(m, 0)], *oldest = m->ring[ring_index(m, num_blocks)];
    double whole = 0.0, tail[STEPS_A_BLOCK], head = 0.0, largest = 0.0;
    for (uint32_t b = num_blocks - 1; b > 0; b--)
        whole += m->ring_blocks[ring_index(m, b)];
    double sum = 0.0;
    for (uint32_t s = STEPS_A_BLOCK; s-- > 0;) {
        tail[s] = sum; /* of the oldest block, what follows step s */
        sum += oldest[s];
    }
    for (uint32_t s = 0; s < STEPS_A_BLOCK; s++) {
        head += newest[s];
        *last = tail[s] + whole + head;
        largest = *last > largest ? *last : largest;
    }
    return largest;
}

static mxd_result reserve_points(mxd_meter *m, size_t num_points)
{
    if (num_points <= m->point_capacity)
        return MXD_OK;
    size_t capacity = m->point_capacity * 2 > num_points ? m->point_capacity * 2 : num_points + 600;
    double *momentary = realloc(m->momentary_lufs, capacity * sizeof(*momentary));
    if (momentary)
        m->momentary_lufs = momentary;
    double *short_term = realloc(m->short_term_lufs, capacity * sizeof(*short_term));
    if (short_term)
        m->short_term_lufs = short_term;
    if (!momentary || !short_term)
        return MXD_ERROR_MEMORY;
    m->point_capacity = capacity;
    return MXD_OK;
}

static void add_block(mxd_meter *m, uint32_t block)
{
    double *steps = m->ring[m->ring_at], sum = 0.0;
    for (uint32_t s = 0; s < STEPS_A_BLOCK; s++) {
        steps[s] = 0.0;
        for (uint32_t i = 0; i < m->num_weighted; i++)
            steps[s] += m->channels[m->weighted[i]].weight *
                        m->energies[(i * ROUND_BLOCKS + block) * STEPS_A_BLOCK + s];
        sum += steps[s];
    }
    m->ring_blocks[m->ring_at] = sum;
    m->ring_at = (m->ring_at + 1) % RING_BLOCKS;

    double now, largest = largest_window(m, MOMENTARY_BLOCKS, &now);
    m->max_momentary = largest > m->max_momentary ? largest : m->max_momentary;
    m->momentary_lufs[m->num_points] = lufs(now / ((double)MOMENTARY_BLOCKS * m->block_frames));
    largest = largest_window(m, SHORT_TERM_BLOCKS, &now);
    m->max_short_term = largest > m->max_short_term ? largest : m->max_short_term;
    m->short_term_lufs[m->num_points] = lufs(now / ((double)SHORT_TERM_BLOCKS * m->block_frames));
    m->num_points++;
}

/* ---- Pushing -------------------------------------------------------------- */

/* A NaN says nothing of the level and counts as silence; an infinity too, but is remembered as a peak. */
static void copy_finite(float *to, const float *from, uint32_t num_frames, bool *infinite)
{
    for (uint32_t i = 0; i < num_frames; i++) {
        to[i] = isfinite(from[i]) ? from[i] : 0.0f;
        *infinite = *infinite || isinf(from[i]);
    }
}

/* The way round a round that met NaN or infinity: block by block from cleaned copies. */
static mxd_result measure_cleaned(mxd_meter *m, const float *const *channels, uint64_t first_frame,
                                  uint32_t num_blocks)
{
    const float *clean[MXD_MAX_LAYOUT_CHANNELS];
    for (uint32_t c = 0; c < m->num_channels; c++) {
        channel *ch = &m->channels[c];
        if (!ch->clean)
            ch->clean = calloc(m->block_frames, sizeof(*ch->clean));
        if (!ch->clean)
            return MXD_ERROR_MEMORY;
        clean[c] = ch->clean;
    }
    for (uint32_t b = 0; b < num_blocks; b++) {
        for (uint32_t c = 0; c < m->num_channels; c++)
            copy_finite(m->channels[c].clean, channels[c] + first_frame + (uint64_t)b * m->block_frames,
                        m->block_frames, &m->infinite);
        round_of_blocks round = {m, clean, 0, 1};
        run_round(&round);
        add_block(m, 0);
    }
    return MXD_OK;
}

static mxd_result measure_blocks(mxd_meter *m, const float *const *channels, uint64_t first_frame,
                                 uint32_t num_blocks)
{
    if (reserve_points(m, m->num_points + num_blocks) != MXD_OK)
        return MXD_ERROR_MEMORY;
    while (num_blocks > 0) {
        uint32_t n = num_blocks < ROUND_BLOCKS ? num_blocks : ROUND_BLOCKS;
        round_of_blocks round = {m, channels, first_frame, n};
        if (run_round(&round)) {
            for (uint32_t b = 0; b < n; b++)
                add_block(m, b);
        } else if (measure_cleaned(m, channels, first_frame, n) != MXD_OK) {
            return MXD_ERROR_MEMORY;
        }
        first_frame += (uint64_t)n * m->block_frames;
        num_blocks -= n;
    }
    return MXD_OK;
}

mxd_result mxd_meter_push(mxd_meter *m, const float *const *channels, uint32_t num_frames)
{
    uint32_t at = 0;
    while (at < num_frames) {
        uint32_t left = num_frames - at;
        if (m->num_pending == 0 && left >= m->block_frames) {
            uint32_t num_blocks = left / m->block_frames;
            if (measure_blocks(m, channels, at, num_blocks) != MXD_OK)
                return MXD_ERROR_MEMORY;
            at += num_blocks * m->block_frames;
            continue;
        }
        uint32_t room = m->block_frames - m->num_pending, n = left < room ? left : room;
        for (uint32_t c = 0; c < m->num_channels; c++)
            copy_finite(m->channels[c].pending + m->num_pending, channels[c] + at, n, &m->infinite);
        m->num_pending += n;
        at += n;
        if (m->num_pending == m->block_frames) {
            const float *pending[MXD_MAX_LAYOUT_CHANNELS];
            for (uint32_t c = 0; c < m->num_channels; c++)
                pending[c] = m->channels[c].pending;
            m->num_pending = 0;
            if (measure_blocks(m, pending, 0, 1) != MXD_OK)
                return MXD_ERROR_MEMORY;
        }
    }
    return MXD_OK;
}

/* ---- Reading -------------------------------------------------------------- */

/* BS.1770-5 annex 1: the mean of the blocks above -70 LUFS and above 10 LU below the mean of those. */
static double integrated_lufs(const mxd_meter *m)
{
    double gate_lufs = -70.0, loudness = -HUGE_VAL;
    for (int pass = 0; pass < 2; pass++) {
        double sum = 0.0;
        size_t num_blocks = 0;
        for (size_t i = MOMENTARY_BLOCKS - 1; i < m->num_points; i++) {
            if (m->momentary_lufs[i] > gate_lufs) {
                sum += mean_square(m->momentary_lufs[i]);
                num_blocks++;
            }
        }
        if (num_blocks == 0)
            return -HUGE_VAL;
        loudness = lufs(sum / (double)num_blocks);
        gate_lufs = loudness - 10.0 > -70.0 ? loudness - 10.0 : -70.0;
    }
    return loudness;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/*
 * EBU Tech 3342: from the 10th to the 95th percentile of the short-term loudness above -70 LUFS and -20 LU. Its
 * windows overlap by at least 2.9 s since version 3 (2016), so all values of the series count. libebur128 takes
 * every tenth of them, as versions 1 and 2 allowed; on sparse stems of 45 s that is several LU off.
 */
static double range_lu(const mxd_meter *m)
{
    double *values = malloc((m->num_points + 1) * sizeof(*values));
    if (!values)
        return NAN; /* unknown: a 0 would be a wrong answer */
    size_t count = 0, first = 0;
    double sum = 0.0;
    for (size_t i = SHORT_TERM_BLOCKS - 1; i < m->num_points; i++) {
        if (m->short_term_lufs[i] > -70.0) {
            values[count++] = m->short_term_lufs[i];
            sum += mean_square(m->short_term_lufs[i]);
        }
    }
    double range = 0.0;
    if (count > 0) {
        double gate_lufs = lufs(sum / (double)count) - 20.0;
        qsort(values, count, sizeof(*values), compare_doubles);
        while (values[first] < gate_lufs)
            first++;
        double last = (double)(count - first - 1);
        range = values[first + (size_t)(last * 0.95 + 0.5)] - values[first + (size_t)(last * 0.10 + 0.5)];
    }
    free(values);
    return range;
}

/* The peaks with the frames not yet measured, and with the silence after them: the filter rings on past the end. */
static void read_peaks(const mxd_meter *m, float *sample_peak, float *true_peak)
{
    static const float silence[MXD_TRUE_PEAK_HISTORY];
    *sample_peak = *true_peak = 0.0f;
    for (uint32_t c = 0; c < m->num_channels; c++) {
        const channel *ch = &m->channels[c];
        float joined[2 * MXD_TRUE_PEAK_HISTORY];
        uint32_t kept = m->num_pending < MXD_TRUE_PEAK_HISTORY ? m->num_pending : MXD_TRUE_PEAK_HISTORY;
        *sample_peak = ch->sample_peak > *sample_peak ? ch->sample_peak : *sample_peak;
        *true_peak = ch->true_peak > *true_peak ? ch->true_peak : *true_peak;
        m->kernels->true_peak(&m->filter, ch->history, ch->pending, m->num_pending, sample_peak, true_peak);
        memcpy(joined, ch->history, sizeof(ch->history));
        memcpy(joined + MXD_TRUE_PEAK_HISTORY, ch->pending + m->num_pending - kept, kept * sizeof(float));
        m->kernels->true_peak(&m->filter, joined + kept, silence, MXD_TRUE_PEAK_HISTORY, sample_peak, true_peak);
    }
}

static double decibels(double amplitude)
{
    return amplitude > 0.0 ? 20.0 * log10(amplitude) : -HUGE_VAL;
}

void mxd_meter_read(const mxd_meter *m, mxd_loudness *loudness)
{
    float sample_peak, true_peak;
    read_peaks(m, &sample_peak, &true_peak);
    loudness->integrated_lufs = integrated_lufs(m);
    loudness->max_momentary_lufs = lufs(m->max_momentary / ((double)MOMENTARY_BLOCKS * m->block_frames));
    loudness->max_short_term_lufs = lufs(m->max_short_term / ((double)SHORT_TERM_BLOCKS * m->block_frames));
    loudness->range_lu = range_lu(m);
    loudness->sample_peak_dbfs = m->infinite ? HUGE_VAL : decibels((double)sample_peak);
    loudness->true_peak_dbtp = m->infinite ? HUGE_VAL : decibels((double)true_peak);
}

size_t mxd_meter_series(const mxd_meter *m, const double **momentary_lufs, const double **short_term_lufs)
{
    *momentary_lufs = m->momentary_lufs;
    *short_term_lufs = m->short_term_lufs;
    return m->num_points;
}
