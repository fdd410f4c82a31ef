/* The synthetic room's decay, correlation and determinism. */
#include "direct_form.h"
#include "host/effects/eq.h"
#include "host/effects/impulse_response.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

/* Of one response as it was first made, by gcc and clang alike. */
#define ROOM_HASH UINT64_C(0x850d87d11bfb7969)

static mxd_room room_of(double decay_s, double width, uint32_t num_outputs, uint32_t seed)
{
    mxd_room room = {.width = width, .num_outputs = num_outputs, .seed = seed};
    mxd_room_natural_decays(decay_s, room.decay_s);
    return room;
}

/* An octave of samples: fourth-order Butterworth high- and low-pass at its edges. */
static void filter_octave(double centre_hz, double rate, const float *samples, uint32_t num_frames, double *octave)
{
    mxd_svf sections[2 * MXD_EQ_MAX_BAND_SECTIONS];
    const mxd_eq_band high = {MXD_EQ_HIGH_PASS, centre_hz * sqrt(0.5), 0, 1, 48};
    const mxd_eq_band low = {MXD_EQ_LOW_PASS, fmin(centre_hz * sqrt(2.0), 0.49 * rate), 0, 1, 48};
    uint32_t num_sections = mxd_eq_design(&high, rate, sections);
    num_sections += mxd_eq_design(&low, rate, sections + num_sections);
    for (uint32_t n = 0; n < num_frames; n++)
        octave[n] = samples[n];
    for (uint32_t i = 0; i < num_sections; i++)
        filter_direct(&sections[i], octave, num_frames);
}

/* T30 of a decay curve (energy still to come, ISO 3382-1): a line through -5..-35 dB by least squares. */
static double decay_time_s(const double *curve, uint32_t num_frames, double rate)
{
    double n = 0, sx = 0, sy = 0, sxx = 0, sxy = 0;
    for (uint32_t i = 0; i < num_frames; i += 16) {
        const double level_db = 10.0 * log10(curve[i] / curve[0]), t = i / rate;
        if (level_db > -5.0 || level_db < -35.0)
            continue;
        n++, sx += t, sy += level_db, sxx += t * t, sxy += t * level_db;
    }
    return -60.0 * (n * sxx - sx * sx) / (n * sxy - sx * sy);
}

/*
 * Decay times by Schroeder integration, averaged over as many cells as it takes
 * for chance to stay below the 5 % that are allowed: an octave at 31.5 Hz is 22 Hz
 * wide, so one decay of 1.5 s holds some 30 independent samples.
 */
static void check_decays(const mxd_room *given, uint32_t rate, uint32_t num_cells)
{
    mxd_room room = *given;
    const uint32_t num_frames = mxd_room_num_frames(&room, rate);
    float *samples = malloc((size_t)num_cells * num_frames * sizeof *samples);
    double *octave = malloc(num_frames * sizeof *octave), *curve = malloc(num_frames * sizeof *curve);
    assert_true(samples && octave && curve);
    for (uint32_t c = 0; c < num_cells; c++)
        assert_int_equal(mxd_room_generate(&room, rate, c / room.num_outputs, c % room.num_outputs,
                                           samples + (size_t)c * num_frames), MXD_OK);
    for (int band = 0; band < MXD_ROOM_BANDS; band++) {
        const double centre_hz = 31.25 * (1 << band);
        const uint32_t used = band < 3 ? num_cells : band < 5 ? (num_cells + 3) / 4 : (num_cells + 15) / 16;
        if (centre_hz > 0.4 * rate)
            continue;
        memset(curve, 0, num_frames * sizeof *curve);
        for (uint32_t c = 0; c < used; c++) {
            filter_octave(centre_hz, rate, samples + (size_t)c * num_frames, num_frames, octave);
            double energy = 0;
            for (uint32_t n = num_frames; n-- > 0;) {
                energy += octave[n] * octave[n];
                curve[n] += energy;
            }
        }
        const double is_s = decay_time_s(curve, num_frames, rate), should_s = room.decay_s[band];
        if (getenv("MXD_VERBOSE"))
            print_message("%u Hz, octave %g Hz: %.3f s for %.3f s (%+.1f %%)\n", rate, centre_hz, is_s, should_s,
                          100 * (is_s / should_s - 1));
        if (!(fabs(is_s / should_s - 1.0) <= 0.05))
            fail_msg("octave at %g Hz, rate %u: decays in %.3f s, not %.3f", centre_hz, rate, is_s, should_s);
    }
    free(samples);
    free(octave);
    free(curve);
}

static void room_decays_as_asked(void **state)
{
    (void)state;
    mxd_room hall = room_of(2.0, 1.0, 8, 1);
    check_decays(&hall, 48000, 32);
    mxd_room chamber = room_of(0.7, 1.0, 8, 2);
    check_decays(&chamber, 44100, 64);
    /* Given octave by octave: a stone church without bass. */
    mxd_room church = {{1.0, 1.2, 1.5, 1.9, 2.3, 2.5, 2.3, 1.9, 1.4, 1.0}, 1.0, 8, 3};
    check_decays(&church, 48000, 32);
}

static double correlation(const float *a, const float *b, uint32_t num_frames)
{
    double aa = 0, ab = 0, bb = 0;
    for (uint32_t n = 0; n < num_frames; n++) {
        aa += (double)a[n] * a[n];
        ab += (double)a[n] * b[n];
        bb += (double)b[n] * b[n];
    }
    return ab / sqrt(aa * bb);
}

/*
 * The correlation of two outputs is 1 - width. Some 10^4 independent samples (12 kHz
 * wide, decaying within half a second or so) leave it uncertain by 0.01; 5 times that.
 */
static void room_width(void **state)
{
    (void)state;
    for (int w = 0; w <= 4; w++) {
        const mxd_room room = room_of(1.5, w / 4.0, 2, 7);
        mxd_impulse_response *response = mxd_impulse_response_of_room(&room, 48000, 2);
        assert_non_null(response);
        const float *cells[4];
        for (int c = 0; c < 4; c++)
            cells[c] = response->memory + (size_t)c * response->num_frames;
        const double same = correlation(cells[0], cells[1], response->num_frames);
        if (!(fabs(same - (1.0 - room.width)) <= 0.05))
            fail_msg("width %g: outputs correlate by %g", room.width, same);
        if (w == 0)
            assert_memory_equal(cells[0], cells[1], response->num_frames * sizeof(float));
        /* Inputs are apart whatever the width. */
        assert_true(fabs(correlation(cells[0], cells[2], response->num_frames)) <= 0.05);
        assert_true(fabs(correlation(cells[0], cells[3], response->num_frames)) <= 0.05);
        mxd_impulse_response_destroy(response);
    }
}

static uint64_t hash(const float *samples, uint32_t num_frames)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a over the samples' bits */
    for (uint32_t n = 0; n < num_frames; n++) {
        uint32_t bits;
        memcpy(&bits, &samples[n], sizeof bits);
        for (int i = 0; i < 4; i++, bits >>= 8)
            hash = (hash ^ (bits & 255)) * UINT64_C(1099511628211);
    }
    return hash;
}

/* The same bits on every run and compiler; other bits for another seed, input or output; none of them DC. */
static void room_is_deterministic(void **state)
{
    (void)state;
    const mxd_room room = room_of(0.5, 0.5, 2, 42);
    mxd_room other = room;
    other.seed = 43;
    const uint32_t num_frames = mxd_room_num_frames(&room, 44100);
    float *samples = malloc(num_frames * sizeof *samples);
    assert_non_null(samples);
    assert_int_equal(mxd_room_generate(&room, 44100, 1, 1, samples), MXD_OK);
    const uint64_t first = hash(samples, num_frames);
    double sum = 0, energy = 0;
    for (uint32_t n = 0; n < num_frames; n++) {
        sum += samples[n];
        energy += (double)samples[n] * samples[n];
        assert_true(isfinite(samples[n]));
    }
    /* Response at 0 Hz against the mean over all frequencies: no rumble. */
    assert_true(20.0 * log10(fabs(sum) / sqrt(energy)) < -30.0);
    assert_int_equal(mxd_room_generate(&room, 44100, 1, 1, samples), MXD_OK);
    assert_true(hash(samples, num_frames) == first);
    assert_int_equal(mxd_room_generate(&room, 44100, 0, 1, samples), MXD_OK);
    assert_true(hash(samples, num_frames) != first);
    assert_int_equal(mxd_room_generate(&room, 44100, 1, 0, samples), MXD_OK);
    assert_true(hash(samples, num_frames) != first);
    assert_int_equal(mxd_room_generate(&other, 44100, 1, 1, samples), MXD_OK);
    assert_true(hash(samples, num_frames) != first);
    free(samples);
    if (first != ROOM_HASH)
        fail_msg("the room's bits have changed: hash %#llx", (unsigned long long)first);
}

/* All rates, from 8 kHz (five octaves fewer) to 384 kHz, the shortest decay and one number for all octaves. */
static void room_at_all_rates(void **state)
{
    (void)state;
    const uint32_t all[] = {8000, 11025, 22050, 44100, 88200, 192000, 384000};
    for (int r = 0; r < 7; r++) {
        const mxd_room room = room_of(0.1, 0.3, 1, 0);
        mxd_impulse_response *response = mxd_impulse_response_of_room(&room, all[r], 1);
        assert_non_null(response);
        assert_true(response->channels[0].energy > 0 && isfinite(response->channels[0].energy));
        mxd_impulse_response_destroy(response);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(room_decays_as_asked),
        cmocka_unit_test(room_width),
        cmocka_unit_test(room_is_deterministic),
        cmocka_unit_test(room_at_all_rates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
