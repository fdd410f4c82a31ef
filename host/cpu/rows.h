/* What a kernel of host/kernels is on the CPU: a function that takes one row through one block. */
#ifndef MXD_CPU_ROWS_H
#define MXD_CPU_ROWS_H

#include "../backend.h"
#include "kernels.h"
#include "real.h"

/* One row in one block. */
typedef struct cpu_row {
    const uint32_t *settings;
    const real *const *inputs;   /* [num_inputs][num_frames], 64-byte aligned */
    real *const *outputs;        /* [num_outputs][num_frames], 64-byte aligned; an output may be an input if the kernel says so */
    uint32_t num_inputs, num_outputs;
    uint32_t num_frames;
    uint32_t position;           /* frames that the row has run since it started, modulo 2^32: 0 = it starts */
    uint32_t num_runs;           /* blocks that it has run since then, modulo 2^32 */
    const real *values;          /* [point][num_values] */
    uint32_t num_values;
    bool moves;                  /* there are mxd_value_points(num_frames) points; else 1 */
    real *state;                 /* num_state words, 64-byte aligned */
} cpu_row;

typedef void cpu_row_function(const cpu_row *row);

#define MXD_CPU_ROW_DECLARATION(NUMBER, name) cpu_row_function MXD_CPU(mxd_##name##_run);
MXD_KERNELS(MXD_CPU_ROW_DECLARATION)
#undef MXD_CPU_ROW_DECLARATION

/* A value at a frame: on the straight line between two points, or at rest. */
static inline real row_value(const cpu_row *row, uint32_t value, uint32_t frame)
{
    if (!row->moves)
        return row->values[value];
    const real *point = row->values + (size_t)(frame / MXD_VALUE_GRID) * row->num_values + value;
    real part = (real)(frame % MXD_VALUE_GRID) * (real)(1.0 / MXD_VALUE_GRID);
    return point[0] + (point[row->num_values] - point[0]) * part;
}

/* A value at the point at or before a frame. */
static inline real row_held(const cpu_row *row, uint32_t value, uint32_t frame)
{
    return row->values[(row->moves ? (size_t)(frame / MXD_VALUE_GRID) * row->num_values : 0) + value];
}

#endif
