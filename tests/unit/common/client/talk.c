#include "talk.h"

#include "base/err.h"

#include <criterion/criterion.h>
#include <stdio.h>

static const uint64_t ns_per_ms = 1000000;

void talk_init(struct talk *self, uint32_t window) {
    *self = (struct talk){.now = 5000 * ns_per_ms, .can_send = true};
    sl_buf_init(&self->frame, sl_alloc_system());
    struct sl_session_cfg cfg = {.seed = 7, .window = window, .resend_ms = 1000};
    cr_assert_eq(sl_session_new(sl_alloc_system(), &cfg, &self->session), SL_OK);
}

void talk_fini(struct talk *self) {
    sl_session_free(&self->session);
    sl_buf_fini(&self->frame);
}

void talk_clear(struct talk *self) {
    self->connect_count = self->sent_count = self->done_count = self->change_count = 0;
}

static void note_sent(struct talk *self, struct sl_bytes frame) {
    cr_assert_lt(self->sent_count, TALK_SENT_MAX);
    uint32_t i = self->sent_count++;
    struct sl_bytes body;
    cr_assert_eq(sl_wire_open(frame, &self->sent[i], &body), SL_OK);
    struct sl_wire_submit submit = {0};
    struct sl_wire_watch watch = {0};
    if (self->sent[i].type == SL_WIRE_SUBMIT) cr_assert_eq(sl_wire_submit_decode(body, &submit), SL_OK);
    if (self->sent[i].type == SL_WIRE_WATCH) cr_assert_eq(sl_wire_watch_decode(body, &watch), SL_OK);
    self->sent_again[i] = submit.again;
    self->sent_watches[i] = watch.jobs.count;
}

static void note_done(struct talk *self, const struct sl_session_done *done) {
    cr_assert_lt(self->done_count, TALK_DONE_MAX);
    uint32_t i = self->done_count++;
    self->done[i] = *done;
    (void)snprintf(self->done_text[i], sizeof self->done_text[i], "%.*s", (int)done->refused.message.size,
                   done->refused.message.size ? (const char *)done->refused.message.data : "");
}

void talk_drain(struct talk *self) {
    struct sl_session_effect effect;
    while (sl_session_next(self->session, self->now, self->can_send, &effect)) {
        switch (effect.kind) {
        case SL_SESSION_CONNECT: self->connect_count++; break;
        case SL_SESSION_SEND: note_sent(self, effect.frame); break;
        case SL_SESSION_DONE: note_done(self, &effect.done); break;
        case SL_SESSION_CHANGE:
            cr_assert_lt(self->change_count, TALK_CHANGES_MAX);
            self->changes[self->change_count++] = effect.change.n;
            break;
        }
    }
}

void talk_pass_ms(struct talk *self, uint64_t ms) {
    uint64_t until = self->now + ms * ns_per_ms;
    for (;;) {
        uint64_t due = sl_session_deadline(self->session);
        self->now = due < until ? (due > self->now ? due : self->now) : until;
        sl_session_tick(self->session, self->now);
        talk_drain(self);
        if (self->now == until) return;
    }
}

uint64_t talk_submit(struct talk *self, uint64_t timeout_ms) {
    uint64_t id = sl_session_next_id(self->session);
    struct sl_wire_submit submit = {.pipeline = sl_text("hello"), .payload = sl_text("\xc0")};
    submit.once[0] = 1;
    sl_buf_clear(&self->frame);
    cr_assert_eq(sl_wire_submit_encode(&self->frame, id, &submit), SL_OK);
    cr_assert_eq(sl_session_start(self->session, self->now, sl_buf_bytes(&self->frame), self->now + timeout_ms * ns_per_ms), SL_OK);
    talk_drain(self);
    return id;
}

static void receive(struct talk *self) {
    cr_assert_eq(sl_session_receive(self->session, self->now, sl_buf_bytes(&self->frame)), SL_OK);
    talk_drain(self);
}

void talk_accept(struct talk *self, uint64_t re) {
    struct sl_wire_accepted accepted = {.re = re, .job = talk_job(1), .run = 1};
    sl_buf_clear(&self->frame);
    cr_assert_eq(sl_wire_accepted_encode(&self->frame, 1, &accepted), SL_OK);
    receive(self);
}

void talk_reject(struct talk *self, uint64_t re, const char *code, bool retryable, uint32_t retry_after_ms) {
    struct sl_wire_rejected rejected = {.re = re, .code = sl_text(code), .message = sl_text("because"), .retryable = retryable,
                                        .retry_after_ms = retry_after_ms};
    sl_buf_clear(&self->frame);
    cr_assert_eq(sl_wire_rejected_encode(&self->frame, 1, &rejected), SL_OK);
    receive(self);
}

void talk_reset(struct talk *self) {
    struct sl_wire_reset reset = {0};
    sl_buf_clear(&self->frame);
    cr_assert_eq(sl_wire_reset_encode(&self->frame, 1, &reset), SL_OK);
    receive(self);
}

struct sl_job_id talk_job(uint8_t number) {
    struct sl_job_id job = {{number}};
    return job;
}

void talk_change(struct talk *self, uint8_t job, uint64_t n, const char *status, uint32_t lost) {
    struct sl_buf items;
    sl_buf_init(&items, sl_alloc_system());
    sl_wire_job_change_put(&items, &(struct sl_wire_job_change){.job = talk_job(job), .n = n, .status = sl_text(status)});
    struct sl_wire_changed changed = {.jobs = {.count = 1, .items = sl_buf_bytes(&items)}, .lost = lost};
    sl_buf_clear(&self->frame);
    cr_assert_eq(sl_wire_changed_encode(&self->frame, 1, &changed), SL_OK);
    sl_buf_fini(&items);
    receive(self);
}
