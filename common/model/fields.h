/* Reading the members of a map that a person wrote: unknown keys, missing ones, wrong types, each as a problem with its place.
 * Internal to common/model. `where` names the map in sentences: "the pipeline", "stage \"embed\"". */
#ifndef SL_MODEL_FIELDS_H
#define SL_MODEL_FIELDS_H

#include "base/node.h"
#include "problem.h"

struct sl_fields {
    const struct sl_node *map;
    const char *where;
    struct sl_problems *problems;
};

/* Adds an error at a mark. */
void sl_fields_refuse(const struct sl_fields *self, struct sl_mark mark, const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Whether the node is a map; an error if not. A node that is NULL is none, without an error. */
bool sl_fields_is_map(const struct sl_fields *self);

/* Adds an error for each key that is not among `keys`, with a suggestion. */
void sl_fields_check_keys(const struct sl_fields *self, const char *const *keys, size_t key_count);

/* The member, or NULL with an error that the map lacks it. */
const struct sl_node *sl_fields_require(const struct sl_fields *self, const char *key);

/* Typed reads of an optional member: whether it is there and of that type; an error when it is there and of another one. The value
 * is left alone otherwise. Text may be empty. */
bool sl_fields_text(const struct sl_fields *self, const char *key, struct sl_bytes *value, struct sl_mark *mark);
bool sl_fields_bool(const struct sl_fields *self, const char *key, bool *value);
bool sl_fields_int(const struct sl_fields *self, const char *key, int64_t least, int64_t most, int64_t *value);
bool sl_fields_number(const struct sl_fields *self, const char *key, double least, double most, double *value);

/* Of a given node, as above; `what` names it in the sentence. */
bool sl_fields_node_text(const struct sl_fields *self, const struct sl_node *node, const char *what,
                         struct sl_bytes *value);

/* What a node is, for sentences: "a list", "the number 5"... Static. */
const char *sl_fields_kind_word(const struct sl_node *node);

/* The place of a member's key; of the node itself when it has no key. */
struct sl_mark sl_fields_mark(const struct sl_node *node);

/* Where a wrong value is pointed at: a scalar itself; of a collection, whose first member may be lines away, the key. */
struct sl_mark sl_fields_value_mark(const struct sl_node *node);

#endif
