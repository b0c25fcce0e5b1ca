/* Decoding by verb; see ledger_reply.h. The shapes are those of sluice1.lua and of the commands in ledger_command.c. */
#include "ledger_reply.h"

#include "base/assert.h"

enum { LEASE_FIELDS = 9, JOB_PARTS = 3 };

void sl_ledger_scratch_init(struct sl_ledger_scratch *self) {
    *self = (struct sl_ledger_scratch){.item_capacity = 0};
    sl_buf_init(&self->text, sl_alloc_system());
}

void sl_ledger_scratch_fini(struct sl_ledger_scratch *self) {
    sl_alloc_give(sl_alloc_system(), self->items, self->item_capacity * sizeof *self->items);
    sl_buf_fini(&self->text);
    sl_ledger_scratch_init(self);
}

/* What is decoded, where to, and what has been seen so far. */
struct decoding {
    const struct sl_ledger_call *call;
    struct sl_ledger_scratch *scratch;
    struct sl_ledger_reply *out;
    bool misshapen;
    bool no_memory;
};

static bool starts_with_word(const redisReply *reply, const char *word) {
    size_t size = strlen(word);
    return reply->len >= size && memcmp(reply->str, word, size) == 0 && (reply->len == size || reply->str[size] == ' ');
}

static bool is_error_of(const redisReply *reply, const char *const *words, size_t count) {
    if (reply->type != REDIS_REPLY_ERROR) return false;
    for (size_t i = 0; i < count; i++) {
        if (starts_with_word(reply, words[i])) return true;
    }
    return false;
}

bool sl_ledger_is_unreadable(const redisReply *reply) {
    static const char *const words[] = {"LOADING", "BUSY", "NOAUTH", "NOPERM", "MASTERDOWN", "TRYAGAIN", "CLUSTERDOWN"};
    return is_error_of(reply, words, sizeof words / sizeof *words);
}

bool sl_ledger_is_unavailable(const redisReply *reply) {
    static const char *const words[] = {"MISCONF", "READONLY", "OOM", "NOREPLICAS"};
    return sl_ledger_is_unreadable(reply) || is_error_of(reply, words, sizeof words / sizeof *words);
}

bool sl_ledger_number(struct sl_bytes text, uint64_t *out_value) {
    uint64_t value = 0;
    for (size_t i = 0; i < text.size; i++) {
        unsigned digit = (unsigned)text.data[i] - '0';
        if (digit > 9 || value > (UINT64_MAX - digit) / 10) return false;
        value = value * 10 + digit;
    }
    if (text.size == 0) return false;
    *out_value = value;
    return true;
}

static void fail_shape(struct decoding *self) {
    self->misshapen = true;
}

static struct sl_bytes string_of(struct decoding *self, const redisReply *reply) {
    if (reply->type == REDIS_REPLY_STRING) return sl_bytes(reply->str, reply->len);
    fail_shape(self);
    return sl_bytes(NULL, 0);
}

/* The members of an array of exactly that many; an array of any size for SIZE_MAX. NULL when it is none. */
static redisReply *const *members_of(struct decoding *self, const redisReply *reply, size_t count) {
    static redisReply *const none[1];
    if (reply->type == REDIS_REPLY_ARRAY && (count == SIZE_MAX || reply->elements == count)) {
        return reply->elements ? reply->element : none;
    }
    fail_shape(self);
    return NULL;
}

/* A number; empty text is 0, as the lease has it where nothing was written. */
static uint64_t number_of(struct decoding *self, const redisReply *reply) {
    struct sl_bytes text = string_of(self, reply);
    uint64_t value = 0;
    if (text.size > 0 && !sl_ledger_number(text, &value)) fail_shape(self);
    return value;
}

/* 16 bytes, or none: zero bytes. */
static void bytes16_of(struct decoding *self, const redisReply *reply, uint8_t out[16]) {
    struct sl_bytes bytes = string_of(self, reply);
    if (bytes.size == 16) {
        memcpy(out, bytes.data, 16);
    } else if (bytes.size != 0) {
        fail_shape(self);
    }
}

/* Room for count items; false on no memory: the call is to be made again, not to be taken for answered. */
static bool reserve_items(struct decoding *self, size_t count) {
    struct sl_ledger_scratch *scratch = self->scratch;
    if (count > scratch->item_capacity) {
        const struct sl_alloc *alloc = sl_alloc_system();
        size_t size = sizeof *scratch->items;
        void *items = alloc->resize(alloc->context, scratch->items, scratch->item_capacity * size, count * size);
        if (!items) {
            self->no_memory = true;
            return false;
        }
        scratch->items = items;
        scratch->item_capacity = count;
    }
    self->out->items = scratch->items;
    return true;
}

static void add_item(struct decoding *self, struct sl_bytes key, struct sl_bytes value, uint64_t n) {
    self->scratch->items[self->out->item_count++] = (struct sl_ledger_item){.key = key, .value = value, .n = n};
}

/* Pairs of strings: fields with values. */
static void add_pairs(struct decoding *self, const redisReply *reply) {
    redisReply *const *members = members_of(self, reply, SIZE_MAX);
    if (!members || reply->elements % 2 != 0) {
        fail_shape(self);
        return;
    }
    for (size_t i = 0; i < reply->elements; i += 2) {
        add_item(self, string_of(self, members[i]), string_of(self, members[i + 1]), 0);
    }
}

/* Writes. */

static bool is_word(const redisReply *reply, const char *word) {
    return reply->type == REDIS_REPLY_STRING && sl_bytes_is(sl_bytes(reply->str, reply->len), word);
}

static void read_refusal(struct decoding *self, const redisReply *reply) {
    struct sl_bytes why = reply->elements == 2 ? string_of(self, reply->element[1]) : sl_bytes(NULL, 0);
    sl_buf_clear(&self->scratch->text);
    (void)sl_buf_append(&self->scratch->text, "BAD ", 4); /* without memory the text is shorter */
    (void)sl_buf_append(&self->scratch->text, why.data, why.size);
    self->out->status = SL_LEDGER_FAILED;
    self->out->text = sl_buf_bytes(&self->scratch->text);
}

static void read_fenced(struct decoding *self, const redisReply *reply) {
    redisReply *const *members = members_of(self, reply, 4);
    if (!members) return;
    self->out->status = SL_LEDGER_FENCED;
    self->out->epoch = number_of(self, members[1]);
    bytes16_of(self, members[2], self->out->owner.bytes);
    self->out->n = number_of(self, members[3]);
}

static void read_at(struct decoding *self, const redisReply *reply) {
    redisReply *const *members = members_of(self, reply, 4);
    if (!members) return;
    self->out->status = SL_LEDGER_AT;
    self->out->n = number_of(self, members[1]);
    bytes16_of(self, members[2], self->out->digest.bytes);
    self->out->ckpt = number_of(self, members[3]);
}

static void read_write(struct decoding *self, const redisReply *reply) {
    redisReply *const *members = members_of(self, reply, SIZE_MAX);
    if (!members || reply->elements < 2) {
        fail_shape(self);
    } else if (is_word(members[0], "OK") && reply->elements == 2) {
        self->out->n = number_of(self, members[1]);
        if (self->out->n != self->call->n + 1) fail_shape(self);
    } else if (is_word(members[0], "FENCED")) {
        read_fenced(self, reply);
    } else if (is_word(members[0], "AT")) {
        read_at(self, reply);
    } else if (is_word(members[0], "BAD")) {
        read_refusal(self, reply);
    } else {
        fail_shape(self);
    }
}

static void read_acquired(struct decoding *self, redisReply *const *members) {
    self->out->epoch = number_of(self, members[1]);
    self->out->n = self->out->from = number_of(self, members[2]);
    bytes16_of(self, members[3], self->out->digest.bytes);
    self->out->ckpt = number_of(self, members[4]);
    self->out->time_ms = number_of(self, members[5]);
    self->out->tries = number_of(self, members[6]);
    self->out->last = number_of(self, members[7]);
    self->out->owner = self->call->owner;
    if (self->out->epoch != self->call->new_epoch) fail_shape(self);
}

static void read_acquire(struct decoding *self, const redisReply *reply) {
    redisReply *const *members = members_of(self, reply, SIZE_MAX);
    if (!members || reply->elements == 0) {
        fail_shape(self);
    } else if (is_word(members[0], "OK") && reply->elements == 8) {
        read_acquired(self, members);
    } else if (is_word(members[0], "LOST") && reply->elements == 4) {
        self->out->status = SL_LEDGER_LOST;
        self->out->epoch = number_of(self, members[1]);
        self->out->n = number_of(self, members[2]);
        bytes16_of(self, members[3], self->out->owner.bytes);
    } else {
        fail_shape(self);
    }
}

static void read_lease(struct decoding *self, const redisReply *reply) {
    redisReply *const *members = members_of(self, reply, LEASE_FIELDS);
    if (!members) return;
    self->out->epoch = number_of(self, members[0]);
    bytes16_of(self, members[1], self->out->owner.bytes);
    self->out->n = number_of(self, members[2]);
    bytes16_of(self, members[3], self->out->digest.bytes);
    self->out->ckpt = number_of(self, members[4]);
    self->out->time_ms = number_of(self, members[5]);
    self->out->from = number_of(self, members[6]);
    self->out->tries = number_of(self, members[7]);
    self->out->last = number_of(self, members[8]);
}

/* Reads. */

static void read_page(struct decoding *self, const redisReply *reply) {
    redisReply *const *members = members_of(self, reply, 2);
    if (!members || !reserve_items(self, members[1]->elements / 2 + 1)) return;
    self->out->cursor = number_of(self, members[0]);
    add_pairs(self, members[1]);
}

/* "N-0" of a log entry. */
static uint64_t entry_number(struct decoding *self, const redisReply *reply) {
    struct sl_bytes id = string_of(self, reply);
    uint64_t n = 0;
    bool good = id.size > 2 && memcmp(id.data + id.size - 2, "-0", 2) == 0 &&
                sl_ledger_number(sl_bytes(id.data, id.size - 2), &n);
    if (!good) fail_shape(self);
    return n;
}

static void read_log(struct decoding *self, const redisReply *reply) {
    redisReply *const *members = members_of(self, reply, SIZE_MAX);
    if (!members || !reserve_items(self, reply->elements + 1)) return;
    for (size_t i = 0; i < reply->elements && !self->misshapen; i++) {
        redisReply *const *entry = members_of(self, members[i], 2);
        redisReply *const *fields = entry ? members_of(self, entry[1], 2) : NULL;
        if (!fields || !is_word(fields[0], "b")) {
            fail_shape(self);
            return;
        }
        add_item(self, sl_bytes(NULL, 0), string_of(self, fields[1]), entry_number(self, entry[0]));
    }
}

static void add_part(struct decoding *self, const char *name, const redisReply *reply) {
    if (reply->type != REDIS_REPLY_NIL) add_item(self, sl_text(name), string_of(self, reply), 0);
}

static void read_job(struct decoding *self, const redisReply *reply) {
    redisReply *const *members = members_of(self, reply, JOB_PARTS);
    if (!members || !reserve_items(self, 2 + members[2]->elements / 2)) return;
    add_part(self, "live", members[0]);
    add_part(self, "gone", members[1]);
    add_pairs(self, members[2]);
}

static void read_part(struct decoding *self, const char *name, const redisReply *reply) {
    if (reserve_items(self, 1)) add_part(self, name, reply);
}

static void read_ended(struct decoding *self, const redisReply *reply) {
    redisReply *const *members = members_of(self, reply, SIZE_MAX);
    if (!members || reply->elements % 2 != 0 || !reserve_items(self, reply->elements / 2 + 1)) {
        fail_shape(self);
        return;
    }
    for (size_t i = 0; i < reply->elements; i += 2) {
        struct sl_bytes id = string_of(self, members[i]);
        if (id.size != 16) fail_shape(self);
        add_item(self, id, sl_bytes(NULL, 0), number_of(self, members[i + 1]));
    }
}

static void read_any(struct decoding *self, const redisReply *reply) {
    switch (self->call->verb) {
    case SL_LEDGER_COMMIT:
    case SL_LEDGER_SETTLE:
    case SL_LEDGER_BEAT:
    case SL_LEDGER_RELEASE: read_write(self, reply); return;
    case SL_LEDGER_ACQUIRE: read_acquire(self, reply); return;
    case SL_LEDGER_RESUME:
    case SL_LEDGER_READ_LEASE: read_lease(self, reply); return;
    case SL_LEDGER_READ_LIVE:
    case SL_LEDGER_READ_GONE: read_page(self, reply); return;
    case SL_LEDGER_READ_LOG: read_log(self, reply); return;
    case SL_LEDGER_READ_JOB: read_job(self, reply); return;
    case SL_LEDGER_READ_ENDED:
    case SL_LEDGER_READ_OLDEST: read_ended(self, reply); return;
    case SL_LEDGER_READ_RECORD: read_part(self, "r", reply); return;
    case SL_LEDGER_READ_HEAD: read_part(self, "live", reply); return;
    case SL_LEDGER_READ_PIPELINE: read_part(self, "", reply); return;
    }
    SL_ASSERT(!"a verb of the ledger");
}

/* The first error inside a reply: itself, or a member of EXEC's array. NULL: none. */
static const redisReply *error_in(const redisReply *reply) {
    if (reply->type == REDIS_REPLY_ERROR) return reply;
    if (reply->type != REDIS_REPLY_ARRAY) return NULL;
    for (size_t i = 0; i < reply->elements; i++) {
        if (reply->element[i]->type == REDIS_REPLY_ERROR) return reply->element[i];
    }
    return NULL;
}

void sl_ledger_reply_read(const struct sl_ledger_call *call, const redisReply *reply, struct sl_ledger_scratch *scratch,
                          struct sl_ledger_reply *out_reply) {
    const struct sl_ledger_reply empty = {.verb = call->verb, .shard = call->shard, .serial = call->serial};
    struct decoding decoding = {.call = call, .scratch = scratch, .out = out_reply};
    *out_reply = empty;
    const redisReply *error = error_in(reply);
    if (error) {
        out_reply->status = sl_ledger_is_unavailable(error) ? SL_LEDGER_UNAVAILABLE : SL_LEDGER_FAILED;
        out_reply->text = sl_bytes(error->str, error->len);
        return;
    }
    read_any(&decoding, reply);
    if (!decoding.misshapen && !decoding.no_memory) return;
    *out_reply = empty;
    if (decoding.no_memory) {
        out_reply->status = SL_LEDGER_UNAVAILABLE;
        out_reply->text = sl_text("there is no memory for its reply");
        return;
    }
    out_reply->status = SL_LEDGER_FAILED;
    out_reply->text = sl_text("Redis' reply has another shape than it should");
}
