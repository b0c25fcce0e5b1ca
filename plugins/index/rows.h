/* The rows of one document in index.sqlite. */
#ifndef SL_INDEX_ROWS_H
#define SL_INDEX_ROWS_H

#include <sqlite3.h>

#include "batch.h"

struct sl_index_change {
    uint64_t written_count;
    uint64_t removed_count;
};

/* Makes the rows of the batch's document equal to the batch, within the transaction that is open: writes nothing when they are
 * equal already, else replaces them all. SQLITE_OK with *out_change, or an SQLite code. */
int sl_index_rows_replace(sqlite3 *db, const struct sl_index_batch *batch, struct sl_index_change *out_change);

#endif
