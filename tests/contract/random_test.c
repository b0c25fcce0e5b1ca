/* The differential test: random calls, odd and hostile ones among them, pipelined to Redis and given to the twin; every reply and all
 * that is held at the end must be equal. SLUICE_CONTRACT_CALLS says how many, SLUICE_CONTRACT_SEED which. */
#include "base/msgpack.h"
#include "base/rng.h"
#include "both.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { CALLS = 100000, WINDOW = 64, SHARDS = 3, JOBS = 48, ITEMS_MAX = 6, LARGE = 1 << 20 };

/* A run of the test. */
struct random_run {
    struct both both;
    struct sl_rng rng;
    struct reply_copy expected[WINDOW]; /* a ring: the twin's replies to calls that Redis has not answered */
    size_t first, count;
    uint64_t statuses[SL_LEDGER_FAILED + 1];
    struct sl_buf body;
};

static struct random_run run;

static uint64_t below(uint64_t bound) {
    return sl_rng_below(&run.rng, bound);
}

static bool one_in(uint64_t bound) {
    return below(bound) == 0;
}

static void compare(const struct sl_ledger_reply *real, struct reply_copy *twin) {
    struct sl_buf text;
    struct reply_copy sorted = reply_copy_make(real);
    sl_buf_init(&text, sl_alloc_system());
    reply_copy_compare(&sorted.reply, &twin->reply, &text);
    cr_assert(text.size == 0, "call %llu, verb %d: Redis and the twin differ:\n%.*s", (unsigned long long)real->serial,
              (int)real->verb, (int)text.size, (const char *)text.data);
    run.statuses[real->status]++;
    sl_buf_fini(&text);
    reply_copy_free(&sorted);
}

static void on_reply(void *context, const struct sl_ledger_reply *reply) {
    (void)context;
    cr_assert(run.count > 0, "a reply to nothing");
    struct reply_copy *twin = &run.expected[run.first];
    compare(reply, twin);
    reply_copy_free(twin);
    run.first = (run.first + 1) % WINDOW;
    run.count--;
}

static void drain(size_t left) {
    while (run.count > left) {
        cr_assert(run.both.real.up, "the connection was cut: %s", run.both.real.why);
        real_turn(&run.both.real);
    }
}

/* The twin answers at once, Redis when it comes to it. Reads and writes are different connections: between them all is drained. */
static void send(struct sl_ledger_call call) {
    static bool read_last;
    bool is_read = call.verb > SL_LEDGER_RESUME;
    drain(is_read != read_last ? 0 : WINDOW - 1);
    read_last = is_read;
    real_send(&run.both.real, &call);
    struct sl_ledger_reply twin;
    (void)ledger_twin_call(run.both.twin, &call, &twin); /* always 0 */
    run.expected[(run.first + run.count++) % WINDOW] = reply_copy_make(&twin);
}

/* A number near the right one, or an odd one. */
static uint64_t wrong(uint64_t right) {
    static const uint64_t odd[] = {0, 1, 9, 10, (1ull << 53) - 1, 1ull << 53, (1ull << 53) + 1, 1ull << 63, UINT64_MAX - 1};
    return one_in(3) ? odd[below(sizeof odd / sizeof *odd)] : right + below(5) - 2;
}

static uint64_t mostly(uint64_t right) {
    return one_in(25) ? wrong(right) : right;
}

static void put_bytes(size_t size_max) {
    uint8_t bytes[256];
    size_t size = below(size_max + 1);
    for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)below(256);
    sl_mp_bin(&run.body, sl_bytes(bytes, size));
}

static void put_id(void) {
    struct sl_job_id job = job_of((below(JOBS) + 1) * 0x9e3779b97f4a7c15u);
    sl_mp_bin(&run.body, sl_bytes(job.bytes, 16));
}

enum shape { PAIRS, FIELDS, SCORES, MEMBERS, VALUE, NOTHING };

static void put_item(enum shape shape, uint32_t index) {
    char score[24];
    int size = snprintf(score, sizeof score, "%u", (unsigned)below(40));
    if (shape == SCORES && index % 2 == 0) {
        sl_mp_bin(&run.body, sl_bytes(score, (size_t)size));
    } else if (shape == VALUE || (shape == PAIRS && index % 2 == 1)) {
        put_bytes(one_in(20) ? 255 : 24);
    } else {
        put_id();
    }
}

static void put_key(enum shape shape) {
    static const char *const hashes[] = {"live", "gone", "x"};
    uint8_t own[18] = "j:";
    struct sl_job_id job = job_of((below(JOBS) + 1) * 0x9e3779b97f4a7c15u);
    memcpy(own + 2, job.bytes, 16);
    bool strange = one_in(60);
    if (strange) shape = (enum shape)below(NOTHING + 1);
    if (shape == SCORES || shape == MEMBERS) {
        sl_mp_key(&run.body, "ended");
    } else if (shape == VALUE) {
        sl_mp_key(&run.body, one_in(2) ? "s" : "t");
    } else if (strange && one_in(4)) {
        sl_mp_key(&run.body, one_in(2) ? "lease" : "log");
    } else if (one_in(2)) {
        sl_mp_key(&run.body, hashes[below(3)]);
    } else {
        sl_mp_bin(&run.body, sl_bytes(own, sizeof own));
    }
}

static void put_operation(void) {
    static const struct {
        const char *verb;
        enum shape shape;
        uint32_t step;
    } kinds[] = {{"HSET", PAIRS, 2},   {"HSET", PAIRS, 2},  {"HSET", PAIRS, 2}, {"HDEL", FIELDS, 1}, {"ZADD", SCORES, 2},
                 {"ZREM", MEMBERS, 1}, {"SET", VALUE, 1},   {"DEL", NOTHING, 0}, {"GET", PAIRS, 1}};
    size_t kind = one_in(200) ? 8 : below(8);
    uint32_t count = kinds[kind].step ? kinds[kind].step * (1 + (uint32_t)below(ITEMS_MAX / 2)) : 0;
    if (kinds[kind].shape == VALUE) count = 1;
    if (one_in(80)) count = (uint32_t)below(ITEMS_MAX);
    sl_mp_array(&run.body, 3);
    sl_mp_key(&run.body, kinds[kind].verb);
    put_key(kinds[kind].shape);
    sl_mp_array(&run.body, count);
    for (uint32_t i = 0; i < count; i++) put_item(kinds[kind].shape, i);
}

static struct sl_bytes settle_body(void) {
    sl_buf_clear(&run.body);
    uint32_t count = (uint32_t)below(10);
    sl_mp_array(&run.body, count);
    for (uint32_t i = 0; i < count; i++) put_operation();
    cr_assert(!run.body.failed);
    if (one_in(12)) run.body.data[below(run.body.size)] = (uint8_t)below(256);
    if (one_in(40)) run.body.size = below(run.body.size + 1);
    return sl_buf_bytes(&run.body);
}

static struct sl_bytes batch_body(void) {
    static uint8_t large[LARGE];
    size_t size = one_in(2000) ? LARGE : below(one_in(10) ? 3000 : 100);
    for (size_t i = 0; i < size && i < 64; i++) large[i] = (uint8_t)below(256);
    return sl_bytes(large, size);
}

static enum sl_ledger_verb some_verb(void) {
    static const struct {
        enum sl_ledger_verb verb;
        unsigned weight;
    } verbs[] = {{SL_LEDGER_COMMIT, 40}, {SL_LEDGER_SETTLE, 28},    {SL_LEDGER_BEAT, 10},      {SL_LEDGER_RELEASE, 2},
                 {SL_LEDGER_ACQUIRE, 10}, {SL_LEDGER_RESUME, 4},     {SL_LEDGER_READ_LEASE, 1}, {SL_LEDGER_READ_LOG, 1},
                 {SL_LEDGER_READ_JOB, 1}, {SL_LEDGER_READ_ENDED, 1}, {SL_LEDGER_READ_OLDEST, 1}, {SL_LEDGER_READ_RECORD, 1}};
    uint64_t at = below(100);
    size_t i = 0;
    while (at >= verbs[i].weight) at -= verbs[i++].weight;
    return verbs[i].verb;
}

static struct sl_ledger_call some_call(void) {
    struct sl_ledger_reply lease;
    struct sl_ledger_call peek = {.verb = SL_LEDGER_RESUME, .shard = (uint16_t)(7 + below(SHARDS))};
    (void)ledger_twin_call(run.both.twin, &peek, &lease); /* always 0 */
    bool free = lease.owner.bytes[0] == 0;
    struct sl_ledger_call call = {.verb = free && one_in(2) ? SL_LEDGER_ACQUIRE : some_verb(),
                                  .shard = peek.shard,
                                  .epoch = mostly(lease.epoch),
                                  .n = mostly(lease.n),
                                  .time_ms = sl_rng_next(&run.rng) >> below(64)};
    call.owner = free || one_in(25) ? owner_of((char)('a' + below(3))) : lease.owner;
    if (call.verb == SL_LEDGER_ACQUIRE) {
        call.new_epoch = one_in(10) ? wrong(call.epoch) : call.epoch + 1;
        if (call.new_epoch > (1ull << 63) + 1000000) call.new_epoch = call.epoch; /* the last epoch would end the test */
        call.owner = owner_of((char)('a' + below(3)));
    }
    call.digest = one_in(20) ? (struct sl_digest){{0}} : digest_of((char)('A' + below(26)));
    call.ckpt = one_in(40) ? wrong(lease.n) : lease.ckpt + below(lease.n - lease.ckpt + 1);
    if (call.verb == SL_LEDGER_COMMIT) call.body = batch_body();
    if (call.verb == SL_LEDGER_SETTLE) call.body = settle_body();
    if (call.verb > SL_LEDGER_RESUME) {
        call.n = one_in(4) ? 0 : lease.ckpt + below(50);
        if (call.verb == SL_LEDGER_READ_ENDED) call.n = below(45);
        call.count = (uint32_t)below(30);
        call.cursor = below(20);
        call.job = job_of((below(JOBS) + 1) * 0x9e3779b97f4a7c15u);
    }
    return call;
}

static uint64_t setting(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

Test(ledger_twin, answers_random_calls_as_redis_does, .timeout = 600) {
    uint64_t calls = setting("SLUICE_CONTRACT_CALLS", CALLS);
    run.rng.state = setting("SLUICE_CONTRACT_SEED", 1);
    sl_buf_init(&run.body, sl_alloc_system());
    both_start(&run.both, NULL);
    run.both.real.on_reply = on_reply;
    for (uint64_t i = 0; i < calls; i++) send(some_call());
    drain(0);
    run.both.real.on_reply = NULL;
    (void)both_read_live(&run.both); /* compares */
    fprintf(stderr, "%llu calls: OK %llu, FENCED %llu, AT %llu, LOST %llu, FAILED %llu\n", (unsigned long long)calls,
            (unsigned long long)run.statuses[SL_LEDGER_OK], (unsigned long long)run.statuses[SL_LEDGER_FENCED],
            (unsigned long long)run.statuses[SL_LEDGER_AT], (unsigned long long)run.statuses[SL_LEDGER_LOST],
            (unsigned long long)run.statuses[SL_LEDGER_FAILED]);
    if (calls >= 10000) {
        for (int status = SL_LEDGER_OK; status <= SL_LEDGER_FAILED; status++) {
            if (status != SL_LEDGER_UNAVAILABLE) cr_assert(run.statuses[status] > calls / 200, "status %d is rare", status);
        }
    }
    both_end(&run.both);
    sl_buf_fini(&run.body);
}
