/* Growable bytes: doubling growth, nothing else. */
#include "buf.h"

#include "assert.h"
#include "err.h"

#include <stdarg.h>
#include <stdio.h>

void sl_buf_init(struct sl_buf *self, const struct sl_alloc *alloc) {
    *self = (struct sl_buf){.alloc = alloc};
}

void sl_buf_fini(struct sl_buf *self) {
    sl_alloc_give(self->alloc, self->data, self->capacity);
    sl_buf_init(self, self->alloc);
}

int sl_buf_reserve(struct sl_buf *self, size_t more) {
    if (more <= self->capacity - self->size) return SL_OK;
    if (more > SIZE_MAX / 4 - self->size) return SL_E_NO_MEMORY;
    size_t capacity = self->capacity ? self->capacity : 64;
    while (capacity - self->size < more) capacity *= 2;
    uint8_t *data = self->alloc->resize(self->alloc->context, self->data, self->capacity, capacity);
    if (!data) return SL_E_NO_MEMORY;
    self->data = data;
    self->capacity = capacity;
    return SL_OK;
}

int sl_buf_append(struct sl_buf *self, const void *data, size_t size) {
    int rc = sl_buf_reserve(self, size);
    if (rc) {
        self->failed = true;
        return rc;
    }
    sl_buf_put(self, data, size);
    return SL_OK;
}

int sl_buf_format(struct sl_buf *self, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    SL_ASSERT(length >= 0);
    int rc = sl_buf_reserve(self, (size_t)length + 1);
    if (rc) {
        self->failed = true;
        return rc;
    }
    va_start(args, format);
    (void)vsnprintf((char *)self->data + self->size, (size_t)length + 1, format, args);
    va_end(args);
    self->size += (size_t)length;
    return SL_OK;
}

void sl_buf_put(struct sl_buf *self, const void *data, size_t size) {
    SL_ASSERT(size <= self->capacity - self->size);
    if (size) memcpy(self->data + self->size, data, size);
    self->size += size;
}
