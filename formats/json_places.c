/*
 * Lines first, then nodes. The node pass trusts that the text is valid JSON, so
 * it only has to tell keys, containers, strings and other scalars apart; it
 * keeps its own stack, because the text's depth is the user's choice.
 */
#include "json_places.h"

#include <stdlib.h>
#include <string.h>

/* Makes room for one more item; the array's size doubles. */
static bool grow(void **items, size_t item_size, uint32_t count, uint32_t *capacity)
{
    if (count < *capacity)
        return true;
    uint32_t wanted = *capacity ? 2 * *capacity : 256;
    if (wanted <= count)
        return false;
    void *grown = realloc(*items, wanted * item_size);
    if (!grown)
        return false;
    *items = grown;
    *capacity = wanted;
    return true;
}

bool mxd_json_places_lines(mxd_json_places *places, const char *text, size_t size)
{
    uint32_t capacity = 0;
    size_t start = 0;
    for (;;) {
        if (!grow((void **)&places->line_starts, sizeof *places->line_starts, places->num_lines, &capacity))
            return false;
        places->line_starts[places->num_lines++] = (uint32_t)start;
        const char *end = start < size ? memchr(text + start, '\n', size - start) : NULL;
        if (!end)
            return true;
        start = (size_t)(end - text) + 1;
    }
}

/* Index behind the closing quote of the string that starts at offset. */
static size_t skip_string(const char *text, size_t size, size_t offset)
{
    for (offset++; offset < size && text[offset] != '"'; offset++)
        if (text[offset] == '\\')
            offset++;
    return offset + 1;
}

/* Index behind the number or word that starts at offset. */
static size_t skip_word(const char *text, size_t size, size_t offset)
{
    while (offset < size && !memchr(" \t\r\n,]}:", text[offset], 8))
        offset++;
    return offset;
}

typedef struct scan {
    mxd_json_places *places;
    uint32_t node_capacity;
    uint32_t *parents; /* the open containers, outermost first */
    uint32_t depth;
    uint32_t depth_capacity;
    bool expect_key;
    bool have_key;
    uint32_t key_offset;
} scan;

static bool add_node(scan *s, size_t offset)
{
    mxd_json_places *places = s->places;
    if (!grow((void **)&places->nodes, sizeof *places->nodes, places->num_nodes, &s->node_capacity))
        return false;
    uint32_t index = places->num_nodes++;
    places->nodes[index] = (mxd_json_node){
        .value_offset = (uint32_t)offset,
        .key_offset = s->have_key ? s->key_offset : (uint32_t)offset,
        .next = index + 1,
    };
    s->have_key = false;
    return true;
}

static bool open_container(scan *s, size_t offset, bool is_object)
{
    if (!add_node(s, offset) || !grow((void **)&s->parents, sizeof *s->parents, s->depth, &s->depth_capacity))
        return false;
    s->parents[s->depth++] = s->places->num_nodes - 1;
    s->expect_key = is_object;
    return true;
}

static void close_container(scan *s)
{
    if (s->depth > 0)
        s->places->nodes[s->parents[--s->depth]].next = s->places->num_nodes;
    s->expect_key = false;
}

bool mxd_json_places_nodes(mxd_json_places *places, const char *text, size_t size)
{
    scan s = {.places = places};
    bool good = true;
    for (size_t i = 0; i < size && good;) {
        char c = text[i];
        if (c == '{' || c == '[') {
            good = open_container(&s, i++, c == '{');
        } else if (c == '}' || c == ']') {
            close_container(&s);
            i++;
        } else if (c == ',') {
            s.expect_key = s.depth > 0 && text[places->nodes[s.parents[s.depth - 1]].value_offset] == '{';
            i++;
        } else if (c == '"' && s.expect_key) {
            s.key_offset = (uint32_t)i;
            s.have_key = true;
            s.expect_key = false;
            i = skip_string(text, size, i);
        } else if (c == '"') {
            good = add_node(&s, i);
            i = skip_string(text, size, i);
        } else if (memchr(" \t\r\n:", c, 5)) {
            i++;
        } else {
            good = add_node(&s, i);
            i = skip_word(text, size, i);
        }
    }
    free(s.parents);
    return good;
}

void mxd_json_places_find(const mxd_json_places *places, uint32_t offset, uint32_t *line, uint32_t *column)
{
    uint32_t low = 0, high = places->num_lines; /* the line lies in [low, high) */
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (places->line_starts[middle] <= offset)
            low = middle;
        else
            high = middle;
    }
    *line = low + 1;
    *column = offset - places->line_starts[low] + 1;
}

void mxd_json_places_finish(mxd_json_places *places)
{
    free(places->line_starts);
    free(places->nodes);
    *places = (mxd_json_places){0};
}
