/* JSON to msgpack and back. Integers from -2^63 to 2^64-1 are exact, other numbers are float64; bin is {"$bin": base64}. */
#ifndef SL_IO_JSON_H
#define SL_IO_JSON_H

#include "base/buf.h"
#include "base/bytes.h"

/* Appends the JSON text's value as one msgpack object. Refused: repeated keys, NaN and infinities, invalid UTF-8, U+0000 in keys,
 * depth above SL_VALUE_DEPTH_MAX, more than SL_VALUE_NODES_MAX values, bytes behind the end, {"$bin": what is not base64}.
 * 0; SL_E_BAD_INPUT or SL_E_LIMIT with one sentence in error; SL_E_NO_MEMORY. On failure out is as before. */
int sl_json_to_msgpack(struct sl_bytes json, struct sl_buf *out, char *error, size_t error_size);

/* Appends one msgpack object as JSON: on one line, or, pretty, indented by two. Keys that are numbers or truth values become text.
 * 0; SL_E_BAD_INPUT for NaN, infinities, ext, other keys and malformed bytes; SL_E_LIMIT, SL_E_TRUNCATED; SL_E_NO_MEMORY. On failure
 * out is as before. */
int sl_msgpack_to_json(struct sl_bytes value, bool pretty, struct sl_buf *out);

/* Appends text as a JSON string with its quotes; a byte that is no UTF-8 becomes U+FFFD. Failure is kept in out->failed. */
void sl_json_put_text(struct sl_buf *out, struct sl_bytes text);

#endif
