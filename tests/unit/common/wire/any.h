/* wire.def as data, for tests that go over every message, item and field: random bodies written without the code under test, and
 * each message through its struct and back. */
#ifndef SL_TESTS_WIRE_ANY_H
#define SL_TESTS_WIRE_ANY_H

#include "base/buf.h"
#include "base/rng.h"

enum any_kind {
    ANY_STR,
    ANY_VALUE,
    ANY_RAW,
    ANY_UINT,
    ANY_BOOL,
    ANY_ID,
    ANY_DIGEST,
    ANY_BIN16,
    ANY_TOKEN,
    ANY_LIST,
    ANY_STRS,
    ANY_TOKENS
};

enum { ANY_FIELDS_MAX = 15, ANY_TYPES_MAX = 64, ANY_MESSAGE_ID = 77 };

struct any_field {
    const char *name;
    enum any_kind kind;
    uint64_t limit;
    bool required;
    const char *item; /* of a LIST */
};

struct any_type {
    const char *name; /* as in struct sl_wire_NAME */
    unsigned number;  /* 0: an item */
    struct any_field fields[ANY_FIELDS_MAX];
    size_t field_count;
};

/* All messages and items in the order of the table. */
const struct any_type *any_types(size_t *out_count);
const struct any_type *any_find(const char *name);

/* What a body is made of. */
struct any_recipe {
    struct sl_rng *rng;
    bool every_field; /* else optional fields are there at random */

    /* In this field of this type (wherever it occurs in the body) stands this object; an empty one leaves the field out, and in an
     * item all that follow. Lists on the way have at least one member. */
    const char *type;
    const char *field;
    struct sl_bytes object;
    bool twice; /* a message's field stands there two times */
};

/* Appends a body, or an item, as our encoders write it. */
void any_put(struct sl_buf *buf, const struct any_type *type, const struct any_recipe *recipe);

/* A message from which that type can be reached: itself, or the one whose list it is a member of. */
const struct any_type *any_message_of(const struct any_type *type);

/* Through the struct. Decodes only: the decoder's result. */
int any_decode(const struct any_type *type, struct sl_bytes body);

/* Decodes, walks and rebuilds every list, encodes with ANY_MESSAGE_ID. The decoder's result; the encoder must succeed. */
int any_recode(const struct any_type *type, struct sl_bytes body, struct sl_buf *out_frame);

/* Encodes an all-zero struct (RAW is nil, so that it may be sent), with one field filled up to its limit plus `excess`; the encoder's
 * result. -1 as field index: none. *out_has_limit: whether that field can be above a limit at all. */
int any_encode_filled(const struct any_type *type, int field_index, uint64_t excess, struct sl_buf *buf, bool *out_has_limit);

#endif
