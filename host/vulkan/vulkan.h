/*
 * What the files of this folder share: the device with its limits and queues
 * (instance.c, devices.c, facts.c, queues.c), memory (memory.c), pipelines
 * (pipelines.c, variants.c), and the backend with its steps and blocks
 * (backend.c, blocks.c, uploads.c; eq.c, convolve.c, mix.c, rows.c).
 *
 * All functions that return mxd_result add the problem that they failed of.
 */
#ifndef MXD_VULKAN_H
#define MXD_VULKAN_H

#include "../backend.h"
#include "../threads.h"

#include <pthread.h>
#include <vulkan/vulkan.h>

/* ---- Instance ------------------------------------------------------------ */

/*
 * Validation is on when the Khronos layer is named in VK_INSTANCE_LAYERS or
 * MXD_VULKAN_VALIDATION=1 is set. Its error messages then make the next
 * prepare, submit or wait fail, so that no test passes over one.
 */
typedef struct mxd_vulkan_validation {
    VkDebugUtilsMessengerEXT messenger;
    pthread_mutex_t mutex;
    bool mutex_ready;
    uint32_t num_errors;
    char first_error[2048];
} mxd_vulkan_validation;

typedef struct mxd_vulkan_instance {
    VkInstance instance;
    mxd_vulkan_validation validation;
} mxd_vulkan_instance;

/* VK_ERROR_INCOMPATIBLE_DRIVER where there is no Vulkan 1.2. The struct must stay where it is until finish. */
VkResult mxd_vulkan_instance_init(mxd_vulkan_instance *instance);
void mxd_vulkan_instance_finish(mxd_vulkan_instance *instance);
/* MXD_ERROR_DEVICE with the first validation error since the last call, if there was one. */
mxd_result mxd_vulkan_instance_check(mxd_vulkan_instance *instance, mxd_problems *problems);

/* ---- Device -------------------------------------------------------------- */

/*
 * The device's limits, lowered for tests by MXD_VULKAN_LIMITS, as in
 * "shared=16384,workgroup=128,range=1048576,memory=1000000,work=100000,wait=1000,
 * subgroup=0,partition=1024".
 */
typedef struct mxd_vulkan_limits {
    uint32_t shared_bytes;
    uint32_t workgroup;     /* invocations */
    uint64_t range_bytes;   /* largest range of a storage buffer, and largest single allocation */
    uint64_t memory_bytes;  /* of the largest device-local heap */
    uint32_t subgroup;      /* invocations of a subgroup where they are always full and shuffle; 0: they are not */
    uint32_t max_subgroups; /* of a workgroup */
    uint32_t partition;     /* longest of the convolver's, in frames; may be raised, too, to 8192 */
    uint64_t work;          /* most work of one dispatch, in the units of each kernel */
    uint64_t wait_ms;       /* a block that takes longer counts as hung */
    uint64_t atom_bytes;    /* nonCoherentAtomSize */
    double timestamp_ns;    /* of one tick; 0 = the compute queue has no timestamps */
} mxd_vulkan_limits;

/*
 * Three queues, so that blocks overlap: while one is computed, the next is
 * uploaded and the one before is downloaded. A family that only transfers is a
 * copy engine of its own, which a copy on the compute queue would not use.
 * Uploads go to its first queue, downloads to its second; where there is no such
 * family, or no second queue in it, they go to the compute queue: behind each
 * other on one queue, a download that waits for its block's kernels would hold up
 * the next block's upload. Buffers that two families use are shared concurrently:
 * buffers, unlike images, have no layout or compression that depends on the
 * queue, so that neither NVIDIA's nor AMD's drivers do anything at a transfer of
 * ownership, and it would cost two barriers and their order in every block.
 *
 * MXD_VULKAN_QUEUES=one: everything on the compute queue. MXD_VULKAN_QUEUES=split,
 * for tests: separate submissions with semaphores between them, on the compute
 * queue where there is no other.
 */
typedef enum mxd_vulkan_queue_role {
    MXD_VULKAN_COMPUTE,
    MXD_VULKAN_TO_DEVICE,
    MXD_VULKAN_FROM_DEVICE,
    MXD_VULKAN_NUM_QUEUES
} mxd_vulkan_queue_role;

typedef struct mxd_vulkan_queue {
    VkQueue queue;
    uint32_t family;
    uint32_t index;               /* in its family */
    bool split;                   /* has command buffers of its own; else they are part of compute's */
    VkPipelineStageFlags stages;  /* in which its commands work */
    VkAccessFlags writes;         /* in these stages */
    uint64_t timestamp_mask;      /* 0 = no timestamps */
    VkSemaphore timeline;         /* reaches a block's ticket when its commands on this queue are done */
} mxd_vulkan_queue;

/* An instance and a device made from it. */
typedef struct mxd_vulkan_device_context {
    mxd_vulkan_instance instance;
    mxd_problems *problems;
    VkPhysicalDevice physical;
    VkDevice device;
    VkQueue queue;             /* that computes */
    uint32_t queue_family;
    mxd_vulkan_queue queues[MXD_VULKAN_NUM_QUEUES];
    mxd_vulkan_limits limits;
    VkPhysicalDeviceMemoryProperties memory;
    bool direct;               /* the host writes into the device's memory; never with MXD_VULKAN_STAGING=copy */
    bool avoid_coherent;       /* MXD_VULKAN_STAGING=noncoherent; both: copy,noncoherent */
    bool hung;                 /* a wait took longer than limits.wait_ms */
    bool poison;               /* MXD_VULKAN_POISON=1: new memory is filled with NaN, for tests */
    uint64_t device_bytes;     /* allocated device-local */
    uint64_t total_bytes;      /* allocated, staging too */
    VkCommandPool pool;        /* for transfers outside blocks */
    struct mxd_vulkan_transfer *transfer;
    struct mxd_vulkan_pipeline_cache *pipeline_cache; /* NULL: none is kept */
} mxd_vulkan_device_context;

mxd_result mxd_vulkan_device_init(mxd_vulkan_device_context *context, uint32_t index, mxd_backend_info *info,
                                  mxd_problems *problems);
/* The device must be idle. */
void mxd_vulkan_device_finish(mxd_vulkan_device_context *context);

/* Translates a failure; what: the thing that was being done, as in "<what> failed". */
mxd_result mxd_vulkan_fail(mxd_vulkan_device_context *context, VkResult result, const char *what);

/* ---- Queues -------------------------------------------------------------- */

/* Whether a family is a copy engine; families for video can transfer too, but are none. */
bool mxd_vulkan_only_transfers(const VkQueueFamilyProperties *family);
/* Fills context->queues as far as it goes without a device; compute goes to context->queue_family. */
void mxd_vulkan_queues_choose(mxd_vulkan_device_context *context);
/* What vkCreateDevice needs to know; returns how many of infos are used. */
uint32_t mxd_vulkan_queues_describe(const mxd_vulkan_device_context *context,
                                    VkDeviceQueueCreateInfo infos[MXD_VULKAN_NUM_QUEUES]);
/* Takes the queues from the new device. */
mxd_result mxd_vulkan_queues_init(mxd_vulkan_device_context *context);
void mxd_vulkan_queues_finish(mxd_vulkan_device_context *context);
/* Submits commands of a block, which signal their queue's timeline with its ticket, after another queue's. */
VkResult mxd_vulkan_queue_submit(mxd_vulkan_device_context *context, mxd_vulkan_queue_role role,
                                 VkCommandBuffer commands, uint64_t ticket, const mxd_vulkan_queue_role *after);
/* VK_TIMEOUT after limits.wait_ms, which also sets context->hung. */
VkResult mxd_vulkan_queue_wait(mxd_vulkan_device_context *context, mxd_vulkan_queue_role role, uint64_t ticket);
VkResult mxd_vulkan_fence_wait(mxd_vulkan_device_context *context, VkFence fence);

/* ---- Variants of kernels ------------------------------------------------- */

/* What was chosen and why, one line for `mixdown devices`. */
typedef struct mxd_vulkan_reason {
    char text[256];
} mxd_vulkan_reason;

typedef struct mxd_vulkan_eq_variant {
    const char *module;
    uint32_t workgroup;
    uint32_t subgroup; /* 0 = it needs none */
} mxd_vulkan_eq_variant;

typedef struct mxd_vulkan_convolve_variant {
    uint32_t log2_size; /* of a partition, in frames */
    bool split;         /* transforms exchange real and imaginary parts in turn */
    uint32_t multiply_workgroup;
} mxd_vulkan_convolve_variant;

typedef struct mxd_vulkan_mix_variant {
    uint32_t workgroup;
} mxd_vulkan_mix_variant;

/* reason may be NULL. */
mxd_vulkan_eq_variant mxd_vulkan_choose_eq(const mxd_vulkan_limits *limits, mxd_vulkan_reason *reason);
mxd_vulkan_convolve_variant mxd_vulkan_choose_convolve(const mxd_vulkan_limits *limits, uint32_t block_frames,
                                                       mxd_vulkan_reason *reason);
mxd_vulkan_mix_variant mxd_vulkan_choose_mix(const mxd_vulkan_limits *limits, mxd_vulkan_reason *reason);

/* facts.c; queue_family: the one that is used. */
void mxd_vulkan_find_facts(VkPhysicalDevice physical, const mxd_vulkan_limits *limits, int queue_family,
                           mxd_vulkan_facts *facts);

/* ---- Memory -------------------------------------------------------------- */

typedef enum mxd_vulkan_place {
    MXD_VULKAN_ON_DEVICE,
    MXD_VULKAN_EXCHANGE, /* on the device, for several queues */
    MXD_VULKAN_DIRECT,   /* on the device, written by the host, mapped; only where context->direct is set */
    MXD_VULKAN_UPLOAD,   /* written by the host, mapped */
    MXD_VULKAN_DOWNLOAD  /* read by the host, mapped, cached if possible */
} mxd_vulkan_place;

typedef struct mxd_vulkan_buffer {
    VkBuffer buffer;
    VkDeviceMemory memory;
    uint64_t bytes;           /* as asked for */
    uint64_t allocated_bytes;
    void *mapped;             /* NULL where the host sees nothing of it */
    bool coherent;
    bool on_device;
} mxd_vulkan_buffer;

/* what: for the problem. bytes 0 is taken as 16, so that a descriptor always has something to point at. */
mxd_result mxd_vulkan_buffer_init(mxd_vulkan_device_context *context, uint64_t bytes, mxd_vulkan_place place,
                                  const char *what, mxd_vulkan_buffer *buffer);
/* Bytes of the largest device-local heap. */
uint64_t mxd_vulkan_largest_heap(const VkPhysicalDeviceMemoryProperties *memory);
/* *index: the best of the allowed types (a bit each) for the place; false where none will do. */
bool mxd_vulkan_memory_type(const VkPhysicalDeviceMemoryProperties *memory, uint32_t allowed, mxd_vulkan_place place,
                            bool avoid_coherent, uint32_t *index);
/* Whether the host can write into all of the device's memory, as on one chip or through a resizable BAR. */
bool mxd_vulkan_memory_is_direct(const VkPhysicalDeviceMemoryProperties *memory);
/* Accepts a zeroed buffer; leaves one. */
void mxd_vulkan_buffer_finish(mxd_vulkan_device_context *context, mxd_vulkan_buffer *buffer);
/* After the host wrote bytes at the start. */
mxd_result mxd_vulkan_buffer_flush(mxd_vulkan_device_context *context, const mxd_vulkan_buffer *buffer, uint64_t bytes);
/* Before the host reads bytes at the start. */
mxd_result mxd_vulkan_buffer_invalidate(mxd_vulkan_device_context *context, const mxd_vulkan_buffer *buffer,
                                        uint64_t bytes);
/* Copies to the device and waits; outside blocks only. bytes and offset: multiples of 4. */
mxd_result mxd_vulkan_buffer_write(mxd_vulkan_device_context *context, mxd_vulkan_buffer *buffer, uint64_t offset,
                                   const void *data, uint64_t bytes);
/* Frees what buffer_write keeps between calls. */
void mxd_vulkan_transfer_finish(mxd_vulkan_device_context *context);
/* Whether a copy of buffer_write's that was waited for in vain is still under way. */
bool mxd_vulkan_transfer_hangs(const mxd_vulkan_device_context *context);

/* ---- Pipelines ----------------------------------------------------------- */

/* One SPIR-V module as embedded by cmake/embed_spirv.c. */
typedef struct mxd_spirv_module {
    const char *name;
    const uint32_t *words;
    size_t num_words;
} mxd_spirv_module;

extern const mxd_spirv_module mxd_spirv_modules[];
extern const size_t mxd_spirv_num_modules;

#define MXD_VULKAN_MAX_BINDINGS 10

/* What a pipeline is made of. Storage buffers at bindings 0..num_bindings-1. */
typedef struct mxd_vulkan_pipeline_params {
    const char *module;
    uint32_t num_bindings;
    uint32_t push_bytes;
    uint32_t workgroup;     /* 0: the module has a fixed size */
    uint32_t subgroup;      /* invocations of its subgroups, all of them full; 0: whatever the device likes */
} mxd_vulkan_pipeline_params;

typedef struct mxd_vulkan_pipeline {
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout layout;
    VkPipeline pipeline;
    uint32_t num_bindings;
    uint32_t push_bytes;
    struct mxd_vulkan_pipeline_build *build; /* from start to wait */
} mxd_vulkan_pipeline;

/*
 * Starts to compile, on a thread of its own: drivers take 20 to 200 ms a kernel. The layouts are there at once, so
 * that descriptor sets can be made; nothing else until mxd_vulkan_pipeline_wait. *pipeline must stay where it is. A
 * pipeline that was started before is left as it is.
 */
mxd_result mxd_vulkan_pipeline_start(mxd_vulkan_device_context *context, const mxd_vulkan_pipeline_params *params,
                                     mxd_vulkan_pipeline *pipeline);
/* Waits for the compiler; may be called again. */
mxd_result mxd_vulkan_pipeline_wait(mxd_vulkan_device_context *context, mxd_vulkan_pipeline *pipeline);
/* Waits, too. Accepts a zeroed pipeline; leaves one. */
void mxd_vulkan_pipeline_finish(mxd_vulkan_device_context *context, mxd_vulkan_pipeline *pipeline);

/*
 * Compiled pipelines of earlier runs on this device, from the user's cache folder (host/cache.h); of another device,
 * driver or set of kernels none are taken. Never fails: what is not cached is compiled.
 */
void mxd_vulkan_pipeline_cache_init(mxd_vulkan_device_context *context);
/* Stores what was compiled since. No pipeline is being compiled. */
void mxd_vulkan_pipeline_cache_finish(mxd_vulkan_device_context *context);
/* How many bytes lie in the cache for this device, 0 = none. */
size_t mxd_vulkan_pipeline_cache_bytes(VkPhysicalDevice physical);

/* One descriptor set of a pool of its own. */
typedef struct mxd_vulkan_set {
    VkDescriptorPool pool;
    VkDescriptorSet set;
} mxd_vulkan_set;

mxd_result mxd_vulkan_set_init(mxd_vulkan_device_context *context, const mxd_vulkan_pipeline *pipeline,
                               mxd_vulkan_set *set);
void mxd_vulkan_set_finish(mxd_vulkan_device_context *context, mxd_vulkan_set *set);
/* Points the bindings at whole buffers; no block that uses the set may be under way. */
void mxd_vulkan_set_write(mxd_vulkan_device_context *context, const mxd_vulkan_set *set,
                          const mxd_vulkan_buffer *const *buffers, uint32_t num_buffers);

/* ---- The backend --------------------------------------------------------- */

#define MXD_VULKAN_MAX_SLOTS 4 /* blocks in flight */

typedef enum mxd_vulkan_kernel {
    MXD_VULKAN_KERNEL_EQ,
    MXD_VULKAN_KERNEL_CONVOLVE,
    MXD_VULKAN_KERNEL_MIX,
    MXD_VULKAN_KERNEL_UPLOAD,
    MXD_VULKAN_KERNEL_UNPACK,
    MXD_VULKAN_KERNEL_DOWNLOAD,
    MXD_VULKAN_KERNEL_ROWS, /* the first of those of host/kernels, in their order */
    MXD_VULKAN_NUM_KERNELS = MXD_VULKAN_KERNEL_ROWS + MXD_NUM_KERNELS
} mxd_vulkan_kernel;

typedef struct mxd_vulkan_backend mxd_vulkan_backend;
typedef struct mxd_vulkan_step mxd_vulkan_step;
typedef struct mxd_vulkan_recording mxd_vulkan_recording;

typedef struct mxd_vulkan_step_functions {
    mxd_vulkan_kernel kernel;
    void (*destroy)(mxd_vulkan_backend *backend, mxd_vulkan_step *step);
    mxd_result (*prepare)(mxd_vulkan_backend *backend, mxd_vulkan_step *step);
    /* Writes the descriptor sets, once backend->params is there too. */
    void (*bind)(mxd_vulkan_backend *backend, mxd_vulkan_step *step);
    /* Most bytes that record takes by mxd_vulkan_params; run NULL: of any run. */
    uint64_t (*params_bytes)(const mxd_vulkan_step *step, const mxd_step_run *run);
    /* Records the dispatches, with barriers between them but not around them, and moves the host's state on. */
    void (*record)(mxd_vulkan_backend *backend, mxd_vulkan_step *step, mxd_vulkan_recording *recording,
                   const mxd_step_run *run);
} mxd_vulkan_step_functions;

/* Each kernel's step begins with one. */
struct mxd_vulkan_step {
    const mxd_vulkan_step_functions *functions;
};

/* Written by the host for one block, and read by the device: in place where context->direct, else from a copy. */
typedef struct mxd_vulkan_staged {
    mxd_vulkan_buffer host;
    mxd_vulkan_buffer copy;
    uint64_t used;               /* bytes of this block */
} mxd_vulkan_staged;

/* A block's samples lie on pages, each no larger than what the device binds at once: nearly always one. */
#define MXD_VULKAN_MAX_PAGES 16

/* Consecutive frames of one span on a page. */
typedef struct mxd_vulkan_piece {
    const uint8_t *from;
    uint64_t bytes;
    uint32_t page;
    uint64_t offset;
} mxd_vulkan_piece;

/* What a block's uploads become (uploads.c). */
typedef struct mxd_vulkan_uploads {
    const mxd_upload **order;    /* those of the same frames side by side */
    mxd_vulkan_piece *pieces;
    uint32_t num_pieces;
    uint32_t piece_capacity;
    struct mxd_unpack_item_data *items;
    uint32_t num_items;
    uint32_t item_capacity;
    uint32_t first_item[MXD_VULKAN_MAX_PAGES + 1]; /* of each page; the last page also has the silent ones */
    uint64_t page_bytes[MXD_VULKAN_MAX_PAGES];
    uint32_t num_pages;
} mxd_vulkan_uploads;

/* One block that may be under way. */
typedef struct mxd_vulkan_slot {
    VkCommandPool pools[MXD_VULKAN_NUM_QUEUES]; /* of queues with command buffers of their own */
    VkCommandBuffer commands[MXD_VULKAN_NUM_QUEUES];
    VkQueryPool queries;
    uint32_t query_capacity;
    mxd_vulkan_uploads uploads;
    mxd_vulkan_staged head;      /* the steps' parameters, then the items of unpack */
    mxd_vulkan_staged pages[MXD_VULKAN_MAX_PAGES];
    mxd_vulkan_set sets[MXD_VULKAN_MAX_PAGES]; /* of unpack */
    mxd_vulkan_buffer results;   /* copies of lanes, where another queue downloads */
    mxd_vulkan_buffer download;
    /* What wait needs of the block. */
    uint64_t ticket;             /* 0 = none yet */
    mxd_vulkan_queue_role last;  /* the queue that ends it */
    bool was_uploaded;           /* on a queue of its own */
    uint32_t num_frames;
    mxd_download *downloads;
    uint32_t num_downloads;
    uint32_t download_capacity;
    mxd_vulkan_kernel *phases;   /* what lies between query i and query i + 1 of the compute queue */
    uint32_t num_phases;
} mxd_vulkan_slot;

struct mxd_vulkan_recording {
    VkCommandBuffer commands;
    uint32_t num_frames;
    uint8_t *params;             /* mapped */
    uint64_t params_used;
};

struct mxd_vulkan_backend {
    mxd_backend base;
    mxd_vulkan_device_context context;
    mxd_vulkan_buffer lanes;
    mxd_vulkan_buffer params;    /* what steps are told with each block */
    uint64_t next_ticket;
    mxd_vulkan_slot slots[MXD_VULKAN_MAX_SLOTS];
    mxd_vulkan_step **steps;
    uint32_t num_steps;
    uint32_t step_capacity;
    mxd_vulkan_pipeline eq;
    mxd_vulkan_pipeline mix;
    mxd_vulkan_pipeline unpack;
    mxd_vulkan_pipeline rows[MXD_NUM_KERNELS];
    mxd_threads *copiers;        /* to and from staging: one thread does not fill the bus */
    uint64_t head_bytes;         /* largest of any block so far: all slots grow to it at once */
    uint64_t page_bytes[MXD_VULKAN_MAX_PAGES];
    struct mxd_vulkan_convolver *convolver; /* what all convolve steps share; NULL without one */
    double device_s[MXD_VULKAN_NUM_KERNELS];
    uint64_t lane_frames[MXD_VULKAN_NUM_KERNELS];
    bool lost;
};

/* uploads.c */
mxd_result mxd_vulkan_uploads_prepare(mxd_vulkan_backend *backend);
/*
 * Lays a block's uploads out, makes room for them and for params_bytes of
 * parameters in the slot, and copies the samples there. The slot is idle.
 */
mxd_result mxd_vulkan_uploads_stage(mxd_vulkan_backend *backend, mxd_vulkan_slot *slot, const mxd_block *block,
                                    uint64_t params_bytes);
/* Once the parameters are written, too. */
mxd_result mxd_vulkan_uploads_flush(mxd_vulkan_backend *backend, mxd_vulkan_slot *slot);
/* The copies to the device; nothing where context->direct. */
void mxd_vulkan_uploads_copy(mxd_vulkan_backend *backend, mxd_vulkan_slot *slot, VkCommandBuffer commands);
/* The dispatches that fill the lanes. */
void mxd_vulkan_uploads_unpack(mxd_vulkan_backend *backend, mxd_vulkan_slot *slot, VkCommandBuffer commands);
void mxd_vulkan_uploads_finish(mxd_vulkan_backend *backend, mxd_vulkan_slot *slot);
/* Runs copies of so many bytes in all, on several threads where that is worth it. */
void mxd_vulkan_share_copies(mxd_vulkan_backend *backend, uint64_t bytes, uint32_t count,
                             void (*copy)(void *user, uint32_t index, uint32_t thread), void *user);
/* Where the device reads it. */
const mxd_vulkan_buffer *mxd_vulkan_staged_buffer(const mxd_vulkan_staged *staged);
/* Lengthens a buffer to at least bytes, with some to spare; what was in it is lost. */
mxd_result mxd_vulkan_buffer_grow(mxd_vulkan_device_context *context, uint64_t bytes, mxd_vulkan_place place,
                                  const char *what, mxd_vulkan_buffer *buffer);

/* Appends the step, which then belongs to the backend. */
mxd_result mxd_vulkan_add_step(mxd_vulkan_backend *backend, mxd_vulkan_step *step, uint32_t *number);

/*
 * Room for bytes of parameters of this block: *offset is where the device sees
 * them in backend->params, a multiple of 32 (the largest element).
 */
void *mxd_vulkan_params(mxd_vulkan_recording *recording, uint64_t bytes, uint64_t *offset);
#define MXD_VULKAN_PARAMS_ALIGNMENT 32u
uint64_t mxd_vulkan_align(uint64_t value, uint64_t alignment);
/* The kernel's own bound on the work of one dispatch, lowered by limits.work. */
uint64_t mxd_vulkan_work(const mxd_vulkan_backend *backend, uint64_t bound);

/* What dispatches wrote becomes visible to the dispatches that follow. */
void mxd_vulkan_compute_barrier(VkCommandBuffer commands);
void mxd_vulkan_dispatch(VkCommandBuffer commands, const mxd_vulkan_pipeline *pipeline, const mxd_vulkan_set *set,
                         const void *push, uint32_t x, uint32_t y, uint32_t z);

/* The standard's minimum of every dimension of a dispatch. */
#define MXD_VULKAN_MAX_GROUPS 65535u

mxd_result mxd_vulkan_add_eq(mxd_backend *backend, const mxd_eq_row *rows, uint32_t num_rows, uint32_t *step);
mxd_result mxd_vulkan_add_convolve(mxd_backend *backend, const mxd_convolve_row *rows, uint32_t num_rows,
                                   uint32_t *step);
mxd_result mxd_vulkan_add_mix(mxd_backend *backend, const mxd_mix_limits *limits, uint32_t *step);
mxd_result mxd_vulkan_add_rows(mxd_backend *backend, mxd_kernel_id kernel, const mxd_kernel_row *rows,
                               uint32_t num_rows, uint32_t *step);
void mxd_vulkan_convolver_destroy(mxd_vulkan_backend *backend);
mxd_result mxd_vulkan_prepare(mxd_backend *backend);
mxd_result mxd_vulkan_submit(mxd_backend *backend, const mxd_block *block, uint64_t *ticket);
mxd_result mxd_vulkan_wait(mxd_backend *backend, uint64_t ticket);

#endif
