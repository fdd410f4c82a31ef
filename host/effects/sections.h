/* Second-order sections on some lanes of an insert: as they stand, or moved by automation. */
#ifndef MXD_EFFECTS_SECTIONS_H
#define MXD_EFFECTS_SECTIONS_H

#include "../graph/builder.h"

/*
 * Sections in the order of the signal. map: NULL where they stand still, for the kernel eq; else their values for the
 * kernel filter, by mxd_put_sections, as many sections at any moment.
 */
typedef struct mxd_sections {
    mxd_svf at_rest[MXD_EQ_MAX_SECTIONS];
    uint32_t count;            /* 0: the lanes stay as they are */
    mxd_row_map *map;
    uint32_t index;            /* for map */
} mxd_sections;

/* Each lane through all of them, in place. */
mxd_result mxd_emit_sections(mxd_graph_builder *builder, const uint32_t *lanes, uint32_t num_lanes,
                             const mxd_sections *sections);

/* The kernel filter on some lanes, by a map as above: as few rows as take them all. outputs may be inputs. */
mxd_result mxd_emit_filter(mxd_graph_builder *builder, const uint32_t *inputs, const uint32_t *outputs,
                           uint32_t num_lanes, uint32_t num_sections, mxd_row_map *map, uint32_t index);

/* The kernel filter's values of some sections. */
void mxd_put_sections(const mxd_svf *sections, uint32_t num_sections, double *row_values);

#endif
