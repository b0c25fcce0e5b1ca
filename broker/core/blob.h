/* A run of bytes with a count of its holders: payloads, outputs and texts that several structures share. */
#ifndef SL_CORE_BLOB_H
#define SL_CORE_BLOB_H

#include "base/alloc.h"
#include "base/bytes.h"

struct sl_blob {
    uint32_t refs;
    uint32_t size;
    uint8_t data[];
};

/* A blob that the caller holds once, with a copy of bytes. NULL: no memory. */
struct sl_blob *sl_blob_new(const struct sl_alloc *alloc, struct sl_bytes bytes);

/* Takes another hold; NULL stays NULL. */
struct sl_blob *sl_blob_hold(struct sl_blob *blob);

/* Lets go; the last hold frees. Sets *blob to NULL; NULL inside is allowed. */
void sl_blob_drop(const struct sl_alloc *alloc, struct sl_blob **blob);

/* The bytes, borrowed as long as a hold exists; empty for NULL. */
static inline struct sl_bytes sl_blob_bytes(const struct sl_blob *blob) {
    return blob ? sl_bytes(blob->data, blob->size) : sl_bytes((const void *)0, 0);
}

#endif
