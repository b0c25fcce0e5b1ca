/* A reply that owns its bytes, so that it outlives the step that brought it; and whether two replies say the same. */
#ifndef CONTRACT_REPLY_COPY_H
#define CONTRACT_REPLY_COPY_H

#include "base/buf.h"
#include "core/ledger.h"

struct reply_copy {
    struct sl_ledger_reply reply;
    struct sl_ledger_item *items; /* owns */
    uint8_t *bytes;               /* owns: what reply and items point at */
};

/* A deep copy, whose items are sorted by key where Redis promises no order. The caller frees it. */
struct reply_copy reply_copy_make(const struct sl_ledger_reply *reply);
void reply_copy_free(struct reply_copy *self);

/* Appends what differs, as text; nothing when all fields are equal. Texts of Redis' own errors are compared by their first word; the
 * cursor of a page is not compared, for it is each side's own. */
void reply_copy_compare(const struct sl_ledger_reply *a, const struct sl_ledger_reply *b, struct sl_buf *out_text);

#endif
