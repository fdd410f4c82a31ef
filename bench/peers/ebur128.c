/* libebur128 as a whole program: ebur128 IN.wav: integrated loudness and true peak. 12 channels are 4+7+0. */
#include <ebur128.h>
#include <math.h>
#include <sndfile.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    static const int places[12] = {EBUR128_Mp030, EBUR128_Mm030, EBUR128_Mp000, EBUR128_UNUSED, EBUR128_Mp090, EBUR128_Mm090,
                                   EBUR128_Mp135, EBUR128_Mm135, EBUR128_Up045, EBUR128_Um045, EBUR128_Up135, EBUR128_Um135};
    static float samples[4800 * 12];
    SF_INFO info = {0};
    SNDFILE *file = argc == 2 ? sf_open(argv[1], SFM_READ, &info) : NULL;
    if (!file || info.channels > 12)
        return 1;
    ebur128_state *state = ebur128_init((unsigned)info.channels, (unsigned long)info.samplerate,
                                        EBUR128_MODE_I | EBUR128_MODE_TRUE_PEAK);
    for (unsigned i = 0; i < 12 && info.channels == 12; i++)
        ebur128_set_channel(state, i, places[i]);
    for (sf_count_t count; (count = sf_readf_float(file, samples, 4800)) > 0;)
        ebur128_add_frames_float(state, samples, (size_t)count);
    double lufs, peak = 0.0;
    ebur128_loudness_global(state, &lufs);
    for (unsigned i = 0; i < (unsigned)info.channels; i++) {
        double one;
        ebur128_true_peak(state, i, &one);
        peak = one > peak ? one : peak;
    }
    printf("%.3f LUFS %.3f dBTP\n", lufs, 20.0 * log10(peak));
    ebur128_destroy(&state);
    return sf_close(file);
}
