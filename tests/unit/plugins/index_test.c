/* index and knowledge-graph write a document once, replace it when it changes, and share one file with others. */
#include <criterion/criterion.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chain.h"
#include "index/search.h"

static int64_t query_int(const char *data, const char *sql) {
    char path[512];
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    (void)snprintf(path, sizeof path, "%s/index.sqlite", data);
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
    cr_assert_eq(sqlite3_step(statement), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return value;
}

static void expect_sound(const char *data) {
    cr_assert_eq(query_int(data, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"), 0);
    cr_assert_eq(query_int(data, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
    cr_assert_eq(query_int(data, "SELECT count(*) FROM nodes n WHERE kind <> 'document' AND NOT EXISTS (SELECT 1 FROM edges"
                                 " WHERE source = n.id OR target = n.id)"), 0, "a node that no edge touches");
    char path[512];
    sqlite3 *db = NULL;
    (void)snprintf(path, sizeof path, "%s/index.sqlite", data);
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, "INSERT INTO words(words, rank) VALUES('integrity-check', 1)", NULL, NULL, NULL), SQLITE_OK,
                 "%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

static void must_run(struct chain *chain, const char *name, const char *text) {
    cr_assert(chain_run(chain, name, sl_text(text)), "%s: %s", name, chain_sentence(chain));
}

static int64_t receipt(const struct chain *chain, enum chain_stage stage, const char *member) {
    return fixture_get_int(sl_bench_value(&chain->stages[stage].result, NULL), member);
}

Test(index, the_same_document_twice_changes_nothing) {
    char *data = fixture_directory();
    struct chain chain;
    chain_open(&chain, data);
    must_run(&chain, "a/copyright", "Copyright (C) 2001 Ann\n\nLicensed under the Apache License, Version 2.0");
    cr_assert_eq(receipt(&chain, INDEX, "chunks_indexed"), 1);
    cr_assert_eq(receipt(&chain, INDEX, "chunks_written"), 1);
    cr_assert_gt(receipt(&chain, GRAPH, "edges_written"), 0);
    cr_assert_eq(chain.stages[INDEX].result.count, 1);
    struct sl_search_totals before = chain_totals(data);
    must_run(&chain, "a/copyright", "Copyright (C) 2001 Ann\n\nLicensed under the Apache License, Version 2.0");
    cr_assert_eq(receipt(&chain, INDEX, "chunks_indexed"), 1);
    cr_assert_eq(receipt(&chain, INDEX, "chunks_written"), 0);
    cr_assert_eq(receipt(&chain, GRAPH, "nodes_written"), 0);
    cr_assert_eq(receipt(&chain, GRAPH, "edges_written"), 0);
    struct sl_search_totals after = chain_totals(data);
    cr_assert_arr_eq(&before, &after, sizeof before);
    cr_assert_eq(after.documents, 1);
    cr_assert_eq(after.nodes, 4);
    cr_assert_eq(after.edges, 6);
    cr_assert_eq(after.type_count, 3);
    expect_sound(data);
    chain_close(&chain);
    fixture_remove(data);
}

Test(index, a_new_version_replaces_what_the_old_one_said) {
    char *data = fixture_directory();
    struct chain chain;
    chain_open(&chain, data);
    must_run(&chain, "a/copyright", "Copyright (C) 2001 Ann\n\nApache License, Version 2.0");
    must_run(&chain, "b/copyright", "Copyright (C) 2001 Bob");
    must_run(&chain, "a/copyright", "Copyright (C) 2002 Ann");
    cr_assert_eq(receipt(&chain, INDEX, "chunks_written"), 1);
    cr_assert_eq(receipt(&chain, INDEX, "chunks_removed"), 1);
    cr_assert_eq(receipt(&chain, GRAPH, "nodes_removed"), 1, "the licence goes; 2001 stays, for b says it too");
    cr_assert_eq(query_int(data, "SELECT count(*) FROM nodes WHERE label='2001'"), 1);
    cr_assert_eq(query_int(data, "SELECT count(*) FROM words WHERE words MATCH 'apache'"), 0);
    cr_assert_eq(query_int(data, "SELECT count(*) FROM words WHERE words MATCH 'ann'"), 1);
    must_run(&chain, "b/copyright", "Nobody says anything here");
    cr_assert_eq(query_int(data, "SELECT count(*) FROM nodes WHERE label IN ('2001', 'Bob')"), 0);
    cr_assert_eq(query_int(data, "SELECT count(*) FROM nodes WHERE kind='document'"), 2);
    cr_assert_eq(chain_totals(data).documents, 2);
    expect_sound(data);
    chain_close(&chain);
    fixture_remove(data);
}

Test(index, wrong_batches_are_refused) {
#define CHUNKS "\"chunks\":[{\"id\":\"d#1\",\"section\":\"s\",\"start\":0,\"end\":1,\"text\":\"t\"}]"
#define BATCH(vectors) "\"embedding_batch\":{\"model\":\"m\",\"dimension\":1,\"vectors\":[" vectors "]}"
    static const struct {
        const char *upstream, *part;
    } rows[] = {
        {"{" CHUNKS "}", "has no `embedding_batch` as it should be: it is missing"},
        {"{" BATCH("") "}", "no array of chunks: nothing"},
        {"{" CHUNKS "," BATCH("") "}", "There are 1 chunks of d, but 0 vectors"},
        {"{" CHUNKS "," BATCH("{\"chunk\":\"d#2\",\"vector\":\"1234\"}") "}", "Vector 1 is not that of chunk d#1"},
        {"{" CHUNKS "," BATCH("{\"chunk\":\"d#1\",\"vector\":\"12345\"}") "}", "has not 1 numbers of four bytes"},
        {"{" CHUNKS ",\"embedding_batch\":{\"model\":\"m\",\"dimension\":0,\"vectors\":[]}}", "no number from 1 to 65536"},
        {"{" CHUNKS ",\"embedding_batch\":{\"dimension\":1}}", "it has no text `model`"},
        {"{" CHUNKS ",\"embedding_batch\":{\"dimension\":1,\"model\":\"m\"}}", "it has no array `vectors`"},
        {"null", "it is missing"},
    };
    struct fixture self = fixture_open("index", "index", "{}", "/nonexistent");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        (void)fixture_run_json(&self, rows[i].upstream);
        fixture_failed(&self, SLUICE_FAILED_PERMANENT, rows[i].part);
    }
    (void)fixture_run_json(&self, "{" CHUNKS "," BATCH("{\"chunk\":\"d#1\",\"vector\":\"1234\"}") "}");
    fixture_failed(&self, SLUICE_FAILED_PERMANENT, "/nonexistent/index.sqlite could not be written: it cannot be opened");
    fixture_close(&self);
}

Test(index, wrong_claims_are_refused) {
#define DOCUMENT_CLAIM "{\"subject\":\"d\",\"predicate\":\"is-a\",\"object\":\"document\",\"block\":\"\"}"
    static const struct {
        const char *upstream, *part;
    } rows[] = {
        {"null", "What came in is nil without the arrays"},
        {"{\"entities\":[]}", "without the arrays `entities` and `claims`"},
        {"{\"entities\":[],\"claims\":[]}", "No claim says which document this is"},
        {"{\"entities\":[{}],\"claims\":[" DOCUMENT_CLAIM "]}", "Entity 1 needs the texts"},
        {"{\"entities\":[],\"claims\":[" DOCUMENT_CLAIM ",{\"subject\":\"d\"}]}", "Claim 2 needs the texts"},
        {"{\"entities\":[],\"claims\":[" DOCUMENT_CLAIM ",7]}", "Claim 2 needs the texts"},
    };
    struct fixture self = fixture_open("knowledge-graph", "knowledge-graph", "{}", "/nonexistent");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        (void)fixture_run_json(&self, rows[i].upstream);
        fixture_failed(&self, SLUICE_FAILED_PERMANENT, rows[i].part);
    }
    fixture_close(&self);
}

Test(index, claims_may_have_other_subjects_and_come_under_a_stage_name) {
    char *data = fixture_directory();
    struct fixture self = fixture_open("knowledge-graph", "knowledge-graph", "{}", data);
    cr_assert_eq(fixture_run_json(&self, "{\"index_receipt\":{},\"extract\":{\"entities\":[{\"type\":\"drug\",\"text\":\"x\",\"block\":\"b\"},"
                                         "{\"type\":\"drug\",\"text\":\"x\",\"block\":\"c\"}],\"claims\":[" DOCUMENT_CLAIM
                                         ",{\"subject\":\"x\",\"subject_type\":\"drug\",\"predicate\":\"treats\",\"object\":\"y\",\"block\":\"b\"}]}}"),
                 SLUICE_DONE, "%s", self.result.sentence);
    cr_assert_eq(query_int(data, "SELECT mentions FROM edges WHERE predicate='mentions' AND block='b'"), 2);
    cr_assert_eq(query_int(data, "SELECT count(*) FROM edges e JOIN nodes s ON s.id=e.source JOIN nodes t ON t.id=e.target"
                                 " WHERE s.kind='drug' AND predicate='treats' AND t.kind='value' AND t.label='y'"), 1);
    fixture_close(&self);
    fixture_remove(data);
}

static void write_bytes(const char *data, const char *bytes, size_t size) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/index.sqlite", data);
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

Test(index, a_damaged_or_newer_file_is_named_and_left_as_it_is) {
    char *data = fixture_directory(), garbage[8192];
    struct chain chain;
    memset(garbage, 'x', sizeof garbage);
    write_bytes(data, garbage, sizeof garbage);
    chain_open(&chain, data);
    cr_assert(!chain_run(&chain, "a", sl_text("text")));
    fixture_failed(&chain.stages[INDEX], SLUICE_FAILED_PERMANENT, "it is damaged or no SQLite file; delete it");
    struct sl_search *search = NULL;
    char why[512] = "";
    cr_assert_eq(sl_search_open(data, &search, why, sizeof why), SL_SEARCH_DAMAGED);
    cr_assert(strstr(why, "is damaged or no index"), "%s", why);
    char path[512];
    (void)snprintf(path, sizeof path, "%s/index.sqlite", data);
    cr_assert_eq(unlink(path), 0);
    must_run(&chain, "a", "text");
    sqlite3 *db = NULL;
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, "PRAGMA user_version=999", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    chain_close(&chain);
    chain_open(&chain, data);
    cr_assert(!chain_run(&chain, "b", sl_text("text")));
    fixture_failed(&chain.stages[INDEX], SLUICE_FAILED_PERMANENT, "was written by a newer Sluice");
    cr_assert_eq(sl_search_open(data, &search, why, sizeof why), -1);
    cr_assert(strstr(why, "was written by another version"), "%s", why);
    chain_close(&chain);
    fixture_remove(data);
}

Test(index, a_busy_file_is_a_retryable_failure_and_a_removed_one_is_made_again) {
    char *data = fixture_directory(), path[512];
    struct chain chain;
    chain_open(&chain, data);
    must_run(&chain, "a", "text");
    sqlite3 *db = NULL;
    (void)snprintf(path, sizeof path, "%s/index.sqlite", data);
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    const struct sl_bench_attempt attempt = {.number = 1, .timeout_ms = 300};
    struct sl_bytes chunks = sl_bench_value(&chain.stages[CHUNK].result, "chunks");
    struct sl_buf pair = fixture_pair("chunks", chunks, "embedding_batch", sl_bench_value(&chain.stages[EMBED].result, NULL));
    sl_bench_result_fini(&chain.stages[INDEX].result);
    sl_bench_run(chain.stages[INDEX].stage, &attempt, sl_buf_bytes(&pair), &chain.stages[INDEX].result);
    fixture_failed(&chain.stages[INDEX], SLUICE_FAILED_RETRYABLE, "other workers write to it without a pause");
    sl_buf_fini(&pair);
    sqlite3_close(db);
    must_run(&chain, "b", "text");
    cr_assert_eq(chain_totals(data).documents, 2);
    cr_assert_eq(unlink(path), 0);
    must_run(&chain, "c", "text");
    cr_assert_eq(chain_totals(data).documents, 1);
    chain_close(&chain);
    fixture_remove(data);
}

Test(index, a_disk_without_room_loses_nothing) {
    char *data = fixture_directory(), name[32];
    struct chain chain;
    chain_open(&chain, data);
    must_run(&chain, "first", "text of the first");
    struct rlimit limit = {.rlim_cur = 64 << 10, .rlim_max = RLIM_INFINITY}, before;
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    limit.rlim_max = before.rlim_max;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    size_t done_count = 1;
    bool is_full = false;
    for (int i = 0; i < 200 && !is_full; i++) {
        (void)snprintf(name, sizeof name, "doc%d", i);
        is_full = !chain_run(&chain, name, sl_text("Some text that takes room on the disk, again and again."));
        done_count += !is_full;
    }
    cr_assert(is_full);
    cr_assert_eq(chain.stages[chain.last].result.outcome, SLUICE_FAILED_RETRYABLE, "%s", chain_sentence(&chain));
    cr_assert(strstr(chain_sentence(&chain), "could not be written"));
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    must_run(&chain, name, "Some text that takes room on the disk, again and again.");
    cr_assert_eq(chain_totals(data).documents, done_count + 1);
    expect_sound(data);
    chain_close(&chain);
    fixture_remove(data);
}

enum { WRITERS = 4, DOCUMENTS = 40 };

/* Document i, the same from every writer. */
static void write_document(struct chain *chain, int i) {
    char name[32], text[256];
    (void)snprintf(name, sizeof name, "doc%d/copyright", i);
    (void)snprintf(text, sizeof text, "Copyright (C) %d Holder%d Inc\n\nPackage number%d, mail a%d@example.org", 1990 + i % 10, i % 7, i, i % 3);
    must_run(chain, name, text);
}

Test(index, several_processes_write_at_once) {
    char *data = fixture_directory();
    pid_t children[WRITERS];
    for (int w = 0; w < WRITERS; w++) {
        children[w] = fork();
        if (children[w] == 0) {
            struct chain chain;
            chain_open(&chain, data);
            for (int i = 0; i < DOCUMENTS; i++) write_document(&chain, (i + w * 7) % DOCUMENTS);
            chain_close(&chain);
            _exit(0);
        }
    }
    for (int w = 0; w < WRITERS; w++) {
        int status = 0;
        cr_assert_eq(waitpid(children[w], &status, 0), children[w]);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a writer failed: %d", status);
    }
    struct sl_search_totals totals = chain_totals(data);
    cr_assert_eq(totals.documents, DOCUMENTS);
    cr_assert_eq(totals.chunks, DOCUMENTS);
    cr_assert_eq(totals.nodes, DOCUMENTS + 10 + 7 + 3);
    cr_assert_eq(totals.edges, DOCUMENTS * 3 * 2);
    expect_sound(data);
    fixture_remove(data);
}

Test(index, a_writer_that_is_killed_leaves_a_sound_file) {
    char *data = fixture_directory();
    for (int round = 1; round <= 8; round++) {
        int pipe_ends[2];
        cr_assert_eq(pipe(pipe_ends), 0);
        pid_t child = fork();
        if (child == 0) {
            struct chain chain;
            chain_open(&chain, data);
            for (int i = 0;; i = (i + 1) % DOCUMENTS) {
                write_document(&chain, i);
                if (write(pipe_ends[1], "x", 1) != 1) _exit(1);
            }
        }
        (void)close(pipe_ends[1]);
        char c;
        for (int i = 0; i < round * 3; i++) cr_assert_eq(read(pipe_ends[0], &c, 1), 1);
        cr_assert_eq(kill(child, SIGKILL), 0);
        cr_assert_eq(waitpid(child, NULL, 0), child);
        (void)close(pipe_ends[0]);
        expect_sound(data);
    }
    struct chain chain;
    chain_open(&chain, data);
    for (int i = 0; i < DOCUMENTS; i++) write_document(&chain, i);
    chain_close(&chain);
    cr_assert_eq(chain_totals(data).documents, DOCUMENTS);
    cr_assert_eq(chain_totals(data).edges, DOCUMENTS * 3 * 2);
    expect_sound(data);
    fixture_remove(data);
}
