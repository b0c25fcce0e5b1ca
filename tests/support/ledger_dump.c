/* Rows of a ledger, sorted and written; see ledger_dump.h. */
#include "ledger_dump.h"

#include "base/assert.h"
#include "base/text.h"

#include <stdlib.h>

enum { PARTS = 3, SHOWN_MAX = 120 };

struct ledger_dump_row {
    size_t sizes[PARTS];
    uint8_t data[];
};

static size_t row_size(const struct ledger_dump_row *row) {
    return row->sizes[0] + row->sizes[1] + row->sizes[2];
}

void ledger_dump_init(struct ledger_dump *self, const struct sl_alloc *alloc) {
    *self = (struct ledger_dump){.alloc = alloc};
}

void ledger_dump_fini(struct ledger_dump *self) {
    for (size_t i = 0; i < self->row_count; i++) {
        struct ledger_dump_row *row = self->rows[i];
        sl_alloc_give(self->alloc, row, sizeof *row + row_size(row));
    }
    sl_alloc_give(self->alloc, self->rows, self->row_capacity * sizeof *self->rows);
    ledger_dump_init(self, self->alloc);
}

static void make_room(struct ledger_dump *self) {
    if (self->row_count < self->row_capacity) return;
    size_t capacity = self->row_capacity ? self->row_capacity * 2 : 64;
    self->rows = self->alloc->resize(self->alloc->context, self->rows, self->row_capacity * sizeof *self->rows,
                                     capacity * sizeof *self->rows);
    SL_ASSERT(self->rows != NULL);
    self->row_capacity = capacity;
}

void ledger_dump_add(struct ledger_dump *self, struct sl_bytes key, struct sl_bytes field, struct sl_bytes value) {
    make_room(self);
    struct ledger_dump_row *row = sl_alloc_take(self->alloc, sizeof *row + key.size + field.size + value.size);
    SL_ASSERT(row != NULL);
    const struct sl_bytes parts[PARTS] = {key, field, value};
    uint8_t *at = row->data;
    for (int i = 0; i < PARTS; i++) {
        row->sizes[i] = parts[i].size;
        if (parts[i].size) memcpy(at, parts[i].data, parts[i].size);
        at += parts[i].size;
    }
    self->rows[self->row_count++] = row;
}

static int compare_rows(const void *a, const void *b) {
    const struct ledger_dump_row *left = *(struct ledger_dump_row *const *)a;
    const struct ledger_dump_row *right = *(struct ledger_dump_row *const *)b;
    const uint8_t *left_at = left->data, *right_at = right->data;
    for (int i = 0; i < PARTS; i++) {
        int order = sl_bytes_compare(sl_bytes(left_at, left->sizes[i]), sl_bytes(right_at, right->sizes[i]));
        if (order) return order;
        left_at += left->sizes[i];
        right_at += right->sizes[i];
    }
    return 0;
}

void ledger_dump_write(struct ledger_dump *self, struct sl_buf *buf) {
    if (self->row_count) qsort(self->rows, self->row_count, sizeof *self->rows, compare_rows);
    for (size_t i = 0; i < self->row_count; i++) {
        const uint8_t *at = self->rows[i]->data;
        for (int part = 0; part < PARTS; part++) {
            size_t size = self->rows[i]->sizes[part];
            uint8_t head[4] = {(uint8_t)size, (uint8_t)(size >> 8), (uint8_t)(size >> 16), (uint8_t)(size >> 24)};
            SL_ASSERT(sl_buf_append(buf, head, sizeof head) == 0 && sl_buf_append(buf, at, size) == 0);
            at += size;
        }
    }
}

static struct sl_bytes next_part(struct sl_bytes *rest) {
    if (rest->size < 4) return sl_bytes(NULL, 0);
    const uint8_t *head = rest->data;
    size_t size = head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
    struct sl_bytes part = sl_bytes(head + 4, size);
    *rest = sl_bytes(head + 4 + size, rest->size - 4 - size);
    return part;
}

static void show(struct sl_buf *text, const char *whose, const struct sl_bytes parts[PARTS]) {
    (void)sl_buf_format(text, "%s:", whose); /* kept in text->failed */
    for (int i = 0; i < PARTS; i++) {
        (void)sl_buf_append(text, " ", 1);
        sl_text_escape(text, sl_bytes(parts[i].data, parts[i].size < SHOWN_MAX ? parts[i].size : SHOWN_MAX));
    }
    (void)sl_buf_append(text, "\n", 1);
}

void ledger_dump_difference(struct sl_bytes a, struct sl_bytes b, struct sl_buf *out_text) {
    while (a.size || b.size) {
        struct sl_bytes left[PARTS], right[PARTS];
        bool equal = true;
        for (int i = 0; i < PARTS; i++) {
            left[i] = next_part(&a);
            right[i] = next_part(&b);
            equal = equal && sl_bytes_equal(left[i], right[i]);
        }
        if (equal) continue;
        show(out_text, "first", left);
        show(out_text, "second", right);
        return;
    }
}
