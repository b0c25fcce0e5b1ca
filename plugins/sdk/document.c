/* Reading of a `document` value. */
#include "document.h"

#include <stdio.h>
#include <stdlib.h>

static sluice_outcome fail(const struct sl_attempt *attempt, const char *what) {
    return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT,
                           "What came in is no document: %s; let a stage of type parse (or your own in its shape) come before.",
                           what);
}

/* The number of blocks in all sections; SIZE_MAX when a section is none. */
static size_t count_blocks(msgpack_object_array sections) {
    size_t count = 0;
    for (uint32_t i = 0; i < sections.size; i++) {
        msgpack_object_array blocks;
        if (!sl_input_array(sl_input_member(&sections.ptr[i], "blocks"), &blocks)) return SIZE_MAX;
        count += blocks.size;
    }
    return count;
}

static bool read_block(const msgpack_object *object, struct sl_block *out_block) {
    *out_block = (struct sl_block){.refs = sl_input_member(object, "refs")};
    return sl_input_text(sl_input_member(object, "id"), &out_block->id) &&
           sl_input_text(sl_input_member(object, "kind"), &out_block->kind) &&
           sl_input_text(sl_input_member(object, "text"), &out_block->text) &&
           sl_input_uint(sl_input_member(object, "start"), INT64_MAX, &out_block->start) &&
           sl_input_uint(sl_input_member(object, "end"), INT64_MAX, &out_block->end) &&
           (!out_block->refs || out_block->refs->type == MSGPACK_OBJECT_ARRAY);
}

static sluice_outcome read_section(struct sl_document *self, const struct sl_attempt *attempt, const msgpack_object *object) {
    struct sl_section *section = &self->sections[self->section_count];
    msgpack_object_array blocks = {0};
    char what[128];
    *section = (struct sl_section){.block_first = self->block_count};
    (void)sl_input_array(sl_input_member(object, "blocks"), &blocks);
    if (!sl_input_text(sl_input_member(object, "id"), &section->id) ||
        !sl_input_text(sl_input_member(object, "title"), &section->title)) {
        (void)snprintf(what, sizeof what, "section %zu needs the texts `id` and `title`", self->section_count + 1);
        return fail(attempt, what);
    }
    for (uint32_t i = 0; i < blocks.size; i++) {
        if (!read_block(&blocks.ptr[i], &self->blocks[self->block_count])) {
            (void)snprintf(what, sizeof what, "block %u of section %zu needs `id`, `kind`, `text`, `start` and `end`", i + 1,
                           self->section_count + 1);
            return fail(attempt, what);
        }
        self->block_count++;
    }
    section->block_count = blocks.size;
    self->section_count++;
    return SLUICE_DONE;
}

static sluice_outcome read_sections(struct sl_document *self, const struct sl_attempt *attempt) {
    msgpack_object_array sections;
    if (self->input.root->type != MSGPACK_OBJECT_MAP) return fail(attempt, sl_input_kind(self->input.root));
    if (!sl_input_text(sl_input_member(self->input.root, "id"), &self->id)) return fail(attempt, "it has no text `id`");
    if (!sl_input_array(sl_input_member(self->input.root, "sections"), &sections)) {
        return fail(attempt, "it has no array `sections`");
    }
    size_t block_count = count_blocks(sections);
    if (block_count == SIZE_MAX) return fail(attempt, "a section has no array `blocks`");
    self->sections = calloc(sections.size + 1u, sizeof *self->sections);
    self->blocks = calloc(block_count + 1, sizeof *self->blocks);
    if (!self->sections || !self->blocks) return sl_attempt_no_memory(attempt);
    for (uint32_t i = 0; i < sections.size; i++) {
        sluice_outcome outcome = read_section(self, attempt, &sections.ptr[i]);
        if (outcome != SLUICE_DONE) return outcome;
    }
    return SLUICE_DONE;
}

sluice_outcome sl_document_open(struct sl_document *self, const struct sl_attempt *attempt, sluice_bytes upstream) {
    *self = (struct sl_document){0};
    if (sl_input_parse(&self->input, upstream) != 0) return fail(attempt, "it is not a readable value");
    sluice_outcome outcome = read_sections(self, attempt);
    if (outcome != SLUICE_DONE) sl_document_close(self);
    return outcome;
}

void sl_document_close(struct sl_document *self) {
    free(self->sections);
    free(self->blocks);
    self->sections = NULL;
    self->blocks = NULL;
    sl_input_fini(&self->input);
}
