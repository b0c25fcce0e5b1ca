/* Schemas of stages' configs: a subset of JSON Schema draft-07. What a plugin registers as JSON text is here one msgpack map, as
 * io/json.h makes it. Pure and without allocation; every walk is bounded by the sizes of schema and value.
 *
 * The keywords: type, properties, required, additionalProperties, enum, const, minimum, maximum, minLength, maxLength, minItems,
 * maxItems, pattern, items (one schema for all), default (says something to people, checks nothing). As in draft-07 a keyword does not
 * concern values of other types, 1.0 is an integer and equals 1, lengths count characters, and a pattern may match anywhere. Any other
 * keyword is refused by name: a rule that is not understood would be a rule that is not kept. */
#ifndef SL_MODEL_SCHEMA_H
#define SL_MODEL_SCHEMA_H

#include "base/bytes.h"

/* Where a part of a value or of a schema stands. On the stack of who walks, from the part to the root. */
struct sl_schema_place {
    const struct sl_schema_place *parent; /* NULL: the root is */
    struct sl_bytes key; /* of a map's member */
    uint32_t index;      /* of a list's member */
    bool is_item;        /* of a list */
    bool is_key;         /* the member's key is meant, not its value */
};

/* Writes "config.roots[3]", "config" being what the root is called; the root's place is NULL. What does not fit is cut. */
void sl_schema_place_text(const struct sl_schema_place *place, const char *root, char *out_text, size_t size);

/* Whether `text` holds what the regular expression says: 1 or 0; SL_E_BAD_INPUT: it is no sound expression; SL_E_LIMIT: the answer
 * costs too much; SL_E_NO_MEMORY. io/pattern.h has one. */
typedef int (*sl_schema_match)(struct sl_bytes pattern, struct sl_bytes text);

/* Whether a schema can be used: within SL_SCHEMA_DEPTH_MAX and SL_SCHEMA_NODES_MAX, of the keywords above, each with a value that it
 * can have. 0; SL_E_LIMIT or SL_E_BAD_INPUT with one sentence in `error` that names the keyword and its place, with "config_schema" as
 * the root. `match` may be NULL: patterns are then texts. */
int sl_schema_check(struct sl_bytes schema, sl_schema_match match, char *error, size_t error_size);

/* Gets each problem of a value: `sentence` goes on behind the place ("must be at least 8, and is 3"), `hint` may be NULL. Both are
 * borrowed until it returns, the place too. */
struct sl_schema_report {
    void (*add)(void *context, const struct sl_schema_place *place, const char *hint, const char *sentence);
    void *context;
};

/* Reports everything in which a value is not what a schema allows that sl_schema_check found usable. The value is one sound msgpack
 * object whose maps have texts as keys. What is missing is reported at the place where it would be. 0; SL_E_NO_MEMORY from `match`.
 * `match` may be NULL: patterns are then not looked at. */
int sl_schema_validate(struct sl_bytes schema, struct sl_bytes value, sl_schema_match match, const struct sl_schema_report *report);

#endif
