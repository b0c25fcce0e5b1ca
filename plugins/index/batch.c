/* Reading of what the stage `index` gets. */
#include "batch.h"

#include <stdlib.h>

enum { DIMENSION_MAX = 65536 };

static sluice_outcome fail(const struct sl_attempt *attempt, const char *what) {
    return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT,
                           "What came in has no `embedding_batch` as it should be: %s; let stages of the types chunk and embed "
                           "come before.",
                           what);
}

static sluice_outcome read_vectors(struct sl_index_batch *self, const struct sl_attempt *attempt, msgpack_object_array array) {
    if (array.size != self->chunks.count) {
        return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT, "There are %zu chunks of %.*s, but %u vectors for them.",
                               self->chunks.count, sl_span_print(self->chunks.document, 200), self->chunks.document.data,
                               array.size);
    }
    self->vectors = calloc(array.size, sizeof *self->vectors);
    if (!self->vectors) return sl_attempt_no_memory(attempt);
    for (uint32_t i = 0; i < array.size; i++) {
        struct sl_span chunk = {0};
        bool is_good = sl_input_text(sl_input_member(&array.ptr[i], "chunk"), &chunk) &&
                       sl_input_bytes(sl_input_member(&array.ptr[i], "vector"), &self->vectors[i]) &&
                       self->vectors[i].size == self->dimension * 4;
        if (!is_good || !sl_span_equal(chunk, self->chunks.items[i].id)) {
            return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT,
                                   "Vector %u is not that of chunk %.*s, or has not %llu numbers of four bytes.", i + 1,
                                   sl_span_print(self->chunks.items[i].id, 200), self->chunks.items[i].id.data,
                                   (unsigned long long)self->dimension);
        }
    }
    return SLUICE_DONE;
}

sluice_outcome sl_index_batch_open(struct sl_index_batch *self, const struct sl_attempt *attempt, const msgpack_object *root) {
    const msgpack_object *batch = sl_input_member(root, "embedding_batch");
    msgpack_object_array vectors;
    *self = (struct sl_index_batch){0};
    if (!batch) return fail(attempt, "it is missing");
    if (!sl_input_text(sl_input_member(batch, "model"), &self->model)) return fail(attempt, "it has no text `model`");
    if (!sl_input_uint(sl_input_member(batch, "dimension"), DIMENSION_MAX, &self->dimension) || self->dimension == 0) {
        return fail(attempt, "its `dimension` is no number from 1 to 65536");
    }
    if (!sl_input_array(sl_input_member(batch, "vectors"), &vectors)) return fail(attempt, "it has no array `vectors`");
    sluice_outcome outcome = sl_chunks_open(&self->chunks, attempt, sl_input_member(root, "chunks"));
    if (outcome == SLUICE_DONE) outcome = read_vectors(self, attempt, vectors);
    if (outcome != SLUICE_DONE) sl_index_batch_close(self);
    return outcome;
}

void sl_index_batch_close(struct sl_index_batch *self) {
    sl_chunks_close(&self->chunks);
    free(self->vectors);
    self->vectors = NULL;
}
