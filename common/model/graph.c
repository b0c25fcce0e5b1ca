/* Orders and cycles; see graph.h. */
#include "graph.h"

#include "base/assert.h"
#include "base/err.h"

enum { PLACED = UINT16_MAX };

/* Notes that `placed` is done: one predecessor less for each node that waits for it. The other nodes' lists are walked because there
 * are no lists of successors yet; graphs are small (SL_STAGES_MAX) and ordered once. */
static void release_successors(const struct sl_graph *graph, uint16_t placed, uint16_t *waiting) {
    for (uint32_t node = 0; node < graph->node_count; node++) {
        if (waiting[node] == PLACED) continue;
        for (uint32_t at = graph->first[node]; at < graph->first[node + 1]; at++) {
            if (graph->edges[at] == placed) waiting[node]--;
        }
    }
}

static uint16_t least_ready(const struct sl_graph *graph, const uint16_t *waiting) {
    for (uint16_t node = 0; node < graph->node_count; node++) {
        if (waiting[node] == 0) return node;
    }
    return graph->node_count;
}

/* A predecessor that is not placed; there is one for each node that is not placed when nothing is ready. */
static uint16_t unplaced_predecessor(const struct sl_graph *graph, uint16_t node, const uint16_t *waiting) {
    for (uint32_t at = graph->first[node]; at < graph->first[node + 1]; at++) {
        if (waiting[graph->edges[at]] != PLACED) return graph->edges[at];
    }
    SL_ASSERT(false);
    return 0;
}

/* Walks backwards until a node comes a second time, and turns that loop into a path from its least node. */
static uint16_t find_cycle(const struct sl_graph *graph, const uint16_t *waiting, uint16_t *out_path) {
    uint16_t node = 0;
    while (waiting[node] == PLACED) node++;
    uint16_t length = 0, start = 0;
    for (;;) {
        out_path[length++] = node;
        node = unplaced_predecessor(graph, node, waiting);
        for (start = 0; start < length && out_path[start] != node; start++) {}
        if (start < length) break;
    }
    uint16_t count = (uint16_t)(length - start);
    for (uint16_t i = 0; i < count; i++) out_path[i] = out_path[start + i];
    for (uint16_t i = 0; i < count / 2; i++) {
        uint16_t swapped = out_path[i];
        out_path[i] = out_path[count - 1 - i];
        out_path[count - 1 - i] = swapped;
    }
    return count;
}

static void rotate_to_least(uint16_t *path, uint16_t count) {
    uint16_t least = 0;
    for (uint16_t i = 1; i < count; i++) {
        if (path[i] < path[least]) least = i;
    }
    for (; least > 0; least--) {
        uint16_t first = path[0];
        for (uint16_t i = 1; i < count; i++) path[i - 1] = path[i];
        path[count - 1] = first;
    }
}

int sl_graph_order(const struct sl_graph *graph, uint16_t *scratch, uint16_t *out_order, uint16_t *out_cycle_count) {
    SL_ASSERT(graph->node_count < PLACED);
    uint16_t *waiting = scratch; /* predecessors that are not placed, or PLACED */
    for (uint32_t node = 0; node < graph->node_count; node++) {
        SL_ASSERT(graph->first[node + 1] - graph->first[node] < PLACED);
        waiting[node] = (uint16_t)(graph->first[node + 1] - graph->first[node]);
    }
    for (uint16_t placed = 0; placed < graph->node_count; placed++) {
        uint16_t node = least_ready(graph, waiting);
        if (node == graph->node_count) {
            *out_cycle_count = find_cycle(graph, waiting, out_order);
            rotate_to_least(out_order, *out_cycle_count);
            return SL_E_BAD_INPUT;
        }
        waiting[node] = PLACED;
        out_order[placed] = node;
        release_successors(graph, node, waiting);
    }
    return SL_OK;
}
