/* Requests: encoded, handed to the session; and the sentences on how they ended. */
#include "client_private.h"

#include "base/err.h"
#include "io/entropy.h"

#include <stdio.h>

static int start(struct sl_client *self, uint64_t timeout_ms, uint64_t *out_id) {
    uint64_t now = sl_client_now(), id = sl_session_next_id(self->session);
    uint64_t timeout = timeout_ms < UINT64_MAX / 4000000 ? timeout_ms * 1000000 : UINT64_MAX / 4;
    int rc = sl_session_start(self->session, now, sl_buf_bytes(&self->frame), now + timeout);
    sl_buf_clear(&self->frame);
    if (rc == SL_OK) *out_id = id;
    return rc;
}

/* What every request does: look for room, encode under the next id, start. */
#define REQUEST(name, message)                                                                                         \
    do {                                                                                                               \
        if (!sl_session_has_room(self->session)) return SL_E_AGAIN;                                                    \
        sl_buf_clear(&self->frame);                                                                                    \
        int rc_ = sl_wire_##name##_encode(&self->frame, sl_session_next_id(self->session), (message));                 \
        return rc_ ? rc_ : start(self, timeout_ms, out_id);                                                            \
    } while (0)

static bool is_zero(const uint8_t bytes[16]) {
    static const uint8_t zero[16];
    return memcmp(bytes, zero, sizeof zero) == 0;
}

int sl_client_submit(struct sl_client *self, const struct sl_wire_submit *submit, uint64_t timeout_ms, uint64_t *out_id) {
    struct sl_wire_submit message = *submit;
    bool has_key = message.key.size > 0 || message.doc_key.size > 0;
    if (!has_key && is_zero(message.once)) sl_entropy(message.once, sizeof message.once);
    REQUEST(submit, &message);
}

int sl_client_query(struct sl_client *self, const struct sl_wire_query *query, uint64_t timeout_ms, uint64_t *out_id) {
    REQUEST(query, query);
}

int sl_client_cancel(struct sl_client *self, const struct sl_wire_cancel_job *cancel, uint64_t timeout_ms, uint64_t *out_id) {
    REQUEST(cancel_job, cancel);
}

int sl_client_apply(struct sl_client *self, const struct sl_wire_apply *apply, uint64_t timeout_ms, uint64_t *out_id) {
    REQUEST(apply, apply);
}

int sl_client_accept_type(struct sl_client *self, const struct sl_wire_accept_type *accept, uint64_t timeout_ms,
                          uint64_t *out_id) {
    REQUEST(accept_type, accept);
}

void sl_client_explain(const struct sl_client *self, const struct sl_session_done *done,
                       char out_sentence[SL_CLIENT_SENTENCE_SIZE]) {
    const struct sl_bytes *why = &done->refused.message;
    int size = (int)(why->size < 700 ? why->size : 700);
    const char *text = why->size ? (const char *)why->data : "";
    switch (done->end) {
    case SL_CALL_ANSWERED: (void)snprintf(out_sentence, SL_CLIENT_SENTENCE_SIZE, "it was answered"); break;
    case SL_CALL_REFUSED: (void)snprintf(out_sentence, SL_CLIENT_SENTENCE_SIZE, "%.*s", size, text); break;
    case SL_CALL_UNKNOWN:
        (void)snprintf(out_sentence, SL_CLIENT_SENTENCE_SIZE,
                       "the broker at %s did not answer in time, so the outcome is unknown: it may have happened%s%.*s%s",
                       self->address, size ? " (it last said: " : "", size, text, size ? ")" : "");
        break;
    case SL_CALL_UNSENT:
        (void)snprintf(out_sentence, SL_CLIENT_SENTENCE_SIZE, "%s %s; nothing has happened",
                       sl_client_is_refused(self) ? "nobody listens at" : "no broker answers at", self->address);
        break;
    }
}
