/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, at most U+10FFFF. */
#ifndef SL_SDK_UTF8_H
#define SL_SDK_UTF8_H

#include "span.h"

/* The length of the valid sequence that begins here, 1 to 4; 0 when there is none. `text` is not empty. */
size_t sl_utf8_sequence(struct sl_span text);

/* Whether the whole span is valid. */
bool sl_utf8_span_is_valid(struct sl_span text);

/* Whether a byte begins a character (it is no continuation byte). Counting these counts characters. */
static inline bool sl_utf8_is_start(char c) {
    return ((unsigned char)c & 0xC0) != 0x80;
}

#endif
