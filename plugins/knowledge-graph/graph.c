/* What one document says, as a set of edges. */
#include "graph.h"

#include <stdlib.h>

static const char document_kind[] = "document";

static int compare_spans(struct sl_span a, struct sl_span b) {
    size_t shorter = a.size < b.size ? a.size : b.size;
    int order = shorter > 0 ? memcmp(a.data, b.data, shorter) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

static int compare_nodes(struct sl_graph_node a, struct sl_graph_node b) {
    int order = compare_spans(a.kind, b.kind);
    return order ? order : compare_spans(a.label, b.label);
}

int sl_graph_edge_compare(const struct sl_graph_edge *a, const struct sl_graph_edge *b) {
    int order = compare_nodes(a->source, b->source);
    if (order == 0) order = compare_spans(a->predicate, b->predicate);
    return order ? order : compare_nodes(a->target, b->target);
}

/* Edges of the same thing stand in the order in which they were found: they lie in one array until they are merged. */
static int compare_for_sort(const void *left, const void *right) {
    const struct sl_graph_edge *a = left, *b = right;
    int order = sl_graph_edge_compare(a, b);
    return order ? order : (a->mention_count > b->mention_count) - (a->mention_count < b->mention_count);
}

static const msgpack_object *find_map(const msgpack_object *root) {
    if (sl_input_member(root, "claims")) return root;
    for (uint32_t i = 0; root->type == MSGPACK_OBJECT_MAP && i < root->via.map.size; i++) {
        const msgpack_object *value = &root->via.map.ptr[i].val;
        if (sl_input_member(value, "claims")) return value;
    }
    return root;
}

static bool find_document(struct sl_graph *self, msgpack_object_array claims) {
    for (uint32_t i = 0; i < claims.size; i++) {
        struct sl_span predicate, object;
        bool is_it = sl_input_text(sl_input_member(&claims.ptr[i], "predicate"), &predicate) && sl_span_is(predicate, "is-a") &&
                     sl_input_text(sl_input_member(&claims.ptr[i], "object"), &object) && sl_span_is(object, document_kind) &&
                     sl_input_text(sl_input_member(&claims.ptr[i], "subject"), &self->document) && self->document.size > 0;
        if (is_it) return true;
    }
    return false;
}

static struct sl_graph_node document_node(const struct sl_graph *self) {
    return (struct sl_graph_node){sl_span_of(document_kind), self->document};
}

static bool read_entity(const struct sl_graph *self, const msgpack_object *object, struct sl_graph_edge *out_edge) {
    *out_edge = (struct sl_graph_edge){.source = document_node(self), .predicate = sl_span_of("mentions")};
    return sl_input_text(sl_input_member(object, "type"), &out_edge->target.kind) &&
           sl_input_text(sl_input_member(object, "text"), &out_edge->target.label) &&
           sl_input_text(sl_input_member(object, "block"), &out_edge->block) && out_edge->target.kind.size > 0 &&
           out_edge->target.label.size > 0;
}

static bool read_node(const struct sl_graph *self, const msgpack_object *claim, const char *key, const char *type_key,
                      struct sl_graph_node *out_node) {
    const msgpack_object *type = sl_input_member(claim, type_key);
    if (!sl_input_text(sl_input_member(claim, key), &out_node->label) || out_node->label.size == 0) return false;
    if (type) return sl_input_text(type, &out_node->kind) && out_node->kind.size > 0;
    bool is_document = sl_span_equal(out_node->label, self->document);
    out_node->kind = sl_span_of(is_document ? document_kind : "value");
    return true;
}

static bool read_claim(const struct sl_graph *self, const msgpack_object *object, struct sl_graph_edge *out_edge) {
    *out_edge = (struct sl_graph_edge){0};
    return read_node(self, object, "subject", "subject_type", &out_edge->source) &&
           read_node(self, object, "object", "object_type", &out_edge->target) &&
           sl_input_text(sl_input_member(object, "predicate"), &out_edge->predicate) && out_edge->predicate.size > 0 &&
           sl_input_text(sl_input_member(object, "block"), &out_edge->block);
}

/* The claim that names the document makes its node; it is no edge. */
static bool names_document(const struct sl_graph *self, const struct sl_graph_edge *edge) {
    return sl_span_is(edge->predicate, "is-a") && sl_span_is(edge->target.label, document_kind) &&
           sl_span_equal(edge->source.label, self->document);
}

/* Sorts, and makes one edge of equal ones. mention_count holds each edge's place until then. */
static void merge_edges(struct sl_graph *self) {
    size_t kept = 0;
    qsort(self->edges, self->edge_count, sizeof *self->edges, compare_for_sort);
    for (size_t i = 0; i < self->edge_count; i++) {
        if (kept > 0 && sl_graph_edge_compare(&self->edges[kept - 1], &self->edges[i]) == 0) {
            self->edges[kept - 1].mention_count++;
            continue;
        }
        self->edges[kept] = self->edges[i];
        self->edges[kept++].mention_count = 1;
    }
    self->edge_count = kept;
}

static sluice_outcome read_edges(struct sl_graph *self, const struct sl_attempt *attempt, msgpack_object_array entities,
                                 msgpack_object_array claims) {
    self->edges = calloc((size_t)entities.size + claims.size + 1, sizeof *self->edges);
    if (!self->edges) return sl_attempt_no_memory(attempt);
    for (uint32_t i = 0; i < entities.size; i++) {
        if (!read_entity(self, &entities.ptr[i], &self->edges[self->edge_count])) {
            return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT, "Entity %u needs the texts `type`, `text` and `block`.", i + 1);
        }
        self->edges[self->edge_count].mention_count = self->edge_count;
        self->edge_count++;
    }
    for (uint32_t i = 0; i < claims.size; i++) {
        struct sl_graph_edge *edge = &self->edges[self->edge_count];
        if (!read_claim(self, &claims.ptr[i], edge)) {
            return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT,
                                   "Claim %u needs the texts `subject`, `predicate`, `object` and `block`.", i + 1);
        }
        edge->mention_count = self->edge_count;
        if (!names_document(self, edge)) self->edge_count++;
    }
    merge_edges(self);
    return SLUICE_DONE;
}

sluice_outcome sl_graph_open(struct sl_graph *self, const struct sl_attempt *attempt, const msgpack_object *root) {
    const msgpack_object *map = find_map(root);
    msgpack_object_array entities, claims;
    *self = (struct sl_graph){0};
    if (!sl_input_array(sl_input_member(map, "entities"), &entities) || !sl_input_array(sl_input_member(map, "claims"), &claims)) {
        return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT,
                               "What came in is %s without the arrays `entities` and `claims`; let a stage of type extract come "
                               "before.",
                               sl_input_kind(root));
    }
    if (!find_document(self, claims)) {
        return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT,
                               "No claim says which document this is; one must be {\"subject\": its id, \"predicate\": \"is-a\", "
                               "\"object\": \"document\"}.");
    }
    sluice_outcome outcome = read_edges(self, attempt, entities, claims);
    if (outcome != SLUICE_DONE) sl_graph_close(self);
    return outcome;
}

void sl_graph_close(struct sl_graph *self) {
    free(self->edges);
    self->edges = NULL;
}
