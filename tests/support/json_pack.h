/* JSON text as one msgpack value, for tests: configs and upstreams that a person can read. */
#ifndef SL_TEST_JSON_PACK_H
#define SL_TEST_JSON_PACK_H

#include "base/buf.h"

/* Appends the value. 0, or -1 when the text is not JSON or memory ran out. */
int sl_json_pack(const char *json, struct sl_buf *buf);

#endif
