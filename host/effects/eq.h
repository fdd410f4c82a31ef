/*
 * Designing the equaliser's sections: from what a user writes to the state-
 * variable sections that the kernel runs (shaders/eq.h). Each section is the
 * bilinear transform of its analogue prototype, prewarped so that both agree
 * exactly at frequency_hz.
 *
 * With p = j tan(pi f / rate) / g, a section's response is
 *     H = (m0 p^2 + (m0 k + m1) p + m0 + m2) / (p^2 + k p + 1).
 */
#ifndef MXD_EFFECTS_EQ_H
#define MXD_EFFECTS_EQ_H

#include "../backend.h"
#include "shaders/filter.h"

struct mxd_reader; /* formats/reader.h */

typedef enum mxd_eq_type {
    MXD_EQ_HIGH_PASS,
    MXD_EQ_LOW_PASS,
    MXD_EQ_BELL,       /* gain_db at the centre; q: the analogue prototype's, the same width for boost and cut */
    MXD_EQ_LOW_SHELF,  /* gain_db far below, gain_db / 2 at frequency_hz */
    MXD_EQ_HIGH_SHELF, /* gain_db far above, gain_db / 2 at frequency_hz */
    MXD_EQ_NOTCH,
    MXD_EQ_BAND_PASS,  /* 0 dB at the centre */
    MXD_EQ_ALL_PASS,   /* second order: -180 degrees at the centre */
    MXD_EQ_TILT,       /* -gain_db / 2 far below, 0 dB at frequency_hz, +gain_db / 2 far above */
    MXD_EQ_NUM_TYPES
} mxd_eq_type;

#define MXD_EQ_MAX_BANDS 32
#define MXD_EQ_MAX_BAND_SECTIONS 4

/* Frames of a linear-phase response, odd. The longest is 2.7 s at 48 kHz. */
#define MXD_EQ_MIN_FIR 63
#define MXD_EQ_MAX_FIR 131071

typedef struct mxd_eq_band {
    mxd_eq_type type;
    double frequency_hz;   /* > 0, < rate / 2 */
    double gain_db;        /* bell, shelves, tilt */
    double q;              /* high- and low-pass: only at 12 dB per octave; steeper ones are Butterworth */
    int slope_db_per_octave; /* high- and low-pass: 12, 24, 48 */
} mxd_eq_band;

/* Whether gain_db means anything: bell, shelves, tilt. */
bool mxd_eq_has_gain(mxd_eq_type type);

/* tan(pi frequency_hz / sample_rate). */
double mxd_eq_prewarp(double frequency_hz, double sample_rate);

/* Writes the sections of a band at a prewarped frequency, returns how many, 1 to 4: as many at any gain and q. */
uint32_t mxd_eq_design_at(const mxd_eq_band *band, double g, mxd_svf sections[MXD_EQ_MAX_BAND_SECTIONS]);

/* The same at the band's frequency, but 0 where the band changes nothing (0 dB). */
uint32_t mxd_eq_design(const mxd_eq_band *band, double sample_rate, mxd_svf sections[MXD_EQ_MAX_BAND_SECTIONS]);

/* A section as the values of the kernel `filter` (shaders/filter.h). */
void mxd_eq_coefficients(const mxd_svf *section, double values[MXD_FILTER_SECTION_VALUES]);

/* -ln of the radius of a section's slowest pole, > 0; k > 0. */
double mxd_svf_decay(double g, double k);

/*
 * Frames after which the ringing that a full-scale input can leave in the cascade
 * lies below -120 dBFS: the sum of what each section alone needs, since one
 * section's ringing drives the next.
 */
uint64_t mxd_svf_tail_frames(const mxd_svf *sections, uint32_t num_sections);

/* Fails through an automation's reader where it moves the frequency under key out of lowest_hz to highest_hz. */
void mxd_eq_check_moving_hz(struct mxd_reader *automation, const char *key, double least_hz, double most_hz,
                            double lowest_hz, double highest_hz);

/*
 * Reads an array of bands, such as those of a side-chain's filter, into the
 * sections of them all; a key that is not there gives none. sections has room
 * for MXD_EQ_MAX_SECTIONS. False where the array cannot be read; what is wrong
 * with a band is told through the reader, and the band left out.
 */
bool mxd_eq_read_bands(struct mxd_reader *reader, const char *key, uint32_t sample_rate, mxd_svf *sections,
                       uint32_t *num_sections);

#endif
