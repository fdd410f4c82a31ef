#include "engine_plan.h"

#include "../../formats/reader.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UNKNOWN_MEMORY_BYTES (4ull << 30)
/* What a block of the CPU backends should be: lanes that stay in the cache ... */
#define CACHED_BLOCK (1u << 14)
/* ... or long transforms, where this many frames of responses and more come on a lane. */
#define LONG_BLOCK (1u << 16)
#define MANY_RESPONSE_FRAMES (1u << 17)
/* ... and longer ones still where a response is longer than this. */
#define LONGEST_BLOCK (1u << 18)
#define LONG_RESPONSE_FRAMES (1u << 19)
#define SMALLEST_BLOCK (1u << 10)
#define LARGEST_BLOCK (1u << 20)

/* Bytes of sources, outputs and the block's description for a block size; UINT64_MAX = beyond all bounds. */
static uint64_t host_bytes(const mxd_plan *plan, uint32_t block_frames)
{
    uint32_t output_lanes = mxd_graph_output_lanes(plan->graph);
    uint64_t lanes = (uint64_t)plan->num_source_slots * plan->graph->num_source_lanes +
                     (uint64_t)plan->num_output_slots * output_lanes;
    lanes += 2 * (uint64_t)plan->graph->num_hosted_lanes; /* here, and where a plug-in's process sees them */
    /*
     * A device's staging grows with the first blocks: every upload and download of a block, wherever it is staged, and
     * a quarter more. Of several devices each uploads its own sources, and may download a share of every output.
     */
    if (plan->kind == MXD_BACKEND_VULKAN) {
        const mxd_backend_info *info = plan->backend ? mxd_backend_get_info(plan->backend) : NULL;
        uint64_t uploads =
            (uint64_t)(plan->graph->num_source_lanes + plan->graph->num_hosted_lanes) * (info ? info->upload_copies : 1);
        uint64_t downloads = ((uint64_t)output_lanes * plan->num_devices + plan->graph->num_hosted_lanes) *
                             (info ? info->download_copies : 1);
        lanes += plan->blocks_in_flight * (uploads + downloads) * 5 / 4;
    }
    uint64_t bytes = lanes * block_frames * sizeof(float), arrays = mxd_graph_array_bytes(plan->graph, block_frames);
    bytes += (uint64_t)plan->num_source_slots * plan->graph->num_source_lanes * sizeof(mxd_upload);
    return arrays < UINT64_MAX - bytes ? bytes + arrays : UINT64_MAX;
}

uint64_t mxd_plan_memory(const mxd_plan *plan)
{
    return host_bytes(plan, plan->block_frames) + mxd_backend_memory(plan->backend);
}

/* The frame nearest to a time, at most last. */
static uint64_t frame_of(double seconds, double rate, uint64_t last)
{
    double frame = seconds * rate + 0.5;
    return frame < (double)last ? (uint64_t)frame : last;
}

/* The frame of a marker, at most last. */
static mxd_result find_marker(const mxd_session *session, const char *name, uint64_t last, mxd_problems *problems,
                              uint64_t *frame)
{
    const char *near = NULL, **names = calloc(session->num_markers + 1u, sizeof *names);
    if (!names)
        return mxd_fail(problems, MXD_ERROR_MEMORY, NULL, "memory ran out while a marker was looked for");
    mxd_result result = MXD_ERROR_ARGUMENT;
    for (uint32_t i = 0; i < session->num_markers && result != MXD_OK; i++) {
        names[i] = session->markers[i].name;
        if (strcmp(names[i], name) != 0)
            continue;
        *frame = session->markers[i].frame < last ? session->markers[i].frame : last;
        result = MXD_OK;
    }
    if (result != MXD_OK) {
        near = mxd_nearest(name, names, session->num_markers);
        mxd_fail(problems, result, &(mxd_place){.file = session->file}, "there is no marker \"%.80s\"%s%.80s%s", name,
                 near ? "; did you mean \"" : session->num_markers ? "" : ": the session has no \"markers\"",
                 near ? near : "", near ? "\"?" : "");
    }
    free(names);
    return result;
}

mxd_result mxd_plan_range(const mxd_graph *graph, const mxd_render_options *options, mxd_problems *problems,
                          uint64_t *from, uint64_t *to)
{
    const mxd_session *session = graph->session;
    double rate = session->sample_rate, length_s = (double)graph->end_frame / rate;
    *from = options->from_s > 0.0 ? frame_of(options->from_s, rate, graph->end_frame) : 0;
    *to = options->to_s > 0.0 ? frame_of(options->to_s, rate, graph->end_frame) : graph->end_frame;
    mxd_result result = MXD_OK;
    if (options->from_marker)
        result = find_marker(session, options->from_marker, graph->end_frame, problems, from);
    if (options->to_marker && result == MXD_OK)
        result = find_marker(session, options->to_marker, graph->end_frame, problems, to);
    if (result != MXD_OK)
        return result;
    if (*from >= *to)
        return mxd_fail(problems, MXD_ERROR_INVALID, &(mxd_place){.file = session->file},
                        "there is nothing between %.3f s and %.3f s: the session lasts %.3f s",
                        options->from_marker || !(options->from_s > 0.0) ? (double)*from / rate : options->from_s,
                        options->to_marker || !(options->to_s > 0.0) ? (double)*to / rate : options->to_s, length_s);
    return MXD_OK;
}

/* ---- Deliverables ---- */

static bool names(const mxd_deliverable *deliverable, const char *word)
{
    const char *slash = strrchr(deliverable->file, '/');
    return strcmp(deliverable->file, word) == 0 || (slash && strcmp(slash + 1, word) == 0) ||
           mxd_layout_find(word) == deliverable->layout;
}

static mxd_result choose_deliverables(const mxd_session *session, const mxd_render_options *options,
                                      mxd_problems *problems, uint32_t *chosen, uint32_t *num_chosen)
{
    *num_chosen = 0;
    for (uint32_t i = 0; i < session->num_deliverables; i++) {
        bool wanted = options->num_only == 0;
        for (size_t j = 0; j < options->num_only; j++)
            wanted |= names(&session->deliverables[i], options->only[j]);
        if (wanted)
            chosen[(*num_chosen)++] = i;
    }
    for (size_t j = 0; j < options->num_only; j++) {
        bool found = false;
        for (uint32_t i = 0; i < session->num_deliverables; i++)
            found |= names(&session->deliverables[i], options->only[j]);
        if (found)
            continue;
        char list[1024] = "";
        for (uint32_t i = 0; i < session->num_deliverables && strlen(list) < 800; i++)
            snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s (%s)", i ? ", " : "",
                     session->deliverables[i].file, session->deliverables[i].layout->name);
        return mxd_fail(problems, MXD_ERROR_ARGUMENT, NULL, "no deliverable is called '%s'; there are: %s",
                        options->only[j], list);
    }
    return MXD_OK;
}

/* ---- Backend ---- */

/* Destroys the backend; what it said goes to the caller, or (forget) nowhere. */
static void drop_backend(mxd_plan *plan, bool forget)
{
    mxd_backend_destroy(plan->backend);
    mxd_problems_absorb(forget ? NULL : plan->problems, plan->backend_problems, false);
    mxd_problems_destroy(plan->backend_problems);
    plan->backend = NULL;
    plan->backend_problems = NULL;
}

static mxd_result try_block_size(mxd_plan *plan, const mxd_render_options *options, uint32_t device,
                                 uint32_t block_frames)
{
    mxd_backend_params params = {
        .num_lanes = plan->graph->num_physical_lanes,
        .block_frames = block_frames,
        .num_threads = options->num_threads,
        .device = device,
        .devices = plan->num_devices > 1 ? options->devices : NULL,
        .num_devices = plan->num_devices,
        .blocks_in_flight = plan->blocks_in_flight,
    };
    plan->block_frames = block_frames;
    plan->backend_problems = mxd_problems_create();
    if (!plan->backend_problems)
        return MXD_ERROR_MEMORY;
    mxd_result result = mxd_backend_create(plan->kind, &params, plan->backend_problems, &plan->backend);
    return result == MXD_OK ? mxd_graph_attach(plan->graph, plan->backend, block_frames, options->num_threads)
                            : result;
}

/* Lanes and buffers alone, before a backend is made: what says at once that a block size is too large. */
static uint64_t least_bytes(const mxd_plan *plan, uint32_t block_frames)
{
    uint64_t sample_size = plan->kind == MXD_BACKEND_REFERENCE ? sizeof(double) : sizeof(float);
    uint64_t lanes = plan->graph->num_physical_lanes * sample_size * block_frames;
    uint64_t host = host_bytes(plan, block_frames);
    return host < UINT64_MAX - lanes ? host + lanes : UINT64_MAX;
}

/*
 * The block that is tried first. Measured on two cores of an AMD EPYC 9004: 64
 * plain tracks take 40 % longer in blocks of 2^16 than of 2^14, 32 tracks with 4 s
 * responses 50 % longer in 2^15 than in 2^16; a response of 30 s takes 11.8 ns a
 * frame in 2^16 and 6.6 in 2^18. A GPU wants few and long dispatches.
 */
static uint32_t preferred_block(const mxd_plan *plan)
{
    uint64_t response_frames = 0, longest = 0;
    for (uint32_t i = 0; i < plan->graph->num_operations; i++) {
        const mxd_convolve_row *row = &plan->graph->operations[i].convolve;
        for (uint32_t j = 0; j < row->num_cells; j++) {
            response_frames += row->cells[j].num_frames;
            longest = row->cells[j].num_frames > longest ? row->cells[j].num_frames : longest;
        }
    }
    bool many = response_frames >= (uint64_t)MANY_RESPONSE_FRAMES * plan->graph->num_physical_lanes;
    if (plan->kind == MXD_BACKEND_VULKAN)
        return LONG_BLOCK;
    if (!many)
        return CACHED_BLOCK;
    return longest > LONG_RESPONSE_FRAMES ? LONGEST_BLOCK : LONG_BLOCK;
}

/* Half of the machine's memory: 512 tracks with 4 s responses of their own take 2.3 GiB however short the blocks are. */
static uint64_t default_bound(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    return (pages > 0 && page_bytes > 0 ? (uint64_t)pages * (uint64_t)page_bytes : UNKNOWN_MEMORY_BYTES) / 2;
}

/* Halves the block until backend and buffers fit the bound. */
static mxd_result fit_backend(mxd_plan *plan, const mxd_render_options *options, uint32_t device)
{
    uint64_t bound = options->memory_bytes ? options->memory_bytes : default_bound(), needed = 0;
    uint32_t largest = options->block_frames ? options->block_frames : preferred_block(plan);
    uint32_t smallest = options->block_frames ? options->block_frames : SMALLEST_BLOCK;
    for (uint32_t frames = largest; frames >= smallest; frames /= 2) {
        needed = least_bytes(plan, frames);
        if (needed > bound)
            continue;
        mxd_result result = try_block_size(plan, options, device, frames);
        if (result == MXD_OK) {
            needed = mxd_plan_memory(plan);
            if (needed <= bound)
                return MXD_OK;
        }
        bool no_memory = result == MXD_ERROR_DEVICE_MEMORY || result == MXD_ERROR_MEMORY;
        bool go_on = result == MXD_OK || (no_memory && frames > smallest);
        drop_backend(plan, go_on);
        if (!go_on)
            return result;
    }
    /* Rounded so that the figure given is enough. */
    return mxd_fail(plan->problems, MXD_ERROR_MEMORY, NULL,
                    "the session needs %.1f MiB %s, and the bound is %.1f MiB; allow more with --memory",
                    ceil((double)needed / 104857.6) / 10.0,
                    options->block_frames ? "with blocks of that size" : "even with the smallest blocks",
                    floor((double)bound / 104857.6) / 10.0);
}

/* The kind of backend, and the device's number; *drivers as mxd_vulkan_find_gpu leaves them. */
static uint32_t choose_backend(mxd_plan *plan, const mxd_render_options *options, mxd_vulkan_drivers **drivers)
{
    uint32_t device = options->device;
    plan->kind = options->backend;
    if (plan->kind == MXD_BACKEND_AUTO) {
        bool given = options->device_given || options->num_devices > 1;
        uint32_t gpu = given ? options->device : mxd_vulkan_find_gpu(drivers);
        plan->kind = gpu == UINT32_MAX ? MXD_BACKEND_CPU : MXD_BACKEND_VULKAN;
        device = gpu == UINT32_MAX ? 0 : gpu;
    }
    bool several = plan->kind == MXD_BACKEND_VULKAN && options->num_devices > 1;
    plan->num_devices = several ? (uint32_t)options->num_devices : 1;
    /*
     * One block is decoded and one encoded while others compute. A device uploads one, computes the one before and
     * downloads the one before that; the CPU does one at a time.
     */
    plan->blocks_in_flight = plan->kind == MXD_BACKEND_VULKAN ? 3 : 1;
    plan->num_source_slots = plan->blocks_in_flight + 1;
    plan->num_output_slots = plan->blocks_in_flight + 1;
    return device;
}

/*
 * On a device products of spectra bind, on a CPU transforms do. MXD_FOLD=none, for tests of folding alone, leaves
 * every convolver in a row of its own; MXD_FOLD=transforms and MXD_FOLD=cost do as for a device or a CPU.
 */
static mxd_folding choose_folding(const mxd_plan *plan, const mxd_render_options *options)
{
    const char *wanted = getenv("MXD_FOLD");
    if (options->stems)
        return MXD_FOLD_NONE; /* a stem needs its strip's signal by itself */
    if (wanted && strcmp(wanted, "none") == 0)
        return MXD_FOLD_NONE;
    if (wanted && strcmp(wanted, "transforms") == 0)
        return MXD_FOLD_TRANSFORMS;
    if (wanted && strcmp(wanted, "cost") == 0)
        return MXD_FOLD_BY_COST;
    return plan->kind == MXD_BACKEND_VULKAN ? MXD_FOLD_TRANSFORMS : MXD_FOLD_BY_COST;
}

mxd_result mxd_plan_create(const mxd_session *session, const mxd_render_options *options, mxd_problems *problems,
                           mxd_plan *plan)
{
    *plan = (mxd_plan){.problems = problems};
    uint32_t num_chosen = 0, device = 0, frames = options->block_frames;
    mxd_vulkan_drivers *drivers = NULL;
    if (options->num_devices > MXD_MAX_GROUP)
        return mxd_fail(problems, MXD_ERROR_ARGUMENT, NULL, "%zu devices: at most %u can render together",
                        options->num_devices, MXD_MAX_GROUP);
    if (frames && (frames < SMALLEST_BLOCK || frames > LARGEST_BLOCK || (frames & (frames - 1)) != 0))
        return mxd_fail(problems, MXD_ERROR_ARGUMENT, NULL,
                        "%u frames a block: a power of two from %u to %u is needed", frames, SMALLEST_BLOCK,
                        LARGEST_BLOCK);
    uint32_t *chosen = calloc(session->num_deliverables ? session->num_deliverables : 1, sizeof *chosen);
    if (!chosen)
        return MXD_ERROR_MEMORY;
    mxd_result result = choose_deliverables(session, options, problems, chosen, &num_chosen);
    if (result == MXD_OK) {
        device = choose_backend(plan, options, &drivers);
        result = mxd_graph_create(session, chosen, num_chosen, choose_folding(plan, options), options->stems, problems,
                                  &plan->graph);
    }
    free(chosen);
    if (result == MXD_OK && plan->num_devices > 1 && plan->graph->num_hosted > 0)
        result = mxd_fail(problems, MXD_ERROR_UNSUPPORTED, NULL,
                          "inserts that run on the host (lv2, pitch) are not built yet for several devices that share "
                          "the tracks: name one device");
    if (result == MXD_OK)
        result = fit_backend(plan, options, device);
    mxd_vulkan_drivers_release(drivers);
    if (result != MXD_OK)
        mxd_plan_destroy(plan);
    return result;
}

void mxd_plan_destroy(mxd_plan *plan)
{
    drop_backend(plan, false);
    mxd_graph_destroy(plan->graph);
    *plan = (mxd_plan){0};
}
