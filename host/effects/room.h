/*
 * A synthetic room: impulse responses from decay times, so that nobody needs a
 * library of responses to begin. Each is noise that starts as single reflections
 * and thickens, cut into octave bands that each decay exponentially in their own
 * time. The same on every run, compiler and processor, to the bit.
 */
#ifndef MXD_EFFECTS_ROOM_H
#define MXD_EFFECTS_ROOM_H

#include "../mixdown.h"

#define MXD_ROOM_BANDS 10       /* octaves around 31.5 Hz .. 16 kHz */
#define MXD_ROOM_MAX_OUTPUTS 24

typedef struct mxd_room {
    double decay_s[MXD_ROOM_BANDS]; /* time in which the band falls by 60 dB; 0.1..20 */
    double width;                   /* 0..1: the correlation between any two outputs of one input is 1 - width */
    uint32_t num_outputs;           /* 1..MXD_ROOM_MAX_OUTPUTS */
    uint32_t seed;
} mxd_room;

/*
 * The decays of a natural hall whose middle octaves (500 Hz, 1 kHz) take decay_s:
 * a little longer below, ever shorter above, where air and walls absorb.
 */
void mxd_room_natural_decays(double decay_s, double decays_s[MXD_ROOM_BANDS]);

/* Frames of each response: until the slowest band lies 80 dB down. */
uint32_t mxd_room_num_frames(const mxd_room *room, uint32_t sample_rate);

/*
 * Writes the response from one input to one output (num_frames as above) to
 * samples. A cell depends on the room, the rate, input and output alone. Its
 * level is arbitrary, but alike for all cells. MXD_ERROR_MEMORY.
 */
mxd_result mxd_room_generate(const mxd_room *room, uint32_t sample_rate, uint32_t input, uint32_t output,
                             float *samples);

#endif
