/*
 * What a render runs on: lanes of memory, steps made once, blocks submitted one
 * after another. vulkan, cpu and reference each fill the table of functions at
 * the bottom; callers use the functions, which check every argument once, in
 * front of every backend (host/backend.c).
 *
 * - A lane is one mono signal: block_frames samples of backend memory, float32
 *   (double on `reference`). Lanes are numbered 0..num_lanes-1.
 * - A step runs one kernel over a batch of rows; a row is one unit of state: one
 *   lane of an equaliser, one convolver. All steps are made before the first
 *   block. State is kept in backend memory between blocks and starts at zero.
 * - A block is a span of frames that all lanes share. Every block has exactly
 *   block_frames frames, except the last one of a render, which may have fewer
 *   (nothing may be submitted after it).
 *
 * Within one block: uploads, then the runs in order (each sees what the ones
 * before it wrote), then downloads. A lane holds garbage until something in the
 * same block wrote it, and then keeps that until something writes it again, to
 * the end of the block.
 *
 * A block may be handed over in parts, each with uploads, runs and downloads of
 * its own: the block is over when a part does not say that there is more. Lanes
 * keep what they hold from part to part; a step runs in one of the parts at
 * most. Every part has a ticket and counts as one block in flight.
 *
 * Threads: one thread at a time for each backend.
 */
#ifndef MXD_BACKEND_H
#define MXD_BACKEND_H

#include "kernels/kernel.h"
#include "mixdown.h"
#include "problems.h"

typedef struct mxd_backend mxd_backend;

/* Most devices that one group may have. */
#define MXD_MAX_GROUP 16

typedef struct mxd_backend_params {
    uint32_t num_lanes;         /* >= 1 */
    uint32_t block_frames;      /* capacity of a lane: a power of two in 2^8..2^20 */
    uint32_t num_threads;       /* cpu, reference: 0 = all cores */
    uint32_t device;            /* vulkan: index as mxd_vulkan_devices lists them */
    const uint32_t *devices;    /* a group's, instead of device; read during the creation only */
    uint32_t num_devices;       /* vulkan: 2..MXD_MAX_GROUP make a group of them; 0, 1 = no group */
    uint32_t blocks_in_flight;  /* how many blocks may be submitted before the first is waited for: 1..4 */
} mxd_backend_params;

typedef struct mxd_backend_info {
    const char *kind;           /* "vulkan", "cpu", "reference" */
    char device[256];           /* what it runs on, in words */
    char driver[256];           /* driver and version, or compiler and SIMD width */
    bool software;              /* vulkan on a CPU; of a group: any of them */
    uint32_t upload_copies;     /* vulkan: in how many places of host and device a block's uploads are staged */
    uint32_t download_copies;   /* its downloads, likewise; of a group: most of any of them */
} mxd_backend_info;

/*
 * kind is not MXD_BACKEND_AUTO. MXD_ERROR_DEVICE, MXD_ERROR_DEVICE_MEMORY,
 * MXD_ERROR_MEMORY. Free with mxd_backend_destroy.
 */
mxd_result mxd_backend_create(mxd_backend_kind kind, const mxd_backend_params *params, mxd_problems *problems,
                              mxd_backend **backend);
/* The same with any backend's own function, such as an mxd_cpu_variant's: what mxd_backend_create calls. */
typedef mxd_result mxd_backend_creator(const mxd_backend_params *params, mxd_problems *problems,
                                       mxd_backend **backend);
mxd_result mxd_backend_create_with(mxd_backend_creator *creator, const mxd_backend_params *params,
                                   mxd_problems *problems, mxd_backend **backend);
/* Waits for what is under way. Accepts NULL. */
void mxd_backend_destroy(mxd_backend *backend);
const mxd_backend_info *mxd_backend_get_info(const mxd_backend *backend);

/* ---- Steps: made once ---------------------------------------------------- */

/*
 * One second-order state-variable section in delta form (shaders/eq.h has the
 * recursion): g = tan(pi f / rate), k = 1/Q, and the mix of its three outputs
 * (Simper, "Solving the continuous SVF equations using trapezoidal integration").
 */
typedef struct mxd_svf {
    double g;  /* > 0 */
    double k;  /* >= 0 */
    double m0, m1, m2;
} mxd_svf;

/* One lane through a cascade of sections, in place. */
typedef struct mxd_eq_row {
    uint32_t lane;
    const mxd_svf *sections; /* copied */
    uint32_t num_sections;   /* 1..MXD_EQ_MAX_SECTIONS */
} mxd_eq_row;

#define MXD_EQ_MAX_SECTIONS 128

/* Lanes of the rows differ. *step: its number for mxd_step_run. */
mxd_result mxd_backend_add_eq(mxd_backend *backend, const mxd_eq_row *rows, uint32_t num_rows, uint32_t *step);

/*
 * One path of a convolution matrix: output += gain * (response delayed by
 * delay_frames) * input. Responses are shared by pointer: cells with the same
 * response, num_frames and delay_frames use one set of spectra, whatever their
 * gains. The samples need live only during the call.
 */
typedef struct mxd_convolve_cell {
    uint32_t input;          /* index into the row's inputs */
    uint32_t output;         /* index into the row's outputs */
    const float *response;
    uint32_t num_frames;     /* >= 1; with delay_frames at most 2^26 */
    uint32_t delay_frames;
    double gain;
} mxd_convolve_cell;

/*
 * A matrix of responses: output lanes are overwritten; inputs and outputs are
 * distinct lanes. An output without a cell becomes silence. Latency: none.
 * The rows of a step run side by side: they may share inputs, but an output
 * lane is neither an input nor an output of another row.
 */
typedef struct mxd_convolve_row {
    const uint32_t *inputs;
    uint32_t num_inputs;
    const uint32_t *outputs;
    uint32_t num_outputs;
    const mxd_convolve_cell *cells;
    uint32_t num_cells;
} mxd_convolve_row;

mxd_result mxd_backend_add_convolve(mxd_backend *backend, const mxd_convolve_row *rows, uint32_t num_rows,
                                    uint32_t *step);

/*
 * A mix: each output lane is the sum of edges, each an input lane times a gain
 * that moves over time. Stateless; which edges there are is told with each run.
 * The capacities bound what one run may pass.
 */
typedef struct mxd_mix_limits {
    uint32_t max_outputs;
    uint32_t max_edges;
    uint32_t max_points;
} mxd_mix_limits;

mxd_result mxd_backend_add_mix(mxd_backend *backend, const mxd_mix_limits *limits, uint32_t *step);

/* Most inputs, and most outputs, of one row: the 64 channels of the widest strip, and a key. */
#define MXD_MAX_ROW_LANES 65

/*
 * One row of a kernel of kernels/kernel.h. Inputs are distinct lanes, and so are
 * outputs, which are overwritten. An output may be an input of the same row only
 * where the kernel works in place, and of no other row of the step.
 */
typedef struct mxd_kernel_row {
    const uint32_t *inputs;
    uint32_t num_inputs;     /* 0..MXD_MAX_ROW_LANES */
    const uint32_t *outputs;
    uint32_t num_outputs;    /* 1..MXD_MAX_ROW_LANES */
    const uint32_t *settings; /* as many as the kernel says; copied, as all of these arrays */
    const double *values;    /* likewise; NULL = they come with each run */
} mxd_kernel_row;

mxd_result mxd_backend_add_rows(mxd_backend *backend, mxd_kernel_id kernel, const mxd_kernel_row *rows,
                                uint32_t num_rows, uint32_t *step);

/*
 * To be called once after the last step, before the first block: allocates and
 * fills what the steps need on the device.
 */
mxd_result mxd_backend_prepare(mxd_backend *backend);

/* Bytes that lanes, state, spectra and staging take, all together. */
uint64_t mxd_backend_memory(const mxd_backend *backend);

/* ---- Blocks -------------------------------------------------------------- */

/*
 * A point of a gain curve. Between two points the gain is linear in frames;
 * after the last it is constant. Two points may share a frame: the later one
 * holds from that frame on (a jump).
 */
typedef struct mxd_gain_point {
    uint32_t frame; /* within the block; the first point of a curve has 0; not beyond num_frames */
    double gain;
} mxd_gain_point;

typedef struct mxd_mix_edge {
    uint32_t input_lane;
    uint32_t first_point; /* index into points */
    uint32_t num_points;  /* >= 1 */
} mxd_mix_edge;

typedef struct mxd_mix_output {
    uint32_t lane;
    uint32_t first_edge;  /* index into edges */
    uint32_t num_edges;   /* 0 = the lane becomes silence */
} mxd_mix_output;

/* Edges are summed in their order, each in one output. No output lane is an input lane of the same run. */
typedef struct mxd_mix_run {
    const mxd_mix_output *outputs;
    uint32_t num_outputs;
    const mxd_mix_edge *edges;
    uint32_t num_edges;
    const mxd_gain_point *points;
    uint32_t num_points;
} mxd_mix_run;

/* One step in one block, which (over all its parts) names it at most once. All but mixes: the rows that run, ascending; the others keep their state. */
typedef struct mxd_step_run {
    uint32_t step;
    const uint32_t *rows;
    const bool *restart;      /* one a row: forget its state first; NULL = none restarts */
    /*
     * convolve: one for every input of the rows that run, in their order; NULL = none rests. An input that rests is
     * silent in this block, whatever its lane holds, and its past is forgotten: it costs nothing.
     */
    const bool *rests;
    /*
     * rows of a kernel of kernels/kernel.h: one for every row that runs: where its values move, its points of this
     * block, [mxd_value_points(num_frames)][num_values]; else NULL. NULL = none moves.
     */
    const double *const *values;
    uint32_t num_rows;
    const mxd_mix_run *mix;   /* for a mix; NULL for others */
} mxd_step_run;

typedef enum mxd_sample_format {
    MXD_SAMPLES_F32, /* the others as in a WAV file: little-endian, full scale is 2^(bits - 1) */
    MXD_SAMPLES_S16,
    MXD_SAMPLES_S24, /* three bytes a sample */
    MXD_SAMPLES_S32,
} mxd_sample_format;

/* Bytes of one sample. */
static inline uint32_t mxd_sample_bytes(mxd_sample_format format)
{
    return format == MXD_SAMPLES_S16 ? 2 : format == MXD_SAMPLES_S24 ? 3 : 4;
}

/*
 * A lane filled from one channel of interleaved frames, as files hold them; they
 * travel packed and are unpacked where the lanes are. Uploads that name the same
 * frames move them once.
 */
typedef struct mxd_upload {
    uint32_t lane;
    const void *frames;       /* num_frames * num_channels samples, at any address; NULL = silence */
    mxd_sample_format format;
    uint32_t num_channels;    /* interleaved: >= 1 */
    uint32_t channel;         /* which of them */
    double gain;              /* the lane's samples are the unpacked ones times this */
} mxd_upload;

typedef struct mxd_download {
    uint32_t lane;
    float *frames;            /* room for num_frames samples */
} mxd_download;

typedef struct mxd_block {
    uint32_t num_frames;      /* 1..block_frames */
    const mxd_upload *uploads;
    uint32_t num_uploads;
    const mxd_step_run *runs;
    uint32_t num_runs;
    const mxd_download *downloads;
    uint32_t num_downloads;
    bool more;                /* the block goes on with the next one submitted, which has the same num_frames */
} mxd_block;

/*
 * Starts a block. The block's arrays are read during the call, except the
 * samples behind uploads and downloads, which must stay until the wait. *ticket
 * numbers the block. At most blocks_in_flight blocks may be unwaited for.
 * MXD_ERROR_DEVICE if the device was lost: the backend can then only be destroyed.
 */
mxd_result mxd_backend_submit(mxd_backend *backend, const mxd_block *block, uint64_t *ticket);

/* Returns when that block is done and its downloads are filled. Tickets are waited for in order. */
mxd_result mxd_backend_wait(mxd_backend *backend, uint64_t ticket);

/* ---- Times --------------------------------------------------------------- */

typedef struct mxd_backend_timing {
    const char *kernel;   /* "eq", "convolve", "mix", those of kernels/kernel.h, "upload", "unpack" (vulkan only), "download"; "sum" of a group, on the host */
    double wall_s;        /* cpu: wall clock; vulkan: 0 */
    double device_s;      /* vulkan: GPU timestamps; cpu: 0 */
    uint64_t lane_frames; /* frames times rows (mix: edges) */
    uint64_t min_bytes;   /* the least that had to be moved, and the operations that had to be done, for what ran: */
    uint64_t flops;       /* how each kernel is counted stands in kernel_costs.h */
} mxd_backend_timing;

/* More than any backend has. */
#define MXD_MAX_TIMINGS 64

/* Sums since creation. Writes at most capacity entries, returns how many there are. */
uint32_t mxd_backend_timings(const mxd_backend *backend, mxd_backend_timing *timings, uint32_t capacity);

/* ---- For backends -------------------------------------------------------- */

/* Every function may assume checked arguments. Each backend's struct begins with an mxd_backend. */
typedef struct mxd_backend_functions {
    void (*destroy)(mxd_backend *backend);
    mxd_result (*add_eq)(mxd_backend *backend, const mxd_eq_row *rows, uint32_t num_rows, uint32_t *step);
    mxd_result (*add_convolve)(mxd_backend *backend, const mxd_convolve_row *rows, uint32_t num_rows, uint32_t *step);
    mxd_result (*add_mix)(mxd_backend *backend, const mxd_mix_limits *limits, uint32_t *step);
    mxd_result (*add_rows)(mxd_backend *backend, mxd_kernel_id kernel, const mxd_kernel_row *rows, uint32_t num_rows,
                           uint32_t *step);
    mxd_result (*prepare)(mxd_backend *backend);
    uint64_t (*memory)(const mxd_backend *backend);
    mxd_result (*submit)(mxd_backend *backend, const mxd_block *block, uint64_t *ticket);
    mxd_result (*wait)(mxd_backend *backend, uint64_t ticket);
    uint32_t (*timings)(const mxd_backend *backend, mxd_backend_timing *timings, uint32_t capacity);
} mxd_backend_functions;

struct mxd_backend {
    const mxd_backend_functions *functions;
    mxd_backend_params params;
    mxd_backend_info info;
    mxd_problems *problems;           /* the caller's; may be NULL */
    struct mxd_backend_checks *checks; /* backend.c's own book-keeping */
};

mxd_result mxd_backend_cpu_create(const mxd_backend_params *params, mxd_problems *problems, mxd_backend **backend);
mxd_result mxd_backend_reference_create(const mxd_backend_params *params, mxd_problems *problems,
                                        mxd_backend **backend);
mxd_result mxd_backend_vulkan_create(const mxd_backend_params *params, mxd_problems *problems, mxd_backend **backend);

/*
 * Several backends as one (host/group/backend.c): params->num_devices >= 1 of
 * them, each made by `member` with one of params->devices (NULL: all with
 * params->device) and num_threads threads. Rows live on one member or another,
 * lanes that members sum in part are added on the host in the members' order.
 * Blocks come whole, not in parts.
 */
mxd_result mxd_backend_group_create(mxd_backend_creator *member, const mxd_backend_params *params,
                                    mxd_problems *problems, mxd_backend **backend);

/* One Vulkan device as mxd_devices_list shows it; host/vulkan/devices.c. */
typedef struct mxd_vulkan_device {
    char name[256];
    char driver[256];
    bool software;
    bool discrete;            /* a card of its own, with memory of its own */
    bool usable;
    char remark[256];
    uint64_t max_lane_bytes;  /* largest num_lanes * block_frames * 4 that the device can bind */
    uint64_t memory_bytes;    /* of its largest device-local heap */
} mxd_vulkan_device;

/* What is known of a device beyond that: kernels' variants, limits, queues, memory, cache. */
typedef struct mxd_vulkan_fact {
    const char *name; /* a word, static */
    char text[320];   /* one line */
} mxd_vulkan_fact;

#define MXD_VULKAN_NUM_FACTS 8

typedef struct mxd_vulkan_facts {
    mxd_vulkan_fact facts[MXD_VULKAN_NUM_FACTS];
    uint32_t num_facts;
} mxd_vulkan_facts;

/* Writes at most capacity devices, returns how many there are; 0 also where there is no Vulkan at all. */
uint32_t mxd_vulkan_devices(mxd_vulkan_device *devices, uint32_t capacity);
/* The same with the facts of those that are usable (of others num_facts is 0). */
uint32_t mxd_vulkan_devices_in_full(mxd_vulkan_device *devices, mxd_vulkan_facts *facts, uint32_t capacity);

/*
 * Whether a GPU may be there (on Linux: device nodes, or drivers named in the environment), without a look at Vulkan.
 * root: "", or for tests a folder that stands for the root of the file system.
 */
bool mxd_gpu_is_possible(const char *root);

/* Vulkan's drivers, held in memory from one call to the next. */
typedef struct mxd_vulkan_drivers mxd_vulkan_drivers;

/*
 * The device that `auto` takes: a discrete GPU if there is one, else any usable one that is no software; UINT32_MAX
 * where there is none. Where there is one, *drivers holds its driver until it is released, so that the backend that is
 * made next need not load it again; else it is NULL.
 */
uint32_t mxd_vulkan_find_gpu(mxd_vulkan_drivers **drivers);
/* Accepts NULL. */
void mxd_vulkan_drivers_release(mxd_vulkan_drivers *drivers);

#endif
