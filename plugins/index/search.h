/* Searching index.sqlite, by words or by likeness, while others write to it or while nothing runs. Never writes. */
#ifndef SL_INDEX_SEARCH_H
#define SL_INDEX_SEARCH_H

#include <stddef.h>
#include <stdint.h>

struct sl_search;

struct sl_search_hit {
    char *document;
    char *section; /* the section's title, or its id when it has none */
    char *snippet; /* the place that fits best, white space collapsed, marks as asked for */
    uint64_t start; /* byte offsets in the document's source */
    uint64_t end;
    double score; /* larger is better; comparable within one answer only. Likeness: the cosine, at most 1 */
};

struct sl_search_results {
    struct sl_search_hit *hits; /* owns; best first, then by document and place */
    size_t count;
};

/* What to print. Zero members get defaults: ten hits, no marks. */
struct sl_search_options {
    size_t limit;
    const char *mark_begin; /* put before and behind each word that was found, for example "\033[1m" and "\033[0m" */
    const char *mark_end;
};

/* Opens the index in a data directory. 0 with *out_self; or -1 with a sentence in `why` when there is none, it cannot be read,
 * is damaged, or was written by a newer Sluice. */
int sl_search_open(const char *data_directory, struct sl_search **out_self, char *why, size_t why_size);
/* Closes and frees; NULL is allowed. */
void sl_search_free(struct sl_search **self);

/* Chunks that have all the words of the query, by bm25 (https://www.sqlite.org/fts5.html#the_bm25_function); when there are none,
 * those that have any. A word that ends with '*' stands for all words that begin so; no other character has a meaning, so any
 * text may be asked. 0 with results (perhaps none), or -1 with a sentence. */
int sl_search_words(struct sl_search *self, const char *query, const struct sl_search_options *options,
                    struct sl_search_results *out_results, char *why, size_t why_size);

/* Chunks whose vectors point the way that the text's does (embed/ngrams.h says what that means). Looks at every vector. As
 * above. */
int sl_search_like(struct sl_search *self, const char *text, const struct sl_search_options *options,
                   struct sl_search_results *out_results, char *why, size_t why_size);

void sl_search_results_fini(struct sl_search_results *self);

enum { SL_SEARCH_TYPES_MAX = 64, SL_SEARCH_TYPE_SIZE = 65 };

/* What the index and the graph hold, all from one moment. */
struct sl_search_totals {
    uint64_t documents;
    uint64_t chunks;
    uint64_t nodes;
    uint64_t edges;
    size_t type_count; /* entity types, by name */
    struct {
        char name[SL_SEARCH_TYPE_SIZE];
        uint64_t found_count;    /* places in documents */
        uint64_t distinct_count; /* different ones */
    } types[SL_SEARCH_TYPES_MAX];
};

/* 0, or -1 with a sentence. */
int sl_search_totals(struct sl_search *self, struct sl_search_totals *out_totals, char *why, size_t why_size);

#endif
