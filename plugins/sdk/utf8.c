/* Validation of UTF-8 by the table of RFC 3629, section 4. */
#include "utf8.h"

static bool is_continuation(unsigned char c, unsigned char low, unsigned char high) {
    return c >= low && c <= high;
}

size_t sl_utf8_sequence(struct sl_span text) {
    const unsigned char *at = (const unsigned char *)text.data;
    unsigned char first = at[0], low = 0x80, high = 0xbf;
    size_t size;
    if (first < 0x80) return 1;
    if (first >= 0xc2 && first <= 0xdf) size = 2;
    else if (first >= 0xe0 && first <= 0xef) size = 3;
    else if (first >= 0xf0 && first <= 0xf4) size = 4;
    else return 0;
    if (first == 0xe0) low = 0xa0;
    if (first == 0xed) high = 0x9f;
    if (first == 0xf0) low = 0x90;
    if (first == 0xf4) high = 0x8f;
    if (text.size < size || !is_continuation(at[1], low, high)) return 0;
    for (size_t i = 2; i < size; i++) {
        if (!is_continuation(at[i], 0x80, 0xbf)) return 0;
    }
    return size;
}

bool sl_utf8_span_is_valid(struct sl_span text) {
    size_t at = 0;
    while (at < text.size) {
        size_t size = sl_utf8_sequence(sl_span(text.data + at, text.size - at));
        if (size == 0) return false;
        at += size;
    }
    return true;
}
