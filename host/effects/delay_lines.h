/* What delay, chorus and flanger have in common: rows of the kernel "delay" (shaders/delay.h), its values, its tail. */
#ifndef MXD_EFFECTS_DELAY_LINES_H
#define MXD_EFFECTS_DELAY_LINES_H

#include "../graph/builder.h"
#include "effect.h"

/* Where the parameter table says less than 1, so that every loop dies away. */
#define MXD_MAX_FEEDBACK 0.99
/* A high-cut from here on does nothing. */
#define MXD_OPEN_HZ 20000.0

typedef struct mxd_delay_lines {
    double longest_frames;   /* over the session, handles of its curves included */
    double shortest_frames;  /* the same */
    uint32_t num_voices;
    bool loop;               /* there may be feedback */
    bool cross;              /* one row of two lines that feed each other; else a row a channel */
    uint32_t cuts;           /* MXD_DELAY_LOW_CUT_ON | MXD_DELAY_HIGH_CUT_ON */
    mxd_row_map *map;        /* index: mxd_delay_channel and mxd_delay_num_channels tell */
    bool moves;
    double beats_a_cycle;    /* as in mxd_builder_row */
    double (*rate_hz)(const void *params, const double *values);
} mxd_delay_lines;

static inline uint32_t mxd_delay_channel(uint32_t index)
{
    return index & 0xffu;
}
static inline uint32_t mxd_delay_num_channels(uint32_t index)
{
    return index >> 8;
}

/* lanes[0..num_inputs) become what leaves; cross: two, of one or two that enter. */
mxd_result mxd_delay_lines_emit(const mxd_delay_lines *lines, mxd_graph_builder *builder, uint32_t *lanes,
                                uint32_t num_inputs);

/* Feedback, dry, wet and the cuts (low_hz 0, high_hz from MXD_OPEN_HZ: none) as the kernel takes them. */
void mxd_delay_put_levels(double feedback, double dry, double wet, double low_hz, double high_hz, double sample_rate,
                          double *row_values);

/* A voice (of all lines' voices, in order): a delay in frames, and its second derivative a frame squared. */
void mxd_delay_put_voice(uint32_t voice, double frames, double second, double *row_values);

/*
 * Frames until the loop has fallen to -160 dB of full scale, below what a state may lose: delay_frames and the low-pass
 * give the slowest pole e^-s by e^(s D) |feedback| = 1 - s tau, the high-pass is below 1 as long as s tau < 1/2.
 */
uint64_t mxd_delay_tail_frames(double delay_frames, double feedback, double low_hz, double high_hz, double sample_rate);

#endif
