/* The way out's waiting room; see outbox.h. */
#include "outbox.h"

#include "base/assert.h"
#include "base/err.h"

struct head {
    uint64_t n;
    uint64_t peer;
    uint64_t size; /* of the bytes behind */
    unsigned kind;
};

struct line {
    struct sl_buf buf;
    size_t at; /* everything before has left */
    uint64_t durable;
    uint64_t newest; /* number of the last one put */
};

struct sl_outbox {
    const struct sl_alloc *alloc;
    uint16_t shard_count;
    struct line lines[];
};

int sl_outbox_new(const struct sl_alloc *alloc, uint16_t shard_count, struct sl_outbox **out_self) {
    size_t size = sizeof(struct sl_outbox) + shard_count * sizeof(struct line);
    struct sl_outbox *self = sl_alloc_take(alloc, size);
    if (!self) return SL_E_NO_MEMORY;
    memset(self, 0, size);
    self->alloc = alloc;
    self->shard_count = shard_count;
    for (uint16_t i = 0; i < shard_count; i++) sl_buf_init(&self->lines[i].buf, alloc);
    *out_self = self;
    return SL_OK;
}

void sl_outbox_free(struct sl_outbox **self) {
    struct sl_outbox *gone = *self;
    if (!gone) return;
    for (uint16_t i = 0; i < gone->shard_count; i++) sl_buf_fini(&gone->lines[i].buf);
    sl_alloc_give(gone->alloc, gone, sizeof *gone + gone->shard_count * sizeof(struct line));
    *self = NULL;
}

bool sl_outbox_may_leave(const struct sl_outbox *self, uint16_t shard, uint64_t n) {
    if (n == 0) return true;
    SL_ASSERT(shard < self->shard_count);
    const struct line *line = &self->lines[shard];
    return n <= line->durable && line->at == line->buf.size;
}

/* Moves what waits to the front once more than half of the buffer has left. */
static void compact(struct line *line) {
    if (line->at == line->buf.size) {
        line->buf.size = line->at = 0;
    } else if (line->at > line->buf.size / 2) {
        memmove(line->buf.data, line->buf.data + line->at, line->buf.size - line->at);
        line->buf.size -= line->at;
        line->at = 0;
    }
}

int sl_outbox_put(struct sl_outbox *self, uint16_t shard, const struct sl_outbox_message *message) {
    SL_ASSERT(shard < self->shard_count);
    struct line *line = &self->lines[shard];
    SL_ASSERT(message->n >= line->newest);
    struct head head = {
        .n = message->n, .peer = message->peer, .size = message->bytes.size, .kind = message->kind};
    compact(line);
    int rc = sl_buf_reserve(&line->buf, sizeof head + message->bytes.size);
    if (rc) return rc;
    sl_buf_put(&line->buf, &head, sizeof head);
    sl_buf_put(&line->buf, message->bytes.data, message->bytes.size);
    line->newest = message->n;
    return SL_OK;
}

void sl_outbox_release(struct sl_outbox *self, uint16_t shard, uint64_t n) {
    SL_ASSERT(shard < self->shard_count);
    if (n > self->lines[shard].durable) self->lines[shard].durable = n;
}

bool sl_outbox_next(struct sl_outbox *self, uint16_t shard, struct sl_outbox_message *out_message) {
    struct line *line = &self->lines[shard];
    if (line->at == line->buf.size) return false;
    struct head head;
    memcpy(&head, line->buf.data + line->at, sizeof head);
    if (head.n > line->durable) return false;
    *out_message = (struct sl_outbox_message){.n = head.n,
                                              .peer = head.peer,
                                              .kind = head.kind,
                                              .bytes = sl_bytes(line->buf.data + line->at + sizeof head, head.size)};
    line->at += sizeof head + head.size;
    return true;
}

void sl_outbox_drop(struct sl_outbox *self, uint16_t shard) {
    SL_ASSERT(shard < self->shard_count);
    struct line *line = &self->lines[shard];
    sl_buf_fini(&line->buf);
    line->at = 0;
    line->durable = line->newest = 0;
}

size_t sl_outbox_bytes(const struct sl_outbox *self) {
    size_t bytes = 0;
    for (uint16_t i = 0; i < self->shard_count; i++) bytes += self->lines[i].buf.size - self->lines[i].at;
    return bytes;
}
