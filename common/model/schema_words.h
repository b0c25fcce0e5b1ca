/* The keywords of config schemas, and one schema taken apart. Internal to common/model; see schema.h. */
#ifndef SL_MODEL_SCHEMA_WORDS_H
#define SL_MODEL_SCHEMA_WORDS_H

#include "schema.h"

#include "base/msgpack.h"

enum sl_schema_word {
    SL_WORD_TYPE,
    SL_WORD_PROPERTIES,
    SL_WORD_REQUIRED,
    SL_WORD_ADDITIONAL,
    SL_WORD_ENUM,
    SL_WORD_CONST,
    SL_WORD_MINIMUM,
    SL_WORD_MAXIMUM,
    SL_WORD_MIN_LENGTH,
    SL_WORD_MAX_LENGTH,
    SL_WORD_MIN_ITEMS,
    SL_WORD_MAX_ITEMS,
    SL_WORD_PATTERN,
    SL_WORD_ITEMS,
    SL_WORD_DEFAULT,
    SL_WORD_COUNT
};

/* The keywords as they are written. */
extern const char *const sl_schema_words[SL_WORD_COUNT];

/* The keyword, or SL_WORD_COUNT: there is none of that name. */
enum sl_schema_word sl_schema_word(struct sl_bytes text);

/* What `type` may say, in the order of enum sl_schema_type, and what sentences call it. */
enum sl_schema_type {
    SL_SCHEMA_NULL,
    SL_SCHEMA_BOOLEAN,
    SL_SCHEMA_INTEGER,
    SL_SCHEMA_NUMBER,
    SL_SCHEMA_STRING,
    SL_SCHEMA_ARRAY,
    SL_SCHEMA_OBJECT,
    SL_SCHEMA_TYPE_COUNT
};
extern const char *const sl_schema_type_words[SL_SCHEMA_TYPE_COUNT];
extern const char *const sl_schema_type_names[SL_SCHEMA_TYPE_COUNT];

/* The type that a schema calls so, or SL_SCHEMA_TYPE_COUNT. */
enum sl_schema_type sl_schema_type(struct sl_bytes word);

/* A usable schema's keywords, each with its value as one msgpack object; data is NULL for those that it does not have. */
struct sl_schema_parts {
    struct sl_bytes of[SL_WORD_COUNT];
};
struct sl_schema_parts sl_schema_parts(struct sl_bytes schema);

/* The member of a msgpack map under a key; data is NULL when there is none. */
struct sl_bytes sl_schema_member(struct sl_bytes map, struct sl_bytes key);

/* The head of one object, which is sound. */
struct sl_mp_object sl_schema_head(struct sl_bytes object);

/* The numbers and equality of JSON Schema: 1 and 1.0 are one number, maps have no order. */
bool sl_schema_is_number(const struct sl_mp_object *object);
bool sl_schema_is_integer(const struct sl_mp_object *object);
int sl_schema_compare(const struct sl_mp_object *a, const struct sl_mp_object *b);
bool sl_schema_equal(struct sl_bytes a, struct sl_bytes b);

#endif
