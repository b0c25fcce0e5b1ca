/* msgpack for what the program itself writes and reads on its hot paths: a writer that appends to a buffer and a reader that
 * walks bytes without building objects. Both follow https://github.com/msgpack/msgpack/blob/master/spec.md. The reader never
 * allocates and never believes a length that is larger than the bytes that are left. */
#ifndef SL_BASE_MSGPACK_H
#define SL_BASE_MSGPACK_H

#include "buf.h"
#include "bytes.h"

/* The longest head of a msgpack object: type byte and eight bytes. */
enum { SL_MP_HEAD_MAX = 9 };

/* Writers: append one object, or the head of an array or map whose members follow. When memory runs out the buffer's
 * `failed` is set and nothing more is appended. Integers take their shortest form. */
void sl_mp_nil(struct sl_buf *buf);
void sl_mp_bool(struct sl_buf *buf, bool value);
void sl_mp_uint(struct sl_buf *buf, uint64_t value);
void sl_mp_int(struct sl_buf *buf, int64_t value);
void sl_mp_double(struct sl_buf *buf, double value);
void sl_mp_str(struct sl_buf *buf, struct sl_bytes text);
void sl_mp_bin(struct sl_buf *buf, struct sl_bytes bytes);
void sl_mp_array(struct sl_buf *buf, uint32_t count);
void sl_mp_map(struct sl_buf *buf, uint32_t count);
/* One object that is encoded already. */
void sl_mp_raw(struct sl_buf *buf, struct sl_bytes object);
/* A str from NUL-terminated text: for keys. */
void sl_mp_key(struct sl_buf *buf, const char *text);

enum sl_mp_type {
    SL_MP_NIL,
    SL_MP_BOOL,
    SL_MP_UINT, /* not negative */
    SL_MP_INT,  /* negative */
    SL_MP_DOUBLE,
    SL_MP_STR,
    SL_MP_BIN,
    SL_MP_ARRAY,
    SL_MP_MAP
};

struct sl_mp_object {
    enum sl_mp_type type;
    union {
        bool boolean;
        uint64_t uint;
        int64_t sint;
        double real;
        struct sl_bytes bytes; /* of str or bin, borrowed from the input */
        uint32_t count;        /* members of an array, pairs of a map; they follow in the input */
    };
};

/* Reads objects from bytes, one head at a time. The first error is kept in rc; from then on every read fails. */
struct sl_mp_reader {
    const uint8_t *at;
    const uint8_t *end;
    int rc;
};

/* A reader at the start of bytes, which it borrows. */
struct sl_mp_reader sl_mp_reader(struct sl_bytes bytes);

/* The next head. 0; SL_E_TRUNCATED; or SL_E_BAD_INPUT for ext types, reserved bytes, and for a count above what the bytes left
 * could hold (a map pair takes two bytes at least). */
int sl_mp_next(struct sl_mp_reader *self, struct sl_mp_object *out_object);

/* Typed reads: the value, or 0, empty or false with rc set when the next object is of another type or out of range. */
bool sl_mp_read_bool(struct sl_mp_reader *self);
uint64_t sl_mp_read_uint(struct sl_mp_reader *self, uint64_t max);
int64_t sl_mp_read_int(struct sl_mp_reader *self);
struct sl_bytes sl_mp_read_str(struct sl_mp_reader *self, size_t size_max);
struct sl_bytes sl_mp_read_bin(struct sl_mp_reader *self, size_t size_max);
/* A bin of exactly size bytes, copied to out. */
void sl_mp_read_bin_exact(struct sl_mp_reader *self, void *out, size_t size);
uint32_t sl_mp_read_array(struct sl_mp_reader *self, uint32_t count_max);
uint32_t sl_mp_read_map(struct sl_mp_reader *self, uint32_t count_max);
/* Whether the next object is nil; if so it is consumed. */
bool sl_mp_read_nil(struct sl_mp_reader *self);
/* The bytes of the next whole object, whatever it is, at most depth_max deep; empty with rc set on error. */
struct sl_bytes sl_mp_read_raw(struct sl_mp_reader *self, uint32_t depth_max);
/* Skips the next whole object, at most depth_max deep. */
void sl_mp_skip(struct sl_mp_reader *self, uint32_t depth_max);
/* Notes an error of the caller's own (a value that makes no sense), unless there is one already. */
void sl_mp_fail(struct sl_mp_reader *self, int rc);
/* SL_OK when there was no error and nothing is left; SL_E_BAD_INPUT for trailing bytes. */
int sl_mp_end(const struct sl_mp_reader *self);

/* Checks that bytes are exactly one object: at most depth_max deep (a scalar has depth 1), at most node_count_max objects in it,
 * no ext, str valid UTF-8. 0, or SL_E_TRUNCATED, SL_E_BAD_INPUT, SL_E_LIMIT. Costs no memory. */
int sl_mp_check(struct sl_bytes bytes, uint32_t depth_max, uint32_t node_count_max);

/* Whether bytes are valid UTF-8 (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF). */
bool sl_utf8_is_valid(struct sl_bytes bytes);

/* The longest prefix of valid UTF-8 text that has at most size_max bytes and cuts no character. */
struct sl_bytes sl_utf8_cut(struct sl_bytes text, size_t size_max);

/* The size of the character at the start of bytes, 1 to 4; 0 when there is none that is valid. */
size_t sl_utf8_size(struct sl_bytes bytes);

#endif
