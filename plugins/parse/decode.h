/* Bytes to valid UTF-8 text. */
#ifndef SL_PARSE_DECODE_H
#define SL_PARSE_DECODE_H

#include "sdk/string.h"

struct sl_decoded {
    struct sl_span text;     /* valid UTF-8, without a byte order mark; points into the bytes, or into `repaired` */
    struct sl_string repaired; /* owns */
    const char *encoding;    /* "utf-8"; "windows-1252" when nothing in the bytes looked like UTF-8 */
    size_t repaired_count;   /* bytes that were no UTF-8 and became U+FFFD */
};

/* Decodes. Bytes that hold no multi-byte sequence of UTF-8, but other bytes above 127, are taken for Windows-1252 (of which
 * Latin-1 is a part); else each byte that is no UTF-8 becomes U+FFFD. 0, or -1 when memory ran out. */
int sl_decode(struct sl_span bytes, struct sl_decoded *out_decoded);
void sl_decoded_fini(struct sl_decoded *self);

/* Whether the bytes are no text: what they seem to be ("a PDF", "binary data" ...), or NULL when they are text. */
const char *sl_decode_binary_kind(struct sl_span bytes);

#endif
