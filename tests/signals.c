/* The hash is the finaliser of SplitMix64 (Steele, Lea, Flood 2014). */
#include "signals.h"

enum { STREAM_INPUT = 1000 };

const char *signal_name(signal_id signal)
{
    static const char *const names[] = {"noise", "silence", "impulses", "denormals", "bursts"};
    return names[signal];
}

double random_at(uint64_t seed, uint64_t stream, uint64_t index)
{
    uint64_t z = seed + 0x9e3779b97f4a7c15u * (stream * 0x100000001b3u + index + 1);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return (double)(z >> 11) / 4503599627370496.0 - 1;
}

float signal_at(signal_id signal, uint64_t seed, uint32_t lane, uint64_t frame)
{
    double noise = random_at(seed, STREAM_INPUT + lane, frame);
    switch (signal) {
    case SIGNAL_NOISE:
        return (float)noise;
    case SIGNAL_SILENCE:
        return 0;
    case SIGNAL_IMPULSES:
        return (frame + lane) % 1009 == 0 ? 1.0f : 0.0f;
    case SIGNAL_DENORMAL:
        return (float)(1e-40 * noise);
    case SIGNAL_BURSTS:
        return frame / 3001 % 2 == 0 ? (float)noise : 0.0f;
    }
    return 0;
}
