/*
 * Times the kernel cases on every backend: warms up, then runs at least half a
 * second, and reports the kernel's own time (wall clock on a CPU, timestamps on
 * a GPU) with the transfers apart; the least bytes it had to move and operations
 * it had to do (host/kernel_costs.h) over that time; and these as shares of the
 * bandwidth that a plain copy reaches and, where it is told, of the arithmetic peak.
 *
 *     bench_kernels [--json FILE] [--only TEXT] [--seconds S] [--all] [--vulkan] [--peak-gflops N]
 *
 * --only: cases whose kernel or name contains TEXT. --all: every CPU variant,
 * not only the best. --vulkan: Vulkan devices alone; MXD_VULKAN=0 in the
 * environment leaves them out. --peak-gflops: float32 operations a second of the
 * device's data sheet, in units of 1e9.
 */
#include "commit.h"
#include "host/clock.h"
#include "host/cpu/variants.h"
#include "peak.h"
#include "tests/kernel_cases.h"
#include "tests/row_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATE 48000.0
#define SEED 1

typedef struct bench_options {
    const char *json;
    const char *only;
    double seconds;
    double peak_flops;   /* a second; 0 = not told */
    bool all;
    bool vulkan_only;
} bench_options;

typedef struct bench_target {
    char name[64];
    mxd_backend_creator *creator;
    uint32_t threads;
    uint32_t device;
    double copy_rate; /* bytes a second; 0 = unknown */
} bench_target;

/* A case of one table or the other, and its rig. */
typedef struct bench_case {
    const char *kernel;
    const char *name;
    uint32_t block_frames;
    const kernel_case *own;
    const row_case *rows;
} bench_case;

typedef struct bench_rig {
    kernel_rig *own;
    row_rig *rows;
} bench_rig;

typedef struct measurement {
    double prepare_s;  /* steps made, memory filled */
    double wall_s;     /* a block, submit to wait */
    double kernel_s;   /* a block, the kernel alone */
    double transfer_s; /* a block, uploads and downloads */
    double unpack_s;   /* a block, of the device's unpacking */
    double lane_frames; /* a block */
    double min_bytes;  /* a block, of the kernel */
    double flops;
    uint64_t memory;
    uint32_t num_blocks;
} measurement;

static double time_of(const mxd_backend_timing *timing)
{
    return timing->device_s > 0 ? timing->device_s : timing->wall_s;
}

static void add_timings(const mxd_backend *backend, const char *kernel, double sign, measurement *sum)
{
    mxd_backend_timing timings[MXD_MAX_TIMINGS];
    uint32_t count = mxd_backend_timings(backend, timings, MXD_MAX_TIMINGS);
    for (uint32_t i = 0; i < count && i < MXD_MAX_TIMINGS; i++) {
        if (strcmp(timings[i].kernel, kernel) == 0) {
            sum->kernel_s += sign * time_of(&timings[i]);
            sum->lane_frames += sign * (double)timings[i].lane_frames;
            sum->min_bytes += sign * (double)timings[i].min_bytes;
            sum->flops += sign * (double)timings[i].flops;
        } else if (strcmp(timings[i].kernel, "upload") == 0 || strcmp(timings[i].kernel, "download") == 0) {
            sum->transfer_s += sign * time_of(&timings[i]);
        } else if (strcmp(timings[i].kernel, "unpack") == 0) {
            sum->unpack_s += sign * time_of(&timings[i]);
        }
    }
}

static bool create_rig(const bench_case *test, const bench_target *target, mxd_problems *problems, bench_rig *rig)
{
    *rig = (bench_rig){0};
    if (test->own)
        rig->own = kernel_rig_create(test->own, SEED, target->creator, target->threads, target->device, problems);
    else
        rig->rows = row_rig_create(test->rows, SEED, test->block_frames, false, target->creator, target->threads,
                                   target->device, problems);
    return rig->own || rig->rows;
}

static void destroy_rig(bench_rig *rig)
{
    kernel_rig_destroy(rig->own);
    row_rig_destroy(rig->rows);
}

static mxd_backend *backend_of(const bench_rig *rig)
{
    return rig->own ? kernel_rig_backend(rig->own) : row_rig_backend(rig->rows);
}

static bool repeat(const bench_rig *rig)
{
    return (rig->own ? kernel_rig_repeat(rig->own) : row_rig_repeat(rig->rows)) == MXD_OK;
}

/* False, after a message, where the backend cannot run the case. */
static bool measure(const bench_case *test, const bench_target *target, double seconds, char *device, char *driver,
                    measurement *result)
{
    mxd_problems *problems = mxd_problems_create();
    *result = (measurement){0};
    double start_s = mxd_clock_s();
    bench_rig rig;
    bool good = create_rig(test, target, problems, &rig);
    result->prepare_s = mxd_clock_s() - start_s;
    for (int i = 0; good && i < 2; i++)
        good = repeat(&rig);
    if (good) {
        mxd_backend *backend = backend_of(&rig);
        snprintf(device, 256, "%s", mxd_backend_get_info(backend)->device);
        snprintf(driver, 256, "%s", mxd_backend_get_info(backend)->driver);
        result->memory = mxd_backend_memory(backend);
        add_timings(backend, test->kernel, -1, result);
        start_s = mxd_clock_s();
        do {
            good = repeat(&rig);
            result->num_blocks++;
            result->wall_s = mxd_clock_s() - start_s;
        } while (good && result->wall_s < seconds);
        add_timings(backend, test->kernel, 1, result);
        result->wall_s /= result->num_blocks;
        result->kernel_s /= result->num_blocks;
        result->transfer_s /= result->num_blocks;
        result->unpack_s /= result->num_blocks;
        result->min_bytes /= result->num_blocks;
        result->flops /= result->num_blocks;
        result->lane_frames /= result->num_blocks;
    }
    if (!good)
        printf("%-9s %-30s %-22s does not run: %s\n", test->kernel, test->name, target->name,
               problems && mxd_problems_count(problems) ? mxd_problems_get(problems, 0)->text : "memory ran out");
    destroy_rig(&rig);
    mxd_problems_destroy(problems);
    return good;
}

static uint32_t list_targets(const bench_options *options, bench_target *targets, uint32_t capacity)
{
    uint32_t count = 0;
    for (uint32_t i = 0; !options->vulkan_only && mxd_cpu_get(i) && count + 2 <= capacity; i++) {
        const mxd_cpu_variant *variant = mxd_cpu_get(i);
        if (!options->all && variant != mxd_cpu_best() && variant != mxd_cpu_reference())
            continue;
        targets[count] = (bench_target){.creator = variant->create_backend, .threads = 1};
        snprintf(targets[count++].name, sizeof targets->name, "%s, 1 thread", variant->name);
        targets[count] = (bench_target){.creator = variant->create_backend, .threads = 0};
        snprintf(targets[count++].name, sizeof targets->name, "%s, all threads", variant->name);
    }
    const char *vulkan = getenv("MXD_VULKAN");
    mxd_vulkan_device devices[8];
    uint32_t num_devices = vulkan && strcmp(vulkan, "0") == 0 ? 0 : mxd_vulkan_devices(devices, 8);
    for (uint32_t i = 0; i < num_devices && i < 8 && count < capacity; i++) {
        if (!devices[i].usable)
            continue;
        targets[count] = (bench_target){.creator = mxd_backend_vulkan_create, .device = i};
        snprintf(targets[count++].name, sizeof targets->name, "vulkan %u", i);
    }
    return count;
}

static void write_json(FILE *json, bool first, const bench_case *test, const bench_target *target, const char *device,
                       const char *driver, const measurement *m)
{
    if (!json)
        return;
    fprintf(json,
            "%s\n  {\"commit\": \"%s\", \"kernel\": \"%s\", \"case\": \"%s\", \"target\": \"%s\", \"device\": \"%s\", \"driver\": \"%s\", "
            "\"block_frames\": %u, \"num_blocks\": %u, \"prepare_s\": %.6g, \"wall_s\": %.6g, \"kernel_s\": %.6g, "
            "\"transfer_s\": %.6g, \"unpack_s\": %.6g, \"lane_frames\": %.0f, \"min_bytes\": %.0f, \"flops\": %.0f, "
            "\"copy_bytes_per_s\": %.6g, \"memory_bytes\": %llu}",
            first ? "" : ",", MXD_COMMIT, test->kernel, test->name, target->name, device, driver,
            test->block_frames, m->num_blocks, m->prepare_s, m->wall_s, m->kernel_s, m->transfer_s, m->unpack_s,
            m->lane_frames, m->min_bytes, m->flops, target->copy_rate, (unsigned long long)m->memory);
}

static void print_share(double rate, double peak)
{
    if (peak > 0)
        printf(" %6.1f", 100 * rate / peak);
    else
        printf(" %6s", "-");
}

static void print_row(const bench_options *options, const bench_case *test, const bench_target *target,
                      const measurement *m)
{
    printf("%-9s %-30s %-22s %10.3f %10.3f %9.3f %9.3f %11.4f %10.1f %8.2f", test->kernel, test->name,
           target->name, 1e3 * m->kernel_s, 1e3 * m->wall_s, 1e3 * m->transfer_s, 1e3 * m->unpack_s,
           1e9 * m->kernel_s / m->lane_frames, test->block_frames / RATE / m->kernel_s,
           1e-9 * m->min_bytes / m->kernel_s);
    print_share(m->min_bytes / m->kernel_s, target->copy_rate);
    printf(" %9.2f", 1e-9 * m->flops / m->kernel_s);
    print_share(m->flops / m->kernel_s, options->peak_flops);
    printf(" %9.1f\n", (double)m->memory / 1048576);
    fflush(stdout);
}

/* Those of the three kernels of backend.h, then those of host/kernels; false past the end. */
static bool get_case(size_t index, bench_case *test)
{
#define CASES(NUMBER, name) &row_cases_of_##name,
    static const row_cases *const tables[] = {MXD_KERNELS(CASES)};
#undef CASES
    if (index < num_kernel_bench_cases) {
        const kernel_case *own = &kernel_bench_cases[index];
        *test = (bench_case){kernel_name(own->kernel), own->name, own->block_frames, own, NULL};
        return true;
    }
    index -= num_kernel_bench_cases;
    for (uint32_t k = 0; k < MXD_NUM_KERNELS; index -= tables[k++]->num_bench) {
        if (index >= tables[k]->num_bench)
            continue;
        const row_case *rows = &tables[k]->bench[index];
        *test = (bench_case){mxd_kernel_get(rows->kernel)->name, rows->name, rows->block_frames, NULL, rows};
        return true;
    }
    return false;
}

static void run(const bench_options *options, const bench_target *targets, uint32_t num_targets, FILE *json)
{
    bool first = true;
    bench_case test;
    printf("%-9s %-30s %-22s %10s %10s %9s %9s %11s %10s %8s %6s %9s %6s %9s\n", "kernel", "case", "target",
           "kernel ms", "wall ms", "transf ms", "unpack ms", "ns/lane-frm", "x realtime", "GB/s", "% copy", "GFLOP/s",
           "% peak", "MiB");
    for (size_t i = 0; get_case(i, &test); i++) {
        if (options->only && !strstr(test.name, options->only) && strcmp(test.kernel, options->only) != 0)
            continue;
        for (uint32_t t = 0; t < num_targets; t++) {
            char device[256], driver[256];
            measurement m;
            if (!measure(&test, &targets[t], options->seconds, device, driver, &m))
                continue;
            print_row(options, &test, &targets[t], &m);
            write_json(json, first, &test, &targets[t], device, driver, &m);
            first = false;
        }
    }
}

/* And measures the peak of each target. */
static void print_devices(bench_target *targets, uint32_t num_targets)
{
    printf("commit %s\n", MXD_COMMIT);
    for (uint32_t i = 0; i < num_targets; i++) {
        const mxd_backend_params params = {.num_lanes = 1, .block_frames = 256, .num_threads = targets[i].threads,
                                           .device = targets[i].device, .blocks_in_flight = 1};
        mxd_backend *backend;
        if (mxd_backend_create_with(targets[i].creator, &params, NULL, &backend) != MXD_OK)
            continue;
        bool vulkan = targets[i].creator == mxd_backend_vulkan_create;
        targets[i].copy_rate = vulkan ? peak_of_vulkan(targets[i].device) : peak_of_cpu(targets[i].threads);
        const mxd_backend_info *info = mxd_backend_get_info(backend);
        printf("%-22s %s; %s; copies %.1f GB/s\n", targets[i].name, info->device, info->driver,
               1e-9 * targets[i].copy_rate);
        mxd_backend_destroy(backend);
    }
}

int main(int argc, char **argv)
{
    bench_options options = {.seconds = 0.5};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--all") == 0) {
            options.all = true;
        } else if (strcmp(argv[i], "--vulkan") == 0) {
            options.vulkan_only = true;
        } else if (strcmp(argv[i], "--peak-gflops") == 0 && i + 1 < argc) {
            options.peak_flops = 1e9 * atof(argv[++i]);
        } else if (strcmp(argv[i], "--json") == 0 && i + 1 < argc) {
            options.json = argv[++i];
        } else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
            options.only = argv[++i];
        } else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc) {
            options.seconds = atof(argv[++i]);
        } else {
            fprintf(stderr,
                    "usage: %s [--json FILE] [--only TEXT] [--seconds S] [--all] [--vulkan] [--peak-gflops N]\n",
                    argv[0]);
            return 2;
        }
    }
    FILE *json = NULL;
    if (options.json && !(json = fopen(options.json, "w"))) {
        fprintf(stderr, "%s cannot be written\n", options.json);
        return 1;
    }
    bench_target targets[16];
    uint32_t num_targets = list_targets(&options, targets, 16);
    print_devices(targets, num_targets);
    if (json)
        fprintf(json, "[");
    run(&options, targets, num_targets, json);
    if (json) {
        fprintf(json, "\n]\n");
        if (fclose(json) != 0) {
            fprintf(stderr, "%s cannot be written\n", options.json);
            return 1;
        }
    }
    return 0;
}
