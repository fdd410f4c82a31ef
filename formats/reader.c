/*
 * A reader is an array of entries, one a key or item, made when the object or
 * array is opened by walking jansson's tree and the text's places side by side
 * (jansson keeps keys in the order of the text). Keys that were asked for but
 * are not there are remembered for suggestions. Objects have some twenty keys
 * at most, so that a search along the entries is as good as a table.
 */
#include "json_document.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct entry {
    const char *key; /* NULL for items */
    json_t *value;
    uint32_t node;
    bool asked;
    char *path;      /* made when first needed */
} entry;

struct mxd_reader {
    mxd_document *document;
    uint32_t node;
    char *path;
    char **missing;  /* keys asked for that are not there */
    size_t num_missing;
    size_t missing_capacity;
    size_t num_entries;
    entry entries[];
};

/* ---- Paths and places ---------------------------------------------------- */

/* parent/key with RFC 6901's escapes, or parent/index where key is NULL. To be freed. */
static char *join_path(const char *parent, const char *key, size_t index)
{
    char digits[24];
    if (!key) {
        snprintf(digits, sizeof digits, "%zu", index);
        key = digits;
    }
    size_t parent_length = strlen(parent);
    char *path = malloc(parent_length + 2 * strlen(key) + 2);
    if (!path)
        return NULL;
    memcpy(path, parent, parent_length);
    char *out = path + parent_length;
    *out++ = '/';
    for (; *key; key++) {
        if (*key == '~' || *key == '/') {
            *out++ = '~';
            *out++ = *key == '~' ? '0' : '1';
        } else {
            *out++ = (unsigned char)*key < 0x20 ? '?' : *key;
        }
    }
    *out = '\0';
    return path;
}

static mxd_place entry_place(mxd_reader *reader, entry *e)
{
    if (!e->path)
        e->path = join_path(reader->path, e->key, (size_t)(e - reader->entries));
    const mxd_json_node *node = &reader->document->places.nodes[e->node];
    return mxd_document_place(reader->document, node->value_offset, e->path);
}

static mxd_place own_place(mxd_reader *reader)
{
    const mxd_json_node *node = &reader->document->places.nodes[reader->node];
    /* The root's path is empty, which says nothing to people. */
    return mxd_document_place(reader->document, node->value_offset, *reader->path ? reader->path : "/");
}

/* The entry of a key without asking for it, or NULL. */
static entry *peek(mxd_reader *reader, const char *key)
{
    for (size_t i = 0; i < reader->num_entries; i++)
        if (reader->entries[i].key && strcmp(reader->entries[i].key, key) == 0)
            return &reader->entries[i];
    return NULL;
}

static void remember_missing(mxd_reader *reader, const char *key)
{
    for (size_t i = 0; i < reader->num_missing; i++)
        if (strcmp(reader->missing[i], key) == 0)
            return;
    if (reader->num_missing == reader->missing_capacity) {
        size_t capacity = reader->missing_capacity ? 2 * reader->missing_capacity : 16;
        char **grown = realloc(reader->missing, capacity * sizeof *grown);
        if (!grown)
            return; /* a suggestion less */
        reader->missing = grown;
        reader->missing_capacity = capacity;
    }
    char *copy = strdup(key);
    if (copy)
        reader->missing[reader->num_missing++] = copy;
}

static entry *ask(mxd_reader *reader, const char *key)
{
    entry *e = peek(reader, key);
    if (e)
        e->asked = true;
    else
        remember_missing(reader, key);
    return e;
}

static entry *item(mxd_reader *reader, size_t index)
{
    return index < reader->num_entries ? &reader->entries[index] : NULL;
}

/* ---- Problems ------------------------------------------------------------ */

__attribute__((format(printf, 4, 5)))
static void report(mxd_reader *reader, mxd_severity severity, const mxd_place *place, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    mxd_document_report(reader->document, severity, place, format, arguments);
    va_end(arguments);
}

mxd_place mxd_reader_place(mxd_reader *reader, const char *key)
{
    entry *e = key ? peek(reader, key) : NULL;
    return e ? entry_place(reader, e) : own_place(reader);
}

mxd_problems *mxd_reader_problems(mxd_reader *reader)
{
    return reader->document->problems;
}

void mxd_reader_fail(mxd_reader *reader, const char *key, const char *format, ...)
{
    const mxd_place place = mxd_reader_place(reader, key);
    va_list arguments;
    va_start(arguments, format);
    mxd_document_report(reader->document, MXD_SEVERITY_ERROR, &place, format, arguments);
    va_end(arguments);
}

void mxd_item_fail(mxd_reader *reader, size_t index, const char *format, ...)
{
    entry *e = item(reader, index);
    const mxd_place place = e ? entry_place(reader, e) : own_place(reader);
    va_list arguments;
    va_start(arguments, format);
    mxd_document_report(reader->document, MXD_SEVERITY_ERROR, &place, format, arguments);
    va_end(arguments);
}

void mxd_reader_warn(mxd_reader *reader, const char *key, const char *format, ...)
{
    const mxd_place place = mxd_reader_place(reader, key);
    va_list arguments;
    va_start(arguments, format);
    mxd_document_report(reader->document, MXD_SEVERITY_WARNING, &place, format, arguments);
    va_end(arguments);
}

bool mxd_read_refuse(mxd_reader *reader, const char *key, const char *what)
{
    entry *e = peek(reader, key); /* not asked for: what is refused is no suggestion */
    if (!e)
        return false;
    e->asked = true;
    const mxd_json_node *node = &reader->document->places.nodes[e->node];
    entry_place(reader, e);
    const mxd_place place = mxd_document_place(reader->document, node->key_offset, e->path);
    report(reader, MXD_SEVERITY_ERROR, &place, "\"%s\": %s is not built yet", key, what);
    return true;
}

/* A value's name in messages: its key in quotes. */
typedef struct label {
    char text[96];
} label;

static label name_of(const entry *e)
{
    label l;
    if (e->key)
        snprintf(l.text, sizeof l.text, "\"%.80s\"", e->key);
    else
        snprintf(l.text, sizeof l.text, "this item");
    return l;
}

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "an array";
    case JSON_STRING: return "a string";
    case JSON_INTEGER:
    case JSON_REAL: return "a number";
    case JSON_TRUE: return "true";
    case JSON_FALSE: return "false";
    default: return "null";
    }
}

static void report_type(mxd_reader *reader, entry *e, const char *wanted)
{
    const mxd_place place = entry_place(reader, e);
    report(reader, MXD_SEVERITY_ERROR, &place, "%s must be %s, not %s", name_of(e).text, wanted, type_name(e->value));
}

/* The entry asked for; NULL with a problem if it is required and not there. */
static entry *ask_needed(mxd_reader *reader, const char *key, mxd_need need)
{
    entry *e = ask(reader, key);
    if (!e && need == MXD_REQUIRED) {
        const mxd_place place = own_place(reader);
        report(reader, MXD_SEVERITY_ERROR, &place, "\"%s\" is missing", key);
    }
    return e;
}

/* ---- Numbers ------------------------------------------------------------- */

static void report_range(mxd_reader *reader, entry *e, double number, double min, double max)
{
    const mxd_place place = entry_place(reader, e);
    const label l = name_of(e);
    const char *name = l.text;
    if (isinf(max))
        report(reader, MXD_SEVERITY_ERROR, &place, "%s is %.10g, but must be at least %.10g", name, number, min);
    else if (isinf(min))
        report(reader, MXD_SEVERITY_ERROR, &place, "%s is %.10g, but must be at most %.10g", name, number, max);
    else
        report(reader, MXD_SEVERITY_ERROR, &place, "%s is %.10g, but must be from %.10g to %.10g", name, number, min,
               max);
}

static bool get_number(mxd_reader *reader, entry *e, double min, double max, double *value)
{
    if (!json_is_number(e->value)) {
        report_type(reader, e, "a number");
        return false;
    }
    double number = json_number_value(e->value);
    if (!(number >= min && number <= max)) {
        report_range(reader, e, number, min, max);
        return false;
    }
    *value = number;
    return true;
}

static bool get_level(mxd_reader *reader, entry *e, double min_db, double max_db, double *value)
{
    if (json_is_null(e->value)) {
        *value = -HUGE_VAL;
        return true;
    }
    if (!json_is_number(e->value)) {
        report_type(reader, e, "a level in dB or null (silence)");
        return false;
    }
    return get_number(reader, e, min_db, max_db, value);
}

bool mxd_read_number(mxd_reader *reader, const char *key, mxd_need need, double min, double max, double *value)
{
    entry *e = ask_needed(reader, key, need);
    return e && get_number(reader, e, min, max, value);
}

bool mxd_read_level(mxd_reader *reader, const char *key, mxd_need need, double min_db, double max_db, double *value)
{
    entry *e = ask_needed(reader, key, need);
    return e && get_level(reader, e, min_db, max_db, value);
}

bool mxd_item_number(mxd_reader *reader, size_t index, double min, double max, double *value)
{
    entry *e = item(reader, index);
    return e && get_number(reader, e, min, max, value);
}

bool mxd_item_level(mxd_reader *reader, size_t index, double min_db, double max_db, double *value)
{
    entry *e = item(reader, index);
    return e && get_level(reader, e, min_db, max_db, value);
}

static bool get_integer(mxd_reader *reader, entry *e, int64_t min, int64_t max, int64_t *value)
{
    double number = json_number_value(e->value);
    /* JSON knows one kind of number: 48000.0 is whole. */
    if (!json_is_number(e->value) || number != floor(number)) {
        const mxd_place place = entry_place(reader, e);
        if (json_is_number(e->value))
            report(reader, MXD_SEVERITY_ERROR, &place, "%s must be a whole number, not %.10g", name_of(e).text, number);
        else
            report_type(reader, e, "a whole number");
        return false;
    }
    if (json_is_integer(e->value) ? json_integer_value(e->value) < min || json_integer_value(e->value) > max
                                  : !(number >= (double)min && number <= (double)max && fabs(number) < 0x1p63)) {
        report_range(reader, e, number, (double)min, (double)max);
        return false;
    }
    *value = json_is_integer(e->value) ? (int64_t)json_integer_value(e->value) : (int64_t)number;
    return true;
}

bool mxd_read_integer(mxd_reader *reader, const char *key, mxd_need need, int64_t min, int64_t max, int64_t *value)
{
    entry *e = ask_needed(reader, key, need);
    return e && get_integer(reader, e, min, max, value);
}

bool mxd_item_integer(mxd_reader *reader, size_t index, int64_t min, int64_t max, int64_t *value)
{
    entry *e = item(reader, index);
    return e && get_integer(reader, e, min, max, value);
}

bool mxd_read_time(mxd_reader *reader, const char *key, mxd_need need, uint32_t sample_rate, uint64_t *frames)
{
    double seconds = 0.0;
    if (!mxd_read_number(reader, key, need, 0.0, MXD_MAX_TIME_S, &seconds))
        return false;
    *frames = (uint64_t)llround(seconds * sample_rate);
    return true;
}

/* ---- Other scalars ------------------------------------------------------- */

bool mxd_read_bool(mxd_reader *reader, const char *key, mxd_need need, bool *value)
{
    entry *e = ask_needed(reader, key, need);
    if (!e)
        return false;
    if (!json_is_boolean(e->value)) {
        report_type(reader, e, "true or false");
        return false;
    }
    *value = json_is_true(e->value);
    return true;
}

static bool get_string(mxd_reader *reader, entry *e, const char **value)
{
    if (!json_is_string(e->value)) {
        report_type(reader, e, "a string");
        return false;
    }
    *value = json_string_value(e->value);
    return true;
}

bool mxd_read_string(mxd_reader *reader, const char *key, mxd_need need, const char **value)
{
    entry *e = ask_needed(reader, key, need);
    return e && get_string(reader, e, value);
}

bool mxd_item_string(mxd_reader *reader, size_t index, const char **value)
{
    entry *e = item(reader, index);
    return e && get_string(reader, e, value);
}

bool mxd_read_name(mxd_reader *reader, const char *key, mxd_need need, const char **value)
{
    const char *string = NULL;
    if (!mxd_read_string(reader, key, need, &string))
        return false;
    if (!*string) {
        mxd_reader_fail(reader, key, "\"%s\" must not be empty", key);
        return false;
    }
    for (const unsigned char *c = (const unsigned char *)string; *c; c++) {
        /* U+0080 to U+009F are control characters as well: a terminal takes U+009B for the start of a command. */
        if (*c < 0x20 || *c == 0x7F || (*c == 0xC2 && c[1] >= 0x80 && c[1] < 0xA0)) {
            mxd_reader_fail(reader, key, "\"%s\" must not hold control characters such as line breaks", key);
            return false;
        }
    }
    *value = string;
    return true;
}

/* Writes `"a", "b" or "c"` into text; cut short where there is no room. */
static void list_names(char *text, size_t size, const char *const *names, size_t num_names)
{
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < num_names && length < size; i++) {
        const char *separator = i == 0 ? "" : i + 1 == num_names ? " or " : ", ";
        int added = snprintf(text + length, size - length, "%s\"%.80s\"", separator, names[i]);
        length += added > 0 ? (size_t)added : 0;
    }
}

static bool get_choice(mxd_reader *reader, entry *e, const char *const *names, size_t num_names, int *value)
{
    const char *string = NULL;
    if (!get_string(reader, e, &string))
        return false;
    for (size_t i = 0; i < num_names; i++) {
        if (strcmp(names[i], string) == 0) {
            *value = (int)i;
            return true;
        }
    }
    char list[1024];
    list_names(list, sizeof list, names, num_names);
    const mxd_place place = entry_place(reader, e);
    const label l = name_of(e);
    const char *near = mxd_nearest(string, names, num_names);
    if (near)
        report(reader, MXD_SEVERITY_ERROR, &place, "%s must be %s, not \"%.80s\"; did you mean \"%s\"?", l.text, list,
               string, near);
    else
        report(reader, MXD_SEVERITY_ERROR, &place, "%s must be %s, not \"%.80s\"", l.text, list, string);
    return false;
}

bool mxd_read_choice(mxd_reader *reader, const char *key, mxd_need need, const char *const *names, size_t num_names,
                     int *value)
{
    entry *e = ask_needed(reader, key, need);
    return e && get_choice(reader, e, names, num_names, value);
}

bool mxd_item_choice(mxd_reader *reader, size_t index, const char *const *names, size_t num_names, int *value)
{
    entry *e = item(reader, index);
    return e && get_choice(reader, e, names, num_names, value);
}

bool mxd_read_has(mxd_reader *reader, const char *key)
{
    return ask(reader, key) != NULL;
}

static mxd_json_type type_of(const entry *e)
{
    if (!e)
        return MXD_JSON_ABSENT;
    switch (json_typeof(e->value)) {
    case JSON_OBJECT: return MXD_JSON_OBJECT;
    case JSON_ARRAY: return MXD_JSON_ARRAY;
    case JSON_STRING: return MXD_JSON_STRING;
    case JSON_INTEGER:
    case JSON_REAL: return MXD_JSON_NUMBER;
    case JSON_TRUE:
    case JSON_FALSE: return MXD_JSON_BOOL;
    default: return MXD_JSON_NULL;
    }
}

mxd_json_type mxd_read_type(mxd_reader *reader, const char *key)
{
    return type_of(ask(reader, key));
}

mxd_json_type mxd_item_type(const mxd_reader *reader, size_t index)
{
    return index < reader->num_entries ? type_of(&reader->entries[index]) : MXD_JSON_ABSENT;
}

/* ---- Objects and arrays -------------------------------------------------- */

/* A reader on an object or array. Takes the path over, also on failure. */
static mxd_reader *open_reader(mxd_document *document, json_t *value, uint32_t node, char *path)
{
    size_t count = json_is_object(value) ? json_object_size(value) : json_array_size(value);
    mxd_reader *reader = path ? calloc(1, sizeof *reader + count * sizeof(entry)) : NULL;
    if (!reader) {
        free(path);
        mxd_document_out_of_memory(document);
        return NULL;
    }
    reader->document = document;
    reader->node = node;
    reader->path = path;
    reader->num_entries = count;
    uint32_t child = node + 1;
    void *iterator = json_is_object(value) ? json_object_iter(value) : NULL;
    for (size_t i = 0; i < count; i++) {
        entry *e = &reader->entries[i];
        e->key = iterator ? json_object_iter_key(iterator) : NULL;
        e->value = iterator ? json_object_iter_value(iterator) : json_array_get(value, i);
        e->node = child;
        child = document->places.nodes[child].next;
        iterator = iterator ? json_object_iter_next(value, iterator) : NULL;
    }
    return reader;
}

static mxd_reader *open_entry(mxd_reader *reader, entry *e, bool is_object)
{
    if (!e)
        return NULL;
    if (is_object ? !json_is_object(e->value) : !json_is_array(e->value)) {
        report_type(reader, e, is_object ? "an object" : "an array");
        return NULL;
    }
    char *path = join_path(reader->path, e->key, (size_t)(e - reader->entries));
    return open_reader(reader->document, e->value, e->node, path);
}

mxd_reader *mxd_read_object(mxd_reader *reader, const char *key, mxd_need need)
{
    return open_entry(reader, ask_needed(reader, key, need), true);
}

mxd_reader *mxd_read_array(mxd_reader *reader, const char *key, mxd_need need)
{
    return open_entry(reader, ask_needed(reader, key, need), false);
}

size_t mxd_reader_length(const mxd_reader *reader)
{
    return reader->num_entries;
}

mxd_reader *mxd_item_object(mxd_reader *reader, size_t index)
{
    return open_entry(reader, item(reader, index), true);
}

mxd_reader *mxd_item_array(mxd_reader *reader, size_t index)
{
    return open_entry(reader, item(reader, index), false);
}

mxd_reader *mxd_document_root(mxd_document *document)
{
    if (json_is_object(document->root))
        return open_reader(document, document->root, 0, strdup(""));
    const mxd_place place = mxd_document_place(document, document->places.nodes[0].value_offset, "/");
    document->result = mxd_fail(document->problems, MXD_ERROR_INVALID, &place,
                                "a session file must hold an object { ... }, not %s", type_name(document->root));
    return NULL;
}

/* ---- Closing ------------------------------------------------------------- */

static void report_unknown(mxd_reader *reader, entry *unknown)
{
    /* What could have been meant: first what is not there yet, else what is. */
    const char *known[256];
    size_t num_known = 0;
    for (size_t i = 0; i < reader->num_missing && num_known < 256; i++)
        known[num_known++] = reader->missing[i];
    size_t num_missing = num_known;
    for (size_t i = 0; i < reader->num_entries && num_known < 256; i++)
        if (reader->entries[i].asked)
            known[num_known++] = reader->entries[i].key;
    const char *near = mxd_nearest(unknown->key, known, num_missing);
    if (!near)
        near = mxd_nearest(unknown->key, known, num_known);

    entry_place(reader, unknown);
    const mxd_json_node *node = &reader->document->places.nodes[unknown->node];
    const mxd_place place = mxd_document_place(reader->document, node->key_offset, unknown->path);
    if (near) {
        report(reader, MXD_SEVERITY_ERROR, &place, "unknown key \"%.80s\"; did you mean \"%s\"?", unknown->key, near);
    } else {
        char list[1024];
        list_names(list, sizeof list, known, num_known);
        report(reader, MXD_SEVERITY_ERROR, &place, "unknown key \"%.80s\"; here it could be %s", unknown->key, list);
    }
}

void mxd_reader_abandon(mxd_reader *reader)
{
    if (!reader)
        return;
    for (size_t i = 0; i < reader->num_entries; i++)
        free(reader->entries[i].path);
    for (size_t i = 0; i < reader->num_missing; i++)
        free(reader->missing[i]);
    free(reader->missing);
    free(reader->path);
    free(reader);
}

void mxd_reader_close(mxd_reader *reader)
{
    for (size_t i = 0; reader && i < reader->num_entries; i++)
        if (reader->entries[i].key && !reader->entries[i].asked)
            report_unknown(reader, &reader->entries[i]);
    mxd_reader_abandon(reader);
}
