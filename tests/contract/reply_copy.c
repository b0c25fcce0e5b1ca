/* Copies and comparison of replies; see reply_copy.h. */
#include "reply_copy.h"

#include "base/assert.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdlib.h>

static int by_key(const void *a, const void *b) {
    const struct sl_ledger_item *left = a, *right = b;
    return sl_bytes_compare(left->key, right->key);
}

static struct sl_bytes keep(uint8_t **at, struct sl_bytes bytes) {
    if (bytes.size) memcpy(*at, bytes.data, bytes.size);
    struct sl_bytes kept = sl_bytes(*at, bytes.size);
    *at += bytes.size;
    return kept;
}

struct reply_copy reply_copy_make(const struct sl_ledger_reply *reply) {
    size_t size = reply->text.size;
    for (size_t i = 0; i < reply->item_count; i++) size += reply->items[i].key.size + reply->items[i].value.size;
    struct reply_copy self = {.reply = *reply,
                              .items = calloc(reply->item_count + 1, sizeof *self.items),
                              .bytes = malloc(size + 1)};
    SL_ASSERT(self.items && self.bytes);
    uint8_t *at = self.bytes;
    self.reply.text = keep(&at, reply->text);
    for (size_t i = 0; i < reply->item_count; i++) {
        self.items[i].n = reply->items[i].n;
        self.items[i].key = keep(&at, reply->items[i].key);
        self.items[i].value = keep(&at, reply->items[i].value);
    }
    bool ordered = reply->verb == SL_LEDGER_READ_LOG || reply->verb == SL_LEDGER_READ_ENDED || reply->verb == SL_LEDGER_READ_OLDEST;
    if (!ordered) qsort(self.items, reply->item_count, sizeof *self.items, by_key);
    self.reply.items = self.items;
    return self;
}

void reply_copy_free(struct reply_copy *self) {
    free(self->items);
    free(self->bytes);
    *self = (struct reply_copy){.items = NULL};
}

static void compare_number(struct sl_buf *text, const char *name, uint64_t a, uint64_t b) {
    if (a != b) (void)sl_buf_format(text, "%s: %" PRIu64 " and %" PRIu64 "\n", name, a, b); /* kept in text->failed */
}

static void compare_bytes(struct sl_buf *text, const char *name, struct sl_bytes a, struct sl_bytes b) {
    if (sl_bytes_equal(a, b)) return;
    (void)sl_buf_format(text, "%s: ", name); /* kept in text->failed, as those below */
    sl_text_escape(text, sl_bytes(a.data, a.size < 80 ? a.size : 80));
    (void)sl_buf_format(text, " and ");
    sl_text_escape(text, sl_bytes(b.data, b.size < 80 ? b.size : 80));
    (void)sl_buf_format(text, "\n");
}

/* "BAD 3" is ours and compared whole; "WRONGTYPE Operation against ..." is Redis'. */
static struct sl_bytes comparable(struct sl_bytes text) {
    if (text.size >= 4 && memcmp(text.data, "BAD ", 4) == 0) return text;
    const uint8_t *space = text.size ? memchr(text.data, ' ', text.size) : NULL;
    return space ? sl_bytes(text.data, (size_t)(space - text.data)) : text;
}

void reply_copy_compare(const struct sl_ledger_reply *a, const struct sl_ledger_reply *b, struct sl_buf *out_text) {
    compare_number(out_text, "verb", a->verb, b->verb);
    compare_number(out_text, "status", a->status, b->status);
    compare_number(out_text, "shard", a->shard, b->shard);
    compare_number(out_text, "serial", a->serial, b->serial);
    compare_number(out_text, "epoch", a->epoch, b->epoch);
    compare_number(out_text, "n", a->n, b->n);
    compare_number(out_text, "ckpt", a->ckpt, b->ckpt);
    compare_number(out_text, "time_ms", a->time_ms, b->time_ms);
    compare_number(out_text, "from", a->from, b->from);
    compare_number(out_text, "tries", a->tries, b->tries);
    compare_number(out_text, "last", a->last, b->last);
    compare_number(out_text, "item_count", a->item_count, b->item_count);
    compare_bytes(out_text, "owner", sl_bytes(a->owner.bytes, 16), sl_bytes(b->owner.bytes, 16));
    compare_bytes(out_text, "digest", sl_bytes(a->digest.bytes, 16), sl_bytes(b->digest.bytes, 16));
    compare_bytes(out_text, "text", comparable(a->text), comparable(b->text));
    for (size_t i = 0; i < a->item_count && i < b->item_count; i++) {
        compare_bytes(out_text, "item's key", a->items[i].key, b->items[i].key);
        compare_bytes(out_text, "item's value", a->items[i].value, b->items[i].value);
        compare_number(out_text, "item's n", a->items[i].n, b->items[i].n);
    }
}
