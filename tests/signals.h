/* The signals of kernel cases. Random numbers are a counter-based hash: a case does not depend on who else drew. */
#ifndef MXD_TESTS_SIGNALS_H
#define MXD_TESTS_SIGNALS_H

#include <stdint.h>

typedef enum signal_id {
    SIGNAL_NOISE,    /* white, uniform, full scale */
    SIGNAL_SILENCE,
    SIGNAL_IMPULSES, /* one of full scale every 1009 frames (a prime), silence between */
    SIGNAL_DENORMAL, /* noise of 1e-40 */
    SIGNAL_BURSTS    /* 3001 frames of noise, 3001 of silence */
} signal_id;

const char *signal_name(signal_id signal);
float signal_at(signal_id signal, uint64_t seed, uint32_t lane, uint64_t frame);

/* -1..1, of any stream (below 1000: signals have those above). */
double random_at(uint64_t seed, uint64_t stream, uint64_t index);

#endif
