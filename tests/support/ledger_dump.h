/* The contents of a ledger as rows (key, field, value), sorted, in one run of bytes: what the twin and Redis are compared by. */
#ifndef SUPPORT_LEDGER_DUMP_H
#define SUPPORT_LEDGER_DUMP_H

#include "base/alloc.h"
#include "base/buf.h"

struct ledger_dump_row;

struct ledger_dump {
    const struct sl_alloc *alloc;  /* borrows */
    struct ledger_dump_row **rows; /* owns */
    size_t row_count, row_capacity;
};

void ledger_dump_init(struct ledger_dump *self, const struct sl_alloc *alloc);
void ledger_dump_fini(struct ledger_dump *self);

/* Adds a row with copies of all three. A string's field is empty; a sorted set's value is its score in decimal; a log entry's field
 * is its number in decimal. */
void ledger_dump_add(struct ledger_dump *self, struct sl_bytes key, struct sl_bytes field, struct sl_bytes value);

/* Appends all rows in order of their bytes: each part preceded by its size as 4 little-endian bytes. */
void ledger_dump_write(struct ledger_dump *self, struct sl_buf *buf);

/* Says where two dumps differ first, as text; empty when they are equal. */
void ledger_dump_difference(struct sl_bytes a, struct sl_bytes b, struct sl_buf *out_text);

#endif
