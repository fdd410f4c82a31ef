/*
 * The pitch shifter. The engine reads ahead: it is given half a window of
 * silence first, and what it gives before its start delay is dropped; then what
 * entered at a frame leaves at that frame. The start delay is inversely as the
 * pitch: where the pitch moves, what leaves would wander by up to 160 ms. So a
 * moving pitch bends time too, by the little that keeps it in place: the ratio of
 * time follows the difference between the frames that the engine holds back and
 * those that it should, by a one-pole law.
 */
#include "pitch.h"

#include <rubberband/rubberband-c.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Frames of silence given at once. */
#define PAD_FRAMES 1024u
/*
 * Of the control of time, at 48 kHz, in frames; found by trial with sweeps, jumps and vibrato of 1 to 4 octaves. Half a
 * window is the fastest that follows; the mean of what the engine holds back (which swings with its hops) takes longer.
 */
#define FOLLOW_FRAMES 2048.0
#define MEAN_FRAMES 16384.0
#define MAX_BEND 0.25

typedef struct pitch_insert {
    mxd_hosted base;
    mxd_pitch_params params;
    RubberBandState engine;    /* NULL until the first block */
    uint32_t pad_frames;       /* half the longest window */
    float **queue;             /* [lane][queue_frames]: what has left the engine and not yet us */
    uint32_t queue_frames, num_queued;
    float *room;               /* of queue, and of the pieces that enter */
    const float **pieces;      /* one a lane: where a run enters, or a queue goes on */
    uint32_t num_dropped;      /* of the start delay, still to come */
    uint32_t num_missing;      /* frames that left as silence since the engine was behind; to be dropped */
    bool told_behind;
    double held, mean_error;   /* frames that the engine should be holding back; how far it is off, in the mean */
    uint64_t num_fed, num_got;
} pitch_insert;

static double scale_of(double semitones)
{
    return exp2(fmax(-MXD_PITCH_MAX_SEMITONES, fmin(MXD_PITCH_MAX_SEMITONES, semitones)) / 12.0);
}

static RubberBandState new_engine(uint32_t sample_rate, uint32_t num_channels, bool preserve_formants,
                                  double semitones)
{
    /* High consistency: a pitch that moves, also through 0, does not click. */
    const int options = RubberBandOptionProcessRealTime | RubberBandOptionEngineFiner | RubberBandOptionThreadingNever |
                        RubberBandOptionPitchHighConsistency | RubberBandOptionChannelsTogether |
                        (preserve_formants ? RubberBandOptionFormantPreserved : RubberBandOptionFormantShifted);
    return rubberband_new(sample_rate, num_channels, options, 1.0, scale_of(semitones));
}

/*
 * What the engine holds back at the lowest pitch, a window's half and 4 of them (2^(24/12)), and what it lags behind
 * while the pitch jumps.
 */
static uint32_t latency_of(uint32_t pad_frames)
{
    return 5 * pad_frames + 3 * pad_frames / 2;
}

static bool find_pad(uint32_t sample_rate, uint32_t *pad_frames)
{
    RubberBandState engine = new_engine(sample_rate, 1, false, 0.0);
    if (!engine)
        return false;
    *pad_frames = rubberband_get_preferred_start_pad(engine);
    rubberband_delete(engine);
    return true;
}

mxd_result mxd_pitch_latency(uint32_t sample_rate, uint32_t *latency_frames, uint32_t *tail_frames)
{
    uint32_t pad_frames = 0;
    bool found = find_pad(sample_rate, &pad_frames);
    *latency_frames = latency_of(pad_frames);
    *tail_frames = 2 * pad_frames;
    return found ? MXD_OK : MXD_ERROR_MEMORY;
}

/* ---- Running ------------------------------------------------------------------ */

/* Takes what the engine has ready, as far as the queue has room. */
static void take_ready(pitch_insert *insert)
{
    for (;;) {
        const int ready = rubberband_available(insert->engine);
        uint32_t count = ready > 0 ? (uint32_t)ready : 0, room = insert->queue_frames - insert->num_queued;
        count = count < room ? count : room;
        if (count == 0)
            return;
        for (uint32_t i = 0; i < insert->base.num_outputs; i++)
            insert->pieces[i] = insert->queue[i] + insert->num_queued;
        count = rubberband_retrieve(insert->engine, (float *const *)insert->pieces, count);
        uint32_t dropped = count < insert->num_dropped ? count : insert->num_dropped;
        insert->num_dropped -= dropped;
        insert->num_got += count - dropped;
        const uint32_t missing = count - dropped < insert->num_missing ? count - dropped : insert->num_missing;
        insert->num_missing -= missing;
        dropped += missing;
        for (uint32_t i = 0; i < insert->base.num_outputs && dropped; i++) {
            float *end = insert->queue[i] + insert->num_queued;
            memmove(end, end + dropped, (count - dropped) * sizeof *end);
        }
        insert->num_queued += count - dropped;
    }
}

/* An engine at the pitch of the first frame, with what stands before it; the queue with the latency's silence. */
static mxd_result prime(pitch_insert *insert, double semitones)
{
    float *const silence = insert->room;
    insert->engine = new_engine(insert->base.setup.sample_rate, insert->base.setup.num_inputs,
                                insert->params.preserve_formants, semitones);
    if (!insert->engine)
        return mxd_fail(insert->base.problems, MXD_ERROR_MEMORY, &insert->base.setup.place, "memory ran out");
    rubberband_set_max_process_size(insert->engine, PAD_FRAMES);
    insert->num_dropped = rubberband_get_start_delay(insert->engine);
    insert->num_fed = insert->num_got = 0;
    insert->num_missing = 0;
    insert->held = insert->pad_frames * (1.0 + 1.0 / scale_of(semitones));
    insert->mean_error = 0.0;
    insert->num_queued = insert->base.latency_frames;
    for (uint32_t i = 0; i < insert->base.num_outputs; i++)
        memset(insert->queue[i], 0, insert->num_queued * sizeof(float));
    memset(silence, 0, PAD_FRAMES * sizeof *silence);
    for (uint32_t left = insert->pad_frames; left > 0;) {
        const uint32_t count = left < PAD_FRAMES ? left : PAD_FRAMES;
        for (uint32_t i = 0; i < insert->base.num_outputs; i++)
            insert->pieces[i] = silence;
        rubberband_process(insert->engine, insert->pieces, count, 0);
        take_ready(insert);
        left -= count;
    }
    return MXD_OK;
}

/* A new pitch for the next run, and the ratio of time that keeps what leaves in place. */
static void move_pitch(pitch_insert *insert, double semitones)
{
    const double scale = scale_of(semitones), run_frames = insert->base.run_frames;
    const double per_window = insert->pad_frames / 2048.0; /* 1 at 48 kHz */
    const double off = (double)insert->num_fed - (double)insert->num_got - insert->held;
    const double wanted = insert->pad_frames * (1.0 + 1.0 / scale);
    if (insert->num_got > 0)
        insert->mean_error += (off - insert->mean_error) * run_frames / (MEAN_FRAMES * per_window);
    double bend = (wanted - insert->held - insert->mean_error) / (FOLLOW_FRAMES * per_window);
    bend = fmax(-MAX_BEND, fmin(MAX_BEND, bend));
    insert->held += bend * run_frames;
    rubberband_set_pitch_scale(insert->engine, scale);
    rubberband_set_time_ratio(insert->engine, 1.0 - bend);
}

/* A run of run_frames; pieces hold where it enters. */
static void feed(pitch_insert *insert)
{
    rubberband_process(insert->engine, insert->pieces, insert->base.run_frames, 0);
    insert->num_fed += insert->base.run_frames;
    take_ready(insert);
}

static void leave(pitch_insert *insert, uint64_t frame, uint32_t num_frames, float *const *outputs, uint32_t offset)
{
    const uint32_t count = insert->num_queued < num_frames ? insert->num_queued : num_frames;
    for (uint32_t i = 0; i < insert->base.num_outputs; i++) {
        memcpy(outputs[i] + offset, insert->queue[i], count * sizeof(float));
        memset(outputs[i] + offset + count, 0, (num_frames - count) * sizeof(float));
        memmove(insert->queue[i], insert->queue[i] + count, (insert->num_queued - count) * sizeof(float));
    }
    insert->num_queued -= count;
    insert->num_missing += num_frames - count;
    if (count < num_frames && !insert->told_behind) {
        insert->told_behind = true;
        mxd_warn(insert->base.problems, &insert->base.setup.place,
                 "%s cannot follow its automation at %.3f s and is silent for %u frames: let the pitch move more slowly",
                 insert->base.name, (double)frame / insert->base.setup.sample_rate, (unsigned)(num_frames - count));
    }
}

static mxd_result pitch_process(mxd_hosted *hosted, uint64_t first_frame, uint32_t num_frames,
                                const float *const *inputs, float *const *outputs, const float *const *values)
{
    pitch_insert *insert = (pitch_insert *)hosted;
    const bool moves = hosted->setup.num_automated > 0;
    const double cents = 0.01 * insert->params.cents;
    const uint32_t num_runs = mxd_hosted_num_runs(hosted->setup.num_automated, num_frames);
    mxd_result result = MXD_OK;
    if (!insert->engine)
        result = prime(insert, cents + (moves ? (double)values[0][0] : insert->params.semitones));
    if (result != MXD_OK)
        return result;
    for (uint32_t run = 0; run < num_runs; run++) {
        const uint32_t begin = run * hosted->run_frames, left = num_frames - begin;
        const uint32_t count = left < hosted->run_frames ? left : hosted->run_frames;
        if (moves)
            move_pitch(insert, cents + (double)values[0][run]);
        for (uint32_t i = 0; i < hosted->num_outputs; i++) {
            float *cut = insert->room + (size_t)i * hosted->run_frames;
            insert->pieces[i] = inputs[i] + begin;
            if (count < hosted->run_frames) {
                memcpy(cut, inputs[i] + begin, count * sizeof *cut);
                memset(cut + count, 0, (hosted->run_frames - count) * sizeof *cut);
                insert->pieces[i] = cut;
            }
        }
        feed(insert);
        leave(insert, first_frame + begin, count, outputs, begin);
    }
    return MXD_OK;
}

/* The engine's own reset (3.1.2) leaves traces: the next block gets a new one. */
static mxd_result pitch_reset(mxd_hosted *hosted)
{
    pitch_insert *insert = (pitch_insert *)hosted;
    if (insert->engine)
        rubberband_delete(insert->engine);
    insert->engine = NULL;
    return MXD_OK;
}

/* ---- Life ----------------------------------------------------------------------- */

static void pitch_destroy(mxd_hosted *hosted)
{
    pitch_insert *insert = (pitch_insert *)hosted;
    if (insert->engine)
        rubberband_delete(insert->engine);
    for (uint32_t i = 0; insert->queue && i < hosted->num_outputs; i++)
        free(insert->queue[i]);
    free(insert->queue);
    free(insert->room);
    free(insert->pieces);
    free(insert);
}

static bool make_room(pitch_insert *insert)
{
    const uint32_t num_lanes = insert->base.num_outputs, run_frames = insert->base.run_frames;
    const size_t piece_frames = (size_t)num_lanes * run_frames;
    /* The latency, a run, and what the engine may give at once: it gives whole hops, shorter than a window. */
    insert->queue_frames = insert->base.latency_frames + 4 * insert->pad_frames + run_frames;
    insert->queue = calloc(num_lanes, sizeof *insert->queue);
    insert->pieces = calloc(num_lanes, sizeof *insert->pieces);
    insert->room = calloc(piece_frames > PAD_FRAMES ? piece_frames : PAD_FRAMES, sizeof *insert->room);
    for (uint32_t i = 0; insert->queue && i < num_lanes; i++)
        if (!(insert->queue[i] = malloc(insert->queue_frames * sizeof(float))))
            return false;
    return insert->queue && insert->pieces && insert->room;
}

mxd_result mxd_pitch_create(const mxd_pitch_params *params, const mxd_hosted_setup *setup, mxd_problems *problems,
                            mxd_hosted **hosted)
{
    static const mxd_hosted_functions functions = {pitch_process, pitch_reset, pitch_destroy};
    *hosted = NULL;
    uint32_t pad_frames = 0;
    pitch_insert *insert = calloc(1, sizeof *insert);
    if (!insert || !find_pad(setup->sample_rate, &pad_frames)) {
        free(insert);
        return mxd_fail(problems, MXD_ERROR_MEMORY, &setup->place, "memory ran out");
    }
    insert->base = (mxd_hosted){.functions = &functions, .setup = *setup,
                                .run_frames = mxd_hosted_run_frames(setup->num_automated),
                                .num_outputs = setup->num_inputs, .name = "the pitch shifter", .problems = problems};
    insert->base.setup.automated = NULL; /* there is but one, and the array is the caller's */
    insert->params = *params;
    insert->pad_frames = pad_frames;
    insert->base.latency_frames = latency_of(pad_frames);
    if (!make_room(insert)) {
        pitch_destroy(&insert->base);
        return mxd_fail(problems, MXD_ERROR_MEMORY, &setup->place, "memory ran out");
    }
    *hosted = &insert->base;
    return MXD_OK;
}
