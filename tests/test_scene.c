/*
 * The point-source panner: against the tables of BS.2127's reference renderer
 * where they are at hand, and by closed forms and properties that need none.
 */
#include "host/problems.h"
#include "host/scene/bed.h"
#include "host/scene/layout_ranges.h"
#include "host/scene/panner.h"
#include "host/scene/vector.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAX_CHANNELS MXD_MAX_LAYOUT_CHANNELS
#define TABLES MXD_SHARED "/vectors/ear/tables/"

/* The published tables carry 8 significant digits of gains up to 1; the requirement is 1e-6. */
#define TABLE_TOLERANCE 1e-6
/* A gain comes from about 50 roundings of values below 10. */
#define ROUNDING 1e-12

/* Hands out the layouts one by one, with their nominal panner. */
static bool next_layout(uint32_t *index, const mxd_layout **layout, mxd_panner **panner)
{
    mxd_panner_destroy(*panner);
    *panner = NULL;
    *layout = mxd_layout_get((*index)++);
    if (!*layout)
        return false;
    if (mxd_panner_create(*layout, NULL, NULL, panner) != MXD_OK)
        fail_msg("no panner for %s", (*layout)->name);
    return true;
}

static bool is_stereo(const mxd_layout *layout)
{
    return layout->num_channels == 2;
}

static bool is_mono(const mxd_layout *layout)
{
    return layout->num_channels == 1;
}

/* Stereo: 0 dB in front to -3 dB behind; mono: another 3 dB less at the sides, where one channel of stereo is silent. */
static double least_power(const mxd_layout *layout)
{
    return is_mono(layout) ? 0.25 : is_stereo(layout) ? 0.5 : 1.0;
}

static double power_of(const double *gains, uint32_t count)
{
    double power = 0.0;
    for (uint32_t i = 0; i < count; i++)
        power += gains[i] * gains[i];
    return power;
}

static double largest_difference(const double *a, const double *b, uint32_t count)
{
    double largest = 0.0;
    for (uint32_t i = 0; i < count; i++)
        if (!(fabs(a[i] - b[i]) <= largest)) /* keeps a NaN */
            largest = fabs(a[i] - b[i]);
    return largest;
}

/* ---- The reference renderer's tables ----------------------------------------- */

/* Reads a speakers file; every line must name the layout's next channel. */
static void read_positions(const mxd_layout *layout, mxd_direction *real)
{
    char path[512], line[512];
    snprintf(path, sizeof path, TABLES "speakers_%s.yaml", layout->name);
    FILE *file = fopen(path, "r");
    if (!file)
        fail_msg("cannot open %s", path);
    uint32_t num_read = 0;
    while (fgets(line, sizeof line, file)) {
        char label[16];
        unsigned channel;
        mxd_direction position;
        if (sscanf(line, " - {channel: %u, names: ['%15[^']'], position: {az: %lf, el: %lf", &channel, label,
                   &position.azimuth_deg, &position.elevation_deg) != 4)
            continue;
        assert_true(channel < layout->num_channels);
        assert_int_equal(mxd_layout_channel(layout, label), channel);
        real[channel] = position;
        num_read++;
    }
    fclose(file);
    assert_int_equal(num_read, layout->num_channels);
}

/* Maps the table's columns to channels. Returns the number of columns after azimuth and elevation. */
static uint32_t read_header(const mxd_layout *layout, char *line, uint32_t *channels)
{
    uint32_t num_columns = 0;
    strtok(line, ",\r\n");
    strtok(NULL, ",\r\n");
    for (const char *label = strtok(NULL, ",\r\n"); label; label = strtok(NULL, ",\r\n")) {
        const int channel = mxd_layout_channel(layout, label);
        assert_true(channel >= 0 && num_columns < MAX_CHANNELS);
        channels[num_columns++] = (uint32_t)channel;
    }
    return num_columns;
}

static void compare_table(const mxd_layout *layout, const mxd_panner *panner, const char *suffix)
{
    char path[512], line[2048];
    snprintf(path, sizeof path, TABLES "psp_%s%s.csv", layout->name, suffix);
    FILE *file = fopen(path, "r");
    if (!file)
        fail_msg("cannot open %s", path);
    uint32_t channels[MAX_CHANNELS], num_rows = 0, num_agree = 0;
    double largest = 0.0, worst_azimuth_deg = 0.0, worst_elevation_deg = 0.0;
    assert_non_null(fgets(line, sizeof line, file));
    const uint32_t num_columns = read_header(layout, line, channels);
    while (fgets(line, sizeof line, file)) {
        char *text = line;
        const double azimuth_deg = strtod(text, &text);
        const double elevation_deg = strtod(text + 1, &text);
        double expected[MAX_CHANNELS] = {0}, gains[MAX_CHANNELS];
        for (uint32_t i = 0; i < num_columns; i++) {
            assert_int_equal(*text, ',');
            expected[channels[i]] = strtod(text + 1, &text);
        }
        mxd_panner_gains(panner, azimuth_deg, elevation_deg, gains);
        const double error = largest_difference(gains, expected, layout->num_channels);
        num_rows++;
        num_agree += error <= TABLE_TOLERANCE;
        if (!(error <= largest)) {
            largest = error;
            worst_azimuth_deg = azimuth_deg;
            worst_elevation_deg = elevation_deg;
        }
    }
    fclose(file);
    print_message("psp_%s%s: %u of %u rows agree, largest difference %.1e at azimuth %g, elevation %g\n", layout->name,
                  suffix, num_agree, num_rows, largest, worst_azimuth_deg, worst_elevation_deg);
    assert_true(num_rows >= 500);
    assert_int_equal(num_agree, num_rows);
}

static void skip_without_tables(void)
{
    FILE *file = fopen(TABLES "psp_0+2+0.csv", "r");
    if (file) {
        fclose(file);
        return;
    }
    print_message("skipped: no tables in %s\n", TABLES);
    skip();
}

static void gains_match_the_reference_renderer(void **state)
{
    (void)state;
    skip_without_tables();
    const mxd_layout *layout;
    mxd_panner *panner = NULL;
    for (uint32_t i = 0; next_layout(&i, &layout, &panner);)
        if (!is_mono(layout)) /* BS.2127 does not have it */
            compare_table(layout, panner, "");
}

static void gains_match_at_real_positions(void **state)
{
    (void)state;
    skip_without_tables();
    for (uint32_t i = 0; mxd_layout_get(i); i++) {
        const mxd_layout *layout = mxd_layout_get(i);
        if (is_stereo(layout) || is_mono(layout)) /* their loudspeakers may stand nowhere else */
            continue;
        mxd_direction real[MAX_CHANNELS];
        mxd_panner *panner;
        read_positions(layout, real);
        assert_int_equal(mxd_panner_create(layout, real, NULL, &panner), MXD_OK);
        compare_table(layout, panner, "_real");
        mxd_panner_destroy(panner);
    }
}

/* ---- Properties ---------------------------------------------------------------- */

static void power_is_one_everywhere(void **state)
{
    (void)state;
    const mxd_layout *layout;
    mxd_panner *panner = NULL;
    for (uint32_t i = 0; next_layout(&i, &layout, &panner);)
        for (int azimuth_deg = -180; azimuth_deg <= 180; azimuth_deg++)
            for (int elevation_deg = -90; elevation_deg <= 90; elevation_deg++) {
                double gains[MAX_CHANNELS];
                mxd_panner_gains(panner, azimuth_deg, elevation_deg, gains);
                const double power = power_of(gains, layout->num_channels);
                bool good = power >= least_power(layout) - ROUNDING && power <= 1.0 + ROUNDING;
                for (uint32_t c = 0; c < layout->num_channels; c++)
                    good = good && gains[c] >= 0.0 && (!layout->speakers[c].lfe || gains[c] == 0.0);
                if (!good)
                    fail_msg("%s at %d, %d: power %.17g, or a gain < 0, or one for an LFE", layout->name, azimuth_deg,
                             elevation_deg, power);
            }
}

/* Objects and beds into mono: what stereo gets of them, folded; for 5.1 the weights of BS.775-3, table 2, line 1/0. */
static void mono_is_stereo_folded(void **state)
{
    (void)state;
    const mxd_layout *mono = mxd_layout_find("mono"), *stereo = mxd_layout_find("stereo");
    mxd_panner *to_mono, *to_stereo;
    double folded[1], gains[2];
    assert_int_equal(mxd_panner_create(mono, NULL, NULL, &to_mono), MXD_OK);
    assert_int_equal(mxd_panner_create(stereo, NULL, NULL, &to_stereo), MXD_OK);
    for (double azimuth_deg = -180.0; azimuth_deg < 180.0; azimuth_deg += 7.5)
        for (double elevation_deg = -90.0; elevation_deg <= 90.0; elevation_deg += 15.0) {
            mxd_panner_gains(to_mono, azimuth_deg, elevation_deg, folded);
            mxd_panner_gains(to_stereo, azimuth_deg, elevation_deg, gains);
            assert_true(fabs(folded[0] - sqrt(0.5) * (gains[0] + gains[1])) < ROUNDING);
        }
    for (uint32_t n = 0; mxd_layout_get(n); n++) {
        const mxd_layout *bed = mxd_layout_get(n);
        for (uint32_t c = 0; c < bed->num_channels; c++) {
            mxd_bed_gains(bed, c, mono, to_mono, folded);
            mxd_bed_gains(bed, c, stereo, to_stereo, gains);
            if (!(fabs(folded[0] - sqrt(0.5) * (gains[0] + gains[1])) < ROUNDING))
                fail_msg("%s %s: %.9f", bed->name, bed->speakers[c].label, folded[0]);
        }
    }
    static const double table_2[] = {0.70710678118654752, 0.70710678118654752, 1.0, 0.0, 0.5, 0.5};
    for (uint32_t c = 0; c < 6; c++) {
        mxd_bed_gains(mxd_layout_find("5.1"), c, mono, to_mono, folded);
        assert_true(fabs(folded[0] - table_2[c]) < ROUNDING);
    }
    /* The other way round: to the centre where there is one, else panned there. */
    mxd_bed_gains(mono, 0, mono, to_mono, folded);
    assert_true(folded[0] == 1.0);
    mxd_bed_gains(mono, 0, stereo, to_stereo, gains);
    assert_true(fabs(gains[0] - sqrt(0.5)) < ROUNDING && fabs(gains[1] - sqrt(0.5)) < ROUNDING);
    mxd_panner_destroy(to_mono);
    mxd_panner_destroy(to_stereo);
}

/* The closed form of BS.2127-1 clause 6.1.2.4 in the horizontal plane. */
static void stereo_follows_the_downmix(void **state)
{
    (void)state;
    const mxd_layout *layout = mxd_layout_find("stereo");
    mxd_panner *panner;
    assert_int_equal(mxd_panner_create(layout, NULL, NULL, &panner), MXD_OK);
    static const struct {
        double azimuth_deg, left, right;
    } cases[] = {
        {0, 0.70710678118654752, 0.70710678118654752}, /* both, at unit power */
        {30, 1, 0},
        {-30, 0, 1},
        {110, 0.70710678118654752, 0}, /* a rear loudspeaker alone: -3 dB */
        {180, 0.5, 0.5},               /* both, -3 dB in all */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double gains[2];
        mxd_panner_gains(panner, cases[i].azimuth_deg, 0.0, gains);
        if (!(fabs(gains[0] - cases[i].left) <= ROUNDING && fabs(gains[1] - cases[i].right) <= ROUNDING))
            fail_msg("azimuth %g: %.17g %.17g", cases[i].azimuth_deg, gains[0], gains[1]);
    }
    mxd_panner_destroy(panner);
}

/*
 * Below the copies of n middle loudspeakers lies one virtual loudspeaker. In
 * the plane straight ahead, a source at -60 degrees is the copy of M+000 (at -30)
 * and the nadir in equal parts, as it lies halfway between them; the nadir's part
 * goes to all n by 1 / sqrt(n).
 */
static void the_nadir_is_shared_out(void **state)
{
    (void)state;
    static const struct {
        const char *layout;
        double num_middle;
    } cases[] = {{"0+5+0", 5}, {"2+5+0", 5}, {"4+5+0", 5}, {"0+7+0", 7}, {"4+7+0", 7}, {"3+7+0", 7}, {"4+9+0", 9}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const mxd_layout *layout = mxd_layout_find(cases[i].layout);
        mxd_panner *panner;
        double gains[MAX_CHANNELS], expected[MAX_CHANNELS] = {0};
        const double share = 1.0 / sqrt(cases[i].num_middle);
        const double power = (1.0 + share) * (1.0 + share) + (cases[i].num_middle - 1.0) * share * share;
        for (uint32_t c = 0; c < layout->num_channels; c++)
            if (layout->speakers[c].label[0] == 'M')
                expected[c] = (share + (strcmp(layout->speakers[c].label, "M+000") == 0)) / sqrt(power);
        assert_int_equal(mxd_panner_create(layout, NULL, NULL, &panner), MXD_OK);
        mxd_panner_gains(panner, 0.0, -60.0, gains);
        if (!(largest_difference(gains, expected, layout->num_channels) <= ROUNDING))
            fail_msg("%s", layout->name);
        mxd_panner_destroy(panner);
    }
}

/* Who plays what comes straight from above or below, all alike: this shows where layers are completed by copies. */
static void poles_are_played_by_their_ring(void **state)
{
    (void)state;
    static const struct {
        const char *layout;
        double elevation_deg;
        const char *labels; /* one letter: the whole layer */
    } cases[] = {
        {"0+5+0", 90, "M"},     {"0+7+0", 90, "M"},  {"2+5+0", 90, "U+030 U-030 M+110 M-110"},
        {"4+5+0", 90, "U"},     {"4+7+0", 90, "U"},  {"4+5+1", -90, "B+000 M+110 M-110"},
        {"9+10+3", 90, "T"},    {"4+7+0", -90, "M"}, {"9+10+3", -90, "B+000 B+045 B-045 M+090 M-090 M+135 M-135 M+180"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const mxd_layout *layout = mxd_layout_find(cases[i].layout);
        mxd_panner *panner;
        double gains[MAX_CHANNELS], expected[MAX_CHANNELS] = {0};
        for (uint32_t c = 0; c < layout->num_channels; c++) {
            const char *label = layout->speakers[c].label;
            expected[c] = cases[i].labels[1] ? strstr(cases[i].labels, label) != NULL : label[0] == cases[i].labels[0];
        }
        const double power = power_of(expected, layout->num_channels);
        for (uint32_t c = 0; c < layout->num_channels; c++)
            expected[c] /= sqrt(power);
        assert_int_equal(mxd_panner_create(layout, NULL, NULL, &panner), MXD_OK);
        mxd_panner_gains(panner, 77.0, cases[i].elevation_deg, gains);
        if (!(largest_difference(gains, expected, layout->num_channels) <= ROUNDING))
            fail_msg("%s at elevation %g", layout->name, cases[i].elevation_deg);
        mxd_panner_destroy(panner);
    }
}

static void loudspeakers_get_their_own_direction(const mxd_layout *layout, const mxd_panner *panner,
                                                 const mxd_direction *real)
{
    for (uint32_t c = 0; c < layout->num_channels; c++) {
        const mxd_speaker *speaker = &layout->speakers[c];
        if (speaker->lfe)
            continue;
        double gains[MAX_CHANNELS], expected[MAX_CHANNELS] = {0};
        expected[c] = 1.0;
        mxd_panner_gains(panner, real ? real[c].azimuth_deg : speaker->azimuth_deg,
                         real ? real[c].elevation_deg : speaker->elevation_deg, gains);
        /* Rounding grows with the entries of a triangle's inverse, up to 1e4 (panner.c, MIN_VOLUME). */
        if (!(largest_difference(gains, expected, layout->num_channels) <= 1e4 * ROUNDING))
            fail_msg("%s: %s is not alone in its own direction", layout->name, speaker->label);
    }
}

static void a_loudspeaker_plays_its_own_direction_alone(void **state)
{
    (void)state;
    const mxd_layout *layout;
    mxd_panner *panner = NULL;
    for (uint32_t i = 0; next_layout(&i, &layout, &panner);)
        loudspeakers_get_their_own_direction(layout, panner, NULL);
}

static void left_and_right_are_mirrored(void **state)
{
    (void)state;
    const mxd_layout *layout;
    mxd_panner *panner = NULL;
    for (uint32_t i = 0; next_layout(&i, &layout, &panner);) {
        uint32_t mirror[MAX_CHANNELS];
        for (uint32_t c = 0; c < layout->num_channels; c++) {
            char label[16];
            snprintf(label, sizeof label, "%s", layout->speakers[c].label);
            char *sign = strpbrk(label, "+-");
            if (sign)
                *sign = *sign == '+' ? '-' : '+';
            const int other = mxd_layout_channel(layout, label);
            mirror[c] = other >= 0 ? (uint32_t)other : c;
        }
        for (double azimuth_deg = 0.0; azimuth_deg <= 180.0; azimuth_deg += 1.25)
            for (double elevation_deg = -90.0; elevation_deg <= 90.0; elevation_deg += 1.25) {
                double left[MAX_CHANNELS], right[MAX_CHANNELS], swapped[MAX_CHANNELS];
                mxd_panner_gains(panner, azimuth_deg, elevation_deg, left);
                mxd_panner_gains(panner, -azimuth_deg, elevation_deg, right);
                for (uint32_t c = 0; c < layout->num_channels; c++)
                    swapped[c] = right[mirror[c]];
                /* On a seam the two sides may take different regions, which agree within GAIN_TOLERANCE, 1e-11. */
                if (!(largest_difference(left, swapped, layout->num_channels) <= 1e-10))
                    fail_msg("%s at %g, %g", layout->name, azimuth_deg, elevation_deg);
            }
    }
}

static void azimuth_is_taken_modulo_360(void **state)
{
    (void)state;
    const mxd_layout *layout;
    mxd_panner *panner = NULL;
    for (uint32_t i = 0; next_layout(&i, &layout, &panner);)
        for (int azimuth_deg = -180; azimuth_deg < 180; azimuth_deg += 7) {
            double once[MAX_CHANNELS], again[MAX_CHANNELS];
            mxd_panner_gains(panner, azimuth_deg, 12.0, once);
            for (int turns = -3; turns <= 3; turns++) {
                mxd_panner_gains(panner, azimuth_deg + 360.0 * turns, 12.0, again);
                if (!(largest_difference(once, again, layout->num_channels) <= ROUNDING))
                    fail_msg("%s at %d + 360 x %d", layout->name, azimuth_deg, turns);
            }
        }
}

/* A position that no number describes still gives gains, and full ones. */
static void gains_are_never_nan(void **state)
{
    (void)state;
    static const double odd[] = {NAN, INFINITY, -INFINITY, 1e300, -1e300, 5e-324, -0.0, 90.0, -90.0, 180.0, -180.0};
    const size_t count = sizeof odd / sizeof odd[0];
    const mxd_layout *layout;
    mxd_panner *panner = NULL;
    for (uint32_t i = 0; next_layout(&i, &layout, &panner);)
        for (size_t a = 0; a < count; a++)
            for (size_t e = 0; e < count; e++) {
                double gains[MAX_CHANNELS];
                mxd_panner_gains(panner, odd[a], odd[e], gains);
                const double power = power_of(gains, layout->num_channels);
                if (!(power >= fmin(0.5, least_power(layout)) - ROUNDING && power <= 1.0 + ROUNDING))
                    fail_msg("%s at %g, %g: power %g", layout->name, odd[a], odd[e], power);
            }
}

/*
 * How fast gains may change. In a triangle they are p . inverse, then scaled
 * to unit power. A row of an inverse is as long as 1 / the distance of its
 * corner from the plane through the other two; in these layouts no neighbours
 * are closer than 15 degrees (M+SC), so at most 1 / sin(15 deg) = 3.9. As p is a
 * sum of unit vectors times gains, the gains' length is 1 / sqrt(3) at least;
 * scaling to unit length then multiplies slopes by 2 sqrt(3) at most. The
 * stereo fold-down adds a factor of 2: sqrt(2) in its weights, sqrt(2) again in
 * the scaling.
 */
#define MAX_SLOPE (2.0 * 3.9 * 1.7320508 * 2.0) /* per radian */

static void gains_move_smoothly(void **state)
{
    (void)state;
    const double step_deg = 0.02;
    const double limit = MAX_SLOPE * step_deg * MXD_RAD_PER_DEG;
    const mxd_layout *layout;
    mxd_panner *panner = NULL;
    for (uint32_t i = 0; next_layout(&i, &layout, &panner);) {
        double before[MAX_CHANNELS], now[MAX_CHANNELS];
        /* Round the listener, past the seam behind. */
        for (int elevation_deg = -85; elevation_deg <= 85; elevation_deg += 17) {
            mxd_panner_gains(panner, -200.0, elevation_deg, before);
            for (double azimuth_deg = -200.0; azimuth_deg < 200.0; azimuth_deg += step_deg) {
                mxd_panner_gains(panner, azimuth_deg, elevation_deg, now);
                if (!(largest_difference(before, now, layout->num_channels) <= limit))
                    fail_msg("%s jumps at azimuth %g, elevation %d", layout->name, azimuth_deg, elevation_deg);
                memcpy(before, now, sizeof before);
            }
        }
        /* Over both poles: from below the horizon in front to below it behind, and the other way. */
        for (int azimuth_deg = -177; azimuth_deg <= 180; azimuth_deg += 21)
            for (int up = -1; up <= 1; up += 2) {
                mxd_panner_gains(panner, azimuth_deg, -30.0 * up, before);
                for (double arc_deg = -30.0; arc_deg <= 210.0; arc_deg += step_deg) {
                    if (arc_deg <= 90.0)
                        mxd_panner_gains(panner, azimuth_deg, up * arc_deg, now);
                    else
                        mxd_panner_gains(panner, azimuth_deg + 180.0, up * (180.0 - arc_deg), now);
                    if (!(largest_difference(before, now, layout->num_channels) <= limit))
                        fail_msg("%s jumps at azimuth %d, %g degrees along the arc", layout->name, azimuth_deg,
                                 arc_deg);
                    memcpy(before, now, sizeof before);
                }
            }
    }
}

/* Gains a hair's breadth to each side of every line between two loudspeakers: that is where regions meet. */
static void check_seams(const mxd_layout *layout, const mxd_panner *panner, const mxd_direction *position, double limit)
{
    const double hair_rad = 1e-8;
    for (uint32_t a = 0; a < layout->num_channels; a++)
        for (uint32_t b = 0; b < a; b++) {
            if (layout->speakers[a].lfe || layout->speakers[b].lfe)
                continue;
            const mxd_vector from = mxd_vector_from_polar(position[a].azimuth_deg, position[a].elevation_deg);
            const mxd_vector to = mxd_vector_from_polar(position[b].azimuth_deg, position[b].elevation_deg);
            mxd_vector across = mxd_vector_cross(from, to);
            if (mxd_vector_length(across) < 1e-6) /* opposite each other: every great circle joins them */
                continue;
            across = mxd_vector_scale(hair_rad / mxd_vector_length(across), across);
            for (double place = 0.03125; place < 1.0; place += 0.15625) {
                mxd_vector seam = mxd_vector_add(mxd_vector_scale(1.0 - place, from), mxd_vector_scale(place, to));
                seam = mxd_vector_scale(1.0 / mxd_vector_length(seam), seam);
                double gains[2][MAX_CHANNELS];
                for (int side = 0; side < 2; side++) {
                    const mxd_vector p = mxd_vector_add(seam, mxd_vector_scale(side ? 1.0 : -1.0, across));
                    mxd_panner_gains(panner, -atan2(p.x, p.y) / MXD_RAD_PER_DEG,
                                     atan2(p.z, hypot(p.x, p.y)) / MXD_RAD_PER_DEG, gains[side]);
                }
                if (!(largest_difference(gains[0], gains[1], layout->num_channels) <= limit))
                    fail_msg("%s: gains jump at the line from %s to %s, %g of the way", layout->name,
                             layout->speakers[a].label, layout->speakers[b].label, place);
            }
        }
}

static void gains_agree_across_seams(void **state)
{
    (void)state;
    const mxd_layout *layout;
    mxd_panner *panner = NULL;
    for (uint32_t i = 0; next_layout(&i, &layout, &panner);) {
        mxd_direction nominal[MAX_CHANNELS];
        for (uint32_t c = 0; c < layout->num_channels; c++)
            nominal[c] = (mxd_direction){layout->speakers[c].azimuth_deg, layout->speakers[c].elevation_deg};
        check_seams(layout, panner, nominal, MAX_SLOPE * 2e-8 + 1e-10);
    }
}

/*
 * Between loudspeakers that are all real, in triangles and on patches alike, the
 * gain-weighted sum of their directions points at the source.
 */
static void gains_point_at_the_source(void **state)
{
    (void)state;
    /* Ranges of elevation where no virtual loudspeaker and no copy takes part. */
    static const struct {
        const char *layout;
        double from_deg, to_deg;
    } cases[] = {{"9+10+3", 0, 90}, {"3+7+0", 0, 90}, {"4+7+0", 0, 29},
                 {"4+9+0", 0, 29},  {"4+5+0", 0, 29}, {"4+5+1", 0, 29}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const mxd_layout *layout = mxd_layout_find(cases[i].layout);
        mxd_panner *panner;
        assert_int_equal(mxd_panner_create(layout, NULL, NULL, &panner), MXD_OK);
        for (double elevation_deg = cases[i].from_deg; elevation_deg <= cases[i].to_deg; elevation_deg += 1.0)
            for (double azimuth_deg = -180.0; azimuth_deg < 180.0; azimuth_deg += 1.5) {
                double gains[MAX_CHANNELS];
                mxd_panner_gains(panner, azimuth_deg, elevation_deg, gains);
                mxd_vector sum = {0};
                for (uint32_t c = 0; c < layout->num_channels; c++)
                    sum = mxd_vector_add(sum, mxd_vector_scale(gains[c], mxd_vector_from_polar(
                        layout->speakers[c].azimuth_deg, layout->speakers[c].elevation_deg)));
                sum = mxd_vector_scale(1.0 / mxd_vector_length(sum), sum);
                const mxd_vector source = mxd_vector_from_polar(azimuth_deg, elevation_deg);
                const double error = mxd_vector_length(mxd_vector_subtract(sum, source));
                /* Clipping to the patch or the triangle moves a source by 1e-10 at most. */
                if (!(error <= 1e-9))
                    fail_msg("%s at %g, %g: off by %g", layout->name, azimuth_deg, elevation_deg, error);
            }
        mxd_panner_destroy(panner);
    }
}

/* ---- Real positions -------------------------------------------------------------- */

static double random_unit(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u; /* Numerical Recipes, 32-bit linear congruential */
    return (*seed >> 8) / 16777216.0;
}

/* Allowed positions, at random or (odd seeds) at the corners of the ranges, which makes the oddest shapes. */
static void random_positions(const mxd_layout *layout, uint32_t seed, mxd_direction *real)
{
    const bool corners = seed & 1;
    const bool wide = seed & 2;
    for (uint32_t c = 0; c < layout->num_channels; c++) {
        mxd_speaker_range ranges[2];
        const uint32_t num_ranges = mxd_layout_ranges(layout, c, ranges);
        real[c] = (mxd_direction){NAN, NAN}; /* an LFE's is not looked at */
        if (!num_ranges)
            continue;
        const mxd_speaker_range *range = &ranges[wide && num_ranges > 1];
        double across = random_unit(&seed), up = random_unit(&seed);
        if (corners) {
            across = round(across);
            up = round(up);
        }
        real[c].azimuth_deg = range->azimuth_min_deg + across * (range->azimuth_max_deg - range->azimuth_min_deg);
        real[c].elevation_deg = range->elevation_min_deg + up * (range->elevation_max_deg - range->elevation_min_deg);
    }
}

/* The least gap between two loudspeakers of the middle layer, in degrees; negative if two have changed places. */
static double least_gap_deg(const mxd_layout *layout, const mxd_direction *real)
{
    double least_deg = 360.0;
    for (uint32_t a = 0; a < layout->num_channels; a++)
        for (uint32_t b = 0; b < layout->num_channels; b++) {
            const mxd_speaker *first = &layout->speakers[a], *second = &layout->speakers[b];
            if (first->lfe || second->lfe || first->label[0] != 'M' || second->label[0] != 'M')
                continue;
            double nominal[2] = {first->azimuth_deg, second->azimuth_deg};
            for (int i = 0; i < 2; i++) /* M+SC and M-SC: 45 degrees where they stand wide */
                if (strstr(i ? second->label : first->label, "SC") && fabs(real[i ? b : a].azimuth_deg) > 30.0)
                    nominal[i] = copysign(45.0, nominal[i]);
            if (nominal[0] < nominal[1])
                least_deg = fmin(least_deg, real[b].azimuth_deg - real[a].azimuth_deg);
        }
    return least_deg;
}

static void real_positions_cover_the_sphere(void **state)
{
    (void)state;
    for (uint32_t n = 0; mxd_layout_get(n); n++) {
        const mxd_layout *layout = mxd_layout_get(n);
        uint32_t num_accepted = 0, num_refused = 0;
        for (uint32_t seed = 1; seed <= 60; seed++) {
            mxd_direction real[MAX_CHANNELS];
            mxd_panner *panner;
            random_positions(layout, seed, real);
            const mxd_result result = mxd_panner_create(layout, real, NULL, &panner);
            /* Between 0 and 0.1 degrees the panner may find two loudspeakers too close, or not. */
            const double gap_deg = least_gap_deg(layout, real);
            if ((result == MXD_OK && !(gap_deg > 0.0)) || (result != MXD_OK && !(gap_deg < 0.1)))
                fail_msg("%s, seed %u: result %d, least gap %g degrees", layout->name, seed, result, gap_deg);
            if (result != MXD_OK) {
                assert_int_equal(result, MXD_ERROR_INVALID);
                assert_null(panner);
                num_refused++;
                continue;
            }
            num_accepted++;
            loudspeakers_get_their_own_direction(layout, panner, real);
            /* Neighbours may be close, and slopes steep (up to 1e4); a jump is of the order of 0.1. */
            check_seams(layout, panner, real, 1e-3);
            uint32_t noise = seed;
            for (uint32_t i = 0; i < 200; i++) {
                double gains[MAX_CHANNELS];
                const double azimuth_deg = 360.0 * random_unit(&noise) - 180.0;
                const double elevation_deg = 180.0 * random_unit(&noise) - 90.0;
                mxd_panner_gains(panner, azimuth_deg, elevation_deg, gains);
                const double power = power_of(gains, layout->num_channels);
                if (!(power >= least_power(layout) - ROUNDING && power <= 1.0 + ROUNDING))
                    fail_msg("%s, seed %u at %g, %g: power %g", layout->name, seed, azimuth_deg, elevation_deg, power);
            }
            mxd_panner_destroy(panner);
        }
        print_message("%s: %u random sets of positions accepted, %u refused\n", layout->name, num_accepted,
                      num_refused);
        assert_true(num_accepted > 0);
    }
}

static void wrong_positions_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *layout, *label;
        double azimuth_deg, elevation_deg;
        const char *expected; /* in the problem's text */
    } cases[] = {
        {"4+7+0", "U-045", 10, 30, "U-045"},
        {"4+7+0", "M+000", 0, NAN, "M+000"},
        {"0+2+0", "M-030", -40, 0, "M-030"},
        {"4+9+0", "M+SC", 30, 0, "5 to 25 or 35 to 60"},
        {"9+10+3", "B+045", 45, -40, "-30 to -15"},
        {"3+7+0", "M+090", 140, 0, "M+090"},  /* allowed by its own range, but behind M+135 */
        {"3+7+0", "M-135", -90, 0, "M-135"},  /* on top of M-090 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const mxd_layout *layout = mxd_layout_find(cases[i].layout);
        mxd_direction real[MAX_CHANNELS];
        for (uint32_t c = 0; c < layout->num_channels; c++)
            real[c] = (mxd_direction){layout->speakers[c].azimuth_deg, layout->speakers[c].elevation_deg};
        real[mxd_layout_channel(layout, cases[i].label)] =
            (mxd_direction){cases[i].azimuth_deg, cases[i].elevation_deg};
        mxd_problems *problems = mxd_problems_create();
        mxd_panner *panner = NULL;
        assert_non_null(problems);
        assert_int_equal(mxd_panner_create(layout, real, problems, &panner), MXD_ERROR_INVALID);
        assert_null(panner);
        assert_int_equal(mxd_problems_count(problems), 1);
        const char *text = mxd_problems_get(problems, 0)->text;
        if (!strstr(text, cases[i].expected) || !strstr(text, layout->name))
            fail_msg("no \"%s\" in: %s", cases[i].expected, text);
        mxd_problems_destroy(problems);
    }
}

static void every_wrong_position_is_told(void **state)
{
    (void)state;
    const mxd_layout *layout = mxd_layout_find("5.1");
    mxd_direction real[MAX_CHANNELS];
    for (uint32_t c = 0; c < layout->num_channels; c++)
        real[c] = (mxd_direction){layout->speakers[c].azimuth_deg + 50.0, -1000.0};
    mxd_problems *problems = mxd_problems_create();
    mxd_panner *panner;
    assert_non_null(problems);
    assert_int_equal(mxd_panner_create(layout, real, problems, &panner), MXD_ERROR_INVALID);
    assert_int_equal(mxd_problems_count(problems), 5); /* all but the LFE */
    mxd_problems_destroy(problems);
    mxd_panner_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gains_match_the_reference_renderer),
        cmocka_unit_test(gains_match_at_real_positions),
        cmocka_unit_test(power_is_one_everywhere),
        cmocka_unit_test(stereo_follows_the_downmix),
        cmocka_unit_test(mono_is_stereo_folded),
        cmocka_unit_test(the_nadir_is_shared_out),
        cmocka_unit_test(poles_are_played_by_their_ring),
        cmocka_unit_test(a_loudspeaker_plays_its_own_direction_alone),
        cmocka_unit_test(left_and_right_are_mirrored),
        cmocka_unit_test(azimuth_is_taken_modulo_360),
        cmocka_unit_test(gains_are_never_nan),
        cmocka_unit_test(gains_move_smoothly),
        cmocka_unit_test(gains_agree_across_seams),
        cmocka_unit_test(gains_point_at_the_source),
        cmocka_unit_test(real_positions_cover_the_sphere),
        cmocka_unit_test(wrong_positions_are_refused_by_name),
        cmocka_unit_test(every_wrong_position_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
