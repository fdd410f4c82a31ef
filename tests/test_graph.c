/* Envelopes, solo and mute, pan laws: what the graph is built of. */
#include "host/graph/envelope.h"
#include "host/graph/routing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.12g is not %.12g +- %g", value, expected, tolerance);
}

static void test_linear_automation(void **state)
{
    (void)state;
    mxd_automation_point points[] = {{1000, -60.0}, {1000 + 960, 0.0}, {5000, 0.0}};
    mxd_automation a = {.curve = MXD_CURVE_LINEAR, .points = points, .num_points = 3};
    assert_near(mxd_automation_value(&a, 0, false), -60.0, 0.0);
    assert_near(mxd_automation_value(&a, 1000, false), -60.0, 0.0);
    assert_near(mxd_automation_value(&a, 1480, false), -30.0, 1e-12);
    assert_near(mxd_automation_value(&a, 1480, true), -30.0, 1e-12);
    assert_near(mxd_automation_value(&a, 1u << 30, false), 0.0, 0.0);
    assert_int_equal(mxd_automation_next(&a, 0), 1000);
    assert_int_equal(mxd_automation_next(&a, 1000), 1024);  /* moving: the grid of 64 */
    assert_int_equal(mxd_automation_next(&a, 1024), 1088);
    assert_int_equal(mxd_automation_next(&a, 1920), 1960);  /* its own point before the grid's next */
    assert_int_equal(mxd_automation_next(&a, 1960), 5000);  /* level: no grid */
    assert_true(mxd_automation_next(&a, 5000) == UINT64_MAX);
}

static void test_silence_in_automation(void **state)
{
    (void)state;
    mxd_automation_point points[] = {{0, -HUGE_VAL}, {144, 0.0}};
    mxd_automation a = {.curve = MXD_CURVE_LINEAR, .points = points, .num_points = 2};
    assert_near(mxd_gain_of_db(mxd_automation_value(&a, 0, false)), 0.0, 0.0);
    assert_near(mxd_automation_value(&a, 72, false), -72.0, 1e-12);
    assert_near(mxd_gain_of_db(-6.0205999132796239), 0.5, 1e-15);
    assert_near(mxd_gain_of_db(-200.0), 0.0, 0.0);
}

static void test_hold_automation(void **state)
{
    (void)state;
    mxd_automation_point points[] = {{0, -6.0}, {100, -12.0}, {200, 0.0}};
    mxd_automation a = {.curve = MXD_CURVE_HOLD, .points = points, .num_points = 3};
    assert_near(mxd_automation_value(&a, 99, false), -6.0, 0.0);
    assert_near(mxd_automation_value(&a, 100, true), -6.0, 0.0);   /* from the left: not yet */
    assert_near(mxd_automation_value(&a, 100, false), -12.0, 0.0);
    assert_near(mxd_automation_value(&a, 5000, true), 0.0, 0.0);
    assert_int_equal(mxd_automation_next(&a, 0), 100);
}

/* No window of a block may hold more bends than the density promised: arrays are sized by it. */
static void test_density_bounds_bends(void **state)
{
    (void)state;
    mxd_automation_point points[400];
    uint64_t frame = 0;
    for (uint32_t i = 0; i < 400; i++) {
        points[i] = (mxd_automation_point){frame, (double)(i % 7)};
        frame += 1 + (i * 2654435761u >> 20) % 300;
    }
    for (int curve = MXD_CURVE_LINEAR; curve <= MXD_CURVE_HOLD; curve++) {
        mxd_automation a = {.curve = (mxd_curve)curve, .points = points, .num_points = 400};
        for (uint32_t block = 256; block <= 65536; block *= 4) {
            uint32_t bound = mxd_automation_density(&a, block);
            for (uint64_t first = 0; first < frame; first += block) {
                uint32_t bends = 0;
                for (uint64_t at = mxd_automation_next(&a, first); at < first + block; at = mxd_automation_next(&a, at))
                    bends++;
                if (bends > bound)
                    fail_msg("%u bends in the block of %u at %u, promised %u", bends, block, (unsigned)first, bound);
            }
        }
    }
}

static void test_object_path(void **state)
{
    (void)state;
    mxd_position positions[] = {{100, 90.0, 0.0}, {100 + 1024, -90.0, 40.0}, {4000, -90.0, 40.0}};
    mxd_object object = {.positions = positions, .num_positions = 3};
    double azimuth, elevation;
    mxd_object_position(&object, 0, &azimuth, &elevation);
    assert_near(azimuth, 90.0, 0.0);
    mxd_object_position(&object, 612, &azimuth, &elevation);
    assert_near(azimuth, 0.0, 1e-12);
    assert_near(elevation, 20.0, 1e-12);
    mxd_object_position(&object, 1u << 20, &azimuth, &elevation);
    assert_near(elevation, 40.0, 0.0);
    assert_int_equal(mxd_object_next(&object, 0), 100);
    assert_int_equal(mxd_object_next(&object, 100), 512);
    assert_int_equal(mxd_object_next(&object, 1024), 1124);
    assert_int_equal(mxd_object_next(&object, 1124), 4000);
    assert_true(mxd_object_next(&object, 4000) == UINT64_MAX);
}

static void test_pan_laws(void **state)
{
    (void)state;
    double gains[2];
    for (double pan = -1.0; pan <= 1.0; pan += 0.125) {
        mxd_pan_gains(pan, 1, 0, gains);
        assert_near(gains[0] * gains[0] + gains[1] * gains[1], 1.0, 1e-15); /* constant power */
    }
    mxd_pan_gains(0.0, 1, 0, gains);
    assert_near(20.0 * log10(gains[0]), -3.0103, 1e-4);
    mxd_pan_gains(-1.0, 1, 0, gains);
    assert_near(gains[0], 1.0, 0.0);
    assert_near(gains[1], 0.0, 1e-15);
    for (uint32_t channel = 0; channel < 2; channel++) {
        mxd_pan_gains(0.0, 2, channel, gains); /* balance: 0 dB in the centre, channels stay apart */
        assert_near(gains[channel], 1.0, 0.0);
        assert_near(gains[1 - channel], 0.0, 0.0);
    }
    mxd_pan_gains(1.0, 2, 0, gains);
    assert_near(gains[0], 0.0, 1e-15);
    mxd_pan_gains(1.0, 2, 1, gains);
    assert_near(gains[1], 1.0, 0.0);
}

/* Tracks 0 and 1; bus 0 Hall (fed by sends), bus 1 Drums (output of track 1, sends to Hall), bus 2 feeds bus 1. */
typedef struct little_session {
    mxd_session session;
    mxd_track tracks[2];
    mxd_bus buses[3];
    mxd_send sends[3];
} little_session;

static void make_little(little_session *l)
{
    memset(l, 0, sizeof *l);
    l->session = (mxd_session){.tracks = l->tracks, .num_tracks = 2, .buses = l->buses, .num_buses = 3};
    l->sends[0] = (mxd_send){.bus = 0, .tap = MXD_TAP_POST_FADER};
    l->sends[1] = (mxd_send){.bus = 0, .tap = MXD_TAP_PRE_FADER};
    l->sends[2] = (mxd_send){.bus = 0, .tap = MXD_TAP_POST_FADER};
    l->tracks[0].strip = (mxd_strip){.output = -1, .sends = &l->sends[0], .num_sends = 2};
    l->tracks[1].strip = (mxd_strip){.output = 2};
    l->buses[0].strip = (mxd_strip){.output = -1};
    l->buses[1].strip = (mxd_strip){.output = -1, .sends = &l->sends[2], .num_sends = 1};
    l->buses[2].strip = (mxd_strip){.output = 1};
}

static void test_feeding_order(void **state)
{
    (void)state;
    little_session l;
    mxd_routing routing;
    make_little(&l);
    assert_int_equal(mxd_routing_create(&l.session, &routing), MXD_OK);
    uint32_t num_tracks = l.session.num_tracks;
    for (uint32_t i = 0; i < num_tracks; i++)
        assert_int_equal(routing.order[i], i);
    assert_int_equal(routing.order[num_tracks + 0], num_tracks + 2);
    assert_int_equal(routing.order[num_tracks + 1], num_tracks + 1);
    assert_int_equal(routing.order[num_tracks + 2], num_tracks + 0);
    mxd_routing_destroy(&routing);
}

static void test_mute_keeps_pre_fader_sends(void **state)
{
    (void)state;
    little_session l;
    mxd_routing routing;
    make_little(&l);
    l.tracks[0].strip.mute = true;
    assert_int_equal(mxd_routing_create(&l.session, &routing), MXD_OK);
    assert_false(routing.tracks[0].output);
    assert_false(routing.tracks[0].sends[0]);
    assert_true(routing.tracks[0].sends[1]);
    mxd_routing_destroy(&routing);
    l.buses[1].strip.mute = true; /* post-fader send of a muted bus: nothing of track 1 is heard */
    assert_int_equal(mxd_routing_create(&l.session, &routing), MXD_OK);
    assert_false(routing.tracks[1].heard);
    mxd_routing_destroy(&routing);
}

static void test_solo(void **state)
{
    (void)state;
    little_session l;
    mxd_routing routing;
    make_little(&l);
    l.tracks[0].strip.solo = true; /* and its reverb */
    assert_int_equal(mxd_routing_create(&l.session, &routing), MXD_OK);
    assert_true(routing.tracks[0].output && routing.tracks[0].sends[0] && routing.buses[0].output);
    assert_false(routing.tracks[1].heard);
    mxd_routing_destroy(&routing);

    make_little(&l);
    l.buses[1].strip.solo = true; /* Drums: what its output leads into it, two buses away */
    assert_int_equal(mxd_routing_create(&l.session, &routing), MXD_OK);
    assert_true(routing.tracks[1].output);
    assert_false(routing.tracks[0].heard);
    mxd_routing_destroy(&routing);

    make_little(&l);
    l.buses[0].strip.solo = true; /* Hall: only what is sent to it, not the senders themselves */
    assert_int_equal(mxd_routing_create(&l.session, &routing), MXD_OK);
    assert_true(routing.tracks[0].sends[0]);
    assert_false(routing.tracks[0].output);
    mxd_routing_destroy(&routing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear_automation),
        cmocka_unit_test(test_silence_in_automation),
        cmocka_unit_test(test_hold_automation),
        cmocka_unit_test(test_density_bounds_bends),
        cmocka_unit_test(test_object_path),
        cmocka_unit_test(test_pan_laws),
        cmocka_unit_test(test_feeding_order),
        cmocka_unit_test(test_mute_keeps_pre_fader_sends),
        cmocka_unit_test(test_solo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
