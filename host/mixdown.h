/*
 * mixdown: a GPU-accelerated offline mixing and spatial-audio renderer.
 * The one public header of libmixdown.
 *
 * Conventions, said once:
 * - Signals are planar float32, [channel][frame], full scale 1.0. A frame is
 *   one sample on every channel.
 * - Azimuth is in degrees, positive to the left (anticlockwise seen from
 *   above); elevation in degrees, positive upwards (ITU-R BS.2127 clause 5).
 * - Levels carry their unit in their name: _db, _lufs, _dbtp, _dbfs. A gain
 *   without a suffix is linear amplitude. -HUGE_VAL stands for silence.
 * - Layouts carry their ITU-R BS.2051 name and, where there is one, their
 *   common name: "4+7+0" is "7.1.4".
 *
 * Errors: every fallible function returns an mxd_result, and what went wrong,
 * where, and what to do is added to the mxd_problems that the caller gives, who
 * may give NULL. After an error what would have been returned by pointer is
 * NULL. Other arguments are not NULL unless it is said that they may be.
 * Threads: an object is used by one thread at a time, except for a session,
 * which several calls may read at once; different objects are independent of
 * each other.
 */
#ifndef MXD_MIXDOWN_H
#define MXD_MIXDOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* CMakeLists.txt takes the project's version from here. */
#define MXD_VERSION "0.1.0"

typedef enum mxd_result {
    MXD_OK = 0,
    MXD_ERROR_MEMORY,        /* host memory ran out */
    MXD_ERROR_ARGUMENT,      /* a caller's mistake: an index or size that cannot be */
    MXD_ERROR_INVALID,       /* the session (or a file that it names) is not valid */
    MXD_ERROR_FILE,          /* a file cannot be opened, read or understood */
    MXD_ERROR_WRITE,         /* a file cannot be written: folder, permission, full disk */
    MXD_ERROR_UNSUPPORTED,   /* known by name, but not built yet */
    MXD_ERROR_DEVICE,        /* no such device, or it was lost */
    MXD_ERROR_DEVICE_MEMORY, /* the device's memory ran out */
    MXD_ERROR_CANCELLED,     /* the caller's is_cancelled said so */
    MXD_ERROR_PLUGIN         /* a plug-in crashed, hung, ended its process, or wrote what is no number */
} mxd_result;

/* ---- Problems: what is wrong, and where -------------------------------- */

typedef enum mxd_severity { MXD_SEVERITY_WARNING, MXD_SEVERITY_ERROR } mxd_severity;

typedef struct mxd_problem {
    mxd_severity severity;
    const char *file;  /* the file that holds the mistake, or NULL */
    uint32_t line;     /* from 1; 0 = none */
    uint32_t column;   /* from 1, in bytes; 0 = none */
    const char *path;  /* JSON path such as /tracks/3/inserts/0/bands/1/q, or NULL */
    const char *text;  /* what is wrong and what to do: one line, no full stop needed */
} mxd_problem;

/*
 * A growing list of problems. Calls on several threads may add to one list;
 * it is read, by the functions below, while none of them runs.
 */
typedef struct mxd_problems mxd_problems;

/* Returns NULL when memory runs out. */
mxd_problems *mxd_problems_create(void);
/* Accepts NULL. */
void mxd_problems_destroy(mxd_problems *problems);
size_t mxd_problems_count(const mxd_problems *problems);
/* The index-th problem in order of adding; valid until another is added, its strings as long as the list. */
const mxd_problem *mxd_problems_get(const mxd_problems *problems, size_t index);
bool mxd_problems_have_errors(const mxd_problems *problems);

/* ---- Sessions ----------------------------------------------------------- */

typedef struct mxd_session mxd_session;

/*
 * Reads and checks a session file and everything that it names: audio files
 * are opened for their length, rate and channels, routing is followed, and all
 * problems are added at once. MXD_ERROR_INVALID if any is an error; *session
 * is then NULL. Free with mxd_session_destroy.
 */
mxd_result mxd_session_load(const char *path, mxd_problems *problems, mxd_session **session);
/* Accepts NULL. */
void mxd_session_destroy(mxd_session *session);

/* ---- Rendering ---------------------------------------------------------- */

typedef enum mxd_backend_kind {
    MXD_BACKEND_AUTO,     /* a real GPU if there is one, else cpu */
    MXD_BACKEND_VULKAN,
    MXD_BACKEND_CPU,
    MXD_BACKEND_REFERENCE /* the CPU's kernels in double precision */
} mxd_backend_kind;

typedef struct mxd_progress {
    double done_s;          /* seconds of the session rendered so far */
    double total_s;         /* seconds to be rendered */
    double elapsed_s;       /* wall clock since the start */
    double speed;           /* x real time, so far */
    double remaining_s;     /* wall clock still to go, estimated; < 0 = unknown */
} mxd_progress;

/* Zero means default throughout. */
typedef struct mxd_render_options {
    mxd_backend_kind backend;
    uint32_t device;            /* Vulkan device: mxd_device.index */
    bool device_given;          /* auto takes that device, even a software one */
    const uint32_t *devices;    /* 2 to 16 Vulkan devices that share the tracks, instead of device; one may be named twice */
    size_t num_devices;         /* 0, 1 = device alone */
    uint32_t num_threads;       /* 0 = all cores; decoding, computing and encoding overlap, but with 1 they take turns */
    uint64_t memory_bytes;      /* bound on lane, state and staging memory; 0 = half of the machine's */
    uint32_t block_frames;      /* power of two in 2^10..2^20; 0 = from the memory bound */
    const char *output_dir;     /* put output files here instead of beside the session; NULL = no */
    double from_s;              /* first second rendered */
    double to_s;                /* end, in seconds; <= 0 = the session's end */
    const char *from_marker;    /* name of a marker of the session, instead of from_s; NULL = none */
    const char *to_marker;      /* likewise */
    const char *const *only;    /* deliverables to render: layout, file or its last part; NULL = all */
    size_t num_only;
    /* Write what each track and bus gives each deliverable too; the process's limit of open files is raised for it. */
    bool stems;
    const char *report;         /* .json file to write the report to (from the current folder), or NULL */
    /* Both are called on the caller's thread, between blocks; either may be NULL. */
    void (*on_progress)(void *user, const mxd_progress *progress);
    bool (*is_cancelled)(void *user); /* true ends the render with MXD_ERROR_CANCELLED */
    void *user;                 /* given to both */
} mxd_render_options;

typedef struct mxd_loudness {
    double integrated_lufs;     /* ITU-R BS.1770-5, gated; -HUGE_VAL where nothing passes the gate */
    double max_momentary_lufs;  /* 400 ms, EBU Tech 3341 */
    double max_short_term_lufs; /* 3 s */
    double range_lu;            /* EBU Tech 3342 */
    double true_peak_dbtp;      /* BS.1770-5 annex 2, 4 x oversampled, highest of all channels */
    double sample_peak_dbfs;
} mxd_loudness;

/* One track's or bus's part of a deliverable, before the deliverable's inserts: they sum to the mix. */
typedef struct mxd_stem_result {
    const char *name;           /* of the track or bus */
    const char *file;           /* as written: FOLDER/MIX.stems/NN NAME.EXTENSION beside FOLDER/MIX.EXTENSION */
    double sample_peak_dbfs;
    uint64_t num_clipped;       /* as the deliverable's */
    double first_clip_s;
} mxd_stem_result;

typedef struct mxd_deliverable_result {
    const char *file;           /* as written */
    const char *layout;         /* BS.2051 name */
    uint32_t num_channels;
    uint64_t num_frames;
    mxd_loudness loudness;
    uint64_t num_clipped;       /* samples clipped by an integer format */
    double first_clip_s;        /* time of the first of them from the file's start; < 0 = none */
    const mxd_stem_result *stems; /* tracks, then buses that go to no bus, in the session's order */
    size_t num_stems;           /* 0 unless they were asked for; their loudness is not measured */
} mxd_deliverable_result;

typedef struct mxd_render_result {
    const mxd_deliverable_result *deliverables;
    size_t num_deliverables;
    const char *backend;        /* "vulkan", "cpu", "reference" */
    const char *device;         /* what it ran on, in words */
    uint32_t block_frames;
    double rendered_s;          /* seconds of the session */
    double wall_s;
    double setup_s;             /* before the first block: responses, their spectra, memory, pipelines */
    double decode_s;            /* of each stage, by the clock; stages overlap. Reading and decoding files */
    double gains_s;             /* which lanes sound, panning, gain curves */
    double transfer_s;          /* into the backend's memory and out of it; on Vulkan by the device's clock */
    double compute_s;           /* kernels; on Vulkan by the device's clock */
    double encode_s;            /* measuring, converting, writing files */
} mxd_render_result;

/*
 * Renders the session's deliverables. Output files appear under their names
 * only when complete; on any failure none of them appears or changes.
 * *result may be NULL if not wanted; free with mxd_render_result_destroy.
 */
mxd_result mxd_render(const mxd_session *session, const mxd_render_options *options, mxd_problems *problems,
                      mxd_render_result **result);
/* Accepts NULL. */
void mxd_render_result_destroy(mxd_render_result *result);

/*
 * What a render would do: lanes, steps, lengths, tails, memory; text in plain
 * English, one fact a line. Free *text with free(). It may be there even after
 * an error, of a file that cannot be written for one.
 */
mxd_result mxd_describe(const mxd_session *session, const mxd_render_options *options, mxd_problems *problems,
                        char **text);

typedef struct mxd_null_difference {
    const char *file;       /* the deliverable */
    double peak_dbfs;       /* highest absolute difference of any sample */
    double rms_dbfs;        /* energy of the difference over all channels and frames */
    double first_over_s;    /* time of the first sample beyond limit_dbfs; < 0 = none */
} mxd_null_difference;

typedef struct mxd_null_result {
    const mxd_null_difference *differences;
    size_t num_differences;
    const char *sides[2];   /* what a and b ran on: "vulkan (its device, or all of them)" */
} mxd_null_result;

/*
 * Renders on two backends (or one backend with two block sizes) side by side,
 * writes no file, and tells the difference of each deliverable before dither,
 * not that of stems. Range and deliverables of a and b must be the same.
 */
mxd_result mxd_null_test(const mxd_session *session, const mxd_render_options *a, const mxd_render_options *b,
                         double limit_dbfs, mxd_problems *problems, mxd_null_result **result);
/* Accepts NULL. */
void mxd_null_result_destroy(mxd_null_result *result);

/* ---- Measuring ---------------------------------------------------------- */

typedef struct mxd_measure_result {
    const char *layout;         /* BS.2051 name; "0+1+0" is mono */
    uint32_t num_channels;
    uint32_t sample_rate;
    uint64_t num_frames;
    mxd_loudness loudness;
    const double *momentary_lufs;  /* one each 100 ms; entry i covers the 400 ms that end at (i + 1) * 0.1 s */
    const double *short_term_lufs; /* one each 100 ms; the 3 s that end there */
    size_t num_points;
} mxd_measure_result;

/*
 * Measures an audio file. layout NULL takes the file's channel mask or, where
 * there is none, the usual layout of that many channels. num_threads 0 = all.
 */
mxd_result mxd_measure_file(const char *path, const char *layout, uint32_t num_threads, mxd_problems *problems,
                            mxd_measure_result **result);
/* Accepts NULL. */
void mxd_measure_result_destroy(mxd_measure_result *result);

/* ---- Devices ------------------------------------------------------------ */

/* One fact about a device: "convolve" and which variant of that kernel it runs and why; "memory" and its heaps. */
typedef struct mxd_device_fact {
    const char *name;      /* a word */
    const char *text;      /* plain English, one line */
} mxd_device_fact;

typedef struct mxd_device {
    mxd_backend_kind backend;
    uint32_t index;        /* for mxd_render_options.device; 0 for the CPU */
    const char *name;      /* strings live as long as the list */
    const char *driver;    /* driver and its version */
    bool software;         /* a Vulkan device that is the CPU in disguise */
    bool usable;           /* it can render */
    const char *remark;    /* why it is not usable, or what limits it; "" = nothing */
    const mxd_device_fact *facts;
    size_t num_facts;
} mxd_device;

typedef struct mxd_devices {
    const mxd_device *devices;
    size_t num_devices;
} mxd_devices;

/* Lists the CPU first, then every Vulkan device. Free with mxd_devices_destroy. */
mxd_result mxd_devices_list(mxd_problems *problems, mxd_devices **devices);
/* Accepts NULL. */
void mxd_devices_destroy(mxd_devices *devices);

#ifdef __cplusplus
}
#endif

#endif
