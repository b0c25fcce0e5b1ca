/* What each kind of field of wire.def means: when it is present, when it may be sent, how it is written and read.
 * Private to this folder; wire.c puts them together to messages. */
#ifndef SL_WIRE_KINDS_H
#define SL_WIRE_KINDS_H

#include "wire.h"

#include "base/err.h"
#include "base/msgpack.h"

enum {
    TOKEN_FIELD_COUNT = 8,
    TOKEN_NONCE_SIZE = 8,
    /* One head for the array, three fields of 2 bytes at most with their heads, and so on: the sum is below this. */
    TOKEN_SIZE_MAX = 72,
    ITEM_FIELDS_MAX = 256 /* members of one item, those included that we do not know */
};

/* Token: fields in the order of struct sl_token; the nonce is a bin of 8 bytes, little-endian. */
void sl_wire_write_token(struct sl_buf *buf, const struct sl_token *token);
void sl_wire_read_token(struct sl_mp_reader *reader, struct sl_token *out);

/* Reads any object that we do not look into: at most SL_CONTROL_DEPTH_MAX deep, at most node_count_max objects, str UTF-8. */
struct sl_bytes sl_wire_read_object(struct sl_mp_reader *reader, uint32_t node_count_max);

/* Reads an array of at most count_max members, each by `skim`, and notes where they stand. */
typedef void skim_fn(struct sl_mp_reader *reader);
void sl_wire_read_members(struct sl_mp_reader *reader, struct sl_wire_list *out, uint64_t count_max, skim_fn *skim);
void sl_wire_skim_str(struct sl_mp_reader *reader);
void sl_wire_skim_token(struct sl_mp_reader *reader);

/* Presence: whether an optional field is worth sending. */
static inline bool has_bytes16(const uint8_t *bytes) {
    static const uint8_t zeros[16];
    return memcmp(bytes, zeros, sizeof zeros) != 0;
}

#define HAS_STR(field) ((field).size > 0)
#define HAS_VALUE(field) ((field).size > 0)
#define HAS_RAW(field) ((field).size > 0)
#define HAS_UINT(field) ((field) != 0)
#define HAS_BOOL(field) (field)
#define HAS_ID(field) has_bytes16((field).bytes)
#define HAS_DIGEST(field) has_bytes16((field).bytes)
#define HAS_BIN16(field) has_bytes16(field)
#define HAS_TOKEN(field) true
#define HAS_LIST(field) ((field).count > 0)
#define HAS_STRS(field) ((field).count > 0)
#define HAS_TOKENS(field) ((field).count > 0)

/* Checks before sending: 0, SL_E_LIMIT or SL_E_BAD_INPUT. */
static inline int check_size(uint64_t size, uint64_t size_max) {
    return size <= size_max ? SL_OK : SL_E_LIMIT;
}

static inline int check_str(struct sl_bytes text, uint64_t size_max) {
    if (text.size > size_max) return SL_E_LIMIT;
    return sl_utf8_is_valid(text) ? SL_OK : SL_E_BAD_INPUT;
}

static inline int check_raw(struct sl_bytes object, uint64_t size_max) {
    if (object.size > size_max) return SL_E_LIMIT;
    return sl_mp_check(object, SL_CONTROL_DEPTH_MAX, SL_VALUE_NODES_MAX);
}

#define CHECK_STR(field, limit) check_str(field, limit)
#define CHECK_VALUE(field, limit) check_size((field).size, limit)
#define CHECK_RAW(field, limit) check_raw(field, limit)
#define CHECK_UINT(field, limit) check_size(field, limit)
#define CHECK_BOOL(field, limit) SL_OK
#define CHECK_ID(field, limit) SL_OK
#define CHECK_DIGEST(field, limit) SL_OK
#define CHECK_BIN16(field, limit) SL_OK
#define CHECK_TOKEN(field, limit) SL_OK
#define CHECK_LIST(field, limit) check_size((field).count, limit)
#define CHECK_STRS(field, limit) check_size((field).count, limit)
#define CHECK_TOKENS(field, limit) check_size((field).count, limit)

/* Upper bounds of the encoded size, so that room is made once for a whole message or item. */
#define SIZE_STR(field) ((field).size + SL_MP_HEAD_MAX)
#define SIZE_VALUE(field) ((field).size + SL_MP_HEAD_MAX)
#define SIZE_RAW(field) ((field).size)
#define SIZE_UINT(field) SL_MP_HEAD_MAX
#define SIZE_BOOL(field) 1
#define SIZE_ID(field) (sizeof(field) + 2)
#define SIZE_DIGEST(field) (sizeof(field) + 2)
#define SIZE_BIN16(field) (sizeof(field) + 2)
#define SIZE_TOKEN(field) TOKEN_SIZE_MAX
#define SIZE_LIST(field) ((field).items.size + SL_MP_HEAD_MAX)
#define SIZE_STRS(field) ((field).items.size + SL_MP_HEAD_MAX)
#define SIZE_TOKENS(field) ((field).items.size + SL_MP_HEAD_MAX)

/* Writing. */
static inline void put_members(struct sl_buf *buf, struct sl_wire_list list) {
    sl_mp_array(buf, list.count);
    sl_mp_raw(buf, list.items);
}

#define PUT_STR(buf, field) sl_mp_str(buf, field)
#define PUT_VALUE(buf, field) sl_mp_bin(buf, field)
#define PUT_RAW(buf, field) sl_mp_raw(buf, field)
#define PUT_UINT(buf, field) sl_mp_uint(buf, field)
#define PUT_BOOL(buf, field) sl_mp_bool(buf, field)
#define PUT_ID(buf, field) sl_mp_bin(buf, sl_bytes((field).bytes, sizeof(field).bytes))
#define PUT_DIGEST(buf, field) sl_mp_bin(buf, sl_bytes((field).bytes, sizeof(field).bytes))
#define PUT_BIN16(buf, field) sl_mp_bin(buf, sl_bytes(field, sizeof(field)))
#define PUT_TOKEN(buf, field) sl_wire_write_token(buf, &(field))
#define PUT_LIST(buf, field) put_members(buf, field)
#define PUT_STRS(buf, field) put_members(buf, field)
#define PUT_TOKENS(buf, field) put_members(buf, field)

/* Reading; `presence` of a LIST names its item. */
static inline void read_raw(struct sl_mp_reader *reader, struct sl_bytes *out, uint64_t size_max) {
    *out = sl_wire_read_object(reader, SL_VALUE_NODES_MAX);
    if (out->size > size_max) sl_mp_fail(reader, SL_E_LIMIT);
}

#define READ_STR(reader, field, limit, presence) (field) = sl_mp_read_str(reader, limit)
#define READ_VALUE(reader, field, limit, presence) (field) = sl_mp_read_bin(reader, limit)
#define READ_RAW(reader, field, limit, presence) read_raw(reader, &(field), limit)
#define READ_UINT(reader, field, limit, presence) (field) = sl_mp_read_uint(reader, limit)
#define READ_BOOL(reader, field, limit, presence) (field) = sl_mp_read_bool(reader)
#define READ_ID(reader, field, limit, presence) sl_mp_read_bin_exact(reader, (field).bytes, sizeof(field).bytes)
#define READ_DIGEST(reader, field, limit, presence) sl_mp_read_bin_exact(reader, (field).bytes, sizeof(field).bytes)
#define READ_BIN16(reader, field, limit, presence) sl_mp_read_bin_exact(reader, field, sizeof(field))
#define READ_TOKEN(reader, field, limit, presence) sl_wire_read_token(reader, &(field))
#define READ_LIST(reader, field, limit, item) sl_wire_read_members(reader, &(field), limit, skim_##item)
#define READ_STRS(reader, field, limit, presence) sl_wire_read_members(reader, &(field), limit, sl_wire_skim_str)
#define READ_TOKENS(reader, field, limit, presence) sl_wire_read_members(reader, &(field), limit, sl_wire_skim_token)

/* Whether a field must be there. */
#define IS_REQUIRED 1
#define IS_OPTIONAL 0
#define MUST_STR(presence) IS_##presence
#define MUST_VALUE(presence) IS_##presence
#define MUST_RAW(presence) IS_##presence
#define MUST_UINT(presence) IS_##presence
#define MUST_BOOL(presence) IS_##presence
#define MUST_ID(presence) IS_##presence
#define MUST_DIGEST(presence) IS_##presence
#define MUST_BIN16(presence) IS_##presence
#define MUST_TOKEN(presence) IS_##presence
#define MUST_LIST(presence) 1
#define MUST_STRS(presence) IS_##presence
#define MUST_TOKENS(presence) IS_##presence

#endif
