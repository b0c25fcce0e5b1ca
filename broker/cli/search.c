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

/* How wide the columns before the score are. */
struct widths {
    int document, section, place;
};

static void widen(int *width, size_t size) {
    enum { WIDTH_MAX = 80 };
    if (size > WIDTH_MAX) size = WIDTH_MAX;
    if (*width < (int)size) *width = (int)size;
}

/* The width of text on a terminal that shows each character in one place; `safe` is the text as it is printed. */
static size_t escape(struct sl_buf *safe, const char *text) {
    size_t width = 0;
    sl_buf_clear(safe);
    sl_text_escape(safe, sl_text(text));
    for (size_t i = 0; i < safe->size; i++) width += (safe->data[i] & 0xc0) != 0x80;
    return width;
}

static void print_cell(const struct sl_buf *safe, size_t text_width, int width) {
    int padding = width > (int)text_width ? width - (int)text_width : 0;
    (void)printf("%.*s%*s  ", (int)safe->size, (const char *)safe->data, padding, "");
}

/* The found text, below its place. The marks around words are ours, so that the rest can be escaped. */
static void print_snippet(const struct sl_cli *cli, const char *snippet, struct sl_buf *text) {
    sl_buf_clear(text);
    for (const char *at = snippet; *at; at += *at != '\0') {
        size_t size = strcspn(at, "\001\002");
        sl_text_escape(text, sl_bytes(at, size));
        at += size;
        const char *mark = *at == '\001' ? sl_color_start(cli->color_out, SL_COLOR_YELLOW) : *at ? sl_color_end(cli->color_out) : "";
        (void)sl_buf_format(text, "%s", mark);
    }
    (void)printf("    %.*s\n", (int)text->size, (char *)text->data);
}

static size_t put_place(struct sl_buf *text, const struct sl_search_hit *hit) {
    sl_buf_clear(text);
    (void)sl_buf_format(text, "%llu-%llu", (unsigned long long)hit->start, (unsigned long long)hit->end);
    return text->size;
}

static void print_hit(const struct sl_cli *cli, const struct sl_search_hit *hit, const struct widths *widths, struct sl_buf *text) {
    size_t size = escape(text, hit->document);
    (void)fputs(sl_color_start(cli->color_out, SL_COLOR_BOLD), stdout);
    print_cell(text, size, widths->document);
    (void)fputs(sl_color_end(cli->color_out), stdout);
    size = escape(text, hit->section);
    print_cell(text, size, widths->section);
    (void)fputs(sl_color_start(cli->color_out, SL_COLOR_DIM), stdout);
    size = put_place(text, hit);
    print_cell(text, size, widths->place);
    (void)printf("%.3f%s\n", hit->score, sl_color_end(cli->color_out));
    print_snippet(cli, hit->snippet, text);
}

static void print_table(const struct sl_cli *cli, const struct sl_search_results *results) {
    struct widths widths = {.document = (int)strlen("DOCUMENT"), .section = (int)strlen("SECTION"), .place = (int)strlen("BYTES")};
    struct sl_buf text;
    sl_buf_init(&text, sl_alloc_system());
    for (size_t i = 0; i < results->count; i++) {
        widen(&widths.document, escape(&text, results->hits[i].document));
        widen(&widths.section, escape(&text, results->hits[i].section));
        widen(&widths.place, put_place(&text, &results->hits[i]));
    }
    if (results->count > 0)
        (void)printf("%-*s  %-*s  %-*s  %s\n", widths.document, "DOCUMENT", widths.section, "SECTION", widths.place, "BYTES", "SCORE");
    for (size_t i = 0; i < results->count; i++) print_hit(cli, &results->hits[i], &widths, &text);
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
    if (cli->format == SL_FORMAT_TABLE) print_table(cli, results);
    for (size_t i = 0; i < results->count; i++) {
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
