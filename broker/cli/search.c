/* sluice search: asks index.sqlite in a data folder; no broker is needed. */
#include "output.h"

#include "dev/folders.h"

#include "base/text.h"
#include "index/search.h"

#include <string.h>

enum { HITS_DEFAULT = 10, QUERY_SIZE = 4096, WHY_SIZE = 1024 };

static int put_query(const struct sl_cli *cli, char out_query[QUERY_SIZE]) {
    size_t used = 0;
    out_query[0] = '\0';
    for (int i = 0; i < cli->parsed.argument_count; i++) {
        int size = snprintf(out_query + used, QUERY_SIZE - used, "%s%s", i ? " " : "", sl_cli_argument(cli, i));
        if (size < 0 || (size_t)size >= QUERY_SIZE - used)
            return sl_cli_fail(cli, SL_EXIT_USAGE, "the question is too long; %d bytes are enough for any", QUERY_SIZE);
        used += (size_t)size;
    }
    return SL_EXIT_DONE;
}

static int fail(const struct sl_cli *cli, enum sl_search_rc rc, const char *why) {
    int code = rc == SL_SEARCH_ABSENT       ? SL_EXIT_NOT_FOUND
               : rc == SL_SEARCH_DAMAGED     ? SL_EXIT_INVALID
               : rc == SL_SEARCH_NO_QUESTION ? SL_EXIT_USAGE
                                             : SL_EXIT_FAILURE;
    return sl_cli_fail(cli, code, "%s", why);
}

static json_t *hit_to_json(const struct sl_search_hit *hit) {
    return json_pack("{s:s, s:s, s:I, s:I, s:f, s:s}", "document", hit->document, "section", hit->section, "start",
                     (json_int_t)hit->start, "end", (json_int_t)hit->end, "score", hit->score, "text", hit->snippet);
}

/* A hit for people: document and place in one line, the text below. The marks around words are ours, so that the rest can be
 * escaped. */
static void print_hit(const struct sl_cli *cli, const struct sl_search_hit *hit) {
    struct sl_buf text;
    sl_buf_init(&text, sl_alloc_system());
    sl_text_escape(&text, sl_text(hit->document));
    (void)printf("%s%.*s%s", sl_color_start(cli->color_out, SL_COLOR_BOLD), (int)text.size, (char *)text.data,
                 sl_color_end(cli->color_out));
    sl_buf_clear(&text);
    sl_text_escape(&text, sl_text(hit->section));
    (void)printf("  %.*s  %s%llu-%llu  %.3f%s\n", (int)text.size, (char *)text.data, sl_color_start(cli->color_out, SL_COLOR_DIM),
                 (unsigned long long)hit->start, (unsigned long long)hit->end, hit->score, sl_color_end(cli->color_out));
    sl_buf_clear(&text);
    const char *at = hit->snippet;
    while (*at) {
        size_t size = strcspn(at, "\001\002");
        sl_text_escape(&text, sl_bytes(at, size));
        at += size;
        const char *mark = *at == '\001' ? sl_color_start(cli->color_out, SL_COLOR_YELLOW) : *at ? sl_color_end(cli->color_out) : "";
        (void)sl_buf_format(&text, "%s", mark);
        at += *at != '\0';
    }
    (void)printf("    %.*s\n", (int)text.size, (char *)text.data);
    sl_buf_fini(&text);
}

/* A name is a document: of several hits in one only the first is told. */
static void print_name(const struct sl_search_results *results, size_t index) {
    const char *name = results->hits[index].document;
    for (size_t i = 0; i < index; i++) {
        if (strcmp(results->hits[i].document, name) == 0) return;
    }
    (void)puts(name);
}

static int print_results(const struct sl_cli *cli, const struct sl_search_results *results) {
    json_t *records = json_array();
    for (size_t i = 0; i < results->count; i++) {
        if (cli->format == SL_FORMAT_TABLE) print_hit(cli, &results->hits[i]);
        if (cli->format == SL_FORMAT_NAME) print_name(results, i);
        if (cli->format == SL_FORMAT_JSON || cli->format == SL_FORMAT_JSONL)
            (void)json_array_append_new(records, hit_to_json(&results->hits[i]));
    }
    bool json = cli->format == SL_FORMAT_JSON || cli->format == SL_FORMAT_JSONL;
    int code = json ? sl_output_list(cli, records, NULL, 0, "document") : SL_EXIT_DONE;
    json_decref(records);
    if (results->count == 0 && cli->format == SL_FORMAT_TABLE) (void)fputs("nothing found\n", stderr);
    return code;
}

static json_t *totals_to_json(const struct sl_search_totals *totals) {
    json_t *types = json_object();
    for (size_t i = 0; i < totals->type_count; i++)
        (void)json_object_set_new(types, totals->types[i].name,
                                  json_pack("{s:I, s:I}", "found", (json_int_t)totals->types[i].found_count, "distinct",
                                            (json_int_t)totals->types[i].distinct_count));
    return json_pack("{s:I, s:I, s:I, s:I, s:o}", "documents", (json_int_t)totals->documents, "chunks", (json_int_t)totals->chunks,
                     "nodes", (json_int_t)totals->nodes, "edges", (json_int_t)totals->edges, "entities", types);
}

/* Without a question: what the index holds. */
static int print_totals(const struct sl_cli *cli, struct sl_search *search) {
    struct sl_search_totals totals;
    char why[WHY_SIZE];
    enum sl_search_rc rc = sl_search_totals(search, &totals, why, sizeof why);
    if (rc) return fail(cli, rc, why);
    if (cli->format != SL_FORMAT_TABLE) {
        json_t *record = totals_to_json(&totals);
        int code = sl_output_json(cli, record);
        json_decref(record);
        return code;
    }
    (void)printf("index     %llu documents, %llu chunks\n", (unsigned long long)totals.documents, (unsigned long long)totals.chunks);
    for (size_t i = 0; i < totals.type_count; i++)
        (void)printf("%-9s %s %llu (%llu different)\n", i ? "" : "entities", totals.types[i].name,
                     (unsigned long long)totals.types[i].found_count, (unsigned long long)totals.types[i].distinct_count);
    (void)printf("graph     %llu nodes, %llu edges\n", (unsigned long long)totals.nodes, (unsigned long long)totals.edges);
    return SL_EXIT_DONE;
}

static int ask(const struct sl_cli *cli, struct sl_search *search, const char *query, const char *like, uint64_t limit) {
    struct sl_search_options options = {.limit = (size_t)limit};
    if (cli->format == SL_FORMAT_TABLE) {
        options.mark_begin = "\001";
        options.mark_end = "\002";
    }
    struct sl_search_results results = {0};
    char why[WHY_SIZE];
    enum sl_search_rc rc = like ? sl_search_like(search, like, &options, &results, why, sizeof why)
                                : sl_search_words(search, query, &options, &results, why, sizeof why);
    if (rc) return fail(cli, rc, why);
    int code = print_results(cli, &results);
    sl_search_results_fini(&results);
    return code;
}

int sl_run_search(struct sl_cli *cli) {
    char query[QUERY_SIZE], data[SL_DEV_PATH_SIZE], why[SL_DEV_SENTENCE_SIZE];
    const char *like = sl_cli_flag(cli, SL_FLAG_LIKE);
    uint64_t limit;
    if (sl_cli_number(cli, SL_FLAG_LIMIT, HITS_DEFAULT, 1, SL_SEARCH_LIMIT_MAX, &limit)) return SL_EXIT_USAGE;
    if (like && cli->parsed.argument_count > 0)
        return sl_cli_fail(cli, SL_EXIT_USAGE, "search by words or by --like TEXT, not both; put quotes around a text of several words");
    int code = put_query(cli, query);
    if (code) return code;
    if (sl_dev_data_path(sl_cli_flag(cli, SL_FLAG_DATA), data, why)) return sl_cli_fail(cli, SL_EXIT_USAGE, "%s", why);
    struct sl_search *search = NULL;
    enum sl_search_rc rc = sl_search_open(data, &search, why, sizeof why);
    if (rc) return fail(cli, rc, why);
    bool asks = like || cli->parsed.argument_count > 0;
    code = asks ? ask(cli, search, query, like, limit) : print_totals(cli, search);
    sl_search_free(&search);
    return code;
}
