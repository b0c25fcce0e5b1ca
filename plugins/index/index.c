/* The stage `index`: puts the chunks and vectors of one document into index.sqlite, in place of those of its last version. */
#include <stdio.h>

#include "batch.h"
#include "rows.h"
#include "sdk/option.h"
#include "sdk/output.h"
#include "store/store.h"

static const sluice_host *host;

static int index_open(const sluice_definition *definition, void **out_self, char *error, size_t error_size) {
    static const char *const keys[] = {NULL};
    struct sl_options options;
    if (sl_options_open(&options, definition, keys, error, error_size) != 0) return -1;
    struct sl_store *store = definition->data_directory ? sl_store_new(definition->data_directory) : NULL;
    int rc = store ? 0 : sl_options_refuse(&options, "the worker has no data directory, or no memory.");
    if (rc == 0) *out_self = store;
    sl_options_close(&options);
    return rc;
}

static void index_close(void *self) {
    struct sl_store *store = self;
    sl_store_free(&store);
}

static sluice_outcome fail_store(const struct sl_attempt *attempt, const struct sl_store *store, int rc) {
    char sentence[1024];
    sl_store_explain(store, rc, sentence, sizeof sentence);
    return sl_attempt_fail(attempt, sl_store_is_transient(rc) ? SLUICE_FAILED_RETRYABLE : SLUICE_FAILED_PERMANENT, "%s", sentence);
}

static sluice_outcome send_receipt(const struct sl_attempt *attempt, const struct sl_index_batch *batch,
                                   const struct sl_index_change *change) {
    struct sl_output output;
    sl_output_init(&output);
    sl_output_map(&output, 4);
    sl_output_text(&output, "document");
    sl_output_span(&output, batch->chunks.document);
    sl_output_text(&output, "chunks_indexed");
    sl_output_uint(&output, batch->chunks.count);
    sl_output_text(&output, "chunks_written");
    sl_output_uint(&output, change->written_count);
    sl_output_text(&output, "chunks_removed");
    sl_output_uint(&output, change->removed_count);
    sluice_outcome outcome = sl_output_send(&output, attempt, "The receipt");
    sl_output_fini(&output);
    return outcome;
}

static sluice_outcome write_batch(struct sl_store *store, const struct sl_attempt *attempt, const struct sl_index_batch *batch) {
    struct sl_index_change change;
    sqlite3 *db;
    if (sl_attempt_cancelled(attempt, 0, 0)) return SLUICE_FAILED_RETRYABLE;
    int rc = sl_store_begin(store, sl_store_patience_ms(host->task(attempt->ctx)->timeout_ms), &db);
    if (rc != SQLITE_OK) return fail_store(attempt, store, rc);
    rc = sl_index_rows_replace(db, batch, &change);
    if (rc == SQLITE_OK) rc = sl_store_commit(store);
    else sl_store_rollback(store);
    return rc == SQLITE_OK ? send_receipt(attempt, batch, &change) : fail_store(attempt, store, rc);
}

static sluice_outcome index_execute(void *self, sluice_ctx *ctx, sluice_bytes upstream, sluice_out *out) {
    const struct sl_attempt attempt = {host, ctx, out};
    struct sl_input input;
    struct sl_index_batch batch;
    if (sl_input_parse(&input, upstream) != 0) {
        return sl_attempt_fail(&attempt, SLUICE_FAILED_PERMANENT, "What came in is not a readable value.");
    }
    sluice_outcome outcome = sl_index_batch_open(&batch, &attempt, input.root);
    if (outcome == SLUICE_DONE) {
        outcome = write_batch(self, &attempt, &batch);
        sl_index_batch_close(&batch);
    }
    sl_input_fini(&input);
    return outcome;
}

static int64_t index_count(sluice_bytes output) {
    struct sl_input input;
    uint64_t count = 0;
    if (sl_input_parse(&input, output) != 0) return 0;
    (void)sl_input_uint(sl_input_member(input.root, "chunks_indexed"), INT64_MAX, &count);
    sl_input_fini(&input);
    return (int64_t)count;
}

static const char *const state_keys[] = {"index_receipt", NULL};
static const char *const dependencies[] = {"chunk", "embed", NULL};

static const sluice_registration registration = {
    .size = sizeof registration,
    .stage_type = "index",
    .description = "Puts chunks and vectors into the index of this worker's host: full text (FTS5) and vectors in SQLite",
    .version = SLUICE_VERSION,
    .state_keys = state_keys,
    .dependencies = dependencies,
    .config_schema = "{\"type\":\"object\",\"additionalProperties\":false}",
    .idempotent = 1,
    .open = index_open,
    .execute = index_execute,
    .close = index_close,
    .output_counter = index_count,
};

static const sluice_registration *const registrations[] = {&registration};

static const sluice_registration_list list = {
    .size = sizeof list,
    .abi_major = SLUICE_ABI_MAJOR,
    .abi_minor = SLUICE_ABI_MINOR,
    .count = 1,
    .registrations = registrations,
};

const sluice_registration_list *sluice_plugin_v1(const sluice_host *host_table) {
    host = host_table;
    return &list;
}
