/* Matching of patterns with limits: a pattern that backtracks without end costs a failure, never a hang. */
#include "find.h"

#include <stdlib.h>

#include "sdk/utf8.h"

enum {
    BLOCKS_A_REPORT = 64,
    TEXT_SIZE_MAX = 300,
    SHOWN_MAX = 80,
    HEAP_KIB_MAX = 64 << 10,
    JIT_STACK_MIN = 32 << 10,
    JIT_STACK_MAX = 1 << 20
};

/* One run over a document. */
struct run {
    struct sl_finds *finds;
    const struct sl_patterns *patterns;
    const struct sl_document *document;
    const struct sl_attempt *attempt;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
    pcre2_match_data *match;
};

static void close_run(struct run *run) {
    pcre2_match_data_free(run->match);
    pcre2_match_context_free(run->context);
    pcre2_jit_stack_free(run->stack);
}

static int open_run(struct run *run) {
    run->match = pcre2_match_data_create(10, NULL);
    run->context = pcre2_match_context_create(NULL);
    run->stack = pcre2_jit_stack_create(JIT_STACK_MIN, JIT_STACK_MAX, NULL);
    if (!run->match || !run->context) return -1;
    (void)pcre2_set_match_limit(run->context, (uint32_t)run->patterns->match_limit);
    (void)pcre2_set_heap_limit(run->context, HEAP_KIB_MAX);
    if (run->stack) pcre2_jit_stack_assign(run->context, NULL, run->stack);
    return 0;
}

static struct sl_span group_text(const struct run *run, struct sl_span subject, uint32_t group) {
    const PCRE2_SIZE *places = pcre2_get_ovector_pointer(run->match);
    if (group >= pcre2_get_ovector_count(run->match) || places[2 * group] == PCRE2_UNSET) return sl_span_of("");
    if (places[2 * group + 1] < places[2 * group]) return sl_span_of("");
    return sl_span(subject.data + places[2 * group], places[2 * group + 1] - places[2 * group]);
}

/* The text that a template stands for: "$1" to "$9" are groups. */
static void expand(struct run *run, const char *template, struct sl_span subject) {
    struct sl_string *texts = &run->finds->texts;
    for (; *template; template++) {
        if (template[0] == '$' && template[1] >= '1' && template[1] <= '9') {
            sl_string_append(texts, group_text(run, subject, (uint32_t)(template[1] - '0')));
            template++;
        } else {
            sl_string_append_char(texts, *template);
        }
    }
}

static struct sl_span trim_entity(struct sl_span text) {
    text = sl_span_trim(text);
    while (text.size > 1 && strchr(".,;:", text.data[text.size - 1])) text = sl_span_trim(sl_span(text.data, text.size - 1));
    return text;
}

/* Adds the match that was just made. -1 when memory ran out. */
static int add_match(struct run *run, const struct sl_pattern *pattern, size_t block, int group_count) {
    struct sl_finds *finds = run->finds;
    struct sl_span subject = run->document->blocks[block].text;
    struct sl_span place = group_text(run, subject, group_count > 1 && !pattern->source.as ? 1 : 0);
    place = trim_entity(place);
    if (place.size == 0) return 0;
    if (finds->count == finds->capacity) {
        size_t capacity = finds->capacity ? finds->capacity * 2 : 256;
        struct sl_found *grown = realloc(finds->items, capacity * sizeof *grown);
        if (!grown) return -1;
        finds->items = grown;
        finds->capacity = capacity;
    }
    struct sl_found *found = &finds->items[finds->count];
    *found = (struct sl_found){.pattern = (size_t)(pattern - run->patterns->items), .block = block,
                               .start = (size_t)(place.data - subject.data), .text_at = finds->texts.size};
    found->end = found->start + place.size;
    if (pattern->source.as) expand(run, pattern->source.as, subject);
    else sl_string_append_words(&finds->texts, sl_span_head(place, TEXT_SIZE_MAX));
    found->text_size = finds->texts.size - found->text_at;
    for (size_t i = found->text_at; pattern->source.is_lower && i < finds->texts.size; i++) {
        char c = finds->texts.data[i];
        if (c >= 'A' && c <= 'Z') finds->texts.data[i] = (char)(c + ('a' - 'A'));
    }
    finds->count += found->text_size > 0;
    return finds->texts.failed ? -1 : 0;
}

static sluice_outcome fail_match(const struct run *run, const struct sl_pattern *pattern, size_t block, int rc) {
    const char *text = pattern->source.pattern;
    const struct sl_span id = run->document->blocks[block].id;
    bool is_limit = rc == PCRE2_ERROR_MATCHLIMIT || rc == PCRE2_ERROR_DEPTHLIMIT || rc == PCRE2_ERROR_HEAPLIMIT;
    if (rc == PCRE2_ERROR_NOMEMORY) return sl_attempt_no_memory(run->attempt);
    PCRE2_UCHAR message[160] = "";
    (void)pcre2_get_error_message(rc, message, sizeof message);
    return sl_attempt_fail(run->attempt, SLUICE_FAILED_PERMANENT,
                           is_limit ? "Pattern %zu (`%.*s`) needs too much work on block %.*s of %.*s (%s): write it so that it "
                                      "does not backtrack, or raise `config.match_limit`."
                                    : "Pattern %zu (`%.*s`) fails on block %.*s of %.*s: %s.",
                           (size_t)(pattern - run->patterns->items) + 1, sl_span_print(sl_span_of(text), SHOWN_MAX), text,
                           sl_span_print(id, 64), id.data, sl_span_print(run->document->id, 200), run->document->id.data,
                           (const char *)message);
}

/* The next match from `at` on. A compiled pattern has a stack of its own, which many repeats fill though they cost little work: the
 * interpreter takes heap memory instead, within the same limits. */
static int match_next(struct run *run, const struct sl_pattern *pattern, struct sl_span text, size_t at) {
    int rc = pcre2_match(pattern->code, (PCRE2_SPTR)text.data, text.size, at, PCRE2_NO_UTF_CHECK, run->match, run->context);
    if (rc != PCRE2_ERROR_JIT_STACKLIMIT) return rc;
    return pcre2_match(pattern->code, (PCRE2_SPTR)text.data, text.size, at, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, run->match,
                       run->context);
}

/* Finds every match of one pattern in one block. A match of nothing steps on by one character. */
static sluice_outcome match_block(struct run *run, const struct sl_pattern *pattern, size_t block) {
    struct sl_span text = run->document->blocks[block].text;
    for (size_t at = 0; at <= text.size;) {
        int rc = match_next(run, pattern, text, at);
        if (rc == PCRE2_ERROR_NOMATCH) return SLUICE_DONE;
        if (rc < 0) return fail_match(run, pattern, block, rc);
        /* 0 means more groups than places; the first ten are there. */
        if (add_match(run, pattern, block, rc == 0 ? 10 : rc) != 0) return sl_attempt_no_memory(run->attempt);
        size_t end = pcre2_get_ovector_pointer(run->match)[1];
        if (end <= at) {
            end = at + 1;
            while (end < text.size && !sl_utf8_is_start(text.data[end])) end++;
        }
        at = end;
    }
    return SLUICE_DONE;
}

/* By place; at one place by type, and the pattern that stands first wins. */
static int compare_finds(const void *left, const void *right, void *context) {
    const struct sl_patterns *patterns = context;
    const struct sl_found *a = left, *b = right;
    if (a->start != b->start) return a->start < b->start ? -1 : 1;
    if (a->end != b->end) return a->end < b->end ? -1 : 1;
    int order = strcmp(patterns->items[a->pattern].source.type, patterns->items[b->pattern].source.type);
    return order ? order : (a->pattern > b->pattern) - (a->pattern < b->pattern);
}

/* Puts what was found in one block, from `first` on, in order, and keeps one of what several patterns of a type found. */
static void settle_block(struct run *run, size_t first) {
    struct sl_finds *finds = run->finds;
    size_t kept = first;
    if (finds->count == first) return;
    qsort_r(finds->items + first, finds->count - first, sizeof *finds->items, compare_finds, (void *)(uintptr_t)run->patterns);
    for (size_t i = first; i < finds->count; i++) {
        const struct sl_found *last = kept > first ? &finds->items[kept - 1] : NULL, *found = &finds->items[i];
        bool is_same = last && last->start == found->start && last->end == found->end &&
                       strcmp(run->patterns->items[last->pattern].source.type,
                              run->patterns->items[found->pattern].source.type) == 0;
        if (!is_same) finds->items[kept++] = *found;
    }
    finds->count = kept;
}

static sluice_outcome read_blocks(struct run *run) {
    for (size_t i = 0; i < run->document->block_count; i++) {
        const struct sl_block *block = &run->document->blocks[i];
        const size_t first = run->finds->count;
        if (i % BLOCKS_A_REPORT == 0 && sl_attempt_cancelled(run->attempt, i, run->document->block_count)) {
            return SLUICE_FAILED_RETRYABLE;
        }
        if (!sl_utf8_span_is_valid(block->text)) {
            return sl_attempt_fail(run->attempt, SLUICE_FAILED_PERMANENT, "The text of block %.*s is no UTF-8.",
                                   sl_span_print(block->id, 64), block->id.data);
        }
        for (size_t j = 0; j < run->patterns->count; j++) {
            const struct sl_pattern *pattern = &run->patterns->items[j];
            if (!sl_patterns_apply(run->patterns, pattern, block->kind)) continue;
            sluice_outcome outcome = match_block(run, pattern, i);
            if (outcome != SLUICE_DONE) return outcome;
        }
        settle_block(run, first);
    }
    return SLUICE_DONE;
}

sluice_outcome sl_finds_read(struct sl_finds *self, const struct sl_patterns *patterns, const struct sl_document *document,
                             const struct sl_attempt *attempt) {
    struct run run = {.finds = self, .patterns = patterns, .document = document, .attempt = attempt};
    *self = (struct sl_finds){0};
    sluice_outcome outcome = open_run(&run) == 0 ? read_blocks(&run) : sl_attempt_no_memory(attempt);
    close_run(&run);
    if (outcome != SLUICE_DONE) sl_finds_fini(self);
    return outcome;
}

void sl_finds_fini(struct sl_finds *self) {
    free(self->items);
    sl_string_fini(&self->texts);
    *self = (struct sl_finds){0};
}
