/* A stage type's metadata as sl:types holds it: msgpack array [format, type, state keys, dependencies, description, version,
 * idempotent, inline allowed, digest], and at the end the function that registers it, if that is no plugin's own entry. Its field is
 * sl_stage_type_key. */
#ifndef SL_SHELL_CATALOG_TYPE_H
#define SL_SHELL_CATALOG_TYPE_H

#include "base/buf.h"
#include "base/limits.h"
#include "model/inputs.h"

struct sl_decoded_type {
    struct sl_stage_type type; /* its views borrow from the bytes, its lists from below: do not copy this struct */
    struct sl_bytes state_keys[SL_STATE_KEYS_MAX];
    struct sl_bytes dependencies[SL_DEPENDENCIES_MAX];
};

/* Appends; failure is kept in buf->failed. */
void sl_encode_type(struct sl_buf *buf, const struct sl_stage_type *type);

/* 0, or SL_E_DAMAGED. */
int sl_decode_type(struct sl_bytes bytes, struct sl_decoded_type *out_type);

#endif
