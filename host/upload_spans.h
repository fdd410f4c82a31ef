/*
 * Which uploads of a block name the same frames, so that these are moved, and
 * counted, once: the same address, format and number of channels.
 */
#ifndef MXD_UPLOAD_SPANS_H
#define MXD_UPLOAD_SPANS_H

#include "backend.h"

/*
 * Writes a pointer to each upload to order: those of the same frames side by
 * side, silent ones last. Returns how many are not silent.
 */
uint32_t mxd_upload_order(const mxd_upload *uploads, uint32_t num_uploads, const mxd_upload **order);

/* How many uploads at the start of order have the frames of the first; 0 if count is. */
uint32_t mxd_upload_same_frames(const mxd_upload *const *order, uint32_t count);

#endif
