/* Graph questions over stage indexes: order, cycles, ancestors. Pure, over plain arrays. */
#ifndef SL_MODEL_GRAPH_H
#define SL_MODEL_GRAPH_H

#include "base/alloc.h"

#include <stdbool.h>
#include <stdint.h>

/* An edge list: predecessors of node i are edges[first[i] .. first[i + 1]). */
struct sl_graph {
    const uint16_t *edges;
    const uint32_t *first; /* node_count + 1 entries */
    uint16_t node_count;
};

/* Kahn's algorithm, ties by index. Writes node_count indexes to out_order and returns 0; or SL_E_BAD_INPUT when there is a cycle:
 * then out_order holds one cycle as a path (first node repeated at the end is left out) and *out_cycle_count its length.
 * `scratch` has room for node_count entries. */
int sl_graph_order(const struct sl_graph *graph, uint16_t *scratch, uint16_t *out_order, uint16_t *out_cycle_count);

#endif
