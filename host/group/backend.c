/*
 * Several backends as one: rows are dealt out to the members, blocks are cut
 * into parts (plan.c), each phase's parts are submitted side by side, and what
 * members summed in part is added on the host, in the members' order, so that
 * two runs give the same bits. The last sums wait for the caller's wait: blocks
 * stay in flight. If a member fails, the group has failed.
 */
#include "group.h"

#include "../clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Samples that are added up at a time, in double precision. */
#define SUM_FRAMES 512u

static mxd_result out_of_memory(const mxd_group *group, const char *what)
{
    return mxd_fail(group->base.problems, MXD_ERROR_MEMORY, NULL, "memory ran out while %s", what);
}

/* After the member's own message: which one it was. */
static mxd_result blame(const mxd_group *group, uint32_t member, mxd_result result)
{
    return mxd_fail(group->base.problems, result, NULL, "the above is of device %u (%s), one of %u that render together",
                    group->devices[member], mxd_backend_get_info(group->members[member].backend)->device,
                    group->num_members);
}

/* ---- Steps --------------------------------------------------------------- */

static mxd_group_step *next_step(mxd_group *group)
{
    if (group->num_steps == group->step_capacity) {
        uint32_t capacity = group->step_capacity ? 2 * group->step_capacity : 16;
        mxd_group_step *steps = realloc(group->steps, capacity * sizeof *steps);
        if (!steps)
            return NULL;
        group->steps = steps;
        group->step_capacity = capacity;
    }
    mxd_group_step *step = &group->steps[group->num_steps];
    *step = (mxd_group_step){0};
    for (uint32_t i = 0; i < MXD_MAX_GROUP; i++)
        step->numbers[i] = MXD_GROUP_NONE;
    return step;
}

static void finish_step(mxd_group_step *step)
{
    free(step->first_pieces);
    free(step->pieces);
    free(step->lanes);
    free(step->input_numbers);
    free(step->num_inputs);
    free(step->eq_rows);
    free(step->sections);
}

/* Rows are kept until prepare: by then it is known where each lane lives. */
static mxd_result add_eq(mxd_backend *backend, const mxd_eq_row *rows, uint32_t num_rows, uint32_t *number)
{
    mxd_group *group = (mxd_group *)backend;
    uint64_t num_sections = 0;
    for (uint32_t i = 0; i < num_rows; i++)
        num_sections += rows[i].num_sections;
    mxd_group_step *step = next_step(group);
    if (!step)
        return out_of_memory(group, "an equaliser was made");
    step->num_rows = num_rows;
    step->first_pieces = calloc((size_t)num_rows + 1, sizeof *step->first_pieces);
    step->pieces = calloc(num_rows, sizeof *step->pieces);
    step->lanes = calloc(num_rows, sizeof *step->lanes);
    step->eq_rows = calloc(num_rows, sizeof *step->eq_rows);
    step->sections = calloc(num_sections, sizeof *step->sections);
    if (!step->first_pieces || !step->pieces || !step->lanes || !step->eq_rows || !step->sections) {
        finish_step(step);
        return out_of_memory(group, "an equaliser was made");
    }
    mxd_svf *sections = step->sections;
    for (uint32_t i = 0; i < num_rows; i++) {
        memcpy(sections, rows[i].sections, rows[i].num_sections * sizeof *sections);
        step->eq_rows[i] = (mxd_eq_row){rows[i].lane, sections, rows[i].num_sections};
        sections += rows[i].num_sections;
        step->lanes[i] = rows[i].lane;
        step->first_pieces[i] = i;
        step->pieces[i] = (mxd_group_piece){.member = mxd_group_place_eq(&group->places, &rows[i]),
                                            .first_input = i, .num_inputs = 1, .first_output = i, .num_outputs = 1};
    }
    step->first_pieces[num_rows] = num_rows;
    group->num_row_inputs += num_rows;
    *number = group->num_steps++;
    return MXD_OK;
}

static mxd_result make_eq(mxd_group *group, mxd_group_step *step)
{
    mxd_eq_row *rows = calloc(step->num_rows, sizeof *rows);
    if (!rows)
        return out_of_memory(group, "an equaliser was made");
    mxd_result result = MXD_OK;
    for (uint32_t i = 0; i < step->num_rows; i++)
        if (step->pieces[i].member == MXD_GROUP_NONE)
            step->pieces[i].member = group->places.homes[step->lanes[i]];
    for (uint32_t m = 0; m < group->num_members && result == MXD_OK; m++) {
        uint32_t count = 0;
        for (uint32_t i = 0; i < step->num_rows; i++)
            if (step->pieces[i].member == m) {
                step->pieces[i].row = count;
                rows[count++] = step->eq_rows[i];
            }
        if (count > 0)
            result = mxd_backend_add_eq(group->members[m].backend, rows, count, &step->numbers[m]);
        if (result != MXD_OK)
            blame(group, m, result);
    }
    free(rows);
    free(step->eq_rows);
    free(step->sections);
    step->eq_rows = NULL;
    step->sections = NULL;
    return result;
}

/* Building a convolve step: the members' rows, and where the next things go. */
typedef struct convolve_maker {
    mxd_group_step *step;
    uint32_t num_pieces, num_lanes, num_cells;
    uint32_t num_rows[MXD_MAX_GROUP];
    mxd_convolve_row *rows;    /* [piece] */
    mxd_convolve_cell *cells;
    uint32_t *members;         /* of one row's inputs */
    uint32_t *places;          /* of one row's inputs, and then of its outputs, within the piece */
} convolve_maker;

/* One member's inputs of a row, their cells, and the outputs of these; with_rest: those that have no cell at all too. */
static void make_piece(convolve_maker *maker, const mxd_convolve_row *row, uint32_t member, bool with_rest)
{
    mxd_group_step *step = maker->step;
    uint32_t *input_places = maker->places, *output_places = maker->places + row->num_inputs;
    mxd_group_piece piece = {.member = member, .row = maker->num_rows[member], .first_input = maker->num_lanes};
    for (uint32_t i = 0; i < row->num_inputs; i++) {
        if (maker->members[i] != member)
            continue;
        input_places[i] = piece.num_inputs++;
        step->input_numbers[maker->num_lanes] = i;
        step->lanes[maker->num_lanes++] = row->inputs[i];
    }
    for (uint32_t o = 0; o < row->num_outputs; o++)
        output_places[o] = with_rest ? 0 : MXD_GROUP_NONE;
    for (uint32_t c = 0; c < row->num_cells; c++) {
        bool own = maker->members[row->cells[c].input] == member;
        if (own || output_places[row->cells[c].output] == 0)
            output_places[row->cells[c].output] = own ? 1 : MXD_GROUP_NONE;
    }
    piece.first_output = maker->num_lanes;
    for (uint32_t o = 0; o < row->num_outputs; o++) {
        if (output_places[o] == MXD_GROUP_NONE)
            continue;
        output_places[o] = piece.num_outputs++;
        step->lanes[maker->num_lanes++] = row->outputs[o];
    }
    if (piece.num_inputs == 0 || piece.num_outputs == 0) {
        maker->num_lanes = piece.first_input;
        return;
    }
    mxd_convolve_row *made = &maker->rows[maker->num_pieces];
    *made = (mxd_convolve_row){step->lanes + piece.first_input, piece.num_inputs, step->lanes + piece.first_output,
                               piece.num_outputs, maker->cells + maker->num_cells, 0};
    for (uint32_t c = 0; c < row->num_cells; c++) {
        if (maker->members[row->cells[c].input] != member)
            continue;
        mxd_convolve_cell *cell = &maker->cells[maker->num_cells++];
        *cell = row->cells[c];
        cell->input = input_places[cell->input];
        cell->output = output_places[cell->output];
        made->num_cells++;
    }
    maker->num_rows[member]++;
    step->pieces[maker->num_pieces++] = piece;
}

static void make_pieces(mxd_group *group, convolve_maker *maker, const mxd_convolve_row *rows)
{
    mxd_group_step *step = maker->step;
    for (uint32_t i = 0; i < step->num_rows; i++) {
        step->first_pieces[i] = maker->num_pieces;
        step->num_inputs[i] = rows[i].num_inputs;
        mxd_group_place_convolve(&group->places, &rows[i], maker->members);
        for (uint32_t m = 0; m < group->num_members; m++)
            make_piece(maker, &rows[i], m, m == maker->members[0]);
        uint32_t count = maker->num_pieces - step->first_pieces[i];
        if (count > 1)
            group->num_sum_lanes += rows[i].num_outputs;
    }
    step->first_pieces[step->num_rows] = maker->num_pieces;
    for (uint32_t p = 0; p < maker->num_pieces; p++)
        group->num_row_inputs += step->pieces[p].num_inputs;
}

/* Hands each member its rows. */
static mxd_result add_pieces(mxd_group *group, convolve_maker *maker)
{
    mxd_group_step *step = maker->step;
    mxd_convolve_row *rows = calloc(maker->num_pieces, sizeof *rows);
    if (!rows)
        return out_of_memory(group, "a convolver was made");
    mxd_result result = MXD_OK;
    for (uint32_t m = 0; m < group->num_members && result == MXD_OK; m++) {
        uint32_t count = 0;
        for (uint32_t p = 0; p < maker->num_pieces; p++)
            if (step->pieces[p].member == m)
                rows[count++] = maker->rows[p];
        if (count > 0)
            result = mxd_backend_add_convolve(group->members[m].backend, rows, count, &step->numbers[m]);
        if (result != MXD_OK)
            blame(group, m, result);
    }
    free(rows);
    return result;
}

static mxd_result add_convolve(mxd_backend *backend, const mxd_convolve_row *rows, uint32_t num_rows, uint32_t *number)
{
    mxd_group *group = (mxd_group *)backend;
    uint64_t num_inputs = 0, num_outputs = 0, num_cells = 0, most_inputs = 0, most_lanes = 0;
    for (uint32_t i = 0; i < num_rows; i++) {
        uint64_t lanes = (uint64_t)rows[i].num_inputs + rows[i].num_outputs;
        num_inputs += rows[i].num_inputs;
        num_outputs += rows[i].num_outputs;
        num_cells += rows[i].num_cells;
        most_inputs = rows[i].num_inputs > most_inputs ? rows[i].num_inputs : most_inputs;
        most_lanes = lanes > most_lanes ? lanes : most_lanes;
    }
    uint64_t most_pieces = (uint64_t)num_rows * group->num_members;
    convolve_maker maker = {.step = next_step(group)};
    mxd_group_step *step = maker.step;
    if (!step)
        return out_of_memory(group, "a convolver was made");
    step->num_rows = num_rows;
    step->first_pieces = calloc((size_t)num_rows + 1, sizeof *step->first_pieces);
    step->pieces = calloc(most_pieces, sizeof *step->pieces);
    step->num_inputs = calloc(num_rows, sizeof *step->num_inputs);
    /* A piece that comes to nothing takes its lanes back, but needs room for them first. */
    uint64_t room = num_inputs + group->num_members * num_outputs + most_lanes;
    step->lanes = calloc(room, sizeof *step->lanes);
    step->input_numbers = calloc(room, sizeof *step->input_numbers);
    maker.rows = calloc(most_pieces, sizeof *maker.rows);
    maker.cells = calloc(num_cells + 1, sizeof *maker.cells);
    maker.members = calloc(most_inputs, sizeof *maker.members);
    maker.places = calloc(most_lanes, sizeof *maker.places);
    mxd_result result = MXD_OK;
    if (!step->first_pieces || !step->pieces || !step->num_inputs || !step->lanes || !step->input_numbers ||
        !maker.rows || !maker.cells || !maker.members || !maker.places)
        result = out_of_memory(group, "a convolver was made");
    if (result == MXD_OK) {
        make_pieces(group, &maker, rows);
        result = add_pieces(group, &maker);
    }
    free(maker.rows);
    free(maker.cells);
    free(maker.members);
    free(maker.places);
    if (result == MXD_OK)
        *number = group->num_steps++;
    else
        finish_step(step);
    return result;
}

/* Whole rows, each on one member. Hands the members theirs. */
static mxd_result deal_rows(mxd_group *group, mxd_group_step *step, mxd_kernel_id kernel, const mxd_kernel_row *rows)
{
    mxd_kernel_row *own = calloc(step->num_rows, sizeof *own);
    if (!own)
        return out_of_memory(group, "an insert was made");
    mxd_result result = MXD_OK;
    for (uint32_t m = 0; m < group->num_members && result == MXD_OK; m++) {
        uint32_t count = 0;
        for (uint32_t i = 0; i < step->num_rows; i++)
            if (step->pieces[i].member == m) {
                step->pieces[i].row = count;
                own[count++] = rows[i];
            }
        if (count > 0)
            result = mxd_backend_add_rows(group->members[m].backend, kernel, own, count, &step->numbers[m]);
        if (result != MXD_OK)
            blame(group, m, result);
    }
    free(own);
    return result;
}

static mxd_result add_rows(mxd_backend *backend, mxd_kernel_id kernel, const mxd_kernel_row *rows, uint32_t num_rows,
                           uint32_t *number)
{
    mxd_group *group = (mxd_group *)backend;
    uint64_t num_inputs = 0, num_lanes = 0;
    for (uint32_t i = 0; i < num_rows; i++) {
        num_inputs += rows[i].num_inputs;
        num_lanes += (uint64_t)rows[i].num_inputs + rows[i].num_outputs;
    }
    mxd_group_step *step = next_step(group);
    if (!step)
        return out_of_memory(group, "an insert was made");
    step->num_rows = num_rows;
    step->first_pieces = calloc((size_t)num_rows + 1, sizeof *step->first_pieces);
    step->pieces = calloc(num_rows, sizeof *step->pieces);
    step->lanes = calloc(num_lanes, sizeof *step->lanes);
    if (!step->first_pieces || !step->pieces || !step->lanes) {
        finish_step(step);
        return out_of_memory(group, "an insert was made");
    }
    uint32_t lane = 0;
    for (uint32_t i = 0; i < num_rows; i++) {
        step->first_pieces[i] = i;
        step->pieces[i] = (mxd_group_piece){.member = mxd_group_place_row(&group->places, kernel, &rows[i]),
                                            .first_input = lane, .num_inputs = rows[i].num_inputs,
                                            .first_output = lane + rows[i].num_inputs,
                                            .num_outputs = rows[i].num_outputs};
        for (uint32_t j = 0; j < rows[i].num_inputs; j++)
            step->lanes[lane++] = rows[i].inputs[j];
        for (uint32_t j = 0; j < rows[i].num_outputs; j++)
            step->lanes[lane++] = rows[i].outputs[j];
    }
    step->first_pieces[num_rows] = num_rows;
    mxd_result result = deal_rows(group, step, kernel, rows);
    if (result != MXD_OK) {
        finish_step(step);
        return result;
    }
    group->num_row_inputs += num_inputs;
    *number = group->num_steps++;
    return MXD_OK;
}

static mxd_result add_mix(mxd_backend *backend, const mxd_mix_limits *limits, uint32_t *number)
{
    mxd_group *group = (mxd_group *)backend;
    mxd_group_step *step = next_step(group);
    if (!step)
        return out_of_memory(group, "a mix was made");
    step->is_mix = true;
    for (uint32_t m = 0; m < group->num_members; m++) {
        mxd_result result = mxd_backend_add_mix(group->members[m].backend, limits, &step->numbers[m]);
        if (result != MXD_OK)
            return blame(group, m, result);
    }
    group->num_sum_lanes += limits->max_outputs;
    group->num_mix_outputs += limits->max_outputs;
    group->num_mix_edges += limits->max_edges;
    group->num_mix_points += limits->max_points;
    *number = group->num_steps++;
    return MXD_OK;
}

static mxd_result prepare(mxd_backend *backend)
{
    mxd_group *group = (mxd_group *)backend;
    mxd_group_place_rest(&group->places);
    for (uint32_t i = 0; i < group->num_steps; i++) {
        mxd_result result = group->steps[i].eq_rows ? make_eq(group, &group->steps[i]) : MXD_OK;
        if (result != MXD_OK)
            return result;
    }
    for (uint32_t m = 0; m < group->num_members; m++) {
        mxd_result result = mxd_backend_prepare(group->members[m].backend);
        if (result != MXD_OK)
            return blame(group, m, result);
    }
    return mxd_group_plan_prepare(group);
}

/* ---- Blocks -------------------------------------------------------------- */

/* What the threads do at one moment of a block: something for each member, or for each sum. */
typedef struct group_work {
    mxd_group *group;
    mxd_group_slot *slot;
    uint32_t phase;
    const mxd_group_sum *sums;
    _Atomic mxd_result result;
} group_work;

static void fail_member(group_work *work, uint32_t member, mxd_result result)
{
    work->result = blame(work->group, member, result);
}

static mxd_result wait_oldest(mxd_group_member *member)
{
    mxd_result result = mxd_backend_wait(member->backend, member->tickets[0]);
    member->num_tickets--;
    memmove(member->tickets, member->tickets + 1, member->num_tickets * sizeof *member->tickets);
    return result;
}

/* Waits for the member's parts up to and with this ticket. */
static mxd_result wait_through(mxd_group_member *member, uint64_t ticket)
{
    mxd_result result = MXD_OK;
    while (result == MXD_OK && member->num_tickets > 0 && member->tickets[0] <= ticket)
        result = wait_oldest(member);
    return result;
}

static void submit_part(void *user, uint32_t index, uint32_t thread)
{
    (void)thread;
    group_work *work = user;
    mxd_group *group = work->group;
    mxd_group_member *member = &group->members[index];
    const mxd_group_part *part = &member->parts[work->phase];
    const mxd_group_part begin = work->phase ? part[-1] : (mxd_group_part){0};
    const mxd_block block = {
        .num_frames = work->slot->num_frames,
        .uploads = member->uploads + begin.end_upload,
        .num_uploads = part->end_upload - begin.end_upload,
        .runs = member->runs + begin.end_run,
        .num_runs = part->end_run - begin.end_run,
        .downloads = member->downloads + begin.end_download,
        .num_downloads = part->end_download - begin.end_download,
        .more = work->phase < member->last_phase,
    };
    if (block.num_uploads + block.num_runs + block.num_downloads == 0)
        return;
    uint64_t ticket = 0;
    mxd_result result = MXD_OK;
    if (member->num_tickets == group->base.params.blocks_in_flight)
        result = wait_oldest(member);
    if (result == MXD_OK)
        result = mxd_backend_submit(member->backend, &block, &ticket);
    if (result != MXD_OK) {
        fail_member(work, index, result);
        return;
    }
    member->tickets[member->num_tickets++] = ticket;
    work->slot->tickets[index] = ticket;
    if (part->is_awaited)
        member->awaited = ticket;
}

static void await_sums(void *user, uint32_t index, uint32_t thread)
{
    (void)thread;
    group_work *work = user;
    mxd_result result = wait_through(&work->group->members[index], work->group->members[index].awaited);
    if (result != MXD_OK)
        fail_member(work, index, result);
}

static void await_block(void *user, uint32_t index, uint32_t thread)
{
    (void)thread;
    group_work *work = user;
    mxd_result result = wait_through(&work->group->members[index], work->slot->tickets[index]);
    if (result != MXD_OK)
        fail_member(work, index, result);
}

static void add_up(const mxd_group_sum *sum, uint32_t begin, uint32_t num_frames)
{
    /* Of two floats the sum in double, rounded to float, is the sum in float: 53 bits are more than twice 24 and two. */
    if (sum->num_parts == 2) {
        const float *a = sum->parts[0] + begin, *b = sum->parts[1] + begin;
        for (uint32_t i = 0; i < num_frames; i++)
            sum->target[begin + i] = a[i] + b[i];
        return;
    }
    double total[SUM_FRAMES] = {0};
    for (uint32_t p = 0; p < sum->num_parts; p++)
        for (uint32_t i = 0; i < num_frames; i++)
            total[i] += (double)sum->parts[p][begin + i];
    for (uint32_t i = 0; i < num_frames; i++)
        sum->target[begin + i] = (float)total[i];
}

static void make_sum(void *user, uint32_t index, uint32_t thread)
{
    (void)thread;
    const group_work *work = user;
    const mxd_group_sum *sum = &work->sums[index];
    uint32_t num_frames = work->slot->num_frames;
    if (sum->ready != work->phase || (sum->num_parts == 1 && sum->parts[0] == sum->target))
        return;
    if (sum->num_parts == 1) {
        memcpy(sum->target, sum->parts[0], num_frames * sizeof *sum->target);
        return;
    }
    for (uint32_t at = 0; at < num_frames; at += SUM_FRAMES)
        add_up(sum, at, num_frames - at < SUM_FRAMES ? num_frames - at : SUM_FRAMES);
}

static void make_sums(group_work *work, const mxd_group_sum *sums, uint32_t num_sums)
{
    double start_s = mxd_clock_s();
    work->sums = sums;
    mxd_threads_run(work->group->threads, num_sums, make_sum, work);
    work->group->sum_s += mxd_clock_s() - start_s;
}

/* Sums that the phase needs, and the lanes that they add up. */
static uint32_t count_sums(mxd_group *group, uint32_t phase, uint32_t num_frames)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < group->num_sums; i++) {
        if (group->sums[i].ready != phase)
            continue;
        count++;
        group->sum_lane_frames += (uint64_t)num_frames * group->sums[i].num_parts;
    }
    return count;
}

static mxd_result submit_phases(mxd_group *group, mxd_group_slot *slot)
{
    group_work work = {.group = group, .slot = slot};
    for (uint32_t i = 0; i < group->num_members; i++)
        group->members[i].awaited = 0;
    for (uint32_t phase = 0; phase < group->num_phases; phase++) {
        work.phase = phase;
        if (count_sums(group, phase, slot->num_frames) > 0) {
            mxd_threads_run(group->threads, group->num_members, await_sums, &work);
            if (work.result != MXD_OK)
                return work.result;
            make_sums(&work, group->sums, group->num_sums);
        }
        mxd_threads_run(group->threads, group->num_members, submit_part, &work);
        if (work.result != MXD_OK)
            return work.result;
    }
    return MXD_OK;
}

static mxd_result submit(mxd_backend *backend, const mxd_block *block, uint64_t *ticket)
{
    mxd_group *group = (mxd_group *)backend;
    if (group->failed)
        return mxd_fail(backend->problems, MXD_ERROR_DEVICE, NULL, "a device of the group failed before");
    if (block->more)
        return mxd_fail(backend->problems, MXD_ERROR_UNSUPPORTED, NULL, "a group of devices takes whole blocks only");
    mxd_group_slot *slot = &group->slots[(group->num_blocks + 1) % backend->params.blocks_in_flight];
    mxd_result result = mxd_group_plan(group, block, slot);
    if (result == MXD_OK)
        result = submit_phases(group, slot);
    group->failed = result != MXD_OK;
    if (result == MXD_OK)
        *ticket = ++group->num_blocks;
    return result;
}

static mxd_result wait_for(mxd_backend *backend, uint64_t ticket)
{
    mxd_group *group = (mxd_group *)backend;
    mxd_group_slot *slot = &group->slots[ticket % backend->params.blocks_in_flight];
    group_work work = {.group = group, .slot = slot};
    mxd_threads_run(group->threads, group->num_members, await_block, &work);
    group->failed |= work.result != MXD_OK;
    if (work.result != MXD_OK)
        return work.result;
    for (uint32_t i = 0; i < slot->num_sums; i++)
        group->sum_lane_frames += (uint64_t)slot->num_frames * slot->sums[i].num_parts;
    if (slot->num_sums > 0)
        make_sums(&work, slot->sums, slot->num_sums);
    return MXD_OK;
}

/* ---- Figures ------------------------------------------------------------- */

static uint64_t memory(const mxd_backend *backend)
{
    const mxd_group *group = (const mxd_group *)backend;
    uint64_t bytes = mxd_group_plan_memory(group);
    for (uint32_t i = 0; i < group->num_members; i++)
        bytes += mxd_backend_memory(group->members[i].backend);
    return bytes;
}


static uint32_t timings(const mxd_backend *backend, mxd_backend_timing *entries, uint32_t capacity)
{
    const mxd_group *group = (const mxd_group *)backend;
    mxd_backend_timing all[MXD_MAX_TIMINGS + 1], one[MXD_MAX_TIMINGS];
    uint32_t num_all = 0;
    for (uint32_t m = 0; m < group->num_members; m++) {
        uint32_t count = mxd_backend_timings(group->members[m].backend, one, MXD_MAX_TIMINGS);
        for (uint32_t i = 0; i < count && i < MXD_MAX_TIMINGS; i++) {
            uint32_t at = 0;
            while (at < num_all && strcmp(all[at].kernel, one[i].kernel) != 0)
                at++;
            if (at == MXD_MAX_TIMINGS)
                continue;
            if (at == num_all)
                all[num_all++] = (mxd_backend_timing){.kernel = one[i].kernel};
            all[at].wall_s += one[i].wall_s;
            all[at].device_s += one[i].device_s;
            all[at].lane_frames += one[i].lane_frames;
        }
    }
    all[num_all++] = (mxd_backend_timing){
        .kernel = "sum", .wall_s = group->sum_s, .lane_frames = group->sum_lane_frames};
    for (uint32_t i = 0; i < num_all && i < capacity; i++)
        entries[i] = all[i];
    return num_all;
}

/* ---- Life ---------------------------------------------------------------- */

static void destroy(mxd_backend *backend)
{
    mxd_group *group = (mxd_group *)backend;
    for (uint32_t i = 0; i < group->num_members; i++)
        mxd_backend_destroy(group->members[i].backend); /* first: they may still write to buffers */
    for (uint32_t i = 0; i < group->num_steps; i++)
        finish_step(&group->steps[i]);
    free(group->steps);
    mxd_group_plan_finish(group);
    mxd_group_places_finish(&group->places);
    mxd_threads_destroy(group->threads);
    free(group);
}

/* "A + B", or "2 x A" and so on for neighbours that are the same. */
static void join_words(char *text, size_t size, const mxd_group *group, bool drivers)
{
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t i = 0, same; i < group->num_members && used < size; i += same) {
        const mxd_backend_info *info = mxd_backend_get_info(group->members[i].backend);
        const char *word = drivers ? info->driver : info->device;
        for (same = 1; i + same < group->num_members; same++) {
            const mxd_backend_info *next = mxd_backend_get_info(group->members[i + same].backend);
            if (strcmp(word, drivers ? next->driver : next->device) != 0)
                break;
        }
        char times[16] = "";
        if (same > 1)
            snprintf(times, sizeof times, "%u x ", same);
        int length = snprintf(text + used, size - used, "%s%s%s", i ? " + " : "", times, word);
        used += length > 0 ? (size_t)length : 0;
    }
}

static mxd_result make_members(mxd_group *group, mxd_backend_creator *member, const mxd_backend_params *params)
{
    for (uint32_t i = 0; i < params->num_devices; i++) {
        mxd_backend_params own = *params;
        own.device = params->devices ? params->devices[i] : params->device;
        own.devices = NULL;
        own.num_devices = 0;
        group->devices[i] = own.device;
        mxd_result result = mxd_backend_create_with(member, &own, group->base.problems, &group->members[i].backend);
        if (result != MXD_OK)
            return mxd_fail(group->base.problems, result, NULL,
                            "the above is of device %u, one of %u that were to render together", own.device,
                            params->num_devices);
        group->num_members++;
        const mxd_backend_info *info = mxd_backend_get_info(group->members[i].backend);
        mxd_backend_info *all = &group->base.info;
        all->software |= info->software;
        all->upload_copies = info->upload_copies > all->upload_copies ? info->upload_copies : all->upload_copies;
        if (info->download_copies > all->download_copies)
            all->download_copies = info->download_copies;
    }
    return MXD_OK;
}

mxd_result mxd_backend_group_create(mxd_backend_creator *member, const mxd_backend_params *params,
                                    mxd_problems *problems, mxd_backend **out)
{
    static const mxd_backend_functions functions = {
        .destroy = destroy,
        .add_eq = add_eq,
        .add_convolve = add_convolve,
        .add_mix = add_mix,
        .add_rows = add_rows,
        .prepare = prepare,
        .memory = memory,
        .submit = submit,
        .wait = wait_for,
        .timings = timings,
    };
    *out = NULL;
    if (params->num_devices < 1 || params->num_devices > MXD_MAX_GROUP)
        return mxd_fail(problems, MXD_ERROR_ARGUMENT, NULL, "%u devices: 1 to %u can render together",
                        params->num_devices, MXD_MAX_GROUP);
    mxd_group *group = calloc(1, sizeof *group);
    if (!group)
        return mxd_fail(problems, MXD_ERROR_MEMORY, NULL, "memory ran out while devices were joined");
    group->base.functions = &functions;
    group->base.params = *params;
    group->base.params.devices = NULL;
    group->base.problems = problems;
    group->threads = mxd_threads_create(params->num_devices);
    mxd_result result = MXD_OK;
    if (!group->threads || !mxd_group_places_init(&group->places, params->num_devices, params->num_lanes))
        result = out_of_memory(group, "devices were joined");
    if (result == MXD_OK)
        result = make_members(group, member, params);
    if (result != MXD_OK) {
        destroy(&group->base);
        return result;
    }
    group->base.info.kind = mxd_backend_get_info(group->members[0].backend)->kind;
    join_words(group->base.info.device, sizeof group->base.info.device, group, false);
    join_words(group->base.info.driver, sizeof group->base.info.driver, group, true);
    *out = &group->base;
    return MXD_OK;
}
