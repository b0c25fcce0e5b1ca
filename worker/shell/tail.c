/* A ring of captured output; see tail.h. */
#include "tail.h"

#include "base/text.h"
#include "stagehost/frame.h"

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

/* What is kept of the bytes since the mark, in one piece. */
static void gather(const struct sl_tail *self, struct sl_buf *out) {
    uint64_t wanted = self->total - self->mark;
    size_t size = wanted < SL_TAIL_SIZE ? (size_t)wanted : SL_TAIL_SIZE;
    size_t at = (size_t)((self->total - size) % SL_TAIL_SIZE);
    size_t first = size < SL_TAIL_SIZE - at ? size : SL_TAIL_SIZE - at;
    (void)sl_buf_append(out, self->bytes + at, first); /* both kept in out->failed */
    (void)sl_buf_append(out, self->bytes, size - first);
}

/* The text behind the separator of that task. Without one the task wrote nothing, unless it wrote so much that the separator is gone. */
static struct sl_bytes behind(struct sl_bytes text, uint32_t sequence, bool is_whole) {
    char separator[SL_PIPE_SEPARATOR_SIZE + 1];
    sl_pipe_separator(sequence, separator);
    const uint8_t *found = text.size ? memmem(text.data, text.size, separator, SL_PIPE_SEPARATOR_SIZE) : NULL;
    if (!found) return is_whole ? sl_bytes(NULL, 0) : text;
    const uint8_t *start = found + SL_PIPE_SEPARATOR_SIZE;
    return sl_bytes(start, text.size - (size_t)(start - text.data));
}

/* The text before the first separator in it. */
static struct sl_bytes before_next(struct sl_bytes text) {
    for (size_t i = 0; i < text.size; i++) {
        if (sl_pipe_separator_at(sl_bytes(text.data + i, text.size - i))) return sl_bytes(text.data, i);
    }
    return text;
}

void sl_tail_text(const struct sl_tail *self, const uint32_t *follows, size_t size_max, struct sl_buf *out) {
    size_t start = out->size;
    struct sl_buf kept;
    sl_buf_init(&kept, sl_alloc_system());
    gather(self, &kept);
    struct sl_bytes text = sl_buf_bytes(&kept);
    if (follows) text = behind(text, *follows, self->total - self->mark <= SL_TAIL_SIZE);
    text = before_next(text);
    if (text.size > size_max) text = sl_bytes(text.data + (text.size - size_max), size_max);
    if (kept.failed) {
        out->failed = true;
    } else {
        put_lines(text, out);
    }
    sl_buf_fini(&kept);
    keep_last(out, start, size_max);
}
