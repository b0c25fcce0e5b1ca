/* Effects carried out: calls to the ledger, and messages, which wait in the outbox until what they rest on is durable. Here stands
 * the only function of the broker that sends (send_frame). */
#include "broker.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/limits.h"
#include "catalog.h"
#include "io/log.h"
#include "kept_file.h"
#include "options.h"
#include "wire/wire.h"

#include <stdio.h>

static const struct {
    const char *code;
    bool retryable;
} rejects[SL_REJECT_COUNT] = {
#define SL_REJECT(name, text, is_retryable, exit_code) [SL_REJECT_##name] = {text, is_retryable},
#include "base/reject.def"
#undef SL_REJECT
};

static void note_gone(struct sl_broker *self, uint64_t peer) {
    if (self->gone_count == self->gone_capacity) {
        uint32_t capacity = self->gone_capacity ? 2 * self->gone_capacity : 16;
        const struct sl_alloc *alloc = sl_alloc_system();
        void *grown = alloc->resize(alloc->context, self->gone, self->gone_capacity * sizeof *self->gone,
                                    capacity * sizeof *self->gone);
        if (!grown) return; /* its silence will tell */
        self->gone = grown;
        self->gone_capacity = capacity;
    }
    self->gone[self->gone_count++] = peer;
}

/* The only way out of the broker. A worker that does not read is as good as gone: it never owes more than its slots. */
static bool send_frame(struct sl_broker *self, uint64_t peer, struct sl_bytes frame) {
    bool to_worker = peer & SL_PEER_OF_WORKER;
    struct sl_router *router = to_worker ? self->back : self->front;
    int rc = sl_router_send(router, peer >> 1, frame);
    if (rc == SL_OK) return true;
    if (rc == SL_E_LIMIT) {
        sl_log(SL_LOG_ERROR, "a message of %zu bytes is above its limit and was not sent", frame.size);
        return true;
    }
    if (rc == SL_E_AGAIN && !to_worker) return false;
    if (rc == SL_E_AGAIN) sl_router_forget(router, peer >> 1);
    note_gone(self, peer);
    return true;
}

static struct sl_peer_batch *batch_of(struct sl_broker *self, uint64_t peer) {
    for (uint32_t i = 0; i < self->batch_count; i++) {
        if (self->batches[i].peer == peer) return &self->batches[i];
    }
    if (self->batch_count == self->batch_capacity) {
        uint32_t capacity = self->batch_capacity ? 2 * self->batch_capacity : 16;
        const struct sl_alloc *alloc = sl_alloc_system();
        struct sl_peer_batch *grown = alloc->resize(alloc->context, self->batches,
                                                    self->batch_capacity * sizeof *grown, capacity * sizeof *grown);
        if (!grown) return NULL;
        memset(grown + self->batch_capacity, 0, (capacity - self->batch_capacity) * sizeof *grown);
        for (uint32_t i = self->batch_capacity; i < capacity; i++) sl_buf_init(&grown[i].items, alloc);
        self->batches = grown;
        self->batch_capacity = capacity;
    }
    struct sl_peer_batch *batch = &self->batches[self->batch_count++];
    batch->peer = peer;
    return batch;
}

static int encode_list(struct sl_buf *frame, unsigned kind, const struct sl_wire_list *list, uint32_t lost) {
    switch (kind) {
    case SL_WIRE_ASSIGN:
        return sl_wire_assign_encode(frame, 0, &(struct sl_wire_assign){.tasks = *list});
    case SL_WIRE_RESULT_ACK:
        return sl_wire_result_ack_encode(frame, 0, &(struct sl_wire_result_ack){.acks = *list});
    case SL_WIRE_CANCEL:
        return sl_wire_cancel_encode(frame, 0, &(struct sl_wire_cancel){.tasks = *list});
    default:
        SL_ASSERT(kind == SL_WIRE_CHANGED);
        return sl_wire_changed_encode(frame, 0, &(struct sl_wire_changed){.jobs = *list, .lost = lost});
    }
}

static void send_batch(struct sl_broker *self, struct sl_peer_batch *batch) {
    if (batch->count == 0) return;
    struct sl_wire_list list = {.count = batch->count, .items = sl_buf_bytes(&batch->items)};
    sl_buf_clear(&self->batch_frame); /* not self->frame: a message for the same peer may be in it, behind this one */
    int rc = encode_list(&self->batch_frame, batch->kind, &list, batch->lost);
    if (rc) {
        sl_log(SL_LOG_ERROR, "cannot encode a %s: %s", sl_wire_type_text(batch->kind), sl_err_text(rc));
    } else if (send_frame(self, batch->peer, sl_buf_bytes(&self->batch_frame))) {
        batch->lost = 0;
    } else {
        batch->lost += batch->count; /* a follower that does not read watches again when it is told of the gap */
    }
    batch->count = 0;
    sl_buf_clear(&batch->items);
}

static bool is_listed(unsigned kind) {
    return kind == SL_WIRE_ASSIGN || kind == SL_WIRE_RESULT_ACK || kind == SL_WIRE_CANCEL || kind == SL_WIRE_CHANGED;
}

/* A message that may leave: items of one kind for one peer share a frame. */
static void leave(struct sl_broker *self, uint64_t peer, unsigned kind, struct sl_bytes bytes) {
    struct sl_peer_batch *batch = batch_of(self, peer);
    if (!batch) return; /* no memory: as a message lost on the way */
    bool full = batch->items.size + bytes.size > SL_BATCH_MESSAGE_MAX || batch->count >= SL_SLOTS_MAX;
    if (!is_listed(kind) || batch->kind != kind || full) send_batch(self, batch);
    if (!is_listed(kind)) {
        (void)send_frame(self, peer, bytes); /* a client that does not read asks again */
        return;
    }
    batch->kind = kind;
    if (sl_buf_append(&batch->items, bytes.data, bytes.size) == SL_OK) batch->count++;
}

/* A message leaves now or waits for its write. */
static void dispatch(struct sl_broker *self, const struct sl_effect *effect, unsigned kind, const struct sl_buf *bytes) {
    if (bytes->failed) return; /* no memory: as a message lost on the way */
    if (sl_outbox_may_leave(self->outbox, effect->shard, effect->n)) {
        leave(self, effect->peer, kind, sl_buf_bytes(bytes));
        return;
    }
    struct sl_outbox_message message = {
        .n = effect->n, .peer = effect->peer, .kind = kind, .bytes = sl_buf_bytes(bytes)};
    (void)sl_outbox_put(self->outbox, effect->shard, &message); /* no memory: as a message lost on the way */
}

static void release(struct sl_broker *self, const struct sl_effect *effect) {
    struct sl_outbox_message message;
    sl_outbox_release(self->outbox, effect->shard, effect->n);
    while (sl_outbox_next(self->outbox, effect->shard, &message)) {
        leave(self, message.peer, message.kind, message.bytes);
    }
}

/* Client replies. */

static struct sl_wire_list put_strings(struct sl_buf *buf, const struct sl_bytes *items, uint32_t count) {
    sl_buf_clear(buf);
    for (uint32_t i = 0; i < count; i++) sl_wire_str_put(buf, items[i]);
    return (struct sl_wire_list){.count = count, .items = sl_buf_bytes(buf)};
}

static void do_accepted(struct sl_broker *self, const struct sl_effect *effect) {
    const struct sl_do_accepted *accepted = &effect->accepted;
    struct sl_wire_accepted message = {.re = effect->re,
                                       .job = accepted->job,
                                       .run = accepted->run,
                                       .duplicate = accepted->duplicate,
                                       .missing_types = put_strings(&self->items, accepted->missing_types,
                                                                    accepted->missing_type_count)};
    if (accepted->duplicate) message.status = sl_text(sl_job_state_word(accepted->state));
    sl_buf_clear(&self->frame);
    if (sl_wire_accepted_encode(&self->frame, 0, &message)) self->frame.failed = true;
    dispatch(self, effect, SL_WIRE_ACCEPTED, &self->frame);
}

static void encode_rejected(struct sl_broker *self, uint64_t re, enum sl_reject code, struct sl_bytes message,
                            uint32_t retry_after_ms) {
    struct sl_wire_rejected rejected = {.re = re,
                                        .code = sl_text(rejects[code].code),
                                        .message = message,
                                        .retryable = rejects[code].retryable,
                                        .retry_after_ms = retry_after_ms};
    sl_buf_clear(&self->frame);
    if (sl_wire_rejected_encode(&self->frame, 0, &rejected)) self->frame.failed = true;
}

static void do_rejected(struct sl_broker *self, const struct sl_effect *effect) {
    encode_rejected(self, effect->re, effect->rejected.code, effect->rejected.message, effect->rejected.retry_after_ms);
    dispatch(self, effect, SL_WIRE_REJECTED, &self->frame);
}

static void do_answer(struct sl_broker *self, const struct sl_effect *effect) {
    struct sl_wire_answer answer = {.re = effect->re, .items = effect->answer.items, .next = effect->answer.next};
    sl_buf_clear(&self->frame);
    int rc = sl_wire_answer_encode(&self->frame, 0, &answer);
    if (rc == SL_E_LIMIT) {
        encode_rejected(self, effect->re, SL_REJECT_TOO_LARGE, sl_text("the answer cannot be sent in one message"), 0);
    } else if (rc == SL_E_BAD_INPUT) {
        encode_rejected(self, effect->re, SL_REJECT_DAMAGED, sl_text("a value of this job is no sound msgpack, and cannot be shown"), 0);
    } else if (rc) {
        self->frame.failed = true;
    }
    dispatch(self, effect, SL_WIRE_ANSWER, &self->frame);
}

static void do_cancelled(struct sl_broker *self, const struct sl_effect *effect) {
    struct sl_wire_cancelled cancelled = {.re = effect->re,
                                          .job = effect->cancelled.job,
                                          .status = sl_text(sl_job_state_word(effect->cancelled.state))};
    sl_buf_clear(&self->frame);
    if (sl_wire_cancelled_encode(&self->frame, 0, &cancelled)) self->frame.failed = true;
    dispatch(self, effect, SL_WIRE_CANCELLED, &self->frame);
}

static void do_changed(struct sl_broker *self, const struct sl_effect *effect) {
    const struct sl_do_changed *changed = &effect->changed;
    struct sl_wire_job_change item = {
        .job = changed->job,
        .n = effect->n,
        .status = sl_text(changed->known ? sl_job_state_word(changed->state) : "unknown"),
        .pipeline = changed->pipeline,
        .stages = changed->stages,
        .reason = changed->reason,
        .waiting = changed->waiting};
    sl_buf_clear(&self->items);
    sl_wire_job_change_put(&self->items, &item);
    dispatch(self, effect, SL_WIRE_CHANGED, &self->items);
}

/* Messages to workers. */

static void do_welcome(struct sl_broker *self, const struct sl_effect *effect) {
    struct sl_wire_welcome welcome = {
        .proto = 1,
        .session = effect->welcome.session,
        .heartbeat_ms = effect->welcome.heartbeat_ms,
        .lost_ms = effect->welcome.lost_ms,
        .refused_types = put_strings(&self->items, effect->welcome.refused, effect->welcome.refused_count)};
    sl_buf_clear(&self->frame);
    if (sl_wire_welcome_encode(&self->frame, 0, &welcome)) self->frame.failed = true;
    dispatch(self, effect, SL_WIRE_WELCOME, &self->frame);
}

static void do_callables(struct sl_broker *self, const struct sl_effect *effect) {
    struct sl_wire_callables callables = {
        .callables = put_strings(&self->items, effect->callables.items, effect->callables.count)};
    sl_buf_clear(&self->frame);
    if (sl_wire_callables_encode(&self->frame, 0, &callables)) self->frame.failed = true;
    dispatch(self, effect, SL_WIRE_CALLABLES, &self->frame);
}

static void do_define(struct sl_broker *self, const struct sl_effect *effect) {
    struct sl_wire_define define = {.digest = effect->define.digest, .definition = effect->define.canonical};
    sl_buf_clear(&self->frame);
    if (sl_wire_define_encode(&self->frame, 0, &define)) self->frame.failed = true;
    dispatch(self, effect, SL_WIRE_DEFINE, &self->frame);
}

static void do_assign(struct sl_broker *self, const struct sl_effect *effect) {
    const struct sl_do_assign *assign = &effect->assign;
    struct sl_wire_task task = {.token = assign->token,
                                .definition = assign->definition,
                                .input = assign->input,
                                .timeout_ms = assign->timeout_ms,
                                .tenant = assign->tenant,
                                .doc_key = assign->doc_key,
                                .callable = assign->callable};
    sl_buf_clear(&self->items);
    sl_wire_task_put(&self->items, &task);
    dispatch(self, effect, SL_WIRE_ASSIGN, &self->items);
}

static void do_result_ack(struct sl_broker *self, const struct sl_effect *effect) {
    sl_buf_clear(&self->items);
    sl_wire_ack_put(&self->items, &(struct sl_wire_ack){.token = effect->ack.token, .stale = effect->ack.stale});
    dispatch(self, effect, SL_WIRE_RESULT_ACK, &self->items);
}

static void do_cancel(struct sl_broker *self, const struct sl_effect *effect) {
    sl_buf_clear(&self->items);
    sl_wire_task_ref_put(&self->items, &(struct sl_wire_task_ref){.token = effect->token});
    dispatch(self, effect, SL_WIRE_CANCEL, &self->items);
}

/* Messages without content worth a function of their own. */
static void do_small(struct sl_broker *self, const struct sl_effect *effect) {
    int rc = SL_OK;
    unsigned kind = SL_WIRE_HEARTBEAT;
    sl_buf_clear(&self->frame);
    if (effect->kind == SL_DO_HEARTBEAT) {
        rc = sl_wire_heartbeat_encode(&self->frame, 0, &(struct sl_wire_heartbeat){.session = 0});
    } else if (effect->kind == SL_DO_RESET) {
        kind = SL_WIRE_RESET;
        rc = sl_wire_reset_encode(&self->frame, 0, &(struct sl_wire_reset){.reason = sl_text("say HELLO")});
    } else if (effect->kind == SL_DO_FIELD_ACK) {
        kind = SL_WIRE_FIELD_ACK;
        struct sl_wire_field_ack ack = {.re = effect->re, .stale = effect->ack.stale};
        rc = sl_wire_field_ack_encode(&self->frame, 0, &ack);
    } else {
        kind = SL_WIRE_BYE;
        rc = sl_wire_bye_encode(&self->frame, 0, &(struct sl_wire_bye){.reason = effect->text});
    }
    if (rc) self->frame.failed = true;
    dispatch(self, effect, kind, &self->frame);
}

static void do_alarm(const struct sl_effect *effect) {
    struct sl_log_field shard = sl_log_number("shard", effect->shard);
    sl_log_with(SL_LOG_ERROR, &shard, effect->shard == UINT16_MAX ? 0 : 1, "%.*s", (int)effect->text.size,
                (const char *)effect->text.data);
}

static void carry_out(struct sl_broker *self, const struct sl_effect *effect) {
    switch (effect->kind) {
    case SL_DO_CALL:
        sl_ledger_redis_call(self->ledger, &effect->call);
        return;
    case SL_DO_RELEASE:
        release(self, effect);
        return;
    case SL_DO_DROP:
        sl_outbox_drop(self->outbox, effect->shard);
        return;
    case SL_DO_ALARM:
        do_alarm(effect);
        return;
    case SL_DO_KEEP:
        sl_kept_file_tell(self->options->data, effect->shard, &effect->keep);
        return;
    case SL_DO_TYPE:
        sl_catalog_put_type(self->catalog, &effect->type);
        return;
    case SL_DO_REPLACE_TYPE:
        sl_catalog_replace_type(self->catalog, effect->peer, effect->re, &effect->type);
        return;
    case SL_DO_DRAINED:
        sl_loop_stop(self->loop);
        return;
    case SL_DO_ACCEPTED:
        do_accepted(self, effect);
        return;
    case SL_DO_REJECTED:
        do_rejected(self, effect);
        return;
    case SL_DO_ANSWER:
        do_answer(self, effect);
        return;
    case SL_DO_CANCELLED:
        do_cancelled(self, effect);
        return;
    case SL_DO_CHANGED:
        do_changed(self, effect);
        return;
    case SL_DO_WELCOME:
        do_welcome(self, effect);
        return;
    case SL_DO_CALLABLES:
        do_callables(self, effect);
        return;
    case SL_DO_DEFINE:
        do_define(self, effect);
        return;
    case SL_DO_ASSIGN:
        do_assign(self, effect);
        return;
    case SL_DO_RESULT_ACK:
        do_result_ack(self, effect);
        return;
    case SL_DO_CANCEL:
        do_cancel(self, effect);
        return;
    case SL_DO_FIELD_ACK:
    case SL_DO_HEARTBEAT:
    case SL_DO_RESET:
    case SL_DO_BYE:
        do_small(self, effect);
        return;
    }
}

void sl_effects_carry_out(struct sl_broker *self, const struct sl_effects *effects) {
    for (uint32_t i = 0; i < effects->count; i++) carry_out(self, &effects->items[i]);
}

void sl_effects_flush(struct sl_broker *self) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < self->batch_count; i++) {
        struct sl_peer_batch *batch = &self->batches[i];
        send_batch(self, batch);
        if (batch->lost == 0) continue;
        struct sl_peer_batch swapped = self->batches[kept]; /* those that owe a word about a gap stay */
        self->batches[kept++] = *batch;
        *batch = swapped;
    }
    self->batch_count = kept;
}

void sl_effects_fini(struct sl_broker *self) {
    const struct sl_alloc *alloc = sl_alloc_system();
    for (uint32_t i = 0; i < self->batch_capacity; i++) sl_buf_fini(&self->batches[i].items);
    sl_alloc_give(alloc, self->batches, self->batch_capacity * sizeof *self->batches);
    sl_alloc_give(alloc, self->gone, self->gone_capacity * sizeof *self->gone);
}

void sl_reply_rejected(struct sl_broker *self, uint64_t peer, uint64_t re, enum sl_reject code, const char *message) {
    encode_rejected(self, re, code, sl_text(message), 0);
    if (!self->frame.failed) sl_reply_frame(self, peer, sl_buf_bytes(&self->frame));
}

void sl_reply_malformed(struct sl_broker *self, uint64_t peer, uint64_t re, unsigned type, int rc) {
    enum sl_reject code = rc == SL_E_LIMIT       ? SL_REJECT_TOO_LARGE
                          : rc == SL_E_NO_MEMORY ? SL_REJECT_NOT_READY
                                                 : SL_REJECT_BAD_REQUEST;
    const char *advice = code == SL_REJECT_NOT_READY ? "send it again" : "PROTOCOL.md says what its fields are";
    char sentence[256];
    (void)snprintf(sentence, sizeof sentence, "malformed %s: %s; %s", sl_wire_type_text(type), sl_err_text(rc), advice);
    self->refused_frames++;
    sl_reply_rejected(self, peer, re, code, sentence);
}

void sl_reply_frame(struct sl_broker *self, uint64_t peer, struct sl_bytes frame) {
    leave(self, peer, 0, frame);
}
