/*
 * Which member each row lives on, and so its state. Rows follow their lanes, so
 * that a track stays on one member from its first insert to its mix. Convolvers
 * are dealt out first, each to the member with the least to do, for they cost
 * most; equalisers wait to see where the convolver of their lane goes.
 */
#include "group.h"

#include <stdlib.h>

/*
 * Costs are in sections of an equaliser a frame. On one core (README's figures
 * of the kernels) a section takes 0.2 ns, 4 s of response at 48 kHz 9 ns, of which
 * about half are the transforms of input and output.
 */
#define TRANSFORM_COST 12.0
#define FRAMES_A_SECTION 8192.0
#define FLOPS_A_SECTION 12.0

/* From so many inputs for each member on, a row is split by its inputs. */
#define SPLIT_INPUTS 4u

bool mxd_group_places_init(mxd_group_places *places, uint32_t num_members, uint32_t num_lanes)
{
    *places = (mxd_group_places){
        .num_members = num_members,
        .num_lanes = num_lanes,
        .homes = malloc(num_lanes * sizeof *places->homes),
        .owners = malloc(num_lanes * sizeof *places->owners),
        .waiting = calloc(num_lanes, sizeof *places->waiting),
    };
    if (!places->homes || !places->owners || !places->waiting)
        return false;
    for (uint32_t i = 0; i < num_lanes; i++)
        places->homes[i] = places->owners[i] = MXD_GROUP_NONE;
    return true;
}

void mxd_group_places_finish(mxd_group_places *places)
{
    free(places->homes);
    free(places->owners);
    free(places->waiting);
}

static uint32_t lightest(const mxd_group_places *places)
{
    uint32_t found = 0;
    for (uint32_t i = 1; i < places->num_members; i++)
        if (places->loads[i] < places->loads[found])
            found = i;
    return found;
}

static void claim(mxd_group_places *places, uint32_t lane, uint32_t member)
{
    if (places->homes[lane] == MXD_GROUP_NONE) {
        places->homes[lane] = member;
        places->loads[member] += places->waiting[lane];
    }
    places->owners[lane] = member;
}

/* The owner, unless another member is so far behind that it would be done with the row before the owner begins it. */
static uint32_t choose(const mxd_group_places *places, uint32_t owner, double cost)
{
    uint32_t light = lightest(places);
    return owner != MXD_GROUP_NONE && places->loads[owner] <= places->loads[light] + cost ? owner : light;
}

uint32_t mxd_group_place_eq(mxd_group_places *places, const mxd_eq_row *row)
{
    uint32_t owner = places->owners[row->lane];
    if (owner == MXD_GROUP_NONE)
        places->waiting[row->lane] += row->num_sections;
    else
        places->loads[owner] += row->num_sections;
    return owner;
}

static double cell_cost(const mxd_convolve_cell *cell)
{
    return cell->num_frames / FRAMES_A_SECTION;
}

/* Every input where it is, the others dealt out; outputs are then sums over members. */
static void place_split(mxd_group_places *places, const mxd_convolve_row *row, uint32_t *members)
{
    double cells = 0;
    for (uint32_t i = 0; i < row->num_cells; i++)
        cells += cell_cost(&row->cells[i]);
    double cost = TRANSFORM_COST + cells / row->num_inputs;
    for (uint32_t i = 0; i < row->num_inputs; i++) {
        members[i] = choose(places, places->owners[row->inputs[i]], cost);
        claim(places, row->inputs[i], members[i]);
        places->loads[members[i]] += cost;
    }
    for (uint32_t i = 0; i < row->num_outputs; i++)
        claim(places, row->outputs[i], members[i % row->num_inputs]);
}

void mxd_group_place_convolve(mxd_group_places *places, const mxd_convolve_row *row, uint32_t *members)
{
    if (places->num_members > 1 && row->num_inputs >= SPLIT_INPUTS * places->num_members) {
        place_split(places, row, members);
        return;
    }
    double cost = TRANSFORM_COST * (row->num_inputs + row->num_outputs);
    for (uint32_t i = 0; i < row->num_cells; i++)
        cost += cell_cost(&row->cells[i]);
    uint32_t owner = MXD_GROUP_NONE;
    for (uint32_t i = 0; i < row->num_inputs && owner == MXD_GROUP_NONE; i++)
        owner = places->owners[row->inputs[i]];
    uint32_t member = choose(places, owner, cost);
    places->loads[member] += cost;
    for (uint32_t i = 0; i < row->num_inputs; i++) {
        members[i] = member;
        if (places->owners[row->inputs[i]] == MXD_GROUP_NONE)
            claim(places, row->inputs[i], member);
    }
    for (uint32_t i = 0; i < row->num_outputs; i++)
        claim(places, row->outputs[i], member);
}

uint32_t mxd_group_place_row(mxd_group_places *places, mxd_kernel_id kernel, const mxd_kernel_row *row)
{
    const mxd_kernel_shape shape = {row->settings, row->num_inputs, row->num_outputs};
    double cost = mxd_kernel_get(kernel)->flops(&shape) / FLOPS_A_SECTION;
    uint32_t owner = MXD_GROUP_NONE;
    for (uint32_t i = 0; i < row->num_inputs && owner == MXD_GROUP_NONE; i++)
        owner = places->owners[row->inputs[i]];
    uint32_t member = choose(places, owner, cost);
    places->loads[member] += cost;
    for (uint32_t i = 0; i < row->num_inputs; i++)
        if (places->owners[row->inputs[i]] == MXD_GROUP_NONE)
            claim(places, row->inputs[i], member);
    for (uint32_t i = 0; i < row->num_outputs; i++)
        claim(places, row->outputs[i], member);
    return member;
}

void mxd_group_place_rest(mxd_group_places *places)
{
    uint32_t next = 0;
    for (uint32_t i = 0; i < places->num_lanes; i++)
        if (places->homes[i] == MXD_GROUP_NONE && places->waiting[i] > 0)
            claim(places, i, lightest(places));
    for (uint32_t i = 0; i < places->num_lanes; i++)
        if (places->homes[i] == MXD_GROUP_NONE)
            claim(places, i, next++ % places->num_members);
}
