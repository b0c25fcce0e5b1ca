/* A run of text that somebody else owns, and the few questions that plugins ask of it. */
#ifndef SL_SDK_SPAN_H
#define SL_SDK_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct sl_span {
    const char *data; /* borrowed; not NUL-terminated; may be NULL when size is 0 */
    size_t size;
};

static inline struct sl_span sl_span(const char *data, size_t size) {
    return (struct sl_span){.data = data, .size = size};
}

static inline struct sl_span sl_span_of(const char *text) {
    return sl_span(text, strlen(text));
}

static inline bool sl_span_equal(struct sl_span a, struct sl_span b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool sl_span_is(struct sl_span a, const char *text) {
    return sl_span_equal(a, sl_span_of(text));
}

static inline bool sl_span_is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

/* The span without white space at both ends. */
static inline struct sl_span sl_span_trim(struct sl_span span) {
    while (span.size > 0 && sl_span_is_space(span.data[0])) {
        span.data++;
        span.size--;
    }
    while (span.size > 0 && sl_span_is_space(span.data[span.size - 1])) span.size--;
    return span;
}

/* The longest beginning of at most `size` bytes that does not cut a UTF-8 character. */
static inline struct sl_span sl_span_head(struct sl_span span, size_t size) {
    if (span.size <= size) return span;
    while (size > 0 && ((unsigned char)span.data[size] & 0xC0) == 0x80) size--;
    return sl_span(span.data, size);
}

/* For printf's "%.*s": the length of at most `size` bytes that does not cut a character. */
static inline int sl_span_print(struct sl_span span, size_t size) {
    return (int)sl_span_head(span, size).size;
}

#endif
