/*
 * Opens a JSON file: reads it whole, lets jansson parse it, notes the places of
 * its values. Whatever jansson refuses is told in the words of somebody who
 * edits the file, at the byte where the trouble begins.
 */
#include "json_document.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A session of 100,000 clips has 20 MB. Offsets are 32 bits wide. */
#define MAX_FILE_BYTES ((size_t)1 << 30)
/* More problems than anybody reads; keeps a foreign file from filling the memory with them. */
#define MAX_PROBLEMS 1000
#define MAX_TEXT_BYTES 2048

/* Cuts a text that was truncated in the midst of a UTF-8 sequence back to its last whole character. */
static void trim_utf8(char *text)
{
    size_t length = strlen(text);
    size_t start = length;
    while (start > 0 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0)
        return;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t wanted = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (length - (start - 1) < wanted)
        text[start - 1] = '\0';
}

void mxd_document_report(mxd_document *document, mxd_severity severity, const mxd_place *place, const char *format,
                         va_list arguments)
{
    if (severity == MXD_SEVERITY_ERROR && document->result == MXD_OK)
        document->result = MXD_ERROR_INVALID;
    if (document->num_problems++ >= MAX_PROBLEMS) {
        if (document->num_problems == MAX_PROBLEMS + 1)
            mxd_fail(document->problems, MXD_ERROR_INVALID, &(mxd_place){.file = document->path},
                     "there are more than %d problems; mend these first", MAX_PROBLEMS);
        return;
    }
    char text[MAX_TEXT_BYTES];
    int length = vsnprintf(text, sizeof text, format, arguments);
    if (length >= (int)sizeof text)
        trim_utf8(text);
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            *c = '?';
    if (severity == MXD_SEVERITY_ERROR)
        mxd_fail(document->problems, MXD_ERROR_INVALID, place, "%s", text);
    else
        mxd_warn(document->problems, place, "%s", text);
}

void mxd_document_out_of_memory(mxd_document *document)
{
    if (document->result != MXD_ERROR_MEMORY)
        mxd_fail(document->problems, MXD_ERROR_MEMORY, &(mxd_place){.file = document->path},
                 "memory ran out while the file was being read");
    document->result = MXD_ERROR_MEMORY;
}

mxd_place mxd_document_place(const mxd_document *document, uint32_t offset, const char *path)
{
    mxd_place place = {.file = document->path, .path = path};
    mxd_json_places_find(&document->places, offset, &place.line, &place.column);
    return place;
}

/* Reads a whole file; *text is to be freed with free(). */
static mxd_result read_file(const char *path, mxd_problems *problems, char **text, size_t *size)
{
    const mxd_place place = {.file = path};
    mxd_result result = MXD_OK;
    char reason[128] = "";
    char *bytes = NULL;
    size_t count = 0, capacity = 0;
    struct stat status;
    errno = 0;
    FILE *file = fopen(path, "rb");
    if (!file) {
        strerror_r(errno, reason, sizeof reason);
        return mxd_fail(problems, MXD_ERROR_FILE, &place, "the session file cannot be opened: %s", reason);
    }
    if (fstat(fileno(file), &status) == 0 && (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode))) {
        result = mxd_fail(problems, MXD_ERROR_FILE, &place, "it is a device, not a session file"); /* may be endless */
        goto fail;
    }
    for (;;) {
        if (count == capacity) {
            if (capacity >= MAX_FILE_BYTES) {
                result = mxd_fail(problems, MXD_ERROR_INVALID, &place,
                                  "the file is larger than 1 GiB: no session file");
                goto fail;
            }
            capacity = capacity ? 2 * capacity : 1 << 16;
            char *grown = realloc(bytes, capacity);
            if (!grown) {
                result = mxd_fail(problems, MXD_ERROR_MEMORY, &place, "memory ran out while the file was being read");
                goto fail;
            }
            bytes = grown;
        }
        size_t got = fread(bytes + count, 1, capacity - count, file);
        count += got;
        if (got == 0)
            break;
    }
    if (ferror(file)) {
        strerror_r(errno, reason, sizeof reason);
        result = mxd_fail(problems, MXD_ERROR_FILE, &place, "the session file cannot be read: %s", reason);
        goto fail;
    }
    fclose(file);
    *text = bytes;
    *size = count;
    return MXD_OK;

fail:
    fclose(file);
    free(bytes);
    return result;
}

/* The kind of mistake in words; NULL where jansson's own are the best there are. */
static const char *explain(const json_error_t *error)
{
    switch (json_error_code(error)) {
    case json_error_premature_end_of_input:
        return "not valid JSON: the file ends before its last bracket, brace or quote is closed";
    case json_error_end_of_input_expected:
        return "not valid JSON: there is something behind the end of the session's object";
    case json_error_numeric_overflow:
        return "the number is too large";
    case json_error_stack_overflow:
        return "brackets are nested too deep for a session file";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "a NUL character has no place in a session file";
    default:
        return NULL;
    }
}

/* What people write who know other notations than JSON, by the text at the trouble; NULL = none of these. */
static const char *explain_token(const char *text, size_t size, size_t offset)
{
    size_t before = offset;
    if (offset >= size)
        return NULL;
    while (before > 0 && memchr(" \t\r\n", text[before - 1], 4))
        before--;
    if ((text[offset] == '}' || text[offset] == ']') && before > 0 && text[before - 1] == ',')
        return "not valid JSON: the comma before this bracket or brace is one too many";
    if (text[offset] == '/' || text[offset] == '#')
        return "not valid JSON: it has no comments";
    if (text[offset] == '\'')
        return "not valid JSON: names and strings stand in double quotes (\")";
    if (text[offset] == '"' && before > 0 && !memchr("{[,:", text[before - 1], 4))
        return "not valid JSON: a comma or colon is missing before this";
    return NULL;
}

/* The token that jansson stumbled over, as its message quotes it behind "near"; *length 0 = not quoted. */
static const char *quoted_token(const char *message, size_t *length)
{
    const char *near = strstr(message, " near '");
    *length = 0;
    if (!near)
        return "";
    near += strlen(" near '");
    size_t rest = strlen(near);
    *length = rest > 0 && near[rest - 1] == '\'' ? rest - 1 : rest;
    return near;
}

/* Where the trouble begins: jansson's position is behind the token. */
static size_t trouble_offset(const json_error_t *error, size_t token_length, const char *text, size_t size)
{
    size_t offset = error->position > 0 ? (size_t)error->position : 0;
    if (offset > size)
        offset = size;
    if (json_error_code(error) == json_error_numeric_overflow) {
        while (offset > 0 && memchr("0123456789+-.eE", text[offset - 1], 15))
            offset--;
        return offset;
    }
    size_t back = token_length > 0 ? token_length : 1;
    return offset > back ? offset - back : 0;
}

static mxd_result report_syntax(mxd_document *document, const json_error_t *error, const char *text, size_t size)
{
    char message[JSON_ERROR_TEXT_LENGTH];
    size_t token_length;
    snprintf(message, sizeof message, "%s", error->text);
    const char *token = quoted_token(message, &token_length);
    size_t offset = trouble_offset(error, token_length, text, size);
    const mxd_place place = mxd_document_place(document, (uint32_t)offset, NULL);
    for (char *c = message; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            *c = '?';
    const char *words = explain(error);
    if (!words)
        words = explain_token(text, size, offset);
    if (words)
        return mxd_fail(document->problems, MXD_ERROR_INVALID, &place, "%s", words);
    if (json_error_code(error) == json_error_duplicate_key)
        return mxd_fail(document->problems, MXD_ERROR_INVALID, &place, "the key %.*s stands twice in one object",
                        (int)token_length, token);
    return mxd_fail(document->problems, MXD_ERROR_INVALID, &place, "not valid JSON: %s", message);
}

/* Length of the UTF-8 sequence at text; 0 = not valid (RFC 3629: nothing overlong, no surrogates, up to U+10FFFF). */
static size_t sequence_length(const unsigned char *text, size_t size)
{
    unsigned char lead = text[0];
    if (lead < 0x80)
        return 1;
    size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || length > size)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    if ((lead == 0xE0 && text[1] < 0xA0) || (lead == 0xED && text[1] > 0x9F) || (lead == 0xF0 && text[1] < 0x90) ||
        (lead == 0xF4 && text[1] > 0x8F))
        return 0;
    return length;
}

/* What can be told of a text without parsing it. */
static mxd_result check_text(mxd_document *document, const char *text, size_t size)
{
    const mxd_place start = {.file = document->path, .line = 1, .column = 1};
    size_t blank = 0;
    while (blank < size && memchr(" \t\r\n", text[blank], 4))
        blank++;
    if (blank == size)
        return mxd_fail(document->problems, MXD_ERROR_INVALID, &start, "the file is empty");
    if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        return mxd_fail(document->problems, MXD_ERROR_INVALID, &start,
                        "the file starts with a byte-order mark: save it as UTF-8 without one");
    const char *nul = memchr(text, '\0', size);
    if (nul) {
        mxd_place place = mxd_document_place(document, (uint32_t)(nul - text), NULL);
        return mxd_fail(document->problems, MXD_ERROR_INVALID, &place,
                        "a NUL byte: this is no JSON text, or it is not in UTF-8");
    }
    /* jansson finds this too, but is not exact about the place. */
    for (size_t i = 0, length; i < size; i += length) {
        length = sequence_length((const unsigned char *)text + i, size - i);
        if (length == 0) {
            mxd_place place = mxd_document_place(document, (uint32_t)i, NULL);
            return mxd_fail(document->problems, MXD_ERROR_INVALID, &place,
                            "not valid UTF-8: save the file with the encoding UTF-8");
        }
    }
    return MXD_OK;
}

mxd_result mxd_document_open(const char *path, mxd_problems *problems, mxd_document **document)
{
    *document = NULL;
    char *text = NULL;
    size_t size = 0;
    mxd_document *d = calloc(1, sizeof *d);
    mxd_result result = d ? MXD_OK : MXD_ERROR_MEMORY;
    if (!d || !(d->path = strdup(path)))
        goto memory;
    d->problems = problems;
    result = read_file(path, problems, &text, &size);
    if (result != MXD_OK)
        goto fail;
    if (!mxd_json_places_lines(&d->places, text, size))
        goto memory;
    result = check_text(d, text, size);
    if (result != MXD_OK)
        goto fail;

    json_error_t error;
    d->root = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!d->root && json_error_code(&error) == json_error_out_of_memory)
        goto memory;
    if (!d->root) {
        result = report_syntax(d, &error, text, size);
        goto fail;
    }
    if (!mxd_json_places_nodes(&d->places, text, size))
        goto memory;
    free(text);
    *document = d;
    return MXD_OK;

memory:
    result = mxd_fail(problems, MXD_ERROR_MEMORY, &(mxd_place){.file = path},
                      "memory ran out while the file was being read");
fail:
    free(text);
    mxd_document_close(d);
    return result;
}

void mxd_document_close(mxd_document *document)
{
    if (!document)
        return;
    json_decref(document->root);
    mxd_json_places_finish(&document->places);
    free(document->path);
    free(document);
}

mxd_result mxd_document_result(const mxd_document *document)
{
    return document->result;
}
