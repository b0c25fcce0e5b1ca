/* A growable run of bytes. Growth is asked for ahead (reserve) or on the way (append); errors leave it unchanged, and are
 * remembered in `failed`, so that a writer of many parts may look once at its end. */
#ifndef SL_BASE_BUF_H
#define SL_BASE_BUF_H

#include "alloc.h"
#include "bytes.h"

struct sl_buf {
    uint8_t *data; /* owns */
    size_t size;
    size_t capacity;
    const struct sl_alloc *alloc; /* borrows for its whole life */
    bool failed;                  /* some append found no memory since the last clear: the contents are not whole */
};

/* An empty buffer; allocates nothing. */
void sl_buf_init(struct sl_buf *self, const struct sl_alloc *alloc);

/* Frees the memory; the buffer is empty and usable again. */
void sl_buf_fini(struct sl_buf *self);

/* Makes room for `more` further bytes, so that appending them cannot fail. 0, or SL_E_NO_MEMORY. */
int sl_buf_reserve(struct sl_buf *self, size_t more);

/* Appends. 0, or SL_E_NO_MEMORY with nothing changed. */
int sl_buf_append(struct sl_buf *self, const void *data, size_t size);

/* Appends text made by a printf format. 0, or SL_E_NO_MEMORY with nothing changed. */
int sl_buf_format(struct sl_buf *self, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Appends bytes for which room was reserved. Cannot fail. */
void sl_buf_put(struct sl_buf *self, const void *data, size_t size);

/* Forgets the contents, keeps the memory. */
static inline void sl_buf_clear(struct sl_buf *self) {
    self->size = 0;
    self->failed = false;
}

/* The contents, borrowed until the next change. */
static inline struct sl_bytes sl_buf_bytes(const struct sl_buf *self) {
    return sl_bytes(self->data, self->size);
}

#endif
