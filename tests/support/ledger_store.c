/* Keys and fields in two chained hash tables; see ledger_store.h. The hash has no seed: a test repeats bit for bit. */
#include "ledger_store.h"

#include "base/assert.h"

enum { BUCKETS_MIN = 64 };

static void *take(const struct sl_alloc *alloc, size_t size) {
    void *block = sl_alloc_take(alloc, size);
    SL_ASSERT(block != NULL);
    return block;
}

/* FNV-1a, 64 bits. */
static uint64_t hash_bytes(uint64_t start, struct sl_bytes bytes) {
    uint64_t hash = start ^ 0xcbf29ce484222325u;
    for (size_t i = 0; i < bytes.size; i++) hash = (hash ^ bytes.data[i]) * 0x100000001b3u;
    return hash ^ hash >> 29;
}

struct store_value *store_value_new(const struct sl_alloc *alloc, struct sl_bytes bytes) {
    struct store_value *value = take(alloc, sizeof *value + bytes.size);
    value->refs = 1;
    value->size = bytes.size;
    if (bytes.size) memcpy(value->data, bytes.data, bytes.size);
    return value;
}

struct store_value *store_value_hold(struct store_value *value) {
    value->refs++;
    return value;
}

void store_value_drop(const struct sl_alloc *alloc, struct store_value *value) {
    if (!value || --value->refs > 0) return;
    sl_alloc_give(alloc, value, sizeof *value + value->size);
}

void store_init(struct ledger_store *self, const struct sl_alloc *alloc) {
    *self = (struct ledger_store){.alloc = alloc, .next_sequence = 1};
}

static void field_free(struct ledger_store *self, struct store_field *field) {
    store_value_drop(self->alloc, field->value);
    sl_alloc_give(self->alloc, field, sizeof *field + field->name_size);
}

static void key_free(struct ledger_store *self, struct store_key *key) {
    sl_alloc_give(self->alloc, key, sizeof *key + key->name_size);
}

void store_fini(struct ledger_store *self) {
    for (size_t i = 0; i < self->field_bucket_count; i++) {
        struct store_field *next;
        for (struct store_field *field = self->field_buckets[i]; field; field = next) {
            next = field->chain;
            field_free(self, field);
        }
    }
    for (size_t i = 0; i < self->key_bucket_count; i++) {
        struct store_key *next;
        for (struct store_key *key = self->key_buckets[i]; key; key = next) {
            next = key->chain;
            key_free(self, key);
        }
    }
    sl_alloc_give(self->alloc, self->field_buckets, self->field_bucket_count * sizeof *self->field_buckets);
    sl_alloc_give(self->alloc, self->key_buckets, self->key_bucket_count * sizeof *self->key_buckets);
    store_init(self, self->alloc);
}

static void grow_keys(struct ledger_store *self) {
    if (self->key_count < self->key_bucket_count) return;
    size_t count = self->key_bucket_count ? self->key_bucket_count * 2 : BUCKETS_MIN;
    struct store_key **buckets = take(self->alloc, count * sizeof *buckets);
    memset(buckets, 0, count * sizeof *buckets);
    for (size_t i = 0; i < self->key_bucket_count; i++) {
        struct store_key *next;
        for (struct store_key *key = self->key_buckets[i]; key; key = next) {
            next = key->chain;
            struct store_key **bucket = &buckets[key->hash & (count - 1)];
            key->chain = *bucket;
            *bucket = key;
        }
    }
    sl_alloc_give(self->alloc, self->key_buckets, self->key_bucket_count * sizeof *buckets);
    self->key_buckets = buckets;
    self->key_bucket_count = count;
}

static void grow_fields(struct ledger_store *self) {
    if (self->field_count < self->field_bucket_count) return;
    size_t count = self->field_bucket_count ? self->field_bucket_count * 2 : BUCKETS_MIN;
    struct store_field **buckets = take(self->alloc, count * sizeof *buckets);
    memset(buckets, 0, count * sizeof *buckets);
    for (size_t i = 0; i < self->field_bucket_count; i++) {
        struct store_field *next;
        for (struct store_field *field = self->field_buckets[i]; field; field = next) {
            next = field->chain;
            struct store_field **bucket = &buckets[field->hash & (count - 1)];
            field->chain = *bucket;
            *bucket = field;
        }
    }
    sl_alloc_give(self->alloc, self->field_buckets, self->field_bucket_count * sizeof *buckets);
    self->field_buckets = buckets;
    self->field_bucket_count = count;
}

struct store_key *store_find(const struct ledger_store *self, struct sl_bytes name) {
    if (self->key_bucket_count == 0) return NULL;
    struct store_key *key = self->key_buckets[hash_bytes(0, name) & (self->key_bucket_count - 1)];
    while (key && !sl_bytes_equal(sl_bytes(key->name, key->name_size), name)) key = key->chain;
    return key;
}

struct store_field *store_field(const struct ledger_store *self, const struct store_key *key, struct sl_bytes name) {
    if (!key || self->field_bucket_count == 0) return NULL;
    struct store_field *field = self->field_buckets[hash_bytes(key->hash, name) & (self->field_bucket_count - 1)];
    while (field && (field->key != key || !sl_bytes_equal(sl_bytes(field->name, field->name_size), name))) {
        field = field->chain;
    }
    return field;
}

static struct store_key *add_key(struct ledger_store *self, struct sl_bytes name, enum store_type type) {
    grow_keys(self);
    struct store_key *key = take(self->alloc, sizeof *key + name.size);
    *key = (struct store_key){.type = type, .hash = hash_bytes(0, name), .name_size = name.size};
    if (name.size) memcpy(key->name, name.data, name.size);
    sl_list_init(&key->fields);
    struct store_key **bucket = &self->key_buckets[key->hash & (self->key_bucket_count - 1)];
    key->chain = *bucket;
    *bucket = key;
    self->key_count++;
    return key;
}

static struct store_field *add_field(struct ledger_store *self, struct store_key *key, struct sl_bytes name) {
    grow_fields(self);
    struct store_field *field = take(self->alloc, sizeof *field + name.size);
    *field = (struct store_field){.key = key,
                                  .hash = hash_bytes(key->hash, name),
                                  .sequence = self->next_sequence++,
                                  .name_size = name.size};
    if (name.size) memcpy(field->name, name.data, name.size);
    sl_list_append(&key->fields, &field->link);
    struct store_field **bucket = &self->field_buckets[field->hash & (self->field_bucket_count - 1)];
    field->chain = *bucket;
    *bucket = field;
    self->field_count++;
    return field;
}

static void remove_key(struct ledger_store *self, struct store_key *key) {
    struct store_key **at = &self->key_buckets[key->hash & (self->key_bucket_count - 1)];
    while (*at != key) at = &(*at)->chain;
    *at = key->chain;
    self->key_count--;
    key_free(self, key);
}

static void remove_field(struct ledger_store *self, struct store_field *field) {
    struct store_field **at = &self->field_buckets[field->hash & (self->field_bucket_count - 1)];
    while (*at != field) at = &(*at)->chain;
    *at = field->chain;
    sl_list_remove(&field->key->fields, &field->link);
    self->field_count--;
    field_free(self, field);
}

bool store_set(struct ledger_store *self, struct sl_bytes key_name, enum store_type type, struct sl_bytes field_name,
               struct sl_bytes value, uint64_t score) {
    struct store_key *key = store_find(self, key_name);
    if (key && key->type != type) return false;
    if (!key) key = add_key(self, key_name, type);
    struct store_field *field = store_field(self, key, field_name);
    if (!field) field = add_field(self, key, field_name);
    field->score = score;
    if (type == STORE_ZSET) return true;
    store_value_drop(self->alloc, field->value);
    field->value = store_value_new(self->alloc, value);
    return true;
}

bool store_unset(struct ledger_store *self, struct sl_bytes key_name, enum store_type type,
                 struct sl_bytes field_name) {
    struct store_key *key = store_find(self, key_name);
    if (!key) return true;
    if (key->type != type) return false;
    struct store_field *field = store_field(self, key, field_name);
    if (field) remove_field(self, field);
    if (key->fields.count == 0) remove_key(self, key);
    return true;
}

void store_remove(struct ledger_store *self, struct sl_bytes key_name) {
    struct store_key *key = store_find(self, key_name);
    if (!key) return;
    struct sl_link *link;
    while ((link = sl_list_first(&key->fields))) remove_field(self, SL_CONTAINER(link, struct store_field, link));
    remove_key(self, key);
}

struct store_key *store_each(const struct ledger_store *self, struct store_key *previous, size_t *cursor) {
    struct store_key *key = previous ? previous->chain : NULL;
    while (!key && *cursor < self->key_bucket_count) key = self->key_buckets[(*cursor)++];
    return key;
}

static void copy_key(struct ledger_store *self, const struct store_key *from) {
    struct store_key *key = add_key(self, sl_bytes(from->name, from->name_size), from->type);
    for (struct sl_link *link = sl_list_first(&from->fields); link; link = sl_list_next(&from->fields, link)) {
        const struct store_field *old = SL_CONTAINER(link, struct store_field, link);
        struct store_field *field = add_field(self, key, sl_bytes(old->name, old->name_size));
        field->sequence = old->sequence;
        field->score = old->score;
        field->value = old->value ? store_value_hold(old->value) : NULL;
    }
}

void store_copy(struct ledger_store *self, const struct ledger_store *other) {
    store_fini(self);
    size_t cursor = 0;
    for (struct store_key *key = NULL; (key = store_each(other, key, &cursor));) copy_key(self, key);
    self->next_sequence = other->next_sequence;
}
