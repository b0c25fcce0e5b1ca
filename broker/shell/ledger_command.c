/* Calls as commands; see ledger_command.h. The functions that are called are in sluice1.lua, the keys in ARCHITECTURE.md. */
#include "ledger_command.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/msgpack.h"

enum {
    DECIMAL_MAX = 20, /* of UINT64_MAX */
    PREFIX_MAX = 12,  /* "sl:{s00000}:" */
    VERB_MAX = 16,
    HEAD_ROOM = 512,  /* all of a commit but its body */
    FENCE_ARGS = 6
};

/* The protocol. */

static size_t decimal(uint64_t value, char out_text[DECIMAL_MAX]) {
    char reversed[DECIMAL_MAX];
    size_t size = 0;
    do {
        reversed[size++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (size_t i = 0; i < size; i++) out_text[i] = reversed[size - 1 - i];
    return size;
}

static void put(struct sl_buf *out, const void *data, size_t size) {
    if (!out->failed) (void)sl_buf_append(out, data, size); /* kept in out->failed */
}

static void put_head(struct sl_buf *out, char type, uint64_t count) {
    char head[DECIMAL_MAX + 3];
    head[0] = type;
    size_t size = 1 + decimal(count, head + 1);
    head[size++] = '\r';
    head[size++] = '\n';
    put(out, head, size);
}

static void put_bulk(struct sl_buf *out, struct sl_bytes bytes) {
    put_head(out, '$', bytes.size);
    put(out, bytes.data, bytes.size);
    put(out, "\r\n", 2);
}

static void put_text(struct sl_buf *out, const char *text) {
    put_bulk(out, sl_text(text));
}

static void put_number(struct sl_buf *out, uint64_t value) {
    char text[DECIMAL_MAX];
    put_bulk(out, sl_bytes(text, decimal(value, text)));
}

/* A stream id, "N-0"; `before` may be an opening bracket, which makes a range exclusive. */
static void put_id(struct sl_buf *out, const char *before, uint64_t n) {
    char text[1 + DECIMAL_MAX + 2];
    size_t size = strlen(before);
    memcpy(text, before, size);
    size += decimal(n, text + size);
    memcpy(text + size, "-0", 2);
    put_bulk(out, sl_bytes(text, size + 2));
}

void sl_ledger_command_argv(struct sl_buf *out, int argc, const char *const *argv, const size_t *argvlen) {
    put_head(out, '*', (uint64_t)argc);
    for (int i = 0; i < argc; i++) put_bulk(out, sl_bytes(argv[i], argvlen[i]));
}

/* Keys. */

/* "sl:{s07}:" and what follows: the braces make all keys of a shard one slot of a Redis Cluster. */
static void put_key(struct sl_buf *out, uint16_t shard, struct sl_bytes name) {
    char prefix[PREFIX_MAX] = "sl:{s";
    char number[DECIMAL_MAX];
    size_t size = 5, digits = decimal(shard, number);
    if (digits < 2) prefix[size++] = '0';
    memcpy(prefix + size, number, digits);
    memcpy(prefix + size + digits, "}:", 2);
    size += digits + 2;
    put_head(out, '$', size + name.size);
    put(out, prefix, size);
    put(out, name.data, name.size);
    put(out, "\r\n", 2);
}

static void put_key_text(struct sl_buf *out, uint16_t shard, const char *name) {
    put_key(out, shard, sl_text(name));
}

void sl_pipeline_key(struct sl_digest digest, char out_key[SL_PIPELINE_KEY_SIZE]) {
    static const char digits[] = "0123456789abcdef";
    memcpy(out_key, "sl:p:", 5);
    for (size_t i = 0; i < 16; i++) {
        out_key[5 + 2 * i] = digits[digest.bytes[i] >> 4];
        out_key[6 + 2 * i] = digits[digest.bytes[i] & 15];
    }
    out_key[37] = '\0';
}

static void begin_function(struct sl_buf *out, const char *name, uint64_t key_count, uint64_t arg_count) {
    put_head(out, '*', 3 + key_count + arg_count);
    put_text(out, "FCALL");
    put_text(out, name);
    put_number(out, key_count);
}

static void put_owner(struct sl_buf *out, struct sl_incarnation owner) {
    put_bulk(out, sl_bytes(owner.bytes, sizeof owner.bytes));
}

/* epoch owner n n1 time: the beginning of every numbered write's arguments. */
static void put_fence(struct sl_buf *out, const struct sl_ledger_call *call) {
    put_number(out, call->epoch);
    put_owner(out, call->owner);
    put_number(out, call->n);
    put_number(out, call->n + 1);
    put_number(out, call->time_ms);
}

/* Writes. */

static void add_commit(struct sl_buf *out, const struct sl_ledger_call *call) {
    (void)sl_buf_reserve(out, HEAD_ROOM + call->body.size); /* one growth at most; a failure shows when appending */
    begin_function(out, "sluice1_commit", 2, 7);
    put_key_text(out, call->shard, "lease");
    put_key_text(out, call->shard, "log");
    put_fence(out, call);
    put_bulk(out, sl_bytes(call->digest.bytes, sizeof call->digest.bytes));
    put_bulk(out, call->body);
}

/* An operation of a settle, as the body gives it. */
struct operation {
    struct sl_bytes verb, key;
    uint32_t item_count; /* they follow in the body */
};

static struct sl_bytes read_part(struct sl_mp_reader *reader) {
    struct sl_mp_object object;
    if (sl_mp_next(reader, &object)) return sl_bytes(NULL, 0);
    if (object.type == SL_MP_BIN || object.type == SL_MP_STR) return object.bytes;
    sl_mp_fail(reader, SL_E_BAD_INPUT);
    return sl_bytes(NULL, 0);
}

static struct operation read_operation(struct sl_mp_reader *reader) {
    if (sl_mp_read_array(reader, 3) != 3) sl_mp_fail(reader, SL_E_BAD_INPUT);
    struct operation operation = {.verb = sl_mp_read_str(reader, VERB_MAX), .key = read_part(reader)};
    if (operation.key.size > SL_LEDGER_KEY_MAX) sl_mp_fail(reader, SL_E_LIMIT);
    operation.item_count = sl_mp_read_array(reader, UINT32_MAX);
    return operation;
}

static void skip_items(struct sl_mp_reader *reader, uint32_t count) {
    for (uint32_t i = 0; i < count && !reader->rc; i++) (void)read_part(reader);
}

/* Looks at the whole body. false: malformed. */
static bool measure(struct sl_bytes body, uint32_t *out_operations, uint64_t *out_args) {
    struct sl_mp_reader reader = sl_mp_reader(body);
    uint32_t count = sl_mp_read_array(&reader, SL_LEDGER_OPERATIONS_MAX);
    uint64_t args = 0;
    for (uint32_t i = 0; i < count && !reader.rc; i++) {
        struct operation operation = read_operation(&reader);
        skip_items(&reader, operation.item_count);
        args += 2 + (uint64_t)operation.item_count;
    }
    *out_operations = count;
    *out_args = args;
    return sl_mp_end(&reader) == SL_OK;
}

static void put_operation_keys(struct sl_buf *out, const struct sl_ledger_call *call) {
    struct sl_mp_reader reader = sl_mp_reader(call->body);
    uint32_t count = sl_mp_read_array(&reader, SL_LEDGER_OPERATIONS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        struct operation operation = read_operation(&reader);
        put_key(out, call->shard, operation.key);
        skip_items(&reader, operation.item_count);
    }
}

static void put_operation_args(struct sl_buf *out, const struct sl_ledger_call *call) {
    struct sl_mp_reader reader = sl_mp_reader(call->body);
    uint32_t count = sl_mp_read_array(&reader, SL_LEDGER_OPERATIONS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        struct operation operation = read_operation(&reader);
        put_bulk(out, operation.verb);
        put_number(out, operation.item_count);
        for (uint32_t j = 0; j < operation.item_count; j++) put_bulk(out, read_part(&reader));
    }
    SL_ASSERT(sl_mp_end(&reader) == SL_OK);
}

static void add_settle(struct sl_buf *out, const struct sl_ledger_call *call) {
    uint32_t operations = 0;
    uint64_t args = 0;
    bool good = measure(call->body, &operations, &args);
    begin_function(out, "sluice1_settle", 2 + (good ? (uint64_t)operations : 0), FENCE_ARGS + (good ? args : 1));
    put_key_text(out, call->shard, "lease");
    put_key_text(out, call->shard, "log");
    if (good) put_operation_keys(out, call);
    put_fence(out, call);
    put_number(out, call->ckpt);
    if (good) {
        put_operation_args(out, call);
    } else {
        put_text(out, "malformed"); /* one argument too many: BAD args */
    }
}

static void add_beat(struct sl_buf *out, const struct sl_ledger_call *call) {
    begin_function(out, "sluice1_beat", 1, FENCE_ARGS);
    put_key_text(out, call->shard, "lease");
    put_fence(out, call);
    if (call->verb == SL_LEDGER_RELEASE) {
        put_text(out, "");
    } else {
        put_owner(out, call->owner);
    }
}

static void add_acquire(struct sl_buf *out, const struct sl_ledger_call *call) {
    begin_function(out, "sluice1_acquire", 1, 4);
    put_key_text(out, call->shard, "lease");
    put_number(out, call->epoch);
    put_number(out, call->n);
    put_number(out, call->new_epoch);
    put_owner(out, call->owner);
}

static void add_resume(struct sl_buf *out, const struct sl_ledger_call *call) {
    begin_function(out, "sluice1_resume", 1, 0);
    put_key_text(out, call->shard, "lease");
}

/* Reads. */

static uint64_t count_of(const struct sl_ledger_call *call) {
    if (call->count == 0) return 1;
    return call->count < SL_LEDGER_COUNT_MAX ? call->count : SL_LEDGER_COUNT_MAX;
}

static void add_scan(struct sl_buf *out, const struct sl_ledger_call *call, const char *key) {
    put_head(out, '*', 5);
    put_text(out, "HSCAN");
    put_key_text(out, call->shard, key);
    put_number(out, call->cursor);
    put_text(out, "COUNT");
    put_number(out, SL_LEDGER_LIVE_PAGE);
}

static void add_read_log(struct sl_buf *out, const struct sl_ledger_call *call) {
    put_head(out, '*', 6);
    put_text(out, "XRANGE");
    put_key_text(out, call->shard, "log");
    put_id(out, "(", call->n);
    put_text(out, "+");
    put_text(out, "COUNT");
    put_number(out, count_of(call));
}

static void put_own_key(struct sl_buf *out, const struct sl_ledger_call *call) {
    uint8_t own[2 + sizeof call->job.bytes] = {'j', ':'};
    memcpy(own + 2, call->job.bytes, sizeof call->job.bytes);
    put_key(out, call->shard, sl_bytes(own, sizeof own));
}

/* One transaction: a settle that moves the job between its keys is seen whole or not at all. */
static void add_read_job(struct sl_buf *out, const struct sl_ledger_call *call) {
    struct sl_bytes id = sl_bytes(call->job.bytes, sizeof call->job.bytes);
    put_head(out, '*', 1);
    put_text(out, "MULTI");
    put_head(out, '*', 3);
    put_text(out, "HGET");
    put_key_text(out, call->shard, "live");
    put_bulk(out, id);
    put_head(out, '*', 3);
    put_text(out, "HGET");
    put_key_text(out, call->shard, "gone");
    put_bulk(out, id);
    put_head(out, '*', 2);
    put_text(out, "HGETALL");
    put_own_key(out, call);
    put_head(out, '*', 1);
    put_text(out, "EXEC");
}

static void add_read_record(struct sl_buf *out, const struct sl_ledger_call *call) {
    put_head(out, '*', 3);
    put_text(out, "HGET");
    put_own_key(out, call);
    put_text(out, "r");
}

static void put_score_below(struct sl_buf *out, uint64_t n) {
    char text[1 + DECIMAL_MAX] = "(";
    if (n == 0) {
        put_text(out, "+inf");
    } else {
        put_bulk(out, sl_bytes(text, 1 + decimal(n, text + 1)));
    }
}

static void add_read_ended(struct sl_buf *out, const struct sl_ledger_call *call) {
    put_head(out, '*', 8);
    put_text(out, "ZREVRANGEBYSCORE");
    put_key_text(out, call->shard, "ended");
    put_score_below(out, call->n);
    put_text(out, "-inf");
    put_text(out, "WITHSCORES");
    put_text(out, "LIMIT");
    put_number(out, call->cursor < INT64_MAX ? call->cursor : INT64_MAX); /* Redis takes it as signed */
    put_number(out, count_of(call));
}

static void add_read_oldest(struct sl_buf *out, const struct sl_ledger_call *call) {
    put_head(out, '*', 8);
    put_text(out, "ZRANGEBYSCORE");
    put_key_text(out, call->shard, "ended");
    put_text(out, "-inf");
    put_text(out, "+inf");
    put_text(out, "WITHSCORES");
    put_text(out, "LIMIT");
    put_number(out, call->cursor < INT64_MAX ? call->cursor : INT64_MAX);
    put_number(out, count_of(call));
}

static void add_read_head(struct sl_buf *out, const struct sl_ledger_call *call) {
    put_head(out, '*', 3);
    put_text(out, "HGET");
    put_key_text(out, call->shard, "live");
    put_bulk(out, sl_bytes(call->job.bytes, sizeof call->job.bytes));
}

static void add_read_pipeline(struct sl_buf *out, const struct sl_ledger_call *call) {
    char key[SL_PIPELINE_KEY_SIZE];
    sl_pipeline_key(call->digest, key);
    put_head(out, '*', 2);
    put_text(out, "GET");
    put_text(out, key);
}

uint32_t sl_ledger_command_add(struct sl_buf *out, const struct sl_ledger_call *call) {
    switch (call->verb) {
    case SL_LEDGER_COMMIT: add_commit(out, call); return 0;
    case SL_LEDGER_SETTLE: add_settle(out, call); return 0;
    case SL_LEDGER_BEAT:
    case SL_LEDGER_RELEASE: add_beat(out, call); return 0;
    case SL_LEDGER_ACQUIRE: add_acquire(out, call); return 0;
    case SL_LEDGER_RESUME:
    case SL_LEDGER_READ_LEASE: add_resume(out, call); return 0;
    case SL_LEDGER_READ_LIVE: add_scan(out, call, "live"); return 0;
    case SL_LEDGER_READ_LOG: add_read_log(out, call); return 0;
    case SL_LEDGER_READ_JOB: add_read_job(out, call); return 4;
    case SL_LEDGER_READ_ENDED: add_read_ended(out, call); return 0;
    case SL_LEDGER_READ_OLDEST: add_read_oldest(out, call); return 0;
    case SL_LEDGER_READ_RECORD: add_read_record(out, call); return 0;
    case SL_LEDGER_READ_HEAD: add_read_head(out, call); return 0;
    case SL_LEDGER_READ_GONE: add_scan(out, call, "gone"); return 0;
    case SL_LEDGER_READ_PIPELINE: add_read_pipeline(out, call); return 0;
    }
    SL_ASSERT(!"a verb of the ledger");
    return 0;
}
