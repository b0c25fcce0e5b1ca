/* The stage `chunk`: cuts each section into pieces of at most `size`, at the best place that there is, each of which begins
 * with the last `overlap` of the piece before. */
#include <stdio.h>
#include <stdlib.h>

#include "sdk/option.h"
#include "sdk/output.h"
#include "sdk/plugin.h"
#include "sdk/string.h"
#include "words.h"

enum by { BY_PARAGRAPH, BY_SENTENCE, BY_WINDOW };

struct chunk {
    unsigned by;
    uint64_t size;    /* characters; words for BY_WINDOW */
    uint64_t overlap; /* in the same unit, less than size */
};

/* One run over a document. */
struct run {
    const struct chunk *config;
    const struct sl_document *document;
    const struct sl_section *section;
    struct sl_words words; /* of the section */
    struct sl_string text;
    struct sl_output output;
    uint32_t count;
};

static int read_config(struct chunk *self, const struct sl_options *options) {
    static const char *const words[] = {[BY_PARAGRAPH] = "paragraph", [BY_SENTENCE] = "sentence", [BY_WINDOW] = "window", NULL};
    if (sl_options_choice(options, "by", words, &self->by) != 0) return -1;
    self->size = self->by == BY_WINDOW ? 160 : 800;
    if (sl_options_uint(options, "size", 1, 1000000, &self->size) != 0) return -1;
    self->overlap = self->size / 8;
    if (sl_options_uint(options, "overlap", 0, 1000000, &self->overlap) != 0) return -1;
    if (self->overlap < self->size) return 0;
    return sl_options_refuse(options, "`config.overlap` (%llu) must be less than `config.size` (%llu).",
                             (unsigned long long)self->overlap, (unsigned long long)self->size);
}

static int chunk_open(const sluice_definition *definition, void **out_self, char *error, size_t error_size) {
    static const char *const keys[] = {"by", "size", "overlap", NULL};
    struct sl_options options;
    if (sl_options_open(&options, definition, keys, error, error_size) != 0) return -1;
    struct chunk *self = calloc(1, sizeof *self);
    int rc = self ? read_config(self, &options) : sl_options_refuse(&options, "no memory.");
    if (rc == 0) *out_self = self;
    else free(self);
    sl_options_close(&options);
    return rc;
}

/* How much words[from, to) hold, in the unit of the config. */
static uint64_t measure(const struct run *run, size_t from, size_t to) {
    if (run->config->by == BY_WINDOW) return to - from;
    return run->words.items[to - 1].last - run->words.items[from].first;
}

/* The end of the piece that begins at `from`: as many words as fit, back to the best break that lies behind `done` (the end of
 * the piece before), so that every piece brings something new, and that leaves at least a quarter of the size: a heading stays
 * with what it heads. */
static size_t find_end(const struct run *run, size_t from, size_t done) {
    size_t end = from + 1;
    while (end < run->words.count && measure(run, from, end + 1) <= run->config->size) end++;
    if (end <= done) end = done + 1;
    if (end == run->words.count || run->config->by == BY_WINDOW) return end;
    enum sl_word_break best = run->config->by == BY_PARAGRAPH ? SL_BREAK_PARAGRAPH : SL_BREAK_SENTENCE;
    for (; best > SL_BREAK_WORD; best--) {
        for (size_t cut = end; cut > done && cut > from; cut--) {
            if (measure(run, from, cut) * 4 < run->config->size) break;
            if (run->words.items[cut - 1].after >= best) return cut;
        }
    }
    return end;
}

/* Where the next piece begins: as far back from `end` as the overlap reaches. */
static size_t find_next(const struct run *run, size_t from, size_t end) {
    size_t next = end;
    while (next > from + 1 && measure(run, next - 1, end) <= run->config->overlap) next--;
    return next;
}

/* The words' text as it stands in their blocks; blocks are joined by an empty line. */
static void join_text(struct run *run, size_t from, size_t to) {
    sl_string_clear(&run->text);
    for (size_t i = from; i < to;) {
        const struct sl_block *block = run->words.items[i].block;
        size_t start = run->words.items[i].start, end = 0;
        for (; i < to && run->words.items[i].block == block; i++) end = run->words.items[i].end;
        if (run->text.size > 0) sl_string_append(&run->text, sl_span_of("\n\n"));
        sl_string_append(&run->text, sl_span(block->text.data + start, end - start));
    }
}

/* The offset in the source of a place in a block: exact when the block's text stands there as it is, else the block's own. */
static uint64_t source_offset(const struct sl_block *block, size_t at, uint64_t otherwise) {
    return block->end - block->start == block->text.size ? block->start + at : otherwise;
}

static void write_chunk(struct run *run, size_t from, size_t to) {
    const struct sl_word *first = &run->words.items[from], *last = &run->words.items[to - 1];
    struct sl_output *output = &run->output;
    struct sl_string id = {0};
    char number[16];
    join_text(run, from, to);
    (void)snprintf(number, sizeof number, "#%u", ++run->count);
    sl_string_append(&id, run->document->id);
    sl_string_append(&id, sl_span_of(number));
    sl_output_map(output, run->section->title.size > 0 ? 6 : 5);
    sl_output_text(output, "id");
    sl_output_span(output, sl_string_span(&id));
    sl_output_text(output, "section");
    sl_output_span(output, run->section->id);
    if (run->section->title.size > 0) {
        sl_output_text(output, "title");
        sl_output_span(output, run->section->title);
    }
    sl_output_text(output, "start");
    sl_output_uint(output, source_offset(first->block, first->start, first->block->start));
    sl_output_text(output, "end");
    sl_output_uint(output, source_offset(last->block, last->end, last->block->end));
    sl_output_text(output, "text");
    sl_output_span(output, sl_string_span(&run->text));
    if (id.failed || run->text.failed) output->no_memory = true;
    sl_string_fini(&id);
}

static void cut_section(struct run *run) {
    size_t from = 0, done = 0;
    while (done < run->words.count && !run->output.too_large && !run->output.no_memory) {
        size_t end = find_end(run, from, done);
        write_chunk(run, from, end);
        from = find_next(run, from, end);
        done = end;
    }
}

static sluice_outcome cut_document(struct run *run, const struct sl_attempt *attempt) {
    /* A word may fill a piece, so that even text without any space is cut. */
    size_t word_size_max = run->config->by == BY_WINDOW ? 200 : (size_t)run->config->size;
    size_t place = sl_output_array_open(&run->output);
    for (size_t i = 0; i < run->document->section_count; i++) {
        run->section = &run->document->sections[i];
        if (sl_words_read(&run->words, run->document, run->section, word_size_max) != 0) return sl_attempt_no_memory(attempt);
        if (sl_attempt_cancelled(attempt, i, run->document->section_count)) return SLUICE_FAILED_RETRYABLE;
        cut_section(run);
    }
    sl_output_array_close(&run->output, place, run->count);
    if (run->count == 0) {
        return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT,
                               "The document %.*s has no text to cut; let a stage of type ir-validation come before.",
                               sl_span_print(run->document->id, 200), run->document->id.data);
    }
    char what[256];
    (void)snprintf(what, sizeof what, "All chunks of %.*s together (a smaller overlap helps)",
                   sl_span_print(run->document->id, 160), run->document->id.data);
    return sl_output_send(&run->output, attempt, what);
}

static sluice_outcome chunk_execute(void *self, sluice_ctx *ctx, sluice_bytes upstream, sluice_out *out) {
    const struct sl_attempt attempt = {sl_host, ctx, out};
    struct sl_document document;
    sluice_outcome outcome = sl_document_open(&document, &attempt, upstream);
    if (outcome != SLUICE_DONE) return outcome;
    struct run run = {.config = self, .document = &document};
    sl_output_init(&run.output);
    outcome = cut_document(&run, &attempt);
    sl_output_fini(&run.output);
    sl_string_fini(&run.text);
    sl_words_fini(&run.words);
    sl_document_close(&document);
    return outcome;
}

static const char *const state_keys[] = {"chunks", NULL};
static const char *const dependencies[] = {"ir-validation", NULL};

static const sluice_registration chunk = {
    .size = sizeof chunk,
    .stage_type = "chunk",
    .description = "Cuts a document into overlapping pieces, by paragraph, sentence or window of words",
    .version = SLUICE_VERSION,
    .state_keys = state_keys,
    .dependencies = dependencies,
    .config_schema = "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
                     "\"by\":{\"enum\":[\"paragraph\",\"sentence\",\"window\"],\"default\":\"paragraph\"},"
                     "\"size\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":1000000},"
                     "\"overlap\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":1000000}}}",
    .idempotent = 1,
    .open = chunk_open,
    .execute = chunk_execute,
    .close = free,
};

const sluice_registration *const sl_plugin_stages[] = {&chunk, NULL};
