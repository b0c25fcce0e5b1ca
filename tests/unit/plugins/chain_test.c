/* The documents of this machine through all eight stages, twice; then one of them changed. */
#include <criterion/criterion.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#include "chain.h"
#include "index/search.h"

/* Under the sanitizers each document costs ten times as much, so every eighth one has to do. */
#if defined(__SANITIZE_ADDRESS__)
enum { STEP = 8 };
#else
enum { STEP = 1 };
#endif

struct sums {
    uint64_t documents, chunks, entities, written;
};

static void add(struct sums *sums, const struct chain *chain) {
    sums->documents++;
    sums->chunks += (uint64_t)chain->stages[INDEX].result.count;
    sums->entities += (uint64_t)chain->stages[EXTRACT].result.count;
    sums->written += (uint64_t)fixture_get_int(sl_bench_value(&chain->stages[INDEX].result, NULL), "chunks_written") +
                     (uint64_t)fixture_get_int(sl_bench_value(&chain->stages[GRAPH].result, NULL), "edges_written") +
                     (uint64_t)fixture_get_int(sl_bench_value(&chain->stages[GRAPH].result, NULL), "nodes_written");
}

static struct sums run_all(struct chain *chain, const glob_t *files) {
    struct sums sums = {0};
    for (size_t i = 0; i < files->gl_pathc; i += STEP) {
        struct sl_buf bytes = fixture_file(files->gl_pathv[i]);
        if (bytes.size > 0) {
            bool is_done = chain_run(chain, files->gl_pathv[i], sl_buf_bytes(&bytes));
            cr_assert(is_done, "%s: %s", files->gl_pathv[i], chain_sentence(chain));
            add(&sums, chain);
        }
        sl_buf_fini(&bytes);
    }
    return sums;
}

Test(chain, every_copyright_file_of_this_machine_twice, .timeout = 600) {
    glob_t files;
    if (glob("/usr/share/doc/*/copyright", 0, NULL, &files) != 0) cr_skip_test("this machine has no copyright files");
    char *data = fixture_directory();
    struct chain chain;
    chain_open(&chain, data);
    struct sums first = run_all(&chain, &files);
    struct sl_search_totals totals = chain_totals(data);
    uint64_t found_count = 0;
    for (size_t i = 0; i < totals.type_count; i++) found_count += totals.types[i].found_count;
    cr_assert_eq(totals.documents, first.documents);
    cr_assert_eq(totals.chunks, first.chunks);
    cr_assert_eq(found_count, first.entities);
    cr_assert_eq(totals.type_count, 5);
    struct sums second = run_all(&chain, &files);
    struct sl_search_totals again = chain_totals(data);
    cr_assert_eq(second.written, 0, "a second pass wrote %lu rows", (unsigned long)second.written);
    cr_assert_arr_eq(&totals, &again, sizeof totals);
    cr_assert(chain_run(&chain, files.gl_pathv[0], sl_text("Copyright (C) 1803 Xyzzy Plugh <xyzzy@example.org>")));
    again = chain_totals(data);
    cr_assert_eq(again.documents, totals.documents);
    cr_assert_lt(again.edges, totals.edges + 7);
    struct sl_search *search = NULL;
    struct sl_search_results results;
    char why[512] = "";
    cr_assert_eq(sl_search_open(data, &search, why, sizeof why), 0);
    cr_assert_eq(sl_search_words(search, "xyzzy plugh", NULL, &results, why, sizeof why), 0);
    cr_assert_eq(results.count, 1);
    cr_assert_str_eq(results.hits[0].document, files.gl_pathv[0]);
    sl_search_results_fini(&results);
    sl_search_free(&search);
    globfree(&files);
    chain_close(&chain);
    fixture_remove(data);
}

Test(chain, articles_beside_the_repository) {
    static const char *const names[] = {"jats/pone.0000217.nxml", "jats/1472-6831-8-11.nxml", "jats/ehp-116-1694.nxml",
                                        "pubmed-29768149.xml"};
    char *data = fixture_directory();
    struct chain chain;
    uint64_t read_count = 0;
    chain_open(&chain, data);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[512];
        (void)snprintf(path, sizeof path, "%s/../shared/data/%s", SL_SOURCE, names[i]);
        struct sl_buf bytes = fixture_file(path);
        if (bytes.size == 0) continue;
        read_count++;
        cr_assert(chain_run(&chain, names[i], sl_buf_bytes(&bytes)), "%s: %s", names[i], chain_sentence(&chain));
        sl_buf_fini(&bytes);
    }
    chain_close(&chain);
    if (read_count > 0) cr_assert_eq(chain_totals(data).documents, read_count);
    fixture_remove(data);
    if (read_count == 0) cr_skip_test("the articles are not beside this repository");
}
