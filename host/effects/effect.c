/* The table of inserts, and the names of those that are yet to come. */
#include "effect.h"

#include <string.h>

static const mxd_effect *const effects[] = {
    &mxd_effect_eq,
    &mxd_effect_convolver,
    &mxd_effect_lv2,
    &mxd_effect_pitch,
};

static const char *const planned[] = {
    "compressor", "expander", "gate", "de-esser", "multiband", "transient", "saturator", "delay",
    "chorus", "flanger", "phaser", "tremolo", "auto-pan", "width", "rotate", "gain",
    "polarity", "trim", "dc-block", "reverb", "limiter", "match",
};

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
