/* Graph questions over stage indexes: order, cycles, ancestors. Pure, over plain arrays. */
#ifndef SL_MODEL_GRAPH_H
#define SL_MODEL_GRAPH_H

#include "base/alloc.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An edge list: predecessors of node i are edges[first[i] .. first[i + 1]). */
struct sl_graph {
    const uint16_t *edges;
    const uint32_t *first; /* node_count + 1 entries */
    uint16_t node_count;
};

/* Kahn's algorithm, ties by index. Writes node_count indexes to out_order and returns 0; or SL_E_BAD_INPUT when there is a cycle:
 * then out_order holds nothing. `scratch` has room for node_count entries. */
int sl_graph_order(const struct sl_graph *graph, uint16_t *scratch, uint16_t *out_order);

/* A shortest cycle through the node, as a path from it (the node itself is not repeated at the end), and its length; 0 when no cycle
 * leads through it, or when a lesser node stands on a cycle with it: so each strongly connected component has one node that answers.
 * `reach` is that of sl_graph_reach; `scratch` and `out_path` have room for node_count entries. */
uint16_t sl_graph_cycle(const struct sl_graph *graph, const uint64_t *reach, uint16_t node, uint16_t *scratch, uint16_t *out_path);

/* The words of one row of sl_graph_reach. */
static inline size_t sl_graph_reach_words(uint16_t node_count) {
    return ((size_t)node_count + 63) / 64;
}

/* For each node a row of bits: the nodes that it comes after, itself if it stands on a cycle. `out_reach` is zeroed and has room for
 * node_count rows. */
void sl_graph_reach(const struct sl_graph *graph, uint64_t *out_reach);

#endif
