/* Stage types to bytes and back. */
#include "catalog_type.h"

#include "base/err.h"
#include "base/msgpack.h"

enum { TYPE_FORMAT = 1, MEMBERS = 9, MEMBERS_MAX = 10 };

static void put_texts(struct sl_buf *buf, const struct sl_text_list *list) {
    sl_mp_array(buf, list->count);
    for (uint32_t i = 0; i < list->count; i++) sl_mp_str(buf, list->items[i]);
}

void sl_encode_type(struct sl_buf *buf, const struct sl_stage_type *type) {
    sl_mp_array(buf, type->callable.size ? MEMBERS_MAX : MEMBERS);
    sl_mp_uint(buf, TYPE_FORMAT);
    sl_mp_str(buf, type->type);
    put_texts(buf, &type->state_keys);
    put_texts(buf, &type->dependencies);
    sl_mp_str(buf, type->description);
    sl_mp_str(buf, type->version);
    sl_mp_bool(buf, type->idempotent);
    sl_mp_bool(buf, type->inline_allowed);
    sl_mp_bin(buf, sl_bytes(type->digest.bytes, sizeof type->digest.bytes));
    if (type->callable.size) sl_mp_str(buf, type->callable);
}

static struct sl_text_list read_texts(struct sl_mp_reader *reader, struct sl_bytes *items, uint32_t items_max) {
    uint32_t count = sl_mp_read_array(reader, items_max);
    for (uint32_t i = 0; i < count; i++) items[i] = sl_mp_read_str(reader, SL_NAME_MAX);
    return (struct sl_text_list){.items = items, .count = count};
}

int sl_decode_type(struct sl_bytes bytes, struct sl_decoded_type *out_type) {
    struct sl_mp_reader reader = sl_mp_reader(bytes);
    struct sl_stage_type *type = &out_type->type;
    uint32_t members = sl_mp_read_array(&reader, MEMBERS_MAX);
    if (members < MEMBERS || sl_mp_read_uint(&reader, TYPE_FORMAT) != TYPE_FORMAT) return SL_E_DAMAGED;
    *type = (struct sl_stage_type){.type = sl_mp_read_str(&reader, SL_NAME_MAX)};
    type->state_keys = read_texts(&reader, out_type->state_keys, SL_STATE_KEYS_MAX);
    type->dependencies = read_texts(&reader, out_type->dependencies, SL_DEPENDENCIES_MAX);
    type->description = sl_mp_read_str(&reader, SL_REASON_MAX);
    type->version = sl_mp_read_str(&reader, SL_NAME_MAX);
    type->idempotent = sl_mp_read_bool(&reader);
    type->inline_allowed = sl_mp_read_bool(&reader);
    sl_mp_read_bin_exact(&reader, type->digest.bytes, sizeof type->digest.bytes);
    if (members == MEMBERS_MAX) type->callable = sl_mp_read_str(&reader, SL_KEY_MAX);
    return sl_mp_end(&reader) ? SL_E_DAMAGED : SL_OK;
}
