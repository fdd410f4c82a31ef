/*
 * Folding (host/graph/fold.c): which convolvers become one row and which must
 * not, seen in the graph; and whole renders with and without it, which must not
 * differ, with tracks that sleep and wake, on every backend.
 */
#include "host/backend.h"
#include "host/graph/graph.h"
#include "render_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUM_RESPONSES 12
#define MONO_FRAMES 2500
#define STEREO_FRAMES 4801

/* ---- Sessions ------------------------------------------------------------ */

static uint32_t response_seed;

static float response(uint32_t channel, uint64_t frame)
{
    return fixture_noise(response_seed + channel, frame) * 0.3f * expf(-(float)frame / 900.0f);
}

/* mono0.wav .. and stereo0.wav ..: responses, all different; copy.wav is stereo0.wav again. */
static int set_up(void **state)
{
    render_set_up(state);
    fixture *f = *state;
    for (uint32_t i = 0; i <= NUM_RESPONSES; i++) {
        char name[32];
        response_seed = 100 + 10 * (i % NUM_RESPONSES);
        snprintf(name, sizeof name, "mono%u.wav", i);
        fixture_wav(f, name, 48000, 1, MONO_FRAMES, response);
        snprintf(name, sizeof name, "stereo%u.wav", i);
        fixture_wav(f, i < NUM_RESPONSES ? name : "copy.wav", 48000, 2, STEREO_FRAMES, response);
    }
    return 0;
}

typedef struct text {
    char *bytes;
    size_t length, capacity;
} text;

__attribute__((format(printf, 2, 3))) static void add(text *t, const char *format, ...)
{
    va_list arguments;
    if (t->length + 4096 > t->capacity) {
        t->capacity = 2 * t->capacity + 8192;
        t->bytes = realloc(t->bytes, t->capacity);
        assert_non_null(t->bytes);
    }
    va_start(arguments, format);
    t->length += (size_t)vsnprintf(t->bytes + t->length, 4096, format, arguments);
    va_end(arguments);
    assert_true(t->length < t->capacity);
}

#define CONVOLVER "{ \"type\": \"convolver\", \"impulse_response\": \"%s%d.wav\" }"
#define BELL "{ \"type\": \"eq\", \"bands\": [ { \"type\": \"bell\", \"frequency_hz\": 300, \"gain_db\": 6, \"q\": 2 } ] }"
#define TWO_OUT                                                                          \
    "\"deliverables\": [ { \"file\": \"out.wav\", \"layout\": \"stereo\", \"bit_depth\": 32 }, " \
    "{ \"file\": \"wide.wav\", \"layout\": \"7.1.4\", \"bit_depth\": 32 } ] }"

/* Eight tracks, each its own stereo response on the stereo bed; `special` is added to the first. */
static char *eight_tracks(const char *special, const char *rest)
{
    text t = {0};
    add(&t, HEAD "\"tracks\": [");
    for (int i = 0; i < 8; i++)
        add(&t, "%s { \"name\": \"T%d\", " NOISE ", \"inserts\": [ " CONVOLVER " ], \"fader_db\": -%d%s }", i ? "," : "", i,
            "stereo", i, i, i == 0 ? special : ", \"place\": { \"bed\": \"0+2+0\" }");
    add(&t, "], %s", rest);
    return t.bytes;
}

/* ---- What folds ---------------------------------------------------------- */

/* Rows of all convolve steps, and mixes, of a graph; of its largest row the parts. */
typedef struct shape {
    uint32_t rows, mixes, folds;
    uint32_t inputs, outputs, cells;
} shape;

static shape shape_of(fixture *f, char *json, mxd_folding folding)
{
    mxd_session *session = NULL;
    mxd_graph *graph = NULL;
    shape s = {0};
    fixture_text(f, "session.json", json);
    free(json);
    if (mxd_session_load(fixture_path(f, "session.json"), f->problems, &session) != MXD_OK) {
        fixture_print(f->problems);
        fail();
    }
    uint32_t deliverables[8];
    for (uint32_t i = 0; i < session->num_deliverables; i++)
        deliverables[i] = i;
    assert_int_equal(mxd_graph_create(session, deliverables, session->num_deliverables, folding, false, f->problems, &graph),
                     MXD_OK);
    s.folds = graph->num_folds;
    for (uint32_t i = 0; i < graph->num_operations; i++) {
        const mxd_convolve_row *row = &graph->operations[i].convolve;
        s.rows += graph->operations[i].kind == MXD_OPERATION_CONVOLVE;
        s.mixes += graph->operations[i].kind == MXD_OPERATION_MIX;
        if (row->num_cells <= s.cells)
            continue;
        s.inputs = row->num_inputs;
        s.outputs = row->num_outputs;
        s.cells = row->num_cells;
    }
    mxd_graph_destroy(graph);
    mxd_session_destroy(session);
    return s;
}

static void assert_shape(shape s, uint32_t rows, uint32_t inputs, uint32_t outputs, uint32_t cells)
{
    if (s.rows != rows || s.inputs != inputs || s.outputs != outputs || s.cells != cells)
        fail_msg("%u rows, the largest %u x %u with %u cells; expected %u rows, %u x %u with %u", s.rows, s.inputs,
                 s.outputs, s.cells, rows, inputs, outputs, cells);
}

static void test_tracks_on_one_bed(void **state)
{
    const char *bed = ", \"place\": { \"bed\": \"0+2+0\" }";
    assert_shape(shape_of(*state, eight_tracks(bed, STEREO_OUT), MXD_FOLD_NONE), 8, 1, 2, 2);
    assert_shape(shape_of(*state, eight_tracks(bed, STEREO_OUT), MXD_FOLD_TRANSFORMS), 1, 8, 2, 16);
    /* Left of one layout and left of another get the same of every track. */
    assert_shape(shape_of(*state, eight_tracks(bed, TWO_OUT), MXD_FOLD_BY_COST), 1, 8, 2, 16);
}

/* Seven fold, the special one keeps its row. */
static void test_what_moves_does_not_fold(void **state)
{
    static const char *specials[] = {
        ", \"place\": { \"bed\": \"0+2+0\" }, \"automation\": [ { \"parameter\": \"fader_db\", \"points\": [ [0, -6], [1, 0] ] } ]",
        ", \"automation\": [ { \"parameter\": \"pan\", \"points\": [ [0, -0.5], [1, 0.5] ] } ]",
        ", \"place\": { \"objects\": [ { \"azimuth_deg\": 10 }, { \"positions\": [ { \"time_s\": 0, \"azimuth_deg\": 0 }, "
        "{ \"time_s\": 1, \"azimuth_deg\": 20 } ] } ] }",
        /* The send is constant, but the fader after it moves. */
        ", \"place\": { \"bed\": \"0+2+0\" }, \"sends\": [ { \"to\": \"Bus\", \"tap\": \"pre-fader\" } ], \"automation\": [ { "
        "\"parameter\": \"fader_db\", \"points\": [ [0, -6], [1, 0] ] } ]",
        ", \"place\": { \"bed\": \"0+2+0\" }, \"sends\": [ { \"to\": \"Bus\" } ], \"automation\": [ { "
        "\"parameter\": \"send_gain_db\", \"to\": \"Bus\", \"points\": [ [0, -6], [1, 0] ] } ]",
    };
    for (size_t i = 0; i < sizeof specials / sizeof *specials; i++)
        assert_shape(shape_of(*state, eight_tracks(specials[i], "\"buses\": [ { \"name\": \"Bus\", \"channels\": 2 } ], "
                              STEREO_OUT), MXD_FOLD_BY_COST), 2, 7, 2, 14);
    /* A constant send before a constant fader goes along: two more outputs, for its sum alone. */
    shape s = shape_of(*state, eight_tracks(", \"place\": { \"bed\": \"0+2+0\" }, \"sends\": [ { \"to\": \"Bus\", \"tap\": "
        "\"pre-fader\" } ]", "\"buses\": [ { \"name\": \"Bus\", \"channels\": 2, \"fader_db\": null } ], " STEREO_OUT), MXD_FOLD_TRANSFORMS);
    assert_int_equal(s.folds, 1);
}

static void test_equalisers_before_and_after(void **state)
{
    for (int after = 0; after < 2; after++) {
        text t = {0};
        add(&t, HEAD "\"tracks\": [");
        for (int i = 0; i < 4; i++) {
            add(&t, "%s { \"name\": \"T%d\", " NOISE ", \"inserts\": [ ", i ? "," : "", i);
            add(&t, after ? CONVOLVER ", " BELL : BELL ", " CONVOLVER, "stereo", i);
            add(&t, " ] }");
        }
        add(&t, "], " STEREO_OUT);
        shape s = shape_of(*state, t.bytes, MXD_FOLD_BY_COST);
        assert_int_equal(s.rows, after ? 4 : 1);
    }
}

/* The dry signal goes around the row; the mixes of wet and dry are gone. */
static void test_wet_and_dry(void **state)
{
    text t = {0};
    add(&t, HEAD "\"tracks\": [");
    for (int i = 0; i < 4; i++)
        add(&t, "%s { \"name\": \"T%d\", \"clips\": [ { \"file\": \"pair.wav\" } ], \"inserts\": [ { \"type\": \"convolver\", "
            "\"impulse_response\": \"stereo%d.wav\", \"dry_db\": -3 } ] }", i ? "," : "", i, i);
    add(&t, "], " STEREO_OUT);
    shape s = shape_of(*state, t.bytes, MXD_FOLD_TRANSFORMS);
    assert_shape(s, 1, 8, 2, 8);
    assert_int_equal(s.mixes, 1);
}

/* Many tracks into one response: one convolution; from two places where they are placed differently. */
static void test_one_response(void **state)
{
    for (int panned = 0; panned < 2; panned++) {
        text t = {0};
        add(&t, HEAD "\"tracks\": [");
        for (int i = 0; i < 6; i++)
            add(&t, "%s { \"name\": \"T%d\", " NOISE ", \"inserts\": [ { \"type\": \"convolver\", \"impulse_response\": \"%s\" } "
                "], \"fader_db\": -%d, \"place\": { \"pan\": %g } }", i ? "," : "", i, i % 2 ? "copy.wav" : "stereo0.wav", i,
                panned ? 0.1 * i : 0.0);
        add(&t, "], " STEREO_OUT);
        assert_shape(shape_of(*state, t.bytes, MXD_FOLD_TRANSFORMS), 1, panned ? 2 : 1, 2, 2);
    }
}

/* Each its own mono response in its own place, by "pan" or as an "object"; they sound and sleep one after another. */
static char *placed_tracks(int count, bool panned, const char *deliverables)
{
    text t = {0};
    add(&t, HEAD "\"tracks\": [");
    for (int i = 0; i < count; i++) {
        add(&t, "%s { \"name\": \"T%d\", \"clips\": [ { \"file\": \"noise.wav\", \"start_s\": %g, \"length_s\": 0.08 }, { "
            "\"file\": \"noise.wav\", \"offset_s\": 0.3, \"start_s\": %g, \"length_s\": 0.05 } ], \"fader_db\": -12, ", i ? "," : "",
            i, 0.02 * i, 0.7 + 0.01 * i);
        add(&t, "\"inserts\": [ { \"type\": \"convolver\", \"impulse_response\": \"mono%d.wav\", \"predelay_ms\": %d } ], ",
            i % NUM_RESPONSES, i);
        add(&t, panned ? "\"place\": { \"pan\": %g } }" : "\"place\": { \"object\": { \"azimuth_deg\": %g } } }",
            panned ? 0.9 - 0.05 * i : 2.3 * i - 27.0);
    }
    add(&t, "], %s", deliverables);
    return t.bytes;
}

/* Each track has its own direction: folding doubles the products. Worth it on a CPU, with many tracks. */
static void test_cost_decides(void **state)
{
    assert_int_equal(shape_of(*state, placed_tracks(24, true, STEREO_OUT), MXD_FOLD_TRANSFORMS).rows, 24);
    assert_shape(shape_of(*state, placed_tracks(24, true, STEREO_OUT), MXD_FOLD_BY_COST), 1, 24, 2, 48);
    assert_shape(shape_of(*state, placed_tracks(24, false, STEREO_OUT), MXD_FOLD_BY_COST), 1, 24, 2, 48);
    assert_int_equal(shape_of(*state, placed_tracks(2, true, STEREO_OUT), MXD_FOLD_BY_COST).rows, 2);
}

/* A track's convolver into a bus, the bus's into the layout: one after the other. */
static void test_ranks(void **state)
{
    shape s = shape_of(*state, eight_tracks(", \"output\": \"Hall\"", "\"buses\": [ { \"name\": \"Hall\", \"channels\": 2, "
        "\"inserts\": [ { \"type\": \"convolver\", \"impulse_response\": \"stereo9.wav\" } ] } ], " STEREO_OUT), MXD_FOLD_TRANSFORMS);
    assert_shape(s, 3, 7, 2, 14); /* the bus's cannot be where its own track's is */
    /* One convolver folds too, where its outputs go to one place. */
    assert_shape(shape_of(*state, strdup(HEAD "\"tracks\": [ { \"name\": \"A\", " NOISE ", \"inserts\": [ { \"type\": "
        "\"convolver\", \"impulse_response\": \"stereo1.wav\" } ], \"output\": \"One\" } ], \"buses\": [ { \"name\": \"One\", "
        "\"channels\": 1 } ], " STEREO_OUT), MXD_FOLD_TRANSFORMS), 1, 1, 1, 2);
}

/* ---- Renders ------------------------------------------------------------- */

/*
 * Everything at once: clips that end and come back after the tail, several kinds of places, wet and dry, copies of one
 * response, sends, buses with convolvers, a convolver behind a convolver, deliverables with and without inserts.
 */
static char *busy_session(double length_s)
{
    static const char *places[] = {
        "\"place\": { \"bed\": \"0+2+0\" }", "\"place\": { \"pan\": 0.4 }", "\"output\": \"Band\"",
        "\"place\": { \"objects\": [ { \"azimuth_deg\": 40, \"elevation_deg\": 20 }, { \"azimuth_deg\": -70 } ] }",
        "\"output\": \"Mono\", \"sends\": [ { \"to\": \"Hall\", \"gain_db\": -6 } ]",
        ("\"place\": { \"bed\": \"0+2+0\" }, \"sends\": [ { \"to\": \"Hall\", \"tap\": \"pre-fader\", \"gain_db\": -20 } ], \"automation\": "
        "[ { \"parameter\": \"fader_db\", \"points\": [ [0, -20], [1, -14] ] } ]"),
    };
    text t = {0};
    add(&t, HEAD "\"length_s\": %g, \"tracks\": [", length_s);
    for (int i = 0; i < 20; i++) {
        add(&t, "%s { \"name\": \"T%d\", \"clips\": [ ", i ? "," : "", i);
        for (int clip = 0; clip < 3; clip++)
            add(&t, "%s { \"file\": \"noise.wav\", \"start_s\": %g, \"offset_s\": %g, \"length_s\": 0.07 }", clip ? "," : "",
                0.03 * i + clip * (0.2 + 0.11 * (i % 4)), 0.04 * i);
        add(&t, " ], \"inserts\": [ ");
        if (i % 3 == 0)
            add(&t, BELL ", ");
        if (i % 5 == 4)
            add(&t, "{ \"type\": \"convolver\", \"impulse_response\": \"mono%d.wav\"%s }, ", i % NUM_RESPONSES,
                i % 2 ? ", \"dry_db\": -4" : "");
        add(&t, "{ \"type\": \"convolver\", \"impulse_response\": \"stereo%d.wav\", \"predelay_ms\": %d%s } ", i % 7,
            i % 4, i % 4 == 3 ? ", \"dry_db\": -6" : "");
        add(&t, "], \"fader_db\": %d, %s }", -10 - i % 5, places[i % 6]);
    }
    add(&t, "], \"buses\": [ { \"name\": \"Band\", \"channels\": 2, \"inserts\": [ " BELL " ] }, { \"name\": \"Mono\", \"channels\": 1, "
        "\"place\": { \"object\": { \"azimuth_deg\": 110 } } }, { \"name\": \"Hall\", \"channels\": 2, \"inserts\": [ { \"type\": "
        "\"convolver\", \"impulse_response\": \"stereo11.wav\" } ], \"place\": { \"bed\": \"0+2+0\" } } ], ");
    add(&t, "\"deliverables\": [ { \"file\": \"out.wav\", \"layout\": \"stereo\", \"bit_depth\": 32 }, { \"file\": \"wide.wav\", "
        "\"layout\": \"7.1.4\", \"bit_depth\": 32 }, { \"file\": \"five.wav\", \"layout\": \"5.1\", \"bit_depth\": 32, \"inserts\": [ "
        BELL " ] } ] }");
    return t.bytes;
}

static const char *const files[] = {"out.wav", "wide.wav", "five.wav"};

static void render(fixture *f, const char *json, const char *folding, const mxd_render_options *options,
                   int num_files, fixture_audio audio[3])
{
    assert_int_equal(setenv("MXD_FOLD", folding, 1), 0);
    mxd_result result = fixture_render(f, json, options);
    unsetenv("MXD_FOLD");
    if (result != MXD_OK)
        fixture_print(f->problems);
    assert_int_equal(result, MXD_OK);
    for (int i = 0; i < num_files; i++)
        audio[i] = fixture_read(fixture_path(f, files[i]));
}

/*
 * In double, -280 dBFS and less; but a sample that lies between two floats may be rounded to either: one unit in the
 * last place below full scale, -144 dBFS, and rare enough that a million samples' energy hides it.
 */
#define REFERENCE_LIMIT (-143.0)
#define REFERENCE_RMS_LIMIT (-190.0)

static double rms_dbfs(const fixture_audio *a, const fixture_audio *b)
{
    double energy = 0.0;
    for (uint64_t i = 0; i < a->frames * a->channels; i++) {
        double difference = (double)a->samples[i] - (double)b->samples[i];
        energy += difference * difference;
    }
    return 10.0 * log10(energy / (double)(a->frames * a->channels) + 1e-300);
}

static void compare(fixture *f, const char *json, const char *folding, const mxd_render_options *options,
                    int num_files, double limit_dbfs, const char *what)
{
    fixture_audio folded[3], plain[3];
    render(f, json, folding, options, num_files, folded);
    render(f, json, "none", options, num_files, plain);
    for (int i = 0; i < num_files; i++) {
        double loudest = 0.0;
        for (uint64_t n = 0; n < plain[i].frames * plain[i].channels; n++)
            loudest = fmax(loudest, fabs((double)plain[i].samples[n]));
        assert_true(loudest > 0.05);
        print_message("%s, %s: %.1f dBFS, peak of the signal %.1f dBFS\n", what, files[i],
                      20.0 * log10(fixture_difference(&folded[i], &plain[i]) + 1e-300), 20.0 * log10(loudest));
        assert_nulls(&folded[i], &plain[i], limit_dbfs, what);
        if (options->backend == MXD_BACKEND_REFERENCE)
            assert_true(rms_dbfs(&folded[i], &plain[i]) <= REFERENCE_RMS_LIMIT);
        free(folded[i].samples);
        free(plain[i].samples);
    }
}

static void test_reference(void **state)
{
    char *json = busy_session(1.75);
    mxd_render_options options = {.backend = MXD_BACKEND_REFERENCE, .block_frames = 1u << 10};
    compare(*state, json, "cost", &options, 3, REFERENCE_LIMIT, "reference, by cost, 2^10");
    options.block_frames = 1u << 16;
    compare(*state, json, "transforms", &options, 3, REFERENCE_LIMIT, "reference, transforms, 2^16");
    free(json);
}

static void test_cpu(void **state)
{
    char *json = busy_session(1.75);
    mxd_render_options options = {.backend = MXD_BACKEND_CPU, .block_frames = 1u << 10};
    compare(*state, json, "cost", &options, 3, -130.0, "cpu, by cost, 2^10");
    compare(*state, json, "transforms", &options, 3, -130.0, "cpu, transforms, 2^10");
    options.block_frames = 1u << 16;
    compare(*state, json, "cost", &options, 3, -130.0, "cpu, by cost, 2^16");
    options.block_frames = 1u << 11;
    options.from_s = 0.9;
    compare(*state, json, "cost", &options, 3, -130.0, "cpu, from the middle");
    free(json);
}

/* Ways given up for the loudspeakers they lead to. Between the first and the second clips the whole fold sleeps. */
static void test_places(void **state)
{
    static const mxd_backend_kind kinds[] = {MXD_BACKEND_CPU, MXD_BACKEND_REFERENCE};
    char *json = placed_tracks(24, false, TWO_OUT);
    assert_shape(shape_of(*state, strdup(json), MXD_FOLD_BY_COST), 1, 24, 5, 96);
    for (int i = 0; i < 2; i++)
        for (uint32_t log2_frames = 10; log2_frames <= 16; log2_frames += 6) {
            mxd_render_options options = {.backend = kinds[i], .block_frames = 1u << log2_frames};
            compare(*state, json, "cost", &options, 2, i ? REFERENCE_LIMIT : -130.0, "places");
        }
    free(json);
}

/* Folded, cut into blocks of 2^10 against 2^18: inputs that sleep and wake leave no trace. */
static void test_blocks(void **state)
{
    char *json = busy_session(1.75);
    fixture_audio small[3], large[3];
    render(*state, json, "cost", &(mxd_render_options){.backend = MXD_BACKEND_CPU, .block_frames = 1u << 10}, 3, small);
    render(*state, json, "cost", &(mxd_render_options){.backend = MXD_BACKEND_CPU, .block_frames = 1u << 18}, 3, large);
    for (int i = 0; i < 3; i++) {
        assert_nulls(&small[i], &large[i], -130.0, files[i]);
        free(small[i].samples);
        free(large[i].samples);
    }
    free(json);
}

static void test_vulkan(void **state)
{
    mxd_vulkan_device devices[16];
    uint32_t count = mxd_vulkan_devices(devices, 16), device = 0;
    while (device < count && device < 16 && !devices[device].usable)
        device++;
    if (device >= count || device >= 16) {
        print_message("no Vulkan device on this machine\n");
        skip();
    }
    char *json = busy_session(1.7);
    mxd_render_options options = {.backend = MXD_BACKEND_VULKAN, .device = device, .block_frames = 1u << 12,
                                  .to_s = 0.9};
    compare(*state, json, "transforms", &options, 3, -130.0, "vulkan, transforms");
    compare(*state, json, "cost", &options, 3, -130.0, "vulkan, by cost");
    free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tracks_on_one_bed),
        cmocka_unit_test(test_what_moves_does_not_fold),
        cmocka_unit_test(test_equalisers_before_and_after),
        cmocka_unit_test(test_wet_and_dry),
        cmocka_unit_test(test_one_response),
        cmocka_unit_test(test_cost_decides),
        cmocka_unit_test(test_ranks),
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_cpu),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_vulkan),
    };
    return cmocka_run_group_tests(tests, set_up, fixture_tear_down);
}
