/* The table as data, and bodies made from it by the writers of msgpack.h alone. */
#include "any.h"

#include "base/assert.h"
#include "base/id.h"
#include "base/limits.h"
#include "base/msgpack.h"

#include <string.h>

static struct any_type types[ANY_TYPES_MAX];
static size_t type_count;

static void add_type(const char *name, unsigned number) {
    SL_ASSERT(type_count < ANY_TYPES_MAX);
    types[type_count++] = (struct any_type){.name = name, .number = number};
}

static void add_field(const char *name, enum any_kind kind, uint64_t limit, const char *presence) {
    struct any_type *type = &types[type_count - 1];
    SL_ASSERT(type->field_count < ANY_FIELDS_MAX);
    struct any_field *field = &type->fields[type->field_count++];
    *field = (struct any_field){.name = name, .kind = kind, .limit = limit};
    field->required = kind == ANY_LIST || strcmp(presence, "REQUIRED") == 0;
    field->item = kind == ANY_LIST ? presence : NULL;
}

static void build(void) {
#define SL_MESSAGE(NAME, name, number, sender) add_type(#name, number);
#define SL_ITEM(name) add_type(#name, 0);
#define SL_FIELD(kind, name, limit, presence) add_field(#name, ANY_##kind, (uint64_t)(limit), #presence);
#define SL_END(name)
#include "wire/wire.def"
#undef SL_MESSAGE
#undef SL_ITEM
#undef SL_FIELD
#undef SL_END
}

const struct any_type *any_types(size_t *out_count) {
    if (type_count == 0) build();
    *out_count = type_count;
    return types;
}

const struct any_type *any_find(const char *name) {
    size_t count;
    const struct any_type *all = any_types(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(all[i].name, name) == 0) return &all[i];
    }
    SL_ASSERT(!"a type of the table");
    return NULL;
}

const struct any_type *any_message_of(const struct any_type *type) {
    size_t count;
    const struct any_type *all = any_types(&count);
    if (type->number) return type;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < all[i].field_count; k++) {
            const char *item = all[i].fields[k].item;
            if (item && strcmp(item, type->name) == 0) return any_message_of(&all[i]);
        }
    }
    SL_ASSERT(!"an item of some list");
    return NULL;
}

/* Random values. One that stands in an optional field is not empty, zero or false, because such a one is not written. */
static uint64_t random_uint(struct sl_rng *rng, uint64_t limit) {
    uint64_t number = sl_rng_next(rng) >> sl_rng_below(rng, 64);
    number = limit == UINT64_MAX ? number : number % (limit + 1);
    return number ? number : 1;
}

static void put_text(struct sl_buf *buf, struct sl_rng *rng, uint64_t limit) {
    static const char text[] = "stage-1 Gr\xc3\xb6\xc3\x9f" "e\xe2\x82\xac and more words than fit into a short form of thirty-one bytes";
    size_t size = limit < 10 ? 1 : 1 + sl_rng_below(rng, limit < 64 ? 9 : 64);
    while ((text[size] & 0xc0) == 0x80) size--;
    sl_mp_str(buf, sl_bytes(text, size));
}

static void put_value(struct sl_buf *buf, struct sl_rng *rng, uint64_t limit) {
    static uint8_t bytes[1000];
    size_t size = 1 + sl_rng_below(rng, sl_rng_chance(rng, 1, 10) ? sizeof bytes : 40);
    memset(bytes, (int)sl_rng_below(rng, 256), size);
    sl_mp_bin(buf, sl_bytes(bytes, size < limit ? size : limit));
}

static void put_raw(struct sl_buf *buf, struct sl_rng *rng) {
    uint32_t count = (uint32_t)sl_rng_below(rng, 4);
    sl_mp_map(buf, count);
    for (uint32_t i = 0; i < count; i++) {
        put_text(buf, rng, 64);
        sl_mp_array(buf, 2);
        sl_mp_uint(buf, sl_rng_next(rng));
        sl_mp_nil(buf);
    }
}

static void put_bytes(struct sl_buf *buf, struct sl_rng *rng, size_t size) {
    uint64_t words[2] = {sl_rng_next(rng), sl_rng_next(rng) | 1};
    sl_mp_bin(buf, sl_bytes(words, size));
}

static void put_token(struct sl_buf *buf, struct sl_rng *rng) {
    sl_mp_array(buf, 8);
    sl_mp_uint(buf, random_uint(rng, UINT16_MAX));
    sl_mp_uint(buf, random_uint(rng, UINT64_MAX));
    put_bytes(buf, rng, 16);
    sl_mp_uint(buf, random_uint(rng, UINT32_MAX));
    sl_mp_uint(buf, random_uint(rng, UINT16_MAX));
    sl_mp_uint(buf, random_uint(rng, UINT32_MAX));
    sl_mp_uint(buf, random_uint(rng, UINT32_MAX));
    put_bytes(buf, rng, 8);
}

static void put_list(struct sl_buf *buf, const struct any_field *field, const struct any_recipe *recipe) {
    bool may_be_empty = field->required && !recipe->type;
    uint32_t count = (uint32_t)sl_rng_below(recipe->rng, 4) + !may_be_empty;
    sl_mp_array(buf, count);
    for (uint32_t i = 0; i < count; i++) {
        if (field->kind == ANY_LIST) any_put(buf, any_find(field->item), recipe);
        if (field->kind == ANY_STRS) put_text(buf, recipe->rng, SL_NAME_MAX);
        if (field->kind == ANY_TOKENS) put_token(buf, recipe->rng);
    }
}

static void put_field(struct sl_buf *buf, const struct any_field *field, const struct any_recipe *recipe) {
    switch (field->kind) {
    case ANY_STR: put_text(buf, recipe->rng, field->limit); break;
    case ANY_VALUE: put_value(buf, recipe->rng, field->limit); break;
    case ANY_RAW: put_raw(buf, recipe->rng); break;
    case ANY_UINT: sl_mp_uint(buf, random_uint(recipe->rng, field->limit)); break;
    case ANY_BOOL: sl_mp_bool(buf, !field->required || sl_rng_chance(recipe->rng, 1, 2)); break;
    case ANY_ID:
    case ANY_DIGEST:
    case ANY_BIN16: put_bytes(buf, recipe->rng, 16); break;
    case ANY_TOKEN: put_token(buf, recipe->rng); break;
    case ANY_LIST:
    case ANY_STRS:
    case ANY_TOKENS: put_list(buf, field, recipe); break;
    }
}

static bool is_special(const struct any_type *type, const struct any_field *field, const struct any_recipe *recipe) {
    return recipe->type && strcmp(recipe->type, type->name) == 0 && strcmp(recipe->field, field->name) == 0;
}

static bool is_present(const struct any_type *type, const struct any_field *field, const struct any_recipe *recipe) {
    if (is_special(type, field, recipe)) return recipe->object.size > 0;
    return field->required || recipe->every_field || sl_rng_chance(recipe->rng, 1, 2);
}

static void put_value_of(struct sl_buf *buf, const struct any_type *type, const struct any_field *field,
                         const struct any_recipe *recipe) {
    if (is_special(type, field, recipe)) {
        sl_mp_raw(buf, recipe->object);
    } else {
        put_field(buf, field, recipe);
    }
}

static void put_message(struct sl_buf *buf, const struct any_type *type, const struct any_recipe *recipe) {
    size_t head = buf->size;
    uint8_t count = 0;
    sl_mp_map(buf, 0);
    for (size_t i = 0; i < type->field_count; i++) {
        const struct any_field *field = &type->fields[i];
        if (!is_present(type, field, recipe)) continue;
        for (int times = recipe->twice && is_special(type, field, recipe) ? 2 : 1; times > 0; times--) {
            sl_mp_key(buf, field->name);
            put_value_of(buf, type, field, recipe);
            count++;
        }
    }
    SL_ASSERT(count <= 15);
    buf->data[head] = 0x80 | count;
}

static void put_item(struct sl_buf *buf, const struct any_type *type, const struct any_recipe *recipe) {
    size_t count = type->field_count;
    for (size_t i = 0; i < type->field_count; i++) {
        if (is_special(type, &type->fields[i], recipe) && recipe->object.size == 0) count = i;
    }
    sl_mp_array(buf, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        if (is_present(type, &type->fields[i], recipe)) {
            put_value_of(buf, type, &type->fields[i], recipe);
        } else {
            sl_mp_nil(buf);
        }
    }
}

void any_put(struct sl_buf *buf, const struct any_type *type, const struct any_recipe *recipe) {
    (type->number ? put_message : put_item)(buf, type, recipe);
}
