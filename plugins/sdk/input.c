/* The check before msgpack-c unpacks: it allocates what a length claims, so lengths are compared with the bytes that are
 * left first. Then typed access to the tree. */
#include "input.h"

#include <stdint.h>

/* One head: how many bytes follow as its own data, and how many objects follow as members. */
struct head {
    size_t size;
    uint64_t data_size;
    uint64_t member_count;
};

static uint64_t read_big_endian(const uint8_t *at, size_t size) {
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) value = value << 8 | at[i];
    return value;
}

/* A head whose length stands in `width` bytes after the type byte, plus `extra` bytes of data. */
static int read_length(const uint8_t *at, size_t left, size_t width, uint64_t extra, struct head *out_head) {
    if (left < 1 + width) return -1;
    *out_head = (struct head){.size = 1 + width, .data_size = read_big_endian(at + 1, width) + extra};
    return 0;
}

static int read_members(const uint8_t *at, size_t left, size_t width, unsigned factor, struct head *out_head) {
    if (left < 1 + width) return -1;
    *out_head = (struct head){.size = 1 + width, .member_count = read_big_endian(at + 1, width) * factor};
    return 0;
}

/* Heads 0xc0 to 0xdf of https://github.com/msgpack/msgpack/blob/master/spec.md. */
static int read_long_head(const uint8_t *at, size_t left, struct head *out_head) {
    static const uint8_t scalar_size[] = {[0xca - 0xca] = 4, 8, 1, 2, 4, 8, 1, 2, 4, 8};
    uint8_t type = at[0];
    if (type == 0xc1) return -1;
    if (type <= 0xc3) return 0;
    if (type <= 0xc6) return read_length(at, left, (size_t)1 << (type - 0xc4), 0, out_head);
    if (type <= 0xc9) return read_length(at, left, (size_t)1 << (type - 0xc7), 1, out_head);
    if (type <= 0xd3) {
        out_head->data_size = scalar_size[type - 0xca];
        return 0;
    }
    if (type <= 0xd8) {
        out_head->data_size = 1 + ((uint64_t)1 << (type - 0xd4));
        return 0;
    }
    if (type <= 0xdb) return read_length(at, left, (size_t)1 << (type - 0xd9), 0, out_head);
    if (type <= 0xdd) return read_members(at, left, (size_t)2 << (type - 0xdc), 1, out_head);
    return read_members(at, left, (size_t)2 << (type - 0xde), 2, out_head);
}

static int read_head(const uint8_t *at, size_t left, struct head *out_head) {
    *out_head = (struct head){.size = 1};
    uint8_t type = at[0];
    if (type <= 0x7f || type >= 0xe0) return 0;
    if (type <= 0x8f) out_head->member_count = (uint64_t)(type & 0x0f) * 2;
    else if (type <= 0x9f) out_head->member_count = type & 0x0f;
    else if (type <= 0xbf) out_head->data_size = type & 0x1f;
    else return read_long_head(at, left, out_head);
    return 0;
}

/* 0 when the bytes are exactly one object whose lengths all fit. */
static int check_lengths(const uint8_t *at, size_t left) {
    uint64_t waiting = 1;
    for (uint32_t node_count = 0; waiting > 0; node_count++) {
        struct head head;
        if (left == 0 || node_count == SLUICE_VALUE_NODES_MAX || read_head(at, left, &head) != 0) return -1;
        if (head.data_size > left - head.size) return -1;
        at += head.size + head.data_size;
        left -= head.size + (size_t)head.data_size;
        waiting += head.member_count - 1;
        if (waiting > left) return -1;
    }
    return left == 0 ? 0 : -1;
}

int sl_input_parse(struct sl_input *self, sluice_bytes bytes) {
    self->root = NULL;
    if (bytes.size == 0 || check_lengths(bytes.data, bytes.size) != 0) return -1;
    size_t offset = 0;
    msgpack_unpacked_init(&self->unpacked);
    msgpack_unpack_return rc = msgpack_unpack_next(&self->unpacked, bytes.data, bytes.size, &offset);
    if (rc != MSGPACK_UNPACK_SUCCESS || offset != bytes.size) {
        msgpack_unpacked_destroy(&self->unpacked);
        return -1;
    }
    self->root = &self->unpacked.data;
    return 0;
}

void sl_input_fini(struct sl_input *self) {
    if (self->root) msgpack_unpacked_destroy(&self->unpacked);
    self->root = NULL;
}

const msgpack_object *sl_input_member(const msgpack_object *map, const char *key) {
    if (!map || map->type != MSGPACK_OBJECT_MAP) return NULL;
    for (uint32_t i = 0; i < map->via.map.size; i++) {
        struct sl_span name;
        if (sl_input_text(&map->via.map.ptr[i].key, &name) && sl_span_is(name, key)) return &map->via.map.ptr[i].val;
    }
    return NULL;
}

bool sl_input_text(const msgpack_object *object, struct sl_span *out_text) {
    if (!object || object->type != MSGPACK_OBJECT_STR) return false;
    *out_text = sl_span(object->via.str.ptr, object->via.str.size);
    return true;
}

bool sl_input_bytes(const msgpack_object *object, struct sl_span *out_bytes) {
    if (sl_input_text(object, out_bytes)) return true;
    if (!object || object->type != MSGPACK_OBJECT_BIN) return false;
    *out_bytes = sl_span(object->via.bin.ptr, object->via.bin.size);
    return true;
}

bool sl_input_uint(const msgpack_object *object, uint64_t max, uint64_t *out_value) {
    if (!object || object->type != MSGPACK_OBJECT_POSITIVE_INTEGER || object->via.u64 > max) return false;
    *out_value = object->via.u64;
    return true;
}

bool sl_input_array(const msgpack_object *object, msgpack_object_array *out_array) {
    if (!object || object->type != MSGPACK_OBJECT_ARRAY) return false;
    *out_array = object->via.array;
    return true;
}

const char *sl_input_kind(const msgpack_object *object) {
    if (!object) return "nothing";
    switch (object->type) {
    case MSGPACK_OBJECT_NIL: return "nil";
    case MSGPACK_OBJECT_BOOLEAN: return "a boolean";
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
    case MSGPACK_OBJECT_NEGATIVE_INTEGER: return "an integer";
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64: return "a number";
    case MSGPACK_OBJECT_STR: return "a text";
    case MSGPACK_OBJECT_ARRAY: return "an array";
    case MSGPACK_OBJECT_MAP: return "a map";
    case MSGPACK_OBJECT_BIN: return "bytes";
    case MSGPACK_OBJECT_EXT: return "an extension";
    }
    return "something unknown";
}

int64_t sl_input_count(sluice_bytes value, const char *key) {
    struct sl_input input;
    msgpack_object_array array = {0};
    uint64_t count = 0;
    if (sl_input_parse(&input, value) != 0) return 0;
    const msgpack_object *member = sl_input_member(input.root, key);
    if (!sl_input_uint(member, INT64_MAX, &count) && sl_input_array(member, &array)) count = array.size;
    sl_input_fini(&input);
    return (int64_t)count;
}
