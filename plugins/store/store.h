/* The writer's side of `index.sqlite`: opened late, kept open, one transaction at a time. Several processes write to one file;
 * each waits its turn for SL_STORE_BUSY_MS at most. */
#ifndef SL_STORE_STORE_H
#define SL_STORE_STORE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

#include "schema.h"

enum { SL_STORE_BUSY_MS = 10000 };

/* Beside SQLite's own result codes: the file was written by a newer Sluice. */
enum { SL_STORE_NEWER = -1 };

struct sl_store;

/* A store in that directory; opens nothing yet. NULL when memory ran out. */
struct sl_store *sl_store_new(const char *data_directory);
/* Closes and frees; NULL is allowed. */
void sl_store_free(struct sl_store **self);

/* How long one attempt of this timeout may wait: a third of it, at most SL_STORE_BUSY_MS. */
int sl_store_patience_ms(unsigned timeout_ms);

/* Opens the file if that is not done (or if it was removed since), makes its tables if they are missing, and begins a
 * transaction that may write, waiting `busy_ms` at most for those of others. SQLITE_OK with *out_db (borrowed), or a code for sl_store_explain. Commits are on disk when they
 * return (synchronous=FULL). */
int sl_store_begin(struct sl_store *self, int busy_ms, sqlite3 **out_db);
/* Ends the transaction; on any error nothing of it stays. */
int sl_store_commit(struct sl_store *self);
void sl_store_rollback(struct sl_store *self);

/* Whether a later attempt may succeed without anybody's help, or after space was made. */
bool sl_store_is_transient(int rc);
/* One sentence about a code, with what to do. `db` may be NULL. */
void sl_store_explain(const struct sl_store *self, int rc, char *sentence, size_t sentence_size);

/* The row of a document in the table `documents`, made when it is missing. SQLITE_OK with *out_id, or an SQLite code. */
int sl_store_document(sqlite3 *db, const char *name, size_t name_size, sqlite3_int64 *out_id);

/* Runs one statement that has neither parameters nor rows. An SQLite code. */
int sl_store_run(sqlite3 *db, const char *sql);
/* Binds text that outlives the statement's next step. An SQLite code. */
int sl_store_bind_text(sqlite3_stmt *statement, int index, const char *text, size_t size);
/* Steps a statement that gives no row, and resets it. SQLITE_OK or an SQLite code. */
int sl_store_step(sqlite3_stmt *statement);

#endif
