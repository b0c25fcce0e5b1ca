/* Searching index.sqlite. */
#include "search.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "embed/ngrams.h"
#include "search_internal.h"
#include "store/schema.h"

enum { LIMIT_DEFAULT = 10, LIMIT_MAX = 1000, BUSY_MS = 5000, SNIPPET_WORDS = 24, SNIPPET_BYTES = 240, QUERY_BYTES_MAX = 4096 };

int sl_search_fail(const struct sl_search *self, int rc, char *why, size_t why_size) {
    (void)snprintf(why, why_size, "%s cannot be searched: %s.", self->path,
                   rc == SQLITE_NOMEM || !self->db ? "there is no memory" : sqlite3_errmsg(self->db));
    return -1;
}

/* Opens without writing. A file in WAL mode in a directory where this user may not write cannot be opened for sharing; when no
 * journal lies beside it, nobody writes, and it is read as it is. */
static int open_read_only(struct sl_search *self) {
    char uri[8192], journal[4200];
    struct stat status;
    int rc = sqlite3_open_v2(self->path, &self->db, SQLITE_OPEN_READONLY, NULL);
    if (rc == SQLITE_OK) (void)sqlite3_busy_timeout(self->db, BUSY_MS);
    if (rc == SQLITE_OK) rc = sqlite3_exec(self->db, "SELECT 1 FROM sqlite_schema LIMIT 1", NULL, NULL, NULL);
    if (rc != SQLITE_CANTOPEN && rc != SQLITE_READONLY) return rc;
    (void)snprintf(journal, sizeof journal, "%.4096s-wal", self->path);
    if (stat(journal, &status) == 0 && status.st_size > 0) return rc;
    size_t used = (size_t)snprintf(uri, sizeof uri, "file:");
    for (const char *c = self->path; *c && used + 16 < sizeof uri; c++) {
        if (strchr("?#%", *c)) used += (size_t)snprintf(uri + used, 4, "%%%02x", (unsigned)*c);
        else uri[used++] = *c;
    }
    (void)snprintf(uri + used, sizeof uri - used, "?immutable=1");
    (void)sqlite3_close(self->db);
    self->db = NULL;
    return sqlite3_open_v2(uri, &self->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
}

static int read_version(sqlite3 *db, int *out_version) {
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &statement, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) *out_version = sqlite3_column_int(statement, 0);
    (void)sqlite3_finalize(statement);
    return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

static int check_file(struct sl_search *self, char *why, size_t why_size) {
    struct stat status;
    int version = 0;
    if (stat(self->path, &status) != 0) {
        (void)snprintf(why, why_size, "There is no index at %s: run a pipeline with a stage of type index first, or name its "
                                      "folder with --data.",
                       self->path);
        return -1;
    }
    int rc = open_read_only(self);
    if (rc == SQLITE_OK) rc = read_version(self->db, &version);
    if (rc != SQLITE_OK) return sl_search_fail(self, rc, why, why_size);
    if (version == SL_STORE_VERSION) return 0;
    (void)snprintf(why, why_size, version == 0 ? "%s holds no index yet: run a pipeline with a stage of type index first."
                                               : "%s was written by another version of Sluice: search with that one.",
                   self->path);
    return -1;
}

int sl_search_open(const char *data_directory, struct sl_search **out_self, char *why, size_t why_size) {
    struct sl_search *self = calloc(1, sizeof *self);
    size_t size = strlen(data_directory) + sizeof "/" SL_STORE_FILE;
    if (self) self->path = malloc(size);
    if (!self || !self->path) {
        (void)snprintf(why, why_size, "There is no memory for a search.");
        sl_search_free(&self);
        return -1;
    }
    (void)snprintf(self->path, size, "%s/%s", data_directory, SL_STORE_FILE);
    if (check_file(self, why, why_size) != 0) {
        sl_search_free(&self);
        return -1;
    }
    *out_self = self;
    return 0;
}

void sl_search_free(struct sl_search **self) {
    if (!*self) return;
    (void)sqlite3_close((*self)->db);
    free((*self)->path);
    free(*self);
    *self = NULL;
}

void sl_search_results_fini(struct sl_search_results *self) {
    for (size_t i = 0; i < self->count; i++) {
        free(self->hits[i].document);
        free(self->hits[i].section);
        free(self->hits[i].snippet);
    }
    free(self->hits);
    *self = (struct sl_search_results){0};
}

static size_t limit_of(const struct sl_search_options *options) {
    size_t limit = options && options->limit ? options->limit : LIMIT_DEFAULT;
    return limit < LIMIT_MAX ? limit : LIMIT_MAX;
}

/* A copy with white space collapsed, cut to `size_max` bytes between characters. NULL when memory ran out. */
static char *copy_words(const char *text, size_t size_max) {
    size_t size = strlen(text), used = 0;
    if (size > size_max) {
        size = size_max;
        while (size > 0 && ((unsigned char)text[size] & 0xC0) == 0x80) size--;
    }
    char *copy = malloc(size + 1);
    if (!copy) return NULL;
    for (size_t i = 0; i < size; i++) {
        char c = isspace((unsigned char)text[i]) ? ' ' : text[i];
        if (c != ' ' || (used > 0 && copy[used - 1] != ' ')) copy[used++] = c;
    }
    copy[used] = 0;
    return copy;
}

/* Columns: document, section, title, start, end, snippet. */
static int add_hit(struct sl_search_results *results, sqlite3_stmt *row, double score, size_t snippet_size_max) {
    struct sl_search_hit *hits = realloc(results->hits, (results->count + 1) * sizeof *hits);
    if (!hits) return SQLITE_NOMEM;
    results->hits = hits;
    const char *title = (const char *)sqlite3_column_text(row, 2), *section = (const char *)sqlite3_column_text(row, 1);
    const char *document = (const char *)sqlite3_column_text(row, 0), *snippet = (const char *)sqlite3_column_text(row, 5);
    if (!title || !section || !document || !snippet) return SQLITE_NOMEM;
    struct sl_search_hit *hit = &hits[results->count];
    *hit = (struct sl_search_hit){.document = strdup(document), .section = strdup(*title ? title : section),
                                  .snippet = copy_words(snippet, snippet_size_max), .score = score,
                                  .start = (uint64_t)sqlite3_column_int64(row, 3), .end = (uint64_t)sqlite3_column_int64(row, 4)};
    results->count++;
    return hit->document && hit->section && hit->snippet ? SQLITE_OK : SQLITE_NOMEM;
}

static bool has_word_character(const char *word, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (isalnum((unsigned char)word[i]) || (unsigned char)word[i] >= 0x80) return true;
    }
    return false;
}

/* The query in FTS5's syntax: each word a quoted string, so that nothing in it is an operator; joined by `joint`. The number of
 * words; `out` has room for three times the query. */
static size_t quote_words(const char *query, const char *joint, char *out) {
    size_t count = 0;
    while (*query) {
        query += strspn(query, " \t\r\n\f\v");
        size_t size = strcspn(query, " \t\r\n\f\v");
        if (has_word_character(query, size)) {
            bool is_prefix = query[size - 1] == '*';
            if (count++ > 0) out += sprintf(out, "%s", joint);
            *out++ = '"';
            for (size_t i = 0; i < size - is_prefix; i++) {
                if (query[i] == '"') *out++ = '"';
                *out++ = query[i];
            }
            *out++ = '"';
            if (is_prefix) *out++ = '*';
        }
        query += size;
    }
    *out = 0;
    return count;
}

static int match_words(struct sl_search *self, const char *match, const struct sl_search_options *options,
                       struct sl_search_results *results) {
    static const char sql[] =
        "SELECT d.name, c.section, c.title, c.start, c.end, snippet(words, 0, ?2, ?3, '…', ?4), -bm25(words)"
        " FROM words JOIN chunks c ON c.id = words.rowid JOIN documents d ON d.id = c.document"
        " WHERE words MATCH ?1 ORDER BY bm25(words), d.name, c.position LIMIT ?5";
    sqlite3_stmt *statement = NULL;
    const char *begin = options && options->mark_begin ? options->mark_begin : "";
    const char *end = options && options->mark_end ? options->mark_end : "";
    int rc = sqlite3_prepare_v2(self->db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_bind_text(statement, 1, match, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK) rc = sqlite3_bind_text(statement, 2, begin, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK) rc = sqlite3_bind_text(statement, 3, end, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK) rc = sqlite3_bind_int(statement, 4, SNIPPET_WORDS);
    if (rc == SQLITE_OK) rc = sqlite3_bind_int64(statement, 5, (sqlite3_int64)limit_of(options));
    while (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        rc = add_hit(results, statement, sqlite3_column_double(statement, 6), SIZE_MAX - 1);
    }
    (void)sqlite3_finalize(statement);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int sl_search_words(struct sl_search *self, const char *query, const struct sl_search_options *options,
                    struct sl_search_results *out_results, char *why, size_t why_size) {
    *out_results = (struct sl_search_results){0};
    size_t size = strlen(query);
    if (size > QUERY_BYTES_MAX) {
        (void)snprintf(why, why_size, "The query has %zu bytes; use at most %d, or --like.", size, QUERY_BYTES_MAX);
        return -1;
    }
    char *match = malloc(size * 6 + 16);
    if (!match) return sl_search_fail(self, SQLITE_NOMEM, why, why_size);
    int rc = SQLITE_OK;
    size_t word_count = quote_words(query, " ", match);
    if (word_count > 0) rc = match_words(self, match, options, out_results);
    if (rc == SQLITE_OK && word_count > 1 && out_results->count == 0) {
        (void)quote_words(query, " OR ", match);
        rc = match_words(self, match, options, out_results);
    }
    free(match);
    if (word_count == 0) {
        (void)snprintf(why, why_size, "The query has no word to search for.");
        return -1;
    }
    if (rc == SQLITE_OK) return 0;
    sl_search_results_fini(out_results);
    return sl_search_fail(self, rc, why, why_size);
}

/* The best chunks so far, best first, and what they are compared with. */
struct near {
    sqlite3_int64 *ids;
    double *scores;
    size_t count;
    size_t limit;
    float vector[SL_NGRAMS_DIMENSION_MAX]; /* the text's */
};

static void keep_nearest(struct near *near, sqlite3_int64 id, double score) {
    if (near->count == near->limit && score <= near->scores[near->count - 1]) return;
    size_t at = near->count < near->limit ? near->count++ : near->count - 1;
    for (; at > 0 && near->scores[at - 1] < score; at--) {
        near->scores[at] = near->scores[at - 1];
        near->ids[at] = near->ids[at - 1];
    }
    near->scores[at] = score;
    near->ids[at] = id;
}

static double dot(const float *a, const uint8_t *bytes, size_t dimension) {
    double sum = 0;
    for (size_t i = 0; i < dimension; i++) {
        float b;
        sl_ngrams_decode(bytes + i * 4, 1, &b);
        sum += (double)a[i] * (double)b;
    }
    return sum;
}

/* Compares every vector that the embedder made; the text is embedded anew where a vector has another dimension. */
static int find_nearest(struct sl_search *self, const char *text, struct near *near) {
    static const char sql[] = "SELECT c.id, c.vector FROM chunks c JOIN documents d ON d.id = c.document WHERE d.model=?1"
                              " ORDER BY d.name, c.position";
    size_t embedded_dimension = 0;
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(self->db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_bind_text(statement, 1, SL_NGRAMS_MODEL, -1, SQLITE_STATIC);
    while (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        const void *bytes = sqlite3_column_blob(statement, 1);
        size_t dimension = (size_t)sqlite3_column_bytes(statement, 1) / 4;
        rc = SQLITE_OK;
        if (!bytes || dimension < 1 || dimension > SL_NGRAMS_DIMENSION_MAX) continue;
        if (dimension != embedded_dimension) sl_ngrams_embed(text, strlen(text), near->vector, dimension);
        embedded_dimension = dimension;
        double score = dot(near->vector, bytes, dimension);
        if (score > 0) keep_nearest(near, sqlite3_column_int64(statement, 0), score);
    }
    (void)sqlite3_finalize(statement);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int fetch_nearest(struct sl_search *self, const struct near *near, struct sl_search_results *results) {
    static const char sql[] = "SELECT d.name, c.section, c.title, c.start, c.end, c.text FROM chunks c"
                              " JOIN documents d ON d.id = c.document WHERE c.id=?1";
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(self->db, sql, -1, &statement, NULL);
    for (size_t i = 0; rc == SQLITE_OK && i < near->count; i++) {
        rc = sqlite3_bind_int64(statement, 1, near->ids[i]);
        if (rc == SQLITE_OK) rc = sqlite3_step(statement);
        if (rc == SQLITE_ROW) rc = add_hit(results, statement, near->scores[i], SNIPPET_BYTES);
        else if (rc == SQLITE_DONE) rc = SQLITE_OK;
        (void)sqlite3_reset(statement);
    }
    (void)sqlite3_finalize(statement);
    return rc;
}

int sl_search_like(struct sl_search *self, const char *text, const struct sl_search_options *options,
                   struct sl_search_results *out_results, char *why, size_t why_size) {
    struct near near = {.limit = limit_of(options)};
    *out_results = (struct sl_search_results){0};
    if (!has_word_character(text, strlen(text))) {
        (void)snprintf(why, why_size, "The text has no word to compare by.");
        return -1;
    }
    near.ids = calloc(near.limit, sizeof *near.ids);
    near.scores = calloc(near.limit, sizeof *near.scores);
    int rc = near.ids && near.scores ? SQLITE_OK : SQLITE_NOMEM;
    /* One transaction: what was found is still there when it is fetched. */
    if (rc == SQLITE_OK) rc = sqlite3_exec(self->db, "BEGIN", NULL, NULL, NULL);
    if (rc == SQLITE_OK) rc = find_nearest(self, text, &near);
    if (rc == SQLITE_OK) rc = fetch_nearest(self, &near, out_results);
    int failed = rc == SQLITE_OK ? 0 : sl_search_fail(self, rc, why, why_size);
    if (!sqlite3_get_autocommit(self->db)) (void)sqlite3_exec(self->db, "COMMIT", NULL, NULL, NULL);
    if (failed) sl_search_results_fini(out_results);
    free(near.ids);
    free(near.scores);
    return failed;
}
