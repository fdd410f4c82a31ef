#include "oscillator.h"

#include "../../formats/reader.h"
#include "../session/tempo.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

double mxd_read_note_or(mxd_reader *reader, const char *rate_key)
{
    double beats = 0.0;
    const bool has_rate = mxd_read_has(reader, rate_key);
    if (mxd_read_note_value(reader, "note", MXD_OPTIONAL, &beats) && has_rate)
        mxd_reader_fail(reader, "note", "\"note\" and \"%s\" say the same thing twice: remove one of them", rate_key);
    return beats;
}

void mxd_refuse_beside_note(mxd_reader *automation, double beats, const char *rate_key)
{
    if (beats > 0.0)
        mxd_reader_fail(automation, "parameter", "\"%s\" does nothing beside \"note\": remove one of them", rate_key);
}

double mxd_sweep(mxd_sweep_shape shape, double cycles, double *second)
{
    const double phase = cycles - floor(cycles);
    if (shape == MXD_SWEEP_TRIANGLE) {
        *second = 0.0;
        return 1.0 - 4.0 * fabs(phase - 0.5);
    }
    const double wave = cos(2.0 * pi * phase);
    *second = 4.0 * pi * pi * wave;
    return -wave;
}

double mxd_cycles_a_frame(double beats_a_cycle, double rate_hz, const mxd_moment *moment, double sample_rate)
{
    return (beats_a_cycle > 0.0 ? moment->bpm / (60.0 * beats_a_cycle) : rate_hz) / sample_rate;
}

void mxd_tempo_bounds(const mxd_session *session, double *slowest, double *fastest)
{
    *slowest = *fastest = mxd_tempo_bpm(session, 0);
    for (uint32_t i = 0; i < session->num_tempo_points; i++) {
        *slowest = fmin(*slowest, session->tempo[i].bpm);
        *fastest = fmax(*fastest, session->tempo[i].bpm);
    }
}
