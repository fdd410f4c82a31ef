/* Convolvers that meet on a line as one row: its cells, the mixes in front of it, the routes behind it. */
#include "fold_build.h"

#include <stdlib.h>

/* Union-find, whose trees are flat again at the end. */
void mxd_fold_join_rows(const mxd_fold_build *b, const mxd_fold_lines *lines, uint32_t *row_of)
{
    for (uint32_t i = 0; i < b->num_operations; i++)
        row_of[i] = i;
    for (uint32_t i = 0; i < lines->num_lines; i++)
        for (uint32_t j = 1; j < lines->from[i].count; j++) {
            uint32_t one = b->sources[lines->from[i].indices[0]].operation;
            uint32_t other = b->sources[lines->from[i].indices[j]].operation;
            while (row_of[one] != one)
                one = row_of[one];
            while (row_of[other] != other)
                other = row_of[other];
            row_of[one > other ? one : other] = one > other ? other : one;
        }
    for (uint32_t i = 0; i < b->num_operations; i++)
        row_of[i] = row_of[row_of[i]];
}

static uint32_t row_of_line(const mxd_fold_build *b, const mxd_fold_lines *lines, const uint32_t *row_of, uint32_t line)
{
    return row_of[b->sources[lines->from[line].indices[0]].operation];
}

bool mxd_fold_row_pays(const mxd_fold_build *b, const mxd_fold_lines *lines, const uint32_t *row_of, uint32_t row)
{
    uint32_t num_lines = 0;
    for (uint32_t i = 0; i < b->num_operations; i++)
        if (i != row && row_of[i] == row)
            return true;
    for (uint32_t i = 0; i < lines->num_lines; i++)
        num_lines += row_of_line(b, lines, row_of, i) == row;
    return num_lines > 0 && num_lines < b->operations[row].convolve.num_outputs;
}

/* A cell of a fold; `response` numbers it, so that the order of sums does not depend on addresses. */
typedef struct fold_cell {
    uint32_t input, output, response, delay_frames;
    double gain;
} fold_cell;

/* A row on its way: inputs are those of the convolvers until some are mixed in front. */
typedef struct fold_row {
    uint32_t chain;           /* the fold */
    uint32_t *lanes;          /* [input] */
    mxd_fold_input *inputs;
    uint32_t num_inputs;
    fold_cell *cells;         /* by input */
    uint32_t num_cells;
    uint32_t *first_cell;     /* [input], and one more */
    uint32_t *outputs;        /* [output] lanes */
    uint32_t num_outputs;
} fold_row;

static int compare_cells(const void *one, const void *other)
{
    const fold_cell *a = one, *b = other;
    if (a->input != b->input)
        return a->input < b->input ? -1 : 1;
    if (a->output != b->output)
        return a->output < b->output ? -1 : 1;
    if (a->response != b->response)
        return a->response < b->response ? -1 : 1;
    return (a->delay_frames > b->delay_frames) - (a->delay_frames < b->delay_frames);
}

/* The input that reads the lane, added if it is new. */
static uint32_t find_input(fold_row *row, uint32_t lane, uint32_t chain)
{
    for (uint32_t i = 0; i < row->num_inputs; i++)
        if (row->lanes[i] == lane)
            return i;
    row->lanes[row->num_inputs] = lane;
    row->inputs[row->num_inputs] = (mxd_fold_input){.chain = chain, .mix = MXD_NO_INDEX};
    return row->num_inputs++;
}

/* Cells of one source towards output `output` of the row. */
static void add_cells(mxd_fold_build *b, fold_row *row, uint32_t number, uint32_t output, double gain)
{
    const mxd_operation *operation = &b->operations[b->sources[number].operation];
    for (uint32_t i = 0; i < operation->convolve.num_cells; i++) {
        const mxd_convolve_cell *cell = &operation->convolve.cells[i];
        if (cell->output != b->sources[number].output)
            continue;
        row->cells[row->num_cells++] = (fold_cell){
            .input = find_input(row, operation->convolve.inputs[cell->input], operation->chain),
            .output = output,
            .response = mxd_fold_number_response(b, cell->response, cell->num_frames),
            .delay_frames = cell->delay_frames,
            .gain = gain * cell->gain,
        };
    }
}

/* Sorts the cells by input, joins those between the same places, and finds each input's first. */
static bool sort_cells(fold_row *row)
{
    uint32_t count = 0;
    qsort(row->cells, row->num_cells, sizeof *row->cells, compare_cells);
    for (uint32_t i = 0; i < row->num_cells; i++) {
        if (count > 0 && compare_cells(&row->cells[count - 1], &row->cells[i]) == 0)
            row->cells[count - 1].gain += row->cells[i].gain;
        else
            row->cells[count++] = row->cells[i];
    }
    row->num_cells = count;
    row->first_cell = calloc(row->num_inputs + 1, sizeof *row->first_cell);
    if (!row->first_cell)
        return false;
    for (uint32_t i = 0; i < count; i++)
        row->first_cell[row->cells[i].input + 1] = i + 1;
    return true;
}

static bool gather_row(mxd_fold_build *b, const mxd_fold_lines *lines, const uint32_t *row_of, uint32_t number,
                       fold_row *row)
{
    uint32_t num_inputs = 0, num_cells = 0;
    for (uint32_t i = 0; i < b->num_operations; i++)
        if (row_of[i] == number)
            num_inputs += b->operations[i].convolve.num_inputs;
    for (uint32_t i = 0; i < lines->num_lines; i++)
        for (uint32_t j = 0; j < lines->from[i].count && row_of_line(b, lines, row_of, i) == number; j++)
            num_cells += b->operations[b->sources[lines->from[i].indices[j]].operation].convolve.num_cells;
    row->lanes = calloc(num_inputs + 1, sizeof *row->lanes);
    row->inputs = calloc(num_inputs + 1, sizeof *row->inputs);
    row->cells = calloc(num_cells + 1, sizeof *row->cells);
    row->outputs = calloc(lines->num_lines + 1, sizeof *row->outputs);
    if (!row->lanes || !row->inputs || !row->cells || !row->outputs)
        return false;
    for (uint32_t i = 0; i < lines->num_lines; i++) {
        if (row_of_line(b, lines, row_of, i) != number)
            continue;
        for (uint32_t j = 0; j < lines->from[i].count; j++)
            add_cells(b, row, lines->from[i].indices[j], row->num_outputs, lines->from[i].gains[j]);
        row->outputs[row->num_outputs] = mxd_graph_add_lane(b->graph);
        if (row->outputs[row->num_outputs++] == MXD_NO_INDEX)
            return false;
    }
    return sort_cells(row);
}

/* ---- 5. Mixes in front --------------------------------------------------- */

/* Whether two inputs have the same cells, gains apart. */
static bool same_pattern(const fold_row *row, uint32_t one, uint32_t other)
{
    const fold_cell *a = row->cells + row->first_cell[one], *b = row->cells + row->first_cell[other];
    uint32_t count = row->first_cell[one + 1] - row->first_cell[one];
    if (count != row->first_cell[other + 1] - row->first_cell[other])
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (a[i].output != b[i].output || a[i].response != b[i].response || a[i].delay_frames != b[i].delay_frames)
            return false;
    return true;
}

/* Inputs of one pattern: their gains to its cells, and which of these columns are the same up to a factor. */
typedef struct pattern {
    uint32_t *inputs;
    uint32_t num_inputs;
    uint32_t num_cells;
    double *gains;            /* [cell][input] */
    uint32_t *columns;        /* [cell] which lane of the mix feeds it */
    uint32_t *first_of;       /* [column] its first cell */
    double *ratios;           /* [cell] relative to that one */
    uint32_t num_columns;
} pattern;

static void finish_pattern(pattern *p)
{
    free(p->inputs);
    free(p->gains);
    free(p->columns);
    free(p->first_of);
    free(p->ratios);
}

/* The pattern of input `first` with all later ones that have it and are not taken yet. */
static bool init_pattern(const fold_row *row, uint32_t first, const bool *taken, pattern *p)
{
    const uint32_t num_cells = p->num_cells = row->first_cell[first + 1] - row->first_cell[first];
    p->inputs = calloc(row->num_inputs, sizeof *p->inputs);
    p->columns = calloc(num_cells + 1, sizeof *p->columns);
    p->first_of = calloc(num_cells + 1, sizeof *p->first_of);
    p->ratios = calloc(num_cells + 1, sizeof *p->ratios);
    if (!p->inputs || !p->columns || !p->first_of || !p->ratios)
        return false;
    for (uint32_t i = first; i < row->num_inputs; i++)
        if (!taken[i] && same_pattern(row, first, i))
            p->inputs[p->num_inputs++] = i;
    p->gains = calloc((size_t)num_cells * p->num_inputs + 1, sizeof *p->gains);
    if (!p->gains)
        return false;
    for (uint32_t c = 0; c < num_cells; c++) {
        double *column = p->gains + (size_t)c * p->num_inputs;
        for (uint32_t i = 0; i < p->num_inputs; i++)
            column[i] = row->cells[row->first_cell[p->inputs[i]] + c].gain;
        uint32_t number = 0;
        while (number < p->num_columns &&
               !mxd_gains_are_proportional(p->gains + (size_t)p->first_of[number] * p->num_inputs, column,
                                           p->num_inputs, &p->ratios[c]))
            number++;
        p->columns[c] = number;
        if (number == p->num_columns) {
            p->first_of[p->num_columns++] = c;
            p->ratios[c] = 1.0;
        }
    }
    return true;
}

/* Inputs and cells of the row as it will be. */
typedef struct row_cursor {
    mxd_fold_input *inputs;
    uint32_t *lanes;
    fold_cell *cells;
    uint32_t num_inputs, num_cells;
} row_cursor;

/* An input that stays as it is. */
static void keep_input(const fold_row *row, uint32_t input, row_cursor *next)
{
    for (uint32_t c = row->first_cell[input]; c < row->first_cell[input + 1]; c++) {
        next->cells[next->num_cells] = row->cells[c];
        next->cells[next->num_cells++].input = next->num_inputs;
    }
    next->inputs[next->num_inputs] = row->inputs[input];
    next->lanes[next->num_inputs++] = row->lanes[input];
}

/* A mix of the pattern's inputs, one lane a column, in their stead. */
static bool mix_inputs(mxd_fold_build *b, const fold_row *row, const pattern *p, row_cursor *next)
{
    uint32_t mix = mxd_graph_add_mix_with_lanes(b->graph, row->chain, p->num_columns);
    if (mix == MXD_NO_INDEX)
        return false;
    for (uint32_t i = 0; i < p->num_inputs; i++) {
        mxd_route *route = mxd_graph_add_route(b->graph, mix);
        if (!route)
            return false;
        route->lane = row->lanes[p->inputs[i]];
        route->chain = row->inputs[p->inputs[i]].chain;
        for (uint32_t column = 0; column < p->num_columns; column++)
            route->fixed[column] = p->gains[(size_t)p->first_of[column] * p->num_inputs + i];
    }
    for (uint32_t c = 0; c < p->num_cells; c++) {
        fold_cell cell = row->cells[row->first_cell[p->inputs[0]] + c];
        cell.input = next->num_inputs + p->columns[c];
        cell.gain = p->ratios[c];
        next->cells[next->num_cells++] = cell;
    }
    for (uint32_t column = 0; column < p->num_columns; column++) {
        next->inputs[next->num_inputs] = (mxd_fold_input){.chain = MXD_NO_INDEX, .mix = mix};
        next->lanes[next->num_inputs++] = b->graph->mixes[mix].lanes[column];
    }
    return mxd_graph_close_mix(b->graph, mix) == MXD_OK;
}

/* Inputs of one pattern are mixed where that leaves fewer. */
static bool mix_pattern(mxd_fold_build *b, const fold_row *row, uint32_t first, bool *taken, row_cursor *next)
{
    pattern p = {0};
    bool done = init_pattern(row, first, taken, &p);
    if (done && p.num_columns >= p.num_inputs) {
        taken[first] = true;
        keep_input(row, first, next);
    } else if (done) {
        for (uint32_t i = 0; i < p.num_inputs; i++)
            taken[p.inputs[i]] = true;
        done = mix_inputs(b, row, &p, next);
    }
    finish_pattern(&p);
    return done;
}

static bool mix_in_front(mxd_fold_build *b, fold_row *row)
{
    row_cursor next = {
        .inputs = calloc(row->num_inputs + 1, sizeof *next.inputs),
        .lanes = calloc(row->num_inputs + 1, sizeof *next.lanes),
        .cells = calloc(row->num_cells + 1, sizeof *next.cells),
    };
    bool *taken = calloc(row->num_inputs + 1, sizeof *taken);
    bool done = next.inputs && next.lanes && next.cells && taken;
    for (uint32_t i = 0; i < row->num_inputs && done; i++)
        if (!taken[i])
            done = mix_pattern(b, row, i, taken, &next);
    free(taken);
    free(row->inputs);
    free(row->lanes);
    free(row->cells);
    row->inputs = next.inputs;
    row->lanes = next.lanes;
    row->cells = next.cells;
    row->num_inputs = next.num_inputs;
    row->num_cells = next.num_cells;
    return done;
}

/* ---- The graph's new parts ----------------------------------------------- */

/* A route for each mix that a line reaches. */
static bool route_line(mxd_fold_build *b, const mxd_gain_list *to, uint32_t lane, uint32_t chain)
{
    mxd_route *route = NULL;
    for (uint32_t i = 0; i < to->count; i++) {
        uint32_t mix = b->mix_of[to->indices[i]];
        if (i == 0 || mix != b->mix_of[to->indices[i - 1]]) {
            route = mxd_graph_add_route(b->graph, mix);
            if (!route)
                return false;
            route->lane = lane;
            route->chain = chain;
        }
        route->fixed[to->indices[i] - b->first_destination[mix]] = to->gains[i];
    }
    return true;
}

/* The row's operation; takes the row's inputs and outputs over. */
static bool add_operation(mxd_fold_build *b, fold_row *row)
{
    mxd_convolve_cell *cells = calloc(row->num_cells + 1, sizeof *cells);
    mxd_operation *operation = cells ? mxd_graph_add_operation(b->graph, MXD_OPERATION_CONVOLVE, row->chain) : NULL;
    if (!operation) {
        free(cells);
        return false;
    }
    for (uint32_t i = 0; i < row->num_cells; i++) {
        const fold_cell *cell = &row->cells[i];
        cells[i] = (mxd_convolve_cell){
            .input = cell->input,
            .output = cell->output,
            .response = b->responses[cell->response].samples,
            .num_frames = b->responses[cell->response].num_frames,
            .delay_frames = cell->delay_frames,
            .gain = cell->gain,
        };
    }
    operation->convolve = (mxd_convolve_row){row->lanes, row->num_inputs, row->outputs, row->num_outputs, cells,
                                             row->num_cells};
    mxd_chain *fold = &b->graph->chains[row->chain];
    fold->fold_inputs = row->inputs;
    fold->num_fold_inputs = row->num_inputs;
    row->lanes = NULL;
    row->outputs = NULL;
    row->inputs = NULL;
    return true;
}

bool mxd_fold_add_row(mxd_fold_build *b, const mxd_fold_lines *lines, const uint32_t *row_of, uint32_t number)
{
    fold_row row = {.chain = mxd_graph_add_chain(b->graph)};
    if (row.chain == MXD_NO_INDEX)
        return false;
    b->graph->num_folds++;
    bool done = gather_row(b, lines, row_of, number, &row) && mix_in_front(b, &row);
    for (uint32_t i = 0, output = 0; i < lines->num_lines && done; i++)
        if (row_of_line(b, lines, row_of, i) == number)
            done = route_line(b, &lines->to[i], row.outputs[output++], row.chain);
    done = done && add_operation(b, &row);
    for (uint32_t i = 0; i < b->num_operations; i++)
        b->folded[i] |= row_of[i] == number;
    free(row.lanes);
    free(row.inputs);
    free(row.cells);
    free(row.first_cell);
    free(row.outputs);
    return done;
}
