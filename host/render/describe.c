/* mxd_describe: what a render would do, in plain English. */
#include "engine_plan.h"
#include "resident.h"
#include "targets.h"

#include <stdio.h>
#include <stdlib.h>

static const char *name_of_step(const mxd_step *step)
{
    static const char *const names[] = {"eq", "convolve", "mix", "row", "hosted"};
    return step->kind == MXD_OPERATION_ROW ? mxd_kernel_get(step->kernel)->name : names[step->kind];
}

static bool is_fold(const mxd_graph *graph, uint32_t chain)
{
    return chain != MXD_NO_INDEX && graph->chains[chain].num_fold_inputs > 0;
}

/* Where a chain's signal goes: buses by name, and the scene (a layout's mix). */
static void describe_targets(FILE *text, const mxd_graph *graph, uint32_t chain)
{
    bool to_scene = false;
    const char *separator = "  -> ";
    for (uint32_t i = 0; i < graph->num_mixes; i++) {
        const mxd_mix *mix = &graph->mixes[i];
        bool fed = false;
        for (uint32_t j = 0; j < mix->num_routes && mix->chain != chain && !is_fold(graph, mix->chain); j++)
            fed |= mix->routes[j].chain == chain;
        if (!fed)
            continue;
        bool is_layout = mix->chain == MXD_NO_INDEX;
        for (uint32_t j = 0; j < graph->num_layouts; j++)
            is_layout |= graph->layouts[j].mix == i;
        if (is_layout && to_scene)
            continue;
        fprintf(text, "%s%s", separator, is_layout ? "the scene" : graph->chains[mix->chain].name);
        separator = ", ";
        to_scene |= is_layout;
    }
}

static void describe_chains(FILE *text, const mxd_graph *graph, double rate)
{
    for (uint32_t i = 0; i < graph->num_chains - graph->num_folds; i++) {
        const mxd_chain *chain = &graph->chains[i];
        fprintf(text, "  %-24s %u channel%s, until %.3f s, tail %.3f s", chain->name ? chain->name : "",
                chain->num_lanes, chain->num_lanes == 1 ? "" : "s", (double)chain->end_frame / rate,
                (double)chain->tail_frames / rate);
        if (chain->latency > chain->start_latency)
            fprintf(text, ", latency %.2f ms", 1e3 * (chain->latency - chain->start_latency) / rate);
        describe_targets(text, graph, i);
        fputc('\n', text);
    }
}

/* How many inputs and outputs the rows have that stand for several convolvers. */
static void describe_folds(FILE *text, const mxd_graph *graph)
{
    for (uint32_t i = 0; i < graph->num_operations; i++) {
        const mxd_operation *operation = &graph->operations[i];
        if (operation->kind == MXD_OPERATION_CONVOLVE && is_fold(graph, operation->chain))
            fprintf(text, "joint convolver %u inputs, %u outputs, %u responses between them\n",
                    operation->convolve.num_inputs, operation->convolve.num_outputs, operation->convolve.num_cells);
    }
}

static void describe_memory(FILE *text, const mxd_plan *plan, const mxd_session *session)
{
    const double mib = 1048576.0;
    double backend = (double)mxd_backend_memory(plan->backend) / mib;
    double blocks = (double)mxd_plan_memory(plan) / mib - backend;
    double responses = (double)mxd_resident_responses(plan->graph) / mib;
    double readers = (double)mxd_resident_readers(session) / mib, program = (double)MXD_RESIDENT_PROGRAM / mib;
    fprintf(text, "memory          %.1f MiB: backend %.1f, blocks %.1f, responses %.1f, open files %.1f, program %.0f\n",
            backend + blocks + responses + readers + program, backend, blocks, responses, readers, program);
}

static void describe_plan(FILE *text, const mxd_plan *plan, const mxd_session *session)
{
    const mxd_graph *graph = plan->graph;
    const mxd_backend_info *info = mxd_backend_get_info(plan->backend);
    double rate = session->sample_rate;
    fprintf(text, "length          %.3f s at %u Hz\n", (double)graph->end_frame / rate, session->sample_rate);
    fprintf(text, "signal chains   %u, in feeding order, all latency compensated for (%.2f ms):\n",
            graph->num_chains - graph->num_folds, 1e3 * graph->latency / rate);
    describe_chains(text, graph, rate);
    fprintf(text, "steps a block   %u:", graph->num_steps);
    for (uint32_t i = 0; i < graph->num_steps; i++)
        fprintf(text, " %s x %u%s", name_of_step(&graph->steps[i]), graph->steps[i].num_operations,
                i + 1 < graph->num_steps ? "," : "\n");
    describe_folds(text, graph);
    fprintf(text, "lanes           %u (of %u signals)\n", graph->num_physical_lanes, graph->num_lanes);
    fprintf(text, "backend         %s: %s\n", info->kind, info->device);
    fprintf(text, "block           %u frames\n", plan->block_frames);
    describe_memory(text, plan, session);
    for (uint32_t i = 0; i < graph->num_outputs; i++) {
        const mxd_deliverable *deliverable = graph->outputs[i].deliverable;
        fprintf(text, "deliverable     %s: %s, %u channels, %u bit\n", deliverable->file, deliverable->layout->name,
                deliverable->layout->num_channels, deliverable->bit_depth);
    }
    if (graph->stems_per_layout > 0)
        fprintf(text, "stems           %u of each deliverable\n", graph->stems_per_layout);
}

mxd_result mxd_describe(const mxd_session *session, const mxd_render_options *options, mxd_problems *problems,
                        char **out)
{
    *out = NULL;
    mxd_plan plan;
    mxd_result result = mxd_plan_create(session, options, problems, &plan);
    if (result != MXD_OK)
        return result;
    uint64_t from = 0, to = 0;
    result = mxd_plan_range(plan.graph, options, problems, &from, &to);
    if (result == MXD_OK)
        result = mxd_targets_check(plan.graph, options, to - from, problems);
    size_t size = 0;
    FILE *text = open_memstream(out, &size);
    if (text)
        describe_plan(text, &plan, session);
    if (!text || fclose(text) != 0) {
        free(*out);
        *out = NULL;
        result = MXD_ERROR_MEMORY;
    }
    mxd_plan_destroy(&plan);
    return result;
}
