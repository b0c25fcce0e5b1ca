/* The 16 bytes before every body. */
#include "wire.h"

#include "base/err.h"

static const uint8_t magic[4] = {'S', 'L', 'U', '1'};

static uint64_t little_endian(const uint8_t *at, size_t size) {
    uint64_t number = 0;
    for (size_t i = size; i > 0; i--) number = number << 8 | at[i - 1];
    return number;
}

int sl_wire_open(struct sl_bytes frame, struct sl_wire_prefix *out_prefix, struct sl_bytes *out_body) {
    if (frame.size < SL_WIRE_PREFIX_SIZE || memcmp(frame.data, magic, sizeof magic) != 0) return SL_E_BAD_INPUT;
    *out_prefix = (struct sl_wire_prefix){
        .type = (uint16_t)little_endian(frame.data + 4, 2),
        .version = frame.data[6],
        .flags = frame.data[7],
        .message_id = little_endian(frame.data + 8, 8),
    };
    if (out_prefix->version != SL_WIRE_VERSION) return SL_E_VERSION;
    *out_body = sl_bytes(frame.data + SL_WIRE_PREFIX_SIZE, frame.size - SL_WIRE_PREFIX_SIZE);
    return SL_OK;
}

void sl_wire_prefix_put(struct sl_buf *buf, enum sl_wire_type type, uint64_t message_id) {
    uint8_t prefix[SL_WIRE_PREFIX_SIZE];
    memcpy(prefix, magic, sizeof magic);
    prefix[4] = (uint8_t)((unsigned)type & 0xff);
    prefix[5] = (uint8_t)((unsigned)type >> 8);
    prefix[6] = SL_WIRE_VERSION;
    prefix[7] = 0;
    for (int i = 0; i < 8; i++) prefix[8 + i] = (uint8_t)(message_id >> (8 * i));
    (void)sl_buf_append(buf, prefix, sizeof prefix); /* kept in buf->failed */
}

const char *sl_wire_type_text(unsigned type) {
    switch (type) {
#define SL_MESSAGE(NAME, name, number, sender)                                                                         \
    case number:                                                                                                       \
        return #NAME;
#define SL_ITEM(name)
#define SL_FIELD(kind, name, limit, presence)
#define SL_END(name)
#include "wire.def"
#undef SL_MESSAGE
#undef SL_ITEM
#undef SL_FIELD
#undef SL_END
    default:
        return "?";
    }
}
