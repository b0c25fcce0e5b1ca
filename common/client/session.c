/* The session's requests: each is on the list of its state, has one timer, and is found by its id through a small hash. */
#include "session.h"

#include "request.h"
#include "watches.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/rng.h"

enum { BUCKETS = 4096, RESEND_FACTOR_MAX = 8 };

static const uint64_t ns_per_ms = 1000000;

struct sl_session {
    struct sl_session_cfg cfg;
    struct sl_list lists[SL_REQUEST_ENDED + 1];
    struct sl_list buckets[BUCKETS];
    struct sl_heap timers;
    struct sl_watches watches;
    uint64_t next_id;
    uint32_t open_count;
    size_t open_bytes;

    uint64_t heard_at;         /* ns; 0: never */
    uint64_t connected_at;     /* ns, of the last CONNECT or reset */
    uint64_t watch_at;         /* ns: when watches are asked for again */
    uint32_t watch_wait_ms;
    bool connect_wanted;
    bool watch_unanswered;     /* nothing was heard since the last WATCH */

    struct sl_wire_list changes; /* of the CHANGED that is being taken */
    struct sl_bytes reply;       /* of the request that is over by an answer */
    uint16_t reply_type;
    struct sl_request *answered; /* in ENDED: the one that `reply` belongs to */
    struct sl_request *taken;    /* its DONE was handed out: freed by the next call */
    struct sl_request *sending;  /* its SEND was handed out last */
    struct sl_buf watch_items, watch_frame;
    struct sl_rng rng;
    const struct sl_alloc *alloc;
};

static struct sl_list *bucket_of(struct sl_session *self, uint64_t id) {
    return &self->buckets[id % BUCKETS];
}

static struct sl_request *find(struct sl_session *self, uint64_t id) {
    struct sl_list *bucket = bucket_of(self, id);
    for (struct sl_link *link = sl_list_first(bucket); link; link = sl_list_next(bucket, link)) {
        struct sl_request *request = SL_CONTAINER(link, struct sl_request, by_id);
        if (request->id == id) return request;
    }
    return NULL;
}

static void move(struct sl_session *self, struct sl_request *request, enum sl_request_state state) {
    sl_list_remove(&self->lists[request->state], &request->link);
    request->state = state;
    sl_list_append(&self->lists[state], &request->link);
}

/* The request's timer rings at `at`, but not after its deadline. Its place in the heap was reserved when it started. */
static void set_timer(struct sl_session *self, struct sl_request *request, uint64_t at) {
    sl_heap_remove(&self->timers, &request->timer);
    sl_heap_insert(&self->timers, &request->timer, at < request->deadline ? at : request->deadline);
}

/* base, doubled with each time, with a jitter of a fifth either way, so that many clients do not come back at once. */
static uint64_t wait_ns(struct sl_session *self, uint32_t base_ms, uint32_t times) {
    uint32_t factor = times < 4 ? 1u << times : RESEND_FACTOR_MAX;
    if (factor > RESEND_FACTOR_MAX) factor = RESEND_FACTOR_MAX;
    uint64_t wait = (uint64_t)base_ms * factor * ns_per_ms;
    return wait - wait / 5 + sl_rng_below(&self->rng, wait / 5 * 2 + 1);
}

int sl_session_new(const struct sl_alloc *alloc, const struct sl_session_cfg *cfg, struct sl_session **out_self) {
    SL_ASSERT(cfg->window > 0 && cfg->window <= SL_SESSION_WINDOW_MAX);
    struct sl_session *self = sl_alloc_take(alloc, sizeof *self);
    if (!self) return SL_E_NO_MEMORY;
    *self = (struct sl_session){.cfg = *cfg, .alloc = alloc, .rng = {.state = cfg->seed}};
    for (size_t i = 0; i <= SL_REQUEST_ENDED; i++) sl_list_init(&self->lists[i]);
    for (size_t i = 0; i < BUCKETS; i++) sl_list_init(&self->buckets[i]);
    sl_heap_init(&self->timers, alloc);
    sl_watches_init(&self->watches, alloc, sl_rng_next(&self->rng));
    sl_buf_init(&self->watch_items, alloc);
    sl_buf_init(&self->watch_frame, alloc);
    self->next_id = sl_rng_next(&self->rng) >> 1; /* half of the range is left to count up */
    self->watch_at = UINT64_MAX;
    self->watch_wait_ms = cfg->resend_ms;
    *out_self = self;
    return SL_OK;
}

static void forget(struct sl_session *self, struct sl_request *request) {
    sl_list_remove(&self->lists[request->state], &request->link);
    sl_list_remove(bucket_of(self, request->id), &request->by_id);
    sl_heap_remove(&self->timers, &request->timer);
    sl_request_free(self->alloc, request);
}

void sl_session_free(struct sl_session **self_at) {
    struct sl_session *self = *self_at;
    if (!self) return;
    for (size_t i = 0; i <= SL_REQUEST_ENDED; i++) {
        struct sl_link *link;
        while ((link = sl_list_first(&self->lists[i]))) forget(self, SL_CONTAINER(link, struct sl_request, link));
    }
    sl_heap_fini(&self->timers);
    sl_watches_fini(&self->watches);
    sl_buf_fini(&self->watch_items);
    sl_buf_fini(&self->watch_frame);
    sl_alloc_give(self->alloc, self, sizeof *self);
    *self_at = NULL;
}

uint64_t sl_session_next_id(const struct sl_session *self) {
    return self->next_id;
}

bool sl_session_has_room(const struct sl_session *self) {
    return self->open_count < self->cfg.window && self->open_bytes < SL_SESSION_BYTES_MAX;
}

int sl_session_start(struct sl_session *self, uint64_t now, struct sl_bytes frame, uint64_t deadline) {
    if (!sl_session_has_room(self)) return SL_E_AGAIN;
    if (sl_heap_reserve(&self->timers, 1)) return SL_E_NO_MEMORY;
    struct sl_request *request = sl_request_new(self->alloc, self->next_id, frame, deadline);
    if (!request) return SL_E_NO_MEMORY;
    self->next_id++;
    self->open_count++;
    self->open_bytes += request->frame_size;
    sl_list_append(bucket_of(self, request->id), &request->by_id);
    sl_list_append(&self->lists[SL_REQUEST_OUTBOX], &request->link);
    set_timer(self, request, deadline > now ? deadline : now);
    return SL_OK;
}

void sl_session_watch_ends_only(struct sl_session *self) {
    self->watches.ends_only = true;
}

int sl_session_watch(struct sl_session *self, uint64_t now, struct sl_job_id job) {
    bool added;
    int rc = sl_watches_add(&self->watches, job, &added);
    if (rc) return rc;
    if (self->watch_at == UINT64_MAX) self->watch_at = now + wait_ns(self, self->cfg.resend_ms, 0);
    return SL_OK;
}

void sl_session_unwatch(struct sl_session *self, struct sl_job_id job) {
    sl_watches_remove(&self->watches, job);
}

/* Everything that was sent and not answered goes out once more, after `delay` ns. */
static void send_all_again(struct sl_session *self, uint64_t now, uint64_t delay) {
    struct sl_link *link;
    while ((link = sl_list_first(&self->lists[SL_REQUEST_SENT]))) {
        struct sl_request *request = SL_CONTAINER(link, struct sl_request, link);
        move(self, request, delay ? SL_REQUEST_DELAYED : SL_REQUEST_OUTBOX);
        set_timer(self, request, delay ? now + delay : request->deadline);
    }
    if (sl_session_watch_count(self) == 0) return;
    if (delay) {
        self->watch_at = now + delay;
    } else {
        sl_watches_all_due(&self->watches);
    }
}

static void connect_again(struct sl_session *self, uint64_t now) {
    self->connect_wanted = true;
    self->connected_at = now;
    send_all_again(self, now, 0);
}

void sl_session_reset(struct sl_session *self, uint64_t now) {
    self->connected_at = now;
    send_all_again(self, now, 0);
}

static void end_by_answer(struct sl_session *self, struct sl_request *request, uint16_t type, struct sl_bytes body) {
    move(self, request, SL_REQUEST_ENDED);
    sl_heap_remove(&self->timers, &request->timer);
    self->answered = request;
    self->reply = body;
    self->reply_type = type;
}

static int take_rejected(struct sl_session *self, uint64_t now, struct sl_bytes body) {
    struct sl_wire_rejected rejected;
    int rc = sl_wire_rejected_decode(body, &rejected);
    if (rc) return SL_E_BAD_INPUT;
    struct sl_request *request = find(self, rejected.re);
    if (!request || request->state == SL_REQUEST_ENDED) return SL_OK;
    if (!rejected.retryable) {
        end_by_answer(self, request, SL_WIRE_REJECTED, body);
        return SL_OK;
    }
    if (request->refused_count < request->sent_count) request->refused_count++;
    sl_request_keep_refusal(self->alloc, request, body);
    uint64_t wait = wait_ns(self, SL_SESSION_RETRY_MS, request->refused_count);
    uint64_t asked = rejected.retry_after_ms * ns_per_ms;
    move(self, request, SL_REQUEST_DELAYED);
    set_timer(self, request, now + (asked > wait ? asked : wait));
    return SL_OK;
}

static int take_changed(struct sl_session *self, uint64_t now, struct sl_bytes body) {
    struct sl_wire_changed changed;
    if (sl_wire_changed_decode(body, &changed)) return SL_E_BAD_INPUT;
    self->changes = changed.jobs;
    if (changed.lost > 0) sl_watches_all_due(&self->watches);
    self->watch_at = now + (uint64_t)self->watch_wait_ms * ns_per_ms;
    return SL_OK;
}

/* The message id that an answer names; 0 when it is no answer that a client knows. */
static int answer_to(uint16_t type, struct sl_bytes body, uint64_t *out_re) {
#define ANSWER(NAME, name)                                                                                             \
    case SL_WIRE_##NAME: {                                                                                             \
        struct sl_wire_##name message;                                                                                 \
        if (sl_wire_##name##_decode(body, &message)) return SL_E_BAD_INPUT;                                            \
        *out_re = message.re;                                                                                          \
        return SL_OK;                                                                                                  \
    }
    switch (type) {
        ANSWER(ACCEPTED, accepted)
        ANSWER(ANSWER, answer)
        ANSWER(CANCELLED, cancelled)
        ANSWER(APPLIED, applied)
        ANSWER(TYPE_ACCEPTED, type_accepted)
    default:
        return SL_E_BAD_INPUT;
    }
#undef ANSWER
}

static int take_answer(struct sl_session *self, uint16_t type, struct sl_bytes body) {
    uint64_t re;
    int rc = answer_to(type, body, &re);
    if (rc) return rc;
    struct sl_request *request = find(self, re);
    if (request && request->state != SL_REQUEST_ENDED) end_by_answer(self, request, type, body);
    return SL_OK;
}

int sl_session_receive(struct sl_session *self, uint64_t now, struct sl_bytes frame) {
    SL_ASSERT(self->changes.count == 0);
    SL_ASSERT(!self->answered);
    struct sl_wire_prefix prefix;
    struct sl_bytes body;
    int rc = sl_wire_open(frame, &prefix, &body);
    if (rc) return rc;
    self->heard_at = now;
    self->watch_unanswered = false;
    switch (prefix.type) {
    case SL_WIRE_REJECTED: return take_rejected(self, now, body);
    case SL_WIRE_CHANGED: return take_changed(self, now, body);
    case SL_WIRE_RESET:
    case SL_WIRE_BYE: send_all_again(self, now, SL_SESSION_RETRY_MS * ns_per_ms); return SL_OK;
    case SL_WIRE_HEARTBEAT: return SL_OK;
    default: return take_answer(self, prefix.type, body);
    }
}

/* A request was sent and nothing came. When nothing at all came since, the connection itself is doubted. */
static void on_silence(struct sl_session *self, uint64_t now, struct sl_request *request) {
    bool silent = self->heard_at < request->sent_at && self->connected_at <= request->sent_at;
    if (silent) {
        connect_again(self, now);
    } else {
        move(self, request, SL_REQUEST_OUTBOX);
        set_timer(self, request, request->deadline);
    }
}

static void on_timer(struct sl_session *self, uint64_t now, struct sl_request *request) {
    sl_heap_remove(&self->timers, &request->timer);
    if (now >= request->deadline) {
        move(self, request, SL_REQUEST_ENDED);
    } else if (request->state == SL_REQUEST_SENT) {
        on_silence(self, now, request);
    } else {
        move(self, request, SL_REQUEST_OUTBOX);
        set_timer(self, request, request->deadline);
    }
}

/* No snapshot came for a while: ask again, since a broker that started anew does not know who watches. */
static void on_watch_timer(struct sl_session *self, uint64_t now) {
    if (sl_session_watch_count(self) == 0) {
        self->watch_at = UINT64_MAX;
        return;
    }
    if (self->watch_unanswered) {
        connect_again(self, now);
    } else {
        sl_watches_all_due(&self->watches);
    }
    uint32_t longest = self->cfg.resend_ms * 4;
    self->watch_wait_ms = self->watch_wait_ms * 2 < longest ? self->watch_wait_ms * 2 : longest;
    self->watch_at = now + (uint64_t)self->watch_wait_ms * ns_per_ms;
}

void sl_session_tick(struct sl_session *self, uint64_t now) {
    struct sl_heap_node *node;
    while ((node = sl_heap_first(&self->timers)) && node->at <= now)
        on_timer(self, now, SL_CONTAINER(node, struct sl_request, timer));
    if (self->watch_at <= now) on_watch_timer(self, now);
}

uint64_t sl_session_deadline(const struct sl_session *self) {
    struct sl_heap_node *node = sl_heap_first(&self->timers);
    uint64_t at = node ? node->at : UINT64_MAX;
    return self->watch_at < at ? self->watch_at : at;
}

static bool next_change(struct sl_session *self, struct sl_session_effect *out_effect) {
    struct sl_wire_job_change change;
    while (sl_wire_job_change_next(&self->changes, &change)) {
        if (!sl_watches_take(&self->watches, &change)) continue;
        self->watch_wait_ms = self->cfg.resend_ms;
        *out_effect = (struct sl_session_effect){.kind = SL_SESSION_CHANGE, .change = change};
        return true;
    }
    return false;
}

static bool next_request(struct sl_session *self, uint64_t now, struct sl_session_effect *out_effect) {
    struct sl_link *link = sl_list_first(&self->lists[SL_REQUEST_OUTBOX]);
    if (!link) return false;
    struct sl_request *request = SL_CONTAINER(link, struct sl_request, link);
    size_t before = request->frame_size;
    if (request->sent_count > 0) (void)sl_request_mark_again(self->alloc, request); /* no memory: sent as it is */
    self->open_bytes += request->frame_size - before;
    move(self, request, SL_REQUEST_SENT);
    request->sent_at = now;
    set_timer(self, request, now + wait_ns(self, self->cfg.resend_ms, request->sent_count));
    request->sent_count++;
    self->sending = request;
    *out_effect = (struct sl_session_effect){.kind = SL_SESSION_SEND,
                                             .frame = sl_bytes(request->frame, request->frame_size)};
    return true;
}

static bool next_watch(struct sl_session *self, struct sl_session_effect *out_effect) {
    if (!sl_watches_next_frame(&self->watches, self->next_id, &self->watch_items, &self->watch_frame)) return false;
    self->next_id++;
    self->watch_unanswered = true;
    *out_effect = (struct sl_session_effect){.kind = SL_SESSION_SEND, .frame = sl_buf_bytes(&self->watch_frame)};
    return true;
}

/* How a request ended that got no final answer. A refusal counts only when every copy that was sent has been refused. */
static void describe_deadline(const struct sl_request *request, struct sl_session_done *out_done) {
    out_done->end = SL_CALL_UNKNOWN;
    if (request->sent_count == 0) out_done->end = SL_CALL_UNSENT;
    if (request->last_refusal.size == 0) return;
    if (sl_wire_rejected_decode(request->last_refusal, &out_done->refused)) return;
    if (!sl_request_is_uncertain(request)) out_done->end = SL_CALL_REFUSED;
}

static bool next_done(struct sl_session *self, struct sl_session_effect *out_effect) {
    struct sl_link *link = sl_list_first(&self->lists[SL_REQUEST_ENDED]);
    if (!link) return false;
    struct sl_request *request = SL_CONTAINER(link, struct sl_request, link);
    struct sl_session_done done = {.id = request->id, .end = SL_CALL_ANSWERED};
    if (request == self->answered) {
        done.type = self->reply_type;
        done.body = self->reply;
        if (done.type == SL_WIRE_REJECTED) {
            done.end = SL_CALL_REFUSED;
            int rc = sl_wire_rejected_decode(done.body, &done.refused);
            SL_ASSERT(rc == SL_OK); /* it was decoded when it came */
        }
        self->answered = NULL;
    } else {
        describe_deadline(request, &done);
    }
    self->taken = request;
    self->open_count--; /* its place is free from now on, so that its asker may start the next one at once */
    self->open_bytes -= request->frame_size;
    *out_effect = (struct sl_session_effect){.kind = SL_SESSION_DONE, .done = done};
    return true;
}

void sl_session_send_failed(struct sl_session *self) {
    struct sl_request *request = self->sending;
    self->sending = NULL;
    if (!request) {
        sl_watches_all_due(&self->watches); /* it was a WATCH */
        return;
    }
    sl_list_remove(&self->lists[SL_REQUEST_SENT], &request->link);
    request->state = SL_REQUEST_OUTBOX;
    sl_list_prepend(&self->lists[SL_REQUEST_OUTBOX], &request->link);
    set_timer(self, request, request->deadline);
    request->sent_count--;
}

bool sl_session_next(struct sl_session *self, uint64_t now, bool can_send, struct sl_session_effect *out_effect) {
    if (self->taken) {
        forget(self, self->taken);
        self->taken = NULL;
    }
    self->sending = NULL;
    if (self->connect_wanted) {
        self->connect_wanted = false;
        *out_effect = (struct sl_session_effect){.kind = SL_SESSION_CONNECT};
        return true;
    }
    if (next_change(self, out_effect) || next_done(self, out_effect)) return true;
    return can_send && (next_request(self, now, out_effect) || next_watch(self, out_effect));
}

uint32_t sl_session_open_count(const struct sl_session *self) {
    return self->open_count;
}

size_t sl_session_watch_count(const struct sl_session *self) {
    return self->watches.by_id.count;
}

uint64_t sl_session_heard_at(const struct sl_session *self) {
    return self->heard_at;
}
