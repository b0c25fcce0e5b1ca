/* Orders and cycles; see graph.h. */
#include "graph.h"

#include "base/assert.h"
#include "base/err.h"

/* No node, or a node that is done with. */
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

int sl_graph_order(const struct sl_graph *graph, uint16_t *scratch, uint16_t *out_order) {
    SL_ASSERT(graph->node_count < PLACED);
    uint16_t *waiting = scratch; /* predecessors that are not placed, or PLACED */
    for (uint32_t node = 0; node < graph->node_count; node++) {
        SL_ASSERT(graph->first[node + 1] - graph->first[node] < PLACED);
        waiting[node] = (uint16_t)(graph->first[node + 1] - graph->first[node]);
    }
    for (uint16_t placed = 0; placed < graph->node_count; placed++) {
        uint16_t node = least_ready(graph, waiting);
        if (node == graph->node_count) return SL_E_BAD_INPUT;
        waiting[node] = PLACED;
        out_order[placed] = node;
        release_successors(graph, node, waiting);
    }
    return SL_OK;
}

static bool has_bit(const uint64_t *row, uint16_t node) {
    return row[node / 64] >> (node % 64) & 1;
}

/* Warshall's closure, a word of nodes at a time. */
void sl_graph_reach(const struct sl_graph *graph, uint64_t *out_reach) {
    size_t words = sl_graph_reach_words(graph->node_count);
    for (uint32_t node = 0; node < graph->node_count; node++) {
        for (uint32_t at = graph->first[node]; at < graph->first[node + 1]; at++) {
            out_reach[node * words + graph->edges[at] / 64] |= (uint64_t)1 << (graph->edges[at] % 64);
        }
    }
    for (uint16_t through = 0; through < graph->node_count; through++) {
        for (uint32_t node = 0; node < graph->node_count; node++) {
            if (!has_bit(out_reach + node * words, through)) continue;
            for (size_t w = 0; w < words; w++) out_reach[node * words + w] |= out_reach[through * words + w];
        }
    }
}

/* Whether the node is the least one of those that it stands on cycles with. */
static bool answers(const struct sl_graph *graph, const uint64_t *reach, uint16_t node) {
    size_t words = sl_graph_reach_words(graph->node_count);
    if (!has_bit(reach + node * words, node)) return false;
    for (uint16_t other = 0; other < node; other++) {
        if (has_bit(reach + node * words, other) && has_bit(reach + other * words, node)) return false;
    }
    return true;
}

/* Walks backwards from the node, nearest first, until it comes to the node again. `next` tells how each node was come to; the queue
 * needs no place of its own, because out_path is written only when the walk is over. */
uint16_t sl_graph_cycle(const struct sl_graph *graph, const uint64_t *reach, uint16_t node, uint16_t *scratch, uint16_t *out_path) {
    uint16_t *next = scratch, *queue = out_path, queued = 1;
    if (!answers(graph, reach, node)) return 0;
    for (uint32_t i = 0; i < graph->node_count; i++) next[i] = PLACED;
    queue[0] = node;
    for (uint16_t done = 0; next[node] == PLACED; done++) {
        SL_ASSERT(done < queued);
        for (uint32_t at = graph->first[queue[done]]; at < graph->first[queue[done] + 1]; at++) {
            uint16_t before = graph->edges[at];
            if (next[before] != PLACED) continue;
            next[before] = queue[done];
            if (before != node) queue[queued++] = before;
        }
    }
    uint16_t count = 0;
    for (uint16_t at = node; count == 0 || at != node; at = next[at]) out_path[count++] = at;
    return count;
}
