/*
 * Rows' values, point by point. An oscillator whose rate moves is the sum of its
 * rate over the session, from frame 0 in steps of the grid: so it does not depend
 * on where blocks, or the render, begin.
 */
#include "moving.h"

#include "../session/tempo.h"
#include "envelope.h"

#include <string.h>

void mxd_insert_values(const mxd_insert *insert, uint64_t frame, bool before, double values[MXD_MAX_INSERT_VALUES])
{
    memcpy(values, insert->params, insert->effect->num_values * sizeof *values);
    for (uint32_t i = 0; i < insert->num_automation; i++)
        if (insert->automation[i].value < insert->effect->num_values)
            values[insert->automation[i].value] = mxd_automation_value(&insert->automation[i], frame, before);
}

void mxd_insert_bounds(const mxd_insert *insert, uint32_t value, double *lowest, double *highest)
{
    *lowest = *highest = ((const double *)insert->params)[value];
    for (uint32_t i = 0; i < insert->num_automation; i++) {
        const mxd_automation *automation = &insert->automation[i];
        if (automation->value != value)
            continue;
        *lowest = *highest = automation->points[0].value;
        for (uint32_t p = 0; p < automation->num_points; p++) {
            const double at = automation->points[p].value;
            double ends[3] = {at, at, at};
            if (automation->segments && p + 1 < automation->num_points &&
                automation->segments[p].curve == MXD_CURVE_BEZIER) {
                ends[1] = at + automation->segments[p].out_value;
                ends[2] = automation->points[p + 1].value + automation->segments[p].in_value;
            }
            for (int e = 0; e < 3; e++) {
                *lowest = ends[e] < *lowest ? ends[e] : *lowest;
                *highest = ends[e] > *highest ? ends[e] : *highest;
            }
        }
    }
}

/* The tail that other values would have, or the longest so far. */
static uint64_t longer_tail(const mxd_insert *insert, uint32_t num_inputs, const double *values, uint64_t longest)
{
    double rest[MXD_MAX_INSERT_VALUES];
    const size_t bytes = insert->effect->num_values * sizeof *rest;
    memcpy(rest, insert->params, bytes);
    memcpy(insert->params, values, bytes);
    const uint64_t tail = insert->effect->tail_frames(insert->params, num_inputs);
    memcpy(insert->params, rest, bytes);
    return tail > longest ? tail : longest;
}

uint64_t mxd_insert_tail_frames(const mxd_insert *insert, uint32_t num_inputs)
{
    uint64_t longest = 0;
    bool moves = false;
    for (uint32_t i = 0; i < insert->num_automation; i++) {
        const mxd_automation *automation = &insert->automation[i];
        double values[MXD_MAX_INSERT_VALUES], ends[2];
        if (automation->value >= insert->effect->num_values)
            continue; /* a plug-in's own */
        moves = true;
        for (uint32_t p = 0; p < automation->num_points; p++) {
            mxd_insert_values(insert, automation->points[p].frame, false, values);
            longest = longer_tail(insert, num_inputs, values, longest);
        }
        /* A Bezier curve may pass its points. */
        mxd_insert_bounds(insert, automation->value, &ends[0], &ends[1]);
        for (uint32_t e = 0; automation->segments && e < 2; e++) {
            values[automation->value] = ends[e];
            longest = longer_tail(insert, num_inputs, values, longest);
        }
    }
    return moves ? longest : insert->effect->tail_frames(insert->params, num_inputs);
}

bool mxd_row_moves(const mxd_row_operation *row)
{
    return row->num_values > 0 && !row->values;
}

/* Cycles a frame at a frame of the session. */
static double rate_at(const mxd_session *session, const mxd_row_operation *row, uint64_t frame)
{
    double values[MXD_MAX_INSERT_VALUES];
    mxd_insert_values(row->insert, frame, false, values);
    return row->rate_hz(row->insert->params, values) / session->sample_rate;
}

/* Moves row->cycles on to the last point of the grid at or before a frame, and gives the cycles at the frame itself. */
static double sum_cycles(const mxd_session *session, mxd_row_operation *row, uint64_t frame)
{
    if (frame < row->cycles_frame) {
        row->cycles_frame = 0;
        row->cycles = 0.0;
    }
    for (; row->cycles_frame + MXD_VALUE_GRID <= frame; row->cycles_frame += MXD_VALUE_GRID) {
        row->cycles += rate_at(session, row, row->cycles_frame) * MXD_VALUE_GRID;
        row->cycles -= (double)(int64_t)row->cycles; /* whole ones do not matter, and would cost digits */
    }
    return row->cycles + rate_at(session, row, row->cycles_frame) * (double)(frame - row->cycles_frame);
}

static double cycles_at(const mxd_session *session, mxd_row_operation *row, uint64_t frame, double beats)
{
    if (row->beats_a_cycle > 0.0)
        return beats / row->beats_a_cycle;
    if (!row->rate_hz)
        return 0.0;
    if (row->insert->num_automation > 0)
        return sum_cycles(session, row, frame);
    return row->rate_hz(row->insert->params, row->insert->params) / session->sample_rate * (double)frame;
}

static void set_moment(const mxd_session *session, uint64_t frame, mxd_moment *moment)
{
    *moment = (mxd_moment){.frame = frame, .bpm = mxd_tempo_bpm(session, frame),
                           .beats = mxd_tempo_beats(session, frame)};
}

void mxd_row_points(const mxd_session *session, mxd_operation *operation, uint64_t first_frame, uint32_t num_frames,
                    double *values)
{
    mxd_row_operation *row = &operation->row;
    uint32_t num_points = mxd_value_points(num_frames);
    for (uint32_t i = 0; i < num_points; i++) {
        double inputs[MXD_MAX_INSERT_VALUES];
        mxd_moment moment;
        uint64_t frame = first_frame + (uint64_t)i * MXD_VALUE_GRID;
        set_moment(session, frame > operation->latency ? frame - operation->latency : 0, &moment);
        mxd_insert_values(row->insert, moment.frame, false, inputs);
        moment.cycles = cycles_at(session, row, moment.frame, moment.beats);
        row->map(row->insert->params, inputs, row->index, &moment, values + (size_t)i * row->num_values);
    }
}

void mxd_row_at_rest(const mxd_session *session, const mxd_insert *insert, const mxd_builder_row *row, double *values)
{
    mxd_moment moment;
    set_moment(session, 0, &moment);
    row->map(insert->params, insert->params, row->index, &moment, values);
}
