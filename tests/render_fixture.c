#include "render_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

#define TOLERANCE 2e-6

int render_set_up(void **state)
{
    fixture_set_up(state);
    fixture *f = *state;
    fixture_wav(f, "ones.wav", 48000, 1, 48000, fixture_ones);
    fixture_wav(f, "noise.wav", 48000, 1, 48000, fixture_noise);
    fixture_wav(f, "pair.wav", 48000, 2, 48000, fixture_noise);
    fixture_wav(f, "impulse.wav", 48000, 1, 4800, fixture_impulse);
    return 0;
}

double db(double level)
{
    return pow(10.0, level / 20.0);
}

void assert_sample(const fixture_audio *audio, uint32_t channel, uint64_t frame, double expected)
{
    double value = audio->samples[frame * audio->channels + channel];
    if (!(fabs(value - expected) <= TOLERANCE))
        fail_msg("channel %u, frame %u: %.9f, expected %.9f", channel, (unsigned)frame, value, expected);
}

void assert_nulls(const fixture_audio *a, const fixture_audio *b, double limit_dbfs, const char *what)
{
    double difference = 20.0 * log10(fixture_difference(a, b) + 1e-300);
    if (!(difference <= limit_dbfs))
        fail_msg("%s: %.1f dBFS", what, difference);
}
