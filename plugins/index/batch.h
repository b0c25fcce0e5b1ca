/* What the stage `index` gets: the chunks of one document, and a vector for each. */
#ifndef SL_INDEX_BATCH_H
#define SL_INDEX_BATCH_H

#include "sdk/chunks.h"

struct sl_index_batch {
    struct sl_chunks chunks;
    struct sl_span model;
    uint64_t dimension;
    struct sl_span *vectors; /* owns; vectors[i] belongs to chunks.items[i] */
};

/* Reads {"chunks": [...], "embedding_batch": {"model", "dimension", "vectors": [{"chunk", "vector"}]}}, vectors in the order of
 * the chunks. What it points to is borrowed from `root`. SLUICE_DONE; or a permanent failure with a sentence. */
sluice_outcome sl_index_batch_open(struct sl_index_batch *self, const struct sl_attempt *attempt, const msgpack_object *root);
void sl_index_batch_close(struct sl_index_batch *self);

#endif
