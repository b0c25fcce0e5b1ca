/* Messages between clients, brokers and workers: structs, encoders and decoders, all made from the table wire.def.
 * PROTOCOL.md says the same in words for other languages. Pure: nothing is sent or received here. */
#ifndef SL_WIRE_WIRE_H
#define SL_WIRE_WIRE_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/id.h"
#include "base/limits.h"

/* Message types: SL_WIRE_SUBMIT = 10 and so on. */
enum sl_wire_type {
#define SL_MESSAGE(NAME, name, number, sender) SL_WIRE_##NAME = (number),
#define SL_ITEM(name)
#define SL_FIELD(kind, name, limit, presence)
#define SL_END(name)
#include "wire.def"
#undef SL_MESSAGE
#undef SL_ITEM
#undef SL_FIELD
#undef SL_END
};

/* The type's name as in the table ("SUBMIT"); "?" for a number that is none. Static. */
const char *sl_wire_type_text(unsigned type);

/* The first 16 bytes of every frame: "SLU1", type u16, version u8, flags u8, message id u64, all little-endian. */
enum { SL_WIRE_PREFIX_SIZE = 16, SL_WIRE_VERSION = 1 };

struct sl_wire_prefix {
    uint16_t type; /* may be one that we do not know */
    uint8_t version;
    uint8_t flags; /* written as 0, ignored when read */
    uint64_t message_id;
};

/* Splits a frame. The body is borrowed from the frame and not looked into. 0; SL_E_BAD_INPUT when it is shorter than a prefix
 * or does not begin as ours do; SL_E_VERSION (with out_prefix filled, for the answer) when it is of another version. */
int sl_wire_open(struct sl_bytes frame, struct sl_wire_prefix *out_prefix, struct sl_bytes *out_body);

/* Appends a prefix. Failure is kept in buf->failed. */
void sl_wire_prefix_put(struct sl_buf *buf, enum sl_wire_type type, uint64_t message_id);

/* Members of a list, encoded one behind the other. All zero is the empty list. */
struct sl_wire_list {
    uint32_t count;
    struct sl_bytes items; /* borrowed */
};

/* Lists of str and of tokens. `put` appends one member (to a buffer whose bytes then become `items`); a str must be UTF-8.
 * `next` takes the first member off the list, false when there is none. */
void sl_wire_str_put(struct sl_buf *buf, struct sl_bytes text);
bool sl_wire_strs_next(struct sl_wire_list *list, struct sl_bytes *out_text);
void sl_wire_token_put(struct sl_buf *buf, const struct sl_token *token);
bool sl_wire_tokens_next(struct sl_wire_list *list, struct sl_token *out_token);

/* One token as it stands on the wire, alone: for what other parts store or send. 0, or the reader's errors. */
int sl_wire_token_read(struct sl_bytes bytes, struct sl_token *out_token);

/* struct sl_wire_submit and so on, with the table's fields. */
#define SL_WIRE_DECLARE_STR(name) struct sl_bytes name;
#define SL_WIRE_DECLARE_VALUE(name) struct sl_bytes name;
#define SL_WIRE_DECLARE_RAW(name) struct sl_bytes name;
#define SL_WIRE_DECLARE_UINT(name) uint64_t name;
#define SL_WIRE_DECLARE_BOOL(name) bool name;
#define SL_WIRE_DECLARE_ID(name) struct sl_job_id name;
#define SL_WIRE_DECLARE_DIGEST(name) struct sl_digest name;
#define SL_WIRE_DECLARE_BIN16(name) uint8_t name[16];
#define SL_WIRE_DECLARE_TOKEN(name) struct sl_token name;
#define SL_WIRE_DECLARE_LIST(name) struct sl_wire_list name;
#define SL_WIRE_DECLARE_STRS(name) struct sl_wire_list name;
#define SL_WIRE_DECLARE_TOKENS(name) struct sl_wire_list name;

#define SL_MESSAGE(NAME, name, number, sender) struct sl_wire_##name {
#define SL_ITEM(name) struct sl_wire_##name {
#define SL_FIELD(kind, name, limit, presence) SL_WIRE_DECLARE_##kind(name)
#define SL_END(name) };
#include "wire.def"
#undef SL_MESSAGE
#undef SL_ITEM
#undef SL_FIELD
#undef SL_END

/* For every message and item x:
 *
 * int sl_wire_x_check(const struct sl_wire_x *self)
 *   Whether every field may be sent: 0; SL_E_LIMIT when one is above its limit; SL_E_BAD_INPUT when a str is not UTF-8, a RAW is
 *   not one sound object, which an empty required one is not. Members of lists were checked when they were put.
 *
 * For every message x:
 *
 * int sl_wire_x_encode(struct sl_buf *buf, uint64_t message_id, const struct sl_wire_x *message)
 *   Appends prefix and body. 0, what check says, or SL_E_NO_MEMORY; on error the buffer is as before.
 *
 * int sl_wire_x_decode(struct sl_bytes body, struct sl_wire_x *out)
 *   Reads a body; views are borrowed from it. Everything is checked here, members of lists included, so that walking them later
 *   cannot fail; unknown keys are skipped. 0; SL_E_TRUNCATED; SL_E_LIMIT for a field above its limit; SL_E_BAD_INPUT for a wrong
 *   type, a missing or repeated key, bytes behind the end. On error `out` is unchanged.
 *
 * For every item x:
 *
 * void sl_wire_x_put(struct sl_buf *buf, const struct sl_wire_x *item)
 *   Appends one encoded member. An item that check refuses is the caller's bug: text that comes from outside is clipped and made
 *   UTF-8 where it enters (sl_text_clean). Failure is kept in buf->failed, with nothing appended.
 *
 * bool sl_wire_x_next(struct sl_wire_list *list, struct sl_wire_x *out)
 *   Takes the first member off a list that a decoder or put made; false when there is none. Views are borrowed as the list's. */
#define SL_MESSAGE(NAME, name, number, sender)                                                                         \
    int sl_wire_##name##_check(const struct sl_wire_##name *self);                                                     \
    int sl_wire_##name##_encode(struct sl_buf *buf, uint64_t message_id, const struct sl_wire_##name *message);        \
    int sl_wire_##name##_decode(struct sl_bytes body, struct sl_wire_##name *out);
#define SL_ITEM(name)                                                                                                  \
    int sl_wire_##name##_check(const struct sl_wire_##name *self);                                                     \
    void sl_wire_##name##_put(struct sl_buf *buf, const struct sl_wire_##name *item);                                  \
    bool sl_wire_##name##_next(struct sl_wire_list *list, struct sl_wire_##name *out);
#define SL_FIELD(kind, name, limit, presence)
#define SL_END(name)
#include "wire.def"
#undef SL_MESSAGE
#undef SL_ITEM
#undef SL_FIELD
#undef SL_END

#endif
