#include "delay_lines.h"

#include "shaders/delay.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

#define MOST_FRAMES (MXD_DELAY_MAX_LENGTH - MXD_DELAY_MARGIN)

/* Of a trapezoidal filter of first order; its corner stays below Nyquist's frequency, where it would ring. */
static double g_of(double frequency_hz, double sample_rate)
{
    const double g = tan(pi * fmin(frequency_hz / sample_rate, 0.45));
    return g / (1.0 + g);
}

mxd_result mxd_delay_lines_emit(const mxd_delay_lines *lines, mxd_graph_builder *builder, uint32_t *lanes,
                                uint32_t num_inputs)
{
    uint32_t settings[MXD_DELAY_NUM_SETTINGS] = {
        [MXD_DELAY_LENGTH] = MXD_DELAY_MARGIN,
        [MXD_DELAY_VOICES] = lines->num_voices,
        [MXD_DELAY_LOOP] = lines->loop,
        [MXD_DELAY_CROSS] = lines->cross,
        [MXD_DELAY_CUTS] = lines->cuts,
        [MXD_DELAY_SHORTEST] = (uint32_t)fmin(fmax(lines->shortest_frames, MXD_DELAY_MIN_FRAMES), MXD_DELAY_MARGIN),
    };
    while (settings[MXD_DELAY_LENGTH] < fmin(lines->longest_frames, MOST_FRAMES) + MXD_DELAY_MARGIN)
        settings[MXD_DELAY_LENGTH] *= 2;
    mxd_builder_row row = {
        .kernel = MXD_KERNEL_DELAY,
        .settings = settings,
        .map = lines->map,
        .moves = lines->moves,
        .beats_a_cycle = lines->beats_a_cycle,
        .rate_hz = lines->rate_hz,
    };
    const uint32_t num_rows = lines->cross ? 1 : num_inputs, num_outputs = lines->cross ? 2 : num_inputs;
    uint32_t outputs[MXD_MAX_CHANNELS];
    for (uint32_t c = 0; c < num_outputs; c++)
        outputs[c] = c < num_inputs ? lanes[c] : mxd_builder_lane(builder);
    if (outputs[num_outputs - 1] == UINT32_MAX)
        return MXD_ERROR_MEMORY;
    for (uint32_t r = 0; r < num_rows; r++) {
        row.inputs = &lanes[r];
        row.outputs = &outputs[r];
        row.num_inputs = lines->cross ? num_inputs : 1;
        row.num_outputs = lines->cross ? 2 : 1;
        row.index = r | num_inputs << 8;
        const mxd_result result = mxd_builder_row_add(builder, &row);
        if (result != MXD_OK)
            return result;
    }
    for (uint32_t c = 0; c < num_outputs; c++)
        lanes[c] = outputs[c];
    return MXD_OK;
}

void mxd_delay_put_levels(double feedback, double dry, double wet, double low_hz, double high_hz, double sample_rate,
                          double *row_values)
{
    row_values[MXD_DELAY_FEEDBACK] = fmin(fmax(feedback, -MXD_MAX_FEEDBACK), MXD_MAX_FEEDBACK);
    row_values[MXD_DELAY_DRY] = dry;
    row_values[MXD_DELAY_WET] = wet;
    row_values[MXD_DELAY_LOW_CUT] = g_of(fmax(low_hz, 0.0), sample_rate);
    row_values[MXD_DELAY_HIGH_CUT] = g_of(fmax(high_hz, 1.0), sample_rate);
}

void mxd_delay_put_voice(uint32_t voice, double frames, double second, double *row_values)
{
    double *values = row_values + MXD_DELAY_FIRST_VOICE + voice * MXD_DELAY_VOICE_VALUES;
    /* A part that is no more than rounding (0.375 s at 44.1 kHz is whole) would cost the exact echo. */
    double delay = fmin(fmax(frames, MXD_DELAY_MIN_FRAMES), MOST_FRAMES), whole = floor(delay);
    if (second == 0.0 && fabs(delay - round(delay)) < 1e-7)
        delay = whole = round(delay);
    if ((float)(delay - whole) >= 1.0f) /* as the signal's own type it would be no part */
        delay = whole += 1.0;
    values[MXD_DELAY_WHOLE] = whole;
    values[MXD_DELAY_PART] = delay - whole;
    values[MXD_DELAY_BEND] = second * MXD_VALUE_GRID * MXD_VALUE_GRID / 6.0;
}

uint64_t mxd_delay_tail_frames(double delay_frames, double feedback, double low_hz, double high_hz, double sample_rate)
{
    const double nepers = 18.42; /* 160 dB */
    const double gain = fmin(fabs(feedback), MXD_MAX_FEEDBACK);
    const double low_tau = low_hz > 0.0 ? sample_rate / (2.0 * pi * low_hz) : 0.0;
    const double high_tau = high_hz < MXD_OPEN_HZ ? sample_rate / (2.0 * pi * high_hz) : 0.0;
    double tail = delay_frames + MXD_DELAY_TAPS + nepers * (low_tau + high_tau);
    if (gain > 0.0) {
        double slow = 0.0, fast = -log(gain) / delay_frames; /* e^(fast D) gain = 1 */
        for (int i = 0; i < 60 && high_tau > 0.0; i++) {
            const double middle = 0.5 * (slow + fast);
            if (exp(middle * delay_frames) * gain < 1.0 - middle * high_tau)
                slow = middle;
            else
                fast = middle;
        }
        if (low_tau > 0.0)
            fast = fmin(fast, 0.5 / low_tau);
        tail += nepers / fast;
    }
    return tail < 9e18 ? (uint64_t)ceil(tail) : UINT64_MAX / 2;
}
