/* Automation's curves: against closed forms and published values, on their grids, in a session file, and by ear. */
#include "marked_session.h"
#include "render_fixture.h"

#include "host/graph/envelope.h"
#include "host/graph/moving.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define PI 3.14159265358979323846

static void assert_near(double value, double wanted, double tolerance)
{
    if (!(fabs(value - wanted) <= tolerance))
        fail_msg("%.15g is not %.15g +- %g", value, wanted, tolerance);
}

/* ---- Values -------------------------------------------------------------- */

static void test_exponential(void **state)
{
    (void)state;
    mxd_automation_point points[] = {{100, 20.0}, {1100, 20000.0}, {2100, 200.0}};
    mxd_automation a = {.curve = MXD_CURVE_EXPONENTIAL, .points = points, .num_points = 3,
                        .parameter = MXD_PARAMETER_PAN};
    assert_near(mxd_automation_value(&a, 0, false), 20.0, 0.0);
    assert_near(mxd_automation_value(&a, 600, false), sqrt(20.0 * 20000.0), 1e-9); /* the geometric mean halfway */
    assert_near(mxd_automation_value(&a, 1100, false), 20000.0, 1e-9);
    assert_near(mxd_automation_value(&a, 1850, false), 20000.0 * pow(0.01, 0.75), 1e-9);
    assert_near(mxd_automation_value(&a, 5000, true), 200.0, 0.0);
}

/* Of levels it is a straight line of gain, from silence too. */
static void test_exponential_level(void **state)
{
    (void)state;
    mxd_automation_point points[] = {{0, -HUGE_VAL}, {1000, 0.0}, {2000, -20.0}};
    mxd_automation a = {.curve = MXD_CURVE_EXPONENTIAL, .is_level = true, .points = points, .num_points = 3};
    for (uint64_t frame = 0; frame <= 1000; frame += 50)
        assert_near(mxd_gain_of_db(mxd_automation_value(&a, frame, false)), (double)frame / 1000.0, 1e-14);
    assert_near(mxd_gain_of_db(mxd_automation_value(&a, 1500, false)), 0.55, 1e-14);
}

static double bezier_at(double x1, double y1, double x2, double y2, double time)
{
    mxd_automation_point points[] = {{0, 0.0}, {10000, 1.0}};
    mxd_segment segments[2] = {{.curve = MXD_CURVE_BEZIER, .out_frames = 10000.0 * x1, .out_value = y1,
                                .in_frames = 10000.0 * (x2 - 1.0), .in_value = y2 - 1.0}};
    mxd_automation a = {.curve = MXD_CURVE_LINEAR, .points = points, .segments = segments, .num_points = 2};
    return mxd_automation_value(&a, (uint64_t)(10000.0 * time), false);
}

/* Values of CSS's easing functions (css-easing-1, section 2.2) as browsers' own tests have them. */
static void test_bezier_published(void **state)
{
    (void)state;
    assert_near(bezier_at(0.25, 0.1, 0.25, 1.0, 0.5), 0.8024033877399112, 1e-9);   /* ease */
    assert_near(bezier_at(0.42, 0.0, 1.0, 1.0, 0.5), 0.31535681257253934, 1e-9);   /* ease-in */
    assert_near(bezier_at(0.0, 0.0, 0.58, 1.0, 0.5), 0.6846431874274607, 1e-9);    /* ease-out */
    assert_near(bezier_at(0.42, 0.0, 0.58, 1.0, 0.5), 0.5, 1e-12);                 /* ease-in-out */
}

/*
 * Handles of all kinds, also upright ones (0) and such as stop time for a moment (1 and 0), against the curve's own
 * parameter: at parameter s time and value are known without solving anything.
 */
static void test_bezier_by_parameter(void **state)
{
    (void)state;
    static const double handles[] = {0.0, 0.2, 1.0 / 3.0, 0.7, 1.0};
    const uint64_t length = UINT64_C(1) << 40; /* so that rounding to a frame does not matter */
    for (size_t i = 0; i < COUNT(handles); i++)
        for (size_t j = 0; j < COUNT(handles); j++) {
            double t1 = handles[i], t2 = 1.0 - handles[j], v1 = 0.8, v2 = 0.1;
            mxd_automation_point points[] = {{5000, -1.0}, {5000 + length, 1.0}};
            mxd_segment segments[2] = {{.curve = MXD_CURVE_BEZIER, .out_frames = t1 * (double)length, .out_value = v1 + 1.0,
                                        .in_frames = (t2 - 1.0) * (double)length, .in_value = v2 - 1.0}};
            mxd_automation a = {.points = points, .segments = segments, .num_points = 2};
            double last = -1.0;
            for (double s = 0.03125; s < 1.0; s += 0.03125) {
                double r = 1.0 - s;
                double time = 3.0 * r * r * s * t1 + 3.0 * r * s * s * t2 + s * s * s;
                double wanted = -r * r * r + 3.0 * r * r * s * v1 + 3.0 * r * s * s * v2 + s * s * s;
                double speed = 3.0 * r * r * t1 + 6.0 * r * s * (t2 - t1) + 3.0 * s * s * (1.0 - t2);
                assert_true(time >= last);
                last = time;
                if (speed > 1e-3)
                    assert_near(mxd_automation_value(&a, 5000 + (uint64_t)(time * (double)length), false), wanted, 1e-9);
            }
        }
}

static void test_bezier_defaults(void **state)
{
    (void)state;
    mxd_automation_point points[] = {{1000, 2.0}, {4000, 6.0}};
    mxd_automation a = {.curve = MXD_CURVE_BEZIER, .points = points, .num_points = 2};
    for (double x = 0.0; x <= 1.0; x += 0.125) /* handles of a third, without a change of value: 3 x^2 - 2 x^3 */
        assert_near(mxd_automation_value(&a, 1000 + (uint64_t)(3000.0 * x), false), 2.0 + 4.0 * x * x * (3.0 - 2.0 * x), 1e-9);
    assert_near(mxd_automation_value(&a, 4000, true), 6.0, 0.0);
}

static void test_mixed_segments(void **state)
{
    (void)state;
    mxd_automation_point points[] = {{0, 0.0}, {100, 1.0}, {200, 0.5}, {300, 1.0}};
    mxd_segment segments[4] = {{.curve = MXD_CURVE_LINEAR}, {.curve = MXD_CURVE_HOLD}, {.curve = MXD_CURVE_EXPONENTIAL}};
    mxd_automation a = {.curve = MXD_CURVE_LINEAR, .holds = true, .points = points, .segments = segments,
                        .num_points = 4, .parameter = MXD_PARAMETER_PAN};
    assert_near(mxd_automation_value(&a, 50, false), 0.5, 1e-15);
    assert_near(mxd_automation_value(&a, 199, false), 1.0, 0.0);
    assert_near(mxd_automation_value(&a, 200, true), 1.0, 0.0);
    assert_near(mxd_automation_value(&a, 200, false), 0.5, 0.0);
    assert_near(mxd_automation_value(&a, 250, false), sqrt(0.5), 1e-15);
    assert_true(mxd_automation_can_jump(&a));
    assert_int_equal(mxd_automation_next(&a, 100), 200); /* held: no grid */
}

/* ---- The grid ------------------------------------------------------------ */

/* Steep levels are sampled so finely that no chord spans more than an eighth of a dB, and never off the grid's lines. */
static void test_chords_are_short(void **state)
{
    (void)state;
    mxd_automation_point points[] = {{77, 0.0}, {77 + 480, -60.0}, {10000, 0.0}, {10100, 0.0}};
    static const mxd_curve curves[] = {MXD_CURVE_LINEAR, MXD_CURVE_BEZIER};
    for (size_t i = 0; i < COUNT(curves); i++) {
        mxd_automation a = {.curve = curves[i], .is_level = true, .points = points, .num_points = 4};
        for (uint64_t frame = 0, next; (next = mxd_automation_next(&a, frame)) != UINT64_MAX; frame = next) {
            double change = fabs(mxd_automation_value(&a, next, true) - mxd_automation_value(&a, frame, false));
            /* A Bezier curve's cells are cut evenly, by what they change as a whole. */
            double limit = curves[i] == MXD_CURVE_LINEAR ? MXD_CHORD_DB : 2.0 * MXD_CHORD_DB;
            assert_true(next - frame == 1 || change <= limit + 1e-9 || frame < 77);
            assert_true(next - frame <= MXD_LEVEL_GRID || frame < 77 || frame >= 10000);
        }
    }
}

/* As in test_graph, for steep levels of every curve, each segment's own: arrays are sized by what is promised. */
static void test_density_of_steep_curves(void **state)
{
    (void)state;
    enum { NUM = 300 };
    mxd_automation_point points[NUM];
    mxd_segment segments[NUM];
    uint64_t frame = 0;
    for (uint32_t i = 0; i < NUM; i++) {
        uint32_t random = i * 2654435761u;
        points[i] = (mxd_automation_point){frame, i % 11 == 0 ? -HUGE_VAL : -(double)(random >> 8) / 16777216.0 * 80.0};
        uint64_t length = 1 + (random >> 20) % (i % 5 == 0 ? 9000 : 300);
        segments[i] = (mxd_segment){.curve = (mxd_curve)(i % 4), .out_frames = (double)length * (random >> 16 & 255) / 255.0,
                                    .in_frames = -(double)length * (random >> 24) / 255.0, .out_value = i % 3 * 10.0,
                                    .in_value = i % 2 * -10.0};
        frame += length;
    }
    mxd_automation a = {.is_level = true, .holds = true, .points = points, .segments = segments, .num_points = NUM};
    for (uint32_t block = 256; block <= 65536; block *= 4) {
        uint32_t bound = mxd_automation_density(&a, block), most = 0;
        for (uint64_t first = 0; first < frame; first += block) {
            uint32_t bends = 0;
            for (uint64_t at = mxd_automation_next(&a, first); at < first + block; at = mxd_automation_next(&a, at))
                bends++;
            most = bends > most ? bends : most;
            if (bends > bound)
                fail_msg("%u bends in the block of %u at %u, promised %u", bends, block, (unsigned)first, bound);
        }
        assert_true(bound <= 6 * most + 64); /* nor should memory be wasted */
    }
}

/* ---- By ear -------------------------------------------------------------- */

enum { FIRST = 6000, SPAN = 8192 }; /* frames of the fade that are analysed: it runs from 4800 to 14400 */

static float tone(uint32_t channel, uint64_t frame)
{
    (void)channel;
    return (float)sin(2.0 * PI * 1000.0 / 48000.0 * (double)frame);
}

/* Kaiser's window of beta 20: side lobes below -150 dB, main lobe of +-38 Hz at this length. */
static void apply_window(double *samples)
{
    for (int i = 0; i < SPAN; i++) {
        double x = 2.0 * (i + 0.5) / SPAN - 1.0, z = 10.0 * sqrt(1.0 - x * x), sum = 1.0, term = 1.0;
        for (int k = 1; k < 80; k++)
            sum += term *= z / k * (z / k);
        samples[i] *= sum;
    }
}

/* |sum of samples e^(-i w n)|, the phasor turned on by multiplication. */
static double magnitude_at(const double *samples, double hz)
{
    double step = 2.0 * PI * hz / 48000.0, cosine = cos(step), sine = sin(step), re = 1.0, im = 0.0, a = 0.0, b = 0.0;
    for (int i = 0; i < SPAN; i++) {
        a += samples[i] * re;
        b += samples[i] * im;
        double next = re * cosine - im * sine;
        im = re * sine + im * cosine;
        re = next;
    }
    return sqrt(a * a + b * b);
}

/* Within the fade of a 1 kHz tone nothing but the tone and its skirt of +-100 Hz: all else is 100 dB below it. */
static void check_clean(const fixture_audio *audio, const char *what)
{
    static double samples[SPAN];
    double loudest = 0.0, worst = 0.0, where = 0.0;
    for (int i = 0; i < SPAN; i++)
        samples[i] = audio->samples[(size_t)(FIRST + i) * audio->channels];
    apply_window(samples);
    for (int bin = 0; bin < SPAN / 2; bin += 2) {
        double hz = 48000.0 * bin / SPAN, magnitude = magnitude_at(samples, hz);
        if (fabs(hz - 1000.0) <= 100.0) {
            loudest = magnitude > loudest ? magnitude : loudest;
        } else if (magnitude > worst) {
            worst = magnitude;
            where = hz;
        }
    }
    double level = 20.0 * log10(worst / loudest);
    print_message("%s: %.1f dB at %.0f Hz\n", what, level, where);
    if (!(level <= -100.0))
        fail_msg("%s: a component of %.1f dB at %.0f Hz", what, level, where);
}

static void test_no_zipper_noise(void **state)
{
    static const struct { const char *what, *automation; } cases[] = {
        {"linear", "{ \"parameter\": \"fader_db\", \"points\": [ [0.1, 0], [0.3, -60] ] }"},
        {"exponential", "{ \"parameter\": \"fader_db\", \"curve\": \"exponential\", \"points\": [ [0.1, 0], [0.3, -60] ] }"},
        {"bezier", "{ \"parameter\": \"fader_db\", \"curve\": \"bezier\", \"points\": [ [0.1, 0], [0.3, -60] ] }"},
        {"bezier with handles", "{ \"parameter\": \"fader_db\", \"curve\": \"bezier\", \"points\": [ "
                                "[0.1, 0, { \"out\": [0.1, -5] }], [0.3, -60, { \"in\": [-0.15, 10] }] ] }"},
        {"linear pan", "{ \"parameter\": \"pan\", \"points\": [ [0.1, -0.95], [0.3, 0.95] ] }"},
        {"linear of a rise on a fall", "{ \"parameter\": \"fader_db\", \"points\": [ [0.1, 0], [0.3, -60] ] }, "
                                       "{ \"parameter\": \"pan\", \"curve\": \"bezier\", \"points\": [ [0.1, 0.9], [0.3, -0.9] ] }"},
    };
    fixture *f = *state;
    fixture_wav(f, "tone.wav", 48000, 1, 24000, tone);
    for (size_t i = 0; i < COUNT(cases); i++) {
        char json[2048];
        snprintf(json, sizeof json, HEAD "\"tracks\": [ { \"name\": \"T\", \"clips\": [ { \"file\": \"tone.wav\" } ], "
                 "\"automation\": [ %s ] } ], " STEREO_OUT, cases[i].automation);
        mxd_render_options options = {.backend = MXD_BACKEND_CPU};
        fixture_audio audio = fixture_output(f, json, &options);
        check_clean(&audio, cases[i].what);
        /* Nor does it matter where blocks are cut. */
        options.block_frames = 1024;
        fixture_audio cut = fixture_output(f, json, &options);
        assert_nulls(&audio, &cut, -140.0, cases[i].what);
        free(audio.samples);
        free(cut.samples);
    }
}

/* ---- In a session file --------------------------------------------------- */

#define TRACK(automation) HEAD "\"tracks\": [{\"name\": \"T\", " ONES ", \"automation\": [\n" automation "]}],\n" STEREO_OUT

static void test_reading(void **state)
{
    fixture *f = *state;
    mxd_problems *problems = mxd_problems_create();
    mxd_session *session = NULL;
    mark marks[10] = {{0, 0}};
    assert_int_equal(marked_load(f, TRACK("{\"parameter\": \"fader_db\", \"points\": [[0, 0], [1, -6, \"hold\"],\n"
                                          "[2, -12, {\"curve\": \"bezier\", \"out\": [0.25, 3]}], [3, null, {\"in\": [-0.5, 12],\n"
                                          "\"curve\": \"exponential\"}], [4, 0]]},\n"
                                          "{\"parameter\": \"pan\", \"curve\": \"exponential\", \"points\": [[0, 0.25], [1, 1]]}"),
                                 marks, problems, &session), MXD_OK);
    const mxd_automation *fader = &session->tracks[0].strip.automation[0], *pan = fader + 1;
    assert_true(fader->is_level && fader->holds && !pan->is_level && !pan->holds && !pan->segments);
    assert_near(mxd_automation_value(fader, 24000, false), -3.0, 1e-12);
    assert_near(mxd_automation_value(fader, 95999, false), -6.0, 0.0);
    assert_near(fader->segments[2].out_frames, 12000.0, 0.0);
    assert_near(fader->segments[2].out_value, 3.0, 0.0);
    assert_near(fader->segments[2].in_frames, -24000.0, 0.0);
    assert_near(fader->segments[2].in_value, 12.0, 0.0);
    assert_near(mxd_gain_of_db(mxd_automation_value(fader, 168000, false)), 0.5, 1e-12);
    assert_near(mxd_automation_value(pan, 24000, false), 0.5, 1e-15);
    mxd_session_destroy(session);
    mxd_problems_destroy(problems);
}

static void test_mistakes(void **state)
{
    static const struct { const char *text; expected problems[8]; } cases[] = {
        {TRACK("{\"parameter\": \"pan\", \"curve\": \"exponential\", \"points\": [@1[0, 0], [1, 0.5], @2[2, -0.5]]},\n"
               "{\"parameter\": \"fader_db\", \"points\": [[0, 0, @3\"cubic\"], [1, 0, @4\"hol\"], [2, 0, @57], @6[3, 0, \"hold\", 1]]}"),
         {{1, "/tracks/0/automation/0/points/0", "\"exponential\" goes between values above 0 only, but this one is 0"},
          {2, "/tracks/0/automation/0/points/2", "\"exponential\" goes between values above 0 only, but this one is -0.5"},
          {3, "/tracks/0/automation/1/points/0/2",
           "this item must be \"linear\", \"hold\", \"exponential\" or \"bezier\", not \"cubic\""},
          {4, "/tracks/0/automation/1/points/1/2",
           "this item must be \"linear\", \"hold\", \"exponential\" or \"bezier\", not \"hol\"; did you mean \"hold\"?"},
          {5, "/tracks/0/automation/1/points/2/2", "this item must be a string, not a number"},
          {6, "/tracks/0/automation/1/points/3", "a point must be [time in seconds, value], and perhaps a curve"}}},
        {TRACK("{\"parameter\": \"fader_db\", \"curve\": \"bezier\", \"points\": [[0, 0, {\"in\": @1[-1, 0], \"out\": [0.6, 0]}],\n"
               "[0.5, 0, {\"in\": [-0.4, 0], \"out\": [@2-0.1, 0]}], [1, 0, {\"in\": [-0.6, 0], @3\"ou\": 0}]]}"),
         {{1, "/tracks/0/automation/0/points/0/2/in", "nothing comes before the first point that \"in\" could shape"},
          {2, "/tracks/0/automation/0/points/1/2/out/0", "this item is -0.1, but must be from 0 to 31622400"},
          {3, "/tracks/0/automation/0/points/2/2/ou", "unknown key \"ou\"; did you mean \"out\"?"}}},
        {TRACK("{\"parameter\": \"fader_db\", \"curve\": \"bezier\", \"points\": [[0, 0, {\"out\": [0.6, 0]}],\n"
               "@1[0.5, 0, {\"out\": @2[0.1, 49]}], @3[1, 0, {\"in\": [-0.6, 0]}], [2, 0, {\"curve\": \"linear\", \"out\": @4[0, 0]}],\n"
               "[3, 0, {\"in\": @5[0, 0]}], [4, null, {\"in\": @7[0, -1]}], [5, 0, {\"out\": @6[0]}]]}"),
         {{1, "/tracks/0/automation/0/points/1", "the handle \"out\" of the point before reaches past this point"},
          {2, "/tracks/0/automation/0/points/1/2/out", "the handle reaches a value of 49, but it must be from -144 to 48"},
          {3, "/tracks/0/automation/0/points/2", "the handle \"in\" reaches back past the point before"},
          {4, "/tracks/0/automation/0/points/3/2/out", "\"out\" shapes a bezier, but the curve from this point is \"linear\""},
          {5, "/tracks/0/automation/0/points/4/2/in", "\"in\" shapes a bezier, but the curve to this point is \"linear\""},
          {6, "/tracks/0/automation/0/points/6/2/out", "a handle must be [seconds, change of value], both from its point on"},
          {7, "/tracks/0/automation/0/points/5/2/in", "the handle reaches a value of -145, but it must be from -144 to 48"}}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        mxd_problems *problems = mxd_problems_create();
        mxd_session *session = NULL;
        mark marks[10] = {{0, 0}};
        size_t num_wanted = 0;
        while (num_wanted < COUNT(cases[i].problems) && cases[i].problems[num_wanted].text)
            num_wanted++;
        assert_int_equal(marked_load(*state, cases[i].text, marks, problems, &session), MXD_ERROR_INVALID);
        marked_check(*state, problems, cases[i].text, marks, cases[i].problems, num_wanted);
        mxd_problems_destroy(problems);
    }
}

/* ---- Inserts' values ------------------------------------------------------ */

static void test_every_insert_has_room_for_its_values(void **state)
{
    (void)state;
    const mxd_effect *effect;
    for (uint32_t i = 0; (effect = mxd_effect_get(i)); i++)
        if (effect->num_values > MXD_MAX_INSERT_VALUES || effect->num_parameters > effect->num_values)
            fail_msg("%s: %u parameters, %u values", effect->type, effect->num_parameters, effect->num_values);
}

static uint64_t tail_of_first(const void *params, uint32_t num_inputs)
{
    (void)num_inputs;
    return (uint64_t)((const double *)params)[0];
}

/* A plug-in may have thousands of ports: none of them is a value of the insert itself. */
static void test_ports_of_plug_ins_are_no_values(void **state)
{
    (void)state;
    const mxd_effect effect = {.type = "plug-in", .num_values = 1, .tail_frames = tail_of_first};
    double params[1] = {480.0}, values[MXD_MAX_INSERT_VALUES] = {0};
    mxd_automation_point points[] = {{0, 1.0}, {100, 9600.0}};
    mxd_automation automation[] = {{.points = points, .num_points = 2, .value = 1000000},
                                   {.points = points, .num_points = 2, .value = 0}};
    mxd_insert insert = {.effect = &effect, .params = params, .automation = automation, .num_automation = 1};
    mxd_insert_values(&insert, 50, false, values);
    assert_near(values[0], 480.0, 0.0);
    assert_int_equal(mxd_insert_tail_frames(&insert, 1), 480);
    insert.num_automation = 2;
    assert_int_equal(mxd_insert_tail_frames(&insert, 1), 9600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exponential),       cmocka_unit_test(test_exponential_level),
        cmocka_unit_test(test_bezier_published),  cmocka_unit_test(test_bezier_by_parameter),
        cmocka_unit_test(test_bezier_defaults),   cmocka_unit_test(test_mixed_segments),
        cmocka_unit_test(test_chords_are_short),  cmocka_unit_test(test_density_of_steep_curves),
        cmocka_unit_test(test_no_zipper_noise),   cmocka_unit_test(test_reading),
        cmocka_unit_test(test_mistakes),          cmocka_unit_test(test_every_insert_has_room_for_its_values),
        cmocka_unit_test(test_ports_of_plug_ins_are_no_values),
    };
    return cmocka_run_group_tests(tests, render_set_up, fixture_tear_down);
}
