/* A view of bytes that somebody else owns. */
#ifndef SL_BASE_BYTES_H
#define SL_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct sl_bytes {
    const uint8_t *data; /* borrowed; may be NULL when size is 0 */
    size_t size;
};

static inline struct sl_bytes sl_bytes(const void *data, size_t size) {
    return (struct sl_bytes){.data = data, .size = size};
}

static inline struct sl_bytes sl_text(const char *text) {
    return (struct sl_bytes){.data = (const uint8_t *)text, .size = strlen(text)};
}

static inline bool sl_bytes_equal(struct sl_bytes a, struct sl_bytes b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool sl_bytes_is(struct sl_bytes a, const char *text) {
    return sl_bytes_equal(a, sl_text(text));
}

/* Order by bytes, the shorter one first when it is a prefix; negative, 0 or positive as memcmp. */
static inline int sl_bytes_compare(struct sl_bytes a, struct sl_bytes b) {
    size_t shorter = a.size < b.size ? a.size : b.size;
    int order = shorter ? memcmp(a.data, b.data, shorter) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

#endif
