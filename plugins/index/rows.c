/* The rows of one document in index.sqlite. */
#include "rows.h"

#include "store/store.h"

/* What stands behind the last '#' of a chunk's id. */
static struct sl_span label_of(const struct sl_index_batch *batch, size_t index) {
    struct sl_span id = batch->chunks.items[index].id;
    size_t skipped = batch->chunks.document.size + 1;
    return sl_span(id.data + skipped, id.size - skipped);
}

static bool column_equals(sqlite3_stmt *row, int column, struct sl_span value) {
    const void *data = sqlite3_column_blob(row, column);
    return sl_span_equal(sl_span(data, (size_t)sqlite3_column_bytes(row, column)), value);
}

static bool row_equals(sqlite3_stmt *row, const struct sl_index_batch *batch, size_t index) {
    const struct sl_chunk *chunk = &batch->chunks.items[index];
    return column_equals(row, 0, label_of(batch, index)) && column_equals(row, 1, chunk->section) &&
           column_equals(row, 2, chunk->title) && (uint64_t)sqlite3_column_int64(row, 3) == chunk->start &&
           (uint64_t)sqlite3_column_int64(row, 4) == chunk->end && column_equals(row, 5, chunk->text) &&
           column_equals(row, 6, batch->vectors[index]) && column_equals(row, 7, batch->model);
}

/* Whether the rows are the batch. SQLITE_OK with *out_equal and the number of rows, or an SQLite code. */
static int compare_rows(sqlite3 *db, sqlite3_int64 document, const struct sl_index_batch *batch, bool *out_equal,
                        uint64_t *out_row_count) {
    static const char sql[] = "SELECT c.label, c.section, c.title, c.start, c.end, c.text, c.vector, d.model FROM chunks c"
                              " JOIN documents d ON d.id = c.document WHERE c.document=?1 ORDER BY c.position";
    sqlite3_stmt *statement = NULL;
    uint64_t count = 0;
    bool is_equal = true;
    int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_bind_int64(statement, 1, document);
    while (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        is_equal = is_equal && count < batch->chunks.count && row_equals(statement, batch, count);
        count++;
        rc = SQLITE_OK;
    }
    (void)sqlite3_finalize(statement);
    *out_equal = is_equal && count == batch->chunks.count;
    *out_row_count = count;
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int insert_row(sqlite3_stmt *statement, sqlite3_int64 document, const struct sl_index_batch *batch, size_t index) {
    const struct sl_chunk *chunk = &batch->chunks.items[index];
    const struct sl_span label = label_of(batch, index);
    int rc = sqlite3_bind_int64(statement, 1, document);
    if (rc == SQLITE_OK) rc = sqlite3_bind_int64(statement, 2, (sqlite3_int64)index);
    if (rc == SQLITE_OK) rc = sl_store_bind_text(statement, 3, label.data, label.size);
    if (rc == SQLITE_OK) rc = sl_store_bind_text(statement, 4, chunk->section.data, chunk->section.size);
    if (rc == SQLITE_OK) rc = sl_store_bind_text(statement, 5, chunk->title.data, chunk->title.size);
    if (rc == SQLITE_OK) rc = sqlite3_bind_int64(statement, 6, (sqlite3_int64)chunk->start);
    if (rc == SQLITE_OK) rc = sqlite3_bind_int64(statement, 7, (sqlite3_int64)chunk->end);
    if (rc == SQLITE_OK) rc = sl_store_bind_text(statement, 8, chunk->text.data, chunk->text.size);
    if (rc == SQLITE_OK) {
        rc = sqlite3_bind_blob64(statement, 9, batch->vectors[index].data, batch->vectors[index].size, SQLITE_STATIC);
    }
    return rc == SQLITE_OK ? sl_store_step(statement) : rc;
}

static int insert_rows(sqlite3 *db, sqlite3_int64 document, const struct sl_index_batch *batch) {
    static const char sql[] = "INSERT INTO chunks(document, position, label, section, title, start, end, text, vector)"
                              " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    for (size_t i = 0; rc == SQLITE_OK && i < batch->chunks.count; i++) rc = insert_row(statement, document, batch, i);
    (void)sqlite3_finalize(statement);
    return rc;
}

static int run_for_document(sqlite3 *db, const char *sql, sqlite3_int64 document, const struct sl_index_batch *batch) {
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_bind_int64(statement, 1, document);
    if (rc == SQLITE_OK && batch) rc = sl_store_bind_text(statement, 2, batch->model.data, batch->model.size);
    if (rc == SQLITE_OK && batch) rc = sqlite3_bind_int64(statement, 3, (sqlite3_int64)batch->dimension);
    if (rc == SQLITE_OK) rc = sl_store_step(statement);
    (void)sqlite3_finalize(statement);
    return rc;
}

int sl_index_rows_replace(sqlite3 *db, const struct sl_index_batch *batch, struct sl_index_change *out_change) {
    sqlite3_int64 document = 0;
    uint64_t row_count = 0;
    bool is_equal = false;
    *out_change = (struct sl_index_change){0};
    int rc = sl_store_document(db, batch->chunks.document.data, batch->chunks.document.size, &document);
    if (rc == SQLITE_OK) rc = compare_rows(db, document, batch, &is_equal, &row_count);
    if (rc != SQLITE_OK || is_equal) return rc;
    rc = run_for_document(db, "DELETE FROM chunks WHERE document=?1", document, NULL);
    if (rc == SQLITE_OK) rc = run_for_document(db, "UPDATE documents SET model=?2, dimension=?3 WHERE id=?1", document, batch);
    if (rc == SQLITE_OK) rc = insert_rows(db, document, batch);
    *out_change = (struct sl_index_change){.written_count = batch->chunks.count, .removed_count = row_count};
    return rc;
}
