/* Searching index.sqlite, by words or by likeness, while others write to it or while nothing runs. Never writes. */
#ifndef SL_INDEX_SEARCH_H
#define SL_INDEX_SEARCH_H

#include <stddef.h>
#include <stdint.h>

struct sl_search;

/* How a call ended; all but SL_SEARCH_OK with a sentence, which begins small and has no full stop. */
enum sl_search_rc {
    SL_SEARCH_OK = 0,
    SL_SEARCH_FAILED = -1,
    SL_SEARCH_ABSENT = -2,     /* there is no index yet */
    SL_SEARCH_DAMAGED = -3,    /* the file is damaged, or is no index */
    SL_SEARCH_NO_QUESTION = -4 /* nothing in the question can be searched for */
};

enum { SL_SEARCH_LIMIT_MAX = 10000 };

struct sl_search_hit {
    char *document;
    char *section; /* the section's title, or its id when it has none */
    char *snippet; /* the place that fits best, white space collapsed, marks as asked for */
    uint64_t start; /* byte offsets in the document's source */
    uint64_t end;
    double score; /* larger is better; comparable within one answer only. Likeness: the cosine, at most 1 */
};

struct sl_search_results {
    /* Owns; best first, then by document and place. What several chunks say word for word comes once before it comes again, so that a
     * text that every document has does not fill the answer. */
    struct sl_search_hit *hits;
    size_t count;
};

/* What to print. Zero members get defaults: ten hits, no marks; at most SL_SEARCH_LIMIT_MAX hits. */
struct sl_search_options {
    size_t limit;
    const char *mark_begin; /* put before and behind each word that was found, for example "\033[1m" and "\033[0m" */
    const char *mark_end;
};

/* Opens the index in a data directory. SL_SEARCH_OK with *out_self; or, with a sentence in `why`, ABSENT, DAMAGED, or FAILED when it
 * cannot be read or another Sluice wrote it. */
enum sl_search_rc sl_search_open(const char *data_directory, struct sl_search **out_self, char *why, size_t why_size);
/* Closes and frees; NULL is allowed. */
void sl_search_free(struct sl_search **self);

/* Chunks that have all the words of the query, by bm25 (https://www.sqlite.org/fts5.html#the_bm25_function); when there are none,
 * those that have any. A word that ends with '*' stands for all words that begin so; no other character has a meaning, so any
 * text may be asked. SL_SEARCH_OK with results (perhaps none), or a sentence. */
enum sl_search_rc sl_search_words(struct sl_search *self, const char *query, const struct sl_search_options *options,
                                  struct sl_search_results *out_results, char *why, size_t why_size);

/* Chunks whose vectors point the way that the text's does (embed/ngrams.h says what that means). Looks at every vector. As
 * above. */
enum sl_search_rc sl_search_like(struct sl_search *self, const char *text, const struct sl_search_options *options,
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

enum sl_search_rc sl_search_totals(struct sl_search *self, struct sl_search_totals *out_totals, char *why, size_t why_size);

#endif
