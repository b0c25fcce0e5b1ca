/* What one document says, as a set of edges: each once, in one order, with how often it was found. */
#ifndef SL_GRAPH_GRAPH_H
#define SL_GRAPH_GRAPH_H

#include "sdk/attempt.h"
#include "sdk/input.h"

struct sl_graph_node {
    struct sl_span kind;
    struct sl_span label;
};

struct sl_graph_edge {
    struct sl_graph_node source;
    struct sl_span predicate;
    struct sl_graph_node target;
    struct sl_span block; /* where it was found first */
    uint64_t mention_count;
};

struct sl_graph {
    struct sl_span document;
    struct sl_graph_edge *edges; /* owns; sorted by sl_graph_edge_compare, no two equal; at least 0 */
    size_t edge_count;
};

/* Reads {"entities": [{"type","text","block"...}], "claims": [{"subject","predicate","object","block","subject_type"?,
 * "object_type"?}]}, or a map with such a map under the name of a stage. The first claim with the predicate "is-a" and the
 * object "document" names the document. Every entity is an edge "mentions" from the document; every other claim is an edge of its
 * own predicate. A subject or object without a type is the document, when it is its id, else a node of kind "value". What it
 * points to is borrowed from `root`. SLUICE_DONE; or a permanent failure with a sentence. */
sluice_outcome sl_graph_open(struct sl_graph *self, const struct sl_attempt *attempt, const msgpack_object *root);
void sl_graph_close(struct sl_graph *self);

/* Order by source, predicate and target, bytewise. */
int sl_graph_edge_compare(const struct sl_graph_edge *a, const struct sl_graph_edge *b);

#endif
