/* The two ledgers; see both.h. */
#include "both.h"

#include "base/msgpack.h"
#include "support/ledger_dump.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { SHARD = 7, REPLY_MS = 5000 };

void both_start_patient(struct both *self, const char *const *overrides, uint32_t reply_ms) {
    *self = (struct both){.operation_count = 0};
    sl_buf_init(&self->body, sl_alloc_system());
    (void)ledger_twin_new(sl_alloc_system(), &self->twin); /* always 0 */
    real_start(&self->real, overrides, reply_ms);
}

void both_start(struct both *self, const char *const *overrides) {
    both_start_patient(self, overrides, REPLY_MS);
}

void both_compare_dumps(struct both *self) {
    struct sl_buf real, twin, text;
    sl_buf_init(&real, sl_alloc_system());
    sl_buf_init(&twin, sl_alloc_system());
    sl_buf_init(&text, sl_alloc_system());
    real_dump(&self->real, &real);
    ledger_twin_dump(self->twin, &twin);
    ledger_dump_difference(sl_buf_bytes(&real), sl_buf_bytes(&twin), &text);
    cr_assert(text.size == 0, "Redis (first) and the twin hold different things:\n%.*s", (int)text.size,
              (const char *)text.data);
    cr_assert(sl_bytes_equal(sl_buf_bytes(&real), sl_buf_bytes(&twin)));
    sl_buf_fini(&real);
    sl_buf_fini(&twin);
    sl_buf_fini(&text);
}

void both_end(struct both *self) {
    both_compare_dumps(self);
    real_stop(&self->real);
    ledger_twin_free(&self->twin);
    reply_copy_free(&self->last);
    sl_buf_fini(&self->body);
}

const struct sl_ledger_reply *both_call(struct both *self, struct sl_ledger_call call) {
    struct sl_ledger_reply twins;
    struct sl_buf text;
    sl_buf_init(&text, sl_alloc_system());
    reply_copy_free(&self->last);
    self->last = real_call(&self->real, &call);
    (void)ledger_twin_call(self->twin, &call, &twins); /* always 0 */
    struct reply_copy sorted = reply_copy_make(&twins);
    reply_copy_compare(&self->last.reply, &sorted.reply, &text);
    cr_assert(text.size == 0, "verb %d: Redis and the twin differ:\n%.*s", (int)call.verb, (int)text.size,
              (const char *)text.data);
    reply_copy_free(&sorted);
    sl_buf_fini(&text);
    return &self->last.reply;
}

struct sl_incarnation owner_of(char letter) {
    struct sl_incarnation owner;
    memset(owner.bytes, letter, sizeof owner.bytes);
    return owner;
}

struct sl_digest digest_of(char letter) {
    struct sl_digest digest;
    memset(digest.bytes, letter, sizeof digest.bytes);
    return digest;
}

struct sl_job_id job_of(uint64_t number) {
    struct sl_job_id job = {{0}};
    for (int i = 0; i < 8; i++) job.bytes[i] = (uint8_t)(number >> 8 * (7 - i));
    return job;
}

struct sl_ledger_call acquire_call(uint64_t epoch, uint64_t n, uint64_t new_epoch, char owner) {
    return (struct sl_ledger_call){.verb = SL_LEDGER_ACQUIRE, .shard = SHARD, .epoch = epoch, .n = n,
                                   .new_epoch = new_epoch, .owner = owner_of(owner)};
}

static struct sl_ledger_call write_call(enum sl_ledger_verb verb, uint64_t epoch, char owner, uint64_t n) {
    return (struct sl_ledger_call){.verb = verb, .shard = SHARD, .epoch = epoch, .owner = owner_of(owner), .n = n,
                                   .time_ms = 1000 + n};
}

struct sl_ledger_call commit_call(uint64_t epoch, char owner, uint64_t n, const char *batch) {
    struct sl_ledger_call call = write_call(SL_LEDGER_COMMIT, epoch, owner, n);
    call.body = sl_text(batch);
    call.digest = digest_of(batch[0] ? batch[0] : '0');
    return call;
}

struct sl_ledger_call beat_call(uint64_t epoch, char owner, uint64_t n) {
    return write_call(SL_LEDGER_BEAT, epoch, owner, n);
}

struct sl_ledger_call release_call(uint64_t epoch, char owner, uint64_t n) {
    return write_call(SL_LEDGER_RELEASE, epoch, owner, n);
}

struct sl_ledger_call resume_call(void) {
    return read_call(SL_LEDGER_RESUME);
}

struct sl_ledger_call read_call(enum sl_ledger_verb verb) {
    return (struct sl_ledger_call){.verb = verb, .shard = SHARD, .count = 1000};
}

void settle_begin(struct both *self) {
    sl_buf_clear(&self->body);
    self->operation_count = 0;
    sl_mp_array(&self->body, UINT16_MAX); /* the long form, whose count settle_call sets */
}

void settle_add(struct both *self, const char *verb, struct sl_bytes key, size_t count, const struct sl_bytes *items) {
    sl_mp_array(&self->body, 3);
    sl_mp_key(&self->body, verb);
    sl_mp_bin(&self->body, key);
    sl_mp_array(&self->body, (uint32_t)count);
    for (size_t i = 0; i < count; i++) sl_mp_bin(&self->body, items[i]);
    self->operation_count++;
}

void settle_add_text(struct both *self, const char *verb, const char *key, const char *first, const char *second) {
    struct sl_bytes items[2] = {sl_text(first ? first : ""), sl_text(second ? second : "")};
    settle_add(self, verb, sl_text(key), (size_t)(first != NULL) + (size_t)(second != NULL), items);
}

struct sl_ledger_call settle_call(struct both *self, uint64_t epoch, char owner, uint64_t n, uint64_t ckpt) {
    struct sl_ledger_call call = write_call(SL_LEDGER_SETTLE, epoch, owner, n);
    cr_assert(!self->body.failed && self->body.size >= 3 && self->body.data[0] == 0xdc);
    self->body.data[1] = (uint8_t)(self->operation_count >> 8);
    self->body.data[2] = (uint8_t)self->operation_count;
    call.ckpt = ckpt;
    call.body = sl_buf_bytes(&self->body);
    return call;
}

/* One side's live records, as a reply of one page. */
struct pages {
    struct sl_ledger_item *items;
    size_t count, capacity;
    struct sl_buf bytes; /* the items' keys and values one after the other */
};

static void add_page(struct pages *self, const struct sl_ledger_reply *reply) {
    for (size_t i = 0; i < reply->item_count; i++) {
        if (self->count == self->capacity) {
            self->capacity = self->capacity * 2 + 64;
            self->items = realloc(self->items, self->capacity * sizeof *self->items);
            cr_assert(self->items);
        }
        /* Sizes for now: the bytes may still move. */
        self->items[self->count].key = sl_bytes(NULL, reply->items[i].key.size);
        self->items[self->count++].value = sl_bytes(NULL, reply->items[i].value.size);
        (void)sl_buf_append(&self->bytes, reply->items[i].key.data, reply->items[i].key.size); /* kept in failed */
        (void)sl_buf_append(&self->bytes, reply->items[i].value.data, reply->items[i].value.size);
    }
}

static int by_key(const void *a, const void *b) {
    const struct sl_ledger_item *left = a, *right = b;
    return sl_bytes_compare(left->key, right->key);
}

/* Gives the items their bytes, sorts them, and leaves out what a page gave twice. */
static void finish_pages(struct pages *self) {
    const uint8_t *at = self->bytes.data;
    for (size_t i = 0; i < self->count; i++) {
        self->items[i].key.data = at;
        self->items[i].value.data = at + self->items[i].key.size;
        at += self->items[i].key.size + self->items[i].value.size;
    }
    if (self->count) qsort(self->items, self->count, sizeof *self->items, by_key);
    size_t kept = 0;
    for (size_t i = 0; i < self->count; i++) {
        if (kept && sl_bytes_equal(self->items[kept - 1].key, self->items[i].key)) continue;
        self->items[kept++] = self->items[i];
    }
    self->count = kept;
}

size_t both_read_live(struct both *self) {
    struct pages real = {.count = 0}, twin = {.count = 0};
    sl_buf_init(&real.bytes, sl_alloc_system());
    sl_buf_init(&twin.bytes, sl_alloc_system());
    struct sl_ledger_call call = read_call(SL_LEDGER_READ_LIVE);
    do {
        struct reply_copy page = real_call(&self->real, &call);
        cr_assert(page.reply.status == SL_LEDGER_OK);
        add_page(&real, &page.reply);
        call.cursor = page.reply.cursor;
        reply_copy_free(&page);
    } while (call.cursor != 0);
    do {
        struct sl_ledger_reply page;
        (void)ledger_twin_call(self->twin, &call, &page); /* always 0 */
        add_page(&twin, &page);
        call.cursor = page.cursor;
    } while (call.cursor != 0);
    finish_pages(&real);
    finish_pages(&twin);
    cr_assert(real.count == twin.count, "%zu and %zu live records", real.count, twin.count);
    for (size_t i = 0; i < real.count; i++) {
        cr_assert(sl_bytes_equal(real.items[i].key, twin.items[i].key));
        cr_assert(sl_bytes_equal(real.items[i].value, twin.items[i].value));
    }
    free(real.items);
    free(twin.items);
    sl_buf_fini(&real.bytes);
    sl_buf_fini(&twin.bytes);
    return real.count;
}
