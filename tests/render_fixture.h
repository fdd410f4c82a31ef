/* What tests of whole renders share: text of little sessions, their sources, and what is asked of a sample. */
#ifndef MXD_TESTS_RENDER_FIXTURE_H
#define MXD_TESTS_RENDER_FIXTURE_H

#include "fixture.h"

#define HEAD "{ \"mixdown\": 1, \"sample_rate\": 48000, "
#define STEREO_OUT "\"deliverables\": [ { \"file\": \"out.wav\", \"layout\": \"stereo\", \"bit_depth\": 32 } ] }"
#define ONES "\"clips\": [ { \"file\": \"ones.wav\" } ]"
#define NOISE "\"clips\": [ { \"file\": \"noise.wav\" } ]"

/* fixture_set_up with ones.wav, noise.wav and pair.wav (stereo noise) of 1 s, and impulse.wav of 0.1 s, at 48 kHz. */
int render_set_up(void **state);

/* 10^(level / 20) */
double db(double level);

/* Within 2e-6: float32 signals of magnitude <= 4, half a unit in the last place of each of a few operations. */
void assert_sample(const fixture_audio *audio, uint32_t channel, uint64_t frame, double expected);
/* The largest difference is at or below limit_dbfs. */
void assert_nulls(const fixture_audio *a, const fixture_audio *b, double limit_dbfs, const char *what);

#endif
