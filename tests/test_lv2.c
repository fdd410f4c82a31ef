/*
 * LV2 plug-ins as hosted inserts. Witnesses: plug-ins of the tests' own whose result is a closed form, the LV2
 * project's example amplifier (a closed form: 10^(gain/20)), and LSP's limiter run by lilv in this very process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lv2_fixture.h"

#include "host/clock.h"

#include <lilv/lilv.h>
#include <lv2/urid/urid.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define RATE 48000
#define MAX_LANES 3
#define MAX_FRAMES 8192
#define AMP "http://lv2plug.in/plugins/eg-amp"
#define LIMITER "http://lsp-plug.in/plugins/lv2/limiter_stereo"

static const mxd_place the_place = {.file = "session.json", .line = 7, .column = 9, .path = "/tracks/0/inserts/1"};
static float inputs[MAX_LANES][MAX_FRAMES], outputs[MAX_LANES][MAX_FRAMES];

/* White, in -0.5..0.5, the same on every run. */
static void fill_inputs(void)
{
    uint64_t seed = 1;
    for (uint32_t lane = 0; lane < MAX_LANES; lane++)
        for (uint32_t i = 0; i < MAX_FRAMES; i++) {
            seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407); /* Knuth's MMIX */
            inputs[lane][i] = (float)((double)(seed >> 33) / 2147483648.0 - 0.5);
        }
}

static int set_up(void **state)
{
    (void)state;
    lv2_fixture_set_up();
    fill_inputs();
    return 0;
}

/* ---- Short ways ------------------------------------------------------------ */

static void expect_words(mxd_problems *problems, const char *const *words)
{
    assert_true(mxd_problems_count(problems) == 1);
    const mxd_problem *problem = mxd_problems_get(problems, 0);
    for (; *words; words++)
        if (!strstr(problem->text, *words))
            fail_msg("\"%s\" lacks \"%s\"", problem->text, *words);
    assert_null(strchr(problem->text, '\n'));
    assert_string_equal(problem->path, the_place.path);
    mxd_problems_destroy(problems);
}

#define EXPECT(problems, ...) expect_words(problems, (const char *const[]){__VA_ARGS__, NULL})

static mxd_lv2_plugin *find_with(const char *uri, const char *preset, const char *state)
{
    const mxd_lv2_choice choice = {.uri = uri, .preset = preset, .state = state, .sample_rate = RATE};
    mxd_problems *problems = mxd_problems_create();
    mxd_lv2_plugin *plugin;
    mxd_result result = mxd_lv2_find(&choice, &the_place, problems, &plugin);
    if (result != MXD_OK)
        fail_msg("%s", mxd_problems_get(problems, 0)->text);
    mxd_problems_destroy(problems);
    return plugin;
}

static mxd_problems *fail_to_find(const char *uri, const char *preset, const char *state)
{
    const mxd_lv2_choice choice = {.uri = uri, .preset = preset, .state = state, .sample_rate = RATE};
    mxd_problems *problems = mxd_problems_create();
    mxd_lv2_plugin *plugin;
    assert_int_equal(mxd_lv2_find(&choice, &the_place, problems, &plugin), MXD_ERROR_INVALID);
    assert_null(plugin);
    return problems;
}

/* The plug-in's own values, of which some are set. */
typedef struct setting {
    const char *symbol;
    float value;
} setting;

static uint32_t index_of(const mxd_lv2_plugin *plugin, const char *symbol)
{
    for (uint32_t i = 0; i < plugin->num_parameters; i++)
        if (strcmp(plugin->parameters[i].symbol, symbol) == 0)
            return i;
    fail_msg("no parameter %s", symbol);
    return 0;
}

static mxd_hosted *create(const mxd_lv2_plugin *plugin, uint32_t num_inputs, const setting *settings,
                          const char *automated, mxd_problems *problems)
{
    float values[512];
    uint32_t index = 0;
    assert_true(plugin->num_parameters <= 512);
    for (uint32_t i = 0; i < plugin->num_parameters; i++)
        values[i] = plugin->parameters[i].value;
    for (; settings && settings->symbol; settings++)
        values[index_of(plugin, settings->symbol)] = settings->value;
    if (automated)
        index = index_of(plugin, automated);
    const mxd_hosted_setup setup = {
        .sample_rate = RATE,
        .num_inputs = num_inputs,
        .block_frames = MAX_FRAMES,
        .automated = &index,
        .num_automated = automated ? 1 : 0,
        .place = the_place,
    };
    mxd_hosted *hosted;
    mxd_result result = mxd_lv2_create(plugin, values, &setup, problems, &hosted);
    if (result != MXD_OK && !problems)
        fail_msg("%s cannot be created", plugin->name);
    return hosted;
}

static mxd_result process(mxd_hosted *hosted, uint64_t first_frame, uint32_t offset, uint32_t num_frames,
                          const float *values)
{
    const float *ins[MAX_LANES];
    float *outs[MAX_LANES];
    for (uint32_t i = 0; i < MAX_LANES; i++) {
        ins[i] = inputs[i] + offset;
        outs[i] = outputs[i] + offset;
    }
    return mxd_hosted_process(hosted, first_frame, num_frames, ins, outs, &values);
}

static void expect_gain(uint32_t lane, uint32_t from_lane, uint32_t begin, uint32_t end, uint32_t delay, double gain)
{
    for (uint32_t i = begin; i < end; i++) {
        double expected = i >= delay ? gain * (double)inputs[from_lane][i - delay] : 0.0;
        /* Two float products: 2 x 2^-24 of 4 x 0.5. */
        if (!(fabs((double)outputs[lane][i] - expected) <= 2.4e-7))
            fail_msg("lane %u, frame %u: %.9g, expected %.9g", lane, i, (double)outputs[lane][i], expected);
    }
}

/* ---- What they do ------------------------------------------------------------ */

static void test_example_amplifier(void **state)
{
    (void)state;
    if (!lv2_fixture_has(AMP, "lv2-examples"))
        skip();
    mxd_lv2_plugin *plugin = find_with(AMP, NULL, NULL);
    assert_string_equal(plugin->name, "the LV2 plug-in \"Simple Amplifier\"");
    assert_int_equal(plugin->num_inputs, 1);
    assert_int_equal(plugin->num_outputs, 1);
    assert_int_equal(plugin->num_parameters, 1);
    assert_string_equal(plugin->parameters[0].symbol, "gain");
    assert_true(plugin->parameters[0].minimum == -90.0f && plugin->parameters[0].maximum == 24.0f);
    mxd_hosted *hosted = create(plugin, 1, (const setting[]){{"gain", -7.5f}, {0}}, NULL, NULL);
    assert_int_equal(mxd_hosted_latency_frames(hosted), 0);
    assert_int_equal(process(hosted, 0, 0, 5000, NULL), MXD_OK);
    expect_gain(0, 0, 0, 5000, 0, pow(10.0, -7.5 / 20.0));
    mxd_hosted_destroy(hosted);
    mxd_lv2_plugin_destroy(plugin);
}

static void test_lanes(void **state)
{
    (void)state;
    mxd_lv2_plugin *plugin = find_with(TEST_PLUGIN("plain"), NULL, NULL);
    mxd_hosted *hosted = create(plugin, 3, (const setting[]){{"gain", 2.0f}, {0}}, NULL, NULL);
    assert_int_equal(mxd_hosted_num_outputs(hosted), 3);
    memset(outputs, 0, sizeof outputs);
    /* Awkward ends; each begins anew. */
    static const uint32_t sizes[] = {1, 127, 128, 129, 1023, 1024, 1025, 4099, MAX_FRAMES};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_int_equal(mxd_hosted_reset(hosted), MXD_OK);
        for (uint32_t lane = 0; lane < 3; lane++)
            outputs[lane][sizes[i] % MAX_FRAMES] = 77.0f; /* a guard behind the end */
        assert_int_equal(process(hosted, 0, 0, sizes[i], NULL), MXD_OK);
        for (uint32_t lane = 0; lane < 3; lane++) {
            expect_gain(lane, lane, 0, sizes[i], 0, 2.0);
            assert_true(sizes[i] == MAX_FRAMES || outputs[lane][sizes[i]] == 77.0f);
        }
    }
    mxd_hosted_destroy(hosted);
    mxd_lv2_plugin_destroy(plugin);
}

static void test_latency_and_reset(void **state)
{
    (void)state;
    mxd_lv2_plugin *plugin = find_with(TEST_PLUGIN("plain"), NULL, NULL);
    float values[] = {1.0f, 77.0f};
    uint32_t latency;
    assert_string_equal(plugin->parameters[1].symbol, "delay");
    assert_int_equal(mxd_lv2_learn_latency(plugin, values, false, &the_place, NULL, &latency), MXD_OK);
    assert_int_equal(latency, 77);
    mxd_hosted *hosted = create(plugin, 1, (const setting[]){{"delay", 77.0f}, {0}}, NULL, NULL);
    assert_int_equal(mxd_hosted_latency_frames(hosted), 77);
    /* Twice: the second time nothing of the first is left. And in two blocks as in one. */
    for (int round = 0; round < 2; round++) {
        assert_int_equal(process(hosted, 0, 0, 1024, NULL), MXD_OK);
        assert_int_equal(process(hosted, 1024, 1024, 3000, NULL), MXD_OK);
        expect_gain(0, 0, 0, 4024, 77, 1.0);
        assert_int_equal(mxd_hosted_reset(hosted), MXD_OK);
    }
    mxd_hosted_destroy(hosted);
    mxd_lv2_plugin_destroy(plugin);
}

static void test_automation(void **state)
{
    (void)state;
    mxd_lv2_plugin *plugin = find_with(TEST_PLUGIN("plain"), NULL, NULL);
    mxd_hosted *hosted = create(plugin, 1, NULL, "gain", NULL);
    float values[MAX_FRAMES / MXD_HOSTED_FINE_RUN];
    for (uint32_t i = 0; i < MAX_FRAMES / MXD_HOSTED_FINE_RUN; i++)
        values[i] = (float)(i % 100) * 0.03f;
    const uint32_t num_frames = 4099;
    assert_int_equal(process(hosted, 0, 0, num_frames, values), MXD_OK);
    for (uint32_t begin = 0; begin < num_frames; begin += MXD_HOSTED_FINE_RUN) {
        uint32_t end = begin + MXD_HOSTED_FINE_RUN < num_frames ? begin + MXD_HOSTED_FINE_RUN : num_frames;
        expect_gain(0, 0, begin, end, 0, (double)values[begin / MXD_HOSTED_FINE_RUN]);
    }
    mxd_hosted_destroy(hosted);
    mxd_lv2_plugin_destroy(plugin);
}

static void test_kinds_of_ports(void **state)
{
    (void)state;
    mxd_lv2_plugin *plugin = find_with(TEST_PLUGIN("ports"), NULL, NULL);
    assert_int_equal(plugin->num_inputs, 1); /* the side chain does not count */
    assert_int_equal(plugin->num_parameters, 4); /* nor does "offline" */
    assert_int_equal(plugin->parameters[index_of(plugin, "gain")].kind, MXD_LV2_REAL);
    assert_int_equal(plugin->parameters[index_of(plugin, "delay")].kind, MXD_LV2_INTEGER);
    assert_int_equal(plugin->parameters[index_of(plugin, "on")].kind, MXD_LV2_TOGGLE);
    const mxd_lv2_parameter *shape = &plugin->parameters[index_of(plugin, "shape")];
    assert_int_equal(shape->kind, MXD_LV2_ENUMERATION);
    assert_int_equal(shape->num_points, 3);
    double sum = 0.0;
    for (uint32_t i = 0; i < 3; i++) {
        const mxd_lv2_point *point = &plugin->points[shape->first_point + i];
        sum += (double)point->value;
        if (point->value == 4.0f)
            assert_string_equal(point->label, "Four times");
    }
    assert_true(sum == 7.0);
    /* The plug-in writes NaN where a port is not as it should be, which is an error. */
    mxd_hosted *hosted = create(plugin, 2, (const setting[]){{"shape", 4.0f}, {0}}, NULL, NULL);
    assert_int_equal(process(hosted, 0, 0, 2048, NULL), MXD_OK);
    expect_gain(0, 0, 0, 2048, 0, 4.0);
    expect_gain(1, 1, 0, 2048, 0, 4.0);
    mxd_hosted_destroy(hosted);
    mxd_lv2_plugin_destroy(plugin);
}

static void test_worker(void **state)
{
    (void)state;
    mxd_lv2_plugin *plugin = find_with(TEST_PLUGIN("worker"), NULL, NULL);
    mxd_hosted *hosted = create(plugin, 1, NULL, NULL, NULL);
    assert_int_equal(process(hosted, 0, 0, 3 * MXD_HOSTED_RUN, NULL), MXD_OK);
    /* One answer before: the run in which the latency was learnt. */
    for (uint32_t run = 0; run < 3; run++)
        expect_gain(0, 0, run * MXD_HOSTED_RUN, (run + 1) * MXD_HOSTED_RUN, 0, 2.0 + run);
    mxd_hosted_destroy(hosted);
    mxd_lv2_plugin_destroy(plugin);
}

/* gain of the preset 3 and of the file 0.25; factor, which no port tells, 2 and 3. */
static void test_preset_and_state(void **state)
{
    (void)state;
    static const struct {
        const char *preset, *file;
        double gain, factor;
    } cases[] = {
        {NULL, NULL, 1.0, 1.0},
        {"Loud", NULL, 3.0, 2.0},
        {TEST_PLUGIN("loud"), NULL, 3.0, 2.0},
        {NULL, MXD_SOURCE_DIR "/tests/lv2/other.ttl", 0.25, 3.0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mxd_lv2_plugin *plugin = find_with(TEST_PLUGIN("plain"), cases[i].preset, cases[i].file);
        assert_true((double)plugin->parameters[0].value == cases[i].gain);
        mxd_hosted *hosted = create(plugin, 1, NULL, NULL, NULL);
        assert_int_equal(process(hosted, 0, 0, 1024, NULL), MXD_OK);
        expect_gain(0, 0, 0, 1024, 0, cases[i].gain * cases[i].factor);
        mxd_hosted_destroy(hosted);
        mxd_lv2_plugin_destroy(plugin);
    }
}

/* ---- LSP's limiter, run by lilv in this process -------------------------------- */

static const char *known_uris[4096];
static uint32_t num_known_uris;

static LV2_URID map_uri(LV2_URID_Map_Handle handle, const char *uri)
{
    (void)handle;
    for (uint32_t i = 0; i < num_known_uris; i++)
        if (strcmp(known_uris[i], uri) == 0)
            return i + 1;
    assert_true(num_known_uris < 4096);
    known_uris[num_known_uris] = strdup(uri);
    return ++num_known_uris;
}

/* Runs it on the first two lanes from their beginning; gives its latency. */
static uint32_t run_directly(const char *uri, const char *symbol, float value, uint32_t num_frames,
                             float result[2][MAX_FRAMES])
{
    LilvWorld *world = lilv_world_new();
    lilv_world_load_all(world);
    LilvNode *node = lilv_new_uri(world, uri);
    const LilvPlugin *plugin = lilv_plugins_get_by_uri(lilv_world_get_all_plugins(world), node);
    lilv_node_free(node);
    LV2_URID_Map map = {NULL, map_uri};
    const LV2_Feature feature = {LV2_URID__map, &map};
    const LV2_Feature *const features[] = {&feature, NULL};
    LilvInstance *instance = lilv_plugin_instantiate(plugin, RATE, features);
    assert_non_null(instance);
    uint32_t num_ports = lilv_plugin_get_num_ports(plugin), audio[2][2] = {{0}}, counts[2] = {0};
    float *controls = calloc(num_ports, sizeof *controls);
    lilv_plugin_get_port_ranges_float(plugin, NULL, NULL, controls);
    LilvNode *audio_port = lilv_new_uri(world, LILV_URI_AUDIO_PORT), *input = lilv_new_uri(world, LILV_URI_INPUT_PORT);
    LilvNode *control_port = lilv_new_uri(world, LILV_URI_CONTROL_PORT);
    for (uint32_t i = 0; i < num_ports; i++) {
        const LilvPort *port = lilv_plugin_get_port_by_index(plugin, i);
        int out = !lilv_port_is_a(plugin, port, input);
        if (lilv_port_is_a(plugin, port, audio_port))
            audio[out][counts[out]++] = i;
        else
            lilv_instance_connect_port(instance, i, lilv_port_is_a(plugin, port, control_port) ? &controls[i] : NULL);
        if (strcmp(lilv_node_as_string(lilv_port_get_symbol(plugin, port)), symbol) == 0)
            controls[i] = value;
    }
    lilv_instance_activate(instance);
    for (uint32_t begin = 0; begin < num_frames; begin += MXD_HOSTED_RUN) {
        for (uint32_t lane = 0; lane < 2; lane++) {
            lilv_instance_connect_port(instance, audio[0][lane], inputs[lane] + begin);
            lilv_instance_connect_port(instance, audio[1][lane], result[lane] + begin);
        }
        lilv_instance_run(instance, MXD_HOSTED_RUN);
    }
    uint32_t latency = (uint32_t)controls[lilv_plugin_get_latency_port_index(plugin)];
    lilv_node_free(audio_port);
    lilv_node_free(input);
    lilv_node_free(control_port);
    free(controls);
    lilv_instance_free(instance);
    lilv_world_free(world);
    for (; num_known_uris > 0; num_known_uris--)
        free((void *)known_uris[num_known_uris - 1]);
    return latency;
}

static void test_limiter(void **state)
{
    (void)state;
    static float expected[2][MAX_FRAMES];
    if (!lv2_fixture_has(LIMITER, "lsp-plugins-lv2"))
        skip();
    uint32_t latency = run_directly(LIMITER, "th", 0.2f, MAX_FRAMES, expected);
    assert_true(latency > 0);
    mxd_lv2_plugin *plugin = find_with(LIMITER, NULL, NULL);
    mxd_hosted *hosted = create(plugin, 2, (const setting[]){{"th", 0.2f}, {0}}, NULL, NULL);
    assert_int_equal(mxd_hosted_latency_frames(hosted), latency);
    assert_int_equal(process(hosted, 0, 0, 2048, NULL), MXD_OK);
    assert_int_equal(process(hosted, 2048, 2048, MAX_FRAMES - 2048, NULL), MXD_OK);
    double difference = 0.0, peak = 0.0;
    for (uint32_t lane = 0; lane < 2; lane++)
        for (uint32_t i = 0; i < MAX_FRAMES; i++) {
            difference = fmax(difference, fabs((double)outputs[lane][i] - (double)expected[lane][i]));
            peak = fmax(peak, fabs((double)outputs[lane][i]));
        }
    printf("limiter: latency %u, peak %.3f, difference %.3g\n", latency, peak, difference);
    /* It limits: by itself it then raises the threshold to full scale, where without limiting 0.5 / 0.2 would be. */
    assert_true(peak > 0.9 && peak < 1.1);
    /* The same code on the same numbers, but for denormals. */
    assert_true(difference <= 1e-30);
    mxd_hosted_destroy(hosted);
    mxd_lv2_plugin_destroy(plugin);
}

/* ---- What cannot be ------------------------------------------------------------- */

static void test_not_found(void **state)
{
    (void)state;
    EXPECT(fail_to_find("urn:mixdown:test:plian", NULL, NULL), "the LV2 plug-in \"urn:mixdown:test:plian\"",
           "is not installed", "did you mean \"urn:mixdown:test:plain\"");
    EXPECT(fail_to_find("http://example.org/nothing/like/it", NULL, NULL), "is not installed", "lv2ls");
    EXPECT(fail_to_find(TEST_PLUGIN("feature"), NULL, NULL), TEST_PLUGIN("feature"), "requires the feature",
           "urn:mixdown:test:telepathy");
    EXPECT(fail_to_find(TEST_PLUGIN("option"), NULL, NULL), "requires the option", "urn:mixdown:test:colour");
    EXPECT(fail_to_find(TEST_PLUGIN("plain"), "Quiet", NULL), "has no preset \"Quiet\"", "\"Loud\"");
    EXPECT(fail_to_find(TEST_PLUGIN("nan"), "Loud", NULL), "has no preset \"Loud\"", "remove");
    EXPECT(fail_to_find(TEST_PLUGIN("plain"), NULL, "/nowhere.ttl"), "/nowhere.ttl", "cannot be opened");
    EXPECT(fail_to_find(TEST_PLUGIN("nan"), NULL, MXD_SOURCE_DIR "/tests/lv2/other.ttl"), "of the plug-in <"
           TEST_PLUGIN("plain") ">");
}

static void test_does_not_fit(void **state)
{
    (void)state;
    mxd_problems *problems = mxd_problems_create();
    if (lv2_fixture_has(LIMITER, "lsp-plugins-lv2")) {
        mxd_lv2_plugin *plugin = find_with(LIMITER, NULL, NULL);
        assert_int_equal(mxd_lv2_num_outputs(plugin, 1, &the_place, problems), 2);
        assert_int_equal(mxd_lv2_num_outputs(plugin, 2, &the_place, problems), 2);
        assert_int_equal(mxd_lv2_num_outputs(plugin, 3, &the_place, problems), 0);
        EXPECT(problems, "takes 2 channels, but 3 enter");
        problems = mxd_problems_create();
        mxd_lv2_plugin_destroy(plugin);
    }
    mxd_lv2_plugin *plugin = find_with(TEST_PLUGIN("refuses"), NULL, NULL);
    assert_null(create(plugin, 1, NULL, NULL, problems));
    EXPECT(problems, "Test refuses", "could not be started at 48000 Hz");
    mxd_lv2_plugin_destroy(plugin);
}

/* Runs until the input goes beyond 0.9, in the fourth run of the second block. */
static mxd_problems *fail_to_run(const char *uri)
{
    mxd_problems *problems = mxd_problems_create();
    mxd_lv2_plugin *plugin = find_with(uri, NULL, NULL);
    mxd_hosted *hosted = create(plugin, 2, NULL, NULL, problems);
    assert_non_null(hosted);
    assert_int_equal(process(hosted, 48000, 0, 1024, NULL), MXD_OK);
    inputs[1][1024 + 3 * 1024 + 5] = 1.0f;
    assert_int_equal(process(hosted, 48000 + 1024, 1024, 6000, NULL), MXD_ERROR_PLUGIN);
    fill_inputs();
    mxd_hosted_destroy(hosted);
    mxd_lv2_plugin_destroy(plugin);
    return problems;
}

static void test_bad_plugins(void **state)
{
    (void)state;
    /* The fourth run begins at 48000 + 1024 + 3 x 1024. */
    EXPECT(fail_to_run(TEST_PLUGIN("crash")), "the LV2 plug-in \"Test crash\"", "52096", "1.085 s", "crashed (Killed)",
           "\"about to crash\"");
    EXPECT(fail_to_run(TEST_PLUGIN("exit")), "Test exit", "52096", "ended its process with exit code 7");
    EXPECT(fail_to_run(TEST_PLUGIN("nan")), "Test nan", "wrote NaN", "frame 52099", "output 2");
    setenv("MXD_LV2_TIMEOUT_S", "0.5", 1);
    double begin_s = mxd_clock_s();
    EXPECT(fail_to_run(TEST_PLUGIN("hang")), "Test hang", "52096", "hangs", "0.5 s");
    assert_true(mxd_clock_s() - begin_s >= 0.5);
    setenv("MXD_LV2_TIMEOUT_S", "60", 1);
}

static void test_no_program(void **state)
{
    (void)state;
    char *program = strdup(getenv("MXD_LV2_HOST"));
    const mxd_lv2_choice choice = {.uri = TEST_PLUGIN("plain"), .sample_rate = RATE};
    mxd_lv2_plugin *plugin;
    mxd_problems *problems = mxd_problems_create();
    setenv("MXD_LV2_HOST", "/nowhere/host", 1);
    assert_int_equal(mxd_lv2_find(&choice, &the_place, problems, &plugin), MXD_ERROR_FILE);
    EXPECT(problems, "MXD_LV2_HOST", "/nowhere/host");
    problems = mxd_problems_create();
    setenv("MXD_LV2_HOST", "/bin/true", 1); /* a program, but another one */
    assert_int_equal(mxd_lv2_find(&choice, &the_place, problems, &plugin), MXD_ERROR_PLUGIN);
    EXPECT(problems, "exit code 0");
    problems = mxd_problems_create();
    unsetenv("MXD_LV2_HOST");
    struct stat installed;
    if (stat("/usr/local/bin/mixdown-lv2-host", &installed) != 0) {
        assert_int_equal(mxd_lv2_find(&choice, &the_place, problems, &plugin), MXD_ERROR_FILE);
        EXPECT(problems, "mixdown-lv2-host", "install");
    } else
        mxd_problems_destroy(problems);
    setenv("MXD_LV2_HOST", program, 1);
    free(program);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example_amplifier), cmocka_unit_test(test_lanes),
        cmocka_unit_test(test_latency_and_reset), cmocka_unit_test(test_automation),
        cmocka_unit_test(test_kinds_of_ports),    cmocka_unit_test(test_worker),
        cmocka_unit_test(test_preset_and_state),  cmocka_unit_test(test_limiter),
        cmocka_unit_test(test_not_found),         cmocka_unit_test(test_does_not_fit),
        cmocka_unit_test(test_bad_plugins),       cmocka_unit_test(test_no_program),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
