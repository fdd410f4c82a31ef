/*
 * Where each value of a JSON text stands. jansson keeps no places, so one pass
 * over a text that it has accepted notes them in document order; the order of
 * jansson's own iteration is the same, so that tree and places go hand in hand.
 */
#ifndef MXD_FORMATS_JSON_PLACES_H
#define MXD_FORMATS_JSON_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mxd_json_node {
    uint32_t value_offset; /* bytes from the text's start */
    uint32_t key_offset;   /* of the key's opening quote; the value's own offset where there is no key */
    uint32_t next;         /* index behind the last node of this value: its next sibling, if it has one */
} mxd_json_node;

/* Zero-initialise; free with mxd_json_places_finish. */
typedef struct mxd_json_places {
    uint32_t *line_starts; /* offset of each line's first byte */
    uint32_t num_lines;
    mxd_json_node *nodes;  /* [0] is the root; an object's or array's first child follows it */
    uint32_t num_nodes;
} mxd_json_places;

/* Finds the lines of any text of at most UINT32_MAX - 1 bytes. False when memory runs out. */
bool mxd_json_places_lines(mxd_json_places *places, const char *text, size_t size);
/* Notes all values of a text that is valid JSON. False when memory runs out. */
bool mxd_json_places_nodes(mxd_json_places *places, const char *text, size_t size);
/* Line and column (in bytes) of an offset, both from 1. Needs the lines. */
void mxd_json_places_find(const mxd_json_places *places, uint32_t offset, uint32_t *line, uint32_t *column);
void mxd_json_places_finish(mxd_json_places *places);

#endif
