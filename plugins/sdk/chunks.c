/* Reading of a `chunks` value. */
#include "chunks.h"

#include <stdlib.h>

static sluice_outcome fail(const struct sl_attempt *attempt, const char *what) {
    return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT,
                           "What came in is no array of chunks: %s; let a stage of type chunk come before.", what);
}

static bool read_chunk(const msgpack_object *object, struct sl_chunk *out_chunk) {
    *out_chunk = (struct sl_chunk){.title = sl_span_of("")};
    const msgpack_object *title = sl_input_member(object, "title");
    return sl_input_text(sl_input_member(object, "id"), &out_chunk->id) &&
           sl_input_text(sl_input_member(object, "section"), &out_chunk->section) &&
           sl_input_text(sl_input_member(object, "text"), &out_chunk->text) &&
           sl_input_uint(sl_input_member(object, "start"), INT64_MAX, &out_chunk->start) &&
           sl_input_uint(sl_input_member(object, "end"), INT64_MAX, &out_chunk->end) &&
           (!title || sl_input_text(title, &out_chunk->title));
}

/* The part of a chunk's id before its last '#'; empty when it has none. */
static struct sl_span document_of(struct sl_span id) {
    size_t size = id.size;
    while (size > 0 && id.data[size - 1] != '#') size--;
    return sl_span(id.data, size > 0 ? size - 1 : 0);
}

static sluice_outcome read_all(struct sl_chunks *self, const struct sl_attempt *attempt, msgpack_object_array array) {
    for (uint32_t i = 0; i < array.size; i++) {
        if (!read_chunk(&array.ptr[i], &self->items[i])) {
            return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT,
                                   "Chunk %u needs `id`, `section`, `start`, `end` and `text`; let a stage of type chunk come "
                                   "before.",
                                   i + 1);
        }
        struct sl_span document = document_of(self->items[i].id);
        if (i == 0) self->document = document;
        if (document.size == 0 || !sl_span_equal(document, self->document)) {
            return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT,
                                   "The id of chunk %u is \"%.*s\"; it must be the document's id, '#' and a number, of the "
                                   "same document as the others.",
                                   i + 1, sl_span_print(self->items[i].id, 200), self->items[i].id.data);
        }
    }
    self->count = array.size;
    return SLUICE_DONE;
}

sluice_outcome sl_chunks_open(struct sl_chunks *self, const struct sl_attempt *attempt, const msgpack_object *object) {
    msgpack_object_array array;
    *self = (struct sl_chunks){0};
    if (!sl_input_array(object, &array)) return fail(attempt, sl_input_kind(object));
    if (array.size == 0) return fail(attempt, "it is empty");
    self->items = calloc(array.size, sizeof *self->items);
    if (!self->items) return sl_attempt_no_memory(attempt);
    sluice_outcome outcome = read_all(self, attempt, array);
    if (outcome != SLUICE_DONE) sl_chunks_close(self);
    return outcome;
}

void sl_chunks_close(struct sl_chunks *self) {
    free(self->items);
    self->items = NULL;
}
