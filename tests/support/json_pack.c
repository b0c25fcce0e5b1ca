/* JSON text as one msgpack value, over jansson. */
#include "json_pack.h"

#include <jansson.h>

#include "base/msgpack.h"

static void pack(const json_t *value, struct sl_buf *buf) {
    const char *key;
    json_t *member;
    size_t index;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        sl_mp_map(buf, (uint32_t)json_object_size(value));
        json_object_foreach((json_t *)(uintptr_t)value, key, member) {
            sl_mp_key(buf, key);
            pack(member, buf);
        }
        break;
    case JSON_ARRAY:
        sl_mp_array(buf, (uint32_t)json_array_size(value));
        json_array_foreach(value, index, member) pack(member, buf);
        break;
    case JSON_STRING: sl_mp_str(buf, sl_bytes(json_string_value(value), json_string_length(value))); break;
    case JSON_INTEGER: sl_mp_int(buf, json_integer_value(value)); break;
    case JSON_REAL: sl_mp_double(buf, json_real_value(value)); break;
    case JSON_TRUE: sl_mp_bool(buf, true); break;
    case JSON_FALSE: sl_mp_bool(buf, false); break;
    case JSON_NULL: sl_mp_nil(buf); break;
    }
}

int sl_json_pack(const char *json, struct sl_buf *buf) {
    json_error_t error;
    json_t *root = json_loads(json, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!root) return -1;
    pack(root, buf);
    json_decref(root);
    return buf->failed ? -1 : 0;
}
