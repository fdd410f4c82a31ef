/* shift: whole frames of delay (shaders/shift.h). */
#include "rows.h"

#include "shaders/shift.h"

#include <string.h>

/* One lane: what the ring gives up goes out, and the block's last frames take its place. */
static void run_lane(real *ring, uint32_t frames, uint32_t start, const real *input, uint32_t num_frames, real *output)
{
    const uint32_t count = frames < num_frames ? frames : num_frames;
    const uint32_t first = count < frames - start ? count : frames - start; /* up to the ring's end */
    const real *newest = input + (num_frames - count);
    memcpy(output, ring + start, first * sizeof(real));
    memcpy(output + first, ring, (count - first) * sizeof(real));
    memcpy(output + count, input, (num_frames - count) * sizeof(real));
    memcpy(ring + start, newest, first * sizeof(real));
    memcpy(ring, newest + first, (count - first) * sizeof(real));
}

void MXD_CPU(mxd_shift_run)(const cpu_row *row)
{
    const uint32_t frames = row->settings[MXD_SHIFT_FRAMES], n = row->num_frames;
    const real *now = row->state + 2 * (row->num_runs & 1);
    real *next = row->state + 2 * (~row->num_runs & 1);
    const uint32_t start = (uint32_t)now[0] + MXD_SHIFT_RADIX * (uint32_t)now[1];
    for (uint32_t i = 0; i < row->num_inputs; i++)
        run_lane(row->state + MXD_SHIFT_FIRST_RING + (size_t)i * frames, frames, start, row->inputs[i], n,
                 row->outputs[i]);
    const uint32_t end = (start + (frames < n ? frames : n)) % frames;
    next[0] = (real)(end % MXD_SHIFT_RADIX);
    next[1] = (real)(end / MXD_SHIFT_RADIX);
}
