/* Walks a text line by line, with offsets. A line ends at "\n", "\r\n" or the end of the text. */
#ifndef SL_PARSE_LINES_H
#define SL_PARSE_LINES_H

#include "sdk/span.h"

struct sl_line {
    struct sl_span text; /* without its end */
    size_t start;        /* offset of its first byte */
    size_t end;          /* offset behind its last byte */
    bool is_blank;
};

struct sl_lines {
    struct sl_span text;
    size_t at;
};

/* The next line; false at the end. */
static inline bool sl_lines_next(struct sl_lines *self, struct sl_line *out_line) {
    if (self->at >= self->text.size) return false;
    const char *start = self->text.data + self->at;
    const char *stop = memchr(start, '\n', self->text.size - self->at);
    size_t size = stop ? (size_t)(stop - start) : self->text.size - self->at;
    out_line->start = self->at;
    self->at += size + (stop != NULL);
    if (size > 0 && start[size - 1] == '\r') size--;
    out_line->text = sl_span(start, size);
    out_line->end = out_line->start + size;
    out_line->is_blank = sl_span_trim(out_line->text).size == 0;
    return true;
}

/* The next line without taking it; false at the end. */
static inline bool sl_lines_peek(const struct sl_lines *self, struct sl_line *out_line) {
    struct sl_lines copy = *self;
    return sl_lines_next(&copy, out_line);
}

/* How many spaces begin the line; a tab counts as four. */
static inline size_t sl_line_indent(const struct sl_line *line) {
    size_t indent = 0;
    for (size_t i = 0; i < line->text.size; i++) {
        if (line->text.data[i] == ' ') indent++;
        else if (line->text.data[i] == '\t') indent += 4;
        else break;
    }
    return indent;
}

#endif
