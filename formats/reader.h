/*
 * Reading a session file value by value. A reader stands on one JSON object or
 * array. Each mxd_read_* asks for one key: it checks the type and range, adds a
 * problem with file, line, column and JSON path where something is wrong, and
 * leaves *value at the default. mxd_reader_close then reports every key that
 * nobody asked for, with the nearest one that somebody did: the keys asked for
 * are the keys that exist, so a parser is its own list of known keys.
 */
#ifndef MXD_FORMATS_READER_H
#define MXD_FORMATS_READER_H

#include "../host/mixdown.h"
#include "../host/problems.h"

typedef struct mxd_reader mxd_reader;

/* 366 days. No session is longer: keeps frame numbers (at 384 kHz) exact in doubles and far from overflow. */
#define MXD_MAX_TIME_S (366.0 * 86400.0)

/* Whether the object holds the key (asks for it). */
bool mxd_read_has(mxd_reader *reader, const char *key);

typedef enum mxd_need { MXD_OPTIONAL, MXD_REQUIRED } mxd_need;

/*
 * All return true if the key is there and good; *value then holds it. Otherwise
 * *value is left as it is (set the default before). Ranges are inclusive; NaN
 * and infinities cannot be written in JSON. Strings live as long as the document.
 */
bool mxd_read_number(mxd_reader *reader, const char *key, mxd_need need, double min, double max, double *value);
/* As above, but JSON null is taken too, and gives -HUGE_VAL (silence). */
bool mxd_read_level(mxd_reader *reader, const char *key, mxd_need need, double min_db, double max_db, double *value);
bool mxd_read_integer(mxd_reader *reader, const char *key, mxd_need need, int64_t min, int64_t max, int64_t *value);
bool mxd_read_bool(mxd_reader *reader, const char *key, mxd_need need, bool *value);
bool mxd_read_string(mxd_reader *reader, const char *key, mxd_need need, const char **value);
/* A string that names something, also a file: not empty, without control characters. */
bool mxd_read_name(mxd_reader *reader, const char *key, mxd_need need, const char **value);
/* One of names[0..num_names): *value = its index; otherwise the message lists them. */
bool mxd_read_choice(mxd_reader *reader, const char *key, mxd_need need, const char *const *names, size_t num_names,
                     int *value);
/* A note value ("1/4", "1/8T", "1/8."): *beats = its length in quarter notes (host/session/tempo.h). */
bool mxd_read_note_value(mxd_reader *reader, const char *key, mxd_need need, double *beats);
/* Seconds >= 0, rounded to the nearest frame at sample_rate; at most MXD_MAX_TIME_S. */
bool mxd_read_time(mxd_reader *reader, const char *key, mxd_need need, uint32_t sample_rate, uint64_t *frames);

/*
 * A child object or array, or NULL if absent or of another type. The child is
 * closed by mxd_reader_close (which frees it).
 */
mxd_reader *mxd_read_object(mxd_reader *reader, const char *key, mxd_need need);
mxd_reader *mxd_read_array(mxd_reader *reader, const char *key, mxd_need need);

typedef enum mxd_json_type {
    MXD_JSON_ABSENT, MXD_JSON_NULL, MXD_JSON_BOOL, MXD_JSON_NUMBER, MXD_JSON_STRING, MXD_JSON_ARRAY, MXD_JSON_OBJECT
} mxd_json_type;
/* For values that may be of several types; asks for the key. */
mxd_json_type mxd_read_type(mxd_reader *reader, const char *key);

/* Arrays: length, and each item. key-less twins of the above, by index. */
size_t mxd_reader_length(const mxd_reader *reader);
mxd_json_type mxd_item_type(const mxd_reader *reader, size_t index);
mxd_reader *mxd_item_object(mxd_reader *reader, size_t index);
mxd_reader *mxd_item_array(mxd_reader *reader, size_t index);
bool mxd_item_number(mxd_reader *reader, size_t index, double min, double max, double *value);
bool mxd_item_integer(mxd_reader *reader, size_t index, int64_t min, int64_t max, int64_t *value);
bool mxd_item_level(mxd_reader *reader, size_t index, double min_db, double max_db, double *value);
bool mxd_item_string(mxd_reader *reader, size_t index, const char **value);
bool mxd_item_choice(mxd_reader *reader, size_t index, const char *const *names, size_t num_names, int *value);

/* Refuses a key by name: if present, an error that says that `what` is not built yet. Returns whether it is there. */
bool mxd_read_refuse(mxd_reader *reader, const char *key, const char *what);

/* Adds an error (or warning) at the place of key (NULL: of the reader's own value). */
__attribute__((format(printf, 3, 4)))
void mxd_reader_fail(mxd_reader *reader, const char *key, const char *format, ...);
__attribute__((format(printf, 3, 4)))
void mxd_item_fail(mxd_reader *reader, size_t index, const char *format, ...);
__attribute__((format(printf, 3, 4)))
void mxd_reader_warn(mxd_reader *reader, const char *key, const char *format, ...);
/* The place itself; its path string lives as long as the reader. key NULL: the reader's own value. */
mxd_place mxd_reader_place(mxd_reader *reader, const char *key);
mxd_problems *mxd_reader_problems(mxd_reader *reader);

/* Reports the keys nobody asked for and frees the reader. Accepts NULL. */
void mxd_reader_close(mxd_reader *reader);
/* Frees the reader without a word about its keys: where nobody can know them. Accepts NULL. */
void mxd_reader_abandon(mxd_reader *reader);

/*
 * A JSON document; it keeps what it needs for places. After the 1000th problem
 * of one document the rest is dropped, with a last problem that says so.
 */
typedef struct mxd_document mxd_document;
/* MXD_ERROR_FILE or MXD_ERROR_INVALID with problems added. */
mxd_result mxd_document_open(const char *path, mxd_problems *problems, mxd_document **document);
/* Accepts NULL; readers must be closed before. */
void mxd_document_close(mxd_document *document);
/* The root object; NULL with a problem if the root is no object. */
mxd_reader *mxd_document_root(mxd_document *document);
/* How reading went so far: MXD_OK, MXD_ERROR_INVALID (also where the problem was dropped) or MXD_ERROR_MEMORY. */
mxd_result mxd_document_result(const mxd_document *document);

/* The nearest of names by edit distance, or NULL if none is near: for "did you mean". */
const char *mxd_nearest(const char *word, const char *const *names, size_t num_names);

#endif
