/* The operations of a settle, as settle() of broker/shell/sluice1.lua performs them: first all are looked at, then all are done. */
#include "ledger_twin_inside.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/msgpack.h"

#include <stdio.h>

enum { OPERATIONS_MAX = 4096, VERB_MAX = 16, KEY_MAX = 256, ITEMS_MAX = 1000, SCORE_DIGITS_MAX = 15, FIRST_KEY = 3 };

enum verb { SET, HSET, HDEL, DEL, ZADD, ZREM, VERBS };

static const struct {
    const char *name;
    uint32_t item_min, item_step, item_max;
} verbs[VERBS] = {
    [SET] = {"SET", 1, 1, 1},           [HSET] = {"HSET", 2, 2, ITEMS_MAX}, [HDEL] = {"HDEL", 1, 1, ITEMS_MAX},
    [DEL] = {"DEL", 0, 1, 0},           [ZADD] = {"ZADD", 2, 2, ITEMS_MAX}, [ZREM] = {"ZREM", 1, 1, ITEMS_MAX},
};

static enum verb verb_of(struct sl_bytes name) {
    int verb = 0;
    while (verb < VERBS && !sl_bytes_is(name, verbs[verb].name)) verb++;
    return (enum verb)verb;
}

static struct sl_bytes read_part(struct sl_mp_reader *reader) {
    struct sl_mp_object object;
    if (sl_mp_next(reader, &object)) return sl_bytes(NULL, 0);
    if (object.type == SL_MP_BIN || object.type == SL_MP_STR) return object.bytes;
    sl_mp_fail(reader, SL_E_BAD_INPUT);
    return sl_bytes(NULL, 0);
}

static bool is_score(struct sl_bytes text) {
    if (text.size == 0 || text.size > SCORE_DIGITS_MAX) return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return false;
    }
    return true;
}

static bool counts_fit(enum verb verb, uint32_t count) {
    return verb < VERBS && count >= verbs[verb].item_min && count <= verbs[verb].item_max &&
           count % verbs[verb].item_step == 0;
}

/* Reads one operation; false when Redis would refuse it. A malformed body is noted in the reader. */
static bool look_at(struct sl_mp_reader *reader) {
    if (sl_mp_read_array(reader, 3) != 3) sl_mp_fail(reader, SL_E_BAD_INPUT);
    enum verb verb = verb_of(sl_mp_read_str(reader, VERB_MAX));
    struct sl_bytes key = read_part(reader);
    if (key.size > KEY_MAX) sl_mp_fail(reader, SL_E_LIMIT);
    uint32_t count = sl_mp_read_array(reader, UINT32_MAX);
    bool good = counts_fit(verb, count) && !sl_bytes_is(key, "lease") && !sl_bytes_is(key, "log");
    for (uint32_t i = 0; i < count && !reader->rc; i++) {
        struct sl_bytes item = read_part(reader);
        if (verb == ZADD && i % 2 == 0 && !is_score(item)) good = false;
    }
    return good;
}

const char *twin_settle_refusal(struct ledger_twin *self, struct sl_bytes body) {
    struct sl_mp_reader reader = sl_mp_reader(body);
    uint32_t count = sl_mp_read_array(&reader, OPERATIONS_MAX);
    uint32_t first_bad = 0;
    for (uint32_t i = 0; i < count && !reader.rc; i++) {
        if (!look_at(&reader) && first_bad == 0) first_bad = i + FIRST_KEY;
    }
    if (sl_mp_end(&reader)) return "BAD args";
    if (first_bad == 0) return NULL;
    (void)snprintf(self->refusal, sizeof self->refusal, "BAD %u", first_bad); /* fits */
    return self->refusal;
}

static uint64_t score_of(struct sl_bytes text) {
    uint64_t score = 0;
    for (size_t i = 0; i < text.size; i++) score = score * 10 + (uint64_t)(text.data[i] - '0');
    return score;
}

/* One item, or pair of items, of an operation. */
static bool perform_item(struct ledger_store *store, enum verb verb, struct sl_bytes key, struct sl_mp_reader *reader) {
    struct sl_bytes first = read_part(reader);
    switch (verb) {
    case SET: {
        const struct store_key *old = store_find(store, key);
        if (old && old->type != STORE_STRING) store_remove(store, key);
        return store_set(store, key, STORE_STRING, sl_bytes(NULL, 0), first, 0);
    }
    case HSET: return store_set(store, key, STORE_HASH, first, read_part(reader), 0);
    case ZADD: return store_set(store, key, STORE_ZSET, read_part(reader), sl_bytes(NULL, 0), score_of(first));
    case HDEL: return store_unset(store, key, STORE_HASH, first);
    case ZREM: return store_unset(store, key, STORE_ZSET, first);
    case DEL:
    case VERBS: break;
    }
    SL_ASSERT(!"an operation without items");
    return false;
}

bool twin_settle_perform(struct ledger_store *store, struct sl_bytes body) {
    struct sl_mp_reader reader = sl_mp_reader(body);
    uint32_t count = sl_mp_read_array(&reader, OPERATIONS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        (void)sl_mp_read_array(&reader, 3); /* looked at before */
        enum verb verb = verb_of(sl_mp_read_str(&reader, VERB_MAX));
        struct sl_bytes key = read_part(&reader);
        uint32_t items = sl_mp_read_array(&reader, ITEMS_MAX);
        if (verb == DEL) store_remove(store, key);
        for (uint32_t j = 0; j < items; j += verbs[verb].item_step) {
            if (!perform_item(store, verb, key, &reader)) return false;
        }
    }
    SL_ASSERT(sl_mp_end(&reader) == 0);
    return true;
}
