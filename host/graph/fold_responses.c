/* Responses by what is in them: convolvers that read one file each for themselves share it. */
#include "fold_build.h"

#include <stdlib.h>
#include <string.h>

/* FNV-1a over some 64 samples: enough to tell different responses apart, and cheap where they are long. */
static uint64_t hash_response(const float *samples, uint32_t num_frames)
{
    uint64_t hash = 0xcbf29ce484222325u ^ num_frames;
    for (uint32_t i = 0; i < num_frames; i += 1 + num_frames / 64) {
        uint32_t bits;
        memcpy(&bits, &samples[i], sizeof bits);
        hash = (hash ^ bits) * 0x100000001b3u;
    }
    return hash;
}

uint32_t mxd_fold_number_response(mxd_fold_build *b, const float *samples, uint32_t num_frames)
{
    uint64_t hash = hash_response(samples, num_frames);
    uint32_t *bucket = &b->buckets[hash % MXD_FOLD_BUCKETS];
    for (uint32_t i = *bucket; i != MXD_NO_INDEX; i = b->responses[i].next) {
        const mxd_fold_response *known = &b->responses[i];
        if (known->hash == hash && known->num_frames == num_frames &&
            (known->samples == samples || memcmp(known->samples, samples, num_frames * sizeof *samples) == 0))
            return i;
    }
    b->responses[b->num_responses] = (mxd_fold_response){samples, num_frames, hash, *bucket};
    return *bucket = b->num_responses++;
}

bool mxd_fold_share_responses(mxd_fold_build *b)
{
    size_t num_cells = 0;
    for (uint32_t i = 0; i < b->num_operations; i++)
        num_cells += b->operations[i].convolve.num_cells;
    b->responses = calloc(num_cells + 1, sizeof *b->responses);
    if (!b->responses)
        return false;
    memset(b->buckets, 0xff, sizeof b->buckets);
    for (uint32_t i = 0; i < b->num_operations; i++) {
        mxd_convolve_cell *cells = (mxd_convolve_cell *)b->operations[i].convolve.cells; /* the graph's own */
        for (uint32_t j = 0; j < b->operations[i].convolve.num_cells; j++) {
            uint32_t number = mxd_fold_number_response(b, cells[j].response, cells[j].num_frames);
            cells[j].response = b->responses[number].samples;
        }
    }
    return true;
}
