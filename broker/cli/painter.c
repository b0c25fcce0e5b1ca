/* Drawing over lines by the escape sequences of ECMA-48 (CUU, ED) and DEC's auto-wrap mode. */
#include "painter.h"

static void go_up(const struct sl_painter *self) {
    if (self->line_count) (void)fprintf(self->stream, "\x1b[%uA", self->line_count);
}

void sl_painter_draw(struct sl_painter *self, struct sl_bytes text, uint32_t line_count) {
    (void)fputs("\x1b[?7l", self->stream);
    go_up(self);
    for (size_t at = 0; at < text.size;) {
        const void *end = memchr(text.data + at, '\n', text.size - at);
        size_t size = end ? (size_t)((const uint8_t *)end - (text.data + at)) : text.size - at;
        (void)fprintf(self->stream, "\r%.*s\x1b[K\n", (int)size, (const char *)text.data + at);
        at += size + 1;
    }
    (void)fputs("\x1b[J\x1b[?7h", self->stream);
    (void)fflush(self->stream);
    self->line_count = line_count;
}

void sl_painter_erase(struct sl_painter *self) {
    if (self->line_count == 0) return;
    go_up(self);
    (void)fputs("\r\x1b[J", self->stream);
    self->line_count = 0;
}

void sl_painter_leave(struct sl_painter *self) {
    self->line_count = 0;
}
