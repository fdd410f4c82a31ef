/* What json_document.c and reader.c share: the inside of an mxd_document. */
#ifndef MXD_FORMATS_JSON_DOCUMENT_H
#define MXD_FORMATS_JSON_DOCUMENT_H

#include "json_places.h"
#include "reader.h"

#include <jansson.h>
#include <stdarg.h>

struct mxd_document {
    char *path;
    mxd_problems *problems;
    json_t *root;
    mxd_json_places places;
    size_t num_problems; /* added or dropped */
    mxd_result result;
};

/* Adds a problem at an offset of the document: one line, however odd the strings in it. */
void mxd_document_report(mxd_document *document, mxd_severity severity, const mxd_place *place, const char *format,
                         va_list arguments);
/* Notes that memory ran out, once. */
void mxd_document_out_of_memory(mxd_document *document);
/* The place of an offset, with that JSON path. */
mxd_place mxd_document_place(const mxd_document *document, uint32_t offset, const char *path);

#endif
