/* Regular expressions as JSON Schema has them, by PCRE2: UTF-8, found anywhere in the text, "$" only at its end. */
#ifndef SL_IO_PATTERN_H
#define SL_IO_PATTERN_H

#include "base/bytes.h"

/* Whether a text of valid UTF-8 holds what the pattern says: 1 or 0. SL_E_BAD_INPUT: it is no sound pattern, or the text no UTF-8;
 * SL_E_LIMIT: an answer would take more than a million steps; SL_E_NO_MEMORY. */
int sl_pattern_match(struct sl_bytes pattern, struct sl_bytes text);

#endif
