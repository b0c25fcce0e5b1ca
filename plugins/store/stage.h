/* What the stages share that write to index.sqlite: their instance is a store, and an attempt is one transaction. */
#ifndef SL_STORE_STAGE_H
#define SL_STORE_STAGE_H

#include "sdk/attempt.h"
#include "store.h"

/* `open` and `close` of such a stage; it has no config. */
int sl_store_stage_open(const sluice_definition *definition, void **out_self, char *error, size_t error_size);
void sl_store_stage_close(void *self);

/* One transaction of an attempt: `write` puts `what` into the open file and tells an SQLite code; nothing of it stays unless that was
 * SQLITE_OK. SLUICE_DONE, or a failure with a sentence, also when the job is cancelled. */
sluice_outcome sl_store_stage_write(struct sl_store *self, const struct sl_attempt *attempt, int (*write)(sqlite3 *db, void *what),
                                    void *what);

#endif
