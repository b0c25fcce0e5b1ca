/* msgpack writer and reader; see msgpack.h. */
#include "msgpack.h"

#include "assert.h"
#include "err.h"

enum { DEPTH_LIMIT = 128 }; /* of the explicit stack below; every depth_max is at most this */

/* Writing. */

static inline void put_head(struct sl_buf *buf, uint8_t type, uint64_t number, int number_bytes) {
    uint8_t elsewhere[SL_MP_HEAD_MAX];
    if (buf->failed) return;
    bool has_room = buf->capacity - buf->size >= SL_MP_HEAD_MAX; /* nearly always: then there is nothing to copy */
    uint8_t *head = has_room ? buf->data + buf->size : elsewhere;
    head[0] = type;
    for (int i = 0; i < number_bytes; i++) head[1 + i] = (uint8_t)(number >> (8 * (number_bytes - 1 - i)));
    if (has_room) {
        buf->size += (size_t)number_bytes + 1;
    } else {
        (void)sl_buf_append(buf, head, (size_t)number_bytes + 1); /* kept in buf->failed */
    }
}

void sl_mp_nil(struct sl_buf *buf) {
    put_head(buf, 0xc0, 0, 0);
}

void sl_mp_bool(struct sl_buf *buf, bool value) {
    put_head(buf, value ? 0xc3 : 0xc2, 0, 0);
}

void sl_mp_uint(struct sl_buf *buf, uint64_t value) {
    if (value < 128) {
        put_head(buf, (uint8_t)value, 0, 0);
    } else if (value <= UINT8_MAX) {
        put_head(buf, 0xcc, value, 1);
    } else if (value <= UINT16_MAX) {
        put_head(buf, 0xcd, value, 2);
    } else if (value <= UINT32_MAX) {
        put_head(buf, 0xce, value, 4);
    } else {
        put_head(buf, 0xcf, value, 8);
    }
}

void sl_mp_int(struct sl_buf *buf, int64_t value) {
    if (value >= 0) {
        sl_mp_uint(buf, (uint64_t)value);
    } else if (value >= -32) {
        put_head(buf, (uint8_t)value, 0, 0);
    } else if (value >= INT8_MIN) {
        put_head(buf, 0xd0, (uint64_t)value, 1);
    } else if (value >= INT16_MIN) {
        put_head(buf, 0xd1, (uint64_t)value, 2);
    } else if (value >= INT32_MIN) {
        put_head(buf, 0xd2, (uint64_t)value, 4);
    } else {
        put_head(buf, 0xd3, (uint64_t)value, 8);
    }
}

void sl_mp_double(struct sl_buf *buf, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_head(buf, 0xcb, bits, 8);
}

static void put_sized(struct sl_buf *buf, struct sl_bytes bytes, uint8_t type8, uint8_t type16, uint8_t type32) {
    SL_ASSERT(bytes.size <= UINT32_MAX);
    if (bytes.size <= UINT8_MAX) {
        put_head(buf, type8, bytes.size, 1);
    } else if (bytes.size <= UINT16_MAX) {
        put_head(buf, type16, bytes.size, 2);
    } else {
        put_head(buf, type32, bytes.size, 4);
    }
    if (!buf->failed) (void)sl_buf_append(buf, bytes.data, bytes.size); /* kept in buf->failed */
}

void sl_mp_str(struct sl_buf *buf, struct sl_bytes text) {
    if (text.size >= 32) {
        put_sized(buf, text, 0xd9, 0xda, 0xdb);
        return;
    }
    put_head(buf, (uint8_t)(0xa0 | text.size), 0, 0);
    if (!buf->failed) (void)sl_buf_append(buf, text.data, text.size); /* kept in buf->failed */
}

void sl_mp_bin(struct sl_buf *buf, struct sl_bytes bytes) {
    put_sized(buf, bytes, 0xc4, 0xc5, 0xc6);
}

static void put_count(struct sl_buf *buf, uint32_t count, uint8_t type_fix, uint8_t type16, uint8_t type32) {
    if (count < 16) {
        put_head(buf, (uint8_t)(type_fix | count), 0, 0);
    } else if (count <= UINT16_MAX) {
        put_head(buf, type16, count, 2);
    } else {
        put_head(buf, type32, count, 4);
    }
}

void sl_mp_array(struct sl_buf *buf, uint32_t count) {
    put_count(buf, count, 0x90, 0xdc, 0xdd);
}

void sl_mp_map(struct sl_buf *buf, uint32_t count) {
    put_count(buf, count, 0x80, 0xde, 0xdf);
}

void sl_mp_raw(struct sl_buf *buf, struct sl_bytes object) {
    if (!buf->failed) (void)sl_buf_append(buf, object.data, object.size); /* kept in buf->failed */
}

void sl_mp_key(struct sl_buf *buf, const char *text) {
    sl_mp_str(buf, sl_text(text));
}

/* Reading. */

struct sl_mp_reader sl_mp_reader(struct sl_bytes bytes) {
    return (struct sl_mp_reader){.at = bytes.data, .end = bytes.size ? bytes.data + bytes.size : bytes.data};
}

void sl_mp_fail(struct sl_mp_reader *self, int rc) {
    SL_ASSERT(rc < 0);
    if (self->rc == SL_OK) self->rc = rc;
}

static size_t bytes_left(const struct sl_mp_reader *self) {
    return (size_t)(self->end - self->at);
}

static uint64_t take_number(struct sl_mp_reader *self, size_t size) {
    if (bytes_left(self) < size) {
        sl_mp_fail(self, SL_E_TRUNCATED);
        return 0;
    }
    uint64_t number = 0;
    for (size_t i = 0; i < size; i++) number = number << 8 | *self->at++;
    return number;
}

static void take_bytes(struct sl_mp_reader *self, enum sl_mp_type type, uint64_t size, struct sl_mp_object *out) {
    if (self->rc) return;
    if (size > bytes_left(self)) {
        sl_mp_fail(self, SL_E_TRUNCATED);
        return;
    }
    out->type = type;
    out->bytes = sl_bytes(self->at, (size_t)size);
    self->at += size;
}

static void take_count(struct sl_mp_reader *self, enum sl_mp_type type, uint64_t count, struct sl_mp_object *out) {
    if (self->rc) return;
    uint64_t smallest = type == SL_MP_MAP ? 2 * count : count;
    if (smallest > bytes_left(self)) {
        sl_mp_fail(self, SL_E_TRUNCATED);
        return;
    }
    out->type = type;
    out->count = (uint32_t)count;
}

static void take_signed(struct sl_mp_reader *self, size_t size, struct sl_mp_object *out) {
    uint64_t bits = take_number(self, size);
    uint64_t sign = (uint64_t)1 << (8 * size - 1);
    int64_t value = (int64_t)((bits ^ sign) - sign);
    out->type = value < 0 ? SL_MP_INT : SL_MP_UINT;
    out->sint = value; /* the same bits as uint when not negative */
}

static void take_real(struct sl_mp_reader *self, size_t size, struct sl_mp_object *out) {
    uint64_t bits = take_number(self, size);
    out->type = SL_MP_DOUBLE;
    if (size == 4) {
        uint32_t bits32 = (uint32_t)bits;
        float value;
        memcpy(&value, &bits32, sizeof value);
        out->real = (double)value;
    } else {
        memcpy(&out->real, &bits, sizeof bits);
    }
}

static void take_uint(struct sl_mp_object *out, uint64_t value) {
    out->type = SL_MP_UINT;
    out->uint = value;
}

/* The types from 0xc0 to 0xdf, by the table of the specification. */
static void take_long_form(struct sl_mp_reader *self, uint8_t type, struct sl_mp_object *out) {
    switch (type) {
    case 0xc0: out->type = SL_MP_NIL; break;
    case 0xc2:
    case 0xc3:
        out->type = SL_MP_BOOL;
        out->boolean = type == 0xc3;
        break;
    case 0xc4: take_bytes(self, SL_MP_BIN, take_number(self, 1), out); break;
    case 0xc5: take_bytes(self, SL_MP_BIN, take_number(self, 2), out); break;
    case 0xc6: take_bytes(self, SL_MP_BIN, take_number(self, 4), out); break;
    case 0xca: take_real(self, 4, out); break;
    case 0xcb: take_real(self, 8, out); break;
    case 0xcc: take_uint(out, take_number(self, 1)); break;
    case 0xcd: take_uint(out, take_number(self, 2)); break;
    case 0xce: take_uint(out, take_number(self, 4)); break;
    case 0xcf: take_uint(out, take_number(self, 8)); break;
    case 0xd0: take_signed(self, 1, out); break;
    case 0xd1: take_signed(self, 2, out); break;
    case 0xd2: take_signed(self, 4, out); break;
    case 0xd3: take_signed(self, 8, out); break;
    case 0xd9: take_bytes(self, SL_MP_STR, take_number(self, 1), out); break;
    case 0xda: take_bytes(self, SL_MP_STR, take_number(self, 2), out); break;
    case 0xdb: take_bytes(self, SL_MP_STR, take_number(self, 4), out); break;
    case 0xdc: take_count(self, SL_MP_ARRAY, take_number(self, 2), out); break;
    case 0xdd: take_count(self, SL_MP_ARRAY, take_number(self, 4), out); break;
    case 0xde: take_count(self, SL_MP_MAP, take_number(self, 2), out); break;
    case 0xdf: take_count(self, SL_MP_MAP, take_number(self, 4), out); break;
    default: sl_mp_fail(self, SL_E_BAD_INPUT); break; /* ext, and the byte that the specification never uses */
    }
}

int sl_mp_next(struct sl_mp_reader *self, struct sl_mp_object *out_object) {
    if (self->rc) return self->rc;
    struct sl_mp_object object = {.type = SL_MP_NIL};
    uint8_t type = (uint8_t)take_number(self, 1);
    if (self->rc) return self->rc;
    if (type < 0x80) {
        take_uint(&object, type);
    } else if (type < 0x90) {
        take_count(self, SL_MP_MAP, type & 15u, &object);
    } else if (type < 0xa0) {
        take_count(self, SL_MP_ARRAY, type & 15u, &object);
    } else if (type < 0xc0) {
        take_bytes(self, SL_MP_STR, type & 31u, &object);
    } else if (type < 0xe0) {
        take_long_form(self, type, &object);
    } else {
        object.type = SL_MP_INT;
        object.sint = (int8_t)type;
    }
    if (self->rc == SL_OK) *out_object = object;
    return self->rc;
}

static bool next_is(struct sl_mp_reader *self, enum sl_mp_type type, struct sl_mp_object *out) {
    if (sl_mp_next(self, out)) return false;
    if (out->type != type) sl_mp_fail(self, SL_E_BAD_INPUT);
    return self->rc == SL_OK;
}

bool sl_mp_read_bool(struct sl_mp_reader *self) {
    struct sl_mp_object object;
    return next_is(self, SL_MP_BOOL, &object) && object.boolean;
}

/* The typed reads below take the commonest forms first, by one look at the bytes: they decide what decoding costs. */

uint64_t sl_mp_read_uint(struct sl_mp_reader *self, uint64_t max) {
    if (self->rc == SL_OK && self->at != self->end && *self->at < 0x80 && *self->at <= max) return *self->at++;
    struct sl_mp_object object;
    if (!next_is(self, SL_MP_UINT, &object)) return 0;
    if (object.uint <= max) return object.uint;
    sl_mp_fail(self, SL_E_LIMIT);
    return 0;
}

int64_t sl_mp_read_int(struct sl_mp_reader *self) {
    struct sl_mp_object object;
    if (sl_mp_next(self, &object)) return 0;
    if (object.type == SL_MP_INT) return object.sint;
    if (object.type == SL_MP_UINT && object.uint <= INT64_MAX) return (int64_t)object.uint;
    sl_mp_fail(self, SL_E_BAD_INPUT);
    return 0;
}

/* Whether the next object has a head of head_size bytes that says size bytes follow, and they do: then takes it. */
static bool take_short(struct sl_mp_reader *self, size_t head_size, size_t size, struct sl_bytes *out) {
    if (size > bytes_left(self) - head_size) return false;
    *out = sl_bytes(self->at + head_size, size);
    self->at += head_size + size;
    return true;
}

static struct sl_bytes read_sized(struct sl_mp_reader *self, enum sl_mp_type type, size_t size_max) {
    struct sl_mp_object object;
    if (!next_is(self, type, &object)) return sl_bytes(NULL, 0);
    if (object.bytes.size <= size_max) return object.bytes;
    sl_mp_fail(self, SL_E_LIMIT);
    return sl_bytes(NULL, 0);
}

struct sl_bytes sl_mp_read_str(struct sl_mp_reader *self, size_t size_max) {
    struct sl_bytes text;
    bool is_short = self->rc == SL_OK && bytes_left(self) >= 1 && (*self->at & 0xe0) == 0xa0 &&
                    (*self->at & 31u) <= size_max && take_short(self, 1, *self->at & 31u, &text);
    if (!is_short) text = read_sized(self, SL_MP_STR, size_max);
    if (!sl_utf8_is_valid(text)) sl_mp_fail(self, SL_E_BAD_INPUT);
    return self->rc ? sl_bytes(NULL, 0) : text;
}

struct sl_bytes sl_mp_read_bin(struct sl_mp_reader *self, size_t size_max) {
    struct sl_bytes bytes;
    bool is_short = self->rc == SL_OK && bytes_left(self) >= 2 && self->at[0] == 0xc4 && self->at[1] <= size_max &&
                    take_short(self, 2, self->at[1], &bytes);
    if (is_short) return bytes;
    return read_sized(self, SL_MP_BIN, size_max);
}

void sl_mp_read_bin_exact(struct sl_mp_reader *self, void *out, size_t size) {
    struct sl_bytes bytes = sl_mp_read_bin(self, size);
    if (self->rc == SL_OK && bytes.size != size) sl_mp_fail(self, SL_E_BAD_INPUT);
    if (self->rc) {
        memset(out, 0, size);
    } else if (size) {
        memcpy(out, bytes.data, size);
    }
}

static uint32_t read_count(struct sl_mp_reader *self, enum sl_mp_type type, uint32_t count_max) {
    struct sl_mp_object object;
    if (!next_is(self, type, &object)) return 0;
    if (object.count <= count_max) return object.count;
    sl_mp_fail(self, SL_E_LIMIT);
    return 0;
}

uint32_t sl_mp_read_array(struct sl_mp_reader *self, uint32_t count_max) {
    if (self->rc == SL_OK && bytes_left(self) >= 16 && (*self->at & 0xf0) == 0x90 && (*self->at & 15u) <= count_max) {
        return *self->at++ & 15u; /* 16 bytes left hold 15 members */
    }
    return read_count(self, SL_MP_ARRAY, count_max);
}

uint32_t sl_mp_read_map(struct sl_mp_reader *self, uint32_t count_max) {
    return read_count(self, SL_MP_MAP, count_max);
}

bool sl_mp_read_nil(struct sl_mp_reader *self) {
    if (self->rc || self->at == self->end || *self->at != 0xc0) return false;
    self->at++;
    return true;
}

/* Walks one object with an explicit stack of open containers. */
static void walk(struct sl_mp_reader *self, uint32_t depth_max, uint32_t node_count_max, bool check_text) {
    SL_ASSERT(depth_max > 0 && depth_max <= DEPTH_LIMIT);
    uint64_t open[DEPTH_LIMIT];
    uint32_t depth = 0, node_count = 0;
    do {
        struct sl_mp_object object;
        if (sl_mp_next(self, &object)) return;
        if (++node_count > node_count_max || depth >= depth_max) {
            sl_mp_fail(self, SL_E_LIMIT);
            return;
        }
        if (check_text && object.type == SL_MP_STR && !sl_utf8_is_valid(object.bytes)) {
            sl_mp_fail(self, SL_E_BAD_INPUT);
            return;
        }
        if (depth > 0) open[depth - 1]--;
        if (object.type == SL_MP_ARRAY || object.type == SL_MP_MAP) {
            open[depth++] = object.type == SL_MP_MAP ? 2 * (uint64_t)object.count : object.count;
        }
        while (depth > 0 && open[depth - 1] == 0) depth--;
    } while (depth > 0);
}

struct sl_bytes sl_mp_read_raw(struct sl_mp_reader *self, uint32_t depth_max) {
    const uint8_t *start = self->at;
    walk(self, depth_max, UINT32_MAX, false);
    return self->rc ? sl_bytes(NULL, 0) : sl_bytes(start, (size_t)(self->at - start));
}

void sl_mp_skip(struct sl_mp_reader *self, uint32_t depth_max) {
    walk(self, depth_max, UINT32_MAX, false);
}

int sl_mp_end(const struct sl_mp_reader *self) {
    if (self->rc) return self->rc;
    return self->at == self->end ? SL_OK : SL_E_BAD_INPUT;
}

int sl_mp_check(struct sl_bytes bytes, uint32_t depth_max, uint32_t node_count_max) {
    struct sl_mp_reader reader = sl_mp_reader(bytes);
    walk(&reader, depth_max, node_count_max, true);
    return sl_mp_end(&reader);
}

/* The length of the UTF-8 sequence at text, or 0 when it is not valid (RFC 3629, section 4). */
static size_t utf8_sequence(const uint8_t *text, size_t left) {
    uint8_t first = text[0];
    if (first < 0x80) return 1;
    size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || left < length) return 0;
    uint8_t low = 0x80, high = 0xbf;
    if (first == 0xe0) low = 0xa0;
    if (first == 0xed) high = 0x9f;
    if (first == 0xf0) low = 0x90;
    if (first == 0xf4) high = 0x8f;
    if (text[1] < low || text[1] > high) return 0;
    for (size_t i = 2; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80) return 0;
    }
    return length;
}

bool sl_utf8_is_valid(struct sl_bytes bytes) {
    static const uint64_t high_bits = 0x8080808080808080u;
    size_t at = 0;
    while (at < bytes.size) {
        uint64_t eight;
        if (bytes.size - at >= sizeof eight) { /* most text is ASCII: eight bytes a step */
            memcpy(&eight, bytes.data + at, sizeof eight);
            if ((eight & high_bits) == 0) {
                at += sizeof eight;
                continue;
            }
        }
        size_t length = utf8_sequence(bytes.data + at, bytes.size - at);
        if (length == 0) return false;
        at += length;
    }
    return true;
}

size_t sl_utf8_size(struct sl_bytes bytes) {
    return bytes.size ? utf8_sequence(bytes.data, bytes.size) : 0;
}

struct sl_bytes sl_utf8_cut(struct sl_bytes text, size_t size_max) {
    if (text.size <= size_max) return text;
    while (size_max > 0 && (text.data[size_max] & 0xc0) == 0x80) size_max--;
    return sl_bytes(text.data, size_max);
}
