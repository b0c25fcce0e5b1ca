/* What the patterns find in one document. */
#ifndef SL_EXTRACT_FIND_H
#define SL_EXTRACT_FIND_H

#include "patterns.h"
#include "sdk/document.h"
#include "sdk/string.h"

/* One entity. Offsets are bytes in its block's text; the entity's own text is in `texts`. */
struct sl_found {
    size_t pattern;
    size_t block;
    size_t start;
    size_t end;
    size_t text_at;
    size_t text_size;
};

struct sl_finds {
    struct sl_found *items; /* owns; by block, then by place; one place is found once a type */
    size_t count;
    size_t capacity;
    struct sl_string texts;
};

/* Looks at every block with every pattern that applies. SLUICE_DONE; or a failure with a sentence: a pattern that needs more
 * work than the match limit allows (named), text that is no UTF-8, no memory, a cancelled job. */
sluice_outcome sl_finds_read(struct sl_finds *self, const struct sl_patterns *patterns, const struct sl_document *document,
                             const struct sl_attempt *attempt);
void sl_finds_fini(struct sl_finds *self);

#endif
