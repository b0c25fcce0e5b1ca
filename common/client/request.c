/* Memory of one open request, and the mark of a repeated SUBMIT. */
#include "request.h"

#include "base/err.h"
#include "wire/wire.h"

static uint8_t *copy(const struct sl_alloc *alloc, struct sl_bytes bytes) {
    uint8_t *data = sl_alloc_take(alloc, bytes.size);
    if (data) memcpy(data, bytes.data, bytes.size);
    return data;
}

struct sl_request *sl_request_new(const struct sl_alloc *alloc, uint64_t id, struct sl_bytes frame, uint64_t deadline) {
    struct sl_request *self = sl_alloc_take(alloc, sizeof *self);
    if (!self) return NULL;
    *self = (struct sl_request){.id = id, .deadline = deadline, .frame_size = frame.size};
    self->frame = copy(alloc, frame);
    if (self->frame) return self;
    sl_alloc_give(alloc, self, sizeof *self);
    return NULL;
}

static void forget_refusal(const struct sl_alloc *alloc, struct sl_request *self) {
    sl_alloc_give(alloc, (void *)(uintptr_t)self->last_refusal.data, self->last_refusal.size);
    self->last_refusal = (struct sl_bytes){0};
}

void sl_request_free(const struct sl_alloc *alloc, struct sl_request *self) {
    forget_refusal(alloc, self);
    sl_alloc_give(alloc, self->frame, self->frame_size);
    sl_alloc_give(alloc, self, sizeof *self);
}

void sl_request_keep_refusal(const struct sl_alloc *alloc, struct sl_request *self, struct sl_bytes body) {
    forget_refusal(alloc, self);
    uint8_t *data = copy(alloc, body);
    if (data) self->last_refusal = sl_bytes(data, body.size);
}

/* The frame of a SUBMIT once more, with `again` set, in buf. */
static int encode_again(struct sl_bytes frame, struct sl_buf *buf) {
    struct sl_wire_prefix prefix;
    struct sl_bytes body;
    struct sl_wire_submit submit;
    int rc = sl_wire_open(frame, &prefix, &body);
    if (rc || prefix.type != SL_WIRE_SUBMIT) return rc;
    rc = sl_wire_submit_decode(body, &submit);
    if (rc || submit.again) return rc;
    submit.again = true;
    return sl_wire_submit_encode(buf, prefix.message_id, &submit);
}

int sl_request_mark_again(const struct sl_alloc *alloc, struct sl_request *self) {
    struct sl_buf buf;
    sl_buf_init(&buf, alloc);
    int rc = encode_again(sl_bytes(self->frame, self->frame_size), &buf);
    if (rc == SL_OK && buf.size > 0) {
        uint8_t *frame = copy(alloc, sl_buf_bytes(&buf));
        if (frame) {
            sl_alloc_give(alloc, self->frame, self->frame_size);
            self->frame = frame;
            self->frame_size = buf.size;
        } else {
            rc = SL_E_NO_MEMORY;
        }
    }
    sl_buf_fini(&buf);
    return rc == SL_E_NO_MEMORY ? rc : SL_OK;
}
