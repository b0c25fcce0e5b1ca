/* The stage `index`: puts the chunks and vectors of one document into index.sqlite, in place of those of its last version. */
#include <stdio.h>

#include "batch.h"
#include "rows.h"
#include "sdk/output.h"
#include "sdk/plugin.h"
#include "store/stage.h"

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

/* What is written, and what that changed. */
struct writing {
    const struct sl_index_batch *batch;
    struct sl_index_change change;
};

static int write_rows(sqlite3 *db, void *what) {
    struct writing *writing = what;
    return sl_index_rows_replace(db, writing->batch, &writing->change);
}

static sluice_outcome write_batch(struct sl_store *store, const struct sl_attempt *attempt, const struct sl_index_batch *batch) {
    struct writing writing = {.batch = batch};
    sluice_outcome outcome = sl_store_stage_write(store, attempt, write_rows, &writing);
    return outcome == SLUICE_DONE ? send_receipt(attempt, batch, &writing.change) : outcome;
}

static sluice_outcome index_execute(void *self, sluice_ctx *ctx, sluice_bytes upstream, sluice_out *out) {
    const struct sl_attempt attempt = {sl_host, ctx, out};
    struct sl_input input;
    struct sl_index_batch batch;
    sluice_outcome outcome = sl_attempt_read(&attempt, upstream, &input);
    if (outcome != SLUICE_DONE) return outcome;
    outcome = sl_index_batch_open(&batch, &attempt, input.root);
    if (outcome == SLUICE_DONE) {
        outcome = write_batch(self, &attempt, &batch);
        sl_index_batch_close(&batch);
    }
    sl_input_fini(&input);
    return outcome;
}

static int64_t index_count(sluice_bytes output) {
    return sl_input_count(output, "chunks_indexed");
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
    .open = sl_store_stage_open,
    .execute = index_execute,
    .close = sl_store_stage_close,
    .output_counter = index_count,
};

const sluice_registration *const sl_plugin_stages[] = {&registration, NULL};
