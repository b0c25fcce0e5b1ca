/* Stages that write to index.sqlite; see stage.h. */
#include "stage.h"

#include "sdk/option.h"

int sl_store_stage_open(const sluice_definition *definition, void **out_self, char *error, size_t error_size) {
    static const char *const keys[] = {NULL};
    struct sl_options options;
    if (sl_options_open(&options, definition, keys, error, error_size) != 0) return -1;
    struct sl_store *store = definition->data_directory ? sl_store_new(definition->data_directory) : NULL;
    int rc = store ? 0 : sl_options_refuse(&options, "the worker has no data directory, or no memory.");
    if (rc == 0) *out_self = store;
    sl_options_close(&options);
    return rc;
}

void sl_store_stage_close(void *self) {
    struct sl_store *store = self;
    sl_store_free(&store);
}

static sluice_outcome fail(const struct sl_attempt *attempt, const struct sl_store *store, int rc) {
    char sentence[1024];
    sl_store_explain(store, rc, sentence, sizeof sentence);
    return sl_attempt_fail(attempt, sl_store_is_transient(rc) ? SLUICE_FAILED_RETRYABLE : SLUICE_FAILED_PERMANENT, "%s", sentence);
}

sluice_outcome sl_store_stage_write(struct sl_store *self, const struct sl_attempt *attempt, int (*write)(sqlite3 *db, void *what),
                                    void *what) {
    sqlite3 *db;
    if (sl_attempt_cancelled(attempt, 0, 0)) return SLUICE_FAILED_RETRYABLE;
    int rc = sl_store_begin(self, sl_store_patience_ms(attempt->host->task(attempt->ctx)->timeout_ms), &db);
    if (rc != SQLITE_OK) return fail(attempt, self, rc);
    rc = write(db, what);
    if (rc == SQLITE_OK) rc = sl_store_commit(self);
    else sl_store_rollback(self);
    return rc == SQLITE_OK ? SLUICE_DONE : fail(attempt, self, rc);
}
