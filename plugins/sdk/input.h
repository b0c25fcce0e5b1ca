/* Reading of one msgpack value: checked, then unpacked once by msgpack-c into a tree that is walked with the helpers here. */
#ifndef SL_SDK_INPUT_H
#define SL_SDK_INPUT_H

#include <msgpack.h>
#include <sluice/stage.h>

#include "span.h"

struct sl_input {
    msgpack_unpacked unpacked; /* owns the tree; texts point into the bytes that were parsed */
    const msgpack_object *root;
};

/* Unpacks `bytes`, which must live as long as the input: exactly one value within the limits of sluice/stage.h, no deeper
 * than msgpack-c unpacks (32). 0, or -1 when the bytes are not such a value or memory ran out; then nothing is owned. */
int sl_input_parse(struct sl_input *self, sluice_bytes bytes);

/* For an output_counter: what the member of a map counts, its number or its length if it is an array; 0 when there is none. */
int64_t sl_input_count(sluice_bytes value, const char *key);

/* Frees the tree. */
void sl_input_fini(struct sl_input *self);

/* The value of a text key; NULL when `map` is NULL, no map, or has no such key. The first of equal keys counts. */
const msgpack_object *sl_input_member(const msgpack_object *map, const char *key);

/* Whether the object (NULL is allowed) is a str; sets *out_text only then. */
bool sl_input_text(const msgpack_object *object, struct sl_span *out_text);

/* Whether the object is a str or a bin; sets *out_bytes only then. */
bool sl_input_bytes(const msgpack_object *object, struct sl_span *out_bytes);

/* Whether the object is an integer from 0 to `max`; sets *out_value only then. */
bool sl_input_uint(const msgpack_object *object, uint64_t max, uint64_t *out_value);

/* Whether the object is an array; sets *out_array only then. */
bool sl_input_array(const msgpack_object *object, msgpack_object_array *out_array);

/* What the object is, for sentences: "nothing", "nil", "a text", "a map" ... */
const char *sl_input_kind(const msgpack_object *object);

#endif
