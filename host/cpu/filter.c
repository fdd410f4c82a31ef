/*
 * Sections whose coefficients move (shaders/filter.h). The recursion is bound by
 * latency, so all sections of all lanes lie side by side, an element of a
 * register each. Section j is j tiles of MXD_VALUE_GRID frames behind the first:
 * at any turn every element stands at the same frame of its own tile, between
 * two points of its own, and what it reads was written a whole tile before.
 *
 * Of each frame of a tile there is a line of slots: for every lane its input,
 * then what each section made of it. An element reads its slot and writes the
 * next; the one that would write the next lane's input is idle.
 *
 * Additions to the state are compensated, as in eq.c.
 */
#include "rows.h"
#include "simd.h"

#include "shaders/filter.h"

#include <string.h>

#define TILE MXD_VALUE_GRID
#define MAX_ELEMENTS (MXD_FILTER_MAX_LANES * (MXD_FILTER_MAX_SECTIONS + 1))
#define MAX_REGISTERS ((MAX_ELEMENTS + VEC_WIDTH - 1) / VEC_WIDTH)
/* The last register's stores reach one slot beyond it. */
#define MAX_LINE ((MAX_REGISTERS + 1) * VEC_WIDTH)

/* An element's coefficients are from + slope * (its frame's part of the tile). */
typedef struct filter_register {
    vec from[MXD_FILTER_SECTION_VALUES], to[MXD_FILTER_SECTION_VALUES];
    vec slope[MXD_FILTER_SECTION_VALUES];
    vec state[MXD_FILTER_STATE]; /* s1, s2, and what was rounded off of each */
} filter_register;

typedef struct filter_cascade {
    const cpu_row *row;
    uint32_t num_sections;
    uint32_t num_elements;
    uint32_t num_registers;
    uint32_t num_tiles;
    uint32_t line;               /* slots of a frame */
    filter_register registers[MAX_REGISTERS];
    real slots[TILE * MAX_LINE] __attribute__((aligned(ALIGNMENT)));
} filter_cascade;

/* sum += 2 half, keeping what is rounded off in *low for the next time. */
static inline void add_compensated(vec *sum, vec *low, vec half)
{
    vec whole = 2 * half + *low;
    vec next = *sum + whole;
    *low = whole - (next - *sum);
    *sum = next;
}

static inline vec filter(const filter_register *r, real part, vec x, vec state[MXD_FILTER_STATE])
{
    vec a2 = r->from[MXD_FILTER_A2] + r->slope[MXD_FILTER_A2] * part;
    vec a3 = r->from[MXD_FILTER_A3] + r->slope[MXD_FILTER_A3] * part;
    vec oma1 = r->from[MXD_FILTER_OMA1] + r->slope[MXD_FILTER_OMA1] * part;
    vec m0 = r->from[MXD_FILTER_M0] + r->slope[MXD_FILTER_M0] * part;
    vec m1 = r->from[MXD_FILTER_M1] + r->slope[MXD_FILTER_M1] * part;
    vec m2 = r->from[MXD_FILTER_M2] + r->slope[MXD_FILTER_M2] * part;
    vec v = x - state[1];
    vec d1 = a2 * v - oma1 * state[0];
    vec d2 = a2 * state[0] + a3 * v;
    vec y = m0 * x + m1 * (state[0] + d1) + m2 * (state[1] + d2);
    add_compensated(&state[0], &state[2], d1);
    add_compensated(&state[1], &state[3], d2);
    return y;
}

/* One tile through `count` neighbouring registers, a constant: their recursions overlap. */
static inline __attribute__((always_inline)) void run_tile(filter_register *registers, uint32_t count, real *slots,
                                                           uint32_t line)
{
    vec state[4][MXD_FILTER_STATE];
    for (uint32_t r = 0; r < count; r++)
        memcpy(state[r], registers[r].state, sizeof state[r]);
    for (uint32_t n = 0; n < TILE; n++, slots += line) {
        const real part = (real)n * (real)(1.0 / TILE);
        vec x[4];
        for (uint32_t r = 0; r < count; r++)
            x[r] = *(const loose_vec *)(slots + r * VEC_LANES);
        for (uint32_t r = 0; r < count; r++)
            *(loose_vec *)(slots + r * VEC_LANES + 1) = filter(&registers[r], part, x[r], state[r]);
    }
    for (uint32_t r = 0; r < count; r++)
        memcpy(registers[r].state, state[r], sizeof state[r]);
}

/* From the last registers to the first: what a register reads, the one before it writes. */
static void run_turn(filter_cascade *c)
{
    uint32_t end = c->num_registers;
    for (; end >= 2; end -= 2)
        run_tile(&c->registers[end - 2], 2, c->slots + (end - 2) * VEC_LANES, c->line);
    if (end == 1)
        run_tile(c->registers, 1, c->slots, c->line);
}

/*
 * Each element's coefficients go on from the point that it has reached to the
 * next, of the first sections point `next`. An element whose tiles have not begun,
 * or are over, stays at the end.
 */
static void next_points(filter_cascade *c, uint32_t next)
{
    const cpu_row *row = c->row;
    for (uint32_t r = 0; r < c->num_registers; r++)
        memcpy(c->registers[r].from, c->registers[r].to, sizeof c->registers[r].to);
    for (uint32_t j = 0; j < c->num_sections; j++) {
        uint32_t point = next < j ? 0 : next - j;
        point = !row->moves ? 0 : point > c->num_tiles ? c->num_tiles : point;
        const real *to = row->values + (size_t)point * row->num_values + j * MXD_FILTER_SECTION_VALUES;
        for (uint32_t e = j; e < c->num_elements; e += c->num_sections + 1)
            for (uint32_t v = 0; v < MXD_FILTER_SECTION_VALUES; v++)
                c->registers[e / VEC_LANES].to[v][e % VEC_LANES] = to[v];
    }
    for (uint32_t r = 0; r < c->num_registers; r++)
        for (uint32_t v = 0; v < MXD_FILTER_SECTION_VALUES; v++)
            c->registers[r].slope[v] = c->registers[r].to[v] - c->registers[r].from[v];
}

/* state[lane][section] to the elements' registers, or back. */
static real *state_of(const filter_cascade *c, uint32_t e)
{
    uint32_t lane = e / (c->num_sections + 1), section = e % (c->num_sections + 1);
    return section == c->num_sections
               ? NULL : c->row->state + (size_t)MXD_FILTER_STATE * (lane * c->num_sections + section);
}

static void load_state(filter_cascade *c, uint32_t e)
{
    const real *state = state_of(c, e);
    for (uint32_t i = 0; state && i < MXD_FILTER_STATE; i++)
        c->registers[e / VEC_LANES].state[i][e % VEC_LANES] = state[i];
}

/* Where denormals count as zero, a state that decays stops just above them for ever: below 1e-30 it is silence. */
static real settled(real state)
{
#if MXD_REAL_BITS == 32
    if (state < 1e-30f && state > -1e-30f)
        return 0;
#endif
    return state;
}

static void store_state(filter_cascade *c, uint32_t e)
{
    real *state = state_of(c, e);
    for (uint32_t i = 0; state && i < MXD_FILTER_STATE; i++)
        state[i] = settled(c->registers[e / VEC_LANES].state[i][e % VEC_LANES]);
}

/* Tile `turn` enters the first sections, tile turn - (num_sections - 1) leaves the last. */
static void feed(filter_cascade *c, uint32_t turn)
{
    uint32_t first = turn * TILE, count = c->row->num_frames - first < TILE ? c->row->num_frames - first : TILE;
    for (uint32_t l = 0; l < c->row->num_inputs; l++) {
        real *slot = c->slots + l * (c->num_sections + 1);
        for (uint32_t n = 0; n < count; n++)
            slot[(size_t)n * c->line] = c->row->inputs[l][first + n];
        for (uint32_t n = count; n < TILE; n++)
            slot[(size_t)n * c->line] = 0;
    }
}

static void take(const filter_cascade *c, uint32_t tile)
{
    uint32_t first = tile * TILE, count = c->row->num_frames - first < TILE ? c->row->num_frames - first : TILE;
    for (uint32_t l = 0; l < c->row->num_inputs; l++) {
        const real *slot = c->slots + l * (c->num_sections + 1) + c->num_sections;
        for (uint32_t n = 0; n < count; n++)
            c->row->outputs[l][first + n] = slot[(size_t)n * c->line];
    }
}

void MXD_CPU(mxd_filter_run)(const cpu_row *row)
{
    filter_cascade cascade, *c = &cascade;
    c->row = row;
    c->num_sections = row->settings[MXD_FILTER_SECTIONS];
    c->num_elements = row->num_inputs * (c->num_sections + 1) - 1;
    c->num_registers = (c->num_elements + VEC_LANES - 1) / VEC_LANES;
    c->num_tiles = (row->num_frames + TILE - 1) / TILE;
    c->line = (c->num_registers + 1) * VEC_LANES;
    memset(c->registers, 0, c->num_registers * sizeof *c->registers);
    memset(c->slots, 0, (size_t)TILE * c->line * sizeof *c->slots);
    for (uint32_t e = 0; e < c->num_elements; e++)
        load_state(c, e);
    next_points(c, 0);
    const uint32_t last = c->num_sections - 1;
    for (uint32_t turn = 0; turn < c->num_tiles + last; turn++) {
        if (row->moves || turn == 0)
            next_points(c, turn + 1);
        if (turn < c->num_tiles)
            feed(c, turn);
        run_turn(c);
        /* A section that has nothing to do yet has run on silence or on leftovers: it starts over. */
        for (uint32_t e = 0; turn < last && e < c->num_elements; e++)
            if (e % (c->num_sections + 1) > turn)
                load_state(c, e);
        /* And what it has come to by the end of its last tile is kept, whatever it runs on. */
        for (uint32_t e = 0; turn + 1 >= c->num_tiles && e < c->num_elements; e++)
            if (e % (c->num_sections + 1) == turn + 1 - c->num_tiles)
                store_state(c, e);
        if (turn >= last)
            take(c, turn - last);
    }
}
