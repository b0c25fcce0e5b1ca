/* Encoders and decoders of every message and item, made from wire.def by expanding it once for each step. What a field of
 * each kind does is in kinds.h. Within a step IS_MAP tells messages (maps with keys) from items (arrays without). */
#include "wire.h"

#include "kinds.h"

#include "base/assert.h"

/* How many fields each has: the size of an item's array. A message's map must keep its short head. */
enum {
#define SL_MESSAGE(NAME, name, number, sender) FIELD_COUNT_##name = 0
#define SL_ITEM(name) FIELD_COUNT_##name = 0
#define SL_FIELD(kind, name, limit, presence) +1
#define SL_END(name) ,
#include "wire.def"
#undef SL_MESSAGE
#undef SL_ITEM
#undef SL_FIELD
#undef SL_END
};

enum { FIX_MAP = 0x80, FIX_COUNT_MAX = 15 };

#define SL_MESSAGE(NAME, name, number, sender)                                                                         \
    _Static_assert((int)FIELD_COUNT_##name <= (int)FIX_COUNT_MAX, "the map's head is one byte");
#define SL_ITEM(name)
#define SL_FIELD(kind, name, limit, presence)
#define SL_END(name)
#include "wire.def"
#undef SL_MESSAGE
#undef SL_ITEM
#undef SL_FIELD
#undef SL_END

/* May it be sent? */
#define SL_MESSAGE(NAME, name, number, sender) SL_ITEM(name)
#define SL_ITEM(name)                                                                                                  \
    int sl_wire_##name##_check(const struct sl_wire_##name *self) {                                                    \
        int rc = SL_OK;                                                                                                \
        (void)self;
#define SL_FIELD(kind, name, limit, presence)                                                                          \
        if (rc == SL_OK && (MUST_##kind(presence) || HAS_##kind(self->name))) rc = CHECK_##kind(self->name, limit);
#define SL_END(name)                                                                                                   \
        return rc;                                                                                                     \
    }
#include "wire.def"
#undef SL_MESSAGE
#undef SL_ITEM
#undef SL_FIELD
#undef SL_END

/* How many bytes at most? */
#define SL_MESSAGE(NAME, name, number, sender) SL_ITEM(name)
#define SL_ITEM(name)                                                                                                  \
    static size_t size_##name(const struct sl_wire_##name *self) {                                                     \
        (void)self;                                                                                                    \
        size_t size = SL_WIRE_PREFIX_SIZE + SL_MP_HEAD_MAX;
#define SL_FIELD(kind, name, limit, presence) size += SIZE_##kind(self->name) + sizeof #name;
#define SL_END(name)                                                                                                   \
        return size;                                                                                                   \
    }
#include "wire.def"
#undef SL_MESSAGE
#undef SL_ITEM
#undef SL_FIELD
#undef SL_END

/* Writing, into room that was made before. A map's count is known at its end and then put into its head. */
#define SL_MESSAGE(NAME, name, number, sender)                                                                         \
    static void write_##name(struct sl_buf *buf, const struct sl_wire_##name *self) {                                  \
        enum { IS_MAP = 1 };                                                                                           \
        size_t head = buf->size;                                                                                       \
        unsigned count = 0;                                                                                            \
        sl_mp_map(buf, 0);
#define SL_ITEM(name)                                                                                                  \
    static void write_##name(struct sl_buf *buf, const struct sl_wire_##name *self) {                                  \
        enum { IS_MAP = 0 };                                                                                           \
        size_t head = 0;                                                                                               \
        unsigned count = 0;                                                                                            \
        sl_mp_array(buf, FIELD_COUNT_##name);
#define SL_FIELD(kind, name, limit, presence)                                                                          \
        if (MUST_##kind(presence) || HAS_##kind(self->name)) {                                                         \
            if (IS_MAP) sl_mp_str(buf, sl_bytes(#name, sizeof #name - 1));                                             \
            PUT_##kind(buf, self->name);                                                                               \
            count++;                                                                                                   \
        } else if (!IS_MAP) {                                                                                          \
            sl_mp_nil(buf);                                                                                            \
        }
#define SL_END(name)                                                                                                   \
        if (IS_MAP) buf->data[head] = (uint8_t)(FIX_MAP | count);                                                      \
    }
#include "wire.def"
#undef SL_MESSAGE
#undef SL_ITEM
#undef SL_FIELD
#undef SL_END

/* Reading. Fields are told apart by one bit each, in the order of the table. */
struct walk {
    struct sl_mp_reader *reader;
    struct sl_bytes key; /* of a map's pair; unused in arrays */
    bool known;          /* the pair was taken by a field */
    uint32_t left;       /* pairs or members not yet begun */
    uint32_t seen;
    uint32_t required;
};

static void begin_map(struct walk *walk) {
    walk->left = sl_mp_read_map(walk->reader, SL_CONTROL_NODES_MAX / 2);
}

static void begin_array(struct walk *walk) {
    walk->left = sl_mp_read_array(walk->reader, ITEM_FIELDS_MAX);
    walk->known = true; /* there are no keys */
}

/* Reads the key of the next pair. An empty map has none, and no field has an empty name. */
static void next_key(struct walk *walk) {
    walk->known = walk->left == 0;
    if (walk->left == 0) return;
    walk->left--;
    walk->key = sl_mp_read_str(walk->reader, SL_NAME_MAX);
}

/* Whether the value of this field comes next. Nil stands for an optional field that is absent. */
static inline bool begin_field(struct walk *walk, bool is_map, struct sl_bytes name, bool must, uint32_t bit) {
    if (must) walk->required |= bit;
    if (is_map) {
        if (walk->known || !sl_bytes_equal(walk->key, name)) return false;
        walk->known = true;
        if (walk->seen & bit) sl_mp_fail(walk->reader, SL_E_BAD_INPUT);
    } else {
        if (walk->left == 0) return false;
        walk->left--;
    }
    walk->seen |= bit;
    return must || !sl_mp_read_nil(walk->reader);
}

/* Skips the value of an unknown key. */
static void end_pair(struct walk *walk) {
    if (!walk->known) (void)sl_wire_read_object(walk->reader, SL_CONTROL_NODES_MAX);
}

/* Skips what a newer sender appended to an item. */
static void end_array(struct walk *walk) {
    for (; walk->left > 0 && walk->reader->rc == SL_OK; walk->left--) {
        (void)sl_wire_read_object(walk->reader, SL_CONTROL_NODES_MAX);
    }
}

#define SL_MESSAGE(NAME, name, number, sender)
#define SL_ITEM(name) static skim_fn skim_##name;
#define SL_FIELD(kind, name, limit, presence)
#define SL_END(name)
#include "wire.def"
#undef SL_MESSAGE
#undef SL_ITEM
#undef SL_FIELD
#undef SL_END

#define SL_MESSAGE(NAME, name, number, sender)                                                                         \
    static void read_##name(struct sl_mp_reader *reader, struct sl_wire_##name *out) {                                 \
        enum { IS_MAP = 1 };                                                                                           \
        struct walk walk = {.reader = reader};                                                                         \
        memset(out, 0, sizeof *out);                                                                                   \
        begin_map(&walk);                                                                                              \
        do {                                                                                                           \
            uint32_t bit = 1;                                                                                          \
            next_key(&walk);
#define SL_ITEM(name)                                                                                                  \
    static void read_##name(struct sl_mp_reader *reader, struct sl_wire_##name *out) {                                 \
        enum { IS_MAP = 0 };                                                                                           \
        struct walk walk = {.reader = reader};                                                                         \
        memset(out, 0, sizeof *out);                                                                                   \
        begin_array(&walk);                                                                                            \
        do {                                                                                                           \
            uint32_t bit = 1;
#define SL_FIELD(kind, name, limit, presence)                                                                          \
            if (begin_field(&walk, IS_MAP, sl_bytes(#name, sizeof #name - 1), MUST_##kind(presence), bit)) {           \
                READ_##kind(reader, out->name, limit, presence);                                                       \
            }                                                                                                          \
            bit <<= 1;
#define SL_END(name)                                                                                                   \
            end_pair(&walk);                                                                                           \
        } while (IS_MAP && walk.left > 0 && reader->rc == SL_OK);                                                      \
        if (!IS_MAP) end_array(&walk);                                                                                 \
        if ((walk.seen & walk.required) != walk.required) sl_mp_fail(reader, SL_E_BAD_INPUT);                          \
    }
#include "wire.def"
#undef SL_MESSAGE
#undef SL_ITEM
#undef SL_FIELD
#undef SL_END

/* The public functions. */
static int begin_message(struct sl_buf *buf, enum sl_wire_type type, uint64_t message_id, size_t size_max) {
    if (buf->failed) return SL_E_NO_MEMORY;
    int rc = sl_buf_reserve(buf, size_max);
    if (rc == SL_OK) sl_wire_prefix_put(buf, type, message_id);
    return rc;
}

static bool begin_item(struct sl_buf *buf, size_t size_max) {
    if (!buf->failed && sl_buf_reserve(buf, size_max) != SL_OK) buf->failed = true;
    return !buf->failed;
}

#define SL_MESSAGE(NAME, name, number, sender)                                                                         \
    int sl_wire_##name##_encode(struct sl_buf *buf, uint64_t message_id, const struct sl_wire_##name *message) {       \
        int rc = sl_wire_##name##_check(message);                                                                      \
        if (rc == SL_OK) rc = begin_message(buf, SL_WIRE_##NAME, message_id, size_##name(message));                    \
        if (rc == SL_OK) write_##name(buf, message);                                                                   \
        return rc;                                                                                                     \
    }                                                                                                                  \
    int sl_wire_##name##_decode(struct sl_bytes body, struct sl_wire_##name *out) {                                    \
        struct sl_mp_reader reader = sl_mp_reader(body);                                                               \
        struct sl_wire_##name message;                                                                                 \
        read_##name(&reader, &message);                                                                                \
        int rc = sl_mp_end(&reader);                                                                                   \
        if (rc == SL_OK) *out = message;                                                                               \
        return rc;                                                                                                     \
    }
#define SL_ITEM(name)                                                                                                  \
    static void skim_##name(struct sl_mp_reader *reader) {                                                             \
        struct sl_wire_##name item;                                                                                    \
        read_##name(reader, &item);                                                                                    \
    }                                                                                                                  \
    void sl_wire_##name##_put(struct sl_buf *buf, const struct sl_wire_##name *item) {                                 \
        SL_ASSERT(sl_wire_##name##_check(item) == SL_OK);                                                              \
        if (begin_item(buf, size_##name(item))) write_##name(buf, item);                                               \
    }                                                                                                                  \
    bool sl_wire_##name##_next(struct sl_wire_list *list, struct sl_wire_##name *out) {                                \
        if (list->count == 0) return false;                                                                            \
        struct sl_mp_reader reader = sl_mp_reader(list->items);                                                        \
        read_##name(&reader, out);                                                                                     \
        SL_ASSERT(reader.rc == SL_OK);                                                                                 \
        list->items = sl_bytes(reader.at, (size_t)(reader.end - reader.at));                                           \
        list->count--;                                                                                                 \
        return true;                                                                                                   \
    }
#define SL_FIELD(kind, name, limit, presence)
#define SL_END(name)
#include "wire.def"
#undef SL_MESSAGE
#undef SL_ITEM
#undef SL_FIELD
#undef SL_END
