/* The table of inserts, and the names of those that are yet to come. */
#include "effect.h"

#include <string.h>

static const mxd_effect *const effects[] = {
    &mxd_effect_eq,
    &mxd_effect_convolver,
    &mxd_effect_delay,
    &mxd_effect_chorus,
    &mxd_effect_flanger,
    &mxd_effect_phaser,
    &mxd_effect_tremolo,
    &mxd_effect_auto_pan,
    &mxd_effect_saturator,
    &mxd_effect_gain,
    &mxd_effect_trim,
    &mxd_effect_polarity,
    &mxd_effect_width,
    &mxd_effect_rotate,
    &mxd_effect_dc_block,
    &mxd_effect_compressor,
    &mxd_effect_expander,
    &mxd_effect_gate,
    &mxd_effect_de_esser,
    &mxd_effect_multiband,
    &mxd_effect_transient,
    &mxd_effect_reverb,
    &mxd_effect_lv2,
    &mxd_effect_pitch,
};

static const char *const planned[] = {"limiter", "match"};

const mxd_effect *mxd_effect_get(uint32_t index)
{
    return index < sizeof effects / sizeof effects[0] ? effects[index] : NULL;
}

const mxd_effect *mxd_effect_find(const char *type)
{
    for (size_t i = 0; i < sizeof effects / sizeof effects[0]; i++)
        if (strcmp(effects[i]->type, type) == 0)
            return effects[i];
    return NULL;
}

bool mxd_effect_is_planned(const char *type)
{
    for (size_t i = 0; i < sizeof planned / sizeof planned[0]; i++)
        if (strcmp(planned[i], type) == 0)
            return true;
    return false;
}
