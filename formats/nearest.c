/*
 * The nearest word by edit distance: insertions, deletions, substitutions and
 * swaps of neighbours each cost 1 (optimal string alignment), capitals nothing.
 */
#include "reader.h"

#include <ctype.h>
#include <string.h>

/* No key or type is longer; names that are get no suggestion. */
#define MAX_LENGTH 64

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static bool same_letter(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static size_t distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t rows[3][MAX_LENGTH + 1]; /* the last three rows of the table */
    for (size_t j = 0; j <= b_length; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            row[j] = above[j - 1] + (same_letter(a[i - 1], b[j - 1]) ? 0 : 1);
            row[j] = smaller(row[j], smaller(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) && same_letter(a[i - 2], b[j - 1]))
                row[j] = smaller(row[j], above2[j - 2] + 1);
        }
    }
    return rows[a_length % 3][b_length];
}

const char *mxd_nearest(const char *word, const char *const *names, size_t num_names)
{
    size_t length = strlen(word);
    if (length == 0 || length > MAX_LENGTH)
        return NULL;
    size_t best_distance = 2 + length / 4; /* anything farther is another word: 1 letter of 3, 2 of 4, 3 of 8 */
    const char *best = NULL;
    for (size_t i = 0; i < num_names; i++) {
        size_t name_length = names[i] ? strlen(names[i]) : 0;
        if (name_length == 0 || name_length > MAX_LENGTH)
            continue;
        size_t d = distance(word, length, names[i], name_length);
        /* "gain" for "gain_db": a forgotten unit is the likeliest slip of all. */
        if (strncmp(word, names[i], length) == 0 && names[i][length] == '_')
            d = 1;
        if (d < best_distance) {
            best_distance = d;
            best = names[i];
        }
    }
    return best;
}
