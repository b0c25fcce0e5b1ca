/* The reads of the ledger twin, and its dump. */
#include "ledger_twin_inside.h"

#include "base/assert.h"
#include "ledger_dump.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { LIVE_PAGE = 512, COUNT_MAX = 10000, DECIMAL_SIZE = 24 };

static struct sl_ledger_item *items_for(struct ledger_twin *self, size_t count) {
    if (count > self->item_capacity) {
        self->items = self->alloc->resize(self->alloc->context, self->items, self->item_capacity * sizeof *self->items,
                                          count * sizeof *self->items);
        SL_ASSERT(self->items != NULL);
        self->item_capacity = count;
    }
    return self->items;
}

static struct sl_bytes value_bytes(const struct store_value *value) {
    return value ? sl_bytes(value->data, value->size) : sl_bytes(NULL, 0);
}

static struct sl_bytes name_bytes(const struct store_field *field) {
    return sl_bytes(field->name, field->name_size);
}

static struct store_field *field_at(struct sl_link *link) {
    return SL_CONTAINER(link, struct store_field, link);
}

/* A key of the wanted type; a read of another type is an error of Redis. */
static const struct store_key *key_of(const struct twin_shard *shard, struct sl_bytes name, enum store_type type,
                                      struct sl_ledger_reply *reply) {
    const struct store_key *key = store_find(&shard->store, name);
    if (!key || key->type == type) return key;
    reply->status = SL_LEDGER_FAILED;
    reply->text = sl_text("WRONGTYPE");
    return NULL;
}

static void add_item(struct ledger_twin *self, struct sl_ledger_reply *reply, struct sl_bytes key,
                     struct sl_bytes value, uint64_t n) {
    self->items[reply->item_count++] = (struct sl_ledger_item){.key = key, .value = value, .n = n};
    reply->items = self->items;
}

/* The cursor is the sequence number of the last field given: fields that stay are never passed over. */
void twin_read_page(struct ledger_twin *self, const struct twin_shard *shard, const struct sl_ledger_call *call,
                    struct sl_ledger_reply *reply) {
    const char *name = call->verb == SL_LEDGER_READ_GONE ? "gone" : "live";
    const struct store_key *hash = key_of(shard, sl_text(name), STORE_HASH, reply);
    if (!hash) return;
    (void)items_for(self, LIVE_PAGE);
    for (struct sl_link *link = sl_list_first(&hash->fields); link; link = sl_list_next(&hash->fields, link)) {
        const struct store_field *field = field_at(link);
        if (field->sequence <= call->cursor) continue;
        if (reply->item_count == LIVE_PAGE) {
            reply->cursor = field->sequence - 1;
            return;
        }
        add_item(self, reply, name_bytes(field), value_bytes(field->value), 0);
    }
}

static size_t count_of(const struct sl_ledger_call *call) {
    if (call->count == 0) return 1;
    return call->count < COUNT_MAX ? call->count : COUNT_MAX;
}

void twin_read_log(struct ledger_twin *self, const struct twin_shard *shard, const struct sl_ledger_call *call,
                   struct sl_ledger_reply *reply) {
    (void)items_for(self, shard->log.count);
    for (size_t i = 0; i < shard->log.count && reply->item_count < count_of(call); i++) {
        const struct twin_entry *entry = &shard->log.entries[shard->log.first + i];
        if (entry->n <= call->n) continue;
        add_item(self, reply, sl_bytes(NULL, 0), value_bytes(entry->batch), entry->n);
    }
}

static void add_field_of(struct ledger_twin *self, const struct twin_shard *shard, const char *name,
                         const struct sl_ledger_call *call, struct sl_ledger_reply *reply) {
    const struct store_key *key = key_of(shard, sl_text(name), STORE_HASH, reply);
    const struct store_field *field = store_field(&shard->store, key, sl_bytes(call->job.bytes, 16));
    if (field) add_item(self, reply, sl_text(name), value_bytes(field->value), 0);
}

static const struct store_key *own_key(const struct twin_shard *shard, const struct sl_ledger_call *call,
                                       struct sl_ledger_reply *reply) {
    uint8_t name[18] = {'j', ':'};
    memcpy(name + 2, call->job.bytes, 16);
    return key_of(shard, sl_bytes(name, sizeof name), STORE_HASH, reply);
}

void twin_read_record(struct ledger_twin *self, const struct twin_shard *shard, const struct sl_ledger_call *call,
                      struct sl_ledger_reply *reply) {
    const struct store_field *field = store_field(&shard->store, own_key(shard, call, reply), sl_text("r"));
    (void)items_for(self, 1);
    if (field) add_item(self, reply, sl_text("r"), value_bytes(field->value), 0);
}

void twin_read_job(struct ledger_twin *self, const struct twin_shard *shard, const struct sl_ledger_call *call,
                   struct sl_ledger_reply *reply) {
    const struct store_key *own = own_key(shard, call, reply);
    (void)items_for(self, 2 + (own ? own->fields.count : 0));
    add_field_of(self, shard, "live", call, reply);
    add_field_of(self, shard, "gone", call, reply);
    struct sl_link *link = own ? sl_list_first(&own->fields) : NULL;
    for (; link; link = sl_list_next(&own->fields, link)) {
        add_item(self, reply, name_bytes(field_at(link)), value_bytes(field_at(link)->value), 0);
    }
    if (reply->status != SL_LEDGER_OK) reply->item_count = 0;
}

void twin_read_head(struct ledger_twin *self, const struct twin_shard *shard, const struct sl_ledger_call *call,
                    struct sl_ledger_reply *reply) {
    (void)items_for(self, 1);
    add_field_of(self, shard, "live", call, reply);
}

void twin_read_pipeline(struct ledger_twin *self, const struct sl_ledger_call *call, struct sl_ledger_reply *reply) {
    const struct store_key *key = store_find(&self->pipelines, sl_bytes(call->digest.bytes, sizeof call->digest.bytes));
    (void)items_for(self, 1);
    if (key) add_item(self, reply, sl_text(""), value_bytes(field_at(sl_list_first(&key->fields))->value), 0);
}

static int newest_first(const void *a, const void *b) {
    const struct store_field *left = *(const struct store_field *const *)a;
    const struct store_field *right = *(const struct store_field *const *)b;
    if (left->score != right->score) return left->score < right->score ? 1 : -1;
    return sl_bytes_compare(name_bytes(right), name_bytes(left));
}

static size_t sort_ended(struct ledger_twin *self, const struct store_key *ended, uint64_t below) {
    size_t count = ended->fields.count, used = 0;
    if (count > self->sorted_capacity) {
        self->sorted = self->alloc->resize(self->alloc->context, self->sorted,
                                           self->sorted_capacity * sizeof *self->sorted, count * sizeof *self->sorted);
        SL_ASSERT(self->sorted != NULL);
        self->sorted_capacity = count;
    }
    for (struct sl_link *link = sl_list_first(&ended->fields); link; link = sl_list_next(&ended->fields, link)) {
        const struct store_field *field = field_at(link);
        if (below == 0 || field->score < below) self->sorted[used++] = field;
    }
    if (used) qsort(self->sorted, used, sizeof *self->sorted, newest_first);
    return used;
}

void twin_read_ended(struct ledger_twin *self, const struct twin_shard *shard, const struct sl_ledger_call *call,
                     struct sl_ledger_reply *reply) {
    const struct store_key *ended = key_of(shard, sl_text("ended"), STORE_ZSET, reply);
    if (!ended) return;
    bool oldest = call->verb == SL_LEDGER_READ_OLDEST;
    size_t count = sort_ended(self, ended, oldest ? 0 : call->n);
    (void)items_for(self, count);
    for (uint64_t i = call->cursor; i < count && reply->item_count < count_of(call); i++) {
        const struct store_field *field = self->sorted[oldest ? count - 1 - i : i];
        add_item(self, reply, name_bytes(field), sl_bytes(NULL, 0), field->score);
    }
}

/* The dump. */

static void dump_number(struct ledger_dump *dump, struct sl_bytes key, const char *field, uint64_t value) {
    char text[DECIMAL_SIZE];
    int size = snprintf(text, sizeof text, "%" PRIu64, value);
    ledger_dump_add(dump, key, sl_text(field), sl_bytes(text, (size_t)size));
}

static struct sl_bytes unless_zero(const uint8_t bytes[16]) {
    static const uint8_t zero[16];
    return memcmp(bytes, zero, 16) == 0 ? sl_bytes(NULL, 0) : sl_bytes(bytes, 16);
}

static struct sl_bytes key_name(struct sl_buf *buf, size_t shard, struct sl_bytes name) {
    sl_buf_clear(buf);
    (void)sl_buf_format(buf, "sl:{s%02zu}:", shard); /* kept in buf->failed */
    (void)sl_buf_append(buf, name.data, name.size);
    SL_ASSERT(!buf->failed);
    return sl_buf_bytes(buf);
}

static void dump_lease(struct ledger_dump *dump, struct sl_bytes key, const struct twin_lease *lease) {
    dump_number(dump, key, "epoch", lease->epoch);
    dump_number(dump, key, "n", lease->n);
    dump_number(dump, key, "ckpt", lease->ckpt);
    dump_number(dump, key, "t", lease->time_ms);
    dump_number(dump, key, "from", lease->from);
    dump_number(dump, key, "tries", lease->tries);
    dump_number(dump, key, "last", lease->last);
    ledger_dump_add(dump, key, sl_text("owner"), lease->owned ? sl_bytes(lease->owner.bytes, 16) : sl_bytes(NULL, 0));
    ledger_dump_add(dump, key, sl_text("dig"), unless_zero(lease->digest.bytes));
}

static void dump_key(struct ledger_dump *dump, struct sl_bytes name, const struct store_key *key) {
    for (struct sl_link *link = sl_list_first(&key->fields); link; link = sl_list_next(&key->fields, link)) {
        const struct store_field *field = field_at(link);
        char score[DECIMAL_SIZE];
        int size = snprintf(score, sizeof score, "%" PRIu64, field->score);
        bool scored = key->type == STORE_ZSET;
        ledger_dump_add(dump, name, name_bytes(field),
                        scored ? sl_bytes(score, (size_t)size) : value_bytes(field->value));
    }
}

static void dump_shard(struct ledger_dump *dump, struct sl_buf *name, size_t index, const struct twin_shard *shard) {
    if (shard->lease.exists) dump_lease(dump, key_name(name, index, sl_text("lease")), &shard->lease);
    struct sl_bytes log = key_name(name, index, sl_text("log"));
    for (size_t i = 0; i < shard->log.count; i++) {
        const struct twin_entry *entry = &shard->log.entries[shard->log.first + i];
        char number[DECIMAL_SIZE];
        int size = snprintf(number, sizeof number, "%" PRIu64, entry->n);
        ledger_dump_add(dump, log, sl_bytes(number, (size_t)size), value_bytes(entry->batch));
    }
    size_t cursor = 0;
    for (struct store_key *key = NULL; (key = store_each(&shard->store, key, &cursor));) {
        dump_key(dump, key_name(name, index, sl_bytes(key->name, key->name_size)), key);
    }
}

void ledger_twin_dump(const struct ledger_twin *self, struct sl_buf *buf) {
    struct ledger_dump dump;
    struct sl_buf name;
    ledger_dump_init(&dump, self->alloc);
    sl_buf_init(&name, self->alloc);
    for (size_t i = 0; i < SL_SHARDS_MAX; i++) {
        if (self->shards[i]) dump_shard(&dump, &name, i, self->shards[i]);
    }
    ledger_dump_write(&dump, buf);
    sl_buf_fini(&name);
    ledger_dump_fini(&dump);
}
