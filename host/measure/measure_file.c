/*
 * Measures an audio file: one thread decodes the next stretch of the file while
 * the meter's threads measure the one before.
 */
#include "meter.h"

#include "../../formats/audio_file.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/*
 * One stretch: whole 100 ms, which the meter takes where they lie; long enough that hand-over costs nothing, short
 * enough that a wide file's does not leave the cache. NUM_STRETCHES go round.
 */
#define STRETCH_SAMPLES 120000u
#define MOST_STRETCH_BLOCKS 8u
#define NUM_STRETCHES 3
/* Between channels, so that the same frame of all of them does not fall into one set of the cache. */
#define STRETCH_GAP_FRAMES 64u

typedef struct stretch {
    float *samples; /* [channel][stride] in the file's order */
    uint32_t num_frames;
} stretch;

/* What the decoder and the measurer share. Stretches go round: read ones are num_read - num_measured. */
typedef struct queue {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t num_read, num_measured;
    bool stopped; /* no more will be read, or measured */
    mxd_result result;
    mxd_audio_reader *reader;
    uint32_t num_channels;
    uint64_t num_frames;
    uint32_t stretch_frames;
    uint32_t stride;  /* frames from channel to channel */
    stretch stretches[NUM_STRETCHES];
} queue;

typedef struct measured {
    mxd_measure_result result; /* first, so that a pointer to it is one to this */
    double *momentary_lufs, *short_term_lufs;
} measured;

void mxd_measure_result_destroy(mxd_measure_result *result)
{
    measured *m = (measured *)result;
    if (!m)
        return;
    free(m->momentary_lufs);
    free(m->short_term_lufs);
    free(m);
}

/* ---- Which loudspeakers the channels are ---------------------------------- */

#define BACK_PAIR 0x030u
#define SIDE_PAIR 0x600u

/* A file's only surround pair may be called back or side; the layouts know it as back. */
static uint32_t one_name_for_surrounds(uint32_t mask)
{
    bool sides_only = (mask & SIDE_PAIR) == SIDE_PAIR && (mask & BACK_PAIR) == 0;
    return sides_only ? (mask & ~SIDE_PAIR) | BACK_PAIR : mask;
}

static const mxd_layout *layout_of_mask(uint32_t mask, uint32_t num_channels)
{
    for (uint32_t i = 0; mxd_layout_get(i); i++) {
        const mxd_layout *layout = mxd_layout_get(i);
        uint32_t own = mxd_layout_wave_mask(layout, NULL);
        if (layout->num_channels == num_channels && own != 0 &&
            (own == mask || own == one_name_for_surrounds(mask)))
            return layout;
    }
    return NULL;
}

/* The usual layout of so many channels; NULL where there is none. */
static const char *usual_layout(uint32_t num_channels)
{
    switch (num_channels) {
    case 1: return "0+1+0";
    case 2: return "0+2+0";
    case 6: return "0+5+0";
    case 8: return "0+7+0";
    case 10: return "4+5+0";
    case 12: return "4+7+0";
    case 24: return "9+10+3";
    default: return NULL;
    }
}

static mxd_result choose_layout(const char *path, const char *name, const mxd_audio_info *info,
                                mxd_problems *problems, const mxd_layout **layout)
{
    mxd_place place = {.file = path};
    if (name) {
        *layout = mxd_layout_find(name);
        if (!*layout)
            return mxd_fail(problems, MXD_ERROR_ARGUMENT, &place,
                            "there is no layout '%s'; 'mono', 'stereo', '5.1', '7.1.4' or '4+7+0' are such names", name);
        if ((*layout)->num_channels != info->num_channels)
            return mxd_fail(problems, MXD_ERROR_ARGUMENT, &place, "has %u channels, but layout '%s' has %u",
                            info->num_channels, name, (*layout)->num_channels);
        return MXD_OK;
    }
    if (info->wave_mask != 0 && info->num_channels > 2) {
        *layout = layout_of_mask(info->wave_mask, info->num_channels);
        if (!*layout)
            return mxd_fail(problems, MXD_ERROR_UNSUPPORTED, &place,
                            "its channel mask 0x%x (%u channels) is that of no known layout; name one with --layout",
                            info->wave_mask, info->num_channels);
        return MXD_OK;
    }
    const char *usual = usual_layout(info->num_channels);
    *layout = usual ? mxd_layout_find(usual) : NULL;
    if (!*layout)
        return mxd_fail(problems, MXD_ERROR_UNSUPPORTED, &place,
                        "has %u channels and does not tell which loudspeakers they are for; name them with --layout",
                        info->num_channels);
    return MXD_OK;
}

/* order[c] = the channel of the file that is the layout's channel c: files with the layout's mask are in its order. */
static void choose_order(const mxd_layout *layout, const mxd_audio_info *info,
                         uint32_t order[MXD_MAX_LAYOUT_CHANNELS])
{
    for (uint32_t c = 0; c < MXD_MAX_LAYOUT_CHANNELS; c++)
        order[c] = c;
    if (info->wave_mask != 0 && layout_of_mask(info->wave_mask, info->num_channels) == layout) {
        uint32_t by_mask[MXD_MAX_LAYOUT_CHANNELS];
        mxd_layout_wave_order(layout, by_mask);
        for (uint32_t i = 0; i < layout->num_channels; i++)
            order[by_mask[i]] = i;
    }
}

/* ---- Decoding beside measuring -------------------------------------------- */

static mxd_result read_stretch(queue *q, stretch *s, uint64_t first_frame)
{
    float *channels[MXD_MAX_LAYOUT_CHANNELS];
    uint64_t left = q->num_frames - first_frame;
    s->num_frames = left < q->stretch_frames ? (uint32_t)left : q->stretch_frames;
    for (uint32_t c = 0; c < q->num_channels; c++)
        channels[c] = s->samples + (size_t)c * q->stride;
    return mxd_audio_reader_read(q->reader, channels, s->num_frames);
}

static void *decode(void *user)
{
    queue *q = user;
    for (uint64_t n = 0; n * q->stretch_frames < q->num_frames; n++) {
        pthread_mutex_lock(&q->lock);
        while (!q->stopped && q->num_read - q->num_measured == NUM_STRETCHES)
            pthread_cond_wait(&q->changed, &q->lock);
        bool stopped = q->stopped;
        pthread_mutex_unlock(&q->lock);
        if (stopped)
            break;
        mxd_result result = read_stretch(q, &q->stretches[n % NUM_STRETCHES], n * q->stretch_frames);
        pthread_mutex_lock(&q->lock);
        if (result == MXD_OK) {
            q->num_read++;
        } else {
            q->result = result;
            q->stopped = true;
        }
        pthread_cond_signal(&q->changed);
        pthread_mutex_unlock(&q->lock);
        if (result != MXD_OK)
            break;
    }
    return NULL;
}

static mxd_result push_stretch(mxd_meter *meter, const queue *q, const stretch *s, const uint32_t *order)
{
    const float *channels[MXD_MAX_LAYOUT_CHANNELS];
    for (uint32_t c = 0; c < q->num_channels; c++)
        channels[c] = s->samples + (size_t)order[c] * q->stride;
    return mxd_meter_push(meter, channels, s->num_frames);
}

static mxd_result measure_decoded(queue *q, mxd_meter *meter, const uint32_t *order)
{
    mxd_result result = MXD_OK;
    for (uint64_t n = 0; result == MXD_OK && n * q->stretch_frames < q->num_frames; n++) {
        pthread_mutex_lock(&q->lock);
        while (!q->stopped && q->num_read == n)
            pthread_cond_wait(&q->changed, &q->lock);
        if (q->num_read == n)
            result = q->result;
        pthread_mutex_unlock(&q->lock);
        if (result == MXD_OK)
            result = push_stretch(meter, q, &q->stretches[n % NUM_STRETCHES], order);
        pthread_mutex_lock(&q->lock);
        q->num_measured++;
        q->stopped = q->stopped || result != MXD_OK;
        pthread_cond_signal(&q->changed);
        pthread_mutex_unlock(&q->lock);
    }
    return result;
}

static mxd_result measure_in_turn(queue *q, mxd_meter *meter, const uint32_t *order)
{
    mxd_result result = MXD_OK;
    for (uint64_t n = 0; result == MXD_OK && n * q->stretch_frames < q->num_frames; n++) {
        result = read_stretch(q, &q->stretches[0], n * q->stretch_frames);
        if (result == MXD_OK)
            result = push_stretch(meter, q, &q->stretches[0], order);
    }
    return result;
}

static mxd_result measure_all(queue *q, mxd_meter *meter, const uint32_t *order, bool overlap)
{
    pthread_t decoder;
    if (pthread_mutex_init(&q->lock, NULL) != 0)
        return MXD_ERROR_MEMORY;
    if (pthread_cond_init(&q->changed, NULL) != 0) {
        pthread_mutex_destroy(&q->lock);
        return MXD_ERROR_MEMORY;
    }
    mxd_result result;
    if (overlap && pthread_create(&decoder, NULL, decode, q) == 0) {
        result = measure_decoded(q, meter, order);
        pthread_join(decoder, NULL);
    } else {
        result = measure_in_turn(q, meter, order);
    }
    pthread_cond_destroy(&q->changed);
    pthread_mutex_destroy(&q->lock);
    return result;
}

/* ---- The result ----------------------------------------------------------- */

static mxd_measure_result *take_result(const mxd_meter *meter, const mxd_layout *layout, const mxd_audio_info *info)
{
    const double *momentary, *short_term;
    size_t n = mxd_meter_series(meter, &momentary, &short_term);
    measured *m = calloc(1, sizeof(*m));
    if (!m)
        return NULL;
    m->momentary_lufs = malloc((n + 1) * sizeof(double));
    m->short_term_lufs = malloc((n + 1) * sizeof(double));
    if (!m->momentary_lufs || !m->short_term_lufs) {
        mxd_measure_result_destroy(&m->result);
        return NULL;
    }
    if (n > 0) {
        memcpy(m->momentary_lufs, momentary, n * sizeof(double));
        memcpy(m->short_term_lufs, short_term, n * sizeof(double));
    }
    m->result.layout = layout->name;
    m->result.num_channels = info->num_channels;
    m->result.sample_rate = info->sample_rate;
    m->result.num_frames = info->num_frames;
    m->result.momentary_lufs = m->momentary_lufs;
    m->result.short_term_lufs = m->short_term_lufs;
    m->result.num_points = n;
    mxd_meter_read(meter, &m->result.loudness);
    return &m->result;
}

mxd_result mxd_measure_file(const char *path, const char *layout_name, uint32_t num_threads, mxd_problems *problems,
                            mxd_measure_result **result)
{
    mxd_place place = {.file = path};
    mxd_audio_info info;
    const mxd_layout *layout = NULL;
    uint32_t order[MXD_MAX_LAYOUT_CHANNELS];
    queue q = {.result = MXD_OK};
    mxd_threads *threads = NULL;
    mxd_meter *meter = NULL;
    *result = NULL;

    mxd_result status = mxd_audio_reader_open(path, 0, 0, MXD_NON_FINITE_ERROR, problems, &q.reader);
    if (status != MXD_OK)
        return status;
    info = *mxd_audio_reader_info(q.reader);
    status = choose_layout(path, layout_name, &info, problems, &layout);
    if (status != MXD_OK)
        goto fail;
    if (info.sample_rate < 8000 || info.sample_rate > 384000) {
        status = mxd_fail(problems, MXD_ERROR_UNSUPPORTED, &place,
                          "has a sample rate of %u Hz; loudness can be measured from 8000 to 384000 Hz",
                          info.sample_rate);
        goto fail;
    }
    choose_order(layout, &info, order);
    q.num_channels = info.num_channels;
    q.num_frames = info.num_frames;
    uint32_t block_frames = (info.sample_rate + 5) / 10; /* the meter's */
    uint32_t num_blocks = STRETCH_SAMPLES / (block_frames * info.num_channels);
    num_blocks = num_blocks < 1 ? 1 : num_blocks > MOST_STRETCH_BLOCKS ? MOST_STRETCH_BLOCKS : num_blocks;
    q.stretch_frames = num_blocks * block_frames;
    q.stride = q.stretch_frames + STRETCH_GAP_FRAMES;
    status = MXD_ERROR_MEMORY;
    for (int i = 0; i < NUM_STRETCHES; i++) {
        q.stretches[i].samples = malloc((size_t)info.num_channels * q.stride * sizeof(float));
        if (!q.stretches[i].samples)
            goto fail;
    }
    threads = mxd_threads_create(num_threads);
    if (!threads)
        goto fail;
    meter = mxd_meter_create(layout, info.num_channels, info.sample_rate, threads);
    if (!meter)
        goto fail;
    status = measure_all(&q, meter, order, mxd_threads_count(threads) > 1);
    if (status != MXD_OK)
        goto fail;
    *result = take_result(meter, layout, &info);
    status = *result ? MXD_OK : MXD_ERROR_MEMORY;

fail:
    if (status == MXD_ERROR_MEMORY)
        mxd_fail(problems, status, &place, "memory ran out while it was being measured");
    mxd_meter_destroy(meter);
    mxd_threads_destroy(threads);
    for (int i = 0; i < NUM_STRETCHES; i++)
        free(q.stretches[i].samples);
    mxd_audio_reader_close(q.reader);
    return status;
}
