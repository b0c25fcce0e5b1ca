/* Every message through its struct: expansions of wire.def that need the struct's type. */
#include "any.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/limits.h"
#include "wire/wire.h"

#include <stdlib.h>
#include <string.h>

/* Buffers that the lists of one rebuilt message stand in. */
enum { BUFFERS_MAX = 4096 };

static struct sl_buf *buffers[BUFFERS_MAX];
static size_t buffer_count;

static struct sl_buf *new_buffer(void) {
    struct sl_buf *buf = malloc(sizeof *buf);
    SL_ASSERT(buf && buffer_count < BUFFERS_MAX);
    sl_buf_init(buf, sl_alloc_system());
    buffers[buffer_count++] = buf;
    return buf;
}

static void free_buffers(void) {
    while (buffer_count > 0) {
        sl_buf_fini(buffers[--buffer_count]);
        free(buffers[buffer_count]);
    }
}

/* Rebuilding: each list is walked to its end, and its members are put into a new one. */
static void rebuild_strs(struct sl_wire_list *list) {
    struct sl_wire_list rest = *list;
    struct sl_buf *buf = new_buffer();
    struct sl_bytes text;
    uint32_t count = 0;
    for (; sl_wire_strs_next(&rest, &text); count++) sl_wire_str_put(buf, text);
    SL_ASSERT(count == list->count && rest.items.size == 0);
    list->items = sl_buf_bytes(buf);
}

static void rebuild_tokens(struct sl_wire_list *list) {
    struct sl_wire_list rest = *list;
    struct sl_buf *buf = new_buffer();
    struct sl_token token;
    uint32_t count = 0;
    for (; sl_wire_tokens_next(&rest, &token); count++) sl_wire_token_put(buf, &token);
    SL_ASSERT(count == list->count && rest.items.size == 0);
    list->items = sl_buf_bytes(buf);
}

#define SL_MESSAGE(NAME, name, number, sender)
#define SL_ITEM(name) static void rebuild_list_##name(struct sl_wire_list *list);
#define SL_FIELD(kind, name, limit, presence)
#define SL_END(name)
#include "wire/wire.def"
#undef SL_MESSAGE
#undef SL_ITEM
#undef SL_FIELD
#undef SL_END

#define REBUILD_STR(field, presence)
#define REBUILD_VALUE(field, presence)
#define REBUILD_RAW(field, presence)
#define REBUILD_UINT(field, presence)
#define REBUILD_BOOL(field, presence)
#define REBUILD_ID(field, presence)
#define REBUILD_DIGEST(field, presence)
#define REBUILD_BIN16(field, presence)
#define REBUILD_TOKEN(field, presence)
#define REBUILD_LIST(field, item) rebuild_list_##item(&(field));
#define REBUILD_STRS(field, presence) rebuild_strs(&(field));
#define REBUILD_TOKENS(field, presence) rebuild_tokens(&(field));

#define SL_MESSAGE(NAME, name, number, sender) SL_ITEM(name)
#define SL_ITEM(name)                                                  \
    static void rebuild_##name(struct sl_wire_##name *self) {          \
        (void)self;
#define SL_FIELD(kind, name, limit, presence) REBUILD_##kind(self->name, presence)
#define SL_END(name) }
#include "wire/wire.def"
#undef SL_MESSAGE
#undef SL_ITEM
#undef SL_FIELD
#undef SL_END

#define SL_MESSAGE(NAME, name, number, sender)
#define SL_ITEM(name)                                                          \
    static void rebuild_list_##name(struct sl_wire_list *list) {               \
        struct sl_wire_list rest = *list;                                      \
        struct sl_buf *buf = new_buffer();                                     \
        struct sl_wire_##name item;                                            \
        uint32_t count = 0;                                                    \
        for (; sl_wire_##name##_next(&rest, &item); count++) {                 \
            rebuild_##name(&item);                                             \
            sl_wire_##name##_put(buf, &item);                                  \
        }                                                                      \
        SL_ASSERT(count == list->count && rest.items.size == 0 && !buf->failed); \
        list->items = sl_buf_bytes(buf);                                       \
    }
#define SL_FIELD(kind, name, limit, presence)
#define SL_END(name)
#include "wire/wire.def"
#undef SL_MESSAGE
#undef SL_ITEM
#undef SL_FIELD
#undef SL_END

int any_decode(const struct any_type *type, struct sl_bytes body) {
    switch (type->number) {
#define SL_MESSAGE(NAME, name, number, sender)       \
    case number: {                                   \
        struct sl_wire_##name message;               \
        return sl_wire_##name##_decode(body, &message); \
    }
#define SL_ITEM(name)
#define SL_FIELD(kind, name, limit, presence)
#define SL_END(name)
#include "wire/wire.def"
#undef SL_MESSAGE
#undef SL_ITEM
#undef SL_FIELD
#undef SL_END
    default:
        SL_ASSERT(!"a message of the table");
        return SL_E_BAD_INPUT;
    }
}

int any_recode(const struct any_type *type, struct sl_bytes body, struct sl_buf *out_frame) {
    int rc = SL_E_BAD_INPUT, encode_rc = SL_OK;
    switch (type->number) {
#define SL_MESSAGE(NAME, name, number, sender)                                              \
    case number: {                                                                          \
        struct sl_wire_##name message;                                                      \
        rc = sl_wire_##name##_decode(body, &message);                                       \
        if (rc) break;                                                                      \
        rebuild_##name(&message);                                                           \
        encode_rc = sl_wire_##name##_encode(out_frame, ANY_MESSAGE_ID, &message);           \
        break;                                                                              \
    }
#define SL_ITEM(name)
#define SL_FIELD(kind, name, limit, presence)
#define SL_END(name)
#include "wire/wire.def"
#undef SL_MESSAGE
#undef SL_ITEM
#undef SL_FIELD
#undef SL_END
    default:
        SL_ASSERT(!"a message of the table");
    }
    free_buffers();
    SL_ASSERT(encode_rc == SL_OK);
    return rc;
}

/* Text of as many letters as any field can hold, and more. */
static struct sl_bytes letters(uint64_t size) {
    static uint8_t *text;
    enum { SIZE = 40 << 20 };
    SL_ASSERT(size <= SIZE);
    if (!text) text = malloc(SIZE);
    SL_ASSERT(text);
    memset(text, 'a', size);
    return sl_bytes(text, size);
}

/* A bin that takes exactly size bytes with its head. */
static struct sl_bytes object_of(uint64_t size) {
    struct sl_bytes text = letters(size);
    uint8_t *head = (uint8_t *)(uintptr_t)text.data;
    SL_ASSERT(size > UINT16_MAX + 5 || (size > 3 + UINT8_MAX && size <= UINT16_MAX));
    bool is_long = size > UINT16_MAX;
    uint64_t rest = size - (is_long ? 5 : 3);
    head[0] = is_long ? 0xc6 : 0xc5;
    for (int i = is_long ? 4 : 2; i > 0; i--, rest >>= 8) head[i] = (uint8_t)rest;
    return text;
}

static const struct sl_bytes nil = {(const uint8_t *)"\xc0", 1};

#define START_RAW(field) field = nil;
#define START_STR(field)
#define START_VALUE(field)
#define START_UINT(field)
#define START_BOOL(field)
#define START_ID(field)
#define START_DIGEST(field)
#define START_BIN16(field)
#define START_TOKEN(field)
#define START_LIST(field)
#define START_STRS(field)
#define START_TOKENS(field)

#define FILL_STR(field, amount) (field = letters(amount), true)
#define FILL_VALUE(field, amount) (field = letters(amount), true)
#define FILL_RAW(field, amount) (field = object_of(amount), true)
#define FILL_UINT(field, amount) (field = (amount), true)
#define FILL_BOOL(field, amount) false
#define FILL_ID(field, amount) false
#define FILL_DIGEST(field, amount) false
#define FILL_BIN16(field, amount) false
#define FILL_TOKEN(field, amount) false
#define FILL_LIST(field, amount) ((field).count = (uint32_t)(amount), true)
#define FILL_STRS(field, amount) ((field).count = (uint32_t)(amount), true)
#define FILL_TOKENS(field, amount) ((field).count = (uint32_t)(amount), true)

int any_encode_filled(const struct any_type *type, int field_index, uint64_t excess, struct sl_buf *buf, bool *out_has_limit) {
    const char *wanted = type->name;
    *out_has_limit = false;
#define SL_MESSAGE(NAME, name, number, sender)                                     \
    if (strcmp(wanted, #name) == 0) {                                                \
        struct sl_wire_##name self = {0};                                          \
        int (*encode)(struct sl_buf *, uint64_t, const struct sl_wire_##name *) = sl_wire_##name##_encode; \
        int (*check)(const struct sl_wire_##name *) = sl_wire_##name##_check;      \
        int index = 0;
#define SL_ITEM(name)                                                              \
    if (strcmp(wanted, #name) == 0) {                                                \
        struct sl_wire_##name self = {0};                                          \
        int (*encode)(struct sl_buf *, uint64_t, const struct sl_wire_##name *) = NULL; \
        int (*check)(const struct sl_wire_##name *) = sl_wire_##name##_check;      \
        int index = 0;
#define SL_FIELD(kind, name, limit, presence)                                      \
        START_##kind(self.name)                                                    \
        if (index++ == field_index && (uint64_t)(limit) + excess >= excess) {      \
            *out_has_limit = FILL_##kind(self.name, (uint64_t)(limit) + excess);   \
        }
#define SL_END(name)                                                               \
        return encode ? encode(buf, ANY_MESSAGE_ID, &self) : check(&self);         \
    }
#include "wire/wire.def"
#undef SL_MESSAGE
#undef SL_ITEM
#undef SL_FIELD
#undef SL_END
    SL_ASSERT(!"a type of the table");
    return SL_E_BAD_INPUT;
}
