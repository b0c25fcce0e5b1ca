/* Writes a `document` value piece by piece. */
#include "builder.h"

#include <stdio.h>

enum { TITLE_SIZE_MAX = 300, FALLBACK_SIZE_MAX = 100, NOTE_SIZE_MAX = 4096 };

void sl_builder_init(struct sl_builder *self, bool counts_text) {
    *self = (struct sl_builder){.counts_text = counts_text};
    sl_output_init(&self->sections);
    sl_output_init(&self->metadata);
    self->sections_place = sl_output_array_open(&self->sections);
}

void sl_builder_fini(struct sl_builder *self) {
    sl_output_fini(&self->sections);
    sl_output_fini(&self->metadata);
    sl_string_fini(&self->title);
    sl_string_fini(&self->first_text);
    sl_string_fini(&self->section_title);
}

void sl_builder_title(struct sl_builder *self, struct sl_span title) {
    if (self->title.size > 0) return;
    sl_string_append_words(&self->title, sl_span_head(sl_span_trim(title), TITLE_SIZE_MAX));
}

static void end_section(struct sl_builder *self) {
    if (self->is_open) sl_output_array_close(&self->sections, self->blocks_place, self->section_block_count);
    self->is_open = false;
}

void sl_builder_section(struct sl_builder *self, struct sl_span title) {
    end_section(self);
    sl_string_clear(&self->section_title);
    sl_string_append_words(&self->section_title, sl_span_head(sl_span_trim(title), TITLE_SIZE_MAX));
}

static void begin_section(struct sl_builder *self) {
    char id[16];
    (void)snprintf(id, sizeof id, "s%u", ++self->section_count);
    sl_output_map(&self->sections, 3);
    sl_output_text(&self->sections, "id");
    sl_output_text(&self->sections, id);
    sl_output_text(&self->sections, "title");
    sl_output_span(&self->sections, sl_string_span(&self->section_title));
    sl_output_text(&self->sections, "blocks");
    self->blocks_place = sl_output_array_open(&self->sections);
    self->section_block_count = 0;
    self->is_open = true;
}

/* '#' keeps the source's own ids apart from the numbered ones. */
static void write_anchor(struct sl_output *output, struct sl_span anchor) {
    char id[256];
    int size = snprintf(id, sizeof id, "#%.*s", sl_span_print(anchor, 250), anchor.data);
    sl_output_span(output, sl_span(id, (size_t)size));
}

static void write_id(struct sl_builder *self, const struct sl_part *part) {
    char id[16];
    self->block_count++;
    (void)snprintf(id, sizeof id, "b%u", self->block_count);
    if (part->anchor.size > 0) write_anchor(&self->sections, part->anchor);
    else sl_output_text(&self->sections, id);
}

void sl_builder_block(struct sl_builder *self, const struct sl_part *part) {
    struct sl_span text = sl_span_trim(part->text);
    if (text.size == 0) return;
    if (!self->is_open) begin_section(self);
    if (self->first_text.size == 0 && strcmp(part->kind, "front-matter") != 0) {
        sl_string_append_words(&self->first_text, sl_span_head(text, FALLBACK_SIZE_MAX));
    }
    self->section_block_count++;
    struct sl_output *output = &self->sections;
    sl_output_map(output, part->ref_count > 0 ? 6 : 5);
    sl_output_text(output, "id");
    write_id(self, part);
    sl_output_text(output, "kind");
    sl_output_text(output, part->kind);
    sl_output_text(output, "text");
    sl_output_span(output, text);
    sl_output_text(output, "start");
    sl_output_uint(output, self->counts_text ? self->text_size : part->start);
    sl_output_text(output, "end");
    sl_output_uint(output, self->counts_text ? self->text_size + text.size : part->end);
    if (part->ref_count > 0) {
        sl_output_text(output, "refs");
        sl_output_array(output, (uint32_t)part->ref_count);
        for (size_t i = 0; i < part->ref_count; i++) write_anchor(output, part->refs[i]);
    }
    self->text_size += text.size + 2; /* As if blocks were joined by an empty line. */
}

void sl_builder_heading(struct sl_builder *self, struct sl_span title, size_t start, size_t end) {
    sl_builder_section(self, title);
    sl_builder_block(self, &(struct sl_part){.kind = "heading", .text = title, .start = start, .end = end});
}

void sl_builder_note(struct sl_builder *self, const char *key, struct sl_span value) {
    value = sl_span_head(sl_span_trim(value), NOTE_SIZE_MAX);
    if (value.size == 0) return;
    sl_output_text(&self->metadata, key);
    sl_output_span(&self->metadata, value);
    self->note_count++;
}

sluice_outcome sl_builder_send(struct sl_builder *self, const struct sl_attempt *attempt, struct sl_span name) {
    struct sl_output output;
    char what[256];
    end_section(self);
    sl_output_array_close(&self->sections, self->sections_place, self->section_count);
    sl_builder_note(self, "offsets", sl_span_of(self->counts_text ? "text" : "source"));
    sl_builder_title(self, sl_string_span(&self->first_text));
    if (self->title.failed || self->first_text.failed || self->section_title.failed) return sl_attempt_no_memory(attempt);
    sl_output_init(&output);
    sl_output_map(&output, 5);
    sl_output_text(&output, "id");
    sl_output_span(&output, name);
    sl_output_text(&output, "source");
    sl_output_span(&output, name);
    sl_output_text(&output, "title");
    sl_output_span(&output, sl_span_trim(sl_string_span(&self->title)));
    sl_output_text(&output, "sections");
    sl_output_append(&output, &self->sections);
    sl_output_text(&output, "metadata");
    sl_output_map(&output, self->note_count);
    sl_output_append(&output, &self->metadata);
    (void)snprintf(what, sizeof what, "The document made from %.*s", sl_span_print(name, 200), name.data);
    sluice_outcome outcome = sl_output_send(&output, attempt, what);
    sl_output_fini(&output);
    return outcome;
}
