/* Keywords, types and values of config schemas; see schema_words.h. */
#include "schema_words.h"

#include "base/assert.h"
#include "base/limits.h"

const char *const sl_schema_words[SL_WORD_COUNT] = {
    [SL_WORD_TYPE] = "type",
    [SL_WORD_PROPERTIES] = "properties",
    [SL_WORD_REQUIRED] = "required",
    [SL_WORD_ADDITIONAL] = "additionalProperties",
    [SL_WORD_ENUM] = "enum",
    [SL_WORD_CONST] = "const",
    [SL_WORD_MINIMUM] = "minimum",
    [SL_WORD_MAXIMUM] = "maximum",
    [SL_WORD_MIN_LENGTH] = "minLength",
    [SL_WORD_MAX_LENGTH] = "maxLength",
    [SL_WORD_MIN_ITEMS] = "minItems",
    [SL_WORD_MAX_ITEMS] = "maxItems",
    [SL_WORD_PATTERN] = "pattern",
    [SL_WORD_ITEMS] = "items",
    [SL_WORD_DEFAULT] = "default",
};

const char *const sl_schema_type_names[SL_SCHEMA_TYPE_COUNT] = {
    [SL_SCHEMA_NULL] = "null",     [SL_SCHEMA_BOOLEAN] = "boolean", [SL_SCHEMA_INTEGER] = "integer", [SL_SCHEMA_NUMBER] = "number",
    [SL_SCHEMA_STRING] = "string", [SL_SCHEMA_ARRAY] = "array",     [SL_SCHEMA_OBJECT] = "object",
};

const char *const sl_schema_type_words[SL_SCHEMA_TYPE_COUNT] = {
    [SL_SCHEMA_NULL] = "null",   [SL_SCHEMA_BOOLEAN] = "true or false", [SL_SCHEMA_INTEGER] = "a whole number",
    [SL_SCHEMA_NUMBER] = "a number", [SL_SCHEMA_STRING] = "text", [SL_SCHEMA_ARRAY] = "a list", [SL_SCHEMA_OBJECT] = "a map",
};

static int find(const char *const *words, int count, struct sl_bytes text) {
    int i = 0;
    while (i < count && !sl_bytes_is(text, words[i])) i++;
    return i;
}

enum sl_schema_word sl_schema_word(struct sl_bytes text) {
    return (enum sl_schema_word)find(sl_schema_words, SL_WORD_COUNT, text);
}

enum sl_schema_type sl_schema_type(struct sl_bytes word) {
    return (enum sl_schema_type)find(sl_schema_type_names, SL_SCHEMA_TYPE_COUNT, word);
}

struct sl_mp_object sl_schema_head(struct sl_bytes object) {
    struct sl_mp_reader reader = sl_mp_reader(object);
    struct sl_mp_object head = {.type = SL_MP_NIL};
    int rc = sl_mp_next(&reader, &head);
    SL_ASSERT(rc == 0);
    return head;
}

struct sl_schema_parts sl_schema_parts(struct sl_bytes schema) {
    struct sl_schema_parts parts = {.of = {{NULL, 0}}};
    struct sl_mp_reader reader = sl_mp_reader(schema);
    uint32_t count = sl_mp_read_map(&reader, UINT32_MAX);
    for (uint32_t i = 0; i < count; i++) {
        enum sl_schema_word word = sl_schema_word(sl_mp_read_str(&reader, SIZE_MAX));
        SL_ASSERT(word < SL_WORD_COUNT);
        parts.of[word] = sl_mp_read_raw(&reader, SL_VALUE_DEPTH_MAX);
    }
    SL_ASSERT(reader.rc == 0);
    return parts;
}

struct sl_bytes sl_schema_member(struct sl_bytes map, struct sl_bytes key) {
    struct sl_mp_reader reader = sl_mp_reader(map);
    uint32_t count = sl_mp_read_map(&reader, UINT32_MAX);
    for (uint32_t i = 0; i < count && !reader.rc; i++) {
        bool found = sl_bytes_equal(sl_mp_read_str(&reader, SIZE_MAX), key);
        struct sl_bytes value = sl_mp_read_raw(&reader, SL_VALUE_DEPTH_MAX);
        if (found && !reader.rc) return value;
    }
    return sl_bytes(NULL, 0);
}

bool sl_schema_is_number(const struct sl_mp_object *object) {
    return object->type == SL_MP_UINT || object->type == SL_MP_INT || object->type == SL_MP_DOUBLE;
}

bool sl_schema_is_integer(const struct sl_mp_object *object) {
    const double whole_from = 9007199254740992.0; /* 2^53: from here on every double is whole */
    if (object->type != SL_MP_DOUBLE) return sl_schema_is_number(object);
    if (object->real >= whole_from || object->real <= -whole_from) return true;
    return object->real == (double)(int64_t)object->real;
}

/* 64 bits of precision, which hold each of the three without loss. */
static long double number_of(const struct sl_mp_object *object) {
    if (object->type == SL_MP_UINT) return (long double)object->uint;
    return object->type == SL_MP_INT ? (long double)object->sint : (long double)object->real;
}

int sl_schema_compare(const struct sl_mp_object *a, const struct sl_mp_object *b) {
    long double left = number_of(a), right = number_of(b);
    return (left > right) - (left < right);
}

static bool equal_lists(struct sl_bytes a, struct sl_bytes b, uint32_t count) {
    struct sl_mp_reader left = sl_mp_reader(a), right = sl_mp_reader(b);
    (void)sl_mp_read_array(&left, UINT32_MAX);
    (void)sl_mp_read_array(&right, UINT32_MAX);
    bool equal = true;
    for (uint32_t i = 0; i < count && equal; i++)
        equal = sl_schema_equal(sl_mp_read_raw(&left, SL_VALUE_DEPTH_MAX), sl_mp_read_raw(&right, SL_VALUE_DEPTH_MAX));
    return equal;
}

static bool equal_maps(struct sl_bytes a, struct sl_bytes b, uint32_t count) {
    struct sl_mp_reader left = sl_mp_reader(a);
    (void)sl_mp_read_map(&left, UINT32_MAX);
    bool equal = true;
    for (uint32_t i = 0; i < count && equal; i++) {
        struct sl_bytes other = sl_schema_member(b, sl_mp_read_str(&left, SIZE_MAX));
        struct sl_bytes own = sl_mp_read_raw(&left, SL_VALUE_DEPTH_MAX);
        equal = other.data && sl_schema_equal(own, other);
    }
    return equal;
}

bool sl_schema_equal(struct sl_bytes a, struct sl_bytes b) {
    struct sl_mp_object left = sl_schema_head(a), right = sl_schema_head(b);
    if (sl_schema_is_number(&left) && sl_schema_is_number(&right)) return sl_schema_compare(&left, &right) == 0;
    if (left.type != right.type) return false;
    switch (left.type) {
    case SL_MP_BOOL:
        return left.boolean == right.boolean;
    case SL_MP_STR:
    case SL_MP_BIN:
        return sl_bytes_equal(left.bytes, right.bytes);
    case SL_MP_ARRAY:
        return left.count == right.count && equal_lists(a, b, left.count);
    case SL_MP_MAP:
        return left.count == right.count && equal_maps(a, b, left.count);
    default:
        return true; /* nil; numbers are done */
    }
}
