/*
 * Inserts as session files write them: what is read, and what each mistake is
 * answered with, and where. Response files of every sort.
 */
#include "fixture.h"
#include "formats/audio_file.h"
#include "formats/reader.h"
#include "host/effects/convolver.h"
#include "host/effects/effect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

static mxd_response_library *library; /* of the inserts read; NULL = each for itself */

/* Reads the insert (a JSON object) from a file in the fixture's folder. What read returned; problems are in f. */
static void *read_insert(fixture *f, const char *json)
{
    fixture_text(f, "insert.json", json);
    mxd_document *document = NULL;
    assert_int_equal(mxd_document_open(fixture_path(f, "insert.json"), f->problems, &document), MXD_OK);
    mxd_reader *root = mxd_document_root(document);
    const char *type = NULL;
    assert_true(mxd_read_string(root, "type", MXD_REQUIRED, &type));
    const mxd_effect *effect = mxd_effect_find(type);
    assert_non_null(effect);
    const mxd_effect_context context = {.sample_rate = 48000, .folder = f->folder, .responses = library};
    void *params = effect->read(root, &context);
    for (uint32_t i = 0; params && i < effect->num_parameters; i++) {
        const mxd_insert_parameter *parameter = &effect->parameters[i];
        double *value = (double *)params + i;
        *value = parameter->initial;
        (parameter->is_level ? mxd_read_level : mxd_read_number)(root, parameter->key, MXD_OPTIONAL, parameter->min,
                                                                 parameter->max, value);
    }
    if (params && effect->finish)
        effect->finish(params, root, &context);
    mxd_reader_close(root);
    mxd_document_close(document);
    return params;
}

static float one_sided(uint32_t channel, uint64_t frame)
{
    return channel == 0 && frame == 5 ? 0.25f : 0.0f;
}

static float silence(uint32_t channel, uint64_t frame)
{
    (void)channel;
    (void)frame;
    return 0.0f;
}

static float faulty(uint32_t channel, uint64_t frame)
{
    return channel == 1 && frame == 17 ? NAN : 0.5f;
}

static void make_responses(fixture *f)
{
    fixture_create(f);
    fixture_wav(f, "mono.wav", 48000, 1, 480, fixture_noise);
    fixture_wav(f, "stereo.wav", 48000, 2, 4801, fixture_noise);
    fixture_wav(f, "four.wav", 48000, 4, 480, fixture_noise);
    fixture_wav(f, "one_sided.wav", 48000, 2, 480, one_sided);
    fixture_wav(f, "silent.wav", 48000, 2, 480, silence);
    fixture_wav(f, "faulty.wav", 48000, 2, 480, faulty);
    fixture_wav(f, "long.wav", 8000, 1, 30 * 8000 + 1, fixture_noise);
    fixture_wav(f, "slow.wav", 24000, 1, 2400, fixture_noise);
    fixture_text(f, "foreign.wav", "this is no audio file at all, whatever it is called");
}

typedef struct mistake {
    const char *json;
    const char *path; /* of the one problem; NULL: not looked at */
    const char *text; /* part of it */
} mistake;

#define BAND(band) "{ \"type\": \"eq\", \"bands\": [ { " band " } ] }"
#define LINEAR_BAND(band) "{ \"type\": \"eq\", \"phase\": \"linear\", \"bands\": [ { " band " } ] }"
#define CONVOLVER(keys) "{ \"type\": \"convolver\", " keys " }"
#define ROOM(keys) "{ \"type\": \"convolver\", \"impulse_response\": { " keys " } }"

static const mistake mistakes[] = {
    {"{ \"type\": \"eq\" }", NULL, "bands"},
    {"{ \"type\": \"eq\", \"bands\": [] }", "/bands", "1 to 32 bands in bands"},
    {"{ \"type\": \"eq\", \"phase\": \"zero\", \"bands\": [ { \"type\": \"notch\", \"frequency_hz\": 50 } ] }",
     "/phase", "linear"},
    {"{ \"type\": \"eq\", \"fir_length\": 1023, \"bands\": [ { \"type\": \"notch\", \"frequency_hz\": 50 } ] }",
     "/fir_length", "\"phase\": \"linear\""},
    {LINEAR_BAND("\"type\": \"all-pass\", \"frequency_hz\": 50"), "/bands/0/type", "nothing but phase"},
    {LINEAR_BAND("\"type\": \"bell\", \"frequency_hz\": 50, \"gain_db\": 1, \"ratio\": 2"), "/bands/0/ratio",
     "linear-phase equaliser has none"},
    {"{ \"type\": \"eq\", \"phase\": \"linear\", \"fir_length\": 1024, \"bands\": [ { \"type\": \"notch\", \"frequency_hz\": 50 } ] }",
     "/fir_length", "odd"},
    {BAND("\"type\": \"bel\", \"frequency_hz\": 100, \"gain_db\": 1"), "/bands/0/type", "bell"},
    {BAND("\"type\": \"bell\", \"frequency_hz\": 0.5, \"gain_db\": 1"), "/bands/0/frequency_hz", "1"},
    {BAND("\"type\": \"bell\", \"frequency_hz\": 24000, \"gain_db\": 1"), "/bands/0/frequency_hz",
     "23995.2 at a sample rate of 48000"},
    {BAND("\"type\": \"bell\", \"frequency_hz\": 100"), NULL, "gain_db"},
    {BAND("\"type\": \"bell\", \"gain_db\": 3"), NULL, "frequency_hz"},
    {BAND("\"type\": \"tilt\", \"frequency_hz\": 100, \"gain_db\": 61"), "/bands/0/gain_db", "60"},
    {BAND("\"type\": \"bell\", \"frequency_hz\": 100, \"gain_db\": 1, \"q\": 0.02"), "/bands/0/q", "0.025"},
    {BAND("\"type\": \"bell\", \"frequency_hz\": 100, \"gain_db\": 1, \"slope_db_per_octave\": 12"),
     "/bands/0/slope_db_per_octave", "only a high-pass"},
    {BAND("\"type\": \"high-pass\", \"frequency_hz\": 100, \"gain_db\": 1"), "/bands/0/gain_db",
     "a high-pass has no gain"},
    {BAND("\"type\": \"notch\", \"frequency_hz\": 100, \"gain_db\": 1"), "/bands/0/gain_db", "a notch has no gain"},
    {BAND("\"type\": \"low-pass\", \"frequency_hz\": 100, \"slope_db_per_octave\": 18"),
     "/bands/0/slope_db_per_octave", "12, 24 or 48"},
    {BAND("\"type\": \"low-pass\", \"frequency_hz\": 100, \"slope_db_per_octave\": 24, \"q\": 1"), "/bands/0/q",
     "Butterworth"},
    {BAND("\"type\": \"notch\", \"frequency_hz\": 100, \"threshold_db\": -20"), "/bands/0/threshold_db",
     "a bell, a low-shelf or a high-shelf"},
    {BAND("\"type\": \"bell\", \"frequency_hz\": 100, \"gain_db\": 1, \"attack_ms\": 2"), "/bands/0/attack_ms",
     "begins with threshold_db"},
    {BAND("\"type\": \"bell\", \"frequency_hz\": 100, \"threshold_db\": -20, \"ratio\": 0.5"), "/bands/0/ratio", "1"},
    {BAND("\"type\": \"bell\", \"frequency_hz\": 100, \"threshold_db\": -20, \"direction\": \"left\""),
     "/bands/0/direction", "down"},
    {BAND("\"type\": \"bell\", \"frequency_hz\": 100, \"gain_db\": 1, \"scope\": \"centre\""), "/bands/0/scope",
     "mid"},
    {BAND("\"type\": \"bell\", \"frequency_hz\": 100, \"gain_dB\": 1, \"gain_db\": 1"), "/bands/0/gain_dB", "gain_db"},

    {"{ \"type\": \"convolver\" }", NULL, "impulse_response is missing"},
    {CONVOLVER("\"impulse_response\": 3"), "/impulse_response", "name of a file"},
    {CONVOLVER("\"impulse_response\": \"nowhere.wav\""), "/impulse_response", "nowhere.wav"},
    {CONVOLVER("\"impulse_response\": \"nowhere.wav\", \"length_s\": 1, \"matrix\": [[0]]"), "/impulse_response",
     "nowhere.wav"},
    {CONVOLVER("\"impulse_response\": \"foreign.wav\""), "/impulse_response", "foreign.wav"},
    {CONVOLVER("\"impulse_response\": \"silent.wav\""), "/impulse_response", "is silent"},
    {CONVOLVER("\"impulse_response\": \"faulty.wav\""), "/impulse_response", "NaN) at frame 17"},
    {CONVOLVER("\"impulse_response\": \"long.wav\""), "/impulse_response", "long.wav"},
    {CONVOLVER("\"impulse_response\": \"mono.wav\", \"wet_db\": null"), "/", "silent"},
    {CONVOLVER("\"impulse_response\": \"mono.wav\", \"predelay_ms\": 1001"), "/predelay_ms", "1000"},
    {CONVOLVER("\"impulse_response\": \"mono.wav\", \"normalize\": \"peak\""), "/normalize", "energy"},
    {CONVOLVER("\"impulse_response\": \"mono.wav\", \"matrix\": []"), "/matrix", "row"},
    {CONVOLVER("\"impulse_response\": \"mono.wav\", \"matrix\": [[0], []]"), "/matrix/1", "alike"},
    {CONVOLVER("\"impulse_response\": \"mono.wav\", \"matrix\": [[1]]"), "/matrix/0/0", "0"},
    {CONVOLVER("\"impulse_response\": \"stereo.wav\", \"matrix\": [[0.5]]"), "/matrix/0", "0.5"},
    {CONVOLVER("\"impulse_response\": \"stereo.wav\", \"matrix\": [[null, null]]"), "/matrix", "empty"},
    {CONVOLVER("\"impulse_response\": \"stereo.wav\", \"matrx\": [[0]]"), "/matrx", "matrix"},
    {ROOM("\"width\": 1"), NULL, "decay_s"},
    {ROOM("\"decay_s\": 0"), "/impulse_response/decay_s", "0.1"},
    {ROOM("\"decay_s\": []"), "/impulse_response/decay_s", "1 to 10"},
    {ROOM("\"decay_s\": [1, 30]"), "/impulse_response/decay_s/1", "20"},
    {ROOM("\"decay_s\": 1, \"channels\": 25"), "/impulse_response/channels", "24"},
    {ROOM("\"decay_s\": 1, \"width\": 1.5"), "/impulse_response/width", "1"},
    {ROOM("\"decay_s\": 1, \"seed\": 0.5"), "/impulse_response/seed", ""},
    {ROOM("\"decay_s\": 1, \"size\": 0.5"), "/impulse_response/size", "size"},
    {CONVOLVER("\"impulse_response\": { \"decay_s\": 1 }, \"matrix\": [[0]]"), "/matrix", "remove matrix"},
    {CONVOLVER("\"impulse_response\": { \"decay_s\": 1 }, \"length_s\": 1"), "/length_s", "remove length_s"},
    {CONVOLVER("\"impulse_response\": { \"decay_s\": 1 }, \"normalize\": \"none\""), "/normalize", "unit energy"},
};

static void each_mistake_has_its_line(void **state)
{
    (void)state;
    fixture f;
    make_responses(&f);
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        const mistake *m = &mistakes[i];
        mxd_problems_destroy(f.problems);
        f.problems = mxd_problems_create();
        assert_non_null(f.problems);
        void *params = read_insert(&f, m->json);
        const mxd_effect *effect = mxd_effect_find(strstr(m->json, "\"eq\"") ? "eq" : "convolver");
        const size_t count = mxd_problems_count(f.problems);
        const mxd_problem *problem = count ? mxd_problems_get(f.problems, 0) : NULL;
        if (count != 1 || problem->severity != MXD_SEVERITY_ERROR || !strstr(problem->text, m->text) ||
            (m->path && (!problem->path || strcmp(problem->path, m->path) != 0))) {
            for (size_t p = 0; p < count; p++)
                print_message("  at %s: %s\n", mxd_problems_get(f.problems, p)->path,
                              mxd_problems_get(f.problems, p)->text);
            fail_msg("%s\n: %zu problems, not one at %s that says '%s'", m->json, count, m->path, m->text);
        }
        if (getenv("MXD_VERBOSE"))
            print_message("%u:%u %s: %s\n", problem->line, problem->column, problem->path, problem->text);
        effect->destroy(params);
    }
    fixture_destroy(&f);
}

static void no_problems(const fixture *f)
{
    for (size_t i = 0; i < mxd_problems_count(f->problems); i++)
        print_message("%s\n", mxd_problems_get(f->problems, i)->text);
    assert_int_equal(mxd_problems_count(f->problems), 0);
}

static void eq_reads_its_bands(void **state)
{
    (void)state;
    fixture f;
    fixture_create(&f);
    void *params = read_insert(
        &f, "{ \"type\": \"eq\", \"bands\": ["
            "{ \"type\": \"high-pass\", \"frequency_hz\": 80, \"q\": 0.707 },"
            "{ \"type\": \"low-pass\", \"frequency_hz\": 20000, \"slope_db_per_octave\": 48 },"
            "{ \"type\": \"bell\", \"frequency_hz\": 3000, \"gain_db\": 2.5, \"q\": 1.0 },"
            "{ \"type\": \"low-shelf\", \"frequency_hz\": 1, \"gain_db\": -60 },"
            "{ \"type\": \"tilt\", \"frequency_hz\": 700, \"gain_db\": 3 },"
            "{ \"type\": \"all-pass\", \"frequency_hz\": 700, \"enabled\": true },"
            "{ \"type\": \"band-pass\", \"frequency_hz\": 700, \"enabled\": false } ] }");
    assert_non_null(params);
    no_problems(&f);
    const mxd_effect *eq = mxd_effect_find("eq");
    assert_int_equal(eq->num_outputs(params, 12, NULL, f.problems), 12);
    /* The shelf at 1 Hz, lowered by 60 dB, keeps its pole at 1 Hz / sqrt(1/31.6) = 5.6 Hz: about half a second. */
    assert_true(eq->tail_frames(params, 12) > 12000 && eq->tail_frames(params, 12) < 96000);
    eq->destroy(params);
    /* All off: nothing rings. */
    params = read_insert(&f, "{ \"type\": \"eq\", \"bands\": [ { \"type\": \"notch\", \"frequency_hz\": 50, "
                             "\"enabled\": false }, { \"type\": \"bell\", \"frequency_hz\": 50, \"gain_db\": 0 } ] }");
    no_problems(&f);
    assert_int_equal(eq->tail_frames(params, 1), 0);
    eq->destroy(params);
    fixture_destroy(&f);
}

static void convolver_reads_files(void **state)
{
    (void)state;
    fixture f;
    make_responses(&f);
    const mxd_effect *effect = mxd_effect_find("convolver");
    mxd_convolver *convolver =
        read_insert(&f, CONVOLVER("\"impulse_response\": \"stereo.wav\", \"predelay_ms\": 20, \"wet_db\": -3, "
                                  "\"dry_db\": 0, \"normalize\": \"none\", \"matrix\": [[0, null, 1], [1, 1, null]]"));
    assert_non_null(convolver);
    no_problems(&f);
    assert_int_equal(convolver->predelay_frames, 960);
    assert_true(convolver->wet_db == -3.0 && convolver->dry_db == 0.0 && convolver->as_is);
    assert_int_equal(effect->num_outputs(convolver, 2, NULL, f.problems), 3);
    assert_int_equal(effect->tail_frames(convolver, 2), 960 + 4800);
    const int matrix[2][3] = {{0, -1, 1}, {1, 1, -1}};
    for (int i = 0; i < 2; i++)
        for (int o = 0; o < 3; o++)
            assert_int_equal(convolver->matrix->channels[i][o], matrix[i][o]);
    /* The samples are the file's. */
    for (uint32_t c = 0; c < 2; c++)
        for (uint32_t n = 0; n < 4801; n++)
            assert_true(convolver->response->memory[c * 4801 + n] == fixture_noise(c, n));
    effect->destroy(convolver);

    /* An absolute path; cut to 10 ms. */
    char json[512];
    snprintf(json, sizeof json, CONVOLVER("\"impulse_response\": \"%s\", \"length_s\": 0.01"),
             fixture_path(&f, "four.wav"));
    convolver = read_insert(&f, json);
    assert_non_null(convolver);
    no_problems(&f);
    assert_int_equal(effect->num_outputs(convolver, 2, NULL, f.problems), 2);
    assert_int_equal(effect->tail_frames(convolver, 2), 479);
    effect->destroy(convolver);

    /* Half the rate: the same sound at twice the frames. */
    convolver = read_insert(&f, CONVOLVER("\"impulse_response\": \"slow.wav\""));
    assert_non_null(convolver);
    no_problems(&f);
    assert_int_equal(convolver->response->num_frames, 4800);
    effect->destroy(convolver);
    fixture_destroy(&f);
}

static void convolver_reads_rooms(void **state)
{
    (void)state;
    fixture f;
    fixture_create(&f);
    const mxd_effect *effect = mxd_effect_find("convolver");
    mxd_convolver *convolver =
        read_insert(&f, "{ \"type\": \"convolver\", \"predelay_ms\": 5, "
                        "\"impulse_response\": { \"decay_s\": [3, 2.5, 2], "
                        "\"predelay_ms\": 10, \"width\": 0.5, \"channels\": 12, \"seed\": 4294967295 } }");
    assert_non_null(convolver);
    no_problems(&f);
    assert_int_equal(convolver->predelay_frames, 720);
    assert_int_equal(convolver->room.num_outputs, 12);
    assert_int_equal(convolver->room.seed, UINT32_MAX);
    assert_true(convolver->room.width == 0.5);
    assert_true(convolver->room.decay_s[0] == 3 && convolver->room.decay_s[1] == 2.5);
    for (int band = 2; band < MXD_ROOM_BANDS; band++)
        assert_true(convolver->room.decay_s[band] == 2);
    assert_int_equal(effect->num_outputs(convolver, 2, NULL, f.problems), 12);
    /* -80 dB of the longest: 4 s. */
    assert_int_equal(effect->tail_frames(convolver, 2), 720 + 4 * 48000);
    effect->destroy(convolver);

    convolver = read_insert(&f, ROOM("\"decay_s\": 20"));
    assert_non_null(convolver);
    no_problems(&f);
    assert_int_equal(convolver->room.num_outputs, 2);
    assert_true(convolver->room.width == 1.0 && convolver->room.decay_s[5] == 20.0);
    assert_true(convolver->room.decay_s[2] == 20.0 && convolver->room.decay_s[9] < 10.0);
    assert_true(effect->tail_frames(convolver, 1) < 30 * 48000);
    effect->destroy(convolver);
    fixture_destroy(&f);
}

/* Real responses, of two and four channels at three rates. */
static void real_responses_load(void **state)
{
    (void)state;
    const struct {
        const char *name;
        uint32_t num_inputs, num_outputs;
    } files[] = {
        {MXD_SHARED "/data/irs/emt140_dark_5.wav", 2, 2},
        {MXD_SHARED "/data/irs/openair_genesis6_live_room_bformat_96k.wav", 1, 4},
        {MXD_SHARED "/data/irs/openair_st_margarets_church_bformat_44k1.wav", 1, 4},
        {MXD_SHARED "/data/irs/unterlinden_basement_clap_48k24.wav", 2, 2},
    };
    FILE *probe = fopen(files[0].name, "rb");
    if (!probe) {
        print_message("no %s: skipped\n", files[0].name);
        skip();
    }
    fclose(probe);
    fixture f;
    fixture_create(&f);
    for (int i = 0; i < 4; i++) {
        char json[1024];
        snprintf(json, sizeof json, CONVOLVER("\"impulse_response\": \"%s\""), files[i].name);
        mxd_convolver *convolver = read_insert(&f, json);
        no_problems(&f);
        assert_non_null(convolver);
        assert_int_equal(mxd_effect_convolver.num_outputs(convolver, files[i].num_inputs, NULL, f.problems),
                         files[i].num_outputs);
        assert_true(mxd_effect_convolver.tail_frames(convolver, files[i].num_inputs) > 4800);
        mxd_effect_convolver.destroy(convolver);
    }
    fixture_destroy(&f);
}

static void table_of_effects(void **state)
{
    (void)state;
    uint32_t count = 0;
    for (; mxd_effect_get(count); count++) {
        assert_ptr_equal(mxd_effect_find(mxd_effect_get(count)->type), mxd_effect_get(count));
        assert_false(mxd_effect_is_planned(mxd_effect_get(count)->type));
    }
    assert_true(count >= 2);
    assert_null(mxd_effect_find("limiter"));
    assert_true(mxd_effect_is_planned("limiter"));
    assert_true(mxd_effect_is_planned("match"));
    assert_false(mxd_effect_is_planned("compresor"));
    for (uint32_t i = 0; mxd_effect_get(i); i++)
        mxd_effect_get(i)->destroy(NULL);
}

static void responses_are_shared(void **state)
{
    (void)state;
    static const char *const twins[][2] = {
        {CONVOLVER("\"impulse_response\": \"stereo.wav\""), CONVOLVER("\"impulse_response\": \"stereo.wav\", \"wet_db\": -6")},
        {ROOM("\"decay_s\": 0.2, \"seed\": 4"), ROOM("\"seed\": 4, \"decay_s\": 0.2, \"predelay_ms\": 5")},
    };
    static const char *const strangers[][2] = {
        {CONVOLVER("\"impulse_response\": \"stereo.wav\""), CONVOLVER("\"impulse_response\": \"stereo.wav\", \"length_s\": 0.05")},
        {ROOM("\"decay_s\": 0.2, \"seed\": 4"), ROOM("\"decay_s\": 0.2, \"seed\": 5")},
    };
    fixture f;
    make_responses(&f);
    library = mxd_response_library_create();
    for (int i = 0; i < 2; i++) {
        mxd_convolver *a = read_insert(&f, twins[i][0]), *b = read_insert(&f, twins[i][1]);
        mxd_convolver *c = read_insert(&f, strangers[i][1]);
        assert_true(a && b && c);
        assert_ptr_equal(a->response, b->response);
        assert_ptr_equal(a->rooms, b->rooms);
        assert_true(a->response != c->response || a->rooms != c->rooms);
        mxd_effect_convolver.destroy(a);
        if (i == 0) /* what is left is whole */
            assert_int_equal(b->response->num_frames, 4801);
        mxd_effect_convolver.destroy(b);
        mxd_effect_convolver.destroy(c);
    }
    /* What was prefetched is what is got; what is wrong is told by the get alone. */
    const mxd_response_request requests[] = {{fixture_path(&f, "mono.wav"), 48000, 0}};
    mxd_response_library_prefetch(library, requests, 1);
    const mxd_response_request wrong[] = {{fixture_path(&f, "faulty.wav"), 48000, 0}};
    mxd_response_library_prefetch(library, wrong, 1);
    assert_int_equal(mxd_problems_count(f.problems), 0);
    assert_null(read_insert(&f, CONVOLVER("\"impulse_response\": \"faulty.wav\"")));
    assert_int_equal(mxd_problems_count(f.problems), 1);
    mxd_response_library_destroy(library);
    library = NULL;
    fixture_destroy(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_of_effects),
        cmocka_unit_test(each_mistake_has_its_line), cmocka_unit_test(eq_reads_its_bands),
        cmocka_unit_test(convolver_reads_files),     cmocka_unit_test(convolver_reads_rooms),
        cmocka_unit_test(responses_are_shared),       cmocka_unit_test(real_responses_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
