/* The layouts of BS.2051, and mono: names, labels, allowed ranges, and WAVE's masks. */
#include "host/scene/layout_ranges.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *name, *lower_or_upper, *common_name;
    uint32_t num_channels, num_lfe, mask;
    bool in_mask_order;
} expected_layouts[] = {
    {"0+2+0", "STEREO", "stereo", 2, 0, 0x3, true},
    {"0+5+0", "5.1", "5.1", 6, 1, 0x3F, true},
    {"2+5+0", NULL, NULL, 8, 1, 0x503F, true},
    {"4+5+0", "5.1.4", "5.1.4", 10, 1, 0x2D03F, true},
    {"4+5+1", NULL, NULL, 11, 1, 0, false},
    {"3+7+0", NULL, NULL, 12, 2, 0, false},
    {"4+9+0", NULL, NULL, 14, 1, 0x2D6FF, false},
    {"9+10+3", "22.2", "22.2", 24, 2, 0, false},
    {"0+7+0", "7.1", "7.1", 8, 1, 0x63F, false},
    {"4+7+0", "7.1.4", "7.1.4", 12, 1, 0x2D63F, false},
    {"0+1+0", "Mono", "mono", 1, 0, 0x4, true},
};

static void layouts_are_found_by_both_names(void **state)
{
    (void)state;
    const size_t count = sizeof expected_layouts / sizeof expected_layouts[0];
    for (size_t i = 0; i < count; i++) {
        const mxd_layout *layout = mxd_layout_find(expected_layouts[i].name);
        assert_non_null(layout);
        assert_string_equal(layout->name, expected_layouts[i].name);
        if (!expected_layouts[i].common_name) {
            assert_null(layout->common_name);
            continue;
        }
        assert_string_equal(layout->common_name, expected_layouts[i].common_name);
        assert_ptr_equal(mxd_layout_find(expected_layouts[i].common_name), layout);
        assert_ptr_equal(mxd_layout_find(expected_layouts[i].lower_or_upper), layout);
    }
    assert_ptr_equal(mxd_layout_find("sTeReO"), mxd_layout_find("0+2+0"));
    assert_null(mxd_layout_find("4+7+1"));
    assert_null(mxd_layout_find("7.1.4 "));
    assert_null(mxd_layout_find(""));
    assert_null(mxd_layout_find(NULL));
    for (uint32_t i = 0; i < count; i++)
        assert_non_null(mxd_layout_get(i));
    assert_null(mxd_layout_get((uint32_t)count));
    assert_null(mxd_layout_get(UINT32_MAX));
}

static void layouts_have_their_channels_and_masks(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof expected_layouts / sizeof expected_layouts[0]; i++) {
        const mxd_layout *layout = mxd_layout_find(expected_layouts[i].name);
        uint32_t num_lfe = 0, seen_bits = 0;
        assert_int_equal(layout->num_channels, expected_layouts[i].num_channels);
        for (uint32_t c = 0; c < layout->num_channels; c++) {
            const mxd_speaker *speaker = &layout->speakers[c];
            num_lfe += speaker->lfe;
            assert_int_equal(mxd_layout_channel(layout, speaker->label), c);
            assert_int_equal(speaker->wave_mask & (speaker->wave_mask - 1), 0); /* one bit or none */
            assert_int_equal(seen_bits & speaker->wave_mask, 0);
            seen_bits |= speaker->wave_mask;
        }
        assert_int_equal(num_lfe, expected_layouts[i].num_lfe);
        bool in_mask_order = !expected_layouts[i].in_mask_order;
        assert_int_equal(mxd_layout_wave_mask(layout, &in_mask_order), expected_layouts[i].mask);
        assert_int_equal(in_mask_order, expected_layouts[i].in_mask_order);
        assert_int_equal(mxd_layout_channel(layout, "m+030"), -1);
        assert_int_equal(mxd_layout_channel(layout, NULL), -1);
    }
}

/* BS.2051 labels say where a loudspeaker stands: layer and azimuth. */
static void labels_agree_with_positions(void **state)
{
    (void)state;
    for (uint32_t i = 0; mxd_layout_get(i); i++) {
        const mxd_layout *layout = mxd_layout_get(i);
        for (uint32_t c = 0; c < layout->num_channels; c++) {
            const mxd_speaker *speaker = &layout->speakers[c];
            char layer[4];
            double azimuth_deg;
            if (sscanf(speaker->label, "%3[A-Z]%lf", layer, &azimuth_deg) != 2) {
                assert_true(strcmp(speaker->label, "M+SC") == 0 || strcmp(speaker->label, "M-SC") == 0);
                assert_true(speaker->azimuth_deg == (speaker->label[1] == '+' ? 15.0 : -15.0));
                continue;
            }
            if (strcmp(layer, "LFE") == 0) {
                assert_true(speaker->lfe);
                continue;
            }
            const double elevation_deg = strcmp(layer, "UH") == 0 ? 45.0
                                         : layer[0] == 'U'        ? 30.0
                                         : layer[0] == 'T'        ? 90.0
                                         : layer[0] == 'B'        ? -30.0
                                                                  : 0.0;
            assert_false(speaker->lfe);
            assert_true(speaker->azimuth_deg == azimuth_deg);
            assert_true(speaker->elevation_deg == elevation_deg);
        }
    }
}

static void wave_order_sorts_by_bit(void **state)
{
    (void)state;
    /* 7.1.4 as BS.2051 has it: sides before backs. WAVE wants the backs first. */
    static const char *const wave_7_1_4[] = {"M+030", "M-030", "M+000", "LFE1",  "M+135", "M-135",
                                             "M+090", "M-090", "U+045", "U-045", "U+135", "U-135"};
    const mxd_layout *layout = mxd_layout_find("7.1.4");
    uint32_t order[MXD_MAX_LAYOUT_CHANNELS];
    mxd_layout_wave_order(layout, order);
    for (uint32_t i = 0; i < layout->num_channels; i++)
        assert_string_equal(layout->speakers[order[i]].label, wave_7_1_4[i]);
    for (uint32_t n = 0; mxd_layout_get(n); n++) {
        layout = mxd_layout_get(n);
        bool in_mask_order;
        if (!mxd_layout_wave_mask(layout, &in_mask_order))
            continue;
        mxd_layout_wave_order(layout, order);
        for (uint32_t i = 0; i < layout->num_channels; i++) {
            if (i > 0)
                assert_true(layout->speakers[order[i]].wave_mask > layout->speakers[order[i - 1]].wave_mask);
            if (in_mask_order)
                assert_int_equal(order[i], i);
        }
    }
}

static void ranges_hold_nominal_positions(void **state)
{
    (void)state;
    for (uint32_t i = 0; mxd_layout_get(i); i++) {
        const mxd_layout *layout = mxd_layout_get(i);
        for (uint32_t c = 0; c < layout->num_channels; c++) {
            const mxd_speaker *speaker = &layout->speakers[c];
            const mxd_direction nominal = {speaker->azimuth_deg, speaker->elevation_deg};
            assert_true(mxd_layout_allows(layout, c, nominal));
            const mxd_direction once_round = {nominal.azimuth_deg - 360.0, nominal.elevation_deg};
            assert_true(mxd_layout_allows(layout, c, once_round));
            if (speaker->lfe)
                continue;
            assert_false(mxd_layout_allows(layout, c, (mxd_direction){nominal.azimuth_deg + 100.0, -5.0}));
            assert_false(mxd_layout_allows(layout, c, (mxd_direction){NAN, nominal.elevation_deg}));
            assert_false(mxd_layout_allows(layout, c, (mxd_direction){nominal.azimuth_deg, INFINITY}));
        }
    }
    /* Some limits of BS.2051-3, from both sides. */
    static const struct {
        const char *layout, *label;
        double azimuth_deg, elevation_deg;
        bool allowed;
    } cases[] = {
        {"0+2+0", "M+030", 31, 0, false},    {"0+5+0", "M+110", 100, 15, true},   {"0+5+0", "M+110", 99.9, 0, false},
        {"0+5+0", "M-110", -120, 0, true},   {"0+5+0", "M-110", 240, 0, true},    {"0+5+0", "M-110", 120, 0, false},
        {"4+5+0", "M+110", 110, 1, false},   {"4+7+0", "M-090", -85, 0, true},    {"4+7+0", "M-090", -84, 0, false},
        {"4+7+0", "U+135", 100, 55, true},   {"4+7+0", "U+135", 100, 56, false},  {"3+7+0", "UH+180", 180, 90, true},
        {"3+7+0", "UH+180", 20, 90, true},   {"3+7+0", "UH+180", 20, 80, false},  {"4+9+0", "M+SC", 25, 0, true},
        {"4+9+0", "M+SC", 30, 0, false},     {"4+9+0", "M-SC", -60, 0, true},     {"4+9+0", "M-SC", 60, 0, false},
        {"9+10+3", "M+180", -180, 10, true}, {"9+10+3", "B-045", -60, -15, true}, {"9+10+3", "B-045", -61, -15, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const mxd_layout *layout = mxd_layout_find(cases[i].layout);
        const uint32_t channel = (uint32_t)mxd_layout_channel(layout, cases[i].label);
        const mxd_direction position = {cases[i].azimuth_deg, cases[i].elevation_deg};
        if (mxd_layout_allows(layout, channel, position) != cases[i].allowed)
            fail_msg("%s %s at %g, %g", cases[i].layout, cases[i].label, cases[i].azimuth_deg, cases[i].elevation_deg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layouts_are_found_by_both_names),
        cmocka_unit_test(layouts_have_their_channels_and_masks),
        cmocka_unit_test(labels_agree_with_positions),
        cmocka_unit_test(wave_order_sorts_by_bit),
        cmocka_unit_test(ranges_hold_nominal_positions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
