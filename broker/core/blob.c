/* Counted bytes. */
#include "blob.h"

#include "base/assert.h"

struct sl_blob *sl_blob_new(const struct sl_alloc *alloc, struct sl_bytes bytes) {
    SL_ASSERT(bytes.size <= UINT32_MAX);
    struct sl_blob *blob = sl_alloc_take(alloc, sizeof *blob + bytes.size);
    if (!blob) return NULL;
    blob->refs = 1;
    blob->size = (uint32_t)bytes.size;
    if (bytes.size) memcpy(blob->data, bytes.data, bytes.size);
    return blob;
}

struct sl_blob *sl_blob_hold(struct sl_blob *blob) {
    if (blob) blob->refs++;
    return blob;
}

void sl_blob_drop(const struct sl_alloc *alloc, struct sl_blob **blob) {
    if (!*blob) return;
    SL_ASSERT((*blob)->refs > 0);
    if (--(*blob)->refs == 0) sl_alloc_give(alloc, *blob, sizeof **blob + (*blob)->size);
    *blob = NULL;
}
