/* The stage `extract`: entities that patterns find in a document, and claims about the document that rest on them. */
#include <stdio.h>
#include <stdlib.h>

#include "find.h"
#include "sdk/output.h"
#include "sdk/plugin.h"

static int extract_open(const sluice_definition *definition, void **out_self, char *error, size_t error_size) {
    static const char *const keys[] = {"patterns", "skip_kinds", "match_limit", NULL};
    struct sl_options options;
    if (sl_options_open(&options, definition, keys, error, error_size) != 0) return -1;
    struct sl_patterns *self = malloc(sizeof *self);
    int rc = self ? sl_patterns_init(self, &options) : sl_options_refuse(&options, "no memory.");
    if (rc == 0) *out_self = self;
    else free(self);
    sl_options_close(&options);
    return rc;
}

static void extract_close(void *context) {
    struct sl_patterns *self = context;
    sl_patterns_fini(self);
    free(self);
}

/* What the result is made from. */
struct result {
    const struct sl_patterns *patterns;
    const struct sl_document *document;
    struct sl_finds finds;
    struct sl_output output;
};

static struct sl_span text_of(const struct result *result, const struct sl_found *found) {
    return sl_span(result->finds.texts.data + found->text_at, found->text_size);
}

static void write_entities(struct result *result) {
    struct sl_output *output = &result->output;
    sl_output_text(output, "entities");
    sl_output_array(output, (uint32_t)result->finds.count);
    for (size_t i = 0; i < result->finds.count && !output->too_large; i++) {
        const struct sl_found *found = &result->finds.items[i];
        char id[24];
        (void)snprintf(id, sizeof id, "e%zu", i + 1);
        sl_output_map(output, 6);
        sl_output_text(output, "id");
        sl_output_text(output, id);
        sl_output_text(output, "type");
        sl_output_text(output, result->patterns->items[found->pattern].source.type);
        sl_output_text(output, "text");
        sl_output_span(output, text_of(result, found));
        sl_output_text(output, "block");
        sl_output_span(output, result->document->blocks[found->block].id);
        sl_output_text(output, "start");
        sl_output_uint(output, found->start);
        sl_output_text(output, "end");
        sl_output_uint(output, found->end);
    }
}

static void write_claim(struct result *result, const char *predicate, struct sl_span object, const char *object_type,
                        struct sl_span block) {
    struct sl_output *output = &result->output;
    sl_output_map(output, object_type ? 5 : 4);
    sl_output_text(output, "subject");
    sl_output_span(output, result->document->id);
    sl_output_text(output, "predicate");
    sl_output_text(output, predicate);
    sl_output_text(output, "object");
    sl_output_span(output, object);
    if (object_type) {
        sl_output_text(output, "object_type");
        sl_output_text(output, object_type);
    }
    sl_output_text(output, "block");
    sl_output_span(output, block);
}

/* By what is claimed, and the first place first. */
static int compare_claims(const void *left, const void *right, void *context) {
    const struct result *result = context;
    const struct sl_found *a = *(const struct sl_found *const *)left, *b = *(const struct sl_found *const *)right;
    const struct sl_pattern_source *p = &result->patterns->items[a->pattern].source;
    const struct sl_pattern_source *q = &result->patterns->items[b->pattern].source;
    int order = strcmp(p->claim, q->claim);
    if (order == 0) order = strcmp(p->type, q->type);
    size_t shorter = a->text_size < b->text_size ? a->text_size : b->text_size;
    if (order == 0) order = memcmp(text_of(result, a).data, text_of(result, b).data, shorter);
    if (order == 0) order = (a->text_size > b->text_size) - (a->text_size < b->text_size);
    return order ? order : (a > b) - (a < b);
}

static bool same_claim(const struct result *result, const struct sl_found *a, const struct sl_found *b) {
    const struct sl_pattern_source *p = &result->patterns->items[a->pattern].source;
    const struct sl_pattern_source *q = &result->patterns->items[b->pattern].source;
    return strcmp(p->claim, q->claim) == 0 && strcmp(p->type, q->type) == 0 &&
           sl_span_equal(text_of(result, a), text_of(result, b));
}

/* The document claims a thing once, however often it says so. The first claim names the document: so whoever gets the claims
 * knows whose they are, also when there are no others. */
static int write_claims(struct result *result) {
    const struct sl_found **claims = calloc(result->finds.count + 1, sizeof *claims);
    size_t count = 0;
    uint32_t written = 1;
    if (!claims) return -1;
    for (size_t i = 0; i < result->finds.count; i++) {
        const struct sl_found *found = &result->finds.items[i];
        if (result->patterns->items[found->pattern].source.claim) claims[count++] = found;
    }
    qsort_r(claims, count, sizeof *claims, compare_claims, result);
    sl_output_text(&result->output, "claims");
    size_t place = sl_output_array_open(&result->output);
    write_claim(result, "is-a", sl_span_of("document"), NULL, sl_span_of(""));
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && same_claim(result, claims[i - 1], claims[i])) continue;
        const struct sl_pattern_source *source = &result->patterns->items[claims[i]->pattern].source;
        write_claim(result, source->claim, text_of(result, claims[i]), source->type, result->document->blocks[claims[i]->block].id);
        written++;
    }
    sl_output_array_close(&result->output, place, written);
    free(claims);
    return 0;
}

static sluice_outcome send_result(struct result *result, const struct sl_attempt *attempt) {
    char what[320];
    sl_output_init(&result->output);
    sl_output_map(&result->output, 2);
    write_entities(result);
    sluice_outcome outcome;
    (void)snprintf(what, sizeof what, "What the patterns found in %.*s (%zu entities; fewer patterns help)",
                   sl_span_print(result->document->id, 160), result->document->id.data, result->finds.count);
    if (write_claims(result) != 0) outcome = sl_attempt_no_memory(attempt);
    else outcome = sl_output_send(&result->output, attempt, what);
    sl_output_fini(&result->output);
    return outcome;
}

static sluice_outcome extract_execute(void *self, sluice_ctx *ctx, sluice_bytes upstream, sluice_out *out) {
    const struct sl_attempt attempt = {sl_host, ctx, out};
    struct sl_document document;
    sluice_outcome outcome = sl_document_open(&document, &attempt, upstream);
    if (outcome != SLUICE_DONE) return outcome;
    struct result result = {.patterns = self, .document = &document};
    outcome = sl_finds_read(&result.finds, result.patterns, &document, &attempt);
    if (outcome == SLUICE_DONE) {
        outcome = send_result(&result, &attempt);
        sl_finds_fini(&result.finds);
    }
    sl_document_close(&document);
    return outcome;
}

static int64_t extract_count(sluice_bytes output) {
    return sl_input_count(output, "entities");
}

static const char *const state_keys[] = {"entities", "claims", NULL};
static const char *const dependencies[] = {"ir-validation", NULL};

static const sluice_registration extract = {
    .size = sizeof extract,
    .stage_type = "extract",
    .description = "Finds entities and claims by patterns: licences, holders, years, addresses, or your own",
    .version = SLUICE_VERSION,
    .state_keys = state_keys,
    .dependencies = dependencies,
    .config_schema = "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
                     "\"patterns\":{\"default\":\"licences\"},"
                     "\"skip_kinds\":{\"type\":\"array\",\"maxItems\":8,\"items\":{\"type\":\"string\",\"minLength\":1}},"
                     "\"match_limit\":{\"type\":\"integer\",\"minimum\":1000,\"maximum\":100000000,\"default\":1000000}}}",
    .idempotent = 1,
    .open = extract_open,
    .execute = extract_execute,
    .close = extract_close,
    .output_counter = extract_count,
};

const sluice_registration *const sl_plugin_stages[] = {&extract, NULL};
