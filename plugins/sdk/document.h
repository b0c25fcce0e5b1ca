/* Reading of a `document` value, {"id","source","title","sections":[{"id","title","blocks":[{"id","kind","text","start",
 * "end","refs"?}]}],"metadata"}: checked for its shape, then held as two flat arrays. */
#ifndef SL_SDK_DOCUMENT_H
#define SL_SDK_DOCUMENT_H

#include "attempt.h"
#include "input.h"

struct sl_block {
    struct sl_span id;
    struct sl_span kind;
    struct sl_span text;
    uint64_t start; /* byte offsets in the source; metadata.offsets of the document says in which */
    uint64_t end;
    const msgpack_object *refs; /* NULL, or an array of texts: ids of blocks or sections that this one refers to */
};

struct sl_section {
    struct sl_span id;
    struct sl_span title;
    size_t block_first;
    size_t block_count;
};

struct sl_document {
    struct sl_input input; /* owns what the spans point into, together with the upstream's bytes */
    struct sl_span id;
    struct sl_section *sections;
    size_t section_count;
    struct sl_block *blocks;
    size_t block_count;
};

/* Reads a document; the upstream's bytes must outlive it. SLUICE_DONE; or a permanent failure with a sentence that names the
 * member that is missing or of another type. Says nothing about sense: see plugins/ir-validation. */
sluice_outcome sl_document_open(struct sl_document *self, const struct sl_attempt *attempt, sluice_bytes upstream);
void sl_document_close(struct sl_document *self);

#endif
