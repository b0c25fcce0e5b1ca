/* The writer's side of `index.sqlite`. */
#include "store.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct sl_store {
    char *path;   /* owns */
    sqlite3 *db;  /* owns; NULL until the first transaction */
    dev_t device; /* which file is open: it may be removed and made again under its name */
    ino_t inode;
    char why[256]; /* SQLite's own words of the last error */
};

struct sl_store *sl_store_new(const char *data_directory) {
    struct sl_store *self = calloc(1, sizeof *self);
    if (!self) return NULL;
    size_t size = strlen(data_directory) + sizeof "/" SL_STORE_FILE;
    self->path = malloc(size);
    if (self->path) (void)snprintf(self->path, size, "%s/%s", data_directory, SL_STORE_FILE);
    else sl_store_free(&self);
    return self;
}

static void close_file(struct sl_store *self) {
    if (self->db) (void)sqlite3_close(self->db); /* Every statement is finalised by its user before a transaction ends. */
    self->db = NULL;
}

void sl_store_free(struct sl_store **self) {
    if (!*self) return;
    close_file(*self);
    free((*self)->path);
    free(*self);
    *self = NULL;
}

int sl_store_run(sqlite3 *db, const char *sql) {
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

int sl_store_bind_text(sqlite3_stmt *statement, int index, const char *text, size_t size) {
    return sqlite3_bind_text64(statement, index, size > 0 ? text : "", size, SQLITE_STATIC, SQLITE_UTF8);
}

int sl_store_step(sqlite3_stmt *statement) {
    int rc = sqlite3_step(statement);
    int reset_rc = sqlite3_reset(statement);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : reset_rc;
}

int sl_store_document(sqlite3 *db, const char *name, size_t name_size, sqlite3_int64 *out_id) {
    static const char insert[] = "INSERT INTO documents(name) VALUES(?1) ON CONFLICT DO NOTHING";
    static const char select[] = "SELECT id FROM documents WHERE name=?1";
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, insert, -1, &statement, NULL);
    if (rc == SQLITE_OK) rc = sl_store_bind_text(statement, 1, name, name_size);
    if (rc == SQLITE_OK) rc = sl_store_step(statement);
    (void)sqlite3_finalize(statement);
    if (rc != SQLITE_OK) return rc;
    rc = sqlite3_prepare_v2(db, select, -1, &statement, NULL);
    if (rc == SQLITE_OK) rc = sl_store_bind_text(statement, 1, name, name_size);
    if (rc == SQLITE_OK) rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) *out_id = sqlite3_column_int64(statement, 0);
    (void)sqlite3_finalize(statement);
    if (rc == SQLITE_DONE) return SQLITE_CORRUPT; /* It was inserted above. */
    return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

static int read_version(sqlite3 *db, int *out_version) {
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &statement, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) *out_version = sqlite3_column_int(statement, 0);
    int final_rc = sqlite3_finalize(statement);
    return rc == SQLITE_ROW ? SQLITE_OK : final_rc;
}

/* Makes the tables in one transaction, unless another process was first. */
static int make_tables(sqlite3 *db) {
    char version_sql[64];
    int version = 0;
    int rc = sl_store_run(db, "PRAGMA journal_mode=WAL");
    if (rc == SQLITE_OK) rc = sl_store_run(db, "BEGIN IMMEDIATE");
    if (rc != SQLITE_OK) return rc;
    rc = read_version(db, &version);
    if (rc == SQLITE_OK && version == 0) {
        (void)snprintf(version_sql, sizeof version_sql, "PRAGMA user_version=%d", SL_STORE_VERSION);
        rc = sl_store_run(db, SL_STORE_SCHEMA);
        if (rc == SQLITE_OK) rc = sl_store_run(db, version_sql);
    }
    if (rc == SQLITE_OK) rc = sl_store_run(db, "COMMIT");
    if (rc != SQLITE_OK) (void)sl_store_run(db, "ROLLBACK");
    return rc;
}

/* A change of the journal's mode does not wait for others as a transaction does, so a lock beside the file lets one process at
 * a time make it. The kernel frees the lock when its holder dies. */
static int make_tables_alone(const struct sl_store *self, sqlite3 *db) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s.lock", self->path);
    int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (lock < 0) return SQLITE_CANTOPEN;
    int rc = flock(lock, LOCK_EX) == 0 ? make_tables(db) : SQLITE_BUSY;
    (void)close(lock);
    return rc;
}

static int prepare_file(struct sl_store *self) {
    int version = 0;
    (void)sqlite3_extended_result_codes(self->db, 0);
    int rc = read_version(self->db, &version);
    if (rc == SQLITE_OK && version > SL_STORE_VERSION) rc = SL_STORE_NEWER;
    if (rc == SQLITE_OK && version == 0) rc = make_tables_alone(self, self->db);
    if (rc == SQLITE_OK) rc = sl_store_run(self->db, "PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON");
    return rc;
}

static int open_file(struct sl_store *self, int busy_ms) {
    struct stat status;
    int rc = sqlite3_open_v2(self->path, &self->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_busy_timeout(self->db, busy_ms);
    if (rc == SQLITE_OK) rc = prepare_file(self);
    if (rc == SQLITE_OK && stat(self->path, &status) != 0) rc = SQLITE_CANTOPEN;
    if (rc == SQLITE_OK) {
        self->device = status.st_dev;
        self->inode = status.st_ino;
    }
    return rc;
}

static void keep_words(struct sl_store *self) {
    (void)snprintf(self->why, sizeof self->why, "%s", self->db ? sqlite3_errmsg(self->db) : "no memory");
}

int sl_store_patience_ms(unsigned timeout_ms) {
    return timeout_ms / 3 < SL_STORE_BUSY_MS ? (int)(timeout_ms / 3) : SL_STORE_BUSY_MS;
}

int sl_store_begin(struct sl_store *self, int busy_ms, sqlite3 **out_db) {
    struct stat status;
    bool is_same = self->db && stat(self->path, &status) == 0 && status.st_dev == self->device && status.st_ino == self->inode;
    if (!is_same) close_file(self);
    int rc = is_same ? sqlite3_busy_timeout(self->db, busy_ms) : open_file(self, busy_ms);
    if (rc == SQLITE_OK) rc = sl_store_run(self->db, "BEGIN IMMEDIATE");
    if (rc == SQLITE_OK) {
        *out_db = self->db;
        return SQLITE_OK;
    }
    keep_words(self);
    if (!is_same) close_file(self);
    return rc;
}

int sl_store_commit(struct sl_store *self) {
    int rc = sl_store_run(self->db, "COMMIT");
    if (rc != SQLITE_OK) sl_store_rollback(self);
    return rc;
}

void sl_store_rollback(struct sl_store *self) {
    keep_words(self);
    if (!sqlite3_get_autocommit(self->db)) (void)sl_store_run(self->db, "ROLLBACK");
}

bool sl_store_is_transient(int rc) {
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_NOMEM:
    case SQLITE_IOERR:
    case SQLITE_INTERRUPT:
    case SQLITE_PROTOCOL: return true;
    default: return false;
    }
}

static const char *advice(int rc) {
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL: return "other workers write to it without a pause; fewer slots for this stage help";
    case SQLITE_FULL: return "the disk is full; make space";
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH: return "it is read-only; give the worker's user the right to write it";
    case SQLITE_CANTOPEN: return "it cannot be opened; see that its directory exists and that the worker's user may write there";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return "it is damaged or no SQLite file; delete it and submit the documents again with --again";
    case SQLITE_NOMEM: return "there is no memory; give the worker more, or fewer slots";
    case SQLITE_IOERR: return "its disk fails; see the system's log";
    default: return "SQLite refuses; see its words";
    }
}

void sl_store_explain(const struct sl_store *self, int rc, char *sentence, size_t sentence_size) {
    if (rc == SL_STORE_NEWER) {
        (void)snprintf(sentence, sentence_size,
                       "%.500s was written by a newer Sluice than this worker (its tables are above version %d): update the worker.",
                       self->path, SL_STORE_VERSION);
        return;
    }
    (void)snprintf(sentence, sentence_size, "%.500s could not be written: %s (%s).", self->path, advice(rc), self->why);
}
