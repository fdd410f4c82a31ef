/*
 * The mix as plain data: what a session file says, checked and resolved, before
 * any graph is built of it. Formats fill it (formats/session_json.c), the graph
 * reads it; nothing here knows of JSON, backends or threads.
 *
 * Units: times are kept in frames at the session's rate (seconds rounded to the
 * nearest frame), levels in dB as the user wrote them, gains computed on use.
 * -HUGE_VAL dB stands for silence (written as null in JSON).
 */
#ifndef MXD_SESSION_SESSION_H
#define MXD_SESSION_SESSION_H

#include "../problems.h"
#include "../scene/layout.h"

struct mxd_effect;

/* Where a thing stands in the session file, for messages. */
typedef struct mxd_origin {
    uint32_t line;
    uint32_t column;
    char *path; /* JSON path */
} mxd_origin;

typedef enum mxd_fade_curve {
    MXD_FADE_LINEAR,       /* x */
    MXD_FADE_EQUAL_POWER,  /* sin(pi x / 2) */
    MXD_FADE_EXPONENTIAL,  /* slow start: (exp(k x) - 1) / (exp(k) - 1), k = ln 1000 (60 dB) */
    MXD_FADE_LOGARITHMIC,  /* fast start: the exponential's mirror, 1 - exponential(1 - x) */
    MXD_FADE_S_CURVE       /* (1 - cos(pi x)) / 2 */
} mxd_fade_curve;

typedef struct mxd_fade {
    uint64_t num_frames; /* 0 = none */
    mxd_fade_curve curve;
} mxd_fade;

typedef enum mxd_non_finite {
    MXD_NON_FINITE_ERROR, /* NaN or infinity in a file ends the render with file and frame named */
    MXD_NON_FINITE_ZERO   /* it becomes 0 */
} mxd_non_finite;

/* Which span between the insert chain and the output a send taps. */
typedef enum mxd_tap { MXD_TAP_POST_FADER, MXD_TAP_PRE_FADER } mxd_tap;

typedef struct mxd_send {
    uint32_t bus;             /* index into mxd_session.buses */
    double gain_db;
    mxd_tap tap;
    bool mute;
    bool has_pan;             /* the session says where; else it is centred */
    double pan;               /* -1 left .. 1 right, in a bus of two channels, by the laws of a strip's */
    mxd_origin origin;
} mxd_send;

typedef enum mxd_parameter {
    MXD_PARAMETER_FADER,
    MXD_PARAMETER_PAN,
    MXD_PARAMETER_SEND,       /* a send's gain */
    MXD_PARAMETER_SEND_PAN,
    MXD_PARAMETER_INSERT      /* one of an insert's values */
} mxd_parameter;

/* The way from a point of value a to the next, of value b; x goes from 0 to 1 between them in time. */
typedef enum mxd_curve {
    MXD_CURVE_LINEAR,         /* a + (b - a) x in the parameter's own unit (dB for levels) */
    MXD_CURVE_HOLD,           /* a until the next point */
    MXD_CURVE_EXPONENTIAL,    /* a (b / a)^x, a and b > 0; of levels in dB: straight in gain */
    MXD_CURVE_BEZIER          /* cubic Bezier curve in time and value, by handles (mxd_segment) */
} mxd_curve;

typedef struct mxd_automation_point {
    uint64_t frame;
    double value;             /* dB or pan position; -HUGE_VAL dB = silence */
} mxd_automation_point;

/* The way from one point to the next where it is not the automation's usual one. */
typedef struct mxd_segment {
    mxd_curve curve;
    /* BEZIER: the inner control points, from the segment's first point on and from its last one back. */
    double out_frames, out_value; /* 0 <= out_frames <= the segment's length */
    double in_frames, in_value;   /* 0 >= in_frames >= -the segment's length: time only ever goes forward */
} mxd_segment;

/*
 * One parameter over time: the first value before the first point, the last one
 * after the last. Replaces the static value. Points ascend strictly in time.
 */
typedef struct mxd_automation {
    mxd_parameter parameter;
    uint32_t send;            /* for MXD_PARAMETER_SEND and SEND_PAN: index into the strip's sends */
    uint32_t value;           /* for MXD_PARAMETER_INSERT: index into the insert's values */
    mxd_curve curve;
    bool is_level;            /* in dB */
    bool holds;               /* a segment holds: there may be jumps, whatever curve says */
    mxd_automation_point *points;
    mxd_segment *segments;    /* num_points, the last without meaning; NULL = all by curve, beziers with handles of a third of the segment's length and no value: an S */
    uint32_t num_points;      /* >= 1 */
    mxd_origin origin;
} mxd_automation;

/*
 * A span that is played again and again until the clip is over. At each seam the span's last crossfade_frames pass
 * into what lies before the span in the direction of play, so that the span still repeats as often as it is long.
 */
typedef struct mxd_loop {
    bool on;
    uint64_t crossfade_frames;    /* on the time line */
    mxd_fade_curve curve;
} mxd_loop;

/* One span of one audio file on a track, and how it is played. */
typedef struct mxd_clip {
    char *file;               /* path as it can be opened from the current folder */
    uint64_t start_frame;     /* on the session's time line */
    uint64_t offset_frames;   /* of the span into the file, at the session's rate */
    uint64_t span_frames;     /* at the session's rate, before speed and stretch; never past the file's end */
    uint64_t num_frames;      /* that it sounds, on the time line */
    double gain_db;           /* -HUGE_VAL: also where it is muted */
    uint32_t *channels;       /* of the file, in the order in which the clip gives them; NULL = all in theirs */
    uint32_t num_channels;    /* of that list */
    bool mono_sum;            /* one channel: the average of these */
    bool inverted;            /* polarity */
    bool reverse;             /* the span backwards */
    mxd_loop loop;
    double speed;             /* varispeed; 0 and 1 = as it is. Never together with stretch and pitch */
    double stretch;           /* how many times as long, at the same pitch; 0 and 1 = as it is */
    double pitch_semitones;   /* at the same length */
    bool preserve_formants;
    mxd_automation envelope;  /* its own gain, in dB; frames count from its beginning on the time line; may be empty */
    mxd_fade fade_in;         /* on the time line, too */
    mxd_fade fade_out;
    mxd_non_finite non_finite;
    uint32_t file_rate;       /* of the file, Hz */
    uint32_t file_channels;   /* of the file */
    uint64_t file_frames;     /* of the file, at its own rate */
    mxd_origin origin;
} mxd_clip;

#define MXD_NO_STRIP UINT32_MAX

/* Another strip's signal that an insert listens to. */
typedef struct mxd_side_chain {
    char *from;                   /* the strip's name */
    uint32_t strip;               /* as mxd_session_strip numbers them; MXD_NO_STRIP = not found */
    mxd_tap tap;
    mxd_origin origin;
} mxd_side_chain;

typedef struct mxd_insert {
    const struct mxd_effect *effect;
    void *params;                 /* owned; freed by effect->destroy; begins with double values[effect->num_values] */
    bool bypass;
    mxd_automation *automation;   /* of MXD_PARAMETER_INSERT */
    uint32_t num_automation;
    mxd_side_chain *side_chain;   /* NULL = none */
    mxd_origin origin;
} mxd_insert;

typedef enum mxd_place_kind { MXD_PLACE_PAN, MXD_PLACE_OBJECTS, MXD_PLACE_BED } mxd_place_kind;

/* A polar position at a time; between two, azimuth and elevation move linearly as numbers. */
typedef struct mxd_position {
    uint64_t frame;
    double azimuth_deg;
    double elevation_deg;
} mxd_position;

typedef struct mxd_object {
    mxd_position *positions;  /* ascending in time; >= 1 */
    uint32_t num_positions;
} mxd_object;

typedef struct mxd_placement {
    mxd_place_kind kind;
    double pan;               /* MXD_PLACE_PAN: -1 left .. 1 right */
    mxd_object *objects;      /* MXD_PLACE_OBJECTS: one a channel */
    uint32_t num_objects;
    const mxd_layout *bed;    /* MXD_PLACE_BED */
    mxd_origin origin;
} mxd_placement;

/* What tracks and buses have in common: everything behind their source. */
typedef struct mxd_strip {
    char *name;
    uint32_t num_source_channels; /* what enters the first insert */
    uint32_t num_channels;        /* what leaves the last insert */
    mxd_insert *inserts;
    uint32_t num_inserts;
    double fader_db;
    bool mute;
    bool solo;
    bool solo_safe;               /* no solo elsewhere closes it */
    bool inverted;                /* polarity, in front of the inserts */
    int64_t delay_frames;         /* in front of the inserts; below 0: earlier, of tracks only */
    uint32_t *groups;             /* that it belongs to by name: indices into the session's */
    uint32_t num_groups;
    mxd_send *sends;
    uint32_t num_sends;
    mxd_automation *automation;
    uint32_t num_automation;
    int output;                   /* index of the bus it goes to; -1 = the scene, by place */
    mxd_placement place;
    mxd_origin origin;
} mxd_strip;

typedef struct mxd_track {
    mxd_strip strip;
    mxd_clip *clips;
    uint32_t num_clips;
} mxd_track;

typedef struct mxd_bus {
    mxd_strip strip;
} mxd_bus;

/* A fader group: its level and mute act on its members' faders, its solo solos them. No signal goes through it. */
typedef struct mxd_fader_group {
    char *name;
    double fader_db;
    bool mute;
    bool solo;
    mxd_automation *automation;   /* of the fader */
    uint32_t num_automation;
    int group;                    /* the group that its members belong to as well; below 0: none */
    mxd_origin origin;
} mxd_fader_group;

typedef enum mxd_file_format { MXD_FORMAT_WAV, MXD_FORMAT_RF64, MXD_FORMAT_FLAC } mxd_file_format;
typedef enum mxd_channel_order { MXD_ORDER_LAYOUT, MXD_ORDER_WAVE } mxd_channel_order;

typedef struct mxd_deliverable {
    char *file;                   /* as written in the session (relative to it) */
    const mxd_layout *layout;
    mxd_file_format format;
    uint32_t bit_depth;           /* 16, 24: integer, TPDF dither; 32: float */
    mxd_channel_order channel_order;
    mxd_insert *inserts;
    uint32_t num_inserts;
    mxd_origin origin;
} mxd_deliverable;

/* The tempo from a frame on. */
typedef struct mxd_tempo_point {
    uint64_t frame;
    double bpm;                   /* beats (quarter notes) a minute */
    bool ramp;                    /* moves linearly in time to the next point's; else holds until there */
    double beats;                 /* from frame 0 to here; set by mxd_tempo_accumulate */
} mxd_tempo_point;

/* A named time. */
typedef struct mxd_marker {
    char *name;
    uint64_t frame;
    mxd_origin origin;
} mxd_marker;

struct mxd_session {
    char *file;                   /* the session file, as given */
    char *folder;                 /* its folder, "." where it has none */
    char *title;                  /* never NULL; may be "" */
    uint32_t sample_rate;         /* Hz, 8000..384000 */
    uint64_t num_frames;          /* length_s; 0 = until the last tail has rung out */
    mxd_tempo_point *tempo;       /* ascending in time (tempo.h) */
    uint32_t num_tempo_points;    /* 0 = 120 beats a minute */
    mxd_marker *markers;
    uint32_t num_markers;
    mxd_track *tracks;
    uint32_t num_tracks;
    mxd_bus *buses;
    uint32_t num_buses;
    mxd_fader_group *groups;
    uint32_t num_groups;
    mxd_deliverable *deliverables;
    uint32_t num_deliverables;
};

/* The channels that a clip gives to its track. */
uint32_t mxd_clip_num_channels(const mxd_clip *clip);
/* Whether Rubber Band plays it: only at session rates and ratios within these bounds. */
bool mxd_clip_is_stretched(const mxd_clip *clip);
#define MXD_STRETCH_MAX_RATE 192000u /* Hz; the library's own bound */
/*
 * Least stretch, and least stretch times ratio of pitch: below 0.125 (its shortest hop of output, 128 frames, over its
 * longest of input, 1024) the finer engine of 3.1.2 reads memory that it has not set, and NaN comes out.
 */
#define MXD_STRETCH_MIN_RATIO 0.15

/* Tracks and buses as one list: tracks first. */
uint32_t mxd_session_num_strips(const mxd_session *session);
const mxd_strip *mxd_session_strip(const mxd_session *session, uint32_t index);

/* Where an origin of the session lies, for messages. */
mxd_place mxd_session_place(const mxd_session *session, const mxd_origin *origin);

/* A frame of a track's clips on the session's time line: moved by its delay; 0 = before the session or at its begin. */
uint64_t mxd_track_frame(const mxd_track *track, uint64_t frame);

/*
 * Checks what no single value can tell: routing (bus loops are named in full),
 * channel counts along each insert chain, placements, duplicate names, files of
 * deliverables. Adds all problems; returns MXD_ERROR_INVALID if any was an error.
 * Sets num_channels of every strip (through effect->num_outputs).
 */
mxd_result mxd_session_validate(mxd_session *session, mxd_problems *problems);

#endif
