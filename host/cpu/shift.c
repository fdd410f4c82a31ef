/* shift: whole frames of delay (shaders/shift.h). */
#include "rows.h"

#include "shaders/shift.h"

#include <string.h>

void MXD_CPU(mxd_shift_run)(const cpu_row *row)
{
    const uint32_t frames = row->settings[MXD_SHIFT_FRAMES], n = row->num_frames;
    const uint32_t from_state = frames < n ? frames : n;
    for (uint32_t i = 0; i < row->num_inputs; i++) {
        const real *old = row->state + ((size_t)(row->num_runs & 1) * row->num_inputs + i) * frames;
        real *next = row->state + ((size_t)(~row->num_runs & 1) * row->num_inputs + i) * frames;
        memcpy(row->outputs[i], old, from_state * sizeof(real));
        memcpy(row->outputs[i] + from_state, row->inputs[i], (n - from_state) * sizeof(real));
        memcpy(next, old + from_state, (frames - from_state) * sizeof(real));
        memcpy(next + (frames - from_state), row->inputs[i] + (n - from_state), from_state * sizeof(real));
    }
}
