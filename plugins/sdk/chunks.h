/* Reading of a `chunks` value, [{"id","section","title"?,"start","end","text"}], as one flat array. A chunk's id is the
 * document's id, '#', and a number: so the document is known wherever its chunks are. */
#ifndef SL_SDK_CHUNKS_H
#define SL_SDK_CHUNKS_H

#include "attempt.h"
#include "input.h"

struct sl_chunk {
    struct sl_span id;
    struct sl_span section;
    struct sl_span title; /* of the section; may be empty */
    struct sl_span text;
    uint64_t start; /* byte offsets in the source */
    uint64_t end;
};

struct sl_chunks {
    struct sl_span document; /* the id that all chunks share */
    struct sl_chunk *items;  /* owns */
    size_t count;            /* at least 1 */
};

/* Reads an array of chunks of one document, whose texts are borrowed. SLUICE_DONE; or a permanent failure with a sentence that
 * names the chunk that is wrong. */
sluice_outcome sl_chunks_open(struct sl_chunks *self, const struct sl_attempt *attempt, const msgpack_object *array);
void sl_chunks_close(struct sl_chunks *self);

#endif
