/*
 * Which lanes carry the sums of sources: ways first, and sinks where these are
 * cheaper. In matrix terms the gains from sources to destinations are factored
 * into as few lanes as the cost model likes.
 */
#include "fold_build.h"

#include <math.h>
#include <stdlib.h>

/* Products that it costs to add one to a second output: on a CPU eight at a time are summed before they are added. */
#define SECOND_OUTPUT 0.1

typedef struct way {
    uint32_t first;      /* the source whose gains they all have, up to a factor */
    uint32_t num_sinks;
    uint64_t num_frames; /* of all cells of its sources */
} way;

/* The sources of one rank on their way. Lists that come in pairs are matrices by columns. */
typedef struct factors {
    uint32_t *sources;
    uint32_t num_sources;
    way *ways;
    mxd_gain_list *members;   /* [way]: sources, with the factor of each */
    uint32_t num_ways;
    mxd_gain_list *columns;   /* [destination]: ways, with their gains to it */
    uint32_t *sinks;          /* [destination] the first destination of its sink */
    double *sink_gains;       /* [destination] relative to that one */
    uint32_t *line_of_sink;   /* [destination] */
} factors;

static void finish_factors(const mxd_fold_build *b, factors *f)
{
    mxd_gain_lists_free(f->members, f->num_sources);
    mxd_gain_lists_free(f->columns, b->num_destinations);
    free(f->sources);
    free(f->ways);
    free(f->sinks);
    free(f->sink_gains);
    free(f->line_of_sink);
}

static bool init_factors(const mxd_fold_build *b, uint32_t rank, factors *f)
{
    uint32_t most = b->num_destinations + 1;
    f->sources = calloc(b->num_sources + 1, sizeof *f->sources);
    if (!f->sources)
        return false;
    for (uint32_t i = 0; i < b->num_sources; i++)
        if (b->ranks[b->sources[i].operation] == rank && b->gains[i].count > 0)
            f->sources[f->num_sources++] = i;
    f->ways = calloc(f->num_sources + 1, sizeof *f->ways);
    f->members = calloc(f->num_sources + 1, sizeof *f->members);
    f->columns = calloc(most, sizeof *f->columns);
    f->sinks = calloc(most, sizeof *f->sinks);
    f->sink_gains = calloc(most, sizeof *f->sink_gains);
    f->line_of_sink = calloc(most, sizeof *f->line_of_sink);
    return f->ways && f->members && f->columns && f->sinks && f->sink_gains && f->line_of_sink;
}

static uint64_t frames_of(const mxd_fold_build *b, uint32_t number)
{
    const mxd_convolve_row *row = &b->operations[b->sources[number].operation].convolve;
    uint64_t frames = 0;
    for (uint32_t i = 0; i < row->num_cells; i++)
        if (row->cells[i].output == b->sources[number].output)
            frames += row->cells[i].num_frames;
    return frames;
}

static bool find_ways(const mxd_fold_build *b, factors *f)
{
    for (uint32_t i = 0; i < f->num_sources; i++) {
        uint32_t number = 0;
        double ratio = 1.0;
        while (number < f->num_ways &&
               !mxd_gain_lists_are_proportional(&b->gains[f->ways[number].first], &b->gains[f->sources[i]], &ratio))
            number++;
        if (number == f->num_ways) {
            f->ways[f->num_ways++] = (way){.first = f->sources[i]};
            ratio = 1.0;
        }
        f->ways[number].num_frames += frames_of(b, f->sources[i]);
        if (!mxd_gain_list_push(&f->members[number], f->sources[i], ratio))
            return false;
    }
    return true;
}

static bool find_sinks(const mxd_fold_build *b, factors *f)
{
    for (uint32_t i = 0; i < f->num_ways; i++) {
        const mxd_gain_list *gains = &b->gains[f->ways[i].first];
        for (uint32_t j = 0; j < gains->count; j++)
            if (!mxd_gain_list_push(&f->columns[gains->indices[j]], i, gains->gains[j]))
                return false;
    }
    for (uint32_t i = 0; i < b->num_destinations; i++) {
        f->sinks[i] = i;
        f->sink_gains[i] = 1.0;
        f->line_of_sink[i] = MXD_NO_INDEX;
        for (uint32_t j = 0; j < i && f->columns[i].count > 0 && f->sinks[i] == i; j++)
            if (f->sinks[j] == j && mxd_gain_lists_are_proportional(&f->columns[j], &f->columns[i], &f->sink_gains[i]))
                f->sinks[i] = j;
        if (f->sinks[i] == i)
            f->sink_gains[i] = 1.0;
    }
    for (uint32_t i = 0; i < f->num_ways; i++) {
        const mxd_gain_list *gains = &b->gains[f->ways[i].first];
        for (uint32_t j = 0; j < gains->count; j++)
            f->ways[i].num_sinks += f->sinks[gains->indices[j]] == gains->indices[j];
    }
    return true;
}

/*
 * What a row costs a frame, in products of spectra: host/cpu/convolve.c takes 0.17 ns for a product with its fetch,
 * and 0.6 to 1 ns for a transform of 2^7 to 2^15 points, 3.5 to 6 products, and takes the partition that makes the
 * sum least.
 */
static double cost_of(double num_transforms, double num_frames)
{
    double least = HUGE_VAL;
    for (int log2_size = 6; log2_size <= 14; log2_size++) {
        double cost = num_transforms * (1.6 + 0.3 * log2_size) + ldexp(num_frames, -log2_size);
        least = cost < least ? cost : least;
    }
    return least;
}

static double num_inputs_of(const mxd_fold_build *b, const factors *f)
{
    uint32_t count = 0, last = MXD_NO_INDEX;
    for (uint32_t i = 0; i < f->num_sources; i++) {
        if (b->sources[f->sources[i]].operation != last)
            count += b->operations[b->sources[f->sources[i]].operation].convolve.num_inputs;
        last = b->sources[f->sources[i]].operation;
    }
    return count;
}

/* Up to how many sinks a way is given up for them. Those with one lose nothing. */
static uint32_t choose_most_sinks(const mxd_fold_build *b, factors *f)
{
    uint32_t most = 1, best = 1;
    double least = HUGE_VAL;
    for (uint32_t i = 0; i < f->num_ways; i++)
        most = f->ways[i].num_sinks > most ? f->ways[i].num_sinks : most;
    for (uint32_t limit = 1; limit <= (b->folding == MXD_FOLD_BY_COST ? most : 1); limit++) {
        double transforms = num_inputs_of(b, f), frames = 0.0;
        for (uint32_t i = 0; i < f->num_ways; i++) {
            bool given_up = f->ways[i].num_sinks <= limit;
            double products = given_up ? 1.0 + SECOND_OUTPUT * (f->ways[i].num_sinks - 1) : 1.0;
            frames += (double)f->ways[i].num_frames * products;
            transforms += !given_up;
        }
        for (uint32_t i = 0; i < b->num_destinations; i++) {
            bool used = false;
            for (uint32_t j = 0; j < f->columns[i].count && f->sinks[i] == i; j++)
                used |= f->ways[f->columns[i].indices[j]].num_sinks <= limit;
            transforms += used;
        }
        /* The model is coarse: a twentieth is no gain. */
        double cost = cost_of(transforms, frames) * (limit > 1 ? 1.05 : 1.0);
        if (cost < least) {
            least = cost;
            best = limit;
        }
    }
    return best;
}

/* The line to a sink, which way `number` joins with its gain. */
static bool join_sink(factors *f, uint32_t sink, uint32_t num_destinations, uint32_t number, double gain,
                      mxd_fold_lines *lines)
{
    uint32_t line = f->line_of_sink[sink];
    if (line == MXD_NO_INDEX) {
        line = f->line_of_sink[sink] = lines->num_lines++;
        for (uint32_t i = sink; i < num_destinations; i++)
            if (f->sinks[i] == sink && !mxd_gain_list_push(&lines->to[line], i, f->sink_gains[i]))
                return false;
    }
    const mxd_gain_list *members = &f->members[number];
    for (uint32_t i = 0; i < members->count; i++)
        if (!mxd_gain_list_push(&lines->from[line], members->indices[i], gain * members->gains[i]))
            return false;
    return true;
}

static bool list_lines(const mxd_fold_build *b, factors *f, mxd_fold_lines *lines)
{
    uint32_t most_sinks = choose_most_sinks(b, f);
    for (uint32_t i = 0; i < f->num_ways; i++) {
        const mxd_gain_list *gains = &b->gains[f->ways[i].first];
        bool given_up = f->ways[i].num_sinks <= most_sinks;
        for (uint32_t j = 0; j < gains->count; j++) {
            uint32_t destination = gains->indices[j];
            bool done = !given_up ? mxd_gain_list_push(&lines->to[lines->num_lines], destination, gains->gains[j])
                                  : f->sinks[destination] != destination ||
                                        join_sink(f, destination, b->num_destinations, i, gains->gains[j], lines);
            if (!done)
                return false;
        }
        if (given_up)
            continue;
        lines->from[lines->num_lines++] = f->members[i];
        f->members[i] = (mxd_gain_list){0};
    }
    return true;
}

bool mxd_fold_find_lines(const mxd_fold_build *b, uint32_t rank, mxd_fold_lines *lines)
{
    factors f = {0};
    bool done = init_factors(b, rank, &f);
    lines->capacity = f.num_sources + b->num_destinations + 1;
    lines->from = calloc(lines->capacity, sizeof *lines->from);
    lines->to = calloc(lines->capacity, sizeof *lines->to);
    done = done && lines->from && lines->to && find_ways(b, &f) && find_sinks(b, &f) && list_lines(b, &f, lines);
    finish_factors(b, &f);
    return done;
}

void mxd_fold_lines_finish(mxd_fold_lines *lines)
{
    mxd_gain_lists_free(lines->from, lines->capacity);
    mxd_gain_lists_free(lines->to, lines->capacity);
}
