/* Checks of a document's sense. */
#include "check.h"

#include <stdlib.h>

enum { SHOWN_MAX = 120 };

/* For "%.*s": the beginning of a span. */
#define SHOWN(span) sl_span_print(span, SHOWN_MAX), (span).size ? (span).data : ""

static int compare_spans(const void *left, const void *right) {
    const struct sl_span *a = left, *b = right;
    size_t shorter = a->size < b->size ? a->size : b->size;
    int order = shorter > 0 ? memcmp(a->data, b->data, shorter) : 0;
    return order ? order : (a->size > b->size) - (a->size < b->size);
}

static sluice_outcome check_content(const struct sl_document *document, const struct sl_attempt *attempt) {
    if (document->id.size == 0) {
        return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT, "The document has an empty `id`; give it its name or path.");
    }
    for (size_t i = 0; i < document->block_count; i++) {
        if (sl_span_trim(document->blocks[i].text).size > 0) return SLUICE_DONE;
    }
    return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT,
                           "The document %.*s has no content: it has %zu sections and %zu blocks, and no text in them.",
                           SHOWN(document->id), document->section_count, document->block_count);
}

/* All ids of sections and blocks, sorted, in *out_ids (the caller frees). */
static sluice_outcome sort_ids(const struct sl_document *document, const struct sl_attempt *attempt, struct sl_span **out_ids) {
    size_t count = 0;
    struct sl_span *ids = calloc(document->section_count + document->block_count + 1, sizeof *ids);
    if (!ids) return sl_attempt_no_memory(attempt);
    for (size_t i = 0; i < document->section_count; i++) ids[count++] = document->sections[i].id;
    for (size_t i = 0; i < document->block_count; i++) ids[count++] = document->blocks[i].id;
    qsort(ids, count, sizeof *ids, compare_spans);
    *out_ids = ids;
    return SLUICE_DONE;
}

static sluice_outcome check_ids(const struct sl_document *document, const struct sl_attempt *attempt,
                                const struct sl_span *ids) {
    size_t count = document->section_count + document->block_count;
    if (ids[0].size == 0) {
        return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT, "The document %.*s has a section or block with an empty `id`.",
                               SHOWN(document->id));
    }
    for (size_t i = 1; i < count; i++) {
        if (sl_span_equal(ids[i - 1], ids[i])) {
            return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT, "The document %.*s has the id \"%.*s\" twice.",
                                   SHOWN(document->id), SHOWN(ids[i]));
        }
    }
    return SLUICE_DONE;
}

static sluice_outcome check_offsets(const struct sl_document *document, const struct sl_attempt *attempt) {
    uint64_t start = 0;
    for (size_t i = 0; i < document->block_count; i++) {
        const struct sl_block *block = &document->blocks[i];
        if (block->end < block->start) {
            return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT,
                                   "Block %.*s of %.*s ends at %llu, before its start at %llu.", SHOWN(block->id),
                                   SHOWN(document->id), (unsigned long long)block->end, (unsigned long long)block->start);
        }
        if (block->start < start) {
            return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT,
                                   "Block %.*s of %.*s starts at %llu, before the block that precedes it (%llu): blocks must be "
                                   "in the order of their offsets.",
                                   SHOWN(block->id), SHOWN(document->id), (unsigned long long)block->start,
                                   (unsigned long long)start);
        }
        start = block->start;
    }
    return SLUICE_DONE;
}

static sluice_outcome check_refs(const struct sl_document *document, const struct sl_attempt *attempt,
                                 const struct sl_span *ids) {
    size_t count = document->section_count + document->block_count;
    for (size_t i = 0; i < document->block_count; i++) {
        const struct sl_block *block = &document->blocks[i];
        for (uint32_t j = 0; block->refs && j < block->refs->via.array.size; j++) {
            struct sl_span ref = sl_span_of("(no text)");
            bool is_text = sl_input_text(&block->refs->via.array.ptr[j], &ref);
            if (is_text && bsearch(&ref, ids, count, sizeof *ids, compare_spans)) continue;
            return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT,
                                   "Block %.*s of %.*s refers to \"%.*s\", and no section or block has that id.",
                                   SHOWN(block->id), SHOWN(document->id), SHOWN(ref));
        }
    }
    return SLUICE_DONE;
}

sluice_outcome sl_validation_check(const struct sl_document *document, const struct sl_attempt *attempt) {
    struct sl_span *ids = NULL;
    sluice_outcome outcome = check_content(document, attempt);
    if (outcome == SLUICE_DONE) outcome = sort_ids(document, attempt, &ids);
    if (outcome == SLUICE_DONE) outcome = check_ids(document, attempt, ids);
    if (outcome == SLUICE_DONE) outcome = check_offsets(document, attempt);
    if (outcome == SLUICE_DONE) outcome = check_refs(document, attempt, ids);
    free(ids);
    return outcome;
}
