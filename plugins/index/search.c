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

enum { LIMIT_DEFAULT = 10, BUSY_MS = 5000, SNIPPET_WORDS = 24, SNIPPET_BYTES = 240, QUERY_BYTES_MAX = 4096 };

enum sl_search_rc sl_search_fail(const struct sl_search *self, int rc, char *why, size_t why_size) {
    const char *words = rc == SQLITE_NOMEM || !self->db ? "there is no memory" : sqlite3_errmsg(self->db);
    if ((rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB) {
        (void)snprintf(why, why_size, "%s is damaged or no index (%s): delete it and run again, with --again for documents that were "
                                      "done already", self->path, words);
        return SL_SEARCH_DAMAGED;
    }
    (void)snprintf(why, why_size, "%s cannot be searched: %s", self->path, words);
    return SL_SEARCH_FAILED;
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

static enum sl_search_rc check_file(struct sl_search *self, char *why, size_t why_size) {
    struct stat status;
    int version = 0;
    if (stat(self->path, &status) != 0) {
        (void)snprintf(why, why_size, "there is no index at %s: run a pipeline with a stage of type index first, or name its "
                                      "folder with --data", self->path);
        return SL_SEARCH_ABSENT;
    }
    int rc = open_read_only(self);
    if (rc == SQLITE_OK) rc = read_version(self->db, &version);
    if (rc != SQLITE_OK) return sl_search_fail(self, rc, why, why_size);
    if (version == SL_STORE_VERSION) return SL_SEARCH_OK;
    (void)snprintf(why, why_size, version == 0 ? "%s holds no index yet: run a pipeline with a stage of type index first"
                                               : "%s was written by another version of Sluice: search with that one", self->path);
    return version == 0 ? SL_SEARCH_ABSENT : SL_SEARCH_FAILED;
}

enum sl_search_rc sl_search_open(const char *data_directory, struct sl_search **out_self, char *why, size_t why_size) {
    struct sl_search *self = calloc(1, sizeof *self);
    size_t size = strlen(data_directory) + sizeof "/" SL_STORE_FILE;
    if (self) self->path = malloc(size);
    if (!self || !self->path) {
        (void)snprintf(why, why_size, "there is no memory for a search");
        sl_search_free(&self);
        return SL_SEARCH_FAILED;
    }
    (void)snprintf(self->path, size, "%s/%s", data_directory, SL_STORE_FILE);
    enum sl_search_rc rc = check_file(self, why, why_size);
    if (rc == SL_SEARCH_OK) *out_self = self;
    else sl_search_free(&self);
    return rc;
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
    return limit < SL_SEARCH_LIMIT_MAX ? limit : SL_SEARCH_LIMIT_MAX;
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

/* Among chunks with the same text the first one is best, the second one comes after the first ones of all texts, and so on. Snippets
 * are made of what is shown only, in a second walk over the matches: to look up each one costs a walk when a word has many endings.
 * If a chunk is shown, so are those with its text that come before it: the order follows from the shown ones alone. */
static int match_words(struct sl_search *self, const char *match, const struct sl_search_options *options,
                       struct sl_search_results *results) {
    static const char sql[] =
        "WITH found AS MATERIALIZED (SELECT rowid AS id, bm25(words) AS score FROM words WHERE words MATCH ?1),"
        " ranked AS (SELECT c.id, f.score, d.name, c.position,"
        " row_number() OVER (PARTITION BY c.text ORDER BY d.name, c.position) AS nth"
        " FROM found f JOIN chunks c ON c.id = f.id JOIN documents d ON d.id = c.document),"
        " best AS (SELECT id FROM ranked ORDER BY nth, score, name, position LIMIT ?5),"
        " shown AS MATERIALIZED (SELECT rowid AS id, snippet(words, 0, ?2, ?3, '…', ?4) AS snippet, bm25(words) AS score"
        " FROM words WHERE words MATCH ?1 AND +rowid IN (SELECT id FROM best))"
        " SELECT d.name, c.section, c.title, c.start, c.end, s.snippet, -s.score"
        " FROM shown s JOIN chunks c ON c.id = s.id JOIN documents d ON d.id = c.document"
        " ORDER BY row_number() OVER (PARTITION BY c.text ORDER BY d.name, c.position), s.score, d.name, c.position";
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

enum sl_search_rc sl_search_words(struct sl_search *self, const char *query, const struct sl_search_options *options,
                                  struct sl_search_results *out_results, char *why, size_t why_size) {
    *out_results = (struct sl_search_results){0};
    size_t size = strlen(query);
    if (size > QUERY_BYTES_MAX) {
        (void)snprintf(why, why_size, "the question has %zu bytes; use at most %d, or --like", size, QUERY_BYTES_MAX);
        return SL_SEARCH_NO_QUESTION;
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
        (void)snprintf(why, why_size, "the question has no word to search for");
        return SL_SEARCH_NO_QUESTION;
    }
    if (rc == SQLITE_OK) return SL_SEARCH_OK;
    sl_search_results_fini(out_results);
    return sl_search_fail(self, rc, why, why_size);
}

/* A chunk beside the text that is asked for. */
struct near_chunk {
    sqlite3_int64 id;
    double score;
    uint64_t text; /* a digest of its text */
};

/* The best chunks so far, best first. */
struct near_list {
    struct near_chunk *items;
    size_t count;
    size_t limit;
};

/* Chunks with texts of their own, and those that repeat one of them: equal texts have equal vectors, and so equal scores. */
struct near {
    struct near_list firsts;
    struct near_list repeats;
    float vector[SL_NGRAMS_DIMENSION_MAX]; /* the text's */
};

static bool has_room(const struct near_list *list, double score) {
    return list->count < list->limit || score > list->items[list->count - 1].score;
}

static void keep(struct near_list *list, struct near_chunk chunk) {
    if (!has_room(list, chunk.score)) return;
    size_t at = list->count < list->limit ? list->count++ : list->count - 1;
    for (; at > 0 && list->items[at - 1].score < chunk.score; at--) list->items[at] = list->items[at - 1];
    list->items[at] = chunk;
}

/* FNV-1a, 64 bits (https://datatracker.ietf.org/doc/html/draft-eastlake-fnv). */
static uint64_t digest_text(const unsigned char *text) {
    uint64_t digest = 14695981039346656037u;
    for (; text && *text; text++) digest = (digest ^ *text) * 1099511628211u;
    return digest;
}

static void keep_near(struct near *near, struct near_chunk chunk) {
    const struct near_list *firsts = &near->firsts;
    size_t at = firsts->count;
    while (at > 0 && firsts->items[at - 1].score < chunk.score) at--;
    for (; at > 0 && firsts->items[at - 1].score <= chunk.score; at--) {
        if (firsts->items[at - 1].text != chunk.text) continue;
        keep(&near->repeats, chunk);
        return;
    }
    keep(&near->firsts, chunk);
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
    static const char sql[] = "SELECT c.id, c.vector, c.text FROM chunks c JOIN documents d ON d.id = c.document WHERE d.model=?1"
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
        if (score <= 0 || (!has_room(&near->firsts, score) && !has_room(&near->repeats, score))) continue;
        keep_near(near, (struct near_chunk){.id = sqlite3_column_int64(statement, 0), .score = score,
                                            .text = digest_text(sqlite3_column_text(statement, 2))});
    }
    (void)sqlite3_finalize(statement);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Adds what the list holds, until there are as many results as it may hold. */
static int fetch_nearest(struct sl_search *self, const struct near_list *list, struct sl_search_results *results) {
    static const char sql[] = "SELECT d.name, c.section, c.title, c.start, c.end, c.text FROM chunks c"
                              " JOIN documents d ON d.id = c.document WHERE c.id=?1";
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(self->db, sql, -1, &statement, NULL);
    for (size_t i = 0; rc == SQLITE_OK && i < list->count && results->count < list->limit; i++) {
        rc = sqlite3_bind_int64(statement, 1, list->items[i].id);
        if (rc == SQLITE_OK) rc = sqlite3_step(statement);
        if (rc == SQLITE_ROW) rc = add_hit(results, statement, list->items[i].score, SNIPPET_BYTES);
        else if (rc == SQLITE_DONE) rc = SQLITE_OK;
        (void)sqlite3_reset(statement);
    }
    (void)sqlite3_finalize(statement);
    return rc;
}

enum sl_search_rc sl_search_like(struct sl_search *self, const char *text, const struct sl_search_options *options,
                                 struct sl_search_results *out_results, char *why, size_t why_size) {
    const size_t limit = limit_of(options);
    struct near near = {.firsts = {.limit = limit}, .repeats = {.limit = limit}};
    *out_results = (struct sl_search_results){0};
    if (!has_word_character(text, strlen(text))) {
        (void)snprintf(why, why_size, "the text has no word to compare by");
        return SL_SEARCH_NO_QUESTION;
    }
    near.firsts.items = calloc(limit, sizeof *near.firsts.items);
    near.repeats.items = calloc(limit, sizeof *near.repeats.items);
    int rc = near.firsts.items && near.repeats.items ? SQLITE_OK : SQLITE_NOMEM;
    /* One transaction: what was found is still there when it is fetched. */
    if (rc == SQLITE_OK) rc = sqlite3_exec(self->db, "BEGIN", NULL, NULL, NULL);
    if (rc == SQLITE_OK) rc = find_nearest(self, text, &near);
    if (rc == SQLITE_OK) rc = fetch_nearest(self, &near.firsts, out_results);
    if (rc == SQLITE_OK) rc = fetch_nearest(self, &near.repeats, out_results);
    enum sl_search_rc failed = rc == SQLITE_OK ? SL_SEARCH_OK : sl_search_fail(self, rc, why, why_size);
    if (!sqlite3_get_autocommit(self->db)) (void)sqlite3_exec(self->db, "COMMIT", NULL, NULL, NULL);
    if (failed) sl_search_results_fini(out_results);
    free(near.firsts.items);
    free(near.repeats.items);
    return failed;
}
