/*
 * Whole sessions on groups of backends: the same mix as on one backend, however
 * tracks, sends, buses and deliverables' inserts fall over the members.
 */
#include "host/cpu/variants.h"
#include "host/graph/graph.h"
#include "host/group/group.h"
#include "render_fixture.h"
#include "shaders/shift.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_FRAMES 1024u
#define IN_FLIGHT 2u

/* ---- Sessions ------------------------------------------------------------ */

#define EQ(hz) "\"inserts\": [ { \"type\": \"eq\", \"bands\": [ { \"type\": \"bell\", \"frequency_hz\": " #hz \
    ", \"gain_db\": 3, \"q\": 1 } ] } ]"
#define ROOM(decay, seed) "{ \"type\": \"convolver\", \"impulse_response\": { \"decay_s\": " #decay ", \"seed\": " #seed " } }"
#define MOVING(from, to) "\"place\": { \"object\": { \"positions\": [ { \"time_s\": 0, \"azimuth_deg\": " #from \
    ", \"elevation_deg\": 0 }, { \"time_s\": 0.3, \"azimuth_deg\": " #to ", \"elevation_deg\": 30 } ] } }"

/* Tracks and a bus without inserts straight to the scene: members meet in the last sum alone. */
static const char tracks_only[] = HEAD "\"length_s\": 0.3, \"tracks\": [ "
    "{ \"name\": \"A\", " NOISE ", " EQ(300) ", " MOVING(0, 90) " }, { \"name\": \"B\", " NOISE ", " EQ(500) ", " MOVING(-30, 30) " }, "
    "{ \"name\": \"C\", " NOISE ", \"output\": \"Bus\", " EQ(900) " }, { \"name\": \"D\", " NOISE ", \"output\": \"Bus\" }, "
    "{ \"name\": \"E\", " NOISE ", \"inserts\": [ " ROOM(0.1, 3) " ] } ], "
    "\"buses\": [ { \"name\": \"Bus\", \"channels\": 2, \"fader_db\": -3 } ], "
    "\"deliverables\": [ { \"file\": \"out.wav\", \"layout\": \"7.1.4\", \"bit_depth\": 32 }, "
    "{ \"file\": \"stereo.wav\", \"layout\": \"stereo\", \"bit_depth\": 32 } ] }";

/* Everything that crosses: sends before and after the fader, buses into buses, rooms on them, inserts on deliverables. */
static const char everything[] = HEAD "\"length_s\": 0.6, \"tracks\": [ "
    "{ \"name\": \"A\", \"clips\": [ { \"file\": \"noise.wav\", \"length_s\": 0.2 } ], " EQ(300) ", " MOVING(0, 90) ", "
    "\"sends\": [ { \"to\": \"Hall\", \"gain_db\": -6 }, { \"to\": \"Plate\", \"gain_db\": -9, \"tap\": \"pre-fader\" } ] }, "
    "{ \"name\": \"B\", \"clips\": [ { \"file\": \"noise.wav\", \"length_s\": 0.1 }, { \"file\": \"noise.wav\", \"start_s\": 0.4, "
    "\"length_s\": 0.1 } ], \"inserts\": [ " ROOM(0.1, 7) ", { \"type\": \"eq\", \"bands\": [ { \"type\": \"high-pass\", "
    "\"frequency_hz\": 100 } ] } ], \"sends\": [ { \"to\": \"Hall\", \"gain_db\": -3 } ] }, "
    "{ \"name\": \"C\", \"clips\": [ { \"file\": \"pair.wav\", \"start_s\": 0.05 } ], \"output\": \"Drums\", " EQ(900) ", "
    "\"automation\": [ { \"parameter\": \"pan\", \"points\": [ [0, -1], [0.5, 1] ] } ] }, "
    "{ \"name\": \"D\", " NOISE ", \"output\": \"Drums\", \"automation\": [ { \"parameter\": \"fader_db\", \"curve\": \"hold\", "
    "\"points\": [ [0, -12], [0.11, -3], [0.2, null], [0.3, -6] ] } ] }, "
    "{ \"name\": \"E\", " NOISE ", \"place\": { \"pan\": 0.5 }, \"sends\": [ { \"to\": \"Plate\", \"gain_db\": -10 } ] }, "
    "{ \"name\": \"F\", \"clips\": [ { \"file\": \"pair.wav\", \"length_s\": 0.3 } ], \"place\": { \"bed\": \"0+2+0\" }, "
    "\"inserts\": [ " ROOM(0.12, 9) " ] } ], "
    "\"buses\": [ { \"name\": \"Drums\", \"channels\": 2, " EQ(1200) ", \"sends\": [ { \"to\": \"Hall\", \"gain_db\": -12 } ] }, "
    "{ \"name\": \"Hall\", \"channels\": 2, \"inserts\": [ " ROOM(0.15, 1) " ], \"place\": { \"bed\": \"0+2+0\" }, "
    "\"sends\": [ { \"to\": \"Plate\", \"gain_db\": -20 } ] }, "
    "{ \"name\": \"Plate\", \"channels\": 2, \"inserts\": [ { \"type\": \"eq\", \"bands\": [ { \"type\": \"low-shelf\", "
    "\"frequency_hz\": 200, \"gain_db\": -3 } ] }, " ROOM(0.1, 2) " ] } ], "
    "\"deliverables\": [ { \"file\": \"out.wav\", \"layout\": \"7.1.4\", \"bit_depth\": 32 }, "
    "{ \"file\": \"stereo.wav\", \"layout\": \"stereo\", \"bit_depth\": 32, \"inserts\": [ { \"type\": \"eq\", \"bands\": [ "
    "{ \"type\": \"high-shelf\", \"frequency_hz\": 8000, \"gain_db\": 2 } ] }, " ROOM(0.1, 4) " ] } ] }";

/* ---- Rendering on any backend -------------------------------------------- */

#define MAX_SOURCES 32

typedef struct rendering {
    float *samples;          /* [lane][frame] */
    size_t num_samples;
    uint32_t most_phases;    /* of a block; groups only */
    bool grew;               /* a buffer was made after the first eight blocks; groups only */
} rendering;

static uint32_t count_lanes(const mxd_graph *graph)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < graph->num_outputs; i++)
        count += graph->outputs[i].deliverable->layout->num_channels;
    return count;
}

static uint32_t frames_at(const mxd_graph *graph, uint64_t first_frame)
{
    uint64_t left = graph->end_frame - first_frame;
    return left < BLOCK_FRAMES ? (uint32_t)left : BLOCK_FRAMES;
}

static void observe(rendering *r, const mxd_group *group, uint64_t block)
{
    static uint32_t before;
    uint32_t buffers = 0;
    for (uint32_t i = 0; i < IN_FLIGHT; i++)
        buffers += group->slots[i].num_buffers;
    r->most_phases = group->num_phases > r->most_phases ? group->num_phases : r->most_phases;
    r->grew |= block > 8 && buffers != before;
    before = buffers;
}

/* Blocks in flight as a render has them; the tracks play noise. */
static rendering render(fixture *f, const char *json, mxd_backend_creator *creator, uint32_t num_members)
{
    mxd_session *session = NULL;
    mxd_graph *graph = NULL;
    fixture_text(f, "session.json", json);
    if (mxd_session_load(fixture_path(f, "session.json"), f->problems, &session) != MXD_OK)
        fixture_print(f->problems);
    assert_non_null(session);
    const uint32_t chosen[] = {0, 1};
    assert_int_equal(mxd_graph_create(session, chosen, 2, MXD_FOLD_BY_COST, false, f->problems, &graph), MXD_OK);
    const mxd_backend_params params = {.num_lanes = graph->num_physical_lanes, .block_frames = BLOCK_FRAMES,
                                       .num_threads = 1, .num_devices = num_members, .blocks_in_flight = IN_FLIGHT};
    mxd_backend *backend;
    assert_int_equal(mxd_backend_create_with(creator, &params, f->problems, &backend), MXD_OK);
    assert_int_equal(mxd_graph_attach(graph, backend, BLOCK_FRAMES, 1), MXD_OK);

    uint32_t num_lanes = count_lanes(graph), num_sources = graph->num_source_lanes;
    uint64_t num_blocks = (graph->end_frame + BLOCK_FRAMES - 1) / BLOCK_FRAMES;
    rendering r = {.num_samples = (size_t)num_lanes * graph->end_frame};
    r.samples = malloc(r.num_samples * sizeof *r.samples);
    float *sources[IN_FLIGHT], *outputs[IN_FLIGHT];
    uint64_t tickets[IN_FLIGHT];
    assert_non_null(r.samples);
    for (uint32_t i = 0; i < IN_FLIGHT; i++) {
        sources[i] = malloc(num_sources * BLOCK_FRAMES * sizeof *sources[i]);
        outputs[i] = malloc(num_lanes * BLOCK_FRAMES * sizeof *outputs[i]);
        assert_true(sources[i] && outputs[i]);
    }
    for (uint64_t b = 0; b < num_blocks + IN_FLIGHT - 1; b++) {
        if (b < num_blocks) {
            float *to = sources[b % IN_FLIGHT];
            mxd_upload uploads[MAX_SOURCES];
            assert_true(num_sources <= MAX_SOURCES);
            for (uint32_t s = 0; s < num_sources; s++)
                uploads[s] = (mxd_upload){.frames = to + s * BLOCK_FRAMES, .num_channels = 1, .gain = 1.0};
            for (uint32_t s = 0; s < num_sources; s++)
                for (uint32_t i = 0; i < BLOCK_FRAMES; i++)
                    to[s * BLOCK_FRAMES + i] = fixture_noise(s, b * BLOCK_FRAMES + i) / 4; /* the mix is near full scale */
            mxd_block block;
            bool no_stem;
            mxd_graph_block(graph, b * BLOCK_FRAMES, frames_at(graph, b * BLOCK_FRAMES), uploads,
                            outputs[b % IN_FLIGHT], &no_stem, &block);
            assert_int_equal(mxd_backend_submit(backend, &block, &tickets[b % IN_FLIGHT]), MXD_OK);
            if (num_members > 0)
                observe(&r, (mxd_group *)backend, b);
        }
        if (b + 1 < IN_FLIGHT)
            continue;
        uint64_t done = b + 1 - IN_FLIGHT;
        assert_int_equal(mxd_backend_wait(backend, tickets[done % IN_FLIGHT]), MXD_OK);
        for (uint32_t lane = 0; lane < num_lanes; lane++)
            memcpy(r.samples + lane * graph->end_frame + done * BLOCK_FRAMES,
                   outputs[done % IN_FLIGHT] + lane * BLOCK_FRAMES,
                   frames_at(graph, done * BLOCK_FRAMES) * sizeof *r.samples);
    }
    for (uint32_t i = 0; i < IN_FLIGHT; i++) {
        free(sources[i]);
        free(outputs[i]);
    }
    mxd_backend_destroy(backend);
    mxd_graph_destroy(graph);
    mxd_session_destroy(session);
    if (mxd_problems_count(f->problems) > 0) {
        fixture_print(f->problems);
        fail();
    }
    return r;
}

static void assert_below(const rendering *a, const rendering *b, double limit_dbfs, const char *what)
{
    double peak = 0.0, level = 0.0;
    assert_int_equal(a->num_samples, b->num_samples);
    for (size_t i = 0; i < a->num_samples; i++) {
        double difference = fabs((double)a->samples[i] - (double)b->samples[i]);
        if (!(difference <= peak))
            peak = isnan(difference) ? HUGE_VAL : difference;
        level = fmax(level, fabs((double)b->samples[i]));
    }
    double found = 20.0 * log10(peak + 1e-300);
    print_message("%s: %.1f dBFS (signal %.1f)\n", what, found, 20.0 * log10(level));
    assert_true(level > 0.1);
    if (!(found <= limit_dbfs))
        fail_msg("%s: %.1f dBFS", what, found);
}

static void assert_same(const rendering *a, const rendering *b, const char *what)
{
    if (a->num_samples != b->num_samples || memcmp(a->samples, b->samples, a->num_samples * sizeof *a->samples) != 0)
        fail_msg("%s: other bits", what);
}

static mxd_result create_cpus(const mxd_backend_params *params, mxd_problems *problems, mxd_backend **backend)
{
    return mxd_backend_group_create(mxd_cpu_best()->create_backend, params, problems, backend);
}

static mxd_result create_vulkans(const mxd_backend_params *params, mxd_problems *problems, mxd_backend **backend)
{
    return mxd_backend_group_create(mxd_backend_vulkan_create, params, problems, backend);
}

static void test_sessions(void **state)
{
    static const char *const sessions[] = {tracks_only, everything};
    for (int s = 0; s < 2; s++) {
        rendering truth = render(*state, sessions[s], mxd_cpu_reference()->create_backend, 0);
        rendering plain = render(*state, sessions[s], mxd_cpu_best()->create_backend, 0);
        rendering one = render(*state, sessions[s], create_cpus, 1);
        assert_below(&plain, &truth, -125.0, "one cpu");
        assert_same(&plain, &one, "a group of one");
        assert_int_equal(one.most_phases, 1);
        for (uint32_t members = 2; members <= 16; members = members < 4 ? members + 1 : 4 * members) {
            rendering found = render(*state, sessions[s], create_cpus, members);
            rendering again = render(*state, sessions[s], create_cpus, members);
            char what[64];
            snprintf(what, sizeof what, "session %d on %u cpus, %u phases", s, members, found.most_phases);
            assert_below(&found, &truth, -125.0, what);
            assert_same(&found, &again, what);
            assert_false(found.grew);
            if (s == 0)
                assert_int_equal(found.most_phases, 1);
            else
                assert_true(found.most_phases > 1);
            free(found.samples);
            free(again.samples);
        }
        free(truth.samples);
        free(plain.samples);
        free(one.samples);
    }
}

static void test_vulkan_sessions(void **state)
{
    mxd_vulkan_device device;
    if (mxd_vulkan_devices(&device, 1) == 0 || !device.usable) {
        print_message("no usable Vulkan device\n");
        skip();
    }
    rendering truth = render(*state, everything, mxd_cpu_reference()->create_backend, 0);
    rendering plain = render(*state, everything, mxd_backend_vulkan_create, 0);
    rendering one = render(*state, everything, create_vulkans, 1);
    rendering found = render(*state, everything, create_vulkans, 2);
    rendering again = render(*state, everything, create_vulkans, 2);
    assert_below(&found, &truth, -125.0, "one device twice");
    assert_same(&plain, &one, "a group of one device");
    assert_same(&found, &again, "one device twice, again");
    free(truth.samples);
    free(plain.samples);
    free(one.samples);
    free(found.samples);
    free(again.samples);
}

/* ---- Random programs ----------------------------------------------------- */

/*
 * Steps and blocks drawn at random over few lanes, so that lanes are overwritten, shared and moved in every way that
 * backend.h allows; lanes that hold garbage are not read. A program is the same on every backend.
 */
#define LANES 9u
#define STEPS 10u
#define ROWS 3u
#define BLOCKS 6u
#define FRAMES 256u
#define RESPONSE 300u

typedef struct random_stream {
    uint64_t state;
} random_stream;

/* 0..bound-1; SplitMix64 (Steele, Lea, Flood 2014). */
static uint32_t draw(random_stream *stream, uint32_t bound)
{
    uint64_t z = stream->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)(((z ^ (z >> 31)) >> 32) * bound >> 32);
}

typedef struct program {
    random_stream stream;
    mxd_backend *backend;
    int kinds[STEPS];              /* 0 eq, 1 convolve, 2 mix, 3 shift */
    uint32_t num_rows[STEPS];
    uint32_t inputs[STEPS][ROWS][LANES], num_inputs[STEPS][ROWS];
    uint32_t outputs[STEPS][ROWS][LANES], num_outputs[STEPS][ROWS];
    float response[RESPONSE];
    bool defined[LANES];
    float results[BLOCKS][LANES][FRAMES];
} program;

/* The lanes in any order. */
static void shuffle(random_stream *stream, uint32_t lanes[LANES])
{
    for (uint32_t i = 0; i < LANES; i++) {
        uint32_t at = draw(stream, i + 1);
        lanes[i] = lanes[at];
        lanes[at] = i;
    }
}

static void add_random_eq(program *p, uint32_t step)
{
    const mxd_svf section = {0.1, 1.0, 1.0, 0.5, 0.0};
    mxd_eq_row rows[ROWS];
    uint32_t lanes[LANES], number;
    shuffle(&p->stream, lanes);
    for (uint32_t r = 0; r < p->num_rows[step]; r++) {
        rows[r] = (mxd_eq_row){lanes[r], &section, 1};
        p->inputs[step][r][0] = p->outputs[step][r][0] = lanes[r];
        p->num_inputs[step][r] = p->num_outputs[step][r] = 1;
    }
    assert_int_equal(mxd_backend_add_eq(p->backend, rows, p->num_rows[step], &number), MXD_OK);
    assert_int_equal(number, step);
}

/* Every row writes lanes of its own; the inputs of all rows are among lanes that none writes. Now and then one large row. */
static void add_random_convolve(program *p, uint32_t step)
{
    mxd_convolve_cell cells[ROWS][LANES];
    mxd_convolve_row rows[ROWS];
    uint32_t lanes[LANES], number;
    bool large = draw(&p->stream, 2) == 0;
    p->num_rows[step] = large ? 1 : p->num_rows[step];
    shuffle(&p->stream, lanes);
    for (uint32_t r = 0; r < p->num_rows[step]; r++) {
        uint32_t num_inputs = large ? LANES - 1 : 1 + draw(&p->stream, 2), first = draw(&p->stream, LANES - ROWS - 1);
        p->num_inputs[step][r] = num_inputs;
        p->num_outputs[step][r] = 1;
        p->outputs[step][r][0] = lanes[r];
        for (uint32_t i = 0; i < num_inputs; i++) {
            p->inputs[step][r][i] = large ? lanes[1 + i] : lanes[ROWS + first + i];
            cells[r][i] = (mxd_convolve_cell){i, 0, p->response, RESPONSE, 10 * i, 0.5};
        }
        rows[r] = (mxd_convolve_row){p->inputs[step][r], num_inputs, p->outputs[step][r], 1, cells[r], num_inputs};
    }
    assert_int_equal(mxd_backend_add_convolve(p->backend, rows, p->num_rows[step], &number), MXD_OK);
    assert_int_equal(number, step);
}

/* As above; a row shifts one lane or two. */
static void add_random_shift(program *p, uint32_t step)
{
    mxd_kernel_row rows[ROWS];
    uint32_t settings[ROWS][MXD_SHIFT_NUM_SETTINGS], lanes[LANES], number;
    shuffle(&p->stream, lanes);
    for (uint32_t r = 0; r < p->num_rows[step]; r++) {
        uint32_t width = 1 + draw(&p->stream, 2);
        p->num_inputs[step][r] = p->num_outputs[step][r] = width;
        for (uint32_t i = 0; i < width; i++) {
            p->outputs[step][r][i] = lanes[2 * r + i];
            p->inputs[step][r][i] = lanes[2 * ROWS + (r + i) % (LANES - 2 * ROWS)];
        }
        settings[r][MXD_SHIFT_FRAMES] = 1 + draw(&p->stream, 2 * FRAMES);
        rows[r] = (mxd_kernel_row){p->inputs[step][r], width, p->outputs[step][r], width, settings[r], NULL};
    }
    assert_int_equal(mxd_backend_add_rows(p->backend, MXD_KERNEL_SHIFT, rows, p->num_rows[step], &number), MXD_OK);
    assert_int_equal(number, step);
}

static void build_program(program *p, uint64_t seed, mxd_backend_creator *creator, uint32_t members,
                          mxd_problems *problems)
{
    *p = (program){.stream = {seed}};
    const mxd_backend_params params = {.num_lanes = LANES, .block_frames = FRAMES, .num_threads = 1,
                                       .num_devices = members, .blocks_in_flight = 1};
    assert_int_equal(mxd_backend_create_with(creator, &params, problems, &p->backend), MXD_OK);
    for (uint32_t i = 0; i < RESPONSE; i++)
        p->response[i] = fixture_noise(0, i) / 8;
    for (uint32_t s = 0; s < STEPS; s++) {
        p->kinds[s] = (int)draw(&p->stream, 4);
        p->num_rows[s] = 1 + draw(&p->stream, ROWS);
        uint32_t number;
        if (p->kinds[s] == 0)
            add_random_eq(p, s);
        else if (p->kinds[s] == 1)
            add_random_convolve(p, s);
        else if (p->kinds[s] == 3)
            add_random_shift(p, s);
        else
            assert_int_equal(mxd_backend_add_mix(p->backend, &(mxd_mix_limits){LANES, 4 * LANES, 8 * LANES}, &number),
                             MXD_OK);
    }
    assert_int_equal(mxd_backend_prepare(p->backend), MXD_OK);
}

/* What a run points to. */
typedef struct run_arrays {
    uint32_t rows[ROWS];
    bool restart[ROWS];
    bool rests[ROWS * LANES];
    mxd_mix_run mix;
    mxd_mix_output outputs[LANES];
    mxd_mix_edge edges[4 * LANES];
    mxd_gain_point points[8 * LANES];
} run_arrays;

static void list_random_rows(program *p, uint32_t s, run_arrays *a, mxd_step_run *run)
{
    uint32_t num_rests = 0;
    for (uint32_t r = 0; r < p->num_rows[s]; r++) {
        bool good = draw(&p->stream, 4) > 0, may_rest = p->kinds[s] == 1 && draw(&p->stream, 2) == 0;
        for (uint32_t i = 0; i < p->num_inputs[s][r]; i++) {
            bool defined = p->defined[p->inputs[s][r][i]];
            a->rests[num_rests + i] = may_rest && (!defined || draw(&p->stream, 3) == 0);
            good &= defined || a->rests[num_rests + i];
        }
        if (!good)
            continue;
        num_rests += p->num_inputs[s][r];
        a->restart[run->num_rows] = draw(&p->stream, 5) == 0;
        a->rows[run->num_rows++] = r;
        for (uint32_t i = 0; i < p->num_outputs[s][r]; i++)
            p->defined[p->outputs[s][r][i]] = true;
    }
    run->rows = a->rows;
    run->restart = a->restart;
    run->rests = p->kinds[s] == 1 ? a->rests : NULL;
}

static void list_random_mix(program *p, run_arrays *a, mxd_step_run *run, uint32_t num_frames)
{
    uint32_t lanes[LANES], num_outputs = 1 + draw(&p->stream, 3);
    bool written[LANES] = {false};
    shuffle(&p->stream, lanes);
    a->mix = (mxd_mix_run){a->outputs, num_outputs, a->edges, 0, a->points, 0};
    for (uint32_t o = 0; o < num_outputs; o++) {
        a->outputs[o] = (mxd_mix_output){lanes[o], a->mix.num_edges, 0};
        for (uint32_t i = num_outputs; i < LANES; i++) {
            if (!p->defined[lanes[i]] || draw(&p->stream, 2) == 0)
                continue;
            a->edges[a->mix.num_edges++] = (mxd_mix_edge){lanes[i], a->mix.num_points, 2};
            a->points[a->mix.num_points++] = (mxd_gain_point){0, draw(&p->stream, 100) / 250.0};
            a->points[a->mix.num_points++] = (mxd_gain_point){draw(&p->stream, num_frames), draw(&p->stream, 100) / 250.0};
            a->outputs[o].num_edges++;
        }
        written[lanes[o]] = true;
    }
    for (uint32_t i = 0; i < LANES; i++)
        p->defined[i] |= written[i];
    run->mix = &a->mix;
}

static void run_program(program *p, fixture *f)
{
    static run_arrays arrays[STEPS];
    for (uint32_t b = 0; b < BLOCKS; b++) {
        float signal[LANES][FRAMES];
        mxd_upload uploads[LANES];
        mxd_step_run runs[STEPS];
        mxd_download downloads[LANES];
        mxd_block block = {.num_frames = b + 1 < BLOCKS ? FRAMES : 77, .uploads = uploads, .runs = runs,
                           .downloads = downloads};
        for (uint32_t i = 0; i < LANES; i++) {
            p->defined[i] = draw(&p->stream, 4) > 0;
            if (!p->defined[i])
                continue;
            for (uint32_t n = 0; n < FRAMES; n++)
                signal[i][n] = fixture_noise(i, b * FRAMES + n);
            uploads[block.num_uploads++] = (mxd_upload){.lane = i, .num_channels = 1, .gain = 1.0,
                                                        .frames = draw(&p->stream, 8) ? signal[i] : NULL};
        }
        for (uint32_t s = 0; s < STEPS; s++) {
            mxd_step_run *run = &runs[block.num_runs];
            *run = (mxd_step_run){.step = s};
            if (draw(&p->stream, 5) == 0)
                continue;
            block.num_runs++;
            if (p->kinds[s] == 2)
                list_random_mix(p, &arrays[s], run, block.num_frames);
            else
                list_random_rows(p, s, &arrays[s], run);
        }
        for (uint32_t i = 0; i < LANES; i++)
            if (p->defined[i])
                downloads[block.num_downloads++] = (mxd_download){i, p->results[b][i]};
        uint64_t ticket;
        mxd_result result = mxd_backend_submit(p->backend, &block, &ticket);
        if (result == MXD_OK)
            result = mxd_backend_wait(p->backend, ticket);
        if (result != MXD_OK)
            fixture_print(f->problems);
        assert_int_equal(result, MXD_OK);
    }
    mxd_backend_destroy(p->backend);
}

/* The largest difference over the largest value. */
static double deviation(const program *a, const program *b)
{
    double peak = 0.0, level = 0.0;
    for (size_t i = 0; i < sizeof a->results / sizeof(float); i++) {
        double x = (&a->results[0][0][0])[i], y = (&b->results[0][0][0])[i];
        if (!(fabs(x - y) <= peak))
            peak = isnan(x - y) ? HUGE_VAL : fabs(x - y);
        level = fmax(level, fabs(y));
    }
    return level > 0.0 ? peak / level : peak;
}

static void compare_programs(fixture *f, mxd_backend_creator *creator, uint32_t count, double *worst)
{
    static program truth, found;
    for (uint64_t seed = 1; seed <= count; seed++)
        for (uint32_t members = 2; members <= 3; members++) {
            build_program(&truth, seed, mxd_cpu_reference()->create_backend, 0, f->problems);
            run_program(&truth, f);
            build_program(&found, seed, creator, members, f->problems);
            run_program(&found, f);
            double here = deviation(&found, &truth);
            *worst = fmax(*worst, here);
            /* Forty roundings of 2^-24 in a row: ten steps of a few each. */
            if (!(here <= 40 * 0x1p-24))
                fail_msg("program %u on %u members: %.1f dB", (unsigned)seed, members, 20.0 * log10(here));
        }
}

static void test_random_programs(void **state)
{
    double worst = 0.0;
    compare_programs(*state, create_cpus, 300, &worst);
    print_message("worst deviation %.1f dB\n", 20.0 * log10(worst));
}

static void test_random_programs_on_vulkan(void **state)
{
    mxd_vulkan_device device;
    double worst = 0.0;
    if (mxd_vulkan_devices(&device, 1) == 0 || !device.usable) {
        print_message("no usable Vulkan device\n");
        skip();
    }
    compare_programs(*state, create_vulkans, 4, &worst);
    print_message("worst deviation %.1f dB\n", 20.0 * log10(worst));
}

/* ---- Placement ----------------------------------------------------------- */

static uint32_t member_of(const mxd_backend *backend, uint32_t step, uint32_t row)
{
    const mxd_group_step *found = &((const mxd_group *)backend)->steps[step];
    assert_int_equal(found->first_pieces[row + 1] - found->first_pieces[row], 1);
    return found->pieces[found->first_pieces[row]].member;
}

/*
 * Eight tracks with an equaliser, every second with a convolver and an equaliser behind it: each stays on one member,
 * and the convolvers are dealt out evenly, although they are all on even lanes.
 */
static void test_tracks_stay_together(void **state)
{
    fixture *f = *state;
    static float response[48000];
    response[0] = 1.0f;
    const mxd_backend_params params = {.num_lanes = 16, .block_frames = FRAMES, .num_threads = 1, .num_devices = 2,
                                       .blocks_in_flight = 1};
    const mxd_svf section = {0.1, 1.0, 1.0, 0.0, 0.0};
    mxd_eq_row before[MXD_MAX_TIMINGS], after[4];
    mxd_convolve_row rows[4];
    uint32_t inputs[4], outputs[4], steps[3];
    mxd_convolve_cell cell = {0, 0, response, 48000, 0, 1.0};
    for (uint32_t i = 0; i < 8; i++)
        before[i] = (mxd_eq_row){i, &section, 1};
    for (uint32_t i = 0; i < 4; i++) {
        inputs[i] = 2 * i;
        outputs[i] = 8 + i;
        rows[i] = (mxd_convolve_row){&inputs[i], 1, &outputs[i], 1, &cell, 1};
        after[i] = (mxd_eq_row){8 + i, &section, 1};
    }
    mxd_backend *backend;
    assert_int_equal(mxd_backend_create_with(create_cpus, &params, f->problems, &backend), MXD_OK);
    assert_int_equal(mxd_backend_add_eq(backend, before, 8, &steps[0]), MXD_OK);
    assert_int_equal(mxd_backend_add_convolve(backend, rows, 4, &steps[1]), MXD_OK);
    assert_int_equal(mxd_backend_add_eq(backend, after, 4, &steps[2]), MXD_OK);
    assert_int_equal(mxd_backend_prepare(backend), MXD_OK);
    uint32_t convolvers[2] = {0, 0}, equalisers[2] = {0, 0};
    for (uint32_t i = 0; i < 8; i++)
        equalisers[member_of(backend, steps[0], i)]++;
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t member = member_of(backend, steps[1], i);
        convolvers[member]++;
        assert_int_equal(member_of(backend, steps[0], 2 * i), member);
        assert_int_equal(member_of(backend, steps[2], i), member);
    }
    assert_int_equal(convolvers[0], 2);
    assert_int_equal(equalisers[0], 4);
    mxd_backend_destroy(backend);
}

/* A matrix of 10 inputs is split by its inputs; an output that has no cell belongs to one member all the same. */
static void test_matrix_is_split(void **state)
{
    fixture *f = *state;
    static float response[1000];
    response[0] = 1.0f;
    const mxd_backend_params params = {.num_lanes = 13, .block_frames = FRAMES, .num_threads = 1, .num_devices = 2,
                                       .blocks_in_flight = 1};
    uint32_t lanes[13], step;
    mxd_convolve_cell cells[10];
    for (uint32_t i = 0; i < 13; i++)
        lanes[i] = i;
    for (uint32_t i = 0; i < 10; i++)
        cells[i] = (mxd_convolve_cell){i, i == 3, response, 1000, 0, 1.0};
    const mxd_convolve_row row = {lanes, 10, lanes + 10, 3, cells, 10};
    mxd_backend *backend;
    assert_int_equal(mxd_backend_create_with(create_cpus, &params, f->problems, &backend), MXD_OK);
    assert_int_equal(mxd_backend_add_convolve(backend, &row, 1, &step), MXD_OK);
    assert_int_equal(mxd_backend_prepare(backend), MXD_OK);
    const mxd_group_step *found = &((mxd_group *)backend)->steps[step];
    assert_int_equal(found->first_pieces[1], 2);
    assert_int_equal(found->pieces[0].num_inputs, 5);
    assert_int_equal(found->pieces[1].num_inputs, 5);
    assert_int_equal(found->pieces[0].num_outputs + found->pieces[1].num_outputs, 4); /* the first is on both */
    mxd_backend_destroy(backend);
}

/* ---- Failures ------------------------------------------------------------ */

/* cpu, of which device 1 is lost after some submits or waits, and device 7 cannot be had at all. */
static const mxd_backend_functions *plain_functions;
static mxd_backend_functions failing_functions;
static int submits_left, waits_left;

static mxd_result submit_or_fail(mxd_backend *backend, const mxd_block *block, uint64_t *ticket)
{
    if (backend->params.device == 1 && submits_left-- == 0)
        return mxd_fail(backend->problems, MXD_ERROR_DEVICE, NULL, "unplugged");
    return plain_functions->submit(backend, block, ticket);
}

static mxd_result wait_or_fail(mxd_backend *backend, uint64_t ticket)
{
    if (backend->params.device == 1 && waits_left-- == 0)
        return mxd_fail(backend->problems, MXD_ERROR_DEVICE, NULL, "unplugged");
    return plain_functions->wait(backend, ticket);
}

static mxd_result create_failing(const mxd_backend_params *params, mxd_problems *problems, mxd_backend **backend)
{
    if (params->device == 7)
        return mxd_fail(problems, MXD_ERROR_DEVICE, NULL, "no such card");
    mxd_result result = mxd_cpu_best()->create_backend(params, problems, backend);
    if (result != MXD_OK)
        return result;
    plain_functions = (*backend)->functions;
    failing_functions = *plain_functions;
    failing_functions.submit = submit_or_fail;
    failing_functions.wait = wait_or_fail;
    (*backend)->functions = &failing_functions;
    return MXD_OK;
}

static mxd_result create_failing_group(const mxd_backend_params *params, mxd_problems *problems, mxd_backend **backend)
{
    return mxd_backend_group_create(create_failing, params, problems, backend);
}

static bool says(const mxd_problems *problems, const char *text)
{
    for (size_t i = 0; i < mxd_problems_count(problems); i++)
        if (strstr(mxd_problems_get(problems, i)->text, text))
            return true;
    return false;
}

static void test_creation_fails(void **state)
{
    fixture *f = *state;
    const uint32_t devices[] = {0, 7};
    mxd_backend_params params = {.num_lanes = 4, .block_frames = FRAMES, .devices = devices, .num_devices = 2,
                                 .blocks_in_flight = 1};
    mxd_backend *backend;
    assert_int_equal(mxd_backend_create_with(create_failing_group, &params, f->problems, &backend), MXD_ERROR_DEVICE);
    assert_null(backend);
    assert_true(says(f->problems, "no such card") && says(f->problems, "device 7, one of 2"));
    params.num_devices = MXD_MAX_GROUP + 1;
    params.devices = NULL;
    assert_int_equal(mxd_backend_create_with(create_failing_group, &params, f->problems, &backend),
                     MXD_ERROR_ARGUMENT);
    params.num_devices = 0;
    assert_int_equal(mxd_backend_create_with(create_failing_group, &params, f->problems, &backend),
                     MXD_ERROR_ARGUMENT);
}

/* The loss of one device is the loss of all, whether it shows in a submit, in a wait, or in a wait within a submit. */
static void test_device_is_lost(void **state)
{
    (void)state;
    const uint32_t devices[] = {0, 1};
    const mxd_backend_params params = {.num_lanes = 2, .block_frames = FRAMES, .num_threads = 1, .devices = devices,
                                       .num_devices = 2, .blocks_in_flight = 1};
    const mxd_svf section = {0.1, 1.0, 1.0, 0.0, 0.0};
    const mxd_eq_row rows[] = {{0, &section, 1}, {1, &section, 1}};
    const uint32_t numbers[] = {0, 1};
    static float signal[2][FRAMES], out[2][FRAMES];
    for (int when = 0; when < 6; when++) {
        submits_left = when < 3 ? when : 100;
        waits_left = when < 3 ? 100 : when - 3;
        mxd_problems *problems = mxd_problems_create();
        mxd_backend *backend;
        uint32_t eq, mix, number;
        assert_int_equal(mxd_backend_create_with(create_failing_group, &params, problems, &backend), MXD_OK);
        assert_int_equal(mxd_backend_add_eq(backend, rows, 2, &eq), MXD_OK);
        assert_int_equal(mxd_backend_add_mix(backend, &(mxd_mix_limits){1, 2, 2}, &mix), MXD_OK);
        assert_int_equal(mxd_backend_add_eq(backend, rows, 2, &number), MXD_OK);
        assert_int_equal(mxd_backend_prepare(backend), MXD_OK);
        const mxd_upload uploads[] = {{.lane = 0, .frames = signal[0], .num_channels = 1, .gain = 1.0},
                                      {.lane = 1, .frames = signal[1], .num_channels = 1, .gain = 1.0}};
        /* Lane 1 through the equaliser of device 0: it crosses within the block. */
        const mxd_mix_run crossing = {&(mxd_mix_output){0, 0, 1}, 1, &(mxd_mix_edge){1, 0, 1}, 1,
                                      &(mxd_gain_point){0, 1.0}, 1};
        const mxd_step_run runs[] = {{.step = eq, .rows = numbers, .num_rows = 2}, {.step = mix, .mix = &crossing},
                                     {.step = number, .rows = numbers, .num_rows = 2}};
        const mxd_download downloads[] = {{0, out[0]}, {1, out[1]}};
        const mxd_block block = {FRAMES, uploads, 2, runs, 3, downloads, 2, false};
        mxd_result result = MXD_OK;
        uint64_t ticket;
        for (int b = 0; b < 3 && result == MXD_OK; b++) {
            result = mxd_backend_submit(backend, &block, &ticket);
            if (result == MXD_OK)
                result = mxd_backend_wait(backend, ticket);
        }
        assert_int_equal(result, MXD_ERROR_DEVICE);
        assert_true(says(problems, "unplugged") && says(problems, "device 1 ("));
        assert_int_equal(mxd_backend_submit(backend, &block, &ticket), MXD_ERROR_DEVICE);
        mxd_backend_destroy(backend);
        mxd_problems_destroy(problems);
    }
}

/* What it says of itself: each member once, figures summed. */
static void test_description(void **state)
{
    fixture *f = *state;
    const mxd_backend_params params = {.num_lanes = 8, .block_frames = FRAMES, .num_threads = 1, .num_devices = 3,
                                       .blocks_in_flight = 1};
    mxd_backend *group, *single;
    assert_int_equal(mxd_backend_create_with(create_cpus, &params, f->problems, &group), MXD_OK);
    assert_int_equal(mxd_backend_create_with(mxd_cpu_best()->create_backend, &params, f->problems, &single), MXD_OK);
    assert_int_equal(mxd_backend_prepare(group), MXD_OK);
    assert_int_equal(mxd_backend_prepare(single), MXD_OK);
    char expected[300];
    snprintf(expected, sizeof expected, "3 x %s", mxd_backend_get_info(single)->device);
    assert_string_equal(mxd_backend_get_info(group)->device, expected);
    assert_string_equal(mxd_backend_get_info(group)->kind, "cpu");
    assert_true(mxd_backend_memory(group) >= 3 * mxd_backend_memory(single));
    mxd_backend_timing timings[MXD_MAX_TIMINGS];
    assert_int_equal(mxd_backend_timings(group, timings, MXD_MAX_TIMINGS), mxd_backend_timings(single, NULL, 0) + 1);
    mxd_backend_destroy(group);
    mxd_backend_destroy(single);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sessions, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_vulkan_sessions, render_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_random_programs, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_random_programs_on_vulkan, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_tracks_stay_together, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_matrix_is_split, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_creation_fails, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_device_is_lost, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_description, fixture_set_up, fixture_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
