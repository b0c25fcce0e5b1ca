/* Searching answers words and likeness for any text, beside writers, without rights to write, and names a missing index. */
#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chain.h"
#include "index/search.h"

static char *make_index(void) {
    static const struct {
        const char *name, *text;
    } rows[] = {{"apache/copyright", "Licensed under the Apache License, Version 2.0"},
                {"bsd/copyright", "Redistribution and use in source and binary forms, with or without modification"},
                {"odd.md", "# Heading \"quoted\"\n\nC++ and OR, NEAR(this) - it's *bold*; naïve café 日本語"},
                {"gpl/copyright", "GNU General Public License, version 2. A licence of its own."}};
    char *data = fixture_directory();
    struct chain chain;
    chain_open(&chain, data);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) cr_assert(chain_run(&chain, rows[i].name, sl_text(rows[i].text)));
    chain_close(&chain);
    return data;
}

static struct sl_search *must_open(const char *data) {
    struct sl_search *search = NULL;
    char why[512] = "";
    cr_assert_eq(sl_search_open(data, &search, why, sizeof why), 0, "%s", why);
    return search;
}

/* The number of hits; the first one's document in `first`. */
static size_t words(struct sl_search *search, const char *query, char *first, size_t first_size) {
    struct sl_search_results results;
    char why[512] = "";
    cr_assert_eq(sl_search_words(search, query, NULL, &results, why, sizeof why), 0, "%s: %s", query, why);
    (void)snprintf(first, first_size, "%s", results.count ? results.hits[0].document : "");
    size_t count = results.count;
    sl_search_results_fini(&results);
    return count;
}

Test(search, words_are_found_with_place_score_and_marks) {
    char *data = make_index(), why[512];
    struct sl_search *search = must_open(data);
    struct sl_search_results results;
    const struct sl_search_options options = {.limit = 1, .mark_begin = "<", .mark_end = ">"};
    cr_assert_eq(sl_search_words(search, "redistribution FORMS", &options, &results, why, sizeof why), 0);
    cr_assert_eq(results.count, 1);
    cr_assert_str_eq(results.hits[0].document, "bsd/copyright");
    cr_assert(strstr(results.hits[0].snippet, "<Redistribution> and use in source and binary <forms>"), "%s", results.hits[0].snippet);
    cr_assert_eq(results.hits[0].start, 0);
    cr_assert_eq(results.hits[0].end, 79);
    cr_assert_gt(results.hits[0].score, 0);
    cr_assert_str_eq(results.hits[0].section, "s1");
    sl_search_results_fini(&results);
    sl_search_free(&search);
    fixture_remove(data);
}

Test(search, any_text_may_be_asked) {
    static const struct {
        const char *query;
        size_t count;
        const char *first;
    } rows[] = {{"apache", 1, "apache/copyright"},
                {"APACHE licen*", 1, "apache/copyright"},
                {"licen*", 2, ""},
                {"apache zebra", 1, "apache/copyright"},
                {"zebra", 0, ""},
                {"naive cafe", 1, "odd.md"},
                {"日本語", 1, "odd.md"},
                {"\"", 0, NULL},
                {"\"apache", 1, "apache/copyright"},
                {"apa\"che", 0, ""},
                {"C++", 1, "odd.md"},
                {"NEAR(this)", 1, "odd.md"},
                {"text:apache", 0, ""},
                {"apache AND", 3, "apache/copyright"},
                {"NOT apache", 1, "apache/copyright"},
                {"^apache", 1, "apache/copyright"},
                {"{a} [b] (c) - + * ^ : ; ' \\ % _ $", 1, NULL},
                {"'; DROP TABLE chunks; --", 0, NULL},
                {"apache — …", 1, "apache/copyright"},
                {"it's", 1, "odd.md"}};
    char *data = make_index(), first[64];
    struct sl_search *search = must_open(data);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!rows[i].first) {
            struct sl_search_results results;
            char why[512] = "";
            int rc = sl_search_words(search, rows[i].query, NULL, &results, why, sizeof why);
            cr_assert(rc == 0 || strstr(why, "has no word to search for"), "%s: %s", rows[i].query, why);
            if (rc == 0) sl_search_results_fini(&results);
            continue;
        }
        cr_expect_eq(words(search, rows[i].query, first, sizeof first), rows[i].count, "%s gave another number of hits", rows[i].query);
        if (*rows[i].first) cr_expect_str_eq(first, rows[i].first, "%s", rows[i].query);
    }
    char *long_query = malloc(5001);
    memset(long_query, 'a', 5000);
    long_query[5000] = 0;
    struct sl_search_results results;
    char why[512] = "";
    cr_assert_eq(sl_search_words(search, long_query, NULL, &results, why, sizeof why), SL_SEARCH_NO_QUESTION);
    cr_assert(strstr(why, "at most 4096"));
    free(long_query);
    sl_search_free(&search);
    fixture_remove(data);
}

Test(search, like_finds_by_vector) {
    char *data = make_index(), why[512];
    struct sl_search *search = must_open(data);
    struct sl_search_results results;
    const struct sl_search_options options = {.limit = 2};
    cr_assert_eq(sl_search_like(search, "use and redistribution in binary and source forms", &options, &results, why, sizeof why), 0);
    cr_assert_geq(results.count, 1);
    cr_assert_leq(results.count, 2);
    cr_assert_str_eq(results.hits[0].document, "bsd/copyright");
    cr_assert(results.hits[0].score > 0.4 && results.hits[0].score <= 1.0001);
    sl_search_results_fini(&results);
    cr_assert_eq(sl_search_like(search, "...", &options, &results, why, sizeof why), SL_SEARCH_NO_QUESTION);
    cr_assert(strstr(why, "no word to compare by"));
    sl_search_free(&search);
    fixture_remove(data);
}

Test(search, a_missing_or_empty_index_is_a_sentence) {
    char *data = fixture_directory(), why[512] = "", path[512];
    struct sl_search *search = NULL;
    cr_assert_eq(sl_search_open(data, &search, why, sizeof why), SL_SEARCH_ABSENT);
    cr_assert(strstr(why, "there is no index at") == why && strstr(why, "--data"), "%s", why);
    (void)snprintf(path, sizeof path, "%s/index.sqlite", data);
    fclose(fopen(path, "w"));
    cr_assert_eq(sl_search_open(data, &search, why, sizeof why), SL_SEARCH_ABSENT);
    cr_assert(strstr(why, "holds no index yet"), "%s", why);
    cr_assert_null(search);
    fixture_remove(data);
}

/* Overwrites bytes of the index from `offset` on. */
static void damage(const char *data, long offset, size_t size) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/index.sqlite", data);
    FILE *file = fopen(path, "r+b");
    cr_assert_eq(fseek(file, offset, SEEK_SET), 0);
    for (size_t i = 0; i < size; i++) cr_assert_neq(fputc('x', file), EOF);
    cr_assert_eq(fclose(file), 0);
}

Test(search, a_damaged_index_is_told_from_other_failures) {
    char *data = make_index(), why[512] = "";
    struct sl_search *search = must_open(data);
    struct sl_search_results results;
    damage(data, 4096, 40 * 4096);
    cr_assert_eq(sl_search_words(search, "apache", NULL, &results, why, sizeof why), SL_SEARCH_DAMAGED, "%s", why);
    cr_assert(strstr(why, "is damaged or no index") && strstr(why, "delete it and run again"), "%s", why);
    sl_search_free(&search);
    damage(data, 0, 100);
    cr_assert_eq(sl_search_open(data, &search, why, sizeof why), SL_SEARCH_DAMAGED, "%s", why);
    cr_assert(strstr(why, "delete it and run again"), "%s", why);
    cr_assert_null(search);
    fixture_remove(data);
}

Test(search, a_text_of_many_documents_comes_once_before_it_comes_again) {
    static const char copied[] = "Licensed under the Apache License, Version 2.0 and much text that all have";
    char *data = fixture_directory(), why[512] = "", name[32];
    struct chain chain;
    chain_open(&chain, data);
    for (int i = 0; i < 8; i++) {
        (void)snprintf(name, sizeof name, "copy%d.txt", i);
        cr_assert(chain_run(&chain, name, sl_text(copied)));
    }
    cr_assert(chain_run(&chain, "own.txt", sl_text("A long text of its own, in which many other words stand around the one "
                                                   "that is looked for: apache, and then some more of them")));
    chain_close(&chain);
    struct sl_search *search = must_open(data);
    for (int is_like = 0; is_like <= 1; is_like++) {
        static const size_t limits[] = {3, 1000};
        for (size_t i = 0; i < 2; i++) {
            struct sl_search_results results;
            const struct sl_search_options options = {.limit = limits[i]};
            int rc = is_like ? sl_search_like(search, "apache", &options, &results, why, sizeof why)
                             : sl_search_words(search, "apache", &options, &results, why, sizeof why);
            cr_assert_eq(rc, SL_SEARCH_OK, "%s", why);
            cr_assert_eq(results.count, i == 0 ? 3 : 9);
            cr_assert_str_eq(results.hits[0].document, "copy0.txt");
            cr_assert_str_eq(results.hits[1].document, "own.txt");
            cr_assert_str_eq(results.hits[2].document, "copy1.txt");
            cr_assert_gt(results.hits[2].score, results.hits[1].score);
            sl_search_results_fini(&results);
        }
    }
    sl_search_free(&search);
    fixture_remove(data);
}

Test(search, answers_while_others_write) {
    char *data = make_index(), path[512], first[64];
    sqlite3 *db = NULL;
    (void)snprintf(path, sizeof path, "%s/index.sqlite", data);
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, "BEGIN IMMEDIATE; DELETE FROM chunks", NULL, NULL, NULL), SQLITE_OK);
    struct sl_search *search = must_open(data);
    cr_assert_eq(words(search, "apache", first, sizeof first), 1, "what is not committed is not seen");
    cr_assert_eq(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    cr_assert_eq(words(search, "apache", first, sizeof first), 0);
    sl_search_free(&search);
    sqlite3_close(db);
    fixture_remove(data);
}

/* As a user without any right to write there: in a child, because the right cannot be taken back. */
static int search_as_nobody(const char *data) {
    pid_t child = fork();
    if (child == 0) {
        if (setgid(65534) != 0 || setuid(65534) != 0) _exit(9);
        struct sl_search *search = NULL;
        struct sl_search_results results;
        char why[512] = "";
        if (sl_search_open(data, &search, why, sizeof why) != 0) _exit(1);
        if (sl_search_words(search, "apache", NULL, &results, why, sizeof why) != 0) _exit(2);
        _exit(results.count == 1 ? 0 : 3);
    }
    int status = 0;
    cr_assert_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Test(search, needs_no_right_to_write) {
    if (geteuid() != 0) cr_skip_test("only root can become another user");
    char *data = make_index();
    cr_assert_eq(chmod(data, 0755), 0);
    cr_assert_eq(search_as_nobody(data), 0);
    fixture_remove(data);
}
