/* What the index and the graph hold. */
#include <stdio.h>

#include "search_internal.h"

static int read_counts(sqlite3 *db, struct sl_search_totals *totals) {
    static const char sql[] = "SELECT (SELECT count(*) FROM documents), (SELECT count(*) FROM chunks),"
                              " (SELECT count(*) FROM nodes), (SELECT count(*) FROM edges)";
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        totals->documents = (uint64_t)sqlite3_column_int64(statement, 0);
        totals->chunks = (uint64_t)sqlite3_column_int64(statement, 1);
        totals->nodes = (uint64_t)sqlite3_column_int64(statement, 2);
        totals->edges = (uint64_t)sqlite3_column_int64(statement, 3);
    }
    (void)sqlite3_finalize(statement);
    return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

static int read_types(sqlite3 *db, struct sl_search_totals *totals) {
    static const char sql[] = "SELECT n.kind, sum(e.mentions), count(DISTINCT n.id) FROM edges e JOIN nodes n ON n.id = e.target"
                              " WHERE e.predicate='mentions' GROUP BY n.kind ORDER BY n.kind LIMIT ?1";
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_bind_int(statement, 1, SL_SEARCH_TYPES_MAX);
    while (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        size_t i = totals->type_count++;
        (void)snprintf(totals->types[i].name, sizeof totals->types[i].name, "%s", (const char *)sqlite3_column_text(statement, 0));
        totals->types[i].found_count = (uint64_t)sqlite3_column_int64(statement, 1);
        totals->types[i].distinct_count = (uint64_t)sqlite3_column_int64(statement, 2);
        rc = SQLITE_OK;
    }
    (void)sqlite3_finalize(statement);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

enum sl_search_rc sl_search_totals(struct sl_search *self, struct sl_search_totals *out_totals, char *why, size_t why_size) {
    *out_totals = (struct sl_search_totals){0};
    /* One transaction: all numbers are from one moment. */
    int rc = sqlite3_exec(self->db, "BEGIN", NULL, NULL, NULL);
    if (rc == SQLITE_OK) rc = read_counts(self->db, out_totals);
    if (rc == SQLITE_OK) rc = read_types(self->db, out_totals);
    enum sl_search_rc failed = rc == SQLITE_OK ? SL_SEARCH_OK : sl_search_fail(self, rc, why, why_size);
    if (!sqlite3_get_autocommit(self->db)) (void)sqlite3_exec(self->db, "COMMIT", NULL, NULL, NULL);
    return failed;
}
