/*
 * One block: what each member uploads, runs and downloads. The block's runs are
 * gone through in order, and every lane is followed: it lies on the host, on one
 * member, or on several whose lanes add up to it, which a mix leaves behind
 * wherever its inputs lie on several. A mix takes such sums as they are, for it
 * is linear: each member adds up its own edges, of its own lanes. Only what goes
 * through an equaliser, a convolver or another insert, or to the caller, has to
 * be one lane.
 *
 * A lane that has to cross is downloaded at the end of a phase, summed over the
 * members on the host, and uploaded at the beginning of a later phase. In a
 * phase each member gets one part of the block (backend.h), all side by side.
 * Where only the last sum crosses there is one phase, and nobody waits before
 * the caller does.
 */
#include "group.h"

#include <stdlib.h>
#include <string.h>

/* ---- Lists --------------------------------------------------------------- */

/* A run opens two phases at most: one for a lane that crosses, and one where that lane's place is in use. */
static uint32_t most_phases(const mxd_group *group)
{
    return 2 * group->num_steps + 4;
}

/* Each lane of the caller's once, and what crosses: rows' inputs. */
static uint64_t most_uploads(const mxd_group *group)
{
    return group->base.params.num_lanes + group->num_row_inputs;
}

static uint64_t most_rows(const mxd_group *group)
{
    uint64_t rows = 0;
    for (uint32_t i = 0; i < group->num_steps; i++)
        rows += group->steps[i].num_rows;
    return rows;
}

mxd_result mxd_group_plan_prepare(mxd_group *group)
{
    uint32_t num_lanes = group->base.params.num_lanes;
    uint64_t rows = most_rows(group) + 1, steps = (uint64_t)group->num_steps + 1;
    bool good = true;
    for (uint32_t i = 0; i < group->num_members; i++) {
        mxd_group_member *member = &group->members[i];
        member->parts = calloc(most_phases(group), sizeof *member->parts);
        member->runs = calloc(steps, sizeof *member->runs);
        member->mixes = calloc(steps, sizeof *member->mixes);
        member->rows = calloc(rows, sizeof *member->rows);
        member->restart = calloc(rows, sizeof *member->restart);
        member->rests = calloc(group->num_row_inputs + 1, sizeof *member->rests);
        member->values = calloc(rows, sizeof *member->values);
        member->uploads = calloc(most_uploads(group), sizeof *member->uploads);
        member->wanted = calloc(num_lanes, sizeof *member->wanted);
        member->wanted_by = calloc(num_lanes, sizeof *member->wanted_by);
        member->touched = calloc(num_lanes, sizeof *member->touched);
        good &= member->parts && member->runs && member->mixes && member->rows && member->restart && member->rests &&
                member->values && member->uploads && member->wanted && member->wanted_by && member->touched;
    }
    group->lanes = calloc(num_lanes, sizeof *group->lanes);
    group->sums = calloc(group->num_row_inputs + 1, sizeof *group->sums);
    good &= group->lanes && group->sums;
    return good ? MXD_OK
                : mxd_fail(group->base.problems, MXD_ERROR_MEMORY, NULL, "memory ran out while devices were joined");
}

void mxd_group_plan_finish(mxd_group *group)
{
    for (uint32_t i = 0; i < group->num_members; i++) {
        mxd_group_member *member = &group->members[i];
        free(member->parts);
        free(member->runs);
        free(member->mixes);
        free(member->rows);
        free(member->restart);
        free(member->rests);
        free(member->values);
        free(member->outputs);
        free(member->edges);
        free(member->points);
        free(member->uploads);
        free(member->downloads);
        free(member->wanted);
        free(member->wanted_by);
        free(member->touched);
    }
    for (uint32_t i = 0; i < 4; i++) {
        for (uint32_t j = 0; j < group->slots[i].num_buffers; j++)
            free(group->slots[i].buffers[j]);
        free(group->slots[i].buffers);
        free(group->slots[i].sums);
    }
    free(group->lanes);
    free(group->sums);
}

uint64_t mxd_group_plan_memory(const mxd_group *group)
{
    const mxd_group_member *member = NULL;
    uint64_t num_lanes = group->base.params.num_lanes;
    uint64_t each = (group->num_row_inputs + group->download_capacity) * sizeof *member->downloads +
                    most_uploads(group) * sizeof *member->uploads +
                    most_rows(group) * (sizeof *member->rows + sizeof *member->restart + sizeof *member->values) +
                    group->num_row_inputs * sizeof *member->rests +
                    num_lanes * (sizeof *member->wanted + sizeof *member->wanted_by + sizeof *member->touched);
    /* Of a mix the members' shares come to about the whole. */
    uint64_t lists = each * group->num_members + group->num_mix_outputs * sizeof *member->outputs +
                     group->num_mix_edges * sizeof *member->edges + group->num_mix_points * sizeof *member->points +
                     num_lanes * sizeof *group->lanes + group->num_row_inputs * sizeof *group->sums;
    uint64_t expected = group->num_members > 1 ? group->num_sum_lanes * group->num_members : 0, buffers = 0;
    for (uint32_t i = 0; i < group->base.params.blocks_in_flight; i++)
        buffers += group->slots[i].num_buffers > expected ? group->slots[i].num_buffers : expected;
    return lists + buffers * group->base.params.block_frames * sizeof(float);
}

/* Room for count elements of size; what the list holds is lost. */
static bool grow(void **list, uint32_t count, size_t size)
{
    free(*list);
    *list = malloc(count * size);
    return *list;
}

/* Whether a list has room; else its new capacity, with a half to spare, is in *capacity. */
static bool has_room(uint32_t *capacity, uint64_t count)
{
    if (count <= *capacity)
        return true;
    *capacity = count + count / 2 < UINT32_MAX ? (uint32_t)(count + count / 2) : UINT32_MAX;
    return false;
}

/* Room in every member's lists for all that the block has: no member gets more of a mix than there is. */
static bool make_room(mxd_group *group, const mxd_block *block, mxd_group_slot *slot)
{
    uint64_t num_outputs = 0, num_edges = 0, num_points = 0;
    for (uint32_t i = 0; i < block->num_runs; i++) {
        const mxd_mix_run *mix = block->runs[i].mix;
        num_outputs += mix ? mix->num_outputs : 0;
        num_edges += mix ? mix->num_edges : 0;
        num_points += mix ? mix->num_points : 0;
    }
    bool outputs = has_room(&group->output_capacity, num_outputs + 1);
    bool edges = has_room(&group->edge_capacity, num_edges + 1);
    bool points = has_room(&group->point_capacity, num_points + 1);
    bool downloads = has_room(&group->download_capacity, group->num_row_inputs + block->num_downloads + 1);
    bool good = true;
    for (uint32_t i = 0; i < group->num_members; i++) {
        mxd_group_member *m = &group->members[i];
        good &= outputs || grow((void **)&m->outputs, group->output_capacity, sizeof *m->outputs);
        good &= edges || grow((void **)&m->edges, group->edge_capacity, sizeof *m->edges);
        good &= points || grow((void **)&m->points, group->point_capacity, sizeof *m->points);
        good &= downloads || grow((void **)&m->downloads, group->download_capacity, sizeof *m->downloads);
    }
    if (!has_room(&slot->sum_capacity, block->num_downloads))
        good &= grow((void **)&slot->sums, slot->sum_capacity, sizeof *slot->sums);
    return good;
}

/* A buffer of one lane on the host, until the block is waited for; NULL when memory runs out. */
static float *take_buffer(const mxd_group *group, mxd_group_slot *slot)
{
    if (slot->num_used < slot->num_buffers)
        return slot->buffers[slot->num_used++];
    if (slot->num_buffers == slot->buffer_capacity) {
        uint32_t capacity = slot->buffer_capacity ? 2 * slot->buffer_capacity : 64;
        float **buffers = realloc(slot->buffers, capacity * sizeof *buffers);
        if (!buffers)
            return NULL;
        slot->buffers = buffers;
        slot->buffer_capacity = capacity;
    }
    float *buffer = malloc(group->base.params.block_frames * sizeof *buffer);
    if (!buffer)
        return NULL;
    slot->buffers[slot->num_buffers++] = buffer;
    slot->num_used = slot->num_buffers;
    return buffer;
}

/* ---- Phases -------------------------------------------------------------- */

static void end_part(mxd_group_member *member)
{
    mxd_group_part *part = &member->parts[member->phase];
    part->end_run = member->num_runs;
    part->end_upload = member->num_uploads;
    part->end_download = member->num_downloads;
    const mxd_group_part begin = member->phase ? part[-1] : (mxd_group_part){0};
    if (part->end_run > begin.end_run || part->end_upload > begin.end_upload ||
        part->end_download > begin.end_download)
        member->last_phase = member->phase;
}

static void move_to(mxd_group_member *member, uint32_t phase)
{
    while (member->phase < phase) {
        end_part(member);
        member->parts[++member->phase].is_awaited = false;
        member->closed = false;
    }
}

static void begin_block(mxd_group *group, const mxd_block *block, mxd_group_slot *slot)
{
    /* Phases have numbers of their own over all blocks, from 1: 0 is never. */
    group->first_phase += group->num_phases ? group->num_phases : 1;
    group->num_phases = 0;
    group->num_sums = 0;
    memset(group->lanes, 0, group->base.params.num_lanes * sizeof *group->lanes);
    for (uint32_t i = 0; i < block->num_uploads; i++)
        group->lanes[block->uploads[i].lane] = (mxd_group_lane){.on_host = true, .upload = block->uploads[i]};
    for (uint32_t i = 0; i < group->num_members; i++) {
        mxd_group_member *m = &group->members[i];
        m->phase = m->last_phase = 0;
        m->closed = m->parts[0].is_awaited = false;
        m->num_runs = m->num_mixes = m->num_rows = m->num_rests = 0;
        m->num_outputs = m->num_edges = m->num_points = 0;
        m->num_uploads = m->num_downloads = 0;
    }
    slot->num_used = slot->num_sums = 0;
    slot->num_frames = block->num_frames;
    memset(slot->tickets, 0, sizeof slot->tickets);
}

static void end_block(mxd_group *group)
{
    uint32_t last = 0;
    for (uint32_t i = 0; i < group->num_members; i++)
        last = group->members[i].phase > last ? group->members[i].phase : last;
    for (uint32_t i = 0; i < group->num_members; i++) {
        move_to(&group->members[i], last);
        end_part(&group->members[i]);
    }
    group->num_phases = last + 1;
}

/* ---- Bringing lanes to members ------------------------------------------- */

static void begin_run(mxd_group *group)
{
    group->num_runs++;
    for (uint32_t i = 0; i < group->num_members; i++) {
        group->members[i].runs_now = false;
        group->members[i].num_wanted = 0;
    }
}

static void want(mxd_group *group, uint32_t member, uint32_t lane)
{
    mxd_group_member *m = &group->members[member];
    m->runs_now = true;
    if (m->wanted_by[lane] == group->num_runs)
        return;
    m->wanted_by[lane] = group->num_runs;
    m->wanted[m->num_wanted++] = lane;
}

/* Whether the member has all of the lane, or (any_share) its share of a sum. What nobody wrote is anywhere. */
static bool has(const mxd_group_lane *lane, uint32_t member, bool any_share)
{
    uint32_t bit = 1u << member;
    if (!lane->on_host && (lane->holders == 0 || !any_share))
        return lane->holders == 0 || lane->holders == bit;
    return lane->holders & bit;
}

/* Downloads a lane from all its holders at the ends of their phases, to be summed on the host. */
static bool bring_to_host(mxd_group *group, mxd_group_slot *slot, uint32_t lane)
{
    mxd_group_lane *state = &group->lanes[lane];
    mxd_group_sum *sum = &group->sums[group->num_sums++];
    *sum = (mxd_group_sum){0};
    for (uint32_t i = 0; i < group->num_members; i++) {
        mxd_group_member *member = &group->members[i];
        if (!(state->holders & (1u << i)))
            continue;
        float *buffer = take_buffer(group, slot);
        if (!buffer)
            return false;
        member->downloads[member->num_downloads++] = (mxd_download){lane, buffer};
        member->closed = true;
        member->parts[member->phase].is_awaited = true;
        sum->parts[sum->num_parts++] = buffer;
        sum->ready = member->phase + 1 > sum->ready ? member->phase + 1 : sum->ready;
    }
    sum->target = (float *)sum->parts[0];
    state->on_host = state->summed = true;
    state->ready = sum->ready;
    if (sum->num_parts > 1)
        state->holders = 0;
    state->upload = (mxd_upload){
        .lane = lane, .frames = sum->target, .format = MXD_SAMPLES_F32, .num_channels = 1, .gain = 1.0};
    return true;
}

/* Opens the phase in which all wanted lanes can be on the member, and uploads those that are not. */
static void upload_wanted(mxd_group *group, uint32_t number, bool any_share)
{
    mxd_group_member *member = &group->members[number];
    uint32_t phase = member->phase + member->closed;
    for (uint32_t i = 0; i < member->num_wanted; i++) {
        const mxd_group_lane *lane = &group->lanes[member->wanted[i]];
        if (!has(lane, number, any_share) && lane->ready > phase)
            phase = lane->ready;
    }
    /* Uploads come first in a part: not where the lane held something else before in that phase. */
    for (uint32_t i = 0; i < member->num_wanted; i++)
        if (!has(&group->lanes[member->wanted[i]], number, any_share) &&
            member->touched[member->wanted[i]] == group->first_phase + phase) {
            phase++;
            break;
        }
    move_to(member, phase);
    for (uint32_t i = 0; i < member->num_wanted; i++) {
        mxd_group_lane *lane = &group->lanes[member->wanted[i]];
        member->touched[member->wanted[i]] = group->first_phase + phase;
        if (has(lane, number, any_share))
            continue;
        member->uploads[member->num_uploads++] = lane->upload;
        lane->holders |= 1u << number;
    }
}

/* Before a run: every member that takes part gets what it wants. */
static bool bring(mxd_group *group, mxd_group_slot *slot, bool any_share)
{
    for (uint32_t i = 0; i < group->num_members; i++)
        for (uint32_t j = 0; j < group->members[i].num_wanted; j++) {
            uint32_t lane = group->members[i].wanted[j];
            if (!group->lanes[lane].on_host && !has(&group->lanes[lane], i, any_share) &&
                !bring_to_host(group, slot, lane))
                return false;
        }
    for (uint32_t i = 0; i < group->num_members; i++)
        if (group->members[i].runs_now)
            upload_wanted(group, i, any_share);
    return true;
}

static void write_lane(mxd_group *group, uint32_t member, uint32_t lane)
{
    group->members[member].touched[lane] = group->first_phase + group->members[member].phase;
    group->lanes[lane].holders |= 1u << member;
}

/* ---- Rows ------------------------------------------- */

/* Where a row's inputs are told to rest: one behind the other, of the rows that run. */
static const bool *next_rests(const mxd_group_step *step, uint32_t row, const bool *rests)
{
    return rests ? rests + step->num_inputs[row] : NULL;
}

/* What rests need not be there. */
static void want_rows(mxd_group *group, const mxd_group_step *step, const mxd_step_run *run)
{
    const bool *rests = run->rests;
    for (uint32_t i = 0; i < run->num_rows; i++) {
        uint32_t row = run->rows[i];
        for (uint32_t p = step->first_pieces[row]; p < step->first_pieces[row + 1]; p++) {
            const mxd_group_piece *piece = &step->pieces[p];
            group->members[piece->member].runs_now = true;
            for (uint32_t j = piece->first_input; j < piece->first_input + piece->num_inputs; j++)
                if (!rests || !rests[step->input_numbers[j]])
                    want(group, piece->member, step->lanes[j]);
        }
        rests = next_rests(step, row, rests);
    }
}

static void list_rests(mxd_group *group, const mxd_group_step *step, const mxd_group_piece *piece, const bool *rests)
{
    mxd_group_member *member = &group->members[piece->member];
    for (uint32_t j = piece->first_input; rests && j < piece->first_input + piece->num_inputs; j++)
        member->rests[member->num_rests++] = rests[step->input_numbers[j]];
}

/* Two passes: the outputs of a row are sums of what its pieces write. */
static void write_row(mxd_group *group, const mxd_group_step *step, uint32_t row)
{
    for (int pass = 0; pass < 2; pass++)
        for (uint32_t p = step->first_pieces[row]; p < step->first_pieces[row + 1]; p++) {
            const mxd_group_piece *piece = &step->pieces[p];
            for (uint32_t j = 0; j < piece->num_outputs; j++) {
                uint32_t lane = step->lanes[piece->first_output + j];
                if (pass == 0)
                    group->lanes[lane] = (mxd_group_lane){0};
                else
                    write_lane(group, piece->member, lane);
            }
        }
}

static bool plan_rows(mxd_group *group, mxd_group_slot *slot, const mxd_group_step *step, const mxd_step_run *run)
{
    uint32_t first_rows[MXD_MAX_GROUP], first_rests[MXD_MAX_GROUP];
    const bool *rests = run->rests;
    for (uint32_t i = 0; i < group->num_members; i++) {
        first_rows[i] = group->members[i].num_rows;
        first_rests[i] = group->members[i].num_rests;
    }
    begin_run(group);
    want_rows(group, step, run);
    if (!bring(group, slot, false))
        return false;
    for (uint32_t i = 0; i < run->num_rows; i++) {
        uint32_t row = run->rows[i];
        for (uint32_t p = step->first_pieces[row]; p < step->first_pieces[row + 1]; p++) {
            mxd_group_member *member = &group->members[step->pieces[p].member];
            member->restart[member->num_rows] = run->restart && run->restart[i];
            member->values[member->num_rows] = run->values ? run->values[i] : NULL;
            member->rows[member->num_rows++] = step->pieces[p].row;
            list_rests(group, step, &step->pieces[p], rests);
        }
        rests = next_rests(step, row, rests);
        write_row(group, step, row);
    }
    for (uint32_t i = 0; i < group->num_members; i++) {
        mxd_group_member *member = &group->members[i];
        if (member->num_rows > first_rows[i])
            member->runs[member->num_runs++] = (mxd_step_run){
                .step = step->numbers[i],
                .rows = member->rows + first_rows[i],
                .restart = run->restart ? member->restart + first_rows[i] : NULL,
                .rests = run->rests ? member->rests + first_rests[i] : NULL,
                .values = run->values ? member->values + first_rows[i] : NULL,
                .num_rows = member->num_rows - first_rows[i],
            };
    }
    return true;
}

/* ---- Mixes --------------------------------------------------------------- */

/* The members that take an edge from this lane: all that hold a share, or one that has or gets the whole. */
static uint32_t members_of_edge(const mxd_group *group, uint32_t lane)
{
    const mxd_group_lane *state = &group->lanes[lane];
    uint32_t home = 1u << group->places.homes[lane];
    if (state->holders == 0)
        return home;
    if (!state->on_host)
        return state->holders;
    return state->holders & home ? home : state->holders & (~state->holders + 1); /* the lowest */
}

static uint32_t members_of_output(const mxd_group *group, const mxd_mix_run *mix, const mxd_mix_output *output)
{
    uint32_t members = 0;
    for (uint32_t i = 0; i < output->num_edges; i++)
        members |= members_of_edge(group, mix->edges[output->first_edge + i].input_lane);
    return members ? members : 1u << group->places.homes[output->lane]; /* someone has to write the silence */
}

static void want_edges(mxd_group *group, const mxd_mix_run *mix)
{
    for (uint32_t i = 0; i < mix->num_outputs; i++) {
        const mxd_mix_output *output = &mix->outputs[i];
        uint32_t members = members_of_output(group, mix, output);
        for (uint32_t m = 0; m < group->num_members; m++)
            group->members[m].runs_now |= (members >> m) & 1;
        for (uint32_t e = 0; e < output->num_edges; e++) {
            uint32_t lane = mix->edges[output->first_edge + e].input_lane;
            uint32_t takers = members_of_edge(group, lane);
            for (uint32_t m = 0; m < group->num_members; m++)
                if (takers & (1u << m))
                    want(group, m, lane);
        }
    }
}

/* Points of the edges that the member takes; more than there are where edges share them. */
static uint64_t count_points(const mxd_group *group, const mxd_mix_run *mix, uint32_t number)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < mix->num_outputs; i++)
        for (uint32_t e = 0; e < mix->outputs[i].num_edges; e++) {
            const mxd_mix_edge *edge = &mix->edges[mix->outputs[i].first_edge + e];
            if (members_of_edge(group, edge->input_lane) & (1u << number))
                count += edge->num_points;
        }
    return count;
}

/* One member's outputs, edges and points of the mix, after what its lists hold already. */
static void add_mix(mxd_group *group, const mxd_mix_run *mix, uint32_t number, uint32_t step)
{
    mxd_group_member *member = &group->members[number];
    mxd_mix_run *run = &member->mixes[member->num_mixes++];
    *run = (mxd_mix_run){.outputs = member->outputs + member->num_outputs,
                         .edges = member->edges + member->num_edges,
                         .points = member->points + member->num_points};
    mxd_gain_point *points = member->points + member->num_points;
    bool whole = count_points(group, mix, number) > mix->num_points;
    if (whole) {
        memcpy(points, mix->points, mix->num_points * sizeof *points);
        run->num_points = mix->num_points;
    }
    for (uint32_t i = 0; i < mix->num_outputs; i++) {
        const mxd_mix_output *output = &mix->outputs[i];
        if (!(members_of_output(group, mix, output) & (1u << number)))
            continue;
        mxd_mix_output *own = &member->outputs[member->num_outputs++];
        *own = (mxd_mix_output){.lane = output->lane, .first_edge = run->num_edges};
        run->num_outputs++;
        for (uint32_t e = 0; e < output->num_edges; e++) {
            const mxd_mix_edge *edge = &mix->edges[output->first_edge + e];
            if (!(members_of_edge(group, edge->input_lane) & (1u << number)))
                continue;
            mxd_mix_edge *copy = &member->edges[member->num_edges++];
            *copy = *edge;
            if (!whole) {
                copy->first_point = run->num_points;
                memcpy(points + run->num_points, mix->points + edge->first_point, edge->num_points * sizeof *points);
                run->num_points += edge->num_points;
            }
            own->num_edges++;
            run->num_edges++;
        }
    }
    member->num_points += run->num_points;
    member->runs[member->num_runs++] = (mxd_step_run){.step = step, .mix = run};
}

static bool plan_mix(mxd_group *group, mxd_group_slot *slot, const mxd_group_step *step, const mxd_mix_run *mix)
{
    begin_run(group);
    want_edges(group, mix);
    if (!bring(group, slot, true))
        return false;
    for (uint32_t m = 0; m < group->num_members; m++)
        if (group->members[m].runs_now)
            add_mix(group, mix, m, step->numbers[m]);
    for (uint32_t i = 0; i < mix->num_outputs; i++) {
        uint32_t members = members_of_output(group, mix, &mix->outputs[i]);
        group->lanes[mix->outputs[i].lane] = (mxd_group_lane){0};
        for (uint32_t m = 0; m < group->num_members; m++)
            if (members & (1u << m))
                write_lane(group, m, mix->outputs[i].lane);
    }
    return true;
}

/* ---- Downloads ----------------------------------------------------------- */

/* One lane to the caller: from one member straight, from several by a sum that wait makes. */
static bool plan_download(mxd_group *group, mxd_group_slot *slot, const mxd_download *download)
{
    const mxd_group_lane *lane = &group->lanes[download->lane];
    mxd_group_sum sum = {.target = download->frames};
    if (lane->summed) {
        sum.parts[sum.num_parts++] = lane->upload.frames;
        slot->sums[slot->num_sums++] = sum;
        return true;
    }
    uint32_t holders = members_of_edge(group, download->lane);
    for (uint32_t i = 0; i < group->num_members; i++) {
        mxd_group_member *member = &group->members[i];
        if (!(holders & (1u << i)))
            continue;
        float *frames = sum.num_parts == 0 ? download->frames : take_buffer(group, slot);
        if (!frames)
            return false;
        member->downloads[member->num_downloads++] = (mxd_download){download->lane, frames};
        sum.parts[sum.num_parts++] = frames;
    }
    if (sum.num_parts > 1)
        slot->sums[slot->num_sums++] = sum;
    return true;
}

static bool plan_downloads(mxd_group *group, mxd_group_slot *slot, const mxd_block *block)
{
    /* What was only uploaded goes through a member, which unpacks it. */
    begin_run(group);
    for (uint32_t i = 0; i < block->num_downloads; i++) {
        uint32_t lane = block->downloads[i].lane;
        if (group->lanes[lane].on_host && !group->lanes[lane].summed && group->lanes[lane].holders == 0)
            want(group, group->places.homes[lane], lane);
    }
    if (!bring(group, slot, true))
        return false;
    for (uint32_t i = 0; i < block->num_downloads; i++)
        if (!plan_download(group, slot, &block->downloads[i]))
            return false;
    return true;
}

mxd_result mxd_group_plan(mxd_group *group, const mxd_block *block, mxd_group_slot *slot)
{
    bool good = make_room(group, block, slot);
    if (good)
        begin_block(group, block, slot);
    for (uint32_t i = 0; good && i < block->num_runs; i++) {
        const mxd_group_step *step = &group->steps[block->runs[i].step];
        good = step->is_mix ? plan_mix(group, slot, step, block->runs[i].mix)
                            : plan_rows(group, slot, step, &block->runs[i]);
    }
    if (!good || !plan_downloads(group, slot, block))
        return mxd_fail(group->base.problems, MXD_ERROR_MEMORY, NULL, "memory ran out while a block was submitted");
    end_block(group);
    return MXD_OK;
}
