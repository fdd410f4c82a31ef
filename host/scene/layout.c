/*
 * The ten layouts of ITU-R BS.2051-3 (systems A to J), and mono, as constant tables.
 *
 * WAVE's speaker bits follow the loudspeaker's role, by these rules:
 * - M+-110, the only surround pair of 5.1, is BACK_LEFT/RIGHT. Both 0x3F (back)
 *   and 0x60F (side) are met in files; 0x3F is the older, the one that FLAC
 *   assigns to six channels, and the one that readers assume without a mask.
 * - With two surround pairs, M+-090 is SIDE_LEFT/RIGHT and M+-135 BACK_LEFT/RIGHT.
 * - The upper layer is TOP_FRONT, TOP_BACK, whatever its exact azimuth.
 * - In 9+10+3 the outer front pair M+-060 is FRONT_LEFT/RIGHT, the inner pair
 *   M+-030 FRONT_LEFT/RIGHT_OF_CENTER, as the labels FL and FLc of BS.2051 say.
 * - LFE2, U+-090 and the bottom layer have no bit.
 */
#include "layout_ranges.h"

#include <math.h>
#include <string.h>
#include <strings.h>

/* Bits of dwChannelMask in WAVEFORMATEXTENSIBLE. */
enum {
    FRONT_LEFT = 0x1,
    FRONT_RIGHT = 0x2,
    FRONT_CENTER = 0x4,
    LOW_FREQUENCY = 0x8,
    BACK_LEFT = 0x10,
    BACK_RIGHT = 0x20,
    FRONT_LEFT_OF_CENTER = 0x40,
    FRONT_RIGHT_OF_CENTER = 0x80,
    BACK_CENTER = 0x100,
    SIDE_LEFT = 0x200,
    SIDE_RIGHT = 0x400,
    TOP_CENTER = 0x800,
    TOP_FRONT_LEFT = 0x1000,
    TOP_FRONT_CENTER = 0x2000,
    TOP_FRONT_RIGHT = 0x4000,
    TOP_BACK_LEFT = 0x8000,
    TOP_BACK_CENTER = 0x10000,
    TOP_BACK_RIGHT = 0x20000,
    NO_BIT = 0
};

static const mxd_layout layouts[] = {
    {"0+2+0", "stereo", 2, {
        {"M+030", 30, 0, false, FRONT_LEFT},
        {"M-030", -30, 0, false, FRONT_RIGHT},
    }},
    {"0+5+0", "5.1", 6, {
        {"M+030", 30, 0, false, FRONT_LEFT},
        {"M-030", -30, 0, false, FRONT_RIGHT},
        {"M+000", 0, 0, false, FRONT_CENTER},
        {"LFE1", 45, -30, true, LOW_FREQUENCY},
        {"M+110", 110, 0, false, BACK_LEFT},
        {"M-110", -110, 0, false, BACK_RIGHT},
    }},
    {"2+5+0", NULL, 8, {
        {"M+030", 30, 0, false, FRONT_LEFT},
        {"M-030", -30, 0, false, FRONT_RIGHT},
        {"M+000", 0, 0, false, FRONT_CENTER},
        {"LFE1", 45, -30, true, LOW_FREQUENCY},
        {"M+110", 110, 0, false, BACK_LEFT},
        {"M-110", -110, 0, false, BACK_RIGHT},
        {"U+030", 30, 30, false, TOP_FRONT_LEFT},
        {"U-030", -30, 30, false, TOP_FRONT_RIGHT},
    }},
    {"4+5+0", "5.1.4", 10, {
        {"M+030", 30, 0, false, FRONT_LEFT},
        {"M-030", -30, 0, false, FRONT_RIGHT},
        {"M+000", 0, 0, false, FRONT_CENTER},
        {"LFE1", 45, -30, true, LOW_FREQUENCY},
        {"M+110", 110, 0, false, BACK_LEFT},
        {"M-110", -110, 0, false, BACK_RIGHT},
        {"U+030", 30, 30, false, TOP_FRONT_LEFT},
        {"U-030", -30, 30, false, TOP_FRONT_RIGHT},
        {"U+110", 110, 30, false, TOP_BACK_LEFT},
        {"U-110", -110, 30, false, TOP_BACK_RIGHT},
    }},
    {"4+5+1", NULL, 11, {
        {"M+030", 30, 0, false, FRONT_LEFT},
        {"M-030", -30, 0, false, FRONT_RIGHT},
        {"M+000", 0, 0, false, FRONT_CENTER},
        {"LFE1", 45, -30, true, LOW_FREQUENCY},
        {"M+110", 110, 0, false, BACK_LEFT},
        {"M-110", -110, 0, false, BACK_RIGHT},
        {"U+030", 30, 30, false, TOP_FRONT_LEFT},
        {"U-030", -30, 30, false, TOP_FRONT_RIGHT},
        {"U+110", 110, 30, false, TOP_BACK_LEFT},
        {"U-110", -110, 30, false, TOP_BACK_RIGHT},
        {"B+000", 0, -30, false, NO_BIT},
    }},
    {"3+7+0", NULL, 12, {
        {"M+000", 0, 0, false, FRONT_CENTER},
        {"M+030", 30, 0, false, FRONT_LEFT},
        {"M-030", -30, 0, false, FRONT_RIGHT},
        {"U+045", 45, 30, false, TOP_FRONT_LEFT},
        {"U-045", -45, 30, false, TOP_FRONT_RIGHT},
        {"M+090", 90, 0, false, SIDE_LEFT},
        {"M-090", -90, 0, false, SIDE_RIGHT},
        {"M+135", 135, 0, false, BACK_LEFT},
        {"M-135", -135, 0, false, BACK_RIGHT},
        {"UH+180", 180, 45, false, TOP_BACK_CENTER},
        {"LFE1", 45, -30, true, LOW_FREQUENCY},
        {"LFE2", -45, -30, true, NO_BIT},
    }},
    {"4+9+0", NULL, 14, {
        {"M+030", 30, 0, false, FRONT_LEFT},
        {"M-030", -30, 0, false, FRONT_RIGHT},
        {"M+000", 0, 0, false, FRONT_CENTER},
        {"LFE1", 45, -30, true, LOW_FREQUENCY},
        {"M+090", 90, 0, false, SIDE_LEFT},
        {"M-090", -90, 0, false, SIDE_RIGHT},
        {"M+135", 135, 0, false, BACK_LEFT},
        {"M-135", -135, 0, false, BACK_RIGHT},
        {"U+045", 45, 30, false, TOP_FRONT_LEFT},
        {"U-045", -45, 30, false, TOP_FRONT_RIGHT},
        {"U+135", 135, 30, false, TOP_BACK_LEFT},
        {"U-135", -135, 30, false, TOP_BACK_RIGHT},
        {"M+SC", 15, 0, false, FRONT_LEFT_OF_CENTER},
        {"M-SC", -15, 0, false, FRONT_RIGHT_OF_CENTER},
    }},
    {"9+10+3", "22.2", 24, {
        {"M+060", 60, 0, false, FRONT_LEFT},
        {"M-060", -60, 0, false, FRONT_RIGHT},
        {"M+000", 0, 0, false, FRONT_CENTER},
        {"LFE1", 45, -30, true, LOW_FREQUENCY},
        {"M+135", 135, 0, false, BACK_LEFT},
        {"M-135", -135, 0, false, BACK_RIGHT},
        {"M+030", 30, 0, false, FRONT_LEFT_OF_CENTER},
        {"M-030", -30, 0, false, FRONT_RIGHT_OF_CENTER},
        {"M+180", 180, 0, false, BACK_CENTER},
        {"LFE2", -45, -30, true, NO_BIT},
        {"M+090", 90, 0, false, SIDE_LEFT},
        {"M-090", -90, 0, false, SIDE_RIGHT},
        {"U+045", 45, 30, false, TOP_FRONT_LEFT},
        {"U-045", -45, 30, false, TOP_FRONT_RIGHT},
        {"U+000", 0, 30, false, TOP_FRONT_CENTER},
        {"T+000", 0, 90, false, TOP_CENTER},
        {"U+135", 135, 30, false, TOP_BACK_LEFT},
        {"U-135", -135, 30, false, TOP_BACK_RIGHT},
        {"U+090", 90, 30, false, NO_BIT},
        {"U-090", -90, 30, false, NO_BIT},
        {"U+180", 180, 30, false, TOP_BACK_CENTER},
        {"B+000", 0, -30, false, NO_BIT},
        {"B+045", 45, -30, false, NO_BIT},
        {"B-045", -45, -30, false, NO_BIT},
    }},
    {"0+7+0", "7.1", 8, {
        {"M+030", 30, 0, false, FRONT_LEFT},
        {"M-030", -30, 0, false, FRONT_RIGHT},
        {"M+000", 0, 0, false, FRONT_CENTER},
        {"LFE1", 45, -30, true, LOW_FREQUENCY},
        {"M+090", 90, 0, false, SIDE_LEFT},
        {"M-090", -90, 0, false, SIDE_RIGHT},
        {"M+135", 135, 0, false, BACK_LEFT},
        {"M-135", -135, 0, false, BACK_RIGHT},
    }},
    {"4+7+0", "7.1.4", 12, {
        {"M+030", 30, 0, false, FRONT_LEFT},
        {"M-030", -30, 0, false, FRONT_RIGHT},
        {"M+000", 0, 0, false, FRONT_CENTER},
        {"LFE1", 45, -30, true, LOW_FREQUENCY},
        {"M+090", 90, 0, false, SIDE_LEFT},
        {"M-090", -90, 0, false, SIDE_RIGHT},
        {"M+135", 135, 0, false, BACK_LEFT},
        {"M-135", -135, 0, false, BACK_RIGHT},
        {"U+045", 45, 30, false, TOP_FRONT_LEFT},
        {"U-045", -45, 30, false, TOP_FRONT_RIGHT},
        {"U+135", 135, 30, false, TOP_BACK_LEFT},
        {"U-135", -135, 30, false, TOP_BACK_RIGHT},
    }},
    {"0+1+0", "mono", 1, { /* BS.2051 has none; ADM's common definitions (BS.2094) call it so */
        {"M+000", 0, 0, false, FRONT_CENTER},
    }},
};

#define NUM_LAYOUTS (sizeof layouts / sizeof layouts[0])

/*
 * Allowed ranges in degrees, where they are more than the nominal position
 * itself. A row holds for the left loudspeaker and, mirrored, for the right.
 */
static const struct {
    const char *layouts; /* names, each between blanks */
    const char *label;   /* of the left or only loudspeaker */
    double azimuth_min_deg, azimuth_max_deg;
    double elevation_min_deg, elevation_max_deg;
} range_rows[] = {
    {" 0+5+0 2+5+0 ", "M+110", 100, 120, 0, 15},
    {" 4+5+0 4+5+1 ", "M+110", 100, 120, 0, 0},
    {" 2+5+0 4+5+0 4+5+1 ", "U+030", 30, 45, 30, 55},
    {" 4+5+0 4+5+1 ", "U+110", 100, 135, 30, 55},
    {" 4+5+1 ", "B+000", 0, 0, -30, -15},
    {" 3+7+0 ", "U+045", 30, 45, 30, 45},
    {" 3+7+0 ", "M+090", 60, 150, 0, 0},
    {" 3+7+0 ", "M+135", 60, 150, 0, 0},
    {" 3+7+0 ", "UH+180", 180, 180, 45, 90},
    {" 0+7+0 4+7+0 4+9+0 ", "M+030", 30, 45, 0, 0},
    {" 0+7+0 4+7+0 4+9+0 ", "M+090", 85, 110, 0, 0},
    {" 0+7+0 4+7+0 4+9+0 ", "M+135", 120, 150, 0, 0},
    {" 4+7+0 4+9+0 ", "U+045", 30, 45, 30, 55},
    {" 4+7+0 4+9+0 ", "U+135", 100, 150, 30, 55},
    /* BS.2051 ties these to the screen's edges; BS.2127 clause 6.1.1 knows these two intervals. */
    {" 4+9+0 ", "M+SC", 5, 25, 0, 0},
    {" 4+9+0 ", "M+SC", 35, 60, 0, 0},
    {" 9+10+3 ", "M+060", 45, 60, 0, 5},
    {" 9+10+3 ", "M+000", 0, 0, 0, 5},
    {" 9+10+3 ", "M+135", 110, 135, 0, 15},
    {" 9+10+3 ", "M+030", 22.5, 30, 0, 5},
    {" 9+10+3 ", "M+180", 180, 180, 0, 15},
    {" 9+10+3 ", "M+090", 90, 90, 0, 15},
    {" 9+10+3 ", "U+045", 45, 60, 30, 45},
    {" 9+10+3 ", "U+000", 0, 0, 30, 45},
    {" 9+10+3 ", "U+135", 110, 135, 30, 45},
    {" 9+10+3 ", "U+090", 90, 90, 30, 45},
    {" 9+10+3 ", "U+180", 180, 180, 30, 45},
    {" 9+10+3 ", "B+000", 0, 0, -30, -15},
    {" 9+10+3 ", "B+045", 45, 60, -30, -15},
};

const mxd_layout *mxd_layout_find(const char *name)
{
    for (size_t i = 0; name && i < NUM_LAYOUTS; i++) {
        const mxd_layout *layout = &layouts[i];
        if (strcasecmp(name, layout->name) == 0 ||
            (layout->common_name && strcasecmp(name, layout->common_name) == 0))
            return layout;
    }
    return NULL;
}

const mxd_layout *mxd_layout_get(uint32_t index)
{
    return index < NUM_LAYOUTS ? &layouts[index] : NULL;
}

int mxd_layout_channel(const mxd_layout *layout, const char *label)
{
    for (uint32_t i = 0; label && i < layout->num_channels; i++)
        if (strcmp(layout->speakers[i].label, label) == 0)
            return (int)i;
    return -1;
}

uint32_t mxd_layout_wave_mask(const mxd_layout *layout, bool *in_mask_order)
{
    uint32_t mask = 0;
    bool ascending = true;
    for (uint32_t i = 0; i < layout->num_channels; i++) {
        const uint32_t bit = layout->speakers[i].wave_mask;
        if (!bit) {
            mask = 0;
            ascending = false;
            break;
        }
        ascending = ascending && bit > mask; /* higher than every bit before it */
        mask |= bit;
    }
    if (in_mask_order)
        *in_mask_order = ascending;
    return mask;
}

void mxd_layout_wave_order(const mxd_layout *layout, uint32_t order[MXD_MAX_LAYOUT_CHANNELS])
{
    for (uint32_t i = 0; i < layout->num_channels; i++) {
        uint32_t place = i;
        for (; place > 0 && layout->speakers[order[place - 1]].wave_mask > layout->speakers[i].wave_mask; place--)
            order[place] = order[place - 1];
        order[place] = i;
    }
}

static bool row_is_for_layout(const char *names, const mxd_layout *layout)
{
    const size_t length = strlen(layout->name);
    for (const char *found = strstr(names, layout->name); found; found = strstr(found + 1, layout->name))
        if (found[-1] == ' ' && found[length] == ' ')
            return true;
    return false;
}

/* Whether label is row_label or its mirror image: the same but for the sign. */
static bool row_is_for_label(const char *row_label, const char *label)
{
    for (; *row_label && *label; row_label++, label++)
        if (*row_label != *label && !(*row_label == '+' && *label == '-'))
            return false;
    return *row_label == *label;
}

uint32_t mxd_layout_ranges(const mxd_layout *layout, uint32_t channel, mxd_speaker_range ranges[2])
{
    const mxd_speaker *speaker = &layout->speakers[channel];
    if (speaker->lfe)
        return 0;
    uint32_t num_ranges = 0;
    for (size_t i = 0; i < sizeof range_rows / sizeof range_rows[0] && num_ranges < 2; i++) {
        if (!row_is_for_layout(range_rows[i].layouts, layout) || !row_is_for_label(range_rows[i].label, speaker->label))
            continue;
        const bool mirrored = speaker->azimuth_deg < 0.0;
        ranges[num_ranges++] = (mxd_speaker_range){
            mirrored ? -range_rows[i].azimuth_max_deg : range_rows[i].azimuth_min_deg,
            mirrored ? -range_rows[i].azimuth_min_deg : range_rows[i].azimuth_max_deg,
            range_rows[i].elevation_min_deg,
            range_rows[i].elevation_max_deg,
        };
    }
    if (num_ranges == 0)
        ranges[num_ranges++] = (mxd_speaker_range){speaker->azimuth_deg, speaker->azimuth_deg, speaker->elevation_deg,
                                                   speaker->elevation_deg};
    return num_ranges;
}

bool mxd_layout_allows(const mxd_layout *layout, uint32_t channel, mxd_direction position)
{
    if (layout->speakers[channel].lfe)
        return true;
    if (!isfinite(position.azimuth_deg) || !isfinite(position.elevation_deg))
        return false;
    mxd_speaker_range ranges[2];
    const uint32_t num_ranges = mxd_layout_ranges(layout, channel, ranges);
    for (uint32_t i = 0; i < num_ranges; i++) {
        if (!(position.elevation_deg >= ranges[i].elevation_min_deg - MXD_RANGE_TOLERANCE_DEG &&
              position.elevation_deg <= ranges[i].elevation_max_deg + MXD_RANGE_TOLERANCE_DEG))
            continue;
        /* Straight above, every azimuth is the same place. */
        if (position.elevation_deg >= 90.0 - MXD_RANGE_TOLERANCE_DEG)
            return true;
        /* How far from the middle of the range, the short way round. */
        const double middle_deg = 0.5 * (ranges[i].azimuth_min_deg + ranges[i].azimuth_max_deg);
        const double half_width_deg = 0.5 * (ranges[i].azimuth_max_deg - ranges[i].azimuth_min_deg);
        if (fabs(remainder(position.azimuth_deg - middle_deg, 360.0)) <= half_width_deg + MXD_RANGE_TOLERANCE_DEG)
            return true;
    }
    return false;
}
