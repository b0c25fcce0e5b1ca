/* A ring of captured output; see tail.h. */
#include "tail.h"

#include "base/text.h"

void sl_tail_reset(struct sl_tail *self) {
    self->total = self->mark = 0;
}

void sl_tail_add(struct sl_tail *self, struct sl_bytes bytes) {
    if (bytes.size > SL_TAIL_SIZE) {
        size_t skipped = bytes.size - SL_TAIL_SIZE;
        self->total += skipped;
        bytes = sl_bytes(bytes.data + skipped, SL_TAIL_SIZE);
    }
    size_t at = (size_t)(self->total % SL_TAIL_SIZE);
    size_t first = bytes.size < SL_TAIL_SIZE - at ? bytes.size : SL_TAIL_SIZE - at;
    if (first) memcpy(self->bytes + at, bytes.data, first);
    if (bytes.size > first) memcpy(self->bytes, bytes.data + first, bytes.size - first);
    self->total += bytes.size;
}

/* Each line escaped by itself, so that the ends of lines stay. */
static void put_lines(struct sl_bytes text, struct sl_buf *out) {
    while (text.size) {
        const uint8_t *end = memchr(text.data, '\n', text.size);
        size_t size = end ? (size_t)(end - text.data) : text.size;
        sl_text_escape(out, sl_bytes(text.data, size));
        (void)sl_buf_append(out, "\n", 1); /* kept in out->failed */
        size += end ? 1 : 0;
        text = sl_bytes(text.data + size, text.size - size);
    }
}

/* Cuts what stands in out behind `start` to its last size_max bytes, between two characters. */
static void keep_last(struct sl_buf *out, size_t start, size_t size_max) {
    size_t size = out->size - start;
    if (out->failed || size <= size_max) return;
    const uint8_t *at = out->data + start + (size - size_max);
    const uint8_t *end = out->data + out->size;
    while (at < end && (*at & 0xc0) == 0x80) at++;
    memmove(out->data + start, at, (size_t)(end - at));
    out->size = start + (size_t)(end - at);
}

void sl_tail_text(const struct sl_tail *self, size_t size_max, struct sl_buf *out) {
    uint64_t wanted = self->total - self->mark;
    size_t size = wanted < SL_TAIL_SIZE ? (size_t)wanted : SL_TAIL_SIZE;
    if (size > size_max) size = size_max;
    size_t at = (size_t)((self->total - size) % SL_TAIL_SIZE);
    size_t first = size < SL_TAIL_SIZE - at ? size : SL_TAIL_SIZE - at;
    size_t start = out->size;
    struct sl_buf whole;
    sl_buf_init(&whole, sl_alloc_system());
    (void)sl_buf_append(&whole, self->bytes + at, first); /* kept in whole.failed */
    (void)sl_buf_append(&whole, self->bytes, size - first);
    if (whole.failed) {
        out->failed = true;
    } else {
        put_lines(sl_buf_bytes(&whole), out);
    }
    sl_buf_fini(&whole);
    keep_last(out, start, size_max);
}
