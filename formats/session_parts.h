/*
 * The parts of the session parser (session_json.c, session_strip.c,
 * session_place.c, session_clips.c, session_clip.c, session_curve.c,
 * session_groups.c, session_side_chains.c, session_tempo.c) and what they share
 * while a session loads.
 *
 * A part that is wrong is reported and left in a state that says "unknown", so
 * that mxd_session_validate can go on without telling a mistake twice:
 * num_source_channels 0, an insert without effect, a placement by objects with
 * no object, a deliverable without layout, output MXD_OUTPUT_UNKNOWN.
 */
#ifndef MXD_FORMATS_SESSION_PARTS_H
#define MXD_FORMATS_SESSION_PARTS_H

#include "../host/effects/effect.h"
#include "../host/effects/response_library.h"
#include "audio_file.h"
#include "reader.h"

#define MXD_OUTPUT_UNKNOWN (-2)

/* Range of every level in a session. -144 dB lies under the last bit of 24. */
#define MXD_MIN_LEVEL_DB (-144.0)
#define MXD_MAX_LEVEL_DB 48.0

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* What is known of the files that clips name: each is opened once. */
typedef struct mxd_probe_cache {
    struct mxd_probed_file *slots; /* open addressing; capacity is a power of two */
    size_t count;
    size_t capacity;
} mxd_probe_cache;

typedef struct mxd_loader {
    mxd_session *session;
    mxd_problems *problems;
    const char **bus_names; /* session->buses' names, known before anything else is read; "" = unnamed */
    const char **group_names; /* likewise of session->groups */
    mxd_probe_cache probed;
    mxd_response_library *responses;
    bool out_of_memory;
} mxd_loader;

/* calloc that notes a failure; count 0 gives NULL without one. */
void *mxd_loader_alloc(mxd_loader *loader, size_t count, size_t size);
/* A copy that notes a failure. */
char *mxd_loader_copy(mxd_loader *loader, const char *string);
/* A path of the session file as it can be opened from the current folder. */
char *mxd_loader_path(mxd_loader *loader, const char *file);
/* Fills an origin with the reader's own place. */
void mxd_loader_origin(mxd_loader *loader, mxd_reader *reader, mxd_origin *origin);

/* The bus that key names: its index, or -1 with a problem, or -1 if there is no such key. */
int mxd_read_bus(mxd_loader *loader, mxd_reader *reader, const char *key, mxd_need need);
/* The layout that key names, or NULL with a problem. */
const mxd_layout *mxd_read_layout(mxd_reader *reader, const char *key, mxd_need need);

/* Loads the responses that the document's inserts name, on all cores, into loader->responses. Silent. */
void mxd_loader_prefetch_responses(mxd_loader *loader, const mxd_document *document);

/* A key that will mean something some day, and what that is. */
typedef struct mxd_planned_key {
    const char *key;
    const char *what;
} mxd_planned_key;
/* Whether any was there. */
bool mxd_refuse_all(mxd_reader *reader, const mxd_planned_key *keys, size_t num_keys);
/* A choice of which some are planned; false with a problem if it is one of those or none. */
bool mxd_read_choice_of(mxd_reader *reader, const char *key, mxd_need need, const char *const *names, size_t num_names,
                        const char *const *planned, size_t num_planned, int *value);

/* All strip keys but "name" and the source's; strip->num_source_channels must be set. */
void mxd_load_strip(mxd_loader *loader, mxd_reader *reader, mxd_strip *strip);
/* "delay_ms": a track may be early, a bus only late. */
void mxd_load_delay(mxd_loader *loader, mxd_reader *reader, bool is_track, mxd_strip *strip);
/* The array of inserts at "inserts", if there is one. */
void mxd_load_inserts(mxd_loader *loader, mxd_reader *reader, mxd_insert **inserts, uint32_t *num_inserts);
/* Resolves the names of side-chains, when all tracks, buses and deliverables are there. */
void mxd_load_side_chains(mxd_loader *loader);
/* What the values of an automation's points may be. */
typedef struct mxd_point_range {
    double min, max;
    bool in_db;         /* exponential curves are straight in gain */
    bool has_silence;   /* null is taken, and gives -HUGE_VAL */
    double silence_db;  /* where it has: this and less is silence too */
} mxd_point_range;
/* "curve" and "points" of an automation, into its curve, is_level, holds, points and segments. */
void mxd_load_curve(mxd_loader *loader, mxd_reader *reader, const mxd_point_range *range, mxd_automation *automation);
/* The same under other keys. */
void mxd_load_curve_at(mxd_loader *loader, mxd_reader *reader, const char *curve_key, const char *points_key,
                       const mxd_point_range *range, mxd_automation *automation);
/* "automation", if it is there: of a strip, whose sends are known, or (NULL) of a group. */
void mxd_load_automation(mxd_loader *loader, mxd_reader *reader, const mxd_strip *strip, mxd_automation **list,
                         uint32_t *num_automation);
/* The object at "place", if there is one. */
void mxd_load_place(mxd_loader *loader, mxd_reader *reader, mxd_placement *place);
/* "groups", if they are there. Their names first: groups and strips speak of groups that may stand further down. */
void mxd_load_group_names(mxd_loader *loader, mxd_reader *root);
void mxd_load_groups(mxd_loader *loader, mxd_reader *root);
/* "group" or "groups" of a strip. */
void mxd_load_membership(mxd_loader *loader, mxd_reader *reader, mxd_strip *strip);
/* "tempo", if it is there: before all that may speak of beats. */
void mxd_load_tempo(mxd_loader *loader, mxd_reader *root);
/* "markers", if they are there. */
void mxd_load_markers(mxd_loader *loader, mxd_reader *root);
/* "clips" and "channels": the source of a track. */
void mxd_load_clips(mxd_loader *loader, mxd_reader *reader, mxd_track *track);
/* One clip; gives the number of its channels, 0 = unknown. */
uint32_t mxd_load_clip(mxd_loader *loader, mxd_reader *reader, mxd_clip *clip);
/* What an audio file holds; NULL if it cannot be used (which is told where it is first named). */
const mxd_audio_info *mxd_loader_probe(mxd_loader *loader, const char *path, const mxd_place *place);
void mxd_probe_cache_finish(mxd_probe_cache *cache);

#endif
