/* The nodes and edges of one document in index.sqlite. */
#include "rows.h"

#include <stdlib.h>

#include "store/store.h"

/* An edge as it stands in the file. */
struct stored {
    struct sl_graph_edge edge;
    sqlite3_int64 source;
    sqlite3_int64 target;
    char *text; /* owns what the edge's spans point to */
};

/* One replacement; statements are prepared once. */
struct replacement {
    sqlite3 *db;
    sqlite3_int64 document;
    struct stored *stored; /* owns; sorted as the graph's edges */
    size_t stored_count;
    sqlite3_stmt *add_node, *find_node, *add_edge, *remove_edge, *remove_node;
    struct sl_graph_change change;
};

static int bind_span(sqlite3_stmt *statement, int index, struct sl_span span) {
    return sl_store_bind_text(statement, index, span.data, span.size);
}

/* The row of a node, made when it is missing. */
static int find_node(struct replacement *self, struct sl_graph_node node, sqlite3_int64 *out_id) {
    int rc = bind_span(self->add_node, 1, node.kind);
    if (rc == SQLITE_OK) rc = bind_span(self->add_node, 2, node.label);
    if (rc == SQLITE_OK) rc = sl_store_step(self->add_node);
    if (rc != SQLITE_OK) return rc;
    self->change.nodes_written += (uint64_t)sqlite3_changes(self->db);
    rc = bind_span(self->find_node, 1, node.kind);
    if (rc == SQLITE_OK) rc = bind_span(self->find_node, 2, node.label);
    if (rc == SQLITE_OK) rc = sqlite3_step(self->find_node);
    if (rc == SQLITE_ROW) *out_id = sqlite3_column_int64(self->find_node, 0);
    (void)sqlite3_reset(self->find_node);
    if (rc == SQLITE_DONE) return SQLITE_CORRUPT; /* It was made above. */
    return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

/* Copies the texts of columns 0 to 5 into one block of memory. */
static int copy_edge(struct stored *stored, sqlite3_stmt *row) {
    struct sl_span *const spans[] = {&stored->edge.source.kind, &stored->edge.source.label, &stored->edge.predicate,
                                     &stored->edge.target.kind, &stored->edge.target.label, &stored->edge.block};
    size_t size = 1, used = 0;
    for (int i = 0; i < 6; i++) size += (size_t)sqlite3_column_bytes(row, i);
    stored->text = malloc(size);
    if (!stored->text) return SQLITE_NOMEM;
    for (int i = 0; i < 6; i++) {
        size_t part = (size_t)sqlite3_column_bytes(row, i);
        if (part > 0) memcpy(stored->text + used, sqlite3_column_text(row, i), part);
        *spans[i] = sl_span(stored->text + used, part);
        used += part;
    }
    stored->edge.mention_count = (uint64_t)sqlite3_column_int64(row, 6);
    stored->source = sqlite3_column_int64(row, 7);
    stored->target = sqlite3_column_int64(row, 8);
    return SQLITE_OK;
}

static int compare_stored(const void *left, const void *right) {
    const struct stored *a = left, *b = right;
    return sl_graph_edge_compare(&a->edge, &b->edge);
}

static int read_stored(struct replacement *self) {
    static const char sql[] = "SELECT s.kind, s.label, e.predicate, t.kind, t.label, e.block, e.mentions, s.id, t.id FROM edges e"
                              " JOIN nodes s ON s.id = e.source JOIN nodes t ON t.id = e.target WHERE e.document=?1";
    sqlite3_stmt *statement = NULL;
    size_t capacity = 0;
    int rc = sqlite3_prepare_v2(self->db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_bind_int64(statement, 1, self->document);
    while (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        if (self->stored_count == capacity) {
            capacity = capacity ? capacity * 2 : 64;
            struct stored *grown = realloc(self->stored, capacity * sizeof *grown);
            if (grown) self->stored = grown;
            rc = grown ? SQLITE_OK : SQLITE_NOMEM;
        } else {
            rc = SQLITE_OK;
        }
        if (rc == SQLITE_OK) rc = copy_edge(&self->stored[self->stored_count], statement);
        if (rc == SQLITE_OK) self->stored_count++;
    }
    (void)sqlite3_finalize(statement);
    if (rc != SQLITE_DONE) return rc;
    if (self->stored_count > 1) qsort(self->stored, self->stored_count, sizeof *self->stored, compare_stored);
    return SQLITE_OK;
}

static int prepare(struct replacement *self) {
    static const char add_node[] = "INSERT INTO nodes(kind, label) VALUES(?1, ?2) ON CONFLICT DO NOTHING";
    static const char find_node_sql[] = "SELECT id FROM nodes WHERE kind=?1 AND label=?2";
    static const char add_edge[] = "INSERT INTO edges(document, source, predicate, target, mentions, block)"
                                   " VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT(document, source, predicate, target)"
                                   " DO UPDATE SET mentions=excluded.mentions, block=excluded.block";
    static const char remove_edge[] = "DELETE FROM edges WHERE document=?1 AND source=?2 AND predicate=?3 AND target=?4";
    static const char remove_node[] = "DELETE FROM nodes WHERE id=?1 AND NOT EXISTS (SELECT 1 FROM edges WHERE source=?1)"
                                      " AND NOT EXISTS (SELECT 1 FROM edges WHERE target=?1)"
                                      " AND NOT (kind='document' AND label IN (SELECT name FROM documents))";
    int rc = sqlite3_prepare_v2(self->db, add_node, -1, &self->add_node, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_prepare_v2(self->db, find_node_sql, -1, &self->find_node, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_prepare_v2(self->db, add_edge, -1, &self->add_edge, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_prepare_v2(self->db, remove_edge, -1, &self->remove_edge, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_prepare_v2(self->db, remove_node, -1, &self->remove_node, NULL);
    return rc;
}

static int write_edge(struct replacement *self, const struct sl_graph_edge *edge) {
    sqlite3_int64 source = 0, target = 0;
    int rc = find_node(self, edge->source, &source);
    if (rc == SQLITE_OK) rc = find_node(self, edge->target, &target);
    if (rc == SQLITE_OK) rc = sqlite3_bind_int64(self->add_edge, 1, self->document);
    if (rc == SQLITE_OK) rc = sqlite3_bind_int64(self->add_edge, 2, source);
    if (rc == SQLITE_OK) rc = bind_span(self->add_edge, 3, edge->predicate);
    if (rc == SQLITE_OK) rc = sqlite3_bind_int64(self->add_edge, 4, target);
    if (rc == SQLITE_OK) rc = sqlite3_bind_int64(self->add_edge, 5, (sqlite3_int64)edge->mention_count);
    if (rc == SQLITE_OK) rc = bind_span(self->add_edge, 6, edge->block);
    if (rc == SQLITE_OK) rc = sl_store_step(self->add_edge);
    self->change.edges_written += rc == SQLITE_OK;
    return rc;
}

static int remove_edge(struct replacement *self, const struct stored *stored) {
    int rc = sqlite3_bind_int64(self->remove_edge, 1, self->document);
    if (rc == SQLITE_OK) rc = sqlite3_bind_int64(self->remove_edge, 2, stored->source);
    if (rc == SQLITE_OK) rc = bind_span(self->remove_edge, 3, stored->edge.predicate);
    if (rc == SQLITE_OK) rc = sqlite3_bind_int64(self->remove_edge, 4, stored->target);
    if (rc == SQLITE_OK) rc = sl_store_step(self->remove_edge);
    self->change.edges_removed += rc == SQLITE_OK;
    return rc;
}

static int remove_node(struct replacement *self, sqlite3_int64 id) {
    int rc = sqlite3_bind_int64(self->remove_node, 1, id);
    if (rc == SQLITE_OK) rc = sl_store_step(self->remove_node);
    if (rc == SQLITE_OK) self->change.nodes_removed += (uint64_t)sqlite3_changes(self->db);
    return rc;
}

/* Walks both sorted lists at once. Removed edges are marked by an empty predicate: their nodes are looked at in the end. */
static int write_difference(struct replacement *self, const struct sl_graph *graph) {
    size_t i = 0, j = 0;
    int rc = SQLITE_OK;
    while (rc == SQLITE_OK && (i < graph->edge_count || j < self->stored_count)) {
        int order = i == graph->edge_count         ? 1
                    : j == self->stored_count ? -1
                                              : sl_graph_edge_compare(&graph->edges[i], &self->stored[j].edge);
        if (order > 0) {
            rc = remove_edge(self, &self->stored[j]);
            self->stored[j++].edge.predicate = sl_span(NULL, 0);
            continue;
        }
        const struct sl_graph_edge *edge = &graph->edges[i];
        bool is_equal = order == 0 && edge->mention_count == self->stored[j].edge.mention_count &&
                        sl_span_equal(edge->block, self->stored[j].edge.block);
        if (!is_equal) rc = write_edge(self, edge);
        i++;
        j += order == 0;
    }
    for (j = 0; rc == SQLITE_OK && j < self->stored_count; j++) {
        if (self->stored[j].edge.predicate.size > 0) continue;
        rc = remove_node(self, self->stored[j].source);
        if (rc == SQLITE_OK) rc = remove_node(self, self->stored[j].target);
    }
    return rc;
}

static void finish(struct replacement *self) {
    (void)sqlite3_finalize(self->add_node);
    (void)sqlite3_finalize(self->find_node);
    (void)sqlite3_finalize(self->add_edge);
    (void)sqlite3_finalize(self->remove_edge);
    (void)sqlite3_finalize(self->remove_node);
    for (size_t i = 0; i < self->stored_count; i++) free(self->stored[i].text);
    free(self->stored);
}

int sl_graph_rows_replace(sqlite3 *db, const struct sl_graph *graph, struct sl_graph_change *out_change) {
    struct replacement self = {.db = db};
    sqlite3_int64 node;
    int rc = sl_store_document(db, graph->document.data, graph->document.size, &self.document);
    if (rc == SQLITE_OK) rc = prepare(&self);
    if (rc == SQLITE_OK) rc = find_node(&self, (struct sl_graph_node){sl_span_of("document"), graph->document}, &node);
    if (rc == SQLITE_OK) rc = read_stored(&self);
    if (rc == SQLITE_OK) rc = write_difference(&self, graph);
    finish(&self);
    *out_change = self.change;
    return rc;
}
