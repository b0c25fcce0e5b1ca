/* The keys of one shard as the ledger twin holds them: strings, hashes and sorted sets with whole-number scores, as Redis would keep
 * them. Values are shared between copies. Running out of memory ends the test. */
#ifndef SUPPORT_LEDGER_STORE_H
#define SUPPORT_LEDGER_STORE_H

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/list.h"

enum store_type { STORE_STRING, STORE_HASH, STORE_ZSET };

/* A value, shared by all that hold it. */
struct store_value {
    size_t refs;
    size_t size;
    uint8_t data[];
};

/* A member of a key: a string's only value, a hash's field, a sorted set's member. */
struct store_field {
    struct sl_link link;       /* in its key, by sequence */
    struct store_field *chain; /* in its bucket */
    struct store_key *key;
    struct store_value *value; /* owns a share; NULL in a sorted set */
    uint64_t score;            /* of a sorted set's member */
    uint64_t sequence;         /* in the order of insertion, from 1 */
    uint64_t hash;
    size_t name_size;
    uint8_t name[];
};

struct store_key {
    struct store_key *chain;
    enum store_type type;
    struct sl_list fields;
    uint64_t hash;
    size_t name_size;
    uint8_t name[];
};

struct ledger_store {
    const struct sl_alloc *alloc; /* borrows */
    struct store_key **key_buckets;
    struct store_field **field_buckets;
    size_t key_bucket_count, field_bucket_count; /* powers of two, or 0 */
    size_t key_count, field_count;
    uint64_t next_sequence;
};

void store_init(struct ledger_store *self, const struct sl_alloc *alloc);
void store_fini(struct ledger_store *self);

/* Makes self, which is initialised with the same allocator, hold what other holds. */
void store_copy(struct ledger_store *self, const struct ledger_store *other);

/* The key, or NULL. */
struct store_key *store_find(const struct ledger_store *self, struct sl_bytes name);

/* The field of a key, or NULL; a NULL key is allowed. */
struct store_field *store_field(const struct ledger_store *self, const struct store_key *key, struct sl_bytes name);

/* Sets a field of the key of that name and type, which comes into being if it must. false: the key is of another type. */
bool store_set(struct ledger_store *self, struct sl_bytes key_name, enum store_type type, struct sl_bytes field_name,
               struct sl_bytes value, uint64_t score);

/* Removes a field; a key without fields goes. false: the key is of another type. */
bool store_unset(struct ledger_store *self, struct sl_bytes key_name, enum store_type type,
                 struct sl_bytes field_name);

/* Removes a key with all its fields; one that is not there is fine. */
void store_remove(struct ledger_store *self, struct sl_bytes key_name);

/* Walks all keys: start with *cursor = 0 and previous = NULL, ends with NULL. The store must not change meanwhile. */
struct store_key *store_each(const struct ledger_store *self, struct store_key *previous, size_t *cursor);

/* A value with a copy of bytes, held once; another hold; letting go. */
struct store_value *store_value_new(const struct sl_alloc *alloc, struct sl_bytes bytes);
struct store_value *store_value_hold(struct store_value *value);
void store_value_drop(const struct sl_alloc *alloc, struct store_value *value);

#endif
